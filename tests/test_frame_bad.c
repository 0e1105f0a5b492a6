/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_frame_bad.c: frames that are not what they should be, and memory that runs out. Whatever arrives, the reader says
 * STARP_ERR_FORMAT or builds something that encodes to the same bytes, can be planned and computed; nothing stays behind
 * of what it refuses. far_receive checks the latter for every frame it gets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference.h"
#include "wire.h"

/* ----------------------------------------------------------------------------------------------- damaged streams */

static int count_frames(const unsigned char *p, size_t n)
{
    int frames = 0;
    for (size_t at = 0; at < n; at = far_next(p, at)) frames++;
    return frames;
}

static void streams_replay(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 60; seed++) {
        size_t n;
        unsigned char *p = wire_record(seed, 20, &n);
        assert_int_equal(far_stream(p, n), count_frames(p, n));
        free(p);
    }
}

/* A frame whose body ends early, at every byte. Its header says so, hence the body's reader must find out. */
static void cut_bodies_are_refused(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 8; seed++) {
        size_t n, at = 0;
        unsigned char *p = wire_record(seed, 12, &n);
        for (int before = 0; at < n; before++) {
            size_t next = far_next(p, at), body = next - at - SP_FRAME_HEADER;
            for (size_t cut = 0; cut < body; cut++) {
                far_resize(p + at, cut);
                assert_int_equal(far_stream(p, at + SP_FRAME_HEADER + cut), before);
            }
            far_resize(p + at, body);
            at = next;
        }
        free(p);
    }
}

static void longer_bodies_are_refused(void **state)
{
    size_t n, at = 0;
    unsigned char *p = wire_record(3, 12, &n), *q = calloc(n + 9, 1);
    (void)state;
    assert_non_null(q);
    for (int before = 0; at < n; before++, at = far_next(p, at)) {
        size_t next = far_next(p, at);
        for (size_t extra = 1; extra < 9; extra++) {
            memcpy(q, p, next);
            memset(q + next, 0, extra);
            far_resize(q + at, next - at - SP_FRAME_HEADER + extra);
            assert_int_equal(far_stream(q, next + extra), before);
        }
    }
    free(p);
    free(q);
}

static void flipped_bits_do_no_harm(void **state)
{
    int good = 0, bad = 0;
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        size_t n;
        unsigned char *p = wire_record(seed, 6, &n);
        int all = count_frames(p, n);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            p[bit / 8] ^= (unsigned char)(1 << bit % 8);
            if (far_stream(p, n) == all) good++;
            else bad++;
            p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        free(p);
    }
    assert_true(good > 1000 && bad > 1000);
}

static void noise_does_no_harm(void **state)
{
    unsigned char p[SP_FRAME_HEADER + 400];
    struct sp_frame f = { 0 };
    uint64_t random = 5;
    (void)state;
    for (int i = 0; i < 30000; i++) {
        size_t body = (size_t)rig_below(&random, 400);
        sp_frame_begin(&f, (enum sp_frame_kind)rig_below(&random, SP_FRAME_KINDS), 1);
        memcpy(p, f.data, SP_FRAME_HEADER);
        far_resize(p, body);
        bool small = rig_below(&random, 2); /* counts and kinds are small numbers */
        for (size_t k = 0; k < body; k++) {
            p[SP_FRAME_HEADER + k] = (unsigned char)rig_below(&random, small && rig_below(&random, 3) ? 5 : 256);
            if (small && rig_below(&random, 3)) p[SP_FRAME_HEADER + k] = 0;
        }
        far_stream(p, SP_FRAME_HEADER + body);
    }
    sp_frame_free(&f);
}

/* -------------------------------------------------------------------------------------------- orders that lie */

/* y = x * x + 2 in an order, with x known to the far end. */
struct lie {
    struct rig r;
    struct wire *w;
    struct sp_node *x, *y;
    struct sp_order o;
    struct sp_frame f;
};

