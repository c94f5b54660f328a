/* SPDX-License-Identifier: MIT */
/* Gzipped answers, around the host's inflater: whatever the trailer promises, there are the bytes or a failure.
 * Input: the body. */
#include "core/inflate.h"

#include "core/value.h"
#include "fuzz.h"
#include "unit/support/fail_mem.h"
#include "unit/support/gzip.h"

enum { CEILING = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail_mem mem;
    struct mly_response response = {.http = 200};
    if (size > CEILING)
        return 0;
    fail_mem_init(&mem);
    mly_buf_init(&response.body, &mem.mem, CEILING);
    assert_status(mly_buf_append(&response.body, data, size), MLY_OK, NULL);
    mly_inflate_body(gzip_unstore, &response);
    const bool is_gzip = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    if (response.status < 0) {
        assert_true(is_gzip);
        assert_true(response.status == MLY_E_CORRUPT || response.status == MLY_E_LIMIT);
        assert_int_equal(response.body.size, 0);
        assert_int_not_equal(response.why[0], '\0');
    } else if (!is_gzip) {
        assert_span(mly_buf_view(&response.body), data, size);
    } else {
        assert_true(response.body.size <= CEILING);
        (void)mly_value_hash(0, response.body.data, response.body.size);
    }
    mly_transport_fini_response(&response);
    assert_nothing_leaks(&mem);
    return 0;
}
