#include "policyd/rcpt_class.h"

#include <assert.h>
#include <stddef.h>

static const char *const names[] = {
	"valid",     "disabled", "full",   "unknown", "unknown-if-postmaster",
	"temporary", "sender",   "policy", "other",
};

static_assert(sizeof(names) / sizeof(names[0]) == BMX_RCPT_CLASSES,
              "a name for each class");

const char *
bmx_rcpt_class_name(enum bmx_rcpt_class rcpt_class)
{
	assert(rcpt_class < BMX_RCPT_CLASSES);
	return names[rcpt_class];
}

/* X.1.n, addressing status (RFC 3463 section 3.2). */
static enum bmx_rcpt_class
classify_address(int detail)
{
	switch (detail) {
	case 0:
		return BMX_RCPT_UNKNOWN_IF_POSTMASTER;
	case 1:  /* bad mailbox */
	case 3:  /* bad syntax */
	case 6:  /* moved */
	case 10: /* null MX; Exchange says it of unknown recipients */
		return BMX_RCPT_UNKNOWN;
	case 7:
	case 8:
		return BMX_RCPT_UNSURE_SENDER;
	default:
		return BMX_RCPT_UNSURE_OTHER;
	}
}

/* X.2.n, mailbox status: the mailbox is there. */
static enum bmx_rcpt_class
classify_mailbox(int detail)
{
	if (detail == 1)
		return BMX_RCPT_VALID_DISABLED;
	return detail == 2 ? BMX_RCPT_VALID_FULL : BMX_RCPT_UNSURE_OTHER;
}

static enum bmx_rcpt_class
classify_enhanced(const int enhanced[3])
{
	switch (enhanced[1]) {
	case 1:
		return classify_address(enhanced[2]);
	case 2:
		return classify_mailbox(enhanced[2]);
	case 7:
		return BMX_RCPT_UNSURE_POLICY;
	default:
		return BMX_RCPT_UNSURE_OTHER;
	}
}

/* A refusal without enhanced code. 552 is a full mailbox to some and a size
 * to others; 554 is said of anything. */
static enum bmx_rcpt_class
classify_bare(int code)
{
	if (code == 550 || code == 551 || code == 553)
		return BMX_RCPT_UNKNOWN_IF_POSTMASTER;
	return BMX_RCPT_UNSURE_OTHER;
}

enum bmx_rcpt_class
bmx_rcpt_classify(const struct bmx_smtp_reply *reply)
{
	if (reply->code == 250 || reply->code == 251)
		return BMX_RCPT_VALID;
	if (reply->code / 100 == 4)
		return BMX_RCPT_UNSURE_TEMPORARY;
	if (reply->code / 100 != 5)
		return BMX_RCPT_UNSURE_OTHER;
	if (reply->enhanced[0] == 5)
		return classify_enhanced(reply->enhanced);
	return classify_bare(reply->code);
}

bool
bmx_rcpt_class_is_unknown(enum bmx_rcpt_class rcpt_class)
{
	return rcpt_class == BMX_RCPT_UNKNOWN ||
		rcpt_class == BMX_RCPT_UNKNOWN_IF_POSTMASTER;
}
