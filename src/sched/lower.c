/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower.c: a fused step becomes one task per block of its iteration space, or runs at once on the caller's thread when it
 * is small and all it reads is there. Blocks are the tiles of the outputs; with reductions they are the canonical tiles
 * of the shape, whatever STARP_TILE says, because the bits of a sum hang on them.
 */
#include <string.h>

#include "engine.h"

/* ----------------------------------------------------------------------------------------------------- geometry */

/* Kept and reduced axes, each in their own order; the group of the last axis that matters goes innermost. */
static void order_axes(struct sp_lowering *l)
{
    const struct sp_step *s = l->step;
    int n = 0, last = s->shape.n - 1;
    while (last > 0 && s->shape.v[last] == 1) last--;
    l->rows = s->reduce_axes >> (last < 0 ? 0 : last) & 1;
    for (int pass = 0; pass < 2; pass++) {
        bool reduced = pass == (l->rows ? 1 : 0);
        if (pass == 1) l->split = n;
        for (int a = 0; a < s->shape.n; a++) {
            if ((s->reduce_axes >> a & 1) == reduced) l->axis[n++] = a;
        }
    }
}

void sp_lower_geometry(struct sp_lowering *l, const starp_dims *tile)
{
    const struct sp_step *s = l->step;
    bool reduces = l->program->nreduce > 0;
    l->ndim = s->shape.n;
    for (int a = 0; a < l->ndim; a++) l->axis[a] = a;
    if (reduces) order_axes(l);
    l->nblock = l->nkept = l->nreduced = 1;
    for (int k = 0; k < l->ndim; k++) {
        int a = l->axis[k];
        l->extent[k] = s->shape.v[a];
        l->block[k] = tile->v[a];
        l->grid[k] = (l->extent[k] + l->block[k] - 1) / l->block[k];
        l->nblock *= l->grid[k];
        *(s->reduce_axes >> a & 1 ? &l->nreduced : &l->nkept) *= l->grid[k];
    }
}

/* ------------------------------------------------------------------------------------------------------ windows */

static void permute_view(const struct sp_lowering *l, struct sp_view *v)
{
    int8_t place[STARP_MAXDIM];
    for (int k = 0; k < l->ndim; k++) place[l->axis[k]] = (int8_t)k;
    for (int a = 0; a < v->ndim; a++) {
        if (v->axis[a] >= 0) v->axis[a] = place[v->axis[a]];
    }
}

/* An iota seen through a view: one coefficient per iteration axis. */
static void iota_window(const struct sp_node *n, const struct sp_view *v, struct sp_window *w)
{
    w->iota = true;
    w->iota_start = n->view->start[0];
    memset(w->view.step, 0, sizeof w->view.step);
    for (int a = 0; a < v->ndim; a++) {
        w->iota_start += n->view->step[a] * v->start[a];
        if (v->axis[a] >= 0) w->view.step[v->axis[a]] += n->view->step[a] * v->step[a];
    }
}

const void *sp_param_of(const struct sp_sched *s, const struct sp_node *n)
{
    struct sp_apply_param p;
    if (n->kind != SP_KIND_MAP || !sp_op_applies(n->op)) return n->param;
    memcpy(&p, n->param, sizeof p);
    const starp_elementwise *f = sp_elementwise_of(s, p.function);
    bool right = f && f->in.count == n->nin && f->in.dtype == n->in[0]->dtype && f->out.dtype == n->dtype;
    return right ? f : NULL;
}

starp_status sp_lower_operand(struct sp_lowering *l, int k, const struct sp_order *o)
{
    const struct sp_operand *x = &l->step->operand[k];
    struct sp_window *w = &l->window[k];
    *w = (struct sp_window){ .value = NULL };
    int kind = l->program->operand_kind[k];
    l->constants[k] = kind == SP_OPERAND_PARAM ? sp_param_of(l->run->sched, o->node[x->node]) : o->node[x->node]->param;
    if (!l->constants[k]) return sp_fail(l->e, STARP_ERR_RUNTIME, "%s: there is no such function here", sp_node_name(o->node[x->node]));
    if (kind != SP_OPERAND_ARRAY && kind != SP_OPERAND_IOTA) return STARP_OK;
    struct sp_view v;
    sp_operand_view(x, l->step, o, &v);
    permute_view(l, &v);
    if (kind == SP_OPERAND_IOTA) {
        iota_window(o->node[x->node], &v, w);
    } else {
        w->view = v;
        w->value = l->run->value[x->node];
    }
    return STARP_OK;
}

