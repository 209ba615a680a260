
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "quota.h"
#include "llm_entity_doc.h"
#include "llm_money.h"


/*
 * From an entity's document, over a row of the configuration, to the limits
 * that bear: what is read, what it comes to, and what is refused with which
 * words.
 */


#define NOW      1775001600              /* s of the epoch */


static llm_record_t  record;
static char          error[LLM_ENTITY_ERROR];


static int
doc(llm_entity_kind_e kind, const char *json)
{
    return llm_entity_text(&record, kind, (const u_char *) json, strlen(json),
                           error);
}


/* A row as text: its limits, then what else a record can change of it. */

static const char *
text(const llm_row_t *row)
{
    static u_char  buf[LLM_ROW_LIMITS * (LLM_LIMIT_TEXT + 1) + 64];

    u_char    *p;
    unsigned   i;

    p = buf;

    for (i = 0; i < row->nlimits; i++) {

        if (i) {
            *p++ = ' ';
        }

        p += llm_limit_print(p, &row->limits[i]);
    }

    if (row->soft[0] != 80) {
        p += sprintf((char *) p, " soft=%d%%", row->soft[0]);
    }

    if (row->over) {
        p += sprintf((char *) p, " over=%d%%", row->over);
    }

    *p = '\0';

    return (char *) buf;
}


typedef struct {
    llm_entity_kind_e        kind;
    llm_record_tag_e         tag;
    const char              *row;
    const char              *json;
    const char              *comes_to;
} overlay_t;


#define LIMIT   LLM_ENTITY_TEAM, LLM_RECORD_LIMIT
#define MODEL   LLM_ENTITY_KEY, LLM_RECORD_MODEL_LIMIT
#define MEMBER  LLM_ENTITY_TEAM, LLM_RECORD_MEMBER_LIMIT

