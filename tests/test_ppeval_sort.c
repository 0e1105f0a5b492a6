/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_sort.c: what ppeval has built in, where the library has nothing to hold it against: sorting, against the C library's; slices
 * without elements; what is refused, what fails, and names that the user takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"
#include "rig.h"

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

static uint64_t seed = 1;
static int every = 1; /* cases that are tried: all, or one of so many, where each takes long */

/* ---------------------------------------------------------------------------------------------------------- sorting */

static starp_dtype sorted_dtype;

static int by_numbers(double a, double b)
{
    if (isnan(a) || isnan(b)) return !!isnan(a) - !!isnan(b);
    return (a > b) - (a < b);
}

/* NumPy's order. Zeros of either sign are equal among complex numbers, and -0.0 comes first among real ones. */
static int compare(const void *x, const void *y)
{
    switch (sorted_dtype) {
#define INTEGER(id, type) \
    case STARP_##id: return (*(const type *)x > *(const type *)y) - (*(const type *)x < *(const type *)y);
        INTEGER(BOOL, uint8_t) INTEGER(I8, int8_t) INTEGER(I16, int16_t) INTEGER(I32, int32_t) INTEGER(I64, int64_t)
        INTEGER(U8, uint8_t) INTEGER(U16, uint16_t) INTEGER(U32, uint32_t) INTEGER(U64, uint64_t)
#undef INTEGER
    default: break;
    }
    bool single = sorted_dtype == STARP_F32 || sorted_dtype == STARP_C64;
    double a[2] = { single ? *(const float *)x : *(const double *)x }, b[2] = { single ? *(const float *)y : *(const double *)y };
    if (!la_is_complex(sorted_dtype)) return by_numbers(*a, *b) ? by_numbers(*a, *b) : !!signbit(*b) - !!signbit(*a);
    a[1] = single ? ((const float *)x)[1] : ((const double *)x)[1];
    b[1] = single ? ((const float *)y)[1] : ((const double *)y)[1];
    int kind = 2 * !!isnan(a[0]) + !!isnan(a[1]), other = 2 * !!isnan(b[0]) + !!isnan(b[1]);
    if (kind != other) return kind - other;
    return by_numbers(a[0], b[0]) ? by_numbers(a[0], b[0]) : by_numbers(a[1], b[1]);
}

/* Of elements that compare as equal, zeros of either sign may come in any order: bits are those of a stable sort. */
static void merge_sort(char *x, size_t n, size_t size)
{
    char *element = malloc(size);
    for (size_t i = 1, j; i < n; i++) {
        memcpy(element, x + i * size, size);
        for (j = i; j > 0 && compare(x + (j - 1) * size, element) > 0; j--) memcpy(x + j * size, x + (j - 1) * size, size);
        memcpy(x + j * size, element, size);
    }
    free(element);
}

static void sort_line(char *x, int64_t n, size_t size)
{
    if (n <= 400) merge_sort(x, (size_t)n, size);
    else qsort(x, (size_t)n, size, compare);
}

static void check_sort(starp_dtype d, int64_t lines, int64_t n, int64_t count, bool special)
{
    size_t size = starp_dtype_size(d), bytes = size * (size_t)(lines * n * count);
    char *x = malloc(bytes + 1), *y = malloc(bytes + 1);
    rig_fill(d, x, lines * n * count, -300, 300, &seed);
    if (special) rig_sprinkle(d, x, lines * n * count, &seed);
    starp_array *a = starp_from_host(session, x, STARP_SHAPE(count, lines, n), d);
    starp_array *b = starp_ppeval(session, "sort", STARP_ARGS(starp_ppsplit(a, 0)));
    if (!b) fail_msg("%s", starp_last_error());
    la_shape("sort", b, d, STARP_SHAPE(lines, n, count));
    la_done(starp_read(starp_permute_dims(b, STARP_AXES(2, 0, 1)), y, bytes));
    sorted_dtype = d;
    for (int64_t i = 0; i < lines * count; i++) sort_line(x + (size_t)(i * n) * size, n, size);
    int64_t at = rig_differ(d, y, x, lines * n * count, true);
    if (at >= 0) fail_msg("sort of %lld %s: element %lld", (long long)n, starp_dtype_name(d), (long long)at);
    free(x);
    free(y);
}

