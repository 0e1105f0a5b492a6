/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_lu.c: LU factorization with partial pivoting, and solving by it. Right-looking by block columns (Golub and Van Loan,
 * "Matrix Computations", 3.2.11): a task factors a panel, whole columns of one rank, so that pivots are found locally and do
 * not depend on ranks; a task per later block column swaps its rows, solves with the panel's triangle and subtracts the
 * product. Block columns that come next go first (lookahead). Right-hand sides are updated as columns are; what is left of
 * solving is the substitution with U.
 */
#include <string.h>

#include "call.h"

#define AHEAD 8  /* panels until the memory of one may serve another, which then waits for those who read it */
#define PANELS 2 /* panels in a block column: products are faster with more columns, panels with fewer */

struct sp_lu {
    struct sp_calling *c;
    struct sp_matrix a, b;
    bool solves, keeps;           /* keeps: panels stay, for right-hand sides to come; then a singular matrix is no error */
    int64_t batch, width, npanel; /* width: of a panel */
    struct sp_panel *panel, *u;   /* u: block columns of U */
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

/* The panel is copied to where others read it: its block column is worked on meanwhile. */
static int factor_panel(const struct sp_column_task *t, void *scratch)
{
    int64_t item = t->dense->item;
    char *with = t->panel->with, *copy = with + sp_lu_bytes(t->dense, t->cols);
    int info = sp_lu_factor(t->dense, t->rows, t->cols, t->column, t->ld, with, scratch);
    for (int64_t j = 0; j < t->cols; j++) memcpy(copy + j * t->rows * item, t->column + j * t->ld * item, (size_t)(t->rows * item));
    return info;
}

static int factor(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    if (!sp_columns_are_good(t)) return SP_KERNEL_OK;
    int info = t->tournament ? sp_tournament_end(t->tournament) : factor_panel(t, scratch);
    if (info > 0 && t->option) fail_singular(t, t->row + info);
    else sp_panel_done(t);
    return SP_KERNEL_OK;
}

static int update(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const char *with = t->panel->with;
    if (!sp_panel_is_good(t)) return SP_KERNEL_OK;
    sp_lu_update(t->dense, t->rows, t->width, t->cols, with + sp_lu_bytes(t->dense, t->listed), t->rows, with, t->listed, t->column, t->ld,
                 scratch);
    return SP_KERNEL_OK;
}

/* Columns left of a panel take part in its swaps, too. */
static int swap(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    if (sp_panel_is_good(t)) sp_lu_swap(t->dense, t->width, t->cols, t->panel->with, t->listed, t->column, t->ld, scratch);
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

static int64_t panel_cols(const struct sp_lu *f, int64_t k)
{
    return least(f->width, f->a.cols - k * f->width);
}

/* A task on columns [from, to) of the block column that panel k is in, or on all of another. */
static struct sp_column_task *column_task(struct sp_lu *f, const struct sp_matrix *m, int64_t col, int64_t from, int64_t to, int64_t k,
                                          const char *name, int (*perform)(struct sp_task *, void *))
{
    struct sp_column_task *t = sp_column_task(f->c, m, f->batch, col, k * f->width, name, perform);
    if (!t) return NULL;
    t->panel = &f->panel[k];
    t->listed = panel_cols(f, k);
    t->width = least(t->listed, t->rows);
    t->cols = to - from;
    t->column += from * t->ld * t->dense->item;
    t->task.scratch = (size_t)(t->width * t->cols * t->dense->item) + 64;
    return t;
}

static starp_status make_panel(struct sp_lu *f, int64_t k)
{
    struct sp_panel *p = &f->panel[k];
    int64_t cols = panel_cols(f, k), rows = f->a.rows - k * f->width, from = k % PANELS * f->width;
    size_t bytes = sp_lu_bytes(f->c->dense, cols) + (size_t)(rows * cols * f->c->dense->item);
    *p = (struct sp_panel){ .row = k * f->width, .bytes = bytes, .made = true };
    SP_TRY(sp_panel_begin(f->c, &f->a, f->batch, k / PANELS, p));
    if (!p->mine) return STARP_OK;
    struct sp_column_task *t = column_task(f, &f->a, k / PANELS, from, from + cols, k, "factor", factor);
    if (!t) return f->c->e->status;
    t->option = f->solves && !f->keeps;
    t->task.priority += 2;
    t->task.scratch = (size_t)rows * sizeof(int32_t) + 64;
    sp_call_depend(f->c, &t->task, p->extra, 2);
    if (sp_option_is(&f->c->run->sched->options, SP_OPTION_pivoting, "tournament") && sp_tournament(f->c, &f->a, k / PANELS, t) != STARP_OK) {
        sp_free(t);
        return f->c->e->status;
    }
    SP_TRY(sp_call_submit(f->c, &t->task));
    return sp_panel_send(f->c, &f->a, p);
}

static starp_status submit_update(struct sp_lu *f, const struct sp_matrix *m, int64_t col, int64_t from, int64_t k)
{
    int64_t cols = sp_matrix_tile_cols(m, col);
    if (from >= cols || !sp_column_is_mine(f->c, m, f->batch, col)) return STARP_OK;
    struct sp_column_task *t = column_task(f, m, col, from, cols, k, "update", update);
    if (!t) return f->c->e->status;
    t->task.priority += from > 0;
    sp_panel_read(f->c, &t->task, t->panel);
    return sp_call_submit(f->c, &t->task);
}

/* What is right of a panel: the rest of its block column, the others, right-hand sides. */
static starp_status update_columns(struct sp_lu *f, int64_t k)
{
    SP_TRY(submit_update(f, &f->a, k / PANELS, k % PANELS * f->width + panel_cols(f, k), k));
    for (int64_t col = k / PANELS + 1; col < f->a.ncol; col++) SP_TRY(submit_update(f, &f->a, col, 0, k));
    for (int64_t col = 0; f->solves && col < f->b.ncol; col++) SP_TRY(submit_update(f, &f->b, col, 0, k));
    return STARP_OK;
}

static starp_status swap_columns(struct sp_lu *f)
{
    for (int64_t k = 1; k < f->npanel; k++) {
        for (int64_t col = 0; col <= k / PANELS; col++) {
            int64_t cols = col < k / PANELS ? sp_matrix_tile_cols(&f->a, col) : k % PANELS * f->width;
            if (cols == 0 || !sp_column_is_mine(f->c, &f->a, f->batch, col)) continue;
            struct sp_column_task *t = column_task(f, &f->a, col, 0, cols, k, "swap", swap);
            if (!t) return f->c->e->status;
            sp_panel_read(f->c, &t->task, t->panel);
            SP_TRY(sp_call_submit(f->c, &t->task));
        }
    }
    return STARP_OK;
}

/* The substitution reads U, a block column at a time. */
static starp_status substitute_columns(struct sp_lu *f)
{
    bool known = f->u;
    if (!known) f->u = sp_run_keep(f->c->run, (size_t)f->a.ncol * sizeof *f->u);
    if (!f->u) return sp_fail_memory(f->c->e);
    for (int64_t k = f->a.ncol - 1; k >= 0 && !known; k--) {
        f->u[k].rows = least(f->a.rows, (k + 1) * f->a.tile_cols);
        SP_TRY(sp_panel_begin(f->c, &f->a, f->batch, k, &f->u[k]));
        SP_TRY(sp_panel_send(f->c, &f->a, &f->u[k]));
    }
    return sp_substitute(f->c, f->u, f->a.ncol, &f->b, f->batch, false, false);
}

static starp_status factor_matrix(struct sp_lu *f)
{
    f->panel = sp_run_keep(f->c->run, (size_t)f->npanel * sizeof *f->panel);
    if (!f->panel) return sp_fail_memory(f->c->e);
    for (int64_t k = 0; k < f->npanel; k++) {
        SP_TRY(make_panel(f, k));
        SP_TRY(update_columns(f, k));
        if (f->solves && !f->keeps && k >= AHEAD) sp_panel_end(f->c, &f->panel[k - AHEAD]);
    }
    return STARP_OK;
}

/* One matrix of the batch. */
static starp_status lower_matrix(struct sp_lu *f)
{
    f->u = NULL;
    SP_TRY(factor_matrix(f));
    return f->solves ? substitute_columns(f) : swap_columns(f);
}

static void end_panels(struct sp_lu *f)
{
    for (int64_t k = 0; f->panel && k < f->npanel; k++) sp_panel_end(f->c, &f->panel[k]);
    f->panel = NULL;
}

/* ----------------------------------------------------------------------------------------------- pivots as results */

struct pivot_task {
    struct sp_task task;
    const struct sp_panel *panel;
    int64_t width, least, rows;
    int64_t *pivot, *order, *place;
};

/* From 0; as the order that the rows end in; and where each of them ends. */
static int list_pivots(struct sp_task *task, void *scratch)
{
    struct pivot_task *t = (struct pivot_task *)task;
    (void)scratch;
    for (int64_t i = 0; i < t->rows; i++) t->order[i] = t->place[i] = i;
    for (int64_t i = 0; i < t->least; i++) {
        int64_t k = i / t->width, row = k * t->width + sp_lu_pivots(t->panel[k].with)[i - k * t->width] - 1;
        if (row < 0 || row >= t->rows) return SP_KERNEL_OK; /* from a rank that has failed */
        int64_t other = t->order[row];
        t->pivot[i] = row;
        t->order[row] = t->order[i];
        t->order[i] = other;
    }
    for (int64_t i = 0; i < t->rows; i++) t->place[t->order[i]] = i;
    return SP_KERNEL_OK;
}

static starp_status keep_pivots(struct sp_lu *f, const struct sp_matrix *pivot, const struct sp_matrix *order, const struct sp_matrix *place)
{
    int64_t tile = sp_matrix_tile(order, f->batch, 0, 0);
    if (!sp_is_mine(f->c->run->sched, sp_matrix_owner(order, tile))) return STARP_OK;
    struct sp_slot *none = pivot->value->ntile ? pivot->value->slot[tile] : NULL;
    struct pivot_task *t = sp_call_task(f->c, sizeof *t, (int)f->npanel + 3, "pivots", list_pivots);
    if (!t) return sp_fail_memory(f->c->e);
    t->panel = f->panel;
    t->width = f->width;
    t->least = least(f->a.rows, f->a.cols);
    t->rows = f->a.rows;
    t->pivot = none ? none->data : NULL;
    t->order = order->value->slot[tile]->data;
    t->place = place->value->slot[tile]->data;
    if (none) sp_call_depend(f->c, &t->task, none, 2);
    sp_call_depend(f->c, &t->task, order->value->slot[tile], 2);
    sp_call_depend(f->c, &t->task, place->value->slot[tile], 2);
    for (int64_t k = 0; k < f->npanel; k++) sp_panel_read(f->c, &t->task, &f->panel[k]);
    return sp_call_submit(f->c, &t->task);
}

/* ------------------------------------------------------------------------------------------------------ the calls */

static int64_t panels_of(const struct sp_matrix *a, int64_t width)
{
    return (least(a->rows, a->cols) + width - 1) / width;
}

static starp_status begin(struct sp_lu *f)
{
    f->width = SP_OPTION(&f->c->run->sched->options, panel);
    SP_TRY(sp_matrix_columns(f->c, &f->a, 0, PANELS * f->width, false));
    f->npanel = panels_of(&f->a, f->width);
    return STARP_OK;
}

starp_status sp_lower_lu(struct sp_calling *c)
{
    struct sp_lu f = { .c = c };
    struct sp_matrix pivot, order, place;
    int64_t m = c->extent[0][0], n = c->extent[0][1];
    SP_TRY(begin(&f));
    SP_TRY(sp_matrix_new(c, &pivot, STARP_I64, least(m, n), 1, m, 1, SP_DEALT_COLUMNS));
    SP_TRY(sp_matrix_new(c, &order, STARP_I64, m, 1, m, 1, SP_DEALT_COLUMNS));
    SP_TRY(sp_matrix_new(c, &place, STARP_I64, m, 1, m, 1, SP_DEALT_COLUMNS));
    starp_status status = STARP_OK;
    for (; f.batch < order.nbatch && status == STARP_OK; f.batch++) {
        status = lower_matrix(&f);
        if (status == STARP_OK) status = keep_pivots(&f, &pivot, &order, &place);
        end_panels(&f);
    }
    if (status == STARP_OK) status = sp_matrix_store(c, &f.a, 0, false);
    if (status == STARP_OK) status = sp_matrix_store(c, &pivot, 1, false);
    if (status == STARP_OK) status = sp_matrix_store(c, &order, 2, false);
    return status == STARP_OK ? sp_matrix_store(c, &place, 3, false) : status;
}

starp_status sp_lower_solve(struct sp_calling *c)
{
    struct sp_matrix a, b;
    SP_TRY(sp_lu_load(c, &a, &b));
    for (int64_t batch = 0; batch < b.nbatch; batch++) SP_TRY(sp_lu_solve(c, &a, &b, batch));
    return sp_matrix_store(c, &b, 0, false);
}

/* --------------------------------------------------------------------------------------- matrices that are there */

starp_status sp_lu_load(struct sp_calling *c, struct sp_matrix *a, struct sp_matrix *b)
{
    int64_t width = PANELS * SP_OPTION(&c->run->sched->options, panel);
    SP_TRY(sp_matrix_columns(c, a, 0, width, false));
    return sp_matrix_columns(c, b, 1, width, false);
}

starp_status sp_lu_solve(struct sp_calling *c, const struct sp_matrix *a, const struct sp_matrix *b, int64_t batch)
{
    struct sp_lu f = { .c = c, .a = *a, .b = *b, .solves = true, .batch = batch, .width = SP_OPTION(&c->run->sched->options, panel) };
    f.npanel = panels_of(a, f.width);
    starp_status status = lower_matrix(&f);
    end_panels(&f);
    return status;
}

starp_status sp_lu_keep(struct sp_calling *c, const struct sp_matrix *a, int64_t batch, struct sp_lu **lu)
{
    struct sp_lu *f = *lu = sp_run_keep(c->run, sizeof *f);
    if (!f) return sp_fail_memory(c->e);
    *f = (struct sp_lu){ .c = c, .a = *a, .solves = true, .keeps = true, .batch = batch, .width = SP_OPTION(&c->run->sched->options, panel) };
    f->npanel = panels_of(a, f->width);
    return factor_matrix(f);
}

starp_status sp_lu_apply(struct sp_lu *f, const struct sp_matrix *b)
{
    f->b = *b;
    for (int64_t k = 0; k < f->npanel; k++) {
        for (int64_t col = 0; col < b->ncol; col++) SP_TRY(submit_update(f, &f->b, col, 0, k));
    }
    return substitute_columns(f);
}

void sp_lu_drop(struct sp_lu *f)
{
    if (f) end_panels(f);
}
