
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_member.h"


/*
 * What makes an upper bound void.  The bytes of a body bound its tokens only
 * where all of the input is in the body, as text; and its cap bounds the
 * output only where the server answers once, without tools of its own.  The
 * lists here are of what is known to be harmless: what is not known is not.
 */


/* Of the input items of responses. */

typedef enum {
    LLM_REQUEST_ITEM_UNTYPED = 0,
    LLM_REQUEST_ITEM_INLINE,       /* all of it is in the body */
    LLM_REQUEST_ITEM_SEALED,       /* so is it if its encrypted content is */
    LLM_REQUEST_ITEM_OTHER
} llm_request_item_e;


static int llm_request_is_set(const llm_request_t *r,
    const llm_json_value_t *v);
static void llm_request_outside(llm_request_t *r, const char *member);
static void llm_request_data(llm_request_t *r, const llm_member_t *m);
static int llm_request_is_data_url(const llm_request_t *r);
static void llm_request_item(llm_request_t *r);
static void llm_request_tool(llm_request_t *r, const char *name);


const u_char  llm_request_base64[256] = {
    ['A' ... 'Z'] = 1,
    ['a' ... 'z'] = 1,
    ['0' ... '9'] = 1,
    ['+'] = 1,
    ['/'] = 1,
    ['='] = 1,
    ['-'] = 1,
    ['_'] = 1
};


static const char *const  llm_request_media[] = { "base64", NULL };
static const char *const  llm_request_inline[] = { "text", "content", NULL };

/* these only take something away from the input */
static const char *const  llm_request_edits[] = { "clear_*", NULL };

static const char *const  llm_request_items[] = {
    "message",
    "function_call", "function_call_output",
    "custom_tool_call", "custom_tool_call_output",
    "computer_call", "computer_call_output",
    "local_shell_call", "local_shell_call_output",
    "apply_patch_call", "apply_patch_call_output",
    NULL
};

static const char *const  llm_request_sealed[] = {
    "reasoning", "compaction", NULL
};

static const char *const  llm_request_own_tools[] = {
    "function", "custom", NULL
};

/* the client runs them, too, but it is the provider that describes them */
static const char *const  llm_request_typed_tools[] = {
    "local_shell", "apply_patch", "computer", "computer_*", "bash_*",
    "text_editor_*", "memory_*", NULL
};

static const char *const  llm_request_fast[] = { "fast", NULL };


void
llm_request_bound(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    switch (m->kind) {

    case LLM_MEMBER_OUTSIDE:

        if (llm_request_is_set(r, v)) {
            llm_request_outside(r, m->name);
        }

        return;

    case LLM_MEMBER_OBJECT:

        if (v->type == LLM_JSON_OBJECT) {
            llm_request_outside(r, m->name);
        }

        return;

    case LLM_MEMBER_FILE:

        if (v->type == LLM_JSON_OBJECT) {
            llm_request_outside(r, m->name);
            return;
        }

        /* fall through */

    case LLM_MEMBER_URL:
    case LLM_MEMBER_DATA:

        if (v->type == LLM_JSON_STRING && r->word_len != 0) {
            llm_request_data(r, m);
        }

        return;

    case LLM_MEMBER_MEDIA:
        r->media = 1;
        return;

    case LLM_MEMBER_SOURCE_TYPE:

        if (llm_request_is(r, llm_request_media)) {
            r->media = 1;

        } else if (!llm_request_is(r, llm_request_inline)) {
            llm_request_outside(r, m->name);
        }

        return;

    case LLM_MEMBER_EDIT_TYPE:

        if (!llm_request_is(r, llm_request_edits)) {
            llm_request_outside(r, m->name);
        }

        return;

    case LLM_MEMBER_ITEM:
        r->item = LLM_REQUEST_ITEM_UNTYPED;
        r->content = 0;
        r->sealed = 0;
        return;

    case LLM_MEMBER_ITEM_TYPE:
        llm_request_item(r);
        return;

    case LLM_MEMBER_ITEM_CONTENT:
        r->content = 1;
        return;

    case LLM_MEMBER_ITEM_SEALED:
        r->sealed = (r->word_len != 0);
        return;

    case LLM_MEMBER_SPEED:

        if (v->type == LLM_JSON_STRING
            && llm_request_is(r, llm_request_fast))
        {
            r->traits |= LLM_TRAIT_FAST;
        }

        return;

    case LLM_MEMBER_TOOL:
        r->tool_known = 0;
        r->hidden += LLM_HIDDEN_TOOL + (r->hidden ? 0 : LLM_HIDDEN_TOOLS);
        return;

    case LLM_MEMBER_TOOL_TYPE:
        r->tool_known = 1;

        if (llm_request_is(r, llm_request_typed_tools)) {
            r->hidden += LLM_HIDDEN_TYPED;

        } else if (!llm_request_is(r, llm_request_own_tools)) {
            llm_request_tool(r, NULL);
        }

        return;

    case LLM_MEMBER_TOOL_CLIENT:
        r->tool_known = 1;
        return;

    default: /* LLM_MEMBER_TOOL_SERVER */

        if (llm_request_is_set(r, v)) {
            llm_request_tool(r, m->name);
        }
    }
}


