
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* All calls, by their paths: LiteLLM's, and some of our own. */


#define NGX_HTTP_LLM_API_GET   (NGX_HTTP_GET|NGX_HTTP_HEAD)
#define NGX_HTTP_LLM_API_ANY   (NGX_HTTP_LLM_API_GET|NGX_HTTP_POST            \
                                |NGX_HTTP_PATCH|NGX_HTTP_DELETE)

#define ngx_http_llm_read(path, handler, data)                                \
    { NGX_HTTP_LLM_API_GET, path, NGX_HTTP_LLM_API_READ, handler,             \
      (uintptr_t) data }

#define ngx_http_llm_self(path, handler, data)                                \
    { NGX_HTTP_LLM_API_GET, path, NGX_HTTP_LLM_API_SELF, handler,             \
      (uintptr_t) data }

#define ngx_http_llm_write(path, handler, data)                               \
    { NGX_HTTP_POST, path, NGX_HTTP_LLM_API_WRITE, handler, (uintptr_t) data }

#define ngx_http_llm_public(path, handler)                                    \
    { NGX_HTTP_LLM_API_GET, path, NGX_HTTP_LLM_API_PUBLIC, handler, 0 }


static const ngx_http_llm_entity_calls_t  ngx_http_llm_team_calls = {
    &ngx_http_llm_kind_team, "team_id", "team_ids", "deleted_teams", 0, 1
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_permission_calls = {
    &ngx_http_llm_kind_team, "team_id", NULL, NULL, 0, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_user_calls = {
    &ngx_http_llm_kind_user, "user_id", "user_ids", "deleted_users", 0, 1
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_user_flat_calls = {
    &ngx_http_llm_kind_user, "user_id", NULL, NULL, 0, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_customer_calls = {
    &ngx_http_llm_kind_customer, "end_user_id", "user_ids",
    "deleted_customers", 1, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_budget_calls = {
    &ngx_http_llm_kind_budget, "budget_id", "id", "deleted_budgets", 0, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_tag_calls = {
    &ngx_http_llm_kind_tag, "name", "name", "deleted_tags", 1, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_group_calls = {
    &ngx_http_llm_kind_group, "access_group", "access_group",
    "deleted_access_groups", 1, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_key_calls = {
    &ngx_http_llm_kind_key, NULL, "keys", NULL, 0, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_user_updates = {
    &ngx_http_llm_kind_user, NULL, "users", NULL, 0, 0
};


static const ngx_http_llm_entity_calls_t  ngx_http_llm_member_calls = {
    &ngx_http_llm_kind_member, NULL, NULL, NULL, 0, 0
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_team_list = {
    &ngx_http_llm_kind_team, NULL, NULL, 0, NULL, NULL
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_team_pages = {
    &ngx_http_llm_kind_team, "teams", "page_size", 10, "total", "page"
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_key_pages = {
    &ngx_http_llm_kind_key, "keys", "size", 10, "total_count", "current_page"
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_user_pages = {
    &ngx_http_llm_kind_user, "users", "page_size", 25, "total", "page"
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_customer_list = {
    &ngx_http_llm_kind_customer, NULL, NULL, 0, NULL, NULL
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_budget_list = {
    &ngx_http_llm_kind_budget, NULL, NULL, 0, NULL, NULL
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_tag_list = {
    &ngx_http_llm_kind_tag, NULL, NULL, 0, NULL, NULL
};


static const ngx_http_llm_list_calls_t  ngx_http_llm_group_list = {
    &ngx_http_llm_kind_group, "access_groups", NULL, 0, NULL, NULL
};


const ngx_http_llm_api_route_t  ngx_http_llm_api_routes[] = {

    ngx_http_llm_write("/team/new", ngx_http_llm_api_new,
                       &ngx_http_llm_team_calls),

    ngx_http_llm_write("/team/update", ngx_http_llm_api_update,
                       &ngx_http_llm_team_calls),

    { NGX_HTTP_PATCH, "/team/*", NGX_HTTP_LLM_API_WRITE,
      ngx_http_llm_api_update, (uintptr_t) &ngx_http_llm_team_calls },

    ngx_http_llm_self("/team/info", ngx_http_llm_api_owner_info,
                      &ngx_http_llm_team_calls),

    ngx_http_llm_read("/team/list", ngx_http_llm_api_list,
                      &ngx_http_llm_team_list),

    ngx_http_llm_read("/v2/team/list", ngx_http_llm_api_list,
                      &ngx_http_llm_team_pages),

    ngx_http_llm_write("/team/delete", ngx_http_llm_api_owner_delete,
                       &ngx_http_llm_team_calls),

    ngx_http_llm_write("/team/block", ngx_http_llm_api_block,
                       &ngx_http_llm_team_calls),

    ngx_http_llm_write("/team/unblock", ngx_http_llm_api_block,
                       &ngx_http_llm_team_calls),

    ngx_http_llm_write("/team/member_add", ngx_http_llm_api_member_add,
                       0),

    ngx_http_llm_write("/team/bulk_member_add",
                       ngx_http_llm_api_member_bulk_add, 0),

    ngx_http_llm_write("/team/member_update", ngx_http_llm_api_member_update,
                       0),

    ngx_http_llm_write("/team/member_delete", ngx_http_llm_api_member_delete,
                       0),

    ngx_http_llm_write("/team/permissions_update", ngx_http_llm_api_update,
                       &ngx_http_llm_permission_calls),

    ngx_http_llm_read("/team/permissions_list", ngx_http_llm_api_permissions,
                      0),

    ngx_http_llm_write("/key/generate", ngx_http_llm_api_key_new,
                       0),

    ngx_http_llm_write("/key/service-account/generate",
                       ngx_http_llm_api_key_new, 0),

    ngx_http_llm_write("/key/bulk_update", ngx_http_llm_api_bulk_update,
                       &ngx_http_llm_key_calls),

    { NGX_HTTP_POST, "/v2/key/info", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_keys_info, (uintptr_t) &ngx_http_llm_key_calls },

    ngx_http_llm_write("/key/update", ngx_http_llm_api_key_update,
                       0),

    ngx_http_llm_self("/key/info", ngx_http_llm_api_key_info,
                      0),

    ngx_http_llm_read("/key/list", ngx_http_llm_api_list,
                      &ngx_http_llm_key_pages),

    ngx_http_llm_write("/key/delete", ngx_http_llm_api_key_delete,
                       0),

    ngx_http_llm_write("/key/block", ngx_http_llm_api_key_block,
                       0),

    ngx_http_llm_write("/key/unblock", ngx_http_llm_api_key_block,
                       0),

    ngx_http_llm_write("/key/regenerate", ngx_http_llm_api_key_regenerate,
                       0),

    ngx_http_llm_write("/key/*/regenerate", ngx_http_llm_api_key_regenerate,
                       0),

    ngx_http_llm_write("/user/new", ngx_http_llm_api_user_new,
                       &ngx_http_llm_user_calls),

    ngx_http_llm_write("/user/bulk_update", ngx_http_llm_api_bulk_update,
                       &ngx_http_llm_user_updates),

    ngx_http_llm_write("/user/update", ngx_http_llm_api_update,
                       &ngx_http_llm_user_calls),

    ngx_http_llm_self("/user/info", ngx_http_llm_api_owner_info,
                      &ngx_http_llm_user_calls),

    ngx_http_llm_read("/v2/user/info", ngx_http_llm_api_info,
                      &ngx_http_llm_user_flat_calls),

    ngx_http_llm_read("/user/list", ngx_http_llm_api_list,
                      &ngx_http_llm_user_pages),

    ngx_http_llm_write("/user/delete", ngx_http_llm_api_owner_delete,
                       &ngx_http_llm_user_calls),

    ngx_http_llm_write("/customer/new", ngx_http_llm_api_new,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/customer/update", ngx_http_llm_api_update,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_read("/customer/info", ngx_http_llm_api_info,
                      &ngx_http_llm_customer_calls),

    ngx_http_llm_read("/customer/list", ngx_http_llm_api_list,
                      &ngx_http_llm_customer_list),

    ngx_http_llm_write("/customer/delete", ngx_http_llm_api_delete,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/customer/block", ngx_http_llm_api_customer_block,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/customer/unblock", ngx_http_llm_api_customer_block,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/end_user/new", ngx_http_llm_api_new,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/end_user/update", ngx_http_llm_api_update,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_read("/end_user/info", ngx_http_llm_api_info,
                      &ngx_http_llm_customer_calls),

    ngx_http_llm_read("/end_user/list", ngx_http_llm_api_list,
                      &ngx_http_llm_customer_list),

    ngx_http_llm_write("/end_user/delete", ngx_http_llm_api_delete,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/end_user/block", ngx_http_llm_api_customer_block,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/end_user/unblock", ngx_http_llm_api_customer_block,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/budget/new", ngx_http_llm_api_new,
                       &ngx_http_llm_budget_calls),

    ngx_http_llm_write("/budget/update", ngx_http_llm_api_update,
                       &ngx_http_llm_budget_calls),

    { NGX_HTTP_POST, "/budget/info", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_budget_info, (uintptr_t) &ngx_http_llm_budget_calls },

    ngx_http_llm_read("/budget/settings", ngx_http_llm_api_info,
                      &ngx_http_llm_budget_calls),

    ngx_http_llm_read("/budget/list", ngx_http_llm_api_list,
                      &ngx_http_llm_budget_list),

    ngx_http_llm_write("/budget/delete", ngx_http_llm_api_delete,
                       &ngx_http_llm_budget_calls),

    ngx_http_llm_write("/tag/new", ngx_http_llm_api_new,
                       &ngx_http_llm_tag_calls),

    ngx_http_llm_write("/tag/update", ngx_http_llm_api_update,
                       &ngx_http_llm_tag_calls),

    { NGX_HTTP_POST, "/tag/info", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_tag_info, (uintptr_t) &ngx_http_llm_tag_calls },

    ngx_http_llm_read("/tag/list", ngx_http_llm_api_list,
                      &ngx_http_llm_tag_list),

    ngx_http_llm_write("/tag/delete", ngx_http_llm_api_delete,
                       &ngx_http_llm_tag_calls),

    ngx_http_llm_write("/access_group/new", ngx_http_llm_api_new,
                       &ngx_http_llm_group_calls),

    ngx_http_llm_read("/access_group/list", ngx_http_llm_api_list,
                      &ngx_http_llm_group_list),

    ngx_http_llm_read("/access_group/*/info", ngx_http_llm_api_info,
                      &ngx_http_llm_group_calls),

    { NGX_HTTP_PUT, "/access_group/*/update", NGX_HTTP_LLM_API_WRITE,
      ngx_http_llm_api_update, (uintptr_t) &ngx_http_llm_group_calls },

    { NGX_HTTP_DELETE, "/access_group/*/delete", NGX_HTTP_LLM_API_WRITE,
      ngx_http_llm_api_delete, (uintptr_t) &ngx_http_llm_group_calls },

    ngx_http_llm_public("/health/liveliness", ngx_http_llm_api_alive),

    ngx_http_llm_public("/health/liveness", ngx_http_llm_api_alive),

    ngx_http_llm_public("/health/readiness", ngx_http_llm_api_ready),

    { NGX_HTTP_GET, "/health/services", NGX_HTTP_LLM_API_WRITE,
      ngx_http_llm_api_services, 0 },

    ngx_http_llm_read("/health", ngx_http_llm_api_ready,
                      0),

    ngx_http_llm_read("/global/spend/report", ngx_http_llm_api_spend_report,
                      0),

    ngx_http_llm_self("/spend/logs", ngx_http_llm_api_spend_logs, 0),

    { NGX_HTTP_POST, "/spend/calculate", NGX_HTTP_LLM_API_SELF,
      ngx_http_llm_api_calculate, 0 },

    ngx_http_llm_read("/team/daily/activity", ngx_http_llm_api_activity, 0),

    ngx_http_llm_read("/user/daily/activity", ngx_http_llm_api_activity, 0),

    ngx_http_llm_read("/customer/daily/activity", ngx_http_llm_api_activity,
                      0),

    ngx_http_llm_read("/end_user/daily/activity", ngx_http_llm_api_activity,
                      0),

    ngx_http_llm_self("/model/info", ngx_http_llm_api_model_info, 0),

    ngx_http_llm_self("/v1/model/info", ngx_http_llm_api_model_info, 0),

    ngx_http_llm_self("/models", ngx_http_llm_api_models, 0),

    ngx_http_llm_self("/v1/models", ngx_http_llm_api_models, 0),

    { NGX_HTTP_LLM_API_ANY, "/organization/*", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_absent, 0 },

    { NGX_HTTP_LLM_API_ANY, "/project/*", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_absent, 0 },

    ngx_http_llm_self("/audit", ngx_http_llm_api_audit, 0),

    ngx_http_llm_self("/alerts", ngx_http_llm_api_alerts, 0),

    ngx_http_llm_write("/alerts/test", ngx_http_llm_api_alert_test, 0),

    ngx_http_llm_write("/adjust", ngx_http_llm_api_adjust, 0),

    ngx_http_llm_write("/adjust/bulk", ngx_http_llm_api_adjust_bulk, 0),

    ngx_http_llm_write("/global/spend/reset", ngx_http_llm_api_reset_all, 0),

    ngx_http_llm_write("/team/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_team_calls),

    ngx_http_llm_write("/team/*/member/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_member_calls),

    ngx_http_llm_write("/user/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_user_calls),

    ngx_http_llm_write("/customer/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/end_user/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_customer_calls),

    ngx_http_llm_write("/key/*/reset_spend", ngx_http_llm_api_reset,
                       &ngx_http_llm_key_calls),

    ngx_http_llm_read("/quota/usage", ngx_http_llm_api_usage, 0),

    ngx_http_llm_self("/quota/status", ngx_http_llm_api_status, 0),

    { 0, NULL, 0, NULL, 0 }
};
