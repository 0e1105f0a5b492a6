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
    int64_t few = few_pending(s), left = atomic_fetch_sub(&run->pending, 1) - 1;
    if (left > 0 && left != few) return;
    if (left == 0) sp_runtime_rest();
    pthread_mutex_lock(&s->lock);
    if (left == 0) run->ended = true;
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
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
    sp_free(task);
    atomic_fetch_add_explicit(&run->done, 1, memory_order_relaxed);
    count_down(run);
}

static struct starpu_codelet tile_codelet = {
    .cpu_funcs = { codelet },
    .nbuffers = STARPU_VARIABLE_NBUFFERS,
    .name = "starp",
};

static void throttle(struct sp_run *run)
{
    struct sp_sched *s = run->sched;
    if (atomic_load(&run->pending) <= SP_OPTION(&s->options, in_flight)) return;
    pthread_mutex_lock(&s->lock);
    while (atomic_load(&run->pending) > few_pending(s)) pthread_cond_wait(&s->change, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static starpu_data_handle_t handle_of(struct sp_slot *slot)
{
    if (!slot->handle) starpu_variable_data_register(&slot->handle, STARPU_MAIN_RAM, (uintptr_t)slot->data, slot->bytes);
    return slot->handle;
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

static void wake_for(struct sp_run *run)
{
    if (run->woken) return;
    run->woken = true;
    run->begun = sp_now();
    atomic_fetch_add(&run->pending, 1); /* submission itself, until sp_seal */
    sp_runtime_wake();
}

static bool counts_down(struct sp_sched *s)
{
    return s->fault_countdown > 0 && --s->fault_countdown == 0;
}

static starp_status refuse(struct sp_task *task, struct starpu_task *t, struct sp_error *e)
{
    if (t) {
        t->destroy = 0;
        starpu_task_destroy(t);
    }
    sp_free(task);
    return sp_fail_memory(e);
}

starp_status sp_submit(struct sp_task *task, struct sp_error *e)
{
    struct sp_run *run = task->run;
    struct starpu_task *t = sp_alloc_fails() ? NULL : starpu_task_create();
    if (!t) return refuse(task, NULL, e);
    t->cl = &tile_codelet;
    t->name = task->name;
    if (!set_dependencies(t, task)) return refuse(task, t, e);
    t->cl_arg = task;
    t->callback_func = callback;
    t->callback_arg = task;
    task->fail = counts_down(run->sched);
    wake_for(run);
    throttle(run);
    atomic_fetch_add(&run->pending, 1);
    run->submitted++;
    run->sched->tasks++;
    int failed = starpu_task_submit(t);
    if (failed == 0) return STARP_OK;
    atomic_fetch_sub(&run->pending, 1);
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
    sp_free(task);
    if (!atomic_load_explicit(&run->stop, memory_order_relaxed)) return STARP_OK;
    return sp_run_fault(run, e);
}

void sp_seal(struct sp_run *run)
{
    if (run->woken && !run->sealed) {
        run->sealed = true;
        count_down(run);
    }
}

bool sp_wait_until(struct sp_run *run, const struct timespec *deadline)
{
    struct sp_sched *s = run->sched;
    int error = 0;
    if (!run->woken) return true;
    pthread_mutex_lock(&s->lock);
    while (!run->ended && error == 0) {
        error = deadline ? pthread_cond_timedwait(&s->change, &s->lock, deadline) : pthread_cond_wait(&s->change, &s->lock);
    }
    bool ended = run->ended;
    pthread_mutex_unlock(&s->lock);
    return ended;
}

void sp_drain(struct sp_run *run)
{
    sp_seal(run);
    sp_wait_until(run, NULL);
    run->woken = run->sealed = run->ended = false;
}
