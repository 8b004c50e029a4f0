// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "models/error.h"
#include "training/evaluation/metrics.h"

namespace hepar {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// A feature that varies less than this is constant.
constexpr double kLeastDeviation = 1e-6;

cv::Mat Rows(const cv::Mat& all, const std::vector<int>& indices) {
  cv::Mat rows(static_cast<int>(indices.size()), all.cols, CV_32F);
  for (int i = 0; i < rows.rows; ++i) all.row(indices[i]).copyTo(rows.row(i));
  return rows;
}

// Standardizes the columns of both by the first.
void Standardize(cv::Mat* train, cv::Mat* test) {
  for (int column = 0; column < train->cols; ++column) {
    cv::Scalar mean, deviation;
    cv::meanStdDev(train->col(column), mean, deviation);
    const double scale = deviation[0] > kLeastDeviation ? 1.0 / deviation[0] : 0.0;
    for (cv::Mat* matrix : {train, test}) {
      cv::Mat values = matrix->col(column);
      values.convertTo(values, CV_64F, scale, -mean[0] * scale);
      values.copyTo(matrix->col(column));
    }
  }
}

double GradeOf(const ProbeFrames& frames, const cv::Mat& features, int classes) {
  const std::set<int> groups(frames.groups.begin(), frames.groups.end());
  if (groups.size() < 2) return kNan;
  ConfusionMatrix matrix(classes);
  for (const int group : groups) {
    std::vector<int> train, test, targets;
    for (std::size_t i = 0; i < frames.groups.size(); ++i) {
      (frames.groups[i] == group ? test : train).push_back(static_cast<int>(i));
    }
    for (const int i : train) targets.push_back(frames.labels[i]);
    const auto answers =
        ProbeAnswers(Rows(features, train), targets, classes, Rows(features, test));
    for (std::size_t i = 0; i < test.size(); ++i) matrix.Add(frames.labels[test[i]], answers[i]);
  }
  return matrix.BalancedAccuracy();
}

double PatientOf(const ProbeFrames& frames, const cv::Mat& features) {
  std::map<std::string, std::vector<int>> of_patient;
  for (std::size_t i = 0; i < frames.patients.size(); ++i) {
    of_patient[frames.patients[i]].push_back(static_cast<int>(i));
  }
  std::vector<int> train, test, targets, truths;
  int patients = 0;
  for (const auto& [patient, indices] : of_patient) {
    if (indices.size() < 2) continue;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      (i % 2 == 0 ? train : test).push_back(indices[i]);
      (i % 2 == 0 ? targets : truths).push_back(patients);
    }
    ++patients;
  }
  if (patients < 2) return kNan;
  const auto answers = ProbeAnswers(Rows(features, train), targets, patients, Rows(features, test));
  int right = 0;
  for (std::size_t i = 0; i < truths.size(); ++i) right += answers[i] == truths[i] ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(truths.size());
}

}  // namespace

std::vector<int> ProbeAnswers(const cv::Mat& train, const std::vector<int>& targets, int classes,
                              const cv::Mat& test, double ridge) {
  const bool fits = train.type() == CV_32F && test.type() == CV_32F && train.rows > 0 &&
                    train.cols == test.cols &&
                    targets.size() == static_cast<std::size_t>(train.rows);
  const bool known = std::all_of(targets.begin(), targets.end(),
                                 [classes](int t) { return t >= 0 && t < classes; });
  if (!fits || !known) {
    throw Error(ErrorKind::kInvalid,
                "a probe needs training cases with a target each, and features of one length");
  }
  cv::Mat x, y;
  train.convertTo(x, CV_64F);
  test.convertTo(y, CV_64F);
  Standardize(&x, &y);
  cv::Mat indicators = cv::Mat::zeros(x.rows, classes, CV_64F);
  for (int i = 0; i < x.rows; ++i) indicators.at<double>(i, targets[i]) = 1.0;
  cv::Mat means;
  cv::reduce(indicators, means, 0, cv::REDUCE_AVG);
  const cv::Mat moments = x.t() * x + ridge * x.rows * cv::Mat::eye(x.cols, x.cols, CV_64F);
  cv::Mat weights;
  cv::solve(moments, x.t() * indicators, weights, cv::DECOMP_CHOLESKY);
  const cv::Mat scores = y * weights;
  std::vector<int> answers;
  for (int i = 0; i < scores.rows; ++i) {
    const cv::Mat row = scores.row(i) + means;
    cv::Point best;
    cv::minMaxLoc(row, nullptr, nullptr, nullptr, &best);
    answers.push_back(best.x);
  }
  return answers;
}

std::vector<ProbedPicture> ProbePictures(const ProbeFrames& frames, int classes) {
  const auto count = frames.labels.size();
  if (frames.patients.size() != count || frames.groups.size() != count) {
    throw Error(ErrorKind::kInvalid, "frames to probe need a label, a patient and a group each");
  }
  std::vector<ProbedPicture> probed;
  const std::pair<const char*, const cv::Mat*> pictures[] = {
      {"specific", &frames.specific}, {"common", &frames.common}, {"picture", &frames.picture}};
  for (const auto& [name, features] : pictures) {
    if (features->empty()) continue;
    if (static_cast<std::size_t>(features->rows) != count) {
      throw Error(ErrorKind::kInvalid,
                  std::string("not every frame has its picture '") + name + "'");
    }
    probed.push_back({name, GradeOf(frames, *features, classes), PatientOf(frames, *features)});
  }
  return probed;
}

}  // namespace hepar
