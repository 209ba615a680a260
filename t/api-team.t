# /team of the admin API.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $t = LLMApi->new(upstream => $upstream)->start;

my $team = $t->api(POST => '/team/new', {
    team_alias => 'QA Prod Bot', max_budget => 0.000000001,
    budget_duration => '1d', metadata => { cost_center => 'x' },
    something => [1, { else => undef }],
});

is($t->status, 200, 'a team is made');
like($team->{team_id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/,
     'with an id');
is("@$team{qw(team_alias budget_duration max_budget spend blocked)}",
   'QA Prod Bot 1d 1e-09 0 0', 'and what it was given');
like($team->{budget_reset_at}, qr/^\d{4}-\d\d-\d\dT00:00:00\.000000Z$/,
     'when it begins again');
like($team->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
     'when it was made');
is_deeply($team->{something}, [1, { else => undef }],
          'what is nobody\'s business here is kept');
is_deeply($team->{metadata}, { cost_center => 'x' }, 'so are its metadata');

my $id = $team->{team_id};

is($t->refused(POST => '/team/new', { team_alias => 'QA Prod Bot' }),
   "400 Team with alias 'QA Prod Bot' already exists. Please use a different"
   . ' alias.', 'an alias is one team\'s');
is($t->refused(POST => '/team/new', { team_id => $id }),
   "400 Team id = $id already exists. Please use a different team id.",
   'an id, too');

my $updated = $t->api(POST => '/team/update',
                      { team_id => $id, max_budget => 10, rpm_limit => 20,
                        tpm_limit => 1000 });

is("$updated->{team_id} @{$updated->{data}}{qw(max_budget rpm_limit tpm_limit
    team_alias spend)}", "$id 10 20 1000 QA Prod Bot 0",
   'it is changed, what is not named stays');

my $lifted = $t->api(PATCH => "/team/$id", { max_budget => undef });

ok(exists $lifted->{data}{max_budget} && !defined $lifted->{data}{max_budget},
   'null lifts');

for (1 .. 8) {
    my $info = $t->api(GET => "/team/info?team_id=$id");

    is("$info->{team_id} $info->{team_info}{rpm_limit}", "$id 20",
       'any worker shows it');
}

is($t->refused(GET => '/team/info?team_id=X'),
   '404 Team not found, passed team id: X.', 'an unknown one');
is($t->refused(GET => '/team/info'), '422 query.team_id: Field required',
   'or none');
is($t->refused(POST => '/team/update', { team_id => 'X', rpm_limit => 1 }),
   '404 Team not found, passed team id: X.', 'is not changed');
is($t->refused(POST => '/team/update', { rpm_limit => 1 }),
   '422 body.team_id: Field required', 'nor without an id');

is($t->api(POST => '/team/block', { team_id => $id })->{blocked} . '',
   '1', 'blocked');
is($t->api(GET => "/team/info?team_id=$id")->{team_info}{blocked} . '',
   '1', 'it stays so');
is($t->api(POST => '/team/unblock', { team_id => $id })->{blocked} . '',
   '0', 'unblocked');
is($t->refused(POST => '/team/block', { team_id => 'X' }),
   '404 Team not found, passed team id: X.', 'one that is not there');

# Members

my $added = $t->api(POST => '/team/member_add', {
    team_id => $id, member => { role => 'user', user_id => 'u1' },
    max_budget_in_team => 5, budget_duration => '30d',
});

is_deeply($added->{members_with_roles}, [{ user_id => 'u1', role => 'user' }],
          'a member is added');
is($added->{updated_team_memberships}[0]{max_budget_in_team}, 5,
   'with a budget');
is($t->refused(POST => '/team/member_add',
               { team_id => $id, member => { role => 'user',
                                             user_id => 'u1' } }),
   '400 User=u1 is already in the team.', 'once');

$t->api(POST => '/team/member_add',
        { team_id => $id, member => [{ role => 'admin', user_id => 'u2' },
                                     { role => 'user',
                                       user_email => 'u3@x' }] });
is($t->status, 200, 'several at once');

my $info = $t->api(GET => "/team/info?team_id=$id");

