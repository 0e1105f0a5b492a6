/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * forecast.c: what a plan will hold in memory, before it runs, and which leaves die with it. Both walk the steps once.
 */
#include <string.h>

#include "graph.h"

static void remember_big(struct sp_forecast *f, int32_t node, int64_t bytes)
{
    for (int k = 0; k < 3; k++) {
        if (f->big[k] >= 0 && f->big_bytes[k] >= bytes) continue;
        for (int j = 2; j > k; j--) {
            f->big[j] = f->big[j - 1];
            f->big_bytes[j] = f->big_bytes[j - 1];
        }
        f->big[k] = node;
        f->big_bytes[k] = bytes;
        return;
    }
}

/* Bytes a step stores, reductions' partial results aside. */
static int64_t step_bytes(const struct sp_step *s, const struct sp_order *o, struct sp_forecast *f)
{
    int64_t sum = 0;
    for (int k = 0; k < s->noutput + s->nreduce && s->kind != SP_STEP_PART; k++) {
        int32_t node = k < s->noutput ? s->output[k] : s->reduce[k - s->noutput];
        int64_t bytes = sp_node_bytes(o->node[node]);
        remember_big(f, node, bytes);
        if (__builtin_add_overflow(sum, bytes, &sum)) sum = INT64_MAX / 4;
    }
    return sum;
}

/*
 * Operations on whole arrays work on copies of their operands, and have results twice for a while. In mixed precision there
 * are more: of a matrix, at half its size, half of that again as panels; of right-hand sides, two and a half. Between transforms along
 * two axes there is, on several ranks, one more array of about the result's size.
 */
static int64_t call_bytes(const struct sp_plan *p, const struct sp_step *s, const struct sp_order *o)
{
    enum sp_call call = (enum sp_call)o->node[s->output[0]]->op;
    int64_t sum = sp_node_bytes(o->node[s->output[0]]);
    if (sp_call_is_over_plane(call) && __builtin_mul_overflow(sum, 2, &sum)) sum = INT64_MAX / 4;
    if (s->program) { /* of what it makes for the operation */
        int64_t bytes = sp_shape_size(&s->shape) * sp_dtypes[s->program->output_dtype[0]].size;
        return __builtin_add_overflow(sum, bytes, &sum) ? INT64_MAX / 4 : sum;
    }
    for (int k = 0; k < s->noperand; k++) {
        const struct sp_operand *x = &s->operand[k];
        const struct sp_node *seen = o->node[x->npath ? x->path[0] : x->node]; /* may be broadcast, or a piece */
        int64_t bytes = sp_shape_size(&seen->shape) * sp_dtypes[seen->dtype].size;
        bool mixed = p->mixed && call == SP_CALL_solve && (seen->dtype == STARP_F64 || seen->dtype == STARP_C128);
        int64_t more = !mixed ? 0 : k == 0 ? bytes / 4 * 3 : bytes / 2 * 5;
        if (__builtin_add_overflow(sum, bytes, &sum) || __builtin_add_overflow(sum, more, &sum)) sum = INT64_MAX / 4;
    }
    return sum;
}

/* What goes with a node after step t. The results of an operation stay with the PARTs that share them. */
static int64_t freed_bytes(const struct sp_plan *p, const struct sp_order *o, int32_t t, int32_t node)
{
    const struct sp_node *n = o->node[node];
    int64_t bytes = sp_node_bytes(n);
    if (n->kind == SP_KIND_PART) return p->stored[o->in[node][0]] ? bytes : 0;
    for (; n->results && t >= 0 && !(p->step[t].kind == SP_STEP_CALL && p->step[t].output[0] == node); t--) {
        const struct sp_step *s = &p->step[t];
        if (s->kind == SP_STEP_PART && s->operand[0].node == node) bytes -= sp_node_bytes(o->node[s->output[0]]);
    }
    return bytes;
}

void sp_plan_forecast(const struct sp_plan *p, const struct sp_order *o, struct sp_forecast *f)
{
    int64_t now = 0;
    *f = (struct sp_forecast){ .big = { -1, -1, -1 } };
    for (int32_t t = 0; t < p->nstep; t++) {
        const struct sp_step *s = &p->step[t];
        if (__builtin_add_overflow(now, step_bytes(s, o, f), &now)) now = INT64_MAX / 4;
        int64_t most = now;
        if (s->kind == SP_STEP_CALL && __builtin_add_overflow(now, call_bytes(p, s, o), &most)) most = INT64_MAX / 4;
        if (most > f->bytes) f->bytes = most;
        for (int k = 0; k < s->noperand; k++) {
            int32_t n = s->operand[k].node;
            bool first = true;
            for (int j = 0; j < k; j++) first &= s->operand[j].node != n;
            if (first && p->last_use[n] == t && p->stored[n] && !o->root[n]) now -= freed_bytes(p, o, t, n);
        }
    }
}

/*
 * A leaf dies when every reference to it comes from nodes that let go of it at the end of the evaluation: those that get
 * a value, and those that die themselves. References are counted down from consumers to producers.
 */
void sp_plan_dying(const struct sp_plan *p, const struct sp_order *o, bool *dies)
{
    if (o->given) { /* another rank's references decide */
        for (int32_t i = 0; i < o->n; i++) dies[i] = o->dies[i];
        return;
    }
    for (int32_t i = o->n - 1; i >= 0; i--) {
        const struct sp_node *n = o->node[i];
        dies[i] = o->left[i] == 0;
        if (!dies[i] && !(p->stored[i] && n->kind != SP_KIND_DATA)) continue;
        for (int k = 0; k < n->nin; k++) {
            int32_t in = o->in[i][k];
            if (o->node[in] == n->in[k]) o->left[in]--;
        }
    }
}
