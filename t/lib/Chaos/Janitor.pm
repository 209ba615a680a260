package Chaos::Janitor;

# A process that outlives scripts/chaos by a moment, however that ends, and
# takes away what it leaves: nginx, mounts, folders.  In the meantime it links
# each segment of the ledger to a second name before the leader deletes it.

use strict;
use warnings;

use POSIX ();

use LLMBase;


# start(state directory, directory of the links, folder to remove)

sub start
{
    my ($class, $state, $seen, $folder) = @_;

    pipe my $reader, my $writer or die "pipe: $!\n";

    my $self = bless { orders => $writer }, $class;

    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        POSIX::setsid();
        $SIG{$_} = 'IGNORE' for qw(INT TERM HUP PIPE);
        close $writer;

        clean($folder, work($reader, $state, $seen));
        POSIX::_exit(0);
    }

    $writer->autoflush;

    return $self;
}


sub mounted { print {$_[0]{orders}} "mounted $_[1]\n" }


# Waits for it to have done its work; what is in the folder may be kept.

sub finish
{
    my ($self, $keep) = @_;

    print {$self->{orders}} "keep\n" if $keep;

    # others may have the pipe as well

    print {$self->{orders}} "done\n";
    close $self->{orders};
    waitpid $self->{pid}, 0;
}


# The processes of nginx whose error log is in a folder, also such that have
# lost their master.

sub processes
{
    my ($folder) = @_;

    return grep { index(readlink("/proc/$_/fd/2") // '', "$folder/") == 0 }
           map { /(\d+)/ } glob '/proc/[0-9]*';
}


sub work
{
    my ($reader, $state, $seen) = @_;

    my @mounts;
    my ($orders, $keep) = ('', 0);

    while (1) {
        my $readers = '';

        vec($readers, fileno $reader, 1) = 1;

        if (select($readers, undef, undef, 0.05) > 0) {
            sysread $reader, $orders, 4096, length $orders or last;
        }

        while ($orders =~ s/^(\w+) ?(.*)\n//) {
            $keep = 1 if $1 eq 'keep';
            push @mounts, $2 if $1 eq 'mounted';
            return ($keep, @mounts) if $1 eq 'done';
        }

        opendir my $dir, $state or next;
        link "$state/$_", "$seen/$_" for grep { /^usage-.*\.jsonl$/ }
                                         readdir $dir;
    }

    return ($keep, @mounts);
}


sub clean
{
    my ($folder, $keep, @mounts) = @_;

    # a stopped master starts no new workers

    for my $signal (qw(STOP KILL)) {
        kill $signal, processes($folder);
    }

    for my $mount (@mounts) {
        system 'cp', '-a', $mount, "$mount.kept" if $keep;
        system 'umount', '-l', $mount;
    }

    system 'rm', '-rf', $folder if !$keep;
}


1;
