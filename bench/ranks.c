/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks.c: a case on several ranks. A process that is to report cannot itself be one of the ranks, so each side is
 * processes of its own, as many cores on one side as on the other:
 *
 *   ours       mpirun -n RANKS starp-bench --worker BENCH/CASE            STARP_NCPU: the workers of a rank
 *   mpi        mpirun -n RANKS*WORKERS mpi_BENCH CASE SIZE ...            one thread each
 *   one-rank   starp-bench --worker BENCH/CASE                            STARP_NCPU: RANKS*WORKERS
 *   a C peer   starp-bench --worker --peer NAME BENCH/CASE                the same; of those with a `run`
 *   hpcc       sh bench/hpcc BENCH SIZE ... mpirun -n RANKS*WORKERS       HPL, MPIFFT; one thread each, where it is installed
 *
 * They run one after the other, for several rounds, and take turns in being first. Each opens, warms up, repeats, and
 * answers in lines of a word and a number: `seconds` per repeat, the `mean` of its results, its `ranks`; ours also the
 * `work` of a run and the percentage of `wait`. A worker checks its results itself; here the means are compared, but
 * for HPL, which has a matrix and a check of its own.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define ROUNDS_HEAVY 3
#define HPL_REPEATS 20 /* the most HPL does in a run */
#define WORDS 16 /* of a command */
#define TEXT 4096

extern char **environ;

/* One side: its command, and what its children answered. */
struct side {
    struct bench_series *series;
    int processes, workers; /* workers: of a process of starp's */
    bool apart;             /* its numbers are its own: no mean */
    int nwords;
    char *word[WORDS + 1], text[TEXT];
    size_t used;
    int answers, waits, ranks; /* ranks: as the last child saw it */
    double work, mean, wait;   /* wait: the sum of all rounds */
};

bool ranks_available(void)
{
    if (system("command -v mpirun >/dev/null 2>&1") == 0) return true;
    fprintf(stderr, "starp-bench: --ranks needs mpirun, which is not in PATH (apt-get install openmpi-bin)\n");
    return false;
}

void ranks_answer(const struct bench_measurement *m, double mean)
{
    for (int r = 0; r < m->repeats; r++) printf("seconds %.9g\n", m->series[0].seconds[r]);
    printf("work %.17g\nmean %.17g\nranks %d\n", m->st->work, mean, starp_ranks(m->st->session));
    if (m->wait >= 0) printf("wait %.6g\n", m->wait);
}

/* -------------------------------------------------------------------------------------------------- commands */

__attribute__((format(printf, 2, 3))) static void add_word(struct side *s, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(s->text + s->used, TEXT - s->used, format, list);
    va_end(list);
    if (n < 0 || s->used + (size_t)n >= TEXT || s->nwords == WORDS) {
        fprintf(stderr, "starp-bench: a command is too long\n");
        exit(1);
    }
    s->word[s->nwords++] = s->text + s->used;
    s->used += (size_t)n + 1;
}

static void add_launcher(struct side *s)
{
    add_word(s, "mpirun");
    add_word(s, "-n");
    add_word(s, "%d", s->processes);
    if (s->processes > sysconf(_SC_NPROCESSORS_ONLN)) add_word(s, "--oversubscribe");
}

/* What lies where this program does; without a name, the program itself. mpirun's own /proc/self/exe is mpirun. */
static void add_program(struct side *s, const char *bench)
{
    char path[1024];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (bench == NULL || slash == NULL) add_word(s, "%s", path);
    else add_word(s, "%.*s/mpi_%s", (int)(slash - path), path, bench);
}

/* Ours, or as a measured peer the C function of that name. */
static void plan_starp(struct side *s, const struct bench_measurement *m)
{
    const struct bench_peer *peer = s->series->peer;
    if (s->processes > 1) add_launcher(s);
    add_program(s, NULL);
    add_word(s, "--worker");
    if (peer != NULL && peer->run != NULL) {
        add_word(s, "--peer");
        add_word(s, "%s", peer->name);
    }
    if (m->st->quick) add_word(s, "--quick");
    add_word(s, "--repeats");
    add_word(s, "%d", m->repeats);
    add_word(s, "%s/%s", m->bench, m->st->self->name);
}

static void plan_twin(struct side *s, const struct bench_measurement *m)
{
    add_launcher(s);
    add_program(s, m->bench);
    add_word(s, "%s", m->st->self->name);
    add_word(s, "%lld", (long long)m->st->n);
    add_word(s, "%d", bench_warmup(m->st->self));
    add_word(s, "%d", m->repeats);
}

static void plan_hpcc(struct side *s, const struct bench_measurement *m)
{
    add_word(s, "sh");
    add_word(s, "%s", STARP_SOURCE_DIR "/bench/hpcc");
    add_word(s, "%s", m->bench);
    add_word(s, "%lld", (long long)m->st->n);
    add_word(s, "%d", m->repeats);
    add_word(s, "%d", s->processes);
    add_launcher(s);
    s->apart = true;
}

/* ---------------------------------------------------------------------------------------------------- children */

/* What children find in the environment; mpirun hands it on. */
static void set_environment(const struct side *s)
{
    char workers[16];
    snprintf(workers, sizeof workers, "%d", s->workers);
    setenv("STARP_NCPU", workers, 1);
    /* Seconds, after which mpirun ends what hangs; and cores are counted as the kernel counts them. */
    setenv("MPIEXEC_TIMEOUT", "600", 0);
    setenv("OMPI_MCA_hwloc_base_use_hwthreads_as_cpus", "1", 0);
    if (geteuid() != 0) return;
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
}

