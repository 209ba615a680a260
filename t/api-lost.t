# The store is lost, with no backup to make it of, while the zone lives on: its
# entities go on, and what is made anew takes their place.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF');
        location /v1/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOF

$t->expect_log(qr/\[(error|crit|alert)\].*store of zone "main"/);
$t->start;


sub chat
{
    return $t->post('/v1/chat/completions',
                    '{"model":"m","max_tokens":1,"messages":[]}',
                    Authorization => 'Bearer sk-of-the-lost')->{status};
}


$t->api(POST => '/team/new', { team_id => "t$_" }) for 1 .. 5;
$t->api(POST => '/team/new', { team_id => 'lost', rpm_limit => 1000 });
$t->api(POST => '/key/generate', { key => 'sk-of-the-lost',
                                   team_id => 'lost' });
is(chat(), 200, 'a key of a team');

LLMBase::spew($t->state_dir . '/quota.db', 'x' x 100_000);
unlink glob $t->state_dir . '/quota-backup*';

LLMTest::wait_until {
    $t->api(GET => '/team/list');
    $t->status == 200 && $t->{answer}{body} eq '[]';
} 'a new store', 20;

is(chat(), 200, 'what the zone knows goes on');
is($t->refused(GET => '/team/info?team_id=lost'),
   '404 Team not found, passed team id: lost.',
   'though nothing is known of it');

$t->api(POST => '/team/new', { team_id => 'lost', blocked => \1 });
is($t->status, 200, 'it is made anew');
is(chat(), 403, 'which every worker knows') for 1 .. 8;
$t->api(POST => '/team/update', { team_id => 'lost', blocked => \0 });
is(chat(), 200, 'also when it is changed') for 1 .. 8;
$t->api(POST => '/key/generate', { key => 'sk-of-the-lost',
                                   team_id => 'lost' });
$t->api(POST => '/key/delete', { keys => ['sk-of-the-lost'] });
is($t->status, 200, 'or deleted');
is(chat(), 401, 'for all') for 1 .. 8;

$t->finish;
done_testing();
