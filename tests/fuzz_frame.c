/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_frame.c: streams of frames, mutated, to a far end (wire.h) that aborts when a property breaks. Mutations know what
 * a frame is: they change bodies and put the headers right, so that most bytes reach their readers.
 *
 * Configure with -DSTARP_FUZZ=ON. By clang this is a libFuzzer target: fuzz_frame [libFuzzer's options]. Otherwise it is a
 * program of its own:
 *
 *   fuzz_frame SECONDS [SEED]
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire.h"

#define SEEDS 64
#define ROOM (64 << 10) /* bytes of a stream */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    far_stream(data, size);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ mutations */

/* A stream of a random graph that fits; the same for the same number. */
static size_t pristine(uint8_t *data, size_t most, uint64_t number)
{
    static struct {
        unsigned char *p;
        size_t n;
    } seeds[SEEDS];
    size_t i = number % SEEDS;
    if (!seeds[i].p) seeds[i].p = wire_record(i + 1, 4 + (int)i % 20, &seeds[i].n);
    if (seeds[i].n > most) return 0;
    memcpy(data, seeds[i].p, seeds[i].n);
    return seeds[i].n;
}

/* Overwrites a number of some size by one that is likely to matter. */
static void overwrite(uint8_t *p, size_t n, uint64_t *random)
{
    static const uint64_t of[] = {
        0,       1,      2,        3,          8,          127,       128,        255,
        1 << 15, 0xffff, 1u << 31, UINT32_MAX, 1ull << 62, INT64_MAX, 1ull << 63, UINT64_MAX
    };
    size_t size = (size_t)1 << rig_below(random, 4);
    uint64_t v = rig_below(random, 4) ? of[rig_below(random, 16)] : rig_random(random) >> rig_below(random, 64);
    if (size > n) return;
    memcpy(p + rig_below(random, (int64_t)(n - size + 1)), &v, size);
}

/* Copies some bytes of the body to elsewhere in it. */
static void repeat(uint8_t *p, size_t n, uint64_t *random)
{
    size_t size = 1 + (size_t)rig_below(random, n < 40 ? (int64_t)n : 40);
    memmove(p + rig_below(random, (int64_t)(n - size + 1)), p + rig_below(random, (int64_t)(n - size + 1)), size);
}

/* Takes bytes out of the body [at, end) of a stream, or puts some in; its new end. */
static size_t resize(uint8_t *data, size_t *size, size_t most, size_t at, size_t end, uint64_t *random)
{
    size_t by = 1 + (size_t)rig_below(random, 12), where = at + (size_t)rig_below(random, (int64_t)(end - at + 1));
    if (rig_below(random, 2) && by <= end - where) {
        memmove(data + where, data + where + by, *size - where - by);
        *size -= by;
        return end - by;
    }
    if (*size + by > most) return end;
    memmove(data + where + by, data + where, *size - where);
    for (size_t k = 0; k < by; k++) data[where + k] = (uint8_t)(rig_below(random, 2) ? 0 : rig_random(random));
    *size += by;
    return end + by;
}

/* Repeats a whole frame, or leaves it out. */
static size_t shuffle(uint8_t *data, size_t size, size_t most, size_t at, size_t end, uint64_t *random)
{
    if (rig_below(random, 2) && size + (end - at) <= most) {
        memmove(data + end, data + at, size - at);
        return size + (end - at);
    }
    memmove(data + at, data + end, size - end);
    return size - (end - at);
}

static size_t mutate_frame(uint8_t *data, size_t size, size_t most, size_t at, size_t end, uint64_t *random)
{
    size_t body = at + SP_FRAME_HEADER;
    int64_t what = rig_below(random, 20);
    if (what == 0) return shuffle(data, size, most, at, end, random);
    if (what == 1) {
        data[at + (size_t)rig_below(random, SP_FRAME_HEADER)] ^= (uint8_t)(1 << rig_below(random, 8));
    } else if (what < 5) {
        end = resize(data, &size, most, body, end, random);
        far_resize(data + at, end - body);
    } else if (end > body) {
        if (what < 10) overwrite(data + body, end - body, random);
        else if (what < 12) repeat(data + body, end - body, random);
        else data[body + (size_t)rig_below(random, (int64_t)(end - body))] ^= (uint8_t)(1 << rig_below(random, 8));
    }
    return size;
}

/* Where frame i begins and ends; false when the stream is out of joint there. */
static bool frame_at(const uint8_t *data, size_t size, size_t i, size_t *at, size_t *end)
{
    *at = 0;
    for (;; i--) {
        if (size - *at < SP_FRAME_HEADER) return false;
        *end = far_next(data, *at);
        if (*end < *at + SP_FRAME_HEADER || *end > size) return false; /* a length may wrap around */
        if (i == 0) return true;
        *at = *end;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    uint64_t random = seed;
    size_t at, end, i = (size_t)rig_below(&random, 12);
    if (size < SP_FRAME_HEADER || rig_below(&random, 1000) == 0) return pristine(data, most, rig_random(&random));
    while (i > 0 && !frame_at(data, size, i, &at, &end)) i /= 2;
    if (!frame_at(data, size, i, &at, &end)) return pristine(data, most, rig_random(&random));
    for (int64_t n = 1 + rig_below(&random, 3); n > 0 && frame_at(data, size, i, &at, &end); n--) {
        size = mutate_frame(data, size, most, at, end, &random);
    }
    return size;
}

/* ------------------------------------------------------------------------------------------------ without libFuzzer */

#ifndef FUZZ_LIBFUZZER
/* A few mutations on top of each other, then afresh: without coverage there is nothing to steer by. */
int main(int argc, char **argv)
{
    static uint8_t data[ROOM];
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 10;
    uint64_t random = argc > 2 ? strtoull(argv[2], NULL, 0) : 1, runs = 0, frames = 0;
    time_t end = time(NULL) + (time_t)seconds;
    while (time(NULL) < end) {
        size_t size = pristine(data, sizeof data, rig_random(&random));
        for (int64_t depth = rig_below(&random, 8); depth >= 0 && size > 0; depth--) {
            size = LLVMFuzzerCustomMutator(data, size, sizeof data, (unsigned)rig_random(&random));
            frames += (uint64_t)far_stream(data, size);
            runs++;
        }
    }
    printf("%llu streams, %llu good frames\n", (unsigned long long)runs, (unsigned long long)frames);
    return 0;
}
#endif
