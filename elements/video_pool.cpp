// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/video_pool.h"

#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>

#include <algorithm>

namespace hepar {

bool DecideVideoPool(GstQuery* query) {
  GstCaps* asked = nullptr;
  gst_query_parse_allocation(query, &asked, nullptr);
  g_autoptr(GstCaps) caps = asked ? gst_caps_ref(asked) : nullptr;

  GstVideoInfo info;
  if (!caps || !gst_video_info_from_caps(&info, caps)) return false;

  g_autoptr(GstBufferPool) pool = nullptr;
  auto size = static_cast<guint>(GST_VIDEO_INFO_SIZE(&info));
  guint min = 0;
  guint max = 0;
  const bool offered = gst_query_get_n_allocation_pools(query) > 0;
  if (offered) {
    guint offered_size = 0;
    gst_query_parse_nth_allocation_pool(query, 0, &pool, &offered_size, &min, &max);
    size = std::max(size, offered_size);
  }
  if (!pool) pool = gst_video_buffer_pool_new();

  GstStructure* config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, caps, size, min, max);
  if (gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr)) {
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  }
  if (!gst_buffer_pool_set_config(pool, config)) return false;

  if (offered) {
    gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max);
  } else {
    gst_query_add_allocation_pool(query, pool, size, min, max);
  }
  return true;
}

}  // namespace hepar
