# Who asks, and for which model: from directives, the body and the path.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

use Digest::SHA qw(sha256_hex);

# what a customer becomes whose form is no ID's
sub Test::Base::Filter::digest { 'sha256:' . substr sha256_hex($_[0]), 0, 32 }

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', ($block->config // '') . <<'EOF_CONFIG');
        add_header who "$llm_team|$llm_user|$llm_customer|$llm_model" always;
EOF_CONFIG
});

run_tests();

__DATA__

=== TEST 1: directives name team, user, customer and model
--- config
    llm_model $http_x_model;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: t\nX-User: u\nX-Customer: c\nX-Model: x", "", "X-Team: t"]
--- response_headers eval
["who: t|u|c|x", "who: anonymous|||m", "who: t|||m"]

=== TEST 2: the team without a name has the default row's limits
--- config
    llm_team_limit default rpm=0;
--- request eval
chat
--- error_code: 429
--- response_body_like: Team=anonymous rpm=0

=== TEST 3: or a row of its own
--- config
    llm_team_limit anonymous rpm=0;
    llm_team_limit default rpm=1;
--- request eval
[chat, chat]
--- more_headers eval
["", "X-Team: t"]
--- error_code eval
[429, 200]

=== TEST 4: nobody can be asked to be taken for the default row
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: default", "X-User: default", "X-Customer: default"]
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[map { qr/"The $_ of the request cannot be \\"default\\": the name has a meaning of its own\."/ }
 qw(team user customer)]

=== TEST 5: nor for the team without a name
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: anonymous", "X-User: anonymous", "X-Customer: anonymous"]
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[map { qr/"The $_ of the request cannot be \\"anonymous\\": the name has a meaning of its own\."/ }
 qw(team user customer)]

=== TEST 6: a name in other letters is another name
--- request eval
chat
--- more_headers
X-Team: Default
X-User: anonymous2
--- response_headers
who: Default|anonymous2||m

=== TEST 7: an ID has up to 128 bytes
--- request eval
[(chat) x 4]
--- more_headers eval
["X-Team: " . 'x' x 128, "X-Team: " . 'x' x 129, "X-User: " . 'x' x 129,
 "X-Customer: " . 'x' x 129]
--- error_code eval
[200, 400, 400, 400]
--- response_body_like eval
['', map { qr/"The $_ of the request is not valid: use 1 to 128 printable bytes\."/ }
     qw(team user customer)]

=== TEST 8: an ID is printable
--- request eval
[(chat) x 5]
--- more_headers eval
["X-Team: Gr\xc3\xb6\xc3\x9fe", "X-Team: a b", "X-Team: a\x01b",
 "X-Team: a\x7f", "X-Team: \xff"]
--- error_code eval
[200, 200, 400, 400, 400]
--- response_headers eval
["who: Gr\xc3\xb6\xc3\x9fe|||m", "who: a b|||m", "", "", ""]

=== TEST 9: neither does it begin or end with a blank
--- config
    llm_team " $http_x_team";
--- request eval
chat
--- more_headers
X-Team: a
--- error_code: 400

=== TEST 10: in a dry run a bad ID is none
--- config
    llm_dry_run on;
--- request eval
chat
--- more_headers
X-Team: default
X-User: u
--- response_headers
who: anonymous|u||m

=== TEST 11: without team rows every team is known
--- config
    llm_user_limit default rpm=10;
--- request eval
[chat, chat]
--- more_headers eval
["X-Team: t", ""]

=== TEST 12: with a default row too
--- config
    llm_team_limit a rpm=10;
    llm_team_limit default rpm=10;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: b", ""]

=== TEST 13: with rows of teams only, those teams are known
--- config
    llm_team_limit a rpm=10;
    llm_team_limit b rpm=10;
