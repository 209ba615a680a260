# Alerts in the outbox reach their channels over HTTP: what each is sent,
# whatever receivers do.

use lib 't/lib';
use LLMAlert;
use Digest::SHA qw(hmac_sha256_hex);

my $hook = RawUpstream->start(
    '/500'   => [{ status => 500 }, { status => 503 }, { json => '{}' }],
    '/cut'   => { body => 'x' x 100, cut => 10 },
    '/reset' => [{ raw => 'HTTP/1.1 ', reset => 1 }, { json => '{}' }],
    '/stall' => [{ json => '{}', hold => 'never' }, { json => '{}' }],
    '/drip'  => { body => 'x' x 50, pieces => 1, pause => 0.02 },
    '/large' => { body => 'x' x 200_000 },
    '/429'   => [{ status => 429, headers => ['Retry-After' => 3] },
                 { json => '{}' }],
    '/404'   => { status => 404, body => 'no_service' },
    '/302'   => { status => 302, headers => [Location => '/plain'] },
    '*'      => { json => '{"ok":true}' },
);

my $dir = $LLMBase::run;
my @files = map { "$dir/$_" } qw(url secret key);

LLMBase::spew($files[0], 'http://127.0.0.1:' . $hook->port . "/secret-path\n");
LLMBase::spew($files[1], 's3cret');
LLMBase::spew($files[2], "R0UTING\n");
chmod 0600, @files;

my $t = LLMAlert->new(hook => $hook, alerts => <<EOF_ALERTS . <<'EOF_ALERTS');
    llm_alert main webhook url_file=$files[0] secret_file=$files[1] name=signed;
    llm_alert main pagerduty routing_key_file=$files[2]
                   url=http://127.0.0.1:%%HOOK%%/pager name=pager;
    llm_alert main slack http://127.0.0.1:@{[LLMBase::free_port()]}/ name=dead;
    llm_alert main slack http://127.0.0.1:@{[LLMBase::free_port()]}/ name=old;
    llm_alert main slack http://127.0.0.1:@{[LLMBase::free_port()]}/ name=heap;
EOF_ALERTS
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/plain name=plain;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/slack name=slack;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/500 name=500;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/cut name=cut;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/reset name=reset;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/stall name=stall
                   timeout=300ms;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/drip name=drip
                   timeout=30s;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/large name=large;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/429 name=429;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/404 name=404;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/302 name=302;
EOF_ALERTS

$t->start;


# What each is sent

$t->put('a-1', 'plain slack signed pager');
is($t->told('a-1', $_), 1, "told to $_ at once")
    for qw(plain slack signed pager);

my ($plain) = $hook->requests('/plain');

is($plain->{method}, 'POST', 'a POST');
is($plain->{headers}{'content-type'}, 'application/json', 'of JSON');
is($plain->{headers}{'x-llm-quota-id'}, 'a-1', 'with its id');
is($plain->{headers}{'x-llm-quota-signature'}, undef, 'not signed');
is($plain->{body}, $t->sql("SELECT json FROM alert WHERE id = 'a-1'"),
   'the document as it is in the store');

my ($signed) = $hook->requests('/secret-path');

is($signed->{headers}{'x-llm-quota-signature'}, 'sha256='
   . hmac_sha256_hex("$signed->{headers}{'x-llm-quota-timestamp'}."
                     . $signed->{body}, 's3cret'), 'signed');
ok(abs($signed->{headers}{'x-llm-quota-timestamp'} - $signed->{time}) < 60,
   'now');

my ($slack) = bodies($hook, '/slack');

like($slack->{text},
     qr/^\x{26a0}\x{fe0f}\ \*LLM\ Budget\ Alert\*\n
        Team:\ `marketing`\n
        Usage:\ 80%\ of\ \$100\.00\ monthly\ budget\.\n/x, 'text for Slack');

my ($pager) = bodies($hook, '/pager');

is(join(' ', @$pager{qw(routing_key event_action dedup_key)}),
   'R0UTING trigger a-1', 'an event for PagerDuty');

$t->put('a-2', 'pager', event => 'budget_reset', resolves => 'a-1');
$t->told('a-2', 'pager');
is(join(' ', map { "$_->{event_action} $_->{dedup_key}" }
             bodies($hook, '/pager')),
   'trigger a-1 resolve a-1', 'and its end');


