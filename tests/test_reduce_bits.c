/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_reduce_bits.c: reductions of large arrays: the same bits whatever the tiles, workers, policy, fusion and vector
 * length; errors within the bounds of pairwise summation; the variance of hard data; ties and NaN of argmin and argmax.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_check.h"
#include "codelets.h"
#include "rig.h"

/* ------------------------------------------------------------------------------------------------------- the same bits */

static const struct config {
    const char *environment, *isa;
} configs[] = {
    { "", NULL },
    { "STARP_NCPU=1", NULL },
    { "STARP_NCPU=2", NULL },
    { "STARP_NCPU=2 STARP_SCHED=eager", NULL },
    { "STARP_TILE=65536", NULL },
    { "STARP_TILE=30000 STARP_SMALL=0", NULL },
    { "STARP_TILE=4096 STARP_NCPU=2", NULL },
    { "STARP_TILE=100000000", NULL },
    { "STARP_SMALL=100000000", NULL },
    { "STARP_FUSE=0", NULL },
    { "STARP_INPLACE=0 STARP_CSE=0", NULL },
    { "STARP_ISA=generic", "generic" },
    { "STARP_ISA=avx2", "avx2" },
    { "STARP_ISA=avx512", "avx512" },
};
#define CONFIGS (sizeof configs / sizeof configs[0])

#define MAX_RESULTS 40

struct results {
    int n;
    size_t bytes[MAX_RESULTS];
    void *data[MAX_RESULTS];
};

static void keep(struct results *r, starp_array *x)
{
    size_t bytes = (size_t)starp_size(x) * starp_dtype_size(starp_dtype_of(x));
    if (!x || r->n == MAX_RESULTS) fail_msg("result %d: %s", r->n, starp_last_error());
    r->bytes[r->n] = bytes;
    r->data[r->n] = calloc(bytes + 1, 1);
    assert_non_null(r->data[r->n]);
    if (starp_read(x, r->data[r->n++], bytes) != STARP_OK) fail_msg("%s", starp_last_error());
}

static void free_results(struct results *r)
{
    for (int i = 0; i < r->n; i++) free(r->data[i]);
    r->n = 0;
}

/* Every reduction of x along one set of axes, and two that end the same chain of operations. */
static void reduce_all_ways(struct results *r, starp_session *s, starp_array *x, const starp_dims *axes)
{
    starp_scope_open(s);
    starp_array *shifted = starp_subtract(x, starp_scalar(s, 0.5));
    keep(r, starp_sum(x, axes, 0));
    keep(r, starp_prod(starp_add(x, starp_scalar(s, 0.5)), axes, 0));
    keep(r, starp_mean(shifted, axes, 0));
    keep(r, starp_var(shifted, axes, 0, 1));
    keep(r, starp_max(starp_abs(shifted), axes, 0));
    keep(r, starp_count_nonzero(starp_greater(x, starp_scalar(s, 0.25)), axes, 0));
    if (!axes || axes->n == 1) keep(r, starp_argmin(x, axes, 0));
    starp_array *a = starp_keep(starp_sum(starp_square(shifted), axes, 0)), *b = starp_keep(starp_min(starp_square(shifted), axes, 0));
    assert_int_equal(starp_eval_many(STARP_ARGS(a, b)), STARP_OK);
    keep(r, a);
    keep(r, b);
    starp_release(a);
    starp_release(b);
    assert_int_equal(starp_scope_close(s), STARP_OK);
}

typedef void work(struct results *r, starp_session *s);

static void same_bits_everywhere(work *f)
{
    struct results want = { 0 }, got = { 0 };
    for (size_t c = 0; c < CONFIGS; c++) {
        if (configs[c].isa && !sp_kernels_get(configs[c].isa)) continue;
        starp_session *s = cc_session(configs[c].environment);
        struct results *r = c == 0 ? &want : &got;
        f(r, s);
        assert_int_equal(starp_close(s), STARP_OK);
        if (c == 0) continue;
        assert_int_equal(got.n, want.n);
        for (int i = 0; i < got.n; i++) {
            assert_int_equal(got.bytes[i], want.bytes[i]);
            if (memcmp(got.data[i], want.data[i], got.bytes[i])) fail_msg("result %d has other bits under '%s'", i, configs[c].environment);
        }
        free_results(&got);
    }
    free_results(&want);
}