static const overlay_t  overlays[] = {

    /* what is not named stays */

    { LIMIT, "", "{}", "" },
    { LIMIT, "rpm=5 budget=10/day", "{}", "rpm=5 budget=10/day" },
    { LIMIT, "rpm=5 tpm=7 budget=10/day", "{\"rpm_limit\":6}",
      "rpm=6 tpm=7 budget=10/day" },
    { LIMIT, "rpm=5 rpd=100 itpm=3", "{\"rpm_limit\":1,\"tpm_limit\":2}",
      "rpm=1 tpm=2 itpm=3 requests=100/day" },
    { LIMIT, "", "{\"rpm_limit\":6,\"tpm_limit\":0,"
      "\"max_parallel_requests\":2}", "rpm=6 tpm=0 parallel=2" },
    { LIMIT, "", "{\"spend\":1,\"models\":[],\"whatever\":{\"a\":[null]}}",
      "" },

    /* null lifts */

    { LIMIT, "rpm=5 tpm=7 parallel=3", "{\"rpm_limit\":null}",
      "tpm=7 parallel=3" },
    { LIMIT, "rpm=5 parallel=3", "{\"max_parallel_requests\":null}", "rpm=5" },
    { LIMIT, "rpm=5 budget=10/day budget=9", "{\"max_budget\":null}",
      "rpm=5" },
    { LIMIT, "budget=10/day", "{\"max_budget\":null,"
      "\"budget_duration\":\"30d\"}", "" },

    /* numbers as clients write them */

    { LIMIT, "", "{\"rpm_limit\":10.0}", "rpm=10" },
    { LIMIT, "", "{\"tpm_limit\":9000000000000}", "tpm=9000000000000" },
    { LIMIT, "", "{\"max_budget\":0.000000001}", "budget=0.000000001" },
    { LIMIT, "", "{\"max_budget\":1e-9}", "budget=0.000000001" },
    { LIMIT, "", "{\"max_budget\":0.1}", "budget=0.1" },
    { LIMIT, "", "{\"max_budget\":\"123456789.123456789\"}",
      "budget=123456789.123456789" },
    { LIMIT, "", "{\"max_budget\":999999.999999999}",
      "budget=999999.999999999" },
    { LIMIT, "", "{\"max_budget\":4.35}", "budget=4.35" },
    { LIMIT, "", "{\"max_budget\":0}", "budget=0" },

    /* periods: of the budget in whose place it is, or its own */

    { LIMIT, "budget=10/month", "{\"max_budget\":20}", "budget=20/month" },
    { LIMIT, "budget=1/day budget=10/month", "{\"max_budget\":20}",
      "budget=20/month budget=1/day" },
    { LIMIT, "budget=1/day budget=10", "{\"max_budget\":20}",
      "budget=20 budget=1/day" },
    { LIMIT, "budget=1/day budget=10/month", "{\"max_budget\":20,"
      "\"budget_duration\":\"7d\"}", "budget=20/week" },
    { LIMIT, "budget=1/day", "{\"max_budget\":20,\"budget_duration\":null}",
      "budget=20" },
    { LIMIT, "budget=1/day budget=10/month", "{\"budget_duration\":\"1w\"}",
      "budget=10/week budget=1/day" },
    { LIMIT, "rpm=1", "{\"budget_duration\":\"30d\"}", "rpm=1" },
    { LIMIT, "budget=9/day", "{\"budget_duration\":null}", "budget=9/day" },
    { LIMIT, "", "{\"max_budget\":20,\"budget_duration\":\"30s\"}",
      "budget=20/30s" },
    { LIMIT, "budget=9/day", "{\"max_budget\":20,\"budget_duration\":\"30d\","
      "\"budget_limits\":[{\"budget_duration\":\"1h\",\"max_budget\":1},"
      "{\"budget_duration\":\"1mo\",\"max_budget\":15}]}",
      "budget=15/month budget=1/hour" },
    { LIMIT, "budget=9/day", "{\"budget_limits\":null}", "budget=9/day" },

    /* a while longer, softer, slower */

    { LIMIT, "", "{\"max_budget\":1,\"temp_budget_increase\":0.5,"
      "\"temp_budget_expiry\":\"2026-04-01T00:00:01Z\"}", "budget=1.5" },
    { LIMIT, "", "{\"max_budget\":1,\"temp_budget_increase\":0.5,"
      "\"temp_budget_expiry\":\"2026-04-01\"}", "budget=1" },
    { LIMIT, "budget=2/day", "{\"metadata\":{\"temp_budget_increase\":1,"
      "\"temp_budget_expiry\":\"2027-01-01\"}}", "budget=3/day" },
    { LIMIT, "rpm=1", "{\"temp_budget_increase\":1,"
      "\"temp_budget_expiry\":\"2027-01-01\"}", "rpm=1" },
    { LIMIT, "", "{\"max_budget\":10,\"soft_budget\":5}",
      "budget=10 soft=50%" },
    { LIMIT, "budget=200", "{\"soft_budget\":1}", "budget=200 soft=1%" },
    { LIMIT, "budget=200", "{\"soft_budget\":500}", "budget=200 soft=100%" },
    { LIMIT, "budget=200", "{\"soft_budget\":null}", "budget=200 soft=100%" },
    { LIMIT, "rpm=3", "{\"soft_budget\":1}", "rpm=3" },
    { LIMIT, "rpm=100 budget=1", "{\"throttle_on_budget_exceeded\":true}",
      "rpm=100 budget=1 over=10%" },
    { LIMIT, "rpm=100 budget=1", "{\"throttle_on_budget_exceeded\":true,"
      "\"metadata\":{\"budget_exceeded_throttle_percentage\":0.25}}",
      "rpm=100 budget=1 over=25%" },
    { LIMIT, "rpm=100 budget=1 over=throttle:5%",
      "{\"throttle_on_budget_exceeded\":false}", "rpm=100 budget=1" },
    { LIMIT, "budget=1", "{\"throttle_on_budget_exceeded\":true}",
      "budget=1" },
    { LIMIT, "rpm=9 budget=1 over=throttle:5%", "{\"rpm_limit\":null}",
      "budget=1" },

    /* of pairs */

    { MODEL, "", "{\"rpm_limit\":1,\"model_rpm_limit\":{\"a\":2,\"b\":3},"
      "\"model_tpm_limit\":{\"b\":1,\"a\":null}}", "rpm=2" },
    { MODEL, "tpm=9", "{\"metadata\":{\"model_rpm_limit\":{\"a\":2},"
      "\"model_tpm_limit\":{\"a\":null}}}", "rpm=2" },
    { MODEL, "", "{\"model_max_budget\":{\"a\":{\"budget_limit\":\"0.5\","
      "\"time_period\":\"1d\",\"rpm_limit\":4}}}", "rpm=4 budget=0.5/day" },
    { MODEL, "budget=1/day", "{\"model_max_budget\":{\"a\":2,\"b\":3}}",
      "budget=2/day" },
    { MODEL, "budget=1/day", "{\"model_max_budget\":{\"a\":null}}", "" },
    { MODEL, "budget=1/day", "{\"model_max_budget\":{\"b\":null}}",
      "budget=1/day" },
    { MEMBER, "", "{\"max_budget\":1,\"team_member_budget\":2,"
      "\"team_member_budget_duration\":\"1d\",\"team_member_rpm_limit\":3,"
      "\"team_member_tpm_limit\":4}", "rpm=3 tpm=4 budget=2/day" },
    { LLM_ENTITY_TEAM_MEMBER, LLM_RECORD_LIMIT, "",
      "{\"max_budget_in_team\":2,\"rpm_limit\":1}", "rpm=1 budget=2" }
};


