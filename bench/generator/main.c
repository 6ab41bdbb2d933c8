/* Make load for an echo server, check every byte that comes back, and say how it went.
 *
 *   load closed  PORT CONNECTIONS BYTES WARM SECONDS       each sends, awaits, sends ...
 *   load open    PORT CONNECTIONS BYTES WARM SECONDS RATE  sends at fixed times
 *   load connect PORT CLIENTS BYTES WARM SECONDS           connect, one message, close
 *   load packets PORT CLIENTS BYTES WARM SECONDS           datagrams: send, await ...
 *   load idle    PORT CONNECTIONS                          one message, then silence
 *
 * It says "ready" when it has warmed up and nothing is on its way. A line on stdin lets
 * it measure; then it writes one line of JSON, and keeps its connections until stdin
 * ends. So whoever reads the server's CPU clock before the line and after the JSON
 * counts the messages and nothing else: no connecting, no closing, no warming up.
 */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void raise_descriptor_limit(int wanted) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    errno = 0;
    if (limit.rlim_cur < (rlim_t)wanted + 16)
        die("the limit of open files (ulimit -Hn) is too low for so many connections");
}

static void wait_for_line(void) {
    char byte = 0;
    while (byte != '\n')
        if (read(0, &byte, 1) <= 0)
            exit(0);
}

/* How long we were ready to run while another program had our core (proc(5)): what it
 * takes is taken from the load, and no fault of the server. */
static double seconds_kept_waiting(void) {
    unsigned long long ran, waited = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (file != NULL) {
        if (fscanf(file, "%llu %llu", &ran, &waited) != 2)
            waited = 0;
        fclose(file);
    }
    return (double)waited / 1e9;
}

static double waited_before;

void say_ready_and_wait(void) {
    puts("ready");
    fflush(stdout);
    wait_for_line();
    waited_before = seconds_kept_waiting();
}

void report(uint64_t messages, uint64_t offered, uint64_t elapsed_ns,
            const struct histogram *histogram) {
    printf("{\"messages\": %llu, \"offered\": %llu, \"seconds\": %.6f, "
           "\"kept_waiting\": %.6f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f}\n",
           (unsigned long long)messages, (unsigned long long)offered,
           (double)elapsed_ns / 1e9, seconds_kept_waiting() - waited_before,
           histogram_microseconds(histogram, 0.5),
           histogram_microseconds(histogram, 0.99),
           histogram_microseconds(histogram, 0.999));
    fflush(stdout);
    wait_for_line();
}

int main(int count, char **words) {
    struct plan plan = {.bytes = 64};
    const char *mode = count > 3 ? words[1] : "";
    int is_idle = strcmp(mode, "idle") == 0, is_open = strcmp(mode, "open") == 0;
    if (count != (is_idle ? 4 : is_open ? 8 : 7)) {
        fputs("usage: load closed|open|connect|packets|idle PORT ...: see main.c\n", stderr);
        return 2;
    }
    plan.port = atoi(words[2]);
    plan.connections = atoi(words[3]);
    if (!is_idle) {
        plan.bytes = strtoul(words[4], NULL, 10);
        plan.warm_seconds = atof(words[5]);
        plan.seconds = atof(words[6]);
    }
    plan.rate = is_open ? atof(words[7]) : 0;
    if (plan.connections < 1 || plan.bytes < 1 || plan.bytes > MAX_BYTES ||
        (is_open && plan.rate <= 0)) {
        fputs("load: a number that cannot be\n", stderr);
        return 2;
    }
    raise_descriptor_limit(plan.connections);
    prctl(PR_SET_TIMERSLACK, 1); /* else every timer is up to 50 us late */
    prctl(PR_SET_PDEATHSIG, 9);
    if (is_idle)
        run_idle(&plan);
    else if (is_open || strcmp(mode, "closed") == 0)
        run_echo(&plan);
    else if (strcmp(mode, "connect") == 0)
        run_connect(&plan);
    else if (strcmp(mode, "packets") == 0)
        run_packets(&plan);
    else {
        fputs("load: no such mode\n", stderr);
        return 2;
    }
    return 0;
}