static void vector_work(struct results *r, starp_session *s)
{
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(700001), STARP_F32), *y = starp_random_uniform(s, STARP_SHAPE(700001), STARP_F64);
    reduce_all_ways(r, s, x, NULL);
    reduce_all_ways(r, s, y, NULL);
    reduce_all_ways(r, s, starp_at(y, "3:-1:2"), NULL);
    reduce_all_ways(r, s, starp_at(y, "::-1"), NULL);
}

static void sums_of_vectors(void **state)
{
    (void)state;
    same_bits_everywhere(vector_work);
}

static void matrix_work(struct results *r, starp_session *s)
{
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(1031, 777), STARP_F64);
    reduce_all_ways(r, s, x, STARP_AXES(0));
    reduce_all_ways(r, s, x, STARP_AXES(1));
    reduce_all_ways(r, s, x, NULL);
    reduce_all_ways(r, s, starp_transpose(x), STARP_AXES(0));
}

static void sums_of_matrices(void **state)
{
    (void)state;
    same_bits_everywhere(matrix_work);
}

static void solid_work(struct results *r, starp_session *s)
{
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(23, 150, 211), STARP_F32);
    reduce_all_ways(r, s, x, STARP_AXES(1));
    reduce_all_ways(r, s, x, STARP_AXES(0, 2));
    reduce_all_ways(r, s, x, STARP_AXES(0, 1));
    reduce_all_ways(r, s, starp_permute_dims(x, STARP_AXES(2, 0, 1)), STARP_AXES(-1));
}

static void sums_of_solids(void **state)
{
    (void)state;
    same_bits_everywhere(solid_work);
}

/* ------------------------------------------------------------------------------------------------------------ accuracy */

static double item(starp_array *x)
{
    double v = cc_item(x);
    starp_release(x);
    return v;
}

