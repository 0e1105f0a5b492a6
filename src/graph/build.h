/* SPDX-License-Identifier: BSD-3-Clause */
/* build.h: what the build*.c files share. Nobody else includes it. */
#ifndef SP_BUILD_H
#define SP_BUILD_H

#include "graph.h"

/* A node with one reference and no inputs yet; NULL with the graph's error set. */
struct sp_node *sp_node_new(struct sp_graph *g, enum sp_kind kind, starp_dtype dtype, const starp_dims *shape);
void sp_node_input(struct sp_node *n, struct sp_node *input);
/* A shape and dtype that an array can have; else the graph's error says why not. */
bool sp_build_check(struct sp_graph *g, const char *what, const starp_dims *shape, starp_dtype dtype);
/* A view node of x, composed with x's own view: shape is what is seen. Takes nothing. */
struct sp_node *sp_build_view(struct sp_graph *g, struct sp_node *x, const struct sp_view *view, const starp_dims *shape);
/* "name: axis 5 is out of bounds for 3 dimensions": the normalised axis, or -1 with the error set. */
int sp_build_axis(struct sp_graph *g, const char *what, int64_t axis, int ndim);
/* The axes as a set of bits; NULL: all. False with the error set: out of bounds, or one twice. */
bool sp_build_axes(struct sp_graph *g, const char *what, const starp_dims *axes, int ndim, uint32_t *set);

#endif
