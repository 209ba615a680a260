package Chaos::Node;

# One of the machines of scripts/chaos --redis: a run of its own, with an
# upstream, clients and a ledger, whose zone others share.

use strict;
use warnings;

use Chaos::Run;

our @ISA = qw(Chaos::Run);


sub new
{
    my ($class, %options) = @_;

    return $class->SUPER::new(most => {}, mount => 0, %options);
}


# Everything was killed: what had been settled, and published, but was not
# written yet, is lost.  So much may Redis have until the ledger has more.

sub upstream_is_idle
{
    my ($self) = @_;

    $self->SUPER::upstream_is_idle;

    my $sums = $self->{sums};

    $sums->read;

    my $had = $sums->expected('zone');
    my @lost = grep { !$sums->{line}{$_->{request}} } values %{$sums->{truth}};

    for my $name (@lost ? keys %$had : ()) {
        my $most = $self->{most}{$name} = [@{$had->{$name}}];

        for (@lost) {
            $most->[0]++;
            $most->[1] += $_->{input} + $_->{output};
            $most->[2] += $_->{nano};
        }
    }
}


# What Redis has of this node differs from the ledger: a text, or nothing.

sub differs
{
    my ($self, $published) = @_;

    my $want = $self->{sums}->expected('zone');
    my %is = %{$published->{$self->id} // {}};

    # no limit bears on the month of this one: it is published by chance

    delete $_->{'user user-1'} for $want, \%is;

    for my $name (keys %is) {
        my ($ledger, $most) = map { $_->{$name} } $want, $self->{most};

        next if !$ledger || !$most;

        # none of the three is less than it must be, nor more than it may be

        $is{$name} = $ledger
            if !grep { $is{$name}[$_] < $ledger->[$_]
                       || $is{$name}[$_] > $ledger->[$_]
                          && $is{$name}[$_] > $most->[$_] } 0 .. 2;
    }

    return Chaos::Sums::differ(\%is, $want);
}


sub id
{
    my ($self) = @_;

    my $id = LLMBase::slurp($self->{nginx}->state_dir . '/node');

    chomp $id;

    return $id;
}


# The others have spent of the strict team's budget as well.

sub raise_budget
{
    my ($self) = @_;

    my $spent = 0;

    for my $node (@{$self->{nodes}}) {
        my $sum = $node->{sums}->expected('truth')->{'team strict'};

        $spent += $sum->[2] if $sum;
    }

    $self->{nginx}{budget} = sprintf '%.4f', 0.02 + $spent / 1e9;
    $self->{loose} = 1;
}


1;
