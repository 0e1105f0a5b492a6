/* SPDX-License-Identifier: BSD-3-Clause */
/* call.h: what the files that lower operations on whole arrays share: lower_call.c and those that it hands over to. */
#ifndef SP_CALL_H
#define SP_CALL_H

#include "engine.h"

/* ---------------------------------------------------------------------------------------------- lower_call.c, matrix.c */

/*
 * A matrix, or a stack of them, as LAPACK sees it: cut into tiles, each column-major. Its value has the axes batch, columns,
 * rows; tiles are whole columns, or pieces of them, of one matrix, or whole matrices of a stack.
 */
struct sp_matrix {
    struct sp_value *value;
    starp_dtype dtype;
    int64_t rows, cols;             /* without padding */
    int64_t tile_rows, tile_cols;   /* of all but the last tiles */
    int64_t nrow, ncol, nbatch;     /* tiles */
};

/* Where ranks have the tiles of a matrix. */
enum sp_dealt { SP_DEALT_COLUMNS, SP_DEALT_ROWS, SP_DEALT_NOT };

/* An operation on whole arrays being lowered. */
struct sp_calling {
    struct sp_run *run;
    const struct sp_step *step;
    const struct sp_node *node;
    const void **constants;         /* of the step's program, if it has one */
    const struct sp_dense *dense;   /* of the first operand's dtype */
    struct sp_error *e;
    starp_dims batch, stack;        /* stack: how many matrices of the batch are in a tile, per axis */
    int64_t extent[SP_MAXIN][2];    /* rows and columns of the operands */
    int32_t deal;                   /* columns of tiles that go to one rank together */
    bool at_once;                   /* small: on the caller's thread, and on every rank */
    atomic_bool *spoiled;           /* a panel never came: block columns here hold anything */
    int nheld;
    struct sp_value *held[16];      /* working values, freed at the end */
};

/* Gives one rank the tile columns, of so many columns, that are one in the usual tiling of m x n. */
void sp_call_deal(struct sp_calling *c, int64_t m, int64_t n, int64_t tile_cols);
/* Chooses how many matrices of so many elements are in a tile; with one: matrices that are cut. */
void sp_call_stack(struct sp_calling *c, int64_t elements);
/* A task of the call, `bytes` long, with room for its dependencies; NULL: no memory. */
void *sp_call_task(const struct sp_calling *c, size_t bytes, int ndep, const char *name, int (*perform)(struct sp_task *, void *));
starp_status sp_call_submit(const struct sp_calling *c, struct sp_task *task);
/* The task reads (1), writes (2) or changes (3) a tile. */
void sp_call_depend(const struct sp_calling *c, struct sp_task *task, struct sp_slot *slot, uint8_t mode);
/* A matrix without contents; its memory goes with the call. */
starp_status sp_matrix_new(struct sp_calling *c, struct sp_matrix *m, starp_dtype dtype, int64_t rows, int64_t cols, int64_t tile_rows,
                           int64_t tile_cols, enum sp_dealt dealt);
