# What is wrong in a configuration is told by an [emerg] that names the file,
# the line, the directive and what would be right.

use lib 't/lib';

# an nginx that has ended logs nothing that one would have to wait for
BEGIN { $ENV{TEST_NGINX_SLEEP} = 0.001 }

use LLMNginx;

add_block_preprocessor(sub {
    my $block = shift;

    (my $text = $block->error_log) =~ s/\n\z//;

    $block->set_value('error_log',
                      [qr/\[emerg\] .*\Q$text\E.* in \S+nginx\.conf:\d+$/]);
    $block->set_value('config', '') if !defined $block->config;
    $block->set_value('must_die', '');
    $block->set_value('suppress_stderr', '');
});

run_tests();

__DATA__

=== TEST 1: a zone takes parameters
--- http_config
    llm_quota_zone;
--- error_log
invalid number of arguments in "llm_quota_zone" directive

=== TEST 2: a zone has a name and a size
--- http_config
    llm_quota_zone reset_day=2;
--- error_log
llm_quota_zone has no zone=NAME:SIZE, such as zone=main:10m

=== TEST 3: a parameter that the zone does not know
--- http_config
    llm_quota_zone zone=main:1m colour=red;
--- error_log
llm_quota_zone has invalid parameter "colour=red": use zone=NAME:SIZE,

=== TEST 4: a zone without a size
--- http_config
    llm_quota_zone zone=main;
--- error_log
llm_quota_zone has invalid "zone=main": use zone=NAME:SIZE, such as zone=main:10m

=== TEST 5: a zone without a name
--- http_config
    llm_quota_zone zone=:1m;
--- error_log
llm_quota_zone has invalid "zone=:1m": use zone=NAME:SIZE, such as zone=main:10m

=== TEST 6: the size of a zone is a size
--- http_config
    llm_quota_zone zone=main:large;
--- error_log
llm_quota_zone has invalid size in "zone=main:large": use a number with k or m, such as 10m

=== TEST 7: a zone that has no room for anything
--- http_config
    llm_quota_zone zone=main:64k;
--- error_log
llm_quota_zone "zone=main:64k" is too small: use at least 512k

=== TEST 8: no month has a day 0
--- http_config
    llm_quota_zone zone=main:1m reset_day=0;
--- error_log
llm_quota_zone has invalid "reset_day=0": use a day from 1 to 31

=== TEST 9: no month has a day 32
--- http_config
    llm_quota_zone zone=main:1m reset_day=32;
--- error_log
llm_quota_zone has invalid "reset_day=32": use a day from 1 to 31

=== TEST 10: a segment is not tiny
--- http_config
    llm_quota_zone zone=main:1m segment=63k;
--- error_log
llm_quota_zone has invalid "segment=63k": use a size of at least 64k

=== TEST 11: a segment has a size
--- http_config
    llm_quota_zone zone=main:1m segment=large;
--- error_log
llm_quota_zone has invalid "segment=large": use a size of at least 64k

=== TEST 12: the reset day is a number
--- http_config
    llm_quota_zone zone=main:1m reset_day=last;
--- error_log
llm_quota_zone has invalid "reset_day=last": use a day from 1 to 31

=== TEST 13: a time zone is that of the machine or none
--- http_config
    llm_quota_zone zone=main:1m timezone=mars;
--- error_log
llm_quota_zone has invalid parameter "timezone=mars": use zone=NAME:SIZE,

=== TEST 14: a state directory has a name
--- http_config
    llm_quota_zone zone=main:1m state=;
--- error_log
llm_quota_zone has empty "state=": name a directory

=== TEST 15: two zones with one directory
--- http_config
    llm_quota_zone zone=one:1m state=$TEST_NGINX_STATE;
    llm_quota_zone zone=two:1m state=$TEST_NGINX_STATE;
--- error_log
which is used already: each zone needs one of its own

=== TEST 16: two zones with one directory, written in two ways
--- http_config
    llm_quota_zone zone=one:1m state=$TEST_NGINX_STATE;
    llm_quota_zone zone=two:1m state=$TEST_NGINX_STATE//;
--- error_log
which is used already: each zone needs one of its own

=== TEST 17: a directory that nginx itself uses
--- http_config
    client_body_temp_path $TEST_NGINX_STATE;
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE;
--- error_log
which is used already: each zone needs one of its own

=== TEST 18: a zone is made once
--- http_config
    llm_quota_zone zone=main:1m;
    llm_quota_zone zone=main:1m;
--- error_log
llm_quota_zone "main" is made twice

=== TEST 19: the zone of another module
--- http_config
    limit_req_zone $uri zone=main:1m rate=1r/s;
    llm_quota_zone zone=main:1m;
--- error_log
the shared memory zone "main" is already declared for a different use

=== TEST 20: a zone belongs to no server
--- config
    llm_quota_zone zone=main:1m;
--- error_log
"llm_quota_zone" directive is not allowed here

=== TEST 21: a quota names its zone
--- http_config
    llm_quota;
--- error_log
invalid number of arguments in "llm_quota" directive

=== TEST 22: a quota takes one parameter
--- http_config
    llm_quota main fail=open fail=closed;
--- error_log
invalid number of arguments in "llm_quota" directive

=== TEST 23: a quota fails open or closed
--- http_config
    llm_quota main fail=sometimes;
--- error_log
llm_quota has invalid parameter "fail=sometimes": use fail=open or fail=closed

=== TEST 24: no quota takes no parameter
--- http_config
    llm_quota off fail=open;
--- error_log
"llm_quota" directive off takes no parameter

=== TEST 25: one quota for a level
--- http_config
    llm_quota_zone zone=main:1m;
    llm_quota main;
    llm_quota off;
--- error_log
"llm_quota" directive is duplicate

=== TEST 26: a zone that nobody makes
--- http_config
    llm_quota_zone zone=main:1m;
    llm_quota other;
--- error_log
llm_quota has unknown zone "other": make it with llm_quota_zone

=== TEST 27: a zone that nobody makes, in a location
--- config
    location = /t {
        llm_quota main;
    }
--- error_log
llm_quota has unknown zone "main": make it with llm_quota_zone

=== TEST 28: limits without a quota in http
--- http_config
    llm_quota_zone zone=main:1m;
    llm_team_limit default rpm=1;
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 29: limits without a quota in a server
--- config
    llm_team_limit default rpm=1;
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 30: limits without a quota in a location
--- config
    location = /t {
        llm_global_limit rpm=1;
    }
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 31: limits where the quota is off
--- http_config
    llm_quota_zone zone=main:1m;
