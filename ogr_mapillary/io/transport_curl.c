/* SPDX-License-Identifier: MIT */
/* The only file that knows libcurl, and the only place that holds the tokens. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "io/clock.h"
#include "io/header.h"
#include "io/transports.h"

struct curl;

/* Whoever polls on and on is back by then. */
enum { A_MOMENT_MS = 20 };

/* One request on its way. */
struct call {
    struct call *next;
    struct curl *curl;
    bool is_paused;
    bool is_finished; /* with `code`, but not yet handed out */
    CURLcode code;
    uint64_t used_ms; /* of its time-out: while it was waited for, and not paused */
    enum mly_request_kind kind;
    CURL *easy; /* NULL: answered unsent, for want of a token */
    struct mly_response response;
    enum mly_status trouble;    /* why the write callback gave up: MLY_E_LIMIT or MLY_E_NOMEM */
    struct curl_slist *headers; /* its own, with a validator; NULL: those of its kind */
    size_t n_headers;
    char why[CURL_ERROR_SIZE];
};

struct curl {
    struct mly_transport base;
    struct mly_curl_options options; /* texts point into `texts` */
    const struct mly_mem *mem;
    CURLM *multi;
    struct curl_slist *headers[MLY_SERVICES];
    struct call *calls;
    size_t arriving_bytes;             /* of all bodies of calls */
    size_t held_bytes;                 /* of those that wait for their turn elsewhere */
    uint64_t seen_ms;                  /* when time was counted last */
    char *escaped_token[MLY_SERVICES]; /* as it stands in a query: libcurl's memory; NULL without a token */
    char *texts[6 + 2 * MLY_SERVICES]; /* copies of the options' texts */
    size_t n_texts;
};

/* ---- what libcurl calls ---- */

static bool is_oldest(const struct call *call)
{
    const struct call *other = call->curl->calls;
    while (other && other->response.ticket >= call->response.ticket)
        other = other->next;
    return !other;
}

/* With room for as many bytes as the head of the answer promises, if it does. */
static enum mly_status append(struct call *call, const char *bytes, size_t n)
{
    curl_off_t length = -1;
    if (curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK && length > 0)
        MLY_TRY(mly_buf_expect(&call->response.body, (size_t)length));
    return mly_buf_append(&call->response.body, bytes, n);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct call *call = ctx;
    const size_t n_bytes = size * n;
    const size_t there = call->curl->arriving_bytes + call->curl->held_bytes;
    if (there + n_bytes > MLY_LIMIT_ARRIVING_BYTES && !is_oldest(call)) {
        call->is_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    const enum mly_status status = append(call, bytes, n_bytes);
    if (status == MLY_OK) {
        call->curl->arriving_bytes += n_bytes;
        return n_bytes;
    }
    call->trouble = status;
    return 0; /* ends the transfer */
}

/* Some bytes have left, or another call has become the oldest. */
static void resume_paused(const struct curl *curl)
{
    for (struct call *call = curl->calls; call; call = call->next) {
        if (call->is_paused) {
            call->is_paused = false;
            (void)curl_easy_pause(call->easy, CURLPAUSE_CONT); /* may pause it again */
        }
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct call *call = ctx;
    const struct mly_span header = {.data = (const uint8_t *)line, .size = size * n};
    if (call->n_headers++ < MLY_LIMIT_HEADERS)
        mly_header_read(header, &call->response);
    return header.size;
}

/* ---- secrets ---- */

static void blot(char *text, const char *secret)
{
    for (char *found = strstr(text, secret); found; found = strstr(found, secret))
        memset(found, '*', strlen(secret));
}

/* What stands before the @ of an address: libcurl repeats a proxy's that it does not understand, password and all. */
static void blot_users(char *text)
{
    for (char *at = strstr(text, "://"); at; at = strstr(at + 3, "://")) {
        const size_t n = strcspn(at + 3, "@/ '\"");
        if (at[3 + n] == '@')
            memset(at + 3, '*', n);
    }
}

/* The token as it is, as it stands in a query, and the part behind its last bar: that is the secret one, and no
 * spelling of the bars before it can hide it. */
static void blot_token(char *text, const char *token, const char *escaped)
{
    const char *bar = strrchr(token, '|');
    blot(text, token);
    if (escaped)
        blot(text, escaped);
    if (bar && bar[1])
        blot(text, bar + 1);
}

/* The tokens of all services, whichever had a part in the text: one may repeat what another was sent. */
static void mask(struct mly_transport *t, char *text)
{
    const struct curl *curl = (struct curl *)t;
    blot_users(text);
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        if (curl->options.services[kind].token)
            blot_token(text, curl->options.services[kind].token, curl->escaped_token[kind]);
    }
}

/* ---- requests ---- */

static CURLcode set_limits(const struct curl *curl, CURL *easy)
{
    const struct mly_curl_options *o = &curl->options;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L); /* a library must not touch signals */
#if LIBCURL_VERSION_NUM >= 0x075700
    if (code == CURLE_OK) /* a read that is cancelled does not wait for the resolver's thread */
        code = curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (code == CURLE_OK) /* less work than by libcurl's 16 KB (tests/bench/RESULTS.md); 64 of them are 4 MB */
        code = curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L << 10);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)o->low_speed_time_s);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)o->low_speed_bytes_s);
    return code;
}

