
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>

#include "llm_redis_alert.h"
#include "llm_redis_words.h"


#define LLM_REDIS_ALERT_NAME  (LLM_STORE_ID_MAX + 3)


static void llm_redis_alert_begin(llm_redis_args_t *args,
    const llm_redis_names_t *names, const char *script,
    const llm_store_alert_t *alerts, size_t n);


/* KEYS: of alerts; ARGV: node, ms that a claim is good for */

static const char  llm_redis_alert_claims[] =
    "local out = {}\n"
    "for i = 1, #KEYS do\n"
    "    local had = redis.call('GET', KEYS[i])\n"
    "    if not had or had == 'claimed ' .. ARGV[1] then\n"
    "        redis.call('SET', KEYS[i], 'claimed ' .. ARGV[1],\n"
    "                   'PX', ARGV[2])\n"
    "        out[i] = 1\n"
    "    elseif string.sub(had, 1, 5) == 'told ' then\n"
    "        out[i] = 2\n"
    "    else\n"
    "        out[i] = 0\n"
    "    end\n"
    "end\n"
    "return {1, 'claimed', out}\n";


/* KEYS: of alerts; ARGV: node, and of each when it is forgotten */

static const char  llm_redis_alert_tells[] =
    "for i = 1, #KEYS do\n"
    "    local had = redis.call('GET', KEYS[i])\n"
    "    if not had or had == 'claimed ' .. ARGV[1] then\n"
    "        redis.call('SET', KEYS[i], 'told ' .. ARGV[1])\n"
    "        redis.call('EXPIREAT', KEYS[i], ARGV[i + 1])\n"
    "    end\n"
    "end\n"
    "return {1, 'told', {}}\n";


static void
llm_redis_alert_begin(llm_redis_args_t *args, const llm_redis_names_t *names,
    const char *script, const llm_store_alert_t *alerts, size_t n)
{
    char    name[LLM_REDIS_ALERT_NAME];
    size_t  i;

    llm_redis_begin(args);

    llm_redis_add_text(args, "EVAL");
    llm_redis_add_text(args, script);
    llm_redis_add_number(args, n);

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "a:%.*s", (int) alerts[i].id.len,
                        (const char *) alerts[i].id.data);
        llm_redis_add_name(args, names, name);
    }

    (void) snprintf(name, sizeof(name), "%016llx",
                    (unsigned long long) names->node);
    llm_redis_add_text(args, name);
}


int
llm_redis_alert_claim(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_store_alert_t *alerts, size_t n)
{
    llm_redis_alert_begin(args, names, llm_redis_alert_claims, alerts, n);
    llm_redis_add_number(args, LLM_REDIS_CLAIMED);

    return llm_redis_end(args);
}


int
llm_redis_alert_told(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_store_alert_t *alerts, size_t n, const int64_t *until,
    int64_t now)
{
    size_t   i;
    int64_t  end;

    llm_redis_alert_begin(args, names, llm_redis_alert_tells, alerts, n);

    for (i = 0; i < n; i++) {
        end = now;

        if (until[i] > now) {
            end = until[i];
        }

        /* of what never ends the store has forgotten it by then, too */

        end += until[i] ? LLM_REDIS_TOLD : (int64_t) LLM_STORE_DAYS * 86400;

        llm_redis_add_number(args, end);
    }

    return llm_redis_end(args);
}


llm_redis_status_e
llm_redis_alert_claimed(const redisReply *reply, llm_redis_alert_e *whose,
    size_t n, llm_redis_text_t *text)
{
    size_t               i;
    const redisReply    *list, *item;
    llm_redis_status_e   status;

    status = llm_redis_status(reply, 3, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    list = llm_redis_array(reply, 2);

    if (list == NULL || list->elements != n) {
        return LLM_REDIS_GARBAGE;
    }

    for (i = 0; i < n; i++) {
        item = list->element[i];

        if (item->type != REDIS_REPLY_INTEGER
            || item->integer < LLM_REDIS_ALERT_LATER
            || item->integer > LLM_REDIS_ALERT_TOLD)
        {
            return LLM_REDIS_GARBAGE;
        }

        whose[i] = (llm_redis_alert_e) item->integer;
    }

    return LLM_REDIS_OK;
}
