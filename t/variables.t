# The variables, in the access log and before.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

# nobody listens there
$ENV{TEST_NGINX_NOBODY} = '127.0.0.1:' . LLMBase::free_port();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', ($block->http_config // '')
                                     . <<'EOF_HTTP');
        log_format who '$llm_team|$llm_user|$llm_customer|$llm_key_id|'
                       '$llm_model|$llm_stream|$llm_request';
        log_format what '$status|$llm_result|$llm_limit';
        log_format usage '$llm_prompt_tokens|$llm_completion_tokens|'
                         '$llm_total_tokens|$llm_cached_tokens|'
                         '$llm_cache_write_tokens|$llm_reasoning_tokens|'
                         '$llm_cost_usd|$llm_usage_source';
        log_format answer '$llm_response_model|$llm_upstream_id|$llm_price_id';
        log_format left '$llm_team_spend_usd|$llm_team_budget_usd|'
                        '$llm_team_remaining_usd|$llm_rpm_remaining|'
                        '$llm_tpm_remaining';
EOF_HTTP
});

run_tests();

__DATA__

=== TEST 1: who asked, and for what
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log who;
--- request eval
[chat, chat('"user":"c2"', '"stream":true'), chat('"stream":false'),
 post('/v1beta/models/g:streamGenerateContent?alt=sse', '{}'), "GET /v1/models"]
--- more_headers eval
["X-Team: t\nX-User: u\nX-Customer: c", "X-Team: t", "", "", ""]
--- accessed
t|u|c||m|false|POST /v1/chat/completions HTTP/1.1
t||c2||m|true|POST /v1/chat/completions HTTP/1.1
anonymous||||m|false|POST /v1/chat/completions HTTP/1.1
anonymous||||g|true|POST /v1beta/models/g:streamGenerateContent?alt=sse HTTP/1.1
anonymous|||||-|GET /v1/models HTTP/1.1

=== TEST 2: what was used
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
--- request eval
[chat, chat, chat, post('/v1/messages', '{"model":"m","max_tokens":9}'), chat]
--- more_headers eval
['X-Answer: {"choices":[{"message":{"content":"' . 'x' x 40 . '"}}]}', '',
 'X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":5}}}',
 'X-Answer: {"type":"message","usage":{"input_tokens":1,"cache_creation_input_tokens":2,"cache_read_input_tokens":3,"output_tokens":4}}',
 'X-Answer: {"error":{"message":"no"}}']
--- accessed
4|10|14|0|0|0|0.24|estimated
10|20|30|0|0|0|0.5|upstream
10|20|30|3|0|5|0.5|upstream
6|4|10|3|2|0|0.14|upstream
0|0|0|0|0|0|0|none

=== TEST 3: what the answer says of itself
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log answer;
--- request eval
[chat, chat, chat]
--- more_headers eval
["", 'X-Answer: {"id":"x\"y","model":"m-2025-04-14","usage":{"prompt_tokens":1,"completion_tokens":1}}',
 'X-Answer: {"usage":{"prompt_tokens":1,"completion_tokens":1}}']
--- accessed
m|chatcmpl-1|m
m-2025-04-14|x\x22y|m
||m

=== TEST 4: what the team has left
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log left;
    llm_team_limit a budget=1.25 budget=7/day rpm=5 tpm=100 itpm=50 rpd=100;
    llm_team_limit b tpd=100;
    llm_team_limit c budget=0.3;
    llm_user_limit default rpm=1 budget=0.1;
--- request eval
[(chat) x 8]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: b", "X-Team: b", "X-Team: c", "X-Team: c",
 "X-Team: d", "X-Team: a\nX-User: u"]
--- error_code eval
[200, 200, 200, 200, 200, 403, 403, 200]
--- accessed
0.5|1.25|0.75|4|70
1|1.25|0.25|3|40
0.5|-|-|-|-
1|-|-|-|-
0.5|0.3|0|-|-
0.5|0.3|0|-|-
-|-|-|-|-
1.5|1.25|0|2|10

=== TEST 5: how it was decided
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    llm_team_limit a rpm=1;
    llm_team_limit b budget=0.5/month;
    llm_team_limit c parallel=0;
    llm_team_limit d tokens=0/3d;
    llm_user_limit u rpm=0;
    llm_customer_limit c budget=0;

    location /global/ { llm_global_limit rpm=0; }
--- request eval
[(chat) x 4, at('/global', chat), (chat) x 4]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: a", "X-Team: b", "X-Team: a", "X-Team: c", "X-Team: d",
 "X-Team: b\nX-User: u", "X-Team: a\nX-Customer: c"]
--- error_code eval
[200, 200, 429, 403, 429, 429, 429, 403, 429]
--- accessed
200|passed|
200|passed|
429|rate_limited|team:a rpm=1
403|budget_exceeded|team:b budget=0.5/month
429|rate_limited|global rpm=0
429|parallel_exceeded|team:c parallel=0
429|rate_limited|team:d tokens=0/3d
403|budget_exceeded|team:b budget=0.5/month
429|rate_limited|team:a rpm=1

