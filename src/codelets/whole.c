/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * whole.c: operations of linear algebra on one matrix that fits a task, by LAPACK's drivers. Complex numbers come from a
 * second pass over what real eigenproblems give in pairs.
 */
#include <complex.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "codelets.h"

typedef float complex c64;
typedef double complex c128;

#define COL LAPACK_COL_MAJOR
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define QR_WORK 64 /* columns at a time that LAPACK may want */

/* Whether all are numbers: LAPACK's iterations need not end otherwise. */
#define FINITE(R, p) \
    static bool p##_finite(const void *a, int64_t n) \
    { \
        const R *x = a; \
        for (int64_t i = 0; i < n; i++) { \
            if (!isfinite(x[i])) return false; \
        } \
        return true; \
    }
FINITE(float, s)
FINITE(double, d)

/* LAPACK's pivots from 0, the order that the rows end in, and where each of them ends. */
static void list_pivots(struct sp_whole *x)
{
    int64_t *pivot = x->out[1], *order = x->out[2], *place = x->out[3], least = MIN(x->m, x->n);
    for (int64_t i = 0; i < x->m; i++) order[i] = i;
    for (int64_t i = 0; i < least; i++) {
        int64_t row = x->pivot[i] - 1, other = order[row];
        pivot[i] = row;
        order[row] = order[i];
        order[i] = other;
    }
    for (int64_t i = 0; i < x->m; i++) place[order[i]] = i;
}

/* The same of the half of a Hermitian matrix that is read. */
#define HALF_FINITE(T, p, r, PER) \
    static bool p##_half_finite(const T *a, int64_t n, bool upper) \
    { \
        bool good = true; \
        for (int64_t j = 0; j < n && good; j++) good = r##_finite(a + j * n + (upper ? 0 : j), (upper ? j + 1 : n - j) * PER); \
        return good; \
    }
HALF_FINITE(float, s, s, 1)
HALF_FINITE(double, d, d, 1)
HALF_FINITE(c64, c, s, 2)
HALF_FINITE(c128, z, d, 2)

/* The vectors beside no singular values, when all of them are wanted. */
#define IDENTITY(T, p) \
    static void p##_identity(T *a, int64_t n) \
    { \
        for (int64_t i = 0; i < n * n; i++) a[i] = i % (n + 1) == 0; \
    }
IDENTITY(float, s)
IDENTITY(double, d)
IDENTITY(c64, c)
IDENTITY(c128, z)

