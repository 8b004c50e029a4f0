// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/bundle/find_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "models/error.h"
#include "tests/training/support/temp_folder.h"

namespace hepar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Variables that are put back when the test ends.
class FindBundleTest : public ::testing::Test {
 protected:
  FindBundleTest() : before_(std::filesystem::current_path()) {
    for (const char* name : {"HEPAR_MODEL_PATH", "XDG_DATA_HOME", "XDG_DATA_DIRS"}) {
      const char* value = std::getenv(name);
      variables_[name] = value ? std::optional<std::string>(value) : std::nullopt;
      setenv(name, "", 1);
    }
    setenv("XDG_DATA_HOME", (folder_ / "home").c_str(), 1);
  }
  ~FindBundleTest() override {
    std::filesystem::current_path(before_);
    for (const auto& [name, value] : variables_) {
      if (value) {
        setenv(name.c_str(), value->c_str(), 1);
      } else {
        unsetenv(name.c_str());
      }
    }
  }

  TempFolder folder_;

 private:
  const std::filesystem::path before_;
  std::map<std::string, std::optional<std::string>> variables_;
};

TEST_F(FindBundleTest, FoldersComeInTheirOrderAndOnce) {
  setenv("HEPAR_MODEL_PATH", "/a::/b:relative:/a", 1);
  setenv("XDG_DATA_DIRS", "/c:/d", 1);
  EXPECT_THAT(ModelFolders(), ElementsAre("/a", "/b", HasSubstr("/gst-hepar/models"),
                                          folder_ / "home/gst-hepar/models", "/c/gst-hepar/models",
                                          "/d/gst-hepar/models"));
}

TEST_F(FindBundleTest, APathIsTakenAsItIs) {
  EXPECT_EQ(FindBundle("/no/such/file.hepar"), "/no/such/file.hepar");
  EXPECT_EQ(FindBundle("./x.hepar"), "./x.hepar");
  EXPECT_EQ(FindBundle(""), "");
}

TEST_F(FindBundleTest, ABareNameIsLookedForInTurn) {
  setenv("HEPAR_MODEL_PATH", (folder_ / "first").c_str(), 1);
  const std::string of_home = folder_.Write("home/gst-hepar/models/liver.hepar", "");
  EXPECT_EQ(FindBundle("liver"), of_home);
  EXPECT_EQ(FindBundle("liver.hepar"), of_home);
  const std::string first = folder_.Write("first/liver.hepar", "");
  EXPECT_EQ(FindBundle("liver"), first);

  // A file in the present folder comes before all, a folder there does not.
  std::filesystem::current_path(folder_.path());
  std::filesystem::create_directory("liver");
  EXPECT_EQ(FindBundle("liver"), first);
  folder_.Write("liver.hepar", "");
  EXPECT_EQ(FindBundle("liver.hepar"), "liver.hepar");
}

TEST_F(FindBundleTest, SaysWhereItLooked) {
  try {
    FindBundle("spleen");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("spleen: no such file"));
    EXPECT_THAT(error.what(), HasSubstr(folder_ / "home/gst-hepar/models"));
    EXPECT_THAT(error.what(), HasSubstr("HEPAR_MODEL_PATH"));
  }
}

}  // namespace
}  // namespace hepar
