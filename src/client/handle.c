/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handle.c: making and releasing handles. A live handle is linked into its session's ring, youngest first; a scope is a
 * marker in the ring, so closing it releases what lies before the marker, and a kept handle moves behind all of them.
 * Making and releasing are a few stores each: no lock, no allocation but a chunk of handles now and then.
 *
 * A released handle has lost its magic, so using it again is caught until its slot is taken by a new handle. After
 * that, and after starp_close, nothing can be told: the handle is another's, or memory given back.
 */
#include "client.h"

void sp_client_dead(const char *what, int argument, const void *site)
{
    sp_client_fail(site, STARP_ERR_HANDLE, "%s: argument %d is not a live handle (released already?)", what, argument);
}

void sp_client_foreign(const char *what, int argument, const void *site)
{
    sp_client_fail(site, STARP_ERR_HANDLE, "%s: argument %d is of another session than argument 1", what, argument);
}

starp_status sp_client_check(const char *what, starp_array *x, const void *site)
{
    if (!x) return sp_client_recorded(what, site);
    if (x->magic != SP_ARRAY_MAGIC) {
        return sp_client_report(site, STARP_ERR_HANDLE, "%s: not a live handle (released already?)", what);
    }
    x->session->graph.site = site;
    return STARP_OK;
}

/* ------------------------------------------------------------------------------------------------------------- ring */

static void unlink_handle(starp_array *x)
{
    x->prev->next = x->next;
    x->next->prev = x->prev;
}

static void put_handle(starp_session *s, starp_array *x)
{
    unlink_handle(x);
    x->magic = 0;
    sp_slab_put(&s->handles, x);
}

static void release(starp_array *x)
{
    starp_session *s = x->session;
    struct sp_node *node = x->node;
    if (x->items) sp_ragged_unref(x->items);
    put_handle(s, x);
    s->count.handles_live--;
    sp_node_release(&s->graph, node);
}

void sp_client_unwind(starp_session *s)
{
    while (s->ring.next != &s->ring) {
        starp_array *x = s->ring.next;
        if (x->magic == SP_SCOPE_MAGIC) {
            put_handle(s, x);
            s->scopes--;
            return;
        }
        release(x);
    }
}

static starp_array *wrap_failed(starp_session *s, struct sp_node *node)
{
    if (node) {
        sp_node_release(&s->graph, node);
        sp_fail_memory(&s->graph.error);
    }
    sp_client_fail_error(s->graph.site, &s->graph.error);
    sp_error_clear(&s->graph.error);
    return NULL;
}

starp_array *sp_client_wrap(starp_session *s, struct sp_node *node)
{
    starp_array *x = node ? sp_slab_get(&s->handles) : NULL;
    if (!x) return wrap_failed(s, node);
    x->prev = &s->ring;
    x->next = s->ring.next;
    x->next->prev = x;
    s->ring.next = x;
    x->session = s;
    x->node = node;
    x->magic = SP_ARRAY_MAGIC;
    x->failed = false;
    x->split = 0;
    x->items = NULL;
    s->count.handles_live++;
    if (__builtin_expect(s->graph.next_id < s->flush_at, 1) || sp_client_flush(s)) return x;
    release(x);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------- public API */

static void keep(starp_array *x)
{
    starp_array *ring = &x->session->ring;
    unlink_handle(x);
    x->next = ring;
    x->prev = ring->prev;
    x->prev->next = x;
    ring->prev = x;
}

starp_array *starp_keep(starp_array *x)
{
    if (!sp_client_enter("keep", x, __builtin_return_address(0))) return NULL;
    keep(x);
    return x;
}

starp_status starp_release(starp_array *x)
{
    if (!x) return STARP_OK;
    if (x->magic != SP_ARRAY_MAGIC) return sp_client_check("release", x, __builtin_return_address(0));
    release(x);
    return STARP_OK;
}

starp_status starp_assign(starp_array **x, starp_array *value)
{
    const void *site = __builtin_return_address(0);
    if (!x) return sp_client_report(site, STARP_ERR_ARGUMENT, "assign: argument 1 is NULL");
    SP_TRY(sp_client_check("assign", value, site));
    if (*x == value) return keep(value), STARP_OK;
    if (*x) SP_TRY(sp_client_check("assign: the old value", *x, site));
    if (*x) release(*x);
    keep(value);
    *x = value;
    return STARP_OK;
}
