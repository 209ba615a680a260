
/*
 * Copyright (C) the llm_quota authors
 */


#include <sys/types.h>
#include <stdlib.h>
#include <string.h>

#include "llm_base64.h"
#include "tap.h"


/* In pieces of at most max bytes; NULL: an error. */

static const char *
decoded(const char *text, size_t max)
{
    size_t         i, n, len;
    ssize_t        rc;
    u_char        *piece, *dst;
    llm_base64_t   b;

    static char  out[1024];

    memset(&b, 0xff, sizeof(b));
    llm_base64_init(&b);

    len = 0;

    for (i = 0; i < strlen(text); i += n) {
        n = (max < strlen(text) - i) ? max : strlen(text) - i;

        piece = malloc(n);
        memcpy(piece, text + i, n);
        dst = malloc(LLM_BASE64_ROOM(n));

        rc = llm_base64_decode(&b, dst, piece, n);

        if (rc > 0) {
            memcpy(out + len, dst, rc);
            len += rc;
        }

        free(piece);
        free(dst);

        if (rc < 0) {
            return NULL;
        }
    }

    rc = llm_base64_end(&b, (u_char *) out + len);

    if (rc < 0) {
        return NULL;
    }

    out[len + rc] = '\0';

    return out;
}


static const struct {
    const char              *text;
    const char              *bytes;
} cases[] = {
    { "", "" },
    { "Zg==", "f" },
    { "Zm8=", "fo" },
    { "Zm9v", "foo" },
    { "Zm9vYg==", "foob" },
    { "Zm9vYmE=", "fooba" },
    { "Zm9vYmFy", "foobar" },

    /* both of the digits that differ in the alphabet for names */
    { "+/+/", "\xfb\xff\xbf" },

    /* left out padding */
    { "Zg", "f" },
    { "Zm8", "fo" },
    { "Zm9vYg", "foob" },

    { "Z", NULL },
    { "Zm9vY", NULL },
    { "Z===", NULL },
    { "Zg=", NULL },
    { "Zm8==", NULL },
    { "Zm9v=", NULL },
    { "Zm9v==", NULL },
    { "Zg===", NULL },
    { "=", NULL },
    { "====", NULL },
    { "Zg==Zg==", NULL },
    { "Zm=v", NULL },
    { "Zm9v\n", NULL },
    { " Zm9v", NULL },
    { "Zm-_", NULL },
    { "Zm9\x80", NULL },
    { "Zm9\xff", NULL }
};


int
main(void)
{
    char         text[2048];
    size_t       i, max;
    const char  *got;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        for (max = 1; max <= 9; max++) {
            got = decoded(cases[i].text, max);

            if (cases[i].bytes == NULL ? got != NULL
                : got == NULL || strcmp(got, cases[i].bytes) != 0)
            {
                break;
            }
        }

        ok(max == 10, "\"%s\", in pieces of 1 to 9", cases[i].text);
    }

    for (i = 0; i < 1000; i += 4) {
        memcpy(text + i, "Zm9v", 5);
    }

    for (max = 1; max <= 1000; max++) {
        got = decoded(text, max);

        if (got == NULL || strlen(got) != 750) {
            break;
        }
    }

    is_int(max, 1001, "a long one, in pieces of any size");

    return tap_done();
}
