# What a client sees of a refusal, and of what is left before one.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

# paths of the three dialects, and of none

my @paths = ('/v1/chat/completions', '/v1/messages',
             '/v1beta/models/m:generateContent', '/api/chat');

sub Test::Base::Filter::each_dialect
{
    return [map { post($_, '{"model":"m"}') } @paths];
}

*post = \&LLMBlock::post;

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', ($block->config // '') . <<'EOF_CONFIG');
        location /nest/ {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/;
        }
EOF_CONFIG
});

run_tests();

__DATA__

=== TEST 1: a rate limit in each dialect, OpenAI's where the path has none
--- config
    llm_team_limit a rpm=0;
--- request eval
each_dialect
--- more_headers
X-Team: a
--- error_code eval
[(429) x 4]
--- response_headers eval
[("Content-Type: application/json\n!retry-after\nx-should-retry: false") x 4]
--- response_body eval
my $message = '"message":"Rate limit exceeded, try again later. Team=a rpm=0, used 0."';
my $openai = qq({"error":{$message,"type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"rate_limit_error",$message}}\r\n),
 qq({"error":{"code":429,$message,"status":"RESOURCE_EXHAUSTED"}}\r\n), $openai]

=== TEST 2: a budget
--- config
    llm_user_limit u budget=0;
--- request eval
each_dialect
--- more_headers
X-User: u
--- error_code eval
[(403) x 4]
--- response_headers eval
[("!retry-after\nx-should-retry: false") x 4]
--- response_body eval
my $message = '"message":"Budget has been exceeded! User=u Current cost: 0, Max budget: 0."';
my $openai = qq({"error":{$message,"type":"budget_exceeded","param":null,"code":"budget_exceeded"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"permission_error",$message}}\r\n),
 qq({"error":{"code":403,$message,"status":"PERMISSION_DENIED"}}\r\n), $openai]

=== TEST 3: requests in flight
--- config
    llm_customer_limit c parallel=0;
--- request eval
each_dialect
--- more_headers
X-Customer: c
--- error_code eval
[(429) x 4]
--- response_headers eval
[("!retry-after\nx-should-retry: false") x 4]
--- response_body eval
my $message = '"message":"Rate limit exceeded, try again later. Customer=c parallel=0, used 0."';
my $openai = qq({"error":{$message,"type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"rate_limit_error",$message}}\r\n),
 qq({"error":{"code":429,$message,"status":"RESOURCE_EXHAUSTED"}}\r\n), $openai]

=== TEST 4: a request that can never fit
--- config
    llm_reserve strict;
    llm_max_output 10;
    llm_global_limit tpm=20;
--- request eval
each_dialect
--- error_code eval
[(400) x 4]
--- response_headers eval
[("!retry-after\nx-should-retry: false") x 4]
--- response_body eval
my $message = '"message":"Global tpm=20 can never admit this request: its upper bound is 23."';
my $openai = qq({"error":{$message,"type":"invalid_request_error","param":null,"code":"request_too_large"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"invalid_request_error",$message}}\r\n),
 qq({"error":{"code":400,$message,"status":"INVALID_ARGUMENT"}}\r\n), $openai]

=== TEST 5: a model without a price
--- config
    llm_model nobodys;
    llm_unpriced deny;
--- request eval
each_dialect
--- error_code eval
[(403) x 4]
--- response_headers eval
[("!retry-after\n!x-should-retry") x 4]
--- response_body eval
my $message = '"message":"Model=nobodys has no price here."';
my $openai = qq({"error":{$message,"type":"permission_error","param":null,"code":"unpriced_model"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"permission_error",$message}}\r\n),
 qq({"error":{"code":403,$message,"status":"PERMISSION_DENIED"}}\r\n), $openai]

=== TEST 6: a team that is not known
--- config
    llm_unknown_team deny;
--- request eval
each_dialect
--- more_headers
X-Team: a
--- error_code eval
[(403) x 4]
--- response_headers eval
[("!retry-after\n!x-should-retry") x 4]
--- response_body eval
my $message = '"message":"Team=a is not known here."';
my $openai = qq({"error":{$message,"type":"permission_error","param":null,"code":"team_denied"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"permission_error",$message}}\r\n),
 qq({"error":{"code":403,$message,"status":"PERMISSION_DENIED"}}\r\n), $openai]

