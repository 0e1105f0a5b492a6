/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view.c: the algebra of views, and of shapes. A view maps an index of what is seen to an index of what is looked at,
 * one start and step per axis of the latter; composing views is composing these maps.
 */
#include <string.h>

#include "graph.h"

void sp_view_identity(struct sp_view *v, int ndim)
{
    v->ndim = ndim;
    for (int a = 0; a < ndim; a++) {
        v->axis[a] = (int8_t)a;
        v->start[a] = 0;
        v->step[a] = 1;
    }
}

void sp_view_broadcast(struct sp_view *v, const starp_dims *from, int to_ndim)
{
    int shift = to_ndim - from->n;
    v->ndim = from->n;
    for (int a = 0; a < from->n; a++) {
        v->axis[a] = (int8_t)(from->v[a] == 1 ? -1 : a + shift);
        v->start[a] = 0;
        v->step[a] = from->v[a] == 1 ? 0 : 1;
    }
}

void sp_view_compose(struct sp_view *v, const struct sp_view *inner, const struct sp_view *outer)
{
    struct sp_view out = { .ndim = inner->ndim };
    for (int a = 0; a < inner->ndim; a++) {
        int mid = inner->axis[a];
        out.axis[a] = -1;
        out.start[a] = inner->start[a];
        out.step[a] = 0;
        if (mid < 0) continue;
        out.start[a] += inner->step[a] * outer->start[mid];
        out.axis[a] = outer->axis[mid];
        out.step[a] = outer->axis[mid] < 0 ? 0 : inner->step[a] * outer->step[mid];
    }
    *v = out;
}

bool sp_view_is_identity(const struct sp_view *v, const starp_dims *from, const starp_dims *to)
{
    if (!sp_shape_equal(from, to)) return false;
    for (int a = 0; a < v->ndim; a++) {
        if (from->v[a] == 1) continue;
        if (v->axis[a] != a || v->start[a] != 0 || v->step[a] != 1) return false;
    }
    return true;
}

int64_t sp_shape_size(const starp_dims *shape)
{
    int64_t size = 1;
    bool empty = false;
    for (int a = 0; a < shape->n; a++) {
        if (shape->v[a] < 0) return -1;
        if (shape->v[a] == 0) empty = true;
        else if (__builtin_mul_overflow(size, shape->v[a], &size)) return -1;
    }
    return empty ? 0 : size;
}

bool sp_shape_equal(const starp_dims *a, const starp_dims *b)
{
    return a->n == b->n && memcmp(a->v, b->v, (size_t)a->n * sizeof a->v[0]) == 0;
}

bool sp_shape_broadcast(starp_dims *out, const starp_dims *a, const starp_dims *b)
{
    const starp_dims *longer = a->n >= b->n ? a : b, *other = a->n >= b->n ? b : a;
    int shift = longer->n - other->n;
    starp_dims r = { .n = longer->n };
    for (int k = 0; k < longer->n; k++) {
        int64_t x = longer->v[k], y = k < shift ? 1 : other->v[k - shift];
        if (x != y && x != 1 && y != 1) return false;
        r.v[k] = x == 1 ? y : x;
    }
    out->n = r.n;
    memcpy(out->v, r.v, (size_t)r.n * sizeof r.v[0]);
    return true;
}

const char *sp_shape_text(char text[SP_SHAPE_TEXT], const starp_dims *shape)
{
    size_t at = 0;
    text[at++] = '(';
    for (int a = 0; a < shape->n && at < SP_SHAPE_TEXT - 32; a++) {
        at += (size_t)snprintf(text + at, SP_SHAPE_TEXT - at, a ? ", %lld" : "%lld", (long long)shape->v[a]);
    }
    snprintf(text + at, SP_SHAPE_TEXT - at, shape->n == 1 ? ",)" : ")");
    return text;
}
