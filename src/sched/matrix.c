/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matrix.c: matrices in the layout of LAPACK: what operations on whole arrays work on. How they are cut is a function of
 * shapes, never of workers or ranks, because the bits of results hang on it.
 */
#include <string.h>

#include "call.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A leading dimension: whole cache lines, and not the stride at which caches and TLBs fall over each other. */
static int64_t padded(int64_t rows)
{
    int64_t n = (rows + 7) / 8 * 8;
    return n > 0 && n % 256 == 0 ? n + 8 : n;
}

static void deal(const struct sp_calling *c, struct sp_matrix *m, enum sp_dealt dealt)
{
    struct sp_map *map = &m->value->map;
    const starp_dims *grid = &m->value->grid;
    int ranks = c->run->sched->ranks;
    if (m->nrow == 1 && m->ncol == 1) {
        sp_map_usual(map, grid, ranks); /* stacks */
    } else if (m->nrow == 1) {
        sp_map_init(map, grid, 1, ranks);
        map->deal = c->deal;
    } else if (dealt == SP_DEALT_ROWS || m->ncol == 1) {
        sp_map_init(map, grid, 1, ranks); /* rows are the value's last axis */
    } else {
        sp_map_init(map, grid, ranks, 1);
        map->deal = c->deal;
    }
    map->everywhere |= ranks == 1 || dealt == SP_DEALT_NOT || c->at_once;
}

/* An empty matrix has a tile, too, so that every call has its tasks: what an identity is of, or a sum of nothing, comes from them. */
starp_status sp_matrix_new(struct sp_calling *c, struct sp_matrix *m, starp_dtype dtype, int64_t rows, int64_t cols, int64_t tile_rows,
                           int64_t tile_cols, enum sp_dealt dealt)
{
    bool whole = tile_rows >= rows && tile_cols >= cols;
    starp_dims shape = c->batch, tile = c->stack;
    *m = (struct sp_matrix){ .dtype = dtype, .rows = rows, .cols = cols, .tile_rows = least(tile_rows, rows), .tile_cols = least(tile_cols, cols) };
    if (m->tile_rows < 1) m->tile_rows = 1;
    if (m->tile_cols < 1) m->tile_cols = 1;
    m->nrow = rows > 0 ? (rows + m->tile_rows - 1) / m->tile_rows : 1;
    m->ncol = cols > 0 ? (cols + m->tile_cols - 1) / m->tile_cols : 1;
    shape.v[shape.n] = cols > 0 ? cols : 1;
    shape.v[shape.n + 1] = rows < 1 ? 1 : m->nrow > 1 || whole ? rows : padded(rows);
    tile.v[tile.n] = m->tile_cols;
    tile.v[tile.n + 1] = m->nrow > 1 || whole ? m->tile_rows : shape.v[shape.n + 1];
    shape.n += 2;
    tile.n += 2;
    if (c->nheld == (int)(sizeof c->held / sizeof c->held[0])) return sp_fail(c->e, STARP_ERR_RUNTIME, "too many matrices in an operation");
    m->value = sp_value_cut(&shape, dtype, &tile);
    if (!m->value) return sp_fail_memory(c->e);
    c->held[c->nheld++] = m->value;
    m->nbatch = m->value->ntile / m->nrow / m->ncol;
    deal(c, m, dealt);
    if (!c->at_once) m->value->run = c->run->id;
    return sp_value_fill(c->run->sched, m->value, !c->at_once, c->e);
}

int64_t sp_matrix_tile(const struct sp_matrix *m, int64_t batch, int64_t row, int64_t col)
{
    return (batch * m->ncol + col) * m->nrow + row;
}

int sp_matrix_owner(const struct sp_matrix *m, int64_t tile)
{
    return sp_value_owner(m->value, tile);
}

int64_t sp_matrix_tile_rows(const struct sp_matrix *m, int64_t row)
{
    return least(m->tile_rows, m->rows - row * m->tile_rows);
}

int64_t sp_matrix_tile_cols(const struct sp_matrix *m, int64_t col)
{
    return least(m->tile_cols, m->cols - col * m->tile_cols);
}

