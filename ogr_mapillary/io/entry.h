/* SPDX-License-Identifier: MIT */
/* entry.h — the form of a stored answer: the name of its file, and the head that proves the file whole and in its
 * place. Owner: values; nothing is kept. Threads: pure functions.
 *
 * A file is a head and a body. All numbers are little-endian, so that a folder can be carried to another machine.
 *
 *    0  8  magic; its last byte is the version of this form
 *    8  8  hash of the head from byte 16 on, texts included
 *   16  8  hash of the body
 *   24  8  when it was fetched, in ms since 1970, UTC
 *   32  4  length of the body
 *   36  2  HTTP status
 *   38  2  length of the scope
 *   40  2  length of the key
 *   42  6  zero
 *   48 128 validator, padded with zeros
 *  176     scope, key, body */
#ifndef MLY_ENTRY_H
#define MLY_ENTRY_H

#include <stdbool.h>

#include "core/limits.h"
#include "core/span.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an answer answers. Neither text is a secret: both are written to disk. */
struct mly_entry_name {
    const char *scope; /* address of the service, shorter than MLY_LIMIT_ADDRESS */
    const char *key;   /* of the request, shorter than MLY_LIMIT_KEY */
};

struct mly_entry {
    int http;           /* status of the answer, three digits */
    int64_t fetched_ms; /* since 1970, UTC; not after the year 9999 */
    size_t n_bytes;     /* of the body, at most MLY_LIMIT_BODY */
    uint64_t body_hash;
    char validator[MLY_LIMIT_VALIDATOR]; /* see core/transport.h; empty: none */
};

enum { MLY_ENTRY_HEAD = 48 + MLY_LIMIT_VALIDATOR + MLY_LIMIT_ADDRESS + MLY_LIMIT_KEY }; /* no head is longer */
enum { MLY_ENTRY_FOLDER = 3 };                                                          /* "9f" */
enum { MLY_ENTRY_FILE = 22 }; /* "9f86d081884c7d65.mlyc" or ".mlyt" */

/* Neither text is empty or too long or holds control characters, and the key is no path that leads out of anything:
 * no "..", no slash at its beginning. */
bool mly_entry_is_name(const struct mly_entry_name *name);

/* Names the file. Different names may share a hash; the head tells them apart. */
uint64_t mly_entry_hash(const struct mly_entry_name *name);

/* The file of a hash, and the folder that it lies in: one of 256, so that none grows large. */
void mly_entry_print_folder(uint64_t hash, char folder[MLY_ENTRY_FOLDER]);
void mly_entry_print_file(uint64_t hash, char file[MLY_ENTRY_FILE]);

/* Where an answer lies while it is being written: beside those folders, under a number of its writer's. */
void mly_entry_print_temporary(uint64_t number, char file[MLY_ENTRY_FILE]);

/* Whether these print `text`, and for which number. All other files are somebody else's. */
bool mly_entry_parse_folder(const char *text, uint64_t *number);
bool mly_entry_parse_file(const char *text, uint64_t *hash);
bool mly_entry_parse_temporary(const char *text, uint64_t *number);

size_t mly_entry_head_size(const struct mly_entry_name *name);

/* Writes the head, _head_size bytes. */
void mly_entry_write_head(const struct mly_entry_name *name, const struct mly_entry *entry,
                          uint8_t head[MLY_ENTRY_HEAD]);

/* `head` has _head_size bytes. False: it is damaged, of another version or of another name. */
bool mly_entry_read_head(const struct mly_entry_name *name, const uint8_t *head, struct mly_entry *out);

#ifdef __cplusplus
}
#endif

#endif
