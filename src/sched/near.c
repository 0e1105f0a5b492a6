/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * near.c: messages between ranks of one machine lie in memory that both see: the sender writes them there, the receiver reads
 * them there, and only a word travels, which says that they are ready. Every ordered pair of ranks has a channel, from which both
 * sides take the messages of a run in their common order, so both know from the plan where one will be. A run begins after all
 * ranks have ended the one before, and finds the channels empty. Small messages, and what finds no room, travel by MPI.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine.h"

#define LINE ((size_t)64) /* messages begin on cache lines; the first one has the proof */
#define PART 18           /* what is less than so many times half a channel is sooner copied than shared: 4 KiB of the usual ones */
#define NEAR_CLASS (-1)   /* of a slot that is no pool's */

/* The job's: this rank's channels to others, and theirs to this one. By rank among those of the machine. */
static struct {
    int fd, ranks, local;
    int64_t bytes; /* of a channel */
    char *own;
    char **peer;
    int *rank;     /* in the job */
    atomic_bool taken;
} near = { .fd = -1 };

/* One direction between this rank and another, in a session. */
struct channel {
    char *base; /* NULL: none */
    size_t used, most;
    struct sp_slot **slot; /* those of the last runs, whose handles may be good for the next */
    int n, cap;
};

struct sp_near {
    size_t bytes;
    struct channel *out, *in; /* per rank of the job */
};

/* ------------------------------------------------------------------------------------------------------- the job */

static size_t own_bytes(void)
{
    return (size_t)(near.bytes * near.ranks);
}

/* Whether a file may be as long: one that grows beyond the process's limit ends the process. */
static bool is_allowed(size_t bytes)
{
    struct rlimit most;
    return getrlimit(RLIMIT_FSIZE, &most) == 0 && (most.rlim_cur == RLIM_INFINITY || bytes <= most.rlim_cur);
}

void sp_near_make(int ranks, int local, int rank, uint64_t proof, struct sp_near_place *place)
{
    int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    near.ranks = ranks;
    near.local = local;
    near.bytes = machine / 4 / ranks / ranks >> 21 << 21;
    *place = (struct sp_near_place){ .fd = -1, .rank = rank, .pid = getpid(), .bytes = near.bytes, .proof = proof };
    near.fd = ranks > 1 && near.bytes > 0 && is_allowed(own_bytes()) ? memfd_create("starp", MFD_CLOEXEC) : -1;
    if (near.fd < 0 || ftruncate(near.fd, (off_t)own_bytes()) != 0) return;
    near.own = mmap(NULL, own_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, near.fd, 0);
    if (near.own == MAP_FAILED) near.own = NULL;
    for (int r = 0; r < ranks && near.own; r++) memcpy(near.own + r * near.bytes, &place->proof, sizeof place->proof);
    if (near.own) place->fd = near.fd;
}

/* A peer's channel to this rank; NULL when it cannot be seen, or is something else: pids may be those of another container. */
static char *map_channel(const struct sp_near_place *peer)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", peer->pid, peer->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* whatever it is */
    if (fd < 0) return NULL;
    bool whole = lseek(fd, 0, SEEK_END) == peer->bytes * near.ranks;
    char *base = whole ? mmap(NULL, (size_t)near.bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, near.local * peer->bytes) : MAP_FAILED;
    close(fd);
    if (base == MAP_FAILED) return NULL;
    if (memcmp(base, &peer->proof, sizeof peer->proof) == 0) return base;
    munmap(base, (size_t)near.bytes);
    return NULL;
}

bool sp_near_map(const struct sp_near_place *place)
{
    near.peer = sp_calloc((size_t)near.ranks, sizeof *near.peer);
    near.rank = sp_calloc((size_t)near.ranks, sizeof *near.rank);
    if (!near.own || !near.peer || !near.rank) return false;
    for (int r = 0; r < near.ranks; r++) {
        near.rank[r] = place[r].rank;
        if (r != near.local && (place[r].bytes != near.bytes || place[r].fd < 0 || !(near.peer[r] = map_channel(&place[r])))) return false;
    }
    return true;
}

void sp_near_settle(bool all)
{
    if (near.fd >= 0) close(near.fd);
    near.fd = -1;
    if (all) return;
    for (int r = 0; near.peer && r < near.ranks; r++) {
        if (near.peer[r]) munmap(near.peer[r], (size_t)near.bytes);
    }
    if (near.own) munmap(near.own, own_bytes());
    sp_free(near.peer);
    sp_free(near.rank);
    near.own = NULL;
    near.peer = NULL;
    near.rank = NULL;
}

