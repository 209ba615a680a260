# What a request costs: the price that is found, and the charge in the ledger.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

$ENV{TEST_NGINX_PRICES} = "$LLMBase::root/t/fixtures/prices";

# a request for each model

sub Test::Base::Filter::models
{
    return [map { LLMBlock::post('/v1/chat/completions',
                                 qq({"model":"$_","max_tokens":5})) } @_];
}

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('more_headers',
                      'X-Answer: {"usage":{"prompt_tokens":10,'
                      . '"completion_tokens":20}}')
        if !defined $block->more_headers;

    $block->set_value('http_config', '    llm_price_file '
                                     . '$TEST_NGINX_PRICES/models.json;'
                                     . "\n" . ($block->http_config // ''));
});

run_tests();

__DATA__

=== TEST 1: exactly, then without what is before a slash, then without a date, then by pattern
--- http_config
    llm_price gpt input=1 output=0;
    llm_price openai/gpt input=2 output=0;
    llm_price gpt-2025-01-01 input=3 output=0;
    llm_price gpt* input=4 output=0;
    llm_price gpt-m* input=5 output=0;
    llm_price * input=6 output=0;
--- request eval
models(qw(gpt openai/gpt azure/gpt x/y/gpt gpt-2025-01-01 azure/gpt-2025-01-01
          gpt-2025-02-02 gpt-20250202 azure/gpt-20250202 openai/gpt-2025-02-02
          gpt-mini gpt-nano azure/gpt-nano claude), '')
--- ledger
..."model":"gpt","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"openai/gpt","response_model":"","price_id":"openai/gpt",..."cost_usd":0.00002,...
..."model":"azure/gpt","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"x/y/gpt","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"gpt-2025-01-01","response_model":"","price_id":"gpt-2025-01-01",..."cost_usd":0.00003,...
..."model":"azure/gpt-2025-01-01","response_model":"","price_id":"gpt-2025-01-01",..."cost_usd":0.00003,...
..."model":"gpt-2025-02-02","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"gpt-20250202","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"azure/gpt-20250202","response_model":"","price_id":"gpt",..."cost_usd":0.00001,...
..."model":"openai/gpt-2025-02-02","response_model":"","price_id":"openai/gpt",..."cost_usd":0.00002,...
..."model":"gpt-mini","response_model":"","price_id":"gpt-m*",..."cost_usd":0.00005,...
..."model":"gpt-nano","response_model":"","price_id":"gpt*",..."cost_usd":0.00004,...
..."model":"azure/gpt-nano","response_model":"","price_id":"gpt*",..."cost_usd":0.00004,...
..."model":"claude","response_model":"","price_id":"*",..."cost_usd":0.00006,...
..."model":"","response_model":"","price_id":"*",..."cost_usd":0.00006,...

=== TEST 2: a file, by the names of providers too
--- request eval
models(qw(alpha acme/alpha alpha-2025-05-05 us.alpha acme/beta beta x/beta
          beta-20250505 gamma acme/gamma other/gamma delta dated-2025-01-01
          dated text nobody sample_spec))
--- ledger
..."model":"alpha",..."price_id":"alpha",..."cost_usd":0.00005,...
..."model":"acme/alpha",..."price_id":"alpha",..."cost_usd":0.00005,...
..."model":"alpha-2025-05-05",..."price_id":"alpha",..."cost_usd":0.00005,...
..."model":"us.alpha",..."price_id":"alpha",..."cost_usd":0.00005,...
..."model":"acme/beta",..."price_id":"acme/beta",..."cost_usd":0.00003,...
..."model":"beta",..."price_id":"acme/beta",..."cost_usd":0.00003,...
..."model":"x/beta",..."price_id":"",..."cost_usd":0,...
..."model":"beta-20250505",..."price_id":"acme/beta",..."cost_usd":0.00003,...
..."model":"gamma",..."price_id":"",..."cost_usd":0,...
..."model":"acme/gamma",..."price_id":"acme/gamma",..."cost_usd":0.00004,...
..."model":"other/gamma",..."price_id":"other/gamma",..."cost_usd":0.00005,...
..."model":"delta",..."price_id":".../delta",..."cost_usd":0.00006,...
..."model":"dated-2025-01-01",..."price_id":"dated-2025-01-01",..."cost_usd":0.00007,...
..."model":"dated",..."price_id":"",..."cost_usd":0,...
..."model":"text",..."price_id":"text",..."cost_usd":0.00008,...
..."model":"nobody",..."price_id":"",..."cost_usd":0,...
..."model":"sample_spec",..."price_id":"",..."cost_usd":0,...

