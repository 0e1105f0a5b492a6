/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_output.c: memory for what a step stores: a dying operand's tiles where the plan allows it, else tiles of the pool.
 */
#include <string.h>

#include "engine.h"

/* Whether a node's memory may be written over by step `t` of the run, as far as its life goes. */
static bool is_dying(const struct sp_run *run, int32_t node, int32_t t)
{
    if (run->keep_leaves && !run->plan->stored[node]) return false;
    return run->dies[node] && run->plan->last_use[node] == t && !run->sched->order.root[node];
}

/* Nobody else looks at its tiles: no alias, and no task of this run that would not be waited for. */
static bool is_free_of_readers(const struct sp_run *run, const struct sp_value *v)
{
    for (int64_t t = 0; t < v->ntile; t++) {
        if (v->slot[t] && (v->slot[t]->refs != 1 || v->slot[t]->reads == run->id)) return false;
    }
    return true;
}

/* The dying operand whose tiles output o takes over, or -1. */
static int donor(const struct sp_lowering *l, int o, const struct sp_map *map)
{
    const struct sp_run *run = l->run;
    int32_t step = l->number;
    if (run->plan->step[step].program->nreduce && SP_OPTION(&run->sched->options, tile) != SP_TILE_TARGET) return -1;
    if (SP_OPTION(&run->sched->options, check)) return -1;
    for (int k = 0; k < l->program->noperand; k++) {
        const struct sp_operand *x = &l->step->operand[k];
        if (x->inplace != o || !is_dying(run, x->node, step)) continue;
        if (!sp_map_equal(&run->value[x->node]->map, map)) continue;
        if (is_free_of_readers(run, run->value[x->node])) return k;
    }
    return -1;
}

static void take_over(struct sp_lowering *l, struct sp_value *out, int k)
{
    struct sp_run *run = l->run;
    int32_t node = l->step->operand[k].node;
    struct sp_value *in = run->value[node];
    for (int64_t t = 0; t < out->ntile; t++) {
        out->slot[t] = in->slot[t];
        if (out->slot[t]) out->slot[t]->refs++;
    }
    if (!run->plan->stored[node]) run->lost[node] = true;
    run->sched->inplace++;
}

/* Output k: its window sees the value as the iteration does, axes permuted. */
static void output_window(struct sp_lowering *l, int k, struct sp_value *v)
{
    struct sp_window *w = &l->window[l->program->noperand + k];
    *w = (struct sp_window){ .value = v };
    sp_view_identity(&w->view, l->ndim);
    for (int i = 0; i < l->ndim; i++) w->view.axis[l->axis[i]] = (int8_t)i;
}

starp_status sp_lower_outputs(struct sp_lowering *l)
{
    struct sp_run *run = l->run;
    int64_t bytes = 0;
    bool inplace = false;
    for (int k = 0; k < l->program->noutput; k++) {
        int32_t node = l->step->output[k];
        const struct sp_node *n = run->sched->order.node[node];
        struct sp_value *v = sp_value_new(run->sched, &n->shape, n->dtype);
        if (!v) return sp_fail_memory(l->e);
        run->value[node] = v;
        output_window(l, k, v);
        v->map = l->map;
        int from = donor(l, k, &v->map);
        bool ordered = !l->at_once && run->plan->last_use[node] >= 0;
        if (from >= 0) take_over(l, v, from);
        else SP_TRY(sp_value_fill(run->sched, v, ordered, l->e));
        if (!l->at_once) v->run = run->id;
        inplace |= from >= 0;
        bytes += sp_shape_size(&n->shape) * sp_dtypes[n->dtype].size;
    }
    l->stream = !inplace && bytes > run->sched->cache_bytes / 2;
    return STARP_OK;
}
