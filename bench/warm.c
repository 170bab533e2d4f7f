/*
 * bench/warm.c: makes the machine ready for a measurement: `warm BYTES FILE...` reads the files, so
 * that they are in the page cache, then touches BYTES of memory and gives them back, so that the
 * machine has as many pages at hand as what is measured will ask for.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK (1u << 20)
#define PAGE  4096u

static int read_file(const char *path, char *buffer)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    ssize_t n;
    while ((n = read(fd, buffer, BLOCK)) > 0)
        continue;
    close(fd);
    return n < 0 ? -1 : 0;
}

static int touch(size_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    madvise(memory, size, MADV_HUGEPAGE);
    for (size_t i = 0; i < size; i += PAGE)
        ((volatile char *)memory)[i] = 1;
    return munmap(memory, size);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: warm BYTES FILE...\n");
        return 2;
    }
    char *buffer = malloc(BLOCK);
    size_t size = strtoull(argv[1], NULL, 10);
    int failed = !buffer;
    for (int i = 2; i < argc && !failed; i++)
        if (read_file(argv[i], buffer) < 0) {
            perror(argv[i]);
            failed = 1;
        }
    free(buffer);
    if (!failed && size && touch(size) < 0) {
        perror("cannot touch memory");
        failed = 1;
    }
    return failed;
}
