// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/vessels.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "models/simulator/grid.h"
#include "models/simulator/organs.h"
#include "models/simulator/random.h"

namespace hepar {
namespace {

class VesselPainter {
 public:
  VesselPainter(const Patient& patient, std::uint64_t seed)
      : patient_(patient),
        random_(seed, kVesselStream),
        outer_(kFieldHeight, kFieldWidth, std::uint8_t{0}),
        portal_(outer_.clone()),
        hepatic_(outer_.clone()) {}

  // Marks the vessels in `tissue`, in liver only.
  void Paint(cv::Mat1b* tissue) {
    const double depth = patient_.fat_cm + patient_.muscle_cm;
    const cv::Point2d hilum = {random_.Uniform(0.0, 2.5), depth + random_.Uniform(3.6, 5.0)};
    const double trunk_angle = kPi + random_.Uniform(-0.3, 0.5);
    PaintPortal(hilum, trunk_angle, random_.Uniform(0.32, 0.5), 3);
    if (random_.Chance(0.6)) PaintPortal(hilum, random_.Uniform(-1.4, -0.6), 0.28, 2);
    const int cross_sections = 3 + static_cast<int>(random_.Uniform(0.0, 6.0));
    for (int i = 0; i < cross_sections; ++i) {
      const cv::Point2d at = {random_.Uniform(-7.0, 5.0), depth + random_.Uniform(1.2, 7.0)};
      const cv::Point2d way = {random_.Uniform(-0.4, 0.4), 0.1 * random_.Normal()};
      PaintPortalPiece(at, at + way, random_.Uniform(0.08, 0.2));
    }
    if (patient_.has_gallbladder) PaintGallbladder(hilum);
    const cv::Point2d cava = {patient_.dome.x - random_.Uniform(3.5, 6.0), depth + 8.5};
    const int veins = 1 + static_cast<int>(random_.Uniform(0.0, 3.0));
    for (int i = 0; i < veins; ++i) PaintHepatic(cava, -0.2 - 0.5 * i - random_.Uniform(0.0, 0.4));

    for (int y = 0; y < kFieldHeight; ++y) {
      std::uint8_t* row = (*tissue)[y];
      for (int x = 0; x < kFieldWidth; ++x) {
        if (row[x] != kLiver) continue;
        if (outer_(y, x)) row[x] = kPortalWall;
        if (portal_(y, x)) row[x] = kPortalLumen;
        if (hepatic_(y, x)) row[x] = kHepaticLumen;
      }
    }
  }

 private:
  void Line(cv::Mat1b* mask, cv::Point2d from, cv::Point2d to, double radius_cm) const {
    if (patient_.mirrored) {
      from.x = -from.x;
      to.x = -to.x;
    }
    const cv::Point2d origin = {kLeftCm, kTopCm};
    const int thickness = std::max(1, static_cast<int>(std::lround(2.0 * radius_cm / kPitchCm)));
    cv::line(*mask, cv::Point((from - origin) / kPitchCm), cv::Point((to - origin) / kPitchCm), 255,
             thickness);
  }

  void PaintPortalPiece(const cv::Point2d& from, const cv::Point2d& to, double radius_cm) {
    Line(&outer_, from, to, radius_cm + 0.11);
    Line(&portal_, from, to, radius_cm);
  }

  void PaintPortal(cv::Point2d at, double angle, double radius_cm, int generations) {
    const double length = random_.Uniform(1.6, 2.8);
    for (int step = 0; step < 6; ++step) {
      angle += 0.13 * random_.Normal();
      const cv::Point2d to = at + length / 6.0 * cv::Point2d(std::cos(angle), std::sin(angle));
      // The plane of the scan leaves a vessel here and there.
      if (!random_.Chance(0.12)) PaintPortalPiece(at, to, radius_cm);
      radius_cm *= 0.97;
      at = to;
    }
    if (generations == 1) return;
    PaintPortal(at, angle + random_.Uniform(0.25, 0.7), 0.72 * radius_cm, generations - 1);
    PaintPortal(at, angle - random_.Uniform(0.25, 0.7), 0.66 * radius_cm, generations - 1);
  }

  // Bile looks like blood here: black, and brighter behind.
  void PaintGallbladder(const cv::Point2d& hilum) {
    cv::Point2d from = hilum + cv::Point2d(random_.Uniform(-2.0, 2.0), random_.Uniform(-1.0, 2.0));
    const double angle = random_.Uniform(0.0, kPi);
    const double radius_cm = random_.Uniform(0.7, 1.5);
    const cv::Point2d way = 0.25 * cv::Point2d(std::cos(angle), std::sin(angle));
    const int steps = 4 + static_cast<int>(random_.Uniform(0.0, 10.0));
    for (int step = 0; step < steps; ++step, from += way) {
      PaintPortalPiece(from, from, radius_cm * (0.7 + 0.3 * step / steps));
    }
  }

  void PaintHepatic(cv::Point2d at, double angle) {
    double radius_cm = random_.Uniform(0.22, 0.42);
    const int steps = 12 + static_cast<int>(random_.Uniform(0.0, 8.0));
    for (int step = 0; step < steps; ++step) {
      angle += 0.06 * random_.Normal();
      const cv::Point2d to = at + 0.4 * cv::Point2d(std::cos(angle), std::sin(angle));
      Line(&hepatic_, at, to, radius_cm);
      radius_cm *= 0.94;
      at = to;
    }
  }

  const Patient& patient_;
  Random random_;
  cv::Mat1b outer_;
  cv::Mat1b portal_;
  cv::Mat1b hepatic_;
};

}  // namespace

void PaintVessels(const Patient& patient, std::uint64_t seed, cv::Mat1b* tissue) {
  VesselPainter(patient, seed).Paint(tissue);
}

}  // namespace hepar
