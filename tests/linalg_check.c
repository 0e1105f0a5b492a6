/* SPDX-License-Identifier: BSD-3-Clause */
/* linalg_check.c: matrices on the host, and how far results may be from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "linalg_check.h"
#include "rig.h"

static struct block {
    struct block *next;
    la_number v[];
} *blocks;

struct la la_new(int64_t m, int64_t n)
{
    struct block *b = calloc(1, sizeof *b + (size_t)(m * n + 1) * sizeof b->v[0]);
    if (!b) abort();
    b->next = blocks;
    blocks = b;
    return (struct la){ m, n, b->v };
}

void la_free_all(void)
{
    while (blocks) {
        struct block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

struct la la_eye(int64_t m, int64_t n)
{
    struct la a = la_new(m, n);
    for (int64_t i = 0; i < m && i < n; i++) LA(a, i, i) = 1;
    return a;
}

struct la la_mul(struct la a, struct la b)
{
    struct la c = la_new(a.m, b.n);
    assert_int_equal(a.n, b.m);
    for (int64_t i = 0; i < a.m; i++) {
        for (int64_t k = 0; k < a.n; k++) {
            la_number x = LA(a, i, k), *to = &LA(c, i, 0);
            const la_number *row = &LA(b, k, 0);
            for (int64_t j = 0; j < b.n; j++) to[j] += x * row[j];
        }
    }
    return c;
}

struct la la_sub(struct la a, struct la b)
{
    struct la c = la_new(a.m, a.n);
    assert_true(a.m == b.m && a.n == b.n);
    for (int64_t i = 0; i < a.m * a.n; i++) c.v[i] = a.v[i] - b.v[i];
    return c;
}

struct la la_adjoint(struct la a)
{
    struct la c = la_new(a.n, a.m);
    for (int64_t i = 0; i < a.m; i++) {
        for (int64_t j = 0; j < a.n; j++) LA(c, j, i) = conj(LA(a, i, j));
    }
    return c;
}

struct la la_diagonal(struct la column)
{
    struct la a = la_new(column.m, column.m);
    for (int64_t i = 0; i < a.m; i++) LA(a, i, i) = column.v[i];
    return a;
}

struct la la_scale(struct la a, la_number f)
{
    struct la c = la_new(a.m, a.n);
    for (int64_t i = 0; i < a.m * a.n; i++) c.v[i] = f * a.v[i];
    return c;
}

struct la la_half(struct la a, bool lower)
{
    struct la c = la_new(a.m, a.n);
    for (int64_t i = 0; i < a.m; i++) {
        for (int64_t j = 0; j < a.n; j++) {
            if (lower ? j <= i : j >= i) LA(c, i, j) = LA(a, i, j);
        }
    }
    return c;
}

double la_norm(struct la a)
{
    double sum = 0;
    for (int64_t i = 0; i < a.m * a.n; i++) sum += creal(a.v[i]) * creal(a.v[i]) + cimag(a.v[i]) * cimag(a.v[i]);
    return sqrt(sum);
}

/* ----------------------------------------------------------------------------------------------------------- dtypes */

bool la_is_complex(starp_dtype dtype)
{
    return sp_dtypes[dtype].cls == SP_CLASS_C;
}

starp_dtype la_float(starp_dtype dtype)
{
    return sp_dtypes[dtype].cls >= SP_CLASS_F ? dtype : STARP_F64;
}

double la_eps(starp_dtype dtype)
{
    return dtype == STARP_F32 || dtype == STARP_C64 ? FLT_EPSILON : DBL_EPSILON;
}

static double rounded(starp_dtype dtype, double x)
{
    if (sp_dtypes[dtype].cls <= SP_CLASS_I) return floor(x * 9.99);
    return la_eps(dtype) > DBL_EPSILON ? (double)(float)x : x;
}

struct la la_random(int64_t m, int64_t n, starp_dtype dtype, uint64_t *seed)
{
    struct la a = la_new(m, n);
    for (int64_t i = 0; i < m * n; i++) {
        a.v[i] = rounded(dtype, 2 * rig_uniform(seed) - 1);
        if (la_is_complex(dtype)) a.v[i] += I * rounded(dtype, 2 * rig_uniform(seed) - 1);
    }
    return a;
}