--- config
    llm_quota main;

    location = /t {
        llm_quota off;
        llm_user_limit default rpm=1;
    }
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 32: limits where only another location has a quota
--- http_config
    llm_quota_zone zone=main:1m;
--- config
    location = /a {
        llm_quota main;
    }

    location = /b {
        llm_customer_limit default rpm=1;

        if ($arg_x) {
            return 204;
        }
    }
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 33: a limit for all has a limit
--- http_config
    llm_global_limit;
--- error_log
invalid number of arguments in "llm_global_limit" directive

=== TEST 34: a limit for all has no ID
--- http_config
    llm_global_limit default rpm=1;
--- error_log
llm_global_limit has "default", which is not a limit of the form name=value

=== TEST 35: a team limit names a team
--- http_config
    llm_team_limit;
--- error_log
invalid number of arguments in "llm_team_limit" directive

=== TEST 36: a team limit has a limit
--- http_config
    llm_team_limit a;
--- error_log
llm_team_limit "a" has no limit, such as rpm=60

=== TEST 37: a team has one line
--- http_config
    llm_team_limit a rpm=1;
    llm_team_limit b rpm=1;
    llm_team_limit a tpm=1;
--- error_log
llm_team_limit has "a" twice: put its limits in one line

=== TEST 38: a user limit names a user
--- http_config
    llm_user_limit;
--- error_log
invalid number of arguments in "llm_user_limit" directive

=== TEST 39: a user limit has a limit
--- http_config
    llm_user_limit a;
--- error_log
llm_user_limit "a" has no limit, such as rpm=60

=== TEST 40: a user has one line
--- http_config
    llm_user_limit a rpm=1;
    llm_user_limit b rpm=1;
    llm_user_limit a tpm=1;
--- error_log
llm_user_limit has "a" twice: put its limits in one line

=== TEST 41: a customer limit names a customer
--- http_config
    llm_customer_limit;
--- error_log
invalid number of arguments in "llm_customer_limit" directive

=== TEST 42: a customer limit has a limit
--- http_config
    llm_customer_limit a;
--- error_log
llm_customer_limit "a" has no limit, such as rpm=60

=== TEST 43: a customer has one line
--- http_config
    llm_customer_limit a rpm=1;
    llm_customer_limit b rpm=1;
    llm_customer_limit a tpm=1;
--- error_log
llm_customer_limit has "a" twice: put its limits in one line

=== TEST 44: an ID is not empty
--- http_config
    llm_team_limit "" rpm=1;
--- error_log
llm_team_limit has invalid ID "": use 1 to 128 printable bytes

=== TEST 45: an ID has no control characters
--- http_config
    llm_team_limit "a	b" rpm=1;
--- error_log
llm_team_limit has invalid ID "a	b": use 1 to 128 printable bytes

=== TEST 46: an ID is not long
--- http_config
    llm_user_limit xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx rpm=1;
--- error_log
llm_user_limit has invalid ID "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": use 1 to 128 printable bytes

=== TEST 47: one default for a level
--- http_config
    llm_team_limit default rpm=1;
    llm_team_limit default tpm=1;
--- error_log
llm_team_limit has "default" twice: put its limits in one line

=== TEST 48: one line for all
--- http_config
    llm_global_limit rpm=1;
    llm_global_limit tpm=1;
--- error_log
llm_global_limit has "default" twice: put its limits in one line

=== TEST 49: a limit has a value
--- http_config
    llm_team_limit default rpm;
--- error_log
llm_team_limit has "rpm", which is not a limit of the form name=value

=== TEST 50: a limit that is not known
--- http_config
    llm_team_limit default speed=1;
--- error_log
llm_team_limit has "speed=1", which is not a known limit: known are rpm, tpm, itpm, otpm, rpd, tpd, requests, tokens, input_tokens, output_tokens, parallel, budget, soft, hard_cap, throttle, over, models, priority and share

=== TEST 51: an empty number
--- http_config
    llm_team_limit default rpm=;
--- error_log
llm_team_limit has "rpm=", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 52: a negative number
--- http_config
    llm_team_limit default rpm=-1;
--- error_log
llm_team_limit has "rpm=-1", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 53: a fraction
--- http_config
    llm_team_limit default rpm=1.5;
--- error_log
llm_team_limit has "rpm=1.5", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 54: a unit that is not known
--- http_config
    llm_team_limit default rpm=1g;
--- error_log
llm_team_limit has "rpm=1g", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 55: a unit without a number
--- http_config
    llm_team_limit default rpm=k;
--- error_log
llm_team_limit has "rpm=k", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 56: a number that is too large
--- http_config
    llm_team_limit default rpm=9999999999999;
--- error_log
llm_team_limit has "rpm=9999999999999", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 57: a token limit is a number
--- http_config
    llm_team_limit default tpm=all;
--- error_log
llm_team_limit has "tpm=all", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 58: a number of requests in flight is a number
--- http_config
    llm_team_limit default parallel=few;
--- error_log
llm_team_limit has "parallel=few", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 59: a quota is a number
--- http_config
    llm_team_limit default tokens=x/day;
--- error_log
llm_team_limit has "tokens=x/day", which has no valid number: use a whole number, with k or m for thousands or millions

=== TEST 60: the same rate twice
--- http_config
    llm_team_limit default rpm=1 rpm=2;
--- error_log
llm_team_limit has "rpm=2", which limits the same resource and period a second time

=== TEST 61: the same period in two words
--- http_config
    llm_team_limit default budget=1/day budget=2/24h;
--- error_log
llm_team_limit has "budget=2/24h", which limits the same resource and period a second time

=== TEST 62: the same quota in two words
--- http_config
    llm_team_limit default rpd=1 requests=2/1d;
--- error_log
llm_team_limit has "requests=2/1d", which limits the same resource and period a second time

=== TEST 63: rpm has no other period
--- http_config
    llm_team_limit default rpm=1/day;
--- error_log
llm_team_limit has "rpm=1/day", which takes no period

=== TEST 64: itpm has no other period
--- http_config
    llm_team_limit default itpm=1/1h;
--- error_log
llm_team_limit has "itpm=1/1h", which takes no period

=== TEST 65: rpd has no other period
--- http_config
    llm_team_limit default rpd=1/day;
--- error_log
llm_team_limit has "rpd=1/day", which takes no period

=== TEST 66: tpd has no other period
--- http_config
    llm_team_limit default tpd=1/week;
--- error_log
llm_team_limit has "tpd=1/week", which takes no period

=== TEST 67: parallel has no other period
--- http_config
    llm_team_limit default parallel=1/day;
--- error_log
llm_team_limit has "parallel=1/day", which takes no period

