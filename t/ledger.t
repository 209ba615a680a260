# The ledger: one line for each request that was settled, all of it right,
# whole whatever text is in it and however many write at once; and a folder
# that cannot be written stops nothing and, in the end, loses nothing.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Encode qw(decode FB_CROAK);
use JSON::PP ();

my @members = qw(
    type id started timestamp request_id upstream_id team_id user_id
    customer_id key_id model response_model price_id prompt_tokens
    completion_tokens total_tokens cached_tokens cache_write_tokens
    reasoning_tokens cost_usd status source stream duration_ms labels
);

my $full = '{"id":"chatcmpl-7","model":"m-2026","choices":[],"usage":'
           . '{"prompt_tokens":250,"completion_tokens":200,'
           . '"total_tokens":450,"prompt_tokens_details":'
           . '{"cached_tokens":100,"cache_write_tokens":50},'
           . '"completion_tokens_details":{"reasoning_tokens":150}}}';

my $hostile = "{\"id\":\"\xff\xfe\\u0000\\u001f\\\"},{\\\"type\\\":\\\"\","
              . "\"model\":\"{\\\"type\\\":\\\"\xc3(\\ud800\\n" . 'x' x 200
              . '","choices":[],"usage":{"prompt_tokens":1,'
              . '"completion_tokens":1}}';


# What the provider serves follows from the request's seed.

sub served
{
    my ($seed) = @_;

    return ($seed * 7919 % 997, $seed * 104729 % 313);
}


my $upstream = RawUpstream->start(
    '/full/v1/chat/completions'    => { json => $full },
    '/stream/v1/chat/completions'  => { sse => [sse(10, 5, 'one')] },
    '/error/v1/chat/completions'   => { status => 500, json => usage(9, 9) },
    '/none/v1/chat/completions'    => { json => '{"choices":[]}' },
    '/hostile/v1/chat/completions' => { json => $hostile },
    '/many/v1/chat/completions'    => sub {
        my ($seed) = $_[0]{body} =~ /"seed":(\d+)/;

        return $seed % 3 ? { json => usage(served($seed)) }
                         : { sse => [sse(served($seed), 'one', 'two')] };
    },
    '*'                            => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    workers => 4,
    limits => 'rpm=100k tpm=1000m budget=1000',
    http => 'llm_price m-2026 input=1.5 output=9 cached=0.15 cache_write=2;',
    server => <<'EOF'
        llm_user $http_x_user;

        location /hostile/ {
            llm_unpriced allow;
            proxy_pass http://provider;
        }
EOF
);

$t->start;


# A line.

my $answer = $t->chat('full', path => '/full/v1/chat/completions',
                      headers => ['X-User' => 'alice'],
                      body => '{"model":"m","user":"customer-1"}');
my $line = $t->line('full');
my ($raw) = grep { /"team_id":"full"/ } $t->raw_lines;

is(join(' ', $raw =~ /"(\w+)":/g), "@members", 'its members');

my %expected = (
    type => 'usage', upstream_id => 'chatcmpl-7', team_id => 'full',
    user_id => 'alice', customer_id => 'customer-1', key_id => '',
    model => 'm', response_model => 'm-2026', price_id => 'm-2026',
    request_id => $answer->{headers}{'x-request-id'}, source => 'upstream',
);

is($line->{$_}, $expected{$_}, $_) for sort keys %expected;

# 100 cached, 50 written to the cache, 100 others of input, 200 of output
like($raw, qr/,"prompt_tokens":250,"completion_tokens":200,/, 'tokens');
like($raw, qr/,"total_tokens":450,"cached_tokens":100,/, 'more tokens');
like($raw, qr/,"cache_write_tokens":50,"reasoning_tokens":150,/, 'and more');
like($raw, qr/,"cost_usd":0\.002065,"status":200,/, 'an exact cost');
like($raw, qr/,"stream":false,"duration_ms":\d+,"labels":\{\}\}$/, 'the end');

my $time = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;

like($line->{$_}, qr/^$time$/, "form of $_") for qw(started timestamp);
cmp_ok($line->{started}, 'le', $line->{timestamp}, 'it starts before it ends');
like($line->{id}, qr/^[0-9a-f]{16}-\d+$/, 'form of the id');

