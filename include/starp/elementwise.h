/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp/elementwise.h
 * Functions of the program's own for each element, which are part of expressions like starp_sqrt() is: fused with what is
 * around them, on views and scalars, in front of reductions, on all workers of all ranks. Included by starp.h, never alone.
 *
 * ```c
 * static void softplus(size_t n, void *out, const void *const *in, const void *user)
 * {
 *     const double *restrict x = in[0], *limit = user;
 *     double *restrict y = out;
 *     for (size_t i = 0; i < n; i++) y[i] = x[i] > *limit ? x[i] : log1p(exp(x[i]));
 * }
 *
 * double limit = 30;
 * starp_register_elementwise(s, "softplus", &(starp_elementwise){ .apply = softplus, .in = { 1, STARP_F64 }, .out = { 1, STARP_F64 },
 *                                                                  .user = &limit, .user_bytes = sizeof limit });
 * starp_array *y = starp_sqrt(starp_apply(s, "softplus", STARP_ARGS(x)));
 * ```
 */
#ifndef STARP_ELEMENTWISE_H
#define STARP_ELEMENTWISE_H

/** Largest number of operands of such a function. */
#define STARP_MAXOPERANDS 3
/** Largest number of elements it is asked for at a time. */
#define STARP_MAXCHUNK 1024

/**
 * Computes n elements: out[i] from in[0][i], in[1][i], ... and nothing else. All are dense and aligned to their elements; out
 * overlaps none of in[], so it may be restrict; two of in[] may be the same memory. n is what the library finds handy, 1 to
 * STARP_MAXCHUNK, and differs from call to call: out[i] must not depend on n, on i, or on other elements. Then results have the same
 * bits however work is cut, fused and dealt out. (Compilers keep to that in plain loops, but not with -ffast-math, where sin
 * of a loop's last elements may be another sin.)
 *
 * The function is pure: equal calls are made once, elements nobody asks for are not computed, others maybe twice. It is called
 * from any thread, several at a time, and must return: no longjmp, no exceptions, no calls of this library, no change of
 * the rounding mode. What becomes of NaN is its own affair. It cannot fail; what has no value is NaN, say.
 */
typedef void (*starp_elementwise_fn)(size_t n, void *out, const void *const *in, const void *user);

/** What such a function takes or makes: so many, all of one dtype. Nothing has a count of 0, so what is left out is an error. */
typedef struct starp_operands {
    int count;         /**< how many */
    starp_dtype dtype; /**< of each */
} starp_operands;

/** A function for starp_apply(). */
typedef struct starp_elementwise {
    starp_elementwise_fn apply; /**< computes elements */
    starp_operands in;          /**< 1 to STARP_MAXOPERANDS operands, and the dtype that they are converted to */
    starp_operands out;         /**< 1 result, and its dtype */
    const void *user;           /**< handed to each call, aligned to 16 bytes; copied, to all ranks, so it holds no pointers */
    size_t user_bytes;          /**< how many bytes that are */
} starp_elementwise;

/**
 * Registers a function for starp_apply() under a name, on all ranks: these run the same program, so the function is found in theirs.
 * A name registered before gets the new function, from the next starp_apply() on. starp_register() has names of its own. Sync.
 * Errors: STARP_ERR_ARGUMENT (no name, or a long one; no function; other than 1 to STARP_MAXOPERANDS operands, or 1 result; dtypes that
 * do not exist); STARP_ERR_RUNTIME (a rank runs another build of the program).
 */
STARP_API starp_status starp_register_elementwise(starp_session *s, const char *name, const starp_elementwise *function);

/**
 * A registered function on arrays of one shape, or that broadcast to one: starp_apply(s, "softplus", STARP_ARGS(x)). Deferred.
 * Operands are converted to the function's dtype where promotion allows: where the two have that dtype in common. So i32 becomes
 * f64, and a C number the dtype of any array of its kind; f64 does not become f32 or i64, nor c128 f64: starp_astype() does that.
 * @return shape (broadcast), dtype `out.dtype`. NULL with STARP_ERR_ARGUMENT (no such function; another number of operands),
 *         STARP_ERR_DTYPE (not converted), STARP_ERR_SHAPE (do not broadcast).
 */
STARP_API starp_array *starp_apply(starp_session *s, const char *name, int nargs, starp_array *const *args);

#endif
