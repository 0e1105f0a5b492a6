/* SPDX-License-Identifier: BSD-3-Clause */
/* apply.c: functions of the program's own for each element: registering one, and its node. */
#include <string.h>

#include "client.h"

_Static_assert(STARP_MAXOPERANDS == SP_MAXIN && STARP_MAXCHUNK == SP_CHUNK, "the vector machine's");

starp_status starp_register_elementwise(starp_session *s, const char *name, const starp_elementwise *f)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    SP_TRY(sp_client_session("register_elementwise", s, site));
    SP_TRY(sp_client_function_name("register_elementwise", name, site));
    if (!f) return sp_client_report(site, STARP_ERR_ARGUMENT, "register_elementwise: %s: no function", name);
    sp_client_settle(s);
    if (sp_elementwise_register(s->sched, name, f, &e) == STARP_OK) return STARP_OK;
    return sp_client_report(site, e.status, "register_elementwise: %s: %s", name, e.text);
}

/* The operands' nodes; false for NULL, and, recorded, for what is no operand. */
static bool find_operands(starp_session *s, int n, starp_array *const *args, struct sp_node **in, const void *site)
{
    for (int k = 0; k < n; k++) {
        if (!args[k]) return false;
        if (args[k]->magic != SP_ARRAY_MAGIC) return sp_client_dead("apply", k + 1, site), false;
        if (args[k]->session != s) return sp_client_fail(site, STARP_ERR_HANDLE, "apply: argument %d is of another session", k + 1), false;
        in[k] = args[k]->node;
    }
    return true;
}

starp_array *starp_apply(starp_session *s, const char *name, int nargs, starp_array *const *args)
{
    const void *site = __builtin_return_address(0);
    struct sp_node *in[SP_MAXIN];
    struct sp_apply_param p = { .function = 0 };
    if (!sp_client_begin("apply", s, site)) return NULL;
    if (!name) return sp_client_fail(site, STARP_ERR_ARGUMENT, "apply: no function's name"), NULL;
    const starp_elementwise *f = sp_elementwise_find(s->sched, name, &p.function);
    if (!f) return sp_client_fail(site, STARP_ERR_ARGUMENT, "apply: there is no elementwise function %.100s", name), NULL;
    if (nargs != f->in.count || !args) {
        return sp_client_fail(site, STARP_ERR_ARGUMENT, "apply: %d arguments; %s takes %d", nargs, name, f->in.count), NULL;
    }
    if (!find_operands(s, nargs, args, in, site)) return NULL;
    memcpy(p.name, name, strnlen(name, sizeof p.name - 1));
    return sp_client_wrap(s, sp_build_apply(&s->graph, &p, f->in.dtype, f->out.dtype, nargs, in));
}
