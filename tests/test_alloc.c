/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_alloc.c: every allocation fails once. A scenario is run with the first allocation failing, then the second, until
 * it comes through; each failure must be told as STARP_ERR_MEMORY, lose nothing (nodes and handles go back to none; the
 * sanitized build sees the bytes), and leave the session able to give the right results at once.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "ranks.h"

#define MOST 20000 /* a scenario allocates less often than that */

/* Builds, evaluates and reads; returns the first failure's status. Wrong numbers fail the test at once. */
typedef starp_status scenario(starp_session *s);

/* Workers allocate too, so the n-th allocation may fall to another thread from run to run: any failure is fine, but it
   must be this one. */
static bool fails_well(const char *name, scenario *f, starp_session *s, uint64_t n)
{
    starp_stats stats;
    starp_clear_error();
    starp_scope_open(s);
    sp_alloc_fail_at(n);
    starp_status status = f(s);
    sp_alloc_fail_at(0);
    starp_scope_close(s);
    if (status != STARP_OK && status != STARP_ERR_MEMORY) {
        fail_msg("%s, allocation %llu: %s: %s", name, (unsigned long long)n, starp_status_name(status), starp_last_error());
    }
    assert_int_equal(starp_stats_of(s, &stats), STARP_OK);
    if (stats.handles_live != 0 || stats.nodes_live != 0) {
        fail_msg("%s, allocation %llu: %d handles and %d nodes are left", name, (unsigned long long)n, (int)stats.handles_live, (int)stats.nodes_live);
    }
    return status != STARP_OK;
}

static void works(const char *name, scenario *f, starp_session *s, uint64_t n)
{
    starp_clear_error();
    starp_scope_open(s);
    starp_status status = f(s);
    if (status != STARP_OK) {
        fail_msg("%s after failure %llu: %s: %s", name, (unsigned long long)n, starp_status_name(status), starp_last_error());
    }
    starp_scope_close(s);
}

/* Each failure in a session of its own, so that nothing is cached, and all of them in one. */
static void sweep(const char *name, scenario *f, const char *environment)
{
    uint64_t n = 1;
    bool failed = true;
    rig_environment(environment);
    starp_session *keeper = starp_open(NULL); /* keeps the task runtime up, so that the others open fast */
    for (; failed && n < MOST; n++) {
        starp_session *s = starp_open(NULL);
        assert_non_null(s);
        failed = fails_well(name, f, s, n);
        works(name, f, s, n);
        assert_int_equal(starp_close(s), STARP_OK);
    }
    assert_true(n > 3 && n < MOST);
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    for (n = 1; n < 60; n++) {
        fails_well(name, f, s, n);
        works(name, f, s, n);
    }
    assert_int_equal(starp_close(s), STARP_OK);
    assert_int_equal(starp_close(keeper), STARP_OK);
    rig_environment("");
}

/* ---------------------------------------------------------------------------------------------------------- scenarios */

static starp_status read_all(starp_array *x, double *got, size_t bytes)
{
    starp_status status = starp_read(x, got, bytes);
    return status;
}

/* Elementwise, views, a cast, and a read. */
static starp_status chain(starp_session *s)
{
    static const double data[6] = { 1, 2, 3, 4, 5, 6 };
    double got[4];
    starp_array *x = starp_from_host(s, data, STARP_SHAPE(2, 3), STARP_F64);
    starp_array *y = starp_multiply(starp_at(x, ":, 1:"), starp_scalar(s, 2.0));
    starp_array *z = starp_add(starp_transpose(y), starp_astype(starp_eye(s, 2, 2, 0, STARP_I32), STARP_F64));
    starp_status status = read_all(z, got, sizeof got);
    if (status != STARP_OK) return status;
    assert_true(got[0] == 5 && got[1] == 10 && got[2] == 6 && got[3] == 13);
    return STARP_OK;
}

