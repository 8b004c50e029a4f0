// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// Has c10d::TCPStoreOptions `options` serve the store by plain sockets. Since release 2.4 LibTorch
// uses libuv unless told otherwise, and Debian builds it without. Releases before 2.1 have no such
// choice.
template <typename Options>
auto ServeWithoutLibuv(Options* options) -> decltype(void(options->useLibUV)) {
  options->useLibUV = false;
}
inline void ServeWithoutLibuv(void* /*options*/) {}

}  // namespace hepar
