/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_lu.c: LU factorization with partial pivoting, and solving by it. Right-looking by block columns (Golub and Van Loan,
 * "Matrix Computations", 3.2.11): a task factors a panel, whole columns of one rank, so that pivots are found locally and do
 * not depend on ranks; a task per later block column swaps its rows, solves with the panel's triangle and subtracts the
 * product. Block columns that come next go first (lookahead). Right-hand sides are updated as columns are; what is left of
 * solving is the substitution with U.
 */
#include <string.h>

#include "engine.h"

struct lu {
    struct sp_calling *c;
    struct sp_matrix a, b;
    bool solves;
    int64_t batch, npanel;
    struct sp_panel *panel;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ------------------------------------------------------------------------------------------------------------ tasks */

static void fail_singular(const struct sp_column_task *t, int64_t i)
{
    char text[160], of[48] = "";
    if (t->nbatch > 1) snprintf(of, sizeof of, " of matrix %lld", (long long)t->batch);
    snprintf(text, sizeof text, "linalg_solve: the matrix is singular: U(%lld,%lld)%s is exactly zero", (long long)i, (long long)i, of);
    sp_run_fail(t->task.run, STARP_ERR_COMPUTE, t->task.site, text);
}

static int factor(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    (void)scratch;
    int info = t->dense->getrf(t->rows, t->cols, t->column, t->ld, t->out);
    if (info > 0 && t->option) fail_singular(t, t->row + info);
    return SP_KERNEL_OK;
}

/* Where another rank has failed, its panels arrive all the same, with anything in them. */
static bool pivots_fit(const int32_t *pivot, int64_t n, int64_t rows)
{
    for (int64_t i = 0; i < n; i++) {
        if (pivot[i] < 1 || pivot[i] > rows) return false;
    }
    return true;
}

static int update(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_dense *d = t->dense;
    const struct sp_panel *p = t->panel;
    const char *l = p->data + (t->row - p->row) * d->item;
    (void)scratch;
    if (!pivots_fit(p->with, t->width, t->rows)) return SP_KERNEL_OK;
    d->laswp(t->cols, t->column, t->ld, 1, t->width, p->with);
    d->trsm('L', 'L', 'N', 'U', t->width, t->cols, l, p->ld, t->column, t->ld);
    if (t->rows > t->width) {
        d->gemm('N', 'N', t->rows - t->width, t->cols, t->width, -1, l + t->width * d->item, p->ld, t->column, t->ld, 1,
                t->column + t->width * d->item, t->ld);
    }
    return SP_KERNEL_OK;
}

/* A column left of a panel takes part in its swaps, too. */
static int swap(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    (void)scratch;
    if (pivots_fit(t->panel->with, t->width, t->rows)) t->dense->laswp(t->cols, t->column, t->ld, 1, t->width, t->panel->with);
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

static starp_status make_panel(struct lu *f, int64_t k)
{
    struct sp_panel *p = &f->panel[k];
    int64_t row = k * f->a.tile_cols;
    SP_TRY(sp_panel_begin(f->c, &f->a, f->batch, k, f->solves ? 0 : row, (size_t)f->a.tile_cols * sizeof(int32_t), p));
    if (!p->mine) return STARP_OK;
    struct sp_column_task *t = sp_column_task(f->c, &f->a, f->batch, k, row, "factor", factor);
    if (!t) return f->c->e->status;
    t->out = p->with;
    t->option = f->solves;
    t->task.priority++;
    sp_call_depend(f->c, &t->task, p->extra, 2);
    SP_TRY(sp_call_submit(f->c, &t->task));
    return sp_panel_send(f->c, &f->a, p);
}

static starp_status update_columns(struct lu *f, const struct sp_matrix *m, int64_t first, int64_t k)
{
    int64_t row = k * f->a.tile_cols;
    for (int64_t col = first; col < m->ncol; col++) {
        if (!sp_column_is_mine(f->c, m, f->batch, col)) continue;
        struct sp_column_task *t = sp_column_task(f->c, m, f->batch, col, row, "update", update);
        if (!t) return f->c->e->status;
        t->panel = &f->panel[k];
        t->width = least(f->panel[k].cols, t->rows);
        sp_panel_read(f->c, &t->task, t->panel);
        SP_TRY(sp_call_submit(f->c, &t->task));
    }
    return STARP_OK;
}

static starp_status swap_columns(struct lu *f)
{
    for (int64_t col = 0; col + 1 < f->npanel; col++) {
        if (!sp_column_is_mine(f->c, &f->a, f->batch, col)) continue;
        for (int64_t k = col + 1; k < f->npanel; k++) {
            struct sp_column_task *t = sp_column_task(f->c, &f->a, f->batch, col, k * f->a.tile_cols, "swap", swap);
            if (!t) return f->c->e->status;
            t->panel = &f->panel[k];
            t->width = least(f->panel[k].cols, t->rows);
            sp_panel_read_extra(f->c, &t->task, t->panel);
            SP_TRY(sp_call_submit(f->c, &t->task));
        }
    }
    return STARP_OK;
}

/* One matrix of the batch. */
static starp_status lower_matrix(struct lu *f)
{
    f->panel = sp_run_keep(f->c->run, (size_t)f->npanel * sizeof *f->panel);
    if (!f->panel) return sp_fail_memory(f->c->e);
    for (int64_t k = 0; k < f->npanel; k++) {
        SP_TRY(make_panel(f, k));
        SP_TRY(update_columns(f, &f->a, k + 1, k));
        if (f->solves) SP_TRY(update_columns(f, &f->b, 0, k));
    }
    return f->solves ? sp_substitute(f->c, f->panel, f->npanel, &f->b, f->batch, false, false) : swap_columns(f);
}

static void end_panels(struct lu *f)
{
    for (int64_t k = 0; f->panel && k < f->npanel; k++) sp_panel_end(f->c, &f->panel[k]);
    f->panel = NULL;
}

/* ----------------------------------------------------------------------------------------------- pivots as results */

struct pivot_task {
    struct sp_task task;
    const struct sp_panel *panel;
    int64_t width, least, rows;
    int64_t *pivot, *order;
};

/* From 0, and as the order that the rows end in. */
static int list_pivots(struct sp_task *task, void *scratch)
{
    struct pivot_task *t = (struct pivot_task *)task;
    (void)scratch;
    for (int64_t i = 0; i < t->rows; i++) t->order[i] = i;
    for (int64_t i = 0; i < t->least; i++) {
        int64_t k = i / t->width, row = k * t->width + ((const int32_t *)t->panel[k].with)[i - k * t->width] - 1;
        if (row < 0 || row >= t->rows) return SP_KERNEL_OK; /* as pivots_fit */
        int64_t other = t->order[row];
        t->pivot[i] = row;
        t->order[row] = t->order[i];
        t->order[i] = other;
    }
    return SP_KERNEL_OK;
}

static starp_status keep_pivots(struct lu *f, const struct sp_matrix *pivot, const struct sp_matrix *order)
{
    int64_t tile = sp_matrix_tile(order, f->batch, 0, 0);
    if (!sp_is_mine(f->c->run->sched, sp_matrix_owner(order, tile))) return STARP_OK;
    struct sp_slot *none = pivot->value->ntile ? pivot->value->slot[tile] : NULL;
    struct pivot_task *t = sp_call_task(f->c, sizeof *t, (int)f->npanel + 2, "pivots", list_pivots);
    if (!t) return sp_fail_memory(f->c->e);
    t->panel = f->panel;
    t->width = f->a.tile_cols;
    t->least = least(f->a.rows, f->a.cols);
    t->rows = f->a.rows;
    t->pivot = none ? none->data : NULL;
    t->order = order->value->slot[tile]->data;
    if (none) sp_call_depend(f->c, &t->task, none, 2);
    sp_call_depend(f->c, &t->task, order->value->slot[tile], 2);
    for (int64_t k = 0; k < f->npanel; k++) sp_panel_read_extra(f->c, &t->task, &f->panel[k]);
    return sp_call_submit(f->c, &t->task);
}

/* ------------------------------------------------------------------------------------------------------ the calls */

static void count_panels(struct lu *f)
{
    f->npanel = (least(f->a.rows, f->a.cols) + f->a.tile_cols - 1) / f->a.tile_cols;
}

starp_status sp_lower_lu(struct sp_calling *c)
{
    struct lu f = { .c = c };
    struct sp_matrix pivot, order;
    int64_t m = c->extent[0][0], n = c->extent[0][1];
    SP_TRY(sp_matrix_columns(c, &f.a, 0, false));
    count_panels(&f);
    SP_TRY(sp_matrix_new(c, &pivot, STARP_I64, least(m, n), 1, m, 1, SP_DEALT_COLUMNS));
    SP_TRY(sp_matrix_new(c, &order, STARP_I64, m, 1, m, 1, SP_DEALT_COLUMNS));
    starp_status status = STARP_OK;
    for (; f.batch < order.nbatch && status == STARP_OK; f.batch++) {
        status = lower_matrix(&f);
        if (status == STARP_OK) status = keep_pivots(&f, &pivot, &order);
        end_panels(&f);
    }
    if (status == STARP_OK) status = sp_matrix_store(c, &f.a, 0, false);
    if (status == STARP_OK) status = sp_matrix_store(c, &pivot, 1, false);
    return status == STARP_OK ? sp_matrix_store(c, &order, 2, false) : status;
}

starp_status sp_lower_solve(struct sp_calling *c)
{
    struct lu f = { .c = c, .solves = true };
    SP_TRY(sp_matrix_columns(c, &f.a, 0, false));
    SP_TRY(sp_matrix_columns(c, &f.b, 1, false));
    count_panels(&f);
    starp_status status = STARP_OK;
    for (; f.batch < f.b.nbatch && status == STARP_OK; f.batch++) {
        status = lower_matrix(&f);
        end_panels(&f);
    }
    return status == STARP_OK ? sp_matrix_store(c, &f.b, 0, false) : status;
}
