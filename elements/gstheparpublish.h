// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_PUBLISH (gst_hepar_publish_get_type())
G_DECLARE_FINAL_TYPE(GstHeparPublish, gst_hepar_publish, GST, HEPAR_PUBLISH, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(heparpublish)

G_END_DECLS