/* Whether the step runs without tasks: small, and nothing it reads is still being computed. */
static bool runs_at_once(const struct sp_lowering *l)
{
    if (sp_shape_size(&l->step->shape) > SP_OPTION(&l->run->sched->options, small)) return false;
    for (int k = 0; k < l->program->noperand; k++) {
        const struct sp_value *v = l->window[k].value;
        if (v && (v->run == l->run->id || !v->map.everywhere)) return false;
    }
    return l->map.everywhere;
}

/* ------------------------------------------------------------------------------------------------------- blocks */

struct block_task {
    struct sp_task task;
    struct sp_job job;
    void **buffer;
};

static int perform_block(struct sp_task *task, void *scratch)
{
    struct block_task *t = (struct block_task *)task;
    return sp_job_run(&t->job, t->buffer, scratch);
}

void sp_depend(struct sp_task *task, struct sp_slot *slot, uint8_t mode, bool ordered)
{
    uint64_t run = task->run->id;
    if (slot->writes == run || ordered) {
        task->dep[task->ndep] = slot;
        task->dep_mode[task->ndep++] = mode;
    } else if (mode & 1) {
        slot->reads = run;
    }
    if (mode & 2) slot->writes = run;
}

static void *take(char **at, size_t bytes)
{
    void *p = *at;
    *at += (bytes + 15) & ~(size_t)15;
    return p;
}

#define ROOM(count, type) (((size_t)(count) * sizeof(type) + 15) & ~(size_t)15)

/* A task for the block that the cuts describe: one allocation holds all its bytes. */
static struct block_task *new_block_task(struct sp_lowering *l, const int64_t *extent)
{
    const struct sp_cuts *c = &l->cuts;
    const struct sp_program *p = l->program;
    int nreg = p->noperand + p->noutput, nslot = c->nslot + p->nreduce;
    struct block_task *t;
    char *at = sp_malloc(ROOM(1, *t) + ROOM(l->ndim, int64_t) + ROOM(c->nbox * 2 * l->ndim, int64_t) + ROOM(c->nbox * nreg, struct sp_ref) +
                         ROOM(p->nreduce, int32_t) + ROOM(nslot, void *) * 2 + ROOM(nslot, uint8_t));
    if (!at) return NULL;
    t = take(&at, sizeof *t);
    int64_t *own_extent = take(&at, (size_t)l->ndim * sizeof *extent);
    int64_t *box = take(&at, (size_t)(c->nbox * 2 * l->ndim) * sizeof *box);
    struct sp_ref *ref = take(&at, (size_t)(c->nbox * nreg) * sizeof *ref);
    int32_t *partial = take(&at, p->nreduce * sizeof *partial);
    memcpy(own_extent, extent, (size_t)l->ndim * sizeof *extent);
    memcpy(box, c->box, (size_t)(c->nbox * 2 * l->ndim) * sizeof *box);
    memcpy(ref, c->ref, (size_t)(c->nbox * nreg) * sizeof *ref);
    *t = (struct block_task){
        .task = { .run = l->run, .site = l->site, .name = "block", .perform = perform_block, .priority = l->priority },
        .job = { .program = p, .kernels = l->run->sched->kernels, .constants = l->constants, .ndim = l->ndim, .extent = own_extent,
                 .nbox = c->nbox, .box = box, .ref = ref, .stream = l->stream, .split = l->split, .rows = l->rows, .partial = partial,
                 .discard = l->discard },
    };
    t->buffer = take(&at, (size_t)nslot * sizeof *t->buffer);
    t->task.dep = take(&at, (size_t)nslot * sizeof *t->task.dep);
    t->task.dep_mode = take(&at, (size_t)nslot);
    for (int r = 0; r < p->nreduce; r++) partial[r] = c->nslot + r;
    return t;
}

