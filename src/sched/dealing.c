/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dealing.c: which rank does which part of some work whose cost is found out while it is done. The work is dealt in rounds, first
 * large ones, then smaller ones. At the end of a round each rank tells the others how long its workers have had with it; the round
 * after the next is dealt by that, each part to the rank that will be done first, so ranks always have a round in stock
 * while the numbers travel. All ranks hear the same numbers, and so deal alike.
 */
#include <math.h>
#include <string.h>

#include "call.h"

/* Parts of a round, out of all: what remains goes with the last one. */
static const double shares[SP_ROUNDS] = { 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.04 };

/* What a rank says of a round. */
struct report {
    double seconds;         /* its workers were busy with it, all together */
    double workers;
};

struct report_task {
    struct sp_task task;
    const struct sp_dealing *d;
    int round;
    struct report *to;
};

static int write_report(struct sp_task *task, void *scratch)
{
    struct report_task *t = (struct report_task *)task;
    (void)scratch;
    *t->to = (struct report){ 1e-9 * (double)atomic_load(&t->d->busy[t->round]), t->d->c->run->sched->runtime.workers };
    return SP_KERNEL_OK;
}

struct news_task {
    struct sp_task task;
    struct sp_dealing *d;
    int round;
};

static int perform_nothing(struct sp_task *task, void *scratch)
{
    (void)task;
    (void)scratch;
    return SP_KERNEL_OK;
}

/* Also when the run has failed: then the numbers may be any, but they are the same on all ranks. */
static void tell(struct sp_task *task)
{
    struct news_task *t = (struct news_task *)task;
    struct sp_sched *s = task->run->sched;
    pthread_mutex_lock(&s->lock);
    t->d->heard[t->round] = true;
    pthread_cond_broadcast(&s->change);
    pthread_mutex_unlock(&s->lock);
}

starp_status sp_dealing_begin(struct sp_calling *c, struct sp_dealing *d, int64_t n)
{
    int ranks = c->run->sched->ranks;
    d->c = c;
    d->n = n;
    d->owner = sp_run_keep(c->run, (size_t)(n + 1) * sizeof *d->owner);
    d->load = sp_run_keep(c->run, (size_t)ranks * sizeof *d->load);
    d->given = sp_run_keep(c->run, (size_t)ranks * SP_ROUNDS * sizeof *d->given);
    d->report = sp_run_keep(c->run, (size_t)ranks * SP_ROUNDS * sizeof(struct sp_slot *));
    return d->owner && d->load && d->given && d->report ? STARP_OK : sp_fail_memory(c->e);
}

/* A task that reads the slots, which are this rank's parts of the round; what it writes goes to all others. */
static starp_status submit_report(struct sp_dealing *d, int round, struct sp_slot *const *slot, int64_t n)
{
    struct sp_calling *c = d->c;
    struct sp_slot **own = &d->report[round * c->run->sched->ranks + c->run->sched->rank];
    struct report_task *t = sp_call_task(c, sizeof *t, (int)n + 1, "report", write_report);
    if (!t) return sp_fail_memory(c->e);
    t->d = d;
    t->round = round;
    starp_status status = sp_message_slot(c->run, sizeof(struct report), own, c->e);
    if (status == STARP_OK) {
        t->to = (*own)->data;
        memset(t->to, 0, sizeof *t->to);
        status = sp_task_sends(&t->task, *own, sizeof(struct report), SP_EVERYWHERE, c->e);
    }
    if (status != STARP_OK) return sp_task_drop(&t->task), status;
    for (int64_t i = 0; i < n; i++) sp_call_depend(c, &t->task, slot[i], 1);
    sp_call_depend(c, &t->task, *own, 2);
    return sp_call_submit(c, &t->task);
}

starp_status sp_dealing_end_round(struct sp_dealing *d, struct sp_slot *const *slot, int64_t n)
{
    struct sp_calling *c = d->c;
    int round = d->round - 1, ranks = c->run->sched->ranks;
    if (round >= SP_ROUNDS - 2) return STARP_OK; /* nobody will ask */
    SP_TRY(submit_report(d, round, slot, n));
    struct news_task *t = sp_call_task(c, sizeof *t, ranks, "news", perform_nothing);
    if (!t) return sp_fail_memory(c->e);
    t->d = d;
    t->round = round;
    t->task.end = tell;
    for (int rank = 0; rank < ranks; rank++) {
        struct sp_slot **from = &d->report[round * ranks + rank];
        if (rank != c->run->sched->rank) *from = sp_message_receive(c->run, sizeof(struct report), rank, c->e);
        if (!*from) return sp_free(t), c->e->status;
        sp_call_depend(c, &t->task, *from, 1);
        sp_pool_put(&c->run->sched->pool, *from, c->run->id); /* nobody gets it before the run has ended */
    }
    return sp_call_submit(c, &t->task);
}

/* What a part costs on a rank, by what all have said of a round; 0: nobody can tell. */
static double part_seconds(const struct sp_dealing *d, int round)
{
    int ranks = d->c->run->sched->ranks;
    double seconds = 0, parts = 0;
    for (int rank = 0; rank < ranks; rank++) {
        const struct report *r = d->report[round * ranks + rank]->data;
        seconds += r->seconds;
        parts += (double)d->given[round * ranks + rank];
    }
    return isfinite(seconds) && seconds > 0 && parts > 0 ? seconds / parts : 0;
}

static double workers_of(const struct sp_dealing *d, int round, int rank)
{
    double n = ((const struct report *)d->report[round * d->c->run->sched->ranks + rank]->data)->workers;
    return n >= 1 ? n : 1; /* of a rank that has failed: anything */
}

/* Deals [from, to) by what is known of the round before the last; the last one is taken to cost what that one did. */
static void deal_by_cost(struct sp_dealing *d, int64_t from, int64_t to)
{
    int ranks = d->c->run->sched->ranks, known = d->round - 2;
    double part = part_seconds(d, known), load[ranks];
    for (int rank = 0; rank < ranks; rank++) {
        const struct report *r = d->report[known * ranks + rank]->data;
        d->load[rank] += isfinite(r->seconds) ? r->seconds / workers_of(d, known, rank) : 0;
        load[rank] = d->load[rank] + part * (double)d->given[(known + 1) * ranks + rank] / workers_of(d, known, rank);
    }
    for (int64_t i = from; i < to; i++) {
        int best = (int)(i % ranks);
        for (int rank = 0; rank < ranks && part > 0; rank++) best = load[rank] < load[best] ? rank : best;
        d->owner[i] = best;
        load[best] += part / workers_of(d, known, best);
    }
}

bool sp_dealing_next(struct sp_dealing *d, int64_t *from, int64_t *to)
{
    struct sp_run *run = d->c->run;
    int ranks = run->sched->ranks, round = d->round;
    if (round == SP_ROUNDS) return false;
    *from = d->dealt;
    *to = round == SP_ROUNDS - 1 ? d->n : *from + (int64_t)(shares[round] * (double)d->n);
    if (round >= 2) {
        sp_await(run, &d->heard[round - 2]);
        deal_by_cost(d, *from, *to);
    } else {
        for (int64_t i = *from; i < *to; i++) d->owner[i] = (int32_t)(i % ranks);
    }
    for (int64_t i = *from; i < *to; i++) d->given[round * ranks + d->owner[i]]++;
    d->dealt = *to;
    d->round++;
    return true;
}
