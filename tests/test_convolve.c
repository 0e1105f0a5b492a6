/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_convolve.c: convolution and correlation against their sums on the host: of vectors with the places and dtypes of NumPy, of
 * arrays as SciPy's fftconvolve, whole and by overlap-add.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "rig.h"

#define UNITS 4.0 /* of eps log2 n: root mean square */
#define COUNT(list) (sizeof(list) / sizeof *(list))

static uint64_t seed = 1;

/* ----------------------------------------------------------------------------------------------------------- vectors */

static struct fc part(struct fc full, int64_t start, int64_t n)
{
    struct fc x = fc_new(&(starp_dims){ 1, { n } });
    memcpy(x.v, full.v + start, (size_t)n * sizeof *x.v);
    return x;
}

/* By definition: sum of a[l] b[k - l]. */
static struct fc convolved(struct fc a, struct fc b)
{
    struct fc c = fc_new(&(starp_dims){ 1, { a.size + b.size - 1 } });
    for (int64_t i = 0; i < a.size; i++) {
        for (int64_t j = 0; j < b.size; j++) c.v[i + j] += a.v[i] * b.v[j];
    }
    return c;
}

static struct fc mode_of(struct fc full, int64_t m, int64_t n, starp_convolve_mode mode, bool correlated)
{
    int64_t longer = m > n ? m : n, shorter = m > n ? n : m;
    if (mode == STARP_FULL) return full;
    if (mode == STARP_VALID) return part(full, shorter - 1, longer - shorter + 1);
    return part(full, correlated && m < n ? shorter / 2 : (shorter - 1) / 2, longer);
}

static struct fc turned(struct fc x)
{
    struct fc y = fc_new(&x.shape);
    for (int64_t i = 0; i < x.size; i++) y.v[i] = conjl(x.v[x.size - 1 - i]);
    return y;
}

static void check_vectors(starp_array *a, starp_array *b)
{
    struct fc x = fc_read(a), y = fc_read(b), full = convolved(x, y), against = convolved(x, turned(y));
    starp_dtype d = starp_result_type(starp_dtype_of(a), starp_dtype_of(b));
    double units = sp_dtypes[d].cls <= SP_CLASS_I ? 0 : UNITS * sqrt((double)(x.size < y.size ? x.size : y.size));
    for (int mode = STARP_FULL; mode <= STARP_VALID; mode++) {
        starp_convolve_mode which = (starp_convolve_mode)mode;
        fc_near("convolve", starp_convolve(a, b, which), d, mode_of(full, x.size, y.size, which, false), full.size, units);
        fc_near("correlate", starp_correlate(a, b, which), d, mode_of(against, x.size, y.size, which, true), full.size, units);
    }
    fc_free_all();
}

static void vectors(void **state)
{
    static const int64_t lengths[][2] = { { 1, 1 }, { 3, 1 }, { 1, 4 }, { 5, 2 }, { 2, 5 }, { 4, 4 }, { 7, 3 }, { 3, 8 }, { 20, 9 },
                                          { 100, 31 }, { 31, 101 }, { 60, 32 }, { 100, 33 }, { 40, 90 }, { 64, 64 }, { 300, 77 } };
    static const starp_dtype dtypes[][2] = { { STARP_F64, STARP_F64 }, { STARP_C64, STARP_C64 }, { STARP_F32, STARP_F32 }, { STARP_C128, STARP_F64 },
                                             { STARP_I16, STARP_I32 }, { STARP_I64, STARP_U8 }, { STARP_U32, STARP_F32 }, { STARP_BOOL, STARP_I16 } };
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t d = i % 3; d < COUNT(dtypes); d += 3) {
            starp_array *a = fc_input(STARP_SHAPE(lengths[i][0]), dtypes[d][0], &seed);
            check_vectors(a, fc_input(STARP_SHAPE(lengths[i][1]), dtypes[d][1], &seed));
        }
    }
}

