/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_options.c: every STARP_* variable: the values it takes, the values it refuses and in which words, its default, and
 * what starp_info says of its value and of where that came from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "sched.h"

struct variable {
    const char *name, *value;
};

static const char *one_variable(const char *name, void *user)
{
    const struct variable *v = user;
    return strcmp(name, v->name) == 0 ? v->value : NULL;
}

static const char *const names[SP_NOPTIONS] = {
#define X(id, variable, ...) variable,
    SP_OPTIONS(X)
#undef X
};

static starp_status parse(const char *name, const char *value, struct sp_options *o, struct sp_error *e)
{
    struct variable v = { name, value };
    sp_error_clear(e);
    memset(o, 0xee, sizeof *o);
    return sp_options_parse(o, one_variable, &v, e);
}

/* ---------------------------------------------------------------------------------------------------------- defaults */

static void defaults_without_variables(void **state)
{
    struct sp_options o;
    struct sp_error e = { 0 };
    (void)state;
    assert_int_equal(parse("", "", &o, &e), STARP_OK);
    for (int i = 0; i < SP_NOPTIONS; i++) assert_false(o.at[i].from_environment);
    assert_int_equal(SP_OPTION(&o, ncpu), 0);
    assert_int_equal(SP_OPTION(&o, tile), 262144);
    assert_int_equal(SP_OPTION(&o, fuse), 1);
    assert_int_equal(SP_OPTION(&o, cse), 1);
    assert_int_equal(SP_OPTION(&o, inplace), 1);
    assert_int_equal(SP_OPTION(&o, memory_limit), 0);
    assert_int_equal(SP_OPTION(&o, check), 0);
    assert_int_equal(SP_OPTION(&o, fault), 0);
    assert_string_equal(o.at[SP_OPTION_sched].text, "lws");
    assert_string_equal(o.at[SP_OPTION_isa].text, "best");
    assert_string_equal(o.at[SP_OPTION_pivoting].text, "partial");
    assert_true(sp_option_is(&o, SP_OPTION_pivoting, "partial") && !sp_option_is(&o, SP_OPTION_pivoting, "tournament"));
}

static void an_empty_variable_is_none(void **state)
{
    struct sp_options o;
    struct sp_error e = { 0 };
    (void)state;
    for (int i = 0; i < SP_NOPTIONS; i++) {
        assert_int_equal(parse(names[i], "", &o, &e), STARP_OK);
        assert_false(o.at[i].from_environment);
    }
}

/* -------------------------------------------------------------------------------------------------------- good values */

static void numbers(void **state)
{
    static const struct {
        int id;
        const char *text;
        int64_t value;
    } rows[] = {
        { SP_OPTION_ncpu, "0", 0 },
        { SP_OPTION_ncpu, "2", 2 },
        { SP_OPTION_ncpu, "4096", 4096 },
        { SP_OPTION_tile, "1", 1 },
        { SP_OPTION_tile, "7", 7 },
        { SP_OPTION_tile, "64K", 65536 },
        { SP_OPTION_tile, "1024G", (int64_t)1 << 40 },
        { SP_OPTION_small, "0", 0 },
        { SP_OPTION_small, "1m", 1 << 20 },
        { SP_OPTION_memory_limit, "0", 0 },
        { SP_OPTION_memory_limit, "8G", (int64_t)8 << 30 },
        { SP_OPTION_memory_limit, "9223372036854775807", INT64_MAX },
        { SP_OPTION_max_nodes, "16", 16 },
        { SP_OPTION_max_nodes, "1073741824", 1 << 30 },
        { SP_OPTION_in_flight, "1", 1 },
        { SP_OPTION_message, "1G", 1 << 30 },
        { SP_OPTION_shared, "0", 0 },
        { SP_OPTION_fault, "3", 3 },
    };
    struct sp_options o;
    struct sp_error e = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (parse(names[rows[i].id], rows[i].text, &o, &e) != STARP_OK) fail_msg("%s", e.text);
        assert_true(o.at[rows[i].id].value == rows[i].value);
        assert_true(o.at[rows[i].id].from_environment);
    }
}

