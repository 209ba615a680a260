# The examples of LiteLLM's documentation, one by one: what is sent, and what
# of the answer clients rely on; and that members which are nobody's business
# here are given back by each call.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF')->start;
        location /v1/ {
            llm_keys required;
            llm_customer $http_x_customer;
            proxy_pass http://provider;
        }
EOF

my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my $moment = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/;


# What an answer has of these members: "name=value ...", null as "null", true
# as 1

sub of
{
    my ($object, @names) = @_;

    return join ' ', map {
        my $value = $object->{$_};

        "$_=" . (!exists $object->{$_} ? 'absent' : !defined $value ? 'null'
                 : ref $value eq 'ARRAY' ? '[' . @$value . ']'
                 : ref $value eq 'HASH' ? '{' . keys(%$value) . '}' : $value)
    } @names;
}


# Teams

my $team = $t->api(POST => '/team/new', {
    team_alias => 'QA Prod Bot', max_budget => 0.000000001,
    budget_duration => '1d',
});

like(of($team, qw(team_alias team_id max_budget budget_duration
                  budget_reset_at)),
     qr/^team_alias=QA\ Prod\ Bot\ team_id=$uuid\ max_budget=1e-09
        \ budget_duration=1d\ budget_reset_at=$moment$/x, '/team/new');

my $id = $team->{team_id};
my $updated = $t->api(POST => '/team/update', {
    team_id => $id, max_budget => 10, rpm_limit => 20, tpm_limit => 1000,
});

is(of($updated, 'team_id') . ' '
   . of($updated->{data}, qw(team_id max_budget rpm_limit tpm_limit spend)),
   "team_id=$id team_id=$id max_budget=10 rpm_limit=20 tpm_limit=1000 spend=0",
   '/team/update');

$t->api(POST => '/team/member_add',
        { team_id => $id, member => { user_id => 'u1', role => 'user' },
          max_budget_in_team => 5 });

my $info = $t->api(GET => "/team/info?team_id=$id");

is(of($info, qw(team_id team_info keys team_memberships))
   =~ s/team_info=\{\d+\}/team_info/r,
   "team_id=$id team_info keys=[0] team_memberships=[1]", '/team/info');
like(of($info->{team_info}, qw(team_alias max_budget spend budget_reset_at
                               blocked members_with_roles metadata)),
     qr/^team_alias=QA\ Prod\ Bot\ max_budget=10\ spend=0
        \ budget_reset_at=$moment\ blocked=0\ members_with_roles=\[1\]
        \ metadata=\{0\}$/x, 'its team_info');
is(of($info->{team_memberships}[0], qw(user_id team_id spend budget_id)),
   "user_id=u1 team_id=$id spend=0 budget_id=null", 'its team_memberships');
is($t->refused(GET => '/team/info?team_id=X'),
   '404 Team not found, passed team id: X.', 'one that is not there');
is(of($t->{answer}{body} =~ /^\{"error":(.*)\}$/s
      ? JSON::PP::decode_json($1) : {}, 'code'), 'code=404', 'in the envelope');
is($t->api(POST => '/team/update', { team_id => $id, blocked => \1 })
   ->{data}{blocked} . '', '1', 'blocked by /team/update');
$t->api(POST => '/team/update', { team_id => $id, blocked => \0 });

# Keys

my $key = $t->api(POST => '/key/generate', { team_id => $id });

like(of($key, qw(team_id key token_id created_at expires models spend)),
     qr/^team_id=$id\ key=sk-[\w-]{22}\ token_id=[0-9a-f]{64}
        \ created_at=$moment\ expires=null\ models=\[0\]\ spend=0$/x,
     '/key/generate');
isnt($key->{key}, $key->{token}, 'a key and its token');

$t->api(POST => '/budget/new', { budget_id => 'my-test-tier',
                                 rpm_limit => 0 });

my $tiered = $t->api(POST => '/key/generate', { budget_id => 'my-test-tier' });

is(of($tiered, 'budget_id') . ' '
   . of($tiered->{litellm_budget_table}, qw(budget_id rpm_limit)),
   'budget_id=my-test-tier budget_id=my-test-tier rpm_limit=0', 'with a tier');

