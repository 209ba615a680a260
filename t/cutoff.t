# llm_cutoff: a stream whose payer has nothing left is ended as if it had met
# its output cap, in its own dialect.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use JSON::PP ();

my $json = JSON::PP->new->canonical;
my @type = ('Content-Type' => 'text/event-stream');


# Streams of far more text than any team has left; where they wait at the gate
# "never" their end does not come from upstream.

my $text = 'four' x 100;


sub chat
{
    my ($index, $object, %choice) = @_;

    return { id => 'chatcmpl-7', object => $object, created => 17,
             model => 'm-2', choices => [{ index => $index, %choice }] };
}


sub data { return map { 'data: ' . $json->encode($_) . "\n\n" } @_ }
sub events
{
    return map { "event: $_->{type}\n" . join '', data($_) } @_;
}


my @chat = data((chat(0, 'chat.completion.chunk', delta => {
                          content => $text })) x 200);
my @two = data((map { chat($_, 'text_completion', text => $text) } 0, 1) x 100);

my @message = events(
    { type => 'message_start', message => { id => 'msg_1', model => 'm-2',
      role => 'assistant', content => [],
      usage => { input_tokens => 30, output_tokens => 1 } } },
    { type => 'content_block_start', index => 0, content_block => {
      type => 'text', text => '' } },
    ({ type => 'content_block_delta', index => 0,
       delta => { type => 'text_delta', text => $text } }) x 200,
);

my @response = events(
    { type => 'response.created', sequence_number => 0,
      response => { id => 'resp_1', object => 'response', created_at => 17,
                    model => 'm-2', status => 'in_progress' } },
    map { { type => 'response.output_text.delta', sequence_number => $_,
            output_index => 0, content_index => 0, item_id => 'i',
            delta => $text } } 1 .. 200
);

my %bodies = (
    '/v1/chat/completions' => join('', @chat),
    '/v1/completions'      => join('', @two),
    '/v1/messages'         => join('', @message),
    '/v1/responses'        => join('', @response),
);

my %deliveries = (
    chunks      => { chunked => [4096] },
    pieces      => { chunked => [700, 3, 1, 60, 333], pieces => [1000] },
    until_close => { until_close => 1, pieces => [5000] },
    length      => {},
);


sub stream
{
    my ($body, %more) = @_;

    return { body => $body, headers => [@type], hold => 'never',
             hold_at => length($body) - 1, %more };
}


my $whole = join '', @chat[0 .. 9],
                     data(chat(0, 'chat.completion.chunk', delta => {},
                               finish_reason => 'stop')), "data: [DONE]\n\n";

my $upstream = RawUpstream->start(
    (map {
        my $path = $_;
        map { ("/$_$path" => stream($bodies{$path}, %{$deliveries{$_}})) }
            keys %deliveries
    } keys %bodies),

    '/finished/v1/chat/completions' => { body => $whole, headers => [@type] },
    '/huge/v1/chat/completions' => stream(join('', @chat) x 150),
    '/half/v1/chat/completions' =>
        { body => join('', @chat), headers => [@type], hold => 'half',
          hold_at => length(join '', @chat[0 .. 5]) },
    '/gzip/v1/chat/completions' =>
        { body => join('', @chat), headers => [
              @type, 'Content-Encoding' => 'br'] },
    '/end/v1/chat/completions' => { body => join('', @chat), headers => [
                                    @type, 'Cache-Control' => 'max-age=9'] },
    '/last/v1/chat/completions' => { json => usage(1, 1) },
    '*' => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { H2 => LLMBase::free_port() },
    workers => 1,
    http => <<'EOF',
    proxy_cache_path %%DIR%%/tmp/cache keys_zone=answers:1m;
    llm_cutoff on;

    server {
        listen 127.0.0.1:%%H2%% http2;

        llm_quota main;
        llm_team $http_x_team;
        llm_team_limit default tokens=1m/day;

        location / {
            proxy_pass http://provider;
        }
    }
EOF
    server => <<'EOF',
        llm_team_limit spent      rpm=1000 tpm=100m budget=0.02 tokens=1m/day;
        llm_team_limit two-open   rpm=1000 tpm=100m tokens=3000/day;
        llm_team_limit slow       rpm=1000 tpm=100m tokens=1m/day;
        llm_team_limit goes-on    rpm=1000 tpm=100m budget=0.02 hard_cap=off;

        location /day/ {
            llm_team_limit default tokens=2000/day;
            proxy_pass http://provider/;

            location /day/strip/ {
                llm_stream_usage strip;
                proxy_pass http://provider/;
            }

            location /day/inject/ {
                llm_stream_usage inject;
                proxy_pass http://provider/;
            }

            location /day/off/ {
                llm_cutoff off;
                proxy_pass http://provider/;
            }

            location /day/dry/ {
                llm_dry_run on;
                proxy_pass http://provider/;
            }

            location /day/buffered/ {
                llm_stream_buffering on;
                proxy_pass http://provider/;
            }

            location /day/cached/ {
                proxy_cache answers;
                proxy_cache_methods POST;
                proxy_pass http://provider/;
            }

            location /day/none/ {
                llm_reserve off;
                proxy_pass http://provider/;
            }
        }
EOF
)->start;


