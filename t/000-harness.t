# The helpers of the other tests, and the module as nginx sees it: what is
# wrong here makes every other result worthless.

use lib 't/lib';
use LLMTest;
use RawUpstream;

my ($module) = grep { m{/ngx_http_llm_quota_module\.so$} } @LLMBase::modules;


# What a module exports takes the place of what others have, process-wide.

my %global = map { $_ => 1 } map { (split)[2] } `nm -D --defined-only $module`;

is(join(' ', sort keys %global),
   'ngx_http_llm_quota_module ngx_module_names ngx_module_order ngx_modules',
   'the module exports nothing but itself');


my $json = '{"choices":[],"usage":{"prompt_tokens":1}}';
my @events = map { "data: {\"n\":$_}" } 1 .. 3;

my $upstream = RawUpstream->start(
    '/json'     => { json => $json },
    '/bytes'    => { json => $json, pieces => 1 },
    '/random'   => { body => 'x' x 5000, pieces => { seed => 7, max => 99 } },
    '/sse'      => { sse => \@events, chunked => [3, 40], pieces => [1, 50] },
    '/held'     => { sse => \@events, chunked => 1000, hold => 'sse',
                     hold_at => 30 },
    '/gate'     => { json => $json, hold => 'gate' },
    '/flaky'    => [{ status => 503 }, { json => $json }],
    '/cut'      => { body => 'x' x 1000, cut => 500 },
    '/reset'    => { body => 'x' x 1000, cut => 500, reset => 1 },
    '/close'    => { body => 'x' x 1000, until_close => 1 },
    '/named?a'  => { body => 'arguments' },
    '/named'    => { body => 'path', headers => ['X-One' => 1,
                                                 'Content-Type' => undef] },
    '/echo'     => sub { return { body => $_[0]{body} } },
    '/raw'      => { raw => "HTTP/1.1 201 Made\r\nX-Raw: 1\r\n"
                            . "Content-Length: 2\r\n\r\nhi" },
);

my $t = LLMTest->new(
    workers => 2,
    vars => { UPSTREAM => $upstream->port },
    http => 'upstream provider { server 127.0.0.1:%%UPSTREAM%%;
                                 keepalive 4; }',
    server => 'location / {
                   proxy_pass http://provider;
                   proxy_http_version 1.1;
                   proxy_set_header Connection "";
                   proxy_buffering off;
               }
               location /version { return 200 one; }'
);


my ($status, $said) = $t->check;

is($status, 0, 'nginx loads the module') or diag($said);
($status, $said) = LLMTest->new->check(http => 'no_such_directive;');
isnt($status, 0, 'nginx refuses what is wrong');
like($said, qr/\[emerg\].*no_such_directive/, 'and says what');

$t->start;

my $answer = $t->get('/json');

is($answer->{status}, 200, 'status');
is($answer->{headers}{'content-type'}, 'application/json', 'header');
is($answer->{body}, $json, 'body');
ok(!$answer->{truncated}, 'not truncated');

is($t->get('/bytes')->{body}, $json, 'byte by byte');
is($t->get('/random')->{body}, 'x' x 5000, 'pieces of random size');
is($t->get('/sse')->{body}, join('', map { "$_\n\n" } @events), 'stream');
is($t->get('/flaky')->{status}, 503, 'first of a list');
is($t->get('/flaky')->{status}, 200, 'second of a list');
is($t->get('/flaky')->{status}, 200, 'the last of a list repeats');
is($t->get('/close')->{body}, 'x' x 1000, 'ended by the connection');
is($t->get('/named?a')->{body}, 'arguments', 'found by arguments');
is($t->get('/named?b')->{body}, 'path', 'found by path');
is($t->get('/named')->{headers}{'x-one'}, 1, 'header set');
ok(!exists $t->get('/named')->{headers}{'content-type'}, 'header removed');
is($t->get('/raw')->{headers}{'x-raw'}, 1, 'raw answer');
is($t->get('/none')->{status}, 404, 'unknown path');

for my $path ('/cut', '/reset') {
    $answer = $t->get($path);
    is(length $answer->{body}, 500, "$path: the half of the body");
    ok($answer->{truncated}, "$path: truncated");
}

