
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "llm_node.h"


#define LLM_NODE_TEXT  17                /* 16 hexadecimal digits, a newline */
#define LLM_NODE_BOOT  36


static int llm_node_make(const char *directory, const char *name, uint64_t id,
    char *error);
static int llm_node_read(llm_node_t *node, int fd, const char *name,
    char *error);
static int llm_node_fail(char *error, const char *what, const char *name);
static void llm_node_place(llm_node_t *node, const char *host,
    const struct stat *st);


int
llm_node_open(llm_node_t *node, const char *directory, const char *host,
    uint64_t id, char *error)
{
    int          fd, rc;
    char         name[1024];
    struct stat  st;

    snprintf(name, sizeof(name), "%snode", directory);

    fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd == -1 && errno == ENOENT) {

        if (llm_node_make(directory, name, id, error) != 0) {
            return -1;
        }

        fd = open(name, O_RDONLY | O_CLOEXEC);
    }

    if (fd == -1) {
        return llm_node_fail(error, "open", name);
    }

    rc = llm_node_read(node, fd, name, error);

    if (rc == 0 && fstat(fd, &st) == -1) {
        rc = llm_node_fail(error, "fstat", name);
    }

    close(fd);

    if (rc == 0) {
        llm_node_place(node, host, &st);
    }

    return rc;
}


/* It gets its name when it is whole and on the disk; who comes second takes
   the first one's. */

static int
llm_node_make(const char *directory, const char *name, uint64_t id,
    char *error)
{
    int   fd, rc;
    char  text[LLM_NODE_TEXT + 1], made[1024];

    snprintf(made, sizeof(made), "%snode.%ld", directory, (long) getpid());
    snprintf(text, sizeof(text), "%016llx\n", (unsigned long long) id);

    fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd == -1) {
        return llm_node_fail(error, "open", made);
    }

    rc = 0;

    if (write(fd, text, LLM_NODE_TEXT) != LLM_NODE_TEXT || fsync(fd) == -1) {
        rc = llm_node_fail(error, "write", made);
    }

    close(fd);

    if (rc == 0 && link(made, name) == -1 && errno != EEXIST) {
        rc = llm_node_fail(error, "link", name);
    }

    unlink(made);

    return rc;
}


static int
llm_node_read(llm_node_t *node, int fd, const char *name, char *error)
{
    char  text[LLM_NODE_TEXT + 1];

    if (read(fd, text, sizeof(text)) != LLM_NODE_TEXT
        || strspn(text, "0123456789abcdef") != LLM_NODE_TEXT - 1
        || text[LLM_NODE_TEXT - 1] != '\n')
    {
        snprintf(error, LLM_NODE_ERROR,
                 "\"%s\" is no node's id: remove the file, and the node is "
                 "counted as a new one", name);
        return -1;
    }

    node->id = strtoull(text, NULL, 16);

    return 0;
}


static int
llm_node_fail(char *error, const char *what, const char *name)
{
    snprintf(error, LLM_NODE_ERROR, "%s() \"%s\" failed: %s", what, name,
             strerror(errno));

    return -1;
}


static void
llm_node_place(llm_node_t *node, const char *host, const struct stat *st)
{
    int      fd;
    char     boot[LLM_NODE_BOOT + 1];
    ssize_t  n;

    n = 0;
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd != -1) {
        n = read(fd, boot, LLM_NODE_BOOT);
        close(fd);
    }

    boot[(n > 0) ? n : 0] = '\0';

    snprintf(node->place, sizeof(node->place), "%.64s %s %llx:%llx", host,
             boot, (unsigned long long) st->st_dev,
             (unsigned long long) st->st_ino);
}
