# Sentinels say who is the master, also after a failover.

use lib 't/lib';
use LLMTest;
use RedisServer;

my $patient = 'timeout=5s sentinel=mymaster';
my %secret = (requirepass => 'secret', masterauth => 'secret');


sub connected
{
    my ($t, $times) = @_;

    wait_until { (() = $t->log =~ / is connected$/mg) >= $times }
        "connection $times", 30;
}


my $password = "$LLMBase::run/password";

LLMBase::spew($password, "secret\n");

my $one = RedisServer->start(%secret);
my $two = RedisServer->start(%secret,
                             replicaof => '127.0.0.1 ' . $one->port);

wait_until { $two->cli('ROLE') =~ /\bconnected\b/ } 'the replica', 30;

my $sentinel = RedisServer->sentinel($one, 'mymaster');
my $gone = LLMBase::free_port();

wait_until {
    $sentinel->cli('SENTINEL', 'REPLICAS', 'mymaster') =~ /slave/
} 'the Sentinel to know the replica', 30;


# The first Sentinel is gone, the second one names the master.

my $t = $one->nginx("redis://127.0.0.1:$gone redis://127.0.0.1:"
                    . $sentinel->port . " $patient password_file=$password")
            ->start;

connected($t, 1);
like($t->log, qr/127\.0\.0\.1:$gone cannot be reached/, 'a Sentinel is gone');
is(scalar $one->clients, 1, 'another one names the master');


# A failover, as soon as the Sentinel holds the replica for a good one: it asks
# every ten seconds.

wait_until {
    $sentinel->cli('SENTINEL', 'FAILOVER', 'mymaster') =~ /^(?:OK|INPROG)/
} 'a failover', 60;

wait_until { $two->clients == 1 } 'the new master', 30;
like($t->log, qr/127\.0\.0\.1:@{[$two->port]} is connected/, 'it is followed');
is(scalar $one->clients, 0, 'the old one is left');

$t->reload;
wait_until { $two->clients == 1 } 'a reload';
$t->finish;


# A Sentinel that still names the old master, which says that it is none.

wait_until { $one->cli('ROLE') =~ /^slave/ } 'the old master', 30;

my $stale = RedisServer->fake(
    SENTINEL => "*2\r\n\$9\r\n127.0.0.1\r\n\$5\r\n" . $one->port . "\r\n"
);

$t = $one->nginx('redis://127.0.0.1:' . $stale->port
                 . " $patient password_file=$password")->start;
$t->wait_log(qr/127\.0\.0\.1:@{[$one->port]} is a replica, which takes no/);
wait_until { (grep { /^SENTINEL/ } $stale->commands) >= 3 } 'more questions';
unlike($t->log, qr/is connected/, 'a replica is no master');
is((() = $t->log =~ /is a replica/g), 1, 'which is told once');
$t->finish;
$stale->crash;


# A master of a name nobody knows; Redis where a Sentinel should be; a Sentinel
# where Redis should be.

$t = $one->nginx('redis://127.0.0.1:' . $sentinel->port
                 . ' timeout=5s sentinel=other')->start;
$t->wait_log(qr/knows no master "other": correct "sentinel="/);
$t->finish;

my $plain = RedisServer->start;

$t = $plain->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
$t->wait_log(qr/refuses: "ERR unknown command 'SENTINEL'.*": name Sentinels/);
$t->finish;

$t = $sentinel->nginx('redis://127.0.0.1:%%REDIS%% timeout=5s')->start;
$t->wait_log(qr/is a Sentinel: name the master it watches with "sentinel="/);
$t->finish;


# A Sentinel with a password.

my $locked = RedisServer->sentinel($plain, 'mymaster',
                                   requirepass => 'secret');

$plain->cli('CONFIG', 'SET', 'requirepass', 'secret');
$plain->{password} = 'secret';

$t = $locked->nginx("redis://127.0.0.1:%%REDIS%%/2 $patient "
                    . "password_file=$password")->start;
connected($t, 1);
is(($plain->clients)[0]{db}, 2, 'a Sentinel that wants to know who asks');


# It restarts, and so does the master: the connection comes back.

$locked->crash;
$plain->crash;
$t->wait_log(qr/cannot be reached/);
$plain->again;
$plain->cli('CONFIG', 'SET', 'requirepass', 'secret');
$locked->again;
connected($t, 2);
pass('all of them were away');
$t->finish;


# Names that no Sentinel should give.

for my $answer ("*2\r\n\$3\r\na b\r\n\$1\r\n1\r\n",
                "*2\r\n\$9\r\n127.0.0.1\r\n\$5\r\n99999\r\n",
                "*2\r\n*0\r\n:1\r\n", "*1\r\n+a\r\n", "+OK\r\n", ":7\r\n",
                "*-1\r\n", "\$-1\r\n")
{
    my $fake = RedisServer->fake(SENTINEL => $answer);

    $t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
    $t->wait_log(qr/knows no master "mymaster"/);
    $t->finish;
    $fake->crash;
}

my $named = RedisServer->fake(
    SENTINEL => "*2\r\n\$10\r\nredis.test\r\n\$4\r\n6379\r\n"
);

$t = $named->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
$t->wait_log(qr/redis\.test:6379 is a name: set "resolver" in http/);
$t->finish;
$named->crash;

done_testing();
