/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_lines.c: Fourier transforms of many lines along an axis, each of which fits a cache. A task gathers some lines at a time
 * from wherever they lie, transforms them, and scatters them: arrays are neither transposed nor copied first. Zeros put
 * around lines go the same way.
 */
#include <math.h>
#include <string.h>

#include "axis.h"

#define BLOCK_ELEMENTS ((int64_t)1 << 16) /* of a task's lines, at least, */
#define MOST_BLOCKS 512                   /* and tasks at most */
#define CHUNK_BYTES ((int64_t)1 << 18)    /* lines gathered at a time */
#define STRIP 8                           /* but so many, where they lie side by side: whole cache lines, */
#define STRIP_BYTES ((int64_t)1 << 24)    /* unless that is more */
#define TURNED 32                         /* elements of a line that are turned at a time, at least */

/* Boxes of a block in tiles of a value, or of several. */
struct boxes {
    int64_t *box;
    struct sp_ref *ref;             /* per box, one of each value */
    void **buffer;                  /* and room for one more */
    int n, nslot;
};

struct lines_task {
    struct sp_task task;
    struct sp_dft *dft;             /* NULL: zeros are put around */
    const struct sp_program *program; /* makes lines of what is in the boxes; NULL: they are lines */
    const void **constants;
    size_t beside;                  /* where its scratch begins */
    struct boxes in, out;
    int ndim, axis, across;         /* across: the axis along which lines are gathered, or -1 */
    int64_t extent[STARP_MAXDIM];   /* of the block, 1 along the axis */
    int64_t n_in, n_out, first;     /* elements of a line; where the first goes */
    int64_t room_in, room_out;      /* bytes of a line in scratch */
    int64_t chunk;                  /* lines at a time */
    size_t item_in, item_out;
    double scale;
    bool single, stream;
    bool fill;                      /* lines in scratch have places that nothing is gathered for */
};

/* ------------------------------------------------------------------------------------------------------------ tasks */

/* Which of the lines [from, from + count) at `index` go through box i: [*first, *last). */
static bool find_part(const struct lines_task *t, const struct boxes *b, int i, const int64_t *index, int64_t from, int64_t count, int64_t *first, int64_t *last)
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
static int64_t find_line(const struct lines_task *t, const int64_t *lo, const struct sp_ref *ref, const int64_t *index, int64_t first, int64_t *step)
{
    int64_t at = ref->offset;
    *step = t->across >= 0 ? ref->stride[t->across] : 0;
    for (int a = 0; a < t->ndim; a++) {
        if (a != t->axis && a != t->across) at += (index[a] - lo[a]) * ref->stride[a];
    }
    return at + (t->across >= 0 ? (first - lo[t->across]) * *step : 0);
}

/* Copies lines [from, from + count) at `index` between the boxes and scratch; `at`: bytes from the start of a line there. */
static void exchange_lines(const struct lines_task *t, const struct boxes *b, const int64_t *index, int64_t from, int64_t count, char *lines,
                           int64_t room, size_t item, bool store)
{
    const struct sp_kernels *kernels = t->task.run->sched->kernels;
    for (int i = 0; i < b->n; i++) {
        const int64_t *lo = b->box + 2 * i * t->ndim, *extent = lo + t->ndim;
        const struct sp_ref *ref = &b->ref[i];
        int64_t first, last, step;
        if (!find_part(t, b, i, index, from, count, &first, &last)) continue;
        char *tile = (char *)b->buffer[ref->buffer] + find_line(t, lo, ref, index, first, &step);
        char *line = lines + (first - from) * room + (lo[t->axis] + (store ? 0 : t->first)) * (int64_t)item;
        int64_t size[2] = { last - first, extent[t->axis] }, here[2] = { step, ref->stride[t->axis] }, there[2] = { room, (int64_t)item };
        if (!store) {
            sp_move(2, size, item, line, there, tile, here, kernels);
        } else if (here[1] == (int64_t)item && t->stream) {
            for (int64_t k = 0; k < size[0]; k++) kernels->stream(tile + k * step, line + k * room, (size_t)size[1] * item);
        } else if (here[1] == (int64_t)item) {
            sp_move(2, size, item, tile, here, line, there, kernels);
        } else {
            sp_move(2, (int64_t[]){ size[1], size[0] }, item, tile, (int64_t[]){ here[1], here[0] }, line, (int64_t[]){ there[1], there[0] }, kernels);
        }
    }
}

