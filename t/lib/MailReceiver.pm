package MailReceiver;

# A real mail server, aiosmtpd, in a process of its own, which ends with ours.
#
#     my $cert = MailReceiver->certificate('localhost');
#     my $mail = MailReceiver->start(starttls => $cert, auth => 'u:p');
#
#     wait_until { $mail->mails } 'a mail';
#
# A mail is { from, to => [...], content, tls, auth }.  A certificate is one
# that signs itself: { cert, key }, files.

use strict;
use warnings;

use Cwd qw(realpath);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep);

use LLMBase;

my $program = realpath(dirname(__FILE__)) . '/mail_receiver.py';
my $number = 0;


sub certificate
{
    my ($class, $name) = @_;

    my $file = "$LLMBase::run/" . ++$number;
    my %c = (cert => "$file.pem", key => "$file.key");

    my $said = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 \\
                        -subj /CN=$name -addext subjectAltName=DNS:$name \\
                        -keyout $c{key} -out $c{cert} 2>&1`;

    die "openssl: $said" if $?;

    return \%c;
}


sub start
{
    my ($class, %options) = @_;

    my $self = bless {
        port => LLMBase::free_port(), file => "$LLMBase::run/mail-" . ++$number
    }, $class;

    my @args = map {
        my $value = $options{$_};

        ($_, ref $value ? @$value{qw(cert key)}
             : $_ eq 'stall' ? () : split /:/, $value);
    } sort keys %options;

    LLMBase::spew($self->{file}, '');

    $self->{owner} = $$;
    $self->{pid} = fork() // die "fork: $!\n";

    if ($self->{pid} == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{file}.log";
        open STDERR, '>&', \*STDOUT;

        exec '/usr/bin/python3', $program, $self->{port}, $self->{file}, @args
            or POSIX::_exit(127);
    }

    for (1 .. 1000) {
        return $self if IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                              PeerPort => $self->{port});
        sleep 0.02;
    }

    die "no mail server\n";
}


sub DESTROY
{
    my ($self) = @_;

    local ($?, $!, $@);

    return if $$ != $self->{owner};

    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
}


sub port { return $_[0]{port} }


sub mails
{
    my ($self) = @_;

    return map { JSON::PP->new->utf8->decode($_) }
           LLMBase::slurp($self->{file}) =~ /(.*)\n/g;
}


1;
