/* Clients that send a datagram, await its echo, and send the next one.
 *
 * A datagram may be lost, where a stream would be resumed: one whose echo has not come
 * within a second is sent again and counted as lost. Its latency still begins with the
 * first attempt. Was it only late, its echo comes twice: so many echoes of the last
 * message that was sent again are let pass, and no other one is.
 *
 * The second is counted in looks of ours, not on the clock: a machine that stands still
 * for so long, and we with it, loses nothing.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* How often to look for what is lost, and after how many looks it is: a second, far more
 * than a server here needs for all that can wait in front of it. */
#define LOOK_NS 50000000u
#define LOOKS 20

struct client {
    int fd;
    int is_busy;
    int looks;      /* that found its message unanswered, since it was sent last */
    int attempts;   /* how often its message was sent again */
    int late;       /* echoes of `previous` that may still come */
    uint64_t begun; /* when its message was sent first */
    unsigned char *message;
    unsigned char *previous; /* the last message that was sent again and is answered */
};

struct run {
    const struct plan *plan;
    struct client *clients;
    int epoll;
    int busy;
    uint64_t seed;
    uint64_t end;
    uint64_t look_at;
    uint64_t last; /* when the last echo came of a message that was sent once */
    uint64_t messages, lost;
    struct histogram *histogram;
};

static void start(struct run *run, struct client *client, uint64_t now) {
    fill(client->message, run->plan->bytes, ++run->seed);
    client->begun = now;
    client->looks = client->attempts = 0;
    client->is_busy = 1;
    run->busy++;
    must_send(client->fd, client->message, run->plan->bytes);
}

static void finish(struct run *run, struct client *client) {
    uint64_t now = now_ns();
    histogram_add(run->histogram, now - client->begun);
    run->messages++;
    client->is_busy = 0;
    run->busy--;
    if (client->attempts == 0) {
        run->last = now;
    } else {
        unsigned char *previous = client->previous;
        client->previous = client->message;
        client->message = previous;
        client->late = client->attempts;
    }
    if (now < run->end)
        start(run, client, now);
}

static void receive(struct run *run, struct client *client) {
    unsigned char buf[MAX_BYTES + 1]; /* one more, so that too much is seen */
    size_t bytes = run->plan->bytes;
    ssize_t n = recv(client->fd, buf, sizeof buf, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        die("recv");
    errno = 0;
    int is_whole = (size_t)n == bytes;
    if (is_whole && client->is_busy && memcmp(buf, client->message, bytes) == 0)
        finish(run, client);
    else if (is_whole && client->late > 0 && memcmp(buf, client->previous, bytes) == 0)
        client->late--;
    else if (!client->is_busy)
        die("more came back than was sent");
    else
        die("what came back is not what was sent");
}

static void send_again_what_is_lost(struct run *run) {
    for (int at = 0; at < run->plan->connections; at++) {
        struct client *client = &run->clients[at];
        if (!client->is_busy || ++client->looks <= LOOKS) /* the first came too early */
            continue;
        errno = 0;
        if (++client->attempts >= STALL_SECONDS)
            die("the server does not answer");
        run->lost++;
        client->looks = 0;
        must_send(client->fd, client->message, run->plan->bytes);
    }
}

/* Return how long it took until the last echo was back. One of a message that was lost
 * is not waited for: the second that it is late by would be counted as the server's. */
static uint64_t go(struct run *run, double seconds) {
    histogram_clear(run->histogram);
    run->messages = run->lost = 0;
    uint64_t begun = now_ns();
    run->last = 0;
    run->look_at = begun + LOOK_NS;
    run->end = begun + (uint64_t)(seconds * 1e9);
    for (int at = 0; at < run->plan->connections; at++)
        start(run, &run->clients[at], now_ns());
    while (run->busy > 0) {
        struct epoll_event events[256];
        int n = epoll_wait(run->epoll, events, 256, LOOK_NS / 1000000);
        if (n < 0)
            die("epoll_wait");
        for (int at = 0; at < n; at++)
            receive(run, events[at].data.ptr);
        uint64_t now = now_ns();
        if (now >= run->look_at) {
            send_again_what_is_lost(run);
            run->look_at = now + LOOK_NS;
        }
    }
    return (run->last != 0 ? run->last : now_ns()) - begun;
}

void run_packets(const struct plan *plan) {
    struct run run = {.plan = plan, .histogram = histogram_new()};
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    run.clients = calloc((size_t)plan->connections, sizeof *run.clients);
    for (int at = 0; at < plan->connections; at++) {
        struct client *client = &run.clients[at];
        client->fd = dial_packets(plan->port);
        client->message = malloc(plan->bytes);
        client->previous = malloc(plan->bytes);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        if (client->message == NULL || client->previous == NULL ||
            epoll_ctl(run.epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
            die("setting up");
    }
    go(&run, plan->warm_seconds);
    say_ready_and_wait();
    uint64_t elapsed = go(&run, plan->seconds);
    report(run.messages, run.messages + run.lost, elapsed, run.histogram);
}
