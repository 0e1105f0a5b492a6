/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plugin_open.c: a shared object is loaded, and seen to be a plug-in. Part of the library and of the helper program, where
 * isolated plug-ins are loaded, so it needs nothing else.
 */
#include <dlfcn.h>
#include <string.h>

#include "isolate.h"
#include "sched.h"

bool sp_function_valid(const starp_function *f)
{
    return f && f->iterate && f->nresults >= 0 && f->nresults <= STARP_MAXRESULTS && f->nargs >= 0 && f->nargs <= STARP_MAXARGS &&
           (f->user || f->user_bytes == 0);
}

static bool is_name(const char *name)
{
    return name && name[0] && strnlen(name, SP_FUNCTION_NAME) < SP_FUNCTION_NAME;
}

static bool is_list(int n, const void *list)
{
    return n >= 0 && n <= STARP_PLUGIN_MOST && (list || n == 0);
}

/* Why it is not what a plug-in can have; false: it is. */
static bool is_odd(const starp_plugin *p, char *text)
{
    bool lists = is_list(p->nfunctions, p->functions) && is_list(p->nelementwise, p->elementwise);
    if (!lists) return snprintf(text, SP_PLUGIN_TEXT, "%d functions and %d elementwise ones cannot be", p->nfunctions, p->nelementwise) > 0;
    if (p->nfunctions + p->nelementwise == 0) return snprintf(text, SP_PLUGIN_TEXT, "it has no functions") > 0;
    for (int i = 0; i < p->nfunctions; i++) {
        const char *name = p->functions[i].name;
        if (is_name(name) && sp_function_valid(&p->functions[i].f)) continue;
        return snprintf(text, SP_PLUGIN_TEXT, "function %d (%.64s) is not what a function looks like", i, name ? name : "no name") > 0;
    }
    for (int i = 0; i < p->nelementwise; i++) {
        if (is_name(p->elementwise[i].name)) continue;
        return snprintf(text, SP_PLUGIN_TEXT, "elementwise function %d has no name, or a long one", i) > 0;
    }
    return false;
}

/* Members are read only as far as the version says that they are there. */
static bool look(const starp_plugin *found, starp_plugin *p, char *text)
{
    const unsigned version = STARP_PLUGIN_ABI;
    if (!found) {
        snprintf(text, SP_PLUGIN_TEXT, "its starp_plugin_entry() returns NULL");
    } else if (found->abi != version) {
        snprintf(text, SP_PLUGIN_TEXT, "it was built for version %u of plug-ins; this library has %u", found->abi, version);
    } else if (found->size < sizeof *p) {
        snprintf(text, SP_PLUGIN_TEXT, "its description has %zu bytes, not %zu", found->size, sizeof *p);
    } else {
        memcpy(p, found, sizeof *p);
        return !is_odd(p, text);
    }
    return false;
}

/* The linker's words, without the path that they begin with. */
static void take_words(const char *path, char *text)
{
    const char *words = dlerror();
    size_t n = strlen(path);
    if (!words) words = "it cannot be loaded";
    if (strncmp(words, path, n) == 0 && strncmp(words + n, ": ", 2) == 0) words += n + 2;
    snprintf(text, SP_PLUGIN_TEXT, "%s", words);
}

void *sp_plugin_open(const char *path, starp_plugin *plugin, char text[SP_PLUGIN_TEXT])
{
    const starp_plugin *(*entry)(void);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return take_words(path, text), NULL;
    *(void **)&entry = dlsym(handle, "starp_plugin_entry");
    if (entry && look(entry(), plugin, text)) return handle;
    if (!entry) snprintf(text, SP_PLUGIN_TEXT, "it is no plug-in: there is no starp_plugin_entry in it");
    dlclose(handle);
    return NULL;
}
