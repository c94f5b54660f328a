/* SPDX-License-Identifier: MIT */
#include "core/url.h"

#include <string.h>

#include "support/check.h"

static void accepts(const char *text, enum mly_scheme scheme, const char *kept)
{
    struct mly_url url;
    struct mly_error err = {.code = MLY_OK};
    assert_status(mly_url_parse("TILES_URL", text, &url, &err), MLY_OK, &err);
    assert_int_equal(url.scheme, scheme);
    assert_string_equal(url.text, kept);
}

static void refuses(const char *text)
{
    struct mly_url url;
    struct mly_error err = {.code = MLY_OK};
    const enum mly_status status = mly_url_parse("TILES_URL", text, &url, &err);
    if (status != MLY_E_ARG)
        print_error("'%s' is accepted\n", text);
    assert_status(status, MLY_E_ARG, &err);
    assert_says(err.text, "TILES_URL");
}

static void the_service_s_own_addresses_pass(void **state)
{
    (void)state;

    accepts("https://tiles.mapillary.com", MLY_SCHEME_HTTPS, "https://tiles.mapillary.com");
    accepts("https://graph.mapillary.com/", MLY_SCHEME_HTTPS, "https://graph.mapillary.com");
}

static void ports_paths_and_addresses_pass_over_https(void **state)
{
    (void)state;

    accepts("https://example.org:8443", MLY_SCHEME_HTTPS, "https://example.org:8443");
    accepts("https://example.org/a/b-c_d.e~f%20g", MLY_SCHEME_HTTPS, "https://example.org/a/b-c_d.e~f%20g");
    accepts("https://example.org:1/a//", MLY_SCHEME_HTTPS, "https://example.org:1/a");
    accepts("https://example.org:65535", MLY_SCHEME_HTTPS, "https://example.org:65535");
    accepts("https://192.0.2.1", MLY_SCHEME_HTTPS, "https://192.0.2.1");
    accepts("https://[2001:db8::1]:443/x", MLY_SCHEME_HTTPS, "https://[2001:db8::1]:443/x");
}

static void plain_http_reaches_this_machine(void **state)
{
    (void)state;

    accepts("http://localhost", MLY_SCHEME_HTTP_LOOPBACK, "http://localhost");
    accepts("http://localhost:8080/tiles/", MLY_SCHEME_HTTP_LOOPBACK, "http://localhost:8080/tiles");
    accepts("http://127.0.0.1:34567", MLY_SCHEME_HTTP_LOOPBACK, "http://127.0.0.1:34567");
    accepts("http://127.255.254.253", MLY_SCHEME_HTTP_LOOPBACK, "http://127.255.254.253");
    accepts("http://[::1]:8000", MLY_SCHEME_HTTP_LOOPBACK, "http://[::1]:8000");
}

static void this_machine_is_known_whatever_the_scheme(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_loopback;
    } cases[] = {
        {"https://localhost:8443/x", true}, {"http://127.0.0.1:1", true},
        {"https://127.1.2.3", true},        {"https://[::1]", true},
        {"https://tiles.example", false},   {"https://localhost.example", false},
        {"https://128.0.0.1", false},       {"file:///localhost/tiles", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mly_url url;
        assert_status(mly_url_parse("TILES_URL", cases[i].text, &url, NULL), MLY_OK, NULL);
        assert_int_equal(url.is_loopback, cases[i].is_loopback);
    }
}

static void plain_http_reaches_no_other_machine(void **state)
{
    (void)state;
    static const char *const others[] = {
        "http://tiles.mapillary.com",
        "http://192.168.0.1",
        "http://10.0.0.1:8080",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::2]",
        "http://[::1:1]",
        "http://[::ffff:7f00:1]",
        "http://localhost.example.org",
        "http://localhost.",
        "http://localhosts",
        "http://xlocalhost",
        "http://LOCALHOST",
        "http://localhost-",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1.evil.com:80/x",
        "http://127.0.0.1-example.org",
        "http://127example.org",
    };

    for (size_t i = 0; i < COUNT(others); i++)
        refuses(others[i]);
}

static void this_machine_s_address_has_one_spelling(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "http://127.1",
        "http://127.0.1",
        "http://127",
        "http://2130706433",
        "http://0x7f.1",
        "http://0x7f000001",
        "http://0177.0.0.1",
        "http://127.0.0.256",
        "http://127.0.0.1000",
        "http://127.0.0.0x1",
        "http://127.0.0.",
        "http://127.0.0",
        "http://127..0.1",
        "http://127.0.0.1.",
        "http://127.0.0.1.1",
        "http://.127.0.0.1",
        "http://127.0.0.08",
        "http://127.0.0.09",
        "http://127.00.0.1",
        "http://127.0.0.99999999999",
        "http://127.0.0.-1",
        "http://[::0001]",
        "http://[0:0:0:0:0:0:0:1]",
    };

    for (size_t i = 0; i < COUNT(odd); i++)
        refuses(odd[i]);
}

static void nobody_s_name_stands_before_the_host(void **state)
{
    (void)state;
    static const char *const with_user[] = {
        "https://user@tiles.mapillary.com",
        "https://user:secret@tiles.mapillary.com",
        "https://tiles.mapillary.com@example.org",
        "http://localhost@example.org",
        "http://127.0.0.1:80@example.org",
        "http://localhost:80@example.org/",
        "http://[::1]@example.org",
        "https://example.org/@path",
        "https://@example.org",
    };

    for (size_t i = 0; i < COUNT(with_user); i++)
        refuses(with_user[i]);
}

