/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_ppeval.c: a function on slices becomes tasks of some iterations each. Arguments that are split are copied into tiles that
 * hold the slices of a task, dense and in the order that the function wants; the others go to every rank whole. Results are
 * written where they lie, in tiles of the same kind, and copied into arrays of the usual tiling. How many iterations a task has
 * is chosen by what they are known to cost; results do not depend on it.
 */
#include <string.h>

#include "isolate.h"
#include "slices.h"

#define TASK_SECONDS 1e-3 /* that a task is to take, about, */
#define LEAST_TASKS 128   /* but there are so many on each rank where there is enough to do, so that the last ones end together */
#define UNIT_BYTES ((int64_t)8 << 20) /* of a task's slices of an argument */
#define DEALT_UNITS 16    /* of each rank, at least, are dealt by what they cost */
#define ONCE_SECONDS 5e-5 /* what is not worth a task */

/* ------------------------------------------------------------------------------------------------------- operands */

struct operands {
    struct sp_calling *c;
    struct ppeval *p;
    int64_t unit, nunit;
    struct sp_map map;          /* of units */
    struct sp_value *in[SP_MAX_READS], *out[SP_MAX_RESULTS]; /* NULL: without elements */
};

/* An input's shape, as it is split; of one that a program makes, the program's. */
static const starp_dims *seen(const struct sp_calling *c, int k)
{
    const struct sp_operand *x = &c->step->operand[k];
    return c->step->program ? &c->step->shape : &c->run->sched->order.node[x->npath ? x->path[0] : x->node]->shape;
}

static starp_dtype dtype_of(const struct sp_calling *c, int k)
{
    const struct sp_program *p = c->step->program;
    return (starp_dtype)(p ? p->output_dtype[0] : c->run->sched->order.node[c->step->operand[k].node]->dtype);
}

/* A value of whole slices, some in a tile, which get memory when they are dealt; or, with unit 0, all in one tile on every rank. */
static struct sp_value *new_value(struct operands *o, const starp_dims *shape, starp_dtype dtype, int64_t unit)
{
    struct sp_calling *c = o->c;
    starp_dims tile = *shape;
    if (unit > 0) tile.v[0] = unit < shape->v[0] ? unit : shape->v[0];
    struct sp_value *v = sp_value_cut(shape, dtype, &tile);
    if (!v) return sp_fail_memory(c->e), NULL;
    c->held[c->nheld++] = v;
    if (unit > 0) v->map = o->map;
    else sp_map_init(&v->map, &v->grid, 1, c->run->sched->ranks);
    v->map.everywhere |= unit == 0 || c->at_once || c->run->sched->ranks == 1;
    if (!c->at_once) v->run = c->run->id;
    return unit > 0 || sp_value_fill(c->run->sched, v, !c->at_once, c->e) == STARP_OK ? v : NULL;
}

static bool is_mine(const struct operands *o, int64_t u)
{
    int64_t index[STARP_MAXDIM] = { u };
    return o->c->at_once || sp_is_mine(o->c->run->sched, sp_map_owner(&o->map, index));
}

/* Memory for those of units [from, to) that are this rank's. */
static starp_status fill(const struct operands *o, struct sp_value *v, int64_t from, int64_t to)
{
    struct sp_calling *c = o->c;
    for (int64_t u = from; u < to && v; u++) {
        if (!is_mine(o, u)) continue;
        v->slot[u] = sp_pool_get(&c->run->sched->pool, sp_value_tile_bytes(v, u), !c->at_once);
        if (!v->slot[u]) return sp_fail_memory(c->e);
    }
    return STARP_OK;
}

/* Units [from, to) of the only operand, as the step's program makes it. */
static starp_status make(struct operands *o, int64_t from, int64_t to)
{
    struct sp_calling *c = o->c;
    const struct sp_step *s = c->step;
    struct sp_lowering l = { .run = c->run, .step = s, .program = s->program, .constants = c->constants, .e = c->e, .site = c->node->site,
                             .ndim = s->shape.n, .at_once = c->at_once, .ordered = !c->at_once, .first = from, .last = to };
    l.window = sp_run_keep(c->run, (size_t)(s->noperand + 1) * sizeof *l.window);
    if (!l.window) return sp_fail_memory(c->e);
    for (int a = 0; a < l.ndim; a++) l.axis[a] = a;
    for (int k = 0; k < s->noperand; k++) SP_TRY(sp_lower_operand(&l, k, &c->run->sched->order));
    return sp_lower_into(&l, o->in[0]);
}