static void lie_begin(struct lie *l)
{
    static const double data[2] = { 3, 4 };
    struct sp_error e = { 0 };
    *l = (struct lie){ .w = wire_open(true) };
    rig_open(&l->r, &wire_ops, l->w);
    l->x = rig_data(&l->r, data, STARP_SHAPE(2), STARP_F64);
    assert_int_equal(rig_eval(&l->r, &l->x, 1, NULL), STARP_OK);
    struct sp_node *two = sp_build_const(&l->r.g, STARP_SHAPE0, STARP_F64, starp_number_real(2), true);
    struct sp_node *square = sp_build_map(&l->r.g, SP_OP_multiply, 2, (struct sp_node *[]){ l->x, l->x });
    l->y = sp_build_map(&l->r.g, SP_OP_add, 2, (struct sp_node *[]){ square, two });
    sp_node_release(&l->r.g, two);
    sp_node_release(&l->r.g, square);
    assert_int_equal(sp_order_make(&l->o, &l->r.g, &l->y, 1, true, &e), STARP_OK);
    assert_int_equal(l->o.n, 4);
}

static void lie_end(struct lie *l)
{
    sp_order_free(&l->o);
    sp_frame_free(&l->f);
    sp_node_release(&l->r.g, l->x);
    sp_node_release(&l->r.g, l->y);
    rig_close(&l->r);
}

static void expect_refused(struct lie *l, const bool *dies, const char *text)
{
    struct sp_error e = { 0 };
    sp_frame_begin(&l->f, SP_FRAME_EVAL, 1);
    assert_int_equal(sp_frame_eval(&l->f, &l->o, dies, 2, NULL, 0, &e), STARP_OK);
    assert_true(sp_frame_end(&l->f));
    starp_status status = far_receive(&l->w->far, l->f.data, l->f.n, &e);
    if (status != STARP_ERR_FORMAT || !strstr(e.text, text)) fail_msg("\"%s\" instead of \"%s\"", e.text, text);
    assert_int_equal(l->w->far.names.n, 1);
}

static void orders_that_lie_are_refused(void **state)
{
    struct lie l;
    static const bool dies[4] = { false, false, false, true };
    (void)state;
    lie_begin(&l);
    expect_refused(&l, dies, "do not go together");
    l.o.in[3][0] = 3;
    expect_refused(&l, NULL, "does not come before");
    l.o.in[3][0] = 2; /* the constant */
    expect_refused(&l, NULL, "not a node that its operation makes");
    l.o.in[3][0] = 1;
    l.o.root[3] = 0;
    expect_refused(&l, NULL, "nobody reads it");
    l.o.root[3] = 1;
    l.y->shared = true;
    expect_refused(&l, NULL, "is not");
    l.y->shared = false;
    struct sp_node *random = sp_build_random(&l.r.g, SP_OP_uniform, STARP_SHAPE(2), STARP_F64, 1, 2, 0, 0),
                   *last = l.o.node[3];
    l.o.node[3] = random->in[0];
    memset(l.o.root, 1, 4);
    expect_refused(&l, NULL, "no result");
    memset(l.o.root, 0, 3);
    l.o.node[3] = last;
    sp_node_release(&l.r.g, random);
    l.o.node[1]->id = l.x->id;
    expect_refused(&l, NULL, "is known");
    l.o.node[1] = l.x;
    l.o.root[1] = 1;
    expect_refused(&l, NULL, "twice");
    lie_end(&l);
}

