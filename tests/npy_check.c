/* SPDX-License-Identifier: BSD-3-Clause */
/* npy_check.c: .npy files made by hand, for the parser and for sessions to read. */
#include <string.h>

#include "npy_check.h"

size_t npy_header(unsigned char *bytes, int version, const char *text)
{
    size_t n = strlen(text), begin = version == 1 ? 10 : 12;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[7] = 0;
    for (size_t i = 8; i < begin; i++) bytes[i] = (unsigned char)(n >> 8 * (i - 8));
    memcpy(bytes + begin, text, n);
    return begin + n;
}
