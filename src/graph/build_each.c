/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_each.c: the functions that ppeval has built in, on slices that come with their iterations in front: these are a batch, so
 * each is an operation of the graph like any other.
 */
#include <float.h>
#include <string.h>

#include "temps.h"

enum form { ANY, SOME, LINE, MATRIX, SQUARE, SYSTEM, PRODUCT };

const struct sp_each_row sp_each_rows[SP_EACH_COUNT] = {
#define X(name, nargs, nresults, form) [SP_EACH_##name] = { #name, nargs, nresults, form },
    SP_EACH(X)
#undef X
};

enum sp_each sp_each_find(const char *name)
{
    enum sp_each f = (enum sp_each)0;
    while (f < SP_EACH_COUNT && strcmp(sp_each_rows[f].name, name) != 0) f++;
    return f;
}

/* ---------------------------------------------------------------------------------------------------------- slices */

static bool refuse(enum sp_each f, const starp_dims *slice, const char *why, struct sp_error *e)
{
    char text[SP_SHAPE_TEXT];
    sp_fail(e, STARP_ERR_SHAPE, "%s: a slice of shape %s %s", sp_each_rows[f].name, sp_shape_text(text, slice), why);
    return false;
}

static bool refuse_two(enum sp_each f, const starp_dims *slice, struct sp_error *e)
{
    char a[SP_SHAPE_TEXT], b[SP_SHAPE_TEXT];
    sp_fail(e, STARP_ERR_SHAPE, "%s: slices of shapes %s and %s do not fit", sp_each_rows[f].name, sp_shape_text(a, &slice[0]), sp_shape_text(b, &slice[1]));
    return false;
}

static bool check_matrix(enum sp_each f, const starp_dims *slice, bool square, struct sp_error *e)
{
    if (slice->n < 2) return refuse(f, slice, "is not a matrix", e);
    if (square && slice->v[slice->n - 2] != slice->v[slice->n - 1]) return refuse(f, slice, "is not a square matrix", e);
    return true;
}

/* A matrix and right-hand sides, or a single one; square matrices where there is to be one solution. */
static bool check_system(enum sp_each f, const starp_dims *slice, struct sp_error *e)
{
    const starp_dims *a = &slice[0], *b = &slice[1];
    if (!check_matrix(f, a, f == SP_EACH_solve, e)) return false;
    if (b->n < 1) return refuse(f, b, "is not a right-hand side", e);
    return b->v[b->n == 1 ? 0 : b->n - 2] == a->v[a->n - 2] ? true : refuse_two(f, slice, e);
}

static bool check_product(enum sp_each f, const starp_dims *slice, struct sp_error *e)
{
    const starp_dims *a = &slice[0], *b = &slice[1];
    if (a->n < 1 || b->n < 1) return refuse(f, a->n < 1 ? a : b, "is neither a vector nor a matrix", e);
    return b->v[b->n == 1 ? 0 : b->n - 2] == a->v[a->n - 1] ? true : refuse_two(f, slice, e);
}

bool sp_each_check(enum sp_each f, const starp_dims *slice, struct sp_error *e)
{
    switch (sp_each_rows[f].form) {
    case SOME: return sp_shape_size(slice) > 0 ? true : refuse(f, slice, "has no elements", e);
    case LINE: return slice->n > 0 ? true : refuse(f, slice, "has no axis", e);
    case MATRIX:
    case SQUARE: return check_matrix(f, slice, sp_each_rows[f].form == SQUARE, e);
    case SYSTEM: return check_system(f, slice, e);
    case PRODUCT: return check_product(f, slice, e);
    default: return true;
    }
}

/* ------------------------------------------------------------------------------------------------------- functions */

struct each {
    struct temps t;
    enum sp_each f;
    struct sp_node *in[SP_MAX_READS];    /* iterations in front, */
    bool whole[SP_MAX_READS];            /* but for what goes to all of them as it is */
    int64_t n;                           /* of them */
    struct sp_node *out[SP_MAX_RESULTS]; /* iterations in front; on its way as all nodes are */
};

static bool done(struct each *x, struct sp_node *result)
{
    x->out[0] = hold(&x->t, result);
    return result;
}

static bool take_parts(struct each *x, struct sp_node *call)
{
    hold(&x->t, call);
    for (int k = 0; k < sp_each_rows[x->f].nresults; k++) {
        x->out[k] = hold(&x->t, sp_build_part(x->t.g, call, k));
        if (!x->out[k]) return false;
    }
    return true;
}

static bool each_svd(struct each *x)
{
    bool good = sp_build_svd(x->t.g, x->in[0], false, x->out);
    for (int k = 0; k < 3 && good; k++) hold(&x->t, x->out[k]);
    return good;
}

