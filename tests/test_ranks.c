/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ranks.c: what only several ranks can get wrong: where tiles live must not show, only what is needed travels, and
 * what fails on one rank is told on rank 0. Alone, the same tests say what they are compared with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client_check.h"

#define N 150
#define TILED(elements) "STARP_SMALL=20 STARP_TILE=" elements

/* A bit of everything on x: shifts, transposes, broadcasts, steps, reductions along both axes, reshapes. */
static void compute(starp_session *s, starp_array *x, double *out)
{
    starp_scope_open(s);
    starp_array *inner = starp_add(starp_at(x, ":-2,1:-1"), starp_multiply(starp_at(x, "2:,1:-1"), starp_at(x, "1:-1,2:")));
    starp_array *turned = starp_subtract(x, starp_transpose(x));
    starp_array *centred = starp_subtract(x, starp_mean(x, STARP_AXES(0), 1));
    starp_array *stepped = starp_add(starp_at(x, "::-1,::2"), starp_at(x, ":,1::2"));
    starp_array *flat = starp_reshape(turned, STARP_SHAPE(N * N));
    starp_array *parts[] = { starp_sum(inner, NULL, 0), starp_max(turned, NULL, 0), starp_var(centred, NULL, 0, 0),
                             starp_sum(stepped, NULL, 0), starp_sum(starp_at(flat, "::7"), NULL, 0) };
    cc_done(starp_eval_many(5, parts));
    for (int k = 0; k < 5; k++) cc_done(starp_item(parts[k], STARP_F64, &out[k]));
    double *host = malloc(N * N * sizeof *host);
    assert_non_null(host);
    cc_done(starp_read(centred, host, N * N * sizeof *host));
    out[5] = host[N * N - 1];
    cc_done(starp_read(flat, host, N * N * sizeof *host));
    out[6] = host[N];
    free(host);
    starp_scope_close(s);
}

static void maps_do_not_show(void **state)
{
    static const int grids[][2] = { { 1, 0 }, { 0, 1 }, { 2, 0 }, { 0, 2 }, { 1, 1 } };
    (void)state;
    double want[7], got[7];
    for (int t = 0; t < 3; t++) {
        starp_session *s = cc_session((const char *const[]){ TILED("100"), TILED("1000"), TILED("262144") }[t]);
        starp_array *x = starp_keep(starp_random_uniform(s, STARP_SHAPE(N, N), STARP_F64));
        compute(s, x, t == 0 ? want : got);
        if (t > 0) assert_memory_equal(got, want, sizeof want);
        for (int g = 0; g < 5; g++) {
            if (grids[g][0] > starp_ranks(s) || grids[g][1] > starp_ranks(s)) continue;
            starp_array *y = starp_keep(starp_distribute(x, grids[g][0], grids[g][1]));
            assert_non_null(y);
            compute(s, y, got);
            assert_memory_equal(got, want, sizeof want);
            cc_done(starp_release(y));
        }
        cc_done(starp_close(s));
    }
}

/* An array on every rank shares tiles with the one it was made from; those are still to be sent where that one is read. */
static void shared_tiles_are_sent(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("100"));
    starp_array *x = starp_random_integers(s, 0, 100, STARP_SHAPE(N, N), STARP_I64), *one = starp_distribute(x, 1, 1);
    int64_t sum, twice;
    for (int p = 1; p <= starp_ranks(s); p++) {
        starp_array *dealt = starp_distribute(x, p, 1), *again = starp_distribute(one, p, 1);
        cc_done(starp_eval_many(STARP_ARGS(x, one, dealt, again)));
        cc_done(starp_item(starp_sum(dealt, NULL, 0), STARP_I64, &sum));
        cc_done(starp_item(starp_sum(starp_add(starp_flip(one, NULL), dealt), NULL, 0), STARP_I64, &twice));
        assert_int_equal(twice, 2 * sum);
        cc_done(starp_item(starp_sum(starp_add(again, one), NULL, 0), STARP_I64, &twice));
        assert_int_equal(twice, 2 * sum);
    }
    cc_done(starp_close(s));
}

static void a_grid_has_no_more_ranks_than_there_are(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("100"));
    starp_array *x = starp_ones(s, STARP_SHAPE(N, N), STARP_F64);
    assert_null(starp_distribute(x, starp_ranks(s) + 1, 1));
    assert_int_equal(starp_last_status(), STARP_ERR_ARGUMENT);
    starp_clear_error();
    assert_null(starp_distribute(x, -1, 1));
    starp_clear_error();
    cc_done(starp_close(s));
}

