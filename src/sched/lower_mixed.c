/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_mixed.c: solving in mixed precision: A is factored in f32 (c64), and the solution refined by residuals in f64 (c128),
 * as LAPACK's dsgesv does (Langou, Langou, Luszczek, Kurzak, Buttari and Dongarra, "Exploiting the performance of 32 bit floating
 * point arithmetic in obtaining 64 bit accuracy", 2006). Its bound ends a refinement well: |r| <= |x| |A| eps sqrt(n), in
 * maximum norms, for each right-hand side. What does not get there is solved in f64 as if nothing had been: A and B are still
 * what they were.
 *
 * Lowering waits for the tasks of each step of refinement and looks at what they have found. All ranks must do the same next, so
 * each tells the others. Systems of a batch are refined side by side.
 */
#include <math.h>
#include <string.h>

#include "call.h"

#define STEPS 30        /* of refinement, at most, as in dsgesv */
#define FEW 64          /* a right-hand side costs several times as much in refinement: it takes so many rows to pay */

enum state { GOING, SOLVED, LEFT };

struct system {
    enum state state;
    bool dropped;               /* the factors' and the residuals' memory */
    struct sp_lu *lu;
    struct sp_panel *a;         /* A's block columns, on every rank */
    struct sp_refined *column;
    double ratio;               /* found by all ranks, after the last step */
};

struct mixed {
    struct sp_calling *c, low;  /* low: with BLAS in half the precision */
    struct sp_matrix a, b, x, half, step; /* half: A; step: residuals, then corrections */
    bool pairs;
    int64_t nblock, nbatch;
    struct system *system;
};

/* ------------------------------------------------------------------------------------------------------- submitting */

static struct sp_slot *slot_of(const struct sp_matrix *m, int64_t batch, int64_t col)
{
    return m->value->slot[sp_matrix_tile(m, batch, 0, col)];
}

static struct sp_refine_task *column_task(struct mixed *m, int64_t batch, int64_t col, int ndep, const char *name,
                                       int (*perform)(struct sp_task *, void *))
{
    struct sp_refine_task *t = sp_call_task(m->c, sizeof *t, ndep, name, perform);
    if (!t) return sp_fail_memory(m->c->e), NULL;
    t->dense = m->c->dense;
    t->a = m->system[batch].a;
    t->column = &m->system[batch].column[col];
    t->pairs = m->pairs;
    t->na = m->a.ncol;
    t->n = m->a.rows;
    t->cols = sp_matrix_tile_cols(&m->b, col);
    t->nblock = m->nblock;
    t->ld = sp_matrix_ld(&m->b, 0);
    t->b = slot_of(&m->b, batch, col)->data;
    t->x = slot_of(&m->x, batch, col)->data;
    t->step = slot_of(&m->step, batch, col)->data;
    return t;
}

static starp_status submit_residual(struct mixed *m, int64_t batch, int64_t col, bool first)
{
    for (int64_t i = 0; i < m->nblock; i++) {
        struct sp_refine_task *t = column_task(m, batch, col, (int)m->a.ncol + 3, "residual", sp_refine_subtract);
        if (!t) return m->c->e->status;
        t->first = first;
        t->block = i;
        t->task.scratch = SP_REFINE_ROWS * sizeof(double);
        for (int64_t k = 0; k < m->a.ncol; k++) sp_panel_read(m->c, &t->task, &t->a[k]);
        sp_call_depend(m->c, &t->task, slot_of(&m->b, batch, col), 1);
        if (!first) sp_call_depend(m->c, &t->task, slot_of(&m->x, batch, col), 1);
        sp_call_depend(m->c, &t->task, t->column->r[i], 2);
        SP_TRY(sp_call_submit(m->c, &t->task));
    }
    return STARP_OK;
}

