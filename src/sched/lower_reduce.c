/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_reduce.c: the second half of a reduction: every block leaves its accumulators in a partial result; a task per
 * tile of the final result combines those of all blocks along the reduced axes, in index order.
 */
#include <string.h>

#include "engine.h"

/* The kept iteration axes: extents, block extents, grid, and the result's axis for each. */
struct kept {
    int n;
    int64_t extent[STARP_MAXDIM], block[STARP_MAXDIM], grid[STARP_MAXDIM];
    int result_axis[STARP_MAXDIM];
};

static bool is_reduced(const struct sp_lowering *l, int k)
{
    return l->step->reduce_axes >> l->axis[k] & 1;
}

static void find_kept(const struct sp_lowering *l, const struct sp_node *n, struct kept *kept)
{
    bool keepdims = n->shape.n == l->ndim;
    kept->n = 0;
    for (int k = 0; k < l->ndim; k++) {
        if (is_reduced(l, k)) continue;
        kept->result_axis[kept->n] = keepdims ? l->axis[k] : kept->n;
        kept->extent[kept->n] = l->extent[k];
        kept->block[kept->n] = l->block[k];
        kept->grid[kept->n++] = l->grid[k];
    }
}

static const struct sp_reducer *reducer(const struct sp_lowering *l, int r)
{
    const struct sp_program_reduce *x = &l->program->reduce[r];
    return &l->run->sched->kernels->reduce[x->kind][x->dtype];
}

/* Extents of block number `i` of a grid; what they multiply to. */
static int64_t block_extents(int n, const int64_t *extent, const int64_t *block, const int64_t *grid, int64_t i, int64_t *lo, int64_t *size)
{
    int64_t elements = 1;
    for (int k = n - 1; k >= 0; k--) {
        lo[k] = i % grid[k] * block[k];
        i /= grid[k];
        size[k] = extent[k] - lo[k] < block[k] ? extent[k] - lo[k] : block[k];
        elements *= size[k];
    }
    return elements;
}

/* How many elements the blocks along the reduced axes bring to each accumulator. */
static void count_elements(struct sp_lowering *l)
{
    int64_t extent[STARP_MAXDIM], block[STARP_MAXDIM], grid[STARP_MAXDIM], lo[STARP_MAXDIM], size[STARP_MAXDIM];
    int n = 0;
    for (int k = 0; k < l->ndim; k++) {
        if (!is_reduced(l, k)) continue;
        extent[n] = l->extent[k];
        block[n] = l->block[k];
        grid[n++] = l->grid[k];
    }
    for (int64_t i = 0; i < l->nreduced; i++) l->count[i] = block_extents(n, extent, block, grid, i, lo, size);
}

starp_status sp_lower_partials(struct sp_lowering *l)
{
    int nreduce = l->program->nreduce;
    int64_t lo[STARP_MAXDIM], size[STARP_MAXDIM];
    struct kept kept;
    if (nreduce == 0) return STARP_OK;
    l->partial = sp_calloc((size_t)(nreduce * l->nkept * l->nreduced), sizeof *l->partial);
    l->count = sp_malloc((size_t)l->nreduced * sizeof *l->count);
    if (!l->partial || !l->count) return sp_fail_memory(l->e);
    count_elements(l);
    find_kept(l, l->run->sched->order.node[l->step->reduce[0]], &kept);
    struct sp_slot **slot = l->partial;
    for (int r = 0; r < nreduce; r++) {
        for (int64_t k = 0; k < l->nkept; k++) {
            size_t bytes = (size_t)block_extents(kept.n, kept.extent, kept.block, kept.grid, k, lo, size) * reducer(l, r)->acc_size;
            for (int64_t i = 0; i < l->nreduced; i++, slot++) {
                if (!sp_is_mine(l->run->sched, sp_block_owner(l, k, i))) continue;
                *slot = sp_pool_get(&l->run->sched->pool, bytes, !l->at_once);
                if (!*slot) return sp_fail_memory(l->e);
            }
        }
    }
    return STARP_OK;
}

/* ----------------------------------------------------------------------------------------------------- combining */

struct combine_task {
    struct sp_task task;
    struct sp_combine job;
    void **buffer;
};

static int perform_combine(struct sp_task *task, void *scratch)
{
    struct combine_task *t = (struct combine_task *)task;
    sp_combine_run(&t->job, t->buffer, scratch);
    return SP_KERNEL_OK;
}

/* The blocks that a tile of the result overlaps, per kept axis. */
struct overlap {
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM]; /* the tile, in kept axes */
    int64_t first[STARP_MAXDIM], n[STARP_MAXDIM];   /* blocks */
    int64_t nblock;
};

