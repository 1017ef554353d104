#include <backupmx/log.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* Octets of stderr lines that wait for a flush. */
#define WAITING_MAX ((size_t)32 * 1024)

struct bmx_log {
	const char *ident;
	enum bmx_log_sink sink;
	enum bmx_log_level least;
	bmx_log_cb *cb;
	void *ctx;
	bool buffered;
	pthread_mutex_t lock; /* waiting, waiting_len, waiting_lines */
	atomic_uint_fast64_t dropped;
	size_t waiting_len;
	uint64_t waiting_lines;
	char waiting[WAITING_MAX];
};

static const char *const level_names[] = {"debug", "info", "warn", "error",
                                          "fatal"};
static_assert(sizeof(level_names) / sizeof(level_names[0]) == BMX_LOG_LEVELS,
              "one name a level");

static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR,
                                 LOG_CRIT};
static_assert(sizeof(priorities) / sizeof(priorities[0]) == BMX_LOG_LEVELS,
              "one priority a level");

/* As a line has it, with the blank before and the '=' behind. */
struct key_row {
	const char *name;
	struct bmx_slice written;
};
#define KEY(name)                                                              \
	{                                                                      \
		name,                                                          \
		{                                                              \
			" " name "=", sizeof(name) + 1                         \
		}                                                              \
	}

static const struct key_row keys[] = {
	KEY("id"),      KEY("domain"),    KEY("client"),     KEY("helo"),
	KEY("sender"),  KEY("rcpt"),      KEY("act"),        KEY("why"),
	KEY("src"),     KEY("authority"), KEY("age"),        KEY("probe"),
	KEY("gate"),    KEY("reply"),     KEY("ms"),         KEY("check"),
	KEY("result"),  KEY("checks"),    KEY("primary"),    KEY("peer"),
	KEY("path"),    KEY("line"),      KEY("generation"), KEY("count"),
	KEY("added"),   KEY("removed"),   KEY("suppressed"), KEY("pid"),
	KEY("version"), KEY("err"),       KEY("hint"),       KEY("original"),
	KEY("status"),
};
static_assert(sizeof(keys) / sizeof(keys[0]) == BMX_KEYS, "one row a key");

const char *
bmx_log_level_name(enum bmx_log_level level)
{
	return level_names[level];
}

static struct bmx_log *
new_log(enum bmx_log_level least)
{
	struct bmx_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->least = least;
	if (pthread_mutex_init(&log->lock, NULL) != 0) {
		free(log);
		return NULL;
	}
	return log;
}

struct bmx_log *
bmx_log_new(const char *ident, enum bmx_log_sink sink, enum bmx_log_level least)
{
	struct bmx_log *log = new_log(least);

	if (!log)
		return NULL;
	log->ident = ident;
	bmx_log_set_sink(log, sink);
	return log;
}

struct bmx_log *
bmx_log_new_capture(bmx_log_cb *cb, void *ctx, enum bmx_log_level least)
{
	struct bmx_log *log = new_log(least);

	if (!log)
		return NULL;
	log->cb = cb;
	log->ctx = ctx;
	return log;
}

void
bmx_log_free(struct bmx_log **log)
{
	if (!*log)
		return;
	bmx_log_flush(*log);
	(void)pthread_mutex_destroy(&(*log)->lock);
	free(*log);
	*log = NULL;
}

