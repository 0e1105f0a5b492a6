/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernels_float.h: functions of one float type. Included once for each: R is the type, FN(name) names its version.
 *
 * Every element goes through the same vector function wherever it stands, also those of the ragged end of a span.
 */

typedef void FN(span_1)(size_t n, R *y, const R *a);
typedef void FN(span_2)(size_t n, R *y, const R *a, const R *b);
typedef R _Complex FN(complex);

/* ------------------------------------------------------------------------------------------------- vector functions */

/* A span of any length: the elements past the last whole vector go through one filled up with harmless ones. */
SP_INLINE void FN(apply_1)(size_t m, R *y, const R *a, FN(span_1) *span)
{
    size_t whole = m - m % PER_VECTOR(R);
    span(whole, y, a);
    if (whole == m) return;
    R x[PER_VECTOR(R)], z[PER_VECTOR(R)];
    for (size_t i = 0; i < PER_VECTOR(R); i++) x[i] = whole + i < m ? a[whole + i] : 1;
    span(PER_VECTOR(R), z, x);
    memcpy(y + whole, z, (m - whole) * sizeof *y);
}

SP_INLINE void FN(apply_2)(size_t m, R *z, const R *a, const R *b, FN(span_2) *span)
{
    size_t whole = m - m % PER_VECTOR(R);
    span(whole, z, a, b);
    if (whole == m) return;
    R x[PER_VECTOR(R)], y[PER_VECTOR(R)], last[PER_VECTOR(R)];
    for (size_t i = 0; i < PER_VECTOR(R); i++) {
        x[i] = whole + i < m ? a[whole + i] : 1;
        y[i] = whole + i < m ? b[whole + i] : 1;
    }
    span(PER_VECTOR(R), last, x, y);
    memcpy(z + whole, last, (m - whole) * sizeof *z);
}

SP_INLINE bool FN(has_infinity)(size_t m, const R *y)
{
    uint64_t found = 0; /* as wide as a double: the loop stays one of whole vectors */
    for (size_t i = 0; i < m; i++) found |= fabs(y[i]) == (R)INFINITY;
    return found;
}

/* SLEEF's functions overflow early (asinh from 1.3e154 on, log1p, sinh and cosh near the end): libm has the last word. */
static __attribute__((noinline, cold)) void FN(mend_1)(size_t m, R *y, const R *a, R (*exact)(R))
{
    for (size_t i = 0; i < m; i++) {
        if (fabs(y[i]) == (R)INFINITY && fabs(a[i]) < (R)INFINITY) y[i] = exact(a[i]);
    }
}

static __attribute__((noinline, cold)) void FN(mend_2)(size_t m, R *z, const R *a, const R *b, R (*exact)(R, R))
{
    for (size_t i = 0; i < m; i++) {
        bool finite = fabs(a[i]) < (R)INFINITY && fabs(b[i]) < (R)INFINITY;
        if (fabs(z[i]) == (R)INFINITY && finite) z[i] = exact(a[i], b[i]);
    }
}

/* By blocks that are looked at before they are stored, as dst may be an operand. */
SP_INLINE void FN(blocks_1)(size_t n, R *dst, const R *a, FN(span_1) *span, R (*exact)(R))
{
    _Alignas(SP_VECTOR) R y[SP_BLOCK];
    for (size_t i = 0, m; i < n; i += m) {
        m = smaller(n - i, SP_BLOCK);
        FN(apply_1)(m, y, a + i, span);
        if (FN(has_infinity)(m, y)) FN(mend_1)(m, y, a + i, exact);
        memcpy(dst + i, y, m * sizeof *dst);
    }
}

SP_INLINE void FN(blocks_2)(size_t n, R *dst, const R *a, const R *b, FN(span_2) *span, R (*exact)(R, R))
{
    _Alignas(SP_VECTOR) R z[SP_BLOCK];
    for (size_t i = 0, m; i < n; i += m) {
        m = smaller(n - i, SP_BLOCK);
        FN(apply_2)(m, z, a + i, b + i, span);
        if (FN(has_infinity)(m, z)) FN(mend_2)(m, z, a + i, b + i, exact);
        memcpy(dst + i, z, m * sizeof *dst);
    }
}

