// The header block of a message in a state::Body, as one piece of content for whoever wants to read it.
#pragma once

#include <string>
#include <string_view>

#include "core/state/body.hpp"

namespace gatepost::smtp {

class HeaderContent {
 public:
  /// Copies only if the block reaches beyond the body's first chunk or has stuffed dots. The body must
  /// outlive this, unchanged.
  explicit HeaderContent(const state::Body& body);
  HeaderContent(const HeaderContent&) = delete;
  HeaderContent& operator=(const HeaderContent&) = delete;

  /// With what ended the block, as mail::HeaderScan says.
  std::string_view view() const { return view_; }
  /// It is all there. It is not if its end was moved to disk with the rest of a large message.
  bool whole() const { return whole_; }

 private:
  void gather(const state::Body& body);

  std::string gathered_;
  std::string_view view_;
  bool whole_ = true;
};

}  // namespace gatepost::smtp
