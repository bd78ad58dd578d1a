#include "mail/header_block.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "mail/header_scan.hpp"

namespace gatepost::mail {
namespace {

std::string_view without_line_end(std::string_view raw) {
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  if (raw.ends_with('\r')) raw.remove_suffix(1);
  return raw;
}

/// RFC 5322 2.2: printable ASCII without the colon.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127; });
}

/// Most names differ in length already.
bool is_named(const HeaderField& field, std::string_view name) {
  return field.name.size() == name.size() && base::iequals(field.name, name);
}

}  // namespace

HeaderBlock::HeaderBlock(std::string_view content) {
  fields_.reserve(32);
  bool over = false;
  for (std::size_t number = 1; !over && size_ < content.size(); ++number) {
    const auto end = content.find('\n', size_);
    const auto raw = content.substr(size_, end == std::string_view::npos ? end : end + 1 - size_);
    size_ += raw.size();
    const bool belongs = add(raw, number);
    over = end != std::string_view::npos && HeaderScan::ends_block(raw.size(), belongs);
  }
}

bool HeaderBlock::add(std::string_view raw, std::size_t number) {
  const auto text = without_line_end(raw);
  if (text.empty()) return true;
  if (text.size() > longest_.text.size()) longest_ = {number, text};
  const bool folded = text.front() == ' ' || text.front() == '\t';
  if (folded && field_count_ > 0) {
    if (in_field_) extend_field(raw);
    return true;
  }
  const auto colon = text.find(':');
  in_field_ = false;
  if (!folded && colon != std::string_view::npos && is_field_name(base::trim(text.substr(0, colon)))) {
    begin_field(raw, colon, number);
  } else if (stray_.number == 0) {
    stray_ = {number, text};
  }
  return folded || colon != std::string_view::npos;
}

void HeaderBlock::extend_field(std::string_view raw) {
  auto& field = fields_.back();
  const auto text = without_line_end(raw);
  field.value = {field.value.data(),
                 static_cast<std::size_t>(text.data() + text.size() - field.value.data())};
  field.raw = {field.raw.data(), field.raw.size() + raw.size()};
}

void HeaderBlock::begin_field(std::string_view raw, std::size_t colon, std::size_t number) {
  in_field_ = ++field_count_ <= most_fields;
  if (!in_field_) return;
  const auto text = without_line_end(raw);
  fields_.push_back({base::trim(text.substr(0, colon)), text.substr(colon + 1), raw, number});
}

const HeaderField* HeaderBlock::first(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [name](const auto& field) { return is_named(field, name); });
  return found == fields_.end() ? nullptr : &*found;
}

std::size_t HeaderBlock::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(),
                                                [name](const auto& field) { return is_named(field, name); }));
}

}  // namespace gatepost::mail
