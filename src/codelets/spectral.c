/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spectral.c: eigenvalues of Hermitian matrices and singular values, as LAPACK's drivers by divide and conquer go about it: the
 * matrix is scaled if its squares could overflow or vanish, reduced to condensed form, that is solved, and the vectors are
 * multiplied by the reflections, in blocks (compact WY: Schreiber and Van Loan 1989).
 */
#include <math.h>

#include "spectral.h"

#define WIDTH 32      /* reflections of a panel, */
#define CHUNK 128     /* columns multiplied as one block, */
#define CROSSOVER 192 /* columns left to LAPACK: */
#define SCAN 64       /* columns looked through as one block */

static bool is_symmetric(const struct sp_spectral *x)
{
    return x->call == SP_CALL_eigh || x->call == SP_CALL_eigvalsh;
}

/* All that depends on STARP_PANEL: small ones cut small matrices as large ones are. */
static void choose_widths(struct sp_reduction *r)
{
    int64_t panel = r->x->panel;
    r->width = sp_least(WIDTH, panel);
    r->chunk = sp_least(CHUNK, 4 * r->width);
    r->crossover = CROSSOVER * r->width / WIDTH;
    if (r->crossover < r->width + 2) r->crossover = r->width + 2;
    if (sp_blocks(r->n, r->chunk) > CHUNK) r->chunk = sp_blocks(r->n, CHUNK); /* or there would be much to sum up */
}

static int64_t block_width(const struct sp_spectral *x)
{
    return sp_least(SP_SPECTRAL_BLOCK, 2 * x->panel);
}

size_t sp_spectral_scratch(const struct sp_spectral *x)
{
    struct sp_reduction r = { .x = (struct sp_spectral *)(uintptr_t)x, .n = x->n };
    choose_widths(&r);
    int64_t elements = (x->m + x->n) * 2 * r.width + sp_blocks(x->n, r.chunk) * x->m + 4 * r.width;
    return (size_t)elements * (size_t)sp_dtypes[x->dtype].size + (size_t)sp_blocks(x->n, SCAN) * sizeof(double) + 64;
}

/* ------------------------------------------------------------------------------------------------------- reduction */

void sp_reduction_sum(struct sp_reduction *r, int64_t n, int64_t from, int64_t step, char *y)
{
    memcpy(sp_at(r, y, 0, from, 0), sp_at(r, r->partial, r->m, from, 0), (size_t)(r->m - from) * r->blas->item);
    for (int64_t k = 1; k < n; k++) {
        int64_t begin = from + k * step;
        r->blas->axpy(r->m - begin, 1, sp_at(r, r->partial, r->m, begin, k), sp_at(r, y, 0, begin, 0));
    }
}

/* Block k: the largest element of some columns. */
static void scan(void *arg, int64_t k)
{
    struct sp_reduction *r = arg;
    double *most = (double *)(void *)r->partial + k;
    *most = 0;
    for (int64_t j = k * SCAN; j < sp_least(r->n, (k + 1) * SCAN); j++) {
        int64_t first = is_symmetric(r->x) ? j : 0;
        double size = r->blas->largest(r->m - first, sp_at(r, r->a, r->lda, first, j));
        *most = size > *most || isnan(size) ? size : *most;
        if (isnan(size)) return;
    }
}

/* Brings the matrix where products of its elements are numbers; what cannot be. */
static int scale(struct sp_reduction *r)
{
    struct sp_spectral *x = r->x;
    double most = 0, least = r->blas->safe;
    if (!r->share->run(r->share->team, sp_blocks(r->n, SCAN), scan, r)) return SP_SPECTRAL_ABANDONED;
    for (int64_t k = 0; k < sp_blocks(r->n, SCAN); k++) {
        double size = ((double *)(void *)r->partial)[k];
        if (!isfinite(size)) return SP_WHOLE_NOT_FINITE;
        most = size > most ? size : most;
    }
    x->norm = most > 0 && (most < least || most > 1 / least) ? most : 0;
    if (x->norm > 0) r->blas->lascl(is_symmetric(x) ? 'L' : 'G', x->norm, most < least ? least : 1 / least, r->m, r->n, r->a, r->lda);
    return 0;
}

int sp_spectral_reduce(struct sp_spectral *x, const struct sp_share *share, void *scratch)
{
    struct sp_reduction r = { .x = x, .blas = sp_spectral_blas_of(x->dtype), .dense = sp_dense_of(x->dtype), .share = share, .m = x->m, .n = x->n,
                              .lda = x->m, .a = x->a };
    choose_widths(&r);
    r.p = scratch;
    r.q = sp_at(&r, r.p, r.m, 0, 2 * r.width);
    r.row = sp_at(&r, r.q, r.n, 0, 2 * r.width);
    r.partial = sp_at(&r, r.row, 0, 4 * r.width, 0);
    int info = scale(&r);
    if (info) return info;
    return (is_symmetric(x) ? sp_tridiagonal(&r) : sp_bidiagonal(&r)) ? 0 : SP_SPECTRAL_ABANDONED;
}

