/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_client_errors.c: every class of bad input through the public functions: the status, the values in the text, the
 * site of the call, and that the session goes on afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "client_check.h"

static void expect(bool failed, const char *call, starp_status status, const char *says)
{
    const char *text = starp_last_error();
    if (!failed) fail_msg("%s did not fail", call);
    if (starp_last_status() != status || !strstr(text, says)) {
        fail_msg("%s: %s, %s", call, starp_status_name(starp_last_status()), text);
    }
    if (!strstr(text, " [at ") || !strstr(text, "test_client_errors")) fail_msg("%s: no site in \"%s\"", call, text);
    starp_clear_error();
}

/* A call that returns a handle, or a count that is negative. */
#define FAILS(call, status, says) expect((call) == NULL, #call, (status), (says))
#define FAILS_VALUE(call, value, status, says) expect((call) == (value), #call, (status), (says))
/* A call that returns a status. */
#define REPORTS(call, status, says) expect((call) == (status), #call, (status), (says))

static void test_shapes(void **state)
{
    (void)state;
    int64_t huge = INT64_MAX / 4;
    starp_dims many = { .n = 17 }, negative = { .n = -1 };
    FAILS(starp_add(f34, i5), STARP_ERR_SHAPE, "add: shapes (3, 4) and (5,) do not broadcast");
    FAILS(starp_where(f34, f34, i5), STARP_ERR_SHAPE, "where: shapes (3, 4) and (5,) do not broadcast");
    FAILS(starp_zeros(session, STARP_SHAPE(3, -1), STARP_F64), STARP_ERR_SHAPE, "(3, -1)");
    FAILS(starp_ones(session, STARP_SHAPE(huge, huge), STARP_F64), STARP_ERR_SHAPE,
          "(2305843009213693951, 2305843009213693951)");
    FAILS(starp_zeros(session, STARP_SHAPE(huge), STARP_C128), STARP_ERR_SHAPE, "(2305843009213693951,)");
    FAILS(starp_empty(session, &many, STARP_F64), STARP_ERR_SHAPE, "17 dimensions");
    FAILS(starp_empty(session, &negative, STARP_F64), STARP_ERR_SHAPE, "-1 dimensions");
    FAILS(starp_zeros(session, NULL, STARP_F64), STARP_ERR_ARGUMENT, "zeros: the shape is NULL");
    FAILS(starp_reshape(f34, STARP_SHAPE(5, 2)), STARP_ERR_SHAPE,
          "reshape: shape (5, 2) does not have the elements of (3, 4)");
    FAILS(starp_reshape(f34, STARP_SHAPE(-1, -1)), STARP_ERR_SHAPE, "(-1, -1)");
    FAILS(starp_reshape(f34, NULL), STARP_ERR_ARGUMENT, "reshape: the shape is NULL");
    FAILS(starp_reshape(f34, &many), STARP_ERR_SHAPE, "17");
    FAILS(starp_broadcast_to(i5, STARP_SHAPE(5, 4)), STARP_ERR_SHAPE, "shape (5,) does not broadcast to (5, 4)");
    FAILS(starp_broadcast_to(i5, NULL), STARP_ERR_ARGUMENT, "broadcast_to: the shape is NULL");
    FAILS(starp_squeeze(f34, STARP_AXES(0)), STARP_ERR_SHAPE, "axis 0 has extent 3, not 1");
    FAILS(starp_max(starp_zeros(session, STARP_SHAPE(0), STARP_F64), NULL, 0), STARP_ERR_SHAPE, "max");
    starp_release(session->ring.next); /* the empty array of the line before */
}

