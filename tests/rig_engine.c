/* SPDX-License-Identifier: BSD-3-Clause */
/* rig_engine.c: a rig on the engine's executor. Apart from rig.c, so that the graph floor's tests do not need StarPU. */
#include <stdlib.h>

#include "rig.h"
#include "sched.h"

void rig_open_engine(struct rig *r)
{
    struct sp_error e = { 0 };
    struct sp_sched *sched;
    if (sp_sched_open(&sched, &e) != STARP_OK) {
        fprintf(stderr, "the engine does not open: %s\n", e.text);
        abort();
    }
    rig_open(r, &sp_sched_ops, sched);
    r->ranks = sp_sched_ranks(sched);
}
