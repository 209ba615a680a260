# llm_stream_usage: streams are made to state their usage, and clients that did
# not ask for it get the answer that they would have got.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IO::Compress::Gzip qw(gzip);
use IO::Uncompress::Gunzip qw(gunzip);

my $ask = '"stream_options":{"include_usage":true}';


# Streams: what is between < and > is the event that strip takes out; the two
# stand for themselves nowhere.

my $used = '"usage":{"prompt_tokens":10,"completion_tokens":5,'
           . '"total_tokens":15,"completion_tokens_details":'
           . '{"reasoning_tokens":0}}';
my $null = '"usage":null';


sub chunk
{
    my ($text, $rest) = @_;

    return '{"id":"c","object":"chat.completion.chunk","model":"m","choices":'
           . "[{\"index\":0,\"delta\":{\"content\":\"$text\"}}],$rest}";
}


my $usage = '{"id":"c","object":"chat.completion.chunk","model":"m",'
            . "\"choices\":[],$used}";
my @texts = map { chunk($_, $null) } 'one', 'two', '\n\ndata: {}\n\n', 'four';
my $chat = join('', map { "data: $_\n\n" } @texts)
           . "<data: $usage\n\n>data: [DONE]\n\n";

my %streams = (
    chat     => $chat,
    crlf     => $chat =~ s/\n/\r\n/gr,
    cr       => $chat =~ s/\n/\r/gr,
    comments => ": hello\n\n: hello\n$chat: bye\n\n"
                =~ s/<data/<event: e\nid: 7\n: a comment\ndata/r,
    lines    => "data: $texts[0]\n\n<data: {\"choices\":[],\ndata: $used\n"
                . "data: }\n\n>data: [DONE]\n\n",
    no_done  => "data: $texts[0]\n\n<data: $usage\n\n>",
    no_blank => "data: $texts[0]\n\n<data: $usage>",
    unended  => "data: $texts[0]\n\n<data: $usage\n\n>data: {\"choices\":[],"
                . '"x":',
    alone    => "<data: $usage\n\n>",
    twice    => "data: $texts[0]\n\n<data: $usage\n\n>data: $texts[1]\n\n"
                . "<data: $usage\n\n>",
    azure    => 'data: {"choices":[],"created":0,"id":"","model":"",'
                . '"object":"","prompt_filter_results":[{"prompt_index":0}]}'
                . "\n\n$chat",
    mistral  => "data: $texts[0]\n\ndata: " . chunk('', $used)
                . "\n\ndata: [DONE]\n\n",
    groq     => "data: $texts[0]\n\ndata: " . chunk('', "\"x_groq\":{$used}")
                . "\n\ndata: [DONE]\n\n",
    error    => "data: $texts[0]\n\ndata: {\"error\":{\"message\":\"no\"}}"
                . "\n\n",
    long     => "data: $texts[0]\n\ndata: {\"x\":\"" . 'x' x 70_000
                . "\",\"choices\":[],$used}\n\ndata: [DONE]\n\n",
);

