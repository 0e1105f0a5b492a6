/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_frame_node.c: sp_build_like, the decoder's door: it makes what the other builders make, and refuses what none of
 * them would: views of what is not there, indices that overflow, operations that need another dtype.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define FAR (INT64_C(1) << 62)

/* What descriptions are about, by letters: x f64 (4, 5); b bool (4, 5); e f64 (0, 5); i iota (4, 5); c f64 (); v view of x; s f64 (4, 4);
 * w f64 (3, 4, 4); n i32 (4, 4); z c128 (4, 5); q the QR factorization of x, p its second result; m the product of s and x. */
struct bench {
    struct sp_graph g;
    struct sp_node *at[128];
};

static void bench_open(struct bench *s)
{
    sp_graph_init(&s->g, NULL, NULL);
    memset(s->at, 0, sizeof s->at);
    struct sp_node *random = sp_build_random(&s->g, SP_OP_uniform, STARP_SHAPE(4, 5), STARP_F64, 1, 2, 0, 0);
    s->at['x'] = sp_build_data(&s->g, STARP_SHAPE(4, 5), STARP_F64, NULL);
    s->at['b'] = sp_build_data(&s->g, STARP_SHAPE(4, 5), STARP_BOOL, NULL);
    s->at['e'] = sp_build_data(&s->g, STARP_SHAPE(0, 5), STARP_F64, NULL);
    s->at['i'] = sp_node_retain(random->in[0]);
    s->at['c'] = sp_build_const(&s->g, STARP_SHAPE0, STARP_F64, starp_number_real(3), false);
    s->at['v'] = sp_build_permute(&s->g, s->at['x'], NULL);
    s->at['s'] = sp_build_data(&s->g, STARP_SHAPE(4, 4), STARP_F64, NULL);
    s->at['w'] = sp_build_data(&s->g, STARP_SHAPE(3, 4, 4), STARP_F64, NULL);
    s->at['n'] = sp_build_data(&s->g, STARP_SHAPE(4, 4), STARP_I32, NULL);
    s->at['z'] = sp_build_data(&s->g, STARP_SHAPE(4, 5), STARP_C128, NULL);
    s->at['q'] = sp_build_factor(&s->g, SP_CALL_qr, s->at['x'], 0);
    s->at['p'] = sp_build_part(&s->g, s->at['q'], 1);
    s->at['m'] = sp_build_matmul(&s->g, s->at['s'], s->at['x']);
    sp_node_release(&s->g, random);
}

static void bench_close(struct bench *s)
{
    for (int i = 0; i < 128; i++) {
        if (s->at[i]) sp_node_release(&s->g, s->at[i]);
    }
    assert_int_equal(s->g.live, 0);
    sp_graph_free(&s->g);
}

struct description {
    const char *what;
    const char *in;
    uint8_t kind, dtype;
    uint16_t op;
    starp_dims shape;
    struct sp_view view;
    uint32_t axes;
    bool weak;
    unsigned char param[SP_PARAM_SIZE];
};

static struct sp_node *build(struct bench *s, const struct description *d)
{
    struct sp_view view = d->view;
    struct sp_node m = { .kind = d->kind, .dtype = d->dtype, .op = d->op, .shape = d->shape, .weak = d->weak };
    m.view = &view;
    m.reduce_axes = d->axes;
    for (const char *c = d->in ? d->in : ""; *c; c++) m.in[m.nin++] = s->at[(int)*c];
    memcpy(m.param, d->param, sizeof m.param);
    sp_error_clear(&s->g.error);
    return sp_build_like(&s->g, &m);
}

#define MAP(name, to, ...) .kind = SP_KIND_MAP, .op = SP_OP_##name, .dtype = STARP_##to, .shape = { __VA_ARGS__ }
#define REDUCE(name, to, set, ...) \
    .kind = SP_KIND_REDUCE, .op = SP_REDUCE_##name, .dtype = STARP_##to, .axes = set, .shape = { __VA_ARGS__ }
#define VIEW(...) .kind = SP_KIND_VIEW, .dtype = STARP_F64, .shape = { __VA_ARGS__ }
#define IOTA(...) .kind = SP_KIND_IOTA, .dtype = STARP_I64, .shape = { __VA_ARGS__ }
#define CONST(to, ...) .kind = SP_KIND_CONST, .dtype = STARP_##to, .shape = { __VA_ARGS__ }
#define RANKS(rows, cols, ...) \
    .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 2, { rows, cols } }, .param = { __VA_ARGS__ }
