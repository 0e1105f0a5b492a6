/* SPDX-License-Identifier: BSD-3-Clause */
/* job.h: what job.c, chunk.c and reduce.c share. Nobody else includes it. */
#ifndef SP_JOB_H
#define SP_JOB_H

#include "codelets.h"

#define SP_MAX_REGS (SP_MAX_OPERANDS + SP_MAX_OUTPUTS + 2 * SP_MAX_OPS)

/* Boxes with the windows of all operands and outputs in them: a job's own, or one box with its axes collapsed. */
struct sp_space {
    int ndim;
    const int64_t *extent;
    int nbox;
    const int64_t *box;
    const struct sp_ref *ref;
    int axis;                          /* chunks take whole axes after this one ... */
    int64_t step;                      /* ... and so many indices of it */
    bool dense[SP_MAX_REGS];           /* operands and outputs: a chunk is contiguous in memory (one box only) */
};

/* A chunk: a rectangle of the space. Its elements are consecutive in row-major order. */
struct sp_chunk {
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM];
    int64_t n;
};

/* The vector machine at work on one job. */
struct sp_machine {
    const struct sp_job *job;
    const struct sp_program *program;
    void *const *buffer;
    char *area[SP_MAX_REGS]; /* scratch memory of each register */
    void *reg[SP_MAX_REGS];  /* where its elements are, for the chunk under way */
    /* Operands and outputs: */
    size_t step[SP_MAX_OPERANDS + SP_MAX_OUTPUTS];    /* bytes from one element of the chunk to the next; 0: a constant, or scratch memory */
    char *target[SP_MAX_OPERANDS + SP_MAX_OUTPUTS];   /* where results are streamed to, or NULL */
    const char *ahead[SP_MAX_OPERANDS];               /* the next chunk's elements, or NULL */
    bool stream;
    int fault;
};

/* chunk.c */
void sp_space_prepare(struct sp_space *s, const struct sp_program *p, bool discard);
void sp_machine_load(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c);
void sp_machine_look_ahead(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c);
void sp_machine_store(struct sp_machine *m, const struct sp_space *s, const struct sp_chunk *c);

/* slice.c */
void sp_machine_execute(struct sp_machine *m, size_t n);

/* job.c */
size_t sp_reg_bytes(const struct sp_program *p, int reg);

/* reduce.c */
size_t sp_reduce_scratch(const struct sp_job *job);
void sp_reduce_run(struct sp_machine *m, char *scratch);

/* Picks chunks: whole trailing axes while they hold at most SP_CHUNK elements, then as much as fits of the next one. */
static inline void sp_chunk_shape(int ndim, const int64_t *extent, int *axis, int64_t *step)
{
    int64_t n = 1;
    int a = ndim - 1;
    while (a > 0 && n * extent[a] * 2 <= SP_CHUNK) n *= extent[a--];
    *axis = a < 0 ? 0 : a;
    *step = ndim == 0 ? 1 : SP_CHUNK / n;
    if (ndim > 0 && *step > extent[*axis]) *step = extent[*axis];
}

#endif
