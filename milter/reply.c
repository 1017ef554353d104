#include "milter/reply.h"

#include <assert.h>
#include <string.h>

#include <backupmx/text.h>

struct row {
	const char *code;
	const char *enhanced;
	const char *codes; /* both, for logs */
	const char *text;
};

#define ROW(code, enhanced, text)                                              \
	{                                                                      \
		code, enhanced, code " " enhanced, text                        \
	}

/* Texts name no inner host: they go to strangers. */
static const struct row rows[] = {
	[BMX_SAY_NOTHING] = {"", "", "-", ""},
	[BMX_SAY_SPF_FAIL] = ROW("550", "5.7.23", "SPF validation failed"),
	[BMX_SAY_SPF_FAIL_LATER] =
		ROW("451", "4.7.23", "SPF validation failed, try again later"),
	[BMX_SAY_SPF_ERROR] =
		ROW("550", "5.7.24", "SPF validation error in your record"),
	[BMX_SAY_SPF_ERROR_LATER] =
		ROW("451", "4.7.24", "SPF validation error, try again later"),
	[BMX_SAY_USER_UNKNOWN] = ROW("550", "5.1.1", "User unknown"),
	[BMX_SAY_UNVERIFIED] =
		ROW("450", "4.1.1", "Unverified address, try again later"),
	[BMX_SAY_TROUBLE] =
		ROW("451", "4.3.0", "Temporary recipient lookup failure"),
	[BMX_SAY_PRIMARY_UP] =
		ROW("451", "4.3.2", "The primary MX is up, deliver there"),
	[BMX_SAY_TOO_LARGE] =
		ROW("552", "5.3.4",
                    "Message size exceeds the limit of the primary MX"),
	[BMX_SAY_MAILBOX_FULL] = ROW("452", "4.2.2", "Mailbox full"),
	[BMX_SAY_DISABLED] = ROW("550", "5.2.1", "Mailbox disabled"),
	[BMX_SAY_NO_SMTPUTF8] =
		ROW("553", "5.6.7",
                    "Internationalized address not supported by the primary "
                    "MX"),
	[BMX_SAY_HARVEST] = ROW("421", "4.7.0",
                                "Too many unknown recipients, try again later"),
	[BMX_SAY_PROBE_WITH_MESSAGE] =
		ROW("550", "5.7.1", "An address probe carries no message"),
	[BMX_SAY_TOO_MANY_FORGED] =
		ROW("550", "5.7.1",
                    "Too many Authentication-Results fields in our name"),
	[BMX_SAY_LOOKUP_LATER] =
		ROW("451", "4.4.3", "Temporary lookup failure"),
	[BMX_SAY_ACCESS_DENIED] = ROW("554", "5.7.1", "Access denied"),
	[BMX_SAY_ACCESS_DENIED_LATER] =
		ROW("450", "4.7.1", "Access denied, try again later"),
	[BMX_SAY_HELO_INVALID] =
		ROW("501", "5.5.2", "Helo command rejected: Invalid name"),
	[BMX_SAY_HELO_INVALID_LATER] =
		ROW("451", "4.5.2", "Helo command rejected: Invalid name"),
	[BMX_SAY_HELO_UNQUALIFIED] =
		ROW("504", "5.5.2",
                    "Helo command rejected: need fully-qualified hostname"),
	[BMX_SAY_HELO_UNQUALIFIED_LATER] =
		ROW("451", "4.5.2",
                    "Helo command rejected: need fully-qualified hostname"),
	[BMX_SAY_HELO_OWN] =
		ROW("550", "5.7.1", "Helo command rejected: that is our name"),
	[BMX_SAY_HELO_OWN_LATER] =
		ROW("450", "4.7.1", "Helo command rejected: that is our name"),
	[BMX_SAY_HELO_UNKNOWN] =
		ROW("550", "5.7.1", "Helo command rejected: Host not found"),
	[BMX_SAY_HELO_UNKNOWN_LATER] =
		ROW("450", "4.7.1", "Helo command rejected: Host not found"),
	[BMX_SAY_REVERSE_MISSING] =
		ROW("550", "5.7.25",
                    "Client host rejected: cannot find your reverse hostname"),
	[BMX_SAY_REVERSE_MISSING_LATER] =
		ROW("450", "4.7.25",
                    "Client host rejected: cannot find your reverse hostname"),
	[BMX_SAY_REVERSE_UNCONFIRMED] =
		ROW("550", "5.7.25",
                    "Client host rejected: cannot find your hostname"),
	[BMX_SAY_REVERSE_UNCONFIRMED_LATER] =
		ROW("450", "4.7.25",
                    "Client host rejected: cannot find your hostname"),
	[BMX_SAY_SENDER_NULL_MX] =
		ROW("550", "5.7.27", "Sender address has a null MX"),
	[BMX_SAY_SENDER_NULL_MX_LATER] =
		ROW("450", "4.7.27", "Sender address has a null MX"),
	[BMX_SAY_SENDER_UNKNOWN] = ROW(
		"550", "5.1.8", "Sender address rejected: Domain not found"),
	[BMX_SAY_SENDER_UNKNOWN_LATER] = ROW(
		"450", "4.1.8", "Sender address rejected: Domain not found"),
	[BMX_SAY_SENDER_FORM] =
		ROW("550", "5.1.7",
                    "Sender address rejected: need a fully-qualified domain"),
	[BMX_SAY_SENDER_FORM_LATER] =
		ROW("450", "4.1.7",
                    "Sender address rejected: need a fully-qualified domain"),
	[BMX_SAY_DNSBL] = ROW("550", "5.7.1",
                              "Client host rejected: on a DNS block list"),
	[BMX_SAY_DNSBL_LATER] = ROW(
		"450", "4.7.1", "Client host rejected: on a DNS block list"),
	[BMX_SAY_SCORE] =
		ROW("550", "5.7.1", "Refused after several checks together"),
	[BMX_SAY_OTHER_RULES] =
		ROW("452", "4.5.3",
                    "Too many recipients: send to this one separately"),
	[BMX_SAY_CONTENT] = ROW("550", "5.7.1", "Message content rejected"),
	[BMX_SAY_CONTENT_LATER] =
		ROW("451", "4.7.1", "Message content deferred"),
	[BMX_SAY_UNSCANNED] =
		ROW("451", "4.7.1",
                    "Message content cannot be checked now, try again later"),
};
static_assert(sizeof(rows) / sizeof(rows[0]) == BMX_SAY_COUNT, "one row each");

