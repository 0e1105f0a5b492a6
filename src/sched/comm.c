/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * comm.c: messages between ranks. One thread talks to MPI while messages are outstanding, and sleeps while none are. A
 * message has no envelope: both ends find its place in their common order of messages, hence its tag, and its size, from
 * the plan.
 *
 * A run's receives are started in the order of the plan, a limited number at a time; those of another run do not wait for
 * them, since it may be that run which the other ranks do first. Sends are started as their packs end, in any order, all of
 * them: were one held back until others have gone, the other side might be waiting for just that one.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

#define MAX_RECEIVES 1024 /* of a run, started at a time */
#define MOST_PAUSE 1000000 /* ns between two looks while workers are busy */

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct sp_message *first[2], **last[2]; /* to be started as soon as there is room: receives, sends */
    bool running, stop;
    atomic_bool abandoned;
    atomic_int expected; /* receives posted and not ended */
    atomic_bool pausing; /* until the workers need something */
    int nactive, nreceive, cap;
    MPI_Request *request;
    struct sp_message **active;
    int *done;
    MPI_Comm comm;
    int session_bits, number_bits; /* of a tag */
} comm = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };

/* Room for more messages under way. What there is stays when there is no memory. */
static bool grow(void)
{
    size_t cap = comm.cap ? 2 * (size_t)comm.cap : 2 * MAX_RECEIVES;
    MPI_Request *request = sp_realloc(comm.request, cap * sizeof *request);
    if (request) comm.request = request;
    struct sp_message **active = sp_realloc(comm.active, cap * sizeof *active);
    if (active) comm.active = active;
    int *done = sp_realloc(comm.done, cap * sizeof *done);
    if (done) comm.done = done;
    if (!request || !active || !done) return false;
    comm.cap = (int)cap;
    return true;
}

static void begin(struct sp_message *m)
{
    MPI_Request *r = &comm.request[comm.nactive];
    void *data = m->near ? m->word : m->data;
    int bytes = m->near ? (int)sizeof m->word : (int)m->bytes;
    if (m->receive) MPI_Irecv(data, bytes, MPI_BYTE, m->peer, m->tag, comm.comm, r);
    else MPI_Isend(data, bytes, MPI_BYTE, m->peer, m->tag, comm.comm, r);
    comm.active[comm.nactive++] = m;
    comm.nreceive += m->receive;
}

static void push(int queue, struct sp_message *m)
{
    m->next = NULL;
    *comm.last[queue] = m;
    comm.last[queue] = &m->next;
}

static struct sp_message *pop(int queue)
{
    struct sp_message *m = comm.first[queue];
    if (!m) return NULL;
    comm.first[queue] = m->next;
    if (!m->next) comm.last[queue] = &comm.first[queue];
    return m;
}

/* A run's receive is started, or kept with the run until fewer are; the lock is held. */
static void push_receive(struct sp_message *m)
{
    struct sp_run *run = m->run;
    if (run->receiving < MAX_RECEIVES) {
        run->receiving++;
        push(0, m);
        return;
    }
    if (!run->held) run->held_last = &run->held;
    m->next = NULL;
    *run->held_last = m;
    run->held_last = &m->next;
}

/* One that was started has ended. */
static void push_held(struct sp_run *run)
{
    struct sp_message *m = run->held;
    run->receiving--;
    if (!m) return;
    run->held = m->next;
    push_receive(m);
}

/* Without memory the rest waits for some of the many that are under way; sends leave room for a run's receives. */
static bool has_room_to_receive(void)
{
    return comm.nactive < comm.cap || grow();
}

static bool has_room_to_send(void)
{
    return comm.nactive - comm.nreceive + MAX_RECEIVES < comm.cap || grow();
}

/* Starts what may be started; the lock is held. */
static void begin_some(void)
{
    while (comm.first[0] && has_room_to_receive()) begin(pop(0));
    while (comm.first[1] && has_room_to_send()) begin(pop(1));
}

/* The lock is not held: what waits for the message may post others. */
static void end(struct sp_message *m)
{
    if (m->receive) atomic_fetch_sub(&comm.expected, 1);
    sp_message_ended(m);
}

