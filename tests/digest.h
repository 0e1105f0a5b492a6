/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest.h: programs that print a line of digests for each seed, for check-ranks-bits to compare between numbers of ranks, workers, and
 * tile sizes: PROGRAM FIRST SEEDS.
 */
#ifndef SP_TEST_DIGEST_H
#define SP_TEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "starp.h"

/* FNV-1a: the hash of what has been mixed in so far, from DIGEST_NOTHING on. */
#define DIGEST_NOTHING UINT64_C(0xcbf29ce484222325)
uint64_t digest_mix(uint64_t hash, const void *data, size_t bytes);

/* Prints a name and the digest of x's elements; what fails is said, and is remembered for the exit status. */
void digest(const char *name, starp_array *x);

/*
 * Such a program's main: opens `session`, begins in it (NULL: nothing to do), and runs each seed in a scope, which prints its line.
 * Returns the exit status.
 */
int digest_main(int argc, char **argv, bool (*begin)(starp_session *s), void (*run)(starp_session *s, uint64_t seed));

#endif
