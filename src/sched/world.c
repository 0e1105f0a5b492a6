/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.c: the processes of a job. MPI starts them and carries the data (comm.c); what controls them goes over one TCP
 * connection between rank 0 and each of the others, because a connection tells at once when its other end has died, which
 * MPI does not. Rank 0 sends frames and collects answers; the others read frames (serve.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mpi.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"
#include "frame.h"

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
    pthread_mutex_t lock;
    bool joined;
    int rank, size, local_rank, local_size;
    struct peer *peer;      /* rank 0: one per rank, [0] unused */
    int fd;                 /* other ranks: to rank 0 */
    atomic_bool lost;
    struct sp_error why;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER, .size = 1, .local_size = 1, .fd = -1 };

int sp_world_rank(void)
{
    return world.rank;
}

int sp_world_size(void)
{
    return world.size;
}

void sp_world_local(int *rank, int *size)
{
    *rank = world.local_rank;
    *size = world.local_size;
}

/* Nothing goes on from here: whoever is alive finds out by its own connection. */
static starp_status lose(const char *format, int rank, const char *text)
{
    if (!atomic_load(&world.lost)) {
        sp_fail(&world.why, STARP_ERR_RUNTIME, format, rank, text);
        atomic_store(&world.lost, true);
        sp_comm_abandon();
    }
    return world.why.status;
}

bool sp_world_lost(struct sp_error *e)
{
    if (!atomic_load(&world.lost)) return false;
    if (e && !e->site) e->site = world.why.site;
    if (e) sp_fail(e, world.why.status, "%s; the session can only be closed", world.why.text);
    return true;
}

void sp_world_give_up(int rank, const char *text)
{
    pthread_mutex_lock(&world.lock);
    lose("rank %d: %s", rank, text);
    pthread_mutex_unlock(&world.lock);
}

/* ----------------------------------------------------------------------------------------------------- connecting */

static void tune(int fd, int64_t seconds)
{
    int on = 1, idle = seconds > 3 ? (int)seconds / 3 : 1, ms = seconds > 1000000 ? 1000000000 : (int)seconds * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    for (const char *at = bytes; n > 0;) {
        ssize_t put = send(fd, at, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}

static bool read_all(int fd, void *bytes, size_t n)
{
    for (char *at = bytes; n > 0;) {
        ssize_t got = recv(fd, at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* What rank 0 tells the others through MPI: where to connect, and how to prove who they are. */
struct invitation {
    char host[256];
    uint16_t port;
    uint64_t secret;
};

struct greeting {
    uint64_t secret;
    int32_t rank;
};

static int listen_anywhere(uint16_t *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, world.size) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &n) == 0) {
        *port = ntohs(a.sin_port);
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

static bool accept_all(int listener, uint64_t secret, int64_t seconds)
{
    for (int missing = world.size - 1; missing > 0;) {
        struct pollfd p = { .fd = listener, .events = POLLIN };
        struct greeting g;
        if (poll(&p, 1, (int)(seconds < 1000000 ? seconds : 1000000) * 1000) <= 0) return false;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct timeval patience = { .tv_sec = 5 };
        if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        bool ok = fd >= 0 && read_all(fd, &g, sizeof g) && g.secret == secret && g.rank > 0 && g.rank < world.size &&
                  world.peer[g.rank].fd < 0;
        if (!ok) {
            if (fd >= 0) close(fd);
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 0 }, sizeof(struct timeval));
        tune(fd, seconds);
        world.peer[g.rank].fd = fd;
        missing--;
    }
    return true;
}

static int connect_to(const char *host, uint16_t port)
{
    char service[8];
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *list = NULL;
    int fd = -1;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &list) != 0) return -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) == 0) continue;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static starp_status invite(int64_t seconds, struct sp_error *e)
{
    struct invitation i = { .port = 0 };
    FILE *noise = fopen("/dev/urandom", "re");
    if (!noise || fread(&i.secret, sizeof i.secret, 1, noise) != 1) i.secret = (uint64_t)getpid();
    if (noise) fclose(noise);
    world.peer = sp_calloc((size_t)world.size, sizeof *world.peer);
    for (int r = 0; world.peer && r < world.size; r++) world.peer[r].fd = -1;
    int listener = world.peer ? listen_anywhere(&i.port) : -1;
    gethostname(i.host, sizeof i.host - 1);
    MPI_Bcast(&i, sizeof i, MPI_BYTE, 0, MPI_COMM_WORLD);
    bool ok = listener >= 0 && accept_all(listener, i.secret, seconds);
    if (listener >= 0) close(listener);
    return ok ? STARP_OK : sp_fail(e, STARP_ERR_RUNTIME, "open: the other %d ranks do not connect to %s:%d", world.size - 1, i.host, i.port);
}

