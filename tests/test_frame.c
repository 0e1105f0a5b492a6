/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_frame.c: what is written is read: primitives, headers, bodies, names, and graphs of every kind through a wire
 * (wire.h), whose far end computes what the oracle computes of the original, bit by bit.
 *   TEST_GRAPHS=n, TEST_SEED=n: as in test_random_graphs.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random_graph.h"
#include "reference.h"
#include "wire.h"

/* ------------------------------------------------------------------------------------------------------ primitives */

static void numbers_are_little_endian(void **state)
{
    static const unsigned char want[] = { 1,    3,    2,    7,    6,   5,   4,   0xef, 0xcd, 0xab, 0x89, 0x67,
                                          0x45, 0x23, 0x01, 0xfe, 255, 255, 255, 255,  255,  255,  255 };
    struct sp_frame f = { 0 };
    (void)state;
    sp_frame_u8(&f, 1);
    sp_frame_u16(&f, 0x0203);
    sp_frame_u32(&f, 0x04050607);
    sp_frame_u64(&f, 0x0123456789abcdef);
    sp_frame_i64(&f, -2);
    assert_int_equal(f.n, sizeof want);
    assert_memory_equal(f.data, want, sizeof want);
    struct sp_bytes b = { f.data, f.data + f.n, false };
    assert_int_equal(sp_bytes_u8(&b), 1);
    assert_int_equal(sp_bytes_u16(&b), 0x0203);
    assert_int_equal(sp_bytes_u32(&b), 0x04050607);
    assert_true(sp_bytes_u64(&b) == 0x0123456789abcdef);
    assert_true(sp_bytes_i64(&b) == -2);
    assert_int_equal(sp_bytes_left(&b), 0);
    assert_false(b.bad);
    sp_frame_free(&f);
}

static void reading_past_the_end_stays_bad(void **state)
{
    static const unsigned char data[] = { 1, 2, 3, 17 };
    struct sp_bytes b = { data, data + 3, false }, c = { data + 3, data + 4, false };
    starp_dims shape;
    (void)state;
    assert_int_equal(sp_bytes_u32(&b), 0);
    assert_true(b.bad);
    assert_int_equal(sp_bytes_u8(&b), 0);
    assert_null(sp_bytes_take(&b, 0));
    sp_bytes_shape(&c, &shape); /* more than STARP_MAXDIM */
    assert_true(c.bad);
    assert_int_equal(shape.n, 0);
}

static void headers_are_checked(void **state)
{
    struct sp_frame f = { 0 };
    struct sp_frame_head h;
    struct sp_error e = { 0 };
    static const struct {
        size_t at;
        unsigned char value;
        const char *text;
    } bad[] = { { 0, 'x', "not a frame" },
                { 4, SP_OPS - 1, "version" },
                { 5, (SP_FRAME_VERSION >> 8) + 1, "version" },
                { 6, SP_FRAME_KINDS, "kind" },
                { 12, 9, "body of 9" } };
    (void)state;
    for (int kind = 0; kind < SP_FRAME_KINDS; kind++) {
        bool empty = kind == SP_FRAME_OPEN || kind == SP_FRAME_CLOSE || kind == SP_FRAME_CANCEL || kind == SP_FRAME_END;
        sp_frame_begin(&f, (enum sp_frame_kind)kind, 0xdeadbeef);
        for (int i = 0; i < 38 && !empty; i++) sp_frame_u8(&f, 0);
        if (kind == SP_FRAME_GET) f.n = SP_FRAME_HEADER + 8;
        if (kind == SP_FRAME_OUTCOME) f.n = SP_FRAME_HEADER + 9;
        assert_true(sp_frame_end(&f));
        assert_int_equal(sp_frame_header(f.data, &h, &e), STARP_OK);
        assert_true(h.kind == (enum sp_frame_kind)kind && h.session == 0xdeadbeef && h.bytes == f.n - SP_FRAME_HEADER);
    }
    sp_frame_begin(&f, SP_FRAME_END, 1);
    assert_true(sp_frame_end(&f));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char copy[SP_FRAME_HEADER];
        memcpy(copy, f.data, sizeof copy);
        copy[bad[i].at] = bad[i].value;
        sp_error_clear(&e);
        assert_int_equal(sp_frame_header(copy, &h, &e), STARP_ERR_FORMAT);
        assert_non_null(strstr(e.text, bad[i].text));
    }
    sp_frame_free(&f);
}

