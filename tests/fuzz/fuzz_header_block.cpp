// A header block and all that is read of it: the views lie within the content, the sums agree with the scan,
// and what is said of it is printable.
#include "core/base/text.hpp"
#include "fuzz_input.hpp"
#include "mail/address_list.hpp"
#include "mail/header_flaws.hpp"
#include "mail/header_scan.hpp"
#include "mail/message_id.hpp"

using namespace gatepost;
using fuzz::require;

namespace {

void require_printable(std::string_view text) {
  require(base::is_utf8(text));
  for (const char c : text) require(!base::is_control(c));
}

void check_field(std::string_view content, const mail::HeaderField& field, const char*& end_of_last) {
  require(field.raw.data() >= end_of_last);
  end_of_last = field.raw.data() + field.raw.size();
  require(end_of_last <= content.data() + content.size());
  require(field.name.data() == field.raw.data() && !field.name.empty());
  require(field.value.data() > field.name.data() && field.value.data() + field.value.size() <= end_of_last);
  const auto list = mail::parse_address_list(field.value);
  require(list.addresses.size() <= mail::AddressList::most_addresses && list.addresses.size() <= list.count);
  for (const auto& address : list.addresses) require(!address.local.empty() && !address.domain.empty());
  mail::is_message_id(field.value);
  require_printable(mail::printable_message_id(field.value));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view content(reinterpret_cast<const char*>(data), size);
  const mail::HeaderBlock block(content);
  mail::HeaderScan scan;
  scan.feed(content);
  require(block.size() == scan.size());
  const char* end_of_last = content.data();
  for (const auto& field : block.fields()) check_field(content, field, end_of_last);
  require(block.fields().size() >= block.field_count() ||
          block.fields().size() == mail::HeaderBlock::most_fields);
  std::uint32_t kinds = 0;
  for (const auto& flaw :
       mail::header_flaws(block, {}, {base::WallTime{}, "mx.example.org", size % 2 == 0})) {
    const auto kind = 1U << static_cast<unsigned>(flaw.kind);
    require((kinds & kind) == 0);
    kinds |= kind;
    require_printable(flaw.evidence);
  }
  return 0;
}