static starp_status follow(int64_t seconds, struct sp_error *e)
{
    struct invitation i;
    char host[256] = "";
    MPI_Bcast(&i, sizeof i, MPI_BYTE, 0, MPI_COMM_WORLD);
    gethostname(host, sizeof host - 1);
    world.fd = connect_to(strcmp(host, i.host) == 0 ? "127.0.0.1" : i.host, i.port);
    struct greeting g = { .secret = i.secret, .rank = world.rank };
    if (world.fd < 0 || !write_all(world.fd, &g, sizeof g)) {
        return sp_fail(e, STARP_ERR_RUNTIME, "open: rank %d cannot connect to rank 0 at %s:%d", world.rank, i.host, i.port);
    }
    tune(world.fd, seconds);
    return STARP_OK;
}

/* The process ends: the others may, too. After a loss MPI would wait for the dead for ever. */
static void leave(void)
{
    struct sp_frame f = { 0 };
    sp_frame_begin(&f, SP_FRAME_END, 0);
    bool told = sp_frame_end(&f) && !atomic_load(&world.lost);
    for (int r = 1; r < world.size; r++) {
        if (told) told = write_all(world.peer[r].fd, f.data, f.n);
    }
    sp_frame_free(&f);
    sp_comm_stop();
    if (told) MPI_Finalize();
}

static starp_status join(const struct sp_options *o, struct sp_error *e)
{
    int flag, level;
    MPI_Initialized(&flag);
    if (!flag && !sp_options_launched()) return STARP_OK;
    setenv("OMPI_MCA_btl_vader_eager_limit", "32768", 0); /* halos go without a handshake, which would wait for this thread */
    if (!flag) MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level);
    else MPI_Query_thread(&level);
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    if (world.size == 1) {
        if (!flag) MPI_Finalize();
        return STARP_OK;
    }
    if (level < MPI_THREAD_MULTIPLE) return sp_fail(e, STARP_ERR_RUNTIME, "open: this MPI does not allow calls from several threads");
    MPI_Comm local;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world.rank, MPI_INFO_NULL, &local);
    MPI_Comm_rank(local, &world.local_rank);
    MPI_Comm_size(local, &world.local_size);
    MPI_Comm_free(&local);
    SP_TRY(world.rank == 0 ? invite(SP_OPTION(o, timeout), e) : follow(SP_OPTION(o, timeout), e));
    SP_TRY(sp_comm_start(e));
    if (world.rank == 0) atexit(leave);
    return STARP_OK;
}

starp_status sp_world_join(const struct sp_options *o, struct sp_error *e)
{
    pthread_mutex_lock(&world.lock);
    starp_status status = STARP_OK;
    if (!world.joined) status = join(o, e);
    world.joined = true;
    if (status != STARP_OK) lose("rank %d: %s", world.rank, e->text);
    pthread_mutex_unlock(&world.lock);
    if (status == STARP_OK && sp_world_lost(e)) return e->status;
    return status;
}

/* --------------------------------------------------------------------------------------------- rank 0: frames, answers */

starp_status sp_world_send(const struct sp_frame *f, struct sp_error *e)
{
    pthread_mutex_lock(&world.lock);
    for (int r = 1; r < world.size && !atomic_load(&world.lost); r++) {
        if (!write_all(world.peer[r].fd, f->data, f->n)) lose("rank %d has gone: %s", r, strerror(errno));
    }
    pthread_mutex_unlock(&world.lock);
    return sp_world_lost(e) ? e->status : STARP_OK;
}

static bool keep_answer(struct peer *p, int rank)
{
    struct answer *a = sp_malloc(sizeof *a);
    struct sp_bytes b = { p->body, p->body + p->body_bytes, false };
    struct sp_error e = { 0 };
    if (!a || sp_frame_read_done(&b, &a->done, &e) != STARP_OK) return sp_free(a), false;
    if (a->done.run == 0) { /* it cannot go on */
        world.why.site = (const void *)(uintptr_t)a->done.site;
        lose("rank %d: %s", rank, a->done.text);
    }
    struct answer **last = &p->answers;
    while (*last) last = &(*last)->next;
    a->next = NULL;
    *last = a;
    return true;
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
            struct sp_frame_head h;
            struct sp_error e = { 0 };
            if (sp_frame_header(p->head, &h, &e) != STARP_OK || h.kind != SP_FRAME_DONE) return false;
            p->body_bytes = h.bytes;
            p->body = sp_malloc(h.bytes + 1);
            if (!p->body) return false;
            if (h.bytes > 0) continue;
        }
        bool ok = keep_answer(p, rank);
        sp_free(p->body);
        p->body = NULL;
        p->got = 0;
        if (!ok) return false;
    }
}

