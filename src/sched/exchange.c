/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exchange.c: what ranks send each other within a step. Every rank walks the same blocks in the same order; for each it
 * finds who computes it and which windows of others' tiles that takes. The owner packs those windows into one parcel for
 * each such rank, the receiver finds them there by the same arithmetic: nothing but elements travels. Windows of a tile that
 * overlap travel as their hull, if that is less.
 *
 * All sends of a step are submitted before its blocks, which wait for receives: so ranks that wait for each other always get
 * on, and what others need is on its way before this rank sets to work.
 */
#include <string.h>

#include "engine.h"

/* ------------------------------------------------------------------------------------------------ windows of a block */

/* Where a box's window lies in the tile it is read from: its first element, and the range it covers, per axis of the array. */
struct place {
    const struct sp_value *value;
    int64_t tile;
    int64_t first[STARP_MAXDIM], lo[STARP_MAXDIM], hi[STARP_MAXDIM];
};

/* All windows of a tile that a block reads. */
struct sp_hull {
    struct place all;
    size_t apart;                   /* bytes of the windows, each by itself */
    int32_t piece;                  /* its number in the parcel; -1: they travel one by one */
};

/* The place of a box's operand, if it is read from a tile of rank `owner`. */
static bool comes_from(const struct sp_lowering *l, int32_t b, int k, int owner, struct place *p)
{
    const struct sp_cuts *c = &l->cuts;
    const struct sp_window *w = &l->window[k];
    const int64_t *box = c->box + 2 * b * c->ndim, *extent = box + c->ndim;
    if (!w->value || w->iota || w->value->map.everywhere) return false;
    *p = (struct place){ .value = w->value };
    for (int a = 0; a < w->value->shape.n; a++) {
        int axis = w->view.axis[a];
        int64_t step = axis < 0 ? 0 : w->view.step[a], n = axis < 0 ? 1 : extent[axis], tile = w->value->tile.v[a];
        int64_t first = w->view.start[a] + (axis < 0 ? 0 : step * (c->lo[axis] + box[axis])), at = first / tile;
        p->tile = p->tile * w->value->grid.v[a] + at;
        p->first[a] = first - at * tile;
        p->lo[a] = p->first[a] + (step < 0 ? step * (n - 1) : 0);
        p->hi[a] = p->first[a] + (step > 0 ? step * (n - 1) : 0) + 1;
    }
    return sp_value_owner(w->value, p->tile) == owner;
}

/* A box's window as a piece: axes along which it does not move are left out. */
static struct sp_piece window_piece(const struct sp_lowering *l, int32_t b, int k, const struct place *p)
{
    const struct sp_cuts *c = &l->cuts;
    const struct sp_ref *ref = &c->ref[b * c->nreg + k];
    const int64_t *extent = c->box + (2 * b + 1) * c->ndim;
    struct sp_slot *slot = p->value->slot[p->tile];
    struct sp_piece x = { .slot = slot, .from = slot ? (const char *)slot->data + ref->offset : NULL,
                          .item = sp_dtypes[p->value->dtype].size };
    for (int a = 0; a < c->ndim; a++) {
        if (ref->stride[a] == 0 || extent[a] == 1) continue;
        x.extent[x.ndim] = extent[a];
        x.stride[x.ndim++] = ref->stride[a];
    }
    return x;
}

static struct sp_piece hull_piece(const struct place *p)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], stride, offset = 0;
    struct sp_slot *slot = p->value->slot[p->tile];
    struct sp_piece x = { .slot = slot, .item = sp_dtypes[p->value->dtype].size, .ndim = p->value->shape.n };
    sp_value_tile(p->value, p->tile, lo, extent);
    stride = (int64_t)x.item;
    for (int a = x.ndim - 1; a >= 0; a--) {
        x.extent[a] = p->hi[a] - p->lo[a];
        x.stride[a] = stride;
        offset += p->lo[a] * stride;
        stride *= extent[a];
    }
    x.from = slot ? (const char *)slot->data + offset : NULL;
    return x;
}

