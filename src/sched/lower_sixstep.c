/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_sixstep.c: the Fourier transform of a line that fits no cache, by the six-step algorithm (Bailey, "FFTs in external or
 * hierarchical memory", 1990): the line is a matrix of n1 rows and n2 columns. A first pass transforms columns and multiplies
 * by roots of unity, a second one transforms rows; a task has a share of them, and gathers a strip at a time. The result of the first
 * pass lies in pieces, one per task and rank that goes on with it, so that on many ranks the transposition is the exchange.
 */
#include <string.h>

#include "sixstep.h"

#define TASK_ELEMENTS ((int64_t)1 << 15) /* at least */
#define MOST_TASKS 256
#define TASKS 8  /* of a worker in a pass, at least; */
#define STRIPS 4 /* of a task, then */
#define STRIP_BYTES ((int64_t)1 << 20) /* of lines that are worked on together: a level-2 cache, or nearly */

/* ------------------------------------------------------------------------------------------------------- submitting */

static void end_pass(struct sp_task *task)
{
    sp_dft_put(((struct pass *)task)->dft);
    sp_dft_put(((struct pass *)task)->roots);
}

/* Lines of a strip, and of a task: whole cache lines of elements. */
static int64_t strip_width(const struct sixstep *x, int64_t n)
{
    int64_t width = STRIP_BYTES / (n * (int64_t)x->item) / STEP * STEP;
    return width < STEP ? STEP : width > SP_STRIP_WIDTH ? SP_STRIP_WIDTH : width;
}

/* Some strips, so that the next one can be asked for in time, where that leaves enough tasks; the same on all ranks. */
static int64_t task_width(const struct sixstep *x, int64_t n)
{
    int workers = x->ranks > 1 ? 1 : x->f->c->run->sched->runtime.workers;
    int64_t width = strip_width(x, n), strip = n * width, all = (x->n + strip - 1) / strip, few = all / (x->ranks * workers * TASKS);
    int64_t least = (TASK_ELEMENTS + strip - 1) / strip, most = all / MOST_TASKS;
    if (few > STRIPS) few = STRIPS;
    if (few < least) few = least;
    return width * (few < most ? most : few);
}

static struct pass *new_pass(struct sixstep *x, const char *name, int (*perform)(struct sp_task *, void *), int64_t n, int64_t first, int64_t last,
                             int ndep)
{
    struct pass *t = sp_call_task(x->f->c, sizeof *t + (size_t)x->ranks * sizeof t->piece[0], ndep, name, perform);
    int64_t pitch = (n + STEP - 1) / STEP * STEP + STEP; /* lines are aligned, and do not all fall into the same places of a cache */
    if (!t) return sp_fail_memory(x->f->c->e), NULL;
    t->x = x;
    t->first = first;
    t->last = last;
    t->width = strip_width(x, n);
    t->from = (struct sp_strip){ .rows = n, .pitch = pitch, .item = x->item, .kernels = x->kernels };
    t->to = (struct sp_strip){ .stretch = x->out.stretch, .rows = x->n2, .row = x->n1, .pitch = pitch, .item = x->item,
                               .kernels = x->kernels, .past = x->past };
    t->task.scratch = (size_t)((t->width + 1) * pitch + 2 * SP_SIXSTEP_ROOTS + x->n1 / SP_SIXSTEP_ROOTS) * x->item + 64;
    t->task.end = end_pass;
    return t;
}

static struct sp_dft *use(struct sp_dft *dft)
{
    sp_dft_use(dft);
    return dft;
}

static void plan(struct pass *t, struct sp_dft *dft)
{
    t->dft = use(dft);
    t->from.parts = sp_dft_parts(dft);
}

/* The pieces of one task's columns, one per rank that goes on with them; what goes to other ranks is sent. */
static starp_status make_pieces(struct sixstep *x, struct pass *t, int64_t task)
{
    struct sp_calling *c = x->f->c;
    for (int r = 0; r < x->ranks; r++) {
        size_t bytes = (size_t)((t->last - t->first) * (x->rows[r].last - x->rows[r].first)) * x->item;
        if (bytes == 0) continue;
        if (r == x->rank) {
            struct sp_slot *slot = sp_pool_get(&c->run->sched->pool, bytes, !c->at_once);
            if (!slot) return sp_fail_memory(c->e);
            x->middle.slot[task] = slot;
            t->piece[r] = slot->data;
            sp_call_depend(c, &t->task, slot, 2);
        } else {
            struct sp_slot *slot;
            SP_TRY(sp_lent_slot(c->run, bytes, r, &slot, c->e));
            t->piece[r] = slot->data;
            sp_pool_put(&c->run->sched->pool, slot, c->run->id);
            SP_TRY(sp_task_sends(&t->task, slot, bytes, r, c->e));
        }
    }
    return STARP_OK;
}

static starp_status submit_columns(struct sixstep *x, int64_t first, int64_t last, int64_t task)
{
    struct sp_calling *c = x->f->c;
    struct pass *t = new_pass(x, "columns", sp_sixstep_columns, x->n1, first, last, x->in.nslot + 1);
    if (!t) return c->e->status;
    plan(t, x->dft1);
    t->roots = use(x->roots);
    t->from.stretch = x->in.stretch;
    t->from.row = x->n2;
    t->beside = (t->task.scratch + 63) / 64 * 64;
    if (x->program) t->task.scratch = t->beside + sp_sixstep_beside(t);
    for (int i = 0; i < x->in.nslot && !c->at_once; i++) sp_depend(&t->task, x->in.slot[i], 1, false);
    if (make_pieces(x, t, task) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
    return sp_call_submit(c, &t->task);
}

/* Where this rank's piece of a task's columns is. */
static void add_piece(struct sixstep *x, int64_t task, int64_t first, int64_t last)
{
    if (x->rows[x->rank].last == x->rows[x->rank].first) return;
    x->middle.stretch[task] = (struct sp_stretch){ .first = first, .last = last, .data = x->middle.slot[task]->data, .stride = (int64_t)x->item };
}

static starp_status first_pass(struct sixstep *x)
{
    struct sp_calling *c = x->f->c;
    int64_t task = 0;
    for (int r = 0; r < x->ranks; r++) {
        for (int64_t at = x->columns[r].first, to; at < x->columns[r].last; at = to, task++) {
            to = at + x->columns[r].step < x->columns[r].last ? at + x->columns[r].step : x->columns[r].last;
            size_t bytes = (size_t)((to - at) * (x->rows[x->rank].last - x->rows[x->rank].first)) * x->item;
            if (r == x->rank) {
                SP_TRY(submit_columns(x, at, to, task));
            } else if (bytes) {
                struct sp_slot *slot = sp_parcel_borrow(c->run, bytes, r, c->e);
                if (!slot) return c->e->status;
                x->middle.slot[task] = slot;
            }
            add_piece(x, task, at, to);
        }
    }
    x->middle.stretch[task] = (struct sp_stretch){ INT64_MAX, INT64_MAX, NULL, 0, 0 };
    x->middle.nslot = (int)task;
    return STARP_OK;
}

/* Bytes of rows [first, last) of the result that a rank's tiles hold. */
static size_t bytes_for(const struct sixstep *x, const struct pass *t, int rank)
{
    struct sp_strip s = t->to;
    int64_t n = 0;
    s.from = t->first;
    s.count = t->last - t->first;
    for (const struct sp_stretch *o = s.stretch; o->first < INT64_MAX; o++) n += o->owner == rank ? sp_strip_count(&s, o->first, o->last) : 0;
    return (size_t)n * x->item;
}

static starp_status submit_rows(struct sixstep *x, int64_t first, int64_t last)
{
    struct sp_calling *c = x->f->c;
    struct pass *t = new_pass(x, "rows", sp_sixstep_rows, x->n2, first, last, 3);
    if (!t) return c->e->status;
    plan(t, x->dft2);
    t->task.scratch += (size_t)(x->middle.nslot + 1) * 2 * sizeof *x->middle.stretch;
    sp_call_depend(c, &t->task, x->joined, 1);
    if (x->f->ready) sp_call_depend(c, &t->task, x->f->ready, 1);
    for (int r = 0; r < x->ranks; r++) {
        struct sp_slot *slot;
        size_t bytes = r == x->rank ? 0 : bytes_for(x, t, r);
        if (bytes == 0) continue;
        if (sp_lent_slot(c->run, bytes, r, &slot, c->e) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
        t->piece[r] = slot->data;
        sp_pool_put(&c->run->sched->pool, slot, c->run->id);
        if (sp_task_sends(&t->task, slot, bytes, r, c->e) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
    }
    if (x->f->tokens && sp_along_token(x->f, &t->task) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
    return sp_call_submit(c, &t->task);
}

static starp_status submit_unpack(struct sixstep *x, int64_t first, int64_t last, int from)
{
    struct sp_calling *c = x->f->c;
    struct pass *t = new_pass(x, "unpack", sp_sixstep_unpack, x->n2, first, last, 3);
    if (!t) return c->e->status;
    size_t bytes = bytes_for(x, t, x->rank);
    struct sp_slot *slot = bytes ? sp_parcel_borrow(c->run, bytes, from, c->e) : NULL;
    if (!slot) return sp_task_drop(&t->task), bytes ? c->e->status : STARP_OK;
    t->piece[0] = slot->data;
    t->task.scratch = 0;
    sp_call_depend(c, &t->task, slot, 1);
    if (x->f->ready) sp_call_depend(c, &t->task, x->f->ready, 1);
    sp_pool_put(&c->run->sched->pool, slot, c->run->id);
    if (sp_along_token(x->f, &t->task) != STARP_OK) return sp_task_drop(&t->task), c->e->status;
    return sp_call_submit(c, &t->task);
}

static starp_status second_pass(struct sixstep *x)
{
    for (int own = 1; own >= 0; own--) { /* what others wait for goes first */
        for (int r = 0; r < x->ranks; r++) {
            if ((r == x->rank) != own) continue;
            for (int64_t at = x->rows[r].first, to; at < x->rows[r].last; at = to) {
                to = at + x->rows[r].step < x->rows[r].last ? at + x->rows[r].step : x->rows[r].last;
                SP_TRY(own ? submit_rows(x, at, to) : submit_unpack(x, at, to, r));
            }
        }
    }
    return STARP_OK;
}

/* ----------------------------------------------------------------------------------------------------- one line */

static void deal(const struct sixstep *x, int64_t n, int64_t width, struct share *share)
{
    int64_t units = (n + STEP - 1) / STEP;
    for (int r = 0; r < x->ranks; r++) {
        int64_t first = units * r / x->ranks * STEP, last = units * (r + 1) / x->ranks * STEP;
        share[r] = (struct share){ first < n ? first : n, last < n ? last : n, width };
    }
}

static int64_t count_tasks(const struct share *share, int ranks)
{
    int64_t n = 0;
    for (int r = 0; r < ranks; r++) n += (share[r].last - share[r].first + share[r].step - 1) / share[r].step;
    return n;
}

static starp_status lower_line(struct sixstep *x)
{
    int64_t tasks = count_tasks(x->columns, x->ranks);
    struct sp_calling *c = x->f->c;
    x->middle.slot = sp_calloc((size_t)tasks + 1, sizeof *x->middle.slot);
    x->middle.stretch = sp_run_keep(c->run, (size_t)(tasks + 1) * sizeof *x->middle.stretch);
    starp_status status = x->middle.slot && x->middle.stretch ? sp_sixstep_exchange(x) : sp_fail_memory(c->e);
    if (status == STARP_OK) status = first_pass(x);
    if (status == STARP_OK) status = sp_along_join(x->f, x->middle.slot, tasks, &x->joined);
    int64_t tokens = x->f->ntoken;
    if (status == STARP_OK) status = second_pass(x);
    if (status == STARP_OK) status = sp_along_release(x->f, tokens, x->middle.slot, tasks);
    if (x->joined) sp_pool_put(&c->run->sched->pool, x->joined, c->run->id);
    if (x->middle.slot) sp_along_keep(x->f, x->middle.slot, tasks);
    sp_free(x->in.slot);
    return status;
}

/* What all lines have in common. */
static starp_status begin(struct sixstep *x, struct sp_along *f)
{
    struct sp_calling *c = f->c;
    const struct sp_sched *s = c->run->sched;
    bool single = f->out.value->dtype == STARP_C64;
    *x = (struct sixstep){ .f = f, .kernels = s->kernels, .n = f->param.n, .single = single, .item = sp_dtypes[f->out.value->dtype].size,
                           .ranks = f->out.value->map.everywhere ? 1 : s->ranks, .scale = sp_along_scale(f), .program = f->program, .constants = c->constants, .given = f->in_shape.v[f->param.axis] };
    x->rank = x->ranks == 1 ? 0 : s->rank;
    x->past = 3 * x->n * (int64_t)x->item > s->cache_bytes / 4; /* operand, result, and what lies between */
    sp_fft_cuts(x->n, &x->n1, &x->n2);
    x->rows = sp_run_keep(c->run, (size_t)x->ranks * 2 * sizeof *x->rows);
    struct sp_dft_key key = { .kind = SP_DFT_C2C, .single = single, .inverse = f->param.inverse, .decimated = true, .n = x->n1 };
    x->dft1 = sp_dft_get(&key);
    key.n = x->n2;
    x->dft2 = sp_dft_get(&key);
    x->roots = sp_dft_get(&(struct sp_dft_key){ .kind = SP_DFT_ROOTS, .inverse = key.inverse, .n = x->n });
    if (!x->rows || !x->roots || !x->dft1 || !x->dft2) return sp_fail_memory(c->e);
    x->columns = x->rows + x->ranks;
    x->block = strip_width(x, x->n2);
    deal(x, x->n1, task_width(x, x->n2), x->rows);
    deal(x, x->n2, task_width(x, x->n1), x->columns);
    x->fine = sp_dft_tables(x->roots, &x->shift);
    x->coarse = x->fine + ((int64_t)2 << x->shift);
    return STARP_OK;
}

starp_status sp_lower_sixstep(struct sp_along *f)
{
    struct sixstep common, *x;
    int64_t at[STARP_MAXDIM] = { 0 };
    starp_status status = sp_shape_size(&f->out_shape) ? begin(&common, f) : STARP_OK;
    for (int a = 0; status == STARP_OK && sp_shape_size(&f->out_shape);) {
        x = sp_run_keep(f->c->run, sizeof *x);
        if (x) *x = common;
        if (x) memcpy(x->at, at, sizeof at);
        status = x ? lower_line(x) : sp_fail_memory(f->c->e);
        for (a = f->out_shape.n - 1; a >= 0; a--) {
            if (a == f->param.axis) continue;
            if (++at[a] < f->out_shape.v[a]) break;
            at[a] = 0;
        }
        if (a < 0) break;
    }
    if (sp_shape_size(&f->out_shape)) sp_dft_put(common.dft1), sp_dft_put(common.dft2), sp_dft_put(common.roots);
    return status;
}
