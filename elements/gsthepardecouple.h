// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/gstheparinference.h"

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_DECOUPLE (gst_hepar_decouple_get_type())
G_DECLARE_FINAL_TYPE(GstHeparDecouple, gst_hepar_decouple, GST, HEPAR_DECOUPLE, GstHeparInference)

GST_ELEMENT_REGISTER_DECLARE(hepardecouple)

G_END_DECLS
