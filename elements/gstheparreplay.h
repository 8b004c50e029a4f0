// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_REPLAY (gst_hepar_replay_get_type())
G_DECLARE_FINAL_TYPE(GstHeparReplay, gst_hepar_replay, GST, HEPAR_REPLAY, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE(heparreplay)

G_END_DECLS
