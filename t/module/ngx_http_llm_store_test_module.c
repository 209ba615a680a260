
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_store.h"


/*
 * The store over HTTP, for tests: store_test DIR/ POOL;
 *
 *     /?op=open&leader=1       status, event
 *     /?op=commit&from=0&n=5   n tasks, each of a request more; how many had
 *                              which status, and whether they came in order
 *     /?op=offset&n=1          n tasks that read; the last one's offset
 *     /?op=load                the sum
 *     /?op=backup
 */


#define NGX_HTTP_STORE_TEST_MAX  2000


typedef struct {
    ngx_http_request_t          *request;
    ngx_uint_t                   waiting;
    ngx_uint_t                   count[LLM_STORE_FAILED + 1];
    int64_t                      last;
    ngx_uint_t                   disorder;
    u_char                       text[1024];
    ngx_http_llm_store_task_t   *tasks[NGX_HTTP_STORE_TEST_MAX];
} ngx_http_store_test_t;


/* What a commit's arguments lie in; of the task's own memory. */

typedef struct {
    llm_store_segment_t          segment;
    llm_store_period_t           period;
    llm_store_sum_t              sum;
} ngx_http_store_test_commit_t;


static ngx_int_t ngx_http_store_test_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_store_test_post(ngx_http_store_test_t *t,
    llm_store_op_e type, ngx_uint_t i, int64_t from);
