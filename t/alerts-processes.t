# Alerts survive those who deliver them: each arrives, and twice with the same
# id if at all.  What cannot be in the store is told from memory.

use lib 't/lib';
use LLMAlert;

my $hook = RawUpstream->start(
    '/held' => { json => '{}', hold => 'held' },
    '*'     => { json => '{}' },
);


sub gateway
{
    my (%options) = @_;

    return LLMAlert->new(hook => $hook, %options, alerts => <<'EOF_ALERTS');
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/held name=held
                           timeout=4s;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/many name=many;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/all name=all events=all;
    llm_alert main pagerduty url=http://127.0.0.1:%%HOOK%%/pager name=pager
                             routing_key_file=%%DIR%%/key;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/few name=few
                           events=budget_crossed;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/critical name=critical
                           severity=critical;
EOF_ALERTS
}


sub new_gateway
{
    my $t = gateway(@_);

    LLMBase::spew($t->dir . '/key', 'k');
    chmod 0600, $t->dir . '/key';

    return $t->start;
}


# How often each of many was sent

sub sent_often
{
    my %times;

    $times{$_->{id}}++ for bodies($hook, '/many');

    return \%times;
}


sub waiting
{
    my ($t, $channel) = @_;

    my $n = $t->sql("SELECT count(*) FROM delivery WHERE state = 0
                     AND channel = '$channel'");

    # who cannot read now is told nothing
    return length($n // '') ? $n : -1;
}


my $t = new_gateway(workers => 2);


# A worker that dies while the receiver has it

$t->put('k-1', 'held');
wait_until { $hook->waiting('held') == 1 } 'it to be sent';
is($t->delivery('k-1', 'held'), '0 1 it was begun', 'which is noted before');

$t->kill_worker($_) for $t->workers;
$hook->release('held', 2);
is($t->told('k-1', 'held', 20), 2, 'who leads then sends it again');
is(join(' ', map { $_->{id} } bodies($hook, '/held')), 'k-1 k-1',
   'with the same id');


# A reload, and a quit, wait for what is under way

$t->put('r-1', 'held');
wait_until { $hook->waiting('held') == 1 } 'it to be sent';
$t->reload(keep_old => 1);
$hook->release('held');
is($t->told('r-1', 'held'), 1, 'the old worker ends what it began');

$t->put('q-1', 'held');
wait_until { $hook->waiting('held') == 1 } 'it to be sent';
kill 'QUIT', $t->master;
$t->wait_log(qr/gracefully shutting down.*\z/s);
$hook->release('held');
$t->quit;
is($t->delivery('q-1', 'held'), '1 1 ', 'and so it does where all ends');


# What was put in while nobody led

$t->put('s-1', 'many');
$t->start;
is($t->told('s-1', 'many'), 1, 'it is found');


# Many, over reloads: each once

$t->put_all('many', map { alert("m-$_") } 1 .. 150);
wait_until { sent_often()->{'m-20'} } 'the first';
$t->reload;
wait_until { sent_often()->{'m-60'} } 'some';
$t->reload;
wait_until { waiting($t, 'many') == 0 } 'all';

my $times = sent_often();

is(join(' ', grep { ($times->{"m-$_"} // 0) != 1 } 1 .. 150), '',
   'each is told once, whoever leads');


# And over kills: each

$t->put_all('many', map { alert("n-$_") } 1 .. 60);
wait_until { sent_often()->{'n-5'} } 'the first';
$t->kill_worker($_) for $t->workers;
wait_until { sent_often()->{'n-30'} } 'some';
$t->kill_worker($_) for $t->workers;
wait_until { waiting($t, 'many') == 0 } 'all';

$times = sent_often();

is(join(' ', grep { !$times->{"n-$_"} } 1 .. 60), '', 'each is told');
cmp_ok(scalar(grep { ($times->{"n-$_"} // 0) > 1 } 1 .. 60), '<=', 8,
       'those that were in hand perhaps twice');


# on a busy machine it may have ended before
my $due = qr/^0 \d+ (it was begun|Operation timed out)/;


# A graceful stop in the middle of it leaves nothing behind: no [alert]

$t->put('t-1', 'held');
wait_until { $hook->waiting('held') == 1 } 'it to be sent';
$t->stop;
like($t->delivery('t-1', 'held'), $due, 'stopped: it is due again');
$hook->release('held', 2);
$t->start;
is($t->told('t-1', 'held', 20), 2, 'and told by the next');
$t->finish;


# Without a master process

SKIP: {
    skip 'a single process is not waited for there', 3
        if $LLMBase::mode eq 'valgrind';

    $t = new_gateway(main => 'master_process off;', workers => 0);
    $t->put('o-1', 'held many');
    is($t->told('o-1', 'many'), 1, 'a single process');
    wait_until { $hook->waiting('held') == 1 } 'it to be sent';
    $t->stop;
    like($t->delivery('o-1', 'held'), $due, 'TERM');
    $hook->release('held');
    is(join('', $t->critical, LLMBase::reports()), '', 'nothing critical');
}


# The store goes away, and comes back

$t = new_gateway();
$t->expect_log(qr/\[crit\].*store of zone "main" cannot be used/);
$t->chat('a');
wait_until { $t->stored('a') =~ /^1 / } 'the store to work';

chmod 0555, $t->state_dir;
unlink glob $t->state_dir . '/quota.db*';
$t->chat('a');

wait_until { (my @b = bodies($hook, '/all')) == 1 } 'the alert';

my ($lost) = bodies($hook, '/all');

is("$lost->{event} $lost->{severity} $lost->{zone}", 'store warning main',
   'the store is away');
is($lost->{event_message}, 'Zone main: the store cannot be used', 'in words');
ok($lost->{detail}, 'with a reason');

chmod 0755, $t->state_dir;

wait_until { (my @b = bodies($hook, '/all')) == 2 } 'its end';

my $back = (bodies($hook, '/all'))[1];

is($back->{resolves}, $lost->{id}, 'it is back');
isnt($back->{id}, $lost->{id}, 'which is an alert of its own');
wait_until { (my @b = bodies($hook, '/pager')) == 2 } 'PagerDuty';
is(join(' ', map { "$_->{event_action} $_->{dedup_key}" }
             bodies($hook, '/pager')),
   "trigger $lost->{id} resolve $lost->{id}", 'an incident that ends');
is(scalar(bodies($hook, $_)), 0, "$_ does not want it")
    for qw(/few /critical);
$t->finish;

done_testing();
