/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * error.c: what a thread is told of its failures. Two records: the first error of calls that return handles, which
 * waits for a call that returns a status, and the last error of such a call itself. Nothing is allocated, and sites are
 * turned into words only here, so a call that succeeds pays nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <string.h>

#include "client.h"

#define TEXT_SIZE 768

struct record {
    starp_status status;
    char text[TEXT_SIZE];
};

static _Thread_local struct {
    struct record first, own;
    bool reported;  /* the first has been told: the next one may take its place */
    bool own_shown; /* which of them starp_last_error tells */
} errors;

/* --------------------------------------------------------------------------------------------------------- sites */

/* The address as addr2line takes it: relative to where the file lies, unless it is linked to a fixed place. */
static uintptr_t address_in_file(const Dl_info *info, uintptr_t address)
{
    const ElfW(Ehdr) *header = info->dli_fbase;
    return header->e_type == ET_EXEC ? address : address - (uintptr_t)info->dli_fbase;
}

/* " [at main+0x34 in ./prog]" or " [at ./prog+0x1139]" at a text's end. A call lies before its return address. */
static void append_site(char *text, const void *site)
{
    Dl_info info;
    size_t used = strlen(text), left = TEXT_SIZE - used;
    uintptr_t call = (uintptr_t)site - 1;
    if (!site) return;
    if (!dladdr((const void *)call, &info) || !info.dli_fname) {
        snprintf(text + used, left, " [at %p]", site);
    } else if (info.dli_sname) {
        uintptr_t offset = call - (uintptr_t)info.dli_saddr;
        snprintf(text + used, left, " [at %s+0x%lx in %s]", info.dli_sname, (unsigned long)offset, info.dli_fname);
    } else {
        unsigned long offset = (unsigned long)address_in_file(&info, call);
        snprintf(text + used, left, " [at %s+0x%lx]", info.dli_fname, offset);
    }
}

/* ------------------------------------------------------------------------------------------------------- records */

static void fill(struct record *r, const void *site, starp_status status, const char *format, va_list args)
{
    r->status = status;
    vsnprintf(r->text, sizeof r->text, format, args);
    append_site(r->text, site);
}

starp_status sp_client_fail(const void *site, starp_status status, const char *format, ...)
{
    if (errors.first.status != STARP_OK && !errors.reported) return status;
    va_list args;
    va_start(args, format);
    fill(&errors.first, site, status, format, args);
    va_end(args);
    errors.reported = errors.own_shown = false;
    return status;
}

starp_status sp_client_report(const void *site, starp_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(&errors.own, site, status, format, args);
    va_end(args);
    errors.own_shown = true;
    return status;
}

starp_status sp_client_fail_error(const void *site, const struct sp_error *e)
{
    return sp_client_fail(e->site ? e->site : site, e->status, "%s", e->text);
}

starp_status sp_client_report_error(const void *site, const struct sp_error *e)
{
    return sp_client_report(e->site ? e->site : site, e->status, "%s", e->text);
}

starp_status sp_client_recorded(const char *what, const void *site)
{
    if (errors.first.status == STARP_OK) {
        return sp_client_report(site, STARP_ERR_ARGUMENT, "%s: NULL, and no failed call is on record", what);
    }
    errors.reported = true;
    errors.own_shown = false;
    return errors.first.status;
}

/* ---------------------------------------------------------------------------------------------------- public API */

static const struct record *shown(void)
{
    return errors.own_shown ? &errors.own : &errors.first;
}

const char *starp_last_error(void)
{
    return shown()->text;
}

starp_status starp_last_status(void)
{
    return shown()->status;
}

void starp_clear_error(void)
{
    errors.first.status = errors.own.status = STARP_OK;
    errors.first.text[0] = errors.own.text[0] = 0;
    errors.reported = errors.own_shown = false;
}

const char *starp_status_name(starp_status status)
{
    static const char *const names[] = {
        [STARP_OK] = "STARP_OK",
        [STARP_ERR_ARGUMENT] = "STARP_ERR_ARGUMENT",
        [STARP_ERR_HANDLE] = "STARP_ERR_HANDLE",
        [STARP_ERR_SHAPE] = "STARP_ERR_SHAPE",
        [STARP_ERR_DTYPE] = "STARP_ERR_DTYPE",
        [STARP_ERR_INDEX] = "STARP_ERR_INDEX",
        [STARP_ERR_OPTION] = "STARP_ERR_OPTION",
        [STARP_ERR_MEMORY] = "STARP_ERR_MEMORY",
        [STARP_ERR_LIMIT] = "STARP_ERR_LIMIT",
        [STARP_ERR_IO] = "STARP_ERR_IO",
        [STARP_ERR_FORMAT] = "STARP_ERR_FORMAT",
        [STARP_ERR_COMPUTE] = "STARP_ERR_COMPUTE",
        [STARP_ERR_CANCELLED] = "STARP_ERR_CANCELLED",
        [STARP_ERR_RUNTIME] = "STARP_ERR_RUNTIME",
    };
    bool known = (unsigned)status < sizeof names / sizeof names[0];
    return known ? names[status] : "unknown status";
}
