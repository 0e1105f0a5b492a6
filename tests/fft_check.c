/* SPDX-License-Identifier: BSD-3-Clause */
/* fft_check.c: Fourier transforms in long double: Cooley and Tukey's for small prime factors, Bluestein's for large ones. */
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

#define MOST_DIRECT 64 /* a prime factor up to this is taken by the definition */

static struct block {
    struct block *next;
    fc_number v[];
} *blocks;

static struct fc empty(const starp_dims *shape)
{
    struct fc x = { .shape = *shape, .size = 1 };
    for (int a = 0; a < shape->n; a++) x.size *= shape->v[a];
    struct block *b = calloc(1, sizeof *b + (size_t)(x.size + 1) * sizeof b->v[0]);
    if (!b) abort();
    b->next = blocks;
    blocks = b;
    x.v = b->v;
    return x;
}

struct fc fc_new(const starp_dims *shape)
{
    return empty(shape);
}

void fc_free_all(void)
{
    while (blocks) {
        struct block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

/* ------------------------------------------------------------------------------------------------------- transforms */

/* e^(-2 pi i k / n) */
static fc_number root(int64_t k, int64_t n)
{
    long double angle = -2 * 3.14159265358979323846264338327950288L * (long double)(k % n) / (long double)n;
    return cosl(angle) + I * sinl(angle);
}

static void line(int64_t n, int64_t step, const fc_number *x, fc_number *y, const fc_number *w, int64_t whole);

/* By a convolution with e^(pi i j^2 / n), which a transform of 2^k elements does. */
static void bluestein(int64_t n, int64_t step, const fc_number *x, fc_number *y)
{
    int64_t m = 1;
    while (m < 2 * n - 1) m *= 2;
    fc_number *v = calloc((size_t)(5 * m + n), sizeof *v), *a = v, *b = a + m, *fa = b + m, *fb = fa + m, *w = fb + m, *chirp = w + m;
    if (!v) abort();
    for (int64_t k = 0; k < m; k++) w[k] = root(k, m);
    for (int64_t j = 0; j < n; j++) {
        chirp[j] = root((int64_t)((__int128)j * j % (2 * n)), 2 * n);
        a[j] = x[j * step] * chirp[j];
        b[j] = conjl(chirp[j]);
        if (j > 0) b[m - j] = b[j];
    }
    line(m, 1, a, fa, w, m);
    line(m, 1, b, fb, w, m);
    for (int64_t k = 0; k < m; k++) a[k] = conjl(fa[k] * fb[k]);
    line(m, 1, a, fa, w, m);
    for (int64_t k = 0; k < n; k++) y[k] = chirp[k] * conjl(fa[k]) / (long double)m;
    free(v);
}

static int64_t smallest_factor(int64_t n)
{
    for (int64_t p = 2; p <= MOST_DIRECT && p * p <= n; p++) {
        if (n % p == 0) return p;
    }
    return n;
}

static fc_number combine(int64_t p, int64_t q, const fc_number *part, const fc_number *w, int64_t step)
{
    fc_number sum = part[0];
    for (int64_t r = 1; r < p; r++) sum += part[r] * w[r * q % p * step];
    return sum;
}

/* w: the powers of the root of order `whole`, a multiple of n. */
static void line(int64_t n, int64_t step, const fc_number *x, fc_number *y, const fc_number *w, int64_t whole)
{
    int64_t p = smallest_factor(n), m = n / p;
    fc_number part[MOST_DIRECT];
    if (n == 1) {
        y[0] = x[0];
        return;
    }
    if (p > MOST_DIRECT) {
        bluestein(n, step, x, y);
        return;
    }
    for (int64_t r = 0; r < p; r++) line(m, step * p, x + r * step, y + r * m, w, whole);
    for (int64_t k = 0; k < m; k++) {
        for (int64_t r = 0; r < p; r++) part[r] = r == 0 ? y[k] : y[k + r * m] * w[r * k * (whole / n)];
        for (int64_t q = 0; q < p; q++) y[k + q * m] = p == 2 ? (q ? part[0] - part[1] : part[0] + part[1]) : combine(p, q, part, w, whole / p);
    }
}

static void strides(const starp_dims *shape, int axis, int64_t *outer, int64_t *inner)
{
    *outer = *inner = 1;
    for (int a = 0; a < axis; a++) *outer *= shape->v[a];
    for (int a = axis + 1; a < shape->n; a++) *inner *= shape->v[a];
}

struct fc fc_crop(struct fc x, int axis, int64_t n)
{
    starp_dims shape = x.shape;
    int64_t outer, inner, m = shape.v[axis];
    shape.v[axis] = n;
    struct fc y = empty(&shape);
    strides(&shape, axis, &outer, &inner);
    for (int64_t i = 0; i < outer; i++) memcpy(y.v + i * n * inner, x.v + i * m * inner, (size_t)((m < n ? m : n) * inner) * sizeof *x.v);
    return y;
}

struct fc fc_dft(struct fc x, int axis, int64_t n, int sign, long double divisor)
{
    struct fc y = fc_crop(x, axis, n);
    int64_t outer, inner;
    fc_number *v = calloc((size_t)(3 * n), sizeof *v), *in = v, *out = in + n, *w = out + n;
    if (!v) abort();
    strides(&y.shape, axis, &outer, &inner);
    for (int64_t k = 0; k < n; k++) w[k] = root(k, n);
    for (int64_t i = 0; i < outer * inner; i++) {
        fc_number *at = y.v + i / inner * n * inner + i % inner;
        for (int64_t j = 0; j < n; j++) in[j] = sign < 0 ? at[j * inner] : conjl(at[j * inner]);
        line(n, 1, in, out, w, n);
        for (int64_t j = 0; j < n; j++) at[j * inner] = (sign < 0 ? out[j] : conjl(out[j])) / divisor;
    }
    free(v);
    return y;
}

struct fc fc_other_way(struct fc y, int axis, long double had, long double divisor)
{
    struct fc z = empty(&y.shape);
    int64_t outer, inner, n = y.shape.v[axis];
    strides(&y.shape, axis, &outer, &inner);
    for (int64_t i = 0; i < outer; i++) {
        for (int64_t k = 0; k < n * inner; k++) {
            int64_t from = (n - k / inner) % n * inner + k % inner;
            z.v[i * n * inner + k] = y.v[i * n * inner + from] * (had / divisor);
        }
    }
    return z;
}

struct fc fc_mirror(struct fc x, int axis, int64_t n)
{
    struct fc half = fc_crop(x, axis, n / 2 + 1), y = fc_crop(half, axis, n);
    int64_t outer, inner, m = n / 2 + 1;
    strides(&y.shape, axis, &outer, &inner);
    for (int64_t i = 0; i < outer * inner; i++) {
        fc_number *to = y.v + i / inner * n * inner + i % inner, *from = half.v + i / inner * m * inner + i % inner;
        for (int64_t k = 0; k < n; k++) {
            int64_t other = (n - k) % n;
            to[k * inner] = k == other ? creall(from[k * inner]) : k < other ? from[k * inner] : conjl(from[other * inner]);
        }
    }
    return y;
}

long double fc_divisor(int64_t n, starp_fft_norm norm, bool inverse)
{
    if (norm == STARP_ORTHO) return sqrtl((long double)n);
    return (norm == STARP_FORWARD) == inverse ? 1 : (long double)n;
}

/* -------------------------------------------------------------------------------------------------- in and out of arrays */

struct fc fc_read(starp_array *x)
{
    starp_dims shape;
    la_done(x ? STARP_OK : starp_eval(x));
    la_done(starp_shape_of(x, &shape));
    struct fc y = empty(&shape);
    double _Complex *v = malloc((size_t)(y.size + 1) * sizeof *v);
    if (!v) abort();
    la_done(starp_eval(x));
    starp_array *wide = starp_astype(x, STARP_C128);
    la_done(starp_read(wide, v, (size_t)y.size * sizeof *v));
    starp_release(wide);
    for (int64_t i = 0; i < y.size; i++) y.v[i] = v[i];
    free(v);
    return y;
}

starp_array *fc_put(struct fc x, starp_dtype dtype)
{
    double _Complex *v = malloc((size_t)(x.size + 1) * sizeof *v);
    if (!v) abort();
    for (int64_t i = 0; i < x.size; i++) v[i] = (double _Complex)x.v[i];
    starp_array *y = starp_astype(starp_from_host(session, v, &x.shape, STARP_C128), dtype);
    la_done(starp_eval(y));
    free(v);
    return y;
}

starp_array *fc_input(const starp_dims *shape, starp_dtype dtype, uint64_t *seed)
{
    struct fc x = empty(shape);
    for (int64_t i = 0; i < x.size; i++) {
        long double re = 2 * rig_uniform(seed) - 1, im = 2 * rig_uniform(seed) - 1;
        if (dtype == STARP_BOOL) x.v[i] = re > 0;
        else if (sp_dtypes[dtype].cls == SP_CLASS_I) x.v[i] = sp_dtypes[dtype].is_signed ? roundl(9 * re) : roundl(9 * fabsl(re));
        else x.v[i] = re + I * im;
    }
    return fc_put(x, dtype);
}

/* ------------------------------------------------------------------------------------------------------------ checks */

static double unit(double eps, int64_t n)
{
    return eps * (n > 2 ? log2((double)n) : 1);
}

static double mean_square(struct fc x)
{
    long double sum = 0;
    for (int64_t i = 0; i < x.size; i++) sum += creall(x.v[i]) * creall(x.v[i]) + cimagl(x.v[i]) * cimagl(x.v[i]);
    return (double)sqrtl(sum / (long double)(x.size > 0 ? x.size : 1));
}

double fc_error(starp_array *x, struct fc want, double eps, int64_t n)
{
    struct fc got = fc_read(x);
    double scale = mean_square(want), most = 0;
    for (int64_t i = 0; i < want.size; i++) {
        got.v[i] -= want.v[i];
        double e = (double)cabsl(got.v[i]);
        if (!(e <= most)) most = e;
    }
    double mean = mean_square(got), worst = mean > most / 6 ? mean : most / 6; /* no element may be far out */
    if (!isfinite(mean) || (scale == 0 && worst > 0)) return INFINITY;
    if (scale == 0) return 0;
    return worst / scale / unit(eps, n);
}

void fc_near(const char *what, starp_array *x, starp_dtype dtype, struct fc want, int64_t n, double units)
{
    la_shape(what, x, dtype, &want.shape);
    double error = fc_error(x, want, la_eps(dtype), n);
    if (!(error <= units)) fail_msg("%s, %s, n %lld: the error is %g units", what, starp_dtype_name(dtype), (long long)n, error);
}

int fc_open_scope(void **state)
{
    (void)state;
    return starp_scope_open(session) == STARP_OK ? 0 : -1;
}

int fc_close_scope(void **state)
{
    starp_stats stats;
    (void)state;
    fc_free_all();
    la_free_all();
    starp_clear_error();
    starp_scope_close(session);
    return starp_stats_of(session, &stats) == STARP_OK && stats.nodes_live == 0 ? 0 : -1;
}

static int open_with(const char *environment)
{
    rig_environment(environment);
    return (session = starp_open(NULL)) ? 0 : -1;
}

int fc_open_at_once(void **state)
{
    (void)state;
    return open_with("");
}

int fc_open_in_tiles(void **state)
{
    (void)state;
    return open_with("STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=3");
}

int fc_open_in_large_tiles(void **state)
{
    (void)state;
    return open_with("STARP_TILE=9000 STARP_SMALL=0 STARP_NCPU=3");
}

void fc_refused(starp_array *x, starp_status status, const char *text)
{
    assert_null(x);
    if (starp_last_status() != status || !strstr(starp_last_error(), text)) fail_msg("%s instead of \"%s\"", starp_last_error(), text);
    starp_clear_error();
}
