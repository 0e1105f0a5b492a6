/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pool.c: memory for tiles. Fresh pages cost ten times what reused ones do, so memory is carved from large arenas on
 * huge pages and recycled by size class, the last one freed first; nothing goes back to the system before the session
 * closes. Only the session's own thread calls in here. A slot freed while tasks may still use it waits for the end of
 * the run, unless its next user orders itself by the slot's handle.
 */
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#define ARENA ((size_t)64 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

struct arena {
    struct arena *next;
    void *base;
    size_t bytes;
};

void sp_pool_init(struct sp_pool *p)
{
    *p = (struct sp_pool){ .arena = NULL };
    sp_slab_init(&p->slots, sizeof(struct sp_slot));
}

/* Eight classes per doubling, from 64 bytes on. */
static int class_of(size_t bytes, size_t *size)
{
    if (bytes <= 512) {
        *size = (bytes + 63) & ~(size_t)63;
        if (*size == 0) *size = 64;
        return (int)(*size / 64) - 1;
    }
    int log = 63 - __builtin_clzll(bytes - 1);
    size_t step = (size_t)1 << (log - 3), n = (bytes + step - 1) / step; /* 9 .. 16 */
    *size = n * step;
    return 8 + (log - 9) * 8 + (int)n - 9;
}

static bool new_arena(struct sp_pool *p, size_t bytes)
{
    size_t size = bytes > ARENA / 4 ? (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1) : ARENA;
    struct arena *a = sp_malloc(sizeof *a);
    if (!a) return false;
    void *base = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        sp_free(a);
        return false;
    }
    *a = (struct arena){ p->arenas, base, size + HUGE_PAGE };
    p->arenas = a;
    p->arena = (char *)(((uintptr_t)base + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    p->arena_left = size;
    madvise(p->arena, size, MADV_HUGEPAGE);
    return true;
}

#define TRIM_LEAST ((size_t)64 << 10) /* smaller slots are not worth a system call */

/* Gives the pages of free slots back to the system until `bytes` more can be held within the limit. */
static void trim(struct sp_pool *p, size_t bytes)
{
    for (int c = SP_POOL_CLASSES - 1; c >= 0 && (int64_t)(p->held + bytes) > p->limit; c--) {
        for (struct sp_slot *slot = p->free[c]; slot && (int64_t)(p->held + bytes) > p->limit; slot = slot->next) {
            if (!slot->resident || slot->bytes < TRIM_LEAST) continue;
            madvise(slot->data, slot->bytes, MADV_DONTNEED);
            slot->resident = false;
            p->held -= slot->bytes;
        }
    }
}

/* Counts a slot as held, trimming others for it. */
static void hold(struct sp_pool *p, struct sp_slot *slot)
{
    if (slot->resident) return;
    if (p->limit && (int64_t)(p->held + slot->bytes) > p->limit) trim(p, slot->bytes);
    p->held += slot->bytes;
    slot->resident = true;
}

static void *carve(struct sp_pool *p, size_t bytes)
{
    if (sp_alloc_fails()) return NULL;
    if (bytes > p->arena_left && !new_arena(p, bytes)) return NULL;
    void *at = p->arena;
    p->arena += bytes;
    p->arena_left -= bytes;
    return at;
}

static struct sp_slot *fresh(struct sp_pool *p, int cls, size_t bytes)
{
    struct sp_slot *slot = sp_slab_get(&p->slots);
    if (!slot) return NULL;
    *slot = (struct sp_slot){ .bytes = bytes, .cls = cls, .data = carve(p, bytes) };
    if (slot->data) return slot;
    sp_slab_put(&p->slots, slot);
    return NULL;
}

static struct sp_slot *pop(struct sp_slot **list)
{
    struct sp_slot *slot = *list;
    if (slot) *list = slot->next;
    return slot;
}

struct sp_slot *sp_pool_get(struct sp_pool *p, size_t bytes, bool ordered)
{
    size_t size;
    int cls = class_of(bytes, &size);
    struct sp_slot *slot = ordered ? pop(&p->hot[cls]) : NULL;
    if (!slot) slot = pop(&p->free[cls]);
    if (slot) {
        p->hits++;
    } else {
        slot = fresh(p, cls, size);
        if (!slot) return NULL;
        p->misses++;
    }
    hold(p, slot);
    slot->refs = 1;
    slot->next = NULL;
    p->live += size;
    if (p->live > p->peak) p->peak = p->live;
    return slot;
}

void sp_pool_count(struct sp_pool *p, size_t bytes, size_t held)
{
    if (p->limit && (int64_t)(p->held + held) > p->limit) trim(p, held);
    p->held += held;
    p->live += bytes;
    if (p->live > p->peak) p->peak = p->live;
}

void sp_pool_put(struct sp_pool *p, struct sp_slot *slot, uint64_t run)
{
    if (!slot || --slot->refs > 0) return;
    p->live -= slot->bytes;
    if (slot->cls < 0) return;
    struct sp_slot **list = &p->free[slot->cls];
    if (run && slot->reads == run) list = &p->busy;
    else if (run && slot->writes == run) list = slot->handle ? &p->hot[slot->cls] : &p->busy;
    slot->next = *list;
    *list = slot;
}

static void release_all(struct sp_pool *p, struct sp_slot **list)
{
    for (struct sp_slot *slot = pop(list); slot; slot = pop(list)) {
        slot->next = p->free[slot->cls];
        p->free[slot->cls] = slot;
    }
}

void sp_pool_settle(struct sp_pool *p)
{
    release_all(p, &p->busy);
    for (int c = 0; c < SP_POOL_CLASSES; c++) {
        if (p->hot[c]) release_all(p, &p->hot[c]);
    }
}

void sp_pool_free(struct sp_pool *p)
{
    sp_pool_settle(p);
    for (int c = 0; c < SP_POOL_CLASSES; c++) {
        for (struct sp_slot *slot = p->free[c]; slot; slot = slot->next) {
            if (slot->handle) sp_slot_forget(slot);
        }
    }
    sp_slab_free(&p->slots);
    for (struct arena *a = p->arenas, *next; a; a = next) {
        next = a->next;
        munmap(a->base, a->bytes);
        sp_free(a);
    }
}
