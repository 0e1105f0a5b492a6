/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c: one evaluation, from roots to settled nodes. Nothing in the graph changes before the run has ended well: a run
 * that fails or is cancelled leaves its nodes as they were, to be computed when they are asked for again. The exception
 * are leaves whose memory a result took over; what needs those keeps the run's error.
 */
#include <string.h>

#include "engine.h"
#include "frame.h"

double sp_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void *sp_scratch_get(struct sp_scratch *s, size_t bytes)
{
    if (bytes <= s->bytes) return s->memory ? s->memory : (void *)s;
    sp_free(s->memory);
    s->bytes = 0;
    s->memory = sp_aligned(64, bytes * 2);
    if (s->memory) s->bytes = bytes * 2;
    return s->memory;
}

void sp_run_fail(struct sp_run *run, starp_status status, const void *site, const char *text)
{
    struct sp_sched *s = run->sched;
    pthread_mutex_lock(&s->lock);
    if (run->fault.status == STARP_OK) run->fault.site = site;
    sp_fail(&run->fault, status, "%s", text);
    atomic_store(&run->stop, true);
    pthread_mutex_unlock(&s->lock);
}

void sp_run_note(struct sp_run *run, const void *site, int64_t index, const char *text)
{
    pthread_mutex_lock(&run->sched->lock);
    if (run->notes++ == 0 || index < run->note_index) {
        run->note.status = STARP_OK;
        sp_fail(&run->note, STARP_ERR_COMPUTE, "%s", text);
        run->note.site = site;
        run->note_index = index;
    }
    pthread_mutex_unlock(&run->sched->lock);
}

starp_status sp_run_fault(struct sp_run *run, struct sp_error *e)
{
    pthread_mutex_lock(&run->sched->lock);
    if (run->fault.status == STARP_OK) sp_fail(&run->fault, STARP_ERR_CANCELLED, "the run was cancelled");
    *e = run->fault;
    pthread_mutex_unlock(&run->sched->lock);
    return e->status;
}

struct sp_kept {
    struct sp_kept *next;
    _Alignas(16) char bytes[];
};

void *sp_run_keep(struct sp_run *run, size_t bytes)
{
    struct sp_kept *kept = sp_calloc(1, sizeof *kept + bytes);
    if (!kept) return NULL;
    kept->next = run->kept;
    run->kept = kept;
    return kept->bytes;
}

/* ---------------------------------------------------------------------------------------------------------- begin */

static size_t operand_count(const struct sp_plan *p)
{
    size_t n = 0;
    for (int32_t t = 0; t < p->nstep; t++) n += p->step[t].program ? p->step[t].program->noperand : 0;
    return n;
}

/* The run and its per-node arrays, in one piece. */
static struct sp_run *new_run(struct sp_sched *s, struct sp_graph *g, struct sp_plan *plan)
{
    const struct sp_order *o = &s->order;
    size_t n = (size_t)o->n, constants = operand_count(plan);
    struct sp_run *run = sp_calloc(1, sizeof *run + (2 * n + constants) * sizeof(void *) + 2 * n * sizeof(bool));
    if (!run) return NULL;
    run->sched = s;
    run->graph = g;
    run->keep_leaves = g->keep_leaves || plan->fallible;
    run->plan = plan;
    run->id = ++s->run_id; /* the same on all ranks */
    sp_near_begin(s);
    run->nnode = o->n;
    run->node = (struct sp_node **)(run + 1);
    run->value = (struct sp_value **)(run->node + n);
    run->constants = (const void **)(run->value + n);
    run->dies = (bool *)(run->constants + constants);
    run->lost = run->dies + n;
    for (size_t i = 0; i < n; i++) {
        run->node[i] = o->node[i];
        run->value[i] = o->node[i]->value;
    }
    sp_plan_dying(plan, o, run->dies);
    for (size_t i = 0; i < n; i++) sp_node_retain(run->node[i]);
    return run;
}

