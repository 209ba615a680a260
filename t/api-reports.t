# Reports, the audit and the live state of the admin API; lists that are too
# long for one turn of the event loop.

use lib 't/lib';
use LLMApi;
use RawUpstream;

use POSIX qw(strftime);

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF')->start;
        location /v1/ {
            llm_keys required;
            llm_customer $http_x_customer;
            proxy_pass http://provider;
        }
EOF

$t->api(POST => '/team/new', { team_id => 'red', rpm_limit => 100,
                               max_budget => 5, budget_duration => '1d' });

my ($red, $blue) = map {
    $t->api(POST => '/key/generate', { team_id => $_, user_id => "$_-user" })
} qw(red blue);

for my $key ($red, $red, $blue) {
    is($t->post('/v1/chat/completions',
                '{"model":"m","max_tokens":1,"messages":[]}',
                Authorization => "Bearer $key->{key}",
                'X-Customer' => 'acme')->{status}, 200, 'a request');
}

my $today = strftime('%Y-%m-%d', gmtime);
my $days = "start_date=2024-04-01&end_date=2099-01-01";
my $report;

LLMTest::wait_until {
    $report = $t->api(GET => "/global/spend/report?$days&group_by=team");
    @$report && @{$report->[-1]{teams}} == 2
        && $report->[-1]{teams}[1]{total_spend} == 0.00012;
} 'the store to have it';

is($report->[-1]{group_by_day}, "${today}T00:00:00+00:00", 'a day of a report');
is(join(' ', map { "$_->{team_name}=$_->{total_spend}" }
             @{$report->[-1]{teams}}), 'blue=6e-05 red=0.00012', 'its teams');
is(join(' ', @{$report->[-1]{teams}[1]{metadata}[0]}{qw(model spend
    total_tokens api_key)}), "m 0.00012 30 $red->{token}", 'what a team used');

$report = $t->api(GET => "/global/spend/report?$days&group_by=customer");
is("$report->[0]{customers}[0]{customer} "
   . $report->[0]{customers}[0]{total_spend}, 'acme 0.00018', 'by customers');
$report = $t->api(GET => "/global/spend/report?$days&api_key=$red->{key}");
is(join(' ', @{$report->[0]}{qw(api_key total_cost total_input_tokens
    total_output_tokens)}), "$red->{token} 0.00012 20 10", 'of a key');
is_deeply($t->api(GET => '/global/spend/report?start_date=2020-01-01'
                        . '&end_date=2020-01-02'), [], 'nothing');
is($t->refused(GET => '/global/spend/report?end_date=2024-01-01'),
   '422 query.start_date: Field required', 'without a day');
is($t->refused(GET => '/global/spend/report?start_date=x&end_date=y'),
   '400 start_date is not a date such as "2024-04-01"', 'with a wrong one');
is($t->refused(GET => "/global/spend/report?$days&group_by=moon"),
   "422 query.group_by: Input should be 'team', 'customer' or 'api_key'",
   'by something else');

my $logs = $t->api(GET => "/spend/logs?$days")->[0];

is("$logs->{startTime} $logs->{spend} $logs->{users}{'red-user'}"
   . " $logs->{models}{m} $logs->{$blue->{token}}",
   "$today 0.00018 0.00012 0.00018 6e-05", 'a day\'s log');
$logs = $t->api(GET => "/spend/logs?$days&summarize=false&user_id=red-user");
is(@$logs . " $logs->[0]{team_id} $logs->[0]{api_requests}", '1 red 2',
   'not summarized');

my $activity = $t->api(GET => "/team/daily/activity?$days&team_ids=red");

is("$activity->{results}[0]{date} "
   . join(' ', @{$activity->{results}[0]{metrics}}{qw(spend api_requests
          total_tokens)}), "$today 0.00012 2 30", 'the activity of a team');
is($activity->{results}[0]{breakdown}{models}{m}{metrics}{prompt_tokens}, 20,
   'by models');
is("@{$activity->{metadata}}{qw(total_spend has_more)}", '0.00012 0',
   'and in all');

# Reports as lines

is($t->api(GET => "/global/spend/report?$days&group_by=team&format=csv"),
   "day,team_id,key_id,model,requests,failed_requests,prompt_tokens,"
   . "completion_tokens,cached_tokens,cost_usd\n"
   . qq($today,blue,$blue->{token},m,1,0,10,5,0,0.00006\n)
   . qq($today,red,$red->{token},m,2,0,20,10,0,0.00012\n), 'a report as CSV');
like($t->api(GET => "/global/spend/report?$days&group_by=customer&format=csv"),
     qr/^day,customer_id,key_id,model,.*\n$today,acme,/, 'by customers');
like($t->api(GET => "/global/spend/report?$days&api_key=$red->{token}"
                  . '&format=csv'),
     qr/^key_id,model,.*\n$red->{token},m,2,.*\n\z/, 'of a key');
like($t->api(GET => "/spend/logs?$days&format=csv&user_id=red-user"),
     qr/^day,team_id,user_id,customer_id,key_id,model,.*
        \n$today,red,red-user,acme,$red->{token},m,2,.*\n\z/x, 'logs');
like($t->api(GET => "/team/daily/activity?$days&format=table"),
     qr/^day +model +requests .*\n$today +m +3 /, 'activity, as a table');

# Live

my $status = $t->api(GET => '/quota/status?team_id=red')->{subjects}[0];