/* The examples of NumPy's documentation. */
static void documented_examples(void **state)
{
    static const double a[] = { 1, 2, 3 }, b[] = { 0, 1, 0.5 }, full[] = { 0, 1, 2.5, 4, 1.5 }, same[] = { 1, 2.5, 4 }, valid[] = { 2.5 };
    static const double against[] = { 0.5, 2, 3.5, 3, 0 }, short_same[] = { 8, 5, 2 };
    (void)state;
    starp_array *x = starp_from_host(session, a, STARP_SHAPE(3), STARP_F64), *y = starp_from_host(session, b, STARP_SHAPE(3), STARP_F64);
    la_same("convolve", starp_convolve(x, y, STARP_FULL), starp_from_host(session, full, STARP_SHAPE(5), STARP_F64));
    la_same("convolve", starp_convolve(x, y, STARP_SAME), starp_from_host(session, same, STARP_SHAPE(3), STARP_F64));
    la_same("convolve", starp_convolve(x, y, STARP_VALID), starp_from_host(session, valid, STARP_SHAPE(1), STARP_F64));
    la_same("correlate", starp_correlate(x, y, STARP_FULL), starp_from_host(session, against, STARP_SHAPE(5), STARP_F64));
    la_same("correlate", starp_correlate(starp_at(x, ":2"), x, STARP_SAME), starp_from_host(session, short_same, STARP_SHAPE(3), STARP_F64));
}

/* Elements so large that every sum wraps, and more of them than floats could hold. */
static void integers_are_exact(void **state)
{
    static const starp_dtype dtypes[] = { STARP_I8, STARP_U8, STARP_I16, STARP_U16, STARP_I32, STARP_U32, STARP_I64, STARP_U64 };
    enum { M = 130, N = 70 };
    (void)state;
    for (size_t d = 0; d < COUNT(dtypes); d++) {
        uint64_t a[M], b[N], got[M + N - 1], want[M + N - 1] = { 0 }, mask = ~UINT64_C(0) >> (64 - 8 * sp_dtypes[dtypes[d]].size);
        for (int i = 0; i < M; i++) a[i] = rig_random(&seed);
        for (int i = 0; i < N; i++) b[i] = rig_random(&seed);
        for (int i = 0; i < M * N; i++) want[i / N + i % N] += a[i / N] * b[i % N];
        starp_array *x = starp_astype(starp_from_host(session, a, STARP_SHAPE(M), STARP_U64), dtypes[d]);
        starp_array *y = starp_astype(starp_from_host(session, b, STARP_SHAPE(N), STARP_U64), dtypes[d]), *c = starp_convolve(y, x, STARP_FULL);
        la_shape("convolve", c, dtypes[d], STARP_SHAPE(M + N - 1));
        la_done(starp_read(starp_astype(c, STARP_U64), got, sizeof got));
        for (int k = 0; k < M + N - 1; k++) assert_true(((got[k] ^ want[k]) & mask) == 0);
        la_same("correlate", starp_correlate(x, starp_at(y, "::-1"), STARP_VALID), starp_convolve(x, y, STARP_VALID));
    }
}

/* As in NumPy: any product. */
static void bools(void **state)
{
    (void)state;
    starp_array *a = fc_input(STARP_SHAPE(90), STARP_BOOL, &seed), *b = starp_astype(starp_eye(session, 40, 1, -3, STARP_BOOL), STARP_BOOL);
    starp_array *c = starp_convolve(a, starp_at(b, ":, 0"), STARP_FULL);
    starp_array *all = starp_convolve(a, starp_ones(session, STARP_SHAPE(300), STARP_BOOL), STARP_SAME);
    la_shape("convolve", c, STARP_BOOL, STARP_SHAPE(129));
    la_same("moved", starp_at(c, "3:93"), a);
    assert_true(la_item(starp_sum(c, NULL, 0)) == la_item(starp_sum(a, NULL, 0)));
    assert_true(la_item(starp_sum(all, NULL, 0)) > 280);
}

