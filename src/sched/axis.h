/* SPDX-License-Identifier: BSD-3-Clause */
/* axis.h: what the files share that lower operations along an axis: lower_fft.c, lower_lines.c and lower_sixstep.c. */
#ifndef SP_AXIS_H
#define SP_AXIS_H

#include "call.h"

/* An operation along an axis being lowered: from a value seen through a view to another. */
struct sp_along {
    struct sp_calling *c;
    enum sp_call call;
    struct sp_axis_param param;
    starp_dims in_shape, out_shape;
    starp_dtype in_dtype;
    struct sp_window in, out;
    const struct sp_program *program; /* makes the operand, which is stored nowhere; or NULL */
    const struct sp_window *read; /* its operands; without one: `in` */
    int nread;
    bool tokens;             /* tasks write parts of tiles: whoever reads those waits for a task that reads all tokens */
    struct sp_slot **token;  /* one per task */
    struct sp_slot *ready;   /* can be read when `out` may be written; NULL: at once */
    int64_t ntoken, token_cap;
};

/* lower_fft.c: the step's operation on an operand that is there; its tasks are submitted. One rank. */
starp_status sp_along_again(struct sp_run *run, int32_t step, struct sp_value *in, struct sp_value *out, struct sp_error *e);
/* A slot that the task writes, as far as dependencies go. */
starp_status sp_along_token(struct sp_along *f, struct sp_task *task);
/* Slots that tasks with tokens, from one on, have read without depending on them may be used for something else. */
starp_status sp_along_release(struct sp_along *f, int64_t from, struct sp_slot *const *slot, int64_t n);
/* lower_lines.c: lines that fit a cache, many to a task. */
starp_status sp_lower_lines(struct sp_along *f);
void sp_lines_block(const struct sp_along *f, const starp_dims *shape, starp_dims *block); /* lines of a task */
double sp_along_scale(const struct sp_along *f); /* what results are multiplied by */
/* lower_sixstep.c: a long line, over many tasks; whether a length is one that it can cut. */
bool sp_sixstep_cuts(int64_t n, int64_t *n1, int64_t *n2);
starp_status sp_lower_sixstep(struct sp_along *f);

#endif
