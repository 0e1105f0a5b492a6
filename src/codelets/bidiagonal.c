/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bidiagonal.c: a matrix, no wider than high, becomes upper bidiagonal by Householder reflections of its columns and rows in
 * turn (Golub and Van Loan, 5.4.8), in panels that leave half of the work to matrix products (Dongarra, Hammarling and
 * Sorensen, 1989). Each step wants the trailing matrix times two vectors, of which the second depends on the first. Memory
 * gives the pace, so both are found in one pass: a block of columns gives its part of the first product, thereby its part of the
 * row, and is multiplied by that while it is in the cache (Howell, Demmel, Fulton, Hammarling and Marmol, "Cache efficient
 * bidiagonalization using BLAS 2.5 operators", 2008). The reflection of a row is linear in it, so its product follows.
 * Matrix and reflections end up as LAPACK's xGEBRD leaves them.
 *
 * Names: v and u, reflections of columns and rows; y and x, what they are multiplied by in the update - v y^H - x u^H. Columns of p
 * are v x v x ..., those of q y u y u ...
 */
#include <math.h>

#include "spectral.h"

#define CACHED ((int64_t)1 << 19) /* bytes of columns that stay in the cache from one product to the next */
#define FEWEST 8                  /* columns at a time */

static int64_t columns_at_a_time(const struct sp_reduction *r)
{
    int64_t cols = CACHED / (int64_t)r->blas->item / (r->m - r->j) / FEWEST * FEWEST;
    return cols > FEWEST ? cols : FEWEST;
}

/* Some columns' part of y, and of the row as it is after the column's reflection, conjugated, in the place of u. */
static void find_row(struct sp_reduction *r, int64_t col, int64_t cols)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, i = 2 * (j - r->first);
    char *q = sp_at(r, r->q, r->n, col, 0), *y = sp_at(r, r->q, r->n, col, i), *z = sp_at(r, r->q, r->n, col, i + 1);
    const char *along = r->row, *across = sp_at(r, r->row, 0, 2 * r->width, 0);
    b->gemv('C', r->m - j, cols, 1, sp_at(r, r->a, r->lda, j, col), r->lda, sp_at(r, r->p, r->m, j, i), 0, y);
    if (i > 0) b->gemv('N', cols, i, -1, q, r->n, along, 1, y);
    b->scal(cols, b->get(sp_at(r, r->x->tau[0], 0, j, 0)), y);
    b->conjugate(cols, sp_at(r, r->a, r->lda, j, col), r->lda, z);
    b->gemv('N', cols, i + 1, -1, q, r->n, across, 1, z);
}

/* Block k: a chunk's part of row and y, and its product with the row. */
static void pass(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, step = columns_at_a_time(r), end = sp_least(r->n, j + 1 + (k + 1) * r->chunk), rest = r->m - j - 1;
    char *w = sp_at(r, r->partial, r->m, j + 1, k);
    memset(w, 0, (size_t)rest * b->item);
    for (int64_t col = j + 1 + k * r->chunk; col < end; col += step) {
        int64_t cols = sp_least(step, end - col);
        find_row(r, col, cols);
        b->gemv('N', rest, cols, 1, sp_at(r, r->a, r->lda, j + 1, col), r->lda, sp_at(r, r->q, r->n, col, 2 * (j - r->first) + 1), 1, w);
    }
}

/* Block k: a chunk's product with u. */
static void multiply(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    int64_t j = r->j, col = j + 1 + k * r->chunk, cols = sp_least(r->chunk, r->n - col);
    r->blas->gemv('N', r->m - j - 1, cols, 1, sp_at(r, r->a, r->lda, j + 1, col), r->lda, sp_at(r, r->q, r->n, col, 2 * (j - r->first) + 1), 0,
                  sp_at(r, r->partial, r->m, j + 1, k));
}

/* Block k: some columns of what lies behind the panel. */
static void update(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    int64_t row = r->first + r->width, col = row + k * SP_SPECTRAL_UPDATE, cols = sp_least(SP_SPECTRAL_UPDATE, r->n - col);
    r->dense->gemm('N', 'C', r->m - row, cols, 2 * r->width, -1, sp_at(r, r->p, r->m, row, 0), r->m, sp_at(r, r->q, r->n, col, 0), r->n, 1,
                   sp_at(r, r->a, r->lda, row, col), r->lda);
}

