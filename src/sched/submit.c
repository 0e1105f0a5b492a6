/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * submit.c: the only place that submits tasks. Inside a run most tasks need no dependency at all: what they read was
 * complete before, and nobody else touches what they write. Where tasks of one run do meet, the slots they meet at carry
 * a StarPU handle, registered when first needed and kept with the slot; StarPU's implicit dependencies then order them.
 */
#include <errno.h>
#include <starpu.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Where a submitter that waits goes on; one of the pending is the submission itself. */
static int64_t few_pending(const struct sp_sched *s)
{
    return SP_OPTION(&s->options, in_flight) / 2 + 1;
}

/* One of what the run waits for has ended. The run may be gone once the count is down, the sched is not. */
static void count_down(struct sp_run *run)
{
    struct sp_sched *s = run->sched;
    atomic_fetch_add(&s->leaving, 1);
    int64_t few = few_pending(s) + atomic_load(&run->outgoing), left = atomic_fetch_sub(&run->pending, 1) - 1;
    if (left == 0 || (left <= few && atomic_exchange(&s->waiting, false))) {
        if (left == 0) sp_runtime_rest();
        pthread_mutex_lock(&s->lock);
        if (left == 0) run->ended = true;
        pthread_cond_broadcast(&s->change);
        pthread_mutex_unlock(&s->lock);
    }
    atomic_fetch_sub(&s->leaving, 1);
}

#define TICK 0.1 /* seconds */

static bool has_ended(const struct sp_run *run)
{
    return run->ended;
}

static bool has_few_pending(const struct sp_run *run)
{
    return atomic_load(&run->pending) - atomic_load(&run->outgoing) <= few_pending(run->sched);
}

/* Waits at most so long until something holds; whether it does. */
static bool wait_until(struct sp_run *run, bool (*holds)(const struct sp_run *), double seconds)
{
    struct sp_sched *s = run->sched;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t nanoseconds = t.tv_nsec + (int64_t)(seconds * 1e9);
    t.tv_sec += nanoseconds / 1000000000;
    t.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&s->lock);
    for (int error = 0; error == 0;) {
        atomic_store(&s->waiting, holds == has_few_pending); /* the end wakes in any case */
        if (holds(run)) break;
        error = pthread_cond_timedwait(&s->change, &s->lock, &t);
    }
    atomic_store(&s->waiting, false);
    bool done = holds(run);
    pthread_mutex_unlock(&s->lock);
    return done;
}

static bool is_said(const struct sp_run *run)
{
    return *run->awaited;
}

static void tick(struct sp_run *run)
{
    struct sp_sched *s = run->sched;
    double now = sp_now();
    if (now - run->ticked < TICK) return;
    run->ticked = now;
    if (sp_world_check(s->session)) sp_run_lost(run);
    bool cancel = s->tick && s->tick(s->tick_user, run);
    if (cancel || (run->cancelled && !run->told)) sp_run_cancel(s, run);
}

void sp_sched_watch(struct sp_sched *s)
{
    s->watch.begun = s->watch.ticked = sp_now();
    s->watch.unwanted = s->watch.ended = false;
}

bool sp_sched_unwanted(void *sched)
{
    struct sp_sched *s = sched;
    double now = sp_now();
    if (s->watch.unwanted || now - s->watch.ticked < TICK) return s->watch.unwanted;
    s->watch.ticked = now;
    return s->watch.unwanted = s->tick && s->tick(s->tick_user, NULL);
}

bool sp_sched_watched(struct sp_sched *s)
{
    s->watch.ended = true;
    if (s->watch.ticked > s->watch.begun && s->tick) s->tick(s->tick_user, NULL); /* once more, if at all */
    return s->watch.unwanted;
}

void sp_sched_watch_progress(const struct sp_sched *s, starp_progress_info *info)
{
    *info = (starp_progress_info){ .tasks_done = s->watch.ended, .tasks_total = 1, .seconds = sp_now() - s->watch.begun };
}

/* Waits until something holds, and calls the client's tick meanwhile. */
static void wait_ticking(struct sp_run *run, bool (*holds)(const struct sp_run *))
{
    while (!wait_until(run, holds, TICK)) tick(run);
    tick(run);
}

