# Several machines share a zone through a Redis: what one has settled counts at
# all of them.  Here they are processes with a state directory and a port each.

use lib 't/lib';
use LLMGateway;
use RawUpstream;
use RedisServer;

my $upstream = RawUpstream->start(
    '*' => { json => usage(10, 5) },
    '/slow/v1/chat/completions' => { json => usage(10, 5), hold => 'slow' }
);

# a request is charged 0.00006 dollars

my $server = <<'EOF';
        location /five/ {
            llm_team_limit default rpm=5;
            proxy_pass http://provider;
        }

        location /cents/ {
            llm_team_limit default budget=0.0003/month;
            proxy_pass http://provider;
        }

        location /day/ {
            llm_team_limit default requests=5/day;
            proxy_pass http://provider;
        }

        location /none/ {
            llm_team_limit default requests=0/day;
            proxy_pass http://provider;
        }

        location /closed/ {
            llm_quota main fail=closed;
            proxy_pass http://provider;
        }
EOF


sub node
{
    my ($redis, %options) = @_;

    my $directive = delete $options{directive}
                    // "llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%"
                       . ' timeout=500ms';

    return LLMGateway->new(
        upstream => $upstream, server => $server,
        http => "    $directive;\n",
        vars => { REDIS => $redis->port, UPSTREAM => $upstream->port },
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms', %options
    );
}


sub chats
{
    my ($t, $n, @request) = @_;

    return join ' ', map { $t->chat(@request)->{status} } 1 .. $n;
}


# what Redis has of a team's month: of each node "requests tokens nano-dollars"

sub published
{
    my ($redis, $team) = @_;

    my ($key) = grep { /:p:team:month:\d+:\Q$team\E$/ }
                split /\n/, $redis->cli('KEYS', '*');

    return () if !defined $key;

    my %shares = split /\n/, $redis->cli('HGETALL', $key);

    return sort grep { $_ ne '0 0 0' } map {
        my (undef, $requests, $input, $output, $cost) = split /:/;
        "$requests " . ($input + $output) . " $cost"
    } values %shares;
}


# what all have: the same of their ledgers

sub charged_by
{
    my ($team, @nodes) = @_;

    return sort grep { $_ ne '0 0 0' } map { $_->charged($team) } @nodes;
}


# what a node says that a team has spent

sub spent
{
    my ($t, $team) = @_;

    return $t->get('/v1/models', 'X-Team' => $team)->{headers}{'x-spend'};
}


# how many requests it has made today

sub used
{
    my ($t, $team) = @_;

    return $t->chat($team, path => '/none/v1/chat/completions')->{body}
           =~ /, used (\d+)/ ? $1 : -1;
}


sub agree
{
    my ($redis, $team, @nodes) = @_;

    my ($have, $charged);

    wait_until {
        $have = join ', ', published($redis, $team);
        $charged = join ', ', charged_by($team, @nodes);
        $have eq $charged
    } "Redis to have what the ledgers have of $team";

    is($have, $charged, "Redis has what the ledgers have: $charged");
}


subtest 'budgets and rates count at all nodes' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 3;

    is(chats($nodes[0], 3, 'a', path => '/cents/v1/chat/completions'),
       '200 200 200', 'three requests at one node');

    agree($redis, 'a', @nodes);

    is(chats($nodes[1], 3, 'a', path => '/cents/v1/chat/completions'),
       '200 200 403', 'at the next node two are left of five');

    agree($redis, 'a', @nodes);

    is(chats($nodes[2], 1, 'a', path => '/cents/v1/chat/completions'),
       '403', 'at the third none');

    wait_until {
        chats($nodes[0], 1, 'a', path => '/cents/v1/chat/completions') eq '403'
    } 'the first node to know';

    is(chats($nodes[0], 3, 'b', path => '/five/v1/chat/completions'),
       '200 200 200', 'three of five requests a minute');

    wait_until { $redis->cli('KEYS', '*:m:team:b') } 'the minute';

    my $refused;

    is(chats($nodes[1], 2, 'b', path => '/five/v1/chat/completions'),
       '200 200', 'two more at another');

    wait_until {
        $refused = $nodes[0]->chat('b', path => '/five/v1/chat/completions');
        $refused->{status} eq '429'
    } 'the others\' requests at the first';

    like($refused->{headers}{'retry-after'}, qr/^\d+$/, 'with a time');

    $_->finish for @nodes;
};