/* Brings column j up to date and finds its reflection; what its blocks need of p then goes to `row`. */
static void reflect_column(struct sp_reduction *r)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, i = 2 * (j - r->first), rows = r->m - j;
    char *a = sp_at(r, r->a, r->lda, j, j), *p = sp_at(r, r->p, r->m, j, 0), *v = sp_at(r, r->p, r->m, j, i);
    if (i > 0) {
        b->conjugate(i, sp_at(r, r->q, r->n, j, 0), r->n, r->row);
        b->gemv('N', rows, i, -1, p, r->m, r->row, 1, a);
    }
    b->put(sp_at(r, r->x->tau[0], 0, j, 0), b->larfg(rows, a, sp_at(r, a, 0, 1, 0)));
    b->put_real((char *)r->x->d + j * (int64_t)b->real, creal(b->get(a)));
    memcpy(v, a, (size_t)rows * b->item);
    b->put(v, 1);
    if (i > 0) b->gemv('C', rows, i, 1, p, r->m, v, 0, r->row);
    b->conjugate(i + 1, p, r->m, sp_at(r, r->row, 0, 2 * r->width, 0));
}

/* The sum of the passes' products, with the row before its reflection, becomes that with u = (row - beta e) / (alpha - beta). */
static bool product_with_u(struct sp_reduction *r, int64_t chunks, sp_scalar alpha, double beta, char *x)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, rest = r->m - j - 1, i = 2 * (j - r->first);
    bool small = fabs(beta) < b->safe; /* then the product may have lost what its digits should be */
    if (small && !r->share->run(r->share->team, chunks, multiply, r)) return false;
    sp_reduction_sum(r, chunks, j + 1, 0, sp_at(r, r->p, r->m, 0, i + 1));
    if (small) return true;
    b->axpy(rest, -beta, sp_at(r, r->a, r->lda, j + 1, j + 1), x);
    b->scal(rest, 1 / (alpha - beta), x);
    return true;
}

/* Row j and its reflection, after column j's; x. */
static bool reflect_row(struct sp_reduction *r)
{
    const struct sp_spectral_blas *b = r->blas;
    int64_t j = r->j, i = 2 * (j - r->first), rest = r->m - j - 1, cols = r->n - j - 1, chunks = sp_blocks(cols, r->chunk);
    char *u = sp_at(r, r->q, r->n, j + 1, i + 1), *x = sp_at(r, r->p, r->m, j + 1, i + 1);
    if (!r->share->run(r->share->team, chunks, pass, r)) return false;
    sp_scalar alpha = b->get(u), tau = b->larfg(cols, u, sp_at(r, u, 0, 1, 0));
    double beta = creal(b->get(u));
    b->put_real((char *)r->x->e + j * (int64_t)b->real, beta);
    b->put(sp_at(r, r->x->tau[1], 0, j, 0), tau);
    b->put(u, 1);
    if (tau == 0) memset(x, 0, (size_t)rest * b->item);
    if (tau == 0) return true;
    if (!product_with_u(r, chunks, alpha, beta, x)) return false;
    b->gemv('C', cols, i + 1, 1, sp_at(r, r->q, r->n, j + 1, 0), r->n, u, 0, r->row);
    b->gemv('N', rest, i + 1, -1, sp_at(r, r->p, r->m, j + 1, 0), r->m, r->row, 1, x);
    b->scal(rest, tau, x);
    return true;
}

/* The panel's rows get their reflections; until now products wanted them as they were. */
static void keep_rows(struct sp_reduction *r)
{
    for (int64_t col = r->first + 2; col < r->n; col++) {
        int64_t rows = sp_least(r->width, col - r->first - 1);
        r->blas->conjugate(rows, sp_at(r, r->q, r->n, col, 1), 2 * r->n, sp_at(r, r->a, r->lda, r->first, col));
    }
}

bool sp_bidiagonal(struct sp_reduction *r)
{
    struct sp_spectral *x = r->x;
    int64_t real = (int64_t)r->blas->real;
    for (r->first = 0; r->n - r->first > r->crossover; r->first += r->width) {
        for (r->j = r->first; r->j < r->first + r->width; r->j++) {
            reflect_column(r);
            if (!reflect_row(r)) return false;
        }
        if (!r->share->run(r->share->team, sp_blocks(r->n - r->j, SP_SPECTRAL_UPDATE), update, r)) return false;
        keep_rows(r);
    }
    int64_t at = r->first;
    return r->blas->brd(r->m - at, r->n - at, sp_at(r, r->a, r->lda, at, at), r->lda, (char *)x->d + at * real, (char *)x->e + at * real,
                        sp_at(r, x->tau[0], 0, at, 0), sp_at(r, x->tau[1], 0, at, 0), r->p, (r->m + r->n) * 2 * r->width) == 0;
}
