# What was settled is known after a restart, however nginx ended: what a team
# spent in its periods, and what it asked for in the last minute.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use POSIX qw(strftime);

my $upstream = RawUpstream->start(
    '/slow/v1/chat/completions' => { json => usage(10, 5), hold => 'slow' },
    '*' => { json => usage(10, 5) }
);

my $server = <<'EOF';
        llm_user $http_x_user;

        location /five/ {
            llm_team_limit default rpm=5;
            proxy_pass http://provider;
        }

        location /model/ {
            llm_team_model_limit default m rpm=2 budget=0.0002/day;
            proxy_pass http://provider;
        }

        location /cents/ {
            llm_team_limit default budget=0.0003/month requests=100/day;
            proxy_pass http://provider;
        }
EOF


sub gateway
{
    return LLMGateway->new(upstream => $upstream, server => $server, @_);
}


# The ledger of another nginx: so many lines, of a team or of old-a to old-z in
# turn.

my $epochs = 0;

sub ledger
{
    my ($t, $n, %options) = @_;

    my $dir = $t->state_dir;
    my $epoch = sprintf '%016x', 0xabc0000 + ++$epochs;
    my $file = "$dir/usage-20260101T000000Z-$epoch-0000.jsonl";
    my $time = strftime('%Y-%m-%dT%H:%M:%S.000Z',
                        gmtime(time - ($options{age} // 0)));

    mkdir $dir;
    open my $fh, '>', $file or die "$file: $!\n";

    for my $i (1 .. $n) {
        my $team = $options{team} // 'old-' . chr(97 + $i % 26);

        print $fh qq({"type":"usage","id":"$epoch-$i","started":"$time",)
                  . qq("timestamp":"$time","request_id":"","upstream_id":"",)
                  . qq("team_id":"$team","user_id":"","customer_id":"",)
                  . qq("key_id":"","model":"m","response_model":"m",)
                  . qq("price_id":"m","prompt_tokens":10,)
                  . qq("completion_tokens":5,"total_tokens":15,)
                  . qq("cached_tokens":0,"cache_write_tokens":0,)
                  . qq("reasoning_tokens":0,"cost_usd":0.00006,"status":200,)
                  . qq("source":"upstream","stream":false,"duration_ms":1,)
                  . qq("labels":{}}\n);
    }

    close $fh;

    # the workers are nobody's, as root
    chown +(getpwnam 'nobody')[2, 3], $dir, $file if $> == 0;
}


sub dollars { return sprintf('%.5f', $_[0] * 0.00006) =~ s/0+$//r }


sub statuses
{
    my ($t, $n, $team, $path, @headers) = @_;

    return join ' ', map { $_->{status} }
                     map { $t->chat($team, headers => [@headers],
                                    path => "$path/v1/chat/completions") }
                     1 .. $n;
}


# Each way to end, and to begin again.

my $t = gateway(workers => 2);

$t->start;

my $size = 1024;

my @again = (
    quit   => sub { $t->quit; $t->start },
    stop   => sub { $t->stop; $t->start },
    crash  => sub { $t->crash; $t->start },
    resize => sub { $size += 64;
                    $t->reload(zone => "zone=main:${size}k "
                                       . 'state=%%DIR%%/tmp/state') },
    reload => sub { $t->reload },
);

while (my ($how, $again) = splice @again, 0, 2) {
    is(statuses($t, 3, $how, '/five'), '200 200 200', "$how: before");
    is(statuses($t, 4, "$how-cents", '/cents'), '200 200 200 200',
       "$how: before");
    is(statuses($t, 1, "$how-model", '/model'), '200', "$how: before");

    wait_until { $t->lines($how) == 3 && $t->lines("$how-cents") == 4
                 && $t->lines("$how-model") == 1 }
               'what is charged to be written';
    $again->();

    is(statuses($t, 3, $how, '/five'), '200 200 429',
       "$how: what was asked for in the last minute");
    is(statuses($t, 2, "$how-cents", '/cents'), '200 403',
       "$how: what was spent");

    is(statuses($t, 2, "$how-model", '/model'), '200 429',
       "$how: what a team asked a model");

    $t->chat($how);
    is($t->used($how), '6 90 ' . dollars(6), "$how: all of it");
    wait_until { $t->stored($how) eq '6 90 360000' } "$how in the store";
    is($t->charged($how), $t->stored($how), "$how: as in the ledger");
}

$t->finish;


# A limit that comes later counts what was spent before.

$t = gateway();
$t->start;
is(statuses($t, 3, 'later', '', 'X-User' => 'u'), '200 200 200',
   'without a limit');
wait_until { $t->lines('later') == 3 } 'three lines';
$t->reload(server => "llm_user_limit default budget=0.0002/month; $server");
is(statuses($t, 2, 'later', '', 'X-User' => 'u'), '200 403',
   'a budget that comes in mid-month counts what was spent before');
$t->finish;


# A meter that comes later counts what is in flight, too.

$t = gateway();
$t->start;

my $slow = $t->ask('flying', path => '/slow/v1/chat/completions');

wait_until { $upstream->requests('/slow/v1/chat/completions') == 1 }
           'a request in flight';
$t->reload(limits => 'rpm=1000 tpm=100m requests=2/week', keep_old => 1);
$t->wait_log(qr/gracefully shutting down/);
is(statuses($t, 1, 'flying'), '200', 'the second is admitted');
is(statuses($t, 1, 'flying'), '429', 'no third: the one in flight counts');
$upstream->release('slow');
is($slow->answer->{status}, 200, 'which ends');
$t->finish;


# Requests that arrive while much is carried wait until that is done.

# what valgrind carries in the time that requests wait

my $many = $LLMBase::mode eq 'valgrind' ? 1_000 : 50_000;

$t = gateway(workers => 2, limits => 'rpm=100k tpm=100m budget=1000');
ledger($t, $many);
$t->start;

my $each = () = grep { $_ % 26 == 0 } 1 .. $many;
my @answers = $t->parallel(map { ['POST', '/v1/chat/completions',
                                  '{"model":"m","max_tokens":1}',
                                  'X-Team' => 'old-a'] } 1 .. 20);

is(join(' ', map { $_->{status} } @answers), join(' ', (200) x 20),
   'many lines: those who wait are served');
is(join(' ', sort { $b <=> $a }
        map { $_->{headers}{'x-ratelimit-remaining-requests'} } @answers),
   join(' ', map { 100_000 - $each - $_ } 1 .. 20),
   'many lines: and know of all of them');
is($t->used('old-a'), join(' ', $each + 20, 15 * ($each + 20),
                           dollars($each + 20)), 'many lines: all counts');
wait_until { ($t->stored('old-a') =~ /^(\d+)/)[0] == $each + 20 }
           'all in the store';
is($t->stored('old-a'), $t->charged('old-a'), 'many lines: to the cent');
like($t->log, qr/has what was settled before it, $many lines/, 'it is told');
is($t->sql("SELECT sum(requests) FROM meter WHERE type = 'team'
           AND period = 'month'"),
   $many + 20, 'many lines: each once');
$t->finish;


# What a minute counts of cached tokens is the location's.

for my $counts ([off => 65], [on => 105]) {
    my ($counted, $tokens) = @$counts;

    my $cache = RawUpstream->start('*' => { json => usage(100, 5) =~
        s/"prompt_tokens":100/"prompt_tokens_details":{"cached_tokens":40},$&/r
    });

    $t = LLMGateway->new(upstream => $cache,
                         http => "llm_count_cached $counted;");
    $t->start;
    $t->chat('cached');
    $t->line('cached');

    is($t->used('cached'), "1 $tokens 0.000114", "cached tokens $counted");
    $t->crash;
    $t->start;
    $t->chat('cached');
    is($t->used('cached'), '2 ' . 2 * $tokens . ' 0.000228',
       "cached tokens $counted: as before");
    $t->finish;
}


# What is old is of no minute.

$t = gateway();
ledger($t, 10, team => 'old', age => 100);
ledger($t, 3, team => 'old', age => 20);
ledger($t, 4, team => 'old');
$t->start;
$t->chat('old');
is($t->used('old'), '8 120 ' . dollars(18), 'the last minute');
$t->finish;

done_testing();
