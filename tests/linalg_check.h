/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linalg_check.h: what tests of linear algebra hold results against: matrices on the host, multiplied by three loops, and
 * test ratios as in LAPACK Working Note 41: a residual is small when it is below 30 eps n times the norm it should vanish
 * against. Everything is complex double here, so that one set of checks serves all dtypes.
 */
#ifndef SP_TEST_LINALG_CHECK_H
#define SP_TEST_LINALG_CHECK_H

#include <complex.h>

#include <stdbool.h>

#include "client_check.h"

typedef double _Complex la_number;

/* Row-major; all of them are freed together. */
struct la {
    int64_t m, n;
    la_number *v;
};
#define LA(a, i, j) (a).v[(i) * (a).n + (j)]

struct la la_new(int64_t m, int64_t n);
struct la la_eye(int64_t m, int64_t n);
struct la la_mul(struct la a, struct la b);
struct la la_sub(struct la a, struct la b);
struct la la_adjoint(struct la a);
struct la la_diagonal(struct la column);
struct la la_scale(struct la a, la_number f);
/* The half of a below the diagonal (lower), or above it, with the diagonal; zeros elsewhere. */
struct la la_half(struct la a, bool lower);
double la_norm(struct la a); /* Frobenius */
void la_free_all(void);

/* Random elements that the dtype has: floats in [-1, 1), integers in [-9, 9]. */
struct la la_random(int64_t m, int64_t n, starp_dtype dtype, uint64_t *seed);
/* Hermitian; positive definite when so asked. */
struct la la_hermitian(int64_t n, starp_dtype dtype, bool positive, uint64_t *seed);
/* Computed already. */
starp_array *la_put(starp_session *s, struct la a, starp_dtype dtype);
starp_array *la_input(starp_session *s, const starp_dims *shape, starp_dtype dtype, uint64_t *seed);
starp_array *la_copy(starp_array *x); /* a new array of the same elements */
/* Matrix `batch` of x, which is evaluated; la_vector: of a stack of vectors, as a column. */
struct la la_read(starp_array *x, int64_t batch);
struct la la_vector(starp_array *x, int64_t batch);
double la_item(starp_array *x);

starp_dtype la_float(starp_dtype dtype); /* what linear algebra computes in */
double la_eps(starp_dtype dtype);
bool la_is_complex(starp_dtype dtype);

void la_done(starp_status status);
/* Fails unless |a| is below 30 eps n scale. */
void la_small(const char *what, starp_dtype dtype, struct la a, double scale);
void la_near(const char *what, starp_dtype dtype, struct la got, struct la want);
void la_orthonormal(const char *what, starp_dtype dtype, struct la columns);
/* Factors of x, and pivots that are exchanges; of L no element is above `most`, times sqrt(2) if complex. Its largest. */
double la_lu(starp_dtype dtype, struct la x, struct la lu, struct la pivot, struct la order, double most);
void la_shape(const char *what, starp_array *x, starp_dtype dtype, const starp_dims *shape);
/* Bit by bit. */
void la_same(const char *what, starp_array *a, starp_array *b);

/* `session`, of a group of tests: with small panels, at once or by many tasks; at its end nothing may be left of them. */
int la_open_at_once(void **state);
int la_open_in_tiles(void **state);
int la_close(void **state);
/* Around each test: a scope, which must leave no nodes behind. */
int la_open_scope(void **state);
int la_close_scope(void **state);
#define LA_TEST(f) cmocka_unit_test_setup_teardown(f, la_open_scope, la_close_scope)

#endif
