
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>
#include <strings.h>

#include "llm_member.h"


/*
 * A form has no types: a field is read as the member of its name wants it.
 * Only fields are members, not files, though some servers take a file that is
 * named like a member, and has no filename worth the word, for a field.
 */


static void llm_request_part(void *data, const llm_multipart_part_t *part);
static void llm_request_field(llm_request_t *r,
    const llm_multipart_part_t *part);
static void llm_request_scalar(llm_request_t *r, const llm_member_t *m);
static int llm_request_is_flag(const llm_request_t *r,
    const char *const *names);


/* as the frameworks of the servers read them */

static const char *const  llm_request_true[] = { "true", "1", NULL };
static const char *const  llm_request_false[] = { "false", "0", NULL };


void
llm_request_form(llm_request_t *r, const u_char *type, size_t len)
{
    int  rc;

    rc = llm_multipart_init(&r->multipart, type, len, llm_request_part, r);

    if (rc == -1) {
        return;
    }

    r->form = 1;

    if (rc == -2) {
        llm_request_fail(r, LLM_REQUEST_NOT_FORM, "");
    }

    if (r->bounds) {
        r->outside = "file";
    }
}


static void
llm_request_part(void *data, const llm_multipart_part_t *part)
{
    llm_request_t *r = data;

    llm_json_value_t     v;
    const llm_member_t  *m;

    if (r->error != LLM_REQUEST_OK) {
        return;
    }

    if (part->begin) {
        llm_request_field(r, part);
        return;
    }

    if (r->field == NULL) {
        return;
    }

    m = &llm_members[r->field->field];

    if (m->types & 1 << LLM_JSON_STRING) {
        memset(&v, 0, sizeof(llm_json_value_t));

        v.type = LLM_JSON_STRING;
        v.field = r->field->field;
        v.more = !part->end;
        v.text = part->text;
        v.len = part->len;

        llm_request_value(r, &v);
        return;
    }

    if (part->end) {
        llm_request_scalar(r, m);
        return;
    }

    if (part->len > LLM_REQUEST_WORD - r->word_len) {
        llm_request_fail(r, LLM_REQUEST_TYPE, m->name);
        return;
    }

    memcpy(r->word + r->word_len, part->text, part->len);
    r->word_len += part->len;
}


/* A part begins: which member it is, if any. */

static void
llm_request_field(llm_request_t *r, const llm_multipart_part_t *part)
{
    const char             *name;
    const llm_json_node_t  *node;

    r->field = NULL;
    r->word_len = 0;

    for (node = r->json.root->children; node->key != NULL; node++) {

        if (node->children == NULL && strlen(node->key) == part->name_len
            && strncasecmp(node->key, (char *) part->name, part->name_len)
               == 0)
        {
            break;
        }
    }

    if (node->key == NULL) {
        return;
    }

    name = llm_members[node->field].name;

    if (part->escaped || memcmp(node->key, part->name, part->name_len) != 0) {
        llm_request_fail(r, LLM_REQUEST_VARIANT, name);
        return;
    }

    if (part->file) {
        llm_request_fail(r, LLM_REQUEST_TYPE, name);
        return;
    }

    r->field = node;
}


/* Gives what the field has as the number or the boolean that it stands
   for. */

static void
llm_request_scalar(llm_request_t *r, const llm_member_t *m)
{
    size_t            i;
    llm_json_value_t  v;

    memset(&v, 0, sizeof(llm_json_value_t));

    v.field = r->field->field;
    v.text = r->word;
    v.len = r->word_len;

    if (m->types & 1 << LLM_JSON_NUMBER) {
        v.type = LLM_JSON_NUMBER;

        for (i = 0; i < v.len; i++) {

            if (v.text[i] < '0' || v.text[i] > '9') {
                break;
            }
        }

        if (i != v.len || v.len == 0 || v.len > 16) {
            llm_request_fail(r, LLM_REQUEST_TYPE, m->name);
            return;
        }

    } else if (llm_request_is_flag(r, llm_request_true)) {
        v.type = LLM_JSON_TRUE;

    } else if (llm_request_is_flag(r, llm_request_false)) {
        v.type = LLM_JSON_FALSE;

    } else {
        llm_request_fail(r, LLM_REQUEST_TYPE, m->name);
        return;
    }

    llm_request_value(r, &v);
}


static int
llm_request_is_flag(const llm_request_t *r, const char *const *names)
{
    for ( /* void */ ; *names != NULL; names++) {

        if (r->word_len == strlen(*names)
            && strncasecmp((char *) r->word, *names, r->word_len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
