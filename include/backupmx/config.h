/*
 * config.h - the configuration file as an immutable snapshot.
 *
 * Every key of DESIGN.md section 4 is a field here and a row of one option
 * table (name, unit, default, range, reloadable, help), from which checks,
 * `config dump` and the manual's section come. A snapshot never changes after
 * it was loaded; who uses it holds a reference. References may be taken and
 * dropped by any thread.
 *
 * Strings are terminated, never NULL ("" is the empty value) and live as long
 * as the snapshot. Times are milliseconds, sizes octets.
 */
#ifndef BACKUPMX_CONFIG_H
#define BACKUPMX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sys/types.h>

#include <backupmx/endpoint.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/slice.h>

/** Where the file is unless -c names another. */
#define BMX_CONFIG_PATH "/etc/backupmx/backupmx.conf"

struct bmx_config_strings {
	const char *const *items;
	size_t count;
};

enum bmx_config_mode { BMX_MODE_ENFORCE, BMX_MODE_OBSERVE };
enum bmx_config_tls {
	BMX_TLS_NONE,
	BMX_TLS_MAY,
	BMX_TLS_ENCRYPT,
	BMX_TLS_VERIFY,
	BMX_TLS_DANE
};
enum bmx_config_accept_all { BMX_ACCEPT_ALL_ACCEPT, BMX_ACCEPT_ALL_DEFER };
enum bmx_config_primary_up {
	BMX_PRIMARY_UP_ACCEPT,
	BMX_PRIMARY_UP_DEFER,
	BMX_PRIMARY_UP_GATE
};
enum bmx_config_bounce_guard {
	BMX_BOUNCE_GUARD_OFF,
	BMX_BOUNCE_GUARD_QUARANTINE,
	BMX_BOUNCE_GUARD_DISCARD
};
/** What a milter check's result does. */
enum bmx_config_action {
	BMX_ACTION_IGNORE,
	BMX_ACTION_TAG,
	BMX_ACTION_DEFER,
	BMX_ACTION_REJECT,
	BMX_ACTION_SCORE /* counts points; see score_threshold */
};

/** An action as a section says it: "reject", or "score=5". */
struct bmx_config_response {
	enum bmx_config_action action;
	int points; /* of BMX_ACTION_SCORE, else 0 */
};

/** Most points of one result. */
#define BMX_CONFIG_POINTS_MAX 1000

struct bmx_config_spf {
	struct bmx_config_response fail;      /* default reject */
	struct bmx_config_response softfail;  /* default tag */
	struct bmx_config_response temperror; /* default tag */
	struct bmx_config_response permerror; /* default tag */
};

struct bmx_config_dnsbl {
	struct bmx_config_strings zones; /* as bmx_dnsbl_site_parse reads */
	int64_t threshold;
	struct bmx_config_response action;
	struct bmx_config_response temperror;
};

/** What a HELO name that is not as it should be gets; all by default
 * ignored, as with the checks below. */
struct bmx_config_helo {
	struct bmx_config_response invalid;     /* neither name nor literal */
	struct bmx_config_response unqualified; /* a name of one label */
	struct bmx_config_response own;         /* our name or address */
	struct bmx_config_response unknown;     /* no A, AAAA or MX */
	struct bmx_config_response temperror;
};

/** What a client without a confirmed name gets. */
struct bmx_config_reverse_dns {
	struct bmx_config_response missing;     /* no PTR */
	struct bmx_config_response unconfirmed; /* no name leads back */
	struct bmx_config_response temperror;
};

/** What a sender whose domain takes no mail gets. */
struct bmx_config_sender_domain {
	struct bmx_config_response null_mx; /* RFC 7505 */
	struct bmx_config_response unknown; /* neither MX nor A nor AAAA */
	struct bmx_config_response unqualified;
	struct bmx_config_response literal; /* user@[192.0.2.1] */
	struct bmx_config_response temperror;
};

enum bmx_config_scanner_type {
	BMX_SCANNER_RSPAMD,
	BMX_SCANNER_SPAMD,
	BMX_SCANNER_CLAMD
};

/** What a message gets that could not be scanned. */
enum bmx_config_unavailable { BMX_UNAVAILABLE_DEFER, BMX_UNAVAILABLE_ACCEPT };

struct bmx_config_scanner {
	const char *name; /* the section's title */
	enum bmx_config_scanner_type type;
	struct bmx_config_strings urls;
	enum bmx_config_action action; /* spamd and clamd; never score */
	enum bmx_config_unavailable unavailable;
	int64_t max_size; /* octets; larger messages are not scanned */
	int64_t timeout_ms;
};

