package Chaos::Run;

# A run of scripts/chaos: nginx under load, faults, and the four sums.

use strict;
use warnings;

use File::Temp ();
use List::Util qw(shuffle);
use Time::HiRes qw(sleep time);

use LLMTest;

use Chaos::Clients;
use Chaos::Faults;
use Chaos::Janitor;
use Chaos::Nginx;
use Chaos::Sums;
use Chaos::Upstream;

my $patience = 10 * LLMBase::patience();


# new(seed => ..., load => requests in flight, say => function, name => of its
# folder, mount => whether its disk may be one, nginx => what Chaos::Nginx
# takes)

sub new
{
    my ($class, %options) = @_;

    my $self = bless { load => 24, remarks => [], loose => 0, cuts => 0,
                       highest => 0, mount => 1, name => 'chaos',
                       nginx => {}, %options }, $class;

    my $folder = "$LLMBase::run/$self->{name}-$$";
    my $seed = $options{seed};

    srand $seed;
    mkdir $folder;

    $self->{upstream} = Chaos::Upstream->start("$folder/served", $seed + 1,
                                               0.3);

    my $nginx = $self->{nginx} = Chaos::Nginx->new(
        vars => { UPSTREAM => $self->{upstream}->port }, %{$self->{nginx}}
    );

    $self->{clients} = Chaos::Clients->start("$folder/ended", $seed + 2,
                                             $nginx->port, $self->{load});

    $self->{janitor} = Chaos::Janitor->start($nginx->state_dir, $nginx->seen,
                                             $LLMBase::run);

    if ($self->{mount} && $self->can_mount($nginx->disk)) {
        $self->{mounted} = 1;
        $self->{janitor}->mounted($nginx->disk);
    }

    mkdir $nginx->seen;

    $self->{sums} = Chaos::Sums->new(
        state => $nginx->state_dir, seen => $nginx->seen,
        served => "$folder/served", seen_by_clients => "$folder/ended"
    );

    return $self;
}


sub can_mount
{
    my ($self, $directory) = @_;

    return system("mount -t tmpfs -o size=64m llm-quota $directory"
                  . ' > /dev/null 2>&1') == 0;
}


sub faults
{
    my ($self) = @_;

    return grep { !$_->{needs} || $_->{needs}->($self) } $self->kinds;
}


# What the faults ask for.

sub start
{
    my ($self) = @_;

    $self->raise_budget;
    $self->{nginx}->start;
    $self->{sums}->zone_is_new;
}


sub kinds { return @Chaos::Faults::all }
sub go { $_[0]{clients}->go }
sub quit { $_[0]{nginx}->quit }
sub count { return $_[0]{sums}->count }
sub finish { $_[0]{janitor}->finish($_[1]) }


sub crash
{
    my ($self) = @_;

    $self->{nginx}->crash if $self->{nginx}->master;
}


sub reload
{
    my ($self) = @_;

    $self->raise_budget;
    $self->{nginx}->reload;
}


# The strict team gets somewhat more than it has spent, so that it is always
# near its limit.

sub raise_budget
{
    my ($self) = @_;

    my $sum = $self->{sums}->expected('truth')->{'team strict'};
    my $spent = $sum ? $sum->[2] : 0;

    $self->{nginx}{budget} = sprintf '%.4f', 0.02 + $spent / 1e9;
    $self->{highest} = 1e9 * $self->{nginx}{budget};
}


# So many requests were answered and have no line.  Each worker may lose those
# of one turn, which on a busy machine are all that it had in flight, unless the
# disk was full, and they waited.

sub lost
{
    my ($self, $n) = @_;

    $self->{sums}->wrong("kill -9 of everything lost $n settled requests")
        if $n > $self->{load} && !$self->{full};
}


sub remark { push @{$_[0]{remarks}}, $_[1] }


sub wait_log
{
    my ($self, $pattern) = @_;

    my $nginx = $self->{nginx};

    wait_until {
        open my $fh, '<:raw', $nginx->dir . '/logs/error.log'
            or die "error.log: $!\n";
        seek $fh, $nginx->{told} // 0, 0;
        grep { $_ =~ $pattern } <$fh>;
    } "$pattern in the error log", 10;
}


# Of those that nginx had sent to the upstream all have arrived.

sub upstream_is_idle
{
    my ($self) = @_;

    my $sums = $self->{sums};
    my ($seen, $since) = (-1, time);

    wait_until {
        my $bytes = -s $sums->{served};

        ($seen, $since) = ($bytes, time) if $bytes != $seen;
        $self->{clients}->pause($patience) && time > $since + 0.1;
    } 'the upstream to be idle';

    $self->{clients}->go;
}


