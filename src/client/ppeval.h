/* SPDX-License-Identifier: BSD-3-Clause */
/* ppeval.h: what ppeval.c and ppeval_results.c share. Nobody else includes it. */
#ifndef SP_PPEVAL_H
#define SP_PPEVAL_H

#include "client.h"

/* A call being prepared. */
struct call {
    starp_session *s;
    const char *what;
    const struct sp_function *f;          /* NULL: built in, an operation of the graph */
    enum sp_each each;                    /* that is built in under the name */
    uint32_t number;
    int nargs, nin;                       /* items take two inputs */
    const starp_ragged *container[SP_MAX_READS]; /* whose items an input holds */
    struct sp_node *in[SP_MAX_READS];     /* owned */
    uint32_t whole, items;
    int64_t count;
    int nresults;
    struct sp_results result;             /* of slices, as the function has them, iterations not yet in front */
    double cost;
    uint64_t seed, stream;
};

/* ppeval_results.c: dtypes and shapes of the function's results, as it has them. False with the graph's error set. */
bool sp_ppeval_results(struct call *c);
/* What the function declares for the first iteration; without results, if that is nothing. False with the graph's error set: cancelled. */
bool sp_ppeval_declared(struct call *c, struct sp_results *r);

#endif
