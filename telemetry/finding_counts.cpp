#include "telemetry/finding_counts.hpp"

namespace gatepost::telemetry {
namespace {

constexpr std::size_t most_steps = 32;
constexpr FindingKind other_kind{"other", "", Verdict::none, Weight::enforced};

/// The same text at the same place. The same text elsewhere gets another slot, which add_to() adds up: so no
/// text is ever compared.
bool identical(std::string_view a, std::string_view b) {
  return a.data() == b.data() && a.size() == b.size();
}

bool identical(const FindingKind& a, const FindingKind& b) {
  return identical(a.check, b.check) && identical(a.reason, b.reason) && a.verdict == b.verdict &&
         a.weight == b.weight;
}

/// Fibonacci hashing: the upper bits of a product depend on all bits below.
std::size_t hash_of(const FindingKind& kind) {
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;
  auto bits = reinterpret_cast<std::uintptr_t>(kind.check.data()) * golden;
  bits += reinterpret_cast<std::uintptr_t>(kind.reason.data());
  bits = bits * golden + static_cast<unsigned>(kind.verdict) * 4U + static_cast<unsigned>(kind.weight);
  return bits * golden >> 32;
}

}  // namespace

FindingCounts::Slot& FindingCounts::slot_of(const FindingKind& kind) {
  auto at = hash_of(kind);
  for (std::size_t step = 0; step < most_steps; ++step, ++at) {
    auto& slot = slots_[at % room];
    if (!slot.taken.load(std::memory_order_relaxed)) {
      slot.kind = kind;
      slot.taken.store(true, std::memory_order_release);
      return slot;
    }
    if (identical(slot.kind, kind)) return slot;
  }
  return others_;
}

void FindingCounts::add(const FindingKind& kind, bool delivered) {
  auto& slot = slot_of(kind);
  slot.found.add();
  if (delivered) slot.delivered.add();
}

void FindingCounts::add_to(FindingSums& sums) const {
  const auto add = [&sums](const FindingKind& kind, const Slot& slot) {
    const auto delivered = slot.delivered.value();  // first: it must never be more than was found
    auto& sum = sums[kind];
    sum.found += slot.found.value();
    sum.delivered += delivered;
  };
  for (const auto& slot : slots_) {
    if (slot.taken.load(std::memory_order_acquire)) add(slot.kind, slot);
  }
  if (others_.found.value() > 0) add(other_kind, others_);
}

}  // namespace gatepost::telemetry
