#include "mail/address_list.hpp"

#include <optional>
#include <utility>

#include "mail/field_body.hpp"

namespace gatepost::mail {
namespace {

/// Words with or without dots between them: a display name, or what may turn out to be a local part.
class Phrase {
 public:
  void add_word(std::string_view word) {
    if (after_word_) text_.clear();  // a local part has dots between its words: it can only begin here
    spaced_ = spaced_ || after_word_;
    text_ += word;
    after_word_ = true;
  }
  void add_dot() {
    dotted_badly_ = dotted_badly_ || !after_word_;
    text_ += '.';
    after_word_ = false;
  }
  bool empty() const { return text_.empty(); }
  /// The words since the last that had no dot in front.
  const std::string& local_part() const { return text_; }
  bool is_local_part() const { return after_word_ && !spaced_ && !dotted_badly_; }

 private:
  std::string text_;
  bool after_word_ = false;
  bool spaced_ = false;
  bool dotted_badly_ = false;
};

class ListReader {
 public:
  explicit ListReader(std::string_view body) : in_(body) {}

  AddressList read() {
    while (!stuck_ && !in_.at_end()) read_member();
    list_.malformed |= stuck_ || in_group_;
    return std::move(list_);
  }

 private:
  /// One mailbox, the beginning or end of a group, or nothing, up to and with the separator behind it.
  void read_member() {
    Phrase phrase;
    std::optional<ListedAddress> bare;
    bool angle = false;
    while (!take_separator()) {
      list_.malformed |= angle || bare.has_value();
      if (in_.starts_with('<')) {
        read_angle_address();
        angle = true;
      } else if (in_.take('@')) {
        list_.malformed |= !phrase.is_local_part();
        bare = ListedAddress{phrase.local_part(), read_domain()};
      } else if (!angle && !bare && begin_group(phrase)) {
        return;
      } else {
        read_word(phrase);
      }
    }
    if (angle) return;
    if (bare) return add(std::move(*bare));
    list_.malformed |= !phrase.empty();
  }

  /// Also at the end.
  bool take_separator() {
    in_.skip_cfws();
    if (stuck_ || in_.at_end() || in_.take(',')) return true;
    if (!in_.take(';')) return false;
    list_.malformed |= !in_group_;
    in_group_ = false;
    return true;
  }

  bool begin_group(const Phrase& name) {
    if (in_group_ || name.empty() || !in_.take(':')) return false;
    in_group_ = true;
    return true;
  }

  void read_word(Phrase& phrase) {
    if (in_.take('.')) return phrase.add_dot();
    auto word = in_.take_atom();
    if (word.empty()) word = in_.take_quoted_string();
    if (word.empty()) {
      stuck_ = true;
    } else {
      phrase.add_word(word);
    }
  }

  /// "<" [obs-route] addr-spec ">"
  void read_angle_address() {
    in_.take('<');
    skip_route();
    Phrase local;
    for (in_.skip_cfws(); !stuck_ && !in_.starts_with('@') && !in_.starts_with('>'); in_.skip_cfws())
      read_word(local);
    if (in_.take('@')) {
      list_.malformed |= !local.is_local_part();
      add({local.local_part(), read_domain()});
    } else {
      list_.malformed = true;
    }
    in_.skip_cfws();
    stuck_ |= !in_.take('>');
  }

  /// obs-route (RFC 5322 4.4): domains, each with "@" in front and commas between, and a colon.
  void skip_route() {
    in_.skip_cfws();
    if (!in_.starts_with('@') && !in_.starts_with(',')) return;
    while (!stuck_ && !in_.take(':')) {
      if (in_.take('@')) {
        read_domain();
      } else {
        stuck_ = !in_.take(',');
      }
      in_.skip_cfws();
    }
  }

  /// A dot-atom, with comments and white space around its dots (obs-domain), or a literal.
  std::string read_domain() {
    in_.skip_cfws();
    if (const auto literal = in_.take_literal(); !literal.empty()) return std::string(literal);
    std::string domain;
    do {
      domain += domain.empty() ? "" : ".";
      in_.skip_cfws();
      const auto label = in_.take_atom();
      list_.malformed |= label.empty();
      domain += label;
      in_.skip_cfws();
    } while (in_.take('.'));
    return domain;
  }

  void add(ListedAddress address) {
    if (address.local.empty() || address.domain.empty()) {
      list_.malformed = true;
    } else if (++list_.count <= AddressList::most_addresses) {
      list_.addresses.push_back(std::move(address));
    }
  }

  FieldBody in_;
  AddressList list_;
  bool in_group_ = false;
  bool stuck_ = false;
};

}  // namespace

AddressList parse_address_list(std::string_view body) {
  return ListReader(body).read();
}

}  // namespace gatepost::mail
