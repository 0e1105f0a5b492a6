/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * view.c: the views, and Python's index notation. A view is a node of its own that moves no data; what does not fit the
 * shape, the graph says. The text of an index is read here, so a message can point at the character.
 */
#include <string.h>

#include "client.h"

/* --------------------------------------------------------------------------------------------------- index notation */

struct parser {
    const char *text, *at;
    struct sp_error *e;
};

static bool syntax(struct parser *p, const char *expected)
{
    int position = (int)(p->at - p->text) + 1;
    char found[] = { '\'', *p->at, '\'', 0 };
    sp_fail(p->e, STARP_ERR_ARGUMENT, "at: \"%.100s\": expected %s at character %d, found %s", p->text, expected,
            position, *p->at ? found : "the end");
    return false;
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n') p->at++;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Takes a token and the blanks after it, if it is there; a word must end where the token does. */
static bool take(struct parser *p, const char *token)
{
    size_t n = strlen(token);
    if (strncmp(p->at, token, n) != 0 || (is_word(token[n - 1]) && is_word(p->at[n]))) return false;
    p->at += n;
    skip_blanks(p);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A whole number. INT64_MIN is not one: it is STARP_NONE. */
static bool take_number(struct parser *p, int64_t *value)
{
    const char *from = p->at;
    bool negative = *p->at == '-', fits = true;
    if (*p->at == '-' || *p->at == '+') p->at++;
    skip_blanks(p);
    if (!is_digit(*p->at)) return syntax(p, "a number");
    for (*value = 0; is_digit(*p->at); p->at++) {
        fits = fits && !__builtin_mul_overflow(*value, 10, value);
        fits = fits && !__builtin_add_overflow(*value, *p->at - '0', value);
    }
    if (!fits) {
        sp_fail(p->e, STARP_ERR_ARGUMENT, "at: \"%.100s\": the number at character %d does not fit in int64", p->text,
                (int)(from - p->text) + 1);
        return false;
    }
    if (negative) *value = -*value;
    skip_blanks(p);
    return true;
}

/* A bound of a range: a number, or nothing, or None. */
static bool take_bound(struct parser *p, int64_t *value)
{
    *value = STARP_NONE;
    if (!*p->at || *p->at == ':' || *p->at == ',' || take(p, "None")) return true;
    return take_number(p, value);
}

/* What follows the first bound of an item: nothing, or the rest of a range. */
static bool take_range(struct parser *p, starp_index *item)
{
    item->kind = 0;
    if (!take_bound(p, &item->stop)) return false;
    if (!take(p, ":")) return true;
    const char *from = p->at;
    if (!take_bound(p, &item->step)) return false;
    if (item->step == STARP_NONE) item->step = 1;
    if (item->step != 0) return true;
    sp_fail(p->e, STARP_ERR_ARGUMENT, "at: \"%.100s\": the step at character %d is 0", p->text,
            (int)(from - p->text) + 1);
    return false;
}

static bool take_item(struct parser *p, starp_index *item)
{
    *item = STARP_ALL;
    if (take(p, "...") || take(p, "Ellipsis")) return *item = STARP_ELLIPSIS, true;
    if (take(p, "newaxis")) return *item = STARP_NEWAXIS, true;
    bool none = take(p, "None");
    bool number = !none && *p->at != ':';
    if (number && !(*p->at == '-' || *p->at == '+' || is_digit(*p->at))) return syntax(p, "an index");
    if (number && !take_number(p, &item->start)) return false;
    if (take(p, ":")) return take_range(p, item);
    if (none) *item = STARP_NEWAXIS;
    else *item = STARP_AT(item->start);
    return true;
}

int sp_client_parse_index(const char *text, starp_index items[SP_MAX_ITEMS], struct sp_error *e)
{
    struct parser p = { text, text, e };
    int n = 0;
    skip_blanks(&p);
    do {
        if (n > 0 && !*p.at) break; /* a comma at the end is allowed */
        if (n == SP_MAX_ITEMS) {
            sp_fail(e, STARP_ERR_INDEX, "at: \"%.100s\": more than %d items", text, SP_MAX_ITEMS);
            return -1;
        }
        if (!take_item(&p, &items[n++])) return -1;
    } while (take(&p, ","));
    if (*p.at) return syntax(&p, "',' or the end"), -1;
    return n;
}

/* ------------------------------------------------------------------------------------------------------- public API */

starp_array *starp_slice(starp_array *x, int count, const starp_index *items)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("slice", x, site);
    if (!s) return NULL;
    for (int i = 0; items && i < count; i++) {
        if (items[i].kind >= 0 && items[i].kind <= 3) continue;
        sp_client_fail(site, STARP_ERR_ARGUMENT, "slice: item %d is of kind %d; use STARP_INDEX", i + 1, items[i].kind);
        return NULL;
    }
    return sp_client_wrap(s, sp_build_slice(&s->graph, x->node, count, items));
}

starp_array *starp_at(starp_array *x, const char *index)
{
    const void *site = __builtin_return_address(0);
    starp_index items[SP_MAX_ITEMS];
    starp_session *s = sp_client_enter("at", x, site);
    if (!s) return NULL;
    if (!index) return sp_client_fail(site, STARP_ERR_ARGUMENT, "at: the index is NULL"), NULL;
    int count = sp_client_parse_index(index, items, &s->graph.error);
    return sp_client_wrap(s, count < 0 ? NULL : sp_build_slice(&s->graph, x->node, count, items));
}

starp_array *starp_transpose(starp_array *x)
{
    starp_session *s = sp_client_enter("transpose", x, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_permute(&s->graph, x->node, NULL)) : NULL;
}

starp_array *starp_permute_dims(starp_array *x, const starp_dims *axes)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("permute_dims", x, site);
    if (!s || !sp_client_axes(s, "permute_dims", axes)) return NULL;
    if (!axes) return sp_client_fail(site, STARP_ERR_ARGUMENT, "permute_dims: the axes are NULL"), NULL;
    return sp_client_wrap(s, sp_build_permute(&s->graph, x->node, axes));
}

