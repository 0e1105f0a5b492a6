/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * emit.c: the program of a group. Members become instructions in order; equal operands and equal instructions are found
 * once more (clones bring some along); two operations where only the second reads the first become one instruction; then registers are
 * given out by a linear scan.
 */
#include <assert.h>
#include <string.h>

#include "plan.h"

#define MAX_INSTR (SP_MAX_OPS * 2)
#define UNNUMBERED UINT16_MAX
#define TEMP 4096 /* registers from here on are results of instructions, until they are numbered */

struct emitter {
    struct sp_fusion *f;
    struct sp_step *step;
    struct sp_operand operand[SP_MAX_OPERANDS];
    uint8_t operand_kind[SP_MAX_OPERANDS], operand_dtype[SP_MAX_OPERANDS];
    struct sp_instr instr[MAX_INSTR];
    int32_t last_use[MAX_INSTR];  /* per result: instruction that reads it last; MAX_INSTR: kept to the end */
    int32_t uses[MAX_INSTR];
    uint16_t output_reg[SP_MAX_OUTPUTS];
    uint8_t output_dtype[SP_MAX_OUTPUTS];
    struct sp_program_reduce reduce[SP_MAX_REDUCES];
    int noperand, ninstr, noutput, nreduce;
    uint16_t *reg; /* per item: the register of its result */
    struct sp_error *e;
};

static bool same_operand(const struct sp_operand *a, const struct sp_operand *b)
{
    return a->node == b->node && a->npath == b->npath && memcmp(a->path, b->path, a->npath * sizeof a->path[0]) == 0;
}

static int operand(struct emitter *m, enum sp_operand_kind kind, uint8_t dtype, int32_t node, const struct sp_source *s)
{
    struct sp_operand x = { .node = node, .inplace = -1 };
    if (s) {
        x.npath = s->npath;
        memcpy(x.path, s->path, sizeof x.path);
    }
    for (int i = 0; i < m->noperand; i++) {
        if (m->operand_kind[i] == kind && same_operand(&m->operand[i], &x)) return i;
    }
    if (m->noperand == SP_MAX_OPERANDS) {
        sp_fail(m->e, STARP_ERR_RUNTIME, "a fused step has more than %d operands", SP_MAX_OPERANDS);
        return -1;
    }
    m->operand[m->noperand] = x;
    m->operand_kind[m->noperand] = (uint8_t)kind;
    m->operand_dtype[m->noperand] = dtype;
    return m->noperand++;
}

/* The register an item reads through a source. */
static int source_reg(struct emitter *m, const struct sp_item *user, const struct sp_source *s)
{
    const struct sp_item *x = &m->f->item[s->item];
    if (!x->leaf && s->npath == 0 && x->group == user->group) {
        assert(m->reg[s->item] != UNNUMBERED); /* members come in order */
        return m->reg[s->item];
    }
    enum sp_operand_kind kind = SP_OPERAND_ARRAY;
    if (x->leaf && x->kind == SP_KIND_CONST) kind = SP_OPERAND_SPLAT;
    if (x->leaf && x->kind == SP_KIND_IOTA) kind = SP_OPERAND_IOTA;
    return operand(m, kind, x->dtype, x->node, s);
}

static int add_instr(struct emitter *m, const struct sp_instr *in)
{
    for (int i = 0; i < m->ninstr; i++) {
        const struct sp_instr *x = &m->instr[i];
        if (x->op == in->op && x->dtype == in->dtype && x->to == in->to && memcmp(x->src, in->src, sizeof x->src) == 0) return TEMP + i;
    }
    m->instr[m->ninstr] = *in;
    m->instr[m->ninstr].dst = (uint16_t)(TEMP + m->ninstr);
    return TEMP + m->ninstr++;
}

static bool emit_map(struct emitter *m, int32_t i)
{
    const struct sp_item *x = &m->f->item[i];
    struct sp_instr in = { .op = sp_item_op(m->f, x), .to = x->dtype };
    int n = x->nin;
    for (int k = 0; k < n; k++) {
        int r = source_reg(m, x, &x->in[k]);
        if (r < 0) return false;
        in.src[k] = (uint16_t)r;
    }
    in.dtype = m->f->item[x->in[n > 1].item].dtype; /* of a select: not that of the condition */
    if (in.op >= SP_OP_arange) {
        int p = operand(m, SP_OPERAND_PARAM, STARP_U8, x->node, NULL);
        if (p < 0) return false;
        in.src[n] = (uint16_t)p;
        if (!sp_op_applies(in.op)) in.dtype = x->dtype;
    }
    m->reg[i] = (uint16_t)add_instr(m, &in);
    return true;
}

