// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// During its lifetime, the first Ctrl-C (SIGINT) or SIGTERM requests a stop instead of ending the
// program; the second ends it as usual, and so does any after its lifetime. One at a time.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  static bool Requested();
};

}  // namespace hepar