static struct sp_hull *hull_of(struct sp_lowering *l, const struct place *p)
{
    for (int32_t i = l->nhull - 1; i >= 0; i--) {
        if (l->hull[i].all.value == p->value && l->hull[i].all.tile == p->tile) return &l->hull[i];
    }
    if (l->nhull == l->hull_cap) {
        int32_t cap = l->hull_cap ? 2 * l->hull_cap : 8;
        struct sp_hull *more = sp_realloc(l->hull, (size_t)cap * sizeof *more);
        if (!more) return NULL;
        l->hull = more;
        l->hull_cap = cap;
    }
    l->hull[l->nhull] = (struct sp_hull){ .all = *p, .piece = -1 };
    return &l->hull[l->nhull++];
}

/* The hulls of all windows the block reads of a rank's tiles. */
static bool find_hulls(struct sp_lowering *l, int owner)
{
    struct place p;
    l->nhull = 0;
    for (int32_t b = 0; b < l->cuts.nbox; b++) {
        for (int k = 0; k < l->program->noperand; k++) {
            if (!comes_from(l, b, k, owner, &p)) continue;
            struct sp_hull *h = hull_of(l, &p);
            if (!h) return false;
            struct sp_piece x = window_piece(l, b, k, &p);
            h->apart += sp_piece_bytes(&x);
            for (int a = 0; a < p.value->shape.n; a++) {
                if (p.lo[a] < h->all.lo[a]) h->all.lo[a] = p.lo[a];
                if (p.hi[a] > h->all.hi[a]) h->all.hi[a] = p.hi[a];
            }
        }
    }
    return true;
}

bool sp_exchange_gather(struct sp_lowering *l, int owner)
{
    struct place p;
    sp_parcel_clear(&l->parcel);
    if (!find_hulls(l, owner)) return false;
    for (int32_t i = 0; i < l->nhull; i++) {
        struct sp_piece x = hull_piece(&l->hull[i].all);
        if (sp_piece_bytes(&x) > l->hull[i].apart) continue;
        l->hull[i].piece = l->parcel.n;
        if (!sp_parcel_add(&l->parcel, &x)) return false;
    }
    for (int32_t b = 0; b < l->cuts.nbox; b++) {
        for (int k = 0; k < l->program->noperand; k++) {
            if (!comes_from(l, b, k, owner, &p) || hull_of(l, &p)->piece >= 0) continue;
            struct sp_piece x = window_piece(l, b, k, &p);
            if (!sp_parcel_add(&l->parcel, &x)) return false;
        }
    }
    return true;
}

/* Lets a box's operand read its own piece of a parcel instead of the tile that is not here. */
static void redirect(struct sp_lowering *l, int32_t b, int k, const struct sp_piece *x)
{
    struct sp_cuts *c = &l->cuts;
    struct sp_ref *ref = &c->ref[b * c->nreg + k];
    const int64_t *extent = c->box + (2 * b + 1) * c->ndim;
    int64_t unit = (int64_t)x->item;
    for (int a = c->ndim - 1; a >= 0; a--) {
        if (ref->stride[a] == 0) continue;
        ref->stride[a] = extent[a] == 1 ? 0 : unit;
        unit *= extent[a];
    }
    ref->offset = (int64_t)x->at;
}

/* The same, where the hull has come of all windows of its tile. */
static void redirect_to_hull(struct sp_lowering *l, int32_t b, int k, const struct place *p, const struct sp_hull *h)
{
    struct sp_ref *ref = &l->cuts.ref[b * l->cuts.nreg + k];
    const struct sp_view *view = &l->window[k].view;
    const struct sp_piece *x = &l->parcel.piece[h->piece];
    int64_t unit = (int64_t)x->item;
    memset(ref->stride, 0, sizeof ref->stride);
    ref->offset = (int64_t)x->at;
    for (int a = x->ndim - 1; a >= 0; a--) {
        ref->offset += (p->first[a] - h->all.lo[a]) * unit;
        if (view->axis[a] >= 0) ref->stride[view->axis[a]] += view->step[a] * unit;
        unit *= x->extent[a];
    }
}

