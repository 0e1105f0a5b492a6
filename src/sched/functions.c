/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * functions.c: the functions that a session evaluates on slices. All ranks run the same program, at other addresses: rank 0
 * says in which of its modules (the program, a shared library) a function lies, and where in it; the others look there, if
 * theirs is the same build, which its build id tells.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "engine.h"
#include "frame.h"

#define ID_MOST 32 /* bytes of a build id that are looked at */

/* ----------------------------------------------------------------------------------------------------- modules */

/* Something loaded: the program itself has no name. */
struct module {
    char name[1024];
    uintptr_t base;
    uint64_t id[ID_MOST / 8]; /* of the build, or zeros */
    uint64_t bytes;         /* in memory, which tells builds without an id apart */
};

struct search {
    uintptr_t address;      /* 0: by name */
    struct module *found;
    bool done;
};

static void read_id(const ElfW(Nhdr) *note, const ElfW(Nhdr) *end, struct module *m)
{
    while (note + 1 <= end) {
        const char *name = (const char *)(note + 1), *data = name + ((note->n_namesz + 3) & ~3u);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
            memcpy(m->id, data, note->n_descsz < ID_MOST ? note->n_descsz : ID_MOST);
        }
        note = (const ElfW(Nhdr) *)(const void *)(data + ((note->n_descsz + 3) & ~3u));
    }
}

static void describe_module(const struct dl_phdr_info *info, struct module *m)
{
    m->base = info->dlpi_addr;
    m->bytes = 0;
    memset(m->id, 0, sizeof m->id);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + p->p_vaddr);
        if (p->p_type == PT_LOAD) m->bytes += p->p_memsz;
        if (p->p_type == PT_NOTE) read_id((const ElfW(Nhdr) *)(const void *)at, (const ElfW(Nhdr) *)(const void *)(at + p->p_memsz), m);
    }
}

static bool holds(const struct dl_phdr_info *info, uintptr_t address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address >= at && address - at < info->dlpi_phdr[i].p_memsz) return true;
    }
    return false;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *s = arg;
    (void)size;
    bool right = s->address ? holds(info, s->address) : strcmp(info->dlpi_name, s->found->name) == 0;
    if (!right || strlen(info->dlpi_name) >= sizeof s->found->name) return 0;
    strcpy(s->found->name, info->dlpi_name);
    describe_module(info, s->found);
    s->done = true;
    return 1;
}

static bool find_module(uintptr_t address, struct module *m)
{
    struct search s = { .address = address, .found = m };
    dl_iterate_phdr(look, &s);
    return s.done;
}

/* Here, what another rank calls by the name; loaded if it is not. */
static starp_status same_module(const struct module *theirs, struct module *own, struct sp_error *e)
{
    memcpy(own->name, theirs->name, sizeof own->name);
    bool found = find_module(0, own) || (own->name[0] && dlopen(own->name, RTLD_NOW | RTLD_LOCAL) && find_module(0, own));
    const char *name = theirs->name[0] ? theirs->name : "the program";
    if (!found) return sp_fail(e, STARP_ERR_RUNTIME, "%.160s is not here", name);
    if (own->bytes == theirs->bytes && memcmp(own->id, theirs->id, sizeof own->id) == 0) return STARP_OK;
    return sp_fail(e, STARP_ERR_RUNTIME, "%.160s is another build here", name);
}

/* ---------------------------------------------------------------------------------------------------- the list */

static struct sp_function *new_function(const char *name, const starp_function *f)
{
    struct sp_function *x = sp_calloc(1, sizeof *x + f->user_bytes);
    if (!x) return NULL;
    snprintf(x->name, sizeof x->name, "%s", name);
    x->f = *f;
    x->f.user = x + 1;
    if (f->user_bytes > 0) memcpy(x + 1, f->user, f->user_bytes);
    if (f->nresults == 0) x->f.nresults = 1;
    return x;
}

starp_status sp_function_enter(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e)
{
    if (s->nfunction == s->function_cap) {
        uint32_t cap = s->function_cap ? 2 * s->function_cap : 16;
        struct sp_function **more = sp_realloc(s->function, cap * sizeof(struct sp_function *));
        if (!more) return sp_fail_memory(e);
        s->function = more;
        s->function_cap = cap;
    }
    struct sp_function *x = new_function(name, f);
    if (!x) return sp_fail_memory(e);
    s->function[s->nfunction++] = x;
    return STARP_OK;
}

void sp_function_forget(struct sp_sched *s, uint32_t number)
{
    if (number + 1 == s->nfunction) sp_free(s->function[--s->nfunction]);
}

void sp_functions_free(struct sp_sched *s)
{
    while (s->nfunction > 0) sp_function_forget(s, s->nfunction - 1);
    sp_free(s->function);
}

