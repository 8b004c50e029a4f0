// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/publish/local_outlets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "models/error.h"

namespace hepar {
namespace {

namespace fs = std::filesystem;

// A new folder that is removed at the end.
class LocalOutletsTest : public testing::Test {
 protected:
  LocalOutletsTest() {
    std::string name = testing::TempDir() + "outletXXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~LocalOutletsTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Content(const std::string& name) const {
    std::ifstream file(folder_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  fs::path folder_;
};

TEST_F(LocalOutletsTest, AppendsToAFile) {
  std::ofstream(Path("r")) << "old\n";
  const auto outlet = MakeFileOutlet(Path("r"), 0, 5);
  ASSERT_TRUE(outlet->Open());
  EXPECT_TRUE(outlet->Send({"a", ""}));
  EXPECT_TRUE(outlet->Send({"b", ""}));
  EXPECT_EQ(outlet->Work(), 2u);
  EXPECT_EQ(outlet->Work(), 0u);
  EXPECT_EQ(Content("r"), "old\na\nb\n");
}

TEST_F(LocalOutletsTest, RotatesFiles) {
  const auto outlet = MakeFileOutlet(Path("r"), 6, 2);
  ASSERT_TRUE(outlet->Open());
  for (const char* text : {"a1", "a2", "b1", "b2", "c1", "c2", "longer than a file", "e1"}) {
    EXPECT_TRUE(outlet->Send({text, ""}));
  }
  EXPECT_EQ(outlet->Work(), 8u);
  EXPECT_EQ(Content("r"), "e1\n");
  EXPECT_EQ(Content("r.1"), "longer than a file\n") << "a line is never cut";
  EXPECT_EQ(Content("r.2"), "c1\nc2\n");
  EXPECT_FALSE(fs::exists(Path("r.3")));
}

TEST_F(LocalOutletsTest, RotationWithoutOldFilesKeepsOne) {
  const auto outlet = MakeFileOutlet(Path("r"), 3, 0);
  ASSERT_TRUE(outlet->Open());
  for (const char* text : {"a", "b", "c"}) outlet->Send({text, ""});
  EXPECT_EQ(Content("r"), "c\n");
  EXPECT_FALSE(fs::exists(Path("r.1")));
}

TEST_F(LocalOutletsTest, SaysWhyAFileCannotBeWritten) {
  EXPECT_THROW(MakeFileOutlet(Path("missing/r"), 0, 5)->Open(), Error);
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_THROW(MakeFileOutlet(Path("fifo"), 0, 5)->Open(), Error) << "must not wait for a reader";

  const auto full = MakeFileOutlet("/dev/full", 0, 5);
  ASSERT_TRUE(full->Open());
  try {
    full->Send({"a", ""});
    ADD_FAILURE() << "the disk is full";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("No space left"));
  }
  EXPECT_EQ(full->Work(), 0u);
}

// A program that listens on a Unix socket.
class Reader {
 public:
  explicit Reader(const std::string& path) : listener_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    unlink(path.c_str());
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
  }
  ~Reader() {
    if (connection_ >= 0) close(connection_);
    close(listener_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void Accept() { connection_ = accept(listener_, nullptr, nullptr); }

  // What has come so far.
  std::string Read() {
    std::string text;
    char bytes[4096];
    ssize_t count = 0;
    while ((count = recv(connection_, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
      text.append(bytes, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int listener_;
  int connection_ = -1;
};

TEST_F(LocalOutletsTest, WritesToAUnixSocket) {
  const auto outlet = MakeUnixOutlet(Path("s"));
  EXPECT_THROW(outlet->Open(), Error) << "nobody listens";

  auto reader = std::make_unique<Reader>(Path("s"));
  ASSERT_TRUE(outlet->Open());
  reader->Accept();
  EXPECT_TRUE(outlet->Send({"a", ""}));
  EXPECT_EQ(outlet->Work(), 1u);
  EXPECT_EQ(reader->Read(), "a\n");

  reader.reset();
  EXPECT_THROW(outlet->Work(), Error) << "the reader is gone";
}

TEST_F(LocalOutletsTest, AReaderThatComesBackGetsTheLineWhole) {
  const auto outlet = MakeUnixOutlet(Path("s"));
  auto reader = std::make_unique<Reader>(Path("s"));
  ASSERT_TRUE(outlet->Open());
  reader->Accept();
  const std::string line(4 << 20, 'x');  // More than the socket holds.
  EXPECT_TRUE(outlet->Send({line, ""}));
  EXPECT_EQ(outlet->Work(), 0u) << "the reader is slow";
  EXPECT_FALSE(outlet->Send({"b", ""})) << "one line at a time";

  reader = std::make_unique<Reader>(Path("s"));
  EXPECT_THROW(outlet->Work(), Error);
  outlet->Close();
  ASSERT_TRUE(outlet->Open());
  reader->Accept();
  std::string text;
  std::size_t arrived = 0;
  for (int i = 0; i < 10000 && arrived == 0; ++i) {
    arrived = outlet->Work();
    text += reader->Read();
  }
  text += reader->Read();
  EXPECT_EQ(arrived, 1u);
  EXPECT_EQ(text, line + "\n");
}

TEST_F(LocalOutletsTest, ASocketPathHasALimit) {
  EXPECT_THROW(MakeUnixOutlet(std::string(200, 'x')), Error);
}

}  // namespace
}  // namespace hepar
