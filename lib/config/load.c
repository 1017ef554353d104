/* Reads files into a snapshot: sections, rows, includes, duplicates. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>

#include <sys/stat.h>

#include <backupmx/config_names.h>

#include "config_priv.h"

struct domains {
	struct bmx_config_domain *items;
	struct config_place *places;
	size_t count, room;
};

struct loader {
	struct config_snapshot *snapshot;
	struct bmx_config_problems *problems;
	struct domains domains;
	struct config_place sections[CONFIG_SECTIONS]; /* first of each */
	struct config_place root_rows[CONFIG_ROWS_MAX];
	struct stat open[CONFIG_INCLUDE_DEPTH]; /* files being read */
	size_t depth;
	size_t files;
	bool nomem;
};

/* One section being read. */
struct body {
	enum config_section section;
	void *base;
	struct config_place *rows; /* where each row was given, line 0: not */
	struct config_place at;    /* of the section's name */
	struct config_place inner[CONFIG_SECTIONS]; /* of a domain */
};

static void read_body(struct loader *loader, struct config_scan *scan,
                      struct body *body);
static void read_file(struct loader *loader, const char *path,
                      struct bmx_error *err);

/* A name or title as text, quotes taken off; in the arena. */
static const char *
plain(struct loader *loader, struct bmx_slice text)
{
	char *copy = bmx_arena_copy(loader->snapshot->arena, text);
	size_t out = 0;

	if (!copy) {
		loader->nomem = true;
		return "";
	}
	if (text.len < 2 || (copy[0] != '"' && copy[0] != '\''))
		return copy;
	for (size_t i = 1; i + 1 < text.len; i++) {
		if (copy[i] == '\\')
			i++;
		copy[out++] = copy[i];
	}
	copy[out] = '\0';
	return copy;
}

static void
unknown(struct loader *loader, const struct body *body, struct config_place at,
        const char *kind, const char *name)
{
	const char *names[CONFIG_ROWS_MAX + CONFIG_SECTIONS + 1];
	const char *where = config_sections[body->section].name;
	const char *nearest;
	size_t count = 0;

	for (size_t i = 0; i < config_row_count; i++)
		if (config_rows[i].section == body->section)
			names[count++] = config_row_name(&config_rows[i]);
	for (size_t i = 1; i < CONFIG_SECTIONS; i++)
		if (config_sections[i].parent == body->section)
			names[count++] = config_sections[i].name;
	if (body->section == CONFIG_ROOT)
		names[count++] = "include";
	nearest = bmx_config_nearest_name(name, names, count);
	config_problem(
		loader->problems, at, false, "unknown %s \"%.80s\"%s%s%s%s%s%s",
		kind, name, *where ? " in " : "", where,
		nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		nearest ? "\"" : "", nearest ? "?" : "");
}

static bool
given_before(struct loader *loader, struct config_place *first,
             struct config_place at, const char *name)
{
	if (first->line == 0) {
		*first = at;
		return false;
	}
	config_problem(loader->problems, at, false,
	               "\"%s\" is given twice; first at %s:%d", name,
	               first->file, first->line);
	return true;
}

static size_t
find_row(enum config_section section, const char *name)
{
	for (size_t i = 0; i < config_row_count; i++)
		if (config_rows[i].section == section &&
		    strcmp(config_row_name(&config_rows[i]), name) == 0)
			return i;
	return config_row_count;
}

static void
read_key(struct loader *loader, struct config_scan *scan, struct body *body,
         const char *name, struct config_place at)
{
	struct config_value value = {.name = name, .at = at};
	const size_t index = find_row(body->section, name);
	struct config_place text_at;
	struct bmx_slice text;
	struct bmx_error err;
	const char *copy;

	if (config_scan_value(scan, &text, &text_at) != 0) {
		config_problem(loader->problems, at, false,
		               "%s: expected a value, or a list with both "
		               "braces, after \"=\"",
		               name);
		config_scan_skip_line(scan);
		return;
	}
	if (index == config_row_count) {
		unknown(loader, body, at, "key", name);
		return;
	}
	if (given_before(loader, &body->rows[index], at, name))
		return;
	copy = bmx_arena_copy(loader->snapshot->arena, text);
	if (!copy) {
		loader->nomem = true;
		return;
	}
	if (config_value_read(copy, text_at, loader->snapshot->arena, &value,
	                      &err) != 0) {
		config_problem(loader->problems, text_at, false, "%s: %s", name,
		               err.text);
		return;
	}
	config_convert(&config_rows[index], &value, body->base,
	               loader->snapshot->arena, loader->problems);
}

