# Limits are exact however many requests come at once, to however many
# workers, and what a request held is free again however it ends.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IO::Select;

my $one = usage(5, 1, model => 'big');
my @events = sse(5, 1, 'one', 'two');

my $upstream = RawUpstream->start(
    map({ ("/$_/v1/chat/completions" => { json => $one, hold => 'money' }) }
        qw(off estimate strict)),
    '/held/v1/chat/completions'   => { json => $one, hold => 'held' },
    '/error/v1/chat/completions'  => { status => 500, hold => 'way' },
    '/reset/v1/chat/completions'  => { raw => '', reset => 1, hold => 'way' },
    '/way/v1/chat/completions'    => { json => $one, hold => 'way' },
    '/cut/v1/chat/completions'    => { sse => \@events, hold => 'way',
                                       hold_at => 10, cut => 20 },
    '/stream/v1/chat/completions' => { sse => \@events, hold => 'way',
                                       hold_at => 2 + length $events[0] },
    '*'                           => { json => $one },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    workers => 2,
    limits => 'rpm=20 tpm=100m budget=1000',
    vars => { DEAD => LLMBase::free_port() },
    http => 'llm_price big input=0 output=1000000;',
    server => <<'EOF'
        llm_user $http_x_user;

        location /off/ {
            llm_team_limit default budget=3;
            llm_reserve off;
            proxy_pass http://provider;
        }

        location /estimate/ {
            llm_team_limit default budget=3;
            llm_reserve estimate;
            proxy_pass http://provider;
        }

        location /strict/ {
            llm_team_limit default budget=3;
            llm_reserve strict;
            proxy_pass http://provider;
        }

        location /parallel/ {
            llm_team_limit default parallel=3;
            llm_user_limit poor budget=0;
            proxy_pass http://provider/;
        }

        location /parallel/dead/ {
            llm_team_limit default parallel=3;
            proxy_pass http://127.0.0.1:%%DEAD%%;
        }

        location /parallel/timeout/ {
            llm_team_limit default parallel=3;
            proxy_pass http://provider/way/;
            proxy_read_timeout 100ms;
        }
EOF
);

$t->start;


# n requests of a team, whose last bytes are sent together

sub at_once
{
    my ($n, $team, $path, $body) = @_;

    my $last = chop $body;
    my $request = "POST /$path HTTP/1.1\r\nHost: localhost\r\n"
                  . "X-Team: $team\r\nConnection: close\r\nContent-Length: "
                  . (1 + length $body) . "\r\n\r\n$body";

    my @clients = map { $t->open_raw($request) } 1 .. $n;

    $_->send($last) for @clients;

    return @clients;
}


sub statuses
{
    my (@clients) = @_;

    my %n;

    $n{$_->answer->{status}}++ for @clients;

    return join ', ', map { "$n{$_} of $_" } sort keys %n;
}


# Waits until all are decided about: answered, or held by the upstream.

sub decided
{
    my ($gate, @clients) = @_;

    my $sockets = IO::Select->new(map { $_->{socket} } @clients);

    wait_until {
        $sockets->can_read(0) + $upstream->waiting($gate) == @clients
    } 'all to be decided';

    return $upstream->waiting($gate);
}


# A dollar each.

my $dollar = '{"model":"big","max_tokens":1}';

for my $reserve ('estimate', 'strict') {
    my $path = "$reserve/v1/chat/completions";
    my @clients = at_once(30, $reserve, $path, $dollar);

    is(decided('money', @clients), 3, "$reserve: three pass");
    is($t->chat($reserve, path => "/$path", body => $dollar)->{status}, 403,
       "$reserve: three dollars are spoken for");
    $upstream->release('money', 3);
    is(statuses(@clients), '3 of 200, 27 of 403', "$reserve: three dollars");
    is((split ' ', $t->used($reserve))[2], 3, "$reserve: and no cent more");
    is($t->chat($reserve, path => "/$path", body => $dollar)->{status}, 403,
       "$reserve: three dollars are spent");
}