static long http_version(const char *name)
{
    static const struct {
        const char *name;
        long version;
    } versions[] = {
        {"1.0", CURL_HTTP_VERSION_1_0},
        {"1.1", CURL_HTTP_VERSION_1_1},
        {"2", CURL_HTTP_VERSION_2},
        {"2TLS", CURL_HTTP_VERSION_2TLS},
    };
    for (size_t i = 0; name && i < sizeof versions / sizeof versions[0]; i++) {
        if (strcmp(name, versions[i].name) == 0)
            return versions[i].version;
    }
    return CURL_HTTP_VERSION_2TLS;
}

static CURLcode set_text(CURL *easy, CURLoption option, const char *text)
{
    return text ? curl_easy_setopt(easy, option, text) : CURLE_OK;
}

static CURLcode set_way(const struct curl *curl, CURL *easy, enum mly_request_kind kind)
{
    const struct mly_curl_options *o = &curl->options;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(o->http_version));
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, o->verify_tls ? 1L : 0L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, o->verify_tls ? 2L : 0L);
    if (code == CURLE_OK)
        code = set_text(easy, CURLOPT_CAINFO, o->ca_bundle);
    if (code == CURLE_OK)
        code = set_text(easy, CURLOPT_CAPATH, o->ca_path);
    if (code == CURLE_OK)
        code = set_text(easy, CURLOPT_PROXY, o->proxy);
    if (code == CURLE_OK)
        code = set_text(easy, CURLOPT_PROXYUSERPWD, o->proxy_user_password);
    if (code == CURLE_OK && o->services[kind].is_loopback)
        code = curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    return code;
}

/* Gzip is asked for and left alone by libcurl: mly_inflate_body is four times faster (see limits.h for its ceiling). */
static CURLcode set_handlers(const struct curl *curl, struct call *call, enum mly_request_kind kind)
{
    CURL *easy = call->easy;
    const struct curl_slist *headers = call->headers ? call->headers : curl->headers[kind];
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (code == CURLE_OK)
        code = set_text(easy, CURLOPT_USERAGENT, curl->options.user_agent);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    return code;
}

/* The token of tile requests goes into the query: a header is answered with 403 (API.md 1.4). The Graph takes a header,
 * which no log of addresses keeps (API.md 2.1). */
