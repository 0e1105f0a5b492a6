/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * error.c: the first error of something: a status and a text with the values, made where the cause is known.
 */
#include <stdarg.h>
#include <stdio.h>

#include "graph.h"

starp_status sp_fail(struct sp_error *e, starp_status status, const char *format, ...)
{
    if (e->status != STARP_OK) return e->status;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->status = status;
    return status;
}

starp_status sp_fail_memory(struct sp_error *e)
{
    return sp_fail(e, STARP_ERR_MEMORY, "out of memory");
}

void sp_error_clear(struct sp_error *e)
{
    e->status = STARP_OK;
    e->site = NULL;
    e->text[0] = 0;
}
