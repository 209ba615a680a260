# The configuration of conf.example that shares a model does what it says.

use lib 't/lib';
use LLMExample;
use RawUpstream;

use JSON::PP ();

my $json = JSON::PP->new->canonical;
my $upstream = RawUpstream->start('*' => sub {
    return { json => $json->encode({
        model => 'gpt-4o-mini',
        usage => { prompt_tokens => 10, completion_tokens => 2 }
    }) };
});

my @chat = ('/v1/chat/completions', $json->encode({
    model => 'gpt-4o-mini', max_tokens => 1,
    messages => [{ role => 'user', content => 'Hi' }]
}));

my $t = LLMExample->new(text => example('sharing.conf'),
                        files => { 'prices.json' => example('prices.json') },
                        providers => { 'api.openai.com' => $upstream->port },
                        replace => { 'https:' => 'http:' })->start;


# How many requests of a team pass, and what the next one is told.

sub passed
{
    my ($team) = @_;

    for my $n (0 .. 100) {
        my $answer = $t->post(@chat, 'X-Team' => $team);

        return ($n, $json->decode($answer->{body})->{error}{message})
            if $answer->{status} != 200;
    }

    return 'all';
}


my ($n, $told) = passed('anybody');

is($n, 50, 'who has no class has what production and nobody leave');
like($told, qr/^Team=anybody over available RPM=0\. Model RPM=50, /,
     'and is told what there is');

($n, $told) = passed('shop');

is($n, 50, 'production has its half');
like($told, qr/^Team=shop over available RPM=0\. Model RPM=0, /, 'and no more');

($n, $told) = passed('search');

is($n, 0, 'of which a team that comes late gets its part later');
like($told, qr/ Active teams=2\. .*, used 0, retry in \d+ s\./,
     'as it is told');

($n, $told) = passed('reports');

is($n, 0, 'what nightly jobs lent comes back later, too');
like($told, qr/ Active teams=1\. .*, used 0, retry in \d+ s\./,
     'as it is told');

is(scalar $upstream->requests, 100, 'all that the model grants was used');

$t->finish;

done_testing();
