/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.h: operations on whole arrays, and what they are told. graph.h includes this; nobody else does. */
#ifndef SP_CALLS_H
#define SP_CALLS_H

/*
 * Operations on whole arrays, which are more than one pass over elements: linear algebra. The last two axes are a matrix,
 * those before it a batch; all inputs have the same batch and, but for orders, dtype. X(name, word in plans and errors, inputs, results)
 */
#define SP_CALLS(X) \
    X(matmul, "matmul", 2, 1)                 /* a (m, k), b (k, n): (m, n), any dtype but bool */ \
    X(lu, "linalg_lu", 1, 4)                  /* a (m, n): L and U packed (m, n), pivots i64 (min(m, n)), order and its inverse i64 (m) */ \
    X(lu_solve, "linalg_lu_solve", 3, 1)      /* L and U packed (n, n), b (n, k), order i64 (n, 1): (n, k) */ \
    X(solve, "linalg_solve", 2, 1)            /* a (n, n), b (n, k): (n, k) */ \
    X(triangular, "linalg_solve_triangular", 2, 1) /* the same; param: i32 lower, i32 unit diagonal */ \
    X(cholesky, "linalg_cholesky", 1, 1)      /* a (n, n): (n, n); param: i32 upper */ \
    X(qr, "linalg_qr", 1, 2)                  /* a (m, n): q, r; param: i32 sp_qr_mode */ \
    X(svd, "linalg_svd", 1, 3)                /* a (m, n): u, s, vh; param: i32 full matrices */ \
    X(svdvals, "linalg_svdvals", 1, 1)        /* a (m, n): s (min(m, n)) */ \
    X(eigh, "linalg_eigh", 1, 2)              /* a (n, n): w (n), v (n, n); param: i32 upper */ \
    X(eigvalsh, "linalg_eigvalsh", 1, 1)      /* a (n, n): w (n); param: i32 upper */ \
    X(eig, "linalg_eig", 1, 2)                /* a (n, n): w (n), v (n, n), complex */ \
    X(eigvals, "linalg_eigvals", 1, 1)        /* a (n, n): w (n), complex */ \
    X(lstsq, "linalg_lstsq", 2, 4)            /* a (m, n), b (m, k): x (n, k), residuals (k), rank i64, s; param: f64 rcond */ \
    X(fft, "fft", 1, 1)                       /* complex, along an axis of n or fewer: n; param of these: sp_axis_param */ \
    X(rfft, "rfft", 1, 1)                     /* real: n / 2 + 1, complex */ \
    X(irfft, "irfft", 1, 1)                   /* complex, n / 2 + 1 or fewer: n, real */ \
    X(pad, "pad", 1, 1)                       /* any: n along an axis, the input from `first` on between zeros */ \
    X(fft2, "fft2", 1, 1)                     /* fft along one axis, then along another; param of these: sp_plane_param */ \
    X(rfft2, "rfft2", 1, 1)                   /* rfft, then fft */ \
    X(irfft2, "irfft2", 1, 1)                 /* fft inverse, then irfft */ \
    X(ppeval, "ppeval", 0, 0)                 /* a registered function on slices along the first axes: sp_ppeval_param */ \
    X(items, "ppeval items", 1, 1)            /* what iterations left behind, in one line: sp_items_param */

enum sp_call {
#define X(name, word, nin, nout) SP_CALL_##name,
    SP_CALLS(X)
#undef X
    SP_CALLS_COUNT
};

enum sp_qr_mode { SP_QR_REDUCED, SP_QR_COMPLETE };

/* What a sum over n elements is divided by. */
enum sp_fft_scale { SP_FFT_BY_NOTHING, SP_FFT_BY_N, SP_FFT_BY_ROOT };

/* Of an operation along an axis. */
struct sp_axis_param {
    int32_t axis;           /* from 0 */
    int32_t inverse, scale; /* of fft: e^(+2 pi i j k / n); an sp_fft_scale */
    int32_t unused;
    int64_t n, first;       /* first: of pad */
};

/* Of a ppeval: its results' shapes, which begin with the number of iterations, come with the node. */
struct sp_ppeval_param {
    uint32_t function;      /* its number in the session */
    uint8_t nresults, whole; /* whole: a bit for each input that is not split */
    uint8_t ragged, items;  /* items: a bit for each input that holds items end to end, whose table is the next input. ragged: its one result is a table, SP_ITEM_WORDS numbers for each result */
    float cost;             /* seconds of an iteration, or 0: not known */
    uint32_t unused;
    uint64_t seed, stream;  /* of its random numbers */
};

#define SP_ITEM_WORDS (STARP_MAXDIM + 2) /* of an item in a table: dtype, dimensions, extents */
#define SP_ITEM_FAILED (-1) /* instead of its dtype: the iteration has not made it */
/* Of the items of one result of a ragged ppeval, of which the input is the table, that have one dtype. */
struct sp_items_param {
    int32_t result, dtype;
    int64_t n;              /* elements of all */
    int64_t last;           /* 1: nobody asks for more */
    int64_t unused;
};

/* Of one along two axes: those in the order in which they are taken. */
struct sp_plane_param {
    int32_t axis[2], n[2];
    int32_t inverse, scale; /* of both; inverse: of fft2 */
    int32_t unused[2];
};

struct sp_call_row {
    const char *name;
    uint8_t nin, nout;
};
extern const struct sp_call_row sp_calls[SP_CALLS_COUNT];

#endif
