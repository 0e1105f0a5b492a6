/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dense.c: BLAS and LAPACK on column-major matrices, one table of functions for each dtype they know, and a plain matrix
 * product for integers, which wrap as everywhere.
 */
#include <cblas.h>
#include <complex.h>
#include <lapacke.h>

#include "codelets.h"

typedef float complex c64;
typedef double complex c128;

static CBLAS_TRANSPOSE trans_of(char t)
{
    return t == 'N' ? CblasNoTrans : t == 'T' ? CblasTrans : CblasConjTrans;
}

/* Real BLAS takes scalars by value, complex BLAS by address. */
#define BY_VALUE(x) (x)
#define BY_ADDRESS(x) (&(x))

#define BLAS(T, p, SCALAR, ADJOINT, RANK_K) \
    static void p##_gemm(char ta, char tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b, \
                         int64_t ldb, double beta, void *c, int64_t ldc) \
    { \
        T x = (T)alpha, y = (T)beta; \
        cblas_##p##gemm(CblasColMajor, trans_of(ta), trans_of(tb), (int)m, (int)n, (int)k, SCALAR(x), a, (int)lda, b, (int)ldb, \
                        SCALAR(y), c, (int)ldc); \
    } \
    static void p##_trsm(char side, char uplo, char trans, char diag, int64_t m, int64_t n, const void *a, int64_t lda, void *b, \
                         int64_t ldb) \
    { \
        T one = 1; \
        cblas_##p##trsm(CblasColMajor, side == 'L' ? CblasLeft : CblasRight, uplo == 'L' ? CblasLower : CblasUpper, trans_of(trans), \
                        diag == 'U' ? CblasUnit : CblasNonUnit, (int)m, (int)n, SCALAR(one), a, (int)lda, b, (int)ldb); \
    } \
    static void p##_herk(int64_t n, int64_t k, const void *a, int64_t lda, void *c, int64_t ldc) \
    { \
        cblas_##p##RANK_K(CblasColMajor, CblasLower, CblasNoTrans, (int)n, (int)k, -1, a, (int)lda, 1, c, (int)ldc); \
    } \
    static int p##_getrf(int64_t m, int64_t n, void *a, int64_t lda, int32_t *pivot) \
    { \
        return LAPACKE_##p##getrf_work(LAPACK_COL_MAJOR, (int)m, (int)n, a, (int)lda, pivot); \
    } \
    static int p##_potrf(char uplo, int64_t n, void *a, int64_t lda) \
    { \
        return LAPACKE_##p##potrf_work(LAPACK_COL_MAJOR, uplo, (int)n, a, (int)lda); \
    } \
    static int p##_trtri(char uplo, char diag, int64_t n, void *a, int64_t lda) \
    { \
        return LAPACKE_##p##trtri_work(LAPACK_COL_MAJOR, uplo, diag, (int)n, a, (int)lda); \
    } \
    static const T p##_one = 1; \
    static int p##_geqrt(int64_t m, int64_t n, void *a, int64_t lda, void *t, void *work) \
    { \
        int64_t nb = m < n ? m : n; \
        return LAPACKE_##p##geqrt_work(LAPACK_COL_MAJOR, (int)m, (int)n, (int)nb, a, (int)lda, t, (int)n, work); \
    } \
    static void p##_gemqrt(bool adjoint, int64_t m, int64_t n, int64_t k, const void *v, int64_t ldv, const void *t, int64_t ldt, \
                           void *c, int64_t ldc, void *work) \
    { \
        LAPACKE_##p##gemqrt_work(LAPACK_COL_MAJOR, 'L', adjoint ? ADJOINT : 'N', (int)m, (int)n, (int)k, (int)k, v, (int)ldv, t, \
                                 (int)ldt, c, (int)ldc, work); \
    }

BLAS(float, s, BY_VALUE, 'T', syrk)
BLAS(double, d, BY_VALUE, 'T', syrk)
BLAS(c64, c, BY_ADDRESS, 'C', herk)
BLAS(c128, z, BY_ADDRESS, 'C', herk)

/* Column by column, so that the innermost loop goes along memory; the order of additions does not matter to integers. */
#define INTEGERS(T, name) \
    static void name##_gemm(char ta, char tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, \
                            const void *b, int64_t ldb, double beta, void *c, int64_t ldc) \
    { \
        const T *x = a, *y = b, sign = (T)(int)alpha; \
        (void)ta; \
        (void)tb; \
        for (int64_t j = 0; j < n; j++) { \
            T *z = (T *)c + j * ldc; \
            for (int64_t i = 0; i < m && beta == 0; i++) z[i] = 0; \
            for (int64_t l = 0; l < k; l++) { \
                T f = (T)(sign * y[j * ldb + l]); \
                for (int64_t i = 0; i < m; i++) z[i] = (T)(z[i] + f * x[l * lda + i]); \
            } \
        } \
    }

INTEGERS(uint8_t, u8)
INTEGERS(uint32_t, u32)
INTEGERS(uint64_t, u64)

/* Two factors of 16 bits may overflow an int. */
static void u16_gemm(char ta, char tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b,
                     int64_t ldb, double beta, void *c, int64_t ldc)
{
    const uint16_t *x = a, *y = b;
    uint32_t sign = (uint32_t)(int)alpha;
    (void)ta;
    (void)tb;
    for (int64_t j = 0; j < n; j++) {
        uint16_t *z = (uint16_t *)c + j * ldc;
        for (int64_t i = 0; i < m && beta == 0; i++) z[i] = 0;
        for (int64_t l = 0; l < k; l++) {
            uint32_t f = sign * y[j * ldb + l];
            for (int64_t i = 0; i < m; i++) z[i] = (uint16_t)(z[i] + f * x[l * lda + i]);
        }
    }
}

#define ROW(T, p) { sizeof(T), &p##_one, p##_gemm, p##_trsm, p##_herk, p##_getrf, p##_potrf, p##_trtri, p##_geqrt, p##_gemqrt }

static const struct sp_dense table[STARP_NDTYPES] = {
    [STARP_F32] = ROW(float, s), [STARP_F64] = ROW(double, d), [STARP_C64] = ROW(c64, c), [STARP_C128] = ROW(c128, z),
    [STARP_I8] = { .item = 1, .gemm = u8_gemm }, [STARP_U8] = { .item = 1, .gemm = u8_gemm }, [STARP_I16] = { .item = 2, .gemm = u16_gemm }, [STARP_U16] = { .item = 2, .gemm = u16_gemm },
    [STARP_I32] = { .item = 4, .gemm = u32_gemm }, [STARP_U32] = { .item = 4, .gemm = u32_gemm }, [STARP_I64] = { .item = 8, .gemm = u64_gemm }, [STARP_U64] = { .item = 8, .gemm = u64_gemm },
};

const struct sp_dense *sp_dense_of(starp_dtype dtype)
{
    return table[dtype].gemm ? &table[dtype] : NULL;
}

int sp_dense_threads(int n)
{
    int before = openblas_get_num_threads();
    openblas_set_num_threads(n);
    return before;
}
