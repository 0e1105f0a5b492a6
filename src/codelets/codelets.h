/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * codelets.h: functions on tiles. They see pointers, extents, strides and plain bytes: never a node, never StarPU.
 * Sections are named after the .c files.
 */
#ifndef SP_CODELETS_H
#define SP_CODELETS_H

#include <stdatomic.h>

#include "graph.h"

/* Elements of a chunk, the unit the vector machine works on and the leaf of every reduction tree. Part of what the bits
   of a sum are defined by: not a tuning knob. */
#define SP_CHUNK 1024

/* -------------------------------------------------------------------------------------------------- kernels.c */

/* Why a kernel could not do its work on its data; checked by the caller after a job. 0: all is well. */
enum sp_kernel_fault { SP_KERNEL_OK, SP_KERNEL_NEGATIVE_POWER };

/*
 * dst[0..n) = op(src...). dst may be one of src (same pointer), never a shifted overlap; pointers are aligned to the
 * element. Element i of the result depends on element i of the operands only, never on n, i or alignment. (Functions of the
 * user's are promised more, starp/elementwise.h: for them dst is none of src, which emit.c sees to.)
 */
typedef void sp_kernel_fn(size_t n, void *dst, const void *const *src, int *fault);

/*
 * A reducer turns elements into accumulators of acc_size bytes and merges those. n, rows, cols >= 1.
 *   rows:    `rows` runs of `len` consecutive elements -> one accumulator each
 *   columns: a dense rows x cols block -> `cols` accumulators, each over a column
 *   merge:   into[i] = into[i] (+) from[i], `into` covering count_into elements and coming first in index order
 *   finish:  accumulators -> n results of the reduction's result dtype
 * src[1] are the i64 indices for argmin and argmax, else unused. The order of additions depends on the counts only.
 * Inside a chunk the error stays that of pairwise summation: at most 32 additions in a row.
 */
struct sp_reducer {
    size_t acc_size;
    void (*rows)(size_t rows, size_t len, const void *const *src, void *acc);
    void (*columns)(size_t rows, size_t cols, const void *const *src, void *acc);
    void (*merge)(size_t n, void *into, const void *from, int64_t count_into, int64_t count_from);
    void (*finish)(size_t n, const void *acc, void *dst);
};

/*
 * LU factorization with partial pivoting (the first of equals) of a small row-major matrix; pivots and info as LAPACK's. And
 * solving with that of a square one for k row-major right-hand sides, which become solutions.
 */
struct sp_small_lu {
    int (*factor)(size_t m, size_t n, void *a, size_t lda, int32_t *pivot);
    void (*solve)(size_t n, size_t k, const void *lu, size_t lda, const int32_t *pivot, void *b);
};

/* One instruction set's kernels. Missing entries are NULL. */
struct sp_kernels {
    const char *name; /* "generic", "avx2", "avx512" */
    sp_kernel_fn *map[SP_OPS][STARP_NDTYPES];              /* by the dtype they compute in; cast: unused */
    sp_kernel_fn *cast[STARP_NDTYPES][STARP_NDTYPES];      /* [from][to] */
    struct sp_reducer reduce[SP_REDUCES][STARP_NDTYPES];   /* acc_size 0: none */
    void (*splat)(size_t n, void *dst, const void *element, size_t size);
    void (*iota)(size_t n, int64_t *dst, int64_t start, int64_t step);
    void (*stream)(void *dst, const void *src, size_t bytes); /* copy past the caches; no alignment needed; fence before others look */
    void (*fence)(void);
    void (*gather)(size_t n, void *dst, const void *src, ptrdiff_t stride, size_t size);  /* strided to dense; stride in bytes, may be 0 or negative */
    void (*transpose)(size_t rows, size_t cols, void *dst, ptrdiff_t dst_stride, const void *src, ptrdiff_t src_stride, size_t size); /* dst
                                      rows x cols, row a from dst + a dst_stride; src cols x rows */
    void (*scatter)(size_t n, void *dst, ptrdiff_t stride, const void *src, size_t size); /* dense to strided */
    void (*twist)(size_t n, void *x, const void *roots, const void *by, bool single); /* x[i] *= roots[i] * by, complex */
    void (*scale)(size_t n, void *x, double by, bool single);                         /* x[i] *= by, real */
    struct sp_small_lu lu[STARP_NDTYPES]; /* of real dtypes */
};

