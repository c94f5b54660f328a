/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mly_status mly_folder_measure(const char *path, size_t *out, struct mly_error *err)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= MLY_FOLDER_PATH)
        return mly_fail(err, MLY_E_IO, "the name of the folder has %zu characters; 1 to %d are possible", n,
                        MLY_FOLDER_PATH - 1);
    *out = n;
    return MLY_OK;
}

/* Makes the folder and those that it lies in. 0 or an error number. */
static int make_folders(const char *path)
{
    char part[MLY_FOLDER_PATH];
    int error = 0;
    for (size_t i = 0; path[i]; i++) {
        part[i] = path[i];
        part[i + 1] = '\0';
        if (path[i] == '/' || (path[i + 1] != '/' && path[i + 1] != '\0'))
            continue;
        if (mkdir(part, S_IRWXU) == 0 || errno == EEXIST)
            error = 0;
        else if (!error) /* the first one says more than "no such folder", which follows from it */
            error = errno;
    }
    return error;
}

/* A link is followed where the user or the system has laid it, not where anybody could have. -1 with errno. */
static int open_folder(const char *path)
{
    struct stat about;
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    const int folder = open(path, flags | O_NOFOLLOW);
    const int error = errno;
    if (folder >= 0)
        return folder;
    if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode) && (about.st_uid == geteuid() || about.st_uid == 0))
        return open(path, flags);
    errno = error;
    return -1;
}

/* Whoever can write there could put answers into the user's maps. */
static enum mly_status check_owner(int folder, const char *path, struct mly_error *err)
{
    struct stat about;
    if (fstat(folder, &about) != 0)
        return mly_fail(err, MLY_E_IO, "%s: %s", path, strerror(errno));
    if (about.st_uid != geteuid())
        return mly_fail(err, MLY_E_IO, "%s belongs to another user", path);
    if (about.st_mode & (S_IWGRP | S_IWOTH))
        return mly_fail(err, MLY_E_IO, "%s can be written by others; forbid that (chmod go-w) or use another folder",
                        path);
    return MLY_OK;
}

enum mly_status mly_folder_open(const char *path, int *out, struct mly_error *err)
{
    int folder = open_folder(path);
    const int error = folder < 0 && errno == ENOENT ? make_folders(path) : 0;
    if (error)
        return mly_fail(err, MLY_E_IO, "%s cannot be made: %s", path, strerror(error));
    if (folder < 0)
        folder = open_folder(path);
    if (folder < 0)
        return mly_fail(err, MLY_E_IO, "%s: %s", path, strerror(errno));
    const enum mly_status status = check_owner(folder, path, err);
    if (status < 0)
        (void)close(folder);
    else
        *out = folder;
    return status;
}
