/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ragged.c: results of different shapes. A ragged ppeval has one lazy result, the table of what its iterations have made; it is
 * computed and read, and then the items of each dtype become one usual array, of which they are views.
 */
#include <string.h>

#include "client.h"

/* ------------------------------------------------------------------------------------------------------ containers */

static int64_t item_size(const int64_t *row)
{
    int64_t n = 1;
    for (int a = 0; a < row[1]; a++) n *= row[2 + a];
    return n;
}

static const int64_t *row_of(const starp_ragged *r, int64_t i)
{
    return r->row + i * SP_ITEM_WORDS;
}

static starp_ragged *new_ragged(starp_session *s, int64_t n)
{
    starp_ragged *r = sp_calloc(1, sizeof *r + (size_t)n * (SP_ITEM_WORDS + 1) * sizeof(int64_t));
    if (!r) return NULL;
    *r = (starp_ragged){ .magic = SP_RAGGED_MAGIC, .session = s, .refs = 1, .n = n, .row = (int64_t *)(r + 1), .next = s->ragged };
    r->first = r->row + n * SP_ITEM_WORDS;
    if (r->next) r->next->prev = r;
    s->ragged = r;
    return r;
}

void sp_ragged_free(starp_ragged *r)
{
    starp_session *s = r->session;
    if (r->prev) r->prev->next = r->next;
    else s->ragged = r->next;
    if (r->next) r->next->prev = r->prev;
    for (int d = 0; d < STARP_NDTYPES; d++) {
        if (r->flat[d]) sp_node_release(&s->graph, r->flat[d]);
    }
    r->magic = 0;
    sp_free(r);
}

void sp_ragged_unref(starp_ragged *r)
{
    if (--r->refs == 0) sp_ragged_free(r);
}

/* The items of one dtype, computed: they leave the memory in which the iterations left them. Nobody may stop that halfway. */
static bool gather(starp_ragged *r, struct sp_node *table, struct sp_items_param *p, struct sp_error *e)
{
    starp_session *s = r->session;
    starp_progress_fn progress = s->progress;
    struct sp_node *n = sp_build_items(&s->graph, table, p), *root = n;
    r->flat[p->dtype] = n;
    if (!n) return *e = s->graph.error, sp_error_clear(&s->graph.error), false;
    s->progress = NULL;
    starp_status status = sp_client_compute(s, 1, &root, &s->count.flush_read, e);
    s->progress = progress;
    return status == STARP_OK;
}

starp_ragged *sp_ragged_new(starp_session *s, struct sp_node *table, const int64_t *words, int64_t n, int nresults, int k, bool last,
                            struct sp_error *e)
{
    int64_t total[STARP_NDTYPES] = { 0 };
    bool there[STARP_NDTYPES] = { false };
    starp_ragged *r = new_ragged(s, n);
    if (!r) return sp_fail_memory(e), NULL;
    for (int64_t i = 0; i < n; i++) {
        const int64_t *row = words + (i * nresults + k) * SP_ITEM_WORDS;
        memcpy(r->row + i * SP_ITEM_WORDS, row, SP_ITEM_WORDS * sizeof *row);
        r->first[i] = total[row[0]];
        total[row[0]] += item_size(row);
        there[row[0]] = true;
    }
    if (n == 0) there[STARP_F64] = true;
    int most = STARP_NDTYPES - 1;
    while (!there[most]) most--;
    for (int d = 0; d <= most; d++) {
        struct sp_items_param p = { .result = k, .dtype = d, .n = total[d], .last = last && d == most };
        if (there[d] && !gather(r, table, &p, e)) return sp_ragged_free(r), NULL;
    }
    return r;
}

starp_dtype sp_ragged_dtype(const starp_ragged *r)
{
    int found = STARP_NDTYPES;
    for (int d = 0; d < STARP_NDTYPES; d++) {
        if (r->flat[d] && found != STARP_NDTYPES) return STARP_NDTYPES;
        if (r->flat[d]) found = d;
    }
    return (starp_dtype)found;
}