static void switches(void **state)
{
    static const int ids[] = { SP_OPTION_fuse, SP_OPTION_cse, SP_OPTION_inplace, SP_OPTION_progress, SP_OPTION_explain, SP_OPTION_check };
    static const char *const yes[] = { "1", "yes", "on", "true" }, *const no[] = { "0", "no", "off", "false" };
    struct sp_options o;
    struct sp_error e = { 0 };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (int k = 0; k < 4; k++) {
            assert_int_equal(parse(names[ids[i]], yes[k], &o, &e), STARP_OK);
            assert_int_equal(o.at[ids[i]].value, 1);
            assert_int_equal(parse(names[ids[i]], no[k], &o, &e), STARP_OK);
            assert_int_equal(o.at[ids[i]].value, 0);
        }
    }
}

static void words(void **state)
{
    static const char *const policies[] = { "lws", "ws", "eager", "prio", "random", "dmda", "lws-prio" };
    static const char *const sets[] = { "best", "generic", "avx2", "avx512" };
    struct sp_options o;
    struct sp_error e = { 0 };
    (void)state;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(parse("STARP_SCHED", policies[i], &o, &e), STARP_OK);
        assert_string_equal(o.at[SP_OPTION_sched].text, policies[i]);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(parse("STARP_ISA", sets[i], &o, &e), STARP_OK);
        assert_string_equal(o.at[SP_OPTION_isa].text, sets[i]);
    }
    assert_int_equal(parse("STARP_PIVOTING", "tournament", &o, &e), STARP_OK);
    assert_true(sp_option_is(&o, SP_OPTION_pivoting, "tournament"));
}

/* What differs from the standard reaches the other ranks, whoever has set it. */
static void other_ranks_read_what_is_written(void **state)
{
    struct sp_options o, got;
    struct sp_error e = { 0 };
    char text[2048];
    (void)state;
    assert_int_equal(parse("STARP_SCHED", "prio", &o, &e), STARP_OK);
    o.at[SP_OPTION_shared].value = 0;
    size_t n = sp_options_write(&o, text, sizeof text);
    assert_int_equal(sp_options_from(&got, text, n, &e), STARP_OK);
    assert_int_equal(SP_OPTION(&got, shared), 0);
    assert_string_equal(got.at[SP_OPTION_sched].text, "prio");
    assert_int_equal(SP_OPTION(&got, tile), SP_OPTION(&o, tile));
}

/* --------------------------------------------------------------------------------------------------------- bad values */

/* Refused, and the text names the variable, the value and something of what is allowed. */
static void expect_refusal(const char *name, const char *value, const char *allowed)
{
    struct sp_options o;
    struct sp_error e = { 0 };
    if (parse(name, value, &o, &e) != STARP_ERR_OPTION) fail_msg("%s=%s is taken", name, value);
    assert_int_equal(e.status, STARP_ERR_OPTION);
    if (!strstr(e.text, name) || !strstr(e.text, value) || !strstr(e.text, allowed)) fail_msg("%s=%s: %s", name, value, e.text);
}

static void bad_numbers(void **state)
{
    static const int ids[] = { SP_OPTION_ncpu, SP_OPTION_tile, SP_OPTION_small, SP_OPTION_memory_limit, SP_OPTION_max_nodes,
                               SP_OPTION_in_flight, SP_OPTION_fault };
    static const char *const bad[] = { "x", "1x", "1 2", "1.5", "K", "1KK", "-1", "99999999999999999999", "9000000000G", "0x10", "-" };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) expect_refusal(names[ids[i]], bad[k], "from");
    }
    expect_refusal("STARP_NCPU", "4097", "4096");
    expect_refusal("STARP_TILE", "0", "1");
    expect_refusal("STARP_MAX_NODES", "15", "16");
    expect_refusal("STARP_IN_FLIGHT", "0", "1");
    expect_refusal("STARP_MESSAGE", "15", "16");
    expect_refusal("STARP_MESSAGE", "2G", "1073741824"); /* MPI counts in int */
    expect_refusal("STARP_TILE", "2048G", "1099511627776");
}

