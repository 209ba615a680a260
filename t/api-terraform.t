# What LiteLLM's Terraform provider sends and reads: all it set is read back as
# it was, and what is gone says so.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });
my $t = LLMApi->new(upstream => $upstream)->start;

my @both = (Authorization => "Bearer $LLMApi::master",
            'X-Api-Key' => $LLMApi::master, Accept => 'application/json',
            'litellm-changed-by' => 'terraform');


# What a call gives back of what was set, as it was set

sub kept
{
    my ($got, $set, $name) = @_;

    is_deeply({ map { $_ => $got->{$_} } keys %$set }, $set, $name);
}


my $id = '11111111-2222-4333-8444-555555555555';

my %team = (
    team_id => $id, team_alias => 'platform', organization_id => 'org-1',
    models => ['m', 'n'], max_budget => 100.5, budget_duration => '30d',
    tpm_limit => 100000, rpm_limit => 1000,
    tpm_limit_type => 'guaranteed_throughput',
    rpm_limit_type => 'best_effort_throughput',
    tags => ['a'], guardrails => ['g'], prompts => ['p'],
    metadata => { env => 'prod', n => '1' }, model_aliases => { x => 'm' },
    model_rpm_limit => { m => 10 }, model_tpm_limit => { m => 1000 },
    team_member_budget => 5, team_member_rpm_limit => 3,
    team_member_tpm_limit => 300,
);

$t->api(POST => '/team/new', { %team, blocked => JSON::PP::false }, @both);
is($t->status, 200, 'a team');
$t->api(POST => '/team/permissions_update',
        { team_id => $id, team_member_permissions => ['/key/info'] }, @both);
is($t->status, 200, 'its permissions');
kept($t->api(GET => "/team/info?team_id=$id", undef, @both)->{team_info},
     \%team, 'is read as it was set');

my %changed = (%team, max_budget => 7, models => [], rpm_limit => 1);

$t->api(POST => '/team/update', \%changed, @both);
kept($t->api(GET => "/team/info?team_id=$id", undef, @both)->{team_info},
     \%changed, 'and changed');

my %key = (
    key_alias => 'ci', team_id => $id, models => ['m'], max_budget => 10,
    soft_budget => 8, budget_duration => '7d', tpm_limit => 10, rpm_limit => 1,
    max_parallel_requests => 2, metadata => { service_account_id => 'ci' },
    aliases => { x => 'm' }, config => { a => 1 }, permissions => { b => 2 },
    allowed_routes => ['/chat/completions'], tags => ['t'],
    allowed_cache_controls => ['no-cache'], guardrails => [],
    enforced_params => ['user'], model_max_budget => { m => {
        budget_limit => 1.5, time_period => '1d' } },
    model_rpm_limit => { m => 1 }, model_tpm_limit => { m => 10 },
);

my $made = $t->api(POST => '/key/service-account/generate',
                   { %key, duration => '90d', key => 'sk-#odd!key&1' },
                   @both);

is($made->{key}, 'sk-#odd!key&1', 'a key with odd letters');
kept($t->api(GET => '/key/info?key=sk-%23odd%21key%261', undef,
             @both)->{info}, \%key, 'is read as it was set');
$t->api(POST => '/key/update', { key => 'sk-#odd!key&1', max_budget => 11 },
        @both);
is($t->api(GET => "/key/info?key=$made->{token}", undef,
           @both)->{info}{max_budget}, 11, 'and changed');
$t->api(POST => '/key/block', { key => 'sk-#odd!key&1' }, @both);
is($t->api(GET => "/key/info?key=$made->{token}", undef,
           @both)->{info}{blocked}, 1, 'and blocked');

my %budget = (budget_id => 'tier', max_budget => 3, soft_budget => 2,
              max_parallel_requests => 4, tpm_limit => 5, rpm_limit => 6,
              budget_duration => '1d', model_max_budget => {});

is($t->api(POST => '/budget/new', \%budget, @both)->{budget_id}, 'tier',
   'a budget');
kept($t->api(POST => '/budget/info', { budgets => ['tier'] }, @both)->[0],
     \%budget, 'is read as it was set');

my %user = (user_id => 'u', user_email => 'u@x', user_alias => 'U',
            user_role => 'internal_user', max_budget => 1, models => ['m'],
            metadata => { a => 'b' }, tpm_limit => 2, rpm_limit => 3);

$made = $t->api(POST => '/user/new', \%user, @both);
is($made->{user_id} . ($made->{key} =~ /^sk-/), 'u1', 'a user');
kept($t->api(GET => '/user/info?user_id=u', undef, @both)->{user_info}, \%user,
     'is read as it was set');

$t->api(POST => '/key/delete', { keys => ['sk-#odd!key&1'] }, @both);
$t->api(POST => '/user/delete', { user_ids => ['u'] }, @both);
$t->api(POST => '/team/delete', { team_ids => [$id] }, @both);
$t->api(POST => '/budget/delete', { id => 'tier' }, @both);

like($t->refused(GET => $_, undef, @both), qr/not found|does not exist/,
     "gone: $_")
    for '/key/info?key=sk-%23odd%21key%261', '/user/info?user_id=u',
        "/team/info?team_id=$id", '/budget/settings?budget_id=tier';

is($t->sql("SELECT count(DISTINCT who) || max(who) FROM audit"), '1terraform',
   'who it was is in the audit');

$t->finish;
done_testing();
