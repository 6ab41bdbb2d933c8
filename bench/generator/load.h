/* What the parts of the load generator share. */

#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>

/* A message always fits into an empty socket buffer, so that no send is ever short. */
#define MAX_BYTES 8192

/* Nobody may be silent longer: generous, for a busy machine under valgrind too. */
#define STALL_SECONDS 30

struct plan {
    int port;
    int connections;
    double warm_seconds;
    double seconds;
    size_t bytes; /* of a message */
    double rate;  /* messages each second over all connections; 0: as fast as it goes */
    char **words; /* what the mode is told besides */
    int word_count;
};

/* histogram.c */
struct histogram;
struct histogram *histogram_new(void);
void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t nanoseconds);
double histogram_microseconds(const struct histogram *histogram, double quantile);

/* wire.c */
uint64_t now_ns(void);
void die(const char *what); /* with errno's text, where there is one */
int dial(int port, int blocking);
int dial_packets(int port);
void fill(unsigned char *message, size_t bytes, uint64_t seed);
void must_send(int fd, const unsigned char *message, size_t bytes);

/* answer.c */
size_t head_of(const char *answer, size_t n, size_t *body_bytes); /* 0: not all here */

/* main.c */
void say_ready_and_wait(void);
/* offered: all that were sent or due, so that the rest was lost or not sent in time */
void report(uint64_t messages, uint64_t offered, uint64_t elapsed_ns,
            const struct histogram *histogram);

/* echo.c, connect.c, packets.c, idle.c, web.c, fetch.c: the modes */
void run_echo(const struct plan *plan);
void run_connect(const struct plan *plan);
void run_packets(const struct plan *plan);
void run_idle(const struct plan *plan);
void run_web(const struct plan *plan);
void run_fetch(const struct plan *plan);

#endif
