# The providers' own SDKs as clients: what they say of an answer is what is
# charged, and a refusal is an error of their own, that they retry or do not.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IPC::Open2;
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;
my $packages = "$LLMBase::root/build/sdk/node_modules";
my ($node) = (`node --version 2>&1` // '') =~ /^v(\d+)/;

plan(skip_all => 'no Node 18 or newer: scripts/setup sdk')
    if ($node // 0) < 18;
plan(skip_all => 'no SDKs in build/sdk: scripts/setup sdk')
    if !-e "$LLMBase::root/build/sdk/installed.json";


# The provider.  A request's text says what it will be charged, as "input
# output cached"; with "hold NAME" a stream stops at this gate, before its last
# piece of text.

my @said = ('Hello', ', this is ', 'the provider', ' that you know.');
my $said = join '', @said;
my $seen = join '', @said[0 .. 2];


sub asked
{
    my ($request) = @_;

    my $body = $json->decode($request->{body});
    my $text = $body->{input} // $body->{messages}[0]{content};
    my ($input, $output, $cached) = $text =~ /(\d+)/g;

    return ($body, $input, $output // 0, $cached // 0,
            $text =~ /hold (\w+)/);
}


# A "long" one has far more of it before that.

sub texts
{
    my ($request) = @_;

    return $request->{body} =~ /\blong\b/ ? (('four' x 100) x 200, $said[-1])
                                           : @said;
}


# A stream of [name, data], and of data alone.

sub stream
{
    my ($hold, $done, @events) = @_;

    my @sse = map {
        ref eq 'ARRAY' ? "event: $_->[0]\ndata: " . $json->encode($_->[1])
                       : 'data: ' . $json->encode($_)
    } @events;

    push @sse, 'data: [DONE]' if $done;

    return { sse => \@sse, chunked => 9999 } if !$hold;

    my ($last) = grep { $sse[$_] =~ /that you know/ } 0 .. $#sse;

    return { sse => \@sse, hold => $hold,
             hold_at => length join '', map { "$_\n\n" } @sse[0 .. $last - 1] };
}


sub chat
{
    my ($body, $input, $output, $cached, $hold) = asked(@_);

    my %answer = (id => 'chatcmpl-1', created => 1, model => $body->{model});
    my $usage = { prompt_tokens => $input, completion_tokens => $output,
                  total_tokens => $input + $output,
                  prompt_tokens_details => { cached_tokens => $cached } };

    if (!$body->{stream}) {
        return { json => $json->encode({
            %answer, object => 'chat.completion', usage => $usage,
            choices => [{ index => 0, finish_reason => 'stop', message =>
                          { role => 'assistant', content => $said } }]
        }) };
    }

    my $wanted = $body->{stream_options}{include_usage};

    %answer = (%answer, object => 'chat.completion.chunk',
               $wanted ? (usage => undef) : ());

    my $choice = sub {
        return { %answer, choices => [{ index => 0, delta => $_[0],
                                        finish_reason => $_[1] }] };
    };

    return stream($hold, 1,
                  $choice->({ role => 'assistant', content => '' }),
                  map({ $choice->({ content => $_ }) } texts(@_)),
                  $choice->({}, 'stop'),
                  $wanted ? { %answer, choices => [], usage => $usage } : ());
}


sub responses
{
    my ($body, $input, $output, $cached, $hold) = asked(@_);

    my $text = { type => 'output_text', text => $said, annotations => [] };
    my $message = { type => 'message', id => 'msg_1', role => 'assistant',
                    status => 'completed', content => [$text] };
    my $answer = {
        id => 'resp_1', object => 'response', created_at => 1,
        status => 'completed', model => $body->{model}, output => [$message],
        usage => { input_tokens => $input, output_tokens => $output,
                   total_tokens => $input + $output,
                   input_tokens_details => { cached_tokens => $cached },
                   output_tokens_details => { reasoning_tokens => 2 } }
    };

    return { json => $json->encode($answer) } if !$body->{stream};

    my %begun = (%$answer, status => 'in_progress', output => [],
                 usage => undef);
    my %in_text = (item_id => 'msg_1', output_index => 0, content_index => 0);
    my $n = 0;

    return stream($hold, 0,
        map { [$_->{type}, { %$_, sequence_number => $n++ }] }
        { type => 'response.created', response => { %begun } },
        { type => 'response.output_item.added', output_index => 0,
          item => { %$message, status => 'in_progress', content => [] } },
        { type => 'response.content_part.added', %in_text,
          part => { %$text, text => '' } },
        map({ { type => 'response.output_text.delta', %in_text,
                delta => $_ } } texts(@_)),
        { type => 'response.output_text.done', %in_text, text => $said },
        { type => 'response.completed', response => $answer });
}


# Anthropic's input is what was neither read from the cache nor written to it.

sub messages
{
    my ($body, $input, $output, $cached, $hold) = asked(@_);

    my $usage = { input_tokens => $input - $cached, output_tokens => $output,
                  cache_read_input_tokens => $cached,
                  cache_creation_input_tokens => 0 };
    my $answer = { id => 'msg_1', type => 'message', role => 'assistant',
                   model => $body->{model}, stop_reason => 'end_turn',
                   stop_sequence => undef, usage => $usage,
                   content => [{ type => 'text', text => $said }] };

    return { json => $json->encode($answer) } if !$body->{stream};

    return stream($hold, 0, map { [$_->{type}, $_] }
        { type => 'message_start', message => {
            %$answer, content => [], stop_reason => undef,
            usage => { %$usage, output_tokens => 1 } } },
        { type => 'content_block_start', index => 0,
          content_block => { type => 'text', text => '' } },
        { type => 'ping' },
        map({ { type => 'content_block_delta', index => 0,
                delta => { type => 'text_delta', text => $_ } } } texts(@_)),
        { type => 'content_block_stop', index => 0 },
        { type => 'message_delta', usage => { output_tokens => $output },
          delta => { stop_reason => 'end_turn', stop_sequence => undef } },
        { type => 'message_stop' });
}


sub embeddings
{
    my ($body, $input) = asked(@_);

    # 0, 0 as base64 of two floats, which the SDK asks for
    return { json => $json->encode({
        object => 'list', model => $body->{model},
        data => [{ object => 'embedding', index => 0,
                   embedding => 'AAAAAAAAAAA=' }],
        usage => { prompt_tokens => $input, total_tokens => $input }
    }) };
}


my $upstream = RawUpstream->start(
    '/v1/chat/completions'      => \&chat,
    '/v1/responses'             => \&responses,
    '/v1/messages'              => \&messages,
    '/v1/embeddings'            => \&embeddings,
    '/v1/models'                => { json => '{"object":"list","data":'
                                             . '[{"id":"m"}]}' },
    '/v1/messages/count_tokens' => { json => '{"input_tokens":7}' },
    '/flaky/chat/completions'   => [{ status => 500, json => '{}' }, \&chat],
);


# Limits that a test uses up are a team's of its own.

my @rows = map {
    my $sdk = $_;

    map { "llm_team_limit $sdk-$_;\n" } (
        'rate rpm=1', 'wait rpm=1', 'one parallel=1', 'day requests=1/day',
        'poor budget=0.0001/day', 'poorer budget=0.0001/day',
        'small tpm=100'
    );
} qw(openai anthropic);

my $t = LLMGateway->new(
    upstream => $upstream,
    http => 'llm_price plain input=1 output=10;',
    server => "@rows" . <<'EOF'
        location /strict/ {
            llm_reserve strict;
            proxy_pass http://provider/;
        }

        location /inject/ {
            llm_stream_usage inject;
            proxy_pass http://provider/;
        }

        location /strip/ {
            llm_stream_usage strip;
            proxy_pass http://provider/;
        }

        location /cut/ {
            llm_cutoff on;
            llm_team_limit default rpm=1000 tokens=2000/day;
            proxy_pass http://provider/;
        }

        location /429/ {
            llm_budget_status 429;
            proxy_pass http://provider/;
        }
EOF
)->start;


# The SDKs, in a process that knows no more of this machine than it must.

my (%results, $jobs);
my $pid = open2(my $answers, my $questions,
                'env', '-i', "PATH=$ENV{PATH}", "NODE_PATH=$packages",
                'node', "$LLMBase::root/t/sdk/client.js");

$questions->autoflush;


# Sends a call, and waits for what the SDK makes of it; see t/sdk/client.js.

sub ask
{
    my ($sdk, $team, $call, $args, %more) = @_;

    # one argument, or none: null is not the same
    my @args = $args // ();
    my $path = delete $more{path} // '';
    my $url = 'http://127.0.0.1:' . $t->port . $path
              . ($sdk eq 'openai' && $path ne '/flaky' ? '/v1' : '');

    my %job = (
        id => ++$jobs, sdk => $sdk, call => $call, args => \@args,
        options => { apiKey => 'secret', baseURL => $url,
                     maxRetries => delete $more{retries} // 0,
                     defaultHeaders => { 'X-Team' => $team } }, %more
    );

    print $questions $json->encode(\%job) . "\n";

    return $jobs;
}


sub result
{
    my ($id) = @_;

    local $SIG{ALRM} = sub { die "no answer of the SDK\n" };

    alarm 20 * LLMBase::patience();

    until ($results{$id}) {
        my $line = <$answers> // die "the SDKs' process has ended\n";
        my $result = $json->decode($line);

        $results{$result->{id}} = $result;
    }

    alarm 0;

    return delete $results{$id};
}


sub call { return result(ask(@_)) }


# What the requests have in common: a text that says what they will be charged.

sub text
{
    my ($text, %more) = @_;

    return { model => 'm', max_tokens => 50, %more,
             messages => [{ role => 'user', content => $text }] };
}

my %create = (openai => 'chat.completions.create',
              anthropic => 'messages.create');
my %with_usage = (stream => $JSON::PP::true,
                  stream_options => { include_usage => $JSON::PP::true });
my %streamed = (stream => $JSON::PP::true);


# What the SDK says was used, of an answer or of the events of one.

sub used_of
{
    my ($value) = @_;

    my %usage = map { %{$_->{usage} // {}} }
                map { $_->{response} // $_->{message} // $_ }
                ref $value eq 'ARRAY' ? @$value : $value;
    my $details = $usage{prompt_tokens_details}
                  // $usage{input_tokens_details};
    my $read = $usage{cache_read_input_tokens};

    return join ' ', ($usage{prompt_tokens} // $usage{input_tokens} // 0)
                     + ($read // 0),
                     $usage{completion_tokens} // $usage{output_tokens} // 0,
                     $details->{cached_tokens} // $read // 0;
}


sub said
{
    my ($value) = @_;

    return join '', map {
        my $delta = $_->{delta} // $_->{choices}[0]{delta} // '';

        ref $delta ? $delta->{content} // $delta->{text} // '' : $delta;
    } @$value if ref $value eq 'ARRAY';

    my $message = $value->{choices} ? $value->{choices}[0]{message}
                  : $value->{output} ? $value->{output}[0] : $value;
    my $content = $message->{content};

    return ref $content ? $content->[0]{text} : $content;
}


# What reaches the provider of a team's requests.

sub requests
{
    my ($team) = @_;

    return grep { $_->{headers}{'x-team'} eq $team } $upstream->requests;
}


# Plain, streamed, with the helpers: the SDK, the ledger and the zone agree.

sub agree
{
    my ($sdk, $name, $call, $args, $take) = @_;

    my $result = call($sdk, $name, $call, $args, take => $take);

    is($result->{error}, undef, "$name: no error");
    is(said($result->{value}), $said, "$name: the text");
    is(used_of($result->{value}), '30 12 10', "$name: the SDK's usage");

    my $line = $t->line($name);

    is($t->charge($name) . " $line->{cached_tokens} $line->{cost_usd}",
       '30 12 upstream 10 0.000141', "$name: the ledger's");
    is($t->used($name), '1 32 0.000141', "$name: the zone's");

    return ($result, $line);
}


my $input = { model => 'm', input => '30 12 10' };
my ($result, $line) = agree('openai', 'chat', $create{openai},
                            text('30 12 10'));
my ($answer) = @{$result->{answers}};

is($result->{requestID}, $line->{request_id},
   'chat: the SDK has the id of the ledger');
is($line->{upstream_id}, $result->{value}{id},
   'chat: the ledger has the id of the SDK');
is($answer->{headers}{'x-ratelimit-limit-requests'}, 1000,
   'chat: the limit of requests');
is($answer->{headers}{'x-ratelimit-remaining-requests'}, 999,
   'chat: what is left');

agree('openai', 'chat-stream', $create{openai},
      text('30 12 10', %with_usage), 'events');
agree('openai', 'chat-helper', 'chat.completions.stream',
      text('30 12 10', %with_usage), 'finalChatCompletion');

($result, $line) = agree('openai', 'responses', 'responses.create', $input);

is($line->{reasoning_tokens}, 2, 'responses: the reasoning');

agree('openai', 'responses-stream', 'responses.create',
      { %$input, %streamed }, 'events');
agree('openai', 'responses-helper', 'responses.stream', $input,
      'finalResponse');

($result, $line) = agree('anthropic', 'messages', $create{anthropic},
                         text('30 12 10'));
($answer) = @{$result->{answers}};

is($answer->{headers}{'anthropic-ratelimit-requests-limit'}, 1000,
   'messages: the limit of requests');
is($answer->{headers}{'anthropic-ratelimit-requests-remaining'}, 999,
   'messages: what is left');

agree('anthropic', 'messages-stream', $create{anthropic},
      text('30 12 10', %streamed), 'events');
agree('anthropic', 'messages-helper', 'messages.stream', text('30 12 10'),
      'finalMessage');

$result = call('openai', 'embeddings', 'embeddings.create',
               { model => 'm', input => '8' });

is_deeply($result->{value}{data}[0]{embedding}, [0, 0],
          'embeddings: the answer');
is(used_of($result->{value}), '8 0 0', "embeddings: the SDK's usage");
is($t->charge('embeddings'), '8 0 upstream', "embeddings: the ledger's");
is($t->used('embeddings'), '1 8 0.000008', "embeddings: the zone's");


# A usage that nobody asked for but the gateway: the SDK is told of it, or not.

for my $name ('inject', 'strip') {
    $result = call('openai', $name, $create{openai},
                   text('30 12 10', %streamed), take => 'events',
                   path => "/$name");

    is($result->{error}, undef, "$name: no error");
    is(scalar(grep { !@{$_->{choices}} } @{$result->{value}}),
       $name eq 'inject' ? 1 : 0, "$name: events without a choice");
    is(said($result->{value}), $said, "$name: the text");
    is(used_of($result->{value}), $name eq 'inject' ? '30 12 10' : '0 0 0',
       "$name: the SDK's usage");
    is($t->charge($name), '30 12 upstream', "$name: the ledger's");
}


# What is free.

is(call('openai', 'free', 'models.list', undef,
        path => '/429')->{value}{data}[0]{id}, 'm', 'models are listed');
is(call('anthropic', 'free', 'messages.countTokens',
        { model => 'm', messages => [] })->{value}{input_tokens}, 7,
   'tokens are counted');
is($t->used('free'), '0 0 0', 'for nothing');


# Without a stated usage the estimate: four bytes a token, as nothing is
# learned of this model.

sub quarter { return int(($_[0] + 3) / 4) }

sub estimated
{
    my ($name, $prompt, $text) = @_;

    my ($request) = requests($name);

    $prompt //= quarter(length $request->{body});

    is($t->charge($name),
       "$prompt " . quarter(length $text) . ' estimated',
       "$name: the estimate is charged");
}

$result = call('openai', 'no-usage', $create{openai},
               text('30 12', model => 'plain', %streamed), take => 'events');

is(said($result->{value}), $said, 'no-usage: the text');
estimated('no-usage', undef, $said);

for (['openai', 'chat-abort', $create{openai},
      text('30 12 hold abort', model => 'plain', %with_usage)],
     ['openai', 'responses-abort', 'responses.create',
      { model => 'plain', input => '30 12 hold abort', %streamed }],
     ['anthropic', 'messages-abort', $create{anthropic},
      text('30 12 hold abort', model => 'plain', %streamed), 30])
{
    my ($sdk, $name, $call, $args, $prompt) = @$_;

    $result = call($sdk, $name, $call, $args, take => 'abort');

    is($result->{error}, undef, "$name: the SDK ends it");
    isnt(said($result->{value}), $said, "$name: before its end");
    estimated($name, $prompt, $seen);
}


# A stream that is cut off, as its payer has nothing left, is to the SDKs one
# that has met its cap.

my $long = '30 12 hold long';

for (['cut-chat', 'openai', $create{openai}, text($long, %with_usage),
      'events'],
     ['cut-chat-helper', 'openai', 'chat.completions.stream',
      text($long, %with_usage), 'finalChatCompletion'],
     ['cut-responses', 'openai', 'responses.create',
      { model => 'm', input => $long, %streamed }, 'events'],
     ['cut-messages', 'anthropic', $create{anthropic}, text($long, %streamed),
      'events'],
     ['cut-messages-helper', 'anthropic', 'messages.stream', text($long),
      'finalMessage'])
{
    my ($name, $sdk, $call, $args, $take) = @$_;

    $result = call($sdk, $name, $call, $args, take => $take, path => '/cut');

    is($result->{error}, undef, "$name: no error");

    my $value = $result->{value};
    my $text = said($value);
    my @ends = grep { defined }
               map { ($_->{choices} && $_->{choices}[0]{finish_reason},
                      $_->{stop_reason},
                      $_->{delta} && ref $_->{delta}
                      && $_->{delta}{stop_reason},
                      $_->{type} && $_->{type} eq 'response.incomplete'
                      && $_->{response}{status}) }
               ref $value eq 'ARRAY' ? @$value : $value;

    is_deeply([grep { $_ } @ends],
              [$name =~ /chat/ ? 'length'
               : $name =~ /messages/ ? 'max_tokens' : 'incomplete'],
              "$name: how it ends");
    like($text, qr/\A(?:four){500,}\z/, "$name: the text up to there");

    $line = $t->line($name);
    is($line->{source}, 'estimated', "$name: what passed is charged");

    my (undef, $output) = split ' ', used_of($value);

    is($output, $line->{completion_tokens}, "$name: and what the SDK is told")
        if $sdk eq 'openai' || $take eq 'events';
}


# What the provider fails and the SDK repeats is charged once.

$result = call('openai', 'flaky', $create{openai}, text('30 12 10'),
               path => '/flaky', retries => 1, quick => 1);

is(join(' ', map { $_->{status} } @{$result->{answers}}), '500 200',
   'flaky: the SDK tries again');
is($t->used('flaky'), '2 32 0.000141', 'flaky: two requests, one charge');


# A refusal: the SDK's own error for it, in the provider's own form, and what
# the SDK then does.  Nothing of it reaches the provider or the ledger.

my %words = (
    RateLimitError => [429, 'rate_limit_exceeded', 'rate_limit_error',
                       'rate_limit_error'],
    PermissionDeniedError => [403, 'budget_exceeded', 'budget_exceeded',
                              'permission_error'],
    BadRequestError => [400, 'request_too_large', 'invalid_request_error',
                        'invalid_request_error'],
);
my %hopeless = (day => 1, poor => 1, small => 1);


sub refused
{
    my ($sdk, $name, $class, $tries, $admitted, %more) = @_;

    my $team = "$sdk-$name";
    my ($status, $code, $type, $anthropic) = @{$words{$class}};

    my $result = call($sdk, $team, $create{$sdk}, text('30 12'), %more);
    my $error = $result->{error};

    is("$error->{class} $error->{status}", "$class $status",
       "$team: the error");
    is(scalar @{$result->{answers}}, $tries, "$team: $tries requests");

    if ($sdk eq 'openai') {
        is("$error->{code} $error->{type}", "$code $type", "$team: its words");
        like($error->{requestID}, qr/^[0-9a-f]{32}$/, "$team: its request");

    } else {
        is_deeply($error->{body},
                  { type => 'error', error => {
                      type => $anthropic,
                      message => $error->{body}{error}{message} } },
                  "$team: its form");
        is($error->{type}, $anthropic, "$team: its type");
    }

    is($result->{answers}[0]{headers}{'x-should-retry'},
       $hopeless{$name} ? 'false' : undef, "$team: whether to ask again");
    is(scalar requests($team), $admitted, "$team: nothing of it passes");
    is(scalar $t->lines($team), $admitted, "$team: nothing of it is charged");

    return $result;
}


sub admitted
{
    my ($sdk, $name, %more) = @_;

    my $team = "$sdk-$name";
    my $result = call($sdk, $team, $create{$sdk}, text('30 12'), %more);

    is($result->{error}, undef, "$team: the first one passes");
    is($t->charge($team), '30 12 upstream', "$team: and is charged");
}


for my $sdk (qw(openai anthropic)) {

    # a minute's limit: the error says when, and the SDK waits that long

    admitted($sdk, 'rate');
    $result = refused($sdk, 'rate', 'RateLimitError', 1, 1);

    my $error = $result->{error};

    like($error->{retryAfter}, qr/^(?:[1-9]|[1-5]\d|6[01])$/,
         "$sdk-rate: retry-after");
    like($error->{message},
         qr/Team=$sdk-rate rpm=1, used 1, retry in $error->{retryAfter} s\./,
         "$sdk-rate: the message");

    admitted($sdk, 'wait');
    $result = refused($sdk, 'wait', 'RateLimitError', 3, 1, retries => 2,
                      quick => 1);

    my @after = map { $_->{headers}{'retry-after'} * 1000 }
                @{$result->{answers}};

    is(join(' ', @{$result->{waits}}), join(' ', @after[0, 1]),
       "$sdk-wait: the SDK waits as long as retry-after says");

    # for what is in flight it waits indeed, and then passes

    my $first = ask($sdk, "$sdk-one", $create{$sdk},
                    text("30 12 hold $sdk", %streamed), take => 'events');

    wait_until { $upstream->waiting($sdk) } 'a request in flight';

    my $second = ask($sdk, "$sdk-one", $create{$sdk}, text('30 12'),
                     retries => 9);

    wait_until { $t->results("$sdk-one") =~ /429/ } 'the second one to wait';

    $upstream->release($sdk);

    is(said(result($first)->{value}), $said, "$sdk-one: the one in flight");

    $result = result($second);
    my @statuses = map { $_->{status} } @{$result->{answers}};

    is(said($result->{value}), $said, "$sdk-one: the one that waits");
    is(pop @statuses, 200, "$sdk-one: it passes at last");
    is(join(' ', @{$result->{waits}}), join(' ', (1000) x @statuses),
       "$sdk-one: after one second each time");

    # asking again is of no use, and the SDK is told so

    my @again = (retries => 2, quick => 1);

    admitted($sdk, 'day');
    $result = refused($sdk, 'day', 'RateLimitError', 1, 1, @again);
    cmp_ok($result->{error}{retryAfter}, '<=', 86400, "$sdk-day: retry-after");

    admitted($sdk, 'poor');
    $result = refused($sdk, 'poor', 'PermissionDeniedError', 1, 1, @again);
    like($result->{error}{message},
         qr/Team=$sdk-poor Current cost: 0\.00015, Max budget: 0\.0001\./,
         "$sdk-poor: the message");
    is($result->{error}{retryAfter}, undef, "$sdk-poor: no retry-after");

    refused($sdk, 'small', 'BadRequestError', 1, 0, @again,
            path => '/strict');

    # where only x-should-retry keeps it from asking again

    admitted($sdk, 'poorer', path => '/429');
    $result = call($sdk, "$sdk-poorer", $create{$sdk}, text('30 12'), @again,
                   path => '/429');
    is("$result->{error}{class} $result->{error}{status}",
       'RateLimitError 429', "$sdk-poorer: a budget as a rate");
    is(scalar @{$result->{answers}}, 1, "$sdk-poorer: it does not ask again");
    wait_until { $t->results("$sdk-poorer") =~ /429/ } 'it to be logged';
    is($t->results("$sdk-poorer"), '200 passed upstream, 429 budget_exceeded -',
       "$sdk-poorer: one refusal");
}


# strict wants a cap, which Anthropic's API has always

$result = call('openai', 'openai-small', $create{openai},
               { model => 'm', messages => [] }, path => '/strict');
is("$result->{error}{class} $result->{error}{code}",
   'BadRequestError request_too_large', 'strict: no cap');
like($result->{error}{message}, qr/\bmax_tokens\b/, 'strict: it asks for one');


close $questions;
waitpid $pid, 0;
is($?, 0, 'the SDKs\' process ends well');

$t->finish;

done_testing();