void
llm_request_bound_close(llm_request_t *r, const llm_member_t *m)
{
    if (m->kind == LLM_MEMBER_TOOL && !r->tool_known) {
        llm_request_tool(r, m->name);
        return;
    }

    if (m->kind == LLM_MEMBER_ITEM
        && ((r->item == LLM_REQUEST_ITEM_UNTYPED && !r->content)
            || (r->item == LLM_REQUEST_ITEM_SEALED && !r->sealed)
            || r->item == LLM_REQUEST_ITEM_OTHER))
    {
        llm_request_outside(r, m->name);
    }
}


static int
llm_request_is_set(const llm_request_t *r, const llm_json_value_t *v)
{
    return v->type != LLM_JSON_FALSE
           && (v->type != LLM_JSON_STRING || r->word_len != 0);
}


static void
llm_request_outside(llm_request_t *r, const char *member)
{
    if (r->outside[0] == '\0') {
        r->outside = member;
    }
}


/* Some members hold either the data or the URL of it: what is not base64 from
   its beginning is taken for a URL. */

static void
llm_request_data(llm_request_t *r, const llm_member_t *m)
{
    size_t  i;

    if (llm_request_is_data_url(r)) {
        r->media = 1;
        return;
    }

    if (m->kind != LLM_MEMBER_URL) {

        for (i = 0; i < r->word_len; i++) {

            if (!llm_request_base64[r->word[i]]) {
                break;
            }
        }

        if (i == r->word_len) {
            r->media = 1;
            return;
        }
    }

    llm_request_outside(r, m->name);
}


static int
llm_request_is_data_url(const llm_request_t *r)
{
    size_t              i;
    static const char   scheme[] = "data:";

    for (i = 0; i < sizeof(scheme) - 1; i++) {

        if (i == r->word_len || (r->word[i] | 0x20) != (scheme[i] | 0x20)) {
            return 0;
        }
    }

    return 1;
}


/* Of several types the worst counts: an item has but one, so who gives two
   means to be misunderstood. */

static void
llm_request_item(llm_request_t *r)
{
    uint8_t  item;

    item = llm_request_is(r, llm_request_items) ? LLM_REQUEST_ITEM_INLINE
           : llm_request_is(r, llm_request_sealed) ? LLM_REQUEST_ITEM_SEALED
           : LLM_REQUEST_ITEM_OTHER;

    if (item > r->item) {
        r->item = item;
    }
}


/* Without a name it is the type that has just been read. */

static void
llm_request_tool(llm_request_t *r, const char *name)
{
    size_t  i;

    if (r->server_tool[0] != '\0') {
        return;
    }

    if (name == NULL && r->word_len != 0) {

        for (i = 0; i < r->word_len; i++) {
            r->tool[i] = (r->word[i] > ' ' && r->word[i] < 0x7f) ? r->word[i]
                                                                 : '?';
        }

        r->tool[i] = '\0';
        name = (char *) r->tool;
    }

    r->server_tool = (name != NULL) ? name : "tools.type";
}
