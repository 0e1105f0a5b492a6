/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_reduce_large.c: reductions whose blocks are many: along every set of axes of shapes that are cut in one, two or
 * three directions, of whole arrays, views and fused operations, against the oracle. Integers bit by bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reductions.h"
#include "rig.h"

static const starp_dims shapes[] = {
    { 1, { 600001 } }, { 2, { 3, 270001 } }, { 2, { 270001, 3 } }, { 2, { 1031, 777 } }, { 3, { 5, 301, 400 } }, { 3, { 300, 5, 401 } }, { 4, { 6, 7, 120, 130 } },
};
#define SHAPES (int)(sizeof shapes / sizeof shapes[0])

static const struct {
    enum reduction what;
    starp_dtype dtype;
    double ulps;
} kinds[] = {
    { SUM, STARP_I32, 0 }, { MAX, STARP_F32, 0 }, { VAR, STARP_F64, 24 }, { ARGMIN, STARP_I16, 0 },
};
#define KINDS (int)(sizeof kinds / sizeof kinds[0])
#define MAX_ROOTS 20

/* Sets of axes of x, or of what x is turned into. */
static int reductions_of(struct rig *r, int kind, struct sp_node *x, struct sp_node **roots)
{
    int n = 0;
    for (unsigned set = 1; set < 1u << x->shape.n; set++) {
        starp_dims axes = reduction_axes(set, x->shape.n);
        if (kinds[kind].what == ARGMIN && axes.n != 1) continue;
        roots[n++] = reduction_build(&r->g, kinds[kind].what, x, &axes, set % 2);
    }
    if (rig_eval(r, roots, n, NULL) != STARP_OK) fail_msg("%s", reduction_names[kinds[kind].what]);
    return n;
}

/* What is reduced: the array, a fused operation on it, or a view that walks it backwards across its tiles. */
static struct sp_node *turned(struct rig *r, int how, struct sp_node *x)
{
    if (how == 0) return sp_node_retain(x);
    if (how == 1) return sp_build_map(&r->g, SP_OP_negative, 1, &x);
    struct sp_node *back = sp_build_permute(&r->g, x, NULL), *flipped = sp_build_flip(&r->g, back, NULL);
    sp_node_release(&r->g, back);
    return flipped;
}

static int build(struct rig *r, int kind, int shape, struct sp_node **roots)
{
    struct sp_node *x = reduction_operand(r, &shapes[shape], kinds[kind].dtype, -1000, 1000, 11), *y = turned(r, (shape + kind) % 3, x);
    int n = reductions_of(r, kind, y, roots);
    sp_node_release(&r->g, x);
    sp_node_release(&r->g, y);
    return n;
}

/* Engines that cut arrays in different ways are held against what the oracle, which is slow, finds once. */
static void check(struct rig *engine, int engines, struct rig *oracle, int kind, int shape)
{
    struct sp_node *a[MAX_ROOTS], *b[MAX_ROOTS];
    char label[96], text[SP_SHAPE_TEXT];
    build(oracle, kind, shape, b);
    for (int k = 0; k < engines; k++) {
        int n = build(&engine[k], kind, shape, a);
        for (int i = 0; i < n; i++) {
            snprintf(label, sizeof label, "%s of %s, engine %d, root %d", reduction_names[kinds[kind].what], sp_shape_text(text, &shapes[shape]),
                     k, i);
            rig_expect(label, &engine[k], oracle, a[i], b[i], kinds[kind].ulps);
        }
        rig_release(&engine[k], a, n);
        if (k == engines - 1) rig_release(oracle, b, n);
    }
}

static void many_blocks(void **state)
{
    static const char *const environment[] = { "STARP_NCPU=2", "STARP_NCPU=2 STARP_TILE=30000" };
    struct rig engine[2], oracle;
    (void)state;
    for (int k = 0; k < 2; k++) {
        rig_environment(environment[k]);
        rig_open_engine(&engine[k]);
    }
    rig_open_reference(&oracle);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int shape = 0; shape < SHAPES; shape++) check(engine, 2, &oracle, kind, shape);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(engine[k].g.live, 0);
        rig_close(&engine[k]);
    }
    rig_close(&oracle);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(many_blocks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
