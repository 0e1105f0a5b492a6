/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * panel.c: block columns of a matrix that every rank needs once their owner is done with them: the panels of a factorization.
 * On their owner they are where they are; to the others they come in one message, with what belongs to them.
 */
#include "call.h"

static size_t rounded(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

static starp_status receive(struct sp_calling *c, const struct sp_matrix *m, int owner, struct sp_panel *p)
{
    size_t column = rounded((size_t)(p->cols * p->rows) * (size_t)sp_dtypes[m->dtype].size);
    p->slab = sp_parcel_receive(c->run, column + rounded(p->bytes), owner, c->e);
    if (!p->slab) return c->e->status;
    sp_pool_put(&c->run->sched->pool, p->slab, c->run->id); /* nobody gets it before the run has ended */
    p->data = p->slab->data;
    p->ld = p->rows;
    p->with = p->data + column;
    return STARP_OK;
}

starp_status sp_panel_begin(struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col, int64_t row, int64_t rows,
                            size_t bytes, struct sp_panel *p)
{
    int64_t tile = sp_matrix_tile(m, batch, 0, col);
    int owner = sp_matrix_owner(m, tile);
    *p = (struct sp_panel){ .row = row, .rows = rows, .cols = sp_matrix_tile_cols(m, col), .bytes = bytes };
    p->everywhere = owner == SP_EVERYWHERE;
    p->mine = sp_is_mine(c->run->sched, owner);
    if (!p->mine) return receive(c, m, owner, p);
    p->slab = rows > 0 ? m->value->slot[tile] : NULL;
    p->ld = sp_matrix_ld(m, 0);
    p->data = (char *)m->value->slot[tile]->data + row * sp_dtypes[m->dtype].size;
    if (bytes == 0) return STARP_OK;
    p->extra = sp_pool_get(&c->run->sched->pool, bytes, !c->at_once);
    if (!p->extra) return sp_fail_memory(c->e);
    p->with = p->extra->data;
    return STARP_OK;
}

starp_status sp_panel_send(struct sp_calling *c, const struct sp_matrix *m, const struct sp_panel *p)
{
    int64_t item = sp_dtypes[m->dtype].size;
    struct sp_parcel parcel = { .n = 0 };
    if (!p->mine || p->everywhere) return STARP_OK;
    struct sp_piece column = { .slot = p->slab, .from = p->data, .item = (size_t)item, .ndim = 2, .extent = { p->cols, p->rows },
                               .stride = { p->ld * item, item } };
    struct sp_piece extra = { .slot = p->extra, .from = p->with, .item = 1, .ndim = 1, .extent = { (int64_t)p->bytes }, .stride = { 1 } };
    bool ok = (p->rows == 0 || sp_parcel_add(&parcel, &column)) && (p->bytes == 0 || sp_parcel_add(&parcel, &extra));
    starp_status status = ok ? sp_parcel_send(c->run, &parcel, SP_EVERYWHERE, c->node->site, c->e) : sp_fail_memory(c->e);
    sp_parcel_free(&parcel);
    return status;
}

void sp_panel_read(const struct sp_calling *c, struct sp_task *task, const struct sp_panel *p)
{
    if (p->slab) sp_call_depend(c, task, p->slab, 1);
    if (p->extra) sp_call_depend(c, task, p->extra, 1);
}

void sp_panel_end(struct sp_calling *c, struct sp_panel *p)
{
    if (p->extra) sp_pool_put(&c->run->sched->pool, p->extra, c->run->id);
    p->extra = NULL;
}

/* ------------------------------------------------------------------------------------------------------ columns */

struct sp_column_task *sp_column_task(struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col, int64_t row,
                                      const char *name, int (*perform)(struct sp_task *, void *))
{
    struct sp_column_task *t = sp_call_task(c, sizeof *t, 4, name, perform);
    if (!t) return sp_fail_memory(c->e), NULL;
    struct sp_slot *slot = m->value->slot[sp_matrix_tile(m, batch, 0, col)];
    t->dense = c->dense;
    t->batch = batch;
    t->nbatch = m->nbatch;
    t->row = row;
    t->rows = m->rows - row;
    t->cols = sp_matrix_tile_cols(m, col);
    t->column = (char *)slot->data + row * sp_dtypes[m->dtype].size;
    t->ld = sp_matrix_ld(m, 0);
    t->task.priority = (int)-col;
    sp_call_depend(c, &t->task, slot, 3);
    return t;
}

bool sp_column_is_mine(const struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col)
{
    return sp_is_mine(c->run->sched, sp_matrix_owner(m, sp_matrix_tile(m, batch, 0, col)));
}

starp_status sp_matrix_columns(struct sp_calling *c, struct sp_matrix *m, int operand, int64_t width, bool adjoint)
{
    int64_t rows = c->extent[operand][adjoint], cols = c->extent[operand][!adjoint];
    const struct sp_node *n = c->run->sched->order.node[c->step->operand[operand].node];
    if (operand == 0) sp_call_stack(c, INT64_MAX);
    if (operand == 0) sp_call_deal(c, rows, cols, width);
    SP_TRY(sp_matrix_new(c, m, (starp_dtype)n->dtype, rows, cols, rows, width, SP_DEALT_COLUMNS));
    return sp_matrix_load(c, m, operand, adjoint);
}
