/*
 * The only file that knows libspf2. Debian's 1.2.10 must not see an octet from
 * the network: it aborts on crafted macros (CVE-2023-42118) and drops what does
 * not fit into 511 octets of a compiled record. So its hooks give it text that
 * load.c generates, and "yes" or "no" for each term; it walks over qualifiers,
 * includes and redirects.
 *
 *	get_spf(aN.s): the generated text of include or redirect number N
 *	lookup(aN.s):  one A record when term number N matches, else none
 *
 * It calls SPF_error(), which ends the process, when a hook returns NULL.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* Wants the headers above before itself. */
#include <spf2/spf.h>

#include "eval.h"

struct bmx_spf {
	SPF_server_t *server;
	SPF_dns_server_t
		layer; /* hooks; shared by all threads, never written */
};

/* What the hooks of this thread are called for: they take no argument for it,
 * and an evaluation stays in its thread from begin to end. */
struct walk {
	struct bmx_spf_eval *eval;
	const char *first;   /* text in place of the leading record */
	SPF_dns_rr_t *spare; /* an answer for when memory is short */
};
static _Thread_local struct walk *current;

/* The domain libspf2 is asked about; terms are a0.s, a1.s, ... */
#define FIRST_DOMAIN "first.s"
/* The same client for every evaluation: terms are matched by match.c, and
 * libspf2 lets 127/8 pass unasked. */
#define CLIENT "192.0.2.1"

/* The alias that a name of the form aN.s stands for, or NULL. */
static const struct bmx_spf_alias *
find_alias(const struct bmx_spf_eval *eval, const char *name)
{
	unsigned number = 0;
	const char *at = name + 1;

	if (name[0] != 'a' || *at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9' && number < BMX_SPF_ALIASES_MAX; at++)
		number = number * 10 + (unsigned)(*at - '0');
	if (strcmp(at, ".s") != 0 || number >= eval->alias_count)
		return NULL;
	return &eval->aliases[number];
}

/* The compiler's complaint would be about our own text. */
static SPF_errcode_t
compile(SPF_server_t *server, SPF_response_t *response, SPF_record_t **record,
        const char *generated)
{
	const SPF_errcode_t error =
		SPF_record_compile(server, response, record, generated);

	if (error != SPF_E_SUCCESS)
		bmx_spf_stop(current->eval, BMX_SPF_STOP_TEMP,
		             "libspf2 refuses", bmx_slice_of(generated));
	return error;
}

static SPF_errcode_t
get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response,
        SPF_record_t **record)
{
	struct bmx_spf_eval *eval = current->eval;
	const char *name = request->cur_dom;
	char generated[BMX_SPF_GENERATED_SIZE];
	const struct bmx_spf_alias *alias;

	*record = NULL;
	if (!strcmp(name, FIRST_DOMAIN))
		return compile(server, response, record, current->first);
	alias = find_alias(eval, name);
	if (!alias || !bmx_spf_load_target(eval, alias, generated))
		return SPF_E_BIG_DNS; /* eval->stop says why */
	return compile(server, response, record, generated);
}

/* The spare one is used up by this; every look-up after it fails as well, so
 * libspf2 ends the evaluation. */
static SPF_dns_rr_t *
no_memory(void)
{
	SPF_dns_rr_t *answer = current->spare;

	current->spare = NULL;
	bmx_spf_stop(current->eval, BMX_SPF_STOP_TEMP, "no memory",
	             (struct bmx_slice){0});
	answer->herrno = TRY_AGAIN;
	return answer;
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *layer, const char *name, ns_type type, int cache)
{
	struct bmx_spf_eval *eval = current->eval;
	const struct bmx_spf_alias *alias = find_alias(eval, name);
	const bool match = alias && bmx_spf_term_matches(eval, alias);
	SPF_dns_rr_t *answer;

	(void)cache;
	answer = SPF_dns_rr_new_init(layer, name, type, 0, HOST_NOT_FOUND);
	if (!answer)
		return no_memory();
	if (eval->stop != BMX_SPF_GOES_ON) {
		answer->herrno = TRY_AGAIN; /* ends the evaluation at once */
	} else if (match) {
		if (SPF_dns_rr_buf_realloc(answer, 0, sizeof(struct in_addr)) !=
		    SPF_E_SUCCESS) {
			SPF_dns_rr_free(answer);
			return no_memory();
		}
		answer->rr[0]->a.s_addr = htonl(INADDR_LOOPBACK);
		answer->num_rr = 1;
		answer->herrno = NETDB_SUCCESS;
	}
	return answer;
}

