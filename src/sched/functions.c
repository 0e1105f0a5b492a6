/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * functions.c: the functions that a session evaluates on slices, or on each element. All ranks run the same program, at other addresses: rank 0
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

/* What comes of a number that a ppeval should not have. */
static int refuse_slices(starp_iteration *it, int nin, const starp_argument *in, const void *user)
{
    (void)nin, (void)in, (void)user;
    return starp_iteration_fail(it, "the function is one for elements");
}

static const void *user_of(const struct sp_function *x, size_t *bytes)
{
    *bytes = x->elementwise ? x->each.user_bytes : x->f.user_bytes;
    return x->elementwise ? x->each.user : x->f.user;
}

/* A copy, with what belongs to the user behind it. */
static struct sp_function *new_function(const struct sp_function *like)
{
    size_t bytes;
    const void *user = user_of(like, &bytes);
    struct sp_function *x = sp_calloc(1, sizeof *x + bytes);
    if (!x) return NULL;
    memcpy(x->name, like->name, sizeof x->name);
    x->elementwise = like->elementwise;
    x->f = like->f;
    x->each = like->each;
    x->f.user = x->each.user = x + 1;
    if (bytes > 0) memcpy(x + 1, user, bytes);
    if (x->elementwise) x->f.iterate = refuse_slices;
    if (x->f.nresults == 0) x->f.nresults = 1;
    return x;
}

static starp_status enter(struct sp_sched *s, const struct sp_function *like, struct sp_error *e)
{
    if (s->nfunction == s->function_cap) {
        uint32_t cap = s->function_cap ? 2 * s->function_cap : 16;
        struct sp_function **more = sp_realloc(s->function, cap * sizeof(struct sp_function *));
        if (!more) return sp_fail_memory(e);
        s->function = more;
        s->function_cap = cap;
    }
    struct sp_function *x = new_function(like);
    if (!x) return sp_fail_memory(e);
    s->function[s->nfunction++] = x;
    return STARP_OK;
}

starp_status sp_function_enter(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e)
{
    struct sp_function x = { .f = *f };
    snprintf(x.name, sizeof x.name, "%s", name);
    return enter(s, &x, e);
}

static starp_status check_elementwise(const starp_elementwise *f, struct sp_error *e)
{
    if (!f->apply) return sp_fail(e, STARP_ERR_ARGUMENT, "there is no function in it");
    if (f->in.count < 1 || f->in.count > SP_MAXIN) return sp_fail(e, STARP_ERR_ARGUMENT, "in: %d operands; 1 to %d are allowed", f->in.count, SP_MAXIN);
    if (f->out.count != 1) return sp_fail(e, STARP_ERR_ARGUMENT, "out: %d results; it must be 1", f->out.count);
    bool good = sp_dtype_valid(f->in.dtype) && sp_dtype_valid(f->out.dtype);
    if (!good) return sp_fail(e, STARP_ERR_ARGUMENT, "dtypes %d and %d: one does not exist", (int)f->in.dtype, (int)f->out.dtype);
    if (!f->user && f->user_bytes > 0) return sp_fail(e, STARP_ERR_ARGUMENT, "user is NULL, but is to have %zu bytes", f->user_bytes);
    return STARP_OK;
}

