// SPDX-License-Identifier: LGPL-2.1-or-later
#include "models/file_io.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/folder_lock.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    dir_ = ::testing::TempDir() + "hepar_files_" + std::to_string(getpid()) + "_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(dir_);
  }
  ~FileTest() override { fs::remove_all(dir_); }

  std::string At(const std::string& name) const { return dir_ + "/" + name; }
  void Touch(const std::string& name) const { std::ofstream(At(name)) << "x"; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string dir_;
};

Error ErrorOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kFailed, "");
}

TEST_F(FileTest, WritingLeavesTheFileAlone) {
  WriteFileAtomically(At("a"), "one");
  WriteFileAtomically(At("a"), "two");
  EXPECT_EQ(ReadFile(At("a"), 100), "two");
  EXPECT_THAT(Names(), ElementsAre("a"));
  const std::string longest(255, 'n');
  WriteFileAtomically(At(longest), "three");
  EXPECT_EQ(ReadFile(At(longest), 100), "three");
}

TEST_F(FileTest, ALinkIsReplacedAndNotFollowed) {
  WriteFileAtomically(At("outside"), "safe");
  fs::create_symlink(At("outside"), At("link"));
  WriteFileAtomically(At("link"), "new");
  EXPECT_EQ(ReadFile(At("outside"), 100), "safe");
  EXPECT_FALSE(fs::is_symlink(At("link")));
  EXPECT_EQ(ReadFile(At("link"), 100), "new");
}

TEST_F(FileTest, WhatIsNoFileIsNotReplaced) {
  ASSERT_EQ(mkfifo(At("pipe").c_str(), 0600), 0);
  fs::create_directories(At("folder"));
  for (const char* name : {"pipe", "folder"}) {
    const Error error = ErrorOf([&] { WriteFileAtomically(At(name), "x"); });
    EXPECT_EQ(error.kind(), ErrorKind::kUnreadable);
    EXPECT_THAT(error.what(), HasSubstr("not a regular file"));
  }
  EXPECT_THAT(ErrorOf([&] { WriteFileAtomically(At("none/file"), "x"); }).what(),
              HasSubstr("none/file: cannot be created"));
  EXPECT_THAT(Names(), ElementsAre("folder", "pipe"));
}

// No file may grow beyond the limit, as on a disk that is full.
TEST_F(FileTest, AFullDiskIsAnErrorThatLeavesTheOldContent) {
  WriteFileAtomically(At("m.hepar"), "old");
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit full = before;
  full.rlim_cur = 4096;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  std::string message;
  try {
    WriteFileAtomically(At("m.hepar"), std::string(10000, 'x'));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnreadable);
    message = error.what();
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr(At("m.hepar") + ": cannot be written"));
  EXPECT_EQ(ReadFile(At("m.hepar"), 100), "old");
  EXPECT_THAT(Names(), ElementsAre("m.hepar"));
}

TEST_F(FileTest, LeftoversOfAFileAndNoOthersAreRemoved) {
  const std::string digits = "0123456789abcdef";
  for (const char* name :
       {"m.hepar", "other", ".m.hepar.tmp", ".m.hepar.0123.tmp", ".m.hepar.0123456789abcdeg.tmp",
        ".n.hepar.0123456789abcdef.tmp", ".m.hepar.0123456789abcdef.tmpx"}) {
    Touch(name);
  }
  auto kept = Names();
  Touch(".m.hepar." + digits + ".tmp");
  Touch(".m.hepar.aaaaaaaaaaaaaaaa.tmp");
  RemoveLeftovers(At("m.hepar"));
  EXPECT_EQ(Names(), kept);
}

TEST_F(FileTest, AKilledWriterLeavesTheOldContentAndALeftover) {
  WriteFileAtomically(At("m"), "old");
  const std::string large(64 << 20, 'x');
  const pid_t child = fork();
  if (child == 0) {
    for (;;) WriteFileAtomically(At("m"), large);
  }
  // Until it is writing: there is a file that is not `m`.
  for (int i = 0; i < 10000 && Names().size() < 2; ++i) usleep(1000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const std::string content = ReadFile(At("m"), 1 << 30);
  EXPECT_TRUE(content == "old" || content == large) << content.size();
  RemoveLeftovers(At("m"));
  EXPECT_THAT(Names(), ElementsAre("m"));
}

TEST_F(FileTest, ALockedFolderNamesWhoHoldsIt) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const FolderLock lock(dir_);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const Error error = ErrorOf([&] { FolderLock lock(dir_); });
  EXPECT_EQ(error.kind(), ErrorKind::kInvalid);
  EXPECT_THAT(error.what(), HasSubstr(dir_ + " is in use by process " + std::to_string(child)));
  EXPECT_THAT(Names(), ElementsAre("lock"));

  // However it ends, the lock goes with it, and the file that it leaves is no obstacle.
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  {
    const FolderLock lock(dir_);
    EXPECT_THAT(ErrorOf([&] { FolderLock second(dir_); }).what(),
                HasSubstr("process " + std::to_string(getpid())));
  }
  EXPECT_TRUE(Names().empty());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(FileTest, ALockFollowsNoLink) {
  fs::create_symlink(At("outside"), At("lock"));
  EXPECT_EQ(ErrorOf([&] { FolderLock lock(dir_); }).kind(), ErrorKind::kUnreadable);
  EXPECT_FALSE(fs::exists(At("outside")));
}

}  // namespace
}  // namespace hepar
