# The admin API: who may call it, where it stands, what it does not know.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMApi->new(upstream => $upstream, workers => 1, server => <<'EOF');
        location /admin/ {
            llm_quota_api main master_key_file=master.key readonly;
        }

        location /self {
            llm_quota_api main;
        }
EOF

# What is wrong in the configuration

for my $case (
    ['llm_quota_api nowhere;',
     'llm_quota_api has unknown zone "nowhere": make it with llm_quota_zone'],
    ['llm_quota_api brief;', 'llm_quota_api needs a store: give llm_quota_zone'
                             . ' "brief" a directory with state=DIR'],
    ['llm_quota_api main much;', 'llm_quota_api has invalid parameter "much":'
                                 . ' use master_key_file=FILE or readonly'],
    ['llm_quota_api main master_key_file=;',
     'llm_quota_api cannot use master_key_file "": name a file'],
    ['llm_quota_api main master_key_file=none.key;',
     'none.key": No such file or directory'],
    ['llm_quota_api main master_key_file=empty.key;',
     'empty.key": it is to hold a key and nothing else'],
    ['llm_quota_api main master_key_file=master.key'
     . ' master_key_file=master.key;', 'there is one already'],
    ['llm_quota main; llm_quota_api main;',
     'directive stands beside llm_quota, which has no place there'],
    ['llm_quota_api main; llm_quota_api main;',
     'directive stands beside another directive that makes the content'],
) {
    my ($directives, $wrong) = @$case;
    my $wrongly = LLMApi->new(upstream => $upstream,
                              http => 'llm_quota_zone zone=brief:1m;');

    LLMBase::spew($wrongly->dir . '/conf/empty.key', "\n");

    my ($status, $said) = $wrongly->check(server =>
                                          "location /wrong/ { $directives }");

    ok($status && $said =~ /\[emerg\] .*\Q$wrong\E.* in \S+nginx\.conf:\d+$/m,
       $directives) or diag($said);
}

$t->start;

my %nobody = (Authorization => 'Basic x');

is($t->api(GET => '/health/liveliness', undef, %nobody), "I'm alive!",
   'it is alive');
is($t->status, 200, 'and says so to everybody');
is($t->{answer}{headers}{'content-type'}, 'application/json', 'as JSON');

my $ready = $t->api(GET => '/health/readiness', undef, %nobody);

is("@$ready{qw(status db)}", 'healthy connected', 'it is ready');

is($t->api(GET => '/health')->{status}, 'healthy', 'with the master key');
is($t->api(GET => '/health', undef, 'X-Api-Key' => $LLMApi::master,
           %nobody)->{status}, 'healthy', 'in another place');
is($t->api(GET => '/admin/health')->{status}, 'healthy',
   'under a prefix it is called without');
is($t->refused(GET => '/health', undef, %nobody),
   '401 Authentication Error, No api key passed in.', 'not without');
is($t->refused(GET => '/self/health'),
   '401 Authentication Error, Invalid proxy server token passed.',
   'nor where there is none');

is($t->refused(GET => '/health/nothing'), '404 Not Found', 'unknown');
is($t->refused(GET => '/team'), '404 Not Found', 'a beginning of a path');
is($t->refused(PUT => '/health'), '405 Method Not Allowed', 'wrong method');

# Read-only

is($t->refused(POST => '/admin/team/new', {}), '403 This API is read-only.',
   'nothing is changed where it is read-only');
is_deeply($t->api(GET => '/admin/team/list'), [], 'but shown');

# Who guesses keys waits; who has the right one does not.

my $wrong = 0;

$wrong += $t->refused(GET => '/health', undef,
                      Authorization => "Bearer sk-guess-$_") =~ /^401 /
    for 1 .. 19;

is($wrong, 19, 'of twenty each is told at once');

my $guess = $t->open('GET', '/health', undef,
                     Authorization => 'Bearer sk-guess');

is($t->api(GET => '/health')->{status}, 'healthy', 'the right one is at once');
ok(!IO::Select->new($guess->{socket})->can_read(0), 'a wrong one waits');
is($guess->answer->{status}, 401, 'and is told');

my @guesses = map {
    ['GET', '/health', undef, Authorization => "Bearer sk-guess-$_"]
} 1 .. 130;

my %status;

$status{$_->{status}}++ for $t->parallel(@guesses);

ok($status{401} && $status{401} >= 100, 'a hundred may wait');
ok($status{429}, 'more may not');

$t->finish;
done_testing();