/* The tile at a place, its owner, its elements here, and its leading dimension. */
int64_t sp_matrix_tile(const struct sp_matrix *m, int64_t batch, int64_t row, int64_t col);
int sp_matrix_owner(const struct sp_matrix *m, int64_t tile);
int64_t sp_matrix_ld(const struct sp_matrix *m, int64_t row);
/* Rows, or columns, of the tiles at a place. */
int64_t sp_matrix_tile_rows(const struct sp_matrix *m, int64_t row);
int64_t sp_matrix_tile_cols(const struct sp_matrix *m, int64_t col);
int64_t sp_matrix_stack(const struct sp_matrix *m, int64_t tile); /* matrices in it */
/* How a matrix holds an operand or result. */
enum sp_turn { SP_AS_IT_IS, SP_ADJOINT, SP_TRANSPOSED };
/* Fills a matrix with an operand of the call; makes a result of the call of a matrix. */
starp_status sp_matrix_load(struct sp_calling *c, struct sp_matrix *m, int operand, enum sp_turn turned);
starp_status sp_matrix_store(struct sp_calling *c, const struct sp_matrix *m, int part, enum sp_turn turned);
/* The value of result `part`, made without tiles if there is none yet, in order; NULL: no memory. */
struct sp_value *sp_call_result(struct sp_calling *c, int part);
/* panel.c: some rows of a block column, maybe none, as tasks on every rank read them, and bytes that go with it. */
struct sp_panel {
    bool mine, everywhere, made;    /* made: by a task, which may fail */
    struct sp_slot *slab, *extra;   /* extra: on the owner; to others it comes with the column */
    int64_t row, rows, cols, ld;    /* row: the first */
    char *data;                     /* its element there */
    size_t bytes;
    void *with;                     /* that many */
    uint64_t mark, *marked;         /* when that says this, it has been made */
};
/*
 * The panel's place; row, rows, bytes and made are set. Then, where it is mine, the task that makes it is submitted; then it is
 * sent. What a failing run never made arrives all the same: readers ask sp_panel_is_good, and spoil what they would have changed.
 */
starp_status sp_panel_begin(struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col, struct sp_panel *p);
starp_status sp_panel_send(struct sp_calling *c, const struct sp_matrix *m, const struct sp_panel *p);
void sp_panel_read(const struct sp_calling *c, struct sp_task *task, const struct sp_panel *p);
void sp_panel_end(struct sp_calling *c, struct sp_panel *p);

/* A task on a block column: what the algorithms have in common. */
struct sp_column_task {
    struct sp_task task;
    const struct sp_dense *dense;
    const struct sp_panel *panel;   /* kept by the run */
    int64_t batch, nbatch;          /* which matrix of how many */
    int64_t row, rows, cols;        /* the column from `row` on: so many rows and columns */
    int64_t width, listed;          /* columns of the panel that count, and all of them */
    char *column;                   /* its element at `row` */
    int64_t ld;
    int option;
    const struct sp_tournament *tournament; /* that has made a panel of LU but for its end; NULL: none */
    atomic_bool *spoiled;           /* the call's columns, on this rank */
};
/* Whether the task's panel is what it should be, or else nothing is any more; the panel is good from now on. */
bool sp_panel_is_good(struct sp_column_task *t);
void sp_panel_done(const struct sp_column_task *t);
bool sp_columns_are_good(const struct sp_column_task *t);
/* Changes block column `col` of m from `row` on; the columns to come first go first. NULL: no memory, with the error set. */
struct sp_column_task *sp_column_task(struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col, int64_t row,
                                      const char *name, int (*perform)(struct sp_task *, void *));
bool sp_column_is_mine(const struct sp_calling *c, const struct sp_matrix *m, int64_t batch, int64_t col);
/* An operand in whole block columns, as factorizations want it. */
starp_status sp_matrix_columns(struct sp_calling *c, struct sp_matrix *m, int operand, int64_t width, bool adjoint);

/*
 * lower_stack.c: a batch of matrices that are not cut, as tasks see them that work on a few of them each. An operand is read
 * where it is, and a result written where it will be, if no tile's end and no rank's comes between the matrices of a block;
 * through a copy otherwise.
 */
