/* SPDX-License-Identifier: BSD-3-Clause */
/* spectral_blas.c: the functions of BLAS and LAPACK that eigenvalue and singular value problems are made of, as a table. */
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>

#include "spectral.h"

typedef float complex c64;
typedef double complex c128;

#define COL LAPACK_COL_MAJOR

/* Real BLAS takes scalars by value, complex BLAS by address. */
#define BY_VALUE(x) (x)
#define BY_ADDRESS(x) (&(x))

/* T elements, R their real counterparts of precision eps, p and r their letters; PER: the R in a T. */
#define VECTORS(T, R, p, PER, SCALAR, HEMV) \
    static void p##_gemv(char trans, int64_t m, int64_t n, double alpha, const void *a, int64_t lda, const void *x, double beta, void *y) \
    { \
        T f = (T)alpha, g = (T)beta; \
        cblas_##p##gemv(CblasColMajor, trans == 'N' ? CblasNoTrans : CblasConjTrans, (int)m, (int)n, SCALAR(f), a, (int)lda, x, 1, SCALAR(g), y, 1); \
    } \
    static void p##_hemv(int64_t n, const void *a, int64_t lda, const void *x, void *y) \
    { \
        T one = 1; \
        cblas_##p##HEMV(CblasColMajor, CblasLower, (int)n, SCALAR(one), a, (int)lda, x, 1, SCALAR(one), y, 1); \
    } \
    static void p##_scal(int64_t n, sp_scalar f, void *x) \
    { \
        T g = (T)f; \
        cblas_##p##scal((int)n, SCALAR(g), x, 1); \
    } \
    static void p##_axpy(int64_t n, sp_scalar f, const void *x, void *y) \
    { \
        T g = (T)f; \
        cblas_##p##axpy((int)n, SCALAR(g), x, 1, y, 1); \
    } \
    static void p##_conjugate(int64_t n, const void *x, int64_t incx, void *y) \
    { \
        const T *from = x; \
        T *to = y; \
        for (int64_t i = 0; i < n; i++) to[i] = (T)conj(from[i * incx]); \
    } \
    static sp_scalar p##_get(const void *x) \
    { \
        return *(const T *)x; \
    } \
    static void p##_put(void *x, sp_scalar f) \
    { \
        *(T *)x = (T)f; \
    } \
    static double p##_get_real(const void *x) \
    { \
        return *(const R *)x; \
    } \
    static void p##_put_real(void *x, double f) \
    { \
        *(R *)x = (R)f; \
    } \
    static void p##_widen(int64_t n, const void *x, void *y) \
    { \
        const R *from = x; \
        T *to = y; \
        for (int64_t i = 0; i < n; i++) to[i] = from[i]; \
    } \
    static double p##_largest(int64_t n, const void *x) \
    { \
        const R *v = x; \
        R most = 0, bad = 0; \
        for (int64_t i = 0; i < n * PER; i++) { \
            R size = v[i] < 0 ? -v[i] : v[i]; \
            most = size > most ? size : most; \
            bad += v[i] * 0; \
        } \
        return bad == 0 ? (double)most : NAN; \
    }

VECTORS(float, float, s, 1, BY_VALUE, symv)
VECTORS(double, double, d, 1, BY_VALUE, symv)
VECTORS(c64, float, c, 2, BY_ADDRESS, hemv)
VECTORS(c128, double, z, 2, BY_ADDRESS, hemv)

#define REAL_DOT(p) \
    static sp_scalar p##_dot(int64_t n, const void *x, const void *y) \
    { \
        return cblas_##p##dot((int)n, x, 1, y, 1); \
    }
#define COMPLEX_DOT(T, p) \
    static sp_scalar p##_dot(int64_t n, const void *x, const void *y) \
    { \
        T sum; \
        cblas_##p##dotc_sub((int)n, x, 1, y, 1, &sum); \
        return sum; \
    }
REAL_DOT(s)
REAL_DOT(d)
COMPLEX_DOT(c64, c)
COMPLEX_DOT(c128, z)

