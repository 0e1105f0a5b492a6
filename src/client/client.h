/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h: the doors of the C API. A call checks its handles, lends the graph its caller's address and hands over to
 * sp_build_* or to the executor. Sections are named after the .c files.
 *
 * Two kinds of calls fail in two ways. A call that returns a handle returns NULL and records its error as the thread's
 * first one, unless an earlier one still waits to be reported. A call that returns a status reports at once: its own
 * error, or, given NULL, the first one.
 */
#ifndef SP_CLIENT_H
#define SP_CLIENT_H

#include "sched.h"

#define SP_SESSION_MAGIC 0x5e551044u
#define SP_ARRAY_MAGIC 0xa44a7003u
#define SP_SCOPE_MAGIC 0x5c09e001u
#define SP_RUN_MAGIC 0x4e4e0002u
#define SP_RAGGED_MAGIC 0x4a66ed04u

/*
 * A handle: one reference to a node. The live ones of a session are a ring, youngest first; a marker (SP_SCOPE_MAGIC)
 * lies where each open scope begins. The slab's link covers prev only, so a released handle is told by its magic until
 * its slot is used again.
 */
struct starp_array {
    starp_array *prev, *next;
    starp_session *session;
    struct sp_node *node;
    uint32_t magic;
    bool failed; /* to be computed: the automatic evaluation leaves it alone */
    int8_t split; /* for ppeval: 0 as usual, -1 not at all, 1 + axis; such a handle goes with the call */
    starp_ragged *items; /* for ppeval: what it stands for; or NULL */
};

/* A run started by starp_eval_async. run is NULL once it has ended: then status and error tell how. */
struct starp_run {
    uint32_t magic;
    starp_status status;
    starp_session *session;
    struct sp_run *run;
    starp_run *prev, *next;
    struct sp_error error;
};

struct starp_session {
    uint32_t magic;
    int scopes;               /* open ones */
    struct sp_graph graph;
    struct sp_sched *sched;
    struct sp_slab handles, run_slab;
    starp_array ring;         /* next: the youngest handle, prev: the oldest or a kept one */
    int64_t max_bytes, put_bytes; /* host data taken in that triggers an evaluation; since the last one */
    uint64_t max_nodes;       /* live nodes that trigger an evaluation */
    uint64_t flush_at;        /* id of the node at which they are counted next */
    uint64_t seed, stream;
    starp_progress_fn progress;
    void *progress_user;
    bool stuck;               /* an automatic evaluation failed, and no nodes have gone since */
    bool calling;             /* inside the progress callback */
    starp_run *run;           /* under way */
    starp_run *runs;          /* all that starp_wait has not freed */
    starp_stats count;        /* what the client counts: handles, evals, flushes */
    starp_ragged *ragged;     /* all that are not released */
    starp_session *next_open; /* of the process */
};

/* ---------------------------------------------------------------------------------------------------- error.c */

/* Records the error of a call that returns a handle: the first one stays until it is reported. Returns the status. */
starp_status sp_client_fail(const void *site, starp_status status, const char *format, ...)
    __attribute__((cold, format(printf, 3, 4)));
starp_status sp_client_fail_error(const void *site, const struct sp_error *e) __attribute__((cold));
/* The same for a call that returns a status: it becomes the thread's last error at once, whatever waits. */
starp_status sp_client_report(const void *site, starp_status status, const char *format, ...)
    __attribute__((cold, format(printf, 3, 4)));
starp_status sp_client_report_error(const void *site, const struct sp_error *e) __attribute__((cold));
/* Reports the first error: what a call that returns a status does when it is given NULL. */
starp_status sp_client_recorded(const char *what, const void *site) __attribute__((cold));

/* --------------------------------------------------------------------------------------------------- handle.c */

/* Records STARP_ERR_HANDLE for an argument (from 1) that is not a live handle, or is of another session. */
void sp_client_dead(const char *what, int argument, const void *site) __attribute__((cold));
void sp_client_foreign(const char *what, int argument, const void *site) __attribute__((cold));

/* The session of a live handle, ready to record for `site`; NULL for NULL, and, recorded, for a dead one. */
static inline starp_session *sp_client_enter(const char *what, starp_array *x, const void *site)
{
    if (!x) return NULL;
    if (x->magic != SP_ARRAY_MAGIC) return sp_client_dead(what, 1, site), NULL;
    x->session->graph.site = site;
    return x->session;
}

/* The same of two handles, whose session must be one. */
static inline starp_session *sp_client_enter_two(const char *what, starp_array *a, starp_array *b, const void *site)
{
    if (!a || !b) return NULL;
    if (b->magic != SP_ARRAY_MAGIC) return sp_client_dead(what, 2, site), NULL;
    starp_session *s = sp_client_enter(what, a, site);
    if (s && b->session != s) return sp_client_foreign(what, 2, site), NULL;
    return s;
}

