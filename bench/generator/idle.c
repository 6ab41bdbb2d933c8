/* Connections that have said something once and are silent then.
 *
 * Each sends a message and awaits the echo before the next one connects. So all of them
 * are accepted and served when it is ready, and no accept queue overflows. A line on
 * stdin asks whether all are open still, and ends it.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void run_idle(const struct plan *plan) {
    unsigned char message[MAX_BYTES], buf[MAX_BYTES];
    int *fds = calloc((size_t)plan->connections, sizeof *fds);
    for (int at = 0; at < plan->connections; at++) {
        int fd = fds[at] = dial(plan->port, 1); /* our end closes it */
        fill(message, plan->bytes, (uint64_t)at);
        must_send(fd, message, plan->bytes);
        errno = 0;
        ssize_t n = recv(fd, buf, plan->bytes, MSG_WAITALL);
        if (n != (ssize_t)plan->bytes || memcmp(buf, message, plan->bytes) != 0)
            die("an idle connection got no echo");
    }
    say_ready_and_wait();
    for (int at = 0; at < plan->connections; at++)
        if (recv(fds[at], buf, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
            die("an idle connection did not stay open");
    puts("open");
    fflush(stdout);
}