static starp_status submit_judge(struct mixed *m, int64_t batch, int64_t col, bool first)
{
    struct sp_refine_task *t = column_task(m, batch, col, (int)m->nblock + 2, "judge", sp_refine_judge);
    if (!t) return m->c->e->status;
    t->first = first;
    for (int64_t i = 0; i < m->nblock; i++) sp_call_depend(m->c, &t->task, t->column->r[i], 1);
    if (!first) sp_call_depend(m->c, &t->task, slot_of(&m->x, batch, col), 1);
    sp_call_depend(m->c, &t->task, slot_of(&m->step, batch, col), 2);
    return sp_call_submit(m->c, &t->task);
}

static starp_status submit_correct(struct mixed *m, int64_t batch, int64_t col, bool first)
{
    struct sp_refine_task *t = column_task(m, batch, col, 2, "correct", sp_refine_correct);
    if (!t) return m->c->e->status;
    t->first = first;
    sp_call_depend(m->c, &t->task, slot_of(&m->step, batch, col), 1);
    sp_call_depend(m->c, &t->task, slot_of(&m->x, batch, col), first ? 2 : 3);
    return sp_call_submit(m->c, &t->task);
}

static bool is_mine(const struct mixed *m, int64_t batch, int64_t col)
{
    return sp_column_is_mine(m->c, &m->b, batch, col);
}