starp_array *starp_broadcast_to(starp_array *x, const starp_dims *shape)
{
    starp_session *s = sp_client_enter("broadcast_to", x, __builtin_return_address(0));
    if (!s || !sp_client_shape(s, "broadcast_to", shape)) return NULL;
    return sp_client_wrap(s, sp_build_broadcast(&s->graph, x->node, shape));
}

starp_array *starp_expand_dims(starp_array *x, int axis)
{
    starp_session *s = sp_client_enter("expand_dims", x, __builtin_return_address(0));
    return s ? sp_client_wrap(s, sp_build_expand(&s->graph, x->node, axis)) : NULL;
}

starp_array *starp_squeeze(starp_array *x, const starp_dims *axes)
{
    starp_session *s = sp_client_enter("squeeze", x, __builtin_return_address(0));
    if (!s || !sp_client_axes(s, "squeeze", axes)) return NULL;
    return sp_client_wrap(s, sp_build_squeeze(&s->graph, x->node, axes));
}

starp_array *starp_flip(starp_array *x, const starp_dims *axes)
{
    starp_session *s = sp_client_enter("flip", x, __builtin_return_address(0));
    if (!s || !sp_client_axes(s, "flip", axes)) return NULL;
    return sp_client_wrap(s, sp_build_flip(&s->graph, x->node, axes));
}

starp_array *starp_distribute(starp_array *x, int p, int q)
{
    const void *site = __builtin_return_address(0);
    starp_session *s = sp_client_enter("distribute", x, site);
    if (!s) return NULL;
    int ranks = sp_sched_ranks(s->sched), rows = p ? p : q ? ranks / q : 1, columns = q ? q : rows ? ranks / rows : 0;
    if (p < 0 || q < 0 || rows < 1 || columns < 1 || rows > ranks / columns) {
        sp_client_fail(site, STARP_ERR_ARGUMENT, "distribute: a grid of %d x %d; there %s %d rank%s", p, q, ranks == 1 ? "is" : "are", ranks,
                       ranks == 1 ? "" : "s");
        return NULL;
    }
    return sp_client_wrap(s, sp_build_distribute(&s->graph, x->node, rows, columns));
}

starp_array *starp_reshape(starp_array *x, const starp_dims *shape)
{
    starp_session *s = sp_client_enter("reshape", x, __builtin_return_address(0));
    if (!s || !sp_client_shape(s, "reshape", shape)) return NULL;
    return sp_client_wrap(s, sp_build_reshape(&s->graph, x->node, shape));
}
