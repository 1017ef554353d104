#include "milter/checks/dnsbl.h"

#include <assert.h>
#include <string.h>

#include <backupmx/text.h>

#include "milter/checks/step.h"
#include "milter/spf/name.h"

static const char *const words[] = {"skipped", "clean", "listed", "failed",
                                    "distrusted"};
static_assert(sizeof(words) / sizeof(words[0]) == BMX_DNSBL_WORDS,
              "one name each");

const char *
bmx_dnsbl_word_name(enum bmx_dnsbl_word word)
{
	return words[word];
}

struct bmx_slice
bmx_dnsbl_name(const uint8_t address[16], const char *zone,
               char buffer[BMX_DNSBL_NAME_SIZE])
{
	char reversed[BMX_SPF_REVERSE_SIZE];
	const uint8_t *octets;
	const size_t len = bmx_check_family(address, &octets);
	struct bmx_slice labels = bmx_spf_name_reverse(octets, len, reversed);
	struct bmx_text text;

	/* The reverse zone's own name is not wanted; its dot is. */
	labels.len -= len == 4 ? strlen("in-addr.arpa") : strlen("ip6.arpa");
	bmx_text_init(&text, buffer, BMX_DNSBL_NAME_SIZE);
	bmx_text_append(&text, labels);
	bmx_text_append_string(&text, zone);
	assert(!text.cut);
	return bmx_text_slice(&text);
}

static bool
is_believed(const uint8_t address[4])
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	static const uint8_t refused[3] = {127, 255, 255};

	return address[0] == 127 && memcmp(address, loopback, 4) != 0 &&
		memcmp(address, refused, 3) != 0;
}

struct bmx_dnsbl_answer
bmx_dnsbl_read(const struct bmx_dns_answer *answer)
{
	struct bmx_dnsbl_answer out = {.word = BMX_DNSBL_CLEAN};

	if (answer->status == BMX_DNS_TEMPFAIL)
		out.word = BMX_DNSBL_FAILED;
	for (size_t i = 0; i < answer->count; i++) {
		const uint8_t *address = answer->records[i].address;

		if (!is_believed(address))
			return (struct bmx_dnsbl_answer){
				.word = BMX_DNSBL_DISTRUSTED};
		out.word = BMX_DNSBL_LISTED;
		if (out.count < BMX_DNSBL_ADDRESSES_MAX)
			memcpy(out.addresses[out.count++], address, 4);
	}
	return out;
}

static bool
is_listed(const struct bmx_dnsbl_entry *entry,
          const struct bmx_dnsbl_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++)
		if (bmx_dnsbl_site_takes(&entry->site, answer->addresses[i]))
			return true;
	return false;
}

static void
count_entry(struct bmx_dnsbl_sum *sum, const struct bmx_dnsbl_entry *entry)
{
	const int weight = entry->site.weight;

	sum->score += weight;
	if (weight > 0 &&
	    (!sum->heaviest || sum->heaviest->site.weight < weight))
		sum->heaviest = entry;
}

struct bmx_dnsbl_sum
bmx_dnsbl_judge(const struct bmx_dnsbl_entry *entries, size_t count,
                const struct bmx_dnsbl_answer *answers, int64_t threshold)
{
	struct bmx_dnsbl_sum sum = {.found = BMX_FOUND_DNSBL_TEMPERROR};
	int more = 0, less = 0; /* what failed zones could have added */

	for (size_t i = 0; i < count; i++) {
		const struct bmx_dnsbl_entry *entry = &entries[i];
		const struct bmx_dnsbl_answer *answer = &answers[entry->zone];
		const int weight = entry->site.weight;

		if (answer->word == BMX_DNSBL_LISTED &&
		    is_listed(entry, answer))
			count_entry(&sum, entry);
		if (answer->word == BMX_DNSBL_FAILED ||
		    answer->word == BMX_DNSBL_DISTRUSTED)
			*(weight > 0 ? &more : &less) += weight;
	}
	if (sum.score + less >= threshold)
		sum.found = BMX_FOUND_DNSBL_LISTED;
	else if (sum.score + more < threshold)
		sum.found = BMX_FOUND_GOOD;
	return sum;
}
