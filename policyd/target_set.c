/* Answers for the hosts of a plan in, an immutable set out. */
#include "target_set.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/arena.h>
#include <backupmx/text.h>

/* Octets that a set may take: its hosts and names, and TLSA data as DNS
 * delivers it in answers of at most 64 KiB. */
#define SET_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* "[IPv6 address]:65535 " or "name:65535 ". */
#define TEXT_OF_HOST (BMX_DOMAIN_BUFFER + 9)

struct block {
	struct bmx_target_set set; /* first: a set's address is its block's */
	size_t refs;               /* not used by those without arena */
	struct bmx_arena *arena;   /* holds this block, too */
};

struct builder {
	const struct bmx_target_set_facts *facts;
	struct bmx_arena *arena;
	struct block *block;
	struct bmx_target_host *hosts;
	size_t count;
	bool nomem;
};

/* The count of references is the one thing in a set that changes. */
static struct block *
block_of(const struct bmx_target_set *set)
{
	return (struct block *)(uintptr_t)set;
}

const struct bmx_target_set *
bmx_target_set_empty(enum bmx_target_state state)
{
#define EMPTY(name) [name] = {.set = {.state = (name), .text = ""} }
	static const struct block empty[BMX_TARGETS_STATES] = {
		EMPTY(BMX_TARGETS_LOADING),     EMPTY(BMX_TARGETS_READY),
		EMPTY(BMX_TARGETS_WE_ARE_BEST), EMPTY(BMX_TARGETS_NULL_MX),
		EMPTY(BMX_TARGETS_NXDOMAIN),    EMPTY(BMX_TARGETS_NO_ADDRESS),
		EMPTY(BMX_TARGETS_FAILED)};
#undef EMPTY

	return &empty[state].set;
}

const struct bmx_target_set *
bmx_target_set_ref(const struct bmx_target_set *set)
{
	struct block *block = block_of(set);

	if (block->arena)
		block->refs++;
	return set;
}

void
bmx_target_set_unref(const struct bmx_target_set **set)
{
	struct block *block = *set ? block_of(*set) : NULL;
	struct bmx_arena *arena = block ? block->arena : NULL;

	*set = NULL;
	if (arena && --block->refs == 0)
		bmx_arena_free(&arena);
}

static bool
same_address(const struct bmx_target_address *a,
             const struct bmx_target_address *b)
{
	return a->family == b->family &&
		memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

/* This network, multicast and reserved (RFC 6890); unspecified, multicast and
 * IPv4-mapped, which would reach IPv4 past all checks. */
static bool
is_usable(const struct bmx_target_address *address)
{
	static const uint8_t zeros[16];
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
	                                   0, 0, 0, 0, 0xff, 0xff};
	const uint8_t *octets = address->octets;

	if (address->family == AF_INET)
		return octets[0] != 0 && octets[0] < 224;
	return memcmp(octets, zeros, sizeof(zeros)) != 0 && octets[0] != 0xff &&
		memcmp(octets, mapped, sizeof(mapped)) != 0;
}

/* The addresses of one family, each once. */
struct family {
	struct bmx_target_address addresses[BMX_TARGET_ADDRESSES_MAX];
	size_t count;
};

static void
add_address(struct family *family, const struct bmx_target_address *address)
{
	if (!is_usable(address) || family->count == BMX_TARGET_ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < family->count; i++)
		if (same_address(&family->addresses[i], address))
			return;
	family->addresses[family->count++] = *address;
}

static void
add_known(struct family *family, sa_family_t kind,
          const struct bmx_target_host *known)
{
	for (size_t i = 0; known && i < known->address_count; i++)
		if (known->addresses[i].family == kind)
			add_address(family, &known->addresses[i]);
}

/* What DNS says of one family; what was known when it cannot say. */
static void
collect(struct builder *builder, sa_family_t kind,
        const struct bmx_dns_answer *answer,
        const struct bmx_target_host *known, struct family *family)
{
	family->count = 0;
	if (!answer || answer->status == BMX_DNS_TEMPFAIL) {
		builder->block->set.partial = true;
		add_known(family, kind, known);
		return;
	}
	for (size_t i = 0; i < answer->count; i++) {
		struct bmx_target_address address = {.family = kind};

		memcpy(address.octets, answer->records[i].address,
		       kind == AF_INET ? 4 : 16);
		add_address(family, &address);
	}
}

