/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ops.c: the table of operations: the rows of ops.def, then the library's own. What a row accepts and whether it is
 * cheap is read off its forms, so a row cannot contradict its kernels.
 */
#include <assert.h>

#include "graph.h"

/* Bits of a form: may operands of its class be computed, or are they an error; does it take long. */
enum { FORM_NO = 0, FORM_HAS = 1, FORM_BAD = 2, FORM_LONG = 4 };
#define FORM_IS_NO FORM_NO
#define FORM_IS_BAD FORM_BAD
#define FORM_IS_E(...) FORM_HAS
#define FORM_IS_L(...) (FORM_HAS | FORM_LONG)
#define FORM_IS_V(...) (FORM_HAS | FORM_LONG)
#define FORM_IS_W(...) (FORM_HAS | FORM_LONG)

/* One bit of each form, as a set of classes. */
#define CLASSES(bit, b, i, f, c) \
    (((b) / (bit) % 2) << SP_CLASS_B | ((i) / (bit) % 2) << SP_CLASS_I | ((f) / (bit) % 2) << SP_CLASS_F | \
     ((c) / (bit) % 2) << SP_CLASS_C)
#define ROW(name, arity, result, b, i, f, c) \
    [SP_OP_##name] = { #name, arity, SP_RESULT_##result, CLASSES(FORM_HAS, b, i, f, c), !(((i) | (f)) & FORM_LONG) },
#define OWN(name, arity, classes, cheap) [SP_OP_##name] = { #name, arity, SP_RESULT_SAME, classes, cheap },

enum {
    B = 1 << SP_CLASS_B,
    I = 1 << SP_CLASS_I,
    F = 1 << SP_CLASS_F,
    C = 1 << SP_CLASS_C,
};

const struct sp_op_row sp_ops[SP_OPS] = {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) \
    ROW(name, arity, result, FORM_IS_##bf, FORM_IS_##inf, FORM_IS_##ff, FORM_IS_##cf)
#include "starp/ops.def"
#undef STARP_OP
    OWN(copy, 1, B | I | F | C, true)
    OWN(cast, 1, B | I | F | C, true)
#define X(name, first, second, reversed) OWN(name, 3, F, true)
    SP_PAIRS(X)
#undef X
    OWN(arange, 2, I | F | C, true)
    OWN(linspace, 2, F | C, true)
    OWN(uniform, 2, F, false)
    OWN(normal, 2, F, false)
    OWN(integers, 2, I, false)
    OWN(apply1, 2, B | I | F | C, false)
    OWN(apply2, 3, B | I | F | C, false)
    OWN(apply3, 4, B | I | F | C, false)
};

static const struct sp_op_pair pairs[] = {
#define X(name, first, second, reversed) { SP_OP_##name, SP_OP_##first, SP_OP_##second, reversed },
    SP_PAIRS(X)
#undef X
};

const struct sp_op_pair *sp_op_pair_find(enum sp_op first, enum sp_op second, bool reversed)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].first == first && pairs[i].second == second && pairs[i].reversed == reversed) return &pairs[i];
    }
    return NULL;
}

const struct sp_op_pair *sp_op_pair_of(enum sp_op op)
{
    return op >= pairs[0].op && op < pairs[0].op + sizeof pairs / sizeof *pairs ? &pairs[op - pairs[0].op] : NULL;
}

static const uint8_t refuses[SP_OP_PUBLIC] = {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) \
    [SP_OP_##name] = CLASSES(FORM_BAD, FORM_IS_##bf, FORM_IS_##inf, FORM_IS_##ff, FORM_IS_##cf),
#include "starp/ops.def"
#undef STARP_OP
};

const char *const sp_reduce_names[SP_REDUCES] = { "sum", "prod", "min", "max", "var", "argmin", "argmax" };

/* The first dtype of the next class up that every value of `d` goes to. */
static starp_dtype next_class_up(starp_dtype d)
{
    if (sp_dtypes[d].cls == SP_CLASS_B) return STARP_I8;
    if (sp_dtypes[d].cls == SP_CLASS_I) return sp_dtype_to_float(d);
    return STARP_NDTYPES;
}

starp_dtype sp_op_compute_dtype(enum sp_op op, starp_dtype common)
{
    assert(op < SP_OPS);
    starp_dtype d = common;
    while (d < STARP_NDTYPES && !(sp_ops[op].accepts >> sp_dtypes[d].cls & 1)) {
        if (op < SP_OP_PUBLIC && refuses[op] >> sp_dtypes[d].cls & 1) return STARP_NDTYPES;
        d = next_class_up(d);
    }
    return d;
}

starp_dtype sp_op_result_dtype(enum sp_op op, starp_dtype compute)
{
    assert(op < SP_OPS);
    switch ((enum sp_result)sp_ops[op].result) {
    case SP_RESULT_BOOL: return STARP_BOOL;
    case SP_RESULT_REAL: return sp_dtype_real(compute);
    case SP_RESULT_SAME:
    case SP_RESULT_SELECT: break;
    }
    return compute;
}

bool sp_op_fails(enum sp_op op, starp_dtype compute)
{
    return op == SP_OP_pow && sp_dtypes[compute].cls == SP_CLASS_I;
}
