# The dashboard, in a browser: what an administrator and a team see of real
# traffic, and what the administrator changes there.

use lib 't/lib';
use LLMApi;
use RawUpstream;

use IPC::Open2;
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $upstream = RawUpstream->start('*' => { json => usage(1000, 500) });

my $t = LLMApi->new(upstream => $upstream, server => <<'EOF')->start;
        llm_team_limit idle rpm=7 budget=5/month;

        location /v1/ {
            llm_keys required;
            proxy_pass http://provider;
        }

        location = /dashboard {
            llm_quota_dashboard main;
        }

        location = /elsewhere {
            llm_quota_dashboard main api=/admin/;
        }

        location /admin/ {
            llm_quota_api main master_key_file=master.key readonly;
        }
EOF

# The page as it is served

my $page = $t->get('/dashboard');
my $headers = $page->{headers};
my $hash = qr{'sha256-[\w+/]{43}='};

is("$page->{status} $headers->{'content-type'}",
   '200 text/html; charset=utf-8', 'a page');
like($headers->{'content-security-policy'},
     qr{^default-src 'none'; script-src $hash; style-src $hash; connect-src},
     'with a strict policy');
unlike($headers->{'content-security-policy'}, qr/unsafe/, 'and no way round');
is(join(' ', @$headers{qw(x-content-type-options referrer-policy
                          cache-control)}), 'nosniff no-referrer no-cache',
   'and what else keeps it to itself');
unlike($page->{body}, qr/\@(?:API|STYLE|SCRIPT)\@/, 'it is whole');
unlike($page->{body}, qr/innerHTML|insertAdjacentHTML|document\.write/,
       'it writes text only');
is($t->get('/dashboard', 'If-None-Match' => $headers->{etag})->{status}, 304,
   'it is sent once');
is($t->get('/dashboard', 'If-None-Match' => '"x"')->{status}, 200,
   'and again if it is another');
is($t->request('HEAD', '/dashboard')->{status}, 200, 'its head');
is($t->post('/dashboard', '{}')->{status}, 405, 'nothing is sent to it');
like($t->get('/elsewhere')->{body}, qr/ data-api="\/admin">/,
     'it knows where the API is');
isnt($t->get('/elsewhere')->{headers}{etag}, $headers->{etag},
     'which makes another page');

for my $bad ('api=admin', 'api=//evil.example', 'api=/"x', 'api=', 'x=y') {
    my $other = LLMApi->new(upstream => $upstream);
    my ($status, $said) = $other->check(server => <<"EOF");
        location = /d {
            llm_quota_dashboard main '$bad';
        }
EOF

    like("$status $said", qr/^1 .*llm_quota_dashboard has invalid/s,
         "$bad is told");
}

# What a virtual key may ask for: what is its team's

my $evil = '<img src=x onerror=alert(1)>';

for (['red', 0.02], [$evil, 0.005]) {
    $t->api(POST => '/team/new', { team_id => $_->[0], max_budget => $_->[1],
                                   budget_duration => '1mo', rpm_limit => 60 });
}

my ($red, $other, $alone) = map { $t->api(POST => '/key/generate', $_) } (
    { team_id => 'red', user_id => 'alice', key_alias => 'laptop' },
    { team_id => $evil, user_id => 'bob' }, {}
);

for my $key ($red, $red, $other, $alone) {
    is($t->post('/v1/chat/completions',
                '{"model":"m","max_tokens":1,"messages":[]}',
                Authorization => "Bearer $key->{key}")->{status}, 200,
       'a request');
}

my $days = 'start_date=2024-01-01&end_date=2099-01-01';
my @red = (undef, Authorization => "Bearer $red->{key}");
my @alone = (undef, Authorization => "Bearer $alone->{key}");
my $logs;

LLMTest::wait_until {
    $logs = $t->api(GET => "/spend/logs?$days")->[0];
    $logs && $logs->{spend} == 0.024;
} 'the store to have it';

$logs = $t->api(GET => "/spend/logs?$days", @red)->[0];
is("$logs->{spend} " . join(' ', %{$logs->{users}}), '0.012 alice 0.012',
   'what its team spent');
is($t->api(GET => "/spend/logs?$days", @alone)->[0]{spend}, 0.006,
   'without a team its own');

for my $who ("team_id=other", "api_key=$alone->{token}") {
    my $status = $who =~ /team/ ? 403 : 200;
    my $answer = $t->api(GET => "/spend/logs?$days&$who", @red);

    is($t->status, $status, "$who is not its own");
    is_deeply($answer, [], 'nothing is told of it') if $status == 200;
}

my $audit = $t->api(GET => "/audit?kind=key&id=$other->{token}", @red)->{audit};

is(join(' ', map { "$_->{kind} $_->{id}" } @$audit), 'team red',
   'changes of its team only');
ok(!grep({ exists $_->{address} } @$audit), 'without addresses');

wait_until {
    grep { $_->{event} eq 'budget_crossed' && $_->{subject} eq $evil }
         @{$t->api(GET => '/alerts')->{alerts}};
} 'an alert';

is_deeply($t->api(GET => '/alerts', @red), { alerts => [] },
          'alerts likewise');