static void
alternate(const struct family *v6, const struct family *v4,
          struct bmx_target_host *host)
{
	for (size_t i = 0; i < BMX_TARGET_ADDRESSES_MAX; i++) {
		const struct family *both[2] = {v6, v4};

		for (size_t j = 0; j < 2; j++)
			if (i < both[j]->count &&
			    host->address_count < BMX_TARGET_ADDRESSES_MAX)
				host->addresses[host->address_count++] =
					both[j]->addresses[i];
	}
}

static const struct bmx_target_host *
find_known(const struct bmx_target_set *old,
           const struct bmx_target_plan_host *plan)
{
	for (size_t i = 0; old && i < old->host_count; i++)
		if (!old->hosts[i].literal &&
		    old->hosts[i].port == plan->port &&
		    strcmp(old->hosts[i].name, plan->name) == 0)
			return &old->hosts[i];
	return NULL;
}

static bool
is_answered(const struct bmx_dns_answer *answer)
{
	return answer && answer->status != BMX_DNS_TEMPFAIL;
}

static bool
is_unsigned(const struct bmx_dns_answer *answer)
{
	return is_answered(answer) && !answer->secure;
}

/* RFC 7672 section 2.2: each link from the domain to the records has to be
 * signed; without that they say nothing. */
static enum bmx_target_dane
judge(const struct bmx_target_plan_host *plan,
      const struct bmx_target_answers *answers)
{
	if (plan->name[0] == '\0' || !plan->secure || is_unsigned(answers->a) ||
	    is_unsigned(answers->aaaa) || is_unsigned(answers->tlsa))
		return BMX_TARGET_DANE_INSECURE;
	if (!is_answered(answers->a) || !is_answered(answers->aaaa) ||
	    !is_answered(answers->tlsa))
		return BMX_TARGET_DANE_FAILED;
	return answers->tlsa->count > 0 ? BMX_TARGET_DANE_SECURE :
					  BMX_TARGET_DANE_NONE;
}

static bool
copy_tlsa(struct builder *builder, struct bmx_tlsa *copy, struct bmx_tlsa from)
{
	uint8_t *data = bmx_arena_alloc(builder->arena, from.len + 1);

	if (!data) {
		builder->nomem = true;
		return false;
	}
	memcpy(data, from.data, from.len);
	*copy = from;
	copy->data = data;
	return true;
}

static struct bmx_tlsa *
alloc_tlsa(struct builder *builder, size_t count)
{
	struct bmx_tlsa *tlsa =
		bmx_arena_alloc(builder->arena, (count + 1) * sizeof(*tlsa));

	if (!tlsa)
		builder->nomem = true;
	return tlsa;
}

static void
take_tlsa(struct builder *builder, const struct bmx_dns_answer *answer,
          struct bmx_target_host *host)
{
	struct bmx_tlsa *tlsa = alloc_tlsa(builder, BMX_TARGET_TLSA_MAX);

	host->tlsa = tlsa;
	for (size_t i = 0; tlsa && i < answer->count &&
	     host->tlsa_count < BMX_TARGET_TLSA_MAX;
	     i++) {
		const struct bmx_dns_record *record = &answer->records[i];
		const struct bmx_tlsa from = {
			.usage = record->usage,
			.selector = record->selector,
			.matching_type = record->matching_type,
			.data = (const uint8_t *)record->text.data,
			.len = record->text.len};

		if (!copy_tlsa(builder, &tlsa[host->tlsa_count], from))
			return;
		host->tlsa_count++;
	}
}

static void
keep_tlsa(struct builder *builder, const struct bmx_target_host *known,
          struct bmx_target_host *host)
{
	struct bmx_tlsa *tlsa = alloc_tlsa(builder, known->tlsa_count);

	host->tlsa = tlsa;
	for (size_t i = 0; tlsa && i < known->tlsa_count; i++) {
		if (!copy_tlsa(builder, &tlsa[i], known->tlsa[i]))
			return;
		host->tlsa_count++;
	}
}

