/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ranks_sessions.c: sessions side by side on several ranks, of one thread and of two: what one of them cancels, waits for, or
 * floods rank 0 with is none of the other's affairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client_check.h"

#define N 150
#define TILED(elements) "STARP_SMALL=20 STARP_TILE=" elements

static void sessions_side_by_side(void **state)
{
    (void)state;
    starp_session *s[3];
    double sum;
    for (int k = 0; k < 3; k++) s[k] = cc_session(TILED("100"));
    for (int round = 0; round < 10; round++) {
        for (int k = 0; k < 3; k++) {
            cc_done(starp_item(starp_sum(starp_full(s[k], STARP_SHAPE(N, N), k, STARP_F64), NULL, 0), STARP_F64, &sum));
            assert_true(sum == (double)N * N * k);
        }
    }
    for (int k = 0; k < 3; k++) cc_done(starp_close(s[k]));
}

/* Long enough for ranks to look, meanwhile, whether it was cancelled. */
static starp_array *long_work(starp_session *s, int steps)
{
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64);
    for (int i = 0; i < steps; i++) x = starp_sin(starp_add(x, starp_transpose(x)));
    return starp_sum(x, NULL, 0);
}

/* The cancel of a run that has ended on other ranks arrives there during the other session's run. */
static void a_cancel_is_of_one_session(void **state)
{
    (void)state;
    starp_session *a = cc_session(TILED("500")), *b = cc_session(TILED("5000"));
    double alone, again;
    cc_done(starp_item(long_work(b, 10), STARP_F64, &alone));
    for (int round = 0; round < 3; round++) {
        starp_array *x = starp_random_uniform(a, STARP_SHAPE(N, N), STARP_F64), *y = long_work(b, 10);
        starp_run *short_run = starp_eval_async(STARP_ARGS(x)), *long_run = starp_eval_async(STARP_ARGS(y));
        assert_non_null(short_run);
        assert_non_null(long_run);
        cc_done(starp_cancel(short_run));
        cc_done(starp_wait(long_run));
        assert_int_equal(starp_wait(short_run), STARP_ERR_CANCELLED);
        starp_clear_error();
        cc_done(starp_item(y, STARP_F64, &again));
        cc_done(starp_eval(x));
    }
    cc_done(starp_close(a));
    cc_done(starp_close(b));
}

static int at_once(const starp_progress_info *info, void *user)
{
    (void)info;
    ++*(int *)user;
    return 1;
}

/* What the callback cancels on rank 0 ends on all ranks, and can be computed later. */
static void the_callback_cancels_on_all_ranks(void **state)
{
    (void)state;
    int calls = 0;
    starp_session *s = cc_session(TILED("500") " STARP_IN_FLIGHT=8");
    starp_array *x = NULL;
    starp_status status = STARP_OK;
    double sum;
    cc_done(starp_progress(s, at_once, &calls));
    for (int steps = 10; status == STARP_OK; steps *= 2) { /* until it takes longer than a tick */
        x = long_work(s, steps);
        status = starp_eval(x);
    }
    assert_int_equal(status, STARP_ERR_CANCELLED);
    starp_clear_error();
    assert_true(calls > 0);
    cc_done(starp_progress(s, NULL, NULL));
    cc_done(starp_item(x, STARP_F64, &sum));
    cc_done(starp_close(s));
}

/* A run that ends well for the test ends well for the wait. */
static void tested_until_it_ends(void **state)
{
    (void)state;
    starp_session *s = cc_session(TILED("1000"));
    for (int round = 0; round < 20; round++) {
        starp_array *x = starp_sum(starp_random_uniform(s, STARP_SHAPE(N, N), STARP_F64), STARP_AXES(round % 2), 0);
        starp_run *run = starp_eval_async(STARP_ARGS(x));
        assert_non_null(run);
        while (starp_test(run) == 0) continue;
        assert_int_equal(starp_test(run), 1);
        cc_done(starp_wait(run));
    }
    cc_done(starp_close(s));
}

struct taker {
    starp_session *session;
    starp_status status;
};

/* Host data that every rank has: each array goes out in one frame, larger than what a connection holds. */
static void *take_in(void *user)
{
    enum { M = 1 << 20 };
    struct taker *t = user;
    double *data = calloc(M, sizeof *data), last = -1;
    for (int i = 0; data && i < 10 && t->status == STARP_OK; i++) {
        starp_scope_open(t->session);
        data[M - 1] = i;
        starp_array *x = starp_from_host(t->session, data, STARP_SHAPE(M), STARP_F64);
        t->status = starp_item(starp_max(x, NULL, 0), STARP_F64, &last);
        if (t->status == STARP_OK && last != i) t->status = STARP_ERR_COMPUTE;
        starp_scope_close(t->session);
    }
    free(data);
    return NULL;
}

