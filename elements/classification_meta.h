// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "elements/gstheparseveritymeta.h"

namespace hepar {

// Adds the severity to the GstAnalyticsRelationMeta of a writable buffer as a classification of the
// whole frame (GstAnalyticsClsMtd), for programs that know nothing of this project. With a grade,
// the classes are the grades, and the levels their smoothed probabilities. Without one there is a
// single class of level 1, the label: a reader that takes the leading class must not take it for a
// grade. Does nothing where GStreamer has no such meta (before 1.24).
#ifdef HEPAR_HAVE_ANALYTICS
void AddClassification(GstBuffer* buffer, const GstHeparSeverity& severity);
#else
inline void AddClassification(GstBuffer*, const GstHeparSeverity&) {}
#endif

}  // namespace hepar