subtest 'a lost Redis is not a free month' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;

    chats($nodes[0], 2, 'a');
    chats($nodes[1], 3, 'a');

    agree($redis, 'a', @nodes);
    wait_until { spent($nodes[1], 'a') eq '0.0003' } 'one to know of the other';

    # who is dead when it happens is put back by the other

    $nodes[0]->crash;
    $redis->cli('FLUSHALL');

    agree($redis, 'a', @nodes);

    is(spent($nodes[1], 'a'), '0.0003', 'and both count');

    my $third = node($redis)->start;

    is(chats($third, 1, 'a', path => '/cents/v1/chat/completions'), '403',
       'at a new node, too');

    $redis->crash;
    $redis->again;

    agree($redis, 'a', @nodes);

    $_->finish for $nodes[1], $third;
};


subtest 'what was not published yet comes with the node' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;

    chats($nodes[0], 1, 'a');
    agree($redis, 'a', @nodes);

    $redis->freeze;
    $_->wait_log(qr/cannot exchange totals/) for @nodes;

    is(chats($nodes[0], 3, 'a'), '200 200 200', 'requests go on without it');

    wait_until { $nodes[0]->stored('a') eq '4 60 240000' } 'the store';

    $nodes[0]->crash;
    $redis->thaw;

    # nobody asks it for anything

    $nodes[0]->start;

    agree($redis, 'a', @nodes);

    $nodes[1]->wait_log(qr/exchanges totals with other nodes again/);

    is(chats($nodes[1], 2, 'a', path => '/cents/v1/chat/completions'),
       '200 403', 'the other node counts them');

    agree($redis, 'a', @nodes);

    $_->finish for @nodes;
};


subtest 'Redis is away' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;
    my %closed = (path => '/closed/v1/chat/completions');

    chats($_, 2, 'a') for @nodes;
    agree($redis, 'a', @nodes);

    my $empty = RedisServer->start;

    for my $way (qw(frozen dead full replica)) {
        $redis->freeze if $way eq 'frozen';
        $redis->crash if $way eq 'dead';
        $redis->cli('CONFIG', 'SET', 'maxmemory', 1) if $way eq 'full';
        $redis->cli('REPLICAOF', '127.0.0.1', $empty->port)
            if $way eq 'replica';

        wait_until {
            $nodes[0]->chat('a', %closed)->{status} == 503
        } "fail=closed to refuse, Redis is $way";

        is($nodes[0]->chat('b', %closed)->{status}, 503,
           'whom it knows and whom it does not');

        is(chats($nodes[0], 2, 'a'), '200 200', 'fail=open goes on');
        is(chats($nodes[0], 1, "new-$way"), '200', 'with new teams, too');

        $redis->thaw if $way eq 'frozen';
        $redis->again if $way eq 'dead';
        $redis->cli('CONFIG', 'SET', 'maxmemory', 0) if $way eq 'full';
        $redis->cli('REPLICAOF', 'NO', 'ONE') if $way eq 'replica';

        agree($redis, 'a', @nodes);
        agree($redis, "new-$way", @nodes);

        wait_until {
            $nodes[0]->chat('a', %closed)->{status} == 200
        } 'fail=closed to admit again';
    }

    agree($redis, 'a', @nodes);

    my @told = $nodes[0]->log =~ /(cannot exchange totals[^\n]*)/g;

    is(scalar @told, 4, 'it is told once each time')
        or diag(join "\n", @told);
    like($told[2], qr/Redis says "OOM /, 'with the reason');

    $_->finish for @nodes;
};


subtest 'a copied state directory' => sub {
    my $redis = RedisServer->start;
    my ($first, $copy) = map { node($redis) } 1 .. 2;

    $first->start;
    chats($first, 2, 'a');
    agree($redis, 'a', $first);

    wait_until { $first->stored('a') eq '2 30 120000' } 'the store';

    my ($from, $to) = map { $_->state_dir } $first, $copy;

    system("cp -a '$from' '$to'") == 0 or die "cp: $?\n";

    $copy->start;
    $copy->wait_log(qr/node [0-9a-f]{16} is in use at ".+": if its state /);

    is($copy->chat('a', path => '/closed/v1/chat/completions')->{status}, 503,
       'it publishes nothing, and fail= decides');

    chats($copy, 1, 'a');
    chats($first, 1, 'a');

    wait_until {
        join(', ', published($redis, 'a')) eq '3 45 180000'
    } 'the first to go on';

    # it has what was copied in its store, and what it charged itself

    $copy->quit;
    unlink "$to/node" or die "$to/node: $!\n";
    $copy->start;

    wait_until {
        join(', ', published($redis, 'a')) eq '3 45 180000, 3 45 180000'
    } 'the copy to be a node of its own';

    $_->finish for $first, $copy;
};


