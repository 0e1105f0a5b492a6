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
const char *sp_runtime_binding(void);
bool sp_runtime_is_idle(void); /* whether a worker has nothing to do */
uint64_t sp_runtime_waited(void); /* nanoseconds workers had nothing to do while messages were expected */
const char *sp_runtime_version(char *text, size_t cap);

/* ------------------------------------------------------------------------------------------------------ pool.c */

/* A piece of memory of the pool, and what this run's tasks do with it. */
struct sp_slot {
    void *data;
    size_t bytes;                     /* of its class */
    uint32_t refs;
    int cls;                          /* below 0: it is not the pool's */
    bool resident;                    /* its pages may be in memory; if not, they will be zeros */
    atomic_int arriving;              /* messages that are still to come in */
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
/* Memory of near.c's is in use until it is put, and so much more of it is held for good. */
void sp_pool_count(struct sp_pool *p, size_t bytes, size_t held);
/* One reference less; run: the one under way, or 0. */
void sp_pool_put(struct sp_pool *p, struct sp_slot *slot, uint64_t run);
/* The run has ended: what it used is free for anybody. */
void sp_pool_settle(struct sp_pool *p);

/* ----------------------------------------------------------------------------------------------------- owner.c */

struct sp_sched;
struct sp_value;

#define SP_EVERYWHERE (-1) /* the owner of what every rank has */

/* Which rank owns which tile of an array: tile rows are dealt over p ranks, tile columns over q. */
struct sp_map {
    int32_t p, q;
    int32_t deal;           /* tiles dealt at a time along the axis that all ranks share; 1 in what users see */
    int8_t row, col;        /* the axes that are dealt, or -1 */
    bool everywhere;        /* every rank has all tiles */
    const int32_t *table;   /* who has which tile column, instead; of temporaries, or NULL */
};

void sp_map_init(struct sp_map *m, const starp_dims *grid, int p, int q); /* grid: of tiles */
/* Columns over all ranks; with fewer tile columns than ranks, the p x q that gives nobody much. */
void sp_map_usual(struct sp_map *m, const starp_dims *grid, int ranks);
/* Whether tiles along an axis are of several ranks. */
bool sp_map_deals(const struct sp_map *m, int axis);
/* Whether all p q ranks have some. */
bool sp_map_is_fair(const struct sp_map *m, const starp_dims *grid);
/* Tiles of the rank that has most. */
int64_t sp_map_share(const struct sp_map *m, const starp_dims *grid);
/* Whether two maps of arrays of the same shape say the same. */
bool sp_map_equal(const struct sp_map *a, const struct sp_map *b);
/* The owner of the tile at a place in the grid: a rank, or SP_EVERYWHERE. */
int sp_map_owner(const struct sp_map *m, const int64_t *index);
int sp_value_owner(const struct sp_value *v, int64_t tile);
bool sp_is_mine(const struct sp_sched *s, int owner);

/* ----------------------------------------------------------------------------------------------------- value.c */

/* A tiled array. Of an operation with several results: the first; `more` leads to the others. */
struct sp_value {
    struct sp_value *more;
    starp_dims shape, tile, grid;
    uint8_t dtype;
    struct sp_map map;
    uint64_t run;           /* the run whose tasks write it: complete when that has ended */
    uint64_t id;            /* of its node, by which other ranks know it; rank 0 only */
    struct sp_remains *remains; /* of the table of a ragged evaluation: what it is about; or NULL */
    int64_t ntile;
    struct sp_slot *slot[]; /* row-major over the grid; NULL: another rank's tile */
};

/* The usual map of arrays of a shape. */
void sp_value_map(const struct sp_sched *s, const starp_dims *shape, struct sp_map *map);
/* Bytes of those of a shape that the rank with most of them holds. */
int64_t sp_value_share(const struct sp_sched *s, const starp_dims *shape, starp_dtype dtype);
/* How a shape is cut: extents of its tiles, and their number per axis. */
void sp_value_grid(const struct sp_sched *s, const starp_dims *shape, starp_dims *tile, starp_dims *grid);
struct sp_value *sp_value_new(struct sp_sched *s, const starp_dims *shape, starp_dtype dtype); /* slots NULL */
/* The same with tiles of one's own choice; its map is for the caller to set. */
struct sp_value *sp_value_cut(const starp_dims *shape, starp_dtype dtype, const starp_dims *tile);
void sp_value_free(struct sp_sched *s, struct sp_value *v);
/* Memory for the tiles this rank owns; ordered as in sp_pool_get. */
starp_status sp_value_fill(struct sp_sched *s, struct sp_value *v, bool ordered, struct sp_error *e);
/* One tile to or from the place it has in a row-major buffer of the whole array. */
void sp_value_move(const struct sp_sched *s, const struct sp_value *v, int64_t t, void *tile, char *buffer, bool out);
size_t sp_value_tile_bytes(const struct sp_value *v, int64_t t);
/* Place and extents of a tile in the array. */
void sp_value_tile(const struct sp_value *v, int64_t t, int64_t *lo, int64_t *extent);
starp_status sp_value_put(void *self, struct sp_node *node, const void *data, struct sp_error *e);
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
    atomic_bool waiting;            /* the submitter waits for few pending */
    sp_tick_fn *tick;
    void *tick_user;
    struct {
        double begun, ticked;       /* when it began, when the client was last told, if it was */
        bool unwanted, ended;
    } watch;                        /* of what is done without a run */
    uint64_t fault_countdown;       /* STARP_FAULT */
    int rank, ranks;
    uint32_t session;               /* its number in the job, where there are several ranks */
    uint32_t *sent, *received;      /* messages so far, per other rank: both ends count alike */
    struct sp_near *near;           /* memory shared with ranks of this machine; NULL: none */
    bool shares;                    /* rank 0: it is this session that has it */
    struct sp_frame *frame;         /* rank 0: room to write in */
    uint64_t *dropped;              /* rank 0: nodes the others may forget */
    size_t ndropped, dropped_cap;
    uint64_t messages, bytes_sent, bytes_gathered;
    uint64_t tasks, inline_steps, steps, fused_groups, fused_ops, merged, inplace;
    struct sp_function **function;  /* by number */
    uint32_t nfunction, function_cap;
    struct sp_plugin *plugin;       /* the last one loaded first */
    uint64_t evaluations;           /* of functions on slices */
    uint64_t refined, refused;      /* systems that STARP_MIXED has solved, and those that it left to the usual way */
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
    atomic_int_fast64_t outgoing;   /* of those, messages to other ranks: they end when the other side wants, so no limit waits */
    atomic_int_fast64_t done;
    atomic_bool stop;
    bool cancelled, told;           /* by the caller; the other ranks know */
    bool keep_leaves;               /* it may be stopped: leaves must outlive it */
    bool started, woken, sealed;
    bool ended;                     /* guarded by the sched's lock, as is the fault */
    int64_t submitted;
    const bool *awaited;            /* sp_await's */
    struct sp_error fault;
    struct sp_error note;           /* of a good run, what is to be reported all the same: the first of so many */
    int64_t note_index, notes;
    struct sp_message *held, **held_last; /* comm.c's: receives that are not to be started yet */
    int receiving;                  /* and how many are */
    struct sp_kept *kept;           /* memory that goes with the run */
    double begun, ticked;           /* when its first task was submitted; when the client was last told of it */
};

