package Chaos::Faults;

# What scripts/chaos does to nginx.  A fault is a hash of
#
#     name
#     inject   a function of the run, which returns when it is over, and false
#              where it could not be done this time
#     cuts     it may cut answers off
#     loose    strict limits do not promise to hold through it
#     needs    a function of the run: whether it can be done here
#
# What it may cost is told to the sums: lost(), destroyed(), zone_is_new(),
# store_may_be_new().

use strict;
use warnings;

use Time::HiRes qw(sleep);

use LLMTest;


our @all = (
    { name => 'kill -9 of a worker', cuts => 1, inject => \&kill_worker },
    { name => 'kill -9 of the leader', cuts => 1, inject => \&kill_leader },
    { name => 'kill -9 of everything', cuts => 1, loose => 1,
      inject => \&kill_all },
    { name => 'TERM', cuts => 1, loose => 1, inject => \&term },
    { name => 'QUIT', loose => 1, inject => \&quit },
    { name => 'HUP storm', inject => \&hup },
    { name => 'binary upgrade', loose => 1, inject => \&upgrade },
    { name => 'zone of another size', loose => 1, inject => \&resize },
    { name => 'disk full', loose => 1, inject => \&disk_full,
      needs => sub { $_[0]{mounted} } },
    { name => 'stopped worker', inject => \&stop_worker },
    { name => 'stopped leader', inject => \&stop_leader },
    { name => 'damaged tail of a segment', loose => 1,
      inject => \&damage_tail },
    { name => 'deleted database', loose => 1,
      inject => \&delete_database },
    { name => 'damaged database', loose => 1,
      inject => \&damage_database },
    { name => 'clock step', loose => 1, inject => \&step_clock,
      needs => sub { $_[0]{nginx}{faketime} } },
    map({ +{ %$_, cuts => 1, needs => \&can_debug } }
        { name => 'killed under the lock', inject => \&kill_locked },
        { name => 'killed before a write', inject => \&kill_unwritten },
        { name => 'killed after a write', inject => \&kill_unfreed },
        { name => 'killed after a commit', inject => \&kill_committed },
        { name => 'killed at a rotation', inject => \&kill_rotating },
        { name => 'killed in a backup', inject => \&kill_backup },
        { name => 'killed amid foreign lines', loose => 1,
          inject => \&kill_adopting },
        { name => 'all killed amid a commit', loose => 1,
          inject => \&kill_all_committing }),
);


sub pick { return $_[rand @_] }


# Workers are another user's where the master is root's.

sub can_debug
{
    my $scope = eval {
        LLMBase::slurp('/proc/sys/kernel/yama/ptrace_scope')
    } // 0;

    return $> == 0 || $scope == 0;
}


sub kill_worker
{
    my ($run) = @_;

    $run->{nginx}->kill_worker(pick($run->{nginx}->followers));

    return 1;
}


sub kill_leader
{
    my ($run) = @_;

    $run->{nginx}->kill_worker($run->{nginx}->leader);

    return 1;
}


sub kill_all
{
    my ($run) = @_;

    $run->{nginx}->crash;
    begin_again($run);

    return 1;
}


sub begin_again
{
    my ($run) = @_;

    $run->upstream_is_idle;
    $run->lost($run->{sums}->lost);
    $run->start;
}


sub term
{
    my ($run) = @_;

    $run->{nginx}->stop;
    $run->start;

    return 1;
}


sub quit
{
    my ($run) = @_;

    $run->{nginx}->quit;
    $run->start;

    return 1;
}


sub hup
{
    my ($run) = @_;

    for (1 .. 1 + rand 5) {
        kill 'HUP', $run->{nginx}->master;
        sleep rand 0.15;
    }

    $run->reload;

    return 1;
}


sub upgrade
{
    my ($run) = @_;

    $run->{nginx}->upgrade(sub { sleep rand 0.4 });
    $run->{sums}->zone_is_new;

    return 1;
}


