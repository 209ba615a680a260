# Rates, quotas and budgets: how much passes.

use lib 't/lib';
use LLMNginx;
use LLMBlock;

run_tests();

__DATA__

=== TEST 1: more requests than rpm in a minute are refused
--- config
    llm_team_limit default rpm=2;
--- request eval
[chat, chat, chat]
--- error_code eval
[200, 200, 429]
--- ledger
..."model":"m"..."cost_usd":0.5,...
..."model":"m"..."cost_usd":0.5,...
--- logged
1 times llm_quota rate_limited
