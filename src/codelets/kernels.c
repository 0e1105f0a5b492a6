/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels.c: which instruction set's kernels to run. Nothing is kept: callers ask once and hold the answer. */
#include "kernels.h"

static bool always(void)
{
    return true;
}

#ifdef SP_HAVE_AVX2
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef SP_HAVE_AVX512
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

/* Best first. */
static const struct {
    const struct sp_kernels *kernels;
    bool (*runs_here)(void);
} sets[] = {
#ifdef SP_HAVE_AVX512
    { &sp_kernels_avx512, has_avx512 },
#endif
#ifdef SP_HAVE_AVX2
    { &sp_kernels_avx2, has_avx2 },
#endif
    { &sp_kernels_generic, always },
};

const struct sp_kernels *sp_kernels_get(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (name && strcmp(name, sets[i].kernels->name) != 0) continue;
        if (sets[i].runs_here()) return sets[i].kernels;
    }
    return NULL;
}