=== TEST 68: requests has a period
--- http_config
    llm_team_limit default requests=1;
--- error_log
llm_team_limit has "requests=1", which needs a period, as in tokens=1m/day

=== TEST 69: tokens has a period
--- http_config
    llm_team_limit default tokens=1;
--- error_log
llm_team_limit has "tokens=1", which needs a period, as in tokens=1m/day

=== TEST 70: input_tokens has a period
--- http_config
    llm_team_limit default input_tokens=1;
--- error_log
llm_team_limit has "input_tokens=1", which needs a period, as in tokens=1m/day

=== TEST 71: output_tokens has a period
--- http_config
    llm_team_limit default output_tokens=1;
--- error_log
llm_team_limit has "output_tokens=1", which needs a period, as in tokens=1m/day

=== TEST 72: a period that is not known
--- http_config
    llm_team_limit default tokens=1/fortnight;
--- error_log
llm_team_limit has "tokens=1/fortnight", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 73: an empty period
--- http_config
    llm_team_limit default tokens=1/;
--- error_log
llm_team_limit has "tokens=1/", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 74: a period of nothing
--- http_config
    llm_team_limit default tokens=1/0d;
--- error_log
llm_team_limit has "tokens=1/0d", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 75: a unit without a number, as a period
--- http_config
    llm_team_limit default tokens=1/d;
--- error_log
llm_team_limit has "tokens=1/d", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 76: a unit that is not known, as a period
--- http_config
    llm_team_limit default tokens=1/1x;
--- error_log
llm_team_limit has "tokens=1/1x", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 77: a fraction, as a period
--- http_config
    llm_team_limit default tokens=1/1.5h;
--- error_log
llm_team_limit has "tokens=1/1.5h", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 78: a negative period
--- http_config
    llm_team_limit default tokens=1/-1d;
--- error_log
llm_team_limit has "tokens=1/-1d", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 79: a period that is too long
--- http_config
    llm_team_limit default tokens=1/1000001d;
--- error_log
llm_team_limit has "tokens=1/1000001d", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 80: several months
--- http_config
    llm_team_limit default tokens=1/2mo;
--- error_log
llm_team_limit has "tokens=1/2mo", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 81: an empty budget
--- http_config
    llm_team_limit default budget=;
--- error_log
llm_team_limit has "budget=", which has no valid amount of USD, such as 100 or 0.50

=== TEST 82: a budget in words
--- http_config
    llm_team_limit default budget=much;
--- error_log
llm_team_limit has "budget=much", which has no valid amount of USD, such as 100 or 0.50

=== TEST 83: a negative budget
--- http_config
    llm_team_limit default budget=-1;
--- error_log
llm_team_limit has "budget=-1", which has no valid amount of USD, such as 100 or 0.50

=== TEST 84: a budget with a comma
--- http_config
    llm_team_limit default budget=1,50;
--- error_log
llm_team_limit has "budget=1,50", which has no valid amount of USD, such as 100 or 0.50

=== TEST 85: a budget with its currency
--- http_config
    llm_team_limit default budget=$5;
--- error_log
llm_team_limit has "budget=$5", which has no valid amount of USD, such as 100 or 0.50

=== TEST 86: a budget without end
--- http_config
    llm_team_limit default budget=1e400;
--- error_log
llm_team_limit has "budget=1e400", which has no valid amount of USD, such as 100 or 0.50

=== TEST 87: a budget with an empty period
--- http_config
    llm_team_limit default budget=1/;
--- error_log
llm_team_limit has "budget=1/", which has no valid period: use day, week, month or a number with s, m, h, d, w or mo

=== TEST 88: a threshold without a percent sign
--- http_config
    llm_team_limit default soft=80;
--- error_log
llm_team_limit has "soft=80", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 89: a threshold of nothing
--- http_config
    llm_team_limit default soft=0%;
--- error_log
llm_team_limit has "soft=0%", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 90: a threshold past the budget
--- http_config
    llm_team_limit default soft=101%;
--- error_log
llm_team_limit has "soft=101%", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 91: thresholds that fall
--- http_config
    llm_team_limit default soft=95%,80%;
--- error_log
llm_team_limit has "soft=95%,80%", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 92: a threshold twice
--- http_config
    llm_team_limit default soft=80%,80%;
--- error_log
llm_team_limit has "soft=80%,80%", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 93: a threshold missing
--- http_config
    llm_team_limit default soft=80%,;
--- error_log
llm_team_limit has "soft=80%,", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 94: no threshold
--- http_config
    llm_team_limit default soft=;
--- error_log
llm_team_limit has "soft=", which needs rising percents from 1% to 100%, as in 80%,95%

=== TEST 95: too many thresholds
--- http_config
    llm_team_limit default soft=1%,2%,3%,4%,5%,6%,7%,8%,9%;
--- error_log
llm_team_limit has "soft=1%,2%,3%,4%,5%,6%,7%,8%,9%", which has more than 8 thresholds

=== TEST 96: a cap is hard or not
--- http_config
    llm_team_limit default hard_cap=maybe;
--- error_log
llm_team_limit has "hard_cap=maybe", which must be on or off

=== TEST 97: a throttle is a percent
--- http_config
    llm_team_limit default throttle=half;
--- error_log
llm_team_limit has "throttle=half", which must be a percent from 1% to 100%

=== TEST 98: past a budget there is only the throttle
--- http_config
    llm_team_limit default over=refuse;
--- error_log
llm_team_limit has "over=refuse", which must be throttle: and a percent, as in throttle:10%

=== TEST 99: a throttle past the budget is a percent
--- http_config
    llm_team_limit default over=throttle:0%;
--- error_log
llm_team_limit has "over=throttle:0%", which must be throttle: and a percent, as in throttle:10%

=== TEST 100: soft stands once
--- http_config
    llm_team_limit default soft=80% soft=90%;
--- error_log
llm_team_limit has "soft=90%", which is given twice

=== TEST 101: hard_cap stands once
--- http_config
    llm_team_limit default hard_cap=on hard_cap=off;
--- error_log
llm_team_limit has "hard_cap=off", which is given twice

=== TEST 102: throttle stands once
--- http_config
    llm_team_limit default throttle=50% throttle=60%;
--- error_log
llm_team_limit has "throttle=60%", which is given twice

=== TEST 103: over stands once
--- http_config
    llm_team_limit default over=throttle:1% over=throttle:2%;
--- error_log
llm_team_limit has "over=throttle:2%", which is given twice

=== TEST 104: a throttle without a budget
--- http_config
    llm_team_limit default throttle=50% rpm=1;
