/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.c: opening and closing sessions. Everything a session has hangs on its struct, but for the list of the
 * process's open sessions: only that tells a second close without reading freed memory. The list costs a lock at open
 * and close and nothing in between; using a session after its close in any other way is not caught.
 */
#include <pthread.h>
#include <string.h>

#include "client.h"

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static starp_session *open_sessions;

static void list_session(starp_session *s)
{
    pthread_mutex_lock(&open_lock);
    s->next_open = open_sessions;
    open_sessions = s;
    pthread_mutex_unlock(&open_lock);
}

/* Takes the session off the list; false when it is not there. */
static bool unlist_session(starp_session *s)
{
    pthread_mutex_lock(&open_lock);
    starp_session **at = &open_sessions;
    while (*at && *at != s) at = &(*at)->next_open;
    bool found = *at;
    if (found) *at = s->next_open;
    pthread_mutex_unlock(&open_lock);
    return found;
}

/* ------------------------------------------------------------------------------------------------------- entering */

bool sp_client_begin(const char *what, starp_session *s, const void *site)
{
    if (s && s->magic == SP_SESSION_MAGIC) {
        s->graph.site = site;
        return true;
    }
    if (s) sp_client_fail(site, STARP_ERR_HANDLE, "%s: not an open session", what);
    else sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: the session is NULL", what);
    return false;
}

starp_status sp_client_session(const char *what, starp_session *s, const void *site)
{
    if (!s) return sp_client_report(site, STARP_ERR_ARGUMENT, "%s: the session is NULL", what);
    if (s->magic != SP_SESSION_MAGIC) return sp_client_report(site, STARP_ERR_HANDLE, "%s: not an open session", what);
    s->graph.site = site;
    return STARP_OK;
}

/* ---------------------------------------------------------------------------------------------- opening and closing */

static void set_up(starp_session *s)
{
    const struct sp_options *options = sp_sched_options(s->sched);
    sp_graph_init(&s->graph, sp_sched_ops.drop, s->sched);
    s->graph.gone = sp_sched_ops.gone;
    s->graph.function = sp_function_name;
    sp_slab_init(&s->handles, sizeof(starp_array));
    sp_slab_init(&s->run_slab, sizeof(starp_run));
    sp_sched_tick(s->sched, sp_client_tick, s);
    s->ring.prev = s->ring.next = &s->ring;
    s->max_nodes = (uint64_t)SP_OPTION(options, max_nodes);
    s->max_bytes = SP_OPTION(options, max_bytes);
    s->flush_at = s->max_nodes;
    if (SP_OPTION(options, progress)) s->progress = starp_progress_bar;
    s->magic = SP_SESSION_MAGIC;
}

starp_session *starp_open(const char *where)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    starp_session *s = NULL;
    if (where && strcmp(where, "local") != 0) {
        sp_fail(&e, STARP_ERR_ARGUMENT, "open: there is no place \"%s\"; NULL and \"local\" are allowed", where);
        goto fail;
    }
    s = sp_calloc(1, sizeof *s);
    if (!s) {
        sp_fail_memory(&e);
        goto fail;
    }
    if (sp_sched_open(&s->sched, &e) != STARP_OK) goto fail;
    set_up(s);
    list_session(s);
    return s;
fail:
    sp_free(s);
    starp_clear_error(); /* nothing can follow from what failed before: there is no session */
    sp_client_fail_error(site, &e);
    return NULL;
}

/* Frees the runs nobody waited for; the first of their errors, else STARP_OK. */
static starp_status drop_runs(starp_session *s, struct sp_error *e)
{
    sp_client_settle(s);
    while (s->runs) {
        starp_run *run = s->runs;
        s->runs = run->next;
        if (run->status != STARP_OK && e->status == STARP_OK) *e = run->error;
        run->magic = 0;
    }
    return e->status;
}

starp_status starp_close(starp_session *s)
{
    const void *site = __builtin_return_address(0);
    struct sp_error e = { .status = STARP_OK };
    if (!s) return STARP_OK;
    if (!unlist_session(s)) return sp_client_report(site, STARP_ERR_HANDLE, "close: not an open session");
    if (s->calling) {
        list_session(s);
        return sp_client_report(site, STARP_ERR_ARGUMENT, "close: called from the session's progress callback");
    }
    starp_status status = drop_runs(s, &e);
    while (s->ring.next != &s->ring) sp_client_unwind(s);
    while (s->ragged) sp_ragged_free(s->ragged);
    sp_graph_free(&s->graph);
    sp_sched_ops.close(s->sched);
    sp_slab_free(&s->handles);
    sp_slab_free(&s->run_slab);
    s->magic = 0;
    sp_free(s);
    return status == STARP_OK ? STARP_OK : sp_client_report_error(site, &e);
}

/* ----------------------------------------------------------------------------------------------------------- scopes */

starp_status starp_scope_open(starp_session *s)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(sp_client_session("scope_open", s, site));
    starp_array *marker = sp_slab_get(&s->handles);
    if (!marker) return sp_client_report(site, STARP_ERR_MEMORY, "scope_open: out of memory");
    *marker = (starp_array){ .prev = &s->ring, .next = s->ring.next, .session = s, .magic = SP_SCOPE_MAGIC };
    marker->next->prev = marker;
    s->ring.next = marker;
    s->scopes++;
    return STARP_OK;
}

starp_status starp_scope_close(starp_session *s)
{
    const void *site = __builtin_return_address(0);
    SP_TRY(sp_client_session("scope_close", s, site));
    if (s->scopes == 0) return sp_client_report(site, STARP_ERR_ARGUMENT, "scope_close: no scope is open");
    sp_client_unwind(s);
    return STARP_OK;
}

starp_status starp_seed(starp_session *s, uint64_t seed)
{
    SP_TRY(sp_client_session("seed", s, __builtin_return_address(0)));
    s->seed = seed;
    s->stream = 0;
    return STARP_OK;
}

int starp_ranks(starp_session *s)
{
    return sp_client_session("ranks", s, __builtin_return_address(0)) == STARP_OK ? sp_sched_ranks(s->sched) : 0;
}

const char *starp_version(void)
{
    return SP_VERSION;
}
