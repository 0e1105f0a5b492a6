/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * value.c: tiled arrays: a grid of slots. In and out of the user's row-major buffers tile by tile.
 */
#include <string.h>

#include "engine.h"

struct sp_value *sp_value_new(struct sp_sched *s, const starp_dims *shape, starp_dtype dtype)
{
    starp_dims tile, grid = { .n = shape->n };
    int64_t ntile = 1;
    sp_tile_extents(shape, SP_OPTION(&s->options, tile), &tile);
    for (int a = 0; a < shape->n; a++) {
        grid.v[a] = (shape->v[a] + tile.v[a] - 1) / tile.v[a];
        ntile *= grid.v[a];
    }
    struct sp_value *v = ntile < INT32_MAX ? sp_calloc(1, sizeof *v + (size_t)ntile * sizeof v->slot[0]) : NULL;
    if (!v) return NULL;
    v->shape = *shape;
    v->tile = tile;
    v->grid = grid;
    v->dtype = (uint8_t)dtype;
    v->ntile = ntile;
    return v;
}

void sp_value_free(struct sp_sched *s, struct sp_value *v)
{
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

/* One tile to or from the place it has in a row-major buffer. */
static void move_tile(const struct sp_sched *s, const struct sp_value *v, int64_t t, char *buffer, bool out)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], tile[STARP_MAXDIM], whole[STARP_MAXDIM];
    int n = v->shape.n;
    size_t item = sp_dtypes[v->dtype].size;
    sp_value_tile(v, t, lo, extent);
    strides(n, extent, item, tile);
    strides(n, v->shape.v, item, whole);
    for (int a = 0; a < n; a++) buffer += lo[a] * whole[a];
    if (out) sp_move(n, extent, item, buffer, whole, v->slot[t]->data, tile, s->kernels);
    else sp_move(n, extent, item, v->slot[t]->data, tile, buffer, whole, s->kernels);
}

static bool fill_slots(struct sp_sched *s, struct sp_value *v)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], stride[STARP_MAXDIM];
    size_t item = sp_dtypes[v->dtype].size;
    for (int64_t t = 0; t < v->ntile; t++) {
        sp_value_tile(v, t, lo, extent);
        v->slot[t] = sp_pool_get(&s->pool, (size_t)strides(v->shape.n, extent, item, stride) * item, false);
        if (!v->slot[t]) return false;
    }
    return true;
}

starp_status sp_value_put(void *self, const void *data, const starp_dims *shape, starp_dtype dtype, struct sp_value **value,
                          struct sp_error *e)
{
    struct sp_sched *s = self;
    struct sp_value *v = sp_value_new(s, shape, dtype);
    int64_t bytes = sp_shape_size(shape) * sp_dtypes[dtype].size, limit = SP_OPTION(&s->options, memory_limit);
    if (limit && (int64_t)s->pool.live + bytes > limit) {
        if (v) sp_value_free(s, v);
        return sp_fail(e, STARP_ERR_LIMIT, "from_host: %lld bytes on top of %llu live ones exceed STARP_MEMORY_LIMIT (%lld)",
                       (long long)bytes, (unsigned long long)s->pool.live, (long long)limit);
    }
    if (!v || !fill_slots(s, v)) {
        if (v) sp_value_free(s, v);
        return sp_fail(e, STARP_ERR_MEMORY, "from_host: no memory for %lld bytes", (long long)bytes);
    }
    for (int64_t t = 0; data && t < v->ntile; t++) move_tile(s, v, t, (char *)(uintptr_t)data, false);
    *value = v;
    return STARP_OK;
}

starp_status sp_value_get(void *self, const struct sp_value *v, void *buffer, struct sp_error *e)
{
    (void)e;
    for (int64_t t = 0; t < v->ntile; t++) move_tile(self, v, t, buffer, true);
    return STARP_OK;
}
