
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "llm_line.h"
#include "llm_request.h"
#include "llm_usage.h"


/*
 * micro             how fast the core reads: a line for each case
 * micro NAME N      the case N times in once(), for who counts instructions
 * micro --names     the cases that are worth counting
 *
 * What nginx does around the core is not in it; scripts/bench has that.
 */

#define ROUNDS    7
#define ROUND_NS  50000000
#define FED       16384      /* what proxy_buffer_size lets through at once */


typedef enum {
    REQUEST = 0,
    ANSWER,
    STREAM,
    LINE
} kind_e;


typedef struct {
    const char              *name;
    const char              *title;
    kind_e                   kind;
    size_t                   piece;      /* 0: whole, 1: an event */
    unsigned                 count:1;
    char                  *(*body)(void);
} case_t;


void once(const case_t *c);

static char *chat(void);
static char *image(void);
static char *answer_1k(void);
static char *embeddings(void);
static char *stream_60(void);
static char *stream_10000(void);
static char *nothing(void);


static const case_t  cases[] = {
    { "request", "chat request of 600 bytes", REQUEST, 0, 1, chat },
    { "json1k", "answer of 1 KB", ANSWER, 0, 1, answer_1k },
    { "stream60", "60 events, in one piece", STREAM, 0, 1, stream_60 },
    { "stream60-4", "60 events, in 4 pieces", STREAM, 2300, 1, stream_60 },
    { "stream60-60", "60 events, each a piece", STREAM, 1, 1, stream_60 },
    { "line", "ledger line", LINE, 0, 1, nothing },
    { "image", "request with a 5 MB image", REQUEST, 0, 0, image },
    { "image-16k", "the same, pieces of 16 KB", REQUEST, FED, 0, image },
    { "embeddings", "embeddings of 20 MB", ANSWER, 0, 0, embeddings },
    { "embeddings-16k", "the same, pieces of 16 KB", ANSWER, FED, 0,
      embeddings },
    { "deltas", "10,000 deltas", STREAM, 0, 0, stream_10000 },
    { "deltas-16k", "the same, pieces of 16 KB", STREAM, FED, 0,
      stream_10000 },
    { "deltas-1", "the same, each a piece", STREAM, 1, 0, stream_10000 },
    { NULL, NULL, 0, 0, 0, NULL }
};


static size_t        len;
static size_t        pieces;
static size_t       *ends;       /* of the pieces */
static char         *body;
static volatile int  sink;


static char *
copy(char *p, const char *s)
{
    return stpcpy(p, s);
}


static char *
fill(char *p, size_t n, const char *with)
{
    size_t  i, size;

    size = strlen(with);

    for (i = 0; i < n; i++) {
        *p++ = with[i % size];
    }

    *p = '\0';

    return p;
}


static char *
chat(void)
{
    char  *p, *start;

    start = malloc(4096);

    p = copy(start, "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":"
                    "\"system\",\"content\":\"You are helpful.\"},{\"role\":"
                    "\"user\",\"content\":\"");
    p = fill(p, 450, "word ");
    copy(p, "\"}],\"temperature\":0.7,\"max_tokens\":256}");

    return start;
}


static char *
image(void)
{
    char  *p, *start;

    start = malloc(6 << 20);

    p = copy(start, "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":"
                    "\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                    "\"What is it?\"},{\"type\":\"image_url\",\"image_url\":{"
                    "\"url\":\"data:image/png;base64,");
    p = fill(p, 5 << 20, "iVBORw0KGgoAAAANSUhEUgAABAAAAAMACAIAAAA+/x29");
    copy(p, "\"}}]}],\"max_tokens\":256}");

    return start;
}


static char *
answer_1k(void)
{
    char  *p, *start;

    start = malloc(4096);

    p = copy(start, "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\""
                    ",\"created\":1700000000,\"model\":\"gpt-4o-mini-2024-07-"
                    "18\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                    "\"assistant\",\"content\":\"");
    p = fill(p, 700, "x");
    copy(p, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":"
            "120,\"completion_tokens\":200,\"total_tokens\":320,"
            "\"prompt_tokens_details\":{\"cached_tokens\":0}}}");

    return start;
}


