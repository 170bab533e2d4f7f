/*
 * mapred.h: all that an app needs. Each header it includes also compiles alone.
 */
#ifndef MAPRED_H
#define MAPRED_H

#include <mapred/app.h>
#include <mapred/array.h>
#include <mapred/block.h>
#include <mapred/bytes.h>
#include <mapred/delayed.h>
#include <mapred/dense.h>
#include <mapred/driver.h>
#include <mapred/element.h>
#include <mapred/exact.h>
#include <mapred/fold.h>
#include <mapred/fork.h>
#include <mapred/graph.h>
#include <mapred/loop.h>
#include <mapred/out.h>
#include <mapred/pair.h>
#include <mapred/pipeline.h>
#include <mapred/pool.h>
#include <mapred/set.h>
#include <mapred/status.h>
#include <mapred/sync.h>
#include <mapred/text.h>
#include <mapred/version.h>

#endif
