// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "elements/model_slot.h"

namespace hepar {

// The event that tells elements downstream, before there is a frame, which engine the frames will
// come with. Out of band, so that it passes in front of the first caps.
GstEvent* NewEngineEvent(const EngineRef& engine);

// The engine of such an event; null for any other event.
EngineRef ParseEngineEvent(GstEvent* event);

}  // namespace hepar
