/* SPDX-License-Identifier: BSD-3-Clause */
/* test_plugin_bad.c: whatever is wrong with a plug-in, in the process or isolated, is an error with words, after which the session goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin_check.h"

static void refused(bool isolated, const char *path, starp_status status, const char *words)
{
    starp_array *x = starp_zeros(pl_session, STARP_SHAPE(8), STARP_F64);
    assert_int_equal(pl_load(isolated, path), status);
    if (!strstr(starp_last_error(), isolated ? "load_plugin_isolated: " : "load_plugin: ")) fail_msg("%s", starp_last_error());
    pl_said(status, words);
    assert_null(starp_ppeval(pl_session, "fine", STARP_ARGS(x)));
    starp_clear_error();
    starp_release(x);
}

static void all_refused(bool isolated)
{
    static const struct {
        const char *file;
        starp_status status;
        const char *words;
    } bad[] = {
        { STARP_PLUGINS "/nowhere.so", STARP_ERR_IO, "nowhere.so: No such file or directory" },
        { STARP_PLUGINS, STARP_ERR_IO, "Is a directory" },
        { STARP_SOURCE_DIR "/README.md", STARP_ERR_FORMAT, "invalid ELF header" },
        { STARP_PLUGINS "/bad_NO_ENTRY.so", STARP_ERR_FORMAT, "it is no plug-in: there is no starp_plugin_entry in it" },
        { STARP_PLUGINS "/bad_UNDEFINED.so", STARP_ERR_FORMAT, "undefined symbol: nowhere_defined" },
        { STARP_PLUGINS "/bad_VERSION.so", STARP_ERR_FORMAT, "it was built for version 2 of plug-ins; this library has 1" },
        { STARP_PLUGINS "/bad_SIZE.so", STARP_ERR_FORMAT, "its description has 8 bytes" },
        { STARP_PLUGINS "/bad_NULL.so", STARP_ERR_FORMAT, "its starp_plugin_entry() returns NULL" },
        { STARP_PLUGINS "/bad_EMPTY.so", STARP_ERR_FORMAT, "it has no functions" },
        { STARP_PLUGINS "/bad_COUNT.so", STARP_ERR_FORMAT, "-1 functions and 0 elementwise ones cannot be" },
        { STARP_PLUGINS "/bad_NAME.so", STARP_ERR_FORMAT, "function 1 () is not" },
        { STARP_PLUGINS "/bad_FUNCTION.so", STARP_ERR_FORMAT, "function 1 (second) is not" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(isolated, bad[i].file, bad[i].status, bad[i].words);
    assert_int_equal(pl_load(isolated, NULL), STARP_ERR_ARGUMENT);
    pl_said(STARP_ERR_ARGUMENT, "the path is NULL");
    pl_load_good(isolated);
    pl_check_extremes();
}

static void test_bad_ones_are_refused(void **state)
{
    (void)state;
    all_refused(false);
    refused(false, STARP_PLUGINS "/bad_ELEMENTWISE.so", STARP_ERR_FORMAT, "elementwise function 0 (each): out: 0 results; it must be 1");
    assert_int_equal(starp_load_plugin(NULL, GOOD), STARP_ERR_ARGUMENT);
    pl_said(STARP_ERR_ARGUMENT, "load_plugin: the session is NULL");
}

static void test_bad_ones_are_refused_isolated(void **state)
{
    (void)state;
    all_refused(true);
    refused(true, STARP_PLUGINS "/bad_ELEMENTWISE.so", STARP_ERR_FORMAT, "it has elementwise functions, which cannot be isolated");
    refused(true, STARP_PLUGINS "/bad_CRASH.so", STARP_ERR_RUNTIME, "while it is loaded, the plug-in crashed (signal 11)");
}

/* Good enough for rank 0, which then spoils the file for the others. */
static void test_other_ranks_refuse(void **state)
{
    char path[64];
    (void)state;
    if (starp_ranks(pl_session) == 1) skip();
    for (int isolated = 0; isolated < 2; isolated++) {
        refused(isolated, STARP_PLUGINS "/bad_RANK_VERSION.so", STARP_ERR_FORMAT, "rank 1: it was built for version 99");
        refused(isolated, STARP_PLUGINS "/bad_RANK_FEWER.so", STARP_ERR_RUNTIME, "rank 1: it has 1 functions here, and 2 on rank 0");
        pl_copy(STARP_PLUGINS "/bad_RANK_GONE.so", path);
        setenv("STARP_TEST_PLUGIN", path, 1);
        refused(isolated, path, STARP_ERR_IO, "rank 1: No such file or directory");
        pl_copy(STARP_PLUGINS "/bad_RANK_OTHER.so", path);
        setenv("STARP_TEST_PLUGIN", path, 1);
        refused(isolated, path, STARP_ERR_RUNTIME, "rank 1: it is another file here");
        unlink(path);
    }
    pl_load_good(false);
    pl_check_extremes();
}

static int set_up_impatient(void **state)
{
    (void)state;
    return pl_open_with("STARP_PLUGIN_SECONDS", "1");
}

static void test_loading_has_an_end(void **state)
{
    (void)state;
    static const char words[] = "while it is loaded, the plug-in takes longer than 1 s (STARP_PLUGIN_SECONDS)";
    refused(true, STARP_PLUGINS "/bad_HANG.so", STARP_ERR_RUNTIME, words);
    if (starp_ranks(pl_session) > 1) refused(true, STARP_PLUGINS "/bad_RANK_HANG.so", STARP_ERR_RUNTIME, words);
    pl_load_good(true);
    pl_check_extremes();
}

static void test_no_helper(void **state)
{
    (void)state;
    setenv("STARP_HELPER", "/nowhere/starp-helper", 1);
    refused(true, GOOD, STARP_ERR_RUNTIME, "/nowhere/starp-helper cannot be started: No such file or directory");
    setenv("STARP_HELPER", "/bin/false", 1);
    refused(true, GOOD, STARP_ERR_RUNTIME, "while it is loaded, the plug-in ended its process (exit status 1)");
    setenv("STARP_HELPER", STARP_TEST_HELPER, 1);
    pl_load_good(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_ones_are_refused, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_bad_ones_are_refused_isolated, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_other_ranks_refuse, pl_open, pl_close),
        cmocka_unit_test_setup_teardown(test_loading_has_an_end, set_up_impatient, pl_close),
        cmocka_unit_test_setup_teardown(test_no_helper, pl_open, pl_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