static CURLcode set_url(const struct curl *curl, CURL *easy, const struct mly_request *req)
{
    char full[MLY_LIMIT_URL + 3 * MLY_LIMIT_TOKEN + 32]; /* escaping takes three characters for one */
    if (req->kind == MLY_REQUEST_GRAPH)
        return curl_easy_setopt(easy, CURLOPT_URL, req->url);
    const int n = snprintf(full, sizeof full, "%s?access_token=%s", req->url, curl->escaped_token[MLY_REQUEST_TILE]);
    if (n < 0 || (size_t)n >= sizeof full)
        return CURLE_URL_MALFORMAT;
    return curl_easy_setopt(easy, CURLOPT_URL, full);
}

/* The headers of its kind, and the validator. */
static CURLcode make_headers_of(const struct curl *curl, struct call *call, const struct mly_request *req)
{
    if (!mly_transport_is_validator(req->validator))
        return CURLE_OK;
    struct curl_slist *last = call->headers = curl_slist_append(NULL, req->validator);
    for (const struct curl_slist *header = curl->headers[req->kind]; header && last; header = header->next)
        last = curl_slist_append(call->headers, header->data);
    return last ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static CURLcode prepare(const struct curl *curl, struct call *call, const struct mly_request *req)
{
    CURLcode code = set_limits(curl, call->easy);
    if (code == CURLE_OK)
        code = make_headers_of(curl, call, req);
    if (code == CURLE_OK)
        code = set_way(curl, call->easy, req->kind);
    if (code == CURLE_OK)
        code = set_handlers(curl, call, req->kind);
    return code == CURLE_OK ? set_url(curl, call->easy, req) : code;
}

static void free_call(const struct curl *curl, struct call *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    mly_transport_fini_response(&call->response);
    curl->mem->release(curl->mem->ctx, call);
}

static enum mly_status start(struct curl *curl, struct call *call, const struct mly_request *req, struct mly_error *err)
{
    call->easy = curl_easy_init();
    if (!call->easy)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    const CURLcode code = prepare(curl, call, req);
    if (code != CURLE_OK)
        return mly_fail(err, code == CURLE_OUT_OF_MEMORY ? MLY_E_NOMEM : MLY_E_ARG, "a request cannot be made: %s",
                        curl_easy_strerror(code));
    const CURLMcode added = curl_multi_add_handle(curl->multi, call->easy);
    if (added != CURLM_OK)
        return mly_fail(err, MLY_E_NOMEM, "a request cannot be started: %s", curl_multi_strerror(added));
    return MLY_OK;
}

static enum mly_status submit(struct mly_transport *t, const struct mly_request *req, struct mly_error *err)
{
    struct curl *curl = (struct curl *)t;
    struct call *call = curl->mem->alloc(curl->mem->ctx, sizeof *call);
    if (!call)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for a request");
    *call = (struct call){.curl = curl, .kind = req->kind, .response = {.ticket = req->ticket, .attempts = 1}};
    mly_buf_init(&call->response.body, curl->mem, req->max_bytes);
    if (curl->escaped_token[req->kind]) { /* else poll answers at once */
        const enum mly_status status = start(curl, call, req, err);
        if (status < 0) {
            free_call(curl, call);
            return status;
        }
    }
    call->next = curl->calls;
    curl->calls = call;
    return MLY_OK;
}

/* ---- answers ---- */

/* Whether another attempt may come out better. Certificates and ceilings stay what they are. */
static enum mly_status status_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return MLY_OK;
    case CURLE_OUT_OF_MEMORY:
        return MLY_E_NOMEM;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return MLY_E_REMOTE;
    default:
        return MLY_E_NETWORK;
    }
}

