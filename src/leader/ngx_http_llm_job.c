
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_leader.h"


static void ngx_http_llm_job_thread(void *data, ngx_log_t *log);
static void ngx_http_llm_job_inline(ngx_event_t *ev);
static void ngx_http_llm_job_done(ngx_event_t *ev);


ngx_int_t
ngx_http_llm_job_post(ngx_http_llm_job_t *job)
{
    ngx_event_t        *ev;
    ngx_thread_task_t  *task;

    task = &job->task;

    ngx_memzero(task, sizeof(ngx_thread_task_t));

    task->ctx = job;
    task->handler = ngx_http_llm_job_thread;

    ev = &task->event;

    ev->data = job;
    ev->log = job->leader->cycle->log;
    ev->handler = ngx_http_llm_job_done;

    job->ran = 0;
    job->running = 1;

    if (ngx_process == NGX_PROCESS_SINGLE) {

        /* without a master process a reload leaves no threads */

        ev->handler = ngx_http_llm_job_inline;
        ngx_post_event(ev, &ngx_posted_next_events);

        return NGX_OK;
    }

    if (ngx_thread_task_post(job->leader->conf.pool, task) != NGX_OK) {
        job->running = 0;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_job_thread(void *data, ngx_log_t *log)
{
    ngx_http_llm_job_t *job = data;

    job->work(job->leader);

    __atomic_store_n(&job->ran, 1, __ATOMIC_RELEASE);
}


static void
ngx_http_llm_job_inline(ngx_event_t *ev)
{
    ngx_http_llm_job_thread(ev->data, ev->log);
    ngx_http_llm_job_done(ev);
}


static void
ngx_http_llm_job_done(ngx_event_t *ev)
{
    ngx_http_llm_job_t *job = ev->data;

    job->running = 0;
    job->done(job->leader);
}


/* nginx's threads end after the last task that was given to them, and before
   this; the task's event does not come any more. */

ngx_uint_t
ngx_http_llm_job_stop(ngx_http_llm_job_t *job)
{
    if (job->task.event.posted) {
        ngx_delete_posted_event(&job->task.event);
        job->running = 0;
    }

    return !job->running || __atomic_load_n(&job->ran, __ATOMIC_ACQUIRE);
}
