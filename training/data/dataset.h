// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "training/data/load_summary.h"
#include "training/data/picture_source.h"

namespace hepar {

// One labeled picture: a still, or a frame of a recording.
struct Sample {
  std::string path;     // As it can be opened.
  int label = 0;        // Index into Dataset::class_names.
  std::string patient;  // Samples of one patient stay in one part.
  int frame = 0;        // Within the file.
  double fat = -1.0;    // Hepatocytes with fat, percent, 0..100; below 0: unknown.
};

struct Dataset {
  std::vector<Sample> samples;  // Sorted by path and frame, whatever order the source has.
  std::vector<std::string> class_names = {"normal", "mild", "moderate", "severe"};

  // SHA-256 (hex) over the samples (path relative to the source, label, patient, frame; not the
  // percentage of fat) and the content of their files.
  std::string digest;

  LoadSummary summary;
};

// Reads a data set, by what `path` is:
//  - a folder with one folder for each class, named as the classes. Each picture's patient is its
//    sub-folder if there is one, else the part of the file name before the last '_' or the whole
//    stem; what is no picture is ignored (training/data/folder_walk.h) and named in the summary;
//  - a *.mat file, the set of Byra et al. as published (training/data/mat_file.h), with patients
//    P01, P02, ... and the grades normal below 5 % of fat, mild to 33, moderate to 66, severe
//    above; of exact copies among the frames of a patient the first is kept;
//  - else a CSV manifest with the columns path, label and patient_id in any order (paths are
//  relative
//    to the manifest; the column fat_pct may give the percentage of fat by biopsy; rows whose
//    column `duplicate_of` is not empty are left out, because a pixel copy would count twice; other
//    columns are ignored).
// Files are stills, DICOM stills and cines, or videos; recordings and the pages of a TIFF file give
// the frames that `options` chooses. The patient data of DICOM files is ignored. White space around
// ids and labels is dropped; ids that are likely one patient, and recordings that are truncated or
// damaged, are warnings of the summary.
// Throws Error naming the file, line and remedy: kNotFound, kUnreadable, kDamaged (columns missing,
// label or class folder unknown, class folder without a picture, a picture listed twice or two
// files of the same content, a patient with two labels, no sample, a recording that cannot be
// decoded), kInvalid for options out of range.
Dataset LoadDataset(const std::string& path, const SourceOptions& options = {});

}  // namespace hepar
