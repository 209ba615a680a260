
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "llm_segment.h"


/* Workers write their lines at the end of a turn: not quite in order. */
#define LLM_SEGMENT_DISORDER  1000       /* ms */


static int llm_segment_parse(const char *name, llm_segment_t *s);
static int llm_segment_compare(const void *one, const void *two);
static int llm_segment_open(const llm_segments_t *segments,
    const llm_segment_t *s);
static int llm_segment_first(void *data, const llm_entry_t *e, int64_t end);


int
llm_segments_look(llm_segments_t *segments)
{
    DIR            *dir;
    int             err;
    size_t          i;
    struct stat     st;
    llm_segment_t  *s, parsed;
    struct dirent  *entry;

    dir = opendir(segments->directory);

    if (dir == NULL) {
        return -1;
    }

    segments->looks++;

    for (i = 0; i < segments->n; i++) {
        segments->list[i].here = 0;
    }

    for ( ;; ) {
        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {

            if (errno) {
                err = errno;
                goto failed;
            }

            break;
        }

        if (llm_segment_parse(entry->d_name, &parsed) != 0) {
            continue;
        }

        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)
            != 0)
        {
            if (errno == ENOENT) {
                continue;
            }

            /* what cannot be looked at must not be taken for gone */

            err = errno;
            goto failed;
        }

        if (!S_ISREG(st.st_mode)) {
            continue;
        }

        s = llm_segments_find(segments, entry->d_name);

        if (s == NULL) {
            err = ENOMEM;
            goto failed;
        }

        if (s->size != st.st_size) {
            s->grown = segments->looks;
        }

        s->here = 1;
        s->size = st.st_size;
        s->modified = st.st_mtime;
    }

    (void) closedir(dir);

    return 0;

failed:

    (void) closedir(dir);
    errno = err;

    return -1;
}


static int
llm_segment_parse(const char *name, llm_segment_t *s)
{
    size_t  len;

    len = strlen(name);

    memset(s, 0, sizeof(llm_segment_t));

    if (len >= LLM_SEGMENT_NAME
        || llm_line_segment((const u_char *) name, len, &s->epoch, &s->number)
           != 0)
    {
        return -1;
    }

    memcpy(s->name, name, len + 1);

    return 0;
}


llm_segment_t *
llm_segments_find(llm_segments_t *segments, const char *name)
{
    size_t          n;
    llm_segment_t   s, *found, *list;

    if (llm_segment_parse(name, &s) != 0) {
        return NULL;
    }

    found = segments->n ? bsearch(&s, segments->list, segments->n, sizeof(s),
                                  llm_segment_compare)
                        : NULL;

    if (found) {
        return found;
    }

    if (segments->n == segments->allocated) {
        n = segments->allocated ? 2 * segments->allocated : 16;
        list = realloc(segments->list, n * sizeof(llm_segment_t));

        if (list == NULL) {
            return NULL;
        }

        segments->list = list;
        segments->allocated = n;
    }

    segments->list[segments->n++] = s;

    qsort(segments->list, segments->n, sizeof(s), llm_segment_compare);

    return bsearch(&s, segments->list, segments->n, sizeof(s),
                   llm_segment_compare);
}


/* By name up to the number, which may have any length. */

static int
llm_segment_compare(const void *one, const void *two)
{
    int                   rc;
    const llm_segment_t  *a = one, *b = two;

    rc = strncmp(a->name, b->name, 39);

    if (rc) {
        return rc;
    }

    return (a->number > b->number) - (a->number < b->number);
}


void
llm_segments_keep_here(llm_segments_t *segments)
{
    size_t  i, n;

    for (i = 0, n = 0; i < segments->n; i++) {
        if (segments->list[i].here) {
            segments->list[n++] = segments->list[i];
        }
    }

    segments->n = n;
}


void
llm_segments_free(llm_segments_t *segments)
{
    free(segments->list);

    segments->list = NULL;
    segments->n = 0;
    segments->allocated = 0;
}


static int
llm_segment_open(const llm_segments_t *segments, const llm_segment_t *s)
{
    char  path[4096];

    if (snprintf(path, sizeof(path), "%s%s", segments->directory, s->name)
        >= (int) sizeof(path))
    {
        errno = ENAMETOOLONG;
        return -1;
    }

    return open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
}


int
llm_segment_read(const llm_segments_t *segments, const llm_segment_t *s,
    llm_segment_reader_t *reader, int64_t *offset, int64_t most,
    llm_segment_line_pt handler, void *data)
{
    int                 fd, rc;
    size_t              step;
    ssize_t             n;
    int64_t             end;
    const u_char       *p, *before;
    llm_line_status_e   status;

    fd = llm_segment_open(segments, s);

    if (fd == -1) {
        return (errno == ENOENT) ? 0 : -1;
    }

    rc = 0;
    end = *offset + most;

    while (*offset < s->size && *offset < end) {

        /* what came since the look is not on the disk yet */

        step = (s->size - *offset < LLM_SEGMENT_STEP) ? s->size - *offset
                                                      : LLM_SEGMENT_STEP;

        n = pread(fd, reader->buf, step, *offset);

        if (n == -1) {
            rc = -1;
            break;
        }

        p = reader->buf;

        for ( ;; ) {
            before = p;
            status = llm_line_read(&p, reader->buf + n, &reader->entry);

            if (status == LLM_LINE_AGAIN) {
                break;
            }

            if (status == LLM_LINE_TORN) {
                reader->torn++;

            } else {
                rc = handler(data, &reader->entry, *offset + (p - before));

                if (rc != 0) {
                    goto done;
                }
            }

            *offset += p - before;
        }

        if (p == reader->buf) {
            break;
        }
    }

done:

    (void) close(fd);

    return rc;
}


int64_t
llm_segment_since(const llm_segments_t *segments, const llm_segment_t *s,
    llm_segment_reader_t *reader, int64_t since)
{
    int       rc;
    int64_t   low, high, middle, offset, time;
    uint64_t  torn;

    torn = reader->torn;
    low = 0;
    high = s->offset;

    /* before low there is nothing that is wanted */

    while (high - low > LLM_SEGMENT_STEP) {
        middle = low + (high - low) / 2;
        offset = middle;
        time = INT64_MAX;

        rc = llm_segment_read(segments, s, reader, &offset, LLM_LINE_MAX,
                              llm_segment_first, &time);

        if (rc == -1) {
            return -1;
        }

        if (time < since - LLM_SEGMENT_DISORDER) {
            low = middle;

        } else {
            high = middle;
        }
    }

    /* where it began to read was in the middle of a line */

    reader->torn = torn;

    return low;
}


static int
llm_segment_first(void *data, const llm_entry_t *e, int64_t end)
{
    int64_t *time = data;

    (void) end;

    if (e->timestamp == 0) {
        return 0;
    }

    *time = e->timestamp;

    return 1;
}


int
llm_segment_sync(const llm_segments_t *segments, llm_segment_t *s)
{
    int  fd, rc;

    if (s->synced == s->size) {
        return 0;
    }

    fd = llm_segment_open(segments, s);

    if (fd == -1) {
        return (errno == ENOENT) ? 0 : -1;
    }

    rc = fdatasync(fd);

    if (rc == 0) {
        s->synced = s->size;
    }

    (void) close(fd);

    return rc;
}


int
llm_segment_is_later(const llm_segment_t *a, const llm_segment_t *b)
{
    if (a->news != b->news) {
        return a->news;
    }

    if (a->grown != b->grown) {
        return a->grown > b->grown;
    }

    if (a->marked != b->marked) {
        return a->marked;
    }

    return a->modified > b->modified;
}