/* The best kernels this machine runs, or the named ones; NULL if the machine cannot run those or there are none. */
const struct sp_kernels *sp_kernels_get(const char *name);

/* ------------------------------------------------------------------------------------------------------ job.c */

/* Where a register's elements lie inside one box: element (i0, i1, ...) of the box is at
   buffer[buffer] + offset + sum of stride[k] * ik, all in bytes. IOTA operands: offset is the first value, stride the
   coefficients, and buffer is unused. */
struct sp_ref {
    int32_t buffer;
    int64_t offset;
    int64_t stride[STARP_MAXDIM];
};

/*
 * A job: one block of a fused step's iteration space. The boxes partition the block; in each of them every operand and
 * output is a plain strided window. Reductions walk the block in canonical chunks, whatever the boxes.
 */
struct sp_job {
    const struct sp_program *program;
    const struct sp_kernels *kernels;
    const void *const *constants; /* per operand: the element of a SPLAT, what a PARAM points to, else unused */
    int ndim;
    const int64_t *extent;        /* of the block */
    int nbox;
    const int64_t *box;           /* per box: lo[ndim], extent[ndim] */
    const struct sp_ref *ref;     /* per box: operands, then outputs */
    bool stream;                  /* outputs are too big for the caches */
    bool discard;                 /* outputs are computed, but stored nowhere: their refs are unused */
    int split;                    /* reductions: axes [0, split) are outer, [split, ndim) inner */
    bool rows;                    /* reductions: the inner axes are reduced; else the outer ones */
    const int32_t *partial;       /* per reduction: the buffer its accumulators go to */
};

/* Bytes of scratch memory a job needs; depends on the program and the block only. */
size_t sp_job_scratch(const struct sp_job *job);
/* Runs a job. Returns an sp_kernel_fault. */
int sp_job_run(const struct sp_job *job, void *const *buffer, void *scratch);

/* -------------------------------------------------------------------------------------------------- combine.c */

/* A part of a reduction's result: the window of it whose accumulators lie in one column of blocks. */
struct sp_combine_part {
    int32_t first, nblock;        /* the blocks' partial results: buffer[first .. first + nblock), in index order */
    const int64_t *count;         /* how many elements each block's accumulators cover */
    int ndim;                     /* of the window */
    const int64_t *extent;
    int64_t from;                 /* first accumulator of the window within a partial result */
    const int64_t *from_stride;   /* in accumulators */
    int64_t to;                   /* bytes into the result's buffer */
    const int64_t *to_stride;     /* bytes; elements of the last axis are adjacent in both */
};

/* Merges partial results by the fixed tree and writes final elements to buffer[0]. */
struct sp_combine {
    const struct sp_reducer *reducer;
    size_t item;                  /* bytes of a result element */
    int npart;
    const struct sp_combine_part *part;
};

#define SP_COMBINE_SCRATCH (40 * SP_CHUNK * 32) /* bytes of scratch: the levels of the tree */
void sp_combine_run(const struct sp_combine *job, void *const *buffer, void *scratch);

/* ----------------------------------------------------------------------------------------------------- move.c */

/* Whether it is a transposition: what is dense in dst is not in src, but along another axis. */
bool sp_move_turns(int ndim, const int64_t *extent, size_t item, const int64_t *dst_stride, const int64_t *src_stride);
/* Copies an n-dimensional window of elements; strides in bytes. */
void sp_move(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
             const int64_t *src_stride, const struct sp_kernels *kernels);