static int ascending(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Ends what has arrived or gone out; how many those are. */
static int end_some(void)
{
    int n = 0;
    MPI_Testsome(comm.nactive, comm.request, &n, comm.done, MPI_STATUSES_IGNORE);
    if (n == MPI_UNDEFINED || n <= 0) return 0;
    qsort(comm.done, (size_t)n, sizeof comm.done[0], ascending);
    for (int i = n - 1; i >= 0; i--) { /* they go behind those still under way */
        int k = comm.done[i], last = --comm.nactive;
        struct sp_message *m = comm.active[k];
        comm.nreceive -= m->receive;
        comm.active[k] = comm.active[last];
        comm.request[k] = comm.request[last];
        comm.active[last] = m;
    }
    pthread_mutex_lock(&comm.lock);
    for (int i = 0; i < n; i++) {
        struct sp_message *m = comm.active[comm.nactive + i];
        if (m->receive) push_held(m->run);
    }
    pthread_mutex_unlock(&comm.lock);
    for (int i = 0; i < n; i++) end(comm.active[comm.nactive + i]);
    return n;
}

/* A rank has died: nothing will arrive any more. What waits is let go, with whatever its memory holds. The lock is held, but
   not while ending: that may post. */
static void drop_all(void)
{
    for (;;) {
        struct sp_message *m = NULL;
        if (comm.nactive > 0) m = comm.active[--comm.nactive];
        if (m && m->receive) MPI_Cancel(&comm.request[comm.nactive]);
        if (!m) m = pop(0);
        if (!m) m = pop(1);
        if (!m) break;
        if (m->receive) push_held(m->run);
        pthread_mutex_unlock(&comm.lock);
        end(m);
        pthread_mutex_lock(&comm.lock);
    }
    comm.nreceive = 0;
}

/*
 * Between looks the core is offered to others as long as the workers have nothing to do anyway, but not for ever; while they
 * have work, the thread sleeps. Yielding would not do then: those who yield to a worker wait for a slice.
 */
static void pause_idle(int fruitless)
{
    if (fruitless < 100) sched_yield();
    else nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

/* A look takes the core from a worker, at a price far above its own on virtual machines: the longer nothing comes, the rarer. */
static int64_t busy_pause(int fruitless)
{
    return fruitless > 4 ? MOST_PAUSE : MOST_PAUSE >> (4 - fruitless);
}

/* Sleeps, or until there is something new to start, or a worker without work; the lock is held. */
static void sleep_unless_posted(int64_t ns)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ns;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    atomic_store(&comm.pausing, true);
    if (!comm.first[0] && !comm.first[1] && !comm.stop && !sp_runtime_is_idle()) {
        pthread_cond_clockwait(&comm.change, &comm.lock, CLOCK_MONOTONIC, &t);
    }
    atomic_store(&comm.pausing, false);
}

/*
 * Asks for a short slice: since Linux 6.12 that lets a thread that wakes take the core from one with a longer slice, a worker,
 * instead of waiting for up to 4 ms. Where it is not known, it changes nothing.
 */
static void be_brief(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t slice, deadline, period;
    } attributes = { .size = sizeof attributes, .policy = SCHED_OTHER, .slice = 100000 };
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static void *talk(void *unused)
{
    (void)unused;
    int fruitless = 0;
    be_brief();
    prctl(PR_SET_TIMERSLACK, 1000);
    pthread_mutex_lock(&comm.lock);
    while (!comm.stop) {
        if (atomic_load(&comm.abandoned)) drop_all();
        begin_some();
        if (comm.nactive == 0) {
            fruitless = 0;
            pthread_cond_wait(&comm.change, &comm.lock);
            continue;
        }
        pthread_mutex_unlock(&comm.lock);
        fruitless = end_some() > 0 ? 0 : fruitless + 1;
        bool idle = sp_runtime_is_idle();
        if (fruitless && idle) pause_idle(fruitless);
        pthread_mutex_lock(&comm.lock);
        if (fruitless && !idle) sleep_unless_posted(busy_pause(fruitless));
    }
    drop_all();
    pthread_mutex_unlock(&comm.lock);
    return NULL;
}

/*
 * Finds what a tag is made of: a third for the session, the rest for the number, and the bit above for host data. Messages of
 * a session from one rank to another are told apart while they overtake fewer than there are numbers: with the usual 2^31
 * tags a million, with the fewest that are taken here four thousand.
 */
static starp_status split_tags(struct sp_error *e)
{
    int *most = NULL, found = 0, bits = 0;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &most, &found);
    while (found && bits < 30 && *most >= 2 << bits) bits++;
    if (bits < 18) return sp_fail(e, STARP_ERR_RUNTIME, "open: this MPI has tags up to %d; %d are needed", found ? *most : 0, 1 << 18);
    comm.session_bits = bits / 3;
    comm.number_bits = bits - comm.session_bits;
    return STARP_OK;
}

