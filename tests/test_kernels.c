/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels.c: elementwise kernels and conversions of every instruction set this machine runs: against
 * the oracle's scalar formulas on the domains of ops_cases.def and on special values, for the same bits on every set,
 * for independence of position and neighbours, and in place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codelets.h"
#include "reference.h"
#include "rig.h"

#define COUNT 1728 /* 12 special values in three places; not a multiple of a block or a vector in all its parts */
#define ODD 1027   /* ordinary values */
#define SETS 3

static const char *const names[SETS] = { "generic", "avx2", "avx512" };

/* Domain and accuracy of each operation, and whether floats take SLEEF's functions, which differ on SSE2. */
static const struct {
    double lo, hi, ulps, complex_ulps;
} cases[SP_OPS] = {
#define STARP_OP_CASE(name, results, lo, hi, ulps, complex_ulps, a, b, c, value) \
    [SP_OP_##name] = { lo, hi, ulps, complex_ulps },
#include "ops_cases.def"
#undef STARP_OP_CASE
    [SP_OP_copy] = { -9, 9, 0, 0 },
};

#define USES_NO 0
#define USES_BAD 0
#define USES_E(...) 0
#define USES_L(...) 0
#define USES_V(...) 1
#define USES_W(...) 1
static const bool uses_sleef[SP_OPS] = {
#define STARP_OP(name, arity, result, bf, inf, ff, cf, doc) [SP_OP_##name] = USES_##ff,
#include "starp/ops.def"
#undef STARP_OP
};

/* Operands of one kernel, and what it makes of them. */
struct trial {
    enum sp_op op;
    starp_dtype d, to, from[SP_MAXIN];
    int64_t n;
    char *in[SP_MAXIN], *want, *got, *other;
};

static void trial_open(struct trial *t, enum sp_op op, starp_dtype d)
{
    *t = (struct trial){ .op = op, .d = d, .to = sp_op_result_dtype(op, d) };
    for (int k = 0; k < SP_MAXIN; k++) {
        t->from[k] = k == 0 && sp_ops[op].result == SP_RESULT_SELECT ? STARP_BOOL : d;
        t->in[k] = malloc(COUNT * 16);
    }
    t->want = malloc(COUNT * 16), t->got = malloc(COUNT * 16), t->other = malloc(COUNT * 16);
}

static void trial_close(struct trial *t)
{
    for (int k = 0; k < SP_MAXIN; k++) free(t->in[k]);
    free(t->want), free(t->got), free(t->other);
}

static void ordinary_values(struct trial *t, uint64_t *state)
{
    t->n = ODD;
    for (int k = 0; k < SP_MAXIN; k++) {
        rig_fill(t->from[k], t->in[k], t->n, cases[t->op].lo, cases[t->op].hi, state);
    }
}

static ref_num special(starp_dtype d, int64_t i)
{
    static const double f64[] = { 0.0, -0.0, 1,    -1,        INFINITY,  -INFINITY,
                                  NAN, 0.6,  -2.5, 0x1p-1074, 0x1p-1022, 0x1.8p1023 };
    static const double f32[] = { 0.0, -0.0,  1,    -1,       INFINITY, -INFINITY,
                                  NAN, 0.625, -2.5, 0x1p-149, 0x1p-126, 0x1.8p127 };
    const double *list = sp_dtype_real(d) == STARP_F32 ? f32 : f64;
    int bits = 8 * (sp_dtypes[d].size < 8 ? sp_dtypes[d].size : 8);
    __int128 top = ((__int128)1 << (bits - sp_dtypes[d].is_signed)) - 1, low = sp_dtypes[d].is_signed ? -top - 1 : 0;
    const __int128 whole[] = { 0, 1, -1, 2, -2, 3, 7, -7, bits - 1, bits, top, low };
    return (ref_num){ .i = d == STARP_BOOL ? i & 1 : whole[i], .re = list[i], .im = list[i * 5 % 12] };
}

static void special_values(struct trial *t)
{
    t->n = COUNT;
    for (int64_t i = 0; i < COUNT; i++) {
        ref_store(t->from[0], t->in[0], i, special(t->from[0], i % 12));
        ref_store(t->from[1], t->in[1], i, special(t->from[1], i / 12 % 12));
        ref_store(t->from[2], t->in[2], i, special(t->from[2], i / 144));
    }
}

/* Runs the kernel on elements [at, at + n). */
static int run(const struct trial *t, const struct sp_kernels *k, char *dst, int64_t at, int64_t n)
{
    const void *src[SP_MAXIN];
    int fault = SP_KERNEL_OK;
    for (int j = 0; j < SP_MAXIN; j++) src[j] = t->in[j] + (size_t)at * sp_dtypes[t->from[j]].size;
    k->map[t->op][t->d]((size_t)n, dst + (size_t)at * sp_dtypes[t->to].size, src, &fault);
    return fault;
}

static bool want(struct trial *t)
{
    bool fault = false;
    if (t->op == SP_OP_copy) memcpy(t->want, t->in[0], (size_t)t->n * sp_dtypes[t->d].size);
    for (int64_t i = 0; i < t->n && t->op != SP_OP_copy; i++) {
        ref_num x[SP_MAXIN];
        for (int k = 0; k < SP_MAXIN; k++) x[k] = ref_load(t->from[k], t->in[k], i);
        ref_store(t->to, t->want, i, ref_op(t->op, t->d, x, &fault));
    }
    return fault;
}

static void fail_at(const struct trial *t, const char *set, const char *what, const char *wanted, int64_t i)
{
    char a[RIG_TEXT], b[RIG_TEXT], x[RIG_TEXT], y[RIG_TEXT];
    fail_msg("%s %s, %s, %s: element %lld is %s, not %s; of %s, %s", set, sp_ops[t->op].name, sp_dtypes[t->d].name,
             what, (long long)i, rig_text(a, t->to, t->got, i), rig_text(b, t->to, wanted, i),
             rig_text(x, t->from[0], t->in[0], i), rig_text(y, t->from[1], t->in[1], i));
}

static void expect_same(const struct trial *t, const char *set, const char *what, const char *wanted)
{
    int64_t i = rig_differ(t->to, t->got, wanted, t->n, true);
    if (i >= 0) fail_at(t, set, what, wanted, i);
}

static double allowed(const struct trial *t, bool special)
{
    double ulps = sp_dtypes[t->d].cls == SP_CLASS_C ? cases[t->op].complex_ulps : cases[t->op].ulps;
    return ulps + (special && ulps > 0); /* SLEEF is less exact where results are subnormal */
}

/* The operation's kernels on t's operands, for every set. */
static void check(struct trial *t, bool special)
{
    bool fault = want(t);
    const struct sp_kernels *avx = NULL;
    for (int s = 0; s < SETS; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (!k) continue;
        memset(t->got, 0x55, COUNT * 16);
        assert_int_equal(run(t, k, t->got, 0, t->n), fault ? SP_KERNEL_NEGATIVE_POWER : SP_KERNEL_OK);
        int64_t at = 0;
        double ulps = allowed(t, special);
        if (ulps == 0) expect_same(t, names[s], "against the oracle", t->want);
        else if (rig_worst(t->to, t->got, t->want, t->n, &at) > ulps) fail_at(t, names[s], "too far", t->want, at);
        bool comparable = s > 0 || !(uses_sleef[t->op] && sp_dtypes[t->d].cls == SP_CLASS_F);
        if (avx && comparable) expect_same(t, names[s], "against another set", t->other);
        if (comparable) avx = k, memcpy(t->other, t->got, COUNT * 16);
    }
}

static bool skips_special(const struct trial *t)
{
    bool complex = sp_dtypes[t->d].cls == SP_CLASS_C;
    return (complex && cases[t->op].complex_ulps > 0) || t->op == SP_OP_floor_divide;
}

static void each_kernel(void (*body)(struct trial *t))
{
    for (int op = 0; op < SP_OP_PUBLIC + 1; op++) { /* the public ones and copy */
        for (int d = 0; d < STARP_NDTYPES; d++) {
            struct trial t;
            if (!(sp_ops[op].accepts >> sp_dtypes[d].cls & 1)) continue;
            trial_open(&t, (enum sp_op)op, (starp_dtype)d);
            body(&t);
            trial_close(&t);
        }
    }
}

/* --------------------------------------------------------------------------------------------------------- tests */

static void tables_are_full(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (!k) continue;
        assert_string_equal(k->name, names[s]);
        for (int op = 0; op < SP_OPS; op++) {
            for (int d = 0; d < STARP_NDTYPES; d++) {
                bool accepts = sp_ops[op].accepts >> sp_dtypes[d].cls & 1;
                if (op == SP_OP_cast) continue;
                if (accepts == (k->map[op][d] != NULL)) continue;
                fail_msg("%s: %s of %s", k->name, sp_ops[op].name, sp_dtypes[d].name);
            }
        }
        for (int i = 0; i < STARP_NDTYPES * STARP_NDTYPES; i++) {
            assert_non_null(k->cast[i / STARP_NDTYPES][i % STARP_NDTYPES]);
        }
    }
    assert_non_null(sp_kernels_get("generic"));
    assert_non_null(sp_kernels_get(NULL));
    assert_null(sp_kernels_get("mmx"));
}

