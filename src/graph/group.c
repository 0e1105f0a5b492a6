/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * group.c: which operations run as one step. Every item gets a level: at least that of what it is fused with, above that
 * of everything it must read from memory. Groups hold items of one level and one shape, so no cycle between groups can
 * arise, however they are merged. Siblings that read the same array join too.
 */
#include <string.h>

#include "plan.h"

/* Operands of a step are found anew when it is emitted; this bound counts them before equal ones are merged. */
#define GROUP_OPERANDS (SP_MAX_OPERANDS - 2)

bool sp_item_fusable(const struct sp_fusion *f, const struct sp_item *user, const struct sp_source *s)
{
    const struct sp_item *x = &f->item[s->item];
    return s->npath == 0 && !x->leaf && x->kind == SP_KIND_MAP && sp_shape_equal(&x->shape, &user->shape);
}

/* The shape an item iterates over: a reduction's is that of its input. */
static const starp_dims *iteration(const struct sp_fusion *f, const struct sp_item *x)
{
    if (x->kind != SP_KIND_REDUCE) return &x->shape;
    const struct sp_source *s = &x->in[0];
    return s->npath ? &f->order->node[s->path[0]]->shape : &f->item[s->item].shape;
}

int32_t sp_group_find(struct sp_fusion *f, int32_t g)
{
    while (f->group[g].parent != g) g = f->group[g].parent = f->group[f->group[g].parent].parent;
    return g;
}

static bool joinable(const struct sp_fusion *f, const struct sp_item *x, const struct sp_source *s)
{
    if (!f->options->fuse || x->kind == SP_KIND_RESHAPE) return false;
    if (x->kind == SP_KIND_MAP) return sp_item_fusable(f, x, s);
    const struct sp_item *in = &f->item[s->item];
    return s->npath == 0 && !in->leaf && in->kind == SP_KIND_MAP;
}

/* What an item brings into a group: the sizes that are bounded. */
static struct sp_group demand(const struct sp_fusion *f, const struct sp_item *x)
{
    struct sp_group d = { .size = 1, .kind = x->kind == SP_KIND_RESHAPE ? SP_STEP_RESHAPE : SP_STEP_FUSED };
    for (int k = 0; k < x->nin; k++) d.operands += !joinable(f, x, &x->in[k]);
    if (x->kind == SP_KIND_MAP && sp_item_op(f, x) >= SP_OP_arange) d.operands++;
    if (x->kind == SP_KIND_REDUCE) {
        d.reduces = 1;
        d.reduce_axes = f->order->node[x->node]->reduce_axes;
    }
    return d;
}

static bool fits(const struct sp_group *a, const struct sp_group *b)
{
    bool axes = a->reduce_axes == 0 || b->reduce_axes == 0 || a->reduce_axes == b->reduce_axes;
    return axes && a->kind == b->kind && a->kind == SP_STEP_FUSED && a->size + b->size <= SP_MAX_OPS &&
           a->operands + b->operands <= GROUP_OPERANDS && a->reduces + b->reduces <= SP_MAX_REDUCES;
}

static void add(struct sp_group *into, const struct sp_group *from)
{
    into->size += from->size;
    into->operands += from->operands;
    into->reduces += from->reduces;
    into->reduce_axes |= from->reduce_axes;
}

/* The level an item needs when it is fused with what it can be, or with nothing. */
static int32_t level_of(const struct sp_fusion *f, const struct sp_item *x, bool fused)
{
    int32_t level = 0;
    for (int k = 0; k < x->nin; k++) {
        const struct sp_item *in = &f->item[x->in[k].item];
        if (in->leaf) continue;
        int32_t need = in->level + !(fused && joinable(f, x, &x->in[k]));
        if (need > level) level = need;
    }
    return level;
}

