/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ops.c: every operation of ops.def on every dtype, by ops_cases.def: which dtypes it takes and gives, its value at
 * a known point through the public function, and its values against the oracle over shapes, broadcasts, views and
 * aliased operands, in one tile and in many.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"
#include "rig.h"

struct op_case {
    const char *name, *results;
    double lo, hi, ulps, complex_ulps, in[SP_MAXIN], value;
};

static const struct op_case cases[SP_OP_PUBLIC] = {
#define STARP_OP_CASE(name, results, lo, hi, ulps, complex_ulps, a, b, c, value) \
    [SP_OP_##name] = { #name, results, lo, hi, ulps, complex_ulps, { a, b, c }, value },
#include "ops_cases.def"
#undef STARP_OP_CASE
};

/* A row of ops.def without a row of ops_cases.def names an enumerator that is not there. */
enum {
#define STARP_OP_CASE(name, ...) CASE_##name,
#include "ops_cases.def"
#undef STARP_OP_CASE
    CASES
};
#define STARP_OP(name, ...) _Static_assert(CASE_##name >= 0, "ops_cases.def lacks a row");
#include "starp/ops.def"
#undef STARP_OP
_Static_assert((int)CASES == (int)SP_OP_PUBLIC, "ops_cases.def has a row too many");

/* --------------------------------------------------------------------------------------------------------- dtypes */

static starp_dtype expected_dtype(char result, starp_dtype d)
{
    switch (result) {
    case '=': return d;
    case 'b': return STARP_BOOL;
    case 'i': return STARP_I8;
    case 'r': return d == STARP_C64 ? STARP_F32 : STARP_F64;
    case 'f': return sp_dtypes[d].size <= 2 ? STARP_F32 : STARP_F64;
    default: return STARP_NDTYPES;
    }
}

static void results_are_as_stated(void **state)
{
    struct rig r;
    (void)state;
    rig_open_reference(&r);
    for (int op = 0; op < SP_OP_PUBLIC; op++) {
        for (int d = 0; d < STARP_NDTYPES; d++) {
            starp_dtype want = expected_dtype(cases[op].results[sp_dtypes[d].cls], (starp_dtype)d);
            sp_error_clear(&r.g.error);
            struct sp_node *x = sp_build_const(&r.g, &(starp_dims){ 1, { 3 } }, (starp_dtype)d, starp_number_bool(1), false);
            struct sp_node *n = sp_build_map(&r.g, (enum sp_op)op, sp_ops[op].arity, (struct sp_node *[]){ x, x, x });
            if (n ? n->dtype != want : want != STARP_NDTYPES) fail_msg("%s of %s", cases[op].name, sp_dtypes[d].name);
            if (!n) assert_int_equal(r.g.error.status, STARP_ERR_DTYPE);
            if (!n) assert_non_null(strstr(r.g.error.text, cases[op].name));
            if (n) sp_node_release(&r.g, n);
            sp_node_release(&r.g, x);
        }
    }
    assert_int_equal(r.g.live, 0);
    rig_close(&r);
}

/* ----------------------------------------------------------------------------------------------------- known points */

#define CALL_1(name) starp_##name(x[0])
#define CALL_2(name) starp_##name(x[0], x[1])
#define CALL_3(name) starp_##name(x[0], x[1], x[2])

static starp_array *call(enum sp_op op, starp_array **x)
{
    switch (op) {
#define STARP_OP(name, arity, ...) \
    case SP_OP_##name: return CALL_##arity(name);
#include "starp/ops.def"
#undef STARP_OP
    default: return NULL;
    }
}

static void check_point(starp_session *s, enum sp_op op)
{
    const struct op_case *c = &cases[op];
    starp_dtype d = c->results[SP_CLASS_F] == '-' ? STARP_I64 : STARP_F64;
    starp_array *x[SP_MAXIN];
    double got;
    starp_scope_open(s);
    for (int k = 0; k < SP_MAXIN; k++) x[k] = starp_astype(starp_full(s, STARP_SHAPE0, c->in[k], STARP_F64), d);
    starp_array *y = call(op, x);
    if (starp_item(y, STARP_F64, &got) != STARP_OK) fail_msg("%s: %s", c->name, starp_last_error());
    double off = rig_ulps(STARP_F64, &got, &c->value, 0);
    if (!(off <= c->ulps + (c->ulps > 0))) fail_msg("%s: %.17g instead of %.17g", c->name, got, c->value);
    starp_scope_close(s);
}

static void known_points(void **state)
{
    (void)state;
    rig_environment("");
    starp_session *s = starp_open(NULL);
    if (!s) fail_msg("%s", starp_last_error());
    for (int op = 0; op < SP_OP_PUBLIC; op++) check_point(s, (enum sp_op)op);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* --------------------------------------------------------------------------------------------------- against oracle */

#define MAX_ROOTS 32

/* Shapes of the operands of one expression; views: cut out of something larger, transposed and flipped. */
static const struct operands {
    starp_dims shape[SP_MAXIN];
    bool views, aliased, specials;
} operand_cases[] = {
    { .shape = { { 0 }, { 0 }, { 0 } } },
    { .shape = { { 1, { 0 } }, { 1, { 0 } }, { 1, { 0 } } } },
    { .shape = { { 1, { 1 } }, { 1, { 1 } }, { 1, { 1 } } } },
    { .shape = { { 1, { 7 } }, { 1, { 7 } }, { 1, { 7 } } } },
    { .shape = { { 3, { 3, 0, 2 } }, { 3, { 3, 0, 2 } }, { 3, { 3, 0, 2 } } } },
    { .shape = { { 2, { 5, 7 } }, { 2, { 5, 7 } }, { 2, { 5, 7 } } } },
    { .shape = { { 4, { 2, 3, 4, 5 } }, { 4, { 2, 3, 4, 5 } }, { 4, { 2, 3, 4, 5 } } } },
    { .shape = { { 2, { 5, 7 } }, { 1, { 7 } }, { 0 } } },
    { .shape = { { 2, { 5, 1 } }, { 2, { 1, 7 } }, { 2, { 5, 7 } } } },
    { .shape = { { 0 }, { 1, { 3 } }, { 1, { 1 } } } },
    { .shape = { { 3, { 3, 0, 2 } }, { 2, { 1, 2 } }, { 1, { 2 } } } },
    { .shape = { { 2, { 5, 7 } }, { 2, { 5, 7 } }, { 2, { 5, 7 } } }, .views = true },
    { .shape = { { 2, { 5, 7 } }, { 2, { 5, 7 } }, { 2, { 5, 7 } } }, .aliased = true },
    { .shape = { { 1, { 1037 } }, { 1, { 1037 } }, { 1, { 1037 } } }, .specials = true },
};
#define OPERAND_CASES (int)(sizeof operand_cases / sizeof operand_cases[0])

/* What bits or ulps apply to is decided by the class computed in. */
static double tolerance(const struct op_case *c, starp_dtype common)
{
    return sp_dtypes[common].cls == SP_CLASS_C ? c->complex_ulps : c->ulps;
}

/* Infinities and NaN only where the result is defined for them: not in complex functions, not as integer exponents. */
static bool takes_specials(enum sp_op op, starp_dtype d)
{
    if (op == SP_OP_pow) return sp_dtypes[d].cls == SP_CLASS_F;
    return sp_dtypes[d].cls != SP_CLASS_C || cases[op].complex_ulps == 0;
}

static struct sp_node *operand(struct rig *r, enum sp_op op, starp_dtype d, const starp_dims *shape, bool specials,
                               uint64_t *random)
{
    int64_t size = sp_shape_size(shape);
    void *data = calloc((size_t)size + 1, sp_dtypes[d].size);
    assert_non_null(data);
    rig_fill(d, data, size, cases[op].lo, cases[op].hi, random);
    if (specials && takes_specials(op, d)) rig_sprinkle(d, data, size, random);
    struct sp_node *n = rig_data(r, data, shape, d);
    free(data);
    return n;
}

/* (a, b) out of (2b, 2a): every second row and, backwards, every second column, transposed. */
static struct sp_node *operand_view(struct rig *r, enum sp_op op, starp_dtype d, const starp_dims *shape, uint64_t *random)
{
    starp_dims whole = { 2, { 2 * shape->v[1], 2 * shape->v[0] } };
    starp_index item[] = { STARP_STEP(1, STARP_NONE, 2), STARP_STEP(STARP_NONE, STARP_NONE, -2) };
    struct sp_node *x = operand(r, op, d, &whole, false, random);
    struct sp_node *cut = sp_build_slice(&r->g, x, 2, item), *turned = sp_build_permute(&r->g, cut, NULL);
    sp_node_release(&r->g, x);
    sp_node_release(&r->g, cut);
    return turned;
}

static struct sp_node *expression(struct rig *r, enum sp_op op, const starp_dtype d[SP_MAXIN], const struct operands *o,
                                  uint64_t *random)
{
    struct sp_node *x[SP_MAXIN];
    int arity = sp_ops[op].arity;
    for (int k = 0; k < arity; k++) {
        if (o->aliased && k > 0 && d[k] == x[k - 1]->dtype) x[k] = sp_node_retain(x[k - 1]);
        else if (o->views) x[k] = operand_view(r, op, d[k], &o->shape[k], random);
        else x[k] = operand(r, op, d[k], &o->shape[k], o->specials, random);
    }
    struct sp_node *n = sp_build_map(&r->g, op, arity, x);
    for (int k = 0; k < arity; k++) sp_node_release(&r->g, x[k]);
    if (!n) fail_msg("%s: %s", cases[op].name, r->g.error.text);
    return n;
}

static void dtypes_of(enum sp_op op, starp_dtype d, starp_dtype list[SP_MAXIN])
{
    for (int k = 0; k < SP_MAXIN; k++) list[k] = op == SP_OP_where && k == 0 ? STARP_BOOL : d;
}

/* All expressions of one operation and dtype, evaluated at once. */
static int expressions(struct rig *r, enum sp_op op, starp_dtype d, struct sp_node **roots)
{
    uint64_t random = (uint64_t)op * 1000 + d;
    starp_dtype dtypes[SP_MAXIN];
    dtypes_of(op, d, dtypes);
    for (int i = 0; i < OPERAND_CASES; i++) roots[i] = expression(r, op, dtypes, &operand_cases[i], &random);
    if (rig_eval(r, roots, OPERAND_CASES, NULL) != STARP_OK) fail_msg("%s of %s", cases[op].name, sp_dtypes[d].name);
    return OPERAND_CASES;
}

static void check_op(struct rig *engine, struct rig *oracle, enum sp_op op, starp_dtype d)
{
    char what[80];
    struct sp_node *a[MAX_ROOTS], *b[MAX_ROOTS];
    int n = expressions(engine, op, d, a);
    expressions(oracle, op, d, b);
    for (int i = 0; i < n; i++) {
        snprintf(what, sizeof what, "%s of %s, operands %d", cases[op].name, sp_dtypes[d].name, i);
        rig_expect(what, engine, oracle, a[i], b[i], tolerance(&cases[op], d));
    }
    rig_release(engine, a, n);
    rig_release(oracle, b, n);
}

/* One configuration is a group of tests, one for each operation, on rigs that stay open. */
static struct rig engine, oracle;
static const char *environment;

static int open_rigs(void **state)
{
    (void)state;
    rig_environment(environment);
    rig_open_engine(&engine);
    rig_open_reference(&oracle);
    return 0;
}

static int close_rigs(void **state)
{
    (void)state;
    bool leaks = engine.g.live != 0 || oracle.g.live != 0;
    rig_close(&engine);
    rig_close(&oracle);
    return leaks ? -1 : 0;
}

static void values(void **state)
{
    enum sp_op op = (enum sp_op)((const struct op_case *)*state - cases);
    for (int d = 0; d < STARP_NDTYPES; d++) {
        if (cases[op].results[sp_dtypes[d].cls] != '-') check_op(&engine, &oracle, op, (starp_dtype)d);
    }
}

static int run_values(const char *group, const char *with)
{
    struct CMUnitTest tests[SP_OP_PUBLIC];
    for (int op = 0; op < SP_OP_PUBLIC; op++) {
        tests[op] = (struct CMUnitTest){ .name = cases[op].name, .test_func = values, .initial_state = (void *)&cases[op] };
    }
    environment = with;
    return _cmocka_run_group_tests(group, tests, SP_OP_PUBLIC, open_rigs, close_rigs);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(results_are_as_stated), cmocka_unit_test(known_points) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += run_values("without tasks", "");
    failed += run_values("in tiny tiles", "STARP_TILE=7 STARP_SMALL=0");
    failed += run_values("by generic kernels", "STARP_ISA=generic");
    return failed;
}
