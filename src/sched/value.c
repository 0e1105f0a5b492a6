/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * value.c: tiled arrays: a grid of slots. In and out of the user's row-major buffers tile by tile.
 */
#include <string.h>

#include "engine.h"

void sp_value_grid(const struct sp_sched *s, const starp_dims *shape, starp_dims *tile, starp_dims *grid)
{
    sp_tile_extents(shape, SP_OPTION(&s->options, tile), tile);
    grid->n = shape->n;
    for (int a = 0; a < shape->n; a++) grid->v[a] = (shape->v[a] + tile->v[a] - 1) / tile->v[a];
}

static void usual_map(const struct sp_sched *s, const starp_dims *shape, const starp_dims *grid, struct sp_map *map)
{
    sp_map_usual(map, grid, s->ranks);
    map->everywhere |= sp_shape_size(shape) <= SP_OPTION(&s->options, small);
}

void sp_value_map(const struct sp_sched *s, const starp_dims *shape, struct sp_map *map)
{
    starp_dims tile, grid;
    sp_value_grid(s, shape, &tile, &grid);
    usual_map(s, shape, &grid, map);
}

int64_t sp_value_share(const struct sp_sched *s, const starp_dims *shape, starp_dtype dtype)
{
    starp_dims tile, grid;
    struct sp_map map;
    int64_t bytes = sp_shape_size(shape) * sp_dtypes[dtype].size, most = sp_dtypes[dtype].size;
    sp_value_grid(s, shape, &tile, &grid);
    usual_map(s, shape, &grid, &map);
    if (map.everywhere) return bytes;
    for (int a = 0; a < shape->n; a++) most *= tile.v[a];
    most *= sp_map_share(&map, &grid);
    return most < bytes ? most : bytes;
}

struct sp_value *sp_value_cut(const starp_dims *shape, starp_dtype dtype, const starp_dims *tile)
{
    starp_dims grid = { .n = shape->n };
    int64_t ntile = 1;
    for (int a = 0; a < shape->n; a++) {
        grid.v[a] = (shape->v[a] + tile->v[a] - 1) / tile->v[a];
        ntile *= grid.v[a];
    }
    struct sp_value *v = ntile < INT32_MAX ? sp_calloc(1, sizeof *v + (size_t)ntile * sizeof v->slot[0]) : NULL;
    if (!v) return NULL;
    v->shape = *shape;
    v->tile = *tile;
    v->grid = grid;
    v->dtype = (uint8_t)dtype;
    v->ntile = ntile;
    return v;
}

struct sp_value *sp_value_new(struct sp_sched *s, const starp_dims *shape, starp_dtype dtype)
{
    starp_dims tile, grid;
    sp_value_grid(s, shape, &tile, &grid);
    struct sp_value *v = sp_value_cut(shape, dtype, &tile);
    if (v) usual_map(s, shape, &grid, &v->map);
    return v;
}

void sp_value_free(struct sp_sched *s, struct sp_value *v)
{
    if (v->more) sp_value_free(s, v->more);
    sp_remains_drop(v);
    for (int64_t t = 0; t < v->ntile; t++) {
        if (v->slot[t]) sp_pool_put(&s->pool, v->slot[t], s->run ? s->run->id : 0);
    }
    sp_free(v);
}

void sp_value_tile(const struct sp_value *v, int64_t t, int64_t *lo, int64_t *extent)
{
    for (int a = v->shape.n - 1; a >= 0; a--) {
        int64_t at = t % v->grid.v[a];
        t /= v->grid.v[a];
        lo[a] = at * v->tile.v[a];
        extent[a] = v->shape.v[a] - lo[a] < v->tile.v[a] ? v->shape.v[a] - lo[a] : v->tile.v[a];
    }
}

/* Row-major strides in bytes; the elements inside. */
static int64_t strides(int ndim, const int64_t *extent, size_t item, int64_t *stride)
{
    int64_t n = 1;
    for (int a = ndim - 1; a >= 0; a--) {
        stride[a] = n * (int64_t)item;
        n *= extent[a];
    }
    return n;
}

