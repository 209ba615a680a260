package Chaos::Redis;

# A run of scripts/chaos --redis: two or three nodes that share a zone through
# a Redis with a replica and a Sentinel.  They are harmed as one node is, and
# so is Redis, often both at once; then on each node the four sums are one, in
# Redis each node's share is what its ledger has, and each node knows the sum
# of all of them.
#
# Faults are as in Chaos::Faults; those of Redis take this run, those of a node
# a node.

use strict;
use warnings;

use List::Util qw(sum0);
use Time::HiRes qw(sleep);

use LLMTest;
use RedisServer;

use Chaos::Faults;
use Chaos::Node;

our @ISA = qw(Chaos::Run);

# what is done to a node here: the rest does not concern others

my %node = map { $_ => 1 } (
    'kill -9 of a worker', 'kill -9 of the leader', 'kill -9 of everything',
    'TERM', 'QUIT', 'HUP storm', 'binary upgrade', 'zone of another size',
    'stopped worker', 'stopped leader', 'deleted database',
);

my @redis = (
    { name => 'Redis killed, empty', inject => \&kill_redis },
    { name => 'Redis restarted, with old data', inject => \&restart_redis },
    { name => 'Redis frozen', inject => \&freeze_redis },
    { name => 'Redis slow', inject => \&slow_redis },
    { name => 'Redis flushed', inject => \&flush_redis },
    { name => 'Redis full', inject => \&fill_redis },
    { name => 'Redis read-only', inject => \&read_only_redis },
    { name => 'Redis failing over', inject => \&fail_over_redis },
    { name => 'Redis without scripts', inject => \&unload_redis },
    { name => 'Redis cutting connections', inject => \&cut_redis },
);


sub new
{
    my ($class, %options) = @_;

    my $self = bless { remarks => [], %options }, $class;
    my $seed = $options{seed};
    my $n = 2 + $seed % 2;
    my $mode = $seed % 4 < 2 ? 'periodic' : 'strict';

    # a Redis that restarts has what it saved when it was told to

    my $first = RedisServer->start;
    my $second = RedisServer->start(replicaof => '127.0.0.1 ' . $first->port);

    wait_until { $second->cli('ROLE') =~ /\bconnected\b/ } 'the replica', 30;

    $self->{redis} = [$first, $second];
    $self->{sentinel} = RedisServer->sentinel($first, 'mymaster');

    # it looks more often than each ten seconds, and so knows what it does

    $self->{sentinel}->cli('SENTINEL', 'DEBUG', 'info-period', 200,
                           'publish-period', 200);

    my $sentinel = $self->{sentinel}->port;

    for my $i (1 .. $n) {
        push @{$self->{nodes}}, Chaos::Node->new(
            seed => 10 * $seed + 3 * $i, load => 24 / $n, name => "node$i",
            nginx => {
                workers => 2, faketime => 0,
                http => "    llm_quota_redis zone=main timeout=500ms"
                        . " redis://127.0.0.1:$sentinel sentinel=mymaster"
                        . " mode=$mode;\n",
            },
        );
    }

    $_->{nodes} = $self->{nodes} for @{$self->{nodes}};

    srand $seed;

    return $self;
}


sub kinds { return (grep({ $node{$_->{name}} } @Chaos::Faults::all), @redis) }
sub faults { return $_[0]->kinds }
sub start { $_->start for @{$_[0]{nodes}} }
sub go { $_->go for @{$_[0]{nodes}} }
sub quit { $_->quit for @{$_[0]{nodes}} }
sub crash { $_->crash for @{$_[0]{nodes}} }
sub complain { $_->complain for @{$_[0]{nodes}} }
sub finish { $_->finish($_[1]) for @{$_[0]{nodes}} }
sub pick { return $_[rand @_] }


sub count
{
    my ($self) = @_;

    my %count;

    for my $count (map { $_->count } @{$self->{nodes}}) {
        $count{$_} += $count->{$_} for keys %$count;
    }

    return \%count;
}


sub inject
{
    my ($self, $fault) = @_;

    $self->{remarks} = [];

    return $self->harm($fault) if $node{$fault->{name}};

    $self->go;
    sleep 0.1 + rand 0.3;

    return $fault->{inject}->($self);
}


# A fault of a node, whichever.

sub harm
{
    my ($self, $fault) = @_;

    my $i = int rand @{$self->{nodes}};
    my $node = $self->{nodes}[$i];
    my $done = $node->inject($fault);

    push @{$self->{remarks}}, 'node ' . ($i + 1), @{$node->{remarks}};

    return $done;
}


# Redis is harmed: so it stays for a while, in which nodes may be harmed, too.

sub meanwhile
{
    my ($self) = @_;

    sleep 0.1 + rand 1.5;

    return if rand() < 0.6;

    my $fault = pick(grep { $node{$_->{name}} } @Chaos::Faults::all);

    push @{$self->{remarks}}, "meanwhile $fault->{name}";
    $self->harm($fault);
}


