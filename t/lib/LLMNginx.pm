package LLMNginx;

# Test::Nginx::Socket, with what it lets pass made a failure: a section whose
# name it does not know, and so ignores; [crit], [alert] and [emerg] in the
# error log, which it only warns of; what a sanitizer or valgrind reports.  A
# block that provokes such a line names it in its error_log section.
#
#     use lib 't/lib';
#     use LLMNginx;
#
#     run_tests();
#
#     __DATA__
#
#     === TEST 1: what is so
#     --- http_config
#         llm_quota_zone zone=$TEST_NGINX_ZONE state=$TEST_NGINX_STATE;
#     ...
#
# $TEST_NGINX_ZONE and $TEST_NGINX_STATE are a zone called main and a folder,
# new for each block in HUP mode too, where the zones outlive a block.  There
# is no plan to keep up to date.
#
# Three sections tell what must be found after a block's last request, where
# Test::Nginx looks after each; "..." in them stands for any text:
#
#     --- ledger
#     the lines of the ledger, all and in their order
#
#     --- accessed
#     those of the access log
#
#     --- logged
#     2 times this, neither more nor less, in the error log

use Test::More ();
use LLMBase;
use LLMTest ();

my (@lines, $critical, %excused, $block_name);


# Of the END blocks this one must run between Test::Nginx's, which stops
# nginx, and Test::More's, which counts.

END {
    if (LLMBase::is_owner() && !$Test::Nginx::Util::InSubprocess) {
        local $?;

        my @bad;

        if (open my $fh, '<', $critical) {
            my $name = '';

            while (my $line = <$fh>) {
                if ($line =~ /^=== (.*)/) {
                    $name = $1;
                    next;
                }

                push @bad, "$name: $line"
                    unless grep { $line =~ $_ } @{$excused{$name} // []};
            }
        }

        Test::More::is(join('', @bad), '', 'nothing critical in error.log');
        Test::More::is(join('', LLMBase::reports()), '',
                       'no report of a sanitizer or valgrind');
    }
}


BEGIN {
    $critical = "$LLMBase::run/critical.log";

    $ENV{TEST_NGINX_PORT} //= LLMBase::free_port();
    $ENV{TEST_NGINX_SERVROOT} //= "$LLMBase::run/servroot";

    my $patience = LLMBase::patience();

    $ENV{TEST_NGINX_TIMEOUT} //= 10 * $patience;
    $ENV{TEST_NGINX_SLEEP} //= 0.005 * $patience;
    $ENV{TEST_NGINX_USE_HUP} //= 1 if $LLMBase::mode eq 'hup';
    $ENV{TEST_NGINX_USE_VALGRIND} //= join ' ', LLMBase::valgrind_options()
        if $LLMBase::mode eq 'valgrind';

    $ENV{TEST_NGINX_ZONE} = 'main:10m';
    $ENV{TEST_NGINX_STATE} = '';
}


use Test::Nginx::Socket -Base;


repeat_each(1);
no_long_string();

Test::More::plan('no_plan');


# One suite that cannot go on is no reason to stop the others.

{
    no warnings 'redefine';

    *Test::More::BAIL_OUT = sub { die "@_\n" };
}


my %known = map { $_ => 1 } qw(ONLY LAST SKIP ledger accessed logged);

for my $file (@INC{'Test/Nginx/Socket.pm', 'Test/Nginx/Util.pm'}) {
    $known{$_} = 1 for LLMBase::slurp($file) =~ /\bblock->(\w+)/g;
}

my $asan_options = $ENV{ASAN_OPTIONS};
my $number = 0;

add_block_preprocessor(sub {
    my $block = shift;
    my $name = $block->name;

    my @unknown = grep { !$known{$_} } @{$block->_section_order};

    Test::More::fail("$name - unknown section \"$_\"") for @unknown;

    $number++;

    $ENV{TEST_NGINX_ZONE} = 'main:' . (10240 + 4 * $number) . 'k';
    $ENV{TEST_NGINX_STATE} = "$LLMBase::run/state-$number";

    # an nginx that refuses its configuration frees nothing

    $ENV{ORI_ASAN_OPTIONS} = $asan_options
                             . (defined $block->must_die ? ',detect_leaks=0'
                                                         : '');

    my @patterns = map { ref $_ eq 'ARRAY' ? @$_ : $_ } $block->error_log;

    $excused{$name} = [map { ref $_ eq 'Regexp' ? $_ : map { qr/\Q$_\E/ }
                             grep { length } split /\n+/, $_ }
                       grep { defined } @patterns];

    open my $fh, '>>', $critical or die "$critical: $!\n";
    print $fh "=== $name\n";
    close $fh;

    # Test::Nginx's own error.log is emptied for each block

    $block->set_value('main_config', ($block->main_config // '')
                                     . "\nerror_log $critical crit;\n");
});


# Test::Nginx's filter gives every named sub an argument of its own.

my $pattern = sub {
    return join '.*', map { quotemeta } split /\.\.\./, $_[0], -1;
};


# Both logs are written after the client was answered.  In HUP mode Test::Nginx
# asks for /ver, to see whether the new configuration is in force.

my %files = (
    ledger => sub { sort glob "$ENV{TEST_NGINX_STATE}/usage-*.jsonl" },
    accessed => sub { $Test::Nginx::Util::AccLogFile },
);

add_test_cleanup_handler(sub {
    my $block = shift;

    for my $section (sort grep { defined $block->$_ } keys %files) {
        my @patterns = map { "$_\n" } map { $pattern->($_) }
                       split /\n/, $block->$section;
        my @lines;

        eval {
            LLMTest::wait_until {
                @lines = grep { !m{"GET /ver HTTP/} }
                         map { split /^/, LLMBase::slurp($_) }
                         $files{$section}->();

                @lines >= @patterns;
            };
        };

        Test::More::like(join('', @lines), qr/\A@{[join '', @patterns]}\z/,
                         $block->name . " - $section");
    }
});


add_test_cleanup_handler(sub {
    my $block = shift;

    defined $block->logged or return;

    my @lines = split /\n/, LLMBase::slurp($Test::Nginx::Util::ErrLogFile);

    for (split /\n/, $block->logged) {
        my ($times, $text) = /^(\d+) times (.+)/ or die "not N times: $_\n";
        my $line = $pattern->($text);

        Test::More::is(scalar(grep { /$line/ } @lines), $times,
                       $block->name . " - logged: $_");
    }
});


1;
