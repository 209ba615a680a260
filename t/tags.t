# Tags: labels that have limits of their own, made over the admin API, enforced
# like all others and counted in the same lines.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start(
    '/held/v1/chat/completions' => { json => usage(10, 5), hold => 'held' },
    '*' => { json => usage(10, 5) },
);

# a request costs 0.00006

my $t = LLMApi->new(
    upstream => $upstream,
    zone => 'zone=main:4m state=%%DIR%%/tmp/state sync=50ms',
    http => <<'EOH',
        llm_label tag $http_x_litellm_tags;
        llm_label app $http_x_app;
        llm_label twin $http_x_twin;
        add_header X-Limit $llm_limit always;
EOH
)->start;


sub chat
{
    my ($team, @headers) = @_;

    return $t->chat($team, headers => [@headers]);
}


sub tags { return ('X-LiteLLM-Tags' => $_[0]) }


sub status { return join ' ', map { $_->{status} } @_ }


sub message
{
    my ($answer) = @_;

    return $answer->{body} =~ /"message":"([^"]*)"/ ? $1 : '';
}


sub new_tag
{
    my ($name, @members) = @_;

    $t->api(POST => '/tag/new', { name => $name, @members });
    return $t->status;
}


sub info
{
    my ($name) = @_;

    return $t->api(POST => '/tag/info', { names => [$name] })->{$name};
}


# What the store has of a tag: "requests tokens nano-dollars".

sub stored
{
    my ($tag, $period) = @_;

    return $t->sql("SELECT requests || ' ' || (input + output) || ' ' || cost
                    FROM meter WHERE type = 'tag' AND id = '$tag'
                    AND period = '$period'") // '';
}


sub stored_is
{
    my ($tag, $period, $sums, $name) = @_;

    my $now;

    eval { LLMTest::wait_until { ($now = stored($tag, $period)) =~ /^$sums$/ }
           'the store', 5 };
    like($now, qr/^$sums$/, $name);
}


# no tag, no limit

is(chat('a', tags('web'))->{status}, 200, 'before any tag is made');
is($t->line('a')->{tags}, undef, '... a label is no tag');


# a budget

is(new_tag('web', max_budget => 0.0001, budget_duration => '1d'), 200,
   'a tag with a budget');
is(status(map { chat($_, tags('web')) } 'b', 'c'), '200 200',
   'two teams within it');

my $refused = chat('d', tags('web'));

is($refused->{status}, 403, 'it is spent, for whoever comes with it');
like(message($refused), qr/^Budget has been exceeded! Tag=web Current cost: 0\.00012, Max budget: 0\.0001\. Resets /,
     '... in words');
is($refused->{headers}{'x-limit'}, 'tag:web budget=0.0001/day', '... by its limit');
is(status(chat('d'), chat('d', tags('other'))), '200 200',
   'not for others');

is_deeply($t->line('b')->{tags}, ['web'], 'its lines name it');
is_deeply($t->line('b')->{labels}, { tag => 'web' }, '... beside the labels');
stored_is('web', 'day', '2 30 120000', 'the store has it');
is(info('web')->{spend}, 0.00012, '... and the API tells it');
ok(info('web')->{budget_reset_at}, '... and when it begins anew');

my $status = $t->api(GET => '/quota/status?tag=web')->{subjects}[0];

is_deeply([@{$status}{qw(scope id)}], ['tag', 'web'], 'how it stands');


# raised, deleted

$t->api(POST => '/tag/update', { name => 'web', max_budget => 0.0002 });
is(chat('d', tags('web'))->{status}, 200, 'raised');
$t->api(POST => '/tag/update', { name => 'web', max_budget => 0.0001 });
is(chat('d', tags('web'))->{status}, 403, '... and lowered again');


# rates, names, several at once

is(new_tag('app:shop', rpm_limit => 2), 200, 'a tag of a label and its value');
is(status(map { chat('e', 'X-App' => 'shop') } 1 .. 3), '200 200 429',
   '... with a rate');
like(message(chat('e', 'X-App' => 'shop')), qr/Tag=app:shop rpm=2, used 2,/,
     '... in words');
is(status(chat('e', 'X-App' => 'bar'), chat('e', tags('shop'))), '200 200',
   'other values are others');

is(new_tag('free', tpm_limit => 100000), 200, 'one that is not used up');

my $before = $t->api(GET => '/quota/status?tag=free');

is(status(chat('f', tags('free'), 'X-App' => 'shop')), '429',
   'of several one refuses');
is_deeply($t->api(GET => '/quota/status?tag=free')->{subjects},
          $before->{subjects}, '... and nothing counts toward another');

is(new_tag('twin:x', description => 'x'), 200, 'a tag without limits');
is(new_tag('app:b', max_budget => 1), 200, 'a third');
is(status(chat('g', tags('free'), 'X-App' => 'b', 'X-Twin' => 'x')), '200',
   'several that pass');
is_deeply([sort @{$t->line('g')->{tags}}], ['app:b', 'free'],
          '... are all in the line');
is(status(chat('h', tags('app:b'), 'X-App' => 'b')), '200', 'the same twice');
is_deeply($t->line('h')->{tags}, ['app:b'], '... is one');
stored_is('app:b', '', '2 30 120000', '... and counts once');


# hostile values

is(status(chat('i', tags("a\xff\"]}{\"type\":\"usage\"")), chat('i', tags('x' x 300))),
   '200 200', 'what cannot be a tag is none');


# tiers

$t->api(POST => '/budget/new', { budget_id => 'small', rpm_limit => 1 });
is(new_tag('tier', budget_id => 'small'), 200, 'a tag with a tier');
is(status(map { chat('j', tags('tier')) } 1 .. 2), '200 429', '... has its limits');


# a worker dies with a request that it has admitted

my $client = $t->ask('m', path => '/held/v1/chat/completions',
                     headers => ['X-App' => 'b']);

LLMTest::wait_until { $upstream->waiting('held') } 'the request';
$t->kill_worker($_) for $t->workers;
is_deeply($t->line('m')->{tags}, ['app:b'], 'who writes its line knows them');
$upstream->release('held', 1);
undef $client;
is(chat('k', tags('web'))->{status}, 403, 'after the death of workers');

# a restart

$t->stop;
$t->start;
is(chat('k', tags('web'))->{status}, 403, 'after a restart');
is(status(chat('k', 'X-App' => 'shop')), '429', '... the minute is known, too');

$t->crash;
$t->start;
is(chat('k', tags('web'))->{status}, 403, 'after a kill of everything');
is(chat('l', tags('app:b'))->{status}, 200, 'one with room goes on');
stored_is('app:b', '', '4 \d+ \d+', '... from where it was');

$t->api(POST => '/tag/delete', { name => 'web' });
is(chat('k', tags('web'))->{status}, 200, 'a tag that is deleted limits nobody');

done_testing();
