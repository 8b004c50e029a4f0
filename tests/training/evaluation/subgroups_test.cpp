// SPDX-License-Identifier: LGPL-2.1-or-later
#include "training/evaluation/subgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/training/support/expect_error.h"
#include "tests/training/support/synthetic_predictions.h"
#include "tests/training/support/temp_folder.h"

namespace hepar {
namespace {

TEST(SubgroupsTest, EachFrameIsInOneGroupOfEachColumn) {
  const TempFolder folder;
  const std::string path = folder.Write("patients.csv",
                                        "sex,patient_id,scanner\n"
                                        "f,P1000,A\nm,P1001,A\nf,P1002,B\n,P1003,B\nf,X,C\n");
  const Predictions frames = SyntheticPredictions(5, 3, 1.0, 1);
  const auto groups = SubgroupsOf(frames, LoadPatientTable(path));
  std::map<std::string, std::size_t> cases;
  std::map<std::string, int> hits;
  for (const Subgroup& group : groups) {
    cases[group.column] += group.frames.labels.size();
    for (std::size_t i = 0; i < group.frames.labels.size(); ++i) {
      hits[group.column] += AnswerOf(group.frames.probabilities[i]) == group.frames.labels[i];
    }
    cases[group.column + ": " + group.value] = group.frames.labels.size();
  }
  EXPECT_EQ(cases["sex"], 15u);
  EXPECT_EQ(cases["scanner"], 15u);
  EXPECT_EQ(cases["sex: f"], 6u);
  EXPECT_EQ(cases["sex: m"], 3u);
  // One has an empty field, one no row.
  EXPECT_EQ(cases["sex: not given"], 6u);
  EXPECT_EQ(cases["scanner: B"], 6u);
  EXPECT_EQ(cases.count("scanner: C"), 0u);
  int all = 0;
  for (std::size_t i = 0; i < frames.labels.size(); ++i) {
    all += AnswerOf(frames.probabilities[i]) == frames.labels[i];
  }
  EXPECT_EQ(hits["sex"], all);
  EXPECT_EQ(hits["scanner"], all);
}

TEST(SubgroupsTest, RefusesTablesThatDoNotGroup) {
  const TempFolder folder;
  const auto load = [&folder](const std::string& text) {
    LoadPatientTable(folder.Write("patients.csv", text));
  };
  ExpectError(ErrorKind::kDamaged, {"patient_id"}, [&] { load("sex\nf\n"); });
  ExpectError(ErrorKind::kDamaged, {"no column but"}, [&] { load("patient_id\nP1\n"); });
  ExpectError(ErrorKind::kDamaged, {"line 3"}, [&] { load("patient_id,sex\nP1,f\nP1,m\n"); });
  std::string ages = "patient_id,age\n";
  for (int i = 0; i < 30; ++i) ages += "P" + std::to_string(i) + "," + std::to_string(i) + "\n";
  ExpectError(ErrorKind::kDamaged, {"bands"}, [&] { load(ages); });
  EXPECT_NO_THROW(load("patient_id,sex\nP1,f\nP1,f\n"));
}

}  // namespace
}  // namespace hepar
