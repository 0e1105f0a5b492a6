/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_wire.c: nodes made to a description that comes from elsewhere. A description is not trusted: what it says is given
 * to the same builders that made the original, and the node that comes out must be the one described. What those builders
 * only get from callers who computed it (views, iotas, bytes of constants) is checked here instead.
 */
#include <string.h>

#include "build.h"

static struct sp_node *refuse(struct sp_graph *g, const struct sp_node *m, const char *why)
{
    sp_fail(&g->error, STARP_ERR_ARGUMENT, "%s: %s", m->kind < SP_KINDS ? sp_kind_names[m->kind] : "node", why);
    return NULL;
}

static bool all_zero(const unsigned char *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0) n--;
    return n == 0;
}

/* -------------------------------------------------------------------------------------------------------- inputs */

/* Whether a node of one kind can have an input. Views of leaves are leaves, only maps read iotas, and several results only their parts. */
static bool reads(uint8_t kind, const struct sp_node *x)
{
    if (x->results) return kind == SP_KIND_PART;
    switch (kind) {
    case SP_KIND_VIEW: return x->kind >= SP_KIND_DATA && x->kind != SP_KIND_VIEW;
    case SP_KIND_RESHAPE: return x->kind >= SP_KIND_DATA;
    case SP_KIND_REDUCE:
    case SP_KIND_CALL: return x->kind != SP_KIND_IOTA;
    case SP_KIND_PART: return false;
    default: return true;
    }
}

/* Whether what a PART stands for is among a call's results. */
static bool has_result(const struct sp_node *call, const struct sp_node *part)
{
    const struct sp_results *r = call->results;
    return r && part->op < r->n && r->dtype[part->op] == part->dtype && sp_shape_equal(&r->shape[part->op], &part->shape);
}

static bool same_iota(const struct sp_node *a, const struct sp_node *b)
{
    if (a->kind != SP_KIND_IOTA || b->kind != SP_KIND_IOTA || !sp_shape_equal(&a->shape, &b->shape)) return false;
    return a->view->start[0] == b->view->start[0] &&
           memcmp(a->view->step, b->view->step, (size_t)a->shape.n * sizeof a->view->step[0]) == 0;
}

/* Values may have come to either of the two meanwhile, so that little more can be asked than what keeps the planner safe. */
bool sp_build_may_read(const struct sp_node *n, int k, const struct sp_node *x)
{
    const struct sp_node *own = n->in[k];
    if (x == own) return true;
    if (x->kind == SP_KIND_IOTA || own->kind == SP_KIND_IOTA) return same_iota(x, own);
    if (n->kind == SP_KIND_PART && !has_result(x, n)) return false;
    return x->dtype == own->dtype && sp_shape_equal(&x->shape, &own->shape) && reads(n->kind, x);
}

/* -------------------------------------------------------------------------------------------------------- leaves */

/* The dtypes that C numbers have on their own. */
static bool is_weak_dtype(uint8_t d)
{
    return d == STARP_BOOL || d == STARP_I64 || d == STARP_U64 || d == STARP_F64 || d == STARP_C128;
}

static struct sp_node *like_const(struct sp_graph *g, const struct sp_node *m)
{
    size_t size = sp_dtypes[m->dtype].size;
    if (m->weak && (m->shape.n != 0 || !is_weak_dtype(m->dtype))) return refuse(g, m, "not what a weak scalar can be");
    if (!all_zero(m->param + size, SP_PARAM_SIZE - size)) return refuse(g, m, "more bytes than the element has");
    if (m->dtype == STARP_BOOL && m->param[0] > 1) return refuse(g, m, "a bool that is neither 0 nor 1");
    struct sp_node *n = sp_node_new(g, SP_KIND_CONST, (starp_dtype)m->dtype, &m->shape);
    if (!n) return NULL;
    memcpy(n->param, m->param, SP_PARAM_SIZE);
    n->weak = m->weak;
    return n;
}

/* Whether every value of an iota is an int64. */
static bool iota_fits(const starp_dims *shape, int64_t start, const int64_t *step)
{
    int64_t low = start, high = start, reach;
    for (int a = 0; a < shape->n; a++) {
        if (step[a] == INT64_MIN) return false;
        if (shape->v[a] < 2) continue;
        if (__builtin_mul_overflow(step[a], shape->v[a] - 1, &reach)) return false;
        int64_t *end = reach < 0 ? &low : &high;
        if (__builtin_add_overflow(*end, reach, end)) return false;
    }
    return true;
}

static struct sp_node *like_iota(struct sp_graph *g, const struct sp_node *m)
{
    if (!iota_fits(&m->shape, m->view->start[0], m->view->step)) return refuse(g, m, "values out of int64's range");
    return sp_build_iota(g, &m->shape, m->view->start[0], m->view->step);
}

