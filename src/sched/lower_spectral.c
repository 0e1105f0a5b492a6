/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_spectral.c: eigenvalues of Hermitian matrices, singular values, and their vectors. Each matrix is on one rank: a task
 * reduces it to condensed form, helped by the other workers, since every step of that hangs on the one before; a task solves
 * the condensed form, another one makes block reflectors meanwhile; then a task for some vectors at a time applies them.
 *
 * Tasks that write to different places of a matrix are free of each other: for StarPU, they read it, and a task that does nothing
 * changes it when they are done.
 */
#include <string.h>

#include "call.h"

#define VECTORS 128 /* vectors that a task multiplies by the reflections */

/* The matrices of a call. sides: how many kinds of vectors there are, 0 for values only. */
struct spectral {
    struct sp_calling *c;
    bool symmetric, turned; /* turned: the adjoint is worked on */
    int sides;
    int64_t m, n;           /* as worked on */
    struct sp_matrix a, d, e, tau[2], t[2], vectors[2], real[2];
};

struct spectral_task {
    struct sp_task task;
    struct sp_spectral *job;
    struct sp_team *team;
    int64_t matrix, all;
    int side;
    int64_t first, count;
};

/* ------------------------------------------------------------------------------------------------------------ tasks */

static int reduce(struct sp_task *task, void *scratch)
{
    struct spectral_task *t = (struct spectral_task *)task;
    struct sp_share share = sp_team_open(t->team);
    int info = sp_spectral_reduce(t->job, &share, scratch);
    sp_team_close(t->team);
    if (info && info != SP_SPECTRAL_ABANDONED) sp_whole_report(task, t->job->call, info, t->matrix, t->all);
    return SP_KERNEL_OK;
}

static int solve(struct sp_task *task, void *scratch)
{
    struct spectral_task *t = (struct spectral_task *)task;
    struct sp_share share = sp_team_open(t->team);
    int info = sp_spectral_solve(t->job, &share);
    sp_team_close(t->team);
    (void)scratch;
    if (info && info != SP_SPECTRAL_ABANDONED) sp_whole_report(task, t->job->call, info, t->matrix, t->all);
    return SP_KERNEL_OK;
}

static int make_blocks(struct sp_task *task, void *scratch)
{
    struct spectral_task *t = (struct spectral_task *)task;
    (void)scratch;
    sp_spectral_block(t->job, t->side);
    return SP_KERNEL_OK;
}

static int apply(struct sp_task *task, void *scratch)
{
    struct spectral_task *t = (struct spectral_task *)task;
    sp_spectral_apply(t->job, t->side, t->first, t->count, scratch);
    return SP_KERNEL_OK;
}

