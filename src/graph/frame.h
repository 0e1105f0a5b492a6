/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame.h: requests and answers of evaluation as bytes: how one program's graph reaches other ranks. A codec and nothing
 * else: it sends nothing, waits for nothing and knows no transport. Bytes that arrive are not trusted: every read is
 * checked against what is there, memory is asked for in proportion to the bytes that are, nodes come from sp_build_like.
 *
 * A frame is a header (magic u32, version u16, kind u16, session u32, length u64) and a body of that length. All integers
 * are little-endian, a shape is u8 n and n times i64, elements and constants are as in memory.
 *
 *   OPEN      options that differ from their standard values: names and values in turn, each ended by a 0
 *   CLOSE, CANCEL, END   nothing
 *   EVAL      u64 run; u32 n and n ids of nodes the sender has forgotten; u32 n and n entries, inputs before their users.
 *             Entry: u8 flags (1 root, 2 dies, 4 new); u64 id; u8 n and n u32, its inputs' places in the order. If new:
 *             u8 kind, u8 dtype, u8 weak, u16 op, u32 reduce_axes, u64 site, shape; of a VIEW u8 n, n i8 axes, n i64
 *             starts, n i64 steps; of an IOTA an i64 start and an i64 step for each axis; of a CONST, a generator or
 *             a CALL SP_PARAM_SIZE bytes; of a ppeval u8 n, its results if there are several, and of each u8 dtype, shape; of a RESHAPE u32 p and u32 q, a grid of ranks or zeros
 *   FUNCTION  u64 number and the bytes that describe it, which are not this codec's
 *   PLUGIN    the same of a shared object that brings functions
 *   PUT       u64 id, u8 dtype, u8 replicated, u64 site, shape, and if replicated its elements in row-major order
 *   GET       u64 id
 *   OUTCOME   u64 run, u8 commit
 *   DONE      u64 run, i32 status, i64 iterations of a good run that have failed, i64 the first of them, u64 site, u16 n and n characters
 *
 * What decodes, encodes to the same bytes again.
 */
#ifndef SP_FRAME_H
#define SP_FRAME_H

#include "graph.h"

/* The low byte is the size of the table of operations, whose numbers are sent: peers with other tables do not match. Raise
   the high one when anything else changes, the order of that table or of another enumeration included. */
#define SP_FRAME_VERSION (3 << 8 | SP_OPS)
#define SP_FRAME_HEADER 20
#define SP_FRAME_MAX (UINT64_C(1) << 30) /* bytes of a body */

enum sp_frame_kind {
    SP_FRAME_OPEN,
    SP_FRAME_CLOSE,
    SP_FRAME_EVAL,
    SP_FRAME_PUT,
    SP_FRAME_GET,
    SP_FRAME_CANCEL,
    SP_FRAME_OUTCOME,
    SP_FRAME_DONE,
    SP_FRAME_END,
    SP_FRAME_FUNCTION,
    SP_FRAME_PLUGIN,
    SP_FRAME_KINDS
};

/* ---------------------------------------------------------------------------------------------------- frame.c */

/* A frame being written, in a buffer that is kept for the next one. Once it has failed, writing does nothing. */
struct sp_frame {
    unsigned char *data;
    size_t n, cap;
    bool failed; /* memory ran out, or what was to be written cannot be sent */
};

void sp_frame_begin(struct sp_frame *f, enum sp_frame_kind kind, uint32_t session);
/* Completes the header. False: memory ran out, or the body is longer than SP_FRAME_MAX. */
bool sp_frame_end(struct sp_frame *f);
void sp_frame_free(struct sp_frame *f);

void sp_frame_u8(struct sp_frame *f, uint8_t v);
void sp_frame_u16(struct sp_frame *f, uint16_t v);
void sp_frame_u32(struct sp_frame *f, uint32_t v);
void sp_frame_u64(struct sp_frame *f, uint64_t v);
void sp_frame_i64(struct sp_frame *f, int64_t v);
void sp_frame_bytes(struct sp_frame *f, const void *p, size_t n);
void sp_frame_shape(struct sp_frame *f, const starp_dims *shape);

/* Bytes being read: a body. A read past the end gives 0 or NULL and sets bad, which stays. */
struct sp_bytes {
    const unsigned char *at, *end;
    bool bad;
};

uint8_t sp_bytes_u8(struct sp_bytes *b);
uint16_t sp_bytes_u16(struct sp_bytes *b);
uint32_t sp_bytes_u32(struct sp_bytes *b);
uint64_t sp_bytes_u64(struct sp_bytes *b);
int64_t sp_bytes_i64(struct sp_bytes *b);
const unsigned char *sp_bytes_take(struct sp_bytes *b, size_t n);
/* At most STARP_MAXDIM extents; they may be negative. */
void sp_bytes_shape(struct sp_bytes *b, starp_dims *shape);
size_t sp_bytes_left(const struct sp_bytes *b);
/* STARP_OK when all has been read and nothing else; else STARP_ERR_FORMAT, naming the kind. */
starp_status sp_bytes_done(const struct sp_bytes *b, enum sp_frame_kind kind, struct sp_error *e);

