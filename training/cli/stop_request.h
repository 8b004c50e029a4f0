// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// While it lives, the first Ctrl-C (SIGINT) or SIGTERM asks for a stop instead of ending the
// program; the second ends it as usual, and so does any after its time. One at a time.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  static bool Requested();
};

}  // namespace hepar
