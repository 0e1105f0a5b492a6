/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * graph.h: nodes, shapes, dtypes, building, fusing, plans. Pure C: no threads, no I/O, no StarPU.
 *
 * A graph records immutable nodes through sp_build_*; an executor is asked for some of them (roots), gets them ordered
 * and planned by sp_plan_make, and attaches a value to each. Sections are named after the .c files.
 */
#ifndef SP_GRAPH_H
#define SP_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "starp.h"

#define SP_MAXIN 3       /* operands of an elementwise operation */
#define SP_MAXSRC (SP_MAXIN + 1) /* what an instruction reads: operands, then parameters */
#define SP_MAX_READS STARP_MAXARGS /* inputs of a node */
#define SP_PARAM_SIZE 32 /* bytes of constants a node carries */
#define SP_MAX_RESULTS STARP_MAXRESULTS /* of an operation on whole arrays */

/* ---------------------------------------------------------------------------------------------------- alloc.c */

/* malloc, calloc, realloc and free of the library. Tests make the n-th call from now fail (0: never). */
void *sp_malloc(size_t bytes);
void *sp_calloc(size_t count, size_t size);
void *sp_realloc(void *p, size_t bytes);
void *sp_aligned(size_t align, size_t bytes); /* freed by sp_free */
void sp_free(void *p);
void sp_alloc_fail_at(uint64_t n);
/* Asked by every allocator of the library, whatever its source: true when this one is to fail. */
bool sp_alloc_fails(void);

/* Fixed-size objects from chunks: pop and push of a free list. */
struct sp_slab {
    size_t size;
    void *free;
    void *chunks;
};
void sp_slab_init(struct sp_slab *slab, size_t size);
void *sp_slab_get(struct sp_slab *slab);
void sp_slab_put(struct sp_slab *slab, void *object);
void sp_slab_free(struct sp_slab *slab);

/* ---------------------------------------------------------------------------------------------------- error.c */

/* The first error of something, made where its cause is known. */
struct sp_error {
    starp_status status;
    const void *site; /* return address into the caller's program, or NULL */
    char text[240];
};

/* Records an error unless one is there already; returns the status. */
starp_status sp_fail(struct sp_error *e, starp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
starp_status sp_fail_memory(struct sp_error *e);
void sp_error_clear(struct sp_error *e);

/* Propagates a failure when nothing is held. */
#define SP_TRY(call) \
    do { \
        starp_status sp_try_ = (call); \
        if (sp_try_ != STARP_OK) return sp_try_; \
    } while (0)

/* ---------------------------------------------------------------------------------------------------- dtype.c */

enum sp_class { SP_CLASS_B, SP_CLASS_I, SP_CLASS_F, SP_CLASS_C };

struct sp_dtype_row {
    const char *name;
    uint8_t size;
    uint8_t cls;
    bool is_signed;
};
extern const struct sp_dtype_row sp_dtypes[STARP_NDTYPES];

bool sp_dtype_valid(starp_dtype d);
starp_dtype sp_promote(starp_dtype a, starp_dtype b);
/* What `d` becomes beside a weak scalar of class `cls` and natural dtype `weak`. */
starp_dtype sp_promote_weak(starp_dtype d, starp_dtype weak);
starp_dtype sp_dtype_to_float(starp_dtype d); /* i8 -> f32, i32 -> f64, floats unchanged */
starp_dtype sp_dtype_to_linalg(starp_dtype d); /* integers -> f64, floats unchanged */
starp_dtype sp_dtype_real(starp_dtype d);     /* c128 -> f64, others unchanged */

/* ------------------------------------------------------------------------------------------------------ ops.c */

/*
 * Two float operations in one pass: second(first(a, b), c), or second(c, first(a, b)) where reversed is 1. Each rounds, so
 * the bits are those of the two; what is saved is the way of the first result through the cache.
 */
#define SP_PAIRS(X) \
    X(addadd, add, add, 0) X(addsub, add, subtract, 0) X(addrsub, add, subtract, 1) X(addmul, add, multiply, 0) \
    X(subadd, subtract, add, 0) X(subsub, subtract, subtract, 0) X(subrsub, subtract, subtract, 1) X(submul, subtract, multiply, 0) \
    X(muladd, multiply, add, 0) X(mulsub, multiply, subtract, 0) X(mulrsub, multiply, subtract, 1) X(mulmul, multiply, multiply, 0)

/* Everything an instruction can do: the rows of ops.def, then what only the library itself uses. */
enum sp_op {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) SP_OP_##name,
#include "starp/ops.def"
#undef STARP_OP
    SP_OP_PUBLIC, /* count of the rows above */
    SP_OP_copy = SP_OP_PUBLIC, /* dst = a */
    SP_OP_cast,                /* dst (instr.to) = (C conversion) a (instr.dtype) */
#define X(name, first, second, reversed) SP_OP_##name,
    SP_PAIRS(X)                /* two operations in one pass over their operands, each rounded */
#undef X
    SP_OP_arange,              /* a: i64 index; b: PARAM {start, step}, f64 for floats and complex, i64 for integers */
    SP_OP_linspace,            /* a: i64 index; b: PARAM {start, step, stop, last} f64: index == last ? stop : start + index * step */
    SP_OP_uniform,             /* a: i64 index; b: PARAM {u64 seed, u64 stream} */
    SP_OP_normal,              /* a: i64 index; b: PARAM {u64 seed, u64 stream} */
    SP_OP_integers,            /* a: i64 index; b: PARAM {u64 seed, u64 stream, i64 low, u64 range} */
    SP_OP_apply1,              /* a; b: PARAM sp_apply_param, of which the machine sees the starp_elementwise: a function of the user's */
    SP_OP_apply2,              /* a, b; c: PARAM */
    SP_OP_apply3,              /* a, b, c; then PARAM */
    SP_OPS
};

