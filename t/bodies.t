# Request bodies: however they come they are read, decided about, and passed
# on as they were; and what cannot be read counts for nothing.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Compress::Raw::Zlib qw(crc32 MAX_WBITS Z_FINISH Z_FULL_FLUSH);
use IO::Compress::Gzip qw(gzip);

my $upstream = RawUpstream->start(
    '/broken/v1/chat/completions' => { status => 503 },
    '*' => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { H2 => LLMBase::free_port() },
    http => <<'EOF',
    server {
        listen 127.0.0.1:%%H2%% http2;

        client_body_buffer_size 1k;
        client_max_body_size 1m;

        llm_quota main;
        llm_team $http_x_team;

        location / {
            proxy_pass http://provider;
        }

        location /refused/ {
            llm_team_limit default rpm=0;
            proxy_pass http://provider;
        }
    }
EOF
    server => <<'EOF',
        root %%DIR%%/tmp;
        client_max_body_size 20m;
        client_body_buffer_size 1m;

        location /unlimited/ {
            client_max_body_size 0;
            proxy_pass http://provider;
        }

        location /file/ {
            client_body_buffer_size 1k;
            proxy_pass http://provider;
        }

        location /file-only/ {
            client_body_in_file_only clean;
            proxy_pass http://provider;
        }

        location /unbuffered/ {
            proxy_request_buffering off;
            proxy_pass http://provider;
        }

        location /read-before/ {
            llm_quota off;
            client_body_buffer_size 1k;
            proxy_pass http://provider/broken/;
            proxy_intercept_errors on;
            error_page 503 = @metered;
        }

        location @metered {
            proxy_pass http://provider;
        }

        location /small/ {
            client_max_body_size 1k;
            client_body_timeout 100ms;
            proxy_pass http://provider;
        }

        location /small-page/ {
            client_max_body_size 1k;
            error_page 400 413 /page.html;
            proxy_pass http://provider;
        }

        location /small-instead/ {
            client_max_body_size 1k;
            error_page 400 413 = /page.html;
            proxy_pass http://provider;
        }

        location = /page.html {
        }
EOF
);

LLMBase::spew($t->dir . '/tmp/page.html', "a page\n");

$t->start;

my ($n, %forwarded) = (0);


sub body
{
    my ($size) = @_;

    return '{"messages":["' . 'x' x ($size - 29) . '"],"model":"m"}';
}


# What went upstream is looked at in the end.

sub passes
{
    my ($name, $body, %options) = @_;

    my $team = 'passes-' . ++$n;
    my $bodies = delete $options{forwarded} // [$body];

    $forwarded{$team} = [$name, @$bodies];

    is($t->chat($team, body => $body, %options)->{status}, 200,
       "$name: passes");
    is($t->charge($team), '10 5 upstream', "$name: is charged");
}


sub refused
{
    my ($name, $status, $message, $body, %options) = @_;

    my $team = 'refused-' . ++$n;
    my $answer = $t->chat($team, body => $body, %options);

    $forwarded{$team} = [$name];

    is($answer->{status}, $status, "$name: refused");
    like($answer->{body}, $message, "$name: says why");
    is($t->used($team), '0 0 0', "$name: not counted");
}


# In one piece or many, in memory or in a file.

passes('a small body', body(100));
passes('a large body in memory', body(200_000));
passes('a body in a file', body(40_000), path => '/file/v1/chat/completions');
passes('always in a file', body(100),
       path => '/file-only/v1/chat/completions');
passes('request buffering off', body(40_000),
       path => '/unbuffered/v1/chat/completions');
passes('read before', body(100), forwarded => [(body(100)) x 2],
       path => '/read-before/v1/chat/completions');
passes('read before into a file', body(9000), forwarded => [(body(9000)) x 2],
       path => '/read-before/v1/chat/completions');
passes('with space around', "\r\n\t " . body(100) . " \r\n\r\n");

for my $location ('', '/file', '/unbuffered') {
    for my $size (1, 70, 100_000) {
        my $body = body($size == 1 ? 1500 : 40_000);

        passes("chunks of $size$location",
               RawUpstream::chunks($body, sub { $size }),
               path => "$location/v1/chat/completions", forwarded => [$body],
               headers => ['Transfer-Encoding' => 'chunked']);
    }
}

my $body = body(3000);
my $client = $t->open_raw(head('pieces', 'Content-Length: 3000')
                          . substr $body, 0, 10);

for (my $at = 10; $at < 3000; $at += 1000) {
    wait_until { !unsent($client) } 'the piece to be taken';
    $client->send(substr $body, $at, 1000);
}

$forwarded{pieces} = ['a body in pieces', $body];
is($client->answer->{status}, 200, 'a body in pieces passes');