--- error_log
"llm_team_limit default" throttles nothing: throttle= and over= need a budget and a rate, such as rpm, in the same line

=== TEST 105: a throttle without a rate
--- http_config
    llm_team_limit default over=throttle:10% budget=1;
--- error_log
"llm_team_limit default" throttles nothing: throttle= and over= need a budget and a rate, such as rpm, in the same line

=== TEST 106: a throttle of a quota
--- http_config
    llm_team_limit default over=throttle:10% budget=1 rpd=1 parallel=1;
--- error_log
"llm_team_limit default" throttles nothing: throttle= and over= need a budget and a rate, such as rpm, in the same line

=== TEST 107: more periods than a line can have
--- http_config
    llm_team_limit default requests=1/101d requests=1/102d requests=1/103d requests=1/104d requests=1/105d requests=1/106d requests=1/107d requests=1/108d requests=1/109d requests=1/110d requests=1/111d requests=1/112d requests=1/113d requests=1/114d requests=1/115d requests=1/116d;
--- error_log
llm_team_limit has "requests=1/116d", which has one more period than the 15 that a line may have

=== TEST 108: more limits than a line can have
--- http_config
    llm_team_limit default requests=1/101d requests=1/102d requests=1/103d requests=1/104d requests=1/105d requests=1/106d requests=1/107d requests=1/108d requests=1/109d requests=1/110d requests=1/111d requests=1/112d requests=1/113d tokens=1/101d tokens=1/102d tokens=1/103d tokens=1/104d tokens=1/105d tokens=1/106d tokens=1/107d tokens=1/108d tokens=1/109d tokens=1/110d tokens=1/111d tokens=1/112d;
--- error_log
llm_team_limit has "tokens=1/112d", which is one limit too many for a line

=== TEST 109: llm_unknown_team has one of its values
--- http_config
    llm_unknown_team maybe;
--- error_log
llm_unknown_team has invalid value "maybe": use one of auto allow deny

=== TEST 110: llm_opaque has one of its values
--- http_config
    llm_opaque maybe;
--- error_log
llm_opaque has invalid value "maybe": use one of auto allow deny

=== TEST 111: llm_unpriced has one of its values
--- http_config
    llm_unpriced maybe;
--- error_log
llm_unpriced has invalid value "maybe": use one of auto allow deny

=== TEST 112: llm_reserve has one of its values
--- http_config
    llm_reserve maybe;
--- error_log
llm_reserve has invalid value "maybe": use one of off estimate strict

=== TEST 113: llm_server_tools has one of its values
--- http_config
    llm_server_tools maybe;
--- error_log
llm_server_tools has invalid value "maybe": use one of allow deny

=== TEST 114: llm_error_format has one of its values
--- http_config
    llm_error_format maybe;
--- error_log
llm_error_format has invalid value "maybe": use one of auto openai anthropic gemini

=== TEST 115: llm_log_level has one of its values
--- http_config
    llm_log_level maybe;
--- error_log
llm_log_level has invalid value "maybe": use one of info notice warn error

=== TEST 116: a value in another case of letters
--- http_config
    llm_reserve Strict;
--- error_log
llm_reserve has invalid value "Strict": use one of off estimate strict

=== TEST 117: llm_count_cached is on or off
--- http_config
    llm_count_cached maybe;
--- error_log
invalid value "maybe" in "llm_count_cached" directive, it must be "on" or "off"

=== TEST 118: llm_charge_unanswered is on or off
--- http_config
    llm_charge_unanswered maybe;
--- error_log
invalid value "maybe" in "llm_charge_unanswered" directive, it must be "on" or "off"

=== TEST 119: llm_stream_buffering is on or off
--- http_config
    llm_stream_buffering maybe;
--- error_log
invalid value "maybe" in "llm_stream_buffering" directive, it must be "on" or "off"

=== TEST 120: llm_dry_run is on or off
--- http_config
    llm_dry_run maybe;
--- error_log
invalid value "maybe" in "llm_dry_run" directive, it must be "on" or "off"

=== TEST 121: llm_headers is on or off
--- http_config
    llm_headers maybe;
--- error_log
invalid value "maybe" in "llm_headers" directive, it must be "on" or "off"

=== TEST 122: a refusal is no success
--- http_config
    llm_rate_status 200;
--- error_log
llm_rate_status has invalid status "200": use 400 to 599

=== TEST 123: a status is a number
--- http_config
    llm_rate_status busy;
--- error_log
llm_rate_status has invalid status "busy": use 400 to 599

=== TEST 124: there is no status 600
--- http_config
    llm_budget_status 600;
--- error_log
llm_budget_status has invalid status "600": use 400 to 599

=== TEST 125: an output cap is positive
--- http_config
    llm_max_output 0;
--- error_log
llm_max_output has invalid number of tokens "0": use 1 to 100000000, or off

=== TEST 126: an output cap is a number
--- http_config
    llm_max_output some;
--- error_log
llm_max_output has invalid number of tokens "some": use 1 to 100000000, or off

=== TEST 127: an output cap has its limit
--- http_config
    llm_max_output 100000001;
--- error_log
llm_max_output has invalid number of tokens "100000001": use 1 to 100000000, or off

=== TEST 128: an output cap can be injected
--- http_config
    llm_max_output 5 insert;
--- error_log
llm_max_output has invalid parameter "insert": only inject is known

=== TEST 129: no output cap cannot
--- http_config
    llm_max_output off inject;
--- error_log
"llm_max_output" directive off takes no parameter

=== TEST 130: llm_team stands once in a level
--- http_config
    llm_team a;
    llm_team a;
--- error_log
"llm_team" directive is duplicate

=== TEST 131: llm_user stands once in a level
--- http_config
    llm_user a;
    llm_user a;
--- error_log
"llm_user" directive is duplicate

=== TEST 132: llm_customer stands once in a level
--- http_config
    llm_customer a;
    llm_customer a;
--- error_log
"llm_customer" directive is duplicate

=== TEST 133: llm_model stands once in a level
--- http_config
    llm_model a;
    llm_model a;
--- error_log
"llm_model" directive is duplicate

=== TEST 134: llm_refusal_note stands once in a level
--- http_config
    llm_refusal_note a;
    llm_refusal_note a;
--- error_log
"llm_refusal_note" directive is duplicate

=== TEST 135: llm_unknown_team stands once in a level
--- http_config
    llm_unknown_team auto;
    llm_unknown_team auto;
--- error_log
"llm_unknown_team" directive is duplicate

=== TEST 136: llm_opaque stands once in a level
--- http_config
    llm_opaque auto;
    llm_opaque auto;
--- error_log
"llm_opaque" directive is duplicate