static void vectors_seen_through_views(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(30, 12), STARP_F64, &seed), *z = fc_input(STARP_SHAPE(200), STARP_C64, &seed);
    check_vectors(starp_at(x, "::-1, 3"), starp_at(x, "4, ::2"));
    check_vectors(starp_at(z, "150:20:-3"), starp_at(z, ":40"));
    check_vectors(starp_ones(session, STARP_SHAPE(50), STARP_I32), starp_ones(session, STARP_SHAPE(40), STARP_I8));
    check_vectors(starp_exp(starp_at(x, "0")), starp_sin(starp_at(x, ":, 1")));
    check_vectors(starp_broadcast_to(starp_at(z, "7"), STARP_SHAPE(90)), starp_at(z, ":70"));
}

/* ------------------------------------------------------------------------------------------------------------ arrays */

static int64_t next_index(const starp_dims *shape, int64_t *index)
{
    for (int a = shape->n - 1; a >= 0; a--) {
        if (++index[a] < shape->v[a]) return 1;
        index[a] = 0;
    }
    return 0;
}

static int64_t at(const starp_dims *shape, const int64_t *index)
{
    int64_t i = 0;
    for (int a = 0; a < shape->n; a++) i = i * shape->v[a] + (shape->v[a] == 1 ? 0 : index[a]);
    return i;
}

/* The full convolution along the axes of the set; along the others shapes broadcast. */
static struct fc convolved_along(struct fc x, struct fc y, uint32_t set)
{
    starp_dims shape = x.shape;
    int64_t i[STARP_MAXDIM], j[STARP_MAXDIM] = { 0 };
    for (int a = 0; a < shape.n; a++) {
        int64_t m = x.shape.v[a], n = y.shape.v[a];
        shape.v[a] = set >> a & 1 ? m + n - 1 : m > n ? m : n;
    }
    struct fc z = fc_new(&shape);
    starp_dims from = x.shape; /* broadcast along the other axes */
    for (int a = 0; a < shape.n; a++) from.v[a] = set >> a & 1 ? x.shape.v[a] : shape.v[a];
    do {
        memset(i, 0, sizeof i);
        do {
            int64_t k[STARP_MAXDIM];
            bool fits = true;
            for (int a = 0; a < shape.n; a++) {
                k[a] = set >> a & 1 ? i[a] + j[a] : i[a];
                if (!(set >> a & 1) && y.shape.v[a] > 1) fits &= i[a] == j[a];
            }
            if (fits) z.v[at(&shape, k)] += x.v[at(&x.shape, i)] * y.v[at(&y.shape, j)];
        } while (next_index(&from, i));
    } while (next_index(&y.shape, j));
    return z;
}

static struct fc middle(struct fc full, const starp_dims *shape)
{
    struct fc y = fc_new(shape);
    int64_t i[STARP_MAXDIM] = { 0 }, k[STARP_MAXDIM], to = 0;
    if (y.size == 0) return y;
    do {
        for (int a = 0; a < shape->n; a++) k[a] = i[a] + (full.shape.v[a] - shape->v[a]) / 2;
        y.v[to++] = full.v[at(&full.shape, k)];
    } while (next_index(shape, i));
    return y;
}

typedef starp_array *function(starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes);

static uint32_t set_of(const starp_dims *axes, int n)
{
    uint32_t set = axes ? 0 : ~UINT32_C(0);
    for (int i = 0; axes && i < axes->n; i++) set |= UINT32_C(1) << (axes->v[i] < 0 ? axes->v[i] + n : axes->v[i]);
    return set;
}

static void check_arrays(const char *what, function *f, starp_array *a, starp_array *b, const starp_dims *axes)
{
    struct fc x = fc_read(a), y = fc_read(b), full;
    uint32_t set = set_of(axes, x.shape.n);
    bool first = true, second = true, single = true, is_complex = la_is_complex(starp_dtype_of(a)) || la_is_complex(starp_dtype_of(b));
    starp_dtype both[2] = { starp_dtype_of(a), starp_dtype_of(b) };
    for (int k = 0; k < 2; k++) single &= both[k] == STARP_F32 || both[k] == STARP_C64;
    starp_dtype d = single ? is_complex ? STARP_C64 : STARP_F32 : is_complex ? STARP_C128 : STARP_F64;
    full = convolved_along(x, y, set);
    fc_near(what, f(a, b, STARP_FULL, axes), d, full, full.size, UNITS);
    fc_near(what, f(a, b, STARP_SAME, axes), d, middle(full, &x.shape), full.size, UNITS);
    starp_dims valid = full.shape;
    for (int k = 0; k < x.shape.n; k++) {
        int64_t m = x.shape.v[k], n = y.shape.v[k];
        if (!(set >> k & 1)) continue;
        first &= m == 1 || n == 1 || m >= n, second &= m == 1 || n == 1 || n >= m;
    }
    for (int k = 0; k < x.shape.n; k++) {
        int64_t m = x.shape.v[k], n = y.shape.v[k];
        if (set >> k & 1 && m > 1 && n > 1) valid.v[k] = (m > n ? m - n : n - m) + 1;
    }
    if (first || second) fc_near(what, f(a, b, STARP_VALID, axes), d, middle(full, &valid), full.size, UNITS);
    else starp_clear_error();
    fc_free_all();
}

