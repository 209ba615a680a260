# Alerts as an administrator sees them: what was told to whom, what will be, and
# a test of a channel.

use lib 't/lib';
use JSON::PP;
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $hook = RawUpstream->start(
    '/bad' => { status => 500, json => '{}' }, '*' => { json => '{}' },
);

my $t = LLMApi->new(
    upstream => $upstream, vars => { HOOK => $hook->port },
    zone => 'zone=main:2m state=%%DIR%%/tmp/state sync=50ms',
    limits => 'rpm=1000 tpm=100m budget=0.00006/month',
    http => <<'EOF_HTTP', server => <<'EOF_SERVER')->start;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/good name=good;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/bad name=bad;
    llm_alert main slack   http://127.0.0.1:%%HOOK%%/text name=text
                           events=budget_reset;
EOF_HTTP
        location = /metrics { llm_quota_metrics main; }
EOF_SERVER


sub alerts { return @{$t->api(GET => '/alerts', @_)->{alerts}} }


# "channel state attempts" of all deliveries of an alert

sub deliveries
{
    my ($alert) = @_;

    return join ', ', map { "$_->{channel} $_->{state}" }
                      @{$alert->{deliveries}};
}


sub wait_for
{
    my ($id, $expected, $name) = @_;

    my $alert;

    eval {
        wait_until {
            ($alert) = grep { $_->{id} eq $id } alerts();
            $alert && deliveries($alert) eq $expected;
        } $name, 20;
    };

    is(deliveries($alert), $expected, $name);

    return $alert;
}


# What was crossed

is($t->chat('red')->{status}, 200, 'a request that crosses a budget');

my $alert;

wait_until { ($alert) = alerts() } 'the alert', 20;
$alert = wait_for($alert->{id}, 'bad pending, good delivered',
                  'to whom it was told');

is("$alert->{event} $alert->{subject} $alert->{alert}{percent}",
   'budget_crossed red 100', 'what it is');

my ($bad, $good) = @{$alert->{deliveries}};

is("$good->{attempts} '$good->{error}'", "1 ''", 'at once');
like($good->{time}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'when');
like($bad->{error}, qr/500|it was begun/, 'what is wrong with the other');
cmp_ok($bad->{time}, 'gt', $good->{time}, 'when it is tried again');

is($t->sql("SELECT count(*) FROM alert"), 2, 'that it begins again is noted');
is(join(' ', map { $_->{event} } alerts()), 'budget_crossed',
   'and not shown before its time');

my $csv = $t->get('/alerts?format=csv',
                  Authorization => "Bearer $LLMApi::master")->{body};
is(() = $csv =~ /\n/g, 2, 'as lines: a heading and an alert');

my $key = $t->api(POST => '/key/generate', { team_id => 'red' });
my ($own) = alerts(undef, Authorization => "Bearer $key->{key}");
is("$own->{event} " . (exists $own->{deliveries} ? 'to whom' : 'no more'),
   'budget_crossed no more', 'a team sees what is told of it, not to whom');


# A test

my $trial = $t->api(POST => '/alerts/test', { channel => 'good' });
is($t->status . " @{$trial->{channels}}", '200 good', 'a test');
wait_for($trial->{id}, 'good delivered', 'arrives');

my ($told) = grep { $_->{id} eq $trial->{id} }
             map { decode_json($_->{body}) }
             grep { $_->{path} eq '/good' } $hook->requests;
is("$told->{event} $told->{event_message}",
   'test Zone main: this is a test of where alerts go', 'and says that it is');

my $all = $t->api(POST => '/alerts/test', {});
is("@{$all->{channels}}", 'good bad text', 'all of them');
isnt($all->{id}, $trial->{id}, 'which is another');
wait_for($all->{id}, 'bad pending, good delivered, text delivered',
         'also to who wants to hear of other things');

is($t->refused(POST => '/alerts/test', { channel => 'none' }),
   '404 There is no llm_alert of this name for the zone.', 'no such channel');
is($t->refused(POST => '/alerts/test', { channel => 7 }),
   '422 Input should be a valid string', 'no channel at all');
$t->api(POST => '/alerts/test', {}, Authorization => "Bearer $key->{key}");
is($t->status, 403, 'not for who has a virtual key');


# What is counted

my $metrics;

eval {
    wait_until {
        $metrics = $t->get('/metrics')->{body};
        $metrics =~ /event="budget_crossed",channel="bad",outcome="failed"\} [1-9]/;
    } 'the failures', 10;
};

for ('"budget_crossed",channel="good",outcome="delivered"} 1',
     '"test",channel="good",outcome="delivered"} 2',
     '"test",channel="text",outcome="delivered"} 1',
     '"budget_crossed",channel="bad",outcome="delivered"} 0',
     '"budget_crossed",channel="good",outcome="failed"} 0',
     '"budget_crossed",channel="good",outcome="given_up"} 0')
{
    like($metrics, qr/^llm_quota_alerts_total\{event=\Q$_\E$/m, $_);
}

$t->expect_log(qr/do not reach "bad"/);
$t->finish;


# Who has no channels has nothing to try

$t = LLMApi->new(upstream => $upstream)->start;
is($t->refused(POST => '/alerts/test', {}),
   '404 There is no llm_alert for the zone.', 'no channels');
$t->finish;

done_testing();