/* A session's executor on this rank alone. */
starp_status sp_sched_start(const struct sp_options *o, struct sp_sched **sched, struct sp_error *e);
starp_status sp_run_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **out, struct sp_error *e);
starp_status sp_run_wait(void *self, struct sp_run *run, struct sp_error *e);
bool sp_run_test(void *self, struct sp_run *run, double seconds);
/* Memory for what tasks of a run read, freed with it; NULL without. */
void *sp_run_keep(struct sp_run *run, size_t bytes);
/* Ends a run that has been waited for on another rank than 0. */
starp_status sp_run_end(struct sp_run *run, bool commit, struct sp_error *e);
void sp_run_cancel(void *self, struct sp_run *run);
void sp_run_fail(struct sp_run *run, starp_status status, const void *site, const char *text);
/* An iteration has failed, and the run goes on. The text of the one with the lowest number stays. */
void sp_run_note(struct sp_run *run, const void *site, int64_t index, const char *text);
/* Why a run was stopped. */
starp_status sp_run_fault(struct sp_run *run, struct sp_error *e);

/* ------------------------------------------------- world.c, control.c, comm.c, near.c, functions.c, plugin.c, lead.c, serve.c */

#include "ranks.h"

/* --------------------------------------------------------------------------------------------------- submit.c */