sub master
{
    my ($self) = @_;

    return wait_until {
        my $said = $self->{sentinel}->cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME',
                                          'mymaster');
        my ($master) = grep { $said =~ /\n@{[$_->port]}$/ }
                       @{$self->{redis}};

        $master && $master->cli('ROLE') =~ /^master/ && $master;
    } 'a master', 30;
}


sub kill_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    $redis->crash;
    unlink $redis->dir . '/dump.rdb';
    $self->meanwhile;
    $redis->again;

    return 1;
}


sub restart_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    $redis->cli('SAVE');
    sleep rand 0.6;
    $redis->crash;
    $self->meanwhile;
    $redis->again;

    return 1;
}


sub freeze_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    $redis->freeze;
    $self->meanwhile;
    $redis->thaw;

    return 1;
}


sub slow_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    for (1 .. 3 + rand 5) {
        $redis->cli('CLIENT', 'PAUSE', 20 + int rand 600);
        sleep rand 0.4;
    }

    return 1;
}


sub flush_redis
{
    my ($self) = @_;

    for (1 .. 1 + rand 3) {
        $self->master->cli('FLUSHALL');
        sleep rand 0.3;
    }

    return 1;
}


sub fill_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    $redis->cli('CONFIG', 'SET', 'maxmemory', 1);
    $self->meanwhile;
    $redis->cli('CONFIG', 'SET', 'maxmemory', 0);

    return 1;
}


# A replica of nobody keeps what it has.

sub read_only_redis
{
    my ($self) = @_;

    my $redis = $self->master;

    $redis->cli('REPLICAOF', '127.0.0.1', 1);
    $self->meanwhile;
    $redis->cli('REPLICAOF', 'NO', 'ONE');

    return 1;
}


# The Sentinel refuses while it knows of no good replica, or gives up.

sub fail_over_redis
{
    my ($self) = @_;

    my $master = $self->master;
    my $done = eval {
        wait_until {
            $self->{sentinel}->cli('SENTINEL', 'FAILOVER', 'mymaster')
                =~ /^OK/
        } 'a failover', 5;
    };

    return 0 if !$done;

    return eval {
        wait_until { $master->cli('ROLE') =~ /^slave/ } 'the old master', 10;
    };
}


sub unload_redis
{
    my ($self) = @_;

    for (1 .. 1 + rand 3) {
        $self->master->cli('SCRIPT', 'FLUSH');
        sleep rand 0.3;
    }

    return 1;
}


sub cut_redis
{
    my ($self) = @_;

    for (1 .. 1 + rand 5) {
        $self->master->cli('CLIENT', 'KILL', 'TYPE', 'normal');
        sleep rand 0.3;
    }

    return 1;
}


# What Redis has of this month: { node => { "team NAME" => [requests, tokens,
# nano], ... } }

sub published
{
    my ($self) = @_;

    my $script = <<'EOF';
local out = {}
for _, key in ipairs(redis.call('KEYS', '*:p:*:month:*')) do
    local flat = redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
        out[#out + 1] = key .. ' ' .. flat[i] .. ' ' .. flat[i + 1]
    end
end
return out
EOF

    my %of;

    for (split /\n/, $self->master->cli('EVAL', $script, 0)) {
        my ($type, $id, $node, $share)
            = /:p:(team|user|customer):month:\d+:(\S+) ([0-9a-f]{16}) (\S+)$/
            or next;
        my (undef, $requests, $input, $output, $cost) = split /:/, $share;

        $of{$node}{"$type $id"} = [$requests, $input + $output, $cost]
            if $requests + $input + $output + $cost;
    }

    return \%of;
}


sub settle
{
    my ($self) = @_;

    my @nodes = @{$self->{nodes}};
    my ($published, $differs);

    $_->pause for @nodes;
    $_->settle_ledger for @nodes;

    eval {
        wait_until {
            $published = $self->published;
            $differs = join '', map { $_->differs($published) } @nodes;
            $differs eq '';
        } 'Redis', 10;
    } or die "Redis differs from the ledgers:\n$differs";

    for my $i (0 .. $#nodes) {
        $self->known($i, $_, $published) for @Chaos::Clients::teams;
    }

    # limits are passed while Redis is away

    $_->{loose} = 1 for @nodes;
    $_->settled for @nodes;
}


# What a node knows of a team is what all have.

sub known
{
    my ($self, $i, $team, $published) = @_;

    my @shares = grep { $_ } map { $_->{"team $team"} } values %$published
        or return;
    my @all = map { my $k = $_; sum0 map { $_->[$k] } @shares } 0 .. 2;
    my $is = '';

    eval {
        wait_until {
            my ($used, $inflight) = $self->{nodes}[$i]{nginx}->zone_of($team);

            $is = join ' ', $inflight, @$used;
            $is eq "0 @all";
        } 'a node';
    } or die 'node ' . ($i + 1) . " has \"$is\" (in flight, requests, tokens,"
             . " nano-dollars) of $team, not \"0 @all\"\n";
}


1;
