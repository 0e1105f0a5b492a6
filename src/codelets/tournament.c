/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tournament.c: the kernels of tournament pivoting (Grigori, Demmel and Xiang, "CALU: a communication optimal LU factorization
 * algorithm", 2011). Each block of a panel's rows proposes as many rows as the panel has columns, those that partial pivoting
 * would take in it; two proposals become one in the same way, on rows as they were, not as eliminated. The last such match has
 * the panel's pivots, and in its top rows their factors, so that other rows only need a triangular solve.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "codelets.h"

#define STRIP 8  /* rows copied together: cache lines are used whole whichever way a matrix lies */
#define BLOCK 64 /* columns solved for at a time: nearly all of it is products */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A leading dimension that columns do not fall over in caches. */
static int64_t padded(int64_t rows)
{
    int64_t n = (rows + 7) / 8 * 8;
    return n % 64 == 0 ? n + 8 : n;
}

/* ----------------------------------------------------------------------------------------------------------- copies */

static inline __attribute__((always_inline)) void copy_items(size_t item, int64_t rows, int64_t cols, const int32_t *list,
                                                             struct sp_strided from, struct sp_strided to)
{
    for (int64_t strip = 0; strip < rows; strip += STRIP) {
        int64_t end = least(strip + STRIP, rows);
        for (int64_t j = 0; j < cols; j++) {
            for (int64_t i = strip; i < end; i++) {
                memcpy(to.at + i * to.row + j * to.col, from.at + (list ? list[i] : i) * from.row + j * from.col, item);
            }
        }
    }
}

/* Rows of a matrix, all or those on a list. */
static void copy_rows(int64_t item, int64_t rows, int64_t cols, const int32_t *list, struct sp_strided from, struct sp_strided to)
{
    if (!list && from.row == item && to.row == item) {
        for (int64_t j = 0; j < cols; j++) memcpy(to.at + j * to.col, from.at + j * from.col, (size_t)(rows * item));
    } else if (item == 4) copy_items(4, rows, cols, list, from, to);
    else if (item == 8) copy_items(8, rows, cols, list, from, to);
    else copy_items(16, rows, cols, list, from, to);
}

void sp_strided_copy(const struct sp_dense *d, int64_t rows, int64_t cols, struct sp_strided from, struct sp_strided to)
{
    copy_rows(d->item, rows, cols, NULL, from, to);
}

static struct sp_strided columns(const struct sp_dense *d, void *at, int64_t ld)
{
    return (struct sp_strided){ at, d->item, ld * d->item };
}

static struct sp_strided row_of(struct sp_strided m, int64_t row)
{
    m.at += row * m.row;
    return m;
}

/* ---------------------------------------------------------------------------------------------------------- matches */

/* What a block, or a match, proposes: rows of the panel, column-major, and their numbers. */
struct proposal {
    char *value;
    int32_t *number;
};

static struct proposal proposal_in(const struct sp_dense *d, int64_t cols, const void *at)
{
    char *value = (char *)(uintptr_t)at;
    return (struct proposal){ value, (int32_t *)(void *)(value + (size_t)(cols * cols * d->item)) };
}

size_t sp_tournament_bytes(const struct sp_dense *d, int64_t cols)
{
    return (size_t)(cols * cols * d->item) + (size_t)cols * sizeof(int32_t);
}

/* A match: rows as they are, the same factored, and in which order pivoting has brought them. */
struct match {
    int64_t rows, ld;
    char *row, *factored;
    int32_t *pivot, *order;
};

static struct match match_in(const struct sp_dense *d, int64_t rows, int64_t cols, void *scratch)
{
    struct match m = { .rows = rows, .ld = padded(rows), .factored = scratch };
    m.pivot = (int32_t *)(void *)(m.factored + m.ld * cols * d->item);
    m.order = m.pivot + cols;
    m.row = (char *)(m.pivot + padded(rows + cols));
    return m;
}

size_t sp_tournament_scratch(const struct sp_dense *d, int64_t rows, int64_t cols, bool both)
{
    size_t matrix = (size_t)(padded(rows) * cols * d->item);
    return (both ? 2 : 1) * matrix + (size_t)padded(rows + cols) * sizeof(int32_t);
}

static void play(const struct sp_dense *d, struct match *m, int64_t cols)
{
    d->getrf(m->rows, cols, m->factored, m->ld, m->pivot);
    for (int64_t i = 0; i < m->rows; i++) m->order[i] = (int32_t)i;
    for (int64_t i = 0; i < cols; i++) {
        int32_t row = m->order[m->pivot[i] - 1];
        m->order[m->pivot[i] - 1] = m->order[i];
        m->order[i] = row;
    }
}

void sp_tournament_propose(const struct sp_dense *d, int64_t first, int64_t rows, int64_t cols, struct sp_strided panel, void *to, void *scratch)
{
    struct match m = match_in(d, rows, cols, scratch);
    struct proposal p = proposal_in(d, cols, to);
    struct sp_strided block = row_of(panel, first);
    copy_rows(d->item, rows, cols, NULL, block, columns(d, m.factored, m.ld));
    play(d, &m, cols);
    copy_rows(d->item, cols, cols, m.order, block, columns(d, p.value, cols));
    for (int64_t i = 0; i < cols; i++) p.number[i] = (int32_t)first + m.order[i];
}

/* Two proposals on top of each other. */
static void stack(const struct sp_dense *d, int64_t cols, struct proposal a, struct proposal b, struct sp_strided to)
{
    copy_rows(d->item, cols, cols, NULL, columns(d, a.value, cols), to);
    copy_rows(d->item, cols, cols, NULL, columns(d, b.value, cols), row_of(to, cols));
}

/* The numbers of the rows that have won. */
static void number_winners(const struct match *m, int64_t cols, struct proposal a, struct proposal b, int32_t *number)
{
    for (int64_t i = 0; i < cols; i++) number[i] = m->order[i] < cols ? a.number[m->order[i]] : b.number[m->order[i] - cols];
}

void sp_tournament_merge(const struct sp_dense *d, int64_t cols, void *to, const void *with, void *scratch)
{
    struct match m = match_in(d, 2 * cols, cols, scratch);
    struct proposal a = proposal_in(d, cols, to), b = proposal_in(d, cols, with);
    stack(d, cols, a, b, columns(d, m.row, m.ld));
    memcpy(m.factored, m.row, (size_t)(m.ld * cols * d->item));
    play(d, &m, cols);
    copy_rows(d->item, cols, cols, m.order, columns(d, m.row, m.ld), columns(d, a.value, cols));
    number_winners(&m, cols, a, b, m.pivot);
    memcpy(a.number, m.pivot, (size_t)cols * sizeof *a.number);
}

/* ------------------------------------------------------------------------------------------------------- the outcome */

/* Whether an element on the diagonal is zero, or so small that its reciprocal may overflow. */
static bool has_tiny(starp_dtype dtype, int64_t n, const char *a, int64_t ld)
{
    bool single = sp_dtype_real(dtype) == STARP_F32;
    int64_t item = sp_dtypes[dtype].size, parts = item / (single ? 4 : 8);
    for (int64_t j = 0; j < n; j++) {
        const void *at = a + (j * ld + j) * item;
        bool tiny = true;
        for (int64_t k = 0; k < parts; k++) {
            tiny = tiny && (single ? fabsf(((const float *)at)[k]) < FLT_MIN : fabs(((const double *)at)[k]) < DBL_MIN);
        }
        if (tiny) return true;
    }
    return false;
}

/* As exchanges one after another, from 1: a row that an earlier one has moved is where that has put it. */
static void list_exchanges(int64_t n, const int32_t *number, int32_t *pivot)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t at = number[i];
        while (at < i) at = pivot[at] - 1;
        pivot[i] = at + 1;
    }
}

