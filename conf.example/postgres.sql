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

-- What follows the last torn line in one; nothing, where it is torn itself.

CREATE FUNCTION llm_whole(line text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    line := regexp_replace(line, '^.*(?=\{"type":")', '');
    RETURN replace(line, '\u0000', '\ufffd')::jsonb;   -- jsonb has no NUL
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END $$;

CREATE FUNCTION llm_take() RETURNS void LANGUAGE sql AS $$
    INSERT INTO llm_line
    SELECT l ->> 'id', (l ->> 'timestamp')::timestamptz, l ->> 'team_id',
           l ->> 'model', (l ->> 'cost_usd')::numeric, l
    FROM (SELECT llm_whole(line) AS l FROM llm_new) AS new
    WHERE l ->> 'type' IN ('usage', 'correction')
    ON CONFLICT (id) DO NOTHING;
$$;

-- The same months, in UTC, of the lines.

CREATE VIEW llm_month AS
    SELECT team_id, date_trunc('month', settled AT TIME ZONE 'UTC')::date
               AS period_start,
           sum(cost_usd) AS total_cost_usd,
           sum((line ->> 'prompt_tokens')::bigint
               + (line ->> 'completion_tokens')::bigint) AS total_tokens,
           sum(coalesce((line ->> 'requests')::bigint, 1)) AS total_requests
    FROM llm_line
    WHERE team_id <> ''
    GROUP BY 1, 2;
