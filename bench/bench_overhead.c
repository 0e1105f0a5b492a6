/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_overhead.c: what is paid besides the arithmetic: for a recorded node, a small expression, a plan, a task,
 * and an idle session. The peer `ideal` is the figure aimed at. A run repeats its work often enough for the clock
 * and returns the average.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define OPERATIONS 10 /* of the small expression */

/* How often a run repeats its work; the tiling of a session of the case's own (NULL: the bench's, as it comes). */
struct form {
    int loops;
    const char *tile, *small;
};
static const struct form nodes = { 100000, NULL, NULL }, evals = { 2000, NULL, NULL }, once = { 1, NULL, NULL };
static const struct form tiny_tiles = { 1, "64", "0" }, one_task = { 50, NULL, "0" };

static int loops_of(const struct bench_state *st)
{
    const struct form *form = st->self->param;
    return form->loops;
}

/* Sets a variable, or unsets it for NULL; returns a copy of what it was. */
static char *swap_variable(const char *name, const char *value)
{
    const char *old = getenv(name);
    char *copy = old != NULL ? strdup(old) : NULL;
    if (value != NULL) setenv(name, value, 1);
    else unsetenv(name);
    return copy;
}

static bool open_own_session(struct bench_state *st, const struct form *form)
{
    char *tile = swap_variable("STARP_TILE", form->tile), *small = swap_variable("STARP_SMALL", form->small);
    st->session = starp_open(NULL);
    free(swap_variable("STARP_TILE", tile));
    free(swap_variable("STARP_SMALL", small));
    free(tile);
    free(small);
    st->own_session = st->session != NULL;
    if (!st->own_session) bench_starp_error("open");
    return st->own_session;
}

static bool open_overhead(struct bench_state *st)
{
    const struct form *form = st->self->param;
    st->work = st->self->work;
    if (form->small != NULL && !open_own_session(st, form)) return false;
    bench_output(st, st->n);
    return bench_input(st, 0, STARP_SHAPE(st->n), 0, 1) && bench_input(st, 1, STARP_SHAPE(st->n), 0, 1);
}

/* -------------------------------------------------------------------------------------- what is computed */

static void build_add(struct bench_state *st, starp_array **y)
{
    y[0] = starp_add(st->in[0], st->in[1]);
}

static void reference_add(struct bench_state *st)
{
    for (int64_t i = 0; i < st->n; i++) st->want[0][i] = st->host[0][i] + st->host[1][i];
}

static void build_ten(struct bench_state *st, starp_array **y)
{
    starp_array *a = st->in[0], *b = st->in[1], *two = starp_scalar(st->session, 2.0);
    starp_array *t = starp_subtract(starp_add(starp_multiply(a, b), a), b);
    t = starp_abs(starp_add(starp_multiply(t, two), b));
    t = starp_sqrt(starp_add(starp_maximum(t, a), two));
    y[0] = starp_multiply(t, b);
}

static void reference_ten(struct bench_state *st)
{
    for (int64_t i = 0; i < st->n; i++) {
        double a = st->host[0][i], b = st->host[1][i];
        st->want[0][i] = sqrt(fmax(fabs((a * b + a - b) * 2 + b), a) + 2) * b;
    }
}

/* ---------------------------------------------------------------------------------------- how it is timed */

static double record(struct bench_state *st, starp_array *a, starp_array *b)
{
    int loops = loops_of(st);
    double start = bench_now();
    for (int i = 0; i < loops; i++) starp_release(starp_add(a, b));
    return (bench_now() - start) / loops;
}

static double record_on_leaves(struct bench_state *st)
{
    return record(st, st->in[0], st->in[1]);
}

static double record_on_pending(struct bench_state *st)
{
    starp_array *a = starp_negative(st->in[0]), *b = starp_sqrt(st->in[1]);
    double seconds = record(st, a, b);
    starp_release(a);
    starp_release(b);
    return seconds;
}

/* The expression is built, evaluated and dropped. */
static double repeated(struct bench_state *st)
{
    int loops = loops_of(st);
    double start = bench_now();
    for (int i = 0; i < loops; i++) {
        if (bench_fresh(st) < 0) return BENCH_FAILED;
    }
    return (bench_now() - start) / loops;
}

/* The evaluation alone: the plan is that of the time before. */
static double eval_only(struct bench_state *st)
{
    int loops = loops_of(st);
    double seconds = 0;
    for (int i = 0; i < loops; i++) {
        starp_array *y;
        if (!bench_build(st, &y)) return bench_starp_error(st->self->name);
        double start = bench_now();
        if (starp_eval(y) != STARP_OK) return bench_starp_error(st->self->name);
        seconds += bench_now() - start;
        starp_release(y);
    }
    return seconds / loops;
}

static uint64_t tasks_of(starp_session *s)
{
    starp_stats stats = { 0 };
    starp_stats_of(s, &stats);
    return stats.tasks;
}

/* Seconds per task, everything included. */
static double per_task(struct bench_state *st)
{
    uint64_t before = tasks_of(st->session);
    double seconds = repeated(st) * loops_of(st);
    uint64_t tasks = tasks_of(st->session) - before;
    if (seconds < 0) return BENCH_FAILED;
    return tasks > 0 ? seconds / (double)tasks : bench_error("%s: no task was run", st->self->name);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* CPU time burnt per second of doing nothing, right after an evaluation by tasks. */
static double idle(struct bench_state *st)
{
    const struct timespec rest = { st->quick ? 1 : 2, 0 };
    if (bench_fresh(st) < 0) return BENCH_FAILED;
    double cpu = cpu_seconds(), start = bench_now();
    nanosleep(&rest, NULL);
    return (cpu_seconds() - cpu) / (bench_now() - start);
}

/* ------------------------------------------------------------------------------------------------- cases */

/* clang-format off */
#define CASE(text, size_, unit_, work_, expression, time, param_, ...) \
    { .name = text, .size = size_, .quick = size_, .unit = &unit_, .work = work_, .build = build_##expression, \
      .reference = reference_##expression, .ours = time, .param = &param_, __VA_ARGS__ }
#define IDEAL(target, bar) .peer = { { "ideal", bar, NULL, target } }
#define IDEAL_AND_NUMPY(target, bar) .peer = { { "ideal", bar, NULL, target }, { "numpy", 0, NULL, 0 } }

static const struct bench_case cases[] = {
    CASE("node", 1000000, bench_ns, 1, add, record_on_leaves, nodes, IDEAL(300, 1)),
    CASE("node-pending", 1000000, bench_ns, 1, add, record_on_pending, nodes, IDEAL(300, 1)),
    CASE("operation", 1000, bench_us, OPERATIONS, ten, repeated, evals, IDEAL_AND_NUMPY(1, 1)),
    CASE("operation-tiny", 8, bench_us, OPERATIONS, ten, repeated, evals, IDEAL_AND_NUMPY(1, 0)),
    CASE("plan-hit", 8, bench_us, 1, ten, eval_only, evals, IDEAL(10, 0)),
    CASE("task", 64 * 20000, bench_us, 1, add, per_task, tiny_tiles, IDEAL(10, 1)),
    CASE("round-trip", 1000, bench_us, 1, add, repeated, one_task, IDEAL(100, 0)),
    CASE("idle-cpu", 4000000, bench_percent, 1, add, idle, once, .repeats = 3, IDEAL(1, 1)),
    { .name = NULL },
};
/* clang-format on */

const struct bench bench_overhead = {
    .name = "overhead",
    .about = "what is paid besides the arithmetic",
    .tolerance = 1e-14,
    .open = open_overhead,
    .cases = cases,
};
