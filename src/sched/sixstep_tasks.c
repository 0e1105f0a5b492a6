/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sixstep_tasks.c: what the tasks of the six-step algorithm do: strips of columns, then of rows, are gathered, transformed, and put
 * where the next ones will look for them.
 */
#include <string.h>

#include "sixstep.h"

/* w^m, from the product of two roots in tables. */
static void find_root(const struct sixstep *x, int64_t m, double *root)
{
    const double *a = x->coarse + 2 * (m >> x->shift), *b = x->fine + 2 * (m & (((int64_t)1 << x->shift) - 1));
    root[0] = a[0] * b[0] - a[1] * b[1];
    root[1] = a[0] * b[1] + a[1] * b[0];
}

/* w^(step k), k < count, in the line's precision. */
static void find_roots(const struct sixstep *x, int64_t step, int64_t count, void *to)
{
    double root[2];
    for (int64_t k = 0, m = 0; k < count; k++) {
        find_root(x, m, root);
        for (int i = 0; i < 2; i++) {
            if (x->single) ((float *)to)[2 * k + i] = (float)root[i];
            else ((double *)to)[2 * k + i] = root[i];
        }
        m += step;
        if (m >= x->n) m -= x->n;
    }
}

/* Element k of the line of column c is multiplied by w^(c k). */
static void twist(const struct sixstep *x, int64_t c, char *line, char *room)
{
    int64_t item = (int64_t)x->item, runs = (x->n1 + SP_SIXSTEP_ROOTS - 1) / SP_SIXSTEP_ROOTS;
    char *by = room + SP_SIXSTEP_ROOTS * item;
    find_roots(x, c, SP_SIXSTEP_ROOTS, room);
    find_roots(x, (int64_t)((__int128)c * SP_SIXSTEP_ROOTS % x->n), runs, by);
    for (int64_t i = 0; i < runs; i++) {
        int64_t count = x->n1 - i * SP_SIXSTEP_ROOTS < SP_SIXSTEP_ROOTS ? x->n1 - i * SP_SIXSTEP_ROOTS : SP_SIXSTEP_ROOTS;
        x->kernels->twist((size_t)count, line + i * SP_SIXSTEP_ROOTS * item, room, by + i * item, x->single);
    }
}

/*
 * The strip's lines, from column c on, go to the pieces: blocks of as many rows as a strip of the second pass has, in a block the
 * columns one after the other. So what a strip reads of a piece is contiguous, and what is written at a time nearly is.
 */
