/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reshape.c: C order of one tiled array into another. Each row of the result's tile is filled by runs: a run ends where
 * the row, a row of what is seen, or a tile of the source ends. Runs of other ranks' tiles come packed, in the order in
 * which this walk meets them.
 */
#include <string.h>

#include "codelets.h"

struct run {
    int64_t tile, offset; /* bytes into the tile */
    int64_t stride;       /* bytes */
    int64_t n;
};

static void unravel(int ndim, const int64_t *shape, int64_t linear, int64_t *index)
{
    for (int a = ndim - 1; a >= 0; a--) {
        index[a] = linear % shape[a];
        linear /= shape[a];
    }
}

/* How many steps of `step` from `at` stay inside [lo, hi). */
static int64_t steps_inside(int64_t at, int64_t step, int64_t lo, int64_t hi)
{
    if (step == 0) return INT64_MAX;
    return step > 0 ? (hi - 1 - at) / step + 1 : (at - lo) / -step + 1;
}

/* The run that begins at an element of what is seen. */
static struct run run_at(const struct sp_reshape *j, int64_t linear)
{
    int64_t index[STARP_MAXDIM], tile = 0, offset = 0, stride = 0;
    int last = j->seen_ndim - 1;
    unravel(j->seen_ndim, j->seen_shape, linear, index);
    struct run r = { .n = last < 0 ? 1 : j->seen_shape[last] - index[last] };
    for (int a = 0; a < j->source_ndim; a++) {
        int axis = j->view->axis[a];
        int64_t at = j->view->start[a] + (axis < 0 ? 0 : j->view->step[a] * index[axis]);
        int64_t t = j->source_tile[a], lo = at / t * t, hi = lo + t < j->source_shape[a] ? lo + t : j->source_shape[a];
        tile = tile * ((j->source_shape[a] + t - 1) / t) + at / t;
        offset = offset * (hi - lo) + (at - lo);
        bool moves = axis >= 0 && axis == last;
        stride = stride * (hi - lo) + (moves ? j->view->step[a] : 0);
        int64_t inside = moves ? steps_inside(at, j->view->step[a], lo, hi) : INT64_MAX;
        if (inside < r.n) r.n = inside;
    }
    r.tile = tile;
    r.offset = offset * (int64_t)j->item;
    r.stride = stride * (int64_t)j->item;
    return r;
}

/* Calls `take` for every run of the result's tile, in C order. */
typedef void take_fn(const struct sp_reshape *j, const struct run *r, void *user);

static void walk_row(const struct sp_reshape *j, int64_t linear, int64_t n, take_fn *take, void *user)
{
    while (n > 0) {
        struct run r = run_at(j, linear);
        if (r.n > n) r.n = n;
        take(j, &r, user);
        linear += r.n;
        n -= r.n;
    }
}

static void walk(const struct sp_reshape *j, take_fn *take, void *user)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    int last = j->ndim - 1;
    for (;;) {
        int64_t linear = 0;
        for (int a = 0; a < j->ndim; a++) linear = linear * j->shape[a] + j->lo[a] + index[a];
        walk_row(j, linear, last < 0 ? 1 : j->extent[last], take, user);
        int a = last - 1;
        for (; a >= 0 && ++index[a] == j->extent[a]; a--) index[a] = 0;
        if (a < 0) return;
    }
}

struct fill {
    char *to;
    char **stream;
};

static void fill_run(const struct sp_reshape *j, const struct run *r, void *user)
{
    struct fill *f = user;
    size_t bytes = (size_t)r->n * j->item;
    if (j->tile[r->tile]) {
        j->kernels->gather((size_t)r->n, f->to, (const char *)j->tile[r->tile] + r->offset, r->stride, j->item);
    } else {
        char **from = &f->stream[j->owner[r->tile]];
        memcpy(f->to, *from, bytes);
        *from += bytes;
    }
    f->to += bytes;
}

void sp_reshape_run(const struct sp_reshape *j, char **stream, void *dst)
{
    walk(j, fill_run, &(struct fill){ dst, stream });
}

static void pack_run(const struct sp_reshape *j, const struct run *r, void *user)
{
    char **to = user;
    if (!j->tile[r->tile]) return;
    j->kernels->gather((size_t)r->n, *to, (const char *)j->tile[r->tile] + r->offset, r->stride, j->item);
    *to += (size_t)r->n * j->item;
}

void sp_reshape_pack(const struct sp_reshape *j, void *dst)
{
    char *to = dst;
    walk(j, pack_run, &to);
}

static void count_run(const struct sp_reshape *j, const struct run *r, void *user)
{
    size_t *bytes = user;
    bytes[j->owner[r->tile]] += (size_t)r->n * j->item;
}

void sp_reshape_count(const struct sp_reshape *j, size_t *bytes)
{
    walk(j, count_run, bytes);
}