=== TEST 7: a route that cannot be read
--- config
    llm_opaque deny;
--- request eval
[map { post($_, '{}') } '/v1/batches', '/v1/messages/batches', '/v1beta/models/m:other', '/unknown']
--- error_code eval
[(403) x 4]
--- response_body eval
my $message = '"message":"What this route uses cannot be read."';
my $openai = qq({"error":{$message,"type":"permission_error","param":null,"code":"opaque_route"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"permission_error",$message}}\r\n),
 qq({"error":{"code":403,$message,"status":"PERMISSION_DENIED"}}\r\n), $openai]

=== TEST 8: a body that is no JSON object
--- request eval
[map { post($_, '[]') } '/v1/chat/completions', '/v1/messages',
                        '/v1beta/models/m:generateContent', '/api/chat']
--- error_code eval
[(400) x 4]
--- response_body eval
my $message = '"message":"The body must be a JSON object."';
my $openai = qq({"error":{$message,"type":"invalid_request_error","param":null,"code":"invalid_request"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"invalid_request_error",$message}}\r\n),
 qq({"error":{"code":400,$message,"status":"INVALID_ARGUMENT"}}\r\n), $openai]

=== TEST 9: a body that is coded
--- request eval
each_dialect
--- more_headers
Content-Encoding: br
--- error_code eval
[(415) x 4]
--- response_body eval
my $message = q("message":"The body's content coding cannot be read here: send it as it is, or with gzip.");
my $openai = qq({"error":{$message,"type":"invalid_request_error","param":null,"code":"invalid_request"}}\r\n);
[$openai, qq({"type":"error","error":{"type":"invalid_request_error",$message}}\r\n),
 qq({"error":{"code":415,$message,"status":"INVALID_ARGUMENT"}}\r\n), $openai]

=== TEST 10: the configuration's dialect, whatever the path
--- config
    llm_global_limit rpm=0;

    location /openai/ { llm_error_format openai; }
    location /anthropic/ { llm_error_format anthropic; }
    location /gemini/ { llm_error_format gemini; }
--- request eval
[map { my $path = $_; map { at("/$path", $_) } @{each_dialect()} } qw(openai anthropic gemini)]
--- error_code eval
[(429) x 12]
--- response_body_like eval
[('^\{"error":\{"message":.*"code":"rate_limit_exceeded"\}\}') x 4,
 ('^\{"type":"error","error":\{"type":"rate_limit_error","message":') x 4,
 ('^\{"error":\{"code":429,"message":.*"status":"RESOURCE_EXHAUSTED"\}\}') x 4]

=== TEST 11: statuses of the configuration
--- config
    llm_rate_status 503;
    llm_budget_status 402;
    llm_team_limit a rpm=0;
    llm_team_limit b parallel=0;
    llm_team_limit c budget=0;
    llm_team_limit d tpd=0;
