/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_fft.c: operations along an axis: which way they go. Tasks read the operand's tiles and write the result's, whether this rank
 * has all of them or not. A constant becomes an array; a result that every rank wants is dealt out in whole lines first.
 */
#include <string.h>

#include "axis.h"

/* ------------------------------------------------------------------------------------------------- into tiles */

static bool is_long(const struct sp_along *f)
{
    int64_t n1, n2;
    return f->call == SP_CALL_fft && f->param.n > SP_DFT_LONGEST && sp_fft_cuts(f->param.n, &n1, &n2);
}

/* spread: over ranks. */
static starp_status lower_tasks(struct sp_along *f, bool spread)
{
    if (f->before) return sp_lower_planes(f->before, f);
    if (spread) return sp_lower_spread(f);
    return is_long(f) ? sp_lower_sixstep(f) : sp_lower_lines(f);
}

static starp_status lower_into_tiles(struct sp_along *f, bool spread)
{
    bool at_once = f->c->at_once;
    SP_TRY(sp_value_fill(f->c->run->sched, f->out.value, !at_once, f->c->e));
    if (!at_once) f->out.value->run = f->c->run->id;
    starp_status status = sp_along_begin(f);
    if (status == STARP_OK) status = lower_tasks(f, spread);
    return sp_along_end(f, status);
}

/* -------------------------------------------------------------------------------------------------- many ranks */

/* A result in tiles of whole lines, dealt over the ranks; its memory goes with the call. */
static starp_status in_lines(struct sp_along *f)
{
    struct sp_calling *c = f->c;
    starp_dims tile;
    sp_lines_block(f, &tile);
    f->out.value = sp_value_cut(&f->out_shape, f->out_dtype, &tile);
    if (!f->out.value) return sp_fail_memory(c->e);
    c->held[c->nheld++] = f->out.value;
    sp_map_usual(&f->out.value->map, &f->out.value->grid, c->run->sched->ranks);
    return STARP_OK;
}

static starp_status copy_to(struct sp_along *f, const struct sp_window *from, struct sp_value *to, const void *element)
{
    struct sp_calling *c = f->c;
    struct sp_copy copy = { .shape = to->shape, .from = from->value, .element = element, .view = from->view, .to = to, .op = SP_OP_copy,
                            .dtype = (starp_dtype)to->dtype, .site = c->node->site, .ordered = true };
    return sp_lower_copy(c->run, &copy, c->e);
}

/*
 * Results of lines along an axis, and what is made of the same operands before, are in the map of these, if that is not the usual one;
 * but so that each line is on one rank, if ranks have their shares then: nothing of it travels, nor if it is transformed back.
 */
static void deal(const struct sp_along *f, struct sp_value *to, int along)
{
    const struct sp_sched *s = f->c->run->sched;
    int axis[STARP_MAXDIM];
    struct sp_map map;
    for (int a = 0; a < STARP_MAXDIM; a++) axis[a] = a;
    if (to->map.everywhere) return;
    if (sp_map_inherited(s, &f->in_shape, axis, sp_along_reads(f), sp_along_nreads(f), &map)) sp_map_init(&to->map, &to->grid, map.p, map.q);
    if (!sp_map_deals(&to->map, along)) return;
    int ranks = to->map.p * to->map.q;
    sp_map_init(&map, &to->grid, along == to->map.col ? ranks : 1, along == to->map.col ? 1 : ranks);
    if (!sp_map_deals(&map, along) && sp_map_is_fair(&map, &to->grid)) to->map = map;
}

/* The operand as an array of the usual tiling, on all ranks if need be, from which it is read from now on: copied, or made there. */
static starp_status store_operand(struct sp_along *f, const void *element, bool everywhere)
{
    struct sp_calling *c = f->c;
    struct sp_window from = f->in;
    struct sp_value *v = sp_value_new(c->run->sched, &f->in_shape, f->in_dtype);
    if (!v) return sp_fail_memory(c->e);
    c->held[c->nheld++] = v;
    deal(f, v, f->param.axis);
    f->in.value = v;
    sp_view_identity(&f->in.view, f->in_shape.n);
    f->in.value->map.everywhere |= everywhere;
    f->in.value->run = c->run->id;
    SP_TRY(sp_value_fill(c->run->sched, f->in.value, true, c->e));
    if (!f->program) return copy_to(f, &from, f->in.value, element);
    struct sp_lowering l = { .run = c->run, .step = c->step, .program = f->program, .constants = c->constants, .e = c->e,
                             .site = c->node->site, .window = f->operand, .ordered = true };
    f->program = NULL;
    return sp_lower_into(&l, f->in.value);
}

/* Whether a program may read elements of other ranks: there are none if operand and result have their lines at the same places. */
static bool may_travel(const struct sp_along *f, const struct sp_value *v)
{
    const struct sp_map *to = &f->out.value->map;
    return !v->map.everywhere && (sp_map_deals(to, f->param.axis) || !sp_map_equal(&v->map, to));
}

