/* observe/note.h: lines on stderr that are no errors: what -v explains. Rank 0 calls it. */
#ifndef MR_OBSERVE_NOTE_H
#define MR_OBSERVE_NOTE_H

/* Writes one line, `mapred: ` before it. */
void mr_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