/* What part of a node's memory is on a rank, about: that of its largest result. */
static double share_of(const struct sp_sched *s, const struct sp_node *n)
{
    const starp_dims *shape = &n->shape;
    starp_dtype dtype = (starp_dtype)n->dtype;
    int64_t most = sp_shape_size(shape) * sp_dtypes[dtype].size;
    for (int k = 1; n->results && k < n->results->n; k++) {
        int64_t bytes = sp_shape_size(&n->results->shape[k]) * sp_dtypes[n->results->dtype[k]].size;
        if (bytes <= most) continue;
        most = bytes;
        shape = &n->results->shape[k];
        dtype = (starp_dtype)n->results->dtype[k];
    }
    return most > 0 ? (double)sp_value_share(s, shape, dtype) / (double)most : 1;
}

/* Without a limit of the user's, what the machine has: touching more would end the process. */
static starp_status check_limit(const struct sp_sched *s, const struct sp_plan *plan, struct sp_error *e)
{
    int64_t own = SP_OPTION(&s->options, memory_limit), limit = own ? own : s->machine_bytes;
    struct sp_forecast f;
    char text[SP_SHAPE_TEXT], big[160] = "";
    size_t at = 0;
    sp_plan_forecast(plan, &s->order, &f);
    if (f.big[0] >= 0 && f.big_bytes[0] > 0) { /* about: the biggest result stands for all */
        f.bytes = (int64_t)((double)f.bytes * share_of(s, s->order.node[f.big[0]]));
    }
    if ((int64_t)s->pool.live <= limit && f.bytes <= limit - (int64_t)s->pool.live) return STARP_OK;
    for (int k = 0; k < 3 && f.big[k] >= 0 && at < sizeof big; k++) {
        const struct sp_node *n = s->order.node[f.big[k]];
        at += (size_t)snprintf(big + at, sizeof big - at, "%s%s %s %s", k ? ", " : "",
                               sp_node_name(n), sp_dtypes[n->dtype].name,
                               sp_shape_text(text, &n->shape));
    }
    e->site = f.big[0] >= 0 ? s->order.node[f.big[0]]->site : NULL;
    return sp_fail(e, own ? STARP_ERR_LIMIT : STARP_ERR_MEMORY, "the plan needs %lld bytes%s on top of %llu live ones, over %s (%lld); biggest: %s",
                   (long long)f.bytes, s->ranks > 1 ? " on a rank" : "", (unsigned long long)s->pool.live,
                   own ? "STARP_MEMORY_LIMIT" : s->ranks > 1 ? "its share of the machine's memory" : "the machine's memory",
                   (long long)limit, big);
}

/* Temporaries that no later step reads go back to the pool. */
static void free_dead(struct sp_run *run, int32_t step)
{
    const struct sp_step *s = &run->plan->step[step];
    for (int k = 0; k < s->noperand; k++) {
        int32_t i = s->operand[k].node;
        bool temporary = run->plan->stored[i] && run->dies[i] && !run->sched->order.root[i];
        if (!temporary || run->plan->last_use[i] != step || !run->value[i]) continue;
        sp_value_free(run->sched, run->value[i]);
        run->value[i] = NULL;
    }
}