=== TEST 137: llm_unpriced stands once in a level
--- http_config
    llm_unpriced auto;
    llm_unpriced auto;
--- error_log
"llm_unpriced" directive is duplicate

=== TEST 138: llm_reserve stands once in a level
--- http_config
    llm_reserve off;
    llm_reserve off;
--- error_log
"llm_reserve" directive is duplicate

=== TEST 139: llm_max_output stands once in a level
--- http_config
    llm_max_output 5;
    llm_max_output 5;
--- error_log
"llm_max_output" directive is duplicate

=== TEST 140: llm_server_tools stands once in a level
--- http_config
    llm_server_tools deny;
    llm_server_tools deny;
--- error_log
"llm_server_tools" directive is duplicate

=== TEST 141: llm_count_cached stands once in a level
--- http_config
    llm_count_cached on;
    llm_count_cached on;
--- error_log
"llm_count_cached" directive is duplicate

=== TEST 142: llm_charge_unanswered stands once in a level
--- http_config
    llm_charge_unanswered on;
    llm_charge_unanswered on;
--- error_log
"llm_charge_unanswered" directive is duplicate

=== TEST 143: llm_stream_buffering stands once in a level
--- http_config
    llm_stream_buffering on;
    llm_stream_buffering on;
--- error_log
"llm_stream_buffering" directive is duplicate

=== TEST 144: llm_dry_run stands once in a level
--- http_config
    llm_dry_run on;
    llm_dry_run on;
--- error_log
"llm_dry_run" directive is duplicate

=== TEST 145: llm_rate_status stands once in a level
--- http_config
    llm_rate_status 429;
    llm_rate_status 429;
--- error_log
"llm_rate_status" directive is duplicate

=== TEST 146: llm_budget_status stands once in a level
--- http_config
    llm_budget_status 403;
    llm_budget_status 403;
--- error_log
"llm_budget_status" directive is duplicate

=== TEST 147: llm_error_format stands once in a level
--- http_config
    llm_error_format auto;
    llm_error_format auto;
--- error_log
"llm_error_format" directive is duplicate

=== TEST 148: llm_headers stands once in a level
--- http_config
    llm_headers on;
    llm_headers on;
--- error_log
"llm_headers" directive is duplicate

=== TEST 149: llm_log_level stands once in a level
--- http_config
    llm_log_level warn;
    llm_log_level warn;
--- error_log
"llm_log_level" directive is duplicate

=== TEST 150: a price names its model
--- http_config
    llm_price;
--- error_log
invalid number of arguments in "llm_price" directive

=== TEST 151: a model has a name
--- http_config
    llm_price "" input=1 output=2;
--- error_log
llm_price has invalid model "": 1 to 128 printable characters are expected, "*" as the last of them only

=== TEST 152: a model with a long name
--- http_config
    llm_price mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm input=1 output=2;
--- error_log
llm_price has invalid model "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm": 1 to 128 printable characters are expected

=== TEST 153: a pattern ends in its star
--- http_config
    llm_price gpt*mini input=1 output=2;
--- error_log
llm_price has invalid model "gpt*mini": 1 to 128 printable characters are expected, "*" as the last of them only

=== TEST 154: a model has one price
--- http_config
    llm_price m input=1 output=2;
    llm_price m input=1 output=2;
--- error_log
"llm_price" directive is duplicate

=== TEST 155: a pattern has one price
--- http_config
    llm_price m* input=1 output=2;
    llm_price m* request=1;
--- error_log
"llm_price" directive is duplicate

=== TEST 156: a price is for something
--- http_config
    llm_price m;
--- error_log
llm_price "m" needs input=USD and output=USD, 0 for what is free, unless it has a request=USD

=== TEST 157: input alone is no price
--- http_config
    llm_price m input=1;
--- error_log
llm_price "m" needs input=USD and output=USD, 0 for what is free, unless it has a request=USD

=== TEST 158: output alone is no price
--- http_config
    llm_price m output=1 max_output=5;
--- error_log
llm_price "m" needs input=USD and output=USD, 0 for what is free, unless it has a request=USD

=== TEST 159: a parameter that a price does not know
--- http_config
    llm_price m input=1 output=2 image=3;
--- error_log
llm_price has invalid parameter "image=3": input=, output=, cached=, cache_write=, cache_write_1h=, request=, max_input= and max_output= are known

=== TEST 160: a parameter twice
--- http_config
    llm_price m input=1 input=2;
--- error_log
llm_price has duplicate parameter "input=2"

=== TEST 161: an empty price
--- http_config
    llm_price m input=;
--- error_log
llm_price has invalid price in "input=": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 162: a price in words
--- http_config
    llm_price m input=cheap;
--- error_log
llm_price has invalid price in "input=cheap": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 163: a negative price
--- http_config
    llm_price m output=-1;
--- error_log
llm_price has invalid price in "output=-1": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 164: a price with a comma
--- http_config
    llm_price m cached=1,5;
--- error_log
llm_price has invalid price in "cached=1,5": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 165: a price in another base
--- http_config
    llm_price m cache_write=0x1;
--- error_log
llm_price has invalid price in "cache_write=0x1": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 166: a price without end
--- http_config
    llm_price m cache_write_1h=1e30;
--- error_log
llm_price has invalid price in "cache_write_1h=1e30": USD for one million tokens are expected, at least 0, such as 0.15

=== TEST 167: the price of a request is one
--- http_config
    llm_price m request=some;
--- error_log
llm_price has invalid price in "request=some": USD for one request are expected, at least 0, such as 0.15

=== TEST 168: max_input is a number of tokens, not 0
--- http_config
    llm_price m max_input=0;
--- error_log
llm_price has invalid number in "max_input=0": a whole number of tokens is expected, at least 1

=== TEST 169: max_input is a number of tokens, not 1.5
--- http_config
    llm_price m max_input=1.5;
--- error_log
llm_price has invalid number in "max_input=1.5": a whole number of tokens is expected, at least 1

=== TEST 170: max_output is a number of tokens, not -1
--- http_config
    llm_price m max_output=-1;
--- error_log
llm_price has invalid number in "max_output=-1": a whole number of tokens is expected, at least 1

=== TEST 171: max_output is a number of tokens, not 1k
--- http_config
    llm_price m max_output=1k;
--- error_log
llm_price has invalid number in "max_output=1k": a whole number of tokens is expected, at least 1

=== TEST 172: a price belongs to no server
--- config
    llm_price m input=1 output=2;
--- error_log
"llm_price" directive is not allowed here

=== TEST 173: a price file has a name
--- http_config
    llm_price_file;
