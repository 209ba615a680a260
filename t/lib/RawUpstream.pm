package RawUpstream;

# A provider that sends exactly the bytes a test wants, cut as it wants.
#
#     my $upstream = RawUpstream->start(
#         '/v1/chat/completions' => { json => '{"usage":{...}}' },
#         '/v1/messages'  => { file => 't/fixtures/x.http', pieces => 1 },
#         '/slow?n=1'     => { json => '{}', hold => 'gate' },
#         '/flaky'        => [ { status => 503 }, { json => '{}' } ],
#         '/echo'         => sub { my ($request) = @_; return { ... } },
#         '*'             => { status => 404 },
#     );
#
# A reply is found by path and arguments, then by the path, then under "*".
# Of a list each request takes the next one, and the last one repeats.  It is
# a hash of
#
#     file, raw         a whole answer, head and body
#     json, sse, body   a body; sse is a list of events (without the blank
#                       line that ends each)
#     status, headers   200 and none unless told; [name => value, ...] replace
#                       the answer's own, undef removes
#     chunked           sizes (see pieces) of the chunks of a transfer coding
#     until_close       no length: the end of the connection ends the body
#     pieces            how the bytes are cut into writes: a number, a list of
#                       numbers of which the last one repeats, or
#                       { seed => N, max => N }
#     pause             seconds between writes
#     hold, hold_at     wait for release() of the gate of that name before the
#                       first byte, or after hold_at bytes of the body
#     cut               close after that many bytes of the body
#     reset             ... with RST instead of FIN
#     close             close after the answer
#
# Every request is recorded before it is answered, see requests().

use strict;
use warnings;

use Fcntl qw(:flock O_RDWR);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER);
use Time::HiRes ();

use LLMBase;

my $json = JSON::PP->new->latin1->canonical;

my %reason = (200 => 'OK', 204 => 'No Content', 400 => 'Bad Request',
              404 => 'Not Found', 429 => 'Too Many Requests',
              500 => 'Internal Server Error', 503 => 'Service Unavailable');


sub start
{
    my ($class, @replies) = @_;

    my $self = bless { replies => { @replies }, owner => $$ }, $class;

    $self->{port} = LLMBase::free_port();
    $self->{dir} = File::Temp->newdir('upstream-XXXXXX', DIR => $LLMBase::run);
    $self->{listener} = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                              LocalPort => $self->{port},
                                              ReuseAddr => 1, Listen => 1024)
        or die "upstream: $!\n";

    LLMBase::spew("$self->{dir}/journal", '');

    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $self->accept_all;
        POSIX::_exit(0);
    }

    # here too, so that stop() finds the group whoever is first
    setpgrp $self->{pid}, $self->{pid};
    close $self->{listener};

    return $self;
}


sub port
{
    return $_[0]{port};
}


sub stop
{
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    # with its children, one for each connection
    kill 'KILL', -$pid;
    waitpid $pid, 0;
}


sub DESTROY
{
    my ($self) = @_;

    local ($?, $!, $@);

    $self->stop if $$ == $self->{owner};
}


# What has come in so far, in the order of arrival: { method, path (with
# arguments), head (as it came), headers (names in lower case), body,
# connection (its number), time }.  With a path, the requests for it only.

sub requests
{
    my ($self, $path) = @_;

    return grep { !defined $path || $_->{path} eq $path }
           $self->journal('request');
}


# The answers that were written to the end: { path, bytes }.

sub answers
{
    return $_[0]->journal('answer');
}


# How many requests wait at a gate.

sub waiting
{
    my ($self, $gate) = @_;

    my $n = 0;

    $n += $_->{gate} eq $gate for $self->journal('wait');
    $n -= $_->{gate} eq $gate for $self->journal('go');

    return $n;
}


# Lets n of those that wait at a gate go on; those who come later count too.