struct la la_hermitian(int64_t n, starp_dtype dtype, bool positive, uint64_t *seed)
{
    struct la a = la_random(n, n, dtype, seed);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < i; j++) LA(a, i, j) = conj(LA(a, j, i));
        LA(a, i, i) = creal(LA(a, i, i)) + (positive ? (double)(n + 1) * (sp_dtypes[dtype].cls <= SP_CLASS_I ? 10 : 2) : 0);
        LA(a, i, i) = la_eps(dtype) > DBL_EPSILON ? (double)(float)creal(LA(a, i, i)) : creal(LA(a, i, i));
    }
    return a;
}

/* -------------------------------------------------------------------------------------------------- in and out of arrays */

void la_done(starp_status status)
{
    if (status != STARP_OK) fail_msg("%s: %s", starp_status_name(status), starp_last_error());
}

starp_array *la_put(starp_session *s, struct la a, starp_dtype dtype)
{
    starp_array *x = starp_astype(starp_from_host(s, a.v, STARP_SHAPE(a.m, a.n), STARP_C128), dtype);
    la_done(starp_eval(x));
    return x;
}

starp_array *la_input(starp_session *s, const starp_dims *shape, starp_dtype dtype, uint64_t *seed)
{
    int64_t n = 1;
    for (int i = 0; i < shape->n; i++) n *= shape->v[i];
    struct la a = la_random(n, 1, dtype, seed);
    starp_array *x = starp_astype(starp_from_host(s, a.v, shape, STARP_C128), dtype);
    la_done(starp_eval(x));
    return x;
}

starp_array *la_copy(starp_array *x)
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

static struct la read(starp_array *x, int64_t m, int64_t n, int64_t batch)
{
    int64_t size = starp_size(x);
    struct la all = la_new(size < 0 ? 0 : size, 1), a = la_new(m, n);
    starp_array *wide = starp_astype(x, STARP_C128);
    la_done(starp_eval(x));
    la_done(starp_read(wide, all.v, (size_t)size * sizeof *all.v));
    if (wide != x) starp_release(wide);
    assert_true((batch + 1) * m * n <= size);
    memcpy(a.v, all.v + batch * m * n, (size_t)(m * n) * sizeof *a.v);
    return a;
}

struct la la_read(starp_array *x, int64_t batch)
{
    if (!x) la_done(starp_eval(x));
    int d = starp_ndim(x);
    if (d < 2) return read(x, d ? starp_dim(x, 0) : 1, 1, batch);
    return read(x, starp_dim(x, -2), starp_dim(x, -1), batch);
}

struct la la_vector(starp_array *x, int64_t batch)
{
    if (!x) la_done(starp_eval(x));
    return read(x, starp_dim(x, -1), 1, batch);
}

double la_item(starp_array *x)
{
    double v = NAN;
    la_done(starp_item(x, STARP_F64, &v));
    return v;
}

/* ------------------------------------------------------------------------------------------------------------ checks */

void la_small(const char *what, starp_dtype dtype, struct la a, double scale)
{
    double n = (double)(a.m > a.n ? a.m : a.n), norm = la_norm(a), unit = la_eps(dtype) * (n > 1 ? n : 1) * scale;
    if (!(norm <= 30 * unit)) {
        fail_msg("%s, %s (%lld, %lld): %g is %g units", what, starp_dtype_name(dtype), (long long)a.m, (long long)a.n, norm, norm / unit);
    }
}

void la_near(const char *what, starp_dtype dtype, struct la got, struct la want)
{
    if (got.m != want.m || got.n != want.n) {
        fail_msg("%s: (%lld, %lld) instead of (%lld, %lld)", what, (long long)got.m, (long long)got.n, (long long)want.m, (long long)want.n);
    }
    la_small(what, dtype, la_sub(got, want), la_norm(want));
}

