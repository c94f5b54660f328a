/* SPDX-License-Identifier: MIT */
/* folder.h — a folder of the user's own, for what processes share: made if it is missing, refused if others could write
 * to it.
 * Owner: the caller closes the descriptor. Threads: any. */
#ifndef MLY_FOLDER_H
#define MLY_FOLDER_H

#include <stddef.h>

#include "core/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MLY_FOLDER_PATH = 4096 }; /* Linux takes no longer ones, the end included */

/* The length of a path without the slashes at its end: with one behind it, a link is always followed. MLY_E_IO: the
 * path is empty, or longer than the system takes. */
enum mly_status mly_folder_measure(const char *path, size_t *out, struct mly_error *err);

/* Opens the folder, which is made with mode 0700 when it is missing, and those that it lies in with it. `path` has the
 * length that _measure says. MLY_E_IO: it cannot be made, or is somebody else's, or others may write there. */
enum mly_status mly_folder_open(const char *path, int *out, struct mly_error *err);

#ifdef __cplusplus
}
#endif

#endif
