/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sched.c: the executor: what one session has of StarPU, memory and plans. Everything hangs on it; only StarPU itself is
 * shared with other sessions (runtime.c).
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

static starp_status pick_kernels(struct sp_sched *s, struct sp_error *e)
{
    const char *isa = s->options.at[SP_OPTION_isa].text;
    s->kernels = sp_kernels_get(strcmp(isa, "best") == 0 ? NULL : isa);
    if (s->kernels) return STARP_OK;
    return sp_fail(e, STARP_ERR_OPTION, "STARP_ISA is \"%s\", which this machine cannot run", isa);
}

/* As the kernel knows it: the C library's figure is ten times too large on some virtual machines. */
static int64_t last_level_cache(void)
{
    long long kib = 0;
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re");
    if (f && fscanf(f, "%lldK", &kib) != 1) kib = 0;
    if (f) fclose(f);
    return kib > 0 ? kib << 10 : 8 << 20;
}

static starp_status start(struct sp_sched *s, struct sp_error *e)
{
    SP_TRY(pick_kernels(s, e));
    s->fault_countdown = (uint64_t)SP_OPTION(&s->options, fault);
    s->cache_bytes = last_level_cache();
    s->machine_bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    s->pool.limit = SP_OPTION(&s->options, memory_limit);
    s->rank = sp_world_rank();
    s->ranks = sp_world_size();
    int local, locals;
    sp_world_local(&local, &locals);
    s->machine_bytes /= locals; /* its ranks share it */
    s->sent = sp_calloc(2 * (size_t)s->ranks, sizeof *s->sent);
    s->received = s->sent + s->ranks;
    if (!s->sent) return sp_fail_memory(e);
    SP_TRY(sp_near_open(s, e));
    SP_TRY(sp_runtime_acquire(&s->options, &s->runtime, e));
    s->scratch = sp_calloc((size_t)s->runtime.workers + 1, sizeof *s->scratch);
    if (s->scratch) return STARP_OK;
    sp_runtime_release();
    return sp_fail_memory(e);
}

starp_status sp_sched_start(const struct sp_options *o, struct sp_sched **sched, struct sp_error *e)
{
    struct sp_sched *s = sp_calloc(1, sizeof *s);
    if (!s) return sp_fail_memory(e);
    s->options = *o;
    sp_pool_init(&s->pool);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->change, NULL);
    if (start(s, e) == STARP_OK) {
        *sched = s;
        return STARP_OK;
    }
    sp_near_close(s);
    sp_free(s->sent);
    sp_free(s);
    return e->status;
}

/* The ranks of a job meet here; all but rank 0 stay. */
starp_status sp_sched_open(struct sp_sched **sched, struct sp_error *e)
{
    struct sp_options options;
    SP_TRY(sp_options_read(&options, e));
    SP_TRY(sp_world_join(&options, e));
    if (sp_world_rank() > 0) sp_serve();
    SP_TRY(sp_sched_start(&options, sched, e));
    if (sp_world_size() == 1 || sp_lead_open(*sched, e) == STARP_OK) return STARP_OK;
    sp_sched_ops.close(*sched);
    return e->status;
}

static void close_sched(void *self)
{
    struct sp_sched *s = self;
    if (s->ranks > 1 && s->rank == 0) sp_lead_close(s);
    while (atomic_load(&s->leaving) > 0) sched_yield(); /* a task's callback is on its way out */
    sp_free(s->sent);
    sp_functions_free(s);
    sp_plugins_free(s);
    sp_near_close(s);
    for (int i = 0; i <= s->runtime.workers; i++) sp_free(s->scratch[i].memory);
    sp_free(s->scratch);
    sp_plan_cache_free(&s->plans);
    sp_order_free(&s->order);
    sp_pool_free(&s->pool);
    sp_runtime_release();
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->change);
    sp_free(s);
}

static void drop_value(void *self, struct sp_value *value)
{
    sp_value_free(self, value);
}

