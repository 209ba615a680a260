package Chaos::Nginx;

# nginx as scripts/chaos has it: LLMTest with a master that may be another one
# after an upgrade, a clock that can be set, and a debugger.

use strict;
use warnings;

use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use LLMTest;

use Chaos::Upstream;

our @ISA = qw(LLMTest);

my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';

# where the clock begins: in the midst of a month, and never in the future: the
# times of files are not faked, and what is older than it is would be deleted

my $day = (gmtime)[3];
my $base = 86400 * ($day >= 23 ? 15 - $day : -15 - $day);

# it is executed anew by the name that it was started with

($LLMBase::nginx) = grep { -x } $LLMBase::nginx,
                    map { "$_/$LLMBase::nginx" } split /:/, $ENV{PATH};

# how far it may be set from there, before that month ends
my $far = 8 * 86400;


sub new
{
    my ($class, %options) = @_;

    my $self = $class->SUPER::new(workers => 3, size => 4096, clock => 0,
                                  budget => 0.01, faketime => $faketime,
                                  %options);

    $self->{dir}->unlink_on_destroy(0);
    delete $self->{faketime} if $LLMBase::mode eq 'sanitize';
    $self->{dead} = {};
    $self->set_clock(0);

    mkdir $self->disk;
    chmod 01777, $self->disk;

    return $self;
}


sub disk { return $_[0]->dir . '/tmp/disk' }
sub state_dir { return $_[0]->disk . '/state' }
sub seen { return $_[0]->disk . '/seen' }


sub configure
{
    my ($self) = @_;

    my $directives = Chaos::Upstream::directives();

    local $self->{main} = join '', map { "env $_;\n" }
                          qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE
                             FAKETIME_CACHE_DURATION DONT_FAKE_MONOTONIC);

    local $self->{http} = <<"EOT" . $self->{http};
    llm_quota_zone zone=main:$self->{size}k state=%%DIR%%/tmp/disk/state
                   segment=64k retain=2s sync=100ms;
    $directives
    access_log off;
    lingering_close off;
    proxy_http_version 1.1;
    proxy_set_header Connection close;
    proxy_set_header X-Request-Id \$request_id;
EOT

    my $probes = join '', map { <<"EOT" }

        location /probe/$_/ {
            llm_team_limit default $_;
            add_header X-Spend \$llm_team_spend_usd always;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%/;
        }
EOT
        qw(parallel=0 requests=0/month tokens=0/month);

    local $self->{server} = <<"EOT" . $probes;
        llm_quota main;
        llm_log_level info;
        llm_team \$http_x_team;
        llm_user \$http_x_user;

        llm_global_limit           parallel=500 budget=1000000/month;
        llm_team_limit default     rpm=100k tpm=500m budget=100000/month
                                   budget=10000/day requests=100m/month;
        llm_team_limit busy        rpm=600 tpm=300k parallel=4;
        llm_team_limit strict      budget=$self->{budget}/month;
        llm_team_limit strict-tokens tpm=60k requests=100m/week;
        llm_user_limit default     requests=100m/month budget=1000/day;
        llm_user_limit user-1      parallel=6;
        llm_customer_limit default budget=1000/month tpm=100m;
        llm_team_model_limit busy large budget=1000/day;

        location / {
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
        }

        location /strict/ {
            llm_reserve strict;
            proxy_pass http://127.0.0.1:%%UPSTREAM%%/;
        }
EOT

    $self->SUPER::configure;
}


# A daemon, which LLMTest does not start: a master whose parent it knows is
# taken for the new one of an upgrade, and begins none.

sub start
{
    my ($self) = @_;

    my $dir = $self->dir;

    $self->configure;

    local %ENV = (%ENV, $self->{faketime} ? (
        LD_PRELOAD => $self->{faketime},
        FAKETIME_TIMESTAMP_FILE => "$dir/conf/clock",
        FAKETIME_CACHE_DURATION => 1,
        DONT_FAKE_MONOTONIC => 1,
    ) : ());

    system("$LLMBase::nginx -p $dir/ -c conf/nginx.conf -e logs/error.log"
           . " > $dir/logs/stderr 2>&1") == 0
        or die 'nginx does not start: ', LLMBase::slurp("$dir/logs/stderr");

    $self->{pid} = $self->other_master(0);
    wait_until { $self->workers == $self->{workers} && $self->connect }
               'nginx to start', 15;
}


