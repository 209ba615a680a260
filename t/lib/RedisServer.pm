package RedisServer;

# Real servers of Redis and its Sentinels on ports of their own, and one that
# answers what a test wants.
#
#     my $redis = RedisServer->start(requirepass => 'secret');
#     my $copy = RedisServer->start(replicaof => '127.0.0.1 ' . $redis->port);
#     my $sentinel = RedisServer->sentinel($redis, 'mymaster');
#
#     $redis->cli('SET', 'a', 1);
#     $redis->freeze; $redis->thaw; $redis->crash; $redis->again;
#
#     my $fake = RedisServer->fake(PING => "-READONLY no\r\n");
#
# A fake server answers the commands it is told of with these bytes, ROLE as a
# master does, and others with +OK; undef closes the connection.  commands()
# has what it was asked, and connections() how often somebody came.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);

use LLMBase;
use LLMTest ();

my @running;


END {
    if (LLMBase::is_owner()) {
        local $?;

        $_->crash for grep { $_->{pid} } @running;
    }
}


sub new
{
    my ($class, %self) = @_;

    my $self = bless { port => LLMBase::free_port(), %self }, $class;

    $self->{dir} = File::Temp->newdir('redis-XXXXXX', DIR => $LLMBase::run);
    chmod 0755, $self->{dir};

    push @running, $self;

    return $self;
}


sub port { return $_[0]{port} }
sub dir { return "$_[0]{dir}" }
sub socket { return $_[0]->dir . '/redis.sock' }


sub start
{
    my ($class, %options) = @_;

    my $self = $class->new(password => $options{requirepass},
                           secure => $options{'tls-port'},
                           program => 'redis-server');

    $self->{port} = $options{'tls-port'} if $self->{secure};

    my %conf = (
        port => $self->{secure} ? 0 : $self->port, bind => '127.0.0.1',
        unixsocket => $self->socket, unixsocketperm => 777, save => '""',
        'repl-diskless-sync-delay' => 0, dir => $self->dir, %options
    );

    $conf{requirepass} = "\"$self->{password}\"" if defined $self->{password};

    LLMBase::spew($self->dir . '/redis.conf',
                  map { "$_ $conf{$_}\n" } sort keys %conf);

    return $self->again;
}


sub sentinel
{
    my ($class, $master, $name, %options) = @_;

    my $self = $class->new(program => 'redis-sentinel');
    my @auth = defined $master->{password}
               ? "sentinel auth-pass $name $master->{password}\n" : ();

    LLMBase::spew($self->dir . '/redis.conf',
                  'port ', $self->port, "\nbind 127.0.0.1\n",
                  'dir ', $self->dir, "\n",
                  "sentinel monitor $name 127.0.0.1 ", $master->port, " 1\n",
                  "sentinel down-after-milliseconds $name 60000\n",
                  "sentinel failover-timeout $name 60000\n", @auth,
                  map { "$_ $options{$_}\n" } sort keys %options);

    return $self->again;
}


# The same server once more, as it was configured.

sub again
{
    my ($self) = @_;

    my $dir = $self->dir;

    $self->{pid} = $self->child(sub {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/log";
        open STDERR, '>&', \*STDOUT;

        exec $self->{program}, "$dir/redis.conf" or POSIX::_exit(127);
    });

    LLMTest::wait_until { $self->answers } "$self->{program} to start";

    return $self;
}


sub answers
{
    my ($self) = @_;

    my $socket = $self->{program} eq 'redis-server'
                 ? IO::Socket::UNIX->new(Peer => $self->socket)
                 : IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $self->port);

    $socket or return 0;
    syswrite $socket, "PING\r\n";
    sysread $socket, my $answer, 64;

    return ($answer // '') =~ /PONG|NOAUTH/;
}


sub child
{
    my ($self, $run) = @_;

    my $pid = fork() // die "fork: $!\n";

    return $pid if $pid;

    $run->();
    POSIX::_exit(0);
}