#define BY(n, ...) .view = { n, __VA_ARGS__ }
#define CALL(name, to, ...) .kind = SP_KIND_CALL, .op = SP_CALL_##name, .dtype = STARP_##to, .shape = { __VA_ARGS__ }
/* An operation along an axis: of fft also inverse and scale, then n and the first place of pad; all below 256. */
#define ALONG(axis, inverse, scale, n, first) .param = { [0] = axis, [4] = inverse, [8] = scale, [16] = n, [24] = first }
/* Of a ppeval: how many results, bits of wholes, ragged, bits of items. */
#define SLICES(results, wholes, ragged, items) .param = { [4] = results, [5] = wholes, [6] = ragged, [7] = items }
/* One along two: below 256, but for what is said to be above. */
#define OVER(first, second, n0, n1, inverse, scale) \
    .param = { [0] = first, [4] = second, [8] = (n0) & 255, (n0) >> 8 & 255, (n0) >> 16, [12] = (n1) & 255, (n1) >> 8 & 255, (n1) >> 16, [16] = inverse, [20] = scale }
#define PART(k, to, ...) .kind = SP_KIND_PART, .op = k, .dtype = STARP_##to, .shape = { __VA_ARGS__ }

static const struct description good[] = {
    { "a view", "x", VIEW(2, { 5, 4 }), BY(2, { 1, 0 }, { 0, 0 }, { 1, 1 }) },
    { "a flip", "x", VIEW(2, { 4, 5 }), BY(2, { 0, 1 }, { 3, 0 }, { -1, 1 }) },
    { "a step with one element", "x", VIEW(2, { 1, 5 }), BY(2, { 0, 1 }, { 3, 0 }, { 3, 1 }) },
    { "an element", "x", VIEW(0), BY(2, { -1, -1 }, { 3, 4 }, { 0, 0 }) },
    { "a row, broadcast", "x", VIEW(3, { 9, 0, 5 }), BY(2, { -1, 2 }, { 1, 0 }, { 0, 1 }) },
    { "a view of nothing", "e", VIEW(2, { 5, 0 }), BY(2, { 1, 0 }, { 0, 0 }, { 1, 1 }) },
    { "a huge index", NULL, IOTA(2, { FAR >> 3, 2 }), BY(2, { 0, 1 }, { -FAR, 0 }, { 8, FAR }) },
    { "a constant", NULL, CONST(F64, 2, { FAR / 8, 0 }), .param = { 1, 2, 3, 4, 5, 6, 7, 8 } },
    { "a weak scalar", NULL, CONST(C128, 0), .weak = true, .param = { [15] = 255 } },
    { "an operation", "xc", MAP(add, F64, 2, { 4, 5 }) },
    { "a selection", "bxc", MAP(where, F64, 2, { 4, 5 }) },
    { "a copy", "x", MAP(copy, F64, 2, { 4, 5 }) },
    { "a cast", "x", MAP(cast, U8, 2, { 4, 5 }) },
    { "an arange", "i", MAP(arange, C64, 2, { 4, 5 }), .param = { [15] = 1 } },
    { "integers", "i", MAP(integers, I8, 2, { 4, 5 }), .param = { [31] = 1 } },
    { "a function of the user's", "x", MAP(apply1, I32, 2, { 4, 5 }), .param = "\7\0\0\0gelu" },
    { "one that nobody knows, of three", "xcx", MAP(apply3, C64, 2, { 4, 5 }), .param = { 255, 255, 255, 255 } },
    { "a sum", "x", REDUCE(SUM, F64, 1, 1, { 5 }) },
    { "a variance", "x", REDUCE(VAR, F64, 3, 2, { 1, 1 }) },
    { "a reshape", "v", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 3, { 2, 5, 2 } } },
    { "a grid of ranks", "x", RANKS(4, 5, 2, 0, 0, 0, 3) },
    { "a ppeval", "x", CALL(ppeval, F64, 2, { 4, 3 }), SLICES(1, 0, 0, 0) },
    { "a ppeval with a whole", "xwc", CALL(ppeval, C64, 1, { 4 }), SLICES(1, 6, 0, 0) },
    { "a ragged ppeval", "x", CALL(ppeval, I64, 2, { 4, 36 }), SLICES(2, 0, 1, 0) },
    { "a product", "sx", CALL(matmul, F64, 2, { 4, 5 }) },
    { "a product of a view", "vx", CALL(matmul, F64, 2, { 5, 5 }) },
    { "a product of integers", "nn", CALL(matmul, I32, 2, { 4, 4 }) },
    { "an LU factorization", "w", CALL(lu, F64, 3, { 3, 4, 4 }) },
    { "a solution", "sx", CALL(solve, F64, 2, { 4, 5 }) },
    { "a triangular solution", "sx", CALL(triangular, F64, 2, { 4, 5 }), .param = { [0] = 1, [4] = 1 } },
    { "an upper Cholesky factor", "s", CALL(cholesky, F64, 2, { 4, 4 }), .param = { 1 } },
    { "a complete QR factorization", "v", CALL(qr, F64, 2, { 5, 5 }), .param = { 1 } },
    { "singular values", "x", CALL(svdvals, F64, 1, { 4 }) },
    { "eigenvalues", "w", CALL(eig, C128, 2, { 3, 4 }) },
    { "least squares", "xs", CALL(lstsq, F64, 2, { 5, 4 }), .param = { [7] = 63 } },
    { "a transform", "z", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 0, SP_FFT_BY_NOTHING, 5, 0) },
    { "an inverse transform, filled up", "z", CALL(fft, C128, 2, { 9, 5 }), ALONG(0, 1, SP_FFT_BY_ROOT, 9, 0) },
    { "a transform of reals", "v", CALL(rfft, C128, 2, { 5, 3 }), ALONG(1, 0, SP_FFT_BY_N, 4, 0) },
    { "a transform of one half", "z", CALL(irfft, F64, 2, { 4, 9 }), ALONG(1, 0, SP_FFT_BY_N, 9, 0) },
    { "the shortest transform", "e", CALL(rfft, C128, 2, { 1, 5 }), ALONG(0, 0, 0, 1, 0) },
    { "a transform over a plane", "z", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 0, 5, 4, 0, SP_FFT_BY_NOTHING) },
    { "an inverse one, filled up", "z", CALL(fft2, C128, 2, { 65536, 7 }), OVER(0, 1, 65536, 7, 1, SP_FFT_BY_ROOT) },
    { "one of reals", "v", CALL(rfft2, C128, 2, { 9, 4 }), OVER(1, 0, 6, 9, 0, SP_FFT_BY_N) },
    { "one of one half", "z", CALL(irfft2, F64, 2, { 6, 9 }), OVER(0, 1, 6, 9, 0, SP_FFT_BY_N) },
    { "one of nothing", "e", CALL(rfft2, C128, 2, { 2, 5 }), OVER(0, 1, 2, 5, 0, 0) },
    { "zeros around", "b", CALL(pad, BOOL, 2, { 4, 9 }), ALONG(1, 0, 0, 9, 4) },
    { "zeros around nothing", "e", CALL(pad, F64, 2, { 3, 5 }), ALONG(0, 0, 0, 3, 3) },
    { "zeros around a result", "p", CALL(pad, F64, 2, { 4, 5 }), ALONG(0, 0, 0, 4, 0) },
    { "the first of two results", "q", PART(0, F64, 2, { 4, 4 }) },
    { "the second", "q", PART(1, F64, 2, { 4, 5 }) },
    { "a sum of a result", "p", REDUCE(SUM, F64, 1, 1, { 5 }) },
    { "a factorization of a result", "p", CALL(lu, F64, 2, { 4, 5 }) },
};