static FILE *start_child(const struct side *s, pid_t *pid)
{
    int from[2];
    if (pipe2(from, O_CLOEXEC) != 0) return NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    set_environment(s);
    int failed = posix_spawnp(pid, s->word[0], &actions, NULL, s->word, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(from[1]);
    if (!failed) return fdopen(from[0], "r");
    close(from[0]);
    return NULL;
}

static void take_answer(struct side *s, const char *line)
{
    char word[16];
    double value;
    if (sscanf(line, "%15s %lf", word, &value) != 2) return;
    if (strcmp(word, "work") == 0) s->work = value;
    if (strcmp(word, "mean") == 0) s->mean = value;
    if (strcmp(word, "ranks") == 0) s->ranks = (int)value;
    if (strcmp(word, "wait") == 0) s->wait += value, s->waits++;
    if (strcmp(word, "seconds") == 0 && s->answers < BENCH_MAX_REPEATS) s->series->seconds[s->answers++] = value;
}

/* One child from start to end. */
static bool run_child(struct side *s, const struct bench_measurement *m)
{
    pid_t pid;
    char line[256];
    int status = 0, expected = s->answers + m->repeats;
    FILE *from = start_child(s, &pid);
    if (from == NULL) return bench_error("%s does not start", s->word[0]) >= 0;
    while (fgets(line, sizeof line, from) != NULL) take_answer(s, line);
    fclose(from);
    waitpid(pid, &status, 0);
    if (status == 0 && s->answers == expected && s->ranks == s->processes) return true;
    bench_error("%s: %s %s %s ... %s: status %d, %d ranks of %d, %d times of %d", m->st->self->name, s->word[0],
                s->word[1], s->word[2], s->word[s->nwords - 1], status, s->ranks, s->processes, s->answers, expected);
    return false;
}

/* --------------------------------------------------------------------------------------------------- measuring */

static bool same_mean(const struct side *ours, const struct side *peer, const struct bench_measurement *m)
{
    if (peer->apart || bench_same_mean(peer->mean, ours->mean)) return true;
    bench_error("%s: %s's results have the mean %.17g, not %.17g", m->st->self->name, peer->series->peer->name, peer->mean,
                ours->mean);
    return false;
}

static bool run_rounds(struct side *side, const struct bench_measurement *m, int rounds)
{
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < m->nseries; i++) {
            if (!run_child(&side[(r + i) % m->nseries], m)) return false;
        }
    }
    for (int i = 1; i < m->nseries; i++) {
        if (!same_mean(&side[0], &side[i], m)) return false;
    }
    return true;
}

static void plan(struct side *s, const struct bench_measurement *m, const struct bench_options *o)
{
    int cores = o->ranks * o->workers;
    const struct bench_peer *p = s->series->peer;
    const char *peer = p != NULL ? p->name : NULL;
    s->processes = peer == NULL ? o->ranks : p->run != NULL || strcmp(peer, "one-rank") == 0 ? 1 : cores;
    s->workers = peer == NULL ? o->workers : cores;
    if (peer != NULL && strcmp(peer, "mpi") == 0) plan_twin(s, m);
    else if (peer != NULL && strcmp(peer, "hpcc") == 0) plan_hpcc(s, m);
    else plan_starp(s, m);
}

static void measure(struct bench_measurement *m, const struct bench_options *o)
{
    struct side side[1 + BENCH_RANKED];
    memset(side, 0, sizeof side);
    for (int i = 0; i < m->nseries; i++) {
        side[i].series = &m->series[i];
        plan(&side[i], m, o);
    }
    if (!run_rounds(side, m, m->st->self->heavy ? ROUNDS_HEAVY : ROUNDS)) return;
    m->repeats = side[0].answers;
    m->st->work = side[0].work;
    m->wait = side[0].waits > 0 ? side[0].wait / side[0].waits : -1;
    bench_report(m);
}

static bool is_installed(const struct bench_peer *p)
{
    if (strcmp(p->name, "hpcc") != 0 || system("command -v hpcc >/dev/null 2>&1") == 0) return true;
    static bool said;
    if (!said) printf("%s is not in PATH: no such peer (apt-get install %s)\n", p->name, p->name);
    said = true;
    return false;
}

/* A heavy case's usual repeats are those of all its rounds. */
static int repeats_of_round(const struct bench_case *c, const struct bench_options *o)
{
    int n = bench_repeats(c, o), most = BENCH_MAX_REPEATS / ROUNDS;
    if (c->heavy && o->repeats == 0) n = (n + ROUNDS_HEAVY - 1) / ROUNDS_HEAVY;
    if (most > HPL_REPEATS) most = HPL_REPEATS;
    return n < most ? n : most;
}

/* The bars are for two ranks: more may have less than a core each. */
void ranks_run(const struct bench *b, const struct bench_case *c, const struct bench_options *o)
{
    struct bench_state st = { .self = c, .quick = o->quick, .n = o->quick ? c->quick : c->size };
    struct bench_peer peer[BENCH_RANKED];
    struct bench_measurement *m = calloc(1, sizeof *m);
    if (m == NULL) exit(1);
    m->bench = b->name;
    m->st = &st;
    m->repeats = repeats_of_round(c, o);
    m->nseries = 1;
    for (int i = 0; i < BENCH_RANKED && c->ranked[i].name != NULL; i++) {
        peer[i] = c->ranked[i];
        if (o->ranks != 2) peer[i].bar = 0;
        if (is_installed(&peer[i])) m->series[m->nseries++].peer = &peer[i];
    }
    measure(m, o);
    free(m);
}
