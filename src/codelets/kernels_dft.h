/* SPDX-License-Identifier: BSD-3-Clause */
/* kernels_dft.h: what discrete Fourier transforms do beside FFTW: multiply by roots of unity that are products of two. */
#ifndef SP_KERNELS_DFT_H
#define SP_KERNELS_DFT_H

#include "kernels.h"

#define TWIST(type) \
    type *z = x; \
    const type *w = roots, c = ((const type *)by)[0], s = ((const type *)by)[1]; \
    SP_IVDEP for (size_t i = 0; i < n; i++) { \
        type a = w[2 * i] * c - w[2 * i + 1] * s, b = w[2 * i] * s + w[2 * i + 1] * c; \
        type re = z[2 * i], im = z[2 * i + 1]; \
        z[2 * i] = re * a - im * b; \
        z[2 * i + 1] = re * b + im * a; \
    }

static void twist(size_t n, void *x, const void *roots, const void *by, bool single)
{
    if (single) {
        TWIST(float)
    } else {
        TWIST(double)
    }
}

#define GROW(type) \
    type *z = x; \
    type f = (type)by; \
    EACH_ELEMENT z[i] *= f;

static void scale(size_t n, void *x, double by, bool single)
{
    if (single) {
        GROW(float)
    } else {
        GROW(double)
    }
}

#endif
