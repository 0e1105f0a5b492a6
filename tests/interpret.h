/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interpret.h: an executor that plans as the engine does and then runs the plan by hand, element by element with the
 * oracle's scalar formulas. It tests the planner alone: no tiles, no kernels, no tasks. Buffers are taken over in place
 * wherever the plan allows it.
 */
#ifndef SP_TEST_INTERPRET_H
#define SP_TEST_INTERPRET_H

#include "graph.h"

struct interpreter {
    struct sp_plan_options options;
    struct sp_plan_cache cache;
    uint64_t steps, fused, inplace, merged, calls, made, parts; /* what has been run, so that tests know they tested something */
};

extern const struct sp_executor_ops interpreter_ops;
struct interpreter *interpreter_open(bool fuse, bool merge, bool inplace);

#endif
