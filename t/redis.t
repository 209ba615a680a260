# The connection to Redis that the leader keeps: greeted as it should be, seen
# when it is lost, there again by itself, and gone without a trace.

use lib 't/lib';
use LLMTest;
use RedisServer;

my $patient = 'timeout=5s';


# A pattern of pieces of text; "..." stands for any other.

sub line
{
    my $pattern = join '.*', map { quotemeta } split /\.\.\./, "@_", -1;

    return qr/$pattern/;
}


# How often a line is in the error log.

sub told
{
    my ($t, $pattern) = @_;

    return scalar grep { /$pattern/ } split /^/, $t->log;
}


sub connected
{
    my ($t, $times) = @_;

    wait_until { told($t, qr/\[notice\].* is connected$/) >= $times }
        "connection $times";
}


sub secret
{
    my ($name, $text) = @_;

    my $file = "$LLMBase::run/$name";

    LLMBase::spew($file, $text);

    return $file;
}


# A plain one.

my $redis = RedisServer->start;
my $t = $redis->nginx("redis://127.0.0.1:%%REDIS%% $patient",
                      workers => 3)->start;

connected($t, 1);

my @clients = wait_until { my @c = $redis->clients; @c == 1 && $c[0] }
    'one client';

is($clients[0]{name}, 'llm_quota:main', 'it has a name');
is($clients[0]{user}, 'default', 'the default user');
is($clients[0]{db}, 0, 'the first database');

wait_until { ($redis->clients)[0]{cmd} eq 'evalsha' } 'an exchange';

like($t->log, qr/llm_quota redis of zone "main": 127\.0\.0\.1:\d+ is connected/,
     'it is told');


# A reload, a worker's death, the end of Redis.

my $id = ($redis->clients)[0]{id};

$t->reload;
connected($t, 2);
wait_until { my @c = $redis->clients; @c == 1 && $c[0]{id} != $id }
    'the old connection to be gone';
pass('a reload: the new leader has one, the old one none');

$t->kill_worker($_) for $t->workers;
wait_until { told($t, qr/ is connected$/) >= 3 && $redis->clients == 1 }
    'a leader after a kill';
pass('a killed worker: the next leader has one');

$redis->crash;
$t->wait_log(line('[error]... 127.0.0.1:... closed the connection; it is tried',
                  'again'));
$t->wait_log(line('[error]... cannot be reached: start it, or correct its',
                  'address; it is tried again (111:'));

my $before = told($t, qr/ is connected$/);

$redis->again;
connected($t, $before + 1);
pass('Redis is back: so is the connection');

$t->reload;
$t->finish;
ok(!$redis->clients, 'quit: the connection is closed');


# TERM, also without a master process.

$t = $redis->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
connected($t, 1);
$t->stop;
is(join('', $t->critical), '', 'TERM: nothing critical');

$t = $redis->nginx("redis://127.0.0.1:%%REDIS%% $patient",
                   main => 'master_process off;', workers => 0)->start;
connected($t, 1);
$t->stop;
is(join('', $t->critical), '', 'without a master process: nothing critical');


# Over a unix socket; and by a name that is found at configuration time.

