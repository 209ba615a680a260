# What grows old goes, and what is left is enough to make all of it again.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $epochs = 0;


sub gateway
{
    my ($retain) = @_;

    return LLMGateway->new(
        upstream => $upstream,
        zone => "zone=main:1m state=%%DIR%%/tmp/state segment=64k $retain"
    );
}


# A segment of another zone, so many days old, made of a team's lines that are
# there already.

sub old
{
    my ($t, $number, $days, $epoch) = @_;

    my ($file) = glob $t->state_dir . '/usage-*.jsonl';
    my ($line) = $t->raw_lines;
    my $name = $t->state_dir . sprintf('/usage-20260101T000000Z-%016x-%04d'
                                       . '.jsonl', $epoch, $number);

    $line =~ s/"team_id":"\w+"/"team_id":"old"/;
    LLMBase::spew($name, "$line\n" x 3);
    chown +(stat $file)[4, 5], $name;
    utime((time - $days * 86400) x 2, $name);

    return $name;
}


my $t = gateway('retain=1s');

$t->start;
is($t->chat('line')->{status}, 200, 'a line');
$t->line('line');
$t->quit;

my ($own) = glob $t->state_dir . '/usage-*.jsonl';

utime((time - 100) x 2, $own);

my @old = (old($t, 0, 5, 0xaa), old($t, 1, 5, 0xaa), old($t, 0, 5, 0xbb));
my $recent = old($t, 2, 0, 0xcc);
my $last = old($t, 0, 0.5, 0xdd);

LLMBase::spew($t->state_dir . '/usage-notes.jsonl', 'not ours');
$t->start;
wait_until { !grep { -e } @old } 'old segments to go';
is(join(' ', grep { !-e } $own, $recent, $last,
        map { $t->state_dir . "/$_" }
        qw(usage-notes.jsonl quota-backup.db quota-backup.1.db)), '',
   'others stay, and there are two backups');
$t->wait_log(qr/\[notice\].*old segments of the ledger were deleted/);
is($t->stored('old'), '15 225 900000', 'their sums stay');
is($t->chat('old')->{status}, 200, 'the zone');
is($t->used('old'), '4 60 0.00096', 'knows them');

# of this zone's all but the last two

for (1 .. 35) {
    $t->parallel(map { ['POST', '/v1/chat/completions',
                        '{"model":"m","max_tokens":1}', 'X-Team' => 'many'] }
                 1 .. 20);
}

wait_until { $t->stored('many') =~ /^700 / } 'all in the store';
wait_until { $t->lines('many') < 500 } 'old segments to go';
is($t->chat('many')->{status}, 200, 'it goes on');
wait_until { $t->stored('many') ne '700 10500 42000000' } 'the line';
is($t->stored('many'), '701 10515 42060000', 'each is counted once');
$t->quit;


# Made again of the backup and what is left.

my $sums = "SELECT type, id, requests, input, output, cost FROM meter
            WHERE period = 'month' ORDER BY type, id";
my $before = $t->sql($sums);

unlink glob $t->state_dir . '/quota.db*';
$t->start;
$t->wait_log(qr/\[error\].*made of the backup/);
$t->wait_log(qr/has what was settled before it/);
wait_until { $t->sql($sums) eq $before } 'all of it';
pass('all can be made again');
$t->finish;


done_testing();
