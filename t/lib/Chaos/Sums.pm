package Chaos::Sums;

# The four sums of scripts/chaos: what the upstream wrote down, the ledger,
# the store and the zone.
#
# A request whose answer came whole has one line, which charges what the
# upstream says that it served.  One whose answer was cut has one line, too,
# and what that charges is taken for the truth.  While the disk was full there
# may be one line for several requests of the same names.  What may be missing
# is told beforehand: lost() and destroyed().
#
# Segments are read through the janitor's links, so that those which are
# deleted in the meantime count as well.

use strict;
use warnings;

use Time::HiRes qw(time);

use LLMBase;

my @kinds = qw(team user customer);

my $member = qr/"(?:[^"\\]|\\.)*"/;
my $line = qr/\A\{"type":"usage","id":$member(?:,"\w+":(?:$member|[\w.-]+))*
              ,"labels":\{\}\}\z/x;


# new(state => directory, seen => where the links are, served => the upstream's
# journal, seen_by_clients => the clients')

sub new
{
    my ($class, %options) = @_;

    return bless {
        %options,
        read => {},          # bytes of each file
        truth => {},         # what the upstream decided, by our id
        ended => {},         # how clients saw it end, by our id
        line => {},          # lines that are not compared yet, by request id
        merged => {},        # likewise, those of several, by team and model
        ids => {},           # of all lines
        wrong => [],
        destroyed => [],
        unseen => 0,         # ended, without that the upstream knew of them
        sum => { map { $_ => {} } qw(truth ledger) },
        count => { map { $_ => 0 } qw(requests exact estimated merged cut
                                      lost settled refused torn
                                      destroyed) },
    }, $class;
}


sub wrong { push @{$_[0]{wrong}}, $_[1] }
sub count { return $_[0]{count} }


# What a file has got since the last time, in whole lines.

sub news
{
    my ($self, $file) = @_;

    open my $fh, '<:raw', $file or return '';
    sysseek $fh, $self->{read}{$file} // 0, 0;

    my $news = '';

    while (sysread $fh, $news, 1 << 20, length $news) { }

    $news = substr $news, 0, 1 + rindex $news, "\n";
    $self->{read}{$file} += length $news;

    return $news;
}


# All that was written; the ledger first: the truth of a line is older than it.

sub read
{
    my ($self) = @_;

    for my $file (sort glob "$self->{seen}/*") {
        my $gone = !-e $self->{state} . substr $file, rindex $file, '/';

        $self->line($_) for split /\n/, $self->news($file);

        unlink $file if $gone;
    }

    for (split /\n/, $self->news($self->{served})) {
        my ($what, $id, @of) = split / /;

        next if $what ne 'decided';

        my %truth;

        @truth{qw(request team model status how input cached output nano)}
            = @of;
        $self->{truth}{$id} = \%truth;
    }

    for (split /\n/, $self->news($self->{seen_by_clients})) {
        my ($id, $status, $how) = split / /;

        $self->{ended}{$id} = { status => $status, how => $how };
    }
}


# A line of the ledger, or its pieces.

sub line
{
    my ($self, $text) = @_;

    my $start = rindex $text, '{"type":"';

    $self->{count}{torn}++ if $start != 0;

    return if $start < 0;

    my $l = parse(substr $text, $start);

    if (!$l) {
        $self->{count}{torn}++;
        return;
    }

    $self->wrong("twice in the ledger: id $l->{id}")
        if $self->{ids}{$l->{id}}++;
    $self->add($self->{sum}{ledger}, $l, 1);

    if ($l->{source} eq 'aggregate') {
        push @{$self->{merged}{"$l->{team_id} $l->{model}"}}, $l;
        return;
    }

    $self->wrong("two lines of request $l->{request_id}")
        if $self->{line}{$l->{request_id}};

    $self->{line}{$l->{request_id}} = $l;
}


sub parse
{
    my ($text) = @_;

    $text =~ $line or return undef;

    my %l = $text =~ /"(\w+)":"?([^",]*)/g;

    $l{nano} = nano($l{cost_usd});
    $l{tokens} = $l{prompt_tokens} + $l{completion_tokens};
    $l{requests} //= 1;

    return \%l;
}


