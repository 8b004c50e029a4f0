// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/overlay_renderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "models/error.h"
#include "models/saliency/color_map.h"

namespace hepar {
namespace {

constexpr OverlayCorner kCorners[] = {OverlayCorner::kTopLeft, OverlayCorner::kTopRight,
                                      OverlayCorner::kBottomLeft, OverlayCorner::kBottomRight};
constexpr OverlayTheme kThemes[] = {OverlayTheme::kDark, OverlayTheme::kLight,
                                    OverlayTheme::kHighContrast};
constexpr std::pair<int, int> kSizes[] = {{16, 16},   {17, 19},     {16, 4096},   {4096, 16},
                                          {64, 48},   {96, 64},     {159, 121},   {320, 240},
                                          {636, 434}, {640, 480},   {1080, 1920}, {1920, 1080},
                                          {640, 100}, {4096, 4096}, {641, 479}};

PanelContent Graded(int grade, std::vector<int> percents) {
  PanelContent content;
  content.state = PanelContent::State::kGraded;
  content.class_names = {"normal", "mild", "moderate", "severe"};
  content.grade = grade;
  content.label = content.class_names[grade];
  content.percents = std::move(percents);
  content.trust_percent = 60;
  content.inference_tenths = 123;
  return content;
}

PanelContent Uncertain() {
  PanelContent content = Graded(0, {25, 25, 25, 25});
  content.state = PanelContent::State::kUncertain;
  content.grade = -1;
  content.label = "uncertain";
  return content;
}

PanelContent NotLiver() {
  PanelContent content = Graded(2, {5, 20, 70, 5});
  content.state = PanelContent::State::kNotLiver;
  content.grade = -1;
  content.label = "not a liver view";
  return content;
}

PanelContent Unfamiliar(int grade) {
  PanelContent content = Graded(std::max(grade, 0), {20, 20, 45, 15});
  content.state = PanelContent::State::kUnfamiliar;
  content.grade = grade;
  return content;
}

OverlayView FlatView(std::uint8_t value, int size = 32) {
  OverlayView view;
  view.caption = "Specific";
  view.color_map = true;
  view.size = size;
  view.pixels.assign(static_cast<std::size_t>(size) * size, value);
  return view;
}

void ExpectInside(const OverlayPatch& patch, int width, int height) {
  EXPECT_EQ(patch.x % 2, 0);
  EXPECT_EQ(patch.y % 2, 0);
  EXPECT_GE(patch.x, 0);
  EXPECT_GE(patch.y, 0);
  EXPECT_GT(patch.width, 0);
  EXPECT_GT(patch.height, 0);
  EXPECT_LE(patch.x + patch.width, width);
  EXPECT_LE(patch.y + patch.height, height);
  EXPECT_EQ(patch.pixels.size(), static_cast<std::size_t>(patch.width) * patch.height);
}

bool Covers(const OverlayPatch& patch, int x, int y) {
  return x >= patch.x && x < patch.x + patch.width && y >= patch.y && y < patch.y + patch.height;
}

// The number of pixels of exactly this opaque color.
int Count(const OverlayPatch& patch, std::uint32_t rgb) {
  return static_cast<int>(std::count(patch.pixels.begin(), patch.pixels.end(), rgb | 0xff000000u));
}

// BT.709 luma, 0..255.
double Luma(std::uint32_t rgb) {
  return 0.2126 * ((rgb >> 16) & 255) + 0.7152 * ((rgb >> 8) & 255) + 0.0722 * (rgb & 255);
}

// Pixels that are brighter than the background of the dark theme are text.
int TextPixels(const OverlayPatch& patch) {
  return static_cast<int>(std::count_if(patch.pixels.begin(), patch.pixels.end(),
                                        [](std::uint32_t p) { return Luma(p) > 150; }));
}

TEST(OverlayPanelTest, LiesInsideTheFrameInEverySizeCornerAndTheme) {
  for (const auto& [width, height] : kSizes) {
    const OverlayRenderer renderer(width, height);
    for (const OverlayCorner corner : kCorners) {
      for (const OverlayTheme theme : kThemes) {
        SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
        OverlayStyle style;
        style.corner = corner;
        style.theme = theme;
        ExpectInside(renderer.DrawPanel(style, Graded(2, {5, 20, 70, 5})), width, height);
        ExpectInside(renderer.DrawPanel(style, PanelContent()), width, height);
      }
    }
  }
}

TEST(OverlayPanelTest, StandsInItsCorner) {
  const OverlayRenderer renderer(640, 480);
  for (const OverlayCorner corner : kCorners) {
    OverlayStyle style;
    style.corner = corner;
    const OverlayPatch patch = renderer.DrawPanel(style, Graded(1, {10, 80, 5, 5}));
    const bool left = corner == OverlayCorner::kTopLeft || corner == OverlayCorner::kBottomLeft;
    const bool top = corner == OverlayCorner::kTopLeft || corner == OverlayCorner::kTopRight;
    EXPECT_EQ(patch.x < 320, left);
    EXPECT_EQ(patch.y < 240, top);
  }
}

TEST(OverlayPanelTest, IsAQuarterOfTheWidthAndLeavesTheCenterFree) {
  for (const auto& [width, height] :
       {std::pair(320, 240), std::pair(636, 434), std::pair(640, 480), std::pair(1920, 1080)}) {
    const OverlayRenderer renderer(width, height);
    for (const OverlayCorner corner : kCorners) {
      OverlayStyle style;
      style.corner = corner;
      const OverlayPatch patch = renderer.DrawPanel(style, Graded(1, {10, 80, 5, 5}));
      EXPECT_FALSE(Covers(patch, width / 2, height / 2));
      if (width >= 636) {
        EXPECT_LE(patch.width, width * 0.26);
      }
    }
  }
}

TEST(OverlayPanelTest, GrowsWithTheFrame) {
  const PanelContent content = Graded(1, {10, 80, 5, 5});
  const OverlayPatch small = OverlayRenderer(640, 480).DrawPanel({}, content);
  const OverlayPatch large = OverlayRenderer(2560, 1920).DrawPanel({}, content);
  EXPECT_NEAR(large.width, 4 * small.width, 8);
  EXPECT_NEAR(large.height, 4 * small.height, 8);
}

TEST(OverlayPanelTest, EqualContentGivesEqualPixels) {
  const PanelContent content = Graded(3, {1, 2, 7, 90});
  const OverlayPatch first = OverlayRenderer(640, 480).DrawPanel({}, content);
  const OverlayPatch second = OverlayRenderer(640, 480).DrawPanel({}, content);
  EXPECT_EQ(first.pixels, second.pixels);
}

TEST(OverlayPanelTest, ShowsTheGradeInItsColorAndNoOther) {
  const OverlayRenderer renderer(640, 480);
  for (const OverlayTheme theme : kThemes) {
    OverlayStyle style;
    style.theme = theme;
    for (int grade = 0; grade < 4; ++grade) {
      std::vector<int> percents(4, 10);
      percents[grade] = 70;
      const OverlayPatch patch = renderer.DrawPanel(style, Graded(grade, percents));
      for (int other = 0; other < 4; ++other) {
        const int count = Count(patch, GradeColor(theme, other, 4));
        if (other == grade) {
          EXPECT_GT(count, 100);
        } else {
          EXPECT_EQ(count, 0) << "grade " << grade << " shown with the color of " << other;
        }
      }
    }
  }
}

TEST(OverlayPanelTest, LeadingBarIsAsLongAsItsProbability) {
  const OverlayRenderer renderer(1920, 1080);
  const auto colored = [&](int percent) {
    const int rest = (100 - percent) / 3;
    const OverlayPatch patch = renderer.DrawPanel({}, Graded(0, {percent, rest, rest, rest}));
    return Count(patch, GradeColor(OverlayTheme::kDark, 0, 4));
  };
  // The accent beside the heading has the same color, so only differences count.
  const int to_60 = colored(60) - colored(40);
  const int to_80 = colored(80) - colored(60);
  EXPECT_GT(to_60, 50);
  EXPECT_NEAR(to_80, to_60, 0.2 * to_60);
}

TEST(OverlayPanelTest, NumbersKeepClearOfTheirBars) {
  for (const auto& [width, height] :
       {std::pair(400, 300), std::pair(640, 480), std::pair(1920, 1080), std::pair(3840, 2160)}) {
    SCOPED_TRACE(width);
    const OverlayRenderer renderer(width, height);
    const OverlayPatch patch = renderer.DrawPanel({}, Graded(3, {0, 0, 0, 100}));
    const std::uint32_t red = GradeColor(OverlayTheme::kDark, 3, 4);
    // The right end of the bar, in the row of pixels where it is longest.
    int end = 0, row = 0;
    for (int y = patch.height / 4; y < patch.height; ++y) {
      for (int x = 0; x < patch.width; ++x) {
        if ((patch.pixels[static_cast<std::size_t>(y) * patch.width + x] & 0xffffff) != red)
          continue;
        if (x > end) {
          end = x;
          row = y;
        }
      }
    }
    ASSERT_GT(end, patch.width / 3);
    // Text is white: the number begins some pixels further on in the rows of the bar.
    int begin = patch.width;
    for (int y = row - 2; y <= row + 2; ++y) {
      for (int x = end; x < begin; ++x) {
        if (Luma(patch.pixels[static_cast<std::size_t>(y) * patch.width + x]) > 150) begin = x;
      }
    }
    EXPECT_LT(begin, patch.width) << "there is a number";
    EXPECT_GE(begin - end, patch.width / 60 + 2);
  }
}

TEST(OverlayPanelTest, SmallFramesGetACompactPanel) {
  const PanelContent content = Graded(2, {5, 20, 70, 5});
  OverlayStyle compact;
  compact.compact = true;
  const auto height = [&](int width, int frame_height, const OverlayStyle& style) {
    return OverlayRenderer(width, frame_height).DrawPanel(style, content).height;
  };
  EXPECT_EQ(height(320, 240, {}), height(320, 240, compact));
  EXPECT_GT(height(640, 480, {}), 3 * height(640, 480, compact));
}

TEST(OverlayPanelTest, TheLargestPanelIsAsLargeAsAnyResult) {
  for (const auto& [width, height] : {std::pair(320, 240), std::pair(640, 480)}) {
    const OverlayRenderer renderer(width, height);
    const OverlayRect largest = renderer.LargestPanel({});
    for (const PanelContent& content :
         {PanelContent(), Graded(2, {5, 20, 70, 5}), Uncertain(), NotLiver(), Unfamiliar(2)}) {
      const OverlayPatch patch = renderer.DrawPanel({}, content);
      EXPECT_LE(patch.width, largest.width);
      EXPECT_LE(patch.height, largest.height);
    }
  }
}

TEST(OverlayPanelTest, TellsWaitingUncertainAndGradedApart) {
  const OverlayRenderer renderer(640, 480);
  OverlayStyle style;
  style.probabilities = style.trend = style.trust = style.latency = false;
  const OverlayPatch waiting = renderer.DrawPanel(style, PanelContent());
  const OverlayPatch uncertain = renderer.DrawPanel(style, Uncertain());
  const OverlayPatch graded = renderer.DrawPanel(style, Graded(0, {97, 1, 1, 1}));
  EXPECT_NE(waiting.pixels, uncertain.pixels);
  EXPECT_NE(uncertain.pixels, graded.pixels);
  for (int grade = 0; grade < 4; ++grade) {
    EXPECT_EQ(Count(waiting, GradeColor(style.theme, grade, 4)), 0);
    EXPECT_EQ(Count(uncertain, GradeColor(style.theme, grade, 4)), 0);
  }
}

TEST(OverlayPanelTest, AViewWithoutALiverShowsNoGradeNoBarsAndNoTrust) {
  const OverlayRenderer renderer(640, 480);
  const OverlayPatch patch = renderer.DrawPanel({}, NotLiver());
  for (int grade = 0; grade < 4; ++grade) {
    EXPECT_EQ(Count(patch, GradeColor(OverlayTheme::kDark, grade, 4)), 0);
  }
  EXPECT_NE(patch.pixels, renderer.DrawPanel({}, Uncertain()).pixels);
  PanelContent other = NotLiver();
  other.percents = {70, 5, 20, 5};
  other.trust_percent = 1;
  EXPECT_EQ(patch.pixels, renderer.DrawPanel({}, other).pixels);
}

TEST(OverlayPanelTest, NotALiverViewIsSaidInFramesOfEverySize) {
  for (const auto& [width, height] : {std::pair(160, 120), std::pair(320, 240), std::pair(636, 434),
                                      std::pair(640, 60), std::pair(1920, 1080)}) {
    SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
    const OverlayRenderer renderer(width, height);
    const OverlayPatch patch = renderer.DrawPanel({}, NotLiver());
    ExpectInside(patch, width, height);
    // More words than "Waiting".
    EXPECT_GT(TextPixels(patch), TextPixels(renderer.DrawPanel({}, PanelContent())));
  }
}

TEST(OverlayPanelTest, AnUnfamiliarScanIsSaidBesideItsGradeAndWithoutOne) {
  for (const auto& [width, height] :
       {std::pair(160, 120), std::pair(320, 240), std::pair(636, 434), std::pair(1920, 1080)}) {
    SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
    const OverlayRenderer renderer(width, height);
    const OverlayPatch doubted = renderer.DrawPanel({}, Unfamiliar(2));
    PanelContent sure = Unfamiliar(2);
    sure.state = PanelContent::State::kGraded;
    ExpectInside(doubted, width, height);
    EXPECT_GT(TextPixels(doubted), TextPixels(renderer.DrawPanel({}, sure)));
    const OverlayPatch withheld = renderer.DrawPanel({}, Unfamiliar(-1));
    ExpectInside(withheld, width, height);
    EXPECT_NE(withheld.pixels, renderer.DrawPanel({}, Uncertain()).pixels);
    EXPECT_NE(withheld.pixels, doubted.pixels);
  }
  // The grade is outlined in its color; the grade of a familiar scan is filled.
  const OverlayRenderer renderer(636, 434);
  OverlayStyle style;
  style.probabilities = style.trend = false;
  const std::uint32_t color = GradeColor(style.theme, 2, 4);
  PanelContent sure = Unfamiliar(2);
  sure.state = PanelContent::State::kGraded;
  EXPECT_LT(Count(renderer.DrawPanel(style, Unfamiliar(2)), color),
            Count(renderer.DrawPanel(style, sure), color));
}

TEST(OverlayPanelTest, TheTrendHasAGapWhereNoLiverWasSeen) {
  const OverlayRenderer renderer(640, 480);
  PanelContent content = Graded(3, {5, 5, 5, 85});
  const auto drawn = [&](bool gap) {
    OverlayTrend trend;
    for (int i = 0; i < 200; ++i) {
      const bool elsewhere = gap && i >= 50 && i < 150;
      trend.Add(i * 0.1, elsewhere ? std::nullopt : std::optional<double>(1.0), elsewhere ? -1 : 3);
    }
    content.trend = trend.points();
    return Count(renderer.DrawPanel({}, content), GradeColor(OverlayTheme::kDark, 3, 4));
  };
  const int none = Count(renderer.DrawPanel({}, Graded(3, {5, 5, 5, 85})),
                         GradeColor(OverlayTheme::kDark, 3, 4));
  EXPECT_NEAR(drawn(true) - none, (drawn(false) - none) / 2.0, 0.2 * (drawn(false) - none));
}

TEST(OverlayPanelTest, EachPartCanBeLeftOut) {
  const OverlayRenderer renderer(640, 480);
  const PanelContent content = Graded(2, {5, 20, 70, 5});
  const int full = renderer.DrawPanel({}, content).height;
  for (bool OverlayStyle::*part : {&OverlayStyle::probabilities, &OverlayStyle::trend,
                                   &OverlayStyle::trust, &OverlayStyle::latency}) {
    OverlayStyle style;
    style.*part = false;
    EXPECT_LT(renderer.DrawPanel(style, content).height, full);
  }
}

TEST(OverlayPanelTest, ResearchLineStaysWithoutThePanel) {
  for (const auto& [width, height] : kSizes) {
    SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
    OverlayStyle style;
    style.panel = false;
    const OverlayRenderer renderer(width, height);
    const OverlayPatch patch = renderer.DrawPanel(style, Graded(2, {5, 20, 70, 5}));
    ExpectInside(patch, width, height);
    EXPECT_GT(TextPixels(patch), 4);
    EXPECT_EQ(Count(patch, GradeColor(style.theme, 2, 4)), 0);
    // The panel is the same for every result, so it shows nothing of the result.
    EXPECT_EQ(patch.pixels, renderer.DrawPanel(style, PanelContent()).pixels);
  }
}

TEST(OverlayPanelTest, LowFrameKeepsGradeAndResearchLine) {
  const OverlayRenderer renderer(640, 60);
  const OverlayPatch patch = renderer.DrawPanel({}, Graded(2, {5, 20, 70, 5}));
  ExpectInside(patch, 640, 60);
  EXPECT_GT(Count(patch, GradeColor(OverlayTheme::kDark, 2, 4)), 10);
  OverlayStyle only_research;
  only_research.panel = false;
  EXPECT_GT(TextPixels(patch), TextPixels(renderer.DrawPanel(only_research, PanelContent())));
}

TEST(OverlayPanelTest, CarriedResultShowsItsAge) {
  const OverlayRenderer renderer(640, 480);
  PanelContent content = Graded(2, {5, 20, 70, 5});
  const OverlayPatch fresh = renderer.DrawPanel({}, content);
  content.fresh = false;
  content.age_tenths = 4;
  const OverlayPatch carried = renderer.DrawPanel({}, content);
  content.age_tenths = 37;
  EXPECT_NE(carried.pixels, fresh.pixels);
  EXPECT_NE(renderer.DrawPanel({}, content).pixels, carried.pixels);
}

TEST(OverlayPanelTest, TrendIsDrawnInTheColorOfItsGrades) {
  const OverlayRenderer renderer(640, 480);
  PanelContent content = Graded(2, {5, 20, 70, 5});
  OverlayTrend trend;
  for (int i = 0; i < 100; ++i) trend.Add(i * 0.1, 1.0, 3);
  for (int i = 100; i < 200; ++i) trend.Add(i * 0.1, 0.6, 2);
  const std::uint32_t severe = GradeColor(OverlayTheme::kDark, 3, 4);
  EXPECT_EQ(Count(renderer.DrawPanel({}, content), severe), 0);
  content.trend = trend.points();
  EXPECT_GT(Count(renderer.DrawPanel({}, content), severe), 20);
}

TEST(OverlayPanelTest, TakesAnyNumberOfClassesAndAnyText) {
  for (const int classes : {0, 1, 2, 5, 40}) {
    PanelContent content;
    content.state = PanelContent::State::kGraded;
    content.grade = std::max(classes - 1, 0);
    content.label = "not \xff\xfe UTF-8, and far too long for any panel that leaves the scan free";
    content.class_names = {"\xff", ""};
    content.percents.assign(classes, 100);
    content.inference_tenths = 9999999;
    const OverlayRenderer renderer(640, 480);
    ExpectInside(renderer.DrawPanel({}, content), 640, 480);
  }
}

TEST(OverlayViewTest, ThumbnailsStandOppositeToThePanelAndDoNotTouchIt) {
  const std::vector<OverlayView> views(3, FlatView(200));
  for (const auto& [width, height] : kSizes) {
    const OverlayRenderer renderer(width, height);
    for (const OverlayCorner corner : kCorners) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
      OverlayStyle style;
      style.corner = corner;
      const OverlayPatch thumbnails = renderer.DrawThumbnails(style, views);
      if (thumbnails.empty()) continue;
      ExpectInside(thumbnails, width, height);
      const OverlayPatch panel = renderer.DrawPanel(style, Graded(2, {5, 20, 70, 5}));
      EXPECT_TRUE(thumbnails.x >= panel.x + panel.width ||
                  panel.x >= thumbnails.x + thumbnails.width);
      EXPECT_FALSE(Covers(thumbnails, width / 2, height / 2));
    }
  }
}

TEST(OverlayViewTest, ThumbnailsHaveRoomInCommonSizesAndNoneInTinyOnes) {
  const std::vector<OverlayView> views(3, FlatView(200));
  EXPECT_FALSE(OverlayRenderer(320, 240).DrawThumbnails({}, views).empty());
  EXPECT_FALSE(OverlayRenderer(640, 480).DrawThumbnails({}, views).empty());
  EXPECT_TRUE(OverlayRenderer(64, 48).DrawThumbnails({}, views).empty());
  EXPECT_TRUE(OverlayRenderer(640, 480).DrawThumbnails({}, {}).empty());
}

TEST(OverlayViewTest, ThumbnailShowsTheMappedOrTheGrayValue) {
  const OverlayRenderer renderer(640, 480);
  OverlayView view = FlatView(200);
  const OverlayPatch mapped = renderer.DrawThumbnails({}, {view});
  EXPECT_GT(Count(mapped, MapColor(200)), mapped.width * mapped.height / 2);
  view.color_map = false;
  const OverlayPatch gray = renderer.DrawThumbnails({}, {view});
  EXPECT_GT(Count(gray, 0xc8c8c8), gray.width * gray.height / 2);
}

TEST(OverlayViewTest, LegendHasAllColorsOppositeToThePanel) {
  for (const auto& [width, height] : kSizes) {
    const OverlayRenderer renderer(width, height);
    for (const OverlayCorner corner : kCorners) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height));
      OverlayStyle style;
      style.corner = corner;
      const OverlayPatch legend = renderer.DrawLegend(style, "Saliency: moderate");
      if (legend.empty()) continue;
      ExpectInside(legend, width, height);
      const OverlayPatch panel = renderer.DrawPanel(style, Graded(2, {5, 20, 70, 5}));
      EXPECT_TRUE(legend.x >= panel.x + panel.width || panel.x >= legend.x + legend.width);
      // Stretched over the bar, the colors may be a little off.
      const auto has = [&](std::uint32_t color) {
        return std::any_of(legend.pixels.begin(), legend.pixels.end(), [&](std::uint32_t pixel) {
          int off = 0;
          for (int shift = 0; shift < 24; shift += 8) {
            off = std::max(off, std::abs(static_cast<int>((pixel >> shift) & 255) -
                                         static_cast<int>((color >> shift) & 255)));
          }
          return pixel >> 24 == 255 && off < 20;
        });
      };
      for (const int value : {0, 64, 128, 192, 255}) {
        EXPECT_TRUE(has(MapColor(static_cast<std::uint8_t>(value)))) << value;
      }
    }
  }
  EXPECT_FALSE(OverlayRenderer(640, 480).DrawLegend({}, "Saliency: mild").empty());
  EXPECT_TRUE(OverlayRenderer(64, 48).DrawLegend({}, "Saliency: mild").empty());
}

