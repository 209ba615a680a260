# Requests that are forms: transcriptions, edits of images.

use lib 't/lib';
use LLMNginx;
use LLMBlock;


# A form for a transcript.

sub Test::Base::Filter::transcribe
{
    return Test::Base::Filter::post('/v1/audio/transcriptions',
                                    Test::Base::Filter::form(@_));
}


# a transcript as text, in the type that the path names

$ENV{TEST_NGINX_TEXT} = <<'EOF';
    server {
        listen $TEST_NGINX_PROVIDER;
        server_name text;
        llm_quota off;
        access_log off;

        location /plain/ { default_type text/plain; return 200 "$TEST_NGINX_WORDS"; }
        location /vtt/ { default_type "text/vtt; charset=utf-8"; return 200 "$TEST_NGINX_WORDS"; }
        location /srt/ { default_type application/x-subrip; return 200 "$TEST_NGINX_WORDS"; }
        location /gzip/ {
            gzip on;
            gzip_proxied any;
            gzip_http_version 1.0;
            gzip_min_length 1;
            gzip_types *;
            default_type text/plain;
            return 200 "$TEST_NGINX_WORDS";
        }

        location /html/ { default_type text/html; return 200 "$TEST_NGINX_WORDS"; }
    }
EOF

$ENV{TEST_NGINX_TEXT} =~ s/\$(TEST_NGINX_\w+)/$ENV{$1} \/\/ 'words ' x 80/ge;

run_tests();

__DATA__

=== TEST 1: the model is a field, wherever it stands
--- config
    client_body_buffer_size 16k;
--- request eval
[transcribe(model => 'm', file => \'ID3'), transcribe(file => \'ID3', model => 'm'),
 transcribe(file => \("\r\n--y\r\n\0" x 400000), prompt => 'x' x 70000, model => 'm'),
 post('/openai/deployments/m/audio/transcriptions', form(file => \'ID3', model => 'other')),
 post('/v1/images/edits', form('image[]' => \'PNG', 'image[]' => \'PNG', model => 'm', n => 2))]
--- more_headers
Content-Type: multipart/form-data; boundary=x
--- error_code eval
[(200) x 5]
--- ledger
..."model":"m",..."prompt_tokens":10,"completion_tokens":20,..."cost_usd":0.5,"status":200,"source":"upstream",...
..."model":"m",..."source":"upstream",...
..."model":"m",..."source":"upstream",...
..."model":"m",..."source":"upstream",...
..."model":"m",..."source":"upstream",...

=== TEST 2: other fields that are read
--- request eval
transcribe(file => \'ID3', user => 'alice', stream => 'true', model => 'm')
--- more_headers
Content-Type: multipart/form-data; charset=utf-8; boundary="x"
--- ledger
..."customer_id":"alice",..."model":"m",..."stream":true,...

=== TEST 3: a form that is read in one way only
--- request eval
[transcribe(model => 'm', model => 'm'), transcribe(Model => 'm'), transcribe(model => \'m'),
 transcribe(n => 'x'), transcribe(stream => 'yes'),
 post('/v1/audio/transcriptions', "--x\nContent-Disposition: form-data; name=model\n\nm\n--x--\n"),
 post('/v1/audio/transcriptions', substr(form(model => 'm'), 0, -4)),
 post('/v1/audio/transcriptions', '{"model":"m"}')]
--- more_headers
Content-Type: multipart/form-data; boundary=x
--- error_code eval
[(400) x 8]
--- response_body_like eval
['"The body has the member ."model." more than once\."',
 'that differs from ."model." in the case of letters only\.',
 'member ."model." has a wrong type', 'member ."n." has a wrong type',
 'member ."stream." has a wrong type', ('is not valid multipart/form-data') x 3]
--- ledger

=== TEST 4: and a boundary that is one
--- request eval
[(transcribe(model => 'm')) x 5]
--- more_headers eval
["Content-Type: multipart/form-data", "Content-Type: multipart/form-data; boundary=x; boundary=x",
 "Content-Type: multipart/form-data; boundary=" . 'x' x 71, "Content-Type: multipart/form-data; boundary=y",
 "Content-Type: multipart/form-data; boundary=x\nContent-Type: multipart/form-data; boundary=y"]
--- error_code eval
[(400) x 5]
--- ledger

=== TEST 5: JSON is as good, anything else is not
--- request eval
[post('/v1/audio/transcriptions', '{"model":"m"}'), post('/v1/audio/transcriptions', '{"model":"m"}'),
 transcribe(model => 'm'), post('/v1/audio/transcriptions', 'RIFF')]
--- more_headers eval
["", "Content-Type: application/json", "Content-Type: multipart/mixed; boundary=x",
 "Content-Type: audio/wav"]
--- error_code eval
[200, 200, 400, 400]
--- response_body_like eval
['', '', ('The body must be multipart/form-data, or a JSON object\.') x 2]

