package LLMExample;

# LLMTest with a configuration that people are shown, such as a file of
# conf.example, instead of one of the test's own.
#
#     my $t = LLMExample->new(
#         text => example('minimal.conf'),
#         providers => { 'api.openai.com' => $port },
#         replace => { 'worker_processes auto;' => 'worker_processes 1;' },
#         files => { 'upstreams.conf' => '...' },
#     );
#
# Changed is what must differ here: the paths of logs and state, the port, and
# what replace says, each of which must be in the text.  A provider's host is
# made an upstream of that name, so that its line stays as it is.  Files are
# put beside the configuration, as they are.

use strict;
use warnings;

use File::Basename qw(basename);

use LLMTest;

our @ISA = qw(LLMTest);
our @EXPORT = (@LLMTest::EXPORT, qw(example));


# The text of a file of conf.example.

sub example { return LLMBase::slurp("$LLMBase::root/conf.example/$_[0]") }


sub configure
{
    my ($self) = @_;

    my $dir = $self->dir;
    my $text = $self->{text};

    for my $from (sort keys %{$self->{replace} // {}}) {
        $text =~ s/\Q$from\E/$self->{replace}{$from}/g
            or die "\"$from\" is not in the example\n";
    }

    $text =~ s{/var/log/nginx/}{$dir/logs/}g;
    $text =~ s{/var/lib/nginx/llm-quota}{$dir/tmp/state}
        or die "the example has no zone\n";
    $text =~ s{listen 127\.0\.0\.1:\K8080(?= ssl;|;)}{$self->{port}}
        or die "the example does not listen on port 8080\n";

    my $own = "    access_log $dir/logs/access.log;\n";

    $own .= "    ${_}_temp_path $dir/tmp/$_;\n"
        for qw(client_body proxy fastcgi uwsgi scgi);

    # nginx forgets to free the sessions that it keeps

    $own .= "    proxy_ssl_session_reuse off;\n";

    $own .= "    upstream $_ { server 127.0.0.1:$self->{providers}{$_}; }\n"
        for sort keys %{$self->{providers} // {}};

    $text =~ s/^http \{\n/$&$own/m or die "the example has no http\n";

    # where load_module looks for what has no absolute path

    mkdir "$dir/modules";
    symlink $_, "$dir/modules/" . basename($_) for @LLMBase::modules;

    LLMBase::spew("$dir/conf/$_", $self->{files}{$_})
        for keys %{$self->{files} // {}};

    LLMBase::spew("$dir/conf/nginx.conf", "pid $dir/logs/nginx.pid;\n$text");
}


sub state_dir { return $_[0]->dir . '/tmp/state' }


1;
