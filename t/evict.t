# A zone that is too small still enforces: who is idle leaves it, and is read
# from the store when he comes again.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

# A request costs 60 millionths: the second of a customer is refused, and that
# of a team that no row names.

my $server = <<'EOF';
        llm_customer $http_x_customer;

        location /known/ {
            llm_quota main fail=closed;
            llm_team_limit default budget=0.00006;
            llm_team_limit gold budget=1000;
            llm_customer_limit default budget=0.00006;
            proxy_pass http://provider;
        }
EOF

my $minute = <<'EOF';
        location /minute/ {
            llm_team_limit gold rpm=1000;
            llm_team_limit default rpm=1000;
            llm_customer_limit default rpm=2;
            proxy_pass http://provider;
        }
EOF


sub gateway
{
    return LLMGateway->new(
        upstream => $upstream, server => $server,
        keepalive => 'keepalive 32;',
        zone => 'zone=main:512k state=%%DIR%%/tmp/state sync=10ms fsync=off', @_
    );
}


sub request
{
    my ($path, $team, $customer) = @_;

    return ['POST', "/$path/v1/chat/completions",
            '{"model":"m","max_tokens":1}', 'X-Team' => $team,
            'X-Customer' => $customer];
}


# How many answers of each status there are.

sub tally
{
    my %n;

    $n{$_->{status}}++ for @_;

    return join ', ', map { "$n{$_} x $_" } sort keys %n;
}


# Requests of customers, some at once; and of the team that brings them, in
# each batch one more.  Returns the answers to both.

sub flood
{
    my ($t, $path, @names) = @_;

    my (@answers, @gold);

    while (my @batch = splice @names, 0, 25) {
        push @answers,
             $t->parallel(map({ request($path, 'gold', $_) } @batch),
                          request($path, 'gold', ''));
        push @gold, pop @answers;
    }

    return (\@answers, \@gold);
}


# "name requests cost" of all of a kind, as the store and the ledger have it.

