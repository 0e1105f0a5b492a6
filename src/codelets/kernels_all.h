/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_all.h: all bodies, and the table of one instruction set's kernels. See kernels.h. */
#include "kernels_apply.h"
#include "kernels_arg.h"
#include "kernels_cast.h"
#include "kernels_lu.h"
#include "kernels_moments.h"
#include "kernels_move.h"
#include "kernels_random.h"
#include "kernels_dft.h"

/* A slot for each form, by the kinds of kernels_map.h. */
#define SLOT(id, name) [SP_OP_##name][STARP_##id] = map_##name##_##id,
#define SLOTS(...) SLOTS_(__VA_ARGS__)
#define SLOTS_(cls, name, kind, ...) SLOTS_##kind(cls, name)
#define SLOTS_NOTHING(cls, name)
#define SLOTS_LOOP(cls, name) EACH_##cls(SLOT, name)
#define SLOTS_VECTOR(cls, name) EACH_##cls(SLOT, name)
#define SLOTS_OWN(cls, name) EACH_##cls(SLOT, name)

/* One function for every dtype. */
#define APPLY_SLOT(id, name) [SP_OP_##name][STARP_##id] = map_##name,
#define APPLY_SLOTS(name) EACH_B(APPLY_SLOT, name) EACH_I(APPLY_SLOT, name) EACH_F(APPLY_SLOT, name) EACH_C(APPLY_SLOT, name)

#define CAST_SLOT(to, from) [STARP_##from][STARP_##to] = cast_##from##_##to,
#define CAST_SLOTS(id, ctype, name, cls) \
    EACH_B(CAST_SLOT, id) EACH_I(CAST_SLOT, id) EACH_F(CAST_SLOT, id) EACH_C(CAST_SLOT, id)

#define REDUCE_SLOT(id, KIND, kind, size) \
    [SP_REDUCE_##KIND][STARP_##id] = { size, rows_##kind##_##id, columns_##kind##_##id, merge_##kind##_##id, \
                                       finish_##kind##_##id },

const struct sp_kernels SP_KERNELS = {
    .name = SP_NAME,
    .map = {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) \
        SLOTS(B, name, FORM_##bf) SLOTS(I, name, FORM_##inf) SLOTS(F, name, FORM_##ff) SLOTS(C, name, FORM_##cf)
#include "starp/ops.def"
#include "kernels_own.def"
#undef STARP_OP
        EACH_I(SLOT, arange) EACH_F(SLOT, arange) EACH_C(SLOT, arange)
        EACH_F(SLOT, linspace) EACH_C(SLOT, linspace)
        EACH_F(SLOT, uniform) EACH_F(SLOT, normal) EACH_I(SLOT, integers)
        APPLY_SLOTS(apply1) APPLY_SLOTS(apply2) APPLY_SLOTS(apply3)
    },
    .cast = { STARP_DTYPES(CAST_SLOTS) },
    .reduce = {
#define ELEMENT(id, KIND, kind) REDUCE_SLOT(id, KIND, kind, sizeof(T_##id))
        EACH_SUMMED(ELEMENT, SUM, sum) EACH_SUMMED(ELEMENT, PROD, prod)
        EACH_ORDERED(ELEMENT, MIN, min) EACH_ORDERED(ELEMENT, MAX, max)
#undef ELEMENT
#define INDEXED(id, KIND, kind) REDUCE_SLOT(id, KIND, kind, sizeof(struct arg_##id))
        EACH_ORDERED(INDEXED, ARGMIN, argmin) EACH_ORDERED(INDEXED, ARGMAX, argmax)
#undef INDEXED
        EACH_F(REDUCE_SLOT, VAR, var, 2 * sizeof(double)) EACH_C(REDUCE_SLOT, VAR, var, 3 * sizeof(double))
    },
    .splat = splat,
    .iota = iota,
    .stream = stream,
    .fence = fence,
    .gather = gather,
    .transpose = transpose,
    .scatter = scatter,
    .twist = twist,
    .scale = scale,
    .lu = {
#define LU_SLOT(id, ...) [STARP_##id] = { lu_factor_##id, lu_solve_##id },
        EACH_F(LU_SLOT, )
#undef LU_SLOT
    },
};