static void explain(struct call *call, CURLcode code)
{
    static const char lasting[] =
        "; set the certificates (CURL_CA_BUNDLE), the proxy (GDAL_HTTP_PROXY) or the address right";
    struct mly_response *response = &call->response;
    response->status = call->trouble < 0 ? call->trouble : status_of(code);
    if (call->trouble == MLY_E_LIMIT)
        (void)snprintf(response->why, sizeof response->why,
                       "the answer is larger than its ceiling of %zu bytes; please report it", response->body.limit);
    else if (call->trouble == MLY_E_NOMEM)
        (void)snprintf(response->why, sizeof response->why, "out of memory for the answer");
    else if (code != CURLE_OK)
        (void)snprintf(response->why, sizeof response->why, "%s%s%s%s", curl_easy_strerror(code),
                       call->why[0] ? ": " : "", call->why, response->status == MLY_E_REMOTE ? lasting : "");
    if (response->status < 0)
        mly_buf_fini(&response->body);
}

static void unlink_call(struct curl *curl, const struct call *call)
{
    struct call **link = &curl->calls;
    while (*link && *link != call)
        link = &(*link)->next;
    if (*link)
        *link = call->next;
}

/* What leads to a call that is not sent; it leads to NULL if all are. */
static struct call **find_unsent(struct curl *curl)
{
    struct call **link = &curl->calls;
    while (*link && (*link)->easy)
        link = &(*link)->next;
    return link;
}

static void finish(struct curl *curl, struct call *call, CURLcode code, struct mly_response *out)
{
    long http = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http);
    (void)curl_multi_remove_handle(curl->multi, call->easy);
    call->response.http = (int)http;
    curl->arriving_bytes -= call->response.body.size;
    explain(call, code);
    mly_inflate_body(curl->options.inflate, &call->response);
    mask(&curl->base, call->response.why);
    *out = call->response;
    call->response = (struct mly_response){.ticket = 0}; /* moved */
    unlink_call(curl, call);
    free_call(curl, call);
    resume_paused(curl);
}

static void answer_without_token(struct curl *curl, struct call **link, struct mly_response *out)
{
    struct call *call = *link;
    *out = call->response;
    call->response = (struct mly_response){.ticket = 0}; /* moved */
    out->status = MLY_E_AUTH;
    static const char none[] =
        "no access token for this service. Get one at https://www.mapillary.com/dashboard/developers and set "
        "it with the configuration option or environment variable MAPILLARY_ACCESS_TOKEN, or with the open "
        "option ACCESS_TOKEN or ACCESS_TOKEN_FILE";
    const char *withheld = curl->options.services[call->kind].withheld;
    (void)snprintf(out->why, sizeof out->why, "%s", withheld ? withheld : none);
    *link = call->next;
    free_call(curl, call);
    resume_paused(curl);
}

static void note_finished(struct curl *curl)
{
    int n_left = 0;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(curl->multi, &n_left)) != NULL) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        const CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct call *call = (void *)private;
        call->is_finished = true;
        call->code = code;
    }
}

/* Whether there is room for what the answer takes once it is inflated, which can be a thousand times what has come. The
 * oldest is what a reader waits for, and always fits. */
static bool fits(const struct call *call)
{
    const size_t there = call->curl->arriving_bytes + call->curl->held_bytes - call->response.body.size;
    const size_t size = mly_inflate_size(&call->response.body);
    return size <= call->response.body.size || there + size <= MLY_LIMIT_ARRIVING_BYTES || is_oldest(call);
}

/* The oldest of those that have come and fit. */
static bool take_finished(struct curl *curl, struct mly_response *out)
{
    struct call *oldest = NULL;
    for (struct call *call = curl->calls; call; call = call->next) {
        if (call->is_finished && fits(call) && (!oldest || call->response.ticket < oldest->response.ticket))
            oldest = call;
    }
    if (!oldest)
        return false;
    finish(curl, oldest, oldest->code, out);
    return true;
}

/* ---- time ---- */

/* What has passed since it was looked at last. Nobody polls for a while where the reader takes its time. */
static uint64_t lap(struct curl *curl)
{
    const struct mly_clock *clock = mly_clock_system();
    const uint64_t at = clock->now_ms(clock->ctx), ms = at - curl->seen_ms;
    curl->seen_ms = at;
    return ms;
}

static bool counts(const struct curl *curl, const struct call *call)
{
    return curl->options.timeout_ms > 0 && !call->is_paused && !call->is_finished;
}