void
bmx_log_set_sink(struct bmx_log *log, enum bmx_log_sink sink)
{
	bmx_log_flush(log);
	log->sink = sink;
	if (sink == BMX_LOG_TO_SYSLOG)
		openlog(log->ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void
bmx_log_set_buffered(struct bmx_log *log, bool buffered)
{
	bmx_log_flush(log);
	log->buffered = buffered;
}

uint64_t
bmx_log_dropped(const struct bmx_log *log)
{
	return atomic_load(&log->dropped);
}

bool
bmx_log_enabled(const struct bmx_log *log, enum bmx_log_level level)
{
	return level >= log->least;
}

/*
 * Descriptor 2 is shared with whoever started us, so it cannot be made
 * non-blocking. A pipe, a socket or a terminal is asked first whether it
 * takes more; poll promises PIPE_BUF octets of a pipe.
 */
static bool
stderr_takes(void)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
}

static bool
write_stderr(const char *data, size_t len)
{
	struct stat st;
	const bool may_block =
		fstat(STDERR_FILENO, &st) != 0 || !S_ISREG(st.st_mode);

	while (len > 0) {
		const size_t piece =
			may_block && len > PIPE_BUF ? PIPE_BUF : len;
		ssize_t done;

		if (may_block && !stderr_takes())
			return false;
		done = write(STDERR_FILENO, data, piece);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		len -= (size_t)done;
	}
	return true;
}

static void
flush_locked(struct bmx_log *log)
{
	if (log->waiting_len == 0)
		return;
	if (!write_stderr(log->waiting, log->waiting_len))
		atomic_fetch_add(&log->dropped, log->waiting_lines);
	log->waiting_len = 0;
	log->waiting_lines = 0;
}

void
bmx_log_flush(struct bmx_log *log)
{
	/* Nothing ever waits unless the owner, one thread, asked for it. */
	if (!log->buffered)
		return;
	(void)pthread_mutex_lock(&log->lock);
	flush_locked(log);
	(void)pthread_mutex_unlock(&log->lock);
}

static void
put_stderr(struct bmx_log *log, enum bmx_log_level level, struct bmx_slice line)
{
	char whole[BMX_LOG_LINE_MAX + 64];
	struct bmx_text text;

	bmx_text_init(&text, whole, sizeof(whole));
	bmx_text_append_string(&text, log->ident);
	bmx_text_append_string(&text, ": ");
	bmx_text_append_string(&text, level_names[level]);
	bmx_text_append_string(&text, ": ");
	bmx_text_append(&text, line);
	if (text.len == text.size - 1)
		text.len--;
	bmx_text_append_char(&text, '\n');

	(void)pthread_mutex_lock(&log->lock);
	if (text.len > WAITING_MAX - log->waiting_len)
		flush_locked(log);
	memcpy(log->waiting + log->waiting_len, text.data, text.len);
	log->waiting_len += text.len;
	log->waiting_lines++;
	if (!log->buffered || level >= BMX_LOG_WARN)
		flush_locked(log);
	(void)pthread_mutex_unlock(&log->lock);
}

static void
put(struct bmx_log *log, enum bmx_log_level level, const struct bmx_text *text)
{
	if (log->cb)
		log->cb(log->ctx, level, text->data);
	else if (log->sink == BMX_LOG_TO_SYSLOG)
		syslog(priorities[level], "%s", text->data);
	else
		put_stderr(log, level, bmx_text_slice(text));
}

void
bmx_log_begin_id(struct bmx_log_line *line, struct bmx_log *log,
                 enum bmx_log_level level, struct bmx_slice id,
                 const char *event)
{
	line->log = log;
	line->level = level;
	bmx_text_init(&line->text, line->buffer, sizeof(line->buffer));
	if (id.len > 0) {
		bmx_log_add(line, BMX_KEY_ID, id);
		bmx_text_append_char(&line->text, ' ');
	}
	bmx_text_append_string(&line->text, "ev=");
	bmx_text_append_string(&line->text, event);
}

void
bmx_log_begin(struct bmx_log_line *line, struct bmx_log *log,
              enum bmx_log_level level, const char *event)
{
	bmx_log_begin_id(line, log, level, (struct bmx_slice){0}, event);
}

static void
add_key(struct bmx_log_line *line, enum bmx_log_key key)
{
	struct bmx_slice written = keys[key].written;

	if (line->text.len == 0) {
		written.data++;
		written.len--;
	}
	bmx_text_append(&line->text, written);
}

/* Printable ASCII that means nothing to whoever parses the line: nearly all
 * values, and there is a line for each decision. */
static bool
is_plain(struct bmx_slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		const unsigned char c = (unsigned char)value.data[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=')
			return false;
	}
	return value.len <= BMX_LOG_VALUE_MAX;
}

static bool
needs_quotes(struct bmx_slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] == ' ' || value.data[i] == '"' ||
		    value.data[i] == '=')
			return true;
	return value.len == 0;
}

