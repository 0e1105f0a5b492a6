/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels_reduce.c: reducers against long double and plain loops: rows, columns, merging and finishing, for many
 * shapes around the lengths where the order of additions changes; the same bits on every instruction set.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codelets.h"
#include "reference.h"
#include "rig.h"

#define MOST 38000 /* elements of the largest block */

static const char *const names[] = { "generic", "avx2", "avx512" };

/* rows x cols; a reduction of rows has results of cols elements each, one of columns of rows elements. */
static const size_t shapes[][2] = {
    { 1, 1 }, { 1, 2 }, { 3, 2 }, { 2, 3 }, { 1, 31 }, { 5, 32 }, { 4, 33 }, { 1, 63 }, { 2, 64 }, { 3, 65 },
    { 7, 100 }, { 1, 1000 }, { 1, 1023 }, { 1, 1024 }, { 2, 1025 }, { 1, 2048 }, { 1, 2049 }, { 1, 5000 }, { 33, 1 },
    { 32, 7 }, { 63, 65 }, { 64, 3 }, { 65, 20 }, { 100, 130 }, { 511, 2 }, { 1023, 1 }, { 1024, 1 }, { 341, 3 },
    { 129, 8 }, { 40, 40 }, { 300, 64 }, { 31, 129 }, { 257, 33 }, { 3000, 1 }, { 2049, 5 },
};

/* A block of elements with their indices, and what becomes of it. */
struct trial {
    enum sp_reduce kind;
    starp_dtype d, to;
    size_t rows, cols;
    char *x, *got, *other;
    int64_t *index;
};

static starp_dtype result_of(enum sp_reduce kind, starp_dtype d)
{
    if (kind == SP_REDUCE_ARGMIN || kind == SP_REDUCE_ARGMAX) return STARP_I64;
    return kind == SP_REDUCE_VAR ? sp_dtype_real(d) : d;
}

static void trial_open(struct trial *t, enum sp_reduce kind, starp_dtype d)
{
    *t = (struct trial){ .kind = kind, .d = d, .to = result_of(kind, d) };
    t->x = malloc(MOST * 16), t->got = malloc(MOST * 16), t->other = malloc(MOST * 16);
    t->index = malloc(MOST * sizeof *t->index);
    for (int64_t i = 0; i < MOST; i++) t->index[i] = 1000 + 3 * i;
}

static void trial_close(struct trial *t)
{
    free(t->x), free(t->got), free(t->other), free(t->index);
}

/* Reduces elements [row, row + rows) of the columns, or all rows, to finished results. */
static size_t reduce(const struct trial *t, const struct sp_kernels *k, bool columns, char *dst)
{
    const struct sp_reducer *r = &k->reduce[t->kind][t->d];
    const void *src[2] = { t->x, t->index };
    size_t n = columns ? t->cols : t->rows;
    char *acc = malloc(n * r->acc_size);
    if (columns) r->columns(t->rows, t->cols, src, acc);
    else r->rows(t->rows, t->cols, src, acc);
    r->finish(n, acc, dst);
    free(acc);
    return n;
}

/* One result by a plain loop: long double, or integers that wrap. */
struct plain {
    ref_num value;
    long double absolute; /* of the summands together */
    int64_t index;
};

static bool better(const struct trial *t, ref_num a, ref_num b)
{
    bool least = t->kind == SP_REDUCE_MIN || t->kind == SP_REDUCE_ARGMIN;
    if (sp_dtypes[t->d].cls <= SP_CLASS_I) return least ? a.i < b.i : a.i > b.i;
    if (isnan(b.re)) return false;
    return isnan(a.re) || (least ? a.re < b.re : a.re > b.re);
}

static ref_num multiply(ref_num a, ref_num b)
{
    return (ref_num){ (__int128)((unsigned __int128)a.i * (unsigned __int128)b.i), a.re * b.re - a.im * b.im,
                      a.re * b.im + a.im * b.re };
}

static struct plain join(const struct trial *t, struct plain p, ref_num x, int64_t index)
{
    p.absolute += fabsl(x.re) + fabsl(x.im);
    if (t->kind == SP_REDUCE_SUM) p.value.i += x.i, p.value.re += x.re, p.value.im += x.im;
    else if (t->kind == SP_REDUCE_PROD) p.value = multiply(p.value, x);
    else if (better(t, x, p.value)) p.value = x, p.index = index;
    return p;
}

