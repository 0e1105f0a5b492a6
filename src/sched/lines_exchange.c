/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines_exchange.c: lines that fit a cache, on many ranks. A block of lines is some rank's, whose task gathers and scatters them as on
 * one rank: from its own tiles and into them, and for other ranks' from messages and into messages. So what travels is packed, or put
 * in place, once, and elements that stay on their rank are not moved at all.
 *
 * What blocks of others read is sent first; then this rank's blocks are submitted; then what makes others' results complete. Tasks of
 * each of these wait for the other ranks' tasks of the one before at most, so all get on.
 */
#include <string.h>

#include "lines.h"

struct spread {
    struct sp_along *f;
    struct sp_lowering in;        /* the operands of a block, as exchange.c sees those of any step */
    struct sp_cuts out;
    struct sp_parcel parcel;
    struct {
        struct sp_slot *slot;     /* of a message to be sent; or NULL */
        size_t bytes;
    } *to;                        /* per rank */
    starp_dims block;
    const struct sp_value *home;  /* of which a block's rank has the tiles; NULL: blocks are dealt like tiles */
    struct sp_map map;            /* in that case */
};

/* -------------------------------------------------------------------------------------------------- blocks of lines */

/* A value is a home for lines that lie on one rank each, if ranks have their shares of them. */
static bool is_home(const struct sp_along *f, const struct sp_value *v)
{
    return !v->map.everywhere && !sp_map_deals(&v->map, f->param.axis) && sp_map_is_fair(&v->map, &v->grid);
}

static void find_home(struct spread *x)
{
    const struct sp_along *f = x->f;
    starp_dims grid;
    sp_lines_block(f, &x->block);
    if (is_home(f, f->out.value)) x->home = f->out.value;
    else if (!f->program && sp_view_is_identity(&f->in.view, &f->in.value->shape, &f->in_shape) && is_home(f, f->in.value)) x->home = f->in.value;
    if (x->home) return;
    grid.n = x->block.n;
    for (int a = 0; a < grid.n; a++) grid.v[a] = (f->out_shape.v[a] + x->block.v[a] - 1) / x->block.v[a];
    sp_map_usual(&x->map, &grid, f->c->run->sched->ranks);
}

/* The block that begins at lo: it ends where a tile at home does; and whose it is. */
static int find_block(const struct spread *x, const int64_t *lo, int64_t *extent)
{
    int64_t index[STARP_MAXDIM];
    for (int a = 0; a < x->block.n; a++) {
        int64_t rest = x->f->out_shape.v[a] - lo[a], tile = x->home ? x->home->tile.v[a] : x->block.v[a];
        index[a] = lo[a] / tile;
        extent[a] = x->block.v[a] < rest ? x->block.v[a] : rest;
        if (a == x->f->param.axis) continue;
        if (extent[a] > (index[a] + 1) * tile - lo[a]) extent[a] = (index[a] + 1) * tile - lo[a];
    }
    return sp_map_owner(x->home ? &x->home->map : &x->map, index);
}

typedef starp_status block_fn(struct spread *x, const int64_t *lo, int64_t *extent, int owner);

static starp_status for_each(struct spread *x, block_fn *fn)
{
    int64_t lo[STARP_MAXDIM] = { 0 }, extent[STARP_MAXDIM], lines[STARP_MAXDIM];
    for (int a = 0; a >= 0;) {
        int owner = find_block(x, lo, extent);
        memcpy(lines, extent, sizeof lines);
        SP_TRY(fn(x, lo, lines, owner));
        for (a = x->block.n - 1; a >= 0; a--) {
            if (a == x->f->param.axis) continue;
            if ((lo[a] += extent[a]) < x->f->out_shape.v[a]) break;
            lo[a] = 0;
        }
    }
    return STARP_OK;
}

/* ---------------------------------------------------------------------------------------------------------- operands */

static starp_status cut_in(struct spread *x, const int64_t *lo, int64_t *extent)
{
    struct sp_along *f = x->f;
    return sp_lines_cut(f, &f->in_shape, lo, extent, sp_along_reads(f), sp_along_nreads(f), false, &x->in.cuts);
}

