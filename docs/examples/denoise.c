/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * denoise.c: takes noise from a photograph, grey (rows, columns) or in colour (rows, columns, 3), u8. Adds noise of standard
 * deviation 20 to it, estimates the picture by low-rank groups of patches and, beside it, by a low-pass filter, and
 * saves all three; sides, of 32 pixels or more, are cut to multiples of 16.
 *
 *   denoise PICTURE.npy NOISY.npy DENOISED.npy LOWPASS.npy [--explain]
 *
 * Patches of 8 x 8 pixels from one neighbourhood look alike: as columns of a matrix they are nearly of low rank, while noise has
 * all singular values alike. So a window of 16 x 16 gives a matrix of its 81 patches; singular values below a threshold are set to
 * 0, and each pixel is the mean of what the patches over it then say. After Guo, Zhang, Zhang, Liu, "An efficient SVD-based method for
 * image denoising", IEEE TCSVT 2016; threshold: Gavish, Donoho, "The optimal hard threshold for singular values is 4/sqrt(3)", 2014.
 */
#include <starp.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIGMA 20.0 /* of the noise */
#define CUTOFF 0.16 /* of the low-pass filter, in cycles per pixel */
#define WINDOW 16
#define PATCH 8
#define PLACES (WINDOW - PATCH + 1)  /* of a patch in a window, along a side */
#define PATCHES (PLACES * PLACES)    /* columns */
#define PIXELS (PATCH * PATCH)       /* rows, fewer */

/* ------------------------------------------------------------------------------------- one window, in plain C */

struct group {
    double patch[PATCHES][PIXELS]; /* by columns, as LAPACK sees it: PIXELS x PATCHES */
    double u[PIXELS][PIXELS], s[PIXELS], vt[PATCHES][PIXELS];
};

/* Below it a singular value of an m x n matrix is better left out: lambda(m / n) sqrt(n) sigma. */
static double threshold(double sigma)
{
    double beta = (double)PIXELS / PATCHES;
    double root = sqrt(beta * beta + 14 * beta + 1);
    return sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + root)) * sqrt(PATCHES) * sigma;
}

static void gather(const double *window, struct group *g)
{
    for (int k = 0; k < PATCHES; k++) {
        const double *corner = window + k / PLACES * WINDOW + k % PLACES;
        for (int i = 0; i < PIXELS; i++) g->patch[k][i] = corner[i / PATCH * WINDOW + i % PATCH];
    }
}

/* Leaves out the small singular values; 0 when all is well. */
static int reduce_rank(struct group *g, double least)
{
    int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', PIXELS, PATCHES, g->patch[0], PIXELS, g->s, g->u[0], PIXELS, g->vt[0], PIXELS);
    memset(g->patch, 0, sizeof g->patch);
    for (int r = 0; info == 0 && r < PIXELS && g->s[r] >= least; r++) {
        for (int k = 0; k < PATCHES; k++) {
            double c = g->s[r] * g->vt[k][r];
            for (int i = 0; i < PIXELS; i++) g->patch[k][i] += c * g->u[r][i];
        }
    }
    return info;
}

static void scatter(const struct group *g, double *sum, double *count)
{
    memset(sum, 0, WINDOW * WINDOW * sizeof *sum);
    memset(count, 0, WINDOW * WINDOW * sizeof *count);
    for (int k = 0; k < PATCHES; k++) {
        int corner = k / PLACES * WINDOW + k % PLACES;
        for (int i = 0; i < PIXELS; i++) {
            int at = corner + i / PATCH * WINDOW + i % PATCH;
            sum[at] += g->patch[k][i];
            count[at] += 1;
        }
    }
}

