/* Send packets of many lengths to an echo server and compare what comes back; a packet
   that is lost is sent again.
   Usage: packet_client HOST PORT CONNECTED; exit 0 when every one came back. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST = 65507, TRIES = 50 };

static char sent[MOST], got[MOST + 1];

int main(int argc, char **argv)
{
    static const int sizes[] = {0, 1, 2, 27, 512, 1472, 1473, 9000, 32768, MOST};
    if (argc != 4) return 2;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) return 2;
    int connected = atoi(argv[3]);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct timeval patience = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || (connected && connect(fd, (struct sockaddr *)&to, sizeof to) < 0)) {
        perror("connect");
        return 1;
    }
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        int size = sizes[n], came = -1;
        for (int i = 0; i < size; i++) sent[i] = (char)(n * 31 + i);
        for (int tries = 0; came != size && tries < TRIES; tries++) {
            struct sockaddr *target = connected ? NULL : (struct sockaddr *)&to;
            if (sendto(fd, sent, size, 0, target, connected ? 0 : sizeof to) != size) {
                perror("sendto");
                return 1;
            }
            struct sockaddr_in from = {0};
            socklen_t length = sizeof from;
            came = recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&from, &length);
            if (came == size && memcmp(&from.sin_addr, &to.sin_addr, 4) != 0) return 3;
            if (came == size && from.sin_port != to.sin_port) return 3;
        }
        if (came != size || memcmp(sent, got, size) != 0) return 1;
    }
    close(fd);
    return 0;
}
