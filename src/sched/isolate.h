/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * isolate.h: plug-ins, and what a session and the helper process of an isolated one say to each other. Messages are as in
 * memory: both ends run on one machine and are built together, which the first message tells. A message may be followed by
 * bytes; who asks, waits for the answer.
 *
 *   helper: LOADED   k: protocol; n functions follow. Or REFUSED with a text. Sent when it has started
 *   parent: CALL     function k, iteration `index` of `count`; n arguments follow, then the bytes of each, but for those that
 *                    have stayed since another call
 *           FORGET   what has stayed
 *   helper: OUTPUT   result k of dtype and shape; answered by OUTPUT, k: whether there is such a result, count: its bytes
 *           UNIFORM, NORMAL   answered by `count` numbers
 *           CANCELLED         answered by CANCELLED, k
 *           FAIL     text
 *           DONE     k: what the function has returned; the bytes of those results follow whose bits are in n; count: not 0
 *                    when there was no memory for the arguments, so that nothing has stayed
 *   parent: SHAPES   function k; n arguments follow, whose results are asked for; answered by DONE with text and `count` descriptions
 */
#ifndef SP_ISOLATE_H
#define SP_ISOLATE_H

#include <stdbool.h>

#include "starp/plugin.h"

/* -------------------------------------------------------------------------------------------------- plugin_open.c */

#define SP_PLUGIN_TEXT 160

/* Loads a plug-in and looks at it; NULL: why not is in text. A later version's members are left out. */
void *sp_plugin_open(const char *path, starp_plugin *plugin, char text[SP_PLUGIN_TEXT]);

/* ------------------------------------------------------------------------------------- isolate.c, isolate_main.c */

#define SP_ISOLATE_SOCKET 3 /* the helper's end */
#define SP_ISOLATE_PROTOCOL (100 * STARP_PLUGIN_ABI + 2)

enum sp_isolate_kind {
    SP_ISOLATE_LOADED,
    SP_ISOLATE_REFUSED,
    SP_ISOLATE_CALL,
    SP_ISOLATE_SHAPES,
    SP_ISOLATE_FORGET,
    SP_ISOLATE_OUTPUT,
    SP_ISOLATE_FAIL,
    SP_ISOLATE_UNIFORM,
    SP_ISOLATE_NORMAL,
    SP_ISOLATE_CANCELLED,
    SP_ISOLATE_DONE
};

struct sp_isolate_message {
    uint32_t kind;
    int32_t k;
    uint32_t n, dtype;
    uint64_t count;
    int64_t index;
    starp_dims shape;
    char text[STARP_ITERATION_TEXT];
};

enum sp_isolate_stay {
    SP_ISOLATE_GOES,   /* it is this call's alone */
    SP_ISOLATE_STAYS,  /* calls after this one have the same */
    SP_ISOLATE_STAYED, /* it is that of a call before: no bytes */
};

struct sp_isolate_argument {
    starp_argument x; /* but for where it lies */
    uint64_t bytes;
    uint32_t stay;
};

struct sp_isolate_function {
    char name[64];
    int32_t nresults, nargs, column_major, has_shapes;
};

/* An isolated plug-in in a session: its helper processes, of which as many exist as have been needed at a time. */
struct sp_isolate;
struct sp_sched;
struct sp_error;

/* Starts a helper, which loads the plug-in. */
struct sp_isolate *sp_isolate_new(struct sp_sched *s, const char *path, struct sp_error *e);
void sp_isolate_free(struct sp_isolate *x);
const struct sp_isolate_function *sp_isolate_functions(const struct sp_isolate *x, int *n);

struct sp_helper {
    struct sp_helper *next;
    int pid, fd;
    const starp_iteration *it; /* whose call it works on; NULL: none that could be cancelled */
    int64_t seconds;           /* in which it has to be done with what it does; 0: any */
    double began;
    bool cancelled, late;      /* why it is to be ended */
    uint64_t has;              /* the evaluation whose whole arguments it has; 0: none */
};

/* One that waits for a call, or a new one; NULL: why not is in text. Then it is given back, or over. */
struct sp_helper *sp_helper_take(struct sp_isolate *x, const starp_iteration *it, char text[SP_PLUGIN_TEXT]);
void sp_helper_give(struct sp_isolate *x, struct sp_helper *h);
/* After a run: idle ones forget what has stayed. */
void sp_isolate_rest(struct sp_isolate *x);
/* From now on it has as long as a plug-in may take for what it does once (STARP_PLUGIN_SECONDS); or, without a limit, all the time. */
void sp_helper_limit(struct sp_helper *h, const struct sp_isolate *x);
void sp_helper_no_limit(struct sp_helper *h);
/* Of one that does not answer, or not in time: ends it, at once, and says what has happened. */
void sp_helper_over(struct sp_helper *h, char text[SP_PLUGIN_TEXT]);
/* False: it is over, or is to be: it does not answer any more, its call was cancelled, its time is up. */
bool sp_helper_send(struct sp_helper *h, const void *data, size_t n);
bool sp_helper_receive(struct sp_helper *h, void *data, size_t n);

/* ------------------------------------------------------------------------------------------------ isolate_call.c */

/* The helper drops what has stayed with it. False as for sp_helper_send. */
bool sp_helper_forget(struct sp_helper *h);

/* What a function that stands for an isolated one has as its user data. */
struct sp_isolated {
    struct sp_sched *sched;
    struct sp_isolate *isolate;
    int32_t function;
};
/* Function i of the plug-in, which is `user` until it is registered. */
starp_function sp_isolated_function(struct sp_sched *s, struct sp_isolate *x, int i, struct sp_isolated *user);
bool sp_is_isolated(const starp_function *f);

#endif
