// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/utf8.h"

#include <glib.h>

namespace hepar {

std::string ValidUtf8(const std::string& text) {
  g_autofree gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  return valid;
}

std::string JsonText(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace hepar