static const struct description bad[] = {
    { "no kind", NULL, .kind = SP_KINDS },
    { "a value", NULL, .kind = SP_KIND_DATA, .dtype = STARP_F64 },
    { "no dtype", NULL, .kind = SP_KIND_CONST, .dtype = STARP_NDTYPES },
    { "a negative extent", NULL, CONST(F64, 1, { -1 }) },
    { "too large", NULL, CONST(F64, 2, { FAR, 2 }) },
    { "a constant of something", "x", CONST(F64, 0) },
    { "a weak array", NULL, CONST(F64, 1, { 1 }), .weak = true },
    { "a weak f32", NULL, CONST(F32, 0), .weak = true },
    { "a bool that is 2", NULL, CONST(BOOL, 0), .param = { 2 } },
    { "more than an element", NULL, CONST(F32, 0), .param = { [4] = 1 } },
    { "a constant operation", NULL, .kind = SP_KIND_CONST, .dtype = STARP_F64, .op = 1 },
    { "constant axes", NULL, CONST(F64, 0), .axes = 1 },
    { "an f64 index", NULL, .kind = SP_KIND_IOTA, .dtype = STARP_F64 },
    { "an index too high", NULL, IOTA(2, { FAR >> 3, 2 }), BY(2, { 0, 1 }, { 8, 0 }, { 8, FAR }) },
    { "an index too low", NULL, IOTA(2, { FAR >> 3, 2 }), BY(2, { 0, 1 }, { -FAR, 0 }, { -8, -FAR }) },
    { "a stride too long", NULL, IOTA(1, { 3 }), BY(1, { 0 }, { 0 }, { FAR }) },
    { "a stride that has no opposite", NULL, IOTA(1, { 1 }), BY(1, { 0 }, { 0 }, { INT64_MIN }) },
    { "no such operation", "xx", .kind = SP_KIND_MAP, .op = SP_OPS, .dtype = STARP_F64, .shape = { 2, { 4, 5 } } },
    { "a function without a name's end", "x", MAP(apply1, F64, 2, { 4, 5 }), .param = "\7\0\0\0xxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
    { "bytes behind a function's name", "x", MAP(apply1, F64, 2, { 4, 5 }), .param = { [4] = 'f', [6] = 1 } },
    { "a function of too few", "x", MAP(apply2, F64, 2, { 4, 5 }), .param = { 7 } },
    { "a function of too many", "xx", MAP(apply1, F64, 2, { 4, 5 }), .param = { 7 } },
    { "a function of four", "xxxx", MAP(apply3, F64, 2, { 4, 5 }), .param = { 7 } },
    { "a function of what is not converted", "xi", MAP(apply2, F64, 2, { 4, 5 }), .param = { 7 } },
    { "a function of what does not fit", "xe", MAP(apply2, F64, 2, { 4, 5 }), .param = { 7 } },
    { "a function to another shape", "x", MAP(apply1, F64, 2, { 5, 4 }), .param = { 7 } },
    { "a pair of operations", "xxx", MAP(muladd, F64, 2, { 4, 5 }) },
    { "an operand too few", "x", MAP(add, F64, 2, { 4, 5 }) },
    { "an operand too many", "xx", MAP(sqrt, F64, 2, { 4, 5 }) },
    { "operands that do not fit", "xe", MAP(add, F64, 2, { 4, 5 }) },
    { "operands not converted", "xi", MAP(add, F64, 2, { 4, 5 }) },
    { "a condition not converted", "xxx", MAP(where, F64, 2, { 4, 5 }) },
    { "a dtype it does not have", "bb", MAP(subtract, BOOL, 2, { 4, 5 }) },
    { "another dtype", "xx", MAP(add, F32, 2, { 4, 5 }) },
    { "another shape", "xx", MAP(add, F64, 2, { 5, 4 }) },
    { "a cast to what it is", "x", MAP(cast, F64, 2, { 4, 5 }) },
    { "a cast to nothing", "x", .kind = SP_KIND_MAP, .op = SP_OP_cast, .dtype = 200, .shape = { 2, { 4, 5 } } },
    { "a generator of values", "x", MAP(uniform, F64, 2, { 4, 5 }) },
    { "a generator of nothing", "", MAP(uniform, F64, 2, { 4, 5 }) },
    { "uniform integers", "i", MAP(uniform, I64, 2, { 4, 5 }) },
    { "integers that are floats", "i", MAP(integers, F64, 2, { 4, 5 }) },
    { "bools in a row", "i", MAP(arange, BOOL, 2, { 4, 5 }) },
    { "a parameter too many", "i", MAP(normal, F64, 2, { 4, 5 }), .param = { [16] = 1 } },
    { "a view of a view", "v", VIEW(2, { 5, 4 }), BY(2, { 0, 1 }, { 0, 0 }, { 1, 1 }) },
    { "a view of a constant", "c", VIEW(1, { 7 }), BY(0) },
    { "a view of an index", "i", .kind = SP_KIND_VIEW, .dtype = STARP_I64, .shape = { 2, { 4, 5 } },
      BY(2, { 0, 1 }, { 0, 0 }, { 1, 1 }) },
    { "a view of two", "xx", VIEW(2, { 5, 4 }), BY(2, { 1, 0 }, { 0, 0 }, { 1, 1 }) },
    { "a view of fewer axes", "x", VIEW(1, { 4 }), BY(1, { 0 }, { 0 }, { 1 }) },
    { "an axis that is not there", "x", VIEW(2, { 4, 5 }), BY(2, { 0, 2 }, { 0, 0 }, { 1, 1 }) },
    { "an axis before the first", "x", VIEW(2, { 4, 5 }), BY(2, { 0, -2 }, { 0, 0 }, { 1, 0 }) },
    { "a diagonal", "x", VIEW(1, { 4 }), BY(2, { 0, 0 }, { 0, 0 }, { 1, 1 }) },
    { "a start behind the end", "x", VIEW(2, { 0, 5 }), BY(2, { 0, 1 }, { 4, 0 }, { 1, 1 }) },
    { "a start before the beginning", "x", VIEW(2, { 1, 5 }), BY(2, { 0, 1 }, { -1, 0 }, { 1, 1 }) },
    { "an end behind the end", "x", VIEW(2, { 4, 5 }), BY(2, { 0, 1 }, { 1, 0 }, { 1, 1 }) },
    { "an end before the beginning", "x", VIEW(2, { 4, 5 }), BY(2, { 0, 1 }, { 2, 0 }, { -1, 1 }) },
    { "an end that wraps around", "x", VIEW(2, { FAR, 0 }), BY(2, { 0, 1 }, { 0, 0 }, { 3, 1 }) },
    { "a step too long", "x", VIEW(2, { 1, 5 }), BY(2, { 0, 1 }, { 0, 0 }, { 4, 1 }) },
    { "no step", "x", VIEW(2, { 4, 5 }), BY(2, { 0, 1 }, { 0, 0 }, { 0, 1 }) },
    { "a step without an axis", "x", VIEW(1, { 5 }), BY(2, { -1, 0 }, { 0, 0 }, { 1, 1 }) },
    { "an element of nothing", "e", VIEW(1, { 5 }), BY(2, { -1, 0 }, { 0, 0 }, { 0, 1 }) },
    { "more than nothing", "e", VIEW(2, { 1, 5 }), BY(2, { 0, 1 }, { 0, 0 }, { 1, 1 }) },
    { "an end far away", "x", VIEW(2, { FAR >> 4, 5 }), BY(2, { 0, 1 }, { 0, 0 }, { 3, 1 }) },
    { "a reshape to more", "x", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 1, { 21 } } },
    { "a reshape to the same", "x", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 2, { 4, 5 } } },
    { "a reshape that is a view", "x", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 3, { 4, 1, 5 } } },
    { "a reshaped constant", "c", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 1, { 1 } } },
    { "a reshaped index", "i", .kind = SP_KIND_RESHAPE, .dtype = STARP_I64, .shape = { 1, { 20 } } },
    { "a grid without columns", "x", RANKS(4, 5, 2) },
    { "a grid without rows", "x", RANKS(4, 5, 0, 0, 0, 0, 2) },
    { "a negative grid", "x", RANKS(4, 5, 1, 0, 0, 0, 255, 255, 255, 255) },
    { "too many ranks", "x", RANKS(4, 5, 1, 0, 16, 0, 1) },
    { "a grid for another shape", "x", RANKS(5, 4, 1, 0, 0, 0, 1) },
    { "no such reduction", "x", .kind = SP_KIND_REDUCE, .op = SP_REDUCES, .dtype = STARP_F64, .axes = 1,
      .shape = { 1, { 5 } } },
    { "a reduction of no axes", "x", REDUCE(SUM, F64, 0, 2, { 4, 5 }) },
    { "a reduction of more axes", "x", REDUCE(SUM, F64, 4, 2, { 4, 5 }) },
    { "a reduction to another shape", "x", REDUCE(SUM, F64, 1, 1, { 4 }) },
    { "a sum not converted", "b", REDUCE(SUM, I64, 1, 1, { 5 }) },
    { "a sum of nothing", "e", REDUCE(SUM, F64, 1, 1, { 5 }) },
    { "a sum of an index", "i", REDUCE(SUM, I64, 1, 1, { 5 }) },
    { "a place without an index", "x", REDUCE(ARGMAX, I64, 1, 1, { 5 }) },
    { "a place by another index", "xi", REDUCE(ARGMAX, I64, 1, 1, { 5 }) },
    { "a place by values", "xx", REDUCE(ARGMAX, I64, 1, 1, { 5 }) },
    { "a sum with an index", "xi", REDUCE(SUM, F64, 3, 0, { 0 }) },
    { "a ppeval of no result", "x", CALL(ppeval, F64, 2, { 4, 3 }) },
    { "a ppeval of too many results", "x", CALL(ppeval, F64, 2, { 4, 3 }), SLICES(2, 0, 0, 0) },
    { "a ppeval that counts otherwise", "x", CALL(ppeval, F64, 2, { 5, 3 }), SLICES(1, 0, 0, 0) },
    { "a ppeval of other slices", "xw", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 0, 0, 0) },
    { "a ppeval of nothing but wholes", "xs", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 3, 0, 0) },
    { "a ppeval with a whole that is not there", "x", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 2, 0, 0) },
    { "a ppeval of a number's slices", "c", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 0, 0, 0) },
    { "a ppeval that costs less than nothing", "x", CALL(ppeval, F64, 1, { 4 }), .param = { [4] = 1, [11] = 0xbf } },
    { "a ppeval that costs no number", "x", CALL(ppeval, F64, 1, { 4 }), .param = { [4] = 1, [10] = 0xc0, [11] = 0x7f } },
    { "a table of another width", "x", CALL(ppeval, I64, 2, { 4, 37 }), SLICES(2, 0, 1, 0) },
    { "a table of another dtype", "x", CALL(ppeval, F64, 2, { 4, 36 }), SLICES(2, 0, 1, 0) },
    { "items without a table", "xs", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 1, 0, 1) },
    { "items at the end", "xs", CALL(ppeval, F64, 1, { 4 }), SLICES(1, 2, 0, 2) },
    { "items of no table", "s", CALL(items, F64, 1, { 7 }), .param = { [12] = STARP_F64, [16] = 7 } },
    { "no such call", "x", .kind = SP_KIND_CALL, .op = SP_CALLS_COUNT, .dtype = STARP_F64, .shape = { 2, { 4, 5 } } },
    { "a product of one", "s", CALL(matmul, F64, 2, { 4, 4 }) },
    { "a product of three", "sss", CALL(matmul, F64, 2, { 4, 4 }) },
    { "a factorization of two", "ss", CALL(lu, F64, 2, { 4, 4 }) },
    { "a factorization of nothing", "", CALL(lu, F64, 2, { 4, 4 }) },
    { "a product that does not fit", "xs", CALL(matmul, F64, 2, { 4, 4 }) },
    { "a product of another shape", "sx", CALL(matmul, F64, 2, { 5, 4 }) },
    { "a product of another dtype", "sx", CALL(matmul, F32, 2, { 4, 5 }) },
    { "a product of two dtypes", "sn", CALL(matmul, F64, 2, { 4, 4 }) },
    { "a product of bools", "bv", .kind = SP_KIND_CALL, .op = SP_CALL_matmul, .dtype = STARP_BOOL, .shape = { 2, { 4, 4 } } },
    { "a product of two batches", "sw", CALL(matmul, F64, 3, { 3, 4, 4 }) },
    { "a product of an index", "ii", CALL(matmul, I64, 2, { 4, 5 }) },
    { "a factorization of integers", "n", CALL(lu, F64, 2, { 4, 4 }) },
    { "a factorization of a number", "c", CALL(lu, F64, 0) },
    { "a solution for no square", "xx", CALL(solve, F64, 2, { 4, 5 }) },
    { "real eigenvalues", "s", CALL(eig, F64, 1, { 4 }) },
    { "a product with an option", "ss", CALL(matmul, F64, 2, { 4, 4 }), .param = { 1 } },
    { "an option beyond its flags", "s", CALL(cholesky, F64, 2, { 4, 4 }), .param = { 2 } },
    { "a second option", "s", CALL(cholesky, F64, 2, { 4, 4 }), .param = { [4] = 1 } },
    { "an option at the end", "sx", CALL(triangular, F64, 2, { 4, 5 }), .param = { [SP_PARAM_SIZE - 1] = 1 } },
    { "a transform of reals as complex", "x", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform of complex as reals", "z", CALL(rfft, C128, 2, { 4, 3 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform of integers", "n", CALL(rfft, C128, 2, { 4, 3 }), ALONG(1, 0, 0, 4, 0) },
    { "a transform of a number", "c", CALL(rfft, C128, 0), ALONG(0, 0, 0, 1, 0) },
    { "a transform of two", "zz", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform of nothing", "", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform to another dtype", "z", CALL(fft, C64, 2, { 4, 5 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform to another shape", "z", CALL(fft, C128, 2, { 4, 6 }), ALONG(1, 0, 0, 5, 0) },
    { "a transform along a third axis", "z", CALL(fft, C128, 2, { 4, 5 }), ALONG(2, 0, 0, 5, 0) },
    { "a transform before the first axis", "z", CALL(fft, C128, 2, { 4, 5 }), .param = { 255, 255, 255, 255, [16] = 5 } },
    { "a transform cut off", "z", CALL(fft, C128, 2, { 4, 4 }), ALONG(1, 0, 0, 4, 0) },
    { "one half cut off", "z", CALL(irfft, F64, 2, { 4, 7 }), ALONG(1, 0, 0, 7, 0) },
    { "a transform of no elements", "e", CALL(rfft, C128, 2, { 1, 5 }), ALONG(0, 0, 0, 0, 0) },
    { "a transform of fewer than none", "e", CALL(rfft, C128, 2, { 1, 5 }), .param = { [16] = 255, 255, 255, 255, 255, 255, 255, 255 } },
    { "a transform of far too many", "z", CALL(fft, C128, 2, { 4, INT64_MAX }), .param = { [0] = 1, [16] = 255, 255, 255, 255, 255, 255, 255, 127 } },
    { "an inverse transform of reals", "x", CALL(rfft, C128, 2, { 4, 3 }), ALONG(1, 1, 0, 5, 0) },
    { "a transform backwards twice", "z", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 2, 0, 5, 0) },
    { "an unknown scale", "z", CALL(fft, C128, 2, { 4, 5 }), ALONG(1, 0, 3, 5, 0) },
    { "a negative scale", "z", CALL(fft, C128, 2, { 4, 5 }), .param = { [0] = 1, [8] = 255, 255, 255, 255, [16] = 5 } },
    { "a transform with an option of no use", "z", CALL(fft, C128, 2, { 4, 5 }), .param = { [0] = 1, [12] = 1, [16] = 5 } },
    { "a transform from another place", "z", CALL(fft, C128, 2, { 4, 9 }), ALONG(1, 0, 0, 9, 1) },
    { "a transform over a plane of reals", "x", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 0, 5, 4, 0, 0) },
    { "one of reals that are complex", "z", CALL(rfft2, C128, 2, { 4, 3 }), OVER(1, 0, 5, 4, 0, 0) },
    { "one along one axis", "z", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 1, 5, 5, 0, 0) },
    { "one along a third axis", "z", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 2, 5, 4, 0, 0) },
    { "one before the first axis", "z", CALL(fft2, C128, 2, { 4, 5 }), .param = { 1, [4] = 255, 255, 255, 255, [8] = 5, [12] = 4 } },
    { "one of no elements", "e", CALL(rfft2, C128, 2, { 1, 5 }), OVER(0, 1, 0, 5, 0, 0) },
    { "one of fewer than none", "z", CALL(fft2, C128, 2, { 4, 5 }), .param = { 1, [8] = 5, [12] = 255, 255, 255, 255 } },
    { "one of too many", "z", CALL(fft2, C128, 2, { 65537, 5 }), OVER(0, 1, 65537, 5, 0, 0) },
    { "one cut off", "z", CALL(fft2, C128, 2, { 3, 5 }), OVER(1, 0, 5, 3, 0, 0) },
    { "one of one half, cut off", "z", CALL(irfft2, F64, 2, { 4, 7 }), OVER(0, 1, 4, 7, 0, 0) },
    { "one of one half, along the other axis", "z", CALL(irfft2, F64, 2, { 9, 5 }), OVER(0, 1, 9, 5, 0, 0) },
    { "one to another shape", "z", CALL(fft2, C128, 2, { 4, 6 }), OVER(1, 0, 5, 4, 0, 0) },
    { "one of one half backwards", "z", CALL(irfft2, F64, 2, { 4, 9 }), OVER(0, 1, 4, 9, 1, 0) },
    { "one backwards twice", "z", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 0, 5, 4, 2, 0) },
    { "one with an unknown scale", "z", CALL(fft2, C128, 2, { 4, 5 }), OVER(1, 0, 5, 4, 0, 3) },
    { "one with an option of no use", "z", CALL(fft2, C128, 2, { 4, 5 }), .param = { 1, [8] = 5, [12] = 4, [24] = 1 } },
    { "another one", "z", CALL(fft2, C128, 2, { 4, 5 }), .param = { 1, [8] = 5, [12] = 4, [28] = 1 } },
    { "zeros with a scale", "x", CALL(pad, F64, 2, { 4, 9 }), ALONG(1, 0, 1, 9, 2) },
    { "zeros backwards", "x", CALL(pad, F64, 2, { 4, 9 }), ALONG(1, 1, 0, 9, 2) },
    { "zeros where there are elements", "x", CALL(pad, F64, 2, { 4, 9 }), ALONG(1, 0, 0, 9, 5) },
    { "zeros far behind", "x", CALL(pad, F64, 2, { 4, 9 }), .param = { [0] = 1, [16] = 9, [24] = 255, 255, 255, 255, 255, 255, 255, 127 } },
    { "zeros before the beginning", "x", CALL(pad, F64, 2, { 4, 9 }), .param = { [0] = 1, [16] = 9, [24] = 255, 255, 255, 255, 255, 255, 255, 255 } },
    { "zeros around an index", "i", CALL(pad, I64, 2, { 4, 9 }), ALONG(1, 0, 0, 9, 2) },
    { "the first of one result", "m", PART(0, F64, 2, { 4, 5 }) },
    { "a result of a value", "x", PART(0, F64, 2, { 4, 5 }) },
    { "a result of a result", "p", PART(0, F64, 2, { 4, 5 }) },
    { "a third of two results", "q", PART(2, F64, 2, { 4, 5 }) },
    { "a result far behind", "q", PART(65535, F64, 2, { 4, 5 }) },
    { "a result of another shape", "q", PART(1, F64, 2, { 4, 4 }) },
    { "a result of another dtype", "q", PART(1, F32, 2, { 4, 5 }) },
    { "a result of two calls", "qq", PART(1, F64, 2, { 4, 5 }) },
    { "a sum of all results", "q", REDUCE(SUM, F64, 1, 1, { 4 }) },
    { "an operation on all results", "qq", MAP(add, F64, 2, { 4, 4 }) },
    { "a view of all results", "q", VIEW(2, { 4, 4 }), BY(2, { 1, 0 }, { 0, 0 }, { 1, 1 }) },
    { "all results, in another shape", "q", .kind = SP_KIND_RESHAPE, .dtype = STARP_F64, .shape = { 1, { 16 } } },
    { "a product with all results", "sq", CALL(matmul, F64, 2, { 4, 4 }) },
};

