// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/image/sector.h"

#include <opencv2/imgproc.hpp>
#include <string>
#include <utility>

#include "models/error.h"
#include "models/image/scan_finder.h"

namespace hepar {
namespace {

Sector FixedSector(cv::Size size, const SectorRule& rule) {
  const cv::Rect bounds = rule.fixed & cv::Rect(cv::Point(0, 0), size);
  if (bounds.empty()) {
    throw Error(ErrorKind::kMismatch,
                "sector " + rule.ToString() + " lies outside the " + std::to_string(size.width) +
                    "x" + std::to_string(size.height) + " frame; choose one inside it or \"auto\"");
  }
  Sector sector = {bounds, cv::Mat::zeros(size, CV_8UC1)};
  sector.mask(bounds).setTo(255);
  return sector;
}

}  // namespace

std::optional<Sector> TryFindSector(const cv::Mat& luma, const SectorRule& rule) {
  if (luma.empty() || luma.type() != CV_8UC1) {
    throw Error(ErrorKind::kInvalid, "the sector finder needs a picture with one 8-bit channel");
  }
  return TryFindSector(
      luma.size(), [&luma] { return SearchPicture(luma); }, rule);
}

std::optional<Sector> TryFindSector(cv::Size frame, const std::function<cv::Mat()>& search_picture,
                                    const SectorRule& rule) {
  switch (rule.kind) {
    case SectorRule::Kind::kFull:
      return WholeFrame(frame);
    case SectorRule::Kind::kFixed:
      return FixedSector(frame, rule);
    case SectorRule::Kind::kAuto:
      break;
  }
  Sector sector;
  sector.mask = FindScan(search_picture(), frame);
  if (sector.mask.empty()) return std::nullopt;
  sector.bounds = cv::boundingRect(sector.mask);
  if (sector.bounds.empty()) return std::nullopt;
  return sector;
}

Sector FindSector(const cv::Mat& luma, const SectorRule& rule) {
  std::optional<Sector> sector = TryFindSector(luma, rule);
  return sector ? *std::move(sector) : WholeFrame(luma.size());
}

Sector WholeFrame(cv::Size size) {
  return {cv::Rect(cv::Point(0, 0), size), cv::Mat(size, CV_8UC1, cv::Scalar(255))};
}

}  // namespace hepar
