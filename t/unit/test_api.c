
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_api_doc.h"
#include "llm_api_path.h"
#include "tap.h"


static void
test_paths(void)
{
    size_t          i, k;
    llm_api_text_t  args[LLM_API_STARS];

    static const struct {
        const char  *pattern;
        const char  *path;
        const char  *args[LLM_API_STARS];    /* NULL: another path */
    } paths[] = {
        { "/team/new", "/team/new", { "", "" } },
        { "/team/new", "/team/ne", { NULL } },
        { "/team/new", "/team/new/", { NULL } },
        { "/team/new", "", { NULL } },
        { "/team/*", "/team/a b", { "a b", "" } },
        { "/team/*", "/team/", { NULL } },
        { "/team/*", "/team/a/b", { NULL } },
        { "/key/*/regenerate", "/key/sk-1/regenerate", { "sk-1", "" } },
        { "/key/*/regenerate", "/key//regenerate", { NULL } },
        { "/key/*/regenerate", "/key/regenerate", { NULL } },
        { "/key/*/regenerate", "/key/sk-1", { NULL } },
        { "/team/*/member/*/reset_spend", "/team/t/member/u/reset_spend",
          { "t", "u" } },
        { "/team/*/member/*/reset_spend", "/team/t/member//reset_spend",
          { NULL } },
        { "/team/*/reset_spend", "/team/t/member/u/reset_spend", { NULL } },
        { NULL, NULL, { NULL } }
    };

    for (i = 0; paths[i].pattern; i++) {

        is_int(llm_api_path(paths[i].pattern, (u_char *) paths[i].path,
                            strlen(paths[i].path), args),
               paths[i].args[0] != NULL, "%s is %s", paths[i].path,
               paths[i].pattern);

        for (k = 0; paths[i].args[0] && k < LLM_API_STARS; k++) {
            is_mem(args[k].data, args[k].len, paths[i].args[k],
                   "its segments");
        }
    }
}


static void
test_arguments(void)
{
    u_char          buf[64];
    size_t          i;
    llm_api_text_t  value;

    static const struct {
        const char  *query;
        const char  *value;          /* NULL: it has none */
    } queries[] = {
        { "a=1", "1" },
        { "b=2&a=1", "1" },
        { "a=1&a=2", "1" },
        { "aa=1", NULL },
        { "a", NULL },
        { "", NULL },
        { "b=a=1", NULL },
        { "a=x+y%20z%2B", "x y z+" },
        { "a=%4", "%4" },
        { "a=%zz%", "%zz%" },
        { "&&a=b=c&", "b=c" },
        { NULL, NULL }
    };

    for (i = 0; queries[i].query; i++) {

        is_int(llm_api_argument((u_char *) queries[i].query,
                                strlen(queries[i].query), "a", buf, &value),
               queries[i].value != NULL, "an argument of %s",
               queries[i].query);

        if (queries[i].value) {
            is_mem(value.data, value.len, queries[i].value, "its value");
        }
    }
}


static void
test_times(void)
{
    u_char  buf[LLM_API_TIME];
    size_t  i;

    static const struct {
        int64_t      ms;
        const char  *text;
    } times[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { -1, "1969-12-31T23:59:59.999000Z" },
        { 5097600000, "1970-03-01T00:00:00.000000Z" },
        { 1718405316594, "2024-06-14T22:48:36.594000Z" },
        { 1709164800007, "2024-02-29T00:00:00.007000Z" },
        { 951782399999, "2000-02-28T23:59:59.999000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999000Z" },
        { 0, NULL }
    };

    for (i = 0; times[i].text; i++) {
        is_mem(buf, llm_api_time(buf, times[i].ms) - buf, times[i].text,
               "%lld", (long long) times[i].ms);
    }
}


static void
test_depth(void)
{
    u_char  buf[2 * LLM_API_DEPTH + 4];

    memset(buf, '[', LLM_API_DEPTH + 1);
    memset(buf + LLM_API_DEPTH, ']', LLM_API_DEPTH);

    ok(llm_api_shallow(buf, 2 * LLM_API_DEPTH), "as deep as may be");

    memset(buf, '[', LLM_API_DEPTH + 1);

    ok(!llm_api_shallow(buf, LLM_API_DEPTH + 1), "deeper");
    ok(llm_api_shallow((u_char *) "\"\\\"[[\"", 6), "brackets in a string");
    ok(llm_api_shallow((u_char *) "]]\"\\", 4), "what is not JSON");
}


/* "status member", or "" where it was merged; after is the document then. */

