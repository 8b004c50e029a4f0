// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace hepar {

// Linear probes: how well a linear classifier predicts something that the pictures were not
// made for shows how much of that they contain (Alain and Bengio, ICLR 2017 workshop).

// Answers 0..classes-1 for the rows of `test`, by ridge regression on the targets' indicators: for
// standardized features X, (X'X + ridge n I) W = X'Y; the answer is the class of the largest X W.
// Both matrices are CV_32F, a case each row, with the same columns. Throws Error(kInvalid) for
// matrices and targets that do not fit together and for no training case.
std::vector<int> ProbeAnswers(const cv::Mat& train, const std::vector<int>& targets, int classes,
                              const cv::Mat& test, double ridge = 0.1);

// Frames to probe: labels, patients and groups of each, and the three pictures of it as rows.
struct ProbeFrames {
  std::vector<int> labels;
  std::vector<std::string> patients;
  // Folds for probing the grade: each group is predicted by a probe that was trained on the others.
  // A patient is in one group only.
  std::vector<int> groups;
  cv::Mat specific, common, picture;  // CV_32F; empty where the model has no such decoupler.
};

// The share of frames (0..1) that a probe of each picture predicts correctly.
struct ProbedPicture {
  std::string name;  // "specific", "common", "picture".
  // Of patients that it did not learn from: mean over the grades. NaN with less than two groups.
  double grade = 0.0;
  // Which of the patients, learned from every second of their frames, of the others. NaN where no
  // patient has two frames.
  double patient = 0.0;
};

// Throws Error(kInvalid) for parts that do not fit together.
std::vector<ProbedPicture> ProbePictures(const ProbeFrames& frames, int classes);

}  // namespace hepar
