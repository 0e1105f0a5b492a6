/* SPDX-License-Identifier: BSD-3-Clause */
/* fft.h: Fourier transforms, convolution, and zeros put around arrays. Included by starp.h, never alone. */
#ifndef STARP_FFT_H
#define STARP_FFT_H

/**
 * @defgroup fft Discrete Fourier transforms
 * Along an axis (-1: the last) of n elements (0: as many as there are; more are cut off, missing ones are zeros), as in NumPy:
 * y[k] = sum of x[j] e^(-2 pi i j k / n), inverse transforms with e^(+2 pi i j k / n). f32 and c64 stay in single precision;
 * integers and bool are transformed in double. Any length, fast where it has small factors; beyond 2^31, products of two numbers up
 * to 65536 (else STARP_ERR_LIMIT). Deferred. FFTW does the work. On many ranks a result is dealt so that each line is on one rank,
 * unless there are fewer tiles of lines than ranks: transforming back, or along that axis again, sends nothing.
 * @{
 */
/** Which of the two directions is divided: the inverse by n, both by its root, or the forward one by n. */
typedef enum starp_fft_norm { STARP_BACKWARD, STARP_ORTHO, STARP_FORWARD } starp_fft_norm;
STARP_API starp_array *starp_fft_fft(starp_array *x, int64_t n, int axis, starp_fft_norm norm);  /**< complex to complex */
STARP_API starp_array *starp_fft_ifft(starp_array *x, int64_t n, int axis, starp_fft_norm norm); /**< its inverse */
/** Of real elements: y[0] to y[n / 2], of which the others are the conjugates. */
STARP_API starp_array *starp_fft_rfft(starp_array *x, int64_t n, int axis, starp_fft_norm norm);
/** The inverse: n (0: 2 (m - 1)) real elements from n / 2 + 1; the imaginary parts of the first and, for even n, the last count as 0. */
STARP_API starp_array *starp_fft_irfft(starp_array *x, int64_t n, int axis, starp_fft_norm norm);
/** Of y[0] to y[n / 2] of a Hermitian array: n (0: 2 (m - 1)) real elements, transformed forwards. */
STARP_API starp_array *starp_fft_hfft(starp_array *x, int64_t n, int axis, starp_fft_norm norm);
/** Its inverse, of real elements: n / 2 + 1. */
STARP_API starp_array *starp_fft_ihfft(starp_array *x, int64_t n, int axis, starp_fft_norm norm);

/**
 * Along several axes (NULL: all; the last one first), to lengths n as NumPy's `s` (NULL: as many as there are; -1: the same for one axis;
 * without axes: of the last ones). An axis may come twice. Over no axes at all: x, complex. Errors: STARP_ERR_ARGUMENT (as
 * many lengths as axes are needed), STARP_ERR_INDEX, STARP_ERR_SHAPE (lengths below 1).
 */
STARP_API starp_array *starp_fft_fftn(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
STARP_API starp_array *starp_fft_ifftn(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm); /**< its inverse */
/** Of real elements: starp_fft_rfft() along the last of the axes, then starp_fft_fft() along the others. */
STARP_API starp_array *starp_fft_rfftn(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
/** The inverse: starp_fft_irfft() along the last of the axes after all others; without n, to 2 (m - 1) elements there. */
STARP_API starp_array *starp_fft_irfftn(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
/** starp_fft_fftn(); NULL: the last two axes. */
STARP_API starp_array *starp_fft_fft2(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
/** starp_fft_ifftn(), likewise. */
STARP_API starp_array *starp_fft_ifft2(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
/** starp_fft_rfftn(), likewise. */
STARP_API starp_array *starp_fft_rfft2(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);
/** starp_fft_irfftn(), likewise. */
STARP_API starp_array *starp_fft_irfft2(starp_array *x, const starp_dims *n, const starp_dims *axes, starp_fft_norm norm);

/** Frequencies 0, 1, ..., -2, -1 over (n d) that belong to starp_fft_fft() of n samples at distance d. f32 or f64. */
STARP_API starp_array *starp_fft_fftfreq(starp_session *s, int64_t n, double d, starp_dtype dtype);
/** Those of starp_fft_rfft(): 0, 1, ..., n / 2 over (n d). */
STARP_API starp_array *starp_fft_rfftfreq(starp_session *s, int64_t n, double d, starp_dtype dtype);
/** Moves element 0 to the middle n / 2, along axes (NULL: all), of any dtype. Copies along each axis; up to STARP_MAXDIM - 1 dimensions. */
STARP_API starp_array *starp_fft_fftshift(starp_array *x, const starp_dims *axes);
STARP_API starp_array *starp_fft_ifftshift(starp_array *x, const starp_dims *axes); /**< moves it back */
/** @} */

/**
 * @defgroup convolve Convolution
 * Deferred.
 * @{
 */
/** What is kept of a convolution of m and n elements: all m + n - 1, the middle, or what no zeros from beyond the ends go into. */
typedef enum starp_convolve_mode { STARP_FULL, STARP_SAME, STARP_VALID } starp_convolve_mode;
/**
 * Convolution of two vectors, as in NumPy: STARP_SAME keeps as many elements as the longer one has. Integers and bools are multiplied
 * and added up directly, so they are exact (and wrap), at a cost of m n products and 4 n nodes of the graph, n the
 * shorter length; floats likewise when one has 32 elements or fewer, else by transforms: the error is then relative to the
 * largest elements, and an infinity or NaN goes everywhere. Errors: STARP_ERR_SHAPE (not vectors, or empty).
 */
STARP_API starp_array *starp_convolve(starp_array *a, starp_array *b, starp_convolve_mode mode);
/** Correlation: sum of a[l + k] conj(b[l]), in the places of NumPy. */
STARP_API starp_array *starp_correlate(starp_array *a, starp_array *b, starp_convolve_mode mode);
/**
 * Convolution of arrays along axes (NULL: all) by Fourier transforms, as in SciPy; along the others shapes broadcast. STARP_SAME
 * keeps the extents of a; for STARP_VALID one operand is the longer one along all axes. f32 and c64 stay in single
 * precision, integers and bools become f64. Errors: STARP_ERR_SHAPE, STARP_ERR_INDEX, STARP_ERR_ARGUMENT (no axes).
 */
STARP_API starp_array *starp_fftconvolve(starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes);
/** The same by overlap-add along long axes where one operand is much shorter than the other; elsewhere starp_fftconvolve(). */
STARP_API starp_array *starp_oaconvolve(starp_array *a, starp_array *b, starp_convolve_mode mode, const starp_dims *axes);
/** Zeros before and after: so many along each axis. Errors: STARP_ERR_SHAPE. */
STARP_API starp_array *starp_pad(starp_array *x, const starp_dims *before, const starp_dims *after);
/** @} */

#endif
