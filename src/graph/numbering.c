/* graph/numbering.c: making and counting marks, making the table of names. */
#include "graph/numbering.h"

#include <string.h>

uint64_t mr_marks_size(uint64_t range)
{
    return (range / 64 + 1) * (sizeof(uint64_t) + sizeof(uint32_t));
}

mr_status mr_marks_create(mr_marks *marks, uint64_t range, mr_error *error)
{
    *marks = (mr_marks){.words = range / 64 + 1};
    marks->bits = mr_memory_allocate(marks->words * sizeof *marks->bits, "marks of ids", error);
    marks->before = mr_memory_allocate(marks->words * sizeof *marks->before, "marks of ids", error);
    if (!marks->bits || !marks->before)
        return MR_NO_MEMORY;
    memset(marks->bits, 0, marks->words * sizeof *marks->bits);
    return MR_OK;
}

void mr_marks_free(mr_marks *marks)
{
    mr_memory_free(marks->bits, marks->words * sizeof *marks->bits);
    mr_memory_free(marks->before, marks->words * sizeof *marks->before);
    *marks = (mr_marks){.bits = NULL};
}

uint64_t mr_marks_count(mr_marks *marks)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < marks->words; i++) {
        marks->before[i] = (uint32_t)count;
        count += (uint64_t)__builtin_popcountll(marks->bits[i]);
    }
    return count;
}

uint64_t mr_marks_find(const mr_marks *marks, uint32_t number)
{
    uint64_t low = 0, high = marks->words;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (marks->before[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    uint64_t word = marks->bits[low];
    for (uint32_t i = marks->before[low]; i < number; i++)
        word &= word - 1;
    return low * 64 + (uint64_t)__builtin_ctzll(word);
}

uint64_t mr_marks_next(const mr_marks *marks, uint64_t at)
{
    uint64_t i = ++at >> 6, word = marks->bits[i] >> (at & 63) << (at & 63);
    while (word == 0)
        word = marks->bits[++i];
    return i * 64 + (uint64_t)__builtin_ctzll(word);
}

/* Half as many slots again: a name is then found at the second look. */
static uint64_t slots_for(uint64_t count)
{
    return count + count / 2 + 1;
}

uint64_t mr_names_size(uint64_t count)
{
    return count * sizeof(uint64_t) + slots_for(count) * sizeof(uint32_t);
}

mr_status mr_names_create(mr_names *names, uint64_t count, mr_error *error)
{
    *names = (mr_names){.count = count, .slot_count = slots_for(count)};
    names->hashes = mr_memory_allocate(count * sizeof *names->hashes, "hashes of ids", error);
    names->slots =
        mr_memory_allocate(names->slot_count * sizeof *names->slots, "a table of ids", error);
    if (!names->hashes || !names->slots)
        return MR_NO_MEMORY;
    memset(names->hashes, 0, count * sizeof *names->hashes);
    return MR_OK;
}

void mr_names_free(mr_names *names)
{
    mr_memory_free(names->hashes, names->count * sizeof *names->hashes);
    mr_memory_free(names->slots, names->slot_count * sizeof *names->slots);
    *names = (mr_names){.hashes = NULL};
}

static uint64_t place_of(const mr_names *names, uint64_t hash)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)hash * names->slot_count >> 64);
}

static bool index_name(mr_names *names, uint32_t number)
{
    uint64_t at = place_of(names, names->hashes[number]);
    while (names->slots[at]) {
        if (names->hashes[names->slots[at] - 1] == names->hashes[number])
            return false;
        at = at + 1 < names->slot_count ? at + 1 : 0;
    }
    names->slots[at] = number + 1;
    return true;
}

bool mr_names_index(mr_names *names)
{
    memset(names->slots, 0, names->slot_count * sizeof *names->slots);
    for (uint32_t number = 0; number < names->count; number++)
        if (!index_name(names, number))
            return false;
    return true;
}

static uint32_t find_name(const mr_names *names, uint64_t at, uint64_t hash)
{
    while (names->hashes[names->slots[at] - 1] != hash)
        at = at + 1 < names->slot_count ? at + 1 : 0;
    return names->slots[at] - 1;
}

void mr_names_numbers(const mr_names *names, const uint64_t *hashes, size_t count,
                      uint32_t *numbers)
{
    uint64_t places[MR_NAMES_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        places[i] = place_of(names, hashes[i]);
        __builtin_prefetch(&names->slots[places[i]]);
    }
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&names->hashes[names->slots[places[i]] - 1]);
    for (size_t i = 0; i < count; i++)
        numbers[i] = find_name(names, places[i], hashes[i]);
}