static void sorting(void **state)
{
    static const int64_t lengths[] = { 0, 1, 2, 3, 47, 127, 128, 129, 300, 1500 };
    (void)state;
    for (int i = 0; i < COUNT(lengths) * STARP_NDTYPES; i += every) {
        starp_dtype d = (starp_dtype)(i % STARP_NDTYPES);
        int64_t n = lengths[i / STARP_NDTYPES];
        la_done(starp_scope_open(session));
        check_sort(d, 1 + i % 3, n, n > 1000 ? 2 : i % 6, n <= 400 || !la_is_complex(d));
        la_done(starp_scope_close(session));
    }
}

/* ------------------------------------------------------------------------------------------------------ what is empty */

static void no_elements(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = starp_zeros(session, STARP_SHAPE(2, 0, 3), STARP_F32);
    static const struct {
        const char *name;
        double value;
    } of[] = { { "sum", 0 }, { "prod", 1 }, { "mean", NAN }, { "var", NAN }, { "std", NAN }, { "norm", 0 }, { "any", 0 }, { "all", 1 } };
    for (int i = 0; i < COUNT(of); i++) {
        starp_ragged *r;
        starp_array *y = starp_ppeval(session, of[i].name, STARP_ARGS(x));
        double v = la_item(starp_at(y, "2"));
        assert_true(v == of[i].value || (isnan(v) && isnan(of[i].value)));
        la_done(starp_ppeval_ragged(session, of[i].name, STARP_ARGS(x), 1, &r));
        la_same(of[i].name, starp_ragged_join(r), y);
        la_done(starp_ragged_release(r));
    }
    la_done(starp_scope_close(session));
}

/* ----------------------------------------------------------------------------------------------------------- errors */

static void what_is_refused(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *line = la_input(session, STARP_SHAPE(5, 7), STARP_F64, &seed);
    starp_array *matrix = la_input(session, STARP_SHAPE(5, 4, 7), STARP_F64, &seed);
    starp_array *numbers = la_input(session, STARP_SHAPE(7), STARP_C64, &seed), *y[4];
    fc_refused(pc_each("nonesuch", line), STARP_ERR_ARGUMENT, "nonesuch: there is no such function");
    fc_refused(pc_each("svd", line), STARP_ERR_SHAPE, "svd: a slice of shape (5,) is not a matrix");
    fc_refused(pc_each("inv", matrix), STARP_ERR_SHAPE, "inv: a slice of shape (5, 4) is not a square matrix");
    fc_refused(pc_each("fft", numbers), STARP_ERR_SHAPE, "fft: a slice of shape () has no axis");
    fc_refused(pc_each("sort", numbers), STARP_ERR_SHAPE, "sort: a slice of shape () has no axis");
    fc_refused(pc_each("min", starp_zeros(session, STARP_SHAPE(0, 3), STARP_F64)), STARP_ERR_SHAPE,
               "min: a slice of shape (0,) has no elements");
    fc_refused(pc_each("min", numbers), STARP_ERR_DTYPE, "min: not defined for c64");
    fc_refused(starp_ppeval(session, "svd", STARP_ARGS(matrix, matrix)), STARP_ERR_ARGUMENT, "svd: 2 arguments; it takes 1");
    fc_refused(starp_ppeval(session, "sort", STARP_ARGS(matrix, matrix)), STARP_ERR_ARGUMENT, "sort: 2 arguments; it takes 1");
    fc_refused(pc_each("solve", matrix), STARP_ERR_ARGUMENT, "solve: 1 arguments; it takes 2");
    fc_refused(starp_ppeval(session, "solve", STARP_ARGS(starp_at(matrix, ":4"), matrix)), STARP_ERR_SHAPE,
               "solve: slices of shapes (4, 4) and (5, 4) do not fit");
    fc_refused(starp_ppeval(session, "matmul", STARP_ARGS(matrix, starp_at(matrix, "..., :3"))), STARP_ERR_SHAPE, "slices");
    assert_int_equal(starp_ppeval_list(session, "qr", STARP_ARGS(matrix), 3, y), STARP_ERR_ARGUMENT);
    fc_refused(y[0], STARP_ERR_ARGUMENT, "qr: 3 results are asked for; it has 2");
    la_done(starp_scope_close(session));
}