static ref_num element(const struct trial *t, bool columns, size_t result, size_t j)
{
    return ref_load(t->d, t->x, (int64_t)(columns ? j * t->cols + result : result * t->cols + j));
}

static struct plain plainly(const struct trial *t, bool columns, size_t result)
{
    size_t n = columns ? t->rows : t->cols;
    ref_num first = element(t, columns, result, 0);
    struct plain p = { first, fabsl(first.re) + fabsl(first.im), 0 };
    for (size_t j = 1; j < n; j++) p = join(t, p, element(t, columns, result, j), (int64_t)j);
    p.index = t->index[columns ? (size_t)p.index * t->cols + result : result * t->cols + (size_t)p.index];
    return p;
}

static struct plain squares(const struct trial *t, bool columns, size_t result)
{
    size_t n = columns ? t->rows : t->cols;
    struct plain p = { { 0 }, 0, 0 };
    long double re = 0, im = 0;
    for (size_t j = 0; j < n; j++) re += element(t, columns, result, j).re, im += element(t, columns, result, j).im;
    re /= (long double)n, im /= (long double)n;
    for (size_t j = 0; j < n; j++) {
        ref_num x = element(t, columns, result, j);
        p.value.re += (x.re - re) * (x.re - re) + (x.im - im) * (x.im - im);
    }
    /* Means are rounded before they are subtracted: Chan, Golub and LeVeque's condition number, times m2. */
    p.absolute = p.value.re + (fabsl(re) + fabsl(im)) * sqrtl((long double)n * p.value.re);
    return p;
}

/* Additions in a row within a piece of 1024, and the levels of the tree above it. */
static long double error_bound(const struct trial *t, const struct plain *p, size_t n)
{
    long double unit = sp_dtype_real(t->d) == STARP_F32 ? 0x1p-24L : 0x1p-53L;
    if (t->kind == SP_REDUCE_PROD) return 4 * (long double)n * unit * (fabsl(p->value.re) + fabsl(p->value.im));
    long double in_a_row = (n < 32 ? (long double)n : 32) + 6 + ceill((long double)n / 1024);
    return (t->kind == SP_REDUCE_VAR ? 2 : 1) * in_a_row * unit * p->absolute;
}

static bool right(const struct trial *t, bool columns, size_t result)
{
    struct plain p = t->kind == SP_REDUCE_VAR ? squares(t, columns, result) : plainly(t, columns, result);
    ref_num got = ref_load(t->to, t->got, (int64_t)result);
    if (t->to == STARP_I64 && t->kind >= SP_REDUCE_ARGMIN) return got.i == p.index;
    if (sp_dtypes[t->d].cls <= SP_CLASS_I) {
        int64_t low = (int64_t)p.value.i;
        return t->d == STARP_U64 ? got.i == (uint64_t)low : got.i == low;
    }
    if (isnan(p.value.re)) return isnan(got.re);
    if (t->kind == SP_REDUCE_MIN || t->kind == SP_REDUCE_MAX) return got.re == p.value.re;
    long double bound = error_bound(t, &p, columns ? t->rows : t->cols);
    return fabsl(got.re - p.value.re) <= bound && fabsl(got.im - p.value.im) <= bound;
}

static void check(struct trial *t, bool columns)
{
    const char *before = NULL;
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (!k) continue;
        size_t n = reduce(t, k, columns, t->got);
        const char *way = columns ? "columns" : "rows";
        for (size_t i = 0; i < n; i++) {
            if (!right(t, columns, i)) {
                fail_msg("%s: %s of %s, %s of %zu x %zu, result %zu", names[s], sp_reduce_names[t->kind],
                         sp_dtypes[t->d].name, way, t->rows, t->cols, i);
            }
        }
        if (before && rig_differ(t->to, t->got, t->other, (int64_t)n, true) >= 0) {
            fail_msg("%s of %s, %s of %zu x %zu: %s and %s differ", sp_reduce_names[t->kind], sp_dtypes[t->d].name, way,
                     t->rows, t->cols, before, names[s]);
        }
        before = names[s];
        memcpy(t->other, t->got, n * sp_dtypes[t->to].size);
    }
}

typedef void fill_fn(struct trial *t, uint64_t *state);

