/* SPDX-License-Identifier: BSD-3-Clause */
/* builders.h: the makers of nodes. Part of graph.h, which includes it. */
#ifndef SP_BUILDERS_H
#define SP_BUILDERS_H

/* ---------------------------------------------------------------------------------------------------- build.c */

/*
 * The only makers of nodes. They check shapes and dtypes, return a new reference, or NULL with g->error set.
 * A NULL input gives NULL and leaves g->error alone.
 */
struct sp_node *sp_build_const(struct sp_graph *g, const starp_dims *shape, starp_dtype dtype, starp_number value, bool weak);
struct sp_node *sp_build_data(struct sp_graph *g, const starp_dims *shape, starp_dtype dtype, struct sp_value *value); /* takes value on success */
struct sp_node *sp_build_arange(struct sp_graph *g, double start, double stop, double step, starp_dtype dtype);
struct sp_node *sp_build_linspace(struct sp_graph *g, double start, double stop, int64_t num, bool endpoint, starp_dtype dtype);
struct sp_node *sp_build_eye(struct sp_graph *g, int64_t n, int64_t m, int64_t k, starp_dtype dtype);
struct sp_node *sp_build_random(struct sp_graph *g, enum sp_op op, const starp_dims *shape, starp_dtype dtype, uint64_t seed,
                                uint64_t stream, int64_t low, int64_t high);
struct sp_node *sp_build_map(struct sp_graph *g, enum sp_op op, int n, struct sp_node *const *in);
struct sp_node *sp_build_cast(struct sp_graph *g, struct sp_node *x, starp_dtype dtype);
/* build_apply.c: a function of the user's for each element; operands are converted to `in` where promotion makes nothing else of
   the two. */
struct sp_node *sp_build_apply(struct sp_graph *g, const struct sp_apply_param *p, starp_dtype in, starp_dtype out, int n,
                               struct sp_node *const *x);

/* build_reduce.c: axes NULL: all. mean, var, std, any, all and count_nonzero are made of these and of maps. */
struct sp_node *sp_build_reduce(struct sp_graph *g, enum sp_reduce kind, struct sp_node *x, const starp_dims *axes, bool keepdims);
struct sp_node *sp_build_mean(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims);
struct sp_node *sp_build_var(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, double correction, bool root);
struct sp_node *sp_build_any(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, bool all);
struct sp_node *sp_build_count_nonzero(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims);

/* build_view.c */
struct sp_node *sp_build_slice(struct sp_graph *g, struct sp_node *x, int count, const starp_index *items);
struct sp_node *sp_build_permute(struct sp_graph *g, struct sp_node *x, const starp_dims *axes); /* NULL: reversed */
struct sp_node *sp_build_broadcast(struct sp_graph *g, struct sp_node *x, const starp_dims *shape);
struct sp_node *sp_build_expand(struct sp_graph *g, struct sp_node *x, int axis);
struct sp_node *sp_build_squeeze(struct sp_graph *g, struct sp_node *x, const starp_dims *axes);
struct sp_node *sp_build_flip(struct sp_graph *g, struct sp_node *x, const starp_dims *axes);
struct sp_node *sp_build_reshape(struct sp_graph *g, struct sp_node *x, const starp_dims *shape);
/* The same elements, tiles dealt over a grid of p x q ranks: a RESHAPE whose param begins with p and q, i32. */
struct sp_node *sp_build_distribute(struct sp_graph *g, struct sp_node *x, int p, int q);
#define SP_MAX_RANKS (1 << 20)

/* build_call.c: the operation on what conforms already: one batch, one dtype it is defined for. */
struct sp_node *sp_build_call(struct sp_graph *g, enum sp_call call, struct sp_node *const *in, const void *param);
struct sp_node *sp_build_part(struct sp_graph *g, struct sp_node *call, int part);
/* build_linalg.c: inputs are converted and broadcast; see starp.h for what each takes. */
struct sp_node *sp_build_matrix_transpose(struct sp_graph *g, struct sp_node *x);
struct sp_node *sp_build_matmul(struct sp_graph *g, struct sp_node *a, struct sp_node *b);
/* Of one matrix: a call with int32 parameters. */
struct sp_node *sp_build_factor(struct sp_graph *g, enum sp_call call, struct sp_node *a, int32_t option);
/* Of a matrix and right-hand sides, or a single one where b has one axis. */
struct sp_node *sp_build_solve(struct sp_graph *g, enum sp_call call, struct sp_node *a, struct sp_node *b, const int32_t option[2]);

/* By the factors that SP_CALL_lu has made; order (..., n). */
struct sp_node *sp_build_lu_solve(struct sp_graph *g, struct sp_node *lu, struct sp_node *order, struct sp_node *b);
/* build_svd.c: the parts u, s and vh, all or none; singular values alone. */
bool sp_build_svd(struct sp_graph *g, struct sp_node *a, bool full, struct sp_node *part[3]);
struct sp_node *sp_build_svdvals(struct sp_graph *g, struct sp_node *a);

