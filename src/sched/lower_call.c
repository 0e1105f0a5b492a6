/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_call.c: operations on whole arrays. Operands are copied into matrices in LAPACK's layout, tasks work on their tiles,
 * results are copied into arrays of the usual tiling. A small call runs at once, on every rank, like any small step.
 */
#include <string.h>

#include "call.h"

#define STACK_ELEMENTS ((int64_t)1 << 16) /* of small matrices that share a tile, and a task */

void sp_call_stack(struct sp_calling *c, int64_t elements)
{
    int64_t room = elements > 0 ? STACK_ELEMENTS / elements : STACK_ELEMENTS;
    c->stack.n = c->batch.n;
    for (int a = c->batch.n - 1; a >= 0; a--) {
        int64_t n = c->batch.v[a];
        c->stack.v[a] = room < 1 || n < 1 ? 1 : n < room ? n : room;
        room = n > 0 && n <= room ? room / n : 1;
    }
}

void sp_call_deal(struct sp_calling *c, int64_t m, int64_t n, int64_t tile_cols)
{
    starp_dims shape = { 2, { m, n } }, tile;
    sp_tile_extents(&shape, SP_OPTION(&c->run->sched->options, tile), &tile);
    c->deal = tile.v[1] > tile_cols ? (int32_t)(tile.v[1] / tile_cols) : 1;
}

void *sp_call_task(const struct sp_calling *c, size_t bytes, int ndep, const char *name, int (*perform)(struct sp_task *, void *))
{
    bytes = (bytes + 15) & ~(size_t)15;
    struct sp_task *t = sp_calloc(1, bytes + (size_t)ndep * (sizeof *t->dep + 1));
    if (!t) return NULL;
    *t = (struct sp_task){ .run = c->run, .site = c->node->site, .name = name, .perform = perform };
    t->dep = (struct sp_slot **)((char *)t + bytes);
    t->dep_mode = (uint8_t *)(t->dep + ndep);
    return t;
}

void sp_call_depend(const struct sp_calling *c, struct sp_task *task, struct sp_slot *slot, uint8_t mode)
{
    if (!c->at_once) sp_depend(task, slot, mode, true);
}

starp_status sp_call_submit(const struct sp_calling *c, struct sp_task *task)
{
    return c->at_once ? sp_perform(task, c->e) : sp_submit(task, c->e);
}

#define LITTLE_WORK ((int64_t)1 << 20) /* multiplications, about, that are not worth a task */

/* Small, little work, and nothing it reads is still being computed or on another rank. */
static bool runs_at_once(const struct sp_calling *c)
{
    const struct sp_sched *s = c->run->sched;
    const struct sp_results *r = c->node->results;
    int64_t small = SP_OPTION(&s->options, small), work = sp_shape_size(&c->node->shape), side = 1;
    if (work > small) return false;
    for (int k = 0; r && k < r->n; k++) {
        if (sp_shape_size(&r->shape[k]) > small) return false;
    }
    for (int k = 0; k < c->step->noperand; k++) {
        const struct sp_value *v = c->run->value[c->step->operand[k].node];
        int64_t size = sp_shape_size(&c->batch) * c->extent[k][0] * c->extent[k][1];
        if (size > small || (v && (v->run == c->run->id || !v->map.everywhere))) return false;
        work += size;
        for (int i = 0; i < 2; i++) side = c->extent[k][i] > side ? c->extent[k][i] : side;
    }
    return work <= LITTLE_WORK / side;
}

static void find_extents(struct sp_calling *c)
{
    const struct sp_order *o = &c->run->sched->order;
    for (int k = 0; k < c->step->noperand; k++) {
        const struct sp_operand *x = &c->step->operand[k];
        const starp_dims *shape = &o->node[x->npath ? x->path[0] : x->node]->shape;
        c->extent[k][0] = shape->v[shape->n - 2];
        c->extent[k][1] = shape->v[shape->n - 1];
        c->batch = *shape;
    }
    c->batch.n -= 2;
}

