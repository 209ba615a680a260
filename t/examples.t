# The configurations of conf.example do what they say, with providers that
# stand in for the real ones behind TLS.

use lib 't/lib';
use LLMExample;
use RawUpstream;
use RedisServer;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Time::Local qw(timegm);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


# The providers.  What they are asked says what they charge: "input output
# cached"; to "fail" they say no, and to "slow" they take more than a second.

sub answer
{
    my ($request) = @_;

    my $body = eval { $json->decode($request->{body}) } // {};
    my $text = $body->{messages}[0]{content} // '';
    my ($input, $output, $cached) = map { $_ // 0 } $text =~ /(\d+)/g;

    return { status => 500, json => '{"error":{}}' } if $text =~ /fail/;

    my $usage = $request->{path} =~ m{/messages$}
        ? { input_tokens => $input - $cached, output_tokens => $output,
            cache_read_input_tokens => $cached,
            cache_creation_input_tokens => 0 }
        : { prompt_tokens => $input, completion_tokens => $output,
            prompt_tokens_details => { cached_tokens => $cached },
            completion_tokens_details => { reasoning_tokens => $output / 2 } };
    my $answer = { id => 'answer-1', model => "$body->{model}-2025-04-14",
                   usage => $usage };

    return { json => $json->encode($answer), pieces => [50, 1000],
             pause => $text =~ /slow/ ? 1.1 : 0 } if !$body->{stream};

    return { sse => ['data: {"choices":[{"delta":{"content":"Hi"}}]}',
                     'data: ' . $json->encode({ choices => [], %$answer }),
                     'data: [DONE]'],
             chunked => 100 };
}

my $upstream = RawUpstream->start('*' => \&answer);


# TLS before them, with certificates of an authority of our own, and what of
# the connection came in: X-Port and X-Sni.

my %port = map { $_ => LLMBase::free_port() }
           qw(openai anthropic azure other stranger);

sub server
{
    my ($name) = @_;

    return <<"EOF";
    server {
        listen 127.0.0.1:$port{$name} ssl;
        ssl_certificate %%DIR%%/conf/$name.pem;
        ssl_certificate_key %%DIR%%/conf/$name.key;

        location / {
            proxy_pass http://127.0.0.1:%%UPSTREAM%%;
            proxy_buffering off;
            proxy_set_header Host \$http_host;
            proxy_set_header X-Provider $name;
            proxy_set_header X-Sni \$ssl_server_name;
        }
    }
EOF
}

my $tls = LLMTest->new(vars => { UPSTREAM => $upstream->port },
                       http => join '', map { server($_) } sort keys %port);


sub certificate
{
    my ($name, $host, $ca) = @_;

    my $conf = $tls->dir . '/conf';
    my @command = ('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                   'ec_paramgen_curve:P-256', '-nodes', '-days', 2,
                   '-keyout', "$conf/$name.key", '-out', "$conf/$name.pem",
                   '-subj', "/CN=$name");

    push @command, '-addext', "subjectAltName=DNS:$host" if $host;
    push @command, '-CA', "$conf/$ca.pem", '-CAkey', "$conf/$ca.key" if $ca;

    system("@command 2> $conf/openssl.log") == 0
        or die LLMBase::slurp("$conf/openssl.log");
}

certificate('ca');
certificate('openai', 'api.openai.com', 'ca');
certificate('anthropic', 'api.anthropic.com', 'ca');
certificate('azure', 'YOUR-RESOURCE.openai.azure.com', 'ca');
certificate('other', 'api.example.com', 'ca');
certificate('stranger', 'api.anthropic.com');

$tls->start;


my $t;
my @gzip = ('Accept-Encoding' => 'br, gzip');


sub run
{
    my ($file, %options) = @_;

    return LLMExample->new(text => example($file),
                           providers => { 'api.openai.com' => $port{openai} },
                           files => { 'prices.json' =>
                                      example('prices.json') },
                           %options)->start;
}


sub chat
{
    my ($text, %more) = @_;

    return ('/v1/chat/completions', $json->encode({
        model => 'gpt-4o-mini', max_tokens => 1,
        messages => [{ role => 'user', content => $text }], %more
    }));
}


sub named
{
    my ($answer, @names) = @_;

    return join ' ', map { $answer->{headers}{$_} // '-' } @names;
}


sub rates
{
    return named($_[0], map { "x-ratelimit-limit-$_" } qw(requests tokens));
}


sub message { return $json->decode($_[0]{body})->{error}{message} }


# What is left of the budget, without the fractions of a cent that are reserved
# for the request itself.

sub left
{
    my $left = $_[0]{headers}{'x-llm-quota-budget-remaining'};

    return defined $left ? sprintf '%.2f', $left : '-';
}


# The lines of the ledger, as soon as there are so many.

sub lines
{
    my ($n) = @_;

    wait_until { (() = $t->ledger($t->state_dir)) >= $n } "$n lines";

    return $t->ledger($t->state_dir);
}


sub charge
{
    my ($line) = @_;

    return "@$line{qw(team_id prompt_tokens completion_tokens)} "
           . sprintf '%.6f', $line->{cost_usd};
}


# minimal.conf

my @team = (@gzip, 'X-Team' => 'marketing',
            'Authorization' => 'Bearer of-the-client');

$t = run('minimal.conf');

my $answer = $t->post(chat('100 20'), @team);
my ($request) = $upstream->requests;

is($answer->{status}, 200, 'minimal: a request is admitted');
is(rates($answer), '60 30000', 'minimal: the limits of a minute');
is(left($answer), '10.00', 'minimal: the budget of a day');
is("@{$request->{headers}}{qw(host x-sni authorization)}",
   'api.openai.com api.openai.com Bearer of-the-client',
   'minimal: the provider, with what the client sends');

my ($line) = lines(1);
my ($shown) = LLMBase::slurp("$LLMBase::root/README.md")
              =~ /^    (\{"type":"usage",.*?\}\})$/ms;

is(charge($line), 'marketing 100 20 0.000027', 'minimal: the charge');
is(join(' ', sort keys %$line),
   join(' ', sort keys %{$json->decode($shown =~ s/\n *//gr)}),
   'minimal: the line has the members that README.md shows');

$t->post(chat('0 0'), @team) for 2 .. 60;
$answer = $t->post(chat('0 0'), @team);

is($answer->{status}, 429, 'minimal: a request is refused');
like(message($answer), qr/Team=marketing rpm=60, used 60, /,
     'minimal: for its limit');
is(scalar $upstream->requests, 60, 'minimal: and goes nowhere');
$t->finish;


# teams.conf: each number of the four rows, in the headers and in effect.
# Cached tokens cost, but are not counted toward a limit of tokens: 800,000
# are a dollar.

my %rows = ('' => [60, 30], marketing => [30, 15], research => [200, 100],
            product => [80, 40]);

$t = run('teams.conf');

for my $team (sort keys %rows) {
    my ($rpm, $ktpm) = @{$rows{$team}};
    my $name = $team || 'anonymous';
    my %seen;

    for (1 .. $rpm) {
        $answer = $t->post(chat('1 0'), 'X-Team' => $team);
        $seen{$answer->{status} . ' ' . rates($answer)}++;
    }

    is(join(', ', map { "$_: $seen{$_}" } sort keys %seen),
       "200 $rpm ${ktpm}000: $rpm", "teams: $name has $rpm requests");

    $answer = $t->post(chat('1 0'), 'X-Team' => $team);

    is($answer->{status}, 429, "teams: $name has no more");
    like(message($answer), qr/Team=$name rpm=$rpm, used $rpm, /,
         "teams: $name is told");
}

$t->finish;

$t = run('teams.conf');

for my $team (sort keys %rows) {
    my $ktpm = $rows{$team}[1];
    my $name = $team || 'anonymous';

    $t->post(chat($ktpm * 1000 - 1 . ' 0'), 'X-Team' => $team);

    is($t->post(chat('1 0'), 'X-Team' => $team)->{status}, 200,
       "teams: $name has ${ktpm}k tokens");

    $answer = $t->post(chat('1 0'), 'X-Team' => $team);

    is($answer->{status}, 429, "teams: $name has not one more");
    like(message($answer), qr/Team=$name tpm=${ktpm}000, used ${ktpm}000, /,
         "teams: $name is told");
}

$t->finish;


# spend('team', 12.5): in requests that the provider would believe

sub spend
{
    my ($team, $usd) = @_;

    for (my $left = int($usd * 800_000 + 0.5); $left > 0; $left -= 80_000_000)
    {
        my $n = $left < 80_000_000 ? $left : 80_000_000;

        $t->post(chat("$n 0 $n", model => 'gpt-4o'), 'X-Team' => $team);
    }
}


# What is said of a team in the answer to a request that costs nothing.

sub state_of
{
    my ($team) = @_;

    my $answer = $t->post(chat('0 0'), @gzip, 'X-Team' => $team);

    return join ' ', $answer->{status}, rates($answer), left($answer),
                     named($answer, 'x-llm-quota-warning');
}

$t = run('teams.conf');

is(state_of('anyone'), '200 60 30000 - -', 'teams: the default has no budget');

spend('anyone', 2000);
is(state_of('anyone'), '200 60 30000 - -', 'teams: whatever it spends');

for (['marketing', '30 15000', 100, 80], ['research', '200 100000', 1000, 85])
{
    my ($team, $rates, $budget, $soft) = @$_;

    my $left = $budget - $budget * $soft / 100;

    is(state_of($team), "200 $rates $budget.00 -",
       "teams: $team has \$$budget");

    spend($team, $budget - $left - 0.01);
    is(state_of($team), "200 $rates $left.01 -",
       "teams: $team is not warned before $soft%");

    spend($team, 0.01);
    is(state_of($team), "200 $rates $left.00 team:$team budget $soft%",
       "teams: $team is warned at $soft%");

    spend($team, $left - 0.01);
    is(state_of($team), "200 $rates 0.01 team:$team budget 99%",
       "teams: $team has its last cent");

    spend($team, 0.01);
    $answer = $t->post(chat('0 0'), 'X-Team' => $team);

    is($answer->{status}, 403, "teams: $team has spent it");
    like(message($answer),
         qr/Team=$team Current cost: $budget, Max budget: $budget\. Resets /,
         "teams: $team is told");
    like(message($answer), qr/ Questions: llm-platform\@example\.com\.$/,
         "teams: $team is told whom to ask");
    like(named($answer, 'x-llm-quota-budget-reset'),
         qr/^\d{4}-\d\d-01T00:00:00Z$/, "teams: $team has it for a month");
}

is(state_of('product'), '200 80 40000 300.00 -', 'teams: product has $300');

spend('product', 269.99);
is(state_of('product'), '200 80 40000 30.01 -',
   'teams: product is not throttled before 90%');

spend('product', 0.01);
is(state_of('product'), '200 40 20000 30.00 team:product budget 90%',
   'teams: product is warned at 90%, and has half of its rates');

spend('product', 31);
like(state_of('product'), qr/^200 40 20000 0\.00 team:product budget/,
     'teams: product goes on past its budget');
$t->wait_log(qr/\[warn\].* team:product is past budget=300\S* /);
pass('teams: the error log says so');

# the half is in force

$answer = $t->post(chat('0 0'), 'X-Team' => 'product');

my $more = named($answer, 'x-ratelimit-remaining-requests');
my @statuses = map { $t->post(chat('0 0'), 'X-Team' => 'product')->{status} }
               0 .. $more;

cmp_ok($more, '>', 0, 'teams: product has some of its 40 requests left');
is("@statuses", join(' ', (200) x $more, 429),
   'teams: product has 40 requests');

$t->finish;


# providers.conf: each model goes to its provider, over TLS that is verified,
# with the credential of nginx and none of the client's.

sub providers
{
    my (%to) = (%port, @_);

    my $upstreams = example('upstreams.conf');
    my %address = ('api.openai.com:443' => $to{openai},
                   'api.anthropic.com:443' => $to{anthropic},
                   'YOUR-RESOURCE.openai.azure.com:443' => $to{azure},
                   '127.0.0.1:8000' => $upstream->port);

    for my $address (keys %address) {
        $upstreams =~ s/server \K\Q$address\E;/127.0.0.1:$address{$address};/
            or die "upstreams.conf has no $address\n";
    }

    my $ca = $tls->dir . '/conf/ca.pem';

    return LLMExample->new(
        text => example('providers.conf'),
        replace => { 'worker_processes auto;' => 'worker_processes 1;',
                     '/etc/ssl/certs/ca-certificates.crt' => $ca },
        files => { 'upstreams.conf' => $upstreams,
                   'prices.json' => example('prices.json'),
                   'credentials.conf' => example('credentials.conf.example') }
    )->start;
}


my @secrets = (@gzip, 'X-Team' => 'marketing', 'X-Api-Key' => 'of-the-client',
               'Authorization' => 'Bearer of-the-client',
               'Api-Key' => 'of-the-client');
my $azure = '/openai/deployments/gpt-4.1-mini/chat/completions'
            . '?api-version=2024-10-21';
my %of = (
    openai    => 'openai api.openai.com api.openai.com '
                 . 'Bearer YOUR-OPENAI-KEY - -',
    anthropic => 'anthropic api.anthropic.com api.anthropic.com '
                 . '- YOUR-ANTHROPIC-KEY -',
    azure     => 'azure YOUR-RESOURCE.openai.azure.com '
                 . 'YOUR-RESOURCE.openai.azure.com - - YOUR-AZURE-KEY',
    vllm      => '- localhost - Bearer YOUR-VLLM-KEY - -',
);


# The last request that has come to a provider, whichever it is.

sub arrived
{
    my ($last) = reverse $upstream->requests;

    return join ' ', map { $last->{headers}{$_} // '-' }
                     qw(x-provider host x-sni authorization x-api-key api-key);
}

sub body { return (chat('100 20 10', @_))[1] }


my $n = 0;

$t = providers();

for (['/v1/chat/completions', 'gpt-4.1-mini', 'openai', '0.000069'],
     ['/v1/responses', 'gpt-4.1-mini', 'openai', '0.000069'],
     ['/v1/messages', 'claude-sonnet-4-5', 'anthropic', '0.000573'],
     ['/v1/chat/completions', 'claude-sonnet-4-5', 'anthropic', '0.000573'],
     [$azure, 'gpt-4.1-mini', 'azure', '0.000069'],
     ['/v1/chat/completions', 'qwen3-32b', 'vllm', '0.000000'],
     ['/v1/chat/completions', 'llama-3.3-70b', 'vllm', '0.000000'])
{
    my ($path, $model, $provider, $cost) = @$_;

    my $name = "providers: $model at $path";

    is($t->post($path, body(model => $model), @secrets)->{status}, 200, $name);
    is(arrived(), $of{$provider}, "$name: goes to $provider");

    my ($request) = reverse $upstream->requests;

    is($request->{path}, $path, "$name: by its path");
    is($json->decode($request->{body})->{model}, $model, "$name: by its name");
    unlike($request->{head}, qr/of-the-client|x-team/i,
           "$name: with nothing of the client's");

    my ($line) = (lines(++$n))[-1];

    is("$line->{model} " . charge($line), "$model marketing 100 20 $cost",
       "$name: is charged");
}

$answer = $t->post('/v1/messages', body(model => 'claude-sonnet-4-5',
                                        stream => JSON::PP::true), @secrets);

like($answer->{body}, qr/\bdata: \[DONE\]\n\n\z/, 'providers: a stream passes');

$answer = $t->post('/v1/chat/completions', body(model => 'gpt-4.1-mini',
                                                stream => JSON::PP::true),
                   @secrets);

like((($upstream->requests)[-1])->{body}, qr/"include_usage":true/,
     'providers: a stream is asked for its usage');
is($answer->{body}, qq(data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n)
                    . "data: [DONE]\n\n",
   'providers: which the client does not see');

for (['GET', '/v1/models', undef, 'openai'],
     ['POST', '/v1/messages/count_tokens', '{}', 'anthropic'],
     ['GET', '/openai/models?api-version=1', undef, 'azure'])
{
    my ($method, $path, $body, $provider) = @$_;

    $t->request($method, $path, $body, @secrets);

    is(arrived(), $of{$provider}, "providers: $path goes to $provider");
}

$t->finish;

# a certificate of another host, and one that anybody can make

$t = providers(openai => $port{other}, anthropic => $port{stranger});
$n = () = $upstream->requests;

for (['gpt-4.1-mini', qr/certificate does not match "api\.openai\.com"/],
     ['claude-sonnet-4-5', qr/certificate verify error: \(18:/])
{
    my ($model, $says) = @$_;

    is($t->post('/v1/chat/completions', body(model => $model),
                @secrets)->{status}, 502,
       "providers: the wrong certificate for $model is refused");
    like($t->log, $says, 'providers: the error log says so');
}

is(scalar $upstream->requests, $n, 'providers: and nothing was sent');
is(join(' ', map { "$_->{status} $_->{source} $_->{cost_usd}" } lines(2)),
   '502 none 0 502 none 0', 'providers: nor charged');
$t->finish;


# admin.conf: a team and a key are made while it runs.

$t = run('admin.conf',
         files => { 'prices.json' => example('prices.json'),
                    'openai-key.conf' => example('openai-key.conf.example'),
                    'master.key' => "sk-master\n" });

my @master = (Authorization => 'Bearer sk-master');

wait_until { $t->get('/health/readiness')->{status} == 200 } 'it to be ready';
is($t->post('/team/new', '{"team_id":"red","max_budget":0.000000001}',
            @master)->{status}, 200, 'admin: a team is made');

my ($made) = $t->post('/key/generate', '{"team_id":"red"}', @master)->{body}
             =~ /"key":"([^"]+)"/;

for (200, 403) {
    is($t->post(chat('100 20'), 'Authorization' => "Bearer $made")->{status},
       $_, 'admin: its budget holds');
    lines(1);
}

is($t->post('/team/new', '{}', 'Authorization' => "Bearer $made")->{status},
   403, 'admin: a key makes no team');

# all of its calls: those below /v1/, and /models, are the provider's here

my $routes = LLMBase::slurp("$LLMBase::root/src/admin/"
                            . 'ngx_http_llm_api_route.c');
my %routes = map { s/\*/x/r => 1 } $routes =~ m{"(/[^"]+)"}g;
my @calls = grep { !m{^/(?:v1/|models$|organization/|project/)} }
            sort keys %routes;

cmp_ok(scalar @calls, '>', 80, 'admin: there are calls');
is(join(' ', grep { ($t->get($_)->{headers}{'content-type'} // '')
                    ne 'application/json' } @calls), '',
   'admin: each is the API\'s');

like($t->get('/dashboard')->{body}, qr/^<!DOCTYPE html>/,
     'admin: there is a dashboard');
$t->finish;


# keys.conf: who has a key, and whose it is; the provider's own goes upstream.

my %digest = map { $_->[0] => sprintf '%064x', $_->[1] }
             ['nightly', 1], ['alice', 2], ['search', 3];

$t = run('keys.conf',
         replace => { map { $digest{$_} => sha256_hex("sk-$_") } keys %digest },
         files => { 'prices.json' => example('prices.json'),
                    'openai-key.conf' => example('openai-key.conf.example') });

for (['nightly', 10, '-', '5.00'], ['alice', 60, 100000, '100.00'],
     ['search', 60, 100000, '1000.00'])
{
    my ($key, $rpm, $tpm, $budget) = @$_;

    $answer = $t->post(chat('100 20'), 'Authorization' => "Bearer sk-$key");
    is(join(' ', $answer->{status}, rates($answer), left($answer)),
       "200 $rpm $tpm $budget", "keys: $key has its limits");
    is((($upstream->requests)[-1])->{headers}{authorization},
       'Bearer YOUR-OPENAI-KEY', "keys: the provider gets its own for $key");
}

$n = () = $upstream->requests;
is($t->post(chat('100 20'), 'Authorization' => 'Bearer sk-other')->{status},
   401, 'keys: nobody else has one');
is($t->post(chat('100 20'))->{status}, 401, 'keys: one is needed');
is(scalar $upstream->requests, $n, 'keys: and nothing was sent');

is(join(' ', map { "$_->{team_id}:$_->{user_id}" } lines(3)),
   'research: research:alice product:', 'keys: whose each is');

$t->get("/v1/models?key=sk-search");
$t->finish;
unlike(LLMBase::slurp($t->dir . '/logs/llm.log'), qr/sk-/,
       'keys: none is logged');


# access-log.conf: what the ledger has of a request is in the log, under the
# same names; but for what the file says it lacks.

sub seconds
{
    my ($time) = @_;

    my ($year, $month, $day, @clock) = $time =~ /\d+/g;
    my ($sign, $hours, $minutes) = $time =~ /([+-])(\d\d):(\d\d)$/;

    return timegm(@clock[2, 1, 0], $day, $month - 1, $year)
           - "${sign}1" * ($hours * 60 + $minutes) * 60;
}


sub log_lines
{
    my ($n) = @_;

    my $file = $t->dir . '/logs/llm.log';

    wait_until { (() = LLMBase::slurp($file) =~ /\n/g) >= $n } "$n log lines";

    return map { $json->decode($_) } split /\n/, LLMBase::slurp($file);
}


$t = run('access-log.conf', replace => {
    '            llm_team $http_x_team;' =>
        "            llm_team \$http_x_team;\n"
        . "            llm_user \$http_x_user;\n"
        . "            llm_customer \$http_x_customer;"
});

my @who = (@gzip, 'X-Team' => 'mar"ke\\ting', 'X-User' => "J\xc3\xb8rgen",
           'X-Customer' => '<c1>');

for (['/v1/chat/completions', body()],
     ['/v1/chat/completions', body(stream => JSON::PP::true)],
     ['/v1/messages', body()],
     ['/v1/chat/completions', body(model => 'gpt-4o-mini-2024-07-18')],
     [chat('1 2 slow')],
     ['/v1/chat/completions', (chat('fail'))[1]])
{
    $t->post(@$_, @who);
}

my %log = map { $_->{request_id} => $_ } log_lines(6);

for my $line (lines(6)) {
    my $entry = $log{$line->{request_id}};
    my $name = "access-log: $line->{status} "
               . ($line->{stream} ? 'stream' : "cost $line->{cost_usd}");
    my %both = %$line;
    my %entry = %$entry;

    delete @both{qw(type id started labels timestamp duration_ms)};

    is($json->encode({ map { $_ => $entry->{$_} } keys %both }),
       $json->encode(\%both), "$name: all of it");
    is($entry->{type}, 'access', "$name: by another type");

    # a request is logged when it is settled, or just after

    my $settled = seconds($line->{timestamp} =~ s/\.\d+Z$/+00:00/r);
    my $later = seconds($entry->{timestamp}) - $settled;

    ok($later >= 0 && $later <= 2 * LLMBase::patience(), "$name: the time")
        or diag("$later s later");

    $later = $entry->{duration_ms} - $line->{duration_ms};
    ok($later >= -1 && $later <= 2000 * LLMBase::patience(),
       "$name: the duration") or diag("$later ms later");
}

my ($first) = log_lines(6);

is("$first->{result} $first->{prompt_tokens} $first->{cached_tokens} "
   . $first->{reasoning_tokens}, 'passed 100 10 10',
   'access-log: something is in it');
is("$first->{team_id} $first->{request} $first->{upstream_status}",
   'mar"ke\\ting POST /v1/chat/completions HTTP/1.1 200',
   'access-log: escaped as JSON has it');

# what the ledger has not

my @spender = ('X-Team' => 'spender');

$t->post(chat('99000000 0 99000000'), @spender) for 1 .. 2;
$t->post(chat('1 0'), @spender);
$t->get('/v1/models', @spender);

my ($refused, $free) = (log_lines(10))[8, 9];

is($refused->{result} . ' ' . $refused->{status} . ' ' . $refused->{limit},
   'budget_exceeded 403 team:spender budget=10/day',
   'access-log: what was refused');
is($free->{result} . ' ' . $free->{status}, 'passed 200',
   'access-log: what is free');

for my $entry ($refused, $free) {
    is_deeply([@$entry{qw(prompt_tokens completion_tokens total_tokens
                          cached_tokens cache_write_tokens reasoning_tokens
                          cost_usd)}], [(undef) x 7],
              "access-log: $entry->{result}: no usage");
}

is("@$refused{qw(team_spend_usd team_budget_usd team_remaining_usd)}",
   '14.85 10 0', 'access-log: what the team has left');
is(scalar lines(8), 8, 'access-log: neither is in the ledger');
$t->finish;


# cluster.conf: what a team has spent at one machine counts at the next.

my $redis = RedisServer->start(requirepass => 'secret');

my @nodes = map {
    run('cluster.conf',
        replace => { 'redis://10.0.0.5:6379' =>
                     'redis://127.0.0.1:' . $redis->port },
        files => { 'redis.password' => "secret\n" })
} 1 .. 3;

is($nodes[0]->post(chat('99000000 0'), 'X-Team' => 'a')->{status}, 200,
   'cluster: all of a minute and a budget at one machine');

wait_until {
    my $key = $redis->cli('KEYS', '*:p:team:day:*:a');
    $key && $redis->cli('HVALS', $key) =~ /:14850000000$/
} 'Redis to have it';

is($_->post(chat('1 0'), 'X-Team' => 'a')->{status}, 429,
   'cluster: is used at the others') for @nodes[1, 2];

$_->finish for @nodes;


# cluster-strict.conf: however they come, as many pass as may.

my $sentinel = RedisServer->sentinel($redis, 'mymaster');

@nodes = map {
    run('cluster-strict.conf',
        replace => { map { ("redis://10.0.0.$_:26379" =>
                            'redis://127.0.0.1:' . $sentinel->port) } 5 .. 7 },
        files => { 'redis.password' => "secret\n" })
} 1 .. 3;

my ($path, $body) = chat('1 0');

my %passed;

$passed{$_->answer->{status}}++ for map {
    $nodes[$_ % 3]->open('POST', $path, $body, 'X-Team' => 'b')
} 1 .. 66;

is(join(' ', map { "$_:$passed{$_}" } sort keys %passed), '200:60 429:6',
   'cluster-strict: exactly what the limit allows');

$_->finish for @nodes;


# All of them ask for answers that can be read.

my %asked = map { ($_->{headers}{'accept-encoding'} => 1) }
            grep { $_->{path} =~ /completions$/
                   && exists $_->{headers}{'accept-encoding'} }
            $upstream->requests;

is(join(' ', sort keys %asked), 'gzip identity',
   'providers are asked for gzip at most, and for a stream to be stripped not');

$tls->finish;

done_testing();
