# What only shows over several requests or processes: limits that held
# requests, other teams' answers or invented names could take the strength of,
# and lines of the ledger that a death or a full disk cuts.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start(
    '/held/v1/chat/completions'   => { json => usage(10, 5), hold => 'gate' },
    '/poison/v1/chat/completions' => sub {
        return { json => usage(3 * length $_[0]{body}, 5) };
    },
    '/silent/v1/chat/completions' => {
        json => '{"choices":[{"message":{"content":"' . 'x' x 400 . '"}}]}'
    },
    '*'                           => { json => usage(10, 5) },
);


my $t = LLMGateway->new(
    upstream => $upstream, limits => 'rpm=5 budget=1000',
    http => 'llm_price flat request=0.25;', server => 'llm_reserve strict;'
);

$t->start;


# What others have taught of a model does not carry an estimate over a bound,
# and more tokens than bytes teach nothing.

my $body = '{"model":"m","max_tokens":5}';

$t->chat('poison', path => '/poison/v1/chat/completions');
$t->chat('strict', path => '/silent/v1/chat/completions', body => $body);
is($t->charge('strict'), length($body) / 4 . ' 5 estimated',
   'strict: an estimate is never over its bound');


# A bound that is larger than any answer leaves room for others to be counted.

my $held = $t->ask('huge', path => '/held/v1/chat/completions',
                   body => '{"model":"flat","max_tokens":4503599627370497,'
                           . '"n":2147483648}');

wait_until { $upstream->waiting('gate') } 'the request to be held';

is(join(' ', map { $t->chat('huge')->{status} } 1 .. 5), '200 200 200 200 429',
   'a huge cap: the others are counted');
$upstream->release('gate');
is($held->answer->{status}, 200, 'a huge cap: passes');
$t->finish;


# Names that are invented until the zone has no room for another.

$t = LLMGateway->new(
    upstream => $upstream, limits => 'rpm=5 tpm=100m budget=1000',
    zone => 'zone=main:512k state=%%DIR%%/tmp/state',
    server => 'llm_customer_limit default rpm=1000;'
);

$t->start;
$t->expect_log(qr/\[crit\].*llm_quota zone "main" is full/);

sub customer
{
    my ($team, $name) = @_;

    return $t->chat($team, body => "{\"model\":\"m\",\"user\":\"$name\"}")
             ->{status};
}

is(customer('known', 'first'), 200, 'full: there is room');

for (my $i = 0; $i < 1000 && $t->log !~ /is full/; $i++) {
    customer("other-$i", "other-$i");
}

is(join(' ', map { customer('known', "new-$_") } 1 .. 6),
   '200 200 200 200 429 429', 'full: the limits of who is known hold');
is($t->used('known'), '5 75 0.0003', 'full: who is known is counted');
is(() = $t->lines('known'), 5, 'full: what passes has its line');
is(() = $t->log =~ /is full/g, 1, 'full: told once a minute');
$t->finish;


# Writes of the ledger that do not end as usual, by a library in between.

my $library = <<'EOF_C';
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static char  dir[256];
static int   full;


__attribute__((constructor)) static void
setup(void)
{
    snprintf(dir, sizeof(dir), "%s", getenv("LLM_WRITES"));
}


