/* SPDX-License-Identifier: BSD-3-Clause */
/* plan.h: what plan.c, fuse.c, group.c and emit.c share. Nobody else includes it. */
#ifndef SP_PLAN_H
#define SP_PLAN_H

#include "graph.h"

/* Where an operation's input comes from: a work item seen through views, the outermost first. */
struct sp_source {
    int32_t item;
    uint8_t npath;
    int32_t path[SP_MAX_PATH];
};

/* A node as the planner works on it. Views are no items: they live in paths. Clones of cheap nodes come after the nodes. */
struct sp_item {
    int32_t node;    /* in the order */
    int32_t group;   /* or -1 */
    int32_t next;    /* member of its group, in order; or -1 */
    int32_t level;   /* of its group */
    int32_t owner;   /* the item it must share a group with, since no node stands for it; or -1 */
    int32_t owned;   /* how many items it owns */
    int32_t uses;
    uint8_t kind;    /* sp_kind; a root that is a leaf or a view is a MAP that copies */
    uint8_t dtype, nin;
    bool leaf, root, stored, live;
    bool copy;       /* op is SP_OP_copy instead of the node's own */
    bool feeds;      /* all that becomes of it is the operand of an operation along an axis */
    int32_t next_clone; /* clones made for one consumer, before it in order; or -1 */
    int32_t first_clone;
    struct sp_source in[SP_MAX_READS];
    starp_dims shape;
};

/* Items of one shape and level that run as one step. */
struct sp_group {
    int32_t level, parent; /* parent: the group it was merged into, or itself */
    int32_t size, operands, reduces;
    int32_t first; /* member */
    uint32_t reduce_axes;
    uint8_t kind;          /* sp_step_kind */
    int32_t outputs;       /* members that others read from memory */
    int32_t prologue;      /* of a CALL: the group that makes its operand in its step; or -1 */
    bool taken;            /* it is such a group */
    int32_t step;
};

struct sp_fusion {
    const struct sp_order *order;
    const struct sp_plan_options *options;
    struct sp_item *item;
    int32_t nitem, cap;
    int32_t *sequence;      /* items in order, clones before their consumers */
    int32_t nsequence;
    struct sp_group *group;
    int32_t ngroup;
    int32_t *last_reader;   /* per item: the item that read it last, for siblings */
};

static inline uint16_t sp_item_op(const struct sp_fusion *f, const struct sp_item *x)
{
    return (uint16_t)(x->copy ? SP_OP_copy : f->order->node[x->node]->op);
}

/* Whether it is a step by itself, which nothing fuses with. */
static inline bool sp_item_is_alone(const struct sp_item *x)
{
    return x->kind == SP_KIND_RESHAPE || x->kind == SP_KIND_CALL || x->kind == SP_KIND_PART;
}

/* What an item and those it owns read from elsewhere. */
#define SP_MAX_OWNED 8 /* bounds what must fit into one step */
#define SP_MAX_INPUTS ((SP_MAX_OWNED + 1) * SP_MAXIN)
struct sp_inputs {
    int32_t n, items, params;
    struct sp_source from[SP_MAX_INPUTS];
};

/* item.c */
int32_t sp_item_new(struct sp_fusion *f, struct sp_error *e);
bool sp_item_is_cheap(const struct sp_fusion *f, const struct sp_item *x);
/* A copy of an item for one of its readers, before which it is sequenced; -1 with the error set. */
int32_t sp_item_clone(struct sp_fusion *f, int32_t user, int32_t item, struct sp_error *e);
void sp_item_gather(const struct sp_fusion *f, int32_t i, struct sp_inputs *in);
/* Takes over what item i alone reads, and clones of what is cheap, from lower levels; in is brought up to date. */
starp_status sp_item_absorb(struct sp_fusion *f, int32_t i, struct sp_inputs *in, struct sp_error *e);
/* The items in order, clones before their readers. */
starp_status sp_fusion_sequence(struct sp_fusion *f, struct sp_error *e);

/* group.c: levels and groups of every item. */
starp_status sp_fusion_group(struct sp_fusion *f, struct sp_error *e);
int32_t sp_group_find(struct sp_fusion *f, int32_t group);
void sp_group_leave(struct sp_fusion *f, int32_t i);
/* Whether x may share a group with the item it reads through s: then the result stays in a register. */
bool sp_item_joins(const struct sp_fusion *f, const struct sp_item *x, const struct sp_source *s);
/* prologue.c: before groups are formed: which items are to have a group of their own; afterwards: which groups CALLs take over. */
void sp_prologue_mark(struct sp_fusion *f);
void sp_prologue_take(struct sp_fusion *f);
/* emit.c: the step of a group. */
starp_status sp_fusion_emit(struct sp_fusion *f, int32_t group, struct sp_step *s, struct sp_error *e);

#endif
