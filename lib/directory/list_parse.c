#include <backupmx/list_sync.h>

#include <stdlib.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/text.h>

#include "list_order.h"
#include "list_sort.h"

#define BLANKS BMX_SLICE(" \t")
#define UTF8_BOM BMX_SLICE("\xef\xbb\xbf")
/* How many entries ahead memory is asked for: texts of a file in no order lie
 * anywhere. */
#define FETCH_AHEAD ((size_t)12)
/* Octets of a line that an error message shows. */
#define SHOWN_MAX ((size_t)80)

/* One list while it is read. */
struct parse {
	struct bmx_list *list;
	size_t size;             /* entries allocated */
	size_t used;             /* octets of list->bytes */
	size_t line;             /* from 1 */
	struct bmx_slice domain; /* wanted */
	struct bmx_slice other;  /* last one skipped, as it is written */
	bool case_sensitive;
	struct bmx_error *err;
};

void
bmx_list_clear(struct bmx_list *list)
{
	free(list->entries);
	free(list->bytes);
	memset(list, 0, sizeof(*list));
}

/* "LINE: expected WHAT, found TEXT". */
static int
expected(const struct parse *p, const char *what, struct bmx_slice found)
{
	char buffer[SHOWN_MAX + 8];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_clean(&text, found, SHOWN_MAX);
	return bmx_error_set(p->err, BMX_E_SYNTAX,
	                     "%zu: expected %s, found \"%s\"", p->line, what,
	                     buffer);
}

static int
no_memory(const struct parse *p)
{
	return bmx_error_set(p->err, BMX_E_NOMEM, "no memory for the list");
}

/*
 * Splitting.
 */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the next word; a quoted local part may hold blanks. */
static struct bmx_slice
take_word(struct bmx_slice *rest)
{
	struct bmx_slice word = {rest->data, 0};
	bool quoted = false;

	while (word.len < rest->len) {
		const char c = rest->data[word.len];

		if (!quoted && is_blank(c))
			break;
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\' && word.len + 1 < rest->len)
			word.len++;
		word.len++;
	}
	rest->data += word.len;
	rest->len -= word.len;
	bmx_slice_skip(rest, BLANKS);
	return word;
}

/* Takes the next line, without its end. */
static struct bmx_slice
take_line(struct bmx_slice *text)
{
	const char *end = memchr(text->data, '\n', text->len);
	struct bmx_slice line = {text->data,
	                         end ? (size_t)(end - text->data) : text->len};
	const size_t taken = line.len + (end ? 1 : 0);

	text->data += taken;
	text->len -= taken;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/*
 * One line.
 */

static int
read_state(const struct parse *p, struct bmx_slice rest,
           enum bmx_recipient_state *state_out)
{
	struct bmx_slice word;

	*state_out = BMX_RECIPIENT_ACTIVE;
	if (rest.len == 0 || *rest.data == '#')
		return 0;
	word = take_word(&rest);
	if (bmx_slice_equal_nocase(word, BMX_SLICE("disabled")))
		*state_out = BMX_RECIPIENT_DISABLED;
	else if (bmx_slice_equal_nocase(word, BMX_SLICE("full")))
		*state_out = BMX_RECIPIENT_FULL;
	else if (!bmx_slice_equal_nocase(word, BMX_SLICE("OK")))
		return expected(p,
		                "OK, disabled, full or nothing after the "
		                "address",
		                word);
	if (rest.len > 0 && *rest.data != '#')
		return expected(p, "a comment or the end of the line", rest);
	return 0;
}

/* 1 when the address is one of the wanted domain, 0 when not, -1. */
static int
is_wanted(struct parse *p, struct bmx_slice domain, struct bmx_slice address)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice normal;

	if (bmx_slice_equal_nocase(domain, p->domain))
		return 1;
	/* Files are mostly sorted by domain: look at a name once. */
	if (domain.len > 0 && bmx_slice_equal(domain, p->other))
		return 0;
	if (bmx_domain_normalise(domain, buffer, &normal) != 0)
		return expected(p, "a domain name after the '@'", address);
	if (bmx_slice_equal(normal, p->domain))
		return 1;
	p->other = domain;
	return 0;
}

static int
make_room(struct parse *p)
{
	struct bmx_list_entry *entries;
	const size_t size = p->size ? p->size * 2 : 1024;

	if (p->list->count < p->size)
		return 0;
	if (size > SIZE_MAX / sizeof(*entries))
		return no_memory(p);
	entries = realloc(p->list->entries, size * sizeof(*entries));
	if (!entries)
		return no_memory(p);
	p->list->entries = entries;
	p->size = size;
	return 0;
}

static int
add_entry(struct parse *p, struct bmx_slice local,
          enum bmx_recipient_state state)
{
	char *bytes = p->list->bytes + p->used;

