# Changes over the admin API are told to the ledger: lines for who reads it, of
# which nothing is added up.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(
    upstream => $upstream,
    zone => 'zone=main:4m state=%%DIR%%/tmp/state sync=50ms',
)->start;


sub changes { return grep { $_->{type} eq 'change' } $t->lines }


# The one that is made next.

my $seen = 0;

sub next_change
{
    my @lines;

    wait_until { (@lines = changes()) > $seen } 'a line';

    return $lines[$seen++];
}


$t->api(POST => '/team/new?reason=launch', { team_id => 'red' },
        'litellm-changed-by' => 'ann');

my $line = next_change();

is_deeply([@$line{qw(action kind entity_id reason changed_by
                     changed_by_api_key address)}],
          ['/team/new', 'team', 'red', 'launch', 'ann', 'master',
           '127.0.0.1'], 'who made what');
like("$line->{id} $line->{timestamp}",
     qr/^[0-9a-f]{16}-c$line->{version} \d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/,
     'when');
is($line->{version}, $t->api(GET => '/audit?limit=1')->{audit}[0]{version},
   'which row of the audit that is');

# a key's secret is nowhere, its id is its digest

my $key = $t->api(POST => '/key/generate', { team_id => 'red' });

$line = next_change();
is("$line->{kind} $line->{entity_id}", "key $key->{token_id}", 'a key');
unlike(join('', $t->raw_lines), qr/\Q$key->{key}/, '... without its secret');

# several at once; a pair; hostile text

$t->api(POST => '/team/member_add',
        { team_id => 'red', member => { role => 'user', user_id => 'bob' },
          max_budget_in_team => 1 });
is(join(' ', sort map { next_change()->{kind} } 1 .. 2), 'team team_member',
   'two changes of one call');

$t->api(POST => '/team/update?reason=%22%7d%0a%7b%22type%22:%22usage%22',
        { team_id => 'red', rpm_limit => 9 });
is(next_change()->{reason}, qq("}\n{"type":"usage"), 'hostile text');

my ($raw) = grep { /"type":"change"/ && /usage/ } $t->raw_lines;

is(() = $raw =~ /\{"type":"/g, 1, '... in which no line begins');

# what is refused is no change

$t->api(POST => '/team/new', { team_id => 'red' });
is($t->status, 400, 'a refused one');
$t->api(POST => '/team/delete', { team_ids => ['red'] });
is(next_change()->{action}, '/team/delete', '... has no line');

# nothing is added up of them

$seen = changes();
$t->chat('blue') for 1 .. 3;
wait_until { $t->lines('blue') == 3 } 'lines between them';
wait_until { ($t->sql('SELECT sum(requests) FROM usage') // '') =~ /^3$/ }
    'the store';
is($t->sql("SELECT count(*) FROM meter WHERE id = ''
            AND type != 'global'") + 0, 0, 'no sum of nobody');

$t->crash;
$t->start;
is((split / /, $t->used('blue'))[0], 3, 'after a kill of everything');
is(changes(), $seen, '... each once');

$t->finish;
done_testing();
