// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_CINE_SRC (gst_hepar_cine_src_get_type())
G_DECLARE_FINAL_TYPE(GstHeparCineSrc, gst_hepar_cine_src, GST, HEPAR_CINE_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE(heparcinesrc)

G_END_DECLS
