/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c: the options, read once and checked when a session opens. The only file that reads the environment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sched.h"

extern char **environ;

enum kind { INT, BOOL, TEXT };

struct row {
    const char *variable, *help;
    enum kind kind;
    int64_t standard, least, largest;
};

static const struct row rows[SP_NOPTIONS] = {
#define X(id, variable, kind, standard, least, largest, help) { variable, help, kind, standard, least, largest },
    SP_OPTIONS(X)
#undef X
};

/* The words a TEXT may be: from the parentheses of its help, "(a|b|c)"; the first is the standard. */
static const char *words_of(const struct row *row)
{
    return strrchr(row->help, '(') + 1;
}

/* Whether `text` is one of the words. */
static bool is_word(const char *words, const char *text)
{
    size_t n = strlen(text);
    while (*words && *words != ')') {
        size_t word = strcspn(words, "|)");
        if (word == n && memcmp(words, text, n) == 0) return true;
        words += word + (words[word] == '|');
    }
    return false;
}

static bool parse_bool(const char *text, int64_t *value)
{
    static const char *const no[] = { "0", "no", "off", "false" }, *const yes[] = { "1", "yes", "on", "true" };
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, no[i]) == 0) return *value = 0, true;
        if (strcmp(text, yes[i]) == 0) return *value = 1, true;
    }
    return false;
}

static bool parse_int(const char *text, int64_t *value)
{
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || errno) return false;
    const char *suffix = *end ? strchr(suffixes, *end & ~0x20) : NULL;
    for (const char *s = suffixes; suffix && s <= suffix; s++) {
        if (__builtin_mul_overflow(n, 1024LL, &n)) return false;
    }
    *value = n;
    return suffix ? end[1] == 0 : *end == 0;
}

static starp_status parse_text(const struct row *row, struct sp_option *o, const char *text, struct sp_error *e)
{
    const char *words = words_of(row);
    if (is_word(words, text) && strlen(text) < sizeof o->text) {
        strcpy(o->text, text);
        return STARP_OK;
    }
    return sp_fail(e, STARP_ERR_OPTION, "%s is \"%s\"; allowed: %.*s", row->variable, text, (int)strcspn(words, ")"), words);
}

static starp_status parse(const struct row *row, struct sp_option *o, const char *text, struct sp_error *e)
{
    int64_t value;
    if (row->kind == TEXT) return parse_text(row, o, text, e);
    if (row->kind == BOOL) {
        if (!parse_bool(text, &value)) {
            return sp_fail(e, STARP_ERR_OPTION, "%s is \"%s\"; allowed: 0, no, off, false, 1, yes, on, true", row->variable, text);
        }
    } else if (!parse_int(text, &value) || value < row->least || value > row->largest) {
        return sp_fail(e, STARP_ERR_OPTION, "%s is \"%s\"; allowed: whole numbers from %lld to %lld, also with K, M, G, T",
                       row->variable, text, (long long)row->least, (long long)row->largest);
    }
    o->value = value;
    return STARP_OK;
}

starp_status sp_options_parse(struct sp_options *o, const char *(*lookup)(const char *, void *), void *user, struct sp_error *e)
{
    for (int i = 0; i < SP_NOPTIONS; i++) {
        const struct row *row = &rows[i];
        const char *text = lookup(row->variable, user);
        o->at[i] = (struct sp_option){ .value = row->standard, .from_environment = text && *text };
        if (row->kind == TEXT) {
            size_t n = strcspn(words_of(row), "|)");
            memcpy(o->at[i].text, words_of(row), n);
        }
        if (text && *text) SP_TRY(parse(row, &o->at[i], text, e));
    }
    return STARP_OK;
}

static const char *from_environment(const char *name, void *user)
{
    (void)user;
    return getenv(name);
}

starp_status sp_options_read(struct sp_options *o, struct sp_error *e)
{
    return sp_options_parse(o, from_environment, NULL, e);
}

size_t sp_options_write(const struct sp_options *o, char *to, size_t cap)
{
    size_t n = 0;
    for (int i = 0; i < SP_NOPTIONS && n < cap; i++) {
        const struct sp_option *x = &o->at[i];
        if (!x->from_environment && x->value == rows[i].standard) continue;
        n += (size_t)snprintf(to + n, cap - n, "%s", rows[i].variable) + 1;
        if (n >= cap) break;
        if (rows[i].kind == TEXT) n += (size_t)snprintf(to + n, cap - n, "%s", x->text) + 1;
        else n += (size_t)snprintf(to + n, cap - n, "%lld", (long long)x->value) + 1;
    }
    return n < cap ? n : cap;
}

struct written {
    const char *at, *end;
};

static const char *from_written(const char *name, void *user)
{
    const struct written *w = user;
    for (const char *at = w->at, *value; at < w->end; at = value + strlen(value) + 1) {
        value = at + strlen(at) + 1;
        if (value >= w->end) return NULL;
        if (strcmp(at, name) == 0) return value;
    }
    return NULL;
}

starp_status sp_options_from(struct sp_options *o, const char *text, size_t n, struct sp_error *e)
{
    if (n > 0 && text[n - 1]) return sp_fail(e, STARP_ERR_FORMAT, "the options do not end");
    return sp_options_parse(o, from_written, &(struct written){ text, text + n }, e);
}

bool sp_option_is(const struct sp_options *o, enum sp_option_id id, const char *word)
{
    return strcmp(o->at[id].text, word) == 0;
}

bool sp_options_launched(void)
{
    static const char *const signs[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "PMI_RANK" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (getenv(signs[i])) return true;
    }
    return false;
}

bool sp_options_bound(void)
{
    const char *policy = getenv("OMPI_MCA_hwloc_base_binding_policy");
    return (policy && strcmp(policy, "none") != 0) || getenv("SLURM_CPU_BIND_TYPE");
}

const char *sp_options_helper(void)
{
    const char *path = getenv("STARP_HELPER");
    return path && path[0] ? path : NULL;
}

char **sp_options_environment(void)
{
    return environ;
}

void sp_options_print(const struct sp_options *o, FILE *out)
{
    for (int i = 0; i < SP_NOPTIONS; i++) {
        const struct sp_option *x = &o->at[i];
        if (rows[i].kind == TEXT) fprintf(out, "%-20s %-12s", rows[i].variable, x->text);
        else fprintf(out, "%-20s %-12lld", rows[i].variable, (long long)x->value);
        fprintf(out, " %-11s %s\n", x->from_environment ? "environment" : "default", rows[i].help);
    }
}