sub head
{
    my ($team, @headers) = @_;

    return join("\r\n", 'POST /v1/chat/completions HTTP/1.1',
                'Host: localhost', "X-Team: $team", @headers) . "\r\n\r\n";
}


# Bytes that the server's kernel has not acknowledged (SIOCOUTQ).

sub unsent
{
    my ($client) = @_;

    my $n = pack 'i', 0;

    ioctl $client->{socket}, 0x5411, $n or die "ioctl: $!\n";

    return unpack 'i', $n;
}


# Several in one write.

my @pipelined = ('{"model":"m"}', '[]', '{"model":"m","n":1}');

$client = $t->open_raw(join '', map {
    head("pipelined-$_", 'Content-Length: ' . length $pipelined[$_])
    . $pipelined[$_]
} 0 .. 2);

is(join(' ', map { $client->answer->{status} } 0 .. 2), '200 400 200',
   'pipelined requests');
$forwarded{"pipelined-$_"} = ["pipelined: $_", $pipelined[$_]] for 0, 2;
is(join(', ', map { $t->used("pipelined-$_") } 0 .. 2),
   '1 15 0.00006, 0 0 0, 1 15 0.00006', 'pipelined: charged');


# Compressed.

sub compressed
{
    my ($body) = @_;

    gzip(\$body => \my $gzip) or die "gzip\n";

    return $gzip;
}


my @gzip = (headers => ['Content-Encoding' => 'gzip']);
my $gzip = compressed(body(5000));

passes('gzip', $gzip, @gzip);
passes('GZIP', $gzip, headers => ['Content-Encoding' => 'GZIP']);
passes('gzip in a file', compressed(join '', '{"x":"', map({ rand } 1 .. 9999),
                                    '","model":"m"}'),
       @gzip, path => '/file/v1/chat/completions');
passes('gzip of 4 megabytes', compressed(body(4_000_000)), @gzip);
passes('gzip in chunks', RawUpstream::chunks($gzip, sub { 1 }),
       forwarded => [$gzip],
       headers => ['Content-Encoding', 'gzip', 'Transfer-Encoding', 'chunked']);
passes('x-gzip', $gzip, headers => ['Content-Encoding' => 'x-gzip']);
passes('identity', body(100), headers => ['Content-Encoding' => 'identity']);

refused('gzip, truncated', 400, qr/not valid gzip/, substr($gzip, 0, -9),
        @gzip);
refused('gzip without its sum', 400, qr/not valid gzip/,
        substr($gzip, 0, -8), @gzip);
refused('gzip, a wrong sum', 400, qr/not valid gzip/,
        substr($gzip, 0, -8) . "\0" x 8, @gzip);
refused('gzip, something after it', 400, qr/not valid gzip/, "$gzip\0", @gzip);
refused('gzip, two members', 400, qr/not valid gzip/,
        compressed('{"model":"m"') . compressed('}'), @gzip);
refused('not gzip', 400, qr/not valid gzip/, body(100), @gzip);
refused('gzip, empty', 400, qr/not valid gzip/, '', @gzip);
refused('gzip of nothing', 400, qr/must be a JSON object/, compressed(''),
        @gzip);
refused('gzip of an array', 400, qr/must be a JSON object/, compressed('[]'),
        @gzip);
refused('gzip of a duplicate', 400, qr/"model\\"/,
        compressed('{"model":"m","model":"n"}'), @gzip);

# What is inflated is bounded as what comes plain is, and at 32 megabytes.

my $megabyte = join '', map { sprintf '%.9f%s', rand, 'x' x 501 } 1 .. 2048;

passes('gzip of 19 megabytes', repeated($megabyte, 19), @gzip);
refused('gzip of 20 megabytes', 413, qr/inflates to more than 20971520 bytes/,
        repeated($megabyte, 20), @gzip);
passes('gzip of 31 megabytes', repeated($megabyte, 31), @gzip,
       path => '/unlimited/v1/chat/completions');
refused('gzip of 32 megabytes', 413, qr/inflates to more than 33554432 bytes/,
        repeated($megabyte, 32), @gzip,
        path => '/unlimited/v1/chat/completions');
refused('a bomb', 413, qr/to more than 128 times its size/,
        repeated('x' x 2**20, 10), @gzip);
refused('a bomb in a file', 413, qr/to more than 128 times its size/,
        repeated('x' x 2**20, 10), @gzip, path => '/file/v1/chat/completions');


# An object with so many times the text, compressed only once.

