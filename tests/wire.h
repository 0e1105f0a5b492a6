/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h: graphs that go through frames. A far end takes frames from anywhere, holds what it decodes against what it
 * would encode, plans it, and computes it with the oracle; a wire is an executor that sends everything to a far end and
 * fetches the results. What is broken aborts, so that fuzzers notice.
 */
#ifndef SP_TEST_WIRE_H
#define SP_TEST_WIRE_H

#include "frame.h"
#include "rig.h"

struct far {
    struct rig r; /* on the oracle */
    struct sp_names names;
    struct sp_order order;
    struct sp_plan_cache cache;
    struct sp_plan *plan;   /* of the order */
    struct sp_frame again;  /* the last frame, encoded anew */
    struct sp_error failed; /* of the last computation: operations may fail on their data */
    int64_t most;           /* elements of the largest node that is computed */
    uint64_t evals, built, calls, parts; /* nodes, the latter two of these kinds */
};

void far_open(struct far *f, int64_t most);
/* One frame, whose bytes end at n. Anything but STARP_OK leaves no trace. */
starp_status far_receive(struct far *f, const unsigned char *p, size_t n, struct sp_error *e);
void far_close(struct far *f);
/* Frames one after the other, up to the first bad one, to a far end of their own: how many were good. */
int far_stream(const unsigned char *p, size_t n);
/* Where the frame behind this one begins; n is at least at + SP_FRAME_HEADER. */
size_t far_next(const unsigned char *p, size_t at);
/* Makes a header say that the body has so many bytes. */
void far_resize(unsigned char *header, size_t bytes);

struct wire {
    struct far far;
    bool merge;
    struct sp_order order;
    struct sp_plan_cache cache;
    struct sp_frame frame;
    uint64_t run, *gone;
    size_t ngone;
    int64_t live;                        /* values of this side */
    uint64_t sent, known, dropped, died; /* what has gone through, so that tests know they tested something */
    unsigned char *stream;               /* all frames, one after the other */
    size_t nstream;
};

extern const struct sp_executor_ops wire_ops;
struct wire *wire_open(bool merge);
/* Sends what is left of the forgotten nodes; then the far end must be empty if this side is. */
void wire_flush(struct wire *w);
/* All frames of a random graph: a stream, to be freed, that far_stream takes as a whole. */
unsigned char *wire_record(uint64_t seed, int steps, size_t *n);

#endif