/* Doubles room; the arena keeps the old array until the snapshot goes. */
static int
grow_domains(struct loader *loader)
{
	struct domains *d = &loader->domains;
	const size_t room = d->room ? d->room * 2 : 16;
	struct bmx_config_domain *items;
	struct config_place *places;

	if (d->count < d->room)
		return 0;
	items = bmx_arena_alloc(loader->snapshot->arena, room * sizeof(*items));
	places = bmx_arena_alloc(loader->snapshot->arena,
	                         room * sizeof(*places));
	if (!items || !places)
		return -1;
	if (d->items && d->places) {
		memcpy(items, d->items, d->count * sizeof(*items));
		memcpy(places, d->places, d->count * sizeof(*places));
	}
	d->items = items;
	d->places = places;
	d->room = room;
	return 0;
}

static const char *
domain_name(struct loader *loader, const char *title, struct config_place at)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice name;

	if (strcmp(title, "*") == 0)
		return title;
	if (bmx_domain_normalise(bmx_slice_of(title), buffer, &name) == 0) {
		title = bmx_arena_copy(loader->snapshot->arena, name);
		loader->nomem = loader->nomem || !title;
		return title ? title : "";
	}
	config_problem(loader->problems, at, false,
	               "\"%.80s\" is no domain name", title);
	return title;
}

static struct bmx_config_domain *
add_domain(struct loader *loader, const char *title, struct config_place at)
{
	struct domains *d = &loader->domains;
	struct bmx_config_domain *domain;

	if (grow_domains(loader) != 0) {
		loader->nomem = true;
		return NULL;
	}
	domain = &d->items[d->count];
	memcpy(domain, loader->snapshot->defaults[CONFIG_DOMAIN],
	       sizeof(*domain));
	domain->name = domain_name(loader, title, at);
	domain->index = d->count;
	d->places[d->count++] = at;
	return domain;
}

static struct bmx_config_scanner *
add_scanner(struct loader *loader, struct bmx_config_domain *domain,
            const char *title, struct config_place at)
{
	const size_t count = domain->scanner_count;
	struct bmx_config_scanner *items = bmx_arena_alloc(
		loader->snapshot->arena, (count + 1) * sizeof(*items));

	if (!items) {
		loader->nomem = true;
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		items[i] = domain->scanners[i];
		if (strcmp(items[i].name, title) == 0)
			config_problem(loader->problems, at, false,
			               "scanner \"%.80s\" is given twice",
			               title);
	}
	memcpy(&items[count], loader->snapshot->defaults[CONFIG_SCANNER],
	       sizeof(*items));
	items[count].name = title;
	domain->scanners = items;
	domain->scanner_count = count + 1;
	return &items[count];
}

static void *
section_base(struct loader *loader, struct body *parent,
             enum config_section section, const char *title,
             struct config_place at)
{
	struct config_place *first = &loader->sections[section];

	if (section == CONFIG_DOMAIN)
		return add_domain(loader, title, at);
	if (section == CONFIG_SCANNER)
		return add_scanner(loader, parent->base, title, at);
	if (config_sections[section].parent == CONFIG_DOMAIN)
		first = &parent->inner[section];
	if (given_before(loader, first, at, config_sections[section].name))
		return NULL;
	if (section == CONFIG_REDIS)
		loader->snapshot->config.redis.present = true;
	return (char *)parent->base + config_sections[section].offset;
}

static void
read_section(struct loader *loader, struct config_scan *scan,
             struct body *parent, const char *name, const char *title,
             struct config_place at)
{
	struct config_place rows[CONFIG_ROWS_MAX] = {{NULL, 0}};
	struct body body = {.rows = rows, .at = at};
	size_t section = 1;

	while (section < CONFIG_SECTIONS &&
	       (config_sections[section].parent != parent->section ||
	        strcmp(config_sections[section].name, name) != 0))
		section++;
	if (section == CONFIG_SECTIONS) {
		unknown(loader, parent, at, "section", name);
		config_scan_skip_section(scan);
		return;
	}
	body.section = (enum config_section)section;
	if (config_sections[section].titled != (title != NULL))
		config_problem(loader->problems, at, false, "%s: %s", name,
		               title ? "takes no title" :
		                       "needs a title, as NAME \"title\" {");
	else
		body.base =
			section_base(loader, parent, body.section, title, at);
	if (!body.base) {
		config_scan_skip_section(scan);
		return;
	}
	read_body(loader, scan, &body);
}

