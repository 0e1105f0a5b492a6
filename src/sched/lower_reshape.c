/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_reshape.c: a reshape. Arrays of one tile share it; else one task per tile of the result gathers its elements.
 * Since a tile of the result may need any tile of the source, the source is waited for first.
 */
#include <string.h>

#include "engine.h"

/* What all tasks of a reshape share; it goes with the last of them. */
struct source {
    atomic_int_fast64_t users;
    struct sp_view view;
    starp_dims shape, tile, seen;
    void *data[];
};

struct reshape_task {
    struct sp_task task;
    struct sp_reshape job;
    struct source *source;
    starp_dims shape;
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    void *to;
    struct sp_slot *dep;
    uint8_t dep_mode;
};

static int perform_reshape(struct sp_task *task, void *scratch)
{
    (void)scratch;
    struct reshape_task *t = (struct reshape_task *)task;
    sp_reshape_run(&t->job, t->to);
    return SP_KERNEL_OK;
}

static void leave_source(struct source *source)
{
    if (atomic_fetch_sub(&source->users, 1) == 1) sp_free(source);
}

static void end_reshape(struct sp_task *task)
{
    leave_source(((struct reshape_task *)task)->source);
}

static struct source *new_source(struct sp_run *run, const struct sp_step *s, const struct sp_value *from)
{
    const struct sp_order *o = &run->sched->order;
    const struct sp_operand *x = &s->operand[0];
    struct source *source = sp_malloc(sizeof *source + (size_t)from->ntile * sizeof source->data[0]);
    if (!source) return NULL;
    atomic_init(&source->users, 1);
    source->shape = from->shape;
    source->tile = from->tile;
    source->seen = x->npath ? o->node[x->path[0]]->shape : from->shape;
    sp_operand_view(x, &(struct sp_step){ .shape = source->seen }, o, &source->view);
    for (int64_t i = 0; i < from->ntile; i++) {
        source->data[i] = from->slot[i]->data;
        from->slot[i]->reads = run->id;
    }
    return source;
}

static struct reshape_task *new_task(struct sp_run *run, const struct sp_step *s, struct source *source, size_t item)
{
    struct reshape_task *t = sp_calloc(1, sizeof *t);
    if (!t) return NULL;
    atomic_fetch_add(&source->users, 1);
    t->source = source;
    t->shape = s->shape;
    t->task = (struct sp_task){ .run = run, .site = run->sched->order.node[s->output[0]]->site, .name = "reshape",
                                .perform = perform_reshape, .end = end_reshape, .dep = &t->dep, .dep_mode = &t->dep_mode };
    t->job = (struct sp_reshape){
        .item = item, .tile = source->data, .source_ndim = source->shape.n, .source_shape = source->shape.v,
        .source_tile = source->tile.v, .view = &source->view, .seen_ndim = source->seen.n, .seen_shape = source->seen.v,
        .ndim = t->shape.n, .shape = t->shape.v, .lo = t->lo, .extent = t->extent, .kernels = run->sched->kernels,
    };
    return t;
}

static starp_status lower_tile(struct sp_run *run, const struct sp_step *s, struct source *source, struct sp_value *to, int64_t tile,
                               bool at_once, struct sp_error *e)
{
    size_t item = sp_dtypes[to->dtype].size, bytes = item;
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    sp_value_tile(to, tile, lo, extent);
    for (int a = 0; a < to->shape.n; a++) bytes *= (size_t)extent[a];
    bool ordered = !at_once && run->plan->last_use[s->output[0]] >= 0;
    to->slot[tile] = sp_pool_get(&run->sched->pool, bytes, ordered);
    struct reshape_task *t = to->slot[tile] ? new_task(run, s, source, item) : NULL;
    if (!t) return sp_fail_memory(e);
    memcpy(t->lo, lo, sizeof lo);
    memcpy(t->extent, extent, sizeof extent);
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
    struct source *source = new_source(run, s, from);
    if (!source) return sp_fail_memory(e);
    starp_status status = STARP_OK;
    for (int64_t t = 0; t < to->ntile && status == STARP_OK; t++) status = lower_tile(run, s, source, to, t, at_once, e);
    leave_source(source);
    return status;
}
