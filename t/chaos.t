# Each of the faults of scripts/chaos once, with load and the four sums.

use strict;
use warnings;

use lib 't/lib';
use LLMBase;
use Test::More;

plan skip_all => 'processes that are killed leave valgrind nothing to say'
    if $LLMBase::mode eq 'valgrind';

my $said = do {
    local $ENV{LLM_RUN} = "$LLMBase::run/chaos";

    `'$LLMBase::root/scripts/chaos' short 1 2>&1`;
};

my $status = $?;
my @kinds = $said =~ /^(\S.*?)  +(\d+)  +(\d+)$/mg;

cmp_ok(scalar @kinds, '>=', 3 * 10, 'there are faults');

while (my ($kind, $faults, $survived) = splice @kinds, 0, 3) {
    cmp_ok($faults, '>=', 1, "$kind: there was one");
    is($survived, $faults, "$kind: is survived");
}

is($status, 0, 'the four sums are one') or diag($said);
like($said, qr/^ +[1-9]\d* +requests charged$/m, 'requests were charged');
is(-e "$LLMBase::run/chaos" ? 'left' : '', '', 'nothing is left behind')
    if $status == 0;
is(join('', LLMBase::reports()), '', 'no report of a sanitizer');

done_testing();