static bool each_factor(struct each *x)
{
    static const enum sp_call calls[SP_EACH_COUNT] = {
        [SP_EACH_eigh] = SP_CALL_eigh, [SP_EACH_eigvalsh] = SP_CALL_eigvalsh, [SP_EACH_eig] = SP_CALL_eig,
        [SP_EACH_eigvals] = SP_CALL_eigvals, [SP_EACH_qr] = SP_CALL_qr, [SP_EACH_cholesky] = SP_CALL_cholesky,
    };
    struct sp_node *call = sp_build_factor(x->t.g, calls[x->f], x->in[0], 0);
    return sp_each_rows[x->f].nresults > 1 ? take_parts(x, call) : done(x, call);
}

static bool each_svdvals(struct each *x) { return done(x, sp_build_svdvals(x->t.g, x->in[0])); }
static bool each_inv(struct each *x) { return done(x, sp_build_inv(x->t.g, x->in[0])); }
static bool each_det(struct each *x) { return done(x, sp_build_det(x->t.g, x->in[0], NULL)); }
static bool each_pinv(struct each *x) { return done(x, sp_build_pinv(x->t.g, x->in[0], -1)); }

/* The last axis of n is one element long, and goes. */
static struct sp_node *without(struct temps *t, struct sp_node *n, int axis)
{
    return n ? hold(t, sp_build_squeeze(t->g, n, &(starp_dims){ 1, { axis } })) : NULL;
}

/* Slices of n axes, iterations still in front: batches are of slices, and broadcast between these. */
static struct sp_node *level(struct temps *t, struct sp_node *x, int n)
{
    while (x && x->shape.n < n) x = hold(t, sp_build_expand(t->g, x, 1));
    return x;
}

static bool level_both(struct each *x, struct sp_node **a, struct sp_node **b)
{
    if (!*a || !*b) return false;
    int n = (*a)->shape.n > (*b)->shape.n ? (*a)->shape.n : (*b)->shape.n;
    *a = level(&x->t, *a, n);
    *b = level(&x->t, *b, n);
    return *a && *b;
}

/* One matrix for all iterations is factored once: their right-hand sides become its columns. */
static bool solve_at_once(struct each *x)
{
    struct temps *t = &x->t;
    struct sp_node *b = x->in[1];
    bool vector = b->shape.n == 2;
    starp_dims turned = { 3, { 1, 0, 2 } }, apart = { 3, { b->shape.v[1], x->n, vector ? 1 : b->shape.v[2] } }, line = { 2, { apart.v[0], x->n * apart.v[2] } };
    struct sp_node *cols = vector ? hold(t, sp_build_matrix_transpose(t->g, b)) : hold(t, sp_build_permute(t->g, b, &turned));
    if (cols && !vector) cols = hold(t, sp_build_reshape(t->g, cols, &line));
    struct sp_node *y = cols ? hold(t, sp_build_solve(t->g, SP_CALL_solve, x->in[0], cols, NULL)) : NULL;
    if (!y || vector) return y && done(x, sp_build_matrix_transpose(t->g, y));
    y = hold(t, sp_build_reshape(t->g, y, &apart));
    return y && done(x, sp_build_permute(t->g, y, &turned));
}

static bool each_solve(struct each *x)
{
    struct sp_node *a = x->in[0], *b = x->in[1];
    if (x->whole[0]) return solve_at_once(x);
    bool vector = b->shape.n == 2;
    if (vector) b = hold(&x->t, sp_build_expand(x->t.g, b, -1));
    struct sp_node *y = level_both(x, &a, &b) ? hold(&x->t, sp_build_solve(x->t.g, SP_CALL_solve, a, b, NULL)) : NULL;
    x->out[0] = vector ? without(&x->t, y, -1) : y;
    return x->out[0];
}

double sp_each_rcond(starp_dtype dtype, int64_t m, int64_t n)
{
    return (double)(m > n ? m : n) * (sp_dtype_real(dtype) == STARP_F32 ? FLT_EPSILON : DBL_EPSILON);
}

static bool each_lstsq(struct each *x)
{
    struct sp_node *a = x->in[0], *b = x->in[1];
    bool vector = b->shape.n == 2;
    starp_dtype d = sp_dtype_to_linalg(sp_promote((starp_dtype)a->dtype, (starp_dtype)b->dtype));
    if (vector) b = hold(&x->t, sp_build_expand(x->t.g, b, -1));
    if (!level_both(x, &a, &b)) return false;
    double rcond = sp_each_rcond(d, a->shape.v[a->shape.n - 2], a->shape.v[a->shape.n - 1]);
    if (!take_parts(x, sp_build_lstsq(x->t.g, a, b, rcond))) return false;
    if (vector) x->out[0] = without(&x->t, x->out[0], -1);
    return x->out[0];
}

