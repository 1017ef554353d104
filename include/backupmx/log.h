/*
 * log.h - one line an event, as key=value with a fixed set of keys.
 *
 *	struct bmx_log_line line;
 *	bmx_log_begin(&line, log, BMX_LOG_WARN, "sync-failed");
 *	bmx_log_add(&line, BMX_KEY_DOMAIN, domain);
 *	bmx_log_end(&line);
 *
 * gives `ev=sync-failed domain=example.test`. Values are sanitised, cut at
 * BMX_LOG_VALUE_MAX, and quoted when they hold a blank, '"' or '='. Library
 * floors return errors; only the daemons and the engine log.
 *
 * Threads: one log may be used by several; a line belongs to one.
 */
#ifndef BACKUPMX_LOG_H
#define BACKUPMX_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

/** How grave, and who should act. */
enum bmx_log_level {
	BMX_LOG_DEBUG, /* off unless asked for */
	BMX_LOG_INFO,  /* one line a decision */
	BMX_LOG_WARN,  /* the administrator may act */
	BMX_LOG_ERROR, /* the service is reduced */
	BMX_LOG_FATAL, /* the program ends */
	BMX_LOG_LEVELS
};

/** "debug", "info", "warn", "error", "fatal". */
const char *bmx_log_level_name(enum bmx_log_level level);

/** The keys a line may have; programs rely on their names. */
enum bmx_log_key {
	BMX_KEY_ID,         /* id: Postfix's instance, or queue id */
	BMX_KEY_DOMAIN,     /* domain */
	BMX_KEY_CLIENT,     /* client: address of the SMTP client */
	BMX_KEY_HELO,       /* helo */
	BMX_KEY_SENDER,     /* sender */
	BMX_KEY_RCPT,       /* rcpt */
	BMX_KEY_ACT,        /* act: accept, reject, defer, ... */
	BMX_KEY_WHY,        /* why: the reason's short name */
	BMX_KEY_SRC,        /* src: where the evidence is from */
	BMX_KEY_AUTHORITY,  /* authority of the list */
	BMX_KEY_AGE,        /* age of the evidence */
	BMX_KEY_PROBE,      /* probe: why the primary did not decide */
	BMX_KEY_GATE,       /* gate: what it said */
	BMX_KEY_REPLY,      /* reply as sent */
	BMX_KEY_MS,         /* ms: how long it took */
	BMX_KEY_CHECK,      /* check: name of a milter check */
	BMX_KEY_RESULT,     /* result of a check */
	BMX_KEY_CHECKS,     /* checks: all of them as check:result[:word] */
	BMX_KEY_PRIMARY,    /* primary: a host of the primary MX */
	BMX_KEY_PEER,       /* peer: the other end of a socket */
	BMX_KEY_PATH,       /* path of a file or socket */
	BMX_KEY_LINE,       /* line within that file */
	BMX_KEY_GENERATION, /* generation of a list */
	BMX_KEY_COUNT,      /* count */
	BMX_KEY_ADDED,      /* added to a list */
	BMX_KEY_REMOVED,    /* removed from a list */
	BMX_KEY_SUPPRESSED, /* suppressed: like lines not written before */
	BMX_KEY_PID,        /* pid */
	BMX_KEY_VERSION,    /* version */
	BMX_KEY_ERR,        /* err: what went wrong */
	BMX_KEY_HINT,       /* hint: what to do */
	BMX_KEY_ORIGINAL,   /* original: queue id of what bounced */
	BMX_KEY_STATUS,     /* status of a delivery, as 5.1.1 */
	BMX_KEYS
};

enum bmx_log_sink {
	BMX_LOG_TO_STDERR, /* "ident: level: ..." lines on descriptor 2 */
	BMX_LOG_TO_SYSLOG, /* syslog(3), facility mail */
};

/** Most octets of one value; longer ones end in "...". */
#define BMX_LOG_VALUE_MAX ((size_t)320)
/** Most octets of one line, terminator included. */
#define BMX_LOG_LINE_MAX ((size_t)2048)

