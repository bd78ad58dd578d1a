#include "smtp/client_reply.hpp"

#include "core/base/text.hpp"

namespace gatepost::smtp {

std::string BackendReply::line() const {
  auto out = std::to_string(code) + " ";
  if (enhanced.present()) out += enhanced.to_string() + " ";
  for (const char c : text) out += c == '\n' ? ' ' : c;
  return out;
}

ReplyReader::Fed ReplyReader::feed(std::string_view input) {
  if (finished_) {
    reply_ = {};
    finished_ = false;
  }
  std::size_t consumed = 0;
  while (consumed < input.size()) {
    const auto rest = input.substr(consumed);
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) {
      line_.append(rest);
      return {input.size(), line_.size() > longest_line ? Status::malformed : Status::incomplete};
    }
    consumed += end + 1;
    Status status;
    if (line_.empty()) {
      status = take_line(rest.substr(0, end));
    } else {
      line_.append(rest.substr(0, end));
      status = take_line(line_);
      line_.clear();
    }
    if (status != Status::incomplete) return {consumed, status};
  }
  return {consumed, Status::incomplete};
}

ReplyReader::Status ReplyReader::take_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::uint64_t code = 0;
  if (line.size() > longest_line || line.size() < 3 || !base::parse_number(line.substr(0, 3), code))
    return Status::malformed;
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (code < 200 || code > 599 || (separator != ' ' && separator != '-')) return Status::malformed;
  const bool first = reply_.code == 0;
  if (!first && reply_.code != code) return Status::malformed;
  reply_.code = static_cast<std::uint16_t>(code);
  auto text = line.substr(std::min<std::size_t>(line.size(), 4));
  const auto word = text.substr(0, text.find(' '));
  if (const auto enhanced = Enhanced::parse(word); enhanced && enhanced->klass == code / 100) {
    reply_.enhanced = *enhanced;
    text = base::trim(text.substr(word.size()));
  }
  if (!first) reply_.text += '\n';
  reply_.text.append(text);
  if (reply_.text.size() > longest_reply) return Status::malformed;
  finished_ = separator == ' ';
  return finished_ ? Status::complete : Status::incomplete;
}

}  // namespace gatepost::smtp
