/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * number.c: C numbers with their kind.
 */
#include "graph.h"

starp_number starp_number_bool(int value)
{
    return (starp_number){ .kind = 'b', .as.i = value != 0 };
}

starp_number starp_number_int(int64_t value)
{
    return (starp_number){ .kind = 'i', .as.i = value };
}

starp_number starp_number_uint(uint64_t value)
{
    return (starp_number){ .kind = 'u', .as.u = value };
}

starp_number starp_number_real(double value)
{
    return (starp_number){ .kind = 'f', .as.f = { value, 0 } };
}

starp_number starp_number_complex(double re, double im)
{
    return (starp_number){ .kind = 'c', .as.f = { re, im } };
}
