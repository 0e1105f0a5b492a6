/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_random_graphs.c: the same random graphs under every configuration (differential.c). What is exact must equal the
 * oracle's bits; everything must be the same bits whether fused or not, merged or not, in place or not, in one tile or
 * hundreds, by one worker or two, whatever the policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "differential.h"

static const struct config configs[] = {
    { .environment = "STARP_CSE=0", .any_nan = true }, /* shared results are not taken into pairs */
    { .environment = "STARP_INPLACE=0" },
    { .environment = "STARP_FUSE=0", .any_nan = true },
    { .environment = "STARP_SMALL=0", .any_nan = true },
    { .environment = "STARP_TILE=7 STARP_SMALL=0", .any_nan = true, .every = 2 },
    { .environment = "STARP_TILE=64 STARP_SMALL=0", .any_nan = true },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_FUSE=0", .any_nan = true, .every = 2 },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_INPLACE=0 STARP_CSE=0", .any_nan = true },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=1", .any_nan = true },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_NCPU=2", .any_nan = true },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_SCHED=eager", .any_nan = true },
    { .environment = "STARP_TILE=5 STARP_SMALL=0 STARP_IN_FLIGHT=2", .any_nan = true, .every = 4 },
    { .environment = "STARP_TILE=1 STARP_SMALL=0 STARP_IN_FLIGHT=3", .any_nan = true, .every = 10 },
    { .environment = "STARP_CHECK=1", .every = 3 },
    { .environment = "STARP_TILE=64 STARP_SMALL=0 STARP_CHECK=1", .any_nan = true, .every = 3 },
    { .environment = "STARP_ISA=generic", .isa = "generic", .exact_only = true, .any_nan = true },
    { .environment = "STARP_ISA=avx2", .isa = "avx2", .any_nan = true },
    { .environment = "STARP_ISA=avx512", .isa = "avx512", .any_nan = true },
};
#define CONFIGS (int)(sizeof configs / sizeof configs[0])

static void exact_graphs(void **state)
{
    (void)state;
    differential_check(&(struct family){ .name = "exact", .graphs = 100, .steps = 30, .max_size = 700, .work = 1000000 }, configs, CONFIGS);
}

static void transcendental_graphs(void **state)
{
    (void)state;
    differential_check(&(struct family){ .name = "transcendental", .transcendental = true, .graphs = 60, .steps = 30, .max_size = 700,
                                         .work = 1000000 },
                       configs, CONFIGS);
}

static void deep_graphs(void **state)
{
    (void)state;
    differential_check(&(struct family){ .name = "deep", .transcendental = true, .graphs = 10, .steps = 250, .max_size = 60,
                                         .work = 10000 },
                       configs, CONFIGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_graphs),
        cmocka_unit_test(transcendental_graphs),
        cmocka_unit_test(deep_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
