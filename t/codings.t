# Content codings of answers: what is compressed is read as it goes by, and
# reaches the client as it was and when it is there; what cannot be read is
# estimated, and warned of; and upstreams are asked for what can be read.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Compress::Raw::Zlib qw(MAX_WBITS WANT_GZIP Z_SYNC_FLUSH);

my $json = usage(10, 5);
my $text = 'x' x 40;
my @events = map { "$_\n\n" } sse(10, 5, $text, $text);


# The parts, each of them flushed, as gzip, in zlib's wrapping, or raw; and
# what has been written after each of them.

sub coded
{
    my ($bits, @parts) = @_;

    my $deflate = Compress::Raw::Zlib::Deflate->new(-WindowBits => $bits,
                                                    -AppendOutput => 1);
    my ($coded, @ends) = ('');

    for my $part (@parts) {
        $deflate->deflate($part, $coded);
        $deflate->flush($coded, Z_SYNC_FLUSH);
        push @ends, length $coded;
    }

    $deflate->flush($coded);

    return wantarray ? ($coded, @ends) : $coded;
}


my $gzip = coded(WANT_GZIP, $json);
my ($stream, @ends) = coded(WANT_GZIP, @events);
my $zlib_stream = coded(MAX_WBITS, @events);

# Gemini's, whose usage is that of the answer so far
my $so_far = 'data: {"usageMetadata":{"promptTokenCount":10,'
             . '"candidatesTokenCount":5,"totalTokenCount":15}}' . "\n\n";

my $gemini_path = 'models/e-gemini:streamGenerateContent';
my ($gemini, @gemini_ends) = coded(WANT_GZIP, $so_far);

my %bodies = (
    gzip        => ['gzip', $gzip],
    upper_case  => ['GZIP', $gzip],
    x_gzip      => ['x-gzip', $gzip],
    identity    => ['identity, gzip', $gzip],
    members     => ['gzip', coded(WANT_GZIP, substr $json, 0, 100)
                            . coded(WANT_GZIP, substr $json, 100)],
    padding     => ['gzip', "$gzip\0\0\0\0"],
    zlib        => ['deflate', scalar coded(MAX_WBITS, $json)],
    raw         => ['deflate', scalar coded(-MAX_WBITS, $json)],
    plain       => ['gzip', $json],
    events      => ['gzip', $stream],
    zlib_events => ['deflate', $zlib_stream],
);

my %deliveries = (
    whole       => {},
    bytes       => { pieces => 1 },
    chunked     => { chunked => [1, 7, 3, 50], pieces => [20, 3] },
    until_close => { until_close => 1, pieces => [100, 1, 30] },
);

(my $wrong_sum = $gzip) =~ s/(.)(?=.{7}\z)/$1 ^ "\1"/es;

my %broken = (
    wrong_sum => $wrong_sum,
    garbage   => substr($gzip, 0, 12) . "\xff" x 100,
    bomb      => scalar coded(WANT_GZIP, '{"x":"', ('x' x 2**20) x 12, '"}'),
);


sub reply
{
    my ($coding, $body, %more) = @_;

    # each stream is a beginning of these
    my $type = grep({ index($_, $body) == 0 } $stream, $zlib_stream)
               ? 'text/event-stream' : 'application/json';

    return { body => $body, headers => ['Content-Type' => $type,
                                        'Content-Encoding' => $coding],
             %more };
}


