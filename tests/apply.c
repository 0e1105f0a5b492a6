/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * apply.c: functions for each element, which look at what they are promised, and give NaN or the like where it is not kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "rig.h"

/* out overlaps no operand, all are aligned, and chunks are no longer than is documented. */
static bool promised(size_t n, const void *out, size_t out_item, const void *const *in, int nin, size_t in_item)
{
    uintptr_t y = (uintptr_t)out;
    bool good = n > 0 && n <= STARP_MAXCHUNK && y % out_item == 0;
    for (int k = 0; k < nin; k++) {
        uintptr_t x = (uintptr_t)in[k];
        good = good && x % in_item == 0 && (x + n * in_item <= y || y + n * out_item <= x);
    }
    return good;
}

#define FUNCTION(name, from, to, nin, broken, ...) \
    static void name(size_t n, void *out, const void *const *in, const void *user) \
    { \
        const from *x = in[0], *y = in[nin > 1 ? 1 : 0], *z = in[nin - 1]; \
        to *r = out; \
        bool good = promised(n, out, _Alignof(to), in, nin, _Alignof(from)); \
        (void)user, (void)y, (void)z; \
        for (size_t i = 0; i < n; i++) r[i] = good ? (to)(__VA_ARGS__) : (to)(broken); \
    }
FUNCTION(affine, double, double, 1, NAN, x[i] * ((const double *)user)[0] + ((const double *)user)[1])
FUNCTION(bend, double, double, 2, NAN, x[i] * y[i] - x[i])
FUNCTION(choose, double, double, 3, NAN, x[i] < y[i] ? z[i] : x[i])
FUNCTION(square, float, float, 1, NAN, x[i] * x[i])
FUNCTION(mirror, double _Complex, double _Complex, 2, NAN, __builtin_complex(creal(x[i]) + creal(y[i]), -cimag(x[i]) + cimag(y[i])))
FUNCTION(magnitude, double _Complex, double, 1, NAN, fabs(creal(x[i])) + fabs(cimag(x[i])))
FUNCTION(level, double, int32_t, 1, -99, x[i] > 0.5 ? 7 : -2)
FUNCTION(greater, double, bool, 2, false, x[i] > y[i])
FUNCTION(invert, bool, int8_t, 1, 99, !x[i])
FUNCTION(triple, int16_t, int64_t, 1, -99, (int64_t)x[i] * 3)

static const double factors[2] = { 2, 1 };

const struct apply_function apply_functions[] = {
    { "affine", { affine, { 1, STARP_F64 }, { 1, STARP_F64 }, factors, sizeof factors } },
    { "bend", { bend, { 2, STARP_F64 }, { 1, STARP_F64 }, NULL, 0 } },
    { "choose", { choose, { 3, STARP_F64 }, { 1, STARP_F64 }, NULL, 0 } },
    { "square", { square, { 1, STARP_F32 }, { 1, STARP_F32 }, NULL, 0 } },
    { "mirror", { mirror, { 2, STARP_C128 }, { 1, STARP_C128 }, NULL, 0 } },
    { "magnitude", { magnitude, { 1, STARP_C128 }, { 1, STARP_F64 }, NULL, 0 } },
    { "level", { level, { 1, STARP_F64 }, { 1, STARP_I32 }, NULL, 0 } },
    { "greater", { greater, { 2, STARP_F64 }, { 1, STARP_BOOL }, NULL, 0 } },
    { "invert", { invert, { 1, STARP_BOOL }, { 1, STARP_I8 }, NULL, 0 } },
    { "triple", { triple, { 1, STARP_I16 }, { 1, STARP_I64 }, NULL, 0 } },
    { NULL, { NULL, { 0, STARP_BOOL }, { 0, STARP_BOOL }, NULL, 0 } },
};

starp_session *apply_open(const char *environment)
{
    rig_environment(environment);
    starp_session *s = starp_open(NULL);
    rig_environment("");
    assert_non_null(s);
    for (const struct apply_function *f = apply_functions; f->name; f++) {
        if (starp_register_elementwise(s, f->name, &f->f) != STARP_OK) fail_msg("%s", starp_last_error());
    }
    starp_scope_open(s);
    return s;
}

void apply_close(starp_session *s)
{
    starp_scope_close(s);
    if (starp_close(s) != STARP_OK) fail_msg("%s", starp_last_error());
}

char *apply_explain(starp_array *x)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(starp_explain(x, out), STARP_OK);
    fclose(out);
    return text;
}

void apply_expect(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);
}