static bool each_matmul(struct each *x)
{
    struct temps *t = &x->t;
    struct sp_node *a = x->in[0], *b = x->in[1];
    bool row = a->shape.n == 2, column = b->shape.n == 2;
    if (row) a = hold(t, sp_build_expand(t->g, a, 1));
    if (column) b = hold(t, sp_build_expand(t->g, b, -1));
    struct sp_node *y = level_both(x, &a, &b) ? hold(t, sp_build_matmul(t->g, a, b)) : NULL;
    if (column) y = without(t, y, -1);
    if (row) y = without(t, y, column ? -1 : -2);
    x->out[0] = y;
    return y;
}

static bool each_fft(struct each *x)
{
    enum sp_call call = x->f == SP_EACH_rfft ? SP_CALL_rfft : x->f == SP_EACH_irfft ? SP_CALL_irfft : SP_CALL_fft;
    bool inverse = x->f == SP_EACH_ifft || x->f == SP_EACH_irfft;
    return done(x, sp_build_fft(x->t.g, call, x->in[0], 0, -1, inverse, inverse ? SP_FFT_BY_N : SP_FFT_BY_NOTHING));
}

/* Of sorting only the shape is known here. */
static bool each_sort(struct each *x)
{
    return done(x, sp_node_retain(x->in[0]));
}

static bool each_reduce(struct each *x)
{
    struct sp_graph *g = x->t.g;
    struct sp_node *a = x->in[0];
    starp_dims axes = { .n = a->shape.n - 1 };
    for (int k = 0; k < axes.n; k++) axes.v[k] = k + 1;
    switch (x->f) {
    case SP_EACH_sum: return done(x, sp_build_reduce(g, SP_REDUCE_SUM, a, &axes, false));
    case SP_EACH_prod: return done(x, sp_build_reduce(g, SP_REDUCE_PROD, a, &axes, false));
    case SP_EACH_min: return done(x, sp_build_reduce(g, SP_REDUCE_MIN, a, &axes, false));
    case SP_EACH_max: return done(x, sp_build_reduce(g, SP_REDUCE_MAX, a, &axes, false));
    case SP_EACH_mean: return done(x, sp_build_mean(g, a, &axes, false));
    case SP_EACH_norm: return done(x, sp_build_vector_norm(g, a, &axes, false, 2));
    case SP_EACH_any:
    case SP_EACH_all: return done(x, sp_build_any(g, a, &axes, false, x->f == SP_EACH_all));
    default: return done(x, sp_build_var(g, a, &axes, false, 0, x->f == SP_EACH_std));
    }
}

typedef bool each_fn(struct each *x);
static each_fn *const builders[SP_EACH_COUNT] = {
    [SP_EACH_svdvals] = each_svdvals, [SP_EACH_svd] = each_svd, [SP_EACH_eigh] = each_factor, [SP_EACH_eigvalsh] = each_factor,
    [SP_EACH_eig] = each_factor, [SP_EACH_eigvals] = each_factor, [SP_EACH_qr] = each_factor, [SP_EACH_inv] = each_inv,
    [SP_EACH_det] = each_det, [SP_EACH_cholesky] = each_factor, [SP_EACH_pinv] = each_pinv, [SP_EACH_solve] = each_solve,
    [SP_EACH_lstsq] = each_lstsq, [SP_EACH_matmul] = each_matmul, [SP_EACH_fft] = each_fft, [SP_EACH_ifft] = each_fft,
    [SP_EACH_rfft] = each_fft, [SP_EACH_irfft] = each_fft, [SP_EACH_sort] = each_sort, [SP_EACH_sum] = each_reduce,
    [SP_EACH_prod] = each_reduce, [SP_EACH_min] = each_reduce, [SP_EACH_max] = each_reduce, [SP_EACH_mean] = each_reduce,
    [SP_EACH_var] = each_reduce, [SP_EACH_std] = each_reduce, [SP_EACH_norm] = each_reduce, [SP_EACH_any] = each_reduce,
    [SP_EACH_all] = each_reduce,
};

/* --------------------------------------------------------------------------------------------------------- the call */

