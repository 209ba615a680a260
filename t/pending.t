# What an answer made in the background is charged, to whoever asked for it,
# also when nginx has ended in between: once.

use lib 't/lib';
use LLMGateway;
use LLMUpgrade;
use RawUpstream;

use JSON::PP ();
use POSIX qw(strftime);

my $json = JSON::PP->new->utf8->canonical;


sub response
{
    my ($id, $status, $usage) = @_;

    return { json => $json->encode({
        id => $id, object => 'response', background => JSON::PP::true,
        status => $status, model => 'm', error => undef, output => [],
        usage => $usage && { input_tokens => $$usage[0],
                             output_tokens => $$usage[1],
                             total_tokens => $$usage[0] + $$usage[1] } }) };
}


# /NAME/v1/responses is asked for NAME, with "queued" in it; then shown.

my $long = 'resp_' . 'x' x 300;

my $upstream = RawUpstream->start(
    '/long/v1/responses' => response($long, 'queued'),
    "/v1/responses/$long" => response($long, 'completed', [100, 50]),
    '/run/v1/threads/t/runs' =>
        { json => '{"id":"run_t","object":"thread.run","status":"queued"}' },
    '/v1/threads/t/runs/run_t/submit_tool_outputs' =>
        { json => '{"id":"run_t","object":"thread.run","status":"completed",'
                  . '"usage":{"prompt_tokens":7,"completion_tokens":8,'
                  . '"total_tokens":15}}' },
    '/v1/responses/running' => [response('running', 'in_progress'),
                                response('running', 'completed', [100, 50])],
    '/v1/responses/both' =>
        [({ %{response('both', 'completed', [100, 50])}, hold => 'both' }) x 8,
         response('both', 'completed', [100, 50])],
    '/slow/v1/chat/completions' => { json => usage(10, 5), hold => 'slow' },
    (map { ("/$_/v1/responses" => response($_, 'queued')) }
     qw(quit stop crash reload workers resize running both overlap lost away
        damaged one two)),
    (map { ("/v1/responses/$_" => response($_, 'completed', [100, 50])) }
     qw(quit stop crash reload workers resize overlap lost away damaged
        expired unknown one two)),
    '*' => { json => usage(10, 5) }
);

my $body = '{"model":"m","background":true,"max_output_tokens":7,'
           . '"input":"Hello"}';

my $t = LLMGateway->new(upstream => $upstream, workers => 2, server => <<'EOT');
        llm_user $http_x_user;
        llm_user_limit default tpm=100m;
EOT

$t->start;


sub create
{
    my ($name, $path) = @_;

    is($t->chat($name, path => $path // "/$name/v1/responses", body => $body,
                headers => ['X-User' => "user-$name"])->{status}, 200,
       "$name is asked for");
    wait_until { $t->lines($name) } "its line";
}


