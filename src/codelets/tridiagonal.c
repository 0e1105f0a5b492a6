/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tridiagonal.c: a Hermitian matrix, given by its lower half, becomes tridiagonal by Householder reflections from both sides
 * (Golub and Van Loan, 8.3.1), in panels that leave half of the work to matrix products (Dongarra, Hammarling and Sorensen,
 * "Block reduction of matrices to condensed forms for eigenvalue computations", 1989). Each column wants the trailing matrix
 * times a vector: that is half of the work, and as much as memory gives, so it is shared, as are the updates; what is left
 * goes over two panels in the cache. Matrix and reflections end up as LAPACK's xSYTRD leaves them.
 */
#include "spectral.h"

#define PIECE 128 /* rows of a chunk's columns that are multiplied twice, plain and adjoint, while they are in the cache */

/* Block k: the product with columns of the trailing matrix, and with what lies opposite of them, from the diagonal on. */
static void multiply(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    const struct sp_spectral_blas *b = r->blas;
    int64_t begin = r->j + 1, col = begin + k * r->chunk, cols = sp_least(r->chunk, r->n - col), i = 2 * (r->j - r->first);
    char *y = sp_at(r, r->partial, r->m, 0, k), *v = sp_at(r, r->p, r->m, 0, i);
    memset(sp_at(r, y, 0, col, 0), 0, (size_t)(r->n - col) * b->item);
    b->hemv(cols, sp_at(r, r->a, r->lda, col, col), r->lda, sp_at(r, v, 0, col, 0), sp_at(r, y, 0, col, 0));
    for (int64_t row = col + cols; row < r->n; row += PIECE) {
        int64_t rows = sp_least(PIECE, r->n - row);
        const char *a = sp_at(r, r->a, r->lda, row, col);
        b->gemv('N', rows, cols, 1, a, r->lda, sp_at(r, v, 0, col, 0), 1, sp_at(r, y, 0, row, 0));
        b->gemv('C', rows, cols, 1, a, r->lda, sp_at(r, v, 0, row, 0), 1, sp_at(r, y, 0, col, 0));
    }
}

/* Block k: some columns of what lies behind the panel. What is above the diagonal nobody looks at. */
static void update(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    int64_t col = r->first + r->width + k * SP_SPECTRAL_UPDATE, cols = sp_least(SP_SPECTRAL_UPDATE, r->n - col);
    r->dense->gemm('N', 'C', r->n - col, cols, 2 * r->width, -1, sp_at(r, r->p, r->m, col, 0), r->m, sp_at(r, r->q, r->n, col, 0), r->n, 1,
                   sp_at(r, r->a, r->lda, col, col), r->lda);
}

/* Brings column j up to date, finds its reflection, and keeps that as columns of p and q. */
static void reflect(struct sp_reduction *r)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, i = 2 * (j - r->first), rest = r->n - j - 1;
    char *diagonal = sp_at(r, r->a, r->lda, j, j), *below = sp_at(r, r->a, r->lda, j + 1, j), *v = sp_at(r, r->p, r->m, j + 1, i);
    if (i > 0) {
        b->conjugate(i, sp_at(r, r->q, r->n, j, 0), r->n, r->row);
        b->gemv('N', rest + 1, i, -1, sp_at(r, r->p, r->m, j, 0), r->m, r->row, 1, diagonal);
    }
    double d = creal(b->get(diagonal));
    b->put(diagonal, d);
    b->put_real((char *)r->x->d + j * (int64_t)b->real, d);
    b->put(sp_at(r, r->x->tau[0], 0, j, 0), b->larfg(rest, below, sp_at(r, below, 0, 1, 0)));
    b->put_real((char *)r->x->e + j * (int64_t)b->real, creal(b->get(below)));
    memcpy(v, below, (size_t)rest * b->item);
    b->put(v, 1);
    memcpy(sp_at(r, r->q, r->n, j + 1, i + 1), v, (size_t)rest * b->item);
}

/* What the reflection v changes is - v w^H - w v^H: w, from the trailing matrix as it was before the panel. */
static bool find_update(struct sp_reduction *r)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, i = 2 * (j - r->first), rest = r->n - j - 1, chunks = sp_blocks(rest, r->chunk);
    char *v = sp_at(r, r->p, r->m, j + 1, i), *w = sp_at(r, r->p, r->m, j + 1, i + 1);
    sp_scalar tau = b->get(sp_at(r, r->x->tau[0], 0, j, 0));
    if (!r->share->run(r->share->team, chunks, multiply, r)) return false;
    sp_reduction_sum(r, chunks, j + 1, r->chunk, sp_at(r, r->p, r->m, 0, i + 1));
    if (i > 0) {
        b->gemv('C', rest, i, 1, sp_at(r, r->q, r->n, j + 1, 0), r->n, v, 0, r->row);
        b->gemv('N', rest, i, -1, sp_at(r, r->p, r->m, j + 1, 0), r->m, r->row, 1, w);
    }
    b->scal(rest, tau, w);
    b->axpy(rest, -0.5 * tau * b->dot(rest, w, v), v, w);
    memcpy(sp_at(r, r->q, r->n, j + 1, i), w, (size_t)rest * b->item);
    return true;
}

bool sp_tridiagonal(struct sp_reduction *r)
{
    struct sp_spectral *x = r->x;
    int64_t real = (int64_t)r->blas->real;
    for (r->first = 0; r->n - r->first > r->crossover; r->first += r->width) {
        for (r->j = r->first; r->j < r->first + r->width; r->j++) {
            reflect(r);
            if (!find_update(r)) return false;
        }
        if (!r->share->run(r->share->team, sp_blocks(r->n - r->j, SP_SPECTRAL_UPDATE), update, r)) return false;
    }
    int64_t at = r->first;
    return r->blas->trd(r->n - at, sp_at(r, r->a, r->lda, at, at), r->lda, (char *)x->d + at * real, (char *)x->e + at * real,
                        sp_at(r, x->tau[0], 0, at, 0), r->p, r->m * 2 * r->width) == 0;
}