/* A task: plain bytes, allocated in one piece. `perform` gets it back on a worker, or on the caller's thread. */
struct sp_task {
    struct sp_run *run;
    const void *site;               /* of the node a fault is reported at */
    const char *name;
    int (*perform)(struct sp_task *task, void *scratch); /* returns an sp_kernel_fault */
    void (*end)(struct sp_task *task); /* called before it is freed; or NULL */
    size_t scratch;
    int priority;                   /* higher first, among tasks that are ready */
    struct sp_message *post;        /* what is sent when it has ended: others wait for that, so it goes first */
    int sends;                      /* how many these are */
    int ndep;
    struct sp_slot **dep;           /* slots other tasks of this run write or read */
    uint8_t *dep_mode;              /* 1 read, 2 write, 3 both */
    bool fail;                      /* STARP_FAULT */
};

/* Takes the task over. Blocks while too many are in flight. */
starp_status sp_submit(struct sp_task *task, struct sp_error *e);
/* The same work, at once, on the caller's thread. */
starp_status sp_perform(struct sp_task *task, struct sp_error *e);
/* The job has fallen apart: the run ends with that error. */
void sp_run_lost(struct sp_run *run);
/* No more tasks for now: the run ends when those in flight have. */
void sp_seal(struct sp_run *run);
/* Waits at most so long for the end of a sealed run; whether it has ended. */
bool sp_wait_for(struct sp_run *run, double seconds);
/* Waits for something that is said under the sched's lock, which tells of the change. */
void sp_await(struct sp_run *run, const bool *said);
/* Seals and waits; more may be submitted afterwards. */
void sp_drain(struct sp_run *run);
void sp_slot_forget(struct sp_slot *slot); /* unregisters its handle */
/* One more message the run waits for. */
void sp_expect(struct sp_run *run);
/* Expects the messages of a list, which make up what tasks submitted from now on read by their slot's handle. */
void sp_receive(struct sp_message *m);
/* Called when a message has arrived or gone out; frees it. */
void sp_message_ended(struct sp_message *m);

/* ------------------------------------------------------------------------------------------------- parcel.c */

/* A window of a tile on its way to another rank: ndim axes, innermost last, strides in bytes. */
struct sp_piece {
    struct sp_slot *slot;
    const char *from;
    size_t item, at;                /* at: bytes into the parcel */
    int ndim;
    int64_t extent[STARP_MAXDIM], stride[STARP_MAXDIM];
};

/* What goes from one rank to another at a time. */
struct sp_parcel {
    struct sp_piece *piece;
    int32_t n, cap;
    size_t bytes;
};
size_t sp_piece_bytes(const struct sp_piece *x); /* the room it takes */
void sp_piece_dense(const struct sp_piece *x, int64_t *stride); /* its strides in the parcel */
void sp_parcel_clear(struct sp_parcel *p);
bool sp_parcel_add(struct sp_parcel *p, const struct sp_piece *piece); /* finds `at` */
void sp_parcel_free(struct sp_parcel *p);
/* How many messages so many bytes are. */
size_t sp_message_count(const struct sp_sched *s, size_t bytes);
/* Says in a message that is about to go whether its run holds; what another rank has said in one that has come. */
void sp_message_sign(const struct sp_message *m);
bool sp_message_is_sound(const struct sp_message *m);
/* Packs and sends to a rank, or to all others; nothing if it is empty. */
starp_status sp_parcel_send(struct sp_run *run, const struct sp_parcel *p, int to, const void *site, struct sp_error *e);
/* The same for what is packed already, in a slot of the run's; the caller puts it. */
starp_status sp_message_slot(struct sp_run *run, size_t bytes, struct sp_slot **slot, struct sp_error *e);
starp_status sp_message_send(struct sp_run *run, struct sp_slot *slot, size_t bytes, int to, struct sp_error *e);
/* The slot, as a task that has not been submitted leaves it, goes to a rank, or to all others. */
starp_status sp_task_sends(struct sp_task *task, struct sp_slot *slot, size_t bytes, int to, struct sp_error *e);
/* Frees a task that has not been submitted; what it would have sent is not. */
void sp_task_drop(struct sp_task *task);
/* The slot a message will arrive in: for tasks that order themselves by its handle. The caller may put it at once: nobody gets
   it before the run has ended. */
struct sp_slot *sp_message_receive(struct sp_run *run, size_t bytes, int from, struct sp_error *e);
/* The same for what one rank reads where another has put it, if they are near: not to be written, nor kept beyond the run. What is
   lent is borrowed: sp_parcel_lend as sp_parcel_send, sp_lent_slot, for one rank, as sp_message_slot. */