/* An iteration: a window -> (2, WINDOW, WINDOW), for each pixel the sum of its patches' values, and how many these are. */
static int low_rank(starp_iteration *it, int nin, const starp_argument *in, const void *sigma)
{
    (void)nin;
    double *out = starp_iteration_output(it, 0, STARP_F64, STARP_SHAPE(2, WINDOW, WINDOW));
    struct group *g = out ? malloc(sizeof *g) : NULL;
    if (!g) return starp_iteration_fail(it, "no memory");
    gather(in[0].data, g);
    int info = reduce_rank(g, threshold(*(const double *)sigma));
    scatter(g, out, out + WINDOW * WINDOW);
    free(g);
    return info ? starp_iteration_fail(it, "the singular value decomposition: info %d", info) : 0;
}

static int low_rank_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *sigma, char *text)
{
    (void)nout, (void)sigma;
    if (nin != 1 || in[0].dtype != STARP_F64 || in[0].ndim != 2 || in[0].shape[0] != WINDOW || in[0].shape[1] != WINDOW) {
        snprintf(text, STARP_ITERATION_TEXT, "low_rank takes windows of %d x %d f64", WINDOW, WINDOW);
        return 1;
    }
    out[0].dtype = STARP_F64;
    out[0].ndim = 3;
    out[0].shape[0] = 2;
    out[0].shape[1] = out[0].shape[2] = WINDOW;
    return 0;
}

static starp_status register_low_rank(starp_session *s)
{
    const double sigma = SIGMA;
    const starp_function function = {
        .iterate = low_rank, .shapes = low_rank_shapes, .nargs = 1, .user = &sigma, .user_bytes = sizeof sigma
    };
    return starp_register(s, "low_rank", &function);
}

/* ------------------------------------------------------------------------------------- pictures, (colours, rows, columns) */

static starp_array *load_picture(starp_session *s, const char *from)
{
    starp_array *x = starp_astype(starp_load(s, from), STARP_F64);
    x = starp_ndim(x) == 2 ? starp_expand_dims(x, 0) : starp_permute_dims(x, STARP_AXES(2, 0, 1));
    int64_t rows = starp_dim(x, 1) / WINDOW * WINDOW, columns = starp_dim(x, 2) / WINDOW * WINDOW;
    return starp_slice(x, STARP_INDEX(STARP_ALL, STARP_RANGE(0, rows), STARP_RANGE(0, columns)));
}

static starp_status save_picture(starp_session *s, starp_array *x, const char *to)
{
    x = starp_round(starp_clip(x, starp_scalar(s, 0.0), starp_scalar(s, 255.0)));
    x = starp_permute_dims(starp_astype(x, STARP_U8), STARP_AXES(1, 2, 0));
    return starp_save(starp_dim(x, 2) == 1 ? starp_squeeze(x, STARP_AXES(2)) : x, to);
}

/* The sums and counts of low_rank, (2, colours, rows, columns), from the windows that tile x but for so many pixels at its ends. */
static starp_array *tiled(starp_session *s, starp_array *x, int64_t top, int64_t left)
{
    int64_t colours = starp_dim(x, 0), rows = starp_dim(x, 1) - 2 * top, columns = starp_dim(x, 2) - 2 * left;
    int64_t down = rows / WINDOW, across = columns / WINDOW;
    x = starp_slice(x, STARP_INDEX(STARP_ALL, STARP_RANGE(top, top + rows), STARP_RANGE(left, left + columns)));
    x = starp_reshape(x, STARP_SHAPE(colours, down, WINDOW, across, WINDOW));
    x = starp_reshape(starp_permute_dims(x, STARP_AXES(2, 4, 0, 1, 3)), STARP_SHAPE(WINDOW, WINDOW, colours * down * across));
    x = starp_ppeval(s, "low_rank", STARP_ARGS(x));
    x = starp_reshape(x, STARP_SHAPE(2, WINDOW, WINDOW, colours, down, across));
    x = starp_reshape(starp_permute_dims(x, STARP_AXES(0, 3, 4, 1, 5, 2)), STARP_SHAPE(2, colours, rows, columns));
    return starp_pad(x, STARP_SHAPE(0, 0, top, left), STARP_SHAPE(0, 0, top, left));
}

