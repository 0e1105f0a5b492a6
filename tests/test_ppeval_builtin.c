/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_builtin.c: what ppeval has built in, held against the library's own operations on each slice by itself: slices of all
 * dimensions, split along any axis, some handed to all iterations; items of containers, and containers against arrays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"
#include "rig.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))
#define MOST_RESULTS 4

static uint64_t seed = 1;
static int every = 1; /* cases that are tried: all, or one of so many, where each takes long */

/* ------------------------------------------------------------------------------------------- the same on one slice */

#define ONE(name, ...) \
    static void name##_of(starp_array **x, starp_array **y) { y[0] = __VA_ARGS__; (void)x; }
#define FACTORS(name, type, a, b, ...) \
    static void name##_of(starp_array **x, starp_array **y) { type f = __VA_ARGS__; y[0] = f.a; y[1] = f.b; }
ONE(svdvals, starp_linalg_svdvals(x[0]))
ONE(eigvalsh, starp_linalg_eigvalsh(x[0], 0))
ONE(eigvals, starp_linalg_eigvals(x[0]))
ONE(inv, starp_linalg_inv(x[0]))
ONE(det, starp_linalg_det(x[0]))
ONE(cholesky, starp_linalg_cholesky(x[0], 0))
ONE(pinv, starp_linalg_pinv(x[0], -1))
ONE(solve, starp_linalg_solve(x[0], x[1]))
ONE(matmul, starp_matmul(x[0], x[1]))
ONE(fft, starp_fft_fft(x[0], 0, -1, STARP_BACKWARD))
ONE(ifft, starp_fft_ifft(x[0], 0, -1, STARP_BACKWARD))
ONE(rfft, starp_fft_rfft(x[0], 0, -1, STARP_BACKWARD))
ONE(irfft, starp_fft_irfft(x[0], 0, -1, STARP_BACKWARD))
ONE(sum, starp_sum(x[0], NULL, 0))
ONE(prod, starp_prod(x[0], NULL, 0))
ONE(min, starp_min(x[0], NULL, 0))
ONE(max, starp_max(x[0], NULL, 0))
ONE(mean, starp_mean(x[0], NULL, 0))
ONE(var, starp_var(x[0], NULL, 0, 0))
ONE(std, starp_std(x[0], NULL, 0, 0))
ONE(norm, starp_linalg_vector_norm(x[0], NULL, 0, 2))
ONE(any, starp_any(x[0], NULL, 0))
ONE(all, starp_all(x[0], NULL, 0))
FACTORS(eigh, starp_eig_factors, values, vectors, starp_linalg_eigh(x[0], 0))
FACTORS(eig, starp_eig_factors, values, vectors, starp_linalg_eig(x[0]))
FACTORS(qr, starp_qr_factors, q, r, starp_linalg_qr(x[0], 0))

static void svd_of(starp_array **x, starp_array **y)
{
    starp_svd_factors f = starp_linalg_svd(x[0], 0);
    y[0] = f.u, y[1] = f.s, y[2] = f.vh;
}

static void lstsq_of(starp_array **x, starp_array **y)
{
    bool vector = starp_ndim(x[1]) == 1;
    int64_t m = starp_dim(x[0], -2), n = starp_dim(x[0], -1);
    starp_dtype d = la_float(starp_result_type(starp_dtype_of(x[0]), starp_dtype_of(x[1])));
    starp_lstsq_solution s = starp_linalg_lstsq(x[0], vector ? starp_expand_dims(x[1], 1) : x[1], la_eps(d) * (double)(m > n ? m : n));
    y[0] = vector ? starp_squeeze(s.x, STARP_AXES(-1)) : s.x;
    y[1] = s.residuals, y[2] = s.rank, y[3] = s.singular_values;
}

enum form { ANY, LINE, MATRIX, SQUARE, POSITIVE, SYSTEM, TALL, PRODUCT };
enum kind { REAL = 1, FLOAT = 2, PLAIN = 4 }; /* not of complex numbers; of numbers; not native */

