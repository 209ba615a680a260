# What is reserved for a request, its upper bound, and its output cap.

use lib 't/lib';
use LLMNginx;
use LLMBlock;
use RawUpstream;

use Compress::Zlib qw(memGzip);

# answers with the body that it received

my $echo = RawUpstream->start('*' => sub { return { body => $_[0]{body} } });

$ENV{TEST_NGINX_PRICES} = "$LLMBase::root/t/fixtures/prices";
$ENV{TEST_NGINX_ECHO} = '127.0.0.1:' . $echo->port;

sub Test::Base::Filter::gzip { $_[0] =~ s/\n(.*)/"\n" . memGzip($1)/ser }

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

=== TEST 1: strict: the bytes of the body and the output cap must fit, at the dearest price
--- config
    llm_reserve strict;
    llm_team_limit a tpm=33;
    llm_team_limit b tpm=32;
    llm_team_limit c itpm=28;
    llm_team_limit d itpm=27;
    llm_team_limit e otpm=5;
    llm_team_limit f otpm=4;
    llm_team_limit g tokens=33/day;
    llm_team_limit h tokens=32/day;
    llm_team_limit i budget=0.66;
    llm_team_limit j budget=0.659999999/month;
--- request eval
[(chat('"max_tokens":5')) x 10]
--- more_headers eval
[map { "X-Team: $_" } 'a' .. 'j']
--- error_code eval
[(200, 400) x 5]
--- response_body_like eval
['', '"Team=b tpm=32 can never admit this request: its upper bound is 33\."',
 '', '"Team=d itpm=27 can never admit this request: its upper bound is 28\."',
 '', '"Team=f otpm=4 can never admit this request: its upper bound is 5\."',
 '', '"Team=h tokens=32/day can never admit this request: its upper bound is 33\."',
 '', '"Team=j budget=0.659999999/month can never admit this request: its upper bound is 0.66\."']

=== TEST 2: strict: beside what is settled
--- config
    llm_reserve strict;
    llm_team_limit a tpm=63;
    llm_team_limit b tpm=62;
    llm_team_limit c budget=1.16;
    llm_team_limit d budget=1.15;
    llm_team_limit e tpd=62;
--- request eval
[(chat('"max_tokens":5')) x 10]
--- more_headers eval
[map { ("X-Team: $_") x 2 } 'a' .. 'e']
--- error_code eval
[200, 200, 200, 429, 200, 200, 200, 403, 200, 429]
--- response_body_like eval
['', '', '', 'Team=b tpm=62, used 30, retry in (?:5\d|6[01]) s\.', '', '', '',
 'Team=d Current cost: 0.5, Max budget: 1.15\.', '', 'Team=e tokens=62/day, used 30, retry in \d+ s\.']

=== TEST 3: strict: and what is reserved
--- config
    llm_reserve strict;
    llm_team_limit a tpm=65;
    llm_team_limit b budget=1.31;
    llm_team_limit c tpm=66;
--- request eval
[(at('/nest', chat('"max_tokens":5'))) x 3]
--- more_headers eval
[map { "X-Team: $_" } 'a' .. 'c']
--- error_code eval
[429, 403, 200]
--- response_body_like eval
['Team=a tpm=65, used 33, retry in 1 s\.', 'Team=b Current cost: 0.66, Max budget: 1.31\.', '']

=== TEST 4: strict: what was reserved and not used can be used again
--- config
    llm_reserve strict;
    llm_team_limit default tpm=100 budget=1;
--- request eval
[(chat('"max_tokens":10')) x 4]
--- more_headers
X-Answer: {"model":"m","usage":{"prompt_tokens":1,"completion_tokens":1}}
--- response_headers eval
[map { "x-ratelimit-remaining-tokens: $_->[0]\nx-llm-quota-budget-remaining: $_->[1]" }
 [61, 0.22], [59, 0.19], [57, 0.16], [55, 0.13]]

=== TEST 5: strict: only limits of tokens and money need a bound
--- config
    llm_reserve strict;
    llm_team_limit default rpm=10 rpd=10 parallel=10;
