# A thousand budgets are crossed while workers are killed, all is killed, and
# the configuration is reloaded: each is told of, and always as the same.

use lib 't/lib';
use LLMAlert;

# where all is slow, fewer of them
use constant TEAMS => $LLMBase::mode eq 'plain' ? 1000 : 200;
use constant BATCH => 25;

my $hook = RawUpstream->start('*' => { json => '{}' });

my $t = LLMAlert->new(
    hook => $hook, workers => 2,
    limits => 'rpm=1000 tpm=100m budget=0.00006/month',
    zone => 'zone=main:8m state=%%DIR%%/tmp/state sync=50ms',
    alerts => <<'EOF_ALERTS')->start;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/all name=all
                           events=budget_crossed timeout=30s;
EOF_ALERTS

# on a busy machine two leaders may keep each other from the store for long
$t->expect_log(qr/database is locked/);


# Each team asks until it is charged: then its budget is used up.

sub cross
{
    my @teams = @_;

    while (@teams) {
        my @clients = map { eval { $t->ask($_) } } @teams;
        my $passed = grep { ($_->{status} // 0) == 200 }
                     map { $_ && eval { $_->answer } || {} } @clients;
        my @left;

        wait_until {
            my %charged = map { $_ => 1 }
                          map { /"team_id":"(\w+)"/ } $t->raw_lines;

            @left = grep { !$charged{$_} } @teams;
            @teams - @left >= $passed;
        } 'their lines';

        @teams = @left;
    }
}


my @teams = map { "t$_" } 1 .. TEAMS;
my $batches = TEAMS / BATCH;

my @troubles = (
    sub { $t->kill_worker($_) for $t->workers },
    sub { $t->reload },
    sub { $t->crash; $t->start },
    sub { $t->kill_worker(($t->workers)[0]) },
);

for my $i (0 .. $batches - 1) {
    cross(@teams[$i * BATCH .. ($i + 1) * BATCH - 1]);
    $troubles[$i / 4 % @troubles]->() if $i % 4 == 3;
}

my %ids;

eval {
    wait_until {
        %ids = ();
        $ids{$_->{subject}}{$_->{id}}++ for bodies($hook, '/all');
        keys %ids == TEAMS;
    } 'all of them', 120;
};

is(join(' ', grep { !$ids{$_} } @teams), '', 'each crossing is told of');
is(join(' ', grep { keys %{$ids{$_}} > 1 } sort keys %ids), '',
   'always under one id');
is(scalar(keys %ids), TEAMS, 'and nothing else is');

my $twice = grep { (values %{$ids{$_}})[0] > 1 } keys %ids;
cmp_ok($twice, '<', TEAMS / 10, "few are told twice: $twice");
$t->finish;

done_testing();
