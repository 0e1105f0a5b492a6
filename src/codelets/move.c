/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * move.c: copies of n-dimensional windows: between tiles and the user's row-major buffers, and between tilings.
 */
#include <string.h>

#include "codelets.h"

static void move_row(int64_t n, size_t item, char *dst, int64_t dst_stride, const char *src, int64_t src_stride, bool past,
                     const struct sp_kernels *kernels)
{
    bool dense = dst_stride == (int64_t)item && src_stride == (int64_t)item;
    if (dense && past) kernels->stream(dst, src, (size_t)n * item);
    else if (dense) memcpy(dst, src, (size_t)n * item);
    else if (dst_stride == (int64_t)item) kernels->gather((size_t)n, dst, src, src_stride, item);
    else if (src_stride == (int64_t)item) kernels->scatter((size_t)n, dst, dst_stride, src, item);
    else for (int64_t i = 0; i < n; i++) memcpy(dst + i * dst_stride, src + i * src_stride, item);
}

/* The axis that goes first through src, where the last goes first through dst; -1: they are the same, or there is none. */
static int turned_axis(int ndim, const int64_t *extent, size_t item, const int64_t *dst_stride, const int64_t *src_stride)
{
    if (ndim < 2 || dst_stride[ndim - 1] != (int64_t)item || extent[ndim - 1] < 2) return -1;
    for (int a = 0; a < ndim - 1; a++) {
        if (src_stride[a] == (int64_t)item && extent[a] > 1) return a;
    }
    return -1;
}

bool sp_move_turns(int ndim, const int64_t *extent, size_t item, const int64_t *dst_stride, const int64_t *src_stride)
{
    return turned_axis(ndim, extent, item, dst_stride, src_stride) >= 0 && src_stride[ndim - 1] != (int64_t)item;
}

static void move(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
                 const int64_t *src_stride, bool past, const struct sp_kernels *kernels)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    char *to = dst;
    const char *from = src;
    int last = ndim - 1, turned = turned_axis(ndim, extent, item, dst_stride, src_stride);
    if (turned >= 0 && src_stride[last] == (int64_t)item) turned = -1;
    for (int a = 0; a < ndim; a++) {
        if (extent[a] == 0) return;
    }
    for (;;) {
        if (turned >= 0) {
            kernels->transpose((size_t)extent[turned], (size_t)extent[last], to, dst_stride[turned], from, src_stride[last], item);
        } else {
            move_row(last < 0 ? 1 : extent[last], item, to, last < 0 ? (int64_t)item : dst_stride[last], from,
                     last < 0 ? (int64_t)item : src_stride[last], past, kernels);
        }
        int a = last - 1;
        for (; a >= 0; a--) {
            if (a == turned) continue;
            to += dst_stride[a];
            from += src_stride[a];
            if (++index[a] < extent[a]) break;
            to -= dst_stride[a] * extent[a];
            from -= src_stride[a] * extent[a];
            index[a] = 0;
        }
        if (a < 0) return;
    }
}

void sp_move(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
             const int64_t *src_stride, const struct sp_kernels *kernels)
{
    move(ndim, extent, item, dst, dst_stride, src, src_stride, false, kernels);
}

void sp_move_past(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
                  const int64_t *src_stride, const struct sp_kernels *kernels)
{
    move(ndim, extent, item, dst, dst_stride, src, src_stride, true, kernels);
    kernels->fence();
}