static const struct function {
    const char *name;
    enum form form;
    int nresults, kind;
    void (*of)(starp_array **x, starp_array **y);
} functions[] = {
    { "svdvals", MATRIX, 1, FLOAT, svdvals_of }, { "svd", MATRIX, 3, FLOAT, svd_of }, { "eigh", SQUARE, 2, FLOAT, eigh_of },
    { "eigvalsh", SQUARE, 1, FLOAT, eigvalsh_of }, { "eig", SQUARE, 2, FLOAT, eig_of }, { "eigvals", SQUARE, 1, FLOAT, eigvals_of },
    { "qr", MATRIX, 2, FLOAT, qr_of }, { "inv", POSITIVE, 1, FLOAT, inv_of }, { "det", SQUARE, 1, FLOAT, det_of },
    { "cholesky", POSITIVE, 1, FLOAT, cholesky_of }, { "pinv", MATRIX, 1, FLOAT | PLAIN, pinv_of }, { "solve", SYSTEM, 1, FLOAT, solve_of },
    { "lstsq", TALL, 4, FLOAT, lstsq_of }, { "matmul", PRODUCT, 1, PLAIN, matmul_of }, { "fft", LINE, 1, FLOAT | PLAIN, fft_of },
    { "ifft", LINE, 1, FLOAT | PLAIN, ifft_of }, { "rfft", LINE, 1, FLOAT | REAL | PLAIN, rfft_of },
    { "irfft", LINE, 1, FLOAT | PLAIN, irfft_of },
    { "sum", ANY, 1, 0, sum_of }, { "prod", ANY, 1, 0, prod_of }, { "min", ANY, 1, REAL, min_of }, { "max", ANY, 1, REAL, max_of },
    { "mean", ANY, 1, 0, mean_of }, { "var", ANY, 1, 0, var_of }, { "std", ANY, 1, 0, std_of }, { "norm", ANY, 1, 0, norm_of },
    { "any", ANY, 1, 0, any_of }, { "all", ANY, 1, 0, all_of },
};

/* ---------------------------------------------------------------------------------------------------------- inputs */

/* Shapes of slices: of the first argument, and of the second where there is one. */
static const struct {
    enum form form;
    starp_dims a, b;
} shapes[] = {
    { ANY, { 0, { 0 } }, { 0 } }, { ANY, { 1, { 7 } }, { 0 } }, { ANY, { 1, { 1100 } }, { 0 } },
    { ANY, { 2, { 3, 4 } }, { 0 } }, { ANY, { 3, { 2, 5, 3 } }, { 0 } },
    { LINE, { 1, { 12 } }, { 0 } }, { LINE, { 2, { 3, 7 } }, { 0 } }, { LINE, { 3, { 2, 2, 4 } }, { 0 } },
    { MATRIX, { 2, { 5, 3 } }, { 0 } }, { MATRIX, { 2, { 2, 6 } }, { 0 } }, { MATRIX, { 3, { 2, 4, 4 } }, { 0 } },
    { SQUARE, { 2, { 1, 1 } }, { 0 } }, { SQUARE, { 2, { 6, 6 } }, { 0 } }, { SQUARE, { 3, { 2, 3, 3 } }, { 0 } },
    { POSITIVE, { 2, { 5, 5 } }, { 0 } }, { POSITIVE, { 3, { 2, 3, 3 } }, { 0 } },
    { SYSTEM, { 2, { 4, 4 } }, { 1, { 4 } } }, { SYSTEM, { 2, { 5, 5 } }, { 2, { 5, 3 } } },
    { TALL, { 2, { 6, 3 } }, { 1, { 6 } } }, { TALL, { 2, { 3, 4 } }, { 2, { 3, 2 } } },
    { PRODUCT, { 2, { 3, 4 } }, { 1, { 4 } } }, { PRODUCT, { 1, { 4 } }, { 1, { 4 } } }, { PRODUCT, { 1, { 3 } }, { 2, { 3, 2 } } },
    { PRODUCT, { 2, { 3, 5 } }, { 2, { 5, 4 } } },
};

/* An argument: slices, iterations in front, and the array that is handed over, with these at an axis. */
struct argument {
    starp_array *slices, *x;
    int axis; /* -1: the same for all */
};

