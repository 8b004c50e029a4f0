// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/simulator/scanner.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "models/error.h"
#include "models/simulator/random.h"

namespace hepar {
namespace {

// Draws in ranges that `breadth` stretches about their middle, and keeps to what a Scanner may be.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint64_t stream, double breadth)
      : random_(seed, stream), breadth_(breadth) {}

  double Between(double low, double high, double least, double most) {
    const double middle = 0.5 * (low + high);
    const double off = breadth_ * (random_.Uniform(low, high) - middle);
    return std::clamp(middle + off, least, most);
  }
  double About0(double deviation, double most) {
    return std::clamp(breadth_ * deviation * random_.Normal(), -most, most);
  }
  // Something that only some have.
  bool Chance(double probability) { return random_.Chance(probability); }

 private:
  Random random_;
  double breadth_;
};

void CheckBreadth(double breadth) {
  if (breadth >= 0.1 && breadth <= 2.0) return;
  std::ostringstream message;
  message << "breadth of random scanners must be 0.1..2, got " << breadth;
  throw Error(ErrorKind::kInvalid, message.str());
}

void Check(const char* what, double value, double low, double high) {
  if (value >= low && value <= high) return;
  std::ostringstream message;
  message << "simulated scan: " << what << " must be " << low << ".." << high << ", got " << value;
  throw Error(ErrorKind::kInvalid, message.str());
}

}  // namespace

Scanner RandomScanner(std::uint64_t seed, double breadth) {
  CheckBreadth(breadth);
  Draw draw(seed, kScannerStream, breadth);
  Scanner s;
  const bool phased = draw.Chance(0.35);
  s.probe_radius_cm = phased ? draw.Between(0.8, 2.2, 0.5, 3.0) : draw.Between(4.0, 6.5, 3.0, 8.0);
  s.half_angle = phased ? draw.Between(0.60, 0.90, 0.5, 1.0) : draw.Between(0.45, 0.70, 0.35, 0.8);
  const bool cuts_bottom = draw.Chance(0.35);
  const double bottom = draw.Between(0.01, 0.12, 0.0, 0.2);
  if (cuts_bottom) s.crop_bottom = bottom;
  const bool cuts_sides = draw.Chance(0.2);
  const double sides = draw.Between(0.02, 0.15, 0.0, 0.25);
  if (cuts_sides) s.crop_sides = sides;

  s.frequency_mhz = draw.Between(2.5, 5.0, 1.5, 7.0);
  s.pulse_cm = 0.032 * 3.5 / s.frequency_mhz * draw.Between(0.7, 1.7, 0.5, 2.5);
  s.beam_scale = draw.Between(0.7, 2.2, 0.4, 4.0);
  s.focus_cm = draw.Between(3.0, 11.0, 1.0, 16.0);

  s.attenuation_correction = draw.Between(0.0, 0.25, 0.0, 0.7);
  s.time_gain_db_per_cm = draw.About0(0.12, 2.0);
  for (double& db : s.knobs_db) db = draw.About0(0.8, 20.0);
  s.noise_db = draw.Between(-9.0, 4.0, -20.0, 12.0);
  const bool has_haze = draw.Chance(0.3);
  const double haze = draw.Between(-16.0, 2.0, -30.0, 10.0);
  s.haze_cm = draw.Between(1.5, 8.0, 0.5, 15.0);
  if (has_haze) s.haze_db = haze;

  s.dynamic_range_db = draw.Between(46.0, 80.0, 36.0, 120.0);
  s.bend = draw.Between(-0.4, 0.5, -1.0, 1.0);
  s.brightness = draw.Between(0.14, 0.40, 0.08, 0.55);
  const bool has_pedestal = draw.Chance(0.2);
  const double pedestal = draw.Between(0.02, 0.22, 0.0, 0.35);
  if (has_pedestal) s.pedestal = pedestal;
  s.smooth_lines = draw.Between(0.0, 2.6, 0.0, 6.0);
  s.smooth_samples = draw.Between(0.0, 1.6, 0.0, 4.0);
  const bool sharpens = draw.Chance(0.35);
  const double sharpen = draw.Between(0.2, 1.2, 0.0, 2.0);
  if (sharpens) s.sharpen = sharpen;
  return s;
}

