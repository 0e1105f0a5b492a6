/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp/ppeval.h
 * A function over slices, as independent iterations: `starp_ppeval(s, "svdvals", STARP_ARGS(x))`. Included by starp.h, never alone. The rules
 * of splitting and joining are those of Star-P's PPEVAL.
 *
 * - Each argument is split along its last axis that has more than one element: iteration k gets x[..., k, ...] without that
 *   axis. starp_ppsplit() names another axis, starp_ppbcast() hands the whole array to every iteration; 0-d arrays, and arrays
 *   whose extents are all 1, go to every iteration whole. All arguments that are split have the same number of slices.
 * - Results are joined along a new last axis: values of shape (m,) from n iterations make (m, n). Different shapes are an error,
 *   but for starp_ppeval_ragged(), which makes a container of arrays, starp_ragged.
 * - Iterations must not depend on each other; they run in any order, on any worker of any rank.
 *
 * Functions are built in (see starp_ppeval()), registered by the program (starp_register()), or come from a shared object
 * (starp_load_plugin(), starp/plugin.h).
 */
#ifndef STARP_PPEVAL_H
#define STARP_PPEVAL_H

#include "iterate.h"

/** Largest number of arguments of a ppeval. */
#define STARP_MAXARGS 8
/** Largest number of results of a ppeval. */
#define STARP_MAXRESULTS 8

/** Arrays of maybe different shapes and dtypes, one from each iteration: what a ppeval with unequal results gives. */
typedef struct starp_ragged starp_ragged;

/** x, to be split along the given axis by the ppeval it is handed to, which releases this handle: one for each call. Deferred; moves no data. */
STARP_API starp_array *starp_ppsplit(starp_array *x, int axis);
/** x, to be handed whole to every iteration of the ppeval it is handed to, which releases this handle. Deferred; moves no data. */
STARP_API starp_array *starp_ppbcast(starp_array *x);
/** The items of a container, one for each iteration of the ppeval this is handed to, which releases this handle. Local. */
STARP_API starp_array *starp_ppitems(starp_ragged *r);

/**
 * Evaluates a function on slices: starp_ppeval(s, "svdvals", STARP_ARGS(x)). Deferred.
 *
 * Built in, with NumPy's results and dtypes for each slice (ints of linear algebra, mean, var, std and norm become f64):
 * - of the matrices in the last two axes of a slice: `svdvals`; `svd` (u, s, vh: reduced); `eigh` (values, vectors) and `eigvalsh`, which
 *   read the lower half; `eig` (values, vectors) and `eigvals`, always complex; `qr` (q, r: reduced); `inv`; `det`; `cholesky` (lower);
 *   `pinv`; `solve` (a, b) and `lstsq` (a, b: x, residuals, rank, singular values), where a b of one axis is a single right-hand side, whose
 *   residuals are one number in a vector; `matmul` (a, b), of vectors, too. A matrix that starp_ppbcast() hands to all `solve` is factored once;
 * - along the last axis of a slice: `fft ifft rfft irfft`, as long as it is, scaled by 1 / n backwards; `sort`, NaN last, -0.0 before 0.0,
 *   complex numbers by their real, then their imaginary parts;
 * - of all elements of a slice: `sum prod min max mean var std any all`, and `norm`, the root of the sum of squares.
 *
 * Over containers (starp_ppitems()), and for starp_ppeval_ragged(), all of these are there but `pinv`, `matmul` and the transforms. Systems
 * are of one matrix then. A slice gives there what it gives in an array, to the bit for sorting, for sums over up to 1024 elements and for
 * linear algebra on up to STARP_PANEL columns; otherwise roundings may differ.
 * A function that the program registers under one of these names goes before it.
 * @return the function's first result, joined: shape (result's shape..., n). NULL with STARP_ERR_ARGUMENT (no such function;
 *         nothing to split; called from within an iteration), STARP_ERR_SHAPE (different numbers of slices: the text has both),
 *         or what the function says of the shapes: "svd: a slice of shape (5,) is not a matrix". Over a container, all items must give
 *         results of one shape (STARP_ERR_SHAPE).
 * Of a function that does not declare its results' shapes, the first iteration is computed at once to find them. A progress callback may
 * cancel that, and what an isolated plug-in takes to declare them (STARP_ERR_CANCELLED). An iteration
 * that fails (a singular matrix) makes the evaluation fail with its number and text, unless STARP_PPEVAL_KEEP is set; see
 * starp_ppeval_list(). Of several that fail, one is named, not always the same. What is built in on a batch names the operation and the
 * number of the matrix.
 */
