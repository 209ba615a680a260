# /key of the admin API, and what keys and teams made there do to requests.

use lib 't/lib';
use LLMApi;
use RawUpstream;

use Digest::SHA qw(sha256_hex);
use IO::Handle;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF')->start;
        location /v1/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOF


# A chat with a key: "status message"

sub chat
{
    my ($key) = @_;

    my $answer = $t->post('/v1/chat/completions',
                          '{"model":"m","max_tokens":1,"messages":[]}',
                          'Authorization' => "Bearer $key");

    my ($message) = $answer->{body} =~ /"message":"((?:[^"\\]|\\.)*)/;

    return $answer->{status} . ($answer->{status} == 200 ? ''
                                                         : " $message");
}


# A team whose first call passes and whose second does not

my $team = $t->api(POST => '/team/new', {
    team_id => 'qa', max_budget => 0.000000001, budget_duration => '1d',
});
my $made = $t->api(POST => '/key/generate', { team_id => 'qa' });

is($t->status, 200, 'a key is made');
like($made->{key}, qr/^sk-[\w-]{22}$/, 'it is shown');
is($made->{token}, sha256_hex($made->{key}), 'its token is its digest');
is($made->{token_id}, $made->{token}, 'so is its id');
is($made->{key_name}, 'sk-...' . substr($made->{key}, -4), 'its name');
is("$made->{team_id} $made->{spend}", 'qa 0', 'whose it is');

is(chat($made->{key}), '200', 'the first call passes');

my $message = '';

LLMTest::wait_until {
    ($message = chat($made->{key})) !~ /^200/;
} 'the budget to be spent';

like($message, qr/^403 Budget has been exceeded! Team=qa Current cost: 0.00006/,
     'the second is refused');

my $info = $t->api(GET => '/team/info?team_id=qa');

is($info->{team_info}{spend}, 0.00006, 'what it spent');
is("$info->{keys}[0]{token} $info->{keys}[0]{spend}", "$made->{token} 6e-05",
   'by which key');

$info = $t->api(GET => "/key/info?key=$made->{key}");
is("$info->{key} $info->{info}{spend}", "$made->{key} 6e-05",
   'a key over its budget is shown');
ok(!exists $info->{info}{token}, 'without its token');
is($t->api(GET => "/key/info?key=$made->{token}")->{info}{team_id}, 'qa',
   'by its digest, too');

$t->api(POST => '/team/update', { team_id => 'qa', max_budget => 10 });
is(chat($made->{key}), '200', 'a raised budget holds at once');

# What a key may be

my $key = $t->api(POST => '/key/generate', {
    key => 'sk-chosen-by-me', key_alias => 'mine', rpm_limit => 2,
    max_budget => 5, duration => '30d', models => ['m'], user_id => 'alice',
    metadata => { a => 1 }, tags => ['x'],
});

is($key->{key}, 'sk-chosen-by-me', 'a key of one\'s own');
like($key->{expires}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z$/,
     'when it expires');
is($t->refused(POST => '/key/generate', { key_alias => 'mine' }),
   "400 Key with alias 'mine' already exists. Unique key aliases across all"
   . ' keys are required.', 'an alias is one key\'s');
is($t->refused(POST => '/key/generate', { key => 'sk-chosen-by-me' }),
   '400 Key already exists. Please use a different key.', 'so is a key');
is($t->refused(POST => '/key/generate', { key => 'mine' }),
   "400 key must start with 'sk-' and have 8 to 512 bytes", 'what is none');