/* build_matrix.c: made of the above. rcond < 0: the usual one. */
/* L and U as matrices, and row i of a is row p[i] of l u. */
bool sp_build_lu(struct sp_graph *g, struct sp_node *a, struct sp_node **p, struct sp_node **l, struct sp_node **u);
struct sp_node *sp_build_inv(struct sp_graph *g, struct sp_node *a);
/* The determinant; or its sign or phase, and the logarithm of its absolute value in *log. */
struct sp_node *sp_build_det(struct sp_graph *g, struct sp_node *a, struct sp_node **log);
struct sp_node *sp_build_pinv(struct sp_graph *g, struct sp_node *a, double rcond);
struct sp_node *sp_build_matrix_rank(struct sp_graph *g, struct sp_node *a, double rcond);
struct sp_node *sp_build_vector_norm(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool keepdims, double ord);
struct sp_node *sp_build_matrix_norm(struct sp_graph *g, struct sp_node *x, bool keepdims, double ord);
struct sp_node *sp_build_cond(struct sp_graph *g, struct sp_node *x, double ord);
struct sp_node *sp_build_matrix_power(struct sp_graph *g, struct sp_node *x, int64_t power);
/* The exponential of 2^-squarings x, squared so often; the largest 1-norm of the matrices for which it is finite, to choose that by. */
struct sp_node *sp_build_expm(struct sp_graph *g, struct sp_node *x, int squarings);
struct sp_node *sp_build_largest_norm(struct sp_graph *g, struct sp_node *x);
struct sp_node *sp_build_adjoint(struct sp_graph *g, struct sp_node *x);
#define SP_MAX_CHAIN 64
struct sp_node *sp_build_multi_dot(struct sp_graph *g, int n, struct sp_node *const *x);
struct sp_node *sp_build_lstsq(struct sp_graph *g, struct sp_node *a, struct sp_node *b, double rcond);

/* build_fft.c: what the operation along an axis of x is, and the dtype and shape that come out. False with the graph's error set. */
bool sp_build_axis_call(struct sp_graph *g, enum sp_call call, const struct sp_node *x, const struct sp_axis_param *param, struct sp_results *r);
bool sp_call_is_along_axis(enum sp_call call); /* or over a plane, */
bool sp_call_is_over_plane(enum sp_call call); /* that is along two */
/* The same for those along two axes. */
bool sp_build_plane_call(struct sp_graph *g, enum sp_call call, const struct sp_node *x, const struct sp_plane_param *param, struct sp_results *r);
/* The Fourier transform of any x along an axis as it would be with n elements there; n 0: with those it has (irfft: 2 (m - 1)). */
struct sp_node *sp_build_fft(struct sp_graph *g, enum sp_call call, struct sp_node *x, int64_t n, int64_t axis, bool inverse, enum sp_fft_scale scale);
/* The same along two axes, first one, then the other, of lengths up to SP_DFT_LONGEST: fft2, rfft2 or irfft2; inverse: of fft2. */
struct sp_node *sp_build_fft2(struct sp_graph *g, enum sp_call call, struct sp_node *x, const int64_t *n, const int *axis, bool inverse,
                              enum sp_fft_scale scale);
/* The longest line that is best transformed by one task; up to the other length, several of them at a time. */
#define SP_DFT_LONGEST 65536
#define SP_DFT_TINY 32
/* Whether a line is n1 <= n2 shorter ones, times each other, that are neither tiny nor too long: so that many tasks can share it. */
bool sp_fft_cuts(int64_t n, int64_t *n1, int64_t *n2);
struct sp_node *sp_build_pad(struct sp_graph *g, struct sp_node *x, int64_t axis, int64_t first, int64_t n);
/* Zeros around all axes. */
struct sp_node *sp_build_pad_around(struct sp_graph *g, struct sp_node *x, const starp_dims *before, const starp_dims *after);
/* build_fft_long.c: the transforms of longer lines of x, which are real or one half of Hermitian ones and already no more than n, or n / 2 + 1. */
struct sp_node *sp_build_long_rfft(struct sp_graph *g, struct sp_node *x, int axis, int64_t n, enum sp_fft_scale scale);
struct sp_node *sp_build_long_irfft(struct sp_graph *g, struct sp_node *x, int axis, int64_t n, enum sp_fft_scale scale);

/* build_fft_nd.c: along several axes, as NumPy takes s and axes (NULL: all, or the last of them); `what`: for errors. */
struct sp_node *sp_build_fft_nd(struct sp_graph *g, const char *what, enum sp_call call, struct sp_node *x, const starp_dims *s,
                                const starp_dims *axes, bool inverse, enum sp_fft_scale scale);
/* Of a Hermitian x, of which one half is there: the forward transform, which is real; and back. */
struct sp_node *sp_build_hfft(struct sp_graph *g, struct sp_node *x, int64_t n, int64_t axis, enum sp_fft_scale scale);
struct sp_node *sp_build_ihfft(struct sp_graph *g, struct sp_node *x, int64_t n, int64_t axis, enum sp_fft_scale scale);
/* Sample frequencies of n elements at distance d; half: those of rfft. */
struct sp_node *sp_build_fftfreq(struct sp_graph *g, int64_t n, double d, starp_dtype dtype, bool half);
/* Rolled by half the extents (back: the other way) along axes, NULL: all. */
struct sp_node *sp_build_fftshift(struct sp_graph *g, struct sp_node *x, const starp_dims *axes, bool back);

