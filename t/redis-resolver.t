# Names of Redis are asked of nginx's resolver, anew for each connection.

use lib 't/lib';
use IO::Socket::INET;
use LLMTest;
use RedisServer;

my $redis = RedisServer->start;
my $answers = "$LLMBase::run/answer";
my $asked = "$LLMBase::run/asked";

LLMBase::spew($asked);


# A name server: the address of redis.test is what the file says.

my $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
    or die "dns: $!\n";
my $pid = fork() // die "fork: $!\n";

if ($pid == 0) {
    while ($dns->recv(my $query, 512)) {
        my ($id, $question) = unpack 'n x10 a*', $query;
        my $address = LLMBase::slurp($answers);
        my $name = join '.', unpack '(C/a)3', $question;

        open my $fh, '>>', $asked;
        print $fh "$name\n";
        close $fh;

        my $type = unpack 'n', substr $question, -4;
        my $found = $address && $type == 1;

        $dns->send(pack('n6 a*', $id, $address ? 0x8180 : 0x8183, 1,
                        $found ? 1 : 0, 0, 0, $question)
                   . ($found ? pack('n3 N n C4', 0xc00c, 1, 1, 0, 4,
                                    split /\./, $address)
                             : ''));
    }

    POSIX::_exit(0);
}

END { kill 'KILL', $pid if $pid && LLMBase::is_owner() }


sub asked { return scalar grep { /^redis\.test/ } split /\n/,
                               LLMBase::slurp($asked) }

my $resolver = 'resolver 127.0.0.1:' . $dns->sockport . ' ipv6=off;';

LLMBase::spew($answers, '127.0.0.1');

my $t = $redis->nginx('redis://redis.test:%%REDIS%% timeout=5s',
                      http => $resolver)->start;

$t->wait_log(qr/ redis\.test:\d+ is connected/);
pass('a name is found');


# It moves: what it was is not remembered.

my $before = asked();

LLMBase::spew($answers, '127.0.0.2');
$redis->crash;
$t->wait_log(qr/ redis\.test:\d+ cannot be reached/);
wait_until { asked() > $before } 'another question';
pass('it is asked again');

LLMBase::spew($answers, '127.0.0.1');
$redis->again;
wait_until { (() = $t->log =~ / is connected$/mg) >= 2 } 'it to come back';
$t->finish;


# A name that is not known, then is.

LLMBase::spew($answers, '');

$t->start;
$t->wait_log(qr/ redis\.test:\d+ cannot be resolved \(3: Host not found\)/);
LLMBase::spew($answers, '127.0.0.1');
wait_until { (() = $t->log =~ / is connected$/mg) >= 3 } 'the name';
pass('a name that is made later');
$t->finish;


# A reload, and the end, while it is asked for.

kill 'STOP', $pid;

$t->start;
$t->reload;
$t->finish;

kill 'CONT', $pid;


# Sentinels may name hosts, too.

my $sentinel = RedisServer->fake(
    SENTINEL => "*2\r\n\$10\r\nredis.test\r\n\$5\r\n" . $redis->port . "\r\n"
);

$t = $sentinel->nginx('redis://127.0.0.1:%%REDIS%% timeout=5s sentinel=m',
                      http => $resolver)->start;
wait_until { $redis->clients == 1 } 'the master';
like($t->log, qr/ redis\.test:\d+ is connected/, 'a name by a Sentinel');
$t->finish;
$sentinel->crash;

done_testing();