static void
test_overlays(void)
{
    size_t       i;
    llm_row_t    row;
    const char  *said;

    for (i = 0; i < sizeof(overlays) / sizeof(overlays[0]); i++) {
        quota_row(&row, overlays[i].row);

        if (doc(overlays[i].kind, overlays[i].json) != 0) {
            ok(0, "%s: %s", overlays[i].json, error);
            continue;
        }

        llm_record_overlay(&row, &record, overlays[i].tag,
                           (const u_char *) "a", 1, NOW);
        said = text(&row);

        ok(strcmp(said, overlays[i].comes_to) == 0, "%s over \"%s\": %s",
           overlays[i].json, overlays[i].row, said);
    }
}


/* Rows are what admission relies on: each period once, and known. */

static void
test_periods(void)
{
    llm_row_t  row;

    quota_row(&row, "budget=1/day requests=5/day tokens=5/1h");
    (void) doc(LLM_ENTITY_TEAM, "{\"max_budget\":1,\"budget_duration\":\"1h\","
                                "\"rpm_limit\":2}");
    llm_record_overlay(&row, &record, LLM_RECORD_LIMIT, NULL, 0, NOW);

    is_int(row.nperiods, 2, "periods are there once");
    is_int(row.minute, 1, "and the minute");

    (void) doc(LLM_ENTITY_TEAM, "{\"max_budget\":null,\"rpm_limit\":null}");
    llm_record_overlay(&row, &record, LLM_RECORD_LIMIT, NULL, 0, NOW);

    is_int(row.nperiods, 2, "or not");
    is_int(row.minute, 0, "nor it");
}


/* A row that is full takes what the record names, and no more than it can. */

static void
test_full(void)
{
    char         name[64];
    unsigned     i;
    llm_row_t    row;

    llm_row_init(&row);

    for (i = 0; i < LLM_ROW_LIMITS; i++) {
        (void) snprintf(name, sizeof(name), "%s=1/%us",
                        i < LLM_ROW_PERIODS ? "requests" : "tokens",
                        7 * (i % LLM_ROW_PERIODS + 1));
        (void) llm_row_param(&row, (u_char *) name, strlen(name));
    }

    (void) llm_row_done(&row);
    is_int(row.nlimits, LLM_ROW_LIMITS, "a full row");

    (void) doc(LLM_ENTITY_TEAM, "{\"max_budget\":3,\"budget_duration\":\"1d\","
                                "\"rpm_limit\":2}");
    llm_record_overlay(&row, &record, LLM_RECORD_LIMIT, NULL, 0, NOW);

    ok(row.nlimits <= LLM_ROW_LIMITS && row.nperiods == LLM_ROW_PERIODS,
       "stays in its bounds");
    ok(row.limits[0].minute && row.limits[0].amount == 2
       && row.limits[row.nlimits - 1].amount == 3 * LLM_NANO_PER_USD,
       "and has what is named");
}