/* --------------------------------------------------------------------------------------------------------- views */

/* Whether axis a of what is seen is read within its extent, in steps a slice can have. */
static bool axis_fits(const struct sp_view *v, int a, int64_t extent, const starp_dims *shape)
{
    int64_t start = v->start[a], step = v->step[a], reach = extent > 1 ? extent - 1 : 1, last;
    if (start < 0 || (start >= extent && start > 0)) return false;
    if (v->axis[a] < 0) return v->axis[a] == -1 && step == 0 && extent > 0;
    if (v->axis[a] >= shape->n || step == 0 || step < -reach || step > reach) return false;
    int64_t count = shape->v[v->axis[a]];
    if (count == 0) return true;
    if (__builtin_mul_overflow(step, count - 1, &last) || __builtin_add_overflow(start, last, &last)) return false;
    return last >= 0 && last < extent;
}

static bool view_fits(const struct sp_view *v, const starp_dims *from, const starp_dims *shape)
{
    uint32_t used = 0;
    if (v->ndim != from->n) return false;
    for (int a = 0; a < from->n; a++) {
        if (!axis_fits(v, a, from->v[a], shape)) return false;
        if (v->axis[a] < 0) continue;
        if (used >> v->axis[a] & 1) return false; /* a diagonal: no builder makes one, so nothing else expects it */
        used |= UINT32_C(1) << v->axis[a];
    }
    return true;
}

static struct sp_node *like_view(struct sp_graph *g, const struct sp_node *m)
{
    if (!view_fits(m->view, &m->in[0]->shape, &m->shape)) return refuse(g, m, "reads what is not there");
    return sp_build_plain_view(g, m->in[0], m->view, &m->shape);
}

/* ----------------------------------------------------------------------------------------------------- operations */

static struct sp_node *like_generator(struct sp_graph *g, const struct sp_node *m)
{
    bool two = m->op == SP_OP_arange || m->op == SP_OP_uniform || m->op == SP_OP_normal;
    size_t size = two ? 16 : SP_PARAM_SIZE;
    if (m->nin != 1 || m->in[0]->kind != SP_KIND_IOTA) return refuse(g, m, "a generator without its index");
    if (!(sp_ops[m->op].accepts >> sp_dtypes[m->dtype].cls & 1)) return refuse(g, m, "not defined for its dtype");
    if (!all_zero(m->param + size, SP_PARAM_SIZE - size)) return refuse(g, m, "more parameters than the generator has");
    return sp_build_generator(g, (enum sp_op)m->op, (starp_dtype)m->dtype, sp_node_retain(m->in[0]), m->param,
                              SP_PARAM_SIZE);
}

/* Whether there is such a function is for those who have the list of them. */
static struct sp_node *like_apply(struct sp_graph *g, const struct sp_node *m)
{
    struct sp_apply_param p;
    memcpy(&p, m->param, sizeof p);
    size_t length = strnlen(p.name, sizeof p.name);
    bool ends = length < sizeof p.name && all_zero((const unsigned char *)p.name + length, sizeof p.name - length);
    if (!ends) return refuse(g, m, "a name without an end");
    if (m->nin != m->op - SP_OP_apply1 + 1) return refuse(g, m, "not its number of operands");
    return sp_build_apply(g, &p, (starp_dtype)m->in[0]->dtype, (starp_dtype)m->dtype, m->nin, m->in);
}

static struct sp_node *like_map(struct sp_graph *g, const struct sp_node *m)
{
    if (m->op >= SP_OPS || sp_op_pair_of((enum sp_op)m->op)) return refuse(g, m, "no such operation");
    if (sp_op_applies(m->op)) return like_apply(g, m);
    if (m->op >= SP_OP_arange) return like_generator(g, m);
    if (m->nin != sp_ops[m->op].arity) return refuse(g, m, "not its number of operands");
    if (m->op == SP_OP_cast) return sp_build_cast(g, m->in[0], (starp_dtype)m->dtype);
    return sp_build_map(g, (enum sp_op)m->op, m->nin, m->in);
}

static struct sp_node *like_reduce(struct sp_graph *g, const struct sp_node *m)
{
    const struct sp_node *x = m->in[0];
    bool arg = m->op == SP_REDUCE_ARGMIN || m->op == SP_REDUCE_ARGMAX;
    starp_dims axes = { 0 };
    if (m->op >= SP_REDUCES || m->nin != 1 + arg) return refuse(g, m, "no such reduction");
    if (m->reduce_axes == 0 || m->reduce_axes >> x->shape.n != 0) return refuse(g, m, "axes its operand does not have");
    for (int a = 0; a < x->shape.n; a++) {
        if (m->reduce_axes >> a & 1) axes.v[axes.n++] = a;
    }
    bool all = axes.n == x->shape.n, keepdims = m->shape.n == x->shape.n;
    struct sp_node *n = sp_build_reduce(g, (enum sp_reduce)m->op, m->in[0], all ? NULL : &axes, keepdims);
    if (n && arg && n->nin == 2 && same_iota(n->in[1], m->in[1])) { /* the index is a node of its own in the frame */
        sp_node_release(g, n->in[1]);
        n->in[1] = sp_node_retain(m->in[1]);
    }
    return n;
}

