/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.c: writing and reading the primitives of frames, and their header. Integers are taken apart and put together by
 * shifts, which is right on any host and which compilers make single moves of.
 */
#include <string.h>

#include "frame.h"

/* Elements and constants are sent as they lie in memory. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames need a host that is little-endian");
_Static_assert(SP_OPS < 256, "SP_FRAME_VERSION has one byte for the number of operations");

#define MAGIC UINT32_C(0x46505453) /* "STPF" */
#define AT_SIZE 12                 /* where the header has the body's size */

/* ------------------------------------------------------------------------------------------------------- writing */

/* n more bytes, or NULL. */
static unsigned char *more(struct sp_frame *f, size_t n)
{
    if (f->failed) return NULL;
    if (n > f->cap - f->n) {
        size_t cap = f->cap < 256 ? 256 : f->cap;
        while (cap - f->n < n && cap <= SIZE_MAX / 2) cap *= 2;
        unsigned char *data = cap - f->n < n ? NULL : sp_realloc(f->data, cap);
        f->failed = !data;
        if (!data) return NULL;
        f->data = data;
        f->cap = cap;
    }
    f->n += n;
    return f->data + f->n - n;
}

static void put_little(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static void put(struct sp_frame *f, uint64_t v, int bytes)
{
    unsigned char *p = more(f, (size_t)bytes);
    if (p) put_little(p, v, bytes);
}

void sp_frame_u8(struct sp_frame *f, uint8_t v)
{
    put(f, v, 1);
}

void sp_frame_u16(struct sp_frame *f, uint16_t v)
{
    put(f, v, 2);
}

void sp_frame_u32(struct sp_frame *f, uint32_t v)
{
    put(f, v, 4);
}

void sp_frame_u64(struct sp_frame *f, uint64_t v)
{
    put(f, v, 8);
}

void sp_frame_i64(struct sp_frame *f, int64_t v)
{
    put(f, (uint64_t)v, 8);
}

void sp_frame_bytes(struct sp_frame *f, const void *p, size_t n)
{
    unsigned char *to = more(f, n);
    if (to && n > 0) memcpy(to, p, n);
}

void sp_frame_shape(struct sp_frame *f, const starp_dims *shape)
{
    sp_frame_u8(f, (uint8_t)shape->n);
    for (int a = 0; a < shape->n; a++) sp_frame_i64(f, shape->v[a]);
}

/* ------------------------------------------------------------------------------------------------------- reading */

const unsigned char *sp_bytes_take(struct sp_bytes *b, size_t n)
{
    if (b->bad || n > sp_bytes_left(b)) {
        b->bad = true;
        return NULL;
    }
    b->at += n;
    return b->at - n;
}

static uint64_t get_little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static uint64_t take(struct sp_bytes *b, int bytes)
{
    const unsigned char *p = sp_bytes_take(b, (size_t)bytes);
    return p ? get_little(p, bytes) : 0;
}

uint8_t sp_bytes_u8(struct sp_bytes *b)
{
    return (uint8_t)take(b, 1);
}

uint16_t sp_bytes_u16(struct sp_bytes *b)
{
    return (uint16_t)take(b, 2);
}

uint32_t sp_bytes_u32(struct sp_bytes *b)
{
    return (uint32_t)take(b, 4);
}

uint64_t sp_bytes_u64(struct sp_bytes *b)
{
    return take(b, 8);
}

int64_t sp_bytes_i64(struct sp_bytes *b)
{
    return (int64_t)take(b, 8);
}

void sp_bytes_shape(struct sp_bytes *b, starp_dims *shape)
{
    *shape = (starp_dims){ 0 };
    int n = sp_bytes_u8(b);
    if (n > STARP_MAXDIM) b->bad = true;
    for (int a = 0; a < n && !b->bad; a++) shape->v[a] = sp_bytes_i64(b);
    if (!b->bad) shape->n = n;
}

size_t sp_bytes_left(const struct sp_bytes *b)
{
    return (size_t)(b->end - b->at);
}

/* -------------------------------------------------------------------------------------------------------- header */

/* The kinds: their names, and the sizes that their bodies can have. */
static const struct {
    const char *name;
    uint64_t least, most;
} kinds[SP_FRAME_KINDS] = {
    [SP_FRAME_OPEN] = { "OPEN", 0, 65536 },
    [SP_FRAME_CLOSE] = { "CLOSE", 0, 0 },
    [SP_FRAME_EVAL] = { "EVAL", 16, SP_FRAME_MAX },
    [SP_FRAME_PUT] = { "PUT", 19, SP_FRAME_MAX },
    [SP_FRAME_GET] = { "GET", 8, 8 },
    [SP_FRAME_CANCEL] = { "CANCEL", 0, 0 },
    [SP_FRAME_OUTCOME] = { "OUTCOME", 9, 9 },
    [SP_FRAME_DONE] = { "DONE", 38, 38 + sizeof(((struct sp_done *)0)->text) - 1 },
    [SP_FRAME_END] = { "END", 0, 0 },
    [SP_FRAME_FUNCTION] = { "FUNCTION", 8, SP_FRAME_MAX },
    [SP_FRAME_PLUGIN] = { "PLUGIN", 8, SP_FRAME_MAX },
};

starp_status sp_bytes_done(const struct sp_bytes *b, enum sp_frame_kind kind, struct sp_error *e)
{
    if (b->bad) return sp_fail(e, STARP_ERR_FORMAT, "%s frame: it is too short for what it says", kinds[kind].name);
    if (b->at == b->end) return STARP_OK;
    return sp_fail(e, STARP_ERR_FORMAT, "%s frame: %zu bytes too many", kinds[kind].name, sp_bytes_left(b));
}

void sp_frame_begin(struct sp_frame *f, enum sp_frame_kind kind, uint32_t session)
{
    f->n = 0;
    f->failed = false;
    sp_frame_u32(f, MAGIC);
    sp_frame_u16(f, SP_FRAME_VERSION);
    sp_frame_u16(f, (uint16_t)kind);
    sp_frame_u32(f, session);
    sp_frame_u64(f, 0);
}

bool sp_frame_end(struct sp_frame *f)
{
    if (f->failed || f->n - SP_FRAME_HEADER > SP_FRAME_MAX) return false;
    put_little(f->data + AT_SIZE, f->n - SP_FRAME_HEADER, 8);
    return true;
}

void sp_frame_free(struct sp_frame *f)
{
    sp_free(f->data);
    *f = (struct sp_frame){ 0 };
}

starp_status sp_frame_header(const unsigned char *h, struct sp_frame_head *out, struct sp_error *e)
{
    struct sp_bytes b = { h, h + SP_FRAME_HEADER, false };
    uint32_t magic = sp_bytes_u32(&b);
    unsigned version = sp_bytes_u16(&b), kind = sp_bytes_u16(&b);
    uint32_t session = sp_bytes_u32(&b);
    uint64_t bytes = sp_bytes_u64(&b);
    if (magic != MAGIC) return sp_fail(e, STARP_ERR_FORMAT, "not a frame: it begins with 0x%08x", (unsigned)magic);
    if (version != SP_FRAME_VERSION) {
        return sp_fail(e, STARP_ERR_FORMAT, "a frame of version %u.%u; this program has %d.%d", version >> 8,
                       version & 255, SP_FRAME_VERSION >> 8, SP_FRAME_VERSION & 255);
    }
    if (kind >= SP_FRAME_KINDS) return sp_fail(e, STARP_ERR_FORMAT, "there is no frame of kind %u", kind);
    if (bytes < kinds[kind].least || bytes > kinds[kind].most) {
        return sp_fail(e, STARP_ERR_FORMAT, "%s frame: a body of %llu bytes; %llu to %llu are allowed",
                       kinds[kind].name, (unsigned long long)bytes, (unsigned long long)kinds[kind].least,
                       (unsigned long long)kinds[kind].most);
    }
    *out = (struct sp_frame_head){ (enum sp_frame_kind)kind, session, bytes };
    return STARP_OK;
}
