/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_ops.c: the oracle's formulas for bools, integers and real floats, and the table of all. Integers are computed
 * in 128 bits and wrapped when they are stored, so no formula needs to know its width. A float result that IEEE 754
 * defines exactly is computed in double: rounded once more to f32 it is still the correctly rounded one. The others are
 * computed in long double.
 */
#include <math.h>
#include <stdlib.h>

#include "reference_ops.h"

/* Integers and bools: a, b, c are __int128. */
#define WHOLE(name, value) \
    static ref_num i_##name(starp_dtype d, const ref_num *x) \
    { __int128 a = x[0].i, b = x[1].i, c = x[2].i; (void)d, (void)a, (void)b, (void)c; \
      return (ref_num){ .i = (value) }; }

/* Floats by exact operations: a, b, c are double. */
#define EXACT(name, value) \
    static ref_num f_##name(starp_dtype d, const ref_num *x) \
    { double a = (double)x[0].re, b = (double)x[1].re, c = (double)x[2].re; (void)d, (void)a, (void)b, (void)c; \
      return (ref_num){ .re = (value) }; }

/* Floats by libm: a, b are long double. */
#define ROUNDED(name, value) \
    static ref_num f_##name(starp_dtype d, const ref_num *x) \
    { long double a = x[0].re, b = x[1].re; (void)d, (void)a, (void)b; return (ref_num){ .re = (value) }; }

/* Floats to a truth value. */
#define TRUTH(name, value) \
    static ref_num f_##name(starp_dtype d, const ref_num *x) \
    { double a = (double)x[0].re, b = (double)x[1].re; (void)d, (void)a, (void)b; return (ref_num){ .i = (value) }; }

/* --------------------------------------------------------------------------------------------- shared scalar helpers */

static int width(starp_dtype d)
{
    return sp_dtypes[d].size * 8;
}