int64_t sp_matrix_ld(const struct sp_matrix *m, int64_t row)
{
    return m->nrow == 1 ? m->value->shape.v[m->value->shape.n - 1] : sp_matrix_tile_rows(m, row);
}

int64_t sp_matrix_stack(const struct sp_matrix *m, int64_t tile)
{
    int64_t lo[STARP_MAXDIM], extent[STARP_MAXDIM], n = 1;
    sp_value_tile(m->value, tile, lo, extent);
    for (int a = 0; a < m->value->shape.n - 2; a++) n *= extent[a];
    return n;
}

/* The last two axes change places, unless the matrix is a transpose. */
static void turn(struct sp_view *v, int ndim, enum sp_turn turned)
{
    for (int a = 0; a < v->ndim && !turned; a++) {
        if (v->axis[a] >= ndim - 2) v->axis[a] = (int8_t)(2 * ndim - 3 - v->axis[a]);
    }
}

/* A copy that conjugates, too, where that makes a difference. */
static enum sp_op copy_op(starp_dtype dtype, enum sp_turn turned)
{
    return turned == SP_ADJOINT && sp_dtypes[dtype].cls == SP_CLASS_C ? SP_OP_conj : SP_OP_copy;
}

starp_status sp_matrix_load(struct sp_calling *c, struct sp_matrix *m, int operand, enum sp_turn turned)
{
    const struct sp_order *o = &c->run->sched->order;
    const struct sp_operand *x = &c->step->operand[operand];
    const struct sp_node *n = o->node[x->node], *seen = x->npath ? o->node[x->path[0]] : n;
    struct sp_copy copy = { .from = c->run->value[x->node], .element = n->param, .to = m->value, .op = copy_op(m->dtype, turned), .dtype = (starp_dtype)n->dtype,
                            .site = c->node->site, .at_once = c->at_once, .ordered = !c->at_once };
    copy.shape = m->value->shape;
    copy.shape.v[copy.shape.n - 2] = c->extent[operand][!turned];
    copy.shape.v[copy.shape.n - 1] = c->extent[operand][turned != SP_AS_IT_IS]; /* a matrix may have more rows */
    sp_operand_view(x, &(struct sp_step){ .shape = seen->shape }, o, &copy.view);
    turn(&copy.view, copy.shape.n, turned);
    return sp_lower_copy(c->run, &copy, c->e);
}

struct sp_value *sp_call_result(struct sp_calling *c, int part)
{
    const struct sp_results *r = c->node->results;
    struct sp_value **at = &c->run->value[c->step->output[0]];
    for (int k = 0; k < part && *at; k++) at = &(*at)->more;
    if (*at) return *at;
    struct sp_value *v = sp_value_new(c->run->sched, r ? &r->shape[part] : &c->node->shape, (starp_dtype)(r ? r->dtype[part] : c->node->dtype));
    if (v && !c->at_once) v->run = c->run->id;
    return *at = v;
}

starp_status sp_matrix_store(struct sp_calling *c, const struct sp_matrix *m, int part, enum sp_turn turned)
{
    struct sp_value *v = sp_call_result(c, part);
    if (!v) return sp_fail_memory(c->e);
    SP_TRY(sp_value_fill(c->run->sched, v, !c->at_once, c->e));
    struct sp_copy copy = { .shape = v->shape, .from = m->value, .to = v, .op = copy_op(m->dtype, turned), .dtype = m->dtype, .site = c->node->site,
                            .at_once = c->at_once, .ordered = !c->at_once, .priority = 2 };
    int n = m->value->shape.n, missing = n - v->shape.n; /* vectors are kept as a column, scalars as one element */
    sp_view_identity(&copy.view, n);
    for (int a = n - 2; a < n && missing > 0; a++) {
        copy.view.axis[a] = a == n - 1 && missing == 1 ? (int8_t)(a - 1) : -1;
        copy.view.step[a] = copy.view.axis[a] >= 0;
    }
    if (missing == 0) turn(&copy.view, n, turned);
    return sp_lower_copy(c->run, &copy, c->e);
}
