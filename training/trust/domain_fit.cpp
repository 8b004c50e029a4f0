// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/trust/domain_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <set>

#include "models/error.h"

namespace hepar {
namespace {

// Of many patients several are left out at once, so that the time stays short.
constexpr std::size_t kMostGroups = 100;

// Weights with sum 1, the same for each patient.
std::vector<double> PatientWeights(const std::vector<std::string>& patients) {
  std::map<std::string, int> pictures;
  for (const std::string& patient : patients) ++pictures[patient];
  std::vector<double> weights;
  for (const std::string& patient : patients) {
    weights.push_back(1.0 / (static_cast<double>(pictures.size()) * pictures[patient]));
  }
  return weights;
}

// The lower triangle of L with L L^T = `matrix` (d x d, positive definite), in its place.
void Cholesky(int d, std::vector<double>* matrix) {
  const auto at = [&](int row, int column) -> double& { return (*matrix)[row * d + column]; };
  for (int i = 0; i < d; ++i) {
    for (int k = 0; k <= i; ++k) {
      double sum = at(i, k);
      for (int j = 0; j < k; ++j) sum -= at(i, j) * at(k, j);
      at(i, k) = i == k ? std::sqrt(sum) : sum / at(k, k);
    }
  }
}

}  // namespace

DomainModel FitDomain(const DescribedPictures& pictures, double shrinkage) {
  constexpr int d = kDescriptorSize;
  // What never varies among the pictures may still vary a little.
  constexpr double kLeastScale = 1e-3;
  const auto& rows = pictures.descriptors;
  if (rows.empty() || rows.size() != pictures.patients.size()) {
    throw Error(ErrorKind::kInvalid, "there are " + std::to_string(rows.size()) +
                                         " descriptors for " +
                                         std::to_string(pictures.patients.size()) + " pictures");
  }
  const std::vector<double> weights = PatientWeights(pictures.patients);
  DomainModel model;
  model.mean.assign(d, 0.0);
  model.scale.assign(d, 0.0);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    for (int i = 0; i < d; ++i) model.mean[i] += weights[n] * rows[n][i];
  }
  for (std::size_t n = 0; n < rows.size(); ++n) {
    for (int i = 0; i < d; ++i) {
      model.scale[i] += weights[n] * (rows[n][i] - model.mean[i]) * (rows[n][i] - model.mean[i]);
    }
  }
  for (double& scale : model.scale) scale = std::max(std::sqrt(scale), kLeastScale);

  std::vector<double> matrix(static_cast<std::size_t>(d) * d, 0.0);
  std::vector<double> z(d);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    for (int i = 0; i < d; ++i) z[i] = (rows[n][i] - model.mean[i]) / model.scale[i];
    for (int i = 0; i < d; ++i) {
      for (int k = 0; k <= i; ++k) matrix[i * d + k] += weights[n] * z[i] * z[k];
    }
  }
  for (int i = 0; i < d; ++i) {
    for (int k = 0; k <= i; ++k) {
      matrix[i * d + k] = (1.0 - shrinkage) * matrix[i * d + k] + (i == k ? shrinkage : 0.0);
    }
  }
  Cholesky(d, &matrix);
  for (int i = 0; i < d; ++i) {
    model.factor.insert(model.factor.end(), matrix.begin() + i * d, matrix.begin() + i * d + i + 1);
  }
  return model;
}

std::vector<double> LeavePatientOutScores(const DescribedPictures& pictures, double shrinkage) {
  const std::set<std::string> patients(pictures.patients.begin(), pictures.patients.end());
  if (patients.size() < 3) {
    throw Error(ErrorKind::kMismatch,
                "an out-of-domain score needs pictures of three patients, got " +
                    std::to_string(patients.size()));
  }
  std::map<std::string, std::size_t> group_of;
  for (const std::string& patient : patients) {
    group_of.emplace(patient, group_of.size() % kMostGroups);
  }
  std::vector<double> scores(pictures.patients.size());
  for (std::size_t left_out = 0; left_out < std::min(patients.size(), kMostGroups); ++left_out) {
    const auto is_out = [&](std::size_t n) {
      return group_of.at(pictures.patients[n]) == left_out;
    };
    DescribedPictures others;
    for (std::size_t n = 0; n < scores.size(); ++n) {
      if (is_out(n)) continue;
      others.descriptors.push_back(pictures.descriptors[n]);
      others.patients.push_back(pictures.patients[n]);
    }
    const DomainModel model = FitDomain(others, shrinkage);
    for (std::size_t n = 0; n < scores.size(); ++n) {
      if (is_out(n)) scores[n] = model.Score(pictures.descriptors[n]);
    }
  }
  return scores;
}

double UpperQuantile(const std::vector<double>& scores, const std::vector<std::string>& patients,
                     double rate) {
  const std::vector<double> weights = PatientWeights(patients);
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&scores](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  // Sums of rounded shares may end slightly below the intended rate.
  double above = 0.0;
  for (const std::size_t n : order) {
    above += weights[n];
    if (above > rate + 1e-9) return scores[n];
  }
  return scores[order.back()];
}

}  // namespace hepar