/* The program over so many lines of so many elements, of which refs say where they are along both axes. */
static int run_program(const struct lines_task *t, int64_t lines, int64_t length, const struct sp_ref *ref, void *const *buffer, char *scratch)
{
    int64_t box[4] = { 0, 0, lines, length };
    struct sp_job job = { .program = t->program, .kernels = t->task.run->sched->kernels, .constants = t->constants, .ndim = 2, .extent = box + 2, .nbox = 1,
                          .box = box, .ref = ref };
    return sp_job_run(&job, buffer, scratch);
}

/* The same where arrays lie across the lines: as much as the machine takes up at once is turned beforehand, and so on. */
static int turn_and_run(const struct lines_task *t, int64_t lines, int64_t length, const struct sp_ref *ref, char *scratch)
{
    const struct sp_program *p = t->program;
    void *buffer[SP_MAX_OPERANDS + 1] = { NULL };
    struct sp_ref turned[SP_MAX_OPERANDS + 1];
    int64_t most = SP_CHUNK / lines < TURNED ? TURNED : SP_CHUNK / lines, wide = SP_CHUNK / most, n, m;
    for (int k = 0; k < p->noperand; k++, scratch += SP_CHUNK * p->max_item) buffer[k] = scratch;
    buffer[p->noperand] = t->in.buffer[t->in.nslot];
    for (int64_t i = 0; i < length; i += n) {
        n = length - i < most ? length - i : most;
        for (int64_t b = 0; b < lines; b += m) {
            m = lines - b < wide ? lines - b : wide;
            for (int k = 0; k <= p->noperand; k++) {
                int64_t at = ref[k].offset + b * ref[k].stride[0] + i * ref[k].stride[1];
                turned[k] = (struct sp_ref){ .buffer = k, .offset = at, .stride = { ref[k].stride[0], ref[k].stride[1] } };
                if (k == p->noperand || p->operand_kind[k] != SP_OPERAND_ARRAY) continue;
                int64_t item = sp_dtypes[p->operand_dtype[k]].size;
                turned[k] = (struct sp_ref){ .buffer = k, .stride = { n * item, item } };
                sp_move(2, (int64_t[]){ m, n }, (size_t)item, buffer[k], turned[k].stride, (char *)t->in.buffer[ref[k].buffer] + at, ref[k].stride,
                        t->task.run->sched->kernels);
            }
            int fault = run_program(t, m, n, turned, buffer, scratch);
            if (fault) return fault;
        }
    }
    return SP_KERNEL_OK;
}

static bool is_upright(const struct sp_program *p, const struct sp_ref *ref)
{
    for (int k = 0; k < p->noperand; k++) {
        int64_t item = sp_dtypes[p->operand_dtype[k]].size, stride = ref[k].stride[1];
        if (p->operand_kind[k] == SP_OPERAND_ARRAY && stride != item && stride != 0) return false;
    }
    return true;
}

/* Makes lines [from, from + count) at `index`, in scratch, of what is in the boxes. */
static int make_lines(const struct lines_task *t, const int64_t *index, int64_t from, int64_t count, char *scratch)
{
    const struct boxes *b = &t->in;
    const struct sp_program *p = t->program;
    for (int i = 0; i < b->n; i++) {
        const int64_t *lo = b->box + 2 * i * t->ndim;
        struct sp_ref ref[SP_MAX_OPERANDS + 1];
        int64_t first, last;
        if (!find_part(t, b, i, index, from, count, &first, &last)) continue;
        for (int k = 0; k < p->noperand; k++) {
            const struct sp_ref *x = &b->ref[i * p->noperand + k];
            ref[k] = (struct sp_ref){ .buffer = -1 };
            if (p->operand_kind[k] != SP_OPERAND_ARRAY && p->operand_kind[k] != SP_OPERAND_IOTA) continue;
            ref[k].buffer = x->buffer;
            ref[k].offset = find_line(t, lo, x, index, first, &ref[k].stride[0]);
            ref[k].stride[1] = x->stride[t->axis];
        }
        ref[p->noperand] = (struct sp_ref){ .buffer = b->nslot, .offset = (first - from) * t->room_in + (lo[t->axis] + t->first) * (int64_t)t->item_in,
                                            .stride = { t->room_in, (int64_t)t->item_in } };
        int64_t lines = last - first, length = lo[t->ndim + t->axis];
        int fault = is_upright(p, ref) ? run_program(t, lines, length, ref, b->buffer, scratch) : turn_and_run(t, lines, length, ref, scratch);
        if (fault) return fault;
    }
    return SP_KERNEL_OK;
}