static void find_overlap(const struct kept *kept, const struct sp_value *v, int64_t tile, struct overlap *o)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    sp_value_tile(v, tile, lo, extent);
    o->nblock = 1;
    for (int k = 0; k < kept->n; k++) {
        o->lo[k] = lo[kept->result_axis[k]];
        o->extent[k] = extent[kept->result_axis[k]];
        o->first[k] = o->lo[k] / kept->block[k];
        o->n[k] = (o->lo[k] + o->extent[k] - 1) / kept->block[k] - o->first[k] + 1;
        o->nblock *= o->n[k];
    }
}

/* The part for overlapping block number i, its three arrays in `room`; returns the block's number. */
static int64_t fill_part(const struct kept *kept, const struct overlap *o, int64_t i, size_t item, struct sp_combine_part *p, int64_t *room)
{
    int64_t *extent = room, *from_stride = room + kept->n, *to_stride = room + 2 * kept->n, block = 0;
    int64_t lo[STARP_MAXDIM], size[STARP_MAXDIM], index[STARP_MAXDIM];
    for (int k = kept->n - 1; k >= 0; k--) {
        index[k] = o->first[k] + i % o->n[k];
        i /= o->n[k];
    }
    for (int k = 0; k < kept->n; k++) {
        block = block * kept->grid[k] + index[k];
        lo[k] = index[k] * kept->block[k];
        size[k] = kept->extent[k] - lo[k] < kept->block[k] ? kept->extent[k] - lo[k] : kept->block[k];
    }
    int64_t from_unit = 1, to_unit = (int64_t)item;
    p->from = p->to = 0;
    for (int k = kept->n - 1; k >= 0; k--) {
        int64_t a = lo[k] > o->lo[k] ? lo[k] : o->lo[k];
        int64_t b = lo[k] + size[k] < o->lo[k] + o->extent[k] ? lo[k] + size[k] : o->lo[k] + o->extent[k];
        extent[k] = b - a;
        from_stride[k] = from_unit;
        to_stride[k] = to_unit;
        p->from += (a - lo[k]) * from_unit;
        p->to += (a - o->lo[k]) * to_unit;
        from_unit *= size[k];
        to_unit *= o->extent[k];
    }
    p->ndim = kept->n;
    p->extent = extent;
    p->from_stride = from_stride;
    p->to_stride = to_stride;
    return block;
}

static struct combine_task *new_combine_task(const struct sp_lowering *l, const struct kept *kept, const struct overlap *o)
{
    size_t nbuffer = (size_t)(1 + o->nblock * l->nreduced), npart = (size_t)o->nblock;
    size_t bytes = sizeof(struct combine_task) + npart * (sizeof(struct sp_combine_part) + 3 * (size_t)kept->n * sizeof(int64_t)) +
                   (size_t)l->nreduced * sizeof(int64_t) + nbuffer * (2 * sizeof(void *) + 1);
    struct combine_task *t = sp_malloc(bytes);
    if (!t) return NULL;
    struct sp_combine_part *part = (struct sp_combine_part *)(t + 1);
    int64_t *room = (int64_t *)(part + npart);
    *t = (struct combine_task){ .task = { .run = l->run, .site = l->site, .name = "combine", .perform = perform_combine,
                                          .scratch = SP_COMBINE_SCRATCH },
                                .job = { .npart = (int)npart, .part = part } };
    int64_t *count = room + 3 * npart * (size_t)kept->n;
    memcpy(count, l->count, (size_t)l->nreduced * sizeof *count);
    for (size_t i = 0; i < npart; i++) part[i].count = count;
    t->buffer = (void **)(count + l->nreduced);
    t->task.dep = (struct sp_slot **)(t->buffer + nbuffer);
    t->task.dep_mode = (uint8_t *)(t->task.dep + nbuffer);
    return t;
}

/* Bytes of the partial results of a block. */
static size_t partial_bytes(const struct sp_lowering *l, int r, const struct kept *kept, int64_t block)
{
    int64_t lo[STARP_MAXDIM], size[STARP_MAXDIM];
    return (size_t)block_extents(kept->n, kept->extent, kept->block, kept->grid, block, lo, size) * reducer(l, r)->acc_size;
}

/* What a rank has computed of the partial results that a tile is combined from, in index order. */
static bool gather_partials(struct sp_lowering *l, int r, const struct kept *kept, const struct overlap *o, int rank)
{
    struct sp_combine_part part;
    int64_t room[3 * STARP_MAXDIM];
    sp_parcel_clear(&l->parcel);
    for (int64_t i = 0; i < o->nblock; i++) {
        int64_t block = fill_part(kept, o, i, 1, &part, room);
        for (int64_t b = 0; b < l->nreduced; b++) {
            if (sp_block_owner(l, block, b) != rank) continue;
            struct sp_slot *slot = l->partial[(r * l->nkept + block) * l->nreduced + b];
            struct sp_piece x = { .slot = slot, .from = slot ? slot->data : NULL, .item = 1, .ndim = 1,
                                  .extent = { (int64_t)partial_bytes(l, r, kept, block) }, .stride = { 1 } };
            if (!sp_parcel_add(&l->parcel, &x)) return false;
        }
    }
    return true;
}

