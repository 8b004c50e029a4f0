// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace hepar {

// What a decoder of lossy JPEG (ITU-T T.81) meets in a stream. Decoders fill up what is missing
// with gray and go on, so a picture cut off in the middle looks like a picture.
struct JpegState {
  // Data is missing or cannot be decoded: what is shown is not what was stored. Empty if none is.
  std::string damage;
  // The picture is whole, but the stream is not as it should be. Empty if it is.
  std::string oddity;
  bool has_end = true;  // The stream has its mark EOI, FF D9.
};

// Decodes the coefficients of a stream of 8 bits and throws them away. Bytes behind the end of the
// picture are not looked at. Thread-safe.
JpegState CheckJpeg(std::string_view stream);

}  // namespace hepar
