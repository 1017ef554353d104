#include <backupmx/policy_reply.h>

#include <assert.h>

#define PLAIN(action) "action=" action "\n\n"
#define OBSERVED(action) PLAIN("WARN backupmx would answer: " action)

/* The table: what is said, what is said in observe mode, what it does. "Cannot
 * say" is DEFER_IF_PERMIT, so that a later definite refusal of Postfix wins. */
#define ROWS(ROW)                                                              \
	ROW(BMX_REPLY_DUNNO, "DUNNO", PLAIN, BMX_REPLY_PASSES)                 \
	ROW(BMX_REPLY_USER_UNKNOWN, "550 5.1.1 User unknown", OBSERVED,        \
	    BMX_REPLY_REJECTS)                                                 \
	ROW(BMX_REPLY_UNVERIFIED,                                              \
	    "DEFER_IF_PERMIT 4.1.1 Unverified address, try again later",       \
	    OBSERVED, BMX_REPLY_DEFERS)                                        \
	ROW(BMX_REPLY_TROUBLE,                                                 \
	    "DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure",        \
	    OBSERVED, BMX_REPLY_DEFERS)                                        \
	ROW(BMX_REPLY_PRIMARY_UP,                                              \
	    "451 4.3.2 The primary MX is up, deliver there", OBSERVED,         \
	    BMX_REPLY_DEFERS)                                                  \
	ROW(BMX_REPLY_TOO_LARGE,                                               \
	    "552 5.3.4 Message size exceeds the limit of the primary MX",      \
	    OBSERVED, BMX_REPLY_REJECTS)                                       \
	ROW(BMX_REPLY_MAILBOX_FULL, "452 4.2.2 Mailbox full", OBSERVED,        \
	    BMX_REPLY_DEFERS)                                                  \
	ROW(BMX_REPLY_DISABLED, "550 5.2.1 Mailbox disabled", OBSERVED,        \
	    BMX_REPLY_REJECTS)                                                 \
	ROW(BMX_REPLY_NO_SMTPUTF8,                                             \
	    "553 5.6.7 Internationalized address not supported by the "        \
	    "primary MX",                                                      \
	    OBSERVED, BMX_REPLY_REJECTS)                                       \
	ROW(BMX_REPLY_HARVEST,                                                 \
	    "421 4.7.0 Too many unknown recipients, try again later",          \
	    OBSERVED, BMX_REPLY_DEFERS)

struct row {
	const char *action;
	struct bmx_slice enforced; /* the whole answer */
	struct bmx_slice observed; /* the same in observe mode */
	enum bmx_reply_class does;
};

#define LITERAL(text)                                                          \
	{                                                                      \
		(text), sizeof(text) - 1                                       \
	}
#define TABLE_ROW(reply, action, observe, class)                               \
	[reply] = {action, LITERAL(PLAIN(action)), LITERAL(observe(action)),   \
	           class},
#define FITS(reply, action, observe, class)                                    \
	static_assert(sizeof(observe(action)) - 1 <= BMX_POLICY_REPLY_MAX &&   \
	                      sizeof(PLAIN(action)) - 1 <=                     \
	                              BMX_POLICY_REPLY_MAX,                    \
	              #reply " is too long");
/* A refusal that passes, or a pass that is hidden by observe mode, would let
 * mail in without evidence: DUNNO is the only row that passes. */
#define ONLY_DUNNO_PASSES(reply, action, observe, class)                       \
	static_assert(((class) == BMX_REPLY_PASSES) ==                         \
	                      ((reply) == BMX_REPLY_DUNNO),                    \
	              #reply " has the wrong class");

static const struct row rows[] = {ROWS(TABLE_ROW)};

static_assert(sizeof(rows) / sizeof(rows[0]) == BMX_REPLIES,
              "one row for each reply");
ROWS(FITS)
ROWS(ONLY_DUNNO_PASSES)

/* A value that is no reply neither permits nor refuses: it is our trouble. */
static const struct row *
row_of(enum bmx_policy_reply reply)
{
	const size_t at = (size_t)reply;

	return &rows[at < BMX_REPLIES ? at : BMX_REPLY_TROUBLE];
}

const char *
bmx_policy_reply_action(enum bmx_policy_reply reply)
{
	return row_of(reply)->action;
}

enum bmx_reply_class
bmx_policy_reply_class(enum bmx_policy_reply reply)
{
	return row_of(reply)->does;
}

const char *
bmx_policy_reply_act(enum bmx_policy_reply reply)
{
	static const char *const names[] = {
		[BMX_REPLY_PASSES] = "accept",
		[BMX_REPLY_DEFERS] = "defer",
		[BMX_REPLY_REJECTS] = "reject",
	};

	static_assert(sizeof(names) / sizeof(names[0]) == BMX_REPLY_REJECTS + 1,
	              "one name for each class");
	return names[row_of(reply)->does];
}

struct bmx_slice
bmx_policy_reply_encode(enum bmx_policy_reply reply, bool observe)
{
	const struct row *row = row_of(reply);

	return observe ? row->observed : row->enforced;
}

/* Does the answer hold the empty line that ends it? */
static bool
is_complete(struct bmx_slice answer)
{
	if (answer.len > 0 && answer.data[0] == '\n')
		return true;
	for (size_t i = 1; i < answer.len; i++)
		if (answer.data[i] == '\n' && answer.data[i - 1] == '\n')
			return true;
	return false;
}

int
bmx_policy_reply_decode(struct bmx_slice answer,
                        enum bmx_policy_reply *reply_out)
{
	for (size_t i = 0; i < BMX_REPLIES; i++) {
		if (bmx_slice_equal(answer, rows[i].enforced)) {
			*reply_out = (enum bmx_policy_reply)i;
			return 1;
		}
		if (bmx_slice_equal(answer, rows[i].observed)) {
			*reply_out = BMX_REPLY_DUNNO;
			return 1;
		}
	}
	/* No row is that long, so nothing that follows can make it one. */
	if (answer.len > BMX_POLICY_REPLY_MAX)
		return -1;
	return is_complete(answer) ? -1 : 0;
}
