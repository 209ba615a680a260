package LLMUpgrade;

# Binary upgrades, which nginx makes for its own parent only: a daemon's.
# valgrind does not follow one.
#
#     use LLMUpgrade;
#
#     my $old = start_daemon($t);
#     my $new = upgrade($old, $t);
#     end_master($old);
#     ...
#     end_master($new);
#     end_daemon($t);

use strict;
use warnings;

use Exporter 'import';
use LLMBase;
use LLMTest ();

our @EXPORT = qw(start_daemon upgrade end_master end_daemon);

my @masters;

END {
    if (LLMBase::is_owner()) {
        local $?;

        kill 'KILL', map({ LLMTest::children({ pid => $_ }) } @masters),
             @masters;
    }
}


sub pid
{
    my ($t) = @_;

    my $pid = eval { LLMBase::slurp($t->dir . '/logs/nginx.pid') } // '';

    return $pid =~ /^(\d+)\n/ ? $1 : 0;
}


sub wait_worker
{
    my ($master) = @_;

    LLMTest::wait_until {
        grep { LLMTest::title($_) =~ /worker process$/ }
        LLMTest::children({ pid => $master })
    } 'a worker';

    return $master;
}


# Instead of $t->start: returns the master, which is the one of $t.

sub start_daemon
{
    my ($t) = @_;

    # it is executed anew by the name that it was started with
    my ($nginx) = grep { -x } $LLMBase::nginx,
                  map { "$_/$LLMBase::nginx" } split /:/, $ENV{PATH};

    $t->configure;

    system $nginx, '-p', $t->dir . '/', '-c', 'conf/nginx.conf',
           '-e', 'logs/error.log';

    push @masters, $t->{pid} = LLMTest::wait_until { pid($t) } 'a master';

    return wait_worker($t->{pid});
}


# Returns the new master, once it has a worker; from then on it is the one of
# $t.

sub upgrade
{
    my ($old, $t) = @_;

    kill 'USR2', $old;

    my $new = LLMTest::wait_until { my $pid = pid($t); $pid != $old && $pid }
              'another master';

    push @masters, $t->{pid} = $new;

    return wait_worker($new);
}


sub end_master
{
    my ($master) = @_;

    kill 'QUIT', $master;
    LLMTest::wait_until { LLMTest::title($master) eq '' } 'a master to end';
    @masters = grep { $_ != $master } @masters;
}


# All masters have ended.

sub end_daemon
{
    my ($t) = @_;

    delete $t->{pid};
    $t->finish;
}


1;
