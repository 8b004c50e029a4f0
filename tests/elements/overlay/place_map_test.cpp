// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/overlay/place_map.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "elements/overlay/panel_placer.h"

namespace hepar {
namespace {

// A picture, in a format, as a mapped frame.
class Frame {
 public:
  explicit Frame(const cv::Mat& gray, GstVideoFormat format = GST_VIDEO_FORMAT_GRAY8) {
    GstVideoInfo info;
    gst_video_info_set_format(&info, format, gray.cols, gray.rows);
    buffer_ = gst_buffer_new_allocate(nullptr, info.size, nullptr);
    gst_buffer_memset(buffer_, 0, 128, info.size);
    EXPECT_TRUE(gst_video_frame_map(&frame_, &info, buffer_, GST_MAP_READWRITE));
    const bool rgb = GST_VIDEO_FORMAT_INFO_IS_RGB(info.finfo);
    const bool wide = GST_VIDEO_FRAME_COMP_DEPTH(&frame_, 0) > 8;
    const int component = rgb ? GST_VIDEO_COMP_G : GST_VIDEO_COMP_Y;
    for (int y = 0; y < gray.rows; ++y) {
      for (int x = 0; x < gray.cols; ++x) {
        auto* sample = static_cast<guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame_, component)) +
                       y * GST_VIDEO_FRAME_COMP_STRIDE(&frame_, component) +
                       x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame_, component);
        const int level = gray.at<std::uint8_t>(y, x);
        const bool video = GST_VIDEO_FORMAT_INFO_IS_YUV(info.finfo);
        sample[wide ? 1 : 0] = static_cast<guint8>(video ? 16 + level * 219 / 255 : level);
      }
    }
  }
  ~Frame() {
    gst_video_frame_unmap(&frame_);
    gst_buffer_unref(buffer_);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  const GstVideoFrame& get() const { return frame_; }
  OverlayRect all() const {
    return {0, 0, GST_VIDEO_FRAME_WIDTH(&frame_), GST_VIDEO_FRAME_HEIGHT(&frame_)};
  }

 private:
  GstBuffer* buffer_;
  GstVideoFrame frame_;
};

// A fan of speckle in the middle of a black picture.
cv::Mat Scan(int width = 640, int height = 480) {
  cv::Mat picture = cv::Mat::zeros(height, width, CV_8UC1);
  cv::Mat fan = cv::Mat::zeros(height, width, CV_8UC1);
  const cv::Point apex(width / 2, -height / 10);
  cv::ellipse(fan, apex, {height, height}, 90, -32, 32, 255, cv::FILLED);
  cv::circle(fan, apex, height / 5, 0, cv::FILLED);
  cv::Mat speckle(height, width, CV_8UC1);
  cv::RNG random(7);
  random.fill(speckle, cv::RNG::UNIFORM, 70, 170);
  speckle.copyTo(picture, fan);
  return picture;
}

void Write(cv::Mat* picture, cv::Point at, const std::string& text = "DOE J 12-03") {
  cv::putText(*picture, text, at, cv::FONT_HERSHEY_SIMPLEX, picture->rows / 900.0, 255,
              std::max(1, picture->rows / 480));
}

