/* SPDX-License-Identifier: BSD-3-Clause */
/* linalg.h: linear algebra. Included by starp.h, never alone. */
#ifndef STARP_LINALG_H
#define STARP_LINALG_H

/**
 * @defgroup linalg Linear algebra
 * The last two axes are a matrix, those before it a batch; batches broadcast. Integers are computed with in f64, but for
 * starp_matmul(). What is wrong with shapes and dtypes is found at the call; what depends on data (a singular matrix, one
 * that is not positive definite, no convergence) at the sync, with the call's site. Deferred.
 * @{
 */
/**
 * Matrix product (..., m, k) by (..., k, n): (..., m, n). A vector on the left is a row, on the right a column, and its axis
 * is dropped again. Of one column or row: a sum of products by the tree of starp_sum(). Integers wrap; of bools: any.
 */
STARP_API starp_array *starp_matmul(starp_array *a, starp_array *b);
/** Results of starp_linalg_lu_factor(). */
typedef struct starp_lu_factors {
    starp_array *lu;    /**< U on and above the diagonal, L below it, whose diagonal is 1: (..., m, n) */
    starp_array *pivot; /**< i64: row i was exchanged with row pivot[i], from 0, i ascending: (..., min(m, n)) */
    starp_array *order; /**< i64: row i of L U is row order[i] of x: (..., m) */
} starp_lu_factors;
/**
 * LU factorization with partial pivoting, of any shape; a tie goes to the lowest row. A singular matrix is no error: U has a
 * zero on its diagonal. With STARP_PIVOTING=tournament pivots of tall panels are found by many tasks: elements of L are then
 * small, not at most 1. Handles are NULL on failure.
 */
STARP_API starp_lu_factors starp_linalg_lu_factor(starp_array *x);
/**
 * Solves a x = b by the factors of a, so that one factorization serves many right-hand sides: b one of them (n), or (..., n, k). The
 * pivots are not looked at, only lu and order. A singular a gives infinities and NaN. Errors at the sync: STARP_ERR_COMPUTE, the
 * order has a number that is not a row's.
 */
STARP_API starp_array *starp_linalg_lu_solve(starp_lu_factors factors, starp_array *b);
/** Results of starp_linalg_lu(). */
typedef struct starp_plu_factors {
    starp_array *p; /**< i64: row i of x is row p[i] of l u, the inverse of starp_lu_factors' order: (..., m) */
    starp_array *l; /**< lower triangular, its diagonal is 1: (..., m, min(m, n)) */
    starp_array *u; /**< upper triangular: (..., min(m, n), n) */
} starp_plu_factors;
/** LU factorization as separate matrices, as scipy.linalg.lu with p_indices: x is l[p] u. Handles are NULL on failure. */
STARP_API starp_plu_factors starp_linalg_lu(starp_array *x);
/**
 * Solves a x = b by LU factorization: a (..., n, n); b one right-hand side (n), or (..., n, k) of them. Errors at the sync:
 * STARP_ERR_COMPUTE, the matrix is singular (a pivot is exactly zero; see starp_linalg_cond for nearly). With STARP_MIXED=1
 * large systems in f64 and c128 with few right-hand sides are factored in f32 and c64, and refined until the residual is that of
 * LAPACK's dsgesv; where that does not come about, they are solved as without.
 */
STARP_API starp_array *starp_linalg_solve(starp_array *a, starp_array *b);
/**
 * Solves a x = b for a triangular a, of which only that half is read; unit: its diagonal counts as 1. Zeros on the diagonal
 * give infinities and NaN.
 */
STARP_API starp_array *starp_linalg_solve_triangular(starp_array *a, starp_array *b, int lower, int unit);
/**
 * Cholesky factor of a Hermitian positive definite matrix: lower L with L L^H = x, or upper U with U^H U = x; only that half of x
 * is read. Errors at the sync: STARP_ERR_COMPUTE, not positive definite. NaN may go through.
 */
STARP_API starp_array *starp_linalg_cholesky(starp_array *x, int upper);
/** Solves a x = b, given the lower Cholesky factor of a. */
STARP_API starp_array *starp_linalg_cho_solve(starp_array *factor, starp_array *b);

/** Results of starp_linalg_qr(). */
typedef struct starp_qr_factors {
    starp_array *q; /**< orthonormal columns */
    starp_array *r; /**< upper triangular */
} starp_qr_factors;
/** x = q r by Householder reflections: q (..., m, k), r (..., k, n), k = min(m, n), or m if complete. */
STARP_API starp_qr_factors starp_linalg_qr(starp_array *x, int complete);

/** Results of starp_linalg_svd(). */
typedef struct starp_svd_factors {
    starp_array *u;  /**< left singular vectors, columns */
    starp_array *s;  /**< singular values */
    starp_array *vh; /**< right singular vectors, conjugated, rows */
} starp_svd_factors;
/**
 * x = u diag(s) vh: s descending, real; u (..., m, k) and vh (..., k, n), k = min(m, n), or square if full. Errors at the sync:
 * STARP_ERR_COMPUTE, no convergence, or elements that are not finite. A matrix is one task: batches run in parallel.
 */
