/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sixstep_exchange.c: where the elements of a long line are, tile by tile, and how every rank gets those of its columns: of each tile,
 * whose elements are some rows of the matrix, it gets a window of columns in one message.
 */
#include <string.h>

#include "sixstep.h"

/* One stretch per tile that the line goes through. `cuts` keeps the slots. */
static starp_status find_stretches(struct sixstep *x, const struct sp_window *w, int64_t n, bool write, struct sp_cuts *cuts, struct sp_stretch **stretches)
{
    const struct sp_sched *s = x->f->c->run->sched;
    struct sp_window line = { .value = w->value, .view = w->view };
    for (int a = 0; a < line.view.ndim; a++) {
        int k = line.view.axis[a];
        if (k >= 0 && k != x->f->param.axis) line.view.start[a] += line.view.step[a] * x->at[k];
        line.view.axis[a] = k == x->f->param.axis ? 0 : -1;
    }
    if (!sp_window_cut(cuts, 1, (int64_t[]){ 0 }, &n, &line, !write && n > 0, write)) return sp_fail_memory(x->f->c->e);
    if (n == 0) cuts->nbox = cuts->nslot = 0;
    struct sp_stretch *to = *stretches = sp_run_keep(x->f->c->run, (size_t)(cuts->nbox + 1) * sizeof *to);
    if (!to) return sp_fail_memory(x->f->c->e);
    for (int i = 0; i < cuts->nbox; i++) {
        const struct sp_ref *ref = &cuts->ref[i];
        int owner = sp_value_owner(w->value, cuts->source[ref->buffer].tile);
        bool mine = x->ranks == 1 || sp_is_mine(s, owner);
        to[i] = (struct sp_stretch){ .first = cuts->box[2 * i], .last = cuts->box[2 * i] + cuts->box[2 * i + 1], .stride = ref->stride[0], .owner = mine ? x->rank : owner };
        if (mine) to[i].data = (char *)cuts->slot[ref->buffer]->data + ref->offset;
    }
    to[cuts->nbox] = (struct sp_stretch){ INT64_MAX, INT64_MAX, NULL, 0, 0 };
    return STARP_OK;
}

/* Some rows of a rank's columns, as far as they are in a stretch. */
struct cut {
    int64_t first, cols, rows; /* first: element of the line */
};

static int add_cut(struct cut *cut, int n, const struct sp_stretch *s, int64_t first, int64_t last, int64_t rows)
{
    if (first < s->first) first = s->first; /* of a single row */
    if (last > s->last && rows == 1) last = s->last;
    if (rows < 1 || first >= last) return n;
    cut[n] = (struct cut){ first, last - first, rows };
    return n + 1;
}

/* The columns of a rank in a stretch: its first row, its last one, and those between them. */
static int cut_columns(const struct sixstep *x, const struct sp_stretch *s, int rank, struct cut *cut)
{
    int64_t head = s->first / x->n2, tail = (s->last - 1) / x->n2, from = x->columns[rank].first, to = x->columns[rank].last;
    int n = add_cut(cut, 0, s, head * x->n2 + from, head * x->n2 + to, 1);
    n = add_cut(cut, n, s, (head + 1) * x->n2 + from, (head + 1) * x->n2 + to, tail - head - 1);
    return tail > head ? add_cut(cut, n, s, tail * x->n2 + from, tail * x->n2 + to, 1) : n;
}

/* A parcel of them; what is sent knows where they come from. */
static bool fill_parcel(const struct sixstep *x, const struct sp_stretch *s, struct sp_slot *slot, int rank, struct sp_parcel *p)
{
    struct cut cut[3];
    int n = cut_columns(x, s, rank, cut);
    sp_parcel_clear(p);
    for (int i = 0; i < n; i++) {
        struct sp_piece piece = { .slot = slot, .item = x->item, .ndim = 2, .extent = { cut[i].rows, cut[i].cols }, .stride = { x->n2 * s->stride, s->stride } };
        if (s->data) piece.from = s->data + (cut[i].first - s->first) * s->stride;
        if (!sp_parcel_add(p, &piece)) return false;
    }
    return true;
}

static starp_status send_columns(struct sixstep *x, const struct sp_stretch *s, struct sp_slot *slot, struct sp_parcel *p)
{
    struct sp_calling *c = x->f->c;
    for (int r = 0; r < x->ranks; r++) {
        if (r == x->rank) continue;
        if (!fill_parcel(x, s, slot, r, p)) return sp_fail_memory(c->e);
        SP_TRY(sp_parcel_lend(c->run, p, r, c->node->site, c->e));
    }
    return STARP_OK;
}