/* Of a shifted sum only the columns at tile borders travel, once in each direction. */
static void only_edges_travel(void **state)
{
    enum { M = 1000, SIDE = 128 };
    (void)state;
    starp_session *s = cc_session(TILED("16384"));
    if (starp_ranks(s) == 1) {
        cc_done(starp_close(s));
        skip();
    }
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(M, M), STARP_F64);
    cc_done(starp_eval(x));
    uint64_t before = cc_stats(s).bytes_sent;
    starp_array *y = starp_add(starp_at(x, ":,:-1"), starp_at(x, ":,1:"));
    cc_done(starp_eval(y));
    uint64_t sent = cc_stats(s).bytes_sent - before, column = M * sizeof(double);
    assert_true(sent > 0);
    assert_true(sent <= (M / SIDE + 1) * (column + 16 * (M / SIDE + 1)));
    cc_done(starp_close(s));
}

/* What rank 0 sends for a result. */
static uint64_t sent_for(starp_session *s, starp_array *y)
{
    uint64_t before = cc_stats(s).bytes_sent;
    cc_done(starp_eval(y));
    return cc_stats(s).bytes_sent - before;
}

/* What explain says rank 0 will send. */
static uint64_t forecast_bytes(starp_array *y)
{
    char *text = NULL;
    size_t size;
    unsigned long long messages, bytes, sum = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    cc_done(starp_explain(y, out));
    fclose(out);
    for (char *at = text; (at = strstr(at, "rank 0 sends ")) != NULL; at++) {
        if (sscanf(at, "rank 0 sends %llu, %llu bytes", &messages, &bytes) == 2) sum += bytes;
    }
    free(text);
    return sum;
}

/* Lines that ranks have whole are transformed where they are, and results stay there. Of others the operand travels, once: ranks have
   the result's lines whole. */
static void lines_stay_where_they_are(void **state)
{
    enum { M = 512 };
    (void)state;
    starp_session *s = cc_session(TILED("1024"));
    for (int rows = 0; rows < 2 && starp_ranks(s) > 1; rows++) {
        starp_scope_open(s);
        starp_array *x = starp_astype(starp_random_uniform(s, STARP_SHAPE(M, M), STARP_F64), STARP_C128);
        x = starp_distribute(x, rows ? 0 : 1, rows ? 1 : 0);
        cc_done(starp_eval(x));
        int axis = rows ? -1 : 0, across = rows ? 0 : -1;
        starp_array *y = starp_fft_fft(x, 0, axis, STARP_BACKWARD);
        assert_int_equal(sent_for(s, y), 0);
        assert_int_equal(sent_for(s, starp_fft_ifft(y, 0, axis, STARP_BACKWARD)), 0);
        starp_array *both = starp_add(starp_abs(starp_fft_fft(x, 0, axis, STARP_BACKWARD)), starp_abs(x));
        assert_int_equal(forecast_bytes(both), 0);
        assert_int_equal(sent_for(s, both), 0);
        starp_array *product = starp_fft_fft(starp_multiply(x, y), 0, axis, STARP_BACKWARD);
        assert_int_equal(sent_for(s, product), 0);
        uint64_t share = (uint64_t)M * M * 16 / (uint64_t)starp_ranks(s);
        starp_array *z = starp_fft_fft(y, 0, across, STARP_BACKWARD);
        assert_in_range(sent_for(s, z), 1, share);
        assert_int_equal(sent_for(s, starp_fft_ifft(z, 0, across, STARP_BACKWARD)), 0);
        starp_scope_close(s);
    }
    cc_done(starp_close(s));
}

