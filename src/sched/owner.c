/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * owner.c: which rank owns which tile. Tiles are dealt block-cyclically: those along the last axis that matters over q
 * ranks, those along the axis before it over p; what has one axis only is dealt over all p q. Small arrays are everywhere.
 * Like the tiling, the answer is a function of shape and map alone, so every rank finds it by itself.
 */
#include "engine.h"

/* The last axis before `end` with an extent above 1, or -1. */
static int last_axis(const starp_dims *shape, int end)
{
    int a = end - 1;
    while (a >= 0 && shape->v[a] <= 1) a--;
    return a;
}

void sp_map_init(struct sp_map *m, const starp_dims *shape, int p, int q)
{
    m->p = p;
    m->q = q;
    m->col = (int8_t)last_axis(shape, shape->n);
    m->row = (int8_t)last_axis(shape, m->col);
    m->everywhere = p * q == 1;
}

bool sp_map_equal(const struct sp_map *a, const struct sp_map *b)
{
    return a->everywhere == b->everywhere && (a->everywhere || (a->p == b->p && a->q == b->q));
}

int sp_map_owner(const struct sp_map *m, const int64_t *index)
{
    if (m->everywhere) return SP_EVERYWHERE;
    if (m->col < 0) return 0;
    if (m->row < 0) return (int)(index[m->col] % (m->p * m->q));
    return (int)(index[m->row] % m->p * m->q + index[m->col] % m->q);
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
