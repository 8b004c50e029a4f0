// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/physical_baselines.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <set>
#include <utility>

#include "models/error.h"

namespace hepar {
namespace {

constexpr int kLeastSide = 32;
constexpr double kLeastGray = 0.01;       // Added, so that black has a logarithm.
constexpr double kDynamicRangeDb = 60.0;  // Of a display that says nothing of its own.

// The middle third of a picture, from its first to its last row that is inside the sector.
struct Strip {
  cv::Mat gray, inside;  // CV_32FC1; CV_8UC1.

  bool empty() const { return gray.rows < 4; }
  cv::Range Rows(double from, double to) const {
    return {static_cast<int>(from * gray.rows), std::max(static_cast<int>(to * gray.rows), 1)};
  }
  double Mean(const cv::Range& rows) const {
    return cv::mean(gray.rowRange(rows), inside.rowRange(rows))[0];
  }
};

Strip MiddleOf(const cv::Mat& picture) {
  cv::Mat gray = picture;
  if (picture.channels() == 3) cv::cvtColor(picture, gray, cv::COLOR_RGB2GRAY);
  gray = gray.colRange(gray.cols / 3, gray.cols - gray.cols / 3);
  const cv::Mat inside = gray > 0.f;
  int first = gray.rows, last = -1;
  for (int y = 0; y < gray.rows; ++y) {
    if (2 * cv::countNonZero(inside.row(y)) < gray.cols) continue;
    first = std::min(first, y);
    last = y;
  }
  if (last < first) return {};
  return {gray.rowRange(first, last + 1), inside.rowRange(first, last + 1)};
}

// Of the line through log mean gray over the depth, which runs from 0 to 1.
double DepthSlope(const Strip& strip) {
  const cv::Range rows = strip.Rows(0.15, 0.85);
  double n = 0.0, x_sum = 0.0, y_sum = 0.0, xx = 0.0, xy = 0.0;
  for (int y = rows.start; y < rows.end; ++y) {
    const double depth = static_cast<double>(y) / strip.gray.rows;
    const double level = std::log(strip.Mean({y, y + 1}) + kLeastGray);
    n += 1.0;
    x_sum += depth;
    y_sum += level;
    xx += depth * depth;
    xy += depth * level;
  }
  const double spread = n * xx - x_sum * x_sum;
  return spread > 0.0 ? (n * xy - x_sum * y_sum) / spread : 0.0;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Mean over standard deviation of each whole block of `values`; squared: mean^2 over variance.
std::vector<double> BlockRatios(const Strip& strip, const cv::Mat& values, int side) {
  std::vector<double> ratios;
  const cv::Range rows = strip.Rows(0.35, 0.65);
  for (int y = rows.start; y + side <= rows.end; y += side) {
    for (int x = 0; x + side <= values.cols; x += side) {
      const cv::Rect block(x, y, side, side);
      if (cv::countNonZero(strip.inside(block)) < side * side) continue;
      cv::Scalar mean, deviation;
      cv::meanStdDev(values(block), mean, deviation);
      if (deviation[0] > 1e-12) ratios.push_back(mean[0] / deviation[0]);
    }
  }
  return ratios;
}

std::vector<double> PatientWeights(const std::vector<std::string>& patients) {
  std::map<std::string, int> frames;
  for (const std::string& patient : patients) ++frames[patient];
  std::vector<double> weights;
  for (const std::string& patient : patients) weights.push_back(1.0 / frames.at(patient));
  return weights;
}

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

void CheckFrames(const MeasuredFrames& frames) {
  if (frames.values.empty() || frames.values.size() != frames.labels.size() ||
      frames.values.size() != frames.patients.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(frames.values.size()) +
                                         " measured frames for " +
                                         std::to_string(frames.labels.size()) + " labels");
  }
}

// The penalised likelihood of a proportional-odds model as a function of its parameters: the
// weights, then the cuts. Cuts are kept in order by the likelihood itself: where two cross, a grade
// that has cases has no probability.
class OrdinalLikelihood {
 public:
  OrdinalLikelihood(std::vector<PhysicalValues> rows, std::vector<int> labels,
                    std::vector<double> weights, int classes, double ridge)
      : rows_(std::move(rows)),
        labels_(std::move(labels)),
        weights_(std::move(weights)),
        classes_(classes),
        ridge_(ridge) {}

