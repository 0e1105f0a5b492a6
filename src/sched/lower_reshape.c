/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_reshape.c: steps that move elements and compute nothing. A reshape: arrays of one tile share it, else one task per
 * tile of the result gathers its elements; since a tile of the result may need any tile of the source, the source is
 * waited for first. And another owner map: tiles go from rank to rank whole, nothing is cut again.
 */
#include <string.h>

#include "engine.h"

/* What all tasks of a reshape share; it goes with the last of them. */
struct source {
    atomic_int_fast64_t users;
    struct sp_view view;
    starp_dims shape, tile, seen;
    bool everywhere;
    int32_t *owner;
    void *data[];
};

struct reshape_task {
    struct sp_task task;
    struct sp_reshape job;
    struct source *source;
    starp_dims shape;
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    void *to;
    char **stream;                  /* per rank: what has come from it */
};

static int perform_reshape(struct sp_task *task, void *scratch)
{
    (void)scratch;
    struct reshape_task *t = (struct reshape_task *)task;
    sp_reshape_run(&t->job, t->stream, t->to);
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
    size_t n = (size_t)from->ntile;
    struct source *source = sp_malloc(sizeof *source + n * (sizeof source->data[0] + sizeof source->owner[0]));
    if (!source) return NULL;
    atomic_init(&source->users, 1);
    source->shape = from->shape;
    source->tile = from->tile;
    source->everywhere = from->map.everywhere;
    source->seen = x->npath ? o->node[x->path[0]]->shape : from->shape;
    source->owner = (int32_t *)(source->data + n);
    sp_operand_view(x, &(struct sp_step){ .shape = source->seen }, o, &source->view);
    for (size_t i = 0; i < n; i++) {
        source->data[i] = from->slot[i] ? from->slot[i]->data : NULL;
        source->owner[i] = sp_value_owner(from, (int64_t)i);
        if (from->slot[i]) from->slot[i]->reads = run->id;
    }
    return source;
}

static struct reshape_task *new_task(struct sp_run *run, const struct sp_step *s, struct source *source, const struct sp_value *to, int64_t tile)
{
    size_t ranks = (size_t)run->sched->ranks;
    struct reshape_task *t = sp_calloc(1, sizeof *t + ranks * (sizeof(char *) + sizeof(struct sp_slot *) + 1));
    if (!t) return NULL;
    atomic_fetch_add(&source->users, 1);
    t->source = source;
    t->shape = s->shape;
    t->stream = (char **)(t + 1);
    t->task = (struct sp_task){ .run = run, .site = run->sched->order.node[s->output[0]]->site, .name = "reshape",
                                .perform = perform_reshape, .end = end_reshape, .dep = (struct sp_slot **)(t->stream + ranks) };
    t->task.dep_mode = (uint8_t *)(t->task.dep + ranks);
    sp_value_tile(to, tile, t->lo, t->extent);
    t->job = (struct sp_reshape){
        .item = sp_dtypes[to->dtype].size, .tile = source->data, .owner = source->owner, .source_ndim = source->shape.n,
        .source_shape = source->shape.v, .source_tile = source->tile.v, .view = &source->view, .seen_ndim = source->seen.n,
        .seen_shape = source->seen.v, .ndim = t->shape.n, .shape = t->shape.v, .lo = t->lo, .extent = t->extent,
        .kernels = run->sched->kernels,
    };
    return t;
}

/* Packed at once, since the source is complete. */
static starp_status send_part(struct sp_run *run, const struct reshape_task *t, size_t bytes, int to, struct sp_error *e)
{
    struct sp_slot *slot = NULL;
    SP_TRY(sp_message_slot(run, bytes, &slot, e));
    sp_reshape_pack(&t->job, slot->data);
    starp_status status = sp_message_send(run, slot, bytes, to, e);
    sp_pool_put(&run->sched->pool, slot, run->id);
    return status;
}

/* What the tile needs of other ranks, and they of this one. */
static starp_status exchange(struct sp_run *run, struct reshape_task *t, int owner, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    size_t bytes[s->ranks];
    if (t->source->everywhere) return STARP_OK;
    memset(bytes, 0, sizeof bytes);
    sp_reshape_count(&t->job, bytes);
    if (owner != s->rank && bytes[s->rank] > 0) SP_TRY(send_part(run, t, bytes[s->rank], owner, e));
    for (int peer = 0; peer < s->ranks && sp_is_mine(s, owner); peer++) {
        if (peer == s->rank || bytes[peer] == 0) continue;
        struct sp_slot *slot = sp_message_receive(run, bytes[peer], peer, e);
        if (!slot) return e->status;
        t->stream[peer] = slot->data;
        sp_depend(&t->task, slot, 1, true);
        sp_pool_put(&s->pool, slot, run->id);
    }
    return STARP_OK;
}

