# Answers: what they say was used is charged, whatever they look like and
# however they come; they reach the client as they are and when they are
# there; and what goes wrong with them is charged as far as it was seen.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IO::Compress::Gzip qw(gzip);
use IO::Socket::INET;

my $json = usage(10, 5);
my @events = sse(10, 5, 'one', 'two');
my $stream = join '', map { "$_\n\n" } @events;

my $responses = '{"id":"resp_1","object":"response","status":"completed",'
                . '"model":"m","output":[{"type":"message","content":'
                . '[{"type":"output_text","text":"Hi"}]}],"usage":'
                . '{"input_tokens":10,"input_tokens_details":'
                . '{"cached_tokens":4},"output_tokens":5,'
                . '"output_tokens_details":{"reasoning_tokens":2},'
                . '"total_tokens":15}}';

my $messages = '{"id":"msg_1","type":"message","role":"assistant",'
               . '"model":"m","content":[{"type":"text","text":"Hi"}],'
               . '"stop_reason":"end_turn","usage":{"input_tokens":6,'
               . '"cache_read_input_tokens":4,'
               . '"cache_creation_input_tokens":0,"output_tokens":5}}';

my @responses_events = (
    "event: response.created\ndata: {\"type\":\"response.created\","
    . '"response":{"id":"resp_1","model":"m","status":"in_progress",'
    . '"usage":null}}',
    "event: response.output_text.delta\ndata: {\"type\":"
    . '"response.output_text.delta","delta":"Hi"}',
    "event: response.completed\ndata: {\"type\":\"response.completed\","
    . "\"response\":$responses}",
);

my @messages_events = (
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
    . '{"id":"msg_1","type":"message","role":"assistant","model":"m",'
    . '"content":[],"usage":{"input_tokens":6,"cache_read_input_tokens":4,'
    . '"cache_creation_input_tokens":0,"output_tokens":1}}}',
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
    . '"index":0,"delta":{"type":"text_delta","text":"'
    . 'Hi' x 20 . '"}}',
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":"
    . '{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}',
    "event: message_stop\ndata: {\"type\":\"message_stop\"}",
);

# [path, reply, charge]

my %answers = (
    chat             => ['chat/completions', { json => $json }],
    chat_stream      => ['chat/completions', { sse => \@events }],
    completions      => ['completions',      { json => $json }],
    responses        => ['responses',        { json => $responses }],
    responses_stream => ['responses',        { sse => \@responses_events }],
    embeddings       => ['embeddings',
                         { json => '{"object":"list","data":[],"model":"m",'
                                   . '"usage":{"prompt_tokens":10,'
                                   . '"total_tokens":10}}' }, '10 0 upstream'],
    messages         => ['messages',         { json => $messages }],
    messages_stream  => ['messages',         { sse => \@messages_events }],
);

my %deliveries = (
    whole         => {},
    bytes         => { pieces => 1 },
    chunked       => { chunked => [1, 7, 3, 50], pieces => [20, 3] },
    until_close   => { until_close => 1, pieces => [100, 1, 30] },
);

# what it used is in the middle, which goes by way of a file
my $big = usage(10, 5, text => 'x' x 6_000_000, zeros => '0' x 6_000_000);

gzip(\$json => \my $gzip);

my $text = 'x' x 40;
my @texts = sse(10, 5, $text, $text);
my $seen = length join '', map { "$_\n\n" } @texts[0, 1];
my $with_usage = $seen + length "$texts[2]\n\n";
my $anthropic_seen = length join '', map { "$_\n\n" } @messages_events[0, 1];

