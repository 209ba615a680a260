# Limits of models and of pairs: a model in a team, one with a key, a user in a
# team.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

use Digest::SHA ();

# A chat completion of another model.

sub ask
{
    my ($model, @members) = @_;

    return LLMBlock::post('/v1/chat/completions',
                          join(',', qq({"model":"$model"), @members) . '}');
}

# A line that makes a virtual key of its name.

sub key
{
    my ($name, @parameters) = @_;

    return "    llm_key $name sha256=" . Digest::SHA::sha256_hex($name)
           . " @parameters;\n";
}

*Test::Base::Filter::ask = \&ask;
*Test::Base::Filter::key = \&key;

run_tests();

__DATA__

=== TEST 1: a model has limits of its own, whoever asks for it
--- config
    llm_model_limit m rpm=2;
--- request eval
[chat, chat, chat, ask('free'), ask('n'), chat]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: c", "X-Team: a", "X-Team: a", "X-Team: a"]
--- error_code eval
[200, 200, 429, 200, 200, 429]
--- response_body_like eval
['', '', qr/Rate limit exceeded, try again later\. Model=m rpm=2, used 2, retry in (?:5\d|6[01]) s\."/,
 '', '', 'Model=m rpm=2, used 2,']

=== TEST 2: every kind of limit
--- config
    llm_model_limit tokens tpm=50;
    llm_model_limit free requests=1/day;
    llm_model_limit m budget=0.75/day;
    llm_model_limit flat parallel=0;
--- request eval
[(map { (ask($_)) x 3 } qw(tokens free m)), ask('flat')]
--- error_code eval
[200, 200, 429, 200, 429, 429, 200, 200, 403, 429]
--- response_body_like eval
['', '', 'Model=tokens tpm=50, used 60,', '', ('Model=free requests=1/day, used 1,') x 2,
 '', '', 'Budget has been exceeded! Model=m Current cost: 1, Max budget: 0.75. Resets ',
 'Model=flat parallel=0, used 0\."']

=== TEST 3: the default row gives each model its own counters
--- config
    llm_model_limit default rpm=1;
    llm_model_limit m rpm=2;
--- request eval
[map { ask($_) } qw(m m m free free n free/n n default default)]
--- error_code eval
[200, 200, 429, 200, 429, 200, 200, 429, 200, 429]

=== TEST 4: names are compared byte by byte
--- config
    llm_model_limit m rpm=0;
--- request eval
[map { ask($_) } qw(m M openai/m m-2024-07-18)]
--- error_code eval
[429, 200, 200, 200]

=== TEST 5: the model is the one asked for, not the one that answers
--- http_config
    llm_price n input=0 output=1;
--- config
    llm_model_limit n budget=0.5;
    llm_model_limit m budget=0;
--- request eval
[ask('n'), ask('n'), ask('m')]
--- error_code eval
[200, 403, 403]
--- response_body_like eval
['', 'Model=n Current cost: 0.5, Max budget: 0.5', 'Model=m Current cost: 0, Max budget: 0']

=== TEST 6: the model of a path and of llm_model
--- config
    llm_model_limit g rpm=1;
    llm_model_limit h rpm=1;
    location /h/ {
        llm_model h;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
[(post('/v1beta/models/g:generateContent', '{}')) x 2, (at('/h', chat)) x 2, ask('h')]
--- error_code eval
[200, 429, 200, 429, 429]
--- response_body_like eval
['', '"message":"[^"]*Model=g rpm=1, used 1,[^"]*","status":"RESOURCE_EXHAUSTED"',
 '', 'Model=h rpm=1, used 1,', 'Model=h rpm=1, used 1,']

=== TEST 7: who names no model has none of these limits
--- config
    llm_model_limit default rpm=0;
    llm_team_model_limit default default rpm=0;
--- request eval
[post('/v1/chat/completions', '{}'), "GET /v1/models", chat]
--- error_code eval
[200, 200, 429]

=== TEST 8: a model in a team
--- config
    llm_team_model_limit a m rpm=1;
--- request eval
[chat, chat, ask('free'), chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: a", "X-Team: a", "X-Team: b", "X-Team: b"]
--- error_code eval
[200, 429, 200, 200, 200]
--- response_body_like eval
['', 'Rate limit exceeded, try again later\. Model=m in Team=a rpm=1, used 1, retry in ', '', '', '']

=== TEST 9: of the rows of a pair the one that names most bears, the team's before the model's
--- config
    llm_team_model_limit default default rpm=1;
    llm_team_model_limit default m rpm=2;
    llm_team_model_limit default o rpm=2;
    llm_team_model_limit a default rpm=3;
    llm_team_model_limit a m rpm=4;
--- request eval
[(chat) x 5, (ask('n')) x 4, (ask('o')) x 4, (chat) x 3, (ask('n')) x 2, ask('o')]
--- more_headers eval
[("X-Team: a") x 13, ("X-Team: b") x 6]
--- error_code eval
[(200) x 4, 429, (200) x 3, 429, (200) x 3, 429, 200, 200, 429, 200, 429, 200]
--- response_body_like eval
[('') x 4, 'Model=m in Team=a rpm=4, used 4,', ('') x 3, 'Model=n in Team=a rpm=3, used 3,',
 ('') x 3, 'Model=o in Team=a rpm=3,', '', '', 'Model=m in Team=b rpm=2,', '', 'Model=n in Team=b rpm=1,', '']

=== TEST 10: a user in a team
--- config
    llm_team_user_limit a u rpm=1;
    llm_team_user_limit a default rpm=2;
    llm_team_user_limit anonymous default rpm=0;
--- request eval
[(chat) x 9]
--- more_headers eval
["X-Team: a\nX-User: u", "X-Team: a\nX-User: u", ("X-Team: a\nX-User: v") x 3,
 "X-Team: a", "X-Team: b\nX-User: u", "X-User: u", ""]
--- error_code eval
[200, 429, 200, 200, 429, 200, 200, 429, 200]
--- response_body_like eval
['', 'User=u in Team=a rpm=1, used 1,', '', '', 'User=v in Team=a rpm=2, used 2,',
 '', '', 'User=u in Team=anonymous rpm=0, used 0\."', '']

=== TEST 11: pairs are told apart, whatever their names
--- config
    llm_team_user_limit default default rpm=1;
    llm_team_model_limit default default rpm=1;
--- request eval
[ask('b c'), ask('c'), ask('u'), ask('v')]
--- more_headers eval
["X-Team: a", "X-Team: a b", "X-Team: t\nX-User: v", "X-Team: t\nX-User: u"]

=== TEST 12: all levels bear together, and the first to fail is named
--- config
    llm_global_limit rpm=7;
    llm_team_limit default rpm=6;
    llm_user_limit default rpm=5;
    llm_customer_limit default rpm=4;
    llm_model_limit default rpm=3;
    llm_team_model_limit default default rpm=2;
    llm_team_user_limit default default rpm=1;
    add_header x-limit $llm_limit always;
--- request eval
[chat, chat, chat('"n":1'), chat, chat, chat, chat, chat, ask('n'), chat, ask('n'), chat, ask('o'), chat]
--- more_headers eval
["X-Team: a\nX-User: u\nX-Customer: c", "X-Team: a\nX-User: u\nX-Customer: c",
 "X-Team: a\nX-User: v\nX-Customer: c", "X-Team: a\nX-User: w\nX-Customer: c",
 "X-Team: b\nX-User: u\nX-Customer: c", "X-Team: b\nX-User: w\nX-Customer: c",
 "X-Team: c\nX-Customer: d", "X-Team: c\nX-Customer: c",
 "X-Team: c\nX-Customer: c", "X-Team: c\nX-Customer: c",
 "X-Team: c", "X-Team: c", "X-Team: c", "X-Team: d"]
--- error_code eval
[200, 429, 200, 429, 200, 429, 429, 429, 200, 429, 200, 429, 200, 429]
--- raw_response_headers_like eval
['', 'x-limit: team_user:a:u rpm=1', '', 'x-limit: team_model:a:m rpm=2',
 '', 'x-limit: model:m rpm=3', 'x-limit: model:m rpm=3', 'x-limit: model:m rpm=3',
 '', 'x-limit: customer:c rpm=4', '', 'x-limit: model:m rpm=3', '', 'x-limit: model:m rpm=3']

=== TEST 13: a request that one refuses takes nothing from the others
--- config
    llm_model_limit m rpm=2;
    llm_team_model_limit a m rpm=1;
    llm_team_user_limit a u rpm=1;
--- request eval
[(chat) x 5]
--- more_headers eval
[("X-Team: a\nX-User: u") x 3, "X-Team: b", "X-Team: c"]
--- error_code eval
[200, 429, 429, 200, 429]
--- response_body_like eval
['', ('Model=m in Team=a rpm=1, used 1,') x 2, '', 'Model=m rpm=2, used 2,']

=== TEST 14: headers tell the tightest limit, a soft one names its subject
--- config
    llm_team_limit a rpm=10 budget=10;
    llm_team_model_limit a m rpm=3 budget=0.6;
    llm_model_limit m tpm=5000;
--- request eval
[chat, chat]
--- more_headers
X-Team: a
--- raw_response_headers_like eval
["x-ratelimit-limit-requests: 3\r\nx-ratelimit-remaining-requests: 2\r\n",
 "x-llm-quota-warning: team_model:a:m budget [0-9]+%"]

=== TEST 15: who asked is told in the error log
--- config
    llm_team_user_limit a u rpm=0;
--- request eval
chat
--- more_headers
X-Team: a
X-User: u
--- error_code: 429
--- logged
1 times llm_quota rate_limited, request_id: ..., team: "a", limit: "team_user:a:u rpm=0", "Rate limit exceeded, try again later. User=u in Team=a rpm=0, used 0."

=== TEST 16: a soft cap that is passed
--- config
    llm_team_model_limit a m budget=0.4 hard_cap=off;
--- request eval
[chat, chat]
--- more_headers
X-Team: a
--- logged
1 times llm_quota team_model:a:m is past budget=0.4 with hard_cap=off, ... USD spent or reserved, traffic goes on

=== TEST 17: the longest names, and longer ones
--- config
    llm_team_model_limit default default rpm=1;
    llm_team_user_limit default default rpm=1;
    llm_model_limit default rpm=5;
--- request eval
[ask('m' x 128), ask('m' x 128), ask('m' x 127 . 'n'), ask('m' x 129)]
--- more_headers eval
["X-Team: " . 't' x 128 . "\nX-User: " . 'u' x 128, "X-Team: " . 't' x 128,
 "X-Team: " . 't' x 128, ""]
--- error_code eval
[200, 429, 200, 400]
--- response_body_like eval
['', 'Model=m{128} in Team=t{128} rpm=1, used 1,', '', 'The model of the request is not valid: use 1 to 128 printable bytes']

=== TEST 18: what can be refused before the body, by the model of the path
--- config
    llm_model_limit g rpm=0;
--- raw_request eval
"POST /v1beta/models/g:generateContent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
--- error_code: 429
--- response_body_like: Model=g rpm=0
--- shutdown: 1

=== TEST 19: rows of an inner level replace those outside, and share their counters
--- config
    llm_team_model_limit a m rpm=1;
    location /in/ {
        llm_team_model_limit a m rpm=2;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
    location /other/ {
        llm_team_model_limit b m rpm=0;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
[at('/in', chat), chat, at('/in', chat), at('/in', chat), at('/other', chat)]
--- more_headers
X-Team: a
--- error_code eval
[200, 429, 200, 429, 200]

=== TEST 20: a model with a key, by the key's name or its SHA-256
--- http_config eval
key('ci', 'team=a') . key('cd', 'team=a') . key('ce')
--- config eval
"    llm_keys optional;
    llm_key_model_limit ci m rpm=1;
    llm_key_model_limit " . Digest::SHA::sha256_hex('cd') . " m rpm=2;
    llm_key_model_limit ce default rpm=0;
    llm_key_model_limit default n rpm=0;
    add_header x-limit \$llm_limit always;"
--- request eval
[chat, chat, ask('o'), chat, chat, chat, ask('n'), ask('o'), ask('n')]
--- more_headers eval
[("X-API-Key: ci") x 3, ("X-API-Key: cd") x 4, "X-API-Key: ce", "X-Team: a"]
--- error_code eval
[200, 429, 200, 200, 200, 429, 429, 429, 200]
--- response_body_like eval
['', 'Model=m in Key=ci rpm=1, used 1,', '', '', '', 'Model=m in Key=cd rpm=2, used 2,',
 'Model=n in Key=cd rpm=0, used 0\."', 'Model=o in Key=ce rpm=0, used 0\."', '']
--- raw_response_headers_like eval
['', 'x-limit: key_model:ci:m rpm=1', ('') x 7]

=== TEST 21: of all subjects the key comes before the model, the team's model before the key's
--- http_config eval
key('ci', 'team=a', 'user=u')
--- config
    llm_keys required;
    llm_key_limit ci rpm=1;
    llm_model_limit m rpm=1;
    location /two/ {
        llm_key_limit ci rpm=9;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
    location /three/ {
        llm_key_limit ci rpm=9;
        llm_model_limit m rpm=9;
        llm_team_model_limit a m rpm=1;
        llm_key_model_limit ci m rpm=1;
        llm_team_user_limit a u rpm=1;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
    location /four/ {
        llm_key_limit ci rpm=9;
        llm_model_limit m rpm=9;
        llm_key_model_limit ci m rpm=1;
        llm_team_user_limit a u rpm=1;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
[at('/three', chat), chat, at('/two', chat), at('/three', chat), at('/four', chat)]
--- more_headers
X-API-Key: ci
--- error_code eval
[200, (429) x 4]
--- response_body_like eval
['', 'Key=ci rpm=1, used 1,', 'Model=m rpm=1, used 1,', 'Model=m in Team=a rpm=1, used 1,', 'Model=m in Key=ci rpm=1, used 1,']

=== TEST 22: what a key may ask for
--- http_config eval
key('ci', 'team=a', 'models=m,@more') . key('cd', 'team=a') . "    llm_model_group more n o;\n"
--- config
    llm_keys required;
    llm_team_limit a models=m,n,p;
    llm_key_limit default models=p;
--- request eval
[map { ask($_) } qw(m n o p m p)]
--- more_headers eval
[("X-API-Key: ci") x 4, ("X-API-Key: cd") x 2]
--- error_code eval
[200, 200, 403, 403, 403, 200]
--- response_body_like eval
['', '', 'Model=o is not allowed for Team=a\. Allowed: m, n, p\.',
 'Model=p is not allowed for Key=ci\. Allowed: m, n, o\.',
 'Model=m is not allowed for Key=cd\. Allowed: p\.', '']
