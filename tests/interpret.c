/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interpret.c: plans run by hand. Operands are read when an instruction asks for them and outputs are written at once, so
 * an output that takes over its operand's memory too early spoils what is read later, as it would in the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "interpret.h"
#include "reference.h"

/* A plan under way: values by order index. */
struct running {
    struct interpreter *x;
    const struct sp_order *o;
    const struct sp_plan *p;
    struct ref_value **value;
    bool *dies;
};

/* A fused step under way: where its operands lie, and the registers of one element. */
struct element {
    const struct running *r;
    const struct sp_step *s;
    struct sp_view view[SP_MAX_OPERANDS];
    const struct ref_value *in[SP_MAX_OPERANDS];
    struct ref_value *out[SP_MAX_OUTPUTS], *gathered[SP_MAX_REDUCES];
    const int64_t *index;
    int64_t at;
    ref_num *reg; /* outputs and scratch */
};

static const struct running *now; /* for the message that follows */

static void broken(const char *what)
{
    fprintf(stderr, "the plan is broken: %s\n", what);
    if (now) sp_plan_print(now->p, now->o, stderr);
    abort();
}

/* --------------------------------------------------------------------------------------------------------- registers */

static ref_num read_array(const struct element *e, int k)
{
    const struct ref_value *v = e->in[k];
    const struct sp_view *w = &e->view[k];
    int64_t at[STARP_MAXDIM];
    if (w->ndim != v->shape.n) broken("a view of the wrong rank");
    for (int a = 0; a < v->shape.n; a++) {
        at[a] = w->start[a] + (w->axis[a] < 0 ? 0 : w->step[a] * e->index[w->axis[a]]);
        if (at[a] < 0 || at[a] >= v->shape.v[a]) broken("an operand is read out of bounds");
    }
    return ref_load(v->dtype, v->data, ref_ravel(&v->shape, at));
}

static ref_num read_iota(const struct element *e, int k)
{
    const struct sp_node *n = e->r->o->node[e->s->operand[k].node];
    const struct sp_view *w = &e->view[k];
    int64_t v = n->view->start[0];
    for (int a = 0; a < n->shape.n; a++) {
        v += n->view->step[a] * (w->start[a] + (w->axis[a] < 0 ? 0 : w->step[a] * e->index[w->axis[a]]));
    }
    return (ref_num){ .i = v };
}

static ref_num read_register(const struct element *e, int reg)
{
    const struct sp_program *p = e->s->program;
    if (reg >= p->noperand + p->noutput + p->nscratch) broken("a register that is not there");
    if (reg >= p->noperand) return e->reg[reg - p->noperand];
    const struct sp_node *n = e->r->o->node[e->s->operand[reg].node];
    switch (p->operand_kind[reg]) {
    case SP_OPERAND_ARRAY: return read_array(e, reg);
    case SP_OPERAND_SPLAT: return ref_load((starp_dtype)p->operand_dtype[reg], n->param, 0);
    case SP_OPERAND_IOTA: return read_iota(e, reg);
    default: return (ref_num){ 0 };
    }
}

static ref_num rounded(starp_dtype d, ref_num x)
{
    char cell[16];
    ref_store(d, cell, 0, x);
    return ref_load(d, cell, 0);
}

static ref_num compute(const struct element *e, const struct sp_instr *in, const ref_num x[SP_MAXIN])
{
    starp_dtype d = (starp_dtype)in->dtype, to = (starp_dtype)in->to;
    bool fault = false;
    if (in->op == SP_OP_copy) return x[0];
    if (in->op == SP_OP_cast) return ref_cast(d, to, x[0]);
    const struct sp_op_pair *pair = sp_op_pair_of((enum sp_op)in->op);
    if (pair) {
        ref_num first = rounded(d, ref_op((enum sp_op)pair->first, d, x, &fault));
        ref_num of[SP_MAXIN] = { pair->reversed ? x[2] : first, pair->reversed ? first : x[2] };
        return ref_op((enum sp_op)pair->second, d, of, &fault);
    }
    if (in->op < SP_OP_PUBLIC) return ref_op((enum sp_op)in->op, d, x, &fault);
    return ref_generate(e->r->o->node[e->s->operand[in->src[1]].node], x[0]);
}

