# Bedrock: binary streams, of events as they are and of vendors' events in
# base64, and counts that stand in headers only; and what other upstreams
# state in headers.

use lib 't/lib';
use EventStream;
use LLMGateway;
use RawUpstream;

use IO::Compress::Gzip qw(gzip);

my $text = 'x' x 40;

my @claude = map { chunk($_) } (
    '{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":'
    . '{"input_tokens":6,"output_tokens":1}}}',
    '{"type":"content_block_delta","delta":{"type":"text_delta","text":"'
    . "$text\"}}",
    '{"type":"message_delta","usage":{"output_tokens":4}}',
    '{"type":"message_stop","amazon-bedrock-invocationMetrics":{'
    . '"inputTokenCount":6,"outputTokenCount":5,"cacheReadInputTokenCount":4}}',
);

my @converse = (
    event(messageStart => '{"p":"abc","role":"assistant"}'),
    event(contentBlockDelta => '{"contentBlockIndex":0,"delta":{"text":"'
                               . "$text\"},\"p\":\"ab\"}"),
    event(messageStop => '{"p":"a","stopReason":"end_turn"}'),
    event(metadata => '{"metrics":{"latencyMs":9},"p":"abcdef","trace":{'
                      . '"guardrail":{"inputAssessment":{"g":{'
                      . '"invocationMetrics":{"usage":{"inputTokens":99}}}}}},'
                      . '"usage":{"inputTokens":10,"outputTokens":5,'
                      . '"totalTokens":15}}'),
);

my $damaged = join '', @converse;

substr($damaged, -1) ^= "\xff";

my $mistral = "{\"outputs\":[{\"text\":\"$text\"}]}";

gzip(\$mistral => \my $gzip);

my @counts = ('X-Amzn-Bedrock-Input-Token-Count' => 6,
              'X-Amzn-Bedrock-Output-Token-Count' => 5,
              'X-Amzn-Bedrock-Cache-Read-Input-Token-Count' => 4,
              'X-Amzn-Bedrock-Cache-Write-Input-Token-Count' => 0);

my @many = map { ("X-Other-$_" => $_) } 1 .. 40;


