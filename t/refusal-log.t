# A flood of refusals is no flood of lines: at most ten a second, the rest is
# counted.

use lib 't/lib';
use LLMTest;

my $t = LLMTest->new(
    http => 'llm_quota_zone zone=main:1m;',
    server => 'location / { llm_quota main; llm_global_limit rpm=0; }',
)->start;

my $request = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
              . "Content-Length: 2\r\n";
my $sent = 30;

my $client = $t->open_raw(("$request\r\n{}" x ($sent - 1))
                          . "${request}Connection: close\r\n\r\n{}");

is($client->answer->{status}, 429, "refused: $_") for 1 .. $sent;

# the next refusal in another second tells how many there were

wait_until {
    $t->post('/v1/chat/completions', '{}');
    $sent++;
    $t->log =~ /refused \d+ more/;
} 'the rest to be told';

my @lines = grep { /llm_quota rate_limited/ } split /^/, $t->log;
my ($more) = $t->log =~ /\[notice\] .* llm_quota refused (\d+) more requests/;
my %lines;

$lines{substr $_, 0, length '2026-01-01 00:00:00'}++ for @lines;

is(join(' ', grep { $_ > 10 } values %lines), '',
   'no second has more than ten lines');
is(@lines + $more, $sent, 'those that have no line are counted');

$t->finish;

done_testing();
