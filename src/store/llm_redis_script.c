
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_redis.h"


/* The scripts.  Sums are compared as texts: see llm_redis.h. */


#define llm_redis_string(s)   llm_redis_string_(s)
#define llm_redis_string_(s)  #s


const char *const  llm_redis_scripts[LLM_REDIS_SCRIPTS] = {

    /*
     * KEYS: node, version, changed, run
     * ARGV: token, ttl, since ('' for no changes), max, random
     */

    "local held = redis.call('GET', KEYS[1])\n"
    "if held and held ~= ARGV[1] then\n"
    "    return {0, held}\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "local run = redis.call('GET', KEYS[4])\n"
    "if not run then\n"
    "    run = ARGV[5]\n"
    "    redis.call('SET', KEYS[4], run)\n"
    "end\n"
    "local version = redis.call('GET', KEYS[2]) or '0'\n"
    "local list = {}\n"
    "if ARGV[3] ~= '' then\n"
    "    list = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[3], '+inf',\n"
    "                      'WITHSCORES', 'LIMIT', '0', ARGV[4])\n"
    "end\n"
    "return {1, run, version, list}\n",

    /*
     * KEYS: node, version, changed, and a hash for each meter
     * ARGV: token, and for each meter: 'm' or 'p', expires ('0': never), how
     * many shares, and of each the node and its value
     */

    "local held = redis.call('GET', KEYS[1])\n"
    "if held ~= ARGV[1] then\n"
    "    return {0, held or ''}\n"
    "end\n"
    "local t = redis.call('TIME')\n"
    "local ms = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local now = string.format('%.0f', ms)\n"
    "local function less(a, b)\n"
    "    if #a ~= #b then\n"
    "        return #a < #b\n"
    "    end\n"
    "    return a < b\n"
    "end\n"
    "local function numbers(s)\n"
    "    local list = {}\n"
    "    for d in string.gmatch(s, '%d+') do\n"
    "        list[#list + 1] = d\n"
    "    end\n"
    "    return list\n"
    "end\n"
    "local function grow(old, new)\n"
    "    local o, n = numbers(old), numbers(new)\n"
    "    if #o ~= #n or less(o[1], n[1]) then\n"
    "        return new\n"
    "    end\n"
    "    if o[1] ~= n[1] then\n"
    "        return old\n"
    "    end\n"
    "    for i = 2, #n do\n"
    "        if less(n[i], o[i]) then\n"
    "            n[i] = o[i]\n"
    "        end\n"
    "    end\n"
    "    return table.concat(n, ':')\n"
    "end\n"
    "local function follow(old, new)\n"
    "    local seq, sums = string.match(new, '^(%d+):(.*)$')\n"
    "    local n = numbers(old)\n"
    "    if #n == 5 and not less(n[1], seq)\n"
    "       and ms - tonumber(n[2]) < " llm_redis_string(LLM_REDIS_MINUTE) "\n"
    "    then\n"
    "        return old\n"
    "    end\n"
    "    return seq .. ':' .. now .. ':' .. sums\n"
    "end\n"
    "local out = {1, now}\n"
    "local a = 2\n"
    "for k = 4, #KEYS do\n"
    "    local minute, expires = ARGV[a] == 'm', ARGV[a + 1]\n"
    "    local last = a + 2 + 2 * ARGV[a + 2]\n"
    "    local flat = redis.pcall('HGETALL', KEYS[k])\n"
    "    if flat.err then\n"
    "        redis.call('DEL', KEYS[k])\n"
    "        flat = {}\n"
    "    end\n"
    "    local at = {}\n"
    "    for i = 1, #flat, 2 do\n"
    "        at[flat[i]] = i + 1\n"
    "    end\n"
    "    local version = 0\n"
    "    a = a + 3\n"
    "    while a <= last do\n"
    "        local node, value = ARGV[a], ARGV[a + 1]\n"
    "        local i = at[node]\n"
    "        a = a + 2\n"
    "        if not i then\n"
    "            i = #flat + 2\n"
    "            flat[i - 1] = node\n"
    "            flat[i] = ''\n"
    "            at[node] = i\n"
    "        end\n"
    "        local new = (minute and follow or grow)(flat[i], value)\n"
    "        if new ~= flat[i] then\n"
    "            flat[i] = new\n"
    "            redis.call('HSET', KEYS[k], node, new)\n"
    "            version = 1\n"
    "        end\n"
    "    end\n"
    "    if version ~= 0 then\n"
    "        version = redis.call('INCR', KEYS[2])\n"
    "        redis.call('ZADD', KEYS[3], version, KEYS[k])\n"
    "        if minute then\n"
    "            redis.call('EXPIRE', KEYS[k], 120)\n"
    "        elseif expires ~= '0' then\n"
    "            redis.call('EXPIREAT', KEYS[k], expires)\n"
    "        end\n"
    "    end\n"
    "    out[#out + 1] = {version, flat}\n"
    "end\n"
    "redis.call('ZREMRANGEBYRANK', KEYS[3], 0,\n"
    "           -1 - " llm_redis_string(LLM_REDIS_CHANGES) ")\n"
    "return out\n",
};
