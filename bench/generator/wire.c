/* The clock, the sockets, and the bytes that go over them. */

#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void die(const char *what) {
    if (errno != 0)
        fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    else
        fprintf(stderr, "load: %s\n", what);
    exit(1);
}

/* Every connection comes from the next of 250 loopback addresses: each has ports of its
 * own, so that those in TIME_WAIT never run out. The port itself is chosen at connect
 * (IP_BIND_ADDRESS_NO_PORT), when the kernel knows the whole five-tuple. */
int dial(int port, int blocking) {
    static uint32_t number;
    int type = SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
    int fd = socket(AF_INET, type, 0);
    if (fd < 0)
        die("socket");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct timeval stall = {.tv_sec = STALL_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number++ % 250);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
        die("bind");
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 &&
        errno != EINPROGRESS)
        die("connect");
    return fd;
}

/* From a port that the kernel chooses, and deaf to all but the server: who is not there
 * refuses, as over TCP. */
int dial_packets(int port) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0)
        die("connect");
    return fd;
}

/* Make a message that no other message equals: an echo that is late, doubled, or of
 * another connection shows. */
void fill(unsigned char *message, size_t bytes, uint64_t seed) {
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t at = 0; at < bytes; at += sizeof state) {
        size_t left = bytes - at;
        memcpy(message + at, &state, left < sizeof state ? left : sizeof state);
        state = state * 6364136223846793005u + 1442695040888963407u;
    }
}

void must_send(int fd, const unsigned char *message, size_t bytes) {
    ssize_t sent = send(fd, message, bytes, MSG_NOSIGNAL);
    if (sent < 0)
        die("send");
    errno = 0;
    if ((size_t)sent != bytes)
        die("a message did not fit into the socket's buffer");
}
