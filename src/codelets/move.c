/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * move.c: copies of n-dimensional windows: between tiles and the user's row-major buffers, and between tilings.
 */
#include <string.h>

#include "codelets.h"

static void move_row(int64_t n, size_t item, char *dst, int64_t dst_stride, const char *src, int64_t src_stride,
                     const struct sp_kernels *kernels)
{
    if (dst_stride == (int64_t)item && src_stride == (int64_t)item) memcpy(dst, src, (size_t)n * item);
    else if (dst_stride == (int64_t)item) kernels->gather((size_t)n, dst, src, src_stride, item);
    else if (src_stride == (int64_t)item) kernels->scatter((size_t)n, dst, dst_stride, src, item);
    else for (int64_t i = 0; i < n; i++) memcpy(dst + i * dst_stride, src + i * src_stride, item);
}

void sp_move(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
             const int64_t *src_stride, const struct sp_kernels *kernels)
{
    int64_t index[STARP_MAXDIM] = { 0 };
    char *to = dst;
    const char *from = src;
    int last = ndim - 1;
    for (int a = 0; a < ndim; a++) {
        if (extent[a] == 0) return;
    }
    for (;;) {
        move_row(last < 0 ? 1 : extent[last], item, to, last < 0 ? (int64_t)item : dst_stride[last], from,
                 last < 0 ? (int64_t)item : src_stride[last], kernels);
        int a = last - 1;
        for (; a >= 0; a--) {
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