/* Reductions fused with what they end, several roots, equal subexpressions, a reshape. */
static starp_status statistics(starp_session *s)
{
    double mean, var;
    int64_t at;
    starp_array *x = starp_reshape(starp_arange(s, 0, 1000, 1, STARP_F64), STARP_SHAPE(10, 100));
    starp_array *m = starp_mean(starp_square(x), NULL, 0), *v = starp_var(starp_square(x), NULL, 0, 0);
    starp_array *a = starp_argmax(starp_at(x, "::-1"), NULL, 0);
    if (!m || !v || !a) return starp_eval(NULL);
    starp_status status = starp_eval_many(STARP_ARGS(m, v, a));
    if (status == STARP_OK) status = starp_item(m, STARP_F64, &mean);
    if (status == STARP_OK) status = starp_item(v, STARP_F64, &var);
    if (status == STARP_OK) status = starp_item(a, STARP_I64, &at);
    if (status != STARP_OK) return status;
    assert_true(fabs(mean - 332833.5) < 1e-6 && fabs(var / 88722194611.05 - 1) < 1e-12 && at == 99);
    return STARP_OK;
}

static starp_status update(starp_session *s, starp_array **x, double *sum)
{
    for (int i = 0; i < 40; i++) {
        starp_status status = starp_assign(x, starp_add(*x, starp_scalar(s, 1.0)));
        if (status == STARP_OK && i % 16 == 15) status = starp_eval(*x);
        if (status != STARP_OK) return status;
    }
    return starp_item(starp_sum(*x, NULL, 0), STARP_F64, sum);
}

/* Updates in a loop, as a program would. */
static starp_status loop(starp_session *s)
{
    double sum;
    starp_array *x = starp_keep(starp_zeros(s, STARP_SHAPE(50), STARP_F64));
    starp_status status = x ? update(s, &x, &sum) : starp_eval(NULL);
    if (x) starp_release(x); /* assign has taken it out of the scope */
    if (status != STARP_OK) return status;
    assert_true(sum == 2000);
    return STARP_OK;
}

static starp_status asynchronous(starp_session *s)
{
    double sum;
    starp_array *x = starp_random_integers(s, 3, 4, STARP_SHAPE(3000), STARP_I16), *y = starp_sum(x, NULL, 0);
    if (!y) return starp_eval(NULL);
    starp_run *run = starp_eval_async(STARP_ARGS(x, y));
    starp_status status = starp_wait(run);
    if (status == STARP_OK) status = starp_item(y, STARP_F64, &sum);
    if (status != STARP_OK) return status;
    assert_true(sum == 9000);
    return STARP_OK;
}

static starp_status files(starp_session *s)
{
    double got[3];
    char path[64];
    snprintf(path, sizeof path, "/tmp/starp-test-alloc-%d.npy", (int)getpid());
    starp_array *x = starp_arange(s, 1, 4, 1, STARP_F64);
    starp_status status = starp_save(x, path);
    if (status == STARP_OK) status = starp_read(starp_load(s, path), got, sizeof got);
    unlink(path);
    if (status != STARP_OK) return status;
    assert_true(got[0] == 1 && got[1] == 2 && got[2] == 3);
    return STARP_OK;
}

static starp_status texts(starp_session *s)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    starp_array *x = starp_exp(starp_random_uniform(s, STARP_SHAPE(10), STARP_F64));
    starp_status status = starp_explain(x, out);
    if (status == STARP_OK) status = starp_graph_dot(x, out);
    if (status == STARP_OK) status = starp_eval(x);
    if (status == STARP_OK) status = starp_explain(x, out);
    if (status == STARP_OK) status = starp_info(s, out);
    fclose(out);
    free(text);
    return status;
}

