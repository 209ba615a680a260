package Chaos::Upstream;

# The provider of scripts/chaos, which writes down itself what it serves: a
# line for each request when it decides on its answer, and one when the last
# byte of that is written.
#
#     decided ID REQUEST_ID TEAM MODEL STATUS HOW INPUT CACHED OUTPUT NANO
#     served ID
#
# HOW is json, sse, error, cut (a stream that states its usage and is then
# closed without its end), or lost (one that ends before it states any).

use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(min);
use POSIX ();
use Time::HiRes qw(time);

use LLMBase;

# pico-dollars for a token of input, of input from a cache, of output

our %prices = (
    small  => [150_000, 75_000, 600_000],
    large  => [3_000_000, 300_000, 15_000_000],
    odd    => [123, 45, 1_999_999],
);


# The directives that say the same.

sub directives
{
    return join '', map {
        sprintf "llm_price %s input=%s cached=%s output=%s;\n", $_,
                map { sprintf '%d.%06d', int($_ / 1e6), $_ % 1e6 }
                @{$prices{$_}};
    } sort keys %prices;
}


# start(journal file, seed, most seconds that an answer takes)

sub start
{
    my ($class, $file, $seed, $slow) = @_;

    my $self = bless { port => LLMBase::free_port(), slow => $slow,
                       owner => $$ }, $class;

    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                         LocalPort => $self->{port},
                                         ReuseAddr => 1, Listen => 1024)
        or die "upstream: $!\n";

    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        srand $seed;
        open $self->{journal}, '>>', $file or die "$file: $!\n";
        $listener->blocking(0);
        eval { $self->serve($listener); 1 } or warn "upstream: $@";
        POSIX::_exit(1);
    }

    return $self;
}


sub port { return $_[0]{port} }
sub pid { return $_[0]{pid} }


# One loop, for as long as the process that started it lives.  A connection
# is { socket, input, parts: [when, bytes] that are still to be written }.

sub serve
{
    my ($self, $listener) = @_;

    my %open;

    while (getppid == $self->{owner}) {
        my ($readers, $writers) = ('', '');
        my $now = time;
        my $wait = 0.2;

        vec($readers, fileno $listener, 1) = 1;

        while (my ($fd, $c) = each %open) {
            if (!$c->{parts}) {
                vec($readers, $fd, 1) = 1;
            } elsif ($c->{parts}[0][0] <= $now) {
                vec($writers, $fd, 1) = 1;
            } else {
                $wait = min($wait, $c->{parts}[0][0] - $now);
            }
        }

        select($readers, $writers, undef, $wait) > 0 or next;

        if (vec $readers, fileno $listener, 1) {
            while (my $socket = $listener->accept) {
                $socket->blocking(0);
                $open{fileno $socket} = { socket => $socket, input => '' };
            }
        }

        for my $fd (keys %open) {
            my $done = vec($readers, $fd, 1) ? $self->take($open{$fd})
                     : vec($writers, $fd, 1) ? $self->give($open{$fd}) : 0;

            delete $open{$fd} if $done;
        }
    }
}


sub note
{
    my ($self, @words) = @_;

    syswrite $self->{journal}, "@words\n";
}


# Returns whether the connection is to be closed.

sub take
{
    my ($self, $c) = @_;

    my $n = sysread $c->{socket}, $c->{input}, 65536, length $c->{input};

    return 1 if defined $n && $n == 0;
    return !$!{EAGAIN} if !defined $n;

    my ($head, $body) = $c->{input} =~ /\A(.*?\r\n)\r\n(.*)\z/s or return 0;
    my ($length) = $head =~ /^content-length: *(\d+)/mi;

    return 0 if length $body < ($length // 0);

    $self->decide($c, $head, $body);

    return 0;
}


sub give
{
    my ($self, $c) = @_;

    while (@{$c->{parts}} && $c->{parts}[0][0] <= time) {
        my $part = $c->{parts}[0];
        my $n = syswrite $c->{socket}, $part->[1];

        return !$!{EAGAIN} if !defined $n;

        substr($part->[1], 0, $n) = '';
        shift @{$c->{parts}} if $part->[1] eq '';
    }

    return 0 if @{$c->{parts}};

    $self->note('served', $c->{id});

    return 1;
}


sub decide
{
    my ($self, $c, $head, $body) = @_;

    my %header = map { /^([^:]+): *(.*?)\r?$/ ? (lc $1 => $2) : () }
                 split /\n/, $head;
    my ($model) = $body =~ /"model":"(\w+)"/;
    my ($most) = $body =~ /"max_tokens":(\d+)/;
    my $stream = $body =~ /"stream":true/;
    my $luck = rand;

    my $how = $luck < 0.06 ? 'error'
            : !$stream     ? 'json'
            : $luck < 0.10 ? 'cut'
            : $luck < 0.14 ? 'lost' : 'sse';

    my $status = $how ne 'error' ? 200 : (400, 404, 429, 500, 503)[rand 5];
    my $input = 1 + int rand 60;
    my $cached = rand() < 0.3 ? int rand $input : 0;
    my $output = 1 + int rand $most;
    my $price = $prices{$model};

    my $pico = ($input - $cached) * $price->[0] + $cached * $price->[1]
               + $output * $price->[2];
    my $nano = do { use integer; ($pico + 500) / 1000 };

    ($input, $cached, $output, $nano) = (0, 0, 0, 0) if $how eq 'error';

    $c->{id} = $header{'x-id'};

    $self->note('decided', $c->{id}, $header{'x-request-id'},
                $header{'x-team'}, $model, $status, $how, $input, $cached,
                $output, $nano);

    my $usage = "\"usage\":{\"prompt_tokens\":$input,\"completion_tokens\":"
                . "$output,\"total_tokens\":" . ($input + $output)
                . ",\"prompt_tokens_details\":{\"cached_tokens\":$cached}}";
    my $type = $how =~ /json|error/ ? 'application/json' : 'text/event-stream';
    my $start = "HTTP/1.1 $status Chaos\r\nContent-Type: $type\r\n";
    my @parts;

    if ($how eq 'error') {
        @parts = ('{"error":{"message":"no"}}');

    } elsif ($how eq 'json') {
        @parts = ("{\"id\":\"c\",\"model\":\"$model\",\"choices\":[{\"message\""
                  . ":{\"content\":\"" . 'x' x (1 + int rand 2000) . "\"}}],",
                  "$usage}");

    } else {
        my $chunk = "data: {\"id\":\"c\",\"model\":\"$model\",\"choices\":[";

        @parts = map { $chunk . '{"delta":{"content":"' . 'word ' x (1 + rand 9)
                       . "\"}}]}\n\n" } 0 .. rand 5;

        push @parts, "$chunk],$usage}\n\n" if $how ne 'lost';
        push @parts, "data: [DONE]\n\n" if $how eq 'sse';
    }

    if ($type eq 'application/json') {
        $start .= 'Content-Length: ' . length(join '', @parts) . "\r\n\r\n";

    } else {
        $start .= "Transfer-Encoding: chunked\r\n\r\n";
        @parts = map { sprintf "%x\r\n%s\r\n", length, $_ } @parts;
        push @parts, "0\r\n\r\n" if $how eq 'sse';
    }

    # the head comes with the first piece, the others one after another

    my $step = rand($self->{slow}) / @parts;
    my $when = time;

    $parts[0] = $start . $parts[0];
    $c->{parts} = [map { [$when += $step, $_] } @parts];
}


1;
