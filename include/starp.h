/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp.h
 * starp: lazy arrays. A call adds a node to a deferred expression graph; a sync point (starp_eval(), reading
 * data) fuses the graph and runs it as tasks over tiled arrays.
 *
 * Conventions, valid for every function here
 * - **NULL in, NULL out.** A call that fails returns NULL and records the first error (status and text, with the
 *   values and the caller's site); everything built on NULL is NULL, so one check at starp_eval() is enough. The first
 *   error stays until a call that returns a status is given NULL and so reports it; NULL does not remember where it
 *   comes from, so a program that goes on after a failure it expects calls starp_clear_error().
 * - **Local, deferred, sync.** *Local* calls touch only the handle. *Deferred* calls record a node: shapes and
 *   dtypes are checked at the call, the work is done at the next sync. *Sync* calls run what they need and wait.
 * - **Ownership.** A returned handle is the caller's to release, unless a scope is open: then the scope releases it. A
 *   released handle is noticed only until its slot is used again.
 * - **Values.** Arrays do not change: an operation makes a new one, and starp_assign() names it.
 * - **Threads.** One thread at a time uses a session; different sessions may be used by different threads.
 * - Arrays are row-major, extents are int64_t, at most STARP_MAXDIM dimensions. Axes count from 0; negative ones
 *   count from the end.
 * - The library never exits, aborts or prints, except to a FILE the caller hands it, and a progress bar or an
 *   explain text on stderr when STARP_PROGRESS or STARP_EXPLAIN asks for them. The processes of other ranks than 0, which
 *   never come back from starp_open(), end in there.
 * - Sites in errors are addresses, as prog+0x1265: `addr2line -e prog 0x1265` gives the line of a program built with -g.
 * - The macros with compound literals (STARP_SHAPE and its like, STARP_NUMBER) are C; C++ fills a starp_dims instead.
 */
#ifndef STARP_H
#define STARP_H

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "starp/dtypes.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define STARP_API __attribute__((visibility("default")))
#else
#define STARP_API
#endif

/** Largest number of dimensions. */
#define STARP_MAXDIM 16
/** An omitted bound of a slice: the end that the step walks from or to. */
#define STARP_NONE INT64_MIN

typedef struct starp_session starp_session; /**< where arrays live and run */
typedef struct starp_array starp_array;     /**< handle of a lazy array */
typedef struct starp_run starp_run;         /**< an evaluation under way: starp_eval_async() */

/** What a call says of its outcome. starp_last_error() has the words. */
typedef enum starp_status {
    STARP_OK = 0,
    STARP_ERR_ARGUMENT, /**< a value is out of its range, or a pointer is NULL */
    STARP_ERR_HANDLE,   /**< not a live handle, or of another session */
    STARP_ERR_SHAPE,    /**< shapes do not fit */
    STARP_ERR_DTYPE,    /**< dtypes do not fit */
    STARP_ERR_INDEX,    /**< an axis or index is out of bounds */
    STARP_ERR_OPTION,   /**< an environment variable has a bad value */
    STARP_ERR_MEMORY,   /**< no memory */
    STARP_ERR_LIMIT,    /**< the plan would exceed STARP_MEMORY_LIMIT */
    STARP_ERR_IO,       /**< a file cannot be read or written */
    STARP_ERR_FORMAT,   /**< a file is not what it should be */
    STARP_ERR_COMPUTE,  /**< a task failed on its data */
    STARP_ERR_CANCELLED, /**< the run was cancelled */
    STARP_ERR_RUNTIME   /**< the task runtime failed */
} starp_status;

/** A short list of extents or axes. */
typedef struct starp_dims {
    int n;                   /**< how many */
    int64_t v[STARP_MAXDIM]; /**< the values */
} starp_dims;

#define STARP_NARGS_(...) STARP_NARGS_AT_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define STARP_NARGS_AT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, N, ...) N
#define STARP_COUNT_(type, ...) (int)(sizeof((type[]){ __VA_ARGS__ }) / sizeof(type))

/** A shape: STARP_SHAPE(rows, columns). */
#define STARP_SHAPE(...) (&(const starp_dims){ STARP_NARGS_(__VA_ARGS__), { __VA_ARGS__ } })
/** The shape of a 0-d array. */
#define STARP_SHAPE0 (&(const starp_dims){ 0, { 0 } })
/** A set or an order of axes: STARP_AXES(0, -1). NULL stands for all axes. */
#define STARP_AXES(...) STARP_SHAPE(__VA_ARGS__)
/** Several arrays: expands to the two arguments count, list. */
#define STARP_ARGS(...) STARP_COUNT_(starp_array *, __VA_ARGS__), (starp_array *[]){ __VA_ARGS__ }

/** A C number with its kind, the operand form of a weak scalar. Made by STARP_NUMBER(). */
typedef struct starp_number {
    char kind; /**< 'b' bool, 'i' int64, 'u' uint64, 'f' double, 'c' complex */
    union {
        int64_t i;   /**< of kinds 'b' and 'i' */
        uint64_t u;  /**< of kind 'u' */
        double f[2]; /**< real, imaginary */
    } as;            /**< the value */
} starp_number;

STARP_API starp_number starp_number_bool(int value);                   /**< a truth value. Local. */
STARP_API starp_number starp_number_int(int64_t value);                /**< a signed integer. Local. */
STARP_API starp_number starp_number_uint(uint64_t value);              /**< an unsigned integer. Local. */
STARP_API starp_number starp_number_real(double value);                /**< a real number. Local. */
STARP_API starp_number starp_number_complex(double re, double im);     /**< a complex number. Local. */

#ifndef __cplusplus
static inline starp_number starp_number_from_complex_(double _Complex z)
{
    double part[2];
    __builtin_memcpy(part, &z, sizeof part);
    return starp_number_complex(part[0], part[1]);
}
/** Tags a C number with its kind: bool, integer, real or complex. */
#define STARP_NUMBER(x) \
    _Generic((x), _Bool: starp_number_bool, unsigned: starp_number_uint, unsigned long: starp_number_uint, \
             unsigned long long: starp_number_uint, float: starp_number_real, double: starp_number_real, \
             long double: starp_number_real, float _Complex: starp_number_from_complex_, \
             double _Complex: starp_number_from_complex_, long double _Complex: starp_number_from_complex_, \
             default: starp_number_int)(x)
#endif

/* ------------------------------------------------------------------------------------------------ sessions */

/**
 * Opens a session.
 * Of the processes of an MPI job only rank 0 comes back: the others serve until rank 0's process ends or calls MPI_Finalize,
 * and then end theirs. Nothing is computed after MPI_Finalize. A program that initializes MPI itself does so on all ranks, with
 * MPI_THREAD_MULTIPLE, and finalizes it on rank 0; otherwise both are done for it. Every process of the job has to come here; collective calls of the
 * program's own among them are not possible afterwards. When it fails, all may come back, each with its error.
 * @param where NULL or "local": this process, set up from the STARP_* environment variables (starp_info() lists them).
 * @return the session, closed by starp_close(); NULL with STARP_ERR_OPTION (a variable's value is not allowed),
 *         STARP_ERR_MEMORY, STARP_ERR_RUNTIME or STARP_ERR_ARGUMENT (unknown place).
 * The task runtime is shared by the process: sessions open at the same time must agree on STARP_NCPU and STARP_SCHED.
 */
STARP_API starp_session *starp_open(const char *where);

/**
 * Closes a session: waits for what runs, releases every handle and all memory. The handles are dead afterwards.
 * NULL is allowed and does nothing. A second close of the same session is STARP_ERR_HANDLE.
 * A failed run that nobody has waited for gives its status; the session is closed all the same.
 */
STARP_API starp_status starp_close(starp_session *s);

/**
 * Text of this thread's error: that of its last call that returned a status and failed, or else the first error that is
 * still to be reported; "" when there was none. Valid until the thread's next failing call. Local.
 */
STARP_API const char *starp_last_error(void);
/** Status of this thread's last error. Local. */
STARP_API starp_status starp_last_status(void);
/** Forgets this thread's last error. Local. */
STARP_API void starp_clear_error(void);
/** The constant's name, as "STARP_ERR_SHAPE". Local. */
STARP_API const char *starp_status_name(starp_status status);
/** Version as "0.1.0". Local. */
STARP_API const char *starp_version(void);

/** Opens a scope: handles made from here on are released when it closes, unless kept. Scopes nest. Local. */
STARP_API starp_status starp_scope_open(starp_session *s);
/** Closes the innermost scope. STARP_ERR_ARGUMENT when none is open. Local. */
STARP_API starp_status starp_scope_close(starp_session *s);
/** Moves a handle out of every scope: it is the caller's again. Returns x. Local. */
STARP_API starp_array *starp_keep(starp_array *x);
/** Releases a handle; NULL is allowed. A handle already released is STARP_ERR_HANDLE while its slot is unused. Local. */
STARP_API starp_status starp_release(starp_array *x);
/**
 * `*x = value`: releases what *x held (which may be NULL) and keeps the new handle, which the call takes over.
 * When value is NULL, *x stays as it was and the recorded error's status is returned. Local.
 */
STARP_API starp_status starp_assign(starp_array **x, starp_array *value);

/* ------------------------------------------------------------------------------------------------ creation */

/** Zeros of a shape. Deferred. Errors: STARP_ERR_SHAPE, STARP_ERR_DTYPE. */
STARP_API starp_array *starp_zeros(starp_session *s, const starp_dims *shape, starp_dtype dtype);
/** Ones of a shape. Deferred. */
STARP_API starp_array *starp_ones(starp_session *s, const starp_dims *shape, starp_dtype dtype);
/** An array without promised contents (zeros, here: a lazy constant costs no memory). Deferred. */
STARP_API starp_array *starp_empty(starp_session *s, const starp_dims *shape, starp_dtype dtype);
/** Every element is value, converted to dtype; STARP_ERR_DTYPE when dtype cannot hold it. Deferred. See starp_full(). */
STARP_API starp_array *starp_full_number(starp_session *s, const starp_dims *shape, starp_number value,
                                         starp_dtype dtype);
/** starp_full_number() for any C number. */
#define starp_full(s, shape, value, dtype) starp_full_number((s), (shape), STARP_NUMBER(value), (dtype))
/**
 * A weak 0-d scalar, as a Python number is in NumPy 2: it takes the dtype of what it meets, within its kind, and is
 * bool, i64, f64 or c128 alone. Deferred. See starp_scalar().
 */
STARP_API starp_array *starp_scalar_number(starp_session *s, starp_number value);
/** starp_scalar_number() for any C number: starp_scalar(s, 3.0). */
#define starp_scalar(s, value) starp_scalar_number((s), STARP_NUMBER(value))
/**
 * start, start + step, ... up to but without stop; shape (max(0, ceil((stop - start) / step)),).
 * Integer dtypes count in int64 (bounds are exact up to 2^53). Deferred. Errors: step 0 or not finite, STARP_ERR_DTYPE
 * for bool.
 */
STARP_API starp_array *starp_arange(starp_session *s, double start, double stop, double step, starp_dtype dtype);
/** num evenly spaced values from start to stop, stop included when endpoint is not 0. Deferred. Float dtypes. */
STARP_API starp_array *starp_linspace(starp_session *s, double start, double stop, int64_t num, int endpoint,
                                      starp_dtype dtype);
/** Ones on diagonal k of an n by m matrix, zeros elsewhere. Deferred. */
STARP_API starp_array *starp_eye(starp_session *s, int64_t n, int64_t m, int64_t k, starp_dtype dtype);
/** A copy of row-major host data, taken at the call; data may be NULL when the shape has no element. */
STARP_API starp_array *starp_from_host(starp_session *s, const void *data, const starp_dims *shape, starp_dtype dtype);

/** Sets the seed and restarts the stream numbering of the starp_random_ functions; a new session has seed 0. Local. */
STARP_API starp_status starp_seed(starp_session *s, uint64_t seed);
/**
 * Uniform in [0, 1). Deferred; f32 or f64. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC11): element i of the call numbered n since the seed is a function of (seed, n, i) only.
 */
STARP_API starp_array *starp_random_uniform(starp_session *s, const starp_dims *shape, starp_dtype dtype);
/** Standard normal, by Box and Muller (1958) on the same generator. Deferred; f32 or f64. */
STARP_API starp_array *starp_random_standard_normal(starp_session *s, const starp_dims *shape, starp_dtype dtype);
/** Integers in [low, high), by multiply-shift on 64 random bits (Lemire 2019, without rejection: bias below 2^-64 times
 *  the range). Deferred; integer dtypes that hold the range. */
STARP_API starp_array *starp_random_integers(starp_session *s, int64_t low, int64_t high, const starp_dims *shape,
                                             starp_dtype dtype);

/**
 * Loads a NumPy .npy file (format 1.0 to 3.0; C and Fortran order; either endianness). Sync.
 * Errors: STARP_ERR_IO, STARP_ERR_FORMAT (header not as the format defines it, dtype not supported, file too short).
 */
STARP_API starp_array *starp_load(starp_session *s, const char *path);
/** Saves as .npy 1.0 (2.0 when the header needs it), C order, native endianness; the file appears whole or not at all. Sync. */
STARP_API starp_status starp_save(starp_array *x, const char *path);

/* ------------------------------------------------------------------------------------------------ properties */

STARP_API starp_dtype starp_dtype_of(starp_array *x);                     /**< dtype; STARP_NDTYPES for NULL. Local. */
STARP_API int starp_ndim(starp_array *x);                                 /**< dimensions; -1 for NULL. Local. */
STARP_API int64_t starp_dim(starp_array *x, int axis);                    /**< extent of an axis; -1 on error. Local. */
STARP_API int64_t starp_size(starp_array *x);                             /**< elements; -1 for NULL. Local. */
STARP_API starp_status starp_shape_of(starp_array *x, starp_dims *shape); /**< the shape. Local. */
STARP_API size_t starp_dtype_size(starp_dtype dtype);                     /**< bytes of an element; 0 if invalid. Local. */
STARP_API const char *starp_dtype_name(starp_dtype dtype);                /**< "f64"; NULL if invalid. Local. */
/** dtype of an operation on a and b, by NumPy 2's rules for arrays. STARP_NDTYPES if either is invalid. Local. */
STARP_API starp_dtype starp_result_type(starp_dtype a, starp_dtype b);

/* ------------------------------------------------------------------------------------------------ elementwise */

/**
 * @defgroup elementwise Elementwise operations
 * Every row of starp/ops.def (name, operands, what it does) is a function here: `starp_array *starp_NAME(starp_array *a [, b [, c]])`. Deferred.
 * Operands are broadcast and promoted as in NumPy 2; a dtype the operation does not accept is STARP_ERR_DTYPE, shapes
 * that do not broadcast are STARP_ERR_SHAPE. The results do not depend on position, tiling or neighbours.
 * @{
 */
#define STARP_PROTO_1(name) STARP_API starp_array *starp_##name(starp_array *a);
#define STARP_PROTO_2(name) STARP_API starp_array *starp_##name(starp_array *a, starp_array *b);
#define STARP_PROTO_3(name) STARP_API starp_array *starp_##name(starp_array *a, starp_array *b, starp_array *c);
#define STARP_OP(name, arity, result, bool_form, int_form, float_form, complex_form, doc) STARP_PROTO_##arity(name)
#include "starp/ops.def"
#undef STARP_OP
/** @} */

/**
 * Converts the elements, as C does; a float outside an integer dtype's range becomes its nearest value, NaN becomes 0;
 * complex to real keeps the real part; to bool is "not zero". Deferred.
 */
STARP_API starp_array *starp_astype(starp_array *x, starp_dtype dtype);

/* ------------------------------------------------------------------------------------------------ reductions */

/**
 * @defgroup reductions Reductions
 * Over a set of axes (NULL: all); with keepdims the reduced axes stay with extent 1. Deferred. Errors: STARP_ERR_INDEX
 * (axis out of range or twice), STARP_ERR_DTYPE, STARP_ERR_SHAPE (no identity for an empty reduction).
 * Sums follow a fixed tree over fixed blocks of the index space: the same bits however they are run, and an error that
 * grows with the logarithm of the count (Higham, "The accuracy of floating point summation", 1993).
 * Integers and bools are summed in i64 or u64.
 * @{
 */
/** Sum; 0 of no element. */
STARP_API starp_array *starp_sum(starp_array *x, const starp_dims *axes, int keepdims);
/** Product; 1 of no element. */
STARP_API starp_array *starp_prod(starp_array *x, const starp_dims *axes, int keepdims);
STARP_API starp_array *starp_min(starp_array *x, const starp_dims *axes, int keepdims); /**< NaN wins */
STARP_API starp_array *starp_max(starp_array *x, const starp_dims *axes, int keepdims); /**< NaN wins */
/** Arithmetic mean: the sum divided by the count; of integers in f64. */
STARP_API starp_array *starp_mean(starp_array *x, const starp_dims *axes, int keepdims);
/** Variance with divisor count - correction, in one pass by pairwise merging (Chan, Golub, LeVeque 1979). */
STARP_API starp_array *starp_var(starp_array *x, const starp_dims *axes, int keepdims, double correction);
/** Standard deviation: the square root of starp_var(). */
STARP_API starp_array *starp_std(starp_array *x, const starp_dims *axes, int keepdims, double correction);
/** Whether any element is not zero. bool. */
STARP_API starp_array *starp_any(starp_array *x, const starp_dims *axes, int keepdims);
/** Whether every element is not zero. bool. */
STARP_API starp_array *starp_all(starp_array *x, const starp_dims *axes, int keepdims);
/** How many elements are not zero. i64. */
STARP_API starp_array *starp_count_nonzero(starp_array *x, const starp_dims *axes, int keepdims);
/** Index of the first smallest element (the first NaN, if any) along one axis, or in C order for NULL. i64. */
STARP_API starp_array *starp_argmin(starp_array *x, const starp_dims *axis, int keepdims);
/** Index of the first largest element (the first NaN, if any) along one axis, or in C order for NULL. i64. */
STARP_API starp_array *starp_argmax(starp_array *x, const starp_dims *axis, int keepdims);
/** @} */

/* ------------------------------------------------------------------------- linear algebra, Fourier transforms */

#include "starp/elementwise.h"
#include "starp/linalg.h"
#include "starp/fft.h"
#include "starp/ppeval.h"

/* ------------------------------------------------------------------------------------------------ views */

/** One item of a basic index: made by STARP_AT, STARP_RANGE, STARP_ALL, STARP_NEWAXIS, STARP_ELLIPSIS. */
typedef struct starp_index {
    int kind; /**< 0 range, 1 single index, 2 new axis, 3 ellipsis */
    int64_t start; /**< first element, or the single one */
    int64_t stop;  /**< end of a range, itself excluded */
    int64_t step;  /**< of a range; not 0 */
} starp_index;

#define STARP_AT(i) ((starp_index){ 1, (i), 0, 1 })                       /**< x[i]: drops the axis */
#define STARP_RANGE(start, stop) ((starp_index){ 0, (start), (stop), 1 }) /**< x[start:stop] */
#define STARP_STEP(start, stop, step) ((starp_index){ 0, (start), (stop), (step) }) /**< x[start:stop:step] */
#define STARP_ALL ((starp_index){ 0, STARP_NONE, STARP_NONE, 1 })         /**< x[:] */
#define STARP_NEWAXIS ((starp_index){ 2, 0, 0, 1 })                       /**< x[None] */
#define STARP_ELLIPSIS ((starp_index){ 3, 0, 0, 1 })                      /**< x[...] */
/** An index: expands to the two arguments count, items. */
#define STARP_INDEX(...) STARP_COUNT_(starp_index, __VA_ARGS__), (const starp_index[]){ __VA_ARGS__ }

/**
 * Basic slicing as in NumPy: x[items]. Missing trailing items are STARP_ALL. Deferred; moves no data.
 * Errors: STARP_ERR_INDEX (too many items, single index out of bounds, two ellipses), STARP_ERR_ARGUMENT (step 0).
 */
STARP_API starp_array *starp_slice(starp_array *x, int count, const starp_index *items);
/** The same from text in Python's notation: starp_at(x, "1:-1, ::2, None, ..., 3"). */
STARP_API starp_array *starp_at(starp_array *x, const char *index);
/** Axes in reverse order. Deferred; moves no data. */
STARP_API starp_array *starp_transpose(starp_array *x);
/** Axes in the given order. Deferred; moves no data. */
STARP_API starp_array *starp_permute_dims(starp_array *x, const starp_dims *axes);
/** Broadcast to a shape. Deferred; moves no data. */
STARP_API starp_array *starp_broadcast_to(starp_array *x, const starp_dims *shape);
/** A new axis of extent 1 at the given place. Deferred; moves no data. */
STARP_API starp_array *starp_expand_dims(starp_array *x, int axis);
/** Drops axes of extent 1: the given ones, or all of them for NULL. Deferred; moves no data. */
STARP_API starp_array *starp_squeeze(starp_array *x, const starp_dims *axes);
/** Reverses the given axes, or all for NULL. Deferred; moves no data. */
STARP_API starp_array *starp_flip(starp_array *x, const starp_dims *axes);
/** Same elements in C order under another shape; one extent may be -1. Deferred; copies only where tiles differ. */
STARP_API starp_array *starp_reshape(starp_array *x, const starp_dims *shape);

/**
 * The same elements, owned by other ranks: tiles are dealt block-cyclically, rows of tiles over p ranks and columns over q;
 * one that is cut into tiles along a single axis is dealt over all p q along that. 0 for p or q: as many as there are for the
 * other. The usual map is 1 x all, or has more rows where there are fewer tile columns than ranks; what is computed from
 * arrays of another map, or from slices of them, inherits that, as far as it leaves the lines of Fourier transforms whole.
 * Only the place of the work changes, never a result. Small arrays are on every rank and stay there; alone, nothing happens. Deferred.
 * Errors: STARP_ERR_ARGUMENT when p q is more than there are ranks, or less than 1.
 */
STARP_API starp_array *starp_distribute(starp_array *x, int p, int q);
/** How many ranks (MPI processes) the session spans; 0 and an error if it is not an open session. Local. */
STARP_API int starp_ranks(starp_session *s);

/* ------------------------------------------------------------------------------------------------ evaluation */

/** Computes x: fuse, lower, run, wait. Sync. For NULL: the thread's first error; else that of the run. */
STARP_API starp_status starp_eval(starp_array *x);
/** Computes several arrays of one session in one plan: starp_eval_many(STARP_ARGS(x, y)). Sync. */
STARP_API starp_status starp_eval_many(int count, starp_array *const *list);
/**
 * Starts computing several arrays and returns while they run: starp_eval_async(STARP_ARGS(x, y)). The run is the caller's,
 * ended by starp_wait(). It blocks while more tasks would be in flight than the runtime is given at a time. It also waits
 * where what is to be done hangs on what comes out: STARP_MIXED, and starp_ppeval() on several ranks.
 */
STARP_API starp_run *starp_eval_async(int count, starp_array *const *list);
/** Waits for a run, frees it, and returns its status. Sync. */
STARP_API starp_status starp_wait(starp_run *run);
/** 1 when the run has ended (starp_wait() will not block), 0 while it runs, -1 for NULL. Local. */
STARP_API int starp_test(starp_run *run);
/**
 * Asks a run to stop: tasks not yet begun are skipped and starp_wait() returns STARP_ERR_CANCELLED. What was not computed
 * stays deferred and is computed when it is asked for again. Local.
 */
STARP_API starp_status starp_cancel(starp_run *run);

/** Copies x, row-major, into a buffer of `bytes` bytes (at least its size times its dtype's size). Sync. */
STARP_API starp_status starp_read(starp_array *x, void *buffer, size_t bytes);
/** The only element of x, converted to dtype `as`, written to value. Sync. STARP_ERR_SHAPE when size is not 1. */
STARP_API starp_status starp_item(starp_array *x, starp_dtype as, void *value);

/** How far a run is. */
typedef struct starp_progress_info {
    uint64_t tasks_done, tasks_total; /**< tasks of this run; the total grows while it is being submitted */
    double seconds;                   /**< since the run began */
} starp_progress_info;
/**
 * Called about ten times a second from the waiting thread, and once at the end; a result other than 0 cancels the run. A plug-in that
 * starp_ppeval() asks for its results' shapes counts as one task.
 */
typedef int (*starp_progress_fn)(const starp_progress_info *info, void *user);
/** Sets the progress callback of a session; NULL removes it. Local. */
STARP_API starp_status starp_progress(starp_session *s, starp_progress_fn fn, void *user);
/** A progress callback that draws a bar on a terminal; user is the FILE to draw on (NULL: stderr). */
STARP_API int starp_progress_bar(const starp_progress_info *info, void *user);

/* ------------------------------------------------------------------------------------------------ looking inside */

/**
 * Writes the plan that computes x (or, when x is computed, the plan that did): steps, what is fused, memory forecast (of all
 * ranks together); before it has run also what travels between ranks. Local.
 */
STARP_API starp_status starp_explain(starp_array *x, FILE *out);
/** Writes the expression graph under x in Graphviz' dot language. Local. */
STARP_API starp_status starp_graph_dot(starp_array *x, FILE *out);
/** Writes version, machine, workers, libraries, and every STARP_* option with its value and where it came from. Local. */
STARP_API starp_status starp_info(starp_session *s, FILE *out);

/** Counts since the session was opened; of several ranks, those of rank 0. Bytes are bytes. */
typedef struct starp_stats {
    uint64_t nodes_recorded, nodes_live;                 /**< graph nodes */
    uint64_t handles_live;                               /**< array handles */
    uint64_t evals, tasks, inline_steps;                 /**< sync points that ran something; tasks; steps without a task */
    uint64_t steps, fused_groups, fused_ops, merged;     /**< of all plans: steps, fused groups, operations in them, equal nodes merged */
    uint64_t plan_hits, plan_misses;                     /**< plan cache */
    uint64_t pool_hits, pool_misses, inplace;            /**< tile buffers: reused, fresh, outputs written over dying inputs */
    uint64_t bytes_live, bytes_peak, bytes_pool;         /**< tiles in use; their peak; held by the pool */
    uint64_t messages, bytes_sent;                       /**< sent by this rank to others while computing */
    uint64_t wait_ns;                                    /**< nanoseconds this rank's workers had nothing to do while messages were to come */
    uint64_t flush_eval, flush_read, flush_nodes, flush_bytes; /**< why graphs were run */
    uint64_t mixed_solved, mixed_left;                   /**< systems that STARP_MIXED solved by refinement; that it left to f64 */
} starp_stats;
/** Reads the counters. Local. */
STARP_API starp_status starp_stats_of(starp_session *s, starp_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
