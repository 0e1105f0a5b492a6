/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * runtime.c: StarPU is one per process, so it is counted here: started by the first session, stopped by the last. Its
 * workers spin while they have nothing to do; they are paused unless a run needs them. They run in batch class, so that
 * a waking or spinning worker does not take the core from the thread that feeds it: without that, a round trip costs a
 * scheduler slice (3 to 4 ms) on a machine with as many workers as cores, instead of 0.05 ms.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <starpu.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* What StarPU itself forces to be global. */
static struct {
    pthread_mutex_t lock;
    int sessions;
    atomic_int awake; /* runs that need the workers */
    struct sp_runtime shared;
    int blas_threads; /* what BLAS used before the first session */
} process = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Several ranks on this machine share its cores: each takes its part, unless the user has bound them. */
static struct {
    cpu_set_t cores;
    bool pinned; /* every worker has a core of its own, which StarPU cannot see */
} share;

static void be_polite(void *unused)
{
    (void)unused;
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
    int n = starpu_worker_get_id();
    for (int c = 0; c < CPU_SETSIZE && share.pinned; c++) {
        if (!CPU_ISSET(c, &share.cores) || n-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(c, &one);
        sched_setaffinity(0, sizeof one, &one);
    }
}

/* The rank's part of what the machine lets it use: as many cores as fit, one after the other. */
static void take_share(int rank, int ranks)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    sched_setaffinity(0, sizeof all, &all); /* launchers bind a rank to one core, whatever there is */
    sched_getaffinity(0, sizeof all, &all);
    int n = CPU_COUNT(&all), each = n / ranks, at = 0;
    share.cores = all;
    for (int c = 0; c < CPU_SETSIZE && each > 0; c++) {
        if (!CPU_ISSET(c, &all)) continue;
        if (at < rank * each || at >= (rank + 1) * each) CPU_CLR(c, &share.cores);
        at++;
    }
    share.pinned = each > 0;
    sched_setaffinity(0, sizeof share.cores, &share.cores);
}

/* How many cores this rank has; more ranks than cores share them all, one worker each. */
static int count_cores(void)
{
    int rank, ranks;
    sp_world_local(&rank, &ranks);
    if (ranks > 1 && !sp_options_bound()) take_share(rank, ranks);
    else if (sched_getaffinity(0, sizeof share.cores, &share.cores) != 0) return 1;
    if (ranks > 1) setenv("STARPU_WORKERS_NOBIND", "1", 1); /* StarPU would bind all ranks to the first cores */
    return ranks > 1 && !share.pinned && !sp_options_bound() ? 1 : CPU_COUNT(&share.cores);
}

/*
 * Workers that find nothing to do spin. Where they wait for messages, that takes the core from those who would send them, and
 * where there are more workers than cores, from those that have a task. So with several ranks, or that many workers, one that
 * finds nothing sleeps until a task is pushed: the policy's push and pop are wrapped.
 */
static struct {
    struct starpu_sched_policy policy;
    struct starpu_task *(*pop)(unsigned context);
    int (*push)(struct starpu_task *task);
    pthread_mutex_t lock;
    pthread_cond_t change;
    atomic_uint pushes;
    atomic_int sleepers;
    atomic_uint_fast64_t waited; /* nanoseconds, of all workers, while messages were expected */
} drowsy = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

#define FRUITLESS 8       /* looks before a worker sleeps */
#define NAP 2000000       /* nanoseconds at most: then it looks whether StarPU wants something else of it */

static void nap(unsigned pushes)
{
    struct timespec until;
    double began = sp_now();
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += NAP;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    starpu_worker_relax_on();
    pthread_mutex_lock(&drowsy.lock);
    atomic_fetch_add(&drowsy.sleepers, 1);
    sp_comm_hurry();
    if (atomic_load(&drowsy.pushes) == pushes) pthread_cond_timedwait(&drowsy.change, &drowsy.lock, &until);
    atomic_fetch_sub(&drowsy.sleepers, 1);
    pthread_mutex_unlock(&drowsy.lock);
    starpu_worker_relax_off();
    if (sp_comm_expects()) atomic_fetch_add(&drowsy.waited, (uint64_t)(1e9 * (sp_now() - began)));
}

static struct starpu_task *pop_or_nap(unsigned context)
{
    static _Thread_local int fruitless;
    unsigned pushes = atomic_load(&drowsy.pushes);
    struct starpu_task *task = drowsy.pop(context);
    fruitless = task ? 0 : fruitless + 1;
    if (fruitless > FRUITLESS) nap(pushes);
    return task;
}

static int push_and_wake(struct starpu_task *task)
{
    int status = drowsy.push(task);
    atomic_fetch_add(&drowsy.pushes, 1);
    if (atomic_load(&drowsy.sleepers) > 0) {
        pthread_mutex_lock(&drowsy.lock);
        pthread_cond_broadcast(&drowsy.change);
        pthread_mutex_unlock(&drowsy.lock);
    }
    return status;
}

