/* SPDX-License-Identifier: BSD-3-Clause */
/* engine.h: what the files of sched share. Nobody else includes it; only runtime.c and submit.c include StarPU. */
#ifndef SP_ENGINE_H
#define SP_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "sched.h"

struct _starpu_data_state; /* StarPU's handle */

/* --------------------------------------------------------------------------------------------------- runtime.c */

/* StarPU, started once for all sessions of the process. */
struct sp_runtime {
    int workers, cores;
    char policy[SP_OPTION_TEXT];
};
starp_status sp_runtime_acquire(const struct sp_options *o, struct sp_runtime *r, struct sp_error *e);
void sp_runtime_release(void);
/* Workers sleep unless somebody needs them. Wake before submitting; rest when everything submitted has ended. */
void sp_runtime_wake(void);
void sp_runtime_rest(void);
int sp_runtime_max_cpus(void);
const char *sp_runtime_version(char *text, size_t cap);

/* ------------------------------------------------------------------------------------------------------ pool.c */

/* A piece of memory of the pool, and what this run's tasks do with it. */
struct sp_slot {
    void *data;
    size_t bytes;                     /* of its class */
    uint32_t refs;
    int cls;
    bool resident;                    /* its pages may be in memory; if not, they will be zeros */
    uint64_t reads, writes;           /* the last run whose tasks read it without a handle, wrote it with or without one */
    struct _starpu_data_state *handle; /* registered when a task first depends on it */
    struct sp_slot *next;
};

#define SP_POOL_CLASSES 400

struct sp_pool {
    struct sp_slot *free[SP_POOL_CLASSES];
    struct sp_slot *hot[SP_POOL_CLASSES]; /* freed in the run under way; tasks that order themselves by its handle may have it */
    struct sp_slot *busy;                 /* freed in the run under way, and still read without a handle */
    struct sp_slab slots;
    char *arena;
    size_t arena_left;
    void *arenas;
    int64_t limit;                        /* bytes to hold at most, as far as free slots can be given back; 0: none */
    uint64_t hits, misses, live, peak, held;
};

void sp_pool_init(struct sp_pool *p);
void sp_pool_free(struct sp_pool *p);
/* Memory for `bytes` bytes, 64-byte aligned, contents undefined; one reference. NULL: no memory. ordered: the taker writes
   it in a task that depends on its handle. */
struct sp_slot *sp_pool_get(struct sp_pool *p, size_t bytes, bool ordered);
/* One reference less; run: the one under way, or 0. */
void sp_pool_put(struct sp_pool *p, struct sp_slot *slot, uint64_t run);
/* The run has ended: what it used is free for anybody. */
void sp_pool_settle(struct sp_pool *p);

/* ----------------------------------------------------------------------------------------------------- value.c */

/* A tiled array. */
struct sp_value {
    starp_dims shape, tile, grid;
    uint8_t dtype;
    uint64_t run;           /* the run whose tasks write it: complete when that has ended */
    int64_t ntile;
    struct sp_slot *slot[]; /* row-major over the grid */
};

struct sp_sched;
struct sp_value *sp_value_new(struct sp_sched *s, const starp_dims *shape, starp_dtype dtype); /* slots NULL */
void sp_value_free(struct sp_sched *s, struct sp_value *v);
/* Place and extents of a tile in the array. */
void sp_value_tile(const struct sp_value *v, int64_t t, int64_t *lo, int64_t *extent);
starp_status sp_value_put(void *self, const void *data, const starp_dims *shape, starp_dtype dtype, struct sp_value **value,
                          struct sp_error *e);
starp_status sp_value_get(void *self, const struct sp_value *v, void *buffer, struct sp_error *e);

/* ----------------------------------------------------------------------------------------------- sched.c, run.c */

struct sp_scratch {
    void *memory;
    size_t bytes;
};
/* At least `bytes` bytes; NULL: no memory. */
void *sp_scratch_get(struct sp_scratch *s, size_t bytes);

struct sp_sched {
    struct sp_options options;
    struct sp_runtime runtime;
    const struct sp_kernels *kernels;
    struct sp_pool pool;
    struct sp_order order;
    struct sp_plan_cache plans;
    int64_t machine_bytes;          /* of physical memory */
    int64_t cache_bytes;            /* of the last-level cache */
    struct sp_scratch *scratch;     /* one per worker, then the caller's */
    struct sp_run *run;             /* under way, or NULL */
    uint64_t run_id;
    pthread_mutex_t lock;
    pthread_cond_t change;
    atomic_int leaving;             /* callbacks that still touch this */
    sp_tick_fn *tick;
    void *tick_user;
    uint64_t fault_countdown;       /* STARP_FAULT */
    uint64_t tasks, inline_steps, steps, fused_groups, fused_ops, merged, inplace;
};

/* One evaluation. The caller's thread makes it, submits, and settles it; tasks only count down and report faults. */
struct sp_run {
    struct sp_sched *sched;
    struct sp_graph *graph;
    struct sp_plan *plan;
    uint64_t id;
    struct sp_node **node;          /* of the order; retained where stored */
    int32_t nnode;
    struct sp_value **value;        /* per node: what it has or gets */
    bool *dies;
    const void **constants;         /* what the steps' programs read, step after step */
    bool *lost;                     /* per node: a leaf whose memory was taken over */
    atomic_int_fast64_t pending;    /* tasks submitted and not ended, plus one while submitting */
    atomic_int_fast64_t done;
    atomic_bool stop;
    bool keep_leaves;               /* it may be stopped: leaves must outlive it */
    bool started, woken, sealed;
    bool ended;                     /* guarded by the sched's lock, as is the fault */
    int64_t submitted;
    struct sp_error fault;
    double begun, ticked;           /* when its first task was submitted; when the client was last told of it */
};

