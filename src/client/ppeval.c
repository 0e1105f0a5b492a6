/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ppeval.c: functions on slices. Arguments are brought into the form of the graph's ppeval, iterations first; shapes of results
 * come from what the function declares, or from its first iteration, which is computed at once.
 */
#include <string.h>

#include "client.h"

/* A call being prepared. */
struct call {
    starp_session *s;
    const char *what;
    const struct sp_function *f;
    uint32_t number;
    int nargs, nin;                       /* items take two inputs */
    struct sp_node *in[SP_MAX_READS];     /* owned */
    uint32_t whole, items;
    int64_t count;
    int nresults;
    struct sp_results result;             /* of slices, as the function has them, iterations not yet in front */
    double cost;
    uint64_t seed, stream;
};

/* ------------------------------------------------------------------------------------------------------ arguments */

/* The last axis that is not one element long; -1: there is none. */
static int usual_axis(const struct sp_node *n)
{
    int a = n->shape.n - 1;
    while (a >= 0 && n->shape.v[a] == 1) a--;
    return a;
}

static bool add_input(struct call *c, struct sp_node *n, bool whole)
{
    if (!n) return false;
    if (c->nin == SP_MAX_READS) {
        sp_node_release(&c->s->graph, n);
        sp_fail(&c->s->graph.error, STARP_ERR_ARGUMENT, "%s: too many arguments; %d are allowed, and containers count twice", c->what, SP_MAX_READS);
        return false;
    }
    c->whole |= whole ? 1u << c->nin : 0;
    c->in[c->nin++] = n;
    return true;
}

static bool add_items(struct call *c, starp_ragged *r)
{
    struct sp_graph *g = &c->s->graph;
    starp_dtype d = sp_ragged_dtype(r);
    if (d == STARP_NDTYPES) return sp_fail(&g->error, STARP_ERR_DTYPE, "%s: the container's items are not of one dtype", c->what), false;
    c->items |= 1u << c->nin;
    return add_input(c, sp_node_retain(r->flat[d]), true) && add_input(c, sp_ragged_table(r, &g->error), false);
}

static bool add_argument(struct call *c, const starp_array *x)
{
    struct sp_graph *g = &c->s->graph;
    struct sp_node *n = x->node, *y;
    if (x->items) return add_items(c, x->items);
    int axis = x->split ? x->split - 1 : usual_axis(n);
    if (x->split < 0) axis = -1;
    bool column_major = c->f && c->f->f.column_major;
    n = n->weak ? sp_build_cast(g, n, (starp_dtype)n->dtype) : sp_node_retain(n);
    y = n ? sp_build_split(g, n, axis, column_major) : NULL;
    if (n) sp_node_release(g, n);
    return add_input(c, y, axis < 0);
}

static void release_inputs(struct call *c)
{
    while (c->nin > 0) sp_node_release(&c->s->graph, c->in[--c->nin]);
}

/* False: the error is recorded, unless an argument is NULL. */
static bool check_arguments(const char *what, starp_session *s, int nargs, starp_array *const *args, const void *site)
{
    if (nargs < 1 || nargs > STARP_MAXARGS || !args) {
        sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: %d arguments; 1 to %d are allowed", what, nargs, STARP_MAXARGS);
        return false;
    }
    for (int k = 0; k < nargs; k++) {
        if (!args[k]) return false;
        if (args[k]->magic != SP_ARRAY_MAGIC) return sp_client_dead(what, k + 1, site), false;
        if (args[k]->session == s) continue;
        sp_client_fail(site, STARP_ERR_HANDLE, "%s: argument %d is of another session", what, k + 1);
        return false;
    }
    return true;
}

/* What ppsplit and its like have made goes with the call. */
static void consume(int nargs, starp_array *const *args)
{
    for (int k = 0; k < nargs && args; k++) {
        if (args[k] && args[k]->magic == SP_ARRAY_MAGIC && (args[k]->split || args[k]->items)) starp_release(args[k]);
    }
}

/* -------------------------------------------------------------------------------------------- shapes of results */

/* Input k, or its first slice; a row of items' table stands for the first item. */
static void describe_first(const struct call *c, int k, starp_argument *x, const void *data)
{
    const starp_dims *shape = &c->in[k]->shape;
    int split = c->whole >> k & 1 ? 0 : 1;
    sp_argument_lay_out(x, (starp_dtype)c->in[k]->dtype, shape->n - split, shape->v + split, c->f->f.column_major, data);
}