/* Units [from, to) of an operand, or all of one that goes to every iteration. */
static starp_status load(struct operands *o, int k, int64_t from, int64_t to)
{
    struct sp_calling *c = o->c;
    const struct sp_operand *x = &c->step->operand[k];
    const struct sp_order *order = &c->run->sched->order;
    const struct sp_node *n = order->node[x->node];
    bool whole = o->p->whole >> k & 1;
    struct sp_copy copy = { .shape = *seen(c, k), .from = c->run->value[x->node], .element = n->param, .to = o->in[k], .op = SP_OP_copy,
                            .dtype = (starp_dtype)n->dtype, .site = c->node->site, .at_once = c->at_once, .ordered = !c->at_once,
                            .first = whole ? 0 : from, .last = whole ? 1 : to };
    if (!o->in[k] || (whole && from > 0)) return STARP_OK;
    if (!whole) SP_TRY(fill(o, o->in[k], from, to));
    if (c->step->program) return make(o, from, to);
    sp_operand_view(x, &(struct sp_step){ .shape = copy.shape }, order, &copy.view);
    return sp_lower_copy(c->run, &copy, c->e);
}

static starp_status store(struct operands *o, int k)
{
    struct sp_calling *c = o->c;
    struct sp_value *v = sp_call_result(c, k);
    if (!v) return sp_fail_memory(c->e);
    SP_TRY(sp_value_fill(c->run->sched, v, !c->at_once, c->e));
    if (!o->out[k]) return STARP_OK;
    struct sp_copy copy = { .shape = v->shape, .from = o->out[k], .to = v, .op = SP_OP_copy, .dtype = (starp_dtype)v->dtype,
                            .site = c->node->site, .at_once = c->at_once, .ordered = !c->at_once, .priority = 1 };
    sp_view_identity(&copy.view, v->shape.n);
    return sp_lower_copy(c->run, &copy, c->e);
}

/* ------------------------------------------------------------------------------------------------------ submitting */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static starp_status submit_unit(struct operands *o, int64_t u)
{
    struct sp_calling *c = o->c;
    struct ppeval *p = o->p;
    static const char nothing[64];
    struct iterate_task *t = sp_call_task(c, sizeof *t, p->nin + p->nout, "iterate", sp_perform_iterations);
    if (!t) return sp_fail_memory(c->e);
    t->p = p;
    t->first = u * o->unit;
    t->round = p->dealing.round > 0 ? p->dealing.round - 1 : 0;
    t->count = least(o->unit, p->job.count - t->first);
    for (int k = 0; k < p->nin; k++) {
        bool whole = p->whole >> k & 1;
        struct sp_slot *slot = o->in[k] ? o->in[k]->slot[whole ? 0 : u] : NULL;
        t->in[k] = slot ? slot->data : nothing;
        t->in_step[k] = sp_dtypes[p->in_dtype[k]].size;
        for (int a = 0; a < p->ndim[k]; a++) t->in_step[k] *= p->extent[k][a];
        if (whole) t->in_step[k] = 0;
        if (slot) sp_call_depend(c, &t->task, slot, 1);
    }
    for (int k = 0; k < p->nout; k++) {
        struct sp_slot *slot = o->out[k] ? o->out[k]->slot[u] : NULL;
        t->out[k] = slot ? slot->data : (char *)(uintptr_t)nothing; /* of no elements */
        if (slot) sp_call_depend(c, &t->task, slot, 2);
    }
    return sp_call_submit(c, &t->task);
}

