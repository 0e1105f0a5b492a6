/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lu.c: what LU factorization does with a panel beyond LAPACK, whose row exchanges and triangular solves are far from the
 * speed of its products: exchanges become one gather per column, whose loads do not wait for each other, and the unit lower
 * triangle is solved with by the inverses of its diagonal blocks, so that nearly all of it is products (as in Tomov, Nath, Ltaief
 * and Dongarra, "Dense linear algebra solvers for multicore with GPU accelerators", 2010). Blocks are small, their entries at
 * most 1 in size: the inverses are harmless.
 */
#include <string.h>

#include "codelets.h"

#define BLOCK 64 /* order of the diagonal blocks that are inverted */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What goes with a panel: LAPACK's pivots, the lists that say the same at once, inverses of diagonal blocks. */
struct lists {
    int32_t *pivot, *source, *moved, *from; /* row i comes from row source[i]; below the panel, moved[k] from row from[k] */
    int32_t *count;                         /* of moved */
    char *inverse;
};

static struct lists lists_in(void *with, int64_t width)
{
    int32_t *p = with;
    struct lists l = { p, p + width, p + 2 * width, p + 3 * width, p + 4 * width, NULL };
    l.inverse = (char *)with + (((size_t)(4 * width + 1) * sizeof *p + 63) & ~(size_t)63);
    return l;
}

size_t sp_lu_bytes(const struct sp_dense *d, int64_t width)
{
    size_t blocks = (size_t)((width + BLOCK - 1) / BLOCK);
    return (((size_t)(4 * width + 1) * sizeof(int32_t) + 63) & ~(size_t)63) + blocks * BLOCK * BLOCK * (size_t)d->item;
}

/* Follows the exchanges on numbers instead of rows. */
static void list_moves(struct lists *l, int64_t rows, int64_t n, int32_t *at)
{
    int32_t count = 0;
    for (int64_t i = 0; i < rows; i++) at[i] = (int32_t)i;
    for (int64_t i = 0; i < n; i++) {
        int64_t p = l->pivot[i] - 1;
        int32_t row = at[p];
        at[p] = at[i];
        at[i] = row;
    }
    for (int64_t i = 0; i < n; i++) l->source[i] = at[i];
    for (int64_t i = 0; i < n; i++) { /* each row once, wherever it went in between */
        int64_t p = l->pivot[i] - 1;
        if (p < n || at[p] < 0) continue;
        l->moved[count] = (int32_t)p;
        l->from[count++] = at[p];
        at[p] = -1;
    }
    *l->count = count;
}

static void invert_blocks(const struct sp_dense *d, int64_t n, const char *panel, int64_t ld, char *inverse)
{
    for (int64_t b = 0; b < n; b += BLOCK, inverse += BLOCK * BLOCK * d->item) {
        int64_t size = least(BLOCK, n - b);
        memset(inverse, 0, (size_t)(BLOCK * BLOCK * d->item));
        for (int64_t j = 0; j < size; j++) {
            const char *from = panel + ((b + j) * ld + b + j) * d->item;
            memcpy(inverse + (j * BLOCK + j) * d->item, from, (size_t)((size - j) * d->item));
            memcpy(inverse + (j * BLOCK + j) * d->item, d->one, (size_t)d->item);
        }
        d->trtri('L', 'U', size, inverse, BLOCK);
    }
}

void sp_lu_list(const struct sp_dense *d, int64_t rows, int64_t cols, const void *panel, int64_t ld, void *with, void *scratch)
{
    struct lists l = lists_in(with, cols);
    list_moves(&l, rows, least(rows, cols), scratch);
    invert_blocks(d, least(rows, cols), panel, ld, l.inverse);
}

int sp_lu_factor(const struct sp_dense *d, int64_t rows, int64_t cols, void *panel, int64_t ld, void *with, void *scratch)
{
    int info = d->getrf(rows, cols, panel, ld, with);
    sp_lu_list(d, rows, cols, panel, ld, with, scratch);
    return info;
}

const int32_t *sp_lu_pivots(const void *with)
{
    return with;
}

int64_t sp_lu_moved(const void *with, int64_t cols, const int32_t **moved, const int32_t **from)
{
    struct lists l = lists_in((void *)(uintptr_t)with, cols);
    *moved = l.moved;
    *from = l.from;
    return *l.count;
}

/* The panel's rows of each column into `top`; what was there goes to where those came from. */
#define EXCHANGE(type) \
    for (int64_t j = 0; j < cols; j++) { \
        type *x = (type *)column + j * ld, *t = (type *)top + j * n; \
        for (int64_t i = 0; i < n; i++) t[i] = x[l->source[i]]; \
        for (int64_t i = 0; i < *l->count; i++) x[l->moved[i]] = x[l->from[i]]; \
    }

struct sixteen {
    uint64_t part[2];
};

static void exchange(const struct lists *l, int64_t n, int64_t cols, void *column, int64_t ld, size_t item, void *top)
{
    if (item == 4) EXCHANGE(uint32_t)
    else if (item == 8) EXCHANGE(uint64_t)
    else EXCHANGE(struct sixteen)
}

void sp_lu_swap(const struct sp_dense *d, int64_t width, int64_t cols, const void *with, int64_t listed, void *column, int64_t ld,
                void *scratch)
{
    struct lists l = lists_in((void *)(uintptr_t)with, listed);
    exchange(&l, width, cols, column, ld, (size_t)d->item, scratch);
    for (int64_t j = 0; j < cols; j++) {
        memcpy((char *)column + j * ld * d->item, (char *)scratch + j * width * d->item, (size_t)(width * d->item));
    }
}

void sp_lu_update(const struct sp_dense *d, int64_t rows, int64_t width, int64_t cols, const void *panel, int64_t panel_ld, const void *with,
                  int64_t listed, void *column, int64_t ld, void *scratch)
{
    struct lists l = lists_in((void *)(uintptr_t)with, listed);
    const char *a = panel;
    char *x = column, *top = scratch;
    exchange(&l, width, cols, column, ld, (size_t)d->item, top);
    for (int64_t b = 0; b < width; b += BLOCK) {
        int64_t size = least(BLOCK, width - b), rest = width - b - size;
        d->gemm('N', 'N', size, cols, size, 1, l.inverse + b * BLOCK * d->item, BLOCK, top + b * d->item, width, 0, x + b * d->item, ld);
        if (rest == 0) break;
        d->gemm('N', 'N', rest, cols, size, -1, a + (b * panel_ld + b + size) * d->item, panel_ld, x + b * d->item, ld, 1,
                top + (b + size) * d->item, width);
    }
    if (rows > width) d->gemm('N', 'N', rows - width, cols, width, -1, a + width * d->item, panel_ld, x, ld, 1, x + width * d->item, ld);
}

#define PERMUTE(type) \
    for (int64_t j = 0; j < cols; j++) { \
        type *x = (type *)column + j * ld, *t = scratch; \
        for (int64_t i = 0; i < rows; i++) t[i] = x[order[i]]; \
        memcpy(x, t, (size_t)rows * sizeof *x); \
    }

int64_t sp_lu_permute(int64_t rows, int64_t cols, size_t item, void *column, int64_t ld, const int64_t *order, void *scratch)
{
    for (int64_t i = 0; i < rows; i++) {
        if (order[i] < 0 || order[i] >= rows) return i;
    }
    if (item == 4) PERMUTE(uint32_t)
    else if (item == 8) PERMUTE(uint64_t)
    else PERMUTE(struct sixteen)
    return -1;
}