--- request eval
[chat, post('/v1/responses', '{"model":"m","previous_response_id":"r"}')]

=== TEST 6: strict: without an output cap none is known
--- config
    llm_reserve strict;
    llm_team_limit a tpm=10k;
    llm_team_limit b budget=100;
--- request eval
[chat, chat, chat('"max_tokens":null'), post('/api/chat', '{"model":"m","options":{"num_predict":-1}}')]
--- more_headers eval
[map { "X-Team: $_" } qw(a b a a)]
--- error_code eval
[(400) x 4]
--- response_body_like eval
[(qr/"The request has no output cap and the largest output of the model is not known: set max_tokens\.".*"request_too_large"/) x 4]

=== TEST 7: strict: unless the price, or llm_max_output, tells it
--- http_config
    llm_price short input=1 output=2 max_output=7;
--- config
    llm_reserve strict;
    llm_team_limit default tpm=10;

    location /capped/ { llm_max_output 9; }
--- request eval
my $short = post('/v1/chat/completions', '{"model":"short"}');
[$short, at('/capped', chat), at('/capped', $short),
 at('/capped', chat('"max_tokens":1'))]
--- error_code eval
[(400) x 4]
--- response_body_like eval
[map { "its upper bound is $_\\." } 17 + 7, 13 + 9, 17 + 9, 28 + 1]

=== TEST 8: strict: the cap is for each of the answers
--- config
    llm_reserve strict;
    llm_team_limit default otpm=1;
--- request eval
[chat('"max_tokens":10'), chat('"max_tokens":10', '"n":3'), chat('"n":3', '"max_completion_tokens":10'),
 post('/v1/completions', '{"max_tokens":10,"best_of":4,"n":2}'),
 post('/v1/completions', '{"max_tokens":10,"prompt":["a","b"],"n":2}'),
 post('/v1beta/models/m:generateContent', '{"generationConfig":{"maxOutputTokens":10,"candidateCount":2}}'),
 post('/v1/responses', '{"max_output_tokens":10}'),
 post('/v1/messages', '{"max_tokens":10}')]
--- error_code eval
[(400) x 8]
--- response_body_like eval
[map { "otpm=1 can never admit this request: its upper bound is $_\\." }
 10, 30, 30, 40, 40, 20, 10, 10]

=== TEST 9: strict: what has no output needs no cap
--- config
    llm_reserve strict;
    llm_team_limit default tpm=26;
--- request eval
[post('/v1/embeddings', '{"model":"m","input":"aa"}'),
 post('/v1/embeddings', '{"model":"m","input":"aaa"}')]
--- more_headers
X-Answer: {"usage":{"prompt_tokens":1}}
--- error_code eval
[200, 400]

=== TEST 10: strict: input that is not in the body
--- config
    llm_reserve strict;
    llm_team_limit default tpm=500;
--- request eval
my @bodies = ('"previous_response_id":"r"', '"conversation":"c"',
              '"prompt":{"id":"p"}',
              '"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x/y"}]}]',
              '"input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]',
              '"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AA"}]}]');
[map { post('/v1/responses', qq({"model":"m","max_output_tokens":5,$_})) } @bodies, '"previous_response_id":null']
--- error_code eval
[(400) x 6, 200]
--- response_body_like eval
[(map { qr/"\\"$_\\" is input whose tokens are not bounded by the bytes of the body, and the largest input of the model is not known: a strict limit needs a bound\."/ }
  qw(previous_response_id conversation prompt image_url file_id media)),
 '']

=== TEST 11: strict: is bounded by the model's largest
--- http_config
    llm_price known input=1 output=2 max_input=1000;
--- config
    llm_reserve strict;
    llm_team_limit default tpm=500;
--- request eval
[map { post('/v1/responses', qq({"model":"known","max_output_tokens":5,$_})) }
 '"previous_response_id":"r"',
 '"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://x/y"}]}]']
--- error_code eval
[400, 400]
--- response_body_like eval
["its upper bound is @{[1000 + 66 + 5]}\\.", "its upper bound is @{[1000 + 126 + 5]}\\."]