int sp_comm_tag(uint32_t session, uint32_t number)
{
    session &= (1u << comm.session_bits) - 1;
    number &= (1u << comm.number_bits) - 1;
    return (int)(session << comm.number_bits | number);
}

/* Of host data, outside runs: above all other tags. */
static int bulk_tag(void)
{
    return 1 << (comm.session_bits + comm.number_bits);
}

bool sp_comm_expects(void)
{
    return atomic_load_explicit(&comm.expected, memory_order_relaxed) > 0;
}

void sp_comm_hurry(void)
{
    if (!atomic_load(&comm.pausing)) return;
    pthread_mutex_lock(&comm.lock);
    pthread_cond_signal(&comm.change);
    pthread_mutex_unlock(&comm.lock);
}

void sp_comm_post(struct sp_message *m)
{
    if (m->receive) atomic_fetch_add(&comm.expected, 1);
    pthread_mutex_lock(&comm.lock);
    bool stopped = comm.stop; /* the job has ended before the run */
    if (!stopped && m->receive) push_receive(m);
    else if (!stopped) push(1, m);
    if (!stopped) pthread_cond_signal(&comm.change);
    pthread_mutex_unlock(&comm.lock);
    if (stopped) end(m);
}

void sp_comm_abandon(void)
{
    atomic_store(&comm.abandoned, true);
    pthread_mutex_lock(&comm.lock);
    pthread_cond_signal(&comm.change);
    pthread_mutex_unlock(&comm.lock);
}

starp_status sp_comm_start(struct sp_error *e)
{
    comm.last[0] = &comm.first[0];
    comm.last[1] = &comm.first[1];
    SP_TRY(split_tags(e));
    MPI_Comm_dup(MPI_COMM_WORLD, &comm.comm);
    if (!grow()) return sp_fail_memory(e);
    if (pthread_create(&comm.thread, NULL, talk, NULL) != 0) return sp_fail(e, STARP_ERR_RUNTIME, "open: no thread for messages");
    comm.running = true;
    return STARP_OK;
}

void sp_comm_stop(void)
{
    if (!comm.running) return;
    pthread_mutex_lock(&comm.lock);
    comm.stop = true;
    pthread_cond_signal(&comm.change);
    pthread_mutex_unlock(&comm.lock);
    pthread_join(comm.thread, NULL);
    comm.running = false;
    if (!atomic_load(&comm.abandoned)) MPI_Comm_free(&comm.comm);
}

/* ------------------------------------------------------------------------------------------------- one by one, waiting */

/* Waits for a request while it looks after the others' being alive. */
static starp_status finish(MPI_Request *r, struct sp_error *e)
{
    int flag = 0;
    for (int look = 0;; look++) {
        MPI_Test(r, &flag, MPI_STATUS_IGNORE);
        if (flag) return STARP_OK;
        if (look > 64) pause_idle(look);
        if (look % 256 == 255 && sp_world_check(0) && sp_world_lost(e)) return e->status;
    }
}

#define PART ((size_t)1 << 30) /* MPI counts in int */

starp_status sp_comm_send(const void *data, size_t bytes, int peer, struct sp_error *e)
{
    for (size_t at = 0; at < bytes; at += PART) {
        MPI_Request r;
        size_t n = bytes - at < PART ? bytes - at : PART;
        MPI_Isend((const char *)data + at, (int)n, MPI_BYTE, peer, bulk_tag(), comm.comm, &r);
        SP_TRY(finish(&r, e));
    }
    return STARP_OK;
}

starp_status sp_comm_receive(void *data, size_t bytes, int peer, struct sp_error *e)
{
    for (size_t at = 0; at < bytes; at += PART) {
        MPI_Request r;
        size_t n = bytes - at < PART ? bytes - at : PART;
        MPI_Irecv((char *)data + at, (int)n, MPI_BYTE, peer, bulk_tag(), comm.comm, &r);
        SP_TRY(finish(&r, e));
    }
    return STARP_OK;
}