/* What is the same for real and complex matrices: T elements, R their real counterparts, r the letter of R, PER the R in a T. */
#define COMMON(T, R, p, r, PER, UN, SY) \
    static int p##_solve(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        if (n == 0) return 0; \
        int info = LAPACKE_##p##getrf_work(COL, (int)n, (int)n, x->in[0], (int)n, x->pivot); \
        if (info || x->k == 0) return info; \
        return LAPACKE_##p##getrs_work(COL, 'N', (int)n, (int)x->k, x->in[0], (int)n, x->pivot, x->in[1], (int)n); \
    } \
    static int p##_lu(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n; \
        if (m > 0 && n > 0) LAPACKE_##p##getrf_work(COL, (int)m, (int)n, x->in[0], (int)m, x->pivot); \
        list_pivots(x); \
        return 0; \
    } \
    static int p##_triangular(struct sp_whole *x) \
    { \
        const struct sp_dense *d = sp_dense_of(x->dtype); \
        if (x->m > 0) \
            d->trsm('L', x->option[0] ? 'L' : 'U', 'N', x->option[1] ? 'U' : 'N', x->m, x->k, x->in[0], x->m, x->in[1], x->m); \
        return 0; \
    } \
    static int p##_cholesky(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        T *a = x->in[0]; \
        for (int64_t j = 1; j < n; j++) memset(a + j * n, 0, (size_t)j * sizeof *a); \
        return n ? LAPACKE_##p##potrf_work(COL, 'L', (int)n, a, (int)n) : 0; \
    } \
    static int p##_qr(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n, k = MIN(m, n), cols = x->option[0] == SP_QR_COMPLETE ? m : k; \
        T *a = x->in[0], *q = x->out[0], *rr = x->out[1], *tau = x->tau, *work = tau + k; \
        int size = (int)((cols > n ? cols : n) * QR_WORK); \
        memset(rr, 0, (size_t)(cols * n) * sizeof *rr); \
        int info = k ? LAPACKE_##p##geqrf_work(COL, (int)m, (int)n, a, (int)m, tau, work, size) : 0; \
        for (int64_t j = 0; j < n; j++) memcpy(rr + j * cols, a + j * m, (size_t)MIN(j + 1, k) * sizeof *rr); \
        memset(q, 0, (size_t)(m * cols) * sizeof *q); \
        memcpy(q, a, (size_t)(m * k) * sizeof *q); \
        if (info == 0 && cols > 0) info = LAPACKE_##p##UN##gqr_work(COL, (int)m, (int)cols, (int)k, q, (int)m, tau, work, size); \
        return info; \
    } \
    static int p##_svd(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n, k = MIN(m, n); \
        if (!r##_finite(x->in[0], m * n * PER)) return SP_WHOLE_NOT_FINITE; \
        if (k == 0 && x->call == SP_CALL_svd && x->option[0]) p##_identity(x->out[0], m), p##_identity(x->out[2], n); \
        if (k == 0) return 0; \
        if (x->call == SP_CALL_svdvals) { \
            return LAPACKE_##p##gesdd(COL, 'N', (int)m, (int)n, x->in[0], (int)m, x->out[0], NULL, 1, NULL, 1); \
        } \
        return LAPACKE_##p##gesdd(COL, x->option[0] ? 'A' : 'S', (int)m, (int)n, x->in[0], (int)m, x->out[1], x->out[0], (int)m, \
                                  x->out[2], (int)(x->option[0] ? n : k)); \
    } \
    static int p##_eigh(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        bool vectors = x->call == SP_CALL_eigh; \
        if (!p##_half_finite(x->in[0], n, x->option[0])) return SP_WHOLE_NOT_FINITE; \
        if (n == 0) return 0; \
        int info = LAPACKE_##p##SY##evd(COL, vectors ? 'V' : 'N', x->option[0] ? 'U' : 'L', (int)n, x->in[0], (int)n, x->out[0]); \
        if (vectors) memcpy(x->out[1], x->in[0], (size_t)(n * n) * sizeof(T)); \
        return info; \
    } \
    static int p##_lstsq(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n, k = x->k, ldb = m > n ? m : n; \
        R rcond = (R)x->rcond; \
        int rank = 0, info = 0; \
        T *b = x->in[1]; \
        R *residual = x->out[1]; \
        if (k == 0) memset(b, 0, (size_t)ldb * sizeof *b); /* there is a column all the same, and gelsd wants one */ \
        for (int64_t j = 0; j < k; j++) memset(b + j * ldb + m, 0, (size_t)(ldb - m) * sizeof *b); \
        if (!r##_finite(x->in[0], m * n * PER) || !r##_finite(b, ldb * k * PER)) return SP_WHOLE_NOT_FINITE; \
        if (m && n) info = LAPACKE_##p##gelsd(COL, (int)m, (int)n, k ? (int)k : 1, x->in[0], (int)m, b, (int)ldb, x->out[3], rcond, &rank); \
        for (int64_t j = 0; j < k; j++) { \
            R sum = 0; \
            for (int64_t i = n; i < m; i++) sum += (R)(creal(b[j * ldb + i]) * creal(b[j * ldb + i]) + cimag(b[j * ldb + i]) * cimag(b[j * ldb + i])); \
            residual[j] = sum; \
        } \
        if (m == 0 || n == 0) memset(b, 0, (size_t)(ldb * k) * sizeof *b); \
        *(int64_t *)x->out[2] = rank; \
        return info; \
    }

