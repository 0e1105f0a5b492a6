/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_generate.c: arrays that come from their index: arange, linspace, eye and random numbers. Values against formulas
 * written here and against the oracle's Philox, which is held against Random123's published answers first.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_check.h"
#include "reference.h"
#include "rig.h"

static const char *const environments[] = { "", "STARP_TILE=64 STARP_SMALL=0", "STARP_FUSE=0" };

static void *read_all(starp_array *x)
{
    size_t bytes = (size_t)starp_size(x) * starp_dtype_size(starp_dtype_of(x));
    void *buffer = malloc(bytes + 1);
    assert_non_null(buffer);
    if (starp_read(x, buffer, bytes) != STARP_OK) fail_msg("%s", starp_last_error());
    return buffer;
}

/* ------------------------------------------------------------------------------------------------------------- arange */

static void expect_arange(starp_session *s, double start, double stop, double step, starp_dtype d, int64_t n)
{
    starp_array *x = starp_arange(s, start, stop, step, d);
    assert_int_equal(starp_size(x), n);
    double *got = read_all(starp_astype(x, STARP_F64));
    for (int64_t i = 0; i < n; i++) {
        double want = start + (double)i * step;
        if (d == STARP_F32) want = (float)want;
        if (got[i] != want) fail_msg("arange(%g, %g, %g)[%d] is %.17g", start, stop, step, (int)i, got[i]);
    }
    free(got);
}

static void check_arange(starp_session *s)
{
    expect_arange(s, 0, 10, 1, STARP_I64, 10);
    expect_arange(s, 0, 300, 1, STARP_F32, 300);
    expect_arange(s, 5, -5, -2, STARP_I8, 5);
    expect_arange(s, 0, 1, 0.25, STARP_F64, 4);
    expect_arange(s, 0, 1.01, 0.25, STARP_F64, 5);
    expect_arange(s, 250, 256, 1, STARP_U8, 6);
    expect_arange(s, 0, 0, 1, STARP_F64, 0);
    expect_arange(s, 0, -1, 1, STARP_I32, 0);
    expect_arange(s, 1, 2, 0.125, STARP_C128, 8);
    cc_refused(starp_arange(s, 0, 1, 0, STARP_F64), STARP_ERR_ARGUMENT, "arange: ");
    cc_refused(starp_arange(s, 0, INFINITY, 1, STARP_F64), STARP_ERR_ARGUMENT, "arange: ");
    cc_refused(starp_arange(s, 0, 1, NAN, STARP_F64), STARP_ERR_ARGUMENT, "arange: ");
    cc_refused(starp_arange(s, 0, 1, 1, STARP_BOOL), STARP_ERR_DTYPE, "arange: ");
}

static void arange(void **state)
{
    (void)state;
    cc_in_each(3, environments, check_arange);
}

/* ----------------------------------------------------------------------------------------------------------- linspace */

static void expect_linspace(starp_session *s, double start, double stop, int64_t n, int endpoint)
{
    double *got = read_all(starp_linspace(s, start, stop, n, endpoint, STARP_F64));
    double step = (stop - start) / (double)(endpoint ? n - 1 : n);
    for (int64_t i = 0; i < n; i++) {
        double want = start + (n > 1 ? (double)i * step : 0);
        if (fabs(got[i] - want) > 1e-15 * fmax(fabs(start), fabs(stop))) fail_msg("linspace[%d] is %.17g", (int)i, got[i]);
    }
    if (n > 0) assert_true(got[0] == start);
    if (n > 1 && endpoint) assert_true(got[n - 1] == stop); /* exactly, however the steps round */
    free(got);
}

static void check_linspace(starp_session *s)
{
    expect_linspace(s, 0, 1, 11, 1);
    expect_linspace(s, -1, 0.1, 1000, 1);
    expect_linspace(s, 3, -3, 7, 0);
    expect_linspace(s, 2, 5, 1, 1);
    expect_linspace(s, 2, 5, 0, 1);
    cc_refused(starp_linspace(s, 0, 1, -1, 1, STARP_F64), STARP_ERR_SHAPE, "linspace: ");
    cc_refused(starp_linspace(s, 0, 1, 5, 1, STARP_I32), STARP_ERR_DTYPE, "linspace: ");
}

static void linspace(void **state)
{
    (void)state;
    cc_in_each(3, environments, check_linspace);
}

/* ---------------------------------------------------------------------------------------------------------------- eye */

static void check_eye(starp_session *s)
{
    for (int64_t k = -6; k <= 8; k++) {
        float *got = read_all(starp_eye(s, 5, 7, k, STARP_F32));
        for (int64_t i = 0; i < 35; i++) assert_true(got[i] == (i % 7 - i / 7 == k));
        free(got);
    }
    assert_int_equal(starp_size(starp_eye(s, 0, 3, 0, STARP_BOOL)), 0);
    cc_refused(starp_eye(s, -1, 3, 0, STARP_F32), STARP_ERR_SHAPE, "eye: ");
}

