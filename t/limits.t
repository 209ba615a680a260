# How much passes: rates, quotas, budgets and requests in flight.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

add_block_preprocessor(sub {
    my $block = shift;

    # below /nest/ a request is in flight while another one is decided

    $block->set_value('config', ($block->config // '') . <<'EOF_CONFIG');
        location /nest/ {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/;
        }
EOF_CONFIG
});

run_tests();

__DATA__

=== TEST 1: requests in a minute
--- config
    llm_team_limit default rpm=2;
--- request eval
[(chat) x 4]
--- more_headers
X-Team: a
--- error_code eval
[200, 200, 429, 429]
--- response_body_like eval
['', '', (qr/"Rate limit exceeded, try again later\. Team=a rpm=2, used 2, retry in (?:5\d|6[01]) s\."/) x 2]

=== TEST 2: tokens in a minute
--- config
    llm_team_limit a tpm=50;
    llm_team_limit b itpm=15;
    llm_team_limit c otpm=30;
--- request eval
[(chat) x 9]
--- more_headers eval
[map { ("X-Team: $_") x 3 } qw(a b c)]
--- error_code eval
[(200, 200, 429) x 3]
--- response_body_like eval
['', '', 'Team=a tpm=50, used 60,', '', '', 'Team=b itpm=15, used 20,',
 '', '', 'Team=c otpm=30, used 40,']

=== TEST 3: the request that reaches a limit is the last
--- config
    llm_team_limit a tpm=60;
    llm_team_limit b tpm=61;
--- request eval
[(chat) x 7]
--- more_headers eval
[(map { "X-Team: $_" } qw(a a a b b b b))]
--- error_code eval
[200, 200, 429, 200, 200, 200, 429]

=== TEST 4: requests in a period
--- config
    llm_team_limit a rpd=2;
    llm_team_limit b requests=2/month;
    llm_team_limit c requests=2/12h;
--- request eval
[(chat) x 9]
--- more_headers eval
[map { ("X-Team: $_") x 3 } qw(a b c)]
--- error_code eval
[(200, 200, 429) x 3]
--- response_body_like eval
['', '', qr{Team=a requests=2/day, used 2, retry in \d+ s\.},
 '', '', qr{Team=b requests=2/month, used 2, retry in \d+ s\.},
 '', '', qr{Team=c requests=2/12h, used 2, retry in \d+ s\.}]

=== TEST 5: tokens in a period
--- config
    llm_team_limit a tpd=50;
    llm_team_limit b tokens=50/week;
    llm_team_limit c input_tokens=15/3d;
    llm_team_limit d output_tokens=30/month;
--- request eval
[(chat) x 12]
--- more_headers eval
[map { ("X-Team: $_") x 3 } qw(a b c d)]
--- error_code eval
[(200, 200, 429) x 4]
--- response_body_like eval
['', '', 'Team=a tokens=50/day, used 60,', '', '', 'Team=b tokens=50/week, used 60,',
 '', '', 'Team=c input_tokens=15/3d, used 20,',
 '', '', 'Team=d output_tokens=30/month, used 40,']

=== TEST 6: budgets
--- config
    llm_team_limit a budget=1;
    llm_team_limit b budget=0.75/day;
    llm_team_limit c budget=0.000000001/month;
--- request eval
[(chat) x 8]
--- more_headers eval
[map { "X-Team: $_" } qw(a a a b b b c c)]
--- error_code eval
[200, 200, 403, 200, 200, 403, 200, 403]
--- response_body_like eval
['', '', 'Budget has been exceeded! Team=a Current cost: 1, Max budget: 1\."',
 '', '', 'Budget has been exceeded! Team=b Current cost: 1, Max budget: 0.75. Resets \d{4}-\d\d-\d\dT00:00:00Z\."',
 '', 'Budget has been exceeded! Team=c Current cost: 0.5, Max budget: 0.000000001. Resets \d{4}-\d\d-01T00:00:00Z\."']

=== TEST 7: the budgets of several periods bear together
--- config
    llm_team_limit a budget=10/day budget=0.5/month budget=20;
    llm_team_limit b budget=0.5/day budget=10/month;
    llm_team_limit c budget=10/day budget=10/month budget=0.5;
--- request eval
[(chat) x 6]
--- more_headers eval
[map { "X-Team: $_" } qw(a a b b c c)]
--- error_code eval
[(200, 403) x 3]
--- response_body_like eval
['', 'Max budget: 0.5. Resets \d{4}-\d\d-01T', '', 'Max budget: 0.5. Resets ',
 '', 'Max budget: 0.5\."']

=== TEST 8: a limit of nothing refuses at once
--- config
    llm_team_limit a rpm=0;
    llm_team_limit b tpm=0;
    llm_team_limit c rpd=0;
    llm_team_limit d tokens=0/day;
    llm_team_limit e budget=0;
    llm_team_limit f budget=0/day;
    llm_team_limit g parallel=0;
--- request eval
[(chat) x 7]
--- more_headers eval
[map { "X-Team: $_" } qw(a b c d e f g)]
--- error_code eval
[429, 429, 429, 429, 403, 403, 429]
--- response_body_like eval
['Team=a rpm=0, used 0\."', 'Team=b tpm=0, used 0\."', 'Team=c requests=0/day, used 0\."',
 'Team=d tokens=0/day, used 0\."', 'Team=e Current cost: 0, Max budget: 0\."',
 'Team=f Current cost: 0, Max budget: 0. Resets ', 'Team=g parallel=0, used 0\."']
--- ledger

=== TEST 9: what is refused is not counted
--- config
    llm_team_limit default rpm=3 tokens=60/day budget=1/month;
--- request eval
[(chat) x 5]
--- error_code eval
[200, 200, 429, 429, 429]
--- response_body_like eval
['', '', ('tokens=60/day, used 60,') x 3]
--- ledger
..."cost_usd":0.5,...
..."cost_usd":0.5,...

=== TEST 10: an error is a request, but no tokens and no money
--- config
    llm_team_limit a rpm=2;
    llm_team_limit b tpm=1 budget=0.1;
--- request eval
[(chat) x 6]
--- more_headers eval
["X-Team: a\nX-Status: 500", "X-Team: a\nX-Status: 400", "X-Team: a",
 "X-Team: b\nX-Status: 500", "X-Team: b", "X-Team: b"]
--- error_code eval
[500, 400, 429, 500, 200, 429]

=== TEST 11: requests in flight
--- config
    llm_team_limit a parallel=1;
    llm_team_limit b parallel=2;
--- request eval
[at('/nest', chat), chat, at('/nest', chat), at('/nest/nest', chat)]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: b", "X-Team: b"]
--- error_code eval
[429, 200, 200, 429]
--- response_body_like eval
['Team=a parallel=1, used 1, retry in 1 s\."', '', '', 'Team=b parallel=2, used 2, retry in 1 s\."']

=== TEST 12: what requests in flight are expected to use counts
--- config
    llm_team_limit a tpm=50;
    llm_team_limit b tokens=50/day;
    llm_team_limit c budget=1;
    llm_team_limit d rpm=1;
--- request eval
[map { at('/nest', $_) } (chat) x 4]
--- more_headers eval
[map { "X-Team: $_" } qw(a b c d)]
--- error_code eval
[429, 429, 403, 429]
--- response_body_like eval
['Team=a tpm=50, used 10\d\d, retry in 1 s\."',
 'Team=b tokens=50/day, used 10\d\d, retry in 1 s\."',
 'Team=c Current cost: 20\.\d+, Max budget: 1\."',
 'Team=d rpm=1, used 1, retry in (?:5\d|6[01]) s\."']

=== TEST 13: unless nothing is reserved
--- config
    llm_reserve off;
    llm_team_limit a tpm=50;
    llm_team_limit c budget=1;
--- request eval
[at('/nest', chat), at('/nest', chat)]
--- more_headers eval
["X-Team: a", "X-Team: c"]

=== TEST 14: global, team, user and customer bear together, and the first to fail is named
--- config
    llm_global_limit rpm=4;
    llm_team_limit default rpm=3;
    llm_user_limit default rpm=2;
    llm_customer_limit default rpm=1;
--- request eval
[(chat) x 8]
--- more_headers eval
["X-Team: a\nX-User: u\nX-Customer: c", "X-Team: a\nX-User: u\nX-Customer: c",
 "X-Team: a\nX-User: u\nX-Customer: d", "X-Team: a\nX-User: u\nX-Customer: c",
 "X-Team: a", "X-Team: a\nX-User: u\nX-Customer: c",
 "X-Team: b", "X-Team: a\nX-User: u\nX-Customer: c"]
--- error_code eval
[200, 429, 200, 429, 200, 429, 200, 429]
--- response_body_like eval
['', 'Customer=c rpm=1, used 1,', '', 'User=u rpm=2, used 2,',
 '', 'Team=a rpm=3, used 3,', '', 'Global rpm=4, used 4,']

=== TEST 15: a request that one refuses takes nothing from the others
--- config
    llm_global_limit rpm=3 tpm=90 budget=1.5;
    llm_team_limit a rpm=1;
    llm_team_limit default rpm=10;
    llm_user_limit default rpm=2;
--- request eval
[(chat) x 7]
--- more_headers eval
["X-Team: a\nX-User: u", ("X-Team: a\nX-User: u") x 3, "X-Team: b\nX-User: u",
 "X-Team: b\nX-User: u", "X-Team: b\nX-User: v"]
--- error_code eval
[200, 429, 429, 429, 200, 429, 200]
--- response_body_like eval
['', ('Team=a rpm=1, used 1,') x 3, '', 'User=u rpm=2, used 2,', '']

=== TEST 16: a row of its own replaces the default row as a whole
--- config
    llm_team_limit default rpm=1;
    llm_team_limit a tpm=1000;
    llm_user_limit default rpm=1;
    llm_user_limit u rpm=2;
--- request eval
[(chat) x 7]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: b", "X-Team: b",
 ("X-Team: a\nX-User: u") x 3]
--- error_code eval
[200, 200, 200, 429, 200, 200, 429]

=== TEST 17: the default row gives each its own counters
--- config
    llm_team_limit default rpm=1;
    llm_user_limit default rpm=1;
    llm_customer_limit default rpm=1;
--- request eval
[(chat) x 6]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: c\nX-User: u", "X-Team: d\nX-User: v",
 "X-Team: e\nX-Customer: u", "X-Team: f\nX-User: u"]
