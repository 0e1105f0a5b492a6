/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alloc.c: every allocation of the library that does not come from the tile pool. A counter lets tests make the n-th
 * allocation fail; it costs one relaxed load when it is off.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

#define CHUNK_OBJECTS 64

static atomic_uint_fast64_t fail_at;

void sp_alloc_fail_at(uint64_t n)
{
    atomic_store(&fail_at, n);
}

bool sp_alloc_fails(void)
{
    if (atomic_load_explicit(&fail_at, memory_order_relaxed) == 0) return false;
    return atomic_fetch_sub(&fail_at, 1) == 1;
}

void *sp_malloc(size_t bytes)
{
    return sp_alloc_fails() ? NULL : malloc(bytes ? bytes : 1);
}

void *sp_calloc(size_t count, size_t size)
{
    return sp_alloc_fails() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *sp_realloc(void *p, size_t bytes)
{
    return sp_alloc_fails() ? NULL : realloc(p, bytes ? bytes : 1);
}

void *sp_aligned(size_t align, size_t bytes)
{
    return sp_alloc_fails() ? NULL : aligned_alloc(align, (bytes + align - 1) / align * align);
}

void sp_free(void *p)
{
    free(p);
}

/* -------------------------------------------------------------------------------------------------------- slab */

void sp_slab_init(struct sp_slab *slab, size_t size)
{
    *slab = (struct sp_slab){ .size = (size + 15) & ~(size_t)15 };
}

/* A chunk: a link to the next one, padded to 16 bytes, then the objects. */
static bool slab_grow(struct sp_slab *slab)
{
    char *chunk = sp_aligned(16, 16 + CHUNK_OBJECTS * slab->size);
    if (!chunk) return false;
    memset(chunk, 0, 16 + CHUNK_OBJECTS * slab->size);
    *(void **)chunk = slab->chunks;
    slab->chunks = chunk;
    for (int i = CHUNK_OBJECTS - 1; i >= 0; i--) sp_slab_put(slab, chunk + 16 + (size_t)i * slab->size);
    return true;
}

void *sp_slab_get(struct sp_slab *slab)
{
    if (!slab->free && !slab_grow(slab)) return NULL;
    void *object = slab->free;
    slab->free = *(void **)object;
    return object;
}

void sp_slab_put(struct sp_slab *slab, void *object)
{
    *(void **)object = slab->free;
    slab->free = object;
}

void sp_slab_free(struct sp_slab *slab)
{
    while (slab->chunks) {
        void *next = *(void **)slab->chunks;
        sp_free(slab->chunks);
        slab->chunks = next;
    }
    slab->free = NULL;
}
