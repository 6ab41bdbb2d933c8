/* Echo over UDP: one thread that receives and sends, and sleeps in the receiving. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static unsigned char buf[65536];

int main(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, size) < 0) {
        perror("bind");
        return 1;
    }
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct sockaddr_in client;
        socklen_t length = sizeof client;
        ssize_t n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&client, &length);
        if (n >= 0)
            sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&client, length);
    }
}