/* Whether that is more than what it makes. */
static bool reads_much(const struct sp_along *f)
{
    double bytes = 0;
    for (int k = 0; f->program && k < f->program->noperand; k++) {
        const struct sp_value *v = f->operand[k].value;
        if (v && may_travel(f, v)) bytes += (double)sp_shape_size(&v->shape) * sp_dtypes[v->dtype].size;
    }
    return bytes > (double)sp_shape_size(&f->in_shape) * sp_dtypes[f->in_dtype].size;
}

/* Of arrays, or made by a program; not a constant. */
static bool has_elements(const struct sp_along *f)
{
    return f->program || f->in.value;
}

/* Whether this rank has all that is read, and wants all of the result. */
static bool is_here(const struct sp_along *f)
{
    if (!has_elements(f)) return false;
    const struct sp_window *w = sp_along_reads(f);
    bool everywhere = f->out.value->map.everywhere;
    for (int k = 0; k < sp_along_nreads(f); k++) everywhere &= !w[k].value || w[k].value->map.everywhere;
    return everywhere || f->c->run->sched->ranks == 1;
}

static starp_status lower_apart(struct sp_along *f, const void *element)
{
    struct sp_window to = f->out;
    if (!has_elements(f) || reads_much(f)) SP_TRY(store_operand(f, element, false));
    if (is_here(f) || !to.value->map.everywhere) return lower_into_tiles(f, !is_here(f));
    SP_TRY(in_lines(f));
    SP_TRY(lower_into_tiles(f, true));
    to.value->run = f->c->run->id;
    SP_TRY(sp_value_fill(f->c->run->sched, to.value, true, f->c->e));
    return copy_to(f, &f->out, to.value, NULL);
}

/* The six-step algorithm exchanges by itself, but for constants, and for what everybody wants and not everybody has. */
static starp_status bring(struct sp_along *f, const void *element)
{
    const struct sp_value *from = f->in.value;
    bool everywhere = f->out.value->map.everywhere;
    return from && (from->map.everywhere || !everywhere) ? STARP_OK : store_operand(f, element, everywhere);
}

/* ------------------------------------------------------------------------------------------------------ the calls */

/* Small, and nothing it reads is still being computed or on another rank. */
static bool runs_at_once(const struct sp_along *f)
{
    const struct sp_run *run = f->c->run;
    int64_t small = SP_OPTION(&run->sched->options, small);
    if (!has_elements(f) || sp_shape_size(&f->in_shape) > small || sp_shape_size(&f->out_shape) > small) return false;
    for (int k = 0; k < sp_along_nreads(f); k++) {
        const struct sp_value *v = sp_along_reads(f)[k].value;
        if (v && (v->run == run->id || !v->map.everywhere)) return false;
    }
    return f->out.value->map.everywhere;
}

/* The operand: an array seen through a view, a constant, or what the step's program makes of its operands; window: room for these. */
static starp_status find_operand(struct sp_along *f, struct sp_window *window)
{
    struct sp_calling *c = f->c;
    const struct sp_order *o = &c->run->sched->order;
    const struct sp_step *s = c->step;
    struct sp_lowering l = { .run = c->run, .step = s, .program = s->program, .constants = c->constants, .e = c->e,
                             .window = window, .ndim = s->shape.n };
    if (!s->program) {
        const struct sp_operand *x = &s->operand[0];
        const struct sp_node *n = o->node[x->node];
        f->in_shape = x->npath ? o->node[x->path[0]]->shape : n->shape;
        f->in_dtype = (starp_dtype)n->dtype;
        f->in.value = c->run->value[x->node];
        sp_operand_view(x, &(struct sp_step){ .shape = f->in_shape }, o, &f->in.view);
        return STARP_OK;
    }
    for (int a = 0; a < l.ndim; a++) l.axis[a] = a;
    for (int k = 0; k < s->noperand; k++) SP_TRY(sp_lower_operand(&l, k, o));
    f->program = s->program;
    f->in_shape = s->shape;
    f->in_dtype = (starp_dtype)s->program->output_dtype[0];
    f->operand = window;
    return STARP_OK;
}

static void drop_held(struct sp_calling *c)
{
    while (c->nheld > 0) sp_value_free(c->run->sched, c->held[--c->nheld]);
}

/* element: of a constant operand. */
static starp_status lower(struct sp_along *f, const void *element)
{
    struct sp_calling *c = f->c;
    c->at_once = runs_at_once(f);
    bool here = is_here(f);
    starp_status status = STARP_OK;
    if (is_long(f) && !(f->program && here)) status = bring(f, element), here = true;
    if (status == STARP_OK) status = here ? lower_into_tiles(f, false) : lower_apart(f, element);
    drop_held(c);
    return status;
}