sub repeated
{
    my ($text, $times) = @_;

    my ($start, $end) = ('{"model":"m","x":"', '"}');
    my $deflate = Compress::Raw::Zlib::Deflate->new(-WindowBits => -MAX_WBITS,
                                                    -AppendOutput => 1);
    my ($first, $block, $last) = ('', '', '');

    $deflate->deflate($start, $first);
    $deflate->flush($first, Z_FULL_FLUSH);
    $deflate->deflate($text, $block);
    $deflate->flush($block, Z_FULL_FLUSH);
    $deflate->deflate($end, $last);
    $deflate->flush($last, Z_FINISH);

    my $sum = crc32($start);
    my $combine = \&Compress::Raw::Zlib::crc32_combine;

    $sum = $combine->($sum, crc32($text), length $text) for 1 .. $times;
    $sum = $combine->($sum, crc32($end), length $end);

    return "\x1f\x8b\x08\0\0\0\0\0\0\x03" . $first . $block x $times
           . $last . pack 'VV', $sum, length($start) + length($end)
                                      + $times * length $text;
}


for my $coding ('br', 'deflate', 'zstd', 'gzip, br', 'gzip, gzip') {
    refused($coding, 415, qr/content coding cannot be read/, $gzip,
            headers => ['Content-Encoding' => $coding]);
}

refused('gzip twice', 415, qr/content coding cannot be read/, $gzip,
        headers => [('Content-Encoding' => 'gzip') x 2]);
refused('gzip and br', 415, qr/content coding cannot be read/, $gzip,
        headers => ['Content-Encoding' => 'gzip', 'Content-Encoding' => 'br']);
refused('identity and br', 415, qr/content coding cannot be read/, $gzip,
        headers => ['Content-Encoding' => 'identity',
                    'Content-Encoding' => 'br']);


# Not what it should be.

my %object = (
    'empty'              => '',
    'space'              => "  \n",
    'an array'           => '[{"model":"m"}]',
    'a string'           => '"model"',
    'null'               => 'null',
    'cut off'            => '{"model":"m"',
    'cut off in a name'  => '{"mod',
    'something after it' => '{"model":"m"}x',
    'two objects'        => '{"model":"m"}{"model":"m"}',
    'a form'             => 'model=m&stream=true',
    'a comma at the end' => '{"model":"m",}',
    'single quotes'      => "{'model':'m'}",
    'binary'             => join('', map { chr } 0 .. 255),
);

refused("not an object: $_", 400, qr/must be a JSON object/, $object{$_})
    for sort keys %object;

refused('no body', 400, qr/must be a JSON object/, undef);
refused('an empty body in chunks', 400, qr/must be a JSON object/,
        "0\r\n\r\n", headers => ['Transfer-Encoding' => 'chunked']);

my @ambiguous = (
    ['model',                        '{"model":"m","model":"n"}'],
    ['model',                        '{"model":"m","mod\u0065l":"n"}'],
    ['model',                        '{"model":"m","Model":"n"}'],
    ['model',                        '{"MODEL":"n"}'],
    ['stream',                       '{"stream":true,"stream":false}'],
    ['max_tokens',                   '{"max_tokens":1,"max_tokens":2}'],
    ['max_tokens',                   '{"Max_Tokens":1}'],
    ['stream_options.include_usage',
     '{"stream_options":{"include_usage":true,"include_usage":false}}'],
    ['model',                        '{"model":5}'],
    ['model',                        '{"model":["m"]}'],
    ['model',                        '{"model":{"model":"m"}}'],
    ['stream',                       '{"stream":"true"}'],
    ['stream',                       '{"stream":1}'],
    ['stream_options',               '{"stream_options":true}'],
    ['max_tokens',                   '{"max_tokens":"1"}'],
    ['max_tokens',                   '{"max_tokens":-1}'],
    ['max_tokens',                   '{"max_tokens":1.5}'],
    ['max_completion_tokens',        '{"max_completion_tokens":[]}'],
    ['n',                            '{"n":"2"}'],
    ['user',                         '{"user":5}'],
    ['metadata.user_id',             '{"metadata":{"user_id":5}}'],
    ['service_tier',                 '{"service_tier":1}'],
);

refused("$_->[1]", 400, qr/\\"\Q$_->[0]\E\\"/, $_->[1]) for @ambiguous;

passes('null is as good as nothing',
       '{"model":"m","stream":null,"max_tokens":null,"user":null}');
passes('a stream may have no usage',
       '{"model":"m","stream":true,"stream_options":'
       . '{"include_usage":false}}');
passes('deeper members are not read',
       '{"model":"m","messages":[{"model":5,"Model":6,"model":7}]}');


# A client that leaves, and bodies that are too large.

