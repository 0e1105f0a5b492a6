/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines_tasks.c: what a task on many lines along an axis does: it gathers some at a time from wherever they lie, transforms them, and
 * scatters them. Of two passes over a plane, the first one scatters into a piece of what lies between, and the second gathers from all.
 */
#include <string.h>

#include "lines.h"

/* ------------------------------------------------------------------------------------------------------------ boxes */

/* A matrix of lines in scratch, and where it lies in a tile: lines, then elements; bytes from one to the next. */
struct place {
    char *line, *tile;
    int64_t size[2], there[2], here[2];
    size_t item;
};

static void load(const struct place *p, const struct sp_kernels *kernels)
{
    bool side_by_side = p->here[0] == (int64_t)p->item && p->here[1] != (int64_t)p->item && p->size[0] > 1;
    if (side_by_side && p->item >= 4 && p->size[0] <= SP_STRIP_WIDTH) {
        struct sp_rows rows = { .at = p->tile, .lines = p->line, .rows = p->size[1], .count = p->size[0], .step = p->here[1],
                                .pitch = p->there[0], .item = p->item, .kernels = kernels };
        sp_rows_gather(&rows);
    } else {
        sp_move(2, p->size, p->item, p->line, p->there, p->tile, p->here, kernels);
    }
}

static void store(const struct place *p, bool stream, const struct sp_kernels *kernels)
{
    int64_t item = (int64_t)p->item;
    if (p->here[1] == item && stream) {
        size_t bytes = (size_t)(p->size[1] * item);
        for (int64_t k = 0; k < p->size[0]; k++) kernels->stream(p->tile + k * p->here[0], p->line + k * p->there[0], bytes);
    } else if (p->here[1] == item) {
        sp_move(2, p->size, p->item, p->tile, p->here, p->line, p->there, kernels);
    } else if (p->here[0] == item && p->item >= 4 && p->size[0] > 1 && p->size[0] <= SP_STRIP_WIDTH) {
        struct sp_rows rows = { .at = p->tile, .lines = p->line, .rows = p->size[1], .count = p->size[0], .step = p->here[1],
                                .pitch = p->there[0], .item = p->item, .past = stream, .kernels = kernels };
        sp_rows_scatter(&rows);
    } else {
        sp_move(2, (int64_t[]){ p->size[1], p->size[0] }, p->item, p->tile, (int64_t[]){ p->here[1], p->here[0] }, p->line,
                (int64_t[]){ p->there[1], p->there[0] }, kernels);
    }
}

/* Where lines [from, from + count) at `index` lie in box i, and in scratch; whether there is anything. */
static bool find_place(const struct sp_lines_task *t, const struct sp_boxes *b, int i, const int64_t *index, int64_t from, int64_t count,
                       struct place *p)
{
    const int64_t *lo = b->box + 2 * i * t->ndim, *extent = lo + t->ndim;
    const struct sp_ref *ref = &b->ref[i];
    p->tile = (char *)b->buffer[ref->buffer] + ref->offset;
    for (int a = 0; a < t->ndim; a++) {
        if (a == t->axis || a == t->across) continue;
        if (index[a] < lo[a] || index[a] >= lo[a] + extent[a]) return false;
        p->tile += (index[a] - lo[a]) * ref->stride[a];
    }
    int64_t first = from, last = from + count, step = 0;
    if (t->across >= 0) {
        first = first > lo[t->across] ? first : lo[t->across];
        last = last < lo[t->across] + extent[t->across] ? last : lo[t->across] + extent[t->across];
        step = ref->stride[t->across];
        p->tile += (first - lo[t->across]) * step;
    }
    if (first >= last) return false;
    p->line += (first - from) * p->there[0] + lo[t->axis] * (int64_t)p->item;
    p->size[0] = last - first, p->size[1] = extent[t->axis];
    p->here[0] = step, p->here[1] = ref->stride[t->axis];
    p->there[1] = (int64_t)p->item;
    return true;
}

static void load_lines(const struct sp_lines_task *t, const int64_t *index, int64_t from, int64_t count, char *lines)
{
    for (int i = 0; i < t->in.n; i++) {
        struct place p = { .line = lines + t->first * (int64_t)t->item_in, .there = { t->room_in }, .item = t->item_in };
        if (find_place(t, &t->in, i, index, from, count, &p)) load(&p, t->task.run->sched->kernels);
    }
}

