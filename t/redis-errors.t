# What is wrong with llm_quota_redis is told by an [emerg] that names the file,
# the line, the directive and what would be right.

use lib 't/lib';

# an nginx that has ended logs nothing that one would have to wait for
BEGIN { $ENV{TEST_NGINX_SLEEP} = 0.001 }

use LLMNginx;

LLMBase::spew("$LLMBase::run/password", "secret\n");
LLMBase::spew("$LLMBase::run/empty", "\nsecret\n");
LLMBase::spew("$LLMBase::run/long", 'x' x 513, "\n");

$ENV{TEST_NGINX_RUN} = $LLMBase::run;

add_block_preprocessor(sub {
    my $block = shift;

    (my $text = $block->error_log) =~ s/\n\z//;

    $block->set_value('http_config',
                      "llm_quota_zone zone=\$TEST_NGINX_ZONE "
                      . "state=\$TEST_NGINX_STATE;\n" . $block->http_config);
    $block->set_value('error_log',
                      [qr/\[emerg\] .*\Q$text\E.* in \S+nginx\.conf:\d+$/]);
    $block->set_value('config', '');
    $block->set_value('must_die', '');
    $block->set_value('suppress_stderr', '');
});

run_tests();

__DATA__

=== TEST 1: a zone that is shared
--- http_config
    llm_quota_redis redis://127.0.0.1;
--- error_log
llm_quota_redis has no zone=NAME: name what is shared

=== TEST 2: an address
--- http_config
    llm_quota_redis zone=main;
--- error_log
llm_quota_redis has no address: use redis://[user@]host[:port][/db], rediss://... or unix:PATH

=== TEST 3: a zone that is there
--- http_config
    llm_quota_redis zone=other redis://127.0.0.1;
--- error_log
llm_quota_redis has unknown zone "other": make it with llm_quota_zone

=== TEST 4: a zone that remembers
--- http_config
    llm_quota_zone zone=other:1m;
    llm_quota_redis zone=other redis://127.0.0.1;
--- error_log
llm_quota_redis has zone "other", which keeps nothing: give its llm_quota_zone a state=DIR

=== TEST 5: one Redis for a zone
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1;
    llm_quota_redis zone=main redis://127.0.0.2;
--- error_log
llm_quota_redis has zone "main" twice: use one Redis for it

=== TEST 6: a parameter that it does not know
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 colour=red;
--- error_log
llm_quota_redis has invalid parameter "colour=red": use zone=NAME,

=== TEST 7: a mode that it does not know
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 mode=loose;
--- error_log
llm_quota_redis has invalid parameter "mode=loose": use zone=NAME, redis://[user@]host[:port][/db], rediss://..., unix:PATH, mode=periodic, mode=strict,

=== TEST 8: a scheme that it does not know
--- http_config
    llm_quota_redis zone=main http://127.0.0.1;
--- error_log
llm_quota_redis has invalid "http://127.0.0.1": use redis://[user@]host[:port][/db], rediss://... or unix:PATH

=== TEST 9: a port
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1:65536;
--- error_log
llm_quota_redis has invalid "redis://127.0.0.1:65536": use a port from 1 to 65535

=== TEST 10: a database
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1/first;
--- error_log
llm_quota_redis has invalid "redis://127.0.0.1/first": use the number of a database, from 0 to 65535, behind the host

=== TEST 11: no password in the open
--- http_config
    llm_quota_redis zone=main redis://me:secret@127.0.0.1;
--- error_log
name a user only, a password is read from password_file=FILE

=== TEST 12: no relative path of a socket
--- http_config
    llm_quota_redis zone=main unix:redis.sock;
--- error_log
llm_quota_redis has invalid "unix:redis.sock": use unix:PATH with an absolute path of at most 107 bytes

=== TEST 13: an IPv6 address that is none
--- http_config
    llm_quota_redis zone=main redis://[1::2::3];
--- error_log
llm_quota_redis has "redis://[1::2::3]" that is not found: invalid IPv6 address

=== TEST 14: several addresses without Sentinels
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 redis://127.0.0.2;
--- error_log
llm_quota_redis has 2 addresses: use one, or name the master of these Sentinels with sentinel=MASTER

=== TEST 15: Sentinels of several databases
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1/1 redis://127.0.0.2 sentinel=m;
--- error_log
llm_quota_redis has "redis://127.0.0.2", which differs from the address before it in more than host and port: use one scheme, user and database

=== TEST 16: Sentinels with TLS and without
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 rediss://127.0.0.2 sentinel=m;
--- error_log
llm_quota_redis has "rediss://127.0.0.2", which differs from the address before it

=== TEST 17: users of several names
--- http_config
    llm_quota_redis zone=main redis://me@127.0.0.1 redis://we@127.0.0.2 sentinel=m;
--- error_log
llm_quota_redis has "redis://we@127.0.0.2", which differs from the address before it

=== TEST 18: a user without a password
--- http_config
    llm_quota_redis zone=main redis://me@127.0.0.1;
--- error_log
llm_quota_redis has user "me" without a password: add password_file=FILE

=== TEST 19: a file that is not there
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 password_file=/nowhere;
--- error_log
llm_quota_redis cannot open "/nowhere" of "password_file=" (2: No such file or directory)

=== TEST 20: a file that cannot be read
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 password_file=/tmp;
--- error_log
llm_quota_redis cannot read "/tmp" of "password_file=" (21: Is a directory)

=== TEST 21: a file without a password
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 password_file=$TEST_NGINX_RUN/empty;
--- error_log
whose first line is no password: use 1 to 512 bytes

=== TEST 22: a file with more than a password
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 password_file=$TEST_NGINX_RUN/long;
--- error_log
whose first line is no password: use 1 to 512 bytes

=== TEST 23: an authority without TLS
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 ca=/ca.pem;
--- error_log
llm_quota_redis has "ca=/ca.pem" without TLS: use rediss:// for it

=== TEST 24: an authority that is not there
--- http_config
    llm_quota_redis zone=main rediss://127.0.0.1 ca=/nowhere.pem;
--- error_log
llm_quota_redis cannot use "ca=/nowhere.pem": name a file of certificates in PEM

=== TEST 25: an authority that is none
--- http_config
    llm_quota_redis zone=main rediss://127.0.0.1 ca=$TEST_NGINX_RUN/password;
--- error_log
/password": name a file of certificates in PEM

=== TEST 26: no time
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 timeout=0;
--- error_log
llm_quota_redis has invalid "timeout=0": use a time of at least 1ms, such as 50ms

=== TEST 27: a time that is none
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 timeout=soon;
--- error_log
llm_quota_redis has invalid "timeout=soon": use a time of at least 1ms, such as 50ms

=== TEST 28: an empty value
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 sentinel=;
--- error_log
llm_quota_redis has empty "sentinel=": say what it is, or leave it out

=== TEST 29: a prefix with braces
--- http_config
    llm_quota_redis zone=main redis://127.0.0.1 "prefix={a}";
--- error_log
llm_quota_redis has invalid "prefix={a}": use 1 to 64 printable characters other than braces

=== TEST 30: something
--- http_config
    llm_quota_redis;
--- error_log
invalid number of arguments in "llm_quota_redis" directive