=== TEST 3: a line wins over files, a later file over an earlier one, wherever they stand
--- http_config
    llm_price beta input=100 output=0;
    llm_price acme/gamma input=200 output=0;
    llm_price_file $TEST_NGINX_PRICES/later.json;
    llm_price dated* input=300 output=0;
--- request eval
models(qw(alpha omega beta acme/beta acme/gamma gamma dated-2025-01-01 dated))
--- ledger
..."model":"alpha",..."price_id":"alpha",..."cost_usd":0.0005,...
..."model":"omega",..."price_id":"omega",..."cost_usd":0.00011,...
..."model":"beta",..."price_id":"beta",..."cost_usd":0.001,...
..."model":"acme/beta",..."price_id":"acme/beta",..."cost_usd":0.00003,...
..."model":"acme/gamma",..."price_id":"acme/gamma",..."cost_usd":0.002,...
..."model":"gamma",..."price_id":"",..."cost_usd":0,...
..."model":"dated-2025-01-01",..."price_id":"dated-2025-01-01",..."cost_usd":0.00007,...
..."model":"dated",..."price_id":"dated*",..."cost_usd":0.003,...

=== TEST 4: the model that answers decides, else the one asked for
--- http_config
    llm_price asked input=1 output=0;
    llm_price answers input=2 output=0;
--- request eval
[(models(qw(asked))->[0]) x 4, models('unknown')->[0]]
--- more_headers eval
[map { qq(X-Answer: {"model":"$_","usage":{"prompt_tokens":10,"completion_tokens":20}}) }
 qw(answers answers-2025-01-01 nobodys asked answers)]
--- ledger
..."model":"asked","response_model":"answers","price_id":"answers",..."cost_usd":0.00002,...
..."model":"asked","response_model":"answers-2025-01-01","price_id":"answers",..."cost_usd":0.00002,...
..."model":"asked","response_model":"nobodys","price_id":"asked",..."cost_usd":0.00001,...
..."model":"asked","response_model":"asked","price_id":"asked",..."cost_usd":0.00001,...
..."model":"unknown","response_model":"answers","price_id":"answers",..."cost_usd":0.00002,...

=== TEST 5: the tier that the answer states; a batch without a price of its own is half
--- request eval
[(models('tiered')->[0]) x 6, models('alpha')->[0]]
--- more_headers eval
[(map { qq(X-Answer: {"service_tier":"$_","usage":{"prompt_tokens":10,"completion_tokens":20}}) }
  qw(default flex priority batch unheard-of)),
 'X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20}}',
 'X-Answer: {"service_tier":"flex","usage":{"prompt_tokens":10,"completion_tokens":20}}']
--- ledger
..."cost_usd":0.0005,...
..."cost_usd":0.00011,...
..."cost_usd":0.000875,...
..."cost_usd":0.00025,...
..."cost_usd":0.0005,...
..."cost_usd":0.0005,...
..."model":"alpha",..."cost_usd":0.00005,...

=== TEST 6: past a threshold the whole request has its price
--- request eval
[map { models($_)->[0] } qw(long long long ranges ranges)]
--- more_headers eval
[map { qq(X-Answer: {"usage":{"prompt_tokens":$_,"completion_tokens":10}}) }
 200000, 200001, 199999, 100, 101]