$t = $redis->nginx("unix:%%SOCKET%% $patient")->start;
connected($t, 1);
like($t->log, qr/: unix:\S+redis\.sock is connected/, 'a unix socket');
$redis->crash;
unlink $redis->socket;
$t->wait_log(qr/unix:\S+ cannot be reached: .* \(2: /);
$redis->again;
connected($t, 2);
$t->finish;

$t = $redis->nginx("redis://localhost:%%REDIS%%/3 $patient")->start;
connected($t, 1);
is(($redis->clients)[0]{db}, 3, 'another database');
$t->finish;


# A database that is not there.

$t = $redis->nginx("redis://127.0.0.1:%%REDIS%%/99 $patient")->start;
$t->wait_log(qr/refuses: "ERR DB index is out of range": name another/);
$t->finish;


# Passwords and users.

my $locked = RedisServer->start(requirepass => 'old secret');
my $file = secret('password', "old secret\r\nnot this\n");

$locked->cli('ACL', 'SETUSER', 'nginx', 'on', '>new', '~llmq*', '+@all');
$locked->cli('ACL', 'SETUSER', 'shy', 'on', '>new', '~llmq*', '+ping');

$t = $locked->nginx("redis://127.0.0.1:%%REDIS%% password_file=$file $patient")
            ->start;
connected($t, 1);
is(($locked->clients)[0]{user}, 'default', 'a password');
unlike($t->log, qr/old secret/, 'which is not logged');
$t->finish;

my $new = secret('new', 'new');

$t = $locked->nginx("redis://nginx\@127.0.0.1:%%REDIS%% password_file=$new "
                    . $patient)->start;
connected($t, 1);
is(($locked->clients)[0]{user}, 'nginx', 'a user of the ACL');
$t->finish;

$t = $locked->nginx("redis://shy\@127.0.0.1:%%REDIS%% password_file=$new "
                    . $patient)->start;
connected($t, 1);
pass('who may neither ask for the role nor set a name');
$t->finish;

$t = $locked->nginx("redis://127.0.0.1:%%REDIS%% password_file=$new $patient")
            ->start;
$t->wait_log(line('refuses: "WRONGPASS ...": correct the user, or what is in',
                  '"password_file="'));

# it is tried again and again, and told once
wait_until { $locked->cli('INFO', 'stats') =~ /connections_received:(\d+)/
             && ($before = $1) } 'statistics';
wait_until { $locked->cli('INFO', 'stats') =~ /connections_received:(\d+)/
             && $1 > $before + 50 } 'more connections';
is(told($t, qr/WRONGPASS/), 1, 'a wrong password is told once');
$locked->cli('CONFIG', 'SET', 'requirepass', 'new');
$locked->{password} = 'new';
connected($t, 1);
pass('and passes when it is right');
$t->finish;

$t = $locked->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
$t->wait_log(qr/refuses: "NOAUTH .*": set "password_file="/);
$t->finish;


# Frozen, and thawed again.

$t = $redis->nginx('redis://127.0.0.1:%%REDIS%% timeout=300ms')->start;
connected($t, 1);
$redis->freeze;
$t->wait_log(line('did not answer within 300ms: see what keeps it, or raise',
                  '"timeout="'));
$before = told($t, qr/ is connected$/);
$redis->thaw;
connected($t, $before + 1);
pass('a frozen Redis is noticed, and found again');


# One that comes up frozen: the connection is there, no word is said.

$redis->freeze;
$t->reload;
wait_until { told($t, qr/did not answer within/) >= 2 } 'a late greeting';
$redis->thaw;
connected($t, $before + 2);
$t->finish;


# Replicas take no writes.

my $copy = RedisServer->start(replicaof => '127.0.0.1 ' . $redis->port);

$t = $copy->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
$t->wait_log(line('is a replica, which takes no writes: name its master, or',
                  'Sentinels with "sentinel="'));
$copy->cli('REPLICAOF', 'NO', 'ONE');
connected($t, 1);
pass('a replica that becomes a master is taken');
$t->finish;


# What is no Redis, or none in its right mind.

my %strange = (
    'an answer of another protocol'
        => ["HTTP/1.1 400 Bad Request\r\n\r\n", line('does not speak as Redis does (...):',
                                             'correct its address')],
    'an announcement of a huge array'
        => ["*2000000000\r\n", qr/answers with more than 4M, 131072/],
    'an array that is too long'
        => ["*131073\r\n", qr/answers with more than 4M, 131072/],
    'a string that is too large'
        => ["\$5000000\r\n" . 'x' x 5_000_000 . "\r\n",
            qr/answers with more than 4M, 131072 elements/],
    'a line without an end'
        => ['+' . 'x' x 5_000_000, qr/answers with more than 4M/],
    'nested arrays without an end'
        => ["*1\r\n" x 1000, qr/answers with .* or 7 arrays in each other/],
    'eight arrays in each other'
        => ["*1\r\n" x 8 . ":1\r\n", qr/answers with .* or 7 arrays in/],
    'half an answer' => [["+PO", 1], qr/ closed the connection;/],
    'no answer but the end' => [undef, qr/ closed the connection;/],
    'two answers to one question'
        => ["+PONG\r\n-ERR what\e[31m\r\n",
            qr/answers what was not asked: "ERR what\?\[31m"/],
    'a write that a replica refuses'
        => ["-READONLY You can't write against a read only replica.\r\n",
            qr/is a replica now, which takes no writes: its master is looked/],
);

for my $name (sort keys %strange) {
    my ($answer, $pattern) = @{$strange{$name}};
    my $fake = RedisServer->fake(SCRIPT => $answer);

    $t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
    $t->wait_log($pattern);
    wait_until { $fake->connections >= 3 } 'more tries';
    like($t->log, qr/\[error\].*$pattern/, $name);
    is(told($t, qr/is connected/) >= told($t, $pattern), 1,
       "$name: told once for each connection");
    $t->finish;
    $fake->crash;
}


# What is large, but not too large.

my $fake = RedisServer->fake(SCRIPT => "*3\r\n\$3000000\r\n" . 'x' x 3_000_000
                                       . "\r\n*131072\r\n"
                                       . ":1\r\n" x 131_072
                                       . "*1\r\n" x 6 . ":1\r\n");

$t = $fake->nginx("redis://127.0.0.1:%%REDIS%% timeout=30s")->start;
wait_until { (grep { /^SCRIPT / } $fake->commands) >= 5 } 'several answers',
           20;
is($fake->connections, 1, 'large answers are taken');
$t->finish;
$fake->crash;


# Who closes at once each time is told of once, and not asked in a hurry.

$fake = RedisServer->fake(ROLE => undef);
$t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
wait_until { $fake->connections >= 5 } 'five tries';
is(told($t, qr/redis of zone/), 1, 'five failures, one line');
$t->finish;
$fake->crash;


# Who has no room for another client says so, asked or not.

$fake = RedisServer->fake(ROLE => "-ERR max number of clients reached\r\n");
$t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
$t->wait_log(line('refuses: "ERR max number of clients reached": see what it',
                  'lacks'));
$t->finish;
$fake->crash;

$fake = RedisServer->fake(ROLE => "-ERR unknown command 'ROLE'\r\n");
$t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
connected($t, 1);
pass('a Redis that knows nothing of roles');
$t->finish;
$fake->crash;


# MOVED is followed once.

$fake = RedisServer->fake(SCRIPT => '-MOVED 12 127.0.0.1:' . $redis->port
                                  . "\r\n");
$t = $fake->nginx("redis://127.0.0.1:%%REDIS%% $patient")->start;
wait_until { $redis->clients == 1 } 'the move';
like($t->log, qr/has moved it to "127\.0\.0\.1" port \d+$/m, 'a move is told');
is($fake->connections, 1, 'and followed');
$redis->cli('CLIENT', 'KILL', 'TYPE', 'normal');
wait_until { $fake->connections >= 2 && $redis->clients == 1 } 'the next move';
pass('after a loss it begins with what was configured');
$t->finish;

my $other = RedisServer->fake(SCRIPT => "-MOVED 12 :" . $fake->port . "\r\n");

$t = $fake->nginx('redis://127.0.0.1:' . $other->port . " $patient")->start;
wait_until { $redis->clients == 0 && $other->connections >= 3 } 'a circle';
like($t->log, qr/answers "MOVED 12 127.*", one such answer is followed: name/,
     'a second move is not followed');
$t->finish;
$fake->crash;
$other->crash;

done_testing();