static void transform_lines(const struct lines_task *t, char *in, char *out, int64_t count)
{
    const struct sp_kernels *kernels = t->task.run->sched->kernels;
    int64_t group = sp_dft_lines(t->dft);
    for (int64_t i = 0; i < count; i += group) sp_dft_run(t->dft, in + i * t->room_in, out + i * t->room_out, kernels);
    if (t->scale == 1) return;
    size_t reals = (size_t)t->n_out * t->item_out / (t->single ? sizeof(float) : sizeof(double));
    for (int64_t i = 0; i < count; i++) kernels->scale(reals, out + i * t->room_out, t->scale, t->single);
}

static int perform_chunk(const struct lines_task *t, const int64_t *index, int64_t from, char *in, char *out)
{
    int64_t all = t->across >= 0 ? t->extent[t->across] : 1, count = all - from < t->chunk ? all - from : t->chunk;
    int fault = SP_KERNEL_OK;
    if (t->fill) memset(in, 0, (size_t)(t->chunk * t->room_in));
    if (t->program) fault = make_lines(t, index, from, count, in + t->beside);
    else exchange_lines(t, &t->in, index, from, count, in, t->room_in, t->item_in, false);
    if (fault) return fault;
    if (t->dft) transform_lines(t, in, out, count);
    exchange_lines(t, &t->out, index, from, count, t->dft ? out : in, t->dft ? t->room_out : t->room_in, t->item_out, true);
    return SP_KERNEL_OK;
}

static int perform_lines(struct sp_task *task, void *scratch)
{
    struct lines_task *t = (struct lines_task *)task;
    int64_t index[STARP_MAXDIM] = { 0 }, all = t->across >= 0 ? t->extent[t->across] : 1;
    char *in = scratch, *out = in + (t->chunk * t->room_in + 63) / 64 * 64;
    int fault = SP_KERNEL_OK;
    t->in.buffer[t->in.nslot] = in;
    for (int a = 0; fault == SP_KERNEL_OK;) {
        for (int64_t from = 0; from < all && fault == SP_KERNEL_OK; from += t->chunk) fault = perform_chunk(t, index, from, in, out);
        for (a = t->ndim - 1; a >= 0; a--) {
            if (a == t->across || a == t->axis) continue;
            if (++index[a] < t->extent[a]) break;
            index[a] = 0;
        }
        if (a < 0) break;
    }
    if (t->stream) task->run->sched->kernels->fence();
    return fault;
}

static void end_lines(struct sp_task *task)
{
    sp_dft_put(((struct lines_task *)task)->dft);
}

/* ------------------------------------------------------------------------------------------------------- submitting */

void sp_lines_block(const struct sp_along *f, const starp_dims *shape, starp_dims *block)
{
    int64_t in = sp_shape_size(&f->in_shape), out = sp_shape_size(&f->out_shape), all = in > out ? in : out;
    int64_t n = f->param.n > 0 ? f->param.n : 1, room = BLOCK_ELEMENTS, least = f->param.axis < shape->n - 1 ? STRIP : 1;
    if (all / MOST_BLOCKS > room) room = all / MOST_BLOCKS;
    room = room / n > least ? room / n : least;
    *block = *shape;
    for (int a = shape->n - 1; a >= 0; a--) {
        if (a == f->param.axis) continue;
        block->v[a] = shape->v[a] < room ? shape->v[a] : room;
        room = block->v[a] > 0 ? room / block->v[a] : 1;
        if (room < 1) room = 1;
        if (block->v[a] < 1) block->v[a] = 1;
    }
}