/* A known node runs here as it was built here. */
static void known_nodes_are_held_to_what_they_are(void **state)
{
    static const double other[3] = { 1, 2, 3 };
    struct lie l;
    struct sp_error e = { 0 };
    (void)state;
    lie_begin(&l);
    struct sp_node *z = sp_build_map(&l.r.g, SP_OP_negative, 1, &l.y),
                   *p = rig_data(&l.r, other, STARP_SHAPE(3), STARP_F64);
    assert_int_equal(rig_eval(&l.r, (struct sp_node *[]){ z, p }, 2, NULL), STARP_OK);
    struct sp_names *names = &l.w->far.names;
    struct sp_node *there = sp_names_get(names, l.y->id);
    assert_true(l.y->kind == SP_KIND_MAP && there->kind == SP_KIND_MAP);
    for (int attempt = 0; attempt < 3; attempt++) {
        assert_int_equal(sp_order_make(&l.o, &l.r.g, (struct sp_node *[]){ p, l.y }, 2, true, &e), STARP_OK);
        if (attempt == 1) l.o.in[4][0] = 0; /* p, of another shape */
        uint8_t nin = l.y->nin;
        if (attempt == 2) l.y->nin = 0;
        sp_frame_begin(&l.f, SP_FRAME_EVAL, 1);
        assert_int_equal(sp_frame_eval(&l.f, &l.o, NULL, 2, NULL, 0, &e), STARP_OK);
        l.y->nin = nin;
        assert_true(sp_frame_end(&l.f));
        l.w->far.most = -1; /* nothing is computed */
        starp_status status = far_receive(&l.w->far, l.f.data, l.f.n, &e);
        assert_int_equal(status, attempt ? STARP_ERR_FORMAT : STARP_OK);
        if (attempt) assert_non_null(strstr(e.text, attempt == 1 ? "other inputs" : "not computed"));
        sp_error_clear(&e);
    }
    sp_node_release(&l.r.g, z);
    sp_node_release(&l.r.g, p);
    lie_end(&l);
}

/* A third result that is known, said to be one of a call that has two. */
static void known_results_stay_with_their_calls(void **state)
{
    static const double data[4] = { 4, 1, 1, 3 };
    struct lie l;
    struct sp_error e = { 0 };
    (void)state;
    lie_begin(&l);
    struct sp_graph *g = &l.r.g;
    struct sp_node *a = rig_data(&l.r, data, STARP_SHAPE(2, 2), STARP_F64), *lu = sp_build_factor(g, SP_CALL_lu, a, 0);
    struct sp_node *qr = sp_build_factor(g, SP_CALL_qr, a, 0), *order = sp_build_part(g, lu, 2), *r = sp_build_part(g, qr, 1);
    struct sp_node *z[2] = { sp_build_map(g, SP_OP_negative, 1, &order), sp_build_map(g, SP_OP_negative, 1, &r) };
    assert_int_equal(rig_eval(&l.r, z, 2, NULL), STARP_OK);
    for (int swapped = 0; swapped < 2; swapped++) {
        assert_int_equal(sp_order_make(&l.o, g, (struct sp_node *[]){ r, order }, 2, true, &e), STARP_OK);
        assert_int_equal(l.o.n, 5); /* a, qr, r, lu, order */
        if (swapped) l.o.in[order->index][0] = (int32_t)qr->index;
        sp_frame_begin(&l.f, SP_FRAME_EVAL, 1);
        assert_int_equal(sp_frame_eval(&l.f, &l.o, NULL, 2, NULL, 0, &e), STARP_OK);
        assert_true(sp_frame_end(&l.f));
        l.w->far.most = -1; /* nothing is computed */
        starp_status status = far_receive(&l.w->far, l.f.data, l.f.n, &e);
        assert_int_equal(status, swapped ? STARP_ERR_FORMAT : STARP_OK);
        if (swapped) assert_non_null(strstr(e.text, "other inputs"));
        sp_error_clear(&e);
    }
    struct sp_node *list[] = { a, lu, qr, order, r, z[0], z[1] };
    for (int k = 0; k < 7; k++) sp_node_release(g, list[k]);
    lie_end(&l);
}