/* Ones, and in one iteration what cannot be inverted. */
static starp_array *with_singular(int64_t n, int64_t at)
{
    double *x = calloc((size_t)n * 9, sizeof *x);
    for (int64_t i = 0; i < n * 9; i++) x[i] = i % 9 % 4 == 0 && (i / 9 != at || i % 9 != 8);
    starp_array *y = starp_from_host(session, x, STARP_SHAPE(n, 3, 3), STARP_F64);
    free(x);
    return starp_permute_dims(y, STARP_AXES(1, 2, 0));
}

static void expect_failure(starp_array *x, const char *text)
{
    assert_int_equal(starp_eval(x), STARP_ERR_COMPUTE);
    if (!strstr(starp_last_error(), text)) fail_msg("%s is said, not %s", starp_last_error(), text);
    starp_clear_error();
}

static void what_fails_is_named(void **state)
{
    starp_ragged *r;
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = with_singular(40, 23), *y;
    expect_failure(pc_each("inv", x), "(matrix 23)");
    expect_failure(starp_ppeval(session, "solve", STARP_ARGS(x, x)), "(matrix 23)");
    expect_failure(pc_each("cholesky", x), "(matrix 23)");
    assert_int_equal(starp_ppeval_ragged(session, "inv", STARP_ARGS(x), 1, &r), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "ppeval inv: iteration 23: linalg_solve: the matrix is singular: U(3,3)"));
    assert_null(r);
    starp_clear_error();
    y = pc_each("det", x);
    assert_true(la_item(starp_at(y, "23")) == 0 && la_item(starp_at(y, "22")) == 1);
    la_done(starp_scope_close(session));
}

/* A name of ours is the user's as soon as he takes it, and stays ours for what was recorded before. */
static int seven(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    double *y = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 0, { 0 } });
    (void)nin, (void)in, (void)user;
    if (y) *y = 7;
    return !y;
}

static void names_are_the_users(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = la_input(session, STARP_SHAPE(3, 4), STARP_F64, &seed), *before = pc_each("sort", x);
    la_done(starp_register(session, "sort", &(starp_function){ .iterate = seven }));
    starp_array *y = pc_each("sort", x);
    la_shape("sort", y, STARP_F64, STARP_SHAPE(4));
    la_shape("sort", before, STARP_F64, STARP_SHAPE(3, 4));
    assert_true(la_item(starp_at(y, "3")) == 7);
    la_done(starp_eval(before));
    la_done(starp_scope_close(session));
}

static void what_fails_alone(void **state)
{
    (void)state;
    la_done(starp_scope_open(session));
    starp_array *x = with_singular(10, 4), *y = pc_each("inv", x);
    assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
    assert_non_null(strstr(starp_last_error(), "iteration 4"));
    starp_clear_error();
    assert_true(isnan(la_item(starp_at(y, "0, 0, 4"))) && la_item(starp_at(y, "0, 0, 5")) == 1);
    la_done(starp_scope_close(session));
}

static int open_in_tiles(void **state)
{
    (void)state;
    every = 3;
    return cc_open("STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=2");
}

static int open_keeping(void **state)
{
    (void)state;
    return cc_open("STARP_PPEVAL_KEEP=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting),
        cmocka_unit_test(no_elements),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_fails_is_named),
        cmocka_unit_test(names_are_the_users),
    };
    const struct CMUnitTest kept[] = { cmocka_unit_test(what_fails_alone) };
    int failed = cmocka_run_group_tests_name("at once", tests, la_open_at_once, la_close);
    failed += cmocka_run_group_tests_name("in tiles", tests, open_in_tiles, la_close);
    return failed + cmocka_run_group_tests_name("kept", kept, open_keeping, la_close);
}
