/* SPDX-License-Identifier: MIT */
#include "recorded.h"

#include <stdio.h>

#include "check.h"

struct bytes recorded_read(const char *name)
{
    char path[1024];
    unsigned char chunk[64 << 10];
    struct bytes out = {.size = 0};
    size_t n;
    (void)snprintf(path, sizeof path, "%s/%s", MLY_RECORDED, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("skipped: no recorded answer %s\n", path);
        skip();
    }
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        bytes_append(&out, chunk, n);
    assert_int_equal(fclose(file), 0);
    return out;
}
