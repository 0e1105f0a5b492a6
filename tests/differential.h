/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * differential.h: families of random graphs run under many configurations in one process, each held against the default
 * one bit by bit, and the default one against the oracle. Failures are reduced to the shortest prefix that still fails.
 *
 * The environment of the test:
 *   TEST_GRAPHS=n  how many graphs of each family      TEST_SEED=n    this graph only
 *   TEST_STEPS=n   its length                          TEST_VERBOSE=1 logs of all graphs
 */
#ifndef SP_TEST_DIFFERENTIAL_H
#define SP_TEST_DIFFERENTIAL_H

#include "random_graph.h"

struct family {
    const char *name;
    bool transcendental;
    int graphs, steps;
    int64_t max_size, work;
    const starp_dims *base; /* shape of most leaves; NULL: random */
    bool without_oracle;    /* too big for it */
};

/*
 * How far a configuration's bits must repeat those of the default one. Of two NaN, an addition keeps one or the other, as
 * the compiler ordered its operands in a vector loop or in its tail, and libraries make their own: which bits a NaN has is
 * left open where tiles or instruction sets differ.
 */
struct config {
    const char *environment;
    const char *isa; /* needed, or NULL */
    bool exact_only; /* functions may be rounded otherwise */
    bool any_nan;
    int every;       /* only each so many-th graph, for slow ones; 0: all */
};

/* Runs one family under every configuration; fails the test when anything differs. */
void differential_check(const struct family *f, const struct config *configs, int nconfig);

#endif