static char *
embeddings(void)
{
    char      *p, *start;
    unsigned   i, n;

    start = malloc(21 << 20);

    p = copy(start, "{\"object\":\"list\",\"data\":[");

    for (n = 0; p - start < 20 << 20; n++) {
        p += sprintf(p, "%s{\"object\":\"embedding\",\"index\":%u,"
                        "\"embedding\":[", n ? "," : "", n);

        for (i = 0; i < 1536; i++) {
            p += sprintf(p, "%s-0.0%u", i ? "," : "",
                         (n * 1536 + i) * 2654435761u % 100000000);
        }

        p = copy(p, "]}");
    }

    copy(p, "],\"model\":\"text-embedding-3-small\",\"usage\":{"
            "\"prompt_tokens\":8,\"total_tokens\":8}}");

    return start;
}


static char *
stream_60(void)
{
    int    i;
    char  *p, *start;

    start = malloc(16384);
    p = start;

    for (i = 0; i < 60; i++) {
        p = copy(p, "data: {\"id\":\"chatcmpl-bench\",\"object\":"
                    "\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-"
                    "07-18\",\"choices\":[{\"index\":0,\"delta\":{\"content\""
                    ":\"word\"}}]}\n\n");
    }

    copy(p, "data: {\"id\":\"chatcmpl-bench\",\"model\":\"gpt-4o-mini-2024-"
            "07-18\",\"choices\":[],\"usage\":{\"prompt_tokens\":120,"
            "\"completion_tokens\":60,\"total_tokens\":180}}\n\n"
            "data: [DONE]\n\n");

    return start;
}


/* As OpenAI sends them to a client that asked for usage. */

static char *
stream_10000(void)
{
    int    i;
    char  *p, *start;

    static const char  *words[] = {
        "The", " quick", " brown", " fox", ",", " jumps", "\\n\\n", " over",
        " the", " lazy", " dog", ".", " \\\"No", "thing", " is", " as",
        " un", "forget", "table", " a", "\xc3\xa9", " responsibility", "!"
    };

    start = malloc(4 << 20);
    p = start;

    for (i = 0; i < 10000; i++) {
        p += sprintf(p, "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5q"
                        "JKcT\",\"object\":\"chat.completion.chunk\","
                        "\"created\":1741569952,\"model\":\"gpt-4o-mini-2024-"
                        "07-18\",\"service_tier\":\"default\",\"system_"
                        "fingerprint\":\"fp_44added55e\",\"choices\":[{"
                        "\"index\":0,\"delta\":{\"content\":\"%s\"},"
                        "\"logprobs\":null,\"finish_reason\":null}],"
                        "\"usage\":null}\n\n",
                     words[(unsigned) i * 2654435761u
                           % (sizeof(words) / sizeof(words[0]))]);
    }

    copy(p, "data: {\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qJKcT\","
            "\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
            "\"completion_tokens\":10000,\"total_tokens\":10009}}\n\n"
            "data: [DONE]\n\n");

    return start;
}


static char *
nothing(void)
{
    return strdup("");
}


static void
text(llm_line_text_t *t, const char *s)
{
    t->data = (const u_char *) s;
    t->len = strlen(s);
}


static void
line(void)
{
    u_char              buf[LLM_LINE_MAX];
    llm_line_t          l;
    static int64_t      now = 1775046605123;
    static llm_usage_t  usage = { .input = 120, .output = 200, .cost = -1 };

    memset(&l, 0, sizeof(llm_line_t));

    /* forty of them in a second, each of 20 ms */

    now += 25;

    l.epoch = 0x123456789abcdef0;
    l.number = 123456;
    l.started = now - 20;
    l.timestamp = now;
    l.duration = 20;
    l.usage = &usage;
    l.cost = 138000;
    l.status = 200;
    l.source = "upstream";

    text(&l.request_id, "0123456789abcdef0123456789abcdef");
    text(&l.upstream_id, "chatcmpl-bench");
    text(&l.team, "bench");
    text(&l.model, "gpt-4o-mini");
    text(&l.response_model, "gpt-4o-mini-2024-07-18");
    text(&l.price_id, "gpt-4o-mini");

    sink = llm_line_print(buf, &l) - buf;
}


