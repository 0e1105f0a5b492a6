/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c: the command line of starp-bench, and the table of benches.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct bench bench_stream, bench_chain, bench_stencil, bench_reduce, bench_overhead, bench_hpl, bench_linalg, bench_fft,
    bench_ppeval;

static const struct bench *const benches[] = {
    &bench_stream, &bench_chain, &bench_stencil, &bench_reduce, &bench_overhead, &bench_hpl, &bench_linalg, &bench_fft, &bench_ppeval,
};
#define NBENCH ((int)(sizeof benches / sizeof *benches))

static const char usage[] =
    "usage: starp-bench [names] [--quick] [--json FILE] [--python EXE] [--peers FILE] [--repeats N]\n"
    "                   [--ranks N] [--list]\n"
    "  names        benches, or BENCH/CASE; all of them without\n"
    "  --quick      small sizes: half a minute for all\n"
    "  --json FILE  one JSON line per result\n"
    "  --python EXE runs the Python peers (default: $STARP_PYTHON, or /usr/bin/python3)\n"
    "  --peers FILE the peers.py to run (default: the one of the sources)\n"
    "  --repeats N  measurements per case\n"
    "  --ranks N    as N processes under mpirun, for the benches that have a peer for that\n"
    "  --list       says what there is\n";

/*
 * OpenMP's threads must sleep, not spin, while starp is measured. Its runtime reads the environment when it is loaded,
 * before main: hence the second start.
 */
static void restart_with_sleeping_threads(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") != NULL) return;
    setenv("OMP_WAIT_POLICY", "passive", 1);
    setenv("GOMP_SPINCOUNT", "0", 0);
    setenv("KMP_BLOCKTIME", "0", 0);
    execv("/proc/self/exe", argv);
    perror("starp-bench: the OpenMP peers will spin: exec");
}

static const char *default_python(void)
{
    const char *python = getenv("STARP_PYTHON");
    return python != NULL && *python != '\0' ? python : "/usr/bin/python3";
}

/* How many starp runs in a process: its part of the machine, where STARP_NCPU says nothing. */
static int count_workers(int ranks)
{
    const char *text = getenv("STARP_NCPU");
    int n = text != NULL ? atoi(text) : 0;
    if (n <= 0) n = (int)sysconf(_SC_NPROCESSORS_ONLN) / (ranks > 0 ? ranks : 1);
    return n > 0 ? n : 1;
}

static void list_and_exit(void)
{
    for (int i = 0; i < NBENCH; i++) {
        printf("%s: %s\n", benches[i]->name, benches[i]->about);
        for (const struct bench_case *c = benches[i]->cases; c->name != NULL; c++) {
            printf("  %s/%s\n", benches[i]->name, c->name);
        }
    }
    exit(0);
}

/* True for BENCH and BENCH/CASE. */
static bool is_name(const char *word)
{
    size_t length = strcspn(word, "/");
    for (int i = 0; i < NBENCH; i++) {
        const struct bench *b = benches[i];
        if (strlen(b->name) != length || strncmp(b->name, word, length) != 0) continue;
        if (word[length] == '\0') return true;
        for (const struct bench_case *c = b->cases; c->name != NULL; c++) {
            if (strcmp(c->name, word + length + 1) == 0) return true;
        }
    }
    return false;
}

/* The option's value, or NULL when argv[*i] is not this option. */
static const char *value_of(const char *option, int argc, char **argv, int *i)
{
    if (strcmp(argv[*i], option) != 0 || *i + 1 >= argc) return NULL;
    return argv[++*i];
}

static void refuse(const char *word)
{
    fprintf(stderr, "starp-bench: what is '%s'?\n%s", word, usage);
    exit(2);
}

/* Moves the names to the front of argv and returns how many there are. */
static int parse(int argc, char **argv, struct bench_options *o)
{
    int names = 0;
    for (int i = 1; i < argc; i++) {
        const char *text;
        if (strcmp(argv[i], "--list") == 0) list_and_exit();
        else if (strcmp(argv[i], "--quick") == 0) o->quick = true;
        else if ((text = value_of("--json", argc, argv, &i)) != NULL) o->json = text;
        else if ((text = value_of("--python", argc, argv, &i)) != NULL) o->python = text;
        else if ((text = value_of("--peers", argc, argv, &i)) != NULL) o->peers = text;
        else if ((text = value_of("--repeats", argc, argv, &i)) != NULL && atoi(text) > 0) o->repeats = atoi(text);
        else if ((text = value_of("--ranks", argc, argv, &i)) != NULL && atoi(text) > 1) o->ranks = atoi(text);
        else if (strcmp(argv[i], "--worker") == 0) o->worker = true; /* ranks.c */
        else if ((text = value_of("--peer", argc, argv, &i)) != NULL) o->peer = text;
        else if (is_name(argv[i])) argv[names++] = argv[i];
        else refuse(argv[i]);
    }
    o->workers = count_workers(o->ranks);
    return names;
}

static void run_all(const struct bench_options *o, int names, char **argv)
{
    for (int i = 0; i < NBENCH; i++) bench_run(benches[i], o, names, argv);
}

/* OpenMP's threads (by report_open) and the Python child start before the sessions, which may bind threads to cores. */
int main(int argc, char **argv)
{
    restart_with_sleeping_threads(argv);
    struct bench_options o = { .python = default_python(), .peers = STARP_SOURCE_DIR "/bench/peers.py" };
    int names = parse(argc, argv, &o);
    if (o.worker) { /* says nothing but its answer: it is not alone, and another reports */
        run_all(&o, names, argv);
        return bench_errors() != 0;
    }
    if (o.ranks > 0 && !ranks_available()) return 1;
    if (!report_open(&o)) return 2;
    if (o.ranks == 0) peers_start(o.python, o.peers);
    run_all(&o, names, argv);
    peers_stop();
    report_close();
    return bench_errors() != 0;
}
