
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "llm_node.h"
#include "tap.h"


/* A node keeps its id, and a copy of it is known by its place. */


static char        directory[] = "/tmp/llm-node-XXXXXX";
static char        where[64];
static char        file[128];
static char        error[LLM_NODE_ERROR];
static llm_node_t  node;


static int
open_as(uint64_t id)
{
    memset(&node, 0, sizeof(node));
    error[0] = '\0';

    return llm_node_open(&node, where, "host", id, error);
}


static void
write_file(const char *text)
{
    FILE  *f;

    f = fopen(file, "w");
    fputs(text, f);
    fclose(f);
}


static void
test_id(void)
{
    char         place[LLM_NODE_PLACE + 1], other[160];
    struct stat  st;

    ok(open_as(0x1234) == 0 && node.id == 0x1234, "a new node has an id");
    ok(stat(file, &st) == 0 && st.st_size == 17
       && (st.st_mode & 0777) == 0600,
       "which is in a file of its own");

    strcpy(place, node.place);

    ok(strncmp(place, "host ", 5) == 0, "and a place: %s", place);
    ok(open_as(0x5678) == 0 && node.id == 0x1234, "it keeps it");
    ok(strcmp(node.place, place) == 0, "at its place");

    snprintf(other, sizeof(other), "%s.old", file);
    ok(rename(file, other) == 0, "it is put away");
    write_file("0000000000001234\n");
    ok(open_as(0x5678) == 0 && node.id == 0x1234
       && strcmp(node.place, place) != 0,
       "a copy has the id, but another place");

    (void) unlink(other);
}


static void
test_garbage(void)
{
    size_t  i;

    static const char *const  bad[] = {
        "", "\n", "0000000000001234", "0000000000001234\n\n",
        "000000000000123G\n", "00000000000012\n34", "0x00000000001234\n"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(bad[i]);
        ok(open_as(1) == -1 && strstr(error, "is no node's id") != NULL,
           "file %zu is no node's", i);
    }

    (void) unlink(file);
    (void) mkdir(file, 0700);
    ok(open_as(1) == -1 && strstr(error, file) != NULL, "nor a directory: %s",
       error);
    (void) rmdir(file);

    strcpy(where, "/nonexistent/");
    ok(open_as(1) == -1 && strstr(error, "/nonexistent/node") != NULL,
       "there is a directory, or an error: %s", error);
}


int
main(void)
{
    if (mkdtemp(directory) == NULL) {
        perror("mkdtemp()");
        return 1;
    }

    snprintf(where, sizeof(where), "%s/", directory);
    snprintf(file, sizeof(file), "%snode", where);

    test_id();
    test_garbage();

    (void) rmdir(directory);

    return tap_done();
}