static starp_status make_values(struct operands *o)
{
    const struct sp_results *r = o->c->node->results;
    for (int k = 0; k < o->p->nin; k++) {
        const starp_dims *shape = seen(o->c, k);
        if (sp_shape_size(shape) > 0 && !(o->in[k] = new_value(o, shape, o->p->in_dtype[k], o->p->whole >> k & 1 ? 0 : o->unit))) return o->c->e->status;
    }
    for (int k = 0; k < o->p->nout; k++) {
        const starp_dims *shape = r ? &r->shape[k] : &o->c->node->shape;
        if (sp_shape_size(shape) > 0 && !(o->out[k] = new_value(o, shape, o->p->out_dtype[k], o->unit))) return o->c->e->status;
    }
    return STARP_OK;
}

static starp_status submit_units(struct operands *o, int64_t from, int64_t to)
{
    for (int k = 0; k < o->p->nin && from < to; k++) SP_TRY(load(o, k, from, to));
    for (int k = 0; k < o->p->nout; k++) SP_TRY(fill(o, o->out[k], from, to));
    for (int64_t u = from; u < to; u++) {
        if (is_mine(o, u)) SP_TRY(submit_unit(o, u));
    }
    return STARP_OK;
}

/* Between ranks by rounds, each of which ends when its results can be read. */
static starp_status submit_rounds(struct operands *o)
{
    struct sp_dealing *d = &o->p->dealing;
    struct sp_slot **done = sp_run_keep(o->c->run, (size_t)o->nunit * sizeof(struct sp_slot *));
    int k = 0;
    if (!done) return sp_fail_memory(o->c->e);
    while (!o->out[k]) k++;
    for (int64_t from, to; sp_dealing_next(d, &from, &to);) {
        int64_t n = 0;
        SP_TRY(submit_units(o, from, to));
        for (int64_t u = from; u < to; u++) {
            if (is_mine(o, u)) done[n++] = o->out[k]->slot[u];
        }
        SP_TRY(sp_dealing_end_round(d, done, n));
    }
    return STARP_OK;
}

