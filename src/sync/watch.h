/*
 * sync/watch.h: who waits for too long. A rank on which a thread has waited for --watchdog
 * seconds tells rank 0, which asks all ranks who holds and who waits, prints that once, and ends
 * the job when locks wait for each other in a circle.
 */
#ifndef MR_SYNC_WATCH_H
#define MR_SYNC_WATCH_H

#include "sync/room.h"

mr_status mr_sync_watch_make(struct mr_sync_watch **watch, mr_sync_room *room, mr_error *error);
void mr_sync_watch_free(struct mr_sync_watch *watch);

/* The room's box: its letters, and the time. */
void mr_sync_watch_handle(void *room, int from, uint32_t kind, mr_bytes letter);
void mr_sync_watch_tick(void *room);

#endif
