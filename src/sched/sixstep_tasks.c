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

size_t sp_sixstep_beside(const struct pass *t)
{
    const struct sp_program *p = t->x->program;
    size_t lines = 0;
    for (int k = 0; k < p->noperand; k++) lines += t->x->read[k].stretch ? (size_t)t->width * sp_dtypes[p->operand_dtype[k]].size : 0;
    return (size_t)t->from.pitch * (lines + t->x->item) + sp_job_scratch(&(struct sp_job){ .program = p });
}

/* What the program reads for the lines of a strip, each operand as lines of its own; where the last ones end. */
static char *gather_operands(const struct pass *t, const struct sp_strip *s, char *at, void **buffer)
{
    const struct sp_program *p = t->x->program;
    for (int k = 0; k < p->noperand; k++) {
        struct sp_strip of = *s;
        of.stretch = t->x->read[k].stretch;
        of.item = sp_dtypes[p->operand_dtype[k]].size;
        buffer[k] = at;
        if (!of.stretch) continue;
        sp_strip_gather(&of, at);
        at += t->width * of.pitch * (int64_t)of.item;
    }
    return at;
}

/* The program on `count` elements of line b of a strip, those that are decimated to part i. */
static int run_part(const struct pass *t, const struct sp_strip *s, int64_t b, int64_t i, int64_t count, void *const *buffer, char *scratch)
{
    const struct sixstep *x = t->x;
    const struct sp_program *p = x->program;
    struct sp_ref ref[SP_MAX_OPERANDS + 1];
    int64_t box[2] = { 0, count }, place = i * (s->rows / s->parts);
    for (int k = 0; k <= p->noperand; k++) {
        int64_t item = sp_dtypes[k < p->noperand ? p->operand_dtype[k] : p->output_dtype[0]].size;
        ref[k] = (struct sp_ref){ .buffer = k, .offset = (place + (k < p->noperand ? b * s->pitch : 0)) * item, .stride = { item } };
        if (k == p->noperand || p->operand_kind[k] != SP_OPERAND_IOTA) continue;
        ref[k] = (struct sp_ref){ .buffer = -1, .offset = x->read[k].start + x->read[k].step * (i * x->n2 + s->from + b),
                                  .stride = { x->read[k].step * x->n2 * s->parts } };
    }
    struct sp_job job = { .program = p, .kernels = x->kernels, .constants = x->constants, .ndim = 1, .extent = box + 1, .nbox = 1, .box = box, .ref = ref };
    return sp_job_run(&job, buffer, scratch);
}

/* Line b of a strip, as the program makes it; zeros come after what there is of it. */
static int make_line(const struct pass *t, const struct sp_strip *s, int64_t b, void *const *buffer, char *scratch)
{
    const struct sixstep *x = t->x;
    int64_t all = (x->given - s->from - b + x->n2 - 1) / x->n2, part = s->rows / s->parts, item = (int64_t)x->item;
    if (x->given <= s->from + b) all = 0;
    for (int64_t i = 0; i < s->parts; i++) {
        int64_t count = all > i ? (all - i + s->parts - 1) / s->parts : 0;
        int fault = count ? run_part(t, s, b, i, count, buffer, scratch) : SP_KERNEL_OK;
        if (fault) return fault;
        memset((char *)buffer[x->program->noperand] + (i * part + count) * item, 0, (size_t)((part - count) * item));
    }
    return SP_KERNEL_OK;
}

/* The strip behind one, as far as the task has it. */
static struct sp_strip next_strip(const struct pass *t, const struct sp_strip *s)
{
    struct sp_strip next = *s;
    next.from += s->count;
    next.count = t->last - next.from < t->width ? t->last - next.from : t->width;
    return next;
}

/* While line b of a strip is being transformed, memory fetches a share of the next one. */
static void ask_share(const struct sp_strip *next, const struct sp_stretch **at, int64_t b, int64_t count)
{
    if (next->count > 0) sp_strip_ask(next, at, next->rows * b / count, next->rows * (b + 1) / count);
}

