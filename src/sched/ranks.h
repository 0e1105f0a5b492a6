/* SPDX-License-Identifier: BSD-3-Clause */
/* ranks.h: what ranks have in common, and how they hear of it. engine.h includes this; nobody else does. */
#ifndef SP_RANKS_H
#define SP_RANKS_H

/* -------------------------------------------------------------------------------------- world.c, control.c, comm.c */

struct sp_frame;
struct sp_bytes;
struct sp_frame_head;
struct sp_done;
struct sp_slot;
struct sp_sched;

/* Joins the job this process was started in, once; alone when there is none. */
starp_status sp_world_join(const struct sp_options *o, struct sp_error *e);
int sp_world_rank(void);
int sp_world_size(void);
void sp_world_local(int *rank, int *size); /* among the ranks of this machine */
/* Whether the job has fallen apart, and why. */
bool sp_world_lost(struct sp_error *e);
/* This rank cannot do its part: the job ends. */
void sp_world_give_up(int rank, const char *text);
/* While waiting: whether the job is lost, or, on other ranks than 0, whether rank 0 wants the session's run to end; 0: no run. */
bool sp_world_check(uint32_t session);
/* Rank 0: a frame to all others; try: a small one, unless it would have to wait. */
starp_status sp_world_send(const struct sp_frame *f, struct sp_error *e);
bool sp_world_try_send(const struct sp_frame *f);
/* Rank 0: the others' answers to a run, of which the first failure becomes the error, and what they note of a good one, all
   together, with the first of it, unless note is NULL; whether they can be had without waiting,
   perhaps after a while. */
starp_status sp_world_answers(uint64_t run, struct sp_done *note, struct sp_error *e);
bool sp_world_answered(uint64_t run, int milliseconds);
/* Other ranks: the next frame, whose body is the caller's to free; ends the process when there is none. */
starp_status sp_world_next(struct sp_frame_head *h, unsigned char **body, struct sp_error *e);
void sp_world_reply(const struct sp_done *done);

/* Bytes on their way to or from another rank, for a run; what is long goes as several messages. */
struct sp_message {
    struct sp_message *next;
    struct sp_run *run;
    struct sp_slot *slot;
    void *data;
    size_t bytes;                   /* with the word behind them: sp_message_sign */
    int peer, tag;
    bool receive, near;             /* near: the bytes are there, only the word travels */
    bool last;                      /* of those that one slot takes */
    uint64_t word[2];               /* of a near one */
};
starp_status sp_comm_start(struct sp_error *e);
void sp_comm_stop(void);
void sp_comm_post(struct sp_message *m);
bool sp_comm_expects(void); /* whether a message is to come in */
void sp_comm_hurry(void); /* a worker has nothing to do but for what may have arrived */
int sp_comm_tag(uint32_t session, uint32_t number);
/* Lets go of all messages: what waits for them goes on with whatever is there. */
void sp_comm_abandon(void);
/* Outside runs, waiting: */
starp_status sp_comm_send(const void *data, size_t bytes, int peer, struct sp_error *e);
starp_status sp_comm_receive(void *data, size_t bytes, int peer, struct sp_error *e);

/* ----------------------------------------------------------------------------------------------------- near.c */

/* Where a rank's channels to the others of its machine can be found. */
struct sp_near_place {
    int32_t rank, pid, fd;          /* fd -1: it has none */
    int64_t bytes;                  /* of a channel */
    uint64_t proof;                 /* what each of them begins with */
};
/* This rank's: it is the local-th of so many on the machine. Then all of theirs, by number on the machine; false: there is one
   that cannot be seen. And when all have tried: whether all of them can see all, else there are none. */
void sp_near_make(int ranks, int local, int rank, uint64_t proof, struct sp_near_place *place);
bool sp_near_map(const struct sp_near_place *place);
void sp_near_settle(bool all);
/* A session's, as its option says, which becomes 0 for all but one session at a time; a run of it begins, with empty channels. */
starp_status sp_near_open(struct sp_sched *s, struct sp_error *e);
void sp_near_close(struct sp_sched *s);
void sp_near_begin(struct sp_sched *s);
/* Where the next message to or from a rank lies until the end of the run; NULL: it travels. */
starp_status sp_near_slot(struct sp_sched *s, size_t bytes, int peer, bool receive, struct sp_slot **slot, struct sp_error *e);
bool sp_near_has(const struct sp_slot *slot);

/* ------------------------------------------------------------------------------------------------- functions.c */

/* The next function of this rank alone, which all ranks must have under one number. */
starp_status sp_function_enter(struct sp_sched *s, const char *name, const starp_function *f, struct sp_error *e);
starp_status sp_elementwise_enter(struct sp_sched *s, const char *name, const starp_elementwise *f, struct sp_error *e);
/* A function as rank 0 describes it: registered here, or STARP_ERR_RUNTIME if it cannot be found; and taken back. */
starp_status sp_function_read(struct sp_sched *s, struct sp_bytes *b, struct sp_error *e);
void sp_function_forget(struct sp_sched *s, uint32_t number);
void sp_functions_free(struct sp_sched *s);
/* The elementwise function of that number; NULL: none. */
const starp_elementwise *sp_elementwise_of(const struct sp_sched *s, uint32_t number);

/* --------------------------------------------------------------------------------------------------- plugin.c */

/* A plug-in as rank 0 describes it: loaded here, its functions entered; and the last one taken back. */
starp_status sp_plugin_read(struct sp_sched *s, struct sp_bytes *b, struct sp_error *e);
void sp_plugin_forget(struct sp_sched *s);
/* After a run: helper processes let go of what it has given them. */
void sp_plugins_rest(struct sp_sched *s);
/* After the functions. */
void sp_plugins_free(struct sp_sched *s);

/* ------------------------------------------------------------------------------------------------ lead.c, serve.c */

/* What an answer is known by: a run, or with the bit host data. */
uint64_t sp_ticket(uint32_t session, uint64_t number);
#define SP_TICKET_PUT (UINT64_C(1) << 63)
#define SP_TICKET_FUNCTION (UINT64_C(1) << 62)

/* Rank 0: tells the others of a new session and of its end, of a run about to begin, and how it ended. */
starp_status sp_lead_open(struct sp_sched *s, struct sp_error *e);
void sp_lead_close(struct sp_sched *s);
starp_status sp_lead_run(struct sp_run *run, struct sp_error *e);
starp_status sp_lead_outcome(struct sp_run *run, bool commit, struct sp_error *e);
bool sp_lead_cancel(struct sp_sched *s); /* false: not now */
/* What `describe` writes goes to all others as the function of that number; they have it when all of them could take it. */
starp_status sp_lead_function(struct sp_sched *s, uint32_t number, void (*describe)(struct sp_frame *f, const void *what), const void *what,
                              struct sp_error *e);
/* The same of a plug-in, whose first function has the number. */
starp_status sp_lead_plugin(struct sp_sched *s, uint32_t number, void (*describe)(struct sp_frame *f, const void *what), const void *what,
                            struct sp_error *e);
starp_status sp_lead_put(struct sp_sched *s, struct sp_value *v, const struct sp_node *node, const void *data, struct sp_error *e);
starp_status sp_lead_get(struct sp_sched *s, const struct sp_value *v, void *buffer, struct sp_error *e);
/* Other ranks: does what rank 0 says until the job ends, and the process with it. */
_Noreturn void sp_serve(void);
/* A node the others know has died. */
void sp_lead_gone(void *self, uint64_t id);

#endif
