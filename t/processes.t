# Processes come and go: what was counted stays, what was in flight is settled
# once, by whoever is left to do it.

use lib 't/lib';
use LLMGateway;
use LLMUpgrade;
use RawUpstream;

my @events = sse(10, 5, 'x' x 40, 'last');

my $upstream = RawUpstream->start(
    '/held/v1/chat/completions'   => { json => usage(10, 5), hold => 'held' },
    '/stream/v1/chat/completions' => { sse => \@events, hold => 'stream',
                                       hold_at => length "$events[0]\n\n" },
    '*'                           => { json => usage(10, 5) },
);

my $server = <<'EOF';
        location /one/ {
            llm_team_limit default parallel=1;
            proxy_pass http://provider/;
        }
EOF


# The model of each team is new: estimated are 4 bytes for a token.

sub body { return "{\"model\":\"e-$_[0]\",\"max_tokens\":7}" }
sub input { return int((3 + length body($_[0])) / 4) }


# "requests tokens dollars" of one request with such an estimate

sub once
{
    my ($team, $output) = @_;

    my $dollars = sprintf '%.6f', (input($team) + 10 * $output) / 1e6;

    $dollars =~ s/0+$//;

    return '1 ' . (input($team) + $output) . " $dollars";
}


sub gateway
{
    my (%options) = @_;

    my $http = delete $options{http} // '';

    # a worker that is to end need not wait for clients that we have left open

    return LLMGateway->new(upstream => $upstream, server => $server, %options,
                           http => "llm_price e-* input=1 output=10;
                                    lingering_close off; $http");
}


# A stream that has begun, and a request that has no answer yet.

sub stream
{
    my ($t, $team, $path) = @_;

    my $client = $t->ask($team, body => body($team),
                         path => ($path // '') . '/stream/v1/chat/completions');

    is($client->event, $events[0], "$team: a stream has begun");

    return $client;
}


sub held
{
    my ($t, $team) = @_;

    my $n = $upstream->waiting('held');
    my $client = $t->ask($team, path => '/held/v1/chat/completions',
                         body => body($team));

    wait_until { $upstream->waiting('held') == $n + 1 } 'a request in flight';

    return $client;
}


sub let_go
{
    for my $gate ('stream', 'held') {
        $upstream->release($gate, $upstream->waiting($gate));
        wait_until { $upstream->waiting($gate) == 0 } 'the upstream';
    }
}


# Reloads: the counters stay, and other limits apply to them at once.

my $t = gateway(workers => 2, limits => 'rpm=5 tpm=1000 budget=1000');

$t->start;

is($t->chat('reload')->{status}, 200, 'before a reload') for 1 .. 3;
is($t->used('reload'), '3 45 0.00018', 'before a reload');
$t->reload(limits => 'rpm=3 tpm=1000 budget=1000');
is($t->used('reload'), '3 45 0.00018', 'a reload forgets nothing');
is($t->chat('reload')->{status}, 429, 'a lower limit applies');
$t->reload(limits => 'rpm=1000 tpm=46 budget=1000');
is($t->chat('reload')->{status}, 200, 'a higher limit applies');
is($t->chat('reload')->{status}, 429, 'another limit applies');
$t->reload(limits => 'rpm=1000 tpm=1000 budget=0.0002');
is($t->chat('reload')->{status}, 403, 'a budget that is spent applies');
$t->reload(limits => 'rpm=1000 tpm=100m budget=1000');
is($t->used('reload'), '4 60 0.00024', 'nothing is forgotten or added');
is(scalar $t->lines('reload'), 4, 'nor in the ledger');
is(() = glob($t->state_dir . '/usage-*'), 1, 'which has one file');


# A reload while a stream goes on: the old worker settles into the zone.

my $client = stream($t, 'goes-on', '/one');

$t->reload(keep_old => 1);
is($t->chat('goes-on', path => '/one/v1/chat/completions')->{status}, 429,
   'new workers know what is in flight');
let_go();
is($client->answer->{body}, join('', map { "$_\n\n" } @events[1 .. 3]),
   'the stream goes on');
is($t->charge('goes-on'), '10 5 upstream', 'and is charged');
is($t->chat('goes-on', path => '/one/v1/chat/completions')->{status}, 200,
   'what it held is free');
wait_until { $t->children == 2 } 'the old workers to end';


# An old worker that is not given the time.

$t->reload(main => 'worker_shutdown_timeout 100ms;');
$client = stream($t, 'no-time');
$t->reload(main => '');
is($t->charge('no-time'), input('no-time') . ' 10 estimated',
   'what was seen is charged');
is($t->used('no-time'), once('no-time', 10), 'and nothing is held');
let_go();


# kill -9: another worker settles with what was expected.

my @clients = (stream($t, 'killed-stream'), held($t, 'killed-held'));

$t->kill_worker($_) for $t->workers;

for my $team ('killed-stream', 'killed-held') {
    is($t->charge($team), input($team) . ' 7 estimated',
       "$team: what was expected");
    is($t->used($team), once($team, 7), "$team: nothing is held");
    is($t->line($team)->{model}, "e-$team", "$team: the model");
}

like($t->log, qr/\[warn\].*requests of processes that died were settled/,
     'it is told');
let_go();


# kill -9 of a worker that could not write its lines: they are written from
# what the zone has.

$t->expect_log(qr/\[crit\].*llm_quota (?:ledger|store)/);
$t->reload(workers => 1);
chmod 0, $t->state_dir or die "chmod: $!\n";
is($t->chat('unwritten')->{status}, 200, 'no line can be written');
$t->kill_worker($t->workers);
chmod 0700, $t->state_dir or die "chmod: $!\n";
is($t->charge('unwritten'), '10 5 upstream', 'it is written by another');
like($t->used('unwritten'), qr/^1 15 /, 'and counted once');

my $lines = () = $t->lines;

$t->settle_all;
is(scalar $t->lines, $lines + 1, 'nothing is written again');
$t->finish;


# QUIT waits, TERM does not.

$t = gateway();
$t->start;
$client = held($t, 'quit');
kill 'QUIT', $t->master;
wait_until { !$t->connect } 'nginx to listen no more';
let_go();
is($client->answer->{status}, 200, 'QUIT: answered');
$t->quit;
is($t->charge('quit'), '10 5 upstream', 'QUIT: charged');

$t->start;
@clients = (stream($t, 'term-stream'), held($t, 'term-held'));
$t->stop;
is($t->charge('term-stream'), input('term-stream') . ' 10 estimated',
   'TERM: what was seen is charged');
is($t->line('term-held')->{completion_tokens}, 0, 'TERM: nothing was seen');
is(() = glob($t->state_dir . '/usage-*'), 2, 'each start has a file of its own');
let_go();


# nginx -t beside it.  What SQLite shares between those who read changes with
# each of them.

sub files
{
    return join '', map { $_, LLMBase::slurp($_) }
                    grep { !/-shm$/ } glob $t->state_dir . '/*';
}

$t->start;
$t->chat('test');
wait_until { $t->stored('test') eq '1 15 60000' } 'the line to be carried';

my $before = files();

is(($t->check)[0], 0, 'nginx -t');
is(files(), $before, 'nginx -t writes nothing');
is($t->used('test'), '1 15 0.00006', 'and changes nothing');
$t->finish;


# The cache's processes have no part in it.

sub manager
{
    my ($t) = @_;

    return wait_until {
        (grep { LLMTest::title($_) =~ /cache manager process$/ }
              $t->children)[0]
    } 'a cache manager';
}


SKIP: {
    skip 'under valgrind all processes look alike', 6
        if $LLMBase::mode eq 'valgrind';

    $t = gateway(
        http => 'proxy_cache_path %%DIR%%/tmp/cache keys_zone=cache:1m;'
    );
    $t->start;

    my $killed = manager($t);

    $client = held($t, 'cache');
    $t->expect_log(qr/cache manager process $killed exited on signal 9/);
    kill 'KILL', $killed;
    wait_until { manager($t) != $killed } 'another one';

    # only time shows that no sweep takes it for a dead worker's
    sleep 2;
    $t->chat('cache-2');
    is($t->charge('cache-2'), '10 5 upstream', 'it goes on');
    is($t->used('cache'), once('cache', 7), 'what is in flight is');
    let_go();
    is($client->answer->{status}, 200, 'the answer');
    is($t->charge('cache'), '10 5 upstream', 'is charged');
    $t->finish;
}


# One process.

$t = gateway(workers => 0, main => 'master_process off;');
$t->start;

$t->chat('single');
is($t->charge('single'), '10 5 upstream', 'one process: charged');
$client = stream($t, 'single-stream');
$t->stop;
is($t->charge('single-stream'), input('single-stream') . ' 10 estimated',
   'one process: TERM');
let_go();
$t->finish;


# Two zones.

$t = gateway(
    http => 'llm_quota_zone zone=other:1m state=%%DIR%%/tmp/other;',
    server => <<'EOF'
        location /other/ {
            llm_quota other;
            proxy_pass http://provider;
        }
EOF
);
$t->start;
$t->chat('zones');
$t->chat('zones', path => '/other/v1/chat/completions') for 1 .. 3;
is($t->used('zones'), '1 15 0.00006', 'two zones: each counts its own');
is($t->charge('zones'), '10 5 upstream', 'two zones: one line here');
wait_until { $t->ledger($t->dir . '/tmp/other') == 3 } 'three lines there';
pass('two zones: each has its ledger');
$t->finish;


# A zone that is full.

$t = gateway(
    zone => 'zone=main:512k state=%%DIR%%/tmp/state',
    server => <<'EOF'
        location /closed/ {
            llm_quota main fail=closed;
            proxy_pass http://provider;
        }
EOF
);
$t->start;
$t->expect_log(qr/\[crit\].*llm_quota zone "main" is full/);

is($t->chat('early')->{status}, 200, 'there is room');

for (my $i = 0; $i < 1000 && $t->log !~ /is full/; $i += 20) {
    is(join(' ', map { $_->{status} }
            $t->parallel(map { ['POST', '/v1/chat/completions', body('many'),
                                'X-Team' => "many-$_"] } $i .. $i + 19)),
       join(' ', (200) x 20), "full or not, they pass: $i");
}

like($t->log, qr/\[crit\].*llm_quota zone "main" is full/, 'full: it is told');
is($t->chat('late')->{status}, 200, 'fail=open: passes');

my $answer = $t->chat('late', path => '/closed/v1/chat/completions');

is($answer->{status}, 503, 'fail=closed: does not');
like($answer->{body}, qr/"code":"service_unavailable"/, 'and says so');
is($t->used('late'), '0 0 0', 'neither is counted');
is($t->chat('early', path => '/closed/v1/chat/completions')->{status}, 200,
   'who is known passes');
is($t->used('early'), '2 30 0.00012', 'and is counted');
$t->finish;


# Models that nobody limits do not fill it.

$t = gateway(
    zone => 'zone=main:512k state=%%DIR%%/tmp/state',
    server => <<'EOF'
        llm_model_limit gpt rpm=100;
        llm_team_model_limit default gpt rpm=100;
EOF
);
$t->start;

for (my $i = 0; $i < 500; $i += 50) {
    is(join(' ', map { $_->{status} }
            $t->parallel(map { ['POST', '/v1/chat/completions',
                                qq({"model":"e-invented-$_"}),
                                'X-Team' => 'a'] } $i .. $i + 49)),
       join(' ', (200) x 50), "models that clients invent: $i");
}

unlike($t->log, qr/is full/, 'models that clients invent do not fill a zone');
$t->finish;


# Of a zone that is replaced the last worker to end settles what one that was
# killed held.

$t = gateway(workers => 2, server => $server . <<'EOF');
        location /pid/ {
            add_header X-Pid $pid;
            proxy_pass http://provider/;
        }
EOF

$t->start;

my (%of, @clients);

until (keys %of == 2) {
    my $team = 'replaced-' . @clients;

    push @clients, stream($t, $team, '/pid');
    push @{$of{$clients[-1]{answer}{headers}{'x-pid'}}}, $team;
}

my ($dead) = keys %of;

$t->reload(zone => 'zone=main:1088k state=%%DIR%%/tmp/state', keep_old => 1);
$t->expect_log(qr/worker process $dead exited on signal 9/);
kill 'KILL', $dead;
$t->wait_log(qr/worker process $dead exited on signal 9/);
let_go();
is((split / /, $t->charge($_))[2], 'estimated', "$_: is charged")
    for @{$of{$dead}};
$t->finish;



# A binary upgrade.

SKIP: {
    skip 'valgrind does not follow', 10 if $LLMBase::mode eq 'valgrind';

    $t = gateway();

    my $old = start_daemon($t);

    $client = stream($t, 'old');

    my $new = upgrade($old, $t);

    kill 'QUIT', $old;
    wait_until { $t->log =~ /\[notice\] $old#\d+: signal 3 / } 'the end';

    # the old worker listens no more as soon as it was told
    wait_until { $t->log =~ /gracefully shutting down/ } 'the end to begin';

    is($t->chat('new')->{status}, 200, 'upgrade: the new one answers');
    is($t->charge('new'), '10 5 upstream', 'upgrade: and charges');

    let_go();
    is($client->answer->{body}, join('', map { "$_\n\n" } @events[1 .. 3]),
       'upgrade: the old stream goes on');
    is($t->charge('old'), '10 5 upstream', 'upgrade: and is charged');
    is(() = glob($t->state_dir . '/usage-*'), 2, 'upgrade: each has its file');

    end_master($old);
    is($t->chat('newer')->{status}, 200, 'upgrade: the new one goes on');
    is($t->charge('newer'), '10 5 upstream', 'upgrade: and charges');

    end_master($new);
    end_daemon($t);
}

done_testing();
