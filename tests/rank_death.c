/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_death.c: a job that loses a rank in the middle of a run; started by check-death under mpirun, which must let rank 0
 * live (--enable-recovery). Each process leaves its number in a file of the directory given.
 *
 *   rank_death DIRECTORY VICTIM
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "starp.h"

static char path[512];

static void leave_number(const char *directory)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    snprintf(path, sizeof path, "%s/%s", directory, rank ? rank : "0");
    FILE *f = fopen(path, "w");
    if (!f) exit(2);
    fprintf(f, "%ld\n", (long)getpid());
    fclose(f);
}

static void kill_rank(const char *directory, const char *victim)
{
    long pid = 0;
    snprintf(path, sizeof path, "%s/%s", directory, victim);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%ld", &pid) != 1) exit(2);
    fclose(f);
    kill((pid_t)pid, SIGKILL);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    leave_number(argv[1]);
    starp_session *s = starp_open(NULL);
    if (!s) return fprintf(stderr, "open: %s\n", starp_last_error()), 2;
    starp_array *x = starp_random_standard_normal(s, STARP_SHAPE(3000, 3000), STARP_F64);
    for (int i = 0; i < 30; i++) x = starp_add(starp_sin(x), starp_transpose(x));
    starp_run *run = starp_eval_async(STARP_ARGS(x));
    usleep(300000);
    double began = now();
    kill_rank(argv[1], argv[2]);
    starp_status status = starp_wait(run);
    double took = now() - began;
    fprintf(stderr, "%s after %.1f s: %s\n", starp_status_name(status), took, starp_last_error());
    char name[32];
    snprintf(name, sizeof name, "rank %s", argv[2]);
    if (status == STARP_OK || !strstr(starp_last_error(), name) || took > 10) return 1;
    if (starp_eval(starp_ones(s, STARP_SHAPE(1000, 1000), STARP_F64)) == STARP_OK) return 1; /* nothing goes on */
    starp_close(s);
    return 0;
}