sub ask
{
    my ($team, $path, %more) = @_;

    return $t->ask($team, path => $path, body => $json->encode({
        model => 'm', stream => JSON::PP::true, max_tokens => 8,
        messages => [], %more
    }));
}


# The answer ends well; what there is of the stream, and what ended it.

sub ended
{
    my ($answer, $body, $name) = @_;

    my $got = $answer->{body};
    my $n = 0;

    $n++ while $n < length $got && $n < length $body
               && substr($got, $n, 1) eq substr($body, $n, 1);

    # what ends it may begin like the next event

    $n = 2 + rindex $body, "\n\n", $n - 2;

    ok(!$answer->{truncated} && $answer->{status} == 200 && $n > 1,
       "$name: " . int($n / 400) . ' pieces of text, and a proper end');

    return substr $got, $n;
}


sub dechunk { return map { $json->decode(s/^(?:event: \S+\n)?data: //r) }
                     grep { !/\[DONE\]/ } split /\n\n/, $_[0] }


my @choice = (id => 'chatcmpl-7', created => 17, model => 'm-2');

for my $how (sort keys %deliveries) {
    my ($end, $line, $team);

    $team = "chat-$how";
    $end = ended(ask($team, "/day/$how/v1/chat/completions")->answer,
                 $bodies{'/v1/chat/completions'}, $team);

    is_deeply([dechunk($end)], [
        { @choice, object => 'chat.completion.chunk', choices => [{
            index => 0, delta => {}, logprobs => undef,
            finish_reason => 'length' }] }], 'a last chunk');
    like($end, qr/\n\ndata: \[DONE\]\n\n\z/, 'and the end');

    $line = $t->line($team);

    ok($line->{source} eq 'estimated' && $line->{stream}
       && $line->{upstream_id} eq 'chatcmpl-7'
       && $line->{total_tokens} >= 2000 && $line->{total_tokens} < 6000,
       "$line->{total_tokens} tokens were charged of 20000");

    $team = "asked-$how";
    $end = ended(ask($team, "/day/$how/v1/chat/completions",
                     stream_options => { include_usage => JSON::PP::true })
                 ->answer, $bodies{'/v1/chat/completions'}, $team);
    $line = $t->line($team);

    is_deeply((dechunk($end))[1], {
        @choice, object => 'chat.completion.chunk', choices => [], usage => {
            prompt_tokens => $line->{prompt_tokens},
            completion_tokens => $line->{completion_tokens},
            total_tokens => $line->{total_tokens} } },
        'usage that was asked for is what is charged');

    $team = "two-$how";
    $end = ended(ask($team, "/day/$how/v1/completions", n => 2)->answer,
                 $bodies{'/v1/completions'}, $team);

    is_deeply([dechunk($end)], [
        { @choice, object => 'text_completion', choices => [map { {
            index => $_, text => '', logprobs => undef,
            finish_reason => 'length' } } 0, 1] }], 'both choices end');

    $team = "message-$how";
    $end = ended(ask($team, "/day/$how/v1/messages")->answer,
                 $bodies{'/v1/messages'}, $team);
    $line = $t->line($team);

    is_deeply([dechunk($end)], [
        { type => 'content_block_stop', index => 0 },
        { type => 'message_delta', delta => { stop_reason => 'max_tokens',
                                              stop_sequence => undef },
          usage => { output_tokens => $line->{completion_tokens} } },
        { type => 'message_stop' }], 'the block and the message end');
    is($line->{prompt_tokens}, 30, 'of what is stated the input counts');

    $team = "response-$how";
    $end = ended(ask($team, "/day/$how/v1/responses")->answer,
                 $bodies{'/v1/responses'}, $team);

    my ($last) = dechunk($end);

    like($end, qr/\Aevent: response\.incomplete\n/, 'the response');
    is("$last->{type} $last->{response}{status} $last->{response}{id} "
       . $last->{response}{incomplete_details}{reason},
       'response.incomplete incomplete resp_1 max_output_tokens',
       'is incomplete');
}


# Clients that would take a compressed answer: it could not be ended.

$t->chat('coded-ask', path => '/day/chunks/v1/chat/completions',
         body => '{"model":"m","stream":true,"messages":[]}',
         headers => ['Accept-Encoding' => 'gzip, br']);
like(($upstream->requests)[-1]{headers}{'accept-encoding'} // '',
     qr/\Aidentity\z/, 'a stream is asked for as it is');

$t->chat('json-ask', path => '/day/last/v1/chat/completions',
         headers => ['Accept-Encoding' => 'gzip, br']);
is(($upstream->requests)[-1]{headers}{'accept-encoding'}, 'gzip',
   'another answer is not');


# Money ends it as well, and what others spend meanwhile.

ended(ask('spent', '/chunks/v1/chat/completions')->answer,
      $bodies{'/v1/chat/completions'}, 'a budget');

my $cost = $t->line('spent')->{cost_usd};

ok($cost >= 0.02 && $cost < 0.06, "$cost USD were charged of 0.02");
$t->wait_log(qr/cut_off, .*team: "spent", limit: "team:spent budget=0.02"/);

my $open = ask('two-open', '/half/v1/chat/completions');

$open->event for 1 .. 6;

ended(ask('two-open', '/chunks/v1/chat/completions')->answer,
      $bodies{'/v1/chat/completions'}, 'another stream');
$upstream->release('half');

my $end = ended($open->answer, join('', @chat[6 .. 199]), 'the first one');

like($end, qr/"finish_reason":"length"/, 'which has nothing left either');

ok($t->line('none')->{source} eq 'estimated', 'llm_reserve off')
    if ended(ask('none', '/day/none/chunks/v1/chat/completions')->answer,
             $bodies{'/v1/chat/completions'}, 'off');


# What usage was put in for is taken out of the end, too.

$end = ended(ask('strip', '/day/strip/chunks/v1/chat/completions')->answer,
             $bodies{'/v1/chat/completions'}, 'strip');
unlike($end, qr/usage/, 'no usage');
like($end, qr/"length".*\[DONE\]/s, 'but the rest');

like(ended(ask('inject', '/day/inject/chunks/v1/chat/completions')->answer,
           $bodies{'/v1/chat/completions'}, 'inject'), qr/"usage":\{/,
     'inject: usage');


# Slow clients, and those of HTTP/2, get all of it: 4 MB of 12, at which the
# answer is far ahead of a client that does not read.

my $huge = $bodies{'/v1/chat/completions'} x 150;
my $slow = ask('slow', '/huge/v1/chat/completions');

$slow->head;
wait_until { $t->used('slow') =~ /^1 \d{4}/ }
    'the client to be far behind';

like(ended($slow->answer, $huge, 'a slow client'),
     qr/"length".*\[DONE\]\n\n\z/s, 'has the end');
is($t->line('slow')->{source}, 'estimated', 'and was charged');

my $h2 = `curl -s --max-time 20 --http2-prior-knowledge -w '%{http_code} %{errormsg}' \\
          -H 'X-Team: h2' -d '{"model":"m","stream":true,"max_tokens":8,"messages":[]}' \\
          http://127.0.0.1:$t->{vars}{H2}/huge/v1/chat/completions`;

like($h2, qr/"length".*\[DONE\]\n\n200 \z/s, 'so has one of HTTP/2');


# What passes to its end.

sub passes
{
    my ($name, $path, $body) = @_;

    my $got = ask($name =~ tr/ /-/r, $path)->answer;

    ok(!$got->{truncated} && $got->{body} eq $body, "$name: passes");
}


passes('finished', '/day/finished/v1/chat/completions', $whole);
passes('off', '/day/off/end/v1/chat/completions', join '', @chat);
passes('dry run', '/day/dry/end/v1/chat/completions', join '', @chat);
passes('buffered', '/day/buffered/end/v1/chat/completions', join '', @chat);
passes('coded', '/day/gzip/v1/chat/completions', join '', @chat);
passes('goes-on', '/end/v1/chat/completions', join '', @chat);
passes('rich', '/end/v1/chat/completions', join '', @chat);
passes('cached', '/day/cached/end/v1/chat/completions', join '', @chat);

$t->wait_log(qr/llm_cutoff cannot end a stream that is cached/);
like($t->log, qr/llm_cutoff ends no stream under "llm_stream_buffering on"/,
     'what cannot be is warned of');

$t->finish;

done_testing;
