// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/gallery.h"

#include <glib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

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
