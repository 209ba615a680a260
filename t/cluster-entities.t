# Several machines share what was made over the admin API through a Redis.
# Here they are processes with a state directory and a port each.

use lib 't/lib';
use LLMApi;
use RawUpstream;
use RedisServer;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $server = <<'EOF';
        location /keys/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOF


# a node that is configured, and not started

sub node
{
    my ($redis, %options) = @_;

    my $directive = delete $options{directive}
                    // 'llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%';

    return LLMApi->new(
        upstream => $upstream, server => $server, workers => 2,
        http => "    $directive;\n",
        vars => { REDIS => $redis->port, UPSTREAM => $upstream->port },
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms', %options
    );
}


sub nodes
{
    my ($redis, $n) = @_;

    return map { node($redis)->start } 1 .. $n;
}


sub team
{
    my ($t, $id) = @_;

    my $info = $t->api(GET => "/team/info?team_id=$id");

    return $t->status == 200 ? $info->{team_info} : undef;
}


# what the audit has of a team: "action by", the oldest first

sub audited
{
    my ($t, $id) = @_;

    my $list = $t->api(GET => "/audit?object_id=$id&page_size=100");

    return join ', ', map { "$_->{action}" } reverse @{$list->{audit_logs}};
}


# the versions that the stores of nodes have of an entity

sub versions
{
    my ($id, @nodes) = @_;

    return map {
        join '', $_->sql("SELECT version FROM entity WHERE id = '$id'")
    } @nodes;
}


sub agree
{
    my ($what, $sql, @nodes) = @_;

    my @rows;

    wait_until {
        @rows = map { join "\n", $_->sql($sql) } @nodes;
        !grep { $_ ne $rows[0] } @rows
    } "$what to be the same at all nodes";

    isnt($rows[0], '', "$what: the same at all nodes");

    return $rows[0];
}


