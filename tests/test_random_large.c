/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_random_large.c: random graphs on arrays of several tiles of the default size, with odd extents: slices across tile
 * borders, reductions over many tiles, several outputs of one step, one worker and two. The smaller ones are also held
 * against the oracle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "differential.h"

static const struct config configs[] = {
    { .environment = "STARP_NCPU=1" },
    { .environment = "STARP_NCPU=2" },
    { .environment = "STARP_INPLACE=0 STARP_CSE=0" },
    { .environment = "STARP_FUSE=0", .any_nan = true },
    { .environment = "STARP_TILE=20000 STARP_SMALL=0", .any_nan = true },
    { .environment = "STARP_SMALL=100000000", .any_nan = true },
};
#define CONFIGS (int)(sizeof configs / sizeof configs[0])

static void check(const starp_dims *base, int graphs, bool oracle)
{
    differential_check(&(struct family){ .name = "large", .transcendental = !oracle, .graphs = graphs, .steps = 14,
                                         .max_size = 1000000, .work = oracle ? 0 : 1000000000, .base = base,
                                         .without_oracle = !oracle },
                       configs, CONFIGS);
}

static void vectors(void **state)
{
    (void)state;
    check(&(starp_dims){ 1, { 700001 } }, 4, false);
}

static void matrices(void **state)
{
    (void)state;
    check(&(starp_dims){ 2, { 1031, 777 } }, 4, false);
}

static void solids(void **state)
{
    (void)state;
    check(&(starp_dims){ 3, { 7, 301, 333 } }, 4, false);
}

static void long_rows(void **state)
{
    (void)state;
    check(&(starp_dims){ 2, { 3, 262145 } }, 3, false);
}

static void against_the_oracle(void **state)
{
    (void)state;
    check(&(starp_dims){ 1, { 300001 } }, 2, true);
    check(&(starp_dims){ 2, { 517, 521 } }, 2, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),   cmocka_unit_test(matrices),           cmocka_unit_test(solids),
        cmocka_unit_test(long_rows), cmocka_unit_test(against_the_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