$t->chat($_, path => "/$_/v1/chat/completions") for qw(stream error none);

is($t->line('stream')->{stream}, JSON::PP::true, 'a stream');
is($t->line('error')->{status}, 500, 'an error');
is($t->line('error')->{cost_usd}, 0, 'an error costs nothing');
is($t->line('error')->{price_id}, '', 'and has no price');
is($t->line('none')->{source}, 'estimated', 'an estimate');

my @files = glob $t->state_dir . '/usage-*';

is(scalar @files, 1, 'one file for all workers');

my ($epoch) = $files[0] =~ m{/usage-\d{8}T\d{6}Z-([0-9a-f]{16})-0000\.jsonl$};

is($epoch, substr($line->{id}, 0, 16), 'its name has the epoch of the ids');
is((stat $files[0])[2] & 07777, 0600, 'nobody else may read it');
is((stat $t->state_dir)[2] & 07777, 0700, 'nor its folder');


# Hostile text.

my @texts = ('{"type":"', '"', '\\', '","cost_usd":0,"x":"', "\xc3\xa9",
             '<script>', '%00%0a', "' OR 1=1 --", '{"type":"usage"}');

for my $i (0 .. $#texts) {
    my $text = $texts[$i];
    my $name = JSON::PP->new->latin1->allow_nonref->encode($text);

    is($t->chat($text, path => '/hostile/v1/chat/completions',
                headers => ['X-User' => $text],
                body => "{\"model\":$name,\"user\":$name}")->{status}, 200,
       "hostile text $i passes");

    my $decoded = decode('UTF-8', my $bytes = $text);
    my $line = $t->line($decoded);

    is(join('|', @$line{qw(team_id user_id customer_id model)}),
       join('|', ($decoded) x 4), "hostile text $i comes out as it was");
}

for my $user ("\xff\xfe", "a\\u0000b", "a\\nb", 'x' x 1000, ' ') {
    my $team = 'customer-' . unpack 'H*', substr $user, 0, 4;

    is($t->chat($team, body => "{\"model\":\"m\",\"user\":\"$user\"}")
         ->{status}, 200, 'an odd customer passes');
    like($t->line($team)->{customer_id}, qr/^sha256:[0-9a-f]{32}$/,
         'an odd customer has a name that is a sum');
}

is($t->chat("bad\xff")->{status}, 400, 'an ID that is not UTF-8 is refused');
is($t->chat('x' x 129)->{status}, 400, 'an ID that is too long is refused');


# Many at once: the sum of the ledger is what the provider served, and what
# the zone has.

my @requests = map {
    ['POST', '/many/v1/chat/completions', "{\"model\":\"m\",\"seed\":$_}",
     'X-Team' => 'many-' . $_ % 3]
} 1 .. 400;

my %status;

for (my $i = 0; $i < @requests; $i += 50) {
    $status{$_->{status}}++ for $t->parallel(@requests[$i .. $i + 49]);
}

is(join(' ', %status), '200 400', 'many at once');

my (%served, %charged);

for my $request ($upstream->requests('/many/v1/chat/completions')) {
    my ($seed) = $request->{body} =~ /"seed":(\d+)/;
    my ($input, $output) = served($seed);
    my $team = $served{$request->{headers}{'x-team'}} //= [0, 0, 0];

    $team->[0]++;
    $team->[1] += $input + $output;
    $team->[2] += $input + 10 * $output;
}

wait_until { (() = $t->lines) == 400 + @texts + 5 + 4 } 'all lines';

for my $line ($t->lines) {
    my $team = $charged{$line->{team_id}} //= [0, 0, 0];

    $team->[0]++;
    $team->[1] += $line->{total_tokens};
    $team->[2] += sprintf '%.0f', $line->{cost_usd} * 1e6;
}

for my $team (sort keys %served) {
    my ($requests, $tokens, $micro) = @{$served{$team}};

    is("@{$charged{$team}}", "@{$served{$team}}",
       "$team: the ledger has what was served");
    is($t->used($team), "$requests $tokens " . $micro / 1e6,
       "$team: so has the zone");
}


