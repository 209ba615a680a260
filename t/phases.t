# Where in the life of a request it is decided and counted: after everything
# that may deny it, once whatever redirects it, and never for its subrequests.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $second = '/second/v1/chat/completions';
my $include = "<!--#include virtual='/included' -->";

my $upstream = RawUpstream->start(
    '/accel/v1/chat/completions'  => {
        json => usage(100, 100), headers => ['X-Accel-Redirect' => '@second']
    },
    '/broken/v1/chat/completions' => { status => 503, json => usage(7, 7) },
    '/ssi/v1/chat/completions'    => { json => usage(10, 5, ssi => $include) },
    '/held/v1/chat/completions'   => { json => usage(10, 5), hold => 'gate' },
    '/second/v1/chat/completions' => { json => usage(20, 30) },
    '/auth'                       => sub {
        return { status => $_[0]{headers}{'x-deny'} ? 403 : 200,
                 json => usage(1000, 1000) };
    },
    '/mirror'                     => { json => usage(1000, 1000) },
    '/included'                   => { json => usage(1000, 1000) },
    '*'                           => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    vars => { DEAD => LLMBase::free_port() },
    http => <<'EOF',
    limit_req_zone $http_x_team zone=req:1m rate=1r/m;
    limit_conn_zone $http_x_team zone=conn:1m;
    limit_req_log_level info;
    limit_conn_log_level info;
    log_subrequest on;
    client_max_body_size 20m;
EOF
    server => <<'EOF',
        root %%DIR%%/tmp;
        auth_basic_user_file %%DIR%%/conf/users;

        location /denied/ {
            deny all;
            proxy_pass http://provider/;
        }

        location /basic/ {
            auth_basic private;
            proxy_pass http://provider/;
        }

        location /asked/ {
            auth_request /auth;
            proxy_pass http://provider/;
        }

        location = /auth {
            internal;
            proxy_pass http://provider;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }

        location /any/ {
            satisfy any;
            allow 127.0.0.1;
            deny all;
            auth_basic private;
            proxy_pass http://provider/;
        }

        location /any-basic/ {
            satisfy any;
            deny all;
            auth_basic private;
            proxy_pass http://provider/;
        }

        location /all/ {
            satisfy all;
            allow 127.0.0.1;
            deny all;
            auth_basic private;
            proxy_pass http://provider/;
        }

        location /req/ {
            limit_req zone=req;
            proxy_pass http://provider/;
        }

        location /conn/ {
            limit_conn conn 1;
            proxy_pass http://provider/held/;
        }

        location /return/ {
            return 200 here;
        }

        location /return-403/ {
            return 403;
        }

        location /rewritten/ {
            rewrite ^/rewritten(.*)$ /renamed$1 last;
        }

        location /try/ {
            try_files /nothing @second;
        }

        location /try-any/ {
            satisfy any;
            allow all;
            try_files /nothing @second;
        }

        location @second {
            rewrite ^ /second/v1/chat/completions break;
            proxy_pass http://provider;
        }

        location /broken/ {
            proxy_pass http://provider;
            proxy_intercept_errors on;
            error_page 503 = @second;
        }

        location /dead/ {
            proxy_pass http://127.0.0.1:%%DEAD%%;
            error_page 502 = @second;
        }

        location /dead-page/ {
            proxy_pass http://127.0.0.1:%%DEAD%%;
            error_page 502 =200 /page.html;
        }

        location /unmetered/ {
            llm_quota off;
            error_page 404 = @second;
            return 404;
        }

        location /unmetered-upstream/ {
            llm_quota off;
            proxy_pass http://provider/broken/;
            proxy_intercept_errors on;
            error_page 503 = @second;
        }

        location /mirrored/ {
            mirror /mirror;
            proxy_pass http://provider/;
        }

        location = /mirror {
            internal;
            proxy_pass http://provider;
        }

        location /after/ {
            proxy_pass http://provider/;
            post_action @second;
        }

        location /ssi/ {
            ssi on;
            ssi_types *;
            proxy_pass http://provider;
        }

        location = /page.html {
            ssi on;
        }

        location = /included {
            proxy_pass http://provider;
        }

        location /refused/ {
            llm_team_limit default rpm=0;
            proxy_pass http://provider/;
        }

        location /refused-any/ {
            satisfy any;
            allow all;
            llm_team_limit default budget=0;
            proxy_pass http://provider/;
        }

        location /custom/ {
            llm_team_limit default rpm=1 budget=1000;
            error_page 429 /page.html;
            proxy_pass http://provider/;
        }

        location /custom-budget/ {
            llm_team_limit default budget=0;
            error_page 403 /page.html;
            proxy_pass http://provider/;
        }

        location /custom-upstream/ {
            llm_team_limit default rpm=0;
            error_page 429 = @second;
            proxy_pass http://provider/;
        }

        location /custom-metered/ {
            llm_team_limit default rpm=0;
            error_page 429 = @refused;
            proxy_pass http://provider/;
        }

        location @refused {
            llm_team_limit default rpm=0;
            rewrite ^ /second/v1/chat/completions break;
            proxy_pass http://provider;
        }
EOF
);

LLMBase::spew($t->dir . '/conf/users', "alice:{PLAIN}secret\n");
LLMBase::spew($t->dir . '/tmp/page.html', "a page $include\n");

$t->start;

my @alice = (Authorization => 'Basic YWxpY2U6c2VjcmV0');
my @mallory = (Authorization => 'Basic YWxpY2U6Z3Vlc3M=');


# [name, location, status, what is charged, headers]

my %charge = (
    first  => ['1 15 0.00006', '10 5 upstream'],
    second => ['1 50 0.00032', '20 30 upstream'],
    count  => ['1 0 0', '0 0 none'],
);

my @cases = (
    ['deny',                       'denied',             403, 0],
    ['auth_basic, refused',        'basic',              401, 0, @mallory],
    ['auth_basic, allowed',        'basic',              200, 'first', @alice],
    ['auth_request, refused',      'asked',              403, 0, 'X-Deny', 1],
    ['auth_request, allowed',      'asked',              200, 'first'],
    ['any: by address',            'any',                200, 'first'],
    ['any: by password',           'any-basic',          200, 'first', @alice],
    ['any: by none',               'any-basic',          401, 0, @mallory],
    ['all: both',                  'all',                200, 'first', @alice],
    ['all: the address only',      'all',                401, 0, @mallory],
    ['return',                     'return',             200, 0],
    ['return 403',                 'return-403',         403, 0],
    ['rewrite ... last',           'rewritten',          200, 'first'],
    ['X-Accel-Redirect',           'accel',              200, 'second'],
    ['try_files',                  'try',                200, 'second'],
    ['any: try_files',             'try-any',            200, 'second'],
    ['error_page after a 503',     'broken',             200, 'second'],
    ['error_page, dead upstream',  'dead',               200, 'second'],
    ['error_page, a file as 200',  'dead-page',          200, 'count'],
    ['metered after a redirect',   'unmetered',          200, 'second'],
    ['metered, body read before',  'unmetered-upstream', 200, 'second'],
    ['mirror',                     'mirrored',           200, 'first'],
    ['post_action',                'after',              200, 'first'],
    ['ssi in an answer',           'ssi',                200, 'first'],
    ['refused',                    'refused',            429, 0],
    ['any: refused',               'refused-any',        403, 0],
    ['refused, another budget',    'custom-budget',      403, 0],
    ['refused, page of upstream',  'custom-upstream',    200, 'second'],
    ['refused, page with limits',  'custom-metered',     429, 0],
);

my (%team, %body);

for my $case (@cases) {
    my ($name, $location, $status, $charge, @headers) = @$case;

    my $team = $team{$name} = 'team-' . scalar keys %team;
    my $answer = $t->chat($team, path => "/$location/v1/chat/completions",
                          headers => \@headers);

    $body{$name} = $answer->{body};

    is($answer->{status}, $status, "$name: status");

    if ($charge) {
        is($t->charge($team), $charge{$charge}[1], "$name: charged");
    }

    is($t->used($team), $charge ? $charge{$charge}[0] : '0 0 0',
       "$name: " . ($charge ? 'counted once' : 'not counted'));
}

$t->settle_all;

for my $case (@cases) {
    my ($name, undef, undef, $charge) = @$case;

    is(scalar $t->lines($team{$name}), $charge ? 1 : 0,
       "$name: " . ($charge ? 'one line' : 'no line'));
}

is($body{return}, 'here', 'return: its own text');
like($body{'any: refused'}, qr/"code":"budget_exceeded"/,
     'any: the refusal is ours');
like($body{'error_page, a file as 200'}, qr/^a page/, 'the file is sent');
like($body{'ssi in an answer'}, qr/"prompt_tokens":1000/,
     'the subrequest of ssi is in the answer');

wait_until { $upstream->requests('/mirror') } 'the mirror';
is(($upstream->requests('/mirror'))[0]{body},
   ($upstream->requests('/v1/chat/completions'))[0]{body},
   'the mirror has the body');

is(join(' ', map { $_->{body} } $upstream->requests($second)),
   join(' ', ('{"model":"m","max_tokens":1,"messages":[]}')
             x scalar $upstream->requests($second)),
   'the second upstream has the body');


# A page with a subrequest for a model.

my $answer = $t->get('/page.html', 'X-Team' => 'ssi');

like($answer->{body}, qr/"prompt_tokens":1000/, 'ssi: the page');
is($t->used('ssi'), '0 0 0', 'ssi: not counted');


# Other limits beside ours.

is($t->chat('req', path => '/req/v1/chat/completions')->{status}, 200,
   'limit_req: the first');
$answer = $t->chat('req', path => '/req/v1/chat/completions');
is($answer->{status}, 503, 'limit_req: the second');
ok(!exists $answer->{headers}{'x-ratelimit-limit-requests'},
   'limit_req: not ours');
is($t->used('req'), '1 15 0.00006', 'limit_req: one is counted');

my $client = $t->ask('conn', path => '/conn/v1/chat/completions');

wait_until { $upstream->waiting('gate') } 'a request in flight';
is($t->chat('conn', path => '/conn/v1/chat/completions')->{status}, 503,
   'limit_conn: the second');
$upstream->release('gate');
is($client->answer->{status}, 200, 'limit_conn: the first');
is($t->used('conn'), '1 15 0.00006', 'limit_conn: one is counted');


# Pages for refusals.

is($t->chat('custom', path => '/custom/v1/chat/completions')->{status}, 200,
   'custom page: the first passes');
$answer = $t->chat('custom', path => '/custom/v1/chat/completions');
is($answer->{status}, 429, 'custom page: the second is refused');
like($answer->{body}, qr/^a page/, 'custom page: with the page');
like($answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/,
     'custom page: and says when to retry');
is($answer->{headers}{'x-ratelimit-limit-requests'}, 1,
   'custom page: and the limit');
is($t->used('custom'), '1 15 0.00006', 'custom page: one is counted');

$answer = $t->chat('custom', path => '/custom-budget/v1/chat/completions');
like($answer->{body}, qr/^a page/, 'custom page of a budget');
is($answer->{headers}{'x-should-retry'}, 'false',
   'custom page of a budget: not to be retried');


# A refusal that needs no body does not wait for it.

my $head = "POST /refused/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
           . "X-Team: early\r\n";

my %early = (
    'Expect: 100-continue'  => "Content-Length: 1000\r\n"
                               . "Expect: 100-continue\r\n\r\n",
    'a large body'          => "Content-Length: 10000000\r\n\r\n",
    'a slow body'           => "Content-Length: 1000\r\n\r\n{\"model\":",
    'a chunked body'        => "Transfer-Encoding: chunked\r\n\r\n",
    'a slow chunk'          => "Transfer-Encoding: chunked\r\n\r\n20\r\n{\"mo",
);

for my $name (sort keys %early) {
    $answer = $t->open_raw("$head$early{$name}")->answer;

    is($answer->{status}, 429, "early: $name");
    like($answer->{body}, qr/"code":"rate_limit_exceeded"/, "$name: the body");
}

$client = $t->open_raw("${head}Content-Length: 1000\r\n\r\n");
is($client->answer->{status}, 429, 'early: on a connection that is kept');
$client->send('x' x 1000 . "GET /return/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
is($client->answer->{body}, 'here', 'what follows the body is answered');

is($t->used('early'), '0 0 0', 'early: nothing is counted');
is(scalar(grep { $_->{headers}{'x-team'} eq 'early' } $upstream->requests), 0,
   'early: nothing goes upstream');

(my $passing = $head) =~ s/refused/passed/;

$client = $t->open_raw("${passing}Content-Length: 13\r\n"
                       . "Expect: 100-continue\r\n\r\n");
is($client->head->{status}, 100, 'a body that is wanted is asked for');
$client->send('{"model":"m"}');
is($client->head->{status}, 200, 'and answered');

$t->finish;
done_testing();
