package LLMTest;

# A test that needs more than a request and its answer: several workers,
# several steps, reloads and kills.  Plain Test::More, with nginx and a client
# at hand.
#
#     use lib 't/lib';
#     use LLMTest;
#
#     my $t = LLMTest->new(workers => 2, http => '...', server => '...');
#
#     $t->start;
#     is($t->get('/')->{status}, 200, 'it answers');
#     $t->reload;
#     $t->finish;
#     done_testing();
#
# In the configuration %%DIR%% is the test's folder, which the workers may
# read, and write in %%DIR%%/tmp; %%PORT%% is the server's port, and %%NAME%%
# what vars => { NAME => ... } says.  finish() stops nginx, and fails the test
# for what it finds in the error log and in the reports of sanitizers and
# valgrind.

use strict;
use warnings;

use Exporter qw(import);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(:sys_wait_h);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

use LLMBase;

our @EXPORT = (@Test::More::EXPORT, qw(wait_until));

my @running;

$SIG{PIPE} = 'IGNORE';


# wait_until { condition } "what for", seconds: the condition's value, or the
# end of the test

sub wait_until (&;$$)
{
    my ($condition, $what, $seconds) = @_;

    my $end = time + ($seconds // 30) * LLMBase::patience();
    my $value;

    until ($value = $condition->()) {
        die 'waited in vain' . (defined $what ? " for $what" : '') . "\n"
            if time > $end;
        sleep 0.01;
    }

    return $value;
}


sub new
{
    my ($class, %options) = @_;

    my $self = bless {
        workers => 1, main => '', events => '', http => '', server => '',
        vars => {}, expected => [], port => LLMBase::free_port(), %options
    }, $class;

    $self->{dir} = File::Temp->newdir('nginx-XXXXXX', DIR => $LLMBase::run);

    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/$_" for qw(conf logs tmp);
    chmod 01777, "$self->{dir}/tmp";

    return $self;
}


sub port { return $_[0]{port} }
sub dir { return "$_[0]{dir}" }
sub master { return $_[0]{pid} }


# Writes the configuration; http, server and so on may be given anew.

sub configure
{
    my ($self, %options) = @_;

    $self->{$_} = $options{$_} for keys %options;

    my $modules = join '', map { "load_module $_;\n" } @LLMBase::modules;
    my $temp = join '', map { "    ${_}_temp_path %%DIR%%/tmp/$_;\n" }
                        qw(client_body proxy fastcgi uwsgi scgi);

    my $text = <<"EOF";
$modules
worker_processes $self->{workers};
error_log %%DIR%%/logs/error.log info;
pid %%DIR%%/logs/nginx.pid;

$self->{main}

events {
    worker_connections 512;
    $self->{events}
}

http {
    access_log %%DIR%%/logs/access.log;
$temp
    $self->{http}

    server {
        listen 127.0.0.1:%%PORT%%;

        $self->{server}
    }
}
EOF

    my %vars = (DIR => $self->dir, PORT => $self->port, %{$self->{vars}});

    $text =~ s/%%(\w+)%%/$vars{$1} \/\/ die "no value for $1\n"/ge;

    # the master may be reading it, told so before

    my $file = $self->dir . '/conf/nginx.conf';

    LLMBase::spew("$file.new", $text);
    rename "$file.new", $file or die "rename: $!\n";
}


# nginx -t, which frees nothing at its end: (exit status, what it said)

sub check
{
    my ($self, %options) = @_;

    $self->configure(%options);

    my $dir = $self->dir;

    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS},detect_leaks=0";

    open my $fh, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', $LLMBase::nginx,
                       '-p', "$dir/", '-c', 'conf/nginx.conf',
                       '-e', 'stderr', '-t'
        or die "$LLMBase::nginx: $!\n";

    my $said = do { local $/; <$fh> };

    close $fh;

    return ($? >> 8, $said // '');
}


sub start
{
    my ($self, %options) = @_;

    $self->configure(%options);

    my $dir = $self->dir;
    my $pid = fork() // die "fork: $!\n";

    if ($pid == 0) {
        my @command = (LLMBase::command(), '-p', "$dir/",
                       '-c', 'conf/nginx.conf', '-e', 'logs/error.log',
                       '-g', 'daemon off;');

        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/logs/stderr";
        open STDERR, '>&', \*STDOUT;

        exec { $command[0] } @command or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    push @running, $self;

    wait_until {
        if (waitpid($pid, WNOHANG)) {
            @running = grep { $_ != $self } @running;
            die 'nginx does not start: '
                . LLMBase::slurp("$dir/logs/stderr") . "\n";
        }

        $self->workers == $self->{workers} && $self->connect;
    } 'nginx to start';

    return $self;
}


# The workers that accept connections: not the cache's helpers, and not those
# that are shutting down.

sub workers
{
    my ($self) = @_;

    return grep { title($_) =~ /worker process$/ } $self->children;
}


sub children
{
    my ($self) = @_;

    open my $fh, '<', "/proc/$self->{pid}/task/$self->{pid}/children"
        or return;

    return split ' ', <$fh> // '';
}


# Under valgrind a process cannot change its title: there all are alike.

sub title
{
    my ($pid) = @_;

    return 'worker process' if $LLMBase::mode eq 'valgrind';

    my $title = eval { LLMBase::slurp("/proc/$pid/cmdline") } // '';

    $title =~ s/[\0 ]+$//;

    return $title;
}


# A new configuration and new workers; with keep_old => 1 it does not wait for
# the old ones, which end with their last request.

sub reload
{
    my ($self, %options) = @_;

    my $keep = delete $options{keep_old};
    my %old = map { $_ => 1 } $self->workers;

    $self->configure(%options);

    kill 'HUP', $self->{pid};

    wait_until {
        (grep { !$old{$_} } $self->workers) == $self->{workers};
    } 'new workers';

    return if $keep;

    wait_until { !grep { $old{$_} } $self->children } 'old workers to end';
}


# Kills a worker, and waits for the one that the master starts in its place.

sub kill_worker
{
    my ($self, $pid, $signal) = @_;

    $self->expect_log(qr/worker process $pid exited on signal/);

    kill $signal // 'KILL', $pid;

    wait_until {
        my @workers = $self->workers;

        @workers == $self->{workers} && !grep { $_ == $pid } @workers;
    } 'a new worker';
}


# kill -9 of everything at once

sub crash
{
    my ($self) = @_;

    # a stopped master starts no new workers
    kill 'STOP', $self->{pid};
    kill 'KILL', $self->children, $self->{pid};

    $self->gone;
    wait_until { !$self->connect } 'the workers to be gone';
}


# What is under way is finished first.

sub quit { $_[0]->end('QUIT') }
sub stop { $_[0]->end('TERM') }


sub end
{
    my ($self, $signal) = @_;

    return if !$self->{pid};

    kill $signal, $self->{pid};

    eval {
        wait_until { waitpid($self->{pid}, WNOHANG) } 'nginx to end';
        1;
    } or do {
        fail('nginx ends when told to');
        kill 'KILL', $self->children, $self->{pid};
    };

    $self->gone;
}


sub gone
{
    my ($self) = @_;

    waitpid delete $self->{pid}, 0;
    @running = grep { $_ != $self } @running;
}


# Lines of the error log that are no reason to fail the test.

sub expect_log
{
    my ($self, @patterns) = @_;

    push @{$self->{expected}}, @patterns;
}


sub log { return LLMBase::slurp($_[0]->dir . '/logs/error.log') }
sub access_log { return LLMBase::slurp($_[0]->dir . '/logs/access.log') }


sub wait_log
{
    my ($self, $pattern, $seconds) = @_;

    wait_until { $self->log =~ $pattern } "$pattern in the error log",
               $seconds;
}


sub critical
{
    my ($self) = @_;

    return grep {
        my $line = $_;

        $line =~ /\[(?:crit|alert|emerg)\]|Sanitizer|runtime error:/
            && !grep { $line =~ $_ } @{$self->{expected}};
    } split /^/, $self->log;
}


sub finish
{
    my ($self) = @_;

    $self->quit;

    is(join('', $self->critical), '', 'nothing critical in error.log');
    is(join('', LLMBase::reports()), '',
       'no report of a sanitizer or valgrind');
}


# A test that died in between has nginx running still, whose log may say why.

END {
    if (LLMBase::is_owner() && @running) {
        my $status = $?;

        for my $t (@running) {
            diag(grep { /\[(?:warn|error|crit|alert|emerg)\]/ }
                 split /^/, eval { $t->log } // '');
            $t->stop;
        }

        $? = $status;
    }
}


# The lines of a ledger, decoded, in the order of the segments' names.

sub ledger
{
    my ($self, $state) = @_;

    my $json = JSON::PP->new->utf8;

    return map { $json->decode($_) }
           map { split /\n/, LLMBase::slurp($_) }
           sort glob "$state/usage-*.jsonl";
}


# The client.  An answer is { status, head, headers (names in lower case, of
# several the values joined by commas), body, truncated }.

sub get
{
    my ($self, $path, @headers) = @_;

    return $self->request('GET', $path, undef, @headers);
}


sub post
{
    my ($self, $path, $body, @headers) = @_;

    return $self->request('POST', $path, $body, @headers);
}


sub request
{
    my ($self, @request) = @_;

    return $self->open(@request)->answer;
}


# Sends requests, each [method, path, body, name => value, ...], at once over
# connections of their own; the answers come in the same order.

sub parallel
{
    my ($self, @requests) = @_;

    my @clients = map { $self->open(@$_) } @requests;

    return map { $_->answer } @clients;
}


# Sends a request; the client that it returns reads the answer.

sub open
{
    my ($self, $method, $path, $body, @headers) = @_;

    my $head = "$method $path HTTP/1.1\r\nHost: localhost\r\n";

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }

    $head .= "Connection: close\r\n" if $head !~ /^Connection:/mi;
    $head .= 'Content-Length: ' . length($body) . "\r\n"
        if defined $body && $head !~ /^(?:Content-Length|Transfer-Encoding):/mi;

    return $self->open_raw("$head\r\n" . ($body // ''));
}


sub open_raw
{
    my ($self, $bytes) = @_;

    my $socket = $self->connect or die "connect: $!\n";

    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    my $client = bless { socket => $socket, input => '' }, 'LLMTest::Client';

    $client->send($bytes);

    return $client;
}


sub connect
{
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $_[0]{port});
}


package LLMTest::Client;

use strict;
use warnings;

use IO::Select;
use Socket qw(SOL_SOCKET SO_LINGER);


sub send
{
    my ($self, $bytes) = @_;

    while (length $bytes) {
        my $sent = syswrite $self->{socket}, $bytes or last;

        substr($bytes, 0, $sent) = '';
    }
}


# Waits for more bytes: false when the connection is closed.

sub more
{
    my ($self) = @_;

    return 0 if $self->{closed};

    IO::Select->new($self->{socket})->can_read(10 * LLMBase::patience())
        or die "no answer, only \"$self->{input}\"\n";

    return 1 if sysread $self->{socket}, $self->{input}, 65536,
                        length $self->{input};

    $self->{closed} = 1;

    return 0;
}


# Waits for the head: the answer without its body, status 0 if there is none.

sub head
{
    my ($self) = @_;

    my ($end, %headers);

    while (($end = index $self->{input}, "\r\n\r\n") < 0) {
        $self->more or return { status => 0, headers => {} };
    }

    my $head = substr $self->{input}, 0, $end + 4, '';
    my ($status) = $head =~ m{^HTTP/1\.[01] (\d+)};

    while ($head =~ /^([^:\r\n]+):[ \t]*(.*?)\r$/mg) {
        my $name = lc $1;

        $headers{$name} = defined $headers{$name} ? "$headers{$name}, $2" : $2;
    }

    $self->{body} = '';

    return $self->{answer} = { status => $status, head => $head,
                               headers => \%headers };
}


# Takes what has come of the body: true when that is all of it.

sub take
{
    my ($self) = @_;

    my $headers = $self->{answer}{headers};
    my $input = \$self->{input};

    if (($headers->{'transfer-encoding'} // '') eq 'chunked') {
        while ($$input =~ /^([0-9a-fA-F]+)[^\n]*\n/) {
            my ($from, $size) = ($+[0], hex $1);

            last if length $$input < $from + $size + 2;

            $self->{body} .= substr $$input, $from, $size;
            substr($$input, 0, $from + $size + 2) = '';

            return 1 if $size == 0;
        }

        return 0;
    }

    my $left = $self->{left} // $headers->{'content-length'};
    my $data = substr $$input, 0, $left // length $$input, '';

    $self->{body} .= $data;

    return $self->{closed} if !defined $left;

    $self->{left} = $left - length $data;

    return $self->{left} == 0;
}


# The next event of a stream, without the blank line that ends it, as soon as
# it is there; undef at the end.

sub event
{
    my ($self) = @_;

    $self->head if !$self->{answer};

    while (1) {
        my $complete = $self->take;

        return $1 if $self->{body} =~ s/^(.*?)\r?\n\r?\n//s;
        return undef if $complete || !$self->more;
    }
}


# The next bytes of the body, as soon as so many are there.

sub bytes
{
    my ($self, $n) = @_;

    $self->head if !$self->{answer};

    until ($self->take || length $self->{body} >= $n) {
        $self->more or last;
    }

    return substr $self->{body}, 0, $n, '';
}


# Waits for the whole answer, or for what is left of it.

sub answer
{
    my ($self) = @_;

    my $answer = $self->{answer} // $self->head;

    if ($answer->{status}) {
        until ($self->take) {
            next if $self->more || $self->take;

            $answer->{truncated} = 1;
            last;
        }
    }

    $answer->{body} = $self->{body} // '';

    delete @$self{qw(answer body left)};

    return $answer;
}


# Leaves without a word, with a FIN or with a RST.

sub abort
{
    my ($self, $reset) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)
        if $reset;

    close $self->{socket};
    $self->{closed} = 1;
}


1;
