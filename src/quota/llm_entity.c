
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include <openssl/crypto.h>

#include "llm_entity.h"


#define LLM_ENTITY_DATA    sizeof(((llm_entity_cell_t *) 0)->data)

/* While repair looks for what is in use. */
#define LLM_ENTITY_UNSEEN  (LLM_NONE - 1)

#define LLM_ENTITY_DIGEST  32        /* of a key, in the place of its hex */


/* An id as the zone has it. */

typedef struct {
    llm_entity_kind_e        kind;
    uint32_t                 hash;
    size_t                   len;
    u_char                   data[LLM_ENTITY_ID];
} llm_entity_name_t;


static int llm_entity_name(const llm_zone_t *z, llm_entity_name_t *name,
    llm_entity_kind_e kind, const u_char *id, size_t n);
static int llm_entity_hex(u_char c);
static llm_index_t llm_entity_find(llm_zone_t *z,
    const llm_entity_name_t *name);
static int llm_entity_is(llm_zone_t *z, const llm_entity_cell_t *c,
    const llm_entity_name_t *name);
static llm_entity_put_e llm_entity_room(llm_zone_t *z, llm_index_t old,
    size_t len);
static void llm_entity_forget(llm_zone_t *z);
static llm_index_t llm_entity_build(llm_zone_t *z,
    const llm_entity_name_t *name, int64_t version,
    const llm_record_t *record);
static void llm_entity_write(llm_zone_t *z, llm_index_t *at, size_t *used,
    const u_char *p, size_t n);
static void llm_entity_delete(llm_zone_t *z, llm_index_t i, int64_t version);
static void llm_entity_release(llm_zone_t *z, llm_index_t i);
static void llm_entity_link(llm_zone_t *z, llm_index_t i);
static void llm_entity_unlink(llm_zone_t *z, llm_index_t i);
static void llm_entity_changed(llm_zone_t *z);
static int llm_entity_keep(llm_kept_t *kept, llm_entity_kind_e kind,
    const llm_record_t *record);
static int llm_entity_keep_limit(llm_kept_t *kept, llm_subject_type_e type,
    const llm_record_item_t *item);


static inline llm_entity_cell_t *
llm_entity_cell(llm_zone_t *z, llm_index_t i)
{
    return (llm_entity_cell_t *) ((u_char *) z + z->entities) + i;
}


static inline uint32_t *
llm_entity_bucket(llm_zone_t *z, uint32_t hash)
{
    return (uint32_t *) ((u_char *) z + z->entity_buckets)
           + hash % z->nentities;
}


static inline size_t
llm_entity_cells(size_t len)
{
    return len ? (len + LLM_ENTITY_DATA - 1) / LLM_ENTITY_DATA : 1;
}


llm_entity_put_e
llm_entity_put(llm_zone_t *z, llm_entity_kind_e kind, const u_char *id,
    size_t n, int64_t version, const llm_record_t *record)
{
    llm_kept_t          kept;
    llm_index_t         i, old;
    llm_entity_put_e    rc;
    llm_entity_name_t   name;
    llm_entity_cell_t  *c;

    if (llm_entity_name(z, &name, kind, id, n) != 0) {
        return LLM_ENTITY_FULL;
    }

    old = llm_entity_find(z, &name);

    if (old != LLM_NONE && llm_entity_cell(z, old)->version >= version) {
        return LLM_ENTITY_OLD;
    }

    if (record == NULL && old != LLM_NONE) {
        llm_entity_delete(z, old, version);
        return LLM_ENTITY_DONE;
    }

    rc = llm_entity_room(z, old, name.len + (record ? record->len : 0));

    if (rc != LLM_ENTITY_DONE) {
        return rc;
    }

    if (record) {
        kept = z->kept;

        if (llm_entity_keep(&kept, kind, record) != 0) {
            return LLM_ENTITY_PERIODS;
        }

        (void) llm_entity_keep(&z->kept, kind, record);
    }

    i = llm_entity_build(z, &name, version, record);
    c = llm_entity_cell(z, i);

    llm_zone_put32(z, &c->state, record ? LLM_ENTITY_LIVE : LLM_ENTITY_GONE);

    if (old != LLM_NONE) {
        llm_zone_put32(z, &llm_entity_cell(z, old)->state, LLM_ENTITY_FREE);
    }

    llm_zone_commit(z);

    if (old != LLM_NONE) {

        if (llm_entity_cell(z, old)->deleted == 0) {
            z->entities_of[kind]--;
        }

        llm_entity_unlink(z, old);
        llm_entity_release(z, old);
    }

    llm_entity_link(z, i);
    z->entities_of[kind] += (record != NULL);

    llm_entity_changed(z);

    return LLM_ENTITY_DONE;
}


