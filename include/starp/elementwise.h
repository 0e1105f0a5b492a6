/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file starp/elementwise.h
 * What an elementwise function of the user's own looks like. Included by starp/plugin.h.
 */
#ifndef STARP_ELEMENTWISE_H
#define STARP_ELEMENTWISE_H

/** n elements: out[i] from in[0][i], in[1][i], ... Called from any thread, several at a time, with any n. */
typedef void (*starp_elementwise_fn)(size_t n, void *out, const void *const *in, const void *user);

/** An elementwise function. What is left out is 0. */
typedef struct starp_elementwise {
    starp_elementwise_fn apply; /**< the function */
    int nargs;                  /**< how many arguments it takes */
    starp_dtype in;             /**< of its arguments, */
    starp_dtype out;            /**< and of its result */
    const void *user;           /**< handed to each call; copied, to all ranks, so it holds no pointers */
    size_t user_bytes;          /**< how many bytes that are */
} starp_elementwise;

#endif
