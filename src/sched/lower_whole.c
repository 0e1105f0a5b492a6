/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_whole.c: linear algebra on matrices that are not cut: each is one call of LAPACK's. Small ones share a task, and
 * that is how a batch runs in parallel; a single large one keeps one worker busy, with the matrix in one piece. A task takes
 * matrix by matrix into memory that stays in the cache, in LAPACK's layout, and puts results where they belong; or it has
 * LAPACK write there.
 */
#include <string.h>

#include "call.h"

#define SCRATCH_MOST ((size_t)4 << 20) /* bytes that workers keep for the next task */

/* An operand or a result of a task. */
struct part {
    struct sp_place place;
    int64_t rows, cols, item;
    int64_t row, col;               /* bytes from one to the next as LAPACK has it */
    bool in_place;                  /* that is how it lies: LAPACK works on it there */
    size_t scratch;                 /* where, if not */
};

struct whole_task {
    struct sp_task task;
    struct sp_whole job;
    const struct sp_kernels *kernels;
    int nin, nout, over, nbatch;
    int64_t extent[STARP_MAXDIM], first[STARP_MAXDIM], batch[STARP_MAXDIM]; /* of the matrices; the batch's */
    size_t bytes;                   /* of scratch */
    struct part part[2 + SP_MAX_RESULTS];
};

/* The matrix's number in its batch, and how many there are. */
static int64_t number_of(const struct whole_task *t, const int64_t *index, int64_t *all)
{
    int64_t n = 0;
    *all = 1;
    for (int a = 0; a < t->nbatch; a++) {
        n = n * t->batch[a] + t->first[a] + index[a];
        *all *= t->batch[a];
    }
    return n;
}

void sp_whole_report(struct sp_task *task, enum sp_call call, int info, int64_t matrix, int64_t all)
{
    char text[200], of[48] = "";
    if (all > 1) snprintf(of, sizeof of, " (matrix %lld)", (long long)matrix);
    sp_whole_explain(call, info, of, text, sizeof text);
    sp_run_fail(task->run, info == SP_WHOLE_NO_MEMORY ? STARP_ERR_MEMORY : STARP_ERR_COMPUTE, task->site, text);
}

/* Copies a matrix from one layout to another: bytes from row to row and from column to column. */
static void move(const struct whole_task *t, const struct part *p, char *to, int64_t to_row, int64_t to_col, const char *from, int64_t row,
                 int64_t col)
{
    bool turned = p->cols == 1 || (p->rows > 1 && to_row == p->item); /* columns are dense in the target */
    int64_t extent[2] = { turned ? p->cols : p->rows, turned ? p->rows : p->cols };
    int64_t to_stride[2] = { turned ? to_col : to_row, turned ? to_row : to_col }, stride[2] = { turned ? col : row, turned ? row : col };
    sp_move(2, extent, (size_t)p->item, to, to_stride, from, stride, t->kernels);
}

static char *buffer_of(const struct part *p, int64_t offset, char *scratch)
{
    return p->in_place ? p->place.at + offset : scratch + p->scratch;
}

/* One matrix; offset: bytes from the first one, per part. */
static int work(const struct whole_task *t, struct sp_whole *x, const int64_t *offset, char *scratch)
{
    const struct part *in = t->part, *out = t->part + t->nin;
    const int64_t *to = offset + t->nin;
    int n = t->nbatch;
    for (int k = 0; k < t->nin; k++) {
        x->in[k] = buffer_of(&in[k], offset[k], scratch);
        bool over = k == t->nin - 1 && t->over >= 0 && !in[k].in_place && out[t->over].in_place;
        if (over) x->in[k] = out[t->over].place.at + to[t->over];
        const int64_t *stride = in[k].place.stride + n;
        if (!in[k].in_place) move(t, &in[k], x->in[k], in[k].row, in[k].col, in[k].place.at + offset[k], stride[0], stride[1]);
    }
    for (int k = 0; k < t->nout; k++) x->out[k] = k == t->over ? x->in[t->nin - 1] : buffer_of(&out[k], to[k], scratch);
    int info = sp_whole_run(x);
    for (int k = 0; k < t->nout && info == 0; k++) {
        const int64_t *stride = out[k].place.stride + n;
        char *at = out[k].place.at + to[k];
        if (x->out[k] != at) move(t, &out[k], at, stride[0], stride[1], x->out[k], out[k].row, out[k].col);
    }
    return info;
}

/* On to the next matrix; false: that was the last one. */
static bool next(const struct whole_task *t, int64_t *index, int64_t *offset)
{
    int nparts = t->nin + t->nout;
    for (int a = t->nbatch - 1; a >= 0; a--) {
        bool more = ++index[a] < t->extent[a];
        for (int k = 0; k < nparts; k++) offset[k] += t->part[k].place.stride[a] * (more ? 1 : 1 - t->extent[a]);
        if (more) return true;
        index[a] = 0;
    }
    return false;
}

