/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * inspect.c: looking inside: the plan and the graph of an array, the session's set-up and its counters. Nothing is
 * computed; planning for explain costs what planning costs.
 */
#include <string.h>

#include "client.h"

/* Reports what was written: a full disk is an error like any other. */
static starp_status written(const char *what, FILE *out, const void *site)
{
    if (fflush(out) == 0 && !ferror(out)) return STARP_OK;
    return sp_client_report(site, STARP_ERR_IO, "%s: the file cannot be written", what);
}

static starp_status check(const char *what, starp_array *x, FILE *out, const void *site)
{
    SP_TRY(sp_client_check(what, x, site));
    return out ? STARP_OK : sp_client_report(site, STARP_ERR_ARGUMENT, "%s: the file is NULL", what);
}

starp_status starp_explain(starp_array *x, FILE *out)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    SP_TRY(check("explain", x, out, site));
    const struct sp_plan *plan = x->node->plan;
    if (x->node->value && plan && plan->text) {
        fputs(plan->text, out);
    } else if (sp_sched_explain(x->session->sched, &x->session->graph, x->node, out, &e) != STARP_OK) {
        return sp_client_report_error(site, &e);
    }
    return written("explain", out, site);
}

starp_status starp_graph_dot(starp_array *x, FILE *out)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    struct sp_order order;
    SP_TRY(check("graph_dot", x, out, site));
    memset(&order, 0, sizeof order);
    if (sp_order_make(&order, &x->session->graph, &x->node, 1, false, &e) == STARP_OK) sp_plan_dot(&order, out);
    sp_order_free(&order);
    return e.status == STARP_OK ? written("graph_dot", out, site) : sp_client_report_error(site, &e);
}

starp_status starp_info(starp_session *s, FILE *out)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(sp_client_session("info", s, site));
    if (!out) return sp_client_report(site, STARP_ERR_ARGUMENT, "info: the file is NULL");
    fprintf(out, "starp %s\n", starp_version());
    sp_sched_info(s->sched, out);
    return written("info", out, site);
}

starp_status starp_stats_of(starp_session *s, starp_stats *stats)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(sp_client_session("stats_of", s, site));
    if (!stats) return sp_client_report(site, STARP_ERR_ARGUMENT, "stats_of: the place for the counts is NULL");
    *stats = s->count;
    stats->nodes_recorded = s->graph.next_id;
    stats->nodes_live = s->graph.live;
    sp_sched_stats(s->sched, stats);
    return STARP_OK;
}