my $upstream = RawUpstream->start(
    (map {
        my $body = $_;
        map {
            ("/$body/$_/v1/chat/completions"
             => reply(@{$bodies{$body}}, %{$deliveries{$_}}))
        } keys %deliveries
    } keys %bodies),

    map({ my $path = $_->[0]; ($path => $_->[1]) }
        map { ["/$_->[0]/v1/" . ($_->[2] // 'chat/completions'), $_->[1]] }

        map({ ["broken/$_", reply('gzip', $broken{$_})] } keys %broken),

        ['br',          reply('br', 'what br made of it')],
        ['list',        reply('gzip, br', 'what br made of it')],
        ['lines',       { raw => "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n"
                                 . "Content-Length: 18\r\nContent-Encoding: "
                                 . "gzip\r\n\r\nwhat br made of it" }],
        ['text',        reply('b"r', 'something')],
        ['opaque',      reply('br', 'something'), 'fine_tuning/jobs'],
        ['opaque-gzip', reply('gzip', $gzip), 'fine_tuning/jobs'],
        ['truncated',   reply('gzip', substr $stream, 0, $ends[1])],
        ['cut',         reply('gzip', $stream, cut => $ends[1])],
        ['cut-late',    reply('gzip', $stream, cut => $ends[2])],
        ['empty',       reply('gzip', '')],
        ['gemini',      reply('gzip', $gemini),
                        $gemini_path],
        ['gemini-cut',  reply('gzip', substr $gemini, 0, $gemini_ends[0]),
                        $gemini_path],
        ['hidden',      reply('gzip', $gzip)],
        ['gunzip',      reply('gzip', $gzip)],
        ['compress',    { json => $json }],
        ['varies',      { json => $json, headers => [
                            'Vary' => 'Accept-Encoding',
                            'Cache-Control' => 'max-age=60'] }],
        ['step',        reply('gzip', $stream, hold => 'step',
                              hold_at => $ends[0])],
        ['fails',       { status => 503 }],
    ),

    '*' => { json => $json },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { H2 => LLMBase::free_port() },
    http => <<'EOF',
    llm_price e-* input=1 output=10;

    llm_quota_zone zone=wrong_sum:1m;
    llm_quota_zone zone=garbage:1m;
    llm_quota_zone zone=bomb:1m;
    llm_quota_zone zone=text:1m;

    proxy_cache_path %%DIR%%/tmp/cache keys_zone=answers:1m;

    server {
        listen 127.0.0.1:%%H2%% http2;

        llm_quota main;
        llm_team $http_x_team;

        location / {
            proxy_pass http://provider;
        }
    }
EOF
    server => <<'EOF',
        location /broken/wrong_sum/ {
            llm_quota wrong_sum;
            proxy_pass http://provider;
        }

        location /broken/garbage/ {
            llm_quota garbage;
            proxy_pass http://provider;
        }

        location /broken/bomb/ {
            llm_quota bomb;
            proxy_pass http://provider;
            proxy_buffer_size 64k;
            proxy_buffers 8 64k;
        }

        location /text/ {
            llm_quota text;
            proxy_pass http://provider;
        }

        location /opaque {
            llm_opaque allow;
            proxy_pass http://provider;
        }

        location /hidden/ {
            proxy_hide_header Content-Encoding;
            proxy_pass http://provider;
        }

        location /gunzip/ {
            gunzip on;
            proxy_pass http://provider;
        }

        location /compress/ {
            gzip on;
            gzip_min_length 1;
            gzip_types *;
            proxy_pass http://provider;
        }

        location /varies/ {
            proxy_cache answers;
            proxy_cache_methods POST;
            proxy_cache_key $request_uri;
            proxy_pass http://provider;
        }

        location /off/ {
            llm_quota off;
            proxy_pass http://provider;
        }

        location /set/ {
            proxy_set_header X-Team $http_x_team;
            proxy_set_header Accept-Encoding br;
            proxy_pass http://provider;
        }

        location /set-empty/ {
            proxy_set_header Accept-Encoding "";
            proxy_pass http://provider;
        }

        location /variable/ {
            proxy_set_header X-Accept $http_accept_encoding;
            proxy_pass http://provider;
        }

        location /no-headers/ {
            proxy_pass_request_headers off;
            proxy_set_header X-Team $http_x_team;
            proxy_pass http://provider;
        }

        location /fails/ {
            proxy_intercept_errors on;
            error_page 503 = @instead;
            proxy_pass http://provider;
        }

        location @instead {
            rewrite ^ /instead/v1/chat/completions break;
            proxy_pass http://provider;
        }
EOF
);

$t->start;


# Each model e-* is new, and so estimated with 4 bytes for a token.

sub path { return "/$_[0]/v1/" . ($_[1] // 'chat/completions') }
sub body { return "{\"model\":\"e-$_[0]\",\"max_tokens\":7}" }
sub input { return int((length(body($_[0])) + 3) / 4) }


sub charged
{
    my ($name, $charge, %options) = @_;

    my $answer = $t->chat($name, path => path($name), body => body($name),
                          %options);

    is($t->charge($name), $charge, "$name: charged");

    return $answer;
}


sub warnings { return $t->log =~ /^.*\[warn\].*the content coding.*$/mg }


# What is read, however it comes; the client has it byte for byte.

for my $name (sort keys %bodies) {
    my ($coding, $body) = @{$bodies{$name}};

    for my $delivery (sort keys %deliveries) {
        my $answer = charged("$name/$delivery", '10 5 upstream');

        is($answer->{body}, $body, "$name/$delivery: as it was");
        is($answer->{headers}{'content-encoding'}, $coding,
           "$name/$delivery: and called so");
    }
}

is(charged('hidden', '10 5 upstream')->{body}, $gzip,
   'read though the client is not told');

# an event that is flushed is there before the next one is made

my $client = $t->ask('step', path => path('step'));

$client->head;
wait_until { $upstream->waiting('step') } 'the upstream to wait';

$client->more until $client->take || length $client->{body} >= $ends[0];
is($client->{body}, substr($stream, 0, $ends[0]), 'step: the first event');

$upstream->release('step');
is($client->answer->{body}, $stream, 'step: all of them');
is($t->charge('step'), '10 5 upstream', 'step: charged');

# what was cut is charged as if it had not been compressed

is(charged('truncated', input('truncated') . ' 20 estimated')->{body},
   substr($stream, 0, $ends[1]), 'truncated: as it was');
charged('cut', input('cut') . ' 20 estimated');
charged('cut-late', '10 5 upstream');
charged('empty', input('empty') . ' 0 estimated');

charged('gemini', '10 5 upstream', path => path('gemini', $gemini_path));
charged('gemini-cut', '10 5 estimated',
        path => path('gemini-cut', $gemini_path));

is(scalar(() = warnings()), 0, 'nothing to warn of so far');


# What is not read.

for my $name ('br', 'list', 'lines') {
    my $answer = charged($name, input($name) . ' 7 estimated');

    is($answer->{body}, 'what br made of it', "$name: as it was");
}

my ($warning, @more) = warnings();

like($warning, qr/"br" of an answer is not read.*model: "e-br", request_id:/,
     'br: warned of');
is(scalar @more, 0, 'once');

for (['wrong_sum', 'is broken'], ['garbage', 'is broken'],
     ['bomb', 'inflates to too much'])
{
    my ($name, $why) = @$_;

    is($t->chat($name, path => path("broken/$name"))->{body}, $broken{$name},
       "$name: as it was");
    is(wait_until { $t->results($name) }, '200 passed estimated',
       "$name: estimated");
    like((warnings())[-1], qr/"gzip" of an answer $why/, "$name: warned of");
}

$t->chat('text', path => path('text'));
like((warnings())[-1], qr/"b\\"r" of an answer/, 'what it is called, escaped');

$t->chat('opaque', path => path('opaque', 'fine_tuning/jobs'));
is($t->charge('opaque'), '0 0 none', 'opaque: what it states is not known');
$t->chat('opaque-gzip', path => path('opaque-gzip', 'fine_tuning/jobs'));
is($t->charge('opaque-gzip'), '10 5 upstream', 'opaque: or known');


# What upstreams are asked for: the lines of Accept-Encoding, or of another
# name.

my $n = 0;

sub asked
{
    my ($location, $headers, %options) = @_;

    my $method = $options{method} // 'POST';
    my $name = $options{name} // 'Accept-Encoding';
    my $team = 'asks-' . ++$n;

    $t->request($method, path($location, $options{path}),
                $method eq 'POST' ? '{"model":"m"}' : undef,
                'X-Team' => $team, @$headers);

    my ($request) = grep { $_->{headers}{'x-team'} eq $team }
                    $upstream->requests(path($location, $options{path}));

    return join ' | ', $request->{head} =~ /^\Q$name\E: *(.*?)\r$/mig;
}


for (['gzip',                          'gzip'],
     ['gzip, deflate, br, zstd',       'gzip, deflate'],
     ['br;q=1.0, gzip;q=0.8, *;q=0.1', 'gzip;q=0.8, identity;q=0.1'],
     ['br',                            'identity'],
     ['*',                             'gzip, identity'],
     ['identity;q=0, br',              'identity'],
     ['',                              'identity'])
{
    is(asked('asked', ['Accept-Encoding' => $_->[0]]), $_->[1],
       "\"$_->[0]\" is narrowed");
}

is(asked('asked', []), '', 'nothing is asked for where nothing was');
is(asked('asked', ['ACCEPT-encoding' => 'br', 'X-Between' => 1,
                   'Accept-Encoding' => 'gzip;q=0.5']),
   'gzip;q=0.5 | gzip;q=0.5', 'several lines');

# nginx keeps headers in parts of twenty

is(asked('asked', [map({ ("X-$_" => $_) } 1 .. 45), 'Accept-Encoding' => 'br',
                   map({ ("Y-$_" => $_) } 1 .. 45)]), 'identity',
   'among many headers');

my @br = (['Accept-Encoding' => 'br']);

is(asked('opaque', @br, path => 'fine_tuning/jobs'), 'identity',
   'of an opaque route, too');
is(asked('asked', @br, path => 'models/m', method => 'GET'), 'br',
   'a free route is asked as the client asks');
is(asked('off', @br), 'br', 'and so is what is not metered');
is(asked('set', @br), 'br', 'what the configuration sets is sent');
is(asked('set-empty', @br), '', 'or not');
is(asked('no-headers', @br), '', 'nor without the headers');
is(asked('variable', ['Accept-Encoding' => 'br, gzip'], name => 'X-Accept'),
   'gzip', 'a variable says what goes upstream');

$t->chat('fails', path => path('fails'), headers => @br);
is(join(' ', map { $_->{headers}{'accept-encoding'} }
             map { $upstream->requests(path($_)) } 'fails', 'instead'),
   'identity identity', 'after an internal redirect, too');


# What nginx knows of the client stays: it takes "*" for no gzip.

my @star = (headers => ['Accept-Encoding' => '*']);

my $answer = charged('gunzip', '10 5 upstream', @star);

is($answer->{body}, $json, 'gunzip: for a client that does not name gzip');
is($answer->{headers}{'content-encoding'}, undef, 'gunzip: and not called so');

$answer = charged('compress', '10 5 upstream', @star);
is($answer->{body}, $json, 'gzip: not for a client that does not name it');

$answer = $t->chat('compress-gzip', path => path('compress'),
                   headers => ['Accept-Encoding' => 'br, gzip']);
is($answer->{headers}{'content-encoding'}, 'gzip', 'gzip: for one that does');
is($t->charge('compress-gzip'), '10 5 upstream', 'gzip: read before');

# a cache has a variant for each that was asked for

for (['br', 1], ['zstd', 1], ['gzip', 2], ['gzip, br', 2]) {
    my ($coding, $requests) = @$_;

    $t->chat('varies', path => path('varies'),
             headers => ['Accept-Encoding' => $coding]);
    is(scalar(() = $upstream->requests(path('varies'))), $requests,
       "a cache's variants: $coding");
}


# HTTP/2.

SKIP: {
    my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

    skip 'there is no curl', 2 if !defined $curl;
    skip 'curl has no HTTP/2', 2 if `$curl -V` !~ /HTTP2/;

    open my $fh, '-|', $curl, '-s', '-o', '/dev/null', '-m', 20,
                       '-w', '%{http_code} %{http_version}',
                       '--http2-prior-knowledge', '-H', 'X-Team: h2',
                       '-H', 'Accept-Encoding: zstd, gzip;q=0.3',
                       '--data-binary', '{"model":"m"}',
                       "http://127.0.0.1:$t->{vars}{H2}" . path('h2')
        or die "$curl: $!\n";

    is(scalar <$fh>, '200 2', 'HTTP/2');
    is(join(' ', map { $_->{headers}{'accept-encoding'} }
                 $upstream->requests(path('h2'))), 'gzip;q=0.3',
       'HTTP/2: narrowed');
}

$t->finish;
done_testing();