static void what_builders_make_is_made(void **state)
{
    struct bench s;
    (void)state;
    bench_open(&s);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct description *d = &good[i];
        struct sp_node *n = build(&s, d);
        if (!n) fail_msg("%s: %s", d->what, s.g.error.text);
        assert_true(n->kind == d->kind && n->dtype == d->dtype && n->op == d->op && n->weak == d->weak &&
                    sp_shape_equal(&n->shape, &d->shape));
        if (d->kind == SP_KIND_CONST || d->kind == SP_KIND_RESHAPE || d->kind == SP_KIND_CALL || n->op >= SP_OP_arange)
            assert_memory_equal(n->param, d->param, SP_PARAM_SIZE);
        sp_node_release(&s.g, n);
    }
    bench_close(&s);
}

static void what_no_builder_makes_is_refused(void **state)
{
    struct bench s;
    (void)state;
    bench_open(&s);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t live = s.g.live;
        if (build(&s, &bad[i])) fail_msg("%s: taken", bad[i].what);
        assert_true(s.g.error.status != STARP_OK && s.g.error.status != STARP_ERR_MEMORY && s.g.error.text[0]);
        assert_int_equal(s.g.live, live);
    }
    bench_close(&s);
}

/* argmax over all axes counts as the index of (4, 5) does, and reads that node. */
static void an_index_is_shared(void **state)
{
    struct bench s;
    (void)state;
    bench_open(&s);
    struct sp_node *n = build(&s, &(struct description){ "argmax", "xi", REDUCE(ARGMAX, I64, 3, 0, { 0 }) });
    assert_non_null(n);
    assert_ptr_equal(n->in[1], s.at['i']);
    sp_node_release(&s.g, n);
    bench_close(&s);
}