sub in_store
{
    my ($t, $type) = @_;

    return $t->sql("SELECT id || ' ' || requests || ' ' || cost FROM meter
                    WHERE period = 'month' AND type = '$type' ORDER BY id");
}


sub in_ledger
{
    my ($t, $type) = @_;

    my (%requests, %cost);

    for my $line (grep { $_->{"${type}_id"} ne '' } $t->lines) {
        my $name = $line->{"${type}_id"};

        $requests{$name}++;
        $cost{$name} += sprintf '%.0f', 1e9 * $line->{cost_usd};
    }

    return join "\n", map { "$_ $requests{$_} $cost{$_}" } sort keys %requests;
}


sub agree
{
    my ($t, $what) = @_;

    for my $type ('customer', 'team') {
        wait_until { in_store($t, $type) eq in_ledger($t, $type) }
                   "$what: the store to have what the ledger has", 10;
        is(in_store($t, $type), in_ledger($t, $type), "$what: each $type");
    }
}


# Ten times more customers than fit, each in turn, beside teams: one whom a row
# names, and one whom the default row bears on.

my $customers = 2500;
my $t = gateway(workers => 2);

$t->start;

for my $round (1, 2) {
    my ($answers, $gold) = flood($t, 'known', map { "c$_" } 1 .. $customers);

    is(tally(@$answers), "$customers x " . ($round == 1 ? 200 : 403),
       "round $round: each customer has his budget");
    is(tally(@$gold), '100 x 200', "round $round: the team goes on");
    is(tally($t->parallel(request('known', 'plain', ''))),
       '1 x ' . ($round == 1 ? 200 : 403),
       "round $round: another has its budget, too");

    $t->reload;
}

$t->settle_all;
agree($t, 'a flood');
is(scalar($upstream->requests), $customers + 2 * 100 + 1 + 1,
   'the upstream served what the budgets let');
is(scalar($t->lines), scalar($upstream->requests), 'each has its line');
unlike($t->log, qr/is full/, 'the zone was never full');


# The same with deaths in between: of a worker, of all, of the zone.

my %end = (
    worker  => sub { $t->kill_worker(($t->workers)[0]) },
    crash   => sub { $t->crash; $t->start },
    restart => sub { $t->quit; $t->start },
);

for my $how (sort keys %end) {
    my @names = map { "$how-$_" } 1 .. 260;
    my ($answers) = flood($t, 'known', @names);

    is(tally(@$answers), '260 x 200', "$how: before");

    # what is written is not lost
    wait_until { in_ledger($t, 'customer') =~ /^\Q$how\E-260 1 /m } 'the lines';
    $end{$how}->();

    ($answers) = flood($t, 'known', @names);
    is(tally(@$answers), '260 x 403', "$how: each had his budget");
}

$t->settle_all;
agree($t, 'deaths');
unlike($t->log, qr/is full/, 'the zone was never full');
$t->finish;


# A worker dies while many come and others leave.

$t = gateway(workers => 2);
$t->start;

for my $k (1 .. 4) {
    my @clients = map { $t->open(@{request('known', 'gold', "k$k-$_")}) }
                      1 .. 60;

    $t->kill_worker(($t->workers)[$k % 2]);
    $_->answer for @clients;
}

my ($answers, $gold) = flood($t, 'known', map { "late-$_" } 1 .. 300);

is(tally(@$answers), '300 x 200', 'after deaths: who is new is let in');
is(tally(@$gold), '12 x 200', 'after deaths: the team goes on');
$t->settle_all;
agree($t, 'after deaths');

# who was charged is refused

my %charged = map { $_->{customer_id} => 1 }
              grep { $_->{cost_usd} >= 0.00006 } $t->lines;

delete $charged{''};
($answers) = flood($t, 'known', sort keys %charged);
is(tally(@$answers), keys(%charged) . ' x 403',
   'after deaths: each has his budget');
$t->finish;


# Nobody leaves before his minute is over.  A zone that is full of such lets
# pass or refuses whoever is new, as fail= says; the limits of those who are
# known hold.

$t = gateway(server => $server . $minute);
$t->start;
$t->expect_log(qr/\[crit\].*llm_quota zone "main" is full/);

is(tally(map { $t->parallel(request('minute', 'gold', 'first')) } 1 .. 3),
   '2 x 200, 1 x 429', 'the first customer');

($answers, $gold) = flood($t, 'minute', map { "m$_" } 1 .. 400);
is(tally(@$answers, @$gold), '416 x 200', 'full or not, they pass');
$t->wait_log(qr/\[crit\].*llm_quota zone "main" is full/);

is(tally($t->parallel(request('minute', 'gold', 'first'))), '1 x 429',
   'full: the first customer is still known');
is(tally($t->parallel(request('known', 'another', ''))), '1 x 200',
   'full: a team has room');
is(tally($t->parallel(request('known', 'gold', 'new'))), '1 x 503',
   'full: a new customer has not');
is(tally($t->parallel(request('known', 'gold', ''))), '1 x 200',
   'full: a team that a row names goes on');
is(() = $t->log =~ /is full/g, 1, 'full: it is told once');
$t->settle_all;
is(scalar($t->lines('gold')), 419, 'full: what passed has its line');
$t->finish;


# Teams that are invented: those whom rows name do not feel it.

$t = gateway(workers => 2);
$t->start;

for my $round (1, 2) {
    my @answers;

    for my $k (1 .. 15) {
        push @answers, $t->parallel(map({ request('known', "t$k-$_", '') }
                                        1 .. 20),
                                    request('known', 'gold', ''));
    }

    is(tally(@answers), $round == 1 ? '315 x 200' : '15 x 200, 300 x 403',
       "invented teams: round $round");
}

$t->settle_all;
agree($t, 'invented teams');
$t->finish;


# Without a store a sum that still counts is never forgotten.

$t = gateway(zone => 'zone=main:512k');
$t->start;
$t->expect_log(qr/\[crit\].*llm_quota zone "main" is full/);

is(tally(map { $t->parallel(request('known', 'gold', 'first')) } 1, 2),
   '1 x 200, 1 x 403', 'without a store: a budget');

flood($t, 'known', map { "c$_" } 1 .. 400);
$t->wait_log(qr/\[crit\].*llm_quota zone "main" is full/);

is(tally(map { $t->parallel(request('known', 'gold', 'first')) } 1, 2),
   '2 x 403', 'without a store: it is remembered in a full zone');
is(tally($t->parallel(request('known', 'gold', ''))), '1 x 200',
   'without a store: the team goes on');


# Nor with one that came later, which has nothing of it.

$t->reload(zone => 'zone=main:512k state=%%DIR%%/tmp/state sync=10ms');
wait_until { $t->chat('gold')->{status} == 200 && $t->lines('gold') }
           'the ledger';
flood($t, 'known', map { "d$_" } 1 .. 300);
is(tally($t->parallel(request('known', 'gold', 'first'))), '1 x 403',
   'a later store: what was before it is remembered');


# And one that is taken away again is asked no more.

$t->reload(zone => 'zone=main:512k');
is(tally($t->parallel(request('known', 'new', ''))), '1 x 200',
   'no store any more: who is new passes');
is(tally($t->parallel(request('known', 'gold', 'first'))), '1 x 403',
   'no store any more: who is known is known');
$t->finish;


done_testing;
