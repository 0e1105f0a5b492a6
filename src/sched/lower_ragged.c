/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lower_ragged.c: results of different shapes. What iterations make stays in the memory of the rank where they ran, until it is
 * asked for: then the items of one dtype are laid end to end in one line, a usual array, whose views they become. All ranks
 * know from the table what each has made, and from how iterations were dealt who has it; so what belongs into a tile comes from each
 * rank in one message without an envelope.
 */
#include <string.h>

#include "call.h"

/* --------------------------------------------------------------------------------------------------- what remains */

struct sp_remains *sp_remains_new(struct sp_value *table, int nresults, int64_t n, int64_t unit, const struct sp_map *map)
{
    size_t parts = map->table ? (size_t)((n + unit - 1) / unit) : 0, items = (size_t)(n * nresults);
    struct sp_remains *r = sp_calloc(1, sizeof *r + items * sizeof r->item[0] + parts * sizeof(int32_t));
    if (!r) return NULL;
    r->nresults = nresults;
    r->n = n;
    r->unit = unit;
    r->map = *map;
    if (map->table) r->map.table = (int32_t *)(r->item + items);
    return table->remains = r;
}

void sp_remains_dealt(struct sp_remains *r, const struct sp_map *map)
{
    int32_t *own = (int32_t *)(r->item + r->n * r->nresults);
    if (map->table) memcpy(own, map->table, (size_t)((r->n + r->unit - 1) / r->unit) * sizeof *own);
}

void sp_remains_drop(struct sp_value *table)
{
    struct sp_remains *r = table->remains;
    for (int64_t i = 0; r && i < r->n * r->nresults; i++) sp_free(r->item[i].data);
    sp_free(r);
    table->remains = NULL;
}

/* -------------------------------------------------------------------------------------------------------- pieces */

struct gathering {
    struct sp_calling *c;
    struct sp_remains *r;
    struct sp_items_param q;
    const int64_t *table;       /* a row of SP_ITEM_WORDS for each result of each iteration */
    int64_t *first;             /* where iteration i's item begins in the line; n of them and the end */
    struct sp_value *to;
    size_t item;
};

static int owner_of(const struct gathering *g, int64_t i)
{
    int64_t index[STARP_MAXDIM] = { i / g->r->unit };
    return sp_map_owner(&g->r->map, index);
}

/* Bytes of a tile's elements that a rank has made; copied to or from `packed`, unless that is NULL, or from the rank's own items. */
static size_t walk(const struct gathering *g, int64_t tile, int rank, char *packed, bool unpack)
{
    int64_t lo = tile * g->to->tile.v[0], hi = lo + g->to->tile.v[0], a = 0, b = g->r->n;
    size_t bytes = 0;
    if (hi > g->q.n) hi = g->q.n;
    while (a < b) { /* the last item that begins at lo or before */
        int64_t m = (a + b + 1) / 2;
        if (g->first[m] <= lo) a = m;
        else b = m - 1;
    }
    for (int64_t i = a; i < g->r->n && g->first[i] < hi; i++) {
        int64_t from = g->first[i] > lo ? g->first[i] : lo, end = g->first[i + 1] < hi ? g->first[i + 1] : hi;
        int owner = owner_of(g, i);
        if (from >= end || (owner != rank && owner != SP_EVERYWHERE)) continue;
        size_t n = (size_t)(end - from) * g->item;
        const char *made = g->r->item[i * g->r->nresults + g->q.result].data;
        char *in_tile = g->to->slot[tile] ? (char *)g->to->slot[tile]->data + (size_t)(from - lo) * g->item : NULL;
        if (packed && unpack) memcpy(in_tile, packed + bytes, n);
        else if (packed) memcpy(packed + bytes, made + (size_t)(from - g->first[i]) * g->item, n);
        else if (unpack) memcpy(in_tile, made + (size_t)(from - g->first[i]) * g->item, n);
        bytes += n;
    }
    return bytes;
}

static int tile_owner(const struct gathering *g, int64_t tile)
{
    return sp_value_owner(g->to, tile);
}

static starp_status send_tiles(const struct gathering *g)
{
    struct sp_run *run = g->c->run;
    int own = run->sched->rank;
    for (int64_t t = 0; t < g->to->ntile; t++) {
        size_t bytes = tile_owner(g, t) == own ? 0 : walk(g, t, own, NULL, false);
        struct sp_slot *slot;
        if (bytes == 0) continue;
        SP_TRY(sp_message_slot(run, bytes, &slot, g->c->e));
        walk(g, t, own, slot->data, false);
        starp_status status = sp_message_send(run, slot, bytes, tile_owner(g, t), g->c->e);
        sp_pool_put(&run->sched->pool, slot, run->id);
        if (status != STARP_OK) return status;
    }
    return STARP_OK;
}

static starp_status receive_tiles(const struct gathering *g, struct sp_slot **from)
{
    struct sp_run *run = g->c->run;
    int ranks = run->sched->ranks, own = run->sched->rank;
    for (int64_t t = 0; t < g->to->ntile; t++) {
        for (int rank = 0; rank < ranks && sp_is_mine(run->sched, tile_owner(g, t)); rank++) {
            size_t bytes = rank == own ? 0 : walk(g, t, rank, NULL, false);
            if (bytes == 0) continue;
            from[t * ranks + rank] = sp_message_receive(run, bytes, rank, g->c->e);
            if (!from[t * ranks + rank]) return g->c->e->status;
            sp_pool_put(&run->sched->pool, from[t * ranks + rank], run->id);
        }
    }
    return STARP_OK;
}

