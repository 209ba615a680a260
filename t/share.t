# A model that teams or keys share: what each may use of its rates, and what is
# kept for whom.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

use Digest::SHA ();

# A line that makes a virtual key of its name, and the header that shows it.

sub key
{
    my ($name, @parameters) = @_;

    return "    llm_key $name sha256=" . Digest::SHA::sha256_hex($name)
           . " @parameters;\n";
}

sub with { return "Authorization: Bearer $_[0]" }

*Test::Base::Filter::key = \&key;
*Test::Base::Filter::with = \&with;

run_tests();

__DATA__

=== TEST 1: two keys share a model's tokens
--- http_config eval
key('one') . key('two')
--- config
    llm_keys required;
    llm_model_limit m tpm=60 share=key;
    add_header x-limit $llm_limit always;
--- request eval
[(chat) x 4]
--- more_headers eval
[with('one'), with('two'), with('two'), with('one')]
--- error_code eval
[200, 200, 429, 429]
--- response_body_like eval
['', '',
 '\{"error":\{"message":"Key=two over available TPM=0\. Model TPM=0, Active keys=2\. Its share is 30, used 30, retry in (?:5\d|6[01]) s\.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"\}\}',
 'Key=one over available TPM=0\. Model TPM=0, Active keys=2\.']
--- raw_response_headers_like eval
['', '', 'x-limit: key_model:two:m tpm=30\r\n', 'x-limit: key_model:one:m tpm=30\r\n']

=== TEST 2: a class that has all keeps it, also while nobody of it asks
--- http_config eval
"    llm_priority prod 100%;\n    llm_priority dev 0%;\n"
. key('p', 'priority=prod') . key('d', 'priority=dev') . key('x')
--- config
    llm_keys required;
    llm_model_limit m rpm=100 share=key;
--- request eval
[(chat) x 4]
--- more_headers eval
[with('d'), with('p'), with('d'), with('x')]
--- error_code eval
[429, 200, 429, 429]
--- response_body_like eval
['Key=d over available RPM=0\. Model RPM=100, Active keys=1\. Its share is 0, used 0\."', '',
 'Key=d over available RPM=0\. Model RPM=99,', 'Key=x over available RPM=0\. Model RPM=99,']
--- raw_response_headers_like eval
['x-ratelimit-limit-requests: 0\r\n', 'x-ratelimit-limit-requests: 100\r\n', '', '']

=== TEST 3: unless it lends
--- http_config
    llm_priority prod 100% lend;
    llm_priority dev 0%;
--- config
    llm_team_limit d priority=dev;
    llm_team_limit p priority=prod;
    llm_team_limit x rpm=100;
    llm_model_limit m rpm=2 share=team;
--- request eval
[(chat) x 5]
--- more_headers eval
["X-Team: d", "X-Team: x", "X-Team: p", "X-Team: d", "X-Team: x"]
--- error_code eval
[200, 200, 429, 429, 429]
--- response_body_like eval
['', '', 'Team=p over available RPM=0\. Model RPM=0, Active teams=1\. Its share is 0, used 0, retry in ',
 'Team=d over available RPM=0\. Model RPM=0, Active teams=1\. Its share is ', '']

=== TEST 4: what the other does not use is lent, and its share told
--- config
    llm_model_limit m rpm=6 share=team;
--- request eval
[(chat) x 8]
--- more_headers eval
["X-Team: a", ("X-Team: b") x 6, "X-Team: a"]
--- error_code eval
[(200) x 6, 429, 429]
--- raw_response_headers_like eval
['x-ratelimit-limit-requests: 6\r\nx-ratelimit-remaining-requests: 5\r\n',
 'x-ratelimit-limit-requests: 5\r\nx-ratelimit-remaining-requests: 4\r\n',
 ('') x 4, 'x-ratelimit-remaining-requests: 0\r\n', 'retry-after: (?:5\d|6[01])\r\n']
--- response_body_like eval
[('') x 6, 'Team=b over available RPM=0\. Model RPM=0, Active teams=2\. Its share is 5, used 5,',
 'Team=a over available RPM=0\. Model RPM=0, Active teams=2\. Its share is 1, used 1,']

=== TEST 5: a class has what the others have not reserved, and no more of what they keep
--- http_config
    llm_priority prod 50%;
--- config
    llm_team_limit p priority=prod;
    llm_team_limit default rpm=100;
    llm_model_limit m rpm=4 share=team;
