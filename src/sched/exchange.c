/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exchange.c: what ranks send each other within a step. Every rank walks the same blocks in the same order; for each it
 * finds who computes it and which windows of others' tiles that takes. The owner packs those windows into one parcel for
 * each such rank, the receiver finds them there by the same arithmetic: nothing but elements travels.
 *
 * All sends of a step are submitted before its blocks, which wait for receives: so ranks that wait for each other always get
 * on, and what others need is on its way before this rank sets to work.
 */
#include <limits.h>
#include <string.h>

#include "engine.h"

#define ALIGNED(n) (((n) + 15) & ~(size_t)15)

/* ----------------------------------------------------------------------------------------------------- parcels */

void sp_parcel_clear(struct sp_parcel *p)
{
    p->n = 0;
    p->bytes = 0;
}

bool sp_parcel_add(struct sp_parcel *p, const struct sp_piece *piece)
{
    if (p->n == p->cap) {
        int32_t cap = p->cap ? p->cap * 2 : 8;
        struct sp_piece *more = sp_realloc(p->piece, (size_t)cap * sizeof *more);
        if (!more) return false;
        p->piece = more;
        p->cap = cap;
    }
    size_t bytes = piece->item;
    for (int k = 0; k < piece->ndim; k++) bytes *= (size_t)piece->extent[k];
    p->piece[p->n] = *piece;
    p->piece[p->n++].at = p->bytes;
    p->bytes += ALIGNED(bytes);
    return true;
}

void sp_parcel_free(struct sp_parcel *p)
{
    sp_free(p->piece);
}

struct pack_task {
    struct sp_task task;
    char *to;
    int32_t npiece, nmessage;
    struct sp_piece *piece;
    struct sp_message **message;
};

static int perform_pack(struct sp_task *task, void *scratch)
{
    (void)scratch;
    struct pack_task *t = (struct pack_task *)task;
    for (int32_t i = 0; i < t->npiece; i++) {
        struct sp_piece *x = &t->piece[i];
        int64_t dense[STARP_MAXDIM], unit = (int64_t)x->item;
        for (int k = x->ndim - 1; k >= 0; k--) {
            dense[k] = unit;
            unit *= x->extent[k];
        }
        sp_move(x->ndim, x->extent, x->item, t->to + x->at, dense, x->from, x->stride, task->run->sched->kernels);
    }
    return SP_KERNEL_OK;
}

/* Packed, or skipped because the run has failed: the others wait for the message either way. */
static void end_pack(struct sp_task *task)
{
    struct pack_task *t = (struct pack_task *)task;
    for (int32_t i = 0; i < t->nmessage; i++) sp_comm_post(t->message[i]);
}

static struct sp_message *new_message(struct sp_run *run, struct sp_slot *slot, size_t bytes, int peer, bool receive)
{
    struct sp_sched *s = run->sched;
    struct sp_message *m = sp_malloc(sizeof *m);
    if (!m) return NULL;
    uint32_t number = receive ? s->received[peer]++ : s->sent[peer]++;
    s->messages += !receive;
    s->bytes_sent += receive ? 0 : bytes;
    *m = (struct sp_message){ .run = run, .slot = slot, .data = slot->data, .bytes = bytes, .peer = peer, .receive = receive,
                              .tag = sp_comm_tag(s->session, number) };
    return m;
}

static starp_status check_size(size_t bytes, struct sp_error *e)
{
    if (bytes <= INT_MAX) return STARP_OK;
    return sp_fail(e, STARP_ERR_LIMIT, "a message of %zu bytes; at most 2 GiB go between ranks: make STARP_TILE smaller", bytes);
}

static struct pack_task *new_pack(struct sp_run *run, const struct sp_parcel *p, const void *site, int nmessage)
{
    size_t n = (size_t)p->n, bytes = sizeof(struct pack_task) + n * sizeof(struct sp_piece) + (size_t)nmessage * sizeof(void *) +
                                     n * (sizeof(struct sp_slot *) + 1);
    struct pack_task *t = sp_malloc(bytes);
    if (!t) return NULL;
    *t = (struct pack_task){ .task = { .run = run, .site = site, .name = "pack", .perform = perform_pack, .end = end_pack },
                             .npiece = p->n, .piece = (struct sp_piece *)(t + 1) };
    t->message = (struct sp_message **)(t->piece + n);
    t->task.dep = (struct sp_slot **)(t->message + nmessage);
    t->task.dep_mode = (uint8_t *)(t->task.dep + n);
    memcpy(t->piece, p->piece, n * sizeof *t->piece);
    return t;
}

