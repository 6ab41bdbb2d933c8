/* A datagram client, as in a textbook: each line is a message; one may get lost. */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void die(const char *what) {
    perror(what);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s HOST PORT\n", argv[0]);
        return 2;
    }
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM}, *to;
    int why = getaddrinfo(argv[1], argv[2], &hints, &to);
    if (why != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(why));
        return 1;
    }
    int sock = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
    if (sock < 0)
        die("socket");
    struct timeval second = {.tv_sec = 1};
    if (setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) < 0)
        die("setsockopt");
    char line[1024], answer[1024];
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sendto(sock, line, strlen(line), 0, to->ai_addr, to->ai_addrlen) < 0)
            die("sendto");
        ssize_t got = recvfrom(sock, answer, sizeof answer, 0, NULL, NULL);
        if (got < 0)
            fputs("no answer within a second\n", stderr);
        else if (fwrite(answer, 1, (size_t)got, stdout) != (size_t)got)
            die("fwrite");
    }
    freeaddrinfo(to);
    return close(sock) < 0 || fclose(stdout) != 0;
}
