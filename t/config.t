# What a configuration may say, and what a level takes from the one around it.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

# nine hours ahead of UTC
$ENV{TZ} = 'JST-9';

run_tests();

__DATA__

=== TEST 1: all may stand in http, in a server and in a location
--- http_config
    llm_team_limit default rpm=10;
    llm_user_limit default rpm=10;
    llm_customer_limit default rpm=10;
    llm_global_limit rpm=10;
    llm_model $http_x_model;
    llm_unknown_team auto;
    llm_opaque auto;
    llm_unpriced auto;
    llm_reserve estimate;
    llm_max_output off;
    llm_stream_usage off;
    llm_server_tools deny;
    llm_count_cached off;
    llm_charge_unanswered on;
    llm_stream_buffering off;
    llm_dry_run off;
    llm_cutoff off;
    llm_rate_status 429;
    llm_budget_status 403;
    llm_error_format auto;
    llm_headers on;
    llm_log_level notice;
    llm_refusal_note "";
--- config
    llm_quota main fail=open;
    llm_team $http_x_team;
    llm_user $http_x_user;
    llm_customer $http_x_customer;
    llm_team_limit default rpm=10;
    llm_user_limit default rpm=10;
    llm_customer_limit default rpm=10;
    llm_global_limit rpm=10;
    llm_model $http_x_model;
    llm_unknown_team allow;
    llm_opaque allow;
    llm_unpriced allow;
    llm_reserve strict;
    llm_max_output 100;
    llm_stream_usage inject;
    llm_server_tools allow;
    llm_count_cached on;
    llm_charge_unanswered off;
    llm_stream_buffering on;
    llm_dry_run on;
    llm_rate_status 400;
    llm_budget_status 599;
    llm_error_format openai;
    llm_headers off;
    llm_log_level warn;
    llm_refusal_note "Ask $http_host.";

    location /own/ {
        llm_quota main fail=closed;
        llm_team $http_x_team;
        llm_user $http_x_user;
        llm_customer $http_x_customer;
        llm_team_limit default rpm=10;
        llm_user_limit default rpm=10;
        llm_customer_limit default rpm=10;
        llm_global_limit rpm=10;
        llm_model $http_x_model;
        llm_unknown_team deny;
        llm_opaque deny;
        llm_unpriced deny;
        llm_reserve off;
        llm_max_output 100 inject;
        llm_stream_usage strip;
        llm_server_tools deny;
        llm_count_cached off;
        llm_charge_unanswered on;
        llm_stream_buffering off;
        llm_dry_run off;
        llm_rate_status 599;
        llm_budget_status 400;
        llm_error_format gemini;
        llm_headers on;
        llm_log_level error;
        llm_refusal_note Sorry.;

        location /own/inner/ {
            llm_error_format anthropic;
            llm_log_level info;
        }
    }
--- request eval
[chat, at('/own', chat)]
--- error_code eval
[200, 403]

=== TEST 2: all that a limit can say
--- config
    llm_team_limit a rpm=1 tpm=2 itpm=3 otpm=4 rpd=5 tpd=6 requests=7/week
                     tokens=8/1h input_tokens=9/month output_tokens=10/3d
                     budget=0.50/day budget=10/30d budget=100 parallel=2
                     soft=1%,50%,100% hard_cap=off throttle=100%
                     over=throttle:1%;
--- request eval
chat
--- more_headers
X-Team: a

=== TEST 3: a period has one name, however it is written
--- config
    location /1/ { llm_global_limit requests=0/90s; }
    location /2/ { llm_global_limit requests=0/120s; }
    location /3/ { llm_global_limit requests=0/60m; }
    location /4/ { llm_global_limit requests=0/24h; }
    location /5/ { llm_global_limit requests=0/7d; }
    location /6/ { llm_global_limit requests=0/2w; }
    location /7/ { llm_global_limit requests=0/30d; }
    location /8/ { llm_global_limit requests=0/1mo; }
    location /9/ { llm_global_limit requests=0/31d; }
    location /10/ { llm_global_limit requests=0/day; }
    location /11/ { llm_global_limit requests=0/1w; }
    location /12/ { llm_global_limit rpd=0; }
--- request eval
[map { at("/$_", chat) } 1 .. 12]
--- error_code eval
[(429) x 12]
--- response_body_like eval
[map { qr{Global requests=0/$_, } }
 qw(90s 2m hour day week 14d month month 31d day week day)]

