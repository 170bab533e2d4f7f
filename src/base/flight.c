/*
 * base/flight.c: the record of this process, and each thread's place in it. There is one process
 * that can die, so there is one record; a signal handler has to reach it, too.
 */
#include "base/flight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static mr_flight own; /* until it is opened, and where that fails */
static mr_flight *record = &own;

/* Initial-exec, as a handler of signals reads it. */
static _Thread_local mr_flight_thread *mine __attribute__((tls_model("initial-exec")));

mr_flight *mr_flight_here(void)
{
    return record;
}

mr_flight_thread *mr_flight_mine(void)
{
    return mine;
}

static mr_flight *map_record(void)
{
    const int file = memfd_create("mapred-flight", MFD_CLOEXEC);
    if (file < 0)
        return NULL;
    void *memory = MAP_FAILED;
    if (ftruncate(file, sizeof(mr_flight)) == 0)
        memory = mmap(NULL, sizeof(mr_flight), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) {
        close(file);
        return NULL;
    }
    mr_flight *made = memory;
    made->file = file;
    return made;
}

mr_flight *mr_flight_open(void)
{
    mr_flight *made = record == &own ? map_record() : NULL;
    if (made)
        record = made;
    record->mark = MR_FLIGHT_MARK;
    record->process = (int)getpid();
    mr_flight_phase("start");
    if (!mine)
        mr_flight_thread_begin(0);
    return record;
}

/* The place at `number` if it is free, which it is for threads of one crew. */
static mr_flight_thread *take_place(int number)
{
    for (unsigned i = 0; i < MR_FLIGHT_THREADS; i++) {
        mr_flight_thread *place = &record->threads[((unsigned)number + i) % MR_FLIGHT_THREADS];
        bool is_taken = false;
        if (!atomic_compare_exchange_strong(&place->is_taken, &is_taken, true))
            continue;
        const unsigned needed = (unsigned)(place - record->threads) + 1;
        unsigned used = atomic_load(&record->used);
        while (used < needed && !atomic_compare_exchange_weak(&record->used, &used, needed))
            ;
        return place;
    }
    return NULL;
}

mr_flight_thread *mr_flight_thread_begin(int number)
{
    if (!mine && (mine = take_place(number)))
        mine->id = (int)gettid();
    if (mine && mine->depth++ == 0)
        mine->number = number;
    return mine;
}

/* What it was at goes; what it has done stays done. */
static void forget(mr_flight_thread *place)
{
    place->is_working = false;
    place->block.data = NULL;
    place->task_name[0] = '\0';
    place->task_from = NULL;
    atomic_store(&place->waits, 0);
}

void mr_flight_thread_end(void)
{
    if (!mine || --mine->depth > 0)
        return;
    forget(mine);
    atomic_store(&mine->is_taken, false);
    mine = NULL;
}

const char *mr_flight_phase(const char *phase)
{
    static const char *now = "";
    const char *before = now;
    now = phase;
    snprintf(record->phase, sizeof record->phase, "%s", phase);
    mr_flight_progress();
    return before;
}

void mr_flight_progress(void)
{
    if (mine)
        mr_flight_step(mine);
    else
        atomic_fetch_add_explicit(&record->progress, 1, memory_order_relaxed);
}

static void add_to_waits(uint64_t more)
{
    if (mine)
        atomic_store_explicit(&mine->waits,
                              atomic_load_explicit(&mine->waits, memory_order_relaxed) + more,
                              memory_order_relaxed);
}

void mr_flight_wait_begin(void)
{
    add_to_waits(1);
}

void mr_flight_wait_end(void)
{
    add_to_waits(UINT64_MAX);
}

void mr_flight_kernel_begin(const mr_block *block, uint64_t split)
{
    if (!mine)
        return;
    mine->is_working = true;
    if (!block)
        return;
    mine->split = split;
    memccpy(mine->file, block->file, '\0', sizeof mine->file - 1);
    if (block->grid) {
        mine->first = block->grid->first;
        mine->end = mr_grid_place(block->grid, block->grid->size[0] - 1) + !block->grid->places;
    }
}

void mr_flight_kernel_end(void)
{
    if (mine)
        mine->is_working = false;
    mr_flight_progress();
}

void mr_flight_task_begin(const char *kind, const char *name, uint64_t number)
{
    if (!mine)
        return;
    mine->task = number;
    if (mine->task_from != name || !mine->task_name[0])
        snprintf(mine->task_name, sizeof mine->task_name, "%s %s", kind, name);
    mine->task_from = name;
    mine->is_working = true;
}

void mr_flight_task_end(void)
{
    if (mine)
        mine->is_working = false;
    mr_flight_progress();
}

/* The place of the record in its file, where it can be known without the rank's memory. */
static int add_record(const mr_flight_thread *thread, char *text, size_t room)
{
    const mr_block *b = &thread->block;
    const uint64_t gone = (uint64_t)(b->record - b->data);
    if (b->record < b->data || b->record > b->end)
        return 0;
    if (!b->grid)
        return snprintf(text, room, ", record at %llu", (unsigned long long)(b->offset + gone));
    return b->record_size &&
                   thread->end - thread->first == (uint64_t)(b->end - b->data) / b->record_size
               ? snprintf(text, room, ", row at %llu",
                          (unsigned long long)(thread->first + gone / b->record_size))
               : 0;
}

static void describe_block(const mr_flight_thread *thread, char *text, size_t room)
{
    const mr_block *b = &thread->block;
    const bool is_rows = b->grid != NULL;
    const uint64_t first = is_rows ? thread->first : b->offset;
    const uint64_t end = is_rows ? thread->end : b->offset + (uint64_t)(b->end - b->data);
    int size = snprintf(text, room, "%s %s %llu-%llu", thread->file, is_rows ? "rows" : "bytes",
                        (unsigned long long)first, (unsigned long long)end);
    if (size > 0 && (size_t)size < room)
        size += add_record(thread, text + size, room - (size_t)size);
    if (size > 0 && (size_t)size < room && thread->split != MR_FLIGHT_NO_NUMBER)
        snprintf(text + size, room - (size_t)size, " (block %llu)",
                 (unsigned long long)thread->split);
}

bool mr_flight_work(const mr_flight_thread *thread, char *text, size_t room)
{
    if (!thread->is_working)
        return false;
    if (thread->block.data)
        describe_block(thread, text, room);
    else if (thread->task_name[0] && thread->task == MR_FLIGHT_NO_NUMBER)
        snprintf(text, room, "%s", thread->task_name);
    else if (thread->task_name[0])
        snprintf(text, room, "%s %llu", thread->task_name, (unsigned long long)thread->task);
    else
        snprintf(text, room, "what is no block of a file");
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    return true;
}
