# Alerts in the outbox reach their channels over HTTP: what each is sent,
# whatever receivers do, and whoever dies.

use lib 't/lib';
use LLMAlert;

my $hook = RawUpstream->start(
    '*' => { json => '{"ok":true}' },
);

my $t = LLMAlert->new(hook => $hook, alerts => <<'EOF_ALERTS');
    llm_alert main webhook http://127.0.0.1:%%HOOK%%/plain name=plain;
    llm_alert main slack http://127.0.0.1:%%HOOK%%/slack name=slack;
EOF_ALERTS

$t->start;
$t->put('a-1', 'plain slack');
is($t->told('a-1', 'plain'), 1, 'told');
is($t->told('a-1', 'slack'), 1, 'told');
diag(explain($hook->requests));
$t->finish;
done_testing();
