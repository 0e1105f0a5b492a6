/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_stack.c: batches of matrices that are not cut. The batch is cut as its arrays are, into blocks of what matrices fit a
 * tile, and a rank works on the blocks it owns; a block is cut into pieces, which are tasks. Arrays whose tiles hold whole
 * blocks are worked on in place, others through a copy that is cut into blocks.
 *
 * Tasks that write different matrices of a tile need not wait for each other. To the runtime they are readers of the tile;
 * a task that does nothing, but writes, stands before them if the memory had another use in this run, and one behind them.
 */
#include <string.h>

#include "call.h"

#define PIECE_LEAST 64 /* elements that a small matrix counts for: calls have a price, too */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void cut_batch(struct sp_calling *c, struct sp_stack *s)
{
    int n = c->batch.n;
    int64_t elements = c->extent[0][0] * c->extent[0][1];
    starp_dims shape = c->batch, tile;
    for (int i = 0; i < 2; i++) shape.v[shape.n++] = c->extent[0][i] > 0 ? c->extent[0][i] : 1;
    sp_tile_extents(&shape, SP_OPTION(&c->run->sched->options, tile), &tile);
    sp_call_stack(c, elements > PIECE_LEAST ? elements : PIECE_LEAST);
    s->grid = shape;
    for (int a = 0; a < n; a++) {
        s->piece.v[a] = least(c->stack.v[a], tile.v[a]);
        c->stack.v[a] = tile.v[a];
        s->grid.v[a] = (c->batch.v[a] + tile.v[a] - 1) / tile.v[a];
    }
    s->grid.v[n] = s->grid.v[n + 1] = 1;
    sp_map_usual(&s->map, &s->grid, c->run->sched->ranks);
    s->map.everywhere |= c->at_once || c->run->sched->ranks == 1;
}

/* The bounds of block b; its owner. */
static int find_block(const struct sp_calling *c, const struct sp_stack *s, int64_t b, int64_t *lo, int64_t *extent)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    for (int a = c->batch.n - 1; a >= 0; a--) {
        index[a] = b % s->grid.v[a];
        b /= s->grid.v[a];
        lo[a] = index[a] * c->stack.v[a];
        extent[a] = least(c->stack.v[a], c->batch.v[a] - lo[a]);
    }
    return sp_map_owner(&s->map, index);
}

/* A part's window of some matrices: s->cuts. */
static bool cut_window(const struct sp_calling *c, struct sp_stack *s, const struct sp_stacked *x, const int64_t *lo, const int64_t *extent)
{
    int64_t from[STARP_MAXDIM] = { 0 }, size[STARP_MAXDIM];
    int n = c->batch.n;
    memcpy(from, lo, (size_t)n * sizeof *lo);
    memcpy(size, extent, (size_t)n * sizeof *extent);
    size[n] = x->rows;
    size[n + 1] = x->cols;
    return sp_window_cut(&s->cuts, n + 2, from, size, &x->window, 1, 0);
}

static bool is_empty(const struct sp_stacked *x)
{
    return x->rows == 0 || x->cols == 0;
}

/* Whether each block lies in one tile, on the rank that works on the block. */
static starp_status find_nested(struct sp_calling *c, struct sp_stack *s, const struct sp_stacked *x, bool result, bool *nested)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], n = sp_shape_size(&s->grid);
    *nested = x->window.value || is_empty(x);
    for (int64_t b = 0; b < n && *nested && !is_empty(x); b++) {
        int owner = find_block(c, s, b, lo, extent);
        if (!cut_window(c, s, x, lo, extent)) return sp_fail_memory(c->e);
        int here = sp_value_owner(x->window.value, s->cuts.source[0].tile);
        *nested = s->cuts.nbox == 1 && (here == owner || (here == SP_EVERYWHERE && !result));
    }
    return STARP_OK;
}