# Whatever receivers do

$t->put_all('heap', map { alert("h-$_") } 1 .. 50);
$t->put('b-1', '500 cut reset stall drip large 429 404 302 dead plain');
is($t->told('b-1', 'plain'), 1, 'nobody waits for another');
is($t->told('b-1', $_), 1, "who said 200 has it: $_") for qw(drip cut large);
is($t->told('b-1', $_, 20), 2, "again after $_") for qw(reset stall);
is($t->told('b-1', '500', 20), 3, 'and again after 500');
cmp_ok($t->sql("SELECT sum(attempts) FROM delivery WHERE channel = 'heap'"),
       '<=', 10, 'a dead one is not asked for all that wait');
is($t->told('b-1', '429', 20), 2, 'after 429');

my @asked = map { $_->{time} } $hook->requests('/429');

cmp_ok($asked[1] - $asked[0], '>', 2, 'not before the time it asked for');

my @tries = map { $_->{time} } $hook->requests('/500');

cmp_ok($tries[2] - $tries[1], '>', 1.9, 'each time after twice as long');

my $due = "SELECT CASE WHEN due > 1000 * CAST(strftime('%s') AS INTEGER)
                                  + 500000 THEN 'later' ELSE due END
           FROM delivery WHERE alert = 'b-1' AND channel =";

for my $channel (404, 302) {
    is($t->delivery('b-1', $channel),
       "0 1 the receiver answered $channel", "$channel is no");
    is($t->sql("$due '$channel'"), 'later', 'it is not asked soon again');
}

is(scalar(grep { $_->{id} eq 'b-1' } bodies($hook, '/plain')), 1,
   'a redirect is not followed');
like($t->delivery('b-1', 'dead'), qr/^0 \d+ (?:Failed to connect|it was begun)/,
     'a dead one waits');
like($t->log, qr/\[error\].*alerts of zone "main" do not reach "dead", and are/,
     'it is told');
is(() = $t->log =~ /\[error\].*do not reach "500"/g, 1, 'once');
like($t->log, qr/\[notice\].*alerts of zone "main" reach "500" again/,
     'and its end');


# What is old is given up, and so is what nobody can read

$t->put('c-1', 'old 404', time => 1000 * (time - 25 * 3600));
wait_until { $t->delivery('c-1', 'old') =~ /^2 1 Failed to connect/
             && $t->delivery('c-1', '404') =~ /^2 1 the receiver/ }
           'it to be given up';
$t->wait_log(qr/\[error\].*alert "c-1" of zone "main" was not told to "404"/);

$t->put('c-2', 'plain slack', event => 'birthday');
wait_until { $t->delivery('c-2', 'plain') eq '2 1 its document cannot be read'
             && $t->delivery('c-2', 'slack') =~ /^2 / } 'it to be given up';
pass('what cannot be read');


# A channel that is no more

$t->put('d-1', 'gone plain');
is($t->told('d-1', 'plain'), 1, 'its other channel is told');
is($t->delivery('d-1', 'gone'), '0 0 ', 'and it waits');

unlike($t->log, qr/secret-path|s3cret|R0UTING/, 'no secret in the log');
is($t->sql("SELECT count(*) FROM delivery WHERE error LIKE '%http%'"), 0,
   'nor in the store');
$t->finish;


# Proxies of the environment; and a workflow of Teams

$t = LLMAlert->new(hook => $hook, alerts => <<'EOF_ALERTS',
    llm_alert main slack http://x.logic.azure.com/flow?sig=1 name=teams;
    llm_alert main slack http://chat.example/hook name=chat;
EOF_ALERTS
    main => 'env http_proxy=http://127.0.0.1:%%HOOK%%;');

$t->start;
$t->put('e-1', 'teams chat');
is($t->told('e-1', $_), 1, "$_ through a proxy") for qw(teams chat);

my ($teams) = bodies($hook, 'http://x.logic.azure.com/flow?sig=1');

is($teams->{attachments}[0]{content}{type}, 'AdaptiveCard', 'a card');
is(scalar(bodies($hook, 'http://chat.example/hook')), 1, 'and a text');
$t->finish;

done_testing();
