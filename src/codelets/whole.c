/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * whole.c: operations of linear algebra on one matrix that fits a task, by LAPACK's drivers. Arrays are row-major, LAPACK's
 * matrices column-major, so LAPACK sees transposes; where the transpose will do, nothing is transposed: A^T = conj(V) s U^T, a
 * Hermitian matrix becomes its conjugate with the other half, and conj(A) = L L^H gives A = conj(L) conj(L)^H.
 * Complex numbers come from a second pass over what real eigenproblems give in pairs.
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
#define QR_WORK 64   /* columns at a time that LAPACK may want */
#define SMALL_LU 128 /* LAPACK is not faster up to that order */

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

/* Whether LU factorization is a kernel's. */
static bool is_small_lu(const struct sp_whole *x)
{
    return x->lu && x->lu->factor && x->m <= SMALL_LU && x->n <= SMALL_LU && (x->call == SP_CALL_lu || x->call == SP_CALL_solve);
}

static int solve_small(struct sp_whole *x)
{
    size_t n = (size_t)x->m;
    int info = x->lu->factor(n, n, x->in[0], n, x->pivot);
    if (info == 0) x->lu->solve(n, (size_t)x->k, x->in[0], n, x->pivot, x->in[1]);
    return info;
}

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

/*
 * LAPACK's drivers with the workspace of x, or, where its sizes are -1, what these should be; the extents are positive. Singular
 * vectors change places, see above. Complex drivers have real workspace beside theirs.
 */
#define WORK_REAL x->work, x->lwork
#define WORK_COMPLEX x->work, x->lwork, x->rwork
#define MORE_REAL x->work, x->lwork, x->iwork, x->liwork
#define MORE_COMPLEX x->work, x->lwork, x->rwork, (int)x->lrwork, x->iwork, x->liwork
#define DRIVERS(R, p, KIND, SY) \
    static int p##_gesdd(struct sp_whole *x) \
    { \
        int m = (int)x->n, n = (int)x->m, k = MIN(m, n); \
        bool vectors = x->call == SP_CALL_svd; \
        return LAPACKE_##p##gesdd_work(COL, vectors ? x->option[0] ? 'A' : 'S' : 'N', m, n, x->in[0], m, x->out[vectors], x->out[2], m, \
                                       x->out[vectors ? 0 : 2], x->option[0] ? n : k, WORK_##KIND, x->iwork); \
    } \
    static int p##_evd(struct sp_whole *x) \
    { \
        int n = (int)x->m; \
        return LAPACKE_##p##SY##evd_work(COL, x->call == SP_CALL_eigh ? 'V' : 'N', x->option[0] ? 'L' : 'U', n, x->in[0], n, x->out[0], \
                                         MORE_##KIND); \
    } \
    static int p##_gelsd(struct sp_whole *x) \
    { \
        int m = (int)x->m, n = (int)x->n, k = x->k ? (int)x->k : 1; \
        return LAPACKE_##p##gelsd_work(COL, m, n, k, x->in[0], m, x->in[1], m > n ? m : n, x->out[3], (R)x->rcond, &x->rank, \
                                       WORK_##KIND, x->iwork); \
    }
DRIVERS(float, s, REAL, sy)
DRIVERS(double, d, REAL, sy)
DRIVERS(float, c, COMPLEX, he)
DRIVERS(double, z, COMPLEX, he)

#define REAL_GEEV(R, p) \
    static int p##_geev(struct sp_whole *x) \
    { \
        int n = (int)x->m; \
        R *re = x->tau, *im = re + n, *v = im + n; \
        return LAPACKE_##p##geev_work(COL, 'N', x->call == SP_CALL_eig ? 'V' : 'N', n, x->in[0], n, re, im, NULL, 1, v, n, WORK_REAL); \
    }
REAL_GEEV(float, s)
REAL_GEEV(double, d)

#define COMPLEX_GEEV(p) \
    static int p##_geev(struct sp_whole *x) \
    { \
        int n = (int)x->m; \
        bool vectors = x->call == SP_CALL_eig; \
        return LAPACKE_##p##geev_work(COL, 'N', vectors ? 'V' : 'N', n, x->in[0], n, x->out[0], NULL, 1, x->out[1], n, WORK_COMPLEX); \
    }
COMPLEX_GEEV(c)
COMPLEX_GEEV(z)