/* ---------------------------------------------------------------------------------------------------- our functions */

SP_INLINE R FN(larger)(R a, R b)
{
    return ((a >= b) | (a != a)) ? a : b;
}

/* Single choices, one after the other: compilers vectorise these, but not nested ones. */
SP_INLINE R FN(clip)(R a, R lo, R hi)
{
    a = a < lo ? lo : a;
    a = a > hi ? hi : a;
    a = lo == lo ? a : lo;
    return hi == hi ? a : hi;
}

/* The larger one plus log(1 + exp(-distance)). */
static void FN(own_logaddexp)(size_t n, R *dst, const R *a, const R *b)
{
    _Alignas(SP_VECTOR) R y[SP_BLOCK], top[SP_BLOCK];
    for (size_t i = 0, m; i < n; i += m) {
        m = smaller(n - i, SP_BLOCK);
        for (size_t j = 0; j < m; j++) top[j] = FN(larger)(a[i + j], b[i + j]);
        for (size_t j = 0; j < m; j++) y[j] = a[i + j] == b[i + j] ? 0 : -fabs(a[i + j] - b[i + j]);
        FN(apply_1)(m, y, y, FN(own_exp));
        FN(apply_1)(m, y, y, FN(own_log1p));
        for (size_t j = 0; j < m; j++) dst[i + j] = top[j] + y[j];
    }
}

/*
 * fmod of finite operands whose quotient is below 2^52 (f32: 2^23): then truncation is off by one at most, and a - q * b
 * is exact in a fused multiply-add, also for the q that is one too large.
 */
SP_INLINE R FN(short_fmod)(R a, R b, int *fits)
{
    R x = fabs(a), y = fabs(b), q = trunc(x / y);
    R r = fma(-q, y, x);
    *fits = (q < 1 / (R)(sizeof(R) == 4 ? FLT_EPSILON : DBL_EPSILON)) & (y < (R)INFINITY);
    return copysign(r < 0 ? r + y : r, a);
}

/* r = fmod(a, b): all the short way, then those that do not fit by libm. */
SP_INLINE void FN(block_fmod)(size_t m, R *r, const R *a, const R *b)
{
    int all_fit = 1, fits;
    for (size_t i = 0; i < m; i++) {
        r[i] = FN(short_fmod)(a[i], b[i], &fits);
        all_fit &= fits;
    }
    for (size_t i = 0; i < m && !all_fit; i++) {
        FN(short_fmod)(a[i], b[i], &fits);
        if (!fits) r[i] = fmod(a[i], b[i]);
    }
}

/* The remainder with the sign of b, from fmod's; Python's rules, as NumPy's npy_divmod has them. */
SP_INLINE R FN(remainder_of)(R r, R b)
{
    R moved = (b < 0) != (r < 0) ? r + b : r;
    return b == 0 ? r : r == 0 ? copysign((R)0, b) : moved;
}

SP_INLINE R FN(floor_quotient_of)(R r, R a, R b)
{
    R q = (a - r) / b - ((r != 0) & ((b < 0) != (r < 0)));
    R whole = floor(q);
    R nearest = q - whole > (R)0.5 ? whole + 1 : whole;
    return b == 0 ? a / b : q == 0 ? copysign((R)0, a / b) : nearest;
}

/* One loop over blocks of fmod: value is an expression in r, x, y. */
#define BY_FMOD(name, value) \
    static void FN(name)(size_t n, R *dst, const R *a, const R *b) \
    { \
        R r[SP_BLOCK]; \
        for (size_t i = 0, m; i < n; i += m) { \
            m = smaller(n - i, SP_BLOCK); \
            FN(block_fmod)(m, r, a + i, b + i); \
            SP_IVDEP for (size_t j = 0; j < m; j++) dst[i + j] = (value); \
        } \
    }
BY_FMOD(own_fmod, r[j])
BY_FMOD(own_remainder, FN(remainder_of)(r[j], b[i + j]))
BY_FMOD(own_floor_divide, FN(floor_quotient_of)(r[j], a[i + j], b[i + j]))
#undef BY_FMOD