my $upstream = RawUpstream->start(
    (map {
        my $answer = $_;
        map {
            ("/$answer/$_/v1/$answers{$answer}[0]"
             => { %{$answers{$answer}[1]}, %{$deliveries{$_}} })
        } keys %deliveries
    } keys %answers),

    map({ my $path = $_->[0]; ($path => $_->[1]) }
        map { ["/$_->[0]/v1/" . ($_->[2] // 'chat/completions'), $_->[1]] }

        ['big',           { json => $big }],
        ['next',          [{ status => 503, json => usage(100, 100) },
                           { json => $json }]],
        ['next-dead',     { json => $json }],
        ['cached',        { json => $json, headers => ['Cache-Control'
                                                       => 'max-age=60'] }],
        ['stale',         [{ json => $json, headers => ['Cache-Control'
                                                        => 'max-age=1'] },
                           { status => 503 }]],
        ['gzip',          { json => $gzip,
                            headers => ['Content-Encoding' => 'gzip'] }],
        ['br',            { json => $json,
                            headers => ['Content-Encoding' => 'br'] }],
        ['identity',      { json => $json,
                            headers => ['Content-Encoding' => 'identity'] }],
        ['no-usage',      { json => '{"id":"x","object":"chat.completion",'
                                    . '"choices":[{"message":{"content":"'
                                    . $text . '"}}]}' }],
        ['status-204',    { status => 204, headers => ['Content-Length'
                                                       => undef] }],
        ['empty',         { json => '' }],
        ['status-400',    { status => 400, json => $json }],
        ['status-404',    { status => 404, body => 'nothing here' }],
        ['status-429',    { status => 429, json => $json }],
        ['status-500',    { status => 500, json => $json }],
        ['status-503',    { status => 503, sse => \@events }],
        ['no-answer',     { raw => '', close => 1 }],
        ['no-head',       { raw => "HTTP/1.1 200 OK\r\nContent-Len",
                            close => 1 }],
        ['reset',         { raw => '', reset => 1 }],
        ['cut-head',      { json => $json, cut => 0 }],
        ['cut-json',      { json => $json,
                            cut => index $json, '"usage"' }],
        ['cut-stream',    { sse => \@texts, chunked => 1000,
                            cut => 5 + $seen }],
        ['reset-stream',  { sse => \@texts, cut => $seen, reset => 1 }],
        ['cut-late',      { sse => \@texts, cut => $with_usage }],
        ['cut-messages',  { sse => \@messages_events,
                            cut => $anthropic_seen }, 'messages'],
        ['held',          { json => $json, hold => 'held' }],
        ['held-off',      { json => $json, hold => 'held' }],
        ['held-ignored',  { json => $json, hold => 'held' }],
        ['timeout',       { json => $json, hold => 'timeout' }],
        ['timeout-off',   { json => $json, hold => 'timeout' }],
        ['timeout-page',  { json => $json, hold => 'timeout' }],
        ['timeout-mid',   { sse => \@texts, hold => 'timeout',
                            hold_at => $seen }],
        ['mid',           { sse => \@texts, hold => 'mid',
                            hold_at => $seen }],
        ['mid-buffered',  { sse => \@texts, hold => 'mid',
                            hold_at => $seen }],
        ['step',          { sse => \@events, hold => 'step',
                            hold_at => length "$events[0]\n\n" }],
        ['step-forced',   { sse => \@events, hold => 'step',
                            hold_at => length "$events[0]\n\n",
                            headers => ['X-Accel-Buffering' => 'yes'] }],
        ['step-chunked',  { sse => \@events, hold => 'step', chunked => 11,
                            hold_at => 6 + 11 * length("$events[0]\n\n") }],
        ['count_tokens',  { json => '{"input_tokens":16}' },
                          'messages/count_tokens'],
        ['models',        { json => $json }, 'models/m'],
        ['opaque',        { json => $json }, 'fine_tuning/jobs'],
        ['opaque-none',   { body => 'some text' }, 'fine_tuning/jobs'],
    ),

    '*' => { json => $json },
);

# an upstream that takes connections, and nothing from them
my $deaf = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5,
                                 LocalPort => LLMBase::free_port(),
                                 ReuseAddr => 1);

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { DEAD => LLMBase::free_port(), DEAF => $deaf->sockport },
    http => <<'EOF',
    llm_price e-* input=1 output=10;

    proxy_cache_path %%DIR%%/tmp/cache keys_zone=answers:1m;

    upstream two {
        server 127.0.0.1:%%UPSTREAM%%;
        server 127.0.0.1:%%UPSTREAM%% backup;
    }

    upstream dead-first {
        server 127.0.0.1:%%DEAD%%;
        server 127.0.0.1:%%UPSTREAM%% backup;
    }

    client_max_body_size 40m;
EOF
    server => <<'EOF',
        root %%DIR%%/tmp;

        location /unbuffered/ {
            proxy_pass http://provider/;
            proxy_buffering off;
        }

        location /buffered/ {
            proxy_pass http://provider/;
        }

        location /big/ {
            proxy_pass http://provider;
            proxy_buffers 4 4k;
            sendfile on;
        }

        location /next/ {
            proxy_pass http://two;
            proxy_next_upstream http_503 non_idempotent;
        }

        location /next-dead/ {
            proxy_pass http://dead-first;
        }

        location /dead/ {
            proxy_pass http://127.0.0.1:%%DEAD%%;
        }

        location /cached/ {
            proxy_pass http://provider;
            proxy_cache answers;
            proxy_cache_methods POST;
            proxy_cache_key $request_body;
        }

        location /stale/ {
            proxy_pass http://provider;
            proxy_cache answers;
            proxy_cache_methods POST;
            proxy_cache_key $request_body;
            proxy_cache_use_stale http_503;
        }

        location /held-off/ {
            llm_charge_unanswered off;
            proxy_pass http://provider;
        }

        location /held-ignored/ {
            proxy_pass http://provider;
            proxy_ignore_client_abort on;
        }

        location /timeout/ {
            proxy_pass http://provider;
            proxy_read_timeout 100ms;
        }

        location /timeout-off/ {
            llm_charge_unanswered off;
            proxy_pass http://provider;
            proxy_read_timeout 100ms;
        }

        location /timeout-page/ {
            proxy_pass http://provider;
            proxy_read_timeout 100ms;
            error_page 504 /page.html;
        }

        location /timeout-mid/ {
            proxy_pass http://provider;
            proxy_read_timeout 100ms;
        }

        location /deaf/ {
            proxy_pass http://127.0.0.1:%%DEAF%%;
            proxy_send_timeout 100ms;
        }

        location /mid-buffered/ {
            llm_stream_buffering on;
            postpone_output 0;
            proxy_pass http://provider;
        }

        location /opaque {
            llm_opaque allow;
            proxy_pass http://provider;
        }

        location = /page.html {
        }
EOF
);

LLMBase::spew($t->dir . '/tmp/page.html', "a page\n");

$t->start;


# Each model e-* is new, and so estimated with 4 bytes for a token.

sub path { return "/$_[0]/v1/" . ($_[1] // 'chat/completions') }
sub body { return "{\"model\":\"e-$_[0]\",\"max_tokens\":7}" }
sub tokens { return int(($_[0] + 3) / 4) }
sub input { return tokens(length body($_[0])) }


sub charged
{
    my ($name, $status, $charge, %options) = @_;

    my $answer = $t->chat($name, path => path($name), body => body($name),
                          %options);

    is($answer->{status}, $status, "$name: status");
    is($t->charge($name), $charge, "$name: charged");
    is(requests($name), 1, "$name: counted");

    return $answer;
}


sub requests { return (split ' ', $t->used($_[0]))[0] }


# Every kind of answer, in every form.

my $n = 0;

for my $name (sort keys %answers) {
    my ($path, $reply, $charge) = @{$answers{$name}};

    my $body = $reply->{json}
               // join '', map { "$_\n\n" } @{$reply->{sse} // []};

    for my $delivery (sort keys %deliveries) {
        for my $buffering ('buffered', 'unbuffered') {
            my $team = 'kind-' . ++$n;
            my $answer = $t->chat(
                $team, path => "/$buffering/$name/$delivery/v1/$path"
            );

            ok($answer->{body} eq $body && !$answer->{truncated},
               "$name, $delivery, $buffering: as it was");
            is($t->charge($team), $charge // '10 5 upstream',
               "$name, $delivery, $buffering: charged");
        }
    }
}

my $line = $t->line('kind-1');

is($line->{upstream_id}, 'chatcmpl-1', 'the id of the answer');
is($line->{response_model}, 'm', 'the model of the answer');

$t->chat('details', path => '/buffered/responses/whole/v1/responses');
is(join(' ', @{$t->line('details')}{qw(cached_tokens reasoning_tokens)}),
   '4 2', 'cached and reasoning tokens');
is($t->used('details'), '1 11 0.0000564', 'cached tokens are no tpm');


# A client that is slower than the upstream: most of it is in a file.

my $client = $t->ask('big', path => path('big'));

wait_until { grep { $_->{path} =~ /big/ } $upstream->answers } 'all of it';
ok($client->answer->{body} eq $big, 'by way of a file: as it was');
is($t->charge('big'), '10 5 upstream', 'by way of a file: charged');
like($t->log, qr/an upstream response is buffered to a temporary file/,
     'by way of a file: it was one');


# Upstreams that fail.

charged($_, substr($_, 7), '0 0 none')
    for map { "status-$_" } 204, 400, 404, 429, 500, 503;
charged($_, 502, '0 0 none') for qw(dead no-answer no-head reset);

is(charged('next', 200, '10 5 upstream')->{body}, $json,
   'a second upstream answers');
is(scalar $upstream->requests(path('next')), 2, 'the first was asked');
charged('next-dead', 200, '10 5 upstream');


# A cache.

charged('cached', 200, '10 5 upstream');

my $answer = $t->chat('hit', path => path('cached'), body => body('cached'));

is($answer->{body}, $json, 'an answer from the cache');
is(scalar $upstream->requests(path('cached')), 1, 'it is from the cache');
is($t->charge('hit'), '0 0 none', 'it costs nothing');
is($t->used('hit'), '1 0 0', 'it counts as a request');

$t->chat('stale', path => path('stale'));
$n = 0;

wait_until {
    $t->chat('stale-' . ++$n, path => path('stale'));
    $upstream->requests(path('stale')) == 2;
} 'the cache to ask again';

is($t->charge("stale-$n"), '0 0 none', 'nor does one that is stale');


# Answers that do not say what was used.

is(charged('br', 200, input('br') . ' 7 estimated')->{body}, $json,
   'br: as it was');
charged('identity', 200, '10 5 upstream');
charged('no-usage', 200, input('no-usage') . ' 10 estimated');
charged('empty', 200, input('empty') . ' 0 estimated');

ok(charged('cut-head', 200, input('cut-head') . ' 0 estimated')->{truncated},
   'the client sees that there is more');
charged('cut-json', 200, input('cut-json') . ' 1 estimated');

for my $name ('cut-stream', 'reset-stream') {
    $answer = charged($name, 200, input($name) . ' 20 estimated');
    ok($answer->{truncated}, "$name: the client sees it");
    is(length $answer->{body}, $seen, "$name: all that came");
}

charged('cut-late', 200, '10 5 upstream');
charged('cut-messages', 200, '10 10 estimated',
        path => path('cut-messages', 'messages'));


# Upstreams that are too slow.

charged('timeout', 504, input('timeout') . ' 0 estimated');
is($t->used('timeout'), '1 ' . input('timeout') . ' 0.00000'
                        . input('timeout'), 'timeout: nothing is held');
charged('timeout-off', 504, '0 0 none');
is(charged('timeout-page', 504,
           input('timeout-page') . ' 0 estimated')->{body}, "a page\n",
   'timeout-page: the page');
charged('timeout-mid', 200, input('timeout-mid') . ' 20 estimated');
charged('deaf', 504, '0 0 none',
        body => '{"model":"m","x":"' . 'x' x 20_000_000 . '"}');

$upstream->release('timeout', 4);


# Clients that leave.

for my $name ('held', 'held-off') {
    $client = $t->ask($name, path => path($name), body => body($name));

    wait_until { $upstream->waiting('held') } 'the request';
    $client->abort;

    is($t->charge($name), $name eq 'held' ? input($name) . ' 0 estimated'
                                          : '0 0 none', "$name: charged");
    is($t->results($name), '499 passed '
                           . ($name eq 'held' ? 'estimated' : 'none'),
       "$name: the access log knows");
    is(requests($name), 1, "$name: counted");
    $upstream->release('held');
    wait_until { !$upstream->waiting('held') } 'the upstream';
}

$client = $t->ask('held-ignored', path => path('held-ignored'));
wait_until { $upstream->waiting('held') } 'the request';
$client->abort;
$upstream->release('held');
is($t->charge('held-ignored'), '10 5 upstream', 'an upstream that goes on');

for my $name ('mid', 'mid-buffered') {
    $client = $t->ask($name, path => path($name), body => body($name));

    wait_until { $upstream->waiting('mid') } 'the first events';

    if ($name eq 'mid') {
        is($client->event, $texts[$_], "$name: event $_") for 0, 1;

    } else {
        is($client->head->{status}, 200, "$name: head");
    }

    $client->abort;

    is($t->charge($name), input($name)
                          . ($name eq 'mid' ? ' 20 ' : ' 0 ') . 'estimated',
       "$name: charged");
    is(requests($name), 1, "$name: counted");
    $upstream->release('mid');
    wait_until { !$upstream->waiting('mid') } 'the upstream';
}


# Event by event: the second is sent only after the client had the first.

for my $name ('step', 'step-forced', 'step-chunked') {
    $client = $t->ask($name, path => path($name));

    is($client->event, $events[0], "$name: the first event");
    wait_until { $upstream->waiting('step') } 'the upstream to wait';
    $upstream->release('step');
    is($client->event, $events[1], "$name: the second event");
    is($client->answer->{body}, "$events[2]\n\n$events[3]\n\n",
       "$name: the others");
    is($t->charge($name), '10 5 upstream', "$name: charged");
}


# One connection for all, at both ends.

my @sequence = (
    ['chat/whole',        '10 5 upstream'],
    ['no-usage',          undef],
    ['chat_stream/bytes', '10 5 upstream'],
    ['status-500',        '0 0 none'],
    ['gzip',              '10 5 upstream'],
    ['br',                undef],
    ['empty',             undef],
    ['chat/chunked',      '10 5 upstream'],
);

my $before = () = $upstream->requests;

undef $client;

for my $i (0 .. $#sequence) {
    my $body = body("kept-$i");
    my $request = "POST /buffered/$sequence[$i][0]/v1/chat/completions "
                  . "HTTP/1.1\r\nHost: localhost\r\nX-Team: kept-$i\r\n"
                  . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    $client ? $client->send($request) : ($client = $t->open_raw($request));
    $client->answer;

    if (defined $sequence[$i][1]) {
        is($t->charge("kept-$i"), $sequence[$i][1],
           "kept: $sequence[$i][0] is charged");

    } else {
        my $line = $t->line("kept-$i");

        is($line->{source}, 'estimated', "kept: $sequence[$i][0] is estimated");
        is($line->{prompt_tokens}, input("kept-$i"),
           'kept: from its own request');
        is($line->{response_model}, '',
           'kept: no name is left of the answer before');
    }
}

my @kept = map { $_->{connection} } $upstream->requests;

is(scalar(keys %{{ map { $_ => 1 } @kept[$before .. $#kept] }}), 1,
   'kept: one connection upstream');


# Free, opaque, and untouched.

is($t->chat('count', path => path('count_tokens', 'messages/count_tokens'))
     ->{body}, '{"input_tokens":16}', 'counting tokens');
is($t->get(path('models', 'models/m'), 'X-Team' => 'get')->{body}, $json,
   'looking at a model');
is($t->request('HEAD', path('models', 'models/m'), undef,
               'X-Team' => 'head')->{status}, 200, 'HEAD');
is($t->used($_), '0 0 0', "$_ is free") for 'count', 'get', 'head';

$answer = $t->request('OPTIONS', path('models', 'models/m'), undef,
                      'X-Team' => 'options');
is($answer->{body}, $json, 'OPTIONS passes');
ok(!exists $answer->{headers}{'x-request-id'}, 'OPTIONS is not touched');

$t->chat('opaque', path => path('opaque', 'fine_tuning/jobs'));
is($t->charge('opaque'), '10 5 upstream', 'opaque: what it states');
$t->chat('opaque-none', path => path('opaque-none', 'fine_tuning/jobs'));
is(requests('opaque-none'), 1, 'opaque: it counts');


# None of them is charged again, or later.

$t->settle_all;

my %lines;

$lines{$_->{team_id}}++ for $t->lines;

is(join(' ', grep { $lines{$_} != 1 } sort keys %lines), '', 'one line each');
is(join(' ', grep { $lines{$_} } qw(count get head options)), '',
   'none for what is free');

$t->finish;
done_testing();