/* ---------------------------------------------------------------------------------------------------- a session */

/* The channels are one session's at a time. Rank 0 decides, and the others hear of it with the options. */
static void choose(struct sp_sched *s)
{
    if (s->rank > 0 || s->ranks == 1) return;
    s->shares = !atomic_exchange(&near.taken, true);
    if (!s->shares) s->options.at[SP_OPTION_shared].value = 0;
}

starp_status sp_near_open(struct sp_sched *s, struct sp_error *e)
{
    choose(s);
    int64_t bytes = SP_OPTION(&s->options, shared);
    if (bytes == 0 || !near.own) return STARP_OK;
    struct sp_near *x = sp_calloc(1, sizeof *x + 2 * (size_t)s->ranks * sizeof(struct channel));
    if (!x) return sp_fail_memory(e);
    x->bytes = (size_t)(bytes < near.bytes ? bytes : near.bytes);
    x->out = (struct channel *)(x + 1);
    x->in = x->out + s->ranks;
    for (int r = 0; r < near.ranks; r++) {
        if (r == near.local) continue;
        x->out[near.rank[r]].base = near.own + r * near.bytes;
        x->in[near.rank[r]].base = near.peer[r];
    }
    s->near = x;
    sp_near_begin(s);
    return STARP_OK;
}

/* What has been lent goes back to the system: no run is under way, and none begins before all ranks have closed this session. */
void sp_near_close(struct sp_sched *s)
{
    if (s->near) madvise(near.own, own_bytes(), MADV_REMOVE);
    for (int k = 0; s->near && k < 2 * s->ranks; k++) {
        struct channel *c = &s->near->out[k];
        for (int i = 0; i < c->cap; i++) {
            if (c->slot[i] && c->slot[i]->handle) sp_slot_forget(c->slot[i]);
            sp_free(c->slot[i]);
        }
        sp_free(c->slot);
    }
    sp_free(s->near);
    s->near = NULL;
    if (s->shares) atomic_store(&near.taken, false);
    s->shares = false;
}

void sp_near_begin(struct sp_sched *s)
{
    for (int k = 0; s->near && k < 2 * s->ranks; k++) {
        s->near->out[k].used = LINE;
        s->near->out[k].n = 0;
    }
}

static bool has_room(struct channel *c)
{
    if (c->n < c->cap) return true;
    int cap = c->cap ? 2 * c->cap : 64;
    struct sp_slot **more = sp_realloc(c->slot, (size_t)cap * sizeof *more);
    if (!more) return false;
    memset(more + c->cap, 0, (size_t)(cap - c->cap) * sizeof *more);
    c->slot = more;
    c->cap = cap;
    return true;
}

/* A handle is of one place and size. */
static void place_slot(struct sp_slot *slot, void *data, size_t bytes)
{
    if (slot->handle && (slot->data != data || slot->bytes != bytes)) sp_slot_forget(slot);
    slot->data = data;
    slot->bytes = bytes;
    slot->cls = NEAR_CLASS;
    slot->refs = 1;
}

starp_status sp_near_slot(struct sp_sched *s, size_t bytes, int peer, bool receive, struct sp_slot **slot, struct sp_error *e)
{
    struct channel *c = s->near ? &(receive ? s->near->in : s->near->out)[peer] : NULL;
    size_t size = (bytes + LINE - 1) / LINE * LINE;
    *slot = NULL;
    if (!c || !c->base || bytes < s->near->bytes >> PART || sp_message_count(s, bytes) > 1 || c->used + size > s->near->bytes) return STARP_OK;
    if (!has_room(c)) return sp_fail_memory(e);
    if (!c->slot[c->n] && !(c->slot[c->n] = sp_calloc(1, sizeof **slot))) return sp_fail_memory(e);
    *slot = c->slot[c->n++];
    place_slot(*slot, c->base + c->used, size);
    c->used += size;
    size_t more = receive || c->used <= c->most ? 0 : c->used - c->most;
    c->most += more;
    sp_pool_count(&s->pool, size, more);
    return STARP_OK;
}

bool sp_near_has(const struct sp_slot *slot)
{
    return slot->cls == NEAR_CLASS;
}
