/* SPDX-License-Identifier: MIT */
#include "url.h"

#include <stddef.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Strictly 127.d.d.d: shorter and hexadecimal spellings mean different things to different resolvers. */
static bool is_loopback_address(const char *host, size_t n)
{
    if (n < 4 || memcmp(host, "127.", 4) != 0)
        return false;
    size_t at = 4;
    for (int part = 0; part < 3; part++) {
        unsigned value = 0;
        size_t digits = 0;
        while (at < n && digits < 4 && is_digit(host[at])) {
            value = value * 10 + (unsigned)(host[at++] - '0');
            digits++;
        }
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && host[at - digits] == '0')) /* octal, to some */
            return false;
        if (part < 2 && (at == n || host[at++] != '.'))
            return false;
    }
    return at == n;
}

static bool is_loopback(const char *host, size_t n)
{
    return (n == 9 && memcmp(host, "localhost", 9) == 0) || (n == 5 && memcmp(host, "[::1]", 5) == 0) ||
           is_loopback_address(host, n);
}

/* Letters, digits, dot, hyphen, or an address in brackets: enough for any service, nothing that two parsers could read
 * differently. */
static size_t host_length(const char *host)
{
    if (*host == '[') {
        const size_t inside = strspn(host + 1, "0123456789abcdefABCDEF:");
        return host[inside + 1] == ']' ? inside + 2 : 0;
    }
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
}

static bool is_port(const char *port, size_t n)
{
    unsigned long number = 0;
    if (n < 1 || n > 5 || strspn(port, "0123456789") < n)
        return false;
    for (size_t i = 0; i < n; i++)
        number = number * 10 + (unsigned long)(port[i] - '0');
    return number >= 1 && number <= 65535;
}

static bool has_only_plain_characters(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("@?#\\\"<>|{}^`", *c))
            return false;
    }
    return true;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)((found - digits) % 16) : -1;
}

/* In place: the result is never longer. */
static bool decode_escapes(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            const int high = hex_digit(from[1]);
            const int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || high * 16 + low == 0)
                return false;
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return true;
}

static enum mly_status parse_file(const char *name, struct mly_url *url, struct mly_error *err)
{
    const char *folder = url->text + strlen("file://");
    url->scheme = MLY_SCHEME_FILE;
    if (*folder != '/')
        return mly_fail(err, MLY_E_ARG, "%s: a file address is file:// and an absolute path, e.g. file:///data/tiles",
                        name);
    memmove(url->text, folder, strlen(folder) + 1);
    if (!decode_escapes(url->text))
        return mly_fail(err, MLY_E_ARG, "%s: a per cent sign that begins no escape (write it as %%25)", name);
    return MLY_OK;
}

static enum mly_status parse_host(const char *name, struct mly_url *url, struct mly_error *err)
{
    const bool secure = starts_with(url->text, "https://");
    const char *host = url->text + (secure ? strlen("https://") : strlen("http://"));
    const size_t n_host = host_length(host);
    const char *rest = host + n_host;
    if (n_host == 0 || !has_only_plain_characters(rest))
        return mly_fail(err, MLY_E_ARG, "%s: not a plain address; the form is https://host[:port][/path]", name);
    if (*rest == ':') {
        const size_t n_port = strcspn(rest + 1, "/");
        if (!is_port(rest + 1, n_port))
            return mly_fail(err, MLY_E_ARG,
                            "%s: the port is no number from 1 to 65535; the form is https://host[:port][/path]", name);
        rest += 1 + n_port;
    }
    if (*rest != '\0' && *rest != '/')
        return mly_fail(err, MLY_E_ARG, "%s: not a plain address; the form is https://host[:port][/path]", name);
    if (!secure && !is_loopback(host, n_host))
        return mly_fail(err, MLY_E_ARG,
                        "%s: plain http is for this machine only (the token would be readable on the "
                        "way); use https://",
                        name);
    url->is_loopback = is_loopback(host, n_host);
    url->scheme = secure ? MLY_SCHEME_HTTPS : MLY_SCHEME_HTTP_LOOPBACK;
    return MLY_OK;
}

enum mly_status mly_url_parse(const char *name, const char *text, struct mly_url *out, struct mly_error *err)
{
    memset(out, 0, sizeof *out);
    size_t n = strlen(text);
    if (n >= sizeof out->text)
        return mly_fail(err, MLY_E_ARG, "%s: longer than %zu characters; use a shorter address", name,
                        sizeof out->text - 1);
    while (n > 0 && text[n - 1] == '/')
        n--;
    memcpy(out->text, text, n);
    out->text[n] = '\0';

    if (starts_with(text, "file://"))
        return parse_file(name, out, err);
    if (starts_with(text, "https://") || starts_with(text, "http://"))
        return parse_host(name, out, err);
    return mly_fail(err, MLY_E_ARG, "%s: must begin with https://, file:// or, on this machine only, http://", name);
}
