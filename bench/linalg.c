/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linalg.c: verifies products and factorizations, in O(n^2).
 */
#include "linalg.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

/* The vector that everything is multiplied with, and room for others. */
struct probe {
    int n;
    double *v, *x, *y, *z;
};

static struct probe probe_new(int64_t n)
{
    double *room = malloc((size_t)n * 4 * sizeof *room);
    if (room == NULL) {
        fprintf(stderr, "starp-bench: no memory\n");
        exit(1);
    }
    bench_uniform(room, 0, n, 77, -1, 1);
    return (struct probe){ (int)n, room, room + n, room + 2 * n, room + 3 * n };
}

/* The result, and the end of the probe. */
static double probe_free(struct probe *p, double result)
{
    free(p->v);
    return result;
}

static void multiply(const struct probe *p, CBLAS_TRANSPOSE op, const double *a, const double *x, double *y)
{
    cblas_dgemv(CblasRowMajor, op, p->n, p->n, 1, a, p->n, x, 1, 0, y, 1);
}

static void multiply_symmetric(const struct probe *p, const double *a, const double *x, double *y)
{
    cblas_dsymv(CblasRowMajor, CblasLower, p->n, 1, a, p->n, x, 1, 0, y, 1);
}

static void scale(const struct probe *p, const double *by, double *x)
{
    for (int i = 0; i < p->n; i++) x[i] *= by[i];
}

/* ||x - y|| as a multiple of what rounding may come to; x is lost. */
static double gap(const struct probe *p, double size, double *x, const double *y)
{
    cblas_daxpy(p->n, -1, y, 1, x, 1);
    return cblas_dnrm2(p->n, x, 1) / (0x1p-53 * p->n * size);
}

static double norm(int64_t count, const double *x)
{
    return cblas_dnrm2((int)count, x, 1);
}

/* ||A|| ||v||; half of a symmetric matrix is enough of its norm. */
static double size_of(const struct probe *p, const double *a)
{
    return norm((int64_t)p->n * p->n, a) * norm(p->n, p->v);
}

static double orthogonal(const struct probe *p, const double *q)
{
    multiply(p, CblasNoTrans, q, p->v, p->x);
    multiply(p, CblasTrans, q, p->x, p->y);
    return gap(p, norm(p->n, p->v), p->y, p->v);
}

double linalg_worse(double a, double b)
{
    return a > b || isnan(a) ? a : b;
}

double linalg_check_product(int64_t n, const double *a, const double *b, const double *c)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasNoTrans, b, p.v, p.x);
    multiply(&p, CblasNoTrans, a, p.x, p.y);
    multiply(&p, CblasNoTrans, c, p.v, p.z);
    return probe_free(&p, gap(&p, size_of(&p, a) * norm(n * n, b), p.z, p.y));
}

double linalg_check_cholesky(int64_t n, const double *a, const double *l)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasTrans, l, p.v, p.x);
    multiply(&p, CblasNoTrans, l, p.x, p.y);
    multiply_symmetric(&p, a, p.v, p.z);
    return probe_free(&p, gap(&p, size_of(&p, a), p.z, p.y));
}

double linalg_check_qr(int64_t n, const double *a, const double *q, const double *r)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasNoTrans, r, p.v, p.x);
    multiply(&p, CblasNoTrans, q, p.x, p.y);
    multiply(&p, CblasNoTrans, a, p.v, p.z);
    double product = gap(&p, size_of(&p, a), p.z, p.y);
    return probe_free(&p, linalg_worse(product, orthogonal(&p, q)));
}

double linalg_check_svd(int64_t n, const double *a, const double *u, const double *s, const double *vh)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasNoTrans, vh, p.v, p.x);
    scale(&p, s, p.x);
    multiply(&p, CblasNoTrans, u, p.x, p.y);
    multiply(&p, CblasNoTrans, a, p.v, p.z);
    double product = gap(&p, size_of(&p, a), p.z, p.y);
    return probe_free(&p, linalg_worse(product, linalg_worse(orthogonal(&p, u), orthogonal(&p, vh))));
}

double linalg_check_eigh(int64_t n, const double *a, const double *values, const double *vectors)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasTrans, vectors, p.v, p.x);
    scale(&p, values, p.x);
    multiply(&p, CblasNoTrans, vectors, p.x, p.y);
    multiply_symmetric(&p, a, p.v, p.z);
    double product = gap(&p, size_of(&p, a), p.z, p.y);
    return probe_free(&p, linalg_worse(product, orthogonal(&p, vectors)));
}

double linalg_check_solve(int64_t n, const double *a, const double *x, const double *b)
{
    struct probe p = probe_new(n);
    multiply(&p, CblasNoTrans, a, x, p.y);
    return probe_free(&p, gap(&p, norm(n * n, a) * norm(n, x) + norm(n, b), p.y, b));
}
