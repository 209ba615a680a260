# llm-quota reprice: lines that were charged without a price, or with a wrong
# one, are charged anew, once.

use lib 't/lib';
use LLMApi;
use LLMCli;
use RawUpstream;

use POSIX qw(strftime);

my $upstream = RawUpstream->start(
    '/v1/messages' => {
        json => '{"type":"message","usage":{"input_tokens":100,'
              . '"cache_read_input_tokens":50,'
              . '"cache_creation_input_tokens":20,"output_tokens":10}}'
    },
    '*' => {
        json => '{"object":"chat.completion","usage":{"prompt_tokens":10,'
              . '"completion_tokens":5}}'
    },
);

my $t = LLMApi->new(upstream => $upstream, server => <<'EOS')->start;
        llm_unpriced allow;
EOS

my $cli = LLMCli->new($t);
my $out;
my $today = strftime('%Y-%m-%d', gmtime);

sub cli { return $cli->run(@_) }


sub ask_for
{
    my ($team, $model) = @_;

    $t->chat($team, body => qq({"model":"$model","max_tokens":1}));
    $t->line($team);
}

sub corrections
{
    my ($team) = @_;

    return grep { $_->{type} eq 'correction' } $t->lines($team);
}

my $q = ask_for('late', 'q');
my $p = ask_for('later', 'p');
my @reprice = ('reprice', $t->state_dir, '--format', 'csv');
my $head = "line_id,day,team_id,model,charged_usd,price_usd,adjustment_usd\n";

ask_for('priced', 'm');
is("$q->{cost_usd} $q->{price_id}", '0 ', 'a line without a price');
is(cli(@reprice), qq(1 lines of "p" have no price\n1 lines of "q" have no price\n)
                  . $head, '... and none yet') for @LLMCli::awks;

$t->reload(http => 'llm_price q input=1 output=10;');

my $row = "$q->{id},$today,late,q,0,0.00006,0.00006\n";

like(cli(@reprice, '--dry-run'), qr/\n$head$row$/, 'what would be done')
    for @LLMCli::awks;
is(corrections('late'), 0, '... is not');
is(cli(@reprice, '--model', 'other'), $head, 'nothing of another model');
is(cli(@reprice, '--to', '2020-01-01'), $head, '... nor of other days');

like(cli(@reprice, '--reason', 'a "late" price'), qr/\n$head$row$/,
     'it is done');

my ($line) = corrections('late');

is_deeply([@$line{qw(of cost_usd model reason)}],
          [$q->{id}, 0.00006, 'q', 'a "late" price'], '... by a correction');
is(substr($line->{timestamp}, 0, 19), substr($q->{timestamp}, 0, 19),
   '... of that moment');
is((split / /, $t->used('late'))[2], '0.00006', '... which counts');
is(cli(@reprice), qq(1 lines of "p" have no price\n$head), 'once') for @LLMCli::awks;
is(corrections('late'), 1, '... and no more');

# a price that was wrong

$t->reload(http => 'llm_price q input=1 output=4;');
is(cli(@reprice, '--model', 'q'), $head
   . "$q->{id},$today,late,q,0.00006,0.00003,-0.00003\n", 'a price that falls');
is(cli(@reprice, '--model', 'q', '--format', 'json'), '[]' . "\n", '... once');
is((split / /, $t->used('late'))[2], '0.00003', '... counts');
# what else a line tells, and names as clients write them

$t->chat('cached', path => '/v1/messages', body => '{"model":"c","max_tokens":9}');
$t->line('cached');
ask_for('quoted', 'a\"b\\\\c');
$t->reload(http => q(llm_price c input=1 output=10 cached=0.1 cache_write=1.25;
                     llm_price 'a"b\\c' input=1 output=1;));
$out = cli(@reprice, '--dry-run');
like($out, qr/,cached,c,0,0\.00023,0\.00023$/m, 'cached tokens');
like($out, qr/,quoted,"a""b\\c",0,0\.000015,0\.000015$/m, 'a name with quotes');
cli(@reprice);
is((split / /, $t->used('quoted'))[2], '0.000015', '... is charged, too');
like(cli('reprice', '/nowhere'), qr/^1 .* cannot be read/, 'no ledger');

$t->finish;
done_testing();
