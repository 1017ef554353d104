#include "ctl/queue.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <backupmx/text.h>

/* Octets of a domain and of a reason that are kept, terminators included. */
#define NAME_SIZE ((size_t)256)
#define REASON_SIZE ((size_t)240)
/* Octets by which the memory for a line that is not whole grows. */
#define PARTIAL_STEP ((size_t)64 * 1024)

struct domain {
	char name[NAME_SIZE];
	bool added; /* asked for, not met */
	uint64_t messages;
	uint64_t recipients;
	uint64_t held;
	int64_t oldest_at;
	uint64_t counted; /* the last message that was counted here */
	char reason[REASON_SIZE];
};

/* Postfix's own, in the order in which a message passes them. */
static const char *const queue_names[] = {"maildrop", "incoming", "active",
                                          "deferred", "hold",     "corrupt"};
#define QUEUES (sizeof(queue_names) / sizeof(queue_names[0]))

struct bmxctl_queue {
	struct domain **domains; /* sorted by name */
	size_t count;
	size_t capacity;
	size_t met;           /* of them not added */
	struct domain others; /* past the cap */
	uint64_t messages;
	uint64_t recipients;
	uint64_t bytes;
	uint64_t bounces;
	uint64_t unreadable;
	uint64_t queues[QUEUES];
	int64_t oldest_at;
	char *partial; /* a line that is not whole yet */
	size_t partial_len;
	size_t partial_size;
	bool skipping; /* the rest of a line that is too long */
};

struct bmxctl_queue *
bmxctl_queue_new(void)
{
	return calloc(1, sizeof(struct bmxctl_queue));
}

void
bmxctl_queue_free(struct bmxctl_queue **queue)
{
	struct bmxctl_queue *old = *queue;

	if (!old)
		return;
	for (size_t i = 0; i < old->count; i++)
		free(old->domains[i]);
	free(old->domains);
	free(old->partial);
	free(old);
	*queue = NULL;
}