const struct sp_executor_ops sp_sched_ops = {
    .put = sp_value_put,
    .eval = sp_run_eval,
    .wait = sp_run_wait,
    .test = sp_run_test,
    .cancel = sp_run_cancel,
    .get = sp_value_get,
    .drop = drop_value,
    .gone = sp_lead_gone,
    .close = close_sched,
};

const struct sp_options *sp_sched_options(const struct sp_sched *s)
{
    return &s->options;
}

const struct sp_kernels *sp_sched_kernels(const struct sp_sched *s)
{
    return s->kernels;
}

bool sp_sched_keeps(const struct sp_sched *s)
{
    return SP_OPTION(&s->options, ppeval_keep);
}

int sp_sched_ranks(const struct sp_sched *s)
{
    return s->ranks;
}

starp_status sp_sched_explain(struct sp_sched *s, struct sp_graph *g, struct sp_node *x, FILE *out, struct sp_error *e)
{
    struct sp_plan_options options = { SP_OPTION(&s->options, fuse), SP_OPTION(&s->options, cse), SP_OPTION(&s->options, inplace),
                                       SP_OPTION(&s->options, mixed) };
    struct sp_order saved = s->order; /* a run may be under way */
    s->order = (struct sp_order){ .n = 0 };
    starp_status status = sp_order_make(&s->order, g, &x, 1, options.merge, e);
    struct sp_plan *plan = status == STARP_OK ? sp_plan_fuse(&s->order, &options, e) : NULL;
    if (plan) sp_plan_print(plan, &s->order, out);
    if (plan && s->ranks > 1) sp_traffic_print(s, plan, out, e);
    sp_plan_release(plan);
    sp_order_free(&s->order);
    s->order = saved;
    return e->status;
}

void sp_sched_tick(struct sp_sched *s, sp_tick_fn *tick, void *user)
{
    s->tick = tick;
    s->tick_user = user;
}

void sp_sched_stats(struct sp_sched *s, starp_stats *stats)
{
    stats->tasks += s->tasks;
    stats->inline_steps += s->inline_steps;
    stats->steps += s->steps;
    stats->fused_groups += s->fused_groups;
    stats->fused_ops += s->fused_ops;
    stats->merged += s->merged;
    stats->plan_hits += s->plans.hits;
    stats->plan_misses += s->plans.misses;
    stats->pool_hits += s->pool.hits;
    stats->pool_misses += s->pool.misses;
    stats->inplace += s->inplace;
    stats->mixed_solved += s->refined;
    stats->mixed_left += s->refused;
    stats->messages += s->messages;
    stats->bytes_sent += s->bytes_sent;
    stats->wait_ns += sp_runtime_waited();
    stats->bytes_live += s->pool.live;
    stats->bytes_peak += s->pool.peak;
    stats->bytes_pool += s->pool.held;
}

void sp_sched_info(struct sp_sched *s, FILE *out)
{
    char version[32];
    const struct sp_runtime *r = &s->runtime;
    fprintf(out, "StarPU %s, policy %s; %d worker%s on %d core%s; kernels for %s\n", sp_runtime_version(version, sizeof version),
            r->policy, r->workers, r->workers == 1 ? "" : "s", r->cores, r->cores == 1 ? "" : "s", s->kernels->name);
    int local, locals;
    sp_world_local(&local, &locals);
    if (s->ranks > 1) fprintf(out, "rank %d of %d; %d of them on this machine, %s\n", s->rank, s->ranks, locals, sp_runtime_binding());
    int64_t wanted = SP_OPTION(&s->options, ncpu) ? SP_OPTION(&s->options, ncpu) : r->cores;
    if (r->workers < wanted) {
        fprintf(out, "warning: %d workers instead of %lld: this StarPU was built for at most %d in a process, and cores may stay unused; "
                     "see \"More than four cores\" in the README for the remedy\n", r->workers, (long long)wanted, sp_runtime_max_cpus());
    }
    sp_options_print(&s->options, out);
}
