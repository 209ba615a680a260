
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_admin.h"
#include "ngx_http_llm_channel.h"
#include "ngx_http_llm_leader.h"


/* The table of contents: directives, phases, filters, process hooks. */


/* A location that src/admin serves, and where it stands. */

typedef struct {
    ngx_http_llm_admin_t     *admin;
    ngx_shm_zone_t           *quota;         /* data: ngx_http_llm_quota_t */
    ngx_str_t                *directive;
    u_char                   *file;
    ngx_uint_t                line;
} ngx_http_llm_served_t;


static char *ngx_http_llm_serve(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static const char *ngx_http_llm_serve_result(ngx_uint_t i);
static ngx_int_t ngx_http_llm_serve_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_serve_zones(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);
static ngx_uint_t ngx_http_llm_serve_model(const void *models, ngx_uint_t i,
    ngx_http_llm_admin_model_t *model);
static ngx_int_t ngx_http_llm_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_llm_check_channels(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);
static ngx_http_llm_quota_t *ngx_http_llm_find_quota(
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name);
static ngx_int_t ngx_http_llm_add_first(ngx_array_t *handlers,
    ngx_http_handler_pt handler);
static void ngx_http_llm_lead_conf(ngx_http_llm_quota_t *quota,
    ngx_http_llm_leader_conf_t *conf);
static void ngx_http_llm_lead_write(void *data, llm_index_t i);
static void ngx_http_llm_record_fact(void *data, llm_index_t i);
static void ngx_http_llm_lead_carried(void *data);
static void ngx_http_llm_exit_process(ngx_cycle_t *cycle);


#define NGX_HTTP_LLM_ALL_CONF                                                 \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF

#define ngx_http_llm_loc(name)  offsetof(ngx_http_llm_loc_conf_t, name)

#define ngx_http_llm_flag_directive(name, member)                             \
    { ngx_string(name), NGX_HTTP_LLM_ALL_CONF|NGX_CONF_FLAG,                  \
      ngx_conf_set_flag_slot, NGX_HTTP_LOC_CONF_OFFSET,                       \
      ngx_http_llm_loc(member), NULL }

#define ngx_http_llm_enum_directive(name, member, values)                     \
    { ngx_string(name), NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,                 \
      ngx_http_llm_enum, NGX_HTTP_LOC_CONF_OFFSET,                            \
      ngx_http_llm_loc(member), &values }

#define ngx_http_llm_limit_directive(name, args, type)                        \
    { ngx_string(name),                                                       \
      NGX_HTTP_LLM_ALL_CONF|args,                                             \
      ngx_http_llm_limit,                                                     \
      NGX_HTTP_LOC_CONF_OFFSET,                                               \
      0,                                                                      \
      (void *) (uintptr_t) type }


static ngx_conf_enum_t  ngx_http_llm_policies[] = {
    { ngx_string("auto"), NGX_HTTP_LLM_AUTO },
    { ngx_string("allow"), NGX_HTTP_LLM_ALLOW },
    { ngx_string("deny"), NGX_HTTP_LLM_DENY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_allow_deny[] = {
    { ngx_string("allow"), NGX_HTTP_LLM_ALLOW },
    { ngx_string("deny"), NGX_HTTP_LLM_DENY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_key_modes[] = {
    { ngx_string("off"), NGX_HTTP_LLM_KEYS_OFF },
    { ngx_string("optional"), NGX_HTTP_LLM_KEYS_OPTIONAL },
    { ngx_string("required"), NGX_HTTP_LLM_KEYS_REQUIRED },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_reserves[] = {
    { ngx_string("off"), LLM_RESERVE_OFF },
    { ngx_string("estimate"), LLM_RESERVE_ESTIMATE },
    { ngx_string("strict"), LLM_RESERVE_STRICT },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_stream_usages[] = {
    { ngx_string("off"), NGX_HTTP_LLM_USAGE_OFF },
    { ngx_string("inject"), NGX_HTTP_LLM_USAGE_INJECT },
    { ngx_string("strip"), NGX_HTTP_LLM_USAGE_STRIP },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_error_formats[] = {
    { ngx_string("auto"), LLM_DIALECT_NONE },
    { ngx_string("openai"), LLM_DIALECT_OPENAI },
    { ngx_string("anthropic"), LLM_DIALECT_ANTHROPIC },
    { ngx_string("gemini"), LLM_DIALECT_GEMINI },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_llm_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_http_llm_admin_pt  ngx_http_llm_serve_api = ngx_http_llm_api_conf;
static ngx_http_llm_admin_pt  ngx_http_llm_serve_metrics =
    ngx_http_llm_metrics_conf;
static ngx_http_llm_admin_pt  ngx_http_llm_serve_dashboard =
    ngx_http_llm_dashboard_conf;


static ngx_command_t  ngx_http_llm_commands[] = {

    { ngx_string("llm_quota_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_quota_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_quota_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_quota_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_price"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_llm_price,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_price_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_price_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_llm_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_label"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_llm_label,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_model_group"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_llm_model_group,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_priority"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE23,
      ngx_http_llm_priority,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_alert"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_llm_alert_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_llm_main_conf_t, channels),
      NULL },

    { ngx_string("llm_quota"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_quota,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llm_team"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(team),
      NULL },

    { ngx_string("llm_user"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(user),
      NULL },

    { ngx_string("llm_customer"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(customer),
      NULL },

    { ngx_string("llm_model"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(model),
      NULL },

    { ngx_string("llm_keys"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_keys,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(keys),
      &ngx_http_llm_key_modes },

    ngx_http_llm_limit_directive("llm_global_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_GLOBAL),

    ngx_http_llm_limit_directive("llm_team_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_TEAM),

    ngx_http_llm_limit_directive("llm_user_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_USER),

    ngx_http_llm_limit_directive("llm_customer_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_CUSTOMER),

    ngx_http_llm_limit_directive("llm_key_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_KEY),

    ngx_http_llm_limit_directive("llm_model_limit", NGX_CONF_1MORE,
                                 LLM_SUBJECT_MODEL),

    ngx_http_llm_limit_directive("llm_team_model_limit", NGX_CONF_2MORE,
                                 LLM_SUBJECT_TEAM_MODEL),

    ngx_http_llm_limit_directive("llm_key_model_limit", NGX_CONF_2MORE,
                                 LLM_SUBJECT_KEY_MODEL),

    ngx_http_llm_limit_directive("llm_team_user_limit", NGX_CONF_2MORE,
                                 LLM_SUBJECT_TEAM_USER),

    ngx_http_llm_enum_directive("llm_unknown_team", unknown_team,
                                ngx_http_llm_policies),

    ngx_http_llm_enum_directive("llm_opaque", opaque, ngx_http_llm_policies),

    ngx_http_llm_enum_directive("llm_unpriced", unpriced,
                                ngx_http_llm_policies),

    ngx_http_llm_enum_directive("llm_reserve", reserve, ngx_http_llm_reserves),

    { ngx_string("llm_max_output"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE12,
      ngx_http_llm_max_output,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_http_llm_enum_directive("llm_server_tools", server_tools,
                                ngx_http_llm_allow_deny),

    ngx_http_llm_flag_directive("llm_count_cached", count_cached),

    ngx_http_llm_flag_directive("llm_charge_unanswered", charge_unanswered),

    ngx_http_llm_enum_directive("llm_stream_usage", stream_usage,
                                ngx_http_llm_stream_usages),

    ngx_http_llm_flag_directive("llm_cutoff", cutoff),

    ngx_http_llm_flag_directive("llm_stream_buffering", stream_buffering),

    ngx_http_llm_flag_directive("llm_dry_run", dry_run),

    { ngx_string("llm_rate_status"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(rate_status),
      NULL },

    { ngx_string("llm_budget_status"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_llm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(budget_status),
      NULL },

    ngx_http_llm_enum_directive("llm_error_format", error_format,
                                ngx_http_llm_error_formats),

    ngx_http_llm_flag_directive("llm_headers", headers),

    ngx_http_llm_enum_directive("llm_log_level", log_level,
                                ngx_http_llm_log_levels),

    { ngx_string("llm_refusal_note"),
      NGX_HTTP_LLM_ALL_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      ngx_http_llm_loc(note),
      NULL },

    { ngx_string("llm_quota_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_llm_serve_api },

    { ngx_string("llm_quota_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_llm_serve_metrics },

    { ngx_string("llm_quota_dashboard"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_llm_serve,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_http_llm_serve_dashboard },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llm_quota_module_ctx = {
    ngx_http_llm_add_variables,            /* preconfiguration */
    ngx_http_llm_postconfiguration,        /* postconfiguration */

    ngx_http_llm_create_main_conf,         /* create main configuration */
    ngx_http_llm_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llm_create_loc_conf,          /* create location configuration */
    ngx_http_llm_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_llm_quota_module = {
    NGX_MODULE_V1,
    &ngx_http_llm_quota_module_ctx,        /* module context */
    ngx_http_llm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_llm_init_module,              /* init module */
    ngx_http_llm_init_worker,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_llm_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_llm_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_llm_main_conf_t   *lmcf;
    ngx_http_core_main_conf_t  *cmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    if (ngx_http_llm_check_places(cf, lmcf) != NGX_OK
        || ngx_http_llm_serve_zones(cf, lmcf) != NGX_OK
        || ngx_http_llm_check_channels(cf, lmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!lmcf->used) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* phases run their array backwards: the first element decides last, when
       everything that may deny has had its say */

    if (ngx_http_llm_add_first(
            &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers,
            ngx_http_llm_access_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* and the last element runs before try_files and mirror */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_llm_precontent_handler;

    /* the log phase runs forwards: settled before access_log writes */

    if (ngx_http_llm_add_first(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers,
                               ngx_http_llm_log_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_strip_init(cf) != NGX_OK
        || ngx_http_llm_cutoff_init(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_observe_init(cf);
}


/* Their zones may be made further down. */

static ngx_int_t
ngx_http_llm_check_channels(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t               i;
    ngx_http_llm_quota_t    *quota;
    ngx_http_llm_channel_t  *channel;

    channel = lmcf->channels.elts;

    for (i = 0; i < lmcf->channels.nelts; i++) {

        quota = ngx_http_llm_find_quota(lmcf, &channel[i].zone);

        if (quota == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_alert has unknown zone \"%V\": make it with "
                          "llm_quota_zone in %s:%ui",
                          &channel[i].zone, channel[i].file, channel[i].line);
            return NGX_ERROR;
        }

        if (quota->state == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_alert needs \"state=DIR\" of zone \"%V\": "
                          "alerts are kept there until they are delivered "
                          "in %s:%ui",
                          &channel[i].zone, channel[i].file, channel[i].line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_http_llm_quota_t *
ngx_http_llm_find_quota(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_uint_t              i;
    ngx_http_llm_quota_t  **quotas;

    quotas = lmcf->quotas.elts;

    for (i = 0; i < lmcf->quotas.nelts; i++) {

        if (quotas[i]->name.len == name->len
            && ngx_strncmp(quotas[i]->name.data, name->data, name->len) == 0)
        {
            return quotas[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_add_first(ngx_array_t *handlers, ngx_http_handler_pt handler)
{
    ngx_http_handler_pt  *h;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(&h[1], h,
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));

    *h = handler;

    return NGX_OK;
}


/* NAME and parameters: a location whose content is src/admin's.  Nothing is
   charged there, whatever the outer levels say. */

static char *
ngx_http_llm_serve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    ngx_str_t                 *value;
    ngx_http_llm_admin_pt     *make;
    ngx_http_llm_served_t     *served;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_llm_main_conf_t  *lmcf;

    if (llcf->admin) {
        return "stands beside another directive that makes the content";
    }

    if (llcf->quota != NGX_CONF_UNSET_PTR && llcf->quota) {
        return "stands beside llm_quota, which has no place there";
    }

    value = cf->args->elts;
    make = cmd->post;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    if (lmcf->served == NULL) {
        lmcf->served = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_http_llm_served_t));
        if (lmcf->served == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    served = ngx_array_push(lmcf->served);
    if (served == NULL) {
        return NGX_CONF_ERROR;
    }

    /* the zone may be made further down */

    served->directive = &value[0];
    served->file = cf->conf_file->file.name.data;
    served->line = cf->conf_file->line;

    served->quota = ngx_shared_memory_add(cf, &value[1], 0,
                                          &ngx_http_llm_quota_module);
    if (served->quota == NULL) {
        return NGX_CONF_ERROR;
    }

    served->admin = (*make)(cf);
    if (served->admin == NULL) {
        return NGX_CONF_ERROR;
    }

    llcf->admin = served->admin;
    llcf->quota = NULL;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llm_serve_request;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_serve_request(ngx_http_request_t *r)
{
    ngx_http_llm_admin_t     *admin;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_quota_module);
    admin = llcf->admin;

    return admin->handler(r, admin);
}


/* After the last directive: src/admin is told what it may look at. */

static ngx_int_t
ngx_http_llm_serve_zones(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t                  i;
    ngx_http_llm_quota_t       *quota;
    ngx_http_llm_served_t      *s;
    ngx_http_llm_admin_zone_t  *zone;

    if (lmcf->served == NULL) {
        return NGX_OK;
    }

    s = lmcf->served->elts;

    for (i = 0; i < lmcf->served->nelts; i++) {
        quota = s[i].quota->data;

        if (quota == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "%V has unknown zone \"%V\": make it with "
                          "llm_quota_zone in %s:%ui", s[i].directive,
                          &s[i].quota->shm.name, s[i].file, s[i].line);
            return NGX_ERROR;
        }

        if (s[i].admin->stored && quota->state == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "%V needs a store: give llm_quota_zone \"%V\" a "
                          "directory with state=DIR in %s:%ui",
                          s[i].directive, &quota->name, s[i].file, s[i].line);
            return NGX_ERROR;
        }

        if (ngx_http_llm_teams_done(cf, quota) != NGX_OK) {
            return NGX_ERROR;
        }

        zone = &s[i].admin->zone;

        zone->name = &quota->name;
        zone->zone = &quota->zone;
        zone->store = quota->state ? &quota->store : NULL;
        zone->ledger = quota->state ? &quota->ledger : NULL;
        zone->kept = quota->limited;
        zone->model = ngx_http_llm_serve_model;
        zone->models = lmcf->catalog;
        zone->cost = ngx_http_llm_catalog_cost;
        zone->rows = ngx_http_llm_each_row;
        zone->rows_data = quota;
        zone->result = ngx_http_llm_serve_result;
        zone->version = NGX_HTTP_LLM_VERSION;
        zone->team = ngx_http_llm_team_at;
        zone->channel = ngx_http_llm_channel_at;
        zone->test = ngx_http_llm_channel_test;
        zone->channels = &lmcf->channels;
        zone->record = ngx_http_llm_record_fact;
        zone->data = quota;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_serve_model(const void *models, ngx_uint_t i,
    ngx_http_llm_admin_model_t *model)
{
    const ngx_http_llm_price_t  *price;

    price = ngx_http_llm_catalog_at(models, i);

    if (price == NULL) {
        return 0;
    }

    model->name = price->name;
    model->input = price->price.rates[0].unit[0][LLM_PRICE_INPUT];
    model->output = price->price.rates[0].unit[0][LLM_PRICE_OUTPUT];
    model->max_input = price->price.max_input;
    model->max_output = price->price.max_output;

    return 1;
}


static const char *
ngx_http_llm_serve_result(ngx_uint_t i)
{
    return (i <= NGX_HTTP_LLM_UNAVAILABLE) ? ngx_http_llm_result_name(i)
                                           : NULL;
}


/* The leader's room knows nothing of requests: what it leads is told here. */

ngx_int_t
ngx_http_llm_lead(ngx_http_llm_quota_t *quota, ngx_cycle_t *cycle)
{
    ngx_http_llm_leader_conf_t  conf;

    ngx_http_llm_lead_conf(quota, &conf);

    conf.channels = &ngx_http_llm_worker_conf(cycle)->channels;

    return ngx_http_llm_leader_start(&conf, cycle);
}


void
ngx_http_llm_lead_end(ngx_http_llm_quota_t *quota)
{
    ngx_http_llm_leader_conf_t  conf;

    ngx_http_llm_lead_conf(quota, &conf);

    ngx_http_llm_leader_sweep(&conf);
}


static void
ngx_http_llm_lead_conf(ngx_http_llm_quota_t *quota,
    ngx_http_llm_leader_conf_t *conf)
{
    conf->name = &quota->name;
    conf->zone = &quota->zone;
    conf->ledger = quota->state ? &quota->ledger : NULL;
    conf->pool = quota->store.pool;
    conf->kept = quota->limited;
    conf->store = &quota->store;
    conf->channels = NULL;
    conf->sync = quota->sync;
    conf->fsync = quota->fsync;
    conf->retain = quota->retain;
    conf->redis = quota->redis ? &quota->redis->peer : NULL;
    conf->prefix = quota->redis ? &quota->redis->prefix : NULL;
    conf->rows = ngx_http_llm_each_row;
    conf->rows_data = quota;
    conf->write = ngx_http_llm_lead_write;
    conf->record = ngx_http_llm_record_fact;
    conf->tick = ngx_http_llm_sweep_pending;
    conf->carried = ngx_http_llm_lead_carried;
    conf->data = quota;
}


static void
ngx_http_llm_lead_write(void *data, llm_index_t i)
{
    ngx_http_llm_write_record(data, i, NULL);
}


static void
ngx_http_llm_record_fact(void *data, llm_index_t i)
{
    ngx_http_llm_write_fact(data, i);
}


static void
ngx_http_llm_lead_carried(void *data)
{
    ngx_http_llm_entities_poll(data);
    ngx_http_llm_configured_audit(data);
}


static void
ngx_http_llm_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_llm_exit_worker(cycle);
    ngx_http_llm_leader_exit();
}
