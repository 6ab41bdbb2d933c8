/* A client, as in a textbook: it sends each line and prints as much as comes back. */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int dial(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *first, *at;
    int conn, why = getaddrinfo(host, port, &hints, &first);
    if (why != 0) {
        fprintf(stderr, "%s: %s\n", host, gai_strerror(why));
        exit(1);
    }
    for (at = first; at != NULL; at = at->ai_next) {    /* a name has many addresses */
        if ((conn = socket(at->ai_family, at->ai_socktype, at->ai_protocol)) < 0)
            continue;
        if (connect(conn, at->ai_addr, at->ai_addrlen) == 0)
            break;
        if (close(conn) < 0)
            perror("close");
    }
    if (at == NULL)
        die("connect");
    freeaddrinfo(first);
    return conn;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s HOST PORT\n", argv[0]);
        return 2;
    }
    char line[4096], answer[4096];
    int conn = dial(argv[1], argv[2]);
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t size = strlen(line);
        ssize_t sent, got;
        for (size_t n = 0; n < size; n += (size_t)sent)  /* it may take a part only */
            if ((sent = send(conn, line + n, size - n, MSG_NOSIGNAL)) < 0)
                die("send");
        for (size_t n = 0; n < size; n += (size_t)got) { /* waits for their send */
            if ((got = recv(conn, answer, size - n, 0)) < 0)
                die("recv");
            if (got == 0)
                return fprintf(stderr, "the server has closed\n") > 0;
            if (fwrite(answer, 1, (size_t)got, stdout) != (size_t)got)
                die("fwrite");
        }
    }
    return close(conn) < 0 || fclose(stdout) != 0;
}