struct bmx_log;

struct bmx_log_line {
	struct bmx_log *log;
	enum bmx_log_level level;
	struct bmx_text text;
	char buffer[BMX_LOG_LINE_MAX];
};

/** Takes a whole line of a log, without line end; for tests. */
typedef void bmx_log_cb(void *ctx, enum bmx_log_level level, const char *line);

/**
 * Makes a log. ident is the program's name; it must outlive the log.
 * @return the log, which the caller frees, or NULL when memory is short
 */
struct bmx_log *bmx_log_new(const char *ident, enum bmx_log_sink sink,
                            enum bmx_log_level least);

/** As bmx_log_new, but lines go to cb. */
struct bmx_log *bmx_log_new_capture(bmx_log_cb *cb, void *ctx,
                                    enum bmx_log_level least);

/** Flushes, frees *log and sets it to NULL. NULL is fine. */
void bmx_log_free(struct bmx_log **log);

/** Sends later lines to sink. Not while other threads log. */
void bmx_log_set_sink(struct bmx_log *log, enum bmx_log_sink sink);

/**
 * Collects stderr lines until bmx_log_flush or until the buffer is full, so
 * that an event loop pays one write a turn. Lines of BMX_LOG_WARN and above
 * are written at once, behind what waits.
 */
void bmx_log_set_buffered(struct bmx_log *log, bool buffered);

/**
 * Writes what waits. Never blocks: when standard error is a pipe that nobody
 * reads, the lines are dropped and counted.
 */
void bmx_log_flush(struct bmx_log *log);

/** Lines dropped since the start because the sink did not take them. */
uint64_t bmx_log_dropped(const struct bmx_log *log);

/** Is level written at all? */
bool bmx_log_enabled(const struct bmx_log *log, enum bmx_log_level level);

/** Starts a line with `ev=event`; log and event are borrowed until its end. */
void bmx_log_begin(struct bmx_log_line *line, struct bmx_log *log,
                   enum bmx_log_level level, const char *event);

/** As bmx_log_begin, with `id=` before `ev=`; an empty id is left out. */
void bmx_log_begin_id(struct bmx_log_line *line, struct bmx_log *log,
                      enum bmx_log_level level, struct bmx_slice id,
                      const char *event);

/** Appends ` key=value`; value may be hostile. */
void bmx_log_add(struct bmx_log_line *line, enum bmx_log_key key,
                 struct bmx_slice value);

/** Appends ` key=value` of a terminated string of ours, "-" for NULL. */
void bmx_log_add_string(struct bmx_log_line *line, enum bmx_log_key key,
                        const char *value);

/** Appends ` key=<value>`, as addresses are written. */
void bmx_log_add_address(struct bmx_log_line *line, enum bmx_log_key key,
                         struct bmx_slice value);

/** Appends ` key=number`. */
void bmx_log_add_u64(struct bmx_log_line *line, enum bmx_log_key key,
                     uint64_t value);

/** Appends ` ms=` with one decimal, from microseconds. */
void bmx_log_add_ms(struct bmx_log_line *line, int64_t us);

/** Writes the line. */
void bmx_log_end(struct bmx_log_line *line);

/** A whole line with `err=` and, unless NULL, `hint=`. */
void bmx_log_error(struct bmx_log *log, enum bmx_log_level level,
                   const char *event, const char *err, const char *hint);

/** Lets one event through an interval and counts the others. */
struct bmx_log_throttle {
	int64_t interval_ms; /* set by the owner, more than 0 */
	int64_t next_ms;     /* monotonic; 0 at first */
	uint64_t held_back;  /* since the last one let through */
};

/**
 * May this event be logged now? If so *suppressed_out is how many were not
 * since the last one. Not for several threads.
 */
bool bmx_log_throttle_pass(struct bmx_log_throttle *throttle,
                           const struct bmx_clock *clock,
                           uint64_t *suppressed_out);

#endif
