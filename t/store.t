
# The store in nginx's threads: order, bounds, what is canceled, what is left
# at the end of a process.  A module of the tests' own calls it over HTTP.

use lib 't/lib';
use LLMTest;
use IO::Handle;

my %options = (
    plain    => ['build/nginx', 'build/t', ''],
    valgrind => ['build/nginx', 'build/t', ''],
    sanitize => ['build/sanitize/module', 'build/t/sanitize',
                 '-fno-omit-frame-pointer -fsanitize=address,undefined'
                 . ' -fno-sanitize-recover=all -DNGX_DEBUG_PALLOC=1'
                 . ' -Wl,-z,nodelete'],
);

my ($tree, $out, $flags)
    = map { s{^(?=build)}{$LLMBase::root/}r } @{$options{$LLMBase::mode}};

my $said = `make -s -C $LLMBase::root/t/module tree=$tree out=$out \\
                 CFLAGS="$flags" 2>&1`;

is($said, '', 'the module of this test');

@LLMBase::modules = "$out/ngx_http_llm_store_test_module.so";


my %config = (
    workers => 2,
    main => 'thread_pool two threads=2;',
    server => 'location / { store_test %%DIR%%/tmp/state/ two; }',
);

sub nginx
{
    my $t = LLMTest->new(%config, @_);

    mkdir $t->dir . '/tmp/state';
    chmod 0777, $t->dir . '/tmp/state';

    return $t;
}


sub ask
{
    my ($t, $args) = @_;

    return $t->get("/?op=$args")->{body} =~ s/ $//r;
}


sub sql
{
    my ($t, $sql) = @_;

    my $file = $t->dir . '/tmp/state/quota.db';
    my $answer = `sqlite3 -readonly "$file" "$sql" 2>&1`;

    chomp $answer;

    return $answer;
}


sub sum
{
    return 0 + sql($_[0], "SELECT coalesce(sum(requests), 0) FROM meter");
}


sub offset
{
    return 0 + sql($_[0], 'SELECT coalesce(sum(offset), 0) FROM segment');
}


my $t = nginx;

$t->start;

is(ask($t, 'commit'), 'closed=1 disorder=0', 'no store is open');
$t->expect_log(qr/\[crit\].*the store is not open/);
is(ask($t, 'offset'), 'absent=1 offset=0', 'there is none to read');
is(ask($t, 'open&leader=1'), 'ok=1 event=1', 'it is made');
like($t->log, qr/\[notice\].*store of zone "test": ".*quota.db" is new/,
     'and told');

# either worker, each of which opens it when it is asked to

for (1 .. 8) {
    is(ask($t, 'open'), 'ok=1 event=0', 'and found');
}

my $n = 0;

for (1 .. 20) {
    my $answer = ask($t, "commit&from=$n");

    ok($answer eq 'ok=1 disorder=0' || $answer eq 'closed=1 disorder=0',
       "from any worker: $answer");
    $n++ if $answer =~ /^ok/;
    $t->get('/?op=open');
}

is(ask($t, 'offset'), "ok=1 offset=$n", 'what was committed is there');
is(ask($t, 'load'), "ok=1 sum=$n", 'once');
is(ask($t, 'backup'), 'ok=1', 'and in a backup');

$t->stop;


# One worker: order and bounds

$t = nginx(workers => 1);
$t->start;
is(ask($t, 'open&leader=1'), 'ok=1 event=1', 'one worker');

is(ask($t, 'commit&n=500'), 'ok=500 disorder=0', 'one after the other');
is(ask($t, 'offset&n=500'), 'ok=500 offset=500', 'many that read');
is(ask($t, 'commit&from=500&n=1500'), 'ok=1025 busy=475 disorder=0',
   'no more than a thousand may wait');
is(sum($t), 1525, 'and each counts once');
like(ask($t, 'offset&n=1500'), qr/^ok=1027 busy=473 offset=1525$/,
     'those that read likewise');
is(ask($t, 'commit&from=7'), 'conflict=1 disorder=0', 'at another offset');

# Clients that leave: changes are made, nobody is told.

my $client = $t->open('GET', '/?op=commit&from=1525&n=300');
wait_until { offset($t) > 1525 } 'it to begin';
undef $client;
wait_until { offset($t) == 1825 } 'the changes of one who left';
is(sum($t), 1825, 'are made');