static struct sp_dft *plan(const struct sp_along *f)
{
    starp_dtype d = f->call == SP_CALL_rfft ? f->in_dtype : (starp_dtype)f->out.value->dtype;
    struct sp_dft_key key = { .single = sp_dtype_real(d) == STARP_F32, .inverse = f->param.inverse || f->call == SP_CALL_irfft, .n = f->param.n };
    key.kind = f->call == SP_CALL_fft ? SP_DFT_C2C : f->call == SP_CALL_rfft ? SP_DFT_R2C : SP_DFT_C2R;
    return sp_dft_get(&key);
}

static int64_t whole_lines(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static void choose_chunk(const struct sp_along *f, struct lines_task *t)
{
    int64_t group = t->dft ? sp_dft_lines(t->dft) : 1, in = f->call == SP_CALL_irfft ? t->n_out / 2 + 1 : f->param.n;
    int64_t all = t->across >= 0 ? t->extent[t->across] : 1;
    t->room_in = in * (int64_t)t->item_in;
    t->room_out = t->n_out * (int64_t)t->item_out;
    if (group == 1) {
        t->room_in = whole_lines(t->room_in);
        t->room_out = whole_lines(t->room_out + 2 * (int64_t)t->item_out);
    }
    int64_t room = t->room_in + t->room_out + 1, strip = STRIP_BYTES / room;
    if (strip > STRIP) strip = STRIP;
    t->chunk = CHUNK_BYTES / room;
    if (t->chunk < strip) t->chunk = strip;
    if (t->chunk > all) t->chunk = all;
    if (t->chunk < 1) t->chunk = 1;
    t->fill = t->n_in < in || all % group != 0;
    t->chunk = (t->chunk + group - 1) / group * group;
    t->beside = (size_t)(whole_lines(t->chunk * t->room_in) + whole_lines(t->chunk * t->room_out) + 64);
    t->task.scratch = t->beside;
    if (t->program) t->task.scratch += sp_job_scratch(&(struct sp_job){ .program = t->program }) + (size_t)t->program->noperand * SP_CHUNK * t->program->max_item;
}

double sp_along_scale(const struct sp_along *f)
{
    double n = (double)f->param.n;
    return f->param.scale == SP_FFT_BY_N ? 1 / n : f->param.scale == SP_FFT_BY_ROOT ? 1 / sqrt(n) : 1;
}

static void *take(char **at, size_t bytes)
{
    void *p = *at;
    *at += (bytes + 15) & ~(size_t)15;
    return p;
}

static size_t boxes_bytes(const struct sp_cuts *c)
{
    return (size_t)c->nbox * ((size_t)c->ndim * 2 * sizeof(int64_t) + (size_t)c->nreg * sizeof(struct sp_ref)) + (size_t)(c->nslot + 1) * sizeof(void *) + 48;
}

static void keep_boxes(const struct sp_cuts *c, struct boxes *b, char **at)
{
    b->n = c->nbox;
    b->box = take(at, (size_t)(c->nbox * 2 * c->ndim) * sizeof *b->box);
    b->ref = take(at, (size_t)(c->nbox * c->nreg) * sizeof *b->ref);
    b->buffer = take(at, (size_t)(c->nslot + 1) * sizeof *b->buffer);
    b->nslot = c->nslot;
    if (c->nbox > 0) memcpy(b->box, c->box, (size_t)(c->nbox * 2 * c->ndim) * sizeof *b->box);
    if (c->nbox > 0) memcpy(b->ref, c->ref, (size_t)(c->nbox * c->nreg) * sizeof *b->ref);
    for (int i = 0; i < c->nslot; i++) b->buffer[i] = c->slot[i]->data;
}

/* The lines of a block, whose boxes are in `in` and `out`. */
static starp_status submit_lines(struct sp_along *f, const struct sp_cuts *in, const struct sp_cuts *out, const int64_t *extent, bool stream)
{
    struct sp_calling *c = f->c;
    struct lines_task *t = sp_call_task(c, sizeof *t + boxes_bytes(in) + boxes_bytes(out), in->nslot + out->nslot + 2, "lines", perform_lines);
    if (!t) return sp_fail_memory(c->e);
    char *at = (char *)(t + 1);
    keep_boxes(in, &t->in, &at);
    keep_boxes(out, &t->out, &at);
    t->ndim = f->in_shape.n;
    t->axis = f->param.axis;
    memcpy(t->extent, extent, (size_t)t->ndim * sizeof *extent);
    t->across = -1;
    for (int a = 0; a < t->ndim; a++) {
        if (a != t->axis && (extent[a] > 1 || t->across < 0)) t->across = a;
    }
    t->extent[t->axis] = 1;
    t->n_in = f->in_shape.v[t->axis];
    t->n_out = f->out_shape.v[t->axis];
    t->first = f->param.first;
    t->item_in = sp_dtypes[f->in_dtype].size;
    t->program = f->program;
    t->constants = c->constants;
    t->item_out = sp_dtypes[f->out.value->dtype].size;
    t->scale = sp_along_scale(f);
    t->single = sp_dtype_real((starp_dtype)f->out.value->dtype) == STARP_F32;
    t->stream = stream;
    t->task.end = end_lines;
    if (f->call != SP_CALL_pad && !(t->dft = plan(f))) return sp_free(t), sp_fail_memory(c->e);
    choose_chunk(f, t);
    for (int i = 0; i < in->nslot && !c->at_once; i++) sp_depend(&t->task, in->slot[i], 1, false);
    for (int i = 0; i < out->nslot && !f->tokens; i++) sp_call_depend(c, &t->task, out->slot[i], 2);
    if (f->ready) sp_call_depend(c, &t->task, f->ready, 1);
    starp_status status = f->tokens ? sp_along_token(f, &t->task) : STARP_OK;
    if (status != STARP_OK) return end_lines(&t->task), sp_free(t), status;
    return sp_call_submit(c, &t->task);
}

static starp_status lower_block(struct sp_along *f, const starp_dims *block, const int64_t *lo, struct sp_cuts *in, struct sp_cuts *out)
{
    int n = f->in_shape.n, axis = f->param.axis;
    int64_t extent[STARP_MAXDIM];
    for (int a = 0; a < n; a++) extent[a] = f->in_shape.v[a] - lo[a] < block->v[a] ? f->in_shape.v[a] - lo[a] : block->v[a];
    extent[axis] = f->in_shape.v[axis];
    if (!sp_window_cut(in, n, lo, extent, f->read, extent[axis] > 0 ? f->nread : 0, 0)) return sp_fail_memory(f->c->e);
    if (extent[axis] == 0) in->nbox = 0;
    extent[axis] = f->out_shape.v[axis];
    if (!sp_window_cut(out, n, lo, extent, &f->out, 0, 1)) return sp_fail_memory(f->c->e);
    bool stream = sp_shape_size(&f->out_shape) * sp_dtypes[f->out.value->dtype].size > f->c->run->sched->cache_bytes / 2;
    return submit_lines(f, in, out, extent, stream);
}

starp_status sp_lower_lines(struct sp_along *f)
{
    struct sp_cuts in = { 0 }, out = { 0 };
    starp_dims block;
    int64_t lo[STARP_MAXDIM] = { 0 };
    starp_status status = STARP_OK;
    if (sp_shape_size(&f->out_shape) == 0) return STARP_OK;
    sp_lines_block(f, &f->out_shape, &block);
    for (int a = 0; status == STARP_OK;) {
        const struct sp_value *to = f->out.value;
        int64_t tile = 0;
        for (int k = 0; k < to->shape.n; k++) tile = tile * to->grid.v[k] + lo[k] / to->tile.v[k];
        if (f->tokens || f->c->at_once || sp_is_mine(f->c->run->sched, sp_value_owner(to, tile))) status = lower_block(f, &block, lo, &in, &out);
        for (a = f->in_shape.n - 1; a >= 0; a--) {
            if (a == f->param.axis) continue;
            if ((lo[a] += block.v[a]) < f->out_shape.v[a]) break;
            lo[a] = 0;
        }
        if (a < 0) break;
    }
    sp_cuts_free(&in);
    sp_cuts_free(&out);
    return status;
}