static starp_array *positive(starp_array *x)
{
    int n = starp_ndim(x);
    starp_array *t = starp_matrix_transpose(la_is_complex(starp_dtype_of(x)) ? starp_conj(x) : x);
    starp_array *one = starp_eye(session, starp_dim(x, -1), starp_dim(x, -1), 0, STARP_F32);
    assert_true(n >= 2);
    return starp_add(starp_matmul(x, t), one);
}

/* Axis 0 at another place. */
static starp_array *moved(starp_array *x, int to)
{
    starp_dims order = { .n = starp_ndim(x) };
    for (int a = 0, b = 1; a < order.n; a++) order.v[a] = a == to ? 0 : b++;
    return starp_permute_dims(x, &order);
}

static struct argument new_argument(const starp_dims *slice, starp_dtype d, int64_t n, bool same, enum form form, bool first)
{
    struct argument x = { .axis = -1 };
    starp_dims shape = { .n = slice->n + 1, .v = { n } };
    memcpy(shape.v + 1, slice->v, (size_t)slice->n * sizeof slice->v[0]);
    x.slices = la_input(session, same ? slice : &shape, d, &seed);
    if (form == POSITIVE || (form == SYSTEM && first)) x.slices = positive(x.slices);
    x.x = x.slices;
    if (same) return x;
    x.axis = (int)rig_below(&seed, shape.n);
    x.x = moved(x.slices, x.axis);
    return x;
}

/* As it is handed to ppeval: the usual way, where that is the same. */
static starp_array *hand_over(const struct argument *x, int64_t n)
{
    if (x->axis < 0) return starp_ppbcast(x->x);
    bool usual = n > 1 && rig_below(&seed, 2);
    for (int a = x->axis + 1; a < starp_ndim(x->x); a++) usual &= starp_dim(x->x, a) == 1;
    return usual ? x->x : starp_ppsplit(x->x, x->axis - (rig_below(&seed, 2) ? starp_ndim(x->x) : 0));
}

/* What iteration k has of an argument, or has made. */
static starp_array *slice_of(const struct argument *x, int64_t k)
{
    starp_index at[] = { STARP_AT(k) };
    return la_copy(x->axis < 0 ? x->slices : starp_slice(x->slices, 1, at));
}

static starp_array *result_of(starp_array *y, int64_t k)
{
    starp_index at[] = { STARP_ELLIPSIS, STARP_AT(k) };
    return starp_slice(y, 2, at);
}

/* --------------------------------------------------------------------------------------------------------- against */

static bool is_reduction(const struct function *f)
{
    return f->form == ANY;
}

/* Bit by bit; sums, in the order that all of the array has, and what is solved for many at once, nearly. */
static void expect(const struct function *f, bool nearly, starp_array *got, starp_array *want)
{
    starp_dims shape;
    la_done(starp_shape_of(want, &shape));
    la_shape(f->name, got, starp_dtype_of(want), &shape);
    if (!nearly || starp_dtype_of(want) < STARP_F32) {
        la_same(f->name, got, want);
        return;
    }
    starp_dims line = { 2, { 1, starp_size(want) } };
    starp_dtype d = starp_dtype_of(want);
    la_near(f->name, d == STARP_F32 || d == STARP_C64 ? d : STARP_F64,
            la_read(starp_reshape(got, &line), 0), la_read(starp_reshape(want, &line), 0));
}

static void check_dense(const struct function *f, int s, starp_dtype d, int64_t n, int same)
{
    int nargs = shapes[s].form >= SYSTEM ? 2 : 1;
    struct argument x[2];
    starp_array *in[2], *y[MOST_RESULTS], *one[2], *want[MOST_RESULTS];
    for (int k = 0; k < nargs; k++) {
        x[k] = new_argument(k ? &shapes[s].b : &shapes[s].a, d, n, same == k, f->form, k == 0);
        in[k] = hand_over(&x[k], n);
    }
    la_done(starp_ppeval_list(session, f->name, nargs, in, f->nresults, y));
    la_done(starp_eval_many(f->nresults, y));
    for (int r = 0; r < f->nresults; r++) assert_int_equal(starp_dim(y[r], -1), n);
    for (int64_t i = 0; i < n; i += n > 2 ? (n - 1) / 2 : 1) {
        for (int k = 0; k < nargs; k++) one[k] = slice_of(&x[k], i);
        f->of(one, want);
        for (int r = 0; r < f->nresults; r++) expect(f, is_reduction(f) || f->form == PRODUCT || same == 0, result_of(y[r], i), want[r]);
    }
}