/** How a list is fetched; which source uses what is in list_fetch.h. */
struct bmx_config_fetch {
	int64_t timeout_ms;
	int64_t max_size;          /* octets */
	const char *username;      /* or the DN of an LDAP bind */
	const char *password_file; /* "" for none, as with all files here */
	const char *token_file;
	const char *tls_ca_file; /* "": the system's */
	const char *tls_cert_file;
	const char *tls_key_file;
	const char *ssh_key_file;
	const char *ssh_known_hosts_file;
	bool starttls;
	int64_t page_size; /* entries */
};

struct bmx_config_domain {
	const char *name; /* A-labels, lower case; "*" for every other domain */
	enum bmx_config_mode mode;
	struct bmx_config_strings primary;
	enum bmx_config_tls tls;
	const char *tls_ca_file;
	enum bmx_config_accept_all accept_all;
	const char *recipients; /* the list's source, "" for none */
	int64_t refresh_ms;
	int64_t list_max_age_ms;
	int64_t max_shrink; /* per cent, 0 to 100 */
	bool call_ahead;
	int64_t probe_rate;        /* recipients a second at one primary */
	int64_t probe_connections; /* at a time, at one primary */
	const char *probe_sender;  /* "" for the null sender */
	int64_t check_interval_ms;
	enum bmx_config_primary_up primary_up;
	int64_t gate_tries;
	int64_t gate_delay_ms;
	int64_t gate_memory_ms;
	const char *recipient_delimiter; /* set of characters, "" for none */
	bool case_sensitive;
	int64_t size; /* octets of a message; 0: no limit */
	struct bmx_config_strings client_access; /* files: "cidr:/path" */
	struct bmx_config_strings sender_access; /* "/path", "hash:/path" */
	int64_t score_threshold;                 /* 0: points do nothing */
	struct bmx_config_spf spf;
	struct bmx_config_dnsbl dnsbl;
	struct bmx_config_helo helo;
	struct bmx_config_reverse_dns reverse_dns;
	struct bmx_config_sender_domain sender_domain;
	struct bmx_config_fetch fetch;
	const struct bmx_config_scanner *scanners;
	size_t scanner_count;
	size_t index;  /* place in bmx_config.domains */
	bool from_any; /* made from "*": see bmx_config_with_domains */
};

struct bmx_config_policyd {
	const struct bmx_endpoint *listen;
	size_t listen_count;
	mode_t socket_mode;
	const char *socket_group;
	int64_t deadline_ms;
	bool metrics_on;
	struct bmx_endpoint metrics; /* when metrics_on */
	bool control_on;
	struct bmx_endpoint control;           /* when control_on */
	struct bmx_config_strings on_recovery; /* argv; the domain follows */
};

/** An address block: network is 16 octets, IPv4 mapped into ::ffff:0:0/96. */
struct bmx_config_network {
	uint8_t network[16];
	unsigned prefix_length; /* 0 to 128 */
};

/**
 * Reads "192.0.2.0/24", "2001:db8::/32" or an address alone.
 * @return NULL with *out filled, or what is wrong with it; static
 */
const char *bmx_config_network_read(const char *text,
                                    struct bmx_config_network *out);

/** Is address, 16 octets, IPv4 mapped, within the block? */
bool bmx_config_network_holds(const struct bmx_config_network *network,
                              const uint8_t address[16]);

/** Is it within one of count blocks? Any thread. */
bool bmx_config_networks_hold(const struct bmx_config_network *networks,
                              size_t count, const uint8_t address[16]);

struct bmx_config_milter {
	struct bmx_endpoint listen;
	mode_t socket_mode; /* policyd's socket_mode, or its own key */
	const char *socket_group;
	bool policy_on; /* false: policy = "" */
	struct bmx_endpoint policy;
	bool metrics_on;
	struct bmx_endpoint metrics;
	const struct bmx_config_network *trusted;
	size_t trusted_count;
	enum bmx_config_bounce_guard bounce_guard;
	const char *seal_key_file; /* "": seal.key in state_dir */
	int64_t seal_keep_ms;
};

struct bmx_config_redis {
	bool present;
	struct bmx_config_strings servers;
	struct bmx_config_strings sentinels;
	const char *master_name;
	bool cluster;
	const char *username;
	const char *password_file;
	const char *sentinel_username;
	const char *sentinel_password_file;
	int64_t database;
	const char *prefix;
	int64_t timeout_ms;
	const char *tls_ca_file;
};

