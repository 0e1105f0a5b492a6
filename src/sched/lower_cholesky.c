/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_cholesky.c: Cholesky factorization, right-looking by block columns (Golub and Van Loan, 4.2.9): a task factors a
 * panel and solves with its triangle, a task per later block column subtracts the product of two pieces of the panel.
 */
#include <string.h>

#include "call.h"

#define AHEAD 8  /* panels until the memory of one may serve another, which then waits for those who read it */
#define PANELS 2 /* panels in a block column: products are faster with more columns, panels with fewer */
#define BLOCK 32 /* order of the triangles that BLAS solves with */

static void fail_not_positive(const struct sp_column_task *t, int64_t order)
{
    char text[200], of[48] = "";
    if (t->nbatch > 1) snprintf(of, sizeof of, " of matrix %lld", (long long)t->batch);
    snprintf(text, sizeof text, "linalg_cholesky: the matrix is not positive definite: its leading minor of order %lld%s is not positive",
             (long long)order, of);
    sp_run_fail(t->task.run, STARP_ERR_COMPUTE, t->task.site, text);
}

/* Solves x L^H = b in place, L of order n, b of m rows. Halved down to what BLAS is no slower at than at products. */
static void solve_right(const struct sp_dense *d, int64_t m, int64_t n, const char *l, int64_t ldl, char *b, int64_t ldb)
{
    if (n <= BLOCK) {
        d->trsm('R', 'L', 'C', 'N', m, n, l, ldl, b, ldb);
        return;
    }
    int64_t half = (n / 2 + BLOCK - 1) / BLOCK * BLOCK, rest = n - half;
    char *right = b + half * ldb * d->item;
    solve_right(d, m, half, l, ldl, b, ldb);
    d->gemm('N', 'C', m, rest, half, -1, b, ldb, l + half * d->item, ldl, 1, right, ldb);
    solve_right(d, m, rest, l + half * (ldl + 1) * d->item, ldl, right, ldb);
}

/* The panel is copied to where others read it: its block column is worked on meanwhile. */
static int factor(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_dense *d = t->dense;
    char *top = t->column - t->row * d->item, *below = t->column + t->cols * d->item, *copy = t->panel->with;
    (void)scratch;
    if (!sp_columns_are_good(t)) return SP_KERNEL_OK;
    for (int64_t j = 0; j < t->cols; j++) memset(top + j * t->ld * d->item, 0, (size_t)((t->row + j) * d->item));
    int info = d->potrf('L', t->cols, t->column, t->ld);
    if (info > 0) {
        fail_not_positive(t, t->row + info);
        return SP_KERNEL_OK;
    }
    if (t->rows > t->cols) solve_right(d, t->rows - t->cols, t->cols, t->column, t->ld, below, t->ld);
    for (int64_t j = 0; j < t->cols; j++) memcpy(copy + j * t->rows * d->item, t->column + j * t->ld * d->item, (size_t)(t->rows * d->item));
    sp_panel_done(t);
    return SP_KERNEL_OK;
}

/* The columns from their diagonal on; the panel begins `listed` rows above it. */
static int update(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_dense *d = t->dense;
    int64_t ld = t->rows + t->listed;
    const char *l = (const char *)t->panel->with + t->listed * d->item, *below = l + t->cols * d->item;
    (void)scratch;
    if (!sp_panel_is_good(t)) return SP_KERNEL_OK;
    d->herk(t->cols, t->width, l, ld, t->column, t->ld);
    if (t->rows > t->cols) d->gemm('N', 'C', t->rows - t->cols, t->cols, t->width, -1, below, ld, l, ld, 1, t->column + t->cols * d->item, t->ld);
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

struct cholesky {
    struct sp_calling *c;
    struct sp_matrix a;
    int64_t batch, width, npanel; /* width: of a panel */
    struct sp_panel *panel;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t panel_cols(const struct cholesky *f, int64_t k)
{
    return least(f->width, f->a.cols - k * f->width);
}

/* A task of panel k on columns [first, last) of the matrix, which are of one block column, from their diagonal on. */
static struct sp_column_task *column_task(struct cholesky *f, int64_t first, int64_t last, int64_t k, const char *name,
                                          int (*perform)(struct sp_task *, void *))
{
    int64_t col = first / f->a.tile_cols;
    struct sp_column_task *t = sp_column_task(f->c, &f->a, f->batch, col, first, name, perform);
    if (!t) return NULL;
    t->panel = &f->panel[k];
    t->width = panel_cols(f, k);
    t->listed = first - k * f->width;
    t->cols = last - first;
    t->column += (first - col * f->a.tile_cols) * t->ld * t->dense->item;
    return t;
}

static starp_status make_panel(struct cholesky *f, int64_t k)
{
    struct sp_panel *p = &f->panel[k];
    int64_t first = k * f->width, cols = panel_cols(f, k);
    *p = (struct sp_panel){ .row = first, .bytes = (size_t)((f->a.rows - first) * cols * f->c->dense->item), .made = true };
    SP_TRY(sp_panel_begin(f->c, &f->a, f->batch, first / f->a.tile_cols, p));
    if (!p->mine) return STARP_OK;
    struct sp_column_task *t = column_task(f, first, first + cols, k, "factor", factor);
    if (!t) return f->c->e->status;
    t->task.priority += 2;
    sp_call_depend(f->c, &t->task, p->extra, 2);
    SP_TRY(sp_call_submit(f->c, &t->task));
    return sp_panel_send(f->c, &f->a, p);
}

/* What is right of panel k: the rest of its block column, and the others. */
static starp_status update_columns(struct cholesky *f, int64_t k)
{
    for (int64_t first = k * f->width + panel_cols(f, k), last; first < f->a.cols; first = last) {
        int64_t col = first / f->a.tile_cols;
        last = least((col + 1) * f->a.tile_cols, f->a.cols);
        if (!sp_column_is_mine(f->c, &f->a, f->batch, col)) continue;
        struct sp_column_task *t = column_task(f, first, last, k, "update", update);
        if (!t) return f->c->e->status;
        t->task.priority += first % f->a.tile_cols > 0;
        sp_panel_read(f->c, &t->task, t->panel);
        SP_TRY(sp_call_submit(f->c, &t->task));
    }
    return STARP_OK;
}

static starp_status submit_tasks(struct cholesky *f)
{
    for (int64_t k = 0; k < f->npanel; k++) {
        SP_TRY(make_panel(f, k));
        SP_TRY(update_columns(f, k));
        if (k >= AHEAD) sp_panel_end(f->c, &f->panel[k - AHEAD]);
    }
    return STARP_OK;
}

/* One matrix of the batch. */
static starp_status lower_matrix(struct cholesky *f)
{
    f->panel = sp_run_keep(f->c->run, (size_t)f->npanel * sizeof *f->panel);
    if (!f->panel) return sp_fail_memory(f->c->e);
    starp_status status = submit_tasks(f);
    for (int64_t k = 0; k < f->npanel; k++) sp_panel_end(f->c, &f->panel[k]);
    return status;
}

starp_status sp_lower_cholesky(struct sp_calling *c)
{
    struct cholesky f = { .c = c, .width = SP_OPTION(&c->run->sched->options, panel) };
    int32_t upper;
    memcpy(&upper, c->node->param, sizeof upper);
    SP_TRY(sp_matrix_columns(c, &f.a, 0, PANELS * f.width, upper));
    f.npanel = (f.a.cols + f.width - 1) / f.width;
    for (; f.batch < f.a.nbatch; f.batch++) SP_TRY(lower_matrix(&f));
    return sp_matrix_store(c, &f.a, 0, upper);
}
