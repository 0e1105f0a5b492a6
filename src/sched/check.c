/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.c: STARP_CHECK=1. After a fused step has run, it is run again the slow way: element by element, every operand
 * found by index arithmetic on its own view and tile, no boxes, no chunks, no windows. Stored elements must agree bit for
 * bit; reductions are folded one element after the other and must agree exactly where order does not matter, and within
 * the rounding error of that naive order where it does. An operation whose operand a program makes is done once more on what is
 * found that way.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "axis.h"

#define CELL 16 /* bytes of an element of any dtype */
#define ACC 64  /* bytes of an accumulator, at most */

struct checker {
    struct sp_run *run;
    const struct sp_step *step;
    const struct sp_program *p;
    const struct sp_order *o;
    struct sp_view view[SP_MAX_OPERANDS];
    int64_t index[STARP_MAXDIM];
    _Alignas(16) unsigned char reg[SP_MAX_OPERANDS + SP_MAX_OUTPUTS + 2 * SP_MAX_OPS][CELL];
    unsigned char *acc[SP_MAX_REDUCES];  /* per reduction: an accumulator per element of the result */
    double *scale[SP_MAX_REDUCES];       /* sum of magnitudes, for the tolerance */
    int64_t *count[SP_MAX_REDUCES];
};

static void *element(const struct sp_value *v, const int64_t *index)
{
    int64_t tile = 0, offset = 0;
    for (int a = 0; a < v->shape.n; a++) {
        int64_t t = index[a] / v->tile.v[a], lo = t * v->tile.v[a];
        int64_t extent = v->shape.v[a] - lo < v->tile.v[a] ? v->shape.v[a] - lo : v->tile.v[a];
        tile = tile * v->grid.v[a] + t;
        offset = offset * extent + index[a] - lo;
    }
    return (char *)v->slot[tile]->data + (size_t)offset * sp_dtypes[v->dtype].size;
}

static void load(struct checker *c, int k)
{
    const struct sp_node *n = c->o->node[c->step->operand[k].node];
    const struct sp_view *v = &c->view[k];
    int64_t index[STARP_MAXDIM], iota = 0;
    int kind = c->p->operand_kind[k];
    if (kind == SP_OPERAND_SPLAT) memcpy(c->reg[k], n->param, CELL);
    if (kind == SP_OPERAND_SPLAT || kind == SP_OPERAND_PARAM) return;
    for (int a = 0; a < v->ndim; a++) index[a] = v->start[a] + (v->axis[a] < 0 ? 0 : v->step[a] * c->index[v->axis[a]]);
    if (kind == SP_OPERAND_ARRAY) {
        memcpy(c->reg[k], element(c->run->value[c->step->operand[k].node], index), sp_dtypes[n->dtype].size);
        return;
    }
    iota = n->view->start[0];
    for (int a = 0; a < v->ndim; a++) iota += n->view->step[a] * index[a];
    memcpy(c->reg[k], &iota, sizeof iota);
}

static void compute(struct checker *c)
{
    const struct sp_kernels *kernels = c->run->sched->kernels;
    int fault = 0;
    for (int k = 0; k < c->p->noperand; k++) load(c, k);
    for (int i = 0; i < c->p->ninstr; i++) {
        const struct sp_instr *in = &c->p->instr[i];
        const void *src[SP_MAXSRC];
        for (int k = 0; k < SP_MAXSRC; k++) {
            bool param = in->src[k] < c->p->noperand && c->p->operand_kind[in->src[k]] == SP_OPERAND_PARAM;
            src[k] = param ? sp_param_of(c->run->sched, c->o->node[c->step->operand[in->src[k]].node]) : c->reg[in->src[k]];
        }
        sp_kernel_fn *fn = in->op == SP_OP_cast ? kernels->cast[in->dtype][in->to] : kernels->map[in->op][in->dtype];
        fn(1, c->reg[in->dst], src, &fault);
    }
}

static starp_status complain(const struct checker *c, int32_t node, struct sp_error *e)
{
    char text[SP_SHAPE_TEXT];
    e->site = c->o->node[node]->site;
    return sp_fail(e, STARP_ERR_RUNTIME, "STARP_CHECK: a fused step's result differs at %s of node %%%d",
                   sp_shape_text(text, &(starp_dims){ .n = 1, .v = { c->index[0] } }), node);
}

