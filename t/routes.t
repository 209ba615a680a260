# Which requests spend, which are free, and which cannot be read.

use lib 't/lib';
use LLMNginx;
use LLMBlock;
use RawUpstream;

# an upgrade, and then the end

my $realtime = RawUpstream->start(
    '*' => { raw => "HTTP/1.1 101 Switching Protocols\r\n"
                    . "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
             close => 1 },
);

$ENV{TEST_NGINX_REALTIME} = '127.0.0.1:' . $realtime->port;

run_tests();

__DATA__

=== TEST 1: routes that spend
--- config
    llm_opaque deny;
    llm_global_limit rpm=0;
--- request eval
[map { post($_, '{"model":"m"}') }
 qw(/v1/chat/completions /chat/completions /any/prefix/v1/chat/completions
    /v1/completions /v1/responses /v1/responses/compact /v1/embeddings
    /v1/messages /anthropic/v1/messages /v1/rerank
    /openai/deployments/d/chat/completions?api-version=1 /openai/v1/responses
    /v1beta/models/g:generateContent /v1beta/models/g:streamGenerateContent?alt=sse
    /v1beta/models/g:embedContent /v1beta/openai/chat/completions
    /v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict
    /v1/projects/p/locations/l/publishers/google/models/g:generateContent
    /model/m/converse /model/m/converse-stream /model/m/invoke
    /model/m/invoke-with-response-stream
    /api/chat /api/generate /v1/chat /v2/chat /generate /generate_stream
    /completion /infill /v1/audio/speech /v1/images/generations
    /v1/audio/transcriptions /v1/audio/translations /v1/images/edits
    /v1/images/variations /openai/deployments/w/audio/transcriptions
    /openai/deployments/d/extensions/chat/completions /v1/reranking /embedding
    /v1/threads/t/runs /v1/threads/runs)]
--- error_code eval
[(429) x 42]

=== TEST 2: routes that are free take no rates, no money and leave no line
--- config
    llm_opaque deny;
    llm_global_limit rpm=0 parallel=0 budget=0;
--- request eval
[(map { post($_, '{"model":"m"}') }
  qw(/v1/messages/count_tokens /v1/responses/input_tokens /v1/moderations
     /v1beta/models/g:countTokens /model/m/count-tokens
     /v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict
     /tokenize /detokenize /api/show /v1/responses/r/cancel /v1/files
     /v1/uploads /v1/vector_stores)),
 (map { "GET $_" } qw(/v1/models /v1/chat/completions /v1/responses/r /v1/batches /any /)),
 "HEAD /v1/models", "DELETE /v1/responses/r", "PUT /v1/any\n{}",
 "PATCH /v1/any\n{}", post('/v1/moderations', 'no JSON')]
--- error_code eval
[(200) x 24]
--- ledger

=== TEST 3: routes that cannot be read
--- config
    llm_opaque deny;
    llm_global_limit rpm=0;
--- request eval
[(map { post($_, '{"model":"m"}') }
  qw(/v1/batches /v1/messages/batches /v1/audio/voices /v1/images
     /openai/batches /invocations
     /v1/realtime /v1/realtime/sessions /v1/threads/t/runs/r /v1/threads/t/messages
     /v1/fine_tuning/jobs /v1/unknown /v1/chat/completions/ /v1/chat/completions/x
     /v1/threads/t/runs/r/submit_tool_outputs /v1/responses/r
     /v1beta/models/g:other /invoke / /v1/chat%2fcompletions%3fx
     /v1/chat/completions;x)),
 'GET /v1/realtime?model=m', 'GET /v1/chat/completions', 'GET /any']
--- more_headers eval
[('') x 21, ("Upgrade: websocket\nConnection: upgrade, close") x 3]
--- error_code eval
[(403) x 24]

=== TEST 4: a path is read as nginx reads it
--- config
    llm_opaque deny;
    llm_global_limit rpm=0;
--- request eval
[map { post($_, '{}') }
 '/v1/models/../chat/completions', '/v1/./chat/completions', '/v1//chat/completions',
 '/v1/%63hat/completions', '/v1/chat/completions?model=../models']
--- error_code eval
[(429) x 5]

=== TEST 5: OPTIONS passes untouched
--- config
    llm_unknown_team deny;
    llm_opaque deny;
    llm_global_limit rpm=0;
--- request eval
["OPTIONS /v1/chat/completions", "OPTIONS /v1/batches\n[]"]
--- more_headers
X-Team: default
--- raw_response_headers_unlike eval
[('x-request-id') x 2]
--- ledger

=== TEST 6: what cannot be read is denied where a limit of tokens or money bears on the payer
--- config
    llm_team_limit a rpm=10 rpd=10 parallel=10;
    llm_team_limit b tpm=10;
    llm_team_limit c input_tokens=10/day;
    llm_team_limit d budget=10;
    llm_user_limit default otpm=10;
    llm_customer_limit default budget=10;
--- request eval
[(post('/v1/batches', '{}')) x 6]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: c", "X-Team: d", "X-Team: a\nX-User: u",
 "X-Team: a\nX-Customer: c"]