subtest 'a state directory of yesterday' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis)->start;
    my $dir = $t->state_dir;

    chats($t, 1, 'a');
    wait_until { $t->stored('a') eq '1 15 60000' } 'the store';
    $t->quit;

    system("cp -a '$dir' '$dir.old'") == 0 or die "cp: $?\n";

    $t->start;
    chats($t, 2, 'a');
    agree($redis, 'a', $t);
    $t->quit;

    system("rm -r '$dir' && cp -a '$dir.old' '$dir'") == 0 or die "cp: $?\n";

    $t->start;

    # where its place is another, the id is free when nobody has used it for a
    # while

    is(chats($t, 1, 'a'), '200', 'it goes on');
    wait_until { spent($t, 'a') eq '0.00018' } 'all of it to count';
    is(join(', ', published($redis, 'a')), '3 45 180000',
       'what was published does not fall');

    $t->finish;
};


subtest 'what stands in Redis need not be ours' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis)->start;

    chats($t, 1, 'a');
    agree($redis, 'a', $t);

    my ($key) = grep { /:p:team:month:\d+:a$/ }
                split /\n/, $redis->cli('KEYS', '*');

    $redis->cli('HSET', $key, 'nobody', 'x', '0123456789abcdef', '0:1:2',
                'fedcba9876543210', '0:1:2:3:99999999999999999999');

    is(chats($t, 1, 'a'), '200', 'a request');

    wait_until { $redis->cli('HVALS', $key) =~ /^0:2:20:10:120000$/m }
        'the share beside what is no share';

    $redis->cli('SET', $key, 'something else');

    is(chats($t, 1, 'a'), '200', 'another');

    agree($redis, 'a', $t);

    # sums beyond what a Lua number can hold, of the budget that never ends

    $key =~ s/:month:\d+:/::0:/;

    my ($big, $more) = ('9007199254740993', '9223372036854775806');

    $redis->cli('HSET', $key, '00000000000000aa', "0:1:1:1:$big");
    $redis->cli('HSET', $key, '00000000000000ab', "0:1:1:1:$more");
    $redis->cli('ZADD', $key =~ s/\}.*/}:changed/r, '9000000', $key);
    $redis->cli('SET', $key =~ s/\}.*/}:version/r, '9000000');

    wait_until { spent($t, 'a') > 9e9 } 'them to count';

    $redis->cli('DEL', $key);
    $redis->cli('SET', $key =~ s/\}.*/}:run/r, 'another');

    wait_until {
        my $values = $redis->cli('HVALS', $key);
        $values =~ /^0:1:1:1:$big$/m && $values =~ /^0:1:1:1:$more$/m
    } 'them to be put back as they were';

    is(chats($t, 1, 'a'), '403', 'no sum passes its end');

    $t->finish;
};


subtest 'what answers is no Redis' => sub {
    my $fake = RedisServer->fake(PING => "+PONG\r\n", SCRIPT => "+OK\r\n");
    my $t = node($fake)->start;

    $t->wait_log(qr/what answers is no Redis that runs scripts/);

    is(chats($t, 2, 'a'), '200 200', 'the node counts alone');
    is($t->chat('a', path => '/closed/v1/chat/completions')->{status}, 503,
       'or not at all');

    $t->finish;
};


subtest 'a node that cannot be named' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis);
    my $node = $t->state_dir . '/node';

    mkdir $t->state_dir;
    LLMBase::spew($node, "not mine\n");
    chown +(getpwnam 'nobody')[2, 3], $t->state_dir, $node if $> == 0;

    $t->start;
    $t->wait_log(qr/\[error\].*"\Q$node\E" is no node's id: remove the file/);

    is(chats($t, 1, 'a'), '200', 'fail=open goes on');
    is($t->chat('a', path => '/closed/v1/chat/completions')->{status}, 503,
       'fail=closed does not');

    $t->finish;
};


subtest 'from one machine to several and back' => sub {
    my $redis = RedisServer->start;
    my $alone = '# no Redis';
    my $first = node($redis);
    my $other = node($redis)->start;
    my $http = $first->{http};

    $first->start(http => "    $alone\n");

    chats($first, 2, 'a');
    chats($other, 2, 'a');

    agree($redis, 'a', $other);

    $first->reload(http => $http);

    agree($redis, 'a', $first, $other);

    wait_until { spent($first, 'a') eq '0.00024' } 'both to count';

    is(chats($first, 2, 'a', path => '/cents/v1/chat/completions'),
       '200 403', 'one is left of five');

    $first->reload(http => "    $alone\n");

    is(spent($first, 'a'), '0.00018', 'alone it has what is its own');
    is(chats($first, 3, 'a', path => '/cents/v1/chat/completions'),
       '200 200 403', 'and all of the budget');

    $_->finish for $first, $other;
};


