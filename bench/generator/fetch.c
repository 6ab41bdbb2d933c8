/* Fetch a file over kept connections, again and again, and compare it with the file.
 *
 * The file is mapped, so that it is the page cache that we compare with: neither we nor
 * the server read a disk.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { READ_BYTES = 1 << 18 };

struct conn {
    int fd;
    int is_busy;
    uint64_t begun;
    size_t head_received;       /* of the head, while it is not all here */
    int is_body;
    size_t received;            /* of the body */
    char head[MAX_BYTES + 1];
};

struct run {
    const struct plan *plan;
    struct conn *conns;
    const char *file;
    size_t bytes;
    int epoll;
    int busy;
    uint64_t end;
    uint64_t transfers;
    struct histogram *histogram;
};

static char buf[READ_BYTES];

static void start(struct run *run, struct conn *conn, uint64_t now) {
    char request[1024];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", run->plan->words[0],
                     run->plan->port);
    conn->begun = now;
    conn->head_received = conn->received = 0;
    conn->is_body = 0;
    conn->is_busy = 1;
    run->busy++;
    must_send(conn->fd, (unsigned char *)request, (size_t)n);
}

static void finish(struct run *run, struct conn *conn) {
    uint64_t now = now_ns();
    histogram_add(run->histogram, now - conn->begun);
    run->transfers++;
    conn->is_busy = 0;
    run->busy--;
    if (now < run->end)
        start(run, conn, now);
}

static void take_body(struct run *run, struct conn *conn, const char *bytes, size_t n) {
    if (conn->received + n > run->bytes)
        die("more came back than was asked for");
    if (memcmp(bytes, run->file + conn->received, n) != 0)
        die("what came back is not what was asked for");
    conn->received += n;
    if (conn->received == run->bytes)
        finish(run, conn);
}

static void take_head(struct run *run, struct conn *conn, const char *bytes, size_t n) {
    size_t body = 0, before = conn->head_received, room = MAX_BYTES - before;
    memcpy(conn->head + before, bytes, n < room ? n : room);
    conn->head_received += n < room ? n : room;
    conn->head[conn->head_received] = 0;
    size_t head = head_of(conn->head, conn->head_received, &body);
    if (head == 0 && conn->head_received == MAX_BYTES)
        die("the head of an answer has no end");
    if (head == 0)
        return;
    if (body != run->bytes)
        die("the length of an answer is not the file's");
    conn->is_body = 1;
    take_body(run, conn, bytes + (head - before), n - (head - before));
}

static void receive(struct run *run, struct conn *conn) {
    ssize_t n = recv(conn->fd, buf, sizeof buf, 0);
    if (n < 0)
        die("recv");
    errno = 0;
    if (n == 0)
        die("the server closed a connection");
    if (!conn->is_busy)
        die("more came back than was asked for");
    if (conn->is_body)
        take_body(run, conn, buf, (size_t)n);
    else
        take_head(run, conn, buf, (size_t)n);
}

/* Return how long it took until the last transfer was there. */
static uint64_t go(struct run *run, double seconds) {
    histogram_clear(run->histogram);
    run->transfers = 0;
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

static void map_file(struct run *run) {
    struct stat told;
    int fd = open(run->plan->words[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &told) < 0)
        die(run->plan->words[1]);
    run->bytes = (size_t)told.st_size;
    void *mapped = mmap(NULL, run->bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (mapped == MAP_FAILED)
        die("mmap");
    run->file = mapped;
}

void run_fetch(const struct plan *plan) {
    struct run run = {.plan = plan, .histogram = histogram_new()};
    map_file(&run);
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
    report(run.transfers, run.transfers, elapsed, run.histogram);
}