sub whole { return $_[0] =~ tr/<>//dr }
sub stripped { return $_[0] =~ s/<[^>]*>//gr }


# How they come from upstream.

my %deliveries = (
    whole       => {},
    bytes       => { pieces => 1 },
    pieces      => { chunked => [200, 3, 1, 60], pieces => [700, 90] },
    until_close => { until_close => 1, pieces => [100, 1, 30] },
);

# many events; those of usage are far apart, and one is the last

my $many = join '', map {
    ("data: $texts[$_ % 4]\n\n") x 100, "<data: $usage\n\n>"
} 1 .. 150;

my $big = join '', map {
    ('data: ' . chunk('x' x 800, $null) . "\n\n") x 100, "<data: $usage\n\n>"
} 1 .. 130;

my @type = ('Content-Type' => 'text/event-stream; charset=utf-8');


sub stream
{
    my ($body, %more) = @_;

    my $headers = delete $more{headers} // [];

    return { body => whole($body), headers => [@type, @$headers], %more };
}


# in the second event, before its choices are known not to be empty; and in
# the event of usage

my $half = 1 + index $chat, '[{"index"', length "data: $texts[0]\n\n";
my $held = 7 + index $chat, '[],';

my $body = whole($chat);

gzip(\$body => \my $gzip);

my $upstream = RawUpstream->start(
    (map {
        my $stream = $_;
        map {
            ("/$stream/$_/v1/chat/completions"
             => stream($streams{$stream}, %{$deliveries{$_}}))
        } keys %deliveries
    } keys %streams),

    '/many/whole/v1/chat/completions' => stream($many),

    '*' => { json => usage(10, 5) },
);

my $other = RawUpstream->start(
    map({ ("/$_->[0]/v1/chat/completions" => $_->[1]) }
        ['chat',      stream($chat)],
        ['bytes',     stream($chat, pieces => 1)],
        ['headers',   stream($chat, headers => [
                                 'ETag' => '"x"', 'Accept-Ranges' => 'bytes',
                                 'Last-Modified'
                                 => 'Mon, 01 Jan 2024 00:00:00 GMT'])],
        ['big',       stream($big)],
        ['coded',     { body => $gzip, headers => [
                            @type, 'Content-Encoding' => 'gzip'] }],
        ['identity',  stream($chat,
                             headers => ['Content-Encoding' => 'identity'])],
        ['json',      { json => "{\"choices\":[],$used}" }],
        ['status',    { %{stream($chat)}, status => 500 }],
        ['cached',    stream($chat, headers => ['Cache-Control'
                                                => 'max-age=60'])],
        ['cached/end', stream($streams{unended}, headers => [
                                  'Cache-Control' => 'max-age=60'])],
        ['step',      stream($chat, hold => 'step', hold_at => $half)],
        ['step-on',   stream($chat, hold => 'step', hold_at => $half + 1)],
        ['step-held', stream($chat, hold => 'step', hold_at => $held)],
        ['cut',       stream($chat, cut => $held)],
        ['page',      { status => 503 }])
);

my $failing = RawUpstream->start('*' => { status => 503 });

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { H2 => LLMBase::free_port(), OTHER => $other->port,
              FAILING => $failing->port },
    http => <<'EOF',
    proxy_cache_path %%DIR%%/tmp/cache keys_zone=answers:1m;

    upstream other {
        server 127.0.0.1:%%OTHER%%;
    }

    upstream two {
        server 127.0.0.1:%%FAILING%% max_fails=0;
        server 127.0.0.1:%%UPSTREAM%% backup;
    }

    server {
        listen 127.0.0.1:%%H2%% http2;

        client_body_buffer_size 1k;
        llm_quota main;
        llm_team $http_x_team;
        llm_stream_usage strip;

        location / {
            proxy_pass http://provider;
        }
    }
EOF
    server => <<'EOF',
        llm_stream_usage inject;
        proxy_set_header Connection "";
        proxy_set_header X-Length $content_length;
        client_max_body_size 20m;
        client_body_buffer_size 1m;

        location /off/ {
            llm_stream_usage off;
            proxy_pass http://provider;
        }

        location /cap/ {
            llm_max_output 7 inject;
            proxy_pass http://provider;
        }

        location /cap-file/ {
            llm_max_output 7 inject;
            client_body_buffer_size 1k;
            proxy_pass http://provider;
        }

        location /dry/ {
            llm_max_output 7 inject;
            llm_dry_run on;
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

        location /retry/ {
            proxy_pass http://two;
            proxy_next_upstream http_503 non_idempotent;
        }

        location /retry-file/ {
            client_body_buffer_size 1k;
            proxy_pass http://two;
            proxy_next_upstream http_503 non_idempotent;
        }

        location /retry-sendfile/ {
            sendfile on;
            client_body_buffer_size 1k;
            proxy_pass http://two;
            proxy_next_upstream http_503 non_idempotent;
        }

        location /inject/ {
            proxy_pass http://other/;
        }

        location /strip/ {
            llm_stream_usage strip;
            proxy_pass http://other/;

            location /strip/unbuffered/ {
                proxy_pass http://provider/;
                proxy_buffering off;
            }

            location /strip/buffered/ {
                proxy_pass http://provider/;
                llm_stream_buffering on;
                proxy_buffer_size 4k;
                proxy_buffers 4 4k;
                proxy_busy_buffers_size 8k;
            }

            location /strip/file/ {
                proxy_pass http://other/;
                llm_stream_buffering on;
                proxy_buffers 4 4k;
            }

            location /strip/small/ {
                proxy_pass http://provider/;
                proxy_buffering off;
                proxy_buffer_size 1k;
            }

            location /strip/gzip/ {
                proxy_pass http://other/;
                gzip on;
                gzip_types text/event-stream;
                gzip_min_length 0;
            }

            location /strip/cached/ {
                sendfile on;
                proxy_pass http://other/cached/;
                proxy_cache answers;
                proxy_cache_methods POST;
                proxy_cache_key $uri;
            }

            location /strip/page/ {
                proxy_pass http://other/page/;
                proxy_intercept_errors on;
                error_page 503 = @chat;
            }
        }

        location @chat {
            rewrite ^ /chat/v1/chat/completions break;
            proxy_pass http://other;
        }
EOF
);

$t->start;

my ($n, %forwarded, %charged) = (0);


# What went upstream is looked at in the end.

sub forwards
{
    my ($name, $body, $forwarded, %options) = @_;

    my $team = 'body-' . ++$n;
    my $times = delete $options{times} // 1;

    $forwarded{$team} = [$name, ($forwarded) x $times];

    is($t->chat($team, body => $body, %options)->{status}, 200,
       "$name: passes");
}


# What is put into a body.

my $model = '"model":"m","stream":true';
my ($plain, $asked) = ("{$model}", "{$model,$ask}");

my @bodies = (
    ['none',        $plain, $asked],
    ['white space', "\n{ $model } \r\n ", "\n{ $model ,$ask} \r\n "],
    ['empty',       "{\"stream_options\":{ },$model}",
                    "{\"stream_options\":{ \"include_usage\":true},$model}"],
    ['others',      "{$model,\"stream_options\":{\"x\":{\"y\":[]}}}",
                    "{$model,\"stream_options\":{\"x\":{\"y\":[]},"
                    . '"include_usage":true}}'],
    ['null',        "{\"stream_options\":null,$model}", "{$ask,$model}"],
    ['denied',      '{"stream_options":{"include_usage":false,"x":1},'
                    . "$model}",
                    '{"stream_options":{"include_usage":true ,"x":1},'
                    . "$model}"],
    ['a null',      "{\"stream_options\":{\"include_usage\":null},$model}",
                    "{$ask,$model}"],
    ['escaped',     '{"stream\u005foptions":{"include\u005fusage":false},'
                    . "$model}",
                    '{"stream\u005foptions":{"include\u005fusage":true },'
                    . "$model}"],
    ['asked for',   $asked, $asked],
    ['no stream',   ('{"model":"m"}') x 2],
    ['none wanted',
     ('{"model":"m","stream":false,"stream_options":null}') x 2],
);

forwards($_->[0], $_->[1], $_->[2]) for @bodies;

forwards("$_: the same API", $plain, $asked, path => $_)
    for '/v1/completions', '/api/v1/chat/completions', '/chat/completions',
        '/openai/deployments/m/chat/completions?api-version=2024-10-21',
        '/openai/deployments/m/completions?api-version=2024-10-21';

forwards("$_: another API", $plain, $plain, path => $_)
    for '/v1/responses', '/v1/messages', '/v1/embeddings', '/api/chat',
        '/v2/chat', '/v1beta/models/m:streamGenerateContent', '/completion',
        '/v1/moderations';

forwards('off', $plain, $plain, path => '/off/v1/chat/completions');


# Wherever the body is, and with a cap as well.

my $x = '"x":"' . 'x' x 3000 . '"';
my $cap = '"max_completion_tokens":7';

for my $case (@bodies) {
    my ($name, $body, $forwarded) = @$case;

    # something before and behind it

    for ($body, $forwarded) {
        s/\{/{$x,/;
        s/"model"/"y":{$x},"model"/;
    }

    my $capped = $forwarded =~ s/\}(\s*)\z/,$cap}$1/r;

    forwards("$name, in memory", $body, $forwarded);
    forwards("$name, $_", $body, $forwarded, path => "/$_/v1/chat/completions")
        for 'file', 'file-only';

    forwards("$name, $_", $body, $capped, path => "/$_/v1/chat/completions")
        for 'cap', 'cap-file';

    for my $size (1, 7, 999) {
        my ($from, $to) = $size == 999 ? ($body, $forwarded) : @$case[1, 2];

        forwards("$name, chunks of $size",
                 RawUpstream::chunks($from, sub { $size }), $to,
                 headers => ['Transfer-Encoding' => 'chunked']);
    }

    forwards("$name, $_", $body, $forwarded, times => 2,
             path => "/$_/v1/chat/completions")
        for 'retry', 'retry-file', 'retry-sendfile';
}

forwards('both', $plain, "{$model,$ask,$cap}",
         path => '/cap/v1/chat/completions');


# Into what is not read nothing is put.

gzip(\$plain => \my $coded);

forwards('gzip', $coded, $coded, headers => ['Content-Encoding' => 'gzip']);
forwards("a dry run: $_", $_, $_, path => '/dry/v1/chat/completions')
    for "[$plain]", "{$model,\"model\":\"n\"}", "{$model", '';

my %wrong = (
    'there twice' => '"include_usage":true,"include_usage":true',
    'in capitals' => '"Include_Usage":false',
    'of no use'   => '"include_usage":1',
);

is($t->chat('wrong', body => "{$model,\"stream_options\":{$wrong{$_}}}")
     ->{status}, 400, "a member that is $_") for sort keys %wrong;


# HTTP/2.

SKIP: {
    my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

    skip 'there is no curl', 3 if !defined $curl;
    skip 'curl has no HTTP/2', 3 if `$curl -V` !~ /HTTP2/;

    my $file = $t->dir . '/body';
    my @big = ("{$x,$model}", "{$x,$model,$ask}");
    my $h2 = sub {
        my ($team, $body, $forwarded, @options) = @_;

        $forwarded{$team} = [$team, $forwarded];
        LLMBase::spew($file, $body);

        open my $fh, '-|', $curl, '-s', '-X', 'POST', '-m', 20,
                           '--http2-prior-knowledge', '-H', "X-Team: $team",
                           '--data-binary', "\@$file", @options,
                           "http://127.0.0.1:$t->{vars}{H2}"
                           . '/chat/pieces/v1/chat/completions'
            or die "$curl: $!\n";

        return do { local $/; <$fh> } // '';
    };

    is($h2->('h2', $plain, $asked), stripped($chat), 'HTTP/2');
    is($h2->('h2-file', @big), stripped($chat), 'HTTP/2, in a file');
    is($h2->('h2-no-length', @big, '-H', 'Content-Length:'), stripped($chat),
       'HTTP/2, of a length that is not told');
}


# A client that did not ask gets what it would have got, and is charged what
# the upstream states.

for my $stream (sort keys %streams) {
    for my $delivery (sort keys %deliveries) {
        next if $stream eq 'long' && $delivery eq 'bytes';

        for my $how ('unbuffered', 'buffered', 'small') {
            my $name = "$stream, $delivery, $how";
            my $path = "/strip/$how/$stream/$delivery/v1/chat/completions";
            my $team = 'strip-' . ++$n;
            my $answer = $t->chat($team, path => $path, body => $plain);

            ok($answer->{body} eq stripped($streams{$stream})
               && !$answer->{truncated}, "$name: as if nobody had asked");

            $charged{$team} = $name if $stream ne 'error';
        }
    }
}


sub asks
{
    my ($path, $body, @more) = @_;

    my $team = 'asks-' . ++$n;

    return $t->chat($team, path => "$path/v1/chat/completions",
                    body => $body // $plain, @more);
}


ok(asks("/strip/$_/many/whole")->{body} eq stripped($many),
   "many events, $_") for 'unbuffered', 'buffered', 'small';

# a client that reads nothing before the upstream has sent all

my $client = $t->ask('slow', path => '/strip/file/big/v1/chat/completions',
                     body => $plain);

$charged{slow} = 'by way of a file';
wait_until { $other->answers } 'all of it';
ok($client->answer->{body} eq stripped($big), 'by way of a file');
like($t->log, qr/an upstream response is buffered to a temporary file/,
     'by way of a file: it was one');


# The head of an answer of which something may be taken out.

my $answer = asks('/strip/headers');

is($answer->{headers}{'content-length'}, undef, 'no length');
is($answer->{headers}{'accept-ranges'}, undef, 'no ranges');
is($answer->{headers}{etag}, 'W/"x"', 'a weak tag');
is($answer->{body}, stripped($chat), 'with such headers');

my $request = "POST /strip/headers/v1/chat/completions HTTP/1.0\r\n"
              . "X-Team: old\r\nContent-Length: " . length($plain)
              . "\r\n\r\n$plain";

is($t->open_raw($request)->answer->{body}, stripped($chat), 'HTTP/1.0');


# What is left as it is.

sub untouched
{
    my ($name, $answer, $body) = @_;

    ok($answer->{body} eq $body, "$name: as it was");
    is($answer->{headers}{'content-length'}, length $body,
       "$name: with its length");
}


untouched('asked for', asks('/strip/chat', $asked), whole($chat));
untouched('no stream wanted', asks('/strip/chat', '{"model":"m"}'),
          whole($chat));
untouched('inject', asks('/inject/chat'), whole($chat));
untouched('no stream', asks('/strip/json'), "{\"choices\":[],$used}");
untouched('an error', asks('/strip/status'), whole($chat));
untouched('a coding', asks('/strip/coded'), $gzip);
is(asks('/strip/identity')->{body}, stripped($chat), 'no coding, said so');


# The upstream is not to compress what is to be stripped.

for my $accept ([], ['Accept-Encoding' => 'gzip, br'],
                ['Accept-Encoding' => 'gzip', 'accept-encoding' => 'br'])
{
    asks('/strip/chat', $plain, @$accept ? (headers => $accept) : ());

    my ($sent) = ($other->requests)[-1];

    like($sent->{headers}{'accept-encoding'} // 'identity',
         qr/^identity(?:, identity)*$/, 'an answer without a coding, please');
}

$answer = asks('/strip/gzip/bytes', $plain,
               headers => ['Accept-Encoding' => 'gzip']);
is($answer->{headers}{'content-encoding'}, 'gzip', 'nginx may compress it');
gunzip(\$answer->{body} => \my $text);
is($text, stripped($chat), 'after it was stripped');


# From nginx's cache, to one who asked and to one who did not.

is(asks('/strip/cached')->{body}, stripped($chat), 'into the cache');
is(asks('/strip/cached')->{body}, stripped($chat), 'out of the cache');
is(asks('/strip/cached', $asked)->{body}, whole($chat), 'to one who asked');
is(asks('/strip/cached/end')->{body}, stripped($streams{unended}),
   "the end of a stream, $_ the cache") for 'into', 'out of';
is(scalar(grep { $_->{path} =~ m{^/cached} } $other->requests), 2,
   'they were in the cache');


# Another upstream in the place of one that fails.

is(asks('/strip/page')->{body}, stripped($chat), 'an internal redirect');


# What is known to pass is not held, and only what is not known.

my ($first, $second) = map { "data: $texts[$_]" } 0, 1;

$client = $t->ask('step', path => '/strip/step/v1/chat/completions',
                  body => $plain);
is($client->event, $first, 'an event, while the next one is half here');
wait_until { $other->waiting('step') } 'the upstream to wait';
$other->release('step');
is($client->event, $second, 'the next one');
is($client->answer->{body}, substr(stripped($chat),
                                   length "$first\n\n$second\n\n"),
   'and the others');

$client = $t->ask('step-on', path => '/strip/step-on/v1/chat/completions',
                  body => $plain);
is($client->event, $first, 'an event');

my $begun = substr $chat, length("$first\n\n"),
                   $half + 1 - length "$first\n\n";

until (length $client->{body} >= length $begun || $client->take) {
    $client->more or last;
    $client->take;
}

is($client->{body}, $begun, 'an event that has a choice is not held');
wait_until { $other->waiting('step') } 'the upstream to wait';
$other->release('step');
is($client->answer->{body}, substr(stripped($chat), length "$first\n\n"),
   'and goes on');

$client = $t->ask('step-held', path => '/strip/step-held/v1/chat/completions',
                  body => $plain);
is($client->event, "data: $_", 'an event before the held one') for @texts;
wait_until { $other->waiting('step') } 'the upstream to wait';
$other->release('step');
is($client->event, 'data: [DONE]', 'and the one after it');
is($client->answer->{body}, '', 'which is the last');

undef $client;

# an upstream that ends in the midst of what is held

$answer = asks('/strip/cut');
ok($answer->{truncated}, 'a stream that is cut: the client sees it');
is($answer->{body}, join('', map { "data: $_\n\n" } @texts),
   'a stream that is cut: all that is known to pass');

$t->settle_all;


# What they were charged, and the bodies that went upstream.

my %lines = map { $_->{team_id} => $_ } $t->lines;

is(join(' ', @{$lines{$_}}{qw(prompt_tokens completion_tokens source)}),
   '10 5 upstream', "$charged{$_}: charged") for sort keys %charged;

my %got;

for my $request ($failing->requests, $upstream->requests) {
    my $team = $request->{headers}{'x-team'} // '';

    push @{$got{$team}}, $request->{body};

    next if !$forwarded{$team};

    my ($sent, $said) = @{$request->{headers}}{qw(content-length x-length)};

    is($sent // 0, length $request->{body}, "$forwarded{$team}[0]: its length");
    is($said // $sent, $sent, "$forwarded{$team}[0]: all say so");
}

for my $team (sort keys %forwarded) {
    my ($name, @bodies) = @{$forwarded{$team}};

    ok("@{$got{$team} // []}" eq "@bodies", "$name: what goes upstream")
        or diag(map { s/x{9,}/.../gr } join "\n", @bodies, 'not',
                                            @{$got{$team} // []});
}

$t->finish;
done_testing();
