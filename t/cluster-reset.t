# Corrections and resets where several machines share a zone: what one of them
# takes off is off for all, once, whoever dies or is flushed meanwhile.

use lib 't/lib';
use LLMApi;
use RawUpstream;
use RedisServer;

my $upstream = RawUpstream->start('*' => {
    json => LLMGateway::usage(10, 1, model => 'dollar')
});

# a request is charged a dollar

my %dollar = (body => '{"model":"dollar","max_tokens":1,"messages":[]}');


sub node
{
    my ($redis, $mode) = @_;

    return LLMApi->new(
        upstream => $upstream, workers => 1,
        limits => 'rpm=1000 tpm=100m budget=5/month budget=1000/day',
        server => <<'EOF',
        llm_reserve strict;

        location /nothing/ {
            llm_team_limit default requests=0/month;
            add_header X-Spend $llm_team_spend_usd always;
            proxy_pass http://provider;
        }
EOF
        http => <<"EOF",
    llm_price dollar input=0 output=1000000;
    llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%% $mode
                    timeout=500ms;
EOF
        vars => { REDIS => $redis->port, UPSTREAM => $upstream->port },
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms',
    );
}


sub chats
{
    my ($t, $n, $team) = @_;

    return join ' ', map { $t->chat($team, %dollar)->{status} } 1 .. $n;
}


# A request that is refused makes a node ask for what others have.

sub spent
{
    my ($t, $team) = @_;

    return $t->chat($team, %dollar, path => '/nothing/v1/chat/completions')
             ->{headers}{'x-spend'};
}


sub all_know
{
    my ($team, $dollars, $what, @nodes) = @_;

    for my $t (@nodes) {
        eval { wait_until { spent($t, $team) == $dollars } 'it' };
        is(spent($t, $team), $dollars, $what);
    }
}


# What Redis has of a team's month: of all nodes the dollars, of each the
# generation.

sub published
{
    my ($redis, $team) = @_;

    my ($key) = grep { /:p:team:month:\d+:\Q$team\E$/ }
                split /\n/, $redis->cli('KEYS', '*') or return '';
    my %shares = split /\n/, $redis->cli('HGETALL', $key);
    my ($sum, @generations) = (0);

    for (grep { /^[0-9a-f]{16}$/ } keys %shares) {
        my ($generation, @sums) = split /:/, $shares{$_};

        $sum += $sums[-1] / 1e9;
        push @generations, $generation if "@sums" =~ /[1-9]/;
    }

    return join ' ', $sum, sort @generations;
}


sub reset_to
{
    my ($t, $team, $dollars) = @_;

    $t->api(POST => "/team/$team/reset_spend", { reset_to => $dollars });

    return $t->status;
}


for my $mode ('', 'mode=strict') {
    subtest "what a node resets is reset for all $mode" => sub {
        my $redis = RedisServer->start;
        my @nodes = map { node($redis, $mode)->start } 1 .. 3;

        is(chats($nodes[0], 2, 'a'), '200 200', 'two dollars at one node');
        all_know('a', 2, 'both know', @nodes[0, 1]);
        is(chats($nodes[1], 3, 'a'), '200 200 200', 'three at another');
        all_know('a', 5, 'both know', @nodes[0, 1]);
        is(chats($_, 1, 'a'), '403', 'no more') for @nodes[0, 1];

        # the third has spent nothing, and never heard of the team

        is(reset_to($nodes[2], 'a', 0), 200, 'the third resets');
        all_know('a', 0, 'nothing is spent', @nodes);
        is(published($redis, 'a'), '0 0 0 1', 'of all of them together');

        is(chats($nodes[0], 3, 'a'), '200 200 200', 'three dollars anew');
        all_know('a', 3, 'all know', @nodes);
        is(chats($nodes[2], 3, 'a'), '200 200 403', 'two are left');

        # it is in the ledger: neither the zone nor Redis need to keep it

        $nodes[2]->quit;
        $nodes[2]->start;
        all_know('a', 5, 'after a restart', @nodes);
        is(chats($nodes[2], 1, 'a'), '403', 'nothing is left');

        $nodes[2]->crash;
        $redis->cli('FLUSHALL');
        wait_until { published($redis, 'a') eq '5 0 0 1' }
            'what is put back of a dead node';
        all_know('a', 5, 'after a flush', @nodes[0, 1]);

        $nodes[2]->start;
        is(reset_to($nodes[0], 'a', 1), 200, 'another resets, to a dollar');
        all_know('a', 1, 'it is what is left', @nodes);
        is(published($redis, 'a'), '1 0 1 1', 'in Redis, too');

        is($nodes[1]->refused(POST => '/team/a/reset_spend', { reset_to => 2 }),
           '400 reset_to must be <= current spend', 'of what all have spent');

        $_->finish for @nodes;
    };
}


