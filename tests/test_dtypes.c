/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_dtypes.c: promotion by hand-written tables of NumPy 2 (NEP 50), through starp_result_type and through every
 * operation of two operands, with weak scalars, and with values; conversions between all dtypes.
 */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"
#include "rig.h"

/* np.result_type of arrays: rows and columns in the order of dtypes.h. */
static const char *const promotion[STARP_NDTYPES] = {
    /*         bool i8   i16  i32  i64  u8   u16  u32  u64  f32  f64  c64  c128 */
    /* bool */ "bool i8   i16  i32  i64  u8   u16  u32  u64  f32  f64  c64  c128",
    /* i8   */ "i8   i8   i16  i32  i64  i16  i32  i64  f64  f32  f64  c64  c128",
    /* i16  */ "i16  i16  i16  i32  i64  i16  i32  i64  f64  f32  f64  c64  c128",
    /* i32  */ "i32  i32  i32  i32  i64  i32  i32  i64  f64  f64  f64  c128 c128",
    /* i64  */ "i64  i64  i64  i64  i64  i64  i64  i64  f64  f64  f64  c128 c128",
    /* u8   */ "u8   i16  i16  i32  i64  u8   u16  u32  u64  f32  f64  c64  c128",
    /* u16  */ "u16  i32  i32  i32  i64  u16  u16  u32  u64  f32  f64  c64  c128",
    /* u32  */ "u32  i64  i64  i64  i64  u32  u32  u32  u64  f64  f64  c128 c128",
    /* u64  */ "u64  f64  f64  f64  f64  u64  u64  u64  u64  f64  f64  c128 c128",
    /* f32  */ "f32  f32  f32  f64  f64  f32  f32  f64  f64  f32  f64  c64  c128",
    /* f64  */ "f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  f64  c128 c128",
    /* c64  */ "c64  c64  c64  c128 c128 c64  c64  c128 c128 c64  c128 c64  c128",
    /* c128 */ "c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128 c128",
};

/* An array beside a Python bool, int, float or complex. */
static const char *const weak_promotion[STARP_NDTYPES] = {
    /* bool */ "bool i64  f64  c128",
    /* i8   */ "i8   i8   f64  c128",
    /* i16  */ "i16  i16  f64  c128",
    /* i32  */ "i32  i32  f64  c128",
    /* i64  */ "i64  i64  f64  c128",
    /* u8   */ "u8   u8   f64  c128",
    /* u16  */ "u16  u16  f64  c128",
    /* u32  */ "u32  u32  f64  c128",
    /* u64  */ "u64  u64  f64  c128",
    /* f32  */ "f32  f32  f32  c64",
    /* f64  */ "f64  f64  f64  c128",
    /* c64  */ "c64  c64  c64  c64",
    /* c128 */ "c128 c128 c128 c128",
};

static starp_dtype named(const char *row, int column)
{
    for (; column > 0; column--) {
        row += strcspn(row, " ");
        row += strspn(row, " ");
    }
    for (int d = 0; d < STARP_NDTYPES; d++) {
        size_t n = strlen(sp_dtypes[d].name);
        if (strcspn(row, " ") == n && strncmp(row, sp_dtypes[d].name, n) == 0) return (starp_dtype)d;
    }
    fail_msg("no dtype in '%s'", row);
    return STARP_NDTYPES;
}

static void result_type_is_numpys(void **state)
{
    (void)state;
    for (int a = 0; a < STARP_NDTYPES; a++) {
        for (int b = 0; b < STARP_NDTYPES; b++) {
            starp_dtype want = named(promotion[a], b);
            if (want != named(promotion[b], a)) fail_msg("the table is not symmetric at %d, %d", a, b);
            if (starp_result_type((starp_dtype)a, (starp_dtype)b) == want) continue;
            fail_msg("%s with %s is not %s", sp_dtypes[a].name, sp_dtypes[b].name, sp_dtypes[want].name);
        }
    }
    assert_int_equal(starp_result_type(STARP_NDTYPES, STARP_F64), STARP_NDTYPES);
    assert_int_equal(starp_result_type(STARP_F64, (starp_dtype)-1), STARP_NDTYPES);
}

/* ----------------------------------------------------------------------------------------------------- mixed pairs */

#define LENGTH 9

static struct sp_node *small_data(struct rig *r, starp_dtype d, uint64_t *random)
{
    char data[LENGTH * 16];
    rig_fill(d, data, LENGTH, 0, 5, random);
    return rig_data(r, data, &(starp_dims){ 1, { LENGTH } }, d);
}

/* op(a, b) of dtypes x and y; for where, with a condition in front. NULL: refused. */
static struct sp_node *mixed(struct rig *r, enum sp_op op, starp_dtype x, starp_dtype y)
{
    uint64_t random = (uint64_t)(op * 400 + x * 20 + y);
    struct sp_node *in[SP_MAXIN], *n;
    in[0] = small_data(r, STARP_BOOL, &random);
    in[1] = small_data(r, x, &random);
    in[2] = small_data(r, y, &random);
    sp_error_clear(&r->g.error);
    n = sp_ops[op].arity == 3 ? sp_build_map(&r->g, op, 3, in) : sp_build_map(&r->g, op, 2, in + 1);
    rig_release(r, in, 3);
    return n;
}