static starp_status send_operands(struct spread *x, const int64_t *lo, int64_t *extent, int owner)
{
    if (owner == x->f->c->run->sched->rank) return STARP_OK;
    SP_TRY(cut_in(x, lo, extent));
    return sp_exchange_send(&x->in, owner);
}

/* ----------------------------------------------------------------------------------------------------------- results */

static starp_status cut_out(struct spread *x, const int64_t *lo, int64_t *extent)
{
    struct sp_along *f = x->f;
    return sp_lines_cut(f, &f->out_shape, lo, extent, &f->out, 1, true, &x->out);
}

/* Whether a box of results is in a rank's tile. */
static bool is_of(const struct spread *x, int32_t b, int rank)
{
    const struct sp_source *s = &x->out.source[x->out.ref[b].buffer];
    return s->value && sp_value_owner(s->value, s->tile) == rank;
}

/* The parcel of all boxes in a rank's tiles, in order. */
static bool gather(struct spread *x, int rank)
{
    const struct sp_cuts *c = &x->out;
    sp_parcel_clear(&x->parcel);
    for (int32_t b = 0; b < c->nbox; b++) {
        const struct sp_ref *ref = &c->ref[b];
        struct sp_slot *slot = c->slot[ref->buffer];
        struct sp_piece piece = { .slot = slot, .item = sp_dtypes[x->f->out_dtype].size, .ndim = c->ndim };
        if (!is_of(x, b, rank)) continue;
        if (slot) piece.from = (const char *)slot->data + ref->offset;
        memcpy(piece.extent, c->box + (2 * b + 1) * c->ndim, (size_t)c->ndim * sizeof *piece.extent);
        memcpy(piece.stride, ref->stride, (size_t)c->ndim * sizeof *piece.stride);
        if (!sp_parcel_add(&x->parcel, &piece)) return false;
    }
    return true;
}

/* Results in a rank's tiles go into a message to it. */
static starp_status redirect(struct spread *x, int rank)
{
    struct sp_calling *c = x->f->c;
    x->to[rank].slot = NULL;
    if (!gather(x, rank)) return sp_fail_memory(c->e);
    if (x->parcel.n == 0) return STARP_OK;
    x->to[rank].bytes = x->parcel.bytes;
    SP_TRY(sp_lent_slot(c->run, x->parcel.bytes, rank, &x->to[rank].slot, c->e));
    int32_t buffer = sp_cuts_buffer(&x->out, &(struct sp_source){ .value = NULL }, x->to[rank].slot, 2);
    if (buffer < 0) return sp_fail_memory(c->e);
    const struct sp_piece *piece = x->parcel.piece;
    for (int32_t b = 0; b < x->out.nbox; b++) {
        if (!is_of(x, b, rank)) continue;
        struct sp_ref *ref = &x->out.ref[b];
        *ref = (struct sp_ref){ .buffer = buffer, .offset = (int64_t)piece->at };
        sp_piece_dense(piece++, ref->stride);
    }
    return STARP_OK;
}

static starp_status redirect_all(struct spread *x)
{
    const struct sp_sched *s = x->f->c->run->sched;
    for (int r = 0; r < s->ranks; r++) {
        if (r != s->rank) SP_TRY(redirect(x, r));
    }
    return STARP_OK;
}

/* The task says what it sends; the slots are the messages' from here on. */
static starp_status send_results(struct spread *x, struct sp_task *t)
{
    struct sp_calling *c = x->f->c;
    for (int r = 0; r < c->run->sched->ranks; r++) {
        if (x->to[r].slot && t) sp_task_sends(t, x->to[r].slot, x->to[r].bytes, r, c->e);
        if (x->to[r].slot) sp_pool_put(&c->run->sched->pool, x->to[r].slot, c->run->id);
        x->to[r].slot = NULL;
    }
    return c->e->status;
}

