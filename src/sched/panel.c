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

/* Bytes that go with a panel, its mark behind them. */
static size_t extra_bytes(const struct sp_panel *p)
{
    return p->made ? rounded(p->bytes) + sizeof *p->marked : p->bytes;
}

static starp_status receive(struct sp_calling *c, const struct sp_matrix *m, int owner, struct sp_panel *p)
{
    size_t column = rounded((size_t)(p->cols * p->rows) * (size_t)sp_dtypes[m->dtype].size);
    p->slab = sp_message_receive(c->run, column + rounded(extra_bytes(p)), owner, c->e);
    if (!p->slab) return c->e->status;
    sp_pool_put(&c->run->sched->pool, p->slab, c->run->id); /* nobody gets it before the run has ended */
    p->data = p->slab->data;
    p->ld = p->rows;
    p->with = p->data + column;
    return STARP_OK;
}

static starp_status place(struct sp_calling *c, const struct sp_matrix *m, int64_t tile, struct sp_panel *p)
{
    p->slab = p->rows > 0 ? m->value->slot[tile] : NULL;
    p->ld = sp_matrix_ld(m, 0);
    p->data = (char *)m->value->slot[tile]->data + p->row * sp_dtypes[m->dtype].size;
    if (extra_bytes(p) == 0) return STARP_OK;
    p->extra = sp_pool_get(&c->run->sched->pool, extra_bytes(p), !c->at_once);
    if (!p->extra) return sp_fail_memory(c->e);
    p->with = p->extra->data;
    return STARP_OK;
}

starp_status sp_panel_begin(struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col, struct sp_panel *p)
{
    int64_t tile = sp_matrix_tile(m, batch, 0, col);
    int owner = sp_matrix_owner(m, tile);
    p->cols = sp_matrix_tile_cols(m, col);
    p->everywhere = owner == SP_EVERYWHERE;
    p->mine = sp_is_mine(c->run->sched, owner);
    SP_TRY(p->mine ? place(c, m, tile, p) : receive(c, m, owner, p));
    p->marked = (uint64_t *)(void *)((char *)p->with + rounded(p->bytes));
    p->mark = (c->run->id * UINT64_C(0x9E3779B97F4A7C15)) ^ (uint64_t)(tile << 20) ^ (uint64_t)p->row; /* no other panel's, */
    p->mark += (uint64_t)(c->step - c->run->plan->step) * UINT64_C(0xD1B54A32D192ED03) + m->dtype; /* of no other call or precision */
    return STARP_OK;
}

bool sp_panel_is_good(struct sp_column_task *t)
{
    if (*t->panel->marked == t->panel->mark) return true;
    atomic_store(t->spoiled, true);
    return false;
}

void sp_panel_done(const struct sp_column_task *t)
{
    *t->panel->marked = t->panel->mark;
}

bool sp_columns_are_good(const struct sp_column_task *t)
{
    return !atomic_load(t->spoiled);
}

starp_status sp_panel_send(struct sp_calling *c, const struct sp_matrix *m, const struct sp_panel *p)
{
    int64_t item = sp_dtypes[m->dtype].size;
    struct sp_parcel parcel = { .n = 0 };
    if (!p->mine || p->everywhere) return STARP_OK;
    struct sp_piece column = { .slot = p->slab, .from = p->data, .item = (size_t)item, .ndim = 2, .extent = { p->cols, p->rows },
                               .stride = { p->ld * item, item } };
    struct sp_piece extra = { .slot = p->extra, .from = p->with, .item = 1, .ndim = 1, .extent = { (int64_t)extra_bytes(p) }, .stride = { 1 } };
    bool ok = (p->rows == 0 || sp_parcel_add(&parcel, &column)) && (!p->extra || sp_parcel_add(&parcel, &extra));
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
    t->spoiled = c->spoiled;
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
