/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * window.c: from a block of an iteration space to boxes. Each operand and output is seen through a view; wherever a tile
 * of one of them ends, the block is cut, so that inside a box everything is one strided window. Aligned operands leave
 * the block whole, a shifted one cuts it once per axis.
 */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

static bool grow(void **p, int32_t *cap, int32_t need, size_t size)
{
    if (need <= *cap) return true;
    int32_t more = need < 8 ? 8 : need * 2;
    void *q = sp_realloc(*p, (size_t)more * size);
    if (!q) return false;
    *p = q;
    *cap = more;
    return true;
}

static bool cut_at(struct sp_cuts *c, int axis, int64_t at)
{
    if (!grow((void **)&c->at[axis], &c->cap[axis], c->n[axis] + 1, sizeof at)) return false;
    c->at[axis][c->n[axis]++] = at;
    return true;
}

/* Cuts an iteration axis wherever a window passes from one tile to the next along its own axis a. */
static bool cut_axis(struct sp_cuts *c, const struct sp_window *w, int a, int64_t lo, int64_t extent)
{
    int axis = w->view.axis[a];
    int64_t step = w->view.step[a], tile = w->value->tile.v[a], at = w->view.start[a] + step * lo;
    if (step == 0 || extent < 2 || at / tile == (at + step * (extent - 1)) / tile) return true;
    for (int64_t i = 0;;) {
        int64_t border = step > 0 ? (at / tile + 1) * tile : at / tile * tile - 1;
        int64_t skip = step > 0 ? (border - at + step - 1) / step : (at - border + -step - 1) / -step;
        i += skip;
        at += step * skip;
        if (i >= extent) return true;
        if (!cut_at(c, axis, i)) return false;
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort_cuts(struct sp_cuts *c, int axis)
{
    int64_t *at = c->at[axis];
    int32_t n = 0;
    if (c->n[axis] < 2) return;
    qsort(at, (size_t)c->n[axis], sizeof *at, ascending);
    for (int32_t i = 0; i < c->n[axis]; i++) {
        if (n == 0 || at[i] != at[n - 1]) at[n++] = at[i];
    }
    c->n[axis] = n;
}

static bool find_cuts(struct sp_cuts *c, const int64_t *lo, const int64_t *extent, const struct sp_window *w, int nwindow)
{
    c->nbox = 1;
    for (int k = 0; k < c->ndim; k++) {
        c->n[k] = 0;
        if (!cut_at(c, k, 0)) return false;
    }
    for (int i = 0; i < nwindow; i++) {
        if (w[i].iota || !w[i].value || w[i].value->ntile == 1) continue;
        for (int a = 0; a < w[i].view.ndim; a++) {
            int k = w[i].view.axis[a];
            if (k >= 0 && !cut_axis(c, &w[i], a, lo[k], extent[k])) return false;
        }
    }
    for (int k = 0; k < c->ndim; k++) {
        sort_cuts(c, k);
        c->nbox *= c->n[k];
    }
    return true;
}

static bool is_same(const struct sp_cuts *c, int32_t i, const struct sp_source *source, const struct sp_slot *slot)
{
    if (c->slot[i] || slot) return c->slot[i] == slot;
    return c->source[i].value == source->value && c->source[i].tile == source->tile;
}

int32_t sp_cuts_buffer(struct sp_cuts *c, const struct sp_source *source, struct sp_slot *slot, uint8_t mode)
{
    for (int32_t i = c->nslot - 1; i >= 0; i--) {
        if (!is_same(c, i, source, slot)) continue;
        c->mode[i] |= mode;
        return i;
    }
    int32_t cap = c->slot_cap, same = c->slot_cap;
    if (!grow((void **)&c->slot, &cap, c->nslot + 1, sizeof *c->slot)) return -1;
    if (!grow((void **)&c->source, &same, c->nslot + 1, sizeof *c->source)) return -1;
    if (!grow((void **)&c->mode, &c->slot_cap, c->nslot + 1, sizeof *c->mode)) return -1;
    c->slot[c->nslot] = slot;
    c->source[c->nslot] = *source;
    c->mode[c->nslot] = mode;
    return c->nslot++;
}

/* Where a window lies in the tile that holds index `at` of the iteration space. */
static bool place(struct sp_cuts *c, const struct sp_window *w, const int64_t *at, uint8_t mode, struct sp_ref *ref)
{
    const struct sp_value *v = w->value;
    int64_t tile = 0, offset = 0, size = 1, local[STARP_MAXDIM], item = sp_dtypes[v->dtype].size;
    for (int k = 0; k < c->ndim; k++) ref->stride[k] = 0;
    for (int a = 0; a < v->shape.n; a++) {
        int k = w->view.axis[a];
        int64_t x = w->view.start[a] + (k < 0 ? 0 : w->view.step[a] * at[k]), t = x / v->tile.v[a];
        tile = tile * v->grid.v[a] + t;
        local[a] = x - t * v->tile.v[a];
    }
    for (int a = v->shape.n - 1; a >= 0; a--) {
        int k = w->view.axis[a];
        int64_t x = w->view.start[a] + (k < 0 ? 0 : w->view.step[a] * at[k]), lo = x - local[a];
        offset += local[a] * size;
        if (k >= 0) ref->stride[k] += w->view.step[a] * size * item;
        size *= v->shape.v[a] - lo < v->tile.v[a] ? v->shape.v[a] - lo : v->tile.v[a];
    }
    ref->offset = offset * item;
    struct sp_source source = { .value = v, .tile = tile };
    ref->buffer = sp_cuts_buffer(c, &source, v->slot[tile], mode);
    return ref->buffer >= 0;
}

static void place_iota(const struct sp_cuts *c, const struct sp_window *w, const int64_t *at, struct sp_ref *ref)
{
    ref->buffer = -1;
    ref->offset = w->iota_start;
    for (int k = 0; k < c->ndim; k++) {
        ref->stride[k] = w->view.step[k];
        ref->offset += w->view.step[k] * at[k];
    }
}

static bool place_box(struct sp_cuts *c, const int64_t *box, const struct sp_window *w, int nread, int nwrite,
                      struct sp_ref *ref)
{
    int64_t at[STARP_MAXDIM];
    for (int k = 0; k < c->ndim; k++) at[k] = c->lo[k] + box[k];
    for (int i = 0; i < nread + nwrite; i++) {
        if (w[i].iota) place_iota(c, &w[i], at, &ref[i]);
        else if (w[i].value && !place(c, &w[i], at, i < nread ? 1 : 2, &ref[i])) return false;
    }
    return true;
}

bool sp_window_cut(struct sp_cuts *c, int ndim, const int64_t *lo, const int64_t *extent, const struct sp_window *w, int nread,
                   int nwrite)
{
    c->ndim = ndim;
    c->nreg = nread + nwrite;
    c->nslot = 0;
    memcpy(c->lo, lo, (size_t)ndim * sizeof *lo);
    if (!find_cuts(c, lo, extent, w, c->nreg)) return false;
    if (!grow((void **)&c->box, &c->box_cap, c->nbox * 2 * (ndim ? ndim : 1), sizeof *c->box)) return false;
    if (!grow((void **)&c->ref, &c->ref_cap, c->nbox * c->nreg, sizeof *c->ref)) return false;
    for (int32_t b = 0; b < c->nbox; b++) {
        int64_t *box = c->box + 2 * b * ndim;
        int32_t rest = b;
        for (int k = ndim - 1; k >= 0; k--) {
            int32_t i = rest % c->n[k];
            rest /= c->n[k];
            box[k] = c->at[k][i];
            box[ndim + k] = (i + 1 < c->n[k] ? c->at[k][i + 1] : extent[k]) - box[k];
        }
        if (!place_box(c, box, w, nread, nwrite, c->ref + (size_t)b * (size_t)c->nreg)) return false;
    }
    return true;
}

void sp_cuts_free(struct sp_cuts *c)
{
    for (int k = 0; k < STARP_MAXDIM; k++) sp_free(c->at[k]);
    sp_free(c->box);
    sp_free(c->ref);
    sp_free(c->slot);
    sp_free(c->source);
    sp_free(c->mode);
}