#define ORDERED 4 /* in a slot's mode: what is written there is read again in this run */

static void mark_ordered(struct sp_lowering *l)
{
    struct sp_cuts *c = &l->cuts;
    for (int k = 0; k < l->program->noutput && !l->discard; k++) {
        if (l->given ? !l->ordered : l->run->plan->last_use[l->step->output[k]] < 0) continue;
        for (int32_t b = 0; b < c->nbox; b++) c->mode[c->ref[b * c->nreg + l->program->noperand + k].buffer] |= ORDERED;
    }
}

/* A written tile that the block covers in part is also read, as far as ordering goes. */
static uint8_t write_mode(const struct sp_lowering *l, uint8_t mode)
{
    bool whole = l->program->nreduce == 0 || SP_OPTION(&l->run->sched->options, tile) == SP_TILE_TARGET;
    return mode == 2 && !whole ? 3 : mode;
}

static void connect(struct sp_lowering *l, struct block_task *t, int64_t kept, int64_t reduced)
{
    struct sp_cuts *c = &l->cuts;
    mark_ordered(l);
    for (int32_t i = 0; i < c->nslot; i++) {
        t->buffer[i] = c->slot[i] ? c->slot[i]->data : NULL;
        if (!c->slot[i]) continue; /* another rank's tile, of which a window has come */
        if (!l->at_once) sp_depend(&t->task, c->slot[i], write_mode(l, c->mode[i] & 3), c->mode[i] & ORDERED);
    }
    for (int r = 0; r < l->program->nreduce; r++) {
        struct sp_slot *slot = l->partial[(r * l->nkept + kept) * l->nreduced + reduced];
        t->buffer[c->nslot + r] = slot->data;
        if (!l->at_once) sp_depend(&t->task, slot, 2, true);
    }
}

void sp_lower_block_bounds(const struct sp_lowering *l, int64_t b, int64_t *lo, int64_t *extent, int64_t *kept, int64_t *reduced)
{
    int64_t index[STARP_MAXDIM];
    *kept = *reduced = 0;
    for (int k = l->ndim - 1; k >= 0; k--) {
        index[k] = b % l->grid[k];
        b /= l->grid[k];
        lo[k] = index[k] * l->block[k];
        extent[k] = l->extent[k] - lo[k] < l->block[k] ? l->extent[k] - lo[k] : l->block[k];
    }
    for (int k = 0; k < l->ndim; k++) {
        int64_t *n = l->step->reduce_axes >> l->axis[k] & 1 ? reduced : kept;
        *n = *n * l->grid[k] + index[k];
    }
}

/* Bounds and boxes of block b, and who computes it. */
static starp_status cut_block(struct sp_lowering *l, int64_t b, int64_t *extent, int64_t *kept, int64_t *reduced)
{
    int64_t lo[STARP_MAXDIM];
    sp_lower_block_bounds(l, b, lo, extent, kept, reduced);
    bool ok = sp_window_cut(&l->cuts, l->ndim, lo, extent, l->window, l->program->noperand, l->program->noutput);
    return ok ? STARP_OK : sp_fail_memory(l->e);
}

/* What other ranks' blocks read of this rank's tiles. */
static starp_status send_for_block(struct sp_lowering *l, int64_t b)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], kept, reduced;
    sp_lower_block_bounds(l, b, lo, extent, &kept, &reduced);
    int owner = sp_block_owner(l, kept, reduced);
    if (owner == l->run->sched->rank) return STARP_OK;
    SP_TRY(cut_block(l, b, extent, &kept, &reduced));
    return sp_exchange_send(l, owner);
}

static starp_status lower_block(struct sp_lowering *l, int64_t b)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], kept, reduced;
    sp_lower_block_bounds(l, b, lo, extent, &kept, &reduced);
    if (!sp_is_mine(l->run->sched, sp_block_owner(l, kept, reduced))) return STARP_OK;
    SP_TRY(cut_block(l, b, extent, &kept, &reduced));
    if (!l->aligned) SP_TRY(sp_exchange_receive(l));
    struct block_task *t = new_block_task(l, extent);
    if (!t) return sp_fail_memory(l->e);
    connect(l, t, kept, reduced);
    if (l->scratch == 0) l->scratch = sp_job_scratch(&t->job);
    t->task.scratch = l->scratch;
    return l->at_once ? sp_perform(&t->task, l->e) : sp_submit(&t->task, l->e);
}