sub poll
{
    my ($name, $id) = @_;

    return $t->chat('poller', method => 'GET', body => undef, path =>
                    '/v1/responses/' . ($id // $name))->{status};
}


sub charges
{
    my ($name) = @_;

    return join ', ', map {
        join ' ', @$_{qw(prompt_tokens completion_tokens source)}
    } sort { defined $a->{of} <=> defined $b->{of} } $t->lines($name);
}


sub charged
{
    my ($name, $what, $charge) = @_;

    wait_until { $t->lines($name) > 1 } "the charge of $name";
    is(charges($name), '0 0 pending, ' . ($charge // '100 50 upstream'), $what);
}


# How many are pending in the store.

sub open_rows { return $t->sql('SELECT count(*) FROM pending
                                WHERE charged = 0') }


# The store, the ledger and, with a request more, the zone have that of a team.

sub agree
{
    my ($name) = @_;

    wait_until { $t->stored($name) eq '1 150 600000' } "the store's of $name";
    is($t->charged($name), '1 150 600000', "$name: what the ledger has");
    $t->chat($name, path => '/more/v1/chat/completions');
    is($t->used($name), '2 165 0.00066', "$name: what the zone has");
}


# Each way to end, and to begin again.

my $size = 2048;

my @again = (
    quit    => sub { $t->quit; $t->start },
    stop    => sub { $t->stop; $t->start },
    crash   => sub { $t->crash; $t->start },
    workers => sub { $t->kill_worker($_) for $t->workers },
    reload  => sub { $t->reload },
    resize  => sub { $size += 64;
                     $t->reload(zone => "zone=main:${size}k "
                                        . 'state=%%DIR%%/tmp/state') },
);

while (my ($how, $again) = splice @again, 0, 2) {
    create($how);
    $again->();
    is(poll($how), 200, "$how: it is shown");
    charged($how, "$how: and charged");
    is(poll($how), 200, "$how: it is shown again") for 1 .. 3;
    agree($how);

    my ($asked) = grep { $_->{source} eq 'pending' } $t->lines($how);
    my ($charge) = grep { $_->{of} } $t->lines($how);

    is($charge->{of}, $asked->{id}, "$how: of its request");
    is($charge->{requests}, 0, "$how: which is none more");
    is($charge->{$_}, $asked->{$_}, "$how: the same $_")
        for qw(team_id user_id model request_id upstream_id);
    is($charge->{response_model}, 'm', "$how: the model that answered");
    is($charge->{price_id}, 'm', "$how: and its price");
    is($charge->{user_id}, "user-$how", "$how: it names who asked");
    is_deeply($charge->{pending}, { id => $how }, "$how: and the answer");
    is($asked->{pending}{id}, $how, "$how: as does the first line");
    is($asked->{pending}{completion_tokens}, 7, "$how: with what is expected");
}

wait_until { open_rows() eq '0' } 'nothing to be pending';


# Until it is final nothing is charged; two at once charge once; later nobody
# does, nor after another restart.

create('running');
create('both');
create('long');
create('run', '/run/v1/threads/t/runs');
$t->crash;
$t->start;

poll('running');
poll('long', $long);

my @polls = map { $t->ask("poller-$_", method => 'GET', body => undef,
                          path => '/v1/responses/both') } 1 .. 8;

wait_until { $upstream->waiting('both') == 8 } 'all polls to be under way';
$upstream->release('both', 8);
is($_->answer->{status}, 200, 'a poll of many') for @polls;

charged('both', 'many at once charge once');
charged('long', 'an id of 305 bytes');
is(charges('running'), '0 0 pending', 'what is made is not charged');
poll('running') for 1 .. 2;
charged('running', 'until it is shown');

is($t->chat('poller', body => '{"tool_outputs":[]}', path =>
            '/v1/threads/t/runs/run_t/submit_tool_outputs')->{status}, 200,
   'a run goes on');
charged('run', 'and is charged', '7 8 upstream');
is($t->chat('poller', body => '{"tool_outputs":[]}', path =>
            '/v1/threads/t/runs/other/submit_tool_outputs')->{status}, 403,
   'one that nobody knows does not');

$t->crash;
$t->start;
poll($_) for qw(both both running);
poll('long', $long);
is(poll('unknown'), 200, 'one that is not known passes');
$t->settle_all;
wait_until { open_rows() eq '0' } 'nothing to be pending';
is(scalar $t->lines($_), 2, "$_ is not charged again")
    for qw(both running long run);
agree($_) for qw(both running long);


# A zone that lives on beside a new one may charge what its requests left: the
# new one notes what was seen, and charges it when it is alone.

create('overlap');
create('lost');

my $slow = $t->ask('slow', path => '/slow/v1/chat/completions');

wait_until { $upstream->waiting('slow') } 'a request that goes on';

# those who are told to end listen no more

sub ending { return scalar(() = $t->log =~ /gracefully shutting down/g) }

my $ending = ending();

$size += 64;
$t->reload(keep_old => 1,
           zone => "zone=main:${size}k state=%%DIR%%/tmp/state");
wait_until { ending() == $ending + 2 } 'the old workers to be told';

is(poll('overlap'), 200, 'while the old zone lives it is shown');
wait_until { $t->sql("SELECT count(*) FROM pending WHERE id = 'overlap'
                      AND seen IS NOT NULL") eq '1' } 'it to be noted';
is(charges('overlap'), '0 0 pending', 'and not charged');
is(poll('overlap'), 200, 'it is shown again');

$upstream->release('slow');
is($slow->answer->{status}, 200, 'the old zone ends');
charged('overlap', 'then it is charged, once');
is(charges('lost'), '0 0 pending', 'what nobody saw is not');
poll('lost');
charged('lost', 'until it is seen');
agree('overlap');


# What nobody asks about for a day is charged what was expected.

$t->stop;

my $epoch = '0123456789abcdef';
my $file = $t->state_dir . "/usage-20260101T000000Z-$epoch-0000.jsonl";
my $time = strftime('%Y-%m-%dT%H:%M:%S.000Z', gmtime(time - 25 * 3600));

open my $fh, '>', $file or die "$file: $!\n";
print $fh qq({"type":"usage","id":"$epoch-7","started":"$time",)
          . qq("timestamp":"$time","request_id":"r","upstream_id":"expired",)
          . qq("team_id":"expired","user_id":"u","customer_id":"",)
          . qq("key_id":"","model":"m","response_model":"","price_id":"",)
          . qq("prompt_tokens":0,"completion_tokens":0,"total_tokens":0,)
          . qq("cached_tokens":0,"cache_write_tokens":0,)
          . qq("reasoning_tokens":0,"cost_usd":0,"status":200,)
          . qq("source":"pending","stream":false,"duration_ms":1,)
          . qq("pending":{"id":"expired","tier":0,"prompt_tokens":20,)
          . qq("completion_tokens":7,"cost_usd":0.00009},"labels":{}}\n);
close $fh;
chown +(getpwnam 'nobody')[2, 3], $file if $> == 0;

$t->start;
charged('expired', 'what has expired is charged', '20 7 estimated');

my ($late) = grep { $_->{of} } $t->lines('expired');

is($late->{of}, "$epoch-7", 'of its request');
is($late->{cost_usd}, 0.00009, 'what was expected');
is($late->{user_id}, 'u', 'to who asked for it');

$t->crash;
$t->start;
poll('expired');
$t->settle_all;
is(charges('expired'), '0 0 pending, 20 7 estimated', 'once');


# The store is away: a poll passes, and is charged when it comes again.

create('damaged');
wait_until { open_rows() eq '1' } 'it to be in the store';
$t->stop;

# all of the ledger that the store has is gone, and so is the rest of the file
truncate $t->state_dir . '/quota.db', 4096;
unlink glob $t->state_dir . '/quota.db-*';
$t->start;
is(poll('damaged'), 200, 'a damaged store');
charged('damaged', 'is made of the ledger again');
wait_until { open_rows() eq '0' } 'nothing to be pending';



# A store that cannot be used: nobody can be asked who pays, so it passes, and
# is charged when it is shown again.

create('away');
wait_until { open_rows() eq '1' } 'it to be in the store';

my $db = $t->state_dir . '/quota.db';
my $version = `sqlite3 '$db' 'PRAGMA user_version; PRAGMA user_version = 999'`;

chomp $version;
$t->quit;
$t->expect_log(qr/\[crit\].*llm_quota store of zone "main" cannot be used/);
$t->start;
$t->wait_log(qr/\[crit\].*cannot be used/);

is(poll('away'), 200, 'without a store it passes');
is(charges('away'), '0 0 pending', 'and is not charged');

system 'sqlite3', $db, "PRAGMA user_version = $version";
$t->wait_log(qr/can be used again/);
poll('away');
charged('away', 'until it can be found who pays');

my %count;

$count{$_->{id}}++ for $t->lines;
is((grep { $_ > 1 } values %count), 0, 'no line is there twice');
is(scalar $t->lines('poller'), 0, 'nobody was charged for asking');

$t->finish;


# Two nginx at once, and then one: whichever is asked.

SKIP: {
    skip 'valgrind does not follow', 6 if $LLMBase::mode eq 'valgrind';

    $t = LLMGateway->new(upstream => $upstream);

    my $old = start_daemon($t);

    create('two');
    create('one');

    my $new = upgrade($old, $t);

    poll('two') for 1 .. 20;
    charged('two', 'one of two nginx charges it');
    end_master($old);
    poll($_) for qw(one two one);
    charged('one', 'the other one does');
    wait_until { open_rows() eq '0' } 'nothing to be pending';
    is(scalar $t->lines($_), 2, "$_ once") for qw(one two);

    end_master($new);
    end_daemon($t);
}


# A small zone keeps what it has room for, and asks the store for the rest.

my $small = LLMGateway->new(
    upstream => RawUpstream->start(
        '/v1/responses' => sub {
            my ($n) = $_[0]{body} =~ /"input":"(\d+)"/;

            return response("r$n", 'queued');
        },
        '/v1/responses/r1' => response('r1', 'completed', [100, 50]),
        '*' => { json => usage(10, 5) },
    ),
    zone => 'zone=main:512k state=%%DIR%%/tmp/state',
)->start;

sub ask_for
{
    my ($n) = @_;

    $small->chat($n == 1 ? 'first' : 'a', path => '/v1/responses',
                 body => $body =~ s/Hello/$n/r);
}

ask_for(1);

for my $n (2 .. 60) {
    ask_for($n);
    wait_until { ($small->sql('SELECT count(*) FROM pending') // 0) >= $n }
               'the store to have it' if $n % 10 == 0;
}

unlike($small->log, qr/no room for more than/, 'the store has the rest');
is((grep { $_->{of} } $small->lines), 0, 'nothing is charged for want of room');

$small->chat('b', method => 'GET', path => '/v1/responses/r1', body => undef)
    for 1 .. 2;
wait_until { $small->lines('first') == 2 } 'the charge of the first';
is($small->used('first'), '1 150 0.0006', 'the first is charged once');
is(($small->lines('first'))[1]{source}, 'upstream', 'what it used');
is($small->sql('SELECT count(*) FROM pending WHERE charged = 0'), 59,
   'all others are pending') if wait_until {
    $small->sql('SELECT count(*) FROM pending WHERE charged = 0') eq '59'
} 'the store';

$small->finish;

done_testing();
