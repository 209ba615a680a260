-- The usage of teams, month by month, and the lines of the ledger, in Postgres.
--
--     psql quota -f postgres.sql
--
-- Months, as often as wanted; quota.db is read, never changed, while nginx
-- runs:
--
--     sqlite3 -readonly -csv /var/lib/nginx/llm-quota/quota.db \
--         'SELECT * FROM team_usage' > team_usage.csv
--     psql quota -c 'TRUNCATE team_usage' \
--         -c '\copy team_usage FROM team_usage.csv WITH (FORMAT csv)'
--
-- Lines, each once, however often a file is taken:
--
--     cat /var/lib/nginx/llm-quota/usage-*.jsonl > lines.jsonl
--     psql quota -c 'TRUNCATE llm_new' \
--         -c "\copy llm_new FROM lines.jsonl WITH (FORMAT csv, \
--             QUOTE e'\x01', DELIMITER e'\x02')" \
--         -c 'SELECT llm_take()'

CREATE TABLE team_usage (
    team_id         text NOT NULL,
    period_start    date NOT NULL,
    period_end      date NOT NULL,          -- the first day of the next
    total_cost_usd  numeric NOT NULL,
    total_tokens    bigint NOT NULL,
    total_requests  bigint NOT NULL,
    PRIMARY KEY (team_id, period_start)
);

CREATE UNLOGGED TABLE llm_new (
    line            text NOT NULL
);

CREATE TABLE llm_line (
    id              text PRIMARY KEY,
    settled         timestamptz NOT NULL,
    team_id         text NOT NULL,
    model           text NOT NULL,
    cost_usd        numeric NOT NULL,
    line            jsonb NOT NULL
);

CREATE FUNCTION llm_take() RETURNS void LANGUAGE sql AS $$
    INSERT INTO llm_line
    SELECT l ->> 'id', (l ->> 'timestamp')::timestamptz, l ->> 'team_id',
           l ->> 'model', (l ->> 'cost_usd')::numeric, l
    FROM (SELECT line::jsonb AS l FROM llm_new
          WHERE line LIKE '{"type":"usage"%}'
             OR line LIKE '{"type":"correction"%}') AS new
    ON CONFLICT (id) DO NOTHING;
$$;
