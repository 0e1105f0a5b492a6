/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * serve.c: what the other ranks do. They read frames and follow: nodes are built as rank 0 built them, runs are planned
 * and lowered as rank 0 does, and end as rank 0 says. They keep a node until rank 0 has forgotten it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "frame.h"

/* A session of rank 0's. */
struct follower {
    struct follower *next;
    uint32_t session;
    struct sp_sched *sched;
    struct sp_graph graph;
    struct sp_names names;
    struct sp_run *run;     /* over, but for rank 0's verdict */
};

/* A run that holds, but for some of its iterations. */
static void reply_noted(const struct sp_run *run)
{
    struct sp_done done = { .run = run->id, .notes = run->notes, .note_index = run->note_index, .site = (uint64_t)(uintptr_t)run->note.site };
    snprintf(done.text, sizeof done.text, "%s", run->note.text);
    sp_world_reply(&done);
}

static void reply(uint64_t run, const struct sp_error *e)
{
    struct sp_done done = { .run = run, .status = e->status, .site = (uint64_t)(uintptr_t)e->site };
    snprintf(done.text, sizeof done.text, "%s", e->text);
    sp_world_reply(&done);
}

/* Rank 0 cannot be followed any further; it ends the job when it reads this. */
static void give_up(struct sp_error *e)
{
    if (e->status == STARP_OK) sp_fail(e, STARP_ERR_RUNTIME, "the ranks do not agree");
    reply(0, e);
}

static struct follower *find(struct follower *f, uint32_t session)
{
    while (f && f->session != session) f = f->next;
    return f;
}

static void open_session(struct follower **list, uint32_t session, const struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    struct sp_options options;
    struct follower *f = sp_calloc(1, sizeof *f);
    if (!f) sp_fail_memory(&e);
    else if (sp_options_from(&options, (const char *)b->at, sp_bytes_left(b), &e) == STARP_OK &&
             sp_sched_start(&options, &f->sched, &e) == STARP_OK) {
        f->session = f->sched->session = session;
        f->sched->run_id = sp_ticket(session, 0);
        sp_graph_init(&f->graph, sp_sched_ops.drop, f->sched);
        sp_names_init(&f->names);
        f->next = *list;
        *list = f;
        f = NULL;
    }
    sp_free(f);
    reply(sp_ticket(session, 0), &e);
}

static void close_session(struct follower **list, struct follower *f)
{
    struct sp_error e = { 0 };
    while (*list != f) list = &(*list)->next;
    *list = f->next;
    if (f->run) sp_run_end(f->run, false, &e);
    sp_names_free(&f->names, &f->graph);
    sp_graph_free(&f->graph);
    sp_sched_ops.close(f->sched);
    sp_free(f);
}

/* Runs what rank 0 runs. The run's end waits for rank 0's verdict, since it may have failed elsewhere. */
static void eval(struct follower *f, struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    struct sp_sched *s = f->sched;
    uint64_t id;
    if (sp_frame_read_eval(b, &f->graph, &f->names, &s->order, &id, &e) != STARP_OK) {
        give_up(&e);
        return;
    }
    if (s->order.n == 0) return; /* only of what is forgotten */
    s->run_id = id - 1;
    f->graph.keep_leaves = true; /* a run that fails elsewhere must leave them */
    if (sp_run_eval(s, &f->graph, NULL, 0, &f->run, &e) != STARP_OK) {
        f->run = NULL;
        give_up(&e);
        return;
    }
    sp_drain(f->run);
    if (atomic_load(&f->run->stop)) sp_run_fault(f->run, &e);
    bool lost = sp_world_lost(&e);
    if (e.status == STARP_OK && f->run->notes > 0) reply_noted(f->run);
    else reply(lost ? 0 : id, &e);
}

static void end_run(struct follower *f, bool commit)
{
    struct sp_error e = { 0 };
    if (f->run) sp_run_end(f->run, commit, &e);
    f->run = NULL;
}

/* Whether rank 0 goes on with what it has announced. */
static bool goes_on(uint64_t ticket)
{
    struct sp_frame_head h;
    struct sp_error e = { 0 };
    unsigned char *body;
    struct sp_outcome outcome = { 0 };
    starp_status status = sp_world_next(&h, &body, &e);
    while (status == STARP_OK && h.kind == SP_FRAME_CANCEL) { /* of a run that has ended */
        sp_free(body);
        status = sp_world_next(&h, &body, &e);
    }
    if (status == STARP_OK && h.kind == SP_FRAME_OUTCOME) {
        struct sp_bytes b = { body, body + h.bytes, false };
        sp_frame_read_outcome(&b, &outcome, &e);
    }
    sp_free(body);
    return outcome.run == ticket && outcome.commit;
}

static starp_status receive_tiles(struct sp_sched *s, struct sp_value *v, struct sp_error *e)
{
    for (int64_t t = 0; t < v->ntile; t++) {
        if (sp_value_owner(v, t) != s->rank) continue;
        SP_TRY(sp_comm_receive(v->slot[t]->data, sp_value_tile_bytes(v, t), 0, e));
    }
    return STARP_OK;
}