/* ---------------------------------------------------------------------------------------------------------- complex */

/* Written out: C's own product and quotient call a function to mend infinities, and so does not vectorise. */
SP_INLINE FN(complex) FN(complex_multiply)(FN(complex) a, FN(complex) b)
{
    return COMPLEX(ROUNDED(re(a) * re(b)) - ROUNDED(im(a) * im(b)), ROUNDED(re(a) * im(b)) + ROUNDED(im(a) * re(b)));
}

/* Smith's method (CACM 5, 1962), without branches: scaled by the larger part of b. */
SP_INLINE FN(complex) FN(complex_divide)(FN(complex) a, FN(complex) b)
{
    bool upright = fabs(re(b)) < fabs(im(b));
    R large = upright ? im(b) : re(b), small = upright ? re(b) : im(b);
    R ratio = large == 0 ? 0 : small / large;
    R scale = large + small * ratio, p = ROUNDED(re(a) * ratio), q = ROUNDED(im(a) * ratio);
    R x = upright ? p + im(a) : re(a) + q;
    R y = upright ? q - re(a) : im(a) - p;
    return COMPLEX(x / scale, y / scale);
}

/* Parts near the ends of the range are scaled by a power of two, so that their squares stay inside. */
SP_INLINE R FN(complex_abs)(FN(complex) z)
{
    const R far = sizeof(R) == 4 ? (R)0x1p60 : (R)0x1p500;
    R x = fabs(re(z)), y = fabs(im(z)), top = x > y ? x : y;
    R scale = top > far ? 1 / far / far : top < 1 / far ? far * far : 1;
    R u = x * scale, v = y * scale;
    R size = sqrt(u * u + v * v) / scale;
    return (INFINITE(x) | INFINITE(y)) ? (R)INFINITY : size;
}

/* z / |z|; a direction for infinite z with one infinite part. */
static inline FN(complex) FN(complex_sign)(FN(complex) z)
{
    R size = FN(complex_abs)(z);
    if (size == 0) return 0;
    if (size < (R)INFINITY || size != size) return COMPLEX(re(z) / size, im(z) / size);
    if (INFINITE(re(z)) && INFINITE(im(z))) return COMPLEX(NAN, NAN);
    return INFINITE(re(z)) ? COMPLEX(copysign((R)1, re(z)), 0) : COMPLEX(0, copysign((R)1, im(z)));
}

static inline FN(complex) FN(complex_whole_power)(FN(complex) z, int n)
{
    FN(complex) r = 1;
    for (int m = abs(n); m; m >>= 1, z = FN(complex_multiply)(z, z)) {
        if (m & 1) r = FN(complex_multiply)(r, z);
    }
    return n < 0 ? FN(complex_divide)(1, r) : r;
}

/* As NumPy has it: exact cases, whole exponents by multiplication, the rest by libm. */
static inline FN(complex) FN(complex_power)(FN(complex) a, FN(complex) b)
{
    if (re(b) == 0 && im(b) == 0) return 1;
    if (re(a) == 0 && im(a) == 0) return re(b) > 0 && im(b) == 0 ? COMPLEX(0, 0) : COMPLEX(NAN, NAN);
    if (im(b) == 0 && fabs(re(b)) < 100 && re(b) == trunc(re(b))) return FN(complex_whole_power)(a, (int)re(b));
    return pow(a, b);
}

static inline FN(complex) FN(complex_expm1)(FN(complex) z)
{
    R s = sin(im(z) / 2);
    return COMPLEX(expm1(re(z)) * cos(im(z)) - 2 * s * s, exp(re(z)) * sin(im(z)));
}

static inline FN(complex) FN(complex_log1p)(FN(complex) z)
{
    R x = re(z), y = im(z);
    bool near = fabs(x) < (R)0.5 && fabs(y) < (R)0.5;
    R size = near ? log1p(x * (2 + x) + y * y) / 2 : log(hypot(1 + x, y));
    return COMPLEX(size, atan2(y, 1 + x));
}
