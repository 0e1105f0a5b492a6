/* SPDX-License-Identifier: BSD-3-Clause */
/* iterate.c: one call of a user's function on its arguments: what it asks for, and what it makes, which is checked. */
#include <math.h>
#include <string.h>

#include "codelets.h"

#define NUMBERS (INT64_C(1) << 32) /* of an iteration's random numbers, before the next one's would begin */

static struct sp_iteration *own(starp_iteration *it)
{
    return (struct sp_iteration *)it;
}

static void fail(starp_iteration *it, const char *text)
{
    struct sp_iteration *x = own(it);
    if (!x->failed) snprintf(x->text, sizeof x->text, "%s", text);
    x->failed = true;
}

static const char *shape_text(char text[SP_SHAPE_TEXT], starp_dtype dtype, const starp_dims *shape)
{
    int n = snprintf(text, SP_SHAPE_TEXT, "%s (", sp_dtypes[dtype].name);
    for (int a = 0; a < shape->n && n < SP_SHAPE_TEXT - 24; a++) {
        n += snprintf(text + n, (size_t)(SP_SHAPE_TEXT - n), a ? ", %lld" : "%lld", (long long)shape->v[a]);
    }
    snprintf(text + n, (size_t)(SP_SHAPE_TEXT - n), shape->n == 1 ? ",)" : ")");
    return text;
}

/* Of an array whose bytes can be counted. */
static bool is_shape(starp_dtype dtype, const starp_dims *shape)
{
    int64_t bytes;
    if (!sp_dtype_valid(dtype) || !shape || shape->n < 0 || shape->n >= STARP_MAXDIM) return false; /* joined, they have one dimension more */
    int64_t n = sp_shape_size(shape);
    return n >= 0 && !__builtin_mul_overflow(n, (int64_t)sp_dtypes[dtype].size, &bytes);
}

/* Memory of its own for a result whose shape nobody knew. */
static void *new_item(struct sp_iteration *x, int k, starp_dtype dtype, const starp_dims *shape)
{
    struct sp_item *item = &x->item[k];
    size_t bytes = (size_t)sp_shape_size(shape) * sp_dtypes[dtype].size;
    sp_free(item->data);
    *item = (struct sp_item){ .dtype = dtype, .shape = *shape, .data = sp_aligned(64, bytes > 0 ? bytes : 1) };
    x->starved |= !item->data;
    if (!item->data) fail(&x->it, "out of memory");
    return item->data;
}

static void *output(starp_iteration *it, int k, starp_dtype dtype, const starp_dims *shape)
{
    struct sp_iteration *x = own(it);
    const struct sp_iterate *job = x->job;
    char text[STARP_ITERATION_TEXT], got[SP_SHAPE_TEXT], want[SP_SHAPE_TEXT];
    if (k < 0 || k >= job->nresults) {
        snprintf(text, sizeof text, "there is no result %d; the function has %d", k, job->nresults);
    } else if (!is_shape(dtype, shape)) {
        snprintf(text, sizeof text, "result %d: not a dtype and shape that an array can have", k);
    } else if (job->free) {
        x->given |= 1u << k;
        return new_item(x, k, dtype, shape);
    } else if (dtype != job->dtype[k] || !sp_shape_equal(shape, &job->shape[k])) {
        snprintf(text, sizeof text, "result %d is %.40s, where %.40s is expected%s", k, shape_text(got, dtype, shape),
                 shape_text(want, job->dtype[k], &job->shape[k]), dtype == job->dtype[k] ? " (starp_ppeval_ragged takes any)" : "");
    } else {
        x->given |= 1u << k;
        return x->out[k];
    }
    fail(it, text);
    return NULL;
}

static void draw(struct sp_iteration *x, enum sp_op op, size_t n, double *to)
{
    int64_t index[SP_CHUNK / 8];
    uint64_t key[4] = { x->job->seed, x->job->stream };
    const void *src[SP_MAXIN] = { index, key, NULL };
    int fault = 0;
    for (size_t i = 0, m; i < n; i += m) {
        m = n - i < sizeof index / sizeof *index ? n - i : sizeof index / sizeof *index;
        for (size_t j = 0; j < m; j++) index[j] = (int64_t)((uint64_t)x->it.index * NUMBERS + x->drawn + j);
        x->job->kernels->map[op][STARP_F64](m, to + i, src, &fault);
        x->drawn += m;
    }
}

static void uniform(starp_iteration *it, size_t n, double *to)
{
    draw(own(it), SP_OP_uniform, n, to);
}

static void normal(starp_iteration *it, size_t n, double *to)
{
    draw(own(it), SP_OP_normal, n, to);
}

static int cancelled(const starp_iteration *it)
{
    const struct sp_iterate *job = ((const struct sp_iteration *)it)->job;
    if (job->stop && atomic_load_explicit(job->stop, memory_order_relaxed)) return 1;
    return job->unwanted && job->unwanted(job->asked);
}

static const starp_iteration_services services = { output, fail, uniform, normal, cancelled };

static _Thread_local const char *running; /* the function whose iteration this thread is in */

const char *sp_iterate_running(void)
{
    return running;
}

bool sp_iterate_run(struct sp_iteration *x, int64_t index, const starp_argument *in)
{
    const struct sp_iterate *job = x->job;
    char text[64];
    x->it = (starp_iteration){ .services = &services, .index = index, .count = job->count };
    x->given = 0;
    x->drawn = 0;
    x->failed = x->starved = false;
    running = job->name;
    int status = job->iterate(&x->it, job->nin, in, job->user);
    running = NULL;
    if (status && !x->failed) {
        snprintf(text, sizeof text, "it returned %d", status);
        fail(&x->it, text);
    }
    for (int k = 0; k < job->nresults && !x->failed; k++) {
        if (x->given >> k & 1) continue;
        snprintf(text, sizeof text, "result %d is missing", k);
        fail(&x->it, text);
    }
    return !x->failed;
}

void sp_iterate_blank(starp_dtype dtype, int64_t n, void *to)
{
    size_t bytes = (size_t)n * sp_dtypes[dtype].size;
    bool single = dtype == STARP_F32 || dtype == STARP_C64;
    if (sp_dtypes[dtype].cls < SP_CLASS_F) memset(to, 0, bytes);
    else if (single) for (size_t i = 0; i < bytes / sizeof(float); i++) ((float *)to)[i] = NAN;
    else for (size_t i = 0; i < bytes / sizeof(double); i++) ((double *)to)[i] = NAN;
}

void sp_argument_lay_out(starp_argument *x, starp_dtype dtype, int ndim, const int64_t *extent, bool column_major, const void *data)
{
    int64_t unit = sp_dtypes[dtype].size;
    *x = (starp_argument){ .dtype = dtype, .ndim = ndim, .data = data };
    for (int a = ndim - 1; a >= 0; a--) {
        int b = column_major ? ndim - 1 - a : a;
        x->shape[b] = extent[a];
        x->stride[b] = unit;
        unit *= extent[a];
    }
}