/* A function of the user's for each element, as a node carries it. */
struct sp_apply_param {
    uint32_t function;         /* its number in the session */
    char name[SP_PARAM_SIZE - sizeof(uint32_t)]; /* as much of its name as fits, for plans; ends in zeros */
};

static inline bool sp_op_applies(uint16_t op)
{
    return op >= SP_OP_apply1 && op <= SP_OP_apply3;
}

/* Result classes of ops.def */
enum sp_result {
    SP_RESULT_SAME,  /* the operands' common dtype */
    SP_RESULT_BOOL,  /* bool */
    SP_RESULT_REAL,  /* the common dtype's real counterpart */
    SP_RESULT_SELECT /* first operand bool, the others and the result of one dtype */
};

struct sp_op_row {
    const char *name;
    uint8_t arity;
    uint8_t result;
    uint8_t accepts; /* bit per sp_class with a form */
    bool cheap;      /* a few machine instructions: worth recomputing instead of storing */
};
extern const struct sp_op_row sp_ops[SP_OPS];

struct sp_op_pair {
    uint16_t op, first, second;
    bool reversed;
};
/* The row of SP_PAIRS for these operations, or NULL. */
const struct sp_op_pair *sp_op_pair_find(enum sp_op first, enum sp_op second, bool reversed);
const struct sp_op_pair *sp_op_pair_of(enum sp_op op);

/* The dtype the operands are converted to: promoted to the first class the operation has a form for. STARP_NDTYPES: none. */
starp_dtype sp_op_compute_dtype(enum sp_op op, starp_dtype common);
starp_dtype sp_op_result_dtype(enum sp_op op, starp_dtype compute);
/* Whether an operation can fail on its data: integers to negative powers do. */
bool sp_op_fails(enum sp_op op, starp_dtype compute);

enum sp_reduce { SP_REDUCE_SUM, SP_REDUCE_PROD, SP_REDUCE_MIN, SP_REDUCE_MAX, SP_REDUCE_VAR, SP_REDUCE_ARGMIN, SP_REDUCE_ARGMAX, SP_REDUCES };
extern const char *const sp_reduce_names[SP_REDUCES];

/* ----------------------------------------------------------------------------------------------- build_call.c */

#include "calls.h"

/* -------------------------------------------------------------------------------------------------- program.c */

/*
 * A program: plain bytes that say what is done to one chunk of elements. Registers are numbered: operands first, then
 * outputs, then scratch. It never refers to nodes, buffers or shapes.
 */
enum sp_operand_kind {
    SP_OPERAND_ARRAY, /* elements of a window */
    SP_OPERAND_SPLAT, /* one element, the same everywhere: a constant */
    SP_OPERAND_IOTA,  /* i64: an affine function of the iteration index */
    SP_OPERAND_PARAM  /* pointer to SP_PARAM_SIZE bytes, or to a starp_elementwise */
};

