
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_sqlite_sql.h"


/*
 * A blob is greater than any text: coalesce(?, x'') is no bound.
 *
 * Meters lie by period, so that those of a period that is over go at once,
 * and a subject's are one look-up for each live period.  What a reset takes
 * off a meter is in its base: the sums themselves only add up, and
 * team_usage still has what was reset.
 *
 * llm_add() is the store's own, and saturates: SQLite's + would make a
 * floating point number of what does not fit.  A view or an index may not
 * use it, as it is not there for others who open the file.
 */

const char *const  llm_sql_steps[LLM_SQL_VERSION] = {

    "CREATE TABLE segment ("
    "    name TEXT NOT NULL PRIMARY KEY,"
    "    offset INTEGER NOT NULL"
    ") WITHOUT ROWID;"

    "CREATE TABLE period ("
    "    period TEXT NOT NULL,"
    "    start INTEGER NOT NULL,"
    "    until INTEGER NOT NULL,"
    "    first_day TEXT NOT NULL,"
    "    next_day TEXT NOT NULL,"
    "    PRIMARY KEY (period, start)"
    ") WITHOUT ROWID;"

    "CREATE INDEX period_until ON period (until);"

    "CREATE TABLE meter ("
    "    period TEXT NOT NULL,"
    "    start INTEGER NOT NULL,"
    "    type TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    other TEXT NOT NULL,"
    "    generation INTEGER NOT NULL,"
    "    requests INTEGER NOT NULL,"
    "    input INTEGER NOT NULL,"
    "    output INTEGER NOT NULL,"
    "    cost INTEGER NOT NULL,"
    "    base_requests INTEGER NOT NULL,"
    "    base_input INTEGER NOT NULL,"
    "    base_output INTEGER NOT NULL,"
    "    base_cost INTEGER NOT NULL,"
    "    PRIMARY KEY (period, start, type, id, other)"
    ") WITHOUT ROWID;"

    "CREATE TABLE usage ("
    "    day TEXT NOT NULL,"
    "    team TEXT NOT NULL,"
    "    user TEXT NOT NULL,"
    "    customer TEXT NOT NULL,"
    "    key TEXT NOT NULL,"
    "    model TEXT NOT NULL,"
    "    labels TEXT NOT NULL,"
    "    requests INTEGER NOT NULL,"
    "    input INTEGER NOT NULL,"
    "    output INTEGER NOT NULL,"
    "    cost INTEGER NOT NULL,"
    "    failed INTEGER NOT NULL,"
    "    estimated INTEGER NOT NULL,"
    "    cached INTEGER NOT NULL,"
    "    cache_write INTEGER NOT NULL,"
    "    reasoning INTEGER NOT NULL,"
    "    PRIMARY KEY (day, team, user, customer, key, model, labels)"
    ") WITHOUT ROWID;"

    "CREATE TABLE label ("
    "    name TEXT NOT NULL,"
    "    value TEXT NOT NULL,"
    "    day TEXT NOT NULL,"
    "    PRIMARY KEY (name, value)"
    ") WITHOUT ROWID;"

    "CREATE TABLE counter ("
    "    name TEXT NOT NULL PRIMARY KEY,"
    "    value INTEGER NOT NULL"
    ") WITHOUT ROWID;"

    "INSERT INTO counter VALUES ('version', 0);"

    "CREATE TABLE entity ("
    "    kind TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    version INTEGER NOT NULL,"
    "    alias TEXT,"
    "    json TEXT NOT NULL,"
    "    PRIMARY KEY (kind, id)"
    ") WITHOUT ROWID;"

    "CREATE UNIQUE INDEX entity_alias ON entity (kind, alias)"
    "    WHERE alias IS NOT NULL;"

    "CREATE TABLE entity_ref ("
    "    name TEXT NOT NULL,"
    "    value TEXT NOT NULL,"
    "    kind TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    PRIMARY KEY (name, value, kind, id)"
    ") WITHOUT ROWID;"

    "CREATE INDEX entity_ref_of ON entity_ref (kind, id);"

    "CREATE TABLE audit ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "    time INTEGER NOT NULL,"
    "    who TEXT NOT NULL,"
    "    key TEXT NOT NULL,"
    "    address TEXT NOT NULL,"
    "    reason TEXT NOT NULL,"
    "    action TEXT NOT NULL,"
    "    kind TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    version INTEGER NOT NULL,"
    "    before TEXT,"
    "    after TEXT"
    ");"

    "CREATE INDEX audit_of ON audit (kind, id);"

    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN"
    "    SELECT RAISE(ABORT, 'the audit is never changed');"
    "END;"

    "CREATE TABLE alert ("
    "    number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "    type TEXT NOT NULL,"
    "    subject TEXT NOT NULL,"
    "    other TEXT NOT NULL,"
    "    resource TEXT NOT NULL,"
    "    period TEXT NOT NULL,"
    "    start INTEGER NOT NULL,"
    "    amount INTEGER NOT NULL,"
    "    threshold INTEGER NOT NULL,"
    "    generation INTEGER NOT NULL,"
    "    id TEXT NOT NULL UNIQUE,"
    "    event TEXT NOT NULL,"
    "    json TEXT NOT NULL,"
    "    time INTEGER NOT NULL,"
    "    UNIQUE (type, subject, other, resource, period, start, amount,"
    "            threshold, generation)"
    ");"

    "CREATE TABLE delivery ("
    "    alert TEXT NOT NULL,"
    "    channel TEXT NOT NULL,"
    "    state INTEGER NOT NULL,"
    "    due INTEGER NOT NULL,"
    "    attempts INTEGER NOT NULL,"
    "    error TEXT NOT NULL,"
    "    PRIMARY KEY (alert, channel)"
    ") WITHOUT ROWID;"

    "CREATE INDEX delivery_due ON delivery (due, channel) WHERE state = 0;"

    "CREATE TABLE pending ("
    "    id TEXT NOT NULL PRIMARY KEY,"
    "    json TEXT NOT NULL,"
    "    expires INTEGER NOT NULL"
    ") WITHOUT ROWID;"

    "CREATE INDEX pending_expires ON pending (expires);"

    "CREATE VIEW team_usage AS"
    "    SELECT m.id AS team_id,"
    "           p.first_day AS period_start,"
    "           p.next_day AS period_end,"
    "           rtrim(rtrim(printf('%s%d.%09d',"
    "                              CASE WHEN m.cost < 0 THEN '-' ELSE '' END,"
    "                              abs(m.cost / 1000000000),"
    "                              abs(m.cost % 1000000000)), '0'), '.')"
    "               AS total_cost_usd,"
    "           m.input + m.output AS total_tokens,"
    "           m.requests AS total_requests"
    "    FROM meter m JOIN period p USING (period, start)"
    "    WHERE m.type = 'team' AND m.period = 'month';",

    "CREATE INDEX audit_version ON audit (version) WHERE version > 0;"

    "CREATE TABLE configuration ("
    "    one INTEGER PRIMARY KEY CHECK (one = 1),"
    "    time INTEGER NOT NULL"
    ");"

    "CREATE TABLE configured ("
    "    action TEXT NOT NULL,"
    "    id TEXT NOT NULL,"
    "    kind TEXT NOT NULL,"
    "    limits TEXT NOT NULL,"
    "    place TEXT NOT NULL,"
    "    time INTEGER NOT NULL,"
    "    PRIMARY KEY (action, id)"
    ") WITHOUT ROWID;",

    /* nothing was ever pending in a store of the first versions */

    "DROP TABLE pending;"

    "CREATE TABLE pending ("
    "    id TEXT NOT NULL PRIMARY KEY,"
    "    line TEXT NOT NULL,"
    "    epoch INTEGER NOT NULL,"
    "    expires INTEGER NOT NULL,"
    "    charged INTEGER NOT NULL,"
    "    seen TEXT"
    ") WITHOUT ROWID;"

    "CREATE INDEX pending_due ON pending (expires, epoch) WHERE charged = 0;"

    "CREATE INDEX pending_charged ON pending (expires) WHERE charged = 1;"
};


