/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_tournament.c: a panel of LU as a tree of tasks, so that a tall one does not keep a single worker busy while others wait
 * (tournament pivoting; see tournament.c). A task per block of rows proposes pivots, a binary tree of tasks decides, a task per
 * block solves for its rows of L. It costs twice the panel's operations. Blocks are a function of the panel's shape.
 *
 * Tasks that change different rows of the block column only say that they read it: what must wait for all of them waits for
 * readers, and the panel's last task, which writes the top rows, changes it.
 */
#include "call.h"

#define HEIGHT 8 /* of a block, in widths of a whole panel */

struct sp_tournament {
    const struct sp_dense *dense;
    starp_dtype dtype;
    int64_t rows, cols, nblock;
    struct sp_strided panel;        /* in its block column */
    void *with;                     /* what goes with it, and then its copy */
    char *copy;
    atomic_bool *spoiled;
    bool plain;                     /* factored by partial pivoting after all: its top has no inverse */
    int info;                       /* LAPACK's, then */
};

struct tournament_task {
    struct sp_task task;
    struct sp_tournament *of;
    int64_t block;
    void *a;                        /* proposals */
    const void *b;
};

/* As many elements as HEIGHT panels' tops have, so that narrow panels are cut into fewer blocks. */
int64_t sp_tournament_blocks(int64_t width, int64_t rows, int64_t cols)
{
    int64_t height = cols > 0 ? HEIGHT * width * width / cols : rows;
    return rows > height ? rows / height : 1;
}

/* Where a block begins. */
static int64_t row_of(const struct sp_tournament *t, int64_t block)
{
    return t->rows / t->nblock * block + t->rows % t->nblock * block / t->nblock;
}

static int64_t rows_of(const struct sp_tournament *t, int64_t block)
{
    return row_of(t, block + 1) - row_of(t, block);
}

static int64_t most_rows(const struct sp_tournament *t)
{
    return t->rows / t->nblock + 1;
}

/* ------------------------------------------------------------------------------------------------------------ tasks */

static int propose(struct sp_task *task, void *scratch)
{
    struct tournament_task *x = (struct tournament_task *)task;
    const struct sp_tournament *t = x->of;
    if (atomic_load(t->spoiled)) return SP_KERNEL_OK;
    sp_tournament_propose(t->dense, row_of(t, x->block), rows_of(t, x->block), t->cols, t->panel, x->a, scratch);
    return SP_KERNEL_OK;
}

static int merge(struct sp_task *task, void *scratch)
{
    struct tournament_task *x = (struct tournament_task *)task;
    if (!atomic_load(x->of->spoiled)) sp_tournament_merge(x->of->dense, x->of->cols, x->a, x->b, scratch);
    return SP_KERNEL_OK;
}

/* With a zero on U's diagonal L is not U's inverse times the panel: then all is as without a tournament. */
static int decide(struct sp_task *task, void *scratch)
{
    struct tournament_task *x = (struct tournament_task *)task;
    struct sp_tournament *t = x->of;
    const struct sp_dense *d = t->dense;
    if (atomic_load(t->spoiled)) return SP_KERNEL_OK;
    t->plain = !sp_tournament_decide(d, t->dtype, t->cols, x->a, x->b, t->with, t->copy, t->rows, scratch);
    if (t->plain) {
        sp_strided_copy(d, t->rows, t->cols, t->panel, (struct sp_strided){ t->copy, d->item, t->rows * d->item });
        t->info = sp_lu_factor(d, t->rows, t->cols, t->copy, t->rows, t->with, scratch);
    } else {
        sp_lu_list(d, t->rows, t->cols, t->copy, t->rows, t->with, scratch);
    }
    return SP_KERNEL_OK;
}

/* Rows of the copy, back to where they belong. */
static void put_back(const struct sp_tournament *t, int64_t first, int64_t rows)
{
    int64_t item = t->dense->item;
    struct sp_strided copy = { t->copy + first * item, item, t->rows * item }, panel = t->panel;
    panel.at += first * panel.row;
    sp_strided_copy(t->dense, rows, t->cols, copy, panel);
}

static int solve(struct sp_task *task, void *scratch)
{
    struct tournament_task *x = (struct tournament_task *)task;
    const struct sp_tournament *t = x->of;
    int64_t first = x->block ? row_of(t, x->block) : t->cols, rows = row_of(t, x->block + 1) - first;
    if (atomic_load(t->spoiled)) return SP_KERNEL_OK;
    if (t->plain) put_back(t, first, rows);
    else sp_tournament_solve(t->dense, first, rows, t->cols, t->with, t->panel, t->copy, t->rows, scratch);
    return SP_KERNEL_OK;
}

int sp_tournament_end(const struct sp_tournament *t)
{
    put_back(t, 0, t->cols);
    return t->info;
}

/* ------------------------------------------------------------------------------------------------------- submitting */

