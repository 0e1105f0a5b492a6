/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.c: frames and answers between rank 0 and the others, and who is alive, over the connections that world.c made. A
 * connection tells at once when its other end has died, which MPI does not.
 *
 * Any thread may send, listen or look: frames go out one at a time, to all ranks in the same order, and one thread at a time
 * reads for all. The lock is never held while anything is waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "frame.h"
#include "world.h"

/* An answer that nobody has asked for yet. */
struct answer {
    struct answer *next;
    struct sp_done done;
};

/* Rank 0's end of a connection: the bytes of the frame that is coming in, and answers. */
struct peer {
    int fd;
    unsigned char head[SP_FRAME_HEADER];
    unsigned char *body;
    size_t got, body_bytes;
    struct answer *answers;
};

static struct {
    pthread_mutex_t lock;    /* of answers, who listens, and why the job is lost */
    pthread_cond_t change;   /* an answer has come, or nobody listens any more */
    pthread_mutex_t writing; /* held for a whole frame to all ranks */
    bool listening;
    struct peer *peer;       /* rank 0: one per rank, [0] unused */
    int fd;                  /* other ranks: to rank 0 */
    unsigned patience;       /* milliseconds */
    double looked;           /* when silence was last looked for */
    atomic_bool lost;
    struct sp_error why;
} control = { .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* -------------------------------------------------------------------------------------------------------- liveness */

/* Nothing goes on from here: whoever is alive finds out by its own connection. */
static void lose(const void *site, const char *format, int rank, const char *text)
{
    pthread_mutex_lock(&control.lock);
    bool first = !atomic_load(&control.lost);
    if (first) {
        control.why.site = site;
        sp_fail(&control.why, STARP_ERR_RUNTIME, format, rank, text);
        atomic_store(&control.lost, true);
        pthread_cond_broadcast(&control.change);
    }
    pthread_mutex_unlock(&control.lock);
    if (first) sp_comm_abandon();
}

bool sp_world_lost(struct sp_error *e)
{
    if (!atomic_load(&control.lost)) return false;
    if (e && !e->site) e->site = control.why.site;
    if (e) sp_fail(e, control.why.status, "%s; the session can only be closed", control.why.text);
    return true;
}

void sp_world_give_up(int rank, const char *text)
{
    lose(NULL, "rank %d: %s", rank, text);
}

/*
 * The death of a process closes its connection. That of a machine shows by keepalive while nothing is under way, and by
 * is_silent while something is. TCP_USER_TIMEOUT would do for both, but it also counts while a living rank is busy with a
 * long run and does not read what waits for it.
 */
static void tune(int fd, int64_t seconds)
{
    int on = 1, count = 5, idle = seconds > 65534 ? 32767 : seconds > 2 ? (int)seconds / 2 : 1; /* 32767 is the kernel's limit */
    int interval = idle > count ? idle / count : 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* Whether the other machine has long left this one's repeated packets and probes without reply. A living one replies to them. */
static bool is_silent(int fd)
{
    struct tcp_info i = { 0 };
    socklen_t n = sizeof i;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &n) != 0) return false;
    return i.tcpi_retransmits + i.tcpi_probes >= 3 && i.tcpi_last_ack_recv >= control.patience;
}

starp_status sp_control_start(const int *fd, int64_t seconds, struct sp_error *e)
{
    control.patience = (unsigned)seconds * 1000;
    if (sp_world_rank() > 0) {
        control.fd = fd[0];
        tune(fd[0], seconds);
        return STARP_OK;
    }
    control.peer = sp_calloc((size_t)sp_world_size(), sizeof *control.peer);
    if (!control.peer) return sp_fail_memory(e);
    for (int r = 1; r < sp_world_size(); r++) {
        control.peer[r].fd = fd[r];
        tune(fd[r], seconds);
    }
    return STARP_OK;
}

/* ---------------------------------------------------------------------------------------------------------- frames */

/*
 * While there is no room, rank 0 reads answers and notices deaths: a rank that waits for its answer to be read does not keep
 * it waiting, and a rank that waits for another is not waited for when that one is dead.
 */
