# A state directory belongs to one nginx, however it is started.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $one = LLMGateway->new(upstream => $upstream)->start;
my $other = LLMGateway->new(
    upstream => $upstream,
    zone => 'zone=main:1m state=' . $one->state_dir,
);


# How often a process has the lock's file open.

sub held
{
    my ($pid) = @_;

    my $lock = $one->state_dir . '/lock';

    return scalar grep { (readlink // '') eq $lock } glob "/proc/$pid/fd/*";
}


# A start that fails; nginx frees nothing at such an end.

sub fails
{
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS},detect_leaks=0";

    return !eval { $_[0]->start; 1 };
}


# Another nginx.

my $used = qr/"\Q@{[$one->state_dir]}\E\/" is used by another nginx: /;

is(held($one->master), 1, 'the master has the lock');

my ($status, $said) = $other->check;

is($status, 0, 'a test of the configuration passes');
unlike($said, qr/used by another/, 'and touches nothing');

ok(fails($other), 'another nginx does not start');
like($@, $used, 'and says why');

is($one->chat('a')->{status}, 200, 'the first goes on');


# A reload.

$one->reload for 1 .. 3;
is(held($one->master), 1, 'reloads keep the one lock');
is(held(($one->workers)[0]), 1, 'a worker has it, too');

my $third = LLMGateway->new(upstream => $upstream)->start;

$third->expect_log($used);
$third->configure(zone => 'zone=main:1m state=' . $one->state_dir);
kill 'HUP', $third->master;
$third->wait_log($used);
is($third->chat('b')->{status}, 200,
   'a reload onto a used directory changes nothing');
$third->finish;


# Workers that outlive their master still write.

my ($worker) = $one->workers;

$one->expect_log(qr/./);
kill 'STOP', $one->master;
kill 'KILL', $one->master;
$one->gone;

ok(fails($other), 'no start beside workers left alone');
like($@, $used, 'for the same reason');

kill 'KILL', $worker;
wait_until { !kill 0, $worker } 'the worker to go';

$other->expect_log($used);
$other->start;
is($other->chat('c')->{status}, 200, 'afterwards another nginx starts');
is(held($other->master), 1, 'with the lock');


# It is given back with the directory.

$other->reload(zone => 'zone=main:2m state=%%DIR%%/tmp/state');
is(held($other->master), 0, 'a reload that uses another gives it back');
$other->finish;

done_testing();