struct sp_stacked {
    struct sp_window window;        /* the value, seen by batch, row and column */
    struct sp_matrix copy;          /* used if it has a value */
    int64_t rows, cols;
    bool by_rows;                   /* LAPACK's matrix is row-major, which is the transpose */
    bool shared;                    /* several tasks write to a tile */
};
struct sp_stack {
    const struct sp_whole *job;     /* what is done to each matrix */
    int nin, nout, over;            /* over: the result that takes the last operand's place, or -1 */
    struct sp_stacked part[2 + SP_MAX_RESULTS]; /* operands, then results */
    starp_dims grid, piece;         /* blocks of the batch; matrices, per axis, of a task */
    struct sp_map map;              /* who works on which block */
    struct sp_cuts cuts;
};
/* A task's view of a part: its first matrix, and bytes from one to the next along the axes of the batch, rows and columns. */
struct sp_place {
    char *at;
    int64_t stride[STARP_MAXDIM];
};
starp_status sp_stack_begin(struct sp_calling *c, struct sp_stack *s, const struct sp_whole *job);
/* Submits a task for all pieces of all blocks that are this rank's, in order. */
typedef starp_status sp_stack_fn(struct sp_calling *c, struct sp_stack *s, const int64_t *lo, const int64_t *extent);
starp_status sp_stack_each(struct sp_calling *c, struct sp_stack *s, sp_stack_fn *submit);
/* Where the matrices [lo, lo + extent) of a part lie; the task depends on it. */
starp_status sp_stack_place(struct sp_calling *c, struct sp_stack *s, int part, const int64_t *lo, const int64_t *extent,
                            struct sp_task *task, struct sp_place *place);
/* After the last task: results become complete. Then what was needed meanwhile goes. */
starp_status sp_stack_store(struct sp_calling *c, struct sp_stack *s);
void sp_stack_end(struct sp_stack *s);
starp_status sp_lower_matmul(struct sp_calling *c);
starp_status sp_lower_lu(struct sp_calling *c);
starp_status sp_lower_solve(struct sp_calling *c);
/*
 * lower_lu.c, in steps: the operands of a solve as it wants them; a x = b of one matrix of the batch, in place, as sp_lower_solve
 * does it; and factors in place of a, kept for any number of right-hand sides, where a singular a gives what is not finite.
 */
struct sp_lu;
starp_status sp_lu_load(struct sp_calling *c, struct sp_matrix *a, struct sp_matrix *b);
starp_status sp_lu_solve(struct sp_calling *c, const struct sp_matrix *a, const struct sp_matrix *b, int64_t batch);
starp_status sp_lu_keep(struct sp_calling *c, const struct sp_matrix *a, int64_t batch, struct sp_lu **lu);
starp_status sp_lu_apply(struct sp_lu *lu, const struct sp_matrix *b);
void sp_lu_drop(struct sp_lu *lu); /* NULL: none */
/* lower_mixed.c: the same solve, factored in half the precision, refined in the whole. */
bool sp_mixed_applies(const struct sp_calling *c);
starp_status sp_lower_mixed(struct sp_calling *c);
/* Solves in place with a triangular matrix, given as panels of rows from 0. */
starp_status sp_substitute(struct sp_calling *c, const struct sp_panel *panel, int64_t npanel, const struct sp_matrix *b, int64_t batch,
                           bool lower, bool unit);
/* The panels of a matrix whose block columns are there, sent to every rank: kept by the run. */
starp_status sp_all_panels(struct sp_calling *c, const struct sp_matrix *a, int64_t batch, struct sp_panel **panel);
/* lower_tournament.c: blocks of rows that a panel is cut into, of so many columns where panels have `width`; one: no tournament. */
int64_t sp_tournament_blocks(int64_t width, int64_t rows, int64_t cols);
/* Submits what factors the panel in block column `col`, but for the task that ends it, which calls the second: LAPACK's info. */
starp_status sp_tournament(struct sp_calling *c, const struct sp_matrix *m, int64_t col, struct sp_column_task *last);
int sp_tournament_end(const struct sp_tournament *t);
starp_status sp_lower_triangular(struct sp_calling *c);
/* lower_lu_solve.c: b = (l u)^-1 of b's rows in an order. */
starp_status sp_lower_lu_solve(struct sp_calling *c);
starp_status sp_lower_cholesky(struct sp_calling *c);
starp_status sp_lower_qr(struct sp_calling *c);
starp_status sp_lower_whole(struct sp_calling *c);
starp_status sp_lower_along(struct sp_calling *c); /* lower_fft.c: operations along an axis */
starp_status sp_lower_ppeval(struct sp_calling *c); /* lower_ppeval.c: functions on slices; lower_ragged.c: what they leave */
starp_status sp_lower_items(struct sp_calling *c);
/* Fails the run with what LAPACK says of matrix `matrix` of `all`. */
void sp_whole_report(struct sp_task *task, enum sp_call call, int info, int64_t matrix, int64_t all);
starp_status sp_lower_spectral(struct sp_calling *c);