static starp_status submit_steps(struct sp_run *run, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    const void **constants = run->constants;
    bool checking = SP_OPTION(&s->options, check);
    for (int32_t t = 0; t < run->plan->nstep; t++) {
        const struct sp_step *step = &run->plan->step[t];
        if (step->kind == SP_STEP_FUSED) SP_TRY(sp_lower_fused(run, t, constants, e));
        else if (step->kind == SP_STEP_CALL) SP_TRY(sp_lower_call(run, t, constants, e));
        else if (step->kind == SP_STEP_PART) SP_TRY(sp_lower_part(run, t, e));
        else SP_TRY(sp_lower_reshape(run, t, e));
        if (checking) SP_TRY(sp_check_step(run, t, e));
        free_dead(run, t);
        constants += step->program ? step->program->noperand : 0;
        s->steps++;
        s->fused_groups += step->nops > 1;
        s->fused_ops += step->nops > 1 ? (uint64_t)step->nops : 0;
        /* Other ranks wait for this one's messages, whatever has become of the run. */
        bool alone = s->ranks == 1 || sp_world_lost(NULL);
        if (alone && atomic_load_explicit(&run->stop, memory_order_relaxed)) return sp_run_fault(run, e);
    }
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------------------ end */

/* What can no longer be computed, because a leaf below it is lost, keeps the error. Inputs come first in the order. */
static void poison(struct sp_run *run, const struct sp_error *why)
{
    for (int32_t i = 0; i < run->nnode; i++) {
        struct sp_node *n = run->node[i];
        bool lost = run->lost[i];
        for (int k = 0; k < n->nin && !lost; k++) lost = n->in[k]->fault != NULL;
        if (!lost || n->fault) continue;
        n->fault = sp_malloc(sizeof *n->fault);
        if (n->fault) *n->fault = *why;
    }
}

static void drop_results(struct sp_run *run)
{
    for (int32_t i = 0; i < run->nnode; i++) {
        if (run->value[i] && run->value[i] != run->node[i]->value) sp_value_free(run->sched, run->value[i]);
        run->value[i] = NULL;
    }
}

static void settle(struct sp_run *run)
{
    for (int32_t i = 0; i < run->nnode; i++) {
        struct sp_node *n = run->node[i];
        if (!run->value[i] || run->value[i] == n->value) continue;
        for (struct sp_value *v = run->value[i]; v; v = v->more) v->run = 0;
        run->value[i]->id = n->id;
        run->plan->refs++;
        if (n->plan) sp_plan_release(n->plan);
        n->plan = run->plan;
        sp_node_settle(run->graph, n, run->value[i]);
    }
}

static void free_run(struct sp_run *run)
{
    struct sp_sched *s = run->sched;
    s->run = NULL;
    for (int32_t i = 0; i < run->nnode; i++) sp_node_release(run->graph, run->node[i]);
    sp_pool_settle(&s->pool);
    sp_plugins_rest(s);
    while (run->kept) {
        struct sp_kept *kept = run->kept;
        run->kept = kept->next;
        sp_free(kept);
    }
    sp_plan_release(run->plan);
    sp_free(run);
}

/* The error of a run that holds all the same. */
static starp_status report_notes(const struct sp_run *run, struct sp_error *e)
{
    if (run->notes == 0) return STARP_OK;
    *e = run->note;
    if (run->notes == 1) return e->status;
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, " (and %lld more)", (long long)run->notes - 1);
    return e->status;
}

/* Ends a run whose tasks have all ended. */
static starp_status finish(struct sp_run *run, bool good, struct sp_error *e)
{
    starp_status status = good ? STARP_OK : sp_run_fault(run, e);
    if (good) {
        status = report_notes(run, e);
        settle(run);
    } else {
        drop_results(run);
        poison(run, e);
    }
    free_run(run);
    return status;
}

/* ----------------------------------------------------------------------------------------------------- operations */

/* Keeps the plan's text, for whoever asks later how its results came about. Large ones are not worth the memory. */
static void keep_text(const struct sp_sched *s, struct sp_plan *plan)
{
    size_t size;
    if (plan->text || plan->nstep == 0 || plan->nstep > 64 || sp_alloc_fails()) return;
    FILE *out = open_memstream(&plan->text, &size);
    if (!out) return;
    sp_plan_print(plan, &s->order, out);
    fclose(out);
}

static void explain_now(const struct sp_sched *s, const struct sp_plan *plan)
{
    if (SP_OPTION(&s->options, explain) && s->rank == 0) sp_plan_print(plan, &s->order, stderr);
}

/* Orders, unless the order came from rank 0 (roots NULL), and plans: a reference to the plan. */
static struct sp_plan *make_plan(struct sp_sched *s, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_error *e)
{
    struct sp_plan_options options = { SP_OPTION(&s->options, fuse), SP_OPTION(&s->options, cse), SP_OPTION(&s->options, inplace),
                                       SP_OPTION(&s->options, mixed) };
    if (roots && sp_order_make(&s->order, g, roots, n, options.merge, e) != STARP_OK) return NULL;
    struct sp_plan *plan = sp_plan_get(&s->plans, &s->order, &options, e);
    if (plan && roots && check_limit(s, plan, e) != STARP_OK) { /* rank 0 has asked for all */
        sp_plan_release(plan);
        return NULL;
    }
    return plan;
}

