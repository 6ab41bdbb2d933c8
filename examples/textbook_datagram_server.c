/* A datagram server, as in a textbook: it sends each message back to who sent it. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (sock < 0)
        die("socket");
    struct sockaddr_in addr = {.sin_family = AF_INET}, from;
    socklen_t size = sizeof addr;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons((unsigned short)atoi(argv[1]));
    if (bind(sock, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("bind");
    if (getsockname(sock, (struct sockaddr *)&addr, &size) < 0)
        die("getsockname");
    printf("port %d\n", ntohs(addr.sin_port));
    if (fflush(stdout) != 0)
        die("stdout");
    char buf[65535];
    for (;;) {                                          /* one message after another */
        size = sizeof from;
        ssize_t got = recvfrom(sock, buf, sizeof buf, 0, (struct sockaddr *)&from, &size);
        if (got < 0)
            die("recvfrom");
        if (sendto(sock, buf, (size_t)got, 0, (struct sockaddr *)&from, size) < 0)
            perror("sendto");
    }
}
