/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dft_lines.h: the part of dft.c that is there once for each precision. Included with R, the real type, FFTW(name), FFTW's names,
 * and OF(name), ours.
 */

static void *OF(many)(int64_t n, int64_t lines, int64_t in_step, int64_t in_line, int64_t out_step, int64_t out_line, bool inverse,
                      unsigned flags, FFTW(complex) *a, FFTW(complex) *b)
{
    int length = (int)n;
    return FFTW(plan_many_dft)(1, &length, (int)lines, a, NULL, (int)in_step, (int)in_line, b, NULL, (int)out_step, (int)out_line,
                               inverse ? FFTW_BACKWARD : FFTW_FORWARD, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT | flags);
}

/* A complex line: several at a time, in one piece, or as parts whose results meet in a pass across them. */
static bool OF(plan_complex)(struct sp_dft *d, FFTW(complex) *a, FFTW(complex) *b)
{
    int64_t r = d->parts, m = d->part;
    bool inverse = d->key.inverse;
    unsigned flags = m * (int64_t)sizeof *a % 64 ? FFTW_UNALIGNED : 0; /* of all parts but the first */
    if (d->lines > 1) d->sub = OF(many)(m, d->lines, 1, m, 1, m, inverse, 0, a, b);
    else if (r == 1) d->sub = OF(many)(m, 1, 1, m, 1, m, inverse, 0, a, b);
    else if (d->key.decimated) d->sub = OF(many)(m, 1, 1, m, 1, m, inverse, flags, a, b);
    else d->sub = OF(many)(m, r, r, 1, 1, m, inverse, 0, a, b);
    if (r > 1) d->cross = OF(many)(r, m, m, 1, m, 1, inverse, 0, b, b);
    return d->sub && (r == 1 || d->cross);
}

static bool OF(plan_real)(struct sp_dft *d, R *a, R *b)
{
    int n = (int)d->key.n, c = n / 2 + 1, lines = (int)d->lines;
    if (d->key.kind == SP_DFT_R2C) {
        d->sub = FFTW(plan_many_dft_r2c)(1, &n, lines, a, NULL, 1, n, (FFTW(complex) *)b, NULL, 1, c, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    } else {
        d->sub = FFTW(plan_many_dft_c2r)(1, &n, lines, (FFTW(complex) *)a, NULL, 1, c, b, NULL, 1, n, FFTW_ESTIMATE | FFTW_DESTROY_INPUT);
    }
    return d->sub;
}

/* A program's own use of FFTW may have asked for threads, and left wisdom, for all plans to come. */
static bool OF(plan)(struct sp_dft *d)
{
    int threads = FFTW(planner_nthreads)();
    char *wisdom = FFTW(export_wisdom_to_string)();
    FFTW(forget_wisdom)();
    FFTW(plan_with_nthreads)(1);
    size_t bytes = (size_t)d->lines * ((size_t)d->key.n + 2) * 2 * sizeof(R);
    R *a = FFTW(malloc)(bytes), *b = FFTW(malloc)(bytes);
    bool ok = a && b && (d->key.kind == SP_DFT_C2C || d->half ? OF(plan_complex)(d, (void *)a, (void *)b) : OF(plan_real)(d, a, b));
    FFTW(plan_with_nthreads)(threads);
    if (wisdom) FFTW(import_wisdom_from_string)(wisdom);
    free(wisdom);
    FFTW(free)(a);
    FFTW(free)(b);
    return ok;
}

static void OF(unplan)(struct sp_dft *d)
{
    if (d->sub) FFTW(destroy_plan)(d->sub);
    if (d->cross) FFTW(destroy_plan)(d->cross);
}

static void OF(complex_line)(const struct sp_dft *d, R *in, R *out, const struct sp_kernels *kernels)
{
    int64_t m = d->part, r = d->parts;
    int fault = 0;
    for (int64_t i = 0; i < (d->key.decimated ? r : 1); i++) {
        FFTW(execute_dft)(d->sub, (FFTW(complex) *)(in + 2 * i * m), (FFTW(complex) *)(out + 2 * i * m));
    }
    if (r == 1) return;
    const void *src[2] = { out + 2 * m, d->roots };
    kernels->map[SP_OP_multiply][sizeof(R) == 4 ? STARP_C64 : STARP_C128]((size_t)(m * (r - 1)), out + 2 * m, src, &fault);
    FFTW(execute_dft)(d->cross, (FFTW(complex) *)out, (FFTW(complex) *)out);
}

/*
 * z[k] = E[k] + i O[k], the transforms of even and odd elements; x[k] = E[k] + w^k O[k], that of all of them (Cooley, Lewis and
 * Welch 1970).
 */
static void OF(unfold)(const struct sp_dft *d, R *z)
{
    int64_t h = d->key.n / 2;
    const R *w = (const R *)d->roots + 2 * (d->part * (d->parts - 1));
    R first = z[0], second = z[1];
    z[0] = first + second, z[1] = 0;
    z[2 * h] = first - second, z[2 * h + 1] = 0;
    for (int64_t k = 1, l = h - 1; k <= l; k++, l--) {
        R *p = z + 2 * k, *q = z + 2 * l;
        R even_re = (p[0] + q[0]) / 2, even_im = (p[1] - q[1]) / 2, odd_re = (p[1] + q[1]) / 2, odd_im = (q[0] - p[0]) / 2;
        R re = odd_re * w[2 * k] - odd_im * w[2 * k + 1], im = odd_re * w[2 * k + 1] + odd_im * w[2 * k];
        p[0] = even_re + re, p[1] = even_im + im;
        q[0] = even_re - re, q[1] = k == l ? p[1] : im - even_im;
    }
}

/* The way back, times two. */
static void OF(fold)(const struct sp_dft *d, R *z)
{
    int64_t h = d->key.n / 2;
    const R *w = (const R *)d->roots + 2 * (d->part * (d->parts - 1));
    R first = z[0], last = z[2 * h];
    z[0] = first + last, z[1] = first - last;
    for (int64_t k = 1, l = h - 1; k <= l; k++, l--) {
        R *p = z + 2 * k, *q = z + 2 * l;
        R even_re = p[0] + q[0], even_im = p[1] - q[1], re = p[0] - q[0], im = p[1] + q[1];
        R odd_re = re * w[2 * k] - im * w[2 * k + 1], odd_im = re * w[2 * k + 1] + im * w[2 * k];
        p[0] = even_re - odd_im, p[1] = even_im + odd_re;
        q[0] = even_re + odd_im, q[1] = k == l ? p[1] : odd_re - even_im;
    }
}

static void OF(run)(const struct sp_dft *d, R *in, R *out, const struct sp_kernels *kernels)
{
    if (d->key.kind == SP_DFT_C2C) {
        OF(complex_line)(d, in, out, kernels);
    } else if (!d->half) {
        if (d->key.kind == SP_DFT_R2C) FFTW(execute_dft_r2c)(d->sub, in, (FFTW(complex) *)out);
        else FFTW(execute_dft_c2r)(d->sub, (FFTW(complex) *)in, out);
    } else {
        if (d->key.kind == SP_DFT_C2R) OF(fold)(d, in);
        OF(complex_line)(d, in, out, kernels);
        if (d->key.kind == SP_DFT_R2C) OF(unfold)(d, out);
    }
}

#undef R
#undef FFTW
#undef OF
