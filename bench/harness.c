/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * harness.c: one case: open, check once, warm up, repeat ours and the peers in turn, report, close. A wrong result or
 * a failed run is an error line, and the case has no result.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS 9
#define REPEATS_QUICK 5
#define WARM 0.1 /* seconds that everybody runs for before a run counts */
#define MEAN_TOLERANCE 1e-9 /* of a peer's mean */

static bool is_python(const struct bench_peer *p)
{
    return p->run == NULL && p->target == 0;
}

/* -------------------------------------------------------------------------------------------------- checking */

static bool compare(const struct bench_state *st, int k, const double *got, double tolerance)
{
    for (int64_t i = 0; i < st->count[k]; i++) {
        double want = st->want[k][i], error = fabs(got[i] - want) / fmax(1, fabs(want));
        if (error <= tolerance || (isnan(want) && isnan(got[i]))) continue;
        bench_error("%s: result %d, element %lld is %.17g, not %.17g", st->self->name, k, (long long)i, got[i], want);
        return false;
    }
    return true;
}

static bool read_result(const struct bench_state *st, int k, double *got)
{
    int64_t size = starp_size(st->out[k]) * (starp_dtype_of(st->out[k]) == STARP_C128 ? 2 : 1);
    if (size != st->count[k]) {
        bench_error("%s: result %d has %lld numbers, not %lld", st->self->name, k, (long long)size, (long long)st->count[k]);
        return false;
    }
    if (starp_read(st->out[k], got, (size_t)st->count[k] * sizeof *got) == STARP_OK) return true;
    bench_starp_error("read");
    return false;
}

/* Where results are right without being unique, want is what we found. */
static bool verify_results(struct bench_state *st)
{
    for (int k = 0; k < st->nout; k++) {
        if (!read_result(st, k, st->want[k])) return false;
    }
    return st->self->verify(st);
}

static bool check_results(struct bench_state *st, double tolerance)
{
    if (st->self->verify != NULL) return verify_results(st);
    st->self->reference(st);
    bool ok = true;
    for (int k = 0; ok && k < st->nout; k++) {
        double *got = bench_alloc(st->count[k]);
        ok = read_result(st, k, got) && compare(st, k, got, tolerance);
        free(got);
    }
    return ok;
}

static double mean_of_reference(const struct bench_state *st)
{
    double sum = 0, count = 0;
    for (int k = 0; k < st->nout; k++) {
        for (int64_t i = 0; i < st->count[k]; i++) sum += st->want[k][i];
        count += (double)st->count[k];
    }
    return sum / count;
}

bool bench_same_mean(double mean, double want)
{
    return fabs(mean - want) <= MEAN_TOLERANCE * fmax(1, fabs(want));
}

/* True when peers.py has the peer and computes what we compute. */
static bool python_agrees(const struct bench_state *st, const char *peer)
{
    double mean, want;
    if (!peers_have(peer, &mean)) return false;
    want = mean_of_reference(st);
    if (bench_same_mean(mean, want)) return true;
    bench_error("%s: %s's results have the mean %.17g, not %.17g", st->self->name, peer, mean, want);
    return false;
}

/* ------------------------------------------------------------------------------------------------- measuring */

static void choose_series(struct bench_measurement *m)
{
    const struct bench_case *c = m->st->self;
    bool python = false;
    for (int i = 0; i < BENCH_PEERS && c->peer[i].name != NULL; i++) python |= is_python(&c->peer[i]);
    if (python) peers_setup(m->bench, c->name, m->st->n);
    m->nseries = 1;
    for (int i = 0; i < BENCH_PEERS && c->peer[i].name != NULL; i++) {
        if (is_python(&c->peer[i]) && !python_agrees(m->st, c->peer[i].name)) continue;
        m->series[m->nseries++].peer = &c->peer[i];
    }
}

static double run_once(struct bench_measurement *m, const struct bench_peer *peer)
{
    if (peer == NULL) return m->st->self->ours(m->st);
    if (peer->target != 0) return 0;
    return peer->run != NULL ? peer->run(m->st) : peers_run(peer->name);
}

/* On warm cores: who follows a peer that left them idle finds them asleep, and their clocks low. The last run counts. */
static double run_warm(struct bench_measurement *m, const struct bench_peer *peer)
{
    double start = bench_now(), seconds;
    do {
        seconds = run_once(m, peer);
    } while (seconds > 0 && bench_now() - start < WARM);
    return seconds;
}

