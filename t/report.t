# llm-quota report: the ledger's files and the store say the same of what was
# used, whatever is in them: requests that fail, estimates, names of all kinds,
# corrections and resets.

use lib 't/lib';
use LLMApi;
use RawUpstream;

my $upstream = RawUpstream->start('*' => sub {
    my ($request) = @_;

    my ($how, $n) = @{$request->{headers}}{qw(x-how x-n)};

    return { status => 500, json => '{}' } if $how eq 'fails';
    return { json => '{"choices":[{"message":{"content":"abcdefgh"}}]}' }
        if $how eq 'silent';

    return { json => usage($n, 2 * $n, usage => {
        prompt_tokens => $n, completion_tokens => 2 * $n,
        prompt_tokens_details => { cached_tokens => $n / 2 }
    }) };
});

my $t = LLMApi->new(upstream => $upstream, http => <<'EOS', server => <<'EOS');
    llm_price b input=0.000333 output=7;
    llm_label app $http_x_app;
EOS
        llm_customer $http_x_customer;
        llm_user $http_x_user;
EOS

$t->start;

my $dir = $t->dir . '/tmp';

LLMBase::spew("$dir/key", "$LLMApi::master\n");


sub report
{
    my (@words) = @_;

    my $line = join ' ', map { "'" . s/'/'\\''/gr . "'" } @words;
    my $url = 'http://127.0.0.1:' . $t->port;

    return scalar `LLM_QUOTA_URL=$url LLM_QUOTA_KEY_FILE=$dir/key \\
                   $LLMBase::root/scripts/llm-quota report $line 2>&1`;
}


my @teams = ('red', 'a, "b"', "J\xc3\xb8rgen's \\ team", '', 'x=y');
my @users = ('', 'ann', 'bob,eve');
my @hows = qw(states states silent states fails);

for my $n (1 .. 60) {
    my $model = $n % 3 ? 'm' : 'b';

    $t->post('/v1/chat/completions',
             qq({"model":"$model","max_tokens":1,"messages":[]}),
             'X-Team' => $teams[$n % @teams], 'X-User' => $users[$n % @users],
             'X-Customer' => 'c' . $n % 7, 'X-App' => "app $n" x ($n % 2),
             'X-How' => $hows[$n % 4 ? $n % 3 : 4], 'X-N' => 2 * $n);
}

for my $change ({ team_id => 'red', cost_usd => '-0.000000001' },
                { team_id => 'a, "b"', user_id => 'ann', model => 'b',
                  prompt_tokens => 1000, cost_usd => '12.345678901' },
                { customer_id => 'c3', completion_tokens => -5 })
{
    $t->api(POST => '/adjust', { reason => 'a test', %$change });
    is($t->status, 200, 'a correction');
}

$t->api(POST => '/team/new', { team_id => 'red' });
$t->api(POST => '/team/red/reset_spend', { reset_to => 0 });
is($t->status, 200, 'a reset');

my @segments = glob($t->state_dir . '/usage-*.jsonl');
my $length = 0;

$length += -s $_ for @segments;

wait_until { ($t->sql('SELECT sum(offset) FROM segment') // 0) == $length }
           'the store to have all of it';

for my $by ('day', 'team', 'user', 'customer', 'model', 'day,team,user,model',
            'team,customer', 'label:app')
{
    for my $format (qw(csv json)) {
        my $said = report('--by', $by, '--format', $format);

        is(report('--by', $by, '--format', $format, '--ledger', @segments),
           $said, "$by, $format: the ledger says the same as the store");
        cmp_ok(length $said, '>', 50, "$by, $format: which is something");
    }
}

like(report('--by', 'model', '--format', 'csv'),
     qr/^,0,0,0,-5,0,-0\.000000001$/m, 'less than nothing is a number in CSV');

$t->finish;

done_testing();
