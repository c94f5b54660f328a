/* SPDX-License-Identifier: MIT */
/* delay PORT TO MS — a way to 127.0.0.1:TO that is MS milliseconds long, there and back: whatever comes to
 * 127.0.0.1:PORT goes on to TO half of them later, and so do the answers. Prints "ready" when it listens; ends when its
 * standard input does.
 *
 * Its reach is that of a long line, not of a slow one: bytes are taken as they come and pass on when their time has
 * come, any number at once. A new connection has to be shaken hands on, which takes a round trip; since the client's
 * own system says yes at once, the first bytes are held back for that long. What it does not have: TCP's slow start
 * over the long way, and lost packets. */
#define _GNU_SOURCE /* ppoll */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_PAIRS = 512 };
enum { CHUNK = 64 << 10 };
enum { MOST_ON_ITS_WAY = 64 << 20 }; /* bytes in one direction: at 50 ms more than a gigabyte in a second */

struct chunk {
    struct chunk *next;
    double due;
    size_t begin, end;
    unsigned char data[CHUNK];
};

/* One direction: from socket `from` to socket `to`. */
struct way {
    int from, to;
    struct chunk *first, **last;
    size_t n_bytes;
    double opens_at; /* nothing sets out before */
    bool is_read_out, is_done;
    double end_due;
};

struct pair {
    bool is_used;
    struct way there, back;
};

static struct pair pairs[MAX_PAIRS];
static double half; /* seconds */

static void die(const char *what)
{
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address(const char *port)
{
    struct sockaddr_in out = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
}

static void prepare_socket(int fd)
{
    const int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int listen_at(const char *port)
{
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in at = address(port);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 256) != 0)
        die("listening");
    prepare_socket(fd);
    return fd;
}

static struct way make_way(int from, int to, double opens_at)
{
    return (struct way){.from = from, .to = to, .opens_at = opens_at};
}

static void accept_pair(int listener, const char *port)
{
    const int near = accept(listener, NULL, NULL);
    if (near < 0)
        return;
    struct pair *pair = pairs;
    while (pair < pairs + MAX_PAIRS && pair->is_used)
        pair++;
    const int far = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in to = address(port);
    if (pair == pairs + MAX_PAIRS || far < 0 || connect(far, (const struct sockaddr *)&to, sizeof to) != 0) {
        fputs("delay: a connection cannot be passed on\n", stderr);
        (void)close(near);
        return;
    }
    prepare_socket(near);
    prepare_socket(far);
    const double shaken_at = bench_now() + 2 * half;
    *pair = (struct pair){.is_used = true, .there = make_way(near, far, shaken_at), .back = make_way(far, near, 0)};
    pair->there.last = &pair->there.first;
    pair->back.last = &pair->back.first;
}

static double due_now(const struct way *way)
{
    const double now = bench_now();
    return (now < way->opens_at ? way->opens_at : now) + half;
}

static void take_in(struct way *way)
{
    while (!way->is_read_out && way->n_bytes < MOST_ON_ITS_WAY) {
        struct chunk *chunk = bench_must(malloc(sizeof *chunk));
        const ssize_t n = recv(way->from, chunk->data, CHUNK, 0);
        if (n <= 0) {
            way->is_read_out = n == 0 || (errno != EAGAIN && errno != EINTR);
            way->end_due = due_now(way);
            free(chunk);
            return;
        }
        chunk->next = NULL;
        chunk->begin = 0;
        chunk->end = (size_t)n;
        chunk->due = due_now(way);
        *way->last = chunk;
        way->last = &chunk->next;
        way->n_bytes += (size_t)n;
    }
}

static void drop_first(struct way *way)
{
    struct chunk *chunk = way->first;
    way->first = chunk->next;
    if (!way->first)
        way->last = &way->first;
    free(chunk);
}

static void pass_on(struct way *way, double now)
{
    while (way->first && way->first->due <= now) {
        struct chunk *chunk = way->first;
        const ssize_t n = send(way->to, chunk->data + chunk->begin, chunk->end - chunk->begin, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        const size_t gone = n < 0 ? chunk->end - chunk->begin : (size_t)n; /* nobody listens any more */
        way->is_read_out = way->is_read_out || n < 0;
        chunk->begin += gone;
        way->n_bytes -= gone;
        if (chunk->begin == chunk->end)
            drop_first(way);
    }
    if (!way->first && way->is_read_out && !way->is_done && way->end_due <= now) {
        (void)shutdown(way->to, SHUT_WR);
        way->is_done = true;
    }
}

static void end_pair(struct pair *pair)
{
    (void)close(pair->there.from);
    (void)close(pair->there.to);
    while (pair->there.first)
        drop_first(&pair->there);
    while (pair->back.first)
        drop_first(&pair->back);
    pair->is_used = false;
}

/* When something is to be done for this way; `wants` gets what its sockets wait for. */
static double look_at(const struct way *way, double now, struct pollfd *from, struct pollfd *to)
{
    if (!way->is_read_out && way->n_bytes < MOST_ON_ITS_WAY)
        from->events |= POLLIN;
    if (way->first && way->first->due <= now)
        to->events |= POLLOUT;
    if (way->first && way->first->due > now)
        return way->first->due;
    return !way->first && way->is_read_out && !way->is_done ? way->end_due : now + 3600;
}

static struct timespec time_until(double due)
{
    double left = due - bench_now();
    left = left < 0 ? 0 : left;
    struct timespec out = {.tv_sec = (time_t)left};
    out.tv_nsec = (long)((left - (double)out.tv_sec) * 1e9);
    return out;
}

/* One turn: waits until a socket is ready or bytes are due. False: standard input has ended. */
static bool turn(int listener)
{
    static struct pollfd fds[2 + 2 * MAX_PAIRS];
    nfds_t n = 2;
    const double now = bench_now();
    double next = now + 3600;
    fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (const struct pair *pair = pairs; pair < pairs + MAX_PAIRS; pair++) {
        if (!pair->is_used)
            continue;
        fds[n] = (struct pollfd){.fd = pair->there.from};
        fds[n + 1] = (struct pollfd){.fd = pair->there.to};
        const double there = look_at(&pair->there, now, &fds[n], &fds[n + 1]);
        const double back = look_at(&pair->back, now, &fds[n + 1], &fds[n]);
        next = there < next ? there : next;
        next = back < next ? back : next;
        for (nfds_t i = n; i < n + 2; i++)
            fds[i].fd = fds[i].events ? fds[i].fd : -1; /* a closed one would wake us without end */
        n += 2;
    }
    const struct timespec left = time_until(next);
    if (ppoll(fds, n, &left, NULL) < 0 && errno != EINTR)
        die("waiting");
    return fds[0].revents == 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fputs("usage: delay PORT TO MS\n", stderr);
        return 2;
    }
    half = atof(argv[3]) / 2000;
    const int listener = listen_at(argv[1]);
    puts("ready");
    (void)fflush(stdout);
    while (turn(listener)) {
        accept_pair(listener, argv[2]);
        for (struct pair *pair = pairs; pair < pairs + MAX_PAIRS; pair++) {
            if (!pair->is_used)
                continue;
            take_in(&pair->there);
            take_in(&pair->back);
            const double now = bench_now();
            pass_on(&pair->there, now);
            pass_on(&pair->back, now);
            if (pair->there.is_done && pair->back.is_done)
                end_pair(pair);
        }
    }
    return 0;
}
