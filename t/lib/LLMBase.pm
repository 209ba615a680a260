package LLMBase;

# What every test needs, whatever harness it uses: a folder of its own that
# nginx's workers can enter, free ports, the program and the module under
# test, and the reports of the tools that watch them.
#
# LLM_MODE says how the test is run: plain, hup (Test::Nginx reloads instead
# of starting anew), sanitize (nginx and module with ASan and UBSan, see
# scripts/build) or valgrind.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::INET;
use IO::Socket::UNIX;

our ($root, $run, $mode, $nginx, @modules);

my (%held, $owner);
my $next = 20000 + $$ % 10000;


$root = Cwd::realpath(dirname(__FILE__) . '/../..');
$owner = $$;

$run = $ENV{LLM_RUN}
       || File::Temp::tempdir('llm-quota-XXXXXX', DIR => '/tmp',
                              CLEANUP => 1);

umask 022;
mkdir $run;
chmod 0755, $run;
mkdir "$run/reports";
chmod 0777, "$run/reports";

# a path with a blank in it is two words to Test::Nginx

if ($root =~ /\s/) {
    symlink $root, "$run/root";
    $root = "$run/root";
}

$mode = $ENV{LLM_MODE} // 'plain';

my $build = $mode eq 'sanitize' ? "$root/build/sanitize" : "$root/build";

$ENV{TEST_NGINX_BINARY}
    //= $mode eq 'sanitize' ? "$build/nginx" : 'nginx';
$ENV{TEST_NGINX_LOAD_MODULES}
    //= $ENV{LLM_MODULE} // "$build/ngx_http_llm_quota_module.so";

$nginx = $ENV{TEST_NGINX_BINARY};
@modules = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};

# Test::Nginx takes the options apart at commas, and adds the test's name
# to the path.

$ENV{ASAN_OPTIONS} = "detect_stack_use_after_return=1,"
                     . "strict_string_checks=1,log_path=$run/reports/asan";
$ENV{UBSAN_OPTIONS} = "print_stacktrace=1,log_path=$run/reports/ubsan";
$ENV{LSAN_OPTIONS} = "print_suppressions=0,"
                     . "suppressions=$run/lsan.suppress";

# it is a worker that reads them, who may not come where we are

spew("$run/lsan.suppress", slurp("$root/t/lib/lsan.suppress"));


# How much longer than alone on an idle machine things may take.

sub patience
{
    return { sanitize => 5, valgrind => 20 }->{$mode} // 2;
}


# The command that runs nginx, as a list.

sub command
{
    return ($nginx) if $mode ne 'valgrind';

    return ('valgrind', valgrind_options(), $nginx);
}


sub valgrind_options
{
    return ('-q', '--vgdb=no', '--leak-check=full', '--show-possibly-lost=no',
            '--keep-debuginfo=yes', '--num-callers=40',
            '--gen-suppressions=all',
            "--suppressions=$root/t/lib/valgrind.suppress",
            "--log-file=$run/reports/valgrind.%p");
}


# A port that stays ours until the process ends: suites run side by side, and
# nginx is stopped and started in between.  The kernel takes none of these for
# connections, and a name in its abstract name space needs no cleaning up.

sub free_port
{
    for (1 .. 10000) {
        my $port = $next;

        $next = $next == 29999 ? 20000 : $next + 1;

        next if $held{$port};

        my $claim = IO::Socket::UNIX->new(Local => "\0llm-quota-port-$port",
                                          Listen => 1)
            or next;

        IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
                              ReuseAddr => 1, Listen => 1)
            or next;

        $held{$port} = $claim;

        return $port;
    }

    die "no free port\n";
}


# What sanitizers and valgrind had to say, of the processes that have ended.

sub reports
{
    my @reports;

    for my $file (sort glob "$run/reports/*") {
        push @reports, slurp($file) if -s $file;
        unlink $file;
    }

    return @reports;
}


sub slurp
{
    my ($file) = @_;

    open my $fh, '<:raw', $file or die "$file: $!\n";
    local $/;

    return scalar <$fh> // '';
}


sub spew
{
    my ($file, @text) = @_;

    open my $fh, '>:raw', $file or die "$file: $!\n";
    print $fh @text;
    close $fh or die "$file: $!\n";
}


# Whether this is the process that loaded the module, and not its child.

sub is_owner
{
    return $$ == $owner;
}


1;
