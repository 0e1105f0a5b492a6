/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * traffic.c: what a plan's steps would send between ranks, counted without running them: the blocks are walked as in
 * lower.c, over values without memory.
 */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Per sending rank. */
struct traffic {
    const struct sp_sched *sched;
    int ranks;
    uint64_t *messages, *bytes;
    uint64_t *parcel; /* of the block under way, by owner */
};

static void send(struct traffic *t, int from, int to)
{
    uint64_t times = to == SP_EVERYWHERE ? (uint64_t)t->ranks - 1 : 1;
    if (from == to || t->parcel[from] == 0) return;
    t->messages[from] += times * sp_message_count(t->sched, t->parcel[from]);
    t->bytes[from] += times * t->parcel[from];
}

/* The windows of other ranks' tiles that the block in l->cuts reads. */
static bool count_windows(struct sp_lowering *l, struct traffic *t, int owner)
{
    for (int from = 0; from < t->ranks; from++) {
        if (!sp_exchange_gather(l, from)) return false;
        t->parcel[from] = l->parcel.bytes;
        send(t, from, owner);
    }
    return true;
}

/* Partial results go to the rank that combines them: counted per result, not per tile of it. */
static void count_partials(struct sp_lowering *l, struct traffic *t, const struct sp_order *o)
{
    for (int r = 0; r < l->program->nreduce && !l->map.everywhere; r++) {
        const struct sp_node *n = o->node[l->step->reduce[r]];
        struct sp_map map;
        size_t acc = l->run->sched->kernels->reduce[l->program->reduce[r].kind][l->program->reduce[r].dtype].acc_size;
        sp_value_map(l->run->sched, &n->shape, &map);
        memset(t->parcel, 0, (size_t)t->ranks * sizeof *t->parcel);
        for (int64_t b = 0; b < l->nkept * l->nreduced; b++) {
            uint64_t bytes = acc * (uint64_t)(sp_shape_size(&n->shape) / l->nkept);
            t->parcel[sp_block_owner(l, b / l->nreduced, b % l->nreduced)] += (bytes + 15) & ~UINT64_C(15);
        }
        for (int from = 0; from < t->ranks; from++) send(t, from, map.everywhere ? SP_EVERYWHERE : (from + 1) % t->ranks);
    }
}

static bool count_fused(struct sp_run *run, int32_t step, struct traffic *t, struct sp_error *e)
{
    struct sp_lowering l = { .run = run, .step = &run->plan->step[step], .number = step, .e = e,
                             .program = run->plan->step[step].program, .constants = run->constants };
    bool ok = sp_lower_begin(&l) == STARP_OK;
    for (int64_t b = 0; b < l.nblock && ok && !l.aligned; b++) {
        int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], kept, reduced;
        sp_lower_block_bounds(&l, b, lo, extent, &kept, &reduced);
        ok = sp_window_cut(&l.cuts, l.ndim, lo, extent, l.window, l.program->noperand, 0);
        ok = ok && count_windows(&l, t, sp_block_owner(&l, kept, reduced));
    }
    if (ok) count_partials(&l, t, &run->sched->order);
    for (int k = 0; k < l.program->noutput && ok; k++) run->value[l.step->output[k]]->map = l.map;
    sp_lower_end(&l);
    return ok;
}

/* Tiles that change their owner; other reshapes are not counted, since that would cost as much as doing them. */
static void count_moved(const struct sp_value *from, const struct sp_value *to, struct traffic *t)
{
    for (int64_t k = 0; k < to->ntile; k++) {
        int here = sp_value_owner(from, k), there = sp_value_owner(to, k);
        if (here == there || here == SP_EVERYWHERE) continue;
        memset(t->parcel, 0, (size_t)t->ranks * sizeof *t->parcel);
        t->parcel[here] = sp_value_tile_bytes(to, k);
        send(t, here, there);
    }
}

static void print(const struct traffic *t, int32_t step, FILE *out)
{
    uint64_t messages = 0, bytes = 0;
    for (int r = 0; r < t->ranks; r++) messages += t->messages[r], bytes += t->bytes[r];
    fprintf(out, "step %d: %llu messages, %llu bytes between ranks", step, (unsigned long long)messages, (unsigned long long)bytes);
    for (int r = 0; r < t->ranks && messages > 0; r++) {
        fprintf(out, "%s rank %d sends %llu, %llu bytes", r ? "," : ":", r, (unsigned long long)t->messages[r], (unsigned long long)t->bytes[r]);
    }
    fprintf(out, "\n");
}

/* Values as the run would make them, without memory; those of leaves are borrowed. */
static bool make_values(struct sp_run *run)
{
    for (int32_t i = 0; i < run->nnode; i++) {
        const struct sp_node *n = run->sched->order.node[i];
        int32_t grid[2];
        run->value[i] = n->value;
        if (n->value || !run->plan->stored[i]) continue;
        run->value[i] = sp_value_new(run->sched, &n->shape, n->dtype);
        if (!run->value[i]) return false;
        memcpy(grid, n->param, sizeof grid);
        bool dealt = n->kind == SP_KIND_RESHAPE && grid[0] > 0 && !run->value[i]->map.everywhere;
        if (dealt) sp_map_init(&run->value[i]->map, &run->value[i]->grid, grid[0], grid[1]);
    }
    return true;
}

static void count_step(struct sp_run *run, int32_t step, struct traffic *t, FILE *out, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    memset(t->messages, 0, 2 * (size_t)t->ranks * sizeof *t->messages);
    if (s->kind == SP_STEP_FUSED) {
        if (count_fused(run, step, t, e)) print(t, step, out);
        return;
    }
    if (s->kind == SP_STEP_PART) return;
    if (s->kind == SP_STEP_CALL) {
        if (sp_call_is_along_axis((enum sp_call)run->sched->order.node[s->output[0]]->op)) {
            sp_along_deal(run, step, run->constants, run->value[s->output[0]], e);
        }
        fprintf(out, "step %d: what travels is not counted\n", step);
        return;
    }
    const struct sp_value *from = run->value[s->operand[0].node], *to = run->value[s->output[0]];
    bool whole = s->operand[0].npath == 0 && sp_shape_equal(&from->shape, &to->shape);
    if (whole) count_moved(from, to, t);
    if (whole || from->map.everywhere) print(t, step, out);
    else fprintf(out, "step %d: elements change ranks as the reshape wants it\n", step);
}

void sp_traffic_print(struct sp_sched *s, struct sp_plan *plan, FILE *out, struct sp_error *e)
{
    size_t n = (size_t)s->order.n, ranks = (size_t)s->ranks;
    struct sp_run run = { .sched = s, .plan = plan, .nnode = s->order.n };
    uint64_t *counts = sp_calloc(3 * ranks, sizeof *counts);
    const void *constants[SP_MAX_OPERANDS];
    struct traffic t = { s, s->ranks, counts, counts + ranks, counts + 2 * ranks };
    run.value = sp_calloc(n, sizeof *run.value);
    run.constants = constants;
    if (!counts || !run.value || !make_values(&run)) sp_fail_memory(e);
    for (int32_t k = 0; k < plan->nstep && e->status == STARP_OK; k++) count_step(&run, k, &t, out, e);
    for (size_t i = 0; run.value && i < n; i++) {
        if (run.value[i] && run.value[i] != s->order.node[i]->value) sp_value_free(s, run.value[i]);
    }
    sp_free(run.value);
    sp_free(counts);
}
