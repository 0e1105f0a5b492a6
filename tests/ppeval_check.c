/* SPDX-License-Identifier: BSD-3-Clause */
/* ppeval_check.c: functions of the tests of ppeval, and sessions that know them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"

/* Elements that doubles hold exactly. */
static double element(starp_dtype d, const void *at)
{
    switch (d) {
#define REAL(id, type) case STARP_##id: return (double)*(const type *)at;
        REAL(BOOL, uint8_t) REAL(I8, int8_t) REAL(I16, int16_t) REAL(I32, int32_t) REAL(I64, int64_t)
        REAL(U8, uint8_t) REAL(U16, uint16_t) REAL(U32, uint32_t) REAL(U64, uint64_t) REAL(F32, float) REAL(F64, double)
#undef REAL
    case STARP_C64: return (double)*(const float *)at + 3 * (double)((const float *)at)[1];
    default: return *(const double *)at + 3 * ((const double *)at)[1];
    }
}

/* ------------------------------------------------------------------------------------------------- functions of ours */

int64_t pc_size_of(const starp_argument *x)
{
    int64_t n = 1;
    for (int a = 0; a < x->ndim; a++) n *= x->shape[a];
    return n;
}

double pc_at_place(const starp_argument *x, int64_t i)
{
    const char *p = x->data;
    for (int a = x->ndim - 1; a >= 0; a--) {
        p += i % x->shape[a] * x->stride[a];
        i /= x->shape[a];
    }
    return element(x->dtype, p);
}

/* Where place i is in a dense array that lies as x does: elements. */
static int64_t place_in(const starp_argument *x, int64_t i)
{
    int64_t at = 0;
    for (int a = x->ndim - 1; a >= 0; a--) {
        at += i % x->shape[a] * x->stride[a];
        i /= x->shape[a];
    }
    return at / (int64_t)starp_dtype_size(x->dtype);
}

double pc_weighted_sum(const starp_argument *x)
{
    double sum = 0;
    for (int64_t i = 0; i < pc_size_of(x); i++) sum += (double)(i % 7 + 1) * pc_at_place(x, i);
    return sum;
}

int pc_combine(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    const double *factor = user;
    starp_dims shape = { .n = in[0].ndim };
    memcpy(shape.v, in[0].shape, sizeof in[0].shape);
    double *out = starp_iteration_output(it, 0, STARP_F64, &shape), more = *factor * (double)it->index;
    int32_t *number = starp_iteration_output(it, 1, STARP_I32, &(starp_dims){ 0, { 0 } });
    if (!out || !number) return 1;
    for (int k = 1; k < nin; k++) more += pc_weighted_sum(&in[k]);
    for (int64_t i = 0; i < pc_size_of(&in[0]); i++) out[place_in(&in[0], i)] = pc_at_place(&in[0], i) + more;
    *number = (int32_t)it->index;
    return 0;
}

static int combined_shapes(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user,
                           char text[STARP_ITERATION_TEXT])
{
    (void)user;
    if (nin < 1 || nout != 2) return snprintf(text, STARP_ITERATION_TEXT, "not so") > 0;
    out[0] = in[0];
    out[0].dtype = STARP_F64;
    out[1].dtype = STARP_I32;
    out[1].ndim = 0;
    return 0;
}

static int measure(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 1, { 3 } });
    if (!out) return 1;
    out[0] = in[0].ndim;
    out[1] = (double)pc_size_of(&in[0]);
    out[2] = pc_weighted_sum(&in[0]);
    return 0;
}

static int measured_shape(int nin, const starp_argument *in, int nout, starp_argument *out, const void *user,
                          char text[STARP_ITERATION_TEXT])
{
    (void)nin, (void)in, (void)nout, (void)user, (void)text;
    out[0] = (starp_argument){ .dtype = STARP_F64, .ndim = 1, .shape = { 3 } };
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------ sessions */

static const double seven = 7;
const char *const pc_combines[] = { "declared", "found", "declared by columns", "found by columns" };

void pc_enter(const char *name, starp_function f)
{
    la_done(starp_register(session, name, &f));
}

static int open_and_register(int (*open)(void **), void **state)
{
    if (open(state) != 0) return 1;
    for (int k = 0; k < 4; k++) {
        pc_enter(pc_combines[k], (starp_function){ .iterate = pc_combine, .shapes = k % 2 ? NULL : combined_shapes, .nresults = 2,
                                                   .column_major = k / 2, .user = &seven, .user_bytes = sizeof seven });
    }
    pc_enter("measure", (starp_function){ .iterate = measure, .shapes = measured_shape, .nargs = 1 });
    pc_enter("measure columns", (starp_function){ .iterate = measure, .shapes = measured_shape, .nargs = 1, .column_major = 1 });
    return 0;
}

int pc_open_at_once(void **state)
{
    return open_and_register(fc_open_at_once, state);
}

int pc_open_in_tiles(void **state)
{
    return open_and_register(fc_open_in_tiles, state);
}

starp_array *pc_each(const char *name, starp_array *x)
{
    return starp_ppeval(session, name, STARP_ARGS(x));
}

void pc_expect(starp_array *x, int n, const double *want)
{
    double got[64];
    assert_non_null(x);
    assert_int_equal(starp_size(x), n);
    la_done(starp_read(starp_astype(x, STARP_F64), got, sizeof got));
    for (int i = 0; i < n; i++) assert_true(got[i] == want[i]);
}