--- error_code eval
[200, 200, 200, 200, 200, 429]

=== TEST 18: who is not named has no limit of that kind
--- config
    llm_user_limit default rpm=0;
    llm_customer_limit default rpm=0;
--- request eval
[chat, chat, chat]
--- more_headers eval
["", "X-User: u", "X-Customer: c"]
--- error_code eval
[200, 429, 429]

=== TEST 19: locations share the counters, each with limits of its own
--- config
    location /one/ {
        llm_team_limit default rpm=1 budget=20;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }

    location /three/ {
        llm_team_limit default rpm=3 budget=10;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[map { at("/$_", chat) } qw(three three one three three)]
--- error_code eval
[200, 200, 429, 200, 429]
--- response_body_like eval
['', '', 'rpm=1, used 2,', '', 'rpm=3, used 3,']

=== TEST 20: and what was used before a limit saw it
--- config
    location /limited/ { llm_team_limit default budget=0.5/month; }
--- request eval
[chat, at('/limited', chat)]
--- error_code eval
[200, 403]
--- response_body_like eval
['', 'Current cost: 0.5, Max budget: 0.5\.']

=== TEST 21: a free model passes a spent budget, a priced one does not
--- config
    llm_team_limit default budget=0.5;
--- request eval
[chat, chat, map { post('/v1/chat/completions', qq({"model":"$_"})) } qw(free flat free)]
--- more_headers
X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20}}
--- error_code eval
[200, 403, 200, 403, 200]