/* The same bits, where every NaN counts as the same. */
static bool same_element(const void *a, const void *b, starp_dtype d)
{
    size_t size = sp_dtypes[d].size, part = sp_dtypes[sp_dtype_real(d)].size;
    if (memcmp(a, b, size) == 0) return true;
    if (sp_dtypes[d].cls < SP_CLASS_F) return false;
    for (size_t at = 0; at < size; at += part) {
        double x, y;
        float f, g;
        const char *p = (const char *)a + at, *q = (const char *)b + at;
        if (memcmp(p, q, part) == 0) continue;
        if (part == sizeof f) memcpy(&f, p, part), memcpy(&g, q, part), x = (double)f, y = (double)g;
        else memcpy(&x, p, part), memcpy(&y, q, part);
        if (!isnan(x) || !isnan(y)) return false;
    }
    return true;
}

static starp_status compare(struct checker *c, struct sp_error *e)
{
    for (int k = 0; k < c->p->noutput; k++) {
        int32_t node = c->step->output[k];
        starp_dtype d = (starp_dtype)c->p->output_dtype[k];
        if (!same_element(c->reg[c->p->noperand + k], element(c->run->value[node], c->index), d)) return complain(c, node, e);
    }
    return STARP_OK;
}

/* ----------------------------------------------------------------------------------------------------- reductions */

static const struct sp_reducer *reducer(const struct checker *c, int r)
{
    return &c->run->sched->kernels->reduce[c->p->reduce[r].kind][c->p->reduce[r].dtype];
}

static int64_t result_index(const struct checker *c)
{
    int64_t at = 0;
    for (int a = 0; a < c->step->shape.n; a++) {
        if (!(c->step->reduce_axes >> a & 1)) at = at * c->step->shape.v[a] + c->index[a];
    }
    return at;
}

static double magnitude(const void *x, starp_dtype d)
{
    double f[2] = { 0, 0 };
    float g[2] = { 0, 0 };
    if (d == STARP_F32 || d == STARP_C64) memcpy(g, x, sp_dtypes[d].size), f[0] = (double)g[0], f[1] = (double)g[1];
    else if (d == STARP_F64 || d == STARP_C128) memcpy(f, x, sp_dtypes[d].size);
    return hypot(f[0], f[1]);
}

static void fold(struct checker *c)
{
    for (int r = 0; r < c->p->nreduce; r++) {
        const struct sp_program_reduce *x = &c->p->reduce[r];
        const void *src[2] = { c->reg[x->src[0]], c->reg[x->src[1]] };
        _Alignas(64) unsigned char one[ACC];
        int64_t at = result_index(c);
        unsigned char *acc = c->acc[r] + (size_t)at * ACC;
        reducer(c, r)->rows(1, 1, src, one);
        if (c->count[r][at] == 0) memcpy(acc, one, ACC);
        else reducer(c, r)->merge(1, acc, one, c->count[r][at], 1);
        c->count[r][at]++;
        c->scale[r][at] += magnitude(src[0], x->dtype) * (x->kind == SP_REDUCE_VAR ? magnitude(src[0], x->dtype) : 1);
    }
}

/* Whether two elements agree within the rounding errors of summing `count` terms that add up to `scale`. */
static bool agrees(const void *a, const void *b, starp_dtype d, int kind, double scale, int64_t count)
{
    if (same_element(a, b, d)) return true;
    bool zeros = sp_dtypes[d].cls == SP_CLASS_F && magnitude(a, d) == 0 && magnitude(b, d) == 0;
    if (zeros) return true; /* which of -0 and 0 is the largest depends on who comes first */
    bool rounds = kind == SP_REDUCE_SUM || kind == SP_REDUCE_PROD || kind == SP_REDUCE_VAR;
    if (!rounds || sp_dtypes[d].cls < SP_CLASS_F) return false;
    double x = magnitude(a, d), y = magnitude(b, d), eps = d == STARP_F32 || d == STARP_C64 ? FLT_EPSILON : DBL_EPSILON;
    if (!isfinite(x) || !isfinite(y)) return !isfinite(x) && !isfinite(y);
    if (kind == SP_REDUCE_PROD) scale = x;
    return fabs(x - y) <= 4 * eps * (double)count * scale;
}

static starp_status compare_reduction(struct checker *c, int r, struct sp_error *e)
{
    int32_t node = c->step->reduce[r];
    struct sp_value *v = c->run->value[node];
    int64_t n = sp_shape_size(&v->shape), index[STARP_MAXDIM];
    for (int64_t i = 0; i < n; i++) {
        unsigned char result[CELL];
        int64_t rest = i;
        for (int a = v->shape.n - 1; a >= 0; a--) {
            index[a] = rest % v->shape.v[a];
            rest /= v->shape.v[a];
        }
        reducer(c, r)->finish(1, c->acc[r] + (size_t)i * ACC, result);
        c->index[0] = i;
        if (!agrees(result, element(v, index), v->dtype, c->p->reduce[r].kind, c->scale[r][i], c->count[r][i])) return complain(c, node, e);
    }
    return STARP_OK;
}