/* ------------------------------------------------------------------------------------------------- condensed forms */

static int solve_tridiagonal(const struct sp_spectral *x, const struct sp_spectral_blas *b, const struct sp_share *share)
{
    return x->call == SP_CALL_eigvalsh ? b->sterf(x->n, x->d, x->e) : sp_divide_and_conquer(x, share);
}

static int solve_bidiagonal(const struct sp_spectral *x, const struct sp_spectral_blas *b)
{
    bool vectors = x->call == SP_CALL_svd;
    int64_t n = x->n, ldu = x->real[0] == x->vectors[0] ? x->m : n;
    void *work = sp_malloc((size_t)((vectors ? 3 * n * n : 0) + 4 * n) * b->real + 16);
    int *iwork = sp_malloc((size_t)(8 * n) * sizeof *iwork);
    int info = work && iwork ? b->bdsdc(vectors, n, x->d, x->e, x->real[0], ldu, x->real[1], n, work, iwork) : SP_WHOLE_NO_MEMORY;
    sp_free(work);
    sp_free(iwork);
    return info;
}

int sp_spectral_solve(struct sp_spectral *x, const struct sp_share *share)
{
    const struct sp_spectral_blas *b = sp_spectral_blas_of(x->dtype);
    int info = is_symmetric(x) ? solve_tridiagonal(x, b, share) : solve_bidiagonal(x, b);
    if (info == 0 && x->norm > 0) b->lascl_real(x->norm < b->safe ? b->safe : 1 / b->safe, x->norm, x->n, x->d);
    return info;
}

/* --------------------------------------------------------------------------------------------------------- vectors */

/* The k-th block of reflections of a side: how many there are, how long, where. */
struct block {
    int64_t at, count, length;
    char *v, *t, *tau;
    bool rows;
};

static struct block block_of(const struct sp_spectral *x, const struct sp_spectral_blas *b, int side, int64_t k)
{
    int64_t width = block_width(x), shift = is_symmetric(x) || side == 1, total = x->n - shift, item = (int64_t)b->item;
    struct block k_th = { .at = k * width + shift, .rows = side == 1 };
    k_th.count = sp_least(width, total - k * width);
    k_th.length = (side == 1 ? x->n : x->m) - k_th.at;
    int64_t row = side == 1 ? k * width : k_th.at, col = side == 1 ? k_th.at : k * width;
    k_th.v = (char *)x->a + (col * x->m + row) * item;
    k_th.tau = (char *)x->tau[side] + k * width * item;
    k_th.t = (char *)x->t[side] + k * width * width * item;
    return k_th;
}

static int64_t count_blocks(const struct sp_spectral *x, int side)
{
    return sp_blocks(x->n - (is_symmetric(x) || side == 1), block_width(x));
}

void sp_spectral_block(struct sp_spectral *x, int side)
{
    const struct sp_spectral_blas *b = sp_spectral_blas_of(x->dtype);
    for (int64_t k = 0; k < count_blocks(x, side); k++) {
        struct block o = block_of(x, b, side, k);
        b->larft(o.rows, o.length, o.count, o.v, x->m, o.tau, o.t, block_width(x));
    }
}

/* The condensed form's vectors among those that belong to side, as elements; none of them has what the matrix is longer by. */
static void begin_vectors(struct sp_spectral *x, const struct sp_spectral_blas *b, int side, int64_t first, int64_t count)
{
    int64_t rows = side == 0 ? x->m : count, from = side == 0 ? 0 : first, begin = side == 0 ? first : 0, end = side == 0 ? first + count : x->n;
    int64_t ld = side == 0 ? x->m : x->n, known = side == 0 ? x->n : rows;
    bool same = x->real[side] == x->vectors[side];
    for (int64_t j = begin; j < end; j++) {
        char *to = (char *)x->vectors[side] + (j * ld + from) * (int64_t)b->item;
        const char *z = (const char *)x->real[side] + (j * x->n + from) * (int64_t)b->real;
        if (j < x->n && !same) b->widen(known, z, to);
        int64_t zeros = j < x->n ? known : 0;
        memset(to + zeros * (int64_t)b->item, 0, (size_t)(rows - zeros) * b->item);
        if (j >= x->n) b->put(to + j * (int64_t)b->item, 1);
    }
}

void sp_spectral_apply(struct sp_spectral *x, int side, int64_t first, int64_t count, void *scratch)
{
    const struct sp_spectral_blas *b = sp_spectral_blas_of(x->dtype);
    int64_t item = (int64_t)b->item, ld = side == 0 ? x->m : x->n;
    begin_vectors(x, b, side, first, count);
    for (int64_t k = count_blocks(x, side) - 1; k >= 0; k--) {
        struct block o = block_of(x, b, side, k);
        char *c = (char *)x->vectors[side] + (side == 0 ? first * ld + o.at : o.at * ld + first) * item;
        b->larfb(o.rows, o.rows ? count : o.length, o.rows ? o.length : count, o.count, o.v, x->m, o.t, block_width(x), c, ld, scratch);
    }
}