const char *const  llm_sql_texts[LLM_SQL_STATEMENTS] = {

    /* SEGMENT */
    "SELECT offset FROM segment WHERE name = ?",

    /* SEGMENT_SET */
    "INSERT INTO segment VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET offset = excluded.offset",

    /* SEGMENT_FORGET */
    "DELETE FROM segment WHERE name = ?",

    /* SEGMENTS */
    "SELECT name, offset FROM segment ORDER BY name",

    /* PERIOD_SET */
    "INSERT INTO period VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (period, start) DO UPDATE SET"
    " until = excluded.until, first_day = excluded.first_day,"
    " next_day = excluded.next_day"
    " WHERE until != excluded.until",

    /* PERIODS */
    "SELECT period, start, until FROM period"
    " WHERE until > ? AND (period, start) >= (?, ?)"
    " ORDER BY period, start",

    /* METER_ADD */
    "INSERT INTO meter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (period, start, type, id, other) DO UPDATE SET"
    " generation = generation + excluded.generation,"
    " requests = llm_add(requests, excluded.requests),"
    " input = llm_add(input, excluded.input),"
    " output = llm_add(output, excluded.output),"
    " cost = llm_add(cost, excluded.cost),"
    " base_requests = llm_add(base_requests, excluded.base_requests),"
    " base_input = llm_add(base_input, excluded.base_input),"
    " base_output = llm_add(base_output, excluded.base_output),"
    " base_cost = llm_add(base_cost, excluded.base_cost)",

    /* METER_TOTAL */
    "SELECT generation, requests - base_requests, input - base_input,"
    " output - base_output, cost - base_cost FROM meter"
    " WHERE period = ? AND start = ? AND type = ? AND id = ? AND other = ?",

    /* METERS_OF */
    "SELECT generation, requests - base_requests, input - base_input,"
    " output - base_output, cost - base_cost, p.period, p.start, p.until"
    " FROM period p CROSS JOIN meter m"
    " WHERE p.until > ? AND m.period = p.period AND m.start = p.start"
    " AND m.type = ? AND m.id = ? AND m.other = ?"
    " ORDER BY p.period, p.start",

    /* METERS_AFTER */
    "SELECT generation, requests - base_requests, input - base_input,"
    " output - base_output, cost - base_cost, type, id, other FROM meter"
    " WHERE period = ? AND start = ? AND (type, id, other) > (?, ?, ?)"
    " ORDER BY type, id, other LIMIT ?",

    /* LABEL */
    "SELECT day FROM label WHERE name = ? AND value = ?",

    /* LABELS */
    "SELECT count(*) FROM label WHERE name = ?",

    /* LABEL_SET */
    "INSERT OR REPLACE INTO label VALUES (?, ?, ?)",

    /* USAGE_ADD */
    "INSERT INTO usage"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (day, team, user, customer, key, model, labels)"
    " DO UPDATE SET"
    " requests = llm_add(requests, excluded.requests),"
    " input = llm_add(input, excluded.input),"
    " output = llm_add(output, excluded.output),"
    " cost = llm_add(cost, excluded.cost),"
    " failed = llm_add(failed, excluded.failed),"
    " estimated = llm_add(estimated, excluded.estimated),"
    " cached = llm_add(cached, excluded.cached),"
    " cache_write = llm_add(cache_write, excluded.cache_write),"
    " reasoning = llm_add(reasoning, excluded.reasoning)",

    /* PRUNE_USAGE: day, seconds, ms and a limit are bound to all of these */
    "DELETE FROM usage"
    " WHERE (day, team, user, customer, key, model, labels) IN"
    " (SELECT day, team, user, customer, key, model, labels FROM usage"
    "  WHERE day < ?1 ORDER BY day LIMIT ?4)",

    /* PRUNE_METER */
    "DELETE FROM meter WHERE (period, start, type, id, other) IN"
    " (SELECT m.period, m.start, type, id, other"
    "  FROM period p CROSS JOIN meter m"
    "  WHERE p.until < iif(p.period = 'month', ?2, ?5)"
    "  AND m.period = p.period AND m.start = p.start LIMIT ?4)",

    /* PRUNE_PERIOD */
    "DELETE FROM period WHERE (period, start) IN"
    " (SELECT period, start FROM period p"
    "  WHERE until < iif(period = 'month', ?2, ?5)"
    "  AND NOT EXISTS (SELECT 1 FROM meter m"
    "                  WHERE m.period = p.period AND m.start = p.start)"
    "  LIMIT ?4)",

    /* PRUNE_LABEL */
    "DELETE FROM label WHERE (name, value) IN"
    " (SELECT name, value FROM label WHERE day < ?1 LIMIT ?4)",

    /* PRUNE_AUDIT */
    "DELETE FROM audit WHERE number IN"
    " (SELECT number FROM audit WHERE time < ?3 ORDER BY number LIMIT ?4)",

    /* PRUNE_DELIVERY */
    "DELETE FROM delivery WHERE (alert, channel) IN"
    " (SELECT alert, channel FROM delivery"
    "  WHERE alert IN (SELECT id FROM alert WHERE time < ?3) LIMIT ?4)",

    /* PRUNE_ALERT */
    "DELETE FROM alert WHERE number IN"
    " (SELECT number FROM alert WHERE time < ?3"
    "  AND NOT EXISTS (SELECT 1 FROM delivery WHERE alert = alert.id)"
    "  ORDER BY number LIMIT ?4)",

    /* PRUNE_PENDING */
    "DELETE FROM pending WHERE id IN"
    " (SELECT id FROM pending WHERE charged = 1 AND expires < ?6 LIMIT ?4)",

    /* VERSION_LAST */
    "SELECT value FROM counter WHERE name = 'version'",

    /* VERSION_SET */
    "UPDATE counter SET value = ? WHERE name = 'version'",

    /* ENTITY */
    "SELECT id, alias, json, version FROM entity WHERE kind = ? AND id = ?",

    /* ENTITY_ALIAS */
    "SELECT id, alias, json, version FROM entity"
    " WHERE kind = ? AND alias = ?",

    /* ENTITY_SET */
    "INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?, ?)",

    /* ENTITY_DELETE */
    "DELETE FROM entity WHERE kind = ? AND id = ?",

    /* ENTITIES */
    "SELECT kind, id, alias, json, version FROM entity"
    " WHERE (kind, id) > (?1, ?2) AND (?3 IS NULL OR kind = ?3)"
    " AND kind <= coalesce(?3, x'') AND version > ?4"
    " ORDER BY kind, id LIMIT ?5",

    /* ENTITIES_REF */
    "SELECT e.kind, e.id, alias, json, version"
    " FROM entity_ref r CROSS JOIN entity e"
    " WHERE r.name = ?6 AND r.value = ?7 AND (r.kind, r.id) > (?1, ?2)"
    " AND (?3 IS NULL OR r.kind = ?3)"
    " AND e.kind = r.kind AND e.id = r.id"
    " AND version > ?4 ORDER BY r.kind, r.id LIMIT ?5",

    /* ENTITIES_LATEST: what is, and what was and is not any more */
    "SELECT kind, id, alias, json, version FROM entity"
    " WHERE (kind, id) > (?1, ?2)"
    " UNION ALL"
    " SELECT kind, id, NULL, NULL, max(version) FROM audit a"
    " WHERE (kind, id) > (?1, ?2) AND version > 0 AND NOT EXISTS"
    " (SELECT 1 FROM entity e WHERE e.kind = a.kind AND e.id = a.id)"
    " GROUP BY kind, id"
    " ORDER BY kind, id LIMIT ?3",

    /* ALIAS_TAKE */
    "UPDATE entity SET alias = NULL"
    " WHERE kind = ? AND alias = ? AND id != ?",

    /* REF_ADD */
    "INSERT OR IGNORE INTO entity_ref VALUES (?, ?, ?, ?)",

    /* REFS_DELETE */
    "DELETE FROM entity_ref WHERE kind = ? AND id = ?",

    /* REFS */
    "SELECT name, value FROM entity_ref WHERE kind = ? AND id = ?",

    /* AUDIT_ADD */
    "INSERT INTO audit (time, who, key, address, reason, action, kind, id,"
    " version, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",

    /* AUDIT_NOTE */
    "INSERT INTO audit (time, who, key, address, reason, action, kind, id,"
    " version, before, after) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, NULL,"
    " ?9 WHERE NOT EXISTS"
    " (SELECT 1 FROM audit WHERE kind = ?7 AND id = ?8 AND after = ?9)",

    /* AUDIT */
    "SELECT number, time, who, key, address, reason, action, kind, id,"
    " version, before, after FROM audit"
    " WHERE number < ? AND (?2 IS NULL OR kind = ?2)"
    " AND (?3 IS NULL OR id = ?3) ORDER BY number DESC LIMIT ?4",

    /* AUDIT_CHANGES */
    "SELECT number, time, who, key, address, reason, action, kind, id,"
    " version, before, after FROM audit"
    " WHERE version > 0 AND number < ?1 AND (?2 IS NULL OR kind = ?2)"
    " AND (?3 IS NULL OR id = ?3) ORDER BY number DESC LIMIT ?4",

    /* AUDIT_UP_TO: the last of an entity's that has no later version */
    "SELECT version, after, time, who, key, address, reason, action"
    " FROM audit WHERE kind = ? AND id = ? AND version > 0 AND version <= ?"
    " ORDER BY version DESC LIMIT 1",

    /* CONFIGURATION */
    "SELECT time FROM configuration",

    /* CONFIGURATION_SET */
    "INSERT OR REPLACE INTO configuration VALUES (1, ?)",

    /* CONFIGURED */
    "SELECT limits FROM configured WHERE action = ? AND id = ?",

    /* CONFIGURED_SET */
    "INSERT OR REPLACE INTO configured VALUES (?, ?, ?, ?, ?, ?)",

    /* CONFIGURED_GONE */
    "SELECT action, id, kind, limits, place FROM configured WHERE time != ?"
    " ORDER BY action, id",

    /* CONFIGURED_FORGET */
    "DELETE FROM configured WHERE time != ?",

    /* ALERT_ADD */
    "INSERT OR IGNORE INTO alert (type, subject, other, resource, period,"
    " start, amount, threshold, generation, id, event, json, time)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",

    /* ALERTS */
    "SELECT number, type, subject, other, resource, period, start, amount,"
    " threshold, generation, id, event, json, time FROM alert"
    " WHERE number < ?1 AND (?2 IS NULL OR type = ?2)"
    " AND (?3 IS NULL OR subject = ?3 AND other = ?4)"
    " AND time <= ?5 ORDER BY number DESC LIMIT ?6",

    /* DELIVERY_ADD */
    "INSERT OR IGNORE INTO delivery VALUES (?, ?, 0, ?, 0, '')",

    /* DELIVERY_SET */
    "UPDATE delivery SET state = ?, due = ?, attempts = ?, error = ?"
    " WHERE alert = ? AND channel = ? AND attempts = ? AND state = 0",

    /* DELIVERIES_OF */
    "SELECT alert, channel, state, due, attempts, error, json"
    " FROM delivery d JOIN alert a ON a.id = d.alert"
    " WHERE d.alert = ? ORDER BY channel LIMIT ?",

    /* DELIVERIES_DUE */
    "SELECT alert, channel, state, due, attempts, error, json"
    " FROM delivery d JOIN alert a ON a.id = d.alert"
    " WHERE d.state = 0 AND d.due <= ?1 AND (?2 IS NULL OR d.channel = ?2)"
    " ORDER BY d.due LIMIT ?3",

    /* DELIVERIES_NEXT */
    "SELECT min(due) FROM delivery"
    " WHERE state = 0 AND due > ?1 AND (?2 IS NULL OR channel = ?2)",

    /* PENDING_ADD */
    "INSERT OR IGNORE INTO pending VALUES (?, ?, ?, ?, 0, NULL)",

    /* PENDING_CHARGE */
    "INSERT INTO pending VALUES (?, '', ?, ?, 1, NULL)"
    " ON CONFLICT (id) DO UPDATE SET"
    " line = '', expires = excluded.expires, charged = 1, seen = NULL"
    " WHERE charged = 0",

    /* PENDING_FIND */
    "SELECT line FROM pending WHERE id = ? AND charged = 0 AND seen IS NULL",

    /* PENDING_SEE */
    "UPDATE pending SET seen = ?2, expires = 0"
    " WHERE id = ?1 AND charged = 0 AND seen IS NULL",

    /* PENDING_DUE */
    "SELECT id, line, epoch, expires, seen FROM pending"
    " WHERE charged = 0 AND expires <= ?1 AND (epoch = ?2 OR ?3)"
    " ORDER BY expires LIMIT ?4",

    /* PENDING_OTHERS */
    "SELECT count(*) FROM pending WHERE charged = 0 AND epoch != ?"
};