static void ngx_http_store_test_done(ngx_http_llm_store_task_t *task);
static void ngx_http_store_test_answer(ngx_http_store_test_t *t);
static void ngx_http_store_test_cleanup(void *data);
static ngx_int_t ngx_http_store_test_commit(llm_store_op_t *op, int64_t from);
static ngx_int_t ngx_http_store_test_arg(ngx_http_request_t *r, char *name);
static char *ngx_http_store_test(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_store_test_init(ngx_cycle_t *cycle);
static void ngx_http_store_test_exit(ngx_cycle_t *cycle);


static ngx_http_llm_store_t  store;
static char                 *directory;
static ngx_uint_t            drained;
static ngx_uint_t            commits;


static ngx_command_t  ngx_http_store_test_commands[] = {

    { ngx_string("store_test"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_http_store_test,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_store_test_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


static ngx_module_t  ngx_http_llm_store_test_module = {
    NGX_MODULE_V1,
    &ngx_http_store_test_ctx,              /* module context */
    ngx_http_store_test_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_store_test_init,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_store_test_exit,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_module_t *ngx_modules[] = {
    &ngx_http_llm_store_test_module,
    NULL
};

char *ngx_module_names[] = {
    "ngx_http_llm_store_test_module",
    NULL
};

char *ngx_module_order[] = {
    NULL
};


static char *
ngx_http_store_test(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    directory = (char *) value[1].data;
    ngx_str_set(&store.name, "test");
    store.pool = ngx_http_llm_store_threads(cf, &value[2]);

    if (store.pool == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_store_test_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_store_test_init(ngx_cycle_t *cycle)
{
    llm_store_conf_t  conf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    ngx_memzero(&conf, sizeof(llm_store_conf_t));
    conf.directory = directory;
    conf.timeout = 10000;

    return ngx_http_llm_store_init(&store, &conf);
}


static void
ngx_http_store_test_exit(ngx_cycle_t *cycle)
{
    llm_store_op_t  op;

    if (store.lanes[0].store == NULL) {
        return;
    }

    drained = 1;

    if (ngx_http_llm_store_drain(&store) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "store_test: not drained");
    }

    /* what a leader would do now */

    ngx_memzero(&op, sizeof(llm_store_op_t));
    op.type = LLM_STORE_CHECK;
    (void) ngx_http_llm_store_run(&store, &op);

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "store_test: at exit %s, %ui commits",
                  llm_store_status_name(op.status), commits);

    llm_store_empty(&op);
    ngx_http_llm_store_close(&store);
}


static ngx_int_t
ngx_http_store_test_arg(ngx_http_request_t *r, char *name)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        return 0;
    }

    n = ngx_atoi(value.data, value.len);

    return (n == NGX_ERROR) ? 0 : n;
}


static ngx_int_t
ngx_http_store_test_handler(ngx_http_request_t *r)
{
    ngx_str_t               name;
    ngx_int_t               i, n, from;
    llm_store_op_e          type;
    ngx_http_cleanup_t     *cln;
    ngx_http_store_test_t  *t;

    if (ngx_http_discard_request_body(r) != NGX_OK
        || ngx_http_arg(r, (u_char *) "op", 2, &name) != NGX_OK)
    {
        return NGX_HTTP_BAD_REQUEST;
    }

    t = ngx_pcalloc(r->pool, sizeof(ngx_http_store_test_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (t == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    t->request = r;
    cln->handler = ngx_http_store_test_cleanup;
    cln->data = t;

    n = ngx_max(ngx_http_store_test_arg(r, "n"), 1);
    from = ngx_http_store_test_arg(r, "from");

    switch (name.data[0]) {

    case 'c':
        type = LLM_STORE_COMMIT;
        break;

    case 'l':
        type = LLM_STORE_LOAD;
        break;

    case 'b':
        type = LLM_STORE_BACKUP;
        break;

    default:
        type = (name.data[1] == 'p') ? LLM_STORE_OPEN : LLM_STORE_OFFSETS;
        break;
    }

    t->waiting = 1;

    for (i = 0; i < n && i < NGX_HTTP_STORE_TEST_MAX; i++) {
        if (ngx_http_store_test_post(t, type, i, from + i) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* a graceful exit waits for what has a timer */

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
    ngx_add_timer(r->connection->write, 60000);

    t->waiting--;

    if (t->waiting == 0) {
        ngx_http_store_test_answer(t);
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_store_test_post(ngx_http_store_test_t *t, llm_store_op_e type,
    ngx_uint_t i, int64_t from)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(&store);
    if (task == NULL) {
        return NGX_ERROR;
    }

    task->op.type = type;
    task->handler = ngx_http_store_test_done;
    task->data = t;

    if (type == LLM_STORE_OPEN) {
        task->op.open.leader = ngx_http_store_test_arg(t->request, "leader");
    }

    if (type == LLM_STORE_LOAD) {
        task->op.load.subject.type.data = (u_char *) "team";
        task->op.load.subject.type.len = 4;
        task->op.load.subject.id.data = (u_char *) "a";
        task->op.load.subject.id.len = 1;
    }

    if (type == LLM_STORE_COMMIT
        && ngx_http_store_test_commit(&task->op, from) != NGX_OK)
    {
        return NGX_ERROR;
    }

    switch (ngx_http_llm_store_post(task)) {

    case NGX_OK:
        t->tasks[i] = task;
        t->waiting++;
        return NGX_OK;

    case NGX_BUSY:
        t->count[LLM_STORE_BUSY]++;
        ngx_http_llm_store_free(task);
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_store_test_commit(llm_store_op_t *op, int64_t from)
{
    ngx_http_store_test_commit_t  *c;

    c = llm_store_alloc(op, sizeof(ngx_http_store_test_commit_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(c, sizeof(ngx_http_store_test_commit_t));

    c->segment.from = from;
    c->segment.to = from + 1;
    c->period.end = INT64_MAX;
    c->sum.amount[LLM_STORE_REQUESTS] = 1;

    if (llm_store_copy(op, &c->segment.name, "s", 1) != 0
        || llm_store_copy(op, &c->sum.subject.type, "team", 4) != 0
        || llm_store_copy(op, &c->sum.subject.id, "a", 1) != 0)
    {
        return NGX_ERROR;
    }

    op->commit.segments = &c->segment;
    op->commit.nsegments = 1;
    op->commit.periods = &c->period;
    op->commit.nperiods = 1;
    op->commit.sums = &c->sum;
    op->commit.nsums = 1;

    return NGX_OK;
}


static void
ngx_http_store_test_done(ngx_http_llm_store_task_t *task)
{
    u_char                 *p;
    ngx_uint_t              i;
    llm_store_op_t         *op;
    ngx_http_store_test_t  *t = task->data;

    for (i = 0; t->tasks[i] != task; i++) {
        /* void */
    }

    t->tasks[i] = NULL;

    op = &task->op;
    p = t->text;

    t->count[op->status]++;

    switch (op->type) {

    case LLM_STORE_COMMIT:
        commits += (op->status == LLM_STORE_OK);
        t->disorder += (op->commit.segments->from < t->last);
        t->last = op->commit.segments->from;
        p = ngx_sprintf(p, "disorder=%ui", t->disorder);
        break;

    case LLM_STORE_LOAD:
        p = ngx_sprintf(p, "sum=%L", op->load.nrows
                                     ? op->load.rows[0].sum[0] : 0);
        break;

    case LLM_STORE_OFFSETS:
        p = ngx_sprintf(p, "offset=%L", op->offsets.nrows
                                        ? op->offsets.rows[0].to : 0);
        break;

    case LLM_STORE_OPEN:
        p = ngx_sprintf(p, "event=%d", (int) op->open.event);
        break;

    default:
        break;
    }

    *p = '\0';

    /* at exit there is nobody to be answered */

    if (--t->waiting == 0 && !drained) {
        ngx_http_store_test_answer(t);
    }
}


static void
ngx_http_store_test_answer(ngx_http_store_test_t *t)
{
    u_char              *p, *text;
    ngx_int_t            rc;
    ngx_str_t            type;
    ngx_uint_t           i;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ngx_http_complex_value_t  cv;

    r = t->request;
    c = r->connection;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    text = ngx_pcalloc(r->pool, 2048);
    if (text == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    p = text;

    for (i = 0; i <= LLM_STORE_FAILED; i++) {
        if (t->count[i]) {
            p = ngx_sprintf(p, "%s=%ui ", llm_store_status_name(i),
                            t->count[i]);
        }
    }

    p = ngx_sprintf(p, "%s", t->text);

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value.data = text;
    cv.value.len = p - text;

    ngx_str_set(&type, "text/plain");

    rc = ngx_http_send_response(r, NGX_HTTP_OK, &type, &cv);
    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_store_test_cleanup(void *data)
{
    ngx_http_store_test_t *t = data;

    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_STORE_TEST_MAX; i++) {
        if (t->tasks[i]) {
            ngx_http_llm_store_cancel(t->tasks[i]);
        }
    }
}