static void run_instr(struct element *e, const struct sp_instr *in)
{
    const struct sp_program *p = e->s->program;
    ref_num x[SP_MAXIN] = { 0 };
    for (int k = 0; k < sp_ops[in->op].arity; k++) x[k] = read_register(e, in->src[k]);
    ref_num y = rounded((starp_dtype)in->to, compute(e, in, x));
    int out = in->dst - p->noperand;
    if (out < 0) broken("an instruction writes an operand");
    e->reg[out] = y;
    if (out >= p->noutput) return;
    if (p->output_dtype[out] != in->to) broken("an output of another dtype");
    ref_store(e->out[out]->dtype, e->out[out]->data, e->at, y);
}

/* The index that argmin and argmax carry along: C order over the reduced axes. */
static int64_t reduced_index(const struct element *e)
{
    int64_t at = 0;
    for (int a = 0; a < e->s->shape.n; a++) {
        if (e->s->reduce_axes >> a & 1) at = at * e->s->shape.v[a] + e->index[a];
    }
    return at;
}

static void run_element(struct element *e)
{
    const struct sp_program *p = e->s->program;
    for (int i = 0; i < p->ninstr; i++) run_instr(e, &p->instr[i]);
    for (int r = 0; r < p->nreduce; r++) {
        bool arg = p->reduce[r].kind == SP_REDUCE_ARGMIN || p->reduce[r].kind == SP_REDUCE_ARGMAX;
        ref_store(e->gathered[r]->dtype, e->gathered[r]->data, e->at, read_register(e, p->reduce[r].src[0]));
        if (arg && read_register(e, p->reduce[r].src[1]).i != reduced_index(e)) broken("argmin carries a wrong index");
    }
}

/* ------------------------------------------------------------------------------------------------------------- steps */

static struct ref_value *value_of(const struct running *r, int32_t node)
{
    struct ref_value *v = r->o->node[node]->value ? (struct ref_value *)r->o->node[node]->value : r->value[node];
    if (!v) broken("a step reads what no step has stored");
    return v;
}

/* Nothing reads the node after step t, nor after the evaluation, so its memory may be written over. */
static bool last_read(const struct running *r, int32_t node, int32_t t)
{
    return r->p->last_use[node] == t && !r->o->root[node] && r->dies[node];
}

/* The output's buffer: its operand's, where the plan says so and the operand ends here; else a new one. */
static struct ref_value *output_value(struct running *r, const struct sp_step *s, int32_t t, int out)
{
    const struct sp_node *n = r->o->node[s->output[out]];
    struct ref_value *v = ref_value_new(&n->shape, (starp_dtype)n->dtype);
    for (int k = 0; k < s->program->noperand; k++) {
        const struct sp_operand *x = &s->operand[k];
        if (x->inplace != out || !last_read(r, x->node, t)) continue;
        struct ref_value *old = value_of(r, x->node);
        free(v->data);
        v->data = old->data; /* shared until the end of the step: see end_step */
        r->x->inplace++;
        break;
    }
    return v;
}

static void find_operands(struct element *e, struct running *r, const struct sp_step *s)
{
    const struct sp_program *p = s->program;
    for (int k = 0; k < p->noperand; k++) {
        if (p->operand_kind[k] == SP_OPERAND_ARRAY) e->in[k] = value_of(r, s->operand[k].node);
        if (p->operand_kind[k] == SP_OPERAND_ARRAY || p->operand_kind[k] == SP_OPERAND_IOTA) sp_operand_view(&s->operand[k], s, r->o, &e->view[k]);
    }
    e->reg = calloc((size_t)(p->noutput + p->nscratch) + 1, sizeof *e->reg);
    if (!e->reg) abort();
}

static void begin_step(struct element *e, struct running *r, const struct sp_step *s, int32_t t)
{
    const struct sp_program *p = s->program;
    find_operands(e, r, s);
    for (int o = 0; o < p->noutput; o++) {
        if (!sp_shape_equal(&r->o->node[s->output[o]]->shape, &s->shape)) broken("an output of another shape");
        e->out[o] = output_value(r, s, t, o);
    }
    for (int i = 0; i < p->nreduce; i++) e->gathered[i] = ref_value_new(&s->shape, (starp_dtype)p->reduce[i].dtype);
}

static void keep(struct running *r, int32_t node, struct ref_value *v)
{
    if (r->value[node]) broken("a node is stored twice");
    r->value[node] = v;
}

