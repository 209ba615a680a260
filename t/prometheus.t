# Prometheus as it is: it scrapes, answers what is left of a budget, and takes
# the rules of conf.example; the panels of the dashboard ask for what there is.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use JSON::PP ();

my $json = JSON::PP->new->utf8;
my $examples = "$LLMBase::root/conf.example";


# What promtool says of the files.

for my $check (['check config', 'prometheus.yml'],
               ['check rules', 'prometheus-rules.yml'],
               ['test rules', 'prometheus-rules.test.yml'])
{
    my ($what, $file) = @$check;
    my $said = `cd "$examples" && promtool $what $file 2>&1`;

    is($?, 0, "promtool $what $file") or diag($said);
}


# A scrape of its own.

my $upstream = RawUpstream->start('*' => { json => usage(1000, 500) });

my $t = LLMGateway->new(
    upstream => $upstream,
    limits => 'rpm=1000 tpm=100m budget=1',
    server => <<'EOF',
        llm_team_limit a rpm=5 budget=1/month parallel=9;

        location = /metrics {
            llm_quota_metrics main compat=litellm customers=on;
        }
EOF
)->start;

$t->chat('a') for 1 .. 6;

my $dir = $t->dir . '/tmp';
my $port = LLMBase::free_port();

mkdir $dir;

LLMBase::spew("$dir/prometheus.yml",
              LLMBase::slurp("$examples/prometheus.yml")
              =~ s/127\.0\.0\.1:8080/127.0.0.1:$t->{port}/r
              =~ s/15s/1s/gr);
LLMBase::spew("$dir/prometheus-rules.yml",
              LLMBase::slurp("$examples/prometheus-rules.yml"));

my $pid = fork() // die "fork: $!\n";

if ($pid == 0) {
    open STDOUT, '>', "$dir/prometheus.log";
    open STDERR, '>&', \*STDOUT;
    exec 'prometheus', "--config.file=$dir/prometheus.yml",
         "--storage.tsdb.path=$dir/prometheus",
         "--web.listen-address=127.0.0.1:$port";
    POSIX::_exit(127);
}

END {
    local $?;

    if ($pid) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
}


# The values of a query, as Prometheus has them: "labels value".

sub query
{
    my ($query) = @_;

    $query =~ s/([^A-Za-z0-9_])/sprintf '%%%02x', ord $1/ge;

    my $got = `curl -s "http://127.0.0.1:$port/api/v1/query?query=$query"`;
    my $answer = eval { $json->decode($got) } // {};

    return map { $_->{value}[1] } @{$answer->{data}{result} // []};
}


wait_until {
    (query('llm_quota_budget_remaining_usd{scope="team",id="a"}'))[0]
} 'Prometheus to have scraped';

is_deeply([query('llm_quota_budget_remaining_usd{scope="team",id="a",'
                 . 'period="month"}')], ['0.97'], 'what is left of a budget');
is_deeply([query('litellm_team_monthly_cost_usd{team_id="a"}')], ['0.03'],
          'what was spent');
is_deeply([query('sum(llm_quota_requests_total{result="rate_limited"})')],
          ['1'], 'what was refused');
is_deeply([query('up')], ['1'], 'and it found nothing wrong');


# Each metric that a rule or a panel names is one that there is.

my $metrics = $t->get('/metrics')->{body};
my %is = map { $_ => 1 } $metrics =~ /^# TYPE (\S+)/mg;
my $rules = LLMBase::slurp("$examples/prometheus-rules.yml");
my @exprs = map { $_->{expr} } map { @{$_->{targets}} }
            @{$json->decode(LLMBase::slurp("$examples/grafana.json"))->{panels}};

my %named = map { $_ => 1 }
            join(' ', $rules =~ /expr: (.*(?:\n {10}.*)*)/g, @exprs)
            =~ /((?<![:\w])(?:llm_quota|litellm)_\w+)/g;

is_deeply([grep { !$is{$_} } sort keys %named], [],
          keys(%named) . ' metrics of rules and panels are there');

for my $expr (@exprs) {
    my $said = `curl -s --data-urlencode 'query=$expr' "http://127.0.0.1:$port/api/v1/query"`;

    like($said, qr/"status":"success"/, $expr);
}

$t->finish;

done_testing;