=== TEST 6: whatever refuses
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    llm_user_limit u rpm=0;
    llm_customer_limit c budget=0;
    llm_unpriced deny;
    llm_opaque deny;

    location /strict/ {
        llm_reserve strict;
        llm_global_limit tpm=1;
    }

    location /team/ { llm_unknown_team deny; }
--- request eval
[chat, chat, post('/v1/chat/completions', '{"model":"x"}'),
 at('/strict', chat('"max_tokens":1')), at('/strict', chat), at('/team', chat), post('/v1/batches', '{}'),
 post('/v1/chat/completions', 'no'), chat, chat]
--- more_headers eval
["X-User: u", "X-Customer: c", "", "", "", "", "", "", "Content-Encoding: br", "X-Team: default"]
--- error_code eval
[429, 403, 403, 400, 400, 403, 403, 400, 415, 400]
--- accessed
429|rate_limited|user:u rpm=0
403|budget_exceeded|customer:c budget=0
403|unpriced|
400|too_large|global tpm=1
400|too_large|
403|team_denied|
403|opaque|
400|bad_request|
415|bad_request|
400|bad_request|

=== TEST 7: a refused request has used nothing
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
    llm_global_limit rpm=0;
--- request eval
chat
--- error_code: 429
--- accessed
-|-|-|-|-|-|-|-

=== TEST 8: and is known as far as it was looked at
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log who;
    llm_team_limit a rpm=0;
--- request eval
[chat('"user":"c"'), chat('"user":"c"')]
--- more_headers eval
["X-Team: a", "X-Team: b"]
--- error_code eval
[429, 403]
--- accessed
a||c||m|false|POST /v1/chat/completions HTTP/1.1
b|||||-|POST /v1/chat/completions HTTP/1.1

=== TEST 9: a dry run says what would have been, and is charged
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
    llm_dry_run on;
    llm_team_limit default budget=0.5;
--- request eval
[chat, chat]
--- accessed
200|passed|
10|20|30|0|0|0|0.5|upstream
200|budget_exceeded_dry_run|team:anonymous budget=0.5
10|20|30|0|0|0|0.5|upstream

=== TEST 10: a provider that fails
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
    llm_team_limit default rpm=5;

    location /dead/ { proxy_pass http://$TEST_NGINX_NOBODY; }
--- request eval
[chat, chat, at('/dead', chat)]
--- more_headers eval
["X-Status: 500", "X-Status: 429", ""]
--- error_code eval
[500, 429, 502]
--- accessed
500|passed|
0|0|0|0|0|0|0|none
429|passed|
0|0|0|0|0|0|0|none
502|passed|
0|0|0|0|0|0|0|none

=== TEST 11: before the end usage is not known, what is left is
--- config
    llm_reserve off;
    llm_team_limit default budget=10 rpm=5;
    add_header used "[$llm_prompt_tokens$llm_completion_tokens$llm_total_tokens$llm_cached_tokens$llm_cache_write_tokens$llm_reasoning_tokens$llm_cost_usd$llm_usage_source]";
    add_header says "[$llm_result|$llm_limit|$llm_team|$llm_model]";
    add_header left "[$llm_team_spend_usd|$llm_team_remaining_usd|$llm_rpm_remaining]";
--- request eval
[chat, chat]
--- response_headers eval
["used: []\nsays: [passed||anonymous|m]\nleft: [0|10|4]",
 "used: []\nsays: [passed||anonymous|m]\nleft: [0.5|9.5|3]"]

=== TEST 12: on a free route nothing is used, and nobody gets to be known
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
    access_log $TEST_NGINX_SERVROOT/logs/access.log left;
    llm_team_limit default budget=10 rpm=5 tpm=100;
--- request
GET /v1/models
--- accessed
200|passed|
-|-|-|-|-|-|-|-
-|10|-|5|100

=== TEST 13: where there is no quota there is nothing to tell
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log who;
    access_log $TEST_NGINX_SERVROOT/logs/access.log what;
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
    access_log $TEST_NGINX_SERVROOT/logs/access.log answer;
    access_log $TEST_NGINX_SERVROOT/logs/access.log left;

    location /off/ {
        llm_quota off;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[at('/off', chat), "OPTIONS /v1/chat/completions"]
--- accessed eval
join '', map { "-|-|-|-|-|-|$_ HTTP/1.1\n200|-|-\n" . '-|-|-|-|-|-|-|-' . "\n-|-|-\n" . "-|-|-|-|-\n" }
'POST /off/v1/chat/completions', 'OPTIONS /v1/chat/completions'

=== TEST 14: an opaque route
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log who;
    access_log $TEST_NGINX_SERVROOT/logs/access.log usage;
--- request eval
[(post('/v1/unknown', '{"model":"x","user":"c"}')) x 2]
--- more_headers eval
["", "X-Answer: {}"]
--- accessed
anonymous|||||false|POST /v1/unknown HTTP/1.1
10|20|30|0|0|0|0.5|upstream
anonymous|||||false|POST /v1/unknown HTTP/1.1
0|0|0|0|0|0|0|none
