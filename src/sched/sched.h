/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched.h: StarPU, tiles, memory, environment: a plan becomes tasks. What the client floor sees of it. Sections are
 * named after the .c files.
 */
#ifndef SP_SCHED_H
#define SP_SCHED_H

#include "codelets.h"

/* -------------------------------------------------------------------------------------------------- options.c */

/*
 * The options, one row each: identifier, environment variable, kind, default, least, largest, help. Kinds: INT (with
 * suffixes K, M, G for powers of 1024), BOOL, TEXT (one of the words in help's parentheses).
 */
#define SP_OPTIONS(X) \
    X(ncpu, "STARP_NCPU", INT, 0, 0, 4096, "CPU workers; 0: all cores") \
    X(sched, "STARP_SCHED", TEXT, 0, 0, 0, "StarPU's scheduling policy (lws|ws|eager|prio|random|dmda|lws-prio)") \
    X(tile, "STARP_TILE", INT, 1 << 18, 1, (int64_t)1 << 40, "elements of a tile, about") \
    X(panel, "STARP_PANEL", INT, 256, 1, 1 << 20, "columns of a panel in factorizations; results depend on it") \
    X(pivoting, "STARP_PIVOTING", TEXT, 0, 0, 0, "how LU finds pivots, in a task or in many for tall panels; results depend on it (partial|tournament)") \
    X(mixed, "STARP_MIXED", BOOL, 0, 0, 1, "solve in f64 by factors in f32 and iterative refinement, where that pays") \
    X(ppeval_keep, "STARP_PPEVAL_KEEP", BOOL, 0, 0, 1, "iterations of ppeval that fail do not take the others' results with them") \
    X(plugin_seconds, "STARP_PLUGIN_SECONDS", INT, 60, 1, 1 << 20, "seconds an isolated plug-in may take to load, or to tell shapes") \
    X(small, "STARP_SMALL", INT, 1 << 15, 0, (int64_t)1 << 40, "arrays of at most so many elements run without tasks") \
    X(fuse, "STARP_FUSE", BOOL, 1, 0, 1, "fuse elementwise operations and reductions") \
    X(cse, "STARP_CSE", BOOL, 1, 0, 1, "merge equal subexpressions") \
    X(inplace, "STARP_INPLACE", BOOL, 1, 0, 1, "write results over dying operands") \
    X(memory_limit, "STARP_MEMORY_LIMIT", INT, 0, 0, INT64_MAX, "bytes a plan may bring the session to, on each rank; 0: no limit") \
    X(max_nodes, "STARP_MAX_NODES", INT, 10000, 16, 1 << 30, "pending nodes that trigger an evaluation") \
    X(max_bytes, "STARP_MAX_BYTES", INT, (int64_t)1 << 30, 0, INT64_MAX, "host data taken in that triggers an evaluation") \
    X(in_flight, "STARP_IN_FLIGHT", INT, 1024, 1, 1 << 20, "tasks submitted and not yet ended") \
    X(message, "STARP_MESSAGE", INT, 1 << 30, 16, 1 << 30, "bytes of a message; longer ones are several (for tests)") \
    X(progress, "STARP_PROGRESS", BOOL, 0, 0, 1, "a progress bar on stderr") \
    X(explain, "STARP_EXPLAIN", BOOL, 0, 0, 1, "every plan on stderr as it is run") \
    X(check, "STARP_CHECK", BOOL, 0, 0, 1, "run every fused step element by element too, and compare") \
    X(timeout, "STARP_TIMEOUT", INT, 60, 1, 1 << 20, "seconds after which a rank whose machine does not answer counts as dead") \
    X(shared, "STARP_SHARED", INT, (int64_t)1 << 30, 0, INT64_MAX, "bytes of messages that two ranks of a machine share, each way; 0: all are copied") \
    X(isa, "STARP_ISA", TEXT, 0, 0, 0, "instruction set of the kernels (best|generic|avx2|avx512)") \
    X(fault, "STARP_FAULT", INT, 0, 0, INT64_MAX, "make the n-th task fail; 0: none (for tests)")

enum sp_option_id {
#define X(id, variable, kind, standard, least, largest, help) SP_OPTION_##id,
    SP_OPTIONS(X)
#undef X
        SP_NOPTIONS
};

#define SP_OPTION_TEXT 24

struct sp_option {
    int64_t value;
    char text[SP_OPTION_TEXT]; /* of a TEXT */
    bool from_environment;
};

struct sp_options {
    struct sp_option at[SP_NOPTIONS];
};

/* From the environment; a bad value is STARP_ERR_OPTION with the variable, the value and what is allowed. */
starp_status sp_options_read(struct sp_options *o, struct sp_error *e);
/* The same from any source: lookup(name, user) returns a variable's text or NULL. */
starp_status sp_options_parse(struct sp_options *o, const char *(*lookup)(const char *, void *), void *user,
                              struct sp_error *e);
