/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_reshape.c: a reshape. Arrays of one tile share it; else one task per tile of the result gathers its elements.
 * Since a tile of the result may need any tile of the source, the source is waited for first.
 */
#include <string.h>

#include "engine.h"

struct reshape_task {
    struct sp_task task;
    struct sp_reshape job;
    struct sp_view view;
    starp_dims source_shape, source_tile, seen, shape;
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    void *to;
    void *tile[];
};

static int perform_reshape(struct sp_task *task, void *scratch)
{
    (void)scratch;
    struct reshape_task *t = (struct reshape_task *)task;
    sp_reshape_run(&t->job, t->to);
    return SP_KERNEL_OK;
}

static struct reshape_task *new_task(struct sp_run *run, const struct sp_step *s, const struct sp_value *from)
{
    const struct sp_order *o = &run->sched->order;
    const struct sp_operand *x = &s->operand[0];
    struct reshape_task *t = sp_calloc(1, sizeof *t + (size_t)from->ntile * (sizeof t->tile[0] + sizeof(struct sp_slot *) + 1));
    if (!t) return NULL;
    t->source_shape = from->shape;
    t->source_tile = from->tile;
    t->seen = x->npath ? o->node[x->path[0]]->shape : from->shape;
    t->shape = s->shape;
    sp_operand_view(x, &(struct sp_step){ .shape = t->seen }, o, &t->view);
    t->task = (struct sp_task){ .run = run, .site = o->node[s->output[0]]->site, .name = "reshape", .perform = perform_reshape };
    t->job = (struct sp_reshape){
        .item = sp_dtypes[from->dtype].size, .tile = t->tile, .source_ndim = from->shape.n, .source_shape = t->source_shape.v,
        .source_tile = t->source_tile.v, .view = &t->view, .seen_ndim = t->seen.n, .seen_shape = t->seen.v, .ndim = t->shape.n,
        .shape = t->shape.v, .lo = t->lo, .extent = t->extent, .kernels = run->sched->kernels,
    };
    t->task.dep = (struct sp_slot **)(t->tile + from->ntile);
    t->task.dep_mode = (uint8_t *)(t->task.dep + from->ntile);
    for (int64_t i = 0; i < from->ntile; i++) {
        t->tile[i] = from->slot[i]->data;
        from->slot[i]->reads = run->id;
    }
    return t;
}

static starp_status lower_tile(struct sp_run *run, const struct sp_step *s, const struct sp_value *from, struct sp_value *to,
                               int64_t tile, bool at_once, struct sp_error *e)
{
    struct reshape_task *t = new_task(run, s, from);
    if (!t) return sp_fail_memory(e);
    size_t bytes = t->job.item;
    sp_value_tile(to, tile, t->lo, t->extent);
    for (int a = 0; a < to->shape.n; a++) bytes *= (size_t)t->extent[a];
    bool ordered = !at_once && run->plan->last_use[s->output[0]] >= 0;
    to->slot[tile] = sp_pool_get(&run->sched->pool, bytes, ordered);
    if (!to->slot[tile]) {
        sp_free(t);
        return sp_fail_memory(e);
    }
    t->to = to->slot[tile]->data;
    if (at_once) return sp_perform(&t->task, e);
    sp_depend(&t->task, to->slot[tile], 2, ordered);
    return sp_submit(&t->task, e);
}

starp_status sp_lower_reshape(struct sp_run *run, int32_t step, struct sp_error *e)
{
    struct sp_sched *sched = run->sched;
    const struct sp_step *s = &run->plan->step[step];
    const struct sp_node *n = sched->order.node[s->output[0]];
    struct sp_value *from = run->value[s->operand[0].node];
    struct sp_value *to = sp_value_new(sched, &n->shape, n->dtype);
    if (!to) return sp_fail_memory(e);
    run->value[s->output[0]] = to;
    if (from->ntile == 1 && to->ntile == 1 && s->operand[0].npath == 0) {
        to->slot[0] = from->slot[0];
        to->slot[0]->refs++;
        to->run = from->run;
        return STARP_OK;
    }
    if (from->run == run->id) {
        sp_drain(run);
        if (atomic_load(&run->stop)) return sp_run_fault(run, e);
        from->run = 0;
        for (int64_t t = 0; t < from->ntile; t++) from->slot[t]->writes = 0;
    }
    bool at_once = sp_shape_size(&n->shape) <= SP_OPTION(&sched->options, small);
    if (!at_once) to->run = run->id;
    for (int64_t t = 0; t < to->ntile; t++) SP_TRY(lower_tile(run, s, from, to, t, at_once, e));
    return STARP_OK;
}
