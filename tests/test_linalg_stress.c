/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_linalg_stress.c: many solves in one session that may hold the memory of a few: every solution is right, nothing stays,
 * neither the session's memory nor the process's grows once all sizes have been seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "linalg_check.h"
#include "rig.h"

#define SOLVES 50
#define SETTLED 10            /* solves after which nothing grows any more */
#define LIMIT (12 << 20)      /* of the session: STARP_MEMORY_LIMIT; what a run frees is given back by later ones */
#define LARGEST 440           /* order of the first system, which is c128: 3 MB, twice while it is solved */
#define SMALLEST 200
#define FEW 6                 /* right-hand sides that are still refined then */
#ifdef __SANITIZE_ADDRESS__
#define RSS_SLACK (512 << 20) /* what has been freed is kept for a while */
#else
#define RSS_SLACK (24 << 20)  /* of the process: allocators' and StarPU's own doings */
#endif

static uint64_t seed = 7;

static int open_limited(const char *mixed)
{
    char options[200];
    snprintf(options, sizeof options, "STARP_MEMORY_LIMIT=%d STARP_MAX_BYTES=1M STARP_PANEL=16 STARP_TILE=4096 STARP_NCPU=3 STARP_MIXED=%s", LIMIT, mixed);
    return cc_open(options);
}

static int open_plain(void **state)
{
    (void)state;
    return open_limited("0");
}

static int open_mixed(void **state)
{
    (void)state;
    return open_limited("1");
}

/* Bytes of the process in memory. */
static int64_t resident(void)
{
    long long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%lld %lld", &all, &pages) != 2) pages = 0;
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Solves a random system, the first one the largest; bytes of its matrix and of the copy that is factored. */
static int64_t solve_one(int i)
{
    static const starp_dtype dtypes[] = { STARP_F32, STARP_F64, STARP_C64, STARP_C128 };
    starp_dtype d = i ? dtypes[rig_below(&seed, 4)] : STARP_C128;
    int64_t n = i ? SMALLEST + rig_below(&seed, LARGEST - SMALLEST + 1) : LARGEST, k = i ? 1 + rig_below(&seed, 8) : FEW;
    starp_scope_open(session);
    struct la a = la_random(n, n, d, &seed), b = la_random(n, k, d, &seed);
    starp_array *x = starp_linalg_solve(la_put(session, a, d), la_put(session, b, d));
    la_small("a x - b", d, la_sub(la_mul(a, la_read(x, 0)), b), la_norm(a) * la_norm(la_read(x, 0)));
    starp_scope_close(session);
    la_free_all();
    return 2 * n * n * (int64_t)starp_dtype_size(d);
}

static void nothing_grows(void **state)
{
    (void)state;
    starp_stats then = { 0 }, now;
    int64_t rss = 0, worked_on = 0;
    for (int i = 0; i < SOLVES; i++) {
        worked_on += solve_one(i);
        la_done(starp_stats_of(session, &now));
        if (now.bytes_live || now.nodes_live || now.handles_live) {
            fail_msg("solve %d leaves %lld bytes, %lld nodes", i, (long long)now.bytes_live, (long long)now.nodes_live);
        }
        if (i == SETTLED) then = now, rss = resident();
        if (i <= SETTLED) continue;
        if (now.bytes_pool > LIMIT + then.bytes_peak) fail_msg("solve %d: the pool grows to %lld bytes", i, (long long)now.bytes_pool);
        if (now.bytes_peak > then.bytes_peak) fail_msg("solve %d: the peak grows to %lld bytes", i, (long long)now.bytes_peak);
        if (resident() > rss + RSS_SLACK) fail_msg("solve %d: the process grows from %lld to %lld bytes", i, (long long)rss, (long long)resident());
    }
    assert_true(worked_on > 4 * (LIMIT + (int64_t)now.bytes_peak)); /* it would not have fitted */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_grows) };
    int failed = cmocka_run_group_tests_name("in one precision", tests, open_plain, la_close);
    return failed + cmocka_run_group_tests_name("in two", tests, open_mixed, la_close);
}
