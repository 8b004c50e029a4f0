// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/report/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>

#include "models/error.h"
#include "training/report/markup.h"
#include "training/report/table.h"

namespace hepar {
namespace {

constexpr int kColors = 6;
constexpr double kWidth = 600;
constexpr double kLeft = 58, kTop = 40;
constexpr double kFoot = 44;  // Below the x axis.
// Widths of text are guessed: no font is at hand here.
constexpr double kCharacterWidth = 6.4;
constexpr double kNameSpacing = 15;
// Right of the axes: from their end to the swatch, the swatch, from there to the name.
constexpr double kSwatchGap = 14, kSwatch = 18, kNameGap = 5;
// Characters of a name.
constexpr std::size_t kLongestName = 24;
// Room is left for so many even where names are shorter, so that charts side by side have axes of
// one length.
constexpr double kUsualName = 14;
constexpr std::size_t kMostBands = 240;

std::string Position(double value) {
  // Hundredths are finer than any screen.
  std::string text = Fixed(std::round(value * 100.0) / 100.0, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string Attribute(const std::string& name, double value) {
  return " " + name + "=\"" + Position(value) + "\"";
}

std::string Line(const std::string& css, double x1, double y1, double x2, double y2) {
  return "<line class=\"" + css + "\"" + Attribute("x1", x1) + Attribute("y1", y1) +
         Attribute("x2", x2) + Attribute("y2", y2) + "/>\n";
}

std::string Text(const std::string& css, const std::string& anchor, double x, double y,
                 const std::string& text) {
  return "<text class=\"" + css + "\" text-anchor=\"" + anchor + "\"" + Attribute("x", x) +
         Attribute("y", y) + ">" + EscapeMarkup(text) + "</text>\n";
}

// Where the UTF-8 characters of `text` begin, and its end.
std::vector<std::size_t> Characters(const std::string& text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

double Length(const std::string& text) { return static_cast<double>(Characters(text).size() - 1); }

std::string Shortened(const std::string& name) {
  const auto starts = Characters(name);
  if (starts.size() - 1 <= kLongestName) return name;
  return name.substr(0, starts[kLongestName - 1]) + "…";
}

// Step of 1, 2 or 5 times a power of ten that cuts `range` in about `count` parts.
double NiceStep(double range, int count) {
  const double rough = range / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1.0 - 1e-9)) return factor * power;
  }
  return 10.0 * power;
}

std::vector<double> FiniteValues(const LineChart& chart) {
  std::vector<double> values;
  for (const ChartSeries& series : chart.series) {
    std::copy_if(series.values.begin(), series.values.end(), std::back_inserter(values),
                 [](double value) { return std::isfinite(value); });
  }
  return values;
}

// The y axis: its range and its ticks.
class Scale {
 public:
  explicit Scale(const LineChart& chart) : percent_(chart.percent), bottom_(chart.height - kFoot) {
    const std::vector<double> values = FiniteValues(chart);
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    log_ = chart.log_scale && !values.empty() && *least > 0.0 && *most > 10.0 * *least;
    if (log_) {
      MakeLogTicks(*least, *most);
    } else {
      double low = chart.low.value_or(std::numeric_limits<double>::infinity());
      double high = chart.high.value_or(-std::numeric_limits<double>::infinity());
      for (const double value : values) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
      if (low > high) low = 0.0, high = 1.0;
      if (low == high) {
        // A constant series is centered in a range around its value.
        const double margin = low == 0.0 ? 1.0 : std::abs(low) / 20.0;
        low -= low == 0.0 ? 0.0 : margin;
        high += margin;
      }
      ticks_ = NiceTicks(low, high, 5);
      step_ = ticks_[1] - ticks_[0];
      const double largest = std::max(std::abs(ticks_.front()), std::abs(ticks_.back()));
      const int exponent = static_cast<int>(std::floor(std::log10(largest * (1.0 + 1e-9))));
      if (!percent_ && (exponent < -2 || exponent > 4)) exponent_ = exponent;
    }
    low_ = Place(ticks_.front());
    high_ = Place(ticks_.back());
  }

