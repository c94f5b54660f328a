/* SPDX-License-Identifier: MIT */
#include "fail_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    size_t n_calls, first, n_refused, last, max_bytes;
    int error;
} state = {.first = SIZE_MAX, .last = SIZE_MAX, .max_bytes = SIZE_MAX};

void fail_disk_reset(void)
{
    state.n_calls = 0;
    state.first = state.last = state.max_bytes = SIZE_MAX;
}

void fail_disk_refuse(size_t first, size_t n, int error)
{
    fail_disk_reset();
    state.first = first;
    state.n_refused = n;
    state.error = error;
}

void fail_disk_die(size_t number)
{
    fail_disk_reset();
    state.last = number;
}

void fail_disk_shorten(size_t max_bytes)
{
    state.max_bytes = max_bytes;
}

size_t fail_disk_count(void)
{
    return state.n_calls;
}

static bool is_refused(void)
{
    const size_t number = state.n_calls++;
    if (number == state.last)
        (void)raise(SIGKILL);
    if (number < state.first || number - state.first >= state.n_refused)
        return false;
    errno = state.error;
    return true;
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & O_CREAT ? (mode_t)va_arg(args, int) : 0;
}

/* The linker gives these names their meaning. NOLINTBEGIN(bugprone-reserved-identifier): --wrap wants them so */
int __real_open(const char *path, int flags, ...);
int __real_openat(int folder, const char *path, int flags, ...);
int __real_fstat(int file, struct stat *out);
int __real_fstatat(int folder, const char *path, struct stat *out, int flags);
int __real_lstat(const char *path, struct stat *out);
int __real_mkdir(const char *path, mode_t mode);
int __real_mkdirat(int folder, const char *path, mode_t mode);
ssize_t __real_readv(int file, const struct iovec *parts, int n_parts);
ssize_t __real_writev(int file, const struct iovec *parts, int n_parts);
ssize_t __real_pread(int file, void *bytes, size_t n, off_t at);
ssize_t __real_pwrite(int file, const void *bytes, size_t n, off_t at);
int __real_fcntl(int file, int command, ...);
int __real_close(int file);
int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __real_unlinkat(int folder, const char *path, int flags);
DIR *__real_fdopendir(int folder);
struct dirent *__real_readdir(DIR *list);

int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_fstat(int file, struct stat *out);
int __wrap_fstatat(int folder, const char *path, struct stat *out, int flags);
int __wrap_lstat(const char *path, struct stat *out);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int folder, const char *path, mode_t mode);
ssize_t __wrap_readv(int file, const struct iovec *parts, int n_parts);
ssize_t __wrap_writev(int file, const struct iovec *parts, int n_parts);
ssize_t __wrap_pread(int file, void *bytes, size_t n, off_t at);
ssize_t __wrap_pwrite(int file, const void *bytes, size_t n, off_t at);
int __wrap_fcntl(int file, int command, ...);
int __wrap_close(int file);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_unlinkat(int folder, const char *path, int flags);
DIR *__wrap_fdopendir(int folder);
struct dirent *__wrap_readdir(DIR *list);

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    return is_refused() ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = mode_of(flags, args);
    va_end(args);
    return is_refused() ? -1 : __real_openat(folder, path, flags, mode);
}

int __wrap_fstat(int file, struct stat *out)
{
    return is_refused() ? -1 : __real_fstat(file, out);
}

int __wrap_fstatat(int folder, const char *path, struct stat *out, int flags)
{
    return is_refused() ? -1 : __real_fstatat(folder, path, out, flags);
}

int __wrap_lstat(const char *path, struct stat *out)
{
    return is_refused() ? -1 : __real_lstat(path, out);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return is_refused() ? -1 : __real_mkdir(path, mode);
}

int __wrap_mkdirat(int folder, const char *path, mode_t mode)
{
    return is_refused() ? -1 : __real_mkdirat(folder, path, mode);
}

/* The first part that has any bytes, and of it no more than is allowed. */
static struct iovec shortened(const struct iovec *parts, int n_parts)
{
    int i = 0;
    while (i + 1 < n_parts && parts[i].iov_len == 0)
        i++;
    struct iovec part = parts[i];
    part.iov_len = part.iov_len < state.max_bytes ? part.iov_len : state.max_bytes;
    return part;
}

ssize_t __wrap_readv(int file, const struct iovec *parts, int n_parts)
{
    const struct iovec part = shortened(parts, n_parts);
    if (is_refused())
        return -1;
    return state.max_bytes < SIZE_MAX ? __real_readv(file, &part, 1) : __real_readv(file, parts, n_parts);
}

ssize_t __wrap_writev(int file, const struct iovec *parts, int n_parts)
{
    const struct iovec part = shortened(parts, n_parts);
    if (is_refused())
        return -1;
    return state.max_bytes < SIZE_MAX ? __real_writev(file, &part, 1) : __real_writev(file, parts, n_parts);
}

static size_t shortened_to(size_t n)
{
    return n < state.max_bytes ? n : state.max_bytes;
}

ssize_t __wrap_pread(int file, void *bytes, size_t n, off_t at)
{
    return is_refused() ? -1 : __real_pread(file, bytes, shortened_to(n), at);
}

ssize_t __wrap_pwrite(int file, const void *bytes, size_t n, off_t at)
{
    return is_refused() ? -1 : __real_pwrite(file, bytes, shortened_to(n), at);
}

/* With a pointer behind the command, as for locks. */
int __wrap_fcntl(int file, int command, ...)
{
    va_list args;
    va_start(args, command);
    void *what = va_arg(args, void *);
    va_end(args);
    return is_refused() ? -1 : __real_fcntl(file, command, what);
}

/* As in Linux, the descriptor is gone also when this fails. */
int __wrap_close(int file)
{
    const bool refused = is_refused();
    const int error = errno, result = __real_close(file);
    if (!refused)
        return result;
    errno = error;
    return -1;
}

int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return is_refused() ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

int __wrap_unlinkat(int folder, const char *path, int flags)
{
    return is_refused() ? -1 : __real_unlinkat(folder, path, flags);
}

DIR *__wrap_fdopendir(int folder)
{
    return is_refused() ? NULL : __real_fdopendir(folder);
}

struct dirent *__wrap_readdir(DIR *list)
{
    return is_refused() ? NULL : __real_readdir(list);
}
/* NOLINTEND(bugprone-reserved-identifier) */
