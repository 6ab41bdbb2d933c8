/* What the head of an answer over HTTP says. */

#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *value_of(const char *head, const char *end, const char *field) {
    const char *found = strcasestr(head, field);
    return found != NULL && found < end ? found + strlen(field) : NULL;
}

/* Return the bytes of the head, with its empty line, and how many the body has.
 *
 * The answer ends with a NUL after its n bytes. One that is not a 200 with a length and
 * a date dies: the servers that are compared all say as much.
 */
size_t head_of(const char *answer, size_t n, size_t *body_bytes) {
    const char *end = memmem(answer, n, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    errno = 0;
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
        die("an answer is no 200");
    if (value_of(answer, end, "\r\nDate: ") == NULL)
        die("an answer has no Date");
    const char *length = value_of(answer, end, "\r\nContent-Length: ");
    if (length == NULL)
        die("an answer has no Content-Length");
    *body_bytes = strtoul(length, NULL, 10);
    return (size_t)(end - answer) + 4;
}