$client = $t->open_raw(head('leaves', 'Content-Length: 1000') . '{"model":"');
wait_until { !unsent($client) } 'a part of the body';
$client->abort(1);
wait_until { $t->results('leaves') } 'the end of the request';
is($t->used('leaves'), '0 0 0', 'a client that leaves: not counted');
$forwarded{leaves} = ['a client that leaves'];

my $chunk = "800\r\n" . 'x' x 0x800 . "\r\n";
my $small = "Host: localhost\r\nX-Team: small\r\n";

for my $location ('small', 'small-page', 'small-instead') {
    my $start = "POST /$location/v1/chat/completions HTTP/1.1\r\n$small";
    my $chunked = "${start}Transfer-Encoding: chunked\r\n\r\n";
    my $text = $location eq 'small' ? qr/^<html>/ : qr/^a page/;

    my %large = (
        'by its length' => [413, "${start}Content-Length: 2000\r\n\r\n"],
        'in one chunk'  => [413, "$chunked$chunk"],
        'in chunks'     => [413, "${chunked}1\r\n{\r\n", $chunk],
        'a bad chunk'   => [400, "${chunked}1\r\n{\r\n", "no chunk\r\n"],
    );

    for my $name (sort keys %large) {
        my ($status, @pieces) = @{$large{$name}};

        $client = $t->open_raw(shift @pieces);

        for my $piece (@pieces) {
            wait_until { !unsent($client) } 'a part of the body';
            $client->send($piece);
        }

        my $answer = $client->answer;

        is($answer->{status}, $location eq 'small-instead' ? 200 : $status,
           "$location, $name: refused");
        like($answer->{body}, $text, "$location, $name: says so");
    }
}

$client = $t->open_raw("POST /small/v1/chat/completions HTTP/1.1\r\n${small}"
                       . "Content-Length: 100\r\n\r\n{");
is($client->head->{status}, 0, 'a body that does not come ends the request');

is($t->used('small'), '0 0 0', 'too large: not counted');
$forwarded{small} = ['too large'];


# HTTP/2.

SKIP: {
    my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

    skip 'there is no curl', 7 if !defined $curl;
    skip 'curl has no HTTP/2', 7 if `$curl -V` !~ /HTTP2/;

    my $file = $t->dir . '/body';
    my $url = "http://127.0.0.1:$t->{vars}{H2}";
    my $h2 = sub {
        my ($team, $path, @options) = @_;

        open my $fh, '-|', $curl, '-s', '-o', '/dev/null', '-X', 'POST',
                           '-w', '%{http_code} %{http_version}',
                           '--http2-prior-knowledge', '-m', 20,
                           '-H', "X-Team: $team", @options, $url . $path
            or die "$curl: $!\n";

        return scalar <$fh> // '';
    };

    my %bodies = ('h2-small' => body(100), 'h2-file' => body(40_000));

    for my $team (sort keys %bodies) {
        LLMBase::spew($file, $bodies{$team});

        is($h2->($team, '/v1/chat/completions', '--data-binary', "\@$file"),
           '200 2', "$team: passes");
        $forwarded{$team} = [$team, $bodies{$team}];
        is($t->charge($team), '10 5 upstream', "$team: is charged");
    }

    is($h2->('h2-array', '/v1/chat/completions', '--data-binary', '[]'),
       '400 2', 'h2: not an object');

    # curl may take an answer that comes before its body is sent for an error

    $h2->('h2-refused', '/refused/v1/chat/completions',
          '--data-binary', "\@$file");
    wait_until { $t->results('h2-refused') } 'the refusal';
    is($t->results('h2-refused'), '429 rate_limited -', 'h2: refused early');
    $forwarded{'h2-refused'} = ['h2: refused early'];

    LLMBase::spew($file, body(2_000_000));
    $h2->('h2-large', '/v1/chat/completions', '--data-binary', "\@$file");
    wait_until { $t->results('h2-large') } 'the refusal';
    like($t->results('h2-large'), qr/^413 /, 'h2: too large');
}


# Whatever became of them, the worker goes on, and nothing is held.

passes('after all that', body(100));

$t->settle_all;

my %got;

push @{$got{$_->{headers}{'x-team'} // ''}}, $_->{body}
    for $upstream->requests;

for my $team (sort keys %forwarded) {
    my ($name, @bodies) = @{$forwarded{$team}};

    is(scalar @{$got{$team} // []}, scalar @bodies,
       "$name: " . (@bodies ? 'goes' : 'does not go') . ' upstream');
    ok("@{$got{$team} // []}" eq "@bodies", "$name: as it was");
}

is(scalar(grep { $_->{team_id} =~ /^(?:refused|leaves|small)/ } $t->lines), 0,
   'no line for what was refused');

$t->finish;
done_testing();