static void bad_switches_and_words(void **state)
{
    static const int ids[] = { SP_OPTION_fuse, SP_OPTION_cse, SP_OPTION_inplace, SP_OPTION_progress, SP_OPTION_explain, SP_OPTION_check };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        expect_refusal(names[ids[i]], "2", "true");
        expect_refusal(names[ids[i]], "maybe", "off");
        expect_refusal(names[ids[i]], "yesno", "0");
    }
    expect_refusal("STARP_SCHED", "lw", "eager");
    expect_refusal("STARP_SCHED", "lws|ws", "eager");
    expect_refusal("STARP_SCHED", "a policy whose name is longer than any option's text may be", "lws");
    expect_refusal("STARP_ISA", "sse", "avx2");
    expect_refusal("STARP_PIVOTING", "full", "tournament");
}

/* ---------------------------------------------------------------------------------------------- through the environment */

static void a_bad_variable_keeps_a_session_from_opening(void **state)
{
    (void)state;
    for (int i = 0; i < SP_NOPTIONS; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "%s=nonsense", names[i]);
        rig_environment(assignment);
        starp_clear_error();
        assert_null(starp_open(NULL));
        assert_int_equal(starp_last_status(), STARP_ERR_OPTION);
        assert_non_null(strstr(starp_last_error(), names[i]));
        assert_non_null(strstr(starp_last_error(), "nonsense"));
    }
    rig_environment("");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    assert_int_equal(starp_close(s), STARP_OK);
}

/* The line of starp_info that is about a variable. */
static void info_line(const char *info, const char *name, char *line, size_t cap)
{
    const char *at = strstr(info, name);
    if (!at) fail_msg("starp_info says nothing of %s", name);
    size_t n = strcspn(at, "\n");
    snprintf(line, cap, "%.*s", (int)n, at);
}

static void info_tells_values_and_sources(void **state)
{
    char *info = NULL, line[256];
    size_t size;
    (void)state;
    rig_environment("STARP_TILE=12345 STARP_NCPU=1 STARP_SCHED=eager");
    starp_session *s = starp_open(NULL);
    assert_non_null(s);
    FILE *out = open_memstream(&info, &size);
    assert_non_null(out);
    assert_int_equal(starp_info(s, out), STARP_OK);
    fclose(out);
    for (int i = 0; i < SP_NOPTIONS; i++) {
        bool set = i == SP_OPTION_tile || i == SP_OPTION_ncpu || i == SP_OPTION_sched;
        info_line(info, names[i], line, sizeof line);
        if (!strstr(line, set ? "environment" : "default")) fail_msg("%s", line);
    }
    info_line(info, "STARP_TILE", line, sizeof line);
    assert_non_null(strstr(line, "12345"));
    info_line(info, "STARP_SCHED", line, sizeof line);
    assert_non_null(strstr(line, "eager"));
    assert_non_null(strstr(info, starp_version()));
    free(info);
    assert_int_equal(starp_close(s), STARP_OK);
    rig_environment("");
}

/* Sessions that are open at the same time share the workers, so the second one must not ask for others. */
static void sessions_must_agree_on_workers(void **state)
{
    (void)state;
    rig_environment("STARP_NCPU=1");
    starp_session *a = starp_open(NULL), *b = starp_open(NULL);
    assert_non_null(a);
    assert_non_null(b);
    rig_environment("STARP_NCPU=1 STARP_TILE=100");
    starp_session *c = starp_open(NULL);
    assert_non_null(c);
    rig_environment("STARP_NCPU=2");
    assert_null(starp_open(NULL));
    assert_true(starp_last_status() == STARP_ERR_OPTION || starp_last_status() == STARP_ERR_RUNTIME);
    assert_non_null(strstr(starp_last_error(), "STARP_NCPU"));
    assert_int_equal(starp_close(a), STARP_OK);
    assert_int_equal(starp_close(b), STARP_OK);
    assert_int_equal(starp_close(c), STARP_OK);
    a = starp_open(NULL);
    assert_non_null(a);
    assert_int_equal(starp_close(a), STARP_OK);
    rig_environment("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_without_variables),
        cmocka_unit_test(an_empty_variable_is_none),
        cmocka_unit_test(numbers),
        cmocka_unit_test(switches),
        cmocka_unit_test(words),
        cmocka_unit_test(other_ranks_read_what_is_written),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(bad_switches_and_words),
        cmocka_unit_test(a_bad_variable_keeps_a_session_from_opening),
        cmocka_unit_test(info_tells_values_and_sources),
        cmocka_unit_test(sessions_must_agree_on_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