/* The same past the caches, where rows are dense: for what will not be read soon. */
void sp_move_past(int ndim, const int64_t *extent, size_t item, void *dst, const int64_t *dst_stride, const void *src,
                  const int64_t *src_stride, const struct sp_kernels *kernels);

/* -------------------------------------------------------------------------------------------------- reshape.c */

/* One tile of a reshape: elements in C order of what is seen of a tiled array, from `first` on, into the tile's rows. */
struct sp_reshape {
    size_t item;
    void *const *tile;             /* all tiles of the source, row-major over its grid; NULL: another rank's */
    const int32_t *owner;          /* the rank of each */
    int source_ndim;
    const int64_t *source_shape, *source_tile;
    const struct sp_view *view;    /* from what is seen to the source */
    int seen_ndim;
    const int64_t *seen_shape;
    int ndim;                      /* of the result */
    const int64_t *shape, *lo, *extent; /* the result's shape; the tile's place and extents in it */
    const struct sp_kernels *kernels;
};
/* stream[r]: what rank r has packed for this tile; advanced. */
void sp_reshape_run(const struct sp_reshape *job, char **stream, void *dst);
/* What of the tile lies here, packed; how many bytes each rank has of it, added to bytes[rank]. */
void sp_reshape_pack(const struct sp_reshape *job, void *dst);
void sp_reshape_count(const struct sp_reshape *job, size_t *bytes);

/* ---------------------------------------------------------------------------------------------------- dense.c */

/*
 * BLAS and LAPACK for a dtype, on column-major matrices; leading dimensions in elements, extents below 2^31. Letters as in
 * LAPACK: 'N', 'T', 'C'; 'L' and 'R' or 'L' and 'U'; 'U' or 'N' for a unit diagonal. For integers: gemm only, untransposed.
 */
struct sp_dense {
    int64_t item; /* bytes of an element */
    const void *one; /* an element */
    void (*gemm)(char ta, char tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a, int64_t lda, const void *b,
                 int64_t ldb, double beta, void *c, int64_t ldc); /* c = beta c + alpha a b; alpha 1 or -1, beta 0 or 1 */
    void (*trsm)(char side, char uplo, char trans, char diag, int64_t m, int64_t n, const void *a, int64_t lda, void *b, int64_t ldb);
    void (*herk)(int64_t n, int64_t k, const void *a, int64_t lda, void *c, int64_t ldc); /* c -= a a^H, its lower half */
    int (*getrf)(int64_t m, int64_t n, void *a, int64_t lda, int32_t *pivot); /* LAPACK's info, as below */
    int (*potrf)(char uplo, int64_t n, void *a, int64_t lda);
    int (*trtri)(char uplo, char diag, int64_t n, void *a, int64_t lda);
    /* Householder QR of a, in place, with one triangular factor t of order min(m, n), ldt n (compact WY: Schreiber and Van Loan 1989). */
    int (*geqrt)(int64_t m, int64_t n, void *a, int64_t lda, void *t, void *work);
    /* c = q c, or q^H c where `adjoint`: the k reflections of v and t, m rows; ldt k. work: SP_QR_WORK(k, n) bytes. */
    void (*gemqrt)(bool adjoint, int64_t m, int64_t n, int64_t k, const void *v, int64_t ldv, const void *t, int64_t ldt, void *c, int64_t ldc,
                   void *work);
};
#define SP_QR_WORK(k, n) ((size_t)(k) * (size_t)(n) * 16 + 64)
const struct sp_dense *sp_dense_of(starp_dtype dtype); /* NULL: none */
/* The threads BLAS uses in a call, for the whole process; what it used before. Tasks want one. */
int sp_dense_threads(int n);

/* ------------------------------------------------------------------------------------------------------- lu.c */

