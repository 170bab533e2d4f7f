/* input/cells.c: lines into cells, and what cells say. Touches nothing but bytes. */
#include "input/cells.h"

#include "base/parse.h"

#include <strings.h>

bool mr_cells_next_line(mr_bytes *rest, mr_bytes *line)
{
    if (rest->size == 0)
        return false;
    const char *end = rest->data + rest->size, *stop = mr_bytes_seek(rest->data, end, '\n');
    *line = mr_bytes_chomp(mr_bytes_between(rest->data, stop));
    *rest = mr_bytes_between(stop < end ? stop + 1 : end, end);
    return true;
}

bool mr_cells_is_blank(mr_bytes line, char separator)
{
    if (separator == '\t' && memchr(line.data, '\t', line.size))
        return false;
    return mr_bytes_trim(line).size == 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

bool mr_cell_take(const char *at, const char *end, char separator, mr_bytes *cell,
                  const char **stop)
{
    const char *from = at;
    while (from < end && is_blank(*from) && *from != separator)
        from++;
    if (from == end || *from != '"') {
        *stop = mr_bytes_seek(from, end, separator);
        *cell = mr_bytes_trim(mr_bytes_between(from, *stop));
        return true;
    }
    const char *close = from;
    do {
        close = mr_bytes_seek(close + 1, end, '"');
        if (close == end)
            return false;
        if (close + 1 < end && close[1] == '"')
            close++;
        else
            break;
    } while (true);
    *stop = mr_bytes_seek(close, end, separator);
    bool more = mr_bytes_trim(mr_bytes_between(close + 1, *stop)).size > 0;
    *cell = more ? mr_bytes_between(from, *stop) : mr_bytes_trim(mr_bytes_between(from + 1, close));
    return true;
}

bool mr_cell_is_missing(mr_bytes cell)
{
    static const char *const words[] = {"", "NA", "N/A", "null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (mr_bytes_equal(cell, mr_bytes_of(words[i])))
            return true;
    return false;
}

/* nan and inf, with a sign or without, in any case. */
static bool is_word(mr_bytes cell)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    if (cell.size > 0 && (cell.data[0] == '-' || cell.data[0] == '+')) {
        cell.data++;
        cell.size--;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cell.size == strlen(words[i]) && strncasecmp(cell.data, words[i], cell.size) == 0)
            return true;
    return false;
}

bool mr_cell_is_number(mr_bytes cell, double *value)
{
    const char *end = cell.data + cell.size;
    return mr_parse_f64(cell.data, end, value) == end ||
           (is_word(cell) && mr_bytes_to_f64(cell, value));
}

mr_status mr_cell_open_quote(const char *path, uint64_t place, mr_error *error)
{
    return mr_error_set(error, MR_BAD_INPUT,
                        "cannot read line: %s at byte %llu: a quote is not closed in it: a cell "
                        "may not hold a newline",
                        path, (unsigned long long)place);
}
