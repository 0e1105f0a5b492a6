/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * strip.c: some columns of a matrix whose rows follow each other in memory, there and back as lines of their own: what FFTs do
 * between memory, where neighbours in a row are neighbours, and caches, where those in a column have to be.
 */
#include <string.h>

#include "codelets.h"

#define AHEAD 8 /* rows asked for before they are needed: too far apart for the hardware to foresee, few enough for a cache set */
#define WIDE 8   /* columns at a time */
#define LINE 64  /* bytes of a cache line */

struct sixteen {
    uint64_t part[2];
};

int64_t sp_strip_count(const struct sp_strip *x, int64_t first, int64_t last)
{
    int64_t n = 0;
    for (int sign = -1; sign <= 1; sign += 2) {
        int64_t end = sign < 0 ? first : last, rest = end % x->row - x->from;
        n += sign * (end / x->row * x->count + (rest < 0 ? 0 : rest < x->count ? rest : x->count));
    }
    return n;
}

/* Element by element: a row that passes from one stretch to another, or has elements apart, or none. */
static void gather_slowly(const struct sp_strip *x, const struct sp_stretch *s, int64_t at, char *to)
{
    for (int64_t b = 0; b < x->count; b++, to += x->pitch * (int64_t)x->item) {
        while (s->last <= at + b) s++;
        if (at + b < s->first) memset(to, 0, x->item);
        else memcpy(to, s->data + (at + b - s->first) * s->stride, x->item);
    }
}

#define GATHER(type) \
    for (int64_t b = 0; b < x->count; b += WIDE, from += WIDE * step, to += WIDE * x->pitch * (int64_t)sizeof(type)) { \
        type *t = (type *)(void *)to; \
        int64_t n = x->count - b; \
        if (n >= WIDE && step == sizeof(type)) { \
            for (int k = 0; k < WIDE; k++) t[k * x->pitch] = ((const type *)(const void *)from)[k]; \
        } else { \
            for (int64_t k = 0; k < n && k < WIDE; k++) t[k * x->pitch] = *(const type *)(const void *)(from + k * step); \
        } \
    }

/* A row's elements, so many bytes apart, each to its line. */
static void turn_row(const struct sp_strip *x, const char *from, int64_t step, char *to)
{
    switch (x->item) {
    case 1: GATHER(uint8_t) break;
    case 2: GATHER(uint16_t) break;
    case 4: GATHER(uint32_t) break;
    case 8: GATHER(uint64_t) break;
    default: GATHER(struct sixteen)
    }
}

/* Memory is asked for the strip's part of row j, as far as it is in one stretch, which is at s or after. */
static void ask_row(const struct sp_strip *x, int64_t j, const struct sp_stretch **s)
{
    int64_t at = j * x->row + x->from;
    while ((*s)->last <= at) ++*s;
    if (at < (*s)->first) return;
    int64_t n = (*s)->last - at < x->count ? (*s)->last - at : x->count, stride = (*s)->stride, size = stride < 0 ? -stride : stride;
    int64_t few = size >= LINE ? 1 : size ? LINE / size : n; /* in a cache line */
    const char *from = (*s)->data + (at - (*s)->first) * stride;
    for (int64_t i = 0; i < n; i += few) __builtin_prefetch(from + i * stride, 0, 2);
}

void sp_strip_ask(const struct sp_strip *x, const struct sp_stretch **at, int64_t first, int64_t last)
{
    for (int64_t j = first; j < last; j++) ask_row(x, j, at);
}

void sp_strip_gather(const struct sp_strip *x, void *lines)
{
    const struct sp_stretch *s = x->stretch, *ahead = s;
    int64_t item = (int64_t)x->item, part = x->rows / x->parts, place = 0, begin = 0;
    for (int64_t j = 0; j < x->rows; j++) {
        int64_t at = j * x->row + x->from;
        char *to = (char *)lines + place * item;
        if ((place += part) >= x->rows) place = ++begin;
        if (j + AHEAD < x->rows) ask_row(x, j + AHEAD, &ahead);
        while (s->last <= at) s++;
        if (at < s->first || at + x->count > s->last) {
            gather_slowly(x, s, at, to);
            continue;
        }
        const char *from = s->data + (at - s->first) * s->stride;
        turn_row(x, from, s->stride, to);
    }
}

/* `n` elements of place k2, from line b on, one after the other. */
static void collect(const struct sp_strip *x, const char *lines, int64_t b, int64_t k, int64_t n, char *to)
{
    const char *from = lines + (b * x->pitch + k) * (int64_t)x->item;
    if (x->item == 16) {
        for (int64_t i = 0; i < n; i++) ((struct sixteen *)(void *)to)[i] = ((const struct sixteen *)(const void *)from)[i * x->pitch];
    } else {
        for (int64_t i = 0; i < n; i++) ((uint64_t *)(void *)to)[i] = ((const uint64_t *)(const void *)from)[i * x->pitch];
    }
}

