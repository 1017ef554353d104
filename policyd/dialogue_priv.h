/*
 * dialogue_priv.h - what the files of the dialogue share: dialogue.c (its
 * beginning, its jobs, its end), dialogue_replies.c (what a reply does) and
 * dialogue_commands.c (what is sent).
 */
#ifndef BACKUPMX_POLICYD_DIALOGUE_PRIV_H
#define BACKUPMX_POLICYD_DIALOGUE_PRIV_H

#include "policyd/dialogue.h"

/** One more reply is awaited. */
void bmx_dialogue_await(struct bmx_dialogue *dlg,
                        enum bmx_dialogue_state reply);

/** The job under way is done: the rest of its result is set. */
void bmx_dialogue_finish(struct bmx_dialogue *dlg,
                         enum bmx_probe_outcome outcome,
                         enum bmx_probe_why why);

/** EHLO was accepted and there is a job: its first command is next. */
void bmx_dialogue_start_job(struct bmx_dialogue *dlg);

/** A refusal before RCPT: it would meet the next job as well. QUIT is next. */
void bmx_dialogue_refuse(struct bmx_dialogue *dlg, enum bmx_probe_why why,
                         const struct bmx_smtp_reply *reply);

/** The server closes: 421, to whatever. */
void bmx_dialogue_on_closing(struct bmx_dialogue *dlg,
                             const struct bmx_smtp_reply *reply);

/** The connection is of no more use. */
void bmx_dialogue_end(struct bmx_dialogue *dlg);

#endif