#define LAPACK(T, R, p, r, ADJOINT, SY) \
    static sp_scalar p##_larfg(int64_t n, void *alpha, void *x) \
    { \
        T tau = 0; \
        LAPACKE_##p##larfg_work((int)n, alpha, x, 1, &tau); \
        return tau; \
    } \
    static void p##_lascl(char type, double from, double to, int64_t m, int64_t n, void *a, int64_t lda) \
    { \
        LAPACKE_##p##lascl_work(COL, type, 0, 0, (R)from, (R)to, (int)m, (int)n, a, (int)lda); \
    } \
    static void p##_lascl_real(double from, double to, int64_t n, void *x) \
    { \
        LAPACKE_##r##lascl_work(COL, 'G', 0, 0, (R)from, (R)to, (int)n, 1, x, (int)n); \
    } \
    static int p##_trd(int64_t n, void *a, int64_t lda, void *d, void *e, void *tau, void *work, int64_t room) \
    { \
        return LAPACKE_##p##SY##trd_work(COL, 'L', (int)n, a, (int)lda, d, e, tau, work, (int)room); \
    } \
    static int p##_brd(int64_t m, int64_t n, void *a, int64_t lda, void *d, void *e, void *tauq, void *taup, void *work, int64_t room) \
    { \
        return LAPACKE_##p##gebrd_work(COL, (int)m, (int)n, a, (int)lda, d, e, tauq, taup, work, (int)room); \
    } \
    static void p##_larft(bool rows, int64_t n, int64_t k, const void *v, int64_t ldv, const void *tau, void *t, int64_t ldt) \
    { \
        LAPACKE_##p##larft_work(COL, 'F', rows ? 'R' : 'C', (int)n, (int)k, v, (int)ldv, tau, t, (int)ldt); \
    } \
    static void p##_larfb(bool rows, int64_t m, int64_t n, int64_t k, const void *v, int64_t ldv, const void *t, int64_t ldt, void *c, \
                          int64_t ldc, void *work) \
    { \
        LAPACKE_##p##larfb_work(COL, rows ? 'R' : 'L', rows ? ADJOINT : 'N', 'F', rows ? 'R' : 'C', (int)m, (int)n, (int)k, v, (int)ldv, t, \
                                (int)ldt, c, (int)ldc, work, (int)(rows ? m : n)); \
    }
LAPACK(float, float, s, s, 'T', sy)
LAPACK(double, double, d, d, 'T', sy)
LAPACK(c64, float, c, s, 'C', he)
LAPACK(c128, double, z, d, 'C', he)

#define SOLVERS(R, r) \
    static void r##_rot(int64_t n, void *x, void *y, double c, double s) \
    { \
        cblas_##r##rot((int)n, x, 1, y, 1, (R)c, (R)s); \
    } \
    static int r##_sterf(int64_t n, void *d, void *e) \
    { \
        return LAPACKE_##r##sterf_work((int)n, d, e); \
    } \
    static int r##_stedc(int64_t n, void *d, void *e, void *z, int64_t ldz, void *work, int64_t room, int *iwork, int64_t iroom) \
    { \
        return LAPACKE_##r##stedc_work(COL, 'I', (int)n, d, e, z, (int)ldz, work, (int)room, iwork, (int)iroom); \
    } \
    static int r##_bdsdc(bool vectors, int64_t n, void *d, void *e, void *u, int64_t ldu, void *vt, int64_t ldvt, void *work, int *iwork) \
    { \
        return LAPACKE_##r##bdsdc_work(COL, 'U', vectors ? 'I' : 'N', (int)n, d, e, u, (int)ldu, vt, (int)ldvt, NULL, NULL, work, iwork); \
    }
SOLVERS(float, s)
SOLVERS(double, d)

/* LAPACK's, but not in its headers. */
void LAPACK_GLOBAL(dlaed4, DLAED4)(const lapack_int *n, const lapack_int *i, const double *d, const double *z, double *delta, const double *rho,
                                   double *root, lapack_int *info);

int sp_secular_root(int64_t n, int64_t j, const double *pole, const double *weight, double rho, double *delta, double *root)
{
    lapack_int order = (lapack_int)n, i = (lapack_int)j + 1, info = 0;
    LAPACK_GLOBAL(dlaed4, DLAED4)(&order, &i, pole, weight, delta, &rho, root, &info);
    return info;
}

/* clang-format off */
#define ROW(T, R, p, r, eps, safe) \
    { sizeof(T), sizeof(R), eps, safe, p##_gemv, p##_hemv, p##_scal, p##_axpy, p##_dot, p##_conjugate, p##_get, p##_put, p##_get_real, p##_put_real, p##_widen, \
      p##_largest, r##_rot, p##_larfg, p##_lascl, p##_lascl_real, p##_trd, p##_brd, p##_larft, p##_larfb, r##_sterf, r##_stedc, r##_bdsdc }
/* clang-format on */

#define SAFE_F32 9.2e-13  /* sqrt(2^-126) / 2^-23, about */
#define SAFE_F64 6.8e-139 /* sqrt(2^-1022) / 2^-52 */

static const struct sp_spectral_blas table[STARP_NDTYPES] = {
    [STARP_F32] = ROW(float, float, s, s, FLT_EPSILON / 2, SAFE_F32), [STARP_F64] = ROW(double, double, d, d, DBL_EPSILON / 2, SAFE_F64),
    [STARP_C64] = ROW(c64, float, c, s, FLT_EPSILON / 2, SAFE_F32), [STARP_C128] = ROW(c128, double, z, d, DBL_EPSILON / 2, SAFE_F64),
};

const struct sp_spectral_blas *sp_spectral_blas_of(starp_dtype dtype)
{
    return &table[dtype];
}
