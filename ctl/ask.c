#include "ctl/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/control_request.h>
#include <backupmx/endpoint.h>
#include <backupmx/text.h>

static int
write_all(int fd, struct bmx_slice octets, struct bmx_error *err)
{
	while (octets.len > 0) {
		const ssize_t done =
			send(fd, octets.data, octets.len, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return bmx_error_set_errno(err, errno, "send");
		octets.data += done;
		octets.len -= (size_t)done;
	}
	return 0;
}

/* All up to the end of the connection, in memory that the caller frees. */
static char *
read_all(int fd, size_t *len_out, struct bmx_error *err)
{
	char *all = NULL;
	size_t size = 0;
	size_t len = 0;

	for (;;) {
		ssize_t got;

		if (len == size) {
			char *grown = size < BMX_CONTROL_ANSWER_MAX ?
				realloc(all, size + 64 * 1024) :
				NULL;

			if (!grown) {
				free(all);
				(void)bmx_error_set(err, BMX_E_TOO_BIG,
				                    "the answer is too long");
				return NULL;
			}
			all = grown;
			size += 64 * 1024;
		}
		got = recv(fd, all + len, size - len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			(void)bmx_error_set_errno(
				err, errno == EAGAIN ? ETIMEDOUT : errno,
				"no answer");
			free(all);
			return NULL;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*len_out = len;
	return all;
}

static json_t *
converse(int fd, struct bmx_slice request, struct bmx_error *err)
{
	const struct timeval limit = {.tv_sec = BMXCTL_ANSWER_MS / 1000};
	json_t *answer;
	size_t len;
	char *text;

	/* Fails for what is no socket only; then the send says so. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (write_all(fd, request, err) != 0)
		return NULL;
	text = read_all(fd, &len, err);
	if (!text)
		return NULL;
	answer = json_loadb(text, len, 0, NULL);
	free(text);
	if (!json_is_object(answer)) {
		json_decref(answer);
		(void)bmx_error_set(err, BMX_E_CLOSED,
		                    "it closed the connection without a whole "
		                    "answer");
		return NULL;
	}
	return answer;
}

/* The answer, or NULL with *err when there is none. */
static json_t *
exchange(const struct bmx_endpoint *endpoint, struct bmx_slice request,
         struct bmx_error *err)
{
	const int fd = bmx_endpoint_connect(endpoint, BMXCTL_CONNECT_MS, err);
	json_t *answer;

	if (fd < 0)
		return NULL;
	answer = converse(fd, request, err);
	(void)close(fd);
	return answer;
}

static void
say_unreachable(const struct bmxctl *ctl, const struct bmx_endpoint *endpoint,
                const struct bmx_error *err)
{
	char buffer[512];
	struct bmx_text where;

	bmx_text_init(&where, buffer, sizeof(buffer));
	bmx_endpoint_append(&where, endpoint);
	/* A connection that failed has said where. */
	(void)fprintf(stderr, "%s: policyd cannot be asked%s%s: %s%s\n",
	              ctl->program, strstr(err->text, buffer) ? "" : " at ",
	              strstr(err->text, buffer) ? "" : buffer, err->text,
	              err->code == BMX_E_PERMISSION ?
	                      "" :
	                      "; see systemctl status backupmx-policyd");
}

static int
build_request(struct bmx_text *text, const char *verb, const char *argument)
{
	bmx_text_append_string(text, verb);
	if (argument[0] != '\0')
		bmx_text_append_char(text, ' ');
	bmx_text_append_string(text, argument);
	bmx_text_append_char(text, '\n');
	return text->cut || strchr(argument, '\n') ? -1 : 0;
}

static json_t *
ask_at(const struct bmxctl *ctl, const struct bmx_config *config,
       struct bmx_slice request, int *status_out)
{
	struct bmx_error err;
	json_t *answer;

	if (!config->policyd.control_on) {
		(void)fprintf(stderr, "%s: policyd.control is off in %s\n",
		              ctl->program, config->path);
		*status_out = EX_CONFIG;
		return NULL;
	}
	answer = exchange(&config->policyd.control, request, &err);
	if (!answer) {
		say_unreachable(ctl, &config->policyd.control, &err);
		*status_out = EX_TEMPFAIL;
		return NULL;
	}
	if (json_is_true(json_object_get(answer, "ok")))
		return answer;
	(void)fprintf(stderr, "%s: policyd says: %s\n", ctl->program,
	              bmxctl_string(answer, "error"));
	json_decref(answer);
	*status_out = EX_UNAVAILABLE;
	return NULL;
}

json_t *
bmxctl_ask_of(const struct bmxctl *ctl, const struct bmx_config *config,
              const char *verb, const char *argument, int *status_out)
{
	char buffer[BMX_CONTROL_REQUEST_MAX + 1];
	struct bmx_text request;

	bmx_text_init(&request, buffer, sizeof(buffer));
	if (build_request(&request, verb, argument) == 0)
		return ask_at(ctl, config, bmx_text_slice(&request),
		              status_out);
	(void)fprintf(stderr, "%s: that is too long, or no one line\n",
	              ctl->program);
	*status_out = EX_USAGE;
	return NULL;
}

json_t *
bmxctl_ask_quietly(const struct bmx_config *config, const char *verb,
                   const char *argument, struct bmx_error *err)
{
	char buffer[BMX_CONTROL_REQUEST_MAX + 1];
	struct bmx_text request;

	bmx_text_init(&request, buffer, sizeof(buffer));
	if (build_request(&request, verb, argument) != 0) {
		(void)bmx_error_set(err, BMX_E_USAGE, "no such request");
		return NULL;
	}
	return exchange(&config->policyd.control, bmx_text_slice(&request),
	                err);
}

json_t *
bmxctl_ask(const struct bmxctl *ctl, const char *verb, const char *argument,
           int *status_out)
{
	struct bmx_config *config = bmxctl_load_config(ctl, false, status_out);
	json_t *answer;

	if (!config)
		return NULL;
	answer = bmxctl_ask_of(ctl, config, verb, argument, status_out);
	bmx_config_unref(&config);
	return answer;
}

json_t *
bmxctl_try(const struct bmx_config *config, const char *verb,
           struct bmx_error *err)
{
	json_t *answer;

	if (!config->policyd.control_on) {
		(void)bmx_error_set(err, BMX_E_USAGE, "policyd.control is off");
		return NULL;
	}
	answer = bmxctl_ask_quietly(config, verb, "", err);
	if (answer && !json_is_true(json_object_get(answer, "ok"))) {
		(void)bmx_error_set(err, BMX_E_REFUSED, "policyd says: %s",
		                    bmxctl_string(answer, "error"));
		json_decref(answer);
		return NULL;
	}
	return answer;
}

bool
bmxctl_is_address(const char *word)
{
	return word[0] != '\0' && (word[0] != '-' || strchr(word, '@'));
}

static bool
is_pending(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "pending"));
}

json_t *
bmxctl_look_up(const struct bmxctl *ctl, const struct bmx_config *config,
               const char *address, int *status_out)
{
	const struct timespec step = {0, BMXCTL_PENDING_STEP_MS * 1000000L};
	json_t *answer =
		bmxctl_ask_of(ctl, config, "lookup", address, status_out);

	for (int ms = 0; is_pending(answer) && ms < BMXCTL_PENDING_MS;
	     ms += BMXCTL_PENDING_STEP_MS) {
		(void)nanosleep(&step, NULL);
		json_decref(answer);
		answer = bmxctl_ask_of(ctl, config, "lookup", address,
		                       status_out);
	}
	return answer;
}

/* What is not a look-up asks for one first, of a domain that nobody knows. */
static json_t *
ask_about(const struct bmxctl *ctl, const struct bmx_config *config,
          const char *verb, const char *address, int *status_out)
{
	json_t *answer = bmxctl_look_up(ctl, config, address, status_out);

	if (!answer || strcmp(verb, "lookup") == 0)
		return answer;
	json_decref(answer);
	return bmxctl_ask_of(ctl, config, verb, address, status_out);
}

int
bmxctl_ask_address(struct bmxctl *ctl, int argc, char **argv, const char *usage,
                   bmxctl_print_cb *print, bmxctl_status_cb *status)
{
	const bool as_json = bmxctl_take_json(&argc, argv);
	struct bmx_config *config;
	int rc = EX_TEMPFAIL;
	json_t *answer;

	if (argc != 2 || !bmxctl_is_address(argv[1]))
		return bmxctl_usage(ctl, usage);
	config = bmxctl_load_config(ctl, false, &rc);
	if (!config)
		return rc;
	answer = ask_about(ctl, config, argv[0], argv[1], &rc);
	bmx_config_unref(&config);
	if (!answer) /* what policyd cannot tell is not known */
		return rc == EX_UNAVAILABLE ? EX_TEMPFAIL : rc;
	rc = status(answer);
	if (as_json && bmxctl_print_json(answer) != EX_OK)
		rc = EX_IOERR;
	else if (!as_json)
		print(answer);
	json_decref(answer);
	return rc;
}

const char *
bmxctl_string(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

long long
bmxctl_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

int
bmxctl_print_json(const json_t *answer)
{
	if (json_dumpf(answer, stdout, JSON_INDENT(2)) != 0 ||
	    putchar('\n') == EOF || fflush(stdout) != 0)
		return EX_IOERR;
	return EX_OK;
}

const char *
bmxctl_age(char buffer[BMXCTL_AGE_SIZE], long long seconds)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMXCTL_AGE_SIZE);
	if (seconds < 0)
		bmx_text_append_string(&text, "-");
	else if (seconds < 60)
		bmx_text_printf(&text, "%llds", seconds);
	else if (seconds < 3600)
		bmx_text_printf(&text, "%lldm%llds", seconds / 60,
		                seconds % 60);
	else if (seconds < 86400)
		bmx_text_printf(&text, "%lldh%lldm", seconds / 3600,
		                seconds / 60 % 60);
	else
		bmx_text_printf(&text, "%lldd%lldh", seconds / 86400,
		                seconds / 3600 % 24);
	return buffer;
}

void
bmxctl_print_age(long long seconds)
{
	char buffer[BMXCTL_AGE_SIZE];

	(void)fputs(bmxctl_age(buffer, seconds), stdout);
}