--- request eval
[chat, chat, chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: c", ""]
--- error_code eval
[200, 200, 403, 403]
--- response_body eval
[qr/usage/, qr/usage/,
 qq({"error":{"message":"Team=c is not known here.","type":"permission_error","param":null,"code":"team_denied"}}\r\n),
 qr/"Team=anonymous is not known here\."/]
--- response_headers eval
["who: a|||m", "who: b|||m", "who: c|||", "who: anonymous|||"]

=== TEST 14: unknown teams can be denied in spite of a default row
--- config
    llm_unknown_team deny;
    llm_team_limit a rpm=10;
    llm_team_limit default rpm=10;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: b", ""]
--- error_code eval
[200, 403, 403]

=== TEST 15: and allowed without one, where no team's limit bears on them
--- config
    llm_unknown_team allow;
    llm_team_limit a rpm=0;
--- request eval
[chat, chat, chat]
--- more_headers eval
["X-Team: a", "X-Team: b", ""]
--- error_code eval
[429, 200, 200]

=== TEST 16: an unknown team is denied on free routes as well
--- config
    llm_team_limit a rpm=10;
--- request eval
["GET /v1/models", "GET /v1/models"]
--- more_headers eval
["X-Team: a", "X-Team: b"]
--- error_code eval
[200, 403]

=== TEST 17: the body names the customer
--- request eval
[chat('"user":"u"'), chat('"safety_identifier":"s"'),
 chat('"metadata":{"user_id":"i","user":"no"}'),
 chat('"metadata":{"user":"no"}'), chat('"messages":[{"user":"no"}]')]
--- response_headers eval
["who: anonymous||u|m", "who: anonymous||s|m", "who: anonymous||i|m",
 "who: anonymous|||m", "who: anonymous|||m"]

=== TEST 18: user before metadata.user_id before safety_identifier, in any order
--- request eval
[chat('"safety_identifier":"s"', '"metadata":{"user_id":"i"}', '"user":"u"'),
 chat('"user":"u"', '"metadata":{"user_id":"i"}', '"safety_identifier":"s"'),
 chat('"metadata":{"user_id":"i"}', '"safety_identifier":"s"'),
 chat('"safety_identifier":"s"', '"metadata":{"user_id":"i"}'),
 chat('"user":""', '"safety_identifier":"s"'),
 chat('"user":null', '"metadata":{"user_id":"i"}')]
--- response_headers eval
[map { "who: anonymous||$_|m" } qw(u u i i s i)]

=== TEST 19: the directive's customer wins over the body's
--- request eval
[chat('"user":"u"'), chat('"user":"u"')]
--- more_headers eval
["X-Customer: c", ""]
--- response_headers eval
["who: anonymous||c|m", "who: anonymous||u|m"]

=== TEST 20: of what Claude Code says the session is left out
--- request eval
[map { post('/v1/messages', qq({"model":"m","max_tokens":5,"metadata":{"user_id":$_}})) }
 '"user_12ab_account_34-cd_session_56-ef"',
 '"user_12ab_account__session_56-ef"',
 '"user_12ab_account_34-cd_session_78-00"',
 q("{\"device_id\":\"12ab\",\"account_uuid\":\"34-cd\",\"session_id\":\"56\"}"),
 q("{\"session_id\":\"78\",\"account_uuid\":\"\",\"device_id\":\"12ab\"}"),
 '"user_12ab_session_56"', '"user_12ab_account_34"']
--- response_headers eval
[map { "who: anonymous||$_|m" }
 'user_12ab_account_34-cd', 'user_12ab_account_', 'user_12ab_account_34-cd',
 'device_12ab_account_34-cd', 'device_12ab', 'user_12ab_session_56',
 'user_12ab_account_34']

=== TEST 21: a customer of the body whose form is no ID's becomes a digest
--- request eval
[map { chat(qq("user":"$_")) }
 'x' x 128, 'x' x 129, 'a\nb', 'a\u0000b', ' a', "\xff", 'x' x 1000]
--- response_headers eval
[map { "who: anonymous||$_|m" }
 'x' x 128, map { digest($_) } 'x' x 129, "a\nb", "a\0b", ' a', "\xff",
                               'x' x 1000]

=== TEST 22: and names with a meaning of their own are names there
--- config
    llm_customer_limit default rpm=5;
    llm_customer_limit c rpm=0;
--- request eval
[chat('"user":"default"'), chat('"user":"anonymous"'), chat('"user":"c"')]
--- error_code eval
[200, 200, 429]
--- response_headers eval
["who: anonymous||default|m", "who: anonymous||anonymous|m",
 "who: anonymous||c|m"]

=== TEST 23: a customer that is no string is no customer
--- request eval
[chat('"user":5'), chat('"user":{"id":"u"}'), chat('"metadata":{"user_id":[]}'),
 chat('"safety_identifier":true'), chat('"metadata":"u"')]
--- error_code eval
[(400) x 5]
--- response_body_like eval
[map { qr/"The body's member \\"$_\\" has a wrong type or value\."/ }
 'user', 'user', 'metadata.user_id', 'safety_identifier', 'metadata']

=== TEST 24: the model is the directive's, else the body's
--- config
    llm_model $http_x_model;
--- request eval
[chat, chat, post('/v1/chat/completions', '{}'),
 post('/v1/chat/completions', '{"model":null}'),
 post('/v1/chat/completions', '{"messages":[{"model":"no"}]}')]
--- more_headers eval
["X-Model: x", "", "", "", ""]
--- response_headers eval
[map { "who: anonymous|||$_" } 'x', 'm', '', '', '']

=== TEST 25: the path's, where it names one
--- request eval
[map { post($_, '{"model":"m"}') }
 '/openai/deployments/my-gpt/chat/completions',
 '/openai/deployments/my-gpt/embeddings',
 '/openai/v1/chat/completions',
 '/v1beta/models/gemini-2.5-flash:generateContent',
 '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
 '/v1/projects/p/locations/l/publishers/anthropic/models/claude-x@20250929:rawPredict',
 '/model/us.anthropic.claude-x-v1%3A0/converse',
 '/model/meta.llama3/invoke']
--- response_headers eval
[map { "who: anonymous|||$_" }
 qw(my-gpt my-gpt m gemini-2.5-flash gemini-2.5-flash claude-x@20250929
    us.anthropic.claude-x-v1:0 meta.llama3)]

=== TEST 26: the directive's model wins over the path's
--- config
    llm_model $http_x_model;
--- request eval
post('/openai/deployments/my-gpt/chat/completions', '{"model":"m"}')
--- more_headers
X-Model: x
--- response_headers
who: anonymous|||x

=== TEST 27: a model's name is an ID
--- request eval
[map { post('/v1/chat/completions', qq({"model":"$_"})) }
 'x' x 128, 'x' x 129, 'x' x 256, 'x' x 257, 'a\nb', 'a ']
--- error_code eval
[200, (400) x 5]
--- response_body_like eval
['', (qr/"The model of the request is not valid: use 1 to 128 printable bytes\."/) x 2,
 qr/"The body's member \\"model\\" is too long\."/,
 (qr/"The model of the request is not valid: use 1 to 128 printable bytes\."/) x 2]

=== TEST 28: a path's too
--- request eval
[map { post("/openai/deployments/$_/chat/completions", '{}') }
 'x' x 128, 'x' x 129]
--- error_code eval
[200, 400]

=== TEST 29: a model that is no string
--- request eval
[map { post('/v1/chat/completions', qq({"model":$_})) } 5, '["m"]', 'true']
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[(qr/"The body's member \\"model\\" has a wrong type or value\."/) x 3]