--- error_log
invalid number of arguments in "llm_price_file" directive

=== TEST 174: a price file belongs to no server
--- config
    llm_price_file p.json;
--- error_log
"llm_price_file" directive is not allowed here

=== TEST 175: a price file that is not there
--- http_config
    llm_price_file p.json;
--- error_log
p.json": unable to open

=== TEST 176: a price file that is no JSON
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{
"m": {"input_cost_per_token": 1e-6,}}
--- error_log
p.json:2:

=== TEST 177: a price file that ends too soon
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {
--- error_log
p.json:2:0": 

=== TEST 178: a price file with one model twice
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {}, "m": {}}
--- error_log
p.json:1:13": duplicate object key

=== TEST 179: a price file that is a list
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
[]
--- error_log
p.json" is not an object with a member for each model

=== TEST 180: a model without a name
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"": {"input_cost_per_token": 1}}
--- error_log
p.json": "" has no valid name: 1 to 128 bytes are expected

=== TEST 181: a model that is a number
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": 1}
--- error_log
p.json": "m" is not an object with the prices of the model

=== TEST 182: a price that is true
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": true}}
--- error_log
p.json": "input_cost_per_token" of "m" is neither a number nor a string with one

=== TEST 183: a price that is an object
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"output_cost_per_token": {}}}
--- error_log
p.json": "output_cost_per_token" of "m" is neither a number nor a string with one

=== TEST 184: a price in a string that is none
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": "free"}}
--- error_log
p.json": "input_cost_per_token" of "m" is neither a number nor a string with one

=== TEST 185: a negative price in a file
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": -1e-6}}
--- error_log
p.json": "input_cost_per_token" of "m" is negative: at least 0 is expected

=== TEST 186: a price in a file without end
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": 1e30}}
--- error_log
p.json": "input_cost_per_token" of "m" is too large

=== TEST 187: the price of a request in a file is one
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_request": "x"}}
--- error_log
p.json": "input_cost_per_request" of "m" is neither a number nor a string with one

=== TEST 188: a maximum that is a list
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": 1, "max_input_tokens": []}}
--- error_log
p.json": "max_input_tokens" of "m" is neither a number nor a string with one

=== TEST 189: tiers that are no list
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"tiered_pricing": {}}}
--- error_log
p.json": "tiered_pricing" of "m" is not an array

=== TEST 190: a tier that is a number
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"tiered_pricing": [1]}}
--- error_log
p.json": "tiered_pricing" of "m" holds what is no object

=== TEST 191: a tier whose range is none
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"tiered_pricing": [{"range": []}]}}
--- error_log
p.json": "range" of "m" is not an array that begins with a number of tokens

=== TEST 192: more thresholds than a model can have
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": 1,
"input_cost_per_token_above_1k_tokens": 1,
"input_cost_per_token_above_2k_tokens": 1,
"input_cost_per_token_above_3k_tokens": 1,
"input_cost_per_token_above_4k_tokens": 1,
"input_cost_per_token_above_5k_tokens": 1}}
--- error_log
p.json": "input_cost_per_token_above_5k_tokens" of "m" is for one more threshold than the 4 that a model can have

=== TEST 193: searches whose price is a number
--- http_config
    llm_price_file p.json;
--- user_files
>>> ../conf/p.json
{"m": {"input_cost_per_token": 1,
"search_context_cost_per_query": 1}}
--- error_log
p.json": "search_context_cost_per_query" of "m" is not an object

=== TEST 194: llm_stream_usage has one of its values
--- http_config
    llm_stream_usage on;
--- error_log
llm_stream_usage has invalid value "on": use one of off inject strip

=== TEST 195: llm_stream_usage stands once in a level
--- http_config
    llm_stream_usage off;
    llm_stream_usage off;
--- error_log
"llm_stream_usage" directive is duplicate

=== TEST 196: how often the ledger is carried is a time
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE sync=often;
--- error_log
llm_quota_zone has invalid "sync=often": use a time of at least 10ms, such as 200ms

=== TEST 197: but not all the time
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE sync=9ms;
--- error_log
llm_quota_zone has invalid "sync=9ms": use a time of at least 10ms, such as 200ms

=== TEST 198: how often the disk is told is a time, or off
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE fsync=on;
--- error_log
llm_quota_zone has invalid "fsync=on": use a time of at least 10ms, such as 200ms

=== TEST 199: how long segments are kept is a time
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE retain=0;
--- error_log
llm_quota_zone has invalid "retain=0": use a time of at least 1s, such as 7d

=== TEST 200: a thread pool has a name
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE threads=;
--- error_log
llm_quota_zone has empty "threads=": name a thread_pool

=== TEST 201: and is one
--- http_config
    llm_quota_zone zone=main:1m state=$TEST_NGINX_STATE threads=none;
--- error_log
unknown thread pool "none"

=== TEST 202: many lines with many periods
--- http_config
    llm_user_limit a requests=1/101d requests=1/102d requests=1/103d requests=1/104d requests=1/105d requests=1/106d requests=1/107d requests=1/108d;
    llm_user_limit b requests=1/109d requests=1/110d requests=1/111d requests=1/112d requests=1/113d requests=1/114d requests=1/115d;
    llm_user_limit c budget=1/month requests=1/101d;
    llm_user_limit d requests=1/116d;
--- error_log
llm_user_limit "d" brings the periods of its kind over 16: use fewer different ones
=== TEST 203: a key has a digest
--- http_config
    llm_key ci;
--- error_log
invalid number of arguments in "llm_key" directive

=== TEST 204: a key without a digest
--- http_config
    llm_key ci team=t;
--- error_log
llm_key "ci" has no sha256=HEX

=== TEST 205: a digest of another length
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- error_log
llm_key "ci" has invalid sha256=: use the 64 hexadecimal digits of the key's SHA-256

=== TEST 206: a digest of other digits; what could be the key is not repeated
--- http_config
    llm_key ci sha256=gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg;
--- error_log
llm_key "ci" has invalid sha256=: use the 64 hexadecimal digits of the key's SHA-256

=== TEST 207: a key has one digest
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- error_log
llm_key "ci" has sha256= twice

=== TEST 208: a digest has one key
--- http_config
    llm_key one sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
    llm_key two sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA;
--- error_log
llm_key "two" has the sha256= of "one"

=== TEST 209: a key's ID is its own
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
    llm_key ci sha256=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb;
--- error_log
llm_key has "ci" twice: give each key an ID of its own

=== TEST 210: the default row is no key
--- http_config
    llm_key default sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- error_log
llm_key has invalid ID "default": use 1 to 128 printable bytes, and not "default"

