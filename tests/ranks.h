/* SPDX-License-Identifier: BSD-3-Clause */
/* ranks.h: for tests of what holds for a single process only; the suite is also run by mpirun. */
#ifndef RANKS_H
#define RANKS_H

#include <stdlib.h>

/* Failing allocations end a job of several ranks, and counts are each rank's own. */
#define SKIP_ON_RANKS() \
    do { \
        const char *ranks_ = getenv("OMPI_COMM_WORLD_SIZE"); \
        if (ranks_ && atoi(ranks_) > 1) skip(); \
    } while (0)

#endif