/* libcurl's own time-out would go on while a transfer is paused, and while nobody polls: that is the reader's time, not
 * the service's, and must cost no attempt. */
static void count_time(const struct curl *curl, uint64_t ms)
{
    for (struct call *call = curl->calls; call; call = call->next) {
        if (counts(curl, call))
            call->used_ms += ms;
    }
}

static void end_overdue(const struct curl *curl)
{
    const uint32_t most = curl->options.timeout_ms;
    for (struct call *call = curl->calls; call; call = call->next) {
        if (!counts(curl, call) || call->used_ms < most)
            continue;
        call->is_finished = true;
        call->code = CURLE_OPERATION_TIMEDOUT;
        (void)snprintf(call->why, sizeof call->why, "no whole answer in %u ms, but %zu bytes", most,
                       call->response.body.size);
    }
}

/* How long a poll may wait before another time-out is over. */
static uint32_t time_left(const struct curl *curl, uint32_t ms)
{
    const uint32_t most = curl->options.timeout_ms;
    for (const struct call *call = curl->calls; call; call = call->next) {
        const uint64_t left = call->used_ms < most ? most - call->used_ms : 0;
        if (counts(curl, call) && left < ms)
            ms = (uint32_t)left;
    }
    return ms;
}

static enum mly_status multi_failed(CURLMcode code, struct mly_error *err)
{
    return mly_fail(err, code == CURLM_OUT_OF_MEMORY ? MLY_E_NOMEM : MLY_E_NETWORK, "libcurl: %s",
                    curl_multi_strerror(code));
}

static CURLMcode wait(struct curl *curl, uint32_t timeout_ms)
{
    const CURLMcode code = curl_multi_poll(curl->multi, NULL, 0, (int)time_left(curl, timeout_ms), NULL);
    count_time(curl, lap(curl));
    return code;
}

static enum mly_status poll(struct mly_transport *t, uint32_t timeout_ms, struct mly_response *out,
                            struct mly_error *err)
{
    struct curl *curl = (struct curl *)t;
    if (!curl->calls)
        return MLY_DONE;
    struct call **unsent = find_unsent(curl);
    if (*unsent) {
        answer_without_token(curl, unsent, out);
        return MLY_OK;
    }
    const uint64_t away_ms = lap(curl);
    count_time(curl, away_ms <= A_MOMENT_MS ? away_ms : 0);
    for (int round = 0; round < 2; round++) { /* work, wait once, work */
        int n_running = 0;
        CURLMcode code = curl_multi_perform(curl->multi, &n_running);
        if (code != CURLM_OK)
            return multi_failed(code, err);
        note_finished(curl);
        end_overdue(curl);
        if (take_finished(curl, out))
            return MLY_OK;
        if (round == 0 && timeout_ms > 0)
            code = wait(curl, timeout_ms);
        if (code != CURLM_OK)
            return multi_failed(code, err);
    }
    return MLY_AGAIN;
}

static void wake(struct mly_transport *t)
{
    (void)curl_multi_wakeup(((struct curl *)t)->multi);
}

static void held(struct mly_transport *t, size_t n_bytes)
{
    struct curl *curl = (struct curl *)t;
    const bool is_less = n_bytes < curl->held_bytes;
    curl->held_bytes = n_bytes;
    if (is_less)
        resume_paused(curl);
}

/* ---- life ---- */

static void reset(struct mly_transport *t)
{
    struct curl *curl = (struct curl *)t;
    while (curl->calls) {
        struct call *call = curl->calls;
        curl->calls = call->next;
        if (call->easy)
            (void)curl_multi_remove_handle(curl->multi, call->easy);
        free_call(curl, call);
    }
    curl->arriving_bytes = curl->held_bytes = 0;
}

