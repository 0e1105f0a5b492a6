/* SPDX-License-Identifier: BSD-3-Clause */
/* frame_body.c: the bodies of PUT, OUTCOME and DONE. */
#include <string.h>

#include "frame.h"

#define TEXT_MAX (sizeof(((struct sp_done *)0)->text) - 1)

/* A flag is 0 or 1, so that there is one way to write each body. */
static bool take_flag(struct sp_bytes *b)
{
    uint8_t v = sp_bytes_u8(b);
    if (v > 1) b->bad = true;
    return v == 1;
}

/* ---------------------------------------------------------------------------------------------------------- PUT */

/* Bytes of an array's elements; -1 when there cannot be such an array. */
static int64_t array_bytes(const struct sp_put *x)
{
    int64_t size = sp_shape_size(&x->shape), bytes;
    return size < 0 || __builtin_mul_overflow(size, (int64_t)sp_dtypes[x->dtype].size, &bytes) ? -1 : bytes;
}

void sp_frame_put(struct sp_frame *f, const struct sp_put *x)
{
    int64_t bytes = array_bytes(x);
    if (x->data && (bytes < 0 || bytes > (int64_t)SP_FRAME_MAX)) f->failed = true;
    sp_frame_u64(f, x->id);
    sp_frame_u8(f, (uint8_t)x->dtype);
    sp_frame_u8(f, x->data != NULL);
    sp_frame_u64(f, x->site);
    sp_frame_shape(f, &x->shape);
    if (x->data) sp_frame_bytes(f, x->data, (size_t)bytes);
}

starp_status sp_frame_read_put(struct sp_bytes *b, struct sp_put *x, struct sp_error *e)
{
    char text[SP_SHAPE_TEXT];
    *x = (struct sp_put){ .id = sp_bytes_u64(b) };
    unsigned dtype = sp_bytes_u8(b);
    bool replicated = take_flag(b);
    x->site = sp_bytes_u64(b);
    sp_bytes_shape(b, &x->shape);
    if (dtype >= STARP_NDTYPES) return sp_fail(e, STARP_ERR_FORMAT, "PUT frame: there is no dtype %u", dtype);
    x->dtype = (starp_dtype)dtype;
    int64_t bytes = array_bytes(x);
    if (bytes < 0) {
        return sp_fail(e, STARP_ERR_FORMAT, "PUT frame: shape %s is negative or more than 2^63 bytes",
                       sp_shape_text(text, &x->shape));
    }
    if (replicated && (uint64_t)bytes > sp_bytes_left(b)) b->bad = true;
    if (replicated) x->data = sp_bytes_take(b, (size_t)bytes);
    return sp_bytes_done(b, SP_FRAME_PUT, e);
}

/* ------------------------------------------------------------------------------------------------------ answers */

void sp_frame_outcome(struct sp_frame *f, const struct sp_outcome *x)
{
    sp_frame_u64(f, x->run);
    sp_frame_u8(f, x->commit);
}

starp_status sp_frame_read_outcome(struct sp_bytes *b, struct sp_outcome *x, struct sp_error *e)
{
    x->run = sp_bytes_u64(b);
    x->commit = take_flag(b);
    return sp_bytes_done(b, SP_FRAME_OUTCOME, e);
}

void sp_frame_done(struct sp_frame *f, const struct sp_done *x)
{
    size_t n = strnlen(x->text, TEXT_MAX);
    sp_frame_u64(f, x->run);
    sp_frame_u32(f, (uint32_t)x->status);
    sp_frame_i64(f, x->notes);
    sp_frame_i64(f, x->note_index);
    sp_frame_u64(f, x->site);
    sp_frame_u16(f, (uint16_t)n);
    sp_frame_bytes(f, x->text, n);
}

starp_status sp_frame_read_done(struct sp_bytes *b, struct sp_done *x, struct sp_error *e)
{
    *x = (struct sp_done){ .run = sp_bytes_u64(b) };
    uint32_t status = sp_bytes_u32(b);
    x->notes = sp_bytes_i64(b);
    x->note_index = sp_bytes_i64(b);
    x->site = sp_bytes_u64(b);
    size_t n = sp_bytes_u16(b);
    const unsigned char *text = sp_bytes_take(b, n);
    SP_TRY(sp_bytes_done(b, SP_FRAME_DONE, e));
    bool known = status <= STARP_ERR_RUNTIME, is_text = n <= TEXT_MAX && !memchr(text, 0, n);
    if (!known) return sp_fail(e, STARP_ERR_FORMAT, "DONE frame: there is no status %u", (unsigned)status);
    if (x->notes < 0 || x->note_index < 0 || (x->notes > 0 && status != STARP_OK)) return sp_fail(e, STARP_ERR_FORMAT, "DONE frame: not a number of failures");
    if (!is_text) return sp_fail(e, STARP_ERR_FORMAT, "DONE frame: not a text, of %zu bytes", n);
    x->status = (starp_status)status;
    memcpy(x->text, text, n);
    return STARP_OK;
}