/* Between ranks, messages are awaited here; then everything is there and goes into the tiles. */
static starp_status gather(const struct gathering *g)
{
    struct sp_run *run = g->c->run;
    int ranks = run->sched->ranks, own = run->sched->rank;
    bool apart = ranks > 1 && !g->r->map.everywhere;
    struct sp_slot **from = sp_calloc((size_t)g->to->ntile * (size_t)ranks + 1, sizeof(struct sp_slot *));
    if (!from) return sp_fail_memory(g->c->e);
    starp_status status = apart ? send_tiles(g) : STARP_OK;
    if (status == STARP_OK && apart) status = receive_tiles(g, from);
    if (apart) sp_drain(run);
    for (int64_t t = 0; t < g->to->ntile && status == STARP_OK; t++) {
        if (!g->to->slot[t]) continue;
        walk(g, t, own, NULL, true);
        for (int rank = 0; rank < ranks; rank++) {
            if (from[t * ranks + rank]) walk(g, t, rank, from[t * ranks + rank]->data, true);
        }
    }
    sp_free(from);
    return status;
}

/* -------------------------------------------------------------------------------------------------------- the call */

/* The table, whole and computed, on this rank. */
static starp_status bring_table(struct gathering *g)
{
    struct sp_calling *c = g->c;
    const struct sp_operand *x = &c->step->operand[0];
    const struct sp_node *n = c->run->sched->order.node[x->node];
    if (g->r->n == 0) return STARP_OK;
    struct sp_value *v = sp_value_cut(&n->shape, STARP_I64, &n->shape);
    if (!v) return sp_fail_memory(c->e);
    c->held[c->nheld++] = v;
    v->map.everywhere = true;
    v->run = c->run->id;
    SP_TRY(sp_value_fill(c->run->sched, v, true, c->e));
    struct sp_copy copy = { .shape = n->shape, .from = c->run->value[x->node], .element = n->param, .to = v, .op = SP_OP_copy, .dtype = STARP_I64,
                            .site = c->node->site, .ordered = true };
    sp_operand_view(x, &(struct sp_step){ .shape = n->shape }, &c->run->sched->order, &copy.view);
    SP_TRY(sp_lower_copy(c->run, &copy, c->e));
    sp_drain(c->run);
    g->table = v->slot[0]->data;
    return STARP_OK;
}

/*
 * Whether the table has come on all ranks: how many messages there are, and how long, hangs on what it says. What goes out is written
 * here, not by a task, which a failing run would skip: then ranks would differ.
 */
static starp_status agree(const struct gathering *g, bool *good)
{
    struct sp_run *run = g->c->run;
    struct sp_sched *s = run->sched;
    struct sp_slot *slot, *from[s->ranks];
    uint64_t own = !atomic_load(&run->stop);
    *good = own;
    if (s->ranks == 1) return STARP_OK;
    SP_TRY(sp_message_slot(run, sizeof own, &slot, g->c->e));
    memcpy(slot->data, &own, sizeof own);
    starp_status status = sp_message_send(run, slot, sizeof own, SP_EVERYWHERE, g->c->e);
    sp_pool_put(&s->pool, slot, run->id);
    for (int peer = 0; peer < s->ranks && status == STARP_OK; peer++) {
        if (peer == s->rank) continue;
        from[peer] = sp_message_receive(run, sizeof own, peer, g->c->e);
        if (!from[peer]) return g->c->e->status;
        sp_pool_put(&s->pool, from[peer], run->id);
    }
    sp_drain(run);
    for (int peer = 0; peer < s->ranks && status == STARP_OK; peer++) *good &= peer == s->rank || *(const uint64_t *)from[peer]->data == 1;
    return status;
}

/* Where each item begins. What the table says must be what this rank has. */
static bool measure(struct gathering *g)
{
    int64_t at = 0;
    for (int64_t i = 0; i < g->r->n; i++) {
        const int64_t *row = g->table + (i * g->r->nresults + g->q.result) * SP_ITEM_WORDS;
        int64_t size = row[0] == g->q.dtype ? 1 : 0;
        g->first[i] = at;
        for (int a = 0; a < row[1] && a < STARP_MAXDIM; a++) size *= row[2 + a];
        at += size;
    }
    g->first[g->r->n] = at;
    return at == g->q.n;
}

/* Where one rank has no table to go by, none gathers: its run has been stopped, and its end tells why. */
static starp_status lower_gathering(struct gathering *g)
{
    struct sp_calling *c = g->c;
    bool good;
    g->first = sp_run_keep(c->run, (size_t)(g->r->n + 1) * sizeof *g->first);
    g->to = g->first ? sp_call_result(c, 0) : NULL;
    if (!g->to) return sp_fail_memory(c->e);
    SP_TRY(sp_value_fill(c->run->sched, g->to, false, c->e));
    SP_TRY(bring_table(g));
    SP_TRY(agree(g, &good));
    if (!good) return STARP_OK;
    if (!measure(g)) return sp_fail(c->e, STARP_ERR_RUNTIME, "ppeval items: not what the table says");
    return gather(g);
}

starp_status sp_lower_items(struct sp_calling *c)
{
    struct sp_value *table = c->run->value[c->step->operand[0].node];
    struct gathering g = { .c = c, .r = table ? table->remains : NULL };
    memcpy(&g.q, c->node->param, sizeof g.q);
    g.item = sp_dtypes[g.q.dtype].size;
    if (!g.r) return sp_fail(c->e, STARP_ERR_RUNTIME, "ppeval items: they are gone");
    starp_status status = lower_gathering(&g);
    if (status == STARP_OK && g.q.last) sp_remains_drop(table);
    return status;
}
