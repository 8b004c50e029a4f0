// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/data/video_decoder.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "models/error.h"
#include "models/image/picture_limits.h"
#include "training/data/orientation.h"

namespace hepar {
namespace {

constexpr int kIoBuffer = 1 << 16;
// A stream of which so many parts in a row give no picture gives none.
constexpr int kMaxRefused = 4096;

Error Damaged(const std::string& name, const std::string& what) {
  return Error(ErrorKind::kDamaged, name + ": " + what);
}

// Decoders conceal what they cannot decode; they only tell the log. Each decoder runs on the thread
// that calls it, so the log of that thread is its own.
thread_local int errors_logged = 0;

void CountErrors(void* /*context*/, int level, const char* /*format*/, va_list /*arguments*/) {
  if (level <= AV_LOG_ERROR) ++errors_logged;
}

void ListenToLog() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(CountErrors); });
}

// Bytes in memory, as FFmpeg reads a file.
struct Memory {
  std::string_view bytes;
  std::int64_t at = 0;
};

int ReadMemory(void* opaque, std::uint8_t* to, int size) {
  auto* memory = static_cast<Memory*>(opaque);
  const auto left = static_cast<std::int64_t>(memory->bytes.size()) - memory->at;
  const auto count = static_cast<int>(std::min<std::int64_t>(left, size));
  if (count <= 0) return AVERROR_EOF;
  std::memcpy(to, memory->bytes.data() + memory->at, static_cast<std::size_t>(count));
  memory->at += count;
  return count;
}

std::int64_t SeekMemory(void* opaque, std::int64_t offset, int whence) {
  auto* memory = static_cast<Memory*>(opaque);
  const auto size = static_cast<std::int64_t>(memory->bytes.size());
  if (whence == AVSEEK_SIZE) return size;
  whence &= ~AVSEEK_FORCE;
  const std::int64_t to = whence == SEEK_CUR   ? memory->at + offset
                          : whence == SEEK_END ? size + offset
                                               : offset;
  if (to < 0 || to > size) return AVERROR(EINVAL);
  return memory->at = to;
}

// The orientation (training/data/orientation.h) that a display matrix stands for. Its first rows
// say where a step to the right and a step down lead.
int OrientationOf(const std::int32_t* matrix) {
  const auto sign = [](std::int32_t value) { return value > 0 ? 1 : value < 0 ? -1 : 0; };
  const std::array<int, 4> steps = {sign(matrix[0]), sign(matrix[1]), sign(matrix[3]),
                                    sign(matrix[4])};
  constexpr std::array<std::array<int, 4>, 8> kSteps = {{{1, 0, 0, 1},
                                                         {-1, 0, 0, 1},
                                                         {-1, 0, 0, -1},
                                                         {1, 0, 0, -1},
                                                         {0, 1, 1, 0},
                                                         {0, 1, -1, 0},
                                                         {0, -1, -1, 0},
                                                         {0, -1, 1, 0}}};
  const auto found = std::find(kSteps.begin(), kSteps.end(), steps);
  return found == kSteps.end() ? kUpright : static_cast<int>(found - kSteps.begin()) + 1;
}