static enum bmx_spf_result
read_result(struct bmx_spf_eval *eval, SPF_result_t result)
{
	switch (result) {
	case SPF_RESULT_NEUTRAL:
		return BMX_SPF_NEUTRAL;
	case SPF_RESULT_PASS:
		return BMX_SPF_PASS;
	case SPF_RESULT_FAIL:
		return BMX_SPF_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return BMX_SPF_SOFTFAIL;
	case SPF_RESULT_INVALID:
	case SPF_RESULT_NONE:
	case SPF_RESULT_TEMPERROR:
	case SPF_RESULT_PERMERROR:
		break;
	}
	/* Without a stop of ours it has no reason for any of these. */
	bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "libspf2 has no result",
	             (struct bmx_slice){0});
	return BMX_SPF_TEMPERROR;
}

static enum bmx_spf_result
query(struct bmx_spf_eval *eval, SPF_request_t *request)
{
	SPF_response_t *response = NULL;
	enum bmx_spf_result result;

	if (SPF_request_set_ipv4_str(request, CLIENT) != SPF_E_SUCCESS ||
	    SPF_request_set_env_from(request, "x@" FIRST_DOMAIN) !=
	            SPF_E_SUCCESS)
		return read_result(eval, SPF_RESULT_INVALID);
	/* Its own errors show in the result, its reasons are ours. */
	(void)SPF_request_query_mailfrom(request, &response);
	result = read_result(eval,
	                     response ? SPF_response_result(response) :
	                                SPF_RESULT_INVALID);
	if (response)
		SPF_response_free(response);
	return result;
}

enum bmx_spf_result
bmx_spf_walk(struct bmx_spf *spf, struct bmx_spf_eval *eval,
             const char *generated)
{
	SPF_request_t *request = SPF_request_new(spf->server);
	struct walk walk = {eval, generated, SPF_dns_rr_new()};
	enum bmx_spf_result result = BMX_SPF_TEMPERROR;

	current = &walk;
	if (request && walk.spare)
		result = query(eval, request);
	else
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "no memory",
		             (struct bmx_slice){0});
	current = NULL;
	if (walk.spare)
		SPF_dns_rr_free(walk.spare);
	if (request)
		SPF_request_free(request);
	return result;
}

/* Its limits are larger than ours, which are met first; its explanation is
 * thrown away, so it is short. */
static int
set_up(SPF_server_t *server)
{
	SPF_response_t *response = NULL;
	const SPF_errcode_t error =
		SPF_server_set_explanation(server, "x", &response);

	if (response)
		SPF_response_free(response);
	(void)SPF_server_set_max_dns_mech(server, 100000);
	return error == SPF_E_SUCCESS ? 0 : -1;
}

struct bmx_spf *
bmx_spf_new(struct bmx_error *err)
{
	struct bmx_spf *spf = calloc(1, sizeof(*spf));

	if (spf) {
		spf->layer.lookup = lookup;
		spf->layer.get_spf = get_spf;
		spf->layer.name = "backupmx";
		spf->server = SPF_server_new_dns(&spf->layer, 0);
	}
	if (!spf || !spf->server || set_up(spf->server) != 0) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for SPF");
		bmx_spf_free(&spf);
	}
	return spf;
}

void
bmx_spf_free(struct bmx_spf **spf)
{
	if (!*spf)
		return;
	if ((*spf)->server)
		SPF_server_free((*spf)->server);
	free(*spf);
	*spf = NULL;
}
