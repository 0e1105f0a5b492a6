/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reduce.c: a block with reductions. Its elements are walked in canonical chunks, a function of the block's extents and
 * the reduced axes alone; each chunk is reduced in the cache, and the chunks' accumulators are merged as a balanced
 * binary tree, kept as a stack of partial results (as in a binary counter). So the bits do not depend on how operands
 * lie in memory, on what else is fused, or on who runs the block; and rounding errors grow with the logarithm of the
 * count.
 *
 * In `rows` form the inner axes are reduced: one accumulator per outer index. In columns form the outer axes are
 * reduced: one accumulator per inner index.
 */
#include <string.h>

#include "job.h"

#define MAX_LEVELS 64

struct tree {
    struct sp_machine *m;
    char *stack[SP_MAX_REDUCES]; /* levels of `width` accumulators */
    size_t width[SP_MAX_REDUCES]; /* bytes of a level */
    int64_t count[MAX_LEVELS];
    int depth;
    uint64_t pushed;
};

static const struct sp_reducer *reducer(const struct sp_machine *m, int r)
{
    const struct sp_program_reduce *x = &m->program->reduce[r];
    return &m->job->kernels->reduce[x->kind][x->dtype];
}

static int64_t product(const int64_t *extent, int from, int to)
{
    int64_t n = 1;
    for (int a = from; a < to; a++) n *= extent[a];
    return n;
}

/* Chunks never straddle the split: either they hold whole inner rows, or lie inside one. */
static void chunk_shape(const struct sp_job *job, int *axis, int64_t *step)
{
    if (job->split == job->ndim || product(job->extent, job->split, job->ndim) * 2 <= SP_CHUNK) {
        sp_chunk_shape(job->ndim, job->extent, axis, step);
        return;
    }
    sp_chunk_shape(job->ndim - job->split, job->extent + job->split, axis, step);
    *axis += job->split;
}

/* Most accumulators a chunk can have. */
static size_t chunk_accumulators(const struct sp_job *job)
{
    int64_t inner = product(job->extent, job->split, job->ndim);
    if (job->rows) return SP_CHUNK;
    return (size_t)(inner < SP_CHUNK ? inner : SP_CHUNK);
}

static int level_count(const struct sp_job *job)
{
    int64_t n = product(job->extent, 0, job->ndim);
    int levels = 2;
    for (; n > 1; n /= 2) levels++;
    return levels;
}

size_t sp_reduce_scratch(const struct sp_job *job)
{
    size_t bytes = 0;
    for (int r = 0; r < job->program->nreduce; r++) {
        const struct sp_program_reduce *x = &job->program->reduce[r];
        size_t level = chunk_accumulators(job) * job->kernels->reduce[x->kind][x->dtype].acc_size;
        bytes += (size_t)level_count(job) * ((level + 63) & ~(size_t)63);
    }
    return bytes;
}

static void tree_init(struct tree *t, struct sp_machine *m, char *scratch)
{
    t->m = m;
    t->depth = 0;
    t->pushed = 0;
    for (int r = 0; r < m->program->nreduce; r++) {
        t->width[r] = (chunk_accumulators(m->job) * reducer(m, r)->acc_size + 63) & ~(size_t)63;
        t->stack[r] = scratch;
        scratch += (size_t)level_count(m->job) * t->width[r];
    }
}

static void merge_top(struct tree *t, size_t n)
{
    t->depth--;
    for (int r = 0; r < t->m->program->nreduce; r++) {
        char *into = t->stack[r] + (size_t)(t->depth - 1) * t->width[r];
        reducer(t->m, r)->merge(n, into, into + t->width[r], t->count[t->depth - 1], t->count[t->depth]);
    }
    t->count[t->depth - 1] += t->count[t->depth];
}

/* A chunk's accumulators are on top, each over `count` elements: merge as a binary counter carries. */
static void tree_push(struct tree *t, size_t n, int64_t count)
{
    t->count[t->depth++] = count;
    for (uint64_t carry = t->pushed++; carry & 1; carry >>= 1) merge_top(t, n);
}