/* What is the same for real and complex matrices: T elements, R their real counterparts, r the letter of R, PER the R in a T. */
#define COMMON(T, R, p, r, PER, UN, SY) \
    static int p##_solve(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        if (n == 0) return 0; \
        if (is_small_lu(x)) return solve_small(x); \
        int info = LAPACKE_##p##getrf_work(COL, (int)n, (int)n, x->in[0], (int)n, x->pivot); \
        if (info || x->k == 0) return info; \
        return LAPACKE_##p##getrs_work(COL, 'N', (int)n, (int)x->k, x->in[0], (int)n, x->pivot, x->in[1], (int)n); \
    } \
    static int p##_lu(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n; \
        if (is_small_lu(x)) x->lu->factor((size_t)m, (size_t)n, x->in[0], (size_t)n, x->pivot); \
        else if (m > 0 && n > 0) LAPACKE_##p##getrf_work(COL, (int)m, (int)n, x->in[0], (int)m, x->pivot); \
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
        bool lower = !x->option[0]; \
        T *a = x->in[0]; \
        for (int64_t i = 0; i < n; i++) memset(a + i * n + (lower ? i + 1 : 0), 0, (size_t)(lower ? n - i - 1 : i) * sizeof *a); \
        return n ? LAPACKE_##p##potrf_work(COL, lower ? 'U' : 'L', (int)n, a, (int)n) : 0; \
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
        return k ? p##_gesdd(x) : 0; \
    } \
    static int p##_eigh(struct sp_whole *x) \
    { \
        int64_t n = x->m; \
        if (!p##_half_finite(x->in[0], n, !x->option[0])) return SP_WHOLE_NOT_FINITE; \
        int info = n ? p##_evd(x) : 0; \
        R *v = x->in[0]; \
        for (int64_t i = 1; i < n * n * PER && PER == 2 && x->call == SP_CALL_eigh; i += 2) v[i] = -v[i]; /* of conj(A): conj(V) */ \
        return info; \
    } \
    static int p##_lstsq(struct sp_whole *x) \
    { \
        int64_t m = x->m, n = x->n, k = x->k, ldb = m > n ? m : n; \
        int info = 0; \
        T *b = x->in[1]; \
        R *residual = x->out[1]; \
        if (k == 0) memset(b, 0, (size_t)ldb * sizeof *b); /* there is a column all the same, and gelsd wants one */ \
        for (int64_t j = 0; j < k; j++) memset(b + j * ldb + m, 0, (size_t)(ldb - m) * sizeof *b); \
        if (!r##_finite(x->in[0], m * n * PER) || !r##_finite(b, ldb * k * PER)) return SP_WHOLE_NOT_FINITE; \
        x->rank = 0; \
        if (m && n) info = p##_gelsd(x); \
        for (int64_t j = 0; j < k; j++) { \
            R sum = 0; \
            for (int64_t i = n; i < m; i++) sum += (R)(creal(b[j * ldb + i]) * creal(b[j * ldb + i]) + cimag(b[j * ldb + i]) * cimag(b[j * ldb + i])); \
            residual[j] = sum; \
        } \
        if (m == 0 || n == 0) memset(b, 0, (size_t)(ldb * k) * sizeof *b); \
        *(int64_t *)x->out[2] = x->rank; \
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
        int info = n ? p##_geev(x) : 0; \
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
        if (!r##_finite(x->in[0], 2 * n * n)) return SP_WHOLE_NOT_FINITE; \
        return n ? p##_geev(x) : 0; \
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

void sp_whole_explain(enum sp_call call, int info, const char *which, char *text, size_t size)
{
    const char *name = sp_calls[call].name;
    if (info == SP_WHOLE_NOT_FINITE) {
        snprintf(text, size, "%s: the matrix has infinite or NaN elements%s", name, which);
    } else if (info == SP_WHOLE_NO_MEMORY) {
        snprintf(text, size, "%s: no memory for LAPACK's workspace", name);
    } else if (info < 0) {
        snprintf(text, size, "%s: LAPACK refuses argument %d%s", name, -info, which);
    } else if (call == SP_CALL_solve) {
        snprintf(text, size, "%s: the matrix is singular: U(%d,%d)%s is exactly zero", name, info, info, which);
    } else if (call == SP_CALL_cholesky) {
        snprintf(text, size, "%s: the matrix is not positive definite: its leading minor of order %d%s is not positive", name, info, which);
    } else {
        snprintf(text, size, "%s: LAPACK does not converge: %d values are not found%s", name, info, which);
    }
}

bool sp_whole_by_rows(const struct sp_whole *x, bool result)
{
    switch (x->call) {
    case SP_CALL_lu:
    case SP_CALL_solve: return is_small_lu(x);
    case SP_CALL_eigh: return !result;
    case SP_CALL_eigvalsh:
    case SP_CALL_cholesky:
    case SP_CALL_svd:
    case SP_CALL_svdvals: return true;
    default: return false;
    }
}

int sp_whole_over(enum sp_call call)
{
    switch (call) {
    case SP_CALL_eigh: return 1;
    case SP_CALL_lu:
    case SP_CALL_solve:
    case SP_CALL_triangular:
    case SP_CALL_cholesky:
    case SP_CALL_lstsq: return 0;
    default: return -1;
    }
}

#define DRIVER_ROW(p) \
    { \
        [SP_CALL_svd] = p##_gesdd, [SP_CALL_svdvals] = p##_gesdd, [SP_CALL_eigh] = p##_evd, [SP_CALL_eigvalsh] = p##_evd, \
        [SP_CALL_eig] = p##_geev, [SP_CALL_eigvals] = p##_geev, [SP_CALL_lstsq] = p##_gelsd, \
    }

static whole_fn *const drivers[STARP_NDTYPES][SP_CALLS_COUNT] = {
    [STARP_F32] = DRIVER_ROW(s), [STARP_F64] = DRIVER_ROW(d), [STARP_C64] = DRIVER_ROW(c), [STARP_C128] = DRIVER_ROW(z),
};

/* A size that LAPACK returns as a number of the dtype, which may have been rounded down. */
static int counted(starp_dtype dtype, const void *number)
{
    bool single = sp_dtype_real(dtype) == STARP_F32;
    double n = single ? nextafterf(*(const float *)number, INFINITY) : *(const double *)number;
    return n < INT32_MAX ? (int)n : INT32_MAX;
}

/* Sizes of a driver's workspace; what it does not say by itself is in its manual. */
static void ask_driver(struct sp_whole *x, whole_fn *driver)
{
    double work[2] = { 0 }, rwork[2] = { 0 }, tau[1];
    int iwork[2] = { 0 };
    int64_t least = MIN(x->m, x->n), most = x->m > x->n ? x->m : x->n;
    struct sp_whole asked = *x;
    asked.work = work;
    asked.rwork = rwork;
    asked.iwork = iwork;
    asked.tau = tau;
    asked.lwork = asked.lrwork = asked.liwork = -1;
    driver(&asked);
    x->lwork = counted(x->dtype, work);
    x->lrwork = counted(x->dtype, rwork);
    x->liwork = iwork[0];
    if (x->call == SP_CALL_svd || x->call == SP_CALL_svdvals) {
        int64_t a = 5 * least + 7, b = 2 * most + 2 * least + 1;
        x->lrwork = sp_dtypes[x->dtype].cls != SP_CLASS_C ? 0 : least * (x->call == SP_CALL_svdvals ? 7 : a > b ? a : b);
        x->liwork = (int)(8 * least);
    }
    if (x->call == SP_CALL_eig || x->call == SP_CALL_eigvals) x->lrwork = 2 * least;
}

/* Elements of scratch beside a driver's workspace. */
static int64_t beside(const struct sp_whole *x)
{
    int64_t least = MIN(x->m, x->n), cols = x->n;
    switch (x->call) {
    case SP_CALL_lu:
    case SP_CALL_solve: return x->m;
    case SP_CALL_qr:
        if (x->option[0] == SP_QR_COMPLETE && x->m > cols) cols = x->m; /* of Q or of the matrix: never its rows as such */
        return least + cols * QR_WORK;
    case SP_CALL_eig:
    case SP_CALL_eigvals: return (2 + (x->call == SP_CALL_eig ? x->m : 0)) * x->m;
    default: return 0;
    }
}

static size_t lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

void sp_whole_plan(struct sp_whole *x)
{
    whole_fn *driver = drivers[x->dtype][x->call];
    x->lwork = x->lrwork = x->liwork = 0;
    if (driver && x->m > 0 && x->n > 0) ask_driver(x, driver);
    x->beside = lines((size_t)beside(x) * sp_dtypes[x->dtype].size);
    x->bytes = x->beside + lines((size_t)x->lwork * sp_dtypes[x->dtype].size) + lines((size_t)x->lrwork * sizeof(double)) +
               lines((size_t)x->liwork * sizeof(int)) + 64;
}

void sp_whole_place(struct sp_whole *x, void *scratch)
{
    char *at = scratch;
    x->tau = at;
    x->pivot = scratch;
    x->work = at += x->beside;
    x->rwork = at += lines((size_t)x->lwork * sp_dtypes[x->dtype].size);
    x->iwork = (void *)(at + lines((size_t)x->lrwork * sizeof(double)));
}