# Never so small that a full disk fills it: then requests pass, and nothing has
# room for their charge.

sub resize
{
    my ($run) = @_;

    $run->{nginx}{size} += pick(grep { $run->{nginx}{size} + $_ >= 3072 }
                                -1024, -64, 64, 1024);
    $run->reload;
    $run->{sums}->zone_is_new;

    return 1;
}


sub disk_full
{
    my ($run) = @_;

    my $file = $run->{nginx}->disk . '/filler';

    $run->{full} = 1;

    open my $fh, '>', $file or die "$file: $!\n";

    for my $size (1 << 20, 4096, 1) {
        1 while syswrite $fh, 'x' x $size;
    }

    close $fh;
    sleep 0.2 + rand;
    unlink $file;

    return 1;
}


sub stop_worker { return stopped($_[0], pick($_[0]{nginx}->followers)) }
sub stop_leader { return stopped($_[0], $_[0]{nginx}->leader) }


sub stopped
{
    my ($run, $pid) = @_;

    kill 'STOP', $pid;
    sleep 0.1 + rand 0.9;
    kill 'CONT', $pid;

    return 1;
}


# Of the newest segment, when all that it has is known and stored: the last
# lines are cut off, torn, or overwritten.

sub damage_tail
{
    my ($run) = @_;

    my $sums = $run->{sums};
    my $down = rand() < 0.4;

    $run->settle;
    $run->{nginx}->quit if $down;
    $sums->read;

    my ($file) = sort { -M $a <=> -M $b || $b cmp $a }
                 grep { -s } glob $run->{nginx}->state_dir . '/usage-*.jsonl';
    my $text = defined $file ? LLMBase::slurp($file) : '';
    my @starts;

    push @starts, $-[0] while $text =~ /^/mg;

    # the last bytes of one to three lines

    my $from = @starts ? $starts[-(1 + rand(@starts < 3 ? @starts : 3))] : 0;
    my $keep = $from + int rand 40;
    my $how = pick(qw(cut torn garbage nulls appended));
    my $name = defined $file ? substr $file, 1 + rindex $file, '/' : '';

    if (@starts == 0 || $keep > length $text) {
        $run->start if $down;
        return 0;
    }

    $run->remark("$how from byte $from of $name" . ($down ? ', down' : ''));
    $sums->destroyed($name, $from) if $how ne 'appended';

    open my $fh, '+<:raw', $file or die "$file: $!\n";
    seek $fh, $keep, 0;

    if ($how eq 'cut') {
        truncate $fh, $from;

    } elsif ($how eq 'torn') {
        truncate $fh, $keep;

    } elsif ($how eq 'garbage') {
        print $fh map { chr rand 256 } $keep .. length $text;

    } elsif ($how eq 'nulls') {
        print $fh "\0" x (length($text) - $keep);

    } else {
        seek $fh, 0, 2;
        print $fh '{"type":"usage","id":"' . 'x' x rand 100;
    }

    close $fh;

    if ($down) {
        $run->start;

    } elsif ($how =~ /cut|torn/) {

        # what is not seen to be shorter before it is longer again cannot be
        # told from what was there

        $run->wait_log(qr/ is \d+ bytes shorter than/);
    }

    $run->{clients}->go;

    return 1;
}


sub delete_database
{
    my ($run) = @_;

    return without_database($run, sub {
        unlink glob $run->{nginx}->state_dir . '/quota.db*';
    });
}


sub damage_database
{
    my ($run) = @_;

    my $file = $run->{nginx}->state_dir . '/quota.db';
    my $how = pick(qw(header pages emptied cut));

    $run->remark($how);

    return without_database($run, sub {
        my $size = -s $file or return;

        open my $fh, '+<:raw', $file or die "$file: $!\n";

        if ($how eq 'header') {
            print $fh map { chr rand 256 } 1 .. 100;

        } elsif ($how eq 'pages') {
            seek $fh, 4096, 0;
            print $fh pack 'L*', map { rand 1 << 32 } 1 .. ($size - 4096) / 4;

        } else {
            truncate $fh, $how eq 'cut' ? int($size / 2) : 0;
        }

        close $fh;
    });
}


