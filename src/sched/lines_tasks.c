/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lines_tasks.c: what a task on many lines along an axis does: it gathers some at a time from wherever they lie, transforms them, and
 * scatters them. Of two passes over a plane, the first one scatters into a piece of what lies between, and the second gathers from all.
 */
#include <string.h>

#include "lines.h"

#define TURNED 32 /* elements of a line that are turned at a time, at least */

/* ------------------------------------------------------------------------------------------------------------ boxes */

/* A matrix of lines in scratch, and where it lies in a tile: lines, then elements; bytes from one to the next. */
struct place {
    char *line, *tile;
    const char *next; /* what will be loaded after this from as far apart; or NULL */
    int64_t size[2], there[2], here[2];
    size_t item;
};

static void load(const struct place *p, const struct sp_kernels *kernels)
{
    bool side_by_side = p->here[0] == (int64_t)p->item && p->here[1] != (int64_t)p->item && p->size[0] > 1;
    if (side_by_side && p->item >= 4 && p->size[0] <= SP_STRIP_WIDTH) {
        struct sp_rows rows = { .at = p->tile, .lines = p->line, .rows = p->size[1], .count = p->size[0], .step = p->here[1],
                                .pitch = p->there[0], .item = p->item, .next = p->next, .kernels = kernels };
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

/* Which of the lines [from, from + count) at `index` go through box i: [*first, *last). */
static bool find_part(const struct sp_lines_task *t, const struct sp_boxes *b, int i, const int64_t *index, int64_t from, int64_t count,
                      int64_t *first, int64_t *last)
{
    const int64_t *lo = b->box + 2 * i * t->ndim, *extent = lo + t->ndim;
    *first = from;
    *last = from + count;
    for (int a = 0; a < t->ndim; a++) {
        if (a == t->axis || a == t->across) continue;
        if (index[a] < lo[a] || index[a] >= lo[a] + extent[a]) return false;
    }
    if (t->across < 0) return true;
    int64_t end = lo[t->across] + extent[t->across];
    *first = *first > lo[t->across] ? *first : lo[t->across];
    *last = *last < end ? *last : end;
    return *first < *last;
}

/* Where line `first` begins, as seen from the beginning of the box at lo; with the lines' step. */
static int64_t find_line(const struct sp_lines_task *t, const int64_t *lo, const struct sp_ref *ref, const int64_t *index, int64_t first,
                         int64_t *step)
{
    int64_t at = ref->offset;
    *step = t->across >= 0 ? ref->stride[t->across] : 0;
    for (int a = 0; a < t->ndim; a++) {
        if (a != t->axis && a != t->across) at += (index[a] - lo[a]) * ref->stride[a];
    }
    return at + (t->across >= 0 ? (first - lo[t->across]) * *step : 0);
}

/* Where lines [from, from + count) at `index` lie in box i, and in scratch; whether there is anything. */
static bool find_place(const struct sp_lines_task *t, const struct sp_boxes *b, int i, const int64_t *index, int64_t from, int64_t count,
                       struct place *p)
{
    const int64_t *lo = b->box + 2 * i * t->ndim, *extent = lo + t->ndim;
    const struct sp_ref *ref = &b->ref[i];
    int64_t first, last;
    if (!find_part(t, b, i, index, from, count, &first, &last)) return false;
    p->tile = (char *)b->buffer[ref->buffer] + find_line(t, lo, ref, index, first, &p->here[0]);
    p->line += (first - from) * p->there[0] + lo[t->axis] * (int64_t)p->item;
    p->size[0] = last - first, p->size[1] = extent[t->axis];
    p->here[1] = ref->stride[t->axis];
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

/* -------------------------------------------------------------------------------------------------------- prologues */

size_t sp_lines_beside(const struct sp_program *p)
{
    return sp_job_scratch(&(struct sp_job){ .program = p }) + (size_t)p->noperand * SP_CHUNK * p->max_item;
}

bool sp_lines_upright(const struct sp_program *p, const struct sp_ref *ref, int axis)
{
    for (int k = 0; k < p->noperand; k++) {
        int64_t item = sp_dtypes[p->operand_dtype[k]].size, stride = ref[k].stride[axis];
        if (p->operand_kind[k] == SP_OPERAND_ARRAY && stride != item && stride != 0) return false;
    }
    return true;
}

/* The program over so many lines of so many elements, of which refs say where they are along both axes. */
static int run_program(const struct sp_lines_task *t, int64_t lines, int64_t length, const struct sp_ref *ref, void *const *buffer,
                       char *scratch)
{
    int64_t box[4] = { 0, 0, lines, length };
    struct sp_job job = { .program = t->program, .kernels = t->task.run->sched->kernels, .constants = t->constants, .ndim = 2,
                          .extent = box + 2, .nbox = 1, .box = box, .ref = ref };
    return sp_job_run(&job, buffer, scratch);
}

/* Operands of lines [b, b + m), elements [i, i + n) of `length`, into buffers, line by line; what needs no turning stays where it is. */
static void turn(const struct sp_lines_task *t, int64_t b, int64_t m, int64_t i, int64_t n, int64_t length, const struct sp_ref *ref,
                 void *const *buffer, struct sp_ref *turned)
{
    const struct sp_program *p = t->program;
    for (int k = 0; k <= p->noperand; k++) {
        int64_t at = ref[k].offset + b * ref[k].stride[0] + i * ref[k].stride[1];
        turned[k] = (struct sp_ref){ .buffer = k, .offset = at, .stride = { ref[k].stride[0], ref[k].stride[1] } };
        if (k == p->noperand || p->operand_kind[k] != SP_OPERAND_ARRAY) continue;
        int64_t item = sp_dtypes[p->operand_dtype[k]].size;
        turned[k] = (struct sp_ref){ .buffer = k, .stride = { n * item, item } };
        struct place x = { .line = buffer[k], .tile = (char *)t->in.buffer[ref[k].buffer] + at, .size = { m, n },
                           .there = { n * item, item }, .here = { ref[k].stride[0], ref[k].stride[1] }, .item = (size_t)item };
        if (i + n < length) x.next = x.tile + n * x.here[1];
        load(&x, t->task.run->sched->kernels);
    }
}

/* The same where arrays lie across the lines: as much as the machine takes up at once is turned beforehand, and so on. */
static int turn_and_run(const struct sp_lines_task *t, int64_t lines, int64_t length, const struct sp_ref *ref, char *scratch)
{
    const struct sp_program *p = t->program;
    void *buffer[SP_MAX_OPERANDS + 1] = { NULL };
    struct sp_ref turned[SP_MAX_OPERANDS + 1];
    int64_t most = SP_CHUNK / lines < TURNED ? TURNED : SP_CHUNK / lines, wide = SP_CHUNK / most, n, m;
    for (int k = 0; k < p->noperand; k++, scratch += SP_CHUNK * p->max_item) buffer[k] = scratch;
    buffer[p->noperand] = t->in.buffer[t->in.nslot];
    for (int64_t b = 0; b < lines; b += m) {
        m = lines - b < wide ? lines - b : wide;
        for (int64_t i = 0; i < length; i += n) {
            n = length - i < most ? length - i : most;
            turn(t, b, m, i, n, length, ref, buffer, turned);
            int fault = run_program(t, m, n, turned, buffer, scratch);
            if (fault) return fault;
        }
    }
    return SP_KERNEL_OK;
}

/* Makes lines [from, from + count) at `index`, in scratch, of what is in the boxes. */
static int make_lines(const struct sp_lines_task *t, const int64_t *index, int64_t from, int64_t count, char *scratch)
{
    const struct sp_boxes *b = &t->in;
    const struct sp_program *p = t->program;
    for (int i = 0; i < b->n; i++) {
        const int64_t *lo = b->box + 2 * i * t->ndim;
        struct sp_ref ref[SP_MAX_OPERANDS + 1];
        int64_t first, last;
        if (!find_part(t, b, i, index, from, count, &first, &last)) continue;
        for (int k = 0; k < p->noperand; k++) {
            const struct sp_ref *x = &b->ref[i * b->nreg + k];
            ref[k] = (struct sp_ref){ .buffer = -1 };
            if (p->operand_kind[k] != SP_OPERAND_ARRAY && p->operand_kind[k] != SP_OPERAND_IOTA) continue;
            ref[k].buffer = x->buffer;
            ref[k].offset = find_line(t, lo, x, index, first, &ref[k].stride[0]);
            ref[k].stride[1] = x->stride[t->axis];
        }
        int64_t item = (int64_t)t->item_in, at = (first - from) * t->room_in + (lo[t->axis] + t->first) * item;
        ref[p->noperand] = (struct sp_ref){ .buffer = b->nslot, .offset = at, .stride = { t->room_in, item } };
        int64_t lines = last - first, length = lo[t->ndim + t->axis];
        int fault = sp_lines_upright(p, ref, 1) ? run_program(t, lines, length, ref, b->buffer, scratch)
                                                : turn_and_run(t, lines, length, ref, scratch);
        if (fault) return fault;
    }
    return SP_KERNEL_OK;
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

/* scratch: of the program. */
static int perform_chunk(const struct sp_lines_task *t, const int64_t *index, int64_t from, char *in, char *out, char *scratch)
{
    int64_t all = t->across >= 0 ? t->extent[t->across] : 1, count = all - from < t->chunk ? all - from : t->chunk;
    int fault = SP_KERNEL_OK;
    if (t->fill) memset(in, 0, (size_t)(t->chunk * t->room_in));
    if (t->middle && t->piece < 0) collect_lines(t, from, count, in);
    else if (t->program) fault = make_lines(t, index, from, count, scratch);
    else load_lines(t, index, from, count, in);
    if (fault) return fault;
    if (t->dft) transform_lines(t, in, out, count);
    if (t->middle && t->piece >= 0) spread_lines(t, from, count, out);
    else store_lines(t, index, from, count, t->dft ? out : in, t->dft ? t->room_out : t->room_in);
    return SP_KERNEL_OK;
}

int sp_lines_perform(struct sp_task *task, void *scratch)
{
    struct sp_lines_task *t = (struct sp_lines_task *)task;
    int64_t index[STARP_MAXDIM] = { 0 }, all = t->across >= 0 ? t->extent[t->across] : 1;
    char *in = scratch, *out = in + (t->chunk * t->room_in + 63) / 64 * 64;
    int fault = SP_KERNEL_OK;
    if (t->over) out = scratch, in = out + t->room_out;
    t->in.buffer[t->in.nslot] = in; /* where a program puts the lines */
    for (int a = 0; fault == SP_KERNEL_OK;) {
        for (int64_t from = 0; from < all && fault == SP_KERNEL_OK; from += t->chunk) {
            fault = perform_chunk(t, index, from, in, out, (char *)scratch + t->beside);
        }
        for (a = t->ndim - 1; a >= 0; a--) {
            if (a == t->across || a == t->axis) continue;
            if (++index[a] < t->extent[a]) break;
            index[a] = 0;
        }
        if (a < 0) break;
    }
    if (t->stream || (t->middle && t->piece >= 0 && t->middle->past)) task->run->sched->kernels->fence();
    return fault;
}