my @clients = at_once(30, 'off', 'off/v1/chat/completions', $dollar);

is(decided('money', @clients), 30, 'off: all pass');
$upstream->release('money', 30);
is(statuses(@clients), '30 of 200', 'off: what is in flight does not count');
is($t->chat('off', path => '/off/v1/chat/completions', body => $dollar)
     ->{status}, 403, 'off: what is settled does');


# Requests in flight.

sub fills
{
    my ($team, $why) = @_;

    my @clients = at_once(8, $team, 'parallel/held/v1/chat/completions',
                          $dollar);

    is(decided('held', @clients), 3, "$why: three in flight");
    $upstream->release('held', 3);
    is(statuses(@clients), '3 of 200, 5 of 429', "$why: all ended");
}


sub in_flight
{
    my ($team, $way) = @_;

    my @clients = at_once(3, $team, "parallel/$way/v1/chat/completions",
                          $dollar);

    wait_until { $upstream->waiting('way') == 3 } "three of $way in flight";
    is($t->chat($team, path => '/parallel/v1/chat/completions')->{status},
       429, "$way: a fourth is too many");

    return @clients;
}


fills('finished', $_) for 'the first time', 'the second time';

for my $way ('error', 'reset', 'cut') {
    my @clients = in_flight($way, $way);

    $upstream->release('way', 3);

    is(join(' ', map { $_->answer->{status} } @clients),
       join(' ', ({ error => 500, reset => 502, cut => 200 }->{$way}) x 3),
       "$way: answers");

    # nginx waits a while for the end of a connection whose answer was cut

    if ($way eq 'cut') {
        $_->abort for @clients;
        wait_until { $t->lines($way) == 3 } 'their lines';
    }

    fills($way, "$way of the upstream");
}

for my $way ('way', 'stream') {
    my @clients = in_flight($way, $way);

    if ($way eq 'stream') {
        is($_->event, $events[0], 'stream: an event') for @clients;
    }

    $_->abort for @clients;
    wait_until { $t->lines($way) == 3 } 'their lines';
    fills($way, "abort of the client, $way");
    $upstream->release('way', 3);
    wait_until { $upstream->waiting('way') == 0 } 'the upstream';
}

is(statuses(at_once(3, 'dead', 'parallel/dead/v1/chat/completions', $dollar)),
   '3 of 502', 'dead upstream');
fills('dead', 'dead upstream');

is(statuses(at_once(3, 'timeout', 'parallel/timeout/v1/chat/completions',
                    $dollar)), '3 of 504', 'timeout');
fills('timeout', 'timeout');
$upstream->release('way', 3);
wait_until { $upstream->waiting('way') == 0 } 'the upstream';

is($t->chat('poor', path => '/parallel/v1/chat/completions', body => $dollar,
            headers => ['X-User' => 'poor'])->{status}, 403,
   'refused by a later limit') for 1 .. 5;
fills('poor', 'refused by a later limit');

is($t->chat('bad', path => '/parallel/v1/chat/completions', body => '[]')
     ->{status}, 400, 'refused for its body') for 1 .. 5;
fills('bad', 'refused for its body');


# A worker that is killed: another one settles for it.

@clients = in_flight('killed', 'way');

$t->kill_worker($_) for $t->workers;
is(statuses(@clients), '3 of 0', 'killed: no answers');

wait_until { $t->lines('killed') == 3 } 'the requests to be settled';

fills('killed', 'killed');
$upstream->release('way', 3);


# Again and again.

for my $round (1 .. 10) {
    my $team = "round-$round";

    is(statuses(at_once(40, $team, 'v1/chat/completions', '{"model":"m"}')),
       '20 of 200, 20 of 429', "rpm=20, round $round");
    is($t->chat($team)->{status}, 429, "rpm=20, round $round: no more");
}

$t->finish;
done_testing();
