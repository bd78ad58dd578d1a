// DATA and BDAT content against the naive reference, in random splits; then the stored body's two views.
// Input: one byte of split seed, one byte that says DATA or BDAT, then the octets.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>

#include "core/state/body.hpp"
#include "smtp/data_reader.hpp"
#include "tests/support/naive_data.hpp"

namespace {

using namespace gatepost;

void require(bool good) {
  if (!good) std::abort();
}

std::string read_all(const state::Body& body, state::BodyCursor::View view, std::mt19937& random) {
  std::string out;
  state::BodyCursor cursor(body, view);
  while (!cursor.at_end()) {
    iovec parts[5];
    const auto gathered = cursor.gather(parts);
    require(gathered.count > 0);
    const auto take = 1 + random() % gathered.bytes;  // as a partial write would
    auto left = take;
    for (std::size_t i = 0; left > 0; ++i) {
      const auto n = std::min(left, parts[i].iov_len);
      out.append(static_cast<const char*>(parts[i].iov_base), n);
      left -= n;
    }
    cursor.advance(take);
  }
  return out;
}

/// Feeds `octets` in random portions until `feed` says stop; returns how many were consumed.
template <class Feed>
std::size_t feed_all(state::Body& body, std::string_view octets, std::mt19937& random, Feed feed) {
  std::size_t consumed = 0;
  while (consumed < octets.size()) {
    const auto space = body.space();
    const auto take = std::min<std::size_t>({space.size(), octets.size() - consumed, 1 + random() % 130});
    std::memcpy(space.data(), octets.data() + consumed, take);
    bool stop = false;
    consumed += feed(take, stop);
    if (stop) break;
  }
  return consumed;
}

void check(const state::Body& body, const std::string& content, std::mt19937& random) {
  require(read_all(body, state::BodyCursor::View::content, random) == content);
  require(body.content_size() == content.size());
  // What a backend makes of the wire form: the same content, ended by our dot and not before.
  const auto wire = read_all(body, state::BodyCursor::View::wire, random) + ".\r\n";
  const auto stored = tests::naive_data(wire);
  require(stored && stored->content == content && stored->consumed == wire.size());
  for (std::size_t i = 0; i < wire.size(); ++i) {
    require((wire[i] == '\r') == (i + 1 < wire.size() && wire[i + 1] == '\n'));
  }
}

void fuzz_data(state::ChunkPool& pool, std::string_view octets, std::mt19937& random) {
  const auto expected = tests::naive_data(octets);
  state::Body body(pool, state::Body::Form::stuffed);
  smtp::DataReader reader;
  bool ended = false;
  std::size_t offered = 0;
  const auto consumed = feed_all(body, octets, random, [&](std::size_t n, bool& stop) {
    std::string rest;
    ended = stop = reader.feed(body, n, rest);
    offered += n;
    require(rest == octets.substr(offered - rest.size(), rest.size()));
    return n - rest.size();
  });
  require(ended == expected.has_value());
  if (!ended) return;
  require(consumed == expected->consumed);
  check(body, expected->content, random);
  // The same, while nothing is kept.
  state::Body forgetful(pool, state::Body::Form::stuffed);
  smtp::DataReader again;
  const auto forget_at = random() % (octets.size() + 1);
  std::size_t fed_so_far = 0;
  const auto found = feed_all(forgetful, octets, random, [&](std::size_t n, bool& stop) {
    std::string rest;
    stop = again.feed(forgetful, n, rest);
    fed_so_far += n;
    if (fed_so_far >= forget_at) forgetful.forget();
    return n - rest.size();
  });
  require(found == consumed);
}

void fuzz_bdat(state::ChunkPool& pool, std::string_view octets, std::mt19937& random) {
  state::Body body(pool, state::Body::Form::plain);
  smtp::BdatReader reader;
  feed_all(body, octets, random, [&](std::size_t n, bool&) {
    reader.feed(body, n);
    return n;
  });
  reader.finish(body);
  check(body, tests::naive_bdat(octets), random);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  base::MemoryBudget budget(64 << 20);
  {
    state::ChunkPool pool(budget);
    std::mt19937 random(data[0]);
    const std::string_view octets(reinterpret_cast<const char*>(data) + 2, size - 2);
    if (data[1] % 2 == 0) {
      fuzz_data(pool, octets, random);
    } else {
      fuzz_bdat(pool, octets, random);
    }
    require(pool.slice().level() == base::MemoryBudget::Level::plenty);
  }
  require(budget.used() == 0);
  return 0;
}
