/*
 * bench/limits/lines.c: how fast a file can be read here at all: `lines [-t THREADS] [-m] FILE`
 * reads it in blocks of 1 MiB (-m: maps it) and counts the newlines with AVX2, where there is one.
 */
#include "limit.h"

#include <immintrin.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

#define BLOCK (1u << 20)

typedef uint64_t count_function(const char *at, size_t size);

static uint64_t count_plain(const char *at, size_t size)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += at[i] == '\n';
    return lines;
}

/* Matches are -1 in each byte: summed up in bytes for at most 255 rounds, then across. */
__attribute__((target("avx2"))) static uint64_t count_avx2(const char *at, size_t size)
{
    const __m256i newline = _mm256_set1_epi8('\n'), zero = _mm256_setzero_si256();
    __m256i total = zero;
    size_t i = 0;
    while (size - i >= 64) {
        size_t rounds = (size - i) / 64 < 255 ? (size - i) / 64 : 255;
        __m256i a = zero, b = zero;
        for (size_t k = 0; k < rounds; k++, i += 64) {
            __m256i low = _mm256_loadu_si256((const void *)(at + i));
            __m256i high = _mm256_loadu_si256((const void *)(at + i + 32));
            a = _mm256_sub_epi8(a, _mm256_cmpeq_epi8(low, newline));
            b = _mm256_sub_epi8(b, _mm256_cmpeq_epi8(high, newline));
        }
        total = _mm256_add_epi64(total, _mm256_sad_epu8(a, zero));
        total = _mm256_add_epi64(total, _mm256_sad_epu8(b, zero));
    }
    uint64_t sums[4];
    _mm256_storeu_si256((void *)sums, total);
    return sums[0] + sums[1] + sums[2] + sums[3] + count_plain(at + i, size - i);
}

static uint64_t count_lines(int fd, uint64_t size, const char *map, count_function *count)
{
    uint64_t blocks = (size + BLOCK - 1) / BLOCK, lines = 0;
    atomic_ullong next = 0;
#pragma omp parallel reduction(+ : lines)
    {
        char *buffer = aligned_alloc(4096, BLOCK);
        if (!buffer)
            limit_fail("out of memory");
        for (uint64_t b; (b = atomic_fetch_add(&next, 1)) < blocks;) {
            uint64_t rest = size - b * BLOCK;
            if (map)
                lines += count(map + b * BLOCK, rest < BLOCK ? rest : BLOCK);
            else
                lines += count(buffer, limit_read(fd, buffer, BLOCK, b * BLOCK));
        }
        free(buffer);
    }
    return lines;
}

int main(int argc, char **argv)
{
    int threads = 2, option;
    bool mapped = false;
    while ((option = getopt(argc, argv, "t:m")) != -1) {
        if (option == 't')
            threads = limit_threads(optarg);
        else if (option == 'm')
            mapped = true;
        else
            return 2;
    }
    if (argc - optind != 1) {
        fprintf(stderr, "usage: lines [-t THREADS] [-m] FILE\n");
        return 2;
    }
    uint64_t size;
    int fd = limit_open(argv[optind], &size);
    const char *map = NULL;
    if (mapped && size) {
        map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            limit_fail(argv[optind]);
    }
    omp_set_num_threads(threads);
    count_function *count = __builtin_cpu_supports("avx2") ? count_avx2 : count_plain;
    printf("%llu\n", (unsigned long long)count_lines(fd, size, map, count));
    return 0;
}
