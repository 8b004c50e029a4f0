// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The metas: severity, frame and overlay.
#include <gtest/gtest.h>

#include "elements/gstheparframemeta.h"
#include "elements/gstheparoverlaymeta.h"
#include "elements/gstheparseveritymeta.h"
#include "tests/elements/element_test.h"

namespace hepar::testing {
namespace {

TEST(GstHeparMetaTest, SeverityReadsBackAsItWasWritten) {
  GstHeparSeverity in;
  in.label = "mild";
  in.grade = 1;
  in.probabilities = {0.1, 0.9};
  in.raw_probabilities = {0.2, 0.8};
  in.class_names = {"normal", "mild"};
  in.confidence = 0.9;
  in.state = GstHeparState::kGraded;
  in.trust = 0.5;
  in.domain_score = 0.75;
  in.familiarity_score = 1.5;
  in.model_name = "m";
  in.model_id = "abc";
  in.age = 5;
  in.inference_time = 6;
  const BufferPtr buffer(gst_buffer_new());
  gst_buffer_set_hepar_severity(buffer.get(), GstHeparSeverity());
  gst_buffer_set_hepar_severity(buffer.get(), in);  // Replaces.
  const GstHeparSeverity out = SeverityOf(buffer.get());
  EXPECT_EQ(out.label, in.label);
  EXPECT_EQ(out.grade, in.grade);
  EXPECT_EQ(out.probabilities, in.probabilities);
  EXPECT_EQ(out.raw_probabilities, in.raw_probabilities);
  EXPECT_EQ(out.class_names, in.class_names);
  EXPECT_EQ(out.confidence, in.confidence);
  EXPECT_EQ(out.state, in.state);
  EXPECT_EQ(out.trust, in.trust);
  EXPECT_EQ(out.domain_score, in.domain_score);
  EXPECT_EQ(out.familiarity_score, in.familiarity_score);
  EXPECT_EQ(out.model_name, in.model_name);
  EXPECT_EQ(out.model_id, in.model_id);
  EXPECT_FALSE(out.fresh);
  EXPECT_EQ(out.age, in.age);
  EXPECT_EQ(out.inference_time, in.inference_time);
}

TEST(GstHeparMetaTest, AStateIsReadOrFollowsFromTheGrade) {
  const BufferPtr buffer(gst_buffer_new());
  GstHeparSeverity in;
  in.domain_score = 3.0;
  for (const GstHeparState state : {GstHeparState::kNotLiver, GstHeparState::kUnfamiliar,
                                    GstHeparState::kUncertain, GstHeparState::kGraded}) {
    in.state = state;
    gst_buffer_set_hepar_severity(buffer.get(), in);
    EXPECT_EQ(SeverityOf(buffer.get()).state, state);
  }
  in.domain_score.reset();
  gst_buffer_set_hepar_severity(buffer.get(), in);
  EXPECT_FALSE(SeverityOf(buffer.get()).domain_score.has_value());

  // As written by applications that know no state.
  GstStructure* fields = gst_custom_meta_get_structure(
      gst_buffer_get_custom_meta(buffer.get(), GST_HEPAR_SEVERITY_META_NAME));
  gst_structure_remove_field(fields, "state");
  EXPECT_EQ(SeverityOf(buffer.get()).state, GstHeparState::kUncertain);
  gst_structure_set(fields, "grade", G_TYPE_INT, 0, nullptr);
  EXPECT_EQ(SeverityOf(buffer.get()).state, GstHeparState::kGraded);
  gst_structure_set(fields, "state", G_TYPE_STRING, "tired", nullptr);
  EXPECT_FALSE(HasSeverity(buffer.get()));
}

TEST(GstHeparMetaTest, AMetaWithAFieldMissingIsNotRead) {
  const BufferPtr buffer(gst_buffer_new());
  gst_buffer_set_hepar_severity(buffer.get(), GstHeparSeverity());
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer.get(), GST_HEPAR_SEVERITY_META_NAME);
  gst_structure_remove_field(gst_custom_meta_get_structure(meta), "grade");
  EXPECT_FALSE(HasSeverity(buffer.get()));
}

// A buffer with the metas of `from`, as a transformation copies them.
BufferPtr Copied(GstBuffer* from) {
  BufferPtr to(gst_buffer_new());
  EXPECT_TRUE(gst_buffer_copy_into(to.get(), from, GST_BUFFER_COPY_METADATA, 0, -1));
  return to;
}

TEST(GstHeparMetaTest, TheOverlayMetaMarksABufferOnceAndIsCopied) {
  const BufferPtr buffer(gst_buffer_new());
  EXPECT_FALSE(gst_buffer_has_hepar_overlay(buffer.get()));
  gst_buffer_set_hepar_overlay(buffer.get());
  gst_buffer_set_hepar_overlay(buffer.get());
  EXPECT_TRUE(gst_buffer_has_hepar_overlay(buffer.get()));
  EXPECT_EQ(
      gst_buffer_get_n_meta(buffer.get(), gst_meta_get_info(GST_HEPAR_OVERLAY_META_NAME)->api), 1u);
  EXPECT_TRUE(gst_buffer_has_hepar_overlay(Copied(buffer.get()).get()));
}

TEST(GstHeparMetaTest, TheFrameMetaHoldsOneInferenceAndIsCopiedByReference) {
  EngineConfig config;
  config.model = TinyModel();
  config.device = "cpu";
  const auto engine = Engine::Open(config);
  const int size = engine->spec().preprocess.size;
  PreparedImage image;
  image.pixels = cv::Mat(size, size, CV_32FC1, cv::Scalar(0.5));
  image.bounds = {0, 0, size, size};
  image.frame_width = image.frame_height = size;
  const auto frame = engine->Prepare(image);

  const BufferPtr buffer(gst_buffer_new());
  EXPECT_EQ(gst_buffer_get_hepar_frame(buffer.get()), nullptr);
  gst_buffer_set_hepar_frame(buffer.get(), engine->Prepare(image));
  gst_buffer_set_hepar_frame(buffer.get(), frame);
  EXPECT_EQ(gst_buffer_get_hepar_frame(buffer.get()), frame);
  EXPECT_EQ(gst_buffer_get_hepar_frame(Copied(buffer.get()).get()), frame);
  gst_buffer_set_hepar_frame(buffer.get(), nullptr);
  EXPECT_EQ(gst_buffer_get_hepar_frame(buffer.get()), nullptr);
  EXPECT_EQ(frame.use_count(), 1);
}

}  // namespace
}  // namespace hepar::testing