subtest 'what one node makes, all have' => sub {
    my $redis = RedisServer->start;
    my @nodes = nodes($redis, 3);

    $nodes[0]->api(POST => '/team/new', { team_id => 't1',
                                          team_alias => 'first',
                                          rpm_limit => 2 });

    is($nodes[0]->status, 200, 'a team is made at the first');

    wait_until { team($nodes[2], 't1') } 'the third node to know it';

    is(team($nodes[2], 't1')->{rpm_limit}, 2, 'with its limit');

    is(join(' ', map { $nodes[2]->chat('t1')->{status} } 1 .. 3),
       '200 200 429', 'which is in effect there');

    $nodes[1]->api(POST => '/team/update', { team_id => 't1',
                                             rpm_limit => 50 });

    is($nodes[1]->status, 200, 'the second changes it');

    wait_until { (team($nodes[0], 't1') // {})->{rpm_limit} == 50 }
        'the first to know';

    is($nodes[2]->chat('t1')->{status}, 200, 'it is in effect at the third')
        if wait_until { team($nodes[2], 't1')->{rpm_limit} == 50 } 'it';

    my $key = $nodes[0]->api(POST => '/key/generate', { team_id => 't1' })
              ->{key};

    wait_until {
        $nodes[1]->chat('', path => '/keys/v1/chat/completions',
                        headers => [Authorization => "Bearer $key"])
            ->{status} == 200
    } 'the key to be known at the second';

    agree('who belongs to whom',
          'SELECT * FROM entity_ref ORDER BY name, value, id', @nodes);

    $nodes[2]->api(POST => '/team/delete', { team_ids => ['t1'] });

    is($nodes[2]->status, 200, 'the third deletes the team');

    wait_until { !team($nodes[0], 't1') } 'the first to know';

    is($nodes[1]->refused(POST => '/team/update',
                          { team_id => 't1', rpm_limit => 1 }) =~ /^404/,
       1, 'nobody has it any more');

    agree('the audit',
          'SELECT time, action, kind, id, version, before, after FROM audit
           ORDER BY version', @nodes);

    is(join(' ', grep { !/^\{llmq:main\}:/ }
                 split /\n/, $redis->cli('KEYS', '*')), '',
       'all keys have one hash tag');

    $_->finish for @nodes;
};


subtest 'of two who want one name one gets it' => sub {
    my $redis = RedisServer->start;
    my @nodes = nodes($redis, 2);
    my ($made, $refused) = (0, 0);

    for my $i (1 .. 8) {
        my @calls = map {
            $nodes[$_]->open(POST => '/team/new',
                             qq({"team_id":"t$i-$_","team_alias":"a$i"}),
                             'Content-Type' => 'application/json',
                             Authorization => "Bearer $LLMApi::master")
        } 0, 1;

        my @answers = map { $_->answer } @calls;

        $made += grep { $_->{status} == 200 } @answers;
        $refused += grep {
            $_->{status} == 400 && $_->{body} =~ /alias 'a$i' already exists/
        } @answers;
    }

    is("$made $refused", '8 8', 'eight names, each to one of two');

    is(agree('names', 'SELECT count(alias), count(*) FROM entity', @nodes),
       '8|8', 'eight teams, each with its name');

    # a change of what the other has just changed

    $nodes[0]->api(POST => '/team/new', { team_id => 'busy' });
    wait_until { team($nodes[1], 'busy') } 'the other to know it';

    my @status = map {
        $nodes[$_ % 2]->api(POST => '/team/update',
                            { team_id => 'busy', rpm_limit => $_ });
        $nodes[$_ % 2]->status
    } 1 .. 20;

    is(join(' ', @status), join(' ', (200) x 20), 'in turns, and at once');

    is(agree('a limit', "SELECT json_extract(json, '\$.rpm_limit')
                         FROM entity WHERE id = 'busy'", @nodes),
       20, 'the last change is what all have');

    agree('the audit', "SELECT version, after, before FROM audit
                        WHERE id = 'busy' ORDER BY version", @nodes);

    $nodes[0]->api(POST => '/team/delete', { team_ids => ['busy'] });

    is($nodes[1]->refused(POST => '/team/update', { team_id => 'busy',
                                                    rpm_limit => 1 })
       =~ s/,.*//sr, '404 Team not found', 'what is gone is gone at once');

    $nodes[1]->api(POST => '/team/new', { team_id => 'busy',
                                          team_alias => 'a1' });
    is($nodes[1]->status, 400, 'a name that is taken');

    $nodes[1]->api(POST => '/team/new', { team_id => 'busy' });
    is($nodes[1]->status, 200, 'it may be made again');

    $_->finish for @nodes;
};


subtest 'a fresh node has all before it admits' => sub {
    my $redis = RedisServer->start;
    my ($old) = nodes($redis, 1);

    $old->api(POST => '/team/new', { team_id => "t$_", rpm_limit => 1,
                                     team_alias => "alias $_" })
        for 1 .. 150;

    my $key = $old->api(POST => '/key/generate', { team_id => 't7' })->{key};

    $old->api(POST => '/team/delete', { team_ids => ['t150'] });

    my $new = node($redis);

    $new->LLMTest::start;

    is($new->chat('', path => '/keys/v1/chat/completions',
                  headers => [Authorization => "Bearer $key"])->{status},
       200, 'the first request waits for its key');

    is($new->get('/health/readiness')->{status}, 200, 'it is ready then');
    is(join(' ', map { $new->chat('t150')->{status} } 1 .. 2), '200 200',
       'what was deleted is not there');

    agree('all of it', 'SELECT * FROM entity ORDER BY kind, id', $old, $new);
    agree('the audit',
          'SELECT time, who, key, address, reason, action, kind, id, version,
                  before, after FROM audit ORDER BY number', $old, $new);

    # where the log is not whole, it walks through what is

    my ($log) = grep { /:e:log$/ } split /\n/, $redis->cli('KEYS', '*');
    $redis->cli('XTRIM', $log, 'MAXLEN', 3);

    my $late = node($redis)->start;

    agree('all of it', 'SELECT * FROM entity ORDER BY kind, id', $old, $late);

    is($late->sql("SELECT count(*) FROM audit"), 151,
       'the audit has the last change of each');

    $old->api(POST => '/team/update', { team_id => 't3', rpm_limit => 9 });
    wait_until { team($late, 't3')->{rpm_limit} == 9 } 'what comes later';
    pass('it goes on with the log');

    $_->finish for $old, $new, $late;
};


subtest 'Redis loses all' => sub {
    my $redis = RedisServer->start;
    my @nodes = nodes($redis, 2);

    $nodes[0]->api(POST => '/team/new', { team_id => "t$_",
                                          team_alias => "alias $_" })
        for 1 .. 70;
    $nodes[0]->api(POST => '/team/delete', { team_ids => ['t5'] });

    agree('all of it', 'SELECT * FROM entity ORDER BY kind, id', @nodes);

    $redis->cli('FLUSHALL');

    my $values = sub {
        my ($now) = grep { /:e:now$/ } split /\n/, $redis->cli('KEYS', '*');
        return defined $now ? $redis->cli('HLEN', $now) : 0;
    };

    wait_until { $values->() == 70 } 'all to be there again';

    is($values->(), 70, 'teams, and that one was deleted');

    $nodes[1]->api(POST => '/team/update', { team_id => 't9', tpm_limit => 7 });
    is($nodes[1]->status, 200, 'changes go on');
    wait_until { (team($nodes[0], 't9')->{tpm_limit} // 0) == 7 } 'that one';

    like($nodes[1]->refused(POST => '/team/new', { team_id => 'x',
                                                   team_alias => 'alias 8' }),
         qr/^400 /, 'names are taken still');

    # one that was away when a team was deleted, and Redis lost that, too

    $nodes[1]->quit;
    $nodes[0]->api(POST => '/team/delete', { team_ids => ['t6'] });
    $redis->cli('FLUSHALL');
    $nodes[1]->start;

    wait_until { !team($nodes[1], 't6') } 'it to be gone';
    ok(!team($nodes[0], 't6'), 'what was deleted stays so');

    agree('all of it', 'SELECT * FROM entity ORDER BY kind, id', @nodes);

    $_->finish for @nodes;
};


subtest 'Redis is away' => sub {
    my $redis = RedisServer->start;
    my @nodes = nodes($redis, 2);

    $nodes[0]->api(POST => '/team/new', { team_id => 't1', rpm_limit => 5 });
    wait_until { team($nodes[1], 't1') } 'the other to know it';

    $redis->crash;

    like($nodes[0]->refused(POST => '/team/new', { team_id => 't2' }),
         qr/^503 Redis, where other nodes have it, cannot be reached; nothing/,
         'no change is made');
    is(team($nodes[0], 't1')->{rpm_limit}, 5, 'all can be read');
    ok(!team($nodes[0], 't2'), 'nothing was changed');
    is($nodes[1]->chat('t1')->{status}, 200, 'and requests go on');

    # who starts has its own

    $nodes[1]->quit;
    $nodes[1]->start;
    is(team($nodes[1], 't1')->{rpm_limit}, 5, 'also after a restart');

    # who has none of its own is not ready

    my $new = node($redis);

    $new->LLMTest::start;
    $new->wait_log(qr/cannot exchange totals/);

    is($new->get('/health/readiness')->{status}, 503,
       'a fresh node is not ready');
    is($new->chat('t9')->{status}, 200, 'but fails no request');
    is($new->chat('', path => '/keys/v1/chat/completions',
                  headers => [Authorization => 'Bearer sk-unknown'])
       ->{status}, 503, 'nor tells of a key that it is unknown');

    $redis->again;

    wait_until { team($new, 't1') } 'it to have all';
    $new->ready;

    wait_until {
        $nodes[0]->api(POST => '/team/new', { team_id => 't3' });
        $nodes[0]->status == 200
    } 'changes to be made';

    wait_until { team($nodes[1], 't3') && team($new, 't3') } 'that one';

    # frozen: it may have been made

    $redis->freeze;
    like($nodes[0]->refused(POST => '/team/new', { team_id => 't4' }),
         qr/^503 Redis, where other nodes have it, (?:did not|cannot)/,
         'no answer');
    $redis->thaw;

    wait_until {
        $nodes[0]->api(POST => '/team/update', { team_id => 't3',
                                                 rpm_limit => 3 });
        $nodes[0]->status == 200
    } 'it to answer again';

    agree('all of it', 'SELECT * FROM entity ORDER BY kind, id', @nodes, $new);

    $_->expect_log(qr/Redis|redis|exchange totals/) for @nodes, $new;
    $_->finish for @nodes, $new;
};


subtest 'machines that were alone become one' => sub {
    my $redis = RedisServer->start;
    my @nodes = map {
        node($redis, directive => '# alone')->start
    } 1, 2;

    # at the same version two different teams, and one name twice

    $nodes[0]->api(POST => '/team/new', { team_id => 'both', rpm_limit => 1 });
    $nodes[1]->api(POST => '/team/new', { team_id => 'both', rpm_limit => 2 });
    $nodes[0]->api(POST => '/team/new', { team_id => 'one',
                                          team_alias => 'name' });
    $nodes[1]->api(POST => '/team/new', { team_id => 'two',
                                          team_alias => 'name' });
    $nodes[1]->api(POST => '/team/new', { team_id => 'three' });
    $nodes[1]->api(POST => '/team/delete', { team_ids => ['three'] });

    for (@nodes) {
        $_->configure(http => '    llm_quota_redis zone=main '
                              . "redis://127.0.0.1:%%REDIS%%;\n");
        $_->reload;
    }

    wait_until { team($nodes[0], 'two') && team($nodes[1], 'one') }
        'each to have what the other had';

    my $limit = agree('a team',
                      "SELECT version || json_extract(json, '\$.rpm_limit')
                       FROM entity WHERE id = 'both'", @nodes);

    agree('all of it', 'SELECT kind, id, version, json FROM entity
                        ORDER BY kind, id', @nodes);

    is(team($nodes[0], 'both')->{rpm_limit},
       team($nodes[1], 'both')->{rpm_limit}, 'one of both is both');

    # and go apart again, each with all

    $nodes[1]->configure(http => '');
    $nodes[1]->reload;

    $nodes[1]->api(POST => '/team/update', { team_id => 'one',
                                             rpm_limit => 77 });
    is($nodes[1]->status, 200, 'alone again');
    ok(team($nodes[1], 'both'), 'with what all had');

    $_->finish for @nodes;
};


done_testing();
