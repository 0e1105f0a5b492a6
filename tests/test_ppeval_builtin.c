/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_builtin.c: what ppeval has built in, held against the library's own operations on each slice by itself: slices of all
 * dimensions, split along any axis, some handed to all iterations; sorting against the C library's; containers against arrays;
 * and what is said when it cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg_check.h"
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
    { "ifft", LINE, 1, FLOAT | PLAIN, ifft_of }, { "rfft", LINE, 1, FLOAT | REAL | PLAIN, rfft_of }, { "irfft", LINE, 1, FLOAT | PLAIN, irfft_of },
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
    { ANY, { 0, { 0 } }, { 0 } }, { ANY, { 1, { 7 } }, { 0 } }, { ANY, { 1, { 1100 } }, { 0 } }, { ANY, { 2, { 3, 4 } }, { 0 } }, { ANY, { 3, { 2, 5, 3 } }, { 0 } },
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
    starp_array *t = starp_matrix_transpose(la_is_complex(starp_dtype_of(x)) ? starp_conj(x) : x), *one = starp_eye(session, starp_dim(x, -1), starp_dim(x, -1), 0, STARP_F32);
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

static starp_array *copy_of(starp_array *x)
{
    starp_dims shape;
    la_done(starp_shape_of(x, &shape));
    size_t bytes = (size_t)starp_size(x) * starp_dtype_size(starp_dtype_of(x));
    char *data = malloc(bytes + 1);
    la_done(starp_read(x, data, bytes));
    starp_array *y = starp_from_host(session, data, &shape, starp_dtype_of(x));
    free(data);
    return y;
}