/* A five-point stencil on an array dealt by rows or columns: its halo travels once, as explain says, and goes on the same way. */
static void halos_travel_once(void **state)
{
    enum { M = 1000, SIDE = 128 };
    (void)state;
    starp_session *s = cc_session(TILED("16384"));
    for (int rows = 0; rows < 2 && starp_ranks(s) > 1; rows++) {
        starp_scope_open(s);
        starp_array *x = starp_random_uniform(s, STARP_SHAPE(M, M), STARP_F64);
        x = starp_distribute(x, rows ? 0 : 1, rows ? 1 : 0);
        for (int round = 0; round < 2; round++) {
            cc_done(starp_eval(x));
            starp_array *cross = starp_add(starp_add(starp_at(x, ":-2,1:-1"), starp_at(x, "2:,1:-1")),
                                           starp_add(starp_at(x, "1:-1,:-2"), starp_at(x, "1:-1,2:")));
            uint64_t before = cc_stats(s).bytes_sent, forecast = forecast_bytes(cross);
            cc_done(starp_eval(cross));
            uint64_t sent = cc_stats(s).bytes_sent - before;
            assert_int_equal(sent, forecast);
            assert_in_range(sent, 1, (M / SIDE + 1) * 2 * (M + 4 * (M / SIDE + 1)) * sizeof(double));
            x = cross;
        }
        starp_scope_close(s);
    }
    cc_done(starp_close(s));
}

/* Tall arrays have no columns of tiles to deal: their rows are. */
static void tall_arrays_are_dealt(void **state)
{
    enum { ROWS = 12000 };
    (void)state;
    starp_session *s = cc_session(TILED("1000"));
    starp_array *x = starp_ones(s, STARP_SHAPE(ROWS, 5), STARP_F64), *y = starp_ones(s, STARP_SHAPE(ROWS, 3, 2), STARP_F64);
    starp_array *all[] = { x, y };
    cc_done(starp_eval_many(2, all));
    int64_t fair = ROWS * 11 * (int64_t)sizeof(double) / starp_ranks(s);
    assert_in_range(cc_stats(s).bytes_live, fair * 3 / 4, fair * 3 / 2);
    cc_done(starp_close(s));
}

static void host_data_comes_back(void **state)
{
    (void)state;
    double *data = malloc(N * N * sizeof *data), *back = calloc(N * N, sizeof *back);
    assert_non_null(data);
    assert_non_null(back);
    for (int i = 0; i < N * N; i++) data[i] = i * 0.5;
    starp_session *s = cc_session(TILED("333"));
    for (int round = 0; round < 20; round++) {
        starp_scope_open(s);
        starp_array *x = starp_from_host(s, data, STARP_SHAPE(N, N), STARP_F64);
        cc_done(starp_read(starp_transpose(starp_transpose(x)), back, N * N * sizeof *back));
        assert_memory_equal(data, back, N * N * sizeof *data);
        starp_scope_close(s);
    }
    cc_done(starp_close(s));
    free(data);
    free(back);
}

/* Wherever the bad element lies: rank 0 is told, and the session goes on. */
static void a_failing_task_is_told(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("100"));
    for (int64_t bad = 0; bad < N * N; bad += 4001) {
        int64_t *data = malloc(N * N * sizeof *data), sum;
        for (int i = 0; i < N * N; i++) data[i] = i == bad ? -1 : 1;
        starp_scope_open(s);
        starp_array *x = starp_from_host(s, data, STARP_SHAPE(N, N), STARP_I64), *two = starp_full(s, STARP_SHAPE(N, N), 2, STARP_I64);
        starp_array *y = starp_pow(two, x);
        assert_int_equal(starp_eval(y), STARP_ERR_COMPUTE);
        assert_non_null(strstr(starp_last_error(), "pow"));
        starp_clear_error();
        cc_done(starp_item(starp_sum(x, NULL, 0), STARP_I64, &sum));
        assert_int_equal(sum, N * N - 2);
        starp_scope_close(s);
        free(data);
    }
    cc_done(starp_close(s));
}

/* Windows, partial results and pieces of a long transform. */
static starp_array *lent(starp_session *s)
{
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(N, N), STARP_F64), *y = starp_subtract(x, starp_flip(x, NULL));
    starp_array *line = starp_fft_fft(starp_reshape(starp_random_uniform(s, STARP_SHAPE(2, 33280), STARP_F64), STARP_SHAPE(66560)), 0, 0, STARP_BACKWARD);
    return starp_add(starp_sum(starp_multiply(y, starp_add(x, starp_transpose(y))), NULL, 0), starp_sum(starp_abs(line), NULL, 0));
}