/* A product, a solution by factors of many panels and in one piece, and some of several results. */
static starp_status algebra(starp_session *s)
{
    double sum, trace, least;
    starp_array *i = starp_eye(s, 9, 9, 0, STARP_F64), *x = starp_add(starp_multiply(i, starp_scalar(s, 4.0)), starp_eye(s, 9, 9, 1, STARP_F64));
    starp_array *y = starp_linalg_solve(x, starp_matmul(x, starp_add(i, i))), *z = starp_linalg_solve(starp_at(x, ":3, :3"), starp_at(x, ":3, 0"));
    starp_qr_factors f = starp_linalg_qr(x, 0);
    starp_svd_factors d = starp_linalg_svd(starp_multiply(i, starp_scalar(s, 3.0)), 1);
    starp_array *t = starp_linalg_slogdet(starp_matmul(f.q, f.r)).logabsdet, *all = starp_add(starp_sum(y, NULL, 0), starp_sum(z, NULL, 0));
    starp_array *w = starp_sum(starp_linalg_inv(starp_broadcast_to(x, STARP_SHAPE(3, 2, 9, 9))), NULL, 0), *v = starp_linalg_eigvalsh(x, 0);
    if (!all || !t || !d.s || !w || !v) return starp_eval(NULL);
    starp_status status = starp_item(all, STARP_F64, &sum);
    if (status == STARP_OK) status = starp_item(t, STARP_F64, &trace);
    if (status == STARP_OK) status = starp_item(starp_min(d.s, NULL, 0), STARP_F64, &least);
    if (status == STARP_OK) status = starp_eval_many(STARP_ARGS(w, v));
    if (status != STARP_OK) return status;
    assert_true(fabs(sum - 19) < 1e-12 && fabs(trace - 9 * log(4)) < 1e-12 && fabs(least - 3) < 1e-12);
    return STARP_OK;
}

/* Transforms along an axis and several, there and back, shifts and zeros. */
static starp_status transforms(starp_session *s)
{
    double sum, middle, least;
    starp_array *x = starp_reshape(starp_arange(s, 1, 61, 1, STARP_F64), STARP_SHAPE(6, 10)), *y = starp_fft_rfftn(x, STARP_SHAPE(7, 12), NULL, STARP_BACKWARD);
    starp_array *back = starp_fft_irfftn(y, STARP_SHAPE(7, 12), NULL, STARP_BACKWARD), *z = starp_fft_ihfft(starp_pad(x, STARP_SHAPE(1, 2), STARP_SHAPE(0, 3)), 0, 0, STARP_ORTHO);
    starp_array *shifted = starp_fft_fftshift(starp_at(back, ":6, :10"), NULL), *f = starp_fft_fftfreq(s, 9, 0.5, STARP_F32);
    starp_array *all = starp_sum(starp_fft_ifft(starp_fft_hfft(z, 7, 0, STARP_ORTHO), 0, 0, STARP_FORWARD), NULL, 0), *one = starp_at(shifted, "3, 5");
    starp_array *low = starp_min(f, NULL, 0);
    if (!all || !one || !low) return starp_eval(NULL);
    starp_status status = starp_item(starp_real(all), STARP_F64, &sum);
    if (status == STARP_OK) status = starp_item(one, STARP_F64, &middle);
    if (status == STARP_OK) status = starp_item(low, STARP_F64, &least);
    if (status != STARP_OK) return status;
    assert_true(fabs(sum) < 1e-9 && fabs(middle - 1) < 1e-12 && fabs(least + 8 / 9.0) < 1e-6);
    return STARP_OK;
}

/* Directly, by transforms, in blocks; and what they need of long lines. */
static starp_status convolutions(starp_session *s)
{
    double direct, by_transforms, in_blocks, whole;
    starp_array *i = starp_arange(s, 0, 5, 1, STARP_I32), *ones = starp_ones(s, STARP_SHAPE(40), STARP_F64), *x = starp_ones(s, STARP_SHAPE(66000), STARP_F64);
    starp_array *a = starp_sum(starp_convolve(i, starp_correlate(i, i, STARP_SAME), STARP_FULL), NULL, 0), *b = starp_sum(starp_convolve(ones, ones, STARP_VALID), NULL, 0);
    starp_array *c = starp_max(starp_oaconvolve(x, starp_at(ones, ":7"), STARP_SAME, NULL), NULL, 0);
    starp_array *d = starp_max(starp_fft_irfft(starp_fft_rfft(x, 65999, 0, STARP_BACKWARD), 65999, 0, STARP_BACKWARD), NULL, 0);
    starp_array *e = starp_max(starp_fft_irfft(starp_fft_rfft(x, 0, 0, STARP_ORTHO), 0, 0, STARP_ORTHO), NULL, 0);
    if (!a || !b || !c || !d || !e) return starp_eval(NULL);
    starp_status status = starp_item(a, STARP_F64, &direct);
    if (status == STARP_OK) status = starp_item(b, STARP_F64, &by_transforms);
    if (status == STARP_OK) status = starp_item(c, STARP_F64, &in_blocks);
    if (status == STARP_OK) status = starp_item(starp_maximum(d, e), STARP_F64, &whole);
    if (status != STARP_OK) return status;
    assert_true(direct == 10 * (11 + 20 + 30 + 20 + 11) && fabs(by_transforms - 40) < 1e-12 && fabs(in_blocks - 7) < 1e-12 && fabs(whole - 1) < 1e-12);
    return STARP_OK;
}

