/* How long things took, in buckets that are under one percent wide.
 *
 * Values up to 255 ns have a bucket each; above, every power of two is cut into 128
 * equal buckets. A quantile is told as the upper end of its bucket, never less.
 */

#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { PART_BITS = 7, PARTS = 1 << PART_BITS, BUCKETS = (64 - PART_BITS + 1) * PARTS };

struct histogram {
    uint64_t total;
    uint64_t counts[BUCKETS];
};

struct histogram *histogram_new(void) {
    struct histogram *histogram = calloc(1, sizeof *histogram);
    if (histogram == NULL)
        die("calloc");
    return histogram;
}

void histogram_clear(struct histogram *histogram) {
    memset(histogram, 0, sizeof *histogram);
}

static unsigned bucket_of(uint64_t value) {
    if (value < 2 * PARTS)
        return (unsigned)value;
    unsigned shift = 63 - PART_BITS - (unsigned)__builtin_clzll(value);
    return shift * PARTS + (unsigned)(value >> shift);
}

static uint64_t upper_end(unsigned bucket) {
    if (bucket < 2 * PARTS)
        return bucket;
    unsigned shift = bucket / PARTS - 1;
    uint64_t first = (uint64_t)(bucket % PARTS + PARTS) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds) {
    histogram->counts[bucket_of(nanoseconds)]++;
    histogram->total++;
}

double histogram_microseconds(const struct histogram *histogram, double quantile) {
    uint64_t wanted = (uint64_t)(quantile * (double)histogram->total + 0.5);
    if (wanted == 0)
        wanted = 1;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen >= wanted)
            return (double)upper_end(bucket) / 1e3;
    }
    return 0;
}
