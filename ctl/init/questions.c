#include "ctl/init/questions.h"

#include <string.h>
#include <strings.h>

#define BLANKS " \t\r\n,"

/* One question; takes an answer into plan. 0, or -1 with *err: it is wrong. */
struct question {
	const char *text;
	int (*take)(struct bmxctl_plan *plan, char *answer,
	            struct bmx_error *err);
};

/* Cuts the next word out of *rest, or NULL. */
static char *
next_word(char **rest)
{
	char *word = *rest + strspn(*rest, BLANKS);

	if (*word == '\0')
		return NULL;
	*rest = word + strcspn(word, BLANKS);
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

/* What counts while another answer is tried. */
static int
check_alone(const struct bmxctl_plan *part, struct bmx_error *err)
{
	struct bmxctl_plan trial = *part;

	if (trial.domain_count == 0 &&
	    bmxctl_plan_add_domain(&trial, "example.test", err) != 0)
		return -1;
	return bmxctl_plan_check(&trial, err);
}

static int
take_domains(struct bmxctl_plan *plan, char *answer, struct bmx_error *err)
{
	struct bmxctl_plan trial = {0};

	for (char *word = next_word(&answer); word; word = next_word(&answer))
		if (bmxctl_plan_add_domain(&trial, word, err) != 0)
			return -1;
	if (trial.domain_count == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a domain is needed, as example.com");
	if (check_alone(&trial, err) != 0)
		return -1;
	memcpy(plan->domains, trial.domains, sizeof(plan->domains));
	plan->domain_count = trial.domain_count;
	return 0;
}

static int
take_primary(struct bmxctl_plan *plan, char *answer, struct bmx_error *err)
{
	struct bmxctl_plan trial = {0};

	for (char *word = next_word(&answer); word; word = next_word(&answer))
		if (bmxctl_plan_add_primary(&trial, word, err) != 0)
			return -1;
	if (check_alone(&trial, err) != 0)
		return -1;
	memcpy(plan->primary, trial.primary, sizeof(plan->primary));
	plan->primary_count = trial.primary_count;
	return 0;
}

static int
take_recipients(struct bmxctl_plan *plan, char *answer, struct bmx_error *err)
{
	const struct bmxctl_plan trial = {.recipients = answer,
	                                  .with_redis = plan->with_redis};

	if (check_alone(&trial, err) != 0)
		return -1;
	plan->recipients = answer;
	return 0;
}

static int
take_hostname(struct bmxctl_plan *plan, char *answer, struct bmx_error *err)
{
	const struct bmxctl_plan trial = {.hostname = answer};

	if (check_alone(&trial, err) != 0)
		return -1;
	plan->hostname = answer;
	return 0;
}

static const struct question questions[] = {
	{"Which domain is this host a backup MX for? Several: with blanks "
         "between them.\n> ",
         take_domains},
	{"Which host has its users (the primary MX)? A name or [address]; "
         "empty: "
         "the MX\nhosts in DNS before this one.\n> ",
         take_primary},
	{"Where does the list of its recipients come from? file:/PATH, "
         "https://..., ldap://...\nor exec:/PROGRAM; empty: none, the "
         "primary is asked over SMTP.\n> ",
         take_recipients},
	{"What is this host called in SMTP? Empty: as the system calls it.\n> ",
         take_hostname},
};

/* A line without its end and the blanks around it. 0, 1: too long, -1: the
 * input has ended. */
static int
read_line(char *buffer, FILE *in)
{
	size_t len = 0;
	bool whole = true;
	int c;

	while ((c = getc(in)) != EOF && c != '\n') {
		if (len + 1 < BMXCTL_ANSWER_MAX && c != '\0')
			buffer[len++] = (char)c;
		else
			whole = false;
	}
	if (c == EOF && len == 0)
		return -1;
	while (len > 0 && strchr(" \t\r", buffer[len - 1]))
		len--;
	buffer[len] = '\0';
	memmove(buffer, buffer + strspn(buffer, " \t"),
	        len + 1 - strspn(buffer, " \t"));
	return whole ? 0 : 1;
}

static int
ended(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_CLOSED,
	                     "no answer: nothing was written");
}

static int
ask(const struct question *question, struct bmxctl_plan *plan, char *answer,
    FILE *in, FILE *out, struct bmx_error *err)
{
	for (int i = 0; i < BMXCTL_TRIES; i++) {
		int rc;

		(void)fputs(question->text, out);
		(void)fflush(out);
		rc = read_line(answer, in);
		if (rc < 0)
			return ended(err);
		if (rc > 0)
			(void)bmx_error_set(err, BMX_E_TOO_BIG,
			                    "that is too long");
		else if (question->take(plan, answer, err) == 0)
			return 0;
		(void)fprintf(out, "%s\n", err->text);
	}
	return bmx_error_set(err, BMX_E_SYNTAX,
	                     "no usable answer: nothing was written");
}

int
bmxctl_ask_plan(struct bmxctl_plan *plan, struct bmxctl_answers *answers,
                const struct bmxctl_asked *asked, FILE *in, FILE *out,
                struct bmx_error *err)
{
	const bool wanted[] = {asked->domains, asked->primary,
	                       asked->recipients, asked->hostname};
	char *const kept[] = {answers->domains, answers->primary,
	                      answers->recipients, answers->hostname};

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (wanted[i] &&
		    ask(&questions[i], plan, kept[i], in, out, err) != 0)
			return -1;
	return 0;
}

int
bmxctl_ask_yes(const char *question, FILE *in, FILE *out, struct bmx_error *err)
{
	char answer[BMXCTL_ANSWER_MAX];

	for (int i = 0; i < BMXCTL_TRIES; i++) {
		(void)fprintf(out, "%s [Y/n] ", question);
		(void)fflush(out);
		if (read_line(answer, in) < 0)
			return ended(err);
		if (answer[0] == '\0' || strcasecmp(answer, "y") == 0 ||
		    strcasecmp(answer, "yes") == 0)
			return 1;
		if (strcasecmp(answer, "n") == 0 ||
		    strcasecmp(answer, "no") == 0)
			return 0;
		(void)fputs("Please say y or n.\n", out);
	}
	return ended(err);
}