static bool emit_reduce(struct emitter *m, int32_t i)
{
    const struct sp_item *x = &m->f->item[i];
    struct sp_program_reduce *r = &m->reduce[m->nreduce];
    *r = (struct sp_program_reduce){ .kind = (uint8_t)m->f->order->node[x->node]->op, .dtype = m->f->item[x->in[0].item].dtype };
    for (int k = 0; k < x->nin; k++) {
        int s = source_reg(m, x, &x->in[k]);
        if (s < 0) return false;
        r->src[k] = (uint16_t)s;
    }
    m->step->reduce[m->nreduce++] = x->node;
    m->step->reduce_axes = m->f->order->node[x->node]->reduce_axes;
    return true;
}

static bool emit_members(struct emitter *m, int32_t group)
{
    for (int32_t i = m->f->group[group].first; i >= 0; i = m->f->item[i].next) {
        const struct sp_item *x = &m->f->item[i];
        bool ok = x->kind == SP_KIND_REDUCE ? emit_reduce(m, i) : emit_map(m, i);
        if (!ok) return false;
        if (x->kind == SP_KIND_REDUCE || (!x->root && !x->stored)) continue;
        m->step->output[m->noutput] = x->node;
        m->output_dtype[m->noutput] = x->dtype;
        m->output_reg[m->noutput++] = m->reg[i];
    }
    return true;
}

/* ----------------------------------------------------------------------------------------------------- registers */

static int instr_sources(const struct sp_instr *in)
{
    return sp_ops[in->op].arity;
}

static void count_uses(struct emitter *m)
{
    memset(m->uses, 0, sizeof m->uses);
    for (int i = 0; i < m->ninstr; i++) m->last_use[i] = -1;
    for (int i = 0; i < m->ninstr; i++) {
        for (int k = 0; k < instr_sources(&m->instr[i]); k++) {
            int s = m->instr[i].src[k] - TEMP;
            if (s < 0) continue;
            m->uses[s]++;
            m->last_use[s] = i;
        }
    }
    for (int o = 0; o < m->noutput; o++) {
        m->uses[m->output_reg[o] - TEMP]++;
        m->last_use[m->output_reg[o] - TEMP] = MAX_INSTR;
    }
    for (int r = 0; r < m->nreduce; r++) {
        if (m->reduce[r].src[0] < TEMP) continue;
        m->uses[m->reduce[r].src[0] - TEMP]++;
        m->last_use[m->reduce[r].src[0] - TEMP] = MAX_INSTR;
    }
}

/* The instruction, which nothing else reads, that `in` can take in through its operand k; and as what. */
static struct sp_instr *partner(struct emitter *m, const struct sp_instr *in, int k, const struct sp_op_pair **pair)
{
    int p = in->src[k] - TEMP;
    if (p < 0 || m->uses[p] != 1) return NULL;
    *pair = sp_op_pair_find(m->instr[p].op, in->op, in->op == SP_OP_subtract && k == 1);
    return *pair ? &m->instr[p] : NULL;
}

/* add(multiply(a, b), c) becomes muladd(a, b, c), and so on; the first operation's slot is emptied. */
static void join_pairs(struct emitter *m)
{
    count_uses(m);
    for (int i = 0; i < m->ninstr; i++) {
        struct sp_instr *in = &m->instr[i];
        const struct sp_op_pair *pair;
        if (sp_dtypes[in->dtype].cls != SP_CLASS_F || sp_ops[in->op].arity != 2) continue;
        for (int k = 0; k < 2; k++) {
            struct sp_instr *first = partner(m, in, k, &pair);
            if (!first) continue;
            uint16_t other = in->src[1 - k];
            in->op = pair->op;
            in->src[0] = first->src[0];
            in->src[1] = first->src[1];
            in->src[2] = other;
            first->op = SP_OPS;
            break;
        }
    }
}

/* Closes the gaps that joined pairs left. */
static void compact(struct emitter *m)
{
    uint16_t to[MAX_INSTR];
    int n = 0;
    for (int i = 0; i < m->ninstr; i++) {
        to[i] = (uint16_t)(TEMP + n);
        if (m->instr[i].op == SP_OPS) continue;
        m->instr[n] = m->instr[i];
        m->instr[n].dst = (uint16_t)(TEMP + n);
        for (int k = 0; k < SP_MAXSRC; k++) {
            if (m->instr[n].src[k] >= TEMP) m->instr[n].src[k] = to[m->instr[n].src[k] - TEMP];
        }
        n++;
    }
    m->ninstr = n;
    for (int o = 0; o < m->noutput; o++) m->output_reg[o] = to[m->output_reg[o] - TEMP];
    for (int r = 0; r < m->nreduce; r++) {
        if (m->reduce[r].src[0] >= TEMP) m->reduce[r].src[0] = to[m->reduce[r].src[0] - TEMP];
    }
}