=== TEST 211: a key's ID is an ID
--- http_config
    llm_key ' ci' sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- error_log
llm_key has invalid ID " ci": use 1 to 128 printable bytes, and not "default"

=== TEST 212: a key has one team
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa team=a team=b;
--- error_log
llm_key "ci" has team= twice

=== TEST 213: a key's team has a name
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa team=;
--- error_log
llm_key "ci" has invalid "team=": use 1 to 128 printable bytes, and neither "default" nor "anonymous"

=== TEST 214: a key's team has a name of its own
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa team=anonymous;
--- error_log
llm_key "ci" has invalid "team=anonymous": use 1 to 128 printable bytes, and neither

=== TEST 215: a key's user has a name of his own
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa user=default;
--- error_log
llm_key "ci" has invalid "user=default": use 1 to 128 printable bytes, and neither

=== TEST 216: a key has one user
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa user=a user=b;
--- error_log
llm_key "ci" has user= twice

=== TEST 217: a key expires once
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=2026-12-31
            expires=2026-12-31;
--- error_log
llm_key "ci" has expires= twice

=== TEST 218: a key does not expire at "never"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=never;
--- error_log
llm_key "ci" has invalid "expires=never": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 219: a key does not expire at "2026-02-29"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=2026-02-29;
--- error_log
llm_key "ci" has invalid "expires=2026-02-29": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 220: a key does not expire at "31.12.2026"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=31.12.2026;
--- error_log
llm_key "ci" has invalid "expires=31.12.2026": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 221: a key does not expire at "2026-12-31T18:00"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=2026-12-31T18:00;
--- error_log
llm_key "ci" has invalid "expires=2026-12-31T18:00": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 222: a key does not expire at "2026-12-31T18:00:00"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=2026-12-31T18:00:00;
--- error_log
llm_key "ci" has invalid "expires=2026-12-31T18:00:00": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 223: a key does not expire at "2026-12-31T25:00:00Z"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=2026-12-31T25:00:00Z;
--- error_log
llm_key "ci" has invalid "expires=2026-12-31T25:00:00Z": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 224: a key does not expire at "1969-12-31"
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=1969-12-31;
--- error_log
llm_key "ci" has invalid "expires=1969-12-31": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 225: a key does not expire at ""
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa expires=;
--- error_log
llm_key "ci" has invalid "expires=": use a date or a time after 1970, such as 2026-12-31 or 2026-12-31T18:00:00Z

=== TEST 226: a key's limits are limits
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa rpm=many;
--- error_log
llm_key has "rpm=many", which

=== TEST 227: a key's limits are consistent
--- http_config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa throttle=50%;
--- error_log
"llm_key ci" 

=== TEST 228: keys are made at the http level
--- config
    llm_key ci sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
--- error_log
"llm_key" directive is not allowed here

=== TEST 229: llm_keys has one of its values
--- http_config
    llm_keys on;
--- error_log
llm_keys has invalid value "on": use one of off optional required

=== TEST 230: llm_keys stands once in a level
--- http_config
    llm_keys off;
    llm_keys off;
--- error_log
"llm_keys" directive is duplicate

=== TEST 231: keys are looked at where a zone is named
--- http_config
    llm_keys required;
--- error_log
llm keys are enforced nowhere: name their zone with llm_quota

=== TEST 232: a key's row has limits
--- http_config
    llm_key_limit ci;
--- error_log
llm_key_limit "ci" has no limit, such as rpm=60

=== TEST 233: a limit of a model has a limit
--- http_config
    llm_model_limit m;
--- error_log
llm_model_limit "m" has no limit, such as rpm=60

=== TEST 234: a model has one line
--- http_config
    llm_model_limit m rpm=1;
    llm_model_limit m tpm=1;
--- error_log
llm_model_limit has "m" twice: put its limits in one line

=== TEST 235: counters are those of one model
--- http_config
    llm_model_limit gpt-4* rpm=1;
--- error_log
llm_model_limit has pattern "gpt-4*": name one model, or default for each that has no line

=== TEST 236: also in a pair
--- http_config
    llm_team_model_limit a gpt-4* rpm=1;
--- error_log
llm_team_model_limit has pattern "gpt-4*": name one model, or default for each that has no line

=== TEST 237: a pair takes two IDs
--- http_config
    llm_team_model_limit a;
--- error_log
invalid number of arguments in "llm_team_model_limit" directive

=== TEST 238: and a limit
--- http_config
    llm_team_model_limit a rpm=1;
--- error_log
llm_team_model_limit "a rpm=1" has no limit, such as rpm=60

=== TEST 239: both IDs are IDs
--- http_config
    llm_team_user_limit a "" rpm=1;
--- error_log
llm_team_user_limit has invalid ID "": use 1 to 128 printable bytes

=== TEST 240: the first one, too
--- http_config
    llm_team_user_limit "" a rpm=1;
--- error_log
llm_team_user_limit has invalid ID "": use 1 to 128 printable bytes

=== TEST 241: a pair has one line
--- http_config
    llm_team_user_limit a b rpm=1;
    llm_team_user_limit a c rpm=1;
    llm_team_user_limit default b rpm=1;
    llm_team_user_limit a default rpm=1;
    llm_team_user_limit a b tpm=1;
--- error_log
llm_team_user_limit has "a b" twice: put its limits in one line

=== TEST 242: so have all the others
--- http_config
    llm_team_model_limit default default rpm=1;
    llm_team_model_limit default default tpm=1;
--- error_log
llm_team_model_limit has "default default" twice: put its limits in one line

=== TEST 243: a pair's limits are enforced somewhere
--- http_config
    llm_team_model_limit a m rpm=1;
--- error_log
llm limits are enforced nowhere: name their zone with llm_quota

=== TEST 244: a list of models has models
--- http_config
    llm_team_limit a models=;
--- error_log
llm_team_limit has "models=", which needs models with commas between them, each as it is asked for, the beginning of names with * after it, or @GROUP of llm_model_group

=== TEST 245: each of them
--- http_config
    llm_team_limit a models=m,,n;
--- error_log
llm_team_limit has "models=m,,n", which needs models with commas between them

=== TEST 246: a star stands at the end
--- http_config
    llm_team_limit a models=*-mini;
--- error_log
llm_team_limit has "models=*-mini", which needs models with commas between them

=== TEST 247: a list stands once in a line
--- http_config
    llm_team_limit a models=m models=n;
--- error_log
llm_team_limit has "models=n", which is given twice

=== TEST 248: a group that nobody makes
--- http_config
    llm_model_group small m;
    llm_team_limit a models=m,@large;
