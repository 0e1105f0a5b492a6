/* SPDX-License-Identifier: BSD-3-Clause */
/* apply.h: what the tests of functions for each element share. */
#ifndef APPLY_H
#define APPLY_H

#include "starp.h"

/* affine: 2 x + 1. bend: x y - x. choose: x < y ? z : x. square, of f32. mirror: conj(x) + y. magnitude: |re x| + |im x|. level: x > 0.5 ?
   7 : -2, i32. greater: x > y, bool. invert: !x, of bool, i8. triple: 3 x, of i16, i64. The last one has no name. */
struct apply_function {
    const char *name;
    starp_elementwise f;
};
extern const struct apply_function apply_functions[];

/* A session in an environment that has the functions, and a scope; fails the test when it does not open. */
starp_session *apply_open(const char *environment);
void apply_close(starp_session *s);

/* The plan for x, to be freed; fails the test unless a text has a part. */
char *apply_explain(starp_array *x);
void apply_expect(const char *text, const char *part);

#endif