/* What goes to every iteration, seen as often as there are any. */
static struct sp_node *over_iterations(struct sp_graph *g, struct sp_node *x, int64_t n)
{
    starp_dims shape = { .n = x->shape.n + 1, .v = { n } };
    if (x->shape.n == STARP_MAXDIM) return sp_fail(&g->error, STARP_ERR_SHAPE, "ppeval: %d dimensions; %d are allowed", shape.n, STARP_MAXDIM), NULL;
    memcpy(shape.v + 1, x->shape.v, (size_t)x->shape.n * sizeof shape.v[0]);
    return sp_build_broadcast(g, x, &shape);
}

/* A matrix that all iterations solve with. */
static bool is_shared_matrix(const struct each *x, int k, struct sp_node *const *in, uint32_t whole)
{
    return x->f == SP_EACH_solve && k == 0 && !(whole >> 1 & 1) && in[0]->shape.n == 2 && in[1]->shape.n <= 3;
}

static bool take_inputs(struct each *x, int nin, struct sp_node *const *in, uint32_t whole)
{
    struct sp_graph *g = x->t.g;
    starp_dims slice[SP_MAX_READS] = { { .n = 0 } };
    for (int k = 0; k < nin; k++) {
        int split = whole >> k & 1 ? 0 : 1;
        slice[k].n = in[k]->shape.n - split;
        memcpy(slice[k].v, in[k]->shape.v + split, (size_t)slice[k].n * sizeof slice[k].v[0]);
    }
    if (!sp_each_check(x->f, slice, &g->error)) return false;
    for (int k = 0; k < nin; k++) {
        x->whole[k] = whole >> k & 1 && is_shared_matrix(x, k, in, whole);
        bool widen = whole >> k & 1 && !x->whole[k];
        x->in[k] = hold(&x->t, widen ? over_iterations(g, in[k], x->n) : sp_node_retain(in[k]));
        if (!x->in[k]) return false;
    }
    return true;
}

static bool check_count(struct sp_graph *g, enum sp_each f, int nin, int nresults)
{
    const struct sp_each_row *row = &sp_each_rows[f];
    if (nin != row->nargs) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d arguments; it takes %d", row->name, nin, row->nargs);
    else if (nresults > row->nresults) sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %d results are asked for; it has %d", row->name, nresults, row->nresults);
    else return true;
    return false;
}

bool sp_build_each(struct sp_graph *g, enum sp_each f, int nin, struct sp_node *const *in, uint32_t whole, int nresults, struct sp_node **results)
{
    struct each x = { .t = { .g = g }, .f = f };
    if (!check_count(g, f, nin, nresults)) return false;
    x.n = sp_build_iterations(g, sp_each_rows[f].name, nin, in, whole);
    bool good = x.n >= 0 && take_inputs(&x, nin, in, whole) && builders[f](&x);
    for (int k = 0; k < nresults && good; k++) good = (results[k] = sp_build_joined(g, x.out[k], false)) != NULL;
    finish(&x.t, NULL);
    return good;
}

static void drop_nothing(void *executor, struct sp_value *value)
{
    (void)executor;
    (void)value;
}

/* They are asked of a graph that is not computed, of one iteration. */
bool sp_each_results(enum sp_each f, const starp_argument *slice, struct sp_results *r, struct sp_error *e)
{
    struct sp_graph g;
    struct sp_node *in[SP_MAX_READS] = { NULL };
    sp_graph_init(&g, drop_nothing, NULL);
    struct each x = { .t = { .g = &g }, .f = f, .n = 1 };
    bool good = true;
    for (int k = 0; k < sp_each_rows[f].nargs && good; k++) {
        starp_dims shape = { .n = slice[k].ndim + 1, .v = { 1 } };
        good = slice[k].ndim < STARP_MAXDIM;
        if (!good) break;
        memcpy(shape.v + 1, slice[k].shape, (size_t)slice[k].ndim * sizeof shape.v[0]);
        in[k] = hold(&x.t, sp_build_const(&g, &shape, slice[k].dtype, starp_number_int(1), false));
        good = in[k];
    }
    good = good && take_inputs(&x, sp_each_rows[f].nargs, in, 0) && builders[f](&x);
    r->n = good ? sp_each_rows[f].nresults : 0;
    for (int k = 0; k < r->n; k++) {
        r->dtype[k] = x.out[k]->dtype;
        r->shape[k] = (starp_dims){ .n = x.out[k]->shape.n - 1 };
        memcpy(r->shape[k].v, x.out[k]->shape.v + 1, (size_t)r->shape[k].n * sizeof r->shape[k].v[0]);
    }
    finish(&x.t, NULL);
    if (!good) sp_fail(e, g.error.status ? g.error.status : STARP_ERR_SHAPE, "%s", g.error.status ? g.error.text : "too many dimensions");
    sp_graph_free(&g);
    return good;
}
