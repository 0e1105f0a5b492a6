/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linalg.h: is a factorization one? Results that are not unique are multiplied with one vector v:
 * ||A v - product v|| / (2^-53 n ||A|| ||v||), the larger of that and of ||q^T q v - v|| / (2^-53 n ||v||) for orthogonal
 * factors; see bench_residual. Matrices are n by n and row-major; of symmetric ones the lower half is read.
 */
#ifndef BENCH_LINALG_H
#define BENCH_LINALG_H

#include <stdint.h>

double linalg_check_product(int64_t n, const double *a, const double *b, const double *c);
double linalg_check_cholesky(int64_t n, const double *a, const double *l);
double linalg_check_qr(int64_t n, const double *a, const double *q, const double *r);
double linalg_check_svd(int64_t n, const double *a, const double *u, const double *s, const double *vh);
double linalg_check_eigh(int64_t n, const double *a, const double *values, const double *vectors);
/* ||A x - b|| / (2^-53 n (||A|| ||x|| + ||b||)) */
double linalg_check_solve(int64_t n, const double *a, const double *x, const double *b);
/* The larger one; NaN when one is. */
double linalg_worse(double a, double b);

#endif
