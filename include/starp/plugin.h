/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp/plugin.h
 * For writing plug-ins: shared objects with functions for starp_ppeval() and for starp_apply(), loaded by starp_load_plugin() or
 * starp_load_plugin_isolated(). A plug-in includes this header and links with nothing of starp's: what an iteration needs
 * comes through its first argument. It exports one function, which describes it:
 *
 * ```c
 * #include <starp/plugin.h>
 *
 * static int span(starp_iteration *it, int nin, const starp_argument *in, const void *user)
 * {
 *     double *result = starp_iteration_output(it, 0, STARP_F64, STARP_SHAPE0);
 *     if (!result) return 1;
 *     ...
 *     return 0;
 * }
 *
 * static const starp_plugin_function functions[] = { { "span", { .iterate = span, .nargs = 1 } } };
 *
 * const starp_plugin *starp_plugin_entry(void)
 * {
 *     static const starp_plugin plugin = { STARP_PLUGIN_ABI, sizeof plugin, "spans", .nfunctions = 1, .functions = functions };
 *     return &plugin;
 * }
 * ```
 *
 * Compile it with `cc -shared -fPIC`, or in CMake as a MODULE library; docs/examples/plugin in the source is a whole project. One that
 * is to be isolated has no elementwise functions: these go in a shared object of their own.
 */
#ifndef STARP_PLUGIN_H
#define STARP_PLUGIN_H

#include "../starp.h"

#include "elementwise.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The version of what a plug-in and the library know of each other: they must have the same. */
#define STARP_PLUGIN_ABI 1
/** Largest number of functions of each kind in a plug-in. */
#define STARP_PLUGIN_MOST 4096

/** A function for starp_ppeval() and the name it goes by, of at most 63 characters. */
typedef struct starp_plugin_function {
    const char *name; /**< as handed to starp_ppeval() */
    starp_function f; /**< the function */
} starp_plugin_function;

/** An elementwise function and its name. */
typedef struct starp_plugin_elementwise {
    const char *name;    /**< of at most 63 characters */
    starp_elementwise f; /**< the function */
} starp_plugin_elementwise;

/** What a plug-in is. It stays as it is while the plug-in is loaded, and is the same in every process that loads it. */
typedef struct starp_plugin {
    uint32_t abi;                                /**< STARP_PLUGIN_ABI */
    size_t size;                                 /**< sizeof(starp_plugin): later versions may have more members */
    const char *name;                            /**< for the reader */
    int nfunctions;                              /**< functions for starp_ppeval(), */
    const starp_plugin_function *functions;      /**< and what they are */
    int nelementwise;                            /**< elementwise functions, */
    const starp_plugin_elementwise *elementwise; /**< and what they are */
} starp_plugin;

/** What a plug-in exports, by this name. Called once in each process, from the thread that loads the plug-in. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const starp_plugin *starp_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
