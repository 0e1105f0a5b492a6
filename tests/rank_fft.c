/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_fft.c: prints what Fourier transforms and convolutions compute from random arrays, one line of digests per seed, for
 * check-ranks-bits to compare between numbers of ranks, workers, and tile sizes.
 *
 *   rank_fft FIRST SEEDS
 */
#include "digest.h"
#include "fft_check.h"
#include "rig.h"

static void along_an_axis(starp_array *x, uint64_t *seed)
{
    int ndim = starp_ndim(x), axis = (int)rig_below(seed, ndim);
    int64_t extent = starp_dim(x, axis), n = rig_below(seed, 2) ? 0 : 1 + rig_below(seed, 2 * extent);
    starp_fft_norm norm = (starp_fft_norm)rig_below(seed, 3);
    starp_array *real = starp_real(x), *turned = starp_transpose(x);
    digest("fft", starp_fft_fft(x, n, axis, norm));
    digest("ifft", starp_fft_ifft(turned, n, ndim - 1 - axis, norm));
    digest("rfft", starp_fft_rfft(starp_flip(real, NULL), n, axis, norm));
    digest("irfft", starp_fft_irfft(starp_sin(x), n ? n : extent + 1, axis, norm));
    digest("hfft", starp_fft_hfft(x, n ? n : 7, axis, norm));
}

static void along_several(starp_array *x)
{
    starp_array *y = starp_fft_fftn(x, NULL, NULL, STARP_ORTHO);
    digest("fftn", y);
    digest("filtered", starp_fft_ifftn(starp_multiply(y, starp_fft_fftshift(x, NULL)), NULL, NULL, STARP_BACKWARD));
    digest("rfftn", starp_fft_rfftn(starp_real(x), NULL, NULL, STARP_FORWARD));
    digest("weighted", starp_fft_fft(starp_multiply(starp_real(x), starp_at(x, "..., :1")), 0, 0, STARP_BACKWARD));
    digest("irfftn", starp_fft_irfftn(y, NULL, STARP_AXES(0), STARP_BACKWARD));
    starp_array *rows = starp_distribute(x, 0, 1);
    digest("rows", starp_fft_fftn(rows, NULL, NULL, STARP_BACKWARD));
    digest("sums", starp_sum(starp_multiply(starp_fft_fft(rows, 0, 0, STARP_BACKWARD), starp_fft_fft(x, 0, -1, STARP_BACKWARD)), STARP_AXES(0), 0));
}

static void convolutions(starp_array *x, uint64_t *seed)
{
    int64_t n = starp_size(x), m = 1 + rig_below(seed, 60);
    starp_array *line = starp_reshape(x, STARP_SHAPE(n)), *real = starp_real(line);
    starp_array *whole = starp_astype(starp_multiply(real, starp_scalar(session, 50.0)), STARP_I32);
    starp_array *few = starp_slice(real, STARP_INDEX(STARP_RANGE(0, m)));
    digest("convolve", starp_convolve(line, few, STARP_SAME));
    digest("integers", starp_correlate(whole, starp_slice(whole, STARP_INDEX(STARP_RANGE(0, m))), STARP_FULL));
    digest("fftconvolve", starp_fftconvolve(x, starp_flip(x, NULL), STARP_SAME, NULL));
}

/* Lines that are cut in blocks, or are transformed by halves. */
static void long_lines(starp_session *s, uint64_t seed)
{
    int64_t n = 66000 + (int64_t)(seed % 3) * 375;
    starp_array *x = fc_input(STARP_SHAPE(n), seed % 2 ? STARP_F64 : STARP_F32, &seed), *few = starp_slice(x, STARP_INDEX(STARP_RANGE(5, 40)));
    starp_array *y = starp_fft_rfft(x, 0, 0, STARP_ORTHO);
    digest("long", y);
    digest("made", starp_fft_fft(starp_cos(starp_add(x, starp_arange(s, 0, (double)n, 1, STARP_F32))), 131072, 0, STARP_BACKWARD));
    digest("back", starp_fft_irfft(starp_add(y, starp_scalar(s, 1.0)), n, 0, STARP_ORTHO));
    digest("blocks", starp_oaconvolve(x, few, STARP_SAME, NULL));
    digest("frequencies", starp_fft_fftshift(starp_fft_fftfreq(s, n, 0.1, STARP_F64), NULL));
}

static void run(starp_session *s, uint64_t first)
{
    uint64_t seed = first;
    starp_dims shape = { .n = 1 + (int)rig_below(&seed, 3) };
    for (int a = 0; a < shape.n; a++) shape.v[a] = 2 + rig_below(&seed, shape.n == 1 ? 900 : shape.n == 2 ? 50 : 14);
    starp_array *x = fc_input(&shape, first % 2 ? STARP_C128 : STARP_C64, &seed);
    along_an_axis(x, &seed);
    along_several(x);
    convolutions(x, &seed);
    if (first % 6 == 0) long_lines(s, first);
    fc_free_all();
}

int main(int argc, char **argv)
{
    return digest_main(argc, argv, NULL, run);
}
