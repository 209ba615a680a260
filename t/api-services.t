# /health/services: a test to the channels of alerts.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $hook = RawUpstream->start('/broken' => { status => 500 },
                              '*' => { json => '{}' });
my $port = $hook->port;

my $t = LLMApi->new(upstream => $upstream, http => <<"EOF")->start;
    llm_alert main webhook http://127.0.0.1:$port/hook name=one;
    llm_alert main webhook http://127.0.0.1:$port/more name=two events=redis;
    llm_alert main slack http://127.0.0.1:$port/slack;
    llm_alert main slack http://127.0.0.1:$port/broken name=broken;
EOF

my $sent = $t->api(GET => '/health/services?service=webhook');

is("$sent->{status} @{$sent->{channels}}", 'success one two',
   'those of a type have it');

my ($told) = map { JSON::PP::decode_json($_->{body}) }
             $hook->requests('/hook');

is("@$told{qw(id event event_group event_message)}",
   "$sent->{id} test proxy Zone main: this is a test of where alerts go",
   'what they are told');
is(scalar $hook->requests('/more'), 1, 'whatever events they want');

$t->api(GET => '/health/services?service=one');
is($t->status . ' ' . $hook->requests('/hook') . ' '
   . $hook->requests('/more'), '200 2 1', 'one, by its name');
like($t->refused(GET => '/health/services?service=broken'),
     qr/^500 The test failed in channel broken: .*500/, 'one that fails');
is($t->refused(GET => '/health/services?service=email'),
   '400 No llm_alert of this zone has the type or the name "email"',
   'none of this type');
is($t->refused(GET => '/health/services'), '422 query.service: Field required',
   'none that is named');
like($t->refused(GET => '/health/services?service=one', undef,
                 Authorization => 'Bearer sk-unknown'), qr/^401 /,
     'not for everybody');
is($t->api(GET => '/alerts')->{alerts}[-1]{event}, 'test',
   'they are among the alerts');

$t->finish;
done_testing();
