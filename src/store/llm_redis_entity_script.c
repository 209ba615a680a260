
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_redis_entity.h"


/* The scripts.  KEYS of all: now, alias, order, log, version. */


#define llm_redis_string(s)   llm_redis_string_(s)
#define llm_redis_string_(s)  #s


/* What is there of an entity; how a value is set under the next number. */

#define LLM_REDIS_ENTITY_LUA                                                  \
    "local function head(value)\n"                                            \
    "    if not value then\n"                                                 \
    "        return nil\n"                                                    \
    "    end\n"                                                               \
    "    local version, sign, digest, n, at =\n"                              \
    "        string.match(value, '^(%d+) ([+-]) (%x+) (%d+):()')\n"           \
    "    return version and {version = tonumber(version),\n"                  \
    "                        live = sign == '+', digest = digest,\n"          \
    "                        alias = string.sub(value, at, at + n - 1),\n"    \
    "                        rest = string.match(value, ' (.*)$')}\n"         \
    "end\n"                                                                   \
    "local function text(number)\n"                                           \
    "    return string.format('%.0f', number)\n"                              \
    "end\n"                                                                   \
    "local t = redis.call('TIME')\n"                                          \
    "local version = math.max(\n"                                             \
    "    tonumber(redis.call('GET', KEYS[5]) or '0'),\n"                      \
    "    t[1] * 1000 + math.floor(t[2] / 1000) - 1)\n"                        \
    "local last = redis.call('XREVRANGE', KEYS[4], '+', '-',\n"               \
    "                        'COUNT', '1')[1]\n"                              \
    "local number = last and tonumber(string.match(last[1], '^%d+')) or 0\n"  \
    "local function set(field, value)\n"                                      \
    "    number = number + 1\n"                                               \
    "    redis.call('HSET', KEYS[1], field, value)\n"                         \
    "    redis.call('ZADD', KEYS[3], text(number), field)\n"                  \
    "    redis.call('XADD', KEYS[4], 'MAXLEN', '~', '"                        \
                    llm_redis_string(LLM_REDIS_LOG) "',\n"                    \
    "               text(number) .. '-0', 'value', value)\n"                  \
    "    redis.call('SET', KEYS[5], text(version))\n"                         \
    "end\n"


