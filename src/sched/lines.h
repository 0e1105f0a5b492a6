/* SPDX-License-Identifier: BSD-3-Clause */
/* lines.h: a task on many lines along an axis: what lower_lines.c, lines_exchange.c, lower_planes.c and lines_tasks.c share. */
#ifndef SP_LINES_H
#define SP_LINES_H

#include "axis.h"

/* Boxes of a block in tiles of a value, or of several. */
struct sp_boxes {
    int64_t *box;
    struct sp_ref *ref;             /* per box, one of each value */
    void **buffer;                  /* and room for one more */
    int n, nreg, nslot;
};

/* Where the results of a task of the first of two passes are, of lines [first, last). */
struct sp_lines_piece {
    char *data;
    int64_t first, last;
};

/*
 * What lies between two passes over a plane: a piece per task of the first one. Its lines are cut into blocks of as many elements
 * as the second pass has lines in a strip; in a piece come block by block all lines. So what a strip reads of a piece is
 * contiguous, and what is written at a time nearly is.
 */
struct sp_middle {
    int64_t n, length, block, npiece; /* lines of the first pass, elements of each, and of a block */
    size_t item;
    bool past;                        /* the caches */
    struct sp_lines_piece piece[];
};

struct sp_lines_task {
    struct sp_task task;
    struct sp_dft *dft;             /* NULL: zeros are put around */
    const struct sp_program *program; /* makes lines of what is in the boxes; NULL: they are lines */
    const void **constants;
    size_t beside;                  /* where the program's scratch begins */
    struct sp_boxes in, out;
    const struct sp_middle *middle; /* of two passes; or NULL */
    int64_t piece;                  /* that a task of the first pass fills, instead of `out`; -1: of the second, it reads all, not `in` */
    int64_t place;                  /* of its first line in the second pass */
    int ndim, axis, across;         /* across: the axis along which lines are gathered */
    int64_t extent[STARP_MAXDIM];   /* of the block, 1 along the axis */
    int64_t n_in, n_out, first;     /* elements of a line; where the first goes */
    int64_t room_in, room_out;      /* bytes from a line in scratch to the next */
    int64_t chunk;                  /* lines at a time */
    size_t item_in, item_out;
    double scale;
    bool single, stream;
    bool over;                      /* results go one line before what they come from, over what has been transformed */
    bool fill;                      /* lines in scratch have places that nothing is gathered for */
};

/* lines_tasks.c */
int sp_lines_perform(struct sp_task *task, void *scratch);
size_t sp_lines_beside(const struct sp_program *p); /* scratch that a program takes beside the lines */
/* Whether elements of a line follow each other along `axis` in all arrays that a program reads, or are the same. */
bool sp_lines_upright(const struct sp_program *p, const struct sp_ref *ref, int axis);

/* lower_lines.c: one of two passes over a plane, and what its tasks do with what lies between. */
struct sp_lines_pass {
    const struct sp_middle *middle;
    int64_t piece;
    int64_t place;                  /* of the block's first line, in the second pass */
    struct sp_slot *slot;           /* the piece's; or what can be read when all pieces are there */
};
/* Submits the lines of a block, which begins at `lo` and is whole along the axis; pass: NULL if there is only one. */
starp_status sp_lines_submit(struct sp_along *f, const starp_dims *block, const int64_t *lo, const struct sp_lines_pass *pass,
                             struct sp_cuts *in, struct sp_cuts *out);
/* In steps: the boxes of n windows that a block's lines go through, of an array of that shape; extent: of the block, changed along the
   axis; and the task on them, not submitted yet. NULL: no memory, with the error set. */
starp_status sp_lines_cut(struct sp_along *f, const starp_dims *shape, const int64_t *lo, int64_t *extent, const struct sp_window *w, int n,
                          bool write, struct sp_cuts *cuts);
struct sp_task *sp_lines_task(struct sp_along *f, const struct sp_cuts *in, const struct sp_cuts *out, const int64_t *extent,
                              const struct sp_lines_pass *pass);
/* Whether results are so many that they are written past the caches. */
bool sp_lines_past(const struct sp_along *f);
/* As many lines of `bytes` bytes each as are gathered at a time where they lie side by side. */
int64_t sp_lines_strip(int64_t bytes);

#endif