static bool take_declared(struct call *c)
{
    struct sp_error *e = &c->s->graph.error;
    starp_argument in[SP_MAX_READS], out[SP_MAX_RESULTS] = { { .ndim = 0 } };
    char text[STARP_ITERATION_TEXT] = "it cannot tell the shapes of its results";
    for (int k = 0; k < c->nin; k++) describe_first(c, k, &in[k], NULL);
    if (c->f->f.shapes(c->nin, in, c->f->f.nresults, out, c->f->f.user, text) != 0) {
        text[sizeof text - 1] = 0;
        return sp_fail(e, STARP_ERR_SHAPE, "%s: %s", c->what, text), false;
    }
    c->result.n = c->f->f.nresults;
    for (int k = 0; k < c->result.n; k++) {
        starp_dims *shape = &c->result.shape[k];
        bool good = out[k].ndim >= 0 && out[k].ndim < STARP_MAXDIM && sp_dtype_valid(out[k].dtype);
        if (good) {
            shape->n = out[k].ndim;
            memcpy(shape->v, out[k].shape, (size_t)shape->n * sizeof shape->v[0]);
            good = sp_shape_size(shape) >= 0;
        }
        if (!good) return sp_fail(e, STARP_ERR_SHAPE, "%s: result %d: not a dtype and shape that an array can have", c->what, k), false;
        c->result.dtype[k] = (uint8_t)out[k].dtype;
    }
    return true;
}

/* The first slices, computed and read into memory of their own. */
static bool read_first(struct call *c, starp_argument *in, void **data)
{
    struct sp_graph *g = &c->s->graph;
    starp_index first[] = { STARP_AT(0) };
    bool good = true;
    for (int k = 0; k < c->nin && good; k++) {
        struct sp_node *n = c->whole >> k & 1 ? sp_node_retain(c->in[k]) : sp_build_slice(g, c->in[k], 1, first);
        if (!n) return false;
        size_t bytes = (size_t)sp_shape_size(&n->shape) * sp_dtypes[n->dtype].size;
        data[k] = sp_aligned(64, bytes > 0 ? bytes : 1);
        if (!data[k]) sp_fail_memory(&g->error);
        good = data[k] && sp_client_read(c->s, n, data[k], &g->error) == STARP_OK;
        describe_first(c, k, &in[k], data[k]);
        sp_node_release(g, n);
    }
    return good;
}

static bool run_first(struct call *c, const starp_argument *in)
{
    struct sp_iterate job = { .name = c->f->name, .iterate = c->f->f.iterate, .user = c->f->f.user, .nin = c->nin, .nresults = c->f->f.nresults,
                              .count = c->count, .free = true, .seed = c->seed, .stream = c->stream, .kernels = sp_sched_kernels(c->s->sched) };
    struct sp_iteration x = { .job = &job };
    double began = sp_now();
    bool good = sp_iterate_run(&x, 0, in);
    sp_function_took(c->f, sp_now() - began, 1);
    if (!good) sp_fail(&c->s->graph.error, x.starved ? STARP_ERR_MEMORY : STARP_ERR_COMPUTE, "%s: iteration 0: %s", c->what, x.text);
    c->result.n = job.nresults;
    for (int k = 0; k < job.nresults; k++) {
        c->result.dtype[k] = (uint8_t)x.item[k].dtype;
        c->result.shape[k] = x.item[k].shape;
        sp_free(x.item[k].data);
    }
    return good;
}

static bool find_by_first(struct call *c)
{
    starp_argument in[SP_MAX_READS];
    void *data[SP_MAX_READS] = { NULL };
    struct sp_error *e = &c->s->graph.error;
    if (c->items) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: over a container, results' shapes must be declared, or starp_ppeval_ragged be used", c->what), false;
    if (c->count == 0) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: there is no iteration to tell the shapes of the results, which it does not declare", c->what), false;
    bool good = read_first(c, in, data) && run_first(c, in);
    for (int k = 0; k < c->nin; k++) sp_free(data[k]);
    return good;
}

/* ------------------------------------------------------------------------------------------------------- the call */

