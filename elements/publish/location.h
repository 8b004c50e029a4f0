// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace hepar {

// A place for results.
struct PublishLocation {
  enum class Kind { kStdout, kFile, kUnix, kMqtt };

  Kind kind = Kind::kStdout;
  std::string path;  // File, Unix socket.
  // MQTT.
  std::string host;
  int port = 0;
  bool tls = false;
  std::string user;
  std::string topic;
};

// Reads the syntax of OutletOptions::location. Throws Error(kInvalid) for any other text.
PublishLocation ParsePublishLocation(const std::string& text);

}  // namespace hepar