/* Factors a panel of rows x cols in place, and writes what goes with it: sp_lu_bytes. scratch: rows * 4 bytes. LAPACK's info. */
size_t sp_lu_bytes(const struct sp_dense *d, int64_t cols);
int sp_lu_factor(const struct sp_dense *d, int64_t rows, int64_t cols, void *panel, int64_t ld, void *with, void *scratch);
const int32_t *sp_lu_pivots(const void *with); /* LAPACK's */
/* Applies a panel of `width` pivots (listed: its columns) to other columns, rows from the panel's first: its exchanges alone, or all of
   it. scratch: width * cols elements. */
void sp_lu_swap(const struct sp_dense *d, int64_t width, int64_t cols, const void *with, int64_t listed, void *column, int64_t ld,
                void *scratch);
void sp_lu_update(const struct sp_dense *d, int64_t rows, int64_t width, int64_t cols, const void *panel, int64_t panel_ld, const void *with,
                  int64_t listed, void *column, int64_t ld, void *scratch);
/* What goes with a panel but for its pivots, which are there, of a panel factored already. scratch: rows * 4 bytes. */
void sp_lu_list(const struct sp_dense *d, int64_t rows, int64_t cols, const void *panel, int64_t ld, void *with, void *scratch);
/* How many rows below the first `cols` its pivots move: which, and whence. */
int64_t sp_lu_moved(const void *with, int64_t cols, const int32_t **moved, const int32_t **from);

/* ----------------------------------------------------------------------------------------------- tournament.c */

/* A matrix that lies either way: strides in bytes. */
struct sp_strided {
    char *at;
    int64_t row, col;
};
void sp_strided_copy(const struct sp_dense *d, int64_t rows, int64_t cols, struct sp_strided from, struct sp_strided to);

/* Room for what a block of a panel's rows proposes, and for a match of so many rows (both: that merges). */
size_t sp_tournament_bytes(const struct sp_dense *d, int64_t cols);
size_t sp_tournament_scratch(const struct sp_dense *d, int64_t rows, int64_t cols, bool both);
/* Of rows from `first` on, at least `cols` of them; of two proposals, in place of one. */
void sp_tournament_propose(const struct sp_dense *d, int64_t first, int64_t rows, int64_t cols, struct sp_strided panel, void *to, void *scratch);
void sp_tournament_merge(const struct sp_dense *d, int64_t cols, void *to, const void *with, void *scratch);
/* The last match: LAPACK's pivots, and the panel's top, factored. false: it has no inverse, and nothing is written. */
bool sp_tournament_decide(const struct sp_dense *d, starp_dtype dtype, int64_t cols, const void *a, const void *b, int32_t *pivot, void *top,
                          int64_t ld, void *scratch);
/* The panel's rows from `first` on, below its top, as its exchanges leave them, times the top's inverse U: in place, and into a
   column-major copy of the panel, which has the top. scratch: as of a match. */
void sp_tournament_solve(const struct sp_dense *d, int64_t first, int64_t rows, int64_t cols, const void *with, struct sp_strided panel,
                         void *copy, int64_t ld, void *scratch);

/* Row i becomes what row order[i] was. -1, or the place of a number in order that is not a row's. scratch: a column. */
int64_t sp_lu_permute(int64_t rows, int64_t cols, size_t item, void *column, int64_t ld, const int64_t *order, void *scratch);

/* --------------------------------------------------------------------------------------------------- refine.c */

/* n reals times a factor, in half the precision; the same added to reals. */
void sp_refine_lower(int64_t n, const double *from, double factor, float *to);
void sp_refine_add(int64_t n, const float *from, double factor, double *to);
/* The largest absolute value of n elements, NaN if there is one; and those of a column-major matrix added up along its rows. */
double sp_refine_norm(int64_t n, bool pairs, const double *x);
void sp_refine_sums(int64_t rows, int64_t cols, bool pairs, const double *a, int64_t ld, double *sum);
/* A power of two near a norm; 1 for 0 and for what is not finite. Its inverse is finite, too. */
double sp_refine_scale(double norm);