static void free_task(struct sp_task *task)
{
    if (task->end) task->end(task);
    for (const struct sp_message *m = task->post; m; m = m->next) sp_message_sign(m); /* several may share their bytes: all before one goes */
    for (struct sp_message *m = task->post, *next; m; m = next) { /* even when it was skipped, since the run has failed */
        next = m->next;
        sp_comm_post(m);
    }
    sp_free(task);
}

static const char *fault_text(int fault)
{
    return fault == SP_KERNEL_NEGATIVE_POWER ? "pow: an integer to a negative integer power" : "the kernel failed";
}

/* Runs a task's work unless its run has been stopped. */
static void perform(struct sp_task *task, struct sp_scratch *scratch)
{
    struct sp_run *run = task->run;
    if (atomic_load_explicit(&run->stop, memory_order_relaxed)) return;
    void *memory = sp_scratch_get(scratch, task->scratch);
    if (!memory) {
        sp_run_fail(run, STARP_ERR_MEMORY, task->site, "no memory for a task's scratch space");
        return;
    }
    if (task->fail) {
        sp_run_fail(run, STARP_ERR_COMPUTE, task->site, "the task was made to fail (STARP_FAULT)");
        return;
    }
    int fault = task->perform(task, memory);
    if (fault) sp_run_fail(run, STARP_ERR_COMPUTE, task->site, fault_text(fault));
}

static void codelet(void *buffers[], void *arg)
{
    (void)buffers;
    struct sp_task *task = arg;
    perform(task, &task->run->sched->scratch[starpu_worker_get_id()]);
}

static void callback(void *arg)
{
    struct sp_task *task = arg;
    struct sp_run *run = task->run;
    free_task(task);
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    count_down(run);
}

static struct starpu_codelet tile_codelet = {
    .cpu_funcs = { codelet },
    .nbuffers = STARPU_VARIABLE_NBUFFERS,
    .name = "starp",
};

/*
 * Tasks submitted before the workers wake. A waking worker meets the submitter at StarPU's locks, and may then keep the
 * core that the submitter needs for a scheduler slice (4 ms): with few tasks queued, the other workers run dry.
 */
#define HEAD_START 128

static void wake(struct sp_run *run)
{
    if (run->woken) return;
    run->woken = true;
    sp_runtime_wake();
}

static void throttle(struct sp_run *run)
{
    if (atomic_load(&run->pending) - atomic_load(&run->outgoing) <= SP_OPTION(&run->sched->options, in_flight)) return;
    wake(run);
    wait_ticking(run, has_few_pending);
}

/* The first task of a run. The workers are not woken yet, see HEAD_START. */
static void start(struct sp_run *run)
{
    if (run->started) return;
    run->started = true;
    run->begun = run->ticked = sp_now();
    atomic_fetch_add(&run->pending, 1); /* submission itself, until sp_seal */
}

static starpu_data_handle_t handle_of(struct sp_slot *slot)
{
    if (!slot->handle) starpu_variable_data_register(&slot->handle, STARPU_MAIN_RAM, (uintptr_t)slot->data, slot->bytes);
    return slot->handle;
}

void sp_expect(struct sp_run *run)
{
    start(run);
    atomic_fetch_add(&run->pending, 1);
}

static void post_receives(void *arg)
{
    for (struct sp_message *m = arg, *next; m; m = next) {
        next = m->next;
        sp_comm_post(m);
    }
}

void sp_receive(struct sp_message *m)
{
    for (const struct sp_message *part = m; part; part = part->next) {
        sp_expect(m->run);
        atomic_fetch_add(&m->slot->arriving, 1);
    }
    starpu_data_acquire_on_node_cb(handle_of(m->slot), STARPU_MAIN_RAM, STARPU_W, post_receives, m);
}

void sp_message_ended(struct sp_message *m)
{
    struct sp_run *run = m->run;
    if (!m->receive) atomic_fetch_sub(&run->outgoing, 1);
    else if (!sp_message_is_sound(m)) atomic_store(&run->stop, true); /* it has failed on another rank, which tells why */
    if (m->receive && atomic_fetch_sub(&m->slot->arriving, 1) == 1) starpu_data_release_on_node(m->slot->handle, STARPU_MAIN_RAM);
    sp_free(m);
    count_down(run);
}