# Of all that was written:

my ($whole, $begins, %ids) = (0, 0);

for my $raw ($t->raw_lines) {
    $whole += eval { decode('UTF-8', my $bytes = $raw, FB_CROAK); 1 }
              && $raw !~ /[\x00-\x1f\x7f]/;
    $begins += $raw =~ /^\{"type":"/ && (() = $raw =~ /\{"type":"/g) == 1;
}

my $lines = () = $t->raw_lines;

is($whole, $lines, 'all lines are UTF-8, without controls');
is($begins, $lines, 'what begins a line is nowhere else in one');

$ids{$_->{id}}++ for $t->lines;
is(scalar(keys %ids), $lines, 'no id is there twice');

$t->finish;


# A folder that cannot be written.

sub count
{
    my ($t, $pattern) = @_;

    return scalar(() = $t->log =~ /$pattern/g);
}


$t = LLMGateway->new(upstream => $upstream);
$t->start;
$t->expect_log(qr/\[crit\].*llm_quota (?:ledger|store)/);

chmod 0, $t->state_dir or die "chmod: $!\n";

is($t->chat("unwritable-$_")->{status}, 200, 'unwritable: served on')
    for 1 .. 5;
is($t->used('unwritable-1'), '1 15 0.00006', 'unwritable: and counted');
$t->wait_log(qr/open\(\) for llm_quota ledger ".*" failed/);

# only time shows that it was tried again
sleep 2;
chmod 0700, $t->state_dir or die "chmod: $!\n";

is($t->charge("unwritable-$_"), '10 5 upstream', 'written in the end')
    for 1 .. 5;
is(count($t, qr/\[crit\].*llm_quota ledger/), 1, 'unwritable: told once');
is(count($t, qr/is written again/), 1, 'and that it is over');
$t->chat('afterwards');
is($t->charge('afterwards'), '10 5 upstream', 'afterwards');
is(scalar $t->lines, 6, 'no line twice');
$t->finish;


# A full disk.

my $mounted;

END {
    if (defined $mounted && LLMBase::is_owner()) {
        my $status = $?;

        system 'umount', '-l', $mounted;
        $? = $status;
    }
}

SKIP: {
    $t = LLMGateway->new(upstream => $upstream);

    my $dir = $t->state_dir;
    my $log = $t->dir . '/logs/mount';

    mkdir $dir;
    system("mount -t tmpfs -o size=2m llm-quota $dir > $log 2>&1") == 0
        or skip 'no file system can be mounted here', 18;

    $mounted = $dir;

    $t->start;
    $t->expect_log(qr/\[crit\].*llm_quota (?:ledger|store)/);

    $t->chat('room');
    $t->line('room');

    open my $fh, '>', "$dir/filler" or die "$dir/filler: $!\n";
    1 while syswrite $fh, 'x' x 4096;
    close $fh;

    # more than fits in what is left of the last page
    is($t->chat("full-$_")->{status}, 200, 'full: served on') for 1 .. 12;
    $t->wait_log(qr/write\(\) for llm_quota ledger ".*" failed/);
    cmp_ok((() = $t->raw_lines), '<', 13, 'full: not all is written');

    unlink "$dir/filler";

    wait_until { $t->lines == 13 } 'all lines';
    is(join(' ', map { $t->charge("full-$_") } 1 .. 12),
       join(' ', ('10 5 upstream') x 12), 'all written in the end');
    is(count($t, qr/\[crit\].*llm_quota ledger/), 1, 'full: told once');
    is(count($t, qr/is written again/), 1, 'and that it is over');
    $t->finish;
}


# A zone that remembers nothing.

$t = LLMGateway->new(upstream => $upstream, zone => 'zone=main:1m');
$t->start;

is($t->chat('forgotten')->{status}, 200, 'without state=');
is($t->used('forgotten'), '1 15 0.00006', 'it counts');
like($t->log, qr/\[notice\].*"main" has no "state=DIR"/, 'it is told');
$t->finish;
is(join(' ', `find @{[$t->dir]} -name 'usage-*'`), '', 'it writes nothing');

done_testing();