/* Where name is, or would be. */
static size_t
position_of(const struct bmxctl_queue *queue, const char *name)
{
	size_t low = 0;
	size_t high = queue->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(queue->domains[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct domain *
insert(struct bmxctl_queue *queue, size_t at, const char *name)
{
	struct domain *domain;
	struct bmx_text text;

	if (queue->count == queue->capacity) {
		const size_t capacity = 2 * queue->capacity + 16;
		struct domain **grown = realloc(
			queue->domains, capacity * sizeof(struct domain *));

		if (!grown)
			return NULL;
		queue->domains = grown;
		queue->capacity = capacity;
	}
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return NULL;
	bmx_text_init(&text, domain->name, sizeof(domain->name));
	bmx_text_append_string(&text, name);
	memmove(&queue->domains[at + 1], &queue->domains[at],
	        (queue->count - at) * sizeof(struct domain *));
	queue->domains[at] = domain;
	queue->count++;
	return domain;
}

static bool
is_at(const struct bmxctl_queue *queue, size_t at, const char *name)
{
	return at < queue->count && strcmp(queue->domains[at]->name, name) == 0;
}

int
bmxctl_queue_add_domain(struct bmxctl_queue *queue, const char *name)
{
	const size_t at = position_of(queue, name);
	struct domain *domain;

	if (strlen(name) >= NAME_SIZE || is_at(queue, at, name))
		return 0; /* no such domain has mail, or it is there */
	domain = insert(queue, at, name);
	if (!domain)
		return -1;
	domain->added = true;
	return 0;
}

/* @return NULL when memory is short */
static struct domain *
domain_of(struct bmxctl_queue *queue, const char *name)
{
	const size_t at = position_of(queue, name);
	struct domain *domain;

	if (is_at(queue, at, name))
		return queue->domains[at];
	if (queue->met == BMXCTL_QUEUE_OTHERS_MAX)
		return &queue->others;
	domain = insert(queue, at, name);
	if (domain)
		queue->met++;
	return domain;
}

/* The domain of an address as it is compared, "" for a local one. */
static void
copy_domain(const char *address, char name[NAME_SIZE])
{
	const char *sign = strrchr(address, '@');
	struct bmx_text text;

	bmx_text_init(&text, name, NAME_SIZE);
	if (sign)
		bmx_text_append_clean(&text, bmx_slice_of(sign + 1),
		                      NAME_SIZE - 8);
	for (size_t i = 0; i < text.len; i++)
		name[i] = bmx_ascii_lower(name[i]);
}

struct message {
	bool held;
	int64_t arrived_at;
};

static void
note_oldest(struct domain *domain, const struct message *message,
            const char *reason)
{
	struct bmx_text text;

	if (message->held || message->arrived_at <= 0 ||
	    (domain->oldest_at != 0 &&
	     domain->oldest_at <= message->arrived_at))
		return;
	domain->oldest_at = message->arrived_at;
	bmx_text_init(&text, domain->reason, sizeof(domain->reason));
	bmx_text_append_clean(&text, bmx_slice_of(reason), REASON_SIZE - 8);
}

static int
take_recipient(struct bmxctl_queue *queue, const struct message *message,
               const json_t *recipient)
{
	const char *address =
		json_string_value(json_object_get(recipient, "address"));
	const char *reason =
		json_string_value(json_object_get(recipient, "delay_reason"));
	char name[NAME_SIZE];
	struct domain *domain;

	if (!address)
		return 0;
	copy_domain(address, name);
	domain = domain_of(queue, name);
	if (!domain)
		return -1;
	queue->recipients++;
	domain->recipients++;
	if (domain->counted != queue->messages) {
		domain->counted = queue->messages;
		domain->messages++;
		domain->held += message->held;
	}
	note_oldest(domain, message, reason ? reason : "");
	return 0;
}

static bool
count_queue(struct bmxctl_queue *queue, const char *name)
{
	for (size_t i = 0; i < QUEUES; i++)
		if (strcmp(queue_names[i], name) == 0) {
			queue->queues[i]++;
			return strcmp(name, "hold") == 0;
		}
	return false;
}

static void
count_message(struct bmxctl_queue *queue, const json_t *root,
              struct message *message)
{
	const char *name =
		json_string_value(json_object_get(root, "queue_name"));
	const char *sender = json_string_value(json_object_get(root, "sender"));
	const json_int_t size =
		json_integer_value(json_object_get(root, "message_size"));

	message->held = count_queue(queue, name ? name : "");
	message->arrived_at =
		json_integer_value(json_object_get(root, "arrival_time"));
	queue->messages++;
	if (size > 0)
		queue->bytes += (uint64_t)size;
	/* So postqueue writes the null sender. */
	if (sender && (strcmp(sender, "MAILER-DAEMON") == 0 || !sender[0]))
		queue->bounces++;
	if (!message->held && message->arrived_at > 0 &&
	    (queue->oldest_at == 0 || message->arrived_at < queue->oldest_at))
		queue->oldest_at = message->arrived_at;
}

/* An address that is no UTF-8 would lose the message: cleaned, it is read. */
static json_t *
parse(struct bmx_slice line)
{
	json_t *root = json_loadb(line.data, line.len, 0, NULL);
	struct bmx_text text;
	char *clean;

	if (root)
		return root;
	clean = malloc(line.len + 8);
	if (!clean)
		return NULL;
	bmx_text_init(&text, clean, line.len + 8);
	bmx_text_append_clean(&text, line, line.len);
	root = json_loadb(text.data, text.len, 0, NULL);
	free(clean);
	return root;
}

static int
take_line(struct bmxctl_queue *queue, struct bmx_slice line)
{
	const json_t *recipients;
	struct message message;
	json_t *root;
	int rc = 0;

	if (line.len == 0)
		return 0;
	root = parse(line);
	if (!json_is_object(root)) {
		json_decref(root);
		queue->unreadable++;
		return 0;
	}
	count_message(queue, root, &message);
	recipients = json_object_get(root, "recipients");
	for (size_t i = 0; i < json_array_size(recipients) && rc == 0; i++)
		rc = take_recipient(queue, &message,
		                    json_array_get(recipients, i));
	json_decref(root);
	return rc;
}

/* Keeps the beginning of a line. */
static int
keep(struct bmxctl_queue *queue, struct bmx_slice piece)
{
	const size_t len = queue->partial_len + piece.len;

	if (queue->skipping)
		return 0;
	if (len > BMXCTL_QUEUE_LINE_MAX) {
		queue->skipping = true;
		queue->partial_len = 0;
		return 0;
	}
	if (len > queue->partial_size) {
		const size_t size = len + PARTIAL_STEP;
		char *grown = realloc(queue->partial, size);

		if (!grown)
			return -1;
		queue->partial = grown;
		queue->partial_size = size;
	}
	if (piece.len > 0)
		memcpy(queue->partial + queue->partial_len, piece.data,
		       piece.len);
	queue->partial_len = len;
	return 0;
}

/* A line has ended whose beginning was kept, or skipped. */
static int
end_line(struct bmxctl_queue *queue)
{
	const struct bmx_slice line = {queue->partial, queue->partial_len};

	queue->partial_len = 0;
	if (queue->skipping) {
		queue->skipping = false;
		queue->unreadable++;
		return 0;
	}
	return take_line(queue, line);
}

int
bmxctl_queue_feed(struct bmxctl_queue *queue, struct bmx_slice piece)
{
	while (piece.len > 0) {
		const char *end = memchr(piece.data, '\n', piece.len);
		const struct bmx_slice line = {
			piece.data,
			end ? (size_t)(end - piece.data) : piece.len};

		if (keep(queue, line) != 0 || (end && end_line(queue) != 0))
			return -1;
		piece.data += line.len + (end != NULL);
		piece.len -= line.len + (end != NULL);
	}
	return 0;
}

int
bmxctl_queue_end(struct bmxctl_queue *queue)
{
	return queue->partial_len > 0 || queue->skipping ? end_line(queue) : 0;
}

static json_t *
domain_json(const struct domain *domain)
{
	return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:s}", "name",
	                 domain->name, "served", domain->added, "messages",
	                 (json_int_t)domain->messages, "recipients",
	                 (json_int_t)domain->recipients, "held",
	                 (json_int_t)domain->held, "oldest_at",
	                 (json_int_t)domain->oldest_at, "reason",
	                 domain->reason);
}

json_t *
bmxctl_queue_json(const struct bmxctl_queue *queue)
{
	json_t *domains = json_array();
	json_t *queues = json_object();

	for (size_t i = 0; i < queue->count; i++)
		(void)json_array_append_new(domains,
		                            domain_json(queue->domains[i]));
	for (size_t i = 0; i < QUEUES; i++)
		(void)json_object_set_new(
			queues, queue_names[i],
			json_integer((json_int_t)queue->queues[i]));
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "messages",
		(json_int_t)queue->messages, "recipients",
		(json_int_t)queue->recipients, "bytes",
		(json_int_t)queue->bytes, "bounces", (json_int_t)queue->bounces,
		"unreadable", (json_int_t)queue->unreadable, "oldest_at",
		(json_int_t)queue->oldest_at, "queues", queues, "domains",
		domains, "others", domain_json(&queue->others));
}