struct sp_instr {
    uint16_t op;
    uint8_t dtype; /* what it computes in */
    uint8_t to;    /* what it writes */
    uint16_t dst;
    uint16_t src[SP_MAXSRC];
};

struct sp_program_reduce {
    uint8_t kind;
    uint8_t dtype;   /* of src, and of the accumulator */
    uint16_t src[2]; /* values; for argmin and argmax also their i64 indices */
};

#define SP_MAX_OPERANDS 32
#define SP_MAX_OUTPUTS 64
#define SP_MAX_REDUCES 16
#define SP_MAX_OPS 64 /* operations of a step: bounds its outputs */

struct sp_program {
    uint16_t ninstr, noperand, noutput, nreduce, nscratch;
    uint8_t operand_kind[SP_MAX_OPERANDS], operand_dtype[SP_MAX_OPERANDS];
    uint8_t output_dtype[SP_MAX_OUTPUTS];
    uint16_t max_item; /* largest element size of any register */
    struct sp_program_reduce reduce[SP_MAX_REDUCES];
    struct sp_instr instr[]; /* ninstr */
};

void sp_program_print(const struct sp_program *p, FILE *out, const char *indent);

/* ----------------------------------------------------------------------------------------------------- view.c */

/*
 * A view: input axis a is read at start[a] + step[a] * index[axis[a]], or at start[a] where axis[a] < 0. Slices, steps,
 * flips, transposes, new axes, dropped axes and broadcasts are all of this form, and so is any chain of them.
 */
struct sp_view {
    int ndim; /* of the input */
    int8_t axis[STARP_MAXDIM];
    int64_t start[STARP_MAXDIM];
    int64_t step[STARP_MAXDIM];
};

void sp_view_identity(struct sp_view *v, int ndim);
void sp_view_broadcast(struct sp_view *v, const starp_dims *from, int to_ndim);
/* v = inner after outer: the view of what `outer` sees of a thing seen through `inner`. */
void sp_view_compose(struct sp_view *v, const struct sp_view *inner, const struct sp_view *outer);
bool sp_view_is_identity(const struct sp_view *v, const starp_dims *from, const starp_dims *to);

int64_t sp_shape_size(const starp_dims *shape); /* -1 on overflow or a negative extent */
bool sp_shape_equal(const starp_dims *a, const starp_dims *b);
bool sp_shape_broadcast(starp_dims *out, const starp_dims *a, const starp_dims *b);
/* "(3, 4)" into text, which it returns. */
#define SP_SHAPE_TEXT 96
const char *sp_shape_text(char text[SP_SHAPE_TEXT], const starp_dims *shape);

/* ----------------------------------------------------------------------------------------------------- tile.c */

/* One tiling for everything: extents of a tile of an array of this shape, when tiles hold about `target` elements. */
#define SP_TILE_TARGET ((int64_t)1 << 18)
void sp_tile_extents(const starp_dims *shape, int64_t target, starp_dims *tile);

/* ----------------------------------------------------------------------------------------------------- node.c */

enum sp_kind {
    SP_KIND_CONST,   /* one element in param, any shape */
    SP_KIND_IOTA,    /* i64: view->start[0] + sum of view->step[k] * index[k]; view->ndim is its ndim */
    SP_KIND_DATA,    /* a value */
    SP_KIND_MAP,     /* an operation of sp_op on its inputs, which broadcast to its shape */
    SP_KIND_VIEW,    /* view of in[0], which is not a view itself */
    SP_KIND_RESHAPE, /* in[0]'s elements in C order; with a grid of ranks in param: dealt over it */
    SP_KIND_REDUCE,  /* sp_reduce over the axes in reduce_axes (kept in shape with extent 1 when keepdims) */
    SP_KIND_CALL,    /* an operation of sp_call; of several results, its shape and dtype are the first one's */
    SP_KIND_PART,    /* result `op` of in[0], a CALL of several */
    SP_KINDS
};
extern const char *const sp_kind_names[SP_KINDS];

struct sp_plan;
struct sp_value; /* what an executor attaches to a computed node */
struct sp_graph;

/* Of a CALL with several results, as long as it lives. */
struct sp_results {
    int n;
    uint8_t dtype[SP_MAX_RESULTS];
    starp_dims shape[SP_MAX_RESULTS];
};