static void eye(void **state)
{
    (void)state;
    cc_in_each(3, environments, check_eye);
}

/* ------------------------------------------------------------------------------------------------------ random numbers */

/* Random123's kat_vectors for philox4x32-10: counter and key words all 0, all ones, and the digits of pi. */
static void the_oracles_philox_gives_the_published_answers(void **state)
{
    uint32_t got[4];
    (void)state;
    ref_philox(0, 0, 0, got);
    assert_true(got[0] == 0x6627e8d5 && got[1] == 0xe169c58d && got[2] == 0xbc57ac4c && got[3] == 0x9b00dbd8);
    ref_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, got);
    assert_true(got[0] == 0x408f276d && got[1] == 0x41c83b0e && got[2] == 0xa20bc7c6 && got[3] == 0x6d5451fd);
    ref_philox(0x85a308d3243f6a88, 0x0370734413198a2e, 0x299f31d0a4093822, got);
    assert_true(got[0] == 0xd16cfe09 && got[1] == 0x94fdcceb && got[2] == 0x5001e420 && got[3] == 0x24126ea1);
}

/* One generator of one stream on the engine against the oracle, within ulps. */
static void expect_random(enum sp_op op, starp_dtype d, const starp_dims *shape, uint64_t seed, uint64_t stream, double ulps)
{
    struct rig engine, oracle;
    struct sp_node *n[2];
    struct rig *r[2] = { &engine, &oracle };
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    int64_t low = op == SP_OP_integers && sp_dtypes[d].is_signed ? -3 : 0;
    for (int i = 0; i < 2; i++) {
        n[i] = sp_build_random(&r[i]->g, op, shape, d, seed, stream, low, 100);
        if (!n[i] || rig_eval(r[i], &n[i], 1, NULL) != STARP_OK) fail_msg("%s", r[i]->g.error.text);
    }
    rig_expect(sp_ops[op].name, &engine, &oracle, n[0], n[1], ulps);
    for (int i = 0; i < 2; i++) {
        sp_node_release(&r[i]->g, n[i]);
        rig_close(r[i]);
    }
}

static void bits_are_the_oracles(void **state)
{
    static const starp_dims shapes[] = { { 1, { 1037 } }, { 3, { 7, 11, 13 } }, { 0, { 0 } } };
    (void)state;
    for (int e = 0; e < 2; e++) {
        rig_environment(environments[e]);
        for (int i = 0; i < 3; i++) {
            uint64_t seed = i == 1 ? 0xfedcba9876543210 : (uint64_t)i, stream = i == 1 ? 0x123456789abcdef : 4;
            expect_random(SP_OP_uniform, STARP_F64, &shapes[i], seed, stream, 0);
            expect_random(SP_OP_uniform, STARP_F32, &shapes[i], seed, stream, 0);
            for (int d = STARP_I8; d <= STARP_U64; d++) expect_random(SP_OP_integers, (starp_dtype)d, &shapes[i], seed, stream, 0);
        }
    }
}

