/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * team.c: workers that help with a task, as far as they come: fork and join inside of it. The task that leads gives out
 * blocks; tasks on other workers take some, while it does the others itself and then waits for those under way. It never waits
 * for anybody to come, and who finds nobody leading soon leaves, so there is nothing that teams could wait for in a circle.
 *
 * Blocks are given out through one word: how many are left, and which work they are of, so that a helper that was away for a
 * while cannot take a block of other work than it has seen. What the blocks are is written before that word, and not again
 * until all of them are done.
 */
#include <sched.h>

#include "call.h"

#define PATIENCE 0.001 /* seconds for which a helper waits for the leader */
#define SPINS 2000     /* looks until one lets others have the core now and then */

enum state { NOT_YET, OPEN, CLOSED };

struct sp_team {
    struct sp_run *run;
    bool alone;
    uint32_t generation;
    void (*fn)(void *arg, int64_t block);
    void *arg;
    int64_t nblock;
    char apart[64];               /* from what changes all the time */
    atomic_int state;
    atomic_uint_fast64_t left;    /* generation, and blocks to be taken: 32 bits each */
    char far[64];
    atomic_int_fast64_t unfinished;
};

static void relax(int *looks)
{
    if (++*looks > SPINS) sched_yield();
#ifdef __x86_64__
    else __builtin_ia32_pause();
#endif
}

/* Takes a block and does it, if there is one. */
static bool take(struct sp_team *t)
{
    uint64_t left = atomic_load_explicit(&t->left, memory_order_acquire);
    do {
        if ((uint32_t)left == 0) return false;
    } while (!atomic_compare_exchange_weak_explicit(&t->left, &left, left - 1, memory_order_acquire, memory_order_acquire));
    t->fn(t->arg, t->nblock - (int64_t)(uint32_t)left);
    atomic_fetch_sub_explicit(&t->unfinished, 1, memory_order_release);
    return true;
}

static bool share(void *team, int64_t nblock, void (*fn)(void *arg, int64_t block), void *arg)
{
    struct sp_team *t = team;
    int looks = 0;
    if (atomic_load_explicit(&t->run->stop, memory_order_relaxed)) return false;
    if (nblock < 2 || t->alone) {
        for (int64_t b = 0; b < nblock; b++) fn(arg, b);
        return true;
    }
    t->fn = fn;
    t->arg = arg;
    t->nblock = nblock;
    atomic_store_explicit(&t->unfinished, nblock, memory_order_relaxed);
    atomic_store_explicit(&t->left, (uint64_t)++t->generation << 32 | (uint64_t)nblock, memory_order_release);
    while (take(t)) continue;
    while (atomic_load_explicit(&t->unfinished, memory_order_acquire) > 0) relax(&looks);
    return true;
}

struct sp_share sp_team_open(struct sp_team *t)
{
    atomic_store(&t->state, OPEN);
    return (struct sp_share){ share, t };
}

void sp_team_close(struct sp_team *t)
{
    atomic_store(&t->state, CLOSED);
}

struct help_task {
    struct sp_task task;
    struct sp_team *team;
};

static int help(struct sp_task *task, void *scratch)
{
    struct sp_team *t = ((struct help_task *)task)->team;
    double began = sp_now();
    int looks = 0;
    (void)scratch;
    while (atomic_load(&t->state) == NOT_YET && sp_now() - began < PATIENCE) relax(&looks);
    while (atomic_load_explicit(&t->state, memory_order_acquire) == OPEN) {
        if (take(t)) looks = 0;
        else relax(&looks);
    }
    return SP_KERNEL_OK;
}

struct sp_team *sp_team_new(struct sp_calling *c)
{
    struct sp_team *t = sp_run_keep(c->run, sizeof *t);
    if (!t) return sp_fail_memory(c->e), NULL;
    t->run = c->run;
    t->alone = c->at_once || c->run->sched->runtime.workers < 2;
    return t;
}

starp_status sp_team_submit(struct sp_calling *c, struct sp_team *t, struct sp_slot *slot)
{
    for (int k = 1; k < c->run->sched->runtime.workers && !t->alone; k++) {
        struct help_task *h = sp_call_task(c, sizeof *h, 1, "help", help);
        if (!h) return sp_fail_memory(c->e);
        h->team = t;
        sp_call_depend(c, &h->task, slot, 1);
        SP_TRY(sp_call_submit(c, &h->task));
    }
    return STARP_OK;
}
