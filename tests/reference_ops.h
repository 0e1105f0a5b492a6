/* SPDX-License-Identifier: BSD-3-Clause */
/* reference_ops.h: what reference_ops.c takes from reference_complex.c. Nobody else includes it. */
#ifndef SP_TEST_REFERENCE_OPS_H
#define SP_TEST_REFERENCE_OPS_H

#include "reference.h"

/* A formula: dtype computed in, operands; the result before it is rounded to its dtype. */
typedef ref_num ref_form(starp_dtype d, const ref_num *x);

ref_form ref_c_add, ref_c_subtract, ref_c_multiply, ref_c_divide, ref_c_square, ref_c_negative, ref_c_positive, ref_c_conj,
    ref_c_real, ref_c_imag, ref_c_abs, ref_c_round, ref_c_where, ref_c_reciprocal, ref_c_pow, ref_c_sign, ref_c_sqrt,
    ref_c_exp, ref_c_exp2, ref_c_expm1, ref_c_log, ref_c_log1p, ref_c_log2, ref_c_log10, ref_c_sin, ref_c_cos, ref_c_tan, ref_c_asin,
    ref_c_acos, ref_c_atan, ref_c_sinh, ref_c_cosh, ref_c_tanh, ref_c_asinh, ref_c_acosh, ref_c_atanh, ref_c_equal,
    ref_c_not_equal, ref_c_logical_and, ref_c_logical_or, ref_c_logical_xor, ref_c_logical_not, ref_c_isnan, ref_c_isinf,
    ref_c_isfinite;

#endif
