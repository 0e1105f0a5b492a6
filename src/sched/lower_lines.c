/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_lines.c: Fourier transforms of many lines along an axis, each of which fits a cache. A task gathers some lines at a time
 * from wherever they lie, transforms them, and scatters them: arrays are neither transposed nor copied first. Zeros put
 * around lines go the same way.
 */
#include <math.h>
#include <string.h>

#include "lines.h"

#define BLOCK_ELEMENTS ((int64_t)1 << 16) /* of a task's lines, at least, */
#define MOST_BLOCKS 512                   /* and tasks at most */
#define CHUNK_BYTES ((int64_t)1 << 18)    /* lines gathered at a time */
#define STRIP_BYTES ((int64_t)1 << 20)    /* where they lie side by side: a level-2 cache, or nearly */
#define STRIP 8                           /* but so many of these: whole cache lines, */
#define STRIP_MOST ((int64_t)1 << 24)     /* unless that is more */

static void end_lines(struct sp_task *task)
{
    sp_dft_put(((struct sp_lines_task *)task)->dft);
}

/* ------------------------------------------------------------------------------------------------------- submitting */

void sp_lines_block(const struct sp_along *f, starp_dims *block)
{
    const starp_dims *shape = &f->out_shape;
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
    starp_dtype d = f->call == SP_CALL_rfft ? f->in_dtype : f->out_dtype;
    struct sp_dft_key key = { .single = sp_dtype_real(d) == STARP_F32, .inverse = f->param.inverse || f->call == SP_CALL_irfft, .n = f->param.n };
    key.kind = f->call == SP_CALL_fft ? SP_DFT_C2C : f->call == SP_CALL_rfft ? SP_DFT_R2C : SP_DFT_C2R;
    return sp_dft_get(&key);
}

