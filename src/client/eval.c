/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * eval.c: the sync points. Each gathers the nodes that have no value yet, hands them to the executor as one run and
 * waits. One run is under way at a time: whatever needs another one waits for an asynchronous run first and leaves its
 * outcome with the starp_run.
 */
#include <string.h>

#include "client.h"

/* ------------------------------------------------------------------------------------------------------------- runs */

/* Tells the callback how far a run is, or what goes on without one; true when it wants that to end. */
static bool tell(starp_session *s, struct sp_run *run)
{
    starp_progress_info info = { .seconds = 0 };
    if (run) sp_sched_progress(run, &info);
    else sp_sched_watch_progress(s->sched, &info);
    s->calling = true;
    bool stop = s->progress(&info, s->progress_user) != 0;
    s->calling = false;
    return stop;
}

bool sp_client_tick(void *session, struct sp_run *run)
{
    starp_session *s = session;
    const void *site = s->graph.site; /* of the call under way; the callback may record, too */
    bool stop = s->progress && tell(s, run);
    s->graph.site = site;
    return stop;
}

/* Waits for a run and frees it. */
static starp_status finish(starp_session *s, struct sp_run *run, struct sp_error *e)
{
    bool ended = false;
    while (s->progress && !ended) {
        ended = sp_sched_ops.test(s->sched, run, 0.1);
        if (tell(s, run) && !ended) sp_sched_ops.cancel(s->sched, run);
    }
    starp_status status = sp_sched_ops.wait(s->sched, run, e);
    if (status == STARP_OK) s->stuck = false;
    return status;
}

void sp_client_settle(starp_session *s)
{
    starp_run *run = s->run;
    if (!run) return;
    run->status = finish(s, run->run, &run->error);
    run->run = NULL;
    s->run = NULL;
}

/* Moves the nodes without a value to the front; their number. */
static int without_value(int n, struct sp_node **node)
{
    int todo = 0;
    for (int i = 0; i < n; i++) {
        if (!node[i]->value) node[todo++] = node[i];
    }
    return todo;
}

/* Starts computing those of the nodes that have no value yet; *run is NULL when all have one. */
static starp_status start(starp_session *s, int n, struct sp_node **node, uint64_t *reason, struct sp_run **run,
                          struct sp_error *e)
{
    *run = NULL;
    n = without_value(n, node);
    if (n == 0) return STARP_OK;
    if (s->calling) return sp_fail(e, STARP_ERR_ARGUMENT, "nothing can be computed inside the progress callback");
    sp_client_settle(s);
    n = without_value(n, node);
    if (n == 0) return STARP_OK;
    s->count.evals++;
    s->put_bytes = 0;
    ++*reason;
    return sp_sched_ops.eval(s->sched, &s->graph, node, n, run, e);
}

starp_status sp_client_compute(starp_session *s, int n, struct sp_node **node, uint64_t *reason, struct sp_error *e)
{
    struct sp_run *run;
    s->graph.keep_leaves = s->progress != NULL;
    SP_TRY(start(s, n, node, reason, &run, e));
    return run ? finish(s, run, e) : STARP_OK;
}

/* -------------------------------------------------------------------------------------------- automatic evaluation */

struct sp_node *sp_client_pending(struct sp_node *n)
{
    if (n->fault || sp_node_is_leaf(n)) return NULL;
    if (n->kind != SP_KIND_VIEW) return n;
    struct sp_node *base = n->in[0];
    if (sp_node_is_leaf(base)) return NULL;
    return !base->fault && sp_shape_size(&base->shape) < sp_shape_size(&n->shape) ? base : n;
}

/* Live nodes other than the leaves that the caller holds: about as many as evaluation can get rid of. */
static uint64_t burden(const starp_session *s)
{
    uint64_t nodes = s->graph.live;
    if (nodes < s->max_nodes) return nodes;
    for (const starp_array *x = s->ring.next; x != &s->ring && nodes > 0; x = x->next) {
        if (x->magic == SP_ARRAY_MAGIC && !sp_client_pending(x->node)) nodes--;
    }
    return nodes;
}

/* What stands for a live handle, which the callback may release meanwhile: hence a reference. */
struct pending {
    struct sp_node *node;
    starp_array *handle;
};

static int gather_live(starp_session *s, struct pending *p)
{
    int n = 0;
    for (starp_array *x = s->ring.next; x != &s->ring; x = x->next) {
        struct sp_node *node = x->magic == SP_ARRAY_MAGIC && !x->failed ? sp_client_pending(x->node) : NULL;
        if (node) p[n++] = (struct pending){ sp_node_retain(node), x };
    }
    return n;
}