	if (make_room(p) != 0)
		return -1;
	memcpy(bytes, local.data, local.len);
	p->used += local.len;
	p->list->entries[p->list->count++] =
		(struct bmx_list_entry){{bytes, local.len}, state};
	return 0;
}

static int
read_entry(struct parse *p, struct bmx_slice address, struct bmx_slice local,
           enum bmx_recipient_state state)
{
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice normal;
	bool utf8;

	if (local.len == 0)
		return add_entry(p, BMX_SLICE(BMX_LOCAL_WILDCARD), state);
	switch (bmx_local_normalise(local, p->case_sensitive, buffer, &normal,
	                            &utf8)) {
	case BMX_LOCAL_OK:
		return add_entry(p, normal, state);
	case BMX_LOCAL_UNLISTABLE:
		return expected(p, "an address that can be on a list", address);
	case BMX_LOCAL_NOMEM:
		break;
	}
	return no_memory(p);
}

static int
read_line(struct parse *p, struct bmx_slice line)
{
	struct bmx_slice address, local, domain;
	enum bmx_recipient_state state;
	int wanted;

	if (line.len > BMX_LIST_LINE_MAX)
		return bmx_error_set(p->err, BMX_E_TOO_BIG,
		                     "%zu: expected a line of at most %zu "
		                     "octets",
		                     p->line, BMX_LIST_LINE_MAX);
	bmx_slice_skip(&line, BLANKS);
	if (line.len == 0 || *line.data == '#')
		return 0;
	address = take_word(&line);
	if (bmx_address_split(address, &local, &domain) != 0)
		return expected(p, "an address as user@domain", address);
	if (read_state(p, line, &state) != 0)
		return -1;
	wanted = is_wanted(p, domain, address);
	if (wanted > 0)
		return read_entry(p, address, local, state);
	if (wanted == 0)
		p->list->skipped++;
	return wanted;
}

/*
 * The whole.
 */

/*
 * Room for all local parts: ASCII never grows when it is normalised; other
 * text may, to BMX_LOCAL_MAX. A wildcard takes the octet of its '@'.
 */
static size_t
bytes_needed(struct bmx_slice text)
{
	size_t needed = text.len;

	while (text.len > 0) {
		const struct bmx_slice line = take_line(&text);
		unsigned char high = 0;

		for (size_t i = 0; i < line.len; i++)
			high |= (unsigned char)line.data[i];
		if (high & 0x80)
			needed += BMX_LOCAL_MAX;
	}
	return needed;
}

static bool
is_sorted(const struct bmx_list *list)
{
	for (size_t i = 1; i < list->count; i++)
		if (bmx_slice_order(list->entries[i - 1].local,
		                    list->entries[i].local) >= 0)
			return false;
	return true;
}

/* Drops doubles, and puts the texts into the order of their entries: whoever
 * goes through the list, and several do, goes through memory in order. */
static int
settle_texts(struct parse *p)
{
	struct bmx_list *list = p->list;
	char *bytes = malloc(p->used + 1), *at = bytes;
	size_t kept = 0;

	if (!bytes)
		return no_memory(p);
	for (size_t i = 0; i < list->count; i++) {
		struct bmx_list_entry entry = list->entries[i];

		if (i + FETCH_AHEAD < list->count)
			__builtin_prefetch(
				list->entries[i + FETCH_AHEAD].local.data);
		if (kept > 0 &&
		    bmx_slice_equal(list->entries[kept - 1].local, entry.local))
			continue;
		memcpy(at, entry.local.data, entry.local.len);
		entry.local.data = at;
		at += entry.local.len;
		list->entries[kept++] = entry;
	}
	list->count = kept;
	free(list->bytes);
	list->bytes = bytes;
	return 0;
}

static int
sort_entries(struct parse *p)
{
	struct bmx_list *list = p->list;

	if (is_sorted(list))
		return 0;
	if (bmx_list_sort(list->entries, list->count, p->err) != 0)
		return -1;
	return settle_texts(p);
}

static int
parse_all(struct parse *p, struct bmx_slice text)
{
	(void)bmx_slice_take(&text, UTF8_BOM); /* most have none */
	p->list->bytes = malloc(bytes_needed(text) + 1);
	if (!p->list->bytes)
		return no_memory(p);
	while (text.len > 0) {
		p->line++;
		if (read_line(p, take_line(&text)) != 0)
			return -1;
	}
	return sort_entries(p);
}

int
bmx_list_parse(struct bmx_slice text, struct bmx_slice domain,
               bool case_sensitive, struct bmx_list *list_out,
               struct bmx_error *err)
{
	struct parse p = {.list = list_out,
	                  .domain = domain,
	                  .case_sensitive = case_sensitive,
	                  .err = err};

	memset(list_out, 0, sizeof(*list_out));
	if (parse_all(&p, text) == 0)
		return 0;
	bmx_list_clear(list_out);
	return -1;
}
