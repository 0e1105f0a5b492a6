/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tokens.c: several tasks write parts of a tile, in any order. StarPU would run them one after the other, so none of them depends on the
 * tile: each writes a token of its own instead, and a task that reads all tokens stands for them to whoever uses the tile next.
 */
#include "axis.h"

starp_status sp_along_token(struct sp_along *f, struct sp_task *task)
{
    struct sp_calling *c = f->c;
    if (f->ntoken == f->token_cap) {
        int64_t cap = f->token_cap ? 2 * f->token_cap : 64;
        struct sp_slot **more = sp_realloc(f->token, (size_t)cap * sizeof *more);
        if (!more) return sp_fail_memory(c->e);
        f->token = more;
        f->token_cap = cap;
    }
    struct sp_slot *slot = sp_pool_get(&c->run->sched->pool, 1, false); /* one that another call waits for would make this one wait */
    if (!slot) return sp_fail_memory(c->e);
    f->token[f->ntoken++] = slot;
    sp_call_depend(c, task, slot, 2);
    return STARP_OK;
}

static int perform_nothing(struct sp_task *task, void *scratch)
{
    (void)task;
    (void)scratch;
    return SP_KERNEL_OK;
}

/* Those from one on, before another. */
static void drop_tokens(struct sp_along *f, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) sp_pool_put(&f->c->run->sched->pool, f->token[i], f->c->run->id);
    for (int64_t i = to; i < f->ntoken; i++) f->token[from + i - to] = f->token[i];
    f->ntoken -= to - from;
}

/* A task that reads tokens, from one on, and writes slots: to those who use these next it stands for all who had a token. */
static starp_status join(struct sp_along *f, int64_t from, struct sp_slot *const *slot, int64_t n, bool token)
{
    int64_t to = f->ntoken;
    struct sp_task *t = sp_call_task(f->c, sizeof *t, (int)(to - from + n + 1), "join", perform_nothing);
    if (!t) return sp_fail_memory(f->c->e);
    for (int64_t i = from; i < to; i++) sp_call_depend(f->c, t, f->token[i], 1);
    for (int64_t i = 0; i < n; i++) {
        if (slot[i]) sp_call_depend(f->c, t, slot[i], 2);
    }
    if (token && sp_along_token(f, t) != STARP_OK) return sp_task_drop(t), f->c->e->status;
    starp_status status = sp_call_submit(f->c, t);
    drop_tokens(f, from, to);
    return status;
}

starp_status sp_along_release(struct sp_along *f, int64_t from, struct sp_slot *const *slot, int64_t n)
{
    return f->tokens ? join(f, from, slot, n, true) : STARP_OK;
}

starp_status sp_along_join(struct sp_along *f, struct sp_slot *const *slot, int64_t n, struct sp_slot **joined)
{
    struct sp_calling *c = f->c;
    struct sp_task *t = sp_call_task(c, sizeof *t, (int)n + 1, "join", perform_nothing);
    *joined = sp_pool_get(&c->run->sched->pool, 1, false);
    if (!t || !*joined) return sp_free(t), sp_fail_memory(c->e);
    for (int64_t i = 0; i < n; i++) {
        if (slot[i]) sp_call_depend(c, t, slot[i], 1);
    }
    sp_call_depend(c, t, *joined, 2);
    return sp_call_submit(c, t);
}

static void drop_kept(struct sp_along *f, int k)
{
    struct sp_calling *c = f->c;
    for (int64_t i = 0; i < f->nkept[k]; i++) {
        if (f->kept[k][i]) sp_pool_put(&c->run->sched->pool, f->kept[k][i], c->run->id);
    }
    sp_free(f->kept[k]);
    f->kept[k] = NULL;
    f->nkept[k] = 0;
}

void sp_along_keep(struct sp_along *f, struct sp_slot **slot, int64_t n)
{
    int k = f->turn++ % SP_ALONG_KEPT;
    drop_kept(f, k);
    f->kept[k] = slot;
    f->nkept[k] = n;
}

/* Memory that other tasks of this run have used may be written when these are done. */
static starp_status await_memory(struct sp_along *f)
{
    struct sp_calling *c = f->c;
    const struct sp_value *v = f->out.value;
    bool used = false;
    for (int64_t i = 0; i < v->ntile; i++) used |= v->slot[i] && v->slot[i]->writes == c->run->id;
    if (!used) return STARP_OK;
    f->ready = sp_pool_get(&c->run->sched->pool, 1, false);
    struct sp_task *t = f->ready ? sp_call_task(c, sizeof *t, (int)v->ntile + 1, "await", perform_nothing) : NULL;
    if (!t) return sp_fail_memory(c->e);
    for (int64_t i = 0; i < v->ntile; i++) {
        if (v->slot[i]) sp_call_depend(c, t, v->slot[i], 2);
    }
    sp_call_depend(c, t, f->ready, 2);
    return sp_call_submit(c, t);
}

starp_status sp_along_begin(struct sp_along *f)
{
    f->tokens = !f->c->at_once;
    return f->tokens ? await_memory(f) : STARP_OK;
}

starp_status sp_along_end(struct sp_along *f, starp_status status)
{
    const struct sp_value *to = f->out.value;
    if (status == STARP_OK && f->tokens) status = join(f, 0, to->slot, to->ntile, false);
    drop_tokens(f, 0, f->ntoken);
    for (int k = 0; k < SP_ALONG_KEPT; k++) drop_kept(f, k);
    sp_free(f->token);
    if (f->ready) sp_pool_put(&f->c->run->sched->pool, f->ready, f->c->run->id);
    return status;
}