is("@$status{qw(scope id in_flight)} $status->{minute}{requests}",
   'team red 0 2', 'what a team uses now');
is((grep { $_->{period} eq 'day' } @{$status->{periods}})[0]{spend}, 0.00012,
   'in its period');
$status = $t->api(GET => '/quota/status', undef,
                  Authorization => "Bearer $red->{key}");
is(join(' ', map { $_->{scope} } @{$status->{subjects}}), 'team user key',
   'a key sees whose it is');

# Lines

is($t->api(POST => '/team/new', { team_id => 'c,sv', team_alias => '=1+"1"',
                                  max_budget => 2.5 })->{team_id}, 'c,sv',
   'a team with commas');

my $csv = $t->api(GET => '/team/list?format=csv&team_id=c,sv');

is($csv, "team_id,team_alias,spend,max_budget,budget_duration,rpm_limit,"
         . "tpm_limit,blocked\n" . qq("c,sv","'=1+""1""",0,2.5,,,,\n),
   'as CSV');
is($t->{answer}{headers}{'content-type'}, 'text/csv', 'which it says');
like($t->api(GET => '/key/list?format=table&team_id=red'),
     qr/^token +key_alias +spend .*\n$red->{token} .* 0\.00012 /,
     'as a table');
is($t->refused(GET => '/team/list?format=xml'),
   "422 query.format: Input should be 'json', 'csv' or 'table'",
   'as something else');
$t->api(POST => '/team/delete', { team_ids => ['c,sv'] });

# Models

my $models = $t->api(GET => '/model/info')->{data};

is(join(' ', $models->[0]{model_name},
        @{$models->[0]{model_info}}{qw(input_cost_per_token
                                       output_cost_per_token)}),
   'm 1e-06 1e-05', 'a model and its price');
is($t->refused(POST => '/organization/new', {}),
   '404 Organizations and projects do not exist here: make a team of each with'
   . ' /team/new.', 'what there is not');

# What something costs

is($t->api(POST => '/spend/calculate', { completion_response => {
    id => 'x', object => 'chat.completion', model => 'm', choices => [],
    usage => { prompt_tokens => 100, completion_tokens => 10,
               total_tokens => 110,
               prompt_tokens_details => { cached_tokens => 50 } },
} })->{cost}, 0.000155, 'an answer, by its usage');
is($t->api(POST => '/spend/calculate', {
    model => 'm', messages => [{ role => 'user', content => 'x' x 370 }],
})->{cost}, 0.0001, 'messages, by their bytes');
is($t->api(POST => '/spend/calculate', {
    model => 'm', completion_response => {
        type => 'message', model => 'claude-unknown',
        usage => { input_tokens => 10, output_tokens => 1,
                   cache_read_input_tokens => 10 },
    },
}, Authorization => "Bearer $red->{key}")->{cost}, 0.000021,
   'of a named model, in another form, for a key');
is($t->refused(POST => '/spend/calculate', { model => 'unknown',
                                             messages => [] }),
   '400 No price is known of model=unknown', 'not without a price');
like($t->refused(POST => '/spend/calculate', $_),
     qr/^400 Pass completion_response, /, 'nor of nothing')
    for { model => 'm' }, { messages => [] },
        { model => 'm', completion_response => { model => 'm' } },
        { model => 'm', messages => 'x' };

# The audit

$t->api(POST => '/team/update?reason=sale', { team_id => 'red',
                                              max_budget => 6 },
        'litellm-changed-by' => 'carol');

my $audit = $t->api(GET => '/audit?kind=team&id=red')->{audit};

is(@$audit . ' ' . join(' ', @{$audit->[0]}{qw(changed_by reason action
    address)}), '2 carol sale /team/update 127.0.0.1', 'who changed it, why');
is("$audit->[0]{before}{max_budget} $audit->[0]{after}{max_budget}", '5 6',
   'from what to what');
is($audit->[1]{before}, undef, 'before it was made there was nothing');
is(@{$t->api(GET => '/audit?limit=1')->{audit}}, 1, 'the last one');
is_deeply($t->api(GET => '/alerts'), { alerts => [] }, 'no alert');

# Long lists, which go out in slices, also to those who read slowly or leave.

my @made = map {
    ['POST', '/team/new',
     qq({"team_id":"many-$_","x":") . 'y' x 3000 . '"}',
     Authorization => "Bearer $LLMApi::master"]
} 100 .. 399;

my $good = 0;

while (my @some = splice @made, 0, 50) {
    $good += $_->{status} == 200 for $t->parallel(@some);
}

is($good, 300, 'many teams');

my $answer = $t->get('/team/list', Authorization => "Bearer $LLMApi::master");

is($answer->{headers}{'transfer-encoding'}, 'chunked', 'go out in slices');

my $teams = JSON::PP::decode_json($answer->{body});

is(@$teams, 301, 'all of them');
is(join(' ', map { $_->{team_id} } @$teams),
   join(' ', sort map { $_->{team_id} } @$teams), 'in order');

for (1 .. 8) {
    my $client = $t->open('GET', '/team/list', undef,
                          Authorization => "Bearer $LLMApi::master");

    $client->head if $_ % 2;
    $client->abort(1);
}

is(@{$t->api(GET => '/team/list')}, 301, 'after some left, too');
is($t->api(GET => '/v2/team/list?page=31&page_size=10')->{teams}[0]{team_id},
   'red', 'and in pages');

$t->finish;
done_testing();
