/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parcel.c: messages between ranks. Pieces of tiles are packed into one parcel by a task of their owner, and travel without
 * an envelope: the receiver knows from the plan what is in it.
 */
#include <string.h>

#include "engine.h"

size_t sp_piece_bytes(const struct sp_piece *x)
{
    size_t bytes = x->item;
    for (int k = 0; k < x->ndim; k++) bytes *= (size_t)x->extent[k];
    return (bytes + 15) & ~(size_t)15;
}

void sp_piece_dense(const struct sp_piece *x, int64_t *stride)
{
    int64_t unit = (int64_t)x->item;
    for (int k = x->ndim - 1; k >= 0; k--) {
        stride[k] = unit;
        unit *= x->extent[k];
    }
}

void sp_parcel_clear(struct sp_parcel *p)
{
    p->n = 0;
    p->bytes = 0;
}

bool sp_parcel_add(struct sp_parcel *p, const struct sp_piece *piece)
{
    if (p->n == p->cap) {
        int32_t cap = p->cap ? p->cap * 2 : 8;
        struct sp_piece *more = sp_realloc(p->piece, (size_t)cap * sizeof *more);
        if (!more) return false;
        p->piece = more;
        p->cap = cap;
    }
    p->piece[p->n] = *piece;
    p->piece[p->n++].at = p->bytes;
    p->bytes += sp_piece_bytes(piece);
    return true;
}

void sp_parcel_free(struct sp_parcel *p)
{
    sp_free(p->piece);
}

struct pack_task {
    struct sp_task task;
    char *to;
    int32_t npiece;
    struct sp_piece *piece;
};

static int perform_pack(struct sp_task *task, void *scratch)
{
    (void)scratch;
    struct pack_task *t = (struct pack_task *)task;
    for (int32_t i = 0; i < t->npiece; i++) {
        struct sp_piece *x = &t->piece[i];
        int64_t dense[STARP_MAXDIM];
        sp_piece_dense(x, dense);
        sp_move(x->ndim, x->extent, x->item, t->to + x->at, dense, x->from, x->stride, task->run->sched->kernels);
    }
    return SP_KERNEL_OK;
}

/*
 * Behind what is sent comes a word on whether its run still held then. In a run that has failed tasks are skipped and messages go
 * all the same, with whatever lies there: nobody is to make anything of that, users' functions least.
 */
#define FOOTER 16
#define SOUND UINT64_C(0x736f756e64a5c3e1)

static void *footer_of(const struct sp_message *m)
{
    return m->near ? (char *)m->word : (char *)m->data + m->bytes - FOOTER;
}

void sp_message_sign(const struct sp_message *m)
{
    uint64_t word = atomic_load(&m->run->stop) ? 0 : SOUND ^ m->run->id;
    if (m->last) memcpy(footer_of(m), &word, sizeof word);
}

bool sp_message_is_sound(const struct sp_message *m)
{
    uint64_t word;
    if (!m->last) return true;
    memcpy(&word, footer_of(m), sizeof word);
    return word == (SOUND ^ m->run->id);
}

size_t sp_message_count(const struct sp_sched *s, size_t bytes)
{
    size_t most = (size_t)SP_OPTION(&s->options, message);
    return bytes > most ? (bytes + most - 1) / most : 1;
}

static void drop_messages(struct sp_message *m)
{
    for (struct sp_message *next; m; m = next) {
        next = m->next;
        sp_free(m);
    }
}

/* What is sent or received at a time, as a list of messages, none of which is too long for MPI, which counts in int. The last one
   has the footer. */