/* The first or second of the transforms along two axes: f has what goes into the first, and comes out of the second. */
static struct sp_along pass_of(const struct sp_along *f, const struct sp_plane_param *p, int pass)
{
    struct sp_along g = *f;
    bool back = f->call == SP_CALL_irfft2;
    enum sp_call first = f->call == SP_CALL_rfft2 ? SP_CALL_rfft : SP_CALL_fft, second = back ? SP_CALL_irfft : SP_CALL_fft;
    g.call = pass ? second : first;
    g.param = (struct sp_axis_param){ .axis = p->axis[pass], .scale = p->scale, .n = p->n[pass] };
    g.param.inverse = g.call == SP_CALL_fft && (p->inverse || back);
    if (pass) g.program = NULL;
    return g;
}

/* In two passes over memory, or one after the other with an array in between. */
static starp_status lower_both(struct sp_along *both, const void *element)
{
    struct sp_calling *c = both->c;
    struct sp_plane_param plane, *p = &plane;
    memcpy(p, c->node->param, sizeof plane);
    struct sp_along f = pass_of(both, p, 0), g = pass_of(both, p, 1);
    starp_dims between = both->in_shape;
    between.v[p->axis[0]] = both->call == SP_CALL_rfft2 ? p->n[0] / 2 + 1 : p->n[0];
    f.out_shape = g.in_shape = between;
    f.out_dtype = g.in_dtype = both->call == SP_CALL_irfft2 ? both->in_dtype : both->out_dtype;
    c->at_once = runs_at_once(both);
    if (has_elements(both) && c->run->sched->ranks == 1 && !c->at_once && sp_planes_apply(&f, &g)) {
        g.before = &f;
        return lower_into_tiles(&g, false);
    }
    struct sp_value *v = f.out.value = g.in.value = sp_value_new(c->run->sched, &between, f.out_dtype);
    if (!v) return sp_fail_memory(c->e);
    deal(&f, v, p->axis[0]);
    sp_view_identity(&f.out.view, between.n);
    g.in.view = f.out.view;
    starp_status status = lower(&f, element);
    if (status == STARP_OK) status = lower(&g, NULL);
    sp_value_free(c->run->sched, v);
    return status;
}

/* What is to be done with the operand; element: a constant one. */
static starp_status lower_any(struct sp_along *f, const void *element)
{
    sp_view_identity(&f->out.view, f->out_shape.n);
    if (sp_call_is_over_plane(f->call)) return lower_both(f, element);
    memcpy(&f->param, f->c->node->param, sizeof f->param);
    return lower(f, element);
}

starp_status sp_along_again(struct sp_run *run, int32_t step, struct sp_value *in, struct sp_value *out, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    struct sp_calling c = { .run = run, .step = s, .node = run->sched->order.node[s->output[0]], .e = e };
    struct sp_along f = { .c = &c, .call = (enum sp_call)c.node->op, .in_shape = in->shape, .out_shape = out->shape,
                          .in_dtype = (starp_dtype)in->dtype, .out_dtype = (starp_dtype)out->dtype,
                          .in = { .value = in }, .out = { .value = out } };
    sp_view_identity(&f.in.view, in->shape.n);
    return lower_any(&f, NULL);
}

/* The axis along which results' lines are. */
static int last_axis(const struct sp_along *f)
{
    struct sp_plane_param plane;
    struct sp_axis_param line;
    memcpy(&plane, f->c->node->param, sizeof plane);
    memcpy(&line, f->c->node->param, sizeof line);
    return sp_call_is_over_plane(f->call) ? plane.axis[1] : line.axis;
}

starp_status sp_lower_along(struct sp_calling *c)
{
    struct sp_run *run = c->run;
    struct sp_window window[SP_MAX_OPERANDS + 1];
    const void *element = c->step->program ? NULL : run->sched->order.node[c->step->operand[0].node]->param;
    struct sp_along f = { .c = c, .call = (enum sp_call)c->node->op, .out_shape = c->node->shape,
                          .out_dtype = (starp_dtype)c->node->dtype };
    SP_TRY(find_operand(&f, window));
    f.out.value = sp_value_new(run->sched, &c->node->shape, f.out_dtype);
    if (!f.out.value) return sp_fail_memory(c->e);
    run->value[c->step->output[0]] = f.out.value;
    deal(&f, f.out.value, last_axis(&f));
    return lower_any(&f, element);
}

starp_status sp_along_deal(struct sp_run *run, int32_t step, const void **constants, struct sp_value *to, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    struct sp_window window[SP_MAX_OPERANDS + 1];
    struct sp_calling c = { .run = run, .step = s, .node = run->sched->order.node[s->output[0]], .constants = constants, .e = e };
    struct sp_along f = { .c = &c, .call = (enum sp_call)c.node->op };
    SP_TRY(find_operand(&f, window));
    deal(&f, to, last_axis(&f));
    return STARP_OK;
}