/* ---------------------------------------------------------------------------------------------------- whole.c */

/* An operation on one matrix m x n, and k right-hand sides where it has them: without padding, column-major but for what
   sp_whole_by_rows says. in[0] is lost. */
struct sp_whole {
    enum sp_call call;
    starp_dtype dtype;
    int64_t m, n, k;
    int32_t option[2];
    double rcond;
    const struct sp_small_lu *lu;   /* for small matrices, or NULL */
    void *in[2];                    /* in[1]: right-hand sides, max(m, n) rows; solutions afterwards */
    void *out[SP_MAX_RESULTS];      /* what is not in in[] afterwards */
    int rank;
    int lwork, liwork;              /* workspace, in LAPACK's terms; the same for all matrices of these extents */
    int64_t lrwork;
    size_t beside, bytes;           /* of scratch: ours; all of it */
    void *tau, *work, *rwork;       /* scratch */
    int *iwork;
    int32_t *pivot;                 /* the same as tau, for lu and solve */
};
#define SP_WHOLE_NOT_FINITE (-2000)
#define SP_WHOLE_NO_MEMORY (-2001)
/* Whether its operands, or results, are row-major, which is as LAPACK's transposes; the result that is found in the last operand, or -1. */
bool sp_whole_by_rows(const struct sp_whole *x, bool result);
int sp_whole_over(enum sp_call call);
/* Finds the sizes of workspaces; they want x->bytes of scratch, 64-byte aligned, given before the first run. */
void sp_whole_plan(struct sp_whole *x);
void sp_whole_place(struct sp_whole *x, void *scratch);
/* LAPACK's info: above 0 what the data did; below what should not happen, but for the two above. */
int sp_whole_run(struct sp_whole *x);
/* What an info that is not 0 says, "" or " (matrix 5)" behind what fails. */
void sp_whole_explain(enum sp_call call, int info, const char *which, char *text, size_t size);

/* ------------------------------------------------------------------------------------------------- spectral.c */

/* Blocks of work for whoever is there: fn(arg, block) for each, in any order. False: not all were done, and nobody wants the rest. */
struct sp_share {
    bool (*run)(void *team, int64_t nblock, void (*fn)(void *arg, int64_t block), void *arg);
    void *team;
};

/*
 * eigh, eigvalsh, svd or svdvals of one matrix, in steps: reduce to tridiagonal or bidiagonal form; solve that; make block
 * reflectors of the reflections, and apply them to the vectors, some at a time. What vectors need is NULL where only values are wanted.
 */
struct sp_spectral {
    enum sp_call call;
    starp_dtype dtype;
    int64_t m, n;       /* m >= n; equal for eigenvalues, of which the lower half is read */
    int64_t panel;      /* STARP_PANEL */
    void *a;            /* m x n, becomes reflections */
    void *d, *e;        /* real, n each: the condensed form's diagonal, then the values; what is beside it */
    void *tau[2];       /* n each: factors of the reflections of columns, and of rows for singular values */
    void *t[2];         /* SP_SPECTRAL_BLOCK n each: their block reflectors */
    void *vectors[2];   /* of eigenvalues; or left ones, and right ones as rows. m x columns[0], n x n */
    void *real[2];      /* those of the condensed form: the same memory for real dtypes, else n x n each */
    int64_t columns;    /* of vectors[0]: n, or m */
    double norm;        /* what d is to be scaled to, or 0 */
};
#define SP_SPECTRAL_BLOCK 64 /* reflections that are applied together */
#define SP_SPECTRAL_ABANDONED (-2002)

size_t sp_spectral_scratch(const struct sp_spectral *x);
/* LAPACK's info, or one of SP_WHOLE_*, or abandoned by those who share. */
int sp_spectral_reduce(struct sp_spectral *x, const struct sp_share *share, void *scratch);
int sp_spectral_solve(struct sp_spectral *x, const struct sp_share *share);
/* side 0: columns of vectors[0]; side 1: rows of vectors[1]; `count` from `first` on, with room for as many times SP_SPECTRAL_BLOCK. */
void sp_spectral_block(struct sp_spectral *x, int side);
void sp_spectral_apply(struct sp_spectral *x, int side, int64_t first, int64_t count, void *scratch);