/* Where columns are asked for: in the line, or in what its program reads. Returns how many such places there are. */
static int find_columns(const struct sixstep *x, const struct sp_stretch **at)
{
    int n = 0;
    if (!x->program) at[n++] = x->in.stretch;
    for (int k = 0; x->program && k < x->program->noperand; k++) {
        if (x->read[k].stretch) at[n++] = x->read[k].stretch;
    }
    return n;
}

int sp_sixstep_columns(struct sp_task *task, void *scratch)
{
    struct pass *t = (struct pass *)task;
    const struct sixstep *x = t->x;
    struct sp_strip s = t->from;
    int64_t bytes = s.pitch * (int64_t)x->item;
    char *room = (char *)scratch + (t->width + 1) * bytes, *beside = (char *)scratch + t->beside;
    void *buffer[SP_MAX_OPERANDS + 1], *made = beside;
    const struct sp_stretch *at[SP_MAX_OPERANDS + 1];
    for (int64_t c = t->first; c < t->last; c += s.count) {
        s.from = c;
        s.count = t->last - c < t->width ? t->last - c : t->width;
        if (x->program) beside = gather_operands(t, &s, (char *)made + bytes, buffer), buffer[x->program->noperand] = made;
        else sp_strip_gather(&s, (char *)scratch + bytes);
        struct sp_strip next = next_strip(t, &s);
        int places = find_columns(x, at);
        for (int64_t b = 0; b < s.count; b++) {
            char *line = (char *)scratch + b * bytes; /* what was there has been transformed */
            int fault = x->program ? make_line(t, &s, b, buffer, beside) : SP_KERNEL_OK;
            if (fault) return fault;
            for (int k = 0; k < places; k++) ask_share(&next, &at[k], b, s.count);
            sp_dft_run(t->dft, x->program ? made : line + bytes, line, x->kernels);
            twist(x, c + b, line, room);
        }
        spread_lines(t, scratch, c, s.count);
    }
    x->kernels->fence();
    return SP_KERNEL_OK;
}

/* Rows of this rank from one on, as a strip: a run of elements in every piece. */
static struct sp_strip find_strip(const struct pass *t, int64_t first, struct sp_stretch *to)
{
    const struct sixstep *x = t->x;
    struct sp_strip s = t->from;
    int64_t width = t->last - first < t->width ? t->last - first : t->width, row = first - x->rows[x->rank].first;
    s.stretch = to;
    s.row = s.count = width;
    for (const struct sp_stretch *from = x->middle.stretch; from->first < INT64_MAX; from++, to++) {
        *to = *from;
        to->first *= width;
        to->last *= width;
        to->data += (from->last - from->first) * row * (int64_t)x->item;
    }
    *to = (struct sp_stretch){ INT64_MAX, INT64_MAX, NULL, 0, 0 };
    return s;
}

int sp_sixstep_rows(struct sp_task *task, void *scratch)
{
    struct pass *t = (struct pass *)task;
    const struct sixstep *x = t->x;
    int64_t bytes = t->from.pitch * (int64_t)x->item, turn = 1;
    struct sp_stretch *room = (struct sp_stretch *)(void *)((char *)scratch + (t->width + 1) * bytes); /* of this strip, and the next */
    struct sp_strip s = find_strip(t, t->first, room), next, to = t->to;
    for (int64_t k = t->first; k < t->last; k += to.count, s = next, turn ^= 1) {
        to.from = k;
        to.count = s.count;
        sp_strip_gather(&s, (char *)scratch + bytes);
        next = find_strip(t, k + s.count, room + turn * (x->middle.nslot + 1));
        const struct sp_stretch *at = next.stretch;
        for (int64_t b = 0; b < s.count; b++) {
            char *line = (char *)scratch + b * bytes;
            ask_share(&next, &at, b, s.count);
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