COMMON(float, float, s, s, 1, or, sy)
COMMON(double, double, d, d, 1, or, sy)
COMMON(c64, float, c, s, 2, un, he)
COMMON(c128, double, z, d, 2, un, he)

/* Eigenvalues of a real matrix come as real and imaginary parts, vectors of a conjugate pair as real and imaginary columns. */
#define REAL_EIG(R, C, p) \
    static int p##_eig(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        bool vectors = x->call == SP_CALL_eig; \
        R *re = x->tau, *im = re + n, *v = im + n; \
        C *w = x->out[0], *u = vectors ? x->out[1] : NULL; \
        if (!p##_finite(x->in[0], n * n)) return SP_WHOLE_NOT_FINITE; \
        int info = n ? LAPACKE_##p##geev(COL, 'N', vectors ? 'V' : 'N', (int)n, x->in[0], (int)n, re, im, NULL, 1, v, (int)n) : 0; \
        for (int64_t j = 0; j < n; j++) w[j] = re[j] + I * im[j]; \
        for (int64_t j = 0; j < n && vectors; j++) { \
            bool pair = im[j] != 0 && j + 1 < n; \
            for (int64_t i = 0; i < n; i++) { \
                R a = v[j * n + i], b = pair ? v[(j + 1) * n + i] : 0; \
                u[j * n + i] = a + I * b; \
                if (pair) u[(j + 1) * n + i] = a - I * b; \
            } \
            j += pair; \
        } \
        return info; \
    }
REAL_EIG(float, c64, s)
REAL_EIG(double, c128, d)

#define COMPLEX_EIG(p, r) \
    static int p##_eig(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        bool vectors = x->call == SP_CALL_eig; \
        if (!r##_finite(x->in[0], 2 * n * n)) return SP_WHOLE_NOT_FINITE; \
        if (n == 0) return 0; \
        return LAPACKE_##p##geev(COL, 'N', vectors ? 'V' : 'N', (int)n, x->in[0], (int)n, x->out[0], NULL, 1, \
                                 vectors ? x->out[1] : NULL, (int)n); \
    }
COMPLEX_EIG(c, s)
COMPLEX_EIG(z, d)

typedef int whole_fn(struct sp_whole *x);

#define ROW(p) \
    { \
        [SP_CALL_lu] = p##_lu, [SP_CALL_solve] = p##_solve, [SP_CALL_triangular] = p##_triangular, [SP_CALL_cholesky] = p##_cholesky, [SP_CALL_qr] = p##_qr, \
        [SP_CALL_svd] = p##_svd, [SP_CALL_svdvals] = p##_svd, [SP_CALL_eigh] = p##_eigh, [SP_CALL_eigvalsh] = p##_eigh, \
        [SP_CALL_eig] = p##_eig, [SP_CALL_eigvals] = p##_eig, [SP_CALL_lstsq] = p##_lstsq, \
    }

static whole_fn *const table[STARP_NDTYPES][SP_CALLS_COUNT] = {
    [STARP_F32] = ROW(s), [STARP_F64] = ROW(d), [STARP_C64] = ROW(c), [STARP_C128] = ROW(z),
};

int sp_whole_run(struct sp_whole *x)
{
    int info = table[x->dtype][x->call](x);
    return info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR ? SP_WHOLE_NO_MEMORY : info;
}

size_t sp_whole_scratch(enum sp_call call, starp_dtype dtype, int32_t option, int64_t m, int64_t n)
{
    size_t item = sp_dtypes[dtype].size, least = (size_t)MIN(m, n), side = (size_t)m, cols = (size_t)n;
    switch (call) {
    case SP_CALL_lu:
    case SP_CALL_solve: return side * sizeof(int32_t) + 64;
    case SP_CALL_qr:
        if (option == SP_QR_COMPLETE && side > cols) cols = side; /* of Q or of the matrix: never its rows as such */
        return (least + cols * QR_WORK) * item + 64;
    case SP_CALL_eig:
    case SP_CALL_eigvals: return (2 + (call == SP_CALL_eig ? side : 0)) * side * item + 64;
    default: return 64;
    }
}
