/* SPDX-License-Identifier: BSD-3-Clause */
/* differential.c: random graphs under many configurations, and what to say when they differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codelets.h"
#include "differential.h"

/* The engine as it comes, and the oracle, whose environment is NULL. */
static const struct config engine = { .environment = "STARP_PROGRESS=0" }, oracle = { .environment = NULL };

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : otherwise;
}

static int graph_count(const struct family *f)
{
    int n = f->graphs;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    n = (n + 7) / 8;
#endif
    return (int)from_environment("TEST_GRAPHS", n);
}

static struct rg_options options_of(const struct family *f, uint64_t seed)
{
    return (struct rg_options){ .seed = seed,
                                .steps = (int)from_environment("TEST_STEPS", f->steps),
                                .transcendental = f->transcendental,
                                .max_size = f->max_size,
                                .work = f->work,
                                .base = f->base };
}

/* ------------------------------------------------------------------------------------------------------- running */

static const char *name_of(const struct config *c)
{
    return c->environment ? c->environment : "the oracle";
}

static void open_rig(struct rig *r, const struct config *c)
{
    if (c->environment) {
        rig_environment(c->environment);
        rig_open_engine(r);
    } else {
        rig_open_reference(r);
    }
}

/* One graph in a rig of its own. */
static void run_alone(const struct config *c, const struct rg_options *o, struct rg_outcome *out)
{
    struct rig r;
    open_rig(&r, c);
    rg_run(&r, o, out);
    rig_close(&r);
}

static bool skipped(const struct config *c, int i)
{
    return c->every > 1 && i % c->every != 0;
}

static void run_all(const struct config *c, const struct family *f, uint64_t first, int n, struct rg_outcome *out)
{
    struct rig r;
    open_rig(&r, c);
    for (int i = 0; i < n; i++) {
        struct rg_options o = options_of(f, first + (uint64_t)i);
        if (skipped(c, i)) continue;
        if (getenv("TEST_VERBOSE")) {
            fprintf(stderr, "%s, seed %llu\n", name_of(c), (unsigned long long)o.seed);
            if (!c->environment) o.log = stderr;
        }
        rg_run(&r, &o, &out[i]);
        if (r.g.live != 0) fail_msg("seed %llu under '%s': %d nodes leak", (unsigned long long)o.seed, name_of(c), (int)r.g.live);
    }
    rig_close(&r);
}

static bool differ(const struct config *c, const struct rg_outcome *got, const struct rg_outcome *want, char text[RG_TEXT])
{
    return c->environment ? rg_bits_differ(got, want, c->any_nan, text) : rg_values_differ(want, got, text);
}

/* ----------------------------------------------------------------------------------------------------- reporting */

static bool fails_alone(const struct config *c, const struct rg_options *o, char text[RG_TEXT])
{
    struct rg_outcome got, want;
    run_alone(c, o, &got);
    run_alone(&engine, o, &want);
    bool failed = differ(c, &got, &want, text);
    rg_outcome_free(&got);
    rg_outcome_free(&want);
    return failed;
}

/* The shortest prefix that fails, printed. Without one, the failure needs the graphs before it (a cache, a pool). */
static void report(const struct config *c, struct rg_options o, const char *text)
{
    char why[RG_TEXT];
    struct rg_outcome out;
    int whole = o.steps;
    print_error("seed %llu under '%s': %s\n", (unsigned long long)o.seed, name_of(c), text);
    for (o.steps = 0; o.steps < whole; o.steps++) {
        if (fails_alone(c, &o, why)) break;
    }
    if (o.steps == whole && !fails_alone(c, &o, why)) {
        print_error("  alone it does not fail: it depends on the graphs before it, or on timing\n");
        return;
    }
    print_error("  TEST_SEED=%llu TEST_STEPS=%d fails alone: %s\n", (unsigned long long)o.seed, o.steps, why);
    o.log = stderr;
    run_alone(c->environment ? c : &engine, &o, &out);
    rg_outcome_free(&out);
}

static int check_config(const struct config *c, const struct family *f, uint64_t first, int n, const struct rg_outcome *want,
                        struct rg_outcome *got)
{
    char text[RG_TEXT];
    int failures = 0;
    run_all(c, f, first, n, got);
    for (int i = 0; i < n; i++) {
        if (!skipped(c, i) && differ(c, &got[i], &want[i], text) && failures++ < 2) {
            report(c, options_of(f, first + (uint64_t)i), text);
        }
        rg_outcome_free(&got[i]);
    }
    if (failures) print_error("%s: %d of %d graphs differ under '%s'\n", f->name, failures, n, name_of(c));
    return failures;
}

static int check_configs(const struct family *f, const struct config *configs, int nconfig, uint64_t first, int n,
                         const struct rg_outcome *want, struct rg_outcome *got)
{
    int failures = f->without_oracle ? 0 : check_config(&oracle, f, first, n, want, got);
    for (int c = 0; c < nconfig; c++) {
        if (configs[c].isa && !sp_kernels_get(configs[c].isa)) continue;
        if (configs[c].exact_only && f->transcendental) continue;
        failures += check_config(&configs[c], f, first, n, want, got);
    }
    return failures;
}

void differential_check(const struct family *f, const struct config *configs, int nconfig)
{
    int64_t only = from_environment("TEST_SEED", -1);
    int n = only >= 0 ? 1 : graph_count(f);
    uint64_t first = only >= 0 ? (uint64_t)only : 1;
    struct rg_outcome *want = calloc((size_t)n, sizeof *want), *got = calloc((size_t)n, sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    run_all(&engine, f, first, n, want);
    int failures = check_configs(f, configs, nconfig, first, n, want, got);
    for (int i = 0; i < n; i++) rg_outcome_free(&want[i]);
    free(want);
    free(got);
    rig_environment("");
    assert_int_equal(failures, 0);
}