static void store_lines(const struct sp_lines_task *t, const int64_t *index, int64_t from, int64_t count, char *lines, int64_t room)
{
    for (int i = 0; i < t->out.n; i++) {
        struct place p = { .line = lines, .there = { room }, .item = t->item_out };
        if (find_place(t, &t->out, i, index, from, count, &p)) store(&p, t->stream, t->task.run->sched->kernels);
    }
}

/* ------------------------------------------------------------------------------------------------------- two passes */

/* Lines of the first pass, from line `from` of the piece on. */
static void spread_lines(const struct sp_lines_task *t, int64_t from, int64_t count, const char *lines)
{
    const struct sp_middle *m = t->middle;
    const struct sp_lines_piece *piece = &m->piece[t->piece];
    const struct sp_kernels *kernels = t->task.run->sched->kernels;
    int64_t item = (int64_t)m->item, all = piece->last - piece->first;
    for (int64_t k = 0, width; k < m->length; k += width) {
        width = m->length - k < m->block ? m->length - k : m->block;
        char *to = piece->data + (k * all + from * width) * item;
        for (int64_t b = 0; b < count; b++) {
            const char *line = lines + b * t->room_out + k * item;
            if (m->past) kernels->stream(to + b * width * item, line, (size_t)(width * item));
            else memcpy(to + b * width * item, line, (size_t)(width * item));
        }
    }
}

/* The block that is the strip of the second pass from line `from` of the task on. */
static void collect_lines(const struct sp_lines_task *t, int64_t from, int64_t count, char *lines)
{
    const struct sp_middle *m = t->middle;
    int64_t item = (int64_t)m->item;
    for (int64_t i = 0; i < m->npiece; i++) {
        const struct sp_lines_piece *piece = &m->piece[i];
        int64_t all = piece->last - piece->first;
        struct sp_rows rows = { .at = piece->data + (t->place + from) * all * item, .lines = lines + piece->first * item, .rows = all,
                                .count = count, .step = count * item, .pitch = t->room_in, .item = m->item,
                                .kernels = t->task.run->sched->kernels };
        if (i + 1 < m->npiece) rows.next = piece[1].data + (t->place + from) * (piece[1].last - piece[1].first) * item;
        sp_rows_gather(&rows);
    }
}

/* ------------------------------------------------------------------------------------------------------------ tasks */

static void transform_lines(const struct sp_lines_task *t, char *in, char *out, int64_t count)
{
    const struct sp_kernels *kernels = t->task.run->sched->kernels;
    int64_t group = sp_dft_lines(t->dft);
    size_t reals = (size_t)t->n_out * t->item_out / (t->single ? sizeof(float) : sizeof(double));
    for (int64_t i = 0; i < count; i += group) {
        sp_dft_run(t->dft, in + i * t->room_in, out + i * t->room_out, kernels);
        for (int64_t k = i; t->scale != 1 && k < i + group && k < count; k++) kernels->scale(reals, out + k * t->room_out, t->scale, t->single);
    }
}

static void perform_chunk(const struct sp_lines_task *t, const int64_t *index, int64_t from, char *in, char *out)
{
    int64_t all = t->across >= 0 ? t->extent[t->across] : 1, count = all - from < t->chunk ? all - from : t->chunk;
    if (t->fill) memset(in, 0, (size_t)(t->chunk * t->room_in));
    if (t->middle && t->piece < 0) collect_lines(t, from, count, in);
    else load_lines(t, index, from, count, in);
    if (t->dft) transform_lines(t, in, out, count);
    if (t->middle && t->piece >= 0) spread_lines(t, from, count, out);
    else store_lines(t, index, from, count, t->dft ? out : in, t->dft ? t->room_out : t->room_in);
}

int sp_lines_perform(struct sp_task *task, void *scratch)
{
    struct sp_lines_task *t = (struct sp_lines_task *)task;
    int64_t index[STARP_MAXDIM] = { 0 }, all = t->across >= 0 ? t->extent[t->across] : 1;
    char *in = scratch, *out = in + (t->chunk * t->room_in + 63) / 64 * 64;
    if (t->over) out = scratch, in = out + t->room_out;
    for (int a = 0;;) {
        for (int64_t from = 0; from < all; from += t->chunk) perform_chunk(t, index, from, in, out);
        for (a = t->ndim - 1; a >= 0; a--) {
            if (a == t->across || a == t->axis) continue;
            if (++index[a] < t->extent[a]) break;
            index[a] = 0;
        }
        if (a < 0) break;
    }
    if (t->stream || (t->middle && t->piece >= 0 && t->middle->past)) task->run->sched->kernels->fence();
    return SP_KERNEL_OK;
}