static void depend_on_pieces(struct pack_task *t)
{
    for (int32_t i = 0; i < t->npiece; i++) {
        bool known = false;
        for (int k = 0; k < t->task.ndep && !known; k++) known = t->task.dep[k] == t->piece[i].slot;
        if (!known) sp_depend(&t->task, t->piece[i].slot, 1, false);
    }
}

starp_status sp_parcel_send(struct sp_run *run, const struct sp_parcel *p, int to, const void *site, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    if (p->n == 0) return STARP_OK;
    struct sp_slot *slot = NULL;
    SP_TRY(sp_message_slot(run, p->bytes, &slot, e));
    struct pack_task *t = new_pack(run, p, site, to == SP_EVERYWHERE ? s->ranks - 1 : 1);
    if (!t) return sp_pool_put(&s->pool, slot, run->id), sp_fail_memory(e);
    t->to = slot->data;
    for (int peer = 0; peer < s->ranks; peer++) {
        if (peer == s->rank || (to != SP_EVERYWHERE && peer != to)) continue;
        struct sp_message *m = new_message(run, slot, p->bytes, peer, false);
        if (!m) return sp_pool_put(&s->pool, slot, run->id), sp_free(t), sp_fail_memory(e);
        t->message[t->nmessage++] = m;
    }
    t->task.sends = t->nmessage;
    depend_on_pieces(t);
    sp_pool_put(&s->pool, slot, run->id); /* others get it when the run has ended */
    return sp_submit(&t->task, e);
}

starp_status sp_message_slot(struct sp_run *run, size_t bytes, struct sp_slot **slot, struct sp_error *e)
{
    SP_TRY(check_size(bytes, e));
    *slot = sp_pool_get(&run->sched->pool, bytes, false);
    if (!*slot) return sp_fail_memory(e);
    (*slot)->writes = (*slot)->reads = run->id; /* nobody gets it before the run has ended */
    return STARP_OK;
}

starp_status sp_message_send(struct sp_run *run, struct sp_slot *slot, size_t bytes, int to, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    for (int peer = 0; peer < s->ranks; peer++) {
        if (peer == s->rank || (to != SP_EVERYWHERE && peer != to)) continue;
        struct sp_message *m = new_message(run, slot, bytes, peer, false);
        if (!m) return sp_fail_memory(e);
        sp_expect(run);
        atomic_fetch_add(&run->outgoing, 1);
        sp_comm_post(m);
    }
    return STARP_OK;
}

struct sp_slot *sp_parcel_receive(struct sp_run *run, size_t bytes, int from, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    if (check_size(bytes, e) != STARP_OK) return NULL;
    struct sp_slot *slot = sp_pool_get(&s->pool, bytes, false);
    struct sp_message *m = slot ? new_message(run, slot, bytes, from, true) : NULL;
    if (!m) return sp_pool_put(&s->pool, slot, 0), sp_fail_memory(e), NULL;
    slot->writes = slot->reads = run->id; /* waiting for an earlier reader would hold up this message and those behind it */
    sp_receive(m);
    return slot;
}

/* ------------------------------------------------------------------------------------------------ windows of a block */

/* Whether a box's operand is read from a tile of rank `owner`. */
static bool comes_from(const struct sp_lowering *l, const struct sp_ref *ref, int k, int owner)
{
    const struct sp_window *w = &l->window[k];
    return w->value && !w->iota && l->cuts.source[ref->buffer].owner == owner;
}

