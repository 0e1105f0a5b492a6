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

/* hfft is the forward transform, so its norms are those of fft; that it runs by irfft is its own affair. */
#define HERMITIAN(name, backward) \
    starp_array *starp_fft_##name(starp_array *x, int64_t n, int axis, starp_fft_norm norm) \
    { \
        const void *site = __builtin_return_address(0); \
        starp_session *s = sp_client_enter("fft_" #name, x, site); \
        enum sp_fft_scale scale; \
        if (!s || !scale_of("fft_" #name, norm, backward, site, &scale)) return NULL; \
        return sp_client_wrap(s, sp_build_##name(&s->graph, x->node, n, axis, scale)); \
    }
HERMITIAN(hfft, false)
HERMITIAN(ihfft, true)

/* ----------------------------------------------------------------------------------------------------- several axes */

static starp_array *transform(const char *what, enum sp_call call, starp_array *x, const starp_dims *n, const starp_dims *axes, bool backward,
                              starp_fft_norm norm, const void *site)
{
    starp_session *s = sp_client_enter(what, x, site);
    enum sp_fft_scale scale;
    if (!s || !sp_client_axes(s, what, axes) || !sp_client_axes(s, what, n) || !scale_of(what, norm, backward, site, &scale)) return NULL;
    return sp_client_wrap(s, sp_build_fft_nd(&s->graph, what, call, x->node, n, axes, backward, scale));
}

#define SEVERAL(name, call, backward, usual) \
    starp_array *starp_fft_##name(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm) \
    { \
        return transform("fft_" #name, SP_CALL_##call, x, n, axes ? axes : usual, backward, norm, __builtin_return_address(0)); \
    }
#define LAST_TWO (&(const starp_dims){ 2, { -2, -1 } })
SEVERAL(fftn, fft, false, NULL)
SEVERAL(ifftn, fft, true, NULL)
SEVERAL(rfftn, rfft, false, NULL)
SEVERAL(irfftn, irfft, true, NULL)
SEVERAL(fft2, fft, false, LAST_TWO)
SEVERAL(ifft2, fft, true, LAST_TWO)
SEVERAL(rfft2, rfft, false, LAST_TWO)
SEVERAL(irfft2, irfft, true, LAST_TWO)

/* ---------------------------------------------------------------------------------------------- frequencies and shifts */

starp_array *starp_fft_fftfreq(starp_session *s, int64_t n, double d, starp_dtype dtype)
{
    if (!sp_client_begin("fft_fftfreq", s, __builtin_return_address(0))) return NULL;
    return sp_client_wrap(s, sp_build_fftfreq(&s->graph, n, d, dtype, false));
}

starp_array *starp_fft_rfftfreq(starp_session *s, int64_t n, double d, starp_dtype dtype)
{
    if (!sp_client_begin("fft_rfftfreq", s, __builtin_return_address(0))) return NULL;
    return sp_client_wrap(s, sp_build_fftfreq(&s->graph, n, d, dtype, true));
}

starp_array *starp_fft_fftshift(starp_array *x, const starp_dims *axes)
{
    starp_session *s = sp_client_enter("fft_fftshift", x, __builtin_return_address(0));
    if (!s || !sp_client_axes(s, "fft_fftshift", axes)) return NULL;
    return sp_client_wrap(s, sp_build_fftshift(&s->graph, x->node, axes, false));
}

starp_array *starp_fft_ifftshift(starp_array *x, const starp_dims *axes)
{
    starp_session *s = sp_client_enter("fft_ifftshift", x, __builtin_return_address(0));
    if (!s || !sp_client_axes(s, "fft_ifftshift", axes)) return NULL;
    return sp_client_wrap(s, sp_build_fftshift(&s->graph, x->node, axes, true));
}
