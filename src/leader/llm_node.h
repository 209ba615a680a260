
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_NODE_H_INCLUDED_
#define _LLM_NODE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Who a node is among those that share a zone: a random id in the file "node"
 * of its state directory, which stays when the process, the zone or the
 * machine is made anew.
 *
 * A copy of the directory has the same id, and must not speak in its name. So
 * to the id belongs the place: the host, its boot, and the file's inode, which
 * a copy cannot have.
 */

#define LLM_NODE_PLACE       192
#define LLM_NODE_ERROR       2048


typedef struct {
    uint64_t                 id;
    char                     place[LLM_NODE_PLACE + 1];
} llm_node_t;


/*
 * Reads the file of a directory, whose name ends in a slash, or makes it with
 * the id given; blocks.  host is a part of the place.  -1: error says why.
 */
int llm_node_open(llm_node_t *node, const char *directory, const char *host,
    uint64_t id, char *error);


#endif /* _LLM_NODE_H_INCLUDED_ */
