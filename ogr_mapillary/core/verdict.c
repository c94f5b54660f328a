/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <string.h>

#include "graph.h"

/* The codes in error bodies that decide; the HTTP status that goes with them varies (API.md 2.8). */
enum { CODE_TOO_MUCH_DATA = 1, CODE_OUTAGE = 2, CODE_RATE_LIMIT = 4, CODE_REQUEST = 100, CODE_TOKEN = 190 };
enum { SUBCODE_UNKNOWN = 33 }; /* no such entity, or no permission to see it */

/* '<' is no field of a tile, '{' and '[' are groups: MVT has none. */
bool mly_verdict_is_page(struct mly_span body)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf}; /* text in UTF-8 may begin with it */
    size_t at = body.size > sizeof mark && memcmp(body.data, mark, sizeof mark) == 0 ? sizeof mark : 0;
    while (at < body.size && strchr(" \t\r\n", body.data[at]) && body.data[at])
        at++;
    return at < body.size && (body.data[at] == '<' || body.data[at] == '{' || body.data[at] == '[');
}

static enum mly_verdict refused_token(int http, const char *words, struct mly_error *err)
{
    mly_fail(
        err, MLY_E_AUTH,
        "HTTP %d: the service refuses the access token%s%s. Get one at https://www.mapillary.com/dashboard/developers "
        "and set it with the configuration option or environment variable MAPILLARY_ACCESS_TOKEN, or with the open "
        "option ACCESS_TOKEN or ACCESS_TOKEN_FILE",
        http, *words ? ": " : "", words);
    return MLY_VERDICT_STOP;
}

static enum mly_verdict redirected(int http, struct mly_error *err)
{
    mly_fail(err, MLY_E_QUOTA, "HTTP %d: the service sends this machine to its login page, " MLY_VERDICT_BLOCKED, http);
    return MLY_VERDICT_STOP;
}

/* What the service found wrong, and with what. */
struct refusal {
    enum mly_request_kind kind;
    int http;
    struct mly_graph_error error;
};

/* The service finds fault with the request itself, not with the moment. */
static bool is_bad_request(const struct refusal *refusal, enum mly_verdict verdict)
{
    const bool is_blamed = refusal->error.code == CODE_REQUEST || refusal->http == 200 ||
                           (refusal->http >= 400 && refusal->http < 500);
    return verdict == MLY_VERDICT_FAILURE && is_blamed;
}

/* Of tiles the address is all there is to refuse, and it is made of numbers; with which 4xx a spent day's quota comes
 * is not known (API.md 1.4). Of the Graph it is a field or a value that the service does not, or no longer, know. */
static const char *advice_on(const struct refusal *refusal, enum mly_verdict verdict)
{
    if (refusal->http == 429 || refusal->error.code == CODE_RATE_LIMIT)
        return "wait an hour, then read less at a time";
    if (!is_bad_request(refusal, verdict))
        return "repeat the read later";
    return refusal->kind == MLY_REQUEST_TILE
               ? "asking again does not help, unless the day's quota of tiles is spent: repeat the read tomorrow, and "
                 "please report it if that is refused too"
               : "asking again does not help: leave out what the service does not take, of FIELDS or of the filter, or "
                 "please report it";
}

static enum mly_verdict remote(enum mly_verdict verdict, const struct refusal *refusal, struct mly_error *err)
{
    const bool is_limit = refusal->http == 429 || refusal->error.code == CODE_RATE_LIMIT;
    const enum mly_status code = is_limit ? MLY_E_QUOTA : MLY_E_REMOTE;
    const char *advice = advice_on(refusal, verdict);
    if (refusal->error.message[0])
        mly_fail(err, code, "HTTP %d: the service says: %s; %s", refusal->http, refusal->error.message, advice);
    else
        mly_fail(err, code, "HTTP %d; %s", refusal->http, advice);
    return verdict;
}