void la_orthonormal(const char *what, starp_dtype dtype, struct la columns)
{
    struct la gram = la_mul(la_adjoint(columns), columns);
    la_small(what, dtype, la_sub(gram, la_eye(gram.m, gram.n)), 1);
}

static void check_exchanges(struct la pivot, struct la order, int64_t m)
{
    struct la rows = la_new(m, 1);
    for (int64_t i = 0; i < m; i++) rows.v[i] = (double)i;
    for (int64_t i = 0; i < pivot.m * pivot.n; i++) {
        int64_t p = (int64_t)creal(pivot.v[i]);
        assert_in_range(p, i, m - 1);
        la_number t = rows.v[i];
        rows.v[i] = rows.v[p];
        rows.v[p] = t;
    }
    for (int64_t i = 0; i < m; i++) assert_true(rows.v[i] == order.v[i]);
}

double la_lu(starp_dtype dtype, struct la x, struct la lu, struct la pivot, struct la order, double most)
{
    int64_t k = x.m < x.n ? x.m : x.n;
    struct la l = la_eye(x.m, k), u = la_new(k, x.n), px = la_new(x.m, x.n);
    double largest = 0;
    for (int64_t i = 0; i < x.m; i++) {
        for (int64_t j = 0; j < x.n; j++) {
            if (i > j) LA(l, i, j) = LA(lu, i, j), largest = fmax(largest, cabs(LA(lu, i, j)));
            else LA(u, i, j) = LA(lu, i, j);
            LA(px, i, j) = LA(x, (int64_t)creal(order.v[i]), j);
        }
    }
    check_exchanges(pivot, order, x.m);
    assert_true(largest <= most * (la_is_complex(dtype) ? sqrt(2) : 1) * (1 + 8 * la_eps(dtype)));
    la_small("l u - x[order]", dtype, la_sub(la_mul(l, u), px), la_norm(x));
    return largest;
}

void la_shape(const char *what, starp_array *x, starp_dtype dtype, const starp_dims *shape)
{
    starp_dims got;
    la_done(starp_shape_of(x, &got));
    bool same = starp_dtype_of(x) == dtype && got.n == shape->n;
    for (int i = 0; i < got.n && same; i++) same = got.v[i] == shape->v[i];
    if (!same) {
        fail_msg("%s: %s (%lld) of %d axes instead of %s (%lld)", what, starp_dtype_name(starp_dtype_of(x)), (long long)got.v[0], got.n,
                 starp_dtype_name(dtype), (long long)shape->v[0]);
    }
}

void la_same(const char *what, starp_array *a, starp_array *b)
{
    starp_dims shape;
    la_done(starp_shape_of(b, &shape));
    la_shape(what, a, starp_dtype_of(b), &shape);
    size_t bytes = (size_t)starp_size(b) * starp_dtype_size(starp_dtype_of(b));
    char *x = malloc(bytes + 1), *y = malloc(bytes + 1);
    la_done(starp_read(a, x, bytes));
    la_done(starp_read(b, y, bytes));
    int64_t at = rig_differ(starp_dtype_of(b), x, y, starp_size(b), true);
    if (at >= 0) fail_msg("%s: element %lld differs", what, (long long)at);
    free(x);
    free(y);
}

int la_open_at_once(void **state)
{
    (void)state;
    return cc_open("STARP_PANEL=8");
}

int la_open_in_tiles(void **state)
{
    (void)state;
    return cc_open("STARP_PANEL=8 STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=3");
}

int la_close(void **state)
{
    (void)state;
    starp_stats stats;
    if (starp_stats_of(session, &stats) != STARP_OK || stats.nodes_live) return -1;
    return starp_close(session) == STARP_OK ? 0 : -1;
}

int la_open_scope(void **state)
{
    (void)state;
    starp_clear_error();
    return starp_scope_open(session) == STARP_OK ? 0 : -1;
}

int la_close_scope(void **state)
{
    (void)state;
    starp_stats stats;
    starp_clear_error();
    starp_scope_close(session);
    la_free_all();
    return starp_stats_of(session, &stats) == STARP_OK && stats.nodes_live == 0 ? 0 : -1;
}