/* A message of another rank's tile: every row of it is a stretch of its own. */
static starp_status receive_columns(struct sixstep *x, const struct sp_stretch *s, struct sp_parcel *p, int64_t *n)
{
    struct sp_calling *c = x->f->c;
    struct cut cut[3];
    int count = cut_columns(x, s, x->rank, cut);
    if (!fill_parcel(x, s, NULL, x->rank, p)) return sp_fail_memory(c->e);
    if (p->n == 0) return STARP_OK;
    struct sp_slot *slot = sp_parcel_borrow(c->run, p->bytes, s->owner, c->e);
    if (!slot) return c->e->status;
    sp_pool_put(&c->run->sched->pool, slot, c->run->id); /* nobody gets it before the run has ended */
    x->in.slot[x->in.nslot++] = slot;
    for (int i = 0; i < count; i++) {
        for (int64_t row = 0; row < cut[i].rows; row++) {
            int64_t first = cut[i].first + row * x->n2;
            char *data = (char *)slot->data + p->piece[i].at + (size_t)(row * cut[i].cols) * x->item;
            x->in.stretch[(*n)++] = (struct sp_stretch){ first, first + cut[i].cols, data, (int64_t)x->item, x->rank };
        }
    }
    return STARP_OK;
}

/* The stretches as this rank's columns read them. */
static starp_status exchange(struct sixstep *x, const struct sp_stretch *all, const struct sp_cuts *cuts)
{
    struct sp_calling *c = x->f->c;
    struct sp_parcel parcel = { .n = 0 };
    int64_t n = 0, room = cuts->nbox + 1;
    starp_status status = STARP_OK;
    bool everywhere = x->f->in.value->map.everywhere || x->ranks == 1;
    for (int i = 0; i < cuts->nbox; i++) room += all[i].data ? 0 : (all[i].last - 1) / x->n2 - all[i].first / x->n2 + 1;
    x->in.stretch = sp_run_keep(c->run, (size_t)room * sizeof *x->in.stretch);
    x->in.slot = sp_malloc((size_t)(cuts->nslot + cuts->nbox + 1) * sizeof *x->in.slot);
    if (!x->in.stretch || !x->in.slot) return sp_fail_memory(c->e);
    for (int i = 0; i < cuts->nslot; i++) {
        if (cuts->slot[i]) x->in.slot[x->in.nslot++] = cuts->slot[i];
    }
    for (int i = 0; i < cuts->nbox && status == STARP_OK; i++) {
        if (all[i].data) x->in.stretch[n++] = all[i];
        if (!all[i].data) status = receive_columns(x, &all[i], &parcel, &n);
        else if (!everywhere) status = send_columns(x, &all[i], cuts->slot[cuts->ref[i].buffer], &parcel);
    }
    x->in.stretch[n] = (struct sp_stretch){ INT64_MAX, INT64_MAX, NULL, 0, 0 };
    sp_parcel_free(&parcel);
    return status;
}

/* What the program reads, which is all on this rank. */
static starp_status find_reads(struct sixstep *x, struct sp_cuts *cuts)
{
    struct sp_calling *c = x->f->c;
    x->read = sp_run_keep(c->run, (size_t)(x->program->noperand + 1) * sizeof *x->read);
    if (!x->read) return sp_fail_memory(c->e);
    for (int k = 0; k < x->program->noperand; k++) {
        const struct sp_window *w = &x->f->operand[k];
        struct sp_stretch *stretch = NULL;
        if (w->iota) {
            x->read[k].start = w->iota_start;
            for (int a = 0; a < x->f->in_shape.n; a++) x->read[k].start += a == x->f->param.axis ? 0 : w->view.step[a] * x->at[a];
            x->read[k].step = w->view.step[x->f->param.axis];
        }
        if (w->iota || !w->value) continue;
        SP_TRY(find_stretches(x, w, x->given, false, cuts, &stretch));
        x->read[k].stretch = stretch;
        struct sp_slot **more = sp_realloc(x->in.slot, (size_t)(x->in.nslot + cuts->nslot + 1) * sizeof *more);
        if (!more) return sp_fail_memory(c->e);
        x->in.slot = more;
        for (int i = 0, n = x->in.nslot, j; i < cuts->nslot; i++) { /* of an array that is seen twice, once */
            for (j = 0; j < n && x->in.slot[j] != cuts->slot[i]; j++) continue;
            if (j == n) x->in.slot[x->in.nslot++] = cuts->slot[i];
        }
    }
    return STARP_OK;
}

starp_status sp_sixstep_exchange(struct sixstep *x)
{
    struct sp_along *f = x->f;
    struct sp_cuts cuts = { 0 };
    struct sp_stretch *all = NULL;
    int axis = f->param.axis;
    starp_status status = x->program ? find_reads(x, &cuts) : find_stretches(x, &f->in, f->in_shape.v[axis], false, &cuts, &all);
    if (status == STARP_OK && !x->program) status = exchange(x, all, &cuts);
    if (status == STARP_OK) status = find_stretches(x, &f->out, x->n, true, &cuts, &x->out.stretch);
    sp_cuts_free(&cuts);
    return status;
}
