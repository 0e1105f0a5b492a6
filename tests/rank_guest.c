/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rank_guest.c: a program that initializes and finalizes MPI itself, with sessions in between; started by mpirun. The other
 * ranks must be gone before MPI_Finalize waits for them, and nothing may touch MPI afterwards.
 *
 *   rank_guest           closes its session first
 *   rank_guest open      finalizes MPI before it closes its session, and tries to go on
 *   rank_guest limited   its files may not grow, memory between ranks included: so nothing lies there
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "starp.h"

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, starp_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    int level, size, stay_open = argc > 1 && strcmp(argv[1], "open") == 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc > 1 && strcmp(argv[1], "limited") == 0 && setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1 << 20, 1 << 20 }) != 0) return 1;
    for (int round = 0; round < 2; round++) {
        starp_session *s = starp_open(NULL);
        if (!s || starp_ranks(s) != size) return fail("open");
        starp_array *x = starp_random_uniform(s, STARP_SHAPE(1000, 1000), STARP_F64);
        double sum;
        if (starp_item(starp_sum(starp_add(x, starp_transpose(x)), NULL, 0), STARP_F64, &sum) != STARP_OK) return fail("sum");
        if (round == 1 && stay_open) {
            MPI_Finalize();
            if (starp_eval(starp_exp(x)) == STARP_OK && size > 1) return fail("it went on");
            return starp_close(s) == STARP_OK ? 0 : fail("close");
        }
        if (starp_close(s) != STARP_OK) return fail("close");
    }
    MPI_Finalize();
    return 0;
}