static void
set_dane(struct builder *builder, const struct bmx_target_plan_host *plan,
         const struct bmx_target_answers *answers,
         const struct bmx_target_host *known, struct bmx_target_host *host)
{
	if (!builder->facts->wants_dane)
		return;
	host->dane = judge(plan, answers);
	if (host->dane == BMX_TARGET_DANE_SECURE)
		take_tlsa(builder, answers->tlsa, host);
	if (host->dane != BMX_TARGET_DANE_FAILED)
		return;
	builder->block->set.partial = true;
	if (!known || known->dane != BMX_TARGET_DANE_SECURE)
		return;
	host->dane = BMX_TARGET_DANE_SECURE;
	keep_tlsa(builder, known, host);
}

static void
set_literal(struct builder *builder, const struct bmx_target_plan_host *plan,
            struct bmx_target_host *host)
{
	char text[INET6_ADDRSTRLEN];

	/* Cannot fail: the family is one of two, the room is enough. */
	(void)inet_ntop(plan->address.family, plan->address.octets, text,
	                sizeof(text));
	host->literal = true;
	host->name = bmx_arena_copy(builder->arena, bmx_slice_of(text));
	host->addresses[0] = plan->address;
	host->address_count = is_usable(&plan->address);
}

static void
build_host(struct builder *builder, const struct bmx_target_plan_host *plan,
           const struct bmx_target_answers *answers,
           struct bmx_target_host *host)
{
	const struct bmx_target_host *known =
		find_known(builder->facts->old, plan);
	struct family v6, v4;

	memset(host, 0, sizeof(*host));
	host->port = plan->port;
	host->rank = plan->rank;
	if (plan->name[0] == '\0') {
		set_literal(builder, plan, host);
	} else {
		host->name = bmx_arena_copy(builder->arena,
		                            bmx_slice_of(plan->name));
		collect(builder, AF_INET6, answers->aaaa, known, &v6);
		collect(builder, AF_INET, answers->a, known, &v4);
		alternate(&v6, &v4, host);
	}
	set_dane(builder, plan, answers, known, host);
	builder->nomem = builder->nomem || !host->name;
}

static bool
has_our_address(const struct bmx_target_set_facts *facts,
                const struct bmx_target_host *host)
{
	for (size_t i = 0; facts->is_ours && i < host->address_count; i++)
		if (facts->is_ours(facts->is_ours_ctx, &host->addresses[i]))
			return true;
	return false;
}

/* The ranks of one spec: a host of ours ends those that it is asked in. */
static bool
is_cut(const uint32_t cuts[BMX_TARGET_SPECS_MAX], uint32_t rank)
{
	return rank >= cuts[(rank >> 16) % BMX_TARGET_SPECS_MAX];
}

static void
find_ours(const struct builder *builder, uint32_t cuts[BMX_TARGET_SPECS_MAX])
{
	const struct bmx_target_plan *plan = builder->facts->plan;

	for (size_t i = 0; i < BMX_TARGET_SPECS_MAX; i++)
		cuts[i] = UINT32_MAX;
	for (size_t i = 0; i < plan->count; i++) {
		const uint32_t rank = plan->hosts[i].rank;

		if (plan->hosts[i].from_mx &&
		    plan->hosts[i].port == BMX_TARGET_PORT &&
		    !is_cut(cuts, rank) &&
		    has_our_address(builder->facts, &builder->hosts[i]))
			cuts[(rank >> 16) % BMX_TARGET_SPECS_MAX] = rank;
	}
}

/* Leaves out ourselves under another name, and what is no better than us. */
static void
drop_ours(struct builder *builder)
{
	const struct bmx_target_plan *plan = builder->facts->plan;
	uint32_t cuts[BMX_TARGET_SPECS_MAX];
	size_t kept = 0;

	find_ours(builder, cuts);
	for (size_t i = 0; i < plan->count; i++)
		if (!plan->hosts[i].from_mx ||
		    !is_cut(cuts, plan->hosts[i].rank))
			builder->hosts[kept++] = builder->hosts[i];
	if (kept < plan->count)
		builder->block->set.not_in_mx = false;
	builder->count = kept;
}

static bool
comes_before(const struct bmx_target_host *a, const struct bmx_target_host *b)
{
	int order;

	if (a->rank != b->rank)
		return a->rank < b->rank;
	order = strcmp(a->name, b->name);
	return order != 0 ? order < 0 : a->port < b->port;
}