/* Ends a sequence: what is left is merged and goes to accumulators [at, at + n) of the partial results. */
static void tree_flush(struct tree *t, size_t n, int64_t at)
{
    while (t->depth > 1) merge_top(t, n);
    for (int r = 0; r < t->m->program->nreduce; r++) {
        size_t size = reducer(t->m, r)->acc_size;
        char *to = t->m->buffer[t->m->job->partial[r]];
        memcpy(to + (size_t)at * size, t->stack[r], n * size);
    }
    t->depth = 0;
    t->pushed = 0;
}

/* Reduces the chunk in the registers onto the top of the stack. */
static void reduce_chunk(struct tree *t, bool rows, size_t outer, size_t inner)
{
    struct sp_machine *m = t->m;
    for (int r = 0; r < m->program->nreduce; r++) {
        const struct sp_program_reduce *x = &m->program->reduce[r];
        const void *src[2] = { m->reg[x->src[0]], m->reg[x->src[1]] };
        char *top = t->stack[r] + (size_t)t->depth * t->width[r];
        if (rows) reducer(m, r)->rows(outer, inner, src, top);
        else reducer(m, r)->columns(outer, inner, src, top);
    }
}

static void run_chunk(struct sp_machine *m, const struct sp_space *s, struct sp_chunk *c)
{
    c->n = 1;
    for (int a = 0; a < s->ndim; a++) c->n *= c->extent[a];
    sp_machine_load(m, s, c);
    if (m->program->ninstr > 0) sp_machine_look_ahead(m, s, c);
    sp_machine_execute(m, (size_t)c->n);
    sp_machine_store(m, s, c);
}

/* Advances the chunk within axes [from, to); false when they are done (and back at their beginning). */
static bool advance(const struct sp_space *s, struct sp_chunk *c, int from, int to)
{
    bool more = false;
    for (int a = to - 1; a >= from && !more; a--) {
        c->lo[a] += a == s->axis ? s->step : 1;
        more = c->lo[a] < s->extent[a];
        if (!more) c->lo[a] = 0;
    }
    if (s->axis >= from && s->axis < to) {
        int64_t left = s->extent[s->axis] - c->lo[s->axis];
        c->extent[s->axis] = left < s->step ? left : s->step;
    }
    return more;
}

static int64_t linear(const struct sp_job *job, const struct sp_chunk *c, int from, int to)
{
    int64_t at = 0;
    for (int a = from; a < to; a++) at = at * job->extent[a] + c->lo[a];
    return at;
}

/* Whole inner rows in every chunk, inner axes reduced: every chunk ends its own accumulators. */
static void whole_rows(struct tree *t, const struct sp_space *s, struct sp_chunk *c)
{
    const struct sp_job *job = t->m->job;
    int64_t inner = product(job->extent, job->split, job->ndim);
    do {
        run_chunk(t->m, s, c);
        int64_t rows = c->n / inner;
        reduce_chunk(t, true, (size_t)rows, (size_t)inner);
        tree_push(t, (size_t)rows, inner);
        tree_flush(t, (size_t)rows, linear(job, c, 0, job->split));
    } while (advance(s, c, 0, s->axis + 1) && !t->m->fault);
}

#define BATCH 16

/*
 * Chunks in a row that are reduced by one call: those that follow each other in memory where there is nothing to compute
 * first. The accumulators are those of one call each.
 */
static int64_t batch_size(const struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c)
{
    int64_t n = (s->extent[s->axis] - c->lo[s->axis]) / s->step;
    int64_t elements = product(c->extent, 0, s->ndim);
    if (m->program->ninstr > 0 || n < 2) return 1;
    for (int r = 0; r < m->program->noperand; r++) {
        int64_t chunk = elements * (int64_t)sp_reg_bytes(m->program, r);
        if (!s->dense[r] || s->ref[r].stride[s->axis] * s->step != chunk) return 1;
    }
    return n < BATCH ? n : BATCH;
}