static void see_copy(const struct sp_calling *c, struct sp_stacked *x)
{
    int n = c->batch.n;
    x->window = (struct sp_window){ .value = x->copy.value };
    sp_view_identity(&x->window.view, n + 2);
    x->window.view.axis[n] = (int8_t)(x->by_rows ? n : n + 1);
    x->window.view.axis[n + 1] = (int8_t)(x->by_rows ? n + 1 : n);
}

static starp_status new_copy(struct sp_calling *c, struct sp_stacked *x, starp_dtype dtype, int64_t rows)
{
    int64_t m = x->by_rows ? x->cols : rows, n = x->by_rows ? rows : x->cols;
    SP_TRY(sp_matrix_new(c, &x->copy, dtype, m, n, INT64_MAX, INT64_MAX, SP_DEALT_COLUMNS));
    see_copy(c, x);
    return STARP_OK;
}

static starp_status begin_operand(struct sp_calling *c, struct sp_stack *s, int k)
{
    const struct sp_order *o = &c->run->sched->order;
    const struct sp_operand *operand = &c->step->operand[k];
    const struct sp_node *n = o->node[operand->node], *seen = operand->npath ? o->node[operand->path[0]] : n;
    struct sp_stacked *x = &s->part[k];
    bool nested;
    *x = (struct sp_stacked){ .rows = c->extent[k][0], .cols = c->extent[k][1], .by_rows = sp_whole_by_rows(s->job, false) };
    x->window.value = c->run->value[operand->node];
    sp_operand_view(operand, &(struct sp_step){ .shape = seen->shape }, o, &x->window.view);
    SP_TRY(find_nested(c, s, x, false, &nested));
    if (nested) return STARP_OK;
    int64_t rows = k == 0 || x->rows > c->extent[0][1] ? x->rows : c->extent[0][1]; /* LAPACK wants room for the solution */
    SP_TRY(new_copy(c, x, (starp_dtype)n->dtype, rows));
    return sp_matrix_load(c, &x->copy, k, x->by_rows ? SP_TRANSPOSED : SP_AS_IT_IS);
}

/* Vectors are a column, scalars one element. */
static starp_status begin_result(struct sp_calling *c, struct sp_stack *s, int k)
{
    struct sp_stacked *x = &s->part[s->nin + k], *last = &s->part[s->nin - 1];
    struct sp_value *v = sp_call_result(c, k);
    bool nested;
    if (!v) return sp_fail_memory(c->e);
    int n = v->shape.n - c->batch.n;
    *x = (struct sp_stacked){ .rows = n > 0 ? v->shape.v[c->batch.n] : 1, .cols = n > 1 ? v->shape.v[c->batch.n + 1] : 1,
                              .by_rows = n == 2 && sp_whole_by_rows(s->job, true), .window = { .value = v } };
    sp_view_identity(&x->window.view, v->shape.n);
    SP_TRY(find_nested(c, s, x, true, &nested));
    if (nested) return sp_value_fill(c->run->sched, v, !c->at_once, c->e);
    if (k != s->over || !last->copy.value) return new_copy(c, x, (starp_dtype)v->dtype, x->rows);
    x->copy = last->copy;
    see_copy(c, x);
    return STARP_OK;
}

/* A task that does nothing. */
static int pass(struct sp_task *task, void *scratch)
{
    (void)task;
    (void)scratch;
    return SP_KERNEL_OK;
}

static starp_status gate(struct sp_calling *c, struct sp_slot *slot)
{
    struct sp_task *t = sp_call_task(c, sizeof *t, 1, "gate", pass);
    if (!t) return sp_fail_memory(c->e);
    t->priority = 1;
    sp_call_depend(c, t, slot, 3);
    return sp_call_submit(c, t);
}

/* Whether tasks meet in a result's tiles; before them: who used that memory has done. */
static starp_status begin_shared(struct sp_calling *c, struct sp_stack *s, struct sp_stacked *x)
{
    const struct sp_value *v = x->window.value;
    for (int a = 0; a < c->batch.n; a++) x->shared |= v->tile.v[a] > s->piece.v[a];
    x->shared &= !c->at_once;
    for (int64_t t = 0; t < v->ntile && x->shared; t++) {
        if (v->slot[t] && v->slot[t]->writes == c->run->id) SP_TRY(gate(c, v->slot[t]));
    }
    return STARP_OK;
}

