/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dtype.c: promotion by class and size instead of pair by pair. NumPy 2's rules (NEP 50): arrays promote to the smallest
 * type that holds both; a weak scalar only raises the class.
 */
#include "graph.h"

#define CLASS_B SP_CLASS_B
#define CLASS_I SP_CLASS_I
#define CLASS_F SP_CLASS_F
#define CLASS_C SP_CLASS_C

const struct sp_dtype_row sp_dtypes[STARP_NDTYPES] = {
#define X(id, ctype, name, cls) { #name, sizeof(ctype), CLASS_##cls, #name[0] != 'u' && CLASS_##cls != CLASS_B },
    STARP_DTYPES(X)
#undef X
};

bool sp_dtype_valid(starp_dtype d)
{
    return (unsigned)d < STARP_NDTYPES;
}

starp_dtype sp_dtype_real(starp_dtype d)
{
    return d == STARP_C64 ? STARP_F32 : d == STARP_C128 ? STARP_F64 : d;
}

starp_dtype sp_dtype_to_float(starp_dtype d)
{
    if (sp_dtypes[d].cls >= SP_CLASS_F) return d;
    return sp_dtypes[d].size <= 2 ? STARP_F32 : STARP_F64;
}

starp_dtype sp_dtype_to_linalg(starp_dtype d)
{
    return sp_dtypes[d].cls >= SP_CLASS_F ? d : STARP_F64;
}

static starp_dtype integer(int size, bool is_signed)
{
    static const starp_dtype of[2][9] = { { [1] = STARP_U8, [2] = STARP_U16, [4] = STARP_U32, [8] = STARP_U64 },
                                          { [1] = STARP_I8, [2] = STARP_I16, [4] = STARP_I32, [8] = STARP_I64 } };
    return of[is_signed][size];
}

static starp_dtype promote_integers(starp_dtype a, starp_dtype b)
{
    const struct sp_dtype_row *x = &sp_dtypes[a], *y = &sp_dtypes[b];
    if (x->is_signed == y->is_signed) return x->size >= y->size ? a : b;
    int s = x->is_signed ? x->size : y->size, u = x->is_signed ? y->size : x->size;
    if (u < s) return integer(s, true);
    return u < 8 ? integer(2 * u, true) : STARP_F64;
}

/* Integers beside floats become the float that holds them; beside complex, likewise for the parts. */
static starp_dtype promote_inexact(starp_dtype a, starp_dtype b)
{
    starp_dtype x = sp_dtype_to_float(sp_dtype_real(a)), y = sp_dtype_to_float(sp_dtype_real(b));
    if (sp_dtypes[a].cls == SP_CLASS_B) x = y;
    if (sp_dtypes[b].cls == SP_CLASS_B) y = x;
    starp_dtype real = x == STARP_F64 || y == STARP_F64 ? STARP_F64 : STARP_F32;
    if (sp_dtypes[a].cls < SP_CLASS_C && sp_dtypes[b].cls < SP_CLASS_C) return real;
    return real == STARP_F64 ? STARP_C128 : STARP_C64;
}

starp_dtype sp_promote(starp_dtype a, starp_dtype b)
{
    if (a == b) return a;
    int ca = sp_dtypes[a].cls, cb = sp_dtypes[b].cls;
    if (ca >= SP_CLASS_F || cb >= SP_CLASS_F) return promote_inexact(a, b);
    if (ca == SP_CLASS_B) return b;
    if (cb == SP_CLASS_B) return a;
    return promote_integers(a, b);
}

starp_dtype sp_promote_weak(starp_dtype d, starp_dtype weak)
{
    int cd = sp_dtypes[d].cls, cw = sp_dtypes[weak].cls;
    if (cw <= cd) return d;
    if (cd == SP_CLASS_F && cw == SP_CLASS_C) return d == STARP_F32 ? STARP_C64 : STARP_C128;
    /* NumPy: int8 array with 1.0 is float64, not the smallest float; bool with 1 is the default integer. */
    return weak;
}