  int size() const { return kValues + classes_ - 1; }

  // -infinity outside the domain. Fills gradient and the expected information where given.
  double Of(const cv::Mat& at, cv::Mat* gradient = nullptr, cv::Mat* information = nullptr) const {
    if (gradient) *gradient = cv::Mat::zeros(size(), 1, CV_64F);
    if (information) *information = cv::Mat::zeros(size(), size(), CV_64F);
    double total = 0.0;
    for (int i = 0; i < kValues; ++i) {
      const double w = at.at<double>(i);
      total -= ridge_ * w * w / 2;
      if (gradient) gradient->at<double>(i) -= ridge_ * w;
      if (information) information->at<double>(i, i) += ridge_;
    }
    for (std::size_t n = 0; n < rows_.size(); ++n) {
      const double value = Add(n, at, gradient, information);
      if (!std::isfinite(value)) return -std::numeric_limits<double>::infinity();
      total += value;
    }
    return total;
  }

 private:
  static constexpr int kValues = static_cast<int>(kPhysicalFeatures.size());

  // P(grade >= k) and its derivative by the linear predictor.
  std::pair<double, double> AtLeast(int k, double predictor, const cv::Mat& at) const {
    if (k == 0) return {1.0, 0.0};
    if (k == classes_) return {0.0, 0.0};
    const double p = Sigmoid(predictor - at.at<double>(kValues + k - 1));
    return {p, p * (1.0 - p)};
  }

  double Add(std::size_t n, const cv::Mat& at, cv::Mat* gradient, cv::Mat* information) const {
    double predictor = 0.0;
    for (int i = 0; i < kValues; ++i) predictor += at.at<double>(i) * rows_[n][i];
    // The expected information: over the grades that the case might have had.
    for (int grade = 0; information && grade < classes_; ++grade) {
      const cv::Mat slope = SlopeOf(n, grade, predictor, at);
      const double p =
          AtLeast(grade, predictor, at).first - AtLeast(grade + 1, predictor, at).first;
      if (p > 1e-12) *information += weights_[n] / p * slope * slope.t();
    }
    const int label = labels_[n];
    const double p = AtLeast(label, predictor, at).first - AtLeast(label + 1, predictor, at).first;
    if (!(p > 0.0)) return -std::numeric_limits<double>::infinity();
    if (gradient) *gradient += weights_[n] / p * SlopeOf(n, label, predictor, at);
    return weights_[n] * std::log(p);
  }

  // Of P(grade) by the parameters.
  cv::Mat SlopeOf(std::size_t n, int grade, double predictor, const cv::Mat& at) const {
    cv::Mat slope = cv::Mat::zeros(size(), 1, CV_64F);
    const double low = AtLeast(grade, predictor, at).second;
    const double high = AtLeast(grade + 1, predictor, at).second;
    for (int i = 0; i < kValues; ++i) slope.at<double>(i) = (low - high) * rows_[n][i];
    if (grade > 0) slope.at<double>(kValues + grade - 1) -= low;
    if (grade + 1 < classes_) slope.at<double>(kValues + grade) += high;
    return slope;
  }

