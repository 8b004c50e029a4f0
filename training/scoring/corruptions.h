// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace hepar {

// Image corruptions, to measure how robust a model is (the idea of Hendrycks and Dietterich, ICLR
// 2019, with corruptions of ultrasound). Each has kCorruptionStrengths severities.
enum class Corruption {
  kSpeckle,   // Multiplicative noise with the grain of speckle.
  kGain,      // Gray level added or subtracted, by the picture's seed.
  kTimeGain,  // A slope of the levels over depth, up or down by the seed.
  kGamma,     // Gray levels raised to a power above or below 1, by the seed.
  kBlur,      // Gaussian.
  kDepth,     // A deeper or shallower view, by the seed.
  kCrop,      // A part of the picture, stretched: a sector found too small.
  kJpeg,      // Compressed, of the whole frame.
  kOverlay,   // Burned-in calipers and text, on the whole frame.
};

inline constexpr int kCorruptionStrengths = 5;

std::vector<Corruption> AllCorruptions();
// "speckle", "time-gain", ... Parse throws Error(kInvalid), listing them.
std::string ToString(Corruption corruption);
Corruption ParseCorruption(const std::string& name);

// The size of a strength, 1..kCorruptionStrengths, in the unit of UnitOf(). Throws
// Error(kInvalid) for a strength out of range, as do those below.
double SizeOf(Corruption corruption, int strength);
std::string UnitOf(Corruption corruption);

// Whether the frame is corrupted, before the sector is searched: so for corruptions of
// the whole frame in the scanner or in transmission, which may mislead the search. The others are
// changes within the sector of the prepared picture.
bool CorruptsFrame(Corruption corruption);

// A corrupted copy of a prepared picture, CV_32FC1 or CV_32FC3 in [0,1]. Throws Error(kInvalid) for
// corruptions of frames and for another type. The result is a pure function of the arguments, and
// the draws of one seed are the same at every strength.
cv::Mat CorruptPicture(const cv::Mat& picture, Corruption corruption, int strength,
                       std::uint64_t seed);

// A corrupted copy of a frame as ReadFrames() gives it: CV_8UC1, CV_8UC3 or CV_16UC1. JPEG makes 16
// bits to 8 and back. Throws Error(kInvalid) for corruptions of pictures and for another type.
cv::Mat CorruptFrame(const cv::Mat& frame, Corruption corruption, int strength, std::uint64_t seed);

}  // namespace hepar
