# A refusal that error_page leads to another upstream: the location there
# decides anew, and only what is admitted counts.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my $upstream = RawUpstream->start(
    '/cheap/v1/chat/completions' => { json => usage(20, 30, model => 'cheap') },
    '*'                          => { json => usage(10, 5) },
);

my $t = LLMGateway->new(
    upstream => $upstream,
    http => <<'EOF',
    llm_quota_zone zone=second:1m state=%%DIR%%/tmp/second;
    llm_price cheap input=0.1 output=1;
    client_max_body_size 20m;
    client_body_buffer_size 16k;
EOF
    server => <<'EOF',
        location /rate/ {
            llm_team_limit default rpm=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location /budget/ {
            llm_team_limit default budget=0;
            error_page 403 = @cheap;
            proxy_pass http://provider;
        }

        location /parallel/ {
            llm_team_limit default parallel=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location /unknown/ {
            llm_unknown_team deny;
            error_page 403 = @cheap;
            proxy_pass http://provider;
        }

        location /any/ {
            satisfy any;
            allow all;
            llm_team_limit default rpm=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location /kept/ {
            llm_team_limit default rpm=0;
            error_page 429 @cheap;
            proxy_pass http://provider;
        }

        location /inject/ {
            llm_max_output 7 inject;
            llm_team_limit default rpm=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location /inject-there/ {
            llm_max_output 7 inject;
            llm_team_limit default rpm=0;
            error_page 429 = @inject;
            proxy_pass http://provider;
        }

        location /usage/ {
            llm_stream_usage inject;
            llm_team_limit default rpm=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location @cheap {
            llm_model cheap;
            rewrite ^ /cheap/v1/chat/completions break;
            proxy_pass http://provider;
        }

        location @inject {
            llm_max_output 9 inject;
            rewrite ^ /injected/v1/chat/completions break;
            proxy_pass http://provider;
        }

        location /second/ {
            llm_team_limit default rpm=0;
            error_page 429 = @second;
            proxy_pass http://provider;
        }

        location @second {
            llm_quota second;
            proxy_pass http://provider;
        }

        location /off/ {
            llm_team_limit default rpm=0;
            error_page 429 = @off;
            proxy_pass http://provider;
        }

        location @off {
            llm_quota off;
            proxy_pass http://provider;
        }

        location /opaque/ {
            llm_opaque deny;
            error_page 403 = @opaque;
            proxy_pass http://provider;
        }

        location @opaque {
            llm_opaque allow;
            proxy_pass http://provider;
        }

        location /again/ {
            llm_team_limit default budget=0;
            error_page 403 =200 @spent;
            proxy_pass http://provider;
        }

        location /again-kept/ {
            llm_team_limit default budget=0;
            error_page 403 @spent;
            proxy_pass http://provider;
        }

        location /thrice/ {
            recursive_error_pages on;
            llm_team_limit default budget=0;
            error_page 403 = @spent;
            proxy_pass http://provider;
        }

        location /invalid/ {
            llm_team_limit default rpm=0;
            error_page 400 = @cheap;
            proxy_pass http://provider;
        }

        location @spent {
            recursive_error_pages on;
            llm_team_limit default rpm=0;
            error_page 429 = @cheap;
            proxy_pass http://provider;
        }

        location /hop/ {
            llm_team_limit default rpm=0;
            error_page 429 = @hop;
            proxy_pass http://provider;
        }

        location @hop {
            llm_team_limit default rpm=0;
            try_files /nothing @cheap;
        }

        location /returned/ {
            llm_team_limit default rpm=0;
            error_page 429 @returned;
            proxy_pass http://provider;
        }

        location @returned {
            return 429 "a text\n";
        }

        location /fetched/ {
            llm_team_limit default rpm=0;
            error_page 429 /pages/limit;
            proxy_pass http://provider;
        }

        location /pages/ {
            proxy_pass http://provider;
        }

        location /after/ {
            llm_team_limit default rpm=0;
            post_action @after;
            proxy_pass http://provider;
        }

        location @after {
            rewrite ^ /posted/v1/chat/completions break;
            proxy_pass http://provider;
        }
EOF
);

$t->start;

my $count = 0;

sub ask
{
    my ($location, %options) = @_;

    my $team = 'team-' . ++$count;

    return ($team, $t->chat($team, path => "/$location/v1/chat/completions",
                            %options));
}


# Admitted where it was led to: charged there, and counted once.

for my $case (qw(rate budget parallel unknown any inject)) {
    my ($team, $answer) = ask($case);

    is($answer->{status}, 200, "$case: status");
    is($t->charge($team), '20 30 upstream', "$case: charged");
    is($t->line($team)->{model}, 'cheap', "$case: as the other's model");
    is($t->used($team), '1 50 0.000032', "$case: counted once");
    like($t->results($team), qr/^200 passed upstream\b/,
         "$case: the access log");
    is($answer->{headers}{'x-should-retry'}, undef,
       "$case: nothing of the refusal");
    is($answer->{headers}{'x-ratelimit-limit-requests'}, 1000,
       "$case: the limit that holds there");
}

my ($team, $answer) = ask('kept');

is($answer->{status}, 429, 'a kept status');
is($t->charge($team), '20 30 upstream', 'the answer is charged all the same');
is($t->used($team), '1 50 0.000032', 'and counted once');


# The body goes there as it came, and is read there as there was none before.

my $body = '{"model":"m","messages":[]}';
my $stream = '{"stream_options":{"include_usage":false},"stream":true}';

for my $case (['inject', $body, '/cheap', $body],
              ['inject-there', $body, '/injected',
               '{"model":"m","messages":[],"max_completion_tokens":9}'],
              ['usage', $stream, '/cheap', $stream])
{
    my ($location, $sent, $path, $expected) = @$case;

    ask($location, body => $sent);

    my $request = ($upstream->requests("$path/v1/chat/completions"))[-1];

    is($request->{body}, $expected, "$location: the body");
    is($request->{headers}{'content-length'}, length $expected,
       "$location: its length");
}

my $large = '{"model":"m","messages":["' . 'x' x 1_000_000 . '"]}';

($team, $answer) = ask('budget', body => $large);
is($answer->{status}, 200, 'a large body');
is($t->used($team), '1 50 0.000032', 'a large body: counted once');
ok(($upstream->requests('/cheap/v1/chat/completions'))[-1]{body} eq $large,
   'a large body: whole');

my $client = $t->open_raw("POST /rate/v1/chat/completions HTTP/1.1\r\n"
                          . "Host: localhost\r\nX-Team: slow\r\n"
                          . "Content-Length: 27\r\n\r\n{\"model\":");
$client->send('"m","messages":[]}');
is($client->answer->{status}, 200, 'refused before the body was there');
is($t->used('slow'), '1 50 0.000032', 'and counted once');
is(($upstream->requests('/cheap/v1/chat/completions'))[-1]{body}, $body,
   'its body is whole');


# Another zone, none, a route that cannot be read.

($team, $answer) = ask('second');
is($answer->{status}, 200, 'another zone: status');
is($t->used($team), '0 0 0', 'another zone: not counted in the first');

wait_until {
    join('', map { LLMBase::slurp($_) }
             glob $t->dir . '/tmp/second/usage-*.jsonl')
        =~ /"team_id":"$team".*"cost_usd":0\.00006,/
} 'a line in the other';

($team, $answer) = ask('off');
is($answer->{status}, 200, 'no zone: status');
is($t->used($team), '0 0 0', 'no zone: not counted');

$answer = $t->chat('opaque', path => '/opaque/v1/batches', body => '{}');
is($answer->{status}, 200, 'a route that cannot be read: status');
is($t->used('opaque'), '1 15 0.00006', 'a route that cannot be read: counted');


# Refused there, too.

for my $location (qw(again again-kept)) {
    ($team, $answer) = ask($location);

    is($answer->{status}, 429, "$location: the status of the second refusal");
    like($answer->{body}, qr/"code":"rate_limit_exceeded"/,
         "$location: its body");
    is($answer->{headers}{'x-should-retry'}, 'false',
       "$location: its headers");
    is($t->used($team), '0 0 0', "$location: not counted");
    like($t->results($team), qr/^429 rate_limited -/,
         "$location: the access log");
}

($team, $answer) = ask('thrice');
is($answer->{status}, 200, 'admitted at the third place');
is($t->used($team), '1 50 0.000032', 'and counted there alone');

($team, $answer) = ask('hop');
is($answer->{status}, 200, 'a location that leads on decides nothing');
is($t->used($team), '1 50 0.000032', 'and counts nothing');

($team, $answer) = ask('invalid', body => '[]');
is($answer->{status}, 400, 'what is invalid is so everywhere');
like($answer->{body}, qr/must be a JSON object/, 'and told so');


# What is no upstream tells of the refusal, and so does a page that is fetched.

($team, $answer) = ask('returned');
is("$answer->{status} $answer->{body}", "429 a text\n", 'a text');
is($answer->{headers}{'x-should-retry'}, 'false', 'a text: the headers');
is($t->used($team), '0 0 0', 'a text: not counted');

($team, $answer) = ask('fetched');
is($answer->{status}, 429, 'a page from elsewhere');
is($answer->{headers}{'x-should-retry'}, 'false', 'its headers');
is($t->used($team), '0 0 0', 'not counted');
is(($upstream->requests('/pages/limit'))[0]{method}, 'GET', 'with GET');

($team, $answer) = ask('after');
is($answer->{status}, 429, 'post_action: refused');
wait_until { $upstream->requests('/posted/v1/chat/completions') }
    'post_action';
is($t->used($team), '0 0 0', 'post_action: not counted');


$t->settle_all;

my %lines;

$lines{$_->{team_id}}++ for $t->lines;
is(join(' ', grep { $lines{$_} != 1 } sort keys %lines), '',
   'no request has two lines');

$t->finish;
done_testing();