/* Windows overlap by half. */
static starp_array *low_rank_patches(starp_session *s, starp_array *x)
{
    const int64_t half = WINDOW / 2;
    starp_array *both = tiled(s, x, 0, 0);
    both = starp_add(both, tiled(s, x, 0, half));
    both = starp_add(both, tiled(s, x, half, 0));
    both = starp_add(both, tiled(s, x, half, half));
    return starp_divide(starp_at(both, "0"), starp_at(both, "1"));
}

/* exp(-|f|^2 / (2 CUTOFF^2)) in the domain of frequencies. */
static starp_array *low_pass(starp_session *s, starp_array *x)
{
    starp_array *down = starp_expand_dims(starp_fft_fftfreq(s, starp_dim(x, 1), 1, STARP_F64), 1);
    starp_array *across = starp_fft_fftfreq(s, starp_dim(x, 2), 1, STARP_F64);
    starp_array *squares = starp_add(starp_multiply(down, down), starp_multiply(across, across));
    starp_array *mask = starp_exp(starp_multiply(starp_scalar(s, -0.5 / (CUTOFF * CUTOFF)), squares));
    starp_array *spectrum = starp_fft_fft2(x, NULL, NULL, STARP_BACKWARD);
    return starp_real(starp_fft_ifft2(starp_multiply(spectrum, mask), NULL, NULL, STARP_BACKWARD));
}

/* 20 log10 of 255 / the root of the mean squared error */
static starp_array *psnr(starp_session *s, starp_array *x, starp_array *picture)
{
    starp_array *error = starp_subtract(x, picture);
    starp_array *mse = starp_mean(starp_multiply(error, error), NULL, 0);
    return starp_multiply(starp_scalar(s, 10.0), starp_log10(starp_divide(starp_scalar(s, 255.0 * 255.0), mse)));
}

/* --------------------------------------------------------------------------------------------- the program */

static starp_status denoise(starp_session *s, char **path, int explain)
{
    if (register_low_rank(s) != STARP_OK || starp_seed(s, 1) != STARP_OK) return starp_last_status();

    starp_array *picture = load_picture(s, path[0]);
    starp_dims shape;
    if (starp_shape_of(picture, &shape) != STARP_OK) return starp_last_status();
    starp_array *noise = starp_multiply(starp_scalar(s, SIGMA), starp_random_standard_normal(s, &shape, STARP_F64));
    starp_array *noisy = starp_add(picture, noise);
    starp_array *denoised = low_rank_patches(s, noisy), *smooth = low_pass(s, noisy);
    starp_array *result[] = { noisy, denoised, smooth };
    starp_array *all[] = { noisy, denoised, smooth, psnr(s, noisy, picture), psnr(s, denoised, picture), psnr(s, smooth, picture) };

    if (explain && starp_explain(denoised, stdout) != STARP_OK) return starp_last_status();
    if (starp_eval_many(6, all) != STARP_OK) return starp_last_status();
    double db[3];
    for (int k = 0; k < 3; k++) {
        if (starp_item(all[3 + k], STARP_F64, &db[k]) != STARP_OK) return starp_last_status();
        if (save_picture(s, result[k], path[1 + k]) != STARP_OK) return starp_last_status();
    }
    printf("PSNR: noisy %.2f dB, low-rank patches %.2f dB, low-pass %.2f dB\n", db[0], db[1], db[2]);
    return STARP_OK;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s PICTURE.npy NOISY.npy DENOISED.npy LOWPASS.npy [--explain]\n", argv[0]);
        return 2;
    }
    starp_session *s = starp_open(NULL);
    starp_status status = STARP_ERR_RUNTIME;
    if (s && starp_scope_open(s) == STARP_OK) {
        status = denoise(s, argv + 1, argc > 5 && strcmp(argv[5], "--explain") == 0);
        starp_scope_close(s);
    }
    if (status != STARP_OK) fprintf(stderr, "%s\n", starp_last_error());
    starp_close(s);
    return status != STARP_OK;
}