starp_status sp_run_eval(void *self, struct sp_graph *g, struct sp_node *const *roots, int n, struct sp_run **out, struct sp_error *e)
{
    struct sp_sched *s = self;
    *out = NULL;
    struct sp_plan *plan = make_plan(s, g, roots, n, e);
    if (!plan) return e->status;
    struct sp_run *run = new_run(s, g, plan);
    if (!run) {
        sp_plan_release(plan);
        return sp_fail_memory(e);
    }
    s->run = run;
    s->merged += s->order.merged;
    keep_text(s, plan);
    explain_now(s, plan);
    if (s->ranks > 1 && s->rank == 0 && sp_lead_run(run, e) != STARP_OK) {
        free_run(run);
        return e->status;
    }
    starp_status status = submit_steps(run, e);
    if (status == STARP_OK) {
        sp_seal(run);
        *out = run;
        return STARP_OK;
    }
    if (!atomic_load(&run->stop)) sp_run_fail(run, status, e->site, e->text);
    if (s->ranks > 1) sp_world_give_up(s->rank, e->text); /* others would wait for what it has not sent */
    sp_drain(run);
    sp_error_clear(e);
    return finish(run, false, e);
}

void sp_run_lost(struct sp_run *run)
{
    struct sp_error e = { 0 };
    if (sp_world_lost(&e)) sp_run_fail(run, e.status, run->node[run->nnode - 1]->site, e.text);
    else atomic_store(&run->stop, true); /* rank 0 wants it to end */
}

/* Whether a run is good: it is when it is so on all ranks. Rank 0 hears the others and tells them, once and for all. */
static bool is_good(struct sp_run *run)
{
    struct sp_error e = { 0 };
    if (run->sched->ranks == 1) return !atomic_load(&run->stop);
    struct sp_done note = { .notes = 0 };
    if (sp_world_answers(run->id, &note, &e) != STARP_OK) sp_run_fail(run, e.status, e.site, e.text);
    if (note.notes > 0) sp_run_note(run, (const void *)(uintptr_t)note.site, note.note_index, note.text);
    run->notes += note.notes > 0 ? note.notes - 1 : 0;
    bool good = !atomic_load(&run->stop);
    if (sp_lead_outcome(run, good, &e) == STARP_OK) return good;
    sp_run_lost(run);
    return false;
}

starp_status sp_run_wait(void *self, struct sp_run *run, struct sp_error *e)
{
    (void)self;
    sp_drain(run);
    return finish(run, is_good(run), e);
}

starp_status sp_run_end(struct sp_run *run, bool commit, struct sp_error *e)
{
    if (!commit) sp_run_fail(run, STARP_ERR_CANCELLED, NULL, "it failed on another rank");
    return finish(run, commit, e);
}

bool sp_run_test(void *self, struct sp_run *run, double seconds)
{
    struct sp_sched *s = self;
    if (s->ranks > 1 && sp_world_check(s->session)) sp_run_lost(run);
    if (!sp_wait_for(run, seconds)) return false;
    return s->ranks == 1 || sp_world_answered(run->id, (int)(seconds * 1000));
}

void sp_run_cancel(void *self, struct sp_run *run)
{
    struct sp_sched *s = self;
    sp_run_fail(run, STARP_ERR_CANCELLED, NULL, "the run was cancelled");
    run->cancelled = true;
    if (s->ranks > 1 && !run->told) run->told = sp_lead_cancel(s);
}

void sp_sched_progress(struct sp_run *run, starp_progress_info *info)
{
    info->tasks_done = (uint64_t)atomic_load(&run->done);
    info->tasks_total = (uint64_t)run->submitted;
    info->seconds = run->started ? sp_now() - run->begun : 0;
}
