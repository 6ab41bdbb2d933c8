/* Make load for a server, check every byte that comes back, and say how it went.
 *
 *   load closed  PORT CONNECTIONS WARM SECONDS BYTES       each sends, awaits, sends ...
 *   load open    PORT CONNECTIONS WARM SECONDS BYTES RATE  sends at fixed times
 *   load connect PORT CLIENTS WARM SECONDS BYTES           connect, one message, close
 *   load packets PORT CLIENTS WARM SECONDS BYTES           datagrams: send, await ...
 *   load web     PORT CONNECTIONS WARM SECONDS PATH=NAME...  GET, await "Hello, NAME!" ...
 *   load fetch   PORT CONNECTIONS WARM SECONDS PATH FILE   GET, await what FILE holds ...
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

struct mode {
    const char *name;
    void (*run)(const struct plan *plan);
    int least, most; /* words, with the name of the program */
};

static const struct mode modes[] = {
    {"closed", run_echo, 7, 7},     {"open", run_echo, 8, 8},
    {"connect", run_connect, 7, 7}, {"packets", run_packets, 7, 7},
    {"web", run_web, 7, 1000},      {"fetch", run_fetch, 8, 8},
    {"idle", run_idle, 4, 4},
};

static const struct mode *mode_of(int count, char **words) {
    for (size_t at = 0; at < sizeof modes / sizeof *modes; at++)
        if (count > 1 && strcmp(words[1], modes[at].name) == 0 &&
            count >= modes[at].least && count <= modes[at].most)
            return &modes[at];
    fputs("usage: load closed|open|connect|packets|web|fetch|idle PORT ...: see main.c\n",
          stderr);
    exit(2);
}

static struct plan plan_of(const struct mode *mode, int count, char **words) {
    struct plan plan = {.bytes = 64}; /* what an idle one says */
    plan.port = atoi(words[2]);
    plan.connections = atoi(words[3]);
    if (count > 5) {
        plan.warm_seconds = atof(words[4]);
        plan.seconds = atof(words[5]);
        plan.words = words + 6;
        plan.word_count = count - 6;
    }
    if (mode->run != run_web && mode->run != run_fetch && count > 6)
        plan.bytes = strtoul(words[6], NULL, 10);
    int is_open = strcmp(mode->name, "open") == 0;
    plan.rate = is_open ? atof(words[7]) : 0;
    if (plan.connections < 1 || plan.bytes < 1 || plan.bytes > MAX_BYTES ||
        (is_open && plan.rate <= 0)) {
        fputs("load: a number that cannot be\n", stderr);
        exit(2);
    }
    return plan;
}

int main(int count, char **words) {
    const struct mode *mode = mode_of(count, words);
    struct plan plan = plan_of(mode, count, words);
    raise_descriptor_limit(plan.connections);
    prctl(PR_SET_TIMERSLACK, 1); /* else every timer is up to 50 us late */
    prctl(PR_SET_PDEATHSIG, 9);
    mode->run(&plan);
    return 0;
}
