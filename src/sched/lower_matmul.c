/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_matmul.c: c = a b. A task per tile of c adds up the products of a row of a's tiles and a column of b's, in order.
 * Ranks own columns of c and b, and all get a; or rows of c and a, and all get b, when c has few columns. Small matrices of a
 * stack are multiplied whole, many of them in a task.
 */
#include "call.h"

#define TILE_K 512 /* columns of a, rows of b, multiplied at a time */

struct product {
    struct sp_task task;
    const struct sp_dense *dense;
    int64_t stack, m, n, k, ldb, ldc;
    int64_t step_a, step_b, step_c; /* bytes from one matrix of a stack to the next */
    char *b, *c;
    int nk;
    struct {
        char *a;
        int64_t k, lda;
    } part[];
};

static int multiply(struct sp_task *task, void *scratch)
{
    struct product *t = (struct product *)task;
    (void)scratch;
    int64_t at = 0, item = t->dense->item;
    for (int64_t s = 0; s < t->stack && t->m > 0 && t->n > 0; s++) {
        at = 0;
        for (int i = 0; i < t->nk; i++) {
            t->dense->gemm('N', 'N', t->m, t->n, t->part[i].k, 1, t->part[i].a + s * t->step_a, t->part[i].lda,
                           t->b + s * t->step_b + at * item, t->ldb, i > 0, t->c + s * t->step_c, t->ldc);
            at += t->part[i].k;
        }
    }
    return SP_KERNEL_OK;
}

struct factors {
    struct sp_matrix a, b, c;
};

static starp_status submit_tile(struct sp_calling *c, const struct factors *f, int64_t batch, int64_t row, int64_t col)
{
    int64_t tile = sp_matrix_tile(&f->c, batch, row, col), tile_b = sp_matrix_tile(&f->b, batch, 0, col), item = c->dense->item;
    if (!sp_is_mine(c->run->sched, sp_matrix_owner(&f->c, tile))) return STARP_OK;
    int nk = (int)f->a.ncol;
    struct product *t = sp_call_task(c, sizeof *t + (size_t)nk * sizeof t->part[0], nk + 2, "multiply", multiply);
    if (!t) return sp_fail_memory(c->e);
    struct sp_slot *to = f->c.value->slot[tile], *b = f->b.value->slot[tile_b];
    t->dense = c->dense;
    t->m = sp_matrix_tile_rows(&f->c, row);
    t->n = sp_matrix_tile_cols(&f->c, col);
    t->stack = sp_matrix_stack(&f->c, tile);
    t->ldb = sp_matrix_ld(&f->b, 0);
    t->ldc = sp_matrix_ld(&f->c, row);
    t->step_a = f->a.rows * f->a.cols * item; /* used in stacks only, where matrices are whole */
    t->step_b = f->b.rows * f->b.cols * item;
    t->step_c = f->c.rows * f->c.cols * item;
    t->b = b->data;
    t->c = to->data;
    t->nk = nk;
    sp_call_depend(c, &t->task, to, 2);
    sp_call_depend(c, &t->task, b, 1);
    for (int k = 0; k < nk; k++) {
        struct sp_slot *a = f->a.value->slot[sp_matrix_tile(&f->a, batch, row, k)];
        t->part[k].a = a->data;
        t->part[k].k = sp_matrix_tile_cols(&f->a, k);
        t->part[k].lda = sp_matrix_ld(&f->a, row);
        sp_call_depend(c, &t->task, a, 1);
    }
    return sp_call_submit(c, &t->task);
}

/* Larger tiles are faster by themselves, more of them keep more workers busy. */
static void choose_tiles(int64_t m, int64_t n, int64_t *rows, int64_t *cols)
{
    bool large = m * n >= (int64_t)1 << 23, small = m * n < (int64_t)1 << 20;
    *rows = large ? 1024 : small ? 256 : 512;
    *cols = large ? 512 : 256;
}

static starp_status lower_tiles(struct sp_calling *c, struct factors *f, int64_t tile_m, int64_t tile_n, int64_t tile_k)
{
    int64_t m = c->extent[0][0], k = c->extent[0][1], n = c->extent[1][1];
    starp_dtype d = (starp_dtype)c->node->dtype;
    bool columns = (n + tile_n - 1) / tile_n >= c->run->sched->ranks || m <= tile_m, stacked = tile_m >= m && tile_n >= n && tile_k >= k;
    enum sp_dealt own = columns ? SP_DEALT_COLUMNS : SP_DEALT_ROWS;
    SP_TRY(sp_matrix_new(c, &f->a, d, m, k, tile_m, tile_k, columns && !stacked ? SP_DEALT_NOT : own));
    SP_TRY(sp_matrix_new(c, &f->b, d, k, n, k, tile_n, columns || stacked ? own : SP_DEALT_NOT));
    SP_TRY(sp_matrix_new(c, &f->c, d, m, n, tile_m, tile_n, own));
    SP_TRY(sp_matrix_load(c, &f->a, 0, false));
    SP_TRY(sp_matrix_load(c, &f->b, 1, false));
    for (int64_t batch = 0; batch < f->c.nbatch; batch++) {
        for (int64_t col = 0; col < f->c.ncol; col++) {
            for (int64_t row = 0; row < f->c.nrow; row++) SP_TRY(submit_tile(c, f, batch, row, col));
        }
    }
    return sp_matrix_store(c, &f->c, 0, false);
}

starp_status sp_lower_matmul(struct sp_calling *c)
{
    struct factors f;
    int64_t m = c->extent[0][0], k = c->extent[0][1], n = c->extent[1][1], rows, cols;
    bool whole = (double)(m > 0 ? m : 1) * (double)(n > 0 ? n : 1) * (double)(k > 0 ? k : 1) <= 1 << 21;
    choose_tiles(m, n, &rows, &cols);
    sp_call_stack(c, whole ? (m * n > m * k ? m * n : m * k) : INT64_MAX);
    if (whole) return lower_tiles(c, &f, m, n > 0 ? n : 1, k);
    sp_call_deal(c, m, n, cols);
    return lower_tiles(c, &f, rows, cols, TILE_K);
}