  const std::vector<double>& ticks() const { return ticks_; }
  double Y(double value) const {
    return bottom_ - (Place(value) - low_) / (high_ - low_) * (bottom_ - kTop);
  }
  std::string TickText(double tick) const {
    if (log_) return NumberText(tick, 1);
    // NiceTicks leaves the rounding error of its multiples on what should be 0.
    if (std::abs(tick) < step_ / 2.0) return "0";
    // As many digits as distinguish neighbors.
    const double digits = std::floor(std::log10(std::abs(tick) * (1.0 + 1e-9))) -
                          std::floor(std::log10(step_ * (1.0 + 1e-9)));
    return NumberText(percent_ ? 100.0 * tick : tick / std::pow(10.0, exponent_),
                      static_cast<int>(digits) + 1);
  }
  // What the numbers beside the ticks leave unsaid.
  std::string Note() const {
    if (log_) return " (logarithmic)";
    return exponent_ == 0 ? "" : " (" + PowerOfTenText(exponent_) + ")";
  }
  std::string ValueText(double value) const {
    return percent_ && std::isfinite(value) ? Fixed(100.0 * value, 1) + " %" : NumberText(value);
  }

 private:
  double Place(double value) const { return log_ ? std::log10(value) : value; }

  void MakeLogTicks(double least, double most) {
    const int first = static_cast<int>(std::floor(std::log10(least)));
    const int last = static_cast<int>(std::ceil(std::log10(most)));
    const std::vector<double> factors =
        std::log10(most / least) < 2.5 ? std::vector<double>{1, 2, 5} : std::vector<double>{1};
    std::vector<double> all;
    for (int power = first; power <= last; ++power) {
      for (const double factor : factors) all.push_back(factor * std::pow(10.0, power));
    }
    // From the last tick that is not above the values to the first that is not below.
    const auto begin = std::upper_bound(all.begin(), all.end(), least * (1.0 + 1e-9)) - 1;
    const auto end = std::lower_bound(all.begin(), all.end(), most * (1.0 - 1e-9)) + 1;
    ticks_.assign(begin, std::min(end, all.end()));
  }

  bool percent_, log_ = false;
  double bottom_;
  double low_ = 0.0, high_ = 1.0, step_ = 1.0;
  int exponent_ = 0;  // Power of ten that the numbers beside the ticks leave out.
  std::vector<double> ticks_;
};

// One <svg> in the making.
class Drawing {
 public:
  explicit Drawing(const LineChart& chart)
      : chart_(chart), scale_(chart), bottom_(chart.height - kFoot) {
    double longest = kUsualName;
    for (const ChartSeries& series : chart.series) {
      longest = std::max(longest, Length(Shortened(series.name)));
    }
    right_ = kWidth - kSwatchGap - kSwatch - kNameGap - 6.0 - kCharacterWidth * longest;
    first_ = chart.x.empty() ? 0.0 : chart.x.front();
    last_ = chart.x.empty() ? 1.0 : chart.x.back();
    if (chart.x_range) {
      first_ = chart.x_range->first;
      last_ = chart.x_range->second;
    } else if (first_ == last_) {
      // A single point is centered.
      first_ -= 1.0;
      last_ += 1.0;
    }
  }

  std::string Draw() const {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + Position(kWidth) + " " +
           Position(chart_.height) + "\" role=\"img\" aria-label=\"" +
           EscapeMarkup(chart_.description) + "\">\n" + Axes() + Mark() + Lines() + Names() +
           Bands() + Notes() + "</svg>\n";
  }

 private:
  double X(double x) const { return kLeft + (x - first_) / (last_ - first_) * (right_ - kLeft); }

  std::string Axes() const {
    std::string text;
    for (const double tick : scale_.ticks()) {
      const double y = scale_.Y(tick);
      text += Line("grid", kLeft, y, right_, y);
      text += Text("quiet", "end", kLeft - 8, y + 4, scale_.TickText(tick));
    }
    text += Line("axis", kLeft, bottom_, right_, bottom_);
    text += Text("quiet", "start", 4, 14, chart_.y_name + scale_.Note());
    // Epochs are whole, and so are their ticks.
    const double nice = NiceStep(last_ - first_, 8);
    const double step = chart_.x_range ? nice : std::max(1.0, nice);
    const double lowest = std::ceil(first_ / step - 1e-9);
    const int above = static_cast<int>(std::floor(last_ / step + 1e-9) - lowest);
    for (int i = 0; i <= above; ++i) {
      const double tick = (lowest + i) * step;
      // A lone epoch has no neighbors to name.
      if (!chart_.x_range && chart_.x.size() == 1 && tick != chart_.x.front()) continue;
      text += Line("axis", X(tick), bottom_, X(tick), bottom_ + 4);
      const double shown = std::abs(tick) < step / 2.0 ? 0.0 : tick;
      text += Text("quiet", "middle", X(tick), bottom_ + 18,
                   NumberText(chart_.x_percent ? 100.0 * shown : shown, 7));
    }
    return text + Text("quiet", "middle", (kLeft + right_) / 2, bottom_ + 36, chart_.x_name);
  }