/* What iteration k has of an argument, or has made. */
static starp_array *slice_of(const struct argument *x, int64_t k)
{
    starp_index at[] = { STARP_AT(k) };
    return copy_of(x->axis < 0 ? x->slices : starp_slice(x->slices, 1, at));
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
    la_near(f->name, d == STARP_F32 || d == STARP_C64 ? d : STARP_F64, la_read(starp_reshape(got, &line), 0), la_read(starp_reshape(want, &line), 0));
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
    for (int i = 0, round = 0; i < COUNT(functions); i++) {
        const struct function *f = &functions[i];
        for (int s = 0; s < COUNT(shapes); s++) {
            if (shapes[s].form != f->form) continue;
            for (int t = 0; t < 5; t++, round++) {
                starp_dtype d = (starp_dtype)(f->kind & FLOAT || t > 1 ? (const starp_dtype[]){ STARP_I16, STARP_F32, STARP_F64, STARP_C64, STARP_C128 }[t]
                                                                 : (starp_dtype)(round % (int)STARP_F32));
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
    la_done(starp_register(session, "cut", &(starp_function){ .iterate = cut, .nargs = 1, .user = &columns, .user_bytes = sizeof columns }));
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
    starp_array *a = la_input(session, STARP_SHAPE(n, ndim == 1 ? 300 : 8, 8), d, &seed), *b = la_input(session, STARP_SHAPE(n, 8, 2), d, &seed);
    starp_array *in[2], *one[2], *want[MOST_RESULTS];
    if (is_positive(f)) a = positive(a);
    if (ndim == 1) a = starp_reshape(a, STARP_SHAPE(n, -1));
    starp_ragged *x = container(a, square), *z = container(b, 0), *y[MOST_RESULTS] = { NULL };
    in[0] = starp_ppitems(x);
    in[1] = nargs > 1 ? starp_ppitems(z) : NULL;
    la_done(starp_ppeval_ragged(session, f->name, nargs, in, f->nresults, y));
    for (int64_t i = 0; i < n; i++) {
        one[0] = copy_of(starp_ragged_item(x, i));
        one[1] = copy_of(starp_ragged_item(z, i));
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

/* ---------------------------------------------------------------------------------------------------------- sorting */

static starp_dtype sorted_dtype;

static int by_numbers(double a, double b)
{
    if (isnan(a) || isnan(b)) return !!isnan(a) - !!isnan(b);
    return (a > b) - (a < b);
}

/* NumPy's order. Zeros of either sign are equal among complex numbers, and -0.0 comes first among real ones. */
static int compare(const void *x, const void *y)
{
    switch (sorted_dtype) {
#define INTEGER(id, type) \
    case STARP_##id: return (*(const type *)x > *(const type *)y) - (*(const type *)x < *(const type *)y);
        INTEGER(BOOL, uint8_t) INTEGER(I8, int8_t) INTEGER(I16, int16_t) INTEGER(I32, int32_t) INTEGER(I64, int64_t)
        INTEGER(U8, uint8_t) INTEGER(U16, uint16_t) INTEGER(U32, uint32_t) INTEGER(U64, uint64_t)
#undef INTEGER
    default: break;
    }
    bool single = sorted_dtype == STARP_F32 || sorted_dtype == STARP_C64;
    double a[2] = { single ? *(const float *)x : *(const double *)x }, b[2] = { single ? *(const float *)y : *(const double *)y };
    if (!la_is_complex(sorted_dtype)) return by_numbers(*a, *b) ? by_numbers(*a, *b) : !!signbit(*b) - !!signbit(*a);
    a[1] = single ? ((const float *)x)[1] : ((const double *)x)[1];
    b[1] = single ? ((const float *)y)[1] : ((const double *)y)[1];
    int kind = 2 * !!isnan(a[0]) + !!isnan(a[1]), other = 2 * !!isnan(b[0]) + !!isnan(b[1]);
    if (kind != other) return kind - other;
    return by_numbers(a[0], b[0]) ? by_numbers(a[0], b[0]) : by_numbers(a[1], b[1]);
}

/* Of elements that compare as equal, zeros of either sign may come in any order: bits are those of a stable sort. */
static void merge_sort(char *x, size_t n, size_t size)
{
    char *element = malloc(size);
    for (size_t i = 1, j; i < n; i++) {
        memcpy(element, x + i * size, size);
        for (j = i; j > 0 && compare(x + (j - 1) * size, element) > 0; j--) memcpy(x + j * size, x + (j - 1) * size, size);
        memcpy(x + j * size, element, size);
    }
    free(element);
}

static void sort_line(char *x, int64_t n, size_t size)
{
    if (n <= 400) merge_sort(x, (size_t)n, size);
    else qsort(x, (size_t)n, size, compare);
}

static void check_sort(starp_dtype d, int64_t lines, int64_t n, int64_t count, bool special)
{
    size_t size = starp_dtype_size(d), bytes = size * (size_t)(lines * n * count);
    char *x = malloc(bytes + 1), *y = malloc(bytes + 1);
    rig_fill(d, x, lines * n * count, -300, 300, &seed);
    if (special) rig_sprinkle(d, x, lines * n * count, &seed);
    starp_array *a = starp_from_host(session, x, STARP_SHAPE(count, lines, n), d);
    starp_array *b = starp_ppeval(session, "sort", STARP_ARGS(starp_ppsplit(a, 0)));
    if (!b) fail_msg("%s", starp_last_error());
    la_shape("sort", b, d, STARP_SHAPE(lines, n, count));
    la_done(starp_read(moved(starp_permute_dims(b, STARP_AXES(2, 0, 1)), 0), y, bytes));
    sorted_dtype = d;
    for (int64_t i = 0; i < lines * count; i++) sort_line(x + (size_t)(i * n) * size, n, size);
    int64_t at = rig_differ(d, y, x, lines * n * count, true);
    if (at >= 0) fail_msg("sort of %lld %s: element %lld", (long long)n, starp_dtype_name(d), (long long)at);
    free(x);
    free(y);
}

static void sorting(void **state)
{
    static const int64_t lengths[] = { 0, 1, 2, 3, 47, 127, 128, 129, 300, 1500 };
    (void)state;
    for (int i = 0; i < COUNT(lengths) * STARP_NDTYPES; i += every) {
        starp_dtype d = (starp_dtype)(i % STARP_NDTYPES);
        int64_t n = lengths[i / STARP_NDTYPES];
        la_done(starp_scope_open(session));
        check_sort(d, 1 + i % 3, n, n > 1000 ? 2 : i % 6, n <= 400 || !la_is_complex(d));
        la_done(starp_scope_close(session));
    }
}

/* ------------------------------------------------------------------------------------------------------ what is empty */

static void no_elements(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = starp_zeros(session, STARP_SHAPE(2, 0, 3), STARP_F32);
    static const struct {
        const char *name;
        double value;
    } of[] = { { "sum", 0 }, { "prod", 1 }, { "mean", NAN }, { "var", NAN }, { "std", NAN }, { "norm", 0 }, { "any", 0 }, { "all", 1 } };
    for (int i = 0; i < COUNT(of); i++) {
        starp_ragged *r;
        starp_array *y = starp_ppeval(session, of[i].name, STARP_ARGS(x));
        double v = la_item(starp_at(y, "2"));
        assert_true(v == of[i].value || (isnan(v) && isnan(of[i].value)));
        la_done(starp_ppeval_ragged(session, of[i].name, STARP_ARGS(x), 1, &r));
        la_same(of[i].name, starp_ragged_join(r), y);
        la_done(starp_ragged_release(r));
    }
    la_done(starp_scope_close(session));
}

/* ----------------------------------------------------------------------------------------------------------- errors */

static void expect_error(starp_status status, const char *text, starp_array *x)
{
    assert_null(x);
    if (starp_last_status() != status || !strstr(starp_last_error(), text)) {
        fail_msg("%s is said, not %s", starp_last_error(), text);
    }
    starp_clear_error();
}

static starp_array *each(const char *name, starp_array *x)
{
    return starp_ppeval(session, name, STARP_ARGS(x));
}

static void what_is_refused(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *line = la_input(session, STARP_SHAPE(5, 7), STARP_F64, &seed), *matrix = la_input(session, STARP_SHAPE(5, 4, 7), STARP_F64, &seed);
    starp_array *numbers = la_input(session, STARP_SHAPE(7), STARP_C64, &seed), *y[4];
    expect_error(STARP_ERR_ARGUMENT, "nonesuch: there is no such function", each("nonesuch", line));
    expect_error(STARP_ERR_SHAPE, "svd: a slice of shape (5,) is not a matrix", each("svd", line));
    expect_error(STARP_ERR_SHAPE, "inv: a slice of shape (5, 4) is not a square matrix", each("inv", matrix));
    expect_error(STARP_ERR_SHAPE, "fft: a slice of shape () has no axis", each("fft", numbers));
    expect_error(STARP_ERR_SHAPE, "sort: a slice of shape () has no axis", each("sort", numbers));
    expect_error(STARP_ERR_SHAPE, "min: a slice of shape (0,) has no elements", each("min", starp_zeros(session, STARP_SHAPE(0, 3), STARP_F64)));
    expect_error(STARP_ERR_DTYPE, "min: not defined for c64", each("min", numbers));
    expect_error(STARP_ERR_ARGUMENT, "svd: 2 arguments; it takes 1", starp_ppeval(session, "svd", STARP_ARGS(matrix, matrix)));
    expect_error(STARP_ERR_ARGUMENT, "sort: 2 arguments; it takes 1", starp_ppeval(session, "sort", STARP_ARGS(matrix, matrix)));
    expect_error(STARP_ERR_ARGUMENT, "solve: 1 arguments; it takes 2", each("solve", matrix));
    expect_error(STARP_ERR_SHAPE, "solve: slices of shapes (4, 4) and (5, 4) do not fit",
                 starp_ppeval(session, "solve", STARP_ARGS(starp_at(matrix, ":4"), matrix)));
    expect_error(STARP_ERR_SHAPE, "slices", starp_ppeval(session, "matmul", STARP_ARGS(matrix, starp_at(matrix, "..., :3"))));
    assert_int_equal(starp_ppeval_list(session, "qr", STARP_ARGS(matrix), 3, y), STARP_ERR_ARGUMENT);
    expect_error(STARP_ERR_ARGUMENT, "qr: 3 results are asked for; it has 2", y[0]);
    la_done(starp_scope_close(session));
}

/* Ones, and in one iteration what cannot be inverted. */
static starp_array *with_singular(int64_t n, int64_t at)
{
    double *x = calloc((size_t)n * 9, sizeof *x);
    for (int64_t i = 0; i < n * 9; i++) x[i] = i % 9 % 4 == 0 && (i / 9 != at || i % 9 != 8);
    starp_array *y = starp_from_host(session, x, STARP_SHAPE(n, 3, 3), STARP_F64);
    free(x);
    return starp_permute_dims(y, STARP_AXES(1, 2, 0));
}

static void expect_failure(starp_array *x, const char *text)
{
    assert_int_equal(starp_eval(x), STARP_ERR_COMPUTE);
    if (!strstr(starp_last_error(), text)) fail_msg("%s is said, not %s", starp_last_error(), text);
    starp_clear_error();
}

static void what_fails_is_named(void **state)
{
    starp_ragged *r;
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = with_singular(40, 23), *y;
    expect_failure(each("inv", x), "(matrix 23)");
    expect_failure(starp_ppeval(session, "solve", STARP_ARGS(x, x)), "(matrix 23)");
    expect_failure(each("cholesky", x), "(matrix 23)");
    assert_int_equal(starp_ppeval_ragged(session, "inv", STARP_ARGS(x), 1, &r), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "ppeval inv: iteration 23: linalg_solve: the matrix is singular: U(3,3)"));
    assert_null(r);
    starp_clear_error();
    y = each("det", x);
    assert_true(la_item(starp_at(y, "23")) == 0 && la_item(starp_at(y, "22")) == 1);
    la_done(starp_scope_close(session));
}

/* Shapes that differ are told when the call is made; a single shape is an array. */
static void containers_with_words(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_ragged *r = container(la_input(session, STARP_SHAPE(4, 5, 6), STARP_F64, &seed), 0), *s = NULL;
    expect_error(STARP_ERR_SHAPE, "svdvals: result 0 is f64 (5,) in iteration 0, f64 (4,) in iteration 1", each("svdvals", starp_ppitems(r)));
    expect_error(STARP_ERR_ARGUMENT, "matmul: of what is built in, this takes and makes no containers", starp_ppeval(session, "matmul", STARP_ARGS(starp_ppitems(r), starp_ppitems(r))));
    expect_error(STARP_ERR_SHAPE, "inv: a slice of shape (5, 6) is not a square matrix", each("inv", starp_ppitems(r)));
    starp_ragged *t = container(la_input(session, STARP_SHAPE(3, 2, 2), STARP_C64, &seed), 0);
    expect_error(STARP_ERR_DTYPE, "max: not defined for c64", each("max", starp_ppitems(t)));
    la_done(starp_ragged_release(t));
    starp_array *sums = each("sum", starp_ppitems(r));
    la_shape("sum", sums, STARP_F64, STARP_SHAPE(4));
    for (int64_t i = 0; i < 4; i++) la_same("sum", result_of(sums, i), starp_sum(copy_of(starp_ragged_item(r, i)), NULL, 0));
    assert_int_equal(starp_ppeval_ragged(session, "nonesuch", STARP_ARGS(starp_ppitems(r)), 1, &s), STARP_ERR_ARGUMENT);
    starp_clear_error();
    la_done(starp_ragged_release(r));
    la_done(starp_scope_close(session));
}

/* A name of ours is the user's as soon as he takes it, and stays ours for what was recorded before. */
static int seven(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *y = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    (void)nin, (void)in, (void)user;
    if (y) *y = 7;
    return !y;
}

static void names_are_the_users(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = la_input(session, STARP_SHAPE(3, 4), STARP_F64, &seed), *before = each("sort", x);
    la_done(starp_register(session, "sort", &(starp_function){ .iterate = seven }));
    starp_array *y = each("sort", x);
    la_shape("sort", y, STARP_F64, STARP_SHAPE(4));
    la_shape("sort", before, STARP_F64, STARP_SHAPE(3, 4));
    assert_true(la_item(starp_at(y, "3")) == 7);
    la_done(starp_eval(before));
    la_done(starp_scope_close(session));
}

static void what_fails_alone(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = with_singular(10, 4), *y = each("inv", x);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "iteration 4"));
    starp_clear_error();
    assert_true(isnan(la_item(starp_at(y, "0, 0, 4"))) && la_item(starp_at(y, "0, 0, 5")) == 1);
    la_done(starp_scope_close(session));
}

static int open_in_tiles(void **state)
{
    (void)state;
    rig_environment("STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=2");
    every = 3;
    return (session = starp_open(NULL)) ? 0 : -1;
}

static int open_keeping(void **state)
{
    (void)state;
    rig_environment("STARP_PPEVAL_KEEP=1");
    return (session = starp_open(NULL)) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_as_alone),
        cmocka_unit_test(items_are_as_alone),
        cmocka_unit_test(containers_are_as_arrays),
        cmocka_unit_test(sorting),
        cmocka_unit_test(no_elements),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_fails_is_named),
        cmocka_unit_test(containers_with_words),
        cmocka_unit_test(names_are_the_users),
    };
    const struct CMUnitTest kept[] = { cmocka_unit_test(what_fails_alone) };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("kept", kept, open_keeping, la_close);
}
