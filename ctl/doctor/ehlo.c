/* Keywords of EHLO. */
#include <string.h>

#include <backupmx/units.h>

#include "ctl/doctor/session.h"

static struct bmx_slice
first_word(struct bmx_slice text)
{
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ')
		len++;
	return (struct bmx_slice){text.data, len};
}

static void
read_size(struct bmxctl_ehlo *ehlo, struct bmx_slice argument)
{
	ehlo->size_said = true;
	while (argument.len > 0 && argument.data[0] == ' ') {
		argument.data++;
		argument.len--;
	}
	if (bmx_units_parse_number(first_word(argument), &ehlo->size) != 0)
		ehlo->size = 0;
}

void
bmxctl_ehlo_read_line(struct bmxctl_ehlo *ehlo, size_t index,
                      struct bmx_slice text)
{
	const struct bmx_slice word = first_word(text);

	if (index == 0)
		return; /* the greeting, RFC 5321 section 4.1.1.1 */
	if (bmx_slice_equal_nocase(word, BMX_SLICE("STARTTLS")))
		ehlo->starttls = true;
	else if (bmx_slice_equal_nocase(word, BMX_SLICE("SMTPUTF8")))
		ehlo->smtputf8 = true;
	else if (bmx_slice_equal_nocase(word, BMX_SLICE("8BITMIME")))
		ehlo->eightbitmime = true;
	else if (bmx_slice_equal_nocase(word, BMX_SLICE("SIZE")))
		read_size(ehlo,
		          (struct bmx_slice){text.data + word.len,
		                             text.len - word.len});
}
