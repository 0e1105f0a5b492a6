/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_denoise.c: the example that takes noise from a photograph, on pieces of the picture: prints a line of digests for each, for
 * check-ranks-bits to compare between numbers of ranks, workers, and tile sizes.
 *
 *   rank_denoise FIRST PIECES
 */
#include <inttypes.h>
#include <stdint.h>

#define main denoise_main
#include "../docs/examples/denoise.c"
#undef main

static int bad;

/* FNV-1a of the bytes of x. */
static void digest(const char *name, starp_array *x)
{
    size_t bytes = x ? (size_t)starp_size(x) * sizeof(double) : 0;
    unsigned char *data = malloc(bytes + 1);
    uint64_t hash = 0xcbf29ce484222325u;
    if (!x || !data || starp_read(x, data, bytes) != STARP_OK) {
        fprintf(stderr, "%s: %s\n", name, starp_last_error());
        bad = 1;
    }
    for (size_t i = 0; data && i < bytes; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
    printf(" %s %016" PRIx64, name, hash);
    free(data);
}

static void run(starp_session *s, int64_t piece)
{
    int64_t top = piece * 16 % 128, left = piece * 48 % 192;
    starp_scope_open(s);
    starp_array *x = load_picture(s, STARP_SOURCE_DIR "/docs/examples/face.npy");
    x = starp_slice(x, STARP_INDEX(STARP_ALL, STARP_RANGE(top, top + 48), STARP_RANGE(left, left + 64)));
    printf("%" PRId64, piece);
    digest("low-rank", low_rank_patches(s, x));
    digest("low-pass", low_pass(s, x));
    printf("\n");
    starp_scope_close(s);
}

int main(int argc, char **argv)
{
    const double sigma = SIGMA;
    const starp_function function = { .iterate = low_rank, .shapes = low_rank_shapes, .user = &sigma, .user_bytes = sizeof sigma };
    if (argc < 3) return 2;
    starp_session *s = starp_open(NULL);
    if (!s || starp_register(s, "low_rank", &function) != STARP_OK) return 3;
    int64_t first = strtoll(argv[1], NULL, 10), n = strtoll(argv[2], NULL, 10);
    for (int64_t piece = first; piece < first + n; piece++) run(s, piece);
    return starp_close(s) == STARP_OK ? bad : 4;
}
