/* SPDX-License-Identifier: BSD-3-Clause */
/* digest.c: lines of digests, one per seed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client_check.h"
#include "digest.h"

static bool bad;

uint64_t digest_mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

void digest(const char *name, starp_array *x)
{
    size_t bytes = x ? (size_t)starp_size(x) * starp_dtype_size(starp_dtype_of(x)) : 0;
    unsigned char *data = malloc(bytes + 1);
    bool read = x && data && starp_read(x, data, bytes) == STARP_OK;
    if (!read) {
        fprintf(stderr, "%s: %s\n", name, starp_last_error());
        starp_clear_error();
        bad = true;
    }
    printf(" %s %016" PRIx64, name, digest_mix(DIGEST_NOTHING, data, read ? bytes : 0));
    free(data);
}

int digest_main(int argc, char **argv, bool (*begin)(starp_session *s), void (*run)(starp_session *s, uint64_t seed))
{
    if (argc < 3) return 2;
    session = starp_open(NULL);
    if (!session || (begin && !begin(session))) return 3;
    uint64_t first = strtoull(argv[1], NULL, 10), n = strtoull(argv[2], NULL, 10);
    for (uint64_t seed = first; seed < first + n; seed++) {
        starp_scope_open(session);
        printf("%" PRIu64, seed);
        run(session, seed);
        printf("\n");
        starp_scope_close(session);
    }
    return starp_close(session) == STARP_OK ? bad : 4;
}