/* One thread sends large frames to ranks that are busy with the other's runs, and do not read. */
static void two_threads(void **state)
{
    (void)state;
    pthread_t thread;
    starp_session *s = cc_session(TILED("5000") " STARP_IN_FLIGHT=8");
    struct taker taker = { .session = cc_session("STARP_SMALL=2M STARP_TILE=5000 STARP_IN_FLIGHT=8") };
    assert_int_equal(pthread_create(&thread, NULL, take_in, &taker), 0);
    double sum;
    for (int i = 0; i < 3; i++) cc_done(starp_item(long_work(s, 10), STARP_F64, &sum));
    pthread_join(thread, NULL);
    assert_int_equal(taker.status, STARP_OK);
    cc_done(starp_close(taker.session));
    cc_done(starp_close(s));
}

struct flood {
    starp_array *x;
    atomic_bool begun;              /* the other thread's run has */
    int64_t sum;
};

static int has_begun(const starp_progress_info *info, void *user)
{
    (void)info;
    atomic_store(&((struct flood *)user)->begun, 1);
    return 0;
}

/* Gathers thousands of tiles on rank 0, which expects them all at once. */
static void *gather_tiles(void *user)
{
    struct flood *f = user;
    while (!atomic_load(&f->begun)) sched_yield();
    if (starp_item(starp_sum(starp_distribute(f->x, 1, 1), NULL, 0), STARP_I64, &f->sum) != STARP_OK) f->sum = -1;
    return NULL;
}

/* Other ranks do one run after the other: what rank 0 expects for the later one does not keep the earlier one waiting. */
static void a_flood_of_another_session(void **state)
{
    (void)state;
    pthread_t thread;
    double sum;
    starp_session *other = cc_session(TILED("100"));
    struct flood f = { .x = starp_ones(other, STARP_SHAPE(400000), STARP_I64) };
    cc_done(starp_eval(f.x));
    starp_session *s = cc_session(TILED("100") " STARP_IN_FLIGHT=8");
    cc_done(starp_progress(s, has_begun, &f));
    starp_array *x = starp_random_uniform(s, STARP_SHAPE(N, N), STARP_F64);
    for (int k = 0; k < 100; k++) x = starp_cos(starp_add(x, starp_flip(x, NULL)));
    assert_int_equal(pthread_create(&thread, NULL, gather_tiles, &f), 0);
    cc_done(starp_item(starp_sum(x, NULL, 0), STARP_F64, &sum));
    pthread_join(thread, NULL);
    assert_int_equal(f.sum, 400000);
    cc_done(starp_close(s));
    cc_done(starp_close(other));
}

/* Memory that this process has in common with others, as far as it has been touched. */
static int64_t shared_bytes(void)
{
    char line[128];
    long long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "RssShmem: %lld kB", &kib);
    if (f) fclose(f);
    return kib << 10;
}

/* What ranks lend each other goes when the session does, when all of them have heard of that. */
static void lent_memory_goes_with_the_session(void **state)
{
    enum { M = 2000, MB = 1 << 20 };
    (void)state;
    starp_session *s = cc_session("STARP_TILE=100000");
    cc_done(starp_close(s));
    int64_t before = shared_bytes();
    for (int round = 0; round < 2; round++) {
        double sum;
        s = cc_session("STARP_TILE=100000");
        starp_array *x = starp_random_uniform(s, STARP_SHAPE(M, M), STARP_F64);
        cc_done(starp_item(starp_sum(starp_add(x, starp_transpose(x)), NULL, 0), STARP_F64, &sum));
        assert_true(fabs(sum - (double)M * M) < 1e4);
        if (starp_ranks(s) > 1) assert_true(shared_bytes() > before + 4 * MB);
        cc_done(starp_close(s));
        for (int i = 0; i < 500 && shared_bytes() > before + MB; i++) usleep(10000);
        if (shared_bytes() > before + MB) fail_msg("%lld bytes, before %lld", (long long)shared_bytes(), (long long)before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_side_by_side),
        cmocka_unit_test(a_cancel_is_of_one_session),
        cmocka_unit_test(the_callback_cancels_on_all_ranks),
        cmocka_unit_test(tested_until_it_ends),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(a_flood_of_another_session),
        cmocka_unit_test(lent_memory_goes_with_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