static void queries_fragments_and_odd_characters_are_refused(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "https://example.org?x=1",
        "https://example.org/?x=1",
        "https://example.org/a?",
        "https://example.org#f",
        "https://example.org/a#",
        "https://example.org\\a",
        "https://example.org/a\\b",
        "http://127.0.0.1\\.evil.com",
        "https://exa mple.org",
        "https://example.org/a b",
        "https://example.org/ ",
        " https://example.org",
        "https://example.org\n",
        "https://example.org/\r\nHost: evil",
        "https://example.org/\t",
        "https://example.org/\x7f",
        "https://example.org/\x01",
        "https://example.org/\xc3\xa4",
        "https://ex\xc3\xa4mple.org",
        "https://example.org/<b>",
        "https://example.org/\"",
        "https://example.org/{a}",
        "https://example.org/a|b",
        "https://example.org/a^b",
        "https://example.org/a`b",
        "https://exam_ple.org",
        "https://example.org,evil.com",
        "https://example.org;evil.com",
        "https://exa%6dple.org",
        "https://[::1",
        "https://[::1]evil.com",
        "https://[fe80::1%25eth0]",
        "https://]",
    };

    for (size_t i = 0; i < COUNT(odd); i++)
        refuses(odd[i]);
}

static void a_port_is_a_number(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "https://example.org:",
        "https://example.org:/x",
        "https://example.org:a",
        "https://example.org:80a",
        "https://example.org:-1",
        "https://example.org:+80",
        "https://example.org:123456",
        "https://example.org:80:81",
        "https://example.org:65536",
        "https://example.org:99999",
        "https://example.org:0",
        "http://localhost: 80",
        "http://[::1]:",
        "http://127.0.0.1:0x50",
    };

    for (size_t i = 0; i < COUNT(odd); i++)
        refuses(odd[i]);
}

static void only_three_schemes_exist(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "/",
        "tiles.mapillary.com",
        "//tiles.mapillary.com",
        "ftp://example.org",
        "HTTPS://example.org",
        "https:",
        "https:/",
        "https://",
        "https:///path",
        "https://:443",
        "https:example.org",
        "http://",
        "http:///",
        "http://:80",
        "javascript:1",
        "vsicurl/https://x",
        "/data/tiles",
        "file:",
        "file:/a",
        "gopher://localhost",
        "httpss://example.org",
        "data:,x",
    };

    for (size_t i = 0; i < COUNT(odd); i++)
        refuses(odd[i]);
}

static void a_file_address_becomes_its_folder(void **state)
{
    (void)state;

    accepts("file:///data/tiles", MLY_SCHEME_FILE, "/data/tiles");
    accepts("file:///data/tiles///", MLY_SCHEME_FILE, "/data/tiles");
    accepts("file:///with%20space/100%25/%C3%A4", MLY_SCHEME_FILE, "/with space/100%/\xc3\xa4");
    accepts("file:///%c3%a4", MLY_SCHEME_FILE, "/\xc3\xa4");
}

static void a_file_address_names_an_absolute_folder_of_this_machine(void **state)
{
    (void)state;

    refuses("file://data/tiles");
    refuses("file://example.org/data");
    refuses("file://./data");
}

static void a_broken_escape_is_refused(void **state)
{
    (void)state;

    refuses("file:///a%");
    refuses("file:///a%2");
    refuses("file:///a%zz");
    refuses("file:///a%2g");
    refuses("file:///a%00b");
    refuses("file:///%%20");
}

static void an_address_that_is_too_long_is_refused_and_the_longest_is_not(void **state)
{
    (void)state;
    static const char *const beginnings[] = {"https://example.org/", "file:///"};
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        char text[MLY_LIMIT_ADDRESS + 1];
        struct mly_url url;
        memset(text, 'a', sizeof text);
        memcpy(text, beginnings[i], strlen(beginnings[i]));

        text[MLY_LIMIT_ADDRESS] = '\0';
        refuses(text);
        text[MLY_LIMIT_ADDRESS - 1] = '\0';
        assert_status(mly_url_parse("TILES_URL", text, &url, NULL), MLY_OK, NULL);
    }
}

static void an_address_may_hold_a_secret_so_no_message_repeats_it(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "https://user:hunter2@example.org",
        "https://example.org/?access_token=hunter2",
        "http://hunter2.example.org",
        "hunter2",
        "file://hunter2",
        "file:///hunter2%",
        "https://example.org:hunter2",
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct mly_url url;
        struct mly_error err = {.code = MLY_OK};

        assert_status(mly_url_parse("GRAPH_URL", odd[i], &url, &err), MLY_E_ARG, NULL);

        assert_lacks(err.text, "hunter2");
        assert_says(err.text, "GRAPH_URL");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_s_own_addresses_pass),
        cmocka_unit_test(ports_paths_and_addresses_pass_over_https),
        cmocka_unit_test(plain_http_reaches_this_machine),
        cmocka_unit_test(this_machine_is_known_whatever_the_scheme),
        cmocka_unit_test(plain_http_reaches_no_other_machine),
        cmocka_unit_test(this_machine_s_address_has_one_spelling),
        cmocka_unit_test(nobody_s_name_stands_before_the_host),
        cmocka_unit_test(queries_fragments_and_odd_characters_are_refused),
        cmocka_unit_test(a_port_is_a_number),
        cmocka_unit_test(only_three_schemes_exist),
        cmocka_unit_test(a_file_address_becomes_its_folder),
        cmocka_unit_test(a_file_address_names_an_absolute_folder_of_this_machine),
        cmocka_unit_test(a_broken_escape_is_refused),
        cmocka_unit_test(an_address_that_is_too_long_is_refused_and_the_longest_is_not),
        cmocka_unit_test(an_address_may_hold_a_secret_so_no_message_repeats_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
