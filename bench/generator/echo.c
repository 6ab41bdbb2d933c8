/* Send messages over kept connections and await each one's echo.
 *
 * Closed loop: every connection sends its next message when the last one is back, so a
 * slow server is offered less. Open loop: message i is due at i / rate, on connection
 * i mod N, and its latency is counted from when it was due, not from when it could be
 * sent; one that was never sent counts with the time that it had waited at the end. So a
 * server that stops for a while cannot hide it (the "coordinated omission").
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

struct conn {
    int fd;
    int is_busy;
    uint64_t begun; /* when its message was sent; in an open loop, when it was due */
    uint64_t sent;  /* messages that it has sent in this run */
    uint64_t owed;  /* messages that are due and wait for their turn */
    size_t received;
    unsigned char *message;
};

struct run {
    const struct plan *plan;
    struct conn *conns;
    int epoll;
    int busy;
    uint64_t seed;
    uint64_t begun, end;
    uint64_t due; /* open loop: messages that have become due */
    uint64_t messages;
    struct histogram *histogram;
};

static uint64_t due_at(const struct run *run, uint64_t index) {
    return run->begun + (uint64_t)((double)index * 1e9 / run->plan->rate);
}

static uint64_t next_due_of(const struct run *run, const struct conn *conn) {
    uint64_t connections = (uint64_t)run->plan->connections;
    return due_at(run, conn->sent * connections + (uint64_t)(conn - run->conns));
}

static void start(struct run *run, struct conn *conn, uint64_t now) {
    fill(conn->message, run->plan->bytes, ++run->seed);
    conn->begun = now;
    if (run->plan->rate > 0) {
        conn->begun = next_due_of(run, conn);
        conn->owed--;
    }
    conn->received = 0;
    conn->sent++;
    conn->is_busy = 1;
    run->busy++;
    must_send(conn->fd, conn->message, run->plan->bytes);
}

static void finish(struct run *run, struct conn *conn) {
    uint64_t now = now_ns();
    histogram_add(run->histogram, now - conn->begun);
    run->messages++;
    conn->is_busy = 0;
    run->busy--;
    if (now < run->end && (run->plan->rate == 0 || conn->owed > 0))
        start(run, conn, now);
}

static void receive(struct run *run, struct conn *conn) {
    unsigned char buf[MAX_BYTES + 1]; /* one more, so that too much is seen */
    ssize_t n = recv(conn->fd, buf, sizeof buf, 0);
    if (n < 0)
        die("recv");
    errno = 0;
    if (n == 0)
        die("the server closed a connection");
    if (!conn->is_busy || conn->received + (size_t)n > run->plan->bytes)
        die("more came back than was sent");
    if (memcmp(buf, conn->message + conn->received, (size_t)n) != 0)
        die("what came back is not what was sent");
    conn->received += (size_t)n;
    if (conn->received == run->plan->bytes)
        finish(run, conn);
}

static void start_what_is_due(struct run *run) {
    uint64_t now = now_ns();
    while (due_at(run, run->due) <= now && due_at(run, run->due) < run->end) {
        struct conn *conn = &run->conns[run->due % (uint64_t)run->plan->connections];
        run->due++;
        conn->owed++;
        if (!conn->is_busy)
            start(run, conn, now);
    }
}

static uint64_t nanoseconds_to_wait(const struct run *run) {
    uint64_t stall = (uint64_t)STALL_SECONDS * 1000000000u;
    if (run->plan->rate == 0 || due_at(run, run->due) >= run->end)
        return stall;
    uint64_t now = now_ns(), next = due_at(run, run->due);
    return next > now ? next - now : 0;
}

static void wait_and_receive(struct run *run) {
    struct epoll_event events[256];
    uint64_t wait = nanoseconds_to_wait(run);
    struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    int n = epoll_pwait2(run->epoll, events, 256, &timeout, NULL);
    if (n < 0)
        die("epoll_pwait2");
    errno = 0;
    if (n == 0 && wait >= (uint64_t)STALL_SECONDS * 1000000000u)
        die("the server does not answer");
    for (int at = 0; at < n; at++)
        receive(run, events[at].data.ptr);
}

static void count_what_was_never_sent(struct run *run) {
    for (int at = 0; at < run->plan->connections; at++) {
        struct conn *conn = &run->conns[at];
        for (; conn->owed > 0; conn->owed--, conn->sent++)
            histogram_add(run->histogram, now_ns() - next_due_of(run, conn));
    }
}

/* Return how long it took until the last echo was back. */
static uint64_t go(struct run *run, double seconds) {
    histogram_clear(run->histogram);
    run->messages = run->due = 0;
    run->begun = now_ns();
    run->end = run->begun + (uint64_t)(seconds * 1e9);
    for (int at = 0; at < run->plan->connections; at++) {
        run->conns[at].sent = run->conns[at].owed = 0;
        if (run->plan->rate == 0)
            start(run, &run->conns[at], run->begun);
    }
    if (run->plan->rate > 0)
        start_what_is_due(run);
    while (run->busy > 0 || (run->plan->rate > 0 && due_at(run, run->due) < run->end)) {
        wait_and_receive(run);
        if (run->plan->rate > 0)
            start_what_is_due(run);
    }
    uint64_t elapsed = now_ns() - run->begun;
    count_what_was_never_sent(run);
    return elapsed;
}

void run_echo(const struct plan *plan) {
    struct run run = {.plan = plan, .histogram = histogram_new()};
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.conns = calloc((size_t)plan->connections, sizeof *run.conns);
    for (int at = 0; at < plan->connections; at++) {
        struct conn *conn = &run.conns[at];
        conn->fd = dial(plan->port, 1);
        conn->message = malloc(plan->bytes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
        if (conn->message == NULL ||
            epoll_ctl(run.epoll, EPOLL_CTL_ADD, conn->fd, &event) < 0)
            die("setting up");
    }
    go(&run, plan->warm_seconds);
    say_ready_and_wait();
    uint64_t elapsed = go(&run, plan->seconds);
    uint64_t offered = plan->rate > 0 ? run.due : run.messages;
    report(run.messages, offered, elapsed, run.histogram);
}