/* -------------------------------------------------------------------------------------------------- iterate.c */

/* A result that an iteration has made, of whatever shape, dense; its memory is from sp_aligned. */
struct sp_item {
    starp_dtype dtype;
    starp_dims shape;
    void *data;
};

/* What the iterations of a ppeval have in common. */
struct sp_iterate {
    const char *name;
    starp_iterate_fn iterate;
    const void *user;
    int nin, nresults;
    int64_t count;
    uint64_t evaluation;                /* its number, from 1; 0: there are no other iterations */
    uint32_t whole;                     /* bits of arguments that all iterations have in common, where they lie */
    bool free;                          /* results are items */
    starp_dtype dtype[SP_MAX_RESULTS];  /* else they must be of these */
    starp_dims shape[SP_MAX_RESULTS];
    uint64_t seed, stream;              /* of random numbers */
    const struct sp_kernels *kernels;
    const atomic_bool *stop;            /* nobody wants them any more; or NULL, */
    bool (*unwanted)(void *asked);      /* and this asks somebody; or NULL */
    void *asked;
};

struct sp_iteration {
    starp_iteration it;                 /* what the function sees */
    const struct sp_iterate *job;
    void *out[SP_MAX_RESULTS];          /* where its results go, */
    struct sp_item item[SP_MAX_RESULTS]; /* or what they are: an iteration that fails may have left some */
    uint32_t given;                     /* results asked for */
    uint64_t drawn;                     /* random numbers */
    bool failed, starved;               /* starved: for want of memory */
    char text[STARP_ITERATION_TEXT];    /* why */
};
/* Calls the function; whether it has made all its results. */
bool sp_iterate_run(struct sp_iteration *x, int64_t index, const starp_argument *in);
/* The function whose iteration the calling thread is in; NULL: none. */
const char *sp_iterate_running(void);
/* NaN where there is one, else 0. */
void sp_iterate_blank(starp_dtype dtype, int64_t n, void *to);
/* A dense array, as a function sees it, or its transpose. */
void sp_argument_lay_out(starp_argument *x, starp_dtype dtype, int ndim, const int64_t *extent, bool column_major, const void *data);

/* ---------------------------------------------------------------------------------------- each.c, each_*.c */

/*
 * What ppeval has built in as functions on slices, for containers, whose slices have many shapes, and for what the graph has no
 * operation for. On slices of up to SP_CHUNK elements, and on lines, reductions give the graph's bits. False: there is none.
 */
bool sp_each_native(enum sp_each f, starp_function *to);

/* The parts of that, of which each does one call: 0, or not, when the iteration has said why it fails. */
struct sp_slices {
    starp_iteration *it;
    enum sp_each f;
    const starp_argument *in;           /* row-major */
    const struct sp_kernels *kernels;
};
int sp_each_sort(const struct sp_slices *x);
int sp_each_reduce(const struct sp_slices *x);
int sp_each_linalg(const struct sp_slices *x);
int sp_each_starved(const struct sp_slices *x); /* fails for want of memory */
int64_t sp_each_count(const starp_argument *x); /* elements */
/* The product of n elements of a dtype of linear algebra, as the graph's reduction of a matrix has it. False: no memory. */
bool sp_each_product(const struct sp_kernels *k, starp_dtype dtype, int64_t rows, int64_t cols, const void *x, void *to);

/* ------------------------------------------------------------------------------------------------------ dft.c */