struct sp_node *sp_ragged_table(starp_ragged *r, struct sp_error *e)
{
    starp_session *s = r->session;
    starp_dims shape = { 2, { r->n, SP_ITEM_WORDS + 1 } };
    struct sp_node *n = sp_build_data(&s->graph, &shape, STARP_I64, NULL);
    int64_t *words = sp_malloc((size_t)(r->n * shape.v[1]) * sizeof *words + 1);
    for (int64_t i = 0; i < r->n && words; i++) {
        memcpy(words + i * shape.v[1], row_of(r, i), SP_ITEM_WORDS * sizeof *words);
        words[i * shape.v[1] + SP_ITEM_WORDS] = r->first[i];
    }
    bool good = n && words;
    if (n && !words) sp_fail_memory(e);
    if (good) {
        sp_client_settle(s);
        good = sp_sched_ops.put(s->sched, n, words, e) == STARP_OK;
    }
    sp_free(words);
    if (n && !good) sp_node_release(&s->graph, n);
    return good ? n : NULL;
}

/* ------------------------------------------------------------------------------------------------------ evaluation */

/* Items of iterations that have failed are of the dtype of the first one that is there. words: of a result's first row. */
static void give_dtype(int64_t *words, int64_t n, int nresults, uint8_t dtype)
{
    int64_t step = nresults * (int64_t)SP_ITEM_WORDS, found = dtype;
    for (int64_t i = n - 1; i >= 0; i--) found = words[i * step] == SP_ITEM_FAILED ? found : words[i * step];
    for (int64_t i = 0; i < n; i++) words[i * step] = words[i * step] == SP_ITEM_FAILED ? found : words[i * step];
}

/* Reads the table and makes the containers. What failed in some iterations only is reported, but takes nothing with it. */
starp_status sp_ragged_evaluate(starp_session *s, struct sp_node *table, int64_t n, int nresults, int wanted, const uint8_t *dtype,
                                starp_ragged **results, struct sp_error *e)
{
    struct sp_error note = { .status = STARP_OK };
    struct sp_node *root = table;
    if (sp_client_compute(s, 1, &root, &s->count.flush_eval, &note) != STARP_OK && !table->value) return *e = note, e->status;
    int64_t *words = sp_malloc((size_t)(n * nresults) * SP_ITEM_WORDS * sizeof *words + 1);
    if (!words) return sp_fail_memory(e);
    bool good = sp_sched_ops.get(s->sched, table->value, words, e) == STARP_OK;
    for (int k = 0; k < wanted && good; k++) {
        give_dtype(words + k * SP_ITEM_WORDS, n, nresults, dtype[k]);
        results[k] = sp_ragged_new(s, table, words, n, nresults, k, k == wanted - 1, e);
        good = results[k];
    }
    for (int k = 0; k < wanted && !good; k++) {
        if (results[k]) sp_ragged_free(results[k]);
        results[k] = NULL;
    }
    sp_free(words);
    if (good) *e = note;
    return e->status;
}

/* ------------------------------------------------------------------------------------------------------ public API */

/* Whether r is a container; if not, that is recorded. */
static bool check(const char *what, const starp_ragged *r, const void *site)
{
    if (!r) return false;
    if (r->magic == SP_RAGGED_MAGIC) return true;
    sp_client_fail(site, STARP_ERR_HANDLE, "%s: not a container (released already?)", what);
    return false;
}

static bool check_item(const char *what, const starp_ragged *r, int64_t i, const void *site)
{
    if (!check(what, r, site)) return false;
    if (i >= 0 && i < r->n) return true;
    sp_client_fail(site, STARP_ERR_INDEX, "%s: there is no item %lld; the container has %lld", what, (long long)i, (long long)r->n);
    return false;
}

int64_t starp_ragged_length(const starp_ragged *r)
{
    return check("ragged_length", r, __builtin_return_address(0)) ? r->n : -1;
}

starp_status starp_ragged_shape_of(const starp_ragged *r, int64_t i, starp_dims *shape)
{
    const void *site = __builtin_return_address(0);
    if (!shape) return sp_client_report(site, STARP_ERR_ARGUMENT, "ragged_shape_of: the shape is NULL");
    if (!check_item("ragged_shape_of", r, i, site)) return sp_client_recorded("ragged_shape_of", site);
    const int64_t *row = row_of(r, i);
    *shape = (starp_dims){ .n = (int)row[1] };
    memcpy(shape->v, row + 2, (size_t)row[1] * sizeof *row);
    return STARP_OK;
}

