/*
 * bench/gen/points.c: points of clouds, to standard output, as a .npy file of f64:
 * `points ROWS COLUMNS CLOUDS SEED`. Centres are drawn from a cube of 20, a point's distance from
 * its centre along each axis is nearly normal with a deviation of 2: clouds touch.
 */
#include "gen.h"

#define HEAD 128

static void write_head(gen_out *out, unsigned long long rows, unsigned long long columns)
{
    char head[HEAD + 1] = "\x93NUMPY\x01\x00";
    head[8] = HEAD - 10;
    int size = snprintf(head + 10, HEAD - 10,
                        "{'descr': '<f8', 'fortran_order': False, 'shape': (%llu, %llu), }", rows,
                        columns);
    memset(head + 10 + size, ' ', (size_t)(HEAD - 10 - size));
    head[HEAD - 1] = '\n';
    gen_add(out, head, HEAD);
}

/* The sum of four uniform numbers, of mean 0 and a deviation of 2. */
static double away(gen_random *random)
{
    double sum = gen_unit(random) + gen_unit(random) + gen_unit(random) + gen_unit(random);
    return (sum - 2) * 3.4641016151377544;
}

static void write_rows(gen_out *out, gen_random *random, uint64_t rows, uint64_t columns,
                       uint32_t clouds)
{
    double *centres = calloc(clouds * columns, sizeof *centres);
    if (!centres)
        gen_fail("no memory");
    for (uint64_t i = 0; i < clouds * columns; i++)
        centres[i] = 20 * gen_unit(random);
    for (uint64_t row = 0; row < rows; row++) {
        const double *centre = centres + gen_below(random, clouds) * columns;
        for (uint64_t i = 0; i < columns; i++) {
            double value = centre[i] + away(random);
            gen_room(out);
            gen_add(out, (const char *)&value, sizeof value);
        }
    }
    free(centres);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: points ROWS COLUMNS CLOUDS SEED\n");
        return 2;
    }
    gen_out *out = gen_open();
    uint64_t rows = gen_number(argv[1]), columns = gen_number(argv[2]);
    gen_random random = {gen_number(argv[4])};
    write_head(out, rows, columns);
    write_rows(out, &random, rows, columns, (uint32_t)gen_number(argv[3]));
    gen_flush(out);
    free(out);
    return 0;
}
