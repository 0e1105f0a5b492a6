/* SPDX-License-Identifier: BSD-3-Clause */
/* mixed_tasks.c: the tasks of iterative refinement, on block columns of right-hand sides; lower_mixed.c submits them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "call.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t rows_of(const struct sp_refine_task *t, int64_t block)
{
    return least(SP_REFINE_ROWS, t->n - block * SP_REFINE_ROWS);
}

int sp_refine_halve(struct sp_task *task, void *scratch)
{
    struct sp_refine_task *t = (struct sp_refine_task *)task;
    int64_t per = 1 + t->pairs;
    (void)scratch;
    for (int64_t j = 0; j < t->cols; j++) {
        sp_refine_lower(t->n * per, (const double *)(const void *)(t->b + j * t->ld * t->dense->item), 1, t->step + j * t->ld * per);
    }
    return SP_KERNEL_OK;
}

static double norm_of_rows(const struct sp_refine_task *t, double *sum)
{
    int64_t rows = rows_of(t, t->block);
    memset(sum, 0, (size_t)rows * sizeof *sum);
    for (int64_t k = 0; k < t->na; k++) {
        const char *a = t->a[k].data + t->block * SP_REFINE_ROWS * t->dense->item;
        sp_refine_sums(rows, t->a[k].cols, t->pairs, (const double *)(const void *)a, t->a[k].ld, sum);
    }
    return sp_refine_norm(rows, false, sum);
}

int sp_refine_subtract(struct sp_task *task, void *scratch)
{
    struct sp_refine_task *t = (struct sp_refine_task *)task;
    int64_t item = t->dense->item, rows = rows_of(t, t->block), first = t->block * SP_REFINE_ROWS;
    char *r = t->column->r[t->block]->data;
    for (int64_t j = 0; j < t->cols; j++) memcpy(r + j * rows * item, t->b + (j * t->ld + first) * item, (size_t)(rows * item));
    if (t->first) t->column->norm[t->block] = norm_of_rows(t, scratch);
    for (int64_t k = 0; k < t->na && !t->first; k++) {
        const struct sp_panel *a = &t->a[k];
        t->dense->gemm('N', 'N', rows, t->cols, a->cols, -1, a->data + first * item, a->ld, t->x + k * t->a[0].cols * item, t->ld, 1, r, rows);
    }
    return SP_KERNEL_OK;
}

/* A residual over what it may be; NaN when that cannot be said. */
static double ratio_of(const struct sp_refine_task *t, double r, double x)
{
    double a = sp_refine_norm(t->nblock, false, t->column->norm), bound = x * a * (DBL_EPSILON / 2) * sqrt((double)t->n);
    if (!isfinite(bound) || !isfinite(r)) return NAN;
    return r <= bound ? 0 : r / bound;
}

int sp_refine_judge(struct sp_task *task, void *scratch)
{
    struct sp_refine_task *t = (struct sp_refine_task *)task;
    int64_t per = 1 + t->pairs;
    double worst = 0;
    (void)scratch;
    for (int64_t j = 0; j < t->cols; j++) {
        double norm = 0, ratio = 0;
        for (int64_t i = 0; i < t->nblock; i++) {
            const double *r = t->column->r[i]->data;
            double most = sp_refine_norm(rows_of(t, i), t->pairs, r + j * rows_of(t, i) * per);
            if (most > norm || isnan(most)) norm = most;
        }
        if (!t->first) ratio = ratio_of(t, norm, sp_refine_norm(t->n, t->pairs, (const double *)(const void *)(t->x + j * t->ld * t->dense->item)));
        if (ratio > worst || isnan(ratio)) worst = ratio;
        t->column->scale[j] = sp_refine_scale(norm);
        for (int64_t i = 0; i < t->nblock; i++) {
            const double *r = t->column->r[i]->data;
            sp_refine_lower(rows_of(t, i) * per, r + j * rows_of(t, i) * per, 1 / t->column->scale[j], t->step + (j * t->ld + i * SP_REFINE_ROWS) * per);
        }
    }
    t->column->found = worst;
    return SP_KERNEL_OK;
}

int sp_refine_correct(struct sp_task *task, void *scratch)
{
    struct sp_refine_task *t = (struct sp_refine_task *)task;
    int64_t per = 1 + t->pairs;
    (void)scratch;
    for (int64_t j = 0; j < t->cols; j++) {
        char *x = t->x + j * t->ld * t->dense->item;
        if (t->first) memset(x, 0, (size_t)(t->n * t->dense->item));
        sp_refine_add(t->n * per, t->step + j * t->ld * per, t->column->scale[j], (double *)(void *)x);
    }
    return SP_KERNEL_OK;
}

int sp_refine_deliver(struct sp_task *task, void *scratch)
{
    struct sp_refine_task *t = (struct sp_refine_task *)task;
    int64_t item = t->dense->item;
    (void)scratch;
    for (int64_t j = 0; j < t->cols; j++) memcpy(t->b + j * t->ld * item, t->x + j * t->ld * item, (size_t)(t->n * item));
    return SP_KERNEL_OK;
}