Examination RandomExamination(std::uint64_t seed, double breadth) {
  CheckBreadth(breadth);
  Draw draw(seed, kExaminationStream, breadth);
  Examination e;
  e.has_kidney = draw.Chance(0.65);
  e.has_gallbladder = draw.Chance(0.2);
  e.shift_x_cm = draw.Between(-2.5, 2.5, -4.0, 4.0);
  e.shift_y_cm = draw.Between(-1.0, 1.5, -2.0, 3.0);
  const bool is_obese = draw.Chance(0.4);
  const double wall = draw.Between(0.3, 2.5, 0.0, 4.0);
  if (is_obese) e.wall_cm = wall;
  e.fat_attenuation = draw.Between(1.0, 1.9, 0.7, 2.5);
  e.liver_db = draw.About0(1.0, 6.0);
  e.cortex_db = draw.About0(1.0, 6.0);
  e.attenuation_db = draw.About0(0.1, 0.8);
  e.visibility_db = draw.About0(2.0, 10.0);
  const bool has_rib = draw.Chance(0.3);
  const Examination::Shadow rib = {draw.Between(-0.9, 0.9, -1.0, 1.0),
                                   draw.Between(0.06, 0.2, 0.03, 0.4), 0.5,
                                   draw.Between(4.0, 14.0, 1.0, 25.0)};
  if (has_rib) e.shadows.push_back(rib);
  const bool has_gas = draw.Chance(0.25);
  const bool on_the_right = draw.Chance(0.5);
  const double side = draw.Between(0.55, 1.0, 0.4, 1.0);
  const Examination::Shadow gas = {on_the_right ? side : -side, draw.Between(0.12, 0.4, 0.05, 0.6),
                                   draw.Between(3.0, 9.0, 1.0, 14.0),
                                   draw.Between(10.0, 30.0, 5.0, 40.0)};
  if (has_gas) e.shadows.push_back(gas);
  return e;
}

void CheckScanner(const Scanner& s) {
  Check("radius of the probe, cm,", s.probe_radius_cm, 0.5, 10.0);
  if (s.half_angle != 0.0) Check("half angle of the fan", s.half_angle, 0.2, 1.0);
  Check("share cut off below", s.crop_bottom, 0.0, 0.3);
  Check("share cut off at the sides", s.crop_sides, 0.0, 0.3);
  Check("frequency, MHz,", s.frequency_mhz, 1.0, 10.0);
  Check("length of the pulse, cm,", s.pulse_cm, 0.005, 0.2);
  Check("width of the beam", s.beam_scale, 0.3, 4.0);
  Check("focus, cm,", s.focus_cm, 1.0, 20.0);
  Check("correction of attenuation", s.attenuation_correction, 0.0, 1.0);
  Check("time gain, dB per cm,", s.time_gain_db_per_cm, -2.0, 2.0);
  for (const double db : s.knobs_db) Check("time gain, dB,", db, -20.0, 20.0);
  Check("noise, dB,", s.noise_db, -20.0, 20.0);
  Check("haze, dB,", s.haze_db, -200.0, 20.0);
  Check("depth of the haze, cm,", s.haze_cm, 0.5, 30.0);
  Check("dynamic range, dB,", s.dynamic_range_db, 30.0, 120.0);
  Check("bend of the gray levels", s.bend, -1.5, 1.5);
  if (s.brightness != 0.0) Check("brightness", s.brightness, 0.05, 0.7);
  Check("pedestal", s.pedestal, 0.0, 0.5);
  Check("smoothing, lines,", s.smooth_lines, 0.0, 10.0);
  Check("smoothing, samples,", s.smooth_samples, 0.0, 10.0);
  Check("sharpening", s.sharpen, 0.0, 3.0);
}

void CheckExamination(const Examination& e) {
  Check("shift along the body, cm,", e.shift_x_cm, -4.0, 4.0);
  Check("shift into the body, cm,", e.shift_y_cm, -4.0, 4.0);
  Check("added body wall, cm,", e.wall_cm, 0.0, 5.0);
  for (const double db : {e.liver_db, e.cortex_db, e.visibility_db})
    Check("level, dB,", db, -30.0, 30.0);
  Check("attenuation by fat", e.fat_attenuation, 0.0, 4.0);
  Check("attenuation, dB per cm,", e.attenuation_db, -2.0, 2.0);
  for (const auto& shadow : e.shadows) {
    Check("angle of a shadow", shadow.angle, -1.0, 1.0);
    Check("width of a shadow", shadow.width, 0.01, 1.0);
    Check("begin of a shadow, cm,", shadow.begin_cm, 0.0, 24.0);
    Check("loss of a shadow, dB,", shadow.loss_db, 0.0, 60.0);
  }
}

}  // namespace hepar
