// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace hepar {

// How a scanner and its operator make a picture of echoes. As it stands: the simulator's own
// scanner, whose width of the fan and gain vary with the patient.
struct Scanner {
  static constexpr int kTimeGainKnobs = 5;

  // Probe. Beams fan out from an apex this far behind its face: a curved array has 4 to 7 cm, a
  // phased array less than 2.
  double probe_radius_cm = 6.0;  // 0.5..10.
  double half_angle = 0.0;       // Of the fan, radians, 0.2..1.0; 0: drawn with the patient.
  // What the frame cuts off: shares of the depth of view and of the fan's half width.
  double crop_bottom = 0.0;  // 0..0.3.
  double crop_sides = 0.0;   // 0..0.3.

  // Pulse and beam.
  double frequency_mhz = 3.5;  // 1..10. Attenuation in dB per cm grows with it.
  double pulse_cm = 0.032;     // Standard deviation along the beam, 0.005..0.2.
  double beam_scale = 1.0;     // Width of the beam as a factor, 0.3..4.
  double focus_cm = 5.0;       // Where it is narrowest, 1..20.

  // Receiver. The operator sees the liver fade with depth and turns the time gain up: this share of
  // the attenuation that fat adds is taken back.
  double attenuation_correction = 0.0;               // 0..1.
  double time_gain_db_per_cm = 0.0;                  // What else the time gain is off by, -2..2.
  std::array<double, kTimeGainKnobs> knobs_db = {};  // Evenly over the depth of view, -20..20.
  double noise_db = 0.0;                             // Added to the receiver's noise, -20..20.
  double haze_db = -100.0;  // Clutter at the face, relative to a normal liver, <= 20;
                            // -100 or less: none.
  double haze_cm = 4.0;     // Depth over which it falls to 1/e, 0.5..30.

  // Display.
  double dynamic_range_db = 60.0;  // 30..120.
  double bend = 0.0;               // Exponent exp(bend) of the gray levels, -1.5..1.5.
  double brightness = 0.0;         // The operator turns the gain until the fan's mean gray level is
                                   // this, 0.05..0.7; 0: a gain of its own for each patient.
  double pedestal = 0.0;           // Gray level of no echo at all, 0..0.5.
  double smooth_lines = 0.0;       // Gaussian filter of the gray levels across the beams, 0..10,
  double smooth_samples = 0.0;     // and along them: standard deviations.
  double sharpen = 0.0;            // Edge enhancement: share of an unsharp mask, 0..3.
};

// What differs from one examination to the next beyond what a patient's seed draws: view and
// habitus.
struct Examination {
  // Something that swallows sound, a rib or gas: as a share of the half angle, its width, where it
  // begins, and what it takes.
  struct Shadow {
    double angle, width, begin_cm, loss_db;
  };

  bool has_kidney = true;  // In the plane of the scan.
  bool has_gallbladder = false;
  double shift_x_cm = 0.0;  // Of the probe along the body and into it, -4..4.
  double shift_y_cm = 0.0;
  double wall_cm = 0.0;          // Added to the body wall's fat, 0..5.
  double fat_attenuation = 1.0;  // How much fat attenuates, as a factor, 0..4.
  double liver_db = 0.0;         // Added to the liver's level,
  double cortex_db = 0.0;        // the kidney cortex's,
  double attenuation_db = 0.0;   // the liver's attenuation, dB per cm at 3.5 MHz,
  double visibility_db = 0.0;    // and to vessel walls and the diaphragm.
  std::vector<Shadow> shadows;
};

// A scanner and an examination, drawn from what machines and operators differ in; equal seeds give
// equal ones on every platform. `breadth` (0.1..2) widens or narrows all ranges about their middle:
// 1 is for training, more asks for scanners beyond those that training has seen.
Scanner RandomScanner(std::uint64_t seed, double breadth = 1.0);
Examination RandomExamination(std::uint64_t seed, double breadth = 1.0);

// Throws Error(kInvalid), naming the field, for one out of the ranges above.
void CheckScanner(const Scanner& scanner);
void CheckExamination(const Examination& examination);

}  // namespace hepar
