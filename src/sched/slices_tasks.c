/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slices_tasks.c: what the tasks of a function on slices do: iterations, with arguments and results where they lie, items as the
 * function wants them, and what is left of those that fail.
 */
#include <stdio.h>
#include <string.h>

#include "slices.h"

/* An iteration that fails in a run that has ended already has most often been made to: what ended the run counts, here or on another rank. */
static void report(struct iterate_task *t, const struct sp_iteration *x)
{
    char text[240];
    if (atomic_load(&t->task.run->stop)) return;
    snprintf(text, sizeof text, "ppeval %s: iteration %lld: %s", t->p->job.name, (long long)x->it.index, x->text);
    if (x->starved) sp_run_fail(t->task.run, STARP_ERR_MEMORY, t->task.site, text);
    else if (t->p->keeps && t->p->elsewhere) return; /* rank 0 says the same */
    else if (t->p->keeps) sp_run_note(t->task.run, t->task.site, x->it.index, text);
    else sp_run_fail(t->task.run, STARP_ERR_COMPUTE, t->task.site, text);
}

/* Items are kept row-major, whoever made them. False: no memory. */
static bool turn_rows(const struct ppeval *p, struct sp_item *x)
{
    starp_argument from, to;
    int64_t extent[STARP_MAXDIM];
    int n = x->shape.n;
    if (!p->column_major || n < 2) return true;
    for (int a = 0; a < n; a++) extent[a] = x->shape.v[n - 1 - a];
    sp_argument_lay_out(&from, x->dtype, n, extent, true, x->data);
    sp_argument_lay_out(&to, x->dtype, n, x->shape.v, false, NULL);
    void *rows = sp_aligned(64, (size_t)(to.stride[0] * to.shape[0]) + 1);
    if (!rows) return false;
    sp_move(n, to.shape, sp_dtypes[x->dtype].size, rows, to.stride, x->data, from.stride, p->job.kernels);
    sp_free(x->data);
    x->data = rows;
    return true;
}

/* What a ragged iteration has made stays with the run; its row of the table says what that is. */
static void leave_items(struct iterate_task *t, struct sp_iteration *x, int64_t *row)
{
    struct sp_item *left = &t->p->remains->item[x->it.index * t->p->job.nresults];
    for (int k = 0; k < t->p->job.nresults; k++, row += SP_ITEM_WORDS) {
        struct sp_item *item = &x->item[k];
        if (!x->failed && !turn_rows(t->p, item)) {
            sp_run_fail(t->task.run, STARP_ERR_MEMORY, t->task.site, "ppeval: out of memory");
            x->failed = true;
        }
        if (x->failed) {
            sp_free(item->data);
            *item = (struct sp_item){ .dtype = STARP_F64, .shape = { 1, { 0 } } };
        }
        memset(row, 0, SP_ITEM_WORDS * sizeof *row);
        row[0] = x->failed ? SP_ITEM_FAILED : (int64_t)item->dtype;
        row[1] = item->shape.n;
        memcpy(row + 2, item->shape.v, (size_t)item->shape.n * sizeof *row);
        left[k] = *item;
        item->data = NULL;
    }
}

/* An item as the function wants it: in its place, or turned into memory of its own, which is returned. */
static void *find_item(const struct ppeval *p, int k, const char *line, const int64_t *row, starp_argument *x)
{
    const char *item = line + row[SP_ITEM_WORDS] * sp_dtypes[p->in_dtype[k]].size;
    starp_argument rows;
    int64_t extent[STARP_MAXDIM];
    int n = (int)row[1];
    sp_argument_lay_out(&rows, p->in_dtype[k], n, row + 2, false, item);
    *x = rows;
    if (!p->column_major || n < 2) return NULL;
    for (int a = 0; a < n; a++) extent[a] = row[2 + n - 1 - a];
    sp_argument_lay_out(x, p->in_dtype[k], n, extent, true, NULL);
    void *own = sp_aligned(64, (size_t)(rows.stride[0] * rows.shape[0]) + 1);
    if (own) sp_move(n, rows.shape, sp_dtypes[rows.dtype].size, own, x->stride, item, rows.stride, p->job.kernels);
    x->data = own;
    return own;
}

/* The arguments of iteration i of the task; what is to be freed afterwards. False: no memory. */
static bool find_arguments(const struct iterate_task *t, int64_t i, starp_argument *in, void **own)
{
    const struct ppeval *p = t->p;
    for (int k = 0, n = 0; k < p->nin; k++, n++) {
        const char *at = t->in[k] + i * t->in_step[k];
        in[n].data = at;
        own[n] = NULL;
        if (!(p->items >> k & 1)) continue;
        own[n] = find_item(p, k, at, (const int64_t *)(const void *)(t->in[k + 1] + i * t->in_step[k + 1]), &in[n]);
        if (!in[n].data) return false;
        k++;
    }
    return true;
}

static void iterate(struct iterate_task *t, int64_t i, struct sp_iteration *x, starp_argument *in)
{
    struct ppeval *p = t->p;
    void *own[SP_MAX_READS] = { NULL };
    if (!find_arguments(t, i, in, own)) {
        for (int k = 0; k < p->job.nin; k++) sp_free(own[k]);
        sp_run_fail(t->task.run, STARP_ERR_MEMORY, t->task.site, "ppeval: out of memory");
        return;
    }
    for (int k = 0; k < p->nout; k++) x->out[k] = t->out[k] + i * p->out_size[k] * sp_dtypes[p->out_dtype[k]].size;
    bool good = sp_iterate_run(x, t->first + i, in);
    for (int k = 0; k < p->job.nin; k++) sp_free(own[k]);
    if (!good) report(t, x);
    if (p->job.free) leave_items(t, x, x->out[0]);
    for (int k = 0; k < p->nout && !good && !p->job.free; k++) sp_iterate_blank(p->out_dtype[k], p->out_size[k], x->out[k]);
}

int sp_perform_iterations(struct sp_task *task, void *scratch)
{
    struct iterate_task *t = (struct iterate_task *)task;
    struct ppeval *p = t->p;
    starp_argument in[SP_MAX_READS];
    struct sp_iteration x = { .job = &p->job };
    double began = sp_now();
    int64_t i = 0;
    (void)scratch;
    for (int k = 0, n = 0; k < p->nin; k += 1 + (p->items >> k & 1), n++) {
        sp_argument_lay_out(&in[n], p->in_dtype[k], p->ndim[k], p->extent[k], p->column_major, NULL);
    }
    for (; i < t->count && !atomic_load_explicit(&task->run->stop, memory_order_relaxed); i++) iterate(t, i, &x, in);
    double seconds = sp_now() - began;
    if (i > 0) sp_function_took(p->function, seconds, i);
    atomic_fetch_add(&p->dealing.busy[t->round], (uint64_t)(1e9 * seconds));
    return SP_KERNEL_OK;
}