subtest 'a worker that leads dies' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, workers => 2)->start } 1 .. 2;

    chats($_, 2, 'a') for @nodes;
    agree($redis, 'a', @nodes);

    for (1 .. 2) {
        my ($leader) = $nodes[0]->workers;

        $nodes[0]->kill_worker($leader);
        chats($_, 1, 'a') for @nodes;
    }

    agree($redis, 'a', @nodes);
    $nodes[0]->reload;

    chats($_, 1, 'a') for @nodes;

    agree($redis, 'a', @nodes);

    wait_until { spent($_, 'a') eq '0.0006' } 'all to know all' for @nodes;

    $_->finish for @nodes;
};


# A node does not know what others have admitted since the last exchange: until
# then it admits what is left.  The bound is nodes x rate x interval; here all
# send at once, so that what is left may be admitted at each node, but once.

subtest 'how far a limit is passed' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 3;
    my %day = (path => '/day/v1/chat/completions');
    my $passed = 0;

    for (1 .. 3) {
        my @clients = map { my $t = $_; map { $t->ask('a', %day) } 1 .. 3 }
                      @nodes;

        $passed += grep { $_->answer->{status} == 200 } @clients;
    }

    ok($passed >= 5, "five fit, $passed passed");
    ok($passed <= 5 * @nodes, 'each node admits what is left at most once');

    agree($redis, 'a', @nodes);

    wait_until { chats($_, 1, 'a', %day) eq '429' } 'a node to know'
        for @nodes;

    is(chats($_, 3, 'a', %day), '429 429 429', 'and then none') for @nodes;

    $_->finish for @nodes;
};


# The same with an interval that is as long as we want: exactly what each of the
# others settles in it passes the limit, and what they may is what was left.

subtest 'what passes between two exchanges' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 3;
    my %day = (path => '/day/v1/chat/completions');

    is(chats($_, 1, 'a', %day), '200', 'a request at each') for @nodes;

    wait_until { used($_, 'a') == 3 } 'all to know all' for @nodes;

    $redis->freeze;

    is(chats($_, 1, 'a', %day), '200', 'one of the two that are left')
        for @nodes;
    is(chats($_, 2, 'a', %day), '200 429', 'the other') for @nodes;

    $redis->thaw;

    agree($redis, 'a', @nodes);

    my $passed = 0;

    $passed += (split / /, $_->charged('a'))[0] for @nodes;

    is($passed, 5 + (@nodes - 1) * 2, 'N - 1 nodes, at two in this interval');

    wait_until { used($_, 'a') == $passed } 'all to know all' for @nodes;

    is(chats($_, 1, 'a', %day), '429', 'then none passes') for @nodes;

    $_->finish for @nodes;
};


# What an old zone settles after the walk that publishes what only the store
# has, of a team that nobody asks for any more.

subtest 'a zone of another size' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;
    my ($t) = @nodes;
    my $zone = $t->{zone};

    chats($_, 1, 'a') for @nodes;
    agree($redis, 'a', @nodes);

    my $slow = $t->ask('a', path => '/slow/v1/chat/completions');

    wait_until { $upstream->requests('/slow/v1/chat/completions') == 1 }
        'a request in flight';

    $zone =~ s/main:1m/main:2m/;
    $t->reload(zone => $zone, keep_old => 1);
    $t->wait_log(qr/has what was settled before it(?s:.*)is connected/);

    chats($t, 1, 'b');
    agree($redis, 'b', $t);

    $upstream->release('slow');
    is($slow->answer->{status}, 200, 'which ends');

    agree($redis, 'a', @nodes);

    $_->finish for @nodes;
};


# Commands are of the clock, not of requests.

subtest 'how often Redis is asked' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis)->start;

    my $commands = sub {
        my ($n) = $redis->cli('INFO', 'commandstats')
                  =~ /^cmdstat_evalsha:calls=(\d+)/m;
        return $n;
    };

    # so many requests while Redis is asked so often

    my $requests = sub {
        my ($many) = @_;

        my ($from, $n) = ($commands->(), 0);

        for (;;) {
            my $asked = $commands->() - $from;

            return $n if $asked >= 20;

            chats($t, $many, 'a');
            $n += $many;
        }
    };

    chats($t, 1, 'a');
    agree($redis, 'a', $t);

    my $few = $requests->(1);
    my $many = $requests->(40);

    ok($many > 2 * $few, "while 20 commands were sent, $few requests passed, "
                         . "then $many");

    $t->finish;
};


done_testing();