/* ----------------------------------------------------------------------------------------------------------- bodies */

static struct sp_bytes body_of(struct sp_frame *f)
{
    assert_true(sp_frame_end(f));
    return (struct sp_bytes){ f->data + SP_FRAME_HEADER, f->data + f->n, false };
}

static void arrays_are_put(void **state)
{
    static const double data[6] = { 1, -2, 3, 4, 5, 6 };
    struct sp_frame f = { 0 };
    struct sp_error e = { 0 };
    (void)state;
    for (int k = 0; k < 4; k++) {
        struct sp_put got,
            x = { .id = 77 + (uint64_t)k, .dtype = STARP_F64, .site = 0x1234, .data = k & 1 ? data : NULL };
        x.shape = k < 2 ? *STARP_SHAPE(2, 3) : *STARP_SHAPE(1, 0, 4);
        sp_frame_begin(&f, SP_FRAME_PUT, 5);
        sp_frame_put(&f, &x);
        struct sp_bytes b = body_of(&f);
        assert_int_equal(sp_frame_read_put(&b, &got, &e), STARP_OK);
        assert_true(got.id == x.id && got.dtype == x.dtype && got.site == x.site &&
                    sp_shape_equal(&got.shape, &x.shape));
        assert_int_equal(got.data != NULL, k & 1);
        if (k == 1) assert_memory_equal(got.data, data, sizeof data);
        for (size_t n = 0; n < f.n - SP_FRAME_HEADER; n++) {
            struct sp_bytes less = { f.data + SP_FRAME_HEADER, f.data + SP_FRAME_HEADER + n, false };
            sp_error_clear(&e);
            assert_int_equal(sp_frame_read_put(&less, &got, &e), STARP_ERR_FORMAT);
        }
        sp_error_clear(&e);
    }
    sp_frame_begin(&f, SP_FRAME_PUT, 5); /* 2^62 bytes: they are not there, and nobody looks */
    sp_frame_put(&f, &(struct sp_put){ .dtype = STARP_F64, .shape = *STARP_SHAPE(INT64_C(1) << 59), .data = data });
    assert_false(sp_frame_end(&f));
    sp_frame_free(&f);
}

static void arrays_that_cannot_be_are_refused(void **state)
{
    static const struct {
        int dtype, replicated;
        starp_dims shape;
    } bad[] = { { STARP_NDTYPES, 0, { 0 } },
                { 255, 0, { 0 } },
                { STARP_I8, 2, { 0 } },
                { STARP_I8, 0, { 1, { -1 } } },
                { STARP_F64, 0, { 1, { INT64_MAX } } },
                { STARP_F64, 1, { 1, { INT64_C(1) << 60 } } },
                { STARP_I8, 1, { 2, { INT64_MAX, 2 } } } };
    struct sp_frame f = { 0 };
    struct sp_put got;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sp_error e = { 0 };
        sp_frame_begin(&f, SP_FRAME_PUT, 5);
        sp_frame_u64(&f, 1);
        sp_frame_u8(&f, (uint8_t)bad[i].dtype);
        sp_frame_u8(&f, (uint8_t)bad[i].replicated);
        sp_frame_u64(&f, 2);
        sp_frame_shape(&f, &bad[i].shape);
        struct sp_bytes b = body_of(&f);
        assert_int_equal(sp_frame_read_put(&b, &got, &e), STARP_ERR_FORMAT);
    }
    sp_frame_free(&f);
}