struct sp_frame_head {
    enum sp_frame_kind kind;
    uint32_t session;
    uint64_t bytes; /* of the body */
};

/* Reads SP_FRAME_HEADER bytes. STARP_ERR_FORMAT: not a frame, of another version, or of a size that its kind does not have. */
starp_status sp_frame_header(const unsigned char *h, struct sp_frame_head *out, struct sp_error *e);

/* ----------------------------------------------------------------------------------------------- frame_body.c */

/* Bodies, written between begin and end; that of a GET is sp_frame_u64. A reader takes the whole body and nothing less. */

struct sp_put {
    uint64_t id;
    starp_dtype dtype;
    starp_dims shape;
    uint64_t site;
    const void *data; /* of a replicated array: its elements; a reader's are in the body, not aligned. Or NULL */
};
void sp_frame_put(struct sp_frame *f, const struct sp_put *x);
/* On success the shape and dtype are those of an array that can be, and data, unless NULL, has all its elements. */
starp_status sp_frame_read_put(struct sp_bytes *b, struct sp_put *x, struct sp_error *e);

struct sp_outcome {
    uint64_t run;
    bool commit;
};
void sp_frame_outcome(struct sp_frame *f, const struct sp_outcome *x);
starp_status sp_frame_read_outcome(struct sp_bytes *b, struct sp_outcome *x, struct sp_error *e);

struct sp_done {
    uint64_t run, site;
    starp_status status;
    int64_t notes, note_index; /* of a run that holds: iterations that have failed, and the first of them, which site and text are of */
    char text[240];
};
void sp_frame_done(struct sp_frame *f, const struct sp_done *x);
starp_status sp_frame_read_done(struct sp_bytes *b, struct sp_done *x, struct sp_error *e);

/* ---------------------------------------------------------------------------------------------- frame_names.c */

/* What the sender calls the nodes that are known here: id to node, each with one reference. Zeros are an empty one. */
struct sp_names {
    struct sp_name *slot;
    size_t n, cap;
};

void sp_names_init(struct sp_names *names);
void sp_names_free(struct sp_names *names, struct sp_graph *g);          /* releases all of them */
struct sp_node *sp_names_get(const struct sp_names *names, uint64_t id); /* borrowed, or NULL */
/* Takes the caller's reference. False, and takes nothing: no memory, or the id is known already. */
bool sp_names_put(struct sp_names *names, uint64_t id, struct sp_node *n);
bool sp_names_drop(struct sp_names *names, struct sp_graph *g, uint64_t id); /* false: not known */

/* ----------------------------------------------------------------------------------------------- frame_eval.c */

/*
 * Writes an order, to be run as `run`, with the nodes nobody knows yet (not shared), and what sp_plan_dying said of it
 * (NULL: nothing dies). A value that is not shared cannot be sent so: STARP_ERR_RUNTIME. Other errors: STARP_ERR_MEMORY,
 * STARP_ERR_ARGUMENT when the frame would be too long.
 */
starp_status sp_frame_eval(struct sp_frame *f, const struct sp_order *o, const bool *dies, uint64_t run,
                           const uint64_t *drops, size_t ndrop, struct sp_error *e);
/* The frame has been sent: the nodes of the order are shared. */
void sp_frame_sent(const struct sp_order *o);
/*
 * Forgets the dropped ids (unknown ones are ignored), builds and names the new nodes, whose ids become the sender's, and
 * fills the order as it was sent, with dies and given. The order borrows its nodes from names. On failure the order is
 * empty and the new nodes are gone; drops stay. STARP_ERR_FORMAT: malformed; STARP_ERR_MEMORY; or the fault of a node that
 * can never be computed here.
 */
starp_status sp_frame_read_eval(struct sp_bytes *b, struct sp_graph *g, struct sp_names *names, struct sp_order *o,
                                uint64_t *run, struct sp_error *e);

/* ----------------------------------------------------------------------------------------------- frame_node.c */

/* What an entry of EVAL says of a new node, beyond its id and inputs. */
void sp_frame_node(struct sp_frame *f, const struct sp_node *n);
/* The node, built on the given inputs: a new reference, or NULL with the error set. */
struct sp_node *sp_frame_read_node(struct sp_bytes *b, struct sp_graph *g, int nin, struct sp_node *const *in,
                                   struct sp_error *e);

#endif