/* Panels of a column, in blocks of eight rows. */
static starp_status tournament(starp_session *s)
{
    double sum;
    starp_array *x = starp_add(starp_multiply(starp_eye(s, 33, 2, 0, STARP_F64), starp_scalar(s, 4.0)), starp_ones(s, STARP_SHAPE(33, 2), STARP_F64));
    starp_lu_factors f = starp_linalg_lu_factor(x);
    starp_array *all = starp_add(starp_sum(f.lu, NULL, 0), starp_sum(f.order, NULL, 0));
    if (!all) return starp_eval(NULL);
    starp_status status = starp_item(all, STARP_F64, &sum);
    if (status == STARP_OK) assert_true(fabs(sum - (5 + 32 * 0.2 + 1 + 4.8 + 31 * 0.8 / 4.8 + 33 * 16)) < 1e-12 * 528);
    return status;
}

/* Vectors and values that are found in steps, of a wide matrix, too. */
static starp_status spectra(starp_session *s)
{
    double sum, least;
    starp_array *i = starp_eye(s, 40, 40, 0, STARP_F64), *x = starp_add(i, starp_ones(s, STARP_SHAPE(40, 40), STARP_F64));
    starp_eig_factors e = starp_linalg_eigh(x, 1);
    starp_svd_factors f = starp_linalg_svd(starp_at(x, ":30"), 0);
    if (!e.values || !f.s) return starp_eval(NULL);
    starp_status status = starp_eval_many(STARP_ARGS(e.values, e.vectors, f.u, f.vh));
    if (status == STARP_OK) status = starp_item(starp_sum(e.values, NULL, 0), STARP_F64, &sum);
    if (status == STARP_OK) status = starp_item(starp_min(f.s, NULL, 0), STARP_F64, &least);
    if (status != STARP_OK) return status;
    assert_true(fabs(sum - 80) < 1e-11 && fabs(least - 1) < 1e-11);
    return STARP_OK;
}

static void plus_user(size_t n, void *out, const void *const *in, const void *user)
{
    for (size_t i = 0; i < n; i++) ((double *)out)[i] = ((const double *)in[0])[i] + *(const double *)user;
}

/* Functions of the program's own, more than the list of them had room for. */
static starp_status applications(starp_session *s)
{
    double got, want = 0;
    starp_array *x = starp_arange(s, 0, 100, 1, STARP_F64);
    for (int k = 0; k < 17; k++) {
        double number = k;
        starp_elementwise f = { plus_user, { 1, STARP_F64 }, { 1, STARP_F64 }, &number, sizeof number };
        starp_status status = starp_register_elementwise(s, "plus", &f);
        if (status != STARP_OK) return status;
        x = starp_apply(s, "plus", STARP_ARGS(x));
        want += 100 * number;
    }
    starp_status status = starp_read(starp_sum(starp_at(x, "::-1"), NULL, 0), &got, sizeof got);
    if (status == STARP_OK) assert_true(got == 4950 + want);
    return status;
}

/* -------------------------------------------------------------------------------------------------------------- tests */

static const struct {
    const char *name;
    scenario *f;
} scenarios[] = {
    { "chain", chain }, { "statistics", statistics }, { "loop", loop }, { "asynchronous", asynchronous }, { "files", files }, { "texts", texts },
    { "applications", applications },
};

static void without_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) sweep(scenarios[i].name, scenarios[i].f, "");
}

static void with_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) sweep(scenarios[i].name, scenarios[i].f, "STARP_SMALL=0 STARP_TILE=30 STARP_NCPU=2");
}

