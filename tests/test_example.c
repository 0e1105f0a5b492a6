/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_example.c: the worked example on its real picture, checked against plain loops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "starp.h"

#define main edges_main
#include "../docs/examples/edges.c"
#undef main

#define N 512
#define M (N - 2)

static char magnitude_path[] = "edges-magnitude-XXXXXX", mask_path[] = "edges-mask-XXXXXX";

static void read_file(const char *path, void *to, starp_dtype dtype, int64_t side)
{
    starp_session *s = starp_open(NULL);
    starp_array *x = starp_load(s, path);
    assert_non_null(x);
    assert_int_equal(starp_dtype_of(x), dtype);
    assert_int_equal(starp_ndim(x), 2);
    assert_int_equal(starp_dim(x, 0), side);
    assert_int_equal(starp_dim(x, 1), side);
    assert_int_equal(starp_read(x, to, (size_t)(side * side) * starp_dtype_size(dtype)), STARP_OK);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* The same by loops: magnitudes and their mean and standard deviation. */
static void by_loops(const uint8_t *picture, double *magnitude, double *mean, double *sd)
{
    int low = 255, high = 0;
    for (int i = 0; i < N * N; i++) {
        if (picture[i] < low) low = picture[i];
        if (picture[i] > high) high = picture[i];
    }
    double range = high - low, sum = 0, squares = 0;
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < M; j++) {
            const uint8_t *p = picture + (i + 1) * N + j + 1;
            double dy = 0.5 * ((p[N] - low) / range - (p[-N] - low) / range), dx = 0.5 * ((p[1] - low) / range - (p[-1] - low) / range);
            sum += magnitude[i * M + j] = hypot(dx, dy);
        }
    }
    *mean = sum / (M * M);
    for (int i = 0; i < M * M; i++) squares += (magnitude[i] - *mean) * (magnitude[i] - *mean);
    *sd = sqrt(squares / (M * M));
}

static void test_edges(void **state)
{
    (void)state;
    static uint8_t picture[N * N], mask[M * M];
    static double magnitude[M * M], expected[M * M];
    char source[] = STARP_SOURCE_DIR "/docs/examples/ascent.npy", name[] = "edges";
    char *argv[] = { name, source, magnitude_path, mask_path, NULL };
    double mean, sd;
    assert_int_equal(edges_main(4, argv), 0);
    read_file(source, picture, STARP_U8, N);
    read_file(magnitude_path, magnitude, STARP_F64, M);
    read_file(mask_path, mask, STARP_BOOL, M);
    by_loops(picture, expected, &mean, &sd);
    int edges = 0;
    for (int i = 0; i < M * M; i++) {
        assert_true(fabs(magnitude[i] - expected[i]) < 1e-15);
        double above = expected[i] - (mean + 2 * sd);
        if (fabs(above) > 1e-9) assert_int_equal(mask[i], above > 0);
        edges += mask[i];
    }
    assert_in_range(edges, 5000, 25000);
}

static void test_usage(void **state)
{
    (void)state;
    char name[] = "edges", missing[] = "no-such-file.npy";
    char *argv[] = { name, missing, magnitude_path, mask_path, NULL };
    assert_int_equal(edges_main(1, argv), 2);
    assert_int_equal(edges_main(4, argv), 1);
    assert_int_equal(starp_last_status(), STARP_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_edges), cmocka_unit_test(test_usage) };
    starp_close(starp_open(NULL)); /* other ranks than 0 stay in there, and make no files */
    if (mkstemp(magnitude_path) < 0 || mkstemp(mask_path) < 0) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(magnitude_path);
    remove(mask_path);
    return failed;
}