for (1 .. 5) {
    $client = $t->open('GET', '/?op=offset&n=800');
    undef $client;
}

wait_until { ask($t, 'load') eq 'ok=1 sum=1825' } 'those who left to be gone';
pass('what nobody waits for takes no place');

# The file goes, and comes back

unlink glob $t->dir . '/tmp/state/quota.db*';
$t->expect_log(qr/\[crit\].*was deleted or replaced while it was open/);
is(ask($t, "commit&from=1825&n=3"), 'gone=3 disorder=0', 'a deleted file');
is(ask($t, 'open&leader=1'), 'ok=1 event=4', 'is written again');
is(ask($t, 'commit&from=1825&n=3'), 'ok=3 disorder=0', 'as it was');
is(ask($t, 'load'), 'ok=1 sum=1828', 'with all that it had');
is(() = $t->log =~ /\[crit\].*was deleted/g, 1, 'it is told once');
like($t->log, qr/\[error\].*was deleted while it was open, and written again/,
     'what was done');
is(() = $t->log =~ /\[notice\].*can be used again/g, 1, 'and that it is over');

# Reload, quit and stop with work in hand

$client = $t->open('GET', '/?op=commit&from=1828&n=700');
wait_until { offset($t) > 1828 } 'it to begin';
$t->reload;
is($client->answer->{body}, 'ok=700 disorder=0', 'through a reload');
is(ask($t, 'load'), 'ok=1 sum=2528', 'which the new worker sees');
like($t->log, qr/store_test: at exit ok, \d+ commits/, 'the old one ended');

is(ask($t, 'open&leader=1'), 'ok=1 event=0', 'the new one');

# somebody else has the file, until it is told to end

open my $lock, '|-', 'sqlite3', $t->dir . '/tmp/state/quota.db'
    or die "sqlite3: $!\n";
$lock->autoflush;
print $lock "BEGIN IMMEDIATE;\n.shell touch @{[$t->dir]}/locked\n";
wait_until { -e $t->dir . '/locked' } 'the lock';

$client = $t->open('GET', '/?op=commit&from=2528&n=900');
is(ask($t, 'load'), 'ok=1 sum=2528', 'one waits, others read');
kill 'TERM', $t->master;
$t->wait_log(qr/\] \d+#\d+: exiting\n(?!.*exit\n)\z/s);
close $lock;
$t->stop;

is(($t->log =~ /at exit ok, (\d+) commits/g)[-1], 1,
   'stopped in the middle: the one that ran was told');
is(offset($t), 2529, 'and no other was done');
is(sum($t), 2529, 'the sums are the offset\'s');

$t->start;
is(ask($t, 'open&leader=1'), 'ok=1 event=0', 'started again');
is(ask($t, 'load'), 'ok=1 sum=2529', 'it is all there');

# A kill

my ($worker) = $t->workers;
my $from = offset($t);

$client = $t->open('GET', "/?op=commit&from=$from&n=900");
wait_until { offset($t) > $from } 'it to begin';
$t->kill_worker($worker);
is(ask($t, 'open&leader=1'), 'ok=1 event=0', 'after a kill');
is(ask($t, 'load'), 'ok=1 sum=' . offset($t), 'the sums are the offset\'s');

$t->finish;


# Pools that are not there, and nginx without processes

my ($status, $what) = nginx(main => '')->check;

is($status, 1, 'a pool that is not made');
like($what, qr/unknown thread pool "two" in .*nginx.conf:\d+/,
     'is told where');

SKIP: {
    skip 'a single process is not waited for there', 6
        if $LLMBase::mode eq 'valgrind';

    $t = nginx(main => 'thread_pool two threads=1; master_process off;',
               workers => 0);
    $t->start;
    is(ask($t, 'open&leader=1'), 'ok=1 event=1', 'a single process');
    is(ask($t, 'commit&n=200'), 'ok=200 disorder=0', 'commits');
    is(ask($t, 'offset&n=200'), 'ok=200 offset=200', 'and reads');
    is(ask($t, 'load'), 'ok=1 sum=200', 'all that it had');
    $t->finish;
}

done_testing();