/* Merges the item's demand and the groups of its level that it can join: the group, or -1 when they are too big. */
static int32_t join_inputs(struct sp_fusion *f, const struct sp_item *x, int32_t level, struct sp_group *d)
{
    int32_t joined = -1, candidate[SP_MAXIN], n = 0;
    for (int k = 0; k < x->nin; k++) {
        const struct sp_item *in = &f->item[x->in[k].item];
        if (in->leaf || in->level != level || !joinable(f, x, &x->in[k])) continue;
        int32_t g = sp_group_find(f, in->group);
        bool known = false;
        for (int32_t c = 0; c < n; c++) known |= candidate[c] == g;
        if (known) continue;
        if (!fits(d, &f->group[g])) return -1;
        add(d, &f->group[g]);
        candidate[n++] = g;
    }
    for (int32_t c = 0; c < n; c++) {
        if (joined < 0) joined = candidate[c];
        f->group[candidate[c]].parent = joined;
    }
    if (joined >= 0) d->level = level, d->parent = joined, f->group[joined] = *d;
    return joined;
}

/* A group of the same level and shape that reads an array this item reads. */
static int32_t join_sibling(struct sp_fusion *f, const struct sp_item *x, int32_t level, const struct sp_group *d)
{
    for (int k = 0; k < x->nin && f->options->fuse; k++) {
        const struct sp_item *in = &f->item[x->in[k].item];
        int32_t last = f->last_group[x->in[k].item];
        if (last < 0 || in->kind == SP_KIND_CONST || in->kind == SP_KIND_IOTA) continue;
        int32_t member = last, g = sp_group_find(f, f->item[member].group);
        if (f->group[g].level != level || !sp_shape_equal(iteration(f, &f->item[member]), iteration(f, x))) continue;
        if (!fits(d, &f->group[g])) continue;
        add(&f->group[g], d);
        return g;
    }
    return -1;
}

static int32_t new_group(struct sp_fusion *f, int32_t level, struct sp_group d)
{
    int32_t g = f->ngroup++;
    d.level = level;
    d.parent = g;
    f->group[g] = d;
    return g;
}

static void assign(struct sp_fusion *f, int32_t i)
{
    struct sp_item *x = &f->item[i];
    struct sp_group d = demand(f, x), alone = d;
    x->level = level_of(f, x, true);
    x->group = join_inputs(f, x, x->level, &d);
    if (x->group < 0 && x->level != level_of(f, x, false)) {
        bool any = false;
        for (int k = 0; k < x->nin; k++) {
            const struct sp_item *in = &f->item[x->in[k].item];
            any |= !in->leaf && in->level == x->level;
        }
        if (any) x->level = level_of(f, x, false);
    }
    if (x->group < 0) x->group = join_sibling(f, x, x->level, &alone);
    if (x->group < 0) x->group = new_group(f, x->level, alone);
}

/* Inputs that did not end up in the same group are read from memory. */
static void store_inputs(struct sp_fusion *f, int32_t i)
{
    struct sp_item *x = &f->item[i];
    int32_t g = sp_group_find(f, x->group);
    for (int k = 0; k < x->nin; k++) {
        struct sp_item *in = &f->item[x->in[k].item];
        if (!in->leaf && !(joinable(f, x, &x->in[k]) && sp_group_find(f, in->group) == g)) in->stored = true;
    }
}

static void list_members(struct sp_fusion *f)
{
    for (int32_t g = 0; g < f->ngroup; g++) f->group[g].first = -1;
    for (int32_t t = f->nsequence - 1; t >= 0; t--) {
        struct sp_item *x = &f->item[f->sequence[t]];
        x->group = sp_group_find(f, x->group);
        x->next = f->group[x->group].first;
        f->group[x->group].first = f->sequence[t];
    }
}

starp_status sp_fusion_group(struct sp_fusion *f, struct sp_error *e)
{
    f->group = sp_malloc((size_t)(f->nsequence ? f->nsequence : 1) * sizeof *f->group);
    f->last_group = sp_malloc((size_t)f->nitem * sizeof *f->last_group);
    if (!f->group || !f->last_group) return sp_fail_memory(e);
    memset(f->last_group, -1, (size_t)f->nitem * sizeof *f->last_group);
    for (int32_t t = 0; t < f->nsequence; t++) {
        int32_t i = f->sequence[t];
        assign(f, i);
        for (int k = 0; k < f->item[i].nin; k++) f->last_group[f->item[i].in[k].item] = i;
    }
    for (int32_t t = 0; t < f->nsequence; t++) store_inputs(f, f->sequence[t]);
    list_members(f);
    return STARP_OK;
}
