/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sixstep_tasks.c: what the tasks of the six-step algorithm do: strips of columns, then of rows, are gathered, transformed, and put
 * where the next ones will look for them.
 */
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
        sp_strip_gather(&s, (char *)scratch + bytes);
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