--- request eval
[(post('/v1beta/models/m:generateContent', '{}')) x 4]
--- more_headers eval
[map { "X-Team: $_" } qw(a b c d)]
--- error_code eval
[503, 503, 402, 503]
--- response_body_like eval
[map { qr/^\{"error":\{"code":$_,/ } 503, 503, 402, 503]

=== TEST 12: how long to wait
--- config
    llm_team_limit a rpm=1;
    llm_team_limit b tpm=1;
    llm_team_limit c rpm=1 rpd=1;
    llm_team_limit d parallel=1;
--- request eval
[chat, chat, chat, chat, chat, chat, at('/nest', chat)]
--- more_headers eval
[map { "X-Team: $_" } qw(a a b b c c d)]
--- error_code eval
[200, 429, 200, 429, 200, 429, 429]
--- raw_response_headers_like eval
['', 'retry-after: (?:5\d|6[01])\r\n', '', 'retry-after: (?:5\d|6[01])\r\n',
 '', 'retry-after: \d{2,5}\r\n', 'retry-after: 1\r\n']
--- response_headers eval
[('!x-should-retry') x 7]

=== TEST 13: a period that is spent is not worth another try
--- config
    llm_team_limit a rpd=1;
    llm_team_limit b tokens=1/month;
--- request eval
[(chat) x 4]
--- more_headers eval
[map { "X-Team: $_" } qw(a a b b)]
--- error_code eval
[200, 429, 200, 429]
--- raw_response_headers_like eval
['', 'retry-after: \d{1,5}\r\n', '', 'retry-after: \d{1,7}\r\n']
--- response_headers eval
['!x-should-retry', 'x-should-retry: false', '!x-should-retry', 'x-should-retry: false']

=== TEST 14: what is left of the rates
--- config
    llm_reserve off;
    llm_team_limit default rpm=3 tpm=100;
--- request eval
[chat, chat, chat, chat]
--- error_code eval
[200, 200, 200, 429]
--- response_headers eval
[map { "x-ratelimit-limit-requests: 3\nx-ratelimit-remaining-requests: $_->[0]\n"
       . "x-ratelimit-limit-tokens: 100\nx-ratelimit-remaining-tokens: $_->[1]" }
 [2, 100], [1, 70], [0, 40], [0, 10]]
--- raw_response_headers_like eval
['x-ratelimit-reset-requests: (?:5\ds|60s|1m[01]s)\r\n.*x-ratelimit-reset-tokens: 0ms\r\n',
 ('x-ratelimit-reset-requests: (?:5\ds|60s|1m[01]s)\r\n.*x-ratelimit-reset-tokens: (?:5\ds|60s|1m[01]s)\r\n') x 3]

=== TEST 15: what requests in flight are expected to use is not left
--- config
    llm_team_limit default tpm=2000;
--- request eval
chat('"max_tokens":100')
--- response_headers
x-ratelimit-limit-tokens: 2000
x-ratelimit-remaining-tokens: 1892
!x-ratelimit-limit-requests
!x-ratelimit-remaining-requests
!x-ratelimit-reset-requests

=== TEST 16: the tightest limit of each kind is told
--- config
    llm_reserve off;
    llm_global_limit rpm=10 tpm=1000;
    llm_team_limit default rpm=20 itpm=50 otpm=500;
    llm_user_limit default rpm=2;
--- request eval
[(chat) x 3]
--- more_headers eval
["X-User: u", "", "X-User: u"]
--- response_headers eval
[map { "x-ratelimit-limit-requests: $_->[0]\nx-ratelimit-remaining-requests: $_->[1]\n"
       . "x-ratelimit-limit-tokens: 50\nx-ratelimit-remaining-tokens: $_->[2]" }
 [2, 1, 50], [10, 8, 40], [2, 0, 30]]

=== TEST 17: in Anthropic's words on Anthropic's paths
--- config
    llm_reserve off;
    llm_team_limit default rpm=1 tpm=100;
--- request eval
[(post('/v1/messages', '{"model":"m"}')) x 2]
--- error_code eval
[200, 429]
--- response_headers eval
["anthropic-ratelimit-requests-limit: 1\nanthropic-ratelimit-requests-remaining: 0\n"
 . "anthropic-ratelimit-tokens-limit: 100\nanthropic-ratelimit-tokens-remaining: 100\n"
 . '!x-ratelimit-limit-requests',
 "anthropic-ratelimit-requests-limit: 1\nanthropic-ratelimit-requests-remaining: 0\n"
 . "anthropic-ratelimit-tokens-limit: 100\nanthropic-ratelimit-tokens-remaining: 70\n"
 . '!x-ratelimit-limit-requests']
--- raw_response_headers_like eval
my $time = '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n';
[("anthropic-ratelimit-requests-reset: $time.*anthropic-ratelimit-tokens-reset: $time") x 2]

=== TEST 18: what is left of the tightest budget
--- config
    llm_reserve off;
    llm_team_limit default budget=2 budget=3/month;
    llm_user_limit default budget=1.25/month;
--- request eval
[chat, chat, chat, chat, chat]
--- more_headers eval
["X-User: u", "", "X-User: u", "X-User: u", "X-User: u"]
--- error_code eval
[200, 200, 200, 200, 403]
--- response_headers eval
[map { "x-llm-quota-budget-remaining: $_" } 1.25, 1.5, 0.75, 0.25, 0]
--- raw_response_headers_like eval
my $reset = 'x-llm-quota-budget-reset: \d{4}-\d\d-01T00:00:00Z\r\n';
[$reset, 'x-llm-quota-budget-remaining', $reset, $reset, $reset]
--- raw_response_headers_unlike eval
['never', 'x-llm-quota-budget-reset', 'never', 'never', 'never']

=== TEST 19: without limits only the request's id is told
--- config
    add_header id "$request_id" always;
--- request
GET /v1/models
--- raw_response_headers_like eval
qr/x-request-id: ([0-9a-f]{32})\r\n.*\bid: \1\r\n/s
--- raw_response_headers_unlike: ratelimit|x-llm-quota

=== TEST 20: the provider's own rates are of no concern to the client
--- config
    llm_reserve off;
    llm_team_limit default rpm=5;

    location /own/ {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/provider/;
    }

    location /off/ {
        llm_headers off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/provider/;
    }

    location /provider/ {
        llm_quota off;
        add_header X-RateLimit-Limit-Requests 10000;
        add_header x-ratelimit-remaining-tokens 9999;
        add_header x-ratelimit-limit-project-tokens 9999;
        add_header anthropic-ratelimit-tokens-remaining 9999;
        add_header x-request-id req_1;
        add_header x-other 1;
        return 200 '{}';
    }
--- request eval
[at('/own', chat), at('/off', chat)]
--- response_headers eval
["x-ratelimit-limit-requests: 5\n!x-ratelimit-remaining-tokens\n!x-ratelimit-limit-project-tokens\n!anthropic-ratelimit-tokens-remaining\nx-other: 1",
 "x-ratelimit-limit-requests: 10000\nx-ratelimit-remaining-tokens: 9999\nx-ratelimit-limit-project-tokens: 9999\nanthropic-ratelimit-tokens-remaining: 9999\nx-request-id: req_1\nx-other: 1"]
--- raw_response_headers_unlike eval
['req_1|10000', 'x-ratelimit-limit-requests: 5']

=== TEST 21: without headers a refusal still says whether to try again
--- config
    llm_headers off;
    llm_team_limit a rpm=1;
    llm_team_limit b budget=0;
--- request eval
[(chat) x 3]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: b"]
--- error_code eval
[200, 429, 403]
--- raw_response_headers_like eval
['', 'retry-after: \d+\r\n', 'x-should-retry: false\r\n']
--- raw_response_headers_unlike eval
[('ratelimit|x-llm-quota|x-request-id') x 3]

=== TEST 22: whom to ask
--- config
    llm_refusal_note "Ask $http_x_who about \"$llm_team\" \\o/ at $uri.";
    llm_global_limit rpm=0;
--- request eval
[chat, chat, chat, post('/v1/messages', '{}')]
--- more_headers eval
["X-Team: a\nX-Who: Ann", "X-Who: A\tB\x01", "X-Who: \xffM\xc3\xbcller", "X-Team: a\nX-Who: Ann"]
--- error_code eval
[(429) x 4]
--- response_body_like eval
my $says = 'used 0\. Ask ';
[map { $says . quotemeta }
 'Ann about \"a\" \\\\o/ at /v1/chat/completions."',
 'A\tB\u0001 about \"anonymous\" \\\\o/ at /v1/chat/completions."',
 "\xef\xbf\xbdM\xc3\xbcller about " . '\"anonymous\" \\\\o/ at /v1/chat/completions."',
 'Ann about \"a\" \\\\o/ at /v1/messages."']

=== TEST 23: names are escaped for where they go
--- config
    llm_team_limit default rpm=0;
--- request eval
[chat, post('/v1/messages', '{}'), post('/v1beta/models/m:generateContent', '{}')]
--- more_headers
X-Team: "a\b"<c>
--- error_code eval
[(429) x 3]
--- response_body_like eval
[(quotemeta 'later. Team=\"a\\\\b\"<c> rpm=0, used 0.') x 3]

=== TEST 24: a line in the log says who, which limit and how long
--- config
    llm_log_level warn;
    llm_team_limit a rpm=0;
    llm_team_limit b budget=0;
    llm_user_limit u requests=0/day;
--- request eval
[(chat) x 3]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-User: u"]
--- error_code eval
[429, 403, 403]
--- logged
1 times [warn]...llm_quota rate_limited, request_id: ..., team: "a", limit: "team:a rpm=0", "Rate limit exceeded, try again later. Team=a rpm=0, used 0."
1 times [warn]...llm_quota budget_exceeded, request_id: ..., team: "b", limit: "team:b budget=0", "Budget has been exceeded! Team=b Current cost: 0, Max budget: 0."
1 times [warn]...llm_quota team_denied, request_id: ..., team: "anonymous", limit: "", "Team=anonymous is not known here."
0 times [notice]...request_id

=== TEST 25: a page of the administrator's own
--- config
    error_page 429 /busy;
    llm_global_limit rpm=0;

    location = /busy {
        internal;
        return 200 "busy";
    }
--- request eval
chat
--- error_code: 429
--- response_body: busy
--- response_headers
x-ratelimit-limit-requests: 0

=== TEST 26: a dry run refuses nothing, and counts and charges all
--- config
    llm_dry_run on;
    llm_reserve off;
    llm_team_limit default rpm=1 tpm=1 budget=0.1 parallel=0;
    add_header result "$llm_result" always;
    add_header limit "$llm_limit" always;
--- request eval
[(chat) x 3]
--- more_headers
X-Team: a
--- response_headers eval
["result: parallel_exceeded_dry_run\nlimit: team:a parallel=0\nx-ratelimit-remaining-requests: 0\nx-ratelimit-remaining-tokens: 1\nx-llm-quota-budget-remaining: 0.1",
 ("result: rate_limited_dry_run\nlimit: team:a rpm=1\nx-ratelimit-remaining-requests: 0\nx-ratelimit-remaining-tokens: 0\nx-llm-quota-budget-remaining: 0") x 2]
--- raw_response_headers_unlike eval
[('retry-after|x-should-retry') x 3]
--- ledger
..."cost_usd":0.5,...
..."cost_usd":0.5,...
..."cost_usd":0.5,...
--- logged
1 times [notice]...llm_quota parallel_exceeded (dry run), request_id: ..., team: "a", limit: "team:a parallel=0",
2 times [notice]...llm_quota rate_limited (dry run), request_id: ..., team: "a", limit: "team:a rpm=1",

=== TEST 27: a dry run of every other refusal
--- config
    llm_dry_run on;
    llm_reserve strict;
    llm_unpriced deny;
    llm_opaque deny;
    llm_team_limit a tpm=1;
    llm_team_limit b budget=0;
    add_header result "$llm_result" always;
--- request eval
[chat, chat, chat('"max_tokens":5'), chat('"max_tokens":5'),
 post('/v1/chat/completions', '{"model":"x","max_tokens":5}'),
 post('/unknown', '{}'), post('/v1/chat/completions', 'no JSON'), chat]
--- more_headers eval
["X-Team: c", "X-Team: a", "X-Team: a", "X-Team: b", "X-Team: a", "X-Team: a",
 "X-Team: a", "X-Team: a\nContent-Encoding: br"]
--- response_headers eval
[map { "result: ${_}_dry_run" } qw(team_denied too_large too_large budget_exceeded
                                   unpriced opaque bad_request bad_request)]

=== TEST 28: in a dry run the first reason is the one that is told
--- config
    llm_dry_run on;
    llm_unpriced deny;
    llm_team_limit a rpm=0;
    add_header result "$llm_result" always;
--- request eval
post('/v1/chat/completions', '{"model":"x"}')
--- more_headers
X-Team: b
--- response_headers
result: team_denied_dry_run
--- logged
1 times llm_quota team_denied (dry run)
0 times llm_quota unpriced