/* Whichever task fails, once on each rank: what a run has left between ranks is nothing to the next one. */
static void what_failed_runs_have_lent(void **state)
{
    (void)state;
    char environment[128];
    double want, again;
    starp_session *s = cc_session(TILED("262144"));
    cc_done(starp_item(lent(s), STARP_F64, &want));
    cc_done(starp_close(s));
    for (int n = 1, failures = 1; failures > 0; n += n) {
        snprintf(environment, sizeof environment, TILED("500") " STARP_SHARED=1000000 STARP_FAULT=%d", n); /* everything is lent */
        s = cc_session(environment);
        starp_array *x = lent(s);
        for (failures = 0; starp_eval(x) != STARP_OK; failures++) {
            cc_expect_error(STARP_ERR_COMPUTE, "STARP_FAULT");
            assert_true(failures < starp_ranks(s));
        }
        cc_done(starp_item(x, STARP_F64, &again));
        assert_true(again == want);
        cc_done(starp_close(s));
    }
}

/* Many small runs: what the other ranks keep of them must go again. */
static void many_runs(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("500"));
    starp_array *x = starp_keep(starp_zeros(s, STARP_SHAPE(1000), STARP_F64));
    for (int i = 0; i < 2000; i++) {
        starp_scope_open(s);
        starp_array *next = starp_add(x, starp_scalar(s, 1.0));
        cc_done(starp_assign(&x, next));
        cc_done(starp_eval(x));
        starp_scope_close(s);
    }
    double sum;
    cc_done(starp_item(starp_sum(x, NULL, 0), STARP_F64, &sum));
    assert_true(sum == 2000.0 * 1000);
    assert_true(cc_stats(s).bytes_peak < 1 << 20);
    cc_done(starp_close(s));
}

/* Windows too large to go without a handshake, in both directions, with room for one task: nobody waits for the other. */
static void large_windows_with_little_in_flight(void **state)
{
    enum { M = 1200 };
    (void)state;
    starp_session *s = cc_session(TILED("65536") " STARP_IN_FLIGHT=1");
    starp_array *x = starp_random_integers(s, 0, 100, STARP_SHAPE(M, M), STARP_I64);
    int64_t sum, twice;
    cc_done(starp_item(starp_sum(x, NULL, 0), STARP_I64, &sum));
    cc_done(starp_item(starp_sum(starp_add(x, starp_transpose(x)), NULL, 0), STARP_I64, &twice));
    starp_array *y = starp_subtract(x, starp_flip(x, NULL));
    cc_done(starp_eval(y));
    assert_int_equal(twice, 2 * sum);
    cc_done(starp_item(starp_sum(y, NULL, 0), STARP_I64, &twice));
    assert_int_equal(twice, 0);
    cc_done(starp_close(s));
}

/* What all ranks read travels to each of them, and is packed once for those it is not lent to. */
static void what_all_read_is_packed_once(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("100"));
    starp_array *x = starp_ones(s, STARP_SHAPE(N, N), STARP_I64), *sum = starp_sum(x, NULL, 0);
    cc_done(starp_eval(x));
    uint64_t before = cc_stats(s).tasks;
    cc_done(starp_eval(sum));
    assert_int_equal(cc_stats(s).tasks - before, 2 + (starp_ranks(s) > 1)); /* each adds its own, and packs it; and adds all ranks' */
    cc_done(starp_close(s));
}

/* Tiles so small that thousands of messages are under way at a time. */
static void many_messages(void **state)
{
    enum { M = 500 };
    (void)state;
    starp_session *s = cc_session(TILED("40"));
    starp_array *x = starp_random_integers(s, 0, 100, STARP_SHAPE(M, M), STARP_I64), *y = starp_subtract(x, starp_flip(x, NULL));
    int64_t sum;
    cc_done(starp_item(starp_sum(starp_subtract(y, starp_transpose(y)), NULL, 0), STARP_I64, &sum));
    assert_int_equal(sum, 0);
    cc_done(starp_close(s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_do_not_show),
        cmocka_unit_test(shared_tiles_are_sent),
        cmocka_unit_test(a_grid_has_no_more_ranks_than_there_are),
        cmocka_unit_test(only_edges_travel),
        cmocka_unit_test(lines_stay_where_they_are),
        cmocka_unit_test(halos_travel_once),
        cmocka_unit_test(tall_arrays_are_dealt),
        cmocka_unit_test(host_data_comes_back),
        cmocka_unit_test(a_failing_task_is_told),
        cmocka_unit_test(what_failed_runs_have_lent),
        cmocka_unit_test(many_runs),
        cmocka_unit_test(large_windows_with_little_in_flight),
        cmocka_unit_test(what_all_read_is_packed_once),
        cmocka_unit_test(many_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