# While nginx runs, or while it does not.

sub without_database
{
    my ($run, $do) = @_;

    my $down = rand() < 0.4;

    $run->{nginx}->quit if $down;
    $run->{sums}->store_may_be_new;
    $do->();
    $run->start if $down;

    return 1;
}


# Never out of the month that is compared.

sub step_clock
{
    my ($run) = @_;

    my $nginx = $run->{nginx};
    my @steps = grep { abs($nginx->{clock} + $_) < $nginx->far }
                map { ($_, -$_) } 1, 30, 600, 3600, 20 * 3600, 86400,
                                  3 * 86400;
    my $step = pick(@steps);

    $run->remark("$step s");
    $nginx->set_clock($nginx->{clock} + $step);
    sleep 1.2;

    return 1;
}


sub kill_locked
{
    my ($run) = @_;

    return $run->{nginx}->kill_at(
        pick($run->{nginx}->workers),
        pick(qw(llm_settle_apply llm_zone_put64 llm_zone_commit llm_decide
                llm_zone_free_reservation)),
        ignore => int rand 40, steps => int rand 400
    );
}


sub kill_unwritten
{
    my ($run) = @_;

    return $run->{nginx}->kill_at(pick($run->{nginx}->workers),
                                  pick(qw(ngx_http_llm_ledger_flush
                                          ngx_http_llm_write_line)),
                                  ignore => int rand 10,
                                  steps => int rand 200);
}


sub kill_unfreed
{
    my ($run) = @_;

    return $run->{nginx}->kill_at(pick($run->{nginx}->workers),
                                  'ngx_http_llm_lines_written',
                                  ignore => int rand 10,
                                  steps => int rand 200);
}


sub kill_committed
{
    my ($run) = @_;

    return $run->{nginx}->kill_at($run->{nginx}->leader,
                                  pick(qw(llm_segments_keep_here
                                          llm_store_run
                                          ngx_http_llm_carry_done)),
                                  ignore => int rand 3);
}


sub kill_rotating
{
    my ($run) = @_;

    return $run->{nginx}->kill_at(pick($run->{nginx}->workers),
                                  pick(qw(ngx_http_llm_ledger_open_segment
                                          ngx_http_llm_ledger_take)),
                                  steps => int rand 100, seconds => 8);
}


# The last backup is made to look old, so that there is another.

sub kill_backup
{
    my ($run) = @_;

    my $old = time - 10 * 86400;

    utime $old, $old, $run->{nginx}->state_dir . '/quota-backup.db';

    return $run->{nginx}->kill_at($run->{nginx}->leader,
                                  pick(qw(llm_sqlite_copy llm_sqlite_rename
                                          llm_retain_delete
                                          llm_retain_offsets)),
                                  seconds => 8);
}


# The leader of the new nginx of an upgrade, while the old one settles.

sub kill_adopting
{
    my ($run) = @_;

    my $done;

    $run->{nginx}->upgrade(sub {
        $done = $run->{nginx}->kill_at($run->{nginx}->leader, 'llm_adopt_line',
                                       ignore => int rand 10,
                                       steps => int rand 400);
    });

    $run->{sums}->zone_is_new;

    return $done;
}


# The leader writes to the store, or copies it.

sub kill_all_committing
{
    my ($run) = @_;

    my $done = $run->{nginx}->crash_at(
        $run->{nginx}->leader, pick(qw(llm_sqlite_op_commit llm_store_run
                                       llm_segments_keep_here)),
        ignore => int rand 3, steps => int rand 2000
    );

    begin_again($run) if $done;

    return $done;
}


1;
