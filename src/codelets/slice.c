/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slice.c: a program's instructions on one chunk, slice by slice. A slice is a kilobyte or two of every register: small
 * enough that the processor reads the next slice's operands while it writes this one's results past the caches (triad:
 * 39 GB/s against 30 with whole chunks), and that intermediates never leave the first-level cache.
 */
#include "job.h"

/* Bytes: short where memory sets the pace, longer where the instructions do. */
#define SHORT_SLICE 1024
#define LONG_SLICE 2048
#define FEW_INSTRUCTIONS 2

/* Chunks that a reduction reads whole are run whole. */
static size_t slice_length(const struct sp_program *p)
{
    size_t bytes = p->ninstr <= FEW_INSTRUCTIONS ? SHORT_SLICE : LONG_SLICE;
    return p->nreduce > 0 ? SP_CHUNK : bytes / p->max_item;
}

/* Where a slice's registers are: what lies in memory advances, scratch memory and constants stay. */
static void place(const struct sp_machine *m, size_t done, void **at)
{
    const struct sp_program *p = m->program;
    int windows = p->noperand + p->noutput;
    for (int r = 0; r < windows; r++) at[r] = (char *)m->reg[r] + done * m->step[r];
}

static void run_slice(struct sp_machine *m, void *const *at, size_t n)
{
    const struct sp_program *p = m->program;
    const struct sp_kernels *k = m->job->kernels;
    for (int i = 0; i < p->ninstr; i++) {
        const struct sp_instr *in = &p->instr[i];
        sp_kernel_fn *fn = in->op == SP_OP_cast ? k->cast[in->dtype][in->to] : k->map[in->op][in->dtype];
        fn(n, at[in->dst], (const void *[SP_MAXSRC]){ at[in->src[0]], at[in->src[1]], at[in->src[2]], at[in->src[3]] }, &m->fault);
    }
}

static void stream_slice(const struct sp_machine *m, void *const *at, size_t done, size_t n)
{
    const struct sp_program *p = m->program;
    for (int r = p->noperand; r < p->noperand + p->noutput; r++) {
        size_t item = sp_reg_bytes(p, r);
        if (m->target[r]) m->job->kernels->stream(m->target[r] + done * item, at[r], n * item);
    }
}

static void prefetch_slice(const struct sp_machine *m, size_t done, size_t n)
{
    const struct sp_program *p = m->program;
    for (int r = 0; r < p->noperand; r++) {
        if (!m->ahead[r]) continue;
        size_t item = sp_reg_bytes(p, r);
        const char *next = m->ahead[r] + done * item;
        for (size_t at = 0; at < n * item; at += 64) __builtin_prefetch(next + at, 0, 2);
    }
}

/* Elements before the first streamed result meets a cache line's beginning: slices end there, so that no line is written
   in two pieces. */
static size_t head_length(const struct sp_machine *m)
{
    const struct sp_program *p = m->program;
    for (int r = p->noperand; r < p->noperand + p->noutput; r++) {
        if (m->target[r]) return -(uintptr_t)m->target[r] % 64 / sp_reg_bytes(p, r);
    }
    return 0;
}

void sp_machine_execute(struct sp_machine *m, size_t n)
{
    const struct sp_program *p = m->program;
    size_t whole = slice_length(p), length = whole < n ? head_length(m) : 0;
    void *at[SP_MAX_REGS];
    for (int r = p->noperand + p->noutput; r < p->noperand + p->noutput + p->nscratch; r++) at[r] = m->reg[r];
    for (size_t done = 0; done < n; done += length, length = whole) {
        if (length == 0) length = whole;
        if (length > n - done) length = n - done;
        place(m, done, at);
        prefetch_slice(m, done, length);
        run_slice(m, at, length);
        stream_slice(m, at, done, length);
    }
}
