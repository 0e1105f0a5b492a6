/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_graph_random.c: random graphs planned with every combination of passes, the plans run by hand (interpret.c), and
 * the results held against the oracle bit by bit. What fails here is the planner's fault: nothing else runs.
 *   TEST_GRAPHS=n, TEST_SEED=n, TEST_STEPS=n: as in test_random_graphs.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "interpret.h"
#include "random_graph.h"
#include "reference.h"

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static void run_oracle(const struct rg_options *o, struct rg_outcome *out)
{
    struct rig r;
    rig_open_reference(&r);
    rg_run(&r, o, out);
    assert_int_equal(r.g.live, 0);
    assert_int_equal(ref_executor_live(r.self), 0);
    rig_close(&r);
}

static void report(struct rg_options o, const char *passes, const char *text)
{
    struct rg_outcome out;
    print_error("TEST_SEED=%llu TEST_STEPS=%d with passes %s: %s\n", (unsigned long long)o.seed, o.steps, passes, text);
    o.log = stderr;
    run_oracle(&o, &out);
    rg_outcome_free(&out);
}

/* One graph on an interpreter whose cache has seen the graphs before. */
static int check_graph(struct rig *r, const struct rg_options *o, const char *passes)
{
    struct rg_outcome got, want;
    char text[RG_TEXT];
    rg_run(r, o, &got);
    if (r->g.live != 0) fail_msg("seed %llu: %llu nodes leak; %s", (unsigned long long)o->seed, (unsigned long long)r->g.live, got.error.text);
    run_oracle(o, &want);
    int failed = rg_bits_differ(&got, &want, true, text); /* of two NaN a sum keeps one, as its operands came */
    if (failed) report(*o, passes, text);
    rg_outcome_free(&got);
    rg_outcome_free(&want);
    return failed;
}

static int check_passes(int bits, int64_t first, int64_t n)
{
    char passes[32];
    struct rig r;
    int failures = 0;
    struct interpreter *x = interpreter_open(bits & 1, bits & 2, bits & 4);
    snprintf(passes, sizeof passes, "%s%s%s", bits & 1 ? "fuse " : "", bits & 2 ? "merge " : "", bits & 4 ? "inplace" : "");
    rig_open(&r, &interpreter_ops, x);
    for (int64_t i = 0; i < n && failures < 3; i++) {
        struct rg_options o = { .seed = (uint64_t)(first + i), .transcendental = i % 2, .max_size = 200, .work = 100000 };
        o.steps = (int)from_environment("TEST_STEPS", i % 5 == 4 ? 150 : 30);
        failures += check_graph(&r, &o, passes);
    }
    if (n > 50) {
        assert_true(x->steps > 0);
        assert_int_equal(x->fused > 0, bits & 1 ? 1 : 0);
        assert_int_equal(x->merged > 0, bits & 2 ? 1 : 0);
        assert_true(x->calls > 100 && x->parts > 20);
        assert_int_equal(x->made > 0, bits & 1 ? 1 : 0);
        assert_int_equal(x->inplace > 0, bits & 4 ? 1 : 0);
    }
    rig_close(&r);
    return failures;
}

static void plans_compute_what_the_graph_says(void **state)
{
    int64_t seed = from_environment("TEST_SEED", -1), n = from_environment("TEST_GRAPHS", 120);
    int failures = 0;
    (void)state;
    for (int bits = 7; bits >= 0; bits--) failures += check_passes(bits, seed >= 0 ? seed : 1, seed >= 0 ? 1 : n);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(plans_compute_what_the_graph_says) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
