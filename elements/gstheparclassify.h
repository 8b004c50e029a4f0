// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/gstheparinference.h"

G_BEGIN_DECLS

// A property, and the field of element messages that carries it.
#define GST_HEPAR_STREAM_ID "stream-id"

#define GST_TYPE_HEPAR_CLASSIFY (gst_hepar_classify_get_type())
G_DECLARE_FINAL_TYPE(GstHeparClassify, gst_hepar_classify, GST, HEPAR_CLASSIFY, GstHeparInference)

GST_ELEMENT_REGISTER_DECLARE(heparclassify)

G_END_DECLS