TEST(OverlayViewTest, OverCoversItsBoundsOnly) {
  const OverlayRenderer renderer(640, 480);
  const OverlayPatch patch = renderer.DrawOver(FlatView(255), {101, 51, 300, 200});
  ExpectInside(patch, 640, 480);
  EXPECT_EQ(patch.x, 100);
  EXPECT_EQ(patch.y, 50);
  EXPECT_EQ(patch.x + patch.width, 401);
  EXPECT_EQ(patch.y + patch.height, 251);
  EXPECT_EQ(patch.pixels.front(), 0u);  // Only here to make the origin even.
  const std::uint32_t inside = patch.pixels[static_cast<std::size_t>(patch.width) * 100 + 100];
  EXPECT_GT(inside >> 24, 100u);
  EXPECT_LT(inside >> 24, 200u);  // The scan is visible through it.
}

TEST(OverlayViewTest, OverLeavesLowResponsesClear) {
  const OverlayPatch patch = OverlayRenderer(640, 480).DrawOver(FlatView(0), {100, 50, 300, 200});
  EXPECT_EQ(std::count(patch.pixels.begin(), patch.pixels.end(), 0u),
            static_cast<std::ptrdiff_t>(patch.pixels.size()));
}

TEST(OverlayViewTest, OverIsCutAtTheFrame) {
  const OverlayRenderer renderer(64, 48);
  ExpectInside(renderer.DrawOver(FlatView(255), {-10, -10, 200, 200}), 64, 48);
  EXPECT_TRUE(renderer.DrawOver(FlatView(255), {64, 0, 10, 10}).empty());
  EXPECT_TRUE(renderer.DrawOver(FlatView(255), {10, 10, 0, 10}).empty());
}

TEST(OverlayViewTest, PictureThatIsNotSquareIsRefused) {
  OverlayView view = FlatView(1);
  view.pixels.pop_back();
  try {
    OverlayRenderer(640, 480).DrawOver(view, {0, 0, 64, 64});
    FAIL() << "it was drawn";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
    EXPECT_NE(std::string(error.what()).find("1023"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hepar
