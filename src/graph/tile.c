/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tile.c: the one tiling: a pure function of the shape. Vectors are cut into runs of `target` elements; matrices (and
 * the last two axes of anything) into near-square tiles, so that linear algebra and elementwise work share them;
 * leading axes get what room those two leave. Axes of extent 1 count for nothing, so adding or dropping them keeps the
 * tiles.
 */
#include "graph.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The largest power of two not above x; 1 for x < 2. */
static int64_t power_below(int64_t x)
{
    int64_t p = 1;
    while (p <= x / 2) p *= 2;
    return p;
}

static int64_t square_side(int64_t target)
{
    int64_t side = 1;
    while (side * side * 4 <= target) side *= 2;
    return side;
}

/* Near-square extents for a matrix; a short side leaves its room to the other one. */
static void matrix_tile(int64_t rows, int64_t cols, int64_t target, int64_t *r, int64_t *c)
{
    int64_t side = square_side(target);
    *r = least(rows, side);
    *c = least(cols, side);
    if (*r < side) *c = least(cols, power_below(target / *r));
    if (*c < side) *r = least(rows, power_below(target / *c));
}

/* The last axis before `end` with an extent above 1, or -1. */
static int last_axis(const starp_dims *shape, int end)
{
    int a = end - 1;
    while (a >= 0 && shape->v[a] <= 1) a--;
    return a;
}

void sp_tile_extents(const starp_dims *shape, int64_t target, starp_dims *tile)
{
    tile->n = shape->n;
    for (int a = 0; a < shape->n; a++) tile->v[a] = 1;
    int64_t room = target;
    int col = last_axis(shape, shape->n), row = last_axis(shape, col), next = col;
    if (row >= 0) {
        matrix_tile(shape->v[row], shape->v[col], target, &tile->v[row], &tile->v[col]);
        room = target / (tile->v[row] * tile->v[col]);
        next = last_axis(shape, row);
    }
    for (int a = next; a >= 0 && room > 1; a = last_axis(shape, a)) {
        tile->v[a] = least(shape->v[a], room);
        room /= tile->v[a];
    }
}
