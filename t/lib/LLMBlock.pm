package LLMBlock;

# What the suites of single requests have in common, so that a block says only
# what it is about: a gateway before a provider, prices, and who asks.
#
#     use lib 't/lib';
#     use LLMNginx;
#     use LLMBlock;
#
#     run_tests();
#
#     __DATA__
#
#     === TEST 1: more than so many requests in a minute are refused
#     --- config
#         llm_team_limit default rpm=1;
#     --- request eval
#     [chat, chat]
#     --- error_code eval
#     [200, 429]
#
# A block's config stands in the gateway's server, where everything goes to the
# provider unless it has a "location /" of its own; so limits bear on it, and
# locations inherit them.  http_config
# comes after a zone with a ledger, which is in force, and the prices of three
# models: m costs 0.01 USD an input token and 0.02 USD an output token, free
# nothing, flat 0.25 USD a request.  X-Team, X-User and X-Customer say who
# asks.
#
# The provider answers what X-Answer says, else with 10 input and 20 output
# tokens: 0.5 USD of m.  With X-Status, 400, 429 or 500, it is an error.

use strict;
use warnings;

use LLMBase;

my $answer = '{"id":"chatcmpl-1","object":"chat.completion","model":"m",'
             . '"choices":[{"index":0,"finish_reason":"stop","message":'
             . '{"role":"assistant","content":"Hello."}}],"usage":'
             . '{"prompt_tokens":10,"completion_tokens":20,'
             . '"total_tokens":30}}';


# A chat completion; members as JSON, such as '"max_tokens":5'.

sub chat
{
    return post('/v1/chat/completions', join(',', '{"model":"m"', @_) . '}');
}


sub post
{
    my ($path, $body) = @_;

    return "POST $path\n$body";
}


# The same request below another path.

sub at
{
    my ($prefix, $request) = @_;

    return $request =~ s/ / $prefix/r;
}


# A form of name => value with the boundary x; a value that is a reference is a
# file.

sub form
{
    my $form = '';

    while (my ($name, $value) = splice @_, 0, 2) {
        my $file = ref $value ? '; filename="a.mp3"' : '';

        $form .= qq{--x\r\nContent-Disposition: form-data; name="$name"$file}
                 . "\r\n\r\n" . (ref $value ? $$value : $value) . "\r\n";
    }

    return "$form--x--\r\n";
}


# where the eval of a section looks for them

*Test::Base::Filter::chat = \&chat;
*Test::Base::Filter::post = \&post;
*Test::Base::Filter::at = \&at;
*Test::Base::Filter::form = \&form;


BEGIN {
    $ENV{TEST_NGINX_PROVIDER} = '127.0.0.1:' . LLMBase::free_port();
}


my $http = <<'EOF_HTTP';
    llm_quota_zone zone=$TEST_NGINX_ZONE state=$TEST_NGINX_STATE;
    llm_quota main;

    llm_team $http_x_team;
    llm_user $http_x_user;
    llm_customer $http_x_customer;

    llm_price m input=10000 output=20000;
    llm_price free input=0 output=0;
    llm_price flat request=0.25;

    map $http_x_answer $provider_answer {
        ""       '%s';
        default  $http_x_answer;
    }

    server {
        listen $TEST_NGINX_PROVIDER;

        llm_quota off;
        access_log off;
        default_type application/json;

        if ($http_x_status = 400) { return 400 $provider_answer; }
        if ($http_x_status = 429) { return 429 $provider_answer; }
        if ($http_x_status = 500) { return 500 $provider_answer; }

        return 200 $provider_answer;
    }

EOF_HTTP


Test::Nginx::Socket::no_root_location();

Test::Nginx::Socket::add_block_preprocessor {
    my ($block) = @_;

    $block->set_value('http_config', sprintf($http, $answer)
                                     . ($block->http_config // ''));

    my $config = $block->config // '';

    $config .= <<'EOF_CONFIG' if $config !~ m{^\s*location / }m;
        location / {
            proxy_pass http://$TEST_NGINX_PROVIDER;
        }
EOF_CONFIG

    $block->set_value('config', $config);
};


1;
