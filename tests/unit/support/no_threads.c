/* SPDX-License-Identifier: MIT */
#include "no_threads.h"

#include <errno.h>
#include <pthread.h>

typedef void *start_fn(void *);

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): see there */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, start_fn *start, void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, start_fn *start, void *arg);

static bool has_none;

void no_threads(bool are_there_none)
{
    has_none = are_there_none;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, start_fn *start, void *arg)
{
    return has_none ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
