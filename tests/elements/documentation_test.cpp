// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Every GStreamer pipeline in the documentation parses: element names, properties and links exist.
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr char kTool[] = "gst-launch-1.0 ";

struct Pipeline {
  std::string place;  // file:line
  std::string text;   // What follows gst-launch-1.0, continuation lines joined.
};

std::vector<Pipeline> PipelinesOf(const fs::path& page) {
  std::vector<Pipeline> pipelines;
  std::ifstream file(page);
  std::string line;
  bool code = false;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.rfind("```", 0) == 0) code = !code;
    const size_t start = line.find(kTool);
    if (!code || start == std::string::npos) continue;
    const std::string place = page.filename().string() + ":" + std::to_string(number);
    std::string text = line.substr(start + sizeof(kTool) - 1);
    while (!text.empty() && text.back() == '\\' && std::getline(file, line)) {
      ++number;
      text.back() = ' ';
      text += line;
    }
    pipelines.push_back({place, text});
  }
  return pipelines;
}

std::vector<fs::path> Pages() {
  std::vector<fs::path> pages;
  for (const char* folder : {"", "docs", "models/pretrained", "examples"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(PROJECT_DIR) / folder)) {
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    }
  }
  return pages;
}

std::vector<Pipeline> AllPipelines() {
  std::vector<Pipeline> all;
  for (const fs::path& page : Pages()) {
    for (Pipeline& pipeline : PipelinesOf(page)) all.push_back(std::move(pipeline));
  }
  return all;
}

// Splits as a shell does and drops the options of gst-launch-1.0.
std::vector<std::string> Arguments(const std::string& text) {
  g_auto(GStrv) words = nullptr;
  int count = 0;
  g_autoptr(GError) error = nullptr;
  if (!g_shell_parse_argv(text.c_str(), &count, &words, &error)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  std::vector<std::string> arguments;
  for (int i = 0; i < count && !g_str_equal(words[i], "|"); ++i) {  // What reads the output.
    if (words[i][0] != '-' || !arguments.empty()) arguments.emplace_back(words[i]);
  }
  return arguments;
}

TEST(DocumentationTest, ShowsPipelines) { EXPECT_GE(AllPipelines().size(), 3U); }

TEST(DocumentationTest, EveryPipelineParses) {
  int parsed = 0;
  for (const Pipeline& pipeline : AllPipelines()) {
    SCOPED_TRACE(pipeline.place + ": " + pipeline.text);
    const std::vector<std::string> arguments = Arguments(pipeline.text);
    std::vector<const char*> words;
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    words.push_back(nullptr);

    g_autoptr(GError) error = nullptr;
    GstParseContext* context = gst_parse_context_new();
    g_autoptr(GstElement) element =
        gst_parse_launchv_full(words.data(), context, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (element) gst_object_ref_sink(element);
    g_auto(GStrv) missing = gst_parse_context_get_missing_elements(context);
    gst_parse_context_free(context);
    if (missing) {
      // An element of a package that is not installed; one of ours must be there.
      for (char** name = missing; *name; ++name) {
        EXPECT_FALSE(g_str_has_prefix(*name, "hepar")) << *name;
        std::cout << pipeline.place << ": not checked, there is no element " << *name << '\n';
      }
      continue;
    }
    EXPECT_EQ(error, nullptr) << error->message;
    EXPECT_NE(element, nullptr);
    ++parsed;
  }
  std::cout << parsed << " pipelines parsed\n";
  EXPECT_GT(parsed, 0);
}

}  // namespace