static void test_dtypes(void **state)
{
    (void)state;
    starp_array *z = starp_zeros(session, STARP_SHAPE(2), STARP_C128);
    FAILS(starp_zeros(session, STARP_SHAPE(3), (starp_dtype)13), STARP_ERR_DTYPE, "there is no dtype 13");
    FAILS(starp_astype(f34, (starp_dtype)-1), STARP_ERR_DTYPE, "astype: there is no dtype -1");
    FAILS(starp_bitwise_and(f34, f34), STARP_ERR_DTYPE, "bitwise_and: not defined for f64");
    FAILS(starp_less(z, z), STARP_ERR_DTYPE, "less: not defined for c128");
    FAILS(starp_min(z, NULL, 0), STARP_ERR_DTYPE, "min: not defined for c128");
    FAILS(starp_full(session, STARP_SHAPE(2), 300, STARP_U8), STARP_ERR_DTYPE, "300 does not fit in u8");
    FAILS(starp_full(session, STARP_SHAPE(2), 1.5, STARP_I32), STARP_ERR_DTYPE, "1.5 does not fit in i32");
    FAILS(starp_linspace(session, 0, 1, 5, 1, STARP_I32), STARP_ERR_DTYPE, "linspace: not defined for i32");
    FAILS(starp_arange(session, 0, 2, 1, STARP_BOOL), STARP_ERR_DTYPE, "arange: not defined for bool");
    FAILS(starp_random_uniform(session, STARP_SHAPE(2), STARP_I32), STARP_ERR_DTYPE, "uniform: not defined for i32");
    FAILS(starp_random_standard_normal(session, STARP_SHAPE(2), STARP_C64), STARP_ERR_DTYPE, "not defined for c64");
    FAILS(starp_from_host(session, "", STARP_SHAPE(1), (starp_dtype)99), STARP_ERR_DTYPE, "there is no dtype 99");
    assert_int_equal(starp_dtype_size((starp_dtype)99), 0);
    assert_null(starp_dtype_name((starp_dtype)-1));
    assert_int_equal(starp_result_type(STARP_F32, (starp_dtype)99), STARP_NDTYPES);
    starp_release(z);
}

static void test_axes(void **state)
{
    (void)state;
    starp_dims many = { .n = 17 }, negative = { .n = -2 };
    FAILS(starp_sum(f34, STARP_AXES(2), 0), STARP_ERR_INDEX, "sum: axis 2 is out of bounds for 2 dimensions");
    FAILS(starp_mean(f34, STARP_AXES(-3), 0), STARP_ERR_INDEX, "mean: axis -3 is out of bounds for 2 dimensions");
    FAILS(starp_var(f34, STARP_AXES(0, -2), 1, 0), STARP_ERR_INDEX, "var: axis 0 is named twice");
    FAILS(starp_all(f34, &many, 0), STARP_ERR_INDEX, "all: 17 axes");
    FAILS(starp_flip(f34, &negative), STARP_ERR_INDEX, "flip: -2 axes");
    FAILS(starp_argmax(f34, STARP_AXES(0, 1), 0), STARP_ERR_ARGUMENT, "argmax: takes one axis or none (2 given)");
    FAILS(starp_std(f34, NULL, 0, -1), STARP_ERR_ARGUMENT, "std: correction is -1");
    FAILS(starp_permute_dims(f34, STARP_AXES(0)), STARP_ERR_ARGUMENT, "permute_dims: 1 axes for 2 dimensions");
    FAILS(starp_permute_dims(f34, STARP_AXES(1, 1)), STARP_ERR_INDEX, "permute_dims: axis 1 is named twice");
    FAILS(starp_permute_dims(f34, NULL), STARP_ERR_ARGUMENT, "permute_dims: the axes are NULL");
    FAILS(starp_expand_dims(f34, 4), STARP_ERR_INDEX, "expand_dims: axis 4 is out of bounds for 3 dimensions");
    FAILS_VALUE(starp_dim(f34, 2), -1, STARP_ERR_INDEX, "dim: axis 2 is out of bounds for 2 dimensions");
    FAILS_VALUE(starp_dim(f34, -3), -1, STARP_ERR_INDEX, "dim: axis -3 is out of bounds for 2 dimensions");
    assert_int_equal(starp_dim(f34, -1), 4);
    assert_int_equal(starp_dim(f34, 0), 3);
}

