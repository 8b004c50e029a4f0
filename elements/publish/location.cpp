// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/location.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "models/error.h"

namespace hepar {
namespace {

constexpr char kSyntax[] =
    "expected stdout:, file:PATH, unix:PATH, mqtt://[USER@]HOST[:PORT][/TOPIC] or mqtts://...";
constexpr int kMqttPort = 1883;
constexpr int kMqttTlsPort = 8883;

[[noreturn]] void Refuse(const std::string& text, const std::string& why) {
  throw Error(ErrorKind::kInvalid, "location '" + text + "': " + why);
}

// Removes `prefix` from the front of `text`.
bool Consume(std::string* text, const std::string& prefix) {
  if (text->compare(0, prefix.size(), prefix) != 0) return false;
  text->erase(0, prefix.size());
  return true;
}

int ParsePort(const std::string& text, const std::string& digits) {
  const bool number = !digits.empty() && digits.size() <= 5 &&
                      std::all_of(digits.begin(), digits.end(),
                                  [](unsigned char c) { return std::isdigit(c) != 0; });
  const int port = number ? std::atoi(digits.c_str()) : 0;
  if (port < 1 || port > 65535) Refuse(text, "the port must be 1 to 65535");
  return port;
}

// `rest` is what follows the scheme.
void ParseMqtt(const std::string& text, std::string rest, PublishLocation* location) {
  location->kind = PublishLocation::Kind::kMqtt;
  location->port = location->tls ? kMqttTlsPort : kMqttPort;
  location->topic = "hepar";
  const std::size_t slash = rest.find('/');
  if (slash != std::string::npos) {
    if (slash + 1 < rest.size()) location->topic = rest.substr(slash + 1);
    rest.erase(slash);
  }
  const std::size_t at = rest.rfind('@');
  if (at != std::string::npos) {
    location->user = rest.substr(0, at);
    rest.erase(0, at + 1);
    if (location->user.find(':') != std::string::npos) {
      Refuse(text,
             "a password does not belong in a location, which others can see; use "
             "password-file");
    }
  }
  if (!rest.empty() && rest.front() == '[') {  // An IPv6 address.
    const std::size_t end = rest.find(']');
    if (end == std::string::npos) Refuse(text, "a bracket is not closed");
    location->host = rest.substr(1, end - 1);
    rest.erase(0, end + 1);
    if (!rest.empty() && rest.front() != ':') Refuse(text, kSyntax);
  } else {
    const std::size_t colon = rest.find(':');
    location->host = rest.substr(0, colon);
    rest.erase(0, location->host.size());
  }
  if (!rest.empty()) location->port = ParsePort(text, rest.substr(1));
  if (location->host.empty()) Refuse(text, "the host is missing");
  if (location->topic.find_first_of("+#") != std::string::npos || location->topic.back() == '/') {
    Refuse(text, "the topic must have no +, no # and no / at its end");
  }
}

}  // namespace

PublishLocation ParsePublishLocation(const std::string& text) {
  PublishLocation location;
  std::string rest = text;
  if (rest == "-" || rest == "stdout:") return location;
  if (Consume(&rest, "mqtt://")) {
    ParseMqtt(text, rest, &location);
    return location;
  }
  if (Consume(&rest, "mqtts://")) {
    location.tls = true;
    ParseMqtt(text, rest, &location);
    return location;
  }
  location.kind = PublishLocation::Kind::kFile;
  if (Consume(&rest, "unix:")) {
    location.kind = PublishLocation::Kind::kUnix;
  } else if (!Consume(&rest, "file:") && rest.find("://") != std::string::npos) {
    Refuse(text, kSyntax);
  }
  if (rest.empty()) Refuse(text, kSyntax);
  location.path = rest;
  return location;
}

}  // namespace hepar
