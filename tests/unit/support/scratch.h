/* SPDX-License-Identifier: MIT */
/* scratch.h — a folder for one test, and files in it.
 * Owner: the test; scratch_remove takes all of it away. Threads: one. */
#ifndef MLY_TEST_SCRATCH_H
#define MLY_TEST_SCRATCH_H

#include "bytes.h"
#include "check.h"

enum { SCRATCH_PATH = 512 };

struct scratch {
    char path[SCRATCH_PATH];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(const struct scratch *scratch);

/* "FOLDER/NAME" */
struct scratch scratch_at(const char *folder, const char *name);

/* The folder that a file lies in is made if it is missing. */
void scratch_write(const char *path, struct mly_span content);
void scratch_write_text(const char *path, const char *text);

/* The caller frees the bytes. */
struct bytes scratch_read(const char *path);

bool scratch_exists(const char *path); /* a link exists even if it leads nowhere */
unsigned scratch_mode(const char *path);

/* The time of writing, in seconds since 1970. */
void scratch_set_time(const char *path, int64_t seconds);

/* How many things below the folder, links and folders among them, have a name that ends so. */
size_t scratch_count(const char *folder, const char *suffix);

/* Whether the bytes of `text` stand in any file below the folder. */
bool scratch_holds(const char *folder, const char *text);

/* How many descriptors the process has open. */
size_t scratch_count_open(void);

#endif