  std::vector<PhysicalValues> rows_;
  std::vector<int> labels_;
  std::vector<double> weights_;
  int classes_;
  double ridge_;
};

// Cuts at which the shares of the grades are what they are when all weights are 0.
std::vector<double> FirstCuts(const std::vector<int>& labels, const std::vector<double>& weights,
                              int classes) {
  std::vector<double> cuts;
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (int k = 1; k < classes; ++k) {
    double above = 0.0;
    for (std::size_t n = 0; n < labels.size(); ++n) above += labels[n] >= k ? weights[n] : 0.0;
    cuts.push_back(-std::log(above / (total - above)));
  }
  return cuts;
}

// Fisher's scoring with halved steps: the likelihood is concave.
cv::Mat Maximise(const OrdinalLikelihood& likelihood, cv::Mat at) {
  constexpr int kMostSteps = 100, kMostHalvings = 40;
  double value = likelihood.Of(at);
  for (int step = 0; step < kMostSteps; ++step) {
    cv::Mat gradient, information, direction;
    likelihood.Of(at, &gradient, &information);
    cv::solve(information, gradient, direction, cv::DECOMP_SVD);
    double scale = 1.0, gained = 0.0;
    for (int halving = 0; halving < kMostHalvings; ++halving, scale /= 2) {
      const cv::Mat next = at + scale * direction;
      const double there = likelihood.Of(next);
      if (!(there > value)) continue;
      gained = there - value;
      value = there;
      at = next;
      break;
    }
    if (gained < 1e-10) break;
  }
  return at;
}

}  // namespace

PhysicalValues MeasurePicture(const cv::Mat& picture) {
  if (picture.rows < kLeastSide || picture.cols < kLeastSide || picture.depth() != CV_32F ||
      (picture.channels() != 1 && picture.channels() != 3)) {
    throw Error(ErrorKind::kInvalid, "expected a float picture of 1 or 3 channels and at least " +
                                         std::to_string(kLeastSide) + " x " +
                                         std::to_string(kLeastSide) + " pixels");
  }
  PhysicalValues values = {};
  const Strip strip = MiddleOf(picture);
  if (strip.empty()) return values;
  const double near = strip.Mean(strip.Rows(0.0, 0.5)), far = strip.Mean(strip.Rows(0.5, 1.0));
  values[0] = std::log((near + kLeastGray) / (far + kLeastGray));
  values[1] = DepthSlope(strip);
  values[2] = strip.Mean(strip.Rows(0.0, 1.0));
  const int side = std::max(picture.rows / 12, 3);
  values[3] = Median(BlockRatios(strip, strip.gray, side));
  // Gray g shows the amplitude 10^(D (g - 1) / 20), so the intensity 10^(D (g - 1) / 10).
  cv::Mat intensity;
  cv::exp((strip.gray - 1.0) * (kDynamicRangeDb / 10.0 * std::log(10.0)), intensity);
  std::vector<double> m = BlockRatios(strip, intensity, side);
  for (double& ratio : m) ratio *= ratio;
  values[4] = Median(std::move(m));
  return values;
}

MeasuredFrames MeasuredByPatient(const MeasuredFrames& frames) {
  CheckFrames(frames);
  const std::vector<double> weights = PatientWeights(frames.patients);
  std::map<std::string, std::pair<PhysicalValues, int>> patients;
  for (std::size_t n = 0; n < frames.values.size(); ++n) {
    const auto found =
        patients.emplace(frames.patients[n], std::pair(PhysicalValues{}, frames.labels[n])).first;
    for (std::size_t i = 0; i < frames.values[n].size(); ++i) {
      found->second.first[i] += weights[n] * frames.values[n][i];
    }
  }
  MeasuredFrames result;
  for (const auto& [patient, entry] : patients) {
    result.values.push_back(entry.first);
    result.labels.push_back(entry.second);
    result.patients.push_back(patient);
  }
  return result;
}

std::vector<double> OrdinalModel::Probabilities(const PhysicalValues& values) const {
  double predictor = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    predictor += weight[i] * (values[i] - mean[i]) / scale[i];
  }
  std::vector<double> probabilities;
  double above = 1.0;
  for (const double cut : cuts) {
    const double next = Sigmoid(predictor - cut);
    probabilities.push_back(std::max(above - next, 0.0));
    above = next;
  }
  probabilities.push_back(above);
  return probabilities;
}

