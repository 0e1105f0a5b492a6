/* SPDX-License-Identifier: BSD-3-Clause */
/* fft.c: Fourier transforms. Handles are checked here, shapes and dtypes by the graph. */
#include "client.h"

/* What a direction is scaled by; false with the error set: no such norm. */
static bool scale_of(const char *what, starp_fft_norm norm, bool inverse, const void *site, enum sp_fft_scale *scale)
{
    switch (norm) {
    case STARP_BACKWARD: *scale = inverse ? SP_FFT_BY_N : SP_FFT_BY_NOTHING; return true;
    case STARP_ORTHO: *scale = SP_FFT_BY_ROOT; return true;
    case STARP_FORWARD: *scale = inverse ? SP_FFT_BY_NOTHING : SP_FFT_BY_N; return true;
    }
    sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: there is no norm %d", what, (int)norm);
    return false;
}

#define TRANSFORM(name, call, backward) \
    starp_array *starp_fft_##name(starp_array *x, int64_t n, int axis, starp_fft_norm norm) \
    { \
        const void *site = __builtin_return_address(0); \
        starp_session *s = sp_client_enter("fft_" #name, x, site); \
        enum sp_fft_scale scale; \
        if (!s || !scale_of("fft_" #name, norm, backward, site, &scale)) return NULL; \
        return sp_client_wrap(s, sp_build_fft(&s->graph, SP_CALL_##call, x->node, n, axis, backward, scale)); \
    }
TRANSFORM(fft, fft, false)
TRANSFORM(ifft, fft, true)
TRANSFORM(rfft, rfft, false)
TRANSFORM(irfft, irfft, true)