static void
include_one(struct loader *loader, const char *path, struct config_place at)
{
	struct bmx_error err = {.code = BMX_E_NONE};

	read_file(loader, path, &err);
	if (err.code != BMX_E_NONE)
		config_problem(loader->problems, at, false, "include: %s",
		               err.text);
}

/* Relative to the folder of the file that says it. */
static void
include(struct loader *loader, const char *pattern, struct config_place at)
{
	const char *slash = strrchr(at.file, '/');
	const int folder =
		slash && pattern[0] != '/' ? (int)(slash + 1 - at.file) : 0;
	char path[4096];
	glob_t found;
	int result;

	if (snprintf(path, sizeof(path), "%.*s%s", folder, at.file, pattern) >=
	    (int)sizeof(path)) {
		config_problem(loader->problems, at, false,
		               "include: the path is too long");
		return;
	}
	if (!strpbrk(pattern, "*?[")) {
		include_one(loader, path, at);
		return;
	}
	result = glob(path, 0, NULL, &found);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		include_one(loader, found.gl_pathv[i], at);
	if (result == 0)
		globfree(&found);
	else if (result != GLOB_NOMATCH)
		config_problem(loader->problems, at, false,
		               "include: cannot look for \"%.200s\"", path);
}

static void
read_include(struct loader *loader, struct config_scan *scan,
             const struct body *body, struct config_place at)
{
	struct bmx_slice open, name, close;
	struct config_place place;

	if (config_scan_next(scan, &open, &place) != CONFIG_PUNCT ||
	    open.data[0] != '(' ||
	    config_scan_next(scan, &name, &place) != CONFIG_NAME ||
	    config_scan_next(scan, &close, &place) != CONFIG_PUNCT ||
	    close.data[0] != ')') {
		config_problem(loader->problems, at, false,
		               "expected include(\"path\")");
		config_scan_skip_line(scan);
	} else if (body->section != CONFIG_ROOT) {
		config_problem(loader->problems, at, false,
		               "include may not be inside a section");
	} else {
		include(loader, plain(loader, name), at);
	}
}

/* What stands behind a name decides what it is. */
static void
read_statement(struct loader *loader, struct config_scan *scan,
               struct body *body, const char *name, struct config_place at)
{
	struct config_place place;
	struct bmx_slice text;
	const char *title = NULL;
	enum config_token token = config_scan_peek(scan, &text);

	if (token == CONFIG_PUNCT && text.data[0] == '(' &&
	    strcmp(name, "include") == 0) {
		read_include(loader, scan, body, at);
		return;
	}
	if (token == CONFIG_PUNCT && text.data[0] == '=') {
		(void)config_scan_next(scan, &text, &place);
		read_key(loader, scan, body, name, at);
		return;
	}
	if (token == CONFIG_NAME) {
		(void)config_scan_next(scan, &text, &place);
		title = plain(loader, text);
		token = config_scan_peek(scan, &text);
	}
	if (token == CONFIG_PUNCT && text.data[0] == '{') {
		(void)config_scan_next(scan, &text, &place);
		read_section(loader, scan, body, name, title, at);
		return;
	}
	config_problem(loader->problems, at, false,
	               "expected \"=\" or \"{\" after \"%.80s\"", name);
	config_scan_skip_line(scan);
}

/* Depth is bounded by the table: three sections within each other. */
static void
read_body(struct loader *loader, struct config_scan *scan, struct body *body)
{
	struct config_place at;
	struct bmx_slice text;
	enum config_token token;

	while ((token = config_scan_next(scan, &text, &at)) != CONFIG_END) {
		if (token == CONFIG_NAME) {
			read_statement(loader, scan, body, plain(loader, text),
			               at);
		} else if (text.data[0] == '}' &&
		           body->section != CONFIG_ROOT) {
			return;
		} else {
			config_problem(loader->problems, at, false,
			               "unexpected \"%c\"", text.data[0]);
			config_scan_skip_line(scan);
		}
	}
	if (body->section != CONFIG_ROOT)
		config_problem(loader->problems, body->at, false,
		               "section \"%s\" is not closed",
		               config_sections[body->section].name);
}

static char *
slurp(FILE *in, size_t *len_out)
{
	size_t room = 4096;
	char *data = malloc(room + 2);
	size_t len = 0;

	while (data && len <= CONFIG_FILE_MAX) {
		char *more;

		len += fread(data + len, 1, room - len, in);
		if (len < room)
			break;
		room *= 2;
		more = realloc(data, room + 2);
		if (!more)
			free(data);
		data = more;
	}
	if (data) {
		/* Two: the scanner looks one octet ahead. */
		data[len] = '\0';
		data[len + 1] = '\0';
		*len_out = len;
	}
	return data;
}

