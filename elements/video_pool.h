// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace hepar {

// Answers the allocation query of a source with a pool of video buffers: the one that downstream
// offers, or a new one. Without it, GstBaseSrc makes buffers of its block size. Returns false when
// the caps are no video, or the pool refuses them.
bool DecideVideoPool(GstQuery* query);

}  // namespace hepar