--- ledger
..."cost_usd":0.20002,...
..."cost_usd":0.400032,...
..."cost_usd":0.200019,...
..."cost_usd":0.00011,...
..."cost_usd":0.000232,...

=== TEST 7: tokens of caches, and what they cost without a price of their own
--- http_config
    llm_price own input=1 output=2 cached=0.1 cache_write=1.25 cache_write_1h=2;
    llm_price write input=1 output=2 cache_write=1.25;
    llm_price none input=1 output=2;
    llm_price nothing input=1 output=2 cached=0 cache_write=0 cache_write_1h=0;
--- request eval
[map { post('/v1/messages', qq({"model":"$_","max_tokens":5})) }
 qw(own cache write none nothing)]
--- more_headers
X-Answer: {"type":"message","usage":{"input_tokens":1000,"cache_read_input_tokens":2000,"cache_creation_input_tokens":3000,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":2000},"output_tokens":100}}
--- ledger
..."prompt_tokens":6000,"completion_tokens":100,"total_tokens":6100,"cached_tokens":2000,"cache_write_tokens":3000,..."cost_usd":0.00665,...
..."model":"cache",..."cost_usd":0.00665,...
..."model":"write",..."cost_usd":0.00845,...
..."model":"none",..."cost_usd":0.0082,...
..."model":"nothing",..."cost_usd":0.0012,...

=== TEST 8: cached tokens are part of OpenAI's input
--- request eval
models('cache')
--- more_headers
X-Answer: {"usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}}
--- ledger
..."prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"cached_tokens":400,..."cost_usd":0.00084,...

=== TEST 9: reasoning, sound and searches
--- request eval
[map({ models($_)->[0] } qw(parts parts alpha)),
 map({ post('/v1/messages', qq({"model":"$_","max_tokens":5})) } qw(search alpha))]
--- more_headers eval
[(map { "X-Answer: $_" }
  '{"usage":{"prompt_tokens":100,"completion_tokens":100,"completion_tokens_details":{"reasoning_tokens":60}}}',
  ('{"usage":{"prompt_tokens":100,"completion_tokens":100,"prompt_tokens_details":{"audio_tokens":40},"completion_tokens_details":{"audio_tokens":10}}}') x 2),
 ('X-Answer: {"type":"message","usage":{"input_tokens":10,"output_tokens":20,"server_tool_use":{"web_search_requests":3}}}') x 2]
--- ledger
..."reasoning_tokens":60,"cost_usd":0.00048,...
..."model":"parts",..."cost_usd":0.00084,...
..."model":"alpha",..."cost_usd":0.0003,...
..."model":"search",..."cost_usd":0.03005,...
..."model":"alpha",..."cost_usd":0.00005,...

=== TEST 10: the price of a request, alone or beside tokens
--- http_config
    llm_price both input=1 output=2 request=0.5;
    llm_price tiny request=0.000000001;
--- request eval
models(qw(request rerank both tiny flat))
--- ledger
..."model":"request",..."price_id":"request",..."cost_usd":0.002,...
..."model":"rerank",..."price_id":"rerank",..."cost_usd":0.003,...
..."model":"both",..."price_id":"both",..."cost_usd":0.50005,...
..."model":"tiny",..."price_id":"tiny",..."cost_usd":0.000000001,...
..."model":"flat",..."price_id":"flat",..."cost_usd":0.25,...

=== TEST 11: nothing for an error, neither for the request
--- request eval
models(qw(flat alpha))
--- more_headers
X-Status: 500
--- error_code eval
[500, 500]
--- ledger
..."model":"flat",..."price_id":"",..."cost_usd":0,"status":500,"source":"none",...
..."model":"alpha",..."price_id":"",..."cost_usd":0,"status":500,"source":"none",...

=== TEST 12: a charge is exact to the billionth, rounded half up once
--- http_config
    llm_price half input=0.00005 output=0;
    llm_price less input=0.000049 output=0;
    llm_price third input=0.333333 output=0.666666;
    llm_price thousands input=123456789.123456 output=0;
--- request eval
models(qw(half less third thousands))
--- ledger
..."model":"half",..."cost_usd":0.000000001,...
..."model":"less",..."cost_usd":0,...
..."model":"third",..."cost_usd":0.000016667,...
..."model":"thousands",..."cost_usd":1234.56789123...,...

=== TEST 13: what has no price of tokens or requests has none
--- request eval
models(qw(images sound nulls gratis embed))
--- ledger
..."model":"images",..."price_id":"",..."cost_usd":0,...
..."model":"sound",..."price_id":"",..."cost_usd":0,...
..."model":"nulls",..."price_id":"",..."cost_usd":0,...
..."model":"gratis",..."price_id":"gratis",..."cost_usd":0,...
..."model":"embed",..."price_id":"embed",..."cost_usd":0.00009,...

=== TEST 14: and is refused where a budget bears, unlike what is free
--- config
    llm_team_limit default budget=100;
--- request eval
models(qw(images nulls gratis embed))
--- error_code eval
[403, 403, 200, 200]

=== TEST 15: a cost that the provider states is used where no price is known
--- request eval
models(qw(nobodys alpha nobodys nobodys))
--- more_headers eval
[map { qq(X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20,"cost":$_}}) }
 0.125, 0.125, '"0.0000625"', -1]
--- ledger
..."model":"nobodys",..."price_id":"",..."cost_usd":0.125,...
..."model":"alpha",..."price_id":"alpha",..."cost_usd":0.00005,...
..."model":"nobodys",..."price_id":"",..."cost_usd":0.0000625,...
..."model":"nobodys",..."price_id":"",..."cost_usd":0,...

=== TEST 16: the maxima of a list bound strict requests
--- config
    llm_reserve strict;
    llm_team_limit default tpm=10;
--- request eval
[post('/v1/chat/completions', '{"model":"alpha"}'),
 post('/v1/responses', '{"model":"alpha","previous_response_id":"r"}')]
--- error_code eval
[400, 400]
--- response_body_like eval
["upper bound is @{[17 + 100]}\\.", "upper bound is @{[1000 + 44 + 100]}\\."]

=== TEST 17: those of a line too
--- http_config
    llm_price alpha input=1 output=2 max_input=30 max_output=40;
--- config
    llm_reserve strict;
    llm_team_limit default tpm=10;
--- request eval
[post('/v1/chat/completions', '{"model":"alpha"}'),
 post('/v1/responses', '{"model":"alpha","previous_response_id":"r"}')]
--- error_code eval
[400, 400]
--- response_body_like eval
["upper bound is @{[17 + 40]}\\.", "upper bound is @{[30 + 44 + 40]}\\."]

=== TEST 18: a list without prices is worth a warning
--- http_config
    llm_price_file $TEST_NGINX_PRICES/unpriced.json;
--- config
--- request eval
models('alpha')->[0]
--- error_log eval
qr{\[warn\] .*llm_price_file "\S+/unpriced\.json" has no price of tokens or requests for any model in \S+nginx\.conf:\d+}

=== TEST 19: so is a tier that is dear beyond reason
--- http_config
    llm_price_file $TEST_NGINX_PRICES/odd.json;
--- config
--- request eval
models('alpha')->[0]
--- error_log
[warn]
llm_price_file has for a service tier of "odd" more than ten times the ordinary price, which holds unless an llm_price overrides it

=== TEST 20: but not where a line overrides it
--- http_config
    llm_price_file $TEST_NGINX_PRICES/odd.json;
    llm_price odd input=1 output=2;
--- config
--- request eval
models('odd')->[0]
--- no_error_log
[warn]
--- ledger
..."model":"odd",..."cost_usd":0.00005,...

=== TEST 21: images by the image, where their tokens are not stated
--- request eval
[map { post('/v1/images/generations', qq({"model":"$_","n":3,"prompt":"a cat"})) }
 qw(drawn drawn painted painted drawn)]
--- more_headers eval
[map { "X-Answer: $_" }
 '{"created":1,"data":[{"b64_json":"aGVsbG8="},{"url":"https://x/y"}]}',
 '{"images":["aGVsbG8="]}',
 '{"data":[{"b64_json":"aGVsbG8="}],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30,"input_tokens_details":{"text_tokens":10,"image_tokens":0},"output_tokens_details":{"image_tokens":20}}}',
 '{"data":[{"b64_json":"aGVsbG8="}]}',
 '{"created":1}']
--- ledger
..."model":"drawn",..."prompt_tokens":0,"completion_tokens":0,..."cost_usd":0.08,..."source":"upstream",...
..."model":"drawn",..."cost_usd":0.04,..."source":"upstream",...
..."model":"painted",..."prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.00011,...
..."model":"painted",..."cost_usd":0.04,...
..."model":"drawn",..."cost_usd":0.12,..."source":"estimated",...

=== TEST 22: sound by the second, where the answer states them
--- config
    llm_model heard;
--- request eval
[(post('/v1/audio/transcriptions', '{"file":"sound"}')) x 2]
--- more_headers eval
[map { "X-Answer: $_" }
 '{"text":"","usage":{"type":"duration","seconds":37}}',
 '{"text":"","usage":{"prompt_audio_seconds":36,"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}']
--- ledger
..."model":"heard",..."price_id":"heard",..."cost_usd":0.0037,..."source":"upstream",...
..."model":"heard",..."price_id":"heard",..."cost_usd":0.0036,..."source":"upstream",...

=== TEST 23: which no strict budget admits
--- config
    llm_model heard;
    llm_reserve strict;
    llm_team_limit a budget=1;
    llm_team_limit b tpm=1m;
--- request eval
[(post('/v1/audio/transcriptions', '{"file":"sound"}')) x 2]
--- more_headers eval
["X-Team: a", "X-Team: b"]
--- error_code eval
[400, 400]
--- response_body_like eval
['Model=heard is billed by the second, and how long a sound is', '."file." is input whose tokens']

=== TEST 24: rerankers by the search unit, of which a request has one at least
--- request eval
[(post('/v2/rerank', '{"model":"ranked","documents":["a"]}')) x 2]
--- more_headers eval
[map { "X-Answer: $_" }
 '{"results":[],"meta":{"billed_units":{"search_units":3}}}',
 '{"results":[],"usage":{"total_tokens":10}}']
--- ledger
..."cost_usd":0.006,..."source":"upstream",...
..."cost_usd":0.002,..."source":"upstream",...

=== TEST 25: searches by their size, citations, and video that is made
--- request eval
[(models('sized')->[0]) x 6]
--- more_headers eval
[map { "X-Answer: $_" }
 '{"usage":{"prompt_tokens":1,"completion_tokens":1,"search_context_size":"low"}}',
 '{"usage":{"prompt_tokens":1,"completion_tokens":1,"search_context_size":"high","num_search_queries":2}}',
 '{"usage":{"input_tokens":1,"input_tokens_details":{},"output_tokens":1,"total_tokens":2},"tool_usage":{"web_search":{"num_requests":3}}}',
 '{"tools":[{"type":"web_search","search_context_size":"low"}],"usage":{"input_tokens":1,"input_tokens_details":{},"output_tokens":1,"total_tokens":2},"tool_usage":{"web_search":{"num_requests":3}}}',
 '{"usage":{"prompt_tokens":1,"completion_tokens":1,"citation_tokens":30,"total_tokens":2}}',
 '{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":20,"candidatesTokensDetails":[{"modality":"VIDEO","tokenCount":20}]}}']
--- ledger
..."cost_usd":0.005,...
..."cost_usd":0.024,...
..."cost_usd":0.024,...
..."cost_usd":0.015,...
..."completion_tokens":31,..."cost_usd":0.00009,...
..."cost_usd":0.00008,...

=== TEST 26: what a speed or a place makes dearer, as the answer states it
--- request eval
[(post('/v1/messages', '{"model":"hasty","max_tokens":5,"speed":"fast"}')) x 4]
--- more_headers eval
[map { qq(X-Answer: {"type":"message","usage":{"input_tokens":10,"output_tokens":20$_}}) }
 '', ',"speed":"fast"', ',"inference_geo":"us"', ',"speed":"fast","inference_geo":"us"']
--- ledger
..."cost_usd":0.00005,...
..."cost_usd":0.0003,...
..."cost_usd":0.000055,...
..."cost_usd":0.00033,...

=== TEST 27: four thresholds, with caches and tiers of their own
--- request eval
[(models('tall')->[0]) x 7]
--- more_headers eval
[map { my ($in, $cached, $tier) = @$_;
       qq(X-Answer: {"service_tier":"$tier","usage":{"prompt_tokens":$in,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":$cached}}}) }
 [128000, 100000, 'default'], [128001, 100000, 'default'],
 [200001, 100000, 'default'], [256001, 100000, 'default'],
 [272001, 100000, 'default'], [272001, 100000, 'flex'],
 [272001, 100000, 'priority']]
--- ledger
..."cost_usd":0.03801,...
..."cost_usd":0.086012,...
..."cost_usd":0.310013,...
..."cost_usd":0.634014,...
..."cost_usd":0.182061,...
..."cost_usd":0.0960605,...
..."cost_usd":0.950065,...

=== TEST 28: tokens of other models, at their prices if these are known
--- http_config
    llm_price answers input=1 output=2 cached=0.1;
    llm_price adviser input=100 output=200 cached=10 cache_write=125;
    llm_price painter input=5 output=40;
--- request eval
[map({ post('/v1/messages', qq({"model":"$_","max_tokens":5})) } qw(answers answers other)),
 map({ post('/v1/responses', qq({"model":"$_"})) } qw(answers answers other))]
--- more_headers eval
my $adviser = sub {
    return qq(X-Answer: {"type":"message","usage":{"input_tokens":10,"output_tokens":20,"iterations":[{"type":"advisor_message",$_[0]"input_tokens":100,"output_tokens":10,"cache_read_input_tokens":1000,"cache_creation_input_tokens":8}]}});
};
my $painter = sub {
    return qq(X-Answer: {"tools":[{"type":"image_generation"$_[0]}],"tool_usage":{"image_gen":{"input_tokens":171,"output_tokens":1056,"output_tokens_details":{"image_tokens":1056}}},"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":0},"output_tokens":20,"total_tokens":30}});
};
[$adviser->('"model":"adviser",'), $adviser->('"model":"unheard-of",'), $adviser->('"model":"adviser",'),
 $painter->(',"model":"painter"'), $painter->(''), $painter->('')]
--- ledger
..."model":"answers",..."prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.02305,...
..."model":"answers",..."prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.000278,...
..."model":"other",..."price_id":"",..."cost_usd":0.023,...
..."model":"answers",..."prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.043145,...
..."model":"answers",..."cost_usd":0.002333,...
..."model":"other",..."cost_usd":0,...

=== TEST 29: a name that was looked up is found again, and one that has no price is not
--- http_config
    llm_price twin-a input=1 output=0;
    llm_price twin-b input=2 output=0;
--- request eval
models(qw(twin-a twin-b twin-a nobody nobody twin-b), 'twin-a' . '/' x 80 . 'twin-b')
--- ledger
..."model":"twin-a",..."price_id":"twin-a",..."cost_usd":0.00001,...
..."model":"twin-b",..."price_id":"twin-b",..."cost_usd":0.00002,...
..."model":"twin-a",..."price_id":"twin-a",..."cost_usd":0.00001,...
..."model":"nobody",..."price_id":"",..."cost_usd":0,...
..."model":"nobody",..."price_id":"",..."cost_usd":0,...
..."model":"twin-b",..."price_id":"twin-b",..."cost_usd":0.00002,...
..."model":"twin-a/...",..."price_id":"twin-b",..."cost_usd":0.00002,...
