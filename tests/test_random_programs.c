/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_random_programs.c: random programs as users write them, through the public functions: variables that are assigned
 * again and again, scopes, evaluations now and then, asynchronous ones, reads, other owners. Whatever triggers evaluation,
 * and whatever the tiles and workers, every variable must end with the same bits. TEST_SEED=n runs one program, and
 * TEST_PROGRAMS=n the first n.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static const char *const environments[] = {
    "STARP_MAX_NODES=1000000",
    "STARP_MAX_NODES=16",
    "STARP_MAX_NODES=100 STARP_SMALL=0 STARP_TILE=64",
    "STARP_MAX_NODES=50 STARP_FUSE=0 STARP_CSE=0",
    "STARP_MAX_NODES=200 STARP_INPLACE=0 STARP_NCPU=1 STARP_SMALL=0 STARP_TILE=100",
    "STARP_CHECK=1",
};
#define ENVIRONMENTS (int)(sizeof environments / sizeof environments[0])

#define VARIABLES 6
#define LENGTH 240
#define STATEMENTS 120

struct program {
    starp_session *s;
    starp_array *v[VARIABLES]; /* f64 of LENGTH elements in (-2, 2) */
    uint64_t random;
    double sum; /* of what was read on the way */
};

static starp_array *any(struct program *p)
{
    return p->v[rig_below(&p->random, VARIABLES)];
}

/* Two variables with other owners, of which p or q is left to the library now and then; the same draws whatever the ranks. */
static starp_array *distributed(struct program *p, starp_array *x, starp_array *y)
{
    int ranks = starp_ranks(p->s), rows = 1 + (int)(rig_below(&p->random, 840) % ranks);
    int columns = (int)(rig_below(&p->random, 840) % (ranks / rows + 1));
    starp_array *a = starp_distribute(x, rows, columns), *b = starp_reshape(y, STARP_SHAPE(12, 20));
    return starp_minimum(a, starp_reshape(starp_distribute(b, columns, rows), STARP_SHAPE(LENGTH)));
}

/* A number of the same size as any variable, so that nothing overflows however long the program runs. */
static starp_array *expression(struct program *p)
{
    starp_session *s = p->s;
    starp_array *x = any(p), *y = any(p), *half = starp_scalar(s, 0.5);
    switch (rig_below(&p->random, 13)) {
    case 0: return starp_multiply(starp_add(x, y), half);
    case 1: return starp_multiply(starp_subtract(x, y), half);
    case 2: return starp_minimum(x, starp_negative(y));
    case 3: return starp_sin(starp_add(x, y));
    case 4: return starp_at(x, "::-1");
    case 5: return starp_reshape(starp_transpose(starp_reshape(x, STARP_SHAPE(12, 20))), STARP_SHAPE(LENGTH));
    case 6: return starp_multiply(starp_subtract(x, starp_mean(x, NULL, 0)), half);
    case 7: return starp_where(starp_less(x, y), x, starp_at(y, "::-1"));
    case 8: return starp_reshape(starp_add(starp_multiply(starp_reshape(x, STARP_SHAPE(12, 20)), half),
                                           starp_multiply(starp_max(starp_reshape(y, STARP_SHAPE(12, 20)), STARP_AXES(0), 1), half)), STARP_SHAPE(LENGTH));
    case 9: return starp_astype(starp_astype(x, STARP_F32), STARP_F64);
    case 10: return distributed(p, x, y);
    case 11: return starp_subtract(starp_random_uniform(s, STARP_SHAPE(LENGTH), STARP_F64), half);
    default: return starp_tanh(starp_multiply(x, starp_count_nonzero(starp_greater(y, half), NULL, 0)));
    }
}

static starp_status read_one(struct program *p)
{
    double v;
    starp_array *x = any(p);
    switch (rig_below(&p->random, 4)) {
    case 0: return starp_eval(x);
    case 1: return starp_eval_many(STARP_ARGS(x, any(p), x));
    case 2: return starp_wait(starp_eval_async(STARP_ARGS(x, any(p))));
    default: x = starp_sum(x, NULL, 0);
    }
    starp_status status = starp_item(x, STARP_F64, &v);
    starp_release(x);
    if (status == STARP_OK) p->sum += v;
    return status;
}

static void statement(struct program *p)
{
    int to = (int)rig_below(&p->random, VARIABLES);
    if (rig_below(&p->random, 12) == 0 && read_one(p) != STARP_OK) fail_msg("%s", starp_last_error());
    starp_scope_open(p->s); /* temporaries die at its end; what is assigned stays */
    if (starp_assign(&p->v[to], expression(p)) != STARP_OK) fail_msg("%s", starp_last_error());
    assert_int_equal(starp_scope_close(p->s), STARP_OK);
}

static void begin(struct program *p, uint64_t seed)
{
    double data[LENGTH];
    p->random = seed;
    p->sum = 0;
    starp_seed(p->s, seed);
    for (int k = 0; k < VARIABLES; k++) {
        rig_fill(STARP_F64, data, LENGTH, -2, 2, &p->random);
        p->v[k] = starp_from_host(p->s, data, STARP_SHAPE(LENGTH), STARP_F64);
    }
}

/* What is left in the variables, and the sum. */
static void run(starp_session *s, uint64_t seed, double result[VARIABLES * LENGTH + 1])
{
    struct program p = { .s = s };
    begin(&p, seed);
    for (int i = 0; i < STATEMENTS; i++) statement(&p);
    for (int k = 0; k < VARIABLES; k++) {
        if (starp_read(p.v[k], result + k * LENGTH, LENGTH * sizeof *result) != STARP_OK) fail_msg("%s", starp_last_error());
        starp_release(p.v[k]);
    }
    result[VARIABLES * LENGTH] = p.sum;
}

static void check_program(starp_session *s, const char *environment, uint64_t seed, double *want, bool first)
{
    double got[VARIABLES * LENGTH + 1];
    starp_stats stats;
    run(s, seed, first ? want : got);
    assert_int_equal(starp_stats_of(s, &stats), STARP_OK);
    if (stats.handles_live || stats.nodes_live) fail_msg("seed %d under '%s' leaks", (int)seed, environment);
    if (first || memcmp(got, want, sizeof got) == 0) return;
    for (int i = 0; i <= VARIABLES * LENGTH; i++) {
        if (memcmp(&got[i], &want[i], sizeof got[i]) == 0) continue;
        fail_msg("TEST_SEED=%d under '%s': element %d of variable %d is %.17g instead of %.17g", (int)seed, environment, i % LENGTH, i / LENGTH,
                 got[i], want[i]);
    }
}

static void programs_end_the_same_everywhere(void **state)
{
    const char *only = getenv("TEST_SEED"), *count = getenv("TEST_PROGRAMS");
    int programs = only ? atoi(only) : count ? atoi(count) : 40;
    double(*want)[VARIABLES * LENGTH + 1] = calloc((size_t)programs, sizeof *want);
    (void)state;
    assert_non_null(want);
    for (int e = 0; e < ENVIRONMENTS; e++) {
        rig_environment(environments[e]);
        starp_session *s = starp_open(NULL);
        if (!s) fail_msg("%s", starp_last_error());
        for (int i = 0; i < programs; i++) {
            if (only && atoi(only) != i + 1) continue;
            check_program(s, environments[e], (uint64_t)i + 1, want[i], e == 0);
        }
        assert_int_equal(starp_close(s), STARP_OK);
    }
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(programs_end_the_same_everywhere) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