const char *const  llm_redis_entity_scripts[LLM_REDIS_ENTITY_SCRIPTS] = {

    /*
     * ARGV of each change: field, kind, the version it must have (0: it is
     * new, -1: any), sign, digest, alias, record.  First all of them are
     * looked at, each as those before it leave things; then all are made.
     */

    LLM_REDIS_ENTITY_LUA
    "local now, owner, made, versions = {}, {}, {}, {}\n"
    "for a = 1, #ARGV, 7 do\n"
    "    local field, kind, alias = ARGV[a], ARGV[a + 1], ARGV[a + 5]\n"
    "    local want, live = tonumber(ARGV[a + 2]), ARGV[a + 3] == '+'\n"
    "    local i = (a + 6) / 7\n"
    "    local value = now[field] or redis.call('HGET', KEYS[1], field)\n"
    "    local had = head(value)\n"
    "    local there = had and had.live\n"
    "    if want == 0 and there then\n"
    "        return {1, 'exists', i, {value}}\n"
    "    end\n"
    "    if not there and (want > 0 or not live) then\n"
    "        return {1, 'missing', i, {value or ''}}\n"
    "    end\n"
    "    if want > 0 and had.version ~= want then\n"
    "        return {1, 'conflict', i, {value}}\n"
    "    end\n"
    "    if there and had.alias ~= '' then\n"
    "        local name = kind .. ':' .. had.alias\n"
    "        local who = owner[name]\n"
    "        if who == nil then\n"
    "            who = redis.call('HGET', KEYS[2], name)\n"
    "        end\n"
    "        if who == field then\n"
    "            owner[name] = false\n"
    "        end\n"
    "    end\n"
    "    if live and alias ~= '' then\n"
    "        local name = kind .. ':' .. alias\n"
    "        local who = owner[name]\n"
    "        if who == nil then\n"
    "            who = redis.call('HGET', KEYS[2], name)\n"
    "        end\n"
    "        if who and who ~= field then\n"
    "            return {1, 'alias', i,\n"
    "                    {redis.call('HGET', KEYS[1], who) or ''}}\n"
    "        end\n"
    "        owner[name] = field\n"
    "    end\n"
    "    version = math.max(version, had and had.version or 0) + 1\n"
    "    now[field] = text(version) .. ' ' .. ARGV[a + 3] .. ' '\n"
    "                 .. ARGV[a + 4] .. ' ' .. #alias .. ':' .. alias\n"
    "                 .. ARGV[a + 6]\n"
    "    made[i] = {field, now[field]}\n"
    "    versions[i] = text(version)\n"
    "end\n"
    "for name, field in pairs(owner) do\n"
    "    if field then\n"
    "        redis.call('HSET', KEYS[2], name, field)\n"
    "    else\n"
    "        redis.call('HDEL', KEYS[2], name)\n"
    "    end\n"
    "end\n"
    "for i = 1, #made do\n"
    "    set(made[i][1], made[i][2])\n"
    "end\n"
    "return {1, 'made', 0, versions}\n",

    /*
     * ARGV of each entity: field, kind, version, sign, digest, alias, and the
     * record, or '' to ask.
     */

    LLM_REDIS_ENTITY_LUA
    "local wanted = {}\n"
    "for a = 1, #ARGV, 7 do\n"
    "    local field, kind, alias = ARGV[a], ARGV[a + 1], ARGV[a + 5]\n"
    "    local has, live = tonumber(ARGV[a + 2]), ARGV[a + 3] == '+'\n"
    "    local had = head(redis.call('HGET', KEYS[1], field))\n"
    "    if not had or had.version < has then\n"
    "        if ARGV[a + 6] == '' then\n"
    "            wanted[#wanted + 1] = (a + 6) / 7\n"
    "        else\n"
    "            if had and had.live and had.alias ~= '' then\n"
    "                local name = kind .. ':' .. had.alias\n"
    "                if redis.call('HGET', KEYS[2], name) == field then\n"
    "                    redis.call('HDEL', KEYS[2], name)\n"
    "                end\n"
    "            end\n"
    "            if live and alias ~= '' and redis.call('HSETNX', KEYS[2],\n"
    "                kind .. ':' .. alias, field) == 0\n"
    "            then\n"
    "                alias = ''\n"
    "            end\n"
    "            version = math.max(version, has)\n"
    "            set(field, ARGV[a + 2] .. ' ' .. ARGV[a + 3] .. ' '\n"
    "                       .. ARGV[a + 4] .. ' ' .. #alias .. ':' .. alias\n"
    "                       .. ARGV[a + 6])\n"
    "        end\n"
    "    elseif had.version == has\n"
    "           and (had.live ~= live or had.digest ~= ARGV[a + 4])\n"
    "    then\n"
    "        version = math.max(version, has) + 1\n"
    "        set(field, text(version) .. ' ' .. had.rest)\n"
    "    end\n"
    "end\n"
    "return {1, 'offered', 0, wanted}\n",

    /*
     * ARGV: number, version, 'walk' or ''.
     *
     * The log is followed from a change that is in it with this version: who
     * knows another history begins anew.  Who begins, and finds no whole log,
     * walks through all entities in the order of their last changes, up to
     * the newest, which the log has.
     */

    "local since, word, list, size = ARGV[1], 'log', {}, 0\n"
    "local max = '" llm_redis_string(LLM_REDIS_NEWS) "'\n"
    "local found = {}\n"
    "if since == '0' then\n"
    "    local first = redis.call('XRANGE', KEYS[4], '-', '+',\n"
    "                             'COUNT', '1')[1]\n"
    "    if first and first[1] ~= '1-0' then\n"
    "        word = 'walk'\n"
    "    end\n"
    "elseif ARGV[3] == 'walk' then\n"
    "    word = 'walk'\n"
    "else\n"
    "    local seen = redis.call('XRANGE', KEYS[4], since .. '-0',\n"
    "                            since .. '-0')[1]\n"
    "    if not seen or string.match(seen[2][2], '^%d+') ~= ARGV[2] then\n"
    "        return {1, 'lost', 0, {}}\n"
    "    end\n"
    "end\n"
    "if word == 'walk' then\n"
    "    local order = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. since,\n"
    "                             '+inf', 'WITHSCORES', 'LIMIT', '0', max)\n"
    "    for i = 1, #order, 2 do\n"
    "        found[#found + 1] = {order[i + 1],\n"
    "            redis.call('HGET', KEYS[1], order[i]) or ''}\n"
    "    end\n"
    "else\n"
    "    local log = redis.call('XRANGE', KEYS[4], since .. '-1', '+',\n"
    "                           'COUNT', max)\n"
    "    for i = 1, #log do\n"
    "        found[i] = {string.match(log[i][1], '^%d+'), log[i][2][2]}\n"
    "    end\n"
    "end\n"
    "local more = #found == tonumber(max) and 1 or 0\n"
    "for i = 1, #found do\n"
    "    size = size + #found[i][2]\n"
    "    if i > 1 and size > " llm_redis_string(LLM_REDIS_NEWS_SIZE) " then\n"
    "        more = 1\n"
    "        break\n"
    "    end\n"
    "    list[#list + 1] = found[i][1]\n"
    "    list[#list + 1] = found[i][2]\n"
    "end\n"
    "return {1, word, more, list}\n",
};
