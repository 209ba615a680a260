
/*
 * Copyright (C) the llm_quota authors
 */


#include "tap.h"
#include "llm_money.h"


static uint64_t  seed = 0x2545f4914f6cdd1d;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


/* All magnitudes alike. */

static int64_t
any(void)
{
    uint64_t  n;

    n = (rnd(1ull << 32) << 32 | rnd(1ull << 32)) >> 1;

    return (int64_t) (n >> rnd(63));
}


static const struct {
    const char  *text;
    int          scale;
    int          rc;
    int64_t      value;
} decimals[] = {
    { "12", 9, 0, 12000000000 },
    { "0.15", 12, 0, 150000000000 },
    { "1.25e-07", 12, 0, 125000 },
    { "3e-7", 12, 0, 300000 },
    { "2.5E-6", 12, 0, 2500000 },
    { "0.0025", 9, 0, 2500000 },
    { "100.02", 9, 0, 100020000000 },
    { "2.50", 6, 0, 2500000 },
    { "0.000015000020000000002", 12, 0, 15000020 },
    { "1", 0, 0, 1 },
    { "+1", 0, 0, 1 },
    { "007", 0, 0, 7 },
    { "00.05", 2, 0, 5 },
    { "1200", -2, 0, 12 },
    { "1250", -2, 0, 13 },

    /* zero, in all its forms */

    { "0", 9, 0, 0 },
    { "-0", 9, 0, 0 },
    { "-0.000", 9, 0, 0 },
    { "0e5", 9, 0, 0 },
    { "0e99999999999999999999", 9, 0, 0 },
    { "0e-99999999999999999999", 9, 0, 0 },

    /* one rounding, half up */

    { "0.4999999999999999999999999999999999999999999999999999999999999", 0,
      0, 0 },
    { "0.5", 0, 0, 1 },
    { "0.05", 0, 0, 0 },
    { "0.45", 0, 0, 0 },
    { "1.5", 0, 0, 2 },
    { "2.5", 0, 0, 3 },
    { "0.0000000005", 9, 0, 1 },
    { "0.00000000049", 9, 0, 0 },
    { "4.9e-10", 9, 0, 0 },
    { "5e-10", 9, 0, 1 },
    { "9.9995", 3, 0, 10000 },

    /* the ends of the range */

    { "9223372036854775807", 0, 0, INT64_MAX },
    { "9223372036.854775807", 9, 0, INT64_MAX },
    { "9223372036.8547758074", 9, 0, INT64_MAX },
    { "9223372036.8547758075", 9, -3, 0 },
    { "9223372036854775808", 0, -3, 0 },
    { "9223372036854775800e0", 0, 0, 9223372036854775800 },
    { "9999999999999999999", 0, -3, 0 },
    { "10000000000000000000", 0, -3, 0 },
    { "1e18", 0, 0, 1000000000000000000 },
    { "1e19", 0, -3, 0 },
    { "1e400", 9, -3, 0 },
    { "1e-400", 9, 0, 0 },
    { "1e99999999999999999999", 9, -3, 0 },
    { "1e-99999999999999999999", 9, 0, 0 },
    { "0.00000000000000000000000000000000000000000000000001e50", 9, 0,
      1000000000 },
    { "100000000000000000000000000000000000000000000000000e-50", 9, 0,
      1000000000 },

    /* negative */

    { "-1", 9, -2, 0 },
    { "-0.0000000000000000001", 9, -2, 0 },
    { "-1e400", 9, -2, 0 },
    { "-1e-400", 9, -2, 0 },

    /* no decimal */

    { "", 9, -1, 0 },
    { "-", 9, -1, 0 },
    { "+", 9, -1, 0 },
    { ".", 9, -1, 0 },
    { ".5", 9, -1, 0 },
    { "5.", 9, -1, 0 },
    { "5.e1", 9, -1, 0 },
    { "e5", 9, -1, 0 },
    { "1e", 9, -1, 0 },
    { "1e+", 9, -1, 0 },
    { "1e-", 9, -1, 0 },
    { "1e5.0", 9, -1, 0 },
    { "1e5e5", 9, -1, 0 },
    { "1.2.3", 9, -1, 0 },
    { "--1", 9, -1, 0 },
    { "+-1", 9, -1, 0 },
    { "-x", 9, -1, 0 },
    { " 1", 9, -1, 0 },
    { "1 ", 9, -1, 0 },
    { "1,5", 9, -1, 0 },
    { "$1", 9, -1, 0 },
    { "1k", 9, -1, 0 },
    { "0x10", 9, -1, 0 },
    { "1_000", 9, -1, 0 },
    { "nan", 9, -1, 0 },
    { "inf", 9, -1, 0 },
    { "-1x", 9, -1, 0 },
    { "/", 9, -1, 0 },
    { ":", 9, -1, 0 }
};


static const struct {
    int64_t      nano;
    const char  *text;
} money[] = {
    { 0, "0" },
    { 1, "0.000000001" },
    { -1, "-0.000000001" },
    { 10, "0.00000001" },
    { 100020000000, "100.02" },
    { -3500000000, "-3.5" },
    { 2500000, "0.0025" },
    { 1000000000, "1" },
    { 120000000000, "120" },
    { 999999999, "0.999999999" },
    { 1000000001, "1.000000001" },
    { INT64_MAX, "9223372036.854775807" },
    { INT64_MIN, "-9223372036.854775808" }
};


