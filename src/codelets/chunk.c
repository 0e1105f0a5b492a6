/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * chunk.c: the memory side of one chunk: load what is not contiguous, find what is, store what was not written in place.
 * A chunk that lies in several boxes is put together piece by piece.
 */
#include <string.h>

#include "job.h"

/* Whether the axes from `axis` on are row-major and dense in memory for a window. */
static bool is_dense(const struct sp_space *s, const struct sp_ref *ref, size_t item)
{
    int64_t stride = (int64_t)item;
    for (int a = s->ndim - 1; a >= s->axis; a--) {
        bool matters = s->extent[a] > 1 && (a > s->axis || s->step > 1);
        if (matters && ref->stride[a] != stride) return false;
        stride *= s->extent[a];
    }
    return true;
}

void sp_space_prepare(struct sp_space *s, const struct sp_program *p, bool discard)
{
    for (int r = 0; r < p->noperand + p->noutput; r++) {
        bool array = r >= p->noperand || p->operand_kind[r] == SP_OPERAND_ARRAY;
        bool stored = r < p->noperand || !discard;
        s->dense[r] = s->nbox == 1 && array && stored && is_dense(s, &s->ref[r], sp_reg_bytes(p, r));
    }
}

/* A rectangle common to a chunk and a box: relative to the box, and where it begins in the chunk. */
struct piece {
    int64_t in_box[STARP_MAXDIM], extent[STARP_MAXDIM];
    int64_t at; /* elements into the chunk */
};

static bool intersect(const struct sp_space *s, const struct sp_chunk *c, int b, struct piece *p)
{
    const int64_t *lo = s->box + 2 * b * s->ndim, *extent = lo + s->ndim;
    p->at = 0;
    for (int a = 0; a < s->ndim; a++) {
        int64_t from = c->lo[a] > lo[a] ? c->lo[a] : lo[a];
        int64_t c_end = c->lo[a] + c->extent[a], b_end = lo[a] + extent[a], to = c_end < b_end ? c_end : b_end;
        if (from >= to) return false;
        p->in_box[a] = from - lo[a];
        p->extent[a] = to - from;
        p->at = p->at * c->extent[a] + (from - c->lo[a]);
    }
    return true;
}

static int64_t window_start(const struct sp_space *s, const struct sp_ref *ref, const int64_t *index)
{
    int64_t at = ref->offset;
    for (int a = 0; a < s->ndim; a++) at += ref->stride[a] * index[a];
    return at;
}

/* Calls `row` for every row of a piece, with where it is in memory and in the chunk. */
typedef void row_fn(struct sp_machine *m, int reg, int64_t window, int64_t stride, char *dense, int64_t n);

static void for_rows(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c, const struct piece *p, int reg,
                     const struct sp_ref *ref, row_fn *row)
{
    size_t item = sp_reg_bytes(m->program, reg);
    int last = s->ndim - 1;
    int64_t index[STARP_MAXDIM] = { 0 }, window = window_start(s, ref, p->in_box), at = p->at;
    int64_t dense[STARP_MAXDIM], unit = 1;
    for (int a = last; a >= 0; a--) {
        dense[a] = unit;
        unit *= c->extent[a];
    }
    int64_t n = last < 0 ? 1 : p->extent[last], stride = last < 0 ? 0 : ref->stride[last];
    for (;;) {
        row(m, reg, window, stride, m->area[reg] + (size_t)at * item, n);
        int a = last - 1;
        for (; a >= 0; a--) {
            window += ref->stride[a];
            at += dense[a];
            if (++index[a] < p->extent[a]) break;
            window -= ref->stride[a] * p->extent[a];
            at -= dense[a] * p->extent[a];
            index[a] = 0;
        }
        if (a < 0) return;
    }
}

static void load_row(struct sp_machine *m, int reg, int64_t window, int64_t stride, char *dense, int64_t n)
{
    size_t item = sp_reg_bytes(m->program, reg);
    m->job->kernels->gather((size_t)n, dense, (char *)m->reg[reg] + window, stride, item);
}

static void count_row(struct sp_machine *m, int reg, int64_t window, int64_t stride, char *dense, int64_t n)
{
    (void)reg;
    m->job->kernels->iota((size_t)n, (int64_t *)(void *)dense, window, stride);
}

static void store_row(struct sp_machine *m, int reg, int64_t window, int64_t stride, char *dense, int64_t n)
{
    size_t item = sp_reg_bytes(m->program, reg);
    char *to = (char *)m->reg[reg] + window;
    if (m->stream && stride == (int64_t)item) m->job->kernels->stream(to, dense, (size_t)n * item);
    else m->job->kernels->scatter((size_t)n, to, stride, dense, item);
}

/* Moves a register's chunk between memory and its area; m->reg[reg] is the buffer meanwhile. */
static void move(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c, int reg, row_fn *row)
{
    int nreg = m->program->noperand + m->program->noutput;
    struct piece p;
    for (int b = 0; b < s->nbox; b++) {
        if (!intersect(s, c, b, &p)) continue;
        const struct sp_ref *ref = &s->ref[b * nreg + reg];
        if (ref->buffer >= 0) m->reg[reg] = m->buffer[ref->buffer];
        for_rows(m, s, c, &p, reg, ref, row);
    }
    m->reg[reg] = m->area[reg];
}

static char *in_place(const struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c, int reg)
{
    const struct sp_ref *ref = &s->ref[reg];
    return (char *)m->buffer[ref->buffer] + window_start(s, ref, c->lo);
}

void sp_machine_load(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c)
{
    const struct sp_program *p = m->program;
    for (int r = 0; r < p->noperand; r++) {
        if (s->dense[r]) m->reg[r] = in_place(m, s, c, r);
        else if (p->operand_kind[r] == SP_OPERAND_ARRAY) move(m, s, c, r, load_row);
        else if (p->operand_kind[r] == SP_OPERAND_IOTA) move(m, s, c, r, count_row);
    }
    for (int r = p->noperand; r < p->noperand + p->noutput; r++) {
        char *memory = s->dense[r] ? in_place(m, s, c, r) : NULL;
        m->target[r] = m->stream ? memory : NULL;
        m->reg[r] = memory && !m->stream ? memory : m->area[r];
        m->step[r] = m->target[r] ? 0 : sp_reg_bytes(p, r);
    }
}

/*
 * Finds the operands of the chunk after this one, to be asked for while the program runs. One unbroken run of memory the
 * hardware follows better by itself (triad: 8 % slower with this); rows of a matrix it does not (five-point stencil: 15 %
 * faster).
 */
void sp_machine_look_ahead(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c)
{
    const struct sp_program *p = m->program;
    int axis = s->axis;
    bool more = s->ndim > 0 && c->lo[axis] + s->step < s->extent[axis];
    if (!more) axis--;
    for (int r = 0; r < p->noperand; r++) {
        m->ahead[r] = NULL;
        if (axis < 0 || s->ndim < 2 || !s->dense[r]) continue;
        m->ahead[r] = (const char *)m->reg[r] + s->ref[r].stride[axis] * (more ? s->step : 1);
        if (!more) m->ahead[r] -= s->ref[r].stride[s->axis] * c->lo[s->axis];
    }
}

void sp_machine_store(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c)
{
    const struct sp_program *p = m->program;
    for (int r = p->noperand; r < p->noperand + p->noutput; r++) {
        if (!s->dense[r] && !m->job->discard) move(m, s, c, r, store_row);
    }
}
