/* Send messages of 1 KiB to an echo server and compare what comes back.
   Usage: echo_client HOST PORT MESSAGES; exit 0 when every byte came back. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 1024 };

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) return 2;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        perror("connect");
        return 1;
    }
    char sent[SIZE], got[SIZE];
    for (int n = 0; n < atoi(argv[3]); n++) {
        for (int i = 0; i < SIZE; i++) sent[i] = (char)(n * 31 + i);
        if (send(fd, sent, SIZE, 0) != SIZE) {
            perror("send");
            return 1;
        }
        for (int have = 0; have < SIZE;) {
            ssize_t came = recv(fd, got + have, SIZE - have, 0);
            if (came <= 0) {
                perror("recv");
                return 1;
            }
            have += came;
        }
        if (memcmp(sent, got, SIZE) != 0) return 1;
    }
    shutdown(fd, SHUT_WR);
    int rest = recv(fd, got, SIZE, 0) != 0;
    close(fd);
    return rest;
}