bool sp_tournament_decide(const struct sp_dense *d, starp_dtype dtype, int64_t cols, const void *a, const void *b, int32_t *pivot, void *top,
                          int64_t ld, void *scratch)
{
    struct match m = match_in(d, 2 * cols, cols, scratch);
    struct proposal p = proposal_in(d, cols, a), q = proposal_in(d, cols, b);
    stack(d, cols, p, q, columns(d, m.factored, m.ld));
    play(d, &m, cols);
    if (has_tiny(dtype, cols, m.factored, m.ld)) return false;
    number_winners(&m, cols, p, q, m.pivot);
    list_exchanges(cols, m.pivot, pivot);
    copy_rows(d->item, cols, cols, NULL, columns(d, m.factored, m.ld), columns(d, top, ld));
    return true;
}

/* x = x inv(u). */
static void solve_with(const struct sp_dense *d, int64_t rows, int64_t cols, const char *u, int64_t ldu, char *x, int64_t ldx)
{
    for (int64_t j = 0; j < cols; j += BLOCK) {
        int64_t n = least(BLOCK, cols - j);
        const char *column = u + j * ldu * d->item;
        char *y = x + j * ldx * d->item;
        if (j > 0) d->gemm('N', 'N', rows, n, j, -1, x, ldx, column, ldu, 1, y, ldx);
        d->trsm('R', 'U', 'N', 'N', rows, n, column + j * d->item, ldu, y, ldx);
    }
}

void sp_tournament_solve(const struct sp_dense *d, int64_t first, int64_t rows, int64_t cols, const void *with, struct sp_strided panel,
                         void *copy, int64_t ld, void *scratch)
{
    const int32_t *moved, *from;
    int64_t count = sp_lu_moved(with, cols, &moved, &from);
    struct sp_strided x = columns(d, scratch, padded(rows)), block = row_of(panel, first);
    copy_rows(d->item, rows, cols, NULL, block, x);
    for (int64_t k = 0; k < count; k++) {
        if (moved[k] >= first && moved[k] < first + rows) copy_rows(d->item, 1, cols, &from[k], panel, row_of(x, moved[k] - first));
    }
    solve_with(d, rows, cols, copy, ld, scratch, padded(rows));
    copy_rows(d->item, rows, cols, NULL, x, block);
    copy_rows(d->item, rows, cols, NULL, x, row_of(columns(d, copy, ld), first));
}