/* Iterations in front of the results' axes, as these lie. */
static bool put_iterations_first(struct call *c)
{
    for (int k = 0; k < c->result.n; k++) {
        starp_dims own = c->result.shape[k], *shape = &c->result.shape[k];
        if (own.n == STARP_MAXDIM) {
            return sp_fail(&c->s->graph.error, STARP_ERR_SHAPE, "%s: result %d has %d dimensions; %d are allowed", c->what, k, own.n, STARP_MAXDIM - 1), false;
        }
        shape->n = own.n + 1;
        shape->v[0] = c->count;
        for (int a = 0; a < own.n; a++) shape->v[a + 1] = own.v[c->f->f.column_major ? own.n - 1 - a : a];
    }
    return true;
}

static struct sp_node *build_call(struct call *c, uint32_t ticket)
{
    struct sp_ppeval_param p = { .function = c->number, .nresults = (uint8_t)(ticket ? c->nresults : c->result.n), .whole = (uint8_t)c->whole,
                                 .items = (uint8_t)c->items, .ragged = ticket > 0, .cost = (float)sp_function_cost(c->f), .ticket = ticket,
                                 .seed = c->seed, .stream = c->stream };
    return sp_build_ppeval(&c->s->graph, c->nin, c->in, &p, &c->result);
}

/* Finds the function and prepares its arguments. */
static bool prepare(struct call *c, const char *function, int nargs, starp_array *const *args)
{
    struct sp_error *e = &c->s->graph.error;
    c->what = function;
    c->f = sp_function_find(c->s->sched, function, &c->number);
    c->nargs = nargs;
    for (int k = 0; k < nargs; k++) {
        if (!add_argument(c, args[k])) return false;
    }
    c->count = sp_build_iterations(&c->s->graph, function, c->nin, c->in, c->whole);
    if (c->count < 0 || !c->f) return c->count >= 0;
    if (c->f->f.nargs && c->f->f.nargs != nargs) {
        return sp_fail(e, STARP_ERR_ARGUMENT, "%s: %d arguments; it takes %d", function, nargs, c->f->f.nargs), false;
    }
    if (c->nresults > c->f->f.nresults) {
        return sp_fail(e, STARP_ERR_ARGUMENT, "%s: %d results are asked for; it has %d", function, c->nresults, c->f->f.nresults), false;
    }
    c->seed = c->s->seed;
    c->stream = c->s->stream++;
    return true;
}

/* Nodes of the results asked for, joined. */
static bool evaluate(struct call *c, struct sp_node **results)
{
    struct sp_graph *g = &c->s->graph;
    if (!(c->f->f.shapes ? take_declared(c) : find_by_first(c)) || !put_iterations_first(c)) return false;
    struct sp_node *call = build_call(c, 0);
    for (int k = 0; k < c->nresults && call; k++) {
        struct sp_node *part = c->result.n > 1 ? sp_build_part(g, call, k) : sp_node_retain(call);
        results[k] = part ? sp_build_joined(g, part, c->f->f.column_major) : NULL;
        if (part) sp_node_release(g, part);
    }
    if (call) sp_node_release(g, call);
    return call && results[c->nresults - 1];
}

static void release_nodes(starp_session *s, int n, struct sp_node **node)
{
    for (int k = 0; k < n; k++) {
        if (node[k]) sp_node_release(&s->graph, node[k]);
    }
}

static bool wrap_all(starp_session *s, int n, struct sp_node **node, starp_array **results)
{
    for (int k = 0; k < n; k++) {
        struct sp_node *own = node[k];
        node[k] = NULL;
        results[k] = sp_client_wrap(s, own);
        if (results[k]) continue;
        release_nodes(s, n, node);
        while (k-- > 0) starp_release(results[k]), results[k] = NULL;
        return false;
    }
    return true;
}

static bool is_nested(const char *what, const void *site)
{
    const char *function = sp_iterate_running();
    if (function) sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: called from within an iteration of %s: a ppeval inside another is not possible", what, function);
    return function;
}

