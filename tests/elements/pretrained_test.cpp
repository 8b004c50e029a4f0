// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The shipped models, used as by an application: gst_parse_launch and messages on the bus.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>

namespace {

struct Summary {
  std::string label;
  guint64 frames = 0, graded = 0;
};

// Plays `description` to its end and returns the summary of heparclassify.
Summary Play(const std::string& description) {
  g_autoptr(GError) error = nullptr;
  g_autoptr(GstElement) pipeline = gst_parse_launch(description.c_str(), &error);
  if (error) {
    ADD_FAILURE() << error->message;
    return {};
  }
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  Summary summary;
  for (bool ended = false; !ended;) {
    g_autoptr(GstMessage) message = gst_bus_timed_pop_filtered(
        bus, 120 * GST_SECOND,
        static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT));
    if (!message) {
      ADD_FAILURE() << "the pipeline did not end";
      break;
    }
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      g_autoptr(GError) cause = nullptr;
      g_autofree char* details = nullptr;
      gst_message_parse_error(message, &cause, &details);
      ADD_FAILURE() << cause->message << "\n" << (details ? details : "");
    }
    const GstStructure* structure = gst_message_get_structure(message);
    if (structure && gst_structure_has_name(structure, "hepar-summary")) {
      const char* label = gst_structure_get_string(structure, "label");
      summary.label = label ? label : "";
      gst_structure_get_uint64(structure, "frames", &summary.frames);
      gst_structure_get_uint64(structure, "graded", &summary.graded);
    }
    ended = GST_MESSAGE_TYPE(message) != GST_MESSAGE_ELEMENT;
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  return summary;
}

std::string Model(const std::string& name) { return std::string(PRETRAINED_DIR "/") + name; }

constexpr const char* kGrades[] = {"normal", "mild", "moderate", "severe"};

Summary PlaySimulated(int grade, int seed) {
  return Play("heparsimsrc num-buffers=12 severity=" + std::string(kGrades[grade]) +
              " seed=" + std::to_string(seed) + " ! heparclassify mode=sync model=" +
              Model("steatosis-sim-live.hepar") + " ! fakesink");
}

// 4 if the label is not a grade.
int GradeOf(const std::string& label) {
  return static_cast<int>(std::find(std::begin(kGrades), std::end(kGrades), label) -
                          std::begin(kGrades));
}

// The default patient.
TEST(SimulatedModelTest, GradeSetOnTheScannerComesOutOfTheClassifier) {
  for (int grade = 0; grade < 4; ++grade) {
    const Summary summary = PlaySimulated(grade, 1);
    EXPECT_EQ(summary.label, kGrades[grade]);
    EXPECT_EQ(summary.frames, 12u);
    EXPECT_EQ(summary.graded, 12u);
  }
}

// Grades of simulated patients overlap a little, as their anatomy varies.
TEST(SimulatedModelTest, GradesOfOtherPatientsAreRightOrNextToIt) {
  constexpr int kFirstSeed = 2, kPatients = 5;
  int right = 0;
  for (int seed = kFirstSeed; seed < kFirstSeed + kPatients; ++seed) {
    for (int grade = 0; grade < 4; ++grade) {
      const int got = GradeOf(PlaySimulated(grade, seed).label);
      ASSERT_LT(got, 4) << "no grade for seed " << seed << ", " << kGrades[grade];
      EXPECT_LE(std::abs(got - grade), 1) << "seed " << seed << ", " << kGrades[grade];
      right += got == grade;
    }
  }
  RecordProperty("right", right);
  EXPECT_GE(right, 4 * kPatients * 9 / 10);
}

// Loops of four patients that the model was trained on: this shows that the whole way from a video
// file to a grade works, not how good the model is (its card says that). They are in full range,
// but marked as video range.
TEST(ByraModelTest, GradesTheLoopsOfItsTrainingPatients) {
  const char* data = std::getenv("HEPAR_DATA_DIR");
  const std::string folder = std::string(data ? data : "") + "/byra2018/loops/";
  if (!data || !std::filesystem::exists(folder)) {
    GTEST_SKIP() << "HEPAR_DATA_DIR holds no byra2018/loops";
  }
  const std::map<std::string, std::string> loops = {
      {"P01", "normal"}, {"P06", "mild"}, {"P03", "moderate"}, {"P18", "severe"}};
  int right = 0;
  for (const auto& [patient, label] : loops) {
    const Summary summary =
        Play("filesrc location=" + folder + patient +
             "_25fps.mp4 ! decodebin ! videoconvert ! heparbin mode=sync model=" +
             Model("steatosis-byra-live.hepar") + " ! fakesink");
    EXPECT_GT(summary.frames, 0u) << patient;
    EXPECT_EQ(summary.graded, summary.frames) << patient;
    EXPECT_LT(GradeOf(summary.label), 4) << patient << ' ' << summary.label;
    EXPECT_LE(std::abs(GradeOf(summary.label) - GradeOf(label)), 1)
        << patient << ' ' << summary.label;
    right += summary.label == label;
  }
  EXPECT_GE(right, 2);
}

}  // namespace
