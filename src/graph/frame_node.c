/* SPDX-License-Identifier: BSD-3-Clause */
/* frame_node.c: one node as bytes and back. The reader fills in a description, and sp_build_like decides. */
#include <string.h>

#include "frame.h"

static bool has_param(uint8_t kind, uint16_t op)
{
    return kind == SP_KIND_CONST || kind == SP_KIND_CALL || (kind == SP_KIND_MAP && op >= SP_OP_arange);
}

static void put_view(struct sp_frame *f, const struct sp_view *v)
{
    sp_frame_u8(f, (uint8_t)v->ndim);
    for (int a = 0; a < v->ndim; a++) sp_frame_u8(f, (uint8_t)v->axis[a]);
    for (int a = 0; a < v->ndim; a++) sp_frame_i64(f, v->start[a]);
    for (int a = 0; a < v->ndim; a++) sp_frame_i64(f, v->step[a]);
}

static void put_results(struct sp_frame *f, const struct sp_results *r)
{
    int n = r ? r->n : 0;
    sp_frame_u8(f, (uint8_t)n);
    for (int k = 0; k < n; k++) {
        sp_frame_u8(f, r->dtype[k]);
        sp_frame_shape(f, &r->shape[k]);
    }
}

void sp_frame_node(struct sp_frame *f, const struct sp_node *n)
{
    sp_frame_u8(f, n->kind);
    sp_frame_u8(f, n->dtype);
    sp_frame_u8(f, n->weak);
    sp_frame_u16(f, n->op);
    sp_frame_u32(f, n->reduce_axes);
    sp_frame_u64(f, (uintptr_t)n->site);
    sp_frame_shape(f, &n->shape);
    if (n->kind == SP_KIND_VIEW) put_view(f, n->view);
    if (n->kind == SP_KIND_IOTA) {
        sp_frame_i64(f, n->view->start[0]);
        for (int a = 0; a < n->shape.n; a++) sp_frame_i64(f, n->view->step[a]);
    }
    if (has_param(n->kind, n->op)) sp_frame_bytes(f, n->param, sizeof n->param);
    if (n->kind == SP_KIND_CALL && n->op == SP_CALL_ppeval) put_results(f, n->results);
    if (n->kind == SP_KIND_RESHAPE) {
        int32_t grid[2];
        memcpy(grid, n->param, sizeof grid);
        for (int k = 0; k < 2; k++) sp_frame_u32(f, (uint32_t)grid[k]);
    }
}

static void take_view(struct sp_bytes *b, struct sp_view *v)
{
    int n = sp_bytes_u8(b);
    if (n > STARP_MAXDIM) b->bad = true;
    if (b->bad) return;
    v->ndim = n;
    for (int a = 0; a < n; a++) v->axis[a] = (int8_t)sp_bytes_u8(b);
    for (int a = 0; a < n; a++) v->start[a] = sp_bytes_i64(b);
    for (int a = 0; a < n; a++) v->step[a] = sp_bytes_i64(b);
}

static void take_iota(struct sp_bytes *b, struct sp_view *v, int ndim)
{
    sp_view_identity(v, ndim);
    v->start[0] = sp_bytes_i64(b);
    for (int a = 0; a < ndim; a++) v->step[a] = sp_bytes_i64(b);
}

static void take_param(struct sp_bytes *b, struct sp_node *n)
{
    const unsigned char *p = sp_bytes_take(b, SP_PARAM_SIZE);
    if (p) memcpy(n->param, p, SP_PARAM_SIZE);
}

static void take_results(struct sp_bytes *b, struct sp_node *n, struct sp_results *r)
{
    r->n = sp_bytes_u8(b);
    if (r->n == 1 || r->n > SP_MAX_RESULTS) b->bad = true;
    for (int k = 0; k < r->n && !b->bad; k++) {
        r->dtype[k] = sp_bytes_u8(b);
        sp_bytes_shape(b, &r->shape[k]);
    }
    n->results = r->n > 0 ? r : NULL;
}

/* Into a description whose inputs are there. The memory of its view and results is the caller's. */
static void take_node(struct sp_bytes *b, struct sp_node *n, struct sp_view *view, struct sp_results *results)
{
    n->kind = sp_bytes_u8(b);
    n->dtype = sp_bytes_u8(b);
    uint8_t weak = sp_bytes_u8(b);
    if (weak > 1) b->bad = true;
    n->weak = weak == 1;
    n->op = sp_bytes_u16(b);
    n->reduce_axes = sp_bytes_u32(b);
    n->site = (const void *)(uintptr_t)sp_bytes_u64(b);
    sp_bytes_shape(b, &n->shape);
    n->view = view;
    if (n->kind == SP_KIND_VIEW) take_view(b, view);
    if (n->kind == SP_KIND_IOTA) take_iota(b, view, n->shape.n);
    if (has_param(n->kind, n->op)) take_param(b, n);
    if (n->kind == SP_KIND_CALL && n->op == SP_CALL_ppeval) take_results(b, n, results);
    if (n->kind == SP_KIND_RESHAPE) {
        int32_t grid[2];
        for (int k = 0; k < 2; k++) grid[k] = (int32_t)sp_bytes_u32(b);
        memcpy(n->param, grid, sizeof grid);
    }
}

struct sp_node *sp_frame_read_node(struct sp_bytes *b, struct sp_graph *g, int nin, struct sp_node *const *in,
                                   struct sp_error *e)
{
    struct sp_view view = { 0 };
    struct sp_results results;
    struct sp_node model = { .nin = (uint8_t)nin };
    const void *site = g->site;
    memcpy(model.in, in, (size_t)nin * sizeof *in);
    take_node(b, &model, &view, &results);
    if (b->bad) {
        sp_bytes_done(b, SP_FRAME_EVAL, e);
        return NULL;
    }
    sp_error_clear(&g->error);
    g->site = model.site;
    struct sp_node *n = sp_build_like(g, &model);
    if (!n && g->error.status == STARP_ERR_MEMORY) sp_fail_memory(e);
    else if (!n) sp_fail(e, STARP_ERR_FORMAT, "EVAL frame: %.200s", g->error.text);
    sp_error_clear(&g->error);
    g->site = site;
    return n;
}
