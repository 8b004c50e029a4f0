// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/gallery.h"

#include <glib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "models/saliency/color_map.h"

namespace hepar {

std::vector<int> WorstMistakes(const Predictions& predictions, int most, int per_patient) {
  struct Mistake {
    int index, distance;
    double confidence;
  };
  std::vector<Mistake> mistakes;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    const int answer = AnswerOf(predictions.probabilities[i]);
    if (answer == predictions.labels[i]) continue;
    mistakes.push_back({static_cast<int>(i), std::abs(answer - predictions.labels[i]),
                        predictions.probabilities[i][answer]});
  }
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const Mistake& a, const Mistake& b) {
    return a.distance != b.distance ? a.distance > b.distance : a.confidence > b.confidence;
  });
  std::map<std::string, int> of_patient;
  std::vector<int> worst;
  for (const Mistake& mistake : mistakes) {
    if (static_cast<int>(worst.size()) >= most) break;
    if (++of_patient[predictions.patients[mistake.index]] > per_patient) continue;
    worst.push_back(mistake.index);
  }
  return worst;
}

cv::Mat WithHeat(const cv::Mat& picture, const std::vector<std::uint8_t>& heat) {
  cv::Mat gray = picture;
  if (picture.channels() == 3) cv::cvtColor(picture, gray, cv::COLOR_RGB2GRAY);
  cv::Mat result(gray.size(), CV_32FC3);
  for (int y = 0; y < gray.rows; ++y) {
    for (int x = 0; x < gray.cols; ++x) {
      const std::uint8_t value = heat[static_cast<std::size_t>(y) * gray.cols + x];
      const std::uint32_t rgb = MapColor(value);
      const float opacity = static_cast<float>(MapOpacity(value)) / 255.f;
      for (int c = 0; c < 3; ++c) {
        const float color = static_cast<float>((rgb >> (16 - 8 * c)) & 255) / 255.f;
        result.at<cv::Vec3f>(y, x)[c] = (1.f - opacity) * gray.at<float>(y, x) + opacity * color;
      }
    }
  }
  return result;
}

std::string PictureUri(const cv::Mat& picture) {
  cv::Mat bytes;
  picture.convertTo(bytes, CV_8U, 255.0);
  if (bytes.channels() == 3) cv::cvtColor(bytes, bytes, cv::COLOR_RGB2BGR);
  std::vector<std::uint8_t> file;
  cv::imencode(".png", bytes, file, {cv::IMWRITE_PNG_COMPRESSION, 9});
  g_autofree gchar* text = g_base64_encode(file.data(), file.size());
  return std::string("data:image/png;base64,") + text;
}

}  // namespace hepar