sub nano
{
    my ($whole, $part) = $_[0] =~ /^(\d+)(?:\.(\d+))?$/
        or die "no money: $_[0]\n";

    return $whole * 1_000_000_000 + substr +($part // '') . '0' x 9, 0, 9;
}


sub add
{
    my ($self, $sum, $l, $sign) = @_;

    for my $kind (@kinds) {
        my $name = $l->{"${kind}_id"} or next;
        my $s = $sum->{"$kind $name"} //= [0, 0, 0];

        $s->[0] += $sign * $l->{requests};
        $s->[1] += $sign * $l->{tokens};
        $s->[2] += $sign * $l->{nano};
    }
}


# Requests that have reached the upstream, have ended, and have no line.

sub missing
{
    my ($self) = @_;

    $self->read;

    my $alone = $self->alone(keys %{$self->{ended}});

    return map { $self->unmerged($_, $alone->{$_}) ? @{$alone->{$_}} : () }
           keys %$alone;
}


# Those of the requests that have no line of their own, by team and model.

sub alone
{
    my ($self, @ids) = @_;

    my %alone;

    for my $id (@ids) {
        my $t = $self->{truth}{$id} or next;

        push @{$alone{"$t->{team} $t->{model}"}}, $id
            if !$self->{line}{$t->{request}};
    }

    return \%alone;
}


# Whether lines of several requests are not those of these; then undef, else
# what is wrong.  Those may also be of requests that the upstream never knew
# of; where one was cut off they charge somewhat more than is known.

sub unmerged
{
    my ($self, $names, $ids) = @_;

    my @lines = @{$self->{merged}{$names} // []};
    my ($n, @is) = (0, 0, 0, 0, 0);
    my @want = (0, 0, 0, 0);

    for my $l (@lines) {
        my @of = @$l{qw(prompt_tokens cached_tokens completion_tokens nano)};

        $n += $l->{requests};
        $is[$_] += $of[$_] for 0 .. 3;
    }

    my @whole = grep { $self->{ended}{$_}{how} eq 'whole' } @$ids;

    for my $id (@whole) {
        my @of = @{$self->{truth}{$id}}{qw(input cached output nano)};

        $want[$_] += $of[$_] for 0 .. 3;
    }

    return "$n of " . @$ids if $n < @$ids || $n > @$ids + $self->{unseen};
    return undef if grep { $_->{loose} } @lines;

    my $exact = $n == @whole;

    return "\"@is\" instead of \"@want\""
        if grep { $exact ? $is[$_] != $want[$_] : $is[$_] < $want[$_] } 0 .. 3;

    return undef;
}


# Everything was killed at once: what has no line now will never have one.
# Returns of how many the client had the whole answer.

sub lost
{
    my ($self) = @_;

    $self->read;

    my $before = $self->{count}{settled};
    my $truth = $self->{truth};
    my $alone = $self->alone(keys %$truth);

    for my $id (map { $self->unknown($_, $alone->{$_}) } keys %$alone) {
        my $ended = $self->{ended}{$id};
        my $whole = $ended && $ended->{how} eq 'whole';

        $self->{count}{$whole ? 'settled' : 'lost'}++;
        delete $self->{$_}{$id} for qw(truth ended);
    }

    return $self->{count}{settled} - $before;
}


# Those of the requests that no line of several can be about.  Which ones these
# are about is not known: those that ended whole ended first.

sub unknown
{
    my ($self, $names, $ids) = @_;

    my $n = 0;

    for (@{$self->{merged}{$names} // []}) {
        $n += $_->{requests};
        $_->{loose} = 1;
    }

    my @ids = sort { $self->is_whole($b) <=> $self->is_whole($a) } @$ids;

    splice @ids, 0, $n < @ids ? $n : scalar @ids;

    return @ids;
}


sub is_whole
{
    my ($self, $id) = @_;

    my $ended = $self->{ended}{$id};

    return $ended && $ended->{how} eq 'whole' ? 1 : 0;
}


# Compares each line with what the upstream and the client say of the request.

sub settle
{
    my ($self) = @_;

    my ($truth, $ended, $lines, $count) = @$self{qw(truth ended line count)};

    $self->settle_merged;

    for my $id (keys %$ended) {
        my $t = delete $truth->{$id};
        my $e = delete $ended->{$id};

        if (!$t) {
            if ($e->{how} ne 'whole') {
                $self->{unseen}++;
            } elsif ($e->{status} =~ /^(?:403|429)$/) {
                $count->{refused}++;
            } else {
                $self->wrong("request $id was answered $e->{status}, and never"
                             . ' came to the upstream');
            }

            next;
        }

        my $l = delete $lines->{$t->{request}};

        if (!$l) {
            $self->wrong("no line of request $id ($t->{request}), which ended"
                         . " $e->{how} with $e->{status}");
            next;
        }

        $count->{requests}++;
        $self->add($self->{sum}{truth}, $l, 1);

        if ($e->{how} ne 'whole') {
            $count->{$l->{source} eq 'estimated' ? 'estimated' : 'exact'}++;
            $count->{cut}++ if $e->{how} eq 'cut' && $t->{how} !~ /cut|lost/;
            next;
        }

        my $is = join ' ', @$l{qw(team_id prompt_tokens cached_tokens
                                  completion_tokens nano status)};
        my $want = join ' ', @$t{qw(team input cached output nano status)};

        $self->wrong("request $id ($t->{how}) has \"$is\" in the ledger, not"
                     . " \"$want\"") if $is ne $want;
        $count->{exact}++;
    }

    for my $request (keys %$lines) {
        my $l = delete $lines->{$request};

        $self->wrong("a line of nobody's request: $request")
            if $self->{unseen}-- <= 0;
        $self->add($self->{sum}{truth}, $l, 1);
        $count->{requests}++;
        $count->{$l->{source} eq 'estimated' ? 'estimated' : 'exact'}++;
    }

    # of clients that left before the upstream knew of them

    delete $truth->{$_} for keys %$truth;
}


# The same of lines of several requests.

sub settle_merged
{
    my ($self) = @_;

    my ($merged, $count) = @$self{qw(merged count)};
    my $alone = $self->alone(keys %{$self->{ended}});

    for my $names (keys %$merged) {
        my $ids = $alone->{$names} // [];
        my $wrong = $self->unmerged($names, $ids);
        my $n = 0;

        $self->wrong("lines of several requests of $names: $wrong") if $wrong;

        for my $l (@{delete $merged->{$names}}) {
            $n += $l->{requests};
            $self->add($self->{sum}{truth}, $l, 1);
        }

        my $whole = grep { $self->is_whole($_) } @$ids;

        $count->{requests} += $n;
        $count->{merged} += $n;
        $count->{exact} += $whole;
        $count->{estimated} += $n - $whole;
        $self->{unseen} -= $n - @$ids;

        delete @{$self->{truth}}{@$ids};
        delete @{$self->{ended}}{@$ids};
    }
}


# The ledger's last lines of a segment that are cut off or overwritten from
# this byte on; they were compared before.

sub destroyed
{
    my ($self, $name, $from) = @_;

    my $file = "$self->{seen}/$name";
    my $tail = substr LLMBase::slurp($file), $from;

    for (split /\n/, $tail) {
        my $l = parse($_) or next;

        $self->add($self->{sum}{ledger}, $l, -1);
        push @{$self->{destroyed}}, { line => $l, store => 1,
                                      zone => 1, zone_perhaps => 1,
                                      backup => $self->backup };
        $self->{count}{destroyed}++;
    }

    $self->{read}{$file} = $from;
}


sub backup { return (stat "$_[0]{state}/quota-backup.db")[1] // 0 }


# From now on the store may be made again of its newest backup.  What was
# destroyed since that is then in neither.

sub store_may_be_new
{
    my ($self) = @_;

    my $now = $self->backup;

    for (@{$self->{destroyed}}) {
        $_->{risk} = 1 if $_->{store} && $_->{backup} eq $now;
    }
}


# Whether the store is what it must be: then undef, else how it differs.

sub store_differs
{
    my ($self) = @_;

    my $store = $self->store // return "    cannot be read\n";
    my $differs = differ($store, $self->expected('store')) || return undef;
    my @risks = grep { $_->{risk} } @{$self->{destroyed}} or return $differs;

    $_->{store} = 0 for @risks;

    if (differ($store, $self->expected('store'))) {
        $_->{store} = 1 for @risks;
        return $differs;
    }

    # a zone that was made since may have it of the store, as that was before

    for (@risks) {
        $_->{zone} = 0 if $_->{zone_since};
        $_->{risk} = 0;
    }

    return undef;
}


# The zone is new, and has what the store has.

sub zone_is_new
{
    my ($self) = @_;

    for (@{$self->{destroyed}}) {
        $_->{zone} = $_->{zone_perhaps} = $_->{store};
        $_->{zone_since} = $_->{risk};
    }
}


# What must be found where: "truth", "store", "zone", or what may be in the zone
# instead, "zone_perhaps"; as { "team NAME" => [requests, tokens, nano] ... }


sub expected
{
    my ($self, $where) = @_;

    my %sum = map { $_ => [@{$self->{sum}{ledger}{$_}}] }
              keys %{$self->{sum}{ledger}};

    $self->add(\%sum, $_->{line}, 1)
        for grep { $where eq 'truth' || $_->{$where} } @{$self->{destroyed}};

    return \%sum;
}


# The store's, or undef while it cannot be read.

sub store
{
    my ($self) = @_;

    my $sql = "SELECT type || ' ' || id, sum(requests),"
              . ' sum(input + output), sum(cost) FROM meter'
              . " WHERE period = 'month' GROUP BY type, id";
    my $file = "$self->{state}/quota.db";
    my $rows = -e $file ? `sqlite3 -readonly "$file" "$sql" 2>/dev/null` : '';

    return undef if $? || $rows eq '';

    return { map { my ($name, @sums) = split /\|/; $name => \@sums }
             grep { /^(?:team|user|customer) / } split /\n/, $rows };
}


# Where two of them differ: a text, empty if they do not.

sub differ
{
    my ($is, $want) = @_;

    my %all = map { $_ => 1 } keys %$is, keys %$want;

    return join '', map {
        my ($a, $b) = map { join ' ', @{$_ // [0, 0, 0]} }
                      $is->{$_}, $want->{$_};

        $a eq $b ? () : "    $_: $a instead of $b\n";
    } sort keys %all;
}


1;