/* Both rigs build the pairs of one operation that it takes. */
static int mixed_pairs(struct rig *r, enum sp_op op, struct sp_node **roots)
{
    int n = 0;
    for (int x = 0; x < STARP_NDTYPES; x++) {
        for (int y = 0; y < STARP_NDTYPES; y++) {
            struct sp_node *node = mixed(r, op, (starp_dtype)x, (starp_dtype)y);
            if (node) roots[n++] = node;
        }
    }
    if (rig_eval(r, roots, n, NULL) != STARP_OK) fail_msg("%s: %s", sp_ops[op].name, r->g.error.text);
    return n;
}

static double pair_tolerance(enum sp_op op, starp_dtype result)
{
    if (op == SP_OP_pow) return sp_dtypes[result].cls == SP_CLASS_C ? 16 : 1;
    if (op == SP_OP_divide) return sp_dtypes[result].cls == SP_CLASS_C ? 4 : 0;
    return op == SP_OP_atan2 || op == SP_OP_hypot || op == SP_OP_logaddexp ? 2 : 0;
}

static void check_pairs(struct rig *engine, struct rig *oracle, enum sp_op op)
{
    struct sp_node *a[STARP_NDTYPES * STARP_NDTYPES], *b[STARP_NDTYPES * STARP_NDTYPES];
    int n = mixed_pairs(engine, op, a);
    assert_int_equal(mixed_pairs(oracle, op, b), n);
    for (int i = 0; i < n; i++) rig_expect(sp_ops[op].name, engine, oracle, a[i], b[i], pair_tolerance(op, (starp_dtype)b[i]->dtype));
    rig_release(engine, a, n);
    rig_release(oracle, b, n);
}

static void mixed_pairs_have_the_oracles_values(void **state)
{
    struct rig engine, oracle;
    (void)state;
    rig_environment("");
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    for (int op = 0; op < SP_OP_PUBLIC; op++) {
        if (sp_ops[op].arity == 2 || op == SP_OP_where) check_pairs(&engine, &oracle, (enum sp_op)op);
    }
    rig_close(&engine);
    rig_close(&oracle);
}

/* add takes every dtype as it is, so it shows promotion alone; where promotes its second and third operand. */
static void mixed_pairs_promote(void **state)
{
    struct rig r;
    (void)state;
    rig_open_reference(&r);
    for (int x = 0; x < STARP_NDTYPES; x++) {
        for (int y = 0; y < STARP_NDTYPES; y++) {
            struct sp_node *sum = mixed(&r, SP_OP_add, (starp_dtype)x, (starp_dtype)y);
            struct sp_node *choice = mixed(&r, SP_OP_where, (starp_dtype)x, (starp_dtype)y);
            struct sp_node *same = mixed(&r, SP_OP_equal, (starp_dtype)x, (starp_dtype)y);
            assert_int_equal(sum->dtype, named(promotion[x], y));
            assert_int_equal(choice->dtype, named(promotion[x], y));
            assert_int_equal(same->dtype, STARP_BOOL);
            rig_release(&r, (struct sp_node *[]){ sum, choice, same }, 3);
        }
    }
    assert_int_equal(r.g.live, 0);
    rig_close(&r);
}

/* ---------------------------------------------------------------------------------------------------- weak scalars */

static starp_number weak_number(int kind)
{
    switch (kind) {
    case 0: return starp_number_bool(1);
    case 1: return starp_number_int(3);
    case 2: return starp_number_real(2.5);
    default: return starp_number_complex(2, -1);
    }
}

static const starp_dtype weak_alone[] = { STARP_BOOL, STARP_I64, STARP_F64, STARP_C128 };

/* add(x, weak) and add(weak, x) */
static void weak_sums(struct rig *r, starp_dtype d, int kind, struct sp_node *sum[2])
{
    uint64_t random = (uint64_t)d;
    struct sp_node *x = small_data(r, d, &random);
    struct sp_node *w = sp_build_const(&r->g, &(starp_dims){ 0 }, weak_alone[kind], weak_number(kind), true);
    sum[0] = sp_build_map(&r->g, SP_OP_add, 2, (struct sp_node *[]){ x, w });
    sum[1] = sp_build_map(&r->g, SP_OP_add, 2, (struct sp_node *[]){ w, x });
    rig_release(r, (struct sp_node *[]){ x, w }, 2);
    if (!sum[0] || !sum[1]) fail_msg("%s: %s", sp_dtypes[d].name, r->g.error.text);
    if (rig_eval(r, sum, 2, NULL) != STARP_OK) fail_msg("%s", r->g.error.text);
}