static void
test_items(void)
{
    size_t             at;
    char               list[256];
    llm_record_item_t  item;

    is_int(doc(LLM_ENTITY_KEY,
               "{\"key_alias\":\"k\",\"team_id\":\"t\",\"user_id\":null,"
               "\"blocked\":true,\"expires\":\"2026-04-01T00:00:00.250Z\","
               "\"metadata\":{\"priority\":\"prod\"},\"budget_id\":\"b\","
               "\"models\":[\"x*\",\"all-team-models\",\"g\"],"
               "\"access_group_ids\":[\"h\"],\"counts_as\":\"aa\","
               "\"team_alias\":\"not a key's\"}"), 0, "a key: %s", error);

    ok(llm_record_find(&record, LLM_RECORD_ALIAS, &item)
       && item.len == 1 && item.text[0] == 'k', "its name");
    ok(llm_record_find(&record, LLM_RECORD_TEAM, &item)
       && item.len == 1 && item.text[0] == 't', "its team");
    ok(llm_record_find(&record, LLM_RECORD_USER, &item) && item.len == 0,
       "no user");
    ok(llm_record_find(&record, LLM_RECORD_BLOCKED, &item)
       && item.amount == 1, "blocked");
    ok(llm_record_find(&record, LLM_RECORD_EXPIRES, &item)
       && item.amount == NOW, "when it expires");
    ok(llm_record_find(&record, LLM_RECORD_PRIORITY, &item)
       && item.len == 4, "a priority");
    ok(llm_record_find(&record, LLM_RECORD_BUDGET_ID, &item), "a budget");
    ok(llm_record_find(&record, LLM_RECORD_COUNTS_AS, &item), "its elder");
    ok(!llm_record_find(&record, LLM_RECORD_REPLACED_BY, &item), "no heir");

    list[0] = '\0';

    for (at = 0; llm_record_next(&record, &at, &item); /* void */ ) {
        if (item.tag == LLM_RECORD_MODEL) {
            (void) sprintf(list + strlen(list), "%.*s ", (int) item.len,
                           item.text);
        }
    }

    ok(strcmp(list, "x* * g h ") == 0, "models: %s", list);

    (void) doc(LLM_ENTITY_KEY, "{\"expires\":null,\"blocked\":null}");

    ok(llm_record_find(&record, LLM_RECORD_EXPIRES, &item)
       && item.amount == LLM_RECORD_LIFTED, "it never expires");
    ok(llm_record_find(&record, LLM_RECORD_BLOCKED, &item)
       && item.amount == 0, "and is not blocked");

    (void) doc(LLM_ENTITY_GROUP, "{\"model_names\":[\"a\",\"b*\"]}");

    ok(llm_record_find(&record, LLM_RECORD_MODEL, &item) && item.len == 1,
       "a group");

    (void) doc(LLM_ENTITY_USER, "{\"model_max_budget\":{\"a\":1},"
                                "\"team_id\":\"t\"}");
    is_int(record.len, 0, "what a user has no use for is nobody's");
}


