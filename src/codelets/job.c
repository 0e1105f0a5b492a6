/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * job.c: runs a fused program over one block. Elementwise blocks go box by box; inside a box adjacent axes collapse
 * where every window allows it, and the program runs chunk by chunk, reading and writing tiles in place wherever a
 * chunk is contiguous. Blocks with reductions walk canonical chunks (reduce.c).
 */
#include <string.h>

#include "job.h"

static size_t round64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

/* A register's element size; scratch registers are as wide as the widest. */
size_t sp_reg_bytes(const struct sp_program *p, int reg)
{
    if (reg < p->noperand) return sp_dtypes[p->operand_dtype[reg]].size;
    if (reg < p->noperand + p->noutput) return sp_dtypes[p->output_dtype[reg - p->noperand]].size;
    return p->max_item;
}

static int register_count(const struct sp_program *p)
{
    return p->noperand + p->noutput + p->nscratch;
}

size_t sp_job_scratch(const struct sp_job *job)
{
    size_t bytes = 0;
    for (int r = 0; r < register_count(job->program); r++) bytes += round64(sp_reg_bytes(job->program, r) * SP_CHUNK);
    return bytes + (job->program->nreduce ? sp_reduce_scratch(job) : 0);
}

static bool has_window(const struct sp_program *p, int reg)
{
    if (reg >= p->noperand) return true;
    return p->operand_kind[reg] == SP_OPERAND_ARRAY || p->operand_kind[reg] == SP_OPERAND_IOTA;
}

/* Hands out scratch memory; constants are spread over theirs once. */
static char *give_areas(struct sp_machine *m, char *scratch, size_t elements)
{
    const struct sp_program *p = m->program;
    for (int r = 0; r < register_count(p); r++) {
        m->area[r] = scratch;
        m->reg[r] = scratch;
        scratch += round64(sp_reg_bytes(p, r) * SP_CHUNK);
        if (r >= p->noperand) continue;
        m->step[r] = has_window(p, r) ? sp_reg_bytes(p, r) : 0;
        const void *constant = m->job->constants[r];
        if (p->operand_kind[r] == SP_OPERAND_SPLAT) m->job->kernels->splat(elements, m->area[r], constant, sp_reg_bytes(p, r));
        if (p->operand_kind[r] == SP_OPERAND_PARAM) m->reg[r] = (void *)(uintptr_t)constant;
    }
    return scratch;
}

/* ---------------------------------------------------------------------------------------------------- collapsing */

struct collapsed {
    struct sp_space space;
    int64_t extent[STARP_MAXDIM], box[2 * STARP_MAXDIM];
    struct sp_ref ref[SP_MAX_OPERANDS + SP_MAX_OUTPUTS];
};

/* Whether axis a of the box continues the axis that was kept last. */
static bool continues(const struct sp_program *p, const struct collapsed *c, const struct sp_ref *ref, int kept, int a, int64_t extent)
{
    for (int r = 0; r < p->noperand + p->noutput; r++) {
        if (has_window(p, r) && c->ref[r].stride[kept] != ref[r].stride[a] * extent) return false;
    }
    return true;
}

/* Rows [first, first + rows) of box b, along its first axis. */
static void collapse(struct collapsed *c, const struct sp_job *job, int b, int64_t first, int64_t rows)
{
    const struct sp_program *p = job->program;
    int64_t extent[STARP_MAXDIM];
    int nreg = p->noperand + p->noutput, n = 0;
    memcpy(extent, job->box + (2 * b + 1) * job->ndim, (size_t)job->ndim * sizeof *extent);
    if (job->ndim > 0) extent[0] = rows;
    const struct sp_ref *ref = job->ref + (size_t)b * (size_t)nreg;
    for (int r = 0; r < nreg; r++) {
        c->ref[r].buffer = ref[r].buffer;
        c->ref[r].offset = ref[r].offset + (job->ndim > 0 ? first * ref[r].stride[0] : 0);
    }
    for (int a = 0; a < job->ndim; a++) {
        if (extent[a] == 1) continue;
        bool joins = n > 0 && continues(p, c, ref, n - 1, a, extent[a]);
        if (!joins) c->extent[n++] = 1;
        c->extent[n - 1] *= extent[a];
        for (int r = 0; r < nreg; r++) c->ref[r].stride[n - 1] = ref[r].stride[a];
    }
    memset(c->box, 0, (size_t)n * sizeof c->box[0]);
    memcpy(c->box + n, c->extent, (size_t)n * sizeof c->box[0]);
    c->space.ndim = n;
    c->space.extent = c->extent;
    c->space.nbox = 1;
    c->space.box = c->box;
    c->space.ref = c->ref;
}

/* ------------------------------------------------------------------------------------------------------- walking */

#define LONG_ROW 192 /* elements from which a row is a chunk of its own, since it needs no packing then */

static void choose_chunks(struct sp_space *s)
{
    sp_chunk_shape(s->ndim, s->extent, &s->axis, &s->step);
    int last = s->ndim - 1;
    if (s->ndim < 2 || s->extent[last] < LONG_ROW || s->axis == last) return;
    s->axis = last;
    s->step = s->extent[last];
}