static void algebra_with_and_without_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    sweep("algebra", algebra, "STARP_PANEL=4");
    sweep("algebra", algebra, "STARP_PANEL=4 STARP_SMALL=0 STARP_TILE=30 STARP_NCPU=2");
    sweep("tournament", tournament, "STARP_PANEL=1 STARP_PIVOTING=tournament");
    sweep("tournament", tournament, "STARP_PANEL=1 STARP_PIVOTING=tournament STARP_SMALL=0 STARP_TILE=30 STARP_NCPU=2");
    sweep("spectra", spectra, "STARP_PANEL=2");
    sweep("spectra", spectra, "STARP_PANEL=2 STARP_SMALL=0 STARP_TILE=900 STARP_NCPU=2");
}

static int as_many(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { nin > 1 ? 2 : 1 + it->index % 2 } });
    if (!out) return 1;
    out[0] = out[1 - (nin == 1 && it->index % 2 == 0)] = ((const double *)in[0].data)[0];
    return 0;
}

static starp_status read_items(starp_session *s, starp_ragged *r)
{
    double got[4];
    starp_status status = starp_read(starp_ragged_item(r, 3), got, sizeof got);
    if (status != STARP_OK) return status;
    assert_true(got[0] == 3 && got[1] == 3);
    starp_array *y = starp_ppeval(s, "as many", STARP_ARGS(starp_ppitems(r), starp_arange(s, 0, 4, 1, STARP_F64)));
    return y ? STARP_ERR_RUNTIME : starp_last_status(); /* its results' shapes are not declared: refused */
}

/* Functions over slices: equal results and unequal ones. */
static starp_status slices(starp_session *s)
{
    double got[8];
    starp_ragged *r = NULL;
    starp_status status = starp_register(s, "as many", &(starp_function){ .iterate = as_many });
    starp_array *x = starp_reshape(starp_arange(s, 0, 4, 1, STARP_F64), STARP_SHAPE(1, 4));
    if (status == STARP_OK) status = starp_read(starp_ppeval(s, "as many", STARP_ARGS(starp_ppsplit(x, 1), starp_scalar(s, 1.0))), got, sizeof got);
    if (status == STARP_OK) assert_true(got[0] == 0 && got[3] == 3 && got[7] == 3);
    if (status == STARP_OK) status = starp_ppeval_ragged(s, "as many", STARP_ARGS(starp_ppsplit(x, 1)), 1, &r);
    if (status == STARP_OK) status = read_items(s, r);
    if (status == STARP_ERR_ARGUMENT) status = STARP_OK;
    if (status == STARP_OK) starp_clear_error();
    starp_ragged_release(r);
    return status;
}

static void slices_with_and_without_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    sweep("slices", slices, "");
    sweep("slices", slices, "STARP_SMALL=0 STARP_TILE=3 STARP_NCPU=2");
}

static void transforms_with_and_without_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    sweep("transforms", transforms, "");
    sweep("transforms", transforms, "STARP_SMALL=0 STARP_TILE=30 STARP_NCPU=2");
    sweep("convolutions", convolutions, "STARP_TILE=40000 STARP_NCPU=2");
}

static void unfused_with_tasks(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    for (size_t i = 0; i < 3; i++) sweep(scenarios[i].name, scenarios[i].f, "STARP_SMALL=0 STARP_TILE=30 STARP_FUSE=0 STARP_CSE=0 STARP_INPLACE=0");
}

/* Opening a session allocates too. */
static void opening(void **state)
{
    SKIP_ON_RANKS();
    (void)state;
    rig_environment("");
    for (uint64_t n = 1; n < MOST; n++) {
        sp_alloc_fail_at(n);
        starp_session *s = starp_open(NULL);
        sp_alloc_fail_at(0);
        if (!s) {
            assert_int_equal(starp_last_status(), STARP_ERR_MEMORY);
            starp_clear_error();
            continue;
        }
        works("after opening", chain, s, n);
        assert_int_equal(starp_close(s), STARP_OK);
        assert_true(n > 1);
        return;
    }
    fail_msg("a session never opens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(without_tasks),
        cmocka_unit_test(with_tasks),
        cmocka_unit_test(unfused_with_tasks),
        cmocka_unit_test(algebra_with_and_without_tasks),
        cmocka_unit_test(transforms_with_and_without_tasks),
        cmocka_unit_test(slices_with_and_without_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