/* A rank's partial results have come in one slot: the combining task finds them there. */
static starp_status receive_partials(struct sp_lowering *l, int r, const struct kept *kept, const struct overlap *o, int peer,
                                     struct combine_task *t)
{
    if (!gather_partials(l, r, kept, o, peer)) return sp_fail_memory(l->e);
    if (l->parcel.n == 0) return STARP_OK;
    struct sp_slot *slot = sp_parcel_borrow(l->run, l->parcel.bytes, peer, l->e);
    if (!slot) return l->e->status;
    sp_depend(&t->task, slot, 1, true);
    sp_pool_put(&l->run->sched->pool, slot, l->run->id);
    struct sp_combine_part part;
    int64_t room[3 * STARP_MAXDIM];
    int32_t piece = 0, buffer = 1;
    for (int64_t i = 0; i < o->nblock; i++) {
        int64_t block = fill_part(kept, o, i, 1, &part, room);
        for (int64_t b = 0; b < l->nreduced; b++, buffer++) {
            if (sp_block_owner(l, block, b) == peer) t->buffer[buffer] = (char *)slot->data + l->parcel.piece[piece++].at;
        }
    }
    return STARP_OK;
}

/* Connects a combining task with the partial results that were computed here. */
static void connect_partials(struct sp_lowering *l, int r, const struct kept *kept, const struct overlap *o, struct combine_task *t)
{
    struct sp_combine_part *part = (struct sp_combine_part *)(t + 1);
    int64_t *room = (int64_t *)(part + o->nblock);
    int32_t buffer = 1;
    for (int64_t i = 0; i < o->nblock; i++) {
        int64_t block = fill_part(kept, o, i, t->job.item, &part[i], room + 3 * i * kept->n);
        part[i].first = buffer;
        part[i].nblock = (int32_t)l->nreduced;
        struct sp_slot **slot = l->partial + (r * l->nkept + block) * l->nreduced;
        for (int64_t b = 0; b < l->nreduced; b++, buffer++) {
            if (!slot[b]) continue;
            t->buffer[buffer] = slot[b]->data;
            if (!l->at_once) sp_depend(&t->task, slot[b], 1, true);
        }
    }
}

static starp_status combine_tile(struct sp_lowering *l, int r, const struct kept *kept, struct sp_value *v, int64_t tile, bool ordered)
{
    struct sp_sched *s = l->run->sched;
    struct overlap o;
    int owner = sp_value_owner(v, tile);
    find_overlap(kept, v, tile, &o);
    if (!l->map.everywhere && owner != s->rank) {
        if (!gather_partials(l, r, kept, &o, s->rank)) return sp_fail_memory(l->e);
        SP_TRY(sp_parcel_lend(l->run, &l->parcel, owner, l->site, l->e));
    }
    if (!sp_is_mine(s, owner)) return STARP_OK;
    struct combine_task *t = new_combine_task(l, kept, &o);
    if (!t) return sp_fail_memory(l->e);
    t->job.reducer = reducer(l, r);
    t->job.item = sp_dtypes[v->dtype].size;
    t->buffer[0] = v->slot[tile]->data;
    if (!l->at_once) sp_depend(&t->task, v->slot[tile], 2, ordered);
    connect_partials(l, r, kept, &o, t);
    for (int peer = 0; peer < s->ranks && !l->map.everywhere; peer++) {
        if (peer == s->rank) continue;
        if (receive_partials(l, r, kept, &o, peer, t) != STARP_OK) return sp_free(t), l->e->status;
    }
    return l->at_once ? sp_perform(&t->task, l->e) : sp_submit(&t->task, l->e);
}

static starp_status combine(struct sp_lowering *l, int r)
{
    struct sp_run *run = l->run;
    int32_t node = l->step->reduce[r];
    const struct sp_node *n = run->sched->order.node[node];
    struct kept kept;
    struct sp_value *v = sp_value_new(run->sched, &n->shape, n->dtype);
    if (!v) return sp_fail_memory(l->e);
    run->value[node] = v;
    if (!l->at_once) v->run = run->id;
    find_kept(l, n, &kept);
    bool ordered = !l->at_once && run->plan->last_use[node] >= 0;
    SP_TRY(sp_value_fill(run->sched, v, ordered, l->e));
    for (int64_t t = 0; t < v->ntile; t++) SP_TRY(combine_tile(l, r, &kept, v, t, ordered));
    return STARP_OK;
}

starp_status sp_lower_combine(struct sp_lowering *l)
{
    for (int r = 0; r < l->program->nreduce; r++) SP_TRY(combine(l, r));
    return STARP_OK;
}