  std::string Mark() const {
    if (!chart_.marked_x || chart_.x.empty() || *chart_.marked_x < chart_.x.front() ||
        *chart_.marked_x > chart_.x.back()) {
      return "";
    }
    const double x = X(*chart_.marked_x);
    const double half = kCharacterWidth / 2.0 * Length(chart_.mark);
    return Line("kept", x, kTop - 6, x, bottom_) + Text("quiet", "middle",
                                                        std::clamp(x, kLeft + half, right_ - half),
                                                        kTop - 11, chart_.mark);
  }

  const std::vector<double>& PlacesOf(const ChartSeries& series) const {
    return series.x.empty() ? chart_.x : series.x;
  }

  // Of a series: references take no color.
  std::string Color(std::size_t s) const {
    std::size_t before = 0;
    for (std::size_t i = 0; i < s; ++i) before += chart_.series[i].reference ? 0 : 1;
    return std::to_string(before % kColors);
  }

  std::string XText(double x) const {
    return chart_.x_percent ? Fixed(100.0 * x, 1) + " %" : NumberText(x, chart_.x_range ? 4 : 7);
  }

  std::string Lines() const {
    std::string text;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      const ChartSeries& series = chart_.series[s];
      const auto& values = series.values;
      const auto& places = PlacesOf(series);
      const std::string color = Color(s);
      std::string path, dots;
      bool pen_down = false;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool drawn = std::isfinite(values[i]);
        if (drawn) {
          const std::string at = Position(X(places[i])) + " " + Position(scale_.Y(values[i]));
          const bool goes_on = i + 1 < values.size() && std::isfinite(values[i + 1]);
          const bool on_line = pen_down || goes_on;
          if (on_line) {
            path += (path.empty() ? "" : " ") + std::string(pen_down ? "L" : "M") + at;
          }
          // A line of one point would not show.
          if (!on_line || series.dots) {
            dots += "<circle class=\"mark" + color + "\"" + Attribute("cx", X(places[i])) +
                    Attribute("cy", scale_.Y(values[i])) + " r=\"3\"/>\n";
          }
        }
        pen_down = drawn;
      }
      if (!path.empty()) {
        text += "<path class=\"" + LineClass(s) + "\" d=\"" + path + "\"/>\n";
      }
      text += dots;
    }
    return text;
  }

