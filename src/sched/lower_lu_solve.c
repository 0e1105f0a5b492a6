/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_lu_solve.c: solving by factors that are there: the right-hand sides' rows go where LU has put the matrix's, then
 * substitution with L, and with U. Every rank has the order, and block columns of right-hand sides are whole: rows stay on
 * their rank.
 */
#include "call.h"

struct permute_task {
    struct sp_task task;
    int64_t rows, cols, ld;
    size_t item;
    char *column;
    const int64_t *order;
};

/* An order may come from anywhere. */
static int permute(struct sp_task *task, void *scratch)
{
    struct permute_task *t = (struct permute_task *)task;
    char text[160];
    int64_t bad = sp_lu_permute(t->rows, t->cols, t->item, t->column, t->ld, t->order, scratch);
    if (bad < 0) return SP_KERNEL_OK;
    snprintf(text, sizeof text, "linalg_lu_solve: element %lld of the order is %lld, of %lld rows", (long long)bad, (long long)t->order[bad], (long long)t->rows);
    sp_run_fail(task->run, STARP_ERR_COMPUTE, task->site, text);
    return SP_KERNEL_OK;
}

static starp_status permute_columns(struct sp_calling *c, const struct sp_matrix *b, const struct sp_matrix *order, int64_t batch)
{
    struct sp_slot *from = order->value->slot[sp_matrix_tile(order, batch, 0, 0)];
    for (int64_t col = 0; col < b->ncol; col++) {
        if (!sp_column_is_mine(c, b, batch, col)) continue;
        struct sp_slot *slot = b->value->slot[sp_matrix_tile(b, batch, 0, col)];
        struct permute_task *t = sp_call_task(c, sizeof *t, 2, "permute", permute);
        if (!t) return sp_fail_memory(c->e);
        t->rows = b->rows;
        t->cols = sp_matrix_tile_cols(b, col);
        t->ld = sp_matrix_ld(b, 0);
        t->item = (size_t)c->dense->item;
        t->column = slot->data;
        t->order = from->data;
        t->task.scratch = (size_t)t->rows * t->item + 64;
        sp_call_depend(c, &t->task, from, 1);
        sp_call_depend(c, &t->task, slot, 3);
        SP_TRY(sp_call_submit(c, &t->task));
    }
    return STARP_OK;
}

starp_status sp_lower_lu_solve(struct sp_calling *c)
{
    struct sp_matrix a, b, order;
    int64_t n = c->extent[0][0], width = SP_OPTION(&c->run->sched->options, panel);
    SP_TRY(sp_matrix_columns(c, &a, 0, width, false));
    SP_TRY(sp_matrix_columns(c, &b, 1, width, false));
    SP_TRY(sp_matrix_new(c, &order, STARP_I64, n, 1, n, 1, SP_DEALT_NOT));
    SP_TRY(sp_matrix_load(c, &order, 2, false));
    for (int64_t batch = 0; batch < b.nbatch && n > 0; batch++) {
        struct sp_panel *panel;
        SP_TRY(sp_all_panels(c, &a, batch, &panel));
        SP_TRY(permute_columns(c, &b, &order, batch));
        SP_TRY(sp_substitute(c, panel, a.ncol, &b, batch, true, true));
        SP_TRY(sp_substitute(c, panel, a.ncol, &b, batch, false, false));
    }
    return sp_matrix_store(c, &b, 0, false);
}
