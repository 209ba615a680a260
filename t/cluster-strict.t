# Limits that are strict between nodes: no request passes that its node has not
# been granted, however fast they come at all of them at once.

use lib 't/lib';
use LLMGateway;
use RawUpstream;
use RedisServer;

my $json = LLMGateway::usage(10, 1, model => 'dollar');
my $upstream = RawUpstream->start('*' => { json => $json });

my %dollar = (body => '{"model":"dollar","max_tokens":1,"messages":[]}');

my $server = <<'EOF';
        llm_reserve strict;

        location /budget/ {
            llm_team_limit default budget=25/month;
            proxy_pass http://provider;
        }

        location /rate/ {
            llm_team_limit default rpm=25;
            proxy_pass http://provider;
        }

        location /tokens/ {
            llm_team_limit default otpm=25 tpm=1m requests=1000/day;
            proxy_pass http://provider;
        }

        location /far/ {
            llm_team_limit default rpm=100000 budget=100000/month;
            proxy_pass http://provider;
        }

        location /closed/ {
            llm_quota main fail=closed;
            llm_team_limit default budget=1000/month;
            proxy_pass http://provider;
        }
EOF


sub node
{
    my ($redis, %options) = @_;

    return LLMGateway->new(
        upstream => $upstream, server => $server,
        http => <<'EOF',
    llm_price dollar input=0 output=1000000;
    llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%% mode=strict
                    timeout=500ms;
EOF
        vars => { REDIS => $redis->port, UPSTREAM => $upstream->port },
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=100ms', %options
    );
}


# So many requests in flight together at all nodes: how often each status came.

sub rush
{
    my ($clients, $path, $team, @nodes) = @_;

    my @open = map {
        $nodes[$_ % @nodes]->ask($team, %dollar,
                                 path => "/$path/v1/chat/completions")
    } 0 .. $clients - 1;

    my %count;
    $count{$_->answer->{status}}++ for @open;

    return join ' ', map { "$_:$count{$_}" } sort keys %count;
}


sub path { return (%dollar, path => "/$_[0]/v1/chat/completions") }


subtest 'exactly what the limit allows' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, workers => 2)->start } 1 .. 3;

    is(rush(48, 'budget', 'a', @nodes), '200:25 403:23',
       '25 of 48 requests of a dollar fit in 25 dollars');
    is(rush(6, 'budget', 'a', @nodes), '403:6', 'and no more');

    is(rush(48, 'rate', 'b', @nodes), '200:25 429:23', '25 requests a minute');
    is(rush(6, 'rate', 'b', @nodes), '429:6', 'and no more');

    is(rush(48, 'tokens', 'c', @nodes), '200:25 429:23',
       '25 tokens of output a minute, beside limits that are far');

    is(rush(48, 'far', 'd', @nodes), '200:48', 'all where there is enough');

    unlike($_->log, qr/\[(?:alert|emerg|crit|error)\] .*(?:llm_quota zone)/,
           'nothing was decided blindly') for @nodes;

    $_->finish for @nodes;
};


# How many of a budget of 25 a node may still admit, as it finds out one by one.

sub passes
{
    my ($n, @nodes) = @_;

    return join ' ', map {
        my $t = $nodes[$_ % @nodes];
        $t->chat('a', path('budget'))->{status}
    } 0 .. $n - 1;
}


subtest 'what is not used is given back' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;

    is($nodes[0]->chat('a', path('far'))->{status}, 200, 'one of many dollars');

    # it was granted thousands ahead, which bound the other

    my $refused = $nodes[1]->chat('a', path('budget'));

    is($refused->{status}, 403, 'what is claimed is not there');

    wait_until {
        $nodes[1]->chat('a', path('budget'))->{status} == 200
    } 'it to be there again';

    is(passes(24, @nodes), join(' ', ('200') x 23, '403'),
       'all that is left, and no more');

    $_->finish for @nodes;
};


subtest 'a node that dies' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis)->start } 1 .. 2;

    is(passes(20, @nodes), join(' ', ('200') x 20), '20 of 25 at two nodes');

    $nodes[0]->crash;

    is(passes(6, $nodes[1]), join(' ', ('200') x 5, '403'),
       'what it had counts');

    $nodes[0]->start;

    is($nodes[0]->chat('a', path('budget'))->{status}, 403,
       'and when it is back');

    $_->finish for @nodes;
};


# What it was granted ahead is not lost with it, though nobody asks it for that.

sub claimed
{
    my ($redis, $team) = @_;

    my ($key) = grep { /:p:team:month:\d+:$team$/ }
                split /\n/, $redis->cli('KEYS', '*') or return '';
    my %shares = split /\n/, $redis->cli('HGETALL', $key);

    return join ' ', sort map { $shares{$_} =~ s/^\d+:\d+://r }
                          grep { /^c[0-9a-f]{16}$/ } keys %shares;
}


subtest 'a node that dies with a claim' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis)->start;

    is($t->chat('a', path('far'))->{status}, 200, 'one of many dollars');
    wait_until { claimed($redis, 'a') eq '1:10:1:1000000000' }
        'the rest to be given back';
    wait_until { $t->stored('a') eq '1 11 1000000000' } 'the store';

    $t->crash;

    my ($key) = grep { /:p:team:month:\d+:a$/ }
                split /\n/, $redis->cli('KEYS', '*');
    my ($me) = $redis->cli('HKEYS', $key) =~ /^(c[0-9a-f]{16})$/m;

    $redis->cli('HSET', $key, $me, '1:1:1000:10:1:7000000000000');
    $t->start;

    wait_until { claimed($redis, 'a') eq '1:10:1:1000000000' }
        'what is too much to be given back';
    pass('it is given back');

    $t->finish;
};


subtest 'Redis is away' => sub {
    my $redis = RedisServer->start;
    my $t = node($redis)->start;

    is($t->chat('a', path('closed'))->{status}, 200, 'a request');

    $redis->freeze;

    my $waits = $t->chat('b', path('closed'));

    is($waits->{status}, 503, 'fail=closed refuses');
    is($t->chat('a', path('budget'))->{status}, 200, 'fail=open goes on');

    $t->wait_log(qr/theirs count as last known and limits are not strict: /);

    $redis->thaw;
    $t->wait_log(qr/exchanges totals with other nodes again/);

    is($t->chat('a', path('closed'))->{status}, 200, 'it is back');

    is(passes(24, $t), join(' ', ('200') x 22, '403', '403'),
       'with what was used meanwhile');

    $t->finish;
};


done_testing;
