/* array/blas.c: looks for a BLAS library by the names that fast ones have. */
#include "array/blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static mr_blas found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The reference BLAS, libblas.so.3, is not among them: loops of our own are faster. */
static const char *const names[] = {"libopenblas.so.0", "libmkl_rt.so.2", "libblis.so.4"};

/* dlsym gives a pointer to data; a function's has the same bytes. */
static bool look_up(void *library, const char *symbol, void *function, size_t size)
{
    void *address = dlsym(library, symbol);
    if (address)
        memcpy(function, &address, size);
    return address != NULL;
}

/* Our threads each make tiles of their own: the library's would be in their way. Who knows none of
 * these calls went by the variables of the environment, which say the same. */
static void one_thread(void *library)
{
    static const char *const calls[] = {"openblas_set_num_threads", "MKL_Set_Num_Threads"};
    void (*set)(int);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (look_up(library, calls[i], &set, sizeof set))
            set(1);
}

static bool try_library(const char *name)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    if (!look_up(library, "cblas_dgemm", &found.f64, sizeof found.f64) ||
        !look_up(library, "cblas_sgemm", &found.f32, sizeof found.f32)) {
        dlclose(library);
        return false;
    }
    one_thread(library);
    found.name = name;
    return true;
}

static void find(void)
{
    const char *wanted = getenv("MAPRED_BLAS");
    /* So that none of them starts threads as it is loaded. */
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("BLIS_NUM_THREADS", "1", 1);
    setenv("MKL_NUM_THREADS", "1", 1);
    if (wanted && *wanted) {
        found.wanted = strcmp(wanted, "none") != 0 && try_library(wanted);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (try_library(names[i]))
            return;
}

const mr_blas *mr_blas_find(void)
{
    pthread_once(&once, find);
    return &found;
}
