/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_denoise.c: the example that takes noise from a photograph, on its real picture; and what it makes of one window against a
 * second implementation, by Jacobi's rotations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "starp.h"

#define main denoise_main
#include "../docs/examples/denoise.c"
#undef main

#define ROWS 192
#define COLUMNS 256
#define BYTES (ROWS * COLUMNS * 3)
#define WINDOWS 5
#define AREA (WINDOW * WINDOW)

static char path[3][32] = { "denoise-noisy-XXXXXX", "denoise-lowrank-XXXXXX", "denoise-lowpass-XXXXXX" };
static char face[] = STARP_SOURCE_DIR "/docs/examples/face.npy";

/* ----------------------------------------------------------------------------------------- the whole picture */

static void read_picture(starp_session *s, const char *from, uint8_t *to)
{
    starp_array *x = starp_load(s, from);
    assert_non_null(x);
    assert_int_equal(starp_dtype_of(x), STARP_U8);
    assert_int_equal(starp_ndim(x), 3);
    assert_int_equal(starp_dim(x, 0), ROWS);
    assert_int_equal(starp_dim(x, 1), COLUMNS);
    assert_int_equal(starp_read(x, to, BYTES), STARP_OK);
    starp_release(x);
}

static double decibel(const uint8_t *x, const uint8_t *y)
{
    double squares = 0;
    for (int i = 0; i < BYTES; i++) squares += (x[i] - y[i]) * (x[i] - y[i]);
    return 10 * log10(255.0 * 255.0 * BYTES / squares);
}

static void test_gains(void **state)
{
    (void)state;
    static uint8_t picture[BYTES], result[BYTES];
    char name[] = "denoise";
    char *argv[] = { name, face, path[0], path[1], path[2], NULL };
    double db[3];
    assert_int_equal(denoise_main(5, argv), 0);
    starp_session *s = starp_open(NULL);
    read_picture(s, face, picture);
    for (int k = 0; k < 3; k++) {
        read_picture(s, path[k], result);
        db[k] = decibel(result, picture);
    }
    assert_int_equal(starp_close(s), STARP_OK);
    assert_true(db[0] > 22.1 && db[0] < 22.5); /* 20 log10(255 / 20) = 22.11; a little less noise where it is cut off at 0 and 255 */
    assert_true(db[1] > db[0] + 4.8);
    assert_true(db[2] > db[0] + 2.6);
    assert_true(db[1] > db[2] + 1.8);
}

/* ------------------------------------------------------------------------------------------------ one window */

/* Patch (i, j)'s pixel, as a matrix: row p, column k. */
static double pixel(const double *window, int p, int k)
{
    return window[(k / PLACES + p / PATCH) * WINDOW + k % PLACES + p % PATCH];
}

/* Turns rows and columns p and q of the symmetric g so that g[p][q] is 0; v collects the rotations. */
static void rotate(double g[PIXELS][PIXELS], double v[PIXELS][PIXELS], int p, int q)
{
    if (fabs(g[p][q]) < 1e-300) return;
    double tau = (g[q][q] - g[p][p]) / (2 * g[p][q]), t = (tau < 0 ? -1 : 1) / (fabs(tau) + sqrt(1 + tau * tau));
    double c = 1 / sqrt(1 + t * t), d = c * t;
    for (int i = 0; i < PIXELS; i++) {
        double a = g[i][p], b = g[i][q];
        g[i][p] = c * a - d * b, g[i][q] = d * a + c * b;
        a = v[i][p], b = v[i][q];
        v[i][p] = c * a - d * b, v[i][q] = d * a + c * b;
    }
    for (int i = 0; i < PIXELS; i++) {
        double a = g[p][i], b = g[q][i];
        g[p][i] = c * a - d * b, g[q][i] = d * a + c * b;
    }
}