static starp_status receive_from(struct sp_lowering *l, int peer)
{
    struct sp_cuts *c = &l->cuts;
    struct place p;
    if (!sp_exchange_gather(l, peer)) return sp_fail_memory(l->e);
    if (l->parcel.n == 0) return STARP_OK;
    struct sp_slot *slot = sp_parcel_borrow(l->run, l->parcel.bytes, peer, l->e);
    if (!slot) return l->e->status;
    int32_t buffer = sp_cuts_buffer(c, &(struct sp_source){ .value = NULL }, slot, 1), single = 0;
    sp_pool_put(&l->run->sched->pool, slot, l->run->id);
    if (buffer < 0) return sp_fail_memory(l->e);
    for (int32_t i = 0; i < l->nhull; i++) single += l->hull[i].piece >= 0;
    for (int32_t b = 0; b < c->nbox; b++) {
        for (int k = 0; k < l->program->noperand; k++) {
            if (!comes_from(l, b, k, peer, &p)) continue;
            const struct sp_hull *h = hull_of(l, &p);
            if (h->piece >= 0) redirect_to_hull(l, b, k, &p, h);
            else redirect(l, b, k, &l->parcel.piece[single++]);
            c->ref[b * c->nreg + k].buffer = buffer;
        }
    }
    return STARP_OK;
}

starp_status sp_exchange_send(struct sp_lowering *l, int owner)
{
    if (!sp_exchange_gather(l, l->run->sched->rank)) return sp_fail_memory(l->e);
    return sp_parcel_lend(l->run, &l->parcel, owner, l->site, l->e);
}

starp_status sp_exchange_receive(struct sp_lowering *l)
{
    const struct sp_sched *s = l->run->sched;
    for (int peer = 0; peer < s->ranks; peer++) {
        if (peer != s->rank) SP_TRY(receive_from(l, peer));
    }
    return STARP_OK;
}

/* ----------------------------------------------------------------------------------------------- who computes what */

/* Whether a window sees the axes of its array in their order, one element after the other. axis: of the shape, per iteration axis. */
static bool is_upright(const struct sp_window *w, const int *axis, int ndim)
{
    if (w->view.ndim != ndim) return false;
    for (int a = 0; a < w->view.ndim; a++) {
        int k = w->view.axis[a];
        if (k < 0 ? w->value->shape.v[a] != 1 : axis[k] != a) return false;
        if (k >= 0 && w->view.step[a] != 1) return false;
    }
    return true;
}

bool sp_map_inherited(const struct sp_sched *s, const starp_dims *shape, const int *axis, const struct sp_window *w, int n, struct sp_map *map)
{
    starp_dims tile, grid;
    sp_value_grid(s, shape, &tile, &grid);
    for (int k = 0; k < n; k++) {
        const struct sp_value *v = w[k].value;
        struct sp_map usual;
        if (!v || w[k].iota || v->map.everywhere || !sp_shape_equal(&v->tile, &tile) || !is_upright(&w[k], axis, shape->n)) continue;
        sp_value_map(s, &v->shape, &usual);
        if (sp_map_equal(&v->map, &usual)) continue;
        sp_map_init(map, &grid, v->map.p, v->map.q);
        return true;
    }
    return false;
}

/* Whether every operand lies where the blocks that read it are computed: then nothing travels. */
static bool is_aligned(const struct sp_lowering *l)
{
    for (int k = 0; k < l->program->noperand; k++) {
        const struct sp_window *w = &l->window[k];
        if (!w->value || w->iota || w->value->map.everywhere) continue;
        if (!sp_shape_equal(&w->value->shape, &l->step->shape) || !sp_map_equal(&w->value->map, &l->map)) return false;
        if (!is_upright(w, l->axis, l->ndim)) return false;
        for (int a = 0; a < w->view.ndim; a++) {
            int axis = w->view.axis[a];
            if (w->view.start[a] != 0 || (axis >= 0 && l->block[axis] != w->value->tile.v[a])) return false;
        }
    }
    return true;
}

void sp_exchange_prepare(struct sp_lowering *l)
{
    const struct sp_sched *s = l->run->sched;
    sp_value_map(s, &l->step->shape, &l->map);
    if (!l->map.everywhere) sp_map_inherited(s, &l->step->shape, l->axis, l->window, l->program->noperand, &l->map);
    sp_exchange_align(l);
}

void sp_exchange_align(struct sp_lowering *l)
{
    l->aligned = l->run->sched->ranks == 1 || is_aligned(l);
}

int sp_block_owner(const struct sp_lowering *l, int64_t kept, int64_t reduced)
{
    int64_t index[STARP_MAXDIM];
    if (l->map.everywhere) return SP_EVERYWHERE;
    for (int k = l->ndim - 1; k >= 0; k--) {
        int64_t *n = l->step->reduce_axes >> l->axis[k] & 1 ? &reduced : &kept;
        index[l->axis[k]] = *n % l->grid[k];
        *n /= l->grid[k];
    }
    return sp_map_owner(&l->map, index);
}