/* One after another, ten million additions of 0.1f end near 1.09e6: every term then loses six bits. */
static void ten_million_tenths(void **state)
{
    const int64_t n = 10000000;
    (void)state;
    starp_session *s = cc_session("");
    double exact = (double)n * (double)0.1f;
    double sum = item(starp_sum(starp_full(s, STARP_SHAPE(n), 0.1f, STARP_F32), NULL, 0));
    double stored = item(starp_sum(starp_add(starp_random_integers(s, 0, 1, STARP_SHAPE(n), STARP_I8), starp_full(s, STARP_SHAPE(1), 0.1f, STARP_F32)), NULL, 0));
    if (!(fabs(sum - exact) <= 16 * FLT_EPSILON * exact)) fail_msg("%.9g instead of %.9g", sum, exact);
    if (!(fabs(stored - exact) <= 16 * FLT_EPSILON * exact)) fail_msg("%.9g instead of %.9g", stored, exact);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Large terms that cancel with small ones between them, in an order that defeats chunks of any even length. */
static void fill_adversarial(float *x, int64_t n, long double *sum, long double *magnitudes)
{
    uint64_t random = 7;
    for (int64_t i = 0; i < n; i++) {
        double small = rig_uniform(&random), large = i % 3 == 0 ? 1e7 : i % 3 == 1 ? -1e7 : 0;
        x[i] = (float)(small + large);
        *sum += x[i];
        *magnitudes += fabsl((long double)x[i]);
    }
}

static void sums_that_cancel(void **state)
{
    const int64_t n = 999999;
    float *data = malloc((size_t)n * sizeof *data);
    long double sum = 0, magnitudes = 0;
    (void)state;
    assert_non_null(data);
    fill_adversarial(data, n, &sum, &magnitudes);
    starp_session *s = cc_session("");
    double got = item(starp_sum(starp_from_host(s, data, STARP_SHAPE(n), STARP_F32), NULL, 0));
    /* 32 additions in a row in a chunk, ten levels to the chunk's top, ten above it: each half an ulp of a partial sum. */
    double bound = 0.5 * FLT_EPSILON * (32 + 10 + 10) * (double)magnitudes;
    if (!(fabs(got - (double)sum) <= bound)) fail_msg("%.9g instead of %.9Lg, more than %g off", got, sum, bound);
    assert_int_equal(starp_close(s), STARP_OK);
    free(data);
}

/* mean 1e9 and deviation about 1: the textbook formula loses every digit. */
static void variance_of_hard_data(void **state)
{
    const int64_t n = 1000003;
    double *x = malloc((size_t)n * sizeof *x);
    long double mean = 0, m2 = 0;
    uint64_t random = 3;
    (void)state;
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = 1e9 + 3.46 * rig_uniform(&random);
    for (int64_t i = 0; i < n; i++) mean += (x[i] - 1e9L) / n;
    for (int64_t i = 0; i < n; i++) m2 += ((x[i] - 1e9L) - mean) * ((x[i] - 1e9L) - mean);
    starp_session *s = cc_session("");
    starp_array *a = starp_from_host(s, x, STARP_SHAPE(n), STARP_F64);
    double var = item(starp_var(a, NULL, 0, 1)), sd = item(starp_std(a, NULL, 0, 0)), average = item(starp_mean(a, NULL, 0));
    if (!(fabs(var / (double)(m2 / (n - 1)) - 1) < 1e-7)) fail_msg("var %.12g instead of %.12Lg", var, m2 / (n - 1));
    if (!(fabs(sd / sqrt((double)(m2 / n)) - 1) < 1e-7)) fail_msg("std %.12g", sd);
    assert_true(fabs(average - (1e9 + (double)mean)) < 1e-6);
    assert_int_equal(starp_close(s), STARP_OK);
    free(x);
}

/* ----------------------------------------------------------------------------------------------------- argmin, argmax */

static int64_t index_of(starp_array *x)
{
    int64_t i = -1;
    if (starp_item(x, STARP_I64, &i) != STARP_OK) fail_msg("%s", starp_last_error());
    starp_release(x);
    return i;
}

static void the_first_of_equals_wins(void **state)
{
    const int64_t n = 700001;
    static const char *const environments[] = { "", "STARP_NCPU=2 STARP_TILE=1000 STARP_SMALL=0", "STARP_FUSE=0" };
    double *x = calloc((size_t)n, sizeof *x);
    (void)state;
    assert_non_null(x);
    x[300000] = x[300001] = x[699999] = 5;
    x[299999] = x[600000] = -5;
    for (int e = 0; e < 3; e++) {
        starp_session *s = cc_session(environments[e]);
        x[650000] = 0;
        starp_array *a = starp_from_host(s, x, STARP_SHAPE(n), STARP_F64);
        x[650000] = NAN, x[650001] = -NAN;
        starp_array *b = starp_from_host(s, x, STARP_SHAPE(n), STARP_F64);
        assert_int_equal(index_of(starp_argmax(a, NULL, 0)), 300000);
        assert_int_equal(index_of(starp_argmin(a, NULL, 0)), 299999);
        assert_int_equal(index_of(starp_argmin(starp_abs(a), NULL, 0)), 0);
        assert_int_equal(index_of(starp_argmax(starp_at(a, "::-1"), NULL, 0)), 1);
        assert_int_equal(index_of(starp_argmax(b, NULL, 0)), 650000);
        assert_int_equal(index_of(starp_argmin(b, NULL, 0)), 650000);
        assert_true(isnan(item(starp_max(b, NULL, 0))));
        assert_true(isnan(item(starp_min(b, NULL, 0))));
        assert_int_equal(starp_close(s), STARP_OK);
        x[650001] = 0;
    }
    free(x);
}

static void ties_along_axes(void **state)
{
    (void)state;
    starp_session *s = cc_session("STARP_TILE=500 STARP_SMALL=0");
    starp_array *x = starp_remainder(starp_reshape(starp_arange(s, 0, 130 * 90, 1, STARP_I64), STARP_SHAPE(130, 90)), starp_scalar(s, 45));
    int64_t rows[130], cols[90];
    assert_int_equal(starp_read(starp_argmax(x, STARP_AXES(1), 0), rows, sizeof rows), STARP_OK);
    assert_int_equal(starp_read(starp_argmin(x, STARP_AXES(0), 0), cols, sizeof cols), STARP_OK);
    for (int i = 0; i < 130; i++) assert_int_equal(rows[i], 44);
    for (int j = 0; j < 90; j++) assert_int_equal(cols[j], 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_vectors),       cmocka_unit_test(sums_of_matrices),
        cmocka_unit_test(sums_of_solids),        cmocka_unit_test(ten_million_tenths),
        cmocka_unit_test(sums_that_cancel),      cmocka_unit_test(variance_of_hard_data),
        cmocka_unit_test(the_first_of_equals_wins), cmocka_unit_test(ties_along_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