static struct sp_node *like_reshape(struct sp_graph *g, const struct sp_node *m)
{
    int32_t grid[2];
    memcpy(grid, m->param, sizeof grid);
    if (grid[0] == 0 && grid[1] == 0) return sp_build_reshape(g, m->in[0], &m->shape);
    if (!sp_shape_equal(&m->shape, &m->in[0]->shape)) return refuse(g, m, "dealt out under another shape");
    return sp_build_distribute(g, m->in[0], grid[0], grid[1]);
}

static struct sp_node *like_ppeval(struct sp_graph *g, const struct sp_node *m)
{
    struct sp_ppeval_param p;
    struct sp_results one = { 1, { m->dtype }, { m->shape } };
    memcpy(&p, m->param, sizeof p);
    return sp_build_ppeval(g, m->nin, m->in, &p, m->results ? m->results : &one);
}

static struct sp_node *like_items(struct sp_graph *g, const struct sp_node *m)
{
    struct sp_items_param p;
    memcpy(&p, m->param, sizeof p);
    return sp_build_items(g, m->in[0], &p);
}

static struct sp_node *like_call(struct sp_graph *g, const struct sp_node *m)
{
    bool any = m->op == SP_CALL_ppeval;
    if (m->op >= SP_CALLS_COUNT || (m->nin != sp_calls[m->op].nin && !any)) return refuse(g, m, "no such operation");
    if (any) return like_ppeval(g, m);
    if (m->op == SP_CALL_items) return like_items(g, m);
    return sp_build_call(g, (enum sp_call)m->op, m->in, m->param);
}

/* ------------------------------------------------------------------------------------------------------- the door */

static struct sp_node *like(struct sp_graph *g, const struct sp_node *m)
{
    bool leaf = m->kind == SP_KIND_CONST || m->kind == SP_KIND_IOTA;
    if (m->kind >= SP_KINDS || m->kind == SP_KIND_DATA) return refuse(g, m, "not a kind that can be described");
    /* An index is not stored, so its bytes may be too many. */
    uint8_t dtype = m->kind == SP_KIND_IOTA ? STARP_I8 : m->dtype;
    if (!sp_build_check(g, sp_kind_names[m->kind], &m->shape, (starp_dtype)dtype)) return NULL;
    if (leaf ? m->nin != 0 : m->nin < 1 || m->nin > SP_MAX_READS) return refuse(g, m, "not its number of inputs");
    for (int k = 0; k < m->nin; k++) {
        bool index = m->kind == SP_KIND_REDUCE && k == 1; /* which is compared with what it must be */
        if (!index && !reads(m->kind, m->in[k])) return refuse(g, m, "an input of a kind it cannot have");
    }
    switch ((enum sp_kind)m->kind) {
    case SP_KIND_CONST: return like_const(g, m);
    case SP_KIND_IOTA: return like_iota(g, m);
    case SP_KIND_MAP: return like_map(g, m);
    case SP_KIND_VIEW: return like_view(g, m);
    case SP_KIND_RESHAPE: return like_reshape(g, m);
    case SP_KIND_CALL: return like_call(g, m);
    case SP_KIND_PART: return m->nin == 1 ? sp_build_part(g, m->in[0], m->op) : refuse(g, m, "not its number of inputs");
    default: return like_reduce(g, m);
    }
}

/* Builders may hand back an input, convert one first, or fold: then the node's inputs are not the model's. */
static bool is_like(const struct sp_node *n, const struct sp_node *m)
{
    bool same = n->kind == m->kind && n->dtype == m->dtype && n->op == m->op && n->weak == m->weak &&
                n->nin == m->nin && n->reduce_axes == m->reduce_axes && sp_shape_equal(&n->shape, &m->shape);
    for (int k = 0; k < n->nin && same; k++) same = n->in[k] == m->in[k];
    return same;
}

struct sp_node *sp_build_like(struct sp_graph *g, const struct sp_node *model)
{
    struct sp_node *n = like(g, model);
    if (!n || is_like(n, model)) return n;
    sp_node_release(g, n);
    return refuse(g, model, "not a node that its operation makes of these inputs");
}