sub release
{
    my ($self, $gate, $n) = @_;

    syswrite $self->gate($gate), 'x' x ($n // 1);
}


sub journal
{
    my ($self, $type) = @_;

    return grep { $_->{type} eq $type } map { $json->decode($_) }
           split /\n/, LLMBase::slurp("$self->{dir}/journal");
}


sub note
{
    my ($self, %entry) = @_;

    open my $fh, '>>:raw', "$self->{dir}/journal" or return;

    # one write: the connections' processes share the file
    syswrite $fh, $json->encode(\%entry) . "\n";
}


# A gate is a FIFO, and a byte in it the leave for one to pass.

sub gate
{
    my ($self, $name) = @_;

    my $path = "$self->{dir}/gate.$name";

    POSIX::mkfifo($path, 0600);

    return $self->{gate}{$name} //= do {
        sysopen my $fh, $path, O_RDWR or die "$path: $!\n";
        $fh;
    };
}


sub pass
{
    my ($self, $gate) = @_;

    my $fh = $self->gate($gate);

    $self->note(type => 'wait', gate => $gate);
    sysread $fh, my $byte, 1;
    $self->note(type => 'go', gate => $gate);
}


# The server: a process that accepts, and one for each connection.

sub accept_all
{
    my ($self) = @_;

    my $ready = IO::Select->new($self->{listener});
    my $n = 0;

    setpgrp 0, 0;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';

    while (1) {
        # a test that was killed leaves nobody to stop us
        kill 'KILL', -$$ if getppid() != $self->{owner};

        $ready->can_read(1) or next;

        my $connection = $self->{listener}->accept or next;

        $n++;

        my $pid = fork() // die "fork: $!\n";

        if ($pid == 0) {
            close $self->{listener};
            setsockopt $connection, IPPROTO_TCP, TCP_NODELAY, 1;
            $self->serve($connection, $n);
            POSIX::_exit(0);
        }

        close $connection;
    }
}


sub serve
{
    my ($self, $connection, $number) = @_;

    my $input = '';

    while (defined(my $request = read_request($connection, \$input))) {
        $self->note(%$request, type => 'request', connection => $number,
                    time => Time::HiRes::time());

        my $reply = $self->reply($request);

        $self->answer($connection, $request, $reply) or return;
    }
}