struct bmx_config {
	const char *path; /* of the file it was read from */
	const char *hostname;
	const char *state_dir;
	enum bmx_log_sink log;
	struct bmx_config_strings resolver; /* "address@port" */
	const char *trust_anchor; /* file; "": see bmx_dns_trust_anchor */
	struct bmx_config_strings mx_names; /* of this host; none: hostname */
	struct bmx_config_policyd policyd;
	struct bmx_config_milter milter;
	struct bmx_config_redis redis;
	const struct bmx_config_domain *domains; /* in the file's order */
	size_t domain_count;
};

/** One mistake in a file. */
struct bmx_config_problem {
	const char *file;
	int line;         /* from 1; 0 when the whole file is meant */
	bool warning;     /* the file is usable all the same */
	const char *text; /* what is wrong and what was expected */
};

struct bmx_config_problems;

/** Returns an empty list the caller frees, or NULL when memory is short. */
struct bmx_config_problems *bmx_config_problems_new(void);

/** Frees *problems and sets it to NULL. NULL is fine. */
void bmx_config_problems_free(struct bmx_config_problems **problems);

/** How many there are, warnings included. */
size_t bmx_config_problems_count(const struct bmx_config_problems *problems);

/** The one at index, in order of file and line; borrowed from the list. */
const struct bmx_config_problem *
bmx_config_problems_get(const struct bmx_config_problems *problems,
                        size_t index);

/**
 * Adds one; file and text are copied. For who reads files that the
 * configuration names. When memory is short it is counted only.
 */
void bmx_config_problems_add(struct bmx_config_problems *problems,
                             const char *file, int line, bool warning,
                             const char *text);

/**
 * Reads the file at path with all that it includes. All mistakes of one run
 * go into problems: unknown names (with the nearest known one), names given
 * twice, missing units, values out of range.
 * @return a snapshot with one reference, or NULL when there is any problem
 *         that is no warning; *err then says how many, or why the file could
 *         not be read (BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_SYNTAX,
 *         BMX_E_NOMEM). Not re-entrant: libconfuse keeps state; call it from
 *         one thread at a time.
 */
struct bmx_config *bmx_config_load(const char *path,
                                   struct bmx_config_problems *problems,
                                   struct bmx_error *err);

/** One more reference. Returns config. Any thread. */
struct bmx_config *bmx_config_ref(struct bmx_config *config);

/** Drops *config's reference and sets it to NULL; the last one frees. */
void bmx_config_unref(struct bmx_config **config);

/**
 * The section of a domain that is A-labels in lower case, without the "*"
 * section; NULL when there is none. Hashed: for the hot path.
 */
const struct bmx_config_domain *
bmx_config_find_domain(const struct bmx_config *config,
                       struct bmx_slice domain);

/** The section "*", or NULL. */
const struct bmx_config_domain *
bmx_config_any_domain(const struct bmx_config *config);

/**
 * A snapshot with all of config and, behind its sections, one made from "*"
 * for each name that has none of its own: domains of "*" that were found out.
 * Names are A-labels in lower case, each once; copied. config must have "*"
 * when count is not 0, and be no such snapshot itself. Takes a reference of
 * config, whose values it shares: cheap, but for a copy of the sections.
 * @return a snapshot with one reference, or NULL with *err (BMX_E_NOMEM)
 */
struct bmx_config *bmx_config_with_domains(struct bmx_config *config,
                                           const char *const *names,
                                           size_t count, struct bmx_error *err);

/** The names by which MX records may mean us: mx_names, or hostname. Valid as
 * long as config. */
struct bmx_config_strings bmx_config_our_names(const struct bmx_config *config);

/**
 * Writes the effective configuration in the file's own syntax; with
 * all false only what differs from the defaults.
 * @return 0, or -1 with *err when writing failed
 */
int bmx_config_dump(const struct bmx_config *config, FILE *out, bool all,
                    struct bmx_error *err);

/**
 * A number that tells two effective configurations apart: equal when
 * bmx_config_dump would write the same of both. For programs of one version.
 * @return 0 with *digest_out, or -1 with *err: BMX_E_NOMEM
 */
int bmx_config_digest(const struct bmx_config *config, uint64_t *digest_out,
                      struct bmx_error *err);

/** Who reads the file. */
enum bmx_config_part { BMX_CONFIG_POLICYD, BMX_CONFIG_MILTER };

/**
 * Names the first option that differs and cannot change at a reload of that
 * part (for example "policyd.listen"), or NULL when the new snapshot can be
 * taken over whole. Options that the part does not act on are not compared:
 * the other daemon's section, and for the milter redis.
 */
const char *bmx_config_needs_restart(const struct bmx_config *running,
                                     const struct bmx_config *next,
                                     enum bmx_config_part part);

#endif