static const enum bmx_milter_reply of_policy[] = {
	[BMX_REPLY_DUNNO] = BMX_SAY_NOTHING,
	[BMX_REPLY_USER_UNKNOWN] = BMX_SAY_USER_UNKNOWN,
	[BMX_REPLY_UNVERIFIED] = BMX_SAY_UNVERIFIED,
	[BMX_REPLY_TROUBLE] = BMX_SAY_TROUBLE,
	[BMX_REPLY_PRIMARY_UP] = BMX_SAY_PRIMARY_UP,
	[BMX_REPLY_TOO_LARGE] = BMX_SAY_TOO_LARGE,
	[BMX_REPLY_MAILBOX_FULL] = BMX_SAY_MAILBOX_FULL,
	[BMX_REPLY_DISABLED] = BMX_SAY_DISABLED,
	[BMX_REPLY_NO_SMTPUTF8] = BMX_SAY_NO_SMTPUTF8,
	[BMX_REPLY_HARVEST] = BMX_SAY_HARVEST,
};
static_assert(sizeof(of_policy) / sizeof(of_policy[0]) == BMX_REPLIES,
              "each answer of policyd has words");

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes 1 to 3 digits off the front (RFC 3463 section 2). */
static bool
take_digits(struct bmx_slice *text)
{
	size_t len = 0;

	while (len < text->len && is_digit(text->data[len]))
		len++;
	if (len < 1 || len > 3)
		return false;
	text->data += len;
	text->len -= len;
	return true;
}

