/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * combine.c: partial results of blocks into final elements: for every element a balanced tree over the blocks in index
 * order, then the reducer's last step. Works on runs of adjacent accumulators.
 */
#include <string.h>

#include "codelets.h"

struct levels {
    const struct sp_reducer *reducer;
    char *stack;
    size_t width;
    int64_t count[40];
    int depth;
};

static void merge_top(struct levels *t, size_t n)
{
    t->depth--;
    char *into = t->stack + (size_t)(t->depth - 1) * t->width;
    t->reducer->merge(n, into, into + t->width, t->count[t->depth - 1], t->count[t->depth]);
    t->count[t->depth - 1] += t->count[t->depth];
}

/* n accumulators from `at` on, over all blocks; left at the bottom of the stack. */
static void combine_run(struct levels *t, const struct sp_combine_part *p, void *const *buffer, int64_t at, size_t n)
{
    size_t size = t->reducer->acc_size;
    t->depth = 0;
    for (int b = 0; b < p->nblock; b++) {
        memcpy(t->stack + (size_t)t->depth * t->width, (const char *)buffer[p->first + b] + (size_t)at * size, n * size);
        t->count[t->depth++] = p->count[b];
        for (int carry = b; carry & 1; carry >>= 1) merge_top(t, n);
    }
    while (t->depth > 1) merge_top(t, n);
}

static void combine_row(struct levels *t, const struct sp_combine *job, const struct sp_combine_part *p, void *const *buffer,
                        int64_t from, int64_t to, int64_t n)
{
    for (int64_t done = 0; done < n; done += SP_CHUNK) {
        size_t run = (size_t)(n - done < SP_CHUNK ? n - done : SP_CHUNK);
        combine_run(t, p, buffer, from + done, run);
        t->reducer->finish(run, t->stack, (char *)buffer[0] + to + done * (int64_t)job->item);
    }
}

static void combine_part(struct levels *t, const struct sp_combine *job, const struct sp_combine_part *p, void *const *buffer)
{
    int64_t index[STARP_MAXDIM] = { 0 }, from = p->from, to = p->to;
    int last = p->ndim - 1;
    for (;;) {
        combine_row(t, job, p, buffer, from, to, last < 0 ? 1 : p->extent[last]);
        int a = last - 1;
        for (; a >= 0; a--) {
            from += p->from_stride[a];
            to += p->to_stride[a];
            if (++index[a] < p->extent[a]) break;
            from -= p->from_stride[a] * p->extent[a];
            to -= p->to_stride[a] * p->extent[a];
            index[a] = 0;
        }
        if (a < 0) return;
    }
}

void sp_combine_run(const struct sp_combine *job, void *const *buffer, void *scratch)
{
    struct levels t = { .reducer = job->reducer, .stack = scratch, .width = SP_CHUNK * job->reducer->acc_size };
    for (int i = 0; i < job->npart; i++) combine_part(&t, job, &job->part[i], buffer);
}
