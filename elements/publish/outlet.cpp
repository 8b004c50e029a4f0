// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/outlet.h"

#include "elements/publish/local_outlets.h"
#include "elements/publish/location.h"
#include "models/error.h"
#ifdef HEPAR_HAVE_MQTT
#include "elements/publish/mqtt_outlet.h"
#endif

namespace hepar {

std::unique_ptr<Outlet> MakeOutlet(const OutletOptions& options) {
  const PublishLocation location = ParsePublishLocation(options.location);
  switch (location.kind) {
    case PublishLocation::Kind::kFile:
      return MakeFileOutlet(location.path, options.rotate_bytes, options.rotate_files);
    case PublishLocation::Kind::kUnix:
      return MakeUnixOutlet(location.path);
    case PublishLocation::Kind::kMqtt:
#ifdef HEPAR_HAVE_MQTT
      return MakeMqttOutlet(location, options);
#else
      throw Error(ErrorKind::kUnsupported,
                  "this build cannot publish by MQTT; install libmosquitto-dev and build again");
#endif
    case PublishLocation::Kind::kStdout:
      break;
  }
  return MakeStdoutOutlet();
}

}  // namespace hepar