/* dealing.c: parts of some work, dealt over the ranks in rounds by what they are found to cost. */
#define SP_ROUNDS 8
struct sp_dealing {
    struct sp_calling *c;
    int64_t n, dealt;               /* parts, in all and so far */
    int round;                      /* of those begun */
    int32_t *owner;                 /* of each part that is dealt; kept by the run */
    double *load;                   /* of each rank: seconds, in the rounds that are known */
    int64_t *given;                 /* parts of each rank in each round */
    struct sp_slot **report;
    bool heard[SP_ROUNDS];
    atomic_uint_fast64_t busy[SP_ROUNDS]; /* nanoseconds that this rank's workers have had so far: tasks add theirs */
};
/* d stays where it is while the run lasts. */
starp_status sp_dealing_begin(struct sp_calling *c, struct sp_dealing *d, int64_t n);
/* The next round: parts [from, to), whose owners are set; may wait. False: there is none. */
bool sp_dealing_next(struct sp_dealing *d, int64_t *from, int64_t *to);
/* After the round's tasks have been submitted: n slots that this rank's are done with when they can be read. */
starp_status sp_dealing_end_round(struct sp_dealing *d, struct sp_slot *const *slot, int64_t n);

/* team.c: workers that help a task; lives as long as the run. */
struct sp_team;
struct sp_team *sp_team_new(struct sp_calling *c); /* NULL: no memory, with the error set */
/* In the task that leads. */
struct sp_share sp_team_open(struct sp_team *t);
void sp_team_close(struct sp_team *t);
/* Submits the helpers, as soon as the slot can be read; after the leader, which reads it, too. */
starp_status sp_team_submit(struct sp_calling *c, struct sp_team *t, struct sp_slot *slot);

/* ------------------------------------------------------------------------------------------------ mixed_tasks.c */

#define SP_REFINE_ROWS 512 /* rows of a residual that a task computes */

/* A block column of right-hand sides. */
struct sp_refined {
    struct sp_slot **r;         /* its residual, a block of rows each; NULL: another rank's */
    double *norm;               /* of A's rows, the largest in each block */
    double *scale;              /* of each right-hand side in f32 */
    double found;               /* the largest of its residuals over its bound; 0: all below */
};

struct sp_refine_task {
    struct sp_task task;
    const struct sp_dense *dense;
    const struct sp_panel *a;   /* kept by the run, as the column is */
    struct sp_refined *column;
    bool pairs, first;
    int64_t na, n, cols, nblock; /* block columns of A, rows, right-hand sides, blocks of rows */
    int64_t block, ld;          /* of the rows it is about; of what follows */
    char *b, *x;
    float *step;
};
/* A block column of A in half the precision, from b to step. */
int sp_refine_halve(struct sp_task *task, void *scratch);
/* A block of rows of B - A X; first: of B, and the norm of A's rows. scratch: SP_REFINE_ROWS doubles. */
int sp_refine_subtract(struct sp_task *task, void *scratch);
/* Looks at the residual, unless it is the first, and makes it the right-hand side of the next correction. */
int sp_refine_judge(struct sp_task *task, void *scratch);
/* X plus the correction; the first one is X. */
int sp_refine_correct(struct sp_task *task, void *scratch);
/* Copies X to B. */
int sp_refine_deliver(struct sp_task *task, void *scratch);

#endif