is(join(' ', map { chat('sk-chosen-by-me') =~ s/ .*//r } 1 .. 3),
   '200 200 429', 'its limit holds in all workers');
$t->api(POST => '/key/update', { key => 'sk-chosen-by-me', rpm_limit => 3 });
is($t->status, 200, 'the limit is raised');
is(join(' ', map { chat('sk-chosen-by-me') =~ s/ .*//r } 1 .. 2), '200 429',
   'by one');
$t->api(POST => '/key/update',
        { key => 'sk-chosen-by-me', rpm_limit => undef });
is(chat('sk-chosen-by-me'), '200', 'and lifted');

is($t->api(POST => '/key/block', { key => 'sk-chosen-by-me' })->{blocked}, 1,
   'blocked');
like(chat('sk-chosen-by-me'), qr/^401 /, 'for the next request');
is(join(' ', map { $_->{status} } $t->parallel(map {
    ['POST', '/v1/chat/completions',
     '{"model":"m","max_tokens":1,"messages":[]}',
     Authorization => 'Bearer sk-chosen-by-me']
} 1 .. 32)), join(' ', (401) x 32), 'and for all others');
$t->api(POST => '/key/unblock', { key => 'sk-chosen-by-me' });
is(chat('sk-chosen-by-me'), '200', 'unblocked, too');
is($t->refused(POST => '/key/block', { key => 'sk-unknown' }),
   '404 Key not found in database', 'one that is not there');

$t->api(POST => '/key/update', { key => 'sk-chosen-by-me',
                                 temp_budget_increase => 100,
                                 temp_budget_expiry => '2099-01-15' });
is($t->status, 200, 'a temporary increase');
is($t->refused(POST => '/key/generate', { temp_budget_increase => 1 }),
   '400 temp_budget_increase and temp_budget_expiry must be set together',
   'not without its end');

# A tier

$t->api(POST => '/budget/new', { budget_id => 'tier', rpm_limit => 0 });

my $tiered = $t->api(POST => '/key/generate', { budget_id => 'tier' });

is("$tiered->{budget_id} $tiered->{litellm_budget_table}{rpm_limit}",
   'tier 0', 'a key with a tier');
like(chat($tiered->{key}), qr/^429 /, 'which holds');

# Regenerated

my $new = $t->api(POST => '/key/sk-chosen-by-me/regenerate',
                  { grace_period => '1h' });

is($t->status, 200, 'a new key');
isnt($new->{key}, 'sk-chosen-by-me', 'is another one');
is("$new->{key_alias} $new->{user_id}", 'mine alice', 'with all it had');
is(chat($new->{key}), '200', 'it is good');
is(chat('sk-chosen-by-me'), '200', 'the old one is, for a while');
is($t->refused(POST => '/key/regenerate?key=sk-chosen-by-me', {}),
   '400 The key was regenerated already.', 'once');

my $third = $t->api(POST => "/key/regenerate?key=$new->{token}", {});

is(chat($third->{key}), '200', 'again');
like(chat($new->{key}), qr/^401 /, 'without grace the old one is none');

# What a key may ask for

my @mine = (Authorization => "Bearer $made->{key}");

is($t->api(GET => '/key/info', undef, @mine)->{info}{team_id}, 'qa',
   'a key sees itself');
is($t->api(GET => '/team/info', undef, @mine)->{team_id}, 'qa', 'its team');
like($t->refused(GET => "/key/info?key=$third->{key}", undef, @mine),
     qr/^403 /, 'no other key');
like($t->refused(GET => '/team/info?team_id=other', undef, @mine), qr/^403 /,
     'no other team');
like($t->refused(POST => '/team/new', {}, @mine), qr/^403 /,
     'and changes nothing');
like($t->refused(GET => '/team/list', undef, @mine), qr/^403 /,
     'nor lists others');

# Lists

$t->api(POST => '/key/generate', { team_id => 'many' }) for 1 .. 12;

my $list = $t->api(GET => '/key/list?team_id=many');

is("@$list{qw(total_count current_page total_pages)} "
   . @{$list->{keys}}, '12 1 2 10', 'a page of keys');
like($list->{keys}[0], qr/^[0-9a-f]{64}$/, 'which are digests');
$list = $t->api(GET => '/key/list?key_alias=mine&return_full_object=true');
is("$list->{total_count} $list->{keys}[0]{token}", "1 $third->{token}",
   'or whole');

is_deeply($t->api(POST => '/key/delete', { keys => [$made->{key}] }),
          { deleted_keys => [$made->{key}] }, 'deleted');
like(chat($made->{key}), qr/^401 /, 'it is none any more');
is_deeply($t->api(POST => '/key/delete', { key_aliases => ['mine'] }),
          { deleted_keys => ['mine'] }, 'by its alias');
is($t->refused(POST => '/key/delete', { keys => ['sk-unknown'] }),
   '404 Key not found in database', 'one that is not there');

# No key is in what is kept.

is(join('', grep { LLMBase::slurp($_) =~ /\Q$third->{key}\E/ }
            glob $t->state_dir . '/*'), '', 'no key is kept');

# While somebody else has the store nothing is changed.

$t->expect_log(qr/\[crit\].*store of zone "main" cannot be used/);

open my $sqlite, '|-', 'sqlite3', $t->state_dir . '/quota.db' or die;
$sqlite->autoflush(1);
print {$sqlite} "BEGIN IMMEDIATE;\n.output " . $t->dir
                . "/tmp/locked\nSELECT 1;\n.output stdout\n";
LLMTest::wait_until { -s $t->dir . '/tmp/locked' } 'the lock';

is($t->refused(POST => '/team/update', { team_id => 'qa', rpm_limit => 5 }),
   '503 The store cannot be used now: busy; nothing was changed.', 'a store that is busy');
is($t->{answer}{headers}{'retry-after'}, 1, 'later again');
print {$sqlite} "ROLLBACK;\n";
close $sqlite;
is($t->api(GET => '/team/info?team_id=qa')->{team_info}{rpm_limit}, undef,
   'nothing was changed');
$t->api(POST => '/team/update', { team_id => 'qa', rpm_limit => 5 });
is($t->status, 200, 'later it is');

# What was answered is there after a kill of everything.

$t->api(POST => '/team/update', { team_id => 'qa', rpm_limit => 77 });
$t->crash;
$t->start;
is($t->api(GET => '/team/info?team_id=qa')->{team_info}{rpm_limit}, 77,
   'a kill loses nothing');

$t->finish;
done_testing();