struct sp_node {
    uint32_t refs;
    uint8_t kind, dtype, nin;
    bool weak;  /* a weak scalar */
    uint16_t op; /* sp_op of a MAP, sp_reduce of a REDUCE, sp_call of a CALL, number of a PART */
    bool shared; /* the other ranks know it by its id: frame.h */
    uint32_t reduce_axes;
    uint64_t epoch;         /* of the traversal that saw it last, */
    uint32_t index;         /* and its place in that one's order */
    struct sp_node *in[SP_MAX_READS];
    struct sp_node *link;   /* in a list of the moment */
    const void *site;
    struct sp_value *value;
    struct sp_view *view;
    struct sp_results *results;
    struct sp_error *fault; /* why it can never be computed, or NULL */
    struct sp_plan *plan;   /* the plan that computed it, for explain; or NULL */
    uint64_t id;
    _Alignas(16) unsigned char param[SP_PARAM_SIZE];
    starp_dims shape;
};

/* Called for every value whose node dies. */
typedef void sp_drop_fn(void *executor, struct sp_value *value);

struct sp_graph {
    struct sp_slab nodes, views;
    struct sp_error error;  /* of the build call under way */
    bool keep_leaves;       /* the next run may be stopped: it must not take over the memory of leaves */
    const void *site;       /* recorded into new nodes */
    uint64_t next_id, live;
    uint64_t epoch;
    sp_drop_fn *drop;
    /* Told the id of every shared node that dies, unless NULL. It must leave the graph alone. */
    void (*gone)(void *executor, uint64_t id);
    /* The name of a ppeval's function, for plans, unless NULL. */
    const char *(*function)(const void *executor, uint32_t number);
    void *executor;
};

void sp_graph_init(struct sp_graph *g, sp_drop_fn *drop, void *executor);
void sp_graph_free(struct sp_graph *g);
struct sp_node *sp_node_retain(struct sp_node *n);
void sp_node_release(struct sp_graph *g, struct sp_node *n);
/* The node has a value now: inputs are dropped. */
void sp_node_settle(struct sp_graph *g, struct sp_node *n, struct sp_value *value);
bool sp_node_is_leaf(const struct sp_node *n); /* nothing to compute: const, iota, or has a value */
int64_t sp_node_bytes(const struct sp_node *n); /* of all its results */
const char *sp_node_name(const struct sp_node *n); /* of its operation, or its kind */

/* -------------------------------------------------------------------------------------------------- build*.c */

#include "builders.h"

/* ---------------------------------------------------------------------------------------------------- order.c */

/*
 * What is to be computed: every pending node below the roots once, inputs first, equal subexpressions merged. Leaves
 * come along, since steps read them. Built anew at each sync, cheaply; everything else of a plan is cached.
 */
struct sp_order {
    const struct sp_graph *graph; /* whose nodes they are, if it was made of one; else NULL */
    struct sp_node **node; /* borrowed */
    int32_t (*in)[SP_MAX_READS]; /* indices of the inputs, after merging */
    uint8_t *root;
    uint32_t *left;          /* references; sp_plan_dying counts them down */
    uint8_t *dies;           /* of an order that came with a frame: what sp_plan_dying says */
    bool given;              /* it did, so merging and dying were settled by the sender */
    int32_t n, cap;
    uint32_t merged;       /* nodes that were equal to another */
    int32_t *table;        /* hash table of merging */
    int32_t table_cap;
    struct sp_node **stack;
    int32_t stack_cap;
};

starp_status sp_order_make(struct sp_order *o, struct sp_graph *g, struct sp_node *const *roots, int nroots, bool merge,
                           struct sp_error *e);
/* Room for so many nodes; false without memory. */
bool sp_order_reserve(struct sp_order *o, int32_t need);
void sp_order_free(struct sp_order *o);

/* ----------------------------------------------------------------------------------------------- plan.c, fuse.c */

enum sp_step_kind {
    SP_STEP_FUSED,   /* a program over an iteration space, ending in stores and reductions */
    SP_STEP_RESHAPE, /* elements in C order into another shape */
    SP_STEP_CALL,    /* an operation on whole arrays; with a program: on what that makes of its operands, without storing it */
    SP_STEP_PART,    /* one of its results */
    SP_STEP_KINDS
};

#define SP_MAX_PATH 4 /* views between an operand and what it reads */

struct sp_operand {
    int32_t node;               /* in the order: what is read, or whose constant it is */
    uint8_t npath;
    int32_t path[SP_MAX_PATH];  /* views on the way, the outermost first */
    int32_t inplace;            /* output that may take over its memory, or -1 */
};

