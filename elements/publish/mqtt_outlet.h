// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include "elements/publish/location.h"
#include "elements/publish/outlet.h"

namespace hepar {

// Publishes lines at an MQTT 3.1.1 broker (OASIS standard, 29 October 2014), by libmosquitto, under
// the topic of `location`:
//
//   TOPIC/result  each line
//   TOPIC/state   retained: the last line whose label or state differs from that of the line before
//   TOPIC/status  retained: "online", or "offline" (also the last will)
//
// A line has arrived when the broker has acknowledged it. Throws Error as MakeOutlet().
std::unique_ptr<Outlet> MakeMqttOutlet(const PublishLocation& location,
                                       const OutletOptions& options);

}  // namespace hepar
