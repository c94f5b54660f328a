/* SPDX-License-Identifier: MIT */
/* Addresses: those of the services, which users and project files give, and those of next pages, which the service
 * gives. A token travels to them, so libcurl must not read an address as another place than the one that was allowed.
 * Input: the address of a service; and behind a line feed, if there is one, the address of a next page. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "core/request.h"
#include "core/url.h"
#include "fuzz.h"
#include "unit/support/check.h"

static const char secret[] = "t0p-s3cret";

/* The part as libcurl understands it, to be freed by curl_free; NULL: it understands none. */
static char *part_of(CURLU *parsed, CURLUPart what)
{
    char *part = NULL;
    return curl_url_get(parsed, what, &part, 0) == CURLUE_OK ? part : NULL;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

/* What libcurl cannot read is refused when the first request is made. */
static void check_service(const struct mly_url *url)
{
    CURLU *parsed = curl_url();
    assert_non_null(parsed);
    if (curl_url_set(parsed, CURLUPART_URL, url->text, 0) == CURLUE_OK) {
        char *scheme = part_of(parsed, CURLUPART_SCHEME), *host = part_of(parsed, CURLUPART_HOST);
        char *user = part_of(parsed, CURLUPART_USER), *query = part_of(parsed, CURLUPART_QUERY);
        assert_non_null(scheme);
        assert_non_null(host);
        assert_null(user);
        assert_null(query);
        assert_string_equal(scheme, url->scheme == MLY_SCHEME_HTTPS ? "https" : "http");
        if (url->scheme == MLY_SCHEME_HTTP_LOOPBACK)
            assert_true(is_loopback(host));
        curl_free(scheme);
        curl_free(host);
    }
    curl_url_cleanup(parsed);
}

static void check_url(const char *text)
{
    struct mly_url url, again;
    struct mly_error err = {.code = MLY_OK};
    const enum mly_status status = mly_url_parse("TILES_URL", text, &url, &err);
    if (status < 0) {
        assert_int_equal(status, MLY_E_ARG);
        assert_says(err.text, "TILES_URL");
        assert_lacks(err.text, secret); /* wherever in the address it stood */
        return;
    }
    assert_true(strlen(url.text) < sizeof url.text);
    if (url.scheme == MLY_SCHEME_FILE) {
        assert_int_equal(url.text[0], '/');
        return;
    }
    assert_int_equal(mly_url_parse("TILES_URL", url.text, &again, &err), MLY_OK);
    assert_string_equal(again.text, url.text);
    check_service(&url);
}

/* No parameter is a token, whether services read & only or ; too. */
static void check_parameters(const char *query)
{
    while (*query) {
        const size_t n = strcspn(query, "&;"), n_name = strcspn(query, "&;=");
        int n_decoded = 0;
        char *name = curl_easy_unescape(NULL, query, (int)n_name, &n_decoded);
        assert_non_null(name);
        assert_false(n_decoded == 12 && strncasecmp(name, "access_token", 12) == 0);
        curl_free(name);
        query += n + (query[n] != '\0');
    }
}

/* A page that is followed lies at the service, and brings no token of its own. */
static void check_page(const char *service, const char *next)
{
    struct mly_request first, page;
    struct mly_error err = {.code = MLY_OK};
    const struct mly_span name = {.data = (const uint8_t *)"somebody", .size = 8};
    if (mly_request_images_of_creator(service, name, &first, &err) < 0)
        return;
    const struct mly_span address = {.data = (const uint8_t *)next, .size = strlen(next)};
    const enum mly_status status = mly_request_page(service, address, &first, &page, &err);
    if (status < 0) {
        assert_true(status == MLY_E_REMOTE || status == MLY_E_LIMIT);
        assert_lacks(err.text, secret);
        return;
    }
    assert_memory_equal(page.url, service, strlen(service));
    assert_int_equal(page.url[strlen(service)], '/');
    check_parameters(strchr(page.url, '?') + 1);
    assert_lacks(page.key, secret); /* it is shown */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2 * MLY_LIMIT_URL];
    if (size >= sizeof text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    char *next = strchr(text, '\n');
    if (next)
        *next++ = '\0';
    check_url(text);
    if (next)
        check_page("https://graph.example.org", next);
    return 0;
}
