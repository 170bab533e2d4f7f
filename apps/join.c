/*
 * apps/join.c: joins two files of delimited lines where key columns are equal, byte by byte. Rows
 * are the key's columns, the other columns of the left file, the other ones of the right; in the
 * order of keys, then of the lines on the left, then on the right. The columns of a side that has
 * no such key are empty.
 *
 * Lines are cut at each delimiter, as join(1) does: there is no quoting. A carriage return at the
 * end of a line is left out. What a line has fewer columns than others of its file is empty.
 */
#include <mapred.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS    16      /* the most columns of a key */
#define COLUMNS 1000000 /* and the largest number of one */
#define NAME    20      /* room for a column's name */

typedef struct side {
    const char *name, *path, *key; /* as typed */
    unsigned columns[KEYS];        /* of the key, from 0, */
    unsigned count, last;          /* how many, and the last of them */
    char delimiter;
    _Atomic int64_t widest; /* the most columns of a line, without those of the key */
    unsigned cells;         /* in a row of the result */
} side;

typedef struct state {
    side left, right;
    const char *how, *delimiter;
    mr_join_how join;
    unsigned cells; /* of a row */
} state;

/* A line in two: columns of the key with newlines between them, and the rest as it was. */
typedef struct parts {
    mr_bytes key, rest;
    unsigned columns; /* of the rest */
} parts;

static mr_bytes empty(void)
{
    return mr_bytes_at("", 0);
}

static bool is_key(const side *s, unsigned column)
{
    unsigned i = 0;
    while (i < s->count && s->columns[i] != column)
        i++;
    return i < s->count;
}

/* A key of one column, most often the first or the last: nothing has to be copied then. */
static bool cut_at_column(const side *s, mr_bytes line, char *room, parts *p)
{
    const char *begin = line.data, *end = begin + line.size, *at = begin;
    for (unsigned i = 0; i < s->columns[0]; i++) {
        at = mr_bytes_seek(at, end, s->delimiter);
        if (at++ == end)
            return false;
    }
    const char *stop = mr_bytes_seek(at, end, s->delimiter);
    p->key = mr_bytes_between(at, stop);
    p->columns = s->columns[0];
    if (stop == end) {
        p->rest = at == begin ? empty() : mr_bytes_between(begin, at - 1);
        return true;
    }
    p->rest = mr_bytes_between(stop + 1, end);
    for (const char *next = stop; next < end; next = mr_bytes_seek(next + 1, end, s->delimiter))
        p->columns++;
    if (at > begin) {
        size_t before = (size_t)(at - begin);
        memcpy(room, begin, before);
        memcpy(room + before, p->rest.data, p->rest.size);
        p->rest = mr_bytes_at(room, before + p->rest.size);
    }
    return true;
}

static char *append(char *end, mr_bytes field, char separator, bool is_first)
{
    if (!is_first)
        *end++ = separator;
    memcpy(end, field.data, field.size);
    return end + field.size;
}

static bool cut_columns(const side *s, mr_bytes line, char *room, parts *p)
{
    mr_bytes fields[KEYS];
    char *end = room;
    unsigned column = 0;
    p->columns = 0;
    for (mr_bytes field; mr_bytes_next_field(&line, s->delimiter, &field); column++) {
        for (unsigned i = 0; i < s->count; i++)
            if (s->columns[i] == column)
                fields[i] = field;
        if (!is_key(s, column))
            end = append(end, field, s->delimiter, p->columns++ == 0);
    }
    if (column <= s->last)
        return false;
    p->rest = mr_bytes_between(room, end);
    room = end;
    for (unsigned i = 0; i < s->count; i++)
        end = append(end, fields[i], '\n', i == 0);
    p->key = mr_bytes_between(room, end);
    return true;
}

static mr_status cut_block(mr_out *out, mr_block *block, side *s, char *room)
{
    int64_t widest = 0;
    mr_status status = MR_OK;
    for (mr_bytes line; mr_block_next_line(block, &line);) {
        parts p;
        line = mr_bytes_chomp(line);
        if (!(s->count == 1 ? cut_at_column : cut_columns)(s, line, room, &p)) {
            status =
                mr_out_bad(out, "no column %u (see --%s-key, --delimiter)", s->last + 1, s->name);
            break;
        }
        if (p.columns > widest)
            widest = p.columns;
        MR_TRY(mr_out_pair(out, p.key, p.rest));
    }
    int64_t before = s->widest;
    while (before < widest && !atomic_compare_exchange_weak(&s->widest, &before, widest))
        ;
    return status;
}