--- error_code eval
[200, 403, 403, 403, 403, 403]
--- response_body_like eval
['', ('"What this route uses cannot be read, which a limit of tokens or money needs\.".*"opaque_route"') x 5]

=== TEST 7: it can be allowed in spite of them, and they are held against it
--- config
    llm_opaque allow;
    llm_team_limit a budget=0.5;
    llm_team_limit b tpm=30;
    llm_team_limit c rpm=1;
    llm_team_limit d tpm=0;
--- request eval
[(post('/v1/batches', '{}')) x 7]
--- more_headers eval
[map { "X-Team: $_" } qw(a a b b c c d)]
--- error_code eval
[200, 403, 200, 429, 200, 429, 429]

=== TEST 8: what it states is charged, and the price of a request
--- config
    llm_model $http_x_model;
--- request eval
[(post('/v1/unknown', 'no JSON')) x 5]
--- more_headers eval
["", "X-Answer: {\"model\":\"flat\"}", "X-Answer: {}", "X-Answer: {}\nX-Model: flat",
 "X-Answer: {}\nX-Model: flat\nX-Status: 500"]
--- error_code eval
[200, 200, 200, 200, 500]
--- ledger
..."model":"","response_model":"m","price_id":"m","prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.5,"status":200,"source":"upstream",...
..."model":"","response_model":"flat","price_id":"flat","prompt_tokens":0,"completion_tokens":0,..."cost_usd":0.25,"status":200,"source":"none",...
..."model":"","response_model":"","price_id":"","prompt_tokens":0,"completion_tokens":0,..."cost_usd":0,"status":200,"source":"none",...
..."model":"flat","response_model":"","price_id":"flat","prompt_tokens":0,"completion_tokens":0,..."cost_usd":0.25,"status":200,"source":"none",...
..."model":"flat","response_model":"","price_id":"","prompt_tokens":0,"completion_tokens":0,..."cost_usd":0,"status":500,"source":"none",...

=== TEST 9: an upgrade costs the price of a request
--- config
    llm_model $http_x_model;

    location / {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_pass http://$TEST_NGINX_REALTIME;
    }
--- request eval
[('GET /v1/realtime') x 2]
--- more_headers eval
["Upgrade: websocket\nConnection: upgrade",
 "Upgrade: websocket\nConnection: upgrade\nX-Model: flat"]
--- error_code eval
[101, 101]
--- ledger
..."model":"",..."cost_usd":0,"status":101,...
..."model":"flat",..."cost_usd":0.25,"status":101,...

=== TEST 10: a form is read where one is due, by whatever else the path says
--- config
    llm_opaque deny;
--- request eval
[map { post($_, form(model => 'm')) } '/v1/audio/transcriptions', '/v1/audio/speech', '/v1/images/generations',
                         '/v1/files', '/v1/batches']
--- more_headers
Content-Type: multipart/form-data; boundary=x
--- error_code eval
[200, 200, 200, 200, 403]

=== TEST 11: elsewhere the content type does not matter, the body must be an object
--- request eval
my $form = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x--";
[post('/v1/chat/completions', $form), chat, chat, chat]
--- more_headers eval
["Content-Type: multipart/form-data; boundary=x", "Content-Type: multipart/form-data; boundary=x",
 "Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded"]
--- error_code eval
[400, 200, 200, 200]

=== TEST 12: a POST is one, whatever else it says it is
--- config
    llm_opaque deny;
    llm_global_limit rpm=0;
--- request eval
[chat, chat, chat, post('/v1/unknown', '{}'), post('/v1/models', '{}'),
 post('/v1/chat/completions?$httpMethod=GET', '{"model":"m"}')]
--- more_headers eval
["X-HTTP-Method-Override: GET", "X-HTTP-Method: DELETE", "X-Method-Override: OPTIONS",
 ("X-HTTP-Method-Override: GET") x 3]
--- error_code eval
[429, 429, 429, 403, 200, 429]

=== TEST 13: another method is a POST if it says that it is not what it is
--- config
    llm_opaque deny;
    llm_team_limit default rpm=0;
--- request eval
[(map { "$_ /v1/chat/completions\n{\"model\":\"m\"}" } qw(GET PUT OPTIONS PATCH)),
 'GET /v1/unknown', 'GET /v1/models',
 (map { "GET /v1/chat/completions?$_" } 'a=b&$httpMethod=POST', '%24http%4dethod=post',
                                         '_METHOD=POST', 'x=_method=&payment_method=card'),
 'GET /v1/chat/completions?a=httpMethod']
--- more_headers eval
["X-HTTP-Method-Override: POST", "x-http-method: POST", "X-METHOD-OVERRIDE: post",
 ("X-HTTP-Method-Override: GET") x 3, ('') x 5]
--- error_code eval
[429, 429, 429, 429, 403, 200, 429, 429, 429, 200, 200]

=== TEST 14: and so is charged
--- request
GET /v1/chat/completions
{"model":"m"}
--- more_headers
X-HTTP-Method-Override: POST
--- ledger
..."model":"m",..."cost_usd":0.5,"status":200,"source":"upstream",...