static __int128 floor_quotient(__int128 a, __int128 b)
{
    if (b == 0) return 0;
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static __int128 power(__int128 base, __int128 exponent)
{
    unsigned __int128 r = 1, b = (unsigned __int128)base;
    for (; exponent > 0; exponent >>= 1, b *= b) {
        if (exponent & 1) r *= b;
    }
    return (__int128)r;
}

static __int128 shift_left(starp_dtype d, __int128 a, __int128 b)
{
    return b < 0 || b >= width(d) ? 0 : (__int128)((unsigned __int128)a << b);
}

static __int128 shift_right(starp_dtype d, __int128 a, __int128 b)
{
    return b < 0 || b >= width(d) ? -(a < 0) : a >> b;
}

static __int128 magnitude(__int128 a)
{
    return a < 0 ? -a : a;
}

static __int128 greatest_divisor(__int128 a, __int128 b)
{
    while (b != 0) {
        __int128 r = a % b;
        a = b;
        b = r;
    }
    return magnitude(a);
}

/* Python's modulus, and NumPy's floor division that fits it. */
static double modulus(double a, double b)
{
    double r = fmod(a, b);
    if (r == 0 || b == 0) return b == 0 ? r : copysign(0, b);
    return (b < 0) != (r < 0) ? r + b : r;
}

#define FLOOR_RATIO(type, name) \
    static double name(type a, type b) \
    { type r = (type)fmod(a, b), q = (a - r) / b, whole; \
      if (b == 0) return a / b; \
      if (r != 0 && (b < 0) != (r < 0)) q -= 1; \
      whole = (type)floor(q); \
      return q == 0 ? copysign(0, a / b) : q - whole > (type)0.5 ? whole + 1 : whole; }
FLOOR_RATIO(float, floor_ratio_f32)
FLOOR_RATIO(double, floor_ratio_f64)

static double floor_ratio(starp_dtype d, double a, double b)
{
    return d == STARP_F32 ? floor_ratio_f32((float)a, (float)b) : floor_ratio_f64(a, b);
}

static double smaller(double a, double b)
{
    return isnan(a) ? a : isnan(b) || b < a ? b : a;
}

static double larger(double a, double b)
{
    return isnan(a) ? a : isnan(b) || b > a ? b : a;
}

static double sign_of(double a)
{
    return isnan(a) ? a : (a > 0) - (a < 0);
}

/* A constant in the precision of d. */
static double constant(starp_dtype d, double v)
{
    return d == STARP_F32 ? (float)v : v;
}

static double next_to(starp_dtype d, double a, double b)
{
    return d == STARP_F32 ? nextafterf((float)a, (float)b) : nextafter(a, b);
}

static long double log_sum(long double a, long double b)
{
    if (a == b) return a + logl(2);
    return fmaxl(a, b) + log1pl(expl(-fabsl(a - b)));
}

/* ------------------------------------------------------------------------------------------------- bools and integers */

WHOLE(add, a + b)
WHOLE(subtract, a - b)
WHOLE(multiply, (__int128)((unsigned __int128)a * (unsigned __int128)b))
WHOLE(floor_divide, floor_quotient(a, b))
WHOLE(remainder, b == 0 ? 0 : a - b * floor_quotient(a, b))
WHOLE(fmod, b == 0 ? 0 : a % b)
WHOLE(pow, b < 0 ? 0 : power(a, b))
WHOLE(square, (__int128)((unsigned __int128)a * (unsigned __int128)a))
WHOLE(negative, -a)
WHOLE(same, a)
WHOLE(zero, 0)
WHOLE(abs, a < 0 ? -a : a)
WHOLE(sign, (a > 0) - (a < 0))
WHOLE(signbit, a < 0)
WHOLE(minimum, a < b ? a : b)
WHOLE(maximum, a > b ? a : b)
WHOLE(clip, (a > b ? a : b) < c ? (a > b ? a : b) : c)
WHOLE(where, a ? b : c)
WHOLE(equal, a == b)
WHOLE(not_equal, a != b)
WHOLE(less, a < b)
WHOLE(less_equal, a <= b)
WHOLE(greater, a > b)
WHOLE(greater_equal, a >= b)
WHOLE(logical_and, a && b)
WHOLE(logical_or, a || b)
WHOLE(logical_xor, !a != !b)
WHOLE(logical_not, !a)
WHOLE(bitwise_and, a & b)
WHOLE(bitwise_or, a | b)
WHOLE(bitwise_xor, a ^ b)
WHOLE(bitwise_invert, d == STARP_BOOL ? !a : ~a)
WHOLE(bitwise_left_shift, shift_left(d, a, b))
WHOLE(bitwise_right_shift, shift_right(d, a, b))
WHOLE(one, 1)
WHOLE(gcd, greatest_divisor(a, b))
WHOLE(lcm, a == 0 || b == 0 ? 0 : magnitude(a) / greatest_divisor(a, b) * magnitude(b))

/* ------------------------------------------------------------------------------------------------------------- floats */

EXACT(add, a + b)
EXACT(subtract, a - b)
EXACT(multiply, a * b)
EXACT(divide, a / b)
EXACT(reciprocal, 1 / a)
EXACT(floor_divide, floor_ratio(d, a, b))
EXACT(remainder, modulus(a, b))
EXACT(fmod, fmod(a, b))
EXACT(square, a * a)
EXACT(sqrt, sqrt(a))
EXACT(negative, -a)
EXACT(same, a)
EXACT(zero, 0)
EXACT(abs, fabs(a))
EXACT(sign, sign_of(a))
EXACT(floor, floor(a))
EXACT(ceil, ceil(a))
EXACT(trunc, trunc(a))
EXACT(round, rint(a))
EXACT(copysign, copysign(a, b))
EXACT(nextafter, next_to(d, a, b))
EXACT(minimum, smaller(a, b))
EXACT(maximum, larger(a, b))
EXACT(clip, smaller(larger(a, b), c))
EXACT(fmin, isnan(a) || b < a ? b : a)
EXACT(fmax, isnan(a) || b > a ? b : a)
EXACT(heaviside, isnan(a) ? a : a == 0 ? b : a > 0)
EXACT(degrees, a * constant(d, 57.29577951308232087680))
EXACT(radians, a * constant(d, 0.01745329251994329577))
EXACT(where, x[0].i ? b : c)

ROUNDED(logaddexp, log_sum(a, b))

TRUTH(equal, a == b)
TRUTH(not_equal, a != b)
TRUTH(less, a < b)
TRUTH(less_equal, a <= b)
TRUTH(greater, a > b)
TRUTH(greater_equal, a >= b)
TRUTH(logical_and, a != 0 && b != 0)
TRUTH(logical_or, a != 0 || b != 0)
TRUTH(logical_xor, (a != 0) != (b != 0))
TRUTH(logical_not, a == 0)
TRUTH(isnan, isnan(a))
TRUTH(isinf, isinf(a))
TRUTH(isfinite, isfinite(a))
TRUTH(signbit, signbit(a))

/* -------------------------------------------------------------------------------------------------------------- table */

static const struct {
    ref_form *whole, *real, *complex;
} table[SP_OPS] = {
    [SP_OP_abs] = { i_abs, f_abs, ref_c_abs },
    [SP_OP_acos] = { NULL, NULL, ref_c_acos },
    [SP_OP_acosh] = { NULL, NULL, ref_c_acosh },
    [SP_OP_add] = { i_add, f_add, ref_c_add },
    [SP_OP_asin] = { NULL, NULL, ref_c_asin },
    [SP_OP_asinh] = { NULL, NULL, ref_c_asinh },
    [SP_OP_atan] = { NULL, NULL, ref_c_atan },
    [SP_OP_atanh] = { NULL, NULL, ref_c_atanh },
    [SP_OP_bitwise_and] = { i_bitwise_and, NULL, NULL },
    [SP_OP_bitwise_invert] = { i_bitwise_invert, NULL, NULL },
    [SP_OP_bitwise_left_shift] = { i_bitwise_left_shift, NULL, NULL },
    [SP_OP_bitwise_or] = { i_bitwise_or, NULL, NULL },
    [SP_OP_bitwise_right_shift] = { i_bitwise_right_shift, NULL, NULL },
    [SP_OP_bitwise_xor] = { i_bitwise_xor, NULL, NULL },
    [SP_OP_ceil] = { i_same, f_ceil, NULL },
    [SP_OP_clip] = { i_clip, f_clip, NULL },
    [SP_OP_conj] = { i_same, f_same, ref_c_conj },
    [SP_OP_copysign] = { NULL, f_copysign, NULL },
    [SP_OP_cos] = { NULL, NULL, ref_c_cos },
    [SP_OP_cosh] = { NULL, NULL, ref_c_cosh },
    [SP_OP_divide] = { NULL, f_divide, ref_c_divide },
    [SP_OP_degrees] = { NULL, f_degrees, NULL },
    [SP_OP_equal] = { i_equal, f_equal, ref_c_equal },
    [SP_OP_exp] = { NULL, NULL, ref_c_exp },
    [SP_OP_exp2] = { NULL, NULL, ref_c_exp2 },
    [SP_OP_expm1] = { NULL, NULL, ref_c_expm1 },
    [SP_OP_floor] = { i_same, f_floor, NULL },
    [SP_OP_floor_divide] = { i_floor_divide, f_floor_divide, NULL },
    [SP_OP_fmax] = { i_maximum, f_fmax, NULL },
    [SP_OP_fmin] = { i_minimum, f_fmin, NULL },
    [SP_OP_fmod] = { i_fmod, f_fmod, NULL },
    [SP_OP_gcd] = { i_gcd, NULL, NULL },
    [SP_OP_greater] = { i_greater, f_greater, NULL },
    [SP_OP_greater_equal] = { i_greater_equal, f_greater_equal, NULL },
    [SP_OP_heaviside] = { NULL, f_heaviside, NULL },
    [SP_OP_imag] = { i_zero, f_zero, ref_c_imag },
    [SP_OP_isfinite] = { i_one, f_isfinite, ref_c_isfinite },
    [SP_OP_isinf] = { i_zero, f_isinf, ref_c_isinf },
    [SP_OP_isnan] = { i_zero, f_isnan, ref_c_isnan },
    [SP_OP_lcm] = { i_lcm, NULL, NULL },
    [SP_OP_less] = { i_less, f_less, NULL },
    [SP_OP_less_equal] = { i_less_equal, f_less_equal, NULL },
    [SP_OP_log] = { NULL, NULL, ref_c_log },
    [SP_OP_log10] = { NULL, NULL, ref_c_log10 },
    [SP_OP_log1p] = { NULL, NULL, ref_c_log1p },
    [SP_OP_log2] = { NULL, NULL, ref_c_log2 },
    [SP_OP_logaddexp] = { NULL, f_logaddexp, NULL },
    [SP_OP_logical_and] = { i_logical_and, f_logical_and, ref_c_logical_and },
    [SP_OP_logical_not] = { i_logical_not, f_logical_not, ref_c_logical_not },
    [SP_OP_logical_or] = { i_logical_or, f_logical_or, ref_c_logical_or },
    [SP_OP_logical_xor] = { i_logical_xor, f_logical_xor, ref_c_logical_xor },
    [SP_OP_maximum] = { i_maximum, f_maximum, NULL },
    [SP_OP_minimum] = { i_minimum, f_minimum, NULL },
    [SP_OP_multiply] = { i_multiply, f_multiply, ref_c_multiply },
    [SP_OP_negative] = { i_negative, f_negative, ref_c_negative },
    [SP_OP_nextafter] = { NULL, f_nextafter, NULL },
    [SP_OP_not_equal] = { i_not_equal, f_not_equal, ref_c_not_equal },
    [SP_OP_positive] = { i_same, f_same, ref_c_positive },
    [SP_OP_pow] = { i_pow, NULL, ref_c_pow },
    [SP_OP_radians] = { NULL, f_radians, NULL },
    [SP_OP_real] = { i_same, f_same, ref_c_real },
    [SP_OP_reciprocal] = { NULL, f_reciprocal, ref_c_reciprocal },
    [SP_OP_remainder] = { i_remainder, f_remainder, NULL },
    [SP_OP_round] = { i_same, f_round, ref_c_round },
    [SP_OP_sign] = { i_sign, f_sign, ref_c_sign },
    [SP_OP_signbit] = { i_signbit, f_signbit, NULL },
    [SP_OP_sin] = { NULL, NULL, ref_c_sin },
    [SP_OP_sinh] = { NULL, NULL, ref_c_sinh },
    [SP_OP_sqrt] = { NULL, f_sqrt, ref_c_sqrt },
    [SP_OP_square] = { i_square, f_square, ref_c_square },
    [SP_OP_subtract] = { i_subtract, f_subtract, ref_c_subtract },
    [SP_OP_tan] = { NULL, NULL, ref_c_tan },
    [SP_OP_tanh] = { NULL, NULL, ref_c_tanh },
    [SP_OP_trunc] = { i_same, f_trunc, NULL },
    [SP_OP_where] = { i_where, f_where, ref_c_where },
};

/* Float forms V(fn, acc) are what libm's function of that name gives: a new row needs nothing here. */
typedef void libm_fn(void);
#define LIBM_NO NULL
#define LIBM_BAD NULL
#define LIBM_E(...) NULL
#define LIBM_L(...) NULL
#define LIBM_W(...) NULL
#define LIBM_V(fn, acc) (libm_fn *)fn##l
static libm_fn *const libm[SP_OP_PUBLIC] = {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) [SP_OP_##name] = LIBM_##ff,
#include "starp/ops.def"
#undef STARP_OP
};

static ref_num by_libm(enum sp_op op, const ref_num *x)
{
    if (sp_ops[op].arity == 1) return (ref_num){ .re = ((long double (*)(long double))libm[op])(x[0].re) };
    return (ref_num){ .re = ((long double (*)(long double, long double))libm[op])(x[0].re, x[1].re) };
}

static bool is_by_libm(enum sp_op op, starp_dtype d)
{
    return sp_dtypes[d].cls == SP_CLASS_F && !table[op].real && libm[op];
}

static ref_form *form_of(enum sp_op op, starp_dtype d)
{
    int cls = sp_dtypes[d].cls;
    return cls <= SP_CLASS_I ? table[op].whole : cls == SP_CLASS_F ? table[op].real : table[op].complex;
}

ref_num ref_op(enum sp_op op, starp_dtype d, const ref_num x[SP_MAXIN], bool *fault)
{
    ref_form *form = form_of(op, d);
    if (is_by_libm(op, d)) return by_libm(op, x);
    if (!form) {
        fprintf(stderr, "the oracle does not know %s of %s\n", sp_ops[op].name, sp_dtypes[d].name);
        abort();
    }
    if (op == SP_OP_pow && sp_dtypes[d].cls == SP_CLASS_I && x[1].i < 0) *fault = true;
    return form(d, x);
}