static void scoped(void (*check)(const struct function *f, int s, starp_dtype d, int64_t n, int same))
{
    static const int64_t counts[] = { 5, 1, 0, 13 };
    static const starp_dtype dtypes[] = { STARP_I16, STARP_F32, STARP_F64, STARP_C64, STARP_C128 };
    for (int i = 0, round = 0; i < COUNT(functions); i++) {
        const struct function *f = &functions[i];
        for (int s = 0; s < COUNT(shapes); s++) {
            if (shapes[s].form != f->form) continue;
            for (int t = 0; t < 5; t++, round++) {
                starp_dtype d = f->kind & FLOAT || t > 1 ? dtypes[t] : (starp_dtype)(round % (int)STARP_F32);
                if (round % every != 0 || (f->kind & REAL && la_is_complex(d))) continue;
                la_done(starp_scope_open(session));
                check(f, s, d, counts[round / every % 4], f->form >= SYSTEM ? round / every % 3 : -1);
                la_done(starp_scope_close(session));
                la_free_all();
            }
        }
    }
}

static void slices_are_as_alone(void **state)
{
    (void)state;
    scoped(check_dense);
}

/* ------------------------------------------------------------------------------------------------------ containers */

/* The first rows of a slice: fewer from iteration to iteration; user: whether columns go, too. */
static int cut(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    starp_dims shape = { .n = in[0].ndim };
    int64_t rows = 0;
    memcpy(shape.v, in[0].shape, sizeof in[0].shape);
    if (nin != 1 || shape.n < 1) return 1;
    shape.v[0] -= it->index % 3;
    if (*(const int *)user && shape.n > 1) shape.v[1] -= it->index % 3;
    char *to = starp_iteration_output(it, 0, in[0].dtype, &shape);
    if (!to) return 1;
    size_t row = shape.n > 1 ? (size_t)shape.v[1] * starp_dtype_size(in[0].dtype) : starp_dtype_size(in[0].dtype);
    for (; rows < shape.v[0]; rows++) memcpy(to + (size_t)rows * row, (const char *)in[0].data + rows * in[0].stride[0], row);
    return 0;
}

static starp_ragged *container(starp_array *x, int columns)
{
    starp_ragged *r;
    starp_function f = { .iterate = cut, .nargs = 1, .user = &columns, .user_bytes = sizeof columns };
    la_done(starp_register(session, "cut", &f));
    la_done(starp_ppeval_ragged(session, "cut", STARP_ARGS(starp_ppsplit(x, 0)), 1, &r));
    return r;
}

static bool is_positive(const struct function *f)
{
    return f->form == POSITIVE || f->form == SYSTEM;
}

/* Items of several shapes against each by itself. */
static void check_items(const struct function *f, starp_dtype d)
{
    const int64_t n = 7;
    int nargs = f->form >= SYSTEM ? 2 : 1, ndim = f->form == ANY || f->form == LINE ? 1 : 2;
    bool square = f->form == SQUARE || is_positive(f);
    starp_array *a = la_input(session, STARP_SHAPE(n, ndim == 1 ? 300 : 8, 8), d, &seed);
    starp_array *b = la_input(session, STARP_SHAPE(n, 8, 2), d, &seed);
    starp_array *in[2], *one[2], *want[MOST_RESULTS];
    if (is_positive(f)) a = positive(a);
    if (ndim == 1) a = starp_reshape(a, STARP_SHAPE(n, -1));
    starp_ragged *x = container(a, square), *z = container(b, 0), *y[MOST_RESULTS] = { NULL };
    in[0] = starp_ppitems(x);
    in[1] = nargs > 1 ? starp_ppitems(z) : NULL;
    la_done(starp_ppeval_ragged(session, f->name, nargs, in, f->nresults, y));
    for (int64_t i = 0; i < n; i++) {
        one[0] = la_copy(starp_ragged_item(x, i));
        one[1] = la_copy(starp_ragged_item(z, i));
        f->of(one, want);
        for (int r = 0; r < f->nresults; r++) expect(f, is_reduction(f), starp_ragged_item(y[r], i), want[r]);
    }
    for (int r = 0; r < f->nresults; r++) la_done(starp_ragged_release(y[r]));
    la_done(starp_ragged_release(x));
    la_done(starp_ragged_release(z));
}

