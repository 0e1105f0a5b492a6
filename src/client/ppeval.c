/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ppeval.c: functions on slices. Arguments are brought into the form of the graph's ppeval, iterations first. What is built in is an
 * operation of the graph where that will do.
 */
#include <string.h>

#include "ppeval.h"

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
    if (c->nin < SP_MAX_READS) c->container[c->nin] = r;
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
    for (int k = 0; k < nargs && k < STARP_MAXARGS && args; k++) {
        if (args[k] && args[k]->magic == SP_ARRAY_MAGIC && (args[k]->split || args[k]->items)) starp_release(args[k]);
    }
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

static struct sp_node *build_call(struct call *c, bool ragged)
{
    struct sp_ppeval_param p = { .function = c->number, .nresults = (uint8_t)(ragged ? c->nresults : c->result.n), .whole = (uint8_t)c->whole,
                                 .items = (uint8_t)c->items, .ragged = ragged, .cost = (float)sp_function_cost(c->f), .seed = c->seed, .stream = c->stream };
    return sp_build_ppeval(&c->s->graph, c->nin, c->in, &p, &c->result);
}

/* Linear algebra may fail on some slices only. */
static bool may_fail(enum sp_each f)
{
    return f <= SP_EACH_lstsq;
}

/*
 * Whether a function that is built in is to run iteration by iteration, not as an operation of the graph: over containers, for results in
 * one, for what the graph does not have, and where iterations that fail are not to take the others with them.
 */
static bool wants_native(const struct call *c, const starp_function *native, bool ragged, starp_array *const *args)
{
    bool wanted = ragged || c->each == SP_EACH_sort, stacks = false;
    for (int k = 0; k < c->nargs; k++) {
        wanted |= args[k]->items != NULL;
        stacks |= args[k]->node->shape.n > 3; /* systems by iterations have one matrix each */
    }
    bool system = c->each == SP_EACH_solve || c->each == SP_EACH_lstsq;
    if (native->iterate && may_fail(c->each) && !(system && stacks)) wanted |= sp_sched_keeps(c->s->sched);
    return wanted;
}

/* The function: the user's of that name, or else one that is built in. */
static bool find_function(struct call *c, const char *function, bool ragged, starp_array *const *args)
{
    struct sp_error *e = &c->s->graph.error;
    starp_function native = { .iterate = NULL };
    c->f = sp_function_find(c->s->sched, function, &c->number);
    if (c->f) return true;
    c->each = sp_each_find(function);
    if (c->each == SP_EACH_COUNT) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: there is no such function, built in or registered", function), false;
    bool there = sp_each_native(c->each, &native);
    if (!wants_native(c, &native, ragged, args)) return true;
    if (!there) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: of what is built in, this takes and makes no containers", function), false;
    sp_client_settle(c->s);
    c->f = sp_function_builtin(c->s->sched, function, &native, &c->number, e);
    return c->f;
}

/* Finds the function and prepares its arguments. */
static bool prepare(struct call *c, const char *function, bool ragged, int nargs, starp_array *const *args)
{
    struct sp_error *e = &c->s->graph.error;
    c->what = function;
    c->nargs = nargs;
    if (!find_function(c, function, ragged, args)) return false;
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
    c->stream = c->f->builtin ? 0 : c->s->stream++;
    return true;
}

/* Nodes of the results asked for, joined. */
static bool evaluate(struct call *c, struct sp_node **results)
{
    struct sp_graph *g = &c->s->graph;
    if (!sp_ppeval_results(c) || !put_iterations_first(c)) return false;
    struct sp_node *call = build_call(c, false);
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
    if (is_nested("ppeval", site) || !sp_client_begin("ppeval", s, site)) return false;
    bool checked = check_arguments("ppeval", s, nargs, args, site);
    if (checked && !function) checked = !sp_client_fail(site, STARP_ERR_ARGUMENT, "ppeval: no function's name");
    if (!checked) return consume(nargs, args), false;
    bool good = prepare(&c, function, false, nargs, args);
    if (good && !c.f) good = sp_build_each(&s->graph, c.each, c.nin, c.in, c.whole, nresults, node);
    else if (good) good = evaluate(&c, node);
    release_inputs(&c);
    if (good) good = wrap_all(s, nresults, node, results);
    consume(nargs, args); /* after the results have their handles: else one of these would be found under an old name */
    if (good || s->graph.error.status == STARP_OK) return good;
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
static struct sp_node *build_table(struct call *c)
{
    int n = c->f->f.nresults;
    c->nresults = n;
    c->result = (struct sp_results){ .n = 1, .dtype = { STARP_I64 }, .shape = { { 2, { c->count, n * SP_ITEM_WORDS } } } };
    return build_call(c, true);
}

static starp_status evaluate_ragged(struct call *c, const char *function, int nargs, starp_array *const *args, int nresults, starp_ragged **results)
{
    starp_session *s = c->s;
    struct sp_error e = { .status = STARP_OK };
    bool good = prepare(c, function, true, nargs, args);
    struct sp_results declared = { .n = 0 };
    uint8_t dtype[SP_MAX_RESULTS];
    memset(dtype, STARP_F64, sizeof dtype);
    if (good && sp_sched_keeps(s->sched)) good = sp_ppeval_declared(c, &declared);
    if (declared.n > 0) memcpy(dtype, declared.dtype, sizeof dtype);
    struct sp_node *table = good ? build_table(c) : NULL;
    release_inputs(c);
    consume(nargs, args);
    if (table) sp_ragged_evaluate(s, table, c->count, c->f->f.nresults, nresults, dtype, results, &e);
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
    if (!is_nested("ppeval_ragged", site) && sp_client_begin("ppeval_ragged", s, site)) {
        bool checked = check_arguments("ppeval_ragged", s, nargs, args, site);
        if (checked && function) return evaluate_ragged(&c, function, nargs, args, nresults, results);
        if (checked) sp_client_fail(site, STARP_ERR_ARGUMENT, "ppeval_ragged: no function's name");
        consume(nargs, args);
    }
    return sp_client_recorded("ppeval_ragged", site);
}
