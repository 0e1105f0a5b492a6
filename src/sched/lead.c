/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lead.c: rank 0 tells the others what to do. One frame per sync: nodes they do not know yet, in the order in which this
 * rank plans them, so that all plan alike. What they may forget goes along.
 */
#include <string.h>

#include "engine.h"
#include "frame.h"

/* One exchange of frames and answers at a time, whatever the number of sessions. */
static pthread_mutex_t talk = PTHREAD_MUTEX_INITIALIZER;

uint64_t sp_ticket(uint32_t session, uint64_t number)
{
    return (uint64_t)session << 40 | number;
}

/* Ends the frame in the session's room, and sends it. */
static starp_status send_frame(struct sp_sched *s, struct sp_error *e)
{
    if (!sp_frame_end(s->frame)) return sp_fail_memory(e);
    return sp_world_send(s->frame, e);
}

static void begin_frame(struct sp_sched *s, enum sp_frame_kind kind)
{
    sp_frame_begin(s->frame, kind, s->session);
}

static starp_status send_outcome(struct sp_sched *s, uint64_t ticket, bool commit, struct sp_error *e)
{
    begin_frame(s, SP_FRAME_OUTCOME);
    sp_frame_outcome(s->frame, &(struct sp_outcome){ .run = ticket, .commit = commit });
    return send_frame(s, e);
}

/* -------------------------------------------------------------------------------------------------------- sessions */

starp_status sp_lead_open(struct sp_sched *s, struct sp_error *e)
{
    static atomic_uint sessions;
    s->session = atomic_fetch_add(&sessions, 1) + 1;
    s->run_id = sp_ticket(s->session, 0);
    s->frame = sp_calloc(1, sizeof *s->frame);
    if (!s->frame) return sp_fail_memory(e);
    pthread_mutex_lock(&talk);
    char options[2048];
    begin_frame(s, SP_FRAME_OPEN);
    sp_frame_bytes(s->frame, options, sp_options_write(&s->options, options, sizeof options));
    starp_status status = send_frame(s, e);
    if (status == STARP_OK) status = sp_world_answers(sp_ticket(s->session, 0), NULL, e);
    pthread_mutex_unlock(&talk);
    return status;
}

void sp_lead_close(struct sp_sched *s)
{
    struct sp_error e = { 0 };
    if (!s->frame) return;
    pthread_mutex_lock(&talk);
    begin_frame(s, SP_FRAME_CLOSE);
    send_frame(s, &e);
    pthread_mutex_unlock(&talk);
    sp_frame_free(s->frame);
    sp_free(s->frame);
    sp_free(s->dropped);
}

/* Without memory to note it, the others keep the node until the session closes. */
void sp_lead_gone(void *self, uint64_t id)
{
    struct sp_sched *s = self;
    if (s->ndropped == s->dropped_cap) {
        size_t cap = s->dropped_cap ? s->dropped_cap * 2 : 64;
        uint64_t *more = sp_realloc(s->dropped, cap * sizeof *more);
        if (!more) return;
        s->dropped = more;
        s->dropped_cap = cap;
    }
    s->dropped[s->ndropped++] = id;
}

/* ------------------------------------------------------------------------------------------------------------ runs */

static starp_status send_order(struct sp_sched *s, const struct sp_order *o, const bool *dies, uint64_t run, struct sp_error *e)
{
    pthread_mutex_lock(&talk);
    begin_frame(s, SP_FRAME_EVAL);
    starp_status status = sp_frame_eval(s->frame, o, dies, run, s->dropped, s->ndropped, e);
    if (status == STARP_OK) status = send_frame(s, e);
    pthread_mutex_unlock(&talk);
    if (status != STARP_OK) return status;
    s->ndropped = 0;
    sp_frame_sent(o);
    return STARP_OK;
}

starp_status sp_lead_run(struct sp_run *run, struct sp_error *e)
{
    return send_order(run->sched, &run->sched->order, run->dies, run->id, e);
}

starp_status sp_lead_outcome(struct sp_run *run, bool commit, struct sp_error *e)
{
    pthread_mutex_lock(&talk);
    starp_status status = send_outcome(run->sched, run->id, commit, e);
    pthread_mutex_unlock(&talk);
    return status;
}

/* It does not wait: the others may be waiting for what the caller's thread has still to submit. */
bool sp_lead_cancel(struct sp_sched *s)
{
    struct sp_frame f = { 0 }; /* the session's room may be in use: cancelling comes from any thread */
    sp_frame_begin(&f, SP_FRAME_CANCEL, s->session);
    bool sent = sp_frame_end(&f) && sp_world_try_send(&f);
    sp_frame_free(&f);
    return sent;
}

/* ------------------------------------------------------------------------------------------------------- functions */

