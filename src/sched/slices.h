/* SPDX-License-Identifier: BSD-3-Clause */
/* slices.h: a function on slices being evaluated: what lower_ppeval.c and slices_tasks.c share. */
#ifndef SP_SLICES_H
#define SP_SLICES_H

#include "call.h"

/* What the tasks of a call have in common; kept by the run. */
struct ppeval {
    struct sp_iterate job;
    const struct sp_function *function;
    struct sp_remains *remains;
    bool keeps;                 /* iterations may fail */
    bool elsewhere;             /* rank 0 runs all of them, too */
    bool column_major;
    uint32_t whole, items;      /* bits of inputs */
    int nin;                    /* inputs: of items two, for one argument */
    int ndim[SP_MAX_READS];     /* of a slice, and its extents as they lie; then those of results */
    int64_t extent[SP_MAX_READS][STARP_MAXDIM];
    int out_ndim[SP_MAX_RESULTS];
    int64_t out_size[SP_MAX_RESULTS]; /* elements of a result of one iteration */
    starp_dtype out_dtype[SP_MAX_RESULTS];
    starp_dtype in_dtype[SP_MAX_READS];
    int nout;                   /* results as they are stored: a ragged one's is its table */
    struct sp_dealing dealing;
};

struct iterate_task {
    struct sp_task task;
    struct ppeval *p;
    int64_t first, count;
    int round;                  /* of dealing */
    const char *in[SP_MAX_READS];
    int64_t in_step[SP_MAX_READS]; /* bytes from one iteration's to the next's */
    char *out[SP_MAX_RESULTS];
};

/* slices_tasks.c: a task's iterations. */
int sp_perform_iterations(struct sp_task *task, void *scratch);

#endif
