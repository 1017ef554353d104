/*
 * config_priv.h - what the files of lib/config share.
 *
 *	scan.c (names, braces, lines) -> value.c (libconfuse: one value)
 *	   -> load.c (sections, option rows) -> convert.c (text to field)
 */
#ifndef BACKUPMX_CONFIG_PRIV_H
#define BACKUPMX_CONFIG_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/arena.h>
#include <backupmx/config.h>
#include <backupmx/hash.h>
#include <backupmx/slice.h>

/* Caps: a file beyond them is refused, never read in part. */
#define CONFIG_FILE_MAX ((size_t)64 * 1024 * 1024)
#define CONFIG_FILES_MAX ((size_t)4096)
#define CONFIG_INCLUDE_DEPTH ((size_t)8)
#define CONFIG_PROBLEMS_MAX ((size_t)1000)
#define CONFIG_ARENA_MAX ((size_t)512 * 1024 * 1024)

/* ---- options.c: the one table -------------------------------------- */

enum config_type {
	CONFIG_STRING,
	CONFIG_STRINGS,
	CONFIG_NUMBER,
	CONFIG_DURATION,
	CONFIG_SIZE,
	CONFIG_PERCENT,
	CONFIG_BOOL,
	CONFIG_ENUM,            /* one of words; the value is its place there */
	CONFIG_RESPONSE,        /* the same, or "score=N" up to `most` */
	CONFIG_MODE,            /* octal, as "0660" */
	CONFIG_ENDPOINT,        /* one socket */
	CONFIG_ENDPOINT_OR_OFF, /* "" puts the flag at `second` to false */
	CONFIG_ENDPOINTS,       /* count at `second`; at least one */
	CONFIG_NETWORKS,        /* count at `second` */
};

/* The sections, each a struct of config.h in which its rows' fields are. */
enum config_section {
	CONFIG_ROOT,
	CONFIG_POLICYD,
	CONFIG_MILTER,
	CONFIG_REDIS,
	CONFIG_DOMAIN,
	CONFIG_SPF,
	CONFIG_DNSBL,
	CONFIG_HELO,
	CONFIG_REVERSE_DNS,
	CONFIG_SENDER_DOMAIN,
	CONFIG_SCANNER,
	CONFIG_FETCH,
	CONFIG_SECTIONS
};

struct config_section_row {
	const char *name; /* "" for the top level */
	enum config_section parent;
	bool titled;
	size_t offset; /* of its struct in the parent's, unless titled */
	size_t size;   /* of its struct */
	const char *help;
};

struct config_row {
	enum config_section section;
	const char *key; /* in full: "policyd.deadline" */
	enum config_type type;
	size_t offset;       /* of the field in the section's struct */
	size_t second;       /* of the count or flag */
	const char *initial; /* the default as the file would say it */
	int64_t least, most; /* numbers, durations (ms), sizes, percents */
	const char *const
		*words; /* of an enum, or the only strings; NULL-ended */
	bool reloadable;
	const char *help;
};

extern const struct config_section_row config_sections[CONFIG_SECTIONS];
extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* Of config_rows[]: room for marks by row. */
#define CONFIG_ROWS_MAX ((size_t)160)

/* "deadline" of "policyd.deadline". */
const char *config_row_name(const struct config_row *row);

/* ---- problems.c ---------------------------------------------------- */

struct config_place {
	const char *file;
	int line;
};

