package LLMAlert;

# LLMGateway with channels, and a hand in the outbox: alerts are put into the
# store as the leader would.
#
#     use lib 't/lib';
#     use LLMAlert;
#
#     my $hook = RawUpstream->start('/a' => { json => '{}' });
#     my $t = LLMAlert->new(hook => $hook, alerts => <<'EOF')->start;
#         llm_alert main webhook http://127.0.0.1:%%HOOK%%/a name=a;
#     EOF
#
#     $t->put('x-1', 'a', percent => 80);
#     $t->told('x-1', 'a');
#
# What receivers were sent is asked of them.

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes ();

use LLMGateway;
use RawUpstream;

our @ISA = qw(LLMGateway);
our @EXPORT = (@LLMGateway::EXPORT, qw(alert bodies));

my $json = JSON::PP->new->utf8->canonical;
my $number = 0;


sub new
{
    my ($class, %options) = @_;

    my $provider = RawUpstream->start('*' => { json => usage(10, 5) });

    return $class->SUPER::new(
        upstream => $provider, alerts => '', %options,
        vars => { $options{hook} ? (HOOK => $options{hook}->port) : (),
                  %{$options{vars} // {}} }
    );
}


sub configure
{
    my ($self, %options) = @_;

    $self->{$_} = $options{$_} for keys %options;

    local $self->{http} = $self->{alerts} . $self->{http};

    $self->SUPER::configure;
}


# The store is there, and open.

sub start
{
    my ($self, @options) = @_;

    $self->SUPER::start(@options);
    wait_until { defined $self->sql('SELECT 1') } 'the store';

    return $self;
}


# A document, with what is said of it in the place of what it has else.

sub alert
{
    my ($id, %more) = @_;

    return {
        id => $id, event => 'soft_budget_crossed', event_group => 'team',
        event_message => 'Team marketing: 80% of $100.00 monthly budget',
        severity => 'warning', spend => 80.12, max_budget => 100,
        team_id => 'marketing', zone => 'main', host => 'gw1',
        scope => 'team', subject => 'marketing', resource => 'cost',
        period => 'month', started => 1793491200, reset_at => 1796083200,
        used => 80_120_000_000, limit => 100_000_000_000, threshold => 80,
        percent => 80, time => int(Time::HiRes::time * 1000),
        next => 'refused', %more
    };
}


# Puts an alert for some channels into the outbox.

sub put
{
    my ($self, $id, $channels, %more) = @_;

    $self->put_all($channels, alert($id, %more));
}


sub put_all
{
    my ($self, $channels, @alerts) = @_;

    my $sql = "BEGIN IMMEDIATE;\n";

    for my $alert (@alerts) {
        my ($id, $text) = map { s/'/''/gr } $alert->{id},
                                            $json->encode($alert);

        $sql .= "INSERT INTO alert (type, subject, other, resource, period,
                 start, amount, threshold, generation, id, event, json, time)
                 VALUES ('team', 'marketing', '', 'cost', 'month', 0, 0, 80,
                 @{[++$number]}, '$id', 'soft_budget_crossed', '$text',
                 $alert->{time});\n";
        $sql .= "INSERT INTO delivery VALUES ('$id', '$_', 0, "
                . int(Time::HiRes::time * 1000) . ", 0, '');\n"
            for split / /, $channels;
    }

    $self->write($sql . "COMMIT;\n");
}


sub write
{
    my ($self, $sql) = @_;

    open my $fh, '|-', 'sqlite3', '-bail', '-cmd', '.timeout 10000',
                       $self->state_dir . '/quota.db'
        or die "sqlite3: $!\n";
    print $fh $sql;
    close $fh or die "sqlite3 does not take $sql\n";
}


# "state attempts error" of a delivery: 0 is pending, 1 delivered, 2 given up.

sub delivery
{
    my ($self, $id, $channel) = @_;

    return $self->sql("SELECT state || ' ' || attempts || ' ' || error
                       FROM delivery WHERE alert = '$id'
                       AND channel = '$channel'");
}


# Waits until it is delivered; the number of attempts.

sub told
{
    my ($self, $id, $channel, $seconds) = @_;

    my $attempts;

    wait_until {
        ($attempts) = ($self->delivery($id, $channel) // '') =~ /^1 (\d+) /;
    } "$id to be told to $channel", $seconds;

    return $attempts;
}


# What an HTTP receiver was sent to a path, decoded.

sub bodies
{
    my ($hook, $path) = @_;

    return map { $json->decode($_->{body}) }
           grep { $_->{path} eq $path } $hook->requests;
}


1;
