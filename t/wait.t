# Requests wait until what was spent before is known, and only those that need
# to.  Here it is not known for as long as the store is locked, which keeps the
# leader from carrying a line that is left of the time before.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

use IO::Select;
use IPC::Open2;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $server = <<'EOF';
        location /closed/ {
            llm_quota main fail=closed;
            proxy_pass http://provider;
        }

        location /dry/ {
            llm_quota main fail=closed;
            llm_dry_run on;
            proxy_pass http://provider;
        }

        location /unlimited/ {
            llm_quota main fail=closed;
            llm_team_limit nobody rpm=1;
            llm_team_limit unlimited models=m;
            llm_unknown_team allow;
            proxy_pass http://provider;
        }

        location /any/ {
            satisfy any;
            allow all;
            proxy_pass http://provider;
        }

        location /opaque/ {
            llm_opaque allow;
            proxy_pass http://provider;
        }

        location /page/ {
            llm_quota main fail=closed;
            error_page 503 = @page;
            proxy_pass http://provider;
        }

        location /inject/ {
            llm_max_output 7 inject;
            proxy_pass http://provider;
        }

        location /spent/ {
            llm_team_limit default rpm=2 budget=1000;
            proxy_pass http://provider;
        }

        location @page {
            return 202 page;
        }
EOF


my $h2 = LLMBase::free_port();

my $http = <<"EOF";
    server {
        listen 127.0.0.1:$h2 http2;

        llm_quota main;
        llm_team \$http_x_team;
        llm_team_limit default rpm=1000;

        location / {
            proxy_pass http://provider;
        }
    }
EOF


# A client of HTTP/2 that waits for so many seconds: where its answer's status
# comes from.

sub http2
{
    my ($team, $seconds) = @_;

    open my $fh, '-|', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}',
                       '--http2-prior-knowledge', '-H', "X-Team: $team",
                       '-m', $seconds, '-d', '{"model":"m","max_tokens":1}',
                       "http://127.0.0.1:$h2/v1/chat/completions"
        or die "curl: $!\n";

    return $fh;
}


# A gateway whose store has one line less than the ledger, and is locked.

my @locks;

sub locked
{
    my (%options) = @_;

    my $t = LLMGateway->new(upstream => $upstream, server => $server,
                            http => $http,
                            limits => 'rpm=1000 tpm=100m budget=1000',
                            %options);

    $t->start;
    is($t->chat('before')->{status}, 200, 'before');
    wait_until { $t->stored('before') ne '0 0 0' } 'the line in the store';
    $t->stop;

    my ($file) = glob $t->state_dir . '/usage-*.jsonl';
    my ($line) = $t->raw_lines;
    my $other = $file =~ s/-\K[0-9a-f]{16}/00000000000000aa/r;

    LLMBase::spew($other, "$line\n");
    chown +(stat $file)[4, 5], $other;

    $t->{lock} = lock_store($t);
    $t->expect_log(qr/llm_quota store of zone "main" cannot be used/);
    $t->start;

    return $t;
}


sub lock_store
{
    my ($t) = @_;

    my $pid = open2(my $out, my $in, 'sqlite3', $t->state_dir . '/quota.db');

    push @locks, $pid;
    print $in "BEGIN IMMEDIATE;\nSELECT 'locked';\n";
    $in->flush;
    is(scalar <$out>, "locked\n", 'the store is locked');

    return [$pid, $in, $out];
}


sub unlock
{
    my ($t) = @_;

    my $lock = delete $t->{lock};

    close $lock->[1];
    waitpid $lock->[0], 0;
    @locks = grep { $_ != $lock->[0] } @locks;
}


END { kill 'KILL', @locks if @locks && LLMBase::is_owner() }


# Whether a request is still there, without an answer

sub waits
{
    my ($client) = @_;

    return !IO::Select->new($client->{socket})->can_read(0);
}


# What needs the store waits, all else passes.

my $t = locked();

