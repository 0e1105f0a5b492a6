/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuse.c: from an order to a plan. First views are folded into the paths of their readers and pushed down through
 * elementwise operations nobody else reads (or that are cheap enough to be done again), then group.c forms the groups
 * and emit.c writes their programs. Linear in the nodes, and without recursion.
 */
#include <string.h>

#include "plan.h"

/* Follows views down from an order index. */
static struct sp_source resolve(const struct sp_order *o, int32_t i)
{
    struct sp_source s = { .item = i };
    if (o->node[i]->kind == SP_KIND_VIEW && !o->root[i]) {
        s.path[s.npath++] = i;
        s.item = o->in[i][0];
    }
    return s;
}

static void make_item(struct sp_fusion *f, int32_t i)
{
    const struct sp_order *o = f->order;
    const struct sp_node *n = o->node[i];
    struct sp_item *x = &f->item[i];
    *x = (struct sp_item){ .node = i, .group = -1, .kind = n->kind, .dtype = n->dtype, .nin = n->nin, .root = o->root[i], .live = true,
                           .leaf = sp_node_is_leaf(n), .next_clone = -1, .first_clone = -1, .owner = -1, .shape = n->shape };
    for (int k = 0; k < n->nin; k++) x->in[k] = resolve(o, o->in[i][k]);
    if (n->kind == SP_KIND_VIEW) {
        x->live = x->root;
        x->kind = SP_KIND_MAP;
        x->copy = true;
        x->in[0] = (struct sp_source){ .item = o->in[i][0], .npath = 1, .path = { i } };
    }
}

/* A root without a value that is a constant or an iota: computed by copying its own leaf item. */
static starp_status make_leaf_root(struct sp_fusion *f, int32_t i, struct sp_error *e)
{
    int32_t leaf = sp_item_new(f, e);
    if (leaf < 0) return e->status;
    f->item[leaf] = f->item[i];
    f->item[leaf].root = false;
    struct sp_item *x = &f->item[i];
    x->leaf = false;
    x->kind = SP_KIND_MAP;
    x->copy = true;
    x->nin = 1;
    x->in[0] = (struct sp_source){ .item = leaf };
    return STARP_OK;
}