static void check_values(struct trial *t)
{
    uint64_t random = 1;
    ordinary_values(t, &random);
    check(t, false);
    if (skips_special(t)) return;
    special_values(t);
    check(t, true);
}

static void values(void **state)
{
    (void)state;
    each_kernel(check_values);
}

/* One element at a time, and from odd places on, gives what the whole array gives. */
static void check_position(struct trial *t)
{
    for (int s = 0; s < SETS; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (!k) continue;
        special_values(t);
        run(t, k, t->other, 0, t->n);
        for (int64_t i = 0; i < t->n; i++) run(t, k, t->got, i, 1);
        expect_same(t, names[s], "alone", t->other);
        memset(t->got, 0x55, COUNT * 16);
        for (int64_t i = 0, m; i < t->n; i += m) {
            m = i % 37 + 1 < t->n - i ? i % 37 + 1 : t->n - i;
            run(t, k, t->got, i, m);
        }
        expect_same(t, names[s], "in pieces", t->other);
    }
}

static void position_and_neighbours_do_not_matter(void **state)
{
    (void)state;
    each_kernel(check_position);
}

static void check_in_place(struct trial *t)
{
    for (int s = 0; s < SETS; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        if (!k) continue;
        for (int j = 0; j < sp_ops[t->op].arity; j++) {
            if (sp_dtypes[t->from[j]].size < sp_dtypes[t->to].size) continue;
            special_values(t);
            run(t, k, t->other, 0, t->n);
            run(t, k, t->in[j], 0, t->n);
            memcpy(t->got, t->in[j], COUNT * 16);
            expect_same(t, names[s], "in place", t->other);
        }
    }
}