my $raised = $t->api(POST => '/key/update', {
    key => $key->{key}, temp_budget_increase => 100,
    temp_budget_expiry => '2099-01-15',
});

is(of($raised, qw(key temp_budget_increase temp_budget_expiry)),
   "key=$key->{key} temp_budget_increase=100 temp_budget_expiry=2099-01-15",
   '/key/update');

$info = $t->api(GET => "/key/info?key=$key->{key}");
is($info->{key} . ' '
   . of($info->{info}, qw(spend expires models aliases config token)),
   "$key->{key} spend=0 expires=null models=[0] aliases={0} config={0}"
   . ' token=absent', '/key/info');
is(of($t->api(POST => '/key/block', { key => $key->{key} }), 'blocked'),
   'blocked=1', '/key/block');
is_deeply($t->api(POST => '/key/delete', { keys => [$key->{key}] }),
          { deleted_keys => [$key->{key}] }, '/key/delete');

# Users

my $user = $t->api(POST => '/user/new', { user_email => 'krrish@berri.ai' });

like(of($user, qw(user_id key expires max_budget teams)),
     qr/^user_id=$uuid key=sk-\S+ expires=null max_budget=null teams=\[0\]$/,
     '/user/new');

$t->api(POST => '/user/new', { user_id => 'jane_smith' });

$info = $t->api(GET => '/user/info?user_id=jane_smith');
is(of($info, 'user_id') . ' ' . of($info->{user_info}, 'spend') . ' '
   . of($info, 'teams'), 'user_id=jane_smith spend=0 teams=[0]', '/user/info');
like(of($info->{keys}[0], qw(token key_name spend team_id budget_reset_at
                             model_max_budget)),
     qr/^token=[0-9a-f]{64}\ key_name=sk-\.\.\.\S{4}\ spend=0\ team_id=null
        \ budget_reset_at=null\ model_max_budget=\{0\}$/x, 'his keys');

# Customers

$t->api(POST => '/budget/new', { budget_id => 'free_tier', rpm_limit => 9 });
is(of($t->api(POST => '/customer/new', { user_id => 'free_user',
                                         budget_id => 'free_tier' }),
      qw(user_id budget_id)), 'user_id=free_user budget_id=free_tier',
   '/customer/new');
is(of($t->api(GET => '/customer/info?end_user_id=free_user'),
      qw(user_id blocked alias spend allowed_model_region default_model)),
   'user_id=free_user blocked=0 alias=null spend=0 allowed_model_region=null'
   . ' default_model=null', '/customer/info');

for my $path ('customer', 'end_user') {
    is($t->refused(GET => "/$path/info?end_user_id=non-existent-user"),
       '404 End User Id=non-existent-user does not exist in db',
       "/$path/info of nobody");
    like($t->{answer}{body}, qr/"type":"not_found","param":"end_user_id"/,
         'says which argument');
    like($t->refused(POST => "/$path/new", { user_id => 'free_user' }),
         qr/^400 Customer already exists/, "/$path/new of one that is there");
    like($t->{answer}{body}, qr/"type":"bad_request","param":"user_id"/,
         'says which member');
}

# Budgets, tags, models

my $budget = $t->api(POST => '/budget/new', { max_budget => 10, rpm_limit => 2,
                                              tpm_limit => 1000 });

like(of($budget, qw(budget_id max_budget rpm_limit tpm_limit created_by
                    updated_by)),
     qr/^budget_id=$uuid\ max_budget=10\ rpm_limit=2\ tpm_limit=1000
        \ created_by=\S+\ updated_by=\S+$/x, '/budget/new');
is(join(' ', map { $_->{budget_id} }
             @{$t->api(POST => '/budget/info',
                       { budgets => ['my-test-tier'] })}), 'my-test-tier',
   '/budget/info');
like(of($t->api(POST => '/tag/new', {
    name => 'engineering', description => 'of engineers', max_budget => 500,
    budget_duration => '30d',
}), qw(name max_budget budget_duration budget_reset_at created_at)),
     qr/^name=engineering\ max_budget=500\ budget_duration=30d
        \ budget_reset_at=$moment\ created_at=$moment$/x, '/tag/new');
