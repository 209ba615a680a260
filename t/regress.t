# What a client's headers, or an upstream's words, must not hide from the
# ledger.

use lib 't/lib';
use LLMNginx;
use LLMBlock;
use RawUpstream;

# an upstream that gives up itself, and one that says nothing at all

my $gateway = RawUpstream->start(
    '*'                         => { status => 504, json => '{"error":{}}' },
    '/mute/v1/chat/completions' => { hold => 'for ever' },
);

# a stream whose usage is not asked for

my $stream = RawUpstream->start(
    '*' => { sse => ['{"model":"m","choices":[{"index":0,"delta":{"content":"'
                     . 'x' x 40 . '"}}]}', '[DONE]'] },
);

$ENV{TEST_NGINX_GATEWAY} = '127.0.0.1:' . $gateway->port;
$ENV{TEST_NGINX_STREAM} = '127.0.0.1:' . $stream->port;
$ENV{TEST_NGINX_NO_TIME} = 100 * LLMBase::patience() . 'ms';

run_tests();

__DATA__

=== TEST 1: a 504 that the upstream answers is an error, one of nginx has cost the input
--- config
    location / {
        proxy_read_timeout $TEST_NGINX_NO_TIME;
        proxy_pass http://$TEST_NGINX_GATEWAY;
    }
--- request eval
[chat, at('/mute', chat)]
--- error_code eval
[504, 504]
--- ledger
..."prompt_tokens":0,"completion_tokens":0,..."cost_usd":0,"status":504,"source":"none",...
..."prompt_tokens":4,"completion_tokens":0,..."cost_usd":0.04,"status":504,"source":"estimated",...

=== TEST 2: a part of an answer is asked for, and the whole is given and seen
--- config
    location / {
        proxy_force_ranges on;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[chat, chat]
--- more_headers eval
["Range: bytes=0-3", "Range: bytes=0-3\nIf-Range: \"x\""]
--- error_code eval
[200, 200]
--- ledger
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...

=== TEST 3: a condition does not make what a cache then has for nothing
--- http_config
    proxy_cache_path $TEST_NGINX_STATE-cache keys_zone=cache:1m;
    add_header Last-Modified "Sun, 01 Mar 2026 00:00:00 GMT";
--- config
    location / {
        proxy_cache cache;
        proxy_cache_methods POST;
        proxy_cache_key $http_x_key;
        proxy_cache_valid 200 1m;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[(chat) x 5]
--- more_headers eval
["X-Key: 1\nIf-None-Match: *", "X-Key: 2\nIf-Match: \"x\"",
 "X-Key: 3\nIf-Modified-Since: Sun, 01 Mar 2026 00:00:00 GMT",
 "X-Key: 4\nIf-Unmodified-Since: Sun, 01 Mar 2020 00:00:00 GMT",
 "X-Key: 1\nIf-None-Match: *"]
--- error_code eval
[(200) x 5]
--- ledger
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...
..."prompt_tokens":10,"completion_tokens":20,..."status":200,"source":"upstream",...
..."prompt_tokens":0,"completion_tokens":0,..."status":200,"source":"none",...

=== TEST 4: a POST that asks for an upgrade is read as what its path says
--- config
    llm_opaque allow;

    location / {
        proxy_pass http://$TEST_NGINX_STREAM;
    }
--- request eval
[chat('"stream":true')]
--- more_headers
Upgrade: websocket
Connection: upgrade, close
--- error_code: 200
--- ledger
..."model":"m",..."prompt_tokens":7,"completion_tokens":10,..."source":"estimated","stream":true,...

=== TEST 5: a request whose body never came whole has no result
--- http_config
    log_format result '$status|$llm_result';
--- config
    access_log $TEST_NGINX_SERVROOT/logs/access.log result;
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
. "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nno size\r\n"
--- error_code: 400
--- accessed
400|-
