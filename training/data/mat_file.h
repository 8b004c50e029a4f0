// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace hepar {

// One patient of the data set of Byra et al. (IJCARS 2018, doi 10.1007/s11548-018-1843-2; Zenodo,
// doi 10.5281/zenodo.1009146).
struct MatPatient {
  int id = 0;                   // 1..99999.
  double fat = 0.0;             // Hepatocytes with fat by biopsy, percent, 0..100.
  std::vector<cv::Mat> frames;  // CV_8UC1, at least one.
};

// Whether a file is named *.mat.
bool IsMatFile(const std::string& path);

// Reads dataset_liver_bmodes_steatosis_assessment_IJCARS.mat as it is published, or a file of the
// same structure: a struct array `data` with the fields id and fat (numbers of any type) and images
// (uint8, frames x height x width or height x width x frames; the frames are the first or last
// dimension, whichever is shorter). Its field `class` says less than fat and is ignored.
// MAT files of level 5, compressed or not, and 7.3. Calls wait for each other: HDF5 is not
// thread-safe. A truncated file is detected, and damage in a compressed one; the other kinds have
// no checksum. Throws Error, naming the file, patient and field: kNotFound, kUnreadable, kDamaged
// (also for two patients with one id).
std::vector<MatPatient> ReadMatFile(const std::string& path);

}  // namespace hepar
