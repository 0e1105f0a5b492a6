/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_qr.c: QR factorization by Householder reflections, right-looking by block columns (Golub and Van Loan, 5.2.3): a task
 * reduces a panel, a task per later block column applies its reflections. Q is what they make of the unit matrix, from the
 * last panel to the first; block columns left of a panel have zeros where it would change them.
 */
#include <string.h>

#include "call.h"

struct qr {
    struct sp_calling *c;
    struct sp_matrix a, q;
    int64_t batch, npanel;
    struct sp_panel *panel;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int factor(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    t->dense->geqrt(t->rows, t->cols, t->column, t->ld, t->panel->with, scratch);
    return SP_KERNEL_OK;
}

static int reflect(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_panel *p = t->panel;
    t->dense->gemqrt(t->option, t->rows, t->cols, t->width, p->data, p->ld, p->with, p->cols, t->column, t->ld, scratch);
    return SP_KERNEL_OK;
}

/* The unit matrix's block column that begins with column `width`. */
static int begin_unit(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    int64_t item = t->dense->item;
    union {
        float f[2];
        double d[2];
    } one = { .d = { 1, 0 } };
    (void)scratch;
    if (t->option) one.f[0] = 1, one.f[1] = 0;
    for (int64_t j = 0; j < t->cols; j++) {
        char *x = t->column + j * t->ld * item;
        memset(x, 0, (size_t)(t->rows * item));
        if (t->width + j < t->rows) memcpy(x + (t->width + j) * item, &one, (size_t)item);
    }
    return SP_KERNEL_OK;
}

/* What is left is R: nothing below the diagonal, which begins at row `width`. */
static int clear_below(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    int64_t item = t->dense->item;
    (void)scratch;
    for (int64_t j = 0; j < t->cols; j++) {
        int64_t from = t->width + j + 1;
        if (from < t->rows) memset(t->column + (j * t->ld + from) * item, 0, (size_t)((t->rows - from) * item));
    }
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

static starp_status make_panel(struct qr *f, int64_t k)
{
    struct sp_panel *p = &f->panel[k];
    int64_t row = k * f->a.tile_cols, cols = sp_matrix_tile_cols(&f->a, k);
    *p = (struct sp_panel){ .row = row, .rows = f->a.rows - row, .bytes = (size_t)(cols * cols * f->c->dense->item) };
    SP_TRY(sp_panel_begin(f->c, &f->a, f->batch, k, p));
    if (!p->mine) return STARP_OK;
    struct sp_column_task *t = sp_column_task(f->c, &f->a, f->batch, k, row, "factor", factor);
    if (!t) return f->c->e->status;
    t->panel = p;
    t->task.priority++;
    t->task.scratch = SP_QR_WORK(cols, cols);
    sp_call_depend(f->c, &t->task, p->extra, 2);
    SP_TRY(sp_call_submit(f->c, &t->task));
    return sp_panel_send(f->c, &f->a, p);
}

static starp_status reflect_columns(struct qr *f, const struct sp_matrix *m, int64_t first, int64_t k, bool adjoint)
{
    for (int64_t col = first; col < m->ncol; col++) {
        if (!sp_column_is_mine(f->c, m, f->batch, col)) continue;
        struct sp_column_task *t = sp_column_task(f->c, m, f->batch, col, f->panel[k].row, "reflect", reflect);
        if (!t) return f->c->e->status;
        t->panel = &f->panel[k];
        t->width = least(t->rows, t->panel->cols);
        t->option = adjoint;
        t->task.scratch = SP_QR_WORK(t->width, t->cols);
        sp_panel_read(f->c, &t->task, t->panel);
        SP_TRY(sp_call_submit(f->c, &t->task));
    }
    return STARP_OK;
}

static starp_status per_column(struct qr *f, const struct sp_matrix *m, const char *name, int (*perform)(struct sp_task *, void *))
{
    for (int64_t col = 0; col < m->ncol; col++) {
        if (!sp_column_is_mine(f->c, m, f->batch, col)) continue;
        struct sp_column_task *t = sp_column_task(f->c, m, f->batch, col, 0, name, perform);
        if (!t) return f->c->e->status;
        t->width = col * m->tile_cols;
        t->option = sp_dtype_real(m->dtype) == STARP_F32;
        SP_TRY(sp_call_submit(f->c, &t->task));
    }
    return STARP_OK;
}

static starp_status lower_matrix(struct qr *f)
{
    f->panel = sp_run_keep(f->c->run, (size_t)f->npanel * sizeof *f->panel);
    if (!f->panel) return sp_fail_memory(f->c->e);
    for (int64_t k = 0; k < f->npanel; k++) {
        SP_TRY(make_panel(f, k));
        SP_TRY(reflect_columns(f, &f->a, k + 1, k, true));
    }
    SP_TRY(per_column(f, &f->q, "unit", begin_unit));
    for (int64_t k = f->npanel - 1; k >= 0; k--) SP_TRY(reflect_columns(f, &f->q, k, k, false));
    return per_column(f, &f->a, "clear", clear_below);
}

starp_status sp_lower_qr(struct sp_calling *c)
{
    struct qr f = { .c = c };
    const starp_dims *shape = &c->node->results->shape[0];
    SP_TRY(sp_matrix_columns(c, &f.a, 0, SP_OPTION(&c->run->sched->options, panel), false));
    SP_TRY(sp_matrix_new(c, &f.q, f.a.dtype, f.a.rows, shape->v[shape->n - 1], f.a.rows, f.a.tile_cols, SP_DEALT_COLUMNS));
    f.npanel = (least(f.a.rows, f.a.cols) + f.a.tile_cols - 1) / f.a.tile_cols;
    starp_status status = STARP_OK;
    for (; f.batch < f.a.nbatch && status == STARP_OK; f.batch++) {
        status = lower_matrix(&f);
        for (int64_t k = 0; f.panel && k < f.npanel; k++) sp_panel_end(c, &f.panel[k]);
        f.panel = NULL;
    }
    if (status == STARP_OK) status = sp_matrix_store(c, &f.q, 0, false);
    return status == STARP_OK ? sp_matrix_store(c, &f.a, 1, false) : status;
}
