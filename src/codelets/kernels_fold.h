/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_fold.h: how any reduction goes down the columns of a block: leaves of up to 32 rows and 64 columns, merged
 * pairwise. A narrow block is first read as a wider one with fewer rows, so a leaf's loops along a row are long enough to
 * be worth vectorising. The order depends on rows and cols only.
 */
#ifndef SP_KERNELS_FOLD_H
#define SP_KERNELS_FOLD_H

#include "kernels.h"

#define FOLD_ROWS 32
#define FOLD_COLS 64
#define FOLD_ACC 24 /* bytes of the largest accumulator */

struct block {
    const char *value;
    const int64_t *index; /* argmin and argmax, else NULL */
    size_t rows, cols, stride;
};

struct fold {
    size_t item, acc; /* bytes of an element, of an accumulator */
    void (*leaf)(const struct block *b, void *acc);
    void (*merge)(size_t n, void *into, const void *from, int64_t count_into, int64_t count_from);
};

/* Accumulators of a strip, on the stack. */
struct strip {
    _Alignas(16) char acc[FOLD_COLS * FOLD_ACC];
};

static struct block block_part(const struct fold *f, const struct block *b, size_t row, size_t col, size_t rows, size_t cols)
{
    size_t skip = row * b->stride + col;
    return (struct block){ b->value + skip * f->item, b->index ? b->index + skip : NULL, rows, cols, b->stride };
}

/* Up to FOLD_COLS columns. The recursion is as deep as the logarithm of rows. */
static void fold_strip(const struct fold *f, const struct block *b, void *acc)
{
    if (b->rows <= FOLD_ROWS) {
        f->leaf(b, acc);
        return;
    }
    size_t head = FOLD_ROWS;
    while (2 * head < b->rows) head *= 2;
    struct block first = block_part(f, b, 0, 0, head, b->cols);
    struct block second = block_part(f, b, head, 0, b->rows - head, b->cols);
    struct strip rest;
    fold_strip(f, &first, acc);
    fold_strip(f, &second, rest.acc);
    f->merge(b->cols, acc, rest.acc, (int64_t)head, (int64_t)(b->rows - head));
}

/* Every `ways` rows become one; their accumulators are then merged by halves, and the rows left over come last. */
static void fold_narrow(const struct fold *f, const struct block *b, size_t ways, void *acc)
{
    size_t each = b->rows / ways, whole = each * ways;
    struct block wide = { b->value, b->index, each, ways * b->cols, ways * b->cols };
    struct strip part;
    fold_strip(f, &wide, part.acc);
    for (size_t half = ways / 2, count = each; half; half /= 2, count *= 2) {
        f->merge(half * b->cols, part.acc, part.acc + half * b->cols * f->acc, (int64_t)count, (int64_t)count);
    }
    memcpy(acc, part.acc, b->cols * f->acc);
    if (whole == b->rows) return;
    struct block rest = block_part(f, b, whole, 0, b->rows - whole, b->cols);
    fold_strip(f, &rest, part.acc);
    f->merge(b->cols, acc, part.acc, (int64_t)whole, (int64_t)(b->rows - whole));
}

static void fold_columns(const struct fold *f, size_t rows, size_t cols, const void *const *src, void *acc, bool indexed)
{
    struct block b = { src[0], indexed ? src[1] : NULL, rows, cols, cols };
    size_t ways = 1;
    while (2 * ways * cols <= FOLD_COLS && 4 * ways <= rows) ways *= 2;
    if (ways > 1) {
        fold_narrow(f, &b, ways, acc);
        return;
    }
    for (size_t c = 0; c < cols; c += FOLD_COLS) {
        struct block strip = block_part(f, &b, 0, c, rows, smaller(cols - c, FOLD_COLS));
        fold_strip(f, &strip, (char *)acc + c * f->acc);
    }
}

/* The columns function of a reducer that has a leaf and a merge. */
#define FOLD_COLUMNS(id, kind, size, indexed) \
    static void columns_##kind##_##id(size_t rows, size_t cols, const void *const *src, void *acc) \
    { \
        const struct fold f = { sizeof(T_##id), size, leaf_##kind##_##id, merge_##kind##_##id }; \
        fold_columns(&f, rows, cols, src, acc, indexed); \
    }

#endif
