/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random_graph.h: random expression graphs, the same for the same options on any executor, but for the grids of ranks that
 * arrays are dealt over. A run builds nodes on a rig, evaluates some of them now and then and many at the end, and keeps
 * what came out, so that two rigs can be compared.
 */
#ifndef SP_TEST_RANDOM_GRAPH_H
#define SP_TEST_RANDOM_GRAPH_H

#include "rig.h"

struct rg_options {
    uint64_t seed;
    int steps;           /* operations, about */
    bool transcendental; /* also exp, sin and the like, whose bits only the engine itself must repeat */
    int64_t max_size;    /* elements of a leaf */
    int64_t work;        /* multiplications of a product or a Fourier transform by its definition; 0: no operations on whole arrays */
    const starp_dims *base; /* the shape most leaves conform with; NULL: random */
    FILE *log;           /* what is built, or NULL */
};

/* How a result can be held against the oracle's. */
enum rg_trust {
    RG_EXACT, /* bit by bit */
    RG_SUM,   /* a sum of floats: to within rounding times the sum of magnitudes, or more, which is the next result */
    RG_LOOSE  /* not at all: it depends on the order of additions, or on how a function is rounded */
};

struct rg_result {
    int id; /* as in the log */
    enum rg_trust trust;
    starp_dtype dtype;
    starp_dims shape;
    int64_t size;
    void *data; /* NULL: it could not be computed */
};

struct rg_outcome {
    struct rg_result *at;
    int n, cap;
    struct sp_error error; /* of the first evaluation that failed */
};

void rg_run(struct rig *r, const struct rg_options *o, struct rg_outcome *out);
void rg_outcome_free(struct rg_outcome *out);

/* What differs between two outcomes of the same options, as text; false when nothing does. */
#define RG_TEXT 512
bool rg_bits_differ(const struct rg_outcome *got, const struct rg_outcome *want, bool any_nan, char text[RG_TEXT]);
bool rg_values_differ(const struct rg_outcome *got, const struct rg_outcome *oracle, char text[RG_TEXT]);

/* ---------------------------------------------------------------------- between random_graph.c and its parts */

struct rg_item {
    int id;
    struct sp_node *node;
    struct sp_node *bound; /* of an RG_SUM: the sum of magnitudes */
    enum rg_trust trust;
};

#define RG_POOL 24

struct rg {
    struct rig *rig;
    const struct rg_options *o;
    uint64_t random;
    starp_dims base; /* the shape most leaves conform with */
    bool specials;   /* infinities, NaN, signed zeros, extreme integers among the data */
    struct rg_item pool[RG_POOL];
    int n, next_id;
    struct rg_outcome *out;
};

int64_t rg_below(struct rg *g, int64_t n);
bool rg_chance(struct rg *g, int percent);
struct rg_item *rg_pick(struct rg *g);
/* Enters a node, whose reference it takes, under a new id, and logs it; NULL is ignored. */
struct rg_item *rg_enter(struct rg *g, struct sp_node *node, enum rg_trust trust, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void rg_leaf(struct rg *g);      /* random_graph_leaf.c */
void rg_view(struct rg *g);      /* random_graph_view.c */
void rg_reshape(struct rg *g);
void rg_stencil(struct rg *g);
void rg_distribute(struct rg *g);
void rg_map(struct rg *g);       /* random_graph_ops.c */
void rg_cast(struct rg *g);
void rg_reduce(struct rg *g);
void rg_call(struct rg *g);      /* random_graph_call.c */

#endif
