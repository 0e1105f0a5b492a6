/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * print.c: plans, programs and graphs as text. What starp_explain shows, and what planner tests compare.
 */
#include <inttypes.h>
#include <string.h>

#include "graph.h"

/* a: operands, o: outputs, r: scratch. */
static void print_reg(const struct sp_program *p, int reg, FILE *out)
{
    if (reg < p->noperand) fprintf(out, "a%d", reg);
    else if (reg < p->noperand + p->noutput) fprintf(out, "o%d", reg - p->noperand);
    else fprintf(out, "r%d", reg - p->noperand - p->noutput);
}

void sp_program_print(const struct sp_program *p, FILE *out, const char *indent)
{
    for (int i = 0; i < p->ninstr; i++) {
        const struct sp_instr *in = &p->instr[i];
        fputs(indent, out);
        print_reg(p, in->dst, out);
        fprintf(out, " = %s(", sp_ops[in->op].name);
        for (int k = 0; k < sp_ops[in->op].arity; k++) {
            if (k) fputs(", ", out);
            print_reg(p, in->src[k], out);
        }
        fprintf(out, ") %s\n", sp_dtypes[in->to].name);
    }
    for (int r = 0; r < p->nreduce; r++) {
        fprintf(out, "%s%s(", indent, sp_reduce_names[p->reduce[r].kind]);
        print_reg(p, p->reduce[r].src[0], out);
        fprintf(out, ") %s\n", sp_dtypes[p->reduce[r].dtype].name);
    }
}

/* The constant of a node in its own dtype. */
static void print_constant(const struct sp_node *n, FILE *out)
{
    int64_t i = 0;
    double f[2];
    float g[2];
    memcpy(&i, n->param, sp_dtypes[n->dtype].size < 8 ? sp_dtypes[n->dtype].size : 8);
    memcpy(f, n->param, sizeof f);
    memcpy(g, n->param, sizeof g);
    int shift = 64 - 8 * sp_dtypes[n->dtype].size;
    switch (n->dtype) {
    case STARP_F64: fprintf(out, "%.17g", f[0]); break;
    case STARP_F32: fprintf(out, "%.9g", (double)g[0]); break;
    case STARP_C128: fprintf(out, "%.17g%+.17gi", f[0], f[1]); break;
    case STARP_C64: fprintf(out, "%.9g%+.9gi", (double)g[0], (double)g[1]); break;
    case STARP_U64: fprintf(out, "%" PRIu64, (uint64_t)i); break;
    default:
        if (sp_dtypes[n->dtype].is_signed) i = (int64_t)((uint64_t)i << shift) >> shift;
        fprintf(out, "%" PRId64, i);
    }
}

static void print_view(const struct sp_view *v, FILE *out)
{
    fputs(" at [", out);
    for (int a = 0; a < v->ndim; a++) {
        if (a) fputs(", ", out);
        fprintf(out, "%" PRId64, v->start[a]);
        if (v->axis[a] < 0) continue;
        if (v->step[a] == 1) fprintf(out, " + i%d", v->axis[a]);
        else fprintf(out, " %c %" PRId64 " i%d", v->step[a] < 0 ? '-' : '+', v->step[a] < 0 ? -v->step[a] : v->step[a], v->axis[a]);
    }
    fputs("]", out);
}

static void print_operand(const struct sp_step *s, int k, const struct sp_order *o, FILE *out)
{
    static const char *const kinds[] = { "array", "constant", "index", "parameters" };
    const struct sp_operand *x = &s->operand[k];
    const struct sp_node *n = o->node[x->node];
    int kind = s->program ? s->program->operand_kind[k] : SP_OPERAND_ARRAY;
    char text[SP_SHAPE_TEXT];
    struct sp_step seen = { .shape = s->program ? s->shape : x->npath ? o->node[x->path[0]]->shape : n->shape }; /* over which it is read */
    struct sp_view v;
    fprintf(out, "    a%d: %s", k, kinds[kind]);
    if (kind == SP_OPERAND_SPLAT) {
        fputs(" ", out);
        print_constant(n, out);
        fprintf(out, " %s\n", sp_dtypes[n->dtype].name);
        return;
    }
    if (kind == SP_OPERAND_PARAM) {
        fprintf(out, " of %%%d", x->node);
        if (sp_op_applies(n->op)) fprintf(out, ", function %s", sp_node_name(n));
        fputs("\n", out);
        return;
    }
    fprintf(out, " %%%d %s %s", x->node, sp_dtypes[n->dtype].name, sp_shape_text(text, &n->shape));
    sp_operand_view(x, &seen, o, &v);
    if (!sp_view_is_identity(&v, &n->shape, &seen.shape)) print_view(&v, out);
    if (x->inplace >= 0) fprintf(out, ", may become o%d", x->inplace);
    fputs("\n", out);
}

static void print_axes(uint32_t axes, FILE *out)
{
    const char *comma = "";
    for (int a = 0; a < STARP_MAXDIM; a++) {
        if (!(axes >> a & 1)) continue;
        fprintf(out, "%s%d", comma, a);
        comma = ", ";
    }
}