static mr_status cut_lines(mr_out *out, mr_block *block)
{
    /* What is put there of a line is as long as the line and a delimiter. */
    char *room = malloc((size_t)(block->end - block->at) + 2);
    if (!room)
        return mr_out_fail(out, MR_NO_MEMORY, "out of memory: the columns of a line");
    mr_status status = cut_block(out, block, mr_out_context(out), room);
    free(room);
    return status;
}

/* The rest of both lines, with a newline between them. */
static mr_status put_row(mr_out *out, mr_bytes key, const mr_bytes *left, const mr_bytes *right)
{
    mr_bytes l = left ? *left : empty(), r = right ? *right : empty();
    const size_t size = l.size + 1 + r.size;
    char few[512], *row = size <= sizeof few ? few : malloc(size);
    if (!row)
        return mr_out_fail(out, MR_NO_MEMORY, "out of memory: a row of %zu bytes", size);
    memcpy(row, l.data, l.size);
    row[l.size] = '\n';
    memcpy(row + l.size + 1, r.data, r.size);
    mr_status status = mr_out_pair(out, key, mr_bytes_at(row, size));
    if (row != few)
        free(row);
    return status;
}

static void add_cells(mr_row *row, mr_bytes text, char separator, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        mr_bytes cell = empty();
        mr_bytes_next_field(&text, separator, &cell);
        mr_row_add_bytes(row, cell);
    }
}

static void show_row(void *context, mr_pair pair, mr_row *row)
{
    const state *s = context;
    mr_bytes right = pair.value, left;
    mr_bytes_next_field(&right, '\n', &left);
    add_cells(row, pair.key, '\n', s->left.count);
    add_cells(row, left, s->left.delimiter, s->left.cells);
    add_cells(row, right, s->right.delimiter, s->right.cells);
}

static mr_status read_side(mr_job *job, side *s, const mr_set *like, mr_set **lines)
{
    const mr_input_options input = {.paths = &s->path, .count = 1, .records = MR_INPUT_LINES};
    /* By ranges of keys, the same for both: what is joined then lies in order already. */
    const mr_set_options options = {
        .spread = MR_SPREAD_RANGE, .like = like, .ordered = true, .context = s, .name = s->name};
    MR_TRY(mr_set_from_input(job, &input, cut_lines, &options, lines));
    int64_t widest = s->widest;
    mr_all_max_i64(job, &widest, 1);
    s->cells = (unsigned)widest;
    return MR_OK;
}

/* Names of a row's cells but the first: of the key, then of the rest by their places in the files.
 */
static char *name_columns(const state *s)
{
    const side *sides[] = {&s->left, &s->right};
    char *names = calloc(s->cells, NAME), *at = names;
    for (unsigned i = 1; names && i < s->left.count; i++)
        at += snprintf(at, NAME, "%skey%u", at > names ? "," : "", i + 1);
    for (int i = 0; names && i < 2; i++)
        for (unsigned column = 0, left = sides[i]->cells; left > 0; column++)
            if (!is_key(sides[i], column)) {
                at +=
                    snprintf(at, NAME, "%s%s%u", at > names ? "," : "", sides[i]->name, column + 1);
                left--;
            }
    return names;
}

static mr_status write_rows(mr_job *job, state *s, mr_set *rows)
{
    char *names = name_columns(s);
    if (!names)
        mr_job_fail(job, MR_NO_MEMORY, "out of memory: the names of columns");
    const mr_write_options options = {
        .key_name = "key", .columns = names, .show = show_row, .context = s, .consume = true};
    mr_status status = mr_job_agree(job);
    if (status == MR_OK)
        status = mr_set_write(rows, &options);
    free(names);
    return status;
}

