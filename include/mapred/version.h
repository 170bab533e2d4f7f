/*
 * mapred/version.h: which mapred this is. The build reads its version from here.
 */
#ifndef MAPRED_VERSION_H
#define MAPRED_VERSION_H

#define MR_VERSION_MAJOR 0
#define MR_VERSION_MINOR 1
#define MR_VERSION_PATCH 0
#define MR_VERSION       "0.1.0"

#if defined(_WIN32)
#error "mapred runs on POSIX systems"
#endif

/* What the shared library exports; everything else in it is hidden. */
#define MR_API __attribute__((visibility("default")))

#endif