/* What may stand in for an input: its equal, also when one of them has been computed. */
static void inputs_can_be_exchanged_for_equals(void **state)
{
    struct bench s;
    (void)state;
    bench_open(&s);
    struct sp_node *sum = build(&s, &good[9]), *view = build(&s, &good[0]), *place = NULL;
    place = build(&s, &(struct description){ "argmax", "xi", REDUCE(ARGMAX, I64, 3, 0, { 0 }) });
    struct sp_node *i = sp_build_random(&s.g, SP_OP_uniform, STARP_SHAPE(4, 5), STARP_F64, 1, 2, 0, 0);
    assert_true(sp_build_may_read(sum, 0, i) && sp_build_may_read(view, 0, i) && sp_build_may_read(place, 0, i));
    assert_true(sp_build_may_read(place, 1, i->in[0]));
    assert_false(sp_build_may_read(place, 1, s.at['x']));
    assert_false(sp_build_may_read(sum, 0, s.at['e']) || sp_build_may_read(sum, 0, s.at['b']) ||
                 sp_build_may_read(sum, 0, s.at['i']));
    struct sp_node *c = sp_build_const(&s.g, STARP_SHAPE(4, 5), STARP_F64, starp_number_real(1), false);
    assert_true(sp_build_may_read(sum, 0, c));
    assert_false(sp_build_may_read(view, 0, c));
    struct sp_node *list[] = { sum, view, place, i, c };
    for (int k = 0; k < 5; k++) sp_node_release(&s.g, list[k]);
    bench_close(&s);
}

