# Calls of the admin API about several entities at once, and about members.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF')->start;
        location /v1/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOF


sub chat
{
    my ($key) = @_;

    return $t->post('/v1/chat/completions',
                    '{"model":"m","max_tokens":1,"messages":[]}',
                    Authorization => "Bearer $key")->{status};
}


# Keys

$t->api(POST => '/team/new', { team_id => 'a' });

my ($one, $two) = map {
    $t->api(POST => '/key/generate', { key_alias => $_, rpm_limit => 5 })
} qw(one two);

my $bulk = $t->api(POST => '/key/bulk_update', { keys => [
    { key => $one->{key}, max_budget => 1, tags => ['x'] },
    { key => 'sk-unknown', max_budget => 2 },
    { key => $two->{token}, max_budget => -1 },
    { key => $one->{token}, team_id => 'a' },
    { max_budget => 3 },
] });

is("@{$bulk}{qw(total_requested)} " . @{$bulk->{successful_updates}}
   . ' ' . @{$bulk->{failed_updates}}, '5 2 3', 'some keys are changed');
is(join(' ', map { $_->{key} } @{$bulk->{successful_updates}}),
   "$one->{key} $one->{token}", 'those that can be');
is(join('; ', map { $_->{failed_reason} } @{$bulk->{failed_updates}}),
   'Key not found in database; max_budget: cannot be negative;'
   . ' key: Field required', 'of the others it is told why');

my $info = $t->api(GET => "/key/info?key=$one->{key}")->{info};

is("@$info{qw(max_budget team_id rpm_limit key_alias)} $info->{tags}[0]",
   '1 a 5 one x', 'what is named of one, twice, and nothing else');
is($t->api(GET => "/key/info?key=$two->{key}")->{info}{max_budget}, undef,
   'nothing of another');
is($t->refused(POST => '/key/bulk_update', { keys => [] }),
   '422 body.keys: Input should be a valid list', 'not without one');
is($t->refused(POST => '/key/bulk_update',
               { keys => [map { { key => "sk-$_" } } 1 .. 501] }),
   '422 body.keys: List should have at most 500 items', 'nor too many');
$t->api(POST => '/key/bulk_update', { keys => [{ key => 'sk-unknown' }] });
is($t->status, 200, 'none that is there');

$bulk = $t->api(POST => '/key/bulk_update',
                { keys => [{ key => $two->{key}, duration => '30d' }] });
like($bulk->{successful_updates}[0]{key_info}{expires}, qr/^\d{4}-/,
     'when it expires');

# Two workers and one key: no change is lost.

my @both = $t->parallel(map {
    ['POST', '/key/bulk_update',
     qq({"keys":[{"key":"$two->{key}","f$_":$_}]}),
     Authorization => "Bearer $LLMApi::master"]
} 1 .. 8);