double sp_now(void);
starp_status sp_run_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **out, struct sp_error *e);
starp_status sp_run_wait(void *self, struct sp_run *run, struct sp_error *e);
bool sp_run_test(void *self, struct sp_run *run, double seconds);
void sp_run_cancel(void *self, struct sp_run *run);
void sp_run_fail(struct sp_run *run, starp_status status, const void *site, const char *text);
/* Why a run was stopped. */
starp_status sp_run_fault(struct sp_run *run, struct sp_error *e);

/* --------------------------------------------------------------------------------------------------- submit.c */

/* A task: plain bytes, allocated in one piece. `perform` gets it back on a worker, or on the caller's thread. */
struct sp_task {
    struct sp_run *run;
    const void *site;               /* of the node a fault is reported at */
    const char *name;
    int (*perform)(struct sp_task *task, void *scratch); /* returns an sp_kernel_fault */
    void (*end)(struct sp_task *task); /* called before it is freed; or NULL */
    size_t scratch;
    int ndep;
    struct sp_slot **dep;           /* slots other tasks of this run write or read */
    uint8_t *dep_mode;              /* 1 read, 2 write, 3 both */
    bool fail;                      /* STARP_FAULT */
};

/* Takes the task over. Blocks while too many are in flight. */
starp_status sp_submit(struct sp_task *task, struct sp_error *e);
/* The same work, at once, on the caller's thread. */
starp_status sp_perform(struct sp_task *task, struct sp_error *e);
/* No more tasks for now: the run ends when those in flight have. */
void sp_seal(struct sp_run *run);
/* Waits at most so long for the end of a sealed run; whether it has ended. */
bool sp_wait_for(struct sp_run *run, double seconds);
/* Seals and waits; more may be submitted afterwards. */
void sp_drain(struct sp_run *run);
void sp_slot_forget(struct sp_slot *slot); /* unregisters its handle */

/* ------------------------------------------------------------------------------------- window.c, lower*.c, check.c */

/* What a step reads or writes, seen from its iteration space. */
struct sp_window {
    struct sp_value *value;
    struct sp_view view;            /* from iteration axes, as permuted, to the value's */
    bool iota;
    int64_t iota_start;
};

/* The boxes of one block: filled by sp_window_cut, memory reused from block to block. */
struct sp_cuts {
    int ndim, nreg, nbox;
    int64_t *at[STARP_MAXDIM];      /* per axis: where boxes begin, relative to the block */
    int32_t n[STARP_MAXDIM], cap[STARP_MAXDIM];
    int64_t *box;
    struct sp_ref *ref;
    struct sp_slot **slot;          /* buffers, in the order refs number them */
    uint8_t *mode;
    int32_t nslot, box_cap, ref_cap, slot_cap;
};

bool sp_window_cut(struct sp_cuts *c, int ndim, const int64_t *lo, const int64_t *extent, const struct sp_window *w, int nread,
                   int nwrite);
void sp_cuts_free(struct sp_cuts *c);

/* A fused step on its way to tasks. Axes are permuted so that reduced ones come together, innermost or outermost. */
struct sp_lowering {
    struct sp_run *run;
    const struct sp_step *step;
    const struct sp_program *program;
    struct sp_error *e;
    int ndim, split;                /* split: where kept and reduced axes meet */
    bool rows, at_once, stream;     /* rows: reduced axes are innermost; at_once: no tasks */
    int axis[STARP_MAXDIM];         /* of the step's shape, per iteration axis */
    int64_t extent[STARP_MAXDIM], block[STARP_MAXDIM], grid[STARP_MAXDIM];
    int64_t nblock, nkept, nreduced; /* blocks in all, along kept axes, along reduced axes */
    struct sp_window *window;       /* operands, then outputs */
    const void **constants;
    const void *site;
    struct sp_slot **partial;       /* per reduction and block: [(reduction * nkept + kept) * nreduced + reduced] */
    int64_t *count;                 /* elements reduced, per block along reduced axes */
    struct sp_cuts cuts;
    size_t scratch;
};

starp_status sp_lower_fused(struct sp_run *run, int32_t step, const void **constants, struct sp_error *e);
starp_status sp_lower_reshape(struct sp_run *run, int32_t step, struct sp_error *e);
/* lower_output.c: values for what a step stores, taken over from dying operands where that is possible. */
starp_status sp_lower_outputs(struct sp_lowering *l);
/* lower_reduce.c: partial results, and the tasks that combine them. */
starp_status sp_lower_partials(struct sp_lowering *l);
starp_status sp_lower_combine(struct sp_lowering *l);
/* Adds a slot to a task's dependencies if other tasks of this run meet it there. mode as in sp_task. */
void sp_depend(struct sp_task *task, struct sp_slot *slot, uint8_t mode, bool ordered);
/* Runs a fused step again, element by element, and compares. */
starp_status sp_check_step(struct sp_run *run, int32_t step, struct sp_error *e);

#endif