static bool allocate(struct checker *c)
{
    for (int r = 0; r < c->p->nreduce; r++) {
        size_t n = (size_t)sp_shape_size(&c->o->node[c->step->reduce[r]]->shape);
        c->acc[r] = sp_aligned(64, (n ? n : 1) * ACC);
        c->scale[r] = sp_calloc(n, sizeof *c->scale[r]);
        c->count[r] = sp_calloc(n, sizeof *c->count[r]);
        if (!c->acc[r] || !c->scale[r] || !c->count[r]) return false;
    }
    return true;
}

static void release(struct checker *c)
{
    for (int r = 0; r < c->p->nreduce; r++) {
        sp_free(c->acc[r]);
        sp_free(c->scale[r]);
        sp_free(c->count[r]);
    }
    sp_free(c);
}

static starp_status walk(struct checker *c, struct sp_error *e)
{
    const starp_dims *shape = &c->step->shape;
    int64_t n = sp_shape_size(shape);
    for (int64_t i = 0; i < n; i++) {
        compute(c);
        SP_TRY(compare(c, e));
        fold(c);
        for (int a = shape->n - 1; a >= 0 && ++c->index[a] == shape->v[a]; a--) c->index[a] = 0;
    }
    for (int r = 0; r < c->p->nreduce; r++) SP_TRY(compare_reduction(c, r, e));
    return STARP_OK;
}

/* ----------------------------------------------------------------------------------------------------- prologues */

/* The operation on an operand that is stored, and whether its result is the step's. */
static starp_status repeat(struct checker *c, int32_t step, struct sp_value *in, struct sp_value *out, struct sp_error *e)
{
    int32_t node = c->step->output[0];
    int64_t n = sp_shape_size(&c->step->shape);
    SP_TRY(sp_value_fill(c->run->sched, in, false, e));
    for (int64_t i = 0; i < n; i++) {
        compute(c);
        memcpy(element(in, c->index), c->reg[c->p->noperand], sp_dtypes[in->dtype].size);
        for (int a = in->shape.n - 1; a >= 0 && ++c->index[a] == in->shape.v[a]; a--) c->index[a] = 0;
    }
    SP_TRY(sp_along_again(c->run, step, in, out, e));
    sp_drain(c->run);
    if (atomic_load(&c->run->stop)) return sp_run_fault(c->run, e);
    for (int64_t t = 0; t < out->ntile; t++) {
        const char *want = out->slot[t]->data, *got = c->run->value[node]->slot[t]->data;
        size_t size = sp_dtypes[out->dtype].size, bytes = sp_value_tile_bytes(out, t);
        for (size_t at = 0; at < bytes; at += size) {
            c->index[0] = (int64_t)(at / size);
            if (!same_element(want + at, got + at, out->dtype)) return complain(c, node, e);
        }
    }
    return STARP_OK;
}

static starp_status check_prologue(struct checker *c, int32_t step, struct sp_error *e)
{
    struct sp_sched *s = c->run->sched;
    const struct sp_node *n = c->o->node[c->step->output[0]];
    struct sp_value *in = sp_value_new(s, &c->step->shape, (starp_dtype)c->p->output_dtype[0]), *out = sp_value_new(s, &n->shape, (starp_dtype)n->dtype);
    starp_status status = in && out ? repeat(c, step, in, out, e) : sp_fail_memory(e);
    if (in) sp_value_free(s, in);
    if (out) sp_value_free(s, out);
    return status;
}

starp_status sp_check_step(struct sp_run *run, int32_t step, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    if (!s->program || run->sched->ranks > 1) return STARP_OK; /* it wants all tiles here */
    if (s->kind == SP_STEP_CALL && run->sched->order.node[s->output[0]]->op == SP_CALL_ppeval) return STARP_OK; /* users' functions are called once */
    sp_drain(run);
    if (atomic_load(&run->stop)) return sp_run_fault(run, e);
    struct checker *c = sp_aligned(64, sizeof *c);
    if (!c) return sp_fail_memory(e);
    memset(c, 0, sizeof *c);
    c->run = run;
    c->step = s;
    c->p = s->program;
    c->o = &run->sched->order;
    for (int k = 0; k < c->p->noperand; k++) {
        int kind = c->p->operand_kind[k];
        if (kind == SP_OPERAND_ARRAY || kind == SP_OPERAND_IOTA) sp_operand_view(&s->operand[k], s, c->o, &c->view[k]);
    }
    starp_status status = s->kind == SP_STEP_CALL ? check_prologue(c, step, e) : allocate(c) ? walk(c, e) : sp_fail_memory(e);
    release(c);
    return status;
}