static mr_status count_cells(mr_job *job, state *s)
{
    if (s->join == MR_JOIN_SEMI || s->join == MR_JOIN_ANTI)
        s->right.cells = 0;
    s->cells = s->left.count + s->left.cells + s->right.cells;
    if (s->cells > MR_ROW_CELLS)
        return mr_job_fail(job, MR_BAD_INPUT, "rows are too wide: %u columns: %d are possible",
                           s->cells, MR_ROW_CELLS);
    return MR_OK;
}

static mr_status run(mr_job *job)
{
    state *s = mr_job_state(job);
    const mr_set_options options = {
        .ordered = true, .same_keys = true, .consume = true, .context = s};
    mr_set *left = NULL, *right = NULL, *rows = NULL;
    mr_status status = read_side(job, &s->left, NULL, &left);
    if (status == MR_OK)
        status = read_side(job, &s->right, left, &right);
    if (status == MR_OK)
        status = count_cells(job, s);
    if (status == MR_OK)
        status = mr_set_join(left, right, s->join, put_row, &options, &rows);
    mr_set_destroy(&left);
    mr_set_destroy(&right);
    if (status == MR_OK)
        status = write_rows(job, s, rows);
    mr_set_destroy(&rows);
    return status;
}

static bool read_columns(side *s)
{
    for (const char *at = s->key;; at++) {
        char *end;
        unsigned long column = *at >= '1' && *at <= '9' ? strtoul(at, &end, 10) : 0;
        if (column < 1 || column > COLUMNS || s->count == KEYS || is_key(s, (unsigned)column - 1))
            return false;
        s->columns[s->count++] = (unsigned)column - 1;
        if (column > s->last + 1)
            s->last = (unsigned)column - 1;
        if (*end != ',')
            return *end == '\0';
        at = end;
    }
}

static mr_status read_how(mr_job *job, state *s)
{
    static const char *const names[] = {"inner", "left", "right", "full", "semi", "anti"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(s->how, names[i]) == 0) {
            s->join = (mr_join_how)i;
            return MR_OK;
        }
    return mr_job_fail(job, MR_USAGE,
                       "wrong --how: %s: give inner, left, right, full, semi or anti", s->how);
}

static mr_status setup(mr_job *job, void *data)
{
    state *s = data;
    const char *delimiter = strcmp(s->delimiter, "\\t") == 0 ? "\t" : s->delimiter;
    if (strlen(delimiter) != 1 || *delimiter == '\n')
        return mr_job_fail(job, MR_USAGE, "wrong --delimiter: '%s': give one byte, or \\t",
                           s->delimiter);
    s->left.name = "left";
    s->right.name = "right";
    s->left.delimiter = s->right.delimiter = *delimiter;
    side *sides[] = {&s->left, &s->right};
    for (int i = 0; i < 2; i++)
        if (!read_columns(sides[i]))
            return mr_job_fail(job, MR_USAGE,
                               "wrong --%s-key: %s: give up to %d columns, from 1, with commas "
                               "between",
                               sides[i]->name, sides[i]->key, KEYS);
    if (s->left.count != s->right.count)
        return mr_job_fail(job, MR_USAGE,
                           "wrong keys: --left-key has %u columns, --right-key %u: give as many",
                           s->left.count, s->right.count);
    return read_how(job, s);
}

static const mr_option options[] = {
    {"left", MR_OPTION_TEXT, offsetof(state, left.path), NULL, "the file on the left", true},
    {"right", MR_OPTION_TEXT, offsetof(state, right.path), NULL, "the file on the right", true},
    {"left-key", MR_OPTION_TEXT, offsetof(state, left.key), "1",
     "its key's column, from 1, or columns, as 1,3", false},
    {"right-key", MR_OPTION_TEXT, offsetof(state, right.key), "1", "the same for the right", false},
    {"how", MR_OPTION_TEXT, offsetof(state, how), "inner",
     "inner, left, right, full, semi (left rows with a right one) or anti (without)", false},
    {"delimiter", MR_OPTION_TEXT, offsetof(state, delimiter), ",",
     "the byte between columns; \\t is a tab", false},
    {0},
};

MR_APP = {
    MR_APP_ABI,
    .name = "join",
    .summary = "join two files of delimited lines by columns of theirs",
    .usage = "",
    .options = options,
    .state_size = sizeof(state),
    .setup = setup,
    .run = run,
};