is(of($t->api(GET => '/model/info')->{data}[0], 'model_name'), 'model_name=m',
   '/model/info');

# What is nobody's business here, and what of it a change leaves

my %more = (object_permission => { vector_stores => ['v'] },
            guardrails => ['g'], x => [1, { y => undef }], enforced => \1);
my $kept = JSON::PP->new->canonical->encode(\%more);


sub kept
{
    my ($got) = @_;

    return JSON::PP->new->canonical->encode({ map { $_ => $got->{$_} }
                                                  keys %more });
}


my @kinds = (
    ['team', { team_id => 'k' }, sub { $_[0] },
     [POST => '/team/update', { team_id => 'k', rpm_limit => 1 }],
     [GET => '/team/info?team_id=k'], sub { $_[0]{team_info} }],
    ['user', { user_id => 'k' }, sub { $_[0] },
     [POST => '/user/update', { user_id => 'k', rpm_limit => 1 }],
     [GET => '/user/info?user_id=k'], sub { $_[0]{user_info} }],
    ['customer', { user_id => 'k' }, sub { $_[0] },
     [POST => '/customer/update', { user_id => 'k', rpm_limit => 1 }],
     [GET => '/customer/info?end_user_id=k'], sub { $_[0] }],
    ['budget', { budget_id => 'k' }, sub { $_[0] },
     [POST => '/budget/update', { budget_id => 'k', rpm_limit => 1 }],
     [POST => '/budget/info', { budgets => ['k'] }], sub { $_[0][0] }],
    ['tag', { name => 'k' }, sub { $_[0] },
     [POST => '/tag/update', { name => 'k', description => 'd' }],
     [POST => '/tag/info', { names => ['k'] }], sub { $_[0]{k} }],
    ['access_group', { access_group => 'k', model_names => ['m'] },
     sub { $_[0] },
     [PUT => '/access_group/k/update', { model_names => ['n'] }],
     [GET => '/access_group/k/info'], sub { $_[0] }],
    ['key', { key => 'sk-for-the-members' }, sub { $_[0] },
     [POST => '/key/update', { key => 'sk-for-the-members', rpm_limit => 1 }],
     [GET => '/key/info?key=sk-for-the-members'], sub { $_[0]{info} }],
);

for (@kinds) {
    my ($kind, $body, $made, $update, $info, $shown) = @$_;
    my $new = $kind eq 'key' ? '/key/generate' : "/$kind/new";

    is(kept($made->($t->api(POST => $new, { %$body, %more }))), $kept,
       "$kind: given back when it is made");
    $t->api(@$update);
    is($t->status, 200, "$kind: changed");
    is(kept($shown->($t->api(@$info))), $kept, "$kind: nothing of it is lost");
}

is($t->api(POST => '/key/regenerate?key=sk-for-the-members', {})->{x}[0], 1,
   'nor with a new key');
is($t->api(GET => '/key/list?return_full_object=true&size=100')->{keys}[0]{key}
   // 'none', 'none', 'no key is among them');

# A key that is valid for a time says for which, and when that ends.

my $short = $t->api(POST => '/key/generate', { duration => '30d' });

like(of($short, qw(duration expires)), qr/^duration=30d expires=$moment$/,
     'how long a key is valid');

# More periods than are kept of a kind

my ($status, $n) = (200, 0);

while ($status == 200 && $n++ < 40) {
    $t->api(POST => '/customer/new', { user_id => "p$n", max_budget => 1,
                                       budget_duration => "${n}0s" });
    $status = $t->status;
}

like($t->refused(POST => '/customer/new',
                 { user_id => 'more', max_budget => 1,
                   budget_duration => '7777s' }),
     qr/^400 budget_duration brings the periods of its kind over \d+: use /,
     'too many different periods');
is($t->refused(GET => '/customer/info?end_user_id=more'),
   '404 End User Id=more does not exist in db', 'nothing is made');
$t->api(POST => '/customer/new', { user_id => 'same', max_budget => 1,
                                   budget_duration => '10s' });
is($t->status, 200, 'one that others have is none more');

$t->finish;
done_testing();