static int nothing(struct sp_task *task, void *scratch)
{
    (void)task;
    (void)scratch;
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

static struct spectral_task *new_task(struct spectral *s, struct sp_spectral *job, int64_t tile, const char *name,
                                      int (*perform)(struct sp_task *, void *))
{
    struct spectral_task *t = sp_call_task(s->c, sizeof *t, 6, name, perform);
    if (!t) return sp_fail_memory(s->c->e), NULL;
    t->job = job;
    t->matrix = tile;
    t->all = s->a.value->ntile;
    t->task.priority = 1; /* results' copies have 2 */
    return t;
}

static void depend(struct spectral *s, struct spectral_task *t, const struct sp_matrix *m, uint8_t mode)
{
    if (m->value) sp_call_depend(s->c, &t->task, m->value->slot[t->matrix], mode);
}

/*
 * A task that helpers join, where there is something to share. They read `slot` as it does, whatever it does to it: others wait for
 * what comes with it. As many matrices as workers keep these busy by themselves.
 */
static starp_status submit_led(struct spectral *s, struct spectral_task *t, struct sp_slot *slot, bool shares)
{
    if (s->a.value->ntile >= s->c->run->sched->runtime.workers) shares = false;
    struct sp_team *team = t->team = sp_team_new(s->c);
    if (!team) {
        sp_free(t);
        return s->c->e->status;
    }
    sp_call_depend(s->c, &t->task, slot, 1);
    SP_TRY(sp_call_submit(s->c, &t->task));
    return shares ? sp_team_submit(s->c, team, slot) : STARP_OK;
}

static starp_status submit_reduce(struct spectral *s, struct sp_spectral *job, int64_t tile)
{
    struct spectral_task *t = new_task(s, job, tile, "reduce", reduce);
    if (!t) return s->c->e->status;
    t->task.scratch = sp_spectral_scratch(job);
    depend(s, t, &s->d, 2);
    depend(s, t, &s->e, 2);
    for (int side = 0; side < 2; side++) depend(s, t, &s->tau[side], 2);
    return submit_led(s, t, s->a.value->slot[tile], true);
}

static starp_status submit_solve(struct spectral *s, struct sp_spectral *job, int64_t tile)
{
    struct spectral_task *t = new_task(s, job, tile, "solve", solve);
    if (!t) return s->c->e->status;
    depend(s, t, &s->d, 3);
    for (int side = 0; side < s->sides; side++) {
        depend(s, t, &s->vectors[side], 2);
        depend(s, t, &s->real[side], 2);
    }
    return submit_led(s, t, s->e.value->slot[tile], s->symmetric && s->sides); /* the rest is LAPACK's, in one piece */
}

static starp_status submit_blocks(struct spectral *s, struct sp_spectral *job, int64_t tile, int side)
{
    struct spectral_task *t = new_task(s, job, tile, "block", make_blocks);
    if (!t) return s->c->e->status;
    t->side = side;
    depend(s, t, &s->a, 1);
    depend(s, t, &s->tau[side], 1);
    depend(s, t, &s->t[side], 2);
    return sp_call_submit(s->c, &t->task);
}

static starp_status submit_vectors(struct spectral *s, struct sp_spectral *job, int64_t tile, int side)
{
    int64_t all = side == 0 ? job->columns : job->n, step = VECTORS;
    for (int64_t first = 0; first < all; first += step) {
        struct spectral_task *t = new_task(s, job, tile, "apply", apply);
        if (!t) return s->c->e->status;
        t->side = side;
        t->first = first;
        t->count = all - first < step ? all - first : step;
        t->task.scratch = (size_t)(t->count * SP_SPECTRAL_BLOCK * sp_dtypes[job->dtype].size);
        depend(s, t, &s->a, 1);
        depend(s, t, &s->t[side], 1);
        depend(s, t, &s->vectors[side], 1);
        depend(s, t, &s->real[side], 1);
        SP_TRY(sp_call_submit(s->c, &t->task));
    }
    struct spectral_task *t = new_task(s, job, tile, "join", nothing);
    if (!t) return s->c->e->status;
    depend(s, t, &s->vectors[side], 3);
    return sp_call_submit(s->c, &t->task);
}

static void *data_of(const struct sp_matrix *m, int64_t tile)
{
    return m->value ? m->value->slot[tile]->data : NULL;
}

static starp_status lower_matrix(struct spectral *s, int64_t tile)
{
    if (!sp_is_mine(s->c->run->sched, sp_matrix_owner(&s->a, tile))) return STARP_OK;
    struct sp_spectral *job = sp_run_keep(s->c->run, sizeof *job);
    if (!job) return sp_fail_memory(s->c->e);
    *job = (struct sp_spectral){ .call = (enum sp_call)s->c->node->op, .dtype = s->a.dtype, .m = s->m, .n = s->n,
                                 .panel = SP_OPTION(&s->c->run->sched->options, panel), .a = data_of(&s->a, tile), .d = data_of(&s->d, tile),
                                 .e = data_of(&s->e, tile), .columns = s->vectors[0].cols };
    for (int side = 0; side < 2; side++) {
        const struct sp_matrix *real = s->real[side].value ? &s->real[side] : &s->vectors[side];
        job->tau[side] = data_of(&s->tau[side], tile);
        job->t[side] = data_of(&s->t[side], tile);
        job->vectors[side] = data_of(&s->vectors[side], tile);
        job->real[side] = data_of(real, tile);
    }
    SP_TRY(submit_reduce(s, job, tile));
    for (int side = 0; side < s->sides; side++) SP_TRY(submit_blocks(s, job, tile, side));
    SP_TRY(submit_solve(s, job, tile));
    for (int side = 0; side < s->sides; side++) SP_TRY(submit_vectors(s, job, tile, side));
    return STARP_OK;
}

/* -------------------------------------------------------------------------------------------------------- the calls */

static starp_status new_matrix(struct spectral *s, struct sp_matrix *m, starp_dtype dtype, int64_t rows, int64_t cols)
{
    return sp_matrix_new(s->c, m, dtype, rows, cols, INT64_MAX, INT64_MAX, SP_DEALT_COLUMNS);
}

static starp_status make_matrices(struct spectral *s, bool full)
{
    starp_dtype dtype = (starp_dtype)s->c->run->sched->order.node[s->c->step->operand[0].node]->dtype, real = sp_dtype_real(dtype);
    SP_TRY(new_matrix(s, &s->a, dtype, s->m, s->n));
    SP_TRY(sp_matrix_load(s->c, &s->a, 0, s->turned));
    SP_TRY(new_matrix(s, &s->d, real, s->n, 1));
    SP_TRY(new_matrix(s, &s->e, real, s->n, 1));
    for (int side = 0; side < (s->symmetric ? 1 : 2); side++) SP_TRY(new_matrix(s, &s->tau[side], dtype, s->n, 1));
    for (int side = 0; side < s->sides; side++) {
        int64_t rows = side ? s->n : s->m, cols = side == 0 && full ? s->m : s->n;
        SP_TRY(new_matrix(s, &s->t[side], dtype, SP_SPECTRAL_BLOCK, s->n + SP_SPECTRAL_BLOCK)); /* whole blocks */
        SP_TRY(new_matrix(s, &s->vectors[side], dtype, rows, cols));
        if (real != dtype) SP_TRY(new_matrix(s, &s->real[side], real, s->n, s->n));
    }
    return STARP_OK;
}

/* The first vectors of a wide matrix are its adjoint's second ones. */
static starp_status store(struct spectral *s)
{
    if (s->symmetric || s->sides == 0) {
        SP_TRY(sp_matrix_store(s->c, &s->d, 0, false));
        return s->sides ? sp_matrix_store(s->c, &s->vectors[0], 1, false) : STARP_OK;
    }
    SP_TRY(sp_matrix_store(s->c, &s->vectors[s->turned], 0, s->turned));
    SP_TRY(sp_matrix_store(s->c, &s->d, 1, false));
    return sp_matrix_store(s->c, &s->vectors[!s->turned], 2, s->turned);
}

starp_status sp_lower_spectral(struct sp_calling *c)
{
    enum sp_call call = (enum sp_call)c->node->op;
    int64_t m = c->extent[0][0], n = c->extent[0][1];
    int32_t option;
    memcpy(&option, c->node->param, sizeof option);
    struct spectral s = { .c = c, .symmetric = call == SP_CALL_eigh || call == SP_CALL_eigvalsh };
    s.turned = s.symmetric ? option != 0 : m < n; /* upper halves become lower ones */
    s.sides = call == SP_CALL_eigh ? 1 : call == SP_CALL_svd ? 2 : 0;
    s.m = m > n ? m : n;
    s.n = m < n ? m : n;
    sp_call_stack(c, INT64_MAX);
    SP_TRY(make_matrices(&s, !s.symmetric && option != 0));
    for (int64_t tile = 0; tile < s.a.value->ntile; tile++) SP_TRY(lower_matrix(&s, tile));
    return store(&s);
}
