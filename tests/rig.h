/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rig.h: what the differential tests share: a graph with an executor under it (the engine or the oracle), the
 * environment a configuration stands for, deterministic random numbers, and comparison of buffers.
 */
#ifndef SP_TEST_RIG_H
#define SP_TEST_RIG_H

#include "graph.h"

/* ---------------------------------------------------------------------------------------------------------- rig.c */

struct rig {
    struct sp_graph g;
    const struct sp_executor_ops *ops;
    void *self;
    int ranks; /* grids of so many are taken: the engine's; any number where values lie in one place */
};

/* Any executor; rig_engine.c has the engine's, so that tests of the graph floor need no StarPU. */
void rig_open(struct rig *r, const struct sp_executor_ops *ops, void *self);
void rig_open_reference(struct rig *r);
void rig_open_engine(struct rig *r); /* from the environment; fails the test when it does not open */
void rig_close(struct rig *r);
struct sp_node *rig_data(struct rig *r, const void *data, const starp_dims *shape, starp_dtype dtype);
/* eval and wait; the outcome. e may be NULL. */
starp_status rig_eval(struct rig *r, struct sp_node *const *roots, int n, struct sp_error *e);
/* Row-major copy of a computed node, to be freed; NULL when it cannot be had. */
void *rig_read(struct rig *r, const struct sp_node *n);

/* Unsets every STARP_* variable, then sets those of "STARP_FUSE=0 STARP_TILE=7". */
void rig_environment(const char *assignments);

/* ------------------------------------------------------------------------------------------------------ rig_data.c */

/* splitmix64 (Steele, Lea, Flood 2014): one word of state, the same everywhere. */
uint64_t rig_random(uint64_t *state);
int64_t rig_below(uint64_t *state, int64_t n); /* in [0, n), n >= 1 */
double rig_uniform(uint64_t *state);           /* in [0, 1) */

/* Elements of a dtype from lo to hi: integers clamped to the dtype's range, floats multiples of 1/64. */
void rig_fill(starp_dtype dtype, void *data, int64_t n, double lo, double hi, uint64_t *state);
/* Sprinkles zeros of both signs, infinities and NaN (floats), least and largest values (integers). */
void rig_sprinkle(starp_dtype dtype, void *data, int64_t n, uint64_t *state);

/* ---------------------------------------------------------------------------------------------------- rig_compare.c */

/* First element that differs in its bits, or -1. any_nan: any NaN equals any NaN. */
int64_t rig_differ(starp_dtype dtype, const void *a, const void *b, int64_t n, bool any_nan);
/* Distance of one element from another in units of the last place of `want`; complex by its larger part; 0 if both are NaN. */
double rig_ulps(starp_dtype dtype, const void *got, const void *want, int64_t at);
/* Largest distance over n elements; *at tells where. */
double rig_worst(starp_dtype dtype, const void *got, const void *want, int64_t n, int64_t *at);
/* An element as text with its bits; returns text. */
#define RIG_TEXT 128
const char *rig_text(char text[RIG_TEXT], starp_dtype dtype, const void *data, int64_t at);

/* ---------------------------------------------------------------------------------------------------- rig_expect.c */

/*
 * Fails the test unless the engine's computed node has the oracle's dtype, shape and elements: bit by bit but for NaN when
 * ulps is 0, else to within so many units of the last place.
 */
void rig_expect(const char *what, struct rig *engine, struct rig *oracle, const struct sp_node *a, const struct sp_node *b,
                double ulps);
void rig_release(struct rig *r, struct sp_node *const *list, int n);

#endif
