/*
 * seal.h - what we knew of a sender when we took a message, in a form that
 * only we can make: so that a later bounce can be told from backscatter.
 *
 *	X-Backupmx-Seal: v=1 k=KEYID t=TIME i=QUEUEID c=CLIENT r=RESULT h=HMAC
 *
 * TIME in seconds since 1970, CLIENT the address of the SMTP client or "-",
 * HMAC 64 hex digits: HMAC-SHA-256 over the text before " h=", with " s=" and
 * the envelope sender in internal form behind it. The sender is not shown, but
 * a seal holds for one sender and one queue id alone.
 *
 * Pure but for the key file: keys and time are handed in. Any thread.
 */
#ifndef BACKUPMX_MILTER_SEAL_H
#define BACKUPMX_MILTER_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

/** The header field. */
#define BMX_SEAL_HEADER "X-Backupmx-Seal"
/** Octets of a seal as text, terminator included. */
#define BMX_SEAL_TEXT_MAX ((size_t)384)
/** Octets of a key, and keys that a file may have. */
#define BMX_SEAL_KEY_OCTETS ((size_t)32)
#define BMX_SEAL_KEYS_MAX ((size_t)4)
/** Characters of a key's id, terminator included. */
#define BMX_SEAL_KEY_ID_SIZE ((size_t)17)
/** Characters of a queue id that is sealed. */
#define BMX_SEAL_QUEUE_ID_MAX ((size_t)64)

struct bmx_seal_key {
	char id[BMX_SEAL_KEY_ID_SIZE]; /* letters and digits */
	uint8_t octets[BMX_SEAL_KEY_OCTETS];
};

/** The first one signs, all verify. */
struct bmx_seal_keys {
	struct bmx_seal_key keys[BMX_SEAL_KEYS_MAX];
	size_t count;
};

/** How sure it is that the sender wrote the message. */
enum bmx_seal_result {
	BMX_SEALED_NONE,    /* not at all */
	BMX_SEALED_SPF,     /* SPF passed for MAIL FROM */
	BMX_SEALED_AUTH,    /* the client logged in */
	BMX_SEALED_TRUSTED, /* the client is in milter.trusted */
	BMX_SEALED_RESULTS
};

/** "none", "spf", "auth", "trusted". */
const char *bmx_seal_result_name(enum bmx_seal_result result);

/** What is sealed. */
struct bmx_seal {
	struct bmx_slice queue_id;
	struct bmx_slice sender; /* internal form; not in the text */
	struct bmx_slice client; /* address as text; empty: none */
	int64_t at_s;            /* wall */
	enum bmx_seal_result result;
};

/**
 * Appends the seal, signed with the first key.
 * @return 0, or -1 when it cannot be: no key, a queue id or client that is no
 *         word of visible ASCII, no room, no memory
 */
int bmx_seal_append(struct bmx_text *text, const struct bmx_seal *seal,
                    const struct bmx_seal_keys *keys);

/** What a text is as a seal of that queue id and sender. */
enum bmx_seal_word {
	BMX_SEAL_GOOD,
	BMX_SEAL_MALFORMED, /* no seal of version 1 */
	BMX_SEAL_OTHER,     /* of another queue id */
	BMX_SEAL_UNKNOWN_KEY,
	BMX_SEAL_FORGED, /* the HMAC is not that of this id and sender */
	BMX_SEAL_WORDS
};

/**
 * Verifies a seal, white space around it aside.
 * @param seal_out filled when it is good; borrows from text and sender
 */
enum bmx_seal_word
bmx_seal_verify(struct bmx_slice text, struct bmx_slice queue_id,
                struct bmx_slice sender, const struct bmx_seal_keys *keys,
                struct bmx_seal *seal_out) __attribute__((warn_unused_result));

/**
 * Reads a key file: a line a key, "ID HEX" with 64 hex digits, the first one
 * signs; empty lines and such that begin with '#' are skipped.
 * @return 0, or -1 with *err: BMX_E_SYNTAX with "PATH:LINE: ...",
 *         BMX_E_NOT_FOUND, BMX_E_PERMISSION (also for a file that others may
 *         read), BMX_E_IO
 */
int bmx_seal_keys_read(const char *path, struct bmx_seal_keys *keys_out,
                       struct bmx_error *err);

/** As bmx_seal_keys_read, from the text of the file at path. */
int bmx_seal_keys_parse(struct bmx_slice text, const char *path,
                        struct bmx_seal_keys *keys_out, struct bmx_error *err);

/**
 * Makes a key file with one new key, mode 0600; one that is there stays.
 * @return 0, also when there is one already; or -1 with *err
 */
int bmx_seal_keys_make(const char *path, struct bmx_error *err);

#endif