STARP_API starp_svd_factors starp_linalg_svd(starp_array *x, int full);
/** Singular values alone, descending: (..., min(m, n)). */
STARP_API starp_array *starp_linalg_svdvals(starp_array *x);

/** Results of starp_linalg_eigh() and starp_linalg_eig(). */
typedef struct starp_eig_factors {
    starp_array *values;  /**< eigenvalues */
    starp_array *vectors; /**< eigenvectors, columns */
} starp_eig_factors;
/** Eigenvalues, real and ascending, and orthonormal eigenvectors (columns) of a Hermitian matrix, of which one half is read. */
STARP_API starp_eig_factors starp_linalg_eigh(starp_array *x, int upper);
STARP_API starp_array *starp_linalg_eigvalsh(starp_array *x, int upper); /**< the values alone */
/** Eigenvalues and eigenvectors (columns, of norm 1) of any square matrix; always complex. */
STARP_API starp_eig_factors starp_linalg_eig(starp_array *x);
STARP_API starp_array *starp_linalg_eigvals(starp_array *x); /**< the values alone */

/** Results of starp_linalg_lstsq(). */
typedef struct starp_lstsq_solution {
    starp_array *x;              /**< (..., n, k) */
    starp_array *residuals;      /**< sums of squares (..., k); meaningful where the rank is n and m > n */
    starp_array *rank;           /**< i64 (...) */
    starp_array *singular_values; /**< (..., min(m, n)) */
} starp_lstsq_solution;
/** Least squares of least norm, by singular values; those below rcond times the largest count as 0 (below 0: eps). */
STARP_API starp_lstsq_solution starp_linalg_lstsq(starp_array *a, starp_array *b, double rcond);

/** The inverse, by starp_linalg_solve(). */
STARP_API starp_array *starp_linalg_inv(starp_array *x);
/** The determinant, by LU factorization. */
STARP_API starp_array *starp_linalg_det(starp_array *x);
/** Results of starp_linalg_slogdet(). */
typedef struct starp_slogdet_result {
    starp_array *sign;      /**< of absolute value 1, or 0 */
    starp_array *logabsdet; /**< real; -inf of a singular matrix */
} starp_slogdet_result;
/** Sign (or phase) of the determinant, and logarithm of its absolute value. */
STARP_API starp_slogdet_result starp_linalg_slogdet(starp_array *x);
/** Moore-Penrose inverse; singular values up to rcond times the largest count as 0 (below 0: max(m, n) eps). */
STARP_API starp_array *starp_linalg_pinv(starp_array *x, double rcond);
/** How many singular values exceed rcond times the largest (below 0: max(m, n) eps). i64. */
STARP_API starp_array *starp_linalg_matrix_rank(starp_array *x, double rcond);
/** x to an integer power, by repeated squaring; of its inverse for negative ones. */
STARP_API starp_array *starp_linalg_matrix_power(starp_array *x, int64_t power);
/** The product of n matrices, bracketed for the least work (Cormen et al., "Introduction to Algorithms", 15.2). */
STARP_API starp_array *starp_linalg_multi_dot(int n, starp_array *const *x);

/**
 * The exponential of a matrix, by a diagonal Pade approximant of degree 13 and repeated squaring (Higham, "The Scaling and
 * Squaring Method for the Matrix Exponential Revisited", 2005). Sync: how often it squares depends on the largest norm of the
 * batch.
 */
STARP_API starp_array *starp_linalg_expm(starp_array *x);

#define STARP_FRO 0x1p1000           /**< order of a norm: Frobenius */
#define STARP_NUC 0x1p1001           /**< order of a norm: nuclear */
#define STARP_INF ((double)INFINITY) /**< order of a norm: the largest */
/** Vector norm over axes (NULL: all): any real order, STARP_INF, -STARP_INF, 0 (how many are not zero), STARP_FRO (2). */
STARP_API starp_array *starp_linalg_vector_norm(starp_array *x, const starp_dims *axes, int keepdims, double ord);
/** Norm of matrices: STARP_FRO, STARP_NUC, 1, -1, 2, -2, STARP_INF, -STARP_INF. */
STARP_API starp_array *starp_linalg_matrix_norm(starp_array *x, int keepdims, double ord);
/** A vector's norm of that order, or a matrix's; STARP_FRO: the root of the sum of squares of whatever x is. */
STARP_API starp_array *starp_linalg_norm(starp_array *x, double ord);
/** Condition number norm(x) norm(inv(x)); of the orders 2 and -2 by singular values. */
STARP_API starp_array *starp_linalg_cond(starp_array *x, double ord);
/** The last two axes exchanged. Moves no data. */
STARP_API starp_array *starp_matrix_transpose(starp_array *x);
/** @} */

#endif