is(join(' ', map { "$_->{user_id}=$_->{role}" }
             @{$info->{team_info}{members_with_roles}}),
   'u1=user u2=admin u3@x=user', 'they are its members');
is(join(' ', map { "$_->{user_id}=$_->{max_budget_in_team}" }
             @{$info->{team_memberships}}), 'u1=5', 'one has a budget');

my $member = $t->api(POST => '/team/member_update',
                     { team_id => $id, user_id => 'u1', rpm_limit => 3 });

is("@$member{qw(team_id user_id rpm_limit)}", "$id u1 3", 'he is changed');
$info = $t->api(GET => "/team/info?team_id=$id")->{team_memberships}[0];
is("@$info{qw(max_budget_in_team rpm_limit role)}", '5 3 user',
   'what is not named stays');
is($t->refused(POST => '/team/member_update',
               { team_id => $id, user_id => 'u9' }),
   '404 User not found in team', 'a stranger is not');
$t->api(POST => '/team/member_delete', { team_id => $id, user_id => 'u1' });
is($t->status, 200, 'he goes');
$info = $t->api(GET => "/team/info?team_id=$id");
is(@{$info->{team_memberships}} . ' '
   . @{$info->{team_info}{members_with_roles}}, '0 2', 'with his budget');

$t->api(POST => '/team/permissions_update',
        { team_id => $id, team_member_permissions => ['/key/info'] });
is_deeply($t->api(GET => "/team/permissions_list?team_id=$id")
          ->{team_member_permissions}, ['/key/info'], 'permissions are kept');

# Lists

$t->api(POST => '/team/new', { team_id => "t-$_", team_alias => "alias $_" })
    for 10 .. 34;

is(scalar @{$t->api(GET => '/team/list')}, 26, 'all teams');
is(join(' ', map { $_->{team_id} } @{$t->api(GET => '/team/list?user_id=u2')}),
   $id, 'those of a user');

my $page = $t->api(GET => '/v2/team/list?page=2&page_size=10');

is("@$page{qw(total page page_size total_pages)} " . @{$page->{teams}},
   '26 2 10 3 10', 'a page');
is(scalar @{$t->api(GET => '/v2/team/list?page=3&page_size=10')->{teams}}, 6,
   'the last one');
is($t->api(GET => '/v2/team/list?team_alias=alias+12')->{teams}[0]{team_id},
   't-12', 'by alias');
is($t->refused(GET => '/v2/team/list?page=0'),
   '422 query.page: Input should be a whole number in its range', 'no page');

# Two at once

my @answers = $t->parallel(map {
    ['POST', '/team/new', '{"team_alias":"race"}',
     Authorization => "Bearer $LLMApi::master"]
} 1 .. 8);

is(join(' ', sort map { $_->{status} } @answers), '200' . ' 400' x 7,
   'of those who make the same team one does');

@answers = $t->parallel(map {
    ['POST', '/team/update', qq({"team_id":"t-10","m$_":$_}),
     Authorization => "Bearer $LLMApi::master"]
} 1 .. 8);

is(join(' ', map { $_->{status} } @answers), '200' . ' 200' x 7,
   'all who change it do');
$info = $t->api(GET => '/team/info?team_id=t-10')->{team_info};
is(join(' ', @$info{map { "m$_" } 1 .. 8}), '1 2 3 4 5 6 7 8',
   'and nothing is lost');

# The end

my $key = $t->api(POST => '/key/generate', { team_id => $id });

is($t->api(GET => "/key/info?key=$key->{key}")->{info}{team_id}, $id,
   'a key of the team');
is($t->refused(POST => '/team/delete', { team_ids => [$id, 'X'] }),
   '404 Team not found, passed team id: X.', 'all are deleted, or none');
is_deeply($t->api(POST => '/team/delete', { team_ids => [$id] })
          ->{deleted_teams}, [$id], 'deleted');
is($t->refused(GET => "/team/info?team_id=$id"),
   "404 Team not found, passed team id: $id.", 'it is gone');
is($t->refused(GET => "/key/info?key=$key->{key}"),
   '404 Key not found in database', 'with its keys');

$t->finish;
done_testing();
