/* SPDX-License-Identifier: BSD-3-Clause */
/* reductions.h: the public reductions as one list, on nodes, for tests that go through all of them. */
#ifndef SP_TEST_REDUCTIONS_H
#define SP_TEST_REDUCTIONS_H

#include "rig.h"

enum reduction { SUM, MEAN, PROD, MIN, MAX, VAR, STD, ANY, ALL, COUNT_NONZERO, ARGMIN, ARGMAX, REDUCTIONS };
extern const char *const reduction_names[REDUCTIONS];

/* VAR has correction 0, STD correction 1. NULL with the graph's error set where the reduction refuses. */
struct sp_node *reduction_build(struct sp_graph *g, enum reduction what, struct sp_node *x, const starp_dims *axes, bool keep);
/* The dtype of its result; STARP_NDTYPES: refused. */
starp_dtype reduction_dtype(enum reduction what, starp_dtype d);

/* An array of random elements, as rig_fill makes them. */
struct sp_node *reduction_operand(struct rig *r, const starp_dims *shape, starp_dtype d, double lo, double hi, uint64_t seed);
/* The axes whose bits are in the set; every other one as a negative number. */
starp_dims reduction_axes(unsigned set, int ndim);

#endif