/* The cosine's argument is rounded before it is taken, so near its zeros the error is absolute. */
static void normal_numbers_are_near_the_oracles(void **state)
{
    enum { N = 4096 };
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    double *got = read_all(starp_random_standard_normal(s, STARP_SHAPE(N), STARP_F64));
    float *single = read_all(starp_random_standard_normal(s, STARP_SHAPE(N), STARP_F32));
    for (int i = 0; i < N; i++) {
        double want = (double)ref_random(SP_OP_normal, STARP_F64, &(struct ref_random){ 0, 0, 0, 0 }, i).re;
        double other = (double)ref_random(SP_OP_normal, STARP_F32, &(struct ref_random){ 0, 1, 0, 0 }, i).re;
        if (!(fabs(got[i] - want) <= 1e-14)) fail_msg("normal[%d] is %.17g instead of %.17g", i, got[i], want);
        if (!(fabs(single[i] - other) <= 1e-6)) fail_msg("f32 normal[%d] is %.9g instead of %.9g", i, (double)single[i], other);
    }
    free(got);
    free(single);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* Element i of call n since the seed is a function of (seed, n, i): not of shape, views, order of evaluation or session. */
static void check_streams(starp_session *s)
{
    starp_seed(s, 42);
    starp_array *a = starp_random_uniform(s, STARP_SHAPE(500), STARP_F64), *b = starp_random_uniform(s, STARP_SHAPE(20, 25), STARP_F64);
    double *second = read_all(b), *first = read_all(a), *tail = read_all(starp_at(a, "499:0:-7"));
    for (int i = 0; i < 500; i++) {
        assert_true(first[i] == (double)ref_random(SP_OP_uniform, STARP_F64, &(struct ref_random){ 42, 0, 0, 0 }, i).re);
        assert_true(second[i] == (double)ref_random(SP_OP_uniform, STARP_F64, &(struct ref_random){ 42, 1, 0, 0 }, i).re);
    }
    for (int i = 0; i < 72; i++) assert_true(tail[i] == first[499 - 7 * i]);
    starp_seed(s, 42);
    double *again = read_all(starp_at(starp_random_uniform(s, STARP_SHAPE(500), STARP_F64), "100:200"));
    assert_memory_equal(again, first + 100, 100 * sizeof *first);
    free(first), free(second), free(tail), free(again);
}

static void streams_and_seeds(void **state)
{
    (void)state;
    cc_in_each(3, environments, check_streams);
}

/* Moments of a million numbers, to five standard errors; with a fixed seed this cannot fail by chance. */
static void check_moments(starp_session *s)
{
    const double n = 1e6;
    starp_array *u = starp_random_uniform(s, STARP_SHAPE(1000000), STARP_F64), *z = starp_random_standard_normal(s, STARP_SHAPE(1000000), STARP_F64);
    starp_array *k = starp_random_integers(s, -5, 6, STARP_SHAPE(1000000), STARP_I32);
    assert_true(fabs(cc_item(starp_mean(u, NULL, 0)) - 0.5) < 5 * sqrt(1.0 / 12 / n));
    assert_true(fabs(cc_item(starp_var(u, NULL, 0, 0)) - 1.0 / 12) < 5 * sqrt(1.0 / 180 / n));
    assert_true(cc_item(starp_min(u, NULL, 0)) >= 0 && cc_item(starp_max(u, NULL, 0)) < 1);
    assert_true(fabs(cc_item(starp_mean(z, NULL, 0))) < 5 / sqrt(n));
    assert_true(fabs(cc_item(starp_var(z, NULL, 0, 0)) - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(cc_item(starp_mean(starp_pow(z, starp_scalar(s, 4.0)), NULL, 0)) - 3) < 5 * sqrt(96 / n));
    assert_true(fabs(cc_item(starp_mean(k, NULL, 0))) < 5 * sqrt(10 / n));
    assert_true(cc_item(starp_min(k, NULL, 0)) == -5 && cc_item(starp_max(k, NULL, 0)) == 5);
    assert_true(fabs(cc_item(starp_mean(starp_multiply(starp_at(u, "1:"), starp_at(u, ":-1")), NULL, 0)) - 0.25) < 5 * sqrt(0.05 / n));
}

static void moments(void **state)
{
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    check_moments(s);
    assert_int_equal(starp_close(s), STARP_OK);
}

static void check_refusals(starp_session *s)
{
    cc_refused(starp_random_uniform(s, STARP_SHAPE(3), STARP_I32), STARP_ERR_DTYPE, "random uniform: ");
    cc_refused(starp_random_standard_normal(s, STARP_SHAPE(3), STARP_C64), STARP_ERR_DTYPE, "random normal: ");
    cc_refused(starp_random_integers(s, 0, 5, STARP_SHAPE(3), STARP_F32), STARP_ERR_DTYPE, "random integers: ");
    cc_refused(starp_random_integers(s, 5, 5, STARP_SHAPE(3), STARP_I32), STARP_ERR_ARGUMENT, "random integers: ");
    cc_refused(starp_random_integers(s, 0, 257, STARP_SHAPE(3), STARP_U8), STARP_ERR_ARGUMENT, "random integers: ");
    cc_refused(starp_random_integers(s, -129, 0, STARP_SHAPE(3), STARP_I8), STARP_ERR_ARGUMENT, "random integers: ");
    cc_refused(starp_random_uniform(s, STARP_SHAPE(-3), STARP_F32), STARP_ERR_SHAPE, "-3");
    int64_t *whole = read_all(starp_random_integers(s, INT64_MIN, INT64_MAX, STARP_SHAPE(64), STARP_I64)), below = 0;
    for (int i = 0; i < 64; i++) below += whole[i] < 0;
    assert_true(below > 10 && below < 54);
    free(whole);
}

static void what_generators_refuse(void **state)
{
    (void)state;
    cc_in_each(3, environments, check_refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arange),
        cmocka_unit_test(linspace),
        cmocka_unit_test(eye),
        cmocka_unit_test(the_oracles_philox_gives_the_published_answers),
        cmocka_unit_test(bits_are_the_oracles),
        cmocka_unit_test(normal_numbers_are_near_the_oracles),
        cmocka_unit_test(streams_and_seeds),
        cmocka_unit_test(moments),
        cmocka_unit_test(what_generators_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
