# Alerts of what is no budget: rates, models without a price or usage, trouble
# and its end.

use lib 't/lib';
use LLMAlert;
use RedisServer;

my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';

my $hook = RawUpstream->start('*' => { json => '{}' });

my $upstream = RawUpstream->start(
    '/mute/v1/chat/completions' => { json => '{"choices":[]}' },
    '/new/v1/chat/completions'  => { json => usage(10, 5, model => 'new') },
    '*'                         => { json => usage(10, 5) },
);

my $alerts = <<'EOF_ALERTS';
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/all name=all events=all
                           near=50%;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/more name=more
                           events=rate_near near=80%;
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/usual name=usual;
    llm_alert main slack   http://127.0.0.1:%%HOOK%%/text name=text events=all;
EOF_ALERTS


sub gateway
{
    return LLMAlert->new(
        hook => $hook, upstream => $upstream, alerts => $alerts,
        limits => 'rpm=10 tpm=100m', workers => 2,
        zone => 'zone=main:1m state=%%DIR%%/tmp/state sync=50ms', @_
    );
}


# Those of an event that came to a path, as soon as there are so many.

sub told
{
    my ($event, $n, $path) = @_;

    my @told;

    eval {
        wait_until {
            @told = grep { $_->{event} eq $event } bodies($hook, $path // '/all');
            @told >= $n;
        } $event, 30;
    };

    is(scalar(@told), $n, "$event, so often");

    return @told;
}


# What people read of it

sub text
{
    my ($id) = @_;

    my $text;

    eval {
        wait_until {
            ($text) = grep { /\b$id\b/ }
                      map { $_->{text} } bodies($hook, '/text');
        } 'the text', 10;
    };

    return $text // '';
}


# Models

my $t = gateway(limits => 'rpm=1000 tpm=100m')->start;

my @new = (path => '/new/v1/chat/completions');

$t->chat('red', @new, body => '{"model":"new"}') for 1 .. 3;
my ($unpriced) = told('unpriced', 1);
is("$unpriced->{model} $unpriced->{severity}", 'new warning',
   'a model without a price');
like(text($unpriced->{id}), qr/is used and has no price/, 'in words');
like(text($unpriced->{id}), qr/What to do: give it an llm_price/, 'with advice');

$t->chat('red', path => '/mute/v1/chat/completions');
my ($estimated) = told('estimated', 1);
is("$estimated->{model} $estimated->{event_message}",
   'm Model m: answers of model m state no usage, and are charged by '
   . 'estimates', 'a model that states no usage');

# another model tells that what went before was looked at
$t->reload;
$t->chat('blue', @new, body => '{"model":"new"}');
$t->chat('blue', @new, body => '{"model":"newer"}');
told('unpriced', 2);
told('unpriced', 0, '/usual');
$t->finish;


# Rates, while the clock is moved

SKIP: {
    skip 'a moved clock and this mode do not go together', 7
        if $LLMBase::mode =~ /sanitize|valgrind/;

    $t = gateway(main => "env FAKETIME_TIMESTAMP_FILE;\nenv FAKETIME_NO_CACHE;");

    my $clock = $t->dir . '/tmp/clock';
    my $passed = 0;

    my $later = sub {
        $passed += $_[0];

        LLMBase::spew("$clock.new", "+$passed\n");
        rename "$clock.new", $clock or die "$clock: $!\n";
    };

    # an alert of a rate is that of an hour
    $later->(3600 - time % 3600);

    {
        local @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE)}
            = ($faketime, $clock, 1);

        $t->start;
    }

    $t->chat('green') for 1 .. 5;
    my ($near) = told('rate_near', 1);
    is("$near->{team_id} $near->{threshold} $near->{used} $near->{limit}",
       'green 50 5 10', 'near its rate');

    $t->chat('green') for 1 .. 5;
    my ($more) = told('rate_near', 1, '/more');
    is("$more->{threshold} $more->{event_message}",
       '80 Team green: 100% of 10 requests a minute',
       'another channel has its own idea of near');

    # whoever waits is refused no more
    for (1 .. 5) {
        1 while $t->chat('green')->{status} == 200;
        $later->(15);
    }

    my ($refused) = told('rate_refused', 1);
    like(text($refused->{id}),
         qr/requests are refused\.\nSince .* UTC\.\nNext: requests are refused/,
         'refused for a minute');
    told('rate_near', 1);

    $t->finish;
}


# Trouble: of the ledger and of Redis at once, and the leader dies meanwhile

my $redis = RedisServer->start;

$t = gateway(
    http => "    llm_quota_redis zone=main redis://127.0.0.1:%%REDIS%%;\n",
    vars => { REDIS => $redis->port, HOOK => $hook->port }
)->start;

$t->expect_log(qr/\[crit\].*open\(\) for llm_quota ledger/);
$t->expect_log(qr/\[crit\].*store of zone "main" cannot be used/);

chmod 0555, $t->state_dir;
$redis->crash;
$t->chat('red');

my ($redis_lost) = told('redis', 1);
my ($ledger_lost) = told('ledger', 1);

is("$redis_lost->{severity} $redis_lost->{event_message}",
   'warning Zone main: Redis cannot be reached', 'Redis is lost');
ok($redis_lost->{detail}, 'with a reason');
like(text($ledger_lost->{id}), qr/the ledger cannot be written\.\nSince/,
     'the ledger cannot be written');

$t->kill_worker($_) for $t->workers;
chmod 0755, $t->state_dir;
$redis->again;

my (undef, $redis_back) = told('redis', 2);
my (undef, $ledger_back) = told('ledger', 2);

is($redis_back->{resolves}, $redis_lost->{id}, 'Redis is back');
is($ledger_back->{resolves}, $ledger_lost->{id}, 'the ledger is written');
like($ledger_back->{event_message}, qr/the ledger can be used again/,
     'in words');
is(scalar(map { told($_, 2, '/usual') } qw(redis ledger)), 4,
   'those who do not say want to hear of that');
$t->finish;


# A zone that is too small

$t = gateway(server => <<'EOF_SERVER',
        llm_customer $http_x_customer;
        llm_customer_limit default rpm=1000;
EOF_SERVER
             limits => 'rpm=9000 tpm=100m',
             zone => 'zone=main:512k state=%%DIR%%/tmp/state sync=50ms')->start;

$t->expect_log(qr/\[crit\].*llm_quota zone "main" is full/);

for my $batch (0 .. 19) {
    $t->parallel(map { ['POST', '/v1/chat/completions', '{"model":"m"}',
                        'X-Team' => 'red', 'X-Customer' => "c$batch-$_"] }
                     1 .. 32);
    last if $t->log =~ /is full/;
}

my ($full) = told('zone_full', 1);
is($full->{event_message}, 'Zone main: shared memory is full', 'it is full');
like(text($full->{id}), qr/make the zone larger/, 'with advice');
$t->finish;

done_testing();
