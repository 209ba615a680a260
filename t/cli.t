# scripts/llm-quota, in the shells and with the awks that bare servers have.

use lib 't/lib';
use LLMApi;
use LLMCli;
use RawUpstream;

use POSIX qw(strftime);
use Digest::SHA qw(sha256_hex);

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOS')->start;
        llm_team_limit configured budget=1/day;

        location /v1/ {
            llm_keys required;
            proxy_pass http://provider;
        }
EOS

my $cli = LLMCli->new($t);
my $dir = $cli->{dir};
my @awks = @LLMCli::awks;

$ENV{TMPDIR} = $dir;

sub with { return $cli->with(@_) }
sub cli { return $cli->run(@_) }


# Teams and keys

is(cli('team', 'new', 'red', 'max_budget=5', 'budget_duration=1d',
       'team_alias=Team "R\\d"', '--reason', 'a & b'), '', 'a team is made');

my $audit = $t->api(GET => '/audit?limit=1')->{audit}[0];

is("$audit->{changed_by} $audit->{reason} $audit->{after}{team_alias}",
   'carol a & b Team "R\\d"', 'by whom, why, as it was written');

is(cli('team', 'new', 'red'),
   "1 llm-quota: 400 Team id = red already exists. Please use a different"
   . " team id.\n", 'what is refused is told');

my $teams = 'team_id,team_alias,spend,max_budget,budget_duration,rpm_limit,'
          . 'tpm_limit,blocked';

is(cli('team', 'list', '--format', 'csv'),
   qq($teams\nred,"Team ""R\\d""",0,5,1d,,,\nconfigured,,0,1,1d,,,\n),
   'teams as CSV')
    for @awks;
like(cli(qw(team list)), qr/^team_id  .*\nred  +Team "R\\d"  +0  /,
     'as a table');
like(cli(qw(team list --format json)), qr/^\[\{.*"team_id":"red".*\}\]$/,
     'as JSON');
like(cli(qw(team info red)), qr/^team_id .*\nred /, 'one team');
is(cli(qw(team info blue)),
   "1 llm-quota: 404 Team not found, passed team id: blue.\n", 'no team');
is(cli(qw(team set red rpm_limit=100)), '', 'it is changed');
is(cli(qw(team block red)), '', 'blocked');
is($t->api(GET => '/team/info?team_id=red')->{team_info}{blocked}, 1, 'is so');
is(cli(qw(team unblock red)), '', 'unblocked');

my $key = cli(qw(key new team_id=red user_id=u key_alias=one));

chomp $key;

like($key, qr/^sk-\S+$/, 'a key');
like(cli(qw(key list --team red --format csv)),
     qr/^token,key_alias,.*\n[0-9a-f]{64},one,0,[^\n]*\n$/, 'keys');

my $other = 'sk-of-before-1234';

is(cli(qw(key new team_id=red), 'key=' . sha256_hex($other)),
   sha256_hex($other) . "\n", 'a key of which the digest is known');

sub chat
{
    return $t->post('/v1/chat/completions',
                    '{"model":"m","max_tokens":1,"messages":[]}',
                    Authorization => "Bearer $_[0]")->{status};
}

is(chat($other), 200, 'works');
is(chat($key), 200, 'as one that was made');
is(cli(qw(key block), $other), '', 'a key is blocked');
is(chat($other), 401, 'and is refused');

for my $i (1 .. 120) {
    $t->api(POST => '/key/generate', { key_alias => "many-$i" });
}

is((() = cli(qw(key list --format csv)) =~ /\n/g), 123, 'all pages of keys');

# More

like(cli(qw(raise red +2.5 --for 1d --reason launch)),
     qr/^team red has 2\.5 USD more until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/,
     'more money');

my $red = $t->api(GET => '/team/info?team_id=red')->{team_info};

is($red->{temp_budget_increase}, 2.5, 'is there');
is(substr($red->{temp_budget_expiry}, 0, 10),
   strftime('%Y-%m-%d', gmtime(time + 86400)), 'for a day');
like(cli(qw(raise configured +3 --for 1h)), qr/^team configured has 3 USD/,
     'for a team of nginx.conf');
is(cli(qw(raise red 5 --for 1d)),
   qq(2 llm-quota: "5" is no +USD; see "llm-quota help"\n), 'without a plus');
is(cli(qw(raise red +5 --for 1y)), qq(2 llm-quota: "1y" is no time such as 1d;)
   . qq( see "llm-quota help"\n), 'for no time');