static int64_t whole_lines(int64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

int64_t sp_lines_strip(int64_t bytes)
{
    int64_t strip = STRIP_BYTES / bytes / STRIP * STRIP;
    if (strip > SP_STRIP_WIDTH) return SP_STRIP_WIDTH;
    if (strip < STRIP) strip = STRIP_MOST / bytes < STRIP ? STRIP_MOST / bytes : STRIP;
    return strip < 1 ? 1 : strip;
}

/* Whether each line's elements follow each other. */
static bool is_contiguous(const struct sp_cuts *c, int axis, size_t item)
{
    return c->nbox == 0 || c->ref[0].stride[axis] == (int64_t)item;
}

/* The same of all that a program reads to make them. */
static bool reads_contiguous(const struct sp_cuts *c, int axis, const struct sp_program *p)
{
    return c->nbox == 0 || sp_lines_upright(p, c->ref, axis);
}

static void choose_rooms(struct sp_lines_task *t, int64_t in)
{
    t->room_in = in * (int64_t)t->item_in;
    t->room_out = t->n_out * (int64_t)t->item_out;
    t->over = t->dft && sp_dft_lines(t->dft) == 1;
    if (!t->dft || t->over) t->room_in = whole_lines(t->room_in);
    if (!t->over) return;
    int64_t room = whole_lines(t->room_out + 2 * (int64_t)t->item_out);
    t->room_in = t->room_out = (room > t->room_in ? room : t->room_in) + 64; /* lines do not all fall into the same places of a cache */
}

static void choose_chunk(const struct sp_along *f, struct sp_lines_task *t, bool contiguous)
{
    int64_t group = t->dft ? sp_dft_lines(t->dft) : 1, in = f->call == SP_CALL_irfft ? t->n_out / 2 + 1 : f->param.n;
    int64_t all = t->across >= 0 ? t->extent[t->across] : 1;
    choose_rooms(t, in);
    int64_t room = t->over ? t->room_in : t->room_in + t->room_out + 1;
    t->chunk = CHUNK_BYTES / room;
    if (!contiguous && t->chunk < sp_lines_strip(room)) t->chunk = sp_lines_strip(room);
    if (t->chunk > all) t->chunk = all;
    if (t->chunk < 1) t->chunk = 1;
    if (t->middle && t->piece < 0) t->chunk = t->middle->block;
    t->fill = t->n_in < in || all % group != 0;
    t->chunk = (t->chunk + group - 1) / group * group;
    int64_t lines = t->over ? (t->chunk + 1) * room : whole_lines(t->chunk * t->room_in) + whole_lines(t->chunk * t->room_out);
    t->beside = (size_t)lines + 64;
    t->task.scratch = t->beside + (t->program ? sp_lines_beside(t->program) : 0);
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
    size_t box = (size_t)c->ndim * 2 * sizeof(int64_t) + (size_t)c->nreg * sizeof(struct sp_ref);
    return (size_t)c->nbox * box + (size_t)(c->nslot + 1) * sizeof(void *) + 48;
}

static void keep_boxes(const struct sp_cuts *c, struct sp_boxes *b, char **at)
{
    b->n = c->nbox;
    b->nreg = c->nreg;
    b->nslot = c->nslot;
    b->box = take(at, (size_t)(c->nbox * 2 * c->ndim) * sizeof *b->box);
    b->ref = take(at, (size_t)(c->nbox * c->nreg) * sizeof *b->ref);
    b->buffer = take(at, (size_t)(c->nslot + 1) * sizeof *b->buffer);
    if (c->nbox > 0) memcpy(b->box, c->box, (size_t)(c->nbox * 2 * c->ndim) * sizeof *b->box);
    if (c->nbox > 0) memcpy(b->ref, c->ref, (size_t)(c->nbox * c->nreg) * sizeof *b->ref);
    for (int i = 0; i < c->nslot; i++) b->buffer[i] = c->slot[i] ? c->slot[i]->data : NULL;
}

/* What the task reads and writes; a value's tiles that tasks write parts of have tokens instead. */
static starp_status depend(struct sp_along *f, struct sp_lines_task *t, const struct sp_lines_pass *pass, const struct sp_cuts *in,
                           const struct sp_cuts *out)
{
    struct sp_calling *c = f->c;
    bool first = pass && pass->piece >= 0;
    for (int i = 0; i < in->nslot && !c->at_once; i++) {
        if (in->slot[i]) sp_depend(&t->task, in->slot[i], 1, false); /* else another rank's tile, of which a window has come */
    }
    if (pass) sp_call_depend(c, &t->task, pass->slot, first ? 2 : 1);
    if (first) return STARP_OK;
    for (int i = 0; i < out->nslot && !f->tokens; i++) sp_call_depend(c, &t->task, out->slot[i], 2);
    if (f->ready) sp_call_depend(c, &t->task, f->ready, 1);
    return f->tokens ? sp_along_token(f, &t->task) : STARP_OK;
}

/* Of two passes, the one that lines belong to; the axis along which they are gathered. */
static void describe(const struct sp_along *f, struct sp_lines_task *t, const int64_t *extent, const struct sp_lines_pass *pass)
{
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
    t->item_out = sp_dtypes[f->out_dtype].size;
    t->program = pass && pass->piece < 0 ? NULL : f->program;
    t->constants = f->c->constants;
    t->scale = sp_along_scale(f);
    t->single = sp_dtype_real(f->out_dtype) == STARP_F32;
    t->task.end = end_lines;
    if (!pass) return;
    t->middle = pass->middle;
    t->piece = pass->piece;
    t->place = pass->place;
}

bool sp_lines_past(const struct sp_along *f)
{
    return sp_shape_size(&f->out_shape) * (int64_t)sp_dtypes[f->out_dtype].size > f->c->run->sched->cache_bytes / 2;
}

struct sp_task *sp_lines_task(struct sp_along *f, const struct sp_cuts *in, const struct sp_cuts *out, const int64_t *extent,
                              const struct sp_lines_pass *pass)
{
    struct sp_calling *c = f->c;
    size_t bytes = sizeof(struct sp_lines_task) + boxes_bytes(in) + boxes_bytes(out);
    struct sp_lines_task *t = sp_call_task(c, bytes, in->nslot + out->nslot + 3, "lines", sp_lines_perform);
    if (!t) return sp_fail_memory(c->e), NULL;
    char *at = (char *)(t + 1);
    keep_boxes(in, &t->in, &at);
    keep_boxes(out, &t->out, &at);
    describe(f, t, extent, pass);
    bool first = pass && pass->piece >= 0;
    t->stream = !first && sp_lines_past(f);
    if (f->call != SP_CALL_pad && !(t->dft = plan(f))) return sp_free(t), sp_fail_memory(c->e), NULL;
    bool contiguous = t->program ? reads_contiguous(in, t->axis, t->program) : is_contiguous(in, t->axis, t->item_in);
    choose_chunk(f, t, contiguous && is_contiguous(out, t->axis, t->item_out));
    if (depend(f, t, pass, in, out) != STARP_OK) return sp_task_drop(&t->task), NULL;
    return &t->task;
}

starp_status sp_lines_cut(struct sp_along *f, const starp_dims *shape, const int64_t *lo, int64_t *extent, const struct sp_window *w, int n,
                          bool write, struct sp_cuts *cuts)
{
    extent[f->param.axis] = shape->v[f->param.axis];
    bool empty = !write && extent[f->param.axis] == 0;
    if (!sp_window_cut(cuts, shape->n, lo, extent, w, write || empty ? 0 : n, write ? n : 0)) return sp_fail_memory(f->c->e);
    if (empty) cuts->nbox = 0;
    return STARP_OK;
}

starp_status sp_lines_submit(struct sp_along *f, const starp_dims *block, const int64_t *lo, const struct sp_lines_pass *pass,
                             struct sp_cuts *in, struct sp_cuts *out)
{
    int64_t extent[STARP_MAXDIM];
    bool reads = !pass || pass->piece >= 0, writes = !pass || pass->piece < 0;
    for (int a = 0; a < block->n; a++) extent[a] = f->out_shape.v[a] - lo[a] < block->v[a] ? f->out_shape.v[a] - lo[a] : block->v[a];
    in->nbox = in->nslot = in->nreg = out->nbox = out->nslot = out->nreg = 0;
    in->ndim = out->ndim = block->n;
    if (reads) SP_TRY(sp_lines_cut(f, &f->in_shape, lo, extent, sp_along_reads(f), sp_along_nreads(f), false, in));
    if (writes) SP_TRY(sp_lines_cut(f, &f->out_shape, lo, extent, &f->out, 1, true, out));
    struct sp_task *t = sp_lines_task(f, in, out, extent, pass);
    return t ? sp_call_submit(f->c, t) : f->c->e->status;
}

starp_status sp_lower_lines(struct sp_along *f)
{
    struct sp_cuts in = { 0 }, out = { 0 };
    starp_dims block;
    int64_t lo[STARP_MAXDIM] = { 0 };
    starp_status status = STARP_OK;
    if (sp_shape_size(&f->out_shape) == 0) return STARP_OK;
    sp_lines_block(f, &block);
    for (int a = 0; status == STARP_OK;) {
        status = sp_lines_submit(f, &block, lo, NULL, &in, &out);
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
