package LLMGateway;

# LLMTest with what a test about the life of a request begins with: a zone
# with a ledger in front of a provider, a price, and teams that the header
# X-Team names.
#
#     use lib 't/lib';
#     use LLMGateway;
#     use RawUpstream;
#
#     my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
#     my $t = LLMGateway->new(upstream => $upstream)->start;
#
#     is($t->chat('a')->{status}, 200, 'it passes');
#     is($t->charge('a'), '10 5 upstream', 'and is charged');
#     is($t->used('a'), '1 15 0.00006', 'once');
#
# Each request of a test has a team of its own, so that what it was charged is
# found in the ledger and in the zone, whatever the others do.

use strict;
use warnings;

use JSON::PP ();

use LLMTest;

our @ISA = qw(LLMTest);
our @EXPORT = (@LLMTest::EXPORT, qw(answer usage sse));

my $json = JSON::PP->new->utf8->canonical;


# OpenAI's answer with so many tokens of input and output, as a hash or as
# JSON

sub answer
{
    my ($input, $output, %more) = @_;

    return {
        id => 'chatcmpl-1', object => 'chat.completion', model => 'm',
        choices => [{ index => 0, finish_reason => 'stop',
                      message => { role => 'assistant', content => 'Hi' } }],
        usage => { prompt_tokens => $input, completion_tokens => $output,
                   total_tokens => $input + $output },
        %more
    };
}


sub usage { return $json->encode(answer(@_)) }


# The events of such an answer: a delta for each text, then the usage.

sub sse
{
    my ($input, $output, @texts) = @_;

    my @chunk = (id => 'chatcmpl-2', object => 'chat.completion.chunk',
                 model => 'm');

    my @events = map {
        { @chunk, choices => [{ index => 0, delta => { content => $_ } }] }
    } @texts;

    push @events, { @chunk, choices => [],
                    usage => answer($input, $output)->{usage} };

    return map({ 'data: ' . $json->encode($_) } @events), 'data: [DONE]';
}


sub new
{
    my ($class, %options) = @_;

    my $self = $class->SUPER::new(
        limits => 'rpm=1000 tpm=100m budget=1000',
        zone => 'zone=main:2m state=%%DIR%%/tmp/state',
        keepalive => 'keepalive 8;', %options
    );

    $self->{vars}{UPSTREAM} //= $self->{upstream}->port;

    return $self;
}


# What a test has for http and server follows what is the same for all.

sub configure
{
    my ($self, %options) = @_;

    $self->{$_} = $options{$_} for keys %options;

    local $self->{http} = <<"EOF" . $self->{http};
    llm_quota_zone $self->{zone};
    llm_price m input=1 output=10 cached=0.1;

    log_format llm '\$http_x_team \$status \$llm_result \$llm_usage_source '
                   '\$uri';
    access_log %%DIR%%/logs/llm.log llm;

    upstream provider {
        server 127.0.0.1:%%UPSTREAM%%;
        $self->{keepalive}
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";
EOF

    local $self->{server} = <<"EOF" . $self->{server};
        llm_quota main;
        llm_team \$http_x_team;
        llm_team_limit default $self->{limits};

        location / {
            proxy_pass http://provider;
        }

        location = /v1/models {
            proxy_pass http://127.0.0.1:%%PORT%%/used;
            add_header X-Requests \$llm_rpm_remaining;
            add_header X-Tokens \$llm_tpm_remaining;
            add_header X-Spend \$llm_team_spend_usd;
        }

        location = /used {
            llm_quota off;
            return 204;
        }
EOF

    $self->SUPER::configure;
}


# A chat of a team, with path, method, body and headers as in the options:
# ask() returns the client, chat() waits for the answer.

sub ask
{
    my ($self, $team, %options) = @_;

    my %request = (
        method => 'POST', path => '/v1/chat/completions', headers => [],
        body => '{"model":"m","max_tokens":1,"messages":[]}', %options
    );

    return $self->open(@request{qw(method path body)}, 'X-Team' => $team,
                       @{$request{headers}});
}


sub chat
{
    my ($self, @request) = @_;

    return $self->ask(@request)->answer;
}


# "requests tokens dollars" that the zone has of a team, in the last minute
# and in this month, with what is reserved.  Asking is free.

sub used
{
    my ($self, $team) = @_;

    my $headers = $self->get('/v1/models', 'X-Team' => $team)->{headers};
    my ($requests, $tokens) = map {
        my ($n, $unit) = $self->{limits} =~ /\b$_=(\d+)([km]?)/;
        $n * { '' => 1, k => 1000, m => 1_000_000 }->{$unit};
    } qw(rpm tpm);

    return join ' ', $requests - $headers->{'x-requests'},
                     $tokens - $headers->{'x-tokens'},
                     $headers->{'x-spend'} // 0;
}


sub state_dir { return $_[0]->dir . '/tmp/state' }


# The lines of the ledger as they are written, without one that is being
# written now; decoded, all of them or a team's.

sub raw_lines
{
    my ($self) = @_;

    return map { LLMBase::slurp($_) =~ /(.*)\n/g }
           sort glob $self->state_dir . '/usage-*.jsonl';
}


sub lines
{
    my ($self, $team) = @_;

    return grep { !defined $team || ($_->{team_id} // '') eq $team }
           map { $json->decode($_) } $self->raw_lines;
}


# The one line of a team, as soon as it is written; and what it charges,
# "input output source".

sub line
{
    my ($self, $team) = @_;

    my @lines;

    wait_until { @lines = $self->lines($team) } "the line of $team";

    Test::More::fail("$team has " . @lines . ' lines') if @lines != 1;

    return $lines[0];
}


sub charge
{
    my ($self, $team) = @_;

    return join ' ', @{$self->line($team)}{qw(prompt_tokens completion_tokens
                                              source)};
}


# Waits for the line of one more request: of those that ended before it, what
# is not written by then never will be.  With more than one worker it says so
# of one of them only.

sub settle_all
{
    my ($self) = @_;

    my $team = 'last-' . ++$self->{last};

    $self->chat($team, path => '/last/v1/chat/completions');
    $self->line($team);
}


# What the store answers to a query, as sqlite3 prints it: undef while there
# is none; and "requests tokens nano-dollars" that it has of a team this month.

sub sql
{
    my ($self, $sql) = @_;

    my $file = $self->state_dir . '/quota.db';
    my $answer = -e $file ? `sqlite3 -readonly "$file" "$sql" 2>/dev/null`
                          : undef;

    chomp $answer if defined $answer;

    return $answer;
}


sub stored
{
    my ($self, $team) = @_;

    my $answer = $self->sql("SELECT requests || ' ' || (input + output) || ' '
                                    || cost FROM meter WHERE period = 'month'
                             AND type = 'team' AND id = '$team'");

    return $answer || '0 0 0';
}


# "requests tokens nano-dollars" that the ledger has of a team

sub charged
{
    my ($self, $team) = @_;

    my ($requests, $tokens, $cost) = (0, 0, 0);

    for my $line ($self->lines($team)) {
        $requests += $line->{requests} // 1;
        $tokens += $line->{total_tokens};
        $cost += sprintf '%.0f', 1e9 * $line->{cost_usd};
    }

    return "$requests $tokens $cost";
}


# "status result source" of a team's requests, as the access log has them.

sub results
{
    my ($self, $team) = @_;

    my $log = LLMBase::slurp($self->dir . '/logs/llm.log');

    return join ', ', $log =~ /^\Q$team\E (\S+ \S+ \S+) /mg;
}


1;
