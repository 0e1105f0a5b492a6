/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.h: the benchmark harness, on the public API only.
 *
 *   starp-bench [names] [--quick] [--json FILE] [--python EXE] [--peers FILE] [--repeats N] [--ranks N] [--list]
 *
 * A bench is one file, bench_NAME.c, with an open function and a table of cases; main.c lists the benches. A case says
 * what starp computes (build), what it must come to (reference, plain C), how it is timed (ours), and which peers it is
 * measured against, each with the ratio to reach. The harness does the rest, the same for all:
 *
 *   - the session is opened once per bench with starp_open(NULL): defaults and STARP_* variables, no tuning per case;
 *   - results are checked once, against the reference or by what they must fulfil, and the Python peers' mean with them;
 *   - after warm-up, every repeat measures ours, then the C peer, then the Python peers (peers.py, a child process fed
 *     through pipes), so that drift of the machine meets all alike; the medians count;
 *   - nobody spins while another is measured: idle starp workers sleep, OpenMP is told to (main.c), so do numexpr's;
 *   - `ratio` is how many times better than the peer we are: above 1 we are faster.
 *
 * Fresh and reused (stream; everything else is fresh):
 *   fresh   y = expr; eval(y); release the previous result. Two results are alive during the computation, as in
 *           NumPy's `y = s*a + b`, whose peers also drop the previous result inside the timed region.
 *   reused  assign(&y, expr); eval(y): the previous result is dropped before the computation and its memory may be
 *           used again. The peers write with out=. The C peer always writes into the same warm memory.
 *
 * On several ranks (--ranks N, cases that name `ranked` peers) every side is processes of its own, started in turn for
 * several rounds, with the same number of cores each; the medians of all rounds count (ranks.c).
 *
 * Host arrays, the C peers' included, are on huge pages where the kernel gives them, first touched by all threads.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "starp.h"

#define BENCH_INPUTS 3
#define BENCH_OUTPUTS 3
#define BENCH_PEERS 4
#define BENCH_RANKED 2
#define BENCH_MAX_REPEATS 99
#define BENCH_WARMUP 2
#define BENCH_FAILED (-1.0)

/* value = rate ? scale * work / seconds : scale * seconds / work */
struct bench_unit {
    const char *text;
    double scale;
    bool rate;
};
extern const struct bench_unit bench_gbps, bench_gflops, bench_meps, bench_per_second, bench_ms, bench_us, bench_ns, bench_percent;

struct bench_case;

/* A case being measured: made by the bench's open, taken apart by the harness. */
struct bench_state {
    const struct bench_case *self;
    starp_session *session;
    bool own_session; /* not the bench's but the case's: closed with it */
    bool quick;
    int workers;                   /* of this process: as many threads the BLAS peers run on */
    int64_t n;                     /* the case's size */
    double work;                   /* what one run does, in what the unit counts */
    starp_array *in[BENCH_INPUTS]; /* inputs, and the same on the host */
    double *host[BENCH_INPUTS];
    int nout;
    starp_array *out[BENCH_OUTPUTS]; /* the latest results */
    double *want[BENCH_OUTPUTS];     /* the reference's results, */
    int64_t count[BENCH_OUTPUTS];    /* of so many elements */
};

/* One run: the seconds it took, or BENCH_FAILED after bench_error(). */
typedef double bench_run_fn(struct bench_state *st);

/* What a case is measured against: a C function, a number (`ideal`), or else a function of peers.py. */
struct bench_peer {
    const char *name;
    double bar; /* the ratio to reach; 0: none */
    bench_run_fn *run;
    double target;
};

struct bench_case {
    const char *name;
    int64_t size, quick;
    const struct bench_unit *unit;
    double work;                                            /* for open: bytes or operations, per element or per run */
    int repeats;                                            /* 0: the usual number */
    bool heavy;                                             /* seconds a run: few rounds, the check is the warm-up */
    int warmup;                                             /* and so many runs, where memory is what is cold */
    void (*build)(struct bench_state *st, starp_array **y); /* records the st->nout results */
    void (*reference)(struct bench_state *st);              /* in -> want */
    bool (*verify)(struct bench_state *st);                 /* or is what want now has of ours a solution? */
    bench_run_fn *ours;
    struct bench_peer peer[BENCH_PEERS]; /* up to the first without a name */
    /* With --ranks: "one-rank"; "mpi", which is mpi_BENCH.c; "hpcc", the script of that name; or with a run, one of `peer`. */
    struct bench_peer ranked[BENCH_RANKED];
    const void *param;                   /* the bench's own */
};

struct bench {
    const char *name, *about;
    double tolerance; /* of |result - reference| / max(1, |reference|) */
    bool (*open)(struct bench_state *st);
    const struct bench_case *cases; /* up to the first without a name */
};

struct bench_options {
    bool quick;
    int repeats; /* 0: as the cases say */
    int ranks;   /* 0: this process, without MPI */
    int workers; /* of this process, or of each rank */
    bool worker; /* this process measures for another, which reports: */
    const char *peer; /* a C peer of the case, or NULL: ours */
    const char *json, *python, *peers;
};

/* ------------------------------------------------------------------------------------------------------ host.c */

