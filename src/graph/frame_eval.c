/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame_eval.c: an order as bytes and back. The reader gets the order as it was sent, merging included, so that all ranks
 * make the same plan of it. It costs what the bytes cost, and leaves nothing behind when they are bad.
 */
#include "frame.h"

enum { ROOT = 1, DIES = 2, NEW = 4 };

#define ENTRY_SIZE 10 /* of a known leaf: the smallest */

/* ------------------------------------------------------------------------------------------------------- writing */

static starp_status put_entry(struct sp_frame *f, const struct sp_order *o, int32_t i, bool dies, struct sp_error *e)
{
    const struct sp_node *n = o->node[i];
    char text[SP_SHAPE_TEXT];
    if (!n->shared && n->kind == SP_KIND_DATA) {
        e->site = n->site;
        return sp_fail(e, STARP_ERR_RUNTIME, "the value of node %llu, %s %s, is on one rank only",
                       (unsigned long long)n->id, sp_dtypes[n->dtype].name, sp_shape_text(text, &n->shape));
    }
    sp_frame_u8(f, (uint8_t)((o->root[i] ? ROOT : 0) | (dies ? DIES : 0) | (n->shared ? 0 : NEW)));
    sp_frame_u64(f, n->id);
    sp_frame_u8(f, n->nin);
    for (int k = 0; k < n->nin; k++) sp_frame_u32(f, (uint32_t)o->in[i][k]);
    if (!n->shared) sp_frame_node(f, n);
    return STARP_OK;
}

static starp_status put_order(struct sp_frame *f, const struct sp_order *o, const bool *dies, struct sp_error *e)
{
    sp_frame_u32(f, (uint32_t)o->n);
    for (int32_t i = 0; i < o->n; i++) SP_TRY(put_entry(f, o, i, dies && dies[i], e));
    return STARP_OK;
}

starp_status sp_frame_eval(struct sp_frame *f, const struct sp_order *o, const bool *dies, uint64_t run,
                           const uint64_t *drops, size_t ndrop, struct sp_error *e)
{
    starp_status status = STARP_ERR_ARGUMENT;
    sp_frame_u64(f, run);
    sp_frame_u32(f, (uint32_t)ndrop);
    if (ndrop <= SP_FRAME_MAX / 8) {
        for (size_t i = 0; i < ndrop; i++) sp_frame_u64(f, drops[i]);
        status = put_order(f, o, dies, e);
    }
    if (status == STARP_OK && f->failed) return sp_fail_memory(e);
    if (status == STARP_OK && f->n - SP_FRAME_HEADER <= SP_FRAME_MAX) return STARP_OK;
    f->failed = true;
    return sp_fail(e, STARP_ERR_ARGUMENT, "EVAL frame: %d nodes and %zu drops are more than %llu bytes", (int)o->n,
                   ndrop, (unsigned long long)SP_FRAME_MAX);
}

void sp_frame_sent(const struct sp_order *o)
{
    for (int32_t i = 0; i < o->n; i++) o->node[i]->shared = true;
}

/* ------------------------------------------------------------------------------------------------------- reading */

struct reader {
    struct sp_bytes *b;
    struct sp_graph *g;
    struct sp_names *names;
    struct sp_order *o;
    struct sp_error *e;
};

static starp_status malformed(const struct reader *r, uint64_t id, const char *why)
{
    return sp_fail(r->e, STARP_ERR_FORMAT, "EVAL frame: entry %d, node %llu: %s", (int)r->o->n, (unsigned long long)id,
                   why);
}

static starp_status read_drops(const struct reader *r)
{
    uint32_t n = sp_bytes_u32(r->b);
    if (n > sp_bytes_left(r->b) / 8) r->b->bad = true;
    for (uint32_t i = 0; i < n && !r->b->bad; i++) sp_names_drop(r->names, r->g, sp_bytes_u64(r->b));
    return r->b->bad ? sp_bytes_done(r->b, SP_FRAME_EVAL, r->e) : STARP_OK;
}

/* The new node, in names; or NULL. */
static struct sp_node *read_new(const struct reader *r, uint64_t id, int nin, struct sp_node *const *in)
{
    if (sp_names_get(r->names, id)) return malformed(r, id, "it is said to be new, and is known"), NULL;
    struct sp_node *n = sp_frame_read_node(r->b, r->g, nin, in, r->e);
    if (!n) return NULL;
    n->id = id;
    if (sp_names_put(r->names, id, n)) return n;
    sp_node_release(r->g, n);
    return sp_fail_memory(r->e), NULL;
}