void sp_slot_forget(struct sp_slot *slot)
{
    starpu_data_unregister_no_coherency(slot->handle);
    slot->handle = NULL;
}

static bool set_dependencies(struct starpu_task *t, const struct sp_task *task)
{
    static const enum starpu_data_access_mode modes[] = { STARPU_NONE, STARPU_R, STARPU_W, STARPU_RW };
    t->nbuffers = task->ndep;
    if (task->ndep > STARPU_NMAXBUFS) {
        t->dyn_handles = sp_malloc((size_t)task->ndep * sizeof *t->dyn_handles);
        t->dyn_modes = sp_malloc((size_t)task->ndep * sizeof *t->dyn_modes);
        if (!t->dyn_handles || !t->dyn_modes) return false;
    }
    for (int i = 0; i < task->ndep; i++) {
        STARPU_TASK_SET_HANDLE(t, handle_of(task->dep[i]), i);
        STARPU_TASK_SET_MODE(t, modes[task->dep_mode[i]], i);
    }
    return true;
}

static bool counts_down(struct sp_sched *s)
{
    return s->fault_countdown > 0 && --s->fault_countdown == 0;
}

static starp_status refuse(struct sp_task *task, struct starpu_task *t, struct sp_error *e)
{
    atomic_fetch_add(&task->run->outgoing, task->sends);
    atomic_fetch_add(&task->run->pending, task->sends); /* the others wait for its messages all the same */
    if (t) {
        t->destroy = 0;
        starpu_task_destroy(t);
    }
    free_task(task);
    return sp_fail_memory(e);
}

starp_status sp_submit(struct sp_task *task, struct sp_error *e)
{
    struct sp_run *run = task->run;
    start(run);
    struct starpu_task *t = sp_alloc_fails() ? NULL : starpu_task_create();
    if (!t) return refuse(task, NULL, e);
    t->cl = &tile_codelet;
    t->name = task->name;
    if (!set_dependencies(t, task)) return refuse(task, t, e);
    t->cl_arg = task;
    t->callback_func = callback;
    t->callback_arg = task;
    t->priority = task->sends > 0 ? STARPU_MAX_PRIO : STARPU_DEFAULT_PRIO + task->priority;
    task->fail = counts_down(run->sched);
    throttle(run);
    atomic_fetch_add(&run->outgoing, task->sends);
    atomic_fetch_add(&run->pending, 1 + task->sends);
    run->submitted++;
    run->sched->tasks++;
    int failed = starpu_task_submit(t);
    if (run->submitted == HEAD_START) wake(run);
    if (failed == 0) return STARP_OK;
    atomic_fetch_sub(&run->outgoing, task->sends);
    atomic_fetch_sub(&run->pending, 1 + task->sends);
    refuse(task, t, &(struct sp_error){ 0 });
    return sp_fail(e, STARP_ERR_RUNTIME, "StarPU refuses a task: %s", strerror(-failed));
}

starp_status sp_perform(struct sp_task *task, struct sp_error *e)
{
    struct sp_run *run = task->run;
    struct sp_sched *s = run->sched;
    task->fail = counts_down(s);
    perform(task, &s->scratch[s->runtime.workers]);
    s->inline_steps++;
    free_task(task);
    if (s->ranks > 1 || !atomic_load_explicit(&run->stop, memory_order_relaxed)) return STARP_OK;
    return sp_run_fault(run, e);
}

void sp_await(struct sp_run *run, const bool *said)
{
    run->awaited = said;
    wake(run);
    wait_ticking(run, is_said);
}

void sp_seal(struct sp_run *run)
{
    if (run->started && !run->sealed) {
        run->sealed = true;
        wake(run);
        count_down(run);
    }
}

bool sp_wait_for(struct sp_run *run, double seconds)
{
    return !run->started || wait_until(run, has_ended, seconds);
}

void sp_drain(struct sp_run *run)
{
    sp_seal(run);
    if (run->started) wait_ticking(run, has_ended);
    run->started = run->woken = run->sealed = run->ended = false;
}
