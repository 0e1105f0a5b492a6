/* SPDX-License-Identifier: BSD-3-Clause */
/* split.c: how an argument goes into a ppeval, and the functions that the program brings itself. */
#include <string.h>

#include "client.h"

/* Another handle of the same array. */
static starp_array *marked(starp_session *s, starp_array *x, int8_t split)
{
    starp_array *y = sp_client_wrap(s, sp_node_retain(x->node));
    if (!y) return NULL;
    y->split = split;
    return y;
}

starp_array *starp_ppsplit(starp_array *x, int axis)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("ppsplit", x, site);
    if (!s) return NULL;
    int n = x->node->shape.n, at = axis < 0 ? axis + n : axis;
    if (at < 0 || at >= n) {
        return sp_client_fail(site, STARP_ERR_INDEX, "ppsplit: axis %d is out of bounds for %d dimensions", axis, n), NULL;
    }
    return marked(s, x, (int8_t)(at + 1));
}

starp_array *starp_ppbcast(starp_array *x)
{
    starp_session *s = sp_client_enter("ppbcast", x, __builtin_return_address(0));
    return s ? marked(s, x, -1) : NULL;
}

starp_array *starp_ppitems(starp_ragged *r)
{
    const void *site = __builtin_return_address(0);
    if (!r) return NULL;
    if (r->magic != SP_RAGGED_MAGIC) return sp_client_fail(site, STARP_ERR_HANDLE, "ppitems: not a container (released already?)"), NULL;
    r->session->graph.site = site;
    struct sp_node *n = NULL;
    for (int d = 0; d < STARP_NDTYPES && !n; d++) n = r->flat[d];
    starp_array *y = sp_client_wrap(r->session, sp_node_retain(n));
    if (!y) return NULL;
    y->items = r;
    r->refs++;
    return y;
}

starp_status sp_client_function_name(const char *what, const char *name, const void *site)
{
    size_t n = name ? strnlen(name, SP_FUNCTION_NAME) : 0;
    if (n > 0 && n < SP_FUNCTION_NAME) return STARP_OK;
    return sp_client_report(site, STARP_ERR_ARGUMENT, "%s: a name has 1 to %d characters", what, SP_FUNCTION_NAME - 1);
}

starp_status starp_register(starp_session *s, const char *name, const starp_function *f)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    SP_TRY(sp_client_session("register", s, site));
    SP_TRY(sp_client_function_name("register", name, site));
    if (!f || !f->iterate) return sp_client_report(site, STARP_ERR_ARGUMENT, "register: %s: it has no `iterate`", name);
    if (!sp_function_valid(f)) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "register: %s: %d arguments and %d results; 0 to %d and 0 to %d are allowed, and no user_bytes of nothing",
                                name, f->nargs, f->nresults, STARP_MAXARGS, STARP_MAXRESULTS);
    }
    sp_client_settle(s);
    if (sp_function_register(s->sched, name, f, &e) == STARP_OK) return STARP_OK;
    return sp_client_report(site, e.status, "register: %s: %s", name, e.text);
}
