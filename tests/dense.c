/* SPDX-License-Identifier: BSD-3-Clause */
/* dense.c: views done by copying, one element after another. */
#include <stdlib.h>
#include <string.h>

#include "dense.h"

struct dense dense_new(const starp_dims *shape)
{
    struct dense x = { .shape = *shape, .size = 1 };
    for (int a = 0; a < shape->n; a++) x.size *= shape->v[a];
    x.data = calloc((size_t)x.size + 1, sizeof *x.data);
    if (!x.data) abort();
    return x;
}

struct dense dense_counting(const starp_dims *shape)
{
    struct dense x = dense_new(shape);
    for (int64_t i = 0; i < x.size; i++) x.data[i] = (int32_t)i;
    return x;
}

void dense_free(struct dense *x)
{
    free(x->data);
    x->data = NULL;
}

/* Where index of x lies. */
static int64_t place(const struct dense *x, const int64_t *index)
{
    int64_t at = 0;
    for (int a = 0; a < x->shape.n; a++) at = at * x->shape.v[a] + index[a];
    return at;
}

static void split(const struct dense *x, int64_t at, int64_t *index)
{
    for (int a = x->shape.n - 1; a >= 0; a--) {
        index[a] = at % x->shape.v[a];
        at /= x->shape.v[a];
    }
}

/* Takes for element `index` of the result the element `from` of x that `walk` finds. */
typedef void walk(const int64_t *index, int64_t *from, const void *how);

static struct dense gather(struct dense x, const starp_dims *shape, walk *find, const void *how)
{
    struct dense y = dense_new(shape);
    int64_t index[STARP_MAXDIM] = { 0 }, from[STARP_MAXDIM] = { 0 };
    for (int64_t i = 0; i < y.size; i++) {
        split(&y, i, index);
        memcpy(from, index, sizeof from);
        find(index, from, how);
        y.data[i] = x.data[place(&x, from)];
    }
    dense_free(&x);
    return y;
}

/* ------------------------------------------------------------------------------------------------------------ slices */

struct listed {
    int axis, ndim;
    int64_t at[1024];
};

static void walk_listed(const int64_t *index, int64_t *from, const void *how)
{
    const struct listed *l = how;
    from[l->axis] = l->at[index[l->axis]];
}

/* Python's bound: counted from the end when negative, then clipped to where the walk can stand. */
static int64_t bound(int64_t b, int64_t n, int64_t step)
{
    if (b < 0) b += n;
    if (b < 0) return step < 0 ? -1 : 0;
    return b >= n ? (step < 0 ? n - 1 : n) : b;
}

struct dense dense_range(struct dense x, int axis, int64_t start, int64_t stop, int64_t step)
{
    struct listed l = { .axis = axis };
    starp_dims shape = x.shape;
    int64_t n = x.shape.v[axis], count = 0;
    int64_t i = start == STARP_NONE ? (step < 0 ? n - 1 : 0) : bound(start, n, step);
    int64_t end = stop == STARP_NONE ? (step < 0 ? -1 : n) : bound(stop, n, step);
    for (; step > 0 ? i < end : i > end; i += step) l.at[count++] = i;
    shape.v[axis] = count;
    return gather(x, &shape, walk_listed, &l);
}

struct dense dense_index(struct dense x, int axis, int64_t at)
{
    int64_t i = at < 0 ? at + x.shape.v[axis] : at;
    return dense_squeeze(dense_range(x, axis, i, i + 1, 1), axis);
}

/* -------------------------------------------------------------------------------------------------------- other views */

struct order {
    int n;
    const int64_t *axes;
};

static void walk_permuted(const int64_t *index, int64_t *from, const void *how)
{
    const struct order *o = how;
    for (int a = 0; a < o->n; a++) from[o->axes[a]] = index[a];
}

struct dense dense_permute(struct dense x, const int64_t *axes)
{
    starp_dims shape = { .n = x.shape.n };
    struct order o = { x.shape.n, axes };
    for (int a = 0; a < shape.n; a++) shape.v[a] = x.shape.v[axes[a]];
    return gather(x, &shape, walk_permuted, &o);
}

struct dense dense_flip(struct dense x, int axis)
{
    return dense_range(x, axis, STARP_NONE, STARP_NONE, -1);
}

/* The row-major data stays: only the shape changes. */
struct dense dense_reshape(struct dense x, const starp_dims *shape)
{
    x.shape = *shape;
    return x;
}

struct dense dense_expand(struct dense x, int axis)
{
    starp_dims shape = { .n = x.shape.n + 1 };
    for (int a = 0; a < shape.n; a++) shape.v[a] = a == axis ? 1 : x.shape.v[a < axis ? a : a - 1];
    return dense_reshape(x, &shape);
}

struct dense dense_squeeze(struct dense x, int axis)
{
    starp_dims shape = { .n = x.shape.n - 1 };
    for (int a = 0; a < shape.n; a++) shape.v[a] = x.shape.v[a < axis ? a : a + 1];
    return dense_reshape(x, &shape);
}

struct spread {
    starp_dims from;
    int shift;
};

static void walk_spread(const int64_t *index, int64_t *from, const void *how)
{
    const struct spread *s = how;
    for (int a = 0; a < s->from.n; a++) from[a] = s->from.v[a] == 1 ? 0 : index[a + s->shift];
}

struct dense dense_broadcast(struct dense x, const starp_dims *shape)
{
    struct spread s = { x.shape, shape->n - x.shape.n };
    return gather(x, shape, walk_spread, &s);
}