starp_dtype starp_ragged_dtype_of(const starp_ragged *r, int64_t i)
{
    return check_item("ragged_dtype_of", r, i, __builtin_return_address(0)) ? (starp_dtype)row_of(r, i)[0] : STARP_NDTYPES;
}

/* Elements [from, from + n) of a line, under a shape. */
static struct sp_node *piece(struct sp_graph *g, struct sp_node *flat, int64_t from, int64_t n, const starp_dims *shape)
{
    struct sp_node *slice = sp_build_slice(g, flat, 1, &STARP_RANGE(from, from + n));
    struct sp_node *y = slice ? sp_build_reshape(g, slice, shape) : NULL;
    if (slice) sp_node_release(g, slice);
    return y;
}

starp_array *starp_ragged_item(starp_ragged *r, int64_t i)
{
    const void *site = __builtin_return_address(0);
    if (!check_item("ragged_item", r, i, site)) return NULL;
    starp_session *s = r->session;
    const int64_t *row = row_of(r, i);
    starp_dims shape = { .n = (int)row[1] };
    memcpy(shape.v, row + 2, (size_t)row[1] * sizeof *row);
    s->graph.site = site;
    return sp_client_wrap(s, piece(&s->graph, r->flat[row[0]], r->first[i], item_size(row), &shape));
}

/* The first item that is not like item 0; -1: there is none. */
static int64_t first_other(const starp_ragged *r)
{
    for (int64_t i = 1; i < r->n; i++) {
        if (memcmp(row_of(r, 0), row_of(r, i), SP_ITEM_WORDS * sizeof(int64_t)) != 0) return i;
    }
    return -1;
}

static void fail_unlike(const starp_ragged *r, int64_t i, const void *site)
{
    const int64_t *a = row_of(r, 0), *b = row_of(r, i);
    starp_dims x = { .n = (int)a[1] }, y = { .n = (int)b[1] };
    char s[SP_SHAPE_TEXT], t[SP_SHAPE_TEXT];
    memcpy(x.v, a + 2, (size_t)x.n * sizeof *a);
    memcpy(y.v, b + 2, (size_t)y.n * sizeof *b);
    sp_client_fail(site, a[0] == b[0] ? STARP_ERR_SHAPE : STARP_ERR_DTYPE, "ragged_join: item 0 is %s %s, item %lld %s %s", sp_dtypes[a[0]].name,
                   sp_shape_text(s, &x), (long long)i, sp_dtypes[b[0]].name, sp_shape_text(t, &y));
}

starp_array *starp_ragged_join(starp_ragged *r)
{
    const void *site = __builtin_return_address(0);
    if (!check("ragged_join", r, site)) return NULL;
    starp_session *s = r->session;
    int64_t other = first_other(r);
    if (other >= 0) return fail_unlike(r, other, site), NULL;
    if (r->n == 0) return sp_client_fail(site, STARP_ERR_SHAPE, "ragged_join: there are no items, so there is no telling of which shape"), NULL;
    const int64_t *row = row_of(r, 0);
    starp_dims shape = { .n = (int)row[1] + 1, .v = { r->n } };
    if (shape.n > STARP_MAXDIM) return sp_client_fail(site, STARP_ERR_SHAPE, "ragged_join: %d dimensions; %d are allowed", shape.n, STARP_MAXDIM), NULL;
    memcpy(shape.v + 1, row + 2, (size_t)row[1] * sizeof *row);
    s->graph.site = site;
    struct sp_node *n = sp_build_reshape(&s->graph, r->flat[row[0]], &shape), *y = n ? sp_build_joined(&s->graph, n, false) : NULL;
    if (n) sp_node_release(&s->graph, n);
    return sp_client_wrap(s, y);
}

starp_status starp_ragged_release(starp_ragged *r)
{
    const void *site = __builtin_return_address(0);
    if (!r) return STARP_OK;
    if (!check("ragged_release", r, site)) return sp_client_recorded("ragged_release", site);
    r->magic = 0;
    sp_ragged_unref(r);
    return STARP_OK;
}
