# Facts that are no usage: corrections and resets of what was spent, by four
# workers; the sums of the ledger, the store and the zone are equal, whatever
# happens in between.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $t = LLMApi->new(upstream => $upstream,
                    limits => 'rpm=100k tpm=100m budget=1000 budget=50/day');

my @order = qw(requests prompt_tokens completion_tokens cost_usd);


# "requests tokens nano-dollars" of a team that the ledger has, what was taken
# off by resets included.

sub ledger
{
    my ($team) = @_;

    my @sum = (0, 0, 0);

    for my $line ($t->lines($team)) {
        my ($add) = $line->{type} eq 'reset'
                  ? grep { $_->{period} eq 'month' } @{$line->{periods}}
                  : $line;

        $sum[0] += $add->{requests} // 1;
        $sum[1] += $add->{prompt_tokens} + $add->{completion_tokens};
        $sum[2] += sprintf '%.0f', 1e9 * $add->{cost_usd};
    }

    return "@sum";
}


sub shown
{
    my ($team) = @_;

    return $t->sql("SELECT (requests - base_requests) || ' '
                    || (input + output - base_input - base_output) || ' '
                    || (cost - base_cost) FROM meter WHERE period = 'month'
                    AND type = 'team' AND id = '$team'");
}


sub periods
{
    my ($team) = @_;

    my $status = $t->api(GET => "/quota/status?team_id=$team");

    return { map { $_->{period} => $_ } @{$status->{subjects}[0]{periods}} };
}


sub zone
{
    my ($team) = @_;

    my $month = periods($team)->{month} // return 'nothing';

    return join ' ', $month->{requests},
                     $month->{input_tokens} + $month->{output_tokens},
                     sprintf '%.0f', 1e9 * $month->{spend};
}


sub agree
{
    my ($team, $sum, $what) = @_;

    is(ledger($team), $sum, "$what: the ledger");
    is(zone($team), $sum, "$what: the zone");
    wait_until { shown($team) eq $sum } "$what: the store to have it";
    is(shown($team), $sum, "$what: the store");
}


sub ask { is($t->chat($_[0])->{status}, 200, 'a request') for 1 .. $_[1] }


$t->start;

# Corrections

ask('a', 3);
wait_until { $t->lines('a') == 3 } 'the lines';

my $made = $t->api(POST => '/adjust', {
    team_id => 'a', cost_usd => '1.000000001', prompt_tokens => 100,
    completion_tokens => 20, requests => 2, reason => 'charged too little',
}, 'litellm-changed-by' => 'carol');

is($t->status, 200, 'a correction');
like($made->{id}, qr/^[0-9a-f]{16}-\d+$/, 'has an id');

my ($line) = grep { $_->{id} eq $made->{id} } $t->lines('a');

is("@$line{qw(type team_id user_id customer_id key_id model), @order}",
   'correction a     2 100 20 1.000000001', 'its line is in the ledger');
is("@$line{qw(reason changed_by changed_by_api_key address)}",
   'charged too little carol master 127.0.0.1', 'with who and why');
agree('a', '5 165 1000180001', 'more');
is(zone('a'), '5 165 1000180001', 'in every worker') for 1 .. 8;

$t->api(POST => '/adjust?reason=too+much', { team_id => 'a', cost_usd => -1,
                                             prompt_tokens => -50 });
is($t->status, 200, 'less');
agree('a', '5 115 180001', 'less');

my $audit;

wait_until {
    $audit = $t->api(GET => '/audit?kind=team&id=a')->{audit};
    @$audit == 2;
} 'the audit';

is(join(' ', map { "@$_{qw(changed_by reason action)} $_->{after}{cost_usd}" }
             reverse @$audit),
   'carol charged too little correction 1.000000001'
   . '  too much correction -1', 'the audit has both');
is($audit->[1]{after}{id}, $made->{id}, 'with the line');

for (['nothing to do', { team_id => 'a', reason => 'r' },
      '400 cost_usd is nothing, and so are requests and tokens'],
     ['no reason', { team_id => 'a', cost_usd => 1 },
      '422 body.reason: Field required'],
     ['no amount', { team_id => 'a', cost_usd => [], reason => 'r' },
      '422 body.cost_usd: Input should be a valid number'],
     ['half a token', { team_id => 'a', prompt_tokens => 'x', reason => 'r' },
      '422 body.prompt_tokens: Input should be a valid number'],
     ['too many', { team_id => 'a', requests => 1e17, reason => 'r' },
      '400 requests is too large'],
     ['no team', { team_id => 7, cost_usd => 1, reason => 'r' },
      '422 body.team_id: Input should be a valid string'],
     ['a name that is none', { team_id => "a\n", cost_usd => 1,
                               reason => 'r' },
      '400 team_id is not at most 128 printable characters'],
     ['the future', { team_id => 'a', cost_usd => 1, reason => 'r',
                      timestamp => '2099-01-01' },
      '400 timestamp is no time of the past'],
     ['more than there is', { team_id => 'a', cost_usd => -1,
                              reason => 'r' },
      '400 team has less than what is to be taken off'])
{
    is($t->refused(POST => '/adjust', $_->[1]), $_->[2], $_->[0]);
}

agree('a', '5 115 180001', 'refused ones');

# A correction of yesterday is none of today, nor of last month's of this one.

$t->api(POST => '/adjust', { team_id => 'a', cost_usd => 2, reason => 'old',
                             timestamp => '2024-02-03T04:05:06Z' });
is($t->status, 200, 'of long ago');
is(zone('a'), '5 115 180001', 'is not of this month');
wait_until {
    $t->sql("SELECT cost FROM meter WHERE period = 'month' AND type = 'team'
             AND id = 'a' AND start = 1706745600") eq '2000000000'
} 'it is of its own';
is($t->sql("SELECT cost FROM usage WHERE day = '2024-02-03'"), '2000000000',
   'and of its day');

# Of several at once, which one request would have: pairs, too

my $key = $t->api(POST => '/key/generate', { team_id => 'b' });

$t->api(POST => '/adjust', { team_id => 'b', user_id => 'u', customer_id => 'c',
                             key => $key->{key}, model => 'm', cost_usd => 3,
                             reason => 'r' });
is($t->status, 200, 'of many');
wait_until {
    $t->sql("SELECT group_concat(type || '=' || cost, ' ') FROM (SELECT * FROM
             meter WHERE cost = 3000000000 AND period = 'month'
             ORDER BY type)")
    eq 'customer=3000000000 key=3000000000 team=3000000000 user=3000000000'
} 'all of them have it';
is($t->api(GET => "/key/info?key=$key->{key}")->{info}{spend}, 3,
   'the key shows it');
is($t->api(GET => "/quota/status?key=$key->{key}")
       ->{subjects}[0]{periods}[0]{spend}, 3, 'live, too');

# Many

my $bulk = $t->api(POST => '/adjust/bulk', { reason => 'prices', adjustments => [
    (map { { team_id => 'bulk', cost_usd => $_ } } 1 .. 20),
    { team_id => 'bulk', cost_usd => -1000 }, 'x', { team_id => 'bulk' },
    { team_id => 'bulk', cost_usd => '-10', reason => 'its own' },
] });

is("$bulk->{failed} " . @{$bulk->{adjustments}}, '3 24', 'many at once');
is(join(', ', map { $_->{error} // () } @{$bulk->{adjustments}}),
   'has less than what is to be taken off, '
   . 'Input should be a valid dictionary, '
   . 'is nothing, and so are requests and tokens', 'each for itself');
agree('bulk', '0 0 200000000000', 'many');
is(scalar(grep { $_->{reason} eq 'its own' } $t->lines('bulk')), 1,
   'a reason of its own');
is($t->refused(POST => '/adjust/bulk', { adjustments => {} }),
   '422 body.adjustments: Input should be a valid list', 'no list');

# Resets

ask('r', 4);
wait_until { $t->lines('r') == 4 } 'the lines';

$t->api(POST => '/adjust', { team_id => 'r', cost_usd => 5, reason => 'r' });

my $reset = $t->api(POST => '/team/r/reset_spend?reason=new+year',
                    { reset_to => 1.5 });

is($t->status, 200, 'a reset');
is("@$reset{qw(team_id spend previous_spend)}", 'r 1.5 5.00024',
   'tells what was');
agree('r', '4 60 1500000000', 'a reset');
is(periods('r')->{day}{spend} . '', '1.5', 'of every period');
is($t->sql("SELECT total_cost_usd FROM team_usage WHERE team_id = 'r'"),
   '5.00024', 'what was used stays in the history');
is($t->sql("SELECT generation FROM meter WHERE id = 'r' AND period = 'month'"),
   1, 'it is another generation');
is($t->refused(POST => '/team/r/reset_spend', { reset_to => 2 }),
   '400 reset_to must be <= current spend', 'upwards');
is($t->refused(POST => '/team/r/reset_spend', { reset_to => -1 }),
   '400 reset_to must be >= 0', 'below nothing');
is($t->refused(POST => '/team/r/reset_spend', { reset_to => 'x' }),
   '422 body.reset_to: Input should be a valid number', 'to what is none');
is($t->refused(POST => '/team/nobody/reset_spend', {}),
   '404 Team not found, passed team id: nobody.', 'of nobody');
is($t->refused(POST => "/key/$key->{token}/reset_spend", {}),
   '422 body.reset_to: Field required', 'a key\'s needs it');
$t->api(POST => "/key/$key->{key}/reset_spend", { reset_to => 0 });
is($t->api(GET => "/key/info?key=$key->{key}")->{info}{spend}, 0,
   'a key\'s spend');
$t->api(POST => '/user/u/reset_spend', {});
is($t->status, 200, 'a user\'s');
$t->api(POST => '/customer/c/reset_spend', {});
is($t->status, 200, 'a customer\'s');
agree('b', '0 0 3000000000', 'their team');

# A budget that is spent is there again for every worker at once.

$t->api(POST => '/adjust', { team_id => 's', cost_usd => 51, reason => 'r' });
is($t->chat('s')->{status}, 403, 'spent') for 1 .. 4;
$t->api(POST => '/team/s/reset_spend', {});
is($t->chat('s')->{status}, 200, 'and again') for 1 .. 8;

# All of them: users and customers keep theirs, the sums of all stay.

my $all = $t->api(POST => '/global/spend/reset?reason=audit');

is("$all->{message} $all->{status}",
   'Spend for all API Keys and Teams reset successfully success', 'all');
like(zone($_), qr/^\d+ \d+ 0$/, "team $_ has spent nothing")
    for qw(a b bulk r s);
is($t->sql("SELECT total_cost_usd FROM team_usage WHERE team_id = 'bulk'"),
   200, 'the history stays');
agree('bulk', '0 0 0', 'all');

# Under load, by all workers at once: nothing is lost, nothing is doubled.

my @calls = map {
    (['POST', '/v1/chat/completions',
      '{"model":"m","max_tokens":1,"messages":[]}', 'X-Team' => 'load'],
     ['POST', '/adjust', '{"team_id":"load","cost_usd":1,"reason":"r"}',
      Authorization => "Bearer $LLMApi::master"],
     $_ % 10 ? () : ['POST', '/team/load/reset_spend', '{}',
                     Authorization => "Bearer $LLMApi::master"])
} 1 .. 40;

my $good = 0;

while (my @some = splice @calls, 0, 21) {
    $good += $_->{status} == 200 for $t->parallel(@some);
}

is($good, 84, 'many at once');
wait_until { $t->lines('load') == 84 } 'all lines';
agree('load', ledger('load'), 'many at once');

# What was answered outlives everything.

sub survives
{
    my ($what, $happens) = @_;

    $t->api(POST => '/adjust', { team_id => 'k', cost_usd => 7,
                                 reason => $what });
    $t->api(POST => '/team/k/reset_spend', { reset_to => 3 });
    $t->api(POST => '/adjust', { team_id => 'k', cost_usd => 1,
                                 reason => $what });
    is($t->status, 200, $what);

    $happens->();
    $t->ready;

    ask('k', 1);
    wait_until { zone('k') =~ / 4000060000$/ } "$what: the zone";
    wait_until { $t->lines('k') % 4 == 0 } 'the line';
    agree('k', ledger('k'), $what);

    $t->api(POST => '/team/k/reset_spend', { reset_to => 0 });
    $t->api(POST => '/adjust', { team_id => 'k', cost_usd => 1, reason => 'r' });
    $t->api(POST => '/adjust', { team_id => 'k', cost_usd => -1, reason => 'r' });
    $t->api(POST => '/adjust', { team_id => 'k', requests => 1, reason => 'r' });
}

survives('the end of everything', sub { $t->crash; $t->start });
survives('a restart', sub { $t->quit; $t->start });
survives('a reload', sub { $t->reload });
survives('the end of the workers', sub { $t->kill_worker($_) for $t->workers });
survives('another zone', sub {
    $t->reload(zone => 'zone=main:2m state=%%DIR%%/tmp/state');
});

my %seen;

$seen{$_->{id}}++ for $t->lines;
is_deeply([grep { $seen{$_} > 1 } keys %seen], [], 'no id is there twice');

my $n = grep { $_->{type} =~ /^(?:correction|reset)$/ } $t->lines;

wait_until {
    $t->sql("SELECT count(*) FROM audit WHERE action IN ('correction',
             'reset')") == $n
} 'the audit';
is($t->sql("SELECT count(DISTINCT after) FROM audit WHERE action IN
            ('correction', 'reset')"), $n, 'the audit has each of them once');

$t->finish;
done_testing();
