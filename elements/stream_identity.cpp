// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/stream_identity.h"

#include <utility>

namespace hepar {

bool StreamIdentity::Update(GstEvent* event) {
  const gchar* text = nullptr;
  gst_event_parse_stream_start(event, &text);
  std::string id = text ? text : "";
  guint group = GST_GROUP_ID_INVALID;
  gst_event_parse_group_id(event, &group);

  const bool other = known_ && (id != id_ || group != group_);
  known_ = true;
  id_ = std::move(id);
  group_ = group;
  return other;
}

}  // namespace hepar
