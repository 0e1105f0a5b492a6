/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c: loads the plug-in in statistics.c and looks at a thousand samples, some elements of which are far off: in this
 * process, then isolated, where all numbers must be the same. And that in elements.c, for an expression.
 *
 *   robust STATISTICS ELEMENTS
 */
#include <stdlib.h>
#include <string.h>

#include <starp.h>

enum { N = 101, SAMPLES = 1000 };

/* Median, its absolute deviation and its standard error, of each sample. */
struct found {
    double middle[SAMPLES], deviation[SAMPLES], error[SAMPLES];
};

/* Sample k: k / 10, and as much more and less as steps of 0.01 lead to, shuffled, but for five elements of a million. */
static void make(double *x)
{
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < SAMPLES; k++) {
            int step = (i * 37 + k) % N - N / 2;
            x[i * SAMPLES + k] = step > N / 2 - 5 ? 1e6 : k / 10.0 + step / 100.0;
        }
    }
}

static starp_status look(starp_session *s, starp_array *x, struct found *f)
{
    starp_array *y[2], *error;
    starp_status status = starp_ppeval_list(s, "location", STARP_ARGS(x), 2, y);
    if (status != STARP_OK) return status;
    starp_seed(s, 1);
    error = starp_ppeval(s, "bootstrap", STARP_ARGS(x));
    status = starp_read(y[0], f->middle, sizeof f->middle);
    if (status == STARP_OK) status = starp_read(y[1], f->deviation, sizeof f->deviation);
    if (status == STARP_OK) status = starp_read(error, f->error, sizeof f->error);
    starp_release(y[0]);
    starp_release(y[1]);
    starp_release(error);
    return status;
}

static int is_right(const struct found *f)
{
    for (int k = 0; k < SAMPLES; k++) {
        double off = f->middle[k] - k / 10.0, step = f->deviation[k] - 0.25;
        if (off < -1e-9 || off > 1e-9 || step < -0.011 || step > 0.011 || !(f->error[k] > 0 && f->error[k] < 0.2)) {
            fprintf(stderr, "sample %d: median %g, deviation %g, error %g\n", k, f->middle[k], f->deviation[k], f->error[k]);
            return 0;
        }
    }
    return 1;
}

/* The mean of Huber's loss of -3, -2.99, ... 3, by the plug-in's function and by the library's own operations. */
static int loss_is_right(starp_session *s)
{
    double got = 0, want = 1;
    starp_scope_open(s);
    starp_array *x = starp_linspace(s, -3, 3, 601, 1, STARP_F64), *size = starp_abs(x);
    starp_array *square = starp_divide(starp_square(x), starp_scalar(s, 2)), *line = starp_subtract(size, starp_scalar(s, 0.5));
    starp_item(starp_mean(starp_apply(s, "huber", STARP_ARGS(x)), NULL, 0), STARP_F64, &got);
    starp_item(starp_mean(starp_where(starp_less(size, starp_scalar(s, 1)), square, line), NULL, 0), STARP_F64, &want);
    starp_scope_close(s);
    return got == want;
}

int main(int argc, char **argv)
{
    static double data[N * SAMPLES];
    static struct found own, isolated;
    starp_session *s = starp_open(NULL);
    const char *path = argc > 1 ? argv[1] : "./robust-statistics.so", *elements = argc > 2 ? argv[2] : "./robust-elements.so";
    make(data);
    starp_array *x = starp_from_host(s, data, STARP_SHAPE(N, SAMPLES), STARP_F64); /* a sample is a column: the last axis is split */
    if (starp_load_plugin(s, path) != STARP_OK || look(s, x, &own) != STARP_OK || starp_load_plugin_isolated(s, path) != STARP_OK ||
        look(s, x, &isolated) != STARP_OK || starp_load_plugin(s, elements) != STARP_OK) {
        fprintf(stderr, "%s\n", starp_last_error());
        starp_close(s);
        return 1;
    }
    int good = is_right(&own) && memcmp(&own, &isolated, sizeof own) == 0 && loss_is_right(s);
    printf("%d samples: medians %g to %g, standard error of the first %.3g; %s\n", SAMPLES, own.middle[0], own.middle[SAMPLES - 1],
           own.error[0], good ? "the same when isolated" : "not what they should be");
    starp_release(x);
    return starp_close(s) == STARP_OK && good ? 0 : 1;
}