is(cli(qw(raise red +5)), '2 llm-quota: raise needs --for, such as --for 1d;'
   . qq( see "llm-quota help"\n), 'for ever');

# What was used

my $today = strftime('%Y-%m-%d', gmtime);
my $columns = 'requests,failed_requests,prompt_tokens,completion_tokens,'
            . 'cached_tokens,cost_usd';

LLMTest::wait_until {
    cli(qw(report --format csv)) =~ /\nred,2,/;
} 'the store to have it';

is(cli(qw(report --by), 'day,team,model', '--format', 'csv'),
   "day,team_id,model,$columns\n$today,red,m,2,0,20,10,0,0.00012\n",
   'a report');
is(cli(qw(report --by user --user u --format json)),
   '[{"user_id":"u","requests":1,"failed_requests":0,"prompt_tokens":10,'
   . '"completion_tokens":5,"cached_tokens":0,"cost_usd":0.00006}]' . "\n",
   'of a user');
like(cli(qw(report --by label:app)), qr/^label  .*\n +2  /, 'by a label');
like(cli(qw(report --by moon)), qr/^1 llm-quota: 422 Input should be some of/,
     'by something else');

my @segments = glob($t->state_dir . '/usage-*.jsonl');

for my $format (qw(csv json)) {
    for my $by ('team', 'day,key', 'user,model') {
        is(cli('report', '--by', $by, '--format', $format, '--ledger',
               @segments),
           cli('report', '--by', $by, '--format', $format),
           "the ledger says the same as the store: $by, $format");
    }
}

LLMBase::spew("$dir/lines.jsonl", join '', map {
    my ($id, $team, $cost, $more) = @$_;

    qq({"type":"usage","id":"$id","timestamp":"2026-04-01T12:30:05.123Z",)
    . qq("team_id":"$team","prompt_tokens":1,"completion_tokens":2,)
    . qq("cached_tokens":0,"cost_usd":$cost,"status":$more)
    . qq("labels":{"app":"a \\"b\\", c","team_id":"x"}}\n)
} ['a-1', 'big', '9007199254740.999999999', '200,'],
  ['a-2', 'big', '0.000000002', '500,'],
  ['a-2', 'big', '0.000000002', '500,'],
  ['a-3', 'big', '0.1', '200,"requests":0,'],
  ['a-4', 'low', '0.20012', '200,']);