/* Waits at most so long for something to come, and reads it. */
static void listen_once(int milliseconds)
{
    struct pollfd p[world.size];
    for (int r = 1; r < world.size; r++) p[r - 1] = (struct pollfd){ .fd = world.peer[r].fd, .events = POLLIN };
    if (poll(p, (nfds_t)world.size - 1, milliseconds) <= 0) return;
    for (int r = 1; r < world.size; r++) {
        if (p[r - 1].revents && !read_some(&world.peer[r], r)) lose("rank %d has died%s", r, "");
    }
}

static bool take_answer(struct peer *p, uint64_t run, struct sp_done *done)
{
    for (struct answer **at = &p->answers; *at; at = &(*at)->next) {
        struct answer *a = *at;
        if (a->done.run != run) continue;
        *done = a->done;
        *at = a->next;
        sp_free(a);
        return true;
    }
    return false;
}

starp_status sp_world_answers(uint64_t run, struct sp_error *e)
{
    struct sp_done done;
    for (int r = 1; r < world.size; r++) {
        bool have = false;
        while (!have && !atomic_load(&world.lost)) {
            pthread_mutex_lock(&world.lock);
            have = take_answer(&world.peer[r], run, &done);
            if (!have) listen_once(50);
            pthread_mutex_unlock(&world.lock);
        }
        if (!have) break;
        if (done.status == STARP_OK || e->status != STARP_OK) continue;
        e->site = (const void *)(uintptr_t)done.site;
        sp_fail(e, done.status, "rank %d: %s", r, done.text);
    }
    sp_world_lost(e);
    return e->status;
}

/* ------------------------------------------------------------------------------------------------------ other ranks */

/*
 * Ends a rank that is not 0: rank 0 has gone, or asks for it. This is what starp_open documents, and the only place where the
 * library ends a process: no program of the user's runs on this rank. MPI is left in order only when all are there.
 */
static _Noreturn void end_rank(bool orderly)
{
    sp_comm_stop();
    if (orderly) {
        MPI_Finalize();
        exit(0);
    }
    _exit(1);
}

starp_status sp_world_next(struct sp_frame_head *h, unsigned char **body, struct sp_error *e)
{
    unsigned char head[SP_FRAME_HEADER];
    *body = NULL;
    if (!read_all(world.fd, head, sizeof head)) end_rank(false);
    SP_TRY(sp_frame_header(head, h, e));
    if (h->kind == SP_FRAME_END) end_rank(true);
    *body = sp_malloc(h->bytes + 1);
    if (!*body) return sp_fail_memory(e);
    if (!read_all(world.fd, *body, h->bytes)) end_rank(false);
    return STARP_OK;
}

void sp_world_reply(const struct sp_done *done)
{
    struct sp_frame f = { 0 };
    sp_frame_begin(&f, SP_FRAME_DONE, 0);
    sp_frame_done(&f, done);
    if (!sp_frame_end(&f) || !write_all(world.fd, f.data, f.n)) end_rank(false);
    sp_frame_free(&f);
}

/* Whether rank 0 wants the run under way to end. */
static bool is_cancelled(void)
{
    unsigned char head[SP_FRAME_HEADER];
    struct sp_frame_head h;
    struct sp_error e = { 0 };
    ssize_t got = recv(world.fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) end_rank(false);
    if (got < (ssize_t)sizeof head || sp_frame_header(head, &h, &e) != STARP_OK) return false;
    if (h.kind == SP_FRAME_END) end_rank(false); /* rank 0's process ends in the middle of a run */
    if (h.kind != SP_FRAME_CANCEL) return false;
    return read_all(world.fd, head, sizeof head);
}

bool sp_world_check(void)
{
    if (world.size == 1) return false;
    if (world.rank > 0) return is_cancelled();
    pthread_mutex_lock(&world.lock);
    if (!atomic_load(&world.lost)) listen_once(0);
    pthread_mutex_unlock(&world.lock);
    return atomic_load(&world.lost);
}
