/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp/iterate.h
 * What a function that starp_ppeval() evaluates on slices looks like, and what it may ask for. Functions get all they need
 * through their arguments, so a plug-in links with nothing. Included by starp.h, never alone.
 *
 * ```c
 * static int distances(starp_iteration *it, int nin, const starp_argument *in, const void *user)
 * {
 *     double *d = starp_iteration_output(it, 0, STARP_F64, STARP_SHAPE(in[0].shape[0]));
 *     if (!d) return 1;
 *     ...
 *     return 0;
 * }
 * ```
 */
#ifndef STARP_ITERATE_H
#define STARP_ITERATE_H

/** An argument of an iteration, a slice or a whole array: dense, row-major, or column-major where the function asks for that. */
typedef struct starp_argument {
    starp_dtype dtype;             /**< of its elements */
    int ndim;                      /**< dimensions */
    int64_t shape[STARP_MAXDIM];   /**< extents */
    int64_t stride[STARP_MAXDIM];  /**< bytes from one element to the next along each axis */
    const void *data;              /**< the first element; NULL where only shapes are asked for */
} starp_argument;

/** Room for an error's text, its ending 0 included. */
#define STARP_ITERATION_TEXT 160

typedef struct starp_iteration starp_iteration;

/** What an iteration may ask for, through the functions below. */
typedef struct starp_iteration_services {
    void *(*output)(starp_iteration *it, int k, starp_dtype dtype, const starp_dims *shape); /**< starp_iteration_output() */
    void (*set_error)(starp_iteration *it, const char *text);                                 /**< starp_iteration_fail() */
    void (*uniform)(starp_iteration *it, size_t n, double *to);                               /**< starp_iteration_uniform() */
    void (*normal)(starp_iteration *it, size_t n, double *to);                                /**< starp_iteration_standard_normal() */
    int (*cancelled)(const starp_iteration *it);                                              /**< starp_iteration_cancelled() */
} starp_iteration_services;

/** One iteration. */
struct starp_iteration {
    const starp_iteration_services *services; /**< for the functions below */
    int64_t index;                            /**< its number, from 0 */
    int64_t count;                            /**< how many there are */
};

/**
 * Memory for result k (from 0) of this iteration, dense, row-major (or column-major, as the slices are), not initialised; the
 * function fills it before it returns. NULL when there is no memory, no such result, or when dtype or shape are not what
 * they have to be: the function then returns non-zero, the error is recorded already.
 */
static inline void *starp_iteration_output(starp_iteration *it, int k, starp_dtype dtype, const starp_dims *shape)
{
    return it->services->output(it, k, dtype, shape);
}

/** Says why the iteration fails; returns 1, for `return starp_iteration_fail(it, "...")`. The first text stays. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline int
starp_iteration_fail(starp_iteration *it, const char *format, ...)
{
    char text[STARP_ITERATION_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    it->services->set_error(it, text);
    return 1;
}

/** The next n numbers of this iteration, uniform in [0, 1): a function of the session's seed, the call and the iteration. */
static inline void starp_iteration_uniform(starp_iteration *it, size_t n, double *to)
{
    it->services->uniform(it, n, to);
}

/** The same, standard normal. */
static inline void starp_iteration_standard_normal(starp_iteration *it, size_t n, double *to)
{
    it->services->normal(it, n, to);
}

/** Not 0 when nobody wants the result any more: a long iteration may return then. */
static inline int starp_iteration_cancelled(const starp_iteration *it)
{
    return it->services->cancelled(it);
}

/**
 * One iteration: reads in[0 .. nin), makes all its results, also those that the call does not ask for. Returns 0, or anything else
 * when it fails.
 *
 * It is called from any thread, and from several at once, as many as the session has workers: what it shares with other calls,
 * static variables too, needs locks or atomics, and libraries that it uses must be safe for threads (FFTW's planner is not). `user` is
 * for reading. While a session is open, OpenBLAS has one thread, wherever it is called from, also in the helpers of isolated plug-ins:
 * workers are as many as the cores already, and results do not depend on how many threads there are. A function that sets
 * another number sets it for all. Threads of other libraries, OpenMP's say, are not limited: they compete with the workers.
 */
typedef int (*starp_iterate_fn)(starp_iteration *it, int nin, const starp_argument *in, const void *user);
/**
 * The results' dtypes and shapes, the same for all iterations, from those of the slices, whose data is NULL: fills
 * out[k].dtype, .ndim and .shape for k below nout, all that the function has, however many the call asks for. They come as zeros,
 * which is a 0-d bool. Returns 0; anything else when it cannot be, with why in text.
 */
typedef int (*starp_shapes_fn)(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user,
                               char text[STARP_ITERATION_TEXT]);

/** A function for starp_ppeval(). What is left out is 0. */
typedef struct starp_function {
    starp_iterate_fn iterate; /**< one iteration */
    starp_shapes_fn shapes;   /**< NULL: the first iteration tells */
    int nresults;             /**< how many results it has; 0: one */
    int nargs;                /**< how many arguments it takes; 0: any number */
    int column_major;         /**< not 0: slices and results are column-major, as LAPACK likes them */
    const void *user;         /**< handed to each call; copied, to all ranks, so it holds no pointers */
    size_t user_bytes;        /**< how many bytes that are */
} starp_function;

#endif
