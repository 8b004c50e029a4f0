// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/masked_resize.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/image/resize_axis.h"

namespace hepar {
namespace {

void MaskRow(const std::uint8_t* mask, int width, int channels, float* row) {
  for (int x = 0; x < width; ++x) {
    for (int c = 0; c < channels; ++c) {
      row[x * channels + c] = mask[x] != 0 ? row[x * channels + c] : 0.0f;
    }
  }
}

void AddRow(const std::vector<float>& row, float weight, float* sum) {
  for (std::size_t i = 0; i < row.size(); ++i) sum[i] += weight * row[i];
}

void ShrinkRow(const ResizeAxis& columns, int width, const float* row, int channels, float* out) {
  for (int i = 0; i < width; ++i) {
    const float* weights = columns.weights_of(i);
    for (int c = 0; c < channels; ++c) {
      const float* in = row + columns.first[i] * channels + c;
      float sum = 0.0f;
      for (int k = 0; k < columns.count(i); ++k, in += channels) sum += weights[k] * *in;
      *out++ = sum;
    }
  }
}

}  // namespace

cv::Mat ResizeMasked(const FrameReader& reader, int channels, const Sector& sector, cv::Size size) {
  const cv::Rect& bounds = sector.bounds;
  CV_Assert(size.width <= bounds.width && size.height <= bounds.height);
  const ResizeAxis columns = AreaAxis(bounds.width, size.width);
  const ResizeAxis rows = AreaAxis(bounds.height, size.height);

  cv::Mat result(size, CV_32FC(channels));
  std::vector<float> row(static_cast<std::size_t>(bounds.width) * channels), sum(row.size());
  int read = -1;  // The number of the input row in `row`: two outputs may share one.
  for (int i = 0; i < size.height; ++i) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (int k = 0; k < rows.count(i); ++k) {
      const int y = rows.first[i] + k;
      if (y != read) {
        reader.ReadRow(bounds.y + y, bounds.x, bounds.x + bounds.width, row.data());
        MaskRow(sector.mask.ptr(bounds.y + y) + bounds.x, bounds.width, channels, row.data());
        read = y;
      }
      AddRow(row, rows.weights_of(i)[k], sum.data());
    }
    ShrinkRow(columns, size.width, sum.data(), channels, result.ptr<float>(i));
  }
  return result;
}

}  // namespace hepar
