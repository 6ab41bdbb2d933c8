/* Echo over TCP: one thread, level-triggered epoll. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
    int fd;
    size_t kept;         /* bytes that the peer does not take yet */
    unsigned char *rest; /* those bytes; nothing more is read until they are gone */
};

static unsigned char buf[65536];
static int epoll;

static void watch(int operation, struct conn *conn, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = conn};
    epoll_ctl(epoll, operation, conn->fd, &event);
}

static void drop(struct conn *conn) {
    close(conn->fd);
    free(conn->rest);
    free(conn);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *conn = calloc(1, sizeof *conn);
        conn->fd = fd;
        watch(EPOLL_CTL_ADD, conn, EPOLLIN);
    }
}

static void keep(struct conn *conn, const unsigned char *bytes, size_t n) {
    unsigned char *rest = malloc(n);
    memcpy(rest, bytes, n);
    free(conn->rest);
    conn->rest = rest;
    conn->kept = n;
    watch(EPOLL_CTL_MOD, conn, EPOLLOUT);
}

static void serve(struct conn *conn) {
    const unsigned char *bytes = conn->kept > 0 ? conn->rest : buf;
    ssize_t n = (ssize_t)conn->kept;
    if (n == 0 && (n = recv(conn->fd, buf, sizeof buf, 0)) <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(conn);
        return;
    }
    ssize_t sent = send(conn->fd, bytes, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        drop(conn);
        return;
    }
    if (sent < n) {
        sent = sent < 0 ? 0 : sent;
        keep(conn, bytes + sent, (size_t)(n - sent));
    } else if (conn->kept > 0) {
        conn->kept = 0;
        watch(EPOLL_CTL_MOD, conn, EPOLLIN);
    }
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited */
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 4096) < 0) {
        perror("listen");
        return 1;
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    struct conn door = {.fd = listener};
    epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(EPOLL_CTL_ADD, &door, EPOLLIN);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, -1);
        for (int at = 0; at < n; at++) {
            struct conn *conn = events[at].data.ptr;
            if (conn == &door)
                accept_all(listener);
            else
                serve(conn);
        }
    }
}
