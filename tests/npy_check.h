/* SPDX-License-Identifier: BSD-3-Clause */
/* npy_check.h: .npy files made by hand. */
#ifndef SP_TEST_NPY_CHECK_H
#define SP_TEST_NPY_CHECK_H

#include <stddef.h>

/* The text of a header whose three values are these texts. */
#define NPY_TEXT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}\n"

/* A file's beginning: prefix of the given version, then the text. Returns its length. */
size_t npy_header(unsigned char *bytes, int version, const char *text);

#endif