/* A run of elements into a stretch. */
static void put(const struct sp_strip *x, const struct sp_stretch *s, const char *run, int64_t n, char *to)
{
    int64_t item = (int64_t)x->item;
    if (s->stride != item) {
        for (int64_t i = 0; i < n; i++) memcpy(to + i * s->stride, run + i * item, x->item);
    } else if (x->past) {
        x->kernels->stream(to, run, (size_t)(n * item));
    } else {
        memcpy(to, run, (size_t)(n * item));
    }
}

/* The strip's part of row k in a stretch. */
static void scatter_row(const struct sp_strip *x, const struct sp_stretch *s, const char *lines, int64_t k, char **stream, bool back)
{
    char run[SP_STRIP_WIDTH * 16];
    int64_t item = (int64_t)x->item, at = k * x->row + x->from, lo = at > s->first ? at : s->first;
    int64_t hi = at + x->count < s->last ? at + x->count : s->last, n = hi - lo;
    if (n <= 0) return;
    char *to = s->data ? s->data + (lo - s->first) * s->stride : NULL;
    if (back) {
        put(x, s, *stream, n, to);
        *stream += n * item;
    } else if (!to) {
        collect(x, lines, lo - at, k, n, stream[s->owner]);
        stream[s->owner] += n * item;
    } else if (s->stride != item || x->past) {
        collect(x, lines, lo - at, k, n, run);
        put(x, s, run, n, to);
    } else {
        collect(x, lines, lo - at, k, n, to);
    }
}

static void scatter(const struct sp_strip *x, const char *lines, char **stream, bool back)
{
    for (const struct sp_stretch *s = x->stretch; s->first < INT64_MAX; s++) {
        int64_t k = (s->first - x->from - x->count + 1) / x->row;
        if (back && !s->data) continue;
        for (k = k < 0 ? 0 : k; k < x->rows && k * x->row + x->from < s->last; k++) scatter_row(x, s, lines, k, stream, back);
    }
    if (x->past) x->kernels->fence();
}

void sp_strip_scatter(const struct sp_strip *x, const void *lines, char **stream)
{
    scatter(x, lines, stream, false);
}

void sp_strip_unpack(const struct sp_strip *x, char **stream)
{
    scatter(x, NULL, stream, true);
}

/* ------------------------------------------------------------------------------------------------ rows of windows */

/* Elements of 16 bytes, which no vector of a few of them has to be taken apart for, row by row. */
static void gather_row(const struct sixteen *from, char *to, int64_t pitch, int64_t n)
{
    int64_t b = 0;
    for (; b + WIDE <= n; b += WIDE, from += WIDE, to += WIDE * pitch) {
        for (int k = 0; k < WIDE; k++) *(struct sixteen *)(void *)(to + k * pitch) = from[k];
    }
    for (int64_t k = 0; k < n - b; k++) *(struct sixteen *)(void *)(to + k * pitch) = from[k];
}

void sp_rows_gather(const struct sp_rows *x)
{
    int64_t item = (int64_t)x->item;
    for (int64_t j = 0, n; j < x->rows; j += n) {
        const char *from = x->at + j * x->step;
        n = x->rows - j < AHEAD ? x->rows - j : AHEAD;
        for (int64_t k = AHEAD; k < AHEAD + n; k++) {
            const char *ahead = j + k < x->rows ? from + k * x->step : x->next ? x->next + (j + k - x->rows) * x->step : NULL;
            for (int64_t byte = 0; ahead && byte < x->count * item; byte += 64) __builtin_prefetch(ahead + byte);
        }
        char *to = x->lines + j * item;
        if (item < 16) x->kernels->transpose((size_t)x->count, (size_t)n, to, x->pitch, from, x->step, x->item);
        for (int64_t k = 0; k < n && item == 16; k++) gather_row((const void *)(from + k * x->step), to + k * item, x->pitch, x->count);
    }
}

static void collect_row(const char *from, int64_t pitch, int64_t n, struct sixteen *to)
{
    for (int64_t i = 0; i < n; i++) to[i] = *(const struct sixteen *)(const void *)(from + i * pitch);
}

void sp_rows_scatter(const struct sp_rows *x)
{
    _Alignas(64) char run[WIDE * SP_STRIP_WIDTH * 16];
    int64_t bytes = x->count * (int64_t)x->item;
    for (int64_t j = 0, n; j < x->rows; j += n) {
        n = x->rows - j < WIDE ? x->rows - j : WIDE;
        const char *from = x->lines + j * (int64_t)x->item;
        if (x->item < 16) x->kernels->transpose((size_t)n, (size_t)x->count, run, bytes, from, x->pitch, x->item);
        for (int64_t k = 0; k < n; k++) {
            if (x->item == 16) collect_row(from + k * 16, x->pitch, x->count, (void *)(run + k * bytes));
            if (x->past) x->kernels->stream(x->at + (j + k) * x->step, run + k * bytes, (size_t)bytes);
            else memcpy(x->at + (j + k) * x->step, run + k * bytes, (size_t)bytes);
        }
    }
}