/* Positive numbers of one size, so that errors add up; about 1 for products; with ties for the others. */
static void fill(struct trial *t, uint64_t *state)
{
    int64_t n = (int64_t)(t->rows * t->cols);
    bool ordered = t->kind != SP_REDUCE_SUM && t->kind != SP_REDUCE_PROD && t->kind != SP_REDUCE_VAR;
    if (sp_dtypes[t->d].cls <= SP_CLASS_I || ordered) {
        rig_fill(t->d, t->x, n, -50, 50, state);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double u = rig_uniform(state), v = rig_uniform(state);
        bool product = t->kind == SP_REDUCE_PROD, complex = sp_dtypes[t->d].cls == SP_CLASS_C;
        ref_num x = { 0, product ? 0.99 + 0.02 * u : 1000 + u, complex ? (product ? 0.02 * v : 1000 + v) : 0 };
        ref_store(t->d, t->x, i, x);
    }
}

static void fill_special(struct trial *t, uint64_t *state)
{
    int64_t n = (int64_t)(t->rows * t->cols);
    rig_fill(t->d, t->x, n, -50, 50, state);
    if (rig_random(state) & 1) rig_sprinkle(t->d, t->x, n, state);
    else ref_store(t->d, t->x, rig_below(state, n), (ref_num){ .i = 51, .re = NAN }); /* one alone */
}