/* A discrete Fourier transform of lines, unscaled. */
enum sp_dft_kind { SP_DFT_C2C, SP_DFT_R2C, SP_DFT_C2R, SP_DFT_ROOTS /* no transform: see sp_dft_tables */ };
struct sp_dft_key {
    enum sp_dft_kind kind;
    bool single, inverse;   /* inverse: of C2C; e^(+2 pi i j k / n) */
    bool decimated;         /* C2C: of sp_dft_parts() p, element j is given at place j % p * (n / p) + j / p */
    int64_t n;              /* elements, or real ones; up to SP_DFT_LONGEST it is fast */
};
struct sp_dft;
/* Planned once, kept for others to use. NULL: no memory. */
struct sp_dft *sp_dft_get(const struct sp_dft_key *key);
void sp_dft_use(struct sp_dft *d); /* one user more; each puts it */
void sp_dft_put(struct sp_dft *d); /* NULL: nothing */
/* Lines that go in and out at a time, one behind the other; the first is aligned to 64 bytes. `in` is lost. */
int64_t sp_dft_lines(const struct sp_dft *d);
int64_t sp_dft_parts(const struct sp_dft *d);
void sp_dft_run(const struct sp_dft *d, void *in, void *out, const struct sp_kernels *kernels);
/* Of SP_DFT_ROOTS, in double precision: w^k, k < 2^shift, and behind them w^(2^shift k), whose products are all of w^0 .. w^(n - 1). */
const double *sp_dft_tables(const struct sp_dft *d, int *shift);
/* e^(-+2 pi i (first + step k) / n), k = 0 .. count - 1, to the last place. */
void sp_dft_roots(bool single, bool inverse, int64_t n, int64_t first, int64_t step, int64_t count, void *to);

/* ---------------------------------------------------------------------------------------------------- strip.c */

/* Elements [first, last) of a long line, in memory: element i at data + (i - first) * stride. NULL: on another rank. */
struct sp_stretch {
    int64_t first, last;
    char *data;
    int64_t stride;
    int32_t owner;
};

/*
 * A line seen as a matrix of `rows` rows of `row` elements, and of it the columns [from, from + count), at most SP_STRIP_WIDTH, of
 * which each is a line in scratch, `pitch` elements from one to the next. What is scattered has elements of 8 or 16 bytes.
 */
struct sp_strip {
    const struct sp_stretch *stretch; /* ascending; the last one is at INT64_MAX. What lies between them is zero */
    int64_t rows, row, from, count, pitch;
    int64_t parts;                    /* gathered lines are decimated by that */
    size_t item;
    bool past;                        /* scattered past the caches */
    const struct sp_kernels *kernels;
};
#define SP_STRIP_WIDTH 32
/* Elements of the strip among [first, last). */
int64_t sp_strip_count(const struct sp_strip *x, int64_t first, int64_t last);
/* Asks memory for rows [first, last) of a strip that is gathered later, while there is something else to do. Its rows are in the stretches
   from `at` on, which moves on with them. */
void sp_strip_ask(const struct sp_strip *x, const struct sp_stretch **at, int64_t first, int64_t last);
void sp_strip_gather(const struct sp_strip *x, void *lines);
/* What other ranks have of it goes to stream[rank], which advances. */
void sp_strip_scatter(const struct sp_strip *x, const void *lines, char **stream);
/* What another rank has put there for this one, which has no others' stretches' data: in the same order. */
void sp_strip_unpack(const struct sp_strip *x, char **stream);

/* Rows of `count` elements of 4, 8 or 16 bytes, `step` bytes from one to the next, as columns of which each is a line in scratch,
   `pitch` bytes from one to the next: there, and back, which SP_STRIP_WIDTH can be at most. */
struct sp_rows {
    char *at, *lines;
    const char *next;                 /* rows that are gathered next, a few of which may be fetched already; or NULL */
    int64_t rows, count, step, pitch;
    size_t item;
    bool past;                        /* scattered past the caches; the caller fences */
    const struct sp_kernels *kernels;
};
void sp_rows_gather(const struct sp_rows *x);
void sp_rows_scatter(const struct sp_rows *x);

#endif
