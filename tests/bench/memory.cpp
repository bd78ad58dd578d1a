// bench_memory CLIENTS [MIB [PASSES]]
//
// What the checks' memory costs: so many distinct clients, each with one session, one message and one
// recipient, come one after another, PASSES times, to a memory of so many MiB (state.memory; 96 unless told).
// Prints what each table holds, what the process grew by, and the time per thing remembered. Build it with
// optimisation.
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "checks/memory.hpp"

namespace {

using namespace gatepost;
using checks::Counts;
using checks::Memory;

/// Time that passes so that the last client comes an hour after the first.
class RunningClock final : public base::Clock {
 public:
  base::Instant now() const override { return now_; }
  base::WallTime wall() const override { return base::WallTime(std::chrono::hours(490000)); }
  void set(base::Instant now) { now_ = now; }

 private:
  base::Instant now_{std::chrono::hours(1000)};
};

/// One thing that is remembered of a client, and how often it is done for each.
struct Deed {
  const char* name;
  std::function<void(Memory&, const std::string& client)> happen;
};

void count(Memory& memory, const std::string& client, state::SlidingCount Counts::*what) {
  const auto now = memory.now();
  memory.rates.update("client " + client, now, [&](Counts& counts) { counts.add(what, now, 600); });
}

std::string triplet(const std::string& client) {
  return checks::Greylist::name(client, "sender@" + client + ".example", "recipient@example.org");
}

/// What the writer takes away at each of its rounds.
std::size_t write_behind(Memory& memory) {
  std::size_t rows = 0;
  for (auto* table : memory.tables()) {
    state::Batch batch;
    do {
      batch = {};
      table->collect(batch, 2000);
      rows += batch.size();
    } while (batch.size() >= 2000);
  }
  return rows;
}

/// Other tables: a line for each.
const Deed deeds[] = {
    {"rates, session", [](Memory& m, const std::string& client) { count(m, client, &Counts::sessions); }},
    {"rates, message", [](Memory& m, const std::string& client) { count(m, client, &Counts::messages); }},
    {"rates, recipient", [](Memory& m, const std::string& client) { count(m, client, &Counts::recipients); }},
    {"rates, look-up",
     [](Memory& m, const std::string& client) { (void)m.rates.find("client " + client, m.now()); }},
    {"reputation, message",
     [](Memory& m, const std::string& client) {
       m.reputation.add(*base::IpAddress::parse(client), checks::Deeds{1, 0}, m.now());
     }},
    {"reputation, look-up",
     [](Memory& m, const std::string& client) {
       (void)m.reputation.of_address(*base::IpAddress::parse(client), m.now());
     }},
    {"greylist, sighting",
     [](Memory& m, const std::string& client) { (void)m.greylist.see(triplet(client), m.now(), 172800); }},
    {"greylist, look-up",
     [](Memory& m, const std::string& client) { (void)m.greylist.find(triplet(client), m.now()); }},
    {"crowd", [](Memory& m, const std::string& client) { (void)m.crowd.enter("client " + client, 50); }},
};

/// Of the processor: others may use it at the same time.
std::chrono::nanoseconds time_used() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::size_t resident_bytes() {
  std::size_t pages = 0;
  if (auto* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * 4096;
}

std::string address_of(std::uint64_t client) {
  return fmt::format("{}.{}.{}.{}", 1 + client / 16777216 % 220, client / 65536 % 256, client / 256 % 256,
                     client % 256);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_memory CLIENTS [MIB [PASSES]]\n");
    return 2;
  }
  const auto clients = std::strtoull(argv[1], nullptr, 10);
  const auto mib = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 96;
  const auto passes = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  const auto at_first = resident_bytes();
  RunningClock clock;
  Memory memory(clock, state::Origin{}, mib << 20);
  const auto begun = clock.now();
  std::chrono::nanoseconds spent[std::size(deeds)] = {};
  std::size_t rows = 0;
  constexpr std::uint64_t batch = 1000;  // the clock is read this seldom
  std::vector<std::string> names(batch);
  for (std::uint64_t done = 0; done < clients * passes; done += batch) {
    clock.set(begun +
              std::chrono::milliseconds(3600000 * (done % clients) / clients + 3600000 * (done / clients)));
    for (std::uint64_t i = 0; i < batch; ++i) names[i] = address_of((done + i) % clients);
    for (std::size_t d = 0; d < std::size(deeds); ++d) {
      const auto start = time_used();
      for (const auto& name : names) deeds[d].happen(memory, name);
      spent[d] += time_used() - start;
    }
    if (done % (100 * batch) == 0) rows += write_behind(memory);
  }
  fmt::print("{} clients, {} times, state.memory = {} MiB: the process grew by {:.1f} MiB\n", clients, passes,
             mib, static_cast<double>(resident_bytes() - at_first) / (1 << 20));
  fmt::print("{} rows went to the writer\n", rows);
  for (const auto* table : memory.tables()) {
    const auto use = table->use();
    fmt::print("{:<18} {} of {} entries, {:.1f} MiB, {:.0f} octets each, {} made way, {} found no room\n",
               table->table(), use.entries, use.capacity, static_cast<double>(use.bytes) / (1 << 20),
               use.entries == 0 ? 0.0 : static_cast<double>(use.bytes) / static_cast<double>(use.entries),
               use.evicted, use.refused);
  }
  for (std::size_t d = 0; d < std::size(deeds); ++d)
    fmt::print("{:<18} {} ns\n", deeds[d].name,
               spent[d].count() / static_cast<std::int64_t>(clients * passes));
  return 0;
}