int OrientationOf(const AVStream* stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
  const AVPacketSideData* side =
      av_packet_side_data_get(stream->codecpar->coded_side_data,
                              stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  const std::uint8_t* data = side == nullptr ? nullptr : side->data;
  const std::size_t size = side == nullptr ? 0 : side->size;
#else
  std::size_t size = 0;
  const std::uint8_t* data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
#endif
  std::array<std::int32_t, 9> matrix = {};
  if (data == nullptr || size < sizeof matrix) return kUpright;
  std::memcpy(matrix.data(), data, sizeof matrix);
  return OrientationOf(matrix.data());
}

struct FreeFormat {
  void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
};
struct FreeIo {
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};
struct FreeCodec {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct FreeScaler {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

}  // namespace

struct VideoDecoder::State {
  std::string name;
  Memory memory;
  std::unique_ptr<AVIOContext, FreeIo> io;  // Of a video in memory; outlives `format`.
  std::unique_ptr<AVFormatContext, FreeFormat> format;
  std::unique_ptr<AVCodecContext, FreeCodec> codec;
  std::unique_ptr<AVPacket, FreePacket> packet{av_packet_alloc()};
  std::unique_ptr<AVFrame, FreeFrame> frame{av_frame_alloc()};
  std::unique_ptr<SwsContext, FreeScaler> scaler;
  int stream = -1;
  int orientation = kUpright;
  bool is_draining = false, is_done = false;
  std::int64_t packets = 0;
  std::int64_t last_end = 0;  // Of what was read, in units of the stream's time base.
  Faults faults;

  // Opens what `format` stands for or, where that is null, the file `url`.
  void Open(const char* url) {
    AVDictionary* options = nullptr;
    // No container may lead to another file or to the network.
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    av_dict_set(&options, "format_whitelist",
                "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,asf,"
                "flv,live_flv,ogg,gif,mjpeg",
                0);
    AVFormatContext* opened = format.release();  // Which is freed where this fails.
    const int result = avformat_open_input(&opened, url, nullptr, &options);
    av_dict_free(&options);
    if (result < 0) throw Damaged(name, "is no video that can be decoded, or a damaged one");
    format.reset(opened);
    if (avformat_find_stream_info(format.get(), nullptr) < 0) {
      throw Damaged(name, "is a damaged video");
    }
    for (unsigned i = 0; i < format->nb_streams && stream < 0; ++i) {
      const AVStream* candidate = format->streams[i];
      const bool is_cover = (candidate->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
      if (candidate->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !is_cover) {
        stream = static_cast<int>(i);
      }
    }
    if (stream < 0) throw Damaged(name, "holds no video");
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      if (static_cast<int>(i) != stream) format->streams[i]->discard = AVDISCARD_ALL;
    }
    const AVCodecParameters* parameters = format->streams[stream]->codecpar;
    const AVCodec* decoder = avcodec_find_decoder(parameters->codec_id);
    if (decoder == nullptr) {
      throw Damaged(name, std::string("is a video of the kind ") +
                              avcodec_get_name(parameters->codec_id) +
                              ", which this FFmpeg cannot decode");
    }
    codec.reset(avcodec_alloc_context3(decoder));
    avcodec_parameters_to_context(codec.get(), parameters);
    codec->pkt_timebase = format->streams[stream]->time_base;
    codec->thread_count = 1;  // See errors_logged.
    codec->max_pixels = static_cast<std::int64_t>(kMaxPictureSide) * kMaxPictureSide;
    if (avcodec_open2(codec.get(), decoder, nullptr) < 0) {
      throw Damaged(name, "its video cannot be decoded");
    }
    orientation = OrientationOf(format->streams[stream]);
  }

  // One more packet to the decoder; behind the last one the sign that there is none.
  void Feed() {
    while (true) {
      const int read = av_read_frame(format.get(), packet.get());
      if (read < 0) {
        faults.is_cut = faults.is_cut || read != AVERROR_EOF ||
                        (format->pb != nullptr && format->pb->error != 0);
        is_draining = true;
        avcodec_send_packet(codec.get(), nullptr);
        return;
      }
      const bool is_ours = packet->stream_index == stream;
      if (is_ours) {
        ++packets;
        if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) ++errors_logged;
        if (packet->pts != AV_NOPTS_VALUE) {
          last_end = std::max(last_end, packet->pts + packet->duration);
        }
        if (avcodec_send_packet(codec.get(), packet.get()) < 0) ++errors_logged;
      }
      av_packet_unref(packet.get());
      if (is_ours) return;
    }
  }

  // What the container promises of its length and does not have.
  std::int64_t Missing() const {
    const AVStream* video = format->streams[stream];
    const AVRational rate = video->avg_frame_rate;
    // AVI counts frames that were dropped and take no room.
    const bool is_exact = std::strstr(format->iformat->name, "mp4") != nullptr;
    if (video->nb_frames > 0) {
      const std::int64_t missing = video->nb_frames - packets;
      return missing > (is_exact ? 0 : 1 + video->nb_frames / 50) ? missing : 0;
    }
    // Matroska says how long each stream is where its writer knew.
    const AVDictionaryEntry* text = av_dict_get(video->metadata, "DURATION", nullptr, 0);
    int hours = 0, minutes = 0;
    double seconds = 0.0;
    if (text == nullptr || rate.num <= 0 || rate.den <= 0 ||
        std::sscanf(text->value, "%d:%d:%lf", &hours, &minutes, &seconds) != 3) {
      return 0;
    }
    const double promised = 3600.0 * hours + 60.0 * minutes + seconds;
    const auto missing = static_cast<std::int64_t>(std::llround(
        (promised - static_cast<double>(last_end) * av_q2d(video->time_base)) * av_q2d(rate)));
    return missing > 2 ? missing : 0;
  }
};

VideoDecoder::VideoDecoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoDecoder::VideoDecoder(VideoDecoder&& other) noexcept = default;
VideoDecoder::~VideoDecoder() = default;

VideoDecoder VideoDecoder::OfFile(const std::string& path) {
  ListenToLog();
  auto state = std::make_unique<State>();
  state->name = path;
  state->Open(("file:" + path).c_str());
  return VideoDecoder(std::move(state));
}

VideoDecoder VideoDecoder::OfBytes(std::string_view bytes, const std::string& name) {
  ListenToLog();
  auto state = std::make_unique<State>();
  state->name = name;
  state->memory.bytes = bytes;
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBuffer));
  state->io.reset(
      avio_alloc_context(buffer, kIoBuffer, 0, &state->memory, ReadMemory, nullptr, SeekMemory));
  state->format.reset(avformat_alloc_context());
  state->format->pb = state->io.get();
  state->Open(nullptr);
  return VideoDecoder(std::move(state));
}