/*
 * Versions that were given out after the backup stay given out.  Rows of the
 * audit and alerts keep their numbers, so that none that was shown changes.
 */

const llm_sql_salvage_t  llm_sql_salvages[LLM_SQL_SALVAGES] = {

    { "entities and audit", "entity entity_ref audit counter",

      "DELETE FROM entity;"
      "DELETE FROM entity_ref;"
      "DELETE FROM audit;"
      "INSERT INTO entity SELECT kind, id, version, alias, json"
      "    FROM old.entity;"
      "INSERT INTO entity_ref SELECT name, value, kind, id"
      "    FROM old.entity_ref;"
      "INSERT INTO audit SELECT number, time, who, key, address, reason,"
      "    action, kind, id, version, before, after FROM old.audit;"
      "UPDATE counter SET value = max(value,"
      "    (SELECT value FROM old.counter o WHERE o.name = counter.name));" },

    { "alerts", "alert delivery",

      "DELETE FROM alert;"
      "DELETE FROM delivery;"
      "INSERT INTO alert SELECT number, type, subject, other, resource,"
      "    period, start, amount, threshold, generation, id, event, json,"
      "    time FROM old.alert;"
      "INSERT INTO delivery SELECT alert, channel, state, due, attempts,"
      "    error FROM old.delivery;" },

    { "limits of nginx.conf", "configuration configured",

      "DELETE FROM configuration;"
      "DELETE FROM configured;"
      "INSERT INTO configuration SELECT one, time FROM old.configuration;"
      "INSERT INTO configured SELECT action, id, kind, limits, place, time"
      "    FROM old.configured;" },

    { "pending ids", "pending",

      "DELETE FROM pending;"
      "INSERT INTO pending SELECT id, line, epoch, expires, charged, seen"
      "    FROM old.pending;" }
};


const char *const  llm_sql_small_tables[] = {
    "segment", "period", "meter", "counter", "entity", "entity_ref", "alert",
    "delivery", "pending", "configuration", "configured", NULL
};
