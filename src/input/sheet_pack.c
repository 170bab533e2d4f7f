/*
 * input/sheet_pack.c: what rows look like, as bytes for other processes. What comes from outside is
 * checked before it is believed.
 */
#include "input/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mr_status no_memory(mr_error *error)
{
    return mr_error_set(error, MR_NO_MEMORY,
                        "out of memory: packing the plan: use a node with more memory");
}

static void put_names(FILE *to, char *const *names, uint64_t count)
{
    fputc(names != NULL, to);
    for (uint64_t i = 0; names && i < count; i++)
        fwrite(names[i], strlen(names[i]) + 1, 1, to);
}

static void put_csv(FILE *to, const mr_csv *csv)
{
    fputc(csv != NULL, to);
    if (!csv)
        return;
    fwrite(csv, sizeof *csv, 1, to);
    fwrite(csv->column, sizeof *csv->column, csv->columns, to);
    put_names(to, csv->names, csv->columns);
}

mr_status mr_sheet_pack(const mr_sheet *sheet, void **bytes, size_t *size, mr_error *error)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, size);
    if (!to)
        return no_memory(error);
    fwrite(sheet, sizeof *sheet, 1, to);
    put_names(to, sheet->names, sheet->columns);
    for (size_t i = 0; i < sheet->files; i++)
        put_csv(to, sheet->csv[i]);
    bool failed = ferror(to);
    failed = fclose(to) != 0 || failed;
    if (failed)
        free(text);
    *bytes = failed ? NULL : text;
    return failed ? no_memory(error) : MR_OK;
}

static bool take(mr_bytes *rest, void *into, size_t size)
{
    if (rest->size < size)
        return false;
    memcpy(into, rest->data, size);
    rest->data += size;
    rest->size -= size;
    return true;
}

static bool take_names(mr_bytes *rest, uint64_t count, char ***names)
{
    char there;
    *names = NULL;
    if (!take(rest, &there, 1))
        return false;
    if (!there)
        return true;
    if (count > rest->size || !(*names = calloc(count + 1, sizeof **names)))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        size_t length = strnlen(rest->data, rest->size) + 1;
        if (length > rest->size || !((*names)[i] = strdup(rest->data)))
            return false;
        rest->data += length;
        rest->size -= length;
    }
    return true;
}

/* What is half unpacked is whole enough to be freed. */
static bool take_csv(mr_bytes *rest, mr_csv **result)
{
    char there;
    mr_csv *csv;
    if (!take(rest, &there, 1) || !there)
        return !there;
    if (!(*result = csv = calloc(1, sizeof *csv)))
        return false;
    bool taken = take(rest, csv, sizeof *csv);
    csv->column = NULL;
    csv->names = NULL;
    if (!taken || csv->columns > rest->size / sizeof *csv->column ||
        !(csv->column = malloc((csv->columns + 1) * sizeof *csv->column)))
        return false;
    return take(rest, csv->column, csv->columns * sizeof *csv->column) &&
           take_names(rest, csv->columns, &csv->names);
}

mr_status mr_sheet_unpack(mr_sheet **result, size_t files, const void *bytes, size_t size,
                          mr_error *error)
{
    mr_bytes rest = {bytes, size};
    *result = NULL;
    mr_sheet *sheet = calloc(1, sizeof *sheet);
    if (!sheet)
        return no_memory(error);
    bool good = take(&rest, sheet, sizeof *sheet) && sheet->files == files;
    sheet->names = NULL;
    sheet->files = 0;
    sheet->csv = calloc(files + 1, sizeof(mr_csv *));
    good = good && sheet->csv && take_names(&rest, sheet->columns, &sheet->names);
    for (; good && sheet->files < files; sheet->files++)
        good = take_csv(&rest, &sheet->csv[sheet->files]);
    if (good && rest.size == 0) {
        *result = sheet;
        return MR_OK;
    }
    mr_sheet_destroy(&sheet);
    return mr_error_set(error, MR_FAILED,
                        "cannot unpack the plan: its bytes are damaged: run the job again");
}
