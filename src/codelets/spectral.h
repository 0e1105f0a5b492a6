/* SPDX-License-Identifier: BSD-3-Clause */
/* spectral.h: what the files of eigenvalue and singular value problems share. Nobody else includes it. */
#ifndef SP_SPECTRAL_H
#define SP_SPECTRAL_H

#include <complex.h>
#include <string.h>

#include "codelets.h"

typedef double complex sp_scalar; /* holds an element of every dtype */

/* ------------------------------------------------------------------------------------------------ spectral_blas.c */

/* BLAS on vectors, and LAPACK, for a dtype; vectors are contiguous, matrices column-major. */
struct sp_spectral_blas {
    size_t item, real; /* bytes of an element, and of its real part */
    double eps;        /* half the distance from 1 to the next number */
    double safe;       /* the square root of the least normal number, over the precision: what is larger has squares that count */
    void (*gemv)(char trans, int64_t m, int64_t n, double alpha, const void *a, int64_t lda, const void *x, double beta, void *y);
    void (*hemv)(int64_t n, const void *a, int64_t lda, const void *x, void *y); /* y += a x, of a's lower half */
    void (*scal)(int64_t n, sp_scalar f, void *x);
    void (*axpy)(int64_t n, sp_scalar f, const void *x, void *y);
    sp_scalar (*dot)(int64_t n, const void *x, const void *y);                 /* x^H y */
    void (*conjugate)(int64_t n, const void *x, int64_t incx, void *y);
    sp_scalar (*get)(const void *x);
    void (*put)(void *x, sp_scalar f);
    double (*get_real)(const void *x);
    void (*put_real)(void *x, double f);
    void (*widen)(int64_t n, const void *x, void *y);                          /* reals become elements */
    double (*largest)(int64_t n, const void *x);                               /* of all parts' sizes; NaN if there is one */
    void (*rot)(int64_t n, void *x, void *y, double c, double s);              /* of real vectors */
    sp_scalar (*larfg)(int64_t n, void *alpha, void *x);                       /* tau; alpha becomes beta, x the vector behind its 1 */
    void (*lascl)(char type, double from, double to, int64_t m, int64_t n, void *a, int64_t lda);
    void (*lascl_real)(double from, double to, int64_t n, void *x);
    int (*trd)(int64_t n, void *a, int64_t lda, void *d, void *e, void *tau, void *work, int64_t room);
    int (*brd)(int64_t m, int64_t n, void *a, int64_t lda, void *d, void *e, void *tauq, void *taup, void *work, int64_t room);
    void (*larft)(bool rows, int64_t n, int64_t k, const void *v, int64_t ldv, const void *tau, void *t, int64_t ldt);
    void (*larfb)(bool rows, int64_t m, int64_t n, int64_t k, const void *v, int64_t ldv, const void *t, int64_t ldt, void *c, int64_t ldc,
                  void *work); /* q c; rows: c q^H of reflections stored as rows */
    int (*sterf)(int64_t n, void *d, void *e);
    int (*stedc)(int64_t n, void *d, void *e, void *z, int64_t ldz, void *work, int64_t room, int *iwork, int64_t iroom);
    int (*bdsdc)(bool vectors, int64_t n, void *d, void *e, void *u, int64_t ldu, void *vt, int64_t ldvt, void *work, int *iwork);
};
const struct sp_spectral_blas *sp_spectral_blas_of(starp_dtype dtype);
/* Root j of 1 + rho sum of weight^2 / (pole - root), with its distances to the poles; of one or two poles: the vector instead. */
int sp_secular_root(int64_t n, int64_t j, const double *pole, const double *weight, double rho, double *delta, double *root);

/* ------------------------------------------------------------------------------- spectral.c and its parts */

/* A reduction under way, by panels of `width` reflections: the trailing matrix is a - p q^H, applied at the panel's end. */
struct sp_reduction {
    struct sp_spectral *x;
    const struct sp_spectral_blas *blas;
    const struct sp_dense *dense;
    const struct sp_share *share;
    int64_t m, n, lda;
    int64_t width, crossover; /* LAPACK goes on where fewer columns than that are left */
    int64_t chunk;            /* columns that are multiplied as one block */
    int64_t first, j;         /* columns: the panel's first, the one under way */
    char *a, *p, *q;          /* p: m x 2 width, q: n x 2 width */
    char *partial;            /* results of chunks, m each */
    char *row;                /* 4 width */
};

#define SP_SPECTRAL_UPDATE 128 /* columns of a trailing matrix that are updated as one block */

static inline char *sp_at(const struct sp_reduction *r, char *matrix, int64_t ld, int64_t i, int64_t j)
{
    return matrix + (j * ld + i) * (int64_t)r->blas->item;
}

static inline int64_t sp_blocks(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

static inline int64_t sp_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* y[from, m) becomes the sum of the first n partial results; that of chunk k begins at from + k step. */
void sp_reduction_sum(struct sp_reduction *r, int64_t n, int64_t from, int64_t step, char *y);
/* Whether it came to its end. */
bool sp_tridiagonal(struct sp_reduction *r);
bool sp_bidiagonal(struct sp_reduction *r);
/* divide.c: eigenvalues and vectors of x's tridiagonal matrix, into d and real[0]; as sp_spectral_solve. */
int sp_divide_and_conquer(const struct sp_spectral *x, const struct sp_share *share);

#endif
