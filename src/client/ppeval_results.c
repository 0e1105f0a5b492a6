/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ppeval_results.c: the shapes of a ppeval's results: what the function declares, for each iteration that has arguments of other shapes
 * than the one before; or what its first iteration makes, which is computed at once, or the first one that does not fail.
 */
#include <string.h>

#include "ppeval.h"

/* Input k, or a slice of it: all are alike. */
static void describe_slice(const struct call *c, int k, starp_argument *x, const void *data)
{
    const starp_dims *shape = &c->in[k]->shape;
    int split = c->whole >> k & 1 ? 0 : 1;
    sp_argument_lay_out(x, (starp_dtype)c->in[k]->dtype, shape->n - split, shape->v + split, c->f->f.column_major, data);
}

/* The arguments of iteration i, without their data: items, slices, of which all are like the first, and what is whole. */
static void describe_iteration(const struct call *c, int64_t i, starp_argument *in)
{
    for (int k = 0, n = 0; k < c->nin; k += 1 + (c->items >> k & 1), n++) {
        const int64_t *row = c->items >> k & 1 ? c->container[k]->row + i * SP_ITEM_WORDS : NULL;
        int64_t extent[STARP_MAXDIM];
        if (!row) {
            describe_slice(c, k, &in[n], NULL);
            continue;
        }
        for (int a = 0; a < row[1]; a++) extent[a] = row[2 + (c->f->f.column_major ? row[1] - 1 - a : a)];
        sp_argument_lay_out(&in[n], (starp_dtype)row[0], (int)row[1], extent, c->f->f.column_major, NULL);
    }
}

/* Whether the items of iteration i are all like those of the one before. */
static bool is_like_previous(const struct call *c, int64_t i)
{
    for (int k = 0; k < c->nin; k++) {
        if (!(c->items >> k & 1)) continue;
        const int64_t *row = c->container[k]->row + i * SP_ITEM_WORDS;
        if (memcmp(row, row - SP_ITEM_WORDS, SP_ITEM_WORDS * sizeof *row) != 0) return false;
    }
    return true;
}

/* What the function declares for iteration i. */
static bool declare(struct call *c, int64_t i, struct sp_results *r)
{
    struct sp_error *e = &c->s->graph.error;
    starp_argument in[SP_MAX_READS], out[SP_MAX_RESULTS] = { { .ndim = 0 } };
    char text[STARP_ITERATION_TEXT] = "it cannot tell the shapes of its results";
    describe_iteration(c, i, in);
    if (c->f->builtin) return sp_each_results(c->each, in, r, e);
    if (c->f->f.shapes(c->nargs, in, c->f->f.nresults, out, c->f->f.user, text) != 0) {
        text[sizeof text - 1] = 0;
        return sp_fail(e, STARP_ERR_SHAPE, "%s: %s", c->what, text), false;
    }
    r->n = c->f->f.nresults;
    for (int k = 0; k < r->n; k++) {
        starp_dims *shape = &r->shape[k];
        bool good = out[k].ndim >= 0 && out[k].ndim < STARP_MAXDIM && sp_dtype_valid(out[k].dtype);
        if (good) {
            shape->n = out[k].ndim;
            memcpy(shape->v, out[k].shape, (size_t)shape->n * sizeof shape->v[0]);
            good = sp_shape_size(shape) >= 0;
        }
        if (!good) return sp_fail(e, STARP_ERR_SHAPE, "%s: result %d: not a dtype and shape that an array can have", c->what, k), false;
        r->dtype[k] = (uint8_t)out[k].dtype;
    }
    return true;
}

/* Whether iteration i has results like iteration 0's; if not, that is the error. */
static bool declares_alike(struct call *c, int64_t i, const struct sp_results *r)
{
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    for (int k = 0; k < r->n; k++) {
        const starp_dims *a = &c->result.shape[k], *b = &r->shape[k];
        if (c->result.dtype[k] == r->dtype[k] && sp_shape_equal(a, b)) continue;
        sp_fail(&c->s->graph.error, STARP_ERR_SHAPE, "%s: result %d is %s %s in iteration 0, %s %s in iteration %lld; starp_ppeval_ragged takes such", c->what, k,
                sp_dtypes[c->result.dtype[k]].name, sp_shape_text(s, a), sp_dtypes[r->dtype[k]].name, sp_shape_text(t, b), (long long)i);
        return false;
    }
    return true;
}

static bool take_declared(struct call *c)
{
    struct sp_results r;
    if (c->items && c->count == 0) {
        return sp_fail(&c->s->graph.error, STARP_ERR_ARGUMENT, "%s: the container has no items, which would tell the shapes of the results", c->what), false;
    }
    if (!declare(c, 0, &c->result)) return false;
    for (int64_t i = 1; i < c->count && c->items; i++) {
        if (!is_like_previous(c, i) && !(declare(c, i, &r) && declares_alike(c, i, &r))) return false;
    }
    return true;
}