# What Redis answers, as redis-cli prints it.

sub cli
{
    my ($self, @command) = @_;

    my @where = $self->{program} eq 'redis-server'
                ? ('-s', $self->socket) : ('-p', $self->port);

    local $ENV{REDISCLI_AUTH};

    if (defined $self->{password}) {
        $ENV{REDISCLI_AUTH} = $self->{password};

    } else {
        delete $ENV{REDISCLI_AUTH};
    }

    open my $fh, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', 'redis-cli', @where,
                       @command
        or die "redis-cli: $!\n";

    my $answer = do { local $/; <$fh> };

    close $fh;
    chomp $answer;

    return $answer;
}


# Of each client that has a name what CLIENT LIST says.

sub clients
{
    my ($self) = @_;

    return map { { /(\S+?)=(\S*)/g } }
           grep { /name=llm_quota:/ } split /\n/, $self->cli('CLIENT', 'LIST');
}


sub freeze { kill 'STOP', $_[0]{pid} }
sub thaw { kill 'CONT', $_[0]{pid} }


sub crash
{
    my ($self) = @_;

    my $pid = delete $self->{pid};

    kill 'KILL', $pid;
    waitpid $pid, 0;
}


sub fake
{
    my ($class, %answers) = @_;

    my $self = $class->new(program => 'fake');

    $self->{file} = $self->dir . '/commands';
    LLMBase::spew($self->{file});

    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->port, Listen => 16,
        ReuseAddr => 1
    ) or die "listen: $!\n";

    $answers{ROLE} = "*3\r\n\$6\r\nmaster\r\n:0\r\n*0\r\n"
        if !exists $answers{ROLE};

    $self->{pid} = $self->child(sub {
        local $SIG{CHLD} = 'IGNORE';

        while (my $client = $listener->accept) {
            $self->note('(connection)');

            $self->serve($client, \%answers);
        }
    });

    return $self;
}


# One connection after the other, each until it is closed.

sub serve
{
    my ($self, $client, $answers) = @_;

    my $input = '';

    while (sysread $client, $input, 65536, length $input) {

        while ($input =~ /^\*(\d+)\r\n/) {
            my ($left, $at, @words) = ($1, $+[0]);

            while ($left && substr($input, $at) =~ /^\$(\d+)\r\n/) {
                last if length $input < $at + $+[0] + $1 + 2;

                push @words, substr $input, $at + $+[0], $1;
                $at += $+[0] + $1 + 2;
                $left--;
            }

            last if $left;

            substr($input, 0, $at) = '';
            $self->note("@words");

            my $answer = exists $answers->{$words[0]} ? $answers->{$words[0]}
                                                      : "+OK\r\n";

            return if !defined $answer;

            my ($bytes, $close) = ref $answer ? @$answer : ($answer, 0);

            while (length $bytes) {
                my $n = syswrite $client, $bytes or return;
                substr($bytes, 0, $n) = '';
            }

            return if $close;
        }
    }
}


sub note
{
    my ($self, $line) = @_;

    open my $fh, '>>', $self->{file} or die "$self->{file}: $!\n";
    print $fh "$line\n";
    close $fh;
}


sub commands
{
    return grep { !/^\(/ } split /\n/, LLMBase::slurp($_[0]{file});
}


sub connections
{
    return scalar grep { /^\(/ } split /\n/, LLMBase::slurp($_[0]{file});
}


# An nginx whose zone is shared through it; with the directive's parameters
# and what LLMTest takes.

sub nginx
{
    my ($self, $parameters, %options) = @_;

    my $http = delete $options{http} // '';

    return LLMTest->new(
        http => 'llm_quota_zone zone=main:1m state=%%DIR%%/tmp/state '
                . "sync=20ms; llm_quota_redis zone=main $parameters; $http",
        vars => { REDIS => $self->port, SOCKET => $self->socket }, %options
    );
}


1;
