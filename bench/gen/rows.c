/*
 * bench/gen/rows.c: rows of the One Billion Row Challenge, to standard output:
 * `rows STATIONS ROWS SEED`.
 *
 * STATIONS is a file of `name;mean`. A row is a station, all equally likely, and a temperature
 * drawn from a normal distribution around its mean with a standard deviation of 10, to one decimal.
 */
#include "gen.h"

#include <math.h>

#define MAX_STATIONS 10000

typedef struct station {
    size_t size; /* of the name with its semicolon */
    double mean;
    char name[112];
} station;

static uint32_t read_stations(const char *path, station *stations)
{
    FILE *file = fopen(path, "r");
    if (!file)
        gen_fail(path);
    uint32_t count = 0;
    char line[160];
    while (count < MAX_STATIONS && fgets(line, sizeof(line), file)) {
        const char *semicolon = strchr(line, ';');
        if (!semicolon || semicolon - line > 100)
            continue;
        station *s = &stations[count++];
        s->size = (size_t)(semicolon - line) + 1;
        memcpy(s->name, line, s->size);
        s->mean = strtod(semicolon + 1, NULL);
    }
    fclose(file);
    return count;
}

/* Marsaglia's polar method makes two at a time; the second waits in `spare`. */
static double draw_normal(gen_random *random, double *spare)
{
    if (!isnan(*spare)) {
        double value = *spare;
        *spare = NAN;
        return value;
    }
    double x, y, square;
    do {
        x = 2 * gen_unit(random) - 1;
        y = 2 * gen_unit(random) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square <= 0);
    double factor = sqrt(-2 * log(square) / square);
    *spare = y * factor;
    return x * factor;
}

static size_t format_tenths(char *at, long tenths)
{
    size_t n = 0;
    if (tenths < 0) {
        at[n++] = '-';
        tenths = -tenths;
    }
    if (tenths >= 100)
        at[n++] = (char)('0' + tenths / 100);
    at[n++] = (char)('0' + tenths / 10 % 10);
    at[n++] = '.';
    at[n++] = (char)('0' + tenths % 10);
    at[n++] = '\n';
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: rows STATIONS ROWS SEED\n");
        return 2;
    }
    station *stations = calloc(MAX_STATIONS, sizeof(*stations));
    if (!stations)
        gen_fail("no memory");
    uint32_t count = read_stations(argv[1], stations);
    if (count == 0) {
        fprintf(stderr, "rows: no stations in %s\n", argv[1]);
        return 1;
    }
    uint64_t rows = gen_number(argv[2]);
    gen_random random = {gen_number(argv[3])};
    gen_out *out = gen_open();
    double spare = NAN;
    for (uint64_t i = 0; i < rows; i++) {
        gen_room(out);
        const station *s = &stations[gen_below(&random, count)];
        long tenths = lround(10 * (s->mean + 10 * draw_normal(&random, &spare)));
        tenths = tenths > 999 ? 999 : tenths < -999 ? -999 : tenths;
        gen_add(out, s->name, s->size);
        out->used += format_tenths(out->bytes + out->used, tenths);
    }
    gen_flush(out);
    return 0;
}
