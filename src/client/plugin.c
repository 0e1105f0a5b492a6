/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.c: functions from shared objects. */
#include "client.h"

static starp_status load(const char *what, starp_session *s, const char *path, bool isolated, const void *site)
{
    struct sp_error e = { .status = STARP_OK };
    SP_TRY(sp_client_session(what, s, site));
    if (!path) return sp_client_report(site, STARP_ERR_ARGUMENT, "%s: the path is NULL", what);
    sp_client_settle(s);
    if (sp_plugin_load(s->sched, path, isolated, &e) == STARP_OK) return STARP_OK;
    return sp_client_report(site, e.status, "%s: %.100s: %s", what, path, e.text);
}

starp_status starp_load_plugin(starp_session *s, const char *path)
{
    return load("load_plugin", s, path, false, __builtin_return_address(0));
}

starp_status starp_load_plugin_isolated(starp_session *s, const char *path)
{
    return load("load_plugin_isolated", s, path, true, __builtin_return_address(0));
}
