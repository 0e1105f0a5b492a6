/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_ppeval_faults.c: what ppeval does where something is short or fails: messages longer than one may be, tasks that fail while items
 * are gathered, items that nobody can gather, and iterations that fail before anybody knows of which shape their results would be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fft_check.h"
#include "ppeval_check.h"
#include "ranks.h"
#include "rig.h"

/* ------------------------------------------------------------------------------------------------- functions of ours */

static const double factor = 3;

/* The slice, as often as the iteration's number tells. */
static int repeat(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)user;
    int64_t n = pc_size_of(&in[0]), times = 1 + it->index % 3;
    double *out = starp_iteration_output(it, 0, STARP_F64, &(starp_dims){ 2, { times, n } });
    if (!out) return 1;
    for (int64_t i = 0; i < times * n; i++) out[i] = pc_at_place(&in[0], i % n);
    return 0;
}

static void open_with(const char *environment)
{
    rig_environment(environment);
    session = starp_open(NULL);
    assert_non_null(session);
    pc_enter("combine", (starp_function){ .iterate = pc_combine, .nresults = 2, .user = &factor, .user_bytes = sizeof factor });
    pc_enter("repeat", (starp_function){ .iterate = repeat });
    la_done(starp_scope_open(session));
}

static void close_session(void)
{
    starp_stats stats;
    la_done(starp_scope_close(session));
    la_done(starp_stats_of(session, &stats));
    assert_int_equal(stats.nodes_live, 0);
    la_done(starp_close(session));
}

/* -------------------------------------------------------------------------------------------------------- messages */

#define SLICE 40
#define COUNT 30

/* Slices, what is whole, items and their table, and a few other things that travel: elements of all of them. */
static size_t travel(double *got)
{
    uint64_t seed = 7;
    starp_ragged *r;
    starp_array *x = fc_input(&(starp_dims){ 2, { SLICE, COUNT } }, STARP_F64, &seed), *whole = fc_input(&(starp_dims){ 1, { 1500 } }, STARP_F64, &seed);
    starp_array *list[6] = { starp_ppeval(session, "combine", STARP_ARGS(x, starp_ppbcast(whole))) };
    la_done(starp_ppeval_ragged(session, "repeat", STARP_ARGS(x), 1, &r));
    list[1] = starp_ppeval(session, "sum", STARP_ARGS(starp_ppitems(r)));
    list[2] = starp_ragged_item(r, COUNT - 1);
    starp_array *square = starp_at(x, "0:30");
    list[3] = starp_linalg_solve(starp_add(square, starp_eye(session, COUNT, COUNT, 0, STARP_F64)), square);
    list[4] = starp_add(x, starp_flip(x, NULL));
    list[5] = starp_reshape(x, STARP_SHAPE(COUNT, SLICE));
    size_t n = 0;
    for (int k = 0; k < 6; k++) {
        la_done(starp_read(list[k], got + n, 8 * (size_t)starp_size(list[k])));
        n += (size_t)starp_size(list[k]);
    }
    la_done(starp_ragged_release(r));
    fc_free_all();
    return n;
}

static void long_messages_go_in_parts(void **state)
{
    static const char *const lengths[] = { "1G", "16", "100", "1000" };
    double got[2][8000];
    size_t n[2];
    starp_stats stats[2];
    (void)state;
    for (int k = 0; k < 4; k++) {
        char environment[128];
        snprintf(environment, sizeof environment, "STARP_TILE=200 STARP_SMALL=0 STARP_PANEL=8 STARP_NCPU=2 STARP_MESSAGE=%s", lengths[k]);
        open_with(environment);
        n[k > 0] = travel(got[k > 0]);
        la_done(starp_stats_of(session, &stats[k > 0]));
        close_session();
        if (k == 0) continue;
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(got[0], got[1], n[0] * sizeof got[0][0]);
        if (stats[0].messages > 0) assert_true(stats[1].messages > stats[0].messages);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = { cmocka_unit_test(long_messages_go_in_parts) };
    return cmocka_run_group_tests(all, NULL, NULL);
}
