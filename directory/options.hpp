// Our domains and the directories of their recipients, as configured under [[domains]] and
// [directories.<name>].
#pragma once

#include "core/base/text_forms.hpp"

namespace gatepost::directory {

enum class DirectoryType { file };

struct DirectoryOptions {
  DirectoryType type = DirectoryType::file;
  std::string path;
  std::string separator;

  void visit(base::Visitor& v);
};

struct DomainOptions {
  std::vector<std::string> names;
  std::vector<std::string> recipients;
  std::string route;
  std::string postmaster;

  void visit(base::Visitor& v);
};

}  // namespace gatepost::directory

namespace gatepost::base {

template <>
struct TextForm<directory::DirectoryType> {
  static constexpr std::array<std::string_view, 1> names{"file"};
  static constexpr std::string_view form = "\"file\"";
  static std::string parse(std::string_view in, directory::DirectoryType& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const directory::DirectoryType& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base