--- error_log
llm_team_limit has models= with unknown group "@large": make it with llm_model_group

=== TEST 249: a limit of a model says nothing of others
--- http_config
    llm_model_limit m rpm=1 models=n;
--- error_log
"llm_model_limit m" has models=, which is for those who ask, not for what they ask for

=== TEST 250: nor does a pair with one
--- http_config
    llm_team_model_limit a m models=n;
--- error_log
"llm_team_model_limit a m" has models=, which is for those who ask, not for what they ask for

=== TEST 251: a group has models
--- http_config
    llm_model_group small;
--- error_log
invalid number of arguments in "llm_model_group" directive

=== TEST 252: a group is made once
--- http_config
    llm_model_group small m;
    llm_model_group small n;
--- error_log
llm_model_group has "small" twice: put its models in one line

=== TEST 253: a group's name can stand in a list
--- http_config
    llm_model_group a,b m;
--- error_log
llm_model_group has invalid name "a,b": use printable bytes without *, a comma or @ before them

=== TEST 254: where @ stands before it
--- http_config
    llm_model_group @small m;
--- error_log
llm_model_group has invalid name "@small": use printable bytes without *, a comma or @ before them

=== TEST 255: a group's models are names
--- http_config
    llm_model_group small m gpt-*-mini;
--- error_log
llm_model_group "small" has invalid model "gpt-*-mini": use a name as it is asked for, or the beginning of names with * after it

=== TEST 256: none of them is empty
--- http_config
    llm_model_group small "";
--- error_log
llm_model_group "small" has invalid model "":

=== TEST 257: a group holds no group
--- http_config
    llm_model_group all m @small;
    llm_model_group small n;
--- error_log
llm_model_group "all" has the group "@small": name its models instead

=== TEST 258: llm_cutoff is on or off
--- http_config
    llm_cutoff maybe;
--- error_log
invalid value "maybe" in "llm_cutoff" directive, it must be "on" or "off"

=== TEST 259: llm_cutoff stands once in a level
--- http_config
    llm_cutoff on;
    llm_cutoff on;
--- error_log
"llm_cutoff" directive is duplicate

=== TEST 260: a share is of rates
--- http_config
    llm_model_limit m budget=10 tpd=100 itpm=5 share=team;
--- error_log
"llm_model_limit m" shares nothing: share= needs rpm or tpm in the same line

=== TEST 261: of teams or of keys
--- http_config
    llm_model_limit m rpm=1 share=user;
--- error_log
llm_model_limit has "share=user", which must be team or key

=== TEST 262: only models are shared
--- http_config
    llm_team_limit a rpm=1 share=key;
--- error_log
"llm_team_limit a" has share=, which is for llm_model_limit

=== TEST 263: it is said once
--- http_config
    llm_model_limit m rpm=1 share=key share=team;
--- error_log
llm_model_limit has "share=team", which is given twice

=== TEST 264: a priority that nobody makes
--- http_config
    llm_priority prod 10%;
    llm_team_limit a priority=dev;
--- error_log
llm_team_limit has unknown priority "dev": make it with llm_priority

=== TEST 265: a priority has a name
--- http_config
    llm_team_limit a priority=;
--- error_log
llm_team_limit has "priority=", which needs a name of llm_priority

=== TEST 266: teams and keys have one
--- http_config
    llm_priority prod 10%;
    llm_user_limit a priority=prod;
--- error_log
"llm_user_limit a" has priority=, which is for those who share a model: teams and keys

=== TEST 267: nobody else has
--- http_config
    llm_priority prod 10%;
    llm_model_limit m rpm=1 priority=prod;
--- error_log
"llm_model_limit m" has priority=, which is for those who share a model: teams and keys

=== TEST 268: shares of more than there is
--- http_config
    llm_priority prod 60%;
    llm_priority dev 41% lend;
--- error_log
llm_priority "dev" brings the shares of all priorities to 101%: use at most 100%

=== TEST 269: a share is a percent
--- http_config
    llm_priority prod 101%;
--- error_log
llm_priority "prod" has invalid share "101%": use a percent from 0% to 100%

=== TEST 270: in whole numbers
--- http_config
    llm_priority prod 0.5;
--- error_log
llm_priority "prod" has invalid share "0.5": use a percent from 0% to 100%

=== TEST 271: what else there is
--- http_config
    llm_priority prod 10% borrow;
--- error_log
llm_priority "prod" has invalid parameter "borrow": only lend is known

=== TEST 272: a priority is made once
--- http_config
    llm_priority prod 10%;
    llm_priority prod 20%;
--- error_log
llm_priority has "prod" twice

=== TEST 273: who has none is no priority
--- http_config
    llm_priority default 10%;
--- error_log
llm_priority has invalid name "default": use 1 to 128 printable bytes, but not default

=== TEST 274: how many there may be
--- http_config
    llm_priority p0 1%;
    llm_priority p1 1%;
    llm_priority p2 1%;
    llm_priority p3 1%;
    llm_priority p4 1%;
    llm_priority p5 1%;
    llm_priority p6 1%;
    llm_priority p7 1%;
    llm_priority p8 1%;
    llm_priority p9 1%;
    llm_priority p10 1%;
    llm_priority p11 1%;
    llm_priority p12 1%;
    llm_priority p13 1%;
    llm_priority p14 1%;
    llm_priority p15 1%;
--- error_log
llm_priority "p15" is one more than the 15 that there may be

=== TEST 275: it has a share
--- http_config
    llm_priority prod;
--- error_log
invalid number of arguments in "llm_priority" directive

=== TEST 276: a label has a plain name
--- http_config
    llm_label "a b" x;
--- error_log
llm_label has invalid name "a b": use 1 to 64 letters, digits, "_", "-" and "."

=== TEST 277: which is not long
--- http_config
    llm_label aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa x;
--- error_log
llm_label has invalid name "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": use 1 to 64 letters

=== TEST 278: nor empty
--- http_config
    llm_label "" x;
--- error_log
llm_label has invalid name "": use 1 to 64 letters

=== TEST 279: a label is there once
--- http_config
    llm_label app x;
    llm_label app y;
--- error_log
llm_label has "app" twice

=== TEST 280: how many labels there may be
--- http_config
    llm_label l0 x;
    llm_label l1 x;
    llm_label l2 x;
    llm_label l3 x;
    llm_label l4 x;
    llm_label l5 x;
    llm_label l6 x;
    llm_label l7 x;
    llm_label l8 x;
--- error_log
llm_label "l8" is one more than the 8 that there may be

=== TEST 281: a label has a value
--- http_config
    llm_label app;
--- error_log
invalid number of arguments in "llm_label" directive