bool Overlap(const OverlayRect& a, const OverlayRect& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

constexpr int kPanelWidth = 150;
constexpr int kPanelHeight = 110;

TEST(PlaceMapTest, AnEmptyPictureHasRoomInTheFirstCorner) {
  const Frame frame(cv::Mat::zeros(480, 640, CV_8UC1));
  const PlaceMap map(frame.get(), frame.all());
  EXPECT_FALSE(map.has_scan());
  EXPECT_EQ(map.Best(kPanelWidth, kPanelHeight, 8), (OverlayRect{8, 8, 150, 110}));
}

TEST(PlaceMapTest, KeepsClearOfTextInEachCorner) {
  const std::vector<OverlayRect> corners = {
      {8, 8, 140, 40}, {492, 8, 140, 40}, {8, 432, 140, 40}, {492, 432, 140, 40}};
  // Text in one, two, three and all corners.
  cv::Mat picture = Scan();
  std::vector<OverlayRect> written;
  for (const OverlayRect& corner : corners) {
    Write(&picture, {corner.x, corner.y + 16});
    Write(&picture, {corner.x, corner.y + 36});
    written.push_back(corner);
    const Frame frame(picture);
    const PlaceMap map(frame.get(), frame.all());
    EXPECT_TRUE(map.has_scan());
    const OverlayRect best = map.Best(kPanelWidth, kPanelHeight, 8);
    for (const OverlayRect& text : written) {
      EXPECT_FALSE(Overlap(best, text))
          << written.size() << " corners: " << best.x << "," << best.y;
    }
    EXPECT_LT(map.Cost(best), 0.25);
  }
}

TEST(PlaceMapTest, TheMiddleOfTheScanCostsMost) {
  const Frame frame(Scan());
  const PlaceMap map(frame.get(), frame.all());
  EXPECT_NEAR(map.Cost({250, 200, 140, 100}), 1.0, 0.01);
  EXPECT_EQ(map.Cost({8, 8, 100, 60}), 0.0);
}

TEST(PlaceMapTest, SeesTheSameInEveryFormatAndSize) {
  for (const auto& [width, height] :
       {std::pair(320, 240), std::pair(640, 480), std::pair(1920, 1080), std::pair(3840, 2160),
        std::pair(720, 1280)}) {
    cv::Mat picture = Scan(width, height);
    Write(&picture, {8, height / 20});
    for (const GstVideoFormat format :
         {GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_GRAY16_LE, GST_VIDEO_FORMAT_BGRx,
          GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_UYVY}) {
      SCOPED_TRACE(std::to_string(width) + "x" + std::to_string(height) + " " +
                   gst_video_format_to_string(format));
      const Frame frame(picture, format);
      const PlaceMap map(frame.get(), frame.all());
      EXPECT_TRUE(map.has_scan());
      const OverlayRect best = map.Best(width / 5, height / 5, 8);
      EXPECT_GT(best.x, width / 2) << "text is at the upper left";
      EXPECT_LT(map.Cost(best), 0.05) << "a rim of the scan at most";
    }
  }
}

TEST(PlaceMapTest, LooksAtTheVisiblePartOnly) {
  cv::Mat picture = Scan();
  Write(&picture, {8, 30});
  cv::Mat large = cv::Mat(600, 900, CV_8UC1, cv::Scalar(200));
  picture.copyTo(large(cv::Rect(100, 60, 640, 480)));
  const Frame whole(picture), cropped(large);
  const OverlayRect visible = {100, 60, 640, 480};
  EXPECT_EQ(PlaceMap(cropped.get(), visible).Best(kPanelWidth, kPanelHeight, 8),
            PlaceMap(whole.get(), whole.all()).Best(kPanelWidth, kPanelHeight, 8));
}

constexpr PanelSizes kSizes = {{0, 0, kPanelWidth, kPanelHeight}, {0, 0, 110, 30}};

TEST(PanelPlacerTest, MovesOnlyWhenAnotherPlaceStaysBetter) {
  const Frame plain(Scan());
  cv::Mat written = Scan();
  for (int y = 30; y < 120; y += 20) Write(&written, {8, y});
  const Frame text(written);
  PanelPlacer placer;
  const PanelPlace first = placer.Place(0.0, plain.get(), plain.all(), kSizes, 8);
  EXPECT_EQ(first.rect, (OverlayRect{8, 8, kPanelWidth, kPanelHeight}));
  EXPECT_FALSE(first.compact);
  EXPECT_EQ(placer.Place(1.0, text.get(), text.all(), kSizes, 8), first);
  EXPECT_EQ(placer.Place(1.5, text.get(), text.all(), kSizes, 8), first) << "looks once a second";
  EXPECT_EQ(placer.Place(2.0, plain.get(), plain.all(), kSizes, 8), first) << "it was passing";
  EXPECT_EQ(placer.Place(3.0, text.get(), text.all(), kSizes, 8), first);
  EXPECT_EQ(placer.Place(4.0, text.get(), text.all(), kSizes, 8), first);
  const PanelPlace moved = placer.Place(5.0, text.get(), text.all(), kSizes, 8);
  EXPECT_GT(moved.rect.x, 320);
  EXPECT_EQ(placer.Place(6.0, plain.get(), plain.all(), kSizes, 8), moved) << "it is free too";
}

TEST(PanelPlacerTest, ABlackBeginningDecidesNothing) {
  const Frame black(cv::Mat::zeros(480, 640, CV_8UC1));
  cv::Mat written = Scan();
  for (int y = 30; y < 120; y += 20) Write(&written, {8, y});
  const Frame text(written);
  PanelPlacer placer;
  EXPECT_LT(placer.Place(0.0, black.get(), black.all(), kSizes, 8).rect.x, 320);
  EXPECT_GT(placer.Place(0.5, text.get(), text.all(), kSizes, 8).rect.x, 320);
}

TEST(PanelPlacerTest, WhereTheFullPanelHasNoRoomACompactOneIsChosen) {
  const Frame frame(Scan());
  const PanelSizes large = {{0, 0, 420, 400}, {0, 0, 110, 30}};
  PanelPlacer placer;
  const PanelPlace place = placer.Place(0.0, frame.get(), frame.all(), large, 8);
  EXPECT_TRUE(place.compact);
  EXPECT_EQ(place.rect, (OverlayRect{8, 8, 110, 30}));
}

}  // namespace
}  // namespace hepar
