/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner.c: which rank owns which tile. Tiles are dealt block-cyclically: those along the last axis that is cut at all over q
 * ranks, those along the one before it over p; what is cut along one axis only is dealt over all p q. Small arrays are
 * everywhere. The usual map deals columns, and rows, too, when there are fewer tile columns than ranks.
 * Like the tiling, the answer is a function of shape and map alone, so every rank finds it by itself.
 */
#include "engine.h"

/* The last axis before `end` that is cut into several tiles, or -1. */
static int last_axis(const starp_dims *grid, int end)
{
    int a = end - 1;
    while (a >= 0 && grid->v[a] <= 1) a--;
    return a;
}

void sp_map_init(struct sp_map *m, const starp_dims *grid, int p, int q)
{
    m->p = p;
    m->q = q;
    m->col = (int8_t)last_axis(grid, grid->n);
    m->row = (int8_t)last_axis(grid, m->col);
    m->everywhere = false;
    m->table = NULL;
    m->deal = 1;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Over how many ranks tiles are dealt along an axis. */
static int dealt_over(const struct sp_map *m, int axis)
{
    return axis == m->col ? (m->row < 0 ? m->p * m->q : m->q) : axis == m->row ? m->p : 1;
}

bool sp_map_deals(const struct sp_map *m, int axis)
{
    return m->table || dealt_over(m, axis) > 1;
}

bool sp_map_is_fair(const struct sp_map *m, const starp_dims *grid)
{
    int64_t ranks = 1;
    for (int a = 0; a < grid->n; a++) ranks *= grid->v[a] < dealt_over(m, a) ? grid->v[a] : dealt_over(m, a);
    return ranks == m->p * m->q;
}

int64_t sp_map_share(const struct sp_map *m, const starp_dims *grid)
{
    int64_t n = 1;
    for (int a = 0; a < grid->n; a++) {
        n *= ceil_div(grid->v[a], m->everywhere ? 1 : dealt_over(m, a));
    }
    return n;
}

void sp_map_usual(struct sp_map *m, const starp_dims *grid, int ranks)
{
    int64_t least = INT64_MAX;
    struct sp_map x;
    for (int q = ranks; q >= 1; q--) {
        if (ranks % q) continue;
        sp_map_init(&x, grid, ranks / q, q);
        x.everywhere = ranks == 1;
        int64_t share = sp_map_share(&x, grid);
        if (share < least) *m = x;
        if (share < least) least = share;
        if (q == ranks && (x.row < 0 || grid->v[x.col] >= ranks)) return;
    }
}

bool sp_map_equal(const struct sp_map *a, const struct sp_map *b)
{
    return a->everywhere == b->everywhere && (a->everywhere || (a->p == b->p && a->q == b->q && a->deal == b->deal && a->table == b->table));
}

int sp_map_owner(const struct sp_map *m, const int64_t *index)
{
    if (m->everywhere) return SP_EVERYWHERE;
    if (m->col < 0) return m->table ? m->table[0] : 0;
    if (m->table) return m->table[index[m->col]];
    if (m->row < 0) return (int)(index[m->col] / m->deal % (m->p * m->q));
    int64_t row = index[m->row] / (m->q == 1 ? m->deal : 1), col = index[m->col] / m->deal;
    return (int)(row % m->p * m->q + col % m->q);
}

int sp_value_owner(const struct sp_value *v, int64_t tile)
{
    int64_t index[STARP_MAXDIM];
    if (v->map.everywhere) return SP_EVERYWHERE;
    for (int a = v->shape.n - 1; a >= 0; a--) {
        index[a] = tile % v->grid.v[a];
        tile /= v->grid.v[a];
    }
    return sp_map_owner(&v->map, index);
}

bool sp_is_mine(const struct sp_sched *s, int owner)
{
    return owner == SP_EVERYWHERE || owner == s->rank;
}