/* Where its tasks find the slots they meet at. */
struct place {
    struct sp_calling *c;
    struct sp_tournament *t;
    struct sp_slot *column, *extra, **set;
    int priority;
};

static struct tournament_task *begin(const struct place *p, int64_t block, const char *name, int (*perform)(struct sp_task *, void *))
{
    struct tournament_task *x = sp_call_task(p->c, sizeof *x, 4, name, perform);
    if (!x) return sp_fail_memory(p->c->e), NULL;
    x->of = p->t;
    x->block = block;
    x->task.priority = p->priority;
    return x;
}

static starp_status submit_proposal(const struct place *p, int64_t block)
{
    struct sp_tournament *t = p->t;
    struct tournament_task *x = begin(p, block, "propose", propose);
    if (!x) return p->c->e->status;
    x->a = p->set[block]->data;
    x->task.scratch = sp_tournament_scratch(t->dense, most_rows(t), t->cols, false);
    sp_call_depend(p->c, &x->task, p->column, 1);
    sp_call_depend(p->c, &x->task, p->set[block], 2);
    return sp_call_submit(p->c, &x->task);
}

static starp_status submit_match(const struct place *p, int64_t a, int64_t b, bool last)
{
    struct sp_tournament *t = p->t;
    struct tournament_task *x = last ? begin(p, a, "decide", decide) : begin(p, a, "merge", merge);
    if (!x) return p->c->e->status;
    size_t rows = last ? (size_t)t->rows * sizeof(int32_t) + 64 : 0;
    x->a = p->set[a]->data;
    x->b = p->set[b]->data;
    x->task.scratch = sp_tournament_scratch(t->dense, 2 * t->cols, t->cols, !last);
    if (x->task.scratch < rows) x->task.scratch = rows;
    sp_call_depend(p->c, &x->task, p->set[a], last ? 1 : 3);
    sp_call_depend(p->c, &x->task, p->set[b], 1);
    if (last) sp_call_depend(p->c, &x->task, p->column, 1);
    if (last) sp_call_depend(p->c, &x->task, p->extra, 2);
    return sp_call_submit(p->c, &x->task);
}

static starp_status submit_solution(const struct place *p, int64_t block)
{
    struct sp_tournament *t = p->t;
    struct tournament_task *x = begin(p, block, "solve", solve);
    if (!x) return p->c->e->status;
    x->task.scratch = sp_tournament_scratch(t->dense, most_rows(t), t->cols, false);
    sp_call_depend(p->c, &x->task, p->column, 1);
    sp_call_depend(p->c, &x->task, p->extra, 1);
    return sp_call_submit(p->c, &x->task);
}

static starp_status submit(const struct place *p)
{
    int64_t n = p->t->nblock;
    for (int64_t block = 0; block < n; block++) {
        p->set[block] = sp_pool_get(&p->c->run->sched->pool, sp_tournament_bytes(p->t->dense, p->t->cols), !p->c->at_once);
        if (!p->set[block]) return sp_fail_memory(p->c->e);
        SP_TRY(submit_proposal(p, block));
    }
    for (int64_t step = 1; step < n; step *= 2) {
        for (int64_t a = 0; a + step < n; a += 2 * step) SP_TRY(submit_match(p, a, a + step, 2 * step >= n));
    }
    for (int64_t block = 0; block < n; block++) SP_TRY(submit_solution(p, block));
    return STARP_OK;
}

static struct sp_tournament *describe(struct sp_calling *c, const struct sp_matrix *m, const struct sp_column_task *t)
{
    struct sp_tournament *of = sp_run_keep(c->run, sizeof *of);
    if (!of) return sp_fail_memory(c->e), NULL;
    *of = (struct sp_tournament){ .dense = t->dense, .dtype = m->dtype, .rows = t->rows, .cols = t->cols, .spoiled = t->spoiled };
    of->nblock = sp_tournament_blocks(SP_OPTION(&c->run->sched->options, panel), t->rows, t->cols);
    of->panel = (struct sp_strided){ t->column, t->dense->item, t->ld * t->dense->item };
    of->with = t->panel->with;
    of->copy = (char *)of->with + sp_lu_bytes(t->dense, t->cols);
    return of;
}

starp_status sp_tournament(struct sp_calling *c, const struct sp_matrix *m, int64_t col, struct sp_column_task *last)
{
    struct sp_tournament *t = describe(c, m, last);
    if (!t) return c->e->status;
    if (t->nblock == 1) return STARP_OK;
    struct place p = { c, t, m->value->slot[sp_matrix_tile(m, last->batch, 0, col)], last->panel->extra, NULL, last->task.priority };
    p.set = sp_calloc((size_t)t->nblock, sizeof(struct sp_slot *));
    if (!p.set) return sp_fail_memory(c->e);
    starp_status status = submit(&p);
    for (int64_t block = 0; block < t->nblock; block++) {
        if (p.set[block]) sp_pool_put(&c->run->sched->pool, p.set[block], c->run->id);
    }
    sp_free(p.set);
    last->tournament = t;
    return status;
}