static void make_drowsy(struct starpu_conf *conf)
{
    for (struct starpu_sched_policy **p = starpu_sched_get_predefined_policies(); *p; p++) {
        if (strcmp((*p)->policy_name, conf->sched_policy_name) != 0 || !(*p)->pop_task || !(*p)->push_task) continue;
        drowsy.policy = **p;
        drowsy.pop = drowsy.policy.pop_task;
        drowsy.push = drowsy.policy.push_task;
        drowsy.policy.pop_task = pop_or_nap;
        drowsy.policy.push_task = push_and_wake;
        conf->sched_policy = &drowsy.policy;
        conf->sched_policy_name = NULL; /* it would come first */
        return;
    }
}

const char *sp_runtime_binding(void)
{
    if (share.pinned) return "each worker on a core of its own";
    return sp_options_bound() ? "bound as the launcher was told" : "sharing all cores";
}

bool sp_runtime_is_idle(void)
{
    return atomic_load(&drowsy.sleepers) > 0 || process.awake == 0;
}

uint64_t sp_runtime_waited(void)
{
    return atomic_load(&drowsy.waited);
}

int sp_runtime_max_cpus(void)
{
    return STARPU_MAXCPUS;
}

static starp_status start(const struct sp_options *o, struct sp_error *e)
{
    struct starpu_conf conf;
    struct sp_runtime *r = &process.shared;
    int wanted = (int)SP_OPTION(o, ncpu);
    r->cores = count_cores();
    r->workers = wanted ? wanted : r->cores;
    share.pinned &= r->workers <= CPU_COUNT(&share.cores);
    if (r->workers > STARPU_MAXCPUS) r->workers = STARPU_MAXCPUS;
    strcpy(r->policy, o->at[SP_OPTION_sched].text);
    setenv("STARPU_SILENT", "1", 0); /* the library does not print */
    if (starpu_conf_init(&conf) != 0) return sp_fail(e, STARP_ERR_RUNTIME, "StarPU cannot be configured");
    conf.sched_policy_name = r->policy;
    conf.ncpus = r->workers;
    conf.ncuda = conf.nopencl = 0;
    conf.catch_signals = 0;
    if (sp_world_size() > 1 || r->workers > r->cores) make_drowsy(&conf);
    if (starpu_init(&conf) != 0) return sp_fail(e, STARP_ERR_RUNTIME, "StarPU does not start with %d workers", r->workers);
    r->workers = (int)starpu_cpu_worker_get_count();
    starpu_malloc_set_align(64);
    starpu_execute_on_each_worker(be_polite, NULL, STARPU_CPU);
    starpu_pause();
    return STARP_OK;
}

static starp_status agree(const struct sp_options *o, struct sp_error *e)
{
    const struct sp_runtime *r = &process.shared;
    int64_t wanted = SP_OPTION(o, ncpu);
    if (wanted && wanted != r->workers && !(wanted > r->workers && r->workers == STARPU_MAXCPUS)) {
        return sp_fail(e, STARP_ERR_OPTION, "STARP_NCPU is %lld, but another session of this process runs %d workers", (long long)wanted,
                       r->workers);
    }
    if (strcmp(o->at[SP_OPTION_sched].text, r->policy) != 0) {
        return sp_fail(e, STARP_ERR_OPTION, "STARP_SCHED is \"%s\", but another session of this process runs \"%s\"",
                       o->at[SP_OPTION_sched].text, r->policy);
    }
    return STARP_OK;
}

starp_status sp_runtime_acquire(const struct sp_options *o, struct sp_runtime *r, struct sp_error *e)
{
    pthread_mutex_lock(&process.lock);
    starp_status status = process.sessions ? agree(o, e) : start(o, e);
    if (status == STARP_OK) {
        if (process.sessions == 0) process.blas_threads = sp_dense_threads(1); /* tasks are the threads */
        process.sessions++;
        *r = process.shared;
    }
    pthread_mutex_unlock(&process.lock);
    return status;
}

void sp_runtime_release(void)
{
    pthread_mutex_lock(&process.lock);
    if (--process.sessions == 0) {
        starpu_resume();
        starpu_shutdown();
        sp_dense_threads(process.blas_threads);
    }
    pthread_mutex_unlock(&process.lock);
}

void sp_runtime_wake(void)
{
    pthread_mutex_lock(&process.lock);
    if (process.awake++ == 0) starpu_resume();
    pthread_mutex_unlock(&process.lock);
}

void sp_runtime_rest(void)
{
    pthread_mutex_lock(&process.lock);
    if (--process.awake == 0) starpu_pause();
    pthread_mutex_unlock(&process.lock);
}

const char *sp_runtime_version(char *text, size_t cap)
{
    int major, minor, release;
    starpu_get_version(&major, &minor, &release);
    snprintf(text, cap, "%d.%d.%d", major, minor, release);
    return text;
}