static void arrays(void **state)
{
    static const starp_dims shapes[][2] = { { { 1, { 20 } }, { 1, { 7 } } }, { { 1, { 7 } }, { 1, { 20 } } }, { { 2, { 9, 12 } }, { 2, { 4, 5 } } },
                                            { { 2, { 4, 5 } }, { 2, { 6, 9 } } }, { { 2, { 4, 12 } }, { 2, { 7, 5 } } },
                                            { { 3, { 5, 6, 7 } }, { 3, { 3, 1, 4 } } },
                                            { { 3, { 1, 6, 5 } }, { 3, { 4, 2, 1 } } }, { { 2, { 1, 6 } }, { 2, { 1, 1 } } } };
    static const starp_dtype dtypes[][2] = { { STARP_F64, STARP_F64 }, { STARP_F32, STARP_F32 }, { STARP_C64, STARP_C64 }, { STARP_F32, STARP_C128 },
                                             { STARP_I32, STARP_F32 }, { STARP_BOOL, STARP_U8 } };
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        for (size_t d = i % 2; d < COUNT(dtypes); d += 2) {
            starp_array *a = fc_input(&shapes[i][0], dtypes[d][0], &seed), *b = fc_input(&shapes[i][1], dtypes[d][1], &seed);
            check_arrays("fftconvolve", starp_fftconvolve, a, b, NULL);
            check_arrays("oaconvolve", starp_oaconvolve, a, b, NULL);
        }
    }
}

static void arrays_along_some_axes(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(5, 30, 6), STARP_F64, &seed), *y = fc_input(STARP_SHAPE(5, 8, 6), STARP_F64, &seed);
    starp_array *one = starp_at(y, ":1, :, :1"), *z = starp_at(starp_transpose(x), "::-1, ::3, :5");
    check_arrays("along one", starp_fftconvolve, x, y, STARP_AXES(1));
    check_arrays("along one, broadcast", starp_fftconvolve, x, starp_at(y, ":1"), STARP_AXES(-2));
    check_arrays("along two", starp_fftconvolve, x, y, STARP_AXES(2, 1));
    check_arrays("along two", starp_oaconvolve, y, x, STARP_AXES(0, 1));
    check_arrays("with one line", starp_fftconvolve, x, one, NULL);
    check_arrays("views", starp_fftconvolve, z, starp_at(starp_transpose(y), ":4, ::2, :5"), STARP_AXES(1, 0));
    check_arrays("an expression", starp_fftconvolve, starp_exp(x), starp_sin(y), STARP_AXES(0, 1, 2));
    check_arrays("ones", starp_fftconvolve, starp_ones(session, STARP_SHAPE(9, 9), STARP_F32), starp_ones(session, STARP_SHAPE(3, 4), STARP_F32), NULL);
}

static void numbers_and_nothing(void **state)
{
    (void)state;
    starp_array *a = starp_astype(starp_scalar(session, 3), STARP_I32), *b = starp_astype(starp_scalar(session, 0.5), STARP_F32);
    starp_array *c = starp_fftconvolve(a, b, STARP_FULL, NULL), *none = starp_oaconvolve(starp_zeros(session, STARP_SHAPE(3, 0), STARP_F32),
                                                                                        starp_zeros(session, STARP_SHAPE(3, 2), STARP_F32), STARP_SAME, NULL);
    la_shape("of numbers", c, STARP_F64, STARP_SHAPE0);
    assert_true(la_item(c) == 1.5);
    la_shape("of nothing", none, STARP_F32, STARP_SHAPE(0));
}