=== TEST 4: thousands and millions
--- config
    location /1/ { llm_global_limit rpm=0k; }
    location /2/ { llm_global_limit rpm=2k tpm=3m; proxy_pass http://$TEST_NGINX_PROVIDER; }
--- request eval
[at('/1', chat), at('/2', chat)]
--- error_code eval
[429, 200]
--- response_headers eval
['x-ratelimit-limit-requests: 0',
 "x-ratelimit-limit-requests: 2000\nx-ratelimit-limit-tokens: 3000000"]

=== TEST 5: a zone without a directory says that it forgets
--- http_config
    llm_quota_zone zone=forgetful:1m;
--- config
--- request eval
chat
--- error_log
[notice]
llm_quota zone "forgetful" has no "state=DIR": what it counts is forgotten on restart
--- no_error_log
llm_quota zone "main" has no

=== TEST 6: a zone may be made after the line that names it
--- config
    location /own/ {
        llm_quota later;
        llm_global_limit rpm=0;
    }
--- http_config
    llm_quota_zone zone=later:1m reset_day=31 timezone=local;
--- request eval
at('/own', chat)
--- error_code: 429

=== TEST 7: a month begins on its day, in UTC or in the machine's time
--- http_config
    llm_quota_zone zone=utc:1m reset_day=15 timezone=utc;
    llm_quota_zone zone=local:1m reset_day=15 timezone=local;
    llm_quota_zone zone=first:1m;
--- config
    llm_global_limit budget=0/month;

    location /utc/ { llm_quota utc; }
    location /local/ { llm_quota local; }
    location /first/ { llm_quota first; }
--- request eval
[map { at("/$_", chat) } qw(utc local first)]
--- error_code eval
[403, 403, 403]
--- response_body_like eval
[map { qr/ Resets \d{4}-\d\d-$_:00:00Z\./ } '15T00', '14T15', '01T00']

=== TEST 8: two zones count apart
--- http_config
    llm_quota_zone zone=second:1m;
--- config
    llm_global_limit rpm=1;

    location /own/ {
        llm_quota second;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[chat, at('/own', chat), chat, at('/own', chat)]
--- error_code eval
[200, 200, 429, 429]

=== TEST 9: a quota comes from without, and can be switched off
--- config
    llm_global_limit rpm=0;

    location /inner/ { }

    location /off/ {
        llm_quota off;
        proxy_pass http://$TEST_NGINX_PROVIDER;

        location /off/again/ {
            llm_quota main;
        }
    }
--- request eval
[map { at($_, chat) } '', '/inner', '/off', '/off/again']
--- error_code eval
[429, 429, 200, 429]

=== TEST 10: rows of one kind replace those from without as a whole
--- http_config
    llm_team_limit a rpm=10;
    llm_team_limit default rpm=20;
    llm_user_limit default rpm=0;
--- config
    location /own/ {
        llm_team_limit a rpm=30;
    }

    location /both/ {
        llm_team_limit a rpm=30;
        llm_user_limit u rpm=1;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[chat, chat, at('/own', chat), at('/own', chat), at('/both', chat)]
--- more_headers eval
["X-Team: a", "X-Team: b\nX-User: v", "X-Team: a\nX-User: v", "X-Team: b",
 "X-Team: a\nX-User: v"]
--- error_code eval
[200, 429, 429, 403, 200]
--- response_headers eval
['x-ratelimit-limit-requests: 10', '', '', '',
 'x-ratelimit-limit-requests: 30']
--- response_body_like eval
['', 'User=v rpm=0', 'User=v rpm=0', 'Team=b is not known', '']

=== TEST 11: rows of a server replace those of http, and a location inherits them
--- http_config
    llm_team_limit default rpm=10;
--- config
    llm_team_limit default tpm=20;

    location /inner/ {
        llm_user_limit default rpm=30;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
at('/inner', chat)
--- response_headers
!x-ratelimit-limit-requests
x-ratelimit-limit-tokens: 20

=== TEST 12: who asks comes from without, or from the location
--- config
    llm_team outer;
    llm_user outer;
    llm_customer outer;
    llm_model outer;

    location /team/ { llm_team_limit default rpm=0; }
    location /user/ { llm_user_limit default rpm=0; }
    location /customer/ { llm_customer_limit default rpm=0; }
    location /model/ { llm_unpriced deny; }

    location /own/ {
        llm_team inner;
        llm_user inner;
        llm_customer inner;
        llm_model inner;

        location /own/team/ { llm_team_limit default rpm=0; }
        location /own/user/ { llm_user_limit default rpm=0; }
        location /own/customer/ { llm_customer_limit default rpm=0; }
        location /own/model/ { llm_unpriced deny; }
    }
--- request eval
[map { (at("/$_", chat), at("/own/$_", chat)) } qw(team user customer model)]
--- error_code eval
[(429) x 6, (403) x 2]
--- response_body_like eval
[map { ("$_=outer ", "$_=inner ") } qw(Team User Customer Model)]

=== TEST 13: statuses
--- config
    llm_rate_status 430;
    llm_budget_status 431;

    location /rate/ { llm_global_limit rpm=0; }
    location /budget/ { llm_global_limit budget=0; }

    location /own/ {
        llm_rate_status 530;
        llm_budget_status 531;

        location /own/rate/ { llm_global_limit rpm=0; }
        location /own/budget/ { llm_global_limit budget=0; }
    }
--- request eval
[map { at($_, chat) } '/rate', '/budget', '/own/rate', '/own/budget']
--- error_code eval
[430, 431, 530, 531]

=== TEST 14: dialects, notes and headers
--- config
    llm_error_format anthropic;
    llm_refusal_note Outer.;
    llm_headers off;
    llm_global_limit rpm=0;

    location /inner/ { }

    location /own/ {
        llm_error_format gemini;
        llm_refusal_note Inner.;
        llm_headers on;
    }

    location /none/ {
        llm_error_format auto;
        llm_refusal_note "";
    }
--- request eval
[map { at($_, chat) } '/inner', '/own', '/none']
--- error_code eval
[429, 429, 429]
--- response_headers eval
['!x-ratelimit-limit-requests', 'x-ratelimit-limit-requests: 0',
 '!x-ratelimit-limit-requests']
--- response_body_like eval
[qr/^\{"type":"error".* Outer\./, qr/^\{"error":\{"code":429.* Inner\./,
 qr/^\{"error":\{"message":"[^"]*used 0\.","type"/]

=== TEST 15: dry runs
--- config
    llm_dry_run on;
    llm_global_limit rpm=0;

    location /own/ { llm_dry_run off; }
--- request eval
[chat, at('/own', chat)]
--- error_code eval
[200, 429]

=== TEST 16: unknown teams
--- config
    llm_unknown_team deny;

    location /own/ {
        llm_unknown_team allow;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }

    location /auto/ {
        llm_unknown_team auto;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[chat, at('/own', chat), at('/auto', chat)]
--- error_code eval
[403, 200, 200]

=== TEST 17: opaque routes
--- config
    llm_opaque deny;

    location /own/ {
        llm_opaque allow;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[map { post("$_/v1/unknown", '{}') } '', '/own']
--- error_code eval
[403, 200]

=== TEST 18: models without a price
--- config
    llm_unpriced deny;

    location /own/ {
        llm_unpriced allow;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[map { post("$_/v1/chat/completions", '{"model":"x"}') } '', '/own']
--- error_code eval
[403, 200]

=== TEST 19: strict limits, caps and tools
--- config
    llm_reserve strict;
    llm_global_limit tpm=10k;

    location /capped/ {
        llm_max_output 10;
        proxy_pass http://$TEST_NGINX_PROVIDER;

        location /capped/inner/ { proxy_pass http://$TEST_NGINX_PROVIDER; }
        location /capped/not/ { llm_max_output off; }
    }

    location /tools/ {
        llm_server_tools allow;
        proxy_pass http://$TEST_NGINX_PROVIDER;

        location /tools/not/ { llm_server_tools deny; }
    }

    location /estimate/ {
        llm_reserve estimate;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
my $tools = '"max_tokens":1,"tools":[{"type":"web_search"}]';
[map({ at($_, chat) } '', '/capped', '/capped/inner', '/capped/not', '/estimate'),
 map({ at($_, chat($tools)) } '', '/tools', '/tools/not')]
--- error_code eval
[400, 200, 200, 400, 200, 400, 200, 400]

=== TEST 20: cached tokens count where they are told to
--- config
    llm_reserve off;
    llm_global_limit tpm=100;

    location /not/ {
        llm_team a;
        llm_team_limit a tpm=25;
        llm_count_cached off;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }

    location /own/ {
        llm_team b;
        llm_team_limit b tpm=25;
        llm_count_cached on;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[map { at($_, chat) } '/not', '/not', '/own', '/own']
--- more_headers
X-Answer: {"model":"m","usage":{"prompt_tokens":20,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":10}}}
--- error_code eval
[200, 200, 200, 429]

=== TEST 21: the level of the log
--- config
    llm_log_level warn;
    llm_global_limit rpm=0;

    location /own/ { llm_log_level error; }
    location /info/ { llm_log_level info; }
    location /notice/ { llm_log_level notice; }
--- request eval
[map { at($_, chat) } '', '/own', '/info', '/notice']
--- error_code eval
[429, 429, 429, 429]
--- logged
1 times [warn]...llm_quota rate_limited
1 times [error]...llm_quota rate_limited
1 times [info]...llm_quota rate_limited
1 times [notice]...llm_quota rate_limited