/* A node that has failed for good, fails the frame with its own error. */
static void faults_are_passed_on(void **state)
{
    struct lie l;
    struct sp_error e = { 0 };
    (void)state;
    lie_begin(&l);
    struct sp_node *there = sp_names_get(&l.w->far.names, l.x->id);
    there->fault = sp_calloc(1, sizeof *there->fault);
    sp_fail(there->fault, STARP_ERR_COMPUTE, "lost");
    sp_frame_begin(&l.f, SP_FRAME_EVAL, 1);
    assert_int_equal(sp_frame_eval(&l.f, &l.o, NULL, 2, NULL, 0, &e), STARP_OK);
    assert_true(sp_frame_end(&l.f));
    assert_int_equal(far_receive(&l.w->far, l.f.data, l.f.n, &e), STARP_ERR_COMPUTE);
    assert_string_equal(e.text, "lost");
    lie_end(&l);
}

static void values_of_one_rank_are_not_sent(void **state)
{
    struct lie l;
    struct sp_error e = { 0 };
    (void)state;
    lie_begin(&l);
    l.x->shared = false;
    sp_frame_begin(&l.f, SP_FRAME_EVAL, 1);
    assert_int_equal(sp_frame_eval(&l.f, &l.o, NULL, 2, NULL, 0, &e), STARP_ERR_RUNTIME);
    assert_non_null(strstr(e.text, "one rank only"));
    assert_false(sp_frame_end(&l.f));
    l.x->shared = true;
    lie_end(&l);
}

/* ----------------------------------------------------------------------------------------------------------- memory */

static void memory_may_run_out_anywhere(void **state)
{
    struct lie l;
    starp_status status = STARP_ERR_MEMORY;
    (void)state;
    lie_begin(&l);
    for (uint64_t n = 1; status != STARP_OK; n++) {
        struct sp_error e = { 0 };
        sp_frame_free(&l.f);
        sp_alloc_fail_at(n);
        sp_frame_begin(&l.f, SP_FRAME_EVAL, 1);
        status = sp_frame_eval(&l.f, &l.o, NULL, 2, NULL, 0, &e);
        sp_alloc_fail_at(0);
        assert_int_equal(status, status == STARP_OK ? STARP_OK : STARP_ERR_MEMORY);
        assert_int_equal(sp_frame_end(&l.f), status == STARP_OK);
    }
    size_t first = far_next(l.w->stream, 0);
    status = STARP_ERR_MEMORY;
    for (uint64_t n = 1; status != STARP_OK; n++) {
        struct sp_error e = { 0 };
        struct sp_bytes b = { l.f.data + SP_FRAME_HEADER, l.f.data + l.f.n, false };
        struct far far;
        uint64_t run;
        far_open(&far, 100);
        assert_int_equal(far_receive(&far, l.w->stream, first, &e), STARP_OK); /* x */
        for (uint64_t id = 100; id < 131; id++) {                              /* until just before names grow */
            assert_true(sp_names_put(&far.names, id, sp_build_data(&far.r.g, STARP_SHAPE0, STARP_I8, NULL)));
        }
        sp_alloc_fail_at(n);
        status = sp_frame_read_eval(&b, &far.r.g, &far.names, &far.order, &run, &e);
        sp_alloc_fail_at(0);
        assert_int_equal(status, status == STARP_OK ? STARP_OK : STARP_ERR_MEMORY);
        assert_int_equal(far.names.n, status == STARP_OK ? 35 : 32);
        assert_int_equal(far.r.g.live, far.names.n);
        assert_true(status != STARP_OK || n > 5);
        far_close(&far);
    }
    lie_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_replay),
        cmocka_unit_test(cut_bodies_are_refused),
        cmocka_unit_test(longer_bodies_are_refused),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(noise_does_no_harm),
        cmocka_unit_test(orders_that_lie_are_refused),
        cmocka_unit_test(known_nodes_are_held_to_what_they_are),
        cmocka_unit_test(known_results_stay_with_their_calls),
        cmocka_unit_test(faults_are_passed_on),
        cmocka_unit_test(values_of_one_rank_are_not_sent),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