static void destroy(struct mly_transport *t)
{
    struct curl *curl = (struct curl *)t;
    reset(t);
    if (curl->multi)
        (void)curl_multi_cleanup(curl->multi);
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        curl_slist_free_all(curl->headers[kind]);
        curl_free(curl->escaped_token[kind]);
    }
    for (size_t i = 0; i < curl->n_texts; i++)
        curl->mem->release(curl->mem->ctx, curl->texts[i]);
    curl->mem->release(curl->mem->ctx, curl);
}

static bool keep_text(struct curl *curl, const char **text)
{
    if (!*text)
        return true;
    const size_t size = strlen(*text) + 1;
    char *copy = curl->mem->alloc(curl->mem->ctx, size);
    if (!copy)
        return false;
    memcpy(copy, *text, size);
    curl->texts[curl->n_texts++] = copy;
    *text = copy;
    return true;
}

static bool keep_texts(struct curl *curl)
{
    struct mly_curl_options *o = &curl->options;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        if (!keep_text(curl, &o->services[kind].token) || !keep_text(curl, &o->services[kind].withheld))
            return false;
    }
    return keep_text(curl, &o->proxy) && keep_text(curl, &o->proxy_user_password) && keep_text(curl, &o->ca_bundle) &&
           keep_text(curl, &o->ca_path) && keep_text(curl, &o->user_agent) && keep_text(curl, &o->http_version);
}

static bool make_headers(struct curl *curl)
{
    char authorization[MLY_LIMIT_TOKEN + 32];
    const char *token = curl->options.services[MLY_REQUEST_GRAPH].token;
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        curl->headers[kind] = curl_slist_append(NULL, "Accept-Encoding: gzip");
        if (!curl->headers[kind])
            return false;
    }
    if (!token)
        return true;
    (void)snprintf(authorization, sizeof authorization, "Authorization: OAuth %s", token);
    return curl_slist_append(curl->headers[MLY_REQUEST_GRAPH], authorization) != NULL;
}

static bool escape_tokens(struct curl *curl)
{
    for (size_t kind = 0; kind < MLY_SERVICES; kind++) {
        const char *token = curl->options.services[kind].token;
        if (token)
            curl->escaped_token[kind] = curl_easy_escape(NULL, token, 0);
        if (token && !curl->escaped_token[kind])
            return false;
    }
    return true;
}

static bool open_multi(struct curl *curl)
{
    curl->multi = curl_multi_init();
    if (!curl->multi)
        return false;
    const long connections = (long)curl->options.connections;
    /* One answer at a time on a connection, also with HTTP/2: libcurl 7.88 (Debian 12) was seen to stall when answers
     * that share a connection are large, and a paused one must not hold up the others. */
    if (curl_multi_setopt(curl->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK)
        return false;
    /* Idle connections are kept for all services: requests to one must not cool down those to another. */
    return curl_multi_setopt(curl->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) == CURLM_OK &&
           curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, MLY_SERVICES * connections) == CURLM_OK;
}

enum mly_status mly_transport_curl_global(struct mly_error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return mly_fail(err, MLY_E_NETWORK, "libcurl cannot be initialised");
    return MLY_OK;
}

enum mly_status mly_transport_curl(const struct mly_curl_options *options, struct mly_transport **out,
                                   struct mly_error *err)
{
    static const struct mly_transport_vtbl vtbl = {
        .submit = submit, .poll = poll, .reset = reset, .destroy = destroy, .mask = mask, .wake = wake, .held = held};
    const struct mly_mem *mem = options->mem;
    struct curl *curl = mem->alloc(mem->ctx, sizeof *curl);
    if (!curl)
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    *curl = (struct curl){.base = {.vtbl = &vtbl}, .options = *options, .mem = mem};
    if (!keep_texts(curl) || !escape_tokens(curl) || !make_headers(curl) || !open_multi(curl)) {
        destroy(&curl->base);
        return mly_fail(err, MLY_E_NOMEM, "out of memory for the transport");
    }
    *out = &curl->base;
    return MLY_OK;
}
