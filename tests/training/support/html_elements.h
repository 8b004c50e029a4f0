// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A look into pages of markup, for tests.
#pragma once

#include <glib.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace hepar {

struct Element {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;  // Of the element itself, not of those in it.

  std::string Get(const std::string& attribute) const {
    for (const auto& [name, value] : attributes) {
      if (name == attribute) return value;
    }
    return "";
  }
};

// All elements in the order of their start. Fails the test unless `markup` is well-formed.
inline std::vector<Element> Parse(const std::string& markup) {
  struct State {
    std::vector<Element> elements;
    std::vector<std::size_t> open;
  } state;
  GMarkupParser parser = {};
  parser.start_element = [](GMarkupParseContext*, const char* name, const char** names,
                            const char** values, gpointer data, GError**) {
    auto* state = static_cast<State*>(data);
    state->open.push_back(state->elements.size());
    state->elements.push_back({name, {}, ""});
    for (; *names != nullptr; ++names, ++values) {
      state->elements.back().attributes.emplace_back(*names, *values);
    }
  };
  parser.end_element = [](GMarkupParseContext*, const char*, gpointer data, GError**) {
    static_cast<State*>(data)->open.pop_back();
  };
  parser.text = [](GMarkupParseContext*, const char* text, gsize size, gpointer data, GError**) {
    auto* state = static_cast<State*>(data);
    if (!state->open.empty()) state->elements[state->open.back()].text.append(text, size);
  };
  g_autoptr(GMarkupParseContext) context =
      g_markup_parse_context_new(&parser, static_cast<GMarkupParseFlags>(0), &state, nullptr);
  g_autoptr(GError) error = nullptr;
  if (!g_markup_parse_context_parse(context, markup.data(), static_cast<gssize>(markup.size()),
                                    &error) ||
      !g_markup_parse_context_end_parse(context, &error)) {
    ADD_FAILURE() << error->message;
  }
  return state.elements;
}

inline std::vector<Element> Named(const std::vector<Element>& elements, const std::string& name) {
  std::vector<Element> found;
  std::copy_if(elements.begin(), elements.end(), std::back_inserter(found),
               [&name](const Element& element) { return element.name == name; });
  return found;
}

inline std::vector<Element> OfClass(const std::vector<Element>& elements, const std::string& css) {
  std::vector<Element> found;
  std::copy_if(
      elements.begin(), elements.end(), std::back_inserter(found), [&css](const Element& element) {
        return (" " + element.Get("class") + " ").find(" " + css + " ") != std::string::npos;
      });
  return found;
}

inline std::vector<std::string> Texts(const std::vector<Element>& elements) {
  std::vector<std::string> texts;
  texts.reserve(elements.size());
  for (const Element& element : elements) texts.push_back(element.text);
  return texts;
}

}  // namespace hepar