/* ------------------------------------------------------------------------------------------------------- overlap-add */

/* Lines longer than a task transforms, against few elements: the sum by definition. */
static void check_blocks(starp_array *a, starp_array *b)
{
    struct fc x = fc_read(a), y = fc_read(b), full = convolved(x, y);
    starp_dtype d = starp_result_type(starp_dtype_of(a), starp_dtype_of(b));
    int64_t m = x.size, n = y.size;
    fc_near("oaconvolve", starp_oaconvolve(a, b, STARP_FULL, NULL), d, full, full.size, UNITS);
    fc_near("oaconvolve", starp_oaconvolve(a, b, STARP_SAME, NULL), d, part(full, (n - 1) / 2, m), full.size, UNITS);
    fc_near("oaconvolve", starp_oaconvolve(a, b, STARP_VALID, NULL), d, part(full, (m < n ? m : n) - 1, (m < n ? n - m : m - n) + 1), full.size, UNITS);
    fc_free_all();
}

static void blocks_of_long_lines(void **state)
{
    (void)state;
    check_blocks(fc_input(STARP_SHAPE(70000), STARP_F64, &seed), fc_input(STARP_SHAPE(33), STARP_F64, &seed));
    check_blocks(fc_input(STARP_SHAPE(100001), STARP_C64, &seed), fc_input(STARP_SHAPE(2), STARP_C64, &seed));
    check_blocks(fc_input(STARP_SHAPE(90), STARP_F32, &seed), fc_input(STARP_SHAPE(66666), STARP_F32, &seed));
    check_blocks(fc_input(STARP_SHAPE(80000), STARP_F64, &seed), fc_input(STARP_SHAPE(1500), STARP_F64, &seed));
    starp_array *x = fc_input(STARP_SHAPE(70000), STARP_F64, &seed), *y = fc_input(STARP_SHAPE(300), STARP_F64, &seed);
    struct fc full = convolved(fc_read(x), fc_read(y));
    fc_near("convolve", starp_convolve(x, y, STARP_SAME), STARP_F64, part(full, 149, 70000), 70000, UNITS);
    fc_near("correlate", starp_correlate(starp_at(y, "::-1"), x, STARP_VALID), STARP_F64, fc_read(starp_at(starp_convolve(x, y, STARP_VALID), "::-1")), 70000, UNITS);
}

/* The same result whether lines are cut or not, along any axis, and with either operand the longer one. */
static void blocks_of_arrays(void **state)
{
    (void)state;
    starp_array *x = fc_input(STARP_SHAPE(3, 66000), STARP_F64, &seed), *y = fc_input(STARP_SHAPE(2, 50), STARP_F64, &seed);
    starp_array *xt = starp_transpose(x), *yt = starp_transpose(y), *column = fc_input(STARP_SHAPE(66001, 1), STARP_F32, &seed);
    for (int mode = STARP_FULL; mode <= STARP_VALID; mode++) {
        starp_convolve_mode m = (starp_convolve_mode)mode;
        fc_near("rows", starp_oaconvolve(x, y, m, NULL), STARP_F64, fc_read(starp_fftconvolve(x, y, m, NULL)), 66000, UNITS);
        fc_near("columns", starp_oaconvolve(xt, yt, m, NULL), STARP_F64, fc_read(starp_fftconvolve(xt, yt, m, NULL)), 66000, UNITS);
    }
    starp_array *one = starp_at(yt, ":, :1"), *lines = starp_oaconvolve(column, starp_astype(one, STARP_F32), STARP_SAME, STARP_AXES(0));
    fc_near("a column", lines, STARP_F32, fc_read(starp_fftconvolve(column, starp_astype(one, STARP_F32), STARP_SAME, STARP_AXES(0))), 66000, UNITS);
    starp_array *each = starp_oaconvolve(x, starp_at(y, ":1"), STARP_FULL, STARP_AXES(1));
    fc_near("every row", starp_at(each, "2"), STARP_F64, convolved(fc_read(starp_at(x, "2")), fc_read(starp_at(y, "0"))), 66000, UNITS);
}

