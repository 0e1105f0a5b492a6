/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi_stencil.c: the stencils of bench_stencil.c as one writes them in C with MPI: the peer `mpi` of --ranks, a program
 * of its own.
 *
 *   mpirun -n N mpi_stencil CASE SIZE WARMUP REPEATS
 *
 * Every process has a contiguous block of rows, one halo row on each side, one thread, and writes always into the same
 * warm memory. A sweep exchanges the halo rows and runs the loops; it is timed from barrier to barrier. What it answers
 * is explained in ranks.c.
 */
#include "bench.h"
#include "stencil.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A process's rows: `first` is the first one's place in the matrix, `begin` to `end` those with a result. */
struct block {
    int rank, ranks, above, below;
    int64_t n, first, rows, begin, end;
    double *u, *y;
};

static double *row_of(const struct block *b, int64_t i)
{
    return b->u + (i - b->first + 1) * b->n;
}

static void open_block(struct block *b, int64_t n)
{
    MPI_Comm_rank(MPI_COMM_WORLD, &b->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &b->ranks);
    b->above = b->rank > 0 ? b->rank - 1 : MPI_PROC_NULL;
    b->below = b->rank + 1 < b->ranks ? b->rank + 1 : MPI_PROC_NULL;
    b->n = n;
    b->first = n * b->rank / b->ranks;
    b->rows = n * (b->rank + 1) / b->ranks - b->first;
    b->begin = b->first > 1 ? b->first : 1;
    b->end = b->first + b->rows < n - 1 ? b->first + b->rows : n - 1;
    b->u = bench_alloc((b->rows + 2) * n);
    b->y = bench_alloc(b->rows * (n - 2));
    memset(b->u, 0, (size_t)((b->rows + 2) * n) * sizeof *b->u);
    memset(b->y, 0, (size_t)(b->rows * (n - 2)) * sizeof *b->y);
    bench_uniform(row_of(b, b->first), b->first * n, b->rows * n, 1, 0, 1);
}

static void exchange(const struct block *b)
{
    int n = (int)b->n;
    int64_t last = b->first + b->rows - 1;
    MPI_Sendrecv(row_of(b, b->first), n, MPI_DOUBLE, b->above, 0, row_of(b, last + 1), n, MPI_DOUBLE, b->below, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(row_of(b, last), n, MPI_DOUBLE, b->below, 1, row_of(b, b->first - 1), n, MPI_DOUBLE, b->above, 1,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static double sweep(const struct block *b, row_fn *row)
{
    int64_t m = b->n - 2;
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    exchange(b);
    for (int64_t i = b->begin; i < b->end; i++) {
        row(m, row_of(b, i - 1), row_of(b, i), row_of(b, i + 1), b->y + (i - b->begin) * m);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return MPI_Wtime() - start;
}

static double mean_of_results(const struct block *b)
{
    double m = (double)(b->n - 2), sum = 0, total = 0;
    for (int64_t i = 0; i < (b->end - b->begin) * (b->n - 2); i++) sum += b->y[i];
    MPI_Reduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    return total / (m * m);
}

static void measure(const struct block *b, row_fn *row, int warmup, int repeats)
{
    for (int r = -warmup; r < repeats; r++) {
        double seconds = sweep(b, row);
        if (r >= 0 && b->rank == 0) printf("seconds %.9g\n", seconds);
    }
    double mean = mean_of_results(b);
    if (b->rank == 0) printf("mean %.17g\nranks %d\n", mean, b->ranks);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    struct block b;
    int64_t n = argc == 5 ? atoll(argv[2]) : 0;
    row_fn *row = argc == 5 && strcmp(argv[1], "laplace") == 0 ? laplace_row : jacobi_row;
    int ranks;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (n < 3 || n < ranks) {
        fprintf(stderr, "usage: mpirun -n N mpi_stencil jacobi|laplace SIZE WARMUP REPEATS\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    open_block(&b, n);
    measure(&b, row, atoi(argv[3]), atoi(argv[4]));
    free(b.u);
    free(b.y);
    MPI_Finalize();
    return 0;
}
