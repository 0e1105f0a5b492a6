/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin_check.h: what tests of plug-ins share. STARP_PLUGINS is the directory where these are. */
#ifndef SP_TEST_PLUGIN_CHECK_H
#define SP_TEST_PLUGIN_CHECK_H

#include "client.h"
#include "plugins/mishaps.h"

#define GOOD STARP_PLUGINS "/good.so"
#define K 40   /* iterations of a mishap, */
#define BAD 17 /* and the one in which it happens */

/* Of the test that runs. */
extern starp_session *pl_session;
/* For each test; after whatever it did: nothing leaked, and the session computes. */
int pl_open(void **state);
int pl_open_keeping(void **state); /* with STARP_PPEVAL_KEEP */
int pl_open_with(const char *variable, const char *value); /* an option, or NULL */
int pl_close(void **state);

starp_status pl_load(bool isolated, const char *path);
void pl_load_good(bool isolated);
/* A copy of a plug-in, to be spoilt: its path. */
void pl_copy(const char *from, char path[64]);

/* Fails unless this is the last error, and forgets it. */
void pl_said(starp_status status, const char *words);
void pl_read(starp_array *x, void *to, size_t bytes);
double pl_now(void);

/* Functions of good.so. */
void pl_check_extremes(void);
void pl_check_scaled(void);
/* Mishap `how` in one of K iterations; what comes out. */
starp_array *pl_mishaps(int how);
/* It is an error with these words, after which all goes well. */
void pl_expect_mishap(int how, const char *words);

#endif
