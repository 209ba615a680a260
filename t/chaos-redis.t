# Some of the faults of scripts/chaos --redis: nodes that share a zone, and
# their Redis, with load; scripts/chaos --redis 200 is the long run.

use strict;
use warnings;

use lib 't/lib';
use LLMBase;
use Test::More;

plan skip_all => 'processes that are killed leave valgrind nothing to say'
    if $LLMBase::mode eq 'valgrind';

my $said = do {
    local $ENV{LLM_RUN} = "$LLMBase::run/chaos";

    `'$LLMBase::root/scripts/chaos' --redis 14 2 2>&1`;
};

my $status = $?;
my ($faults, $survived) = $said =~ /^all +(\d+) +(\d+)$/m;

cmp_ok($faults // 0, '>=', 14, 'there are faults');
is($survived, $faults, 'all are survived');
is($status, 0, 'the four sums, and that of Redis, are one') or diag($said);
like($said, qr/^ +[1-9]\d* +requests charged$/m, 'requests were charged');
is(-e "$LLMBase::run/chaos" ? 'left' : '', '', 'nothing is left behind')
    if $status == 0;
is(join('', LLMBase::reports()), '', 'no report of a sanitizer');

done_testing();