double bench_now(void);
/* Says what went wrong; the exit status will be 1. Returns BENCH_FAILED. */
double bench_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with starp's last error. */
double bench_starp_error(const char *what);
int bench_errors(void);

/* Makes input k, uniform in [lo, hi) with seed k + 1, on both sides. */
bool bench_input(struct bench_state *st, int k, const starp_dims *shape, double lo, double hi);
/* Its two halves: the host's side, and starp's of what the host's is by then. */
void bench_fill(struct bench_state *st, int k, const starp_dims *shape, double lo, double hi);
bool bench_upload(struct bench_state *st, int k, const starp_dims *shape);
/* Makes room for one more result of the reference. */
void bench_output(struct bench_state *st, int64_t count);
void bench_close(struct bench_state *st);

/* Records the results in a scope of their own; only they stay. */
bool bench_build(struct bench_state *st, starp_array **y);
/* build, eval, release the previous results. */
bench_run_fn bench_fresh;
/* release the previous results, build, eval. */
bench_run_fn bench_reused;
/* The reference, timed: the usual C peer. */
bench_run_fn bench_reference;

/* ------------------------------------------------------------------------------------------------------ blas.c */

#define BENCH_SCALED_RESIDUAL 16 /* the most of error / (2^-53 norm n), as in HPL */

/* BLAS and LAPACK on as many threads as starp has workers, and back to the single one that a session wants. */
void bench_blas_open(const struct bench_state *st);
void bench_blas_close(void);
/* host[BENCH_INPUTS - 1]: room that the peers write to, touched. */
void bench_blas_room(struct bench_state *st, int64_t count);
/* The time our work would take at OpenBLAS's dgemm rate, n = 4096 or the case's if less: host[0] has such a matrix. */
bench_run_fn bench_dgemm;
/* The seconds, unless LAPACK says that it failed. */
double bench_lapack(const struct bench_state *st, int info, double seconds);

#define BENCH_SMALL 64 /* n of each of many matrices */
#define BENCH_SMALL_SIZE ((int64_t)BENCH_SMALL * BENCH_SMALL)
/* Makes room for the singular values and vectors of st->n of them, and for bench_serial_svds. */
void bench_svds_room(struct bench_state *st);
/* Decomposes those of `from`, which lie packed, in a serial loop: its time divided by the number of workers. */
double bench_serial_svds(struct bench_state *st, const double *from);
/* Says so where a scaled residual is too large or NaN. */
bool bench_residual(const struct bench_state *st, const char *what, double scaled);

/* ------------------------------------------------------------------------------------------------------ data.c */

/* Memory on huge pages; ends the program when there is none. */
double *bench_alloc(int64_t count);
/* x[i] in [lo, hi), a function of (first + i, seed): peers.py has the same. */
void bench_uniform(double *x, int64_t first, int64_t count, uint32_t seed, double lo, double hi);

/* --------------------------------------------------------------------------------------------------- harness.c */

/* Seconds per repeat of ours or of one peer. */
struct bench_series {
    const struct bench_peer *peer; /* NULL: ours */
    double seconds[BENCH_MAX_REPEATS];
};

struct bench_measurement {
    const char *bench;
    struct bench_state *st;
    int repeats, nseries;
    double wait; /* percent of the workers' time spent waiting for messages; negative: not known */
    struct bench_series series[1 + BENCH_PEERS]; /* ours first */
};

/* Results that are equal but for rounding have such means. */
bool bench_same_mean(double mean, double want);
int bench_repeats(const struct bench_case *c, const struct bench_options *o);
int bench_warmup(const struct bench_case *c);
/* The medians, to report.c. */
void bench_report(struct bench_measurement *m);

/* Runs the cases of a bench that the names pick; no names pick everything. */
void bench_run(const struct bench *bench, const struct bench_options *o, int count, char *const *names);

/* ----------------------------------------------------------------------------------------------------- peers.c */

/* Starts peers.py; false, and one line says why, when there are no Python peers. */
bool peers_start(const char *python, const char *script);
/* Prepares a case and runs it once; the peers it has are open to peers_run from here on. */
void peers_setup(const char *bench, const char *name, int64_t n);
/* True when the prepared case has the peer; then the mean of its results. */
bool peers_have(const char *peer, double *mean);
double peers_run(const char *peer);
void peers_stop(void);

/* ----------------------------------------------------------------------------------------------------- ranks.c */

/* False, and one line says why, when ranks cannot be started. */
bool ranks_available(void);
/* Measures a case on o->ranks ranks, and its ranked peers, each in child processes, and reports. */
void ranks_run(const struct bench *b, const struct bench_case *c, const struct bench_options *o);
/* In such a child: what was measured, on standard output. */
void ranks_answer(const struct bench_measurement *m, double mean);

/* ---------------------------------------------------------------------------------------------------- report.c */

struct bench_result {
    const char *bench, *name, *peer;
    int64_t n;
    const struct bench_unit *unit;
    int repeats;
    double value, min, max; /* ours: median, extremes */
    double peer_value, ratio, bar;
    double wait; /* see bench_measurement */
};

bool report_open(const struct bench_options *o);
void report_bench(const struct bench *bench);
/* `first`: of its case, whose own columns are printed then. */
void report_result(const struct bench_result *r, bool first);
/* The summary table: every bar, reached or not. */
void report_close(void);

#endif
