/* Ask for pages over kept connections, and await each one's answer.
 *
 * Every connection sends its next request when the last answer is there. The requests
 * go to all the paths by turns, and are what a browser sends: a GET with ten fields. A *
 * in a path is replaced by a name that no other request has, so that an answer to
 * another one shows.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static const char fields[] =
    " HTTP/1.1\r\n"
    "Host: 127.0.0.1:%d\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Referer: http://127.0.0.1:%d/about\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=7f3c2a9e51d84b06; theme=dark\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Cache-Control: max-age=0\r\n\r\n";

struct conn {
    int fd;
    int is_busy;
    uint64_t begun;
    size_t received;
    char answer[MAX_BYTES + 1]; /* with a NUL after what was received */
    char expected[256];         /* the body */
};

struct run {
    const struct plan *plan;
    struct conn *conns;
    int epoll;
    int busy;
    uint64_t seed;
    uint64_t end;
    uint64_t answers;
    struct histogram *histogram;
};

/* Put a text with a name instead of its *, and say where it ends. */
static char *put(char *to, const char *text, size_t n, const char *name) {
    for (size_t at = 0; at < n; at++) {
        if (text[at] == '*')
            to = stpcpy(to, name);
        else
            *to++ = text[at];
    }
    *to = 0;
    return to;
}

static void start(struct run *run, struct conn *conn, uint64_t now) {
    char name[32], request[MAX_BYTES];
    const char *word = run->plan->words[run->seed % (uint64_t)run->plan->word_count];
    const char *equals = strchr(word, '=');
    snprintf(name, sizeof name, "%08llx", (unsigned long long)run->seed++);
    char *end = stpcpy(request, "GET ");
    end = put(end, word, (size_t)(equals - word), name);
    end += sprintf(end, fields, run->plan->port, run->plan->port);
    char *last = put(stpcpy(conn->expected, "Hello, "), equals + 1, strlen(equals + 1), name);
    strcpy(last, "!");
    conn->begun = now;
    conn->received = 0;
    conn->is_busy = 1;
    run->busy++;
    must_send(conn->fd, (unsigned char *)request, (size_t)(end - request));
}

static void finish(struct run *run, struct conn *conn) {
    uint64_t now = now_ns();
    histogram_add(run->histogram, now - conn->begun);
    run->answers++;
    conn->is_busy = 0;
    run->busy--;
    if (now < run->end)
        start(run, conn, now);
}

static void receive(struct run *run, struct conn *conn) {
    size_t room = MAX_BYTES - conn->received, body = 0;
    ssize_t n = recv(conn->fd, conn->answer + conn->received, room, 0);
    if (n < 0)
        die("recv");
    errno = 0;
    if (n == 0)
        die("the server closed a connection");
    if (!conn->is_busy)
        die("more came back than was asked for");
    conn->received += (size_t)n;
    conn->answer[conn->received] = 0;
    size_t head = head_of(conn->answer, conn->received, &body);
    if (head == 0 && conn->received == MAX_BYTES)
        die("the head of an answer has no end");
    if (head == 0 || conn->received < head + body)
        return;
    if (conn->received > head + body)
        die("more came back than was asked for");
    if (strcmp(conn->answer + head, conn->expected) != 0)
        die("what came back is not what was asked for");
    finish(run, conn);
}

/* Return how long it took until the last answer was there. */
static uint64_t go(struct run *run, double seconds) {
    histogram_clear(run->histogram);
    run->answers = 0;
    uint64_t begun = now_ns();
    run->end = begun + (uint64_t)(seconds * 1e9);
    for (int at = 0; at < run->plan->connections; at++)
        start(run, &run->conns[at], now_ns());
    while (run->busy > 0) {
        struct epoll_event events[256];
        int n = epoll_wait(run->epoll, events, 256, STALL_SECONDS * 1000);
        if (n < 0)
            die("epoll_wait");
        errno = 0;
        if (n == 0)
            die("the server does not answer");
        for (int at = 0; at < n; at++)
            receive(run, events[at].data.ptr);
    }
    return now_ns() - begun;
}

static void check_words(const struct plan *plan) {
    errno = 0;
    for (int at = 0; at < plan->word_count; at++)
        if (plan->words[at][0] != '/' || strchr(plan->words[at], '=') == NULL ||
            strlen(plan->words[at]) > 128)
            die("a path is told as PATH=NAME, in 128 bytes");
}

void run_web(const struct plan *plan) {
    struct run run = {.plan = plan, .histogram = histogram_new()};
    check_words(plan);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.conns = calloc((size_t)plan->connections, sizeof *run.conns);
    for (int at = 0; at < plan->connections; at++) {
        run.conns[at].fd = dial(plan->port, 1);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &run.conns[at]};
        if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, run.conns[at].fd, &event) < 0)
            die("setting up");
    }
    go(&run, plan->warm_seconds);
    say_ready_and_wait();
    uint64_t elapsed = go(&run, plan->seconds);
    report(run.answers, run.answers, elapsed, run.histogram);
}