static void weak_scalars_follow_arrays(void **state)
{
    struct rig engine, oracle;
    (void)state;
    rig_environment("");
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    for (int d = 0; d < STARP_NDTYPES; d++) {
        for (int kind = 0; kind < 4; kind++) {
            struct sp_node *a[2], *b[2];
            weak_sums(&engine, (starp_dtype)d, kind, a);
            weak_sums(&oracle, (starp_dtype)d, kind, b);
            for (int i = 0; i < 2; i++) {
                assert_int_equal(a[i]->dtype, named(weak_promotion[d], kind));
                rig_expect("weak sum", &engine, &oracle, a[i], b[i], 0);
            }
            rig_release(&engine, a, 2);
            rig_release(&oracle, b, 2);
        }
    }
    rig_close(&engine);
    rig_close(&oracle);
}

/* Two weak scalars make an ordinary one; an integer that does not fit its partner is refused, as NumPy 2 does. */
static void weak_scalars_alone(void **state)
{
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    starp_scope_open(s);
    assert_int_equal(starp_dtype_of(starp_scalar(s, (_Bool)1)), STARP_BOOL);
    assert_int_equal(starp_dtype_of(starp_scalar(s, 1)), STARP_I64);
    assert_int_equal(starp_dtype_of(starp_scalar(s, 1.0f)), STARP_F64);
    assert_int_equal(starp_dtype_of(starp_scalar(s, 1.0 + 0.0 * _Complex_I)), STARP_C128);
    assert_int_equal(starp_dtype_of(starp_add(starp_scalar(s, 1), starp_scalar(s, 2.0))), STARP_F64);
    starp_array *bytes = starp_zeros(s, STARP_SHAPE(3), STARP_U8);
    assert_null(starp_add(bytes, starp_scalar(s, 256)));
    assert_int_equal(starp_last_status(), STARP_ERR_DTYPE);
    assert_non_null(strstr(starp_last_error(), "256"));
    starp_clear_error();
    assert_null(starp_add(bytes, starp_scalar(s, -1)));
    starp_clear_error();
    assert_int_equal(starp_dtype_of(starp_add(bytes, starp_scalar(s, 255))), STARP_U8);
    starp_scope_close(s);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* ---------------------------------------------------------------------------------------------------- conversions */

/* What conversions can trip over: fractions, signs, each integer's bounds and what lies just beyond them. */
static void conversion_data(starp_dtype d, void *data, int64_t n, uint64_t *random)
{
    rig_fill(d, data, n, -300, 300, random);
    rig_sprinkle(d, data, n, random);
    for (int64_t i = 0; i < n; i += 3) {
        int bits = (int)rig_below(random, 70);
        double x = ldexp(1, bits) + (double)(rig_below(random, 5) - 2) / 2;
        if (sp_dtypes[d].cls >= SP_CLASS_F) ref_store(d, data, i, (ref_num){ .re = rig_below(random, 2) ? x : -x });
        else ref_store(d, data, i, (ref_num){ .i = ((__int128)1 << bits) + rig_below(random, 3) - 1 });
    }
}

/* One array of dtype d converted to every dtype. */
static void conversions(struct rig *r, starp_dtype d, struct sp_node *roots[STARP_NDTYPES])
{
    enum { N = 1037 };
    static char data[N * 16];
    uint64_t random = (uint64_t)d + 1;
    conversion_data(d, data, N, &random);
    struct sp_node *x = rig_data(r, data, &(starp_dims){ 1, { N } }, d);
    for (int to = 0; to < STARP_NDTYPES; to++) {
        roots[to] = sp_build_cast(&r->g, x, (starp_dtype)to);
        assert_non_null(roots[to]);
        assert_int_equal(roots[to]->dtype, to);
    }
    sp_node_release(&r->g, x);
    if (rig_eval(r, roots, STARP_NDTYPES, NULL) != STARP_OK) fail_msg("%s", r->g.error.text);
}

static void check_conversions(const char *environment)
{
    struct rig engine, oracle;
    struct sp_node *a[STARP_NDTYPES], *b[STARP_NDTYPES];
    char what[64];
    rig_environment(environment);
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    for (int d = 0; d < STARP_NDTYPES; d++) {
        conversions(&engine, (starp_dtype)d, a);
        conversions(&oracle, (starp_dtype)d, b);
        for (int to = 0; to < STARP_NDTYPES; to++) {
            snprintf(what, sizeof what, "%s to %s", sp_dtypes[d].name, sp_dtypes[to].name);
            rig_expect(what, &engine, &oracle, a[to], b[to], 0);
        }
        rig_release(&engine, a, STARP_NDTYPES);
        rig_release(&oracle, b, STARP_NDTYPES);
    }
    rig_close(&engine);
    rig_close(&oracle);
}

static void conversions_have_the_oracles_values(void **state)
{
    (void)state;
    check_conversions("");
    check_conversions("STARP_TILE=64 STARP_SMALL=0");
    check_conversions("STARP_ISA=generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_type_is_numpys),      cmocka_unit_test(mixed_pairs_promote),
        cmocka_unit_test(mixed_pairs_have_the_oracles_values), cmocka_unit_test(weak_scalars_follow_arrays),
        cmocka_unit_test(weak_scalars_alone),         cmocka_unit_test(conversions_have_the_oracles_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
