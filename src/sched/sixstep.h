/* SPDX-License-Identifier: BSD-3-Clause */
/* sixstep.h: a long line being transformed: what lower_sixstep.c and sixstep_exchange.c share. */
#ifndef SP_SIXSTEP_H
#define SP_SIXSTEP_H

#include "axis.h"

#define STEP 8 /* columns and rows that stay together: whole cache lines */

/* The columns, or rows, of a rank, and how many a task has. */
struct share {
    int64_t first, last, step;
};

/* A line in memory, or what lies between the passes, whose stretches are a task's columns; and the slots of what tasks read. */
struct spread {
    struct sp_stretch *stretch; /* kept by the run */
    struct sp_slot **slot;
    int nslot;
};

/* What the program of a line's elements reads: stretches of an array, or an index. */
struct read {
    const struct sp_stretch *stretch;
    int64_t start, step;
};

/* Kept by the run: tasks refer to it. */
struct sixstep {
    struct sp_along *f;           /* while it is being lowered */
    int64_t at[STARP_MAXDIM];     /* which line */
    const struct sp_kernels *kernels;
    int64_t n, n1, n2, block;     /* block: rows of a strip in the second pass */
    bool single, past;            /* past the caches */
    size_t item;
    double scale;
    int ranks, rank;              /* 1 and 0, too, where every rank does it all */
    struct share *rows, *columns; /* per rank */
    const double *fine, *coarse;  /* w^k, and w^(2^shift k) */
    int shift;
    struct sp_dft *dft1, *dft2, *roots; /* of n1 and n2 elements, of unity */
    struct spread in, middle, out;
    const struct sp_program *program; /* makes elements where they are gathered; NULL: they are in `in` */
    const void **constants;
    struct read *read;            /* per operand */
    int64_t given;                /* elements that it makes; zeros come after them */
    struct sp_slot *joined;       /* written when all of the middle is there */
};

/* A task's share of a pass. */
struct pass {
    struct sp_task task;
    const struct sixstep *x;
    struct sp_dft *dft, *roots;
    struct sp_strip from, to;
    int64_t first, last, width;   /* columns or rows, and how many at a time */
    size_t beside;                /* where the program's scratch begins */
    char *piece[];                /* per rank */
};

#define SP_SIXSTEP_ROOTS 64 /* a line is multiplied by roots of unity in runs of so many */

/* sixstep_tasks.c: a share of the first pass, of the second one, and what of the result comes from another rank. */
int sp_sixstep_columns(struct sp_task *task, void *scratch);
size_t sp_sixstep_beside(const struct pass *t); /* scratch that the program takes */
int sp_sixstep_rows(struct sp_task *task, void *scratch);
int sp_sixstep_unpack(struct sp_task *task, void *scratch);
/* sixstep_exchange.c: finds where the line's elements, and the result's, are; sends and receives what other ranks' columns need. */
starp_status sp_sixstep_exchange(struct sixstep *x);

#endif