static void
sort(struct builder *builder)
{
	for (size_t i = 1; i < builder->count; i++) {
		const struct bmx_target_host moved = builder->hosts[i];
		size_t at = i;

		while (at > 0 &&
		       comes_before(&moved, &builder->hosts[at - 1])) {
			builder->hosts[at] = builder->hosts[at - 1];
			at--;
		}
		builder->hosts[at] = moved;
	}
}

static void
write_text(struct builder *builder)
{
	const size_t size = builder->count * TEXT_OF_HOST + 1;
	char *buffer = bmx_arena_alloc(builder->arena, size);
	struct bmx_text text;

	builder->block->set.text = buffer;
	if (!buffer) {
		builder->nomem = true;
		return;
	}
	bmx_text_init(&text, buffer, size);
	for (size_t i = 0; i < builder->count; i++) {
		const struct bmx_target_host *host = &builder->hosts[i];

		bmx_text_printf(&text, "%s%s%s%s:%u", i > 0 ? " " : "",
		                host->literal ? "[" : "", host->name,
		                host->literal ? "]" : "", (unsigned)host->port);
	}
}

static uint32_t
least_ttl(uint32_t ttl_s, const struct bmx_dns_answer *answer)
{
	return is_answered(answer) && answer->ttl_s < ttl_s ? answer->ttl_s :
							      ttl_s;
}

static uint32_t
ttl_of(const struct bmx_target_set_facts *facts)
{
	uint32_t ttl_s = least_ttl(UINT32_MAX, facts->mx);

	for (size_t i = 0; i < facts->plan->count; i++) {
		const struct bmx_target_answers *answers = &facts->answers[i];

		ttl_s = least_ttl(ttl_s, answers->a);
		ttl_s = least_ttl(ttl_s, answers->aaaa);
		ttl_s = least_ttl(ttl_s, answers->tlsa);
	}
	return ttl_s;
}

static enum bmx_target_state
state_of(const struct builder *builder)
{
	const struct bmx_target_plan *plan = builder->facts->plan;

	for (size_t i = 0; i < builder->count; i++)
		if (builder->hosts[i].address_count > 0)
			return BMX_TARGETS_READY;
	if (plan->mx_state != BMX_TARGETS_READY)
		return plan->mx_state;
	if (builder->block->set.partial)
		return BMX_TARGETS_FAILED;
	/* Hosts were planned; all that are missing were ours. */
	return builder->count > 0 ? BMX_TARGETS_NO_ADDRESS :
				    BMX_TARGETS_WE_ARE_BEST;
}

static void
build(struct builder *builder)
{
	const struct bmx_target_set_facts *facts = builder->facts;
	struct bmx_target_set *set = &builder->block->set;

	set->not_in_mx = facts->plan->not_in_mx;
	set->partial = facts->plan->mx_state == BMX_TARGETS_FAILED;
	for (size_t i = 0; i < facts->plan->count; i++)
		build_host(builder, &facts->plan->hosts[i], &facts->answers[i],
		           &builder->hosts[i]);
	if (builder->nomem)
		return;
	drop_ours(builder);
	sort(builder);
	write_text(builder);
	set->state = state_of(builder);
	set->ttl_s = ttl_of(facts);
	set->hosts = builder->hosts;
	set->host_count = builder->count;
}

static bool
alloc(struct builder *builder)
{
	builder->block =
		bmx_arena_alloc(builder->arena, sizeof(*builder->block));
	builder->hosts = bmx_arena_alloc(builder->arena,
	                                 (builder->facts->plan->count + 1) *
	                                         sizeof(*builder->hosts));
	if (!builder->block || !builder->hosts)
		return false;
	*builder->block = (struct block){.refs = 1, .arena = builder->arena};
	return true;
}

const struct bmx_target_set *
bmx_target_set_make(const struct bmx_target_set_facts *facts)
{
	struct builder builder = {.facts = facts};
	const bool has_old =
		facts->old && facts->old->state == BMX_TARGETS_READY;

	if (facts->plan->mx_state == BMX_TARGETS_FAILED && has_old)
		return NULL;
	builder.arena = bmx_arena_new(SET_BYTES_MAX);
	if (!builder.arena)
		return NULL;
	if (alloc(&builder))
		build(&builder);
	if (builder.block && builder.hosts && !builder.nomem &&
	    builder.block->set.state != BMX_TARGETS_FAILED)
		return &builder.block->set;
	bmx_arena_free(&builder.arena);
	return NULL;
}