static void
request(void)
{
    size_t                i, from;
    llm_route_t           route;
    static llm_request_t  r;

    memset(&route, 0, sizeof(llm_route_t));
    route.api = LLM_API_CHAT;

    llm_request_init(&r, &route, 0);

    for (i = 0, from = 0; i < pieces; from = ends[i++]) {
        llm_request_feed(&r, (u_char *) body + from, ends[i] - from);
    }

    if (llm_request_end(&r) != LLM_REQUEST_OK || r.max_output != 256) {
        abort();
    }
}


static void
answer(const char *type)
{
    size_t               i, from;
    llm_usage_t          usage;
    static llm_answer_t  a;

    llm_answer_init(&a, (u_char *) type, strlen(type));

    for (i = 0, from = 0; i < pieces; from = ends[i++]) {
        llm_answer_feed(&a, (u_char *) body + from, ends[i] - from);
    }

    if (llm_answer_end(&a, 1, &usage) != LLM_CHARGE_EXACT) {
        abort();
    }
}


/* External, so that compilers leave it as it is: who counts instructions
   counts those below it. */

void
once(const case_t *c)
{
    switch (c->kind) {

    case REQUEST:
        request();
        break;

    case ANSWER:
        answer("application/json");
        break;

    case STREAM:
        answer("text/event-stream");
        break;

    default: /* LINE */
        line();
        break;
    }
}


__attribute__((noinline)) static void
search(void)
{
    size_t  i, from;

    for (i = 0, from = 0; i < pieces; from = ends[i++]) {
        sink = (memchr(body + from, '\0', ends[i] - from) != NULL);
    }
}


static void
prepare(const case_t *c)
{
    char    *end;
    size_t   i;

    free(body);
    free(ends);

    body = c->body();
    len = strlen(body);
    ends = malloc((len + 1) * sizeof(size_t));
    pieces = 0;

    for (i = 0; i < len; ends[pieces++] = i) {

        if (c->piece == 0) {
            i = len;

        } else if (c->piece == 1) {
            end = strstr(body + i, "\n\n");
            i = end + 2 - body;

        } else {
            i = (len - i > c->piece) ? i + c->piece : len;
        }
    }
}


static uint64_t
clock_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static uint64_t
clock_tick(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#else
    return 0;
#endif
}


/* Of the rounds the best: what else runs on the machine only ever slows. */

static double
measure(const case_t *c, double *ticks)
{
    int       round;
    double    ns, best;
    uint64_t  n, start, tick, spent;

    best = 0;

    for (round = 0; round < ROUNDS; round++) {
        n = 0;
        start = clock_ns();
        tick = clock_tick();

        do {
            if (c != NULL) {
                once(c);

            } else {
                search();
            }

            n++;
            spent = clock_ns() - start;

        } while (spent < ROUND_NS);

        ns = (double) spent / n;

        if (round == 0 || ns < best) {
            best = ns;
            *ticks = (double) (clock_tick() - tick) / n;
        }
    }

    return best;
}


static void
report(const case_t *c)
{
    double  ns, ticks, found, unused;

    prepare(c);

    ns = measure(c, &ticks);

    if (len == 0) {
        printf("%-27s %9s %11.0f ns\n", c->title, "", ns);
        return;
    }

    found = measure(NULL, &unused);

    printf("%-27s %9zu %11.0f ns %6.2f GB/s %5.0f%% of memchr",
           c->title, len, ns, len / ns, found / ns * 100);

    if (ticks > 0) {
        printf(" %6.2f bytes a cycle", len / ticks);
    }

    printf("\n");
}


int
main(int argc, char **argv)
{
    int            n;
    const case_t  *c;

    for (c = cases; c->name != NULL; c++) {

        if (argc == 1) {
            report(c);

        } else if (argc == 2 && c->count) {
            printf("%s\n", c->name);

        } else if (argc == 3 && strcmp(c->name, argv[1]) == 0) {
            prepare(c);

            for (n = atoi(argv[2]); n > 0; n--) {
                once(c);
            }
        }
    }

    if (argc == 1) {
        printf("\nA cycle is one of the time stamp counter (rdtsc).\n"
               "Bytes a request: %zu for the answer's reader; one reader of "
               "requests, %zu,\nserves all of a worker.\n",
               sizeof(llm_answer_t), sizeof(llm_request_t));
    }

    return 0;
}