sub stream
{
    my ($body, %how) = @_;

    return { body => $body, %how,
             headers => ['Content-Type' => 'application/vnd.amazon.eventstream',
                         @{$how{headers} // []}] };
}


sub invoke
{
    my ($body, @headers) = @_;

    return { json => $body, headers => \@headers };
}


# The end of the path, and what is answered.

my %replies = (
    'claude'         => ['invoke-with-response-stream',
                         stream(join '', @claude)],
    'claude-pieces'  => ['invoke-with-response-stream',
                         stream(join('', @claude), pieces => [20, 1, 7],
                                chunked => [1, 9])],
    'claude-gone'    => ['invoke-with-response-stream',
                         stream(join('', @claude), hold => 'gone',
                                hold_at => length join '', @claude[0, 1])],
    'claude-cut'     => ['invoke-with-response-stream',
                         stream(join('', @claude),
                                cut => 9 + length join '', @claude[0, 1])],
    'converse'       => ['converse-stream', stream(join '', @converse)],
    'converse-cut'   => ['converse-stream',
                         stream(join('', @converse),
                                cut => -9 + length join '', @converse)],
    'converse-step'  => ['converse-stream',
                         stream(join('', @converse), hold => 'step',
                                hold_at => length $converse[0])],
    'exception'      => ['converse-stream',
                         stream(join '', @converse[0, 1],
                                exception('modelStreamErrorException'))],
    'throttled'      => ['converse-stream',
                         stream(exception('throttlingException'))],
    'damaged'        => ['converse-stream', stream($damaged)],
    'length'         => ['converse-stream',
                         stream(pack('N*', 0xfffffff0, 0, 0, 0))],
    'unnamed'        => ['converse-stream',
                         { body => join '', @converse }],
    'headers'        => ['invoke', invoke($mistral, @counts)],
    'headers-many'   => ['invoke', invoke($mistral, @many, @counts)],
    'headers-hidden' => ['invoke', invoke($mistral, @counts)],
    'headers-gzip'   => ['invoke', invoke($gzip, @counts,
                                          'Content-Encoding' => 'gzip')],
    'headers-broken' => ['invoke', invoke('no gzip', @counts,
                                          'Content-Encoding' => 'gzip')],
    'headers-br'     => ['invoke', invoke('no brotli', @counts[0, 1],
                                          'Content-Encoding' => 'br')],
    'headers-cut'    => ['invoke', { %{invoke($mistral, @counts)}, cut => 9 }],
    'headers-error'  => ['invoke', { %{invoke('{"message":"no"}', @counts)},
                                     status => 400 }],
    'headers-bad'    => ['invoke', invoke($mistral, @counts[0 .. 1],
                                          $counts[2] => 'many')],
    'converse-json'  => ['converse',
                         invoke('{"output":{"message":{"content":[{"text":"Hi"}'
                                . ']}},"usage":{"inputTokens":10,'
                                . '"outputTokens":5}}')],
);

my $upstream = RawUpstream->start(
    map({ ("/$_/model/e-$_/$replies{$_}[0]" => $replies{$_}[1]) }
        keys %replies),

    '/tgi/generate' => invoke('{"generated_text":"Hi"}',
                              'x-prompt-tokens' => 10,
                              'x-generated-tokens' => 5),
    '/fireworks/v1/chat/completions' => invoke(
        usage(10, 5), 'fireworks-cached-prompt-tokens' => 4
    ),
    map({ ("/$_->[0]/v1/chat/completions" => invoke(
               usage(10, 5, model => $_->[1]),
               'x-litellm-response-cost' => '7.1e-05')) }
        ['cost', 'free'], ['cost-priced', 'm']),
    '/cost-image/v1/images/generations' => invoke(
        '{"data":[{"url":"x"}]}', 'x-litellm-response-cost' => '0.04'
    ),
    '/cost-opaque/v1/fine_tuning/jobs' => invoke(
        '{"text":"Hi"}', 'x-litellm-response-cost' => '0.03'
    ),

    '*' => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    http => 'llm_price e-* input=1 output=10 cached=0.1;',
    server => <<'EOF',
        llm_opaque allow;
        llm_unpriced allow;

        location /headers-hidden/ {
            proxy_pass http://provider;
            proxy_hide_header X-Amzn-Bedrock-Input-Token-Count;
            proxy_hide_header X-Amzn-Bedrock-Output-Token-Count;
            proxy_hide_header X-Amzn-Bedrock-Cache-Read-Input-Token-Count;
        }
EOF
);

$t->start;


sub body { return '{"messages":[]}' }
sub path { return "/$_[0]/model/e-$_[0]/$replies{$_[0]}[0]" }

# with 4 bytes for a token, before anything is learned
sub input { return int((length(body()) + 3) / 4) }


sub charged
{
    my ($name, $status, $charge) = @_;

    my $answer = $t->chat($name, path => path($name), body => body());

    is($answer->{status}, $status, "$name: status");
    is($t->charge($name), $charge, "$name: charged");

    return $answer;
}


sub bytes { return join '', @_ }


# Streams.

is(charged('claude', 200, '10 5 upstream')->{body}, bytes(@claude),
   'claude: as it was');

my $line = $t->line('claude');

is($line->{cached_tokens}, 4, 'claude: what the cache gave');
is($line->{cost_usd}, 0.0000564, 'claude: its price');
is($line->{response_model}, 'claude', 'claude: the model, out of base64');
is($line->{upstream_id}, 'msg_1', 'claude: the id, out of base64');
ok($line->{stream}, 'claude: a stream');

is(charged('claude-pieces', 200, '10 5 upstream')->{body}, bytes(@claude),
   'claude-pieces: as it was');
is(charged('converse', 200, '10 5 upstream')->{body}, bytes(@converse),
   'converse: as it was');
charged('converse-json', 200, '10 5 upstream');
charged('unnamed', 200, '10 5 upstream');

charged('claude-cut', 200, '6 10 estimated');
charged('converse-cut', 200, input() . ' 10 estimated');
charged('exception', 200, input() . ' 10 estimated');
charged('throttled', 200, '0 0 none');

unlike($t->log, qr/event stream is damaged/, 'none of them is damaged');

charged('damaged', 200, '10 5 upstream');
like($t->log, qr/\[warn\].* event stream is damaged, model: "e-damaged"/,
     'damaged: read, and told');
charged('length', 200, input() . ' 0 estimated');
like($t->log, qr/\[warn\].* event stream is damaged, model: "e-length"/,
     'length: told');


# A client that leaves: what was sent has been seen, for nothing is buffered.

my $client = $t->ask('claude-gone', path => path('claude-gone'),
                     body => body());

is($client->head->{status}, 200, 'claude-gone: head');
wait_until { $upstream->waiting('gone') } 'the first frames';
is($client->bytes(length bytes(@claude[0, 1])), bytes(@claude[0, 1]),
   'claude-gone: the client has them');
$client->abort;
is($t->charge('claude-gone'), '6 10 estimated', 'claude-gone: charged');
$upstream->release('gone');

$client = $t->ask('converse-step', path => path('converse-step'),
                  body => body());

is($client->head->{status}, 200, 'converse-step: head');
is($client->bytes(length $converse[0]), $converse[0],
   'converse-step: the first frame, while the upstream waits');
wait_until { $upstream->waiting('step') } 'the upstream to wait';
$upstream->release('step');
is($client->answer->{body}, bytes(@converse[1 .. 3]),
   'converse-step: the others');
is($t->charge('converse-step'), '10 5 upstream', 'converse-step: charged');


# Headers.

my $answer = charged('headers', 200, '10 5 upstream');

is($answer->{body}, $mistral, 'headers: as it was');
is($answer->{headers}{'x-amzn-bedrock-input-token-count'}, 6,
   'headers: they reach the client');
is($t->line('headers')->{cached_tokens}, 4, 'headers: what the cache gave');

charged('headers-many', 200, '10 5 upstream');

$answer = charged('headers-hidden', 200, '10 5 upstream');
ok(!exists $answer->{headers}{'x-amzn-bedrock-input-token-count'},
   'headers-hidden: they do not reach the client');

is(charged('headers-gzip', 200, '10 5 upstream')->{body}, $gzip,
   'headers-gzip: as it was');
charged('headers-broken', 200, '10 5 upstream');
charged('headers-br', 200, '6 1024 estimated');
charged('headers-cut', 200, '10 5 upstream');
charged('headers-error', 400, '0 0 none');

unlike($t->log, qr/states usage that cannot be/, 'none of them is strange');
charged('headers-bad', 200, input() . ' 10 estimated');
like($t->log, qr/\[warn\].* usage that cannot be, model: "e-headers-bad"/,
     'headers-bad: told');

$t->chat('tgi', path => '/tgi/generate', body => '{"inputs":"Hi"}');
is($t->charge('tgi'), '10 5 upstream', 'text-generation-inference');

$t->chat('fireworks', path => '/fireworks/v1/chat/completions');
is($t->charge('fireworks'), '10 5 upstream', 'Fireworks');
is($t->line('fireworks')->{cached_tokens}, 4, 'Fireworks: the cache');


# A cost, where there is no price.

$t->chat('cost', path => '/cost/v1/chat/completions',
         body => '{"model":"free","messages":[]}');
is($t->charge('cost'), '10 5 upstream', 'a cost beside usage');
is($t->line('cost')->{cost_usd}, 0.000071, 'a cost in a header');

$t->chat('cost-priced', path => '/cost-priced/v1/chat/completions');
is($t->line('cost-priced')->{cost_usd}, 0.00006, 'a price goes before');

$t->chat('cost-image', path => '/cost-image/v1/images/generations',
         body => '{"model":"free","prompt":"Hi"}');
is($t->line('cost-image')->{cost_usd}, 0.04, 'a cost without usage');

$t->chat('cost-opaque', path => '/cost-opaque/v1/fine_tuning/jobs');
is($t->line('cost-opaque')->{cost_usd}, 0.03, 'a cost of what is opaque');

$t->finish;
done_testing();
