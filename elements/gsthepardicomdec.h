// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_HEPAR_DICOM_DEC (gst_hepar_dicom_dec_get_type())
G_DECLARE_FINAL_TYPE(GstHeparDicomDec, gst_hepar_dicom_dec, GST, HEPAR_DICOM_DEC, GstElement)

GST_ELEMENT_REGISTER_DECLARE(hepardicomdec)

// Lets typefind, and with it decodebin and playbin, recognize DICOM files (PS3.10).
gboolean gst_hepar_dicom_type_find_register(GstPlugin* plugin);

G_END_DECLS