starp_status sp_parcel_lend(struct sp_run *run, const struct sp_parcel *p, int to, const void *site, struct sp_error *e);
starp_status sp_lent_slot(struct sp_run *run, size_t bytes, int to, struct sp_slot **slot, struct sp_error *e);
struct sp_slot *sp_parcel_borrow(struct sp_run *run, size_t bytes, int from, struct sp_error *e);

/* ---------------------------------------------------------------------------------------------------- window.c */

/* What a step reads or writes, seen from its iteration space. */
struct sp_window {
    struct sp_value *value;
    struct sp_view view;            /* from iteration axes, as permuted, to the value's */
    bool iota;
    int64_t iota_start;
};

/* Where a buffer of a block comes from. */
struct sp_source {
    const struct sp_value *value;
    int64_t tile;
};

/* The boxes of one block: filled by sp_window_cut, memory reused from block to block. */
struct sp_cuts {
    int ndim, nreg, nbox;
    int64_t lo[STARP_MAXDIM];       /* of the block */
    int64_t *at[STARP_MAXDIM];      /* per axis: where boxes begin, relative to the block */
    int32_t n[STARP_MAXDIM], cap[STARP_MAXDIM];
    int64_t *box;
    struct sp_ref *ref;
    struct sp_slot **slot;          /* buffers, in the order refs number them; NULL: another rank's tile */
    struct sp_source *source;
    uint8_t *mode;
    int32_t nslot, box_cap, ref_cap, slot_cap;
};
/* The number of a slot, or of another rank's tile, among the block's buffers; -1: no memory. */
int32_t sp_cuts_buffer(struct sp_cuts *c, const struct sp_source *source, struct sp_slot *slot, uint8_t mode);

bool sp_window_cut(struct sp_cuts *c, int ndim, const int64_t *lo, const int64_t *extent, const struct sp_window *w, int nread,
                   int nwrite);
void sp_cuts_free(struct sp_cuts *c);

/* A fused step on its way to tasks. Axes are permuted so that reduced ones come together, innermost or outermost. */
struct sp_lowering {
    struct sp_run *run;
    const struct sp_step *step;
    int32_t number;                 /* of the step in the plan */
    const struct sp_program *program;
    struct sp_error *e;
    int ndim, split;                /* split: where kept and reduced axes meet */
    bool rows, at_once, stream;     /* rows: reduced axes are innermost; at_once: no tasks */
    bool aligned;                   /* every rank has what its blocks read */
    bool discard;                   /* stored outputs are computed, but not stored */
    int priority;                   /* of its tasks */
    bool given, ordered;            /* outputs are there already; tasks of this run read them */
    struct sp_map map;              /* who computes which block */
    struct sp_parcel parcel;
    struct sp_hull *hull;           /* room for those of a block */
    int32_t nhull, hull_cap;
    int axis[STARP_MAXDIM];         /* of the step's shape, per iteration axis */
    int64_t extent[STARP_MAXDIM], block[STARP_MAXDIM], grid[STARP_MAXDIM];
    int64_t nblock, nkept, nreduced; /* blocks in all, along kept axes, along reduced axes */
    int64_t first, last;            /* those of them that are lowered */
    struct sp_window *window;       /* operands, then outputs */
    const void **constants;
    const void *site;
    struct sp_slot **partial;       /* per reduction and block: [(reduction * nkept + kept) * nreduced + reduced] */
    int64_t *count;                 /* elements reduced, per block along reduced axes */
    struct sp_cuts cuts;
    size_t scratch;
};

/* ----------------------------------------------------------------------------------------------------- exchange.c */

/* Finds who computes which block of a step. */
void sp_exchange_prepare(struct sp_lowering *l);
void sp_exchange_align(struct sp_lowering *l); /* whether anything travels, for the map that l has */
/* A map other than the usual one spreads from operands, or slices of them, to what is computed over `shape`; false: there is none.
   axis: of the shape, per axis that windows are seen from. */
bool sp_map_inherited(const struct sp_sched *s, const starp_dims *shape, const int *axis, const struct sp_window *w, int n, struct sp_map *map);
int sp_block_owner(const struct sp_lowering *l, int64_t kept, int64_t reduced);
/* Fills l->parcel with what the block in l->cuts reads of a rank's tiles. */
bool sp_exchange_gather(struct sp_lowering *l, int owner);
/* Sends what the owner of the block in l->cuts needs of this rank; makes it read what comes from others. */
starp_status sp_exchange_send(struct sp_lowering *l, int owner);
starp_status sp_exchange_receive(struct sp_lowering *l);

