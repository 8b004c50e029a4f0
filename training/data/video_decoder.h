// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>

namespace hepar {

// Decodes the pictures of one video by FFmpeg, from the start and in the order in which they are
// shown, and keeps count of what is damaged. Containers that name other files or addresses
// (playlists) are refused. Not thread-safe; several may run at the same time.
class VideoDecoder {
 public:
  // Throw Error(kDamaged), naming the video, when it holds no picture that can be decoded.
  static VideoDecoder OfFile(const std::string& path);
  // `bytes` must outlive the decoder; `name` stands for them in messages.
  static VideoDecoder OfBytes(std::string_view bytes, const std::string& name);

  VideoDecoder(VideoDecoder&& other) noexcept;
  ~VideoDecoder();

  // Goes on to the next frame; false behind the last. Frames of more than kMaxPictureSide a side
  // are errors. Throws Error(kDamaged).
  bool Next();

  // The frame as CV_8UC3 in the order B, G, R, turned as the container says. After a Next() that
  // was true. Throws Error(kDamaged).
  cv::Mat Picture() const;

  // What was found up to here; all of it after a Next() that was false.
  struct Faults {
    int damaged = 0;           // Parts of the stream that the decoder complained of.
    bool is_cut = false;       // The file ended, or could not be read, before its end.
    std::int64_t missing = 0;  // Frames that the container promises beyond those that there are.
  };
  Faults faults() const;

 private:
  struct State;
  explicit VideoDecoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hepar