/* On the heap without a byte more, so that the sanitizers see a read past
   the end. */

static int
parse(const char *text, size_t n, int scale, int64_t *value)
{
    int      rc;
    u_char  *copy;

    copy = malloc(n ? n : 1);
    memcpy(copy, text, n);

    rc = llm_decimal_parse(copy, n, scale, value);

    free(copy);

    return rc;
}


static void
test_parse(void)
{
    int       rc;
    char      text[LLM_DECIMAL_MAX + 2];
    size_t    i;
    int64_t   value;

    for (i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
        value = -77;
        rc = parse(decimals[i].text, strlen(decimals[i].text),
                   decimals[i].scale, &value);

        ok(rc == decimals[i].rc
           && value == (rc == 0 ? decimals[i].value : -77),
           "\"%s\" at scale %d: %d, %lld", decimals[i].text,
           decimals[i].scale, rc, (long long) value);
    }

    memset(text, '0', sizeof(text));
    text[LLM_DECIMAL_MAX - 1] = '1';

    is_int(parse(text, LLM_DECIMAL_MAX, 9, &value), 0, "64 bytes");
    is_int(value, 1000000000, "64 bytes are read to the last");
    is_int(parse(text, LLM_DECIMAL_MAX + 1, 9, &value), -1, "65 bytes");
    is_int(parse("1\0", 2, 9, &value), -1, "a zero byte");
    is_int(llm_decimal_parse(NULL, 0, 9, &value), -1, "nothing at all");
}


/*
 * Every integer, written with its point anywhere, an exponent that puts it
 * back, zeros before and behind it and a fraction beyond the scale, is that
 * integer again, or the next one where the fraction is half or more.
 */

static void
test_spellings(void)
{
    int       n, rc, scale, point, len, half, wrong, negative;
    char      digits[40], text[200];
    int64_t   v, value;
    unsigned  i;

    wrong = 0;

    for (i = 0; i < 300000; i++) {
        v = any();

        scale = (int) rnd(13);
        negative = (rnd(8) == 0);
        half = (rnd(3) == 0);

        /* with some zeros before them, for the point to stand among */

        len = snprintf(digits, sizeof(digits), "%0*lld",
                       (int) rnd(8) + 19, (long long) v);
        point = (int) rnd(len - 1) + 1;

        /* of what lies beyond the scale only the first digit matters */

        n = snprintf(text, sizeof(text), "%s%.*s.%s%s%se%d",
                     negative ? "-" : (rnd(8) ? "" : "+"), point, digits,
                     digits + point, half ? "5" : "4",
                     rnd(2) ? "" : (half ? "00" : "99"),
                     len - point - scale);

        value = 0;
        rc = parse(text, n, scale, &value);

        if (negative) {
            wrong += (rc != -2);

        } else if (v == INT64_MAX && half) {
            wrong += (rc != -3);

        } else {
            wrong += (rc != 0 || value != v + half);
        }

        if (wrong == 1) {
            printf("# %s at scale %d: %d, %lld of %lld\n", text, scale, rc,
                   (long long) value, (long long) v);
            break;
        }
    }

    is_int(wrong, 0, "an integer in all its spellings");
}


static void
test_print(void)
{
    size_t    i, n, len;
    u_char    buf[LLM_MONEY_BUF];
    int64_t   v, value;
    unsigned  wrong;

    for (i = 0; i < sizeof(money) / sizeof(money[0]); i++) {
        len = llm_money_print(buf, money[i].nano);
        is_mem(buf, len, money[i].text, "prints %s", money[i].text);
    }

    wrong = 0;

    for (i = 0; i < 300000; i++) {
        v = any();
        len = llm_money_print(buf, v);

        wrong += (len > LLM_MONEY_BUF
                  || llm_decimal_parse(buf, len, 9, &value) != 0
                  || value != v);

        /* trimmed */

        wrong += (memchr(buf, '.', len) != NULL
                  && (buf[len - 1] == '0' || buf[len - 1] == '.'));

        n = llm_money_print(buf, -v);

        wrong += (v != 0 && (n != len + 1 || buf[0] != '-'
                             || llm_decimal_parse(buf + 1, n - 1, 9, &value)
                             || value != v));
    }

    is_int(wrong, 0, "what is printed is read again");
}


static void
test_sums(void)
{
    ok(llm_sat_add(1, 2) == 3 && llm_sat_add(-5, 3) == -2, "sums");
    ok(llm_sat_add(INT64_MAX, 1) == INT64_MAX
       && llm_sat_add(1, INT64_MAX) == INT64_MAX
       && llm_sat_add(INT64_MAX, INT64_MAX) == INT64_MAX
       && llm_sat_add(INT64_MIN, -1) == INT64_MIN
       && llm_sat_add(-1, INT64_MIN) == INT64_MIN, "sums saturate");
    ok(llm_sat_add(INT64_MAX, -1) == INT64_MAX - 1
       && llm_sat_add(INT64_MIN, INT64_MAX) == -1
       && llm_sat_add(INT64_MAX, 0) == INT64_MAX, "sums at the ends");
}


int
main(void)
{
    test_parse();
    test_spellings();
    test_print();
    test_sums();

    return tap_done();
}
