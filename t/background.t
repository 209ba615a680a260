# Answers that are made in the background: charged once, to who asked for
# them, whoever first sees what they used.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use Compress::Zlib ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;


# A response or a run, as an answer to a request about it.

sub response
{
    my ($id, $status, $usage, %more) = @_;

    return { id => $id, object => 'response', background => JSON::PP::true,
             status => $status, model => 'm', error => undef, output => [],
             usage => $usage && { input_tokens => $$usage[0],
                                  input_tokens_details => {},
                                  output_tokens => $$usage[1],
                                  total_tokens => $$usage[0] + $$usage[1] },
             %more };
}


sub run
{
    my ($id, $status, $usage, %more) = @_;

    return { id => $id, object => 'thread.run', status => $status,
             model => 'm', last_error => undef,
             usage => $usage && { prompt_tokens => $$usage[0],
                                  completion_tokens => $$usage[1],
                                  total_tokens => $$usage[0] + $$usage[1] },
             %more };
}


sub reply { return { json => $json->encode($_[0]) } }


sub event
{
    my ($type, $data) = @_;

    return "event: $type\ndata: " . $json->encode($data);
}


sub events
{
    return map {
        event("response.$$_[0]", { type => "response.$$_[0]",
                                   response => response(@$_[1 .. $#$_]) })
    } @_;
}


sub delta
{
    return event('response.output_text.delta',
                 { type => 'response.output_text.delta', delta => $_[0] });
}


my @run = (
    event('thread.created', { id => 'thread_1', object => 'thread' }),
    event('thread.run.created', run('run_s', 'queued')),
    event('thread.run.in_progress', run('run_s', 'in_progress')),
    event('thread.run.step.completed',
          run('step_1', 'completed', [5, 6], object => 'thread.run.step')),
    event('thread.message.completed',
          { id => 'msg_1', object => 'thread.message',
            status => 'completed' }),
    event('thread.run.completed', run('run_s', 'completed', [50, 60])),
    event('done', '[DONE]') =~ s/"//gr,
);

my $long = 'resp_' . 'x' x 300;
my $gzip = Compress::Zlib::memGzip(
               $json->encode(response('zip', 'completed', [10, 5])));
my @coded = map {
    { body => $gzip, headers => ['Content-Encoding', $_,
                                 'Content-Type', 'application/json'] }
} qw(br gzip);


# How each response is asked for, /NAME/v1/responses, and then shown,
# /NAME/v1/responses/NAME.

my %create = (
    failed => response('failed', 'in_progress'),
    long   => response($long, 'queued'),
    at_once => response('at_once', 'completed', [10, 5]),
    replay => response('polled', 'queued'),
    (map { $_ => response($_, 'queued') }
     qw(polled both resumed cancelled refused incomplete zip cut reload killed
        unread resent)),
);

my %shown = (
    polled     => [map { reply($_) } response('polled', 'queued'),
                   response('polled', 'in_progress'),
                   response('polled', 'completed', [100, 50])],
    both       => { %{reply(response('both', 'completed', [10, 5]))},
                    hold => 'both' },
    resumed    => { sse => [events(['in_progress', 'resumed', 'in_progress']),
                            delta('Hi'),
                            events(['completed', 'resumed', 'completed',
                                    [10, 5]])] },
    cut        => [{ %{reply(response('cut', 'completed', [10, 5]))},
                     hold => 'cut', hold_at => index($json->encode(
                         response('cut', 'completed')), '"usage"') },
                   reply(response('cut', 'completed', [10, 5]))],
    failed     => reply(response('failed', 'failed', undef,
                                 error => { code => 'server_error' })),
    incomplete => reply(response('incomplete', 'incomplete', [10, 4096])),
    refused    => [{ status => 500, %{reply(response('refused', 'completed',
                                                    [10, 5]))} },
                   reply({ error => { message => 'no such response' } }),
                   reply(response('refused', 'completed', [10, 5]))],
    zip        => [{ %{$coded[1]}, body => 'no gzip' }, @coded],
    $long      => reply(response($long, 'completed', [10, 5])),
    (map { $_ => reply(response($_, 'completed', [10, 5])) }
     qw(at_once reload killed unknown)),
);

my @stream = (events(['created', 'stream', 'queued']),
              events(['in_progress', 'stream', 'in_progress']),
              delta('Hello'));

my $upstream = RawUpstream->start(
    (map { ("/$_/v1/responses" => reply($create{$_})) } keys %create),
    (map { ("/v1/responses/$_" => $shown{$_}) } keys %shown),

    '/v1/responses/cancelled/cancel' =>
        reply(response('cancelled', 'cancelled', [10, 2])),

    '/whole/v1/responses' =>
        { sse => [@stream, events(['completed', 'stream', 'completed',
                                   [10, 5]])] },
    '/left/v1/responses' =>
        { sse => [@stream, events(['completed', 'stream', 'completed',
                                   [10, 5]])],
          hold => 'left', hold_at => length join "\n\n", @stream, '' },
    '/v1/responses/stream' =>
        { sse => [events(['completed', 'stream', 'completed', [10, 5]])] },

    '/v1/threads/t/runs' => reply(run('run_1', 'queued')),
    '/v1/threads/t/runs/run_1' =>
        [reply(run('run_1', 'requires_action')),
         reply(run('run_1', 'completed', [30, 40]))],
    '/v1/threads/runs' => { sse => \@run },
    '/left/v1/threads/runs' =>
        { sse => \@run, hold => 'run',
          hold_at => length join "\n\n", @run[0 .. 4], '' },
    '/v1/threads/t/runs/run_s' => reply(run('run_s', 'completed', [50, 60])),
    '/tools/v1/threads/t/runs' => reply(run('run_t', 'queued')),
    '/v1/threads/t/runs/run_t/submit_tool_outputs' =>
        reply(run('run_t', 'completed', [7, 8])),

    '/v1beta/interactions' => reply({ id => 'i1', status => 'in_progress' }),
    '/v1beta/interactions/i1' =>
        reply({ id => 'i1', status => 'completed',
                usage => { total_input_tokens => 3,
                           total_output_tokens => 4, total_tokens => 7 } }),
    '*' => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    workers => 2,
    server => <<'EOF'
        llm_user $http_x_user;
        llm_user_limit default tpm=100m;

        location = /v1/responses/cut {
            proxy_buffering off;
            proxy_pass http://provider;
        }
EOF
);

$t->start;

my $body = '{"model":"m","background":true,"max_output_tokens":7,'
           . '"input":"Hello"}';


# Asks for a response; asks about one.

sub create
{
    my ($team, %options) = @_;

    return $t->chat($team, path => "/$team/v1/responses", body => $body,
                    %options);
}


sub poll
{
    my ($team, $id, %options) = @_;

    return $t->chat($team, method => 'GET', path => "/v1/responses/$id",
                    body => undef, %options);
}


# "input output source, ..." of a team's lines, once there are that many

sub charges
{
    my ($team, $n) = @_;

    my @lines;

    wait_until { (@lines = by_number($team)) >= $n } "$n lines of $team";

    return join ', ', map {
        join ' ', @$_{qw(prompt_tokens completion_tokens source)}
    } @lines;
}


# A team's lines in the order of their numbers: of two workers either may
# write first.

sub by_number
{
    my ($team) = @_;

    my $number = sub { (split /-/, $_[0]{id})[1] };

    return sort { $number->($a) <=> $number->($b) } $t->lines($team);
}


sub shown
{
    my ($name, $charge, $used, $what) = @_;

    create($name);
    poll('poller', $name);
    is(charges($name, 2), "0 0 pending, $charge", $what);
    is($t->used($name), $used, "$what: counted");
}


# Polls.

is(create('polled', headers => ['X-User' => 'alice'])->{status}, 200,
   'it is admitted');
like($t->used('polled'), qr/^1 (?!0 )\d+ 0\.0+\d+$/,
     'what is expected stays reserved');

my $reserved = $t->used('polled');

poll('polled', 'polled');
poll('polled', 'polled', headers => ['If-None-Match' => '"x"']);
is($t->used('polled'), $reserved, 'while it is made');

poll('poller', 'polled', headers => ['X-User' => 'bob']);
is($t->used('polled'), '1 150 0.0006', 'charged when it is shown');

poll($_, 'polled') for qw(polled poller polled);
is($t->used('polled'), '1 150 0.0006', 'once');
is($t->used('poller'), '0 0 0', 'not to who asks');
is(charges('polled', 2), '0 0 pending, 100 50 upstream', 'two lines');

my ($first, $second) = by_number('polled');

is($second->{of}, $first->{id}, 'the second is of the first');
is($second->{requests}, 0, 'and no request');
ok(!exists $first->{$_}, "the first has no $_") for qw(of requests);
isnt($second->{id}, $first->{id}, 'it has an id of its own');
is($second->{$_}, $first->{$_}, "the same $_")
    for qw(team_id user_id model request_id upstream_id);
cmp_ok($second->{started}, 'le', $first->{timestamp}, 'and the same start');
is($second->{user_id}, 'alice', 'it names who asked for it');
is($second->{response_model}, 'm', 'the model of the answer');
is($second->{price_id}, 'm', 'and its price');
is($second->{cost_usd}, 0.0006, 'its cost');
is(charges('poller', 0), '', 'no line of who asks');

create('replay');
is(charges('replay', 1), '0 0 none', 'the same answer to another request');
is($t->used('replay'), '1 0 0', 'is not charged again');

create('resent');
create('resent');
is(charges('resent', 2), '0 0 pending, 0 0 pending',
   'twice the same while it is made');

is(create('at_once')->{status}, 200, 'an answer at once');
is($t->charge('at_once'), '10 5 upstream', 'is charged at once');
poll('poller', 'at_once');
is($t->used('at_once'), '1 15 0.00006', 'and not when it is read');

is(poll('stranger', 'unknown')->{status}, 200, 'one that is not known passes');

shown('failed', '0 0 none', '1 0 0', 'a failure');
shown('incomplete', '10 4096 upstream', '1 4106 0.04097', 'incomplete');
shown('resumed', '10 5 upstream', '1 15 0.00006', 'a stream taken up');

create('long');
poll('poller', $long);
is(charges('long', 2), '0 0 pending, 10 5 upstream', 'an id of 305 bytes');
is($_->{upstream_id}, $long, 'is whole in the line') for $t->lines('long');

create('cancelled');
$t->chat('poller', path => '/v1/responses/cancelled/cancel', body => '');
is(charges('cancelled', 2), '0 0 pending, 10 2 upstream', 'cancelled');

create('refused');
poll('poller', 'refused') for 1, 2;
is(charges('refused', 1), '0 0 pending', 'an error says nothing');
poll('poller', 'refused');
is(charges('refused', 2), '0 0 pending, 10 5 upstream', 'until it is shown');

create('zip');
poll('poller', 'zip', headers => ['Accept-Encoding', 'br, gzip']) for 1, 2;
is(charges('zip', 1), '0 0 pending', 'what cannot be read says nothing');
poll('poller', 'zip');
is(charges('zip', 2), '0 0 pending, 10 5 upstream', 'until it can');

my ($asked) = $upstream->requests('/v1/responses/zip');

is($asked->{headers}{'accept-encoding'}, 'gzip',
   'an answer is asked for as it can be read');

create('cut');

my $client = $t->ask('poller', method => 'GET', path => '/v1/responses/cut',
                     body => undef);

wait_until { $upstream->waiting('cut') } 'a part of the answer';
$client->abort;
wait_until { LLMBase::slurp($t->dir . '/logs/llm.log')
             =~ m{^poller .* /v1/responses/cut$}m } 'its end';
is(charges('cut', 1), '0 0 pending', 'a part of an answer says nothing');
poll('poller', 'cut');
is(charges('cut', 2), '0 0 pending, 10 5 upstream', 'until it is whole');
$upstream->release('cut');


# Two at once, in any worker.

create('both');

my @clients = map { $t->ask("poller-$_", method => 'GET', body => undef,
                            path => '/v1/responses/both') } 1 .. 8;

wait_until { $upstream->waiting('both') == 8 } 'all polls to be under way';
$upstream->release('both', 8);
is($_->answer->{status}, 200, 'a poll of many') for @clients;
is($t->used('both'), '1 15 0.00006', 'many at once charge once');
is(charges('both', 2), '0 0 pending, 10 5 upstream', 'and write one line');


# Streams.

is($t->chat('whole', path => '/whole/v1/responses', body => $body)->{status},
   200, 'a stream to its end');
is($t->charge('whole'), '10 5 upstream', 'is charged at its end');
poll('poller', 'stream');
is($t->used('whole'), '1 15 0.00006', 'and not when it is read');

$client = $t->ask('left', path => '/left/v1/responses', body => $body);
$client->event for @stream;
$client->abort;

is(charges('left', 1), '0 0 pending', 'a stream that is left goes on');
poll('poller', 'stream?stream=true&starting_after=2');
is(charges('left', 2), '0 0 pending, 10 5 upstream', 'and is charged later');

$client = $t->ask('leaver', path => '/left/v1/responses',
                  body => '{"model":"m","input":"Hello","stream":true}');
$client->event for @stream;
$client->abort;
like($t->charge('leaver'), qr/^\d+ [1-9]\d* estimated$/,
     'one that is not in the background does not');


# Runs.

sub run_of
{
    my ($team, $path, %options) = @_;

    return $t->chat($team, path => $path, body => '{"assistant_id":"a",'
                    . '"model":"m","stream":true}', %options);
}


sub about
{
    return $t->chat('poller', method => 'GET', path => $_[0], body => undef);
}


run_of('run', '/v1/threads/t/runs');
about('/v1/threads/t/runs/run_1') for 1 .. 4;
is(charges('run', 2), '0 0 pending, 30 40 upstream', 'a run');
is($t->used('run'), '1 70 0.00043', 'is charged once');

is(run_of('run-stream', '/v1/threads/runs')->{status}, 200, 'its events');
is($t->charge('run-stream'), '50 60 upstream', "the run's usage, no step's");
is($t->line('run-stream')->{upstream_id}, 'run_s', "the run's id");
about('/v1/threads/t/runs/run_s');
is($t->used('run-stream'), '1 110 0.00065', 'are charged once');

$client = $t->ask('run-left', path => '/left/v1/threads/runs',
                  body => '{"assistant_id":"a","model":"m","stream":true}');
$client->event for 1 .. 5;
$client->abort;
is(charges('run-left', 1), '0 0 pending', 'a run that is left');
about('/v1/threads/t/runs/run_s');
is(charges('run-left', 2), '0 0 pending, 50 60 upstream', 'goes on');

run_of('tools', '/tools/v1/threads/t/runs');
is($t->chat('poller', body => '{"tool_outputs":[]}', path =>
            '/v1/threads/t/runs/run_t/submit_tool_outputs')->{status}, 200,
   'a run that is known goes on');
is(charges('tools', 2), '0 0 pending, 7 8 upstream', 'and is charged');
is($t->chat('poller', body => '{"tool_outputs":[]}', path =>
            '/v1/threads/t/runs/other/submit_tool_outputs')->{status}, 403,
   'one that is not known does not');

$t->chat('interaction', path => '/v1beta/interactions',
         body => '{"model":"m","input":"Hello","background":true}');
about('/v1beta/interactions/i1') for 1, 2;
is(charges('interaction', 2), '0 0 pending, 3 4 upstream', 'an interaction');
is($t->used('interaction'), '1 7 0.000043', 'is charged once');

is($t->used('poller'), '0 0 0', 'all that was free');


# What is pending outlives a reload, and the worker that it came from.

create('reload');
$t->reload;
poll('poller', 'reload');
is(charges('reload', 2), '0 0 pending, 10 5 upstream', 'over a reload');

create('killed');
charges('killed', 1);
$t->kill_worker($_) for $t->workers;
poll('poller', 'killed');
is(charges('killed', 2), '0 0 pending, 10 5 upstream', 'over a kill');
is($t->used('killed'), '1 15 0.00006', 'counted once');

$t->settle_all;
is(scalar $t->lines('poller'), 0, 'nobody was charged for asking');
is(scalar $t->lines('stranger'), 0, 'known or not');

my %count;

$count{$_->{id}}++ for $t->lines;
is((grep { $_ > 1 } values %count), 0, 'no line is there twice');

$t->finish;


# A zone with no room: the oldest is charged what was expected of it, if the
# store has it not yet.

my $small = LLMGateway->new(
    upstream => RawUpstream->start(
        '/v1/responses' => sub {
            my ($n) = $_[0]{body} =~ /"input":"(\d+)"/;

            return reply(response("r$n", 'queued'));
        },
        '/v1/responses/r1' => reply(response('r1', 'completed', [10, 5])),
        '*' => { json => usage(10, 5) },
    ),
    zone => 'zone=main:512k state=%%DIR%%/tmp/state sync=1m fsync=off',
)->start;

my $n = 0;

while ($small->log !~ /no room for more than (\d+) answers made/) {
    $n++;
    $small->chat('a', path => '/v1/responses',
                 body => "{\"model\":\"m\",\"background\":true,"
                         . "\"max_output_tokens\":7,\"input\":\"$n\"}");
    last if $n > 1000;
}

my ($room) = $small->log =~ /no room for more than (\d+) answers made/;

is($n, ($room // 0) + 1, 'one more than there is room for');

my @lines;

wait_until { (@lines = $small->lines('a')) == $n + 1 } 'all lines';

my ($early) = grep { $_->{of} } @lines;

is($early->{source}, 'estimated', 'the oldest is charged');
is($early->{of}, $lines[0]{id}, 'it is the oldest');
is($early->{completion_tokens}, 7, 'what was expected');

my $used = $small->used('a');

$small->chat('b', method => 'GET', path => '/v1/responses/r1', body => undef);
is($small->used('a'), $used, 'and not again when it is shown');

$small->finish;


# Without a ledger.

my $bare = LLMGateway->new(
    upstream => $upstream,
    zone => 'zone=main:1m',
)->start;

$bare->chat('bare', path => '/killed/v1/responses', body => $body);
$bare->chat('b', method => 'GET', path => '/v1/responses/killed',
            body => undef) for 1, 2;
is($bare->used('bare'), '1 15 0.00006', 'charged once without a ledger');

$bare->finish;

done_testing();