# Waits for a master that is not this one.

sub other_master
{
    my ($self, $pid) = @_;

    my $file = $self->dir . '/logs/nginx.pid';

    return wait_until {
        my $text = eval { LLMBase::slurp($file) } // '';

        $text =~ /^(\d+)\n/ && $1 != $pid && $1;
    } 'another master', 15;
}


sub set_clock
{
    my ($self, $offset) = @_;

    my $file = $self->dir . '/conf/clock';

    $self->{clock} = $offset;
    LLMBase::spew("$file.new", sprintf "%+d\n", $base + $offset);
    chmod 0644, "$file.new";
    rename "$file.new", $file or die "rename: $!\n";
}


sub far { return $far }


# The master is no child of ours, and may be nobody's.

sub gone { wait_for_end(delete $_[0]{pid}) }


sub wait_for_end
{
    my ($pid) = @_;

    wait_until { LLMTest::title($pid) eq '' } 'a master to end', 15;
}


sub end
{
    my ($self, $signal) = @_;

    return if !$self->{pid};

    kill $signal, $self->{pid};
    $self->gone;
}


# A signal that ends a worker is one that nginx tells of.

sub excuse
{
    my ($self, $pid) = @_;

    $self->{dead}{$pid} = 1;
}


# Waits for as many workers as there must be, none of which is of those that
# were told to end.

sub settled
{
    my ($self) = @_;

    wait_until {
        my @children = grep { LLMTest::title($_) ne '' } $self->children;

        @children == $self->{workers} && $self->workers == $self->{workers};
    } 'the workers', 15;
}


sub kill_worker
{
    my ($self, $pid) = @_;

    $self->excuse($pid);
    kill 'KILL', $pid;
    $self->replaced($pid);
}


# Waits for the worker in a dead one's place.

sub replaced
{
    my ($self, $pid) = @_;

    wait_until { !grep { $_ == $pid } $self->children } 'a worker to be gone';
    $self->settled;
}


# Another binary, which is the same, in this one's place.

sub upgrade
{
    my ($self, $between) = @_;

    my $old = $self->{pid};
    kill 'USR2', $old;

    $self->{pid} = $self->other_master($old);
    wait_until { $self->workers == $self->{workers} } 'its workers', 15;

    $between->($old) if $between;

    kill 'WINCH', $old;
    wait_until {
        !grep { $_ != $self->{pid} && LLMTest::title($_) ne '' }
              LLMTest::children({ pid => $old });
    } 'the old workers to end', 15;

    kill 'QUIT', $old;
    wait_for_end($old);
}


# The first worker, which leads.  Of ngx_worker the address in the program is
# known, and where that was loaded.