/* The slices of iteration i, computed and read into memory of their own; what is whole is read once. */
static bool read_slices(struct call *c, int64_t i, starp_argument *in, void **data)
{
    struct sp_graph *g = &c->s->graph;
    starp_index at[] = { STARP_AT(i) };
    bool good = true;
    for (int k = 0; k < c->nin && good; k++) {
        bool whole = c->whole >> k & 1;
        if (whole && data[k]) continue;
        struct sp_node *n = whole ? sp_node_retain(c->in[k]) : sp_build_slice(g, c->in[k], 1, at);
        if (!n) return false;
        size_t bytes = (size_t)sp_shape_size(&n->shape) * sp_dtypes[n->dtype].size;
        if (!data[k]) data[k] = sp_aligned(64, bytes > 0 ? bytes : 1);
        if (!data[k]) sp_fail_memory(&g->error);
        good = data[k] && sp_client_read(c->s, n, data[k], &g->error) == STARP_OK;
        describe_slice(c, k, &in[k], data[k]);
        sp_node_release(g, n);
    }
    return good;
}

/* Without the graph's error it is the iteration that fails, which `why` tells. */
static bool run_one(struct call *c, int64_t i, const starp_argument *in, struct sp_error *why)
{
    struct sp_iterate job = { .name = c->f->name, .iterate = c->f->f.iterate, .user = c->f->f.user, .nin = c->nin, .nresults = c->f->f.nresults,
                              .count = c->count, .free = true, .seed = c->seed, .stream = c->stream, .kernels = sp_sched_kernels(c->s->sched),
                              .unwanted = sp_sched_unwanted, .asked = c->s->sched };
    struct sp_iteration x = { .job = &job };
    double began = sp_now();
    bool good = sp_iterate_run(&x, i, in);
    sp_function_took(c->f, sp_now() - began, 1);
    if (!good && x.starved) why = &c->s->graph.error;
    if (!good) sp_fail(why, x.starved ? STARP_ERR_MEMORY : STARP_ERR_COMPUTE, "%s: iteration %lld: %s", c->what, (long long)i, x.text);
    c->result.n = job.nresults;
    for (int k = 0; k < job.nresults; k++) {
        c->result.dtype[k] = (uint8_t)x.item[k].dtype;
        c->result.shape[k] = x.item[k].shape;
        sp_free(x.item[k].data);
    }
    return good;
}

/* What slices are taken from, so that it is not computed for each of many. */
static bool compute_inputs(struct call *c)
{
    struct sp_node *node[SP_MAX_READS];
    int n = 0;
    for (int k = 0; k < c->nin; k++) {
        node[n] = c->whole >> k & 1 ? NULL : sp_client_pending(c->in[k]);
        n += node[n] != NULL;
    }
    return sp_client_compute(c->s, n, node, &c->s->count.flush_read, &c->s->graph.error) == STARP_OK;
}

/* The first iteration tells, or, where others may fail alone, the first that succeeds. */
static bool find_by_running(struct call *c)
{
    starp_argument in[SP_MAX_READS];
    void *data[SP_MAX_READS] = { NULL };
    struct sp_error *e = &c->s->graph.error, why = { .status = STARP_OK };
    int64_t most = sp_sched_keeps(c->s->sched) ? c->count : 1;
    bool good = false;
    if (c->items) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: over a container, results' shapes must be declared, or starp_ppeval_ragged be used", c->what), false;
    if (c->count == 0) return sp_fail(e, STARP_ERR_ARGUMENT, "%s: there is no iteration to tell the shapes of the results, which it does not declare", c->what), false;
    for (int64_t i = 0; i < most && !good && e->status == STARP_OK && !sp_sched_unwanted(c->s->sched); i++) {
        if (i == 1 && !compute_inputs(c)) break;
        good = read_slices(c, i, in, data) && run_one(c, i, in, &why);
    }
    for (int k = 0; k < c->nin; k++) sp_free(data[k]);
    if (good || e->status != STARP_OK) return good;
    const char *rest = most > 1 ? "; none of the others succeeds, so there is no telling of which shapes the results are" : "";
    return sp_fail(e, why.status, "%s%s", why.text, rest), false;
}

/* The end of what could be cancelled: if it was, and has failed, that is the error. */
static bool end_watch(struct call *c, bool good)
{
    if (!sp_sched_watched(c->s->sched) || good) return good;
    sp_error_clear(&c->s->graph.error);
    return sp_fail(&c->s->graph.error, STARP_ERR_CANCELLED, "%s: cancelled while the shapes of its results were asked for", c->what), false;
}

bool sp_ppeval_declared(struct call *c, struct sp_results *r)
{
    bool asks = (c->f->builtin || c->f->f.shapes) && c->count > 0;
    sp_sched_watch(c->s->sched);
    bool good = asks && declare(c, 0, r);
    if (!good) r->n = 0;
    sp_error_clear(&c->s->graph.error);
    end_watch(c, good);
    return c->s->graph.error.status == STARP_OK;
}

bool sp_ppeval_results(struct call *c)
{
    if (c->f->builtin) return take_declared(c);
    sp_sched_watch(c->s->sched);
    return end_watch(c, c->f->f.shapes ? take_declared(c) : find_by_running(c));
}