/* A tournament makes it worth while for one panel, too. */
static bool cuts_lu(const struct sp_calling *c, int64_t panel)
{
    const struct sp_options *o = &c->run->sched->options;
    int64_t rows = c->extent[0][0], cols = c->extent[0][1];
    return cols > panel || (sp_option_is(o, SP_OPTION_pivoting, "tournament") && sp_tournament_blocks(panel, rows, cols) > 1);
}

#define WHOLE 4096 /* the largest order left to LAPACK's drivers, which count the elements of their workspaces in 32 bits */

static starp_status lower(struct sp_calling *c)
{
    int64_t panel = SP_OPTION(&c->run->sched->options, panel), least = panel < WHOLE ? panel : WHOLE;
    bool cut = c->extent[0][1] > panel, cut_both = c->extent[0][0] > least && c->extent[0][1] > least;
    switch ((enum sp_call)c->node->op) {
    case SP_CALL_matmul: return sp_lower_matmul(c);
    case SP_CALL_lu: return cuts_lu(c, panel) ? sp_lower_lu(c) : sp_lower_whole(c);
    case SP_CALL_solve: return !cut ? sp_lower_whole(c) : sp_mixed_applies(c) ? sp_lower_mixed(c) : sp_lower_solve(c);
    case SP_CALL_lu_solve: return sp_lower_lu_solve(c);
    case SP_CALL_triangular: return cut ? sp_lower_triangular(c) : sp_lower_whole(c);
    case SP_CALL_qr: return cut ? sp_lower_qr(c) : sp_lower_whole(c);
    case SP_CALL_cholesky: return cut ? sp_lower_cholesky(c) : sp_lower_whole(c);
    case SP_CALL_eigh:
    case SP_CALL_eigvalsh:
    case SP_CALL_svd:
    case SP_CALL_svdvals: return cut_both ? sp_lower_spectral(c) : sp_lower_whole(c);
    default: return sp_lower_whole(c);
    }
}

static starp_status lower_slices(struct sp_calling *c)
{
    starp_status status = c->node->op == SP_CALL_ppeval ? sp_lower_ppeval(c) : sp_lower_items(c);
    for (int k = 0; k < c->nheld; k++) sp_value_free(c->run->sched, c->held[k]);
    return status;
}

starp_status sp_lower_call(struct sp_run *run, int32_t step, const void **constants, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    const struct sp_order *o = &run->sched->order;
    struct sp_calling c = { .run = run, .step = s, .node = o->node[s->output[0]], .constants = constants, .e = e, .deal = 1 };
    if (sp_call_is_along_axis((enum sp_call)c.node->op)) return sp_lower_along(&c);
    if (c.node->op == SP_CALL_ppeval || c.node->op == SP_CALL_items) return lower_slices(&c);
    c.dense = sp_dense_of((starp_dtype)o->node[s->operand[0].node]->dtype);
    find_extents(&c);
    c.at_once = runs_at_once(&c);
    c.spoiled = sp_run_keep(run, sizeof *c.spoiled);
    if (!c.spoiled) return sp_fail_memory(e);
    starp_status status = lower(&c);
    for (int k = 0; k < c.nheld; k++) sp_value_free(run->sched, c.held[k]);
    return status;
}

/* One of several results: the same tiles. */
starp_status sp_lower_part(struct sp_run *run, int32_t step, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    const struct sp_node *n = run->sched->order.node[s->output[0]];
    const struct sp_value *from = run->value[s->operand[0].node];
    for (int k = 0; k < n->op && from; k++) from = from->more;
    struct sp_value *to = from ? sp_value_new(run->sched, &n->shape, n->dtype) : NULL;
    if (!to) return sp_fail_memory(e);
    run->value[s->output[0]] = to;
    to->map = from->map;
    to->run = from->run;
    for (int64_t t = 0; t < to->ntile; t++) {
        to->slot[t] = from->slot[t];
        if (to->slot[t]) to->slot[t]->refs++;
    }
    return STARP_OK;
}