llm_entity_put_e
llm_entity_check(llm_zone_t *z, llm_entity_kind_e kind, const u_char *id,
    size_t n, const llm_record_t *record)
{
    llm_index_t        old;
    llm_kept_t         kept;
    llm_entity_put_e   rc;
    llm_entity_name_t  name;

    if (llm_entity_name(z, &name, kind, id, n) != 0) {
        return LLM_ENTITY_FULL;
    }

    old = llm_entity_find(z, &name);

    if (record == NULL) {
        return old != LLM_NONE ? LLM_ENTITY_DONE
                               : llm_entity_room(z, old, name.len);
    }

    rc = llm_entity_room(z, old, name.len + record->len);

    if (rc != LLM_ENTITY_DONE) {
        return rc;
    }

    kept = z->kept;

    return llm_entity_keep(&kept, kind, record) == 0 ? LLM_ENTITY_DONE
                                                     : LLM_ENTITY_PERIODS;
}


llm_entity_state_e
llm_entity_get(llm_zone_t *z, llm_entity_kind_e kind, const u_char *id,
    size_t n, llm_record_t *record)
{
    size_t              skip, left, part;
    u_char             *p;
    llm_index_t         i;
    llm_entity_name_t   name;
    llm_entity_cell_t  *c;

    if (llm_entity_name(z, &name, kind, id, n) != 0) {
        return LLM_ENTITY_FREE;
    }

    i = llm_entity_find(z, &name);

    if (i == LLM_NONE) {
        return LLM_ENTITY_FREE;
    }

    c = llm_entity_cell(z, i);

    if (c->state == LLM_ENTITY_GONE) {
        return LLM_ENTITY_GONE;
    }

    skip = name.len;
    left = c->len;
    p = record->data;

    record->len = left;

    while (left) {

        if (skip >= LLM_ENTITY_DATA) {
            skip -= LLM_ENTITY_DATA;

        } else {
            part = LLM_ENTITY_DATA - skip;
            part = (left < part) ? left : part;

            memcpy(p, c->data + skip, part);

            p += part;
            left -= part;
            skip = 0;
        }

        if (left) {
            c = llm_entity_cell(z, c->more);
        }
    }

    return LLM_ENTITY_LIVE;
}


static int
llm_entity_name(const llm_zone_t *z, llm_entity_name_t *name,
    llm_entity_kind_e kind, const u_char *id, size_t n)
{
    int       high, low;
    unsigned  i;

    if (n == 0 || n > LLM_ENTITY_ID) {
        return -1;
    }

    name->kind = kind;
    name->len = n;
    memcpy(name->data, id, n);

    if (kind == LLM_ENTITY_KEY && n == 2 * LLM_ENTITY_DIGEST) {

        for (i = 0; i < LLM_ENTITY_DIGEST; i++) {
            high = llm_entity_hex(id[2 * i]);
            low = llm_entity_hex(id[2 * i + 1]);

            if (high < 0 || low < 0) {
                memcpy(name->data, id, n);
                break;
            }

            name->data[i] = (u_char) (high * 16 + low);
        }

        if (i == LLM_ENTITY_DIGEST) {
            name->len = LLM_ENTITY_DIGEST;
        }
    }

    name->hash = llm_zone_hash(z, name->data, name->len,
                               LLM_HASH_ENTITY + kind);

    return 0;
}


static int
llm_entity_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static llm_index_t
llm_entity_find(llm_zone_t *z, const llm_entity_name_t *name)
{
    llm_index_t         i;
    llm_entity_cell_t  *c;

    for (i = *llm_entity_bucket(z, name->hash); i != LLM_NONE; i = c->next) {
        c = llm_entity_cell(z, i);

        if (c->hash == name->hash
            && c->kind == name->kind
            && c->id_len == name->len
            && llm_entity_is(z, c, name))
        {
            return i;
        }
    }

    return LLM_NONE;
}


static int
llm_entity_is(llm_zone_t *z, const llm_entity_cell_t *c,
    const llm_entity_name_t *name)
{
    size_t  n;

    n = (name->len < LLM_ENTITY_DATA) ? name->len : LLM_ENTITY_DATA;

    if (CRYPTO_memcmp(c->data, name->data, n) != 0) {
        return 0;
    }

    return n == name->len
           || memcmp(llm_entity_cell(z, c->more)->data, name->data + n,
                     name->len - n)
              == 0;
}


/*
 * A change takes new cells before it gives back the old ones, so some are
 * kept for changes, for one of the largest at most: who is in a full zone can
 * still be blocked.
 */

