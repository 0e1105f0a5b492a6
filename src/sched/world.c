/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.c: joining and leaving the job. MPI starts its processes and carries the data (comm.c); what controls them goes over
 * one TCP connection between rank 0 and each of the others (control.c), which are made here.
 */
#define _GNU_SOURCE
#include <mpi.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

static struct {
    pthread_mutex_t lock;
    bool joined, left;
    bool own;               /* MPI was initialized here */
    int rank, size, local_rank, local_size;
} world = { .lock = PTHREAD_MUTEX_INITIALIZER, .size = 1, .local_size = 1 };

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

/* ----------------------------------------------------------------------------------------------------- connecting */

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

/* Takes in one connection: the rank it is from, or 0 when it is not from one of ours. */
static int take_in(int fd, uint64_t secret)
{
    struct greeting g;
    struct timeval patience = { .tv_sec = 5 }, none = { .tv_sec = 0 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    bool ok = recv(fd, &g, sizeof g, MSG_WAITALL) == sizeof g && g.secret == secret && g.rank > 0 && g.rank < world.size;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    return ok ? g.rank : 0;
}

static bool accept_all(int listener, uint64_t secret, int64_t seconds, int *connection)
{
    for (int missing = world.size - 1; missing > 0;) {
        struct pollfd p = { .fd = listener, .events = POLLIN };
        if (poll(&p, 1, (int)(seconds < 1000000 ? seconds : 1000000) * 1000) <= 0) return false;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), rank = fd >= 0 ? take_in(fd, secret) : 0;
        if (rank > 0 && connection[rank] < 0) {
            connection[rank] = fd;
            missing--;
        } else if (fd >= 0) {
            close(fd);
        }
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
    int *connection = sp_malloc((size_t)world.size * sizeof *connection);
    for (int r = 0; connection && r < world.size; r++) connection[r] = -1;
    int listener = connection ? listen_anywhere(&i.port) : -1;
    gethostname(i.host, sizeof i.host - 1);
    MPI_Bcast(&i, sizeof i, MPI_BYTE, 0, MPI_COMM_WORLD);
    bool ok = listener >= 0 && accept_all(listener, i.secret, seconds, connection);
    if (listener >= 0) close(listener);
    if (ok) sp_control_start(connection, seconds, e);
    else sp_fail(e, STARP_ERR_RUNTIME, "open: the other %d ranks do not connect to %s:%d", world.size - 1, i.host, i.port);
    sp_free(connection);
    return e->status;
}

static starp_status follow(int64_t seconds, struct sp_error *e)
{
    struct invitation i;
    char host[256] = "";
    MPI_Bcast(&i, sizeof i, MPI_BYTE, 0, MPI_COMM_WORLD);
    gethostname(host, sizeof host - 1);
    int fd = connect_to(strcmp(host, i.host) == 0 ? "127.0.0.1" : i.host, i.port);
    struct greeting g = { .secret = i.secret, .rank = world.rank };
    if (fd >= 0 && send(fd, &g, sizeof g, MSG_NOSIGNAL) == sizeof g) return sp_control_start(&fd, seconds, e);
    return sp_fail(e, STARP_ERR_RUNTIME, "open: rank %d cannot connect to rank 0 at %s:%d", world.rank, i.host, i.port);
}

/* -------------------------------------------------------------------------------------------------------- leaving */

/* Rank 0 goes, and the others may, too; nothing is computed from here on. False when it has gone before, or not all of the
   others can be told: MPI would wait for the dead for ever. */
static bool part(void)
{
    if (world.left) return false;
    world.left = true;
    bool told = sp_control_dismiss();
    sp_comm_stop();
    sp_world_give_up(0, "it has left the job");
    return told;
}

static void at_exit(void)
{
    if (part() && world.own) MPI_Finalize();
}

/* A job of one process: whoever wants to may use MPI until then, as on several ranks. */
static void finalize_alone(void)
{
    int finalized;
    MPI_Finalized(&finalized);
    if (!finalized) MPI_Finalize();
}

/* Called at the beginning of MPI_Finalize, which would wait for the others: they must be told first. */
static int at_finalize(MPI_Comm self, int key, void *value, void *extra)
{
    (void)self, (void)key, (void)value, (void)extra;
    part();
    return MPI_SUCCESS;
}

/* The program may finalize MPI before the process ends: what hangs on this communicator goes first then. */
static void watch_finalize(void)
{
    int key;
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, at_finalize, &key, NULL);
    MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL);
    MPI_Comm_free_keyval(&key);
    atexit(at_exit);
}

void sp_world_end(bool orderly)
{
    sp_comm_stop();
    if (orderly) {
        MPI_Finalize();
        exit(0);
    }
    _exit(1);
}

/* -------------------------------------------------------------------------------------------------------- joining */

/* The ranks of this machine find each other, and the memory they share. */
static void find_local(void)
{
    MPI_Comm local;
    struct sp_near_place own, *all;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, world.rank, MPI_INFO_NULL, &local);
    MPI_Comm_rank(local, &world.local_rank);
    MPI_Comm_size(local, &world.local_size);
    all = sp_malloc((size_t)world.local_size * sizeof *all);
    int there = all != NULL, seen;
    MPI_Allreduce(MPI_IN_PLACE, &there, 1, MPI_INT, MPI_MIN, local);
    if (there) {
        sp_near_make(world.local_size, world.local_rank, world.rank, ((uint64_t)getpid() << 32) ^ (uint64_t)now.tv_nsec, &own);
        MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, local);
        seen = sp_near_map(all);
        MPI_Allreduce(MPI_IN_PLACE, &seen, 1, MPI_INT, MPI_MIN, local);
        sp_near_settle(seen);
    }
    sp_free(all);
    MPI_Comm_free(&local);
}

static starp_status join(const struct sp_options *o, struct sp_error *e)
{
    int initialized, finalized, level;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (!sp_options_launched() && (!initialized || finalized)) return STARP_OK;
    if (finalized) return sp_fail(e, STARP_ERR_RUNTIME, "open: the program has finalized MPI");
    world.own = !initialized;
    setenv("OMPI_MCA_btl_vader_eager_limit", "32768", 0); /* halos go without a handshake, which would wait for this thread */
    if (world.own) MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level);
    else MPI_Query_thread(&level);
    MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world.size);
    if (world.size == 1) {
        if (world.own) atexit(finalize_alone);
        return STARP_OK;
    }
    if (level < MPI_THREAD_MULTIPLE) {
        return sp_fail(e, STARP_ERR_RUNTIME, "open: MPI was not initialized for several threads: call MPI_Init_thread with "
                                             "MPI_THREAD_MULTIPLE instead of MPI_Init");
    }
    find_local();
    SP_TRY(world.rank == 0 ? invite(SP_OPTION(o, timeout), e) : follow(SP_OPTION(o, timeout), e));
    SP_TRY(sp_comm_start(e));
    if (world.rank == 0) watch_finalize();
    return STARP_OK;
}

starp_status sp_world_join(const struct sp_options *o, struct sp_error *e)
{
    pthread_mutex_lock(&world.lock);
    starp_status status = world.joined ? STARP_OK : join(o, e);
    world.joined = true;
    if (status != STARP_OK) sp_world_give_up(world.rank, e->text);
    pthread_mutex_unlock(&world.lock);
    if (status == STARP_OK && sp_world_lost(e)) return e->status;
    return status;
}