  // Points with their own tooltips, above the bands.
  std::string Notes() const {
    std::string text;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      const ChartSeries& series = chart_.series[s];
      const auto note = [&](double x, double y, const std::string& words, bool seen) {
        text += "<circle class=\"point" + (seen ? " line" + Color(s) : "") + "\"" +
                Attribute("cx", X(x)) + Attribute("cy", scale_.Y(y)) + " r=\"5\"><title>" +
                EscapeMarkup(words) + "</title></circle>\n";
      };
      for (std::size_t i = 0; series.dots && i < series.values.size(); ++i) {
        if (!std::isfinite(series.values[i])) continue;
        note(PlacesOf(series)[i], series.values[i],
             series.name + "\n" + chart_.x_name + " " + XText(PlacesOf(series)[i]) + ": " +
                 scale_.ValueText(series.values[i]) +
                 (i < series.notes.size() ? "\n" + series.notes[i] : ""),
             false);
      }
      for (const ChartSeries::Mark& mark : series.marks) {
        note(mark.x, mark.y, series.name + "\n" + mark.text, true);
      }
    }
    return text;
  }

  struct Name {
    std::size_t series;
    double x, y;     // Where the line ends.
    double label_y;  // Middle of the name.
  };

  // Moves names, sorted by y, just as far as it takes that no two meet and all are on the chart.
  void SpreadNames(std::vector<Name>* names) const {
    if (names->empty()) return;
    const int count = static_cast<int>(names->size());
    const double spacing = std::min(kNameSpacing, (bottom_ - kTop) / count);
    // Less its place in a stack of names, each may stay where it is or share the mean of those it
    // would collide with: isotonic regression, by pooling adjacent violators.
    struct Pool {
      double sum;
      int size;
      double mean() const { return sum / size; }
    };
    std::vector<Pool> pools;
    for (int i = 0; i < count; ++i) {
      pools.push_back({(*names)[i].y - i * spacing, 1});
      while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back() = {pools.back().sum + last.sum, pools.back().size + last.size};
      }
    }
    int i = 0;
    for (const Pool& pool : pools) {
      const double y = std::clamp(pool.mean(), kTop, bottom_ - (count - 1) * spacing);
      for (int k = 0; k < pool.size; ++k, ++i) (*names)[i].label_y = y + i * spacing;
    }
  }

  // Color and dashes of a series.
  std::string LineClass(std::size_t s) const {
    if (chart_.series[s].reference) return "reference";
    return "line" + Color(s) + (s >= static_cast<std::size_t>(kColors) ? " dashed" : "");
  }

  // A swatch and a name beside the end of each line.
  std::string Names() const {
    std::vector<Name> names;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      const auto& values = chart_.series[s].values;
      const auto last = std::find_if(values.rbegin(), values.rend(),
                                     [](double value) { return std::isfinite(value); });
      if (last == values.rend()) continue;
      const double y = scale_.Y(*last);
      names.push_back({s, X(PlacesOf(chart_.series[s])[values.rend() - last - 1]), y, y});
    }
    std::stable_sort(names.begin(), names.end(),
                     [](const Name& a, const Name& b) { return a.y < b.y; });
    SpreadNames(&names);

    std::string text;
    for (const Name& name : names) {
      const bool reference = chart_.series[name.series].reference;
      const std::string color = Color(name.series);
      text += "<path class=\"leader " + (reference ? "reference" : "line" + color) + "\" d=\"M" +
              Position(name.x) + " " + Position(name.y) + " L" + Position(right_ + kSwatchGap) +
              " " + Position(name.label_y) + "\"/>\n";
      text += Line("swatch " + LineClass(name.series), right_ + kSwatchGap, name.label_y,
                   right_ + kSwatchGap + kSwatch, name.label_y);
      if (!reference) {
        text += "<circle class=\"mark" + color + "\"" + Attribute("cx", name.x) +
                Attribute("cy", name.y) + " r=\"3\"/>\n";
      }
      text += Text("name", "start", right_ + kSwatchGap + kSwatch + kNameGap, name.label_y + 4,
                   Shortened(chart_.series[name.series].name));
    }
    return text;
  }

  // Bands, unseen until pointed at, that tell the values of an epoch; of a long run, of some.
  std::string Bands() const {
    const std::size_t count = chart_.x.size();
    const std::size_t stride = (count + kMostBands - 1) / kMostBands;
    std::string text;
    for (std::size_t i = 0; i < count; i += stride) {
      const double x = X(chart_.x[i]);
      const double before = i == 0 ? kLeft : (x + X(chart_.x[i - stride])) / 2;
      const double after = i + stride < count ? (x + X(chart_.x[i + stride])) / 2 : right_;
      std::string title = chart_.x_name + " " + XText(chart_.x[i]);
      for (const ChartSeries& series : chart_.series) {
        if (!series.x.empty()) continue;
        title += "\n" + series.name + ": " + scale_.ValueText(series.values[i]);
      }
      text += "<rect class=\"band\"" + Attribute("x", before) + Attribute("y", kTop) +
              Attribute("width", after - before) + Attribute("height", bottom_ - kTop) +
              "><title>" + EscapeMarkup(title) + "</title></rect>\n";
    }
    return text;
  }

  const LineChart& chart_;
  const Scale scale_;
  const double bottom_;
  double right_ = kWidth, first_ = 0.0, last_ = 1.0;
};

}  // namespace

bool HasValues(const LineChart& chart) { return !FiniteValues(chart).empty(); }

std::vector<double> NiceTicks(double low, double high, int count) {
  if (!(low < high) || !std::isfinite(low) || !std::isfinite(high) || count < 1) {
    throw Error(ErrorKind::kInvalid, "an axis from " + std::to_string(low) + " to " +
                                         std::to_string(high) + " with " + std::to_string(count) +
                                         " ticks, expected a finite rising range and one or more");
  }
  const double step = NiceStep(high - low, count);
  const double first = std::floor(low / step + 1e-9);
  // A number, not a sum of ones: those would add nothing where the ticks are far from zero.
  const int above = static_cast<int>(std::ceil(high / step - 1e-9) - first);
  std::vector<double> ticks;
  for (int i = 0; i <= above; ++i) ticks.push_back((first + i) * step);
  return ticks;
}

std::string LineChartSvg(const LineChart& chart) {
  for (const ChartSeries& series : chart.series) {
    const auto places = series.x.empty() ? chart.x.size() : series.x.size();
    if (series.values.size() != places) {
      throw Error(ErrorKind::kInvalid, "series '" + series.name + "' has " +
                                           std::to_string(series.values.size()) +
                                           " values, expected " + std::to_string(places));
    }
  }
  return Drawing(chart).Draw();
}

}  // namespace hepar
