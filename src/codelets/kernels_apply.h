/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_apply.h: the kernels that call a function of the user's: its operands come first, then what tells which it is. */
#ifndef SP_KERNELS_APPLY_H
#define SP_KERNELS_APPLY_H

#include "kernels.h"

#define APPLY(name, arity) \
    static void map_##name(size_t n, void *dst, const void *const *src, SP_UNUSED int *fault) \
    { const starp_elementwise *f = src[arity]; f->apply(n, dst, src, f->user); }
APPLY(apply1, 1)
APPLY(apply2, 2)
APPLY(apply3, 3)

#endif