sub leader
{
    my ($self) = @_;

    my ($pid) = grep { ($self->number($_) // -1) == 0 } $self->workers;

    return $pid;
}


sub followers
{
    my ($self) = @_;

    my $leader = $self->leader // 0;

    return grep { $_ != $leader } $self->workers;
}


sub number
{
    my ($self, $pid) = @_;

    my $program = readlink "/proc/$pid/exe" or return undef;

    $self->{symbol} //= do {
        my $names = `nm -D "$program" 2>&1; nm "$program" 2>&1`;

        $names =~ /^([0-9a-f]+) \w ngx_worker$/m ? hex $1
                                                  : die "no ngx_worker\n";
    };

    my $maps = eval { LLMBase::slurp("/proc/$pid/maps") } // '';
    my ($base) = $maps =~ /^([0-9a-f]+)-\S+ \S+ 00000000 .*\Q$program\E$/m
        or return undef;

    open my $memory, '<:raw', "/proc/$pid/mem" or return undef;
    no warnings 'portable';

    sysseek $memory, hex($base) + $self->{symbol}, 0;
    sysread $memory, my $word, 8;

    return length($word // '') == 8 ? unpack 'q', $word : undef;
}


# kill -9 at a place: a function, after it was entered so many times, and that
# many instructions on.  False where it was not entered in time.

sub kill_at
{
    my ($self, $pid, $function, %options) = @_;

    # killed by the debugger, nginx tells of it

    $self->excuse($pid);

    my $said = LLMBase::slurp($self->debug($pid, $function, %options,
                                           last => 'kill'));

    return 0 if $said !~ /hit Breakpoint 1,|^Breakpoint 1,/m;

    $self->replaced($pid);

    return 1;
}


# kill -9 of everything while one worker is there.

sub crash_at
{
    my ($self, $pid, $function, %options) = @_;

    my $there = $self->dir . '/logs/there';

    $self->excuse($pid);
    unlink $there;

    my $debugger = fork() // die "fork: $!\n";

    if ($debugger == 0) {
        $self->debug($pid, $function, %options,
                     last => "shell touch $there; while [ -e $there ];"
                             . ' do sleep 0.05; done');
        POSIX::_exit(0);
    }

    my $ended = wait_until { -e $there ? -1 : waitpid $debugger, WNOHANG }
                           'the debugger', 60;

    return 0 if $ended > 0;

    $self->crash;
    unlink $there;
    waitpid $debugger, 0;

    return 1;
}


# Stops a worker at a place, and does what is the last command.  Returns the
# name of what the debugger said.

sub debug
{
    my ($self, $pid, $function, %options) = @_;

    my @commands = ('set confirm off', 'set breakpoint pending off',
                    'handle all nostop noprint pass',
                    'handle SIGINT stop nopass', "break $function");

    push @commands, "ignore 1 $options{ignore}" if $options{ignore};
    push @commands, 'continue';
    push @commands, 'delete', "stepi $options{steps}" if $options{steps};
    push @commands, $options{last};

    my $log = $self->dir . '/logs/gdb';
    my $seconds = ($options{seconds} // 5) * LLMBase::patience();

    system "timeout -s INT -k 30 $seconds gdb -nx -q -batch -p $pid "
           . join(' ', map { "-ex '$_'" } @commands) . " > $log 2>&1";

    # what a debugger leaves that had to be killed is stopped, or will be

    if ($? >> 8 == 137) {
        kill 'KILL', $pid;
        $self->replaced($pid);
    }

    return $log;
}


# Segments of zones that are no more look old, so that they are deleted, as they
# are in the days that this does not take.

sub age_segments
{
    my ($self) = @_;

    my @files = sort { (stat $a)[9] <=> (stat $b)[9] }
                glob $self->state_dir . '/usage-*.jsonl';
    my ($epoch) = @files ? $files[-1] =~ /-(\w{16})-\d+\.jsonl$/ : '';
    my $old = time + $base - 2 * $far;

    utime $old, $old, grep { !/-$epoch-\d+\.jsonl$/ } @files;
}


# What the zone has of a team: "requests tokens nano", and what is in flight.
# Such questions are refused, and change nothing.

sub zone_of
{
    my ($self, $team) = @_;

    my (%used, $spend);

    for my $limit (qw(parallel=0 requests=0/month tokens=0/month)) {
        my $answer = $self->post("/probe/$limit/v1/chat/completions",
                                 '{"model":"small","max_tokens":1}',
                                 'X-Team' => $team);

        $answer->{body} =~ /, used (\d+)[.,]/
            or die "a probe is answered $answer->{head}$answer->{body}\n";

        $used{$limit} = $1;
        $spend = $answer->{headers}{'x-spend'} // 0;
    }

    return ([@used{'requests=0/month', 'tokens=0/month'},
             Chaos::Sums::nano($spend)], $used{'parallel=0'});
}


# Lines of the error log since the last time that nobody asked for.

sub bad_lines
{
    my ($self) = @_;

    my $file = $self->dir . '/logs/error.log';

    open my $fh, '<:raw', $file or die "$file: $!\n";
    seek $fh, $self->{told} // 0, 0;

    my @lines = <$fh>;

    $self->{told} = tell $fh;

    return grep {
        my $line = $_;

        $line =~ /\[(?:crit|alert|emerg)\]|Sanitizer|runtime error:/
            && $line !~ /\[crit\].*llm_quota/
            && !($line =~ / (?:process|locked by) (\d+)/
                 && $self->{dead}{$1})
    } @lines;
}


1;