static void items_are_as_alone(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT(functions) * 4; i++) {
        const struct function *f = &functions[i / 4];
        starp_dtype d = (const starp_dtype[]){ STARP_I16, STARP_F32, STARP_F64, STARP_C128 }[i % 4];
        if (i % every != 0 || f->kind & PLAIN || (f->kind & REAL && la_is_complex(d))) continue;
        la_done(starp_scope_open(session));
        check_items(f, d);
        la_done(starp_scope_close(session));
        la_free_all();
    }
}

/* Results in containers, of slices of an array, against the array of results: the same bits. */
static void check_joined(const struct function *f, int s, starp_dtype d, int64_t n, int same)
{
    int nargs = shapes[s].form >= SYSTEM ? 2 : 1;
    struct argument x[2];
    starp_array *in[2], *y[MOST_RESULTS];
    starp_ragged *r[MOST_RESULTS];
    if (f->kind & PLAIN || n == 0 || same == 0) return;
    for (int k = 0; k < nargs; k++) x[k] = new_argument(k ? &shapes[s].b : &shapes[s].a, d, n, same == k, f->form, k == 0);
    for (int k = 0; k < nargs; k++) in[k] = hand_over(&x[k], n);
    la_done(starp_ppeval_list(session, f->name, nargs, in, f->nresults, y));
    for (int k = 0; k < nargs; k++) in[k] = hand_over(&x[k], n);
    la_done(starp_ppeval_ragged(session, f->name, nargs, in, f->nresults, r));
    for (int k = 0; k < f->nresults; k++) {
        la_same(f->name, starp_ragged_join(r[k]), y[k]);
        la_done(starp_ragged_release(r[k]));
    }
}

static void containers_are_as_arrays(void **state)
{
    (void)state;
    scoped(check_joined);
}

/* ----------------------------------------------------------------------------------------------------------- errors */

/* Shapes that differ are told when the call is made; a single shape is an array. */
static void containers_with_words(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_ragged *r = container(la_input(session, STARP_SHAPE(4, 5, 6), STARP_F64, &seed), 0), *s = NULL;
    fc_refused(pc_each("svdvals", starp_ppitems(r)), STARP_ERR_SHAPE, "svdvals: result 0 is f64 (5,) in iteration 0, f64 (4,) in iteration 1");
    fc_refused(starp_ppeval(session, "matmul", STARP_ARGS(starp_ppitems(r), starp_ppitems(r))), STARP_ERR_ARGUMENT,
               "matmul: of what is built in, this takes and makes no containers");
    fc_refused(pc_each("inv", starp_ppitems(r)), STARP_ERR_SHAPE, "inv: a slice of shape (5, 6) is not a square matrix");
    starp_ragged *t = container(la_input(session, STARP_SHAPE(3, 2, 2), STARP_C64, &seed), 0);
    fc_refused(pc_each("max", starp_ppitems(t)), STARP_ERR_DTYPE, "max: not defined for c64");
    la_done(starp_ragged_release(t));
    starp_array *sums = pc_each("sum", starp_ppitems(r));
    la_shape("sum", sums, STARP_F64, STARP_SHAPE(4));
    for (int64_t i = 0; i < 4; i++) la_same("sum", result_of(sums, i), starp_sum(la_copy(starp_ragged_item(r, i)), NULL, 0));
    assert_int_equal(starp_ppeval_ragged(session, "nonesuch", STARP_ARGS(starp_ppitems(r)), 1, &s), STARP_ERR_ARGUMENT);
    starp_clear_error();
    la_done(starp_ragged_release(r));
    la_done(starp_scope_close(session));
}

static int open_in_tiles(void **state)
{
    (void)state;
    every = 3;
    return cc_open("STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_as_alone),
        cmocka_unit_test(items_are_as_alone),
        cmocka_unit_test(containers_are_as_arrays),
        cmocka_unit_test(containers_with_words),
    };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, la_close);
}