/* Outputs that share a result get copies, so that each output register is written by an instruction of its own. */
static void separate_outputs(struct emitter *m)
{
    for (int o = 1; o < m->noutput; o++) {
        for (int q = 0; q < o; q++) {
            if (m->output_reg[o] != m->output_reg[q]) continue;
            struct sp_instr copy = { .op = SP_OP_copy, .dtype = m->output_dtype[o], .to = m->output_dtype[o], .src = { m->output_reg[o] } };
            copy.dst = m->output_reg[o] = (uint16_t)(TEMP + m->ninstr);
            m->instr[m->ninstr++] = copy;
            break;
        }
    }
}

/* Scratch registers whose last reader is instruction i are free again. */
static int give_back(const struct emitter *m, int i, const uint16_t *number, int base, uint16_t *free, int nfree)
{
    const struct sp_instr *in = &m->instr[i];
    for (int k = 0; k < instr_sources(in); k++) {
        int s = in->src[k] - TEMP;
        bool again = (k > 0 && in->src[0] == in->src[k]) || (k > 1 && in->src[1] == in->src[k]);
        if (s >= 0 && !again && m->last_use[s] == i && number[s] >= base) free[nfree++] = number[s];
    }
    return nfree;
}

/* Final numbers of the instructions' results: outputs have theirs, the rest take scratch registers and give them back. */
static int number_results(const struct emitter *m, uint16_t *number)
{
    uint16_t free[MAX_INSTR];
    int nfree = 0, nscratch = 0, base = m->noperand + m->noutput;
    for (int i = 0; i < m->ninstr; i++) number[i] = UNNUMBERED;
    for (int o = 0; o < m->noutput; o++) number[m->output_reg[o] - TEMP] = (uint16_t)(m->noperand + o);
    for (int i = 0; i < m->ninstr; i++) {
        /* A kernel may write over what it reads only where elements are of one size; a function of the user's never may. */
        bool over = sp_dtypes[m->instr[i].dtype].size == sp_dtypes[m->instr[i].to].size && m->instr[i].op != SP_OP_where &&
                    !sp_op_applies(m->instr[i].op);
        if (over) nfree = give_back(m, i, number, base, free, nfree);
        if (number[i] == UNNUMBERED) number[i] = nfree ? free[--nfree] : (uint16_t)(base + nscratch++);
        if (!over) nfree = give_back(m, i, number, base, free, nfree);
    }
    return nscratch;
}

static void renumber(struct emitter *m, struct sp_program *p)
{
    uint16_t number[MAX_INSTR];
    p->nscratch = (uint16_t)number_results(m, number);
    for (int i = 0; i < m->ninstr; i++) {
        struct sp_instr in = m->instr[i];
        in.dst = number[i];
        for (int k = 0; k < SP_MAXSRC; k++) {
            if (in.src[k] >= TEMP) in.src[k] = number[in.src[k] - TEMP];
        }
        p->instr[i] = in;
    }
    for (int r = 0; r < m->nreduce; r++) {
        p->reduce[r] = m->reduce[r];
        if (p->reduce[r].src[0] >= TEMP) p->reduce[r].src[0] = number[p->reduce[r].src[0] - TEMP];
    }
}

static struct sp_program *make_program(struct emitter *m)
{
    struct sp_program *p = sp_calloc(1, sizeof *p + (size_t)m->ninstr * sizeof p->instr[0]);
    if (!p) return NULL;
    p->ninstr = (uint16_t)m->ninstr;
    p->noperand = (uint16_t)m->noperand;
    p->noutput = (uint16_t)m->noutput;
    p->nreduce = (uint16_t)m->nreduce;
    memcpy(p->operand_kind, m->operand_kind, sizeof m->operand_kind);
    memcpy(p->operand_dtype, m->operand_dtype, sizeof m->operand_dtype);
    memcpy(p->output_dtype, m->output_dtype, sizeof m->output_dtype);
    renumber(m, p);
    p->max_item = 1;
    for (int i = 0; i < m->ninstr; i++) {
        if (sp_dtypes[p->instr[i].to].size > p->max_item) p->max_item = sp_dtypes[p->instr[i].to].size;
    }
    for (int i = 0; i < m->noperand; i++) {
        if (sp_dtypes[p->operand_dtype[i]].size > p->max_item) p->max_item = sp_dtypes[p->operand_dtype[i]].size;
    }
    return p;
}

/* ------------------------------------------------------------------------------------------------------ in place */

