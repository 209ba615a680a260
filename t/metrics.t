# llm_quota_metrics: what a scrape says is what happened, in a form that
# Prometheus takes, whatever names clients invent.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IO::Compress::Gzip ();
use IPC::Open2;

my $upstream = RawUpstream->start(
    '/none/v1/chat/completions' => { json => '{"choices":[{"message":'
                                             . '{"content":"abcdefgh"}}]}' },
    '/wait/v1/chat/completions' => { json => usage(10, 5), hold => 'gate' },
    '/odd/v1/chat/completions' => { json => usage(10, 5, model => 'nobody') },
    '*' => { json => usage(1000, 500) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    limits => 'rpm=5 tpm=100k budget=1/month budget=0.5/day parallel=7 '
              . 'output_tokens=9k/day',
    zone => 'zone=main:4m state=%%DIR%%/tmp/state',
    http => <<'EOF',
    llm_quota_zone zone=small:512k;
    llm_price free-* input=0 output=0;
EOF
    server => <<'EOF',
        llm_model_limit known rpm=50;
        llm_customer $http_x_customer;

        location = /metrics { llm_quota_metrics main; }
        location = /compat { llm_quota_metrics main compat=litellm; }
        location = /customers { llm_quota_metrics main customers=on; }
        location = /small { llm_quota_metrics small; }

        location = /slow {
            llm_quota_metrics main compat=litellm;
            sendfile_max_chunk 1k;
            limit_rate 20m;
        }

        location = /gzip {
            gzip on;
            gzip_types *;
            llm_quota_metrics main;
        }

        location /small/ {
            llm_quota small;
            llm_team_limit default rpm=1000;
            proxy_pass http://provider;
        }

        location /dry/ {
            llm_dry_run on;
            proxy_pass http://provider/;
        }

        location /many/ {
            llm_team_limit default rpm=1000;
            llm_customer_limit default rpm=5;
            llm_unpriced allow;
            proxy_pass http://provider/;
        }
EOF
)->start;


sub scrape
{
    my ($path, %more) = @_;

    return $t->get($path // '/metrics', %more)->{body};
}


# The value of a sample, by the text before it.

sub value
{
    my ($sample, $path) = @_;

    return scrape($path) =~ /^\Q$sample\E (\S+)$/m ? $1 : undef;
}


sub checked
{
    my ($body, $name) = @_;

    my $pid = open2(my $out, my $in, 'promtool check metrics 2>&1');

    print $in $body;
    close $in;

    my $said = join '', <$out>;

    waitpid $pid, 0;
    is("$?$said", '0', "$name: promtool has nothing to say");
}


# What was decided, used and charged.

$t->chat('a') for 1 .. 5;
is($t->chat('a')->{status}, 429, 'one more than there may be');
$t->chat('a', path => '/dry/v1/chat/completions');
$t->chat('b', path => '/none/v1/chat/completions');
$t->chat('b', body => '{"model":"free-x","messages":[]}');
$t->chat('b', body => 'no');
$t->chat('c', path => '/many/odd/v1/chat/completions',
         body => '{"model":"invented","messages":[]}',
         headers => ['X-Customer' => 'somebody']);
$t->chat('c', path => '/many/odd/v1/chat/completions',
         body => '{"model":"known","messages":[]}');
$t->get('/v1/models', 'X-Team' => 'd');

my $a = '{team="a",model="m"';

my %samples = (
    'llm_quota_requests_total' . "$a,result=\"passed\"}" => 5,
    'llm_quota_requests_total' . "$a,result=\"rate_limited\"}" => 1,
    'llm_quota_requests_total' . "$a,result=\"rate_limited_dry_run\"}" => 1,
    'llm_quota_requests_total{team="b",model="",result="bad_request"}' => 1,
    'llm_quota_requests_total{team="b",model="other",result="passed"}' => 1,
    'llm_quota_requests_total{team="c",model="known",result="passed"}' => 1,
    'llm_quota_requests_total{team="c",model="other",result="passed"}' => 1,
    'llm_quota_requests_total{team="d",model="",result="passed"}' => undef,
    'llm_quota_tokens_total' . "$a,type=\"input\"}" => 6000,
    'llm_quota_tokens_total' . "$a,type=\"output\"}" => 3000,
    'llm_quota_cost_usd_total' . "$a}" => '0.036',
    'llm_quota_estimated_total{model="m"}' => 1,
    'llm_quota_unpriced_total{model="other"}' => 1,
    'llm_quota_unpriced_total{model="known"}' => 1,
    'llm_quota_unpriced_total{model="m"}' => undef,
    'llm_quota_refused_total{scope="team",resource="requests",limit="rpm"}'
    => 2,
    'llm_quota_spend_usd{scope="team",id="a",period="month"}' => '0.036',
    'llm_quota_spend_usd{scope="team",id="a",period="day"}' => '0.036',
    'llm_quota_budget_usd{scope="team",id="a",period="month"}' => 1,
    'llm_quota_budget_remaining_usd{scope="team",id="a",period="month"}'
    => '0.964',
    'llm_quota_budget_remaining_usd{scope="team",id="a",period="day"}'
    => '0.464',
    'llm_quota_used{scope="team",id="a",resource="requests",window="minute"}'
    => 6,
    'llm_quota_limit{scope="team",id="a",resource="requests",window="minute"}'
    => 5,
    'llm_quota_used{scope="team",id="a",resource="output_tokens",window="day"}'
    => 3000,
    'llm_quota_limit{scope="team",id="a",resource="output_tokens",window="day"}'
    => 9000,
    'llm_quota_limit{scope="team",id="a",resource="parallel",window="now"}'
    => 7,
    'llm_quota_inflight{scope="team",id="a"}' => 0,
    'llm_quota_zone_full_total' => 0,
    'llm_quota_ledger_errors_total' => 0,
    'llm_quota_store_away' => 0,
);

my $body = scrape();

for my $sample (sort keys %samples) {
    my ($value) = $body =~ /^\Q$sample\E (\S+)$/m;

    is($value, $samples{$sample}, $sample);
}

wait_until { (value('llm_quota_store_lines_total') // 0) == 10 }
    'the lines to be counted in the store';
is(value('llm_quota_ledger_bytes_total'),
   length(join '', map { "$_\n" } $t->raw_lines), 'bytes of the ledger');
ok(value('llm_quota_store_commits_total') >= 1
   && value('llm_quota_store_lag_seconds') < 60
   && value('llm_quota_store_ready') == 1, 'what the store says');
like($body, qr/^llm_quota_build_info\{version="[\d.]+",nginx="[\d.]+"\} 1$/m,
     'versions');
unlike($body, qr/customer|litellm/, 'nothing that was not asked for');

checked($body, 'a scrape');


# A request in flight.

my $open = $t->ask('e', path => '/wait/v1/chat/completions');

wait_until { $upstream->waiting('gate') } 'a request to be in flight';

is(value('llm_quota_inflight{scope="team",id="e"}'), 1, 'in flight');
ok(value('llm_quota_used{scope="team",id="e",resource="tokens",window="minute"}')
   > 0, 'and reserved');
ok(value('llm_quota_budget_remaining_usd{scope="team",id="e",period="day"}')
   < 0.5, 'money, too');

$upstream->release('gate');
$open->answer;


# The forms.

like(scrape('/customers'),
     qr/^llm_quota_used\{scope="customer",id="somebody",/m, 'customers');

my $compat = scrape('/compat');

like($compat, qr/^\Q$_\E$/m, $_) for
    'litellm_team_monthly_cost_usd{team_id="a"} 0.036',
    'litellm_team_monthly_budget_usd{team_id="a"} 1',
    'litellm_team_max_budget_metric{team_id="a",team_alias="a"} 1',
    'litellm_remaining_team_budget_metric{team_id="a",team_alias="a"} 0.964',
    'litellm_spend_metric_total{team="a",model="m"} 0.036',
    'litellm_total_tokens_metric_total{team="a",model="m"} 9000';

checked($compat, 'compat');

my $answer = $t->get('/metrics', 'Accept' => 'application/openmetrics-text;'
                     . 'version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5');

is($answer->{headers}{'content-type'},
   'application/openmetrics-text; version=1.0.0; charset=utf-8', 'OpenMetrics');
like($answer->{body}, qr/^# TYPE llm_quota_requests counter\n(?!#)/m,
     'whose families have no suffix');
like($answer->{body}, qr/\n# EOF\n\z/, 'and which end');

$answer = $t->get('/metrics');
is($answer->{headers}{'content-type'},
   'text/plain; version=0.0.4; charset=utf-8', 'the older form');

is($t->request('HEAD', '/metrics')->{status}, 200, 'HEAD')
    if $t->can('request');
is($t->post('/metrics', '')->{status}, 405, 'POST');


# Names that want to break out of their quotes.

my $name = 'x"} 1 \\ y';

$t->chat($name);
like(scrape(), qr/^llm_quota_inflight\{scope="team",id="x\\"\} 1 \\\\ y"\} 0$/m,
     'are escaped');
checked(scrape(), 'with them');


# Many more teams than there are series, and subjects for many steps; a zone
# without a store.

for my $zone ('/small', '/many') {
    $t->chat("$zone-$_", path => "$zone/v1/chat/completions",
             body => '{"model":"m","messages":[]}') for 1 .. 300;
}

$body = scrape('/small');
checked($body, 'a flood');
ok($body =~ /^llm_quota_requests_total\{team="other",model="other",result="passed"\} (\d+)$/m
   && $1 > 100, 'most are counted as others');
ok($body =~ /^llm_quota_series_other_total (\d+)$/m && $1 > 100,
   'which is told');
unlike($body, qr/lag_seconds \d/, 'nothing lags where nothing is carried');

my $n = () = scrape() =~ /^llm_quota_inflight\{scope="team",id="\/many-/mg;

is($n, 300, 'all subjects are there');
checked(scrape(), 'all of them');


# Counters survive a reload and the death of a worker.

my $sample = "llm_quota_requests_total$a,result=\"passed\"}";

$t->reload;
is(value($sample), 5, 'after a reload');
$t->kill_worker(($t->workers)[0]);
is(value($sample), 5, 'after a kill');


# Who reads slowly, leaves, or wants it compressed.

my $slow = $t->open('GET', '/slow');
my $left = $t->open('GET', '/slow');

$left->head;
$left->abort;

my ($all, $same) = (scrape('/compat'), $slow->answer);

for ($all, $same->{body}) {
    s/^llm_quota_(?:store|ledger).*\n//mg;
}

ok(!$same->{truncated} && $same->{body} eq $all, 'slowly, but all of it');

my $gzip = `curl -s --compressed http://127.0.0.1:$t->{port}/gzip`;

like($gzip, qr/^llm_quota_build_info.*\n\z/m, 'compressed');

$t->expect_log(qr/zone "small" is full/);
$t->finish;

done_testing;