static void
read_open_file(struct loader *loader, FILE *in, const char *path,
               struct bmx_error *err)
{
	struct config_scan scan = {.file = path};
	struct body body = {.section = CONFIG_ROOT,
	                    .base = &loader->snapshot->config,
	                    .rows = loader->root_rows};
	struct config_place at;
	struct bmx_error why;

	scan.data = slurp(in, &scan.len);
	if (!scan.data)
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	else if (ferror(in))
		(void)bmx_error_set_errno(err, errno, "%s", path);
	else if (scan.len > CONFIG_FILE_MAX)
		(void)bmx_error_set(err, BMX_E_TOO_BIG, "%s: too large", path);
	else if (config_scan_clean(&scan, &at, &why) != 0)
		config_problem(loader->problems, at, false, "%s", why.text);
	else
		read_body(loader, &scan, &body);
	free(scan.data);
}

static bool
may_open(struct loader *loader, const struct stat *file, const char *path,
         struct bmx_error *err)
{
	for (size_t i = 0; i < loader->depth; i++)
		if (loader->open[i].st_dev == file->st_dev &&
		    loader->open[i].st_ino == file->st_ino)
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "%s includes itself", path) == 0;
	if (S_ISDIR(file->st_mode))
		return bmx_error_set(err, BMX_E_IO, "%s is a folder", path) ==
			0;
	if (loader->depth >= CONFIG_INCLUDE_DEPTH ||
	    loader->files >= CONFIG_FILES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "%s: too many files within each other",
		                     path) == 0;
	return true;
}

static void
read_file(struct loader *loader, const char *path, struct bmx_error *err)
{
	const char *name =
		bmx_arena_copy(loader->snapshot->arena, bmx_slice_of(path));
	FILE *in = fopen(path, "re");
	struct stat status;

	if (!in || !name || fstat(fileno(in), &status) != 0) {
		(void)bmx_error_set_errno(
			err, name ? errno : ENOMEM,
			"cannot read the configuration "
			"file %s%s",
			path, loader->depth > 0 ? "" : " (-c names another)");
	} else if (may_open(loader, &status, path, err)) {
		loader->open[loader->depth++] = status;
		loader->files++;
		read_open_file(loader, in, name, err);
		loader->depth--;
	}
	if (in)
		(void)fclose(in);
}

static void
finish_domains(struct loader *loader)
{
	struct bmx_config *config = &loader->snapshot->config;

	config->domains = loader->domains.items;
	config->domain_count = loader->domains.count;
	if (config_snapshot_index(loader->snapshot) != 0) {
		loader->nomem = true;
		return;
	}
	for (size_t i = 0; i < config->domain_count; i++) {
		const struct bmx_slice name =
			bmx_slice_of(config->domains[i].name);
		const struct bmx_config_domain *first =
			bmx_config_find_domain(config, name);
		struct config_place at;

		if (!first)
			first = bmx_config_any_domain(config);
		if (!first || first->index == i)
			continue;
		at = loader->domains.places[first->index];
		(void)given_before(loader, &at, loader->domains.places[i],
		                   config->domains[i].name);
	}
}

struct bmx_config *
bmx_config_load(const char *path, struct bmx_config_problems *problems,
                struct bmx_error *err)
{
	struct loader loader = {.problems = problems};
	const size_t before = config_problems_errors(problems);
	struct bmx_error why = {.code = BMX_E_NONE};
	struct bmx_config *config;
	size_t errors;

	loader.snapshot = config_snapshot_new();
	if (!loader.snapshot) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return NULL;
	}
	config = &loader.snapshot->config;
	loader.nomem = config_prepare(loader.snapshot, path, problems) != 0;
	if (!loader.nomem) {
		read_file(&loader, path, &why);
		finish_domains(&loader);
		config_check_whole(config, loader.domains.places,
		                   loader.sections[CONFIG_REDIS], problems);
	}
	config_problems_sort(problems);
	errors = config_problems_errors(problems) - before;
	if (loader.nomem)
		(void)bmx_error_set(&why, BMX_E_NOMEM, "memory is short");
	else if (why.code == BMX_E_NONE && errors > 0)
		(void)bmx_error_set(&why, BMX_E_SYNTAX, "%s: %zu mistake%s",
		                    path, errors, errors == 1 ? "" : "s");
	if (why.code == BMX_E_NONE)
		return config;
	if (err)
		*err = why;
	bmx_config_unref(&config);
	return NULL;
}
