/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_triangular.c: substitution with a triangular matrix whose block columns every rank has, in place, a task per block
 * column of the matrix and of the right-hand sides.
 */
#include <string.h>

#include "call.h"

enum { LOWER = 1, UNIT = 2 };

/* The panel's rows [row, row + width) are its triangle; what lies beyond it in the direction of the substitution is subtracted. */
static int substitute(struct sp_task *task, void *scratch)
{
    struct sp_column_task *t = (struct sp_column_task *)task;
    const struct sp_dense *d = t->dense;
    const struct sp_panel *p = t->panel;
    const char *triangle = p->data + (t->row - p->row) * d->item;
    char *top = t->column - t->row * d->item, *below = t->column + t->width * d->item;
    (void)scratch;
    d->trsm('L', t->option & LOWER ? 'L' : 'U', 'N', t->option & UNIT ? 'U' : 'N', t->width, t->cols, triangle, p->ld, t->column, t->ld);
    if (!(t->option & LOWER) && t->row > 0) {
        d->gemm('N', 'N', t->row, t->cols, t->width, -1, p->data, p->ld, t->column, t->ld, 1, top, t->ld);
    }
    if (t->option & LOWER && t->rows > t->width) {
        d->gemm('N', 'N', t->rows - t->width, t->cols, t->width, -1, triangle + t->width * d->item, p->ld, t->column, t->ld, 1, below, t->ld);
    }
    return SP_KERNEL_OK;
}

starp_status sp_substitute(struct sp_calling *c, const struct sp_panel *panel, int64_t npanel, const struct sp_matrix *b, int64_t batch,
                           bool lower, bool unit)
{
    for (int64_t i = 0, row = 0; i < npanel; i++) {
        int64_t k = lower ? i : npanel - 1 - i;
        row = k > 0 ? k * panel[0].cols : 0;
        for (int64_t col = 0; col < b->ncol; col++) {
            if (!sp_column_is_mine(c, b, batch, col)) continue;
            struct sp_column_task *t = sp_column_task(c, b, batch, col, row, "substitute", substitute);
            if (!t) return c->e->status;
            t->panel = &panel[k];
            t->width = panel[k].cols;
            t->option = (lower ? LOWER : 0) | (unit ? UNIT : 0);
            sp_panel_read(c, &t->task, t->panel);
            SP_TRY(sp_call_submit(c, &t->task));
        }
    }
    return STARP_OK;
}

starp_status sp_all_panels(struct sp_calling *c, const struct sp_matrix *a, int64_t batch, struct sp_panel **panel)
{
    struct sp_panel *p = *panel = sp_run_keep(c->run, (size_t)a->ncol * sizeof *p);
    if (!p) return sp_fail_memory(c->e);
    for (int64_t k = 0; k < a->ncol; k++) {
        p[k].rows = a->rows;
        SP_TRY(sp_panel_begin(c, a, batch, k, &p[k]));
        SP_TRY(sp_panel_send(c, a, &p[k]));
    }
    return STARP_OK;
}

starp_status sp_lower_triangular(struct sp_calling *c)
{
    struct sp_matrix a, b;
    int32_t option[2];
    memcpy(option, c->node->param, sizeof option);
    SP_TRY(sp_matrix_columns(c, &a, 0, SP_OPTION(&c->run->sched->options, panel), false));
    SP_TRY(sp_matrix_columns(c, &b, 1, SP_OPTION(&c->run->sched->options, panel), false));
    for (int64_t batch = 0; batch < b.nbatch; batch++) {
        struct sp_panel *panel;
        SP_TRY(sp_all_panels(c, &a, batch, &panel));
        SP_TRY(sp_substitute(c, panel, a.ncol, &b, batch, option[0], option[1]));
    }
    return sp_matrix_store(c, &b, 0, false);
}