/* Whether output o may be written over operand x: the same elements in the same places, read no later than written. */
static bool can_overwrite(const struct emitter *m, const struct sp_program *p, int x, int o)
{
    const struct sp_order *order = m->f->order;
    const struct sp_operand *in = &m->operand[x];
    if (p->operand_kind[x] != SP_OPERAND_ARRAY || in->npath > 0) return false;
    if (!sp_shape_equal(&order->node[in->node]->shape, &m->step->shape)) return false;
    if (sp_dtypes[p->operand_dtype[x]].size != sp_dtypes[p->output_dtype[o]].size) return false;
    for (int y = 0; y < m->noperand; y++) {
        if (y != x && m->operand[y].node == in->node) return false;
    }
    for (int r = 0; r < p->nreduce; r++) {
        if (p->reduce[r].src[0] == x) return false;
    }
    bool written = false;
    for (int i = 0; i < p->ninstr; i++) {
        for (int k = 0; k < instr_sources(&p->instr[i]); k++) {
            bool together = p->instr[i].dst == p->noperand + o && sp_op_applies(p->instr[i].op);
            if ((written || together) && p->instr[i].src[k] == x) return false;
        }
        written |= p->instr[i].dst == p->noperand + o;
    }
    return true;
}

static void find_inplace(struct emitter *m, const struct sp_program *p)
{
    for (int o = 0; o < m->noutput; o++) {
        for (int x = 0; x < m->noperand; x++) {
            if (m->operand[x].inplace >= 0 || !can_overwrite(m, p, x, o)) continue;
            m->operand[x].inplace = o;
            break;
        }
    }
}

static starp_status finish_step(struct emitter *m, struct sp_step *s)
{
    s->program = make_program(m);
    s->operand = sp_malloc((size_t)(m->noperand ? m->noperand : 1) * sizeof *s->operand);
    if (!s->program || !s->operand) return sp_fail_memory(m->e);
    if (m->f->options->inplace && s->kind == SP_STEP_FUSED) find_inplace(m, s->program);
    memcpy(s->operand, m->operand, (size_t)m->noperand * sizeof *s->operand);
    s->noperand = s->program->noperand;
    s->noutput = s->program->noutput;
    s->nreduce = s->program->nreduce;
    return STARP_OK;
}

/* A step that is one node: its inputs are the operands. */
static starp_status emit_alone(struct sp_fusion *f, const struct sp_item *x, struct sp_step *s, struct sp_error *e)
{
    s->operand = sp_malloc(x->nin * sizeof *s->operand);
    if (!s->operand) return sp_fail_memory(e);
    for (int k = 0; k < x->nin; k++) {
        s->operand[k] = (struct sp_operand){ .node = f->item[x->in[k].item].node, .npath = x->in[k].npath, .inplace = -1 };
        memcpy(s->operand[k].path, x->in[k].path, sizeof s->operand[k].path);
    }
    s->noperand = x->nin;
    s->noutput = 1;
    s->output[0] = x->node;
    s->shape = x->shape;
    return STARP_OK;
}

/* A step with a program, of the members of a group. */
static starp_status emit_group(struct sp_fusion *f, int32_t group, struct sp_step *s, struct sp_error *e)
{
    const struct sp_item *first = &f->item[f->group[group].first];
    struct emitter m = { .f = f, .step = s, .e = e };
    const struct sp_source *in = &first->in[0];
    s->shape = first->kind != SP_KIND_REDUCE ? first->shape
               : in->npath                   ? f->order->node[in->path[0]]->shape
                                             : f->item[in->item].shape;
    m.reg = sp_malloc((size_t)f->nitem * sizeof *m.reg);
    if (!m.reg) return sp_fail_memory(e);
    for (int32_t i = f->group[group].first; i >= 0; i = f->item[i].next) m.reg[i] = UNNUMBERED;
    starp_status status = STARP_OK;
    if (emit_members(&m, group)) {
        separate_outputs(&m);
        join_pairs(&m);
        compact(&m);
        count_uses(&m);
        status = finish_step(&m, s);
    } else {
        status = e->status;
    }
    sp_free(m.reg);
    return status;
}

starp_status sp_fusion_emit(struct sp_fusion *f, int32_t group, struct sp_step *s, struct sp_error *e)
{
    const struct sp_item *first = &f->item[f->group[group].first];
    int32_t prologue = f->group[group].prologue;
    s->kind = f->group[group].kind;
    s->level = f->group[group].level;
    s->nops = f->group[group].size;
    if (s->kind == SP_STEP_FUSED) return emit_group(f, group, s, e);
    if (prologue < 0) return emit_alone(f, first, s, e);
    s->nops += f->group[prologue].size;
    SP_TRY(emit_group(f, prologue, s, e));
    s->output[0] = first->node; /* instead of the operand */
    return STARP_OK;
}
