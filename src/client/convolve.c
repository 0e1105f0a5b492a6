/* SPDX-License-Identifier: BSD-3-Clause */
/* convolve.c: convolutions, and zeros around arrays. Handles and modes are checked here, shapes and dtypes by the graph. */
#include "client.h"

static starp_session *enter(const char *what, starp_array *a, starp_array *b, starp_convolve_mode mode, const void *site)
{
    starp_session *s = sp_client_enter_two(what, a, b, site);
    if (!s || mode == STARP_FULL || mode == STARP_SAME || mode == STARP_VALID) return s;
    sp_client_fail(site, STARP_ERR_ARGUMENT, "%s: there is no mode %d", what, (int)mode);
    return NULL;
}

starp_array *starp_convolve(starp_array *a, starp_array *b, starp_convolve_mode mode)
{
    starp_session *s = enter("convolve", a, b, mode, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_convolve(&s->graph, a->node, b->node, mode)) : NULL;
}

starp_array *starp_correlate(starp_array *a, starp_array *b, starp_convolve_mode mode)
{
    starp_session *s = enter("correlate", a, b, mode, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_correlate(&s->graph, a->node, b->node, mode)) : NULL;
}

static starp_array *by_transforms(const char *what, starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes, bool blocks,
                                  const void *site)
{
    starp_session *s = enter(what, a, b, mode, site);
    if (!s || !sp_client_axes(s, what, axes)) return NULL;
    return sp_client_wrap(s, sp_build_fftconvolve(&s->graph, what, a->node, b->node, mode, axes, blocks));
}

starp_array *starp_fftconvolve(starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes)
{
    return by_transforms("fftconvolve", a, b, mode, axes, false, __builtin_return_address(0));
}

starp_array *starp_oaconvolve(starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes)
{
    return by_transforms("oaconvolve", a, b, mode, axes, true, __builtin_return_address(0));
}

starp_array *starp_pad(starp_array *x, const starp_dims *before, const starp_dims *after)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("pad", x, site);
    if (!s) return NULL;
    if (!before || !after) return sp_client_fail(site, STARP_ERR_ARGUMENT, "pad: the numbers of zeros are NULL"), NULL;
    return sp_client_wrap(s, sp_build_pad_around(&s->graph, x->node, before, after));
}
