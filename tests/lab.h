/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab.h: where planner tests build and plan small graphs of f64 arrays. Nodes are kept until the lab closes, which checks
 * that nothing else is left. It needs the graph floor only.
 */
#ifndef SP_TEST_LAB_H
#define SP_TEST_LAB_H

#include "rig.h"

/* A graph, and the plan of what was asked for last. */
struct lab {
    struct rig r;
    struct sp_order order;
    struct sp_plan *plan;
    struct sp_plan_cache cache;
    struct sp_plan_options options;
    struct sp_node *made[64];
    int n;
};

struct lab lab_open(void);
void lab_close(struct lab *l);

struct sp_node *lab_keep(struct lab *l, struct sp_node *n); /* fails the test for NULL */
struct sp_node *lab_array(struct lab *l, int64_t rows, int64_t cols); /* cols 0: a vector */
struct sp_node *lab_number(struct lab *l, double v);                  /* weak */
struct sp_node *lab_op(struct lab *l, enum sp_op op, struct sp_node *a);
struct sp_node *lab_op2(struct lab *l, enum sp_op op, struct sp_node *a, struct sp_node *b);
struct sp_node *lab_cut(struct lab *l, struct sp_node *x, int64_t start, int64_t stop);
struct sp_node *lab_sum(struct lab *l, struct sp_node *x);

/* Plans nodes together; the plan stays in the lab until the next one: LAB_PLAN(&l, x, y). */
const struct sp_plan *lab_plan(struct lab *l, int n, struct sp_node *const *roots);
#define LAB_PLAN(lab, ...) \
    lab_plan((lab), STARP_COUNT_(struct sp_node *, __VA_ARGS__), (struct sp_node *[]){ __VA_ARGS__ })

void lab_expect_steps(struct lab *l, int n);
int lab_stored(const struct lab *l); /* nodes that the plan gives a value */

#endif