starp_status sp_lower_blocks(struct sp_lowering *l)
{
    if (!l->discard && !l->given) SP_TRY(sp_lower_outputs(l));
    SP_TRY(sp_lower_partials(l));
    int64_t last = l->last ? l->last : l->nblock;
    for (int64_t b = l->first; b < last && !l->aligned; b++) SP_TRY(send_for_block(l, b));
    for (int64_t b = l->first; b < last; b++) SP_TRY(lower_block(l, b));
    return sp_lower_combine(l);
}

static void drop_partials(struct sp_lowering *l)
{
    struct sp_sched *s = l->run->sched;
    int64_t n = l->partial ? l->program->nreduce * l->nkept * l->nreduced : 0;
    for (int64_t i = 0; i < n; i++) {
        if (l->partial[i]) sp_pool_put(&s->pool, l->partial[i], l->run->id);
    }
    sp_free(l->partial);
    sp_free(l->count);
}

starp_status sp_lower_begin(struct sp_lowering *l)
{
    const struct sp_order *o = &l->run->sched->order;
    const struct sp_program *p = l->program;
    l->site = o->node[p->noutput ? l->step->output[0] : l->step->reduce[0]]->site;
    l->window = sp_calloc((size_t)(p->noperand + p->noutput), sizeof *l->window);
    if (!l->window) return sp_fail_memory(l->e);
    starp_dims tile;
    bool canonical = p->nreduce > 0;
    sp_tile_extents(&l->step->shape, canonical ? SP_TILE_TARGET : SP_OPTION(&l->run->sched->options, tile), &tile);
    sp_lower_geometry(l, &tile);
    for (int k = 0; k < p->noperand; k++) SP_TRY(sp_lower_operand(l, k, o));
    sp_exchange_prepare(l);
    l->at_once = runs_at_once(l);
    return STARP_OK;
}

void sp_lower_end(struct sp_lowering *l)
{
    drop_partials(l);
    sp_cuts_free(&l->cuts);
    sp_parcel_free(&l->parcel);
    sp_free(l->hull);
    sp_free(l->window);
}

static starp_status lower(struct sp_lowering *l)
{
    starp_status status = sp_lower_begin(l);
    if (status == STARP_OK) status = sp_lower_blocks(l);
    sp_lower_end(l);
    return status;
}

/*
 * A step that stores and reduces goes over canonical blocks. Where tiles are others (STARP_TILE), a block's tiles may be
 * of several ranks: then the step is run twice, once to store, tile by tile, and once to reduce.
 */
static starp_status lower_apart(struct sp_lowering *l)
{
    struct sp_program *p = sp_malloc(sizeof *p + l->program->ninstr * sizeof p->instr[0]);
    struct sp_step step = *l->step;
    if (!p) return sp_fail_memory(l->e);
    memcpy(p, l->program, sizeof *p + l->program->ninstr * sizeof p->instr[0]);
    p->nreduce = 0;
    step.reduce_axes = 0;
    struct sp_lowering store = *l, reduce = *l;
    store.program = p;
    store.step = &step;
    reduce.discard = true;
    starp_status status = lower(&store);
    if (status == STARP_OK) {
        if (!store.at_once) sp_drain(l->run); /* its tasks read the program */
        status = lower(&reduce);
    }
    sp_free(p);
    return status;
}

starp_status sp_lower_fused(struct sp_run *run, int32_t step, const void **constants, struct sp_error *e)
{
    const struct sp_step *s = &run->plan->step[step];
    struct sp_lowering l = { .run = run, .step = s, .program = s->program, .constants = constants, .e = e, .number = step };
    bool mixed = s->program->nreduce && s->program->noutput;
    bool apart = mixed && run->sched->ranks > 1 && SP_OPTION(&run->sched->options, tile) != SP_TILE_TARGET;
    return apart ? lower_apart(&l) : lower(&l);
}