const struct sp_function *sp_function_find(const struct sp_sched *s, const char *name, uint32_t *number)
{
    for (uint32_t i = s->nfunction; i-- > 0;) {
        *number = i;
        if (strcmp(s->function[i]->name, name) == 0) return s->function[i];
    }
    return NULL;
}

double sp_function_cost(const struct sp_function *f)
{
    uint64_t calls = atomic_load(&f->calls);
    return calls ? 1e-9 * (double)atomic_load(&f->ns) / (double)calls : 0;
}

void sp_function_took(const struct sp_function *f, double seconds, int64_t calls)
{
    struct sp_function *own = (struct sp_function *)(uintptr_t)f;
    atomic_fetch_add(&own->ns, (uint64_t)(seconds * 1e9) + 1);
    atomic_fetch_add(&own->calls, (uint64_t)calls);
}

/* -------------------------------------------------------------------------------------------------- other ranks */

struct description {
    const char *name;
    const starp_function *f;
    struct module module;
};

static void put_text(struct sp_frame *f, const char *text)
{
    size_t n = strlen(text);
    sp_frame_u16(f, (uint16_t)n);
    sp_frame_bytes(f, text, n);
}

static void take_text(struct sp_bytes *b, char *to, size_t room)
{
    size_t n = sp_bytes_u16(b);
    const unsigned char *p = sp_bytes_take(b, n);
    if (n >= room) b->bad = true;
    if (!b->bad && n > 0) memcpy(to, p, n);
    to[b->bad ? 0 : n] = 0;
}

static void describe(struct sp_frame *f, const void *what)
{
    const struct description *d = what;
    put_text(f, d->name);
    put_text(f, d->module.name);
    for (size_t i = 0; i < ID_MOST / 8; i++) sp_frame_u64(f, d->module.id[i]);
    sp_frame_u64(f, d->module.bytes);
    sp_frame_u64(f, (uintptr_t)d->f->iterate - d->module.base);
    sp_frame_u32(f, (uint32_t)d->f->nresults);
    sp_frame_u32(f, (uint32_t)d->f->nargs);
    sp_frame_u8(f, d->f->column_major != 0);
    sp_frame_u64(f, d->f->user_bytes);
    sp_frame_bytes(f, d->f->user, d->f->user_bytes);
}

starp_status sp_function_read(struct sp_sched *s, struct sp_bytes *b, struct sp_error *e)
{
    struct module theirs = { .base = 0 }, own;
    char name[SP_FUNCTION_NAME];
    starp_function f = { .iterate = NULL };
    take_text(b, name, sizeof name);
    take_text(b, theirs.name, sizeof theirs.name);
    for (size_t i = 0; i < ID_MOST / 8; i++) theirs.id[i] = sp_bytes_u64(b);
    theirs.bytes = sp_bytes_u64(b);
    uint64_t offset = sp_bytes_u64(b);
    f.nresults = (int)sp_bytes_u32(b);
    f.nargs = (int)sp_bytes_u32(b);
    f.column_major = sp_bytes_u8(b);
    f.user_bytes = sp_bytes_u64(b);
    f.user = sp_bytes_take(b, f.user_bytes);
    SP_TRY(sp_bytes_done(b, SP_FRAME_FUNCTION, e));
    SP_TRY(same_module(&theirs, &own, e));
    struct search there = { .address = own.base + offset, .found = &own };
    dl_iterate_phdr(look, &there);
    bool good = there.done && strcmp(own.name, theirs.name) == 0 && f.nresults >= 1 && f.nresults <= SP_MAX_RESULTS && f.nargs >= 0;
    if (!good) return sp_fail(e, STARP_ERR_RUNTIME, "no function is where it should be");
    f.iterate = (starp_iterate_fn)there.address;
    return sp_function_enter(s, name, &f, e);
}

static bool is_same(const starp_function *a, const starp_function *b)
{
    bool same = a->iterate == b->iterate && a->shapes == b->shapes && a->nargs == b->nargs && a->nresults == (b->nresults ? b->nresults : 1) &&
                a->column_major == b->column_major && a->user_bytes == b->user_bytes;
    return same && (a->user_bytes == 0 || memcmp(a->user, b->user, a->user_bytes) == 0);
}

starp_status sp_function_register(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e)
{
    struct description d = { .name = name, .f = f };
    uint32_t number;
    const struct sp_function *known = sp_function_find(s, name, &number);
    if (known && is_same(&known->f, f)) return STARP_OK;
    number = s->nfunction;
    SP_TRY(sp_function_enter(s, name, f, e));
    if (s->ranks == 1) return STARP_OK;
    d.f = &s->function[number]->f;
    starp_status status = STARP_OK;
    if (!find_module((uintptr_t)f->iterate, &d.module)) status = sp_fail(e, STARP_ERR_RUNTIME, "the function is in no module of the program");
    if (status == STARP_OK) status = sp_lead_function(s, number, describe, &d, e);
    if (status != STARP_OK) sp_function_forget(s, number);
    return status;
}