/* A box's window as a piece: axes along which it does not move are left out. */
static struct sp_piece window_piece(const struct sp_lowering *l, int32_t b, int k)
{
    const struct sp_cuts *c = &l->cuts;
    const struct sp_ref *ref = &c->ref[b * c->nreg + k];
    const int64_t *extent = c->box + (2 * b + 1) * c->ndim;
    struct sp_slot *slot = c->slot[ref->buffer];
    struct sp_piece x = { .slot = slot, .from = slot ? (const char *)slot->data + ref->offset : NULL,
                          .item = sp_dtypes[l->window[k].value->dtype].size };
    for (int a = 0; a < c->ndim; a++) {
        if (ref->stride[a] == 0 || extent[a] == 1) continue;
        x.extent[x.ndim] = extent[a];
        x.stride[x.ndim++] = ref->stride[a];
    }
    return x;
}

static bool gather_pieces(struct sp_lowering *l, int owner)
{
    struct sp_cuts *c = &l->cuts;
    sp_parcel_clear(&l->parcel);
    for (int32_t b = 0; b < c->nbox; b++) {
        for (int k = 0; k < l->program->noperand; k++) {
            if (!comes_from(l, &c->ref[b * c->nreg + k], k, owner)) continue;
            struct sp_piece x = window_piece(l, b, k);
            if (!sp_parcel_add(&l->parcel, &x)) return false;
        }
    }
    return true;
}

/* Lets a box's operand read its piece of a parcel instead of the tile that is not here. */
static void redirect(struct sp_lowering *l, int32_t b, int k, const struct sp_piece *x, int32_t buffer)
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
    ref->buffer = buffer;
}

static starp_status receive_from(struct sp_lowering *l, int peer)
{
    struct sp_cuts *c = &l->cuts;
    if (!gather_pieces(l, peer)) return sp_fail_memory(l->e);
    if (l->parcel.n == 0) return STARP_OK;
    struct sp_slot *slot = sp_parcel_receive(l->run, l->parcel.bytes, peer, l->e);
    if (!slot) return l->e->status;
    int32_t buffer = sp_cuts_buffer(c, &(struct sp_source){ .owner = SP_EVERYWHERE }, slot, 1), i = 0;
    sp_pool_put(&l->run->sched->pool, slot, l->run->id);
    if (buffer < 0) return sp_fail_memory(l->e);
    for (int32_t b = 0; b < c->nbox; b++) {
        for (int k = 0; k < l->program->noperand; k++) {
            if (comes_from(l, &c->ref[b * c->nreg + k], k, peer)) redirect(l, b, k, &l->parcel.piece[i++], buffer);
        }
    }
    return STARP_OK;
}

starp_status sp_exchange_send(struct sp_lowering *l, int owner)
{
    if (!gather_pieces(l, l->run->sched->rank)) return sp_fail_memory(l->e);
    return sp_parcel_send(l->run, &l->parcel, owner, l->site, l->e);
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

/* A map other than the usual one spreads from operands of the step's shape to its blocks and results. */
static void inherit_map(struct sp_lowering *l)
{
    for (int k = 0; k < l->program->noperand; k++) {
        const struct sp_value *v = l->window[k].value;
        if (!v || l->window[k].iota || v->map.everywhere || !sp_shape_equal(&v->shape, &l->step->shape)) continue;
        if (v->map.p == l->map.p && v->map.q == l->map.q) continue;
        l->map = v->map;
        return;
    }
}

/* Whether every operand lies where the blocks that read it are computed: then nothing travels. */
static bool is_aligned(const struct sp_lowering *l)
{
    for (int k = 0; k < l->program->noperand; k++) {
        const struct sp_window *w = &l->window[k];
        if (!w->value || w->iota || w->value->map.everywhere) continue;
        if (!sp_shape_equal(&w->value->shape, &l->step->shape) || !sp_map_equal(&w->value->map, &l->map)) return false;
        for (int a = 0; a < w->view.ndim; a++) {
            int axis = w->view.axis[a];
            if (axis < 0 ? w->value->shape.v[a] != 1 : l->axis[axis] != a) return false;
            if (w->view.start[a] != 0 || (axis >= 0 && w->view.step[a] != 1)) return false;
            if (axis >= 0 && l->block[axis] != w->value->tile.v[a]) return false;
        }
    }
    return true;
}

void sp_exchange_prepare(struct sp_lowering *l)
{
    const struct sp_sched *s = l->run->sched;
    sp_value_map(s, &l->step->shape, &l->map);
    if (!l->map.everywhere) inherit_map(l);
    l->aligned = s->ranks == 1 || is_aligned(l);
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
