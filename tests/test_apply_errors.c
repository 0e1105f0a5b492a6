/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_apply_errors.c: functions for each element: their names, and what is refused, be it by mistake or in a frame.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "client_check.h"
#include "client.h"
#include "ranks.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ------------------------------------------------------------------------------------------------------------ names */

static void a_name_is_given_again(void **state)
{
    starp_session *s = apply_open("");
    double got[3];
    (void)state;
    starp_array *x = starp_scalar(s, 10.0), *old = starp_apply(s, "affine", STARP_ARGS(x));
    starp_elementwise f = apply_functions[0].f;
    f.user = (double[]){ 3, 4 };
    assert_int_equal(starp_register_elementwise(s, "affine", &f), STARP_OK);
    starp_array *new = starp_apply(s, "affine", STARP_ARGS(x));
    assert_int_equal(starp_register_elementwise(s, "affine", &apply_functions[0].f), STARP_OK);
    starp_array *again = starp_apply(s, "affine", STARP_ARGS(x));
    starp_array *both = starp_add(starp_multiply(old, starp_scalar(s, 100.0)), new); /* equal but for what they name */
    assert_int_equal(starp_read(both, &got[0], 8), STARP_OK);
    assert_true(got[0] == 2134);
    assert_int_equal(starp_read(old, &got[0], 8), STARP_OK);
    assert_int_equal(starp_read(new, &got[1], 8), STARP_OK);
    assert_int_equal(starp_read(again, &got[2], 8), STARP_OK);
    assert_true(got[0] == 21 && got[1] == 34 && got[2] == 21);
    apply_close(s);
}

static int first(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *y = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0 });
    (void)nin, (void)user;
    if (!y) return 1;
    *y = *(const double *)in[0].data;
    return 0;
}

static void functions_on_slices_have_names_of_their_own(void **state)
{
    starp_session *s = apply_open("");
    double got[2][4];
    (void)state;
    assert_int_equal(starp_register(s, "affine", &(starp_function){ .iterate = first }), STARP_OK);
    starp_array *x = starp_from_host(s, (double[]){ 1, 2, 3, 4 }, STARP_SHAPE(1, 4), STARP_F64);
    assert_int_equal(starp_read(starp_ppeval(s, "affine", STARP_ARGS(x)), got[0], sizeof got[0]), STARP_OK);
    assert_int_equal(starp_read(starp_apply(s, "affine", STARP_ARGS(x)), got[1], sizeof got[1]), STARP_OK);
    for (int i = 0; i < 4; i++) assert_true(got[0][i] == i + 1 && got[1][i] == 2 * (i + 1) + 1);
    assert_null(starp_ppeval(s, "bend", STARP_ARGS(x)));
    starp_clear_error();
    apply_close(s);
}

/* ----------------------------------------------------------------------------------------------------------- errors */

