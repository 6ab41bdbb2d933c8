/* Clients that connect, send one message, read its echo, and close, again and again.
 *
 * The client ends its stream first (shutdown) and reads to the server's end. So the
 * server sees an orderly close, and TIME_WAIT stays on the client's side.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    int fd;
    int is_connected;
    uint64_t begun;
    size_t received;
    unsigned char *message;
};

struct run {
    const struct plan *plan;
    int epoll;
    int busy;
    uint64_t seed;
    uint64_t end;
    uint64_t connections;
    struct histogram *histogram;
};

static void start(struct run *run, struct client *client, uint64_t now) {
    client->begun = now;
    client->received = 0;
    client->is_connected = 0;
    client->fd = dial(run->plan->port, 0);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
        die("epoll_ctl");
    run->busy++;
}

static void send_message(struct run *run, struct client *client) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0)
        die("connect");
    client->is_connected = 1;
    fill(client->message, run->plan->bytes, ++run->seed);
    must_send(client->fd, client->message, run->plan->bytes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(run->epoll, EPOLL_CTL_MOD, client->fd, &event) < 0)
        die("epoll_ctl");
}

static void finish(struct run *run, struct client *client) {
    errno = 0;
    if (client->received != run->plan->bytes)
        die("the server closed a connection too early");
    close(client->fd);
    uint64_t now = now_ns();
    histogram_add(run->histogram, now - client->begun);
    run->connections++;
    run->busy--;
    if (now < run->end)
        start(run, client, now);
}

static void receive(struct run *run, struct client *client) {
    unsigned char buf[MAX_BYTES + 1];
    ssize_t n = recv(client->fd, buf, sizeof buf, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        die("recv");
    if (n == 0) {
        finish(run, client);
        return;
    }
    errno = 0;
    if (client->received + (size_t)n > run->plan->bytes)
        die("more came back than was sent");
    if (memcmp(buf, client->message + client->received, (size_t)n) != 0)
        die("what came back is not what was sent");
    client->received += (size_t)n;
    if (client->received == run->plan->bytes)
        shutdown(client->fd, SHUT_WR);
}

/* Return how long it took until the last client had closed. */
static uint64_t go(struct run *run, struct client *clients, double seconds) {
    histogram_clear(run->histogram);
    run->connections = 0;
    uint64_t begun = now_ns();
    run->end = begun + (uint64_t)(seconds * 1e9);
    for (int at = 0; at < run->plan->connections; at++)
        start(run, &clients[at], now_ns());
    while (run->busy > 0) {
        struct epoll_event events[256];
        int n = epoll_wait(run->epoll, events, 256, STALL_SECONDS * 1000);
        if (n < 0)
            die("epoll_wait");
        errno = 0;
        if (n == 0)
            die("the server does not answer");
        for (int at = 0; at < n; at++) {
            struct client *client = events[at].data.ptr;
            if (client->is_connected)
                receive(run, client);
            else
                send_message(run, client);
        }
    }
    return now_ns() - begun;
}

void run_connect(const struct plan *plan) {
    struct run run = {.plan = plan, .histogram = histogram_new()};
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc((size_t)plan->connections, sizeof *clients);
    for (int at = 0; at < plan->connections; at++)
        if ((clients[at].message = malloc(plan->bytes)) == NULL)
            die("malloc");
    go(&run, clients, plan->warm_seconds);
    say_ready_and_wait();
    uint64_t elapsed = go(&run, clients, plan->seconds);
    report(run.connections, run.connections, elapsed, run.histogram);
}