static void print_result(char letter, int k, int32_t node, const struct sp_order *o, FILE *out)
{
    char text[SP_SHAPE_TEXT];
    const struct sp_node *n = o->node[node];
    fprintf(out, "    %c%d: %s %%%d %s %s\n", letter, k, o->root[node] ? "result" : "stored", node, sp_dtypes[n->dtype].name,
            sp_shape_text(text, &n->shape));
}

/* Text as it is, or, for dot, inside quotes. */
static void print_text(const char *text, bool quoted, FILE *out)
{
    for (; *text; text++) {
        if (quoted && (*text == '"' || *text == '\\')) putc('\\', out);
        putc(*text, out);
    }
}

/* What a step does, by name. */
static void print_name(const struct sp_node *n, const struct sp_order *o, bool quoted, FILE *out)
{
    struct sp_ppeval_param p;
    const struct sp_graph *g = o->graph;
    print_text(sp_node_name(n), quoted, out);
    if (n->kind != SP_KIND_CALL || n->op != SP_CALL_ppeval || !g || !g->function) return;
    memcpy(&p, n->param, sizeof p);
    putc(' ', out);
    print_text(g->function(g->executor, p.function), quoted, out);
}

static void print_step(const struct sp_step *s, int32_t t, const struct sp_order *o, FILE *out)
{
    char text[SP_SHAPE_TEXT];
    if (s->kind != SP_STEP_FUSED) {
        const struct sp_node *n = o->node[s->output[0]];
        int32_t grid[2];
        memcpy(grid, n->param, sizeof grid);
        if (s->kind == SP_STEP_PART) fprintf(out, "step %d: take result %d, %s", t, n->op, sp_shape_text(text, &s->shape));
        else if (s->kind == SP_STEP_RESHAPE && grid[0] > 0) fprintf(out, "step %d: distribute over %d x %d ranks", t, grid[0], grid[1]);
        else {
            fprintf(out, "step %d: ", t);
            print_name(n, o, false, out);
            fprintf(out, " to %s", sp_shape_text(text, &n->shape));
        }
        if (s->program) fprintf(out, ", of %d operation%s over %s", s->nops - 1, s->nops == 2 ? "" : "s", sp_shape_text(text, &s->shape));
        fputs("\n", out);
        for (int k = 0; k < s->noperand; k++) print_operand(s, k, o, out);
        if (s->program) sp_program_print(s->program, out, "    ");
        print_result(s->program ? 'y' : 'o', 0, s->output[0], o, out);
        return;
    }
    fprintf(out, "step %d: %d operation%s over %s", t, s->nops, s->nops == 1 ? "" : "s", sp_shape_text(text, &s->shape));
    if (s->program->nreduce) {
        fputs(", reducing axes ", out);
        print_axes(s->reduce_axes, out);
    }
    fputs("\n", out);
    for (int k = 0; k < s->program->noperand; k++) print_operand(s, k, o, out);
    sp_program_print(s->program, out, "    ");
    for (int k = 0; k < s->program->noutput; k++) print_result('o', k, s->output[k], o, out);
    for (int k = 0; k < s->program->nreduce; k++) print_result('s', k, s->reduce[k], o, out);
}

static void print_bytes(int64_t bytes, FILE *out)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double x = (double)bytes;
    int u = 0;
    for (; x >= 1024 && u < 6; u++) x /= 1024;
    fprintf(out, u ? "%.1f %s" : "%.0f %s", x, units[u]);
}

void sp_plan_print(const struct sp_plan *p, const struct sp_order *o, FILE *out)
{
    struct sp_forecast f;
    int32_t ops = 0;
    for (int32_t t = 0; t < p->nstep; t++) ops += p->step[t].nops;
    sp_plan_forecast(p, o, &f);
    fprintf(out, "plan: %d step%s for %d operation%s, storing at most ", p->nstep, p->nstep == 1 ? "" : "s", ops, ops == 1 ? "" : "s");
    print_bytes(f.bytes, out);
    fputs("\n", out);
    for (int32_t t = 0; t < p->nstep; t++) print_step(&p->step[t], t, o, out);
}

/* --------------------------------------------------------------------------------------------------------- dot */

void sp_plan_dot(const struct sp_order *o, FILE *out)
{
    char text[SP_SHAPE_TEXT];
    fputs("digraph starp {\n    node [shape=box, fontname=\"monospace\"];\n", out);
    for (int32_t i = 0; i < o->n; i++) {
        const struct sp_node *n = o->node[i];
        fprintf(out, "    n%d [label=\"%%%d ", i, i);
        print_name(n, o, true, out);
        if (n->kind == SP_KIND_CONST) {
            fputs(" ", out);
            print_constant(n, out);
        }
        fprintf(out, "\\n%s %s\"%s];\n", sp_dtypes[n->dtype].name, sp_shape_text(text, &n->shape),
                o->root[i] ? ", style=bold" : sp_node_is_leaf(n) ? ", style=dashed" : "");
        for (int k = 0; k < n->nin; k++) fprintf(out, "    n%d -> n%d;\n", o->in[i][k], i);
    }
    fputs("}\n", out);
}
