# What llm_alert takes, and what is wrong with one that it does not.

use lib 't/lib';

# an nginx that has ended logs nothing that one would have to wait for
BEGIN { $ENV{TEST_NGINX_SLEEP} = 0.001 }

use LLMNginx;

my $files = "$LLMBase::run/alert-config";

mkdir $files;

my %files = (url => "https://hooks.example/T0/s3cret\n", key => "k3y\n",
             open => "k3y\n", lines => "one\ntwo\n", empty => "\n",
             bad => "hooks.example/s3cret\n");

for my $name (keys %files) {
    LLMBase::spew("$files/$name", $files{$name});
    chmod $name eq 'open' ? 0644 : 0640, "$files/$name";
}

$ENV{TEST_NGINX_FILES} = $files;

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config',
        "    llm_quota_zone zone=\$TEST_NGINX_ZONE state=\$TEST_NGINX_STATE;\n"
        . $block->http_config) if $block->http_config !~ /llm_quota_zone/;

    $block->set_value('config', 'location = /x { return 204; }');
    $block->set_value('request', 'GET /x');

    if (defined $block->logged) {
        $block->set_value('error_code', 204);
        return;
    }

    (my $text = $block->error_log) =~ s/\n\z//;

    $block->set_value('error_log', [qr/\[emerg\] .*\Q$text\E/]);
    $block->set_value('no_error_log', [qr/s3cret|k3y/]);
    $block->set_value('must_die', '');
    $block->set_value('suppress_stderr', '');
});

run_tests();

__DATA__

=== TEST 1: all that there is
--- http_config
    llm_alert main slack url_file=$TEST_NGINX_FILES/url events=all near=95%;
    llm_alert main slack http://127.0.0.1:1/ severity=critical timeout=100ms;
    llm_alert main webhook https://u:p@127.0.0.1:1/hook?a=b
              secret_file=$TEST_NGINX_FILES/key events=store,ledger name=hook;
    llm_alert main email smtp://127.0.0.1:1 from=a@b to=c@d,e@f;
    llm_alert main email smtp://127.0.0.1:1 from=a@b to=c@d
              user=u password_file=$TEST_NGINX_FILES/key starttls=required;
    llm_alert main email smtps://127.0.0.1 from=a@b to=g@h starttls=auto
              ca=$TEST_NGINX_FILES/key severity=warning;
    llm_alert main pagerduty routing_key_file=$TEST_NGINX_FILES/key;
--- logged
--- no_error_log
[warn]

=== TEST 2: a secret that everybody may read
--- http_config
    llm_alert main pagerduty routing_key_file=$TEST_NGINX_FILES/open;
--- logged
1 times [warn] ... llm_alert has a secret in ... everybody on this machine may read
--- error_log
everybody on this machine may read

=== TEST 3: a channel has a kind
--- http_config
    llm_alert main pigeon http://127.0.0.1/;
--- error_log
llm_alert has invalid channel "pigeon": use slack, webhook, email or pagerduty

=== TEST 4: a zone that is not made
--- http_config
    llm_alert other slack http://127.0.0.1/;
--- error_log
llm_alert has unknown zone "other": make it with llm_quota_zone in

=== TEST 5: a zone that keeps nothing
--- http_config
    llm_quota_zone zone=main:1m;
    llm_alert main slack http://127.0.0.1/;
--- error_log
llm_alert needs "state=DIR" of zone "main"

=== TEST 6: nowhere to go
--- http_config
    llm_alert main slack events=all;
--- error_log
slack and webhook need a URL or url_file=

=== TEST 7: a parameter that is not known, which may be a secret
--- http_config
    llm_alert main slack hooks.example/s3cret;
--- error_log
llm_alert slack has an invalid parameter: use a URL, url_file= events= severity= near= timeout= ca= name=

=== TEST 8: a parameter of another kind
--- http_config
    llm_alert main slack http://127.0.0.1/ secret_file=$TEST_NGINX_FILES/key;
--- error_log
llm_alert slack has no parameter "secret_file="

=== TEST 9: an empty parameter
--- http_config
    llm_alert main slack http://127.0.0.1/ events=;
--- error_log
llm_alert has empty "events="

=== TEST 10: another scheme
--- http_config
    llm_alert main slack file:///etc/s3cret;