/* A result is found by its number, so it may only be asked of a call that has the same one, whatever its first looks like. */
static void results_are_read_from_calls_that_have_them(void **state)
{
    struct bench s;
    (void)state;
    bench_open(&s);
    struct sp_node *qr = sp_build_factor(&s.g, SP_CALL_qr, s.at['s'], 0), *lu = sp_build_factor(&s.g, SP_CALL_lu, s.at['s'], 0);
    struct sp_node *r = sp_build_part(&s.g, qr, 1), *first = sp_build_part(&s.g, lu, 0), *order = sp_build_part(&s.g, lu, 2);
    struct sp_node *twin = sp_build_factor(&s.g, SP_CALL_qr, s.at['s'], 0);
    assert_true(sp_build_may_read(r, 0, twin) && sp_build_may_read(first, 0, qr));
    assert_false(sp_build_may_read(order, 0, qr));      /* there is no third */
    assert_false(sp_build_may_read(r, 0, lu));          /* pivots, i64 (4) */
    assert_false(sp_build_may_read(r, 0, s.at['s']));   /* a value */
    struct sp_node *list[] = { qr, lu, r, first, order, twin };
    for (int k = 0; k < 6; k++) sp_node_release(&s.g, list[k]);
    bench_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_builders_make_is_made),
        cmocka_unit_test(what_no_builder_makes_is_refused),
        cmocka_unit_test(an_index_is_shared),
        cmocka_unit_test(inputs_can_be_exchanged_for_equals),
        cmocka_unit_test(results_are_read_from_calls_that_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