static void results_may_replace_operands(void **state)
{
    (void)state;
    each_kernel(check_in_place);
}

/* A pair is its two operations, each of which rounds. */
static void check_pair(enum sp_op op, starp_dtype d, const struct sp_kernels *k)
{
    const struct sp_op_pair *pair = sp_op_pair_of(op);
    struct trial t;
    uint64_t random = 5;
    int fault = 0;
    trial_open(&t, op, d);
    t.n = ODD;
    for (int j = 0; j < SP_MAXIN; j++) rig_fill(t.d, t.in[j], t.n, -1e5, 1e5, &random);
    run(&t, k, t.got, 0, t.n);
    k->map[pair->first][d](ODD, t.other, (const void *[]){ t.in[0], t.in[1] }, &fault);
    const void *second[2] = { pair->reversed ? t.in[2] : t.other, pair->reversed ? t.other : t.in[2] };
    k->map[pair->second][d](ODD, t.other, second, &fault);
    expect_same(&t, k->name, "two steps", t.other);
    trial_close(&t);
}

static void fused_pairs_round_twice(void **state)
{
    (void)state;
    int pairs = 0;
    for (int op = SP_OP_PUBLIC; op < SP_OPS; op++) {
        if (!sp_op_pair_of((enum sp_op)op)) continue;
        pairs++;
        for (int i = 0; i < SETS; i++) {
            const struct sp_kernels *k = sp_kernels_get(names[i]);
            if (!k) continue;
            check_pair((enum sp_op)op, STARP_F32, k);
            check_pair((enum sp_op)op, STARP_F64, k);
        }
    }
    assert_int_equal(pairs, 12);
}

/* Floats on both sides of an integer type's limits. */
static void range_ends(starp_dtype from, starp_dtype to, char *x)
{
    int bits = 8 * sp_dtypes[to].size - sp_dtypes[to].is_signed;
    const double end[] = { ldexp(1, bits), -ldexp(1, bits), 1, 0 };
    for (int64_t i = 0; i < 32; i++) {
        double step = i % 8 < 4 ? (i % 4 - 1.5) / 2 : ldexp(i % 4 - 1.5, bits - 23);
        ref_store(from, x, 800 + i, (ref_num){ .re = end[i / 8] + step });
        if (i % 8 == 0) ref_store(from, x, 840 + i, (ref_num){ .re = end[i / 8] });
    }
}

static void conversions(void **state)
{
    (void)state;
    for (int pair = 0; pair < STARP_NDTYPES * STARP_NDTYPES * SETS; pair++) {
        const struct sp_kernels *k = sp_kernels_get(names[pair % SETS]);
        starp_dtype from = (starp_dtype)(pair / SETS / STARP_NDTYPES), to = (starp_dtype)(pair / SETS % STARP_NDTYPES);
        uint64_t random = 9;
        struct trial t;
        if (!k) continue;
        trial_open(&t, SP_OP_cast, from);
        t.to = to, t.n = ODD;
        rig_fill(from, t.in[0], ODD, -1e4, 1e4, &random);
        for (int64_t i = 0; i < 600; i++) ref_store(from, t.in[0], i, special(from, i % 12));
        rig_fill(from, t.in[0] + 700 * sp_dtypes[from].size, 100, -1e20, 1e20, &random);
        if (sp_dtypes[from].cls >= SP_CLASS_F) range_ends(from, to, t.in[0]);
        for (int64_t i = 0; i < ODD; i++) ref_store(to, t.want, i, ref_cast(from, to, ref_load(from, t.in[0], i)));
        k->cast[from][to](ODD, t.got, (const void *[]){ t.in[0] }, NULL);
        expect_same(&t, k->name, sp_dtypes[to].name, t.want);
        if (sp_dtypes[to].size <= sp_dtypes[from].size) {
            k->cast[from][to](ODD, t.in[0], (const void *[]){ t.in[0] }, NULL);
            assert_int_equal(rig_differ(to, t.in[0], t.want, ODD, true), -1);
        }
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_full), cmocka_unit_test(values),
        cmocka_unit_test(position_and_neighbours_do_not_matter), cmocka_unit_test(results_may_replace_operands),
        cmocka_unit_test(fused_pairs_round_twice), cmocka_unit_test(conversions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