/* Everybody comes first in turn. */
static bool run_repeats(struct bench_measurement *m)
{
    int warmup = bench_warmup(m->st->self);
    for (int r = -warmup; r < m->repeats; r++) {
        for (int k = 0; k < m->nseries; k++) {
            int i = (r + warmup + k) % m->nseries;
            double seconds = run_warm(m, m->series[i].peer);
            if (seconds < 0) return false;
            if (r >= 0) m->series[i].seconds[r] = seconds;
        }
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What the unit makes of seconds. The floor keeps ratios finite. */
static double in_unit(const struct bench_state *st, double seconds)
{
    const struct bench_unit *u = st->self->unit;
    seconds = fmax(seconds, 1e-12);
    return u->rate ? u->scale * st->work / seconds : u->scale * seconds / st->work;
}

static double median(const double *sorted, int n)
{
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void bench_report(struct bench_measurement *m)
{
    const struct bench_state *st = m->st;
    for (int i = 0; i < m->nseries; i++) qsort(m->series[i].seconds, (size_t)m->repeats, sizeof(double), by_size);
    const double *ours = m->series[0].seconds;
    double low = in_unit(st, ours[0]), high = in_unit(st, ours[m->repeats - 1]);
    struct bench_result r = { .bench = m->bench,
                              .name = st->self->name,
                              .n = st->n,
                              .unit = st->self->unit,
                              .repeats = m->repeats,
                              .value = in_unit(st, median(ours, m->repeats)),
                              .min = fmin(low, high),
                              .max = fmax(low, high),
                              .wait = m->wait };
    for (int i = 1; i < m->nseries; i++) {
        const struct bench_peer *p = m->series[i].peer;
        r.peer = p->name;
        r.bar = p->bar;
        r.peer_value = p->target != 0 ? p->target : in_unit(st, median(m->series[i].seconds, m->repeats));
        r.ratio = r.unit->rate ? r.value / r.peer_value : r.peer_value / r.value;
        report_result(&r, i == 1);
    }
}

static void measure(struct bench_measurement *m)
{
    choose_series(m);
    if (run_repeats(m)) bench_report(m);
}

/* Nanoseconds this rank's workers had nothing to do while messages were to come; negative: not known. */
static double waited(starp_session *s)
{
    starp_stats stats;
    return starp_stats_of(s, &stats) == STARP_OK ? (double)stats.wait_ns : -1;
}

static const struct bench_peer *find_peer(const struct bench_case *c, const char *name)
{
    for (int i = 0; i < BENCH_PEERS && c->peer[i].name != NULL; i++) {
        if (c->peer[i].run != NULL && strcmp(c->peer[i].name, name) == 0) return &c->peer[i];
    }
    return NULL;
}

/* The others are other processes: only ours, or the one peer that is asked for, is measured here. */
static void measure_for_parent(struct bench_measurement *m, int workers, const char *peer)
{
    m->nseries = 1;
    if (peer != NULL && (m->series[0].peer = find_peer(m->st->self, peer)) == NULL) {
        bench_error("%s: no such peer: %s", m->st->self->name, peer);
        return;
    }
    double before = waited(m->st->session), start = bench_now();
    if (!run_repeats(m)) return;
    double seconds = (bench_now() - start) * workers;
    if (before >= 0) m->wait = 100e-9 * (waited(m->st->session) - before) / seconds;
    ranks_answer(m, mean_of_reference(m->st));
}

/* ----------------------------------------------------------------------------------------------------- cases */

int bench_repeats(const struct bench_case *c, const struct bench_options *o)
{
    int usual = c->repeats ? c->repeats : o->quick ? REPEATS_QUICK : REPEATS;
    int repeats = o->repeats ? o->repeats : usual;
    return repeats < BENCH_MAX_REPEATS ? repeats : BENCH_MAX_REPEATS;
}

int bench_warmup(const struct bench_case *c)
{
    return c->heavy ? c->warmup : BENCH_WARMUP;
}

static void run_case(const struct bench *b, const struct bench_case *c, const struct bench_options *o,
                     starp_session *session)
{
    struct bench_state st = { .self = c, .session = session, .quick = o->quick, .workers = o->workers };
    st.n = o->quick ? c->quick : c->size;
    struct bench_measurement *m = calloc(1, sizeof *m);
    if (m == NULL) exit(1);
    m->bench = b->name;
    m->st = &st;
    m->repeats = bench_repeats(c, o);
    m->wait = -1;
    if (b->open(&st) && bench_fresh(&st) >= 0 && check_results(&st, b->tolerance)) {
        if (o->worker) measure_for_parent(m, o->workers, o->peer);
        else measure(m);
    }
    bench_close(&st);
    free(m);
}

/* "stream" picks all of its cases, "stream/triad-fresh" one; no names at all pick everything. */
static bool is_wanted(const struct bench *b, const struct bench_case *c, int count, char *const *names)
{
    size_t length = strlen(b->name);
    for (int i = 0; i < count; i++) {
        if (strncmp(names[i], b->name, length) != 0) continue;
        const char *rest = names[i] + length;
        if (*rest == '\0' || (*rest == '/' && (c == NULL || strcmp(rest + 1, c->name) == 0))) return true;
    }
    return count == 0;
}

/* The sessions are opened in child processes. */
static void run_on_ranks(const struct bench *b, const struct bench_options *o, int count, char *const *names)
{
    bool any = false;
    for (const struct bench_case *c = b->cases; c->name != NULL; c++) {
        if (c->ranked[0].name == NULL || !is_wanted(b, c, count, names)) continue;
        if (!any) report_bench(b);
        any = true;
        ranks_run(b, c, o);
    }
    if (!any && count > 0) bench_error("%s: no such case for --ranks", b->name);
}

void bench_run(const struct bench *bench, const struct bench_options *o, int count, char *const *names)
{
    if (!is_wanted(bench, NULL, count, names)) return;
    if (o->ranks > 0) {
        run_on_ranks(bench, o, count, names);
        return;
    }
    if (!o->worker) report_bench(bench);
    starp_session *session = starp_open(NULL);
    if (session == NULL) {
        bench_starp_error(bench->name);
        return;
    }
    for (const struct bench_case *c = bench->cases; c->name != NULL; c++) {
        if (is_wanted(bench, c, count, names)) run_case(bench, c, o, session);
    }
    if (starp_close(session) != STARP_OK) bench_starp_error("close");
}