starp_status sp_stack_begin(struct sp_calling *c, struct sp_stack *s, const struct sp_whole *job)
{
    enum sp_call call = job->call;
    *s = (struct sp_stack){ .job = job, .nin = sp_calls[call].nin, .nout = sp_calls[call].nout, .over = sp_whole_over(call) };
    cut_batch(c, s);
    for (int k = 0; k < s->nin; k++) SP_TRY(begin_operand(c, s, k));
    for (int k = 0; k < s->nout; k++) SP_TRY(begin_result(c, s, k));
    for (int k = 0; k < s->nout; k++) SP_TRY(begin_shared(c, s, &s->part[s->nin + k]));
    return STARP_OK;
}

static starp_status each_piece(struct sp_calling *c, struct sp_stack *s, const int64_t *block, const int64_t *size, sp_stack_fn *submit)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    memcpy(lo, block, (size_t)c->batch.n * sizeof *lo);
    for (int a = 0; a >= 0;) {
        for (int i = 0; i < c->batch.n; i++) extent[i] = least(s->piece.v[i], block[i] + size[i] - lo[i]);
        SP_TRY(submit(c, s, lo, extent));
        for (a = c->batch.n - 1; a >= 0; a--) {
            lo[a] += s->piece.v[a];
            if (lo[a] < block[a] + size[a]) break;
            lo[a] = block[a];
        }
    }
    return STARP_OK;
}

starp_status sp_stack_each(struct sp_calling *c, struct sp_stack *s, sp_stack_fn *submit)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], n = sp_shape_size(&s->grid);
    for (int64_t b = 0; b < n; b++) {
        int owner = find_block(c, s, b, lo, extent);
        if (sp_is_mine(c->run->sched, owner)) SP_TRY(each_piece(c, s, lo, extent, submit));
    }
    return STARP_OK;
}

/* Operands stay as they are, unless they are copies: then each task has its own matrices of them. */
static void depend(struct sp_calling *c, struct sp_task *task, struct sp_slot *slot, const struct sp_stacked *x, bool result)
{
    for (int i = 0; i < task->ndep; i++) {
        if (task->dep[i] != slot) continue;
        if (result && !x->shared) task->dep_mode[i] = 3, slot->writes = c->run->id;
        return;
    }
    if (!c->at_once) sp_depend(task, slot, result && !x->shared ? 2 : 1, result || x->copy.value);
}

starp_status sp_stack_place(struct sp_calling *c, struct sp_stack *s, int part, const int64_t *lo, const int64_t *extent,
                            struct sp_task *task, struct sp_place *place)
{
    const struct sp_stacked *x = &s->part[part];
    if (is_empty(x)) return STARP_OK;
    if (!cut_window(c, s, x, lo, extent)) return sp_fail_memory(c->e);
    struct sp_slot *slot = s->cuts.slot[0];
    place->at = (char *)slot->data + s->cuts.ref[0].offset;
    memcpy(place->stride, s->cuts.ref[0].stride, sizeof place->stride);
    depend(c, task, slot, x, part >= s->nin);
    return STARP_OK;
}

starp_status sp_stack_store(struct sp_calling *c, struct sp_stack *s)
{
    for (int k = 0; k < s->nout; k++) {
        const struct sp_stacked *x = &s->part[s->nin + k];
        for (int64_t t = 0; t < x->window.value->ntile && x->shared; t++) {
            if (x->window.value->slot[t]) SP_TRY(gate(c, x->window.value->slot[t]));
        }
        if (x->copy.value) SP_TRY(sp_matrix_store(c, &x->copy, k, x->by_rows ? SP_TRANSPOSED : SP_AS_IT_IS));
    }
    return STARP_OK;
}

void sp_stack_end(struct sp_stack *s)
{
    sp_cuts_free(&s->cuts);
}