static struct sp_message *new_messages(struct sp_run *run, struct sp_slot *slot, size_t bytes, int peer, bool receive)
{
    struct sp_sched *s = run->sched;
    size_t n = sp_message_count(s, bytes), most = (size_t)SP_OPTION(&s->options, message);
    struct sp_message *list = NULL;
    for (size_t i = n; i-- > 0;) {
        struct sp_message *m = sp_malloc(sizeof *m);
        if (!m) return drop_messages(list), NULL;
        bool last = i == n - 1;
        *m = (struct sp_message){ .next = list, .run = run, .slot = slot, .data = (char *)slot->data + i * most, .peer = peer,
                                  .receive = receive, .near = sp_near_has(slot), .last = last, .bytes = last ? bytes - i * most + FOOTER : most };
        list = m;
    }
    uint32_t *number = receive ? &s->received[peer] : &s->sent[peer];
    for (struct sp_message *m = list; m; m = m->next) m->tag = sp_comm_tag(s->session, (*number)++);
    s->messages += receive ? 0 : n;
    s->bytes_sent += receive ? 0 : bytes;
    return list;
}

starp_status sp_task_sends(struct sp_task *task, struct sp_slot *slot, size_t bytes, int to, struct sp_error *e)
{
    struct sp_sched *s = task->run->sched;
    for (int peer = 0; peer < s->ranks; peer++) {
        if (peer == s->rank || (to != SP_EVERYWHERE && peer != to)) continue;
        struct sp_message *list = new_messages(task->run, slot, bytes, peer, false), **end = &list;
        if (!list) return sp_fail_memory(e);
        for (; *end; end = &(*end)->next) task->sends++;
        *end = task->post;
        task->post = list;
    }
    return STARP_OK;
}

void sp_task_drop(struct sp_task *task)
{
    drop_messages(task->post);
    if (task->end) task->end(task);
    sp_free(task);
}

static struct pack_task *new_pack(struct sp_run *run, const struct sp_parcel *p, const void *site)
{
    size_t n = (size_t)p->n, bytes = sizeof(struct pack_task) + n * (sizeof(struct sp_piece) + sizeof(struct sp_slot *) + 1);
    struct pack_task *t = sp_malloc(bytes);
    if (!t) return NULL;
    *t = (struct pack_task){ .task = { .run = run, .site = site, .name = "pack", .perform = perform_pack },
                             .npiece = p->n, .piece = (struct sp_piece *)(t + 1) };
    t->task.dep = (struct sp_slot **)(t->piece + n);
    t->task.dep_mode = (uint8_t *)(t->task.dep + n);
    memcpy(t->piece, p->piece, n * sizeof *t->piece);
    return t;
}

static void depend_on_pieces(struct pack_task *t)
{
    for (int32_t i = 0; i < t->npiece; i++) {
        bool known = false;
        for (int k = 0; k < t->task.ndep && !known; k++) known = t->task.dep[k] == t->piece[i].slot;
        if (!known) sp_depend(&t->task, t->piece[i].slot, 1, false);
    }
}

/* A task that packs a parcel into a slot, which is put if there is none. */
static struct pack_task *begin_pack(struct sp_run *run, const struct sp_parcel *p, struct sp_slot *slot, const void *site, struct sp_error *e)
{
    struct pack_task *t = new_pack(run, p, site);
    if (!t) return sp_pool_put(&run->sched->pool, slot, run->id), sp_fail_memory(e), NULL;
    t->to = slot->data;
    depend_on_pieces(t);
    return t;
}

/* It is submitted, unless it could not be told what to send; the slot is put. */
static starp_status end_pack(struct pack_task *t, struct sp_slot *slot, struct sp_error *e)
{
    struct sp_run *run = t->task.run;
    sp_pool_put(&run->sched->pool, slot, run->id); /* others get it when the run has ended */
    if (e->status != STARP_OK) return sp_task_drop(&t->task), e->status;
    return sp_submit(&t->task, e);
}

static starp_status send(struct sp_run *run, const struct sp_parcel *p, struct sp_slot *slot, int to, const void *site, struct sp_error *e)
{
    struct pack_task *t = begin_pack(run, p, slot, site, e);
    if (!t) return e->status;
    sp_task_sends(&t->task, slot, p->bytes, to, e);
    return end_pack(t, slot, e);
}

starp_status sp_parcel_send(struct sp_run *run, const struct sp_parcel *p, int to, const void *site, struct sp_error *e)
{
    struct sp_slot *slot = NULL;
    if (p->n == 0) return STARP_OK;
    SP_TRY(sp_message_slot(run, p->bytes, &slot, e));
    return send(run, p, slot, to, site, e);
}

