#include "milter/gone.h"

#include <errno.h>
#include <string.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/control_request.h>

#define ANSWER_MAX ((size_t)4096)

bool
bmx_gone_holds(struct bmx_slice answer)
{
	json_t *root = json_loadb(answer.data, answer.len, 0, NULL);
	const char *word = json_string_value(json_object_get(root, "gone"));
	const bool holds = word && !strcmp(word, "hold");

	json_decref(root);
	return holds;
}

static int
left_ms(const struct bmx_gone_request *request)
{
	const int64_t left_us =
		request->deadline_us - bmx_clock_mono_us(request->clock);

	return left_us > 0 ? (int)(left_us / 1000) : 0;
}

/* Reads to the end of the connection; no more than fits. */
static struct bmx_slice
read_answer(const struct bmx_gone_request *request, int fd, char *buffer)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	struct bmx_slice answer = {buffer, 0};
	ssize_t len = 1;

	while (len > 0 && answer.len < ANSWER_MAX) {
		if (poll(&wait, 1, left_ms(request)) <= 0)
			break;
		len = recv(fd, buffer + answer.len, ANSWER_MAX - answer.len,
		           MSG_DONTWAIT);
		if (len > 0)
			answer.len += (size_t)len;
	}
	return answer;
}

static bool
send_line(int fd, const char *address)
{
	char buffer[BMX_CONTROL_REQUEST_MAX];
	struct bmx_text line;

	bmx_text_init(&line, buffer, sizeof(buffer));
	bmx_text_printf(&line, "%s %s\n",
	                bmx_control_verb_name(BMX_CONTROL_GONE), address);
	return !line.cut &&
		send(fd, line.data, line.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
		(ssize_t)line.len;
}

static bool
tell_one(const struct bmx_gone_request *request, int fd, const char *address)
{
	char buffer[ANSWER_MAX];

	return send_line(fd, address) &&
		bmx_gone_holds(read_answer(request, fd, buffer));
}

bool
bmx_gone_tell(const struct bmx_gone_request *request,
              const struct bmx_bounce_facts *facts)
{
	bool holds = false;

	for (size_t i = 0; request->control && i < facts->gone_count; i++) {
		const int wait_ms = left_ms(request);
		const int fd = wait_ms > 0 ?
			bmx_endpoint_connect(request->control, wait_ms, NULL) :
			-1;

		if (fd < 0)
			break;
		if (tell_one(request, fd, facts->gone[i]))
			holds = true;
		(void)close(fd);
	}
	return holds;
}