=== TEST 12: strict: tools that the provider runs
--- config
    llm_reserve strict;
    llm_team_limit default tpm=10k;

    location /allowed/ {
        llm_server_tools allow;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
my $search = post('/v1/responses', '{"model":"m","max_output_tokens":5,"tools":[{"type":"web_search"}]}');
my $function = post('/v1/responses', '{"model":"m","max_output_tokens":5,"tools":[{"type":"function","name":"web_search"}]}');
[$search, $function, at('/allowed', $search),
 post('/v1/messages', '{"model":"m","max_tokens":5,"tools":[{"type":"code_execution_20250522","name":"x"}]}'),
 post('/v1beta/models/m:generateContent', '{"generationConfig":{"maxOutputTokens":5},"tools":[{"google_search":{}}]}')]
--- error_code eval
[400, 200, 200, 400, 400]
--- response_body_like eval
my $says = sub { qr/"The tool \\"$_[0]\\" runs at the provider: what it uses has no bound, which a strict limit needs\."/ };
[$says->('web_search'), '', '', $says->('code_execution_20250522'), $says->('google_search')]

=== TEST 13: strict: a coded body has the bytes that it is decoded to
--- config
    llm_reserve strict;
    llm_team_limit default tpm=32;
--- request eval
gzip(chat('"max_tokens":5'))
--- more_headers
Content-Encoding: gzip
--- error_code: 400
--- response_body_like: its upper bound is 33\.

=== TEST 14: neither is asked where limits are not strict
--- config
    llm_team_limit default tpm=10k budget=1000;

    location /off/ {
        llm_reserve off;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
--- request eval
my $unbounded = post('/v1/responses', '{"model":"m","previous_response_id":"r","tools":[{"type":"web_search"}]}');
[$unbounded, at('/off', $unbounded)]

=== TEST 15: estimate: expected are a quarter of the bytes, and the cap for each answer or 1024
--- config
    llm_team_limit default tpm=10k;
--- request eval
[map { post('/v1/chat/completions', qq({"model":"$_})) }
 'a"', 'b","max_tokens":100', 'c","max_tokens":100,"n":3', 'd","max_tokens":5000']
--- more_headers eval
[map { "X-Team: $_" } 'a' .. 'd']
--- response_headers eval
[map { 'x-ratelimit-remaining-tokens: ' . (10000 - $_) }
 4 + 1024, 8 + 100, 9 + 300, 8 + 1024]

=== TEST 16: estimate: until it is known what a model's requests use
--- config
    llm_team_limit default tpm=10k;
--- request eval
[chat, chat, chat('"max_tokens":5')]
--- response_headers eval
[map { 'x-ratelimit-remaining-tokens: ' . (10000 - $_) }
 4 + 1024, 30 + 5 + 2 * 20, 60 + 12 + 5]

=== TEST 17: off: nothing is reserved
--- config
    llm_reserve off;
    llm_team_limit default tpm=10k;
--- request eval
[chat, chat]
--- response_headers eval
[map { "x-ratelimit-remaining-tokens: $_" } 10000, 9970]

=== TEST 18: a cap is put into requests that have none, where the API has a member for it
--- config
    llm_max_output 5 inject;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
[map { post(@$_) }
 ['/v1/chat/completions', '{"model":"m"}'], ['/v1/chat/completions', '{}'],
 ['/v1/chat/completions', '{ "model" : "m" , "n" : {"a":"}"} }'],
 ['/v1/completions', '{"model":"m"}'], ['/v1/messages', '{"model":"m"}'],
 ['/v1/responses', '{"model":"m"}'],
 ['/v1beta/models/m:generateContent', '{"contents":[]}'],
 ['/api/chat', '{"model":"m"}'], ['/v1/embeddings', '{"model":"m"}'],
 ['/v1/moderations', '{"model":"m"}']]
--- error_code eval
[200, 200, 400, (200) x 7]
--- response_body eval
['{"model":"m","max_completion_tokens":5}', '{"max_completion_tokens":5}', qr/wrong type/,
 '{"model":"m","max_tokens":5}', '{"model":"m","max_tokens":5}',
 '{"model":"m","max_output_tokens":5}', '{"contents":[]}', ('{"model":"m"}') x 3]

=== TEST 19: a cap that is there stays, also one that says none
--- config
    llm_max_output 5 inject;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
[map { chat($_) } '"max_tokens":7', '"max_completion_tokens":900', '"max_tokens":null']
--- response_body eval
[map { qq({"model":"m",$_}) } '"max_tokens":7', '"max_completion_tokens":900', '"max_tokens":null']

=== TEST 20: without inject the body stays as it is
--- config
    llm_max_output 5;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
chat
--- response_body: {"model":"m"}

=== TEST 21: what is put in bounds the request
--- config
    llm_reserve strict;
    llm_max_output 5 inject;
    llm_team_limit default tpm=17;
--- request eval
chat
--- error_code: 400
--- response_body_like: its upper bound is 18\.

=== TEST 22: where nothing can be put in, there is no bound
--- config
    llm_reserve strict;
    llm_max_output 5 inject;
    llm_team_limit default tpm=10k;
--- request eval
[post('/api/chat', '{"model":"m"}'), chat('"max_tokens":null'), gzip(chat)]
--- more_headers eval
["", "", "Content-Encoding: gzip"]
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[('set max_tokens\.') x 3]

=== TEST 23: into a body in memory, with whatever follows it
--- config
    llm_max_output 5 inject;
    client_body_buffer_size 64k;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- raw_request eval
my $body = '{"model":"m","messages":"' . 'x' x 9000 . '"' . " \n} \r\n\t ";
"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
. length($body) . "\r\n\r\n$body"
--- response_body eval
'{"model":"m","messages":"' . 'x' x 9000 . '"' . " \n" . ',"max_completion_tokens":5}' . " \r\n\t "

=== TEST 24: into a body in a file
--- config
    llm_max_output 5 inject;
    client_body_buffer_size 1k;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
chat('"messages":"' . 'x' x 90000 . '"')
--- response_body eval
'{"model":"m","messages":"' . 'x' x 90000 . '","max_completion_tokens":5}'
--- error_log
a client request body is buffered to a temporary file

=== TEST 25: into a small body that is kept in a file
--- config
    llm_max_output 5 inject;
    client_body_in_file_only clean;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
[chat, post('/v1/messages', '{}')]
--- response_body eval
['{"model":"m","max_completion_tokens":5}', '{"max_tokens":5}']

=== TEST 26: into a body in chunks
--- config
    llm_max_output 5 inject;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }

    location /1.1/ {
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_pass http://$TEST_NGINX_ECHO/;
    }

    location /unbuffered/ {
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_pass http://$TEST_NGINX_ECHO/;
    }
--- request eval
my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } '{"mod', 'el":"m"', '}', ' ';
[map { post("$_/v1/chat/completions", "${chunks}0\r\n\r\n") } '', '/1.1', '/unbuffered']
--- more_headers
Transfer-Encoding: chunked
--- response_body eval
[('{"model":"m","max_completion_tokens":5} ') x 3]

=== TEST 27: not into a coded body, which passes as it came
--- config
    llm_max_output 5 inject;

    location / { proxy_pass http://$TEST_NGINX_ECHO; }
--- request eval
gzip(chat)
--- more_headers
Content-Encoding: gzip
--- response_body eval
gzip("\n" . '{"model":"m"}') =~ s/^\n//r

=== TEST 28: a model without a price, where a budget bears on the request
--- config
    llm_team_limit a budget=10;
    llm_team_limit b tpm=10k rpm=10;
    llm_user_limit default budget=10;
--- request eval
[(post('/v1/chat/completions', '{"model":"x"}')) x 4, post('/v1/chat/completions', '{}')]
--- more_headers eval
["X-Team: a", "X-Team: b", "X-Team: b\nX-User: u", "X-Team: b", "X-Team: a"]
--- error_code eval
[403, 200, 403, 200, 403]
--- response_body_like eval
['"Model=x has no price here, which a budget needs\.".*"unpriced_model"', '',
 'Model=x has no price', '', 'Model= has no price']

=== TEST 29: it can be allowed, and costs nothing that is known
--- config
    llm_unpriced allow;
    llm_team_limit default budget=10;
--- request eval
[(post('/v1/chat/completions', '{"model":"x"}')) x 2]
--- more_headers
X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20}}
--- response_headers eval
[('x-llm-quota-budget-remaining: 10') x 2]
--- ledger
..."model":"x"..."price_id":"","prompt_tokens":10,"completion_tokens":20,..."cost_usd":0,...
..."model":"x"..."price_id":"","prompt_tokens":10,"completion_tokens":20,..."cost_usd":0,...

=== TEST 30: or denied to all
--- config
    llm_unpriced deny;
--- request eval
[post('/v1/chat/completions', '{"model":"x"}'), chat, post('/v1/chat/completions', '{}')]
--- error_code eval
[403, 200, 403]

=== TEST 31: strict: what is free passes a spent budget
--- config
    llm_reserve strict;
    llm_team_limit default budget=0.7;
--- request eval
[chat('"max_tokens":5'), chat('"max_tokens":5'),
 post('/v1/chat/completions', '{"model":"free","max_tokens":5000}')]
--- more_headers
X-Answer: {"usage":{"prompt_tokens":10,"completion_tokens":20}}
--- error_code eval
[200, 403, 200]

=== TEST 32: strict: what providers put before the model for tools, and what they describe themselves
--- config
    llm_reserve strict;
    llm_team_limit default tpm=10;
--- request eval
[map { post('/v1/messages', qq({"model":"m","max_tokens":5,"tools":[$_]})) }
 '{"name":"f"}', '{"name":"f"},{"name":"g"}', '{"type":"bash_20250124","name":"bash"}']
--- error_code eval
[400, 400, 400]
--- response_body_like eval
my @tools = (12, 25, 38);
my @hidden = (1024 + 64, 1024 + 2 * 64, 1024 + 64 + 2048);
[map { 'its upper bound is ' . (39 + $tools[$_] + $hidden[$_] + 5) . '\.' } 0 .. 2]

=== TEST 33: strict: a fast answer where one is asked for, wherever it is made
--- http_config
    llm_price_file $TEST_NGINX_PRICES/models.json;
--- config
    llm_reserve strict;
    llm_team_limit default budget=0.000001;
--- request eval
[map { post('/v1/messages', qq({"model":"hasty","max_tokens":50$_})) }
 '', ',"speed":"standard"', ',"speed":"fast"']
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[map { "its upper bound is $_\\." }
 (33 * 2 + 50 * 2) * 1.1 / 1e6, (52 * 2 + 50 * 2) * 1.1 / 1e6,
 (48 * 2 + 50 * 2) * 6 * 1.1 / 1e6]

=== TEST 34: strict: images that are made, by the image
--- http_config
    llm_price_file $TEST_NGINX_PRICES/models.json;
--- config
    llm_reserve strict;
    llm_max_output 1;
    llm_team_limit default budget=0.11;
--- request eval
[map { post('/v1/images/generations', qq({"model":"drawn","n":$_})) } 2, 3]
--- more_headers
X-Answer: {"data":[{"url":"https://x"},{"url":"https://x"}]}
--- error_code eval
[200, 400]
--- response_body_like eval
['', 'its upper bound is 0.12\.']

=== TEST 35: media are not taken for text
--- config
    llm_team_limit default tpm=100k;
    llm_max_output 8;
--- request eval
my $base64 = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ' x 2000;
my $image = post('/v1/chat/completions', qq({"model":"m","x":"$base64"}));
[$image, $image, chat('"max_tokens":5')]
--- response_headers eval
my $text = 88019 - 171 * 512;
[map { 'x-ratelimit-remaining-tokens: ' . (100000 - $_) }
 int(($text + 3) / 4) + 342 + 8, 30 + int(($text + 3) / 4) + 342 + 8,
 60 + 7 + 5]
