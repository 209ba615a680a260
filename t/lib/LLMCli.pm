package LLMCli;

# scripts/llm-quota, in the shells and with the awks that bare servers have.
#
#     my $cli = LLMCli->new($t);             # $t: an LLMApi that has started
#
#     is($cli->run('team', 'list'), $rows) for @LLMCli::awks;

use strict;
use warnings;

use LLMBase;

our @shells = ('dash', 'busybox sh', 'bash --posix');
our @awks = ('mawk', 'busybox awk', 'gawk --posix', 'original-awk');


# dir is a folder for the test's own files, with the master key in "key".

sub new
{
    my ($class, $t) = @_;

    my $self = bless { t => $t, dir => $t->dir . '/tmp', runs => 0 }, $class;

    LLMBase::spew("$self->{dir}/key", "$LLMApi::master\n");

    mkdir "$self->{dir}/bin$_" for 0 .. $#awks;

    for my $i (0 .. $#awks) {
        my $awk = "$self->{dir}/bin$i/awk";

        LLMBase::spew($awk, qq(#!/bin/sh\nexec $awks[$i] "\$@"\n));
        chmod 0755, $awk;
    }

    return $self;
}


# What it prints, both streams, and its status, if that is not 0.  Its answers
# are the same in any shell: they take turns.  env: how the shell writes it.

sub with
{
    my ($self, $env, @words) = @_;

    my $shell = $shells[$self->{runs} % @shells];
    my $path = "$self->{dir}/bin" . $self->{runs}++ % @awks . ":$ENV{PATH}";
    my $line = join ' ', map { "'" . s/'/'\\''/gr . "'" } @words;
    my $url = 'http://127.0.0.1:' . $self->{t}->port;

    my $out = `PATH='$path' LOGNAME=carol LLM_QUOTA_URL=$url $env $shell \\
               $LLMBase::root/scripts/llm-quota $line 2>&1 < /dev/null`;

    return $? ? ($? >> 8) . " $out" : $out;
}


# With the master key.

sub run
{
    my ($self, @words) = @_;

    return $self->with("LLM_QUOTA_KEY_FILE=$self->{dir}/key", @words);
}


1;