static bool is_temporary(int http)
{
    return http == 408 || http == 429 || http == 500 || http == 502 || http == 503 || http == 504;
}

static enum mly_verdict judge_refusal(const struct refusal *refusal, struct mly_error *err)
{
    const struct mly_graph_error *error = &refusal->error;
    const int http = refusal->http;
    if (error->code == CODE_TOKEN || http == 401 || (http == 403 && error->code == 0))
        return refused_token(http, error->message, err);
    if (error->is_transient || error->code == CODE_OUTAGE || error->code == CODE_RATE_LIMIT)
        return remote(MLY_VERDICT_RETRY, refusal, err);
    if (error->code == CODE_TOO_MUCH_DATA) /* the same request fails again, however often */
        return remote(MLY_VERDICT_TOO_MUCH, refusal, err);
    if (error->code == CODE_REQUEST)
        return remote(MLY_VERDICT_FAILURE, refusal, err);
    return remote(is_temporary(http) ? MLY_VERDICT_RETRY : MLY_VERDICT_FAILURE, refusal, err);
}

static enum mly_verdict judge_silence(const struct mly_response *response, struct mly_error *err)
{
    mly_fail(err, response->status, "%s", response->why);
    return response->status == MLY_E_NETWORK ? MLY_VERDICT_RETRY : MLY_VERDICT_FAILURE;
}

/* Answers that mean the same for tiles and the Graph, error bodies with any status among them (API.md 2.8). */
static enum mly_verdict judge(const struct refusal *refusal, bool refused, struct mly_error *err)
{
    const int http = refusal->http;
    const bool is_unchanged = http == 304; /* which says nothing of the caller; a cache may have asked for it */
    if (http >= 300 && http < 400 && !is_unchanged)
        return redirected(http, err);
    if (http == 200 && !refused)
        return MLY_VERDICT_BODY;
    return judge_refusal(refusal, err);
}

static enum mly_verdict judge_no_answer(const struct mly_response *response, struct mly_error *err)
{
    if (response->status != MLY_E_AUTH && response->status != MLY_E_QUOTA)
        return judge_silence(response, err);
    mly_fail(err, response->status, "%s", response->why); /* there is no token to send, or the caller is blocked */
    return MLY_VERDICT_STOP;
}

enum mly_verdict mly_verdict_of_tile(const struct mly_response *response, struct mly_error *err)
{
    if (response->status < 0)
        return judge_no_answer(response, err);
    if (response->http == 404 || response->http == 204 || (response->http == 200 && response->body.size == 0))
        return MLY_VERDICT_EMPTY;
    struct refusal refusal = {.kind = MLY_REQUEST_TILE, .http = response->http};
    const bool refused = mly_graph_read_error(mly_buf_view(&response->body), &refusal.error);
    return judge(&refusal, refused, err);
}

/* An answer above its ceiling may stay below it when fewer entities are asked for. */
static enum mly_verdict verdict_of_graph(const struct mly_response *response, struct mly_error *err)
{
    if (response->status == MLY_E_LIMIT) {
        mly_fail(err, MLY_E_LIMIT, "%s", response->why);
        return MLY_VERDICT_TOO_MUCH;
    }
    if (response->status < 0)
        return judge_no_answer(response, err);
    struct refusal refusal = {.kind = MLY_REQUEST_GRAPH, .http = response->http};
    const bool refused = mly_graph_read_error(mly_buf_view(&response->body), &refusal.error);
    if (refused && refusal.error.code == CODE_REQUEST && refusal.error.subcode == SUBCODE_UNKNOWN)
        return MLY_VERDICT_EMPTY;
    return judge(&refusal, refused, err);
}

enum mly_verdict mly_verdict_of(enum mly_request_kind kind, const struct mly_response *response, struct mly_error *err)
{
    return kind == MLY_REQUEST_TILE ? mly_verdict_of_tile(response, err) : verdict_of_graph(response, err);
}
