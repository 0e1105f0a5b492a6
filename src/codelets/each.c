/* SPDX-License-Identifier: BSD-3-Clause */
/* each.c: the functions that ppeval has built in, in the form that a user's would have. */
#include <string.h>

#include "codelets.h"

typedef int slices_fn(const struct sp_slices *x);

/* NULL: only the graph has it. */
static slices_fn *const table[SP_EACH_COUNT] = {
    [SP_EACH_svdvals] = sp_each_linalg, [SP_EACH_svd] = sp_each_linalg, [SP_EACH_eigh] = sp_each_linalg, [SP_EACH_eigvalsh] = sp_each_linalg,
    [SP_EACH_eig] = sp_each_linalg, [SP_EACH_eigvals] = sp_each_linalg, [SP_EACH_qr] = sp_each_linalg, [SP_EACH_inv] = sp_each_linalg,
    [SP_EACH_det] = sp_each_linalg, [SP_EACH_cholesky] = sp_each_linalg, [SP_EACH_solve] = sp_each_linalg, [SP_EACH_lstsq] = sp_each_linalg,
    [SP_EACH_sort] = sp_each_sort, [SP_EACH_sum] = sp_each_reduce, [SP_EACH_prod] = sp_each_reduce, [SP_EACH_min] = sp_each_reduce,
    [SP_EACH_max] = sp_each_reduce, [SP_EACH_mean] = sp_each_reduce, [SP_EACH_var] = sp_each_reduce, [SP_EACH_std] = sp_each_reduce,
    [SP_EACH_norm] = sp_each_reduce, [SP_EACH_any] = sp_each_reduce, [SP_EACH_all] = sp_each_reduce,
};

/* Which function it is travels as what the user hands to each call. */
static const int32_t numbers[SP_EACH_COUNT] = {
#define X(name, nargs, nresults, form) SP_EACH_##name,
    SP_EACH(X)
#undef X
};

int64_t sp_each_count(const starp_argument *x)
{
    int64_t n = 1;
    for (int a = 0; a < x->ndim; a++) n *= x->shape[a];
    return n;
}

int sp_each_starved(const struct sp_slices *x)
{
    ((struct sp_iteration *)x->it)->starved = true;
    return starp_iteration_fail(x->it, "%s: out of memory", sp_each_rows[x->f].name);
}

static int iterate(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    struct sp_slices x = { .it = it, .f = (enum sp_each)*(const int32_t *)user, .in = in, .kernels = ((struct sp_iteration *)it)->job->kernels };
    struct sp_error e = { .status = STARP_OK };
    starp_dims slice[SP_MAX_READS];
    for (int k = 0; k < nin; k++) {
        slice[k].n = in[k].ndim;
        memcpy(slice[k].v, in[k].shape, (size_t)in[k].ndim * sizeof slice[k].v[0]);
    }
    if (!sp_each_check(x.f, slice, &e)) return starp_iteration_fail(it, "%s", e.text);
    return table[x.f](&x);
}

bool sp_each_native(enum sp_each f, starp_function *to)
{
    if (f == SP_EACH_COUNT || !table[f]) return false;
    *to = (starp_function){ .iterate = iterate, .nresults = sp_each_rows[f].nresults, .nargs = sp_each_rows[f].nargs,
                            .user = &numbers[f], .user_bytes = sizeof numbers[f] };
    return true;
}
