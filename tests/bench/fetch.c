/* SPDX-License-Identifier: MIT */
/* fetch [-c CONNECTIONS] [-m STREAMS] [-z | -d] [-b KB] PREFIX LIST BYTES — the tiles of LIST from PREFIX/X/Y over one
 * bare curl_multi, kept nowhere; BYTES is what they have altogether, as they come.
 *   -c  connections at most, and with -m 0 requests in flight (16)
 *   -m  streams on a connection of HTTP/2; 0: one answer at a time, as the driver does (0)
 *   -z  asks for gzip and leaves it as it is; -d has libcurl decode it, too
 *   -b  libcurl's buffer (16 KB, its default) */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct fetch {
    long connections, streams, buffer_kb;
    bool wants_gzip, decodes;
    const char *prefix;
    struct bench_tiles list;
    size_t next;
    unsigned long long n_bytes;
    double first_at;
};

/* Each answer is put together, as whoever wants to read it must. */
struct answer {
    struct fetch *fetch;
    unsigned char *data;
    size_t size, room;
};

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct answer *answer = ctx;
    const size_t more = size * n;
    if (answer->room - answer->size < more) {
        answer->room = (answer->size + more) * 2;
        answer->data = bench_must(realloc(answer->data, answer->room));
    }
    memcpy(answer->data + answer->size, bytes, more);
    answer->size += more;
    return more;
}

static void start(struct fetch *fetch, CURLM *multi, CURL *easy, struct curl_slist *headers)
{
    char url[1024];
    const struct bench_tile *tile = &fetch->list.tiles[fetch->next++];
    (void)snprintf(url, sizeof url, "%s/%u/%u?access_token=MLY%%7Cbench", fetch->prefix, tile->x, tile->y);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (getenv("CURL_CA_BUNDLE"))
        curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("CURL_CA_BUNDLE"));
    if (fetch->buffer_kb > 0)
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, fetch->buffer_kb << 10);
    if (fetch->decodes)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    else if (fetch->wants_gzip)
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_multi_add_handle(multi, easy);
}

static void finish(struct fetch *fetch, CURLM *multi, const CURLMsg *message)
{
    struct answer *answer = NULL;
    if (message->data.result != CURLE_OK) {
        fprintf(stderr, "bench: %s\n", curl_easy_strerror(message->data.result));
        exit(1);
    }
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&answer);
    fetch->n_bytes += answer->size;
    free(answer->data);
    answer->data = NULL;
    answer->size = answer->room = 0;
    if (fetch->first_at == 0)
        fetch->first_at = bench_now();
    (void)curl_multi_remove_handle(multi, message->easy_handle);
}

static void fetch_all(struct fetch *fetch)
{
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: gzip");
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)(fetch->streams ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, fetch->connections);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, fetch->connections);
    if (fetch->streams)
        curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, fetch->streams);
    size_t n_left = fetch->list.n;
    const size_t in_flight = (size_t)(fetch->connections * (fetch->streams ? fetch->streams : 1));
    for (size_t i = 0; i < in_flight && fetch->next < fetch->list.n; i++) {
        CURL *easy = bench_must(curl_easy_init());
        struct answer *answer = bench_must(calloc(1, sizeof *answer));
        answer->fetch = fetch;
        curl_easy_setopt(easy, CURLOPT_PRIVATE, answer);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
        start(fetch, multi, easy, headers);
    }
    while (n_left > 0) {
        int n = 0;
        (void)curl_multi_perform(multi, &n);
        for (CURLMsg *message; (message = curl_multi_info_read(multi, &n)) != NULL; n_left--) {
            CURL *easy = message->easy_handle;
            finish(fetch, multi, message);
            if (fetch->next < fetch->list.n)
                start(fetch, multi, easy, headers);
        }
        if (n_left > 0)
            (void)curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char **argv)
{
    struct fetch fetch = {.connections = 16};
    for (int option; (option = getopt(argc, argv, "c:m:b:zd")) != -1;) {
        fetch.connections = option == 'c' ? atol(optarg) : fetch.connections;
        fetch.streams = option == 'm' ? atol(optarg) : fetch.streams;
        fetch.buffer_kb = option == 'b' ? atol(optarg) : fetch.buffer_kb;
        fetch.wants_gzip |= option == 'z';
        fetch.decodes |= option == 'd';
    }
    if (argc - optind != 3) {
        fputs("usage: fetch [-c CONNECTIONS] [-m STREAMS] [-z | -d] [-b KB] PREFIX LIST BYTES\n", stderr);
        return 2;
    }
    fetch.prefix = argv[optind];
    fetch.list = bench_read_list(argv[optind + 1], false);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    const double begun = bench_now(), cpu_begun = bench_cpu();
    fetch_all(&fetch);
    const double seconds = bench_now() - begun, cpu = bench_cpu() - cpu_begun;
    bench_expect("bytes", fetch.n_bytes, strtoull(argv[optind + 2], NULL, 10));
    printf("seconds=%.6f cpu=%.6f first_ms=%.3f bytes=%llu peak_kb=%ld\n", seconds, cpu,
           (fetch.first_at - begun) * 1000, fetch.n_bytes, bench_peak_kb());
    return 0;
}