subtest 'a correction takes off what others have' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, '')->start } 1 .. 2;

    is(chats($nodes[0], 3, 'a'), '200 200 200', 'three dollars');
    all_know('a', 3, 'all know', @nodes);

    my %of = (team_id => 'a', reason => 'r');

    like($nodes[1]->refused(POST => '/adjust', { %of, cost_usd => -4 }),
         qr/^400 .* has less than what is to be taken off/, 'no more than that');

    $nodes[1]->api(POST => '/adjust', { %of, cost_usd => -2, requests => 1 });
    is($nodes[1]->status, 200, 'less');
    all_know('a', 1, 'all know', @nodes);

    $nodes[0]->api(POST => '/adjust', { %of, cost_usd => 3 });
    all_know('a', 4, 'more', @nodes);
    is(published($redis, 'a'), '4 0 1', 'which is no other generation');

    $_->finish for @nodes;
};


subtest 'a reset that nobody heard of yet' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, '')->start } 1 .. 2;

    is(chats($nodes[0], 2, 'a'), '200 200', 'two dollars');
    is(chats($nodes[1], 2, 'a'), '200 200', 'and two');
    all_know('a', 4, 'all know', @nodes);

    $redis->freeze;
    is(reset_to($nodes[1], 'a', 1), 200, 'a reset without Redis');
    is(spent($nodes[1], 'a'), 1, 'it is in force here');

    wait_until { $nodes[1]->stored('a') =~ /^2 / } 'the store';

    $nodes[1]->crash;
    $redis->thaw;

    is(spent($nodes[0], 'a'), 4, 'and not there');
    $nodes[1]->start;
    all_know('a', 1, 'until it is back', @nodes);
    is(published($redis, 'a'), '1 0 1', 'once');

    $_->finish for @nodes;
};


# A directory from before the reset: what Redis has is a generation ahead.

subtest 'a state directory of before the reset' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, '')->start } 1 .. 2;
    my $dir = $nodes[1]->state_dir;

    is(chats($nodes[1], 2, 'a'), '200 200', 'two dollars');
    wait_until { $nodes[1]->stored('a') =~ /^2 / } 'the store';
    $nodes[1]->quit;

    system("cp -a '$dir' '$dir.old'") == 0 or die "cp: $?\n";

    $nodes[1]->start;
    is(reset_to($nodes[1], 'a', 0), 200, 'a reset');
    all_know('a', 0, 'all know', @nodes);
    $nodes[1]->quit;

    system("rm -r '$dir' && cp -a '$dir.old' '$dir'") == 0 or die "cp: $?\n";

    $nodes[1]->start;
    wait_until { spent($nodes[1], 'a') == 0 } 'what was published to count',
               15;
    is(chats($nodes[1], 1, 'a'), '200', 'a dollar more');
    wait_until { published($redis, 'a') eq '3 1' } 'it to be published', 15;
    all_know('a', 3, 'what the directory has is spent again', @nodes);

    $_->finish for @nodes;
};


done_testing();
