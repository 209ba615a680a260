# Users, customers, budgets, tags and access groups of the admin API, and what
# none of its calls takes.

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


sub chat
{
    my ($key, $customer) = @_;

    return $t->post('/v1/chat/completions',
                    '{"model":"m","max_tokens":1,"messages":[]}',
                    'Authorization' => "Bearer $key",
                    'X-Customer' => $customer // '')->{status};
}


# Users

my $user = $t->api(POST => '/user/new', { user_email => 'krrish@berri.ai',
                                          rpm_limit => 2, tpm_limit => 1000 });

like("$user->{user_id} $user->{key}", qr/^\S{36} sk-\S{22}$/,
     'a user has an id and a key');
is($t->refused(POST => '/user/new', { user_email => 'krrish@berri.ai' }),
   '400 User with email krrish@berri.ai already exists.', 'once');

my $second = $t->api(POST => '/key/generate',
                     { user_id => $user->{user_id} })->{key};

is(join(' ', map { chat($_) } $user->{key}, $second, $user->{key}),
   '200 200 429', 'his limit bears on all his keys');

my $info = $t->api(GET => "/user/info?user_id=$user->{user_id}");

is($info->{user_info}{user_email} . ' ' . @{$info->{keys}} . ' '
   . @{$info->{teams}}, 'krrish@berri.ai 2 0', 'he is shown with his keys');
is($t->api(GET => "/v2/user/info?user_id=$user->{user_id}")->{rpm_limit}, 2,
   'or flat');
is($t->api(GET => '/user/info', undef,
           Authorization => "Bearer $second")->{user_id}, $user->{user_id},
   'to his own key, too');
is($t->api(POST => '/user/update', { user_email => 'krrish@berri.ai',
                                     max_budget => 7 })
   ->{data}{max_budget}, 7, 'he is changed by his address');
is($t->api(POST => '/user/new', { user_id => 'plain',
                                  auto_create_key => JSON::PP::false })->{key},
   undef, 'a user without a key');

my $users = $t->api(GET => '/user/list');

is("@$users{qw(total page page_size total_pages)} " . @{$users->{users}},
   '2 1 25 1 2', 'users are listed');
$t->api(POST => '/user/delete', { user_ids => [$user->{user_id}] });
is($t->status, 200, 'he is deleted');
is(chat($second), 401, 'with his keys');
is($t->refused(GET => "/user/info?user_id=plainer"),
   '404 User not found, passed user_id=plainer.', 'nobody');

# Customers

my $key = $t->api(POST => '/key/generate', {})->{key};

$t->api(POST => '/budget/new', { budget_id => 'free_tier', rpm_limit => 1 });
$t->api(POST => '/customer/new', { user_id => 'free_user',
                                   budget_id => 'free_tier' });
is($t->status, 200, 'a customer with a tier');
is(join(' ', map { chat($key, 'free_user') } 1, 2), '200 429', 'which holds');
is($t->refused(POST => '/customer/new', { user_id => 'free_user' }),
   '400 Customer already exists, passed user_id=free_user. Please pass a new'
   . ' user_id.', 'once');
is($t->refused(POST => '/customer/new', { alias => 'x' }),
   '422 body.user_id: Field required', 'not without an id');

LLMTest::wait_until {
    $info = $t->api(GET => '/end_user/info?end_user_id=free_user');
    $info->{spend};
} 'the store to have it';

is("$info->{user_id} $info->{blocked} $info->{spend}", 'free_user 0 6e-05',
   'he is shown');
is($t->refused(GET => '/customer/info?end_user_id=non-existent-user'),
   '404 End User Id=non-existent-user does not exist in db', 'another is not');
is($t->api(POST => '/customer/block', { user_ids => ['free_user', 'new'] })
   ->{blocked_users}[1]{user_id}, 'new', 'blocked, known or not');
is(join(' ', map { chat($key, $_) } qw(new free_user other)), '403 403 200',
   'for the next request');
$t->api(POST => '/customer/unblock', { user_ids => ['new'] });
is(chat($key, 'new'), 200, 'unblocked');
is(scalar @{$t->api(GET => '/customer/list')}, 2, 'listed');
$t->api(POST => '/customer/update', { user_id => 'new', max_budget => 0 });
is(chat($key, 'new'), 403, 'without money');
$t->api(POST => '/customer/delete', { user_ids => ['new'] });
is(chat($key, 'new'), 200, 'forgotten');

# Budgets

my $budget = $t->api(POST => '/budget/new', { max_budget => 10,
                                              rpm_limit => 2 },
                     'litellm-changed-by' => 'carol');

is("@$budget{qw(max_budget rpm_limit created_by)}", '10 2 carol', 'a budget');
is_deeply([map { $_->{budget_id} } @{$t->api(POST => '/budget/info',
            { budgets => ['free_tier', 'none', $budget->{budget_id}] })}],
          ['free_tier', $budget->{budget_id}], 'shown');
is($t->api(POST => '/budget/update', { budget_id => 'free_tier',
                                       rpm_limit => 100 })->{rpm_limit}, 100,
   'changed');
is($t->refused(POST => '/budget/update', { rpm_limit => 1 }),
   '400 budget_id is required', 'not without an id');
is(scalar @{$t->api(GET => '/budget/list')}, 2, 'listed');
is($t->api(GET => '/budget/settings?budget_id=free_tier')->{rpm_limit}, 100,
   'its settings');
$t->api(POST => '/budget/delete', { id => 'free_tier' });
is($t->status, 200, 'deleted');

my $file = $t->state_dir . '/quota.db';

is(system('sqlite3', $file, "UPDATE entity SET json = 'x'
                             WHERE id = '$budget->{budget_id}'"), 0,
   'one is broken');
is($t->refused(POST => '/budget/info', { budgets => [$budget->{budget_id}] }),
   '500 What the store has of it is not JSON.', 'which is an error, whole');
$t->api(POST => '/budget/delete', { id => $budget->{budget_id} });
is($t->status, 200, 'it can be deleted');

# Tags and access groups

my $tag = $t->api(POST => '/tag/new', {
    name => 'engineering', description => 'all of it', max_budget => 500,
    budget_duration => '30d',
});

is("@$tag{qw(name max_budget budget_duration)}", 'engineering 500 30d',
   'a tag');
like($tag->{budget_reset_at}, qr/-01T00:00:00/, 'of the month');
is($t->api(POST => '/tag/info', { names => ['engineering'] })
   ->{engineering}{max_budget}, 500, 'shown');
is($t->refused(POST => '/tag/new', { name => 'engineering' }),
   '400 Tag engineering already exists', 'once');
is(scalar @{$t->api(GET => '/tag/list')}, 1, 'listed');
$t->api(POST => '/tag/delete', { name => 'engineering' });
is($t->refused(POST => '/tag/delete', { name => 'engineering' }),
   '404 Tag engineering not found', 'gone');

$t->api(POST => '/access_group/new', { access_group => 'beta',
                                       model_names => ['m2'] });
is($t->api(GET => '/access_group/beta/info')->{model_names}[0], 'm2',
   'an access group');

my $beta = $t->api(POST => '/key/generate', { models => ['beta'] })->{key};

is(chat($beta), 403, 'holds');
$t->api(PUT => '/access_group/beta/update', { model_names => ['m'] });
is(chat($beta), 200, 'and is changed at once');
is(scalar @{$t->api(GET => '/access_group/list')->{access_groups}}, 1,
   'listed');
$t->api(DELETE => '/access_group/beta/delete');
is($t->refused(GET => '/access_group/beta/info'),
   "404 Access group 'beta' not found", 'gone');

# What nothing takes

my $long = 'x' x 600;
my $deep = '{"a":' x 40 . '1' . '}' x 40;

for my $case (
    ['{', '400 The body is not JSON: string or \'}\' expected near end of'
          . ' file'],
    ['[]', '422 The body is not a JSON object.'],
    ['{"a":1,"a":2}', '400 The body is not JSON: duplicate object key near'
                      . ' \'"a"\''],
    [$deep, '400 The body is nested too deeply.'],
    [{ max_budget => 'much' }, '422 body.max_budget: Input should be a valid'
                               . ' number'],
    [{ max_budget => -1 }, '400 max_budget cannot be negative'],
    [{ max_budget => 1e30 }, '400 max_budget is too large'],
    [{ soft_budget => -1 }, '400 soft_budget cannot be negative'],
    [{ max_budget => 1, soft_budget => 1 },
     '400 soft_budget must be strictly lower than max_budget'],
    [{ rpm_limit => 1.5 }, '422 body.rpm_limit: Input should be a valid'
                           . ' integer'],
    [{ rpm_limit => -1 }, '400 rpm_limit cannot be negative'],
    [{ budget_duration => 'monthly' },
     '400 budget_duration is not a duration such as "30d"'],
    [{ budget_duration => 30 },
     '422 body.budget_duration: Input should be a valid string'],
    [{ models => 'm' }, '422 body.models: Input should be a valid list'],
    [{ blocked => 'yes' }, '422 body.blocked: Input should be a valid'
                           . ' boolean'],
    [{ metadata => [] }, '422 body.metadata: Input should be a valid'
                         . ' dictionary'],
    [{ rpm_limit_type => 'most' }, '422 body.rpm_limit_type: Input is none of'
                                   . ' the values it may be'],
    [{ model_rpm_limit => { m => -1 } }, '400 model_rpm_limit cannot be'
                                         . ' negative'],
    [{ budget_limits => [{ max_budget => 1 }] },
     '422 body.budget_limits: Each needs max_budget and budget_duration'],
    [{ team_alias => $long }, '400 team_alias has more than 512 bytes'],
    [{ team_id => "a\nb" }, '400 team_id should have 1 to 128 printable'
                            . ' characters'],
    [{ team_id => $long }, '400 team_id should have 1 to 128 printable'
                           . ' characters'],
    [{ team_id => 'default' }, '400 team_id cannot be "default" or'
                               . ' "anonymous"'],
    [{ team_id => 7 }, '422 body.team_id: Input should be a valid string'],
    [{ x => 'y' x 70000 }, '400 It has more than 65536 bytes'],
) {
    my ($body, $refusal) = @$case;

    is($t->refused(POST => '/team/new', $body), $refusal,
       substr(ref $body ? join(',', %$body) : $body, 0, 40));
}

$t->api(POST => '/team/new', ' ' x 1048577);
is($t->status, 413, 'a huge body');
is_deeply($t->api(GET => '/team/list'), [], 'nothing was made');
like($t->refused(GET => '/team/new'), qr/^405 /, 'another method');

is($t->sql("SELECT count(*) FROM audit WHERE who = 'carol'"), 1,
   'who changed it is in the audit');

$t->finish;
done_testing();