starp_status sp_elementwise_enter(struct sp_sched *s, const char *name, const starp_elementwise *f, struct sp_error *e)
{
    struct sp_function x = { .elementwise = true, .each = *f };
    SP_TRY(check_elementwise(f, e));
    snprintf(x.name, sizeof x.name, "%s", name);
    return enter(s, &x, e);
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

/* The last one of that name. */
static const struct sp_function *find(const struct sp_sched *s, const char *name, bool elementwise, uint32_t *number)
{
    for (uint32_t i = s->nfunction; i-- > 0;) {
        *number = i;
        const struct sp_function *f = s->function[i];
        if (!f->builtin && f->elementwise == elementwise && strcmp(f->name, name) == 0) return f;
    }
    return NULL;
}

const struct sp_function *sp_function_find(const struct sp_sched *s, const char *name, uint32_t *number)
{
    return find(s, name, false, number);
}

const char *sp_function_name(const void *sched, uint32_t number)
{
    const struct sp_sched *s = sched;
    return number < s->nfunction ? s->function[number]->name : "?";
}

const starp_elementwise *sp_elementwise_find(const struct sp_sched *s, const char *name, uint32_t *number)
{
    const struct sp_function *x = find(s, name, true, number);
    return x ? &x->each : NULL;
}

const starp_elementwise *sp_elementwise_of(const struct sp_sched *s, uint32_t number)
{
    return number < s->nfunction && s->function[number]->elementwise ? &s->function[number]->each : NULL;
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
    const struct sp_function *function;
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

static uintptr_t address_of(const struct sp_function *x)
{
    return x->elementwise ? (uintptr_t)x->each.apply : (uintptr_t)x->f.iterate;
}

static void describe(struct sp_frame *f, const void *what)
{
    const struct description *d = what;
    const struct sp_function *x = d->function;
    size_t bytes;
    const void *user = user_of(x, &bytes);
    put_text(f, x->name);
    put_text(f, d->module.name);
    for (size_t i = 0; i < ID_MOST / 8; i++) sp_frame_u64(f, d->module.id[i]);
    sp_frame_u64(f, d->module.bytes);
    sp_frame_u64(f, address_of(x) - d->module.base);
    sp_frame_u8(f, x->elementwise);
    sp_frame_u32(f, (uint32_t)(x->elementwise ? x->each.in.count : x->f.nargs));
    sp_frame_u32(f, (uint32_t)x->f.nresults);
    sp_frame_u8(f, x->f.column_major != 0);
    sp_frame_u8(f, (uint8_t)x->each.in.dtype);
    sp_frame_u8(f, (uint8_t)x->each.out.dtype);
    sp_frame_u64(f, bytes);
    sp_frame_bytes(f, user, bytes);
}

/* What describe wrote, and where the function is in its module. */
static uint64_t take_description(struct sp_bytes *b, struct sp_function *x, struct module *theirs)
{
    take_text(b, x->name, sizeof x->name);
    take_text(b, theirs->name, sizeof theirs->name);
    for (size_t i = 0; i < ID_MOST / 8; i++) theirs->id[i] = sp_bytes_u64(b);
    theirs->bytes = sp_bytes_u64(b);
    uint64_t offset = sp_bytes_u64(b);
    x->elementwise = sp_bytes_u8(b) != 0;
    x->f.nargs = x->each.in.count = (int)sp_bytes_u32(b);
    x->f.nresults = (int)sp_bytes_u32(b);
    x->f.column_major = sp_bytes_u8(b);
    x->each.in.dtype = (starp_dtype)sp_bytes_u8(b);
    x->each.out = (starp_operands){ 1, (starp_dtype)sp_bytes_u8(b) };
    x->f.user_bytes = x->each.user_bytes = sp_bytes_u64(b);
    x->f.user = x->each.user = sp_bytes_take(b, x->f.user_bytes);
    return offset;
}

starp_status sp_function_read(struct sp_sched *s, struct sp_bytes *b, struct sp_error *e)
{
    struct module theirs = { .base = 0 }, own;
    struct sp_function x = { .elementwise = false };
    uint64_t offset = take_description(b, &x, &theirs);
    SP_TRY(sp_bytes_done(b, SP_FRAME_FUNCTION, e));
    SP_TRY(same_module(&theirs, &own, e));
    struct search there = { .address = own.base + offset, .found = &own };
    dl_iterate_phdr(look, &there);
    bool good = there.done && strcmp(own.name, theirs.name) == 0;
    if (!x.elementwise) good &= x.f.nresults >= 1 && x.f.nresults <= SP_MAX_RESULTS && x.f.nargs >= 0;
    if (!good) return sp_fail(e, STARP_ERR_RUNTIME, "no function is where it should be");
    if (x.elementwise) x.each.apply = (starp_elementwise_fn)there.address;
    else x.f.iterate = (starp_iterate_fn)there.address;
    return x.elementwise ? sp_elementwise_enter(s, x.name, &x.each, e) : sp_function_enter(s, x.name, &x.f, e);
}

/* The last function, which is here already, becomes that of all ranks. */
static starp_status tell_others(struct sp_sched *s, struct sp_error *e)
{
    uint32_t number = s->nfunction - 1;
    struct description d = { .function = s->function[number] };
    starp_status status = STARP_OK;
    if (s->ranks == 1) return STARP_OK;
    if (!find_module(address_of(d.function), &d.module)) status = sp_fail(e, STARP_ERR_RUNTIME, "the function is in no module of the program");
    if (status == STARP_OK) status = sp_lead_function(s, number, describe, &d, e);
    if (status != STARP_OK) sp_function_forget(s, number);
    return status;
}

static bool same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    return a_bytes == b_bytes && (a_bytes == 0 || (a && b && memcmp(a, b, a_bytes) == 0));
}

static bool is_same(const starp_function *a, const starp_function *b)
{
    return a->iterate == b->iterate && a->shapes == b->shapes && a->nargs == b->nargs && a->nresults == (b->nresults ? b->nresults : 1) &&
           a->column_major == b->column_major && same_bytes(a->user, a->user_bytes, b->user, b->user_bytes);
}

starp_status sp_function_register(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e)
{
    uint32_t number;
    const struct sp_function *known = sp_function_find(s, name, &number);
    if (known && is_same(&known->f, f)) return STARP_OK;
    SP_TRY(sp_function_enter(s, name, f, e));
    return tell_others(s, e);
}

starp_status sp_elementwise_register(struct sp_sched *s, const char *name, const starp_elementwise *f, struct sp_error *e)
{
    uint32_t number;
    const starp_elementwise *known = sp_elementwise_find(s, name, &number);
    bool same = known && known->apply == f->apply && known->in.count == f->in.count && known->in.dtype == f->in.dtype &&
                known->out.count == f->out.count && known->out.dtype == f->out.dtype;
    if (same && same_bytes(known->user, known->user_bytes, f->user, f->user_bytes)) return STARP_OK;
    SP_TRY(sp_elementwise_enter(s, name, f, e));
    return tell_others(s, e);
}

const struct sp_function *sp_function_builtin(struct sp_sched *s, const char *name, const starp_function *f, uint32_t *number, struct sp_error *e)
{
    uint32_t i = 0;
    while (i < s->nfunction && !(s->function[i]->builtin && is_same(&s->function[i]->f, f))) i++;
    *number = i;
    if (i == s->nfunction && sp_function_register(s, name, f, e) != STARP_OK) return NULL;
    s->function[i]->builtin = true;
    return s->function[i];
}
