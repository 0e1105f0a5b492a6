/* SPDX-License-Identifier: BSD-3-Clause */
/* rig_expect.c: a node of the engine held against the oracle's, as a cmocka assertion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rig.h"

static void expect_same_kind(const char *what, const struct sp_node *a, const struct sp_node *b)
{
    char x[SP_SHAPE_TEXT], y[SP_SHAPE_TEXT];
    if (a->dtype == b->dtype && sp_shape_equal(&a->shape, &b->shape)) return;
    fail_msg("%s: %s %s instead of %s %s", what, sp_dtypes[a->dtype].name, sp_shape_text(x, &a->shape),
             sp_dtypes[b->dtype].name, sp_shape_text(y, &b->shape));
}

void rig_expect(const char *what, struct rig *engine, struct rig *oracle, const struct sp_node *a, const struct sp_node *b,
                double ulps)
{
    char x[RIG_TEXT], y[RIG_TEXT];
    starp_dtype d = (starp_dtype)b->dtype;
    int64_t n = sp_shape_size(&b->shape), at = -1;
    expect_same_kind(what, a, b);
    void *got = rig_read(engine, a), *want = rig_read(oracle, b);
    if (!got || !want) fail_msg("%s: no value", what);
    double worst = rig_worst(d, got, want, n, &at);
    if (ulps == 0) at = rig_differ(d, got, want, n, true);
    if (ulps == 0 ? at >= 0 : worst > ulps) {
        fail_msg("%s: element %lld of %lld: %s instead of %s, %g ulps", what, (long long)at, (long long)n,
                 rig_text(x, d, got, at), rig_text(y, d, want, at), worst);
    }
    free(got);
    free(want);
}

void rig_release(struct rig *r, struct sp_node *const *list, int n)
{
    for (int i = 0; i < n; i++) sp_node_release(&r->g, list[i]);
}
