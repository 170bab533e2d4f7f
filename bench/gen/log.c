/* gen/log.c: log BYTES SEED: about as many bytes of a web server's log, in the common format. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

int main(int count, char **arguments)
{
    static const char *const paths[] = {"/", "/index.html", "/img/logo.png", "/api/v1/items?id="};
    static const int codes[] = {200, 200, 200, 200, 200, 301, 304, 404, 500};
    if (count != 3)
        return 2;
    uint64_t size = strtoull(arguments[1], NULL, 10);
    state = strtoull(arguments[2], NULL, 10) * 2654435761u + 88172645463325252u;
    for (uint64_t written = 0, second = 0; written < size; second++) {
        int code = codes[draw(9)];
        written += (uint64_t)printf(
            "10.%d.%d.%d - - [%02d/Oct/2000:%02d:%02d:%02d -0700] \"GET %s%d HTTP/1.1\" %d %d\n",
            (int)draw(256), (int)draw(256), (int)draw(256), (int)(second / 86400 % 28 + 1),
            (int)(second / 3600 % 24), (int)(second / 60 % 60), (int)(second % 60), paths[draw(4)],
            (int)draw(100000), code, (int)draw(100000));
    }
    return 0;
}