static starp_status submit(struct operands *o, bool rounds)
{
    SP_TRY(make_values(o));
    SP_TRY(rounds ? submit_rounds(o) : submit_units(o, 0, o->nunit));
    for (int k = 0; k < o->p->nout; k++) SP_TRY(store(o, k));
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------------- the call */

static int64_t choose_unit(const struct sp_calling *c, const struct ppeval *p, const struct sp_ppeval_param *q)
{
    int64_t n = p->job.count, most = n / ((int64_t)LEAST_TASKS * c->run->sched->ranks);
    for (int k = 0; k < p->nin; k++) {
        int64_t bytes = sp_dtypes[p->in_dtype[k]].size;
        for (int a = 0; a < p->ndim[k] && !(p->whole >> k & 1); a++) bytes *= p->extent[k][a];
        if (bytes > 0) most = least(most, UNIT_BYTES / bytes);
    }
    int64_t unit = q->cost > 0 && TASK_SECONDS / (double)q->cost < (double)most ? (int64_t)(TASK_SECONDS / (double)q->cost) : most;
    return unit > 1 ? unit : 1;
}

/* The same on all ranks: few iterations, known to be cheap, of what is everywhere, and not of a function that may hang: nobody could cancel it. */
static bool runs_at_once(const struct sp_calling *c, const struct ppeval *p, const struct sp_ppeval_param *q)
{
    int64_t small = SP_OPTION(&c->run->sched->options, small);
    if (q->cost == 0 || p->job.free || sp_is_isolated(&p->function->f) || (double)q->cost * (double)p->job.count > ONCE_SECONDS) return false;
    for (int k = 0; k < c->step->noperand; k++) {
        const struct sp_value *v = c->run->value[c->step->operand[k].node];
        if (sp_shape_size(seen(c, k)) > small || (v && (v->run == c->run->id || !v->map.everywhere))) return false;
    }
    for (int k = 0; k < p->nout; k++) {
        if (p->out_size[k] * p->job.count > small) return false;
    }
    return true;
}

static void describe_operands(const struct sp_calling *c, struct ppeval *p)
{
    for (int k = 0; k < p->nin; k++) {
        const starp_dims *shape = seen(c, k);
        int split = p->whole >> k & 1 ? 0 : 1;
        if (split) p->job.count = shape->v[0];
        p->in_dtype[k] = dtype_of(c, k);
        p->ndim[k] = shape->n - split;
        memcpy(p->extent[k], shape->v + split, (size_t)p->ndim[k] * sizeof p->extent[k][0]);
    }
    for (int k = 0, n = 0; k < p->nin; k += 1 + (p->items >> k & 1), n++) {
        if ((p->whole & ~p->items) >> k & 1) p->job.whole |= 1u << n;
    }
}

static void describe_results(const struct sp_calling *c, struct ppeval *p)
{
    const struct sp_results *r = c->node->results;
    p->nout = r ? r->n : 1;
    for (int k = 0; k < p->nout; k++) {
        const starp_dims *shape = r ? &r->shape[k] : &c->node->shape;
        int n = shape->n - 1;
        p->out_dtype[k] = p->job.dtype[k] = (starp_dtype)(r ? r->dtype[k] : c->node->dtype);
        p->out_size[k] = 1;
        p->job.shape[k].n = n;
        for (int a = 0; a < n; a++) {
            p->job.shape[k].v[p->column_major ? n - 1 - a : a] = shape->v[a + 1];
            p->out_size[k] *= shape->v[a + 1];
        }
    }
}

static struct ppeval *describe(struct sp_calling *c, const struct sp_ppeval_param *q)
{
    struct sp_sched *s = c->run->sched;
    struct ppeval *p = sp_run_keep(c->run, sizeof *p);
    if (!p) return sp_fail_memory(c->e), NULL;
    if (q->function >= s->nfunction) return sp_fail(c->e, STARP_ERR_RUNTIME, "ppeval: there is no function %u", q->function), NULL;
    p->function = s->function[q->function];
    p->column_major = p->function->f.column_major;
    p->keeps = SP_OPTION(&s->options, ppeval_keep);
    p->whole = q->whole;
    p->items = q->items;
    p->nin = c->step->program ? 1 : c->step->noperand;
    p->job = (struct sp_iterate){ .name = p->function->name, .iterate = p->function->f.iterate, .user = p->function->f.user,
                                  .nin = p->nin - __builtin_popcount(q->items), .nresults = q->nresults, .free = q->ragged, .seed = q->seed,
                                  .stream = q->stream, .kernels = s->kernels, .stop = &c->run->stop, .evaluation = ++s->evaluations };
    describe_operands(c, p);
    describe_results(c, p);
    return p;
}

static bool stores_something(const struct ppeval *p)
{
    for (int k = 0; k < p->nout; k++) {
        if (p->out_size[k] > 0) return true;
    }
    return false;
}

starp_status sp_lower_ppeval(struct sp_calling *c)
{
    struct sp_ppeval_param q;
    memcpy(&q, c->node->param, sizeof q);
    struct operands o = { .c = c, .p = describe(c, &q) };
    if (!o.p) return c->e->status;
    int64_t n = o.p->job.count;
    c->at_once = runs_at_once(c, o.p, &q);
    o.p->elsewhere = c->at_once && c->run->sched->rank > 0;
    o.unit = c->at_once ? (n > 0 ? n : 1) : choose_unit(c, o.p, &q);
    o.nunit = (n + o.unit - 1) / o.unit;
    sp_map_init(&o.map, &(starp_dims){ 1, { o.nunit } }, 1, c->run->sched->ranks);
    o.map.everywhere = c->run->sched->ranks == 1 || c->at_once;
    bool rounds = !o.map.everywhere && o.nunit >= (int64_t)DEALT_UNITS * c->run->sched->ranks && stores_something(o.p);
    if (rounds) SP_TRY(sp_dealing_begin(c, &o.p->dealing, o.nunit));
    if (rounds) o.map.table = o.p->dealing.owner;
    struct sp_value *table = q.ragged ? sp_call_result(c, 0) : NULL;
    if (table) o.p->remains = sp_remains_new(table, q.nresults, n, o.unit, &o.map);
    if (q.ragged && !o.p->remains) return sp_fail_memory(c->e);
    starp_status status = submit(&o, rounds);
    if (status == STARP_OK && q.ragged) sp_remains_dealt(o.p->remains, &o.map);
    return status;
}