static bool write_frame(int fd, const struct sp_frame *f)
{
    for (size_t at = 0; at < f->n;) {
        ssize_t put = send(fd, f->data + at, f->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put >= 0) at += (size_t)put;
        else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 50);
            if (sp_world_check(0)) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static void write_to_all(const struct sp_frame *f)
{
    for (int r = 1; r < sp_world_size() && !atomic_load(&control.lost); r++) {
        if (!write_frame(control.peer[r].fd, f)) lose(NULL, "rank %d has gone: %s", r, strerror(errno));
    }
}

starp_status sp_world_send(const struct sp_frame *f, struct sp_error *e)
{
    pthread_mutex_lock(&control.writing);
    write_to_all(f);
    pthread_mutex_unlock(&control.writing);
    return sp_world_lost(e) ? e->status : STARP_OK;
}

/* Whether a few bytes to each rank go without waiting. */
static bool has_room(void)
{
    int n = sp_world_size() - 1;
    struct pollfd p[n];
    for (int r = 1; r <= n; r++) p[r - 1] = (struct pollfd){ .fd = control.peer[r].fd, .events = POLLOUT };
    return poll(p, (nfds_t)n, 0) == n;
}

bool sp_world_try_send(const struct sp_frame *f)
{
    if (atomic_load(&control.lost) || pthread_mutex_trylock(&control.writing) != 0) return false;
    bool room = has_room();
    if (room) write_to_all(f);
    pthread_mutex_unlock(&control.writing);
    return room;
}

bool sp_control_dismiss(void)
{
    struct sp_frame f = { 0 };
    struct sp_error e = { 0 };
    sp_frame_begin(&f, SP_FRAME_END, 0);
    bool told = sp_frame_end(&f) && sp_world_send(&f, &e) == STARP_OK;
    sp_frame_free(&f);
    return told;
}

/* ------------------------------------------------------------------------------------------------- rank 0: answers */

static bool keep_answer(struct peer *p, int rank)
{
    struct answer *a = sp_malloc(sizeof *a);
    struct sp_bytes b = { p->body, p->body + p->body_bytes, false };
    struct sp_error e = { 0 };
    if (!a || sp_frame_read_done(&b, &a->done, &e) != STARP_OK) return sp_free(a), false;
    if (a->done.run == 0) { /* it cannot go on */
        lose((const void *)(uintptr_t)a->done.site, "rank %d: %s", rank, a->done.text);
        sp_free(a);
        return true;
    }
    pthread_mutex_lock(&control.lock);
    a->next = p->answers;
    p->answers = a;
    pthread_cond_broadcast(&control.change);
    pthread_mutex_unlock(&control.lock);
    return true;
}

/* Makes room for a frame's body, its header having come. */
static bool begin_body(struct peer *p)
{
    struct sp_frame_head h;
    struct sp_error e = { 0 };
    if (sp_frame_header(p->head, &h, &e) != STARP_OK || h.kind != SP_FRAME_DONE) return false;
    p->body_bytes = h.bytes;
    p->body = sp_malloc(h.bytes + 1);
    return p->body != NULL;
}

/* Reads what has come from a rank, without waiting; false when the rank has gone or sends nonsense. */
static bool read_some(struct peer *p, int rank)
{
    for (;;) {
        bool head = p->got < SP_FRAME_HEADER;
        size_t want = SP_FRAME_HEADER + (head ? 0 : p->body_bytes);
        unsigned char *to = head ? p->head + p->got : p->body + p->got - SP_FRAME_HEADER;
        ssize_t got = p->got < want ? recv(p->fd, to, want - p->got, MSG_DONTWAIT) : 0;
        if (p->got < want && got == 0) return false;
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        p->got += (size_t)got;
        if (p->got < want) continue;
        if (head) {
            if (!begin_body(p)) return lose(NULL, "rank %d sends what rank 0 cannot take%s", rank, ""), false;
            continue;
        }
        bool ok = keep_answer(p, rank);
        sp_free(p->body);
        p->body = NULL;
        p->got = 0;
        if (!ok) return lose(NULL, "rank %d answers what rank 0 cannot take%s", rank, ""), false;
    }
}

/* Waits at most so long for something to come, and reads it. */
static void listen_once(int milliseconds)
{
    int n = sp_world_size() - 1;
    struct pollfd p[n];
    for (int r = 1; r <= n; r++) p[r - 1] = (struct pollfd){ .fd = control.peer[r].fd, .events = POLLIN };
    if (poll(p, (nfds_t)n, milliseconds) < 0) return;
    bool look = sp_now() - control.looked > 1;
    if (look) control.looked = sp_now();
    for (int r = 1; r <= n; r++) {
        struct peer *peer = &control.peer[r];
        bool dead = p[r - 1].revents ? !read_some(peer, r) : look && is_silent(peer->fd);
        if (dead) lose(NULL, "rank %d has died%s", r, "");
    }
}

/* The same, unless another thread is at it: then that one is waited for. The lock is held, but not while waiting. */
static void listen_for(int milliseconds)
{
    if (control.listening) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += (long)milliseconds * 1000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        if (milliseconds > 0) pthread_cond_timedwait(&control.change, &control.lock, &t);
        return;
    }
    control.listening = true;
    pthread_mutex_unlock(&control.lock);
    listen_once(milliseconds);
    pthread_mutex_lock(&control.lock);
    control.listening = false;
    pthread_cond_broadcast(&control.change);
}

static struct answer **find_answer(int rank, uint64_t run)
{
    struct answer **at = &control.peer[rank].answers;
    while (*at && (*at)->done.run != run) at = &(*at)->next;
    return at;
}

