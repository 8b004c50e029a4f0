// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/saliency_query.h"

namespace hepar {
namespace {

constexpr char kName[] = "hepar-saliency-shown";

}  // namespace

bool IsSaliencyShown(GstPad* source) {
  GstQuery* query = gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty(kName));
  const bool shown = gst_pad_peer_query(source, query);
  gst_query_unref(query);
  return shown;
}

bool IsSaliencyQuery(GstQuery* query) {
  if (GST_QUERY_TYPE(query) != GST_QUERY_CUSTOM) return false;
  const GstStructure* structure = gst_query_get_structure(query);
  return structure != nullptr && gst_structure_has_name(structure, kName);
}

}  // namespace hepar