my $status = $t->api(GET => '/quota/status', @red);

is("$status->{role} $status->{readonly}", 'key 1', 'it may read');
is(join(' ', map { "$_->{resource}/$_->{window} $_->{used}/$_->{limit}" }
             sort { $a->{resource} cmp $b->{resource}
                    || $a->{limit} <=> $b->{limit} }
             @{$status->{subjects}[0]{limits}}),
   'cost/month 0.012/0.02 requests/minute 2/60 tokens/minute 3000/100000000',
   'its limits, also the configured ones');

$status = $t->api(GET => '/quota/status?scope=team');
is("$status->{role} " . join(' ', sort map { $_->{id} } @{$status->{subjects}}),
   "admin $evil anonymous red", 'all teams');
is($t->refused(GET => '/quota/status?scope=moon'),
   "422 query.scope: Input should be 'team'", 'of nothing else');


# The browser.

my $packages = "$LLMBase::root/build/browser";
my ($node) = (`node --version 2>&1` // '') =~ /^v(\d+)/;
my ($chromium) = grep { -x } '/usr/bin/chromium', '/usr/bin/chromium-browser';

SKIP: {
    skip 'no Node 18, Chromium or driver: scripts/setup browser', 1
        if ($node // 0) < 18 || !$chromium || !-e "$packages/installed.json";

    eval { browse(); 1 } or fail($@);
}

$t->finish;
done_testing();


my ($answers, $questions);

sub browser
{
    my (@step) = @_;

    local $SIG{ALRM} = sub { die "the browser does not answer: @step\n" };

    alarm 30 * LLMBase::patience();

    print $questions $json->encode(\@step) . "\n";

    my $line = <$answers> // die "the browser has ended\n";

    alarm 0;

    my $answer = $json->decode($line);

    die "@step: $answer->{error}\n" if $answer->{error};

    return $answer->{value};
}


sub sees
{
    my ($selector, $text, $name) = @_;

    browser('see', $selector, $text);
    pass("$name: $text");
}


sub browse
{
    my $url = 'http://127.0.0.1:' . $t->port . '/dashboard';
    my $shots = $ENV{LLM_SHOTS};
    my $home = $t->dir . '/tmp';

    my $pid = open2($answers, $questions, 'env', '-i', "PATH=$ENV{PATH}",
                    "HOME=$home", "NODE_PATH=$packages/node_modules", 'node',
                    "$LLMBase::root/t/browser/driver.js",
                    10 * LLMBase::patience(), $chromium);

    $questions->autoflush;

    my $shot = sub { browser('shot', "$shots/$_[0].png") if $shots };
    my $clean = sub {
        my ($name) = @_;

        is_deeply(browser('axe'), [], "$name: axe finds nothing serious");
        is(browser('value', 'document.documentElement.scrollWidth'
                            . ' - innerWidth'), 0, "$name: nothing sticks out");
        is_deeply(browser('complaints'), [], "$name: no complaint");
        $shot->($name);
    };
    my $signed_in = sub {
        my ($key) = @_;

        browser('fill', 'Key', $key);
        browser('press', 'Enter');
    };

    # A wrong key

    browser('open', $url);
    $clean->('login');
    $signed_in->('sk-wrong');
    sees('#login-error', 'This key is not valid.', 'a wrong key');
    is(browser('value', 'sessionStorage.length'), 0, 'it is not kept');

    # An administrator

    $signed_in->($LLMApi::master);
    sees('#who', 'Administrator', 'signed in');
    sees('#now', 'Spent this month $0.024', 'all spent');
    sees('#now', 'Requests, last minute 4', 'all asked');
    sees('#teams li[data-key="team red"]',
         '60% used Spent this month $0.012 Remaining $0.008 of $0.02/month',
         'a team');
    sees('#teams li[data-key="team red"]', 'Requests/min 2 of 60',
         'its limits');
    sees('#teams li[data-key="team idle"]',
         'Spent this month $0.00 Remaining $5.00 of $5.00/1mo',
         'a team of nginx.conf that has not asked');
    sees('#teams li[data-key="team idle"]', 'Requests/min 0 of 7',
         'its limits');
    sees('#teams', $evil, 'a name is text');
    sees('#models', 'm $0.024', 'models');
    sees('#users', 'alice $0.012', 'users');
    sees('#keys', 'laptop team red, alice, $0.012 spent', 'keys');
    sees('#alerts', "crossed: team $evil", 'an alert');
    sees('#teams', 'budget spent', 'and why');
    sees('#audit', 'team red made', 'changes');
    is(browser('value', q{document.querySelectorAll('#days rect').length}), 30,
       'a bar for each day');
    $clean->('admin');

    # Teams and keys are made, changed and blocked, with a reason

    browser('click', 'New team');
    $clean->('new-team');
    browser('fill', 'Name', 'default');
    browser('press', 'Enter');
    sees('#edit-error', 'cannot be "default"', 'what the API says of it');
    browser('fill', 'Name', 'blue');
    browser('fill', 'Budget in USD', '12.50');
    browser('fill', 'Budget period, such as 1d or 1mo', '1mo');
    browser('fill', 'Reason, for the audit', 'they asked');
    browser('press', 'Enter');
    sees('#teams li[data-key="team blue"]', '0% used', 'a team is made');
    sees('#audit', 'team blue made', 'in the audit');
    sees('#audit', 'they asked', 'with the reason');
    is($t->api(GET => '/team/info?team_id=blue')->{team_info}{max_budget},
       12.5, 'its budget');

    browser('click', 'Change: red');
    browser('fill', 'Budget in USD', '100');
    browser('fill', 'Reason, for the audit', 'a big week');
    browser('click', 'Save');
    sees('#teams li[data-key="team red"]', 'of $100.00/month',
         'a budget is raised');
    sees('#audit', 'team red: max_budget 0.02 to 100', 'from what to what');
    sees('#audit', 'a big week', 'why');
    is($t->api(GET => '/team/info?team_id=red')->{team_info}{rpm_limit}, 60,
       'nothing else is changed');

    browser('click', 'Block: red');
    browser('fill', 'Reason, for the audit', 'a leak');
    browser('press', 'Enter');
    sees('#teams li[data-key="team red"]', 'blocked', 'a team is blocked');
    is($t->post('/v1/chat/completions',
                '{"model":"m","max_tokens":1,"messages":[]}',
                Authorization => "Bearer $red->{key}")->{status}, 403,
       'its requests are refused');
    browser('click', 'Unblock: red');
    browser('click', 'Unblock');
    sees('#teams li[data-key="team red"]', '0% used', 'and unblocked');

    browser('click', 'New key: blue');
    browser('fill', 'Name', 'robot');
    browser('click', 'Make the key');
    sees('#dialog code', 'sk-', 'a key is made');
    $clean->('new-key');

    my $made = browser('text', '#dialog code');

    is($t->api(GET => '/key/info', undef, Authorization => "Bearer $made")
           ->{info}{team_id}, 'blue', 'for the team');
    browser('press', 'Escape');
    sees('#keys', 'robot team blue', 'it is in the list');
    browser('click', 'Block: robot');
    browser('click', 'Block');
    sees('#keys', 'robot team blue, $0.00 spent blocked', 'it is blocked');
    is($t->api(GET => "/key/info?key=$made")->{info}{blocked}, 1, 'indeed');
    is_deeply(browser('complaints'), [], 'no complaint');

    # Nobody looks; nobody answers

    browser('hide', $JSON::PP::true);
    $t->stop;
    browser('pass', 60);
    is(browser('text', '#notice'), '', 'nothing is asked while it is hidden');
    browser('hide', $JSON::PP::false);
    sees('#notice', 'The API does not answer.', 'it is away');
    sees('#teams', 'red', 'what was known stays');
    $shot->('down');
    $t->start;
    browser('pass', 60);
    LLMTest::wait_until { browser('text', '#notice') eq '' } 'it to be back';
    browser('click', 'Sign out');
    sees('#login', 'Sign in', 'signed out');
    is(browser('value', 'sessionStorage.length'), 0, 'the key is gone');
    is(browser('value', q{document.body.innerText.includes('blue')}),
       $JSON::PP::false, 'and what was shown');

    # A team, on a phone, in the dark

    browser('open', $url, { viewport => { width => 375, height => 800 },
                            colorScheme => 'dark' });
    $signed_in->($red->{key});
    sees('#who', 'team red', 'a team signs in');
    sees('#teams', 'Remaining $99.99 of $100.00/month', 'its budget');
    sees('#now', 'Spent this month $0.012', 'what it spent');
    sees('#keys', 'laptop', 'its keys');
    sees('#users', 'alice $0.012', 'its users');
    sees('#alerts-empty', 'There was no alert.', 'no alert of others');
    sees('#audit', 'max_budget 0.02 to 100', 'its changes');
    is(browser('value', q{document.body.innerText.includes('blue')}),
       $JSON::PP::false, 'no other team');
    is(browser('value', q{[...document.querySelectorAll('button')].filter(
                          (b) => b.checkVisibility()).map((b) => b.innerText)
                          .join()}), 'Sign out', 'nothing to change');
    $clean->('team-phone');

    browser('open', $url, { viewport => { width => 375, height => 800 } });
    $signed_in->($LLMApi::master);
    sees('#keys', 'robot', 'an administrator');
    $clean->('admin-phone');

    # A key of its own, and an API that may only be read

    browser('open', $url);
    $signed_in->($alone->{key});
    sees('#teams-title', 'Your key', 'a key without a team');
    sees('#now', 'Spent this month $0.006', 'what it spent');
    sees('#keys', 'spent', 'itself');
    is_deeply(browser('complaints'), [], 'no complaint');

    browser('open', $url =~ s/dashboard/elsewhere/r);
    $signed_in->($LLMApi::master);
    sees('#who', 'Read-only', 'an API that may only be read');
    sees('#keys', 'robot', 'is read');
    is(browser('value', q{document.querySelectorAll('.actions').length}), 0,
       'and has nothing to change');

    close $questions;
    waitpid $pid, 0;
    is($?, 0, 'the browser ends');
}