/* Waits for a rank's answer and takes it; NULL: the job is lost. */
static struct answer *take_answer(int rank, uint64_t run)
{
    struct answer **at = NULL, *a = NULL;
    pthread_mutex_lock(&control.lock);
    while (!atomic_load(&control.lost) && !*(at = find_answer(rank, run))) listen_for(50);
    if (!atomic_load(&control.lost)) {
        a = *at;
        *at = a->next;
    }
    pthread_mutex_unlock(&control.lock);
    return a;
}

static void add_note(struct sp_done *all, const struct sp_done *one)
{
    int64_t notes = all->notes + one->notes;
    if (one->notes > 0 && (all->notes == 0 || one->note_index < all->note_index)) *all = *one;
    all->notes = notes;
}

starp_status sp_world_answers(uint64_t run, struct sp_done *note, struct sp_error *e)
{
    for (int r = 1; r < sp_world_size(); r++) {
        struct answer *a = take_answer(r, run);
        if (!a) break;
        bool why = a->done.status != STARP_OK && a->done.status != STARP_ERR_CANCELLED && e->status == STARP_ERR_CANCELLED; /* others were only told to stop */
        if (why) sp_error_clear(e);
        if (a->done.status != STARP_OK && e->status == STARP_OK) {
            e->site = (const void *)(uintptr_t)a->done.site;
            sp_fail(e, a->done.status, "rank %d: %s", r, a->done.text);
        }
        if (note && a->done.status == STARP_OK) add_note(note, &a->done);
        sp_free(a);
    }
    sp_world_lost(e);
    return e->status;
}

static bool have_all(uint64_t run)
{
    for (int r = 1; r < sp_world_size(); r++) {
        if (!*find_answer(r, run)) return false;
    }
    return true;
}

bool sp_world_answered(uint64_t run, int milliseconds)
{
    if (atomic_load(&control.lost)) return true;
    pthread_mutex_lock(&control.lock);
    if (!have_all(run)) listen_for(milliseconds);
    bool all = have_all(run);
    pthread_mutex_unlock(&control.lock);
    return all || atomic_load(&control.lost);
}

/* ------------------------------------------------------------------------------------------------------ other ranks */

static bool read_all(void *bytes, size_t n)
{
    for (char *at = bytes; n > 0;) {
        ssize_t got = recv(control.fd, at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

starp_status sp_world_next(struct sp_frame_head *h, unsigned char **body, struct sp_error *e)
{
    unsigned char head[SP_FRAME_HEADER];
    struct pollfd p = { .fd = control.fd, .events = POLLIN };
    *body = NULL;
    while (poll(&p, 1, 1000) == 0) {
        if (is_silent(control.fd)) sp_world_end(false);
    }
    if (!read_all(head, sizeof head)) sp_world_end(false);
    SP_TRY(sp_frame_header(head, h, e));
    if (h->kind == SP_FRAME_END) sp_world_end(true);
    *body = sp_malloc(h->bytes + 1);
    if (!*body) return sp_fail_memory(e);
    if (!read_all(*body, h->bytes)) sp_world_end(false);
    return STARP_OK;
}

void sp_world_reply(const struct sp_done *done)
{
    struct sp_frame f = { 0 };
    sp_frame_begin(&f, SP_FRAME_DONE, 0);
    sp_frame_done(&f, done);
    if (!sp_frame_end(&f) || !write_frame(control.fd, &f)) sp_world_end(false);
    sp_frame_free(&f);
}

/*
 * Whether rank 0 wants the run of a session, which is under way, to end. Runs go one after the other here, and a run's frame
 * comes before its cancel: a cancel of another session comes too late for its run, and is dropped. Other frames wait.
 */
static bool is_cancelled(uint32_t session)
{
    for (;;) {
        unsigned char head[SP_FRAME_HEADER];
        struct sp_frame_head h;
        struct sp_error e = { 0 };
        ssize_t got = recv(control.fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
        if (got == 0) sp_world_end(false);
        if (got < (ssize_t)sizeof head || sp_frame_header(head, &h, &e) != STARP_OK) return false;
        if (h.kind == SP_FRAME_END) sp_world_end(false); /* rank 0's process ends in the middle of a run */
        if (h.kind != SP_FRAME_CANCEL) return false;
        if (!read_all(head, sizeof head)) sp_world_end(false);
        if (h.session == session) return true;
    }
}

bool sp_world_check(uint32_t session)
{
    if (sp_world_size() == 1) return false;
    if (atomic_load(&control.lost)) return true;
    if (sp_world_rank() > 0) return is_cancelled(session);
    pthread_mutex_lock(&control.lock);
    listen_for(0);
    pthread_mutex_unlock(&control.lock);
    return atomic_load(&control.lost);
}