static void answers_come_back(void **state)
{
    struct sp_frame f = { 0 };
    struct sp_error e = { 0 };
    struct sp_outcome outcome;
    struct sp_done got, done = { .run = 1ull << 63, .site = UINT64_MAX };
    (void)state;
    for (unsigned n = 0; n < sizeof done.text; n++) {
        done.status = n % (STARP_ERR_RUNTIME + 1);
        memset(done.text, 'a' + (int)n % 26, n);
        sp_frame_begin(&f, SP_FRAME_DONE, 0);
        sp_frame_done(&f, &done);
        struct sp_bytes b = body_of(&f);
        assert_int_equal(sp_frame_read_done(&b, &got, &e), STARP_OK);
        assert_true(got.run == done.run && got.site == done.site && got.status == done.status);
        assert_string_equal(got.text, done.text);
    }
    f.data[SP_FRAME_HEADER + 8] = STARP_ERR_RUNTIME + 1;
    struct sp_bytes b = { f.data + SP_FRAME_HEADER, f.data + f.n, false };
    assert_int_equal(sp_frame_read_done(&b, &got, &e), STARP_ERR_FORMAT);
    sp_error_clear(&e);
    for (int commit = 0; commit < 3; commit++) {
        sp_frame_begin(&f, SP_FRAME_OUTCOME, 0);
        sp_frame_outcome(&f, &(struct sp_outcome){ 9, commit });
        f.data[f.n - 1] = (unsigned char)commit;
        b = body_of(&f);
        assert_int_equal(sp_frame_read_outcome(&b, &outcome, &e), commit < 2 ? STARP_OK : STARP_ERR_FORMAT);
        assert_true(commit == 2 || (outcome.run == 9 && outcome.commit == (commit == 1)));
    }
    sp_frame_free(&f);
}

/* ------------------------------------------------------------------------------------------------------------ names */

/* Against an array, with ids of all kinds, through growth and many drops. */
static void names_are_kept(void **state)
{
    enum { N = 700 };
    struct sp_node *model[N] = { 0 };
    struct sp_graph g;
    struct sp_names names;
    uint64_t random = 1;
    (void)state;
    sp_graph_init(&g, NULL, NULL);
    sp_names_init(&names);
    for (int step = 0; step < 20000; step++) {
        int i = (int)rig_below(&random, N);
        uint64_t id = i % 3 == 0 ? (uint64_t)i : i % 3 == 1 ? (uint64_t)i << 40 : UINT64_MAX - (uint64_t)i;
        assert_ptr_equal(sp_names_get(&names, id), model[i]);
        if (rig_below(&random, step % 5000 < 2500 ? 4 : 2) == 0) {
            assert_int_equal(sp_names_drop(&names, &g, id), model[i] != NULL);
            model[i] = NULL;
        } else if (!model[i]) {
            model[i] = sp_build_const(&g, STARP_SHAPE0, STARP_I64, starp_number_int(i), false);
            assert_true(sp_names_put(&names, id, model[i]));
            assert_false(sp_names_put(&names, id, model[i]));
        }
        assert_int_equal(g.live, names.n);
    }
    sp_names_free(&names, &g);
    assert_int_equal(g.live, 0);
    sp_graph_free(&g);
}

/* ----------------------------------------------------------------------------------------------------------- graphs */

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static void expect_empty(struct rig *r)
{
    struct wire *w = r->self;
    assert_int_equal(r->g.live, 0);
    wire_flush(w);
    assert_int_equal(w->far.r.g.live, 0);
    assert_int_equal(w->far.names.n, 0);
}

static void random_graphs_go_through(void **state)
{
    int64_t seed = from_environment("TEST_SEED", -1), n = seed >= 0 ? 1 : from_environment("TEST_GRAPHS", 200);
    int64_t first = seed >= 0 ? seed : 1;
    char text[RG_TEXT];
    (void)state;
    for (int merge = 0; merge < 2; merge++) {
        struct rig near, oracle;
        struct wire *w = wire_open(merge);
        rig_open(&near, &wire_ops, w);
        for (int64_t i = first; i < first + n; i++) {
            struct rg_options o = { .seed = (uint64_t)i, .transcendental = i % 2, .max_size = 60 };
            o.steps = i % 5 == 4 ? 150 : 30;
            struct rg_outcome got, want;
            rg_run(&near, &o, &got);
            rig_open_reference(&oracle);
            rg_run(&oracle, &o, &want);
            rig_close(&oracle);
            bool differ = rg_bits_differ(&got, &want, false, text);
            if (differ) fail_msg("TEST_SEED=%lld, merging %d: %s", (long long)i, merge, text);
            rg_outcome_free(&got);
            rg_outcome_free(&want);
            expect_empty(&near);
        }
        if (n > 50) assert_true(w->far.built > 1000 && w->known > 100 && w->dropped > 1000 && w->died > 100);
        rig_close(&near);
    }
}