OrdinalModel FitOrdinal(const MeasuredFrames& frames, int classes, double ridge) {
  CheckFrames(frames);
  const std::vector<double> weights = PatientWeights(frames.patients);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  OrdinalModel model;
  for (std::size_t i = 0; i < kPhysicalFeatures.size(); ++i) {
    double square = 0.0;
    for (std::size_t n = 0; n < weights.size(); ++n) {
      model.mean[i] += weights[n] * frames.values[n][i] / total;
    }
    for (std::size_t n = 0; n < weights.size(); ++n) {
      square += weights[n] * std::pow(frames.values[n][i] - model.mean[i], 2) / total;
    }
    model.scale[i] = std::max(std::sqrt(square), 1e-9);
  }

  // Grades without a case take no part: a cut of theirs would run off to infinity.
  const std::set<int> present(frames.labels.begin(), frames.labels.end());
  if (present.size() < 2 || *present.begin() < 0 || *present.rbegin() >= classes) {
    throw Error(ErrorKind::kInvalid, "an ordinal model needs cases of two grades, got " +
                                         std::to_string(present.size()));
  }
  std::vector<int> labels;
  for (const int label : frames.labels) {
    labels.push_back(static_cast<int>(std::distance(present.begin(), present.find(label))));
  }
  std::vector<PhysicalValues> rows = frames.values;
  for (PhysicalValues& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - model.mean[i]) / model.scale[i];
  }
  const int count = static_cast<int>(present.size());
  const std::vector<double> first = FirstCuts(labels, weights, count);
  const OrdinalLikelihood likelihood(std::move(rows), labels, weights, count, ridge);
  cv::Mat start = cv::Mat::zeros(likelihood.size(), 1, CV_64F);
  const int values = static_cast<int>(kPhysicalFeatures.size());
  for (int k = 0; k + 1 < count; ++k) start.at<double>(values + k) = first[k];
  const cv::Mat best = Maximise(likelihood, start);
  for (int i = 0; i < values; ++i) model.weight[i] = best.at<double>(i);

  // P(grade >= k) is that of the next grade that has cases; above the last it is 0.
  int cut = -1;
  for (int k = 1; k < classes; ++k) {
    cut = static_cast<int>(std::distance(present.begin(), present.lower_bound(k))) - 1;
    model.cuts.push_back(cut < 0            ? -std::numeric_limits<double>::infinity()
                         : cut + 1 >= count ? std::numeric_limits<double>::infinity()
                                            : best.at<double>(values + cut));
  }
  return model;
}

Predictions OrdinalAnswers(const MeasuredFrames& frames, const std::vector<int>& group_of,
                           int classes) {
  CheckFrames(frames);
  std::vector<int> groups = group_of;
  if (std::set<int>(groups.begin(), groups.end()).size() < 2) {
    const std::set<std::string> patients(frames.patients.begin(), frames.patients.end());
    groups.clear();
    for (const std::string& patient : frames.patients) {
      groups.push_back(static_cast<int>(std::distance(patients.begin(), patients.find(patient))));
    }
  }
  if (groups.size() != frames.values.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(groups.size()) + " groups for " +
                                         std::to_string(frames.values.size()) + " frames");
  }
  Predictions answers{frames.labels, {}, frames.patients};
  answers.probabilities.resize(frames.values.size());
  for (const int group : std::set<int>(groups.begin(), groups.end())) {
    MeasuredFrames others;
    for (std::size_t n = 0; n < groups.size(); ++n) {
      if (groups[n] == group) continue;
      others.values.push_back(frames.values[n]);
      others.labels.push_back(frames.labels[n]);
      others.patients.push_back(frames.patients[n]);
    }
    const OrdinalModel model = FitOrdinal(others, classes);
    for (std::size_t n = 0; n < groups.size(); ++n) {
      if (groups[n] == group) answers.probabilities[n] = model.Probabilities(frames.values[n]);
    }
  }
  return answers;
}

}  // namespace hepar