/* A '"' inside a quoted value would end it early for whoever parses it. */
static void
add_quoted(struct bmx_text *text, struct bmx_slice value)
{
	const size_t from = text->len + 1;

	bmx_text_append_char(text, '"');
	bmx_text_append_clean(text, value, BMX_LOG_VALUE_MAX);
	for (size_t i = from; i < text->len; i++)
		if (text->data[i] == '"')
			text->data[i] = '\'';
	bmx_text_append_char(text, '"');
}

void
bmx_log_add(struct bmx_log_line *line, enum bmx_log_key key,
            struct bmx_slice value)
{
	add_key(line, key);
	if (value.len > 0 && is_plain(value))
		bmx_text_append(&line->text, value);
	else if (needs_quotes(value))
		add_quoted(&line->text, value);
	else
		bmx_text_append_clean(&line->text, value, BMX_LOG_VALUE_MAX);
}

void
bmx_log_add_string(struct bmx_log_line *line, enum bmx_log_key key,
                   const char *value)
{
	bmx_log_add(line, key, value ? bmx_slice_of(value) : BMX_SLICE("-"));
}

/* A '>' inside would end the address early for whoever parses the line. */
void
bmx_log_add_address(struct bmx_log_line *line, enum bmx_log_key key,
                    struct bmx_slice value)
{
	size_t from;

	add_key(line, key);
	bmx_text_append_char(&line->text, '<');
	from = line->text.len;
	if (is_plain(value))
		bmx_text_append(&line->text, value);
	else
		bmx_text_append_clean(&line->text, value, BMX_LOG_VALUE_MAX);
	for (size_t i = from; i < line->text.len; i++)
		if (line->text.data[i] == '>')
			line->text.data[i] = '?';
	bmx_text_append_char(&line->text, '>');
}

void
bmx_log_add_u64(struct bmx_log_line *line, enum bmx_log_key key, uint64_t value)
{
	add_key(line, key);
	bmx_text_append_u64(&line->text, value);
}

void
bmx_log_add_ms(struct bmx_log_line *line, int64_t us)
{
	const uint64_t tenths = us > 0 ? (uint64_t)us / 100 : 0;

	add_key(line, BMX_KEY_MS);
	bmx_text_append_u64(&line->text, tenths / 10);
	bmx_text_append_char(&line->text, '.');
	bmx_text_append_u64(&line->text, tenths % 10);
}

void
bmx_log_end(struct bmx_log_line *line)
{
	if (bmx_log_enabled(line->log, line->level))
		put(line->log, line->level, &line->text);
}

void
bmx_log_error(struct bmx_log *log, enum bmx_log_level level, const char *event,
              const char *err, const char *hint)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, log, level, event);
	bmx_log_add_string(&line, BMX_KEY_ERR, err);
	if (hint)
		bmx_log_add_string(&line, BMX_KEY_HINT, hint);
	bmx_log_end(&line);
}

bool
bmx_log_throttle_pass(struct bmx_log_throttle *throttle,
                      const struct bmx_clock *clock, uint64_t *suppressed_out)
{
	const int64_t now = bmx_clock_mono_ms(clock);

	if (throttle->next_ms != 0 && now < throttle->next_ms) {
		throttle->held_back++;
		return false;
	}
	*suppressed_out = throttle->held_back;
	throttle->held_back = 0;
	throttle->next_ms = now + throttle->interval_ms;
	return true;
}