/* What cannot be lent to some of the others is packed once for all of these. */
static starp_status lend_to_all(struct sp_run *run, const struct sp_parcel *p, const void *site, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    struct sp_slot *slot, *common = NULL;
    struct pack_task *t = NULL;
    for (int peer = 0; peer < s->ranks && e->status == STARP_OK; peer++) {
        if (peer == s->rank || sp_near_slot(s, p->bytes, peer, false, &slot, e) != STARP_OK) continue;
        if (slot) {
            slot->writes = slot->reads = run->id;
            send(run, p, slot, peer, site, e);
            continue;
        }
        if (!t && sp_message_slot(run, p->bytes, &common, e) == STARP_OK) t = begin_pack(run, p, common, site, e);
        if (t) sp_task_sends(&t->task, common, p->bytes, peer, e);
    }
    return t ? end_pack(t, common, e) : e->status;
}

starp_status sp_parcel_lend(struct sp_run *run, const struct sp_parcel *p, int to, const void *site, struct sp_error *e)
{
    struct sp_slot *slot = NULL;
    if (p->n == 0) return STARP_OK;
    if (to == SP_EVERYWHERE) return lend_to_all(run, p, site, e);
    SP_TRY(sp_lent_slot(run, p->bytes, to, &slot, e));
    return send(run, p, slot, to, site, e);
}

starp_status sp_message_slot(struct sp_run *run, size_t bytes, struct sp_slot **slot, struct sp_error *e)
{
    *slot = sp_pool_get(&run->sched->pool, bytes + FOOTER, false);
    if (!*slot) return sp_fail_memory(e);
    (*slot)->writes = (*slot)->reads = run->id; /* nobody gets it before the run has ended */
    return STARP_OK;
}

starp_status sp_message_send(struct sp_run *run, struct sp_slot *slot, size_t bytes, int to, struct sp_error *e)
{
    struct sp_sched *s = run->sched;
    bool is_signed = false;
    for (int peer = 0; peer < s->ranks; peer++) {
        if (peer == s->rank || (to != SP_EVERYWHERE && peer != to)) continue;
        struct sp_message *m = new_messages(run, slot, bytes, peer, false);
        if (!m) return sp_fail_memory(e);
        for (struct sp_message *next; m; m = next) {
            next = m->next;
            sp_expect(run);
            atomic_fetch_add(&run->outgoing, 1);
            if (!is_signed) sp_message_sign(m);
            sp_comm_post(m);
        }
        is_signed = true;
    }
    return STARP_OK;
}

/* Nobody else gets it before the run has ended: waiting for an earlier reader would hold up this message and those behind it. */
static struct sp_slot *receive(struct sp_run *run, struct sp_slot *slot, size_t bytes, int from, struct sp_error *e)
{
    struct sp_message *list = slot ? new_messages(run, slot, bytes, from, true) : NULL;
    if (!list) return sp_pool_put(&run->sched->pool, slot, 0), sp_fail_memory(e), NULL;
    slot->writes = slot->reads = run->id;
    sp_receive(list);
    return slot;
}

struct sp_slot *sp_message_receive(struct sp_run *run, size_t bytes, int from, struct sp_error *e)
{
    return receive(run, sp_pool_get(&run->sched->pool, bytes + FOOTER, false), bytes, from, e);
}

starp_status sp_lent_slot(struct sp_run *run, size_t bytes, int to, struct sp_slot **slot, struct sp_error *e)
{
    SP_TRY(sp_near_slot(run->sched, bytes, to, false, slot, e));
    if (!*slot) return sp_message_slot(run, bytes, slot, e);
    (*slot)->writes = (*slot)->reads = run->id;
    return STARP_OK;
}

struct sp_slot *sp_parcel_borrow(struct sp_run *run, size_t bytes, int from, struct sp_error *e)
{
    struct sp_slot *slot;
    if (sp_near_slot(run->sched, bytes, from, true, &slot, e) != STARP_OK) return NULL;
    return slot ? receive(run, slot, bytes, from, e) : sp_message_receive(run, bytes, from, e);
}
