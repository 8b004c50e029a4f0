// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/dicom/jpeg_check.h"

// jpeglib.h needs these two.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>

namespace hepar {
namespace {

constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};

// libjpeg's own structures first, so that the pointers it hands to callbacks lead here.
struct Errors {
  jpeg_error_mgr base;
  std::jmp_buf escape;
  std::array<char, JMSG_LENGTH_MAX> fatal;
  std::array<char, JMSG_LENGTH_MAX> damage;  // The first warning that tells of lost data.
  std::array<char, JMSG_LENGTH_MAX> oddity;  // The first of the others.
};

struct Source {
  jpeg_source_mgr base;
  bool ran_out;
};

void Leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<Errors*>(info->err);
  info->err->format_message(info, errors->fatal.data());
  std::longjmp(errors->escape, 1);
}

void Note(j_common_ptr info, int level) {
  if (level >= 0) return;  // Traces.
  auto* errors = reinterpret_cast<Errors*>(info->err);
  ++info->err->num_warnings;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:  // Told apart by Source::ran_out.
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
      return;
    case JWRN_EXTRANEOUS_DATA:
      if (errors->oddity[0] == '\0') info->err->format_message(info, errors->oddity.data());
      return;
    default:
      if (errors->damage[0] == '\0') info->err->format_message(info, errors->damage.data());
  }
}

void Silent(j_common_ptr /*info*/) {}
void Begin(j_decompress_ptr /*info*/) {}

// What follows the last byte is the mark of the end, as often as it is asked for.
boolean FillUp(j_decompress_ptr info) {
  reinterpret_cast<Source*>(info->src)->ran_out = true;
  info->src->next_input_byte = kEnd;
  info->src->bytes_in_buffer = sizeof kEnd;
  return TRUE;
}

void Skip(j_decompress_ptr info, long count) {
  while (count > static_cast<long>(info->src->bytes_in_buffer)) {
    count -= static_cast<long>(info->src->bytes_in_buffer);
    FillUp(info);
  }
  if (count <= 0) return;
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<std::size_t>(count);
}

// Decodes all of a picture; false when libjpeg gives up. Nothing here has a destructor that a
// longjmp could leave out.
bool DecodeCoefficients(jpeg_decompress_struct* info, Source* source, Errors* errors,
                        bool* may_lack_scans) {
  if (setjmp(errors->escape) != 0) return false;
  jpeg_create_decompress(info);
  info->src = &source->base;
  jpeg_read_header(info, TRUE);
  jpeg_read_coefficients(info);
  // Of pictures in several scans nobody can tell that the last one is there.
  *may_lack_scans = jpeg_has_multiple_scans(info) != FALSE;
  jpeg_finish_decompress(info);
  return true;
}

}  // namespace

JpegState CheckJpeg(std::string_view stream) {
  Errors errors = {};
  Source source = {};
  jpeg_decompress_struct info = {};
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = Leave;
  errors.base.emit_message = Note;
  errors.base.output_message = Silent;
  source.base.init_source = Begin;
  source.base.fill_input_buffer = FillUp;
  source.base.skip_input_data = Skip;
  source.base.resync_to_restart = jpeg_resync_to_restart;
  source.base.term_source = Begin;
  source.base.next_input_byte = reinterpret_cast<const JOCTET*>(stream.data());
  source.base.bytes_in_buffer = stream.size();

  bool may_lack_scans = false;
  const bool finished = DecodeCoefficients(&info, &source, &errors, &may_lack_scans);
  jpeg_destroy_decompress(&info);
  JpegState state;
  if (!finished) {
    state.damage = errors.fatal.data();
  } else if (errors.damage[0] != '\0') {
    state.damage = errors.damage.data();
  } else if (source.ran_out && may_lack_scans) {
    state.damage = "ends before its last scan";
  }
  if (!state.damage.empty()) {
    if (source.ran_out) state.damage = "it is cut off: " + state.damage;
    return state;
  }
  state.has_end = !source.ran_out;
  state.oddity = source.ran_out ? "lacks the mark of its end" : errors.oddity.data();
  return state;
}

}  // namespace hepar