/* -------------------------------------------------------------------------------------------------- lower*.c, check.c */

starp_status sp_lower_fused(struct sp_run *run, int32_t step, const void **constants, struct sp_error *e);
/* What the vector machine sees of a node's parameters: themselves, or the function they name; NULL: it is not here. */
const void *sp_param_of(const struct sp_sched *s, const struct sp_node *n);
/* A step's geometry and windows, and their end; traffic.c looks at them without lowering. */
starp_status sp_lower_begin(struct sp_lowering *l);
/* The window, or the constant, of operand k of the program. */
starp_status sp_lower_operand(struct sp_lowering *l, int k, const struct sp_order *o);
/* Cuts the step's shape into blocks of these extents; submits them. */
void sp_lower_geometry(struct sp_lowering *l, const starp_dims *tile);
starp_status sp_lower_blocks(struct sp_lowering *l);
void sp_lower_end(struct sp_lowering *l);
/* Place of a block: its bounds, and its numbers along kept and reduced axes. */
void sp_lower_block_bounds(const struct sp_lowering *l, int64_t b, int64_t *lo, int64_t *extent, int64_t *kept, int64_t *reduced);
/* What each step of a plan for the sched's order would send between ranks. */
void sp_traffic_print(struct sp_sched *s, struct sp_plan *plan, FILE *out, struct sp_error *e);
starp_status sp_lower_reshape(struct sp_run *run, int32_t step, struct sp_error *e);
/* lower_copy.c: elements of an array seen through a view, of a constant, or of a value, into another value tile by tile. */
struct sp_copy {
    starp_dims shape;               /* what is copied, in the order of the target's axes */
    struct sp_value *from;          /* NULL: the element below */
    const void *element;
    struct sp_view view;            /* from shape's axes to from's */
    struct sp_value *to;            /* at least of that shape, with memory for its tiles */
    enum sp_op op;                  /* copy, or an operation on one operand */
    starp_dtype dtype;              /* of the source */
    const void *site;
    bool at_once, ordered;          /* on the caller's thread; read by tasks of this run */
    int priority;                   /* of its tasks */
    int64_t first, last;            /* which tiles of the target; last 0: all */
};
starp_status sp_lower_copy(struct sp_run *run, const struct sp_copy *c, struct sp_error *e);
/* The only result of l's program into a value that is there; l's windows have room for it behind the operands. */
starp_status sp_lower_into(struct sp_lowering *l, struct sp_value *to);
/* lower_output.c: values for what a step stores, taken over from dying operands where that is possible. */
starp_status sp_lower_outputs(struct sp_lowering *l);
/* lower_reduce.c: partial results, and the tasks that combine them. */
starp_status sp_lower_partials(struct sp_lowering *l);
starp_status sp_lower_combine(struct sp_lowering *l);
/* lower_ragged.c: what the iterations of a ragged evaluation have left, on the ranks where they ran, until it is gathered or its table goes. */
struct sp_remains {
    int nresults;
    int64_t n, unit;                /* iterations; dealt so many at a time, */
    struct sp_map map;              /* like this */
    struct sp_item item[];          /* of iteration i: from i * nresults on; no data: another rank's */
};
/* They belong to their table from now on. NULL: no memory. */
struct sp_remains *sp_remains_new(struct sp_value *table, int nresults, int64_t n, int64_t unit, const struct sp_map *map);
/* Who has which iterations is settled. */
void sp_remains_dealt(struct sp_remains *r, const struct sp_map *map);
void sp_remains_drop(struct sp_value *table); /* nothing if there are none */
/* lower_fft.c: the map that the result of an operation along an axis gets from its operands. */
starp_status sp_along_deal(struct sp_run *run, int32_t step, const void **constants, struct sp_value *to, struct sp_error *e);
/* lower_call.c: operations on whole arrays, and one of several results. */
starp_status sp_lower_call(struct sp_run *run, int32_t step, const void **constants, struct sp_error *e);
starp_status sp_lower_part(struct sp_run *run, int32_t step, struct sp_error *e);
/* Adds a slot to a task's dependencies if other tasks of this run meet it there. mode as in sp_task. */
void sp_depend(struct sp_task *task, struct sp_slot *slot, uint8_t mode, bool ordered);
/* Runs a fused step again, element by element, and compares. */
starp_status sp_check_step(struct sp_run *run, int32_t step, struct sp_error *e);

#endif
