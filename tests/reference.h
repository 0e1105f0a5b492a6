/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference.h: the oracle: graphs computed a second, naive way. Dense row-major buffers, one loop per node, every element
 * by its own scalar formula; no tiles, no fusion, no merging, no tasks. It shares the node structures of graph.h with
 * the library and nothing else: not its tables, kernels or plans.
 *
 * What is exact in IEEE arithmetic is exact here, so that bits can be compared; the rest is computed in long double and
 * rounded once, so that what differs is the library's error. Slow, and meant to be.
 */
#ifndef SP_TEST_REFERENCE_H
#define SP_TEST_REFERENCE_H

#include "graph.h"

/* One element in the widest type of its class: integers and bools in i, floats and complex in re and im. */
typedef struct ref_num {
    __int128 i;
    long double re, im;
} ref_num;

/* What the oracle attaches to a node. */
struct ref_value {
    starp_dtype dtype;
    starp_dims shape;
    int64_t size;
    void *data;
    struct ref_value *more; /* the next result, of an operation with several */
};

/* ------------------------------------------------------------------------------------------- reference.c: executor */

extern const struct sp_executor_ops ref_executor_ops;
void *ref_executor_open(void);
/* Values the executor holds: 0 when nothing leaks. */
int64_t ref_executor_live(const void *self);
struct ref_value *ref_value_new(const starp_dims *shape, starp_dtype dtype);
void ref_value_free(struct ref_value *v);

/* An element of arange, linspace and the random generators: a function of its index and of the node's parameters. */
ref_num ref_generate(const struct sp_node *n, ref_num index);

/* ------------------------------------------------------------------------------------------- reference_scalar.c */

ref_num ref_load(starp_dtype dtype, const void *data, int64_t index);
/* Rounds once to the dtype; integers wrap. */
void ref_store(starp_dtype dtype, void *data, int64_t index, ref_num x);
/* C's conversion, as the library documents it where C leaves it open. */
ref_num ref_cast(starp_dtype from, starp_dtype to, ref_num x);
bool ref_truth(starp_dtype dtype, ref_num x);
/* Index along each axis of row-major element `at`, of the one after it, and back. */
void ref_unravel(const starp_dims *shape, int64_t at, int64_t *index);
static inline void ref_next(const starp_dims *shape, int64_t *index)
{
    for (int a = shape->n - 1; a >= 0; a--) {
        if (++index[a] < shape->v[a]) return;
        index[a] = 0;
    }
}
int64_t ref_ravel(const starp_dims *shape, const int64_t *index);

/* ----------------------------------------------------------------------------------------------- reference_ops.c */

/* One element of an operation computed in dtype d; *fault is set where it has no value. */
ref_num ref_op(enum sp_op op, starp_dtype d, const ref_num x[SP_MAXIN], bool *fault);

/* -------------------------------------------------------------------------------------------- reference_reduce.c */

void ref_reduce(enum sp_reduce kind, const struct ref_value *x, uint32_t axes, struct ref_value *out);

/* ---------------------------------------------------------------------------------------------- reference_call.c */

/* Zeros for a node, or for all results of an operation with several. */
struct ref_value *ref_value_of(const struct sp_node *n);
/* An operation on whole arrays; out comes from ref_value_of. Factorizations leave their results zero. */
void ref_call(const struct sp_node *n, struct ref_value *const *in, struct ref_value *out);
/* A copy of the result that a PART stands for. */
struct ref_value *ref_part(const struct sp_node *n, const struct ref_value *in);

/* -------------------------------------------------------------------------------------------- reference_random.c */

struct ref_random {
    uint64_t seed, stream;
    int64_t low;
    uint64_t range;
};
/* The 128 bits of a counter {index, stream} under a key. */
void ref_philox(uint64_t index, uint64_t stream, uint64_t seed, uint32_t out[4]);
/* Element `index` of a generator (SP_OP_uniform, SP_OP_normal or SP_OP_integers) in dtype d. */
ref_num ref_random(enum sp_op op, starp_dtype d, const struct ref_random *r, int64_t index);

#endif
