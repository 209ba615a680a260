# A model that is shared, as minutes pass: what is lent, and given back. The
# clock of nginx is moved.

use lib 't/lib';
use LLMGateway;
use RawUpstream;

my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';

plan(skip_all => 'a moved clock and this mode do not go together')
    if $LLMBase::mode =~ /sanitize|valgrind/;

my $upstream = RawUpstream->start('*' => { json => usage(10, 5) });

my $t = LLMGateway->new(
    upstream => $upstream, zone => 'zone=main:1m',
    main => "env FAKETIME_TIMESTAMP_FILE;\nenv FAKETIME_NO_CACHE;",
    http => <<'EOF_HTTP',
    llm_priority kept 50%;
    llm_priority lent 30% lend;
EOF_HTTP
    server => <<'EOF_SERVER');
        llm_team_limit k priority=kept;
        llm_team_limit l priority=lent;
        llm_model_limit m rpm=100 share=team;
EOF_SERVER

my $clock = $t->dir . '/tmp/clock';
my $passed = 0;

sub later
{
    $passed += $_[0];

    LLMBase::spew("$clock.new", "+$passed\n");
    rename "$clock.new", $clock or die "$clock: $!\n";
}

later(0);

{
    local @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE)}
        = ($faketime, $clock, 1);

    $t->start;
}


# Asks in turn, each so often; how often each was admitted.

sub passes
{
    my %asks = @_;
    my %passed = map { $_ => 0 } keys %asks;

    while (%asks) {
        for my $team (sort keys %asks) {
            $passed{$team}++ if $t->chat($team)->{status} == 200;
            delete $asks{$team} if --$asks{$team} == 0;
        }
    }

    return join ' ', map { "$_ $passed{$_}" } sort keys %passed;
}


is(passes(a => 60), 'a 50', 'who has no priority has what is not kept');
is(passes(b => 1), 'b 0', 'another finds it lent');
later(61);
is(passes(a => 60), 'a 25', 'and a half of it free a minute later');
is(passes(b => 60), 'b 25', 'for him');
later(61);
is(passes(a => 60, b => 30), 'a 25 b 25', 'two that are busy have equal parts');
later(61);
is(passes(b => 1), 'b 1', 'one asks for less');
later(66);
is(passes(a => 60), 'a 50', 'what he leaves the other has');
is(passes(k => 60), 'k 50', 'a class that keeps its share has it meanwhile');
is(passes(l => 1), 'l 0', 'one that lends waits');
later(61);
is(passes(a => 60), 'a 20', 'for a minute');
is(passes(l => 60), 'l 30', 'and has its share');
later(61);
is(passes(a => 40, b => 40, k => 60, l => 40), 'a 10 b 10 k 50 l 30',
   'all of them together');

$t->finish;
done_testing();