/* The known node, if it can be run as the entry says; or NULL. */
static struct sp_node *read_known(const struct reader *r, uint64_t id, int nin, struct sp_node *const *in)
{
    struct sp_node *n = sp_names_get(r->names, id);
    if (!n) return malformed(r, id, "it is said to be known, and is not"), NULL;
    if (n->epoch == r->g->epoch) return malformed(r, id, "it is there twice"), NULL;
    if (n->nin != nin) return malformed(r, id, n->nin ? "it is not computed here" : "it is computed here"), NULL;
    for (int k = 0; k < nin; k++) {
        if (!sp_build_may_read(n, k, in[k])) return malformed(r, id, "it has other inputs here"), NULL;
    }
    if (!n->fault) return n;
    r->e->site = n->fault->site;
    return sp_fail(r->e, n->fault->status, "%s", n->fault->text), NULL;
}

static void append(struct sp_order *o, struct sp_node *n, uint8_t flags, int nin, const int32_t *at)
{
    o->node[o->n] = n;
    o->root[o->n] = flags & ROOT;
    o->dies[o->n] = flags; /* until all is read: who is new matters if it fails */
    o->left[o->n] = 0;
    for (int k = 0; k < SP_MAX_READS; k++) o->in[o->n][k] = k < nin ? at[k] : -1;
    for (int k = 0; k < nin; k++) o->left[at[k]]++;
    o->n++;
}

static starp_status read_entry(const struct reader *r)
{
    struct sp_order *o = r->o;
    struct sp_node *n, *in[SP_MAX_READS];
    int32_t at[SP_MAX_READS];
    uint8_t flags = sp_bytes_u8(r->b);
    uint64_t id = sp_bytes_u64(r->b);
    int nin = sp_bytes_u8(r->b);
    bool odd = flags > (ROOT | DIES | NEW) || (flags & ROOT && flags & DIES);
    if (odd) return malformed(r, id, "flags that do not go together");
    if (nin > SP_MAX_READS) return malformed(r, id, "too many inputs");
    for (int k = 0; k < nin; k++) {
        uint32_t place = sp_bytes_u32(r->b);
        if (place >= (uint32_t)o->n) return malformed(r, id, "an input that does not come before it");
        at[k] = (int32_t)place;
        in[k] = o->node[place];
    }
    if (r->b->bad) return sp_bytes_done(r->b, SP_FRAME_EVAL, r->e);
    n = flags & NEW ? read_new(r, id, nin, in) : read_known(r, id, nin, in);
    if (!n) return r->e->status;
    n->epoch = r->g->epoch;
    n->index = (uint32_t)o->n;
    append(o, n, flags, nin, at);
    return STARP_OK;
}

/* What planners count on: a step has a result, and an index is part of one. */
static starp_status check_uses(const struct reader *r)
{
    const struct sp_order *o = r->o;
    for (int32_t i = 0; i < o->n; i++) {
        bool index = o->node[i]->kind == SP_KIND_IOTA;
        if (o->root[i] ? !index : o->left[i] > 0) continue;
        return sp_fail(r->e, STARP_ERR_FORMAT, "EVAL frame: entry %d, node %llu: %s", (int)i,
                       (unsigned long long)o->node[i]->id, o->root[i] ? "an index is no result" : "nobody reads it");
    }
    return STARP_OK;
}

static starp_status read_order(const struct reader *r)
{
    uint32_t n = sp_bytes_u32(r->b);
    if (n > sp_bytes_left(r->b) / ENTRY_SIZE || n > INT32_MAX / 2) r->b->bad = true;
    if (r->b->bad) return sp_bytes_done(r->b, SP_FRAME_EVAL, r->e);
    if (!sp_order_reserve(r->o, (int32_t)n)) return sp_fail_memory(r->e);
    for (uint32_t i = 0; i < n; i++) SP_TRY(read_entry(r));
    SP_TRY(sp_bytes_done(r->b, SP_FRAME_EVAL, r->e));
    return check_uses(r);
}

starp_status sp_frame_read_eval(struct sp_bytes *b, struct sp_graph *g, struct sp_names *names, struct sp_order *o,
                                uint64_t *run, struct sp_error *e)
{
    struct reader r = { b, g, names, o, e };
    o->n = 0;
    o->merged = 0;
    o->given = true;
    g->epoch++;
    *run = sp_bytes_u64(b);
    starp_status status = read_drops(&r);
    if (status == STARP_OK) status = read_order(&r);
    for (int32_t i = o->n - 1; i >= 0; i--) {
        if (status != STARP_OK && o->dies[i] & NEW) sp_names_drop(names, g, o->node[i]->id);
        o->dies[i] = o->dies[i] & DIES ? 1 : 0;
    }
    if (status != STARP_OK) o->n = 0;
    return status;
}