=== TEST 22: a price for the request
--- config
    llm_team_limit default budget=0.5;
--- request eval
[(post('/v1/chat/completions', '{"model":"flat"}')) x 3]
--- more_headers
X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20}}
--- error_code eval
[200, 200, 403]
--- response_body_like eval
['', '', 'Current cost: 0.5, Max budget: 0.5\.']

=== TEST 23: past the first soft threshold answers carry a warning
--- config
    llm_reserve off;
    llm_team_limit a budget=1.25;
    llm_team_limit b budget=2 soft=25%,50%;
    llm_team_limit c budget=2 soft=100%;
    llm_team_limit d budget=1 budget=0.6/day;
--- request eval
[(chat) x 15]
--- more_headers eval
[map { "X-Team: $_" } qw(a a a a b b b c c c c c d d d)]
--- error_code eval
[200, 200, 200, 403, 200, 200, 200, 200, 200, 200, 200, 403, 200, 200, 403]
--- response_headers eval
[map { defined() ? "x-llm-quota-warning: $_" : '!x-llm-quota-warning' }
 undef, undef, 'team:a budget 80%', 'team:a budget 100%',
 undef, 'team:b budget 25%', 'team:b budget 50%',
 undef, undef, undef, undef, 'team:c budget 100%',
 undef, 'team:d budget 83%', 'team:d budget 100%']

=== TEST 24: the fullest budget is the one that is warned of
--- config
    llm_reserve off;
    llm_global_limit budget=1 soft=10%;
    llm_team_limit default budget=0.8 soft=10%;
    llm_user_limit default budget=2 soft=10%;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: a\nX-User: u", "X-Team: a\nX-User: u", "X-Team: b\nX-User: u"]
--- response_headers eval
['!x-llm-quota-warning', 'x-llm-quota-warning: team:a budget 62%',
 'x-llm-quota-warning: global budget 100%']
--- error_code eval
[200, 200, 403]

=== TEST 25: past a budget whose cap is not hard traffic goes on, with one warning in the log
--- config
    llm_reserve off;
    llm_team_limit default budget=0.5/month hard_cap=off;