/* They answer before anybody has it for good. */
static starp_status announce(struct sp_sched *s, enum sp_frame_kind kind, uint32_t number,
                             void (*describe)(struct sp_frame *f, const void *what), const void *what, struct sp_error *e)
{
    uint64_t ticket = sp_ticket(s->session, number) | SP_TICKET_FUNCTION;
    begin_frame(s, kind);
    sp_frame_u64(s->frame, number);
    describe(s->frame, what);
    SP_TRY(send_frame(s, e));
    sp_world_answers(ticket, NULL, e);
    struct sp_error own = { 0 };
    if (send_outcome(s, ticket, e->status == STARP_OK, &own) != STARP_OK && e->status == STARP_OK) *e = own;
    return e->status;
}

starp_status sp_lead_function(struct sp_sched *s, uint32_t number, void (*describe)(struct sp_frame *f, const void *what), const void *what,
                              struct sp_error *e)
{
    pthread_mutex_lock(&talk);
    starp_status status = announce(s, SP_FRAME_FUNCTION, number, describe, what, e);
    pthread_mutex_unlock(&talk);
    return status;
}

starp_status sp_lead_plugin(struct sp_sched *s, uint32_t number, void (*describe)(struct sp_frame *f, const void *what), const void *what,
                            struct sp_error *e)
{
    pthread_mutex_lock(&talk);
    starp_status status = announce(s, SP_FRAME_PLUGIN, number, describe, what, e);
    pthread_mutex_unlock(&talk);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- host data */

static starp_status send_tiles(struct sp_sched *s, const struct sp_value *v, const void *data, struct sp_error *e)
{
    for (int64_t t = 0; t < v->ntile; t++) {
        int owner = sp_value_owner(v, t);
        size_t bytes = sp_value_tile_bytes(v, t);
        if (owner == s->rank) continue;
        struct sp_slot *slot = sp_pool_get(&s->pool, bytes, false);
        if (!slot) return sp_fail_memory(e);
        sp_value_move(s, v, t, slot->data, (char *)(uintptr_t)data, false);
        starp_status status = sp_comm_send(slot->data, bytes, owner, e);
        sp_pool_put(&s->pool, slot, 0);
        if (status != STARP_OK) return status;
    }
    return STARP_OK;
}

/* The others say whether they have memory before anything is sent. */
static starp_status put(struct sp_sched *s, struct sp_value *v, const struct sp_node *node, const void *data, struct sp_error *e)
{
    uint64_t ticket = sp_ticket(s->session, node->id) | SP_TICKET_PUT;
    struct sp_put x = { .id = node->id, .dtype = (starp_dtype)v->dtype, .shape = v->shape, .site = (uint64_t)(uintptr_t)node->site,
                        .data = v->map.everywhere ? data : NULL };
    begin_frame(s, SP_FRAME_PUT);
    sp_frame_put(s->frame, &x);
    SP_TRY(send_frame(s, e));
    sp_world_answers(ticket, NULL, e);
    struct sp_error own = { 0 };
    if (send_outcome(s, ticket, e->status == STARP_OK, &own) != STARP_OK && e->status == STARP_OK) *e = own;
    if (e->status != STARP_OK || v->map.everywhere) return e->status;
    if (send_tiles(s, v, data, e) != STARP_OK) sp_world_give_up(0, e->text); /* the others wait for the rest */
    return e->status;
}

starp_status sp_lead_put(struct sp_sched *s, struct sp_value *v, const struct sp_node *node, const void *data, struct sp_error *e)
{
    struct sp_order none = { .n = 0 };
    if (s->ndropped > 0) SP_TRY(send_order(s, &none, NULL, 0, e)); /* make room there first */
    pthread_mutex_lock(&talk);
    starp_status status = put(s, v, node, data, e);
    pthread_mutex_unlock(&talk);
    if (status == STARP_OK) v->id = node->id;
    return status;
}

static starp_status get(struct sp_sched *s, const struct sp_value *v, char *buffer, struct sp_error *e)
{
    begin_frame(s, SP_FRAME_GET);
    sp_frame_u64(s->frame, v->id);
    SP_TRY(send_frame(s, e));
    for (int64_t t = 0; t < v->ntile; t++) {
        int owner = sp_value_owner(v, t);
        size_t bytes = sp_value_tile_bytes(v, t);
        if (owner == s->rank) continue;
        struct sp_slot *slot = sp_pool_get(&s->pool, bytes, false);
        if (!slot) { /* the others are sending already */
            sp_world_give_up(0, "out of memory while reading");
            return sp_fail_memory(e);
        }
        starp_status status = sp_comm_receive(slot->data, bytes, owner, e);
        if (status == STARP_OK) sp_value_move(s, v, t, slot->data, buffer, true);
        sp_pool_put(&s->pool, slot, 0);
        if (status != STARP_OK) return status;
    }
    return STARP_OK;
}

starp_status sp_lead_get(struct sp_sched *s, const struct sp_value *v, void *buffer, struct sp_error *e)
{
    pthread_mutex_lock(&talk);
    starp_status status = get(s, v, buffer, e);
    pthread_mutex_unlock(&talk);
    return status;
}
