package LLMApi;

# LLMGateway with an admin API in front of it, at the root as LiteLLM's.
#
#     my $t = LLMApi->new(upstream => $upstream)->start;
#     my $team = $t->api(POST => '/team/new', { team_alias => 'a' });
#
#     is($t->status, 200, 'it is made');

use strict;
use warnings;

use JSON::PP ();

use LLMGateway;

our @ISA = qw(LLMGateway);
our @EXPORT = @LLMGateway::EXPORT;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

our $master = 'sk-master-1234';

my $calls = 'team|v2/team|key|v2/key|user|v2/user|customer|end_user|budget'
          . '|access_group|tag|health|model|spend|global|audit|alerts|quota'
          . '|adjust|organization|project';


sub new
{
    my ($class, %options) = @_;

    my $self = $class->SUPER::new(workers => 4, api => '', %options);

    LLMBase::spew($self->dir . '/conf/master.key', "$master\n");

    return $self;
}


sub configure
{
    my ($self, %options) = @_;

    $self->{$_} = $options{$_} for keys %options;

    local $self->{server} = <<"EOS" . $self->{server};
        location ~ ^/($calls)(/|\$) {
            llm_quota_api main master_key_file=master.key $self->{api};
        }
EOS

    return $self->SUPER::configure;
}


# All workers can tell who asks before it is ready.

sub start
{
    my ($self, @options) = @_;

    $self->SUPER::start(@options);
    $self->ready;

    return $self;
}


sub ready
{
    my ($self) = @_;

    LLMTest::wait_until {
        $self->get('/health/readiness')->{status} == 200;
    } 'the zone to be ready';
}


# What a call answers, decoded; status() is that of the last one.  A body is a
# hash, or text as it stands; headers follow.

sub api
{
    my ($self, $method, $path, $body, @headers) = @_;

    $body = $json->encode($body) if ref $body;

    push @headers, Authorization => "Bearer $master"
        if !grep { $_ eq 'Authorization' } @headers;

    my $answer = $self->request($method, $path, $body,
                                'Content-Type' => 'application/json',
                                @headers);

    $self->{answer} = $answer;

    return eval { $json->decode($answer->{body}) } // $answer->{body};
}


sub status { return $_[0]{answer}{status} }


# "status message" of a call that is refused

sub refused
{
    my ($self, @call) = @_;

    my $answer = $self->api(@call);
    my $message = ref $answer ne 'HASH' ? ''
                : ref $answer->{error} ? $answer->{error}{message}
                : ref $answer->{detail} ? join ' ', map {
                      join('.', @{$_->{loc}}) . ": $_->{msg}"
                  } @{$answer->{detail}}
                : $answer->{detail} // '';

    return $self->status . " $message";
}


1;
