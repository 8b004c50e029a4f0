// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/masked_resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace hepar {
namespace {

// Which inputs an output of one axis is the weighted sum of: [first, first + weights.size()).
struct Span {
  int first = 0;
  std::vector<float> weights;  // Sum 1.
};

// Outputs that divide `in` inputs into equal areas.
std::vector<Span> AreaSpans(int in, int out) {
  const double scale = static_cast<double>(in) / out;
  std::vector<Span> spans(out);
  for (int i = 0; i < out; ++i) {
    const double begin = i * scale, end = (i + 1) * scale;
    spans[i].first = static_cast<int>(begin);
    const int last = std::min(in, static_cast<int>(std::ceil(end)));
    double sum = 0.0;
    std::vector<double> covered;
    for (int j = spans[i].first; j < last; ++j) {
      covered.push_back(std::min<double>(end, j + 1) - std::max<double>(begin, j));
      sum += covered.back();
    }
    for (double part : covered) spans[i].weights.push_back(static_cast<float>(part / sum));
  }
  return spans;
}

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

void ShrinkRow(const std::vector<Span>& spans, const float* row, int channels, float* out) {
  for (const Span& span : spans) {
    for (int c = 0; c < channels; ++c) {
      const float* in = row + span.first * channels + c;
      float sum = 0.0f;
      for (float weight : span.weights) {
        sum += weight * *in;
        in += channels;
      }
      *out++ = sum;
    }
  }
}

}  // namespace

cv::Mat ResizeMasked(const FrameReader& reader, int channels, const Sector& sector, cv::Size size) {
  const cv::Rect& bounds = sector.bounds;
  CV_Assert(size.width <= bounds.width && size.height <= bounds.height);
  const auto columns = AreaSpans(bounds.width, size.width);
  const auto rows = AreaSpans(bounds.height, size.height);

  cv::Mat result(size, CV_32FC(channels));
  std::vector<float> row(static_cast<std::size_t>(bounds.width) * channels), sum(row.size());
  int read = -1;  // The row that is in `row`: two outputs may share one.
  for (int i = 0; i < size.height; ++i) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (std::size_t k = 0; k < rows[i].weights.size(); ++k) {
      const int y = rows[i].first + static_cast<int>(k);
      if (y != read) {
        reader.ReadRow(bounds.y + y, bounds.x, bounds.x + bounds.width, row.data());
        MaskRow(sector.mask.ptr(bounds.y + y) + bounds.x, bounds.width, channels, row.data());
        read = y;
      }
      AddRow(row, rows[i].weights[k], sum.data());
    }
    ShrinkRow(columns, sum.data(), channels, result.ptr<float>(i));
  }
  return result;
}

}  // namespace hepar