static starp_status make_items(struct sp_fusion *f, struct sp_error *e)
{
    const struct sp_order *o = f->order;
    f->nitem = o->n;
    for (int32_t i = 0; i < o->n; i++) make_item(f, i);
    for (int32_t i = 0; i < o->n; i++) {
        const struct sp_item *x = &f->item[i];
        if (x->root && x->leaf && x->kind != SP_KIND_DATA) SP_TRY(make_leaf_root(f, i, e));
    }
    for (int32_t i = 0; i < o->n; i++) {
        const struct sp_item *x = &f->item[i];
        for (int k = 0; x->live && k < x->nin; k++) f->item[x->in[k].item].uses++;
    }
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------ pushing views */

static const starp_dims *seen_shape(const struct sp_fusion *f, const struct sp_source *s)
{
    return s->npath ? &f->order->node[s->path[0]]->shape : &f->item[s->item].shape;
}

static int32_t owner_of(const struct sp_fusion *f, int32_t user)
{
    return f->item[user].owner >= 0 ? f->item[user].owner : user;
}

/*
 * Whether a view can go through x: nobody else needs x as it is, or it is cheap; what is seen is not more than x, and is
 * all of what its reader iterates over; and x cannot fail on elements nobody sees. No node stands for x seen that way, so it cannot be stored: its reader owns it.
 */
static bool can_push(const struct sp_fusion *f, int32_t user, const struct sp_item *x, const struct sp_source *s)
{
    const starp_dims *seen = seen_shape(f, s);
    const struct sp_item *u = &f->item[user];
    if (x->leaf || x->root || x->kind != SP_KIND_MAP || sp_op_fails(sp_item_op(f, x), x->dtype)) return false;
    if (x->uses > 1 && !sp_item_is_cheap(f, x)) return false;
    if (sp_shape_size(seen) > sp_shape_size(&x->shape)) return false;
    if (u->kind == SP_KIND_MAP && !sp_shape_equal(seen, &u->shape)) return false;
    if (f->item[owner_of(f, user)].owned == SP_MAX_OWNED) return false;
    for (int k = 0; k < x->nin; k++) {
        if (x->in[k].npath + s->npath > SP_MAX_PATH) return false;
    }
    return true;
}

/* x as seen through s: its inputs are seen through s instead. */
static void push_view(const struct sp_fusion *f, struct sp_item *x, const struct sp_source *s)
{
    x->shape = *seen_shape(f, s);
    for (int k = 0; k < x->nin; k++) {
        struct sp_source old = x->in[k], *in = &x->in[k];
        in->npath = (uint8_t)(old.npath + s->npath);
        memcpy(in->path, s->path, s->npath * sizeof in->path[0]);
        memcpy(in->path + s->npath, old.path, old.npath * sizeof in->path[0]);
    }
}

static starp_status push_views_of(struct sp_fusion *f, int32_t user, struct sp_error *e)
{
    for (int k = 0; k < f->item[user].nin; k++) {
        struct sp_source s = f->item[user].in[k];
        struct sp_item *x = &f->item[s.item];
        if (s.npath == 0 || !can_push(f, user, x, &s)) continue;
        if (x->uses == 1) {
            push_view(f, x, &s);
        } else {
            int32_t c = sp_item_clone(f, user, s.item, e);
            if (c < 0) return e->status;
            push_view(f, &f->item[c], &s);
            s.item = c;
        }
        f->item[user].in[k] = (struct sp_source){ .item = s.item };
        f->item[s.item].owner = owner_of(f, user);
        f->item[f->item[s.item].owner].owned++;
    }
    return STARP_OK;
}

/* Consumers before producers, so a view sinks through a whole chain in one sweep. */
static starp_status push_views(struct sp_fusion *f, struct sp_error *e)
{
    for (int32_t i = f->order->n - 1; i >= 0; i--) {
        const struct sp_item *x = &f->item[i];
        if (x->live && !x->leaf && !sp_item_is_alone(x)) SP_TRY(push_views_of(f, i, e));
    }
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------------- plans */

/* Not merged into another, not left by all its members, and not run by a CALL's step. */
static bool is_step(const struct sp_fusion *f, int32_t g)
{
    return f->group[g].parent == g && f->group[g].size > 0 && !f->group[g].taken;
}

/* Notes that a group's members read an item: what is in memory, or another group, which is to come before. */
static void note_input(const struct sp_fusion *f, int32_t g, const struct sp_item *in, int32_t *latest, bool *free)
{
    if (in->leaf) {
        free[g] &= in->kind == SP_KIND_CONST || in->kind == SP_KIND_IOTA;
    } else if (in->group != g) {
        free[g] = false;
        if (f->group[g].level <= latest[in->group]) latest[in->group] = f->group[g].level - 1;
    }
}

/* What reads nothing but constants and indices waits until just before it is read: it could only lie around meanwhile. */
static starp_status delay(struct sp_fusion *f, struct sp_error *e)
{
    int32_t *latest = sp_malloc((size_t)(f->ngroup + 1) * (sizeof *latest + 1));
    if (!latest) return sp_fail_memory(e);
    bool *free = (bool *)(latest + f->ngroup + 1);
    for (int32_t g = 0; g < f->ngroup; g++) latest[g] = INT32_MAX, free[g] = true;
    for (int32_t t = 0; t < f->nsequence; t++) {
        const struct sp_item *x = &f->item[f->sequence[t]];
        for (int k = 0; k < x->nin; k++) note_input(f, x->group, &f->item[x->in[k].item], latest, free);
    }
    for (int32_t g = 0; g < f->ngroup; g++) {
        if (free[g] && latest[g] < INT32_MAX) f->group[g].level = latest[g];
    }
    sp_free(latest);
    return STARP_OK;
}

/* Numbers the steps, level by level; their count, or -1 with the error set. */
static int32_t number_steps(struct sp_fusion *f, struct sp_error *e)
{
    int32_t top = 0, count = 0;
    for (int32_t g = 0; g < f->ngroup; g++) top = f->group[g].level > top ? f->group[g].level : top;
    int32_t *next = sp_calloc((size_t)top + 2, sizeof *next);
    if (!next) {
        sp_fail_memory(e);
        return -1;
    }
    for (int32_t g = 0; g < f->ngroup; g++) next[f->group[g].level + 1] += is_step(f, g);
    for (int32_t level = 0; level <= top; level++) next[level + 1] += next[level];
    count = next[top + 1];
    for (int32_t g = 0; g < f->ngroup; g++) {
        if (is_step(f, g)) f->group[g].step = next[f->group[g].level]++;
    }
    sp_free(next);
    return count;
}

static starp_status make_steps(struct sp_fusion *f, struct sp_plan *p, struct sp_error *e)
{
    int32_t n = delay(f, e) == STARP_OK ? number_steps(f, e) : -1;
    if (n < 0) return e->status;
    p->step = sp_calloc((size_t)n, sizeof *p->step);
    if (!p->step) return sp_fail_memory(e);
    p->nstep = n;
    for (int32_t g = 0; g < f->ngroup; g++) {
        if (is_step(f, g)) SP_TRY(sp_fusion_emit(f, g, &p->step[f->group[g].step], e));
    }
    return STARP_OK;
}

static bool is_fallible(const struct sp_step *s)
{
    if (s->kind == SP_STEP_CALL) return true;
    for (int i = 0; s->program && i < s->program->ninstr; i++) {
        const struct sp_instr *in = &s->program->instr[i];
        if (sp_op_fails(in->op, (starp_dtype)in->dtype)) return true;
    }
    return false;
}

/* Who reads a node last, and who is stored: what recycling memory goes by. */
static void find_last_uses(struct sp_plan *p)
{
    for (int32_t i = 0; i < p->nnode; i++) p->last_use[i] = -1;
    for (int32_t t = 0; t < p->nstep; t++) {
        const struct sp_step *s = &p->step[t];
        for (int k = 0; k < s->noperand; k++) p->last_use[s->operand[k].node] = t;
        p->fallible |= is_fallible(s);
        for (int k = 0; k < s->noutput; k++) p->stored[s->output[k]] = 1;
        for (int k = 0; k < s->nreduce; k++) p->stored[s->reduce[k]] = 1;
    }
}

static starp_status build(struct sp_fusion *f, struct sp_plan *p, struct sp_error *e)
{
    SP_TRY(make_items(f, e));
    if (f->options->fuse) SP_TRY(push_views(f, e));
    SP_TRY(sp_fusion_group(f, e));
    SP_TRY(make_steps(f, p, e));
    find_last_uses(p);
    return STARP_OK;
}

struct sp_plan *sp_plan_fuse(const struct sp_order *o, const struct sp_plan_options *options, struct sp_error *e)
{
    struct sp_fusion f = { .order = o, .options = options, .cap = o->n + o->n / 2 + 16 };
    struct sp_plan *p = sp_calloc(1, sizeof *p);
    f.item = sp_malloc((size_t)f.cap * sizeof *f.item);
    if (p) {
        p->refs = 1;
        p->nnode = o->n;
        p->mixed = options->mixed;
        p->last_use = sp_malloc((size_t)o->n * sizeof *p->last_use);
        p->stored = sp_calloc((size_t)o->n, 1);
    }
    starp_status status = p && f.item && p->last_use && p->stored ? build(&f, p, e) : sp_fail_memory(e);
    sp_free(f.item);
    sp_free(f.sequence);
    sp_free(f.group);
    sp_free(f.last_reader);
    if (status == STARP_OK) return p;
    sp_plan_release(p);
    return NULL;
}