static void each_reducer(enum sp_reduce from, enum sp_reduce to, fill_fn *how)
{
    uint64_t random = 11;
    for (int kind = (int)from; kind <= (int)to; kind++) {
        for (int d = 0; d < STARP_NDTYPES; d++) {
            struct trial t;
            if (sp_kernels_get("generic")->reduce[kind][d].acc_size == 0) continue;
            trial_open(&t, (enum sp_reduce)kind, (starp_dtype)d);
            for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
                t.rows = shapes[i][0], t.cols = shapes[i][1];
                how(&t, &random);
                check(&t, false);
                check(&t, true);
            }
            trial_close(&t);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------------ tests */

static void every_dtype_has_its_reducers(void **state)
{
    static const char *const has[SP_REDUCES] = { /* by class: all, 8-byte ones, none */
        "-8aa", "-8aa", "aaa-", "aaa-", "--aa", "aaa-", "aaa-",
    };
    (void)state;
    for (int i = 0; i < 3 * SP_REDUCES * STARP_NDTYPES; i++) {
        const struct sp_kernels *k = sp_kernels_get(names[i % 3]);
        int kind = i / 3 / STARP_NDTYPES, d = i / 3 % STARP_NDTYPES;
        char which = has[kind][sp_dtypes[d].cls];
        bool want = which == 'a' || (which == '8' && sp_dtypes[d].size == 8);
        if (k) assert_true(want == (k->reduce[kind][d].acc_size > 0));
    }
}

static void values(void **state)
{
    (void)state;
    each_reducer(SP_REDUCE_SUM, SP_REDUCE_ARGMAX, fill);
}

static void nan_and_infinity(void **state)
{
    (void)state;
    each_reducer(SP_REDUCE_MIN, SP_REDUCE_MAX, fill_special);
    each_reducer(SP_REDUCE_ARGMIN, SP_REDUCE_ARGMAX, fill_special);
}

/* Whatever the cut, merged parts give what the whole gives where arithmetic is exact, and nearly so for var. */
static void check_merge(const struct sp_kernels *k, struct trial *t, size_t cut)
{
    const struct sp_reducer *r = &k->reduce[t->kind][t->d];
    const void *whole[2] = { t->x, t->index };
    const void *rest[2] = { t->x + cut * t->cols * sp_dtypes[t->d].size, t->index + cut * t->cols };
    char *a = malloc(t->cols * r->acc_size), *b = malloc(t->cols * r->acc_size);
    r->columns(t->rows, t->cols, whole, a);
    r->finish(t->cols, a, t->other);
    r->columns(cut, t->cols, whole, a);
    r->columns(t->rows - cut, t->cols, rest, b);
    r->merge(t->cols, a, b, (int64_t)cut, (int64_t)(t->rows - cut));
    r->finish(t->cols, a, t->got);
    free(a), free(b);
    double ulps = t->kind == SP_REDUCE_VAR ? 16 : 0;
    if (rig_worst(t->to, t->got, t->other, (int64_t)t->cols, NULL) > ulps) {
        fail_msg("%s: %s of %s cut at %zu", k->name, sp_reduce_names[t->kind], sp_dtypes[t->d].name, cut);
    }
}

static void parts_merge(void **state)
{
    uint64_t random = 4;
    (void)state;
    for (int i = 0; i < 3 * SP_REDUCES * STARP_NDTYPES; i++) {
        const struct sp_kernels *k = sp_kernels_get(names[i % 3]);
        struct trial t;
        trial_open(&t, (enum sp_reduce)(i / 3 / STARP_NDTYPES), (starp_dtype)(i / 3 % STARP_NDTYPES));
        t.rows = 90, t.cols = 70;
        rig_fill(t.d, t.x, 90 * 70, t.kind == SP_REDUCE_PROD ? 1 : -8, t.kind == SP_REDUCE_PROD ? 1 : 8, &random);
        for (size_t cut = 1; cut < 90 && k && k->reduce[t.kind][t.d].acc_size; cut += 11) check_merge(k, &t, cut);
        trial_close(&t);
    }
}

/* Sums of whole numbers are exact, so the order cannot matter: rows are the columns of the transpose. */
static void rows_are_columns_of_the_transpose(void **state)
{
    uint64_t random = 8;
    (void)state;
    for (int i = 0; i < 3 * STARP_NDTYPES; i++) {
        const struct sp_kernels *k = sp_kernels_get(names[i / STARP_NDTYPES]);
        struct trial t, u;
        size_t size = sp_dtypes[i % STARP_NDTYPES].size;
        trial_open(&t, SP_REDUCE_SUM, (starp_dtype)(i % STARP_NDTYPES));
        trial_open(&u, SP_REDUCE_SUM, t.d);
        t.rows = u.cols = 37, t.cols = u.rows = 1024;
        for (int64_t j = 0; j < 37 * 1024; j++) {
            ref_num x = { rig_below(&random, 100), rig_below(&random, 100), rig_below(&random, 100) };
            ref_store(t.d, t.x, j, x);
            memcpy(u.x + (size_t)(j % 1024 * 37 + j / 1024) * size, t.x + (size_t)j * size, size);
        }
        if (k && k->reduce[SP_REDUCE_SUM][t.d].acc_size) {
            assert_int_equal(reduce(&t, k, false, t.got), reduce(&u, k, true, u.got));
            assert_memory_equal(t.got, u.got, 37 * size);
        }
        trial_close(&t), trial_close(&u);
    }
}

/* Ties and zeros of both signs: the first one wins; a sum of nothing but -0 is -0. */
static void first_wins_and_signs_stay(void **state)
{
    double x[100], sum, least[2];
    int64_t index[100], at;
    (void)state;
    for (int i = 0; i < 100; i++) x[i] = -0.0, index[i] = i;
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        const void *src[2] = { x, index };
        if (!k) continue;
        k->reduce[SP_REDUCE_SUM][STARP_F64].rows(1, 100, src, &sum);
        assert_true(sum == 0 && signbit(sum));
        for (size_t n = 1; n <= 100; n++) {
            struct {
                double value;
                int64_t index;
            } acc;
            assert_int_equal(k->reduce[SP_REDUCE_ARGMIN][STARP_F64].acc_size, sizeof acc);
            k->reduce[SP_REDUCE_ARGMIN][STARP_F64].rows(1, n, src, &acc);
            k->reduce[SP_REDUCE_ARGMIN][STARP_F64].finish(1, &acc, &at);
            assert_int_equal(at, 0);
            k->reduce[SP_REDUCE_ARGMAX][STARP_F64].columns(n, 1, src, &acc);
            k->reduce[SP_REDUCE_ARGMAX][STARP_F64].finish(1, &acc, &at);
            assert_int_equal(at, 0);
        }
        k->reduce[SP_REDUCE_MIN][STARP_F64].rows(1, 100, src, least);
        assert_true(least[0] == 0 && signbit(least[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_has_its_reducers),
        cmocka_unit_test(values),
        cmocka_unit_test(nan_and_infinity),
        cmocka_unit_test(parts_merge),
        cmocka_unit_test(rows_are_columns_of_the_transpose),
        cmocka_unit_test(first_wins_and_signs_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