/* ------------------------------------------------------------------------------------------------------------ errors */

static void what_is_refused(void **state)
{
    (void)state;
    starp_array *v = starp_zeros(session, STARP_SHAPE(4), STARP_F64), *m = starp_zeros(session, STARP_SHAPE(3, 4), STARP_F64);
    starp_array *nothing = starp_zeros(session, STARP_SHAPE(0), STARP_I32), *wide = starp_zeros(session, STARP_SHAPE(2, 9), STARP_F64);
    starp_dims none = { 0 };
    fc_refused(starp_convolve(v, m, STARP_FULL), STARP_ERR_SHAPE, "convolve: of shapes (4,) and (3, 4)");
    fc_refused(starp_convolve(nothing, v, STARP_FULL), STARP_ERR_SHAPE, "not empty");
    fc_refused(starp_correlate(v, starp_at(v, "0"), STARP_FULL), STARP_ERR_SHAPE, "correlate");
    fc_refused(starp_correlate(v, v, (starp_convolve_mode)3), STARP_ERR_ARGUMENT, "mode 3");
    fc_refused(starp_fftconvolve(v, v, (starp_convolve_mode)-1, NULL), STARP_ERR_ARGUMENT, "mode -1");
    fc_refused(starp_fftconvolve(v, m, STARP_FULL, NULL), STARP_ERR_SHAPE, "fftconvolve: shapes (4,) and (3, 4)");
    fc_refused(starp_oaconvolve(m, wide, STARP_FULL, STARP_AXES(0)), STARP_ERR_SHAPE, "oaconvolve: shapes (3, 4) and (2, 9) do not broadcast");
    fc_refused(starp_oaconvolve(m, wide, STARP_VALID, NULL), STARP_ERR_SHAPE, "no part is valid");
    fc_refused(starp_fftconvolve(m, m, STARP_FULL, &none), STARP_ERR_ARGUMENT, "no axes");
    fc_refused(starp_fftconvolve(m, m, STARP_FULL, STARP_AXES(2)), STARP_ERR_INDEX, "axis 2");
    fc_refused(starp_fftconvolve(m, m, STARP_FULL, STARP_AXES(1, -1)), STARP_ERR_INDEX, "twice");
    fc_refused(starp_fftconvolve(m, m, STARP_FULL, &(starp_dims){ 17, { 0 } }), STARP_ERR_INDEX, "17");
    assert_null(starp_convolve(NULL, v, STARP_FULL));
    assert_null(starp_correlate(v, NULL, STARP_FULL));
    assert_null(starp_fftconvolve(NULL, NULL, STARP_FULL, NULL));
    assert_int_equal(starp_last_status(), STARP_OK);
    starp_session *other = starp_open(NULL);
    fc_refused(starp_convolve(v, starp_zeros(other, STARP_SHAPE(4), STARP_F64), STARP_FULL), STARP_ERR_HANDLE, "another session");
    la_done(starp_close(other));
}

/* ------------------------------------------------------------------------------------------------------------- groups */

int main(void)
{
    const struct CMUnitTest all[] = {
        FC_TEST(vectors), FC_TEST(documented_examples), FC_TEST(integers_are_exact), FC_TEST(bools), FC_TEST(vectors_seen_through_views), FC_TEST(arrays),
        FC_TEST(arrays_along_some_axes), FC_TEST(numbers_and_nothing), FC_TEST(what_is_refused),
    };
    const struct CMUnitTest large[] = { FC_TEST(blocks_of_long_lines), FC_TEST(blocks_of_arrays) };
    int failed = cmocka_run_group_tests_name("at once", all, fc_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", all, fc_open_in_tiles, la_close);
    failed += cmocka_run_group_tests_name("large", large, fc_open_at_once, la_close);
    return failed + cmocka_run_group_tests_name("large, in tiles", large, fc_open_in_large_tiles, la_close);
}
