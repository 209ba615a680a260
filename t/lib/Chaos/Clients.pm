package Chaos::Clients;

# The clients of scripts/chaos: a process that keeps many requests in flight,
# each over a connection of its own, and writes down how each ended:
#
#     ID STATUS HOW
#
# HOW is whole, cut (not all of an answer, or none: status 0) or left (by the
# client, in the midst).  Who finds nobody that listens tries again, which is
# no request.

use strict;
use warnings;

use Errno qw(EINPROGRESS);
use IO::Socket::INET;
use List::Util qw(min);
use POSIX ();
use Socket qw(inet_aton pack_sockaddr_in SOL_SOCKET SO_ERROR);
use Time::HiRes qw(time);

use LLMBase;

our @teams = (map({ "team-$_" } 1 .. 6), 'busy', 'strict', 'strict-tokens');

my $leave = 0.04;        # of all requests


# start(journal file, seed, port of nginx, requests in flight)

sub start
{
    my ($class, $file, $seed, $port, $most) = @_;

    my $self = bless { address => pack_sockaddr_in($port, inet_aton
                                                   '127.0.0.1'),
                       most => $most, owner => $$, paused => 1, seed => $seed,
                       number => 0 }, $class;

    pipe my $orders, $self->{orders} or die "pipe: $!\n";
    pipe $self->{reports}, my $reports or die "pipe: $!\n";

    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        srand $seed;
        close $self->{orders};
        open $self->{journal}, '>>', $file or die "$file: $!\n";
        @$self{qw(orders reports)} = ($orders, $reports);
        eval { $self->ask_on; 1 } or warn "clients: $@";
        POSIX::_exit(1);
    }

    $self->{orders}->autoflush;

    return $self;
}


sub pid { return $_[0]{pid} }
sub go { print {$_[0]{orders}} "go\n" }


# No further requests; whether all that were in flight ended in time.

sub pause
{
    my ($self, $seconds) = @_;

    my $readers = '';

    print {$self->{orders}} "pause\n";
    vec($readers, fileno $self->{reports}, 1) = 1;

    return 0 if select($readers, undef, undef, $seconds) != 1;

    return sysread $self->{reports}, my $idle, 1;
}


sub ask_on
{
    my ($self) = @_;

    my $open = $self->{open} = {};

    # until the other end of the pipe is closed

    while (1) {
        my ($readers, $writers) = ('', '');
        my $now = time;
        my $wait = 0.05;

        if ($self->{paused} && !%$open && delete $self->{asked}) {
            syswrite $self->{reports}, '.';
        }

        while (!$self->{paused} && keys(%$open) < $self->{most}
               && $now >= ($self->{again} // 0))
        {
            $self->ask($now);
        }

        vec($readers, fileno $self->{orders}, 1) = 1;

        while (my ($fd, $c) = each %$open) {
            vec($readers, $fd, 1) = 1 if !length $c->{output};
            vec($writers, $fd, 1) = 1 if length $c->{output};
            $wait = min($wait, $c->{leave} - $now) if $c->{leave};
        }

        $wait = 0 if $wait < 0;

        my $n = select $readers, $writers, undef, $wait;

        if ($n > 0 && vec $readers, fileno $self->{orders}, 1) {
            sysread $self->{orders}, my $order, 64 or return;
            $self->{paused} = $order =~ /pause\n\z/;
            $self->{asked} ||= $self->{paused};
        }

        $now = time;

        for my $fd (keys %$open) {
            my $c = $open->{$fd};

            if ($c->{leave} && $now >= $c->{leave}) {
                $self->ended($fd, 'left');
            } elsif ($n > 0 && vec $writers, $fd, 1) {
                $self->send($fd, $c);
            } elsif ($n > 0 && vec $readers, $fd, 1) {
                $self->read($fd, $c);
            }
        }
    }
}


sub ask
{
    my ($self, $now) = @_;

    my $id = "$self->{seed}-" . ++$self->{number};
    my $team = $teams[rand @teams];
    my $model = ('small', 'large', 'odd')[rand 3];
    my $path = $team =~ /^strict/ ? "/strict" : '';
    my $body = "{\"model\":\"$model\",\"max_tokens\":" . (1 + int rand 200)
               . (rand() < 0.5 ? ',"stream":true' : '')
               . ",\"user\":\"customer-" . int(rand 5)
               . '","messages":[{"role":"user","content":"'
               . 'hello ' x (1 + rand 40) . '"}]}';

    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!\n";

    $socket->blocking(0);

    if (!connect($socket, $self->{address}) && $! != EINPROGRESS) {
        $self->{again} = $now + 0.02;
        return;
    }

    $self->{open}{fileno $socket} = {
        id => $id, socket => $socket, input => '', fresh => 1,
        leave => rand() < $leave ? $now + rand 0.15 : undef,
        output => "POST $path/v1/chat/completions HTTP/1.1\r\nHost: chaos\r\n"
                  . "X-Id: $id\r\nX-Team: $team\r\n"
                  . 'X-User: user-' . int(rand 7) . "\r\n"
                  . "Connection: close\r\nContent-Length: " . length($body)
                  . "\r\n\r\n$body",
    };
}


sub send
{
    my ($self, $fd, $c) = @_;

    if (delete $c->{fresh}
        && unpack 'i', getsockopt $c->{socket}, SOL_SOCKET, SO_ERROR)
    {
        delete $self->{open}{$fd};
        $self->{again} = time + 0.02;
        return;
    }

    my $n = syswrite $c->{socket}, $c->{output};

    if (defined $n) {
        substr($c->{output}, 0, $n) = '';

    } elsif (!$!{EAGAIN}) {
        $self->ended($fd, 'cut');
    }
}


sub read
{
    my ($self, $fd, $c) = @_;

    my $n = sysread $c->{socket}, $c->{input}, 65536, length $c->{input};

    return if $n || !defined $n && $!{EAGAIN};

    my ($head, $body) = $c->{input} =~ /\A(HTTP.*?\r\n)\r\n(.*)\z/s;
    my $whole = 0;

    if (defined $body) {
        ($c->{status}) = $head =~ m{^HTTP/1.1 (\d+)};
        $whole = $head =~ /^transfer-encoding: *chunked/mi
                 ? $body =~ /(?:\A|\r\n)0\r\n\r\n\z/
                 : $head =~ /^content-length: *(\d+)/mi
                   && length $body == $1;
    }

    $self->ended($fd, $whole ? 'whole' : 'cut');
}


sub ended
{
    my ($self, $fd, $how) = @_;

    my $c = delete $self->{open}{$fd};

    syswrite $self->{journal}, "$c->{id} " . ($c->{status} // 0) . " $how\n";
    close $c->{socket};
}


1;
