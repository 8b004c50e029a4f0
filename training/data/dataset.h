// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "models/image/preprocess.h"
#include "training/data/picture_cache.h"
#include "training/data/picture_source.h"

namespace hepar {

// One labelled picture: a still, or a frame of a recording.
struct Sample {
  std::string path;     // As it can be opened.
  int label = 0;        // Index into Dataset::class_names.
  std::string patient;  // Samples of one patient never part.
  int frame = 0;        // Within the file.
};

struct Dataset {
  std::vector<Sample> samples;  // Sorted by path and frame, whatever order the source has.
  std::vector<std::string> class_names = {"normal", "mild", "moderate", "severe"};

  // SHA-256 (hex) over the samples (path relative to the source, label, patient, frame) and the
  // content of their files.
  std::string digest;
};

// Reads a data set, by what `path` is:
//  - a folder with one folder for each class, named as the classes. Each picture's patient is its
//    sub-folder if there is one, else the part of the file name before the last '_' or the whole
//    stem; hidden files and files that are no pictures are passed over;
//  - a *.mat file, the set of Byra et al. as published (training/data/mat_file.h), with patients
//    P01, P02, ... and the grades normal below 5 % of fat, mild to 33, moderate to 66, severe
//    above; of exact copies among the frames of a patient the first is kept;
//  - else a CSV manifest with the columns path, label and patient_id in any order (paths relative
//  to
//    the manifest; other columns are ignored; rows whose column `duplicate_of` is not empty are
//    left out, because a pixel copy weighs twice).
// Files are stills, DICOM stills and cines, or videos; recordings give the frames that `options`
// chooses. What a DICOM file says of its patient is not looked at.
// Throws Error naming the file, line and mend: kNotFound, kUnreadable, kDamaged (columns missing,
// label or class folder unknown, class folder without a picture, a picture listed twice, a patient
// with two labels, no sample, a recording that cannot be decoded), kInvalid for options out of
// range.
Dataset LoadDataset(const std::string& path, const SourceOptions& options = {});

// Patient -> fold, from a CSV with the columns patient_id and fold (0..n-1, two or more, none
// without a patient). Throws Error: kNotFound, kUnreadable, kDamaged.
struct Folds {
  std::vector<std::pair<std::string, int>> fold_of;  // Sorted by patient.
  int count = 0;

  // Throws Error(kMismatch), naming the patient, for one that has none.
  int FoldOf(const std::string& patient) const;
};
Folds LoadFolds(const std::string& path);

// Indices into Dataset::samples, ascending. No patient is in two parts. Which part a patient goes
// to depends on the patients of its grade and the seed, not on the number or order of the pictures.
struct Split {
  std::vector<int> train, validation, test;
};

// Test = the patients of fold `fold` (none for -1, which needs no folds); of the others, about
// `validation_fraction` of the patients of each grade (at least one where the fraction is above 0
// and the grade has two or more) validate, drawn with `seed`; the rest, at least one patient of
// each grade that has any left, trains. Throws Error: kMismatch when a patient of the data set has
// no fold or a part that must not be empty is, kInvalid for a fold or fraction out of range.
Split SplitByFold(const Dataset& dataset, const Folds& folds, int fold, double validation_fraction,
                  std::uint64_t seed);

// Without given folds: `test_fraction` and `validation_fraction` of the patients of each grade, by
// the same rules.
Split SplitByPatient(const Dataset& dataset, double test_fraction, double validation_fraction,
                     std::uint64_t seed);

// Throws Error(kMismatch), naming the patient, when one patient is in two parts.
void CheckPatientDisjoint(const Dataset& dataset, const Split& split);

// The part of `indices` that process `shard` of `shards` trains on: whole patients, dealt out so
// that the pictures of each grade, and then all pictures, are about as many for every process.
// Ascending; the parts of all processes are disjoint and together complete, and none is empty.
// Depends on the samples alone. Throws Error: kInvalid for a shard out of range, kMismatch when
// there are fewer patients than shards.
std::vector<int> ShardByPatient(const Dataset& dataset, const std::vector<int>& indices, int shards,
                                int shard);

// Every sample read and prepared (models/image/preprocess.h) once, and kept in memory.
class PreparedDataset {
 public:
  // Reads with up to `threads` threads; their number changes nothing but the time. Pictures that
  // `cache` knows are shared with it and the others are added; without a cache none is shared.
  // Throws what PrepareFile does, for the first bad file.
  PreparedDataset(const Dataset& dataset, const PreprocessOptions& options, int threads = 1,
                  PictureCache* cache = nullptr);

  const Dataset& dataset() const { return dataset_; }
  const PreparedImage& image(int index) const { return images_[index]; }
  int size() const { return static_cast<int>(images_.size()); }

 private:
  Dataset dataset_;
  std::vector<PreparedImage> images_;
};

// Reads one picture, or a frame of a recording, as a live source would deliver it: GRAY8 or
// GRAY16_LE for grey, 8-bit BGR for colour (training/data/picture_source.h). Resets `preprocessor`
// first: a picture follows nothing. Throws Error, naming the file: kNotFound, kUnreadable,
// kDamaged, and what Preprocessor::Process throws (a picture too small or large, a fixed sector
// outside it).
PreparedImage PrepareFile(const std::string& path, Preprocessor& preprocessor, int frame = 0);

// The same of a picture as ReadFrames() hands it out; `path` and `frame` stand in messages.
PreparedImage PreparePicture(const cv::Mat& picture, const std::string& path, int frame,
                             Preprocessor& preprocessor);

}  // namespace hepar