static bool next_chunk(const struct sp_space *s, struct sp_chunk *c)
{
    for (int a = s->axis; a >= 0; a--) {
        int64_t step = a == s->axis ? s->step : 1;
        c->lo[a] += step;
        if (c->lo[a] < s->extent[a]) return true;
        c->lo[a] = 0;
    }
    return false;
}

static void fit_chunk(const struct sp_space *s, struct sp_chunk *c)
{
    int64_t left = s->extent[s->axis] - c->lo[s->axis];
    c->extent[s->axis] = left < s->step ? left : s->step;
    c->n = c->extent[s->axis];
    for (int a = s->axis + 1; a < s->ndim; a++) c->n *= c->extent[a];
}

/* A box of a program that only copies, transposed: does it, unless it is not. */
static bool turn_box(struct sp_machine *m, int b, int64_t first, int64_t rows)
{
    const struct sp_job *job = m->job;
    const struct sp_program *p = m->program;
    const struct sp_ref *from = &job->ref[2 * b], *to = from + 1;
    size_t item = sp_dtypes[p->output_dtype[0]].size;
    int64_t extent[STARP_MAXDIM];
    bool copies = p->ninstr == 1 && p->noperand == 1 && p->noutput == 1 && p->instr[0].op == SP_OP_copy && !job->discard &&
                  p->operand_kind[0] == SP_OPERAND_ARRAY && p->operand_dtype[0] == p->output_dtype[0];
    if (!copies || job->ndim == 0) return false;
    memcpy(extent, job->box + (2 * b + 1) * job->ndim, (size_t)job->ndim * sizeof *extent);
    extent[0] = rows;
    if (!sp_move_turns(job->ndim, extent, item, to->stride, from->stride)) return false;
    sp_move(job->ndim, extent, item, (char *)m->buffer[to->buffer] + to->offset + first * to->stride[0], to->stride,
            (char *)m->buffer[from->buffer] + from->offset + first * from->stride[0], from->stride, job->kernels);
    return true;
}

static void run_box(struct sp_machine *m, int b, int64_t first, int64_t rows)
{
    if (turn_box(m, b, first, rows)) return;
    struct collapsed c;
    struct sp_chunk chunk;
    collapse(&c, m->job, b, first, rows);
    struct sp_space *s = &c.space;
    choose_chunks(s);
    sp_space_prepare(s, m->program, m->job->discard);
    for (int a = 0; a < s->ndim; a++) {
        chunk.lo[a] = 0;
        chunk.extent[a] = a < s->axis ? 1 : s->extent[a];
    }
    chunk.n = 1;
    do {
        if (s->ndim > 0) fit_chunk(s, &chunk);
        sp_machine_load(m, s, &chunk);
        sp_machine_look_ahead(m, s, &chunk);
        sp_machine_execute(m, (size_t)chunk.n);
        sp_machine_store(m, s, &chunk);
    } while (s->ndim > 0 && next_chunk(s, &chunk) && !m->fault);
}

#define BAND_BYTES (128 << 10) /* what boxes side by side read before the next rows: it stays in the cache */

/* Boxes [b, end) lie side by side: they have their rows in common and are run band by band. */
static void run_bands(struct sp_machine *m, int b, int end)
{
    const struct sp_job *job = m->job;
    int64_t rows = job->ndim > 0 ? job->box[(2 * b + 1) * job->ndim] : 1, row = m->program->max_item, band = rows;
    for (int a = 1; a < job->ndim; a++) row *= job->extent[a];
    if (end - b > 1) band = row < BAND_BYTES ? BAND_BYTES / row : 1;
    for (int64_t first = 0; first < rows && !m->fault; first += band) {
        for (int i = b; i < end; i++) run_box(m, i, first, rows - first < band ? rows - first : band);
    }
}

static void run_boxes(struct sp_machine *m)
{
    const struct sp_job *job = m->job;
    for (int b = 0, end; b < job->nbox; b = end) {
        end = b + 1;
        while (end < job->nbox && job->ndim > 0 && job->box[2 * end * job->ndim] == job->box[2 * b * job->ndim]) end++;
        run_bands(m, b, end);
    }
}

static int64_t block_elements(const struct sp_job *job)
{
    int64_t n = 1;
    for (int a = 0; a < job->ndim; a++) n *= job->extent[a];
    return n;
}

int sp_job_run(const struct sp_job *job, void *const *buffer, void *scratch)
{
    struct sp_machine m = { .job = job, .program = job->program, .buffer = buffer, .stream = job->stream };
    int64_t elements = block_elements(job);
    char *rest = give_areas(&m, scratch, elements < SP_CHUNK ? (size_t)elements : SP_CHUNK);
    if (elements == 0 && job->program->nreduce == 0) return SP_KERNEL_OK;
    if (job->program->nreduce) sp_reduce_run(&m, rest);
    else run_boxes(&m);
    if (job->stream) job->kernels->fence();
    return m.fault;
}