void sp_value_move(const struct sp_sched *s, const struct sp_value *v, int64_t t, void *data, char *buffer, bool out)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], tile[STARP_MAXDIM], whole[STARP_MAXDIM];
    int n = v->shape.n;
    size_t item = sp_dtypes[v->dtype].size;
    sp_value_tile(v, t, lo, extent);
    strides(n, extent, item, tile);
    strides(n, v->shape.v, item, whole);
    for (int a = 0; a < n; a++) buffer += lo[a] * whole[a];
    if (out) sp_move(n, extent, item, buffer, whole, data, tile, s->kernels);
    else sp_move(n, extent, item, data, tile, buffer, whole, s->kernels);
}

size_t sp_value_tile_bytes(const struct sp_value *v, int64_t t)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], stride[STARP_MAXDIM];
    size_t item = sp_dtypes[v->dtype].size;
    sp_value_tile(v, t, lo, extent);
    return (size_t)strides(v->shape.n, extent, item, stride) * item;
}

starp_status sp_value_fill(struct sp_sched *s, struct sp_value *v, bool ordered, struct sp_error *e)
{
    for (int64_t t = 0; t < v->ntile; t++) {
        if (!sp_is_mine(s, sp_value_owner(v, t))) continue;
        size_t bytes = sp_value_tile_bytes(v, t);
        v->slot[t] = sp_pool_get(&s->pool, bytes, ordered);
        if (!v->slot[t]) return sp_fail(e, STARP_ERR_MEMORY, "no memory for a tile of %zu bytes", bytes);
    }
    return STARP_OK;
}

/* From host data to tiles; those of other ranks are sent to them. */
static starp_status put(struct sp_sched *s, struct sp_value *v, const struct sp_node *node, const void *data, struct sp_error *e)
{
    int64_t bytes = sp_shape_size(&v->shape) * sp_dtypes[v->dtype].size, limit = SP_OPTION(&s->options, memory_limit);
    if (limit && (int64_t)s->pool.live + sp_value_share(s, &v->shape, v->dtype) > limit) {
        return sp_fail(e, STARP_ERR_LIMIT, "from_host: %lld bytes on top of %llu live ones exceed STARP_MEMORY_LIMIT (%lld)",
                       (long long)bytes, (unsigned long long)s->pool.live, (long long)limit);
    }
    if (sp_value_fill(s, v, false, e) != STARP_OK) {
        sp_error_clear(e);
        return sp_fail(e, STARP_ERR_MEMORY, "from_host: no memory for %lld bytes", (long long)bytes);
    }
    for (int64_t t = 0; data && t < v->ntile; t++) {
        if (v->slot[t]) sp_value_move(s, v, t, v->slot[t]->data, (char *)(uintptr_t)data, false);
    }
    return s->ranks > 1 ? sp_lead_put(s, v, node, data, e) : STARP_OK;
}

starp_status sp_value_put(void *self, struct sp_node *node, const void *data, struct sp_error *e)
{
    struct sp_sched *s = self;
    struct sp_value *v = sp_value_new(s, &node->shape, node->dtype);
    if (!v) return sp_fail_memory(e);
    if (put(s, v, node, data, e) != STARP_OK) {
        sp_value_free(s, v);
        return e->status;
    }
    node->value = v;
    node->shared = s->ranks > 1;
    return STARP_OK;
}

starp_status sp_value_get(void *self, const struct sp_value *v, void *buffer, struct sp_error *e)
{
    struct sp_sched *s = self;
    for (int64_t t = 0; t < v->ntile; t++) {
        if (v->slot[t]) sp_value_move(s, v, t, v->slot[t]->data, buffer, true);
    }
    return v->map.everywhere ? STARP_OK : sp_lead_get(s, v, buffer, e);
}
