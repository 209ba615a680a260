# The class in which models are shared, of teams and keys that were made over
# the admin API.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

# a class that has all leaves the others nothing: who is admitted is in it

my $t = LLMApi->new(
    upstream => $upstream,
    zone => 'zone=main:4m state=%%DIR%%/tmp/state',
    http => 'llm_priority prod 100%; llm_priority dev 0%;',
    server => <<'EOC',
        llm_model_limit m rpm=1000 share=team;
        llm_team_limit p priority=prod;
        llm_team_limit d priority=dev;

        location /keys/ {
            llm_keys required;
            llm_model_limit m rpm=1000 share=key;
            llm_key_limit named priority=prod;
            proxy_pass http://provider;
        }
EOC
)->start;


sub chat { return $t->chat(@_)->{status} }


sub team
{
    my ($id, @members) = @_;

    $t->api(POST => '/team/new', { team_id => $id, @members });
    return $t->status;
}


# A key, and what a request with it is answered.

sub key
{
    my (@members) = @_;

    return $t->api(POST => '/key/generate', { @members })->{key};
}


sub with
{
    my ($key) = @_;

    return $t->chat('', path => '/keys/v1/chat/completions',
                    headers => [Authorization => "Bearer $key"])->{status};
}


# teams

is(chat('a'), 429, 'a team without a priority');
is(team(a => metadata => { priority => 'prod' }), 200, 'it is made with one');
is(chat('a'), 200, '... which is in effect');

$t->api(POST => '/team/update',
        { team_id => 'a', metadata => { priority => 'dev' } });
is(chat('a'), 429, '... and is changed');

$t->api(POST => '/team/update',
        { team_id => 'a', metadata => { priority => 'gold' } });
is(chat('a'), 429, 'an unknown one is that of all others');

is(chat('p'), 200, 'a row with a priority');
team(p => max_budget => 100);
is(chat('p'), 200, '... stays where the team names none');
$t->api(POST => '/team/update',
        { team_id => 'p', metadata => { priority => undef } });
is(chat('p'), 429, '... is lifted by null');
$t->api(POST => '/team/delete', { team_ids => ['p'] });
is(chat('p'), 200, '... and back when the team is deleted');

team(d => metadata => { priority => 'prod' });
is(chat('d'), 200, 'the team lies over its row');


# keys

is(with(key()), 429, 'a key without a priority');
is(with(key(metadata => { priority => 'prod' })), 200, '... with one');
is(with(key(team_id => 'd')), 200, '... with that of its team');
is(with(key(team_id => 'a', metadata => { priority => 'prod' })), 429,
   'the team comes first');

$t->api(POST => '/team/update',
        { team_id => 'a', metadata => { priority => undef } });
is(with(key(team_id => 'a', metadata => { priority => 'prod' })), 200,
   '... unless it names none');
is(with(key(team_id => 'a')), 429, 'neither names one');

is(with(key(key_alias => 'named')), 200, 'the row of a key');
is(with(key(key_alias => 'named2', metadata => { priority => 'dev' })), 429,
   '... and none of it');
is(with(key(team_id => 'p')), 200, 'the row of its team');


# they are read again

$t->reload;
is(chat('d'), 200, 'after a reload');

$t->stop;
$t->start;
is(chat('d'), 200, 'after a restart');
is(chat('a'), 429, '... where it is lifted');

done_testing();