/* The same for calls that return a status, which is reported. */
starp_status sp_client_check(const char *what, starp_array *x, const void *site);

/* A handle for a node, whose reference it takes. For NULL: NULL, and the graph's error is recorded. */
starp_array *sp_client_wrap(starp_session *s, struct sp_node *node);

/* Releases every handle down to the innermost scope's marker, and the marker; without a scope, every handle. */
void sp_client_unwind(starp_session *s);

/* -------------------------------------------------------------------------------------------------- session.c */

/* Whether s is a session, ready to record for `site`; if not, that is recorded. */
bool sp_client_begin(const char *what, starp_session *s, const void *site);
/* The same for calls that return a status, which is reported. */
starp_status sp_client_session(const char *what, starp_session *s, const void *site);

/* --------------------------------------------------------------------------------------------------- create.c */

/* Whether the caller's shape or list of axes can be read at all; if not, that is recorded. Axes may be NULL. */
bool sp_client_shape(starp_session *s, const char *what, const starp_dims *shape);
bool sp_client_axes(starp_session *s, const char *what, const starp_dims *axes);

/* ----------------------------------------------------------------------------------------------------- eval.c */

/* Computes those of the nodes that have no value yet, counting the reason; node[] is reordered. */
starp_status sp_client_compute(starp_session *s, int n, struct sp_node **node, uint64_t *reason, struct sp_error *e);
/*
 * What to compute so that a handle's node no longer holds a pending graph: NULL when it holds none. Constants and
 * ranges stay lazy, and of a view and what it looks at, the smaller is computed.
 */
struct sp_node *sp_client_pending(struct sp_node *n);
/* Computes what the handles stand for when the graph has grown too large. Its error is recorded. */
bool sp_client_flush(starp_session *s);
/* The same when the host data taken in since the last evaluation, which pending nodes may hold, is too much. */
bool sp_client_flush_bytes(starp_session *s, int64_t bytes);
/* The executor's tick: tells the progress callback; true when it wants the run (NULL: what goes on without one) to end. */
bool sp_client_tick(void *session, struct sp_run *run);
/* Waits for the run under way, if any, and keeps its outcome for starp_wait. */
void sp_client_settle(starp_session *s);

/* --------------------------------------------------------------------------------------------------- ragged.c */

/* Results of different shapes: item i is of flat[dtype], from first[i] on. */
struct starp_ragged {
    uint32_t magic;
    starp_session *session;
    starp_ragged *prev, *next;
    int refs;                 /* the user's, unless released, and those of starp_ppitems' handles */
    int64_t n;
    int64_t *row;             /* SP_ITEM_WORDS for each item */
    int64_t *first;           /* elements */
    struct sp_node *flat[STARP_NDTYPES]; /* NULL: no items of that dtype */
};
/* The container of result k of a ragged ppeval, whose table was read; last: nobody asks for more of the evaluation. */
starp_ragged *sp_ragged_new(starp_session *s, struct sp_node *table, const int64_t *words, int64_t n, int nresults, int k, bool last,
                            struct sp_error *e);
/* An array of n rows for ppeval, which tell where each item lies and what it is: its words, then the place of its first element. */
struct sp_node *sp_ragged_table(starp_ragged *r, struct sp_error *e);
/* The dtype of all items; STARP_NDTYPES: they differ. */
starp_dtype sp_ragged_dtype(const starp_ragged *r);
void sp_ragged_free(starp_ragged *r);
void sp_ragged_unref(starp_ragged *r);
/* Computes a ragged ppeval by its table, of n iterations; the first `wanted` of its results, whose items are of these dtypes if all
   iterations fail. With STARP_PPEVAL_KEEP these may be
   there though the status tells of an error. */
starp_status sp_ragged_evaluate(starp_session *s, struct sp_node *table, int64_t n, int nresults, int wanted, const uint8_t *dtype,
                                starp_ragged **results, struct sp_error *e);

/* ---------------------------------------------------------------------------------------------------- split.c */

/* Whether a function can be registered under that name. */
starp_status sp_client_function_name(const char *what, const char *name, const void *site);

/* ----------------------------------------------------------------------------------------------------- read.c */

/* Computes a node and copies its elements. */
starp_status sp_client_read(starp_session *s, struct sp_node *node, void *buffer, struct sp_error *e);

/* ----------------------------------------------------------------------------------------------------- view.c */

/* As many items as an index can have: every axis, as many new ones, an ellipsis. */
#define SP_MAX_ITEMS (2 * STARP_MAXDIM + 1)
/* Python's basic index, as text, into items; their number, or -1 with e set. */
int sp_client_parse_index(const char *text, starp_index items[SP_MAX_ITEMS], struct sp_error *e);

#endif