/* All together; if that fails one by one, so that only what has the fault is left, and not tried again. */
static starp_status compute_pending(starp_session *s, int n, const struct pending *p, struct sp_node **scratch,
                                    uint64_t *reason, struct sp_error *e)
{
    for (int i = 0; i < n; i++) scratch[i] = p[i].node;
    starp_status status = sp_client_compute(s, n, scratch, reason, e);
    bool there = true; /* but for some iterations of a ppeval */
    for (int i = 0; i < n; i++) there &= p[i].node->value != NULL;
    if (there || status == STARP_ERR_CANCELLED) return status;
    sp_error_clear(e);
    for (int i = 0; i < n; i++) {
        struct sp_error own = { .status = STARP_OK };
        scratch[0] = p[i].node;
        bool failed = sp_client_compute(s, 1, scratch, reason, &own) == STARP_ERR_COMPUTE;
        starp_array *x = p[i].handle; /* the callback may have released it */
        if (x->magic == SP_ARRAY_MAGIC && x->node == p[i].node) x->failed = failed;
        if (e->status == STARP_OK) *e = own;
    }
    return e->status;
}

static starp_status compute_live(starp_session *s, uint64_t *reason, struct sp_error *e)
{
    size_t handles = (size_t)s->count.handles_live;
    sp_client_settle(s);
    struct pending *p = sp_malloc(handles * (sizeof *p + sizeof(struct sp_node *)));
    if (!p) return sp_fail_memory(e);
    int n = gather_live(s, p);
    starp_status status = compute_pending(s, n, p, (struct sp_node **)(p + handles), reason, e);
    for (int i = 0; i < n; i++) sp_node_release(&s->graph, p[i].node);
    sp_free(p);
    return status;
}

/* Looks again when the graph may have reached its bound, but not at every call. */
static void set_flush(starp_session *s)
{
    uint64_t nodes = burden(s), least = s->max_nodes / 16 + 1;
    uint64_t room = nodes < s->max_nodes ? s->max_nodes - nodes : 0;
    s->flush_at = s->graph.next_id + (room > least ? room : least);
}

/*
 * A failure that leaves the graph at its bound keeps it there: the automatic evaluation is not run into again at every
 * call, but each call fails until nodes are released or an evaluation succeeds.
 */
bool sp_client_flush(starp_session *s)
{
    struct sp_error e = { .status = STARP_OK };
    const void *site = s->graph.site;
    uint64_t nodes = burden(s);
    if (s->calling) return true;
    if (nodes >= s->max_nodes) {
        if (s->stuck) sp_fail(&e, STARP_ERR_LIMIT, "it failed before; release arrays, or evaluate one by one");
        else compute_live(s, &s->count.flush_nodes, &e);
    }
    bool bounded = e.status == STARP_OK || burden(s) < s->max_nodes;
    s->stuck = !bounded && e.status != STARP_ERR_CANCELLED;
    if (bounded) set_flush(s);
    if (e.status == STARP_OK) return true;
    sp_client_fail(e.site ? e.site : site, e.status, "automatic evaluation of a graph of %llu nodes: %s",
                   (unsigned long long)nodes, e.text);
    return false;
}

bool sp_client_flush_bytes(starp_session *s, int64_t bytes)
{
    struct sp_error e = { .status = STARP_OK };
    const void *site = s->graph.site;
    s->put_bytes += bytes;
    if (s->put_bytes <= s->max_bytes || s->calling) return true;
    s->put_bytes = 0;
    if (compute_live(s, &s->count.flush_bytes, &e) == STARP_OK) return true;
    sp_client_fail(e.site ? e.site : site, e.status, "automatic evaluation of what holds %lld bytes: %s", (long long)s->max_bytes,
                   e.text);
    return false;
}

/* -------------------------------------------------------------------------------------------- starp_eval and others */

/* The nodes of a caller's list; few need no memory. */
struct batch {
    starp_session *session;
    struct sp_node **node;
    struct sp_node *few[16];
};

/* Fills a batch; on STARP_OK it is the caller's to empty. */
static starp_status gather(struct batch *b, int count, starp_array *const *list, struct sp_error *e)
{
    b->session = list[0]->session;
    for (int i = 0; i < count; i++) {
        if (list[i]->magic != SP_ARRAY_MAGIC) {
            return sp_fail(e, STARP_ERR_HANDLE, "eval: argument %d is not a live handle (released already?)", i + 1);
        }
        if (list[i]->session != list[0]->session) {
            return sp_fail(e, STARP_ERR_HANDLE, "eval: argument %d is of another session than argument 1", i + 1);
        }
    }
    b->node = count <= 16 ? b->few : sp_malloc((size_t)count * sizeof *b->node);
    if (!b->node) return sp_fail_memory(e);
    for (int i = 0; i < count; i++) b->node[i] = list[i]->node;
    return STARP_OK;
}

