/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * npy.h: the header of a .npy file, as NumPy's numpy.lib.format defines it (versions 1.0 to 3.0): magic, version, length,
 * and a Python dict literal that gives dtype, order and shape.
 */
#ifndef SP_NPY_H
#define SP_NPY_H

#include "graph.h"

/* ----------------------------------------------------------------------------------------------- npy_header.c */

#define SP_NPY_PREFIX 12        /* bytes that hold magic, version and length, whatever the version */
#define SP_NPY_HEADER_MAX 65536 /* longest header accepted; 16 dimensions need less than 512 bytes */

struct sp_npy {
    starp_dtype dtype;
    bool swap;    /* the elements are not in this machine's byte order */
    bool fortran; /* the first axis runs fastest */
    starp_dims shape;
    size_t data_offset; /* of the first element in the file */
    size_t data_bytes;  /* of all elements */
};

/* Where the data begin, from the first n bytes of a file. STARP_ERR_FORMAT: not a .npy file, or a version unknown. */
starp_status sp_npy_offset(struct sp_error *e, const unsigned char *bytes, size_t n, size_t *data_offset);
/* Reads the header in the first n bytes, which must hold all of it. STARP_ERR_FORMAT when it is not exactly as defined. */
starp_status sp_npy_parse(struct sp_error *e, const unsigned char *bytes, size_t n, struct sp_npy *out);
/*
 * Writes a version 1.0 header for row-major data in this machine's byte order, padded to 64 bytes. Returns its length;
 * writes nothing when that is more than cap.
 */
size_t sp_npy_format(char *buffer, size_t cap, starp_dtype dtype, const starp_dims *shape);
/* Reverses the bytes of each number in place; complex ones count as two. */
void sp_npy_swap(void *data, size_t bytes, starp_dtype dtype);

#endif
