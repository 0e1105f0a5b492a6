/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_planes.c: Fourier transforms along two axes of planes that fit no cache, in two passes over memory. Tasks of the first
 * transform lines along one axis and leave them in pieces, cut as strips of the second axis's lines are gathered from them; tasks
 * of the second pass put the result where it belongs. Lines and plans are those of two operations one after the other.
 */
#include "lines.h"

#define TASK_ELEMENTS ((int64_t)1 << 15) /* at least */
#define MOST_TASKS 256                   /* of a pass over a plane */
#define ROWS 8                           /* a task has a multiple of that many contiguous lines */
#define PLANE_PER_TILE 16               /* planes of at least that part of a tile's elements are worth it */

/* A plane being transformed. */
struct plane {
    struct sp_along *f, *g;     /* the first pass, and the second one */
    starp_dims first, second;   /* what a task of each has: a block of some lines, all elements of them, of one plane */
    int64_t block, npiece;      /* lines of a strip in the second pass; tasks of the first */
    struct sp_middle *middle;
    struct sp_slot **slot;      /* of the pieces */
    struct sp_slot *joined;     /* can be read when all of them can */
    struct sp_cuts in, out;
};

static int last_axis(const starp_dims *shape)
{
    int a = shape->n - 1;
    while (a > 0 && shape->v[a] == 1) a--;
    return a;
}

/* Small planes stay in a cache between two operations. Lines that are side by side along neither axis are gathered too slowly. */
bool sp_planes_apply(const struct sp_along *f, const struct sp_along *g)
{
    int last = last_axis(&g->out_shape);
    int64_t tile = SP_OPTION(&f->c->run->sched->options, tile);
    if (sp_shape_size(&f->in_shape) == 0 || sp_shape_size(&g->out_shape) == 0) return false;
    if (f->param.axis != last && g->param.axis != last) return false;
    return f->out_shape.v[f->param.axis] * f->out_shape.v[g->param.axis] >= tile / PLANE_PER_TILE;
}

/* Bytes of a line, there or when it has been transformed. */
static int64_t line_bytes(const struct sp_along *f)
{
    int a = f->param.axis;
    int64_t in = f->in_shape.v[a] * sp_dtypes[f->in_dtype].size, out = f->out_shape.v[a] * sp_dtypes[f->out_dtype].size;
    return (in > out ? in : out) + 64;
}

/* A task's lines along `axis`, of `all` that follow each other along `across`: a multiple of `step`. */
static starp_dims choose_block(const struct sp_along *f, int across, int64_t step)
{
    starp_dims block = f->out_shape;
    int64_t n = f->out_shape.v[f->param.axis], plane = n * f->out_shape.v[across], tile = SP_OPTION(&f->c->run->sched->options, tile);
    int64_t elements = plane / MOST_TASKS > TASK_ELEMENTS ? plane / MOST_TASKS : TASK_ELEMENTS;
    if (elements > tile) elements = tile;
    for (int a = 0; a < block.n; a++) {
        if (a != f->param.axis) block.v[a] = 1;
    }
    block.v[across] = (elements / n + step - 1) / step * step;
    if (block.v[across] < step) block.v[across] = step;
    return block;
}

static starp_status first_pass(struct plane *x, int64_t *lo)
{
    struct sp_calling *c = x->f->c;
    struct sp_middle *m = x->middle;
    int across = x->g->param.axis;
    for (int64_t i = 0; i < m->npiece; i++) {
        lo[across] = i * x->first.v[across];
        int64_t last = lo[across] + x->first.v[across] < m->n ? lo[across] + x->first.v[across] : m->n;
        struct sp_slot *slot = sp_pool_get(&c->run->sched->pool, (size_t)((last - lo[across]) * m->length) * m->item, true);
        if (!slot) return sp_fail_memory(c->e);
        x->slot[i] = slot;
        m->piece[i] = (struct sp_lines_piece){ slot->data, lo[across], last };
        struct sp_lines_pass pass = { .middle = m, .piece = i, .slot = slot };
        SP_TRY(sp_lines_submit(x->f, &x->first, lo, &pass, &x->in, &x->out));
    }
    lo[across] = 0;
    return STARP_OK;
}

static starp_status second_pass(struct plane *x, int64_t *lo)
{
    int across = x->f->param.axis;
    struct sp_lines_pass pass = { .middle = x->middle, .piece = -1, .slot = x->joined };
    for (; lo[across] < x->middle->length; lo[across] += x->second.v[across]) {
        pass.place = lo[across];
        SP_TRY(sp_lines_submit(x->g, &x->second, lo, &pass, &x->in, &x->out));
    }
    lo[across] = 0;
    return STARP_OK;
}

/* lo: where the plane is along the other axes. */
static starp_status lower_plane(struct plane *x, int64_t *lo)
{
    struct sp_calling *c = x->g->c;
    int p = x->f->param.axis, q = x->g->param.axis;
    x->slot = sp_calloc((size_t)x->npiece, sizeof(struct sp_slot *));
    x->middle = sp_run_keep(c->run, sizeof *x->middle + (size_t)x->npiece * sizeof x->middle->piece[0]);
    x->joined = NULL;
    if (!x->slot || !x->middle) return sp_free(x->slot), sp_fail_memory(c->e);
    x->middle->n = x->f->in_shape.v[q];
    x->middle->length = x->f->out_shape.v[p];
    x->middle->block = x->block;
    x->middle->npiece = x->npiece;
    x->middle->item = sp_dtypes[x->f->out_dtype].size;
    x->middle->past = x->middle->n * x->middle->length * (int64_t)x->middle->item > c->run->sched->cache_bytes / 4;
    starp_status status = first_pass(x, lo);
    int64_t tokens = x->g->ntoken;
    if (status == STARP_OK) status = sp_along_join(x->g, x->slot, x->npiece, &x->joined);
    if (status == STARP_OK) status = second_pass(x, lo);
    if (status == STARP_OK) status = sp_along_release(x->g, tokens, x->slot, x->npiece);
    if (x->joined) sp_pool_put(&c->run->sched->pool, x->joined, c->run->id);
    sp_along_keep(x->g, x->slot, x->npiece);
    return status;
}

starp_status sp_lower_planes(struct sp_along *f, struct sp_along *g)
{
    struct plane x = { .f = f, .g = g, .block = sp_lines_strip(line_bytes(g)) };
    int64_t lo[STARP_MAXDIM] = { 0 };
    int p = f->param.axis, q = g->param.axis, last = last_axis(&g->out_shape);
    starp_status status = STARP_OK;
    x.first = choose_block(f, q, p == last ? ROWS : sp_lines_strip(line_bytes(f)));
    x.second = choose_block(g, p, x.block);
    x.npiece = (f->in_shape.v[q] + x.first.v[q] - 1) / x.first.v[q];
    for (int a = 0; status == STARP_OK;) {
        status = lower_plane(&x, lo);
        for (a = g->out_shape.n - 1; a >= 0; a--) {
            if (a == p || a == q) continue;
            if (++lo[a] < g->out_shape.v[a]) break;
            lo[a] = 0;
        }
        if (a < 0) break;
    }
    sp_cuts_free(&x.in);
    sp_cuts_free(&x.out);
    return status;
}