static void test_values(void **state)
{
    (void)state;
    starp_number odd = { .kind = '?' };
    FAILS(starp_arange(session, 0, 1, 0, STARP_F64), STARP_ERR_ARGUMENT, "arange: from 0 to 1 in steps of 0");
    FAILS(starp_arange(session, 0, 1e300, 1, STARP_F64), STARP_ERR_ARGUMENT, "1e+300");
    FAILS(starp_linspace(session, 0, 1, -5, 1, STARP_F64), STARP_ERR_SHAPE, "(-5,)");
    FAILS(starp_eye(session, -1, 2, 0, STARP_F64), STARP_ERR_SHAPE, "(-1, 2)");
    FAILS(starp_random_integers(session, 5, 5, STARP_SHAPE(2), STARP_I32), STARP_ERR_ARGUMENT,
          "low (5) is not below high (5)");
    FAILS(starp_random_integers(session, 0, 1000, STARP_SHAPE(2), STARP_I8), STARP_ERR_ARGUMENT,
          "[0, 1000) does not fit in i8");
    FAILS(starp_scalar_number(session, odd), STARP_ERR_ARGUMENT, "scalar: a number of kind 63");
    FAILS(starp_full_number(session, STARP_SHAPE(1), odd, STARP_F64), STARP_ERR_ARGUMENT, "full: a number of kind 63");
    FAILS(starp_from_host(session, NULL, STARP_SHAPE(2, 3), STARP_F64), STARP_ERR_ARGUMENT,
          "from_host: the data is NULL, and shape (2, 3) has 6 elements");
    starp_array *none = starp_from_host(session, NULL, STARP_SHAPE(2, 0), STARP_F64);
    assert_non_null(none);
    assert_int_equal(starp_size(none), 0);
    starp_release(none);
}

static void test_indices(void **state)
{
    (void)state;
    starp_index odd = { .kind = 9 };
    FAILS(starp_slice(f34, STARP_INDEX(STARP_AT(3))), STARP_ERR_INDEX,
          "index 3 is out of bounds for axis 0 of extent 3");
    FAILS(starp_slice(f34, STARP_INDEX(STARP_ALL, STARP_AT(-5))), STARP_ERR_INDEX,
          "index -5 is out of bounds for axis 1 of extent 4");
    FAILS(starp_slice(f34, STARP_INDEX(STARP_STEP(0, 1, 0))), STARP_ERR_ARGUMENT, "step is 0");
    FAILS(starp_slice(f34, STARP_INDEX(STARP_ALL, STARP_ALL, STARP_ALL)), STARP_ERR_INDEX,
          "3 indices for 2 dimensions");
    FAILS(starp_slice(f34, STARP_INDEX(STARP_ELLIPSIS, STARP_ELLIPSIS)), STARP_ERR_INDEX, "2 ellipses");
    FAILS(starp_slice(f34, -1, NULL), STARP_ERR_ARGUMENT, "slice: -1 items");
    FAILS(starp_slice(f34, 2, NULL), STARP_ERR_ARGUMENT, "slice: 2 items");
    FAILS(starp_slice(f34, 1, &odd), STARP_ERR_ARGUMENT, "slice: item 1 is of kind 9");
    FAILS(starp_at(f34, "1, 2, 3"), STARP_ERR_INDEX, "3 indices for 2 dimensions");
    FAILS(starp_at(f34, "1 2"), STARP_ERR_ARGUMENT, "at: \"1 2\": expected ',' or the end at character 3, found '2'");
    FAILS(starp_at(f34, NULL), STARP_ERR_ARGUMENT, "at: the index is NULL");
}

