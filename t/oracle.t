# scripts/oracle for some seconds: random subjects, limits and endings, four
# workers, and an oracle that knows what the upstream saw.

use strict;
use warnings;

use lib 't/lib';
use LLMBase;
use Test::More;

plan skip_all => 'too few requests a second for limits to be used up'
    if $LLMBase::mode eq 'valgrind';

$ENV{LLM_RUN} = $LLMBase::run;

my $oracle = "'$LLMBase::root/scripts/oracle'";

# rounds of a second: what there may be in one is used up soonest

my $said = `$oracle 8 1 1 2>&1`;

is($?, 0, 'no limit is passed, and none refuses too early') or diag($said);

my ($requests, $upstream, $refused, $checks) = $said =~
    /^(\d+) requests, (\d+) upstream, (\d+) refused, (\d+) checks, 0 /m;

cmp_ok($upstream // 0, '>=', 50, 'requests pass');
cmp_ok($refused // 0, '>=', 50, 'requests are refused');
cmp_ok($checks // 0, '>=', 100, 'that was looked at');

for my $limits ('parallel', 'requests|rpm', 'tokens|tpm|itpm|otpm') {
    like($said, qr/^(?:$limits) .* [1-9]\d* of them used up$/m,
         "some of $limits are used up");
}

$said = `$oracle --blind 4 1 1 2>&1`;

is($? >> 8, 1, 'the oracle sees what is wrong') or diag($said);
like($said, qr/used, at most/, 'where nothing is reserved');

is(join('', LLMBase::reports()), '', 'no report of a sanitizer');

done_testing();
