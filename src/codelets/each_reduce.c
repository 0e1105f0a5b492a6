/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * each_reduce.c: reductions of a whole slice: the program that the graph would make for it runs over the slice as one block, and
 * what comes out of that is divided, or has its root taken, by the same kernels.
 */
#include <string.h>

#include "codelets.h"

#define MOST_INSTRUCTIONS 3

/* A program of one operand, whose instructions each read what the one before has written. */
struct chain {
    starp_dtype dtype; /* of the last of them */
    struct sp_program *program;
    _Alignas(16) char room[sizeof(struct sp_program) + MOST_INSTRUCTIONS * sizeof(struct sp_instr)];
};

static void begin(struct chain *c, starp_dtype dtype)
{
    memset(c, 0, sizeof *c);
    c->program = (struct sp_program *)(void *)c->room;
    c->program->noperand = 1;
    c->program->operand_kind[0] = SP_OPERAND_ARRAY;
    c->program->operand_dtype[0] = (uint8_t)dtype;
    c->program->max_item = 16;
    c->dtype = dtype;
}

/* op of the last register (of two operands: with itself), computed in its dtype, or cast to another. */
static void then(struct chain *c, enum sp_op op, starp_dtype to)
{
    struct sp_program *p = c->program;
    uint16_t last = p->nscratch;
    if (op == SP_OP_cast && to == c->dtype) return;
    p->instr[p->ninstr++] = (struct sp_instr){ .op = (uint16_t)op, .dtype = (uint8_t)c->dtype, .to = (uint8_t)to, .dst = ++p->nscratch,
                                               .src = { last, last, last } };
    c->dtype = to;
}

/* Runs it over the slice and finishes. False: no memory. */
static bool reduce(const struct sp_kernels *k, struct chain *c, enum sp_reduce kind, const starp_argument *x, void *to)
{
    int64_t box[2 * STARP_MAXDIM] = { 0 };
    int32_t partial = 1;
    int n = x->ndim > 0 ? x->ndim : 1;
    struct sp_ref ref = { .buffer = 0 };
    _Alignas(64) char acc[64];
    const void *constants[1] = { NULL };
    box[n] = 1;
    memcpy(box + n, x->shape, (size_t)x->ndim * sizeof box[0]);
    memcpy(ref.stride, x->stride, (size_t)x->ndim * sizeof ref.stride[0]);
    c->program->nreduce = 1;
    c->program->reduce[0] = (struct sp_program_reduce){ .kind = (uint8_t)kind, .dtype = (uint8_t)c->dtype, .src = { c->program->nscratch, 0 } };
    struct sp_job job = { .program = c->program, .kernels = k, .constants = constants, .ndim = n, .extent = box + n, .nbox = 1, .box = box, .ref = &ref,
                          .rows = true, .partial = &partial };
    void *scratch = sp_aligned(64, sp_job_scratch(&job));
    if (!scratch) return false;
    sp_job_run(&job, (void *[]){ (void *)(uintptr_t)x->data, acc }, scratch);
    k->reduce[kind][c->dtype].finish(1, acc, to);
    sp_free(scratch);
    return true;
}

bool sp_each_product(const struct sp_kernels *k, starp_dtype dtype, int64_t rows, int64_t cols, const void *x, void *to)
{
    struct chain c;
    starp_argument in;
    begin(&c, dtype);
    sp_argument_lay_out(&in, dtype, 2, (int64_t[]){ rows, cols }, false, x);
    return reduce(k, &c, SP_REDUCE_PROD, &in, to);
}

/* -------------------------------------------------------------------------------------------------------- a slice */

static starp_dtype sum_dtype(starp_dtype d)
{
    if (sp_dtypes[d].cls > SP_CLASS_I) return d;
    return sp_dtypes[d].cls == SP_CLASS_I && !sp_dtypes[d].is_signed ? STARP_U64 : STARP_I64;
}

/* What is done to the elements, and how they are reduced. */
static enum sp_reduce prepare(struct chain *c, enum sp_each f, starp_dtype d)
{
    begin(c, d);
    switch (f) {
    case SP_EACH_sum:
    case SP_EACH_prod: return then(c, SP_OP_cast, sum_dtype(d)), f == SP_EACH_sum ? SP_REDUCE_SUM : SP_REDUCE_PROD;
    case SP_EACH_min:
    case SP_EACH_max: return f == SP_EACH_min ? SP_REDUCE_MIN : SP_REDUCE_MAX;
    case SP_EACH_any:
    case SP_EACH_all: return then(c, SP_OP_cast, STARP_BOOL), f == SP_EACH_all ? SP_REDUCE_MIN : SP_REDUCE_MAX;
    case SP_EACH_mean: return then(c, SP_OP_cast, sp_dtype_to_linalg(d)), SP_REDUCE_SUM;
    case SP_EACH_norm:
        then(c, SP_OP_cast, sp_dtype_to_linalg(d));
        then(c, SP_OP_abs, sp_dtype_real(c->dtype));
        return then(c, SP_OP_multiply, c->dtype), SP_REDUCE_SUM;
    default: return then(c, SP_OP_cast, sp_dtype_to_linalg(d)), SP_REDUCE_VAR;
    }
}

/* Of no elements: the identity. */
static void put_identity(const struct sp_kernels *k, enum sp_each f, starp_dtype dtype, void *to)
{
    int64_t x = f == SP_EACH_prod || f == SP_EACH_all;
    int fault = 0;
    k->cast[STARP_I64][dtype](1, to, (const void *[]){ &x, NULL, NULL }, &fault);
}

static void divide(const struct sp_kernels *k, starp_dtype dtype, void *x, double by)
{
    char number[16];
    int fault = 0;
    k->cast[STARP_F64][dtype](1, number, (const void *[]){ &by, NULL, NULL }, &fault);
    k->map[SP_OP_divide][dtype](1, x, (const void *[]){ x, number, NULL }, &fault);
}

int sp_each_reduce(const struct sp_slices *x)
{
    const starp_argument *in = &x->in[0];
    struct chain c;
    int fault = 0;
    enum sp_reduce kind = prepare(&c, x->f, in->dtype);
    bool orders = kind == SP_REDUCE_MIN || kind == SP_REDUCE_MAX;
    if (orders && sp_dtypes[c.dtype].cls == SP_CLASS_C) {
        return starp_iteration_fail(x->it, "%s: not defined for %s", sp_each_rows[x->f].name, sp_dtypes[c.dtype].name);
    }
    starp_dtype d = kind == SP_REDUCE_VAR ? sp_dtype_real(c.dtype) : c.dtype;
    _Alignas(16) char result[16];
    int64_t n = sp_each_count(in);
    void *to = starp_iteration_output(x->it, 0, d, &(starp_dims){ .n = 0 });
    if (!to) return 1;
    if (n == 0) put_identity(x->kernels, x->f, d, result);
    else if (!reduce(x->kernels, &c, kind, in, result)) return sp_each_starved(x);
    if (x->f == SP_EACH_mean || kind == SP_REDUCE_VAR) divide(x->kernels, d, result, (double)n);
    if (x->f == SP_EACH_std || x->f == SP_EACH_norm) x->kernels->map[SP_OP_sqrt][d](1, result, (const void *[]){ result, NULL, NULL }, &fault);
    memcpy(to, result, sp_dtypes[d].size);
    return 0;
}