/* The projector on the eigenvectors of A A^T whose eigenvalues are at least the square of the threshold. */
static int projector(const double *window, double least, double to[PIXELS][PIXELS])
{
    static double g[PIXELS][PIXELS], v[PIXELS][PIXELS];
    int rank = 0;
    for (int p = 0; p < PIXELS; p++) {
        for (int q = 0; q < PIXELS; q++) {
            v[p][q] = p == q, g[p][q] = to[p][q] = 0;
            for (int k = 0; k < PATCHES; k++) g[p][q] += pixel(window, p, k) * pixel(window, q, k);
        }
    }
    for (int sweep = 0; sweep < 12; sweep++) {
        for (int p = 0; p < PIXELS; p++) {
            for (int q = p + 1; q < PIXELS; q++) rotate(g, v, p, q);
        }
    }
    for (int r = 0; r < PIXELS; r++) {
        if (g[r][r] < least * least) continue;
        rank++;
        for (int p = 0; p < PIXELS; p++) {
            for (int q = 0; q < PIXELS; q++) to[p][q] += v[p][r] * v[q][r];
        }
    }
    return rank;
}

static int by_loops(const double *window, double least, double *sum, double *count)
{
    static double project[PIXELS][PIXELS];
    int rank = projector(window, least, project);
    for (int i = 0; i < AREA; i++) sum[i] = count[i] = 0;
    for (int k = 0; k < PATCHES; k++) {
        for (int p = 0; p < PIXELS; p++) {
            int at = (k / PLACES + p / PATCH) * WINDOW + k % PLACES + p % PATCH;
            count[at]++;
            for (int q = 0; q < PIXELS; q++) sum[at] += project[p][q] * pixel(window, q, k);
        }
    }
    return rank;
}

/* Gavish and Donoho's lambda(64 / 81) is 2.18205. */
static void test_threshold(void **state)
{
    (void)state;
    assert_true(fabs(threshold(1) - 9 * 2.18205) < 1e-4);
}

static void test_windows(void **state)
{
    (void)state;
    static double host[WINDOWS][AREA], got[2][AREA][WINDOWS], sum[AREA], count[AREA];
    starp_session *s = starp_open(NULL);
    assert_int_equal(register_low_rank(s), STARP_OK);
    starp_array *x = load_picture(s, face);
    x = starp_slice(x, STARP_INDEX(STARP_AT(1), STARP_RANGE(64, 64 + WINDOW * WINDOWS), STARP_RANGE(96, 96 + WINDOW)));
    x = starp_reshape(x, STARP_SHAPE(WINDOWS, WINDOW, WINDOW));
    assert_int_equal(starp_read(x, host, sizeof host), STARP_OK);
    starp_array *y = starp_ppeval(s, "low_rank", STARP_ARGS(starp_ppsplit(x, 0)));
    assert_int_equal(starp_read(y, got, sizeof got), STARP_OK);
    int partial = 0;
    for (int w = 0; w < WINDOWS; w++) {
        int rank = by_loops(host[w], threshold(SIGMA), sum, count);
        partial += rank > 1 && rank < PIXELS;
        for (int i = 0; i < AREA; i++) {
            assert_true(fabs(got[0][i][w] - sum[i]) < 1e-8 * (1 + fabs(sum[i])));
            assert_true(got[1][i][w] == count[i]);
        }
    }
    assert_true(partial > 0);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* ------------------------------------------------------------------------------------------------- bad input */

static void test_usage(void **state)
{
    (void)state;
    char name[] = "denoise", missing[] = "no-such-file.npy";
    char *argv[] = { name, missing, path[0], path[1], path[2], NULL };
    assert_int_equal(denoise_main(1, argv), 2);
    assert_int_equal(denoise_main(5, argv), 1);
    assert_int_equal(starp_last_status(), STARP_ERR_IO);
}

static void test_other_windows(void **state)
{
    (void)state;
    starp_session *s = starp_open(NULL);
    assert_int_equal(register_low_rank(s), STARP_OK);
    starp_array *x = starp_zeros(s, STARP_SHAPE(8, 8, 3), STARP_F64);
    assert_null(starp_ppeval(s, "low_rank", STARP_ARGS(x)));
    assert_non_null(strstr(starp_last_error(), "low_rank takes windows of 16 x 16 f64"));
    starp_clear_error();
    starp_release(x);
    assert_int_equal(starp_close(s), STARP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_gains), cmocka_unit_test(test_threshold), cmocka_unit_test(test_windows),
                                        cmocka_unit_test(test_usage), cmocka_unit_test(test_other_windows) };
    starp_close(starp_open(NULL)); /* other ranks than 0 stay in there, and make no files */
    for (int k = 0; k < 3; k++) {
        int fd = mkstemp(path[k]);
        if (fd < 0) return 1;
        close(fd);
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int k = 0; k < 3; k++) remove(path[k]);
    return failed;
}