static void empty(struct batch *b)
{
    if (b->node != b->few) sp_free(b->node);
}

static bool has_null(int count, starp_array *const *list)
{
    for (int i = 0; i < count; i++) {
        if (!list[i]) return true;
    }
    return false;
}

static starp_status eval(const char *what, int count, starp_array *const *list, const void *site)
{
    struct sp_error e = { .status = STARP_OK };
    struct batch b;
    if (has_null(count, list)) return sp_client_recorded(what, site);
    if (gather(&b, count, list, &e) == STARP_OK) {
        sp_client_compute(b.session, count, b.node, &b.session->count.flush_eval, &e);
        empty(&b);
    }
    return e.status == STARP_OK ? STARP_OK : sp_client_report_error(site, &e);
}

starp_status starp_eval(starp_array *x)
{
    return eval("eval", 1, &x, __builtin_return_address(0));
}

starp_status starp_eval_many(int count, starp_array *const *list)
{
    const void *site = __builtin_return_address(0);
    if (count == 0) return STARP_OK;
    if (count > 0 && list) return eval("eval_many", count, list, site);
    return sp_client_report(site, STARP_ERR_ARGUMENT, "eval_many: %d arrays at %p", count, (void *)list);
}

/* ----------------------------------------------------------------------------------------------- asynchronous runs */

static starp_run *new_run(starp_session *s)
{
    starp_run *run = sp_slab_get(&s->run_slab);
    if (!run) return NULL;
    memset(run, 0, sizeof *run);
    run->magic = SP_RUN_MAGIC;
    run->session = s;
    run->next = s->runs;
    if (run->next) run->next->prev = run;
    s->runs = run;
    return run;
}

static void free_run(starp_run *run)
{
    if (run->prev) run->prev->next = run->next;
    else run->session->runs = run->next;
    if (run->next) run->next->prev = run->prev;
    starp_session *s = run->session;
    run->magic = 0;
    sp_slab_put(&s->run_slab, run); /* a run waited for twice is told by its magic, while its slot is unused */
}

static starp_run *eval_async(int count, starp_array *const *list, struct sp_error *e)
{
    struct batch b;
    if (gather(&b, count, list, e) != STARP_OK) return NULL;
    starp_run *run = new_run(b.session);
    b.session->graph.keep_leaves = true; /* it may be cancelled */
    if (!run) sp_fail_memory(e);
    else start(b.session, count, b.node, &b.session->count.flush_eval, &run->run, e);
    empty(&b);
    if (e->status == STARP_OK) {
        if (run->run) b.session->run = run;
        return run;
    }
    if (run) free_run(run);
    return NULL;
}

starp_run *starp_eval_async(int count, starp_array *const *list)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    if (count < 1 || !list) {
        sp_client_fail(site, STARP_ERR_ARGUMENT, "eval_async: %d arrays at %p", count, (void *)list);
        return NULL;
    }
    if (has_null(count, list)) return NULL;
    starp_run *run = eval_async(count, list, &e);
    if (!run) sp_client_fail_error(site, &e);
    return run;
}

static starp_status check_run(const char *what, starp_run *run, const void *site)
{
    if (!run) return sp_client_recorded(what, site);
    if (run->magic == SP_RUN_MAGIC) return STARP_OK;
    return sp_client_report(site, STARP_ERR_HANDLE, "%s: not a run (waited for already?)", what);
}

starp_status starp_wait(starp_run *run)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(check_run("wait", run, site));
    if (run->session->calling) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "wait: called from the session's progress callback");
    }
    if (run->run) sp_client_settle(run->session);
    starp_status status = run->status;
    if (status != STARP_OK) sp_client_report_error(site, &run->error);
    free_run(run);
    return status;
}

int starp_test(starp_run *run)
{
    if (!run) return -1;
    if (check_run("test", run, __builtin_return_address(0)) != STARP_OK) return -1;
    return !run->run || sp_sched_ops.test(run->session->sched, run->run, 0);
}

starp_status starp_cancel(starp_run *run)
{
    SP_TRY(check_run("cancel", run, __builtin_return_address(0)));
    if (run->run) sp_sched_ops.cancel(run->session->sched, run->run);
    return STARP_OK;
}
