/* tests/fault/plugins/no_symbol.c: a shared object that is no app. */
#include <mapred.h>

MR_API int mr_something_else(void);

int mr_something_else(void)
{
    return 1;
}
