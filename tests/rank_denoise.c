/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_denoise.c: the example that takes noise from a photograph, on pieces of the picture: prints a line of digests for each, for
 * check-ranks-bits to compare between numbers of ranks, workers, and tile sizes.
 *
 *   rank_denoise FIRST PIECES
 */
#define main denoise_main
#include "../docs/examples/denoise.c"
#undef main

#include "digest.h"

static void run(starp_session *s, uint64_t piece)
{
    int64_t top = (int64_t)(piece * 16 % 128), left = (int64_t)(piece * 48 % 192);
    starp_array *x = load_picture(s, STARP_SOURCE_DIR "/docs/examples/face.npy");
    x = starp_slice(x, STARP_INDEX(STARP_ALL, STARP_RANGE(top, top + 48), STARP_RANGE(left, left + 64)));
    digest("low-rank", low_rank_patches(s, x));
    digest("low-pass", low_pass(s, x));
}

static bool begin(starp_session *s)
{
    return register_low_rank(s) == STARP_OK;
}

int main(int argc, char **argv)
{
    return digest_main(argc, argv, begin, run);
}