STARP_API starp_array *starp_ppeval(starp_session *s, const char *function, int nargs, starp_array *const *args);
/**
 * The same for a function of several results: the first `nresults` of them, in results[]. When it fails all of these are NULL.
 * With STARP_PPEVAL_KEEP=1 the elements of iterations that fail are NaN (0 for integers), the evaluation still returns
 * STARP_ERR_COMPUTE with the first of them, its text, and how many there are, but all results are kept: starp_read() and
 * starp_item() copy them even when they are what computes and returns the error, starp_save() writes them when it is called again. Of a
 * function that does not declare its results' shapes, the first iteration that succeeds tells them; if none does, there is no result.
 */
STARP_API starp_status starp_ppeval_list(starp_session *s, const char *function, int nargs, starp_array *const *args, int nresults,
                                         starp_array **results);
/**
 * The same for results whose shapes or dtypes may differ from iteration to iteration, each a container, to be released by
 * starp_ragged_release(). Sync: shapes are known when all iterations have run. The items stay where they are, on all ranks.
 * With STARP_PPEVAL_KEEP=1 items of iterations that fail have shape (0,) and the dtype of the first item that there is; if there is
 * none, the dtype that the function declares, or f64.
 */
STARP_API starp_status starp_ppeval_ragged(starp_session *s, const char *function, int nargs, starp_array *const *args, int nresults,
                                           starp_ragged **results);

STARP_API int64_t starp_ragged_length(const starp_ragged *r);                                  /**< items; -1 for NULL. Local. */
STARP_API starp_status starp_ragged_shape_of(const starp_ragged *r, int64_t i, starp_dims *shape); /**< shape of item i. Local. */
STARP_API starp_dtype starp_ragged_dtype_of(const starp_ragged *r, int64_t i); /**< dtype of item i; STARP_NDTYPES on error. Local. */
/** Item i. Deferred; moves no data. STARP_ERR_INDEX when there is none. */
STARP_API starp_array *starp_ragged_item(starp_ragged *r, int64_t i);
/** All items, joined along a new last axis. Deferred. STARP_ERR_SHAPE or STARP_ERR_DTYPE when they are not alike, with the first that differs. */
STARP_API starp_array *starp_ragged_join(starp_ragged *r);
/** Releases a container and what it holds; NULL is allowed. Arrays made of it live on. To be called before starp_close(). */
STARP_API starp_status starp_ragged_release(starp_ragged *r);

/**
 * Registers a function under a name, on all ranks: these run the same program, so the function is found in theirs. A name
 * registered before gets the new function, from the next starp_ppeval() on. Sync.
 * Errors: STARP_ERR_ARGUMENT (no name, or a long one; no function; more than STARP_MAXRESULTS results); STARP_ERR_RUNTIME
 * (a rank runs another build of the program).
 */
STARP_API starp_status starp_register(starp_session *s, const char *name, const starp_function *function);

/**
 * Loads a shared object on every rank and registers its functions under their names, as starp_register() and
 * starp_register_elementwise() do; see starp/plugin.h for what one looks like. The path is that of a file, from the current directory
 * if it is not absolute, and must lead to the same file on all ranks. The plug-in stays loaded until the session closes. Either all of its
 * functions are registered, on all ranks, or none. Sync.
 * Errors: STARP_ERR_IO (no such file, or it cannot be read), STARP_ERR_FORMAT (not a shared object, or not a plug-in, or one
 * for another version of the library), STARP_ERR_RUNTIME (a rank has another file there).
 */
STARP_API starp_status starp_load_plugin(starp_session *s, const char *path);
/**
 * The same, for code that is not trusted to be right: its iterations run in helper processes, one for each worker, which are
 * started when they are needed, and again after a crash. A crash is an error of the iteration, and the session goes on. What
 * the plug-in computes is the same to the last bit. Slices and results are copied from process to process, which takes some
 * 50 us for a small iteration; what is whole for all is copied once to each helper, which has it until the run ends, and cannot write to it.
 *
 * A run that is cancelled or fails ends helpers that are in the middle of an iteration, at once and whatever they do: nothing is cleaned
 * up. So does a progress callback that cancels while starp_ppeval() asks for the results' shapes. A plug-in that takes longer to load, or
 * to tell shapes, than STARP_PLUGIN_SECONDS (60) is an error. So is one without memory for an iteration, of that iteration. Memory that
 * helpers take is not counted; what they write to stderr goes where the program's goes. They run as the same user, with the
 * same rights: this is against mistakes, not against malice. A plug-in with elementwise functions cannot be isolated. Sync.
 * Errors: those of starp_load_plugin(), and STARP_ERR_RUNTIME: it crashes while it is loaded, or starp-helper, the program that
 * is installed with the library, cannot be started (STARP_HELPER tells where it is, if it is not where it was installed).
 */
STARP_API starp_status starp_load_plugin_isolated(starp_session *s, const char *path);

#endif