/* A correction, and what is left then. */
static starp_status submit_step(struct mixed *m, int64_t batch, bool first)
{
    SP_TRY(sp_lu_apply(m->system[batch].lu, &m->step));
    for (int64_t col = 0; col < m->b.ncol; col++) {
        if (!is_mine(m, batch, col)) continue;
        SP_TRY(submit_correct(m, batch, col, first));
        SP_TRY(submit_residual(m, batch, col, false));
        SP_TRY(submit_judge(m, batch, col, false));
    }
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------------- preparing */

static starp_status prepare_column(struct mixed *m, int64_t batch, int64_t col)
{
    struct sp_refined *x = &m->system[batch].column[col];
    size_t nblock = (size_t)m->nblock, cols = (size_t)sp_matrix_tile_cols(&m->b, col);
    if (!is_mine(m, batch, col)) return STARP_OK;
    x->r = sp_run_keep(m->c->run, nblock * sizeof *x->r);
    x->norm = sp_run_keep(m->c->run, (nblock + cols) * sizeof *x->norm);
    if (!x->r || !x->norm) return sp_fail_memory(m->c->e);
    x->scale = x->norm + nblock;
    for (int64_t i = 0; i < m->nblock; i++) {
        int64_t rows = m->a.rows - i * SP_REFINE_ROWS;
        if (rows > SP_REFINE_ROWS) rows = SP_REFINE_ROWS;
        x->r[i] = sp_pool_get(&m->c->run->sched->pool, (size_t)rows * cols * (size_t)m->c->dense->item, !m->c->at_once);
        if (!x->r[i]) return sp_fail_memory(m->c->e);
    }
    SP_TRY(submit_residual(m, batch, col, true));
    return submit_judge(m, batch, col, true);
}

static starp_status submit_halves(struct mixed *m, int64_t batch)
{
    for (int64_t k = 0; k < m->a.ncol; k++) {
        if (!sp_column_is_mine(m->c, &m->a, batch, k)) continue;
        struct sp_refine_task *t = sp_call_task(m->c, sizeof *t, 2, "halve", sp_refine_halve);
        if (!t) return sp_fail_memory(m->c->e);
        t->dense = m->c->dense;
        t->pairs = m->pairs;
        t->n = m->a.rows;
        t->cols = sp_matrix_tile_cols(&m->a, k);
        t->ld = sp_matrix_ld(&m->a, 0);
        t->b = slot_of(&m->a, batch, k)->data;
        t->step = slot_of(&m->half, batch, k)->data;
        t->task.priority = (int)-k;
        sp_call_depend(m->c, &t->task, slot_of(&m->a, batch, k), 1);
        sp_call_depend(m->c, &t->task, slot_of(&m->half, batch, k), 2);
        SP_TRY(sp_call_submit(m->c, &t->task));
    }
    return STARP_OK;
}

static starp_status prepare(struct mixed *m, int64_t batch)
{
    struct system *s = &m->system[batch];
    s->ratio = INFINITY;
    s->column = sp_run_keep(m->c->run, (size_t)m->b.ncol * sizeof *s->column);
    if (!s->column) return sp_fail_memory(m->c->e);
    SP_TRY(submit_halves(m, batch));
    SP_TRY(sp_lu_keep(&m->low, &m->half, batch, &s->lu));
    SP_TRY(sp_all_panels(m->c, &m->a, batch, &s->a));
    for (int64_t col = 0; col < m->b.ncol; col++) SP_TRY(prepare_column(m, batch, col));
    return STARP_OK;
}

static void drop(struct mixed *m, int64_t batch)
{
    struct system *s = &m->system[batch];
    if (s->dropped) return;
    sp_lu_drop(s->lu);
    for (int64_t col = 0; s->column && col < m->b.ncol; col++) {
        struct sp_slot **r = s->column[col].r;
        for (int64_t i = 0; r && i < m->nblock; i++) sp_pool_put(&m->c->run->sched->pool, r[i], m->c->run->id);
    }
    s->dropped = true;
}

/* -------------------------------------------------------------------------------------------------------- deciding */

/* What this rank's columns have come to; NaN when the run is at its end. */
static void look(const struct mixed *m, double *worst)
{
    bool stop = atomic_load(&m->c->run->stop);
    for (int64_t batch = 0; batch < m->nbatch; batch++) {
        worst[batch] = stop ? NAN : 0;
        for (int64_t col = 0; col < m->b.ncol && m->system[batch].state == GOING; col++) {
            double found = is_mine(m, batch, col) ? m->system[batch].column[col].found : 0;
            if (found > worst[batch] || isnan(found)) worst[batch] = found;
        }
    }
}

/* The worst of all ranks. What goes out is written here, not by a task, which a failing run would skip: then ranks would differ. */
static starp_status tell(const struct mixed *m, double *worst)
{
    struct sp_run *run = m->c->run;
    struct sp_sched *s = run->sched;
    size_t bytes = ((size_t)m->nbatch * sizeof *worst + 15) & ~(size_t)15;
    struct sp_slot *slot, *from[s->ranks];
    SP_TRY(sp_message_slot(run, bytes, &slot, m->c->e));
    memcpy(slot->data, worst, (size_t)m->nbatch * sizeof *worst);
    starp_status status = sp_message_send(run, slot, bytes, SP_EVERYWHERE, m->c->e);
    sp_pool_put(&s->pool, slot, run->id);
    for (int peer = 0; peer < s->ranks && status == STARP_OK; peer++) {
        from[peer] = peer == s->rank ? NULL : sp_message_receive(run, bytes, peer, m->c->e);
        if (peer != s->rank && !from[peer]) return m->c->e->status;
        sp_pool_put(&s->pool, from[peer], run->id);
    }
    sp_drain(run);
    for (int peer = 0; peer < s->ranks && status == STARP_OK; peer++) {
        const double *heard = from[peer] ? from[peer]->data : worst;
        for (int64_t batch = 0; batch < m->nbatch; batch++) {
            if (heard[batch] > worst[batch] || isnan(heard[batch])) worst[batch] = heard[batch];
        }
    }
    return status;
}

/* Waits for a step of refinement. One that does not halve a residual would not get there in STEPS: f32 has been hopeless. */
static starp_status decide(struct mixed *m, double *worst)
{
    struct sp_run *run = m->c->run;
    if (!m->c->at_once) sp_drain(run);
    if (run->sched->ranks == 1 && atomic_load(&run->stop)) return sp_run_fault(run, m->c->e);
    look(m, worst);
    if (run->sched->ranks > 1 && !m->c->at_once) SP_TRY(tell(m, worst));
    for (int64_t batch = 0; batch < m->nbatch; batch++) {
        struct system *s = &m->system[batch];
        if (s->state != GOING) continue;
        if (worst[batch] == 0) s->state = SOLVED;
        else if (!(worst[batch] <= s->ratio / 2)) s->state = LEFT;
        s->ratio = worst[batch];
        if (s->state != GOING) drop(m, batch);
    }
    return STARP_OK;
}

static starp_status refine(struct mixed *m)
{
    double *worst = sp_run_keep(m->c->run, (size_t)m->nbatch * sizeof *worst);
    bool going = m->nbatch > 0;
    if (!worst) return sp_fail_memory(m->c->e);
    for (int64_t batch = 0; batch < m->nbatch; batch++) SP_TRY(prepare(m, batch));
    for (int step = 0; step <= STEPS && going; step++) {
        for (int64_t batch = 0; batch < m->nbatch; batch++) {
            if (m->system[batch].state == GOING) SP_TRY(submit_step(m, batch, step == 0));
        }
        SP_TRY(decide(m, worst));
        going = false;
        for (int64_t batch = 0; batch < m->nbatch; batch++) going |= m->system[batch].state == GOING;
    }
    return STARP_OK;
}

/* Solutions go where sp_lu_solve leaves its own. */
static starp_status finish(struct mixed *m, int64_t batch)
{
    bool solved = m->system[batch].state == SOLVED;
    m->c->run->sched->refined += solved;
    m->c->run->sched->refused += !solved;
    if (!solved) return sp_lu_solve(m->c, &m->a, &m->b, batch);
    for (int64_t col = 0; col < m->b.ncol; col++) {
        if (!is_mine(m, batch, col)) continue;
        struct sp_refine_task *t = column_task(m, batch, col, 2, "solution", sp_refine_deliver);
        if (!t) return m->c->e->status;
        sp_call_depend(m->c, &t->task, slot_of(&m->x, batch, col), 1);
        sp_call_depend(m->c, &t->task, slot_of(&m->b, batch, col), 3);
        SP_TRY(sp_call_submit(m->c, &t->task));
    }
    return STARP_OK;
}

/* -------------------------------------------------------------------------------------------------------- the call */

bool sp_mixed_applies(const struct sp_calling *c)
{
    starp_dtype d = (starp_dtype)c->node->dtype;
    return SP_OPTION(&c->run->sched->options, mixed) && (d == STARP_F64 || d == STARP_C128) && c->extent[1][1] > 0 && c->extent[1][1] <= c->extent[0][1] / FEW;
}

/* A matrix as `like` is, in a precision. */
static starp_status same(struct mixed *m, struct sp_matrix *to, const struct sp_matrix *like, starp_dtype dtype)
{
    return sp_matrix_new(m->c, to, dtype, like->rows, like->cols, like->tile_rows, like->tile_cols, SP_DEALT_COLUMNS);
}

starp_status sp_lower_mixed(struct sp_calling *c)
{
    struct mixed m = { .c = c, .low = *c, .pairs = c->node->dtype == STARP_C128 };
    starp_dtype half = m.pairs ? STARP_C64 : STARP_F32;
    m.low.dense = sp_dense_of(half);
    SP_TRY(sp_lu_load(c, &m.a, &m.b));
    SP_TRY(same(&m, &m.half, &m.a, half));
    SP_TRY(same(&m, &m.x, &m.b, m.a.dtype));
    SP_TRY(same(&m, &m.step, &m.b, half));
    m.nbatch = m.b.nbatch;
    m.nblock = (m.a.rows + SP_REFINE_ROWS - 1) / SP_REFINE_ROWS;
    m.system = sp_run_keep(c->run, (size_t)m.nbatch * sizeof *m.system);
    if (!m.system) return sp_fail_memory(c->e);
    starp_status status = refine(&m);
    for (int64_t batch = 0; batch < m.nbatch; batch++) drop(&m, batch);
    for (int64_t batch = 0; batch < m.nbatch && status == STARP_OK; batch++) status = finish(&m, batch);
    return status == STARP_OK ? sp_matrix_store(c, &m.b, 0, false) : status;
}
