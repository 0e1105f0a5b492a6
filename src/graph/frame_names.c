/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame_names.c: ids to nodes: a hash table with linear probing, at most half full. What is dropped leaves no mark: those
 * behind it move up.
 */
#include "frame.h"

struct sp_name {
    uint64_t id;
    struct sp_node *node; /* NULL: free */
};

static size_t home(const struct sp_names *names, uint64_t id)
{
    uint64_t h = id * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h ^ h >> 32) & (names->cap - 1);
}

/* Where an id is, or the free slot where it would be. */
static size_t find(const struct sp_names *names, uint64_t id)
{
    size_t i = home(names, id);
    while (names->slot[i].node && names->slot[i].id != id) i = (i + 1) & (names->cap - 1);
    return i;
}

static bool grow(struct sp_names *names)
{
    struct sp_names more = { .n = names->n, .cap = names->cap ? names->cap * 2 : 64 };
    more.slot = sp_calloc(more.cap, sizeof *more.slot);
    if (!more.slot) return false;
    for (size_t i = 0; i < names->cap; i++) {
        if (names->slot[i].node) more.slot[find(&more, names->slot[i].id)] = names->slot[i];
    }
    sp_free(names->slot);
    *names = more;
    return true;
}

void sp_names_init(struct sp_names *names)
{
    *names = (struct sp_names){ 0 };
}

void sp_names_free(struct sp_names *names, struct sp_graph *g)
{
    for (size_t i = 0; i < names->cap; i++) {
        if (names->slot[i].node) sp_node_release(g, names->slot[i].node);
    }
    sp_free(names->slot);
    sp_names_init(names);
}

struct sp_node *sp_names_get(const struct sp_names *names, uint64_t id)
{
    return names->n ? names->slot[find(names, id)].node : NULL;
}

bool sp_names_put(struct sp_names *names, uint64_t id, struct sp_node *n)
{
    if (sp_names_get(names, id)) return false;
    if (2 * (names->n + 1) > names->cap && !grow(names)) return false;
    names->slot[find(names, id)] = (struct sp_name){ id, n };
    names->n++;
    return true;
}

/* The slot is free now: names behind it that are not reachable any more move up. */
static void close_gap(struct sp_names *names, size_t gap)
{
    size_t mask = names->cap - 1;
    for (size_t i = (gap + 1) & mask; names->slot[i].node; i = (i + 1) & mask) {
        size_t way = (i - home(names, names->slot[i].id)) & mask;
        if (way < ((i - gap) & mask)) continue;
        names->slot[gap] = names->slot[i];
        names->slot[i].node = NULL;
        gap = i;
    }
}

bool sp_names_drop(struct sp_names *names, struct sp_graph *g, uint64_t id)
{
    if (!sp_names_get(names, id)) return false;
    size_t i = find(names, id);
    struct sp_node *n = names->slot[i].node;
    names->slot[i].node = NULL;
    names->n--;
    close_gap(names, i);
    sp_node_release(g, n);
    return true;
}