is((grep { $_->{status} == 200 } @both), 8, 'many at once');
$info = $t->api(GET => "/key/info?key=$two->{key}")->{info};
is(join(' ', map { $info->{"f$_"} // '-' } 1 .. 8), '1 2 3 4 5 6 7 8',
   'all are made');

is(chat($one->{key}), 200, 'a key with a budget');

LLMTest::wait_until {
    $t->api(GET => "/key/info?key=$one->{key}")->{info}{spend} > 0;
} 'it to be spent';

$info = $t->api(POST => '/v2/key/info',
                { keys => [$one->{key}, 'sk-unknown', $two->{token}] });

is_deeply($info->{key}, [$one->{key}, 'sk-unknown', $two->{token}],
          'several keys');
is(join(' ', map { "$_->{token}=$_->{spend}" } @{$info->{info}}),
   "$one->{token}=6e-05 $two->{token}=0", 'those that are there');
like($t->refused(POST => '/v2/key/info', { keys => [$one->{key}] },
                 Authorization => "Bearer $one->{key}"), qr/^403 /,
     'not for a key');

# Users

$t->api(POST => '/user/new', { user_id => $_, user_email => "$_\@x",
                               auto_create_key => JSON::PP::false })
    for qw(ann bob);

$bulk = $t->api(POST => '/user/bulk_update', { users => [
    { user_id => 'ann', max_budget => 1, user_role => 'internal_user' },
    { user_email => 'bob@x', rpm_limit => 7 },
    { user_id => 'eve', rpm_limit => 7 },
    { user_id => 'bob', user_role => 'king' },
] });

is("@$bulk{qw(total_requested successful_updates failed_updates)}", '4 2 2',
   'users');
is(join(' ', map { $_->{success} ? $_->{updated_user}{user_id} : $_->{error} }
             @{$bulk->{results}}),
   'ann bob User not found, passed user_id=eve. user_role: Input is none of'
   . ' the values it may be', 'each says what became of it');
is($t->api(GET => '/user/info?user_id=bob')->{user_info}{rpm_limit}, 7,
   'which it has');
is($t->refused(POST => '/user/bulk_update', { all_users => JSON::PP::true }),
   '422 body.users: Field required', 'they are named');

# Members

$bulk = $t->api(POST => '/team/bulk_member_add', {
    team_id => 'a', max_budget_in_team => 2, members => [
        { user_id => 'ann', role => 'user' },
        { user_email => 'new@x', role => 'admin' },
        { user_id => 'ann', role => 'user' },
        { user_id => 'bob', role => 'king' },
        { role => 'user' },
    ],
});

is("@$bulk{qw(team_id total_requested successful_additions
    failed_additions)}", 'a 5 2 3', 'members');
is(join('; ', map { $_->{error} // 'added' } @{$bulk->{results}}),
   'added; added; is already in the team; Input is none of the values it may'
   . ' be; Either user_id or user_email is required', 'each says whether');
is(join(' ', map { "$_->{user_id}=$_->{role}" }
             @{$bulk->{updated_team}{members_with_roles}}),
   'ann=user new@x=admin', 'the team has them');
is(join(' ', map { "$_->{user_id}=$_->{max_budget_in_team}" }
             @{$t->api(GET => '/team/info?team_id=a')->{team_memberships}}),
   'ann=2 new@x=2', 'with a budget');
is($t->refused(POST => '/team/bulk_member_add',
               { team_id => 'a', all_users => JSON::PP::true }),
   '400 all_users is not supported: name the members', 'all');
is($t->refused(POST => '/team/bulk_member_add',
               { team_id => 'none', members => [{ user_id => 'ann',
                                                  role => 'user' }] }),
   '404 Team not found, passed team id: none.', 'of a team that is not there');

# What a member spent

my $key = $t->api(POST => '/key/generate', { team_id => 'a',
                                             user_id => 'ann' });

$t->api(POST => '/team/member_update',
        { team_id => 'a', user_id => 'ann',
          max_budget_in_team => 0.00001, budget_duration => '1d' });

is(chat($key->{key}), 200, 'he may');

sub spent
{
    my ($row) = grep { $_->{user_id} eq 'ann' }
                @{$t->api(GET => '/team/info?team_id=a')->{team_memberships}};

    return $row->{spend};
}

LLMTest::wait_until { spent() > 0 } 'what he spent';
is(chat($key->{key}), 403, 'until he has spent it');

my $reset = $t->api(POST => '/team/a/member/ann/reset_spend',
                    { reset_to => 0 });

is("@$reset{qw(team_id user_id spend previous_spend max_budget)}",
   'a ann 0 6e-05 1e-05', 'it is reset');
is(spent(), 0, 'he has spent nothing');
is(chat($key->{key}), 200, 'and may again');
is($t->api(POST => '/team/a/member/new@x/reset_spend', {})->{spend}, 0,
   'so is that of one who spent nothing');
is($t->refused(POST => '/team/a/member/eve/reset_spend', {}),
   '404 User not found in team', 'not that of a stranger');
is($t->refused(POST => '/team/a/member/ann/reset_spend', { reset_to => 9 }),
   '400 reset_to must be <= current spend', 'nor to more');

LLMTest::wait_until { spent() > 0 } 'what he spent since';

my $audit = $t->api(GET => '/audit?limit=1000')->{audit};

is(join(' ', map { "$_->{kind} " . $_->{id} =~ s/\0/+/r }
             grep { $_->{action} eq 'reset' } @$audit),
   'team_user a+new@x team_user a+ann', 'the audit has both');

# What was reset stays so, also for a zone that is made anew.

$t->crash;
$t->start;
is(chat($key->{key}), 403, 'what he spent since counts after a restart');
is(spent(), 0.00006, 'and nothing before it');

# A user who goes

$t->api(POST => '/team/new', { team_id => 'b' });
$t->api(POST => '/team/bulk_member_add',
        { team_id => 'b', members => [map { { user_id => $_,
                                              role => 'user' } }
                                          qw(ann bob eve)] });
$t->api(POST => '/user/delete', { user_ids => ['ann', 'bob'] });
is($t->status, 200, 'users are deleted');
is(join(' ', map { join ',', map { $_->{user_id} }
                             @{$t->api(GET => "/team/info?team_id=$_")
                               ->{team_info}{members_with_roles}} } qw(a b)),
   'new@x eve', 'they leave their teams');
is(chat($key->{key}), 401, 'with their keys');

$t->finish;
done_testing();
