/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_copy.c: copies between tiled arrays whose tiles differ: how operations on whole arrays get their operands into the
 * layout they work in, and their results out of it. A copy is a fused step of one operation that stands in no plan.
 */
#include <string.h>

#include "engine.h"

/* What tasks refer to until the run ends. */
struct copy {
    struct sp_step step;
    const void *constant[1];
    unsigned char element[SP_PARAM_SIZE];
    struct sp_program *program;
};

static struct copy *new_copy(struct sp_run *run, const struct sp_copy *c)
{
    struct copy *x = sp_run_keep(run, sizeof *x);
    struct sp_program *p = sp_run_keep(run, sizeof *p + sizeof p->instr[0]);
    if (!x || !p) return NULL;
    uint16_t item = sp_dtypes[c->dtype].size, other = sp_dtypes[c->to->dtype].size;
    x->step.shape = c->shape;
    x->constant[0] = x->element;
    if (!c->from) memcpy(x->element, c->element, item);
    *p = (struct sp_program){ .ninstr = 1, .noperand = 1, .noutput = 1, .max_item = item > other ? item : other };
    p->operand_kind[0] = c->from ? SP_OPERAND_ARRAY : SP_OPERAND_SPLAT;
    p->operand_dtype[0] = (uint8_t)c->dtype;
    p->output_dtype[0] = c->to->dtype;
    p->instr[0] = (struct sp_instr){ .op = (uint16_t)c->op, .dtype = (uint8_t)c->dtype, .to = c->to->dtype, .dst = 1 };
    x->program = p;
    return x;
}

starp_status sp_lower_into(struct sp_lowering *l, struct sp_value *to)
{
    struct sp_window *out = &l->window[l->program->noperand];
    *out = (struct sp_window){ .value = to };
    sp_view_identity(&out->view, l->step->shape.n);
    l->map = to->map;
    l->given = true;
    sp_lower_geometry(l, &to->tile);
    sp_exchange_align(l);
    starp_status status = sp_lower_blocks(l);
    l->window = NULL;
    sp_lower_end(l);
    return status;
}

starp_status sp_lower_copy(struct sp_run *run, const struct sp_copy *c, struct sp_error *e)
{
    struct copy *x = new_copy(run, c);
    struct sp_window window[2] = { { .value = c->from, .view = c->view } };
    if (!x) return sp_fail_memory(e);
    struct sp_lowering l = { .run = run, .step = &x->step, .program = x->program, .constants = x->constant, .e = e, .site = c->site,
                             .window = window, .at_once = c->at_once, .ordered = c->ordered, .priority = c->priority,
                             .first = c->first, .last = c->last };
    return sp_lower_into(&l, c->to);
}