static bool ppeval(starp_session *s, const char *function, int nargs, starp_array *const *args, int nresults, starp_array **results, const void *site)
{
    struct call c = { .s = s, .nresults = nresults };
    struct sp_node *node[SP_MAX_RESULTS] = { NULL };
    for (int k = 0; k < nresults; k++) results[k] = NULL;
    if (is_nested("ppeval", site) || !sp_client_begin("ppeval", s, site) || !check_arguments("ppeval", s, nargs, args, site)) return false;
    if (!function) return sp_client_fail(site, STARP_ERR_ARGUMENT, "ppeval: no function's name"), false;
    bool good = prepare(&c, function, nargs, args);
    if (good && !c.f) good = sp_build_each(&s->graph, function, c.nin, c.in, c.whole, nresults, node);
    else if (good) good = evaluate(&c, node);
    release_inputs(&c);
    consume(nargs, args);
    if (good) return wrap_all(s, nresults, node, results);
    release_nodes(s, nresults, node);
    struct sp_error e = s->graph.error;
    sp_error_clear(&s->graph.error);
    sp_client_fail(e.site ? e.site : site, e.status, "ppeval %s", e.text);
    return false;
}

starp_array *starp_ppeval(starp_session *s, const char *function, int nargs, starp_array *const *args)
{
    starp_array *x = NULL;
    return ppeval(s, function, nargs, args, 1, &x, __builtin_return_address(0)) ? x : NULL;
}

starp_status starp_ppeval_list(starp_session *s, const char *function, int nargs, starp_array *const *args, int nresults, starp_array **results)
{
    const void *site = __builtin_return_address(0);
    if (nresults < 1 || nresults > STARP_MAXRESULTS || !results) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "ppeval_list: %d results at %p; 1 to %d are allowed", nresults, (void *)results, STARP_MAXRESULTS);
    }
    return ppeval(s, function, nargs, args, nresults, results, site) ? STARP_OK : sp_client_recorded("ppeval_list", site);
}

/* The table of a ragged evaluation: a row for each result of each iteration. */
static struct sp_node *build_table(struct call *c, uint32_t ticket)
{
    int n = c->f->f.nresults;
    c->nresults = n;
    c->result = (struct sp_results){ .n = 1, .dtype = { STARP_I64 }, .shape = { { 2, { c->count, n * SP_ITEM_WORDS } } } };
    return build_call(c, ticket);
}

static starp_status evaluate_ragged(struct call *c, const char *function, int nargs, starp_array *const *args, int nresults, starp_ragged **results)
{
    starp_session *s = c->s;
    struct sp_error e = { .status = STARP_OK };
    bool good = prepare(c, function, nargs, args);
    if (good && !c->f) good = sp_fail(&s->graph.error, STARP_ERR_ARGUMENT, "%s: there is no such function", function) == STARP_OK;
    uint32_t ticket = ++s->tickets;
    struct sp_node *table = good ? build_table(c, ticket) : NULL;
    release_inputs(c);
    consume(nargs, args);
    if (table) sp_ragged_evaluate(s, table, c->count, c->f->f.nresults, nresults, ticket, results, &e);
    else e = s->graph.error;
    sp_error_clear(&s->graph.error);
    if (table) sp_node_release(&s->graph, table);
    if (e.status == STARP_OK) return STARP_OK;
    const void *site = e.site ? e.site : s->graph.site;
    return table ? sp_client_report(site, e.status, "%s", e.text) : sp_client_report(site, e.status, "ppeval %s", e.text);
}

starp_status starp_ppeval_ragged(starp_session *s, const char *function, int nargs, starp_array *const *args, int nresults, starp_ragged **results)
{
    const void *site = __builtin_return_address(0);
    struct call c = { .s = s, .nresults = nresults };
    if (nresults < 1 || nresults > STARP_MAXRESULTS || !results) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "ppeval_ragged: %d results at %p; 1 to %d are allowed", nresults, (void *)results, STARP_MAXRESULTS);
    }
    for (int k = 0; k < nresults; k++) results[k] = NULL;
    if (!is_nested("ppeval_ragged", site) && sp_client_begin("ppeval_ragged", s, site) && check_arguments("ppeval_ragged", s, nargs, args, site)) {
        if (function) return evaluate_ragged(&c, function, nargs, args, nresults, results);
        sp_client_fail(site, STARP_ERR_ARGUMENT, "ppeval_ragged: no function's name");
    }
    return sp_client_recorded("ppeval_ragged", site);
}
