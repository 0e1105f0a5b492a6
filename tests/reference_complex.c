/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reference_complex.c: the oracle's formulas for complex elements. Sums and products are made of single operations in
 * the element's own precision, as the library's are; everything else comes from long double and is rounded once.
 */
#include <complex.h>
#include <string.h>
#include <math.h>

#include "reference_ops.h"

/* CMPLXL, which clang with glibc does not have. */
static long double complex complex_of(long double re, long double im)
{
    long double part[2] = { re, im };
    long double complex z;
    memcpy(&z, part, sizeof z);
    return z;
}

/* One operation's result in the parts' precision: what a float or double register would hold. */
static double in_precision(starp_dtype d, double x)
{
    return d == STARP_C64 ? (float)x : x;
}

static long double _Complex wide(ref_num x)
{
    long double _Complex z;
    __real__ z = x.re;
    __imag__ z = x.im;
    return z;
}

static ref_num num(long double _Complex z)
{
    return (ref_num){ .re = creall(z), .im = cimagl(z) };
}

/* An operation whose complex form is a function of long double complex numbers z and w. */
#define COMPLEX(name, value) \
    ref_num ref_c_##name(starp_dtype d, const ref_num *x) \
    { long double _Complex z = wide(x[0]), w = wide(x[1]); (void)d, (void)z, (void)w; return num(value); }

/* One whose parts are real expressions of a = x[0], b = x[1], c = x[2]. */
#define PARTS(name, real, imaginary) \
    ref_num ref_c_##name(starp_dtype d, const ref_num *x) \
    { ref_num a = x[0], b = x[1], c = x[2]; (void)d, (void)a, (void)b, (void)c; \
      return (ref_num){ .re = (real), .im = (imaginary) }; }

/* One that gives a truth value. */
#define TRUTH(name, value) \
    ref_num ref_c_##name(starp_dtype d, const ref_num *x) \
    { ref_num a = x[0], b = x[1]; (void)d, (void)a, (void)b; return (ref_num){ .i = (value) }; }

static double product(starp_dtype d, long double x, long double y)
{
    return in_precision(d, (double)x * (double)y);
}

PARTS(add, (double)a.re + (double)b.re, (double)a.im + (double)b.im)
PARTS(subtract, (double)a.re - (double)b.re, (double)a.im - (double)b.im)
PARTS(multiply, product(d, a.re, b.re) - product(d, a.im, b.im), product(d, a.re, b.im) + product(d, a.im, b.re))
PARTS(square, product(d, a.re, a.re) - product(d, a.im, a.im), product(d, a.re, a.im) + product(d, a.im, a.re))
PARTS(negative, -a.re, -a.im)
PARTS(positive, a.re, a.im)
PARTS(conj, a.re, -a.im)
PARTS(real, a.re, 0)
PARTS(imag, a.im, 0)
PARTS(abs, hypotl(a.re, a.im), 0)
PARTS(round, rint((double)a.re), rint((double)a.im))
PARTS(where, x[0].i ? b.re : c.re, x[0].i ? b.im : c.im)

static long double _Complex quotient(long double _Complex z, long double _Complex w)
{
    long double size = fmaxl(fabsl(creall(w)), fabsl(cimagl(w)));
    if (size == 0 || !isfinite(size)) return z / w;
    int exponent;
    frexpl(size, &exponent);
    long double u = ldexpl(creall(w), -exponent), v = ldexpl(cimagl(w), -exponent), norm = u * u + v * v;
    long double _Complex q;
    __real__ q = ldexpl((creall(z) * u + cimagl(z) * v) / norm, -exponent);
    __imag__ q = ldexpl((cimagl(z) * u - creall(z) * v) / norm, -exponent);
    return q;
}

static long double _Complex sign(long double _Complex z)
{
    long double size = cabsl(z);
    return size == 0 ? 0 : isnan(size) ? z : z / size;
}

/* e^z - 1 without cancellation in the real part: expm1(x) cos(y) - 2 sin(y/2)^2 */
static long double _Complex expm1_complex(long double _Complex z)
{
    long double x = creall(z), y = cimagl(z), s = sinl(y / 2);
    long double _Complex r;
    __real__ r = expm1l(x) * cosl(y) - 2 * s * s;
    __imag__ r = expl(x) * sinl(y);
    return r;
}

/* log|1 + z| = log1p(x (2 + x) + y^2) / 2 */
static long double _Complex log1p_complex(long double _Complex z)
{
    long double x = creall(z), y = cimagl(z);
    long double _Complex r;
    __real__ r = fabsl(x) < 0.5L && fabsl(y) < 0.5L ? log1pl(x * (2 + x) + y * y) / 2 : logl(hypotl(1 + x, y));
    __imag__ r = atan2l(y, 1 + x);
    return r;
}

/* A power of zero has a direction for positive real exponents only. */
static long double _Complex power(long double _Complex z, long double _Complex w)
{
    if (w == 0) return 1;
    if (z != 0) return cpowl(z, w);
    return creall(w) > 0 && cimagl(w) == 0 ? 0 : complex_of(NAN, NAN);
}

COMPLEX(divide, quotient(z, w))
COMPLEX(reciprocal, quotient(1, z))
COMPLEX(pow, power(z, w))
COMPLEX(sign, sign(z))
COMPLEX(sqrt, csqrtl(z))
COMPLEX(exp, cexpl(z))
COMPLEX(exp2, cexpl(z * logl(2)))
COMPLEX(expm1, expm1_complex(z))
COMPLEX(log, clogl(z))
COMPLEX(log1p, log1p_complex(z))
COMPLEX(log2, clogl(z) / logl(2))
COMPLEX(log10, clogl(z) / logl(10))
COMPLEX(sin, csinl(z))
COMPLEX(cos, ccosl(z))
COMPLEX(tan, ctanl(z))
COMPLEX(asin, casinl(z))
COMPLEX(acos, cacosl(z))
COMPLEX(atan, catanl(z))
COMPLEX(sinh, csinhl(z))
COMPLEX(cosh, ccoshl(z))
COMPLEX(tanh, ctanhl(z))
COMPLEX(asinh, casinhl(z))
COMPLEX(acosh, cacoshl(z))
COMPLEX(atanh, catanhl(z))

static bool truth(ref_num a)
{
    return a.re != 0 || a.im != 0;
}

TRUTH(equal, a.re == b.re && a.im == b.im)
TRUTH(not_equal, a.re != b.re || a.im != b.im)
TRUTH(logical_and, truth(a) && truth(b))
TRUTH(logical_or, truth(a) || truth(b))
TRUTH(logical_xor, truth(a) != truth(b))
TRUTH(logical_not, !truth(a))
TRUTH(isnan, isnan(a.re) || isnan(a.im))
TRUTH(isinf, isinf(a.re) || isinf(a.im))
TRUTH(isfinite, isfinite(a.re) && isfinite(a.im))
