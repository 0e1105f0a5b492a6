/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_kernels_ends.c: elementwise kernels at chosen points: at the ends of the range, where a plain formula over- or
 * underflows or a vector function gives up early, and where NumPy's answer is not the obvious one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codelets.h"
#include "rig.h"

static const char *const names[] = { "generic", "avx2", "avx512" };

/* As NumPy and Python have it: floor(a / b) is another function where a / b rounds up to a whole number. */
static void floor_division_is_pythons(void **state)
{
    static const double a[] = { 1, -1, 1, -1, INFINITY, 1, -1, 0, 0, -6.5 };
    static const double b[] = { 0.1, 0.1, INFINITY, INFINITY, 1, 0, 0, 0, -1, 2 };
    static const double want[] = { 9, -10, 0, -1, NAN, INFINITY, -INFINITY, NAN, -0.0, -4 };
    (void)state;
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        double got[10];
        if (!k) continue;
        k->map[SP_OP_floor_divide][STARP_F64](10, got, (const void *[]){ a, b }, NULL);
        int64_t at = rig_differ(STARP_F64, got, want, 10, true);
        if (at >= 0) fail_msg("%s: %g // %g is %g, not %g", names[s], a[at], b[at], got[at], want[at]);
    }
}

/* One element of one operation in f64, or of c128 where parts says so. */
static void expect_one(enum sp_op op, const double a[2], const double b[2], const double want[2], bool complex)
{
    for (int s = 0; s < 3; s++) {
        const struct sp_kernels *k = sp_kernels_get(names[s]);
        starp_dtype d = complex ? STARP_C128 : STARP_F64, to = sp_op_result_dtype(op, d);
        double got[2];
        if (!k) continue;
        k->map[op][d](1, got, (const void *[]){ a, b }, NULL);
        if (!(rig_ulps(to, got, want, 0) <= 1)) {
            fail_msg("%s: %s of %g%+gi, %g%+gi is %g%+gi", k->name, sp_ops[op].name, a[0], a[1], b[0], b[1], got[0],
                     got[1]);
        }
    }
}

static void ends_of_the_range(void **state)
{
    static const struct {
        enum sp_op op;
        bool complex;
        double a[2], b[2], want[2];
    } rows[] = {
        { SP_OP_abs, true, { 3e200, -4e200 }, { 0 }, { 5e200 } },
        { SP_OP_abs, true, { 3e-200, 4e-200 }, { 0 }, { 5e-200 } },
        { SP_OP_abs, true, { -3 * 0x1p-1074, 4 * 0x1p-1074 }, { 0 }, { 5 * 0x1p-1074 } },
        { SP_OP_abs, true, { NAN, -INFINITY }, { 0 }, { INFINITY } },
        { SP_OP_abs, true, { INFINITY, NAN }, { 0 }, { INFINITY } },
        { SP_OP_abs, true, { 1, NAN }, { 0 }, { NAN } },
        { SP_OP_sign, true, { 3e200, -4e200 }, { 0 }, { 0.6, -0.8 } },
        { SP_OP_sign, true, { -INFINITY, 5 }, { 0 }, { -1, 0 } },
        { SP_OP_divide, true, { 3e300, 4e300 }, { 3e300, 4e300 }, { 1, 0 } },
        { SP_OP_divide, true, { 3e-300, 4e-300 }, { 4e-300, -3e-300 }, { 0, 1 } },
        { SP_OP_divide, true, { 1, 0 }, { 0, 0 }, { INFINITY, NAN } },
        { SP_OP_asinh, false, { -1e300 }, { 0 }, { -691.4686750787736 } },
        { SP_OP_acosh, false, { 1e300 }, { 0 }, { 691.4686750787736 } },
        { SP_OP_log1p, false, { 1.5e308 }, { 0 }, { 709.6016737502742 } },
        { SP_OP_sinh, false, { 710.4 }, { 0 }, { 1.6663642832806494e308 } },
        { SP_OP_cosh, false, { -710.4 }, { 0 }, { 1.6663642832806494e308 } },
        { SP_OP_pow, false, { 8.4836761306836548e+135 }, { 2.2677696353908408 }, { 1.7976931348529225e+308 } },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_one(rows[i].op, rows[i].a, rows[i].b, rows[i].want, rows[i].complex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floor_division_is_pythons),
        cmocka_unit_test(ends_of_the_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