/* A node with a value, its tiles allocated. */
static struct sp_node *new_data(struct follower *f, const struct sp_put *x, struct sp_error *e)
{
    struct sp_sched *s = f->sched;
    struct sp_node *n = sp_build_data(&f->graph, &x->shape, x->dtype, NULL);
    if (!n) {
        *e = f->graph.error;
        sp_error_clear(&f->graph.error);
        return NULL;
    }
    n->value = sp_value_new(s, &n->shape, n->dtype);
    n->site = (const void *)(uintptr_t)x->site;
    bool ok = n->value && sp_value_fill(s, n->value, false, e) == STARP_OK && sp_names_put(&f->names, x->id, n);
    if (ok) return n;
    sp_fail_memory(e);
    sp_node_release(&f->graph, n);
    return NULL;
}

static void put(struct follower *f, struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    struct sp_put x = { .id = 0 };
    struct sp_node *n = NULL;
    if (sp_frame_read_put(b, &x, &e) == STARP_OK) n = new_data(f, &x, &e);
    uint64_t ticket = sp_ticket(f->session, x.id) | SP_TICKET_PUT;
    reply(ticket, &e);
    if (!goes_on(ticket)) {
        if (n) sp_names_drop(&f->names, &f->graph, x.id);
        return;
    }
    if (x.data) {
        for (int64_t t = 0; t < n->value->ntile; t++) {
            sp_value_move(f->sched, n->value, t, n->value->slot[t]->data, (char *)(uintptr_t)x.data, false);
        }
    } else if (!n->value->map.everywhere && receive_tiles(f->sched, n->value, &e) != STARP_OK) {
        give_up(&e);
    }
}

/* A function, or a plug-in with several. */
static void take_function(struct follower *f, enum sp_frame_kind kind, struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    struct sp_sched *s = f->sched;
    uint64_t number = sp_bytes_u64(b), ticket = sp_ticket(f->session, number) | SP_TICKET_FUNCTION;
    if (number != s->nfunction) sp_fail(&e, STARP_ERR_RUNTIME, "the ranks do not agree on function %llu", (unsigned long long)number);
    bool taken = e.status == STARP_OK && (kind == SP_FRAME_PLUGIN ? sp_plugin_read : sp_function_read)(s, b, &e) == STARP_OK;
    reply(ticket, &e);
    if (goes_on(ticket) || !taken) return;
    if (kind == SP_FRAME_PLUGIN) sp_plugin_forget(s);
    else sp_function_forget(s, (uint32_t)number);
}

static void get(struct follower *f, struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    uint64_t id = sp_bytes_u64(b);
    struct sp_node *n = sp_bytes_done(b, SP_FRAME_GET, &e) == STARP_OK ? sp_names_get(&f->names, id) : NULL;
    if (!n || !n->value) {
        give_up(&e);
        return;
    }
    for (int64_t t = 0; t < n->value->ntile && e.status == STARP_OK; t++) {
        if (sp_value_owner(n->value, t) == f->sched->rank) {
            sp_comm_send(n->value->slot[t]->data, sp_value_tile_bytes(n->value, t), 0, &e);
        }
    }
    if (e.status != STARP_OK) give_up(&e);
}

static void follow(struct follower **list, const struct sp_frame_head *h, struct sp_bytes *b)
{
    struct sp_error e = { 0 };
    struct sp_outcome outcome;
    if (h->kind == SP_FRAME_OPEN) {
        open_session(list, h->session, b);
        return;
    }
    struct follower *f = find(*list, h->session);
    if (!f) {
        if (h->kind != SP_FRAME_CANCEL && h->kind != SP_FRAME_CLOSE) give_up(&e);
        return;
    }
    switch (h->kind) {
    case SP_FRAME_CLOSE: close_session(list, f); break;
    case SP_FRAME_EVAL: eval(f, b); break;
    case SP_FRAME_PUT: put(f, b); break;
    case SP_FRAME_GET: get(f, b); break;
    case SP_FRAME_FUNCTION:
    case SP_FRAME_PLUGIN: take_function(f, (enum sp_frame_kind)h->kind, b); break;
    case SP_FRAME_OUTCOME:
        if (sp_frame_read_outcome(b, &outcome, &e) == STARP_OK && f->run && f->run->id == outcome.run) end_run(f, outcome.commit);
        else give_up(&e);
        break;
    default: break; /* a cancel that came too late */
    }
}

void sp_serve(void)
{
    struct follower *list = NULL;
    for (;;) {
        struct sp_frame_head h;
        struct sp_error e = { 0 };
        unsigned char *body = NULL;
        if (sp_world_next(&h, &body, &e) == STARP_OK) {
            struct sp_bytes b = { body, body + h.bytes, false };
            follow(&list, &h, &b);
        } else {
            give_up(&e);
        }
        sp_free(body);
    }
}
