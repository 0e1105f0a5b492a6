/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_cholesky.c: Cholesky factorization, right-looking by block columns (Golub and Van Loan, 4.2.9): a task factors a
 * panel and solves with its triangle, a task per later block column subtracts the product of two pieces of the panel.
 */
#include <string.h>

#include "call.h"

static void fail_not_positive(const struct sp_column_task *t, int64_t order)
{
    char text[200], of[48] = "";
    if (t->nbatch > 1) snprintf(of, sizeof of, " of matrix %lld", (long long)t->batch);
    snprintf(text, sizeof text, "linalg_cholesky: the matrix is not positive definite: its leading minor of order %lld%s is not positive",
             (long long)order, of);
    sp_run_fail(t->task.run, STARP_ERR_COMPUTE, t->task.site, text);
}

static int factor(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_dense *d = t->dense;
    char *top = t->column - t->row * d->item, *below = t->column + t->cols * d->item;
    (void)scratch;
    if (!sp_columns_are_good(t)) return SP_KERNEL_OK;
    for (int64_t j = 0; j < t->cols; j++) memset(top + j * t->ld * d->item, 0, (size_t)((t->row + j) * d->item));
    int info = d->potrf('L', t->cols, t->column, t->ld);
    if (info > 0) {
        fail_not_positive(t, t->row + info);
        return SP_KERNEL_OK;
    }
    sp_panel_done(t);
    if (t->rows > t->cols) d->trsm('R', 'L', 'C', 'N', t->rows - t->cols, t->cols, t->column, t->ld, below, t->ld);
    return SP_KERNEL_OK;
}

static int update(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_panel *p = t->panel;
    const char *l = p->data + (t->row - p->row) * t->dense->item;
    (void)scratch;
    if (!sp_panel_is_good(t)) return SP_KERNEL_OK;
    const char *below = l + t->cols * t->dense->item;
    t->dense->herk(t->cols, p->cols, l, p->ld, t->column, t->ld);
    if (t->rows == t->cols) return SP_KERNEL_OK;
    t->dense->gemm('N', 'C', t->rows - t->cols, t->cols, p->cols, -1, below, p->ld, l, p->ld, 1, t->column + t->cols * t->dense->item, t->ld);
    return SP_KERNEL_OK;
}

static starp_status lower_matrix(struct sp_calling *c, const struct sp_matrix *a, int64_t batch)
{
    struct sp_panel *panel = sp_run_keep(c->run, (size_t)a->ncol * sizeof *panel);
    if (!panel) return sp_fail_memory(c->e);
    for (int64_t k = 0; k < a->ncol; k++) {
        panel[k] = (struct sp_panel){ .row = k * a->tile_cols, .rows = a->rows - k * a->tile_cols, .made = true };
        SP_TRY(sp_panel_begin(c, a, batch, k, &panel[k]));
        if (panel[k].mine) {
            struct sp_column_task *t = sp_column_task(c, a, batch, k, panel[k].row, "factor", factor);
            if (!t) return c->e->status;
            t->task.priority++;
            t->panel = &panel[k];
            sp_call_depend(c, &t->task, panel[k].extra, 2);
            SP_TRY(sp_call_submit(c, &t->task));
            SP_TRY(sp_panel_send(c, a, &panel[k]));
        }
        for (int64_t col = k + 1; col < a->ncol; col++) {
            if (!sp_column_is_mine(c, a, batch, col)) continue;
            struct sp_column_task *t = sp_column_task(c, a, batch, col, col * a->tile_cols, "update", update);
            if (!t) return c->e->status;
            t->panel = &panel[k];
            sp_panel_read(c, &t->task, t->panel);
            SP_TRY(sp_call_submit(c, &t->task));
        }
    }
    for (int64_t k = 0; k < a->ncol; k++) sp_panel_end(c, &panel[k]);
    return STARP_OK;
}

starp_status sp_lower_cholesky(struct sp_calling *c)
{
    struct sp_matrix a;
    int32_t upper;
    memcpy(&upper, c->node->param, sizeof upper);
    SP_TRY(sp_matrix_columns(c, &a, 0, SP_OPTION(&c->run->sched->options, panel), upper));
    for (int64_t batch = 0; batch < a.nbatch; batch++) SP_TRY(lower_matrix(c, &a, batch));
    return sp_matrix_store(c, &a, 0, upper);
}