static starp_status submit_block(struct spread *x, const int64_t *lo, int64_t *extent, int owner)
{
    struct sp_calling *c = x->f->c;
    if (owner != c->run->sched->rank) return STARP_OK;
    SP_TRY(cut_in(x, lo, extent));
    SP_TRY(sp_exchange_receive(&x->in));
    SP_TRY(cut_out(x, lo, extent));
    struct sp_task *t = redirect_all(x) == STARP_OK ? sp_lines_task(x->f, &x->in.cuts, &x->out, extent, NULL) : NULL;
    if (send_results(x, t) == STARP_OK) return sp_call_submit(c, t);
    if (t) sp_task_drop(t);
    return c->e->status;
}

struct unpack_task {
    struct sp_task task;
    const struct sp_slot *message;
    bool past;                    /* the caches */
    int32_t npiece;
    struct sp_piece piece[];
};

static int unpack(struct sp_task *task, void *scratch)
{
    (void)scratch;
    const struct unpack_task *t = (const struct unpack_task *)task;
    for (int32_t i = 0; i < t->npiece; i++) {
        const struct sp_piece *x = &t->piece[i];
        int64_t dense[STARP_MAXDIM];
        sp_piece_dense(x, dense);
        (t->past ? sp_move_past : sp_move)(x->ndim, x->extent, x->item, (char *)x->from, x->stride, (const char *)t->message->data + x->at,
                                           dense, task->run->sched->kernels);
    }
    return SP_KERNEL_OK;
}

static starp_status take_results(struct spread *x, const int64_t *lo, int64_t *extent, int owner)
{
    struct sp_calling *c = x->f->c;
    if (owner == c->run->sched->rank) return STARP_OK;
    SP_TRY(cut_out(x, lo, extent));
    if (!gather(x, c->run->sched->rank)) return sp_fail_memory(c->e);
    if (x->parcel.n == 0) return STARP_OK;
    size_t pieces = (size_t)x->parcel.n * sizeof x->parcel.piece[0];
    struct sp_slot *slot = sp_parcel_borrow(c->run, x->parcel.bytes, owner, c->e);
    if (!slot) return c->e->status;
    struct unpack_task *t = sp_call_task(c, sizeof *t + pieces, 3, "unpack", unpack);
    sp_pool_put(&c->run->sched->pool, slot, c->run->id); /* nobody gets it before the run has ended */
    if (!t) return sp_fail_memory(c->e);
    t->message = slot;
    t->past = sp_lines_past(x->f);
    t->npiece = x->parcel.n;
    memcpy(t->piece, x->parcel.piece, pieces);
    sp_call_depend(c, &t->task, slot, 1);
    if (x->f->ready) sp_call_depend(c, &t->task, x->f->ready, 1);
    if (sp_along_token(x->f, &t->task) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
    return sp_call_submit(c, &t->task);
}

/* ---------------------------------------------------------------------------------------------------------- all of it */

starp_status sp_lower_spread(struct sp_along *f)
{
    struct sp_calling *c = f->c;
    static const struct sp_program copy = { .noperand = 1 }; /* as far as exchange.c looks at it */
    struct spread x = { .f = f, .in = { .run = c->run, .program = f->program ? f->program : &copy, .e = c->e, .site = c->node->site } };
    if (sp_shape_size(&f->out_shape) == 0) return STARP_OK;
    x.in.window = f->program ? f->operand : &f->in;
    x.to = sp_calloc((size_t)c->run->sched->ranks, sizeof *x.to);
    if (!x.to) return sp_fail_memory(c->e);
    find_home(&x);
    starp_status status = for_each(&x, send_operands);
    if (status == STARP_OK) status = for_each(&x, submit_block);
    if (status == STARP_OK) status = for_each(&x, take_results);
    sp_cuts_free(&x.in.cuts);
    sp_cuts_free(&x.out);
    sp_parcel_free(&x.in.parcel);
    sp_parcel_free(&x.parcel);
    sp_free(x.in.hull);
    sp_free(x.to);
    return status;
}
