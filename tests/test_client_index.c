/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_index.c: starp_at's notation against the items it stands for, and every way to misspell it, with the
 * character the message points at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"

struct good {
    const char *text;
    int count;
    const starp_index *items;
};

#define GOOD(text, ...) \
    { \
        text, STARP_INDEX(__VA_ARGS__) \
    }

static void test_good(void **state)
{
    (void)state;
    const struct good good[] = {
        GOOD("0", STARP_AT(0)),
        GOOD("-1", STARP_AT(-1)),
        GOOD("+7", STARP_AT(7)),
        GOOD(" - 3 ", STARP_AT(-3)),
        GOOD("9223372036854775807", STARP_AT(INT64_MAX)),
        GOOD("-9223372036854775807", STARP_AT(-INT64_MAX)),
        GOOD(":", STARP_ALL),
        GOOD("::", STARP_ALL),
        GOOD("None:None:None", STARP_ALL),
        GOOD("1:", STARP_RANGE(1, STARP_NONE)),
        GOOD(":5", STARP_RANGE(STARP_NONE, 5)),
        GOOD("1:-1", STARP_RANGE(1, -1)),
        GOOD("::2", STARP_STEP(STARP_NONE, STARP_NONE, 2)),
        GOOD("::-1", STARP_STEP(STARP_NONE, STARP_NONE, -1)),
        GOOD("10:0:-3", STARP_STEP(10, 0, -3)),
        GOOD("None:4", STARP_RANGE(STARP_NONE, 4)),
        GOOD("4:None", STARP_RANGE(4, STARP_NONE)),
        GOOD("None", STARP_NEWAXIS),
        GOOD("newaxis", STARP_NEWAXIS),
        GOOD("...", STARP_ELLIPSIS),
        GOOD("Ellipsis", STARP_ELLIPSIS),
        GOOD("1,", STARP_AT(1)),
        GOOD("1:-1, ::2, None, ..., 3", STARP_RANGE(1, -1), STARP_STEP(STARP_NONE, STARP_NONE, 2), STARP_NEWAXIS,
             STARP_ELLIPSIS, STARP_AT(3)),
        GOOD("\t1 :\n2 : 3 ,4", STARP_STEP(1, 2, 3), STARP_AT(4)),
        GOOD("0,0,0,0,0,0,0,0", STARP_AT(0), STARP_AT(0), STARP_AT(0), STARP_AT(0), STARP_AT(0), STARP_AT(0),
             STARP_AT(0), STARP_AT(0)),
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        starp_index items[SP_MAX_ITEMS];
        struct sp_error e = { .status = STARP_OK };
        int count = sp_client_parse_index(good[i].text, items, &e);
        if (count != good[i].count)
            fail_msg("\"%s\": %d items, not %d (%s)", good[i].text, count, good[i].count, e.text);
        assert_int_equal(e.status, STARP_OK);
        for (int k = 0; k < count; k++) {
            const starp_index *got = &items[k], *want = &good[i].items[k];
            bool same = got->kind == want->kind && got->start == want->start && got->stop == want->stop &&
                        got->step == want->step;
            if (!same) fail_msg("\"%s\": item %d differs", good[i].text, k);
        }
    }
}

static const struct {
    const char *text;
    starp_status status;
    const char *says;
} bad[] = {
    { "", STARP_ERR_ARGUMENT, "at: \"\": expected an index at character 1, found the end" },
    { "   ", STARP_ERR_ARGUMENT, "expected an index at character 4, found the end" },
    { ",", STARP_ERR_ARGUMENT, "expected an index at character 1, found ','" },
    { "1,,2", STARP_ERR_ARGUMENT, "expected an index at character 3, found ','" },
    { "x", STARP_ERR_ARGUMENT, "at: \"x\": expected an index at character 1, found 'x'" },
    { "1:x", STARP_ERR_ARGUMENT, "at: \"1:x\": expected a number at character 3, found 'x'" },
    { "1:2:y", STARP_ERR_ARGUMENT, "expected a number at character 5, found 'y'" },
    { "1:2:3:4", STARP_ERR_ARGUMENT, "expected ',' or the end at character 6, found ':'" },
    { "1 2", STARP_ERR_ARGUMENT, "expected ',' or the end at character 3, found '2'" },
    { "1.5", STARP_ERR_ARGUMENT, "expected ',' or the end at character 2, found '.'" },
    { "..", STARP_ERR_ARGUMENT, "expected an index at character 1, found '.'" },
    { "....", STARP_ERR_ARGUMENT, "expected ',' or the end at character 4, found '.'" },
    { "-", STARP_ERR_ARGUMENT, "expected a number at character 2, found the end" },
    { "--1", STARP_ERR_ARGUMENT, "expected a number at character 2, found '-'" },
    { "Nones", STARP_ERR_ARGUMENT, "expected an index at character 1, found 'N'" },
    { "none", STARP_ERR_ARGUMENT, "expected an index at character 1, found 'n'" },
    { "0, [1]", STARP_ERR_ARGUMENT, "expected an index at character 4, found '['" },
    { "0:1:0", STARP_ERR_ARGUMENT, "the step at character 5 is 0" },
    { "3, 9223372036854775808", STARP_ERR_ARGUMENT, "the number at character 4 does not fit in int64" },
    { "-9223372036854775808:", STARP_ERR_ARGUMENT, "the number at character 1 does not fit in int64" },
    { "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", STARP_ERR_INDEX, "more than 33 items" },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        starp_index items[SP_MAX_ITEMS];
        struct sp_error e = { .status = STARP_OK };
        int count = sp_client_parse_index(bad[i].text, items, &e);
        if (count != -1 || e.status != bad[i].status || !strstr(e.text, bad[i].says)) {
            fail_msg("\"%s\": %d, %s: %s", bad[i].text, count, starp_status_name(e.status), e.text);
        }
    }
}

/* Truncations and single wrong characters of a good text: an answer or an error, never more than the items there are. */
static void test_mutations(void **state)
{
    (void)state;
    const char *text = "1:-1, ::2, None, ..., 3, None:5:+2";
    for (size_t cut = 0; cut < strlen(text); cut++) {
        for (int c = 0; c < 128; c++) {
            char copy[64];
            starp_index items[SP_MAX_ITEMS];
            struct sp_error e = { .status = STARP_OK };
            strcpy(copy, text);
            copy[cut] = (char)c;
            int count = sp_client_parse_index(copy, items, &e);
            assert_true(count == -1 ? e.status != STARP_OK && e.text[0]
                                    : count >= 1 && count <= 7 && e.status == STARP_OK);
        }
    }
}

static void test_long_text(void **state)
{
    (void)state;
    static char text[100000];
    starp_index items[SP_MAX_ITEMS];
    struct sp_error e = { .status = STARP_OK };
    memset(text, '9', sizeof text - 1);
    assert_int_equal(sp_client_parse_index(text, items, &e), -1);
    assert_non_null(strstr(e.text, "does not fit in int64"));
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 2] = '4';
    assert_int_equal(sp_client_parse_index(text, items, &(struct sp_error){ .status = STARP_OK }), 1);
    assert_int_equal(items[0].start, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