void config_problem(struct bmx_config_problems *problems,
                    struct config_place at, bool warning, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/* How many are no warnings; they need not all be kept. */
size_t config_problems_errors(const struct bmx_config_problems *problems);

void config_problems_sort(struct bmx_config_problems *problems);

/* ---- value.c: libconfuse ------------------------------------------- */

struct config_value {
	const char *name; /* as in the file */
	bool is_list;
	struct config_place at; /* of the name */
	const char **items;
	int *lines; /* of each item */
	size_t count;
};

/*
 * Reads the text behind an equals sign, in which comments are blank and
 * strings closed, into value->items, lines, count and is_list, all of which
 * arena holds. at.line is the line of the text's first octet.
 * Returns 0, or -1 with *err.
 */
int config_value_read(const char *text, struct config_place at,
                      struct bmx_arena *arena, struct config_value *value,
                      struct bmx_error *err);

/* ---- scan.c -------------------------------------------------------- */

struct config_scan {
	const char *file;
	char *data; /* terminated */
	size_t len;
	size_t at;
	int line;
};

enum config_token {
	CONFIG_END,
	CONFIG_NAME,  /* a word or a quoted string */
	CONFIG_PUNCT, /* one of = { } ( ) , + */
};

/* Blanks out comments, lines kept. -1: unclosed comment or string, or an
 * octet or escape that is not allowed; *at_out says where. */
int config_scan_clean(struct config_scan *scan, struct config_place *at_out,
                      struct bmx_error *err);

/* The next token; *text_out borrows from scan->data, quotes included. */
enum config_token config_scan_next(struct config_scan *scan,
                                   struct bmx_slice *text_out,
                                   struct config_place *at_out);

/* What config_scan_next would give. */
enum config_token config_scan_peek(struct config_scan *scan,
                                   struct bmx_slice *text_out);

/* The text of one value: a word, a string, or braces and what is in them.
 * Returns -1 when there is none; the scan then has not moved. */
int config_scan_value(struct config_scan *scan, struct bmx_slice *text_out,
                      struct config_place *at_out);

/* Behind the closing brace of the section whose '{' has just been read. */
void config_scan_skip_section(struct config_scan *scan);

void config_scan_skip_line(struct config_scan *scan);

/* ---- convert.c ----------------------------------------------------- */

/* Puts value into its field of the struct at base. Every mistake is a
 * problem; the field is then as it was. */
void config_convert(const struct config_row *row,
                    const struct config_value *value, void *base,
                    struct bmx_arena *arena,
                    struct bmx_config_problems *problems);

/* ---- check.c ------------------------------------------------------- */

/* What was expected instead of text, a string of row or one of its entries;
 * NULL when it is right. */
const char *config_check(const struct config_row *row, const char *text);

/* ---- check_whole.c ------------------------------------------------- */

/* Looks at what hangs together across sections. domains are the places of
 * config's domains, redis that of the section, if there is one. */
void config_check_whole(const struct bmx_config *config,
                        const struct config_place *domains,
                        struct config_place redis,
                        struct bmx_config_problems *problems);

/* ---- format.c ------------------------------------------------------ */

/* The field's value in the file's syntax, into memory from malloc that the
 * caller frees; NULL when memory is short. */
char *config_format(const struct config_row *row, const void *base);

/* Do the row's fields at a and b hold different values? Also when memory is
 * too short to tell. */
bool config_differs(const struct config_row *row, const void *a, const void *b);

/* ---- snapshot.c ---------------------------------------------------- */

struct config_snapshot {
	struct bmx_config config; /* first: the public part */
	atomic_uint references;
	struct bmx_arena *arena;
	uint8_t hash_key[BMX_SIPHASH_KEY_SIZE];
	size_t *slots;     /* index + 1 of a domain, 0 is free */
	size_t slot_count; /* a power of two, at least twice the domains */
	const struct bmx_config_domain *any;
	struct bmx_config *base; /* whose values are shared; NULL: none are */
	/* Defaults of each section, to tell what differs. */
	void *defaults[CONFIG_SECTIONS];
};

struct config_snapshot *config_snapshot_new(void);

/* Builds the table of domains. Returns 0, or -1 when memory is short. */
int config_snapshot_index(struct config_snapshot *snapshot);

/* ---- defaults.c ---------------------------------------------------- */

/* Fills the defaults of each section, and a configuration without domains
 * with them, the host's name and path. Returns 0, or -1 when memory is
 * short. */
int config_prepare(struct config_snapshot *snapshot, const char *path,
                   struct bmx_config_problems *problems);

#endif
