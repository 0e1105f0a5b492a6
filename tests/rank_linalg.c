/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_linalg.c: prints what linear algebra computes from random matrices, one line of digests per seed, for
 * check-ranks-bits to compare between numbers of ranks, workers, and tile sizes.
 *
 *   rank_linalg FIRST SEEDS
 */
#include "digest.h"
#include "linalg_check.h"
#include "rig.h"

static starp_array *input(starp_session *s, starp_dtype d, int64_t batch, int64_t m, int64_t n, uint64_t *seed)
{
    return la_input(s, batch ? STARP_SHAPE(batch, m, n) : STARP_SHAPE(m, n), d, seed);
}

static void factorizations(starp_session *s, starp_array *x, starp_array *square, starp_array *b)
{
    starp_lu_factors lu = starp_linalg_lu_factor(x);
    starp_qr_factors qr = starp_linalg_qr(x, 0);
    starp_svd_factors svd = starp_linalg_svd(x, 0);
    starp_eig_factors eig = starp_linalg_eig(square), eigh = starp_linalg_eigh(square, 0);
    starp_array *all[] = { lu.lu, lu.order, qr.q, qr.r, svd.u, svd.s, svd.vh, eig.values, eigh.values, eigh.vectors };
    static const char *const names[] = { "lu", "order", "q", "r", "u", "s", "vh", "eig", "eigh", "vectors" };
    starp_eval_many(10, all);
    for (int k = 0; k < 10; k++) digest(names[k], all[k]);
    digest("pivot", lu.pivot);
    digest("solve", starp_linalg_solve(square, b));
    digest("lu solve", starp_linalg_lu_solve(starp_linalg_lu_factor(square), b));
    digest("p", starp_linalg_lu(x).p);
    digest("triangular", starp_linalg_solve_triangular(starp_add(square, starp_scalar(s, 2.0)), b, 1, 0));
}

/* A few right-hand sides, for STARP_MIXED to refine; a matrix that f32 has no numbers for. */
static void solutions(starp_session *s, starp_array *a, starp_array *b)
{
    starp_array *few = starp_at(b, "..., :1"), *tiny = starp_multiply(a, starp_scalar(s, starp_dtype_of(a) == STARP_F32 || starp_dtype_of(a) == STARP_C64 ? 1 : 1e-90));
    digest("few", starp_linalg_solve(a, few));
    digest("tiny", starp_linalg_solve(tiny, few));
}

/* Matrices so small that tiles hold several; through views, too. */
static void stacks(starp_session *s, starp_dtype d, uint64_t *seed)
{
    int64_t batch = 20 + rig_below(seed, 100), m = 1 + rig_below(seed, 7), n = 1 + rig_below(seed, 7);
    starp_array *x = input(s, d, batch, m, n, seed), *square = input(s, d, 2 * batch, n, n, seed), *b = input(s, d, batch, n, 1, seed);
    starp_array *every_other = starp_at(square, "::2"), *turned = starp_matrix_transpose(every_other);
    starp_svd_factors svd = starp_linalg_svd(x, 1);
    starp_lstsq_solution l = starp_linalg_lstsq(starp_matrix_transpose(x), b, -1);
    digest("svds", svd.u), digest("svds", svd.s), digest("svds", svd.vh);
    digest("lstsqs", l.x), digest("lstsqs", l.rank);
    digest("solves", starp_linalg_solve(every_other, b));
    digest("invs", starp_linalg_inv(starp_linalg_inv(turned)));
    digest("eighs", starp_linalg_eigh(turned, 1).vectors);
    digest("eigs", starp_linalg_eig(every_other).vectors);
}

static void run(starp_session *s, uint64_t first)
{
    uint64_t seed = first;
    starp_dtype d = (starp_dtype)(STARP_F32 + first % 4);
    int64_t batch = rig_below(&seed, 3), m = 1 + rig_below(&seed, 70), n = 1 + rig_below(&seed, 70), k = 1 + rig_below(&seed, 40);
    if (first % 5 == 0) batch = 0, m += 150, k += 100, n += first % 10 ? 0 : 600;
    starp_array *x = input(s, d, batch, m, n, &seed), *y = input(s, d, batch, n, k, &seed), *b = input(s, d, batch, m, k, &seed);
    starp_array *square = input(s, d, batch, m, m, &seed), *turned = starp_matrix_transpose(x);
    digest("matmul", starp_matmul(x, y));
    digest("turned", starp_matmul(turned, starp_add(starp_sin(x), starp_matmul(square, x))));
    if (n < 100) factorizations(s, x, square, b);
    solutions(s, square, b);
    digest("integers", starp_matmul(starp_astype(starp_multiply(starp_real(x), starp_scalar(s, 100.0)), STARP_I32), starp_eye(s, n, k, 0, STARP_I32)));
    digest("det", starp_linalg_slogdet(square).logabsdet);
    stacks(s, d, &seed);
    la_free_all();
}

int main(int argc, char **argv)
{
    return digest_main(argc, argv, NULL, run);
}