/* What is not as usual, as names and values in turn, each ended by a 0: for the other ranks, which read it again. */
size_t sp_options_write(const struct sp_options *o, char *to, size_t cap);
starp_status sp_options_from(struct sp_options *o, const char *text, size_t n, struct sp_error *e);
/* Whether this process is one of several that were started together. */
bool sp_options_launched(void);
/* Whether the user has chosen how the launcher binds processes to cores. */
bool sp_options_bound(void);
/* Where the user says that the helper program is; or NULL. */
const char *sp_options_helper(void);
/* For a process to be started. */
char **sp_options_environment(void);
void sp_options_print(const struct sp_options *o, FILE *out);
#define SP_OPTION(o, id) ((o)->at[SP_OPTION_##id].value)
bool sp_option_is(const struct sp_options *o, enum sp_option_id id, const char *word);

/* ----------------------------------------------------------------------------------------------------- sched.c */

struct sp_sched;

/* An executor on StarPU, set up from the environment. */
starp_status sp_sched_open(struct sp_sched **sched, struct sp_error *e);
/* Its operations; `self` is the sp_sched. */
extern const struct sp_executor_ops sp_sched_ops;
const struct sp_options *sp_sched_options(const struct sp_sched *sched);
double sp_now(void); /* seconds of a clock that only goes on */
int sp_sched_ranks(const struct sp_sched *sched);
void sp_sched_info(struct sp_sched *sched, FILE *out);
/* Adds the executor's counts. */
void sp_sched_stats(struct sp_sched *sched, starp_stats *stats);
/* Prints the plan that would compute x, with its forecast, without running it. */
starp_status sp_sched_explain(struct sp_sched *sched, struct sp_graph *g, struct sp_node *x, FILE *out, struct sp_error *e);
void sp_sched_progress(struct sp_run *run, starp_progress_info *info);
/* Called about ten times a second while the executor waits inside eval; the run stops when it returns true. NULL: none. */
typedef bool sp_tick_fn(void *user, struct sp_run *run);
void sp_sched_tick(struct sp_sched *sched, sp_tick_fn *tick, void *user);
/*
 * What takes its time in the session's thread without a run, between these two, can be cancelled all the same: who does it asks
 * whether it is unwanted by now (`sched`), which calls the tick as often, without a run. In the end: whether it was.
 */
void sp_sched_watch(struct sp_sched *sched);
bool sp_sched_unwanted(void *sched);
bool sp_sched_watched(struct sp_sched *sched);
void sp_sched_watch_progress(const struct sp_sched *sched, starp_progress_info *info);

/* ------------------------------------------------------------------------------------------------- functions.c */

#define SP_FUNCTION_NAME 64

/* A function for ppeval or, if it is for each element, for apply, as a session knows it on every rank, under the same number. */
struct sp_function {
    _Alignas(16) char name[SP_FUNCTION_NAME];
    bool elementwise;
    starp_function f;               /* user: a copy of its own; of an elementwise one it refuses, and each is the function */
    starp_elementwise each;
    atomic_uint_fast64_t ns, calls; /* what iterations have taken here so far, and how many */
    bool builtin;                   /* the library's own: found by what it is, so that names stay the user's */
};
/* Registers one on all ranks, where it is in the same module of the program. A name may come again: the last one counts. */
starp_status sp_function_register(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e);
/* The same for each element; STARP_ERR_ARGUMENT if it is not what such a function looks like. The two have names of their own. */
starp_status sp_elementwise_register(struct sp_sched *s, const char *name, const starp_elementwise *f, struct sp_error *e);
const starp_elementwise *sp_elementwise_find(const struct sp_sched *s, const char *name, uint32_t *number);
/* NULL: none of that name. */
const struct sp_function *sp_function_find(const struct sp_sched *s, const char *name, uint32_t *number);
const char *sp_function_name(const void *sched, uint32_t number); /* "?" if there is none of that number */
/* The library's own, registered when it is first asked for. NULL with the error set. */
const struct sp_function *sp_function_builtin(struct sp_sched *s, const char *name, const starp_function *f, uint32_t *number, struct sp_error *e);
/* Seconds of an iteration, as far as is known; 0: not at all. */
double sp_function_cost(const struct sp_function *f);
void sp_function_took(const struct sp_function *f, double seconds, int64_t calls);
const struct sp_kernels *sp_sched_kernels(const struct sp_sched *s);
bool sp_sched_keeps(const struct sp_sched *s); /* what iterations make beside others that fail */

/* ---------------------------------------------------------------------------------------------------- plugin.c */

/* Loads a shared object on all ranks, or has helper processes load it, and registers what it has. */
starp_status sp_plugin_load(struct sp_sched *s, const char *path, bool isolated, struct sp_error *e);
/* Whether it looks like a function for ppeval. */
bool sp_function_valid(const starp_function *f);

#endif