static void test_reading(void **state)
{
    (void)state;
    double data[12];
    starp_dims shape;
    REPORTS(starp_read(f34, data, 95), STARP_ERR_ARGUMENT, "read: the buffer has 95 bytes; (3, 4) of f64 takes 96");
    REPORTS(starp_read(f34, NULL, 96), STARP_ERR_ARGUMENT, "read: the buffer is NULL");
    REPORTS(starp_item(f34, STARP_F64, data), STARP_ERR_SHAPE, "item: shape (3, 4) does not have one element");
    starp_array *one = starp_at(f34, "1, 2");
    REPORTS(starp_item(one, STARP_F64, NULL), STARP_ERR_ARGUMENT, "item: the place for the value is NULL");
    REPORTS(starp_item(one, (starp_dtype)50, data), STARP_ERR_DTYPE, "there is no dtype 50");
    int32_t whole;
    assert_int_equal(starp_item(one, STARP_I32, &whole), STARP_OK);
    assert_int_equal(whole, 7);
    starp_release(one);
    REPORTS(starp_shape_of(f34, NULL), STARP_ERR_ARGUMENT, "shape_of");
    assert_int_equal(starp_shape_of(f34, &shape), STARP_OK);
    REPORTS(starp_eval_many(-1, &f34), STARP_ERR_ARGUMENT, "eval_many: -1 arrays");
    REPORTS(starp_eval_many(1, NULL), STARP_ERR_ARGUMENT, "eval_many: 1 arrays");
    FAILS(starp_eval_async(0, &f34), STARP_ERR_ARGUMENT, "eval_async: 0 arrays");
    assert_int_equal(starp_eval_many(0, NULL), STARP_OK);
    assert_int_equal(starp_test(NULL), -1);
}

static void test_looking_inside(void **state)
{
    (void)state;
    REPORTS(starp_explain(f34, NULL), STARP_ERR_ARGUMENT, "explain: the file is NULL");
    REPORTS(starp_graph_dot(f34, NULL), STARP_ERR_ARGUMENT, "graph_dot: the file is NULL");
    REPORTS(starp_info(session, NULL), STARP_ERR_ARGUMENT, "info: the file is NULL");
    REPORTS(starp_stats_of(session, NULL), STARP_ERR_ARGUMENT, "stats_of: the place for the counts is NULL");
    FILE *full = fopen("/dev/full", "w");
    if (!full) return;
    REPORTS(starp_graph_dot(f34, full), STARP_ERR_IO, "graph_dot: the file cannot be written");
    fclose(full);
}

static void test_sessions(void **state)
{
    (void)state;
    FAILS(starp_open("mars"), STARP_ERR_ARGUMENT, "open: there is no place \"mars\"");
    FAILS(starp_zeros(NULL, STARP_SHAPE(1), STARP_F64), STARP_ERR_ARGUMENT, "zeros: the session is NULL");
    FAILS(starp_scalar(NULL, 1), STARP_ERR_ARGUMENT, "scalar: the session is NULL");
    FAILS(starp_zeros((starp_session *)f34, STARP_SHAPE(1), STARP_F64), STARP_ERR_HANDLE, "zeros: not an open session");
    FAILS(starp_negative((starp_array *)session), STARP_ERR_HANDLE, "negative: argument 1 is not a live handle");
    REPORTS(starp_scope_open(NULL), STARP_ERR_ARGUMENT, "scope_open: the session is NULL");
    REPORTS(starp_scope_close(session), STARP_ERR_ARGUMENT, "scope_close: no scope is open");
    REPORTS(starp_seed((starp_session *)f34, 1), STARP_ERR_HANDLE, "seed: not an open session");
    REPORTS(starp_progress(NULL, NULL, NULL), STARP_ERR_ARGUMENT, "progress: the session is NULL");
    REPORTS(starp_info(NULL, stderr), STARP_ERR_ARGUMENT, "info: the session is NULL");
    assert_int_equal(starp_close(NULL), STARP_OK);
}