# No request in flight, all written, all stored: then the four sums are one.

sub settle
{
    my ($self) = @_;

    $self->pause;
    $self->settle_ledger;
    $self->settle_zone;
    $self->settled;
}


sub pause
{
    my ($self) = @_;

    $self->{clients}->pause($patience)
        or die "requests do not end: a deadlock\n";
}


# What was served, the ledger and the store.

sub settle_ledger
{
    my ($self) = @_;

    my $sums = $self->{sums};

    eval { wait_until { !$sums->missing } 'lines', 12; 1 };
    $sums->settle;
    $self->complain;

    my $differs;

    eval { wait_until { $sums->read; !($differs = $sums->store_differs) }
           'the store', 12; 1 }
        or die "the store differs from the ledger:\n$differs";

    $sums->settle;
    $differs = Chaos::Sums::differ($sums->{sum}{truth},
                                   $sums->expected('truth'));
    die "the ledger differs from what was served:\n$differs" if $differs;
}


sub settle_zone
{
    my ($self) = @_;

    my ($nginx, $sums) = @$self{qw(nginx sums)};

    my $want = $sums->expected('zone');
    my $perhaps = $sums->expected('zone_perhaps');

    for my $team (@Chaos::Clients::teams) {
        next if !$want->{"team $team"};

        my @all = map { join ' ', 0, @{$_->{"team $team"}} } $want, $perhaps;
        my $is = '';

        eval { wait_until { my ($used, $inflight) = $nginx->zone_of($team);
                            $is = join ' ', $inflight, @$used;
                            grep { $is eq $_ } @all } 'the zone'; 1 }
            or die "the zone has \"$is\" (in flight, requests, tokens, nano-"
                   . "dollars) of $team, not \"$all[0]\"\n";
    }
}


# The sums are one: what else must be so, and the next faults begin.

sub settled
{
    my ($self) = @_;

    my ($nginx, $sums) = @$self{qw(nginx sums)};
    my $want = $sums->expected('zone')->{'team strict'};
    my $spent = $want ? $want->[2] : 0;

    die "strict: $spent nano-dollars are spent, over $self->{highest}\n"
        if !$self->{loose} && $spent > $self->{highest};

    $self->{highest} = $spent if $spent > $self->{highest};

    my $cut = $sums->count->{cut} - ($self->{cut} // 0);

    die "$cut answers were cut off, which none of these faults does\n"
        if $cut && !$self->{cuts};

    $nginx->age_segments;
    $self->{cut} = $sums->count->{cut};
    @$self{qw(loose cuts full)} = (0, 0, 0);
    $self->complain;
}


sub complain
{
    my ($self) = @_;

    my @wrong = splice @{$self->{sums}{wrong}};
    my @lines = $self->{nginx}->bad_lines;

    die join('', map { "$_\n" } @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]),
        @wrong > 10 ? @wrong . " such\n" : '', @lines
        if @wrong || @lines;
}


# One fault under load; whether it could be done.

sub inject
{
    my ($self, $fault) = @_;

    $self->{cuts} ||= $fault->{cuts};
    $self->{loose} ||= $fault->{loose};
    $self->go;
    sleep 0.1 + rand 0.4;
    $self->{remarks} = [];

    return $fault->{inject}->($self);
}


# Faults in turn, each kind as often as the others, in an order of chance;
# enough is asked whether there were enough.  Between comparisons there are up
# to so many.

sub all
{
    my ($self, $enough, $most, $count) = @_;

    $self->start;
    $self->go;

    my (@deck, @since);

    until ($enough->()) {
        @deck = shuffle($self->faults) if !@deck;

        my $fault = shift @deck;

        $count->{$fault->{name}} //= { injected => 0, survived => 0 };

        eval {
            for my $try (1 .. 5) {
                my $done = $self->inject($fault);

                my $name = $fault->{name} . ($done ? '' : ' (not)');

                push @since, join ', ', $name, @{$self->{remarks}};

                if ($done) {
                    $count->{$fault->{name}}{injected}++;
                    push @{$self->{open}}, $fault->{name};
                    last;
                }
            }

            if (@since >= 1 + rand $most || !@deck && $enough->()) {
                $self->settle;
                $count->{$_}{survived}++ for splice @{$self->{open}};
                $self->{say}->(@since);
                @since = ();
            }

            1;
        } or die "after ", join('; ', @since, "$fault->{name} ("
                                . join(', ', @{$self->{remarks}}) . ')'),
                 ":\n$@";
    }

    $self->settle;
    $count->{$_}{survived}++ for splice @{$self->{open}};
    $self->quit;
    $self->complain;
}


1;
