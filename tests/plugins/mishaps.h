/* SPDX-License-Identifier: BSD-3-Clause */
/* mishaps.h: what an iteration of `mishap` in good.c does when its datum is one of these. */
enum { NOTHING, CRASHES, ABORTS, EXITS, FAILS, RETURNS, HANGS, ASKS, TALKS, FLOODS, DRAWS, CUTS_OFF, SLEEPS, WRONG_SHAPE, NO_RESULT };