open my $lines, '>>', "$dir/lines.jsonl" or die;
print $lines '{"type":"usage","id":"a-5","team',
    '{"type":"correction","id":"a-6","timestamp":"2026-04-02T00:00:00.000Z",',
    qq("team_id":"low","requests":0,"cost_usd":-0.5}\n{"type":"us);
close $lines;

my @april = qw(--from 2026-04-01 --to 2026-04-30 --format csv);

is(cli('report', @april, '--ledger', "$dir/lines.jsonl"),
   "2 torn lines were passed over\nteam_id,$columns\n"
   . "big,2,1,3,6,0,9007199254741.100000001\nlow,1,0,1,2,0,-0.29988\n",
   'sums are exact, lines count once, torn ones not')
    for @awks;
like(cli('report', @april, '--by', 'label:app', '--team', 'low', '--ledger',
         "$dir/lines.jsonl"),
     qr/\n"a ""b"", c",1,0,1,2,0,0\.20012\n$/, 'by a label')
    for @awks;

# What teams use beside what they may

$t->api(POST => '/team/new', { team_id => 'busy', rpm_limit => 3,
                               tpm_limit => 1000, max_parallel_requests => 4 });

LLMBase::spew("$dir/busy.jsonl", join '', map {
    my ($id, $start, $end) = @$_;

    qq({"type":"usage","id":"$id","started":"2026-04-01T12:$start.000Z",)
    . qq("timestamp":"2026-04-01T12:$end.000Z","team_id":"busy",)
    . qq("prompt_tokens":10,"completion_tokens":20,"labels":{}}\n)
} [1, '30:01', '30:05'], [2, '30:02', '30:06'], [3, '30:05', '30:09'],
  [3, '30:05', '30:09'], [4, '31:01', '31:02']);

is(cli('review', @april, "$dir/busy.jsonl"),
   "used,team_id,rpm_p95,rpm_peak,rpm_limit,tpm_p95,tpm_peak,tpm_limit,"
   . "parallel_p95,parallel_peak,parallel_limit,spend_usd,budget_usd\n"
   . "100%,busy,3,3,3,90,90,1000,2,2,4,0,\n"
   . "0%,configured,0,0,,0,0,,0,0,,0,\n"
   . "0%,red,0,0,100,0,0,,0,0,,0.00012,5\n", 'the fullest first')
    for @awks;

like(cli('review', '--format', 'csv', @segments),
     qr/^[12]%,red,[12],[12],100,(?:15|30),(?:15|30),,1,1,,/m, 'of 30 days');

# What Postgres is to copy

my ($select) = LLMBase::slurp("$LLMBase::root/conf.example/postgres.sql")
    =~ /'(SELECT \* FROM team_usage)'/;
my ($table) = LLMBase::slurp("$LLMBase::root/conf.example/postgres.sql")
    =~ /^CREATE TABLE team_usage \(\n(.*?)^    PRIMARY/ms;
my @names = $table =~ /^ {4}(\w+)/mg;
my $usage = `sqlite3 -readonly -csv -header @{[$t->state_dir]}/quota.db '$select'`;

is((split /\r?\n/, $usage)[0], join(',', @names), 'the columns are the view\'s');
like($usage, qr/^red,\d{4}-\d\d-01,\d{4}-\d\d-01,0\.00012,30,2\r?$/m,
     'and a row for a team and month');

# An invoice

LLMBase::spew("$dir/invoice.csv", "day,model,usd\r\n$today,m,0.0001\r\n"
                                  . qq("$today","n","\$12.50"\r\n));

is(cli('reconcile', "$dir/invoice.csv", '--format', 'csv'),
   "day,model,charged_usd,invoiced_usd,difference_usd\n"
   . "$today,m,0.00012,0.0001,-0.00002\n$today,n,0,12.5,12.5\n",
   'what an invoice differs by')
    for @awks;
LLMBase::spew("$dir/invoice.csv", "day,model,usd\n$today,m,much\n");
is(cli('reconcile', "$dir/invoice.csv"),
   qq(1 $dir/invoice.csv:2: "much" is no amount\n), 'what is none');

# The rest

like(cli(qw(status red)), qr/^scope .*\nteam +red .* 0\.00012 /, 'now');
like(with("LLM_QUOTA_KEY=$key", qw(status --format csv)),
     qr/^scope,id,period,spend,.*\nteam,red,.*\nuser,u,.*\nkey,/s, 'of a key itself');
like(cli(qw(audit team red --limit 1 --format csv)),
     qr/^number,time,.*\n\d+,[^,]*,carol,[^,]*,127\.0\.0\.1,launch,/,
     'who changed what');
like(cli(qw(alerts --format csv)), qr/^id,event,scope,subject,resource,/,
     'alerts');
like(cli(qw(health)), qr/^\{.*\}\n$/, 'health');
like(with('', qw(team list)), qr/^1 llm-quota: 401 /, 'without a key');
is(cli(qw(team delete red)), '', 'a team is deleted');
is(cli(qw(fly)), qq(2 llm-quota: there is no fly; see "llm-quota help"\n),
   'what there is not');
like(cli(qw(help)), qr/^usage: llm-quota /, 'help');

# From LiteLLM, over its API

my $hash = sha256_hex('sk-elsewhere-1');
my %lists = (
    '/team/list' => '[{"team_id": "old", "team_alias": "Old, \"}x,\"",'
        . '"max_budget": 12.5, "budget_duration": "30d", "spend": 1.25,'
        . '"rpm_limit": null, "models": ["m", "n"], "organization_id": "org",'
        . '"metadata": {"a": [{"b": "c, d"}]}, "keys": [], "blocked": false,'
        . '"members_with_roles": [{"user_id": "olduser", "role": "user"}],'
        . '"team_memberships": [{"user_id": "ann", "team_id": "old",'
        . '"budget_id": null, "litellm_budget_table": null}, {"user_id": '
        . '"olduser", "team_id": "old", "budget_id": "t\"{r", "spend": 1,'
        . '"litellm_budget_table": {"max_budget": 2.5, "rpm_limit": 1}}]}]',
    '/user/list' => '{"users":[{"user_id":"olduser","tpm_limit":5,"spend":0}],'
        . '"total":1,"total_pages":1}',
    '/customer/list' => '[{"user_id":"oldcustomer","blocked":true}]',
    '/budget/list' => '[{"budget_id":"tier","max_budget":3}]',
    '/key/list' => '{"keys":[{"token":"' . $hash . '","key_alias":"oldkey",'
        . '"team_id":"old","models":[],"aliases":{"x":"y"},"expires":null}],'
        . '"total_count":1,"total_pages":1}',
);

my $litellm = RawUpstream->start('*' => sub {
    my ($request) = @_;
    my ($path) = $request->{path} =~ /^([^?]*)/;

    return { status => 401, json => '{"error":{"message":"no"}}' }
        if ($request->{headers}{authorization} // '') ne 'Bearer sk-lite';

    return { json => $lists{$path} };
});

LLMBase::spew("$dir/lite", "sk-lite");

my $from = 'http://127.0.0.1:' . $litellm->port;
my $carried = qr/^budget:\ 1\ carried,\ 0\ there\ already\n
                  team:\ 1.*\nuser:\ 1.*\ncustomer:\ 1.*\nkey:\ 1\ carried/x;

like(with("LLM_QUOTA_KEY_FILE=$dir/key LITELLM_MASTER_KEY=sk-wrong", 'import',
          $from), qr/^1 llm-quota: 401 no/, 'with a wrong key');

my $out = cli('import', $from, '--from-key-file', "$dir/lite");

like($out, $carried, 'what LiteLLM has is carried');
like($out, qr/^not carried:\nkey $hash: aliases\nteam old: organization_id org\n/m,
     'and what has no place here is told');
is(join("\n", $out =~ /^(.*member .*)/mg), 'team old: what member olduser may '
   . 'spend, max_budget 2.5, budget_id t\"{r', '... with what members may spend');
is_deeply([map { $_->{user_id} } @{$t->api(GET => '/team/info?team_id=old')
                                     ->{team_info}{members_with_roles}}],
          ['olduser'], '... who are carried');

# It is a correction, where these are served.

is($t->api(GET => '/team/info?team_id=old')->{team_info}{spend},
   $out =~ /^team old: spend of 1\.25 USD$/m ? 0 : 1.25,
   'what was spent is carried, or told');

sub old
{
    my $old = $t->api(GET => '/team/info?team_id=old')->{team_info};

    return join ' ', @$old{qw(team_alias max_budget budget_duration)},
                     "@{$old->{models}}", $old->{metadata}{a}[0]{b};
}

is(old(), 'Old, "}x," 12.5 30d m n c, d', 'a team');
is(chat('sk-elsewhere-1'), 200, 'nobody needs a new key');
is($t->api(GET => '/user/info?user_id=olduser')->{user_info}{tpm_limit}, 5,
   'a user');
like(cli('import', $from, '--from-key-file', "$dir/lite"),
     qr/^team: 0 carried, 1 there already\n.*^key: 0 carried, 1 there/ms,
     'once more');

# and from its tables

$t->api(POST => '/team/delete', { team_ids => ['old'] });
mkdir "$dir/dump";

my $dumped = qq(team_id,team_alias,max_budget,budget_duration,models,metadata,)
    . qq(spend,organization_id,rpm_limit,blocked\r\n)
    . qq(old,"Old, ""}x,""",12.5,30d,"{m,n}",)
    . qq("{""a"": [{""b"": ""c, d""}]}",1.25,org,,f\r\n);

LLMBase::spew("$dir/dump/LiteLLM_TeamTable.csv", $dumped);
LLMBase::spew("$dir/dump/LiteLLM_VerificationToken.csv",
              "token,key_alias,team_id,models,spend\n"
              . sha256_hex('sk-elsewhere-2') . ",other,old,{},0\n");

LLMBase::spew("$dir/dump/LiteLLM_TeamMembership.csv",
              "user_id,team_id,spend,budget_id\nann,old,0,\nbob,old,0,small\n");

for my $try (1 .. @awks) {
    my $out = cli('import', "$dir/dump");

    is(join("\n", $out =~ /^(.*member .*)/mg),
       'team old: what member bob may spend, budget_id small',
       'what a member may spend is told');
    like($out,
         $try == 1 ? qr/^team: 1 carried.*^key: 1 carried/ms
                   : qr/^team: 0 carried, 1 there.*^key: 0 carried, 1 there/ms,
         'a dump is carried');
}

is(old(), 'Old, "}x," 12.5 30d m n c, d', 'the same team');
is(chat('sk-elsewhere-2'), 200, 'and a key');

is(join("\n", glob("$dir/llm-quota.*")), '', 'nothing is left behind');

is(`shellcheck -x $LLMBase::root/scripts/llm-quota`, '', 'shellcheck');

$t->finish;
done_testing();