bool VideoDecoder::Next() {
  State& state = *state_;
  const int before = std::exchange(errors_logged, 0);
  int refused = 0;
  bool found = false;
  while (!found && !state.is_done) {
    const int result = avcodec_receive_frame(state.codec.get(), state.frame.get());
    if (result == 0) {
      found = true;
    } else if (result == AVERROR_EOF || (state.is_draining && ++refused > kMaxRefused)) {
      state.is_done = true;
    } else if (result == AVERROR(EAGAIN) && !state.is_draining) {
      const int errors = errors_logged;
      state.Feed();
      if (errors_logged > errors && ++refused > kMaxRefused) state.is_done = true;
    } else {
      ++errors_logged;
    }
  }
  if (found &&
      ((state.frame->flags & AV_FRAME_FLAG_CORRUPT) != 0 || state.frame->decode_error_flags != 0)) {
    ++errors_logged;
  }
  if (std::exchange(errors_logged, before) > 0) ++state.faults.damaged;
  if (!found) {
    state.faults.missing = state.Missing();
    return false;
  }
  CheckPictureSize(state.name, static_cast<std::uint64_t>(state.frame->width),
                   static_cast<std::uint64_t>(state.frame->height));
  return true;
}

cv::Mat VideoDecoder::Picture() const {
  State& state = *state_;
  const AVFrame& frame = *state.frame;
  state.scaler.reset(sws_getCachedContext(
      state.scaler.release(), frame.width, frame.height, static_cast<AVPixelFormat>(frame.format),
      frame.width, frame.height, AV_PIX_FMT_BGR24, SWS_BICUBIC, nullptr, nullptr, nullptr));
  if (!state.scaler) throw Damaged(state.name, "its frames are of a format that is not read");
  // Rows of a multiple of 64 bytes, which all of the scaler's code paths may fill.
  const int stride = (3 * frame.width + 63) / 64 * 64;
  cv::Mat rows(frame.height, stride, CV_8UC1);
  std::uint8_t* planes[4] = {rows.data, nullptr, nullptr, nullptr};
  const int strides[4] = {stride, 0, 0, 0};
  if (sws_scale(state.scaler.get(), frame.data, frame.linesize, 0, frame.height, planes, strides) !=
      frame.height) {
    throw Damaged(state.name, "a frame cannot be converted to colors");
  }
  const cv::Mat picture(frame.height, frame.width, CV_8UC3, rows.data,
                        static_cast<std::size_t>(stride));
  return Upright(picture, state.orientation).clone();
}

VideoDecoder::Faults VideoDecoder::faults() const { return state_->faults; }

}  // namespace hepar
