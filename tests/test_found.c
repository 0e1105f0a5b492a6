/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_found.c: bugs that were found by reading, each in the smallest program that showed it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_check.h"

/* A cheap operand was done again for a reader that had already sunk into another step, and emitted after it. */
static void a_redone_operand_comes_before_its_reader(void **state)
{
    (void)state;
    const double data[4] = { .1, .2, .3, .4 };
    double got[2][4];
    for (int fuse = 0; fuse < 2; fuse++) {
        starp_session *s = cc_session(fuse ? "" : "STARP_FUSE=0");
        starp_scope_open(s);
        starp_array *a = starp_from_host(s, data, STARP_SHAPE(2, 2), STARP_F64);
        starp_array *b = starp_from_host(s, data, STARP_SHAPE(2, 2), STARP_F64);
        starp_array *y = starp_add(a, starp_scalar(s, 1.0)), *w = starp_add(b, starp_scalar(s, 2.0));
        starp_array *sy = starp_sum(y, STARP_AXES(0), 0), *sw = starp_sum(w, STARP_AXES(1), 0), *d = starp_subtract(y, sy);
        starp_array *i = starp_multiply(starp_multiply(y, w), starp_sum(starp_multiply(d, d), NULL, 0));
        assert_int_equal(starp_eval_many(STARP_ARGS(sy, sw, i)), STARP_OK);
        assert_int_equal(starp_read(i, got[fuse], sizeof got[fuse]), STARP_OK);
        assert_int_equal(starp_close(s), STARP_OK);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
}

/* Operands that could have been fused, but lie on a lower level, were not counted against a step's bound. */
static void operands_of_lower_levels_count(void **state)
{
    enum { N = 32 };
    (void)state;
    starp_array *root[N + 1], *sum = NULL;
    double got[3];
    starp_session *s = cc_session("");
    starp_scope_open(s);
    for (int k = 0; k < N; k++) {
        double data[3] = { k, k + .5, -k };
        root[k] = starp_sin(starp_from_host(s, data, STARP_SHAPE(3), STARP_F64));
    }
    starp_array *c = starp_greater(starp_sum(root[0], NULL, 0), starp_scalar(s, 0));
    for (int k = 0; k < N; k += 2) {
        starp_array *x = starp_where(c, root[k], root[k + 1]);
        sum = sum ? starp_add(sum, x) : x;
    }
    root[N] = sum;
    assert_int_equal(starp_eval_many(N + 1, root), STARP_OK);
    assert_int_equal(starp_read(sum, got, sizeof got), STARP_OK);
    double want = 0;
    for (int k = 0; k < N; k += 2) want += sin(k);
    assert_true(fabs(got[0] - want) < 1e-13);
    assert_int_equal(starp_close(s), STARP_OK);
}

static int count_calls(const starp_progress_info *info, void *user)
{
    assert_true(info->tasks_done <= info->tasks_total);
    ++*(int *)user;
    return 0;
}

/* While a long run is being submitted, the callback is called too: in one that takes long enough. */
static void progress_is_told_while_submitting(void **state)
{
    (void)state;
    int calls = 0;
    starp_session *s = cc_session("STARP_IN_FLIGHT=4");
    starp_scope_open(s);
    assert_int_equal(starp_progress(s, count_calls, &calls), STARP_OK);
    for (int64_t n = 1 << 22; calls < 2 && n < INT64_C(1) << 28; n *= 2) {
        calls = 0;
        starp_array *x = starp_random_uniform(s, STARP_SHAPE(n), STARP_F64);
        for (int k = 0; k < 12; k++) x = starp_sin(starp_exp(x));
        assert_int_equal(starp_eval(starp_sum(x, NULL, 0)), STARP_OK);
    }
    assert_true(calls >= 2);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* More than the machine has is refused; touching it would end the process. */
static void what_no_machine_holds_is_refused(void **state)
{
    (void)state;
    starp_session *s = cc_session("");
    starp_array *x = starp_ones(s, STARP_SHAPE((int64_t)1 << 42), STARP_F64);
    assert_int_equal(starp_eval(x), STARP_ERR_MEMORY);
    assert_non_null(strstr(starp_last_error(), "memory"));
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Free memory of one size makes room for another within the limit. */
static void the_limit_bounds_what_is_held(void **state)
{
    (void)state;
    static const starp_dtype dtypes[] = { STARP_F64, STARP_I8, STARP_C128, STARP_F32, STARP_I16 };
    starp_session *s = cc_session("STARP_MEMORY_LIMIT=64M");
    for (int k = 0; k < 5; k++) {
        int64_t n = (48 << 20) / (int64_t)starp_dtype_size(dtypes[k]);
        starp_array *x = starp_ones(s, STARP_SHAPE(n), dtypes[k]);
        assert_int_equal(starp_eval(x), STARP_OK);
        starp_release(x);
    }
    starp_stats stats;
    assert_int_equal(starp_stats_of(s, &stats), STARP_OK);
    assert_true(stats.bytes_pool <= 64 << 20);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* A computed array tells by which plan it was computed. */
static void a_computed_array_explains_itself(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    starp_session *s = cc_session("");
    starp_array *x = starp_exp(starp_arange(s, 0, 10, 1, STARP_F64));
    assert_int_equal(starp_eval(x), STARP_OK);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(starp_explain(x, out), STARP_OK);
    fclose(out);
    assert_non_null(strstr(text, "exp("));
    free(text);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redone_operand_comes_before_its_reader), cmocka_unit_test(operands_of_lower_levels_count),
        cmocka_unit_test(progress_is_told_while_submitting),        cmocka_unit_test(what_no_machine_holds_is_refused),
        cmocka_unit_test(the_limit_bounds_what_is_held),            cmocka_unit_test(a_computed_array_explains_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