sub read_request
{
    my ($connection, $input) = @_;

    until ($$input =~ /\r\n\r\n/) {
        sysread $connection, $$input, 65536, length $$input or return undef;
    }

    (my $head, $$input) = split /(?<=\r\n\r\n)/, $$input, 2;
    $$input //= '';

    my ($method, $path) = $head =~ /^(\S+) (\S+)/ or return undef;
    my %headers;

    while ($head =~ /^([^:\r\n]+):[ \t]*(.*?)[ \t]*\r$/mg) {
        my $name = lc $1;

        $headers{$name} = defined $headers{$name} ? "$headers{$name}, $2" : $2;
    }

    my $body = '';
    my $more = sub {
        return sysread $connection, $$input, 65536, length $$input;
    };

    if (lc($headers{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            my ($line, $size) = $$input =~ /^(([0-9a-fA-F]+)[^\n]*\n)/;
            my $end = defined $line ? length($line) + hex($size) + 2 : 1e18;

            if (length $$input < $end) {
                $more->() or return undef;
                next;
            }

            $body .= substr $$input, length $line, hex $size;
            substr($$input, 0, $end) = '';

            last if hex $size == 0;
        }

    } else {
        my $length = $headers{'content-length'} // 0;

        while (length $$input < $length) {
            $more->() or return undef;
        }

        $body = substr $$input, 0, $length, '';
    }

    return { method => $method, path => $path, head => $head,
             headers => \%headers, body => $body };
}


sub reply
{
    my ($self, $request) = @_;

    my $replies = $self->{replies};
    my ($path) = split /\?/, $request->{path};

    my ($key) = grep { exists $replies->{$_} } $request->{path}, $path, '*';

    return { status => 404 } if !defined $key;

    my $reply = $replies->{$key};

    if (ref $reply eq 'ARRAY') {
        my $n = $self->next_of($key);

        $reply = $reply->[$n] // $reply->[-1];
    }

    return ref $reply eq 'CODE' ? $reply->($request) : $reply;
}


# 0, 1, 2, ... over all connections

sub next_of
{
    my ($self, $key) = @_;

    open my $fh, '+>>', "$self->{dir}/next." . unpack('H*', $key)
        or die "upstream: $!\n";
    flock $fh, LOCK_EX;

    my $n = -s $fh;

    syswrite $fh, '.';

    return $n;
}


sub answer
{
    my ($self, $connection, $request, $reply) = @_;

    my $bytes = build($reply);
    my $body = index($bytes, "\r\n\r\n") + 4;
    my $end = defined $reply->{cut} ? $body + $reply->{cut} : length $bytes;
    my $hold = !defined $reply->{hold} ? undef
               : defined $reply->{hold_at} ? $body + $reply->{hold_at} : 0;
    my $size = sizes($reply->{pieces} // length $bytes);
    my $at = 0;

    while ($at < $end) {
        if (defined $hold && $at == $hold) {
            $self->pass($reply->{hold});
            undef $hold;
        }

        my $n = $size->();

        $n = $end - $at if $n > $end - $at;
        $n = $hold - $at if defined $hold && $at < $hold && $n > $hold - $at;

        my $piece = substr $bytes, $at, $n;

        while (length $piece) {
            my $sent = syswrite $connection, $piece or return 0;
            substr($piece, 0, $sent) = '';
        }

        $at += $n;

        Time::HiRes::sleep($reply->{pause}) if $reply->{pause} && $at < $end;
    }

    $self->pass($reply->{hold}) if defined $hold;

    $self->note(type => 'answer', path => $request->{path}, bytes => $at)
        if $end == length $bytes;

    if ($reply->{reset}) {
        setsockopt $connection, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    }

    return !($reply->{close} || $reply->{reset} || $reply->{until_close}
             || defined $reply->{cut}
             || $request->{head} =~ m{^\S+ \S+ HTTP/1\.0\r}
             || lc($request->{headers}{connection} // '') eq 'close');
}


# The answer's bytes, head and body.

sub build
{
    my ($reply) = @_;

    my $raw = defined $reply->{file} ? LLMBase::slurp($reply->{file})
                                     : $reply->{raw};
    my ($head, $body);

    if (defined $raw) {
        ($head, $body) = split /(?<=\r\n\r\n)/, $raw, 2;
        $body //= '';

        return $raw if !grep { defined $reply->{$_} }
                             qw(headers chunked until_close);

    } else {
        my $status = $reply->{status} // 200;
        my $type = 'text/plain';

        $body = $reply->{body} // '';

        if (defined $reply->{json}) {
            ($type, $body) = ('application/json', $reply->{json});

        } elsif ($reply->{sse}) {
            $type = 'text/event-stream';
            $body = join '', map { "$_\n\n" } @{$reply->{sse}};
        }

        $head = "HTTP/1.1 $status " . ($reason{$status} // 'Status') . "\r\n"
                . "Content-Type: $type\r\n"
                . 'Content-Length: ' . length($body) . "\r\n\r\n";
    }

    my @headers = @{$reply->{headers} // []};

    if (defined $reply->{chunked}) {
        push @headers, 'Content-Length', undef, 'Transfer-Encoding', 'chunked';
        $body = chunks($body, sizes($reply->{chunked}));
    }

    if ($reply->{until_close}) {
        push @headers, 'Content-Length', undef, 'Connection', 'close';
    }

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head =~ s/^\Q$name\E:.*\r\n//mig;
        $head =~ s/\r\n\z/$name: $value\r\n\r\n/ if defined $value;
    }

    return $head . $body;
}


sub chunks
{
    my ($body, $size) = @_;

    my $coded = '';

    while (length $body) {
        my $chunk = substr $body, 0, $size->(), '';

        $coded .= sprintf "%x\r\n%s\r\n", length $chunk, $chunk;
    }

    return $coded . "0\r\n\r\n";
}


# A function that returns one size after the other.

sub sizes
{
    my ($how) = @_;

    if (ref $how eq 'HASH') {
        my $state = $how->{seed};

        return sub {
            # the same everywhere, unlike rand()
            $state = ($state * 1103515245 + 12345) % 2**31;
            return 1 + ($state >> 8) % $how->{max};
        };
    }

    my @sizes = ref $how ? @$how : ($how || 1);

    return sub { return @sizes > 1 ? shift @sizes : $sizes[0] };
}


1;
