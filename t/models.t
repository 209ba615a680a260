# models=: what may be asked for.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

# A chat completion of another model.

sub ask
{
    my ($model, @members) = @_;

    return LLMBlock::post('/v1/chat/completions',
                          join(',', qq({"model":"$model"), @members) . '}');
}

*Test::Base::Filter::ask = \&ask;

run_tests();

__DATA__

=== TEST 1: names as they are, and what begins so
--- config
    llm_team_limit a models=m,n-1,claude-*;
--- request eval
[map { ask($_) } qw(m n-1 claude-opus claude- n-2 n- M mm claude openai/m)]
--- more_headers
X-Team: a
--- error_code eval
[(200) x 4, (403) x 6]
--- response_body_like eval
[('') x 4, map { qq(\\{"error":\\{"message":"Model=$_ is not allowed for Team=a\\. Allowed: m, n-1, claude-\\*\\.","type":"permission_error","param":null,"code":"model_access_denied"\\}\\}) }
           qw(n-2 n- M mm claude openai/m)]
--- ledger
..."model":"m",...
..."model":"n-1",...
..."model":"claude-opus",...
..."model":"claude-",...

=== TEST 2: on the path of Anthropic and of Gemini it is theirs
--- config
    llm_team_limit a models=m;
--- request eval
[post('/v1/messages', '{"model":"n","max_tokens":9}'),
 post('/v1beta/models/n:generateContent', '{}'),
 post('/v1beta/models/m:generateContent', '{}')]
--- more_headers
X-Team: a
--- error_code eval
[403, 403, 200]
--- response_body_like eval
['\{"type":"error","error":\{"type":"permission_error","message":"Model=n is not allowed for Team=a\. Allowed: m\."\}\}',
 '\{"error":\{"code":403,"message":"Model=n is not allowed for Team=a\. Allowed: m\.","status":"PERMISSION_DENIED"\}\}', '']

=== TEST 3: groups, also those made further down, and with models that begin with @
--- config
    llm_team_limit a models=@small,x;
    llm_team_limit b models=@cf,@small;
    llm_team_limit c models=*;
--- http_config
    llm_model_group small m free flat-*;
    llm_model_group cf @cf/meta/llama;
--- request eval
[map { ask($_) } qw(m free flat-2 x n), '@cf/meta/llama', qw(m x y)]
--- more_headers eval
[("X-Team: a") x 5, ("X-Team: b") x 3, "X-Team: c"]
--- error_code eval
[200, 200, 200, 200, 403, 200, 200, 403, 200]
--- response_body_like eval
[('') x 4, 'Model=n is not allowed for Team=a\. Allowed: m, free, flat-\*, x\.', '', '',
 'Model=x is not allowed for Team=b\. Allowed: @cf/meta/llama, m, free, flat-\*\.', '']

=== TEST 4: all rows bear, and the first that says no is named
--- config
    llm_global_limit models=m,n,o,p,free;
    llm_team_limit default models=m,n,o,free;
    llm_user_limit u models=m,n,free;
    llm_customer_limit c models=m,free;
    llm_team_user_limit a u models=free;
--- request eval
[map { ask($_) } qw(q p o n m free)]
--- more_headers
X-Team: a
X-User: u
X-Customer: c
--- error_code eval
[(403) x 5, 200]
--- response_body_like eval
['Model=q is not allowed for Global\. Allowed: m, n, o, p, free\.',
 'Model=p is not allowed for Team=a\. Allowed: m, n, o, free\.',
 'Model=o is not allowed for User=u\. Allowed: m, n, free\.',
 'Model=n is not allowed for Customer=c\. Allowed: m, free\.',
 'Model=m is not allowed for User=u in Team=a\. Allowed: free\.', '']

=== TEST 5: whom no row bears on may ask for all
--- config
    llm_team_limit a models=m;
    llm_user_limit default models=m;
    llm_unknown_team allow;
--- request eval
[ask('n'), ask('n'), ask('n'), post('/v1/chat/completions', '{}')]
--- more_headers eval
["X-Team: b", "X-Team: b\nX-User: u", "", ""]
--- error_code eval
[200, 403, 200, 200]

=== TEST 6: a row of its own replaces the default row, its models too
--- config
    llm_team_limit default models=m;
    llm_team_limit a rpm=100;
--- request eval
[ask('n'), ask('n'), ask('m')]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: b"]
--- error_code eval
[200, 403, 200]

=== TEST 7: a request that names no model is refused
--- config
    llm_team_limit a models=m;
--- request eval
[post('/v1/chat/completions', '{}'), post('/v1/chat/completions', '{"model":""}')]
--- more_headers
X-Team: a
--- error_code eval
[403, 403]
--- response_body_like eval
[('The request names no model, and Team=a may ask only for some\. Allowed: m\.","type":"permission_error","param":null,"code":"model_access_denied"') x 2]

=== TEST 8: what is free passes, what cannot be read does not
--- config
    llm_team_limit a models=m;
    llm_opaque allow;
    location /m/ {
        llm_model m;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
["GET /v1/models", post('/v1/messages/count_tokens', '{"model":"n"}'), "GET /v1/files",
 post('/v1/batches', '{"model":"m"}'), at('/m', post('/v1/batches', '{}'))]
--- more_headers
X-Team: a
--- error_code eval
[200, 200, 200, 403, 200]
--- response_body_like eval
['', '', '', 'The request names no model, and Team=a may', '']

=== TEST 9: before the body, where the path or llm_model names the model
--- config
    llm_team_limit anonymous models=m;
--- raw_request eval
"POST /v1beta/models/n:generateContent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
--- error_code: 403
--- response_body_like: Model=n is not allowed for Team=anonymous\. Allowed: m\.
--- shutdown: 1

=== TEST 10: the customer of a body
--- config
    llm_customer_limit c models=m;
--- request eval
[ask('n', '"user":"c"'), ask('m', '"user":"c"'), ask('n', '"user":"d"'),
 post('/openai/deployments/n/chat/completions', '{"user":"c"}')]
--- error_code eval
[403, 200, 200, 403]

=== TEST 11: variables and the error log tell which row
--- config
    llm_team_limit a models=m;
    add_header x-said "$llm_result $llm_limit $llm_model" always;
--- request eval
[ask('n')]
--- more_headers
X-Team: a
--- error_code: 403
--- raw_response_headers_like: x-said: model_denied team:a models n
--- logged
1 times [notice]...llm_quota model_denied, request_id: ..., team: "a", limit: "team:a models", "Model=n is not allowed for Team=a. Allowed: m."

=== TEST 12: a dry run refuses nothing, and tells the first reason
--- config
    llm_dry_run on;
    llm_team_limit a models=m rpm=1;
    llm_user_limit u models=m;
    add_header x-said "$llm_result $llm_limit";
--- request eval
[ask('n'), ask('n'), ask('m')]
--- more_headers
X-Team: a
X-User: u
--- raw_response_headers_like eval
[('x-said: model_denied_dry_run team:a models') x 2, 'x-said: rate_limited_dry_run team:a rpm=1']
--- logged
2 times llm_quota model_denied (dry run)
--- ledger
..."model":"n",...
..."model":"n",...
..."model":"m",...

=== TEST 13: what is refused takes nothing
--- config
    llm_team_limit a models=m rpm=1;
--- request eval
[ask('n'), ask('n'), chat, chat]
--- more_headers
X-Team: a
--- error_code eval
[403, 403, 200, 429]
--- ledger
..."model":"m",...

=== TEST 14: a long list is cut
--- config
    llm_team_limit a models=@many;
--- http_config eval
"    llm_model_group many " . join(' ', map { sprintf 'a-model-of-some-length-%03d', $_ } 1 .. 200) . ";\n"
--- request eval
[ask('n'), ask('a-model-of-some-length-200')]
--- more_headers
X-Team: a
--- error_code eval
[403, 200]
--- response_body_like eval
['Allowed: a-model-of-some-length-001, [^"]*a-model-of-some-length-0\d\d and 1\d\d more\.","type"', '']

=== TEST 15: the longest names of all
--- config
    llm_team_user_limit default default models=@many;
--- http_config eval
"    llm_model_group many " . join(' ', map { $_ x 128 } 'a' .. 'z') . ";\n"
--- request eval
[ask('m' x 127 . 'n')]
--- more_headers eval
"X-Team: " . 't' x 128 . "\nX-User: " . 'u' x 128
--- error_code: 403
--- response_body_like eval
qr/"Model=m{127}n is not allowed for User=u{128} in Team=t{128}\. Allowed: a{128}, b{128}, c{128} and 23 more\.","type"/

=== TEST 16: a note, and the headers of limits
--- config
    llm_team_limit a models=m rpm=5;
    llm_refusal_note "Ask ai@example.com.";
--- request eval
[ask('n')]
--- more_headers
X-Team: a
--- error_code: 403
--- response_body_like: Allowed: m\. Ask ai@example\.com\."
--- raw_response_headers_like: x-ratelimit-limit-requests: 5

=== TEST 17: an inner level's rows, and the same group in several
--- config
    llm_team_limit a models=@g;
    location /in/ {
        llm_team_limit a models=n,@g;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- http_config
    llm_model_group g m;
--- request eval
[chat, ask('n'), at('/in', chat), at('/in', ask('n')), at('/in', ask('o'))]
--- more_headers
X-Team: a
--- error_code eval
[200, 403, 200, 200, 403]

=== TEST 18: in a dry run what would be refused for another reason stays so
--- config
    llm_dry_run on;
    llm_unknown_team deny;
    llm_user_limit u models=m rpm=0;
    add_header x-said "$llm_result [$llm_limit]";
--- request eval
[ask('n')]
--- more_headers
X-User: u
--- raw_response_headers_like: x-said: team_denied_dry_run \[\]

=== TEST 19: who may ask for some only may not have others answer in their place
--- config
    llm_team_limit a models=m,n;
    llm_unknown_team allow;
--- request eval
[ask('m', '"models":["m","x"]'), ask('m', '"fallbacks":[{"model":"x"}]'), ask('m', '"models":null'),
 post('/openai/deployments/m/chat/completions', '{"models":["x"]}'), ask('m', '"models":["x"]')]
--- more_headers eval
[("X-Team: a") x 4, "X-Team: b"]
--- error_code eval
[403, 403, 200, 403, 200]
--- response_body_like eval
['"message":"\\\\"models\\\\" may have another model answer, and Team=a may ask only for some\. Allowed: m, n\.","type":"permission_error"',
 'fallbacks', '', 'models', '']
