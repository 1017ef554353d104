#include <backupmx/ehlo_line.h>

#include <stddef.h>
#include <stdint.h>

/* The word at the front of *text, which is moved past it. */
static struct bmx_slice
take_word(struct bmx_slice *text)
{
	struct bmx_slice word = *text;

	word.len = 0;
	while (word.len < text->len && text->data[word.len] != ' ' &&
	       text->data[word.len] != '\t')
		word.len++;
	text->data += word.len;
	text->len -= word.len;
	while (text->len > 0 &&
	       (text->data[0] == ' ' || text->data[0] == '\t')) {
		text->data++;
		text->len--;
	}
	return word;
}

bool
bmx_ehlo_first_word_is(struct bmx_slice text, const char *name)
{
	const struct bmx_slice word = take_word(&text);

	return word.len > 0 && bmx_slice_equal_nocase(word, bmx_slice_of(name));
}

/* Octets of SIZE's parameter; 0, which is "no limit told", for what is no
 * number and for more than can be counted. */
static int64_t
read_size(struct bmx_slice digits)
{
	int64_t size = 0;

	for (size_t i = 0; i < digits.len; i++) {
		const char c = digits.data[i];

		if (c < '0' || c > '9' || size > (INT64_MAX - 9) / 10)
			return 0;
		size = size * 10 + (c - '0');
	}
	return size;
}

static bool
is(struct bmx_slice word, struct bmx_slice keyword)
{
	return bmx_slice_equal_nocase(word, keyword);
}

void
bmx_ehlo_line(struct bmx_slice text, struct bmx_smtp_keywords *keywords)
{
	const struct bmx_slice word = take_word(&text);

	if (is(word, BMX_SLICE("SIZE"))) {
		keywords->has_size = true;
		keywords->size = read_size(take_word(&text));
	} else if (is(word, BMX_SLICE("SMTPUTF8"))) {
		keywords->smtputf8 = true;
	} else if (is(word, BMX_SLICE("STARTTLS"))) {
		keywords->starttls = true;
	} else if (is(word, BMX_SLICE("PIPELINING"))) {
		keywords->pipelining = true;
	} else if (is(word, BMX_SLICE("8BITMIME"))) {
		keywords->eight_bit_mime = true;
	}
}