/* A buffer that was taken over is left to its new owner. */
static void disown(struct element *e, struct ref_value *out)
{
    for (int k = 0; k < e->s->program->noperand; k++) {
        struct ref_value *in = (struct ref_value *)e->in[k];
        if (!in || in->data != out->data) continue;
        in->data = calloc((size_t)in->size + 1, sp_dtypes[in->dtype].size);
        if (!in->data) abort();
        memset(in->data, 0xa5, (size_t)in->size * sp_dtypes[in->dtype].size);
    }
}

static void end_step(struct element *e, struct running *r, const struct sp_step *s)
{
    for (int o = 0; o < s->program->noutput; o++) {
        disown(e, e->out[o]);
        keep(r, s->output[o], e->out[o]);
    }
    for (int i = 0; i < s->program->nreduce; i++) {
        const struct sp_node *n = r->o->node[s->reduce[i]];
        struct ref_value *v = ref_value_new(&n->shape, (starp_dtype)n->dtype);
        ref_reduce((enum sp_reduce)s->program->reduce[i].kind, e->gathered[i], s->reduce_axes, v);
        ref_value_free(e->gathered[i]);
        keep(r, s->reduce[i], v);
    }
    free(e->reg);
}

static void run_elements(struct element *e)
{
    int64_t index[STARP_MAXDIM], size = sp_shape_size(&e->s->shape);
    e->index = index;
    for (e->at = 0; e->at < size; e->at++) {
        ref_unravel(&e->s->shape, e->at, index);
        run_element(e);
    }
}

static void run_fused(struct running *r, const struct sp_step *s, int32_t t)
{
    struct element e = { .r = r, .s = s };
    begin_step(&e, r, s, t);
    run_elements(&e);
    end_step(&e, r, s);
    r->x->fused += s->nops > 1;
}

/* What operand k of a step that is no program shows, in C order. */
static struct ref_value *seen_operand(struct running *r, const struct sp_step *s, int k)
{
    const struct sp_operand *x = &s->operand[k];
    const struct sp_node *from = r->o->node[x->node];
    struct sp_step seen = { .shape = x->npath ? r->o->node[x->path[0]]->shape : from->shape };
    struct element e = { .r = r, .s = s };
    int64_t index[STARP_MAXDIM];
    struct ref_value *v = ref_value_new(&seen.shape, (starp_dtype)from->dtype);
    bool constant = from->kind == SP_KIND_CONST && !from->value;
    sp_operand_view(x, &seen, r->o, &e.view[0]);
    if (!constant) e.in[0] = value_of(r, x->node);
    e.index = index;
    for (int64_t i = 0; i < v->size; i++) {
        ref_unravel(&seen.shape, i, index);
        ref_store(v->dtype, v->data, i, constant ? ref_load(v->dtype, from->param, 0) : read_array(&e, 0));
    }
    return v;
}

static void run_reshape(struct running *r, const struct sp_step *s)
{
    struct ref_value *v = seen_operand(r, s, 0);
    v->shape = r->o->node[s->output[0]]->shape;
    keep(r, s->output[0], v);
}

/* The operand that the step's program makes. */
static struct ref_value *made_operand(struct running *r, const struct sp_step *s)
{
    const struct sp_program *p = s->program;
    struct element e = { .r = r, .s = s };
    if (p->noutput != 1 || p->nreduce != 0) broken("a call's program makes something else than its operand");
    for (int k = 0; k < p->noperand; k++) {
        if (s->operand[k].inplace >= 0) broken("a call's result is to be written over an operand");
    }
    find_operands(&e, r, s);
    e.out[0] = ref_value_new(&s->shape, (starp_dtype)p->output_dtype[0]);
    run_elements(&e);
    free(e.reg);
    r->x->made++;
    return e.out[0];
}

static void run_call(struct running *r, const struct sp_step *s)
{
    const struct sp_node *n = r->o->node[s->output[0]];
    struct ref_value *in[SP_MAXIN] = { NULL }, *out = ref_value_of(n);
    if (s->program ? n->nin != 1 : s->noperand != n->nin) broken("a call without its inputs");
    for (int k = 0; k < n->nin; k++) in[k] = s->program ? made_operand(r, s) : seen_operand(r, s, k);
    ref_call(n, in, out);
    for (int k = 0; k < n->nin; k++) ref_value_free(in[k]);
    keep(r, s->output[0], out);
    r->x->calls++;
}

