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
/* An i64 leaf: start + sum of step[k] * index[k]. */
struct sp_node *sp_build_iota(struct sp_graph *g, const starp_dims *shape, int64_t start, const int64_t *step);
/* op(index; param), where param has size bytes; takes the index. */
struct sp_node *sp_build_generator(struct sp_graph *g, enum sp_op op, starp_dtype dtype, struct sp_node *index,
                                   const void *param, size_t size);
/* What the shapes of n inputs broadcast to; false with the graph's error set. */
bool sp_build_common_shape(struct sp_graph *g, const char *what, int n, struct sp_node *const *in, starp_dims *shape);
/* x in a dtype, a weak scalar as its constant: a new reference. */
struct sp_node *sp_build_converted(struct sp_graph *g, struct sp_node *x, starp_dtype dtype);
/* A view node of x, composed with x's own view: shape is what is seen. Takes nothing. */
struct sp_node *sp_build_view(struct sp_graph *g, struct sp_node *x, const struct sp_view *view, const starp_dims *shape);
/* A view node of what is no view, constant or iota, whatever the view. Takes nothing. */
struct sp_node *sp_build_plain_view(struct sp_graph *g, struct sp_node *base, const struct sp_view *view, const starp_dims *shape);
/* "name: axis 5 is out of bounds for 3 dimensions": the normalised axis, or -1 with the error set. */
int sp_build_axis(struct sp_graph *g, const char *what, int64_t axis, int ndim);
/* At least two axes, the last two of one extent where it is to be square; else the graph's error says so. */
bool sp_build_is_matrix(struct sp_graph *g, const char *what, const struct sp_node *x, bool square);
/* The axes as a set of bits; NULL: all. False with the error set: out of bounds, or one twice. */
bool sp_build_axes(struct sp_graph *g, const char *what, const starp_dims *axes, int ndim, uint32_t *set);

#endif