static void spread_lines(const struct pass *t, const char *lines, int64_t c, int64_t count)
{
    const struct sixstep *x = t->x;
    int64_t item = (int64_t)x->item, bytes = t->from.pitch * item;
    for (int r = 0; r < x->ranks; r++) {
        char *block = t->piece[r];
        for (int64_t k = x->rows[r].first, width; k < x->rows[r].last; k += width) {
            width = x->rows[r].last - k < x->block ? x->rows[r].last - k : x->block;
            char *to = block + (c - t->first) * width * item;
            for (int64_t b = 0; b < count; b++) x->kernels->stream(to + b * width * item, lines + b * bytes + k * item, (size_t)(width * item));
            block += (t->last - t->first) * width * item;
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ prologues */

size_t sp_sixstep_beside(const struct sp_program *p)
{
    return (size_t)(p->noperand + 1) * SP_CHUNK * p->max_item + sp_job_scratch(&(struct sp_job){ .program = p });
}

/* The program on `count` elements each of `rows` rows from row j on, which are `skip` rows into the buffers. */
static int run_rows(const struct pass *t, const struct sp_strip *s, int64_t j, int64_t skip, int64_t rows, int64_t count, void *const *buffer, char *scratch)
{
    const struct sixstep *x = t->x;
    const struct sp_program *p = x->program;
    struct sp_ref ref[SP_MAX_OPERANDS + 1];
    int64_t box[4] = { 0, 0, rows, count };
    if (rows == 0 || count == 0) return SP_KERNEL_OK;
    for (int k = 0; k <= p->noperand; k++) {
        int64_t item = sp_dtypes[k < p->noperand ? p->operand_dtype[k] : p->output_dtype[0]].size;
        ref[k] = (struct sp_ref){ .buffer = k, .offset = skip * s->count * item, .stride = { s->count * item, item } };
        if (k == p->noperand || p->operand_kind[k] != SP_OPERAND_IOTA) continue;
        ref[k] = (struct sp_ref){ .buffer = -1, .offset = x->read[k].start + x->read[k].step * (j * x->n2 + s->from), .stride = { x->read[k].step * x->n2, x->read[k].step } };
    }
    struct sp_job job = { .program = p, .kernels = x->kernels, .constants = x->constants, .ndim = 2, .extent = box + 2, .nbox = 1, .box = box, .ref = ref };
    return sp_job_run(&job, buffer, scratch);
}

/* Rows [j, j + n) of the strip, where the program makes them: those there are, the one that ends early, and zeros. */
static int make_rows(const struct pass *t, const struct sp_strip *s, int64_t j, int64_t n, void *const *buffer, char *scratch)
{
    const struct sixstep *x = t->x;
    const struct sp_program *p = x->program;
    int64_t whole = x->given / x->n2 - j, rest = x->given % x->n2 - s->from;
    whole = whole < 0 ? 0 : whole < n ? whole : n;
    rest = rest < 0 || x->given / x->n2 != j + whole || whole == n ? 0 : rest < s->count ? rest : s->count;
    for (int k = 0; k < p->noperand; k++) {
        struct sp_strip of = { .stretch = x->read[k].stretch, .rows = s->rows, .row = s->row, .from = s->from, .count = s->count,
                               .item = sp_dtypes[p->operand_dtype[k]].size, .kernels = x->kernels };
        if (of.stretch) sp_strip_rows(&of, j, whole + (rest > 0), buffer[k]);
    }
    if (whole < n) memset(buffer[p->noperand], 0, (size_t)(n * s->count) * x->item);
    int fault = run_rows(t, s, j, 0, whole, s->count, buffer, scratch);
    return fault ? fault : run_rows(t, s, j + whole, whole, 1, rest, buffer, scratch);
}

/* The strip's lines, of what the program makes. */
static int make_lines(const struct pass *t, const struct sp_strip *s, char *lines, char *scratch)
{
    const struct sp_program *p = t->x->program;
    void *buffer[SP_MAX_OPERANDS + 1];
    int64_t most = SP_CHUNK / s->count;
    for (int k = 0; k <= p->noperand; k++, scratch += SP_CHUNK * p->max_item) buffer[k] = scratch;
    for (int64_t j = 0, n; j < s->rows; j += n) {
        n = s->rows - j < most ? s->rows - j : most;
        int fault = make_rows(t, s, j, n, buffer, scratch);
        if (fault) return fault;
        sp_strip_turn(s, j, n, buffer[p->noperand], lines);
    }
    return SP_KERNEL_OK;
}

int sp_sixstep_columns(struct sp_task *task, void *scratch)
{
    struct pass *t = (struct pass *)task;
    const struct sixstep *x = t->x;
    struct sp_strip s = t->from;
    int64_t bytes = s.pitch * (int64_t)x->item;
    char *room = (char *)scratch + (t->width + 1) * bytes;
    for (int64_t c = t->first; c < t->last; c += s.count) {
        s.from = c;
        s.count = t->last - c < t->width ? t->last - c : t->width;
        int fault = SP_KERNEL_OK;
        if (x->program) fault = make_lines(t, &s, (char *)scratch + bytes, (char *)scratch + t->beside);
        else sp_strip_gather(&s, (char *)scratch + bytes);
        if (fault) return fault;
        for (int64_t b = 0; b < s.count; b++) {
            char *line = (char *)scratch + b * bytes; /* what was there has been transformed */
            sp_dft_run(t->dft, line + bytes, line, x->kernels);
            twist(x, c + b, line, room);
        }
        spread_lines(t, scratch, c, s.count);
    }
    x->kernels->fence();
    return SP_KERNEL_OK;
}

/* Where a strip of rows, from row k of this rank's on, is: a run of elements in every piece. */
static void find_strip(const struct sixstep *x, int64_t k, int64_t width, struct sp_stretch *to)
{
    for (const struct sp_stretch *s = x->middle.stretch; s->first < INT64_MAX; s++, to++) {
        *to = *s;
        to->first *= width;
        to->last *= width;
        to->data += (s->last - s->first) * k * (int64_t)x->item;
    }
    *to = (struct sp_stretch){ INT64_MAX, INT64_MAX, NULL, 0, 0 };
}

int sp_sixstep_rows(struct sp_task *task, void *scratch)
{
    struct pass *t = (struct pass *)task;
    const struct sixstep *x = t->x;
    struct sp_strip s = t->from, to = t->to;
    int64_t bytes = s.pitch * (int64_t)x->item, own = x->rows[x->rank].first;
    struct sp_stretch *run = (struct sp_stretch *)(void *)((char *)scratch + (t->width + 1) * bytes);
    s.stretch = run;
    for (int64_t k = t->first; k < t->last; k += s.count) {
        to.from = k;
        s.row = s.count = to.count = t->last - k < t->width ? t->last - k : t->width;
        find_strip(x, k - own, s.count, run);
        sp_strip_gather(&s, (char *)scratch + bytes);
        for (int64_t b = 0; b < s.count; b++) {
            char *line = (char *)scratch + b * bytes;
            sp_dft_run(t->dft, line + bytes, line, x->kernels);
            if (x->scale != 1) x->kernels->scale((size_t)x->n2 * 2, line, x->scale, x->single);
        }
        sp_strip_scatter(&to, scratch, t->piece);
    }
    return SP_KERNEL_OK;
}

int sp_sixstep_unpack(struct sp_task *task, void *scratch)
{
    struct pass *t = (struct pass *)task;
    struct sp_strip to = t->to;
    (void)scratch;
    for (int64_t k = t->first; k < t->last; k += to.count) {
        to.from = k;
        to.count = t->last - k < t->width ? t->last - k : t->width;
        sp_strip_unpack(&to, t->piece);
    }
    return SP_KERNEL_OK;
}