my %waiting = map { $_->[0] => $t->ask($_->[0], @$_[1 .. $#$_]) } (
    ['waits'],
    ['closed', path => '/closed/v1/chat/completions'],
    ['any', path => '/any/v1/chat/completions'],
    ['opaque', path => '/opaque/other'],
    ['leaves'],
    ['resets'],
    ['dry', path => '/dry/v1/chat/completions'],
    ['inject', path => '/inject/v1/chat/completions',
     body => '{"model":"m","messages":[]}'],
    ['again', headers => [Connection => 'keep-alive']],
);

my $two = http2('h2', 20);
my $leaves = http2('h2-leaves', 0.5);

my $slow = $t->open('POST', '/v1/chat/completions', '{"model":"m",',
                    'X-Team' => 'slow', 'Content-Length' => 28);

is($t->get('/v1/models', 'X-Team' => 'free')->{status}, 204,
   'a free route passes');
is($t->chat('unlimited', path => '/unlimited/v1/chat/completions')->{status},
   200, 'so does a request without limits');

# the second half of a body while the others wait
$slow->send('"max_tokens":1}');

$waiting{leaves}->abort;
$waiting{resets}->abort(1);
is(scalar <$leaves>, '000', 'HTTP/2: it leaves');
wait_until { (() = $t->access_log =~ / 499 /g) == 3 } 'those that left';

is(join(' ', grep { !waits($waiting{$_}) } grep { !/leaves|resets/ }
        sort keys %waiting), '', 'the others wait');
ok(waits($slow), 'so does one whose body came late');
is(scalar(grep { $_->{headers}{'x-team'} =~ /leaves|resets|waits/ }
          $upstream->requests), 0, 'nothing went upstream');

unlock($t);

for my $team (sort grep { !/leaves|resets/ } keys %waiting) {
    is($waiting{$team}->answer->{status}, 200, "$team: is answered then");
    is($t->line($team)->{team_id}, $team, "$team: and charged");
}

is($slow->answer->{status}, 200, 'slow: is answered');
is(scalar <$two>, 200, 'HTTP/2: is answered');
is($t->line('h2')->{team_id}, 'h2', 'HTTP/2: and charged');
is(() = $t->lines('h2-leaves'), 0, 'HTTP/2: who left is not');
is($t->used('slow'), '1 15 0.00006', 'slow: and counted');

is(($upstream->requests('/inject/v1/chat/completions'))[0]{body},
   '{"model":"m","messages":[],"max_completion_tokens":7}',
   'inject: with what is put into it');

$waiting{again}->send("GET /used HTTP/1.1\r\nHost: localhost\r\n"
                      . "Connection: close\r\n\r\n");
is($waiting{again}->answer->{status}, 204,
   'again: the connection goes on');

$t->chat('before');
is($t->used('before'), '3 45 0.00018', 'before: all is known');
is(() = $t->lines('leaves'), 0, 'who left is not charged');
is($t->used('waits'), '1 15 0.00006', 'who waited is counted once');
$t->finish;


# Who waits too long.

$t = locked(workers => 2);

my @open = map { $t->ask("open-$_", path => '/spent/v1/chat/completions') }
           1 .. 3;
my $closed = $t->ask('closed', path => '/closed/v1/chat/completions');
my $page = $t->ask('page', path => '/page/v1/chat/completions');
my $dry = $t->ask('dry', path => '/dry/v1/chat/completions');

$t->wait_log(qr/cannot tell what was used before, requests pass/);
is(join(' ', map { $_->answer->{status} } @open), '200 200 200',
   'fail=open: they pass');
my $answer = $closed->answer;
is($answer->{status}, 503, 'fail=closed: it does not');
like($answer->{body}, qr/cannot tell what was used before/, 'and says why');
is($page->answer->{body}, 'page', 'error_page works');
is($dry->answer->{status}, 200, 'a dry run refuses nothing');
wait_until { $t->results('dry') } 'the access log';
is($t->results('dry'), '200 unavailable_dry_run upstream', 'but tells');
unlock($t);
$t->wait_log(qr/has what was settled before it/);
is(join(' ', map { $_->{status} }
        map { $t->chat('open-1', path => '/spent/v1/chat/completions') }
        1 .. 2), '200 429', 'what passed meanwhile is counted');
is($t->used('open-1'), '2 30 0.00012', 'once');
$t->finish;


# nginx ends while requests wait: QUIT lets them, TERM does not.

$t = locked();
my $quit = $t->ask('quit', path => '/closed/v1/chat/completions');
$t->ask('term');

# who is answered after them was accepted after them

is($t->get('/used')->{status}, 204, 'nginx has them');
kill 'QUIT', $t->master;
wait_until { !$t->connect } 'nginx to listen no more';
is($quit->answer->{status}, 503, 'QUIT: it is answered');
unlock($t);
$t->finish;

$t = locked();
my $term = $t->ask('term');
wait_until { $t->log =~ /cannot be used/ } 'the leader to have met the lock';
$t->stop;
is($term->answer->{status}, 0, 'TERM: it is not');
unlock($t);
$t->finish;


# A reload while requests wait: the new leader carries.

$t = locked();
my $waits = $t->ask('reload');
$t->reload(keep_old => 1);
ok(waits($waits), 'reload: it waits on');
unlock($t);
is($waits->answer->{status}, 200, 'reload: it is answered');
$t->finish;

done_testing();