static int perform_whole(struct sp_task *task, void *scratch)
{
    const struct whole_task *t = (struct whole_task *)task;
    struct sp_whole x = t->job;
    int64_t index[STARP_MAXDIM] = { 0 }, offset[2 + SP_MAX_RESULTS] = { 0 };
    char *own = task->scratch ? NULL : sp_aligned(64, t->bytes);
    int info = task->scratch || own ? 0 : SP_WHOLE_NO_MEMORY;
    if (own) scratch = own;
    if (info == 0) sp_whole_place(&x, scratch);
    do {
        if (info == 0) info = work(t, &x, offset, scratch);
        if (info) {
            int64_t all, matrix = number_of(t, index, &all);
            sp_whole_report(task, t->job.call, info, matrix, all);
        }
    } while (info == 0 && next(t, index, offset));
    sp_free(own);
    return SP_KERNEL_OK;
}

/* ------------------------------------------------------------------------------------------------------ lowering */

/* LAPACK's layout of a part, of so many rows and columns, and where it is, if that is not how the part lies; bytes of scratch so far. */
static void lay_out(const struct sp_calling *c, const struct sp_stacked *x, struct part *p, int64_t rows, bool operand, size_t *bytes)
{
    const int64_t *stride = p->place.stride + c->batch.n;
    int64_t cols = x->cols > 0 ? x->cols : 1, held = x->copy.value && !x->by_rows ? x->copy.rows : x->rows;
    p->rows = x->rows;
    p->cols = x->cols;
    p->item = x->window.value ? sp_dtypes[x->window.value->dtype].size : 16;
    p->row = x->by_rows ? cols * p->item : p->item;
    p->col = x->by_rows ? p->item : rows * p->item;
    bool ours = p->place.at && (x->copy.value || !operand) && held >= rows;
    p->in_place = ours && (p->rows == 1 || stride[0] == p->row) && (p->cols == 1 || stride[1] == p->col);
    if (p->in_place) return;
    p->scratch = *bytes;
    *bytes += ((size_t)(rows * cols * p->item) + 127) / 64 * 64;
}

static starp_status submit_piece(struct sp_calling *c, struct sp_stack *s, const int64_t *lo, const int64_t *extent)
{
    int64_t most = c->extent[0][0] > c->extent[0][1] ? c->extent[0][0] : c->extent[0][1];
    struct whole_task *t = sp_call_task(c, sizeof *t, s->nin + s->nout, "lapack", perform_whole);
    if (!t) return sp_fail_memory(c->e);
    t->task.priority = 1; /* right after its operands' copies, which are in the cache then; results' copies have 2 */
    t->job = *s->job;
    t->kernels = c->run->sched->kernels;
    t->nin = s->nin;
    t->nout = s->nout;
    t->over = s->over;
    t->nbatch = c->batch.n;
    memcpy(t->extent, extent, (size_t)t->nbatch * sizeof *extent);
    memcpy(t->first, lo, (size_t)t->nbatch * sizeof *lo);
    memcpy(t->batch, c->batch.v, sizeof t->batch);
    size_t bytes = t->job.bytes;
    for (int k = 0; k < s->nin + s->nout; k++) {
        const struct sp_stacked *x = &s->part[k];
        starp_status status = sp_stack_place(c, s, k, lo, extent, &t->task, &t->part[k].place);
        if (status != STARP_OK) return sp_free(t), status;
        bool sides = s->nin == 2 && (k == 1 || k == 2); /* right-hand sides, and solutions in their place */
        lay_out(c, x, &t->part[k], sides ? most : x->rows, k < s->nin, &bytes);
    }
    t->bytes = bytes;
    t->task.scratch = bytes <= SCRATCH_MOST ? bytes : 0;
    return sp_call_submit(c, &t->task);
}

starp_status sp_lower_whole(struct sp_calling *c)
{
    struct sp_stack s;
    struct sp_whole job = { .call = (enum sp_call)c->node->op, .m = c->extent[0][0], .n = c->extent[0][1], .k = c->extent[1][1],
                            .dtype = (starp_dtype)c->run->sched->order.node[c->step->operand[0].node]->dtype };
    job.lu = &c->run->sched->kernels->lu[job.dtype];
    memcpy(job.option, c->node->param, sizeof job.option);
    memcpy(&job.rcond, c->node->param, sizeof job.rcond);
    sp_whole_plan(&job);
    starp_status status = sp_stack_begin(c, &s, &job);
    if (status == STARP_OK) status = sp_stack_each(c, &s, submit_piece);
    if (status == STARP_OK) status = sp_stack_store(c, &s);
    sp_stack_end(&s);
    return status;
}