static llm_entity_put_e
llm_entity_room(llm_zone_t *z, llm_index_t old, size_t len)
{
    size_t              need, has, spare;
    llm_entity_cell_t  *c;

    need = llm_entity_cells(len);
    has = 0;

    if (old != LLM_NONE) {
        c = llm_entity_cell(z, old);
        has = llm_entity_cells(c->id_len + (size_t) c->len);
    }

    spare = llm_entity_cells(LLM_ENTITY_ID + LLM_RECORD_MAX);
    spare = (spare < z->nentities / 8) ? spare : z->nentities / 8;

    if (need > z->entities_left
        || (need > has && z->entities_left - (need - has) < spare))
    {
        llm_entity_forget(z);
    }

    if (need > z->entities_left
        || (need > has && z->entities_left - (need - has) < spare))
    {
        return LLM_ENTITY_FULL;
    }

    return LLM_ENTITY_DONE;
}


/* Those that were deleted long enough ago. */

static void
llm_entity_forget(llm_zone_t *z)
{
    llm_index_t         i;
    llm_entity_cell_t  *c;

    for (i = 0; i < z->nentities; i++) {
        c = llm_entity_cell(z, i);

        if (c->state == LLM_ENTITY_GONE
            && z->now + 1 - c->deleted >= LLM_ENTITY_KEEP)
        {
            llm_entity_unlink(z, i);
            llm_zone_put32(z, &c->state, LLM_ENTITY_FREE);
            llm_zone_commit(z);
            llm_entity_release(z, i);
        }
    }
}


/* There is room. */

static llm_index_t
llm_entity_build(llm_zone_t *z, const llm_entity_name_t *name,
    int64_t version, const llm_record_t *record)
{
    size_t              n, used;
    llm_index_t         i, first, *at;
    llm_entity_cell_t  *c;

    first = LLM_NONE;
    at = &first;

    for (n = llm_entity_cells(name->len + (record ? record->len : 0));
         n;
         n--)
    {
        i = z->free_entity;
        c = llm_entity_cell(z, i);

        z->free_entity = c->next;
        z->entities_left--;

        c->next = LLM_NONE;
        c->more = LLM_NONE;

        *at = i;
        at = &c->more;
    }

    c = llm_entity_cell(z, first);

    c->hash = name->hash;
    c->version = version;
    c->deleted = record ? 0 : z->now + 1;
    c->len = record ? (uint16_t) record->len : 0;
    c->id_len = (uint16_t) name->len;
    c->kind = name->kind;

    i = first;
    used = 0;

    llm_entity_write(z, &i, &used, name->data, name->len);

    if (record) {
        llm_entity_write(z, &i, &used, record->data, record->len);
    }

    return first;
}


static void
llm_entity_write(llm_zone_t *z, llm_index_t *at, size_t *used,
    const u_char *p, size_t n)
{
    size_t              part;
    llm_entity_cell_t  *c;

    while (n) {
        c = llm_entity_cell(z, *at);

        if (*used == LLM_ENTITY_DATA) {
            *at = c->more;
            *used = 0;
            continue;
        }

        part = LLM_ENTITY_DATA - *used;
        part = (n < part) ? n : part;

        memcpy(c->data + *used, p, part);

        *used += part;
        p += part;
        n -= part;
    }
}


/* The cells with the id stay, so that it is found. */

static void
llm_entity_delete(llm_zone_t *z, llm_index_t i, int64_t version)
{
    llm_entity_cell_t  *c;

    c = llm_entity_cell(z, i);

    if (c->state == LLM_ENTITY_LIVE) {
        z->entities_of[c->kind]--;
    }

    llm_zone_put64(z, &c->version, version);
    llm_zone_put64(z, (int64_t *) &c->deleted, (int64_t) z->now + 1);
    llm_zone_put32(z, &c->state, LLM_ENTITY_GONE);
    llm_zone_commit(z);

    llm_entity_changed(z);
}


/* Gives back the cells of a chain. */

static void
llm_entity_release(llm_zone_t *z, llm_index_t i)
{
    llm_index_t         more;
    llm_entity_cell_t  *c;

    while (i != LLM_NONE) {
        c = llm_entity_cell(z, i);
        more = c->more;

        c->next = z->free_entity;
        z->free_entity = i;
        z->entities_left++;

        i = more;
    }
}


static void
llm_entity_link(llm_zone_t *z, llm_index_t i)
{
    uint32_t           *bucket;
    llm_entity_cell_t  *c;

    c = llm_entity_cell(z, i);
    bucket = llm_entity_bucket(z, c->hash);

    c->next = *bucket;
    *bucket = i;
}


static void
llm_entity_unlink(llm_zone_t *z, llm_index_t i)
{
    uint32_t  *at;

    at = llm_entity_bucket(z, llm_entity_cell(z, i)->hash);

    while (*at != i) {
        at = &llm_entity_cell(z, *at)->next;
    }

    *at = llm_entity_cell(z, i)->next;
}