static starp_status lower_tile(struct sp_run *run, const struct sp_step *s, struct source *source, struct sp_value *to, int64_t tile,
                               bool at_once, struct sp_error *e)
{
    int owner = sp_value_owner(to, tile);
    bool mine = sp_is_mine(run->sched, owner), ordered = !at_once && run->plan->last_use[s->output[0]] >= 0;
    if (!mine && source->everywhere) return STARP_OK;
    struct reshape_task *t = new_task(run, s, source, to, tile);
    if (!t) return sp_fail_memory(e);
    if (exchange(run, t, owner, e) != STARP_OK || !mine) {
        end_reshape(&t->task);
        sp_free(t);
        return e->status;
    }
    t->to = to->slot[tile]->data;
    if (at_once) return sp_perform(&t->task, e);
    sp_depend(&t->task, to->slot[tile], 2, ordered);
    return sp_submit(&t->task, e);
}

static starp_status lower_tiles(struct sp_run *run, const struct sp_step *s, struct sp_value *from, struct sp_value *to, struct sp_error *e)
{
    if (from->run == run->id) {
        sp_drain(run);
        if (atomic_load(&run->stop) && run->sched->ranks == 1) return sp_run_fault(run, e);
        from->run = 0;
        for (int64_t t = 0; t < from->ntile; t++) {
            if (from->slot[t]) from->slot[t]->writes = 0;
        }
    }
    bool at_once = to->map.everywhere && from->map.everywhere && sp_shape_size(&to->shape) <= SP_OPTION(&run->sched->options, small);
    if (!at_once) to->run = run->id;
    struct source *source = new_source(run, s, from);
    if (!source) return sp_fail_memory(e);
    starp_status status = sp_value_fill(run->sched, to, !at_once && run->plan->last_use[s->output[0]] >= 0, e);
    for (int64_t t = 0; t < to->ntile && status == STARP_OK; t++) status = lower_tile(run, s, source, to, t, at_once, e);
    leave_source(source);
    return status;
}

/* The same tiles, maybe at other ranks. */
static starp_status hand_over(struct sp_run *run, const struct sp_step *s, struct sp_value *from, struct sp_value *to, int64_t t,
                              struct sp_error *e)
{
    struct sp_sched *sched = run->sched;
    const void *site = sched->order.node[s->output[0]]->site;
    int here = sp_value_owner(from, t), there = sp_value_owner(to, t);
    size_t bytes = sp_value_tile_bytes(to, t);
    if (sp_is_mine(sched, here)) {
        struct sp_parcel p = { .n = 0 };
        if (sp_is_mine(sched, there)) (to->slot[t] = from->slot[t])->refs++;
        if (here == there || here == SP_EVERYWHERE || bytes == 0) return STARP_OK;
        struct sp_piece x = { .slot = from->slot[t], .from = from->slot[t]->data, .item = 1, .ndim = 1,
                              .extent = { (int64_t)bytes }, .stride = { 1 } };
        starp_status status = sp_parcel_add(&p, &x) ? sp_parcel_send(run, &p, there, site, e) : sp_fail_memory(e);
        sp_parcel_free(&p);
        return status;
    }
    if (!sp_is_mine(sched, there)) return STARP_OK;
    to->slot[t] = bytes ? sp_message_receive(run, (bytes + 15) & ~(size_t)15, here, e) : sp_pool_get(&sched->pool, 0, false);
    return to->slot[t] ? STARP_OK : sp_fail_memory(e);
}

starp_status sp_lower_reshape(struct sp_run *run, int32_t step, struct sp_error *e)
{
    struct sp_sched *sched = run->sched;
    const struct sp_step *s = &run->plan->step[step];
    const struct sp_node *n = sched->order.node[s->output[0]];
    struct sp_value *from = run->value[s->operand[0].node];
    struct sp_value *to = sp_value_new(sched, &n->shape, n->dtype);
    starp_status status = STARP_OK;
    int32_t grid[2];
    if (!to) return sp_fail_memory(e);
    run->value[s->output[0]] = to;
    memcpy(grid, n->param, sizeof grid);
    bool everywhere = to->map.everywhere;
    if (grid[0] > 0 && !everywhere) sp_map_init(&to->map, &to->grid, grid[0], grid[1]); /* the session's ranks, or fewer */
    if (grid[0] > sched->ranks / (grid[1] > 0 ? grid[1] : 1)) return sp_fail(e, STARP_ERR_ARGUMENT, "distribute: there are not %d x %d ranks", grid[0], grid[1]);
    bool whole = s->operand[0].npath == 0 && (sp_shape_equal(&from->shape, &to->shape) || (from->ntile == 1 && to->ntile == 1));
    if (!whole) return lower_tiles(run, s, from, to, e);
    to->run = sched->ranks > 1 ? run->id : from->run;
    for (int64_t t = 0; t < to->ntile && status == STARP_OK; t++) status = hand_over(run, s, from, to, t, e);
    return status;
}