is($t->post('/echo', '{"a":1}')->{body}, '{"a":1}', 'body sent');
is($t->post('/echo', "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            'Transfer-Encoding' => 'chunked')->{body}, 'abcde',
   'chunked body sent');

my ($request) = $upstream->requests('/echo');

is($request->{method}, 'POST', 'method recorded');
is($request->{body}, '{"a":1}', 'body recorded');
is($request->{headers}{host}, 'provider', 'headers recorded');
is(scalar($upstream->requests('/flaky')), 3, 'requests counted');

my ($sent) = $upstream->answers;
my %connections = map { $_->{connection} => 1 } $upstream->requests;

is($sent->{bytes}, length RawUpstream::build({ json => $json }),
   'answers recorded');
cmp_ok(scalar(keys %connections), '<', scalar($upstream->requests),
       'connections are kept');


# No test sleeps to have requests in flight.

my @clients = map { $t->open('GET', '/gate') } 1 .. 5;

wait_until { $upstream->waiting('gate') == 5 } 'five requests in flight';
$upstream->release('gate', 2);
wait_until { $upstream->waiting('gate') == 3 } 'two of them to go on';
pass('the gate lets pass as many as it is told');
$upstream->release('gate', 3);
is(join(' ', map { $_->answer->{status} } @clients), '200 200 200 200 200',
   'all are answered');

my $client = $t->open('GET', '/held');

is($client->event, $events[0], 'an event comes while the stream goes on');
wait_until { $upstream->waiting('sse') == 1 } 'the rest to be held';
$upstream->release('sse');
is($client->event, $events[1], 'second event');
is($client->answer->{body}, "$events[2]\n\n", 'what is left');

$client = $t->open('GET', '/held');
$client->event;
$client->abort;
$t->wait_log(qr/client .*closed connection|prematurely closed/);
pass('nginx sees a client that leaves');
$upstream->release('sse');

my @statuses = map { $_->{status} } $t->parallel(map { ['GET', '/json'] }
                                                 1 .. 20);

is("@statuses", join(' ', (200) x 20), 'many at once');


# Processes.

my @workers = $t->workers;

is(scalar @workers, 2, 'two workers');
$t->kill_worker($workers[0]);
is($t->get('/json')->{status}, 200, 'after the kill of a worker');

(my $server = $t->{server}) =~ s/return 200 one/return 200 two/;

is($t->get('/version')->{body}, 'one', 'before a reload');
$t->reload(server => $server, workers => 3);
is($t->get('/version')->{body}, 'two', 'after a reload');
is(scalar($t->workers), 3, 'three workers');

LLMBase::spew($t->dir . '/tmp/usage-1-a-0001.jsonl', "{\"n\":1}\n{\"n\":2}\n");
LLMBase::spew($t->dir . '/tmp/usage-2-a-0001.jsonl', "{\"n\":3}\n");
is(join(' ', map { $_->{n} } $t->ledger($t->dir . '/tmp')), '1 2 3',
   'lines of the ledger');

$t->crash;
ok(!$t->connect, 'nothing is left after a crash');
$t->start;
is($t->get('/version')->{body}, 'two', 'and it starts again');

$t->finish;


# That the harness finds what it is there to find.

sub outcome
{
    my ($data) = @_;

    my $file = "$LLMBase::run/inner.t";

    LLMBase::spew($file, "use lib '$LLMBase::root/t/lib';\nuse LLMNginx;\n"
                         . "run_tests();\n__DATA__\n\n=== TEST 1: inner\n$data");

    local @ENV{qw(LLM_RUN TEST_NGINX_PORT TEST_NGINX_SERVROOT)};
    delete @ENV{qw(LLM_RUN TEST_NGINX_PORT TEST_NGINX_SERVROOT)};

    my $said = `$^X $file 2>&1`;

    return ($? >> 8) . ' ' . join ',', $said =~ /^not ok \d+ - (.*)/mg;
}

my $good = "--- config\nlocation = /t { return 200 ok; }\n"
           . "--- request\nGET /t\n--- response_body: ok\n";
my $critical = "--- config\nlocation = /t { proxy_pass http://unix:/none; }\n"
               . "--- request\nGET /t\n--- error_code: 502\n";

is(outcome($good), '0 ', 'a good block');
like(outcome("$good--- eror_log\nx\n"), qr/unknown section "eror_log"/,
     'a misspelt section fails');
is(outcome($critical), '1 nothing critical in error.log',
   'a critical line fails');
is(outcome("$critical--- error_log\nconnect() to unix:/none failed\n"), '0 ',
   'one that is expected does not');

$t = LLMTest->new;
$t->start;
kill 'KILL', $t->workers;
$t->wait_log(qr/exited on signal 9/);

like(join('', $t->critical), qr/\[alert\].* signal 9/, 'a kill is critical');
$t->expect_log(qr/exited on signal 9/);
is(join('', $t->critical), '', 'unless it is expected');
$t->finish;

done_testing();