static const struct {
    const char  *json;
    const char  *what;
} wrongs[] = {
    { "", "the document is not valid JSON" },
    { "[]", "the document is not an object" },
    { "{\"a\":1,\"a\":2}", "the document is not valid JSON" },
    { "{\"max_budget\":-1}", "max_budget is negative" },
    { "{\"max_budget\":1e99}", "max_budget is too large" },
    { "{\"max_budget\":\"much\"}", "max_budget is no amount" },
    { "{\"max_budget\":true}", "max_budget is no amount" },
    { "{\"soft_budget\":-0.5}", "soft_budget is negative" },
    { "{\"budget_duration\":\"soon\"}", "budget_duration is no period" },
    { "{\"budget_duration\":30}", "budget_duration is no period" },
    { "{\"rpm_limit\":-1}", "rpm_limit is no limit" },
    { "{\"rpm_limit\":1.5}", "rpm_limit is no limit" },
    { "{\"rpm_limit\":\"1\"}", "rpm_limit is no limit" },
    { "{\"tpm_limit\":1e30}", "tpm_limit is no limit" },
    { "{\"max_parallel_requests\":[]}", "max_parallel_requests is no limit" },
    { "{\"budget_limits\":{}}", "budget_limits is no list" },
    { "{\"budget_limits\":[{}]}", "budget_limits has an entry" },
    { "{\"budget_limits\":[1]}", "budget_limits has an entry" },
    { "{\"budget_limits\":[1,2,3,4,5,6,7,8,9]}", "budget_limits is no list" },
    { "{\"models\":\"m\"}", "models is no list" },
    { "{\"models\":[1]}", "models has what is no name" },
    { "{\"models\":[\"a*b\"]}", "models has what is no name" },
    { "{\"access_group_ids\":[\"\"]}", "access_group_ids has what is no" },
    { "{\"blocked\":\"yes\"}", "blocked is neither" },
    { "{\"expires\":\"later\"}", "expires is no date" },
    { "{\"expires\":12}", "expires is no date" },
    { "{\"team_id\":\"\\n\"}", "team_id is no name" },
    { "{\"team_id\":7}", "team_id is no name" },
    { "{\"temp_budget_increase\":1}", "temp_budget_expiry is no date" },
    { "{\"temp_budget_increase\":-1,\"temp_budget_expiry\":\"2027-01-01\"}",
      "temp_budget_increase is negative" },
    { "{\"throttle_on_budget_exceeded\":5}", "throttle_on_budget_exceeded is" },
    { "{\"throttle_on_budget_exceeded\":true,"
      "\"budget_exceeded_throttle_percentage\":2}",
      "budget_exceeded_throttle_percentage is no share" },
    { "{\"model_rpm_limit\":5}", "model_rpm_limit is no object" },
    { "{\"model_rpm_limit\":{\"\":5}}", "the limits of models name what" },
    { "{\"model_tpm_limit\":{\"a\":\"b\"}}", "model_tpm_limit is no limit" },
    { "{\"model_max_budget\":[]}", "model_max_budget is no object" },
    { "{\"model_max_budget\":{\"a\":-1}}", "model_max_budget is negative" },
    { "{\"model_max_budget\":{\"a\":{\"budget_limit\":-1}}}",
      "budget_limit is negative" }
};


static void
test_wrongs(void)
{
    int     rc;
    size_t  i;

    for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        rc = doc(LLM_ENTITY_KEY, wrongs[i].json);

        ok(rc == -1
           && strncmp(error, wrongs[i].what, strlen(wrongs[i].what)) == 0,
           "%s: %s", wrongs[i].json, error);
    }
}


static void
test_large(void)
{
    unsigned  i;

    static char  json[65536];

    strcpy(json, "{\"models\":[\"m\"");

    for (i = 0; i < 500; i++) {
        strcat(json, ",\"a-model-with-a-name-of-some-length\"");
    }

    strcat(json, "]}");

    is_int(doc(LLM_ENTITY_TEAM, json), -1, "too many models: %s", error);
}


static void
test_kinds(void)
{
    is_int(llm_entity_kind((const u_char *) "team", 4), LLM_ENTITY_TEAM,
           "a team");
    is_int(llm_entity_kind((const u_char *) "access_group", 12),
           LLM_ENTITY_GROUP, "a group");
    is_int(llm_entity_kind((const u_char *) "tea", 3), LLM_ENTITY_KINDS,
           "nobody's business");
}


int
main(void)
{
    test_overlays();
    test_periods();
    test_full();
    test_items();
    test_wrongs();
    test_large();
    test_kinds();

    return tap_done();
}
