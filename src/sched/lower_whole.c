/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_whole.c: linear algebra on matrices that are not cut: each is one call of LAPACK's. Small ones share a task, and
 * that is how a batch runs in parallel; a single large one keeps one worker busy, with the matrix in one piece.
 */
#include <string.h>

#include "call.h"

struct whole_task {
    struct sp_task task;
    struct sp_whole job;
    int64_t first, stack, all; /* matrices: before those of this task, of it, of the batch */
    int64_t in_step[2], out_step[SP_MAX_RESULTS]; /* bytes from one matrix to the next */
};

void sp_whole_report(struct sp_task *task, enum sp_call call, int info, int64_t matrix, int64_t all)
{
    const char *name = sp_calls[call].name;
    char text[200], of[48] = "";
    int status = STARP_ERR_COMPUTE;
    if (all > 1) snprintf(of, sizeof of, " (matrix %lld)", (long long)matrix);
    if (info == SP_WHOLE_NOT_FINITE) {
        snprintf(text, sizeof text, "%s: the matrix has infinite or NaN elements%s", name, of);
    } else if (info == SP_WHOLE_NO_MEMORY) {
        status = STARP_ERR_MEMORY;
        snprintf(text, sizeof text, "%s: no memory for LAPACK's workspace", name);
    } else if (info < 0) {
        snprintf(text, sizeof text, "%s: LAPACK refuses argument %d%s", name, -info, of);
    } else if (call == SP_CALL_solve) {
        snprintf(text, sizeof text, "%s: the matrix is singular: U(%d,%d)%s is exactly zero", name, info, info, of);
    } else if (call == SP_CALL_cholesky) {
        snprintf(text, sizeof text, "%s: the matrix is not positive definite: its leading minor of order %d%s is not positive", name, info, of);
    } else {
        snprintf(text, sizeof text, "%s: LAPACK does not converge: %d values are not found%s", name, info, of);
    }
    sp_run_fail(task->run, (starp_status)status, task->site, text);
}

static int perform_whole(struct sp_task *task, void *scratch)
{
    struct whole_task *t = (struct whole_task *)task;
    struct sp_whole x = t->job;
    x.tau = scratch;
    x.pivot = scratch;
    for (int64_t i = 0; i < t->stack; i++) {
        int info = sp_whole_run(&x);
        if (info) {
            sp_whole_report(task, t->job.call, info, t->first + i, t->all);
            return SP_KERNEL_OK;
        }
        for (int k = 0; k < 2; k++) x.in[k] = (char *)x.in[k] + t->in_step[k];
        for (int k = 0; k < SP_MAX_RESULTS; k++) x.out[k] = (char *)x.out[k] + t->out_step[k];
    }
    return SP_KERNEL_OK;
}

/* The matrices of a call: operands, and results; results[k] may be an operand that is overwritten. */
struct whole {
    struct sp_matrix in[2], out[SP_MAX_RESULTS];
    int nin, nout;
    bool over;                      /* result 0 is the last operand */
};

static int64_t matrix_bytes(const struct sp_matrix *m)
{
    return m->rows * m->cols * sp_dtypes[m->dtype].size;
}

static starp_status submit_stack(struct sp_calling *c, struct whole *w, int64_t tile, int64_t first, int64_t *count)
{
    const struct sp_matrix *a = &w->in[0];
    *count = sp_matrix_stack(a, tile);
    if (!sp_is_mine(c->run->sched, sp_matrix_owner(a, tile))) return STARP_OK;
    struct whole_task *t = sp_call_task(c, sizeof *t, w->nin + w->nout, "lapack", perform_whole);
    if (!t) return sp_fail_memory(c->e);
    t->job = (struct sp_whole){ .call = (enum sp_call)c->node->op, .dtype = a->dtype, .m = c->extent[0][0], .n = c->extent[0][1], .k = c->extent[1][1] };
    memcpy(t->job.option, c->node->param, sizeof t->job.option);
    memcpy(&t->job.rcond, c->node->param, sizeof t->job.rcond);
    t->task.priority = 1; /* right after its operands' copies, which are in the cache then; results' copies have 2 */
    t->first = first;
    t->stack = *count;
    t->all = sp_shape_size(&c->batch);
    t->task.scratch = sp_whole_scratch(t->job.call, a->dtype, t->job.option[0], t->job.m, t->job.n);
    for (int k = 0; k < w->nin; k++) {
        t->job.in[k] = w->in[k].value->slot[tile]->data;
        t->in_step[k] = matrix_bytes(&w->in[k]);
        sp_call_depend(c, &t->task, w->in[k].value->slot[tile], 3);
    }
    for (int k = w->over; k < w->nout; k++) {
        t->job.out[k] = w->out[k].value->slot[tile]->data;
        t->out_step[k] = matrix_bytes(&w->out[k]);
        sp_call_depend(c, &t->task, w->out[k].value->slot[tile], 2);
    }
    return sp_call_submit(c, &t->task);
}

/* A matrix for a result: vectors are a column, scalars one element. */
static starp_status new_result(struct sp_calling *c, struct sp_matrix *m, int part)
{
    const struct sp_results *r = c->node->results;
    const starp_dims *shape = r ? &r->shape[part] : &c->node->shape;
    int n = shape->n - c->batch.n;
    int64_t rows = n > 0 ? shape->v[c->batch.n] : 1, cols = n > 1 ? shape->v[c->batch.n + 1] : 1;
    return sp_matrix_new(c, m, (starp_dtype)(r ? r->dtype[part] : c->node->dtype), rows, cols, INT64_MAX, INT64_MAX, SP_DEALT_COLUMNS);
}

static starp_status make_matrices(struct sp_calling *c, struct whole *w, bool adjoint)
{
    int64_t rows = c->extent[0][0] > c->extent[0][1] ? c->extent[0][0] : c->extent[0][1];
    for (int k = 0; k < w->nin; k++) {
        starp_dtype d = (starp_dtype)c->run->sched->order.node[c->step->operand[k].node]->dtype;
        SP_TRY(sp_matrix_new(c, &w->in[k], d, k ? rows : c->extent[0][0], c->extent[k][1], INT64_MAX, INT64_MAX, SP_DEALT_COLUMNS));
        SP_TRY(sp_matrix_load(c, &w->in[k], k, adjoint));
    }
    for (int k = w->over; k < w->nout; k++) SP_TRY(new_result(c, &w->out[k], k));
    return STARP_OK;
}

starp_status sp_lower_whole(struct sp_calling *c)
{
    enum sp_call call = (enum sp_call)c->node->op;
    struct whole w = { .nin = sp_calls[call].nin, .nout = sp_calls[call].nout };
    int32_t option;
    memcpy(&option, c->node->param, sizeof option);
    w.over = w.nin == 2 || call == SP_CALL_cholesky || call == SP_CALL_lu;
    bool adjoint = call == SP_CALL_cholesky && option;
    sp_call_stack(c, c->extent[0][0] * c->extent[0][1] > 0 ? c->extent[0][0] * c->extent[0][1] : 1);
    SP_TRY(make_matrices(c, &w, adjoint));
    int64_t first = 0, count;
    for (int64_t tile = 0; tile < w.in[0].value->ntile; tile++, first += count) SP_TRY(submit_stack(c, &w, tile, first, &count));
    for (int k = 0; k < w.nout; k++) SP_TRY(sp_matrix_store(c, k == 0 && w.over ? &w.in[w.nin - 1] : &w.out[k], k, adjoint));
    return STARP_OK;
}
