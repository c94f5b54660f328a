/* SPDX-License-Identifier: MIT */
/* The head of an answer, line by line: what is kept of it can be waited for, and sent back without harm.
 * Input: the lines, ended by line feeds. */
#include <string.h>

#include "fuzz.h"
#include "io/header.h"
#include "unit/support/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mly_response response = {.ticket = 1};
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        const size_t n = end ? (size_t)(end - data) - at + 1 : size - at;
        mly_header_read((struct mly_span){.data = data + at, .size = n}, &response);
        at += n;
    }
    assert_true(response.retry_after_ms <= 4000000000u && response.retry_after_ms % 1000 == 0);
    assert_non_null(memchr(response.validator, '\0', sizeof response.validator));
    assert_true(!response.validator[0] || mly_transport_is_validator(response.validator));
    assert_null(strpbrk(response.validator, "\r\n"));
    assert_true(!response.validator[0] || strncmp(response.validator, "If-", 3) == 0);
    return 0;
}
