/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * divide.c: eigenvalues and vectors of a symmetric tridiagonal matrix by divide and conquer (Cuppen 1981; Gu and Eisenstat, "A
 * divide-and-conquer algorithm for the symmetric tridiagonal eigenproblem", 1995). The matrix is torn into halves until they are
 * small; LAPACK solves those; two halves are put together by solving the eigenproblem of a diagonal matrix plus one of rank one.
 * Values that this does not move are found first (deflation); the others are roots of a secular equation, each found by
 * itself, and the vector that was added is computed anew from the roots, so that vectors are orthogonal. Half of the
 * elements of the vectors to be combined are zeros, unless deflation has mixed both halves.
 *
 * What a vector or two hold is in double precision for all dtypes; LAPACK's tolerances are taken over.
 */
#include <math.h>

#include "spectral.h"

#define LEAF 192    /* largest order that LAPACK solves */
#define COLUMNS 64  /* of a block of matrix work */
#define ROOTS 16    /* of a block */

/* In which half a vector has elements: in this order they are combined. */
enum half { UPPER, BOTH, LOWER, HALVES };

struct divide {
    const struct sp_spectral *x;
    const struct sp_spectral_blas *blas;
    const struct sp_dense *dense;
    const struct sp_share *share;
    int64_t parts, room;    /* leaves; doubles that a leaf may work with */
    double *delta;          /* n x n: distances of the old values to the new, a column for each of these; then its vector */
    char *compact;          /* n x n: vectors to be combined, without their zeros, and those that are not */
    double *d, *z, *pole, *weight, *root, *found; /* n each; found: the weights anew */
    int64_t *order, *kept, *gone, *place, *home, *row; /* n each; place, home: where a kept or gone vector ends */
    int *info, *iwork;
    uint8_t *half;
    /* The merge under way, of values [at, at + n), n1 of them of the upper half: */
    char *q;                /* its vectors, in place */
    int64_t at, n, n1, k, ngone, count[HALVES];
    double rho;
};

static char *column(const struct divide *v, int64_t j)
{
    return v->q + j * v->x->n * (int64_t)v->blas->real;
}

/* What is in the compact memory: upper parts, lower parts, whole vectors. */
static char *compact_part(const struct divide *v, int part, int64_t j)
{
    int64_t upper = v->n1 * (v->count[UPPER] + v->count[BOTH]), lower = (v->n - v->n1) * (v->count[BOTH] + v->count[LOWER]);
    int64_t at = part == 0 ? j * v->n1 : part == 1 ? upper + j * (v->n - v->n1) : upper + lower + j * v->n;
    return v->compact + at * (int64_t)v->blas->real;
}

/* ---------------------------------------------------------------------------------------------------------- leaves */

static int64_t begin_of(const struct divide *v, int64_t part)
{
    return v->x->n * part / v->parts;
}

static void solve_leaf(void *arg, int64_t part)
{
    struct divide *v = arg;
    int64_t n = v->x->n, at = begin_of(v, part), size = begin_of(v, part + 1) - at, real = (int64_t)v->blas->real;
    char *z = (char *)v->x->real[0] + at * n * real;
    memset(z, 0, (size_t)(size * n * real));
    v->info[part] = v->blas->stedc(size, (char *)v->x->d + at * real, (char *)v->x->e + at * real, z + at * real, n, v->delta + part * v->room,
                                   size * size + 4 * size + 1, v->iwork + 5 * at + 3 * part, 5 * size + 3);
}

/* Takes the elements beside the diagonal away where leaves meet; they come back as matrices of rank one. */
static void tear(struct divide *v)
{
    int64_t real = (int64_t)v->blas->real;
    for (int64_t part = 1; part < v->parts; part++) {
        char *d = (char *)v->x->d + begin_of(v, part) * real;
        double e = fabs(v->blas->get_real((char *)v->x->e + (begin_of(v, part) - 1) * real));
        v->blas->put_real(d, v->blas->get_real(d) - e);
        v->blas->put_real(d - real, v->blas->get_real(d - real) - e);
    }
}

/* ------------------------------------------------------------------------------------------------------- deflation */

/* Both halves' values in ascending order. */
static void sort(struct divide *v)
{
    const double *d = v->d + v->at;
    for (int64_t i = 0, a = 0, b = v->n1; i < v->n; i++) v->order[i] = b == v->n || (a < v->n1 && d[a] <= d[b]) ? a++ : b++;
}

/* Turns two vectors so that all of z is in the second one; their values are so close that this does not matter. */
static bool rotate(struct divide *v, int64_t a, int64_t b, double tolerance)
{
    double *d = v->d + v->at, *z = v->z, length = hypot(z[a], z[b]), c = z[b] / length, s = -z[a] / length, gap = d[b] - d[a];
    if (fabs(gap * c * s) > tolerance) return false;
    z[b] = length;
    v->blas->rot(v->n, column(v, a), column(v, b), c, s);
    if (v->half[a] != v->half[b]) v->half[a] = v->half[b] = BOTH;
    double low = d[a] * c * c + d[b] * s * s;
    d[b] = d[a] * s * s + d[b] * c * c;
    d[a] = low;
    return true;
}

/* Tells the values that stay from those that move, in ascending order. */
static void deflate(struct divide *v)
{
    double *d = v->d + v->at, most = 0, zmost = 0;
    for (int64_t i = 0; i < v->n; i++) {
        most = fmax(most, fabs(d[i]));
        zmost = fmax(zmost, fabs(v->z[i]));
        v->half[i] = i < v->n1 ? UPPER : LOWER;
    }
    double tolerance = 8 * v->blas->eps * fmax(most, zmost);
    int64_t last = -1;
    v->k = v->ngone = 0;
    for (int64_t i = 0; i < v->n; i++) {
        int64_t j = v->order[i];
        if (v->rho * fabs(v->z[j]) <= tolerance) {
            v->gone[v->ngone++] = j;
            continue;
        }
        if (last >= 0 && rotate(v, last, j, tolerance)) v->gone[v->ngone++] = last;
        else if (last >= 0) v->kept[v->k++] = last;
        last = j;
    }
    if (last >= 0) v->kept[v->k++] = last;
    for (int64_t i = 1; i < v->ngone; i++) { /* turned ones are hardly out of order */
        int64_t j = v->gone[i], at = i;
        for (; at > 0 && d[v->gone[at - 1]] > d[j]; at--) v->gone[at] = v->gone[at - 1];
        v->gone[at] = j;
    }
}

/* The poles and weights of the secular equation; the rows that kept vectors are in when they are combined. */
static void arrange(struct divide *v)
{
    int64_t next[HALVES] = { 0 };
    memset(v->count, 0, sizeof v->count);
    for (int64_t i = 0; i < v->k; i++) v->count[v->half[v->kept[i]]]++;
    next[BOTH] = v->count[UPPER];
    next[LOWER] = v->count[UPPER] + v->count[BOTH];
    for (int64_t i = 0; i < v->k; i++) {
        v->pole[i] = v->d[v->at + v->kept[i]];
        v->weight[i] = v->z[v->kept[i]];
        v->row[i] = next[v->half[v->kept[i]]]++;
    }
}

/* -------------------------------------------------------------------------------------------- blocks of shared work */

static void save(void *arg, int64_t block)
{
    struct divide *v = arg;
    int64_t real = (int64_t)v->blas->real, upper = v->n1 * real, lower = (v->n - v->n1) * real;
    for (int64_t i = block * COLUMNS; i < sp_least(v->n, (block + 1) * COLUMNS); i++) {
        if (i >= v->k) {
            memcpy(compact_part(v, 2, i - v->k), column(v, v->gone[i - v->k]), (size_t)(upper + lower));
            continue;
        }
        const char *q = column(v, v->kept[i]);
        int64_t row = v->row[i];
        if (row < v->count[UPPER] + v->count[BOTH]) memcpy(compact_part(v, 0, row), q, (size_t)upper);
        if (row >= v->count[UPPER]) memcpy(compact_part(v, 1, row - v->count[UPPER]), q + upper, (size_t)lower);
    }
}

static void find_roots(void *arg, int64_t block)
{
    struct divide *v = arg;
    v->info[block] = 0;
    for (int64_t j = block * ROOTS; j < sp_least(v->k, (block + 1) * ROOTS) && v->info[block] == 0; j++) {
        v->info[block] = sp_secular_root(v->k, j, v->pole, v->weight, v->rho, v->delta + j * v->k, &v->root[j]);
    }
}

/* The weights for which the roots found are exact. */
static void find_weights(void *arg, int64_t block)
{
    struct divide *v = arg;
    int64_t first = block * COLUMNS, end = sp_least(v->k, first + COLUMNS), k = v->k;
    for (int64_t i = first; i < end; i++) v->found[i] = v->delta[i * k + i];
    for (int64_t j = 0; j < k; j++) {
        const double *delta = v->delta + j * k;
        for (int64_t i = first; i < sp_least(end, j); i++) v->found[i] *= delta[i] / (v->pole[i] - v->pole[j]);
        for (int64_t i = first > j + 1 ? first : j + 1; i < end; i++) v->found[i] *= delta[i] / (v->pole[i] - v->pole[j]);
    }
    for (int64_t i = first; i < end; i++) v->found[i] = copysign(sqrt(-v->found[i]), v->weight[i]);
}

/* The j-th vector of the matrix of rank one, in the order of the compact vectors, over its distances. */
static void make_vector(struct divide *v, int64_t j)
{
    double *delta = v->delta + j * v->k, sum = 0;
    char *ordered = column(v, v->place[j]); /* not needed until it is written */
    for (int64_t i = 0; i < v->k; i++) {
        if (v->k > 2) delta[i] = v->found[i] / delta[i]; /* of one or two, what is there is the vector */
        sum += delta[i] * delta[i];
    }
    double length = sqrt(sum);
    for (int64_t i = 0; i < v->k; i++) v->blas->put_real(ordered + v->row[i] * (int64_t)v->blas->real, delta[i] / length);
    memcpy(delta, ordered, (size_t)v->k * v->blas->real);
}

/* Vectors from j on that are neighbours in the end, too. */
static void combine(struct divide *v, int64_t j, int64_t cols)
{
    int64_t real = (int64_t)v->blas->real, n2 = v->n - v->n1, upper = v->count[UPPER] + v->count[BOTH], lower = v->count[BOTH] + v->count[LOWER];
    int64_t lds = v->k * (int64_t)sizeof(double) / real;
    char *q = column(v, v->place[j]), *s = (char *)(v->delta + j * v->k);
    if (upper > 0) v->dense->gemm('N', 'N', v->n1, cols, upper, 1, compact_part(v, 0, 0), v->n1, s, lds, 0, q, v->x->n);
    else for (int64_t i = 0; i < cols; i++) memset(q + i * v->x->n * real, 0, (size_t)(v->n1 * real));
    q += v->n1 * real;
    s += v->count[UPPER] * real;
    if (lower > 0) v->dense->gemm('N', 'N', n2, cols, lower, 1, compact_part(v, 1, 0), n2, s, lds, 0, q, v->x->n);
    else for (int64_t i = 0; i < cols; i++) memset(q + i * v->x->n * real, 0, (size_t)(n2 * real));
}

/* New vectors, then those that have not moved. */
static void write_vectors(void *arg, int64_t block)
{
    struct divide *v = arg;
    int64_t blocks = sp_blocks(v->k, COLUMNS), first = block * COLUMNS, end = sp_least(v->k, first + COLUMNS);
    for (int64_t j = first; j < end; j++) make_vector(v, j);
    for (int64_t j = first, next; j < end; j = next) {
        for (next = j + 1; next < end && v->place[next] == v->place[next - 1] + 1;) next++;
        combine(v, j, next - j);
    }
    for (int64_t i = (block - blocks) * COLUMNS; block >= blocks && i < sp_least(v->ngone, (block - blocks + 1) * COLUMNS); i++) {
        memcpy(column(v, v->home[i]), compact_part(v, 2, i), (size_t)v->n * v->blas->real);
    }
}

/* ---------------------------------------------------------------------------------------------------------- merges */

/* Where everything ends, by ascending values. */
static void find_places(struct divide *v)
{
    double *d = v->d + v->at;
    for (int64_t i = 0; i < v->ngone; i++) v->z[i] = d[v->gone[i]];
    for (int64_t i = 0, a = 0, b = 0; i < v->n; i++) {
        bool moved = b == v->ngone || (a < v->k && v->root[a] <= v->z[b]);
        d[i] = moved ? v->root[a] : v->z[b];
        if (moved) v->place[a++] = i;
        else v->home[b++] = i;
    }
}

static int worst(const struct divide *v, int64_t n)
{
    int info = 0;
    for (int64_t k = 0; k < n && info == 0; k++) info = v->info[k];
    return info;
}

static bool run(struct divide *v, int64_t n, int64_t size, void (*fn)(void *arg, int64_t block))
{
    return v->share->run(v->share->team, sp_blocks(n, size), fn, v);
}

/* Values from `at` on, those before `middle` and those from there on, with the element that was beside the diagonal there. */
static int merge(struct divide *v, int64_t at, int64_t middle, int64_t end, double beside)
{
    int64_t real = (int64_t)v->blas->real;
    v->at = at;
    v->n = end - at;
    v->n1 = middle - at;
    v->q = (char *)v->x->real[0] + (at * v->x->n + at) * real;
    v->rho = 2 * fabs(beside);
    for (int64_t j = 0; j < v->n; j++) { /* of length 1 */
        double z = v->blas->get_real(column(v, j) + (j < v->n1 ? v->n1 - 1 : v->n1) * real);
        v->z[j] = (j >= v->n1 && beside < 0 ? -z : z) * M_SQRT1_2;
    }
    sort(v);
    deflate(v);
    arrange(v);
    if (!run(v, v->n, COLUMNS, save) || !run(v, v->k, ROOTS, find_roots)) return SP_SPECTRAL_ABANDONED;
    int info = worst(v, sp_blocks(v->k, ROOTS));
    if (info) return info;
    find_places(v);
    if (v->k > 2 && !run(v, v->k, COLUMNS, find_weights)) return SP_SPECTRAL_ABANDONED;
    bool done = run(v, (sp_blocks(v->k, COLUMNS) + sp_blocks(v->ngone, COLUMNS)) * COLUMNS, COLUMNS, write_vectors);
    return done ? 0 : SP_SPECTRAL_ABANDONED;
}

/* Neighbours are merged until there is but one part. */
static int merge_all(struct divide *v)
{
    int64_t real = (int64_t)v->blas->real;
    for (int64_t i = 0; i < v->x->n; i++) v->d[i] = v->blas->get_real((char *)v->x->d + i * real);
    for (int64_t step = 1; step < v->parts; step *= 2) {
        for (int64_t part = 0; part < v->parts; part += 2 * step) {
            int64_t middle = begin_of(v, part + step);
            double beside = v->blas->get_real((char *)v->x->e + (middle - 1) * real);
            int info = merge(v, begin_of(v, part), middle, begin_of(v, part + 2 * step), beside);
            if (info) return info;
        }
    }
    for (int64_t i = 0; i < v->x->n; i++) v->blas->put_real((char *)v->x->d + i * real, v->d[i]);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------ begin */

static void *cut(char **at, size_t bytes)
{
    void *p = *at;
    *at += (bytes + 63) & ~(size_t)63;
    return p;
}

/* Memory: two matrices, and vectors of doubles, of numbers and of little. */
static char *allocate(struct divide *v)
{
    size_t n = (size_t)v->x->n, real = v->blas->real, parts = (size_t)v->parts, pad = 64;
    size_t bytes = (n * n + 4 * n + 1) * sizeof(double) + n * n * real + 12 * n * sizeof(double) + (6 * n + 4 * parts) * sizeof(int) + n + 17 * pad;
    char *memory = sp_malloc(bytes), *at = memory;
    if (!memory) return NULL;
    v->delta = cut(&at, (n * n + 4 * n + 1) * sizeof(double)); /* LAPACK wants that much for a single leaf */
    v->compact = cut(&at, n * n * real);
    double **numbers[] = { &v->d, &v->z, &v->pole, &v->weight, &v->root, &v->found };
    int64_t **indices[] = { &v->order, &v->kept, &v->gone, &v->place, &v->home, &v->row };
    for (int k = 0; k < 6; k++) *numbers[k] = cut(&at, n * sizeof(double));
    for (int k = 0; k < 6; k++) *indices[k] = cut(&at, n * sizeof(int64_t));
    v->info = cut(&at, (n + parts) * sizeof(int));
    v->iwork = cut(&at, (5 * n + 3 * parts) * sizeof(int));
    v->half = cut(&at, n);
    return memory;
}

int sp_divide_and_conquer(const struct sp_spectral *x, const struct sp_share *share)
{
    starp_dtype real = sp_dtype_real(x->dtype);
    struct divide v = { .x = x, .blas = sp_spectral_blas_of(real), .dense = sp_dense_of(real), .share = share, .parts = 1 };
    int64_t leaf = sp_least(LEAF, 16 + 4 * x->panel);
    double most = fmax(v.blas->largest(x->n, x->d), v.blas->largest(x->n - 1, x->e));
    while (x->n > v.parts * leaf) v.parts *= 2;
    char *memory = allocate(&v);
    if (!memory) return SP_WHOLE_NO_MEMORY;
    v.room = x->n * x->n / v.parts;
    if (most > 0) v.blas->lascl_real(most, 1, x->n, x->d), v.blas->lascl_real(most, 1, x->n - 1, x->e);
    tear(&v);
    int info = run(&v, v.parts, 1, solve_leaf) ? worst(&v, v.parts) : SP_SPECTRAL_ABANDONED;
    if (info == 0) info = merge_all(&v);
    if (most > 0) v.blas->lascl_real(1, most, x->n, x->d);
    sp_free(memory);
    return info;
}