/* After the change, which who sees the number finds. */

static void
llm_entity_changed(llm_zone_t *z)
{
    __atomic_fetch_add(&z->entity_changes, 1, __ATOMIC_RELEASE);
}


/* What a kill may have kept from being told is told now. */

void
llm_entity_thread(llm_zone_t *z)
{
    uint32_t            of[LLM_ENTITY_KINDS];
    llm_index_t         i, k;
    llm_entity_cell_t  *c;

    memset((u_char *) z + z->entity_buckets, 0xff,
           z->nentities * sizeof(uint32_t));
    memset(of, 0, sizeof(of));

    z->free_entity = LLM_NONE;
    z->entities_left = 0;

    for (i = 0; i < z->nentities; i++) {
        llm_entity_cell(z, i)->next = LLM_ENTITY_UNSEEN;
    }

    for (i = z->nentities; i-- > 0; /* void */ ) {
        c = llm_entity_cell(z, i);

        if (c->state == LLM_ENTITY_FREE) {
            continue;
        }

        llm_entity_link(z, i);
        of[c->kind] += (c->state == LLM_ENTITY_LIVE);

        for (k = c->more; k != LLM_NONE; k = c->more) {
            c = llm_entity_cell(z, k);
            c->next = LLM_NONE;
        }
    }

    for (i = z->nentities; i-- > 0; /* void */ ) {
        c = llm_entity_cell(z, i);

        if (c->next == LLM_ENTITY_UNSEEN) {
            c->next = z->free_entity;
            z->free_entity = i;
            z->entities_left++;
        }
    }

    /* who looks without the lock must not find none */

    for (i = 0; i < LLM_ENTITY_KINDS; i++) {
        z->entities_of[i] = of[i];
    }

    llm_entity_changed(z);
}


/* The periods that a record limits are kept in the store from now on. */

static int
llm_entity_keep(llm_kept_t *kept, llm_entity_kind_e kind,
    const llm_record_t *record)
{
    size_t              at;
    unsigned            i;
    llm_record_item_t   item;
    llm_subject_type_e  type;

    /* that of the entity itself, and that of its pairs */

    static const struct {
        llm_subject_type_e   own;
        llm_subject_type_e   model;
    } types[LLM_ENTITY_KINDS] = {
        { LLM_SUBJECT_TEAM, LLM_SUBJECT_TEAM_MODEL },
        { LLM_SUBJECT_USER, LLM_SUBJECT_TYPES },
        { LLM_SUBJECT_CUSTOMER, LLM_SUBJECT_TYPES },
        { LLM_SUBJECT_KEY, LLM_SUBJECT_KEY_MODEL },
        { LLM_SUBJECT_TEAM_USER, LLM_SUBJECT_TYPES },
        { LLM_SUBJECT_TYPES, LLM_SUBJECT_TYPES },
        { LLM_SUBJECT_TAG, LLM_SUBJECT_TYPES },
        { LLM_SUBJECT_TYPES, LLM_SUBJECT_TYPES }
    };

    for (at = 0; llm_record_next(record, &at, &item); /* void */ ) {

        if (item.tag == LLM_RECORD_MEMBER_LIMIT) {
            type = LLM_SUBJECT_TEAM_USER;

        } else if (item.tag == LLM_RECORD_LIMIT && kind == LLM_ENTITY_BUDGET) {

            /* of whoever has it */

            for (i = 0; i < LLM_ENTITY_KINDS; i++) {
                if (types[i].own != LLM_SUBJECT_TYPES
                    && llm_entity_keep_limit(kept, types[i].own, &item) != 0)
                {
                    return -1;
                }
            }

            continue;

        } else if (item.tag == LLM_RECORD_LIMIT) {
            type = types[kind].own;

        } else if (item.tag == LLM_RECORD_MODEL_LIMIT) {
            type = types[kind].model;

        } else {
            continue;
        }

        if (type != LLM_SUBJECT_TYPES
            && llm_entity_keep_limit(kept, type, &item) != 0)
        {
            return -1;
        }
    }

    return 0;
}


/* One without a period has that of the configuration, which is kept, or none,
   which is one. */

static int
llm_entity_keep_limit(llm_kept_t *kept, llm_subject_type_e type,
    const llm_record_item_t *item)
{
    if (item->minute) {
        kept->types[type].minute = 1;
        return 0;
    }

    if (item->resource != LLM_RESOURCE_COST
        || item->amount == LLM_RECORD_LIFTED)
    {
        return 0;
    }

    return llm_kept_period(kept, type, item->period == LLM_RECORD_AS_IS
                                       ? 0 : item->period);
}
