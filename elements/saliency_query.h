// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace hepar {

// How an element upstream learns whether its saliency maps will be seen: it asks downstream for
// each frame that it grades, and whoever shows maps says yes. A custom query that is not
// serialized: queues pass it on at once, and where a stream is divided, one answer is enough.

// Whether anyone downstream of the source pad `source` shows saliency maps.
bool IsSaliencyShown(GstPad* source);

// Whether `query` asks that. To say yes is to handle it; others pass it on.
bool IsSaliencyQuery(GstQuery* query);

}  // namespace hepar