static void run_part(struct running *r, const struct sp_step *s)
{
    if (s->operand[0].npath) broken("a part of a view");
    keep(r, s->output[0], ref_part(r->o->node[s->output[0]], value_of(r, s->operand[0].node)));
    r->x->parts++;
}

static void run_step(struct running *r, int32_t t)
{
    const struct sp_step *s = &r->p->step[t];
    switch ((enum sp_step_kind)s->kind) {
    case SP_STEP_FUSED: run_fused(r, s, t); break;
    case SP_STEP_CALL: run_call(r, s); break;
    case SP_STEP_PART: run_part(r, s); break;
    default: run_reshape(r, s); break;
    }
}

/* --------------------------------------------------------------------------------------------------------------- runs */

/* Every stored node that outlives the evaluation gets its value; the others' values are freed. */
static void settle(const struct running *r, struct sp_graph *g)
{
    for (int32_t i = 0; i < r->o->n; i++) {
        struct sp_node *n = r->o->node[i];
        if (r->o->root[i] && !n->value && !r->value[i]) broken("a root has no value");
        if (r->dies[i] && !r->o->root[i]) {
            ref_value_free(r->value[i]);
            r->value[i] = NULL;
        }
        if (r->value[i]) sp_node_retain(n);
    }
    for (int32_t i = 0; i < r->o->n; i++) {
        if (r->value[i]) sp_node_settle(g, r->o->node[i], (struct sp_value *)r->value[i]);
    }
    for (int32_t i = 0; i < r->o->n; i++) {
        if (r->value[i]) sp_node_release(g, r->o->node[i]);
    }
}

static void run_plan(struct interpreter *x, struct sp_graph *g, const struct sp_order *o, const struct sp_plan *p)
{
    struct running r = { .x = x, .o = o, .p = p };
    r.value = calloc((size_t)o->n + 1, sizeof *r.value);
    r.dies = calloc((size_t)o->n + 1, sizeof *r.dies);
    if (!r.value || !r.dies) abort();
    now = &r;
    sp_plan_dying(p, o, r.dies);
    for (int32_t t = 0; t < p->nstep; t++) run_step(&r, t);
    settle(&r, g);
    now = NULL;
    x->steps += (uint64_t)p->nstep;
    x->merged += o->merged;
    free(r.value);
    free(r.dies);
}

static starp_status interpreter_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **run,
                                     struct sp_error *e)
{
    struct interpreter *x = self;
    struct sp_order o = { 0 };
    *run = NULL;
    SP_TRY(sp_order_make(&o, g, roots, n, x->options.merge, e));
    struct sp_plan *p = sp_plan_get(&x->cache, &o, &x->options, e);
    if (!p) return e->status;
    run_plan(x, g, &o, p);
    sp_plan_release(p);
    sp_order_free(&o);
    return STARP_OK;
}

static starp_status interpreter_wait(void *self, struct sp_run *run, struct sp_error *e)
{
    (void)self, (void)run, (void)e;
    return STARP_OK;
}

static starp_status interpreter_put(void *self, struct sp_node *node, const void *data, struct sp_error *e)
{
    struct ref_value *v = ref_value_new(&node->shape, node->dtype);
    (void)self, (void)e;
    if (data) memcpy(v->data, data, (size_t)v->size * sp_dtypes[node->dtype].size);
    node->value = (struct sp_value *)v;
    return STARP_OK;
}

static starp_status interpreter_get(void *self, const struct sp_value *value, void *buffer, struct sp_error *e)
{
    return ref_executor_ops.get(self, value, buffer, e);
}

static void interpreter_drop(void *self, struct sp_value *value)
{
    (void)self;
    ref_value_free((struct ref_value *)value);
}

struct interpreter *interpreter_open(bool fuse, bool merge, bool inplace)
{
    struct interpreter *x = calloc(1, sizeof *x);
    if (!x) abort();
    x->options = (struct sp_plan_options){ .fuse = fuse, .merge = merge, .inplace = inplace };
    return x;
}

static void interpreter_close(void *self)
{
    struct interpreter *x = self;
    sp_plan_cache_free(&x->cache);
    free(x);
}

const struct sp_executor_ops interpreter_ops = {
    .put = interpreter_put,
    .eval = interpreter_eval,
    .wait = interpreter_wait,
    .get = interpreter_get,
    .drop = interpreter_drop,
    .close = interpreter_close,
};
