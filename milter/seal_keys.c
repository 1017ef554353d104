#include "milter/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "milter/seal_hmac.h"

#define FILE_MAX ((size_t)4096)
#define PATH_SIZE ((size_t)1200)

static bool
is_id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z');
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = bmx_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *
read_id(struct bmx_slice id, struct bmx_seal_key *key)
{
	if (id.len == 0 || id.len >= sizeof(key->id))
		return "the key's id must have 1 to 16 characters";
	for (size_t i = 0; i < id.len; i++)
		if (!is_id_char(id.data[i]))
			return "the key's id may have letters and digits only";
	memcpy(key->id, id.data, id.len);
	return NULL;
}

/* What is wrong with the line, or NULL. */
static const char *
read_key(struct bmx_slice line, struct bmx_seal_key *key)
{
	const char *blank = memchr(line.data, ' ', line.len);
	const size_t id_len = blank ? (size_t)(blank - line.data) : line.len;
	const char *hex = line.data + id_len + 1;
	const char *wrong = read_id((struct bmx_slice){line.data, id_len}, key);

	if (wrong)
		return wrong;
	if (!blank || line.len - id_len - 1 != 2 * sizeof(key->octets))
		return "expected \"ID KEY\", the key with 64 hex digits";
	for (size_t i = 0; i < sizeof(key->octets); i++) {
		const int high = digit_of(hex[2 * i]);
		const int low = digit_of(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return "a key has hex digits only";
		key->octets[i] = (uint8_t)(high << 4 | low);
	}
	return NULL;
}

static const char *
add_key(struct bmx_slice line, struct bmx_seal_keys *keys)
{
	struct bmx_seal_key key = {.id = ""};
	const char *wrong = read_key(line, &key);

	if (wrong)
		return wrong;
	if (keys->count == BMX_SEAL_KEYS_MAX)
		return "there are more than 4 keys";
	for (size_t i = 0; i < keys->count; i++)
		if (!strcmp(keys->keys[i].id, key.id))
			return "there is a key of that id already";
	keys->keys[keys->count++] = key;
	return NULL;
}

static struct bmx_slice
next_line(struct bmx_slice *rest)
{
	const char *end = memchr(rest->data, '\n', rest->len);
	struct bmx_slice line = *rest;

	if (end)
		line.len = (size_t)(end - rest->data);
	rest->data += line.len + (end ? 1 : 0);
	rest->len -= line.len + (end ? 1 : 0);
	return line;
}

int
bmx_seal_keys_parse(struct bmx_slice text, const char *path,
                    struct bmx_seal_keys *keys_out, struct bmx_error *err)
{
	*keys_out = (struct bmx_seal_keys){0};
	for (int number = 1; text.len > 0; number++) {
		const struct bmx_slice line = next_line(&text);
		const char *wrong = NULL;

		if (line.len > 0 && line.data[0] != '#')
			wrong = add_key(line, keys_out);
		if (wrong)
			return bmx_error_set(err, BMX_E_SYNTAX, "%s:%d: %s",
			                     path, number, wrong);
	}
	if (keys_out->count == 0)
		return bmx_error_set(err, BMX_E_SYNTAX, "%s:1: there is no key",
		                     path);
	return 0;
}

/* Whoever can read the keys can make seals. */
static int
check_file(int fd, const char *path, struct bmx_error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "%s: it is no regular file", path);
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "%s: others may read or change it; chmod "
		                     "600",
		                     path);
	return 0;
}

static int
read_text(int fd, const char *path, struct bmx_seal_keys *keys_out,
          struct bmx_error *err)
{
	char buffer[FILE_MAX];
	const ssize_t len = read(fd, buffer, sizeof(buffer));

	if (len < 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	if ((size_t)len == sizeof(buffer))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "%s: it is too large for a key file",
		                     path);
	return bmx_seal_keys_parse((struct bmx_slice){buffer, (size_t)len},
	                           path, keys_out, err);
}

int
bmx_seal_keys_read(const char *path, struct bmx_seal_keys *keys_out,
                   struct bmx_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	rc = check_file(fd, path, err);
	if (rc == 0)
		rc = read_text(fd, path, keys_out, err);
	(void)close(fd);
	return rc;
}

static int
append_new_key(struct bmx_text *text)
{
	uint8_t octets[4 + BMX_SEAL_KEY_OCTETS];

	if (bmx_seal_random(octets, sizeof(octets)) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(octets); i++) {
		if (i == 4)
			bmx_text_append_char(text, ' ');
		bmx_text_printf(text, "%02x", octets[i]);
	}
	bmx_text_append_char(text, '\n');
	return text->cut ? -1 : 0;
}

static int
write_whole(int fd, struct bmx_slice text)
{
	const ssize_t len = write(fd, text.data, text.len);

	return len == (ssize_t)text.len && fsync(fd) == 0 ? 0 : -1;
}

/* Whole under its name or not there: link fails when there is one. */
static int
place(const char *temporary, const char *path, struct bmx_slice text,
      struct bmx_error *err)
{
	const int fd =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = 0;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s", temporary);
	if (write_whole(fd, text) != 0 ||
	    (link(temporary, path) != 0 && errno != EEXIST))
		rc = bmx_error_set_errno(err, errno, "%s: cannot make it",
		                         path);
	(void)close(fd);
	(void)unlink(temporary);
	return rc;
}

int
bmx_seal_keys_make(const char *path, struct bmx_error *err)
{
	char temporary[PATH_SIZE], line[128];
	struct bmx_text name, text;

	if (access(path, F_OK) == 0)
		return 0;
	bmx_text_init(&name, temporary, sizeof(temporary));
	bmx_text_printf(&name, "%s.%ld", path, (long)getpid());
	bmx_text_init(&text, line, sizeof(line));
	if (name.cut || append_new_key(&text) != 0)
		return bmx_error_set(err, BMX_E_IO, "%s: cannot make a key",
		                     path);
	return place(temporary, path, bmx_text_slice(&text), err);
}
