# Several machines share limits through a Redis: what all of them have settled
# crosses a threshold, and one of them tells of it.

use lib 't/lib';
use LLMAlert;
use RedisServer;

my $hook = RawUpstream->start('*' => { json => '{}' });


# A request is $0.00006.

sub node
{
    my ($redis, $path, %options) = @_;

    return LLMAlert->new(
        hook => $hook, vars => { REDIS => $redis->port },
        limits => 'rpm=1000 tpm=100m budget=0.0006/month soft=50%,80%',
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=100ms',
        alerts => "    llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%;\n"
                  . "    llm_alert main webhook http://127.0.0.1:%%HOOK%%$path"
                  . " name=all;\n", %options
    );
}


# what the hook was told of a team, by whomever

sub told
{
    my ($team, $path) = @_;

    return join ', ', sort { $a cmp $b } map { "$_->{event} $_->{threshold}" }
                      grep { $_->{subject} eq $team } bodies($hook, $path);
}


# what the store of a node has of a team: "threshold deliveries"

sub noted
{
    my ($t, $team) = @_;

    return join ', ', split /\n/, $t->sql(<<"EOS") // '';
        SELECT threshold || ' ' || (SELECT count(*) FROM delivery
                                    WHERE alert = alert.id)
        FROM alert WHERE subject = '$team' AND event != 'budget_reset'
        ORDER BY threshold
EOS
}


sub is_told
{
    my ($team, $path, $expected, $name) = @_;

    eval { wait_until { told($team, $path) eq $expected } $name, 10 };
    is(told($team, $path), $expected, $name);
}


sub all_noted
{
    my ($team, $n, @nodes) = @_;

    wait_until {
        !grep { my @alerts = split /, /, noted($_, $team); @alerts != $n }
        @nodes
    } "all nodes to have noted $n", 10;
}


subtest 'the total of all is told of once' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, '/once')->start } 1 .. 3;

    # two at each of three nodes: each has a fifth of the budget

    for my $i (1 .. 2) {
        $_->chat('red') for @nodes;
    }

    is_told('red', '/once', 'soft_budget_crossed 50', 'a half');
    all_noted('red', 1, @nodes);

    is((grep { noted($_, 'red') eq '50 1' } @nodes), 1, 'one of them tells');
    is((grep { noted($_, 'red') eq '50 0' } @nodes), 2, 'the others know');

    my ($body) = grep { $_->{subject} eq 'red' } bodies($hook, '/once');

    cmp_ok($body->{spend}, '>=', 0.0003, 'what all have spent is told');

    my $key = "{llmq:main}:a:$body->{id}";

    cmp_ok($redis->cli('TTL', $key), '>', 0, 'Redis forgets it one day');

    is((map { $_->sql("SELECT id FROM alert WHERE subject = 'red'
                       AND threshold = 50") } @nodes)[0], $body->{id},
       'under one id');

    $_->chat('red') for @nodes, $nodes[0];

    wait_until { told('red', '/once') =~ /budget_crossed 100/ }
        'all of it', 10;

    my $told = told('red', '/once');

    like($told, qr/^budget_crossed\ 100,\ soft_budget_crossed\ 50
                   (?:,\ soft_budget_crossed\ 80)?$/x, 'each once');

    # who lost his store, and who was killed, tells nothing again

    $nodes[1]->kill_worker($nodes[1]->workers);
    $nodes[2]->quit;
    unlink glob $nodes[2]->state_dir . '/quota*.db*';
    $nodes[2]->start;

    is($nodes[2]->chat('red')->{status}, 403, 'nothing is left');
    wait_until { noted($nodes[2], 'red') eq '100 0' } 'it to be noted', 10;

    is(told('red', '/once'), $told, 'nothing is told twice');

    $_->finish for @nodes;
};


subtest 'Redis is away' => sub {
    my $redis = RedisServer->start;
    my @nodes = map { node($redis, '/away')->start } 1, 2;

    $_->chat('blue') for @nodes;
    wait_until { $redis->cli('KEYS', '*:p:team:month:*blue') } 'its month';

    $redis->crash;
    $_->wait_log(qr/cannot exchange totals/) for @nodes;

    for my $t (@nodes) {
        $t->chat('blue') for 1 .. 5;
    }

    wait_until { (grep { noted($_, 'blue') eq '50 1' } @nodes) == 2 }
        'both to tell', 10;

    wait_until { told('blue', '/away') =~ /,/ } 'both alerts', 10;

    my %ids = map { $_->{id} => 1 } grep { $_->{subject} eq 'blue' }
              bodies($hook, '/away');

    is(keys %ids, 1, 'each tells of its own, under one id');

    $redis->again;

    wait_until { $redis->cli('KEYS', '*:a:*') } 'it to be claimed', 10;
    all_noted('blue', 2, @nodes);

    my @crossed = grep { $_->{event} eq 'budget_crossed' }
                  bodies($hook, '/away');

    wait_until {
        @crossed = grep { $_->{event} eq 'budget_crossed' }
                   bodies($hook, '/away')
    } 'all of it', 10;

    is(@crossed, 1, 'what both have together is told of once');
    is((grep { $_->{event} ne 'budget_crossed' } bodies($hook, '/away')), 2,
       'nothing is told again');

    like($redis->cli('GET', "{llmq:main}:a:$crossed[0]{id}"), qr/^told /,
         'Redis knows that it was told');

    $_->expect_log(qr/Redis|redis|exchange totals/) for @nodes;
    $_->finish for @nodes;
};


done_testing();