--- error_log
llm_alert has an invalid URL: use https://host/path or http://host/path

=== TEST 11: no URL in a file
--- http_config
    llm_alert main slack url_file=$TEST_NGINX_FILES/bad;
--- error_log
llm_alert has an invalid URL: use https://host/path

=== TEST 12: no such port
--- http_config
    llm_alert main webhook http://127.0.0.1:99999/s3cret;
--- error_log
llm_alert has an invalid URL

=== TEST 13: two URLs
--- http_config
    llm_alert main slack http://127.0.0.1/ http://127.0.0.2/;
--- error_log
llm_alert has two URLs

=== TEST 14: a file that is not there
--- http_config
    llm_alert main slack url_file=$TEST_NGINX_FILES/nothing;
--- error_log
nothing" failed (2: No such file or directory)

=== TEST 15: a file with more than a line
--- http_config
    llm_alert main pagerduty routing_key_file=$TEST_NGINX_FILES/lines;
--- error_log
llm_alert wants one line of text in

=== TEST 16: a file with nothing
--- http_config
    llm_alert main pagerduty routing_key_file=$TEST_NGINX_FILES/empty;
--- error_log
llm_alert wants one line of text in

=== TEST 17: PagerDuty has a key
--- http_config
    llm_alert main pagerduty severity=critical;
--- error_log
pagerduty needs routing_key_file=

=== TEST 18: a mail comes from somebody
--- http_config
    llm_alert main email smtp://127.0.0.1 to=a@b;
--- error_log
email needs a URL, from= and to=

=== TEST 19: and has an address
--- http_config
    llm_alert main email smtp://127.0.0.1 from=a@b to=a@b,c;
--- error_log
llm_alert has invalid "to=a@b,c": use addresses with commas in between

=== TEST 20: from whom, too
--- http_config
    llm_alert main email smtp://127.0.0.1 "from=A <a@b>" to=a@b;
--- error_log
llm_alert has invalid "from=A <a@b>": use an address

=== TEST 21: the password is not in the URL
--- http_config
    llm_alert main email smtp://u:s3cret@127.0.0.1 from=a@b to=a@b;
--- error_log
a mail server's has no path and no user, which are user= and password_file=

=== TEST 22: a user has a password
--- http_config
    llm_alert main email smtp://127.0.0.1 from=a@b to=a@b user=u;
--- error_log
email needs both of user= and password_file=, or none

=== TEST 23: a password is not sent in the clear
--- http_config
    llm_alert main email smtp://127.0.0.1 from=a@b to=a@b starttls=off
              user=u password_file=$TEST_NGINX_FILES/key;
--- error_log
email sends no password in the clear: leave out starttls=off

=== TEST 24: STARTTLS
--- http_config
    llm_alert main email smtp://127.0.0.1 from=a@b to=a@b starttls=maybe;
--- error_log
llm_alert has invalid "starttls=maybe": use auto, required or off

=== TEST 25: certificates
--- http_config
    llm_alert main slack https://127.0.0.1/ ca=$TEST_NGINX_FILES/nothing;
--- error_log
llm_alert has no certificates in "ca=

=== TEST 26: an event
--- http_config
    llm_alert main slack http://127.0.0.1/ events=store,birthday;
--- error_log
llm_alert has invalid "events=store,birthday": use all or some, with commas in between, of soft_budget_crossed budget_crossed

=== TEST 27: a severity
--- http_config
    llm_alert main slack http://127.0.0.1/ severity=high;
--- error_log
llm_alert has invalid "severity=high": use warning, for all alerts, or critical

=== TEST 28: near
--- http_config
    llm_alert main slack http://127.0.0.1/ near=100%;
--- error_log
llm_alert has invalid "near=100%": use 1% to 99%

=== TEST 29: a time
--- http_config
    llm_alert main slack http://127.0.0.1/ timeout=2m;
--- error_log
llm_alert has invalid "timeout=2m": use 100ms to 60s

=== TEST 30: a name
--- http_config
    llm_alert main slack http://127.0.0.1/ "name= x";
--- error_log
llm_alert has invalid name: use 1 to 128 printable bytes

=== TEST 31: the same twice
--- http_config
    llm_alert main slack http://127.0.0.1/;
    llm_alert main slack http://127.0.0.1/ events=all;
--- error_log
of zone "main" twice, first in
