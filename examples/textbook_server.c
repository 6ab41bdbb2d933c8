/* An echo server, as in a textbook: socket, bind, listen, accept, recv, send, close. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void echo(int conn) {
    char buf[4096];
    ssize_t got, sent;
    while ((got = recv(conn, buf, sizeof buf, 0)) > 0)  /* waits for their send */
        for (ssize_t n = 0; n < got; n += sent)         /* it may take a part only */
            if ((sent = send(conn, buf + n, (size_t)(got - n), MSG_NOSIGNAL)) < 0) {
                perror("send");
                return;
            }
    if (got < 0)
        perror("recv");
}

int main(int argc, char **argv) {
    unsigned short port;
    if (argc != 2 || sscanf(argv[1], "%hu", &port) != 1) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (listener < 0)
        die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
        die("setsockopt");
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t size = sizeof addr;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons(port);
    if (bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0)
        die("bind");
    if (listen(listener, 5) < 0)                        /* five may wait */
        die("listen");
    if (getsockname(listener, (struct sockaddr *)&addr, &size) < 0)
        die("getsockname");
    if (printf("port %d\n", ntohs(addr.sin_port)) < 0 || fflush(stdout) != 0)
        die("printf");
    for (;;) {                                          /* one client after another */
        int conn = accept(listener, NULL, NULL);        /* waits for their connect */
        if (conn < 0)
            die("accept");
        echo(conn);
        if (close(conn) < 0)
            perror("close");
    }
}