static void push_batch(struct tree *t, const struct sp_space *s, struct sp_chunk *c, int64_t batch)
{
    struct sp_machine *m = t->m;
    _Alignas(64) char acc[SP_MAX_REDUCES][BATCH * 32];
    sp_machine_load(m, s, c);
    c->n = product(c->extent, 0, s->ndim);
    for (int r = 0; r < m->program->nreduce; r++) {
        const struct sp_program_reduce *x = &m->program->reduce[r];
        reducer(m, r)->rows((size_t)batch, (size_t)c->n, (const void *[]){ m->reg[x->src[0]], m->reg[x->src[1]] }, acc[r]);
    }
    for (int64_t i = 0; i < batch; i++) {
        for (int r = 0; r < m->program->nreduce; r++) {
            size_t size = reducer(m, r)->acc_size;
            memcpy(t->stack[r] + (size_t)t->depth * t->width[r], acc[r] + (size_t)i * size, size);
        }
        tree_push(t, 1, c->n);
    }
    c->lo[s->axis] += (batch - 1) * s->step;
}

/* Inner rows longer than a chunk and reduced: a tree over the pieces of each row. */
static void split_rows(struct tree *t, const struct sp_space *s, struct sp_chunk *c)
{
    const struct sp_job *job = t->m->job;
    do {
        do {
            int64_t batch = batch_size(t->m, s, c);
            if (batch > 1) {
                push_batch(t, s, c, batch);
                continue;
            }
            run_chunk(t->m, s, c);
            reduce_chunk(t, true, 1, (size_t)c->n);
            tree_push(t, 1, c->n);
        } while (advance(s, c, job->split, s->axis + 1) && !t->m->fault);
        tree_flush(t, 1, linear(job, c, 0, job->split));
    } while (advance(s, c, 0, job->split) && !t->m->fault);
}

/* Whole inner rows in every chunk, outer axes reduced: one tree over all chunks. */
static void whole_columns(struct tree *t, const struct sp_space *s, struct sp_chunk *c)
{
    const struct sp_job *job = t->m->job;
    int64_t inner = product(job->extent, job->split, job->ndim);
    do {
        run_chunk(t->m, s, c);
        reduce_chunk(t, false, (size_t)(c->n / inner), (size_t)inner);
        tree_push(t, (size_t)inner, c->n / inner);
    } while (advance(s, c, 0, s->axis + 1) && !t->m->fault);
    tree_flush(t, (size_t)inner, 0);
}

/* Inner rows longer than a chunk, outer axes reduced: for each piece of a row, a tree over the outer index. */
static void split_columns(struct tree *t, const struct sp_space *s, struct sp_chunk *c)
{
    const struct sp_job *job = t->m->job;
    do {
        int64_t at = linear(job, c, job->split, job->ndim);
        size_t n = 0;
        do {
            run_chunk(t->m, s, c);
            n = (size_t)c->n;
            reduce_chunk(t, false, 1, n);
            tree_push(t, n, 1);
        } while (advance(s, c, 0, job->split) && !t->m->fault);
        tree_flush(t, n, at);
    } while (advance(s, c, job->split, s->axis + 1) && !t->m->fault);
}

void sp_reduce_run(struct sp_machine *m, char *scratch)
{
    const struct sp_job *job = m->job;
    struct sp_space s = { .ndim = job->ndim, .extent = job->extent, .nbox = job->nbox, .box = job->box, .ref = job->ref };
    struct sp_chunk c = { .n = 0 };
    struct tree t;
    chunk_shape(job, &s.axis, &s.step);
    sp_space_prepare(&s, m->program, job->discard);
    for (int a = 0; a < s.ndim; a++) c.extent[a] = a < s.axis ? 1 : a == s.axis ? s.step : s.extent[a];
    tree_init(&t, m, scratch);
    bool whole = s.axis < job->split;
    if (job->rows) (whole ? whole_rows : split_rows)(&t, &s, &c);
    else (whole ? whole_columns : split_columns)(&t, &s, &c);
}