static void calls_that_are_refused(void **state)
{
    starp_session *s = apply_open(""), *other = starp_open(NULL);
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(3, 4), STARP_F64), *y = starp_zeros(s, STARP_SHAPE(5), STARP_F64);
    starp_array *c = starp_zeros(s, STARP_SHAPE(3), STARP_C128), *k = starp_zeros(s, STARP_SHAPE(3), STARP_I64);
    starp_array *b = starp_zeros(s, STARP_SHAPE(3), STARP_BOOL);
    cc_refused(starp_apply(s, "nobody", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "no elementwise function nobody");
    cc_refused(starp_apply(s, NULL, STARP_ARGS(x)), STARP_ERR_ARGUMENT, "name");
    cc_refused(starp_apply(NULL, "affine", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "session");
    cc_refused(starp_apply(s, "affine", STARP_ARGS(x, x)), STARP_ERR_ARGUMENT, "2 arguments");
    cc_refused(starp_apply(s, "bend", STARP_ARGS(x)), STARP_ERR_ARGUMENT, "takes 2");
    cc_refused(starp_apply(s, "affine", 1, NULL), STARP_ERR_ARGUMENT, "arguments");
    cc_refused(starp_apply(s, "bend", STARP_ARGS(x, y)), STARP_ERR_SHAPE, "bend: shapes (3, 4) and (5,) do not broadcast");
    cc_refused(starp_apply(s, "affine", STARP_ARGS(c)), STARP_ERR_DTYPE, "affine: argument 1 is c128");
    cc_refused(starp_apply(s, "bend", STARP_ARGS(x, starp_scalar(s, 1.0 * I))), STARP_ERR_DTYPE, "argument 2 is a C number, c128");
    cc_refused(starp_apply(s, "square", STARP_ARGS(x)), STARP_ERR_DTYPE, "not converted to f32");
    cc_refused(starp_apply(s, "square", STARP_ARGS(k)), STARP_ERR_DTYPE, "not converted to f32");
    cc_refused(starp_apply(s, "triple", STARP_ARGS(x)), STARP_ERR_DTYPE, "not converted to i16");
    cc_refused(starp_apply(s, "triple", STARP_ARGS(k)), STARP_ERR_DTYPE, "not converted to i16");
    cc_refused(starp_apply(s, "triple", STARP_ARGS(starp_scalar(s, 1.5))), STARP_ERR_DTYPE, "a C number, f64");
    cc_refused(starp_apply(s, "triple", STARP_ARGS(starp_scalar(s, 70000))), STARP_ERR_DTYPE, "70000");
    cc_refused(starp_apply(s, "invert", STARP_ARGS(starp_scalar(s, 1))), STARP_ERR_DTYPE, "not converted to bool");
    assert_non_null(starp_apply(s, "triple", STARP_ARGS(b)));
    assert_non_null(starp_apply(s, "affine", STARP_ARGS(k)));
    assert_non_null(starp_apply(s, "square", STARP_ARGS(starp_scalar(s, 3))));
    assert_null(starp_apply(s, "bend", STARP_ARGS(x, NULL)));
    assert_int_equal(starp_last_status(), STARP_OK);
    cc_refused(starp_apply(s, "affine", STARP_ARGS(starp_zeros(other, STARP_SHAPE(3), STARP_F64))), STARP_ERR_HANDLE, "another session");
    assert_int_equal(starp_close(other), STARP_OK);
    apply_close(s);
}

static void functions_that_are_refused(void **state)
{
    starp_session *s = apply_open("");
    const starp_elementwise good = apply_functions[0].f;
    starp_elementwise f[7] = { good, good, good, good, good, good, good };
    static const char *const words[7] = { "there is no function", "in: 0 operands; 1 to 3", "in: 4 operands", "dtypes 13 and ", "one does not exist", "user is NULL",
                                          "out: 0 results; it must be 1" };
    char name[SP_FUNCTION_NAME + 1];
    (void)state;
    f[0].apply = NULL, f[2].in.count = 4, f[3].in.dtype = STARP_NDTYPES, f[4].out.dtype = (starp_dtype)-1, f[5].user = NULL;
    f[1] = (starp_elementwise){ .apply = good.apply, .out = { 1, STARP_F64 } }; /* forgotten */
    f[6] = (starp_elementwise){ .apply = good.apply, .in = { 1, STARP_F64 } };
    for (size_t i = 0; i < COUNT(f); i++) {
        assert_int_equal(starp_register_elementwise(s, "new", &f[i]), STARP_ERR_ARGUMENT);
        assert_non_null(strstr(starp_last_error(), "register_elementwise: new: "));
        apply_expect(starp_last_error(), words[i]);
    }
    memset(name, 'x', sizeof name);
    name[SP_FUNCTION_NAME] = 0;
    assert_int_equal(starp_register_elementwise(s, name, &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, "", &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, NULL, &good), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(s, "new", NULL), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_register_elementwise(NULL, "new", &good), STARP_ERR_ARGUMENT);
    starp_clear_error();
    assert_null(starp_apply(s, "new", STARP_ARGS(starp_scalar(s, 1.0))));
    starp_clear_error();
    name[SP_FUNCTION_NAME - 1] = 0; /* longer than what a node has room for */
    assert_int_equal(starp_register_elementwise(s, name, &good), STARP_OK);
    starp_array *y = starp_apply(s, name, STARP_ARGS(starp_scalar(s, 1.0)));
    char *text = apply_explain(y);
    apply_expect(text, "function xxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
    free(text);
    assert_int_equal(starp_eval(y), STARP_OK);
    apply_close(s);
}

/* Nodes as a frame might describe them: of no function, or of one with other operands. Whatever they say, it is an error. */
static void nodes_of_no_function(void **state)
{
    SKIP_ON_RANKS();
    starp_session *s = apply_open("STARP_SMALL=0");
    struct sp_apply_param p = { .name = "stray" };
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(40), STARP_F64), *sane = starp_apply(s, "affine", STARP_ARGS(x));
    assert_non_null(sp_elementwise_find(s->sched, "affine", &p.function));
    const uint32_t affine_number = p.function;
    for (int i = 0; i < 4; i++) {
        p.function = i == 0 ? 1000 : affine_number;
        struct sp_node *in[] = { x->node, x->node };
        struct sp_node *n = sp_build_apply(&s->graph, &p, i == 1 ? STARP_C128 : STARP_F64, i == 2 ? STARP_C128 : STARP_F64, i == 3 ? 2 : 1, in);
        starp_array *y = starp_sum(sp_client_wrap(s, n), NULL, 0);
        assert_int_equal(starp_eval(y), STARP_ERR_RUNTIME);
        apply_expect(starp_last_error(), "stray: there is no such function");
    }
    assert_int_equal(starp_eval(sane), STARP_OK);
    apply_close(s);
}

/* A ppeval that names an elementwise function. */
static void slices_of_a_function_for_elements(void **state)
{
    starp_session *s = apply_open("");
    struct sp_ppeval_param p = { .nresults = 1 };
    (void)state;
    starp_array *x = starp_zeros(s, STARP_SHAPE(4, 5), STARP_F64);
    assert_non_null(sp_elementwise_find(s->sched, "affine", &p.function));
    assert_int_equal(starp_eval(x), STARP_OK);
    struct sp_node *n = sp_build_ppeval(&s->graph, 1, &x->node, &p, &(struct sp_results){ 1, { STARP_F64 }, { { 1, { 4 } } } });
    assert_int_equal(starp_eval(sp_client_wrap(s, n)), STARP_ERR_COMPUTE);
    apply_expect(starp_last_error(), "for elements");
    apply_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_given_again),
        cmocka_unit_test(functions_on_slices_have_names_of_their_own),
        cmocka_unit_test(calls_that_are_refused),
        cmocka_unit_test(functions_that_are_refused),
        cmocka_unit_test(nodes_of_no_function),
        cmocka_unit_test(slices_of_a_function_for_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
