/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * progress.c: the progress callback, and one that draws a bar. The bar is one line that each call draws over, and that
 * the last call wipes; it keeps no state, so it may serve any number of sessions.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "client.h"

#define BAR_WIDTH 40

starp_status starp_progress(starp_session *s, starp_progress_fn fn, void *user)
{
    SP_TRY(sp_client_session("progress", s, __builtin_return_address(0)));
    s->progress = fn;
    s->progress_user = user;
    return STARP_OK;
}

int starp_progress_bar(const starp_progress_info *info, void *user)
{
    FILE *out = user ? user : stderr;
    char bar[BAR_WIDTH + 1];
    if (!info || !isatty(fileno(out))) return 0;
    if (info->tasks_done >= info->tasks_total) {
        fputs("\r\033[K", out);
    } else {
        double part = (double)info->tasks_done / (double)info->tasks_total;
        size_t full = (size_t)(part * BAR_WIDTH);
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', full);
        bar[BAR_WIDTH] = 0;
        fprintf(out, "\r[%s] %3.0f%%  %llu/%llu tasks  %.1f s\033[K", bar, 100 * part,
                (unsigned long long)info->tasks_done, (unsigned long long)info->tasks_total, info->seconds);
    }
    fflush(out);
    return 0;
}
