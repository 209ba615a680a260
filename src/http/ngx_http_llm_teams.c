
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


/* The teams that the configuration of a zone names: those that have a line of
   limits, and those that locations say requests are of. */


#define NGX_HTTP_LLM_TEAM_PLACE  1024        /* bytes */


typedef struct {
    ngx_str_t                    name;
    ngx_http_llm_written_t       written;    /* file NULL: not known */
} ngx_http_llm_team_t;


static ngx_int_t ngx_http_llm_add_team(ngx_conf_t *cf,
    ngx_http_llm_quota_t *quota, const ngx_str_t *name,
    const ngx_http_llm_written_t *written);
static ngx_int_t ngx_http_llm_row_teams(ngx_conf_t *cf,
    ngx_http_llm_quota_t *quota, ngx_http_llm_rows_t *rows);
static int ngx_libc_cdecl ngx_http_llm_compare_teams(const void *one,
    const void *two);


/* What is known of a request only names nobody here. */

ngx_int_t
ngx_http_llm_note_team(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf)
{
    static ngx_http_llm_written_t  nowhere;

    if (llcf->team == NULL
        || llcf->team->lengths
        || !llm_text_is_id(llcf->team->value.data, llcf->team->value.len))
    {
        return NGX_OK;
    }

    return ngx_http_llm_add_team(cf, llcf->quota->data, &llcf->team->value,
                                 &nowhere);
}


static ngx_int_t
ngx_http_llm_add_team(ngx_conf_t *cf, ngx_http_llm_quota_t *quota,
    const ngx_str_t *name, const ngx_http_llm_written_t *written)
{
    ngx_http_llm_team_t  *team;

    if (quota->teams == NULL) {
        quota->teams = ngx_array_create(cf->pool, 8,
                                        sizeof(ngx_http_llm_team_t));
        if (quota->teams == NULL) {
            return NGX_ERROR;
        }
    }

    team = ngx_array_push(quota->teams);
    if (team == NULL) {
        return NGX_ERROR;
    }

    team->name = *name;
    team->written = *written;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_teams_done(ngx_conf_t *cf, ngx_http_llm_quota_t *quota)
{
    ngx_uint_t              i, n;
    ngx_http_llm_team_t    *teams;
    ngx_http_llm_rows_t  ***tables;

    if (quota->tables == NULL || quota->teams_done) {
        return NGX_OK;
    }

    quota->teams_done = 1;
    tables = quota->tables->elts;

    for (i = 0; i < quota->tables->nelts; i++) {
        if (tables[i][LLM_SUBJECT_TEAM]
            && ngx_http_llm_row_teams(cf, quota, tables[i][LLM_SUBJECT_TEAM])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (quota->teams == NULL) {
        return NGX_OK;
    }

    /* each once, with the first line that it has */

    teams = quota->teams->elts;

    ngx_qsort(teams, quota->teams->nelts, sizeof(ngx_http_llm_team_t),
              ngx_http_llm_compare_teams);

    for (i = 1, n = 1; i < quota->teams->nelts; i++) {
        if (teams[i].name.len != teams[n - 1].name.len
            || ngx_memcmp(teams[i].name.data, teams[n - 1].name.data,
                          teams[i].name.len)
               != 0)
        {
            teams[n++] = teams[i];
        }
    }

    quota->teams->nelts = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_row_teams(ngx_conf_t *cf, ngx_http_llm_quota_t *quota,
    ngx_http_llm_rows_t *rows)
{
    ngx_rbtree_node_t   *node;
    ngx_http_llm_row_t  *row;

    if (rows->tree.root == &rows->sentinel) {
        return NGX_OK;
    }

    for (node = ngx_rbtree_min(rows->tree.root, &rows->sentinel);
         node;
         node = ngx_rbtree_next(&rows->tree, node))
    {
        row = (ngx_http_llm_row_t *) node;

        if (ngx_http_llm_add_team(cf, quota, &row->sn.str, &row->written)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* As the store sorts them; of one team a line that is known comes first. */

static int ngx_libc_cdecl
ngx_http_llm_compare_teams(const void *one, const void *two)
{
    const ngx_http_llm_team_t *a = one;
    const ngx_http_llm_team_t *b = two;

    ngx_int_t  rc;

    rc = ngx_memn2cmp(a->name.data, b->name.data, a->name.len, b->name.len);

    if (rc == 0) {
        rc = (a->written.file == NULL) - (b->written.file == NULL);
    }

    return rc ? (int) rc : (int) a->written.line - (int) b->written.line;
}


ngx_uint_t
ngx_http_llm_team_at(void *data, ngx_uint_t i, ngx_str_t *name,
    ngx_str_t *place)
{
    ngx_http_llm_quota_t *quota = data;

    u_char               *p;
    ngx_http_llm_team_t  *team;

    static u_char         buf[NGX_HTTP_LLM_TEAM_PLACE];

    if (quota->teams == NULL || i >= quota->teams->nelts) {
        return 0;
    }

    team = quota->teams->elts;
    team += i;

    *name = team->name;

    if (team->written.file) {
        p = ngx_slprintf(buf, buf + sizeof(buf), "%s:%ui", team->written.file,
                         team->written.line);

    } else {
        p = ngx_slprintf(buf, buf + sizeof(buf), "nginx.conf by llm_team");
    }

    place->data = buf;
    place->len = p - buf;

    return 1;
}