/* Evaluates a node through the wire and holds it against bytes. */
static void expect_bytes(struct rig *r, struct sp_node *n, const void *want, size_t size)
{
    assert_non_null(n);
    assert_int_equal(rig_eval(r, &n, 1, NULL), STARP_OK);
    void *got = rig_read(r, n);
    assert_memory_equal(got, want, size);
    free(got);
    sp_node_release(&r->g, n);
}

/* In the description, that is: the oracle's values may lose some. */
static void constants_keep_their_bits(void **state)
{
    static const uint64_t bits[] = { 0x8000000000000000, 0x7ff8dead0000beef, 0xfff0000000000001, 0x7ff0000000000000, 1,
                                     0x3ff0000000000000 };
    struct wire *w = wire_open(true);
    struct rig r;
    (void)state;
    rig_open(&r, &wire_ops, w);
    for (size_t i = 0; i < 2 * sizeof bits / sizeof *bits; i++) {
        struct sp_node *n = sp_build_const(&r.g, STARP_SHAPE0, STARP_F64, starp_number_real(1), i & 1);
        memcpy(n->param, &bits[i / 2], 8);
        assert_int_equal(rig_eval(&r, &n, 1, NULL), STARP_OK);
        assert_memory_equal(w->far.order.node[0]->param, n->param, SP_PARAM_SIZE);
        assert_int_equal(w->far.order.node[0]->weak, i & 1);
        sp_node_release(&r.g, n);
    }
    expect_empty(&r);
    rig_close(&r);
}

/* An index that depends on no axis is its start alone. */
static void an_index_without_axes_keeps_its_start(void **state)
{
    static const double want = 42.5;
    struct rig r;
    (void)state;
    rig_open(&r, &wire_ops, wire_open(true));
    r.g.site = &want;
    struct sp_node *x = sp_build_arange(&r.g, 0.5, 100, 1, STARP_F64);
    struct sp_node *index = sp_build_slice(&r.g, x->in[0], 1, &STARP_AT(42));
    struct sp_node model = *x;
    model.in[0] = index;
    model.shape.n = 0;
    struct sp_node *n = sp_build_like(&r.g, &model);
    sp_node_release(&r.g, index);
    sp_node_release(&r.g, x);
    expect_bytes(&r, n, &want, sizeof want);
    expect_empty(&r);
    rig_close(&r);
}

/*
 * y reads b, which is merged into its twin a and never sent. Then a gets a value, and only then is y evaluated: there y
 * reads a, which is computed, where the frame says that it reads the pending b.
 */
static void twins_part_again(void **state)
{
    static const double data[3] = { 1, 2, 3 }, want[3] = { -2, -5, -10 };
    struct rig r;
    struct wire *w = wire_open(true);
    (void)state;
    rig_open(&r, &wire_ops, w);
    struct sp_node *x = rig_data(&r, data, STARP_SHAPE(3), STARP_F64),
                   *one = sp_build_const(&r.g, STARP_SHAPE0, STARP_F64, starp_number_real(1), true);
    struct sp_node *a = sp_build_map(&r.g, SP_OP_square, 1, &x), *b = sp_build_map(&r.g, SP_OP_square, 1, &x);
    struct sp_node *y = sp_build_map(&r.g, SP_OP_add, 2, (struct sp_node *[]){ b, one }),
                   *z = sp_build_map(&r.g, SP_OP_negative, 1, &y);
    assert_int_equal(rig_eval(&r, (struct sp_node *[]){ a, z }, 2, NULL), STARP_OK);
    assert_true(w->order.merged == 1 && y->shared && y->kind == SP_KIND_MAP && !b->shared);
    struct sp_node *again = sp_build_map(&r.g, SP_OP_negative, 1, &y);
    rig_release(&r, (struct sp_node *[]){ one, a, b, y, z }, 5);
    assert_int_equal(w->known, 0);
    expect_bytes(&r, again, want, sizeof want);
    assert_int_equal(w->known, 1);
    sp_node_release(&r.g, x);
    expect_empty(&r);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(reading_past_the_end_stays_bad),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(arrays_are_put),
        cmocka_unit_test(arrays_that_cannot_be_are_refused),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(names_are_kept),
        cmocka_unit_test(random_graphs_go_through),
        cmocka_unit_test(constants_keep_their_bits),
        cmocka_unit_test(an_index_without_axes_keeps_its_start),
        cmocka_unit_test(twins_part_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
