/* SPDX-License-Identifier: BSD-3-Clause */
/* world.h: what world.c, which joins and leaves the job, and control.c, which talks in between, have of each other. */
#ifndef SP_WORLD_H
#define SP_WORLD_H

#include "engine.h"

/* The connections are there: on rank 0 one for each rank, the first unused; elsewhere the first, to rank 0. The descriptors
   are control.c's from now on. seconds: as STARP_TIMEOUT. */
starp_status sp_control_start(const int *fd, int64_t seconds, struct sp_error *e);
/* Rank 0: the others may end. False when not all can be told: the job is lost. */
bool sp_control_dismiss(void);
/*
 * Ends a rank that is not 0: rank 0 has gone, or asks for it. This is what starp_open documents, and the only place where the
 * library ends a process: no program of the user's runs on this rank. MPI is left in order only when all are there.
 */
_Noreturn void sp_world_end(bool orderly);

#endif