static void
merge(unsigned kind, const char *document, const char *body,
    const char *member, unsigned status, const char *after)
{
    int               rc;
    char             *text;
    json_t           *doc, *changes;
    llm_api_fault_t   fault;

    doc = json_loads(document, 0, NULL);
    changes = json_loads(body, 0, NULL);

    rc = llm_api_merge(doc, changes, kind, &fault);

    if (member == NULL) {
        is_int(rc, 0, "%s", body);

    } else {
        ok(rc == -1 && strcmp(fault.member, member) == 0
           && fault.status == status, "%s: %s", body,
           rc == -1 ? fault.what : "is taken");
    }

    text = json_dumps(doc, JSON_COMPACT|JSON_SORT_KEYS
                           |JSON_REAL_PRECISION(LLM_API_DIGITS));

    ok(strcmp(text, after ? after : document) == 0, "the document: %s", text);

    free(text);
    json_decref(doc);
    json_decref(changes);
}


static void
test_documents(void)
{
    merge(LLM_API_TEAM, "{\"a\":1}", "{\"max_budget\":1e-9}", NULL, 0,
          "{\"a\":1,\"max_budget\":1e-9}");
    merge(LLM_API_TEAM, "{\"max_budget\":1}", "{\"max_budget\":null}", NULL, 0,
          "{\"max_budget\":null}");
    merge(LLM_API_TEAM, "{}", "{\"max_budget\":123456.789012345}", NULL, 0,
          "{\"max_budget\":123456.789012345}");
    merge(LLM_API_TEAM, "{}", "{\"max_budget\":-1}", "max_budget", 400, NULL);
    merge(LLM_API_TEAM, "{}", "{\"max_budget\":1e11}", "max_budget", 400,
          NULL);
    merge(LLM_API_TEAM, "{}", "{\"max_budget\":[]}", "max_budget", 422, NULL);
    merge(LLM_API_TEAM, "{}", "{\"rpm_limit\":1,\"tpm_limit\":\"x\"}",
          "tpm_limit", 422, NULL);

    /* of another kind it is nobody's business */

    merge(LLM_API_BUDGET, "{}", "{\"team_alias\":1}", NULL, 0,
          "{\"team_alias\":1}");

    merge(LLM_API_TEAM, "{\"max_budget\":2}", "{\"soft_budget\":2}",
          "soft_budget", 400, NULL);
    merge(LLM_API_TEAM, "{\"max_budget\":2}",
          "{\"max_budget\":null,\"soft_budget\":2}", NULL, 0,
          "{\"max_budget\":null,\"soft_budget\":2}");
    merge(LLM_API_KEY, "{}", "{\"temp_budget_expiry\":\"2026-01-01\"}",
          "temp_budget_increase", 400, NULL);
    merge(LLM_API_KEY, "{}", "{\"expires\":\"soon\"}", "expires", 400, NULL);
    merge(LLM_API_KEY, "{}", "{\"key_type\":\"default\"}", NULL, 0,
          "{\"key_type\":\"default\"}");
    merge(LLM_API_KEY, "{}", "{\"key_type\":\"defaul\"}", "key_type", 422,
          NULL);
    merge(LLM_API_KEY, "{}", "{\"key_type\":7}", "key_type", 422, NULL);
    merge(LLM_API_KEY, "{}", "{\"model_max_budget\":{\"m\":0.5,\"n\":"
          "{\"budget_limit\":1,\"time_period\":\"1d\"},\"o\":null}}", NULL, 0,
          "{\"model_max_budget\":{\"m\":0.5,\"n\":{\"budget_limit\":1,"
          "\"time_period\":\"1d\"},\"o\":null}}");
    merge(LLM_API_KEY, "{}", "{\"model_max_budget\":{\"m\":"
          "{\"time_period\":\"x\"}}}", "model_max_budget", 400, NULL);
    merge(LLM_API_KEY, "{}",
          "{\"budget_exceeded_throttle_percentage\":0}",
          "budget_exceeded_throttle_percentage", 400, NULL);
    merge(LLM_API_KEY, "{}",
          "{\"budget_exceeded_throttle_percentage\":1.1}",
          "budget_exceeded_throttle_percentage", 400, NULL);
    merge(LLM_API_KEY, "{}", "{\"team_id\":\"anonymous\"}", "team_id", 400,
          NULL);
    merge(LLM_API_KEY, "{}", "{\"team_id\":\"\"}", "team_id", 400, NULL);
}


int
main(void)
{
    test_paths();
    test_arguments();
    test_times();
    test_depth();
    test_documents();

    return tap_done();
}