--- request eval
[(chat) x 6]
--- more_headers eval
[("X-Team: a") x 3, ("X-Team: p") x 3]
--- error_code eval
[200, 200, 429, 200, 200, 429]
--- response_body_like eval
['', '', 'Team=a over available RPM=0\. Model RPM=2, Active teams=1\. Its share is 2, used 2,',
 '', '', 'Team=p over available RPM=0\. Model RPM=0, Active teams=1\. Its share is 2, used 2,']

=== TEST 6: a key has the class of its team, unless it has one of its own
--- http_config eval
"    llm_priority prod 100%;\n" . key('t', 'team=p') . key('own', 'team=q priority=prod')
. key('n', 'team=q') . key('limited', 'team=q')
--- config
    llm_keys required;
    llm_team_limit p priority=prod;
    llm_team_limit q rpm=100;
    llm_key_limit limited priority=prod;
    llm_model_limit m rpm=10 share=key;
--- request eval
[(chat) x 4]
--- more_headers eval
[with('t'), with('own'), with('n'), with('limited')]
--- error_code eval
[200, 200, 429, 200]

=== TEST 7: input and output are shared where they are limited
--- config
    llm_model_limit m rpm=10 itpm=20 otpm=100 share=team;
    llm_model_limit n rpm=10 otpm=20 share=team;
--- request eval
[chat, chat, chat, (post('/v1/chat/completions', '{"model":"n"}')) x 2]
--- more_headers
X-Team: a
--- error_code eval
[200, 200, 429, 200, 429]
--- response_body_like eval
['', '', 'Team=a over available ITPM=0\. Model ITPM=0, Active teams=1\. Its share is 20, used 20,',
 '', 'Team=a over available OTPM=0\. Model OTPM=0,']

=== TEST 8: other limits are told as ever, and leave others their share
--- config
    llm_team_limit a rpm=1;
    llm_team_limit default rpm=100;
    llm_team_model_limit b m rpm=2;
    llm_model_limit m rpm=6 budget=100 share=team;
--- request eval
[(chat) x 8]
--- more_headers eval
[("X-Team: a") x 2, ("X-Team: b") x 3, ("X-Team: c") x 3]
--- error_code eval
[200, 429, 200, 200, 429, 200, 200, 200]
--- response_body_like eval
['', 'Team=a rpm=1, used 1, retry in ', '', '', 'Model=m in Team=b rpm=2, used 2, retry in ', '', '', '']

=== TEST 9: who has no key shares as one
--- http_config eval
key('one')
--- config
    llm_keys optional;
    llm_model_limit m rpm=3 share=key;
--- request eval
[(chat) x 4]
--- more_headers eval
['', '', with('one'), '']
--- error_code eval
[200, 200, 200, 429]
--- response_body_like eval
['', '', '', 'Key=anonymous over available RPM=0\. Model RPM=0, Active keys=2\.']

=== TEST 10: each model of a default row has its own sharers
--- config
    llm_model_limit default rpm=1 share=team;
--- request eval
[chat, (post('/v1/chat/completions', '{"model":"n"}')) x 2, chat, post('/v1/chat/completions', '{}')]
--- more_headers
X-Team: a
--- error_code eval
[200, 200, 429, 429, 200]
--- response_body_like eval
['', '', 'Active teams=1\.', 'Active teams=1\.', '']

=== TEST 11: strict: a request must fit in its share, and can in the model
--- http_config
    llm_priority prod 50%;
--- config
    llm_reserve strict;
    llm_model_limit m tpm=200 share=team;
--- request eval
[chat('"max_tokens":70'), chat('"max_tokens":30'), chat('"max_tokens":50'), chat('"max_tokens":250')]
--- more_headers
X-Team: a
--- error_code eval
[200, 200, 429, 400]
--- response_body_like eval
['', '', 'Team=a over available TPM=40\. Model TPM=140, Active teams=1\. Its share is 100, used 60,',
 'Model=m tpm=200 can never admit this request']

=== TEST 12: a dry run is told, and the dialects are as ever
--- config
    llm_model_limit m rpm=0 share=team;
    location /dry/ {
        llm_dry_run on;
        proxy_pass http://$TEST_NGINX_PROVIDER/;
    }
    add_header x-result $llm_result always;
--- request eval
[at('/dry', chat), post('/v1/messages', '{"model":"m","max_tokens":9}'), chat]
--- more_headers
X-Team: a
--- error_code eval
[200, 429, 429]
--- response_body_like eval
['', '\{"type":"error","error":\{"type":"rate_limit_error","message":"Team=a over available RPM=0\. Model RPM=0, Active teams=1\.', '']