static bool
is_enhanced(const char *enhanced)
{
	struct bmx_slice rest = bmx_slice_of(enhanced);

	return rest.len > 1 && is_digit(rest.data[0]) && rest.data[1] == '.' &&
		take_digits(&rest) && bmx_slice_take(&rest, BMX_SLICE(".")) &&
		take_digits(&rest) && bmx_slice_take(&rest, BMX_SLICE(".")) &&
		take_digits(&rest) && rest.len == 0;
}

static bool
is_code(const char *code)
{
	return (code[0] == '4' || code[0] == '5') && is_digit(code[1]) &&
		is_digit(code[2]) && code[3] == '\0';
}

static bool
is_sendable(char c)
{
	return c >= ' ' && c < 0x7f;
}

static int
put_text(struct bmx_slice from, struct bmx_text *text, struct bmx_error *err)
{
	for (size_t i = 0; i < from.len; i++) {
		if (!is_sendable(from.data[i]))
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "octet %d of a reply cannot be "
			                     "sent",
			                     (unsigned char)from.data[i]);
		bmx_text_append_char(text, from.data[i]);
		if (from.data[i] == '%')
			bmx_text_append_char(text, '%');
	}
	if (text->cut)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply of more than %zu octets",
		                     BMX_SMTP_TEXT_MAX);
	return 0;
}

int
bmx_smtp_answer_make(const char *code, const char *enhanced,
                     struct bmx_slice text, struct bmx_smtp_answer *answer_out,
                     struct bmx_error *err)
{
	struct bmx_text built;

	if (!is_code(code) || !is_enhanced(enhanced) || code[0] != enhanced[0])
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "reply codes %s %s do not go together",
		                     code, enhanced);
	if (text.len == 0)
		return bmx_error_set(err, BMX_E_SYNTAX, "a reply has no text");
	bmx_text_init(&built, answer_out->code, sizeof(answer_out->code));
	bmx_text_append_string(&built, code);
	bmx_text_init(&built, answer_out->enhanced,
	              sizeof(answer_out->enhanced));
	bmx_text_append_string(&built, enhanced);
	answer_out->permanent = code[0] == '5';
	bmx_text_init(&built, answer_out->text, sizeof(answer_out->text));
	return put_text(text, &built, err);
}

enum bmx_milter_reply
bmx_milter_reply_of_policy(enum bmx_policy_reply reply)
{
	return of_policy[reply];
}

bool
bmx_milter_reply_permanent(enum bmx_milter_reply reply)
{
	return rows[reply].code[0] == '5';
}

const char *
bmx_milter_reply_codes(enum bmx_milter_reply reply)
{
	return rows[reply].codes;
}

/* Half of what fits: in the worst case every octet is a '%' to be doubled. */
#define EXPLANATION_MAX ((size_t)400)

static void
append_explanation(struct bmx_text *text, struct bmx_slice explanation)
{
	if (explanation.len > EXPLANATION_MAX)
		explanation.len = EXPLANATION_MAX;
	if (explanation.len > 0)
		bmx_text_append_string(text, ": ");
	for (size_t i = 0; i < explanation.len; i++)
		bmx_text_append_char(text,
		                     is_sendable(explanation.data[i]) ?
		                             explanation.data[i] :
		                             '?');
}

void
bmx_milter_reply_build(enum bmx_milter_reply reply,
                       struct bmx_slice explanation,
                       struct bmx_smtp_answer *answer_out)
{
	char buffer[BMX_SMTP_TEXT_MAX / 2 + 1];
	struct bmx_text text;
	int rc;

	assert(reply != BMX_SAY_NOTHING);
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, rows[reply].text);
	if (reply == BMX_SAY_SPF_FAIL || reply == BMX_SAY_CONTENT ||
	    reply == BMX_SAY_CONTENT_LATER)
		append_explanation(&text, explanation);
	rc = bmx_smtp_answer_make(rows[reply].code, rows[reply].enhanced,
	                          bmx_text_slice(&text), answer_out, NULL);
	assert(rc == 0);
	(void)rc; /* used by the assert alone in NDEBUG builds */
}