/* build_convolve.c: of vectors, as NumPy does it; build_fftconvolve.c: of arrays, as SciPy does. */
struct sp_node *sp_build_convolve(struct sp_graph *g, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode);
struct sp_node *sp_build_correlate(struct sp_graph *g, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode);
struct sp_node *sp_build_fftconvolve(struct sp_graph *g, const char *what, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode,
                                     const starp_dims *axes, bool overlap_add);

/*
 * build_ppeval.c: x with an axis (-1: none) in front, the others as they are, or the other way round; the same back, the first
 * axis becoming the last. How many iterations inputs make that are split along their first axes, but for those whose bits are
 * in whole; -1 with the graph's error set. A ppeval of these, with results that begin with that number; and its items.
 */
struct sp_node *sp_build_split(struct sp_graph *g, struct sp_node *x, int axis, bool column_major);
struct sp_node *sp_build_joined(struct sp_graph *g, struct sp_node *x, bool column_major);
int64_t sp_build_iterations(struct sp_graph *g, const char *what, int nin, struct sp_node *const *in, uint32_t whole);
struct sp_node *sp_build_ppeval(struct sp_graph *g, int nin, struct sp_node *const *in, const struct sp_ppeval_param *p, const struct sp_results *r);
struct sp_node *sp_build_items(struct sp_graph *g, struct sp_node *table, const struct sp_items_param *p);
/*
 * build_each.c: the functions that ppeval has built in: their names, arguments and results, and what slices they take. Sorting is
 * no operation of the graph: of that, only shapes are known here.
 */
#define SP_EACH(X) \
    X(svdvals, 1, 1, MATRIX) X(svd, 1, 3, MATRIX) X(eigh, 1, 2, SQUARE) X(eigvalsh, 1, 1, SQUARE) X(eig, 1, 2, SQUARE) X(eigvals, 1, 1, SQUARE) \
    X(qr, 1, 2, MATRIX) X(inv, 1, 1, SQUARE) X(det, 1, 1, SQUARE) X(cholesky, 1, 1, SQUARE) X(pinv, 1, 1, MATRIX) \
    X(solve, 2, 1, SYSTEM) X(lstsq, 2, 4, SYSTEM) X(matmul, 2, 1, PRODUCT) \
    X(fft, 1, 1, LINE) X(ifft, 1, 1, LINE) X(rfft, 1, 1, LINE) X(irfft, 1, 1, LINE) X(sort, 1, 1, LINE) \
    X(sum, 1, 1, ANY) X(prod, 1, 1, ANY) X(min, 1, 1, SOME) X(max, 1, 1, SOME) X(mean, 1, 1, ANY) X(var, 1, 1, ANY) X(std, 1, 1, ANY) \
    X(norm, 1, 1, ANY) X(any, 1, 1, ANY) X(all, 1, 1, ANY)
enum sp_each {
#define X(name, nargs, nresults, form) SP_EACH_##name,
    SP_EACH(X)
#undef X
    SP_EACH_COUNT
};
struct sp_each_row {
    const char *name;
    uint8_t nargs, nresults, form;
};
extern const struct sp_each_row sp_each_rows[SP_EACH_COUNT];
enum sp_each sp_each_find(const char *name); /* SP_EACH_COUNT: there is none */
/* Whether a function takes slices of these shapes. */
bool sp_each_check(enum sp_each f, const starp_dims *slice, struct sp_error *e);
/* What lstsq takes for 0, beside the largest singular value: as NumPy does. */
double sp_each_rcond(starp_dtype dtype, int64_t m, int64_t n);
/* The dtypes and shapes of all its results on slices, of which data is not looked at. */
bool sp_each_results(enum sp_each f, const starp_argument *slice, struct sp_results *r, struct sp_error *e);
/* A function on inputs like those of a ppeval; its first results, joined. False with the graph's error set. */
bool sp_build_each(struct sp_graph *g, enum sp_each f, int nin, struct sp_node *const *in, uint32_t whole, int nresults, struct sp_node **results);

/*
 * build_wire.c: the decoder's door. Makes a node like the model in kind, dtype, weak, op, reduce_axes, nin, in, view, param
 * and shape, whose values may be any: what the other builders do not make is an error. Nothing else of the model is read,
 * its view only for a VIEW or an IOTA, its results only for a ppeval, its param only for a CONST, a RESHAPE, a CALL, a
 * generator or a function of the user's.
 */
struct sp_node *sp_build_like(struct sp_graph *g, const struct sp_node *model);
/* Whether a node may read x as its input k instead of what it has there, which x is equal to when all is well. */
bool sp_build_may_read(const struct sp_node *n, int k, const struct sp_node *x);

#endif
