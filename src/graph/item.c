/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * item.c: the planner's items: clones, owners, and what is absorbed. An item may own others that only it reads: they run
 * in its step, whatever that is. That is how views sink through operations (fuse.c), and how an operation that could run
 * early runs late instead, where its only reader is, so that its result need not be stored in between.
 */
#include <string.h>

#include "plan.h"

int32_t sp_item_new(struct sp_fusion *f, struct sp_error *e)
{
    if (f->nitem == f->cap) {
        int32_t cap = f->cap * 2;
        struct sp_item *more = sp_realloc(f->item, (size_t)cap * sizeof *more);
        if (!more) {
            sp_fail_memory(e);
            return -1;
        }
        f->item = more;
        f->cap = cap;
    }
    return f->nitem++;
}

/* A few instructions on leaves, one of them an array at most: doing it again costs less than storing it. */
bool sp_item_is_cheap(const struct sp_fusion *f, const struct sp_item *x)
{
    int arrays = 0;
    if (x->kind != SP_KIND_MAP || x->root || !sp_ops[sp_item_op(f, x)].cheap) return false;
    for (int k = 0; k < x->nin; k++) {
        const struct sp_item *in = &f->item[x->in[k].item];
        if (!in->leaf) return false;
        arrays += in->kind == SP_KIND_DATA;
    }
    return arrays <= 1;
}

int32_t sp_item_clone(struct sp_fusion *f, int32_t user, int32_t item, struct sp_error *e)
{
    int32_t c = sp_item_new(f, e);
    if (c < 0) return -1;
    struct sp_item *x = &f->item[item];
    x->uses--;
    x->live = x->uses > 0;
    f->item[c] = *x;
    f->item[c].uses = 1;
    f->item[c].live = true;
    f->item[c].group = f->item[c].owner = f->item[c].first_clone = -1;
    f->item[c].owned = 0;
    f->item[c].next_clone = f->item[user].first_clone;
    f->item[user].first_clone = c;
    return c;
}

void sp_item_gather(const struct sp_fusion *f, int32_t i, struct sp_inputs *in)
{
    int32_t stack[SP_MAX_INPUTS], depth = 0;
    in->n = in->items = in->params = 0;
    stack[depth++] = i;
    while (depth > 0) {
        const struct sp_item *x = &f->item[stack[--depth]];
        in->items++;
        in->params += x->kind == SP_KIND_MAP && sp_item_op(f, x) >= SP_OP_arange;
        for (int k = 0; k < x->nin; k++) {
            if (f->item[x->in[k].item].owner == i) stack[depth++] = x->in[k].item;
            else in->from[in->n++] = x->in[k];
        }
    }
}

/* Whether y can move from its group, at a lower level, to its only reader's: nobody in its group feeds it. */
static bool can_sink(struct sp_fusion *f, const struct sp_item *x, int32_t y)
{
    const struct sp_item *in = &f->item[y];
    struct sp_inputs of;
    if (in->root || in->uses != 1 || in->owner >= 0 || x->owned + in->owned + 1 > SP_MAX_OWNED) return false;
    int32_t group = sp_group_find(f, in->group);
    sp_item_gather(f, y, &of);
    for (int k = 0; k < of.n; k++) {
        const struct sp_item *z = &f->item[of.from[k].item];
        if (!z->leaf && z->level == in->level && sp_group_find(f, z->group) == group) return false;
    }
    return true;
}

/* y and what it owns are i's from now on. */
static void sink(struct sp_fusion *f, int32_t i, int32_t y)
{
    int32_t stack[SP_MAX_INPUTS], depth = 0;
    sp_group_leave(f, y);
    f->item[i].owned += f->item[y].owned + 1;
    stack[depth++] = y;
    while (depth > 0) {
        struct sp_item *x = &f->item[stack[--depth]];
        for (int k = 0; k < x->nin; k++) {
            if (f->item[x->in[k].item].owner == y) stack[depth++] = x->in[k].item;
        }
        x->owner = i;
    }
}

/* The item among i and those it owns that reads y directly, and through which input. */
static struct sp_source *reader_of(struct sp_fusion *f, int32_t i, int32_t y, int32_t *reader)
{
    int32_t stack[SP_MAX_INPUTS], depth = 0;
    stack[depth++] = i;
    while (depth > 0) {
        int32_t at = stack[--depth];
        struct sp_item *x = &f->item[at];
        for (int k = 0; k < x->nin; k++) {
            *reader = at;
            if (x->in[k].item == y && x->in[k].npath == 0) return &x->in[k];
            if (f->item[x->in[k].item].owner == i) stack[depth++] = x->in[k].item;
        }
    }
    return NULL;
}

/* A cheap item of a lower level is done again here instead of being stored there. */
static starp_status redo(struct sp_fusion *f, int32_t i, int32_t y, struct sp_error *e)
{
    int32_t reader;
    if (!reader_of(f, i, y, &reader)) return STARP_OK;
    int32_t c = sp_item_clone(f, reader, y, e);
    if (c < 0) return e->status;
    reader_of(f, i, y, &reader)->item = c; /* cloning may have moved the items */
    f->item[c].owner = i;
    f->item[i].owned++;
    return STARP_OK;
}

/* Absorbs one input, if there is one to absorb. */
static starp_status absorb_one(struct sp_fusion *f, int32_t i, const struct sp_inputs *in, bool *done, struct sp_error *e)
{
    for (int k = 0; k < in->n; k++) {
        int32_t y = in->from[k].item;
        const struct sp_item *x = &f->item[i];
        if (!sp_item_joins(f, x, &in->from[k]) || f->item[y].level >= x->level) continue;
        *done = true;
        if (can_sink(f, x, y)) {
            sink(f, i, y);
            return STARP_OK;
        }
        if (f->item[y].uses > 1 && sp_item_is_cheap(f, &f->item[y]) && x->owned < SP_MAX_OWNED) return redo(f, i, y, e);
        *done = false;
    }
    return STARP_OK;
}

starp_status sp_item_absorb(struct sp_fusion *f, int32_t i, struct sp_inputs *in, struct sp_error *e)
{
    for (bool done = true; done;) {
        done = false;
        SP_TRY(absorb_one(f, i, in, &done, e));
        if (done) sp_item_gather(f, i, in);
    }
    return STARP_OK;
}

starp_status sp_fusion_sequence(struct sp_fusion *f, struct sp_error *e)
{
    f->sequence = sp_malloc((size_t)f->nitem * sizeof *f->sequence);
    if (!f->sequence) return sp_fail_memory(e);
    for (int32_t i = 0; i < f->order->n; i++) {
        const struct sp_item *x = &f->item[i];
        if (!x->live || x->leaf) continue;
        for (int32_t c = x->first_clone; c >= 0; c = f->item[c].next_clone) f->sequence[f->nsequence++] = c;
        f->sequence[f->nsequence++] = i;
    }
    return STARP_OK;
}