=== TEST 6: a stated duration costs the price of a request
--- request eval
transcribe(file => \'ID3', model => 'flat')
--- more_headers
Content-Type: multipart/form-data; boundary=x
X-Answer: {"text":"Hello.","usage":{"type":"duration","seconds":37}}
--- ledger
..."model":"flat",..."prompt_tokens":0,"completion_tokens":0,..."cost_usd":0.25,"status":200,"source":"upstream",...

=== TEST 7: tokens in the words of transcripts
--- request eval
transcribe(file => \'ID3', model => 'm')
--- more_headers
Content-Type: multipart/form-data; boundary=x
X-Answer: {"text":"Hello.","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}
--- ledger
..."prompt_tokens":14,"completion_tokens":45,..."cost_usd":1.04,"status":200,"source":"upstream",...

=== TEST 8: without usage the input is what forms of the model had, 1024 at first
--- request eval
my @form = (file => \('x' x 9000), model => 'm');
[transcribe(@form), transcribe(@form), transcribe(@form)]
--- more_headers eval
["Content-Type: multipart/form-data; boundary=x\nX-Answer: {\"text\":\"Twelve bytes\"}",
 "Content-Type: multipart/form-data; boundary=x",
 "Content-Type: multipart/form-data; boundary=x\nX-Answer: {\"text\":\"Twelve bytes\"}"]
--- ledger
..."prompt_tokens":1024,"completion_tokens":3,..."source":"estimated",...
..."prompt_tokens":10,"completion_tokens":20,..."source":"upstream",...
..."prompt_tokens":10,...,"source":"estimated",...

=== TEST 9: transcripts as text and as subtitles are estimated by their bytes
--- http_config eval: $ENV{TEST_NGINX_TEXT}
--- config
    location / {
        proxy_set_header Host text;
        proxy_pass http://$TEST_NGINX_PROVIDER;
    }
--- request eval
[map { post("/$_/v1/audio/transcriptions", form(file => \'ID3', model => 'm')) } qw(plain vtt srt gzip html)]
--- more_headers
Content-Type: multipart/form-data; boundary=x
Accept-Encoding: gzip
--- ledger
..."prompt_tokens":1024,"completion_tokens":120,..."source":"estimated",...
..."prompt_tokens":1024,"completion_tokens":120,..."source":"estimated",...
..."prompt_tokens":1024,"completion_tokens":120,..."source":"estimated",...
..."prompt_tokens":1024,"completion_tokens":120,..."source":"estimated",...
..."prompt_tokens":1024,"completion_tokens":0,..."source":"estimated",...

=== TEST 10: the bytes of a file are no tokens when it is admitted, either
--- config
    llm_team_limit default itpm=2000;
--- request eval
transcribe(file => \('x' x 2000000), model => 'm')
--- more_headers
Content-Type: multipart/form-data; boundary=x
--- response_headers
x-ratelimit-remaining-tokens: 976

=== TEST 11: strict needs the largest input and output of the model
--- http_config
    llm_price in input=1 output=1 max_input=100;
    llm_price out input=1 output=1 max_input=100 max_output=50;
--- config
    llm_reserve strict;
    llm_team_limit default tpm=150;
--- request eval
[(map { transcribe(file => \('x' x 1000), model => $_) } qw(m in out)),
 post('/v1/audio/transcriptions', '{"model":"m"}'),
 post('/v1/images/edits', form(image => \'x', model => 'out', n => 2))]
--- more_headers eval
[("Content-Type: multipart/form-data; boundary=x") x 3, '',
 "Content-Type: multipart/form-data; boundary=x\nX-Team: b"]
--- error_code eval
[400, 400, 200, 400, 400]
--- response_body_like eval
['."file." is input whose tokens are not bounded by the bytes of the body',
 'no output cap and the largest output of the model is not known\."', '',
 '."file." is input', 'can never admit this request: its upper bound is 200']

=== TEST 12: llm_max_output is a bound where nothing else is
--- http_config
    llm_price in input=1 output=1 max_input=100;
--- config
    llm_reserve strict;
    llm_max_output 50;
    llm_team_limit default tpm=150;
--- request eval
[transcribe(file => \'x', model => 'in'),
 transcribe(file => \'x', model => 'in', max_completion_tokens => 51)]
--- more_headers eval
["Content-Type: multipart/form-data; boundary=x",
 "Content-Type: multipart/form-data; boundary=x\nX-Team: b"]
--- error_code eval
[200, 400]

=== TEST 13: a form may be compressed
--- request eval
use Compress::Zlib ();
[map { post('/v1/audio/transcriptions', Compress::Zlib::memGzip($_)) }
 form(file => \('x' x 100000), model => 'm'), form(model => 'm', model => 'm')]
--- more_headers
Content-Type: multipart/form-data; boundary=x
Content-Encoding: gzip
--- error_code eval
[200, 400]
--- ledger
..."model":"m",..."source":"upstream",...
