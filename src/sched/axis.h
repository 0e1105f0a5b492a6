/* SPDX-License-Identifier: BSD-3-Clause */
/* axis.h: what the files share that lower operations along an axis: lower_fft.c, tokens.c, lower_lines.c, lines_exchange.c,
   lower_planes.c and lower_sixstep.c. */
#ifndef SP_AXIS_H
#define SP_AXIS_H

#include "call.h"

#define SP_ALONG_KEPT 1

/* An operation along an axis being lowered: from a value seen through a view to another. */
struct sp_along {
    struct sp_calling *c;
    enum sp_call call;
    struct sp_axis_param param;
    starp_dims in_shape, out_shape;
    starp_dtype in_dtype, out_dtype;
    struct sp_window in, out;
    const struct sp_program *program; /* makes the operand, which is stored nowhere; or NULL */
    struct sp_window *operand; /* of the program, with room for one more */
    bool tokens;             /* tasks write parts of tiles: whoever reads those waits for a task that reads all tokens */
    struct sp_slot **token;  /* one per task */
    struct sp_slot *ready;   /* can be read when `out` may be written; NULL: at once */
    int64_t ntoken, token_cap;
    struct sp_along *before; /* the first of two passes of which this is the second; or NULL */
    struct sp_slot **kept[SP_ALONG_KEPT];
    int64_t nkept[SP_ALONG_KEPT];
    int turn;
};

/* What tasks read. */
static inline const struct sp_window *sp_along_reads(const struct sp_along *f)
{
    return f->program ? f->operand : &f->in;
}

static inline int sp_along_nreads(const struct sp_along *f)
{
    return f->program ? f->program->noperand : 1;
}

/* lower_fft.c: the step's operation on an operand that is there; its tasks are submitted. One rank. */
starp_status sp_along_again(struct sp_run *run, int32_t step, struct sp_value *in, struct sp_value *out, struct sp_error *e);
/* tokens.c: before the first task that writes the result, and after the last; status: how it went so far. */
starp_status sp_along_begin(struct sp_along *f);
starp_status sp_along_end(struct sp_along *f, starp_status status);
/* A slot that the task writes, as far as dependencies go. */
starp_status sp_along_token(struct sp_along *f, struct sp_task *task);
/* Slots that tasks with tokens, from one on, have read without depending on them may be used for something else. */
starp_status sp_along_release(struct sp_along *f, int64_t from, struct sp_slot *const *slot, int64_t n);
/* A slot that can be read when all of these can; some may be NULL. */
starp_status sp_along_join(struct sp_along *f, struct sp_slot *const *slot, int64_t n, struct sp_slot **joined);
/*
 * Takes over the slots between two passes, and their list: they are given back when those of SP_ALONG_KEPT lines or planes more
 * are kept, since whoever gets them waits for the second pass: so one line's first pass goes on beside another's second.
 */
void sp_along_keep(struct sp_along *f, struct sp_slot **slot, int64_t n);
/* lower_lines.c: lines that fit a cache, many to a task. */
starp_status sp_lower_lines(struct sp_along *f);
starp_status sp_lower_spread(struct sp_along *f); /* lines_exchange.c: the same where ranks have parts of what is read and written */
void sp_lines_block(const struct sp_along *f, starp_dims *block); /* results of a task */
double sp_along_scale(const struct sp_along *f); /* what results are multiplied by */
/* lower_planes.c: two axes one after the other, in two passes over memory: of g from what of f comes out; whether that is worth it. */
bool sp_planes_apply(const struct sp_along *f, const struct sp_along *g);
starp_status sp_lower_planes(struct sp_along *f, struct sp_along *g);
/* lower_sixstep.c: a line of a length that sp_fft_cuts, over many tasks. */
starp_status sp_lower_sixstep(struct sp_along *f);

#endif