struct sp_step {
    uint8_t kind;
    int32_t level;
    starp_dims shape;                       /* iteration space, in the nodes' axis order */
    uint32_t reduce_axes;                   /* reduced axes of shape; 0 without reductions */
    struct sp_program *program;             /* of FUSED; of CALL: what makes its only operand, of that shape; or NULL */
    int noperand, noutput, nreduce;         /* the program's; without one: inputs of the node, 1, 0 */
    struct sp_operand *operand;
    int32_t output[SP_MAX_OUTPUTS];         /* stored nodes, by program output; not FUSED: [0], the node itself */
    int32_t reduce[SP_MAX_REDUCES];         /* reduction nodes, by program reduction */
    int32_t nops;                           /* operations fused */
};

/* Options of planning; every pass can be switched off and the bits stay. */
struct sp_plan_options {
    bool fuse, merge, inplace;
    bool mixed;         /* only the forecast asks: systems are solved in two precisions */
};

struct sp_plan {
    uint32_t refs;
    uint64_t hash;
    size_t key_size;
    unsigned char *key;
    int32_t nnode;      /* of the order it was made for */
    bool fallible;      /* an operation may fail on its data */
    bool mixed;         /* the option */
    int32_t nstep;
    struct sp_step *step;
    int32_t *last_use;  /* per node: the last step that reads it, or -1 */
    uint8_t *stored;    /* per node: a step gives it a value */
    struct sp_plan *next; /* in its cache bucket */
    char *text;         /* what sp_plan_print wrote when it was made, for explain; or NULL */
};

struct sp_plan_cache {
    struct sp_plan *bucket[256];
    uint32_t count;
    size_t bytes;       /* of keys */
    unsigned char *key; /* of the lookup under way */
    size_t key_cap;
    uint64_t hits, misses;
};

/* The plan for an order, from the cache or made: a new reference. */
struct sp_plan *sp_plan_get(struct sp_plan_cache *c, const struct sp_order *o, const struct sp_plan_options *options,
                            struct sp_error *e);
void sp_plan_release(struct sp_plan *p);
void sp_plan_cache_free(struct sp_plan_cache *c);
struct sp_plan *sp_plan_fuse(const struct sp_order *o, const struct sp_plan_options *options, struct sp_error *e);
void sp_plan_print(const struct sp_plan *p, const struct sp_order *o, FILE *out);
void sp_plan_dot(const struct sp_order *o, FILE *out);
/* The view through which a step's iteration space sees an operand's node: its path composed, broadcast in front. */
void sp_operand_view(const struct sp_operand *x, const struct sp_step *s, const struct sp_order *o, struct sp_view *v);

/* forecast.c */
struct sp_forecast {
    int64_t bytes;      /* peak of what the plan stores, on top of what is live already */
    int32_t big[3];     /* the nodes that store most, or -1 */
    int64_t big_bytes[3];
};
void sp_plan_forecast(const struct sp_plan *p, const struct sp_order *o, struct sp_forecast *f);
/* Marks the nodes nobody will refer to after this evaluation: dies[i] for every node of the order. Once per order. */
void sp_plan_dying(const struct sp_plan *p, const struct sp_order *o, bool *dies);

/* ------------------------------------------------------------------------------------------------- executor ops */

struct sp_run;

/* What a graph needs to be run. Implemented on StarPU by sched, and as a naive oracle by the tests. */
struct sp_executor_ops {
    /* Gives a DATA node its value, from row-major host data (NULL: uninitialised). */
    starp_status (*put)(void *self, struct sp_node *node, const void *data, struct sp_error *e);
    /* Starts computing the roots; wait settles them and frees the run. One run at a time. */
    starp_status (*eval)(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **run,
                         struct sp_error *e);
    starp_status (*wait)(void *self, struct sp_run *run, struct sp_error *e);
    /* Waits at most `seconds` (0: not at all) and tells whether the run has ended. */
    bool (*test)(void *self, struct sp_run *run, double seconds);
    void (*cancel)(void *self, struct sp_run *run);
    /* Row-major copy of a value. */
    starp_status (*get)(void *self, const struct sp_value *value, void *buffer, struct sp_error *e);
    void (*drop)(void *self, struct sp_value *value);
    void (*gone)(void *self, uint64_t id); /* a shared node has died; or NULL */
    void (*close)(void *self);
};

#endif