static int
is_set(const char *name, int take)
{
    char  path[300];

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    return take ? unlink(path) == 0 : access(path, F_OK) == 0;
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    char     link[64], path[512];
    ssize_t  len;

    static ssize_t  (*next)(int, const void *, size_t);

    if (next == NULL) {
        next = (ssize_t (*)(int, const void *, size_t))
                   dlsym(RTLD_NEXT, "write");
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';

    if (strstr(path, "/usage-") == NULL) {
        return next(fd, buf, n);
    }

    if (full && is_set("full", 0)) {
        errno = ENOSPC;
        return -1;
    }

    if (is_set("die", 1)) {
        next(fd, buf, n);
        raise(SIGKILL);
    }

    if (is_set("tear", 1)) {
        next(fd, buf, n - 100);
        raise(SIGKILL);
    }

    if (is_set("short", 1)) {
        full = 1;
        return next(fd, buf, n - 100);
    }

    return next(fd, buf, n);
}
EOF_C


# What a reader finds: the whole lines, of which a piece may stand before one
# or between two.

sub found
{
    my ($t, $team) = @_;

    my @found;

    for my $text (split /(?=\{"type":")/,
                  join '', map { LLMBase::slurp($_) }
                           glob $t->state_dir . '/usage-*')
    {
        my $line = eval { JSON::PP->new->decode($text =~ s/\n.*//sr) } or next;

        push @found, $line if $line->{team_id} eq $team;
    }

    return @found;
}


# nginx with the library, and what the next write of a line shall come to.

sub start
{
    my (%options) = @_;

    my $t = LLMGateway->new(upstream => $upstream, %options);
    my $dir = $t->dir . '/tmp';

    LLMBase::spew("$dir/writes.c", $library);
    system("cc -shared -fPIC -o $dir/writes.so $dir/writes.c -ldl") == 0
        or die "cc\n";

    # the workers take away what orders them
    chmod 0777, $dir;

    local @ENV{qw(LLM_WRITES LD_PRELOAD)} = ($dir, "$dir/writes.so");

    return $t->start;
}


sub order
{
    my ($t, @orders) = @_;

    LLMBase::spew($t->dir . "/tmp/$_", '') for @orders;
}


SKIP: {
    skip 'a library cannot come before that of a sanitizer', 19
        if $LLMBase::mode =~ /sanitize|valgrind/;

    $t = start();

    my $swept = 0;

    for my $how (qw(die tear)) {
        my ($worker) = $t->workers;

        $t->expect_log(qr/worker process $worker exited on signal 9/);
        order($t, $how);
        $t->chat($how);

        wait_until { my ($new) = $t->workers; $new && $new != $worker }
            'a new worker';
        wait_until { (() = $t->log =~ /: 1 requests of processes that died/g)
                     > $swept } 'the sweep';
        $swept++;

        # with a line of a new request those before it are written
        $t->chat("$how-last");
        wait_until { found($t, "$how-last") } 'the last line';

        my @found = found($t, $how);

        is(scalar @found, 1, "$how: one line, neither lost nor doubled");
        is($found[0]{total_tokens}, 15, "$how: what was used");
        is($found[0]{source}, 'upstream', "$how: as it was settled");
        is($t->used($how), '1 15 0.00006', "$how: counted once");
    }

    # the segment that has it is not among the newest any more: while the one
    # that sweeps is stopped others go on

    my $before = $t;

    $t = start(workers => 3, limits => 'rpm=100k tpm=100m',
               zone => 'zone=main:1m state=%%DIR%%/tmp/state segment=64k');
    $t->expect_log(qr/worker process \d+ exited on signal 9/);

    my ($leader) = sort { $a <=> $b } $t->workers;

    kill 'STOP', $leader;

    # or a connection could still be given to it
    wait_until { LLMBase::slurp("/proc/$leader/stat") =~ /\) T / }
        'it to stop';

    order($t, 'die');
    $t->chat('far');
    $t->wait_log(qr/exited on signal 9/);

    until ((() = glob $t->state_dir . '/usage-*') > 3) {
        $t->parallel(map { ['POST', '/v1/chat/completions',
                            '{"model":"m","max_tokens":1}',
                            'X-Team' => 'many'] } 1 .. 50);
    }

    kill 'CONT', $leader;
    $t->wait_log(qr/: 1 requests of processes that died/);
    $t->chat('far-last') for 1 .. 10;
    wait_until { found($t, 'far-last') == 10 } 'the last lines';
    is(() = found($t, 'far'), 1, 'far: one line');
    $t->finish;
    $t = $before;

    # nobody writes in between

    $t->expect_log(qr/\[crit\].*write\(\) for llm_quota ledger/);
    order($t, qw(full short));
    $t->chat('short');
    $t->wait_log(qr/write\(\) for llm_quota ledger ".*" failed/);
    is(() = found($t, 'short'), 0, 'short: the line is cut');
    unlink $t->dir . '/tmp/full';
    $t->wait_log(qr/is written again/);

    my ($short) = grep { /^\{.*"team_id":"short".*\}$/ } $t->raw_lines;

    is(eval { JSON::PP->new->decode($short)->{total_tokens} }, 15,
       'short: and complete in the end');
    $t->finish;

    # another worker does

    $t = start(workers => 2);
    $t->expect_log(qr/\[crit\].*write\(\) for llm_quota ledger/);
    order($t, qw(full short));
    $t->chat('cut');
    $t->wait_log(qr/write\(\) for llm_quota ledger ".*" failed/);

    my $n = 0;

    wait_until {
        $t->chat('between-' . ++$n);
        grep { found($t, "between-$_") } 1 .. $n;
    } 'a line of the other worker';

    unlink $t->dir . '/tmp/full';
    $t->wait_log(qr/is written again/);

    my @teams = ('cut', map { "between-$_" } 1 .. $n);

    is(join(' ', map { scalar(() = found($t, $_)) } @teams),
       join(' ', (1) x @teams), 'between: each line is there, once');
    $t->finish;
}

done_testing();
