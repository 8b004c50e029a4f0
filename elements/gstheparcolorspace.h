// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/gstheparinference.h"

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_COLORSPACE (gst_hepar_colorspace_get_type())
G_DECLARE_FINAL_TYPE(GstHeparColorspace, gst_hepar_colorspace, GST, HEPAR_COLORSPACE,
                     GstHeparInference)

GST_ELEMENT_REGISTER_DECLARE(heparcolorspace)

G_END_DECLS
