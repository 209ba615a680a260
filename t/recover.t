# Whatever becomes of the store, requests are served, and in the end it has
# what the ledger says.

use lib 't/lib';
use LLMGateway;
use LLMUpgrade;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $server = <<'EOF';
        location /closed/ {
            llm_quota main fail=closed;
            proxy_pass http://provider;
        }
EOF


sub gateway
{
    return LLMGateway->new(upstream => $upstream, server => $server,
                           limits => 'rpm=100k tpm=100m budget=1000', @_);
}


sub db { return $_[0]->state_dir . '/quota.db' }


sub count
{
    my ($t, $pattern) = @_;

    return scalar(() = $t->log =~ /$pattern/g);
}


# The store has of a team what the ledger has, and the zone.

sub agree
{
    my ($t, $team, $what) = @_;

    my ($requests) = $t->charged($team) =~ /^(\d+)/;

    wait_until { $t->stored($team) eq $t->charged($team) }
               "$what: the store to have what the ledger has", 10;
    is($t->stored($team), $t->charged($team), "$what: to the cent");
    is($t->used($team), join(' ', $requests, 15 * $requests,
                             sprintf('%.5f', $requests * 0.00006)
                             =~ s/0+$//r), "$what: as in the zone");
}


# Deleted, emptied, filled with something else, cut: while nginx runs.

my $t = gateway(workers => 2);

$t->start;

my %fault = (
    deleted  => sub { unlink glob db($t) . '*' },
    emptied  => sub { truncate db($t), 0 },
    garbage  => sub { LLMBase::spew(db($t), 'x' x 100_000) },
    replaced => sub { LLMBase::spew(db($t) . '.other', "not ours\n");
                      chmod 0644, db($t) . '.other';
                      rename db($t) . '.other', db($t) },
);

for my $how (sort keys %fault) {
    is($t->chat($how)->{status}, 200, "$how: before") for 1 .. 5;
    wait_until { $t->stored($how) eq '5 75 300000' } "$how in the store";
    $fault{$how}->();
    is($t->chat($how)->{status}, 200, "$how: served on") for 1 .. 5;
    is($t->chat("$how-new", path => '/closed/v1/chat/completions')->{status},
       200, "$how: who comes anew is known again");
    wait_until { $t->lines($how) == 10 } 'the lines';
    agree($t, $how, $how);
}

agree($t, 'deleted', 'all');
$t->quit;
$t->start;

for my $how (sort keys %fault) {
    $t->chat($how);
    wait_until { $t->lines($how) == 11 } 'the line';
    agree($t, $how, 'after a restart');
}

$t->finish;


# Damaged beneath who carries, who knows all that it reads by heart: who keeps
# the backups finds it.

$t = gateway(zone => 'zone=main:1m state=%%DIR%%/tmp/state retain=1s');
$t->start;
is($t->chat('beneath')->{status}, 200, 'beneath: before') for 1 .. 5;
wait_until { $t->stored('beneath') eq '5 75 300000' } 'beneath in the store';

open my $fh, '+<', db($t) or die "quota.db: $!\n";
seek $fh, 4096, 0;
print $fh 'x' x ((-s db($t)) - 4096);
close $fh;

# ... or who reads it for another purpose
$t->expect_log(qr/\[crit\].*store of zone "main" cannot be used: .*no store/);

$t->wait_log(qr/\[error\].*set aside/);
agree($t, 'beneath', 'beneath');
$t->finish;


# One that cannot be used: those who are known go on, others as fail= says.

$t = gateway();
$t->start;
is($t->chat('known')->{status}, 200, 'before');
wait_until { $t->stored('known') eq '1 15 60000' } 'the line in the store';

my $is = `sqlite3 @{[db($t)]} 'PRAGMA user_version; PRAGMA user_version = 999'`;

chomp $is;
$t->quit;
$t->expect_log(qr/\[crit\].*llm_quota store of zone "main" cannot be used/);
$t->start;
$t->wait_log(qr/\[crit\].*cannot be used/);

is($t->chat('known', path => '/closed/v1/chat/completions')->{status}, 503,
   'fail=closed: refused');
is($t->chat('known')->{status}, 200, 'fail=open: passes') for 1 .. 3;
is($t->used('known'), '3 45 0.00018', 'and is counted');

# only time shows that it is told once
sleep 2;
is(count($t, qr/\[crit\]/), 1, 'it is told once');
is(count($t, qr/requests pass without/), 1, 'this, too');

system 'sqlite3', db($t), "PRAGMA user_version = $is";
$t->wait_log(qr/can be used again/);
wait_until {
    $t->chat('known', path => '/closed/v1/chat/completions')->{status} == 200
} 'what is known to be known again';
wait_until { $t->lines('known') == 5 } 'the lines';
agree($t, 'known', 'afterwards');
$t->finish;


# A directory that is away for a while.

$t = gateway(workers => 2);
$t->start;
$t->expect_log(qr/\[crit\].*llm_quota/);
is($t->chat('away')->{status}, 200, 'before');
wait_until { $t->stored('away') eq '1 15 60000' } 'the line in the store';
rename $t->state_dir, $t->state_dir . '-away' or die "rename: $!\n";
$t->wait_log(qr/\[crit\].*store of zone "main" cannot be used/);
is($t->chat('away')->{status}, 200, 'away: served on') for 1 .. 3;
rename $t->state_dir . '-away', $t->state_dir or die "rename: $!\n";
$t->wait_log(qr/store of zone "main" can be used again/);
wait_until { $t->lines('away') == 4 } 'the lines';
agree($t, 'away', 'back');
is(count($t, qr/\[crit\].*store of zone "main" cannot/), 1, 'told once');
$t->finish;


# Two leaders at once, again and again.

$t = gateway(workers => 2);
$t->start;

my $n = 0;

for (1 .. 6) {
    $t->reload(keep_old => 1);

    $n += grep { $_->{status} == 200 }
          $t->parallel(map { ['POST', '/v1/chat/completions',
                              '{"model":"m","max_tokens":1}',
                              'X-Team' => 'reloads'] } 1 .. 20);
}

is($n, 120, 'reloads: all are served');
wait_until { $t->lines('reloads') == 120 } 'the lines';
agree($t, 'reloads', 'reloads');
$t->finish;


# Two nginx at once: each gets to know what the other settles.

SKIP: {
    skip 'valgrind does not follow', 7 if $LLMBase::mode eq 'valgrind';

    $t = gateway();

    my $old = start_daemon($t);

    is($t->chat('both')->{status}, 200, 'upgrade: before') for 1 .. 3;

    my $new = upgrade($old, $t);

    # whoever of the two takes it
    is(join(' ', map { $t->chat('both')->{status} } 1 .. 40),
       join(' ', (200) x 40), 'upgrade: both serve');
    wait_until { $t->lines('both') == 43 } 'the lines';
    wait_until { $t->used('both') eq '43 645 0.00258' } 'one to know all';

    is(join(' ', keys %{{ map { $_ => 1 }
                          map { wait_until { $t->used('both')
                                             eq '43 645 0.00258' } }
                          1 .. 20 }}), 1, 'upgrade: both know all of it');

    end_master($old);
    $t->chat('both');
    is($t->used('both'), '44 660 0.00264', 'upgrade: the new one goes on');
    agree($t, 'both', 'upgrade');

    end_master($new);
    end_daemon($t);
}

done_testing();