/* NULL goes through everything and changes nothing of what is on record. */
static void test_null_in_null_out(void **state)
{
    (void)state;
    double value;
    starp_array *bad = starp_add(f34, i5);
    starp_array *more = starp_multiply(starp_sqrt(bad), f34);
    assert_null(more);
    assert_null(starp_sum(starp_at(more, "0"), NULL, 0));
    assert_null(starp_where(f34, more, f34));
    assert_null(starp_keep(starp_astype(more, STARP_F32)));
    assert_null(starp_load(session, NULL)); /* a second failure */
    assert_int_equal(starp_ndim(more), -1);
    assert_int_equal(starp_dtype_of(more), STARP_NDTYPES);
    assert_int_equal(starp_release(more), STARP_OK);
    assert_null(starp_eval_async(STARP_ARGS(f34, more)));
    REPORTS(starp_read(more, &value, sizeof value), STARP_ERR_SHAPE, "add: shapes (3, 4) and (5,) do not broadcast");
    REPORTS(starp_eval(NULL), STARP_ERR_ARGUMENT, "eval: NULL, and no failed call is on record");
    REPORTS(starp_eval_many(STARP_ARGS(f34, NULL)), STARP_ERR_ARGUMENT, "eval_many: NULL");
    REPORTS(starp_wait(NULL), STARP_ERR_ARGUMENT, "wait: NULL");
    REPORTS(starp_cancel(NULL), STARP_ERR_ARGUMENT, "cancel: NULL");
}

static void test_first_error_wins(void **state)
{
    (void)state;
    double value;
    assert_int_equal(starp_last_status(), STARP_OK);
    assert_string_equal(starp_last_error(), "");
    assert_null(starp_add(f34, i5));
    assert_null(starp_sum(f34, STARP_AXES(9), 0));
    assert_int_equal(starp_last_status(), STARP_ERR_SHAPE);

    /* a call that returns a status tells its own error; the first one still waits for the sync */
    assert_int_equal(starp_read(f34, &value, 1), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_last_status(), STARP_ERR_ARGUMENT);
    assert_int_equal(starp_eval(NULL), STARP_ERR_SHAPE);
    assert_int_equal(starp_last_status(), STARP_ERR_SHAPE);
    assert_int_equal(starp_eval(NULL), STARP_ERR_SHAPE);

    /* reported: the next failure takes its place */
    assert_null(starp_sum(f34, STARP_AXES(9), 0));
    assert_int_equal(starp_last_status(), STARP_ERR_INDEX);
    assert_int_equal(starp_eval(NULL), STARP_ERR_INDEX);
    assert_int_equal(starp_eval(f34), STARP_OK);
    starp_clear_error();
    assert_int_equal(starp_last_status(), STARP_OK);
    assert_string_equal(starp_status_name(STARP_ERR_CANCELLED), "STARP_ERR_CANCELLED");
    assert_string_equal(starp_status_name((starp_status)77), "unknown status");
}

/* A whole program on a session that did not open says why it did not. */
static void test_failed_open_is_first(void **state)
{
    (void)state;
    double value;
    assert_null(starp_add(f34, i5));
    setenv("STARP_TILE", "many", 1);
    starp_session *s = starp_open(NULL);
    unsetenv("STARP_TILE");
    assert_null(s);
    starp_array *x = starp_add(starp_random_uniform(s, STARP_SHAPE(4), STARP_F64), starp_scalar(s, 1));
    REPORTS(starp_read(x, &value, sizeof value), STARP_ERR_OPTION, "STARP_TILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CC_TEST_WITH_ARRAYS(test_shapes),
        CC_TEST_WITH_ARRAYS(test_dtypes),
        CC_TEST_WITH_ARRAYS(test_axes),
        CC_TEST_WITH_ARRAYS(test_values),
        CC_TEST_WITH_ARRAYS(test_indices),
        CC_TEST_WITH_ARRAYS(test_reading),
        CC_TEST_WITH_ARRAYS(test_looking_inside),
        CC_TEST_WITH_ARRAYS(test_sessions),
        CC_TEST_WITH_ARRAYS(test_null_in_null_out),
        CC_TEST_WITH_ARRAYS(test_first_error_wins),
        CC_TEST_WITH_ARRAYS(test_failed_open_is_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