--- request eval
[(chat) x 4]
--- more_headers
X-Team: a
--- logged
1 times [warn]...llm_quota team:a is past budget=0.5/month with hard_cap=off, 0.5 USD spent or reserved, traffic goes on

=== TEST 26: one for each budget
--- config
    llm_reserve off;
    llm_team_limit default budget=0.5 budget=1/month hard_cap=off;
    llm_global_limit budget=0.5 hard_cap=off;
--- request eval
[(chat) x 4]
--- more_headers
X-Team: a
--- logged
1 times [warn]...llm_quota team:a is past budget=0.5 with
1 times [warn]...llm_quota team:a is past budget=1/month with
1 times [warn]...llm_quota global is past budget=0.5 with

=== TEST 27: rates stay hard
--- config
    llm_team_limit default budget=0.5 hard_cap=off rpm=2;
--- request eval
[(chat) x 3]
--- error_code eval
[200, 200, 429]

=== TEST 28: throttled from the first soft threshold on
--- config
    llm_reserve off;
    llm_team_limit default budget=2 soft=50% throttle=50% rpm=6 tpm=2k;
--- request eval
[(chat) x 4]
--- error_code eval
[200, 200, 200, 429]
--- response_headers eval
["x-ratelimit-limit-requests: 6\nx-ratelimit-limit-tokens: 2000",
 "x-ratelimit-limit-requests: 6\nx-ratelimit-limit-tokens: 2000",
 ("x-ratelimit-limit-requests: 3\nx-ratelimit-limit-tokens: 1000") x 2]
--- response_body_like eval
['', '', '', 'rpm=3, used 3, retry in (?:5\d|6[01]) s\.']

=== TEST 29: never below 1
--- config
    llm_reserve off;
    llm_team_limit a budget=0.5 hard_cap=off throttle=1% rpm=2;
    llm_team_limit b budget=0.5 hard_cap=off throttle=1% rpm=0;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: b"]
--- error_code eval
[200, 429, 429]
--- response_headers eval
['x-ratelimit-limit-requests: 2', 'x-ratelimit-limit-requests: 1',
 'x-ratelimit-limit-requests: 0']

=== TEST 30: past the budget rates shrink instead of refusing
--- config
    llm_reserve off;
    llm_team_limit default budget=1/day over=throttle:50% rpm=6;
--- request eval
[(chat) x 4]
--- error_code eval
[200, 200, 200, 429]
--- response_headers eval
['x-ratelimit-limit-requests: 6', 'x-ratelimit-limit-requests: 6',
 'x-ratelimit-limit-requests: 3', 'x-ratelimit-limit-requests: 3']
--- response_body_like eval
['', '', '', 'Team=anonymous rpm=3, used 3,']

=== TEST 31: of two throttles the stronger one holds
--- config
    llm_reserve off;
    llm_team_limit default budget=1 soft=50% throttle=50% over=throttle:25% rpm=8;
--- request eval
[chat, chat, chat]
--- error_code eval
[200, 200, 429]
--- response_headers eval
['x-ratelimit-limit-requests: 8', 'x-ratelimit-limit-requests: 4',
 'x-ratelimit-limit-requests: 2']

=== TEST 32: a throttle touches the row's own rates only, and neither quotas nor flights
--- config
    llm_reserve off;
    llm_team_limit default budget=0.5 over=throttle:1% rpm=500 rpd=3 parallel=2;
    llm_global_limit rpm=100;
--- request eval
[chat, chat, at('/nest', chat)]
--- error_code eval
[200, 200, 429]
--- response_body_like eval
['', '', 'Team=anonymous requests=3/day, used 3,']

=== TEST 33: tokens from a cache count toward quotas, but not toward the minute
--- config
    llm_team_limit a tpm=11;
    llm_team_limit b itpm=1;
    llm_team_limit c tpd=50;
    llm_team_limit d input_tokens=40/day;
--- request eval
[(chat) x 10]
--- more_headers eval
[map { "X-Team: $_\nX-Answer: " . '{"model":"m","usage":{"prompt_tokens":40,'
       . '"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":40}}}' }
 qw(a a a b b b c c d d)]
--- error_code eval
[200, 200, 429, 200, 200, 200, 200, 429, 200, 429]

=== TEST 34: and toward it where they are told to
--- config
    llm_count_cached on;
    llm_team_limit a tpm=11;
    llm_team_limit b itpm=1;
--- request eval
[(chat) x 4]
--- more_headers eval
[map { "X-Team: $_\nX-Answer: " . '{"model":"m","usage":{"prompt_tokens":40,'
       . '"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":40}}}' }
 qw(a a b b)]
--- error_code eval
[(200, 429) x 2]
