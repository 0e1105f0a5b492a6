/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * build_convolve.c: convolution and correlation of vectors, with the modes, dtypes and places of NumPy. Whole numbers, and whatever is
 * convolved with few elements, are multiplied and added up one shifted slice after the other, which is exact for integers
 * and costs a product per pair of elements; the rest goes through Fourier transforms.
 */
#include "temps.h"

#define FEW 32 /* elements from which on transforms are faster */

/* What of a full convolution is wanted. */
struct range {
    int64_t start, length;
};

static struct range find_range(int64_t longer, int64_t shorter, starp_convolve_mode mode, bool upper)
{
    if (mode == STARP_FULL) return (struct range){ 0, longer + shorter - 1 };
    if (mode == STARP_VALID) return (struct range){ shorter - 1, longer - shorter + 1 };
    return (struct range){ upper ? shorter / 2 : (shorter - 1) / 2, longer };
}

/* sum + b[j] x[start : start + length], or without sum that alone; takes sum. */
static struct sp_node *add_tap(struct sp_graph *g, struct sp_node *sum, struct sp_node *x, struct sp_node *b, int64_t j, int64_t start,
                               int64_t length)
{
    struct temps t = { .g = g };
    struct sp_node *tap = hold(&t, sp_build_slice(g, b, 1, &STARP_AT(j)));
    struct sp_node *product = op2(&t, SP_OP_multiply, tap, slice_along(&t, x, 0, start, start + length, 1));
    struct sp_node *next = hold(&t, sum) ? op2(&t, SP_OP_add, sum, product) : product;
    return finish(&t, next);
}

/* The shorter one comes second. */
static struct sp_node *direct(struct sp_graph *g, struct sp_node *a, struct sp_node *b, struct range r)
{
    int64_t m = a->shape.v[0], n = b->shape.v[0], before = n - 1 - r.start, after = r.start + r.length - m;
    struct sp_node *x = sp_build_pad_around(g, a, &(starp_dims){ 1, { before } }, &(starp_dims){ 1, { after } }), *sum = NULL;
    for (int64_t j = 0; j < n && x; j++) {
        sum = add_tap(g, sum, x, b, j, n - 1 - j, r.length);
        if (!sum) break;
    }
    if (x) sp_node_release(g, x);
    return sum;
}

static struct sp_node *by_transforms(struct sp_graph *g, struct sp_node *a, struct sp_node *b, struct range r)
{
    struct temps t = { .g = g };
    struct sp_node *full = hold(&t, sp_build_fftconvolve(g, "convolve", a, b, STARP_FULL, NULL, true));
    return finish(&t, slice_along(&t, full, 0, r.start, r.start + r.length, 1));
}

static bool are_vectors(struct sp_graph *g, const char *what, const struct sp_node *a, const struct sp_node *b)
{
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    if (a->shape.n == 1 && b->shape.n == 1 && a->shape.v[0] > 0 && b->shape.v[0] > 0) return true;
    sp_fail(&g->error, STARP_ERR_SHAPE, "%s: of shapes %s and %s; two vectors that are not empty are needed", what, sp_shape_text(s, &a->shape),
            sp_shape_text(t, &b->shape));
    return false;
}

/* upper: where a middle part of the full result can begin at two places, it begins at the second. */
static struct sp_node *convolve(struct sp_graph *g, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode, bool upper)
{
    struct temps t = { .g = g };
    starp_dtype d = sp_promote((starp_dtype)a->dtype, (starp_dtype)b->dtype);
    bool swap = b->shape.v[0] > a->shape.v[0];
    struct sp_node *x = hold(&t, sp_build_cast(g, swap ? b : a, d)), *y = hold(&t, sp_build_cast(g, swap ? a : b, d));
    if (!x || !y) return finish(&t, NULL);
    struct range r = find_range(x->shape.v[0], y->shape.v[0], mode, upper);
    bool few = y->shape.v[0] <= FEW || sp_dtypes[d].cls <= SP_CLASS_I;
    return finish(&t, hold(&t, few ? direct(g, x, y, r) : by_transforms(g, x, y, r)));
}

struct sp_node *sp_build_convolve(struct sp_graph *g, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode)
{
    if (!a || !b || !are_vectors(g, "convolve", a, b)) return NULL;
    return convolve(g, a, b, mode, false);
}

struct sp_node *sp_build_correlate(struct sp_graph *g, struct sp_node *a, struct sp_node *b, starp_convolve_mode mode)
{
    struct temps t = { .g = g };
    if (!a || !b || !are_vectors(g, "correlate", a, b)) return NULL;
    struct sp_node *back = hold(&t, sp_build_flip(g, b, NULL)), *c = back && is_complex(back) ? op1(&t, SP_OP_conj, back) : back;
    return finish(&t, c ? hold(&t, convolve(g, a, c, mode, b->shape.v[0] > a->shape.v[0])) : NULL);
}
