/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * read.c: bringing elements to the caller. Reading is a sync point: what has no value yet is computed first.
 */
#include "client.h"

/* What has been computed, also where a part of it has failed, which `note` tells, and the others are kept. */
static starp_status get(starp_session *s, const struct sp_node *node, void *buffer, const struct sp_error *note, struct sp_error *e)
{
    if (note->status != STARP_OK && !node->value) return *e = *note, e->status;
    if (sp_sched_ops.get(s->sched, node->value, buffer, e) == STARP_OK) *e = *note;
    return e->status;
}

starp_status sp_client_read(starp_session *s, struct sp_node *node, void *buffer, struct sp_error *e)
{
    struct sp_node *root = node;
    struct sp_error note = { .status = STARP_OK };
    sp_client_compute(s, 1, &root, &s->count.flush_read, &note);
    return get(s, node, buffer, &note, e);
}

starp_status starp_read(starp_array *x, void *buffer, size_t bytes)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    char text[SP_SHAPE_TEXT];
    SP_TRY(sp_client_check("read", x, site));
    const struct sp_node *node = x->node;
    size_t size = (size_t)sp_shape_size(&node->shape) * sp_dtypes[node->dtype].size;
    if (bytes < size) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "read: the buffer has %zu bytes; %s of %s takes %zu", bytes,
                                sp_shape_text(text, &node->shape), sp_dtypes[node->dtype].name, size);
    }
    if (!buffer && size > 0) return sp_client_report(site, STARP_ERR_ARGUMENT, "read: the buffer is NULL");
    if (sp_client_read(x->session, x->node, buffer, &e) == STARP_OK) return STARP_OK;
    return sp_client_report_error(site, &e);
}

/* Computes x along with its conversion, so that the next call has its value. */
static starp_status read_as(starp_array *x, starp_dtype as, void *value, struct sp_error *e)
{
    starp_session *s = x->session;
    struct sp_node *cast = sp_build_cast(&s->graph, x->node, as);
    if (!cast) {
        *e = s->graph.error;
        sp_error_clear(&s->graph.error);
        return e->status;
    }
    struct sp_node *both[] = { x->node, cast };
    struct sp_error note = { .status = STARP_OK };
    sp_client_compute(s, 2, both, &s->count.flush_read, &note);
    get(s, cast, value, &note, e);
    sp_node_release(&s->graph, cast);
    return e->status;
}

starp_status starp_item(starp_array *x, starp_dtype as, void *value)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    char text[SP_SHAPE_TEXT];
    SP_TRY(sp_client_check("item", x, site));
    if (sp_shape_size(&x->node->shape) != 1) {
        return sp_client_report(site, STARP_ERR_SHAPE, "item: shape %s does not have one element",
                                sp_shape_text(text, &x->node->shape));
    }
    if (!value) return sp_client_report(site, STARP_ERR_ARGUMENT, "item: the place for the value is NULL");
    return read_as(x, as, value, &e) == STARP_OK ? STARP_OK : sp_client_report_error(site, &e);
}
