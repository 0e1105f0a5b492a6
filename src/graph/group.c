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

bool sp_item_joins(const struct sp_fusion *f, const struct sp_item *x, const struct sp_source *s)
{
    const struct sp_item *in = &f->item[s->item];
    if (!f->options->fuse || sp_item_is_alone(x)) return false;
    return s->npath == 0 && !in->leaf && in->kind == SP_KIND_MAP && sp_shape_equal(&in->shape, iteration(f, x));
}

/* What an item brings into a group: the sizes that are bounded. */
static struct sp_group demand(const struct sp_fusion *f, const struct sp_item *x, const struct sp_inputs *in)
{
    struct sp_group d = { .size = in->items, .operands = in->params, .kind = SP_STEP_FUSED };
    if (x->kind == SP_KIND_RESHAPE) d.kind = SP_STEP_RESHAPE;
    if (x->kind == SP_KIND_CALL) d.kind = SP_STEP_CALL;
    if (x->kind == SP_KIND_PART) d.kind = SP_STEP_PART;
    for (int k = 0; k < in->n; k++) {
        d.operands += !sp_item_joins(f, x, &in->from[k]) || f->item[in->from[k].item].level != x->level;
    }
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
static int32_t level_of(const struct sp_fusion *f, const struct sp_item *x, const struct sp_inputs *in, bool fused)
{
    int32_t level = 0;
    for (int k = 0; k < in->n; k++) {
        const struct sp_item *y = &f->item[in->from[k].item];
        if (y->leaf) continue;
        int32_t need = y->level + !(fused && sp_item_joins(f, x, &in->from[k]));
        if (need > level) level = need;
    }
    return level;
}

/* The groups of an item's level that it reads from directly; each once. */
static int32_t candidates(struct sp_fusion *f, const struct sp_item *x, const struct sp_inputs *in, int32_t *group)
{
    int32_t n = 0;
    for (int k = 0; k < in->n; k++) {
        const struct sp_item *y = &f->item[in->from[k].item];
        if (y->leaf || y->level != x->level || !sp_item_joins(f, x, &in->from[k])) continue;
        int32_t g = sp_group_find(f, y->group);
        bool known = false;
        for (int32_t c = 0; c < n; c++) known |= group[c] == g;
        if (!known) group[n++] = g;
    }
    return n;
}

/* Joins an item with the groups it reads from: they become one. -1 when that would be too big. */
static int32_t join_inputs(struct sp_fusion *f, const struct sp_group *own, const int32_t *group, int32_t n)
{
    struct sp_group all = *own;
    for (int32_t c = 0; c < n; c++) {
        if (!fits(&all, &f->group[group[c]])) return -1;
        add(&all, &f->group[group[c]]);
    }
    for (int32_t c = 1; c < n; c++) f->group[group[c]].parent = group[0];
    all.level = f->group[group[0]].level;
    all.parent = group[0];
    all.prologue = -1;
    f->group[group[0]] = all;
    return group[0];
}

/* A group of the same level and shape that reads an array this item reads. */
static int32_t join_sibling(struct sp_fusion *f, const struct sp_item *x, const struct sp_inputs *in, const struct sp_group *d)
{
    for (int k = 0; k < in->n && f->options->fuse; k++) {
        const struct sp_item *y = &f->item[in->from[k].item];
        int32_t member = f->last_reader[in->from[k].item];
        if (member < 0 || y->kind == SP_KIND_CONST || y->kind == SP_KIND_IOTA) continue;
        if (f->item[member].owner >= 0) member = f->item[member].owner;
        if (f->item[member].group < 0) continue; /* x itself: it has absorbed the reader */
        int32_t g = sp_group_find(f, f->item[member].group);
        if (x->feeds || f->item[member].feeds) continue; /* such a group is to have no other results */
        if (f->group[g].level != x->level || !sp_shape_equal(iteration(f, &f->item[member]), iteration(f, x))) continue;
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
    d.prologue = -1;
    f->group[g] = d;
    return g;
}

static starp_status assign(struct sp_fusion *f, int32_t i, struct sp_error *e)
{
    struct sp_item *x = &f->item[i];
    struct sp_inputs in;
    int32_t group[SP_MAX_INPUTS];
    sp_item_gather(f, i, &in);
    x->level = level_of(f, x, &in, true);
    if (f->options->fuse && sp_item_absorb(f, i, &in, e) != STARP_OK) return e->status;
    x = &f->item[i];
    struct sp_group d = demand(f, x, &in);
    int32_t n = candidates(f, x, &in, group);
    x->group = n > 0 ? join_inputs(f, &d, group, n) : -1;
    if (n > 0 && x->group < 0) {
        x->level = level_of(f, x, &in, false);
        d = demand(f, x, &in);
    }
    if (x->group < 0) x->group = join_sibling(f, x, &in, &d);
    if (x->group < 0) x->group = new_group(f, x->level, d);
    for (int k = 0; k < in.n; k++) f->last_reader[in.from[k].item] = i;
    return STARP_OK;
}

/* Inputs that did not end up in the same group are read from memory. */
static void store_inputs(struct sp_fusion *f, const struct sp_item *x)
{
    for (int k = 0; k < x->nin; k++) {
        struct sp_item *in = &f->item[x->in[k].item];
        if (!in->leaf && (in->group != x->group || x->in[k].npath > 0 || !sp_item_joins(f, x, &x->in[k]))) in->stored = true;
    }
}

static void list_members(struct sp_fusion *f)
{
    for (int32_t g = 0; g < f->ngroup; g++) f->group[g].first = -1;
    for (int32_t t = f->nsequence - 1; t >= 0; t--) {
        struct sp_item *x = &f->item[f->sequence[t]];
        x->group = sp_group_find(f, f->item[x->owner >= 0 ? x->owner : f->sequence[t]].group);
        x->next = f->group[x->group].first;
        f->group[x->group].first = f->sequence[t];
    }
}

/* An item leaves its group; the group may be left empty. */
void sp_group_leave(struct sp_fusion *f, int32_t i)
{
    struct sp_inputs in;
    sp_item_gather(f, i, &in);
    struct sp_group *g = &f->group[sp_group_find(f, f->item[i].group)], d = demand(f, &f->item[i], &in);
    g->size -= d.size;
    g->operands -= d.operands;
    f->item[i].group = -1;
}

starp_status sp_fusion_group(struct sp_fusion *f, struct sp_error *e)
{
    int32_t n = f->order->n;
    f->group = sp_malloc((size_t)(n ? n : 1) * sizeof *f->group);
    f->last_reader = sp_malloc((size_t)f->cap * sizeof *f->last_reader);
    if (!f->group || !f->last_reader) return sp_fail_memory(e);
    memset(f->last_reader, -1, (size_t)f->cap * sizeof *f->last_reader);
    if (f->options->fuse) sp_prologue_mark(f);
    for (int32_t i = 0; i < n; i++) {
        const struct sp_item *x = &f->item[i];
        if (x->live && !x->leaf && x->owner < 0) SP_TRY(assign(f, i, e));
    }
    SP_TRY(sp_fusion_sequence(f, e));
    list_members(f);
    for (int32_t t = 0; t < f->nsequence; t++) store_inputs(f, &f->item[f->sequence[t]]);
    if (f->options->fuse) sp_prologue_take(f);
    return STARP_OK;
}
